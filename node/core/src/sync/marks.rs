//! Where a node stands, in eight bytes per log: heads by the first bytes of their ids.
//!
//! Whoever holds all the heads that are named knows all that heights would tell it. Whoever lacks one can not tell
//! whose it is, and states its own heights in full. Two ids that begin alike would hide a difference: marks are
//! sent once, and when the copies still differ at the next comparison, heights are.

use std::collections::BTreeSet;

use alloquy_ids::{CommunityId, NetworkKey};
use alloquy_schema::dag::{Dag, Height};
use rand_core::CryptoRng;

use crate::community::Place;
use crate::limits::HEIGHTS_PER_FRAME;
use crate::node::Node;
use crate::wire::{Frame, Mark, ScopeHeights, ScopeMarks};

impl<R: CryptoRng> Node<R> {
    /// Says where this node stands in some places, and asks for what it lacks there.
    pub(crate) fn stand(&mut self, to: NetworkKey, id: CommunityId, places: &[Place]) {
        let session = self.session(to, id);
        let marked = session.is_none_or(|session| std::mem::replace(&mut session.marked, true));
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let marks = |dag: &Dag| -> Vec<Mark> {
            let heights = dag.proved_heights();
            heights.iter().map(mark).collect()
        };
        let scopes: Vec<_> = places
            .iter()
            .map(|place| ScopeMarks {
                scope: community.scope(*place),
                marks: community.dag(*place).map(marks).unwrap_or_default(),
            })
            .collect();
        let heads: usize = scopes.iter().map(|scope| scope.marks.len()).sum();
        if marked || heads > HEIGHTS_PER_FRAME {
            return self.ask_for(id, places, to);
        }
        let frame = Frame::Marks {
            community: id,
            scopes,
        };
        self.outbox.send(to, &frame);
    }

    /// A peer says where it stands: what it lacks is given if all that it names is held here.
    pub(crate) fn marks(&mut self, from: NetworkKey, id: CommunityId, scopes: Vec<ScopeMarks>) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut shared = self.places_with(community, from);
        shared.push((id.into(), Place::Authority));
        let mut known = Vec::new();
        let mut strange = Vec::new();
        let mut seen = BTreeSet::new();
        for theirs in scopes {
            let place = shared.iter().find(|(scope, _)| *scope == theirs.scope);
            let Some((scope, place)) = place.filter(|_| seen.insert(theirs.scope)) else {
                continue;
            };
            match read(community.dag(*place), &theirs.marks) {
                Some(heights) => known.push(ScopeHeights {
                    scope: *scope,
                    heights,
                    wanted: Vec::new(),
                    answer: true,
                }),
                None => strange.push(*place),
            }
        }
        if !known.is_empty() {
            self.heights(from, id, known);
        }
        if !strange.is_empty() {
            self.ask_for(id, &strange, from);
        }
    }
}

fn mark(height: &Height) -> Mark {
    *height
        .head
        .as_bytes()
        .first_chunk()
        .expect("an id has 32 bytes")
}

/// The heights that marks stand for; `None` if one is of an event that is not held.
fn read(dag: Option<&Dag>, marks: &[Mark]) -> Option<Vec<Height>> {
    let height = |mark: &Mark| {
        let event = dag?.find(*mark)?;
        let header = event.header();
        Some(Height {
            device: header.device,
            incarnation: header.incarnation,
            height: header.seq + 1,
            head: event.id(),
        })
    };
    marks.iter().map(height).collect()
}
