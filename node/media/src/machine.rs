//! The engine without threads, clocks and devices: sound and packets in, sound and packets out.
//!
//! Whoever drives it calls [`Machine::tick`] every 10 ms with what the microphone picked up, passes tasks and events as
//! they come, and empties [`Machine::poll`] after each call. Time is passed in, so that tests run hours in seconds. It
//! opens no device and no connection, and never waits.

mod link;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use alloquy_api::voice::{IceServer, MediaLink, MediaReport, MediaSignal, MediaTask};
use alloquy_ids::AccountId;

use crate::codec::CodecError;
use crate::limits::{Frame, LINKS_MAX, RATE, RTP_HEADER_BYTES, TICK_SAMPLES, VOLUME_MAX};
use crate::mix::{self, Voice};
use crate::profile::{Chooser, State};
use crate::send::gate::Gate;
use crate::send::process::{Process, Webrtc};
use crate::send::rest::Rest;
use crate::send::{Flow, Sender};
use crate::settings::{Settings, Transmit};
use crate::transport::{TransportEvent, VoicePacket};
use link::Link;

/// What is to be done outside of the machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A report for the node.
    Report(MediaReport),
    /// A packet for every open link.
    Send(VoicePacket),
    /// A link begins.
    Connect {
        /// Which.
        link: MediaLink,
        /// This side makes the first offer.
        offers: bool,
    },
    /// A step of the other side.
    Signal(MediaLink, MediaSignal),
    /// A link ends.
    Close(MediaLink),
    /// All links end.
    CloseAll,
    /// Servers for links.
    Ice(Vec<IceServer>),
}

/// How the machine starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// What a person chose.
    pub settings: Settings,
    /// Where sequence numbers and timestamps begin: random outside of tests.
    pub seed: u64,
}

/// The engine's state.
pub struct Machine {
    epoch: Instant,
    settings: Settings,
    process: Box<dyn Process>,
    rest: Rest,
    gate: Gate,
    /// Speech goes out, or sound of others is played.
    lively: bool,
    sender: Sender,
    chooser: Chooser,
    links: BTreeMap<MediaLink, Link>,
    volumes: BTreeMap<AccountId, u8>,
    in_room: bool,
    sending: bool,
    hearing: bool,
    speaking: bool,
    bytes_out: u64,
    level: i8,
    second_at: Instant,
    actions: VecDeque<Action>,
    voices: Vec<Voice>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("in_room", &self.in_room)
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

impl Machine {
    /// A machine in no room, which sends and hears once it is in one.
    ///
    /// # Errors
    /// libopus has no memory for an encoder.
    pub fn new(options: Options, now: Instant) -> Result<Self, CodecError> {
        Ok(Self {
            epoch: now,
            process: Box::new(Webrtc::new(&options.settings)),
            settings: options.settings,
            rest: Rest::new(),
            gate: Gate::new(),
            lively: false,
            sender: Sender::new(options.seed)?,
            chooser: Chooser::new(),
            links: BTreeMap::new(),
            volumes: BTreeMap::new(),
            in_room: false,
            sending: true,
            hearing: true,
            speaking: false,
            bytes_out: 0,
            level: -127,
            second_at: now + Duration::from_secs(1),
            actions: VecDeque::new(),
            voices: Vec::with_capacity(LINKS_MAX),
        })
    }

    /// What is to be done next; to be emptied after each call.
    #[must_use]
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether a room is open: ticks are needed only then.
    #[must_use]
    pub fn in_room(&self) -> bool {
        self.in_room
    }

    /// How loud the microphone is, decibels over full scale: processed, unless there is nothing to work on.
    #[must_use]
    pub fn level(&self) -> i8 {
        self.level
    }

    /// The state that the encoder works in.
    #[must_use]
    pub fn state(&self) -> State {
        self.chooser.state()
    }

    /// How long sound of a link waits now; `None`: it is silent.
    #[must_use]
    pub fn wait(&self, link: MediaLink, now: Instant) -> Option<Duration> {
        let samples = self.links.get(&link)?.playout.wait(self.clock(now))?;
        let samples = u64::try_from(samples).unwrap_or(0);
        Some(Duration::from_micros(samples * 1_000_000 / u64::from(RATE)))
    }

