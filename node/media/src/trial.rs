//! Two machines in virtual time over a bad network: what is heard, for tests and for measuring speech quality.
//!
//! A run is a function of its options: every loss, delay and reordering comes from a seed. The machines are those of a
//! real call; only devices, threads and WebRTC are left out, and reports of the receiver (RTCP) are made from what the
//! network did.

mod alike;
mod network;

pub use alike::most_alike;
pub use network::{Impairment, Network};

use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, LinkStats, LinkView, MediaLink, MediaReport, MediaTask};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};

use crate::codec::CodecError;
use crate::limits::{TICK_MS, TICK_SAMPLES};
use crate::machine::{Action, Machine, Options};
use crate::profile::State;
use crate::settings::Settings;
use crate::transport::{Feedback, TransportEvent};

/// One run.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What the network does on the way from the first to the second machine.
    pub there: Impairment,
    /// And back.
    pub back: Impairment,
    /// How much faster the second machine's clock is than the first one's, millionths.
    pub drift_ppm: f64,
    /// Whether receivers report, so that senders adapt.
    pub feedback: bool,
    /// Both machines' settings.
    pub settings: Settings,
    /// Seed of sequence numbers and timestamps.
    pub seed: u64,
}

impl Default for Trial {
    fn default() -> Self {
        Self {
            there: Impairment::default(),
            back: Impairment::default(),
            drift_ppm: 0.0,
            feedback: true,
            settings: Settings::untouched(),
            seed: 1,
        }
    }
}

/// One machine of a run.
#[derive(Debug)]
pub struct Side {
    /// The machine.
    pub machine: Machine,
    /// Its link to the other one.
    pub link: MediaLink,
    /// All that it reported, with the virtual milliseconds.
    pub reports: Vec<(u64, MediaReport)>,
    /// What it played: 48 kHz mono.
    pub heard: Vec<f32>,
    /// How long sound waited, milliseconds, at each tick; `None`: silence.
    pub waits: Vec<Option<u32>>,
    /// The state of its encoder at each tick.
    pub states: Vec<State>,
}

impl Side {
    fn new(me: u8, other: u8, trial: &Trial, now: Instant) -> Result<Self, CodecError> {
        let options = Options {
            settings: trial.settings.clone(),
            seed: trial.seed.wrapping_mul(u64::from(me)),
        };
        let mut machine = Machine::new(options, now)?;
        let link = MediaLink {
            device: DeviceId([other; 32]),
            attempt: 1,
        };
        machine.task(
            now,
            MediaTask::Join {
                community: CommunityId::ZERO,
                channel: ChannelId::ZERO,
                ice: Vec::new(),
            },
        );
        machine.task(
            now,
            MediaTask::Connect {
                link,
                account: AccountId([other; 32]),
                offers: me < other,
                heard: true,
            },
        );
        let view = LinkView {
            stage: LinkStage::Open,
            ..LinkView::default()
        };
        machine.event(now, TransportEvent::Link(link, view));
        Ok(Self {
            machine,
            link,
            reports: Vec::new(),
            heard: Vec::new(),
            waits: Vec::new(),
            states: Vec::new(),
        })
    }

    /// The statistics of each second.
    pub fn stats(&self) -> impl Iterator<Item = LinkStats> {
        self.reports.iter().filter_map(|(_, report)| match report {
            MediaReport::Stats(stats) => stats.first().map(|(_, stats)| *stats),
            _ => None,
        })
    }

    /// Milliseconds that had to be made up, in all.
    #[must_use]
    pub fn concealed_ms(&self) -> u32 {
        self.stats()
            .map(|stats| u32::from(stats.concealed_ms))
            .sum()
    }

