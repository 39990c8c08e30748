//! Between clocks: files of other rates, and devices whose 48,000 hertz are not ours.
//!
//! A device's ring is read or written by the engine's tick. When the device is faster or slower, the ring fills or runs
//! empty; the resampler's ratio follows the least that was in it of late, at most 0.5 %, which nobody hears.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

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
/// Bend of a second too much in the ring; a tick too much bends it by 0.5 %.
const BEND_PER_SECOND: f64 = 0.5;
/// Seconds that stay in a ring when its other side has taken its part: what threads are late by on a machine at rest.
const MARGIN_LEAST: f64 = 0.004;
/// The most, where threads are late by much.
const MARGIN_MOST: f64 = 0.060;
/// What the margin grows by when the ring ran out.
const MARGIN_RISES: f64 = 0.005;
/// What it shrinks by after [`CALM_WINDOWS`].
const MARGIN_FALLS: f64 = 0.001;
/// Windows of half a second without running out after which the margin shrinks: 10 s.
const CALM_WINDOWS: usize = 20;
/// Ticks of one window: half a second.
const WINDOW_TICKS: usize = 50;
/// Windows whose least counts, the present one among them.
const WINDOWS: usize = 5;
/// Seconds too much that are taken out at once: bent away, they would be there for eight seconds.
const LEAP: f64 = 0.040;
/// Who does not tick for so long stood still, and was not late.
const STOOD_STILL: Duration = Duration::from_millis(500);
/// Ticks in which a loudspeaker has to come before it is given anything. Between its opening and its start lies up to a
/// second, and what waited for it would be late for as long as it takes to bend that away.
const CAME: usize = 2;
/// Below this nobody hears anything: 80 dB below full scale.
const SILENT: f32 = 1e-4;
/// Times what a ring begins with: what it holds beyond is old.
const STALE_STARTS: usize = 5;
/// Seconds of a tick.
const TICK_SECONDS: f64 = TICK_SAMPLES as f64 / RATE as f64;

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

/// What a device's callback tells of its ring.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The most samples that it moved at once of late.
    pub(crate) burst: AtomicUsize,
    /// The least that it left in the ring since this was last taken; [`usize::MAX`]: it did not come.
    pub(crate) left: AtomicUsize,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            burst: AtomicUsize::new(0),
            left: AtomicUsize::new(usize::MAX),
        }
    }
}

/// The least that was left in a ring of late: what it holds beyond a margin is delay that nobody needs. The margin
/// grows when the ring ran out, and shrinks slowly while it does not.
#[derive(Debug)]
struct Slack {
    rate: f64,
    /// Of each window, the present one first; [`usize::MAX`]: nothing was seen in it.
    least: [usize; WINDOWS],
    ticks: usize,
    /// Seconds.
    margin: f64,
    /// Parts of a sample that were taken out, or put in, and are not in `least` yet.
    rest: f64,
    /// Windows since it ran out, or since the margin last shrank.
    calm: usize,
    /// Ticks at which it held something, since running out last counted.
    fed: usize,
    last_tick: Option<Instant>,
}