    /// Packets of a link that were dropped because they were no Opus, no RED, or too great.
    #[must_use]
    pub fn malformed(&self, link: MediaLink) -> u64 {
        let counters = self.links.get(&link).map(|link| &link.playout.counters);
        counters.map_or(0, |counters| counters.malformed)
    }

    /// Samples at 48 kHz since the machine began.
    fn clock(&self, at: Instant) -> i64 {
        let micros = at.saturating_duration_since(self.epoch).as_micros();
        i64::try_from(micros * u128::from(RATE) / 1_000_000).unwrap_or(i64::MAX)
    }

    fn report(&mut self, report: MediaReport) {
        self.actions.push_back(Action::Report(report));
    }

    /// Changes what a person chose.
    pub fn set(&mut self, settings: Settings) {
        self.process.set(&settings);
        self.settings = settings;
        // What was too quiet before may be loud enough now.
        self.rest.end();
    }

    /// The microphone is another one: what was measured of the old one says nothing of it.
    pub fn other_microphone(&mut self) {
        self.rest = Rest::new();
    }

    /// What a person chose.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the node asks.
    pub fn task(&mut self, now: Instant, task: MediaTask) {
        match task {
            MediaTask::Join { ice, .. } => {
                self.leave();
                self.in_room = true;
                (self.rest, self.lively) = (Rest::new(), false);
                self.second_at = now + Duration::from_secs(1);
                self.actions.push_back(Action::Ice(ice));
            }
            MediaTask::Leave => self.leave(),
            MediaTask::Connect {
                link,
                account,
                offers,
                heard,
            } => self.connect(link, account, offers, heard),
            MediaTask::Signal(link, signal) => self.signal(link, signal),
            MediaTask::Heard(link, heard) => self.heard(link, heard),
            MediaTask::Disconnect(link) => self.disconnect(link),
            MediaTask::Send(sending) => self.sending = sending,
            MediaTask::Hear(hearing) => self.hear(hearing),
            MediaTask::Volume(account, percent) => {
                self.volumes.insert(account, percent.min(VOLUME_MAX));
            }
            MediaTask::Ice(servers) => self.actions.push_back(Action::Ice(servers)),
            // What concerns devices and the button is the engine's around the machine.
            MediaTask::PushToTalk(_)
            | MediaTask::Press(_)
            | MediaTask::Input(_)
            | MediaTask::Output(_)
            | MediaTask::Look => {}
        }
    }

    fn leave(&mut self) {
        self.links.clear();
        self.chooser = Chooser::new();
        self.sender.set(State::Ordinary.profile(1, 0.0));
        if std::mem::take(&mut self.speaking) {
            self.report(MediaReport::Speaking(false));
        }
        if std::mem::take(&mut self.in_room) {
            self.actions.push_back(Action::CloseAll);
        }
    }

    fn connect(&mut self, link: MediaLink, account: AccountId, offers: bool, heard: bool) {
        if !self.in_room {
            return;
        }
        let same = |old: &MediaLink| old.device == link.device;
        let olds: Vec<MediaLink> = self.links.keys().copied().filter(same).collect();
        for old in olds {
            self.disconnect(old);
        }
        if self.links.len() >= LINKS_MAX {
            tracing::warn!(limit = LINKS_MAX, "a link was not made: too many");
            return;
        }
        match Link::new(account, heard) {
            Ok(made) => {
                self.links.insert(link, made);
                self.actions.push_back(Action::Connect { link, offers });
            }
            Err(error) => tracing::warn!(%error, "a link was not made"),
        }
    }

    fn signal(&mut self, link: MediaLink, signal: MediaSignal) {
        if self.links.contains_key(&link) {
            self.actions.push_back(Action::Signal(link, signal));
        }
    }

    fn heard(&mut self, id: MediaLink, heard: bool) {
        if let Some(link) = self.links.get_mut(&id) {
            link.heard = heard;
            if !heard {
                link.playout.hush();
            }
        }
    }