    fn tick(&mut self, now: Instant, ms: u64, input: &[f32], to: &mut Network) {
        let mut frame = [0.0; TICK_SAMPLES];
        frame[..input.len()].copy_from_slice(input);
        let mut out = [0.0; TICK_SAMPLES];
        self.machine.tick(now, &frame, &mut out);
        self.heard.extend(&out);
        let wait = self.machine.wait(self.link, now);
        self.waits.push(wait.map(|wait| wait.as_millis() as u32));
        self.states.push(self.machine.state());
        while let Some(action) = self.machine.poll() {
            match action {
                Action::Send(packet) => to.send(now, packet),
                Action::Report(report) => self.reports.push((ms, report)),
                _ => {}
            }
        }
    }

    fn take(&mut self, now: Instant, from: &mut Network) {
        while let Some((at, packet)) = from.poll(now) {
            let event = TransportEvent::Packet(self.link, packet, at);
            self.machine.event(now, event);
        }
    }
}

/// A run under way.
#[derive(Debug)]
pub struct Run {
    /// The two machines.
    pub sides: [Side; 2],
    networks: [Network; 2],
    now: [Instant; 2],
    ticks: u64,
    tick: [Duration; 2],
    feedback: bool,
}

impl Trial {
    /// Two machines with an open link between them.
    ///
    /// # Errors
    /// libopus has no memory.
    pub fn start(&self) -> Result<Run, CodecError> {
        let start = Instant::now();
        let micros = TICK_MS as f64 * 1e3;
        let second = Duration::from_secs_f64(micros / (1.0 + self.drift_ppm / 1e6) / 1e6);
        Ok(Run {
            sides: [Side::new(1, 2, self, start)?, Side::new(2, 1, self, start)?],
            networks: [
                Network::new(self.there.clone(), start),
                Network::new(self.back.clone(), start),
            ],
            now: [start; 2],
            ticks: 0,
            tick: [Duration::from_millis(TICK_MS), second],
            feedback: self.feedback,
        })
    }

    /// Runs until both sources are at their end and half a second more.
    ///
    /// # Errors
    /// libopus has no memory.
    pub fn run(&self, first: &[f32], second: &[f32]) -> Result<Run, CodecError> {
        let mut run = self.start()?;
        let ticks = first.len().max(second.len()).div_ceil(TICK_SAMPLES) + 50;
        for n in 0..ticks {
            run.tick(tick_of(first, n), tick_of(second, n));
        }
        Ok(run)
    }
}

fn tick_of(sound: &[f32], n: usize) -> &[f32] {
    let from = (n * TICK_SAMPLES).min(sound.len());
    &sound[from..(from + TICK_SAMPLES).min(sound.len())]
}

impl Run {
    /// Both machines' next tick, each by its own clock. Shorter sound is filled with silence.
    pub fn tick(&mut self, first: &[f32], second: &[f32]) {
        let [a, b] = &mut self.sides;
        let [there, back] = &mut self.networks;
        let ms = self.ticks * TICK_MS;
        a.take(self.now[0], back);
        a.tick(self.now[0], ms, first, there);
        b.take(self.now[1], there);
        b.tick(self.now[1], ms, second, back);
        self.ticks += 1;
        self.now = [self.now[0] + self.tick[0], self.now[1] + self.tick[1]];
        if self.feedback && self.ticks.is_multiple_of(1_000 / TICK_MS) {
            self.report();
        }
    }

    /// What each receiver's RTCP would say.
    fn report(&mut self) {
        let round_trip: f32 = self.networks.iter().map(Network::delay_ms).sum();
        for (side, network) in self.sides.iter_mut().zip(&mut self.networks) {
            let feedback = Feedback {
                round_trip_ms: Some(round_trip),
                lost: network.lost_since_asked(),
            };
            let event = TransportEvent::Feedback(side.link, feedback);
            side.machine.event(self.now[0], event);
        }
    }

    /// Changes what the network does from now on.
    pub fn impair(&mut self, there: Impairment) {
        self.networks[0].impair(there);
    }

    /// The first machine's virtual now.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now[0]
    }
}
