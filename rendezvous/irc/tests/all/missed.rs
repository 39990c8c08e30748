//! What was said while a client was away, for clients that can not ask for it.

use alloquy_api::Event;
use alloquy_ids::{ChannelId, EventId, UnixMs};
use alloquy_irc::{ClientKey, ConnId};

use crate::fake::{ANA, BEN, DIRECT_CHANNEL, GENERAL, Irc, none, one, settings};

const PLAIN: &str = "";
const JOIN: &str = "JOIN #our-club/general";

/// A client of this user name, that has not joined yet.
fn named(irc: &mut Irc, user: &str, caps: &str) -> (ConnId, Vec<String>) {
    let conn = irc.connect();
    for line in ["CAP LS 302", "PASS secret", "NICK somebody"] {
        irc.send(conn, line);
    }
    irc.send(conn, &format!("USER {user} 0 * :r"));
    irc.send(conn, &format!("CAP REQ :{caps}"));
    let told = irc.ask(conn, "CAP END");
    (conn, told)
}

fn quits(irc: &mut Irc, conn: ConnId) {
    irc.send(conn, "QUIT");
    irc.server.closed(conn, irc.now);
    irc.turn();
}

fn write(irc: &mut Irc, texts: &[&str]) -> Vec<EventId> {
    let ids = texts.iter().map(|text| irc.node.write(GENERAL, BEN, text));
    let ids = ids.collect();
    irc.turn();
    ids
}

/// The texts that were said, in the order in which they were told.
fn texts(told: &[String]) -> Vec<&str> {
    let said = told.iter().filter(|line| !line.contains(":irc.test "));
    let said = said.filter_map(|line| line.split_once(" PRIVMSG ")?.1.split_once(' '));
    said.map(|(_, text)| text.strip_prefix(':').unwrap_or(text))
        .collect()
}

#[test]
fn a_client_that_was_never_here_is_given_the_last_lines_behind_the_names() {
    let mut irc = Irc::new();
    for number in 0..40 {
        write(&mut irc, &[&format!("line {number}")]);
    }
    let (conn, _) = named(&mut irc, "one", "server-time");
    let told = irc.ask(conn, JOIN);
    let expected: Vec<String> = (10..40).map(|number| format!("line {number}")).collect();
    assert_eq!(texts(&told), expected);
    let end = told.iter().position(|line| line.contains(" 366 ")).unwrap();
    let first = told.iter().position(|line| line.contains("line 10"));
    assert!(first.unwrap() > end, "{told:?}");
    let line = one(&told, "line 39");
    assert!(line.starts_with("@time=2026-09-21T14:14:00.000Z :Ben-Ash!"));
}

#[test]
fn who_comes_back_is_given_what_was_missed_and_nothing_twice() {
    let mut irc = Irc::new();
    write(&mut irc, &["before"]);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert_eq!(texts(&irc.ask(conn, JOIN)), ["[14:13:21] before"]);
    write(&mut irc, &["live"]);
    assert_eq!(texts(&irc.lines(conn)), ["live"]);
    // Over one connection.
    irc.ask(conn, "PART #our-club/general");
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
    irc.ask(conn, "PART #our-club/general");
    write(&mut irc, &["while out"]);
    assert_eq!(texts(&irc.ask(conn, JOIN)), ["[14:13:23] while out"]);
    quits(&mut irc, conn);
    write(&mut irc, &["while away", "_waves_"]);
    // Another client of the account is another one.
    let (other, _) = named(&mut irc, "two", PLAIN);
    assert_eq!(texts(&irc.ask(other, JOIN)).len(), 5);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    let told = irc.ask(conn, JOIN);
    let expected = ["[14:13:24] while away", "\u{1}ACTION [14:13:25] waves\u{1}"];
    assert_eq!(texts(&told), expected);
    // One that was gone without having joined has missed what it had missed before.
    quits(&mut irc, conn);
    write(&mut irc, &["much later"]);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    quits(&mut irc, conn);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.now.wall = UnixMs(irc.now.wall.0 + 24 * 3600 * 1000);
    let told = irc.ask(conn, JOIN);
    // Not of today.
    assert_eq!(texts(&told), ["[2026-09-21 14:13:26] much later"]);
}

