//! Playing a little faster or slower without changing the pitch, as NetEq's accelerate and preemptive expand do.
//!
//! One period of the voice is taken out or put in once more, blended over its whole length (overlap and add). Speech
//! without a period that fits is left alone, unless it is so quiet that nobody hears the seam.

use std::collections::VecDeque;

/// Shortest period looked for: 2.5 ms, 400 Hz.
const PERIOD_MIN: usize = 120;
/// Longest one: 12.5 ms, 80 Hz.
const PERIOD_MAX: usize = 600;
/// Samples that one change looks at: two of the longest periods.
pub(crate) const NEEDED: usize = 2 * PERIOD_MAX;
/// Every how many samples the search compares; 8 kHz is enough to find a period.
const COARSE: usize = 6;
/// Likeness of two periods, 0 to 1, from which on the seam is not heard (NetEq's value is 0.9 of its own measure).
const ALIKE: f32 = 0.85;
/// The same when there is far too much delay: some harm now is better than delay for long.
const ALIKE_URGENT: f32 = 0.5;
/// Mean square below which sound counts as a pause: -50 dB.
const QUIET: f32 = 1e-5;

/// How much a change may harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Only where it is not heard.
    Gentle,
    /// Also where it may be heard.
    Urgent,
}

/// Takes one period out of the first [`NEEDED`] samples; returns its samples, 0: nothing fits.
pub(crate) fn shorten(sound: &mut VecDeque<f32>, urgency: Urgency) -> usize {
    let Some(period) = fitting(sound, urgency) else {
        return 0;
    };
    for n in 0..period {
        let fade = n as f32 / period as f32;
        sound[n + period] = sound[n] * (1.0 - fade) + sound[n + period] * fade;
    }
    sound.drain(..period);
    period
}

/// Puts one period in once more; returns its samples, 0: nothing fits.
pub(crate) fn lengthen(sound: &mut VecDeque<f32>, urgency: Urgency) -> usize {
    let Some(period) = fitting(sound, urgency) else {
        return 0;
    };
    let seam: Vec<f32> = (0..period)
        .map(|n| {
            let fade = n as f32 / period as f32;
            sound[n + period] * (1.0 - fade) + sound[n] * fade
        })
        .collect();
    let first: Vec<f32> = sound.drain(..period).collect();
    for sample in first.into_iter().chain(seam).rev() {
        sound.push_front(sample);
    }
    period
}

fn fitting(sound: &mut VecDeque<f32>, urgency: Urgency) -> Option<usize> {
    let sound = &sound.make_contiguous().get(..NEEDED)?;
    if sound.iter().map(|s| s * s).sum::<f32>() / (NEEDED as f32) < QUIET {
        return Some(PERIOD_MAX);
    }
    let needed = match urgency {
        Urgency::Gentle => ALIKE,
        Urgency::Urgent => ALIKE_URGENT,
    };
    let (period, alike) = best(sound);
    (alike >= needed).then_some(period)
}

/// The period whose repetition is most alike, and how much.
fn best(sound: &[f32]) -> (usize, f32) {
    let mut found = (PERIOD_MIN, -1.0);
    for period in (PERIOD_MIN..=PERIOD_MAX).step_by(COARSE) {
        let alike = likeness(sound, period, COARSE);
        if alike > found.1 {
            found = (period, alike);
        }
    }
    let near = found.0.saturating_sub(COARSE).max(PERIOD_MIN)..=(found.0 + COARSE).min(PERIOD_MAX);
    near.map(|period| (period, likeness(sound, period, 1)))
        .fold((found.0, -1.0), |a, b| if b.1 > a.1 { b } else { a })
}

/// Normalised correlation of a period and the one after it.
fn likeness(sound: &[f32], period: usize, step: usize) -> f32 {
    let (mut cross, mut first, mut second) = (0.0, 1e-9, 1e-9);
    for n in (0..period).step_by(step) {
        let (a, b) = (sound[n], sound[n + period]);
        cross += a * b;
        first += a * a;
        second += b * b;
    }
    cross / f32::sqrt(first * second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32) -> VecDeque<f32> {
        (0..2_400)
            .map(|n| (n as f32 * hz * std::f32::consts::TAU / 48_000.0).sin() * 0.5)
            .collect()
    }

    /// Greatest step between two samples: a seam that clicks has a great one.
    fn roughness(sound: &VecDeque<f32>) -> f32 {
        sound
            .iter()
            .zip(sound.iter().skip(1))
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_gets_shorter_and_longer_by_whole_periods_without_a_click() {
        for change in [shorten, lengthen] {
            let mut sound = tone(200.0);
            let before = (sound.len(), roughness(&sound));
            let period = change(&mut sound, Urgency::Gentle);
            assert_eq!(period % 240, 0, "{period}");
            assert!(period > 0);
            assert_eq!(sound.len().abs_diff(before.0), period);
            assert!(roughness(&sound) < before.1 * 1.2);
        }
    }

    #[test]
    fn noise_is_left_alone_unless_it_is_urgent_or_quiet() {
        let noise = |loud: f32| -> VecDeque<f32> {
            let mut state = 1_u32;
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 8) as f32 / 8_388_608.0 - 1.0) * loud
            };
            (0..2_400).map(|_| next()).collect()
        };
        assert_eq!(shorten(&mut noise(0.5), Urgency::Gentle), 0);
        assert_eq!(shorten(&mut noise(0.001), Urgency::Gentle), PERIOD_MAX);
    }

    #[test]
    fn too_little_sound_is_left_alone() {
        let mut sound: VecDeque<f32> = [0.0; NEEDED - 1].into();
        assert_eq!(lengthen(&mut sound, Urgency::Urgent), 0);
    }
}
