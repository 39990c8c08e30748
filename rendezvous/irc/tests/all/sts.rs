//! Strict transport security, and when connections are due.

use alloquy_ids::MonoMs;
use alloquy_irc::{Bridge, ConnId, Origin, Server, Sts, Tls};

use crate::fake::{Irc, none, one, settings};

fn irc() -> Irc {
    let mut irc = Irc::new();
    let bridge = Bridge {
        sts: Some(Sts {
            port: 6697,
            names: vec!["irc.example.org".to_owned()],
        }),
        ..Bridge::default()
    };
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc
}

fn origin(sni: Option<&str>) -> Origin {
    Origin {
        tls: Some(Tls {
            fingerprint: None,
            sni: sni.map(str::to_owned),
        }),
        ..Origin::default()
    }
}

#[test]
fn a_duration_is_told_over_tls_by_a_name_that_is_configured() {
    for (origin, told) in [
        (origin(Some("IRC.example.org")), true),
        (origin(Some("other.example.org")), false),
        (origin(None), false),
        (Origin::default(), false),
    ] {
        let mut irc = irc();
        let conn = irc.connect_from(origin.clone());
        let all = irc.ask(conn, "CAP LS 302").join(" ");
        assert_eq!(
            all.contains(" sts=duration=2592000"),
            told,
            "{origin:?}: {all}"
        );
        assert!(told || !all.contains("sts"), "{all}");
        // It is told alone to who knows values, and nobody can ask for it.
        let conn = irc.connect_from(origin);
        none(&irc.ask(conn, "CAP LS"), "sts");
        one(&irc.ask(conn, "CAP REQ sts"), "CAP * NAK");
    }
}

#[test]
fn in_clear_only_the_port_of_tls_is_told_and_the_connection_closed() {
    let door = || Origin {
        sts_only: true,
        ..Origin::default()
    };
    for (first, listed) in [
        ("CAP LS 302", true),
        ("cap ls", true),
        ("CAP REQ sasl", false),
        ("NICK ana", false),
        ("QUIT", false),
    ] {
        let mut irc = irc();
        let conn = irc.connect_from(door());
        irc.send(conn, "PASS secret");
        assert!(irc.lines(conn).is_empty() && irc.closed.is_empty());
        irc.send(conn, first);
        let told = irc.lines(conn);
        assert_eq!(
            told.iter()
                .any(|line| line == ":irc.test CAP * LS sts=port=6697"),
            listed,
            "{first}: {told:?}"
        );
        one(&told, "ERROR :Closing link: Connect with TLS, at port 6697");
        assert_eq!(irc.closed, [conn]);
        assert!(irc.checks.is_empty(), "the password is not looked at");
        irc.send(conn, "USER u 0 * :r");
        assert!(irc.lines(conn).is_empty());
    }
}

#[test]
fn each_connection_is_due_by_itself_and_gone_when_it_ended() {
    let mut irc = Irc::new();
    let mut conns = Vec::new();
    for _ in 0..5 {
        conns.push((irc.client(""), irc.now.mono.0));
        irc.pass(10_000);
    }
    let late = irc.connect();
    let opened = irc.now.mono.0;
    let mut pinged: Vec<(ConnId, u64)> = Vec::new();
    let mut ended: Vec<(ConnId, u64)> = Vec::new();
    while let Some(MonoMs(due)) = irc.server.next_timeout() {
        assert!(due > irc.now.mono.0, "nothing due is left undone");
        irc.pass(due - irc.now.mono.0);
        for (conn, _) in conns.iter().chain([&(late, 0)]) {
            for line in irc.lines(*conn) {
                let list = if line.starts_with("PING") {
                    &mut pinged
                } else {
                    &mut ended
                };
                if line.starts_with("PING") || line.starts_with("ERROR") {
                    list.push((*conn, irc.now.mono.0));
                }
            }
        }
    }
    let at = |wait: u64| conns.iter().map(move |(conn, from)| (*conn, from + wait));
    assert_eq!(pinged, at(120_000).collect::<Vec<_>>());
    let mut expected: Vec<_> = at(240_000).collect();
    expected.insert(0, (late, opened + 60_000));
    assert_eq!(ended, expected);
    assert_eq!(irc.server.connections(), 0, "all are forgotten");
    assert_eq!(irc.server.next_timeout(), None);
}
