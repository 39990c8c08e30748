//! Whether there is anything to work on: where nobody speaks, echo, noise and gain are processed for nothing.
//!
//! After some seconds without speech here and without sound from others, a tick of the microphone is only measured. What
//! is a little louder than the room has been, or anything to be played, ends the rest with that very tick. Those just
//! before are kept and processed first, so that the filters have heard how it began.
//!
//! How loud the room is follows what becomes quieter at once and what becomes louder slowly: a door that falls shut
//! must not make it deaf to who speaks after it.

use std::collections::VecDeque;

use crate::limits::{Frame, TICK_MS, TICK_SAMPLES};

/// Ticks without anything to work on after which it rests.
const AFTER_TICKS: u64 = 3_000 / TICK_MS;
/// Ticks kept for the filters: 100 ms, which are worked on within one tick.
const KEPT_TICKS: usize = 10;
/// How much louder than the room ends the rest: 3 dB, as mean squares. Speech as loud as the noise is that.
const LOUDER: f32 = 2.0;
/// A mean square below which there is nothing: -75 dB over full scale.
const NOTHING: f32 = 3.2e-8;
/// Part of a louder tick in the loudness of the room, of which no more counts than ends the rest: 3.4 dB in a second.
const RISES: f32 = 1.0 / 128.0;
/// Part of a quieter one: 3 dB in a quarter of a second.
const FALLS: f32 = 1.0 / 32.0;
/// What is left of a constant after a sample: -3 dB at 150 Hz. Rumble swings from tick to tick, and the zero of many sound
/// cards is none.
const HIGH_PASS: f32 = 0.98;

/// Whether the microphone is worked on.
#[derive(Debug)]
pub(crate) struct Rest {
    idle_ticks: u64,
    /// Mean square of the room while nobody speaks, never below [`NOTHING`].
    room: f32,
    kept: VecDeque<Frame>,
    /// The last sample, as it came and high-passed.
    last: (f32, f32),
}

impl Rest {
    pub(crate) fn new() -> Self {
        Self {
            idle_ticks: 0,
            room: NOTHING,
            kept: VecDeque::with_capacity(KEPT_TICKS),
            last: (0.0, 0.0),
        }
    }

    /// A tick of the microphone, before it is worked on. `busy`: it has to be, whatever it sounds like. Returns whether
    /// it rests; this tick is then kept.
    pub(crate) fn tick(&mut self, sound: &Frame, busy: bool) -> bool {
        let loudness = self.loudness(sound);
        let loudest = self.room * LOUDER;
        // What is no number is no quiet room.
        let is_quiet = loudness <= loudest;
        if busy || !is_quiet {
            self.idle_ticks = 0;
        } else {
            self.idle_ticks = self.idle_ticks.saturating_add(1);
        }
        if !busy && loudness.is_finite() {
            let step = loudness.min(loudest) - self.room;
            let part = if step > 0.0 { RISES } else { FALLS };
            self.room = NOTHING.max(self.room + step * part);
        }
        if self.rests() {
            if self.kept.len() == KEPT_TICKS {
                self.kept.pop_front();
            }
            self.kept.push_back(*sound);
        }
        self.rests()
    }

    /// Mean square of a tick above rumble.
    fn loudness(&mut self, sound: &Frame) -> f32 {
        let (mut before, mut passed) = self.last;
        let mut sum = 0.0;
        for sample in sound {
            passed = HIGH_PASS * (passed + sample - before);
            before = *sample;
            sum += passed * passed;
        }
        self.last = if passed.is_finite() && before.is_finite() {
            (before, passed)
        } else {
            (0.0, 0.0)
        };
        sum / TICK_SAMPLES as f32
    }

    pub(crate) fn rests(&self) -> bool {
        self.idle_ticks > AFTER_TICKS
    }

    /// There is something to work on.
    pub(crate) fn end(&mut self) {
        self.idle_ticks = 0;
    }

