//! WAV files: any rate, 8 to 32 bits or float, read as 48 kHz mono; written as 48 kHz mono in 16 bits.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use rtrb::{Consumer, Producer, RingBuffer};

use super::Sink;
use super::drift::resampled;
use crate::error::MediaError;
use crate::limits::{Frame, INPUT_BYTES_MAX, INPUT_SECONDS_MAX, OUTPUT_SECONDS_MAX, RATE};

/// Channels of a file that is read: 7.1 sound.
const CHANNELS_MAX: u16 = 8;
/// Rates that are read.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;
/// Samples on their way to the file: four seconds, longer than a disk makes anybody wait.
const RING: usize = 4 * RATE as usize;
/// How often the thread that writes looks for more.
const EVERY: Duration = Duration::from_millis(50);
/// Samples after which the header of the file is brought up to date, so that it can be read at any time.
const FLUSH: usize = RATE as usize / 2;

/// Reads a file as 48 kHz mono.
///
/// # Errors
/// It cannot be opened, is no WAV, is empty, or too long.
pub(crate) fn read_file(path: &Path) -> Result<Vec<f32>, MediaError> {
    let failed = |error| MediaError::File {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(not_wav(path, "it is no regular file"));
    }
    read(BufReader::new(file).take(INPUT_BYTES_MAX), path)
}

/// Reads a WAV stream as 48 kHz mono; `path` is for the error.
///
/// # Errors
/// It is no WAV, is empty, or too long.
pub(crate) fn read(input: impl Read, path: &Path) -> Result<Vec<f32>, MediaError> {
    let reader = WavReader::new(input).map_err(|error| not_wav(path, error))?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) || !(1..=CHANNELS_MAX).contains(&spec.channels) {
        let what = format!("{} channels at {} Hz", spec.channels, spec.sample_rate);
        return Err(not_wav(path, what));
    }
    let mono = mono(reader, spec, path)?;
    if mono.is_empty() {
        return Err(MediaError::Empty {
            path: path.to_owned(),
        });
    }
    resampled(mono, spec.sample_rate).map_err(|error| not_wav(path, error))
}

fn not_wav(path: &Path, reason: impl ToString) -> MediaError {
    MediaError::NotWav {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn mono(
    mut reader: WavReader<impl Read>,
    spec: WavSpec,
    path: &Path,
) -> Result<Vec<f32>, MediaError> {
    let channels = usize::from(spec.channels);
    let limit = spec.sample_rate as usize * INPUT_SECONDS_MAX as usize;
    let scale = 1.0 / (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
    let samples: Box<dyn Iterator<Item = hound::Result<f32>> + '_> = match spec.sample_format {
        SampleFormat::Float => Box::new(reader.samples::<f32>()),
        SampleFormat::Int => Box::new(
            reader
                .samples::<i32>()
                .map(move |sample| sample.map(|sample| sample as f32 * scale)),
        ),
    };
    let mut mono = Vec::new();
    let (mut sum, mut count) = (0.0, 0);
    for sample in samples {
        let sample = match sample {
            Ok(sample) if sample.is_finite() => sample,
            Ok(_) => 0.0,
            // A recording that was cut off is played as far as it goes.
            Err(hound::Error::IoError(_)) if !mono.is_empty() => break,
            Err(error) => return Err(not_wav(path, error)),
        };
        sum += sample;
        count += 1;
        if count == channels {
            mono.push((sum / channels as f32).clamp(-1.0, 1.0));
            (sum, count) = (0.0, 0);
        }
        if mono.len() > limit {
            return Err(MediaError::TooLong {
                path: path.to_owned(),
                seconds: mono.len() as u64 / u64::from(spec.sample_rate),
                limit: INPUT_SECONDS_MAX,
            });
        }
    }
    Ok(mono)
}

/// Writes what is played to a file, on a thread of its own.
#[derive(Debug)]
pub(crate) struct Recorder {
    ring: Option<Producer<f32>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a file; what was in it is lost.
    ///
    /// # Errors
    /// It cannot be written, or there is no thread.
    pub(crate) fn create(path: &Path) -> Result<Self, MediaError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = WavWriter::create(path, spec).map_err(|error| file_error(path, error))?;
        let (ring, consumer) = RingBuffer::new(RING);
        let path = path.to_owned();
        let thread = std::thread::Builder::new()
            .name("audio-record".to_owned())
            .spawn(move || record(writer, consumer, &path))
            .map_err(MediaError::Thread)?;
        Ok(Self {
            ring: Some(ring),
            thread: Some(thread),
        })
    }
}

fn file_error(path: &Path, error: hound::Error) -> MediaError {
    let error = match error {
        hound::Error::IoError(error) => error,
        other => std::io::Error::other(other.to_string()),
    };
    MediaError::File {
        path: path.to_owned(),
        error,
    }
}

impl Sink for Recorder {
    fn write(&mut self, frame: &Frame) {
        if let Some(ring) = &mut self.ring {
            // A disk that is four seconds behind loses this tick; the call goes on.
            let _full = ring.push_entire_slice(frame).is_err();
        }
    }
}

impl Drop for Recorder {
    /// The file is complete when this returns.
    fn drop(&mut self) {
        self.ring = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that records ended badly");
        }
    }
}

