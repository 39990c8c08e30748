//! What specifications demand of servers and no other test shows: docs/irc-musts.md lists each with its test.

mod coming_in;

use std::sync::Arc;

use alloquy_api::personal::DirectKind;
use alloquy_api::reply::MemberView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandError, ErrorCode};
use alloquy_ids::{AccountId, ChannelId, CommunityId};
use alloquy_irc::{Bridge, ClientKey, ConnId, Mechanism, Registration, Server};

use crate::fake::{ANA, BEN, CLUB, GENERAL, Irc, Node, member, none, not_permitted, one, settings};

/// A rendezvous with Ana's node and that of a guest, who is Ben.
fn with_guest(registration: Registration) -> Irc {
    let mut irc = Irc::new();
    let bridge = Bridge {
        mechanisms: Mechanism::ALL.to_vec(),
        guests: true,
        registration,
        ..Bridge::default()
    };
    irc.server = Server::new(settings()).with_bridge(bridge);
    let mut guest = Node::new();
    guest.change(|snapshot| {
        snapshot.account = Some(BEN);
        snapshot.name = "Ben Ash".to_owned();
    });
    irc.other = Some((ClientKey(2), guest));
    irc
}

/// A guest that is in, with these capabilities.
fn guest(irc: &mut Irc, caps: &str) -> ConnId {
    let conn = irc.connect();
    irc.send(conn, &format!("CAP REQ :{caps}"));
    for line in ["NICK ben", "USER x 0 * :x"] {
        irc.send(conn, line);
    }
    one(&irc.ask(conn, "CAP END"), " 001 ");
    conn
}

/// Opens the notes of the account to itself.
fn notes(irc: &mut Irc) {
    irc.node.change(|snapshot| {
        let mut view = snapshot.communities[&CLUB].channels[0].clone();
        view.channel = ChannelId([41; 32]);
        let notes = CommunitySnapshot {
            direct: Some(DirectKind::Notes),
            channels: Arc::new(vec![view]),
            members: Arc::new(vec![member(ANA, "Ana")]),
            ..CommunitySnapshot::default()
        };
        let id = CommunityId([40; 32]);
        snapshot.communities.insert(id, Arc::new(notes));
    });
}

#[test]
fn a_label_is_given_back_as_it_is_and_once() {
    let mut irc = Irc::new();
    notes(&mut irc);
    let caps = "batch labeled-response message-tags echo-message";
    let conn = irc.in_general(caps);
    irc.lines(conn);
    for (label, line) in [
        ("a\\:b\\s\\\\c", "PING x"),
        ("ÄÖ", "PONG x"),
        (&"l".repeat(64), "WHOIS Ben-Ash"),
        ("1", "MODE Ana +i"),
        ("2", "PRIVMSG nobody :x"),
        ("3", "PRIVMSG #our-club/general :x"),
        ("4", "LIST"),
        ("5", "NONSENSE"),
        ("6", "@"),
        // A message to oneself is told as what was said, and not as what was heard with the label of it.
        ("7", "PRIVMSG Ana :note"),
    ] {
        let told = irc.ask(conn, &format!("@label={label} {line}"));
        let labels: Vec<&String> = told.iter().filter(|line| line.contains("label=")).collect();
        if line == "@" {
            // What is no line has no label.
            assert_eq!(labels.len(), 0, "{told:?}");
            continue;
        }
        assert_eq!(labels.len(), 1, "{line}: {told:?}");
        let given = labels[0].split([' ', ';']).next();
        assert_eq!(given, Some(format!("@label={label}").as_str()), "{line}");
        assert_eq!(labels[0], &told[0], "{line}");
        if told.len() > 1 {
            assert!(told[0].contains(" BATCH +"), "{line}: {told:?}");
        }
    }
    one(&irc.ask(conn, "@label=x PONG y"), "@label=x :irc.test ACK");
    // A longer one is none, and neither is one of a client without batches.
    let told = irc.ask(conn, &format!("@label={} PING x", "l".repeat(65)));
    none(&told, "label");
    let half = irc.client("labeled-response");
    none(&irc.ask(half, "@label=x PING y"), "label");
}

