//! Several ciphertexts of one event (docs/protocol.md, "Home node").
//!
//! A node without keys can not tell which ciphertext is the right one: in a range most events have no signature of
//! their own, and whoever packs it may put anything there. So a home node keeps up to three of one event and gives all
//! of them to whoever asks for the body by name; the one over which the author's own signature is held comes first.
//! A member that was given a wrong one gives the home node the right one, once it has it.

use alloquy_ids::{CommunityId, EventId, NetworkKey};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::limits::BODY_BYTES_MAX;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::io::Write;
use crate::limits::{
    BODIES_ASKED_MAX, CATCH_UP_BYTES_MAX, EVENT_OVERHEAD_BYTES, OTHER_CARRIERS_MAX,
    RANGES_PER_FRAME_MAX, WRONG_BODIES_EACH_MAX, WRONG_BODIES_MAX,
};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;

/// A ciphertext beside the first, and the peer that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherCarrier {
    by: NetworkKey,
    body: Vec<u8>,
}

impl Canonical for OtherCarrier {
    fn write(&self, w: &mut Writer) {
        self.by.write(w);
        w.bytes(&self.body);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            by: NetworkKey::read(r)?,
            body: r.bytes(BODY_BYTES_MAX, "ciphertext")?.to_vec(),
        })
    }
}

/// Ciphertexts of one event beside the one that stands in its row, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OtherCarriers(Vec<OtherCarrier>);

impl Canonical for OtherCarriers {
    fn write(&self, w: &mut Writer) {
        w.list(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.list(OTHER_CARRIERS_MAX, "other ciphertexts")?))
    }
}

impl OtherCarriers {
    pub(super) fn size(&self) -> u64 {
        self.0.iter().map(|other| other.body.len() as u64).sum()
    }

    /// One more. Where there is no room it takes the place of what the same peer gave, so that nobody pushes out by
    /// many what others gave; else that of the oldest.
    fn add(&mut self, by: NetworkKey, body: &[u8]) {
        self.0.retain(|other| other.body != body);
        if self.0.len() >= OTHER_CARRIERS_MAX {
            let own = self.0.iter().position(|other| other.by == by);
            self.0.remove(own.unwrap_or(0));
        }
        let body = body.to_vec();
        self.0.push(OtherCarrier { by, body });
    }
}

/// What a blind copy does with a further ciphertext of an event that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Further {
    /// It is held.
    Known,
    /// It is kept beside the others.
    Beside,
    /// Its author's signature is over it: it takes the first place.
    First,
}

/// About how many bytes an event takes in a range.
fn carried(event: &VerifiedEvent) -> usize {
    event.body().map_or(0, <[u8]>::len) + EVENT_OVERHEAD_BYTES
}

impl Community {
    /// A further ciphertext of an event that is held blind with another one, given by a peer.
    pub(crate) fn keep_further(
        &mut self,
        held: &VerifiedEvent,
        came: &VerifiedEvent,
        by: NetworkKey,
    ) -> Further {
        let (Some(blind), Some(first), Some(body)) = (&mut self.blind, held.body(), came.body())
        else {
            return Further::Known;
        };
        let id = held.id();
        let known = |others: &OtherCarriers| others.0.iter().any(|other| other.body == body);
        let is_beside = blind.others.get(&id).is_some_and(known);
        let takes_place = came.is_signed_as_held() && !held.is_signed_as_held();
        if held.header().kind != Kind::Sealed || first == body || (is_beside && !takes_place) {
            return Further::Known;
        }
        let mut others = blind.others.get(&id).cloned().unwrap_or_default();
        if takes_place {
            others.0.retain(|other| other.body != body);
            // Who gave the one that stood first is not known any more.
            others.add(NetworkKey([0; 32]), first);
        } else {
            others.add(by, body);
        }
        blind.note_others(id, Some(others));
        if takes_place {
            Further::First
        } else {
            Further::Beside
        }
    }

    /// Whether a blind copy holds this very ciphertext beside the first one.
    pub(super) fn holds_beside(&self, event: &VerifiedEvent) -> bool {
        let others = self
            .blind
            .as_ref()
            .and_then(|blind| blind.others.get(&event.id()));
        let mut others = others.into_iter().flat_map(|others| &others.0);
        others.any(|other| event.body() == Some(other.body.as_slice()))
    }

