//! What a rendezvous adds, and what comes, goes and waits at any door.

use std::sync::Arc;

use alloquy_api::Command;
use alloquy_api::command::{Availability, ProfileChange};
use alloquy_irc::{ClientKey, Outcome};
use data_encoding::BASE64;

use crate::fake::{GENERAL, Irc, none, one};

#[test]
fn who_was_let_in_for_reading_changes_nothing() {
    let mut irc = Irc::bridge();
    irc.node.write(GENERAL, crate::fake::BEN, "hello");
    let conn = irc.connect();
    irc.send(
        conn,
        "CAP REQ :standard-replies draft/read-marker message-tags",
    );
    irc.send(conn, "PASS ana:reading");
    irc.send(conn, "NICK ana");
    irc.send(conn, "USER u 0 * :r");
    one(&irc.ask(conn, "CAP END"), " 001 Ana ");
    one(&irc.ask(conn, "JOIN #general"), " JOIN #general");
    let before = irc.node.log.len();
    for line in [
        "PRIVMSG #general :x",
        "NOTICE #general :x",
        "TAGMSG #general",
        "MODE #general +m",
        "MODE #general +b Ben-Ash",
        "MODE #general -b Ben-Ash",
        "MODE #general +o Ben-Ash",
        "MODE Ana +B",
        "TOPIC #general :new",
        "TOPIC #general :",
        "KICK #general Ben-Ash",
        "INVITE Ben-Ash #general",
        "MARKREAD #general timestamp=2026-11-21T08:15:00.123Z",
        "AWAY :gone",
        "SETNAME :other",
        "BATCH +a draft/multiline #general",
    ] {
        let command = line.split(' ').next().unwrap();
        let told = irc.ask(conn, line);
        one(&told, &format!("FAIL {command} READ_ONLY"));
    }
    one(&irc.ask(conn, "JOIN #new-room"), " 403 ");
    assert!(irc.asked.is_empty(), "no room is made");
    assert_eq!(irc.node.log.len(), before, "{:?}", &irc.node.log[before..]);
    for (line, told) in [
        ("MODE #general", " 324 "),
        ("MODE #general +b", " 368 "),
        ("MODE #general I", " 347 "),
        ("TOPIC #general", " 331 "),
        ("WHOIS Ben-Ash", " 318 "),
        ("MARKREAD #general", "MARKREAD #general *"),
        (
            "CHATHISTORY LATEST #general * 10",
            " PRIVMSG #general hello",
        ),
        ("PART #general", " PART #general"),
    ] {
        one(&irc.ask(conn, line), told);
    }
    assert!(
        irc.node
            .log
            .iter()
            .all(|command| matches!(command, Command::Page { .. } | Command::Keep { .. }))
    );
}

#[test]
fn a_room_that_is_being_made_keeps_nobody_awake() {
    let mut irc = Irc::bridge();
    irc.exempt = false;
    let conn = irc.client("");
    irc.pass(10_000);
    irc.bytes(conn, b"JOIN #new-room\r\nPING after\r\n");
    assert_eq!(irc.asked.len(), 1);
    irc.pass(10_000);
    let due = irc.server.next_timeout().unwrap();
    assert!(
        due.0 > irc.now.mono.0 + 1_000,
        "{due:?} at {:?}",
        irc.now.mono
    );
    none(&irc.lines(conn), "PONG");
    let check = irc.asked.remove(0);
    let refused = Outcome::Refused {
        code: "NO",
        text: "Not here".to_owned(),
    };
    irc.server.checked(check, refused, irc.now);
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " 403 ");
    one(&told, "PONG irc.test after");
}

#[test]
fn the_last_word_of_scram_is_empty_or_nothing_is_proven() {
    for (word, is_in) in [("+".to_owned(), true), (BASE64.encode(b"x"), false)] {
        let mut irc = Irc::bridge();
        let conn = irc.connect();
        irc.send(conn, "CAP REQ sasl");
        irc.send(conn, "AUTHENTICATE SCRAM-SHA-256");
        irc.send(
            conn,
            &format!("AUTHENTICATE {}", BASE64.encode(b"n,,n=ana,r=x")),
        );
        let check = irc.asked.remove(0);
        let proven = Outcome::Proven("v=x".to_owned(), ClientKey::OWN);
        irc.server.checked(check, proven, irc.now);
        irc.turn();
        let told = irc.ask(conn, &format!("AUTHENTICATE {word}"));
        match is_in {
            true => {
                one(&told, " 900 ");
                one(&told, " 903 ");
            }
            false => {
                none(&told, " 900 ");
                none(&told, " 903 ");
                one(&told, " 904 ");
            }
        }
    }
}

