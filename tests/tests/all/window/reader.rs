//! A screen reader over the desktop's own bus: it finds what is to be found, everything has a name, and it can act.

use std::process::{Child, Command, Stdio};

use alloquy_tests::{Peer, Reader, Screen, eventually, signal, skip, window_program};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::tempdir;

use super::screens::{Walk, each_of_ones_own, each_of_the_demonstration, is_named};
use super::{on, opened, opened_on};

/// Everything in the window, checked: all that takes the keyboard has a name, and so has the window.
fn named(screen: &str, reader: &mut Reader) -> Vec<Value> {
    let nodes = reader.tree();
    let focusable = || nodes.iter().filter(|node| node["focusable"] == true);
    assert!(focusable().count() > 0, "{screen}: {nodes:#?}");
    let nameless: Vec<&Value> = focusable()
        .filter(|node| node["name"].as_str().unwrap().trim().is_empty())
        .collect();
    assert!(nameless.is_empty(), "{screen}: {nameless:#?} in {nodes:#?}");
    assert!(has(&nodes, "frame", "Alloquy"), "{screen}: {nodes:#?}");
    nodes
}

/// Whether there is something of this role with this in its name.
fn has(nodes: &[Value], role: &str, part: &str) -> bool {
    let fits =
        |node: &&Value| node["role"] == role && node["name"].as_str().unwrap().contains(part);
    nodes.iter().any(|node| fits(&node))
}

/// Goes the whole way and looks at each screen, in the tree that the program gives and in what the desktop's bus
/// has of it.
fn all_named(test: &str, arguments: &[&str], walk: Walk, main: fn(&mut Reader)) {
    let Some(mut screen) = Screen::start() else {
        skip(test, "Xvfb is not installed");
        return;
    };
    let mut reader = Reader::beside(&mut screen)
        .map_err(|reason| skip(test, &reason))
        .ok();
    let Some(mut window) = opened_on(&screen, test, arguments) else {
        return;
    };
    if let Some(reader) = &mut reader {
        reader.read(window.process());
    }
    walk(&mut window, &mut |screen, window| {
        is_named(screen, window);
        if let Some(reader) = &mut reader {
            named(screen, reader);
            if screen == "main" {
                main(reader);
            }
        }
    });
}

#[test]
fn all_that_takes_the_keyboard_in_the_demonstration_has_a_name() {
    all_named("names", &["--demo"], each_of_the_demonstration, |reader| {
        // Which of its communities is shown first is not said anywhere.
        let go = json!({"do": "press", "part": "Tuesday table"});
        reader.ask(&go).unwrap();
        reader.sees("Tuesday table, menu of the community");
        reader.sees("Message #general");
        let nodes = named("main", reader);
        for (role, part) in [
            ("entry", "Message #general"),
            ("toggle button", "channel pictures"),
            ("toggle button", "voice channel Kitchen"),
            ("push button", "Lucía, online"),
            ("list item", "Who hosts next week?"),
        ] {
            assert!(has(&nodes, role, part), "no {role} {part:?}: {nodes:#?}");
        }
    });
}

#[test]
fn all_that_takes_the_keyboard_from_the_first_run_on_has_a_name() {
    let data = tempdir().unwrap();
    let test = "names of the first run";
    all_named(test, &on(&data), each_of_ones_own, |_reader| {});
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
    let test = "screen reader alone";
    // Whether a window can be shown here at all is said by the program of tests.
    let Some((mut screen, mut window)) = opened(test, &on(&data)) else {
        return;
    };
    window.sees("Your name");
    window.close();
    let mut reader = match Reader::beside(&mut screen) {
        Ok(reader) => reader,
        Err(reason) => return skip(test, &reason),
    };
    let mut command = Command::new(window_program());
    screen.lend(&mut command);
    let mut window = Ending(
        command
            .args(on(&data))
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
    let status = eventually("the window ends", || window.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
}
