//! A peer of another make, as a process that speaks lines of JSON.
//!
//! Each side says a tone of its own: [`talk`] runs the whole engine, which encodes ours and decodes theirs. Where only
//! the way is of interest, [`echo`] gives the other one's packets back as they came.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::time::{Duration, Instant};

use alloquy_api::voice::{LinkStage, MediaReport, MediaSignal, MediaTask};
use alloquy_ids::{AccountId, ChannelId, CommunityId};
use alloquy_media::transport::MediaTransport;
use alloquy_media::webrtc::WebRtc;
use alloquy_media::{Engine, EngineConfig};
use serde_json::{Value, json};

use crate::peer::{DEADLINE, Peer, config, link};
use crate::signal::share_at;

/// What we say; the other makes say another tone.
const OWN_HZ: f64 = 700.0;
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

/// What came of a talk.
#[derive(Debug)]
pub(crate) struct Talked {
    /// What the other make has heard of us.
    pub(crate) heard: Heard,
    /// The shares of its tone and of ours in what we have heard of it, 0 to 1.
    pub(crate) shares: [f64; 2],
}

/// Talks with the other make by a whole engine, until each has heard the other one's tone for some seconds.
pub(crate) fn talk(foreign: &mut Foreign, we_offer: bool, tone_hz: f64) -> Talked {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("heard.wav");
    let (sender, events) = sync_channel(1_024);
    let transport = WebRtc::start(config(), sender).expect("a transport starts");
    let config = EngineConfig {
        input: format!("tone:{OWN_HZ}").parse().unwrap(),
        output: format!("file:{}", wav.display()).parse().unwrap(),
        settings: None,
    };
    let (engine, mut reports) = Engine::start(config, Box::new(transport), events).unwrap();
    let link = link(1, 1);
    engine.task(MediaTask::Join {
        community: CommunityId([9; 32]),
        channel: ChannelId([9; 32]),
        ice: Vec::new(),
    });
    engine.task(MediaTask::Connect {
        link,
        account: AccountId([1; 32]),
        offers: we_offer,
        heard: true,
    });
    let start = Instant::now();
    let (mut last, mut loud_seconds, mut measured) = (None::<Heard>, 0, false);
    let there = |heard: &Heard| (heard.hz - OWN_HZ).abs() < 5.0 && heard.rms > 500.0;
    let heard = loop {
        while let Ok(report) = reports.try_recv() {
            match report {
                MediaReport::Signal(_, signal) => foreign.give(&signal),
                MediaReport::Link(_, view) => {
                    assert_ne!(view.stage, LinkStage::Failed, "{view:?}");
                }
                MediaReport::Stats(stats) => {
                    let stats = stats.first().map(|(_, stats)| *stats).unwrap_or_default();
                    loud_seconds += u32::from(stats.level_db > -50);
                    measured |= stats.round_trip_ms.is_some();
                }
                _ => {}
            }
        }
        while let Ok(line) = foreign.lines.try_recv() {
            match signal(&line) {
                Some(signal) => engine.task(MediaTask::Signal(link, signal)),
                None => last = heard(&line).or(last),
            }
        }
        if let Some(heard) = last.filter(|heard| there(heard) && measured && loud_seconds > 4) {
            break heard;
        }
        let late = start.elapsed() > DEADLINE;
        assert!(!late, "{last:?}, {loud_seconds} loud seconds, {measured}");
        std::thread::sleep(Duration::from_millis(2));
    };
    engine.task(MediaTask::Leave);
    drop(engine);
    let sound = crate::engines::read(&wav);
    let end = &sound[sound.len().saturating_sub(2 * 48_000)..];
    let shares = [tone_hz, OWN_HZ].map(|hz| share_at(end, hz));
    Talked { heard, shares }
}

fn heard(line: &Value) -> Option<Heard> {
    let number = |name: &str| line[name].as_f64().unwrap_or_default();
    (line["type"] == "heard").then(|| Heard {
        hz: number("hz"),
        rms: number("rms"),
    })
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
            match signal(&line) {
                Some(signal) => peer.transport.signal(peer.link, signal),
                None => last = heard(&line).or(last),
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
