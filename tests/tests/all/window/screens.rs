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
type Walk = fn(&mut Window, Look);

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

fn is_named(screen: &str, window: &mut Window) {
    let tree = window.tree();
    assert!(tree.contains(" focusable"), "{screen}: {tree}");
    let nameless: Vec<&str> = tree
        .lines()
        .filter(|line| line.ends_with(" nameless") || line.contains(" nameless "))
        .collect();
    assert!(nameless.is_empty(), "{screen}: {nameless:#?} in {tree}");
}

/// A window of the demonstration.
fn of_the_demonstration(test: &str) -> Option<(Screen, Window, TempDir)> {
    let (screen, window) = opened(test, &["--demo"])?;
    Some((screen, window, tempdir().unwrap()))
}

/// A window that has never been opened before, and its data.
fn of_ones_own(test: &str) -> Option<(Screen, Window, TempDir)> {
    let data = tempdir().unwrap();
    let (screen, window) = opened(test, &on(&data))?;
    Some((screen, window, data))
}

/// Several windows go the same way at the same time, each with a screen of its own, and rest at every so-manieth
/// screen: that each of them is looked at for its whole time costs no more than the longest way.
fn rest_everywhere(test: &str, open: fn(&str) -> Option<(Screen, Window, TempDir)>, walk: Walk) {
    let Some(first) = open(test) else { return };
    let go = |which: usize, (_screen, mut window, _data): (Screen, Window, TempDir)| {
        let mut at = 0;
        walk(&mut window, &mut |screen, window| {
            if at % SIDE_BY_SIDE == which {
                assert_eq!(window.frames_within(REST), 0, "{screen} does not rest");
            }
            at += 1;
        });
    };
    std::thread::scope(|scope| {
        for which in 1..SIDE_BY_SIDE {
            scope.spawn(move || go(which, open(test).unwrap()));
        }
        go(0, first);
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

#[test]
fn all_that_takes_the_keyboard_in_the_demonstration_has_a_name() {
    if let Some((_screen, mut window, _data)) = of_the_demonstration("names") {
        each_of_the_demonstration(&mut window, &mut is_named);
    }
}

#[test]
fn all_that_takes_the_keyboard_from_the_first_run_on_has_a_name() {
    if let Some((_screen, mut window, _data)) = of_ones_own("names of the first run") {
        each_of_ones_own(&mut window, &mut is_named);
    }
}
