//! A PulseAudio daemon of our own with a mouth and an ear, recorded together: both are channels of one null sink, so
//! that the two tracks share one clock to the sample.

use std::f32;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloquy_media::trial::most_alike;
use anyhow::{Context, ensure};
use tempfile::TempDir;

/// Samples a second of every track.
pub(crate) const RATE: usize = 48_000;
/// Bytes of one sample of both tracks.
const PAIR_BYTES: u64 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program hears as its microphone.
pub(crate) const MICROPHONE: &str = "mic";
/// Where the sound that is measured comes out.
pub(crate) const EAR: &str = "ear";
/// A microphone into which nobody speaks.
pub(crate) const SILENT_MICROPHONE: &str = "quiet.monitor";
/// A loudspeaker that nobody hears.
pub(crate) const NOBODYS_EAR: &str = "other";

const MODULES: &[&str] = &[
    "module-null-sink sink_name=rig rate=48000 channels=2 channel_map=front-left,front-right",
    "module-remap-sink sink_name=mouth master=rig channels=1 channel_map=mono master_channel_map=front-left remix=no",
    "module-remap-sink sink_name=ear master=rig channels=1 channel_map=mono master_channel_map=front-right remix=no",
    "module-remap-source source_name=mic master=rig.monitor channels=1 channel_map=mono master_channel_map=front-left remix=no",
    "module-null-sink sink_name=other rate=48000 channels=1 channel_map=mono",
    "module-null-sink sink_name=quiet rate=48000 channels=1 channel_map=mono",
];

/// A process that ends with its owner.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts it without a word on the terminal.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        Self::with(command, Stdio::null(), Stdio::null())
    }

    /// Starts it with all that it says in a file.
    pub(crate) fn logged(command: &mut Command, log: File) -> anyhow::Result<Self> {
        let second = log.try_clone()?;
        Self::with(command, log.into(), second.into())
    }

    fn with(command: &mut Command, out: Stdio, error: Stdio) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(error)
            .spawn()
            .with_context(|| format!("{:?} (is it installed?)", command.get_program()))?;
        Ok(Self(child))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The daemon.
#[derive(Debug)]
pub(crate) struct Rig {
    _daemon: Process,
    folder: TempDir,
}

impl Rig {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("native");
        let mut command = Command::new("pulseaudio");
        command
            .args(["-n", "--daemonize=no", "--use-pid-file=no"])
            .args(["--exit-idle-time=-1", "--disable-shm=yes", "-L"])
            .arg(format!(
                "module-native-protocol-unix socket={} auth-anonymous=1",
                socket.display()
            ))
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("HOME", folder.path());
        for module in MODULES {
            command.args(["-L", module]);
        }
        let daemon = Process::start(&mut command)?;
        let rig = Self {
            _daemon: daemon,
            folder,
        };
        let since = Instant::now();
        while !rig.stands() {
            ensure!(since.elapsed() < PATIENCE, "pulseaudio does not come up");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(rig)
    }

    /// The last module is there.
    fn stands(&self) -> bool {
        let told = self.client("pactl").args(["list", "short"]).output();
        told.is_ok_and(|told| String::from_utf8_lossy(&told.stdout).contains("quiet.monitor"))
    }

    /// The value of `PULSE_SERVER`.
    pub(crate) fn server(&self) -> String {
        format!("unix:{}", self.folder.path().join("native").display())
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("PULSE_SERVER", self.server());
        command
    }

    /// Speaks a file of raw 16-bit samples into the microphone, until it ends or is dropped.
    pub(crate) fn speak(&self, raw: &Path, rate: u32) -> anyhow::Result<Process> {
        let mut command = self.client("pacat");
        command
            .args(["--playback", "--device=mouth", "--raw", "--format=s16le"])
            .args(["--channels=1", "--latency-msec=20"])
            .arg(format!("--rate={rate}"))
            .arg(raw);
        Process::start(&mut command)
    }

