//! Every screen of the window, one after the other: at rest it draws nothing, and all in it has a name.

use std::time::Duration;

use alloquy_tests::{Screen, Window};
use serde_json::json;
use tempfile::tempdir;

use super::{begin, on, opened};

/// How long each screen is looked at without anything happening.
const REST: Duration = Duration::from_secs(3);
/// How long the one is that is open all day; a text cursor would blink twenty times.
const LONG_REST: Duration = Duration::from_secs(10);
const PAGES: [&str; 7] = [
    "Profile",
    "Appearance",
    "Notifications",
    "Keyboard",
    "Storage",
    "Network",
    "About",
];

/// What is done at each screen, by its name.
type Look = fn(&str, &mut Window);

/// The screens that the demonstration has.
fn each_of_the_demonstration(window: &mut Window, look: Look) {
    window.sees_part("menu of the community");
    window.compose();
    window.settle();
    look("main", window);
    for (screen, chord, shown) in [
        (
            "switcher",
            "Ctrl+K",
            "Go to a channel, a person or a community",
        ),
        ("shortcuts", "Ctrl+Slash", "Shortcuts"),
        ("pins", "Ctrl+P", "Pinned messages"),
        ("emoji", "Ctrl+Shift+E", "Search emoji"),
    ] {
        window.press(chord);
        window.sees(shown);
        look_and_leave(screen, window, look);
    }
    window.press("Ctrl+Comma");
    window.sees("Settings");
    for page in PAGES {
        window.must(&json!({"do": "click", "name": page, "role": "Button"}));
        window.settle();
        look(page, window);
    }
    window.press("Escape");
    for (screen, part) in [
        ("connections", "Connections:"),
        ("availability", "Change how you are seen"),
        ("profile", "Lucía, online"),
        ("add community", "Add a community"),
        ("menu of the community", "menu of the community"),
    ] {
        window.must(&json!({"do": "click", "part": part}));
        look_and_leave(screen, window, look);
    }
    window.compose().press("Shift+Tab");
    window.settle();
    look("a message with the focus", window);
    window.press("T");
    window.sees("Reply in thread");
    look_and_leave("thread", window, look);
}

/// The screens of the first run, and those of one's own community.
fn each_of_ones_own(window: &mut Window, look: Look) {
    window.sees("Your name");
    look("first run", window);
    begin(window, "Ana");
    look("where to", window);
    window.click("Join with a link");
    window.sees("Invite link");
    look_and_leave("join", window, look);
    window.click("Create a community");
    window.fill("Name of the community", "Home");
    look("create", window);
    window.click("Create the community");
    window.click("Home, menu of the community");
    window.click("Invite people");
    window.sees("The invite link as a picture to scan");
    look_and_leave("invite", window, look);
    window.click("Home, menu of the community");
    window.click("Make a channel");
    look_and_leave("make a channel", window, look);
    window.click("Home, menu of the community");
    window.click("Leave the community");
    look_and_leave("leave", window, look);
    window.click("Show the words");
    look_and_leave("recovery words", window, look);
    look("one's own community", window);
}

fn look_and_leave(screen: &str, window: &mut Window, look: Look) {
    window.settle();
    look(screen, window);
    window.press("Escape");
    window.settle();
}

fn rests(screen: &str, window: &mut Window) {
    let time = if screen == "main" { LONG_REST } else { REST };
    assert_eq!(window.frames_within(time), 0, "{screen} does not rest");
}

fn is_named(screen: &str, window: &mut Window) {
    let tree = window.tree();
    assert!(tree.contains(" focusable"), "{screen}: {tree}");
    let nameless: Vec<&str> = tree
        .lines()
        .filter(|line| line.ends_with(" nameless") || line.contains(" nameless "))
        .collect();
    assert!(nameless.is_empty(), "{screen}: {nameless:#?} in {tree}");
}

fn in_the_demonstration(test: &str, look: Look) {
    if let Some((_screen, mut window)) = opened(test, &["--demo"]) {
        each_of_the_demonstration(&mut window, look);
    }
}

fn at_home(test: &str, look: Look) {
    let data = tempdir().unwrap();
    let opened: Option<(Screen, Window)> = opened(test, &on(&data));
    if let Some((_screen, mut window)) = opened {
        each_of_ones_own(&mut window, look);
    }
}

#[test]
fn no_screen_of_the_demonstration_draws_while_nobody_acts() {
    in_the_demonstration("rest", rests);
}

#[test]
fn no_screen_from_the_first_run_on_draws_while_nobody_acts() {
    at_home("rest of the first run", rests);
}

#[test]
fn all_that_takes_the_keyboard_in_the_demonstration_has_a_name() {
    in_the_demonstration("names", is_named);
}

#[test]
fn all_that_takes_the_keyboard_from_the_first_run_on_has_a_name() {
    at_home("names of the first run", is_named);
}
