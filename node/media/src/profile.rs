//! How speech is encoded, by what the receivers report: more protection where packets are lost, less delay where none
//! are, few bits where the uplink is full.
//!
//! The worst receiver of the last five seconds decides, because a packet is encoded once for all. It gets worse at once
//! and better only when ten seconds long all was well enough, so that it does not swing; two seconds where the worse one
//! was taken because nothing was known.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use alloquy_api::voice::MediaLink;

use crate::codec::EncoderSettings;
use crate::transport::Feedback;

/// How far back reports count.
const REPORTS_FROM: Duration = Duration::from_secs(5);
/// Half of the time in which the least round trip counts: after a change of the path the old one's is soon forgotten.
const LEAST_WINDOW: Duration = Duration::from_secs(30);
/// How long a better state must last before it is believed.
const BETTER_AFTER: Duration = Duration::from_secs(10);
/// The same where the worse one was taken because nothing was known: at first, and after an interruption.
const FIRST_AFTER: Duration = Duration::from_secs(2);
/// Reports of the last five seconds that each receiver has to have sent before that is believed.
const REPORTS_FIRST: usize = 3;
/// Reports of one link that are kept: five seconds of one every 50 ms.
const REPORTS_MAX: usize = 100;
/// Loss below which a link is clean.
const CLEAN_LOSS: f32 = 0.005;
/// Round trip below which a link is clean, milliseconds.
const CLEAN_ROUND_TRIP_MS: f32 = 80.0;
/// Loss from which on DRED is worth its bits.
const LOSSY: f32 = 0.02;
/// Loss from which on whole copies are worth theirs.
const VERY_LOSSY: f32 = 0.10;
/// Getting better needs this share of the limit.
const HYSTERESIS: f32 = 0.7;
/// The same for copies: they take so many bits that at 6 % of loss speech is better without them, and of five seconds
/// with 6 % of loss a third have more than 7 %.
const COPIES_HYSTERESIS: f32 = 0.85;
/// Milliseconds by which a round trip grows when a queue on the way is full.
const QUEUE_MS: f32 = 250.0;
/// A receiver that reports this much later than twice its usual interval was away: its machine slept, or had no time.
const AWAY_AFTER: Duration = Duration::from_millis(2_500);
/// What it reports so soon after that still tells of that: packets and reports that waited for it.
const CAUGHT_UP_AFTER: Duration = Duration::from_secs(2);
/// Who has heard of no receiver for this long gives the best state up, and what its last round trip was.
const SILENT_AFTER: Duration = Duration::from_secs(20);
/// Share of a new interval in the usual one.
const INTERVAL_SHARE: f64 = 0.25;
/// Receivers up to which a clean uplink gets the better bit rate.
const FEW_LINKS: usize = 4;

/// A line of the table, from best to worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Hardly anything is lost and the way is short.
    Clean,
    /// Nothing is known, or all is ordinary.
    #[default]
    Ordinary,
    /// 2 to 10 % are lost.
    Lossy,
    /// More than 10 % are lost, and the uplink has room for copies.
    VeryLossy,
    /// The uplink is full: copies would make it worse.
    Starved,
}

/// What the encoder and the packets look like in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Milliseconds of sound in a packet: 10, 20 or 40.
    pub frame_ms: usize,
    /// Copies of earlier frames in each packet (RED).
    pub copies: usize,
    /// The encoder.
    pub encoder: EncoderSettings,
}

