//! Changes of messages that the gateway has not seen, or has forgotten; what a connection says of itself.

use std::sync::Arc;

use alloquy_api::Event;

use crate::fake::{ANA, BEN, CLUB, DIRECT_CHANNEL, GENERAL, Irc, START, none, one};

const CAPS: &str = "message-tags batch draft/chathistory draft/message-redaction";

/// The gateway starts anew: it has seen nothing.
fn forgotten(irc: &mut Irc) {
    irc.turn();
    irc.server = alloquy_irc::Server::new(crate::fake::settings());
}

#[test]
fn a_deletion_needs_no_earlier_state() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    let ids = [
        irc.node.write(GENERAL, BEN, "one"),
        irc.node.write(GENERAL, BEN, "two"),
        irc.node.write(DIRECT_CHANNEL, BEN, "three"),
    ];
    forgotten(&mut irc);
    // Nobody was given what had been said before.
    let conn = irc.in_general(&format!("{CAPS} draft/chathistory"));
    let deaf = irc.in_general("message-tags draft/chathistory");
    irc.lines(conn);
    irc.lines(deaf);
    irc.node.alter(ids[0], |message| message.deleted = true);
    irc.turn();
    let told = irc.lines(conn);
    let line = one(&told, "REDACT");
    assert!(
        line.contains(":Ben-Ash!") && line.ends_with(&format!("#our-club/general {}", ids[0])),
        "{line}"
    );
    for (channel, id) in [(GENERAL, ids[1]), (DIRECT_CHANNEL, ids[2])] {
        irc.node.events.push_back(Event::MessageRemoved {
            community: CLUB,
            channel,
            message: id,
        });
    }
    irc.turn();
    let told = irc.lines(conn);
    one(
        &told,
        &format!(":irc.test REDACT #our-club/general {}", ids[1]),
    );
    one(&told, &format!(":irc.test REDACT Ben-Ash {}", ids[2]));
    none(&irc.lines(deaf), "REDACT");
    // Once is enough.
    irc.node.alter(ids[0], |message| message.pinned = true);
    irc.turn();
    none(&irc.lines(conn), "REDACT");
}

#[test]
fn what_was_never_shown_is_not_taken_back() {
    let mut irc = Irc::new();
    let conn = irc.in_general(CAPS);
    let id = irc.node.write(GENERAL, BEN, "");
    if let Some(Event::MessageAdded { message, .. }) = irc.node.events.back_mut() {
        message.waiting = true;
    }
    irc.turn();
    irc.lines(conn);
    irc.node.alter(id, |message| message.deleted = true);
    irc.node.events.push_back(Event::MessageRemoved {
        community: CLUB,
        channel: GENERAL,
        message: id,
    });
    irc.turn();
    none(&irc.lines(conn), "REDACT");
}

#[test]
fn whoever_reads_far_back_still_hears_what_becomes_of_what_was_just_said() {
    let mut irc = Irc::new();
    for n in 0..9_000 {
        irc.node.write(GENERAL, BEN, &format!("m{n}"));
    }
    forgotten(&mut irc);
    let conn = irc.in_general(CAPS);
    let id = irc.node.write(GENERAL, BEN, "just said");
    irc.turn();
    let mut from = irc.node.messages[&GENERAL][0].id;
    // More than are remembered, and not as far as what was just said.
    for _ in 0..43 {
        irc.send(
            conn,
            &format!("CHATHISTORY AFTER #our-club/general msgid={from} 200"),
        );
        let at = irc.node.messages[&GENERAL]
            .iter()
            .position(|message| message.id == from)
            .unwrap();
        from = irc.node.messages[&GENERAL][(at + 200).min(9_000)].id;
    }
    irc.lines(conn);
    irc.node.react(id, ANA, "👍");
    irc.turn();
    one(&irc.lines(conn), "+draft/react=👍");
    // And what was read last is remembered, too.
    let read = irc.node.messages[&GENERAL][8_599].id;
    irc.node.react(read, ANA, "🎉");
    irc.turn();
    one(&irc.lines(conn), "+draft/react=🎉");
}

#[test]
fn a_notice_comes_back_as_a_notice() {
    let mut irc = Irc::new();
    let conn = irc.in_general("echo-message");
    let other = irc.in_general("");
    irc.lines(other);
    let told = irc.ask(conn, "NOTICE #our-club/general :take note");
    one(&told, " NOTICE #our-club/general :take note");
    one(&irc.lines(other), " NOTICE #our-club/general :take note");
    // No node tells which of both it was.
    irc.node.write(GENERAL, BEN, "beep beep");
    irc.turn();
    one(&irc.lines(conn), " PRIVMSG #our-club/general :beep beep");
}