#[test]
fn clients_that_can_ask_and_bots_are_given_nothing() {
    let mut irc = Irc::new();
    write(&mut irc, &["before"]);
    let (conn, _) = named(&mut irc, "one", "draft/chathistory batch");
    none(&irc.ask(conn, JOIN), "before");
    let (bot, _) = named(&mut irc, "two", PLAIN);
    irc.send(bot, "MODE Ana +B");
    none(&irc.ask(bot, JOIN), "before");
}

#[test]
fn who_knows_batches_sees_that_it_is_history() {
    let mut irc = Irc::new();
    write(&mut irc, &["one\ntwo"]);
    let caps = "batch message-tags draft/multiline labeled-response server-time";
    let (conn, _) = named(&mut irc, "one", caps);
    let told = irc.ask(conn, &format!("@label=j {JOIN}"));
    let open = one(&told, " chathistory #our-club/general");
    let reference = open.rsplit_once('+').unwrap().1.split(' ').next().unwrap();
    let inner = one(&told, " draft/multiline #our-club/general");
    assert!(
        inner.starts_with(&format!("@batch={reference};")),
        "{told:?}"
    );
    // The end of the answer is the end of all of it.
    assert!(told.last().unwrap().contains(" BATCH -"), "{told:?}");
    assert_eq!(texts(&told), ["one", "two"]);
}

#[test]
fn what_was_said_to_it_alone_is_given_at_the_welcome() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.node.write(DIRECT_CHANNEL, BEN, "long ago");
    irc.turn();
    irc.now.wall = UnixMs(irc.now.wall.0 + 60_000);
    let (conn, told) = named(&mut irc, "one", PLAIN);
    none(&told, "long ago");
    quits(&mut irc, conn);
    for _ in 0..100 {
        irc.node.write(GENERAL, BEN, "elsewhere");
    }
    irc.node.write(DIRECT_CHANNEL, BEN, "are you there");
    irc.node.write(DIRECT_CHANNEL, ANA, "from the window");
    irc.turn();
    let (_, told) = named(&mut irc, "one", PLAIN);
    let line = one(&told, "are you there");
    assert!(line.contains(" PRIVMSG Ana :[14:15:02] are"), "{line}");
    // It hears nothing of what it says itself, and would take it for Ben's.
    assert_eq!(texts(&told).len(), 1, "{told:?}");
    let (conn, _) = named(&mut irc, "two", "echo-message");
    quits(&mut irc, conn);
    irc.node.write(DIRECT_CHANNEL, ANA, "and again");
    irc.turn();
    let (_, told) = named(&mut irc, "two", "echo-message");
    assert!(one(&told, "and again").contains(" PRIVMSG Ben-Ash :"));
}

#[test]
fn a_clock_that_is_late_and_a_message_that_is_gone_change_nothing() {
    let mut irc = Irc::new();
    let (conn, _) = named(&mut irc, "one", "server-time");
    irc.ask(conn, JOIN);
    write(&mut irc, &["first"]);
    // Behind it in the order of the log, and earlier by its author's clock.
    irc.node.write(GENERAL, BEN, "late");
    if let Some(Event::MessageAdded { message, .. }) = irc.node.events.back_mut() {
        message.time = UnixMs(message.time.0 - 10_000);
    }
    irc.turn();
    assert_eq!(texts(&irc.lines(conn)), ["first", "late"]);
    quits(&mut irc, conn);
    let (conn, _) = named(&mut irc, "one", "server-time");
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
    // What it saw last does not count any more.
    let last = write(&mut irc, &["last"])[0];
    irc.now.wall = UnixMs(irc.now.wall.0 + 3_500);
    quits(&mut irc, conn);
    irc.node
        .messages
        .get_mut(&GENERAL)
        .unwrap()
        .retain(|message| message.id != last);
    write(&mut irc, &["next"]);
    let (conn, _) = named(&mut irc, "one", "server-time");
    assert_eq!(texts(&irc.ask(conn, JOIN)), ["next"]);
}