impl Slack {
    fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            least: [usize::MAX; WINDOWS],
            ticks: 0,
            margin: MARGIN_LEAST,
            rest: 0.0,
            calm: 0,
            fed: 0,
            last_tick: None,
        }
    }

    /// One tick, at which so much was left.
    fn tick(&mut self, left: usize) {
        self.least[0] = self.least[0].min(left);
        self.fed = self.fed.saturating_add(1);
        self.ticks += 1;
        if self.ticks < WINDOW_TICKS {
            return;
        }
        self.ticks = 0;
        self.least.rotate_right(1);
        self.least[0] = usize::MAX;
        self.calm += 1;
        if self.calm >= CALM_WINDOWS {
            self.calm = 0;
            self.margin = (self.margin - MARGIN_FALLS).max(MARGIN_LEAST);
        }
    }

    /// A tick begins. When it is the first one for long, the process stood still: running out then says nothing.
    fn begin(&mut self, now: Instant) {
        let last = self.last_tick.replace(now).unwrap_or(now);
        if now.saturating_duration_since(last) > STOOD_STILL {
            self.fed = 0;
        }
    }

    /// There was too little in the ring; it begins anew. Before it was fed for [`WINDOW_TICKS`] it is the same fault as
    /// the last one: who stood still is asked for all that is owed, piece by piece.
    fn ran_out(&mut self) {
        if self.fed >= WINDOW_TICKS {
            self.margin = (self.margin + MARGIN_RISES).min(MARGIN_MOST);
            self.fed = 0;
        }
        self.calm = 0;
        self.forget();
    }

    fn forget(&mut self) {
        self.least = [usize::MAX; WINDOWS];
        self.ticks = 0;
    }

    /// Samples that are to be there before the device takes a burst, or after it brought one.
    fn start(&self, burst: usize) -> usize {
        burst + (self.margin * self.rate) as usize
    }

    /// Seconds too much in the ring, negative: too little. `None`: not enough was seen.
    fn excess(&self) -> Option<f64> {
        // Without the oldest window nothing is known: the device may bring much at once and then nothing for long.
        let oldest = self.least[WINDOWS - 1];
        let least = self.least.iter().copied().min().unwrap_or(usize::MAX);
        (oldest != usize::MAX).then(|| least as f64 / self.rate - self.margin)
    }

    /// So many seconds are taken out, or put in if negative. What was left before counts as if that had been so then:
    /// else it would be taken out again for as long as it is looked back.
    fn shorten(&mut self, seconds: f64) {
        let samples = seconds * self.rate + self.rest;
        self.rest = samples.fract();
        let known = self.least.iter_mut().filter(|least| **least != usize::MAX);
        known.for_each(|least| *least = least.saturating_add_signed(-(samples as isize)));
    }

    /// The bend of the ratio for a tick; positive: there is too much in the ring.
    fn bend(&mut self) -> f64 {
        let excess = self.excess().unwrap_or(0.0);
        let bend = (excess * BEND_PER_SECOND).clamp(-BEND_MAX, BEND_MAX);
        self.shorten(bend * TICK_SECONDS);
        bend
    }
}

/// From a device's clock to ours: samples of its rate come in bursts, ticks go out.
pub(crate) struct FromDevice {
    resampler: Async<f32>,
    slack: Slack,
    input: Vec<f32>,
    running: bool,
}

impl FromDevice {
    pub(crate) fn new(rate: u32) -> Result<Self, String> {
        let resampler = device_resampler(f64::from(RATE) / f64::from(rate), FixedAsync::Output)?;
        Ok(Self {
            input: vec![0.0; resampler.input_frames_max()],
            resampler,
            slack: Slack::new(rate),
            running: false,
        })
    }

    /// One tick out of the ring; silence while it holds too little.
    pub(crate) fn tick(&mut self, ring: &mut Consumer<f32>, seen: &Seen, out: &mut Frame) {
        out.fill(0.0);
        self.slack.begin(Instant::now());
        let burst = seen.burst.load(Ordering::Relaxed).max(self.input.len());
        let start = self.slack.start(burst);
        if !self.running && ring.slots() < start {
            return;
        }
        self.catch_up(ring, start);
        let _in_range = self
            .resampler
            .set_resample_ratio_relative(1.0 - self.slack.bend(), true)
            .is_ok();
        // Asked after the ratio is set: what is needed follows it.
        let needed = self.resampler.input_frames_next();
        self.running = ring.slots() >= needed;
        if !self.running {
            return self.slack.ran_out();
        }
        if ring.pop_entire_slice(&mut self.input[..needed]).is_ok() {
            process(&mut self.resampler, &self.input[..needed], out);
        }
        self.slack.tick(ring.slots());
    }

    /// Drops what is old: the engine was held up, or the device was and brought all at once.
    fn catch_up(&mut self, ring: &mut Consumer<f32>, start: usize) {
        if ring.slots() > STALE_STARTS * start {
            drop_samples(ring, ring.slots() - start);
            self.slack.forget();
        } else if let Some(excess) = self.slack.excess().filter(|excess| *excess > LEAP) {
            drop_samples(ring, (excess * self.slack.rate) as usize);
            self.slack.shorten(excess);
        }
    }
}

/// From our clock to a device's: ticks come in, samples of its rate go out.
pub(crate) struct ToDevice {
    resampler: Async<f32>,
    slack: Slack,
    output: Vec<f32>,
    /// Ticks in which the device came, up to [`CAME`].
    came: usize,
    /// Ticks since it came last.
    away: usize,
    /// Too much is in the ring by so much that it is cut out.
    leaping: bool,
}

