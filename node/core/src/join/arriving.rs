//! How far a new device is with what its account has.

use std::collections::BTreeSet;

use alloquy_api::personal::CatchingUpView;
use alloquy_ids::NetworkKey;
use rand_core::CryptoRng;

use super::{JoinAttempt, Way};
use crate::node::Node;

impl JoinAttempt {
    /// Whether a device of a member asks a peer for the community.
    pub(crate) fn asks_as_device(&self, key: NetworkKey) -> bool {
        matches!(self.way, Way::Device(_)) && self.names(key)
    }
}

impl<R: CryptoRng> Node<R> {
    /// Of how many communities and conversations everything is here; `None`: of all that are known.
    pub(crate) fn catching_up(&self) -> Option<CatchingUpView> {
        let arrives = self.joins.iter();
        let arrives = arrives.filter(|(_, attempt)| matches!(attempt.way, Way::Device(_)));
        let coming: BTreeSet<_> = arrives.map(|(id, _)| *id).collect();
        if coming.is_empty() {
            return None;
        }
        let here = self.communities.iter();
        let here = here.filter(|(id, community)| {
            community.active && community.blind.is_none() && !coming.contains(*id)
        });
        let here = here.count();
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Some(CatchingUpView {
            here: number(here),
            of: number(here + coming.len()),
        })
    }
}