#[test]
fn what_is_said_in_the_moment_of_coming_in_is_told_once() {
    let mut irc = Irc::new();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    // The node tells of it before it answers what was said lately.
    irc.node.write(GENERAL, BEN, "just now");
    assert_eq!(texts(&irc.ask(conn, JOIN)), ["just now"]);
    // What another connection says is told when it is known which one it was: here after that answer.
    irc.ask(conn, "PART #our-club/general");
    let (other, _) = named(&mut irc, "two", PLAIN);
    irc.ask(other, JOIN);
    let line = |line: &str| format!("{line}\r\n").into_bytes();
    let said = line("PRIVMSG #our-club/general :own words");
    irc.server.received(other, &said, irc.now);
    irc.server.received(conn, &line(JOIN), irc.now);
    irc.server.pump(ClientKey::OWN, &mut irc.node, irc.now);
    let kinds: Vec<bool> = irc.node.events.iter().map(is_done).collect();
    assert_eq!(kinds, [false, true, true]);
    irc.node.events.swap(1, 2);
    irc.turn();
    assert_eq!(texts(&irc.lines(conn)), ["own words"]);
}

fn is_done(event: &Event) -> bool {
    matches!(event, Event::Done { .. })
}

#[test]
fn an_edit_that_waits_is_no_news_to_who_is_given_the_last_text() {
    let mut irc = Irc::new();
    let here = irc.in_general(PLAIN);
    let ids = write(&mut irc, &["old words"]);
    let edit = |irc: &mut Irc, text: &str| {
        irc.node.alter(ids[0], |message| {
            message.text = text.to_owned();
            message.edited = true;
        });
        irc.turn();
    };
    edit(&mut irc, "new words");
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert_eq!(texts(&irc.ask(conn, JOIN)), ["[14:13:21] new words"]);
    let asks = irc.client("draft/chathistory");
    irc.ask(asks, JOIN);
    one(
        &irc.ask(asks, "CHATHISTORY LATEST #our-club/general * 5"),
        "new words",
    );
    irc.lines(here);
    irc.pass(10_000);
    assert_eq!(texts(&irc.lines(here)), ["* new words"]);
    assert!(texts(&irc.lines(conn)).is_empty());
    assert!(texts(&irc.lines(asks)).is_empty());
    // One more is news to it as well.
    edit(&mut irc, "newer words");
    irc.pass(10_000);
    assert_eq!(texts(&irc.lines(conn)), ["* newer words"]);
}

/// Ben writes something that stands before all else in the room, by the log and by his clock.
fn write_late(irc: &mut Irc, channel: ChannelId, text: &str) {
    irc.node.write(channel, BEN, text);
    irc.turn();
    let messages = irc.node.messages.get_mut(&channel).unwrap();
    let mut late = messages.pop().unwrap();
    late.time = UnixMs(messages[0].time.0 - 600_000);
    messages.insert(0, late);
}

#[test]
fn what_comes_late_is_missed_wherever_it_stands() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    irc.node.write(DIRECT_CHANNEL, BEN, "long ago");
    irc.turn();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    write(&mut irc, &["one", "two"]);
    irc.node.write(DIRECT_CHANNEL, BEN, "alone");
    irc.turn();
    assert_eq!(texts(&irc.lines(conn)), ["one", "two", "alone"]);
    quits(&mut irc, conn);
    write_late(&mut irc, GENERAL, "from a device that was away");
    write_late(&mut irc, DIRECT_CHANNEL, "by a clock that is slow");
    let (conn, told) = named(&mut irc, "one", PLAIN);
    assert_eq!(texts(&told).len(), 1, "{told:?}");
    one(&told, "by a clock that is slow");
    let told = irc.ask(conn, JOIN);
    assert_eq!(texts(&told).len(), 1, "{told:?}");
    one(&told, "from a device that was away");
}

