//! Connections to the others in the room: who offers, attempts, and the steps that are carried for the engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_api::voice::{LinkStage, LinkStats, LinkView, MediaLink, MediaSignal, MediaTask};
use alloquy_ids::{AccountId, CommunityId, DeviceId, MonoMs, NetworkKey};
use rand_core::CryptoRng;

use crate::limits::{
    MEDIA_ASK_MS, MEDIA_PATIENCE_MS, MEDIA_RETRY_MAX_MS, MEDIA_RETRY_MS, MEDIA_STEPS_MAX,
    MEDIA_WAITING_MAX,
};
use crate::node::Node;
use crate::wire::Frame;
use crate::wire::voice::{MediaFrame, MediaStep, VoiceSession};

/// Somebody else in the room, and the connection to it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) account: AccountId,
    pub(super) session: VoiceSession,
    /// Whether this side makes the first offer and chooses attempts.
    offers: bool,
    /// The attempt that the engine has; `None`: the other side has not offered yet.
    pub(super) attempt: Option<u64>,
    /// Whether the engine plays it.
    heard: bool,
    /// Attempts that failed since one was open.
    fails: u32,
    /// When the present attempt began, or the other side was first waited for.
    begun: MonoMs,
    /// When an attempt that is not open is given up, or the other side is asked for one.
    patience: Option<MonoMs>,
    /// When the next attempt begins.
    retry_at: Option<MonoMs>,
    pub(super) view: LinkView,
    pub(super) speaking: bool,
    pub(super) stats: LinkStats,
    /// Steps sent of this attempt.
    sent: u64,
    /// Steps that came of this attempt.
    came: BTreeSet<u64>,
    /// Number of the last description that came.
    described: Option<u64>,
    /// Candidates that came before it.
    early: Vec<MediaSignal>,
    /// Steps for the other side, while it is not connected.
    unsent: VecDeque<MediaFrame>,
}

impl Link {
    /// Nothing has been tried yet. Whoever does not offer asks for an offer if none comes.
    fn new(
        account: AccountId,
        session: VoiceSession,
        (offers, heard): (bool, bool),
        now: MonoMs,
    ) -> Self {
        Self {
            account,
            session,
            offers,
            attempt: None,
            heard,
            fails: 0,
            begun: now,
            patience: (!offers).then(|| now.plus(MEDIA_ASK_MS)),
            retry_at: None,
            view: LinkView::default(),
            speaking: false,
            stats: LinkStats::default(),
            sent: 0,
            came: BTreeSet::new(),
            described: None,
            early: Vec::new(),
            unsent: VecDeque::new(),
        }
    }

    /// Forgets all of the attempt before.
    fn begin(&mut self, attempt: u64, now: MonoMs) {
        let fails = self.fails;
        *self = Self::new(self.account, self.session, (self.offers, self.heard), now);
        self.fails = fails;
        self.attempt = Some(attempt);
        // Who does not offer waits for the offer first: a candidate may have come before it, and it may be lost.
        let patience = match self.offers {
            true => MEDIA_PATIENCE_MS,
            false => MEDIA_ASK_MS,
        };
        self.patience = Some(now.plus(patience));
    }

    /// When something here is due.
    pub(super) fn due(&self) -> Option<MonoMs> {
        self.patience.into_iter().chain(self.retry_at).min()
    }

    /// Whether a step that came is a new one, of no more than there may be.
    fn takes(&mut self, index: u64) -> bool {
        index < MEDIA_STEPS_MAX && self.came.insert(index)
    }

    /// Steps for the engine once this one has come: candidates wait for the description before them, and of two
    /// descriptions the later stands.
    fn ready(&mut self, index: u64, signal: MediaSignal, now: MonoMs) -> Vec<MediaSignal> {
        let is_candidate = matches!(signal, MediaSignal::Candidate { .. });
        match self.described {
            None if is_candidate => {
                if self.early.len() < MEDIA_WAITING_MAX {
                    self.early.push(signal);
                }
                Vec::new()
            }
            Some(last) if !is_candidate && index < last => Vec::new(),
            _ if is_candidate => vec![signal],
            _ => {
                if self.described.is_none() && self.patience.is_some() {
                    self.patience = Some(now.plus(MEDIA_PATIENCE_MS));
                }
                self.described = Some(index);
                let early = std::mem::take(&mut self.early);
                std::iter::once(signal).chain(early).collect()
            }
        }
    }

    fn wait_ms(&self) -> u64 {
        (MEDIA_RETRY_MS << self.fails.min(8)).min(MEDIA_RETRY_MAX_MS)
    }
}

