//! How often all peers of one place may ask: libp2p counts each IPv6 address for itself, of which every household has
//! 2^64.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::limits::BUCKETS_MAX;
use crate::quota::Source;

/// So many at once, and then one every so often, of each place.
#[derive(Debug)]
pub(crate) struct Rates {
    every: Duration,
    /// As long as that many take one after the other.
    burst: Duration,
    /// When a place has paid for all that it asked.
    paid: BTreeMap<Source, Instant>,
}

impl Rates {
    pub(crate) fn new(burst: u32, every: Duration) -> Self {
        Self {
            every,
            burst: every * burst,
            paid: BTreeMap::new(),
        }
    }

    /// Whether a place may ask now; that it asks is counted.
    pub(crate) fn take(&mut self, source: Source, now: Instant) -> bool {
        let paid = self.paid.get(&source).copied().unwrap_or(now).max(now) + self.every;
        if paid - now > self.burst {
            return false;
        }
        self.paid.insert(source, paid);
        if self.paid.len() > BUCKETS_MAX {
            self.paid.retain(|_, paid| *paid > now);
        }
        if self.paid.len() > BUCKETS_MAX {
            let least = self.paid.iter().filter(|(other, _)| **other != source);
            if let Some(least) = least.min_by_key(|(_, paid)| **paid).map(|(id, _)| *id) {
                self.paid.remove(&least);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(&text.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_household_asks_as_one_however_many_addresses_it_has() {
        let (mut rates, now) = (Rates::new(4, Duration::from_secs(10)), Instant::now());
        let mine = |n: u32| source(&format!("/ip6/2001:db8:1:2::{n:x}/tcp/1"));
        for n in 1..=4 {
            assert!(rates.take(mine(n), now), "{n}");
        }
        assert!(!rates.take(mine(5), now));
        assert!(rates.take(source("/ip6/2001:db8:1:3::1/tcp/1"), now));
        assert!(rates.take(source("/ip4/203.0.113.1/tcp/1"), now));
        let soon = now + Duration::from_secs(10);
        assert!(rates.take(mine(6), soon), "one more");
        assert!(!rates.take(mine(7), soon));
        let later = now + Duration::from_secs(1000);
        let taken = (0..10).filter(|_| rates.take(mine(1), later)).count();
        assert_eq!(taken, 4, "no more is saved up");
    }

    #[test]
    fn places_are_bounded_and_who_asks_most_is_remembered() {
        let (mut rates, now) = (Rates::new(2, Duration::from_secs(10)), Instant::now());
        let greedy = source("/ip4/203.0.113.1/tcp/1");
        assert!(rates.take(greedy, now) && rates.take(greedy, now));
        for n in 0..=BUCKETS_MAX {
            let place = format!("/ip6/2001:db8:{:x}:{:x}::1/tcp/1", n >> 16, n & 0xffff);
            rates.take(source(&place), now);
        }
        assert_eq!(rates.paid.len(), BUCKETS_MAX);
        assert!(!rates.take(greedy, now));
    }
}
