//! The system's microphones and loudspeakers: those of PulseAudio's server or PipeWire's stand-in for it, see
//! [`super::pulse`], else ALSA's by cpal.
//!
//! The threads of both only mix channels and move samples between the system's buffer and a lock-free ring; they lock
//! and log nothing. The engine's tick works on the other end of the ring, see [`super::drift`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, ErrorKind, FromSample, SampleFormat, SizedSample, StreamConfig,
    SupportedStreamConfig,
};
use rtrb::{Consumer, Producer, RingBuffer};

use super::drift::{FromDevice, Seen, ToDevice};
use super::pulse::{self, Server};
use super::{Sink, Source};
use crate::error::MediaError;
use crate::limits::{Frame, RATE, TICK_MS};

/// Seconds that a ring holds: more than any system's buffer.
const RING_SECONDS: usize = 1;
/// A great burst counts for two to four of these: devices that were held up for a moment bring one, and a ring that
/// would be kept that full ever after were delay that only grows.
const BURST_SECONDS: usize = 2;
/// How long the sound system may take to open a stream.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Reports of one stream that wait to be read; the first one decides.
pub(super) const FAULTS_WAITING: usize = 8;

/// What the system's own choice is called.
const DEFAULT: &str = "the system's default";

/// A direction of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From a microphone.
    In,
    /// To a loudspeaker.
    Out,
}

/// An open device. Dropping it closes it, which may take for ever: [`super::desk`] does that elsewhere.
pub(super) struct Card {
    _stream: Stream,
    /// Its name.
    pub(super) name: String,
}

#[expect(dead_code, reason = "held until they are dropped")]
enum Stream {
    Server(pulse::Stream),
    System(cpal::Stream),
}

impl Card {
    fn of_server(stream: pulse::Stream) -> Self {
        let name = stream.title.clone();
        let _stream = Stream::Server(stream);
        Self { _stream, name }
    }

    fn of_system(stream: cpal::Stream, device: &Device) -> Result<Self, cpal::Error> {
        stream.play()?;
        let (_stream, name) = (Stream::System(stream), device.to_string());
        Ok(Self { _stream, name })
    }
}

/// What the engine's tick reads from a microphone.
struct Microphone {
    ring: Consumer<f32>,
    clock: FromDevice,
    seen: Arc<Seen>,
}

impl Source for Microphone {
    fn read(&mut self, frame: &mut Frame) {
        self.clock.tick(&mut self.ring, &self.seen, frame);
    }
}

/// What the engine's tick writes to a loudspeaker.
struct Loudspeaker {
    ring: Producer<f32>,
    clock: ToDevice,
    seen: Arc<Seen>,
}

impl Sink for Loudspeaker {
    fn write(&mut self, frame: &Frame) {
        self.clock.tick(&mut self.ring, &self.seen, frame);
    }
}

/// The names of all microphones and of all loudspeakers; those that fail to tell theirs are left out.
pub(super) fn names() -> (Vec<String>, Vec<String>) {
    let mut server = Server::here();
    let mut of = |way| {
        let mut names: Vec<String> = match &mut server {
            Some(server) => server.titles(way).unwrap_or_else(|error| {
                tracing::debug!(%error, "the sound server does not tell its devices");
                Vec::new()
            }),
            None => devices(way).iter().map(ToString::to_string).collect(),
        };
        names.sort();
        names.dedup();
        names
    };
    (of(Way::In), of(Way::Out))
}

fn devices(way: Way) -> Vec<Device> {
    let Ok(devices) = cpal::default_host().devices() else {
        return Vec::new();
    };
    let fits = |device: &Device| match way {
        Way::In => device.supports_input(),
        Way::Out => device.supports_output(),
    };
    devices.filter(fits).collect()
}

fn device(way: Way, name: Option<&str>) -> Result<Device, MediaError> {
    let host = cpal::default_host();
    let found = match (name, way) {
        (None, Way::In) => host.default_input_device(),
        (None, Way::Out) => host.default_output_device(),
        (Some(name), _) => devices(way).into_iter().find(|device| is(device, name)),
    };
    found.ok_or_else(|| refused(name, "there is no such device".to_owned()))
}

/// A device is known by its name, or by what its system calls it.
fn is(device: &Device, name: &str) -> bool {
    device.to_string() == name
        || device.id().is_ok_and(|id| {
            let id = id.to_string();
            id == name || id.split_once(':').is_some_and(|(_, id)| id == name)
        })
}

