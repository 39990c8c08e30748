//! The host's side of a pairing: one offer, one guess.

use std::collections::BTreeMap;

use alloquy_api::personal::Linking;
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::code::{Code, LINK_PLATE, PairLink, Password, Plate, SECRET_BYTES};
use super::pake::{Channel, Exchange, Message, Secrets, Side};
use super::{Act, End};
use crate::io::Now;
use crate::limits::{
    LINK_ASKS_MAX, LINK_CLOCK_SLACK_MS, LINK_OFFER_MS, LINK_PENDING_MAX, LINK_TALK_MS,
};
use crate::wire::pairing::LinkFrame;

/// A code that is shown, and whoever asks for it.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) what: Linking,
    pub(crate) code: Code,
    pub(crate) link: PairLink,
    own: NetworkKey,
    /// When it was made; the wall clock of it says whether that was set since.
    made: Now,
    /// When the code, or the talk with who knew it, ends.
    until: MonoMs,
    /// How often each peer has asked.
    asks: BTreeMap<NetworkKey, u32>,
    /// Who was answered and has not shown that it knows the code.
    pending: BTreeMap<NetworkKey, Secrets>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting,
    Talking(NetworkKey, Channel),
    Ended(End),
}

impl Host {
    /// Makes an offer, to be reached at these addresses.
    pub(crate) fn new(
        what: Linking,
        (own, addresses): (NetworkKey, Vec<String>),
        now: Now,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rng.fill_bytes(&mut *secret);
        Self {
            what,
            code: Code::generate(rng),
            link: PairLink {
                what,
                host: own,
                addresses,
                secret,
            },
            own,
            made: now,
            until: now.mono.plus(LINK_OFFER_MS),
            asks: BTreeMap::new(),
            pending: BTreeMap::new(),
            stage: Stage::Waiting,
        }
    }

    /// When the code ends, by the wall clock at its making.
    pub(crate) const fn shown_until(&self) -> UnixMs {
        UnixMs(self.made.wall.0.saturating_add(LINK_OFFER_MS))
    }

