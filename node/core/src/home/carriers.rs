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
use crate::limits::{OTHER_CARRIERS_MAX, WRONG_BODIES_MAX};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;
use crate::wire::Frame;

/// Ciphertexts of one event beside the one that stands in its row, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OtherCarriers(pub(crate) Vec<Vec<u8>>);

impl Canonical for OtherCarriers {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for body in &self.0 {
            w.bytes(body);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(OTHER_CARRIERS_MAX, "other ciphertexts")?;
        let body = |_| r.bytes(BODY_BYTES_MAX, "ciphertext").map(<[u8]>::to_vec);
        Ok(Self((0..count).map(body).collect::<Result<_, _>>()?))
    }
}

impl OtherCarriers {
    pub(super) fn size(&self) -> u64 {
        self.0.iter().map(|body| body.len() as u64).sum()
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

impl Community {
    /// A further ciphertext of an event that is held blind with another one.
    pub(crate) fn keep_further(&mut self, held: &VerifiedEvent, came: &VerifiedEvent) -> Further {
        let (Some(blind), Some(first), Some(body)) = (&mut self.blind, held.body(), came.body())
        else {
            return Further::Known;
        };
        let id = held.id();
        let known = |others: &OtherCarriers| others.0.iter().any(|other| other == body);
        let is_beside = blind.others.get(&id).is_some_and(known);
        let takes_place = came.is_signed_as_held() && !held.is_signed_as_held();
        if held.header().kind != Kind::Sealed || first == body || (is_beside && !takes_place) {
            return Further::Known;
        }
        let mut others = blind.others.get(&id).cloned().unwrap_or_default();
        others.0.retain(|other| other != body);
        let beside = if takes_place { first } else { body };
        others.0.push(beside.to_vec());
        if others.0.len() > OTHER_CARRIERS_MAX {
            others.0.remove(0);
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
        others.any(|other| event.body() == Some(other.as_slice()))
    }

    /// The named events with each further ciphertext, each with those that prove it.
    pub(crate) fn further_carriers(
        &self,
        place: Place,
        named: &[EventId],
    ) -> Vec<Vec<VerifiedEvent>> {
        let Some(blind) = &self.blind else {
            return Vec::new();
        };
        let mut lists = Vec::new();
        for id in named {
            let others = blind
                .others
                .get(id)
                .into_iter()
                .flat_map(|others| &others.0);
            for body in others {
                let mut run = Vec::new();
                self.add_named(place, &[*id], &mut run);
                let at = run.iter_mut().find(|event| event.id() == *id);
                if let Some(event) = at
                    && let Some(other) = event.with_ciphertext(body.clone())
                {
                    *event = other;
                    lists.push(run);
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
        for event in wrong {
            if community.wrong_at.len() < WRONG_BODIES_MAX {
                community.wrong_at.insert((from, *event));
            }
        }
    }

    /// Gives a home node the right bodies of events of which it has given wrong ones.
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
        for event in named {
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
            ranges.extend(packed.iter().map(Canonical::to_bytes));
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
