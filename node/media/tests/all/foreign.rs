//! A peer of another make, as a process that speaks lines of JSON; whatever it says is given back to it as it came.
//!
//! Its own Opus encodes a tone, our transport carries the packets both ways, and its own Opus decodes what comes back:
//! so a tone that it hears has gone through both implementations in both directions.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, MediaSignal};
use alloquy_media::transport::MediaTransport;
use serde_json::{Value, json};

use crate::peer::{DEADLINE, Peer};

/// For the peer to end by itself.
const END_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Foreign {
    process: Child,
    /// Closing it is how the peer is told to end.
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
}

/// What the other make has heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) hz: f64,
    pub(crate) rms: f64,
}

pub(crate) fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

/// A Python that has these modules; by `ALLOQUY_PYTHON`, else the machine's.
pub(crate) fn python(modules: &str) -> Result<String, String> {
    let python = std::env::var("ALLOQUY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python)
        .args(["-c", &format!("import {modules}")])
        .stderr(Stdio::null())
        .status();
    match found {
        Ok(status) if status.success() => Ok(python),
        _ => Err(format!(
            "{python} has not all of {modules} (ALLOQUY_PYTHON names another one)"
        )),
    }
}

impl Foreign {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer starts");
        let (stdin, stdout) = (
            process.stdin.take().expect("piped"),
            process.stdout.take().expect("piped"),
        );
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else {
                    continue;
                };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process,
            stdin: Some(stdin),
            lines,
        }
    }

    fn give(&mut self, signal: &MediaSignal) {
        let line = match signal {
            MediaSignal::Offer { sdp } => json!({"type": "offer", "sdp": sdp}),
            MediaSignal::Answer { sdp } => json!({"type": "answer", "sdp": sdp}),
            MediaSignal::Candidate { candidate, mid } => {
                json!({"type": "candidate", "candidate": candidate, "mid": mid})
            }
        };
        let stdin = self.stdin.as_mut().expect("open until the end");
        writeln!(stdin, "{line}").expect("the peer listens");
    }
}

impl Drop for Foreign {
    /// Lets the peer end by itself, since it may have processes of its own to end.
    fn drop(&mut self) {
        drop(self.stdin.take());
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && start.elapsed() < END_WITHIN {
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = self.process.kill().and_then(|()| self.process.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "{ended:?}");
    }
}

fn signal(line: &Value) -> Option<MediaSignal> {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    match line["type"].as_str()? {
        "offer" => Some(MediaSignal::Offer { sdp: text("sdp") }),
        "answer" => Some(MediaSignal::Answer { sdp: text("sdp") }),
        "candidate" => Some(MediaSignal::Candidate {
            candidate: text("candidate"),
            mid: text("mid"),
        }),
        _ => None,
    }
}

/// Links with the other make and gives its packets back until it has heard its tone; gives what it heard.
pub(crate) fn echo(peer: &mut Peer, foreign: &mut Foreign, tone_hz: f64) -> Heard {
    let start = Instant::now();
    let mut last = None;
    let mut given = 0;
    loop {
        for signal in peer.take() {
            foreign.give(&signal);
        }
        while let Ok(line) = foreign.lines.try_recv() {
            if let Some(signal) = signal(&line) {
                peer.transport.signal(peer.link, signal);
            } else if line["type"] == "heard" {
                let number = |name: &str| line[name].as_f64().unwrap_or_default();
                last = Some(Heard {
                    hz: number("hz"),
                    rms: number("rms"),
                });
            }
        }
        for packet in &peer.packets[given..] {
            peer.transport.send(packet);
        }
        given = peer.packets.len();
        if let Some(heard) =
            last.filter(|heard| (heard.hz - tone_hz).abs() < 5.0 && heard.rms > 500.0)
            && peer
                .feedback
                .iter()
                .any(|feedback| feedback.round_trip_ms.is_some())
        {
            return heard;
        }
        assert_ne!(peer.stage(), LinkStage::Failed, "{:?}", peer.views);
        let late = start.elapsed() > DEADLINE;
        assert!(
            !late,
            "no tone: {last:?}, {given} packets, {:?}, {:#?}",
            peer.feedback.last(),
            peer.views
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
