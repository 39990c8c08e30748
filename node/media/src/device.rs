//! Where sound comes from and where it goes: files, tones, spoken texts, the system's devices.
//!
//! The thread that ticks sees only [`Source`] and [`Sink`], which never wait: they read memory or lock-free rings.
//! Opening, reading files and watching devices is the work of [`desk`]'s own thread.

pub(crate) mod card;
pub(crate) mod desk;
pub(crate) mod drift;
mod pulse;
pub(crate) mod speech;
pub(crate) mod wav;

use crate::limits::{Frame, RATE};

/// What a tone's amplitude is: -12 dB.
const TONE_LEVEL: f32 = 0.25;

/// Gives one tick of sound; never waits.
pub(crate) trait Source: Send {
    /// Fills the tick; silence where nothing is there.
    fn read(&mut self, frame: &mut Frame);
}

/// Takes one tick of sound; never waits.
pub(crate) trait Sink: Send {
    /// Takes the tick, or drops it when nothing has room.
    fn write(&mut self, frame: &Frame);
}

/// Silence, and the place where sound vanishes.
#[derive(Debug)]
pub(crate) struct Null;

impl Source for Null {
    fn read(&mut self, frame: &mut Frame) {
        frame.fill(0.0);
    }
}

impl Sink for Null {
    fn write(&mut self, _frame: &Frame) {}
}

/// A sine.
#[derive(Debug)]
pub(crate) struct Tone {
    turns: f64,
    step: f64,
}

impl Tone {
    pub(crate) fn new(hz: u32) -> Self {
        Self {
            turns: 0.0,
            step: f64::from(hz) / f64::from(RATE),
        }
    }
}

impl Source for Tone {
    fn read(&mut self, frame: &mut Frame) {
        for sample in frame {
            *sample = (self.turns * std::f64::consts::TAU).sin() as f32 * TONE_LEVEL;
            self.turns = (self.turns + self.step).fract();
        }
    }
}

/// Sound that is all there: a file or a spoken text.
#[derive(Debug)]
pub(crate) struct Clip {
    sound: Vec<f32>,
    at: usize,
    looped: bool,
}

impl Clip {
    pub(crate) fn new(sound: Vec<f32>, looped: bool) -> Self {
        Self {
            sound,
            at: 0,
            looped,
        }
    }
}

impl Source for Clip {
    fn read(&mut self, frame: &mut Frame) {
        for sample in frame {
            if self.looped && self.at >= self.sound.len() {
                self.at = 0;
            }
            *sample = self.sound.get(self.at).copied().unwrap_or(0.0);
            self.at = self.at.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TICK_SAMPLES;

    #[test]
    fn a_clip_plays_once_or_again_and_again() {
        let mut frame = [9.0; TICK_SAMPLES];
        let mut once = Clip::new(vec![0.5; 500], false);
        once.read(&mut frame);
        once.read(&mut frame);
        assert_eq!((frame[19], frame[20]), (0.5, 0.0));
        let mut looped = Clip::new(vec![0.1, 0.2, 0.3], true);
        looped.read(&mut frame);
        assert_eq!(frame[477..480], [0.1, 0.2, 0.3]);
    }
}
