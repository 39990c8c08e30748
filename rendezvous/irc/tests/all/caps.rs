//! Coming in: CAP, SASL, PASS.

use data_encoding::BASE64;

use crate::fake::{ANA, Irc, none, one};

fn plain(text: &str) -> String {
    BASE64.encode(text.as_bytes())
}

#[test]
fn version_302_lists_values_and_older_ones_do_not() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    let old = irc.ask(conn, "CAP LS").join(" ");
    assert!(
        old.contains(" sasl ") && !old.contains("sasl=") && !old.contains("max-bytes"),
        "{old}"
    );
    let lines = irc.ask(conn, "CAP LS 302");
    for line in &lines[..lines.len() - 1] {
        assert!(line.contains(" LS * :"), "more follows: {line}");
    }
    let new = lines.join(" ");
    assert!(
        new.contains("sasl=PLAIN") && new.contains("draft/multiline=max-bytes="),
        "{new}"
    );
    for cap in [
        "message-tags",
        "server-time",
        "batch",
        "echo-message",
        "draft/chathistory",
        "draft/read-marker",
    ] {
        assert!(new.contains(cap), "{cap}");
    }
}

#[test]
fn a_request_is_granted_as_a_whole_or_not_at_all() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    irc.send(conn, "CAP LS 302");
    one(
        &irc.ask(conn, "CAP REQ :server-time batch"),
        "CAP * ACK :server-time batch",
    );
    one(
        &irc.ask(conn, "CAP REQ :message-tags no-such-thing"),
        "CAP * NAK :message-tags no-such-thing",
    );
    let held = irc.ask(conn, "CAP LIST");
    one(&held, "server-time");
    none(&held, "message-tags");
    one(&irc.ask(conn, "CAP REQ -batch"), "ACK -batch");
    none(&irc.ask(conn, "CAP LIST"), "batch");
    one(&irc.ask(conn, "CAP REQ -cap-notify"), "NAK");
    one(&irc.ask(conn, "CAP HUH"), " 410 ");
}

#[test]
fn registration_waits_for_cap_end_and_needs_the_password() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    irc.send(conn, "CAP LS 302");
    irc.send(conn, "PASS secret");
    irc.send(conn, "NICK x");
    none(&irc.ask(conn, "USER u 0 * :r"), " 001 ");
    one(&irc.ask(conn, "JOIN #a"), " 451 ");
    let told = irc.ask(conn, "CAP END");
    one(&told, ":irc.test 001 Ana :Welcome");
    let all = told.join(" ");
    for token in [
        "CASEMAPPING=ascii",
        "NETWORK=Test\\x20Net",
        "BOT=B",
        "UTF8ONLY",
        "WHOX",
        "PREFIX=(qaohv)~&@%+",
        "MSGREFTYPES=msgid,timestamp",
        "ELIST=",
        "EXTBAN=",
        "MONITOR=",
        "CHATHISTORY=",
    ] {
        assert!(all.contains(token), "{token}");
    }
    one(&told, " 376 ");
    for (first, number) in [("PASS wrong", " 464 "), ("PING x", " 464 ")] {
        let conn = irc.connect();
        irc.send(conn, first);
        irc.send(conn, "NICK x");
        irc.send(conn, "USER u 0 * :r");
        irc.pass(10_000);
        let told = irc.lines(conn);
        one(&told, number);
        one(&told, "ERROR ");
        assert!(irc.closed.contains(&conn));
    }
}

#[test]
fn sasl_plain_lets_in_in_chunks_too() {
    let mut irc = Irc::new();
    for name in ["", "ana", "ana/club", &"n".repeat(500)] {
        let conn = irc.connect();
        irc.send(conn, "CAP REQ sasl");
        one(&irc.ask(conn, "AUTHENTICATE plain"), "AUTHENTICATE +");
        let text = plain(&format!("\0{name}\0secret"));
        let mut told = Vec::new();
        for chunk in text.as_bytes().chunks(400) {
            told = irc.ask(
                conn,
                &format!("AUTHENTICATE {}", String::from_utf8_lossy(chunk)),
            );
        }
        if text.len().is_multiple_of(400) {
            told = irc.ask(conn, "AUTHENTICATE +");
        }
        one(&told, " 900 ");
        one(&told, " 903 ");
        one(&irc.ask(conn, "AUTHENTICATE PLAIN"), " 907 ");
        irc.send(conn, "NICK x");
        irc.send(conn, "USER u 0 * :r");
        one(&irc.ask(conn, "CAP END"), " 001 Ana ");
    }
}

