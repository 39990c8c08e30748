//! Whether there is anything to work on: where nobody speaks, echo, noise and gain are processed for nothing.
//!
//! After some seconds without speech here and without sound from others, a tick of the microphone is only measured. What
//! is a little louder than the room has been, or anything to be played, ends the rest with that very tick. Those just
//! before are kept and processed first, so that the filters have heard how it began.

use std::collections::VecDeque;

use crate::limits::{Frame, TICK_MS};
use crate::mix::mean_square;

/// Ticks without anything to work on after which it rests.
const AFTER_TICKS: u64 = 3_000 / TICK_MS;
/// Ticks kept for the filters: 100 ms, which are worked on within one tick.
const KEPT_TICKS: usize = 10;
/// How much louder than the room ends the rest: 3 dB, as mean squares. Speech as loud as the noise is that.
const LOUDER: f32 = 2.0;
/// A mean square below which there is nothing: -75 dB over full scale.
const NOTHING: f32 = 3.2e-8;
/// Part of a tick in the loudness of the room: it follows within a good second, slower than any word begins.
const FOLLOWS: f32 = 1.0 / 128.0;

/// Whether the microphone is worked on.
#[derive(Debug)]
pub(crate) struct Rest {
    idle_ticks: u64,
    /// Mean square of the room while nobody speaks.
    room: f32,
    kept: VecDeque<Frame>,
}

impl Rest {
    pub(crate) fn new() -> Self {
        Self {
            idle_ticks: 0,
            room: 0.0,
            kept: VecDeque::with_capacity(KEPT_TICKS),
        }
    }

    /// A tick of the microphone, before it is worked on. `busy`: it has to be, whatever it sounds like. Returns whether
    /// it rests; this tick is then kept.
    pub(crate) fn tick(&mut self, sound: &Frame, busy: bool) -> bool {
        let loudness = mean_square(sound);
        // What is no number is no quiet room.
        let is_quiet = loudness <= NOTHING.max(self.room * LOUDER);
        if busy || !is_quiet {
            self.idle_ticks = 0;
        } else {
            self.idle_ticks = self.idle_ticks.saturating_add(1);
        }
        if !busy && loudness.is_finite() {
            self.room += (loudness - self.room) * FOLLOWS;
        }
        if self.rests() {
            if self.kept.len() == KEPT_TICKS {
                self.kept.pop_front();
            }
            self.kept.push_back(*sound);
        }
        self.rests()
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
    use crate::limits::TICK_SAMPLES;

    /// A room whose loudness goes up and down by a decibel.
    fn room(n: usize) -> Frame {
        [0.01 * (1.0 + 0.12 * ((n % 7) as f32 / 3.0 - 1.0)); TICK_SAMPLES]
    }

    fn rested(rest: &mut Rest, ticks: usize) -> usize {
        (0..ticks).filter(|n| rest.tick(&room(*n), false)).count()
    }

    #[test]
    fn it_rests_in_any_room_after_some_seconds_and_until_something_is_louder() {
        let mut rest = Rest::new();
        let (soft, loud) = ([0.004; TICK_SAMPLES], [0.016; TICK_SAMPLES]);
        let resting = rested(&mut rest, 1_000);
        assert!((550..700).contains(&resting), "{resting} of 1,000");
        assert!(rest.tick(&soft, false));
        assert!(!rest.tick(&loud, false), "with the very tick");
        let kept: Vec<Frame> = rest.kept().collect();
        assert_eq!(kept.len(), KEPT_TICKS);
        assert_eq!((kept[0], kept[9]), (room(991), soft));
        assert_eq!(rest.kept().count(), 0, "once");
        assert_eq!(rested(&mut rest, 300), 0);
        assert_eq!(rested(&mut rest, 100), 100);
        // It has to work, though nothing is heard.
        assert!(!rest.tick(&soft, true));
        assert_eq!(rested(&mut rest, 300), 0);
    }

    #[test]
    fn it_gets_used_to_a_louder_room_and_never_to_what_is_no_number() {
        let mut rest = Rest::new();
        rested(&mut rest, 1_000);
        let fan = [0.05; TICK_SAMPLES];
        let worked = (0..1_000).filter(|_| !rest.tick(&fan, false)).count();
        assert!((300..500).contains(&worked), "{worked} of 1,000");
        assert!(!rest.tick(&[f32::NAN; TICK_SAMPLES], false));
        assert!((0..1_000).filter(|_| rest.tick(&fan, false)).count() > 600);
    }

    #[test]
    fn silence_without_a_sample_is_a_room_too() {
        let mut rest = Rest::new();
        let resting = (0..1_000).filter(|_| rest.tick(&[0.0; TICK_SAMPLES], false));
        assert_eq!(resting.count(), 700);
        assert!(!rest.tick(&[0.001; TICK_SAMPLES], false));
    }
}
