//! PESQ-WB (ITU-T P.862.2) of speech through two whole nodes in a network that loses packets, beside plain Opus with
//! in-band FEC at the rate that the nodes really sent.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use alloquy_tests::{Family, Lab, Peer, workspace};
use anyhow::{Context, ensure};
use serde_json::Value;

use super::opus::{self, Loss};
use super::people::{ROOM, connected, gathered, links};
use crate::report::{Line, Rival, percentile};

/// How much is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Pieces of speech, each of another voice, of some seconds.
    pub(crate) clips: usize,
    /// Until the sender has learnt of the loss.
    pub(crate) settle: Duration,
}

/// What `./bench voice-quality` runs.
pub(crate) const REAL: Size = Size {
    clips: 8,
    settle: Duration::from_secs(15),
};

/// The names of the figure, of what was lost in truth, and of the rate; and the loss.
const CASES: [([&str; 3], Loss); 5] = [
    (
        ["voice_pesq_clean", "voice_lost_clean", "voice_rate_clean"],
        loss(0, 1.0),
    ),
    (
        ["voice_pesq_lost_5", "voice_lost_5", "voice_rate_lost_5"],
        loss(5, 1.0),
    ),
    (
        ["voice_pesq_lost_10", "voice_lost_10", "voice_rate_lost_10"],
        loss(10, 1.0),
    ),
    (
        ["voice_pesq_lost_20", "voice_lost_20", "voice_rate_lost_20"],
        loss(20, 1.0),
    ),
    (
        [
            "voice_pesq_bursts_10",
            "voice_lost_bursts_10",
            "voice_rate_bursts_10",
        ],
        loss(10, 3.0),
    ),
];

const fn loss(percent: u32, together: f64) -> Loss {
    Loss { percent, together }
}

pub(crate) fn quality(size: Size) -> anyhow::Result<Vec<Line>> {
    let python = python()?;
    let folder = tempfile::tempdir()?;
    let made = run(
        &python,
        &["make", &size.clips.to_string(), &shown(folder.path())],
    )?;
    let seconds = made["seconds"].as_f64().context("its length")?;
    let mut lines = Vec::new();
    for (names, loss) in CASES {
        let Some(mut lab) = Lab::new("voice-quality") else {
            return Ok(lines);
        };
        let case = folder.path().join(names[0]);
        std::fs::create_dir(&case)?;
        let played = Duration::from_secs_f64(seconds + 12.0);
        let heard = call(&mut lab, folder.path(), &case, loss, size.settle, played)?;
        let score = |wav: &Path, from: f64| -> anyhow::Result<Value> {
            run(
                &python,
                &[
                    "score",
                    &shown(folder.path()),
                    &shown(wav),
                    &from.to_string(),
                ],
            )
        };
        let ours = score(&case.join("heard.wav"), heard.from)?;
        let plain = case.join("plain.wav");
        opus::heard(&folder.path().join("source.wav"), &plain, loss, heard.rate)?;
        let plain = score(&plain, 0.0)?;
        let mean = |value: &Value| value["mean"].as_f64().context("a mean");
        super::say(&format!("{}: {ours}; plain Opus {plain}", names[0]));
        let line = |name, value, unit, rival| Line {
            name,
            value,
            unit,
            n: size.clips,
            rival,
        };
        let rival = Rival::measured("Opus, FEC, same rate", mean(&plain)?);
        lines.push(line(names[0], mean(&ours)?, "MOS-LQO", rival));
        lines.push(line(names[1], heard.lost, "%", Rival::NONE));
        lines.push(line(names[2], heard.rate / 1e3, "kb/s", Rival::NONE));
    }
    Ok(lines)
}

/// What a call was like.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Seconds of the recording before what is judged.
    from: f64,
    /// Percent that was lost on the way to the listener.
    lost: f64,
    /// Bits a second that the talker sent while it talked, RTP's headers counted.
    rate: f64,
}

fn call(
    lab: &mut Lab,
    speech: &Path,
    folder: &Path,
    loss: Loss,
    settle: Duration,
    played: Duration,
) -> anyhow::Result<Call> {
    let input = format!("file:{},loop", speech.join("source.wav").display());
    let output = format!("file:{}", folder.join("heard.wav").display());
    let mut node = |name: &str, input: &str, output: &str| -> Peer {
        let host = lab.host(name, Family::Both);
        let arguments = ["--audio-in", input, "--audio-out", output];
        let mut peer = host.peer(folder, name, &arguments);
        peer.start();
        peer
    };
    let peers = [node("ana", &input, "null"), node("ben", "null", &output)];
    gathered(&peers);
    if loss.together > 1.0 {
        lab.lose_in_bursts(loss.percent, loss.together as u32 * 20);
    } else if loss.percent > 0 {
        lab.lose(u8::try_from(loss.percent)?);
    }
    peers[0].line(&format!("voice join {ROOM}"));
    peers[1].line(&format!("voice join {ROOM}"));
    let since = Instant::now();
    connected(&peers[1], 1)?;
    std::thread::sleep(settle);
    let from = since.elapsed().as_secs_f64();
    let (mut rates, mut losses) = (Vec::new(), Vec::new());
    let since = Instant::now();
    while since.elapsed() < played {
        std::thread::sleep(Duration::from_secs(1));
        let stat = |peer: &Peer, name: &str| -> f64 {
            links(peer)
                .first()
                .and_then(|view| view["stats"][name].as_f64())
                .unwrap_or(0.0)
        };
        rates.push(stat(&peers[0], "bytes_out") * 8.0);
        losses.push(stat(&peers[1], "lost_in") / 10.0);
    }
    for peer in &peers {
        peer.line("voice leave");
    }
    let lost = losses.iter().sum::<f64>() / losses.len() as f64;
    // Pauses send next to nothing: what is sent while it talks is the upper quarter.
    Ok(Call {
        from,
        lost,
        rate: percentile(&mut rates, 0.75),
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn script() -> PathBuf {
    workspace().join("tests/speech.py")
}

fn run(python: &Path, arguments: &[&str]) -> anyhow::Result<Value> {
    let output = Command::new(python)
        .arg(script())
        .args(arguments)
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "tests/speech.py {arguments:?}: {told}"
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A Python of our own with what the script needs, beside what cargo built.
fn python() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let built = program.parent().context("a folder")?;
    let folder = built.join("speech-venv");
    let python = folder.join("bin/python");
    let wanted = workspace().join("tests/speech-requirements.txt");
    let (wanted_text, noted) = (
        std::fs::read_to_string(&wanted)?,
        folder.join("installed.txt"),
    );
    if std::fs::read_to_string(&noted).is_ok_and(|text| text == wanted_text) {
        return Ok(python);
    }
    let done = |command: &mut Command| -> anyhow::Result<()> {
        let output = command.output().with_context(|| format!("{command:?}"))?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?}: {told}");
        Ok(())
    };
    done(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let quiet = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    done(Command::new(&python).args(quiet).arg(&wanted))?;
    std::fs::write(&noted, wanted_text)?;
    Ok(python)
}