#[test]
fn every_line_of_a_person_has_its_account() {
    // The watch sees to it; here is one of each.
    let mut irc = Irc::new();
    let caps = "account-tag message-tags echo-message away-notify setname invite-notify batch draft/multiline \
        draft/message-redaction draft/metadata-2";
    let conn = irc.in_general(caps);
    let id = irc.node.write(GENERAL, BEN, "one\ntwo");
    for line in [
        "METADATA * SUB display-name status",
        "PRIVMSG #our-club/general :x",
        "NOTICE #our-club/general :x",
        &format!("@+draft/react=x;+reply={id} TAGMSG #our-club/general"),
        "@+typing=active TAGMSG #our-club/general",
        "SETNAME :Ana B",
        "MODE Ana-B +B",
        "JOIN #our-club/secret",
        "INVITE Ben-Ash #our-club/secret",
        "PART #our-club/secret",
        &format!("REDACT #our-club/general {id}"),
    ] {
        irc.send(conn, line);
    }
    let set = |irc: &mut Irc, name: &str, online: bool| {
        irc.node.change_club(|club| {
            let mut members = club.members.to_vec();
            members[1].name = name.to_owned();
            members[1].online = online;
            members[1].status = Some(name.to_owned());
            club.members = Arc::new(members);
        });
        irc.turn();
    };
    set(&mut irc, "Ben", false);
    irc.node
        .change_club(|club| club.members = Arc::new(club.members[..1].to_vec()));
    irc.turn();
    irc.node.change_club(|club| {
        let members = [club.members[0].clone(), member(BEN, "Ben")];
        club.members = Arc::new(members.to_vec());
    });
    irc.turn();
    let told = irc.lines(conn);
    let from = |command: &str| {
        let of = |line: &&String| line.contains('!') && line.contains(command);
        let lines = told.iter().filter(of);
        lines.filter(|line| line.contains("account=")).count()
    };
    for command in [
        " PRIVMSG ",
        " NOTICE ",
        " TAGMSG ",
        " SETNAME ",
        " NICK ",
        " MODE ",
        " JOIN ",
        " INVITE ",
        " PART ",
        " REDACT ",
        " AWAY ",
        " METADATA ",
        " BATCH ",
    ] {
        assert!(from(command) > 0, "{command} in {told:#?}");
    }
}

#[test]
fn history_is_one_answer_in_nested_batches() {
    let mut irc = Irc::new();
    irc.node.write(GENERAL, BEN, "one\ntwo");
    irc.node.write(GENERAL, BEN, "three");
    let caps = "batch labeled-response message-tags draft/multiline draft/chathistory";
    let conn = irc.in_general(caps);
    let told = irc.ask(conn, "@label=x CHATHISTORY LATEST #our-club/general * 5");
    let outer = told[0]
        .split_once("BATCH +")
        .unwrap()
        .1
        .split(' ')
        .next()
        .unwrap();
    assert!(
        told[0].starts_with("@label=x ") && told[0].contains(" chathistory "),
        "{told:?}"
    );
    let inner: Vec<&String> = told[1..]
        .iter()
        .filter(|line| line.contains(" BATCH "))
        .collect();
    let of_outer = format!("@batch={outer}");
    assert_eq!(inner.len(), 3, "{told:?}");
    assert!(
        inner[0].starts_with(&of_outer) && inner[1].starts_with(&of_outer),
        "{told:?}"
    );
    assert!(inner[2].ends_with(&format!(" BATCH -{outer}")), "{told:?}");
    // What stands in the one within refers to that.
    let within = inner[0].split_once("BATCH +").unwrap().1;
    let within = within.split(' ').next().unwrap();
    for (line, of) in [(" one", within), (" two", within), (" three", outer)] {
        let said = told.iter().find(|told| told.ends_with(line)).unwrap();
        assert!(said.starts_with(&format!("@batch={of}")), "{told:?}");
    }
}