#[test]
fn sasl_refuses_with_its_numerics_and_three_failures_close() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    one(&irc.ask(conn, "AUTHENTICATE PLAIN"), " 904 ");
    irc.send(conn, "CAP REQ sasl");
    let told = irc.ask(conn, "AUTHENTICATE SCRAM-SHA-1");
    one(&told, " 908 ");
    one(&told, " 904 ");
    irc.send(conn, "AUTHENTICATE PLAIN");
    one(&irc.ask(conn, "AUTHENTICATE *"), " 906 ");
    irc.send(conn, "AUTHENTICATE PLAIN");
    one(
        &irc.ask(conn, &format!("AUTHENTICATE {}", "a".repeat(401))),
        " 905 ",
    );
    irc.send(conn, "AUTHENTICATE PLAIN");
    one(
        &irc.ask(conn, &format!("AUTHENTICATE {}", plain("ben\0ana\0secret"))),
        " 904 ",
    );
    irc.send(conn, "AUTHENTICATE PLAIN");
    irc.send(conn, &format!("AUTHENTICATE {}", plain("\0ana\0guess")));
    irc.pass(60);
    let told = irc.lines(conn);
    one(&told, " 904 ");
    one(&told, "ERROR ");
    assert_eq!(irc.closed, [conn]);
}

#[test]
fn a_guess_makes_the_next_check_wait_and_a_right_password_ends_that() {
    let mut irc = Irc::new();
    let guess = |irc: &mut Irc, password: &str| {
        let conn = irc.connect();
        irc.send(conn, "CAP REQ sasl");
        irc.send(conn, "AUTHENTICATE PLAIN");
        irc.send(
            conn,
            &format!("AUTHENTICATE {}", plain(&format!("\0a\0{password}"))),
        );
        conn
    };
    let first = guess(&mut irc, "wrong");
    one(&irc.lines(first), " 904 ");
    let second = guess(&mut irc, "secret");
    none(&irc.lines(second), " 903 ");
    assert!(
        irc.server
            .next_timeout()
            .is_some_and(|at| at.0 <= irc.now.mono.0 + 250)
    );
    irc.pass(250);
    one(&irc.lines(second), " 903 ");
    let third = guess(&mut irc, "secret");
    one(&irc.lines(third), " 903 ");
}

#[test]
fn what_is_piped_behind_a_log_in_waits_in_order() {
    let mut irc = Irc::new();
    irc.checks_at_once = false;
    let conn = irc.connect();
    let text = format!(
        "CAP LS 302\r\nNICK x\r\nUSER u 0 * :r\r\nCAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE {}\r\nCAP END\r\nJOIN #our-club/general\r\nPING after\r\n",
        plain("\0ana\0secret")
    );
    irc.bytes(conn, text.as_bytes());
    let told = irc.lines(conn);
    none(&told, " 451 ");
    none(&told, "PONG");
    let (check, credential) = irc.checks.remove(0);
    irc.answer(check, &credential);
    irc.turn();
    let told = irc.lines(conn);
    let at = |text: &str| {
        told.iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text} in {told:#?}"))
    };
    assert!(at(" 903 ") < at(" 001 ") && at(" 001 ") < at(" JOIN ") && at(" JOIN ") < at("PONG"));
}

#[test]
fn nobody_else_may_be_registered_again() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    for line in ["USER u 0 * :r", "PASS x"] {
        one(&irc.ask(conn, line), " 462 ");
    }
    one(&irc.ask(conn, "NICK other"), " 447 ");
    one(&irc.ask(conn, "NICK Ben-Ash"), " 433 ");
    one(&irc.ask(conn, "NICK #x"), " 432 ");
    one(&irc.ask(conn, "NICK"), " 431 ");
    assert!(irc.ask(conn, "NICK Ana").is_empty());
    let whois = irc.ask(conn, "WHOIS Ana");
    one(&whois, &format!(" 330 Ana Ana {ANA} "));
}
