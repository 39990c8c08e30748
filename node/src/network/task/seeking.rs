//! Searching for a co-member whom no known address leads to.

use std::collections::BTreeSet;
use std::time::Duration;

use libp2p::PeerId;
use tokio::time::Instant;

use super::Task;
use super::reaching::Said;
use crate::network::redial::{Target, Why};
use crate::network::seek::Found;

/// Searches at once.
const SEARCHES_MAX: usize = 4;
/// A peer is searched for again after this.
const AGAIN: Duration = Duration::from_secs(60);

impl Task {
    /// Who is answered and asked: co-members that are connected, and those that are kept.
    pub(super) fn befriend(&mut self) {
        let friends: BTreeSet<_> = self.kept.union(&self.co_members).copied().collect();
        let behaviour = self.swarm.behaviour_mut();
        behaviour.answers.befriend(friends.clone());
        let seek = &mut behaviour.seek;
        let communities = |peer: PeerId| {
            let known = self.communities.get(&peer).cloned();
            (peer, known.unwrap_or_default())
        };
        seek.befriend(friends.into_iter().map(communities).collect());
        // Some said where they are before they were known to be friends.
        for (peer, said) in &self.said {
            seek.know(*peer, &said.places);
        }
    }

    /// All known addresses of a target have failed.
    pub(super) fn seek(&mut self, target: &Target) {
        let Target::Peer(peer) = target else { return };
        let now = Instant::now();
        // Nobody can be asked yet: the next failure comes soon.
        let asked = |(other, said): (&PeerId, &Said)| {
            let friend = self.kept.contains(other) || self.co_members.contains(other);
            friend && !said.places.is_empty()
        };
        if !self.said.iter().any(asked) {
            return;
        }
        let lately = self.sought.get(peer).is_some_and(|at| now < *at + AGAIN);
        let seek = &mut self.swarm.behaviour_mut().seek;
        if lately || !self.kept.contains(peer) || seek.searches() >= SEARCHES_MAX {
            return;
        }
        self.sought.retain(|_, at| now < *at + AGAIN);
        self.sought.insert(*peer, now);
        seek.seek(*peer);
    }

    /// A search led to somebody.
    pub(super) fn on_found(&mut self, found: Found) {
        let Found { peer, addresses } = found;
        if self.kept.contains(&peer) && !self.swarm.is_connected(&peer) {
            tracing::debug!(%peer, ?addresses, "a co-member was found");
            let own = *self.swarm.local_peer_id();
            self.relays.learn(&addresses, &own);
            self.want(peer, Why::Sought, addresses);
        }
    }

    /// A peer is kept no more.
    pub(super) fn forget_sought(&mut self, peer: &PeerId) {
        self.kept.remove(peer);
        self.redial.unwant(*peer, Why::Sought);
        self.befriend();
    }
}