#[test]
fn what_was_told_into_a_lost_connection_is_given_again() {
    let mut irc = Irc::new();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    write(&mut irc, &["heard"]);
    irc.now.mono.0 += 1_000;
    irc.ask(conn, "PING alive");
    irc.now.mono.0 += 1_000;
    write(&mut irc, &["into the void"]);
    irc.pass(120_000);
    irc.pass(120_000);
    one(&irc.lines(conn), "Ping timeout");
    irc.server.closed(conn, irc.now);
    irc.turn();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    let told = irc.ask(conn, JOIN);
    assert_eq!(texts(&told).len(), 1, "{told:?}");
    one(&told, "into the void");
    // Who closes it was there.
    irc.now.mono.0 += 1_000;
    write(&mut irc, &["read"]);
    irc.now.mono.0 += 1_000;
    irc.server.closed(conn, irc.now);
    irc.turn();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
}

/// The server starts anew; the node and what it keeps stay.
fn restart(irc: &mut Irc) {
    irc.server = alloquy_irc::Server::new(settings());
    irc.turn();
}

#[test]
fn a_server_that_is_stopped_knows_its_clients_again() {
    let mut irc = Irc::new();
    write(&mut irc, &["first"]);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    for number in 0..150 {
        write(&mut irc, &[&format!("line {number}")]);
    }
    let (gone, _) = named(&mut irc, "two", PLAIN);
    irc.ask(gone, JOIN);
    quits(&mut irc, gone);
    irc.lines(conn);
    irc.server.stop(irc.now);
    assert!(irc.server.is_keeping());
    irc.turn();
    assert!(!irc.server.is_keeping());
    one(&irc.lines(conn), "ERROR :Closing link: The server stops");
    // Over and over: what is kept is made anew from what was kept.
    for round in 0..3 {
        restart(&mut irc);
        let text = format!("missed in round {round}");
        write(&mut irc, &[&text]);
        let mut conns = Vec::new();
        for user in ["one", "two"] {
            let (conn, _) = named(&mut irc, user, PLAIN);
            let told = irc.ask(conn, JOIN);
            assert_eq!(texts(&told).len(), 1, "{user}: {told:?}");
            one(&told, &text);
            conns.push(conn);
        }
        irc.now.mono.0 += 1_000;
        for conn in conns {
            irc.ask(conn, "PING alive");
        }
        irc.server.stop(irc.now);
        irc.turn();
    }
    restart(&mut irc);
    let (conn, _) = named(&mut irc, "three", PLAIN);
    assert_eq!(texts(&irc.ask(conn, JOIN)).len(), 30);
}

#[test]
fn after_a_crash_what_was_not_heard_of_is_given_again() {
    let mut irc = Irc::new();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    write(&mut irc, &["heard"]);
    irc.now.mono.0 += 1_000;
    irc.ask(conn, "PING alive");
    irc.now.mono.0 += 1_000;
    write(&mut irc, &["perhaps lost"]);
    irc.pass(60_000);
    restart(&mut irc);
    write(&mut irc, &["missed"]);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    let told = irc.ask(conn, JOIN);
    assert_eq!(texts(&told).len(), 2, "{told:?}");
    one(&told, "perhaps lost");
    one(&told, "missed");
    // Heard by now: it is kept while the connection lasts.
    irc.now.mono.0 += 1_000;
    irc.ask(conn, "PING alive");
    irc.pass(60_000);
    restart(&mut irc);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
}

