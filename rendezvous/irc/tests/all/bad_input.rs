//! What nobody should send, and what is done about it.

use alloquy_irc::ConnId;
use proptest::prelude::*;

use crate::fake::{Irc, none, one};

#[test]
fn lines_that_are_none_are_refused_and_the_next_one_counts() {
    let mut irc = Irc::new();
    let conn = irc.client("message-tags standard-replies");
    for (bytes, told) in [
        ([b"PING ", &[b'x'; 600][..], b"\r\n"].concat(), " 417 "),
        ([b"@", &[b'x'; 5000][..], b" PING a\r\n"].concat(), " 417 "),
        (
            [b"@", &[b'x'; 20_000][..], b" PING a\r\n"].concat(),
            " 417 ",
        ),
        (
            b"PRIVMSG #our-club/general :\xff\xfe\r\n".to_vec(),
            "FAIL * INVALID_UTF8 ",
        ),
        (b"PRIVMSG #our-club/general :a\0b\r\n".to_vec(), " 421 "),
        (b"PRIVMSG #our-club/general :a\rQUIT\r\n".to_vec(), " 421 "),
        (b"#!? x\r\n".to_vec(), " 421 "),
    ] {
        irc.lines(conn);
        irc.bytes(conn, &bytes);
        one(&irc.lines(conn), told);
        one(&irc.ask(conn, "PING next"), "PONG irc.test next");
    }
    assert!(irc.node.messages.is_empty());
}

#[test]
fn cuts_of_bytes_do_not_matter() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.lines(conn);
    for byte in b"\r\n\nPING one\nPING two\r\n" {
        irc.bytes(conn, &[*byte]);
    }
    let told = irc.lines(conn);
    one(&told, "PONG irc.test one");
    one(&told, "PONG irc.test two");
}

#[test]
fn nothing_of_one_member_can_begin_a_line_of_another() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    let evil = "x\r\n:irc.test KILL Ana :gotcha\0\r\n";
    irc.node.write(crate::fake::GENERAL, crate::fake::BEN, evil);
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].name = evil.to_owned();
        members[1].online = false;
        club.members = std::sync::Arc::new(members);
        let mut channels = club.channels.to_vec();
        channels[0].topic = evil.to_owned();
        club.channels = std::sync::Arc::new(channels);
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(
        told.iter().all(|line| !line.starts_with(":irc.test KILL")),
        "{told:#?}"
    );
    none(&irc.ask(conn, "WHO #our-club/general"), "\0");
}

#[test]
fn before_registration_time_bytes_and_lines_are_bounded() {
    let mut irc = Irc::new();
    let idle = irc.connect();
    irc.pass(59_000);
    assert!(irc.closed.is_empty());
    irc.pass(1_000);
    assert_eq!(irc.closed, [idle]);
    let lines = irc.connect();
    for _ in 0..1025 {
        irc.bytes(lines, b"PING a\r\n");
    }
    assert!(irc.closed.contains(&lines));
    let bytes = irc.connect();
    for _ in 0..70 {
        irc.bytes(bytes, &[b'a'; 1000]);
    }
    assert!(irc.closed.contains(&bytes));
    for verb in [
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
    ] {
        let conn = irc.connect();
        irc.bytes(conn, verb.as_bytes());
        assert!(irc.closed.contains(&conn), "{verb}");
        assert!(irc.lines(conn).is_empty(), "not a word");
    }
}

#[test]
fn a_flood_is_slowed_down_and_then_closed() {
    let mut irc = Irc::new();
    irc.exempt = false;
    let conn = irc.client("");
    irc.pass(10_000);
    irc.lines(conn);
    irc.bytes(conn, "PING a\r\n".repeat(20).as_bytes());
    assert_eq!(irc.lines(conn).len(), 5, "a burst");
    let due = irc.server.next_timeout().expect("more is due");
    assert!(due.0 <= irc.now.mono.0 + 500);
    irc.pass(500);
    assert_eq!(irc.lines(conn).len(), 1);
    irc.pass(2_000);
    assert_eq!(irc.lines(conn).len(), 4);
    irc.bytes(conn, "PING a\r\n".repeat(1000).as_bytes());
    assert!(irc.closed.contains(&conn));
    one(&irc.lines(conn), "Excess Flood");
}