#[test]
fn an_id_in_other_letters_is_no_id() {
    let mut irc = Irc::new();
    let id = irc.node.write(GENERAL, BEN, "hello").to_string();
    let conn = irc.in_general("message-tags draft/message-redaction batch draft/chathistory");
    let other = id.to_uppercase();
    assert_ne!(id, other);
    one(
        &irc.ask(conn, &format!("REDACT #our-club/general {other}")),
        " FAIL REDACT UNKNOWN_MSGID ",
    );
    let told = irc.ask(
        conn,
        &format!("CHATHISTORY AROUND #our-club/general msgid={other} 5"),
    );
    one(&told, " FAIL CHATHISTORY ");
    one(
        &irc.ask(
            conn,
            &format!("CHATHISTORY AROUND #our-club/general msgid={id} 5"),
        ),
        "hello",
    );
    one(
        &irc.ask(conn, &format!("REDACT #our-club/general {id}")),
        " REDACT #our-club/general ",
    );
}

#[test]
fn tags_that_mean_nothing_here_are_passed_to_nobody() {
    let mut irc = Irc::new();
    let conn = irc.in_general("message-tags echo-message");
    let other = irc.in_general("message-tags");
    irc.lines(other);
    let told = irc.ask(
        conn,
        "@+example/x=1;+typing=paused;secret=2 TAGMSG #our-club/general",
    );
    assert!(
        one(&told, " TAGMSG ").starts_with("@+typing=paused :Ana!"),
        "{told:?}"
    );
    let told = irc.ask(
        conn,
        "@+example/x=1;secret=2 PRIVMSG #our-club/general :said",
    );
    let line = one(&told, "said");
    assert!(
        !line.contains("example") && !line.contains("secret"),
        "{line}"
    );
    let line = one(&irc.lines(other), "said").to_owned();
    assert!(
        !line.contains("example") && !line.contains("secret"),
        "{line}"
    );
    // A tag without a value is one of an empty value.
    let id = irc.node.write(GENERAL, BEN, "hello");
    irc.node.log.clear();
    for tag in ["+draft/react=", "+draft/react"] {
        irc.send(
            conn,
            &format!("@{tag};+reply={id} TAGMSG #our-club/general"),
        );
    }
    let asked: Vec<_> = irc
        .node
        .log
        .iter()
        .filter(|command| matches!(command, Command::React { .. }))
        .collect();
    assert!(asked.len() == 2 && asked[0] == asked[1], "{asked:?}");
}

#[test]
fn a_notice_is_never_answered() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let nine = ["#our-club/general"; 9].join(",");
    for line in [
        "NOTICE",
        "NOTICE #our-club/general",
        "NOTICE #our-club/general :",
        "NOTICE nobody :x",
        "NOTICE #nowhere :x",
        "NOTICE @#our-club/general :x",
        "NOTICE Ben-Ash :\u{1}VERSION\u{1}",
        &format!("NOTICE {nine} :x"),
    ] {
        assert_eq!(irc.ask(conn, line), [""; 0], "{line}");
    }
    irc.node.refuse = Some(not_permitted());
    assert_eq!(irc.ask(conn, "NOTICE #our-club/general :x"), [""; 0]);
}

#[test]
fn a_reaction_comes_back_and_its_label_is_answered_once() {
    let mut irc = Irc::new();
    let id = irc.node.write(GENERAL, BEN, "hello");
    let conn = irc.in_general("batch labeled-response message-tags echo-message");
    let told = irc.ask(
        conn,
        &format!("@label=x;+draft/react=y;+reply={id} TAGMSG #our-club/general"),
    );
    let line = one(&told, " TAGMSG #our-club/general");
    assert!(line.contains("+draft/react=y :Ana!"), "{line}");
    assert_eq!(
        told.iter().filter(|line| line.contains("label=x")).count(),
        1,
        "{told:?}"
    );
}

