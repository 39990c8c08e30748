//! How many bytes a peer, and all peers of one address, may send in a day: buckets that leak.
//!
//! What is counted is what the relay reads from a peer, on any stream: nearly all of it is what a circuit carries
//! onward. A spent quota ends circuits and refuses new ones until enough time has passed; streams of a few
//! kilobytes (a reservation, a ping) go on.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alloquy_ids::UnixMs;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

use crate::admission::Door;
use crate::limits::{BUCKETS_MAX, Limits};

/// In this time a spent bucket is full again.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The wall clock; a clock before 1970 is 1970.
pub(crate) fn wall() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    spent: u64,
    at: Instant,
}

impl Bucket {
    /// Forgives what a day's share of `capacity` forgives since the last look.
    fn leak(&mut self, capacity: u64, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let forgiven = u128::from(capacity) * passed.as_millis() / DAY.as_millis();
        if forgiven > 0 {
            let forgiven = u64::try_from(forgiven).unwrap_or(u64::MAX);
            self.spent = self.spent.saturating_sub(forgiven);
            self.at = now;
        }
    }
}

#[derive(Debug)]
struct Buckets<Id>(BTreeMap<Id, Bucket>);

impl<Id: Ord + Copy + Hash> Buckets<Id> {
    /// What is spent of a bucket, after `bytes` more.
    fn spend(&mut self, id: Id, bytes: u64, capacity: u64, now: Instant) -> u64 {
        let bucket = self.0.entry(id).or_insert(Bucket { spent: 0, at: now });
        bucket.leak(capacity, now);
        bucket.spent = bucket.spent.saturating_add(bytes);
        let spent = bucket.spent;
        if self.0.len() > BUCKETS_MAX {
            let least = self.0.iter().filter(|(other, _)| **other != id);
            if let Some((least, _)) = least.min_by_key(|(_, bucket)| bucket.spent) {
                let least = *least;
                self.0.remove(&least);
            }
        }
        spent
    }
}

/// Where a peer's packets come from: an IPv4 address, or the /64 that a household is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(address: &Multiaddr) -> Option<Self> {
        address.iter().find_map(|part| match part {
            Protocol::Ip4(ip) => Some(Self(ip.into())),
            Protocol::Ip6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) => Some(Self(ip.into())),
                None => {
                    let [a, b, c, d, ..] = ip.segments();
                    Some(Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()))
                }
            },
            _ => None,
        })
    }
}

#[derive(Debug)]
struct Shared {
    peers: Buckets<PeerId>,
    sources: Buckets<Source>,
}

/// Quotas of all peers and addresses.
#[derive(Clone, Debug)]
pub struct Quota {
    shared: Arc<Mutex<Shared>>,
    door: Door,
    peer_bytes: u64,
    address_bytes: u64,
    carried: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

impl Quota {
    /// Nothing is spent yet.
    #[must_use]
    pub fn new(limits: &Limits, door: &Door) -> Self {
        let shared = Shared {
            peers: Buckets(BTreeMap::new()),
            sources: Buckets(BTreeMap::new()),
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            door: door.clone(),
            peer_bytes: limits.peer_bytes,
            address_bytes: limits.address_bytes,
            carried: Arc::default(),
            cuts: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts `bytes` that came from a peer; whether it may send on.
    fn spend(&self, peer: PeerId, source: Option<Source>, bytes: u64, now: Instant) -> bool {
        self.carried.fetch_add(bytes, Ordering::Relaxed);
        let of_pass = self.door.bytes_per_day(&peer, wall());
        let capacity = of_pass.map_or(self.peer_bytes, |bytes| bytes.min(self.peer_bytes));
        let mut shared = self.lock();
        let of_peer = shared.peers.spend(peer, bytes, capacity, now) < capacity;
        let of_source = source.is_none_or(|source| {
            shared.sources.spend(source, bytes, self.address_bytes, now) < self.address_bytes
        });
        of_peer && of_source
    }

    /// Whether a peer may begin a circuit.
    pub(crate) fn may_begin(&self, peer: PeerId, address: &Multiaddr) -> bool {
        self.spend(peer, Source::of(address), 0, Instant::now())
    }

    /// Counts `bytes` of a circuit that a peer at `address` had begun.
    pub fn charge(&self, peer: PeerId, address: Option<&Multiaddr>, bytes: u64) {
        self.spend(peer, address.and_then(Source::of), bytes, Instant::now());
    }

    /// Bytes read from peers since the start.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// Streams that were cut because a quota was spent.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }

    pub(crate) fn meter(&self, peer: PeerId, address: &Multiaddr) -> Meter {
        Meter {
            quota: self.clone(),
            peer,
            source: Source::of(address),
        }
    }
}

/// Counts for one connection.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    quota: Quota,
    peer: PeerId,
    source: Option<Source>,
}

impl Meter {
    pub(crate) fn spend(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.quota
            .spend(self.peer, self.source, bytes, Instant::now())
    }

