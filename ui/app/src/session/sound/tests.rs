use std::time::Instant;

use alloquy_api::voice::{LinkStage, LinkView, MediaLink};
use alloquy_ids::{ChannelId, CommunityId, DeviceId};
use tempfile::tempdir;

use super::*;

/// Long enough for a loaded machine; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

fn started_with(input: &str, output: &str) -> EngineConfig {
    EngineConfig {
        input: input.parse().unwrap(),
        output: output.parse().unwrap(),
        settings: None,
    }
}

/// The node's side, and what the window would see.
struct Beside {
    sound: Sound,
    tasks: mpsc::Sender<MediaTask>,
    reports: mpsc::Receiver<MediaReport>,
    desk: Arc<Desk>,
}

impl Beside {
    fn start(config: EngineConfig) -> Self {
        let (tasks, inbox) = mpsc::channel(8);
        let (outbox, reports) = mpsc::channel(8);
        let port = MediaPort {
            tasks: inbox,
            reports: outbox,
        };
        let desk = Arc::new(Desk::new(|_| {}));
        let sound = Sound::start(config, port, Arc::clone(&desk)).unwrap();
        Self {
            sound,
            tasks,
            reports,
            desk,
        }
    }

    async fn sees(&mut self, what: &str, is_it: impl Fn(Option<&SoundView>) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let sound = self.desk.take().sound;
            if is_it(sound.as_deref()) {
                return;
            }
            assert!(Instant::now() < end, "{what}: {sound:?}");
            // The node takes reports, or the engine has nowhere to leave them.
            while self.reports.try_recv().is_ok() {}
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn join(&self) {
        let task = MediaTask::Join {
            community: CommunityId([1; 32]),
            channel: ChannelId([2; 32]),
            ice: Vec::new(),
        };
        self.tasks.send(task).await.unwrap();
    }
}

fn is_open(sound: Option<&SoundView>) -> bool {
    sound.is_some_and(|sound| sound.devices.input.as_deref() == Some("tone:440"))
}

#[tokio::test]
async fn the_level_is_told_while_the_page_is_open_in_a_room_and_outside() {
    let mut beside = Beside::start(started_with("tone:440", "null"));
    beside
        .sees("an engine", |sound| {
            sound.is_some_and(|sound| sound.level_db.is_none())
        })
        .await;
    let heard = |sound: Option<&SoundView>| {
        let level = sound.and_then(|sound| sound.level_db);
        // A sine of amplitude 0.25 is 15 dB below full scale.
        level.is_some_and(|level| (-18..=-12).contains(&level))
    };
    beside.sound.order(SoundOrder::Meter(true));
    beside.sees("outside", heard).await;
    beside.sees("its name", is_open).await;
    beside.join().await;
    beside.sees("in a room", heard).await;
    beside.tasks.send(MediaTask::Leave).await.unwrap();
    beside.sees("outside again", heard).await;
    beside.sound.order(SoundOrder::Meter(false));
    let silent = |sound: Option<&SoundView>| sound.is_some_and(|sound| sound.level_db.is_none());
    beside.sees("nobody looks", silent).await;
    drop(beside.tasks);
    beside.tasks = mpsc::channel(1).0;
    beside.sees("no engine", |sound| sound.is_none()).await;
}

#[tokio::test]
async fn a_page_that_closes_does_not_end_the_room_of_the_node() {
    let mut beside = Beside::start(started_with("tone:440", "null"));
    beside.sound.order(SoundOrder::Meter(true));
    beside.sees("its name", is_open).await;
    beside.join().await;
    let link = MediaLink {
        device: DeviceId([3; 32]),
        attempt: 1,
    };
    let task = MediaTask::Connect {
        link,
        account: alloquy_ids::AccountId([4; 32]),
        offers: true,
        heard: true,
    };
    beside.tasks.send(task).await.unwrap();
    beside.sound.order(SoundOrder::Meter(false));
    // The room goes on: each second it is measured, with the link that was asked for.
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut measured = 0;
    while measured < 2 {
        let report = tokio::time::timeout_at(end, beside.reports.recv()).await;
        if let Ok(Some(MediaReport::Stats(stats))) = report {
            measured += usize::from(stats.iter().any(|(of, _)| *of == link));
        }
    }
}

#[tokio::test]
async fn one_hears_oneself_while_the_test_is_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("heard.wav");
    let output = format!("file:{}", path.display());
    let mut beside = Beside::start(started_with("tone:440", &output));
    beside.sound.order(SoundOrder::Meter(true));
    beside.sound.order(SoundOrder::Test(true));
    let tests = |sound: Option<&SoundView>| sound.is_some_and(|sound| sound.testing);
    beside.sees("the test", tests).await;
    beside.sees("its name", is_open).await;
    let is_loud = || {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let samples = bytes.get(44..).unwrap_or_default().chunks_exact(2);
        let loud = |pair: &[u8]| i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs() > 4_000;
        samples.filter(|pair| loud(pair)).count() > 4_800
    };
    let end = Instant::now() + PATIENCE;
    while !is_loud() {
        assert!(Instant::now() < end, "nothing is heard");
        while beside.reports.try_recv().is_ok() {}
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_node_is_told_everything_and_the_window_of_devices() {
    let (from, reports) = mpsc::channel(4);
    let (node, mut told) = mpsc::channel(4);
    let (devices, seen) = watch::channel(DevicesView::default());
    let link = MediaLink {
        device: DeviceId([1; 32]),
        attempt: 1,
    };
    let view = LinkView {
        stage: LinkStage::Open,
        ..LinkView::default()
    };
    let of = DevicesView {
        input: Some("a microphone".to_owned()),
        ..DevicesView::default()
    };
    from.send(MediaReport::Devices(of.clone())).await.unwrap();
    let report = MediaReport::Link(link, view);
    from.send(report.clone()).await.unwrap();
    drop(from);
    pass_on(reports, node, devices).await;
    assert_eq!(told.recv().await, Some(MediaReport::Devices(of.clone())));
    assert_eq!(told.recv().await, Some(report));
    assert_eq!(told.recv().await, None);
    assert_eq!(*seen.borrow(), of);
}

#[test]
fn what_the_program_was_started_with_holds_until_something_else_is_chosen() {
    let named = |input: Option<&str>| VoiceSettings {
        input: input.map(str::to_owned),
        ..VoiceSettings::default()
    };
    let mut chosen = Chosen::of(started_with("tone:440", "default"));
    assert_eq!(chosen.take(named(Some("Headset"))), (false, false));
    assert_eq!(chosen.input, InputDevice::Tone { hz: 440 });
    assert_eq!(chosen.take(named(Some("Other"))), (true, false));
    assert_eq!(chosen.input, InputDevice::Device("Other".to_owned()));
    assert_eq!(chosen.take(named(None)), (true, false));
    assert_eq!(chosen.input, InputDevice::Default);

    let mut chosen = Chosen::of(EngineConfig::default());
    let mut kept = named(Some("Headset"));
    kept.output = Some("Headset".to_owned());
    assert_eq!(chosen.take(kept), (true, true), "what was kept holds");
    assert_eq!(chosen.output, OutputDevice::Device("Headset".to_owned()));
}

#[test]
fn the_engine_works_by_what_the_person_chose() {
    let mut chosen = Chosen::of(EngineConfig::default());
    assert_eq!(chosen.settings(), Settings::default());
    chosen.take(VoiceSettings {
        transmit: voice::Transmit::PushToTalk,
        sensitivity: 80,
        noise: voice::Noise::Strong,
        echo: false,
        automatic_gain: false,
        gain_percent: 250,
        ..VoiceSettings::default()
    });
    chosen.pressed = true;
    let expected = Settings {
        transmit: Transmit::PushToTalk,
        pressed: true,
        activity: Activity::Speech(20),
        high_pass: true,
        echo: false,
        noise: Noise::Strong,
        automatic_gain: false,
        gain_percent: 250,
        monitor: false,
    };
    assert_eq!(chosen.settings(), expected);
    // A tone is no voice: it goes out as it is, and when the person wants.
    chosen.input = InputDevice::Tone { hz: 440 };
    chosen.tests = true;
    let untouched = Settings {
        transmit: Transmit::PushToTalk,
        pressed: true,
        monitor: true,
        ..Settings::untouched()
    };
    assert_eq!(chosen.settings(), untouched);
}
