//! METADATA: what people and channels tell of themselves.

use std::sync::Arc;

use alloquy_api::command::ProfileChange;
use alloquy_api::personal::DirectKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandError, ErrorCode};
use alloquy_ids::AccountId;
use alloquy_irc::ConnId;

use crate::fake::{BEN, DIRECT, Irc, member, none, not_permitted, one};

const CAPS: &str = "batch standard-replies draft/metadata-2";

/// Ben says these of himself.
fn ben_says(irc: &mut Irc, about: Option<&str>, status: Option<&str>) {
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].about = about.map(str::to_owned);
        members[1].status = status.map(str::to_owned);
        club.members = Arc::new(members);
    });
    irc.turn();
}

/// Lines of one batch about a target, without its frame.
fn batch(irc: &mut Irc, conn: ConnId, line: &str, target: &str) -> Vec<String> {
    let told = irc.ask(conn, line);
    let [open, rows @ .., close] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert!(open.contains(" BATCH +"), "{told:?}");
    assert!(open.ends_with(&format!(" metadata {target}")), "{told:?}");
    assert!(close.contains(" BATCH -"), "{told:?}");
    let rows = rows.iter().map(|row| {
        let (tags, row) = row.split_once(' ').unwrap();
        assert!(tags.starts_with("@batch="), "{told:?}");
        row.to_owned()
    });
    rows.collect()
}

fn set(irc: &Irc) -> Vec<ProfileChange> {
    let log = irc.node.log.iter();
    let changes = log.filter_map(|command| match command {
        Command::Profile { change } => Some(change.clone()),
        _ => None,
    });
    changes.collect()
}

#[test]
fn what_is_known_of_people_is_got_and_listed() {
    let mut irc = Irc::new();
    ben_says(&mut irc, Some("gardener\nand cook"), Some("cooking"));
    let conn = irc.in_general(CAPS);
    assert_eq!(
        batch(&mut irc, conn, "METADATA ben-ash LIST", "Ben-Ash"),
        [
            ":irc.test 761 Ana Ben-Ash about * :gardener and cook",
            ":irc.test 761 Ana Ben-Ash display-name * :Ben Ash",
            ":irc.test 761 Ana Ben-Ash status * cooking",
        ]
    );
    assert_eq!(
        batch(
            &mut irc,
            conn,
            "METADATA Ben-Ash GET status avatar BAD",
            "Ben-Ash"
        ),
        [
            ":irc.test 761 Ana Ben-Ash status * cooking",
            ":irc.test 766 Ana Ben-Ash avatar :Nothing is known of it",
            ":irc.test FAIL METADATA KEY_INVALID BAD :That can not be a key",
        ]
    );
    assert_eq!(
        batch(&mut irc, conn, "METADATA * LIST", "Ana"),
        [":irc.test 761 Ana Ana display-name * Ana"]
    );
    // A name is no Markdown, and an own line for nobody.
    ben_says(
        &mut irc,
        Some("a\u{2}b\r\n:irc.test 001"),
        Some("_so_ *so*"),
    );
    assert_eq!(
        batch(
            &mut irc,
            conn,
            "METADATA Ben-Ash GET about status",
            "Ben-Ash"
        ),
        [
            ":irc.test 761 Ana Ben-Ash about * :a b  :irc.test 001",
            ":irc.test 761 Ana Ben-Ash status * :_so_ *so*",
        ]
    );
    // What is longer than a line is cut, never inside a character, and is seen to be.
    ben_says(&mut irc, Some(&"ü".repeat(500)), None);
    let rows = batch(&mut irc, conn, "METADATA Ben-Ash GET about", "Ben-Ash");
    assert!(
        rows[0].ends_with(&format!(" {}…", "ü".repeat(126))),
        "{rows:?}"
    );
}

