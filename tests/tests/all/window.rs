//! The window's program on a screen of its own, with real nodes behind it, used as a person would.

#[path = "window/door.rs"]
mod door;
#[path = "window/governance.rs"]
mod governance;
#[path = "window/keys.rs"]
mod keys;
#[path = "window/notices.rs"]
mod notices;
#[path = "window/personal.rs"]
mod personal;
#[path = "window/reader.rs"]
mod reader;
#[path = "window/renames.rs"]
mod renames;
#[path = "window/screens.rs"]
mod screens;
#[path = "window/together.rs"]
mod together;
#[path = "window/tray.rs"]
mod tray;
#[path = "window/trouble.rs"]
mod trouble;
#[path = "window/voice.rs"]
mod voice;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use alloquy_tests::{LOOPBACK, Peer, Screen, Window, driven_program, skip};
use serde_json::json;
use tempfile::{TempDir, tempdir};

/// How long the window of one person may be open without anything to be seen happening.
const REST: Duration = Duration::from_secs(3);

/// A screen and a window on it, or the reason why this machine has none.
fn opened(name: &str, arguments: &[&str]) -> Option<(Screen, Window)> {
    let Some(screen) = Screen::start() else {
        skip(name, "Xvfb is not installed");
        return None;
    };
    let window = opened_on(&screen, name, arguments)?;
    Some((screen, window))
}

/// A window on a screen that is there already, or the reason why this machine shows none.
fn opened_on(screen: &Screen, name: &str, arguments: &[&str]) -> Option<Window> {
    Window::open(screen, arguments)
        .map_err(|reason| skip(name, &reason))
        .ok()
}

/// The arguments of a window whose node listens on loopback only.
fn on(data: &TempDir) -> Vec<&str> {
    let mut arguments = vec!["--data", data.path().to_str().unwrap()];
    arguments.extend(LOOPBACK);
    arguments
}

/// What stands in the field for messages.
fn draft(window: &mut Window) -> String {
    let found = window.must(&json!({"do": "find", "role": "MultilineTextInput"}));
    found["found"]["value"].as_str().unwrap().to_owned()
}

/// The first run: a name, the key that was made, and the question where to go.
fn begin(window: &mut Window, name: &str) {
    window.fill("Your name", name);
    window.click("Continue");
    window.sees_part(&format!("Welcome, {name}"));
    window.click("Continue");
    window.sees("Where to?");
}

#[test]
fn a_window_opens_makes_an_account_and_rests() {
    let data = tempdir().unwrap();
    let Some((_screen, mut window)) = opened("first window", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    assert_eq!(window.frames_within(REST), 0, "nobody does anything");
    let picture = data.path().join("window.png");
    window.picture(&picture);
    assert!(std::fs::metadata(&picture).unwrap().len() > 1000);
    window.close();
    assert!(!data.path().join("node.sock").exists());
    assert!(!data.path().join("window.sock").exists());
}

#[test]
fn a_second_start_hands_its_link_over_and_raises_the_first_window() {
    let data = tempdir().unwrap();
    let Some((screen, mut window)) = opened("second start", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    let second = |words: &[&str]| {
        let mut command = Command::new(driven_program());
        screen.lend(&mut command);
        command.args(on(&data)).args(words).stdin(Stdio::null());
        command.output().unwrap()
    };
    let plain = second(&[]);
    assert_eq!(plain.status.code(), Some(0), "{plain:?}");
    let bad = second(&["https://example.org"]);
    assert_eq!(bad.status.code(), Some(2), "{bad:?}");
    let told = String::from_utf8(bad.stderr).unwrap();
    assert!(told.contains("https://example.org"), "{told}");
    window.close();
}

#[test]
fn without_a_display_it_says_why_and_ends_with_3() {
    let data = tempdir().unwrap();
    let output = Command::new(driven_program())
        .args(on(&data))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("ALLOQUY_NO_KEYCHAIN", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let told = String::from_utf8(output.stderr).unwrap();
    for said in ["DISPLAY", "apt-get install", "./run node"] {
        assert!(told.contains(said), "{told}");
    }
    assert!(!told.contains(".rs:"), "no places in source files: {told}");
    let left: Vec<_> = std::fs::read_dir(data.path()).unwrap().flatten().collect();
    let is_store = |path: &Path| path.ends_with("store.redb");
    assert!(
        !left.iter().any(|entry| is_store(&entry.path())),
        "no account was made"
    );
}

#[test]
fn a_window_shows_a_node_that_runs_without_one_and_says_when_it_has_gone() {
    let root = tempdir().unwrap();
    let mut peer = Peer::started(root.path(), "ana");
    peer.line("create-community Home");
    peer.line("create-channel Home text general");
    peer.line("send Home/general \"said without a window\"");
    let folder = peer.folder().to_str().unwrap().to_owned();
    let Some((_screen, mut window)) = opened("attached", &["--data", &folder, "--attach"]) else {
        return;
    };
    window.sees_part("said without a window");
    peer.line("send Home/general \"and this one later\"");
    window.sees_part("and this one later");
    assert_eq!(window.frames_within(REST), 0);
    peer.kill();
    window.sees_part("has ended");
    peer.start();
    window.click("Start again");
    peer.line("send Home/general \"back again\"");
    window.sees_part("back again");
    // The node goes on when the window closes.
    window.close();
    peer.line("send Home/general \"still here\"");
    peer.stop();
}

#[test]
fn the_demonstration_is_filled_rests_and_takes_a_message() {
    let Some((_screen, mut window)) = opened("demonstration", &["--demo"]) else {
        return;
    };
    window.sees_part("Rowan House");
    assert_eq!(
        window.frames_within(REST),
        0,
        "nothing moves unless the person acts"
    );
    window.compose().write("Hello, everybody");
    window.press("Enter");
    window.sees_part("Hello, everybody");
    window.close();
}