impl<R: CryptoRng> Node<R> {
    /// A device is in the room: there is a link to it from now on, and it is heard or not. Whether that is new.
    pub(super) fn hold_link(
        &mut self,
        device: DeviceId,
        account: AccountId,
        session: VoiceSession,
    ) -> bool {
        let (me, mono) = (self.me.device(), self.now.mono);
        let Some((id, _)) = self.voice.room() else {
            return false;
        };
        let roster = self.voice.rosters.get(&id);
        let one = roster.and_then(|roster| roster.get(&device));
        let heard = one.is_some_and(|one| one.silence.is_none());
        let Some(call) = &mut self.voice.call else {
            return false;
        };
        if let Some(link) = call.links.get_mut(&device) {
            let told = link.attempt.map(|attempt| MediaLink { device, attempt });
            if std::mem::replace(&mut link.heard, heard) != heard
                && let Some(link) = told
            {
                self.task(MediaTask::Heard(link, heard));
            }
            return false;
        }
        let offers = me > device;
        let link = Link::new(account, session, (offers, heard), mono);
        call.links.insert(device, link);
        // The other side takes no step of who is not in the room.
        if let Some(key) = self.connected_key(id, device) {
            self.say_again_to(key);
            self.tell_orders(id, device);
        }
        if offers {
            self.begin_attempt(device);
        }
        true
    }

    /// A device is in the room no more.
    pub(super) fn end_link(&mut self, device: DeviceId) {
        let call = self.voice.call.as_mut();
        let Some(call) = call else { return };
        let Some(link) = call.links.remove(&device) else {
            return;
        };
        if let Some(attempt) = link.attempt {
            call.ended.insert(device, (link.session, attempt));
            self.task(MediaTask::Disconnect(MediaLink { device, attempt }));
        }
    }

    /// Tries a connection anew, as the side that offers.
    fn begin_attempt(&mut self, device: DeviceId) {
        let Some(call) = &self.voice.call else { return };
        let attempt = (self.voice.attempt + 1).max(call.session);
        self.voice.attempt = attempt;
        self.attempt(device, attempt);
    }

    /// Has the engine make a connection in place of the one before.
    fn attempt(&mut self, device: DeviceId, attempt: u64) {
        let mono = self.now.mono;
        let call = self.voice.call.as_mut();
        let Some(link) = call.and_then(|call| call.links.get_mut(&device)) else {
            return;
        };
        let before = link.attempt.map(|attempt| MediaLink { device, attempt });
        link.begin(attempt, mono);
        let (account, offers, heard) = (link.account, link.offers, link.heard);
        if let Some(before) = before {
            self.task(MediaTask::Disconnect(before));
        }
        let volume = self.volume_of(account);
        self.task(MediaTask::Volume(account, volume));
        let link = MediaLink { device, attempt };
        self.task(MediaTask::Connect {
            link,
            account,
            offers,
            heard,
        });
        self.views.call_changed();
        self.voice_due();
    }

    /// Begins attempts that are due, and gives those up that do not open.
    pub(super) fn retry_links(&mut self) {
        let mono = self.now.mono;
        let Some(call) = &self.voice.call else { return };
        let past = |at: Option<MonoMs>| at.is_some_and(|at| at <= mono);
        let links = || call.links.iter();
        let due: Vec<_> = links()
            .filter(|(_, link)| past(link.retry_at))
            .map(|(device, _)| *device)
            .collect();
        let stuck: Vec<_> = links()
            .filter(|(device, link)| past(link.patience) && !due.contains(device))
            .map(|(device, _)| *device)
            .collect();
        for device in stuck {
            self.link_failed(device);
        }
        for device in due {
            self.begin_attempt(device);
        }
    }

    /// An attempt came to nothing: the side that offers makes another after a while.
    pub(super) fn link_failed(&mut self, device: DeviceId) {
        let mono = self.now.mono;
        let call = self.voice.call.as_mut();
        let Some(link) = call.and_then(|call| call.links.get_mut(&device)) else {
            return;
        };
        link.patience = None;
        if link.retry_at.is_some() {
            return;
        }
        if link.offers {
            link.retry_at = Some(mono.plus(link.wait_ms()));
            link.fails = link.fails.saturating_add(1);
        } else {
            // Asked for again, should that get lost, or come too early for the other side.
            let patience = match link.attempt {
                None => MEDIA_ASK_MS,
                Some(_) => MEDIA_PATIENCE_MS,
            };
            link.patience = Some(mono.plus(patience));
            self.step(device, MediaStep::Again);
        }
        self.voice_due();
    }

    /// Sends a step of the present attempt to the other side.
    pub(super) fn step(&mut self, device: DeviceId, step: MediaStep) {
        let from = self.me.device();
        let Some(call) = &mut self.voice.call else {
            return;
        };
        let Some(link) = call.links.get_mut(&device) else {
            return;
        };
        let attempt = link.attempt.unwrap_or_default();
        let mut frame = MediaFrame {
            community: call.community,
            channel: call.channel,
            from,
            to: device,
            from_session: call.session,
            to_session: link.session,
            attempt,
            index: link.sent,
            step,
            signature: [0; 64],
        };
        link.sent += 1;
        frame.signature = self.me.key.sign(&frame.message());
        if link.unsent.len() < MEDIA_WAITING_MAX {
            link.unsent.push_back(frame);
        }
        self.flush_link(device);
    }