    pub(crate) fn cut(&self) {
        self.quota.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Admission;

    fn quota(peer_bytes: u64, address_bytes: u64) -> Quota {
        let limits = Limits {
            peer_bytes,
            address_bytes,
            ..Limits::default()
        };
        Quota::new(&limits, &Door::new(Admission::Open))
    }

    fn source(text: &str) -> Option<Source> {
        Source::of(&text.parse().unwrap())
    }

    #[test]
    fn a_spent_quota_comes_back_with_the_hours() {
        let quota = quota(1_000, 1_000_000);
        let (peer, now) = (PeerId::random(), Instant::now());
        let home = source("/ip4/203.0.113.1/tcp/1");
        assert!(quota.spend(peer, home, 999, now));
        assert!(!quota.spend(peer, home, 1, now));
        assert!(
            quota.spend(PeerId::random(), home, 500, now),
            "another peer"
        );
        assert!(!quota.spend(peer, home, 0, now + Duration::from_secs(60)));
        let half_a_day = now + DAY / 2;
        assert!(quota.spend(peer, home, 499, half_a_day));
        assert!(!quota.spend(peer, home, 1, half_a_day));
        assert_eq!(quota.carried(), 999 + 1 + 500 + 499 + 1);
    }

    #[test]
    fn peers_of_one_address_share_its_quota_and_a_household_is_its_prefix() {
        let quota = quota(1_000, 1_500);
        let now = Instant::now();
        let home = source("/ip6/2001:db8:1:2::1/udp/1/quic-v1");
        assert_eq!(home, source("/ip6/2001:db8:1:2:ffff::9/tcp/7"));
        assert_ne!(home, source("/ip6/2001:db8:1:3::1/tcp/7"));
        assert_eq!(
            source("/ip6/::ffff:203.0.113.1/tcp/1"),
            source("/ip4/203.0.113.1/tcp/2")
        );
        assert!(quota.spend(PeerId::random(), home, 900, now));
        assert!(!quota.spend(PeerId::random(), home, 900, now));
        assert!(quota.spend(PeerId::random(), source("/ip4/203.0.113.9/tcp/1"), 900, now));
    }

    #[test]
    fn who_has_spent_what_a_member_gives_begins_no_circuit() {
        let limits = Limits::of_member();
        let quota = Quota::new(&limits, &Door::new(Admission::Open));
        let (greedy, other) = (PeerId::random(), PeerId::random());
        let home: Multiaddr = "/ip4/203.0.113.1/tcp/1".parse().unwrap();
        let whole = limits.peer_bytes / limits.circuit_bytes;
        for _ in 0..whole {
            assert!(quota.may_begin(greedy, &home));
            quota.charge(greedy, Some(&home), limits.circuit_bytes);
        }
        assert!(!quota.may_begin(greedy, &home));
        assert!(quota.may_begin(other, &home));
        quota.charge(PeerId::random(), Some(&home), limits.address_bytes);
        assert!(!quota.may_begin(other, &home), "all of one house together");
    }

    #[test]
    fn buckets_are_bounded_and_those_who_spent_are_remembered() {
        let quota = quota(10, 1 << 40);
        let (greedy, now) = (PeerId::random(), Instant::now());
        assert!(!quota.spend(greedy, None, 10, now));
        let mut buckets = Buckets(BTreeMap::new());
        buckets.spend(u64::MAX, 10, 10, now);
        for n in 0..BUCKETS_MAX as u64 + 10 {
            buckets.spend(n, 1, 10, now);
            if n > BUCKETS_MAX as u64 {
                break;
            }
        }
        assert_eq!(buckets.0.len(), BUCKETS_MAX);
        assert_eq!(buckets.0[&u64::MAX].spent, 10);
    }
}