#[test]
fn what_is_known_of_channels_is_their_name_and_their_community() {
    let mut irc = Irc::new();
    irc.node
        .change_club(|club| club.topic = "All about us".to_owned());
    let conn = irc.in_general(CAPS);
    let target = "#our-club/general";
    assert_eq!(
        batch(&mut irc, conn, "METADATA #our-club/general LIST", target),
        [
            ":irc.test 761 Ana #our-club/general about * :All about us",
            ":irc.test 761 Ana #our-club/general alloquy.chat/community * :Our Club",
            ":irc.test 761 Ana #our-club/general display-name * general",
        ]
    );
    for (line, key) in [
        ("SET display-name :x", "display-name"),
        ("SET url :x", "url"),
        ("CLEAR", "*"),
    ] {
        let told = irc.ask(conn, &format!("METADATA {target} {line}"));
        one(
            &told,
            &format!("FAIL METADATA KEY_NO_PERMISSION {target} {key} :"),
        );
    }
    assert_eq!(set(&irc), []);
}

#[test]
fn the_own_profile_is_set_as_the_window_sets_it() {
    let mut irc = Irc::new();
    let conn = irc.client(CAPS);
    for (line, told) in [
        (
            "* SET status :in a meeting",
            " 761 Ana Ana status * :in a meeting",
        ),
        ("Ana SET about :me", " 761 Ana Ana about * me"),
        (
            "* SET display-name :Ana Z",
            " 761 Ana-Z Ana display-name * :Ana Z",
        ),
        (
            "* SET status",
            " 766 Ana-Z Ana-Z status :It is not set any more",
        ),
    ] {
        one(&irc.ask(conn, &format!("METADATA {line}")), told);
    }
    assert_eq!(
        set(&irc),
        [
            ProfileChange::Status("in a meeting".to_owned()),
            ProfileChange::About("me".to_owned()),
            ProfileChange::Name("Ana Z".to_owned()),
            ProfileChange::Status(String::new()),
        ]
    );
    let rows = batch(&mut irc, conn, "METADATA * CLEAR", "Ana-Z");
    assert_eq!(
        rows,
        [":irc.test 766 Ana-Z Ana-Z about :It is not set any more"]
    );
    let rows = batch(&mut irc, conn, "METADATA * CLEAR", "Ana-Z");
    assert_eq!(rows, [""; 0], "a name stays");
}

#[test]
fn what_is_not_set_is_refused_with_its_code() {
    let mut irc = Irc::new();
    let conn = irc.client(CAPS);
    let long = "x".repeat(257);
    for (line, told) in [
        ("* SET Status :x".to_owned(), "KEY_INVALID Status :"),
        ("* SET ünicode :x".to_owned(), "KEY_INVALID ünicode :"),
        (
            "* SET avatar :x".to_owned(),
            "KEY_NO_PERMISSION Ana avatar :",
        ),
        (
            "* SET display-name".to_owned(),
            "KEY_NO_PERMISSION Ana display-name :",
        ),
        (
            "Ben-Ash SET status :x".to_owned(),
            "KEY_NO_PERMISSION Ben-Ash status :",
        ),
        ("Ben-Ash CLEAR".to_owned(), "KEY_NO_PERMISSION Ben-Ash * :"),
        ("* SET status".to_owned(), "KEY_NOT_SET Ana status :"),
        (
            format!("* SET status :{long}"),
            "VALUE_INVALID :A value has at most 256 bytes",
        ),
        ("nobody LIST".to_owned(), "INVALID_TARGET nobody :"),
        ("* NONSENSE".to_owned(), "SUBCOMMAND_INVALID NONSENSE :"),
    ] {
        let told_here = irc.ask(conn, &format!("METADATA {line}"));
        one(&told_here, &format!("FAIL METADATA {told}"));
        assert_eq!(told_here.len(), 1, "{told_here:?}");
    }
    one(&irc.ask(conn, "METADATA * GET"), " 461 Ana METADATA ");
    assert_eq!(set(&irc), []);
    irc.node.refuse = Some(CommandError::new(ErrorCode::Limit, "too long"));
    let told = irc.ask(conn, "METADATA * SET status :x");
    one(&told, "FAIL METADATA VALUE_INVALID :too long");
    irc.node.refuse = Some(not_permitted());
    let told = irc.ask(conn, "METADATA * SET status :x");
    one(
        &told,
        "FAIL METADATA KEY_NO_PERMISSION Ana status :you lack the right",
    );
    // Whoever did not ask for it knows no such command, and nobody before registration.
    let plain = irc.client("");
    one(&irc.ask(plain, "METADATA * LIST"), " 421 Ana METADATA ");
    let early = irc.connect();
    one(&irc.ask(early, "METADATA * LIST"), " 451 ");
}