#[test]
fn who_comes_in_and_is_away_is_told_to_be() {
    let mut irc = Irc::new();
    let conn = irc.in_general("away-notify");
    let plain = irc.in_general("");
    irc.lines(conn);
    irc.lines(plain);
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members.push(member(AccountId([3; 32]), "Cleo"));
        members.push(MemberView {
            online: false,
            ..member(AccountId([4; 32]), "Dan")
        });
        club.members = Arc::new(members);
    });
    irc.turn();
    let told = irc.lines(conn);
    let at = |text: &str, nick: &str| {
        let nick = format!(":{nick}!");
        told.iter()
            .position(|line| line.starts_with(&nick) && line.contains(text))
    };
    assert!(
        at(" JOIN ", "Dan").unwrap() < at(" AWAY unreachable", "Dan").unwrap(),
        "{told:?}"
    );
    assert_eq!(at(" AWAY ", "Cleo"), None, "{told:?}");
    none(&irc.lines(plain), " AWAY ");
}

#[test]
fn requests_without_parameters_fail_by_the_code_of_their_specification() {
    let mut irc = Irc::new();
    let conn = irc.client("draft/read-marker draft/chathistory");
    assert_eq!(
        irc.ask(conn, "MARKREAD"),
        [":irc.test FAIL MARKREAD NEED_MORE_PARAMS :Missing parameters"]
    );
    one(
        &irc.ask(conn, "CHATHISTORY"),
        " FAIL CHATHISTORY NEED_MORE_PARAMS :",
    );
    one(
        &irc.ask(conn, "CHATHISTORY LATEST"),
        " FAIL CHATHISTORY NEED_MORE_PARAMS LATEST :",
    );
    let plain = irc.client("");
    one(&irc.ask(plain, "MARKREAD"), " 421 ");
    // A log-in for reading alone is told the same: it asked for nothing to be changed.
    let reading = irc.connect();
    for line in [
        "CAP REQ draft/read-marker",
        "PASS ana:reading",
        "NICK x",
        "USER x 0 * :x",
        "CAP END",
    ] {
        irc.send(reading, line);
    }
    one(
        &irc.ask(reading, "MARKREAD"),
        "FAIL MARKREAD NEED_MORE_PARAMS ",
    );
}

#[test]
fn how_far_one_account_has_read_another_is_not_told() {
    let mut irc = with_guest(Registration::Closed);
    irc.node.write(GENERAL, BEN, "hello");
    let conn = irc.in_general("draft/read-marker");
    let again = irc.in_general("draft/read-marker");
    let other = guest(&mut irc, "draft/read-marker");
    irc.send(other, "JOIN #our-club/general");
    for conn in [again, other] {
        irc.lines(conn);
    }
    let mark = "MARKREAD #our-club/general timestamp=2026-09-21T14:13:21.000Z";
    one(&irc.ask(conn, mark), mark);
    one(&irc.lines(again), mark);
    none(&irc.lines(other), "MARKREAD");
    one(
        &irc.ask(other, "MARKREAD #our-club/general"),
        "MARKREAD #our-club/general *",
    );
}

#[test]
fn lines_of_a_batch_go_to_one_target_by_one_command() {
    let mut irc = Irc::new();
    let conn = irc.in_general("batch draft/multiline message-tags");
    let told = |irc: &mut Irc, lines: &[&str]| {
        irc.send(conn, "BATCH +a draft/multiline #our-club/general");
        irc.lines(conn);
        let told = lines.iter().flat_map(|line| irc.ask(conn, line));
        told.collect::<Vec<_>>()
    };
    let first = "@batch=a PRIVMSG #our-club/general :one";
    let all = told(&mut irc, &[first, "@batch=a PRIVMSG #other :two"]);
    one(
        &all,
        " FAIL BATCH MULTILINE_INVALID_TARGET #our-club/general #other :",
    );
    let all = told(&mut irc, &[first, "@batch=a NOTICE #our-club/general :two"]);
    one(&all, " FAIL BATCH MULTILINE_INVALID :");
    let blank = "@batch=a PRIVMSG #our-club/general :";
    let all = told(&mut irc, &[blank, blank, "BATCH -a"]);
    one(&all, " FAIL BATCH MULTILINE_INVALID :");
    assert!(
        !irc.node.messages.contains_key(&GENERAL),
        "nothing was said"
    );
    // Nothing is said before the end, and empty lines between others are.
    assert_eq!(told(&mut irc, &[first, blank, blank]), [""; 0]);
    assert!(
        !irc.node.messages.contains_key(&GENERAL),
        "nothing was said yet"
    );
    irc.send(conn, "@batch=a PRIVMSG #our-club/general :two");
    irc.send(conn, "BATCH -a");
    assert_eq!(
        irc.node.messages[&GENERAL].last().unwrap().text,
        "one\n\n\ntwo"
    );
}