impl State {
    /// The profile for so many receivers; `loss` is the worst one's, 0 to 1.
    #[must_use]
    pub fn profile(self, links: usize, loss: f32) -> Profile {
        let clean = if links <= FEW_LINKS { 64_000 } else { 48_000 };
        let loss = (loss * 100.0).round() as i32;
        let (frame_ms, bitrate, fec, least_loss, dred_ms, copies) = match self {
            Self::Clean => (10, clean, false, 0, 0, 0),
            Self::Ordinary => (20, 40_000, true, 5, 0, 0),
            Self::Lossy => (20, 64_000, true, 5, 200, 0),
            // Three copies outlive a burst of three; DRED would take its bits from every frame that does come
            // (ARCHITECTURE.md has what was measured).
            Self::VeryLossy => (20, 32_000, false, 10, 0, 3),
            Self::Starved => (40, 18_000, true, 10, 0, 0),
        };
        let expected_loss = match self {
            Self::Clean => 0,
            _ => loss.clamp(least_loss, 30),
        };
        Profile {
            frame_ms,
            copies,
            encoder: EncoderSettings {
                bitrate,
                fec,
                expected_loss,
                dred_ms,
            },
        }
    }
}

#[derive(Debug, Default)]
struct Reports {
    recent: VecDeque<(Instant, Feedback)>,
    /// The least round trip of the window that runs and of the one before it, milliseconds.
    least: [Option<f32>; 2],
    /// When the running window began.
    window: Option<Instant>,
    /// When the last report came.
    last: Option<Instant>,
    /// What usually lies between two.
    interval: Option<Duration>,
    /// The receiver was away before the last one.
    away: bool,
    /// Until then what it reports tells of its having been away.
    behind_until: Option<Instant>,
    /// The last round trip, and when it was told.
    known: Option<(Instant, f32)>,
}

impl Reports {
    fn loss(&self) -> f32 {
        let sum: f32 = self.recent.iter().map(|(_, report)| report.lost).sum();
        sum / self.recent.len().max(1) as f32
    }

    /// The newest of the last seconds. The first reports after an interruption tell none: then the one before it.
    fn round_trip(&self) -> Option<f32> {
        let of = |(at, report): &(Instant, Feedback)| Some((*at, report.round_trip_ms?));
        let newest = self.recent.back().map(|(at, _)| *at);
        let known = self
            .known
            .filter(|(at, _)| newest.is_some_and(|now| now <= *at + SILENT_AFTER));
        let told = self.recent.iter().rev().find_map(of).or(known);
        told.map(|(_, ms)| ms)
    }

    /// Whether they tell enough to judge the way by; the first ones come before a round trip is known.
    fn tell(&self) -> bool {
        self.round_trip().is_some() || self.loss() >= CLEAN_LOSS * HYSTERESIS
    }

    /// A report came; whether it tells of the receiver's having been away. Twice in a row it is the way that loses reports.
    fn came(&mut self, now: Instant) -> bool {
        let Some(last) = self.last.replace(now) else {
            return false;
        };
        let past = now.saturating_duration_since(last);
        let usual = *self.interval.get_or_insert(past);
        self.away = past > 2 * usual + AWAY_AFTER && !self.away;
        if !self.away {
            let usual = usual.mul_f64(1.0 - INTERVAL_SHARE) + past.mul_f64(INTERVAL_SHARE);
            self.interval = Some(usual);
        } else {
            self.behind_until = Some(now + CAUGHT_UP_AFTER);
        }
        self.behind_until.is_some_and(|until| now < until)
    }

    /// A round trip was measured.
    fn measured(&mut self, now: Instant, ms: f32) {
        let begun = *self.window.get_or_insert(now);
        match now.saturating_duration_since(begun) {
            past if past < LEAST_WINDOW => {}
            past => {
                let before = self.least[0].filter(|_| past < 2 * LEAST_WINDOW);
                (self.least, self.window) = ([None, before], Some(now));
            }
        }
        self.least[0] = Some(self.least[0].map_or(ms, |least| least.min(ms)));
        self.known = Some((now, ms));
    }

    /// The least round trip of the last half to whole minute.
    fn least_round_trip(&self) -> Option<f32> {
        self.least.into_iter().flatten().reduce(f32::min)
    }

    /// The round trip grew as it does when a queue fills.
    fn queueing(&self) -> bool {
        let grown = |now: f32, least: f32| now > least + QUEUE_MS;
        matches!((self.round_trip(), self.least_round_trip()), (Some(now), Some(least)) if grown(now, least))
    }

