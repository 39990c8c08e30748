//! Two people, each with a window of their own, by loopback: what one does, the other one sees.

use std::time::{Duration, Instant};

use alloquy_tests::{Screen, Window};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::{begin, draft, on, opened};

/// From "your name" to a message read on the other side, without the wait for a person's hands.
const FIRST_MESSAGE: Duration = Duration::from_secs(60);

/// Two windows, and where their nodes keep everything.
pub(super) struct Two {
    pub(super) ana: Window,
    pub(super) ben: Window,
    /// Ben's screen; a screen for each: a window that lies under another one draws nothing.
    screen: Screen,
    there: TempDir,
    _here: (TempDir, Screen),
}

impl Two {
    /// Ana has made the community Home, Ben has joined it by her link.
    fn at_home(test: &str) -> Option<Self> {
        Self::at_home_with(test, [&[], &[]])
    }

    /// The same, with more arguments for each of them.
    pub(super) fn at_home_with(test: &str, more: [&[&str]; 2]) -> Option<Self> {
        let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
        let (first, mut ana) = opened(test, &[&on(&here), more[0]].concat())?;
        let screen = Screen::start().unwrap();
        let arguments = [&on(&there), more[1]].concat();
        let mut ben = Window::open(&screen, arguments).unwrap();
        begin(&mut ana, "Ana");
        ana.click("Create a community");
        ana.fill("Name of the community", "Home");
        ana.click("Create the community");
        ana.click("Home, menu of the community");
        ana.click("Invite people");
        ana.click("Copy");
        let link = ana.copied();
        ana.press("Escape");

        begin(&mut ben, "Ben");
        ben.click("Join with a link");
        ben.paste("Invite link", &link);
        ben.sees("Ana invites you");
        ben.click("Join Home");
        ben.sees("Home, menu of the community");
        Some(Self {
            ana,
            ben,
            screen,
            there,
            _here: (here, first),
        })
    }
}

/// Writes a message and sends it.
fn say(window: &mut Window, text: &str) {
    window.compose().write(text);
    window.press("Enter");
}

/// Presses a key of the newest message, by the keyboard alone.
fn on_newest(window: &mut Window, chord: &str) {
    window.compose().press("Shift+Tab");
    window.settle();
    window.press(chord);
    window.settle();
}

/// Goes to a channel by its name in the quick switcher.
fn switch(window: &mut Window, channel: &str) {
    window.press("Ctrl+K");
    window.settle();
    window.write(channel);
    window.settle();
    window.press("Enter");
    window.must(&json!({"do": "find", "part": format!("Channel {channel}.")}));
}

#[test]
fn from_a_name_to_a_message_read_by_a_friend_in_a_minute() {
    let began = Instant::now();
    let Some(mut two) = Two::at_home("first message") else {
        return;
    };
    let Two { ana, ben, .. } = &mut two;
    say(ana, "Hello Ben, can you read this?");
    ben.sees_part("Hello Ben, can you read this?");
    let took = began.elapsed();
    assert!(took < FIRST_MESSAGE, "{took:?}");
    say(ben, "Word for word.");
    ana.sees_part("Word for word.");
}

#[test]
fn what_is_done_with_a_message_is_seen_by_the_other() {
    let Some(mut two) = Two::at_home("with a message") else {
        return;
    };
    let Two { ana, ben, .. } = &mut two;
    say(ana, "Frist words");
    ben.sees_part("Frist words");
    ana.sees_part("Frist words");

    // Up in the empty field changes the last own message.
    ana.must(&json!({"do": "gone", "part": "(Sending)"}));
    ana.compose().press("Up");
    ana.settle();
    assert_eq!(draft(ana), "Frist words");
    ana.press("Ctrl+A");
    ana.write("First words");
    ana.press("Enter");
    ben.sees_part("First words");
    ben.must(&json!({"do": "gone", "part": "Frist words"}));
    assert_eq!(draft(ana), "");

    on_newest(ben, "Plus");
    ben.sees("Search emoji");
    ben.write("thumbs up");
    ben.settle();
    ben.press("Enter");
    ben.sees("👍, 1");
    // She agrees by a click: two now, for both.
    ana.click("👍, 1");
    ben.sees("👍, 2");

    on_newest(ben, "R");
    ben.write("Last words");
    ben.press("Enter");
    ana.sees_part("Last words");
    ana.sees("Answers Ana: First words");

    ana.settle();
    on_newest(ana, "T");
    ana.must(&json!({"do": "find", "name": "Reply in thread", "role": "MultilineTextInput"}));
    ana.write("Beside the others");
    ana.press("Enter");
    ana.sees_part("Beside the others");
    ben.must(&json!({"do": "click", "part": "1 reply"}));
    ben.sees_part("Beside the others");
    ben.must(&json!({"do": "click", "name": "Reply in thread", "role": "MultilineTextInput"}));
    ben.write("Here I am, too");
    ben.press("Enter");
    ana.sees_part("Here I am, too");
}

#[test]
fn a_place_found_by_its_name_and_a_draft_are_there_after_a_restart() {
    let Some(Two {
        mut ana,
        mut ben,
        screen,
        there,
        _here,
    }) = Two::at_home("place and draft")
    else {
        return;
    };
    say(&mut ana, "Here first");
    ben.sees_part("Here first");
    ana.must(&json!({"do": "click", "part": "menu of the community"}));
    ana.click("Make a channel");
    ana.fill("Name of the channel", "recipes");
    ana.click("Make the channel");
    switch(&mut ana, "recipes");
    say(&mut ana, "Bread in three hours");
    ben.must(&json!({"do": "find", "part": "channel recipes"}));
    switch(&mut ben, "recipes");
    ben.sees_part("Bread in three hours");

    ben.compose().write("not yet sent");
    ben.close();
    let mut again = Window::open(&screen, on(&there)).unwrap();
    again.sees_part("Bread in three hours");
    again.sees_part("Channel recipes.");
    assert_eq!(draft(&mut again), "not yet sent");
    // It is a draft still, and goes out when it is sent.
    again.compose().press("Enter");
    ana.sees_part("not yet sent");
}