/// Opens a microphone by its name, or the default one. Faults of the stream go to `faults`.
pub(super) fn open_input(
    name: Option<&str>,
    faults: SyncSender<String>,
) -> Result<(Card, Box<dyn Source>), MediaError> {
    if let Some(server) = Server::here() {
        let (ring, source) = microphone(RATE).map_err(|reason| refused(name, reason))?;
        let stream = server.record(name, ring, faults);
        let stream = stream.map_err(|reason| refused(name, reason))?;
        return Ok((Card::of_server(stream), source));
    }
    let device = device(Way::In, name)?;
    let failed = failure(&device);
    let config = device.default_input_config().map_err(&failed)?;
    let (ring, source) = microphone(config.sample_rate())
        .map_err(|reason| refused(Some(&device.to_string()), reason))?;
    let channels = usize::from(config.channels());
    let end = Capture { ring, channels };
    let stream = started(&config, |buffer| {
        end.stream(&device, &config, buffer, &faults)
    })
    .map_err(&failed)?;
    let card = Card::of_system(stream, &device).map_err(&failed)?;
    Ok((card, source))
}

/// Opens a loudspeaker by its name, or the default one. Faults of the stream go to `faults`.
pub(super) fn open_output(
    name: Option<&str>,
    faults: SyncSender<String>,
) -> Result<(Card, Box<dyn Sink>), MediaError> {
    if let Some(server) = Server::here() {
        let (ring, sink) = loudspeaker(RATE).map_err(|reason| refused(name, reason))?;
        let stream = server.play(name, ring, faults);
        let stream = stream.map_err(|reason| refused(name, reason))?;
        return Ok((Card::of_server(stream), sink));
    }
    let device = device(Way::Out, name)?;
    let failed = failure(&device);
    let config = device.default_output_config().map_err(&failed)?;
    let (ring, sink) = loudspeaker(config.sample_rate())
        .map_err(|reason| refused(Some(&device.to_string()), reason))?;
    let channels = usize::from(config.channels());
    let end = Playback { ring, channels };
    let stream = started(&config, |buffer| {
        end.stream(&device, &config, buffer, &faults)
    })
    .map_err(&failed)?;
    let card = Card::of_system(stream, &device).map_err(&failed)?;
    Ok((card, sink))
}

/// The two ends of a microphone of this rate.
fn microphone(rate: u32) -> Result<(ToRing, Box<dyn Source>), String> {
    let clock = FromDevice::new(rate)?;
    let (producer, ring) = RingBuffer::new(rate as usize * RING_SECONDS);
    let bursts = Bursts::new(rate);
    let seen = Arc::clone(&bursts.seen);
    let to = ToRing {
        ring: producer,
        bursts,
    };
    Ok((to, Box::new(Microphone { ring, clock, seen })))
}

/// The two ends of a loudspeaker of this rate.
pub(super) fn loudspeaker(rate: u32) -> Result<(FromRing, Box<dyn Sink>), String> {
    let clock = ToDevice::new(rate)?;
    let (ring, consumer) = RingBuffer::new(rate as usize * RING_SECONDS);
    let bursts = Bursts::new(rate);
    let seen = Arc::clone(&bursts.seen);
    let from = FromRing {
        ring: consumer,
        bursts,
    };
    Ok((from, Box::new(Loudspeaker { ring, clock, seen })))
}

/// The device's end of a microphone's ring.
pub(super) struct ToRing {
    ring: Producer<f32>,
    bursts: Bursts,
}

impl ToRing {
    /// What the device gives at once.
    pub(super) fn push(&mut self, samples: impl ExactSizeIterator<Item = f32>) {
        self.bursts.saw(samples.len());
        for sample in samples {
            // Full: the engine is held up, and what is old will be dropped there.
            let _full = self.ring.push(sample).is_err();
        }
    }
}

/// The device's end of a loudspeaker's ring.
pub(super) struct FromRing {
    ring: Consumer<f32>,
    bursts: Bursts,
}

impl FromRing {
    /// What the device asks for at once; silence where nothing is there.
    pub(super) fn pop(&mut self, count: usize, mut give: impl FnMut(f32)) {
        self.bursts.saw(count);
        for _ in 0..count {
            give(self.ring.pop().unwrap_or(0.0));
        }
        let seen = &self.bursts.seen;
        seen.left.fetch_min(self.ring.slots(), Ordering::Relaxed);
    }
}

fn tick(rate: u32) -> usize {
    rate as usize * TICK_MS as usize / 1_000
}

fn refused(name: Option<&str>, reason: String) -> MediaError {
    let device = name.unwrap_or(DEFAULT).to_owned();
    MediaError::Device { device, reason }
}

fn failure(device: &Device) -> impl Fn(cpal::Error) -> MediaError + use<> {
    let device = device.to_string();
    move |error| refused(Some(&device), error.to_string())
}

/// With a buffer of one tick.
fn started<S>(
    config: &SupportedStreamConfig,
    build: impl FnOnce(BufferSize) -> Result<S, cpal::Error>,
) -> Result<S, cpal::Error> {
    build(BufferSize::Fixed(tick(config.sample_rate()) as u32))
}

fn fault(faults: SyncSender<String>) -> impl FnMut(cpal::Error) + Send + 'static {
    move |error| {
        let harmless = matches!(
            error.kind(),
            ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged
        );
        if !harmless {
            // Full: the first fault is enough.
            let _full = faults.try_send(error.to_string()).is_err();
        }
    }
}