impl ToDevice {
    pub(crate) fn new(rate: u32) -> Result<Self, String> {
        let resampler = device_resampler(f64::from(rate) / f64::from(RATE), FixedAsync::Input)?;
        Ok(Self {
            output: vec![0.0; resampler.output_frames_max()],
            resampler,
            slack: Slack::new(rate),
            came: 0,
            away: 0,
            leaping: false,
        })
    }

    /// One tick into the ring.
    pub(crate) fn tick(&mut self, ring: &mut Producer<f32>, seen: &Seen, frame: &Frame) {
        self.slack.begin(Instant::now());
        let burst = seen.burst.load(Ordering::Relaxed).max(self.output.len());
        let fill = ring.buffer().capacity() - ring.slots();
        let left = seen.left.swap(usize::MAX, Ordering::Relaxed);
        if !self.takes(left != usize::MAX, fill) {
            return;
        }
        if fill == 0 {
            // It ran empty: begin with what it should hold.
            self.slack.ran_out();
            let tick = (self.slack.rate * TICK_SECONDS) as usize;
            let silence = self.slack.start(burst).saturating_sub(tick);
            for _ in 0..silence {
                let _full = ring.push(0.0).is_err();
            }
        } else if fill > STALE_STARTS * self.slack.start(burst) {
            return self.slack.forget();
        } else {
            self.slack.tick(left);
        }
        if self.leaps(frame) {
            return self.slack.shorten(TICK_SECONDS);
        }
        let _in_range = self
            .resampler
            .set_resample_ratio_relative(1.0 - self.slack.bend(), true)
            .is_ok();
        let made = process(&mut self.resampler, frame, &mut self.output);
        let _rest = ring.push_partial_slice(&self.output[..made]);
    }

    /// Whether the device has begun to take, or takes again after a pause and has what is old behind it.
    fn takes(&mut self, comes: bool, fill: usize) -> bool {
        self.away = if comes { 0 } else { self.away + 1 };
        if self.away >= WINDOW_TICKS {
            self.came = 0;
        }
        let takes = self.came >= CAME;
        if comes && !takes && (self.came + 1 < CAME || fill == 0) {
            self.came += 1;
        }
        takes
    }

