//! Searching for a co-member whom no known address leads to.

use std::time::Duration;

use libp2p::{PeerId, kad};
use tokio::time::Instant;

use super::Task;
use crate::network::redial::{Target, Why};
use crate::network::seek;

/// Searches at once.
const SEARCHES_MAX: usize = 4;
/// A peer is searched for again after this.
const AGAIN: Duration = Duration::from_secs(60);

impl Task {
    /// Who answers searches and is asked: co-members that are connected, and those that are kept.
    pub(super) fn befriend(&mut self) {
        let friends = self.kept.union(&self.co_members).copied().collect();
        let seek = &mut self.swarm.behaviour_mut().seek;
        seek.befriend(friends);
        // Some said where they are before they were known to be friends.
        for (peer, said) in &self.said {
            seek.know(*peer, &said.places);
        }
    }

    /// All known addresses of a target have failed.
    pub(super) fn seek(&mut self, target: &Target) {
        let Target::Peer(peer) = target else { return };
        let now = Instant::now();
        let lately = self.sought.get(peer).is_some_and(|at| now < *at + AGAIN);
        let seek = &mut self.swarm.behaviour_mut().seek;
        if lately || !self.kept.contains(peer) || seek.searches() >= SEARCHES_MAX {
            return;
        }
        self.sought.retain(|_, at| now < *at + AGAIN);
        self.sought.insert(*peer, now);
        seek.seek(*peer);
    }

    /// A search has ended.
    pub(super) fn on_sought(&mut self, event: kad::Event) {
        for (peer, addresses) in seek::found(event) {
            if self.kept.contains(&peer) && !addresses.is_empty() {
                tracing::debug!(%peer, ?addresses, "a co-member was found");
                let own = *self.swarm.local_peer_id();
                self.relays.learn(&addresses, &own);
                self.want(peer, Why::Sought, addresses);
            }
        }
    }

    /// A peer is kept no more.
    pub(super) fn forget_sought(&mut self, peer: &PeerId) {
        self.kept.remove(peer);
        self.redial.unwant(*peer, Why::Sought);
        self.befriend();
    }
}
