//! Between clocks: files of other rates, and devices whose 48,000 hertz are not ours.
//!
//! A device's ring is read or written by the engine's tick. When the device is faster or slower, the ring fills or runs
//! empty; the resampler's ratio follows its fill, at most 0.5 %, which nobody hears.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction, calculate_cutoff,
};

use rtrb::{Consumer, Producer};

use crate::limits::{Frame, RATE, TICK_SAMPLES};

/// Taps of the filter for files: steep enough for speech and music.
const TAPS: usize = 128;
/// Samples that a file is resampled by at once.
const CHUNK: usize = 1_024;
/// The most that a device's ratio is bent.
const BEND_MAX: f64 = 0.005;
/// Bend of a second too much in the ring; a tick too much bends it by 0.02 %.
const BEND_PER_SECOND: f64 = 0.02;
/// Share of a tick's fill in the mean that steers: callbacks make it jump by their size.
const SHARE: f64 = 0.01;

/// Whole sound at 48 kHz.
///
/// # Errors
/// The rate is none that can be resampled.
pub(crate) fn resampled(sound: Vec<f32>, rate: u32) -> Result<Vec<f32>, String> {
    if rate == RATE {
        return Ok(sound);
    }
    let window = WindowFunction::BlackmanHarris2;
    let parameters = SincInterpolationParameters {
        sinc_len: TAPS,
        f_cutoff: Some(calculate_cutoff(TAPS, window)),
        interpolation: SincInterpolationType::Cubic,
        oversampling_factor: 256,
        window,
    };
    let ratio = f64::from(RATE) / f64::from(rate);
    let mut resampler =
        Async::<f32>::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
            .map_err(|error| error.to_string())?;
    let input = InterleavedSlice::new(&sound, 1, sound.len()).map_err(|error| error.to_string())?;
    let output = resampler
        .process_all(&input, sound.len(), None)
        .map_err(|error| error.to_string())?;
    Ok(output.take_data())
}

fn device_resampler(ratio: f64, fixed: FixedAsync) -> Result<Async<f32>, String> {
    let parameters = SincInterpolationParameters {
        sinc_len: 64,
        f_cutoff: None,
        interpolation: SincInterpolationType::Linear,
        oversampling_factor: 256,
        window: WindowFunction::BlackmanHarris2,
    };
    Async::new_sinc(
        ratio,
        1.0 + 2.0 * BEND_MAX,
        &parameters,
        TICK_SAMPLES,
        1,
        fixed,
    )
    .map_err(|error| error.to_string())
}

/// How much too much or too little is in a ring, as a mean, and what the ratio has to be for it.
#[derive(Debug)]
struct Steering {
    rate: f64,
    excess: f64,
}

impl Steering {
    fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            excess: 0.0,
        }
    }

    /// The bend of the ratio; positive: there is too much in the ring.
    fn bend(&mut self, fill: usize, target: usize) -> f64 {
        let excess = (fill as f64 - target as f64) / self.rate;
        self.excess += (excess - self.excess) * SHARE;
        (self.excess * BEND_PER_SECOND * 10.0).clamp(-BEND_MAX, BEND_MAX)
    }
}

/// From a device's clock to ours: samples of its rate come in bursts, ticks go out.
pub(crate) struct FromDevice {
    resampler: Async<f32>,
    steering: Steering,
    input: Vec<f32>,
    running: bool,
}

impl FromDevice {
    pub(crate) fn new(rate: u32) -> Result<Self, String> {
        let resampler = device_resampler(f64::from(RATE) / f64::from(rate), FixedAsync::Output)?;
        Ok(Self {
            input: vec![0.0; resampler.input_frames_max()],
            resampler,
            steering: Steering::new(rate),
            running: false,
        })
    }

    /// One tick out of the ring, which should hold `target` samples before it; silence while it holds too little.
    pub(crate) fn tick(&mut self, ring: &mut Consumer<f32>, target: usize, out: &mut Frame) {
        out.fill(0.0);
        if !self.running && ring.slots() < target {
            return;
        }
        if ring.slots() > 4 * target + self.input.len() {
            // The engine was held up: what waits is old.
            drop_samples(ring, ring.slots() - target);
        }
        let bend = self.steering.bend(ring.slots(), target);
        let _in_range = self
            .resampler
            .set_resample_ratio_relative(1.0 - bend, true)
            .is_ok();
        // Asked after the ratio is set: what is needed follows it.
        let needed = self.resampler.input_frames_next();
        self.running = ring.slots() >= needed;
        if self.running && ring.pop_entire_slice(&mut self.input[..needed]).is_ok() {
            process(&mut self.resampler, &self.input[..needed], out);
        }
    }
}

