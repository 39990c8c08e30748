//! How many accounts a source makes: each takes a core, the disk, and soon a node.

use std::collections::VecDeque;

use alloquy_ids::MonoMs;

use crate::attempts::Source;
use crate::limits::{REGISTRATION_WINDOW_MS, REGISTRATIONS_KEPT, REGISTRATIONS_MAX};

/// Who made accounts of late.
#[derive(Debug, Default)]
pub struct Registrations(VecDeque<(MonoMs, Source)>);

impl Registrations {
    /// Whether a source may make one more account; it then counts, made or not.
    pub fn take(&mut self, source: Source, now: MonoMs) -> bool {
        let over = |at: MonoMs| at.plus(REGISTRATION_WINDOW_MS) <= now;
        while self.0.front().is_some_and(|(at, _)| over(*at)) || self.0.len() >= REGISTRATIONS_KEPT
        {
            self.0.pop_front();
        }
        let made = self.0.iter().filter(|(_, by)| *by == source).count();
        let may = made < REGISTRATIONS_MAX;
        if may {
            self.0.push_back((now, source));
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_makes_so_many_an_hour_and_others_their_own() {
        let mut counted = Registrations::default();
        let mut take = |source, now| counted.take(Source(source), MonoMs(now));
        for _ in 0..REGISTRATIONS_MAX {
            assert!(take(1, 5));
        }
        assert!(!take(1, REGISTRATION_WINDOW_MS + 4));
        assert!(take(2, 5), "another's");
        assert!(take(1, REGISTRATION_WINDOW_MS + 5), "an hour later");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut counted = Registrations::default();
        for source in 0..2 * REGISTRATIONS_KEPT as u64 {
            assert!(counted.take(Source(source), MonoMs(0)));
        }
        assert_eq!(counted.0.len(), REGISTRATIONS_KEPT);
    }
}
