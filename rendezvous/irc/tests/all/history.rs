//! CHATHISTORY and MARKREAD.

use std::collections::BTreeSet;

use alloquy_api::Command;

use crate::fake::{BEN, DIRECT_CHANNEL, GENERAL, Irc, SECRET, none, one};

const CAPS: &str = "message-tags server-time batch draft/chathistory";

/// Ids and texts of one answer, which must be one batch.
fn page(irc: &mut Irc, conn: alloquy_irc::ConnId, line: &str) -> Vec<(String, String)> {
    let told = irc.ask(conn, line);
    assert!(
        told[0].contains("BATCH +") && told[0].contains(" chathistory "),
        "{told:#?}"
    );
    assert!(told.last().unwrap().contains("BATCH -"), "{told:#?}");
    let rows = told[1..told.len() - 1].iter().map(|line| {
        assert!(
            line.starts_with("@batch=") && line.contains(";time="),
            "{line}"
        );
        let id = line.split_once("msgid=").unwrap().1[..52].to_owned();
        let text = line
            .rsplit_once("general ")
            .unwrap()
            .1
            .trim_start_matches(':')
            .to_owned();
        (id, text)
    });
    rows.collect()
}

fn texts(rows: &[(String, String)]) -> Vec<&str> {
    rows.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn each_subcommand_gives_its_part() {
    let mut irc = Irc::new();
    let ids: Vec<_> = (1..=9)
        .map(|n| irc.node.write(GENERAL, BEN, &format!("m{n}")))
        .collect();
    let conn = irc.client(CAPS);
    let id = |n: usize| format!("msgid={}", ids[n - 1]);
    let time = |n: usize| format!("timestamp=2026-09-21T14:13:{:02}.000Z", 20 + n);
    for (line, expected) in [
        ("LATEST * 3".to_owned(), &["m7", "m8", "m9"][..]),
        (format!("LATEST {} 10", id(7)), &["m8", "m9"]),
        (format!("BEFORE {} 2", id(5)), &["m3", "m4"]),
        (format!("BEFORE {} 2", time(5)), &["m3", "m4"]),
        (format!("AFTER {} 2", id(5)), &["m6", "m7"]),
        (format!("AFTER {} 2", time(5)), &["m6", "m7"]),
        (format!("AROUND {} 3", id(5)), &["m4", "m5", "m6"]),
        (format!("BETWEEN {} {} 2", id(2), id(8)), &["m3", "m4"]),
        (format!("BETWEEN {} {} 2", id(8), id(2)), &["m6", "m7"]),
        (format!("BETWEEN {} {} 9", time(2), time(5)), &["m3", "m4"]),
    ] {
        let (subcommand, rest) = line.split_once(' ').unwrap();
        let rows = page(
            &mut irc,
            conn,
            &format!("CHATHISTORY {subcommand} #our-club/general {rest}"),
        );
        assert_eq!(texts(&rows), expected, "{line}");
    }
}

#[test]
fn paging_gives_every_message_once_in_both_directions() {
    let mut irc = Irc::new();
    for n in 0..10_000 {
        irc.node.write(GENERAL, BEN, &format!("m{n}"));
    }
    let conn = irc.client(CAPS);
    let mut seen: Vec<String> = Vec::new();
    let mut rows = page(&mut irc, conn, "CHATHISTORY LATEST #our-club/general * 170");
    while let Some((first, _)) = rows.first().cloned() {
        seen.splice(0..0, rows.iter().map(|(_, text)| text.clone()));
        rows = page(
            &mut irc,
            conn,
            &format!("CHATHISTORY BEFORE #our-club/general msgid={first} 170"),
        );
    }
    let all: Vec<String> = (0..10_000).map(|n| format!("m{n}")).collect();
    assert_eq!(seen, all);
    let mut seen = Vec::new();
    let mut from = format!("msgid={}", irc.node.messages[&GENERAL][0].id);
    loop {
        let rows = page(
            &mut irc,
            conn,
            &format!("CHATHISTORY AFTER #our-club/general {from} 500"),
        );
        let Some((last, _)) = rows.last() else { break };
        assert!(rows.len() <= 200, "a limit of ours");
        from = format!("msgid={last}");
        seen.extend(rows.into_iter().map(|(_, text)| text));
    }
    assert_eq!(seen, all[1..]);
}

/// Texts of all pages, each asked for by what the one before ended with.
fn walk(
    irc: &mut Irc,
    conn: alloquy_irc::ConnId,
    next: impl Fn(&[(String, String)]) -> Option<String>,
) -> Vec<String> {
    let mut seen = Vec::new();
    let mut rows = Vec::new();
    while let Some(line) = next(&rows) {
        rows = page(irc, conn, &format!("CHATHISTORY {line}"));
        if rows.is_empty() {
            break;
        }
        seen.extend(rows.iter().map(|(_, text)| text.clone()));
    }
    seen
}

#[test]
fn ten_thousand_messages_come_once_by_time_between_two_and_around_one() {
    let mut irc = Irc::new();
    let ids: Vec<String> = (0..10_000)
        .map(|n| irc.node.write(GENERAL, BEN, &format!("m{n}")).to_string())
        .collect();
    let time = |text: &str| {
        let number: u64 = text[1..].parse().unwrap();
        let at = alloquy_ids::UnixMs(crate::fake::START + (number + 1) * 1000);
        format!("timestamp={}", alloquy_irc::text::iso_time(at))
    };
    let all: Vec<String> = (0..10_000).map(|n| format!("m{n}")).collect();
    let conn = irc.client(CAPS);
    let channel = "#our-club/general";
    let epoch = "timestamp=1970-01-01T00:00:00.000Z";
    let end = "timestamp=2100-01-01T00:00:00.000Z";
    let from = |rows: &[(String, String)]| rows.last().map_or(epoch.to_owned(), |row| time(&row.1));
    let after = walk(&mut irc, conn, |rows| {
        Some(format!("AFTER {channel} {} 200", from(rows)))
    });
    assert!(after == all, "after, by time");
    let between = walk(&mut irc, conn, |rows| {
        Some(format!("BETWEEN {channel} {} {end} 173", from(rows)))
    });
    assert!(between == all, "between, by time");
    let first = |rows: &[(String, String)]| rows.first().map_or(end.to_owned(), |row| time(&row.1));
    for command in ["BEFORE", "BETWEEN"] {
        let until = if command == "BETWEEN" { epoch } else { "" };
        let mut pages: Vec<Vec<String>> = Vec::new();
        let mut at = end.to_owned();
        loop {
            let line = format!("CHATHISTORY {command} {channel} {at} {until} 200");
            let rows = page(&mut irc, conn, &line);
            if rows.is_empty() {
                break;
            }
            at = first(&rows);
            pages.push(rows.into_iter().map(|(_, text)| text).collect());
        }
        pages.reverse();
        assert!(pages.concat() == all, "{command}, backwards by time");
    }
    let by_id = walk(&mut irc, conn, |rows| {
        let from = rows.last().map_or(&ids[0], |row| &row.0);
        Some(format!(
            "BETWEEN {channel} msgid={from} msgid={} 200",
            ids[9_999]
        ))
    });
    assert!(by_id == all[1..9_999], "between, by id");
    let since = walk(&mut irc, conn, |rows| {
        let line = format!("LATEST {channel} msgid={} 200", ids[9_900]);
        rows.is_empty().then_some(line)
    });
    assert!(since == all[9_901..], "the latest, as far as they are new");
    let mut seen = Vec::new();
    for at in (50..10_000).step_by(101) {
        let line = format!("CHATHISTORY AROUND {channel} msgid={} 101", ids[at]);
        let rows = page(&mut irc, conn, &line);
        seen.extend(rows.into_iter().map(|(_, text)| text));
    }
    assert!(
        seen == all[..seen.len()] && seen.len() > 9_900,
        "windows join"
    );
}

#[test]
fn targets_are_paged_by_time() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.node.write(GENERAL, BEN, "m1");
    irc.node.write(SECRET, BEN, "m2");
    irc.node.write(DIRECT_CHANNEL, BEN, "m3");
    let conn = irc.in_general(CAPS);
    irc.send(conn, "JOIN #our-club/secret");
    let mut from = "2026-01-01T00:00:00.000Z".to_owned();
    let mut seen = Vec::new();
    loop {
        let line =
            format!("CHATHISTORY TARGETS timestamp={from} timestamp=2030-01-01T00:00:00.000Z 1");
        let told = irc.ask(conn, &line);
        let Some(row) = told.iter().find(|line| line.contains(" TARGETS ")) else {
            break;
        };
        let words: Vec<&str> = row.split(' ').collect();
        seen.push(words[4].to_owned());
        from = words[5].to_owned();
    }
    assert_eq!(seen, ["#our-club/general", "#our-club/secret", "Ben-Ash"]);
}