    /// Sends what waits for a connection to a device.
    pub(super) fn flush_link(&mut self, device: DeviceId) {
        let Some((id, _)) = self.voice.room() else {
            return;
        };
        let Some(key) = self.connected_key(id, device) else {
            return;
        };
        let call = self.voice.call.as_mut();
        let link = call.and_then(|call| call.links.get_mut(&device));
        let unsent = link.map(|link| std::mem::take(&mut link.unsent));
        for frame in unsent.into_iter().flatten() {
            self.outbox.send(key, &Frame::Media(Box::new(frame)));
        }
    }

    /// A step of another member's device.
    pub(crate) fn media_frame(
        &mut self,
        from: NetworkKey,
        (id, device): (CommunityId, DeviceId),
        frame: MediaFrame,
    ) {
        let own = (frame.from, frame.to) == (device, self.me.device());
        let signatures = &self.me.signatures;
        if !own || !signatures.hold(&device.0, &frame.message(), &frame.signature) {
            let reason = "a step of a media connection that its device did not sign for this one";
            return self.outbox.penalize(from, reason);
        }
        if !self.voice.within_rate(device, self.now.mono) {
            return;
        }
        let Some(call) = &self.voice.call else { return };
        let here =
            (call.community, call.channel, call.session) == (id, frame.channel, frame.to_session);
        let Some(link) = call.links.get(&device).filter(|_| here) else {
            return;
        };
        if link.session != frame.from_session {
            return;
        }
        let ended = call.ended.get(&device);
        let ended = ended.is_some_and(|(session, attempt)| {
            *session == frame.from_session && frame.attempt <= *attempt
        });
        if link.attempt.is_none() && ended {
            // This side took the other one for gone, and ended what that one goes on with: its keys fit nothing new.
            let asks = !link.offers && link.sent == 0 && frame.step != MediaStep::Again;
            return if asks {
                self.link_failed(device)
            };
        }
        let newer = link.attempt.is_none_or(|attempt| frame.attempt > attempt);
        if newer && !link.offers && frame.step != MediaStep::Again {
            // Each attempt is a connection with candidates and relays: nobody may have them made without pause.
            let first = link.attempt.is_none();
            if !first && self.now.mono < link.begun.plus(MEDIA_RETRY_MS / 2) {
                return;
            }
            self.attempt(device, frame.attempt);
        }
        self.take_step(device, frame);
    }

    /// A step of the present attempt; one of another is dropped.
    fn take_step(&mut self, device: DeviceId, frame: MediaFrame) {
        let mono = self.now.mono;
        let call = self.voice.call.as_mut();
        let Some(link) = call.and_then(|call| call.links.get_mut(&device)) else {
            return;
        };
        // The other side has no link, as it took this device for gone in between.
        let asked = frame.step == MediaStep::Again && frame.attempt == 0 && link.offers;
        if asked && link.begun.plus(MEDIA_ASK_MS) <= mono {
            return self.link_failed(device);
        }
        if link.attempt != Some(frame.attempt) || !link.takes(frame.index) {
            return;
        }
        match frame.step {
            MediaStep::Again if link.offers => self.link_failed(device),
            MediaStep::Again => {}
            MediaStep::Signal(signal) => {
                let ready = link.ready(frame.index, signal, mono);
                let attempt = frame.attempt;
                for signal in ready {
                    self.task(MediaTask::Signal(MediaLink { device, attempt }, signal));
                }
            }
        }
    }

    /// The link that the engine speaks of, if it is the present attempt.
    pub(super) fn link_of(&mut self, link: MediaLink) -> Option<&mut Link> {
        let call = self.voice.call.as_mut()?;
        let found = call.links.get_mut(&link.device)?;
        (found.attempt == Some(link.attempt)).then_some(found)
    }

    /// How far the engine says that a link is.
    pub(super) fn link_went_on(&mut self, link: MediaLink, view: LinkView) {
        let device = link.device;
        let stage = view.stage;
        let Some(link) = self.link_of(link) else {
            return;
        };
        let other = std::mem::replace(&mut link.view, view.clone()) != view;
        if matches!(stage, LinkStage::Open | LinkStage::Audio) {
            link.patience = None;
            link.retry_at = None;
            link.fails = 0;
        }
        if stage == LinkStage::Failed {
            self.link_failed(device);
        }
        if other {
            self.views.call_changed();
            self.outbox.tell(alloquy_api::Event::CallChanged);
        }
        self.voice_due();
    }

    /// Network keys of everybody in the own room with their addresses: connections to them are kept.
    pub(crate) fn room_peers(&self) -> BTreeMap<NetworkKey, Vec<String>> {
        let Some(call) = &self.voice.call else {
            return BTreeMap::new();
        };
        let Some(community) = self.communities.get(&call.community) else {
            return BTreeMap::new();
        };
        let devices = community.devices.iter();
        let keys = devices.filter(|(_, (_, device))| call.links.contains_key(device));
        let kept = keys.map(|(key, _)| (*key, self.book.of.get(key).cloned().unwrap_or_default()));
        kept.collect()
    }
}
