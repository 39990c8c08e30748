//! Every screen of the window, one after the other: at rest it draws nothing, and all in it has a name.

use std::time::Duration;

use alloquy_tests::{Screen, Window};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::{begin, on, opened};

/// How long each screen is looked at without anything happening; a text cursor would blink twenty times.
const REST: Duration = Duration::from_secs(10);
/// Windows that are looked at side by side: one that rests leaves the processor to the others.
const SIDE_BY_SIDE: usize = 4;
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
pub(super) type Look<'a> = &'a mut dyn FnMut(&str, &mut Window);
/// The way through the screens.
pub(super) type Walk = fn(&mut Window, Look);

/// The screens that the demonstration has.
pub(super) fn each_of_the_demonstration(window: &mut Window, look: Look) {
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
pub(super) fn each_of_ones_own(window: &mut Window, look: Look) {
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

pub(super) fn is_named(screen: &str, window: &mut Window) {
    let tree = window.tree();
    assert!(tree.contains(" focusable"), "{screen}: {tree}");
    let nameless: Vec<&str> = tree
        .lines()
        .filter(|line| line.ends_with(" nameless") || line.contains(" nameless "))
        .collect();
    assert!(nameless.is_empty(), "{screen}: {nameless:#?} in {tree}");
}

/// A window, on a screen of its own, and its data.
type Opened = (Screen, Window, TempDir);

/// A window of the demonstration, which is filled.
fn of_the_demonstration(test: &str) -> Option<Opened> {
    let (screen, mut window) = opened(test, &["--demo"])?;
    window.sees_part("menu of the community");
    Some((screen, window, tempdir().unwrap()))
}

/// A window that has never been opened before.
fn of_ones_own(test: &str) -> Option<Opened> {
    let data = tempdir().unwrap();
    let (screen, mut window) = opened(test, &on(&data))?;
    window.sees("Your name");
    Some((screen, window, data))
}

/// Several windows go the same way at the same time, and each rests at some of the screens: so all screens are
/// looked at for the whole time, and it takes no longer than a quarter of them.
fn rest_everywhere(test: &str, open: fn(&str) -> Option<Opened>, walk: Walk) {
    let Some(first) = open(test) else { return };
    let mut windows = vec![first];
    while windows.len() < SIDE_BY_SIDE {
        windows.push(open(test).unwrap());
    }
    std::thread::scope(|scope| {
        for (which, (_screen, window, _data)) in windows.iter_mut().enumerate() {
            scope.spawn(move || {
                let mut at = 0;
                walk(window, &mut |screen, window| {
                    if at % SIDE_BY_SIDE == which {
                        assert_eq!(window.frames_within(REST), 0, "{screen} does not rest");
                    }
                    at += 1;
                });
            });
        }
    });
}

#[test]
fn no_screen_of_the_demonstration_draws_while_nobody_acts() {
    rest_everywhere("rest", of_the_demonstration, each_of_the_demonstration);
}

#[test]
fn no_screen_from_the_first_run_on_draws_while_nobody_acts() {
    rest_everywhere("rest of the first run", of_ones_own, each_of_ones_own);
}
