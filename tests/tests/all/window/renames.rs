//! A peer that does something harmless without end: the window draws no more than can be seen, and stays in hand.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use alloquy_api::command::ProfileChange;
use alloquy_api::{Client, Command, Event};
use alloquy_node::RpcClient;
use alloquy_tests::{Peer, Window, eventually};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened};

/// Between two new names.
const PAUSE: Duration = Duration::from_millis(10);
/// How long an answer is waited for before the clock is looked at again.
const LOOK: Duration = Duration::from_millis(2);
/// Names that come while nobody touches the window.
const NAMES: u64 = 500;
/// New names under way to the node: below what it takes of one client.
const UNDER_WAY_MAX: u32 = 64;
/// Frames a second that the window may draw of what others do.
const FRAMES_PER_SECOND_MAX: u128 = 30;
/// What the window may grow by, in KiB, while a thousand names come: a frame's worth of pixels is 4 MiB.
const GROWTH_KIB_MAX: u64 = 64 * 1024;

/// Someone who takes one new name after the other, until told to keep the last one.
struct Renaming {
    stop: Arc<AtomicBool>,
    /// Names that the node has taken.
    taken: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Renaming {
    /// Begins, over the node's own socket.
    fn begin(folder: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let taken = Arc::new(AtomicU64::new(0));
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&taken));
        let mut client = RpcClient::connect(folder).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut asked, mut done) = (0, 0);
            let began = Instant::now();
            while !stopped.load(Ordering::Relaxed) || done < asked {
                // A hundred a second: what was late is caught up with.
                let is_due = began.elapsed() >= PAUSE * asked;
                if is_due && asked - done < UNDER_WAY_MAX && !stopped.load(Ordering::Relaxed) {
                    asked += 1;
                    let change = ProfileChange::Name(format!("Ben number {asked}"));
                    client.submit(Command::Profile { change }).unwrap();
                }
                if let Some(Event::Done { result, .. }) = client.wait_event(LOOK).unwrap() {
                    result.unwrap();
                    done += 1;
                    counted.store(done.into(), Ordering::Relaxed);
                }
            }
        });
        Self {
            stop,
            taken,
            thread,
        }
    }

    /// How many names the node has taken.
    fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// The number of the last name.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.taken.load(Ordering::Relaxed)
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
    let (names, frames, began) = (renaming.taken(), window.frames(), Instant::now());
    let memory = resident(&window);
    eventually("names were taken", || {
        (renaming.taken() >= names + NAMES).then_some(())
    });
    let (drawn, took) = (window.frames() - frames, began.elapsed());
    assert!(drawn > 0, "names are shown as they come");
    let most = FRAMES_PER_SECOND_MAX * took.as_millis() / 1000 + 1;
    assert!(u128::from(drawn) <= most, "{drawn} frames in {took:?}");

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
