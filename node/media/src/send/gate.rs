//! Whether what the microphone picks up is to be sent: push-to-talk, or speech by a small network (earshot), or level.

use earshot::{DefaultPredictor, Detector};

use crate::limits::{Frame, HANG_MS, TICK_MS};
use crate::mix::{decibels, mean_square};
use crate::settings::{Activity, Settings, Transmit};

/// Samples that the network looks at: 16 ms at 16 kHz.
const WINDOW: usize = 256;
/// The network's rate is a third of ours.
const DECIMATION: usize = 3;
/// Ticks that speech lasts after its last sign.
const HANG_TICKS: u64 = HANG_MS / TICK_MS;
/// Below this there is nothing to look at, decibels over full scale.
const NOTHING_DB: i8 = -75;

/// What the gate says of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It is speech, or loud enough.
    pub(crate) speaking: bool,
    /// It is to be sent, if sending is allowed at all.
    pub(crate) open: bool,
}

/// Looks for speech in the processed sound.
pub(crate) struct Gate {
    detector: Box<Detector<DefaultPredictor>>,
    window: Vec<f32>,
    score: f32,
    /// Ticks since the last sign of speech.
    quiet_ticks: u64,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("score", &self.score)
            .field("quiet_ticks", &self.quiet_ticks)
            .finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            detector: Detector::default_boxed(),
            window: Vec::with_capacity(WINDOW),
            score: 0.0,
            quiet_ticks: HANG_TICKS + 1,
        }
    }

    pub(crate) fn tick(&mut self, sound: &Frame, settings: &Settings) -> Verdict {
        let level = decibels(mean_square(sound));
        let sign = match settings.activity {
            Activity::Level(db) => level >= db,
            Activity::Speech(percent) => {
                self.listen(sound, level);
                self.score * 100.0 >= f32::from(percent)
            }
        };
        self.quiet_ticks = if sign {
            0
        } else {
            self.quiet_ticks.saturating_add(1)
        };
        let speaking = self.quiet_ticks <= HANG_TICKS;
        let open = match settings.transmit {
            Transmit::Always => true,
            Transmit::Activity => speaking,
            Transmit::PushToTalk => settings.pressed,
        };
        Verdict { speaking, open }
    }

    fn listen(&mut self, sound: &Frame, level: i8) {
        if level < NOTHING_DB {
            self.score = 0.0;
            self.window.clear();
            return;
        }
        for three in sound.chunks_exact(DECIMATION) {
            // The mean of three is a coarse low-pass; the network looks at speech, far below 8 kHz.
            self.window
                .push(three.iter().sum::<f32>() / DECIMATION as f32);
            if self.window.len() == WINDOW {
                self.score = self.detector.predict_f32(&self.window);
                self.window.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TICK_SAMPLES;

    fn ticks(gate: &mut Gate, settings: &Settings, level: f32, n: usize) -> Vec<bool> {
        (0..n)
            .map(|_| gate.tick(&[level; TICK_SAMPLES], settings).open)
            .collect()
    }

    #[test]
    fn it_stays_open_for_250_ms_after_the_last_sign() {
        let settings = Settings {
            transmit: Transmit::Activity,
            activity: Activity::Level(-40),
            ..Settings::default()
        };
        let mut gate = Gate::new();
        assert!(
            ticks(&mut gate, &settings, 0.0, 10)
                .iter()
                .all(|open| !open)
        );
        assert!(ticks(&mut gate, &settings, 0.1, 3).iter().all(|open| *open));
        let open = ticks(&mut gate, &settings, 0.001, 100);
        assert_eq!(open.iter().filter(|open| **open).count(), 25);
    }

    #[test]
    fn push_to_talk_asks_the_button_alone() {
        let mut settings = Settings {
            transmit: Transmit::PushToTalk,
            activity: Activity::Level(-40),
            ..Settings::default()
        };
        let mut gate = Gate::new();
        assert!(!gate.tick(&[0.3; TICK_SAMPLES], &settings).open);
        assert!(gate.tick(&[0.3; TICK_SAMPLES], &settings).speaking);
        settings.pressed = true;
        assert!(gate.tick(&[0.0; TICK_SAMPLES], &settings).open);
    }
}