#[test]
fn rooms_that_are_read_for_who_joins_count_one_by_one() {
    let rooms: Vec<String> = (0..8).map(|number| format!("#room{number}")).collect();
    let lines = format!("JOIN {}\r\nPING after\r\n", rooms.join(","));
    for (caps, waits) in [("", true), ("draft/chathistory", false)] {
        let mut irc = Irc::new();
        irc.exempt = false;
        let conn = irc.client(caps);
        irc.pass(10_000);
        irc.lines(conn);
        irc.bytes(conn, lines.as_bytes());
        let told = irc.lines(conn);
        one(&told, " 403 Ana #room7 ");
        let answered = told.iter().any(|line| line.ends_with(" after"));
        assert_eq!(answered, !waits, "{told:?}");
        irc.pass(5_000);
        assert_eq!(irc.lines(conn).len(), usize::from(waits));
    }
}

#[test]
fn silence_is_asked_about_and_then_closed() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.lines(conn);
    irc.pass(120_000);
    one(&irc.lines(conn), "PING irc.test");
    irc.send(conn, "PONG irc.test");
    irc.pass(119_000);
    assert!(irc.lines(conn).is_empty());
    irc.pass(1_000);
    one(&irc.lines(conn), "PING ");
    irc.pass(120_000);
    one(&irc.lines(conn), "Ping timeout");
    assert_eq!(irc.closed, [conn]);
}

#[test]
fn quit_closes_and_what_follows_is_not_read() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.lines(conn);
    irc.bytes(conn, b"QUIT :bye\r\nPRIVMSG #our-club/general :late\r\n");
    one(&irc.lines(conn), "ERROR ");
    assert_eq!(irc.closed, [conn]);
    assert!(irc.node.messages.is_empty());
    irc.server.closed(conn, irc.now);
    assert_eq!(irc.server.connections(), 0);
}

/// Words that handlers look at.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("#our-club/general".to_owned()),
        Just("#our-club/secret".to_owned()),
        Just("Ben-Ash".to_owned()),
        Just("Ana".to_owned()),
        Just("*".to_owned()),
        Just("LATEST".to_owned()),
        Just("TARGETS".to_owned()),
        Just("msgid=aaaa".to_owned()),
        Just("timestamp=2026-09-21T14:13:21.000Z".to_owned()),
        Just("+bov".to_owned()),
        Just("%tcuihsnfdlaor,1".to_owned()),
        "[ -~]{0,12}",
        any::<String>(),
    ]
}

fn command() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "AUTHENTICATE",
        "AWAY",
        "BATCH",
        "CAP",
        "CHATHISTORY",
        "E2EE",
        "INVITE",
        "ISON",
        "JOIN",
        "KICK",
        "LIST",
        "MARKREAD",
        "MODE",
        "MONITOR",
        "NAMES",
        "NICK",
        "NOTICE",
        "PART",
        "PASS",
        "PRIVMSG",
        "REDACT",
        "SETNAME",
        "TAGMSG",
        "TOPIC",
        "USER",
        "USERHOST",
        "WHO",
        "WHOIS",
        "WHOWAS",
        "HELP",
        "X",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_line_makes_the_server_panic(
        lines in proptest::collection::vec((command(), proptest::collection::vec(word(), 0..4)), 1..30),
        caps in any::<bool>(),
    ) {
        let mut irc = Irc::new();
        let caps = if caps { "message-tags batch labeled-response echo-message draft/multiline draft/chathistory draft/read-marker draft/message-redaction" } else { "" };
        let conn = irc.in_general(caps);
        for (command, words) in lines {
            irc.send(conn, &format!("@label=a;batch=x;+reply=q {command} {}", words.join(" ")));
            irc.pass(700);
        }
        irc.lines(conn);
        if !irc.closed.contains(&conn) {
            prop_assert!(irc.ask(conn, "PING still").iter().any(|line| line.contains("still")));
        }
    }

    #[test]
    fn no_bytes_make_the_server_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let mut irc = Irc::new();
        let (new, old) = (irc.connect(), irc.client("message-tags"));
        for conn in [new, old, ConnId(99)] {
            irc.bytes(conn, &bytes);
        }
        irc.pass(1000);
    }
}
