//! What a home node does to frames on their way: messages are kept back or given over other bytes, keys are mixed up,
//! and a peer's own digest comes back to it, as if both copies were equal.

use std::collections::BTreeMap;

use alloquy_ids::{CommunityId, EventId, NetworkKey};
use alloquy_schema::content;
use alloquy_schema::event::{Kind, VerifiedEvent};
use bytes::Bytes;

use super::carried::{self, Change};
use super::ledger::Ledger;
use super::rogue::Trick;
use crate::draw::Draw;

const DIGEST: u8 = 1;

/// What a home node that withholds keeps back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Withholding {
    /// Many answers, as it happens, and some messages for good.
    #[default]
    Answers,
    /// Some messages.
    Gaps,
    /// The messages of each log from that place on.
    Tail(u64),
    /// Every message.
    Everything,
}

/// How a home node does what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What it keeps back.
    pub withholds: Withholding,
    /// Digests that it gives back, per thousand, if it lies.
    pub echoes: u32,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            withholds: Withholding::default(),
            echoes: 200,
        }
    }
}

/// What becomes of a message, for everybody who is given it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Given,
    Withheld,
    Poisoned,
}

/// See the module.
pub(super) struct House {
    manner: Manner,
    fates: BTreeMap<EventId, Fate>,
    /// The last digest of each peer.
    digests: BTreeMap<NetworkKey, Bytes>,
}

/// A frame's way out.
pub(super) struct Way<'a> {
    pub(super) to: NetworkKey,
    pub(super) community: CommunityId,
    /// What the home node holds, with the signatures that it holds.
    pub(super) held: &'a BTreeMap<EventId, VerifiedEvent>,
    pub(super) tricks: &'a [Trick],
    pub(super) draw: &'a mut Draw,
    pub(super) ledger: &'a mut Ledger,
}

impl House {
    pub(super) const fn new(manner: Manner) -> Self {
        Self {
            manner,
            fates: BTreeMap::new(),
            digests: BTreeMap::new(),
        }
    }

    /// Whether it keeps back answers as it happens.
    pub(super) fn withholds_by_chance(&self) -> bool {
        self.manner.withholds == Withholding::Answers
    }

    pub(super) fn hears(&mut self, from: NetworkKey, frame: &Bytes) {
        if frame.get(1) == Some(&DIGEST) {
            self.digests.insert(from, frame.clone());
        }
    }

    /// In place of a digest the one that came from there.
    pub(super) fn echo(&self, to: NetworkKey, frame: &Bytes, draw: &mut Draw) -> Option<Bytes> {
        let is_digest = frame.get(1) == Some(&DIGEST);
        let theirs = self.digests.get(&to).filter(|_| is_digest)?;
        draw.chance(self.manner.echoes).then(|| theirs.clone())
    }

    /// The frame without what is withheld, and with poison in what is poisoned.
    pub(super) fn lets_through(&mut self, frame: &Bytes, way: &mut Way<'_>) -> Option<Bytes> {
        let held = way.held;
        let mut change = |event: &VerifiedEvent| {
            let (id, header) = (event.id(), event.header());
            let fate = self.fate(event, way);
            let body = event.body().filter(|_| fate == Fate::Poisoned);
            if fate == Fate::Withheld {
                way.ledger.note((Trick::Withhold, "messages"));
                way.ledger.note_withheld(header.log(), header.seq, id);
                return Change::Gone;
            }
            way.ledger.note_given(way.to, header);
            let Some(body) = body else {
                return Change::Nothing;
            };
            way.ledger.note((Trick::Garble, "bodies"));
            let mut body = body.to_vec();
            let at = usize::try_from(header.seq).unwrap_or_default() % body.len().max(1);
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1;
            }
            Change::Body(body)
        };
        carried::rewritten(frame, held, &mut change)
    }

    /// What was decided about an event when it went out first.
    fn fate(&mut self, event: &VerifiedEvent, way: &mut Way<'_>) -> Fate {
        let header = event.header();
        let names = content::scope(way.community);
        if header.kind != Kind::Sealed || header.scope == names {
            return Fate::Given;
        }
        if let Some(fate) = self.fates.get(&event.id()) {
            return *fate;
        }
        let withholds = way.tricks.contains(&Trick::Withhold);
        let withheld = withholds
            && match self.manner.withholds {
                Withholding::Answers => way.draw.chance(100),
                Withholding::Gaps => way.draw.chance(300),
                Withholding::Tail(from) => header.seq >= from,
                Withholding::Everything => true,
            };
        let fate = match withheld {
            true => Fate::Withheld,
            false if way.tricks.contains(&Trick::Garble) && way.draw.chance(500) => Fate::Poisoned,
            false => Fate::Given,
        };
        self.fates.insert(event.id(), fate);
        fate
    }
}
