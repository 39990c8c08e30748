//! What went wrong in Ergo (formerly Oragono), the server that this one is measured by: each advisory and each security
//! fix of its releases that has a counterpart here; and that what may not be seen shows nowhere.

use std::sync::Arc;

use alloquy_api::Command;
use alloquy_irc::{Bridge, ClientKey, ConnId, Outcome, Registration, Server};
use data_encoding::BASE64;

use crate::fake::{
    BEN, CLUB, DIRECT_CHANNEL, GENERAL, Irc, SECRET, none, not_permitted, one, settings,
};

/// A rendezvous that makes accounts, with a guest in it.
fn with_guest(registration: Registration) -> (Irc, ConnId) {
    let mut irc = Irc::new();
    let bridge = Bridge {
        mechanisms: alloquy_irc::Mechanism::ALL.to_vec(),
        lobby: Some(CLUB),
        guests: true,
        registration,
        ..Bridge::default()
    };
    irc.server = Server::new(settings()).with_bridge(bridge);
    irc.other = Some((ClientKey(2), crate::fake::Node::new()));
    let conn = irc.connect();
    for line in ["CAP REQ standard-replies", "NICK guest", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    one(&irc.ask(conn, "CAP END"), " 001 ");
    (irc, conn)
}

/// GHSA-x6wg-9hcg-fc9v: what an account lacked could be got around by logging in another way.
#[test]
fn a_restricted_log_in_stays_restricted_whatever_is_tried() {
    let mut irc = Irc::bridge();
    let conn = irc.connect();
    irc.send(conn, "CAP REQ :standard-replies sasl");
    for line in ["PASS ana:reading", "NICK x", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    one(&irc.ask(conn, "CAP END"), " 001 ");
    let secret = BASE64.encode(b"\0ana\0secret");
    for line in [
        "AUTHENTICATE PLAIN".to_owned(),
        format!("AUTHENTICATE {secret}"),
        "AUTHENTICATE EXTERNAL".to_owned(),
        "AUTHENTICATE SCRAM-SHA-256".to_owned(),
    ] {
        one(&irc.ask(conn, &line), " 907 ");
    }
    one(&irc.ask(conn, "PASS ana:secret"), " 462 ");
    one(
        &irc.ask(conn, "REGISTER ana * secret"),
        "FAIL REGISTER ALREADY_AUTHENTICATED",
    );
    irc.send(conn, "PRIVMSG NickServ :REGISTER secret");
    irc.send(conn, "NOTICE NickServ :APP ADD mine");
    irc.send(conn, "CAP REQ -sasl");
    one(
        &irc.ask(conn, "PRIVMSG #general :hello"),
        "FAIL PRIVMSG READ_ONLY",
    );
    assert!(irc.asked.is_empty() && irc.checks.is_empty());
    assert!(!irc.node.messages.contains_key(&GENERAL));
    // An account that is not made lets nobody in as one.
    let (mut irc, guest) = with_guest(Registration::Open);
    irc.send(guest, "REGISTER guest * secret");
    irc.tell(Outcome::Refused {
        code: "TEMPORARILY_UNAVAILABLE",
        text: "not now".to_owned(),
    });
    for line in ["APP ADD mine", "CERT ADD", "APP LIST"] {
        irc.send(guest, &format!("PRIVMSG NickServ :{line}"));
        assert!(irc.asked.is_empty(), "{line} of a guest");
    }
}

/// GHSA-8cmp-fc56-7g44: rights in one place were asked for what was done to a message in another.
#[test]
fn a_deletion_is_judged_where_the_message_is() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    let hidden = irc.node.write(SECRET, BEN, "secret");
    let direct = irc.node.write(DIRECT_CHANNEL, BEN, "direct");
    let open = irc.node.write(GENERAL, BEN, "open");
    for forgets in [false, true] {
        irc.turn();
        if forgets {
            irc.server = Server::new(settings());
        }
        let conn = irc.in_general("draft/message-redaction message-tags");
        for (target, id) in [
            ("#our-club/general", hidden),
            ("#our-club/general", direct),
            ("Ben-Ash", open),
            ("Ben-Ash", hidden),
            ("Ana", direct),
        ] {
            let told = irc.ask(conn, &format!("REDACT {target} {id} :x"));
            assert!(
                told[0].contains("FAIL REDACT UNKNOWN_MSGID")
                    || told[0].contains("FAIL REDACT INVALID_TARGET"),
                "{target} {id}: {told:?}"
            );
        }
        assert!(
            !irc.node
                .log
                .iter()
                .any(|command| matches!(command, Command::Delete { .. })),
            "nothing was asked of the node"
        );
        irc.node.refuse = Some(not_permitted());
        one(
            &irc.ask(conn, &format!("REDACT #our-club/general {open}")),
            "FAIL REDACT REDACT_FORBIDDEN",
        );
        irc.node.log.clear();
        none(&irc.lines(conn), " REDACT ");
    }
}

/// GHSA-7pw8-m2w2-f545: the server fetched what a client named.
#[test]
fn no_client_makes_the_server_connect_to_anything() {
    let mut irc = Irc::new();
    let conn = irc.client("message-tags");
    let listed = irc.ask(conn, "CAP LS 302").join(" ");
    assert!(!listed.contains("webpush"), "{listed}");
    for line in [
        "WEBPUSH REGISTER https://127.0.0.1/ p256dh=x;auth=y",
        "METADATA * SET avatar :https://127.0.0.1/",
        "CONNECT 127.0.0.1 6667",
        "PROXY TCP4 127.0.0.1 127.0.0.1 1 2",
        "WEBIRC x y 127.0.0.1 127.0.0.1",
    ] {
        one(&irc.ask(conn, line), " 421 ");
    }
    // A link in a message is text; any other output than lines and checks fails the test's shell.
    irc.send(conn, "PRIVMSG Ben-Ash :https://127.0.0.1/");
}

/// 2.6.1 (#1634): REGISTER let in who had no password of the server, or no account where one was needed.
#[test]
fn registering_lets_nobody_in_who_may_not_come_in() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in ["CAP REQ standard-replies", "NICK x", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    one(
        &irc.ask(conn, "REGISTER x * secret"),
        "FAIL REGISTER DISALLOWED",
    );
    one(&irc.ask(conn, "CAP END"), " 464 ");
    assert!(irc.asked.is_empty() && irc.closed.contains(&conn));
    let (mut irc, _) = with_guest(Registration::Open);
    let conn = irc.connect();
    for line in ["CAP REQ standard-replies", "NICK x"] {
        irc.send(conn, line);
    }
    one(
        &irc.ask(conn, "REGISTER x * secret"),
        "FAIL REGISTER COMPLETE_CONNECTION_REQUIRED",
    );
    assert!(irc.asked.is_empty());
}

/// 2.5.1 (#1520): whoever asked NickServ could act on somebody else's account.
#[test]
fn nick_serv_acts_for_the_account_that_asks() {
    let (mut irc, guest) = with_guest(Registration::Closed);
    for line in [
        "APP REVOKE 1",
        "APP LIST",
        "CERT ADD",
        "REGISTER x",
        "CLIENTS LOGOUT ana",
    ] {
        irc.send(guest, &format!("PRIVMSG NickServ :{line}"));
    }
    assert!(irc.asked.is_empty(), "a guest has no account");
    let account = irc.connect();
    for line in ["PASS ana:secret", "NICK x", "USER x 0 * :x"] {
        irc.send(account, line);
    }
    irc.send(account, "PRIVMSG NickServ :APP REVOKE 1");
    assert_eq!(irc.asked_of, [ClientKey::OWN]);
    irc.tell(Outcome::Told(vec!["revoked".to_owned()]));
    none(&irc.lines(guest), "revoked");
}

/// 2.6.0 (#1575, #1596): bytes that are no UTF-8 were passed on. 2.5.0 (#1385): so were tags of any name.
#[test]
fn neither_other_bytes_nor_names_of_tags_that_are_none_are_passed_on() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags echo-message standard-replies");
    irc.lines(conn);
    for line in [
        &b"PRIVMSG #our-club/general :\xff\r\n"[..],
        b"@+x=\xc3( TAGMSG #our-club/general\r\n",
        b"\xff\xfe\r\n",
        b"TOPIC #our-club/general :\xe2\x28\xa1\r\n",
        b"SETNAME :\xed\xa0\x80\r\n",
    ] {
        irc.bytes(conn, line);
        let told = irc.lines(conn);
        assert_eq!(told.len(), 1, "{told:?}");
        one(&told, "FAIL * INVALID_UTF8");
    }
    assert!(irc.node.messages.is_empty());
    let bad = "+bad\"=3;+sch\u{f6}n=4;+=5;+/x=6;+a/=7;+a/b/c=8;typing=active";
    let told = irc.ask(
        conn,
        &format!("@+good=1;{bad};+typing=done TAGMSG #our-club/general"),
    );
    let line = one(&told, "TAGMSG");
    assert!(line.contains(" :Ana!") && line.starts_with('@'), "{line}");
    assert!(
        line.contains(";+typing=done :") || line.starts_with("@+typing=done :"),
        "only what means something: {line}"
    );
    none(
        &irc.ask(conn, &format!("@{bad} TAGMSG #our-club/general")),
        "TAGMSG",
    );
}