    fn hear(&mut self, hearing: bool) {
        self.hearing = hearing;
        if !hearing {
            self.links.values_mut().for_each(|link| link.playout.hush());
        }
    }

    fn disconnect(&mut self, link: MediaLink) {
        let Some(ended) = self.links.remove(&link) else {
            return;
        };
        self.chooser.forget(link);
        if ended.speaking {
            self.report(MediaReport::PeerSpeaking(link, false));
        }
        self.actions.push_back(Action::Close(link));
    }

    /// What the transport says. Of a link that is not known: dropped.
    pub fn event(&mut self, now: Instant, event: TransportEvent) {
        match event {
            TransportEvent::Signal(link, signal) if self.links.contains_key(&link) => {
                self.report(MediaReport::Signal(link, signal));
            }
            TransportEvent::Signal(..) => {}
            TransportEvent::Link(id, view) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.transport(now, view);
                    self.tell_view(now, id);
                }
            }
            TransportEvent::Packet(id, packet, arrival) => self.packet(now, id, &packet, arrival),
            TransportEvent::Feedback(link, feedback) => {
                if self.links.contains_key(&link) {
                    self.chooser.report(now, link, feedback);
                }
            }
        }
    }

    fn packet(&mut self, now: Instant, id: MediaLink, packet: &VoicePacket, arrival: Instant) {
        let at = self.clock(arrival.min(now));
        let hearing = self.hearing;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if link.packet(now, at, packet, hearing) {
            self.tell_view(now, id);
        }
    }

    fn tell_view(&mut self, now: Instant, id: MediaLink) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        if let Some(view) = link.changed_view(now) {
            self.report(MediaReport::Link(id, view));
        }
    }

    /// Ticks that could not be kept, because the thread was held up: the sender's clock goes on.
    pub fn missed(&mut self, ticks: u32) {
        self.sender.missed(ticks);
    }

    /// Ten milliseconds: what was picked up comes in, what is to be played goes out.
    pub fn tick(&mut self, now: Instant, input: &Frame, output: &mut Frame) {
        let has_to = match self.settings.transmit {
            Transmit::Always => true,
            Transmit::PushToTalk => self.settings.pressed,
            Transmit::Activity => false,
        };
        let mut sound = *input;
        let busy = has_to || self.settings.monitor || self.lively;
        let open = if self.rest.tick(input, busy) {
            self.doze(input)
        } else {
            self.warm_up(false);
            self.process.capture(&mut sound);
            self.speak(&sound)
        };
        self.listen(now, output);
        let audible = output.iter().any(|sample| *sample != 0.0);
        self.lively = open || audible;
        if self.settings.monitor {
            for (sample, own) in output.iter_mut().zip(&sound) {
                *sample = mix::soft_clip(*sample + own);
            }
        }
        if audible && self.rest.rests() {
            self.rest.end();
            self.warm_up(true);
        }
        if !self.rest.rests() {
            self.process.render(output);
        }
        if now >= self.second_at {
            self.second_at = now + Duration::from_secs(1);
            self.second(now);
        }
    }

    /// The filters and the gate are given what was only measured while there was nothing to work on; nothing of it goes
    /// out. Each tick has its reference, as they are counted; `last_is_now`: that of the last one is still to come.
    fn warm_up(&mut self, last_is_now: bool) {
        let mut kept = self.rest.kept().peekable();
        while let Some(mut sound) = kept.next() {
            self.process.capture(&mut sound);
            self.gate.tick(&sound, &self.settings);
            if !last_is_now || kept.peek().is_some() {
                self.process.render(&[0.0; TICK_SAMPLES]);
            }
        }
    }

    /// A tick of a microphone that has nothing to say.
    fn doze(&mut self, sound: &Frame) -> bool {
        self.level = mix::decibels(mix::mean_square(sound));
        self.send(&[0.0; TICK_SAMPLES], Flow::Closed);
        false
    }

    fn send(&mut self, sound: &Frame, flow: Flow) {
        if let Some(packet) = self.sender.tick(sound, flow) {
            self.bytes_out += packet.payload.len() as u64 + RTP_HEADER_BYTES;
            self.actions.push_back(Action::Send(packet));
        }
    }

    /// Sends what is to be sent; returns whether somebody speaks.
    fn speak(&mut self, sound: &Frame) -> bool {
        self.level = mix::decibels(mix::mean_square(sound));
        let verdict = self.gate.tick(sound, &self.settings);
        let flow = match verdict.open && self.sending {
            true => Flow::Open,
            false => Flow::Closed,
        };
        self.send(sound, flow);
        let speaking = verdict.speaking && (verdict.open || !self.sending);
        if speaking != self.speaking {
            self.speaking = speaking;
            self.report(MediaReport::Speaking(speaking));
        }
        verdict.open || verdict.speaking
    }

    fn listen(&mut self, now: Instant, output: &mut Frame) {
        let at = self.clock(now);
        self.voices.clear();
        let mut told = Vec::new();
        for (id, link) in &mut self.links {
            if !link.heard || !self.hearing {
                told.extend(link.stop_speaking().then_some((*id, false)));
                continue;
            }
            let percent = self.volumes.get(&link.account).copied().unwrap_or(100);
            let (voice, speaking) = link.pull(at, f32::from(percent) / 100.0);
            told.extend(speaking.map(|speaking| (*id, speaking)));
            self.voices.extend(voice);
        }
        for (id, speaking) in told {
            self.report(MediaReport::PeerSpeaking(id, speaking));
        }
        mix::mix(&mut self.voices, output);
    }

    fn second(&mut self, now: Instant) {
        let at = self.clock(now);
        let bytes_out = u32::try_from(std::mem::take(&mut self.bytes_out)).unwrap_or(u32::MAX);
        let mut all = Vec::with_capacity(self.links.len());
        for (id, link) in &mut self.links {
            let mut stats = link.second(at);
            stats.bytes_out = if link.is_open() { bytes_out } else { 0 };
            if let Some(last) = self.chooser.last(*id) {
                stats.round_trip_ms = last.round_trip_ms.map(|ms| ms.round() as u32);
                stats.lost_out = (last.lost * 1_000.0).round() as u16;
            }
            all.push((*id, stats));
        }
        if self.in_room {
            self.report(MediaReport::Stats(all));
        }
        let ids: Vec<MediaLink> = self.links.keys().copied().collect();
        ids.into_iter().for_each(|id| self.tell_view(now, id));
        self.choose(now);
    }

    fn choose(&mut self, now: Instant) {
        let before = self.chooser.state();
        if let Some(state) = self.chooser.choose(now) {
            tracing::debug!(?before, ?state, "another profile");
        }
        let links = self.links.len();
        let profile = self.chooser.state().profile(links, self.chooser.loss());
        self.sender.set(profile);
    }
}

