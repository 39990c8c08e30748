//! Sound to test with, and how alike two sounds are.

/// Something like a voice: pulses whose pitch and loudness wander, through two resonances, seeded.
pub(crate) fn voice(seed: u32, seconds: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 16_777_216.0
    };
    let mut sound = Vec::with_capacity(seconds * 48_000);
    let (mut phase, mut hz, mut loud, mut goal) = (0.0_f32, 120.0, 0.0, 0.0);
    let (mut goal_hz, mut first, mut second) = (120.0, [0.0_f32; 2], [0.0_f32; 2]);
    for n in 0..seconds * 48_000 {
        if n % 7_200 == 0 {
            goal = if random() < 0.3 { 0.05 } else { 0.3 + random() };
            goal_hz = 90.0 + 90.0 * random();
        }
        loud += (goal - loud) * 0.001;
        hz += (goal_hz - hz) * 0.0003;
        phase += hz / 48_000.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase = phase.fract();
        let input = pulse + (random() - 0.5) * 0.01;
        let a = resonate(&mut first, input, 600.0);
        let b = resonate(&mut second, input, 1_700.0);
        sound.push((a + 0.6 * b) * loud * 0.35);
    }
    sound
}

fn resonate(memory: &mut [f32; 2], input: f32, hz: f32) -> f32 {
    let r = 0.99_f32;
    let turn = (hz * std::f32::consts::TAU / 48_000.0).cos();
    let out = input + 2.0 * r * turn * memory[0] - r * r * memory[1];
    memory[1] = memory[0];
    memory[0] = out;
    out * 0.3
}

/// Mean square.
pub(crate) fn energy(sound: &[f32]) -> f32 {
    sound.iter().map(|s| s * s).sum::<f32>() / sound.len().max(1) as f32
}

/// The share of a tone in a sound, 0 to 1.
pub(crate) fn share_at(sound: &[f32], hz: f64) -> f64 {
    let (mut at, mut all) = (0.0, 1e-9);
    for window in sound.chunks_exact(4_800) {
        let turn = |n: usize| n as f64 * hz / 48_000.0 * std::f64::consts::TAU;
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in window.iter().enumerate() {
            let sample = f64::from(*sample);
            re += sample * turn(n).cos();
            im += sample * turn(n).sin();
            all += sample * sample;
        }
        at += (re * re + im * im) * 2.0 / window.len() as f64;
    }
    at / all
}

/// The delay, in samples, at which `heard` is most like `source`, and how much, -1 to 1.
pub(crate) fn best_delay(source: &[f32], heard: &[f32], delay_max: usize) -> (usize, f32) {
    // First at an eighth of the rate, where the search is cheap, then exactly.
    let thin = |sound: &[f32]| -> Vec<f32> {
        sound
            .chunks_exact(8)
            .map(|c| c.iter().sum::<f32>())
            .collect()
    };
    let (thin_source, thin_heard) = (thin(source), thin(heard));
    let coarse = (0..delay_max / 8)
        .map(|delay| (delay, likeness(&thin_source, &thin_heard, delay)))
        .fold((0, -1.0), |a, b| if b.1 > a.1 { b } else { a });
    let around = (coarse.0 * 8).saturating_sub(8)..coarse.0 * 8 + 9;
    around
        .map(|delay| (delay, likeness(source, heard, delay)))
        .fold((0, -1.0), |a, b| if b.1 > a.1 { b } else { a })
}

/// The share of half seconds of `source` that are found in `heard` within two seconds after `delay`: in real time on a
/// busy machine a tick may be missed or the delay may change, which must not spoil the rest.
pub(crate) fn share_found(source: &[f32], heard: &[f32], delay: usize) -> f32 {
    let pieces: Vec<&[f32]> = source.chunks_exact(24_000).collect();
    let found = pieces.iter().enumerate().filter(|(n, piece)| {
        let from = (n * 24_000 + delay).saturating_sub(48_000).min(heard.len());
        best_delay(piece, &heard[from..], 96_000).1 > 0.8
    });
    found.count() as f32 / pieces.len() as f32
}

fn likeness(source: &[f32], heard: &[f32], delay: usize) -> f32 {
    let heard = &heard[delay.min(heard.len())..];
    let (mut cross, mut a, mut b) = (0.0_f64, 1e-9_f64, 1e-9_f64);
    for (s, h) in source.iter().zip(heard) {
        let (s, h) = (f64::from(*s), f64::from(*h));
        cross += s * h;
        a += s * s;
        b += h * h;
    }
    (cross / (a * b).sqrt()) as f32
}