/// Everything that a client can say of a channel and of a message in it.
fn probes(channel: &str, id: &str) -> Vec<String> {
    let lines = "JOIN %c|PART %c|NAMES %c|WHO %c|WHO %c %tna,1|LIST %c|TOPIC %c|TOPIC %c :x|MODE %c|MODE %c b|MODE %c +m|\
        KICK %c Ben-Ash|INVITE Ben-Ash %c|PRIVMSG %c :x|NOTICE %c :x|TAGMSG %c|MONITOR + %c|MONITOR C|\
        METADATA %c LIST|METADATA %c GET display-name|METADATA %c SYNC|METADATA %c SET display-name :x|\
        METADATA %c CLEAR|WHOIS %c|WHOWAS %c|MARKREAD %c|MARKREAD %c timestamp=2026-11-21T08:15:00.123Z|RENAME %c x|\
        CHATHISTORY LATEST %c * 5|CHATHISTORY AROUND %c msgid=%i 5|CHATHISTORY BEFORE #our-club/general msgid=%i 5|\
        CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2030-01-01T00:00:00.000Z 9|\
        REDACT %c %i|REDACT #our-club/general %i|@alloquy.chat/edit=%i PRIVMSG %c :x|\
        @alloquy.chat/edit=%i PRIVMSG #our-club/general :x|@+draft/react=x;+reply=%i TAGMSG %c|\
        @+draft/react=x;+reply=%i TAGMSG #our-club/general|@+reply=%i PRIVMSG #our-club/general :answer|\
        BATCH +1 draft/multiline %c|@batch=1 PRIVMSG %c :x|BATCH -1|WHOIS Ben-Ash|LIST|WHO Ben-Ash|LUSERS|NAMES";
    let lines = lines.replace("%c", channel).replace("%i", id);
    lines.split('|').map(str::to_owned).collect()
}