#[test]
fn changes_of_the_profile_have_a_limit() {
    let mut irc = Irc::new();
    let conn = irc.client(CAPS);
    for number in 0..10 {
        let told = irc.ask(conn, &format!("METADATA * SET status :{number}"));
        one(&told, " 761 ");
        irc.pass(1_000);
    }
    let told = irc.ask(conn, "METADATA * SET status :more");
    one(
        &told,
        "FAIL METADATA RATE_LIMITED Ana status 50 :Too many changes",
    );
    one(
        &irc.ask(conn, "METADATA * CLEAR"),
        "RATE_LIMITED Ana * 50 :",
    );
    // No other connection and no other command goes past it.
    let other = irc.client(CAPS);
    for (line, refused) in [
        (
            "METADATA * SET about :me",
            "METADATA RATE_LIMITED Ana about 50 :",
        ),
        (
            "SETNAME :Ana Z",
            "SETNAME CANNOT_CHANGE_REALNAME :Too many changes: try again in 50 s",
        ),
        ("AWAY :lunch", "AWAY RATE_LIMITED 50 :"),
    ] {
        let told = irc.ask(other, line);
        one(&told, &format!("FAIL {refused}"));
        assert_eq!(told.len(), 1, "{told:?}");
    }
    assert_eq!(set(&irc).len(), 10);
    irc.pass(50_000);
    one(&irc.ask(conn, "METADATA * SET status :more"), " 761 ");
}

#[test]
fn a_log_in_for_reading_reads_alone() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in [
        "CAP REQ :batch standard-replies draft/metadata-2",
        "PASS ana:reading",
        "NICK x",
        "USER x 0 * :x",
        "CAP END",
    ] {
        irc.send(conn, line);
    }
    for line in [
        "METADATA * SET status :x",
        "METADATA * CLEAR",
        "METADATA * set about :x",
    ] {
        one(&irc.ask(conn, line), "FAIL METADATA READ_ONLY ");
    }
    assert_eq!(set(&irc), []);
    let rows = batch(&mut irc, conn, "METADATA * LIST", "Ana");
    assert_eq!(rows.len(), 1);
    one(&irc.ask(conn, "METADATA * SUB status"), " 770 Ana status");
}

#[test]
fn keys_are_subscribed_to_and_not_any_more() {
    let mut irc = Irc::new();
    let conn = irc.client(CAPS);
    assert!(irc.ask(conn, "METADATA * SUBS").is_empty());
    let told = irc.ask(conn, "METADATA * SUB status $bad url status");
    one(&told, " 770 Ana status url status");
    one(&told, "FAIL METADATA KEY_INVALID $bad ");
    one(&irc.ask(conn, "METADATA * SUBS"), " 772 Ana status url");
    let told = irc.ask(conn, "METADATA * UNSUB url none BAD");
    one(&told, " 771 Ana url none");
    one(&told, "FAIL METADATA KEY_INVALID BAD ");
    one(&irc.ask(conn, "METADATA * SUBS"), " 772 Ana status");
    // One is subscribed to: 49 more may be.
    let keys: Vec<String> = (0..50).map(|number| format!("key{number}")).collect();
    for keys in keys.chunks(12) {
        let told = irc.ask(conn, &format!("METADATA * SUB {}", keys.join(" ")));
        let full = keys.contains(&"key49".to_owned());
        assert_eq!(
            told.iter()
                .any(|line| line.contains("TOO_MANY_SUBS key49 ")),
            full,
            "{told:?}"
        );
    }
    let told = irc.ask(conn, "METADATA * SUBS");
    let keys = told.iter().map(|line| line.split(' ').count() - 3);
    let keys: Vec<usize> = keys.collect();
    // What is more than 15 parameters is read as one.
    assert_eq!(keys, [13, 13, 13, 11]);
}

