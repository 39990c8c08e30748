//! What those are told who are members no more: the authority operations up to and including their removal.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, CommunityId, EventId, NetworkKey};
use alloquy_schema::codec::Canonical;
use alloquy_schema::dag::Height;
use rand_core::CryptoRng;

use crate::limits::WANTED_MAX;
use crate::node::Node;
use crate::wire::{Frame, ScopeHeights};

impl<R: CryptoRng> Node<R> {
    /// A removed account, or whoever it let in, is told so: the authority log up to and including the removal. So is
    /// a revoked device. Whoever was a member before a removed account let it in again is told both: its own end
    /// alone it knows, and it would hold itself for a member for ever.
    pub(super) fn former_member_frame(&mut self, from: NetworkKey, id: CommunityId, frame: &Frame) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let known = match frame {
            Frame::Digest { .. } | Frame::Marks { .. } => None,
            Frame::Heights { scopes, .. } => Some(
                scopes
                    .iter()
                    .find(|scope| scope.scope == id.into())
                    .map_or(&[][..], |scope| &scope.heights),
            ),
            _ => return,
        };
        let ended = community.device_of(from);
        let accounts: BTreeSet<AccountId> = ended
            .map(|(account, _)| account)
            .into_iter()
            .chain(community.outsiders.get(&from).copied())
            .collect();
        let removals = accounts
            .into_iter()
            .flat_map(|account| community.authority.removals(account));
        // One removal may have ended both.
        let mut removals: Vec<_> = removals.collect::<BTreeSet<_>>().into_iter().collect();
        if let Some((_, device)) = ended.filter(|_| removals.is_empty()) {
            removals.extend(community.authority.stops(device));
        }
        if !removals.is_empty() {
            self.tell_removals(from, id, removals, known);
        }
    }

    /// Tells what ended a membership. `known`: where the peer stands; it is asked for that first, so that it is
    /// not given what it has.
    pub(super) fn tell_removals(
        &mut self,
        to: NetworkKey,
        id: CommunityId,
        removals: Vec<EventId>,
        known: Option<&[Height]>,
    ) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some(known) = known else {
            let scope = ScopeHeights {
                scope: id.into(),
                heights: Vec::new(),
                wanted: removals.into_iter().take(WANTED_MAX).collect(),
                answer: true,
            };
            return self.outbox.send(
                to,
                &Frame::Heights {
                    community: id,
                    scopes: vec![scope],
                },
            );
        };
        let dag = community.authority.dag();
        let events: Vec<_> = dag
            .missing(known, &[])
            .into_iter()
            .filter(|event| dag.in_closure(&removals, event.id()))
            .collect();
        // Operations are in clear: no account's keys matter here.
        let ranges: Vec<_> = community
            .pack_for_member(AccountId::ZERO, id.into(), &events)
            .iter()
            .map(Canonical::to_bytes)
            .collect();
        if !ranges.is_empty() {
            self.outbox.send(
                to,
                &Frame::Ranges {
                    community: id,
                    ranges,
                    more: false,
                },
            );
        }
    }
}