    /// The state by the limits, each times `scale`.
    fn state(&self, scale: f32) -> State {
        let loss = self.loss();
        let near = self
            .round_trip()
            .is_some_and(|ms| ms < CLEAN_ROUND_TRIP_MS * scale);
        if self.queueing() && loss >= LOSSY * scale {
            State::Starved
        } else if loss > VERY_LOSSY * scale.max(COPIES_HYSTERESIS) {
            State::VeryLossy
        } else if loss >= LOSSY * scale {
            State::Lossy
        } else if loss < CLEAN_LOSS * scale && near {
            State::Clean
        } else {
            State::Ordinary
        }
    }
}

/// Chooses the state.
#[derive(Debug)]
pub struct Chooser {
    links: BTreeMap<MediaLink, Reports>,
    state: State,
    /// Receivers told of what led to it.
    told: bool,
    /// Since when a better state would do.
    better_since: Option<Instant>,
}

impl Default for Chooser {
    fn default() -> Self {
        Self::new()
    }
}

impl Chooser {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self {
            links: BTreeMap::new(),
            state: State::Ordinary,
            told: false,
            better_since: None,
        }
    }

    /// The state chosen last.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// The loss of the worst receiver, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f32 {
        self.links.values().map(Reports::loss).fold(0.0, f32::max)
    }

    /// The last report of a link.
    #[must_use]
    pub fn last(&self, link: MediaLink) -> Option<Feedback> {
        let newest = self.links.get(&link)?.recent.back()?.1;
        let round_trip_ms = self.links.get(&link)?.round_trip();
        Some(Feedback {
            round_trip_ms,
            ..newest
        })
    }

    /// A receiver reports. What is no number is taken as nothing known.
    pub fn report(&mut self, now: Instant, link: MediaLink, report: Feedback) {
        let lost = if report.lost.is_finite() {
            report.lost.clamp(0.0, 1.0)
        } else {
            0.0
        };
        let round_trip_ms = report
            .round_trip_ms
            .filter(|ms| ms.is_finite() && *ms >= 0.0);
        let reports = self.links.entry(link).or_default();
        if reports.came(now) {
            // What was lost meanwhile says nothing of the way.
            return;
        }
        if let Some(ms) = round_trip_ms {
            reports.measured(now, ms);
        }
        reports.recent.push_back((
            now,
            Feedback {
                round_trip_ms,
                lost,
            },
        ));
        if reports.recent.len() > REPORTS_MAX {
            reports.recent.pop_front();
        }
    }

    /// A link ended.
    pub fn forget(&mut self, link: MediaLink) {
        self.links.remove(&link);
    }

    /// Looks at the last five seconds; returns the state when it changed.
    pub fn choose(&mut self, now: Instant) -> Option<State> {
        for reports in self.links.values_mut() {
            let fresh = |at: &Instant| now.saturating_duration_since(*at) <= REPORTS_FROM;
            while reports.recent.front().is_some_and(|(at, _)| !fresh(at)) {
                reports.recent.pop_front();
            }
        }
        let before = self.state;
        let told = self.worst(1.0);
        let worst = told.unwrap_or_else(|| self.unknown(now));
        if worst > self.state {
            self.state = worst;
            self.told = self.tell(1.0);
            self.better_since = None;
        } else {
            self.perhaps_better(now);
        }
        (self.state != before).then_some(self.state)
    }

    fn perhaps_better(&mut self, now: Instant) {
        let hoped = self.worst(HYSTERESIS).unwrap_or_else(|| self.unknown(now));
        if hoped >= self.state {
            self.told |= self.tell(HYSTERESIS);
            self.better_since = None;
            return;
        }
        let since = *self.better_since.get_or_insert(now);
        let after = match self.told || !self.know_enough() {
            true => BETTER_AFTER,
            false => FIRST_AFTER,
        };
        if now.saturating_duration_since(since) >= after {
            self.state = hoped;
            self.told = true;
            self.better_since = None;
        }
    }

    /// Whether a receiver tells of the present state, or of a worse one.
    fn tell(&self, scale: f32) -> bool {
        let tells = |reports: &Reports| reports.tell() && reports.state(scale) >= self.state;
        self.links.values().any(tells)
    }

    fn know_enough(&self) -> bool {
        let enough = |reports: &Reports| reports.recent.len() >= REPORTS_FIRST;
        self.links.values().all(enough)
    }

    /// By the receivers that told something of late.
    fn worst(&self, scale: f32) -> Option<State> {
        let told = |reports: &&Reports| !reports.recent.is_empty();
        let told = self.links.values().filter(told);
        told.map(|reports| reports.state(scale)).max()
    }

    /// While no receiver tells anything. Of those that say nothing for a while nothing new is known; then the best is not
    /// hoped for.
    fn unknown(&self, now: Instant) -> State {
        let heard = |reports: &Reports| reports.last.is_some_and(|last| last + SILENT_AFTER > now);
        if self.links.values().any(heard) {
            self.state
        } else {
            self.state.max(State::Ordinary)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloquy_ids::DeviceId;

    const LINK: MediaLink = MediaLink {
        device: DeviceId([1; 32]),
        attempt: 1,
    };

    /// Reports for so many seconds; all states that were chosen.
    fn after(
        chooser: &mut Chooser,
        from: Instant,
        seconds: u64,
        lost: f32,
        ms: f32,
    ) -> (Instant, Vec<State>) {
        let mut now = from;
        let mut states = Vec::new();
        for _ in 0..seconds {
            now += Duration::from_secs(1);
            let round_trip_ms = Some(ms);
            chooser.report(
                now,
                LINK,
                Feedback {
                    round_trip_ms,
                    lost,
                },
            );
            states.extend(chooser.choose(now));
        }
        (now, states)
    }

    #[test]
    fn it_gets_worse_at_once_and_better_after_ten_seconds() {
        let mut chooser = Chooser::new();
        let start = Instant::now();
        let (now, states) = after(&mut chooser, start, 12, 0.0, 20.0);
        assert_eq!(states, [State::Clean]);
        let (now, states) = after(&mut chooser, now, 3, 0.08, 20.0);
        assert!(states.contains(&State::Lossy), "{states:?}");
        let (now, states) = after(&mut chooser, now, 9, 0.0, 20.0);
        assert_eq!(states, []);
        let (_, states) = after(&mut chooser, now, 20, 0.0, 20.0);
        assert_eq!(chooser.state(), State::Clean, "{states:?}");
    }

    #[test]
    fn what_nobody_told_is_believed_for_two_seconds_only() {
        let mut chooser = Chooser::new();
        let (now, states) = after(&mut chooser, Instant::now(), 3, 0.0, 20.0);
        assert_eq!(states, [State::Clean]);
        // The connection is another one, and for as long as nothing is known of it the middle is taken.
        chooser.forget(LINK);
        let now = now + Duration::from_secs(5);
        assert_eq!(chooser.choose(now), Some(State::Ordinary));
        let (now, states) = after(&mut chooser, now, 3, 0.0, 20.0);
        assert_eq!(states, [State::Clean]);
        // The same by what is told takes longer: from a loss, and from a way that is not good enough.
        let (now, states) = after(&mut chooser, now, 1, 0.03, 20.0);
        assert_eq!(states, [State::Ordinary]);
        let (_, states) = after(&mut chooser, now, 9, 0.0, 20.0);
        assert_eq!(states, []);
        let mut far = Chooser::new();
        let (now, states) = after(&mut far, Instant::now(), 5, 0.0, 70.0);
        assert_eq!(states, []);
        let (_, states) = after(&mut far, now, 9, 0.0, 20.0);
        assert_eq!(states, []);
    }

    #[test]
    fn a_newcomer_of_whom_nothing_is_known_holds_the_others_up_for_two_seconds_only() {
        let mut chooser = Chooser::new();
        let (mut now, _) = after(&mut chooser, Instant::now(), 12, 0.0, 20.0);
        let other = MediaLink { attempt: 2, ..LINK };
        let mut states = Vec::new();
        for second in 0..5 {
            // The first report comes before a round trip is known.
            let round_trip_ms = (second > 0).then_some(20.0);
            let lost = 0.0;
            let report = Feedback {
                round_trip_ms,
                lost,
            };
            chooser.report(now + Duration::from_secs(1), other, report);
            let (then, more) = after(&mut chooser, now, 1, 0.0, 20.0);
            now = then;
            states.extend(more);
        }
        assert_eq!(states, [State::Ordinary, State::Clean]);
    }

    #[test]
    fn rare_reports_are_not_believed_at_once() {
        let mut chooser = Chooser::new();
        let mut now = Instant::now();
        for second in 0..9 {
            now += Duration::from_secs(1);
            if second % 4 == 0 {
                let (round_trip_ms, lost) = (Some(20.0), 0.0);
                let report = Feedback {
                    round_trip_ms,
                    lost,
                };
                chooser.report(now, LINK, report);
            }
            assert_eq!(chooser.choose(now), None);
        }
    }

    #[test]
    fn copies_end_where_less_is_lost_than_they_are_worth() {
        let mut chooser = Chooser::new();
        let (now, _) = after(&mut chooser, Instant::now(), 5, 0.12, 20.0);
        assert_eq!(chooser.state(), State::VeryLossy);
        let (now, states) = after(&mut chooser, now, 60, 0.09, 20.0);
        assert_eq!(states, []);
        let (_, states) = after(&mut chooser, now, 20, 0.08, 20.0);
        assert_eq!(states, [State::Lossy]);
    }

    #[test]
    fn a_receiver_that_was_away_makes_nothing_worse() {
        for interval in [1, 4] {
            let mut chooser = Chooser::new();
            let mut now = Instant::now();
            let mut tell = |chooser: &mut Chooser, seconds, lost| {
                for _ in 0..seconds {
                    now += Duration::from_secs(1);
                    chooser.choose(now);
                }
                let round_trip_ms = Some(20.0);
                let report = Feedback {
                    round_trip_ms,
                    lost,
                };
                chooser.report(now, LINK, report);
                chooser.choose(now);
                chooser.state()
            };
            while tell(&mut chooser, interval, 0.0) != State::Clean {}
            assert_eq!(tell(&mut chooser, interval * 2 + 4, 0.6), State::Clean);
            assert_eq!(tell(&mut chooser, interval, 0.0), State::Clean);
            // Where reports are lost too, it is the way: only the first gap is forgiven.
            assert_eq!(tell(&mut chooser, interval * 2 + 5, 0.6), State::Clean);
            assert_ne!(tell(&mut chooser, interval * 2 + 7, 0.6), State::Clean);
            for _ in 0..30 {
                tell(&mut chooser, 1, 0.0);
            }
            assert_eq!(chooser.state(), State::Clean);
            // Loss without a gap counts, however rare the reports.
            assert_ne!(tell(&mut chooser, interval, 0.6), State::Clean);
        }
    }

    /// Five seconds of the call wait in its socket, more are lost there, and what it answers first it answers late.
    #[test]
    fn a_receiver_that_stood_still_changes_nothing() {
        let mut chooser = Chooser::new();
        let (now, states) = after(&mut chooser, Instant::now(), 12, 0.0, 20.0);
        assert_eq!(states, [State::Clean]);
        let told = [
            (6_000, 0.5, None),
            (6_400, 0.3, Some(4_700.0)),
            (7_400, 0.02, Some(3_900.0)),
            (8_400, 0.0, None),
            (9_400, 0.0, None),
            (10_400, 0.0, Some(20.0)),
        ];
        let mut told = told.into_iter().peekable();
        for ms in (0..12_000).step_by(100) {
            let now = now + Duration::from_millis(ms);
            if let Some((_, lost, round_trip_ms)) = told.next_if(|(at, ..)| *at == ms) {
                let report = Feedback {
                    round_trip_ms,
                    lost,
                };
                chooser.report(now, LINK, report);
            }
            assert_eq!(chooser.choose(now), None, "{ms}");
        }
        // What it tells from then on counts.
        let (_, states) = after(&mut chooser, now + Duration::from_secs(12), 2, 0.0, 300.0);
        assert_eq!(states, [State::Ordinary]);
    }

    #[test]
    fn a_loss_near_the_limit_does_not_make_it_swing() {
        let mut chooser = Chooser::new();
        let (mut now, _) = after(&mut chooser, Instant::now(), 5, 0.03, 20.0);
        let mut states = Vec::new();
        for n in 0..60 {
            let lost = if n % 2 == 0 { 0.016 } else { 0.023 };
            let (then, more) = after(&mut chooser, now, 1, lost, 20.0);
            now = then;
            states.extend(more);
        }
        assert_eq!(states, []);
    }

    #[test]
    fn great_loss_brings_copies_but_not_into_a_full_uplink() {
        let mut chooser = Chooser::new();
        let (now, _) = after(&mut chooser, Instant::now(), 5, 0.2, 30.0);
        assert_eq!(chooser.state(), State::VeryLossy);
        assert_eq!(chooser.state().profile(3, 0.2).copies, 3);
        after(&mut chooser, now, 5, 0.2, 600.0);
        assert_eq!(chooser.state(), State::Starved);
        assert_eq!(chooser.state().profile(3, 0.2).frame_ms, 40);
    }

    #[test]
    fn the_worst_receiver_decides_until_it_leaves() {
        let mut chooser = Chooser::new();
        let other = MediaLink { attempt: 2, ..LINK };
        let mut now = Instant::now();
        for n in 0..40 {
            now += Duration::from_secs(1);
            let round_trip_ms = Some(10.0);
            chooser.report(
                now,
                LINK,
                Feedback {
                    round_trip_ms,
                    lost: 0.0,
                },
            );
            if n < 5 {
                chooser.report(
                    now,
                    other,
                    Feedback {
                        round_trip_ms,
                        lost: 0.15,
                    },
                );
            }
            chooser.choose(now);
            if n == 4 {
                assert_eq!(chooser.state(), State::VeryLossy);
                chooser.forget(other);
            }
        }
        assert_eq!(chooser.state(), State::Clean);
    }

    #[test]
    fn the_round_trip_of_a_path_that_is_gone_is_forgotten() {
        let mut reports = Reports::default();
        let begin = Instant::now();
        for second in 0..200 {
            let now = begin + Duration::from_secs(second);
            let ms = if second < 60 { 20.0 } else { 400.0 };
            reports.measured(now, ms);
            let report = Feedback {
                round_trip_ms: Some(ms),
                lost: 0.0,
            };
            reports.recent.push_back((now, report));
            // The new path looks like a full queue for a minute, and no longer.
            match second {
                0..60 => assert!(!reports.queueing(), "{second}"),
                60..90 => assert!(reports.queueing(), "{second}"),
                90..120 => {}
                _ => assert!(!reports.queueing(), "{second}"),
            }
        }
        reports.measured(begin + Duration::from_secs(400), 700.0);
        assert_eq!(reports.least_round_trip(), Some(700.0));
    }

    #[test]
    fn what_is_no_number_is_nothing_known() {
        let mut chooser = Chooser::new();
        let now = Instant::now();
        for lost in [f32::NAN, f32::INFINITY, -3.0] {
            let round_trip_ms = Some(f32::NAN);
            chooser.report(
                now,
                LINK,
                Feedback {
                    round_trip_ms,
                    lost,
                },
            );
        }
        assert_eq!(chooser.choose(now), None);
    }
}