    /// When to call [`Self::tick`] at the latest; `None` when it has ended.
    pub(crate) const fn due(&self) -> Option<MonoMs> {
        match self.stage {
            Stage::Ended(_) => None,
            _ => Some(self.until),
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    fn password(&self, plate: Plate) -> Option<Password> {
        match plate {
            LINK_PLATE => Some(self.link.password()),
            plate if plate == self.code.plate => Some(self.code.password()),
            _ => None,
        }
    }

    /// A frame of a guest.
    pub(crate) fn frame(
        &mut self,
        from: NetworkKey,
        frame: LinkFrame,
        now: Now,
        rng: &mut impl CryptoRng,
    ) -> Vec<Act> {
        let mut acts = self.tick(now);
        acts.extend(match frame {
            LinkFrame::Ask { plate, message } => self.ask(from, plate, &message, rng),
            LinkFrame::Confirm { tag } => self.confirm(from, &tag, now),
            LinkFrame::Sealed { bytes } => self.sealed(from, &bytes),
            LinkFrame::End { end } if self.talks_with(from) => self.end(end),
            LinkFrame::End { .. } => {
                self.pending.remove(&from);
                Vec::new()
            }
            LinkFrame::Answer { .. } => vec![Act::Fault(from, "a guest answers no pairing")],
        });
        acts
    }

    fn ask(
        &mut self,
        from: NetworkKey,
        plate: Plate,
        message: &Message,
        rng: &mut impl CryptoRng,
    ) -> Vec<Act> {
        let refuse = |end| vec![Act::Send(from, LinkFrame::End { end })];
        let Some(password) = self.password(plate) else {
            return refuse(End::Unknown);
        };
        match &self.stage {
            Stage::Ended(End::Done) => return refuse(End::Used),
            Stage::Ended(end) => return refuse(*end),
            Stage::Talking(..) => return refuse(End::Busy),
            Stage::Waiting => {}
        }
        let asks = self.asks.entry(from).or_default();
        *asks += 1;
        if *asks > LINK_ASKS_MAX {
            return vec![Act::Fault(from, "it asked too often for one code")];
        }
        if self.pending.len() >= LINK_PENDING_MAX && !self.pending.contains_key(&from) {
            return refuse(End::Busy);
        }
        let (exchange, answer) = Exchange::start(Side::Host, &password, (from, self.own), rng);
        let Some(secrets) = exchange.finish(message) else {
            return vec![Act::Fault(from, "a message of a pairing that is no point")];
        };
        self.pending.insert(from, secrets);
        vec![Act::Send(from, LinkFrame::Answer { message: answer })]
    }

    /// The one guess.
    fn confirm(&mut self, from: NetworkKey, tag: &[u8; 32], now: Now) -> Vec<Act> {
        let Some(secrets) = self.pending.remove(&from) else {
            // Another guest was faster, or the code has ended meanwhile: it was told.
            return Vec::new();
        };
        if !secrets.confirms(tag) {
            let mut acts = vec![Act::Send(
                from,
                LinkFrame::End {
                    end: End::WrongCode,
                },
            )];
            acts.extend(self.end(End::WrongCode));
            return acts;
        }
        let tag = secrets.own_tag();
        let mut acts = vec![Act::Send(from, LinkFrame::Confirm { tag })];
        let others = std::mem::take(&mut self.pending);
        let busy = |other| Act::Send(other, LinkFrame::End { end: End::Busy });
        acts.extend(others.into_keys().map(busy));
        self.stage = Stage::Talking(from, secrets.into_channel());
        self.until = now.mono.plus(LINK_TALK_MS);
        acts.push(Act::Ready(from));
        acts
    }

    fn sealed(&mut self, from: NetworkKey, bytes: &[u8]) -> Vec<Act> {
        let Stage::Talking(peer, channel) = &mut self.stage else {
            return Vec::new();
        };
        if *peer != from {
            return vec![Act::Fault(from, "a sealed message without a pairing")];
        }
        match channel.open(bytes) {
            Some(opened) => vec![Act::Opened(from, opened)],
            None if channel.is_repeated(bytes) => Vec::new(),
            None => vec![Act::Fault(from, "a sealed message that does not open")],
        }
    }

    fn talks_with(&self, peer: NetworkKey) -> bool {
        matches!(&self.stage, Stage::Talking(with, _) if *with == peer)
    }

    /// Seals a message for the guest; nothing when there is none.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Vec<Act> {
        match &mut self.stage {
            Stage::Talking(peer, channel) => {
                let bytes = channel.seal(payload);
                vec![Act::Send(*peer, LinkFrame::Sealed { bytes })]
            }
            _ => Vec::new(),
        }
    }

    /// Ends the offer. Whoever it talks with, or has asked and was answered, is told.
    pub(crate) fn end(&mut self, end: End) -> Vec<Act> {
        let told = |peer| Act::Send(peer, LinkFrame::End { end });
        let mut acts: Vec<_> = std::mem::take(&mut self.pending)
            .into_keys()
            .map(told)
            .collect();
        match std::mem::replace(&mut self.stage, Stage::Ended(end)) {
            Stage::Talking(peer, _) => acts.push(told(peer)),
            Stage::Waiting => {}
            Stage::Ended(earlier) => {
                self.stage = Stage::Ended(earlier);
                return acts;
            }
        }
        acts.push(Act::Ended(end));
        acts
    }

    /// A peer's last connection is gone.
    pub(crate) fn peer_down(&mut self, peer: NetworkKey) -> Vec<Act> {
        self.pending.remove(&peer);
        match self.talks_with(peer) {
            true => self.end(End::Gone),
            false => Vec::new(),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Act> {
        if self.has_ended() {
            return Vec::new();
        }
        if now.mono >= self.until {
            let end = match self.stage {
                Stage::Talking(..) => End::Silent,
                _ => End::Expired,
            };
            return self.end(end);
        }
        // A wall clock that does not go with the other one was set: the end that is shown means nothing then.
        let passed = now.mono.0.saturating_sub(self.made.mono.0);
        let shown = self.made.wall.0.saturating_add(passed);
        match shown.abs_diff(now.wall.0) > LINK_CLOCK_SLACK_MS {
            true => self.end(End::ClockSet),
            false => Vec::new(),
        }
    }
}
