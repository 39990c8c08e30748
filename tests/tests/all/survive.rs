//! What an account and a conversation survive: a day on the clock, and the loss of all devices. Over real processes.

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

#[test]
fn an_account_comes_back_from_its_home_node_alone_when_its_devices_are_gone() {
    let root = tempdir().unwrap();
    let mut ana = Peer::at(&root.path().join("ana"));
    let made = ana.init_with(&["--name", "ana"], "");
    let words = made.value["recovery"].as_str().unwrap().to_owned();
    ana.start();
    let mut ben = Peer::started(root.path(), "ben");
    let home = kept_club(root.path(), &ana, &ben, free_port());
    ana.line("role create club elder --allow kick");
    say(&ana, &texts("ana"));
    ben.reads("club/general", &texts("ana"));
    say(&ben, &texts("ben"));
    let all = [texts("ana"), texts("ben")].concat();
    ana.reads("club/general", &all);
    held_in(&ben, "club/general");
    keeps(&home.peer, 2);
    let account = ana.account();
    let dead = ana.line("device link")["link"].as_str().unwrap().to_owned();
    ana.kill();
    std::fs::remove_dir_all(ana.folder()).unwrap();
    ben.stop();

    // Whoever answers is enough: the lost device is named too, and never will.
    let mut back = Peer::at(&root.path().join("back"));
    let status = home.peer.status().done();
    let place = status["listen"][0].as_str().unwrap();
    let from = [
        "--restore",
        "--from",
        &dead,
        "--from",
        place,
        "--revoke-others",
    ];
    let made = back.init_with(&from, &format!("{words}\n"));
    assert_eq!(made.code, Some(0), "{}", made.value);
    assert_eq!(made.value["account"], *account);
    back.start();
    back.reads("club/general", &all);
    let roles = back.line("roles club").to_string();
    assert!(roles.contains("elder"), "{roles}");
    back.line("create-channel club text again");
    back.line("send club/again \"I am back\"");
    held_in(&back, "club/again");
    ben.start();
    ben.reads("club/again", &["I am back".to_owned()]);
}