#[test]
fn prefixes_stand_from_the_highest_to_the_lowest() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[0].roles = vec!["ops".to_owned()];
        club.members = Arc::new(members);
    });
    let (multi, plain) = (irc.in_general("multi-prefix"), irc.in_general(""));
    for (conn, names, flags) in [(multi, ":~@Ana ", " H~@ "), (plain, ":~Ana ", " H~ ")] {
        one(&irc.ask(conn, "NAMES #our-club/general"), names);
        one(&irc.ask(conn, "WHO #our-club/general"), flags);
    }
}

#[test]
fn whox_gives_exactly_the_fields_that_were_asked_for_in_its_own_order() {
    let mut irc = Irc::new();
    let conn = irc.in_general("");
    let (user, host) = (BEN.short(), BEN.words().join("."));
    for (fields, row) in [
        ("%n", "Ben-Ash".to_owned()),
        ("%nt,7", "7 Ben-Ash".to_owned()),
        ("%rant,123", format!("123 Ben-Ash {BEN} :Ben Ash")),
        ("%hiu", format!("{user} 255.255.255.255 {host}")),
        ("%lsfc", "* irc.test H 0".to_owned()),
        // Fields that nobody specified are passed over.
        ("%zZ9n", "Ben-Ash".to_owned()),
    ] {
        let told = irc.ask(conn, &format!("WHO Ben-Ash {fields}"));
        assert_eq!(told[0], format!(":irc.test 354 Ana {row}"), "{fields}");
        assert_eq!(told.len(), 2, "{told:?}");
        one(&told, " 315 Ana Ben-Ash ");
    }
}

#[test]
fn who_is_monitored_twice_is_monitored_once() {
    let mut irc = Irc::new();
    let conn = irc.client("");
    irc.send(conn, "MONITOR + Ben-Ash,nobody,BEN-ASH");
    irc.send(conn, "MONITOR + ben-ash");
    let told = irc.ask(conn, "MONITOR L");
    let listed = one(&told, " 732 ").rsplit(' ').next().unwrap();
    let listed = listed.trim_start_matches(':').split(',');
    assert_eq!(listed.count(), 2, "{told:?}");
    assert_eq!(irc.ask(conn, "MONITOR - Ben-Ash,someone"), [""; 0]);
    assert_eq!(irc.ask(conn, "MONITOR C"), [""; 0]);
    assert_eq!(irc.ask(conn, "MONITOR L").len(), 1);
}

