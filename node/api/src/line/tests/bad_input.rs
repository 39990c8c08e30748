//! What a person is told about a line that is wrong.

use expect_test::expect;

use crate::Command;
use crate::limits::{LINE_BYTES_MAX, TEXT_BYTES_MAX};
use crate::reply::{CommandError, ErrorCode};

use super::ID;

fn errors(lines: &[&str]) -> String {
    let told: Vec<_> = lines
        .iter()
        .map(|line| match line.parse::<Command>() {
            Ok(command) => panic!("{line:?} is {command}"),
            Err(error) => format!("{line}\n    {error}"),
        })
        .collect();
    told.join("\n")
}

fn code(line: &str) -> ErrorCode {
    CommandError::from(line.parse::<Command>().unwrap_err()).code
}

#[test]
fn of_quotes_and_escapes() {
    let lines = [
        r#"send club/general "hello"#,
        r#"send club/general "a\tb""#,
        r#"send club/general "a\"#,
        r#"send club/general he"llo""#,
        r#"send club/general "hello"world"#,
        "send club/general \"two\nlines\"",
        "send\tclub/general",
        "send club/general \"\u{1b}[31m\"",
    ];
    expect![[r#"
        send club/general "hello
            word 3, column 19: expected a closing quote; found the end of the line
        send club/general "a\tb"
            word 3, column 21: expected \", \\ or \n; found `\t`
        send club/general "a\
            word 3, column 21: expected \", \\ or \n; found the end of the line
        send club/general he"llo"
            word 3, column 21: expected a space before the quote, or the whole word in quotes; found a quote after `he`
        send club/general "hello"world
            word 3, column 26: expected a space after the closing quote (a quote inside is written \"); found `w`
        send club/general "two
        lines"
            word 3, column 23: expected one line (a line break in a text is written \n, in quotes); found the character U+000A
        send	club/general
            word 1, column 5: expected words separated by spaces (a tab may stand only in quotes); found the character U+0009
        send club/general "[31m"
            word 3, column 20: expected text without control characters; found the character U+001B"#]].assert_eq(&errors(&lines));
}

#[test]
fn of_commands_and_flags() {
    let lines = [
        "",
        "sned club/general hi",
        "play-video x",
        "\"send\" club/general hi",
        "role",
        "role make club x",
        "typing club/general --silent",
        "send club/general hi --silent",
        "invite club --use 3",
        "invite club --uses=3",
        "invite club --uses 3 --uses 4",
        "invite club --uses",
        "create-channel club text x --category --private",
        "Send club/general hi",
    ];
    expect![[r#"

            command, column 1: expected a command, such as `send` or `history`; found the end of the line
        sned club/general hi
            command, column 1: expected a command (perhaps `send`); found `sned`
        play-video x
            command, column 1: expected a command, such as `send` or `history`; found `play-video`
        "send" club/general hi
            command, column 1: expected a command (perhaps `send`); found `send` in quotes
        role
            command, column 5: expected `create`, `edit`, `delete`, `grant`, `revoke`; found the end of the line
        role make club x
            command, column 6: expected `create`, `edit`, `delete`, `grant`, `revoke`; found `make`
        typing club/general --silent
            flag, column 21: expected no flag, since `typing` takes none (a text that begins with -- stands in quotes); found `--silent`
        send club/general hi --silent
            flag, column 22: expected `--embed`; found `--silent`
        invite club --use 3
            flag, column 13: expected `--uses` or `--expires`; found `--use`
        invite club --uses=3
            flag, column 13: expected `--uses VALUE`, with a space; found `--uses=3`
        invite club --uses 3 --uses 4
            --uses, column 22: expected the flag once; found it again
        invite club --uses
            --uses, column 19: expected a whole number from 1 to 1000000; found the end of the line
        create-channel club text x --category --private
            --category, column 39: expected a category's name or id; found `--private`
        Send club/general hi
            command, column 1: expected a command (perhaps `send`); found `Send`"#]].assert_eq(&errors(&lines));
}

#[test]
fn of_arguments() {
    let short = &ID[1..];
    let lines = [
        "send",
        "send club/general",
        "send club/general \"\"",
        "send general hello",
        "send club/ hello",
        "send club/general hello world",
        "send club/general hello --embed https://a.org",
        "send club/general hello --embed \"ftp://a.org a\"",
        "send club/general hello --embed \"https://a.org a\\nb\\nc\"",
        "send club/general hello --embed \"https://a.org a\\n\\n\"",
        &format!("edit {short} hi"),
        "create-channel club video x",
        "create-channel club text #general",
        "create-community a/b",
        "create-community \" a\"",
        "create-category club none",
        "history club/general --last -1",
        "history club/general --last ten",
        "history club/general --last 99999999999999999999999",
        "timeout club ana 10",
        "timeout club ana 1h30m",
        "timeout club ana 0s",
        "timeout club ana 4000d",
        "invite club --expires 99999999999999999d",
        "overwrite club/general channel x",
        "overwrite club/general role x --allow fly",
        "overwrite club/general role x --allow send,send",
        "why club ana fly",
        "icon club no-base64",
        &format!("react {ID} \"a b\""),
        "note club 1",
        "purge club",
    ];
    expect![[r#"
        send
            CHANNEL, column 5: expected a channel's id, `community/channel` or `@NAME`; found the end of the line
        send club/general
            TEXT, column 18: expected a text of 1 to 16384 bytes; found the end of the line
        send club/general ""
            TEXT, column 19: expected a text of 1 to 16384 bytes; found an empty word
        send general hello
            CHANNEL, column 6: expected a channel's id, `community/channel` or `@NAME`; found `general`
        send club/ hello
            CHANNEL, column 6: expected a channel's id, `community/channel` or `@NAME`; found `club/`
        send club/general hello world
            line, column 25: expected its end, as in `send CHANNEL "TEXT" [--embed "URL TITLE"]` (a text with spaces stands in quotes); found `world`
        send club/general hello --embed https://a.org
            --embed, column 33: expected an address, a space and a title; found `https://a.org`
        send club/general hello --embed "ftp://a.org a"
            --embed, column 33: expected an address: http:// or https:// and printable ASCII without spaces and backslashes; found `ftp://a.org`
        send club/general hello --embed "https://a.org a\nb\nc"
            --embed, column 33: expected a description without line breaks, controls and spaces at its ends; found `b\nc`
        send club/general hello --embed "https://a.org a\n\n"
            --embed, column 33: expected an address, a space and a title; found ``
        edit aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa hi
            MESSAGE, column 6: expected an id: 52 characters of a-z and 2-7; found `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`
        create-channel club video x
            KIND, column 21: expected `text` or `voice` or `stage`; found `video`
        create-channel club text #general
            NAME, column 26: expected a name of 1 to 100 bytes, without `/`, line breaks and spaces at its ends, that is not `none` and does not begin with `#`; found `#general`
        create-community a/b
            NAME, column 18: expected a name of 1 to 100 bytes, without `/`, line breaks and spaces at its ends, that is not `none` and does not begin with `#`; found `a/b`
        create-community " a"
            NAME, column 18: expected a name of 1 to 100 bytes, without `/`, line breaks and spaces at its ends, that is not `none` and does not begin with `#`; found ` a`
        create-category club none
            NAME, column 22: expected a name of 1 to 100 bytes, without `/`, line breaks and spaces at its ends, that is not `none` and does not begin with `#`; found `none`
        history club/general --last -1
            --last, column 29: expected a whole number from 1 to 1000000; found `-1`
        history club/general --last ten
            --last, column 29: expected a whole number from 1 to 1000000; found `ten`
        history club/general --last 99999999999999999999999
            --last, column 29: expected a whole number from 1 to 1000000; found `99999999999999999999999`
        timeout club ana 10
            DURATION, column 18: expected a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to 3660d; found `10`
        timeout club ana 1h30m
            DURATION, column 18: expected a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to 3660d; found `1h30m`
        timeout club ana 0s
            DURATION, column 18: expected a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to 3660d; found `0ms`
        timeout club ana 4000d
            DURATION, column 18: expected a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to 3660d; found 4000d
        invite club --expires 99999999999999999d
            --expires, column 23: expected a duration such as 500ms, 30s, 10m, 1h or 7d, from 1ms to 3660d; found `99999999999999999d`
        overwrite club/general channel x
            KIND, column 24: expected `role` or `member`; found `channel`
        overwrite club/general role x --allow fly
            --allow, column 39: expected `none`, or rights separated by commas: view, read-history, send, send-threads, attach, react, mention-all, manage-messages, purge, manage-channels, manage-roles, invite, kick, ban, mute, connect, speak, stream, manage-content, manage-community, bridge; found `fly`
        overwrite club/general role x --allow send,send
            --allow, column 39: expected each right once; found `send` twice
        why club ana fly
            RIGHT, column 14: expected a right: view, read-history, send, send-threads, attach, react, mention-all, manage-messages, purge, manage-channels, manage-roles, invite, kick, ban, mute, connect, speak, stream, manage-content, manage-community, bridge; found `fly`
        icon club no-base64
            BASE64|none, column 11: expected `none`, or a picture in base64 of at most 43692 characters; found `no-base64`
        react aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "a b"
            EMOJI, column 60: expected an emoji of at most 64 bytes, without spaces; found `a b`
        note club 1
            REMOVE, column 12: expected a whole number from 0 to 262144; found the end of the line
        purge club
            MESSAGE, column 11: expected an id: 52 characters of a-z and 2-7; found the end of the line"#]].assert_eq(&errors(&lines));
}

#[test]
fn of_templates_invites_and_recovery_words() {
    let lines = [
        "create-community club --template",
        "create-community club --template \" x\"",
        "templates club",
        "inspect-invite",
        "inspect-invite \"alloquy://join/a b\"",
        "pins club",
        "recovery",
        "recovery confirm 1 able 2",
        "recovery confirm 13 able 2 able 3 able",
        "recovery confirm 0 able 2 able 3 able",
        "recovery confirm 1 Able 2 able 3 able",
        "recovery confirm 1 abandoned 2 able 3 able",
    ];
    expect![[r#"
        create-community club --template
            --template, column 33: expected a name of 1 to 100 bytes, without line breaks and without spaces at its ends; found the end of the line
        create-community club --template " x"
            --template, column 34: expected a name of 1 to 100 bytes, without line breaks and without spaces at its ends; found ` x`
        templates club
            line, column 11: expected its end, as in `templates` (a text with spaces stands in quotes); found `club`
        inspect-invite
            LINK, column 15: expected an invite link of at most 8192 bytes, without spaces; found the end of the line
        inspect-invite "alloquy://join/a b"
            LINK, column 16: expected an invite link of at most 8192 bytes, without spaces; found `alloquy://join/a b`
        pins club
            CHANNEL, column 6: expected a channel's id, `community/channel` or `@NAME`; found `club`
        recovery
            command, column 9: expected `show`, `confirm`, `replace`, `check`; found the end of the line
        recovery confirm 1 able 2
            WORD, column 26: expected a recovery word: 1 to 8 letters of a-z; found the end of the line
        recovery confirm 13 able 2 able 3 able
            NUMBER, column 18: expected a whole number from 1 to 12; found 13
        recovery confirm 0 able 2 able 3 able
            NUMBER, column 18: expected a whole number from 1 to 12; found `0`
        recovery confirm 1 Able 2 able 3 able
            WORD, column 20: expected a recovery word: 1 to 8 letters of a-z; found something else
        recovery confirm 1 abandoned 2 able 3 able
            WORD, column 20: expected a recovery word: 1 to 8 letters of a-z (at most 8 bytes); found 9 bytes"#]].assert_eq(&errors(&lines));
}

#[test]
fn a_value_over_a_limit_is_told_from_a_line_that_does_not_parse() {
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(code(&format!("send club/general {long}")), ErrorCode::Limit);
    let name = "n".repeat(101);
    assert_eq!(code(&format!("create-community {name}")), ErrorCode::Limit);
    assert_eq!(code(&"x".repeat(LINE_BYTES_MAX + 1)), ErrorCode::Limit);
    assert_eq!(
        code("history club/general --last 1000001"),
        ErrorCode::Limit
    );
    let ids = vec![ID; 513].join(" ");
    assert_eq!(code(&format!("purge club {ids}")), ErrorCode::Limit);
    assert_eq!(code(&"x ".repeat(600)), ErrorCode::Limit);
    assert_eq!(code("send #general hi"), ErrorCode::Parse);
    assert_eq!(code("history club/general --last 0"), ErrorCode::Parse);
    assert_eq!(code("join"), ErrorCode::Parse);
}

#[test]
fn over_a_limit_the_message_names_both() {
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let name = "n".repeat(101);
    let lines = [
        format!("send club/general {long}"),
        format!("create-community {name}"),
        format!("send club/{} hi", "g".repeat(300)),
    ];
    let told: Vec<_> = lines
        .iter()
        .map(|line| line.parse::<Command>().unwrap_err().to_string())
        .collect();
    expect![[r#"
        TEXT, column 19: expected a text of 1 to 16384 bytes; found 16385 bytes
        NAME, column 18: expected a name of 1 to 100 bytes, without `/`, line breaks and spaces at its ends, that is not `none` and does not begin with `#` (at most 100 bytes); found 101 bytes
        CHANNEL, column 6: expected a channel's id, `community/channel` or `@NAME` (at most 201 bytes); found 305 bytes"#]].assert_eq(&told.join("\n"));
}

#[test]
fn of_voice() {
    let lines = [
        "voice join #lounge",
        "voice join club",
        "voice mute",
        "voice mute maybe",
        "voice volume ben 201",
        "voice volume ben -1",
        "voice hand left",
        "stage invite",
        "stage expel ben",
        "voice stats now",
    ];
    expect![[r#"
        voice join #lounge
            CHANNEL, column 12: expected a channel's id, `community/channel` or `@NAME`; found `#lounge` (a name after # is understood only in a window, where a community is open)
        voice join club
            CHANNEL, column 12: expected a channel's id, `community/channel` or `@NAME`; found `club`
        voice mute
            on|off, column 11: expected `on` or `off`; found the end of the line
        voice mute maybe
            on|off, column 12: expected `on` or `off`; found `maybe`
        voice volume ben 201
            PERCENT, column 18: expected a whole number from 0 to 200; found 201
        voice volume ben -1
            PERCENT, column 18: expected a whole number from 0 to 200; found `-1`
        voice hand left
            up|down, column 12: expected `up` or `down`; found `left`
        stage invite
            ACCOUNT, column 13: expected a member's name or an account's id; found the end of the line
        stage expel ben
            command, column 7: expected `invite`, `audience`; found `expel`
        voice stats now
            line, column 13: expected its end, as in `voice stats` (a text with spaces stands in quotes); found `now`"#]].assert_eq(&errors(&lines));
    assert_eq!(code("voice volume ben 201"), ErrorCode::Limit);
}