#[test]
fn what_was_deleted_is_left_out_and_what_was_edited_has_its_last_text() {
    let mut irc = Irc::new();
    let (one_, two) = (
        irc.node.write(GENERAL, BEN, "gone"),
        irc.node.write(GENERAL, BEN, "old"),
    );
    irc.node.alter(one_, |message| message.deleted = true);
    irc.node
        .alter(two, |message| message.text = "new".to_owned());
    let conn = irc.client(CAPS);
    let rows = page(&mut irc, conn, "CHATHISTORY LATEST #our-club/general * 10");
    assert_eq!(texts(&rows), ["new"]);
}

#[test]
fn bad_requests_fail_with_their_codes() {
    let mut irc = Irc::new();
    let id = irc.node.write(SECRET, BEN, "elsewhere");
    irc.node.write(GENERAL, BEN, "here");
    let conn = irc.client(CAPS);
    for (line, code) in [
        (
            "CHATHISTORY WRONG #our-club/general * 5".to_owned(),
            "INVALID_PARAMS WRONG ",
        ),
        ("CHATHISTORY LATEST".to_owned(), "NEED_MORE_PARAMS LATEST "),
        (
            "CHATHISTORY LATEST #our-club/general".to_owned(),
            "NEED_MORE_PARAMS LATEST ",
        ),
        (
            "CHATHISTORY LATEST #our-club/general * many".to_owned(),
            "INVALID_PARAMS LATEST ",
        ),
        (
            "CHATHISTORY BEFORE #our-club/general * 5".to_owned(),
            "INVALID_PARAMS BEFORE ",
        ),
        (
            "CHATHISTORY BEFORE #our-club/general timestamp=yesterday 5".to_owned(),
            "INVALID_PARAMS BEFORE ",
        ),
        (
            "CHATHISTORY LATEST #no/channel * 5".to_owned(),
            "INVALID_TARGET LATEST #no/channel ",
        ),
        (
            "CHATHISTORY LATEST nobody * 5".to_owned(),
            "INVALID_TARGET LATEST nobody ",
        ),
        // An id of another channel says nothing about that channel.
        (
            format!("CHATHISTORY BEFORE #our-club/general msgid={id} 5"),
            "MESSAGE_ERROR BEFORE #our-club/general ",
        ),
        (
            "CHATHISTORY BEFORE #our-club/general eventid=abc 5".to_owned(),
            "INVALID_MSGREFTYPE BEFORE #our-club/general ",
        ),
        (
            "CHATHISTORY TARGETS x y 5".to_owned(),
            "INVALID_PARAMS TARGETS ",
        ),
    ] {
        let told = irc.ask(conn, &line);
        one(&told, &format!("FAIL CHATHISTORY {code}"));
        none(&told, "elsewhere");
    }
}

