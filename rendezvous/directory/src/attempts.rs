//! How long a log-in waits: those who guess wait longer and longer, and keep nobody out.
//!
//! A *source* is a household, as a keyed hash. One that has logged in to an account before waits for its own failures
//! only; strangers wait for those of all strangers, too, so that many sources gain nothing. Nobody ever waits longer
//! than [`WAIT_MS_MAX`], and the right password is right whenever it comes.

use std::collections::{BTreeMap, VecDeque};

use alloquy_ids::MonoMs;

use crate::limits::{
    FAILURES_KEPT_MS, FREE_FAILURES, FREE_FAILURES_OF_ALL, SOURCES_MAX, WAIT_FIRST_MS, WAIT_MS_MAX,
};

/// A household, as whoever holds the sockets tells it apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(pub u64);

/// A password that is no account's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// That of the rendezvous itself.
    Entry,
    /// That of an operator.
    Operator,
}

impl Gate {
    /// Under what attempts at it are counted: no account can be named so.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Entry => "\0entry",
            Self::Operator => "\0operator",
        }
    }
}

/// Who is counted: a name, known or not, and a source; without one, all strangers together.
type Key = (String, Option<Source>);

#[derive(Debug, Default)]
struct Count {
    failures: u32,
    last: MonoMs,
    /// Whether the source has logged in to the account.
    known: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Attempts {
    counts: BTreeMap<Key, Count>,
    order: VecDeque<Key>,
}

impl Attempts {
    /// Milliseconds that the next attempt waits.
    pub(crate) fn wait(&self, name: &str, source: Source, now: MonoMs) -> u64 {
        let own = self.counts.get(&(name.to_owned(), Some(source)));
        let own_wait = own.map_or(0, |own| own.wait(FREE_FAILURES, now));
        if own.is_some_and(|own| own.known) {
            return own_wait;
        }
        let all = self.counts.get(&(name.to_owned(), None));
        own_wait.max(all.map_or(0, |all| all.wait(FREE_FAILURES_OF_ALL, now)))
    }

    /// Failures of all sources since the last success: to be told to the owner.
    pub(crate) fn failures(&self, name: &str) -> u32 {
        let all = self.counts.get(&(name.to_owned(), None));
        all.map_or(0, |all| all.failures)
    }

    pub(crate) fn failed(&mut self, name: &str, source: Source, now: MonoMs) {
        for source in [Some(source), None] {
            let count = self.entry((name.to_owned(), source));
            if now.0.saturating_sub(count.last.0) > FAILURES_KEPT_MS {
                count.failures = 0;
            }
            count.failures = count.failures.saturating_add(1);
            count.last = now;
        }
    }

    pub(crate) fn succeeded(&mut self, name: &str, source: Source) {
        let own = self.entry((name.to_owned(), Some(source)));
        own.failures = 0;
        own.known = true;
        self.entry((name.to_owned(), None)).failures = 0;
    }

    /// The same where anybody may know the secret: what others failed at stays counted.
    pub(crate) fn succeeded_alone(&mut self, name: &str, source: Source) {
        let own = self.entry((name.to_owned(), Some(source)));
        own.failures = 0;
        own.known = true;
    }

    fn entry(&mut self, key: Key) -> &mut Count {
        if !self.counts.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > SOURCES_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.counts.remove(&oldest);
            }
        }
        self.counts.entry(key).or_default()
    }
}

impl Count {
    fn wait(&self, free: u32, now: MonoMs) -> u64 {
        let since = now.0.saturating_sub(self.last.0);
        let over = self.failures.saturating_sub(free);
        if over == 0 || since > FAILURES_KEPT_MS {
            return 0;
        }
        let doubled = WAIT_FIRST_MS.saturating_mul(1 << (over - 1).min(20));
        doubled.min(WAIT_MS_MAX).saturating_sub(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Source = Source(1);
    const START: MonoMs = MonoMs(1_000_000);

    #[test]
    fn a_source_waits_longer_and_longer_but_never_for_ever() {
        let mut attempts = Attempts::default();
        let mut waits = Vec::new();
        for _ in 0..12 {
            waits.push(attempts.wait("ana", HOME, START));
            attempts.failed("ana", HOME, START);
        }
        assert_eq!(waits[..6], [0, 0, 0, 0, 1_000, 2_000]);
        assert_eq!(waits.last(), Some(&WAIT_MS_MAX));
        assert_eq!(attempts.wait("ben", HOME, START), 0, "of this account only");
        let later = START.plus(WAIT_MS_MAX - 1);
        assert_eq!(attempts.wait("ana", HOME, later), 1, "time counts");
        assert_eq!(
            attempts.wait("ana", HOME, START.plus(FAILURES_KEPT_MS + 1)),
            0
        );
        attempts.succeeded("ana", HOME);
        assert_eq!(attempts.wait("ana", HOME, START), 0);
    }

    #[test]
    fn many_sources_gain_nothing_and_whoever_was_here_does_not_wait_for_them() {
        let mut attempts = Attempts::default();
        attempts.succeeded("ana", HOME);
        for source in 100..150 {
            attempts.failed("ana", Source(source), START);
        }
        assert_eq!(attempts.wait("ana", Source(999), START), WAIT_MS_MAX);
        assert_eq!(attempts.wait("ana", HOME, START), 0);
        assert_eq!(attempts.failures("ana"), 50);
        attempts.succeeded("ana", HOME);
        assert_eq!(attempts.failures("ana"), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut attempts = Attempts::default();
        for source in 0..SOURCES_MAX as u64 + 100 {
            attempts.failed("ana", Source(source), START);
        }
        assert!(attempts.counts.len() <= SOURCES_MAX && attempts.order.len() <= SOURCES_MAX);
    }
}
