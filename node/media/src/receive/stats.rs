//! What a link counts, as [`LinkStats`] shows it.

use std::collections::VecDeque;

use alloquy_api::voice::LinkStats;

use crate::limits::{RATE, RTP_HEADER_BYTES};

/// Seconds over which losses are told.
const LOSS_SECONDS: usize = 5;
/// Sequence numbers that are remembered to know a duplicate.
const REMEMBERED: i64 = 64;
/// A sequence number that leaps further belongs to another stream.
const LEAP: i64 = 3_000;

/// Whether a sequence number is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Not seen before, and none is missing between it and the one before.
    Next,
    /// Not seen before; this many are missing between it and the greatest one so far.
    After(i64),
    /// Not seen before, older than the greatest one.
    Reordered,
    /// Seen before, or too old to know.
    Duplicate,
}

/// Counters of one link.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    newest: Option<i64>,
    /// Bit n: the number `newest - n` was received.
    received: u64,
    expected_now: u32,
    received_now: u32,
    seconds: VecDeque<(u32, u32)>,
    jitter: f32,
    transit: Option<i64>,
    bytes: u64,
    concealed: u32,
    /// Packets that were no Opus, no RED, or too great.
    pub(crate) malformed: u64,
}

impl Counters {
    /// Takes a number of 16 bits, as the one nearest to the greatest so far.
    pub(crate) fn sequence(&mut self, number: u16) -> (i64, Seen) {
        let Some(newest) = self.newest else {
            self.newest = Some(i64::from(number));
            self.received = 1;
            self.expected_now += 1;
            self.received_now += 1;
            return (i64::from(number), Seen::Next);
        };
        let step = i64::from(number.wrapping_sub(newest as u16) as i16);
        if step.abs() > LEAP {
            self.newest = None;
            return self.sequence(number);
        }
        let number = newest + step;
        (number, self.place(newest, number))
    }

    fn place(&mut self, newest: i64, number: i64) -> Seen {
        let step = number - newest;
        if step > 0 {
            self.newest = Some(number);
            self.received = if step < REMEMBERED {
                (self.received << step) | 1
            } else {
                1
            };
            self.expected_now += u32::try_from(step).unwrap_or(0);
            self.received_now += 1;
            return match step {
                1 => Seen::Next,
                _ => Seen::After(step - 1),
            };
        }
        if -step >= REMEMBERED || (self.received >> -step) & 1 == 1 {
            return Seen::Duplicate;
        }
        self.received |= 1 << -step;
        self.received_now += 1;
        Seen::Reordered
    }

    /// A packet of these bytes arrived; jitter as in RFC 3550, 6.4.1.
    pub(crate) fn packet(&mut self, at: i64, timestamp: i64, bytes: usize) {
        self.bytes += bytes as u64 + RTP_HEADER_BYTES;
        let transit = at - timestamp;
        if let Some(before) = self.transit.replace(transit) {
            self.jitter += ((transit - before).abs() as f32 - self.jitter) / 16.0;
        }
    }

    /// So many samples had to be made up.
    pub(crate) fn concealed(&mut self, samples: usize) {
        self.concealed += samples as u32;
    }

    /// The last second, and begins the next. Delay, level, round trip and what goes out are the caller's.
    pub(crate) fn second(&mut self) -> LinkStats {
        self.seconds
            .push_back((self.expected_now, self.received_now));
        if self.seconds.len() > LOSS_SECONDS {
            self.seconds.pop_front();
        }
        let sums = self
            .seconds
            .iter()
            .fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
        let stats = LinkStats {
            lost_in: per_mille(sums.0.saturating_sub(sums.1), sums.0),
            jitter_ms: (self.jitter * 1_000.0 / RATE as f32).round() as u32,
            concealed_ms: (self.concealed * 1_000 / RATE).min(1_000) as u16,
            bytes_in: u32::try_from(self.bytes).unwrap_or(u32::MAX),
            ..LinkStats::default()
        };
        (self.expected_now, self.received_now) = (0, 0);
        (self.bytes, self.concealed) = (0, 0);
        stats
    }
}

fn per_mille(part: u32, whole: u32) -> u16 {
    (u64::from(part) * 1_000 / u64::from(whole.max(1))) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_and_losses_duplicates_and_reordering_are_told_apart() {
        let mut counters = Counters::default();
        let mut seen = |number| counters.sequence(number).1;
        assert_eq!(seen(65_534), Seen::Next);
        assert_eq!(seen(65_535), Seen::Next);
        assert_eq!(seen(2), Seen::After(2));
        assert_eq!(seen(1), Seen::Reordered);
        assert_eq!(seen(1), Seen::Duplicate);
        assert_eq!(seen(65_535), Seen::Duplicate);
        assert_eq!(counters.second().lost_in, 200);
    }

    #[test]
    fn another_stream_begins_anew() {
        let mut counters = Counters::default();
        counters.sequence(10);
        assert_eq!(counters.sequence(30_000), (30_000, Seen::Next));
        assert_eq!(counters.second().lost_in, 0);
    }

    #[test]
    fn jitter_is_that_of_the_rfc() {
        let mut counters = Counters::default();
        for n in 0..200 {
            counters.packet(n * 960 + (n % 2) * 480, n * 960, 100);
        }
        assert_eq!(counters.second().jitter_ms, 10);
    }
}