#[test]
fn a_server_that_is_stopped_asks_for_a_sign_of_life() {
    let mut irc = Irc::new();
    let (awake, _) = named(&mut irc, "awake", PLAIN);
    let (asleep, _) = named(&mut irc, "asleep", PLAIN);
    for conn in [awake, asleep] {
        irc.ask(conn, JOIN);
    }
    irc.now.mono.0 += 1_000;
    write(&mut irc, &["to both"]);
    irc.now.mono.0 += 1_000;
    irc.server.ask_for_word(irc.now);
    irc.turn();
    for conn in [awake, asleep] {
        one(&irc.lines(conn), "PING irc.test");
    }
    irc.now.mono.0 += 10;
    assert!(irc.server.awaits_word());
    irc.ask(awake, "PONG irc.test");
    assert!(irc.server.awaits_word());
    irc.server.stop(irc.now);
    irc.turn();
    restart(&mut irc);
    let (conn, _) = named(&mut irc, "awake", PLAIN);
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
    let (conn, _) = named(&mut irc, "asleep", PLAIN);
    one(&irc.ask(conn, JOIN), "to both");
    // Whom nothing was told since it was heard is not asked.
    irc.now.mono.0 += 1_000;
    irc.ask(conn, "PING alive");
    irc.server.ask_for_word(irc.now);
    assert!(!irc.server.awaits_word());
}

#[test]
fn two_connections_of_one_name_in_other_rooms_are_both_known_after_a_crash() {
    let mut irc = Irc::new();
    irc.node.open_direct();
    write(&mut irc, &["in the channel"]);
    let (phone, _) = named(&mut irc, "one", PLAIN);
    irc.ask(phone, JOIN);
    let (laptop, _) = named(&mut irc, "one", PLAIN);
    irc.node.write(DIRECT_CHANNEL, BEN, "to her alone");
    irc.turn();
    irc.now.mono.0 += 1_000;
    for conn in [phone, laptop] {
        irc.ask(conn, "PING alive");
    }
    irc.pass(60_000);
    restart(&mut irc);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert!(texts(&irc.lines(conn)).is_empty());
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
}

#[test]
fn what_is_kept_is_written_once_and_bounded() {
    let mut irc = Irc::new();
    let kept = |irc: &Irc| -> Vec<String> {
        let kept = irc.node.snapshot.kept.keys();
        kept.filter(|name| name.starts_with("irc/has/"))
            .cloned()
            .collect()
    };
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    write(&mut irc, &["hello"]);
    irc.now.mono.0 += 1_000;
    irc.ask(conn, "PING alive");
    irc.pass(60_000);
    assert_eq!(kept(&irc).len(), 1);
    let before = irc.node.snapshot.kept.clone();
    irc.pass(30_000);
    irc.ask(conn, "PING alive");
    irc.pass(60_000);
    // It leaves with what is kept already.
    irc.now.wall.0 += 1_000;
    quits(&mut irc, conn);
    assert_eq!(irc.node.snapshot.kept, before);
    for number in 0..20 {
        let (conn, _) = named(&mut irc, &format!("user{number}"), PLAIN);
        irc.ask(conn, JOIN);
        irc.now.wall.0 += 1_000;
        quits(&mut irc, conn);
    }
    let names = kept(&irc);
    assert_eq!(names.len(), 16, "{names:?}");
    assert!(names.iter().any(|name| name.ends_with("/user19")));
    assert!(!names.iter().any(|name| name.ends_with("/user1")));
    // All at once, before the node has taken any of it.
    let conns: Vec<_> = (0..20)
        .map(|number| {
            let (conn, _) = named(&mut irc, &format!("other{number}"), PLAIN);
            irc.ask(conn, JOIN);
            conn
        })
        .collect();
    for conn in conns {
        irc.now.wall.0 += 1_000;
        irc.server.closed(conn, irc.now);
    }
    irc.turn();
    let names = kept(&irc);
    assert_eq!(names.len(), 16, "{names:?}");
    // No name for it: nothing is kept, and nothing breaks.
    let (conn, _) = named(&mut irc, &"u".repeat(90), PLAIN);
    irc.ask(conn, JOIN);
    quits(&mut irc, conn);
    assert_eq!(kept(&irc), names);
}

