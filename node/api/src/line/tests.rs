//! The grammar, by examples and by properties.

mod bad_input;
mod properties;

use expect_test::{Expect, expect};

use crate::Command;
use crate::command::{ChannelRef, Window, WindowAt};

use super::{complete, help, specs};

/// An id that is easy to see in an example.
const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn canonical(line: &str) -> String {
    match line.parse::<Command>() {
        Ok(command) => command.to_string(),
        Err(error) => format!("error: {error}"),
    }
}

fn check(line: &str, expected: &Expect) {
    expected.assert_eq(&canonical(line));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line of each form")]
fn lines_are_printed_as_they_are_meant() {
    let lines = [
        "create-community club",
        r#"create-community "The Club""#,
        "  send   club/general   hello  ",
        r#"send "club/general" "a \"quote\", a \\ and a line\nbreak""#,
        r"send club/general ¯\_(ツ)_/¯",
        "send club/general -1",
        r#"send club/general "--not-a-flag""#,
        &format!("send {ID} hi"),
        "create-community club --template friends",
        "inspect-invite alloquy://join/abc",
        "pins club/general",
        "recovery show",
        "recovery confirm 12 zoo 1 abandon 7 \"able\"",
        "create-channel club voice lounge --category talk --private",
        "create-channel --private club text staff",
        "create-channel club stage lectures",
        "voice join club/lounge",
        "voice join @ben",
        "voice leave",
        "voice mute on",
        "voice deafen off",
        "voice volume \"Ben B\" 150",
        "voice hand up",
        "stage invite ben",
        "stage audience ben",
        "voice ptt on",
        "voice press off",
        "voice input tts:hello",
        "voice output \"file:/a b.wav\"",
        "voice devices",
        "voice stats",
        "history club/general",
        &format!("history --before {ID} club/general --last 7"),
        "invite club --expires 5400s --uses 3",
        "invite club --expires 500ms",
        "invite club --expires 24h",
        "timeout club ana 10m \"too loud\"",
        "slow-mode club/general off",
        "slow-mode club/general 0s",
        "slow-mode club/general 120s",
        "role create club Moderators --rank 50 --allow kick,mute",
        "role create club Readers",
        "role edit club Moderators --allow none",
        "overwrite club/staff role everyone --deny view",
        "overwrite club/staff member ana --allow view,send",
        "overwrite club/staff member ana --allow none",
        "profile status \"\"",
        "profile dnd",
        "note club",
        "note club 0 3 \"new\"",
        "icon club none",
        "icon club iVBORw0KGgo=",
        "join alloquy://join/abc",
        &format!("purge club {ID} {ID}"),
        "why club ana send --channel club/general",
        "unread",
        "react-not",
    ];
    let printed: Vec<_> = lines.into_iter().map(canonical).collect();
    expect![[r#"
        create-community "club"
        create-community "The Club"
        send "club/general" "hello"
        send "club/general" "a \"quote\", a \\ and a line\nbreak"
        send "club/general" "¯\\_(ツ)_/¯"
        send "club/general" "-1"
        send "club/general" "--not-a-flag"
        send aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "hi"
        create-community "club" --template "friends"
        inspect-invite alloquy://join/abc
        pins "club/general"
        recovery show
        recovery confirm 12 zoo 1 abandon 7 able
        create-channel "club" voice "lounge" --private --category "talk"
        create-channel "club" text "staff" --private
        create-channel "club" stage "lectures"
        voice join "club/lounge"
        voice join "@ben"
        voice leave
        voice mute on
        voice deafen off
        voice volume "Ben B" 150
        voice hand up
        stage invite "ben"
        stage audience "ben"
        voice ptt on
        voice press off
        voice input "tts:hello"
        voice output "file:/a b.wav"
        voice devices
        voice stats
        history "club/general" --last 50
        history "club/general" --last 7 --before aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        invite "club" --uses 3 --expires 90m
        invite "club" --expires 500ms
        invite "club" --expires 1d
        timeout "club" "ana" 10m "too loud"
        slow-mode "club/general" off
        slow-mode "club/general" off
        slow-mode "club/general" 2m
        role create "club" "Moderators" --rank 50 --allow kick,mute
        role create "club" "Readers" --rank 1
        role edit "club" "Moderators" --allow none
        overwrite "club/staff" role "everyone" --deny view
        overwrite "club/staff" member "ana" --allow view,send
        overwrite "club/staff" member "ana"
        profile status ""
        profile dnd
        note "club"
        note "club" 0 3 "new"
        icon "club" none
        icon "club" iVBORw0KGgo=
        join alloquy://join/abc
        purge "club" aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        why "club" "ana" send --channel "club/general"
        unread
        error: command, column 1: expected a command, such as `send` or `history`; found `react-not`"#]].assert_eq(&printed.join("\n"));
}

#[test]
fn a_hash_name_is_refused_with_the_reason() {
    check(
        "send #general hello",
        &expect![
            "error: CHANNEL, column 6: expected a channel's id, `community/channel` or `@NAME`; found `#general` (a name after # is understood only in a window, where a community is open)"
        ],
    );
    check(
        "history club/#general",
        &expect![
            "error: CHANNEL, column 9: expected a channel's id, `community/channel` or `@NAME`; found `club/#general` (a name after # is understood only in a window, where a community is open)"
        ],
    );
    check(
        "rename #general chat",
        &expect![
            "error: COMMUNITY|CHANNEL, column 8: expected a community's name or id, or a channel's id or `community/channel`; found `#general` (a name after # is understood only in a window, where a community is open)"
        ],
    );
}

#[test]
fn what_only_faces_give_has_no_line() {
    let window = Window {
        channel: ID.parse().unwrap(),
        thread: None,
        at: WindowAt::End,
        limit: 20,
    };
    let channel = window.channel;
    let faces = [
        Command::Watch { window },
        Command::Unwatch {
            channel,
            thread: None,
        },
        Command::Page {
            channel,
            part: crate::pages::Part::Latest(None),
            limit: 20,
        },
        keep("draft", "half a thought"),
    ];
    for command in faces {
        assert!(command.spec().is_none());
        assert!(command.to_string().parse::<Command>().is_err());
        assert!(!command.to_string().contains("thought"));
        assert_eq!(command.check(), Ok(()));
    }
}

fn keep(name: &str, value: &str) -> Command {
    Command::Keep {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn what_a_face_keeps_has_limits() {
    let told = |command: Command| command.check().unwrap_err().to_string();
    let fits = keep(&"n".repeat(80), &"v".repeat(16 * 1024));
    assert_eq!(fits.check(), Ok(()));
    assert_eq!(keep("gone", "").check(), Ok(()));
    let told = [
        told(keep("", "text")),
        told(keep(&"n".repeat(81), "text")),
        told(keep("a\u{1b}b", "text")),
        told(keep("draft", &"v".repeat(16 * 1024 + 1))),
    ];
    expect![[r#"
        NAME, column 0: expected a name of 1 to 80 bytes; found an empty name
        NAME, column 0: expected a text of at most 80 bytes; found 81 bytes
        NAME, column 0: expected text without control characters; found the character U+001B
        VALUE, column 0: expected a text of at most 16384 bytes; found 16385 bytes"#]]
    .assert_eq(&told.join("\n"));
}

#[test]
fn a_command_made_without_a_line_is_checked_too() {
    let send = |text: &str| Command::Send {
        channel: ChannelRef("club/general".to_owned()),
        text: text.to_owned(),
        embeds: Vec::new(),
    };
    assert_eq!(send("a\tb\nc").check(), Ok(()));
    assert!(send(&"x".repeat(16 * 1024 + 1)).check().is_err());
    let escape = send("red \u{1b}[31m");
    assert!(escape.check().is_err());
    // What is shown of it can not steer a terminal.
    assert!(!escape.to_string().contains('\u{1b}'));
}

#[test]
fn a_text_of_the_greatest_length_has_a_line_even_when_all_is_escaped() {
    for text in ["\"".repeat(16 * 1024), "\n".repeat(16 * 1024)] {
        let channel = ChannelRef(format!("{}/{}", "c".repeat(100), "g".repeat(100)));
        let send = Command::Send {
            channel,
            text,
            embeds: Vec::new(),
        };
        assert_eq!(send.to_string().parse(), Ok(send));
    }
}

#[test]
fn completions_follow_the_table() {
    let at = |line: &str| {
        let completions = complete(line);
        format!(
            "{line:?}: {} {:?}",
            completions.words.join(" "),
            completions.kind
        )
    };
    let lines = [
        "un",
        "role ",
        "role c",
        "history ",
        "history club/general --",
        "overwrite club/x ",
        "invite club --uses ",
        "bad \"",
        "role create club x --allow ki",
    ];
    expect![[r#"
        "un": unban unblock undo unpin unreact unread None
        "role ": create delete edit grant revoke None
        "role c": create None
        "history ": --before --last --thread Some(Channel)
        "history club/general --": --before --last --thread None
        "overwrite club/x ": --allow --deny member role None
        "invite club --uses ":  Some(Number(1, 1000000))
        "bad \"":  None
        "role create club x --allow ki": kick None"#]]
    .assert_eq(&lines.map(at).join("\n"));
}

#[test]
fn help_names_each_line_once() {
    let text = help("");
    for spec in specs() {
        assert!(text.contains(&spec.usage()), "{}", spec.usage());
    }
    expect![[r#"
        slow-mode CHANNEL DURATION|off
            Sets the shortest time between two messages of one member in a channel.
    "#]]
    .assert_eq(&help("slow"));
}