    /// The named events with each further ciphertext, each with those that prove it: at most so many bytes of them,
    /// and one more.
    pub(crate) fn further_carriers(
        &self,
        place: Place,
        named: &[EventId],
        bytes_max: usize,
    ) -> Vec<Vec<VerifiedEvent>> {
        let Some(blind) = &self.blind else {
            return Vec::new();
        };
        let mut lists = Vec::new();
        let mut bytes = 0;
        for id in named.iter().take(BODIES_ASKED_MAX) {
            let Some(others) = blind.others.get(id) else {
                continue;
            };
            let mut run = Vec::new();
            self.add_named(place, &[*id], &mut run);
            let Some(at) = run.iter().position(|event| event.id() == *id) else {
                continue;
            };
            for other in &others.0 {
                if bytes >= bytes_max {
                    return lists;
                }
                if let Some(event) = run[at].with_ciphertext(other.body.clone()) {
                    run[at] = event;
                    bytes += run.iter().map(carried).sum::<usize>();
                    lists.push(run.clone());
                }
            }
        }
        lists
    }

    /// Bodies of these events are dropped: the further ones go with them.
    pub(crate) fn forget_further(&mut self, ids: &[EventId]) -> Vec<Write> {
        let community = self.id;
        let Some(blind) = &mut self.blind else {
            return Vec::new();
        };
        let mut writes = Vec::new();
        for id in ids {
            if blind.others.contains_key(id) {
                blind.note_others(*id, None);
                writes.push(Write::Delete(Key::Others(community, *id).to_key()));
            }
        }
        writes
    }
}

impl<R: CryptoRng> Node<R> {
    /// Further ciphertexts of events are kept over a restart.
    pub(crate) fn store_further(&mut self, id: CommunityId, events: &[EventId]) {
        let blind = self.communities.get(&id).and_then(|one| one.blind.as_ref());
        let Some(blind) = blind else {
            return;
        };
        let others = |event: &EventId| Some((*event, blind.others.get(event)?));
        let writes: Vec<_> = events
            .iter()
            .filter_map(others)
            .map(|(event, others)| put(&Key::Others(id, event), others))
            .collect();
        if !writes.is_empty() {
            self.outbox.store(writes, After::Nothing);
        }
    }

    /// A home node has given ciphertexts that are not the committed ones.
    pub(crate) fn note_wrong_bodies(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        wrong: &[EventId],
    ) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        if community.blind.is_some() || !community.is_home(from) {
            return;
        }
        let of = community.wrong_at.iter();
        let mut noted = of.filter(|(home, _)| *home == from).count();
        for event in wrong {
            let room = noted < WRONG_BODIES_EACH_MAX;
            if room && community.wrong_at.len() < WRONG_BODIES_MAX {
                noted += usize::from(community.wrong_at.insert((from, *event)));
            }
        }
    }

    /// Gives a home node the right bodies of events of which it has given wrong ones: as many as one answer holds, the
    /// rest when both copies are compared again.
    pub(crate) fn give_right_bodies(&mut self, to: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let named: Vec<_> = community
            .wrong_at
            .iter()
            .filter(|(home, _)| *home == to)
            .map(|(_, event)| *event)
            .collect();
        if named.is_empty() {
            return;
        }
        let mut ranges = Vec::new();
        let mut bytes = 0;
        for event in named {
            if bytes >= CATCH_UP_BYTES_MAX || ranges.len() >= RANGES_PER_FRAME_MAX {
                break;
            }
            let Some((place, held)) = community.find(event) else {
                continue;
            };
            if held.body().is_none() || community.open(held).is_none() {
                continue;
            }
            let scope = held.header().scope;
            let mut run = Vec::new();
            community.add_named(place, &[event], &mut run);
            let packed = community.pack_blind(scope, &run);
            for range in packed {
                let range = range.to_bytes();
                bytes += range.len();
                ranges.push(range);
            }
            community.wrong_at.remove(&(to, event));
        }
        for range in ranges {
            let frame = Frame::Ranges {
                community: id,
                ranges: vec![range],
                more: false,
            };
            self.outbox.send(to, &frame);
        }
    }
}
