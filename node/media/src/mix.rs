//! Voices into one: the loudest few, each by its volume, without clipping hard.

use crate::limits::{Frame, MIXED_MAX, TICK_SAMPLES};

/// Amplitude up to which sound passes unchanged; above, it bends towards full scale.
const KNEE: f32 = 0.75;

/// How loud a link was and is to be played.
#[derive(Clone, Debug)]
pub(crate) struct Voice {
    pub(crate) sound: Frame,
    /// Mean square of what it sounds like lately, for the choice of the loudest.
    pub(crate) loudness: f32,
    /// Factor at the end of the tick before, and now; between them it glides, so that no step is heard.
    pub(crate) gain: (f32, f32),
}

/// Mixes the loudest [`MIXED_MAX`] voices; the order of equals is that of the slice.
pub(crate) fn mix(voices: &mut [Voice], out: &mut Frame) {
    voices.sort_by(|a, b| b.loudness.total_cmp(&a.loudness));
    out.fill(0.0);
    for voice in voices.iter().take(MIXED_MAX) {
        let (from, to) = voice.gain;
        for (n, (sum, sample)) in out.iter_mut().zip(&voice.sound).enumerate() {
            let glide = (n + 1) as f32 / TICK_SAMPLES as f32;
            *sum += sample * (from + (to - from) * glide);
        }
    }
    out.iter_mut()
        .for_each(|sample| *sample = soft_clip(*sample));
}

/// Bends what is too loud, so that nothing exceeds full scale. What is no number becomes silence.
pub(crate) fn soft_clip(sample: f32) -> f32 {
    let loud = sample.abs();
    if loud <= KNEE {
        return sample;
    }
    if !sample.is_finite() {
        return 0.0;
    }
    let rest = 1.0 - KNEE;
    (KNEE + rest * ((loud - KNEE) / rest).tanh()).copysign(sample)
}

/// Mean square of a tick.
pub(crate) fn mean_square(sound: &Frame) -> f32 {
    sound.iter().map(|sample| sample * sample).sum::<f32>() / TICK_SAMPLES as f32
}

/// Decibels over full scale of a mean square, -127 to 0.
pub(crate) fn decibels(mean_square: f32) -> i8 {
    (10.0 * mean_square.max(1e-13).log10()).clamp(-127.0, 0.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(level: f32) -> Voice {
        Voice {
            sound: [level; TICK_SAMPLES],
            loudness: level * level,
            gain: (1.0, 1.0),
        }
    }

    #[test]
    fn only_the_eight_loudest_are_heard() {
        let mut voices: Vec<Voice> = (1..=10).map(|n| voice(n as f32 * 0.01)).collect();
        let mut out = [0.0; TICK_SAMPLES];
        mix(&mut voices, &mut out);
        assert!((out[0] - 0.52).abs() < 1e-5, "{}", out[0]);
    }

    #[test]
    fn too_much_bends_and_never_exceeds_full_scale() {
        let mut out = [0.0; TICK_SAMPLES];
        mix(&mut [voice(0.9), voice(0.9), voice(-0.1)], &mut out);
        assert!(out[0] > 0.95 && out[0] <= 1.0, "{}", out[0]);
        let mut before = -2.0;
        for n in -400..=400 {
            let bent = soft_clip(n as f32 * 0.01);
            assert!(bent >= before && bent.abs() <= 1.0);
            before = bent;
        }
        assert_eq!(soft_clip(f32::NAN), 0.0);
        assert_eq!(soft_clip(0.7), 0.7);
    }

    #[test]
    fn a_change_of_volume_glides() {
        let mut out = [0.0; TICK_SAMPLES];
        let quieter = Voice {
            gain: (1.0, 0.0),
            ..voice(0.5)
        };
        mix(&mut [quieter], &mut out);
        assert!(out[0] > 0.49 && out[TICK_SAMPLES - 1].abs() < 1e-6);
        assert!(out.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.002));
    }
}