/// From our clock to a device's: ticks come in, samples of its rate go out.
pub(crate) struct ToDevice {
    resampler: Async<f32>,
    steering: Steering,
    output: Vec<f32>,
}

impl ToDevice {
    pub(crate) fn new(rate: u32) -> Result<Self, String> {
        let resampler = device_resampler(f64::from(rate) / f64::from(RATE), FixedAsync::Input)?;
        Ok(Self {
            output: vec![0.0; resampler.output_frames_max()],
            resampler,
            steering: Steering::new(rate),
        })
    }

    /// One tick into the ring, which should hold `target` samples before it.
    pub(crate) fn tick(&mut self, ring: &mut Producer<f32>, target: usize, frame: &Frame) {
        let fill = ring.buffer().capacity() - ring.slots();
        if fill == 0 {
            // It ran empty: begin with what it should hold.
            for _ in 0..target.saturating_sub(TICK_SAMPLES) {
                let _full = ring.push(0.0).is_err();
            }
        } else if fill > 4 * target {
            return;
        }
        let bend = self.steering.bend(fill.max(1), target);
        let _in_range = self
            .resampler
            .set_resample_ratio_relative(1.0 - bend, true)
            .is_ok();
        let made = process(&mut self.resampler, frame, &mut self.output);
        let _rest = ring.push_partial_slice(&self.output[..made]);
    }
}

fn drop_samples(ring: &mut Consumer<f32>, samples: usize) {
    if let Ok(chunk) = ring.read_chunk(samples) {
        chunk.commit_all();
    }
}

fn process(resampler: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> usize {
    let (frames_in, frames_out) = (input.len(), output.len());
    let (Ok(input), Ok(mut output)) = (
        InterleavedSlice::new(input, 1, frames_in),
        InterleavedSlice::new_mut(output, 1, frames_out),
    ) else {
        return 0;
    };
    match resampler.process_into_buffer(&input, &mut output, None) {
        Ok((_, made)) => made,
        Err(error) => {
            tracing::debug!(%error, "a tick was not resampled");
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtrb::RingBuffer;

    /// A minute on a device that is fast or slow: how far its ring's fill strays after the first 20 s. Once sound has
    /// begun, no tick of a capture may have a gap.
    fn strays(ppm: f64, capture: bool) -> (usize, usize) {
        let (mut producer, mut consumer) = RingBuffer::<f32>::new(48_000);
        let mut from = FromDevice::new(48_000).unwrap();
        let mut to = ToDevice::new(48_000).unwrap();
        let mut owed = 0.0;
        let (mut least, mut most) = (usize::MAX, 0);
        let mut frame = [0.0; TICK_SAMPLES];
        for tick in 0..6_000 {
            owed += 480.0 * (1.0 + ppm / 1e6);
            let device = owed as usize;
            owed -= device as f64;
            if capture {
                for _ in 0..device {
                    producer.push(0.1).unwrap();
                }
                from.tick(&mut consumer, 960, &mut frame);
                // The first ticks fill the ring, and the filter.
                let gap = frame.iter().filter(|sample| **sample < 0.05).count();
                assert!(
                    tick < 10 || gap == 0,
                    "{ppm}: {gap} silent samples at tick {tick}"
                );
            } else {
                to.tick(&mut producer, 960, &frame);
                let there = consumer.slots().min(device);
                drop_samples(&mut consumer, there);
            }
            if tick > 2_000 {
                least = least.min(consumer.slots());
                most = most.max(consumer.slots());
            }
        }
        (least, most)
    }

    #[test]
    fn a_device_that_drifts_neither_starves_nor_overflows() {
        for ppm in [-500.0, 500.0] {
            for capture in [true, false] {
                let (least, most) = strays(ppm, capture);
                assert!(
                    least > 100 && most < 1_900,
                    "{ppm} {capture}: {least} to {most}"
                );
            }
        }
    }

    #[test]
    fn files_of_other_rates_keep_their_length() {
        let sound = resampled(vec![0.5; 44_100], 44_100).unwrap();
        assert!(sound.len().abs_diff(48_000) < 10, "{}", sound.len());
        assert!((sound[24_000] - 0.5).abs() < 0.01);
    }
}