    /// Whether this tick is left out. Silence is, when it alone is too much; sound only when much is, and then all of it.
    fn leaps(&mut self, frame: &Frame) -> bool {
        let silent = frame.iter().all(|sample| sample.abs() < SILENT);
        let excess = self.slack.excess().unwrap_or(0.0);
        // A pause that is too short for all of it does not take the word after it along.
        self.leaping = excess > if self.leaping { TICK_SECONDS } else { LEAP };
        self.leaping || silent && excess > TICK_SECONDS
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

    /// A device's side of a ring, fast or slow.
    struct Device {
        owed: f64,
        rate: f64,
    }

    impl Device {
        fn new(rate: u32, ppm: f64) -> Self {
            let rate = f64::from(rate) * TICK_SECONDS * (1.0 + ppm / 1e6);
            Self { owed: 0.0, rate }
        }

        /// What it moves within a tick.
        fn tick(&mut self) -> usize {
            self.owed += self.rate;
            let samples = self.owed as usize;
            self.owed -= samples as f64;
            samples
        }
    }

    /// Of each tick what was left after it, and how many samples lacked.
    type Ticks = Vec<(usize, usize)>;

    fn capture(
        (rate, ppm): (u32, f64),
        ticks: usize,
        mut before: impl FnMut(usize, &mut Producer<f32>),
    ) -> Ticks {
        let (mut producer, mut consumer) = RingBuffer::<f32>::new(rate as usize);
        let (mut from, mut device) = (FromDevice::new(rate).unwrap(), Device::new(rate, ppm));
        let seen = Seen::default();
        let mut frame = [0.0; TICK_SAMPLES];
        let ticks = (0..ticks).map(|tick| {
            let samples = device.tick();
            seen.burst.fetch_max(samples, Ordering::Relaxed);
            (0..samples).for_each(|_| producer.push(0.1).unwrap());
            before(tick, &mut producer);
            from.tick(&mut consumer, &seen, &mut frame);
            let silent = frame.iter().filter(|sample| **sample < 0.05).count();
            (consumer.slots(), silent)
        });
        ticks.collect()
    }

    /// Where the engine is `late`, the device takes its part before the engine's tick.
    fn playback((rate, ppm): (u32, f64), ticks: usize, late: impl Fn(usize) -> bool) -> Ticks {
        let (mut producer, mut consumer) = RingBuffer::<f32>::new(rate as usize);
        let (mut to, mut device) = (ToDevice::new(rate).unwrap(), Device::new(rate, ppm));
        let seen = Seen::default();
        let mut take = || {
            let samples = device.tick();
            seen.burst.fetch_max(samples, Ordering::Relaxed);
            let taken = consumer.slots().min(samples);
            drop_samples(&mut consumer, taken);
            seen.left.fetch_min(consumer.slots(), Ordering::Relaxed);
            (consumer.slots(), samples - taken)
        };
        let ticks = (0..ticks).map(|tick| {
            let early = late(tick).then(&mut take);
            to.tick(&mut producer, &seen, &[0.1; TICK_SAMPLES]);
            early.unwrap_or_else(&mut take)
        });
        ticks.collect()
    }

    /// After 20 s, what is left of each tick stays near the margin, and no tick lacks a sample.
    #[test]
    fn a_device_that_drifts_neither_starves_nor_overflows() {
        for (rate, ppm) in [
            (48_000, -500.0),
            (48_000, 500.0),
            (44_100, 100.0),
            (16_000, -100.0),
            (8_000, 0.0),
            (96_000, 0.0),
        ] {
            for (what, ticks) in [
                ("capture", capture((rate, ppm), 6_000, |_, _| {})),
                ("playback", playback((rate, ppm), 6_000, |_| false)),
            ] {
                let gaps: usize = ticks[50..].iter().map(|(_, lacking)| lacking).sum();
                assert_eq!(gaps, 0, "{what} {rate} {ppm}");
                let left = ticks[2_000..].iter().map(|(left, _)| *left);
                let most = left.max().unwrap() * 1_000 / rate as usize;
                assert!(most < 13, "{what} {rate} {ppm}: {most} ms");
            }
        }
    }

    /// 50 ms too much are gone after 10 s, whoever was held up.
    #[test]
    fn what_came_at_once_is_not_kept() {
        let burst = |tick, producer: &mut Producer<f32>| {
            if tick == 1_000 {
                (0..2_400).for_each(|_| producer.push(0.1).unwrap());
            }
        };
        let left = |ticks: &[(usize, usize)]| ticks.iter().map(|(left, _)| *left).max().unwrap();
        let ticks = capture((48_000, 0.0), 2_100, burst);
        assert!(left(&ticks[1_000..1_010]) > 2_300);
        assert!(left(&ticks[2_000..]) < 600, "{}", left(&ticks[2_000..]));
    }

    /// A tick too much is seen after two and a half seconds and gone after three more, and not more than that.
    #[test]
    fn a_little_too_much_is_soon_bent_away_and_no_more() {
        let burst = |tick, producer: &mut Producer<f32>| {
            if tick == 1_000 {
                (0..480).for_each(|_| producer.push(0.1).unwrap());
            }
        };
        let ticks = capture((48_000, 0.0), 3_000, burst);
        let left = |range: std::ops::Range<usize>| ticks[range].iter().map(|(left, _)| *left);
        let (before, with) = (
            left(900..1_000).max().unwrap(),
            left(1_000..1_100).max().unwrap(),
        );
        assert!(with > before + 450, "{before}, {with}");
        let after = left(1_550..1_600).max().unwrap();
        assert!(after < before + 170, "{before}, {after}");
        let least = left(1_250..3_000).min().unwrap();
        assert!(least + 20 > before, "{before}, {least}");
    }

    /// An engine that is late by a tick each second is waited for after some gaps, and less when that is over.
    #[test]
    fn who_runs_out_keeps_more_for_a_while() {
        let late = |tick| tick % 100 == 99 && tick < 3_000;
        let ticks = playback((48_000, 0.0), 20_000, late);
        let gaps = |range: std::ops::Range<usize>| -> usize {
            let lacking = ticks[range].iter().filter(|(_, lacking)| *lacking > 0);
            lacking.count()
        };
        assert!((1..=3).contains(&gaps(50..3_000)), "{}", gaps(50..3_000));
        assert_eq!(gaps(3_000..20_000), 0);
        let left = |range: std::ops::Range<usize>| ticks[range].iter().map(|(left, _)| *left).max();
        assert!(left(2_000..2_900) > Some(480), "{:?}", left(2_000..2_900));
        assert!(
            left(19_000..20_000) < Some(400),
            "{:?}",
            left(19_000..20_000)
        );
    }

    #[test]
    fn a_process_that_stood_still_needs_no_margin_and_a_late_thread_does() {
        let mut slack = Slack::new(48_000);
        let mut now = Instant::now();
        let mut run_out_after = |slack: &mut Slack, past: f64| {
            for _ in 0..100 {
                now += Duration::from_millis(10);
                slack.begin(now);
                slack.tick(0);
            }
            now += Duration::from_secs_f64(past);
            slack.begin(now);
            slack.ran_out();
            slack.margin
        };
        assert_eq!(run_out_after(&mut slack, 5.0), MARGIN_LEAST);
        assert_eq!(run_out_after(&mut slack, 0.05), MARGIN_LEAST + MARGIN_RISES);
        // Who is late all the time gets more, though less than half a second lies between.
        for _ in 0..20 {
            for _ in 0..40 {
                slack.tick(0);
            }
            slack.ran_out();
        }
        assert!(slack.margin > MARGIN_LEAST + 5.0 * MARGIN_RISES);
    }

    /// 30 ms too much are gone with the first pause, and bent away for long where nobody pauses.
    #[test]
    fn silence_is_left_out_where_too_much_waits() {
        let left = |silent: std::ops::Range<usize>| {
            let (mut producer, mut consumer) = RingBuffer::<f32>::new(48_000);
            let (mut to, seen) = (ToDevice::new(48_000).unwrap(), Seen::default());
            let mut last = 0;
            for tick in 0..620 {
                let level = if silent.contains(&tick) { 0.0 } else { 0.1 };
                to.tick(&mut producer, &seen, &[level; TICK_SAMPLES]);
                // It takes nothing for three ticks.
                if !(300..303).contains(&tick) {
                    let taken = consumer.slots().min(480);
                    drop_samples(&mut consumer, taken);
                    seen.burst.fetch_max(480, Ordering::Relaxed);
                    seen.left.fetch_min(consumer.slots(), Ordering::Relaxed);
                }
                last = consumer.slots();
            }
            last
        };
        assert!(left(620..620) > 1_000, "{}", left(620..620));
        assert!(left(580..600) < 700, "{}", left(580..600));
        // Of a pause of one tick, no more than that.
        assert!(left(580..581) > 800, "{}", left(580..581));
    }

    /// A loudspeaker that begins a second after it was opened, whose process then stands still for five (it is asked for
    /// all that it owes), and that pauses for two.
    #[test]
    fn a_late_start_and_a_process_that_stood_still_add_no_delay() {
        let (mut producer, mut consumer) = RingBuffer::<f32>::new(48_000);
        let (mut to, seen) = (ToDevice::new(48_000).unwrap(), Seen::default());
        let mut take = |samples: usize| {
            seen.burst.fetch_max(samples, Ordering::Relaxed);
            let taken = consumer.slots().min(samples);
            drop_samples(&mut consumer, taken);
            seen.left.fetch_min(consumer.slots(), Ordering::Relaxed);
            consumer.slots()
        };
        take(600);
        let mut left = Vec::new();
        for tick in 0..2_400 {
            to.tick(&mut producer, &seen, &[0.1; TICK_SAMPLES]);
            match tick {
                // It is opened, and pauses in between.
                0..100 | 2_000..2_200 => {}
                // What it owes comes in pieces, between some ticks.
                1_000..1_010 => {
                    for _ in 0..100 {
                        take(240);
                    }
                }
                _ => {
                    take(240);
                    left.push(take(240));
                }
            }
        }
        let most = |range: std::ops::Range<usize>| left[range].iter().max().copied().unwrap();
        assert!(most(2..900) < 480, "{}", most(2..900));
        let after = most(910..1_890);
        assert!(after < 720, "{after}");
        let again = most(1_905..2_090);
        assert!(again < 960, "{again}");
        assert!(left[1_905..].iter().all(|left| *left > 0));
    }

    #[test]
    fn files_of_other_rates_keep_their_length() {
        let sound = resampled(vec![0.5; 44_100], 44_100).unwrap();
        assert!(sound.len().abs_diff(48_000) < 10, "{}", sound.len());
        assert!((sound[24_000] - 0.5).abs() < 0.01);
    }
}
