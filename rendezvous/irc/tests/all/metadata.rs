//! METADATA: what people and channels tell of themselves.

use std::sync::Arc;

use alloquy_api::command::ProfileChange;
use alloquy_api::{Command, CommandError, ErrorCode};
use alloquy_irc::ConnId;

use crate::fake::{BEN, Irc, none, not_permitted, one};

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
    // What is longer than a line is cut, never inside a character.
    ben_says(&mut irc, Some(&"ü".repeat(500)), None);
    let rows = batch(&mut irc, conn, "METADATA Ben-Ash GET about", "Ben-Ash");
    assert!(
        rows[0].ends_with(&format!(" {}", "ü".repeat(128))),
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
    let all: usize = told.iter().map(|line| line.split(' ').count() - 3).sum();
    assert_eq!(all, 50);
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
