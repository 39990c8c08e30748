//! Faults of peers: counted, forgotten with time, and at a limit answered by a block.
//!
//! Only faults that are visible in the bytes that a peer itself sent are counted (docs/protocol.md, "Limits
//! against hostile peers"): an honest peer never makes one, a peer of another version makes few.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::PeerId;
use tokio::time::Instant;

/// Faults that lead to a block.
const FAULTS_MAX: u32 = 8;
/// How long a fault is remembered after the last one.
const FAULT_MEMORY: Duration = Duration::from_secs(600);
/// How long a block lasts.
const BLOCK: Duration = Duration::from_secs(600);
/// Peers remembered at once; peer ids are free, so the oldest is forgotten first.
const PEERS_MAX: usize = 1024;

/// What was done wrong, and by whom.
#[derive(Debug, Default)]
pub(super) struct Faults {
    peers: BTreeMap<PeerId, Record>,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    count: u32,
    last: Instant,
}

impl Faults {
    /// Counts a fault; whether the peer is to be blocked now.
    pub(super) fn count(&mut self, peer: PeerId, now: Instant) -> bool {
        self.peers
            .retain(|_, record| now < record.last + FAULT_MEMORY.max(BLOCK));
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&peer) {
            let oldest = self
                .peers
                .iter()
                .min_by_key(|(_, record)| record.last)
                .map(|(peer, _)| *peer);
            if let Some(oldest) = oldest {
                self.peers.remove(&oldest);
            }
        }
        let record = self.peers.entry(peer).or_insert(Record {
            count: 0,
            last: now,
        });
        record.count += 1;
        record.last = now;
        record.count == FAULTS_MAX
    }

    /// Whether the peer is not served now.
    pub(super) fn is_blocked(&self, peer: &PeerId, now: Instant) -> bool {
        self.peers
            .get(peer)
            .is_some_and(|record| record.count >= FAULTS_MAX && now < record.last + BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_faults_blocks_for_a_while_and_old_ones_are_forgotten() {
        let (mut faults, peer, now) = (Faults::default(), PeerId::random(), Instant::now());
        let blocked: Vec<_> = (0..FAULTS_MAX).map(|_| faults.count(peer, now)).collect();
        assert_eq!(blocked.iter().filter(|blocked| **blocked).count(), 1);
        assert!(blocked.last().unwrap());
        assert!(faults.is_blocked(&peer, now + BLOCK / 2));
        assert!(!faults.is_blocked(&peer, now + BLOCK));
        assert!(!faults.is_blocked(&PeerId::random(), now));

        let slow = (0..50).any(|n| faults.count(peer, now + FAULT_MEMORY * n));
        assert!(!slow, "a fault now and then is no reason");
    }

    #[test]
    fn invented_peers_do_not_fill_the_memory() {
        let (mut faults, now) = (Faults::default(), Instant::now());
        for _ in 0..(PEERS_MAX + 10) {
            faults.count(PeerId::random(), now);
        }
        assert_eq!(faults.peers.len(), PEERS_MAX);
    }
}
