//! A screen reader over the desktop's own bus: it finds what is to be found, everything has a name, and it can act.

use std::process::{Child, Command, Stdio};

use alloquy_tests::{LOOPBACK, Peer, Reader, Screen, Window, signal, skip, window_program};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::tempdir;

use super::screens::{each_of_ones_own, each_of_the_demonstration};
use super::{on, opened_on};

/// A screen with a screen reader beside it, or the reason why this machine has none.
fn with_reader(test: &str) -> Option<(Screen, Reader)> {
    let Some(mut screen) = Screen::start() else {
        skip(test, "Xvfb is not installed");
        return None;
    };
    match Reader::beside(&mut screen) {
        Ok(reader) => Some((screen, reader)),
        Err(reason) => {
            skip(test, &reason);
            None
        }
    }
}

/// Everything in the window, checked: all that takes the keyboard has a name.
fn named(screen: &str, reader: &mut Reader) -> Vec<Value> {
    let nodes = reader.tree();
    let focusable = || nodes.iter().filter(|node| node["focusable"] == true);
    assert!(focusable().count() > 1, "{screen}: {nodes:#?}");
    let nameless: Vec<&Value> = focusable()
        .filter(|node| node["name"].as_str().unwrap().trim().is_empty())
        .collect();
    assert!(nameless.is_empty(), "{screen}: {nameless:#?} in {nodes:#?}");
    nodes
}

/// Whether there is something of this role with this in its name.
fn has(nodes: &[Value], role: &str, part: &str) -> bool {
    let fits =
        |node: &&Value| node["role"] == role && node["name"].as_str().unwrap().contains(part);
    nodes.iter().any(|node| fits(&node))
}

#[test]
fn over_the_bus_every_screen_of_the_demonstration_is_named() {
    let Some((screen, mut reader)) = with_reader("reader") else {
        return;
    };
    let Some(mut window) = opened_on(&screen, "reader", &["--demo"]) else {
        return;
    };
    reader.read(window.process());
    let mut screens = 0;
    each_of_the_demonstration(&mut window, &mut |screen, _window: &mut Window| {
        let nodes = named(screen, &mut reader);
        screens += 1;
        if screen != "main" {
            return;
        }
        for (role, part) in [
            ("frame", "Alloquy"),
            ("entry", "Message #welcome"),
            ("toggle button", "channel general"),
            ("toggle button", "voice channel Stand-up"),
            ("push button", "Lucía, online"),
            ("list item", "Welcome! Say what you can do"),
        ] {
            assert!(has(&nodes, role, part), "no {role} {part:?}: {nodes:#?}");
        }
    });
    assert!(screens > 15, "{screens} screens");
}

#[test]
fn over_the_bus_every_screen_from_the_first_run_on_is_named() {
    let data = tempdir().unwrap();
    let Some((screen, mut reader)) = with_reader("reader of the first run") else {
        return;
    };
    let Some(mut window) = opened_on(&screen, "reader of the first run", &on(&data)) else {
        return;
    };
    reader.read(window.process());
    each_of_ones_own(&mut window, &mut |screen, _window: &mut Window| {
        named(screen, &mut reader);
    });
}

/// A program that is ended with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn with_a_screen_reader_alone_one_comes_from_a_name_to_a_message() {
    let data = tempdir().unwrap();
    let Some((screen, mut reader)) = with_reader("screen reader alone") else {
        return;
    };
    // Whether a window can be shown here at all is said by the other program.
    if opened_on(&screen, "screen reader alone", &["--demo"]).is_none() {
        return;
    }
    let mut command = Command::new(window_program());
    screen.lend(&mut command);
    let arguments = [&["--data", data.path().to_str().unwrap()], LOOPBACK].concat();
    let mut window = Ending(
        command
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap(),
    );
    reader.read(&window.0);
    reader.fill("Your name", "Ana");
    reader.press("Continue");
    reader.sees("Welcome, Ana");
    reader.press("Continue");
    reader.sees("Where to?");
    reader.press("Create a community");
    reader.fill("Name of the community", "Home");
    reader.press("Create the community");
    reader.sees("Home, menu of the community");
    reader.fill("Message #general", "half a thought");
    // What others say is read as it comes; here the node's own socket says it.
    let peer = Peer::at(data.path());
    peer.line("send Home/general \"read to me\"");
    let message = reader.sees("read to me");
    assert_eq!(message["role"], "list item", "{message}");
    let entry = reader.sees("Message #general");
    assert_eq!(entry["text"], "half a thought", "{entry}");
    signal(&window.0, Signal::TERM);
    assert!(window.0.wait().unwrap().success());
}
