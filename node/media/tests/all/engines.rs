//! Two engines with file devices, in real time, over a transport in memory.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use alloquy_api::voice::{
    IceServer, LinkStage, LinkView, MediaLink, MediaReport, MediaSignal, MediaTask,
};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId};
use alloquy_media::transport::{MediaTransport, TransportEvent, VoicePacket};
use alloquy_media::{Engine, EngineConfig, Reports};

use crate::signal;

/// Gives every packet to the other engine at once.
struct Wire {
    other: SyncSender<TransportEvent>,
    own: SyncSender<TransportEvent>,
    link_there: MediaLink,
}

impl MediaTransport for Wire {
    fn ice(&mut self, _servers: Vec<IceServer>) {}

    fn connect(&mut self, link: MediaLink, _offers: bool) {
        let stage = LinkStage::Open;
        let view = LinkView {
            stage,
            ..LinkView::default()
        };
        self.own.try_send(TransportEvent::Link(link, view)).unwrap();
    }

    fn signal(&mut self, _link: MediaLink, _signal: MediaSignal) {}

    fn close(&mut self, _link: MediaLink) {}

    fn send(&mut self, packet: &VoicePacket) {
        let event = TransportEvent::Packet(self.link_there, packet.clone(), Instant::now());
        let _full_or_ended = self.other.try_send(event).is_err();
    }

    fn close_all(&mut self) {}
}

fn link(n: u8) -> MediaLink {
    MediaLink {
        device: DeviceId([n; 32]),
        attempt: 1,
    }
}

fn account(n: u8) -> AccountId {
    AccountId([n; 32])
}

pub(crate) struct Side {
    pub(crate) engine: Engine,
    pub(crate) reports: Reports,
}

/// Two engines; the first knows the second as link 2 and the other way round.
pub(crate) fn pair(configs: [(&str, &str); 2]) -> [Side; 2] {
    let (to_a, at_a) = sync_channel(1_024);
    let (to_b, at_b) = sync_channel(1_024);
    let wire = |other: &SyncSender<_>, own: &SyncSender<_>, me| Wire {
        other: other.clone(),
        own: own.clone(),
        link_there: link(me),
    };
    let wires = [wire(&to_b, &to_a, 1), wire(&to_a, &to_b, 2)];
    let mut sides = configs.into_iter().zip(wires).zip([at_a, at_b]);
    let mut side = || {
        let (((input, output), wire), events) = sides.next().unwrap();
        let config = EngineConfig {
            input: input.parse().unwrap(),
            output: output.parse().unwrap(),
            settings: None,
        };
        let (engine, reports) = Engine::start(config, Box::new(wire), events).unwrap();
        Side { engine, reports }
    };
    [side(), side()]
}

pub(crate) fn join(side: &Side, other: u8) {
    side.engine.task(MediaTask::Join {
        community: CommunityId([9; 32]),
        channel: ChannelId([9; 32]),
        ice: Vec::new(),
    });
    side.engine.task(MediaTask::Connect {
        link: link(other),
        account: account(other),
        offers: other == 2,
        heard: true,
    });
}

/// Waits for a report, at most half a minute.
pub(crate) fn wait_for(side: &mut Side, what: impl Fn(&MediaReport) -> bool) -> Vec<MediaReport> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut seen = Vec::new();
    loop {
        match side.reports.try_recv() {
            Ok(report) => {
                let found = what(&report);
                seen.push(report);
                if found {
                    return seen;
                }
            }
            Err(_) => {
                assert!(
                    Instant::now() < deadline,
                    "not reported; there were {seen:?}"
                );
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn write(path: &Path, sound: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    for sample in sound {
        writer.write_sample((sample * 32_767.0) as i16).unwrap();
    }
    writer.finalize().unwrap();
}

pub(crate) fn read(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).unwrap();
    reader
        .samples::<i16>()
        .map(|sample| f32::from(sample.unwrap()) / 32_768.0)
        .collect()
}

#[test]
fn a_file_is_heard_at_the_other_end_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    let source = signal::voice(1, 4);
    write(&input, &source);
    let from = format!("file:{}", input.display());
    let to = format!("file:{}", output.display());
    let [mut a, mut b] = pair([(&from, "null"), ("null", &to)]);
    join(&b, 1);
    join(&a, 2);
    wait_for(
        &mut b,
        |report| matches!(report, MediaReport::Link(l, view) if *l == link(1) && view.stage == LinkStage::Audio),
    );
    wait_for(&mut b, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::Speaking(true))
    });
    let mut counted = 0;
    let stats = wait_for(&mut b, |report| match report {
        MediaReport::Stats(stats) => stats[0].1.bytes_in == 0 || stats[0].1.level_db < -70,
        _ => false,
    });
    for report in stats {
        if let MediaReport::Stats(stats) = report {
            counted += stats[0].1.bytes_in;
        }
    }
    assert!(counted > 8_000, "{counted}");
    b.engine.task(MediaTask::Leave);
    drop((a, b));
    let heard = read(&output);
    let (delay, _) = signal::best_delay(&source, &heard, 3 * 48_000);
    let found = signal::share_found(&source, &heard, delay);
    assert!(found >= 0.5, "{found} at {delay}");
    let there = &heard[delay..][..source.len().min(heard.len() - delay)];
    let ratio = signal::energy(there) / signal::energy(&source);
    assert!((0.5..1.5).contains(&ratio), "{ratio}");
}

#[test]
fn a_file_that_is_no_wav_is_told_and_the_call_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.wav");
    std::fs::write(&path, "this is text").unwrap();
    let from = format!("file:{}", path.display());
    let [mut a, mut b] = pair([(&from, "null"), ("tone", "null")]);
    join(&a, 2);
    join(&b, 1);
    let seen = wait_for(
        &mut a,
        |report| matches!(report, MediaReport::Devices(view) if view.failure.is_some()),
    );
    let Some(MediaReport::Devices(view)) = seen.last() else {
        panic!("no devices");
    };
    assert!(view.failure.as_ref().unwrap().contains("is no WAV file"));
    assert_eq!(view.input, None);
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
    a.engine.input("tone:500".parse().unwrap());
    wait_for(&mut b, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
}

#[test]
fn dropping_an_engine_ends_it_in_mid_call() {
    let [mut a, mut b] = pair([("tone", "null"), ("tone", "null")]);
    join(&a, 2);
    join(&b, 1);
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
    drop(b.engine);
    let told = wait_for(
        &mut a,
        |report| matches!(report, MediaReport::Link(_, view) if view.reason.is_some()),
    );
    let Some(MediaReport::Link(_, view)) = told.last() else {
        panic!("no view");
    };
    let reason = view.reason.as_deref();
    assert_eq!(reason, Some("no sound from them for 2 s: nothing arrives"));
    b.reports.close();
}
