//! A peer that does something harmless without end: the window draws no more than can be seen, and stays in hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alloquy_api::Command;
use alloquy_api::command::ProfileChange;
use alloquy_node::RpcClient;
use alloquy_tests::{DEADLINE, Peer, Window};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened};

/// Between two new names.
const PAUSE: Duration = Duration::from_millis(10);
/// How long the window is watched without anybody touching it.
const WATCHED: Duration = Duration::from_secs(5);
/// Frames a second that the window may draw of what others do.
const FRAMES_PER_SECOND_MAX: f64 = 30.0;
/// What the window may grow by, in KiB, while a thousand names come: a frame's worth of pixels is 4 MiB.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// Someone who takes one new name after the other, until told to keep the last one.
struct Renaming {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Renaming {
    /// Begins, over the node's own socket.
    fn begin(folder: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let folder: PathBuf = folder.to_owned();
        let thread = std::thread::spawn(move || {
            let mut client = RpcClient::connect(&folder).unwrap();
            let began = Instant::now();
            let mut names = 0;
            while !stopped.load(Ordering::Relaxed) {
                names += 1;
                let change = ProfileChange::Name(format!("Ben number {names}"));
                client.call(Command::Profile { change }, DEADLINE).unwrap();
                // A hundred a second: what was late is caught up with.
                std::thread::sleep((PAUSE * names).saturating_sub(began.elapsed()));
            }
            names
        });
        Self { stop, thread }
    }

    /// The number of the last name.
    fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Bytes that a process has in memory, in KiB.
fn resident(window: &Window) -> u64 {
    let path = format!("/proc/{}/status", window.process().id());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.unwrap().split_whitespace().nth(1);
    words.unwrap().parse().unwrap()
}

fn frames(window: &mut Window) -> u64 {
    window.must(&json!({"do": "frames"}))["frames"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_peer_that_renames_itself_a_hundred_times_a_second_is_followed_at_ease() {
    let (data, root) = (tempdir().unwrap(), tempdir().unwrap());
    let Some((_screen, mut window)) = opened("renames", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.click("Home, menu of the community");
    window.click("Invite people");
    window.click("Copy");
    let link = window.copied();
    window.press("Escape");
    let mut ben = Peer::started(root.path(), "Ben");
    ben.line(&format!("join {link}"));
    window.sees("Ben, online");
    window.compose();
    window.settle();

    let renaming = Renaming::begin(ben.folder());
    window.sees_part("Ben number ");
    let (before, memory, began) = (frames(&mut window), resident(&window), Instant::now());
    std::thread::sleep(WATCHED);
    let (drawn, took) = (frames(&mut window) - before, began.elapsed());
    assert!(drawn > 0, "names are shown as they come");
    let most = FRAMES_PER_SECOND_MAX * took.as_secs_f64() + 1.0;
    #[expect(clippy::cast_precision_loss, reason = "some hundred frames")]
    let drawn = drawn as f64;
    assert!(drawn <= most, "{drawn} frames in {took:?}");

    // The window answers meanwhile: keys, letters and a click.
    window.press("Ctrl+K");
    window.sees("Go to a channel, a person or a community");
    window.press("Escape");
    window.write("written meanwhile");
    window.press("Enter");
    window.sees_part("written meanwhile");
    window.must(&json!({"do": "click", "part": "menu of the community", "in_motion": true}));
    window.sees("Invite people");
    window.press("Escape");
    let names = renaming.end();
    let grown = resident(&window).saturating_sub(memory);
    assert!(
        grown < GROWTH_KIB_MAX,
        "{grown} KiB more after {names} names"
    );

    window.sees(&format!("Ben number {names}, online"));
    window.settle();
    ben.stop();
}
