//! Sound in WAV files: made for microphones that are files, and judged as it came out elsewhere.

use std::f64::consts::TAU;
use std::path::Path;

use alloquy_media::trial::most_alike;

/// Samples a second of every file here.
pub const RATE: u32 = 48_000;

/// Writes sound as WAV, 16 bits, mono.
///
/// # Panics
/// When it can not be written.
pub fn write_wav(path: &Path, sound: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("a file can be made");
    for sample in sound {
        let sample = (sample.clamp(-1.0, 1.0) * 32_767.0) as i16;
        file.write_sample(sample).expect("it can be written");
    }
    file.finalize().expect("it can be ended");
}

/// Reads a WAV file as it was written by a node.
///
/// # Panics
/// When it is none, or has another rate.
#[must_use]
pub fn read_wav(path: &Path) -> Vec<f32> {
    let mut file =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(file.spec().sample_rate, RATE, "{}", path.display());
    file.samples::<i16>()
        .map(|sample| f32::from(sample.expect("a whole sample")) / 32_768.0)
        .collect()
}

/// Short sweeps through the band of voice, five in a quarter of a second, each another one, with pauses: no two places of
/// it are alike. (One sweep in a quarter of a second is like another one by 0.4 to 0.57, which is too near to 0.7.)
#[must_use]
pub fn sweeps(seconds: u32, seed: u32) -> Vec<f32> {
    let mut state = u64::from(seed) * 2 + 1;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 33) as u32) / f64::from(u32::MAX >> 1)
    };
    let mut sound = Vec::new();
    let length = RATE as usize / 4;
    while sound.len() < (seconds * RATE) as usize {
        let tones: [f64; SWEEPS + 1] = std::array::from_fn(|_| 300.0 + 2_200.0 * next());
        let mut turns = 0.0;
        for n in 0..length {
            let along = n as f64 / length as f64;
            let at = along * SWEEPS as f64;
            let (from, to) = (tones[at as usize], tones[at as usize + 1]);
            turns += (from + (to - from) * at.fract()) / f64::from(RATE);
            let edge = (along.min(1.0 - along) * 20.0).min(1.0);
            sound.push(((turns * TAU).sin() * edge * 0.4) as f32);
        }
        sound.extend(std::iter::repeat_n(
            0.0,
            (f64::from(RATE) * 0.05 * next()) as usize,
        ));
    }
    sound
}

/// The part of a sound's energy that lies at a frequency, 0 to 1 (Goertzel's algorithm over windows of 100 ms).
#[must_use]
pub fn share_at(sound: &[f32], hz: f64) -> f64 {
    let (mut at, mut all) = (0.0, 0.0);
    let size = RATE as usize / 10;
    for window in sound.chunks_exact(size) {
        let factor = 2.0 * (TAU * hz / f64::from(RATE)).cos();
        let (mut before, mut last) = (0.0, 0.0);
        for sample in window {
            let now = f64::from(*sample) + factor * last - before;
            before = last;
            last = now;
        }
        at += (before * before + last * last - factor * before * last) * 2.0 / size as f64;
        all += window
            .iter()
            .map(|sample| f64::from(*sample).powi(2))
            .sum::<f64>();
    }
    if all == 0.0 { 0.0 } else { at / all }
}

/// How alike what was heard is to its source, 0 to 1: of quarter seconds all over it, from the first sound to the last,
/// the greatest normalised correlation with any place of `source`; of these the median. A machine that was held up for
/// a moment leaves a gap, or a pitch period more or less, in a few of them; another voice is in all of them.
///
/// # Panics
/// When the source is shorter than a second, or less than two seconds were heard.
#[must_use]
pub fn likeness(source: &[f32], heard: &[f32]) -> f64 {
    let loud = |sample: &f32| sample.abs() > 0.02;
    let first = heard.iter().position(loud).unwrap_or(heard.len());
    let last = heard.iter().rposition(loud).unwrap_or(first);
    let heard = &heard[first..last];
    let second = RATE as usize;
    assert!(source.len() > second, "the source is too short");
    assert!(
        heard.len() >= 2 * second,
        "of {} samples at {RATE} Hz only a sound of {} is heard",
        heard.len() + first,
        heard.len()
    );
    // 6 kHz are enough for what is compared, where it is compared between their samples too: half of one is a quarter of
    // a wave at 3 kHz.
    let source = thinned(source);
    let pieces = heard.chunks_exact(second / 4);
    let every = pieces.len().div_ceil(PIECES_MAX);
    let mut alike: Vec<f32> = pieces
        .step_by(every)
        .map(|piece| {
            let shifted = (0..STEP).step_by(STEP / 4).map(|by| thinned(&piece[by..]));
            shifted
                .filter_map(|piece| most_alike(&piece, &source, 0..usize::MAX))
                .map(|(_, alike)| alike)
                .fold(0.0, f32::max)
        })
        .collect();
    alike.sort_by(f32::total_cmp);
    f64::from(alike[alike.len() / 2])
}

/// So many in each quarter second.
const SWEEPS: usize = 5;
/// So many quarter seconds tell enough.
const PIECES_MAX: usize = 15;
/// Every so-many-th sample is compared.
const STEP: usize = 8;

fn thinned(sound: &[f32]) -> Vec<f32> {
    sound
        .chunks_exact(STEP)
        .map(|chunk| chunk.iter().sum::<f32>() / STEP as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_and_what_is_not() {
        let source = sweeps(6, 1);
        let other = sweeps(6, 2);
        assert!(likeness(&source, &source[RATE as usize..]) > 0.99);
        let found = likeness(&other, &source);
        assert!(found < 0.3, "{found}");
        // A gap of 300 ms, and silence before it all, are no other voice.
        let mut held_up = vec![0.0; 30_000];
        held_up.extend(&source[..100_000]);
        held_up.extend([0.0; 14_400]);
        held_up.extend(&source[100_000..]);
        assert!(likeness(&source, &held_up) > 0.95);
        // A quarter of another voice is heard, and all of it more.
        let both: Vec<f32> = source.iter().zip(&other).map(|(a, b)| a + b).collect();
        assert!(likeness(&other, &both) > 0.5);
        let tone: Vec<f32> = (0..RATE)
            .map(|n| (f64::from(n) * TAU * 700.0 / f64::from(RATE)).sin() as f32)
            .collect();
        assert!(share_at(&tone, 700.0) > 0.99);
        assert!(share_at(&tone, 900.0) < 0.01);
    }
}
