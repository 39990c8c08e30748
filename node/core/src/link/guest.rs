//! The guest's side of a pairing: finds who shows the code, shows that it knows it, once.

use std::collections::BTreeMap;

use alloquy_api::personal::Linking;
use alloquy_ids::{MonoMs, NetworkKey};
use rand_core::CryptoRng;

use super::code::Entered;
use super::pake::{Channel, Exchange, Message, Secrets, Side};
use super::{Act, End};
use crate::io::Now;
use crate::limits::{LINK_GUEST_PEERS_MAX, LINK_SEARCH_MS, LINK_TALK_MS};
use crate::wire::pairing::LinkFrame;

/// A code that was entered.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) what: Linking,
    entered: Entered,
    own: NetworkKey,
    until: MonoMs,
    /// Peers that were asked and have not answered.
    asked: BTreeMap<NetworkKey, Exchange>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Searching,
    /// This peer was shown that the code is known here. No other is shown it: one guess.
    Confirming(NetworkKey, Secrets),
    Talking(NetworkKey, Channel),
    Ended,
}

impl Guest {
    pub(crate) fn new(what: Linking, entered: Entered, own: NetworkKey, now: Now) -> Self {
        Self {
            what,
            entered,
            own,
            until: now.mono.plus(LINK_SEARCH_MS),
            asked: BTreeMap::new(),
            stage: Stage::Searching,
        }
    }

    /// Whom to connect to, and where; `None`: whoever is found on the local network.
    pub(crate) fn wanted(&self) -> Option<(NetworkKey, &[String])> {
        match &self.entered {
            Entered::Link(link) if !self.has_ended() => Some((link.host, &link.addresses)),
            _ => None,
        }
    }

    /// When to call [`Self::tick`] at the latest; `None` when it has ended.
    pub(crate) const fn due(&self) -> Option<MonoMs> {
        match self.stage {
            Stage::Ended => None,
            _ => Some(self.until),
        }
    }

    pub(crate) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// A peer is connected: it is asked whether it shows the code.
    pub(crate) fn peer_up(&mut self, peer: NetworkKey, rng: &mut impl CryptoRng) -> Vec<Act> {
        let named = match &self.entered {
            Entered::Link(link) => link.host == peer,
            Entered::Code(_) => true,
        };
        let room = self.asked.len() < LINK_GUEST_PEERS_MAX;
        if !named || !room || !matches!(self.stage, Stage::Searching) {
            return Vec::new();
        }
        let password = self.entered.password();
        let (exchange, message) = Exchange::start(Side::Guest, &password, (self.own, peer), rng);
        self.asked.insert(peer, exchange);
        let plate = self.entered.plate();
        vec![Act::Send(peer, LinkFrame::Ask { plate, message })]
    }

    /// A frame of a host.
    pub(crate) fn frame(&mut self, from: NetworkKey, frame: LinkFrame, now: Now) -> Vec<Act> {
        let mut acts = self.tick(now);
        acts.extend(match frame {
            LinkFrame::Answer { message } => self.answer(from, &message, now),
            LinkFrame::Confirm { tag } => self.confirm(from, &tag),
            LinkFrame::Sealed { bytes } => self.sealed(from, &bytes),
            LinkFrame::End { end } => self.ended_by(from, end),
            LinkFrame::Ask { .. } => vec![Act::Fault(from, "a host asks for no pairing")],
        });
        acts
    }

    fn answer(&mut self, from: NetworkKey, message: &Message, now: Now) -> Vec<Act> {
        let Some(exchange) = self.asked.remove(&from) else {
            return vec![Act::Fault(
                from,
                "an answer to a pairing that was not asked for",
            )];
        };
        if !matches!(self.stage, Stage::Searching) {
            return Vec::new();
        }
        let Some(secrets) = exchange.finish(message) else {
            return vec![Act::Fault(from, "a message of a pairing that is no point")];
        };
        let tag = secrets.own_tag();
        self.stage = Stage::Confirming(from, secrets);
        self.until = now.mono.plus(LINK_TALK_MS);
        vec![Act::Send(from, LinkFrame::Confirm { tag })]
    }

    fn confirm(&mut self, from: NetworkKey, tag: &[u8; 32]) -> Vec<Act> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Confirming(peer, secrets) if peer == from => {
                if !secrets.confirms(tag) {
                    self.stage = Stage::Confirming(peer, secrets);
                    return self.end(End::WrongCode);
                }
                self.stage = Stage::Talking(peer, secrets.into_channel());
                vec![Act::Ready(peer)]
            }
            stage => {
                self.stage = stage;
                vec![Act::Fault(from, "a confirmation without a pairing")]
            }
        }
    }

    fn sealed(&mut self, from: NetworkKey, bytes: &[u8]) -> Vec<Act> {
        match &mut self.stage {
            Stage::Talking(peer, channel) if *peer == from => match channel.open(bytes) {
                Some(opened) => vec![Act::Opened(from, opened)],
                None if channel.is_repeated(bytes) => Vec::new(),
                None => vec![Act::Fault(from, "a sealed message that does not open")],
            },
            Stage::Ended => Vec::new(),
            _ => vec![Act::Fault(from, "a sealed message without a pairing")],
        }
    }

    /// The other side says that it ends. Most peers of a network show no code at all.
    fn ended_by(&mut self, from: NetworkKey, end: End) -> Vec<Act> {
        let with = match &self.stage {
            Stage::Confirming(peer, _) | Stage::Talking(peer, _) => Some(*peer),
            _ => None,
        };
        let was_asked = self.asked.remove(&from).is_some();
        let by_link = matches!(self.entered, Entered::Link(_));
        let decides =
            with == Some(from) || (with.is_none() && was_asked && (by_link || end != End::Unknown));
        match decides {
            true => self.finish(end),
            false => Vec::new(),
        }
    }

    /// Seals a message for the host; nothing when there is none.
    pub(crate) fn send(&mut self, payload: &[u8]) -> Vec<Act> {
        match &mut self.stage {
            Stage::Talking(peer, channel) => {
                let bytes = channel.seal(payload);
                vec![Act::Send(*peer, LinkFrame::Sealed { bytes })]
            }
            _ => Vec::new(),
        }
    }

    /// Ends it, and tells the host if there is one.
    pub(crate) fn end(&mut self, end: End) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Stage::Confirming(peer, _) | Stage::Talking(peer, _) = &self.stage {
            acts.push(Act::Send(*peer, LinkFrame::End { end }));
        }
        acts.extend(self.finish(end));
        acts
    }

    fn finish(&mut self, end: End) -> Vec<Act> {
        if self.has_ended() {
            return Vec::new();
        }
        self.stage = Stage::Ended;
        self.asked.clear();
        vec![Act::Ended(end)]
    }

    /// A peer's last connection is gone.
    pub(crate) fn peer_down(&mut self, peer: NetworkKey) -> Vec<Act> {
        self.asked.remove(&peer);
        match &self.stage {
            Stage::Confirming(with, _) | Stage::Talking(with, _) if *with == peer => {
                self.finish(End::Gone)
            }
            _ => Vec::new(),
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Now) -> Vec<Act> {
        match &self.stage {
            Stage::Searching if now.mono >= self.until => self.finish(End::NotFound),
            Stage::Ended => Vec::new(),
            _ if now.mono >= self.until => self.end(End::Silent),
            _ => Vec::new(),
        }
    }
}
