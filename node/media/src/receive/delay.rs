//! How long sound has to wait so that late packets still come in time.
//!
//! The method is that of WebRTC's NetEq: each packet's delay relative to the fastest one of the last seconds goes into
//! a histogram that forgets, and the 95th percentile is what to wait for. How late packets are that later ones repair
//! (RED, FEC, DRED) goes into a second one, which forgets more slowly, since losses are rare beside packets: while they
//! are more than some, waiting for most of the repairs is worth its delay.
//!
//! All times are samples at 48 kHz on the receiver's clock.

use crate::limits::{DELAY_MS_MAX, DELAY_MS_MIN, DELAY_START_LAN_MS, DELAY_START_MS, RATE};

/// Samples of a millisecond.
pub(crate) const MS: i64 = RATE as i64 / 1_000;
/// Width of a class: 5 ms, half a tick.
const CLASS: i64 = 5 * MS;
/// Classes: half a second; what is later falls into the last.
const CLASSES: usize = 100;
/// How much of the past each packet leaves, NetEq's value: half is forgotten after 40 packets.
const FORGET: f32 = 0.983;
/// The share of packets that have to come in time.
const IN_TIME: f32 = 0.95;
/// How much of the past of repairs each packet leaves: half is forgotten after 140 packets.
const FORGET_REPAIRS: f32 = 0.995;
/// The share of repairs that have to come in time: of ten losses one is the second of two, and is repaired a packet
/// later.
const REPAIRED_IN_TIME: f32 = 0.97;
/// The share of packets that are repaired from which on that is waited for.
const REPAIRS: f32 = 0.01;
/// Packets before the histogram is believed rather than the start value.
const LEARNT: u32 = 20;
/// The fastest packet is looked for in the last two of these: 2 s each, so that a longer path is learnt in 4 s.
const WINDOW: i64 = 2_000 * MS;

/// The delay that one link needs.
#[derive(Debug)]
pub(crate) struct Delay {
    shares: [f32; CLASSES],
    /// Of all packets those that were repaired, by how late that was.
    repairs: [f32; CLASSES],
    seen: u32,
    start: i64,
    /// Least difference of arrival and timestamp in the window before and in this one.
    fastest: [i64; 2],
    window_from: i64,
}

impl Delay {
    pub(crate) fn new() -> Self {
        Self {
            shares: [0.0; CLASSES],
            repairs: [0.0; CLASSES],
            seen: 0,
            start: DELAY_START_MS * MS,
            fastest: [i64::MAX; 2],
            window_from: 0,
        }
    }

    /// The link is one of a LAN: the first sound waits less.
    pub(crate) fn near(&mut self) {
        self.start = DELAY_START_LAN_MS * MS;
    }

    /// A packet with this timestamp came.
    pub(crate) fn arrived(&mut self, at: i64, timestamp: i64) {
        self.window(at, at - timestamp);
        self.count(at - timestamp);
    }

    /// What was lost can be repaired by what came now.
    pub(crate) fn repaired(&mut self, at: i64, timestamp: i64) {
        let Some(class) = self.class(at - timestamp) else {
            return;
        };
        self.repairs[class] += 1.0 - FORGET_REPAIRS;
    }

    /// The difference of clocks to the fastest packet: what is played at `at` without waiting has the timestamp
    /// `at - base()`. `None`: nothing came yet.
    pub(crate) fn base(&self) -> Option<i64> {
        let base = self.fastest[0].min(self.fastest[1]);
        (base != i64::MAX).then_some(base)
    }

    /// Samples to wait.
    pub(crate) fn target(&self) -> i64 {
        if self.seen < LEARNT {
            return self.start.max(self.percentile());
        }
        self.percentile()
            .clamp(DELAY_MS_MIN * MS, DELAY_MS_MAX * MS)
    }

    fn window(&mut self, at: i64, difference: i64) {
        if at - self.window_from >= WINDOW {
            let stale = at - self.window_from >= 2 * WINDOW;
            self.fastest[0] = if stale { i64::MAX } else { self.fastest[1] };
            self.fastest[1] = i64::MAX;
            self.window_from = at;
        }
        self.fastest[1] = self.fastest[1].min(difference);
    }

    fn class(&self, difference: i64) -> Option<usize> {
        let class = usize::try_from((difference - self.base()?) / CLASS).unwrap_or(0);
        Some(class.min(CLASSES - 1))
    }