#[test]
fn what_a_bot_says_is_marked_where_it_is_known() {
    let mut irc = Irc::new();
    let conn = irc.in_general("echo-message message-tags");
    let other = irc.in_general("message-tags");
    irc.send(conn, "MODE Ana +B");
    irc.lines(other);
    let told = irc.ask(conn, "PRIVMSG #our-club/general :beep");
    assert!(one(&told, "beep").contains(";bot "), "{told:?}");
    let told = irc.lines(other);
    assert!(one(&told, "beep").contains(";bot "), "{told:?}");
    let told = irc.ask(other, "PRIVMSG #our-club/general :boop");
    none(&told, "bot");
    assert!(!one(&irc.lines(conn), "boop").contains(";bot "));
}

fn rename(irc: &mut Irc, name: &str) {
    irc.node.change_club(|club| {
        let mut channels = club.channels.to_vec();
        channels[0].name = name.to_owned();
        club.channels = Arc::new(channels);
    });
}

#[test]
fn a_renamed_channel_is_told_as_such_or_as_leaving_and_coming() {
    let mut irc = Irc::new();
    let new = irc.in_general("draft/channel-rename");
    let old = irc.in_general("");
    irc.lines(new);
    irc.lines(old);
    rename(&mut irc, "lounge");
    irc.turn();
    let told = irc.lines(new);
    one(
        &told,
        ":irc.test RENAME #our-club/general #our-club/lounge :",
    );
    none(&told, " JOIN ");
    none(&told, " 353 ");
    let told = irc.lines(old);
    one(&told, " PART #our-club/general ");
    one(&told, " JOIN #our-club/lounge");
    one(&told, " 366 Ana #our-club/lounge ");
}

#[test]
fn names_of_a_renamed_channel_are_no_part_of_another_answer() {
    let mut irc = Irc::new();
    let conn = irc.in_general("batch labeled-response");
    irc.lines(conn);
    irc.node.rename_at_next = Some("lounge".to_owned());
    let told = irc.ask(conn, "@label=x TOPIC #our-club/general :new");
    one(&told, " 366 Ana #our-club/lounge ");
    assert_eq!(one(&told, "label="), "@label=x :irc.test ACK", "{told:#?}");
}

#[test]
fn who_is_monitored_is_told_of_with_all_that_was_asked_for() {
    let mut irc = Irc::new();
    let conn = irc.client("setname extended-monitor");
    let plain = irc.client("setname");
    irc.send(conn, "MONITOR + Ben-Ash");
    irc.send(plain, "MONITOR + Ben-Ash");
    irc.lines(conn);
    irc.lines(plain);
    irc.node.change_club(|club| {
        let mut members = club.members.to_vec();
        members[1].name = "Ben  Ash".to_owned();
        club.members = Arc::new(members);
    });
    irc.turn();
    one(&irc.lines(conn), "SETNAME :Ben  Ash");
    none(&irc.lines(plain), "SETNAME");
}

#[test]
fn history_has_reactions_for_who_asks_for_events() {
    let mut irc = Irc::new();
    let ids = [
        irc.node.write(GENERAL, BEN, "one"),
        irc.node.write(GENERAL, BEN, "two"),
    ];
    irc.node.react(ids[0], ANA, "👍");
    irc.node.react(ids[0], BEN, "🎉");
    let caps = "message-tags server-time batch draft/chathistory";
    let plain = irc.client(caps);
    let conn = irc.client(&format!("{caps} draft/event-playback"));
    let ask = "CHATHISTORY LATEST #our-club/general * 2";
    none(&irc.ask(plain, ask), "TAGMSG");
    let told = irc.ask(conn, ask);
    assert_eq!(told.len(), 6, "both messages, reactions besides: {told:#?}");
    assert!(told[1].ends_with("one") && told[4].ends_with("two"));
    let line = one(&told, "+draft/react=👍");
    let tags = format!("+reply={0};+draft/reply={0}", ids[0]);
    assert!(
        line.contains("draft/chathistory-context;")
            && line.contains(&tags)
            && line.contains("@batch=")
            && line.contains(" :Ana!")
            && line.ends_with("TAGMSG #our-club/general")
            && !line.contains("msgid"),
        "{line}"
    );
    assert!(irc.now.wall.0 >= START);
}

#[test]
fn tokens_are_told_again_to_who_asks_for_that() {
    let mut irc = Irc::new();
    let conn = irc.connect();
    one(&irc.ask(conn, "ISUPPORT"), " 451 ");
    irc.send(conn, "CAP REQ :batch draft/extended-isupport");
    let told = irc.ask(conn, "ISUPPORT");
    assert!(told[0].contains("BATCH +") && told[0].ends_with(" draft/isupport"));
    assert!(told[1].starts_with("@batch=") && told[1].contains(" 005 * "));
    assert!(told.join(" ").contains("CASEMAPPING=ascii"));
    assert!(told.last().unwrap().contains("BATCH -"));
}