#[test]
fn who_wants_to_know_is_told_of_changes_and_nobody_else() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let other = irc.in_general(CAPS);
    irc.ask(
        conn,
        "METADATA * SUB status display-name alloquy.chat/community",
    );
    ben_says(&mut irc, Some("words"), Some("busy"));
    let told = irc.lines(conn);
    one(&told, " METADATA Ben-Ash status * busy");
    assert!(told[0].starts_with(":Ben-Ash!"), "{told:?}");
    none(&told, "words");
    none(&irc.lines(other), "METADATA");
    ben_says(&mut irc, None, None);
    one(&irc.lines(conn), " METADATA Ben-Ash status * :");
    irc.node
        .change_club(|club| club.name = "Their Club".to_owned());
    irc.turn();
    let line = " METADATA #our-club/general alloquy.chat/community * :Their Club";
    one(&irc.lines(conn), line);
    // Whoever changed its own knows; its other connections are told.
    irc.ask(other, "METADATA * SUB status");
    irc.lines(conn);
    none(
        &irc.ask(other, "METADATA * SET status :here"),
        " METADATA Ana ",
    );
    one(&irc.lines(conn), " METADATA Ana status * here");
    // Nobody is told of those with whom it is nowhere.
    irc.ask(conn, "PART #our-club/general");
    ben_says(&mut irc, None, Some("far"));
    none(&irc.lines(conn), "METADATA");
    // Whom it monitors, it is told of.
    let told = irc.ask(conn, "MONITOR + Ben-Ash");
    one(&told, " METADATA Ben-Ash status * far");
    ben_says(&mut irc, None, Some("near"));
    one(&irc.lines(conn), " METADATA Ben-Ash status * near");
    irc.ask(conn, "METADATA * UNSUB status");
    ben_says(&mut irc, None, Some("gone"));
    none(&irc.lines(conn), "METADATA");
}

#[test]
fn a_room_is_read_when_the_client_asks() {
    let mut irc = Irc::new();
    ben_says(&mut irc, Some("words"), Some("busy"));
    let conn = irc.client(CAPS);
    none(&irc.ask(conn, "JOIN #our-club/general"), " 774 ");
    let told = irc.ask(conn, "METADATA * SUB status display-name");
    one(&told, " 774 Ana #our-club/general");
    irc.ask(conn, "PART #our-club/general");
    let told = irc.ask(conn, "JOIN #our-club/general");
    one(&told, " 774 Ana #our-club/general");
    let target = "#our-club/general";
    let mut rows = batch(&mut irc, conn, "METADATA #our-club/general SYNC", target);
    rows.sort();
    assert_eq!(
        rows,
        [
            ":irc.test METADATA #our-club/general display-name * general",
            ":irc.test METADATA Ana display-name * Ana",
            ":irc.test METADATA Ben-Ash display-name * :Ben Ash",
            ":irc.test METADATA Ben-Ash status * busy",
        ]
    );
    let rows = batch(&mut irc, conn, "METADATA Ben-Ash SYNC", "Ben-Ash");
    assert_eq!(rows.len(), 2);
}

#[test]
fn the_own_profile_comes_with_the_capability() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    for line in [
        "CAP REQ :batch draft/metadata-2",
        "PASS secret",
        "NICK x",
        "USER x 0 * :x",
    ] {
        irc.send(conn, line);
    }
    let told = irc.ask(conn, "CAP END");
    one(&told, " metadata Ana");
    one(&told, " METADATA Ana display-name * Ana");
    // Asked for later, it comes then.
    let conn = irc.client("batch");
    let told = irc.ask(conn, "CAP REQ draft/metadata-2");
    one(&told, " METADATA Ana display-name * Ana");
    none(&irc.ask(conn, "CAP REQ draft/metadata-2"), " METADATA ");
}

#[test]
fn who_may_not_be_seen_is_nobody() {
    let mut irc = Irc::new();
    ben_says(&mut irc, Some("words"), Some("busy"));
    let conn = irc.in_general(CAPS);
    irc.send(conn, "METADATA * SUB status about display-name");
    irc.lines(conn);
    // He leaves the club: nothing names him any more.
    irc.node
        .change_club(|club| club.members = Arc::new(club.members[..1].to_vec()));
    irc.turn();
    irc.lines(conn);
    for line in ["LIST", "GET status", "SYNC", "SET status :x", "CLEAR"] {
        let of_him = irc.ask(conn, &format!("METADATA Ben-Ash {line}"));
        let of_nobody = irc.ask(conn, &format!("METADATA Sesame {line}"));
        let same: Vec<String> = of_nobody
            .iter()
            .map(|line| line.replace("Sesame", "Ben-Ash"))
            .collect();
        assert_eq!(of_him, same, "{line}");
        one(&of_him, "FAIL METADATA INVALID_TARGET Ben-Ash ");
        for word in ["words", "busy", &BEN.to_string()] {
            none(&of_him, word);
        }
    }
}