    fn count(&mut self, difference: i64) {
        let Some(class) = self.class(difference) else {
            return;
        };
        for share in &mut self.shares {
            *share *= FORGET;
        }
        for share in &mut self.repairs {
            *share *= FORGET_REPAIRS;
        }
        // At first each packet weighs the same, so that the shares are right before the past is long.
        let weight = (1.0 - FORGET).max(1.0 / (self.seen + 1) as f32);
        if self.seen < 60 {
            let sum: f32 = self.shares.iter().sum();
            if sum > 0.0 {
                let rest = (1.0 - weight) / sum;
                self.shares.iter_mut().for_each(|share| *share *= rest);
            }
        }
        self.shares[class] += weight;
        self.seen = self.seen.saturating_add(1);
    }

    /// Packets are taken at ticks as sound is, so that the wait for the next tick is in their lateness.
    fn percentile(&self) -> i64 {
        let repairs: f32 = self.repairs.iter().sum();
        let repaired = match repairs > REPAIRS {
            true => reached(&self.repairs, REPAIRED_IN_TIME),
            false => 0,
        };
        reached(&self.shares, IN_TIME).max(repaired)
    }
}

/// The upper edge of the class up to which this share came.
fn reached(shares: &[f32; CLASSES], wanted: f32) -> i64 {
    let sum: f32 = shares.iter().sum();
    let mut late = sum;
    for (class, share) in shares.iter().enumerate() {
        late -= share;
        if late <= sum * (1.0 - wanted) {
            return (class as i64 + 1) * CLASS;
        }
    }
    CLASSES as i64 * CLASS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms; each `lateness` in milliseconds.
    fn fed(delay: &mut Delay, from: i64, lateness: impl IntoIterator<Item = i64>) -> i64 {
        let mut n = from;
        for late in lateness {
            delay.arrived(7 + (n * 20 + late) * MS, n * 20 * MS);
            n += 1;
        }
        n
    }

    #[test]
    fn it_starts_by_the_kind_of_path_and_learns() {
        let mut delay = Delay::new();
        assert_eq!(delay.target(), 80 * MS);
        delay.near();
        assert_eq!(delay.target(), 40 * MS);
        fed(&mut delay, 0, [0; 100]);
        assert_eq!(delay.target(), DELAY_MS_MIN * MS);
    }

    #[test]
    fn it_waits_for_nineteen_of_twenty() {
        let mut delay = Delay::new();
        let lateness = (0..400).map(|n| if n % 10 == 0 { 60 } else { 3 });
        fed(&mut delay, 0, lateness);
        assert!(delay.target() >= 60 * MS, "{}", delay.target() / MS);
        let mut rare = Delay::new();
        fed(
            &mut rare,
            0,
            (0..400).map(|n| if n % 50 == 0 { 60 } else { 3 }),
        );
        assert!(rare.target() <= 30 * MS, "{}", rare.target() / MS);
    }

    #[test]
    fn lateness_is_forgotten_within_four_seconds() {
        let mut delay = Delay::new();
        let n = fed(&mut delay, 0, [0; 100]);
        let n = fed(&mut delay, n, [200; 50]);
        assert!(delay.target() >= 200 * MS);
        fed(&mut delay, n, [0; 200]);
        assert!(delay.target() <= 30 * MS, "{}", delay.target() / MS);
    }

    #[test]
    fn a_longer_path_is_learnt() {
        let mut delay = Delay::new();
        let n = fed(&mut delay, 0, [0; 100]);
        let n = fed(&mut delay, n, [300; 250]);
        assert_eq!(delay.target(), 250 * MS.min(DELAY_MS_MAX * MS));
        fed(&mut delay, n, [300; 200]);
        assert_eq!(delay.target(), DELAY_MS_MIN * MS);
    }

    #[test]
    fn repairs_are_waited_for() {
        let mut delay = Delay::new();
        for n in 0..300_i64 {
            if n % 20 == 0 {
                delay.repaired(((n + 2) * 20) * MS, n * 20 * MS);
            } else {
                delay.arrived(n * 20 * MS, n * 20 * MS);
            }
        }
        assert_eq!(delay.target(), 45 * MS);
        // They stay known through two seconds without a loss, and are forgotten after ten.
        fed(&mut delay, 302, [0; 100]);
        assert_eq!(delay.target(), 45 * MS);
        fed(&mut delay, 402, [0; 400]);
        assert_eq!(delay.target(), DELAY_MS_MIN * MS);
    }
}