#[test]
fn connections_of_one_name_in_other_rooms_take_nothing_from_each_other() {
    let mut irc = Irc::new();
    write(&mut irc, &["before"]);
    let (here, _) = named(&mut irc, "one", PLAIN);
    let (there, _) = named(&mut irc, "one", PLAIN);
    irc.ask(here, JOIN);
    irc.now.mono.0 += 1_000;
    write(&mut irc, &["live"]);
    quits(&mut irc, here);
    irc.now.mono.0 += 1_000;
    quits(&mut irc, there);
    let (conn, _) = named(&mut irc, "one", PLAIN);
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
}

#[test]
fn what_is_said_meanwhile_stands_behind_what_was_missed() {
    let mut irc = Irc::new();
    write(&mut irc, &["question"]);
    let (conn, _) = named(&mut irc, "one", "server-time");
    let line = |line: &str| format!("{line}\r\n").into_bytes();
    irc.server.received(conn, &line(JOIN), irc.now);
    irc.server.pump(ClientKey::OWN, &mut irc.node, irc.now);
    // Told before the node's answer, which does not have it.
    let answer = irc.node.events.pop_back().expect("it has answered");
    assert!(is_done(&answer));
    irc.node.write(GENERAL, BEN, "answer");
    irc.node.events.push_back(answer);
    irc.turn();
    assert_eq!(texts(&irc.lines(conn)), ["question", "answer"]);
}

#[test]
fn a_flood_that_was_missed_is_cut_and_said_to_be() {
    let mut irc = Irc::new();
    let (conn, _) = named(&mut irc, "one", PLAIN);
    irc.ask(conn, JOIN);
    quits(&mut irc, conn);
    let long = "x".repeat(3_000);
    for _ in 0..150 {
        write(&mut irc, &[&long]);
    }
    let (conn, _) = named(&mut irc, "one", PLAIN);
    let told = irc.ask(conn, JOIN);
    let bytes: usize = told.iter().map(String::len).sum();
    assert!(bytes < 100 * 1024, "{bytes}");
    let cut = told.iter().position(|line| line.contains("more was said"));
    let first = told.iter().position(|line| line.contains("xxx"));
    assert!(cut.unwrap() < first.unwrap());
    quits(&mut irc, conn);
    // What was left out is not given at the next time as if it were new.
    let (conn, _) = named(&mut irc, "one", PLAIN);
    none(&irc.ask(conn, JOIN), "xxx");
    // More messages than a page has.
    quits(&mut irc, conn);
    for _ in 0..250 {
        write(&mut irc, &["short"]);
    }
    let (conn, _) = named(&mut irc, "one", PLAIN);
    let told = irc.ask(conn, JOIN);
    one(&told, "more was said");
    assert_eq!(texts(&told).len(), 200);
}

#[test]
fn one_account_puts_out_no_client_of_another() {
    let mut irc = Irc::new();
    write(&mut irc, &["before"]);
    for number in 0..20 {
        let (conn, _) = named(&mut irc, &format!("u{number}"), PLAIN);
        irc.ask(conn, JOIN);
        quits(&mut irc, conn);
        irc.now.mono.0 += 60_000;
        irc.now.wall.0 += 60_000;
    }
    // The last sixteen are known.
    let (conn, _) = named(&mut irc, "u4", PLAIN);
    assert!(texts(&irc.ask(conn, JOIN)).is_empty());
    let (conn, _) = named(&mut irc, "u3", PLAIN);
    assert_eq!(texts(&irc.ask(conn, JOIN)).len(), 1);
}
