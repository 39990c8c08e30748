//! The node fails under the window: it says so, and nothing that was typed is lost.

use alloquy_tests::{LOOPBACK, Peer, Window, eventually};
use serde_json::json;
use tempfile::tempdir;

use super::{REST, begin, draft, on, opened};
use crate::refuse::{Mounted, fill};

/// Bytes of the messages that fill the last room: few fit into what a store keeps for itself.
const LONG: usize = 8000;

/// Whether something with this in its name is there within a moment.
fn shows(window: &mut Window, part: &str) -> bool {
    let find = json!({"do": "find", "part": part, "wait_ms": 200});
    window.ask(&find).is_ok()
}

#[test]
fn on_a_full_disk_the_banner_tells_and_what_was_not_stored_can_be_sent_later() {
    let Some(disk) = Mounted::tmpfs("window on a full disk", "16m") else {
        return;
    };
    let data = disk.path().join("ana");
    let arguments = [&["--data", data.to_str().unwrap()], LOOPBACK].concat();
    let Some((screen, mut window)) = opened("window on a full disk", &arguments) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.compose().write("before");
    window.press("Enter");
    window.sees_part("before");

    let ballast = fill(disk.path());
    let mut number = 0;
    eventually("a message can not be stored", || {
        number += 1;
        let text = format!("number {number} {}", "x".repeat(LONG));
        window.compose();
        window.must(&json!({"do": "paste", "text": text}));
        window.press("Enter");
        window.settle();
        shows(&mut window, "(Not sent)").then_some(())
    });
    let told = window.sees_part("Nothing can be stored");
    assert!(told.contains("Make room"), "{told}");
    let unsent = window.sees_part("(Not sent)");
    assert!(unsent.contains(&format!("number {number} ")), "{unsent}");
    window.sees("Retry");
    window.compose().write("after");
    window.settle();
    assert_eq!(draft(&mut window), "after", "one can go on writing");

    std::fs::remove_file(ballast).unwrap();
    eventually("it is sent again", || {
        window.click("Retry");
        window.settle();
        (!shows(&mut window, "(Not sent)")).then_some(())
    });
    window.must(&json!({"do": "gone", "part": "Nothing can be stored"}));
    assert_eq!(draft(&mut window), "after");
    window.compose().press("Enter");
    window.must(&json!({"do": "gone", "part": "(Sending)"}));
    window.close();

    let mut again = Window::open(&screen, &arguments).unwrap();
    again.sees_part("after");
    again.sees_part(&format!("number {number} "));
}

#[test]
fn a_task_of_the_node_that_panics_is_told_and_the_window_goes_on_without_it() {
    let data = tempdir().unwrap();
    let Some((screen, mut window)) = opened("panic of the node", &on(&data)) else {
        return;
    };
    begin(&mut window, "Ana");
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    window.click("Create the community");
    window.compose().write("before");
    window.press("Enter");
    window.sees_part("before");
    window.must(&json!({"do": "gone", "part": "(Sending)"}));
    window.compose().write("on its way");
    window.settle();

    // The next thing that the node does breaks it: at the latest, to take this message.
    window.must(&json!({"do": "break-node"}));
    window.press("Enter");
    let told = window.sees_part("a fault of its own");
    assert!(
        told.contains("panicked") && told.contains("Start again"),
        "{told}"
    );
    let unsent = window.sees_part("(Not sent)");
    assert!(unsent.contains("on its way"), "{unsent}");
    // Everything can still be read, opened and written.
    window.sees_part("before");
    window.press("Ctrl+Comma");
    window.sees("Settings");
    window.press("Escape");
    window.compose().write("half a thought");
    assert_eq!(window.frames_within(REST), 0, "it waits for the person");
    assert_eq!(draft(&mut window), "half a thought");

    window.click("Start again");
    window.must(&json!({"do": "gone", "part": "a fault of its own"}));
    assert_eq!(draft(&mut window), "half a thought");
    window.click("Retry");
    window.must(&json!({"do": "gone", "part": "(Not sent)"}));
    window.must(&json!({"do": "gone", "part": "(Sending)"}));
    window.close();
    let mut again = Window::open(&screen, on(&data)).unwrap();
    again.sees_part("on its way");
    assert_eq!(draft(&mut again), "half a thought");
}

#[test]
fn a_node_that_is_killed_takes_nothing_away_that_was_typed() {
    let root = tempdir().unwrap();
    let mut peer = Peer::started(root.path(), "ana");
    peer.line("create-community Home");
    peer.line("create-channel Home text general");
    peer.line("send Home/general \"before\"");
    let folder = peer.folder().to_str().unwrap().to_owned();
    let arguments = ["--data", folder.as_str(), "--attach"];
    let Some((_screen, mut window)) = opened("killed node", &arguments) else {
        return;
    };
    window.sees_part("before");
    window.compose().write("typed while it ran");
    peer.kill();
    window.sees_part("has ended");
    assert_eq!(draft(&mut window), "typed while it ran");

    // Sent to nobody: it stays, and can be sent later.
    window.compose().press("Enter");
    let unsent = window.sees_part("(Not sent)");
    assert!(unsent.contains("typed while it ran"), "{unsent}");
    window.compose().write("half a thought");
    assert_eq!(window.frames_within(REST), 0, "it waits for the person");
    peer.start();
    window.click("Start again");
    window.must(&json!({"do": "gone", "part": "has ended"}));
    assert_eq!(draft(&mut window), "half a thought");
    window.click("Retry");
    window.must(&json!({"do": "gone", "part": "(Not sent)"}));
    let texts = ["before", "typed while it ran"].map(str::to_owned);
    peer.reads("Home/general", &texts);
    assert_eq!(draft(&mut window), "half a thought");
    window.close();
    peer.stop();
}
