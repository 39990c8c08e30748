//! Real devices: a PulseAudio daemon of our own with a null sink, whose monitor is the microphone.
//!
//! The daemon is found by `PULSE_SERVER`, which a process cannot set for itself without unsafe code, so that the test
//! runs itself again as a process with that variable.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use alloquy_api::voice::{DevicesView, MediaReport};
use alloquy_media::{InputDevice, OutputDevice, Settings};

use crate::engines::{join, pair, wait_for};

const INSIDE: &str = "ALLOQUY_TEST_INSIDE_PULSE";

/// A daemon that ends with its owner.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ended_before = self.0.kill().is_err();
        self.0.wait().unwrap();
    }
}

fn daemon(folder: &Path) -> Option<Daemon> {
    let socket = folder.join("native");
    let child = Command::new("pulseaudio")
        .args([
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
        ])
        .args(["--disable-shm=yes", "-L"])
        .arg(format!(
            "module-native-protocol-unix socket={} auth-anonymous=1",
            socket.display()
        ))
        .args(["-L", "module-null-sink sink_name=voice rate=48000"])
        .env("XDG_RUNTIME_DIR", folder)
        .env("HOME", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = child else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no pulseaudio");
        println!("skipped: the program pulseaudio is not installed");
        return None;
    };
    let daemon = Daemon(child);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        assert!(Instant::now() < deadline, "pulseaudio does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(daemon)
}

#[test]
fn a_sound_server_plays_and_records_and_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(daemon) = daemon(folder.path()) else {
        return;
    };
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pulse::inside", "--ignored", "--nocapture"])
        .env(
            "PULSE_SERVER",
            format!("unix:{}", folder.path().join("native").display()),
        )
        .env(INSIDE, daemon.0.id().to_string())
        .env("HOME", folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}

fn devices(reports: &[MediaReport]) -> &DevicesView {
    match reports.last() {
        Some(MediaReport::Devices(view)) => view,
        other => panic!("{other:?} are no devices"),
    }
}

/// The part that runs with the daemon's address; alone it has nothing to do.
#[test]
#[ignore = "run by the test above, in a process of its own"]
fn inside() {
    let Ok(daemon) = std::env::var(INSIDE) else {
        println!("skipped: only the test above runs this");
        return;
    };
    // The second engine plays the first one's tone into the sink, records it from there, and sends it back.
    let [mut a, mut b] = pair([("tone:500", "null"), ("null", "null")]);
    b.engine.set(Settings::untouched());
    b.engine
        .input(InputDevice::Device("voice.monitor".to_owned()));
    b.engine.output(OutputDevice::Device("voice".to_owned()));
    join(&a, 2);
    join(&b, 1);
    let found = wait_for(
        &mut b,
        |report| matches!(report, MediaReport::Devices(view) if view.input.is_some() && view.output.is_some()),
    );
    println!("{:?}", devices(&found));
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
    // The daemon ends: it is told, and the engine goes on.
    assert!(Command::new("kill").arg(daemon).status().unwrap().success());
    let told = wait_for(
        &mut b,
        |report| matches!(report, MediaReport::Devices(view) if view.failure.is_some()),
    );
    println!("{:?}", devices(&told));
    wait_for(&mut b, |report| matches!(report, MediaReport::Stats(_)));
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, false))
    });
    // Another one takes its place: the same devices are opened again, and heard.
    let folder = std::env::home_dir().unwrap();
    std::fs::remove_file(folder.join("native")).ok();
    let _again = self::daemon(&folder).unwrap();
    let found = wait_for(
        &mut b,
        |report| matches!(report, MediaReport::Devices(view) if view.failure.is_none() && view.output.is_some()),
    );
    println!("{:?}", devices(&found));
    wait_for(&mut a, |report| {
        matches!(report, MediaReport::PeerSpeaking(_, true))
    });
}