/// What is told, without what counts on: references of batches, times and ids of what the probe itself says.
fn told(irc: &mut Irc, conn: ConnId, line: &str) -> Vec<String> {
    let told = irc.ask(conn, line);
    told.iter()
        .map(|line| {
            let body = match line.starts_with('@') {
                true => line.split_once(' ').unwrap().1,
                false => line,
            };
            body.chars().filter(|char| !char.is_ascii_digit()).collect()
        })
        .collect()
}

#[test]
fn a_channel_that_may_not_be_seen_answers_as_one_that_is_not_there() {
    let caps = "message-tags batch server-time standard-replies draft/chathistory draft/message-redaction \
        draft/read-marker draft/multiline alloquy.chat/edit echo-message draft/event-playback draft/metadata-2";
    // Never seen, and taken away from who has seen it.
    for seen_before in [false, true] {
        let mut irc = Irc::new();
        irc.node.write(GENERAL, BEN, "aloud");
        let id = irc.node.write(SECRET, BEN, "whisper").to_string();
        let hide = |irc: &mut Irc| {
            irc.node
                .change_club(|club| club.channels = Arc::new(club.channels[..1].to_vec()));
            irc.turn();
        };
        if !seen_before {
            irc.node.events.clear();
            hide(&mut irc);
        }
        let conn = irc.in_general(caps);
        if seen_before {
            irc.send(conn, "JOIN #our-club/secret");
            irc.send(conn, "CHATHISTORY LATEST #our-club/secret * 5");
            assert!(irc.lines(conn).iter().any(|line| line.contains("whisper")));
            hide(&mut irc);
            one(&irc.lines(conn), "KICK #our-club/secret Ana ");
        }
        let none_such = alloquy_ids::EventId([9; 32]).to_string();
        let real = probes("#our-club/secret", &id);
        let made_up = probes("#our-club/sesame", &none_such);
        let told_of_real: Vec<_> = real.iter().map(|line| told(&mut irc, conn, line)).collect();
        let told_of_made_up: Vec<_> = made_up
            .iter()
            .map(|line| told(&mut irc, conn, line))
            .collect();
        for ((real, of_real), of_made_up) in real.iter().zip(told_of_real).zip(told_of_made_up) {
            let digits = |text: &str| -> String {
                text.chars().filter(|char| !char.is_ascii_digit()).collect()
            };
            let as_real: Vec<String> = of_made_up
                .iter()
                .map(|line| {
                    line.replace("sesame", "secret")
                        .replace(&none_such, &digits(&id))
                })
                .collect();
            assert_eq!(of_real, as_real, "{real}");
            none(&of_real, "whisper");
        }
        let changes = irc.node.log.iter().filter(|command| {
            !matches!(
                command,
                Command::Page { .. }
                    | Command::Keep { .. }
                    | Command::Send { .. }
                    | Command::MarkRead { .. }
            )
        });
        assert_eq!(changes.count(), 0, "{:?}", irc.node.log);
    }
}