/// The most samples that a device has moved at once of late: as much has to be in its ring.
struct Bursts {
    seen: Arc<Seen>,
    window: usize,
    moved: usize,
    /// The greatest of the window before, and of this one.
    greatest: [usize; 2],
}

impl Bursts {
    fn new(rate: u32) -> Self {
        Self {
            seen: Arc::default(),
            window: rate as usize * BURST_SECONDS,
            moved: 0,
            greatest: [0; 2],
        }
    }

    fn saw(&mut self, samples: usize) {
        self.greatest[1] = self.greatest[1].max(samples);
        let most = self.greatest[0].max(self.greatest[1]);
        self.seen.burst.store(most, Ordering::Relaxed);
        self.moved += samples;
        if self.moved >= self.window {
            self.moved = 0;
            self.greatest = [self.greatest[1], 0];
        }
    }
}

/// What the callback of a microphone owns.
struct Capture {
    ring: ToRing,
    channels: usize,
}

impl Capture {
    fn stream(
        self,
        device: &Device,
        config: &SupportedStreamConfig,
        buffer_size: BufferSize,
        faults: &SyncSender<String>,
    ) -> Result<cpal::Stream, cpal::Error> {
        let stream = StreamConfig {
            buffer_size,
            ..config.config()
        };
        match config.sample_format() {
            SampleFormat::F32 => self.build::<f32>(device, stream, faults.clone()),
            SampleFormat::I16 => self.build::<i16>(device, stream, faults.clone()),
            SampleFormat::I32 => self.build::<i32>(device, stream, faults.clone()),
            SampleFormat::U8 => self.build::<u8>(device, stream, faults.clone()),
            other => Err(unsupported(other)),
        }
    }

    fn build<T: SizedSample>(
        mut self,
        device: &Device,
        config: StreamConfig,
        faults: SyncSender<String>,
    ) -> Result<cpal::Stream, cpal::Error>
    where
        f32: FromSample<T>,
    {
        let data = move |data: &[T], _: &_| self.take(data);
        device.build_input_stream(config, data, fault(faults), Some(ANSWER_WITHIN))
    }

    fn take<T: SizedSample>(&mut self, data: &[T])
    where
        f32: FromSample<T>,
    {
        let channels = self.channels.max(1);
        self.ring.push(data.chunks_exact(channels).map(|samples| {
            let samples = samples.iter().map(|&sample| f32::from_sample_(sample));
            samples.sum::<f32>() / channels as f32
        }));
    }
}

/// What the callback of a loudspeaker owns.
struct Playback {
    ring: FromRing,
    channels: usize,
}

impl Playback {
    fn stream(
        self,
        device: &Device,
        config: &SupportedStreamConfig,
        buffer_size: BufferSize,
        faults: &SyncSender<String>,
    ) -> Result<cpal::Stream, cpal::Error> {
        let stream = StreamConfig {
            buffer_size,
            ..config.config()
        };
        match config.sample_format() {
            SampleFormat::F32 => self.build::<f32>(device, stream, faults.clone()),
            SampleFormat::I16 => self.build::<i16>(device, stream, faults.clone()),
            SampleFormat::I32 => self.build::<i32>(device, stream, faults.clone()),
            SampleFormat::U8 => self.build::<u8>(device, stream, faults.clone()),
            other => Err(unsupported(other)),
        }
    }

    fn build<T: SizedSample + FromSample<f32>>(
        mut self,
        device: &Device,
        config: StreamConfig,
        faults: SyncSender<String>,
    ) -> Result<cpal::Stream, cpal::Error> {
        let data = move |data: &mut [T], _: &_| self.give(data);
        device.build_output_stream(config, data, fault(faults), Some(ANSWER_WITHIN))
    }

    fn give<T: SizedSample + FromSample<f32>>(&mut self, data: &mut [T]) {
        let channels = self.channels.max(1);
        let mut all = data.chunks_exact_mut(channels);
        self.ring.pop(all.len(), |sample| {
            if let Some(samples) = all.next() {
                samples.fill(T::from_sample_(sample));
            }
        });
    }
}

fn unsupported(format: SampleFormat) -> cpal::Error {
    cpal::Error::with_message(
        ErrorKind::UnsupportedConfig,
        format!("samples of the kind {format} are not supported"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_great_burst_is_forgotten_after_a_while() {
        let mut bursts = Bursts::new(48_000);
        let seconds = |bursts: &mut Bursts, count: usize| {
            for _ in 0..count * 100 {
                bursts.saw(480);
            }
            bursts.seen.burst.load(Ordering::Relaxed)
        };
        assert_eq!(seconds(&mut bursts, 1), 480);
        bursts.saw(9_600);
        assert_eq!(seconds(&mut bursts, 1), 9_600);
        assert_eq!(seconds(&mut bursts, 4), 480);
    }
}