#[test]
fn a_second_batch_is_refused_by_its_own_label() {
    let mut irc = Irc::new();
    let conn = irc.in_general("batch labeled-response draft/multiline message-tags echo-message");
    none(
        &irc.ask(conn, "@label=1 BATCH +a draft/multiline #our-club/general"),
        " ",
    );
    let told = irc.ask(conn, "@label=2 BATCH +b draft/multiline #our-club/general");
    assert!(
        one(&told, "FAIL BATCH MULTILINE_INVALID").contains("label=2"),
        "{told:?}"
    );
    irc.send(conn, "@batch=a PRIVMSG #our-club/general :still whole");
    let told = irc.ask(conn, "BATCH -a");
    assert!(one(&told, "still whole").contains("label=1"), "{told:?}");
}

#[test]
fn what_was_answered_does_not_count_against_the_limit_of_what_waits() {
    let mut irc = Irc::new();
    irc.exempt = false;
    let conn = irc.client("message-tags");
    let line = format!("@+x={} PING a\r\n", "y".repeat(4000));
    // Something waits all the time, and in all it is more than may wait at once.
    irc.bytes(conn, line.repeat(10).as_bytes());
    for _ in 0..100 {
        irc.bytes(conn, line.as_bytes());
        irc.pass(500);
    }
    none(&irc.lines(conn), "ERROR");
    assert!(irc.closed.is_empty());
}

#[test]
fn who_is_in_no_community_any_more_is_unknown() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    one(&irc.ask(conn, "MONITOR + Ben-Ash"), " 730 Ana Ben-Ash!");
    irc.node.change(|snapshot| snapshot.communities.clear());
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " 731 Ana Ben-Ash");
    one(&irc.ask(conn, "WHOIS Ben-Ash"), " 401 ");
    one(&irc.ask(conn, "MONITOR S"), " 731 Ana Ben-Ash");
    one(&irc.ask(conn, "PRIVMSG Ben-Ash :hello"), " 401 ");
}

#[test]
fn who_may_see_a_room_comes_and_who_may_not_goes() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    irc.send(conn, "JOIN #our-club/secret");
    irc.lines(conn);
    let private = |irc: &mut Irc, private: bool| {
        irc.node.change_club(|club| {
            let mut channels = club.channels.to_vec();
            channels[0].private = private;
            club.channels = Arc::new(channels);
        });
        irc.turn();
    };
    private(&mut irc, true);
    let told = irc.lines(conn);
    one(&told, ":Ben-Ash!");
    one(&told, " PART #our-club/general");
    private(&mut irc, false);
    let told = irc.lines(conn);
    one(&told, ":Ben-Ash!");
    one(&told, " JOIN #our-club/general");
    irc.node.change_club(|club| {
        club.members = Arc::new(club.members[..1].to_vec());
    });
    irc.turn();
    let told = irc.lines(conn);
    assert!(one(&told, " PART ").starts_with(":Ben-Ash!"), "{told:?}");
    none(&told, "secret");
}

#[test]
fn an_answer_that_does_not_fit_grants_nothing() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    let long = "server-time ".repeat(41);
    one(&irc.ask(conn, &format!("CAP REQ :{long}")), "CAP * NAK :");
    none(&irc.ask(conn, "CAP LIST"), "server-time");
}

#[test]
fn the_end_of_cap_ends_an_exchange() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    irc.send(conn, "CAP REQ sasl");
    irc.send(conn, "AUTHENTICATE PLAIN");
    irc.send(conn, "PASS secret");
    irc.send(conn, "NICK ana");
    irc.send(conn, "USER u 0 * :r");
    let told = irc.ask(conn, "CAP END");
    one(&told, " 906 ");
    one(&told, " 001 Ana ");
}

#[test]
fn sealed_lines_pass_byte_for_byte() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let sealed = format!("+OK Ben-Ash: @Ben Ash *{}", "x".repeat(340));
    irc.send(conn, &format!("PRIVMSG #our-club/general :{sealed}"));
    assert_eq!(irc.node.messages[&GENERAL][0].text, sealed);
    irc.lines(conn);
    irc.node.write(GENERAL, crate::fake::BEN, &sealed);
    irc.turn();
    let told = irc.lines(conn);
    assert!(one(&told, " PRIVMSG ").ends_with(&sealed), "{told:?}");
}

#[test]
fn each_channel_of_one_join_gets_its_turn() {
    let mut irc = Irc::bridge();
    let conn = irc.client("labeled-response batch");
    irc.send(
        conn,
        "@label=x JOIN #club/general,#general,#other/none,#club/random",
    );
    irc.send(conn, "PING after");
    assert_eq!(irc.asked.len(), 1);
    none(&irc.lines(conn), " ");
    let refused = |code| Outcome::Refused {
        code,
        text: "not so".to_owned(),
    };
    irc.tell(refused("473"));
    irc.tell(refused("403"));
    assert_eq!(irc.asked.len(), 1, "the last waits for the one before");
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[1].private = false;
        club.channels = Arc::new(channels);
    });
    irc.tell(Outcome::Granted(ClientKey::OWN));
    let told = irc.lines(conn);
    one(&told, " 473 Ana #club/general ");
    one(&told, " JOIN #general");
    one(&told, " 403 Ana #other/none ");
    // It was let in, and sees no such room.
    one(&told, " 403 Ana #club/random ");
    one(&told, "label=x");
    one(&told, "PONG irc.test after");
    assert!(irc.asked.is_empty());
}