#[test]
fn targets_are_conversations_and_joined_channels_between_two_instants() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.node.write(GENERAL, BEN, "m1");
    irc.node.write(SECRET, BEN, "m2");
    irc.node.write(DIRECT_CHANNEL, BEN, "m3");
    let conn = irc.in_general(CAPS);
    let ask = "CHATHISTORY TARGETS timestamp=2026-09-21T14:13:20.000Z timestamp=2026-09-21T15:00:00.000Z 10";
    let told = irc.ask(conn, ask);
    one(&told, "draft/chathistory-targets");
    one(
        &told,
        "CHATHISTORY TARGETS #our-club/general 2026-09-21T14:13:21.000Z",
    );
    one(
        &told,
        "CHATHISTORY TARGETS Ben-Ash 2026-09-21T14:13:23.000Z",
    );
    none(&told, "secret");
    let late = "CHATHISTORY TARGETS timestamp=2026-09-21T15:00:00.000Z timestamp=2026-09-21T16:00:00.000Z 10";
    assert_eq!(irc.ask(conn, late).len(), 2, "an empty batch");
}

#[test]
fn a_read_marker_is_kept_told_at_join_and_to_other_connections() {
    let mut irc = Irc::new();
    let ids: Vec<_> = (1..=3)
        .map(|n| irc.node.write(GENERAL, BEN, &format!("m{n}")))
        .collect();
    let conn = irc.client("draft/read-marker");
    let told = irc.ask(conn, "JOIN #our-club/general");
    let at = |text: &str| {
        told.iter()
            .position(|line| line.contains(text))
            .unwrap_or_else(|| panic!("{text}: {told:#?}"))
    };
    assert!(at(" JOIN ") < at("MARKREAD #our-club/general *") && at("MARKREAD") < at(" 366 "));
    let other = irc.in_general("draft/read-marker");
    let deaf = irc.in_general("");
    irc.lines(other);
    irc.lines(deaf);
    let told = irc.ask(
        conn,
        "MARKREAD #our-club/general timestamp=2026-09-21T14:13:22.500Z",
    );
    let mark = "MARKREAD #our-club/general timestamp=2026-09-21T14:13:22.000Z";
    one(&told, mark);
    assert!(irc.node.log.iter().any(
        |command| matches!(command, Command::MarkRead { message: Some(id), .. } if *id == ids[1])
    ));
    one(&irc.lines(other), mark);
    assert!(irc.lines(deaf).is_empty());
    one(&irc.ask(conn, "MARKREAD #our-club/general"), mark);
    let back = "MARKREAD #our-club/general timestamp=2026-09-21T14:13:21.000Z";
    one(&irc.ask(conn, back), mark);
    assert_eq!(irc.node.read[&GENERAL], ids[1], "it never goes back");
    one(&irc.ask(conn, "MARKREAD Ben-Ash"), "MARKREAD Ben-Ash *");
    one(
        &irc.ask(conn, "MARKREAD #our-club/general now"),
        "FAIL MARKREAD INVALID_PARAMS ",
    );
    one(
        &irc.ask(conn, "MARKREAD #nowhere"),
        "FAIL MARKREAD INVALID_PARAMS #nowhere ",
    );
    one(&irc.ask(deaf, "MARKREAD #our-club/general"), " 421 ");
    // Read by the window.
    irc.node.read.insert(GENERAL, ids[2]);
    irc.node
        .events
        .push_back(alloquy_api::Event::UnreadChanged {
            community: crate::fake::CLUB,
            channel: GENERAL,
            unread: 0,
            mentions: 0,
        });
    irc.turn();
    one(&irc.lines(other), "timestamp=2026-09-21T14:13:23.000Z");
}

#[test]
fn ids_are_the_same_for_a_server_that_was_started_again() {
    let mut irc = Irc::new();
    irc.node.write(GENERAL, BEN, "before");
    let conn = irc.client(CAPS);
    let before: BTreeSet<_> = page(&mut irc, conn, "CHATHISTORY LATEST #our-club/general * 5")
        .into_iter()
        .collect();
    irc.server = alloquy_irc::Server::new(crate::fake::settings());
    let conn = irc.client(CAPS);
    let after: BTreeSet<_> = page(&mut irc, conn, "CHATHISTORY LATEST #our-club/general * 5")
        .into_iter()
        .collect();
    assert_eq!(before, after);
}