#[test]
fn a_change_to_what_it_was_already_hides_none_that_follows() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    irc.ask(conn, "METADATA * SUB status");
    for _ in 0..2 {
        one(&irc.ask(conn, "METADATA * SET status :busy"), " 761 ");
    }
    // In the window it is set to another one and back.
    for status in ["free", "busy"] {
        irc.node.change_club(|club| {
            let mut members = club.members.to_vec();
            members[0].status = Some(status.to_owned());
            club.members = Arc::new(members);
        });
        irc.turn();
        let told = irc.lines(conn);
        one(&told, &format!(" METADATA Ana status * {status}"));
    }
}

#[test]
fn rooms_are_told_of_by_the_keys_that_they_have() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    irc.ask(
        conn,
        "METADATA * SUB about display-name alloquy.chat/community",
    );
    // The name in IRC stays what it is.
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[0].name = "General!".to_owned();
        club.channels = Arc::new(channels);
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " METADATA #our-club/general display-name * General!");
    none(&told, " RENAME ");
    // A group has a name and a topic, and no community.
    irc.node.open_direct();
    irc.node.change(|snapshot| {
        let mut group = CommunitySnapshot::clone(&snapshot.communities[&DIRECT]);
        group.direct = Some(DirectKind::Group);
        group.name = "Trip".to_owned();
        snapshot.communities.insert(DIRECT, Arc::new(group));
    });
    irc.turn();
    one(&irc.ask(conn, "JOIN #dm/trip"), " JOIN #dm/trip");
    irc.node.change(|snapshot| {
        let mut group = CommunitySnapshot::clone(&snapshot.communities[&DIRECT]);
        group.name = "Trip!".to_owned();
        group.topic = "where to".to_owned();
        snapshot.communities.insert(DIRECT, Arc::new(group));
    });
    irc.turn();
    let told = irc.lines(conn);
    one(&told, " METADATA #dm/trip display-name * Trip!");
    none(&told, "about");
    none(&told, "alloquy.chat/community");
}

#[test]
fn rooms_that_are_read_all_at_once_wait_for_one_another() {
    let mut irc = Irc::new();
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        for number in 0..500_u16 {
            let mut id = [90; 32];
            id[..2].copy_from_slice(&number.to_be_bytes());
            let mut member = member(AccountId(id), &format!("m{number} {}", "n".repeat(40)));
            (member.about, member.status) = (Some("a".repeat(300)), Some("s".repeat(256)));
            members.push(member);
        }
        club.members = Arc::new(members);
    });
    let conn = irc.in_general(CAPS);
    let told = irc.ask(conn, "METADATA * SUB about status display-name");
    // Nothing is under way.
    one(&told, " 774 Ana #our-club/general");
    assert!(
        told.iter()
            .any(|line| line.ends_with(" 774 Ana #our-club/general"))
    );
    let mut bytes = 0;
    let mut waits = 0;
    for _ in 0..5 {
        let told = irc.ask(conn, "METADATA #our-club/general SYNC");
        bytes += told.iter().map(|line| line.len() + 2).sum::<usize>();
        let [only] = told.as_slice() else {
            continue;
        };
        let seconds = only.strip_prefix(":irc.test 774 Ana #our-club/general ");
        waits = seconds.expect("that it waits").parse().unwrap();
    }
    assert!((200_000..700_000).contains(&bytes), "{bytes}");
    assert!((1..=10).contains(&waits), "{waits}");
    // Who joins is told when it may ask.
    irc.ask(conn, "PART #our-club/general");
    let told = irc.ask(conn, "JOIN #our-club/general");
    one(&told, &format!(" 774 Ana #our-club/general {waits}"));
    irc.pass(waits * 1_000);
    let told = irc.ask(conn, "METADATA #our-club/general SYNC");
    assert!(told.len() > 1_000, "{}", told.len());
}