/// How the account asked to be seen, in this order.
fn seen_as(irc: &Irc) -> Vec<Availability> {
    let changes = irc.node.log.iter().filter_map(|command| match command {
        Command::Profile {
            change: ProfileChange::Availability(availability),
        } => Some(*availability),
        _ => None,
    });
    changes.collect()
}

/// What was asked about how the account is seen, through either of its clients, since the last look.
fn asked_by_both(irc: &mut Irc) -> Vec<ProfileChange> {
    let mut asked = std::mem::take(&mut irc.node.log);
    let (_, node) = irc.other.as_mut().unwrap();
    asked.append(&mut node.log);
    let changes = asked.into_iter().filter_map(|command| match command {
        Command::Profile { change } => Some(change),
        _ => None,
    });
    changes.collect()
}

/// The node shows the account as away with a status, or as here, to both of its clients.
fn shown_as(irc: &mut Irc, status: &str) {
    let (_, other) = irc.other.as_mut().unwrap();
    for node in [&mut irc.node, other] {
        node.change_club(|club| {
            let mut members = club.members.to_vec();
            members[0].status = (!status.is_empty()).then(|| status.to_owned());
            club.members = Arc::new(members);
        });
        let seen = match status {
            "" => Availability::Online,
            _ => Availability::Idle,
        };
        node.change(|snapshot| snapshot.availability = seen);
    }
    irc.turn();
    asked_by_both(irc);
}

#[test]
fn who_made_an_account_as_a_guest_and_who_logged_in_to_it_are_one_account() {
    let (guest_key, caps) = (ClientKey(2), "cap-notify");
    let here = [
        ProfileChange::Status(String::new()),
        ProfileChange::Availability(Availability::Online),
    ];
    for (guest_is_away, guest_ends) in [(true, true), (false, false), (true, false), (false, true)]
    {
        let bridge = alloquy_irc::Bridge {
            registration: alloquy_irc::Registration::Open,
            guests: true,
            ..alloquy_irc::Bridge::default()
        };
        let mut irc = Irc::new();
        irc.server = alloquy_irc::Server::new(crate::fake::settings()).with_bridge(bridge);
        irc.other = Some((guest_key, crate::fake::Node::new()));
        let guest = irc.connect();
        for line in ["NICK ana", "USER u 0 * :r", "REGISTER * * secret"] {
            irc.send(guest, line);
        }
        irc.tell(Outcome::Granted(guest_key));
        one(&irc.lines(guest), "REGISTER SUCCESS");
        let second = irc.client(caps);
        let away = if guest_is_away { guest } else { second };
        irc.send(away, "AWAY :lunch");
        shown_as(&mut irc, "lunch");
        let end = |irc: &mut Irc, conn| {
            irc.server.closed(conn, irc.now);
            if conn == guest {
                // Its client goes with it, as the shell does it.
                irc.server.retire_client(guest_key);
            }
            irc.turn();
            asked_by_both(irc)
        };
        let (first, last) = match guest_ends {
            true => (guest, second),
            false => (second, guest),
        };
        let told = end(&mut irc, first);
        // It is here by the one that stays, away or not.
        match guest_is_away == guest_ends {
            true => {
                assert_eq!(told, here);
                shown_as(&mut irc, "");
            }
            false => assert_eq!(told, []),
        }
        let told = end(&mut irc, last);
        // Of a guest's node that runs on the shell tells that.
        let gone = ProfileChange::Availability(Availability::Invisible);
        assert!(told.contains(&gone), "{told:?}");
        let still_away = guest_is_away != guest_ends;
        assert_eq!(told.contains(&here[0]), still_away, "{told:?}");
        assert!(!told.contains(&here[1]), "{told:?}");
    }
}

#[test]
fn an_account_is_seen_while_a_connection_of_it_is_in() {
    let mut irc = Irc::bridge();
    let (one, two) = (irc.client(""), irc.client(""));
    assert_eq!(seen_as(&irc), [Availability::Online]);
    irc.send(one, "QUIT");
    irc.server.closed(one, irc.now);
    irc.turn();
    assert_eq!(seen_as(&irc), [Availability::Online]);
    // One that never came in changes nothing.
    let half = irc.connect();
    irc.send(half, "CAP LS 302");
    irc.send(half, "PASS secret");
    irc.server.closed(half, irc.now);
    irc.turn();
    // A cut cable.
    irc.server.closed(two, irc.now);
    assert!(irc.server.take_asked().contains(&ClientKey::OWN));
    irc.turn();
    let last = [Availability::Online, Availability::Invisible];
    assert_eq!(seen_as(&irc), last);
    irc.client("");
    assert_eq!(seen_as(&irc).last(), Some(&Availability::Online));
    // At the own door the person is wherever the node is.
    let mut own = Irc::new();
    let conn = own.client("");
    own.server.closed(conn, own.now);
    own.turn();
    assert!(seen_as(&own).is_empty());
}