#[test]
fn a_client_renames_a_channel_and_is_told_why_not() {
    let mut irc = Irc::new();
    let conn = irc.in_general("draft/channel-rename");
    irc.node.log.clear();
    irc.send(conn, "RENAME #our-club/general #our-club/Lounge :better so");
    assert!(
        matches!(irc.node.log.last(), Some(Command::Rename { target, name }) if *target == GENERAL.to_string() && name == "Lounge")
    );
    // Another spelling of the same name is another name in the community, and the same here.
    irc.send(conn, "RENAME #our-club/general #Our-Club/GENERAL");
    assert!(matches!(irc.node.log.last(), Some(Command::Rename { name, .. }) if name == "GENERAL"));
    irc.node.log.clear();
    for (line, told) in [
        ("RENAME #our-club/general", " 461 Ana RENAME "),
        ("RENAME #nowhere #our-club/x", " 403 "),
        ("RENAME #our-club/secret #our-club/x", " 442 "),
        (
            "RENAME #our-club/general #other/x",
            " FAIL RENAME CANNOT_RENAME #our-club/general #other/x :",
        ),
        (
            "RENAME #our-club/general lounge",
            " FAIL RENAME CANNOT_RENAME #our-club/general lounge :",
        ),
        (
            "RENAME #our-club/general #our-club/a,b",
            " FAIL RENAME CANNOT_RENAME ",
        ),
        (
            "RENAME #our-club/general #our-club/",
            " FAIL RENAME CANNOT_RENAME ",
        ),
        (
            "RENAME #our-club/general #our-club/SECRET",
            " FAIL RENAME CHANNEL_NAME_IN_USE #our-club/general #our-club/SECRET :",
        ),
    ] {
        one(&irc.ask(conn, line), told);
    }
    assert_eq!(irc.node.log, []);
    irc.node.refuse = Some(not_permitted());
    one(
        &irc.ask(conn, "RENAME #our-club/general #our-club/x"),
        " 482 Ana #our-club/general :you",
    );
    irc.node.refuse = Some(CommandError::new(ErrorCode::Limit, "too long"));
    let told = irc.ask(conn, "RENAME #our-club/general #our-club/x");
    one(
        &told,
        " FAIL RENAME CANNOT_RENAME #our-club/general #our-club/x :too long",
    );
}

#[test]
fn a_name_that_is_refused_for_another_reason_has_another_code() {
    let mut irc = Irc::new();
    let conn = irc.client("setname");
    for (code, told) in [
        (ErrorCode::Limit, "INVALID_REALNAME"),
        (ErrorCode::Storage, "CANNOT_CHANGE_REALNAME"),
    ] {
        irc.node.refuse = Some(CommandError::new(code, "not so"));
        one(
            &irc.ask(conn, "SETNAME :x"),
            &format!("FAIL SETNAME {told} :not so"),
        );
    }
}

#[test]
fn networks_are_not_changed_here_and_each_refusal_says_why() {
    let mut irc = Irc::new();
    let early = irc.connect();
    irc.send(early, "CAP REQ soju.im/bouncer-networks");
    one(
        &irc.ask(early, "BOUNCER DELNETWORK our-club"),
        "FAIL BOUNCER ACCOUNT_REQUIRED DELNETWORK ",
    );
    let conn = irc.client("soju.im/bouncer-networks");
    for (line, told) in [
        ("ADDNETWORK name=x", "NEED_ATTRIBUTE ADDNETWORK host"),
        ("ADDNETWORK host=x;name=y", "UNKNOWN_ERROR ADDNETWORK"),
        (
            "ADDNETWORK host=x;colour=red",
            "UNKNOWN_ATTRIBUTE ADDNETWORK * colour",
        ),
        (
            "ADDNETWORK host=x;state=connected",
            "READ_ONLY_ATTRIBUTE ADDNETWORK * state",
        ),
        (
            "CHANGENETWORK none name=x",
            "INVALID_NETID CHANGENETWORK none",
        ),
        (
            "CHANGENETWORK our-club colour=red",
            "UNKNOWN_ATTRIBUTE CHANGENETWORK our-club colour",
        ),
        (
            "changenetwork our-club name=x",
            "READ_ONLY_ATTRIBUTE CHANGENETWORK our-club name",
        ),
        ("DELNETWORK none", "INVALID_NETID DELNETWORK none"),
        ("DELNETWORK our-club", "UNKNOWN_ERROR DELNETWORK"),
    ] {
        let all = irc.ask(conn, &format!("BOUNCER {line}"));
        one(&all, &format!(" FAIL BOUNCER {told} :"));
        assert_eq!(all.len(), 1, "{all:?}");
    }
}