    /// Begins to record mouth and ear.
    pub(crate) fn record(&self, name: &str) -> anyhow::Result<Recording> {
        let path = self.folder.path().join(format!("{name}.raw"));
        let mut command = self.client("parec");
        command
            .args(["--device=rig.monitor", "--raw", "--format=s16le"])
            .args(["--rate=48000", "--channels=2", "--latency-msec=5"])
            .arg("--channel-map=front-left,front-right")
            .arg(&path);
        let process = Process::start(&mut command)?;
        let recording = Recording { process, path };
        let since = Instant::now();
        while recording.seconds() == 0.0 {
            ensure!(since.elapsed() < PATIENCE, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(recording)
    }
}

/// A recording under way.
#[derive(Debug)]
pub(crate) struct Recording {
    process: Process,
    path: PathBuf,
}

/// What was recorded.
#[derive(Clone, Debug)]
pub(crate) struct Tracks {
    pub(crate) mouth: Vec<f32>,
    pub(crate) ear: Vec<f32>,
}

impl Recording {
    /// How much is recorded: the moment on the recording's own clock.
    pub(crate) fn seconds(&self) -> f64 {
        let bytes = std::fs::metadata(&self.path).map_or(0, |data| data.len());
        (bytes / PAIR_BYTES) as f64 / RATE as f64
    }

    pub(crate) fn end(self) -> anyhow::Result<Tracks> {
        drop(self.process);
        let bytes = std::fs::read(&self.path)?;
        let (pairs, _) = bytes.as_chunks::<4>();
        let sample = |low, high| f32::from(i16::from_le_bytes([low, high])) / 32_768.0;
        Ok(Tracks {
            mouth: pairs.iter().map(|&[a, b, ..]| sample(a, b)).collect(),
            ear: pairs.iter().map(|&[.., a, b]| sample(a, b)).collect(),
        })
    }
}

/// What espeak-ng says, one sentence after the other: raw 16-bit samples, and their rate.
pub(crate) fn spoken(folder: &Path, seconds: usize) -> anyhow::Result<(PathBuf, u32)> {
    let wav = folder.join("spoken.wav");
    let done = Command::new("espeak-ng")
        .args(["-v", "en-us", "-w"])
        .arg(&wav)
        .arg(SENTENCES.join(" "))
        .status()
        .context("espeak-ng (is it installed?)")?;
    ensure!(done.success(), "espeak-ng: {done}");
    let mut file = hound::WavReader::open(&wav)?;
    let rate = file.spec().sample_rate;
    let once: Vec<u8> = file
        .samples::<i16>()
        .collect::<Result<Vec<_>, _>>()?
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    let raw = folder.join("spoken.raw");
    let bytes = seconds * rate as usize * 2;
    let endless: Vec<u8> = once.iter().copied().cycle().take(bytes).collect();
    std::io::Write::write_all(&mut File::create(&raw)?, &endless)?;
    Ok((raw, rate))
}

/// Harvard sentences (IEEE 297-1969, list 1).
const SENTENCES: [&str; 10] = [
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It's easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
    "The box was thrown beside the parked truck.",
    "The hogs were fed chopped corn and garbage.",
    "Four hours of steady work faced us.",
    "A large size in stockings is hard to sell.",
];

/// How late the ear hears what the mouth says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// When the mouth says it, seconds of the recording.
    pub(crate) at: f64,
    /// How late it is heard.
    pub(crate) delay_ms: f64,
    /// How alike the two are, 0 to 1.
    pub(crate) alike: f32,
}

/// Every so-many-th sample is compared: 8 kHz are enough for speech, and exact to an eighth of a millisecond.
const STEP: usize = 6;
/// Samples of what is looked for: a second.
const WINDOW: usize = RATE / STEP;
/// Samples between two looks: a quarter of a second.
const HOP: usize = WINDOW / 4;
/// The greatest delay that is looked for: 1.5 s.
const LATEST: usize = WINDOW * 3 / 2;
/// A second that is quieter than this says nothing.
const QUIET: f32 = 0.005;
/// What is less alike was not found.
const ALIKE: f32 = 0.45;

/// Looks for each second of the mouth in the ear, by normalised cross-correlation. What is not found is left out.
pub(crate) fn heard(tracks: &Tracks) -> Vec<Heard> {
    let (mouth, ear) = (thinned(&tracks.mouth), thinned(&tracks.ear));
    let starts = (0..mouth.len().saturating_sub(WINDOW + LATEST)).step_by(HOP);
    starts
        .filter_map(|start| {
            let said = &mouth[start..start + WINDOW];
            let (late, alike) = found(said, &ear[start..start + WINDOW + LATEST])?;
            Some(Heard {
                at: start as f64 / WINDOW as f64,
                delay_ms: late as f64 * 1e3 / WINDOW as f64,
                alike,
            })
        })
        .filter(|heard| heard.alike >= ALIKE)
        .collect()
}

fn thinned(sound: &[f32]) -> Vec<f32> {
    let mean = |chunk: &[f32]| chunk.iter().sum::<f32>() / STEP as f32;
    sound.chunks_exact(STEP).map(mean).collect()
}

/// Samples that are one in the first, coarse look: 2 kHz hold the pitch and what moves fastest of speech.
const COARSE: usize = 4;

/// Where it is most alike, and how much; `None`: it is too quiet. First coarsely, then exactly around that.
fn found(said: &[f32], ear: &[f32]) -> Option<(usize, f32)> {
    let energy: f32 = said.iter().map(|x| x * x).sum();
    if energy < QUIET * QUIET * said.len() as f32 {
        return None;
    }
    let mean = |chunk: &[f32]| chunk.iter().sum::<f32>() / COARSE as f32;
    let coarse = |sound: &[f32]| sound.chunks_exact(COARSE).map(mean).collect::<Vec<f32>>();
    let (coarse_said, coarse_ear) = (coarse(said), coarse(ear));
    let near = most_alike(&coarse_said, &coarse_ear, 0..usize::MAX)?.0 * COARSE;
    let around = near.saturating_sub(2 * COARSE)..near + 2 * COARSE;
    most_alike(said, ear, around)
}

/// The first sample of the ear from a moment on that is no silence; seconds.
pub(crate) fn first_sound(tracks: &Tracks, from: f64) -> Option<f64> {
    let start = (from * RATE as f64) as usize;
    let rest = tracks.ear.get(start..)?;
    let first = rest.iter().position(|sample| sample.abs() > 0.01)?;
    Some(first as f64 / RATE as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_found_where_it_is_and_where_there_is_none() {
        let mouth = alloquy_tests::sound::sweeps(6, 3);
        let mut ear = vec![0.0; 3_600];
        ear.extend(&mouth);
        ear.truncate(mouth.len());
        let other = alloquy_tests::sound::sweeps(6, 4);
        let tracks = Tracks {
            mouth: mouth.clone(),
            ear,
        };
        let found = heard(&tracks);
        assert!(found.len() > 10, "{found:?}");
        assert!(
            found
                .iter()
                .all(|heard| (heard.delay_ms - 75.0).abs() < 0.2),
            "{found:?}"
        );
        assert!(first_sound(&tracks, 0.0).is_some_and(|at| at > 0.07));
        let unlike = heard(&Tracks { mouth, ear: other });
        assert!(unlike.len() < 3, "{unlike:?}");
    }
}
