//! What a conversation survives: a day on the clock. Over real processes.

use std::path::Path;

use alloquy_tests::{Peer, eventually, skip};
use tempfile::tempdir;

use crate::home::{Home, free_port, held_in, keeps};

/// Messages that are written while the other is away.
const MESSAGES: usize = 30;
/// Milliseconds that a clock which is a day ahead is ahead at least.
const ALMOST_A_DAY_MS: u64 = 23 * 3_600_000;

/// Words before a program by which its clock is a day ahead; `None` with the skip said where libfaketime is missing.
/// The clock that only runs forward stays true: timers wait as long as ever.
fn tomorrow(test: &str) -> Option<[String; 4]> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?;
    let found = libraries
        .filter_map(Result::ok)
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists());
    let Some(library) = found else {
        skip(test, "the package libfaketime is not installed");
        return None;
    };
    Some([
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        "FAKETIME=+1d".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ])
}

fn texts(who: &str) -> Vec<String> {
    (0..MESSAGES)
        .map(|number| format!("{who} {number}"))
        .collect()
}

fn say(peer: &Peer, texts: &[String]) {
    for text in texts {
        peer.line(&format!("send club/general \"{text}\""));
    }
}

/// A community of two, kept by the first one's home node, which the second has found.
fn kept_club(root: &Path, ana: &Peer, ben: &Peer, port: u16) -> Home {
    ana.line("create-community club");
    ana.line("create-channel club text general");
    ben.line(&format!("join {}", ana.invite("club")));
    let mut home = Home::started(root, port);
    ana.line(&format!("home pair {}", home.link()));
    ana.line("home store club on");
    keeps(&home.peer, 2);
    eventually("ben has found ana's home node", || {
        let status = ben.status().done();
        (status["peers"].as_array().map(Vec::len) >= Some(2)).then_some(())
    });
    home
}

/// When a node was started, by its own clock.
fn since(peer: &Peer) -> u64 {
    peer.status().done()["since"].as_u64().unwrap()
}

#[test]
fn ben_comes_a_day_later_by_the_clock_and_reads_everything_once_and_in_order() {
    let Some(tomorrow) = tomorrow("survive") else {
        return;
    };
    let tomorrow = tomorrow.each_ref().map(String::as_str);
    let root = tempdir().unwrap();
    let mut ana = Peer::started(root.path(), "ana");
    let mut ben = Peer::started(root.path(), "ben");
    let port = free_port();
    let mut home = kept_club(root.path(), &ana, &ben, port);
    let today = since(&ben);
    ben.stop();
    say(&ana, &texts("ana"));
    held_in(&ana, "club/general");
    ana.stop();
    home.peer.stop();
    // A day passes.
    let mut home = Home::behind(root.path(), "home", port, &tomorrow);
    let mut ben = ben.behind(&tomorrow);
    ben.start();
    assert!(since(&ben) > today + ALMOST_A_DAY_MS);
    ben.reads("club/general", &texts("ana"));
    say(&ben, &texts("ben"));
    held_in(&ben, "club/general");
    ben.stop();
    let mut ana = ana.behind(&tomorrow);
    ana.start();
    let both = [texts("ana"), texts("ben")].concat();
    ana.reads("club/general", &both);
    // And still so for whoever was not told what day it is.
    ana.stop();
    home.peer.stop();
    let _home = Home::started(root.path(), port);
    let mut ana = ana.behind(&[]);
    ana.start();
    ana.line("send club/general \"back today\"");
    ana.reads(
        "club/general",
        &[both, vec!["back today".to_owned()]].concat(),
    );
}