    /// The ticks before the end of a rest, oldest first, once.
    pub(crate) fn kept(&mut self) -> impl Iterator<Item = Frame> + use<> {
        std::mem::take(&mut self.kept).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tick of a tone of this amplitude upon a constant.
    fn tone(amplitude: f32) -> Frame {
        std::array::from_fn(|n| 0.02 + amplitude * if n / 24 % 2 == 0 { 1.0 } else { -1.0 })
    }

    /// A room whose loudness goes up and down by a decibel.
    fn room(n: usize) -> Frame {
        tone(0.01 * (1.0 + 0.12 * ((n % 7) as f32 / 3.0 - 1.0)))
    }

    fn rested(rest: &mut Rest, ticks: usize) -> usize {
        (0..ticks).filter(|n| rest.tick(&room(*n), false)).count()
    }

    /// One that rests in that room.
    fn resting() -> Rest {
        let mut rest = Rest::new();
        rested(&mut rest, 2_000);
        assert_eq!(rested(&mut rest, 100), 100);
        rest
    }

    #[test]
    fn it_rests_until_something_is_louder() {
        let mut rest = resting();
        let (soft, loud) = (tone(0.004), tone(0.016));
        assert!(rest.tick(&soft, false));
        assert!(!rest.tick(&loud, false), "with the very tick");
        let kept: Vec<Frame> = rest.kept().collect();
        assert_eq!(kept.len(), KEPT_TICKS);
        assert_eq!((kept[0], kept[9]), (room(91), soft));
        assert_eq!(rest.kept().count(), 0, "once");
        assert_eq!(rested(&mut rest, 300), 0);
        assert_eq!(rested(&mut rest, 100), 100);
        // It has to work, though nothing is heard.
        assert!(!rest.tick(&soft, true));
        assert_eq!(rested(&mut rest, 300), 0);
    }

    #[test]
    fn what_was_loud_for_a_moment_makes_it_deaf_to_nothing_after_it() {
        // A door; an echo that ended; a fan that was switched off while somebody spoke.
        for (loud, busy) in [(10, false), (300, false), (6_000, false), (6_000, true)] {
            let mut rest = resting();
            for _ in 0..loud {
                rest.tick(&tone(0.3), busy);
            }
            rested(&mut rest, 350);
            assert!(rest.rests(), "{loud}");
            assert!(!rest.tick(&tone(0.016), false), "{loud}");
        }
    }

    #[test]
    fn it_gets_used_to_a_louder_room_and_never_to_what_is_no_number() {
        let mut rest = resting();
        let fan = tone(0.05);
        let worked = (0..2_000).filter(|_| !rest.tick(&fan, false)).count();
        assert!((400..1_000).contains(&worked), "{worked} of 2,000");
        assert!(!rest.tick(&[f32::NAN; TICK_SAMPLES], false));
        assert!((0..1_000).filter(|_| rest.tick(&fan, false)).count() > 600);
    }

    #[test]
    fn it_rests_in_noise_that_is_louder_below_than_above() {
        // White noise, and four times as loud the same below 30 Hz.
        let mut seed = 1_u32;
        let mut low = 0.0;
        let mut noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
            low += (white - low) * 0.004;
            0.002 * white + 0.1 * low
        };
        let mut rest = Rest::new();
        let mut rests = |ticks: usize| {
            let tick = |_: &usize| rest.tick(&std::array::from_fn(|_| noise()), false);
            (0..ticks).filter(tick).count()
        };
        rests(2_000);
        let resting = rests(6_000);
        assert!(resting > 3_000, "{resting} of 6,000");
    }

    #[test]
    fn silence_without_a_sample_is_a_room_too() {
        let mut rest = Rest::new();
        let resting = (0..1_000).filter(|_| rest.tick(&[0.0; TICK_SAMPLES], false));
        assert_eq!(resting.count(), 700);
        assert!(!rest.tick(&tone(0.001), false));
    }
}