fn record(mut writer: WavWriter<BufWriter<File>>, mut ring: Consumer<f32>, path: &Path) {
    let mut left = OUTPUT_SECONDS_MAX as usize * RATE as usize;
    let mut unflushed = 0;
    loop {
        let ended = ring.is_abandoned();
        while let Ok(sample) = ring.pop() {
            let Some(rest) = left.checked_sub(1) else {
                continue;
            };
            left = rest;
            unflushed += 1;
            let value = (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16;
            if let Err(error) = writer.write_sample(value) {
                return tracing::warn!(%error, "the recording ended");
            }
        }
        if unflushed >= FLUSH {
            unflushed = 0;
            if let Err(error) = writer.flush() {
                return tracing::warn!(%error, "the recording ended");
            }
        }
        if ended {
            break;
        }
        std::thread::sleep(EVERY);
    }
    if let Err(error) = writer.finalize() {
        tracing::warn!(error = %file_error(path, error), "the recording was not completed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TICK_SAMPLES;
    use std::io::Cursor;

    fn made(spec: WavSpec, seconds: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        let peak = (1_u64 << (spec.bits_per_sample - 1)) as f32 - 1.0;
        for n in 0..spec.sample_rate * seconds {
            let value = (n as f32 * 440.0 * std::f32::consts::TAU / spec.sample_rate as f32).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Int => writer.write_sample((value * 0.5 * peak) as i32).unwrap(),
                    SampleFormat::Float => writer.write_sample(value * 0.5).unwrap(),
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_common_kind_is_read_alike() {
        for (bits, rate, channels) in [
            (8, 8_000, 1),
            (16, 48_000, 1),
            (16, 44_100, 2),
            (24, 96_000, 2),
            (32, 22_050, 1),
        ] {
            let spec = WavSpec {
                channels,
                sample_rate: rate,
                bits_per_sample: bits,
                sample_format: SampleFormat::Int,
            };
            let sound = read(Cursor::new(made(spec, 1)), Path::new("x")).unwrap();
            assert!(
                sound.len().abs_diff(48_000) < 50,
                "{} of {spec:?}",
                sound.len()
            );
            let square = sound.iter().map(|s| s * s).sum::<f32>() / sound.len() as f32;
            assert!((square - 0.125).abs() < 0.01, "{square} of {spec:?}");
        }
    }

    #[test]
    fn what_is_no_wav_is_a_clear_error() {
        let path = Path::new("a.wav");
        let told = |bytes: &[u8]| {
            read(Cursor::new(bytes.to_vec()), path)
                .unwrap_err()
                .to_string()
        };
        assert!(told(b"hello, this is text").contains("is no WAV file"));
        assert!(told(b"").contains("is no WAV file"));
        let spec = WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        assert_eq!(told(&made(spec, 0)), "a.wav holds no sound");
        assert!(told(&made(spec, 601)).contains("at most 600 s are read"));
        let odd = WavSpec {
            sample_rate: 1_000,
            ..spec
        };
        assert!(told(&made(odd, 1)).contains("1 channels at 1000 Hz"));
        assert!(read_file(Path::new("/")).is_err());
        assert!(
            read_file(Path::new("/nowhere/x.wav"))
                .unwrap_err()
                .to_string()
                .contains("x.wav")
        );
    }

    #[test]
    fn a_recording_is_what_was_played() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.wav");
        let mut recorder = Recorder::create(&path).unwrap();
        for n in 0..100 {
            recorder.write(&[n as f32 / 200.0; TICK_SAMPLES]);
        }
        drop(recorder);
        let sound = read_file(&path).unwrap();
        assert_eq!(sound.len(), 48_000);
        assert!((sound[99 * 480] - 0.495).abs() < 1e-3);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
            at in 0_usize..60,
        ) {
            let spec = WavSpec { channels: 1, sample_rate: 8_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
            let mut broken = made(spec, 1);
            broken.truncate(400);
            for (to, from) in broken[at..].iter_mut().zip(&bytes) {
                *to = *from;
            }
            for input in [bytes, broken] {
                if let Ok(sound) = read(Cursor::new(input), Path::new("x")) {
                    assert!(!sound.is_empty());
                }
            }
        }
    }
}