const _: () = assert!(TICK_SAMPLES * 100 == RATE as usize);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::settings::Activity;
    use crate::trial::{Run, Trial};

    const QUIET: Frame = [0.0; TICK_SAMPLES];

    /// Counts what is processed, and changes nothing.
    #[derive(Clone, Default)]
    struct Counted(Arc<Mutex<Vec<(char, bool)>>>);

    impl Process for Counted {
        fn render(&mut self, played: &Frame) {
            let audible = played.iter().any(|sample| *sample != 0.0);
            self.0.lock().unwrap().push(('r', audible));
        }
        fn capture(&mut self, sound: &mut Frame) {
            let audible = sound.iter().any(|sample| *sample != 0.0);
            self.0.lock().unwrap().push(('c', audible));
        }
        fn set(&mut self, _: &Settings) {}
    }

    impl Counted {
        /// What was processed since it was last asked: captures and renders by their letters, great where audible.
        fn taken(&self) -> String {
            let all = std::mem::take(&mut *self.0.lock().unwrap());
            let letters = all.iter().map(|(what, audible)| match audible {
                true => what.to_ascii_uppercase(),
                false => *what,
            });
            letters.collect()
        }
    }

    fn loud() -> Frame {
        std::array::from_fn(|n| if n / 24 % 2 == 0 { 0.2 } else { -0.2 })
    }

    /// Two in a call; what the first one processes is counted.
    fn counted(transmit: Transmit) -> (Run, Counted) {
        let settings = Settings {
            transmit,
            activity: Activity::Level(-40),
            ..Settings::untouched()
        };
        let mut run = Trial {
            settings,
            ..Trial::default()
        }
        .start()
        .unwrap();
        let counted = Counted::default();
        run.sides[0].machine.process = Box::new(counted.clone());
        (run, counted)
    }

    fn ticks(run: &mut Run, ticks: usize, mine: &Frame, theirs: &Frame) {
        for _ in 0..ticks {
            run.tick(mine, theirs);
        }
    }

    #[test]
    fn each_sound_of_the_microphone_has_its_reference_however_a_rest_ends() {
        let (mut run, counted) = counted(Transmit::Activity);
        ticks(&mut run, 600, &QUIET, &QUIET);
        counted.taken();
        ticks(&mut run, 100, &QUIET, &QUIET);
        assert_eq!(counted.taken(), "", "nobody speaks");
        run.tick(&loud(), &QUIET);
        assert_eq!(counted.taken(), format!("{}Cr", "cr".repeat(10)));
        ticks(&mut run, 600, &QUIET, &QUIET);
        counted.taken();
        // Somebody else speaks, and is heard when the network and the jitter buffer give it.
        let mut heard = (0..100).map(|_| {
            run.tick(&QUIET, &loud());
            counted.taken()
        });
        let heard = heard.find(|heard| !heard.is_empty()).expect("it is heard");
        assert_eq!(heard, format!("{}cR", "cr".repeat(9)));
        run.tick(&QUIET, &loud());
        assert_eq!(counted.taken(), "cR");
    }

    #[test]
    fn it_works_on_while_something_is_played_or_wanted() {
        for transmit in [Transmit::Always, Transmit::PushToTalk, Transmit::Activity] {
            let (mut run, counted) = counted(transmit);
            let machine = &mut run.sides[0].machine;
            let mut settings = machine.settings().clone();
            settings.pressed = true;
            settings.monitor = transmit == Transmit::Activity;
            machine.set(settings.clone());
            ticks(&mut run, 700, &QUIET, &QUIET);
            let all = counted.taken().to_lowercase();
            assert_eq!(all, "cr".repeat(700), "{transmit:?}");
            (settings.pressed, settings.monitor) = (false, false);
            run.sides[0].machine.set(settings);
            ticks(&mut run, 700, &QUIET, &QUIET);
            let rests = transmit != Transmit::Always;
            assert_eq!(counted.taken().len() < 1_400, rests, "{transmit:?}");
            // Others are heard, which is what an echo is looked for in.
            let always = Settings {
                transmit: Transmit::Always,
                ..Settings::untouched()
            };
            run.sides[1].machine.set(always);
            ticks(&mut run, 400, &QUIET, &loud());
            counted.taken();
            ticks(&mut run, 400, &QUIET, &loud());
            assert_eq!(counted.taken(), "cR".repeat(400), "{transmit:?}");
        }
    }

    #[test]
    fn a_rest_ends_with_what_it_was_begun_in() {
        let (mut run, counted) = counted(Transmit::Activity);
        let rested = |run: &mut Run, change: &dyn Fn(&mut Machine)| {
            ticks(run, 600, &QUIET, &QUIET);
            counted.taken();
            run.tick(&QUIET, &QUIET);
            assert_eq!(counted.taken(), "");
            change(&mut run.sides[0].machine);
            run.tick(&QUIET, &QUIET);
            counted.taken()
        };
        let settings = |machine: &mut Machine| machine.set(machine.settings().clone());
        assert_eq!(
            rested(&mut run, &settings),
            format!("{}cr", "cr".repeat(10))
        );
        // What was kept of another microphone, or in another room, is no beginning of this one's sound.
        let other = Machine::other_microphone;
        assert_eq!(rested(&mut run, &other), "cr");
        let join = |machine: &mut Machine| {
            let task = MediaTask::Join {
                community: alloquy_ids::CommunityId::ZERO,
                channel: alloquy_ids::ChannelId::ZERO,
                ice: Vec::new(),
            };
            machine.task(Instant::now(), task);
        };
        assert_eq!(rested(&mut run, &join), "cr");
    }
}
