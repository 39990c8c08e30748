//! What a home node alone gives back, and what its disk does not tell.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_api::Reply;
use alloquy_api::command::DRAFT_PREFIX;
use alloquy_core::OtherDevices;

use crate::devices::{link, restore};
use crate::history::give_everything;
use crate::home::{disk, holds, kept, kept_club, no_faults, status};
use crate::own_document::keep;
use crate::world::{KEEPS_WORDS, Packet, World};

/// The recovery words of the first node.
fn words(world: &World) -> String {
    let words = world.peers[0].records[&b"\x04"[..]].to_vec();
    String::from_utf8(words).expect("words")
}

/// Takes a node from everybody, for good or until it is connected again.
pub(crate) fn alone(world: &mut World, at: usize) {
    for other in 0..world.peers.len() {
        if world.linked(at, other) {
            world.disconnect(at, other);
        }
    }
}

/// Takes on what somebody has begun, if it is a request still.
pub(crate) fn accept(world: &mut World, at: usize, who: &str) {
    if let Reply::DmRequests { dm_requests } = world.ok(at, "dm requests")
        && !dm_requests.is_empty()
    {
        world.ok(at, &format!("dm accept {who}"));
    }
}

#[test]
fn an_account_whose_devices_are_all_lost_comes_back_from_its_home_node_alone() {
    let (mut world, _) = kept_club(&[KEEPS_WORDS, "ben", "home"]);
    let phone = link(&mut world, 0);
    world.connect(phone, 2);
    world.ok(0, "role create club elder --allow kick,ban");
    world.ok(1, "send club/general \"from ben\"");
    world.ok(0, "send club/general \"from the laptop\"");
    world.ok(phone, "send club/general \"from the phone\"");
    let direct = world.word(0, "dm ben", "channel");
    world.ok(0, &format!("send {direct} \"between us\""));
    world.pass(10_000);
    accept(&mut world, 1, KEEPS_WORDS);
    world.pass(60_000);
    let words = words(&world);
    for at in [0, 1, phone] {
        alone(&mut world, at);
    }
    world.pass(3_600_000);

    let back = restore(&mut world, &words, 2, OtherDevices::Revoke);
    world.pass(120_000);
    assert_eq!(
        world.peers[back].node.account(),
        world.peers[0].node.account()
    );
    let all = ["from ben", "from the laptop", "from the phone"];
    let read = |world: &mut World, at: usize| {
        let mut texts = world.texts(at, "club/general");
        texts.sort();
        texts
    };
    assert_eq!(read(&mut world, back), all);
    assert_eq!(world.texts(back, &direct), ["between us"]);
    assert_eq!(world.snapshot(back).name, KEEPS_WORDS);
    // Roles are the account's, and what they allow is done by whoever is left of it.
    let roles = serde_json::to_value(world.ok(back, "roles club")).expect("plain data");
    assert!(roles.to_string().contains("elder"), "{roles}");
    world.ok(back, "create-channel club text again");
    world.ok(back, "send club/again \"I am back\"");
    world.pass(10_000);
    world.connect(1, 2);
    world.pass(60_000);
    assert_eq!(world.texts(1, "club/again"), ["I am back"]);
    no_faults(&world);
}

#[test]
fn what_is_written_under_later_epochs_is_read_by_who_came_back_and_meets_its_home_node_alone() {
    let (mut world, _) = kept_club(&[KEEPS_WORDS, "ben", "home"]);
    let direct = world.word(0, "dm ben", "channel");
    world.ok(0, &format!("send {direct} \"between us\""));
    world.pass(10_000);
    accept(&mut world, 1, KEEPS_WORDS);
    world.pass(60_000);
    let words = words(&world);
    for at in 0..2 {
        alone(&mut world, at);
    }
    world.pass(3_600_000);
    let back = restore(&mut world, &words, 2, OtherDevices::Revoke);
    world.pass(120_000);
    let forgotten = !world.peers[back].records.contains_key(&b"\x05"[..]);
    assert!(forgotten, "the words open nothing more");

    // Ben has never met the device that came back, and begins epochs that he makes himself.
    let days = 8 * 24 * 3_600_000;
    world.now.mono = world.now.mono.plus(days);
    world.now.wall.0 += days;
    world.connect(1, 2);
    world.pass(60_000);
    world.ok(1, &format!("send {direct} welcome"));
    world.ok(1, "send club/general \"welcome all\"");
    world.pass(5_000);
    assert_eq!(world.texts(back, &direct), ["between us", "welcome"]);
    assert_eq!(world.texts(back, "club/general"), ["welcome all"]);
    // While ben alone is there, and it itself comes later, too.
    alone(&mut world, back);
    world.now.mono = world.now.mono.plus(days);
    world.now.wall.0 += days;
    world.ok(1, &format!("send {direct} \"once more\""));
    world.pass(60_000);
    alone(&mut world, 1);
    world.connect(back, 2);
    world.pass(10_000);
    let all = ["between us", "welcome", "once more"];
    assert_eq!(world.texts(back, &direct), all);
    no_faults(&world);
}

#[test]
fn a_group_of_32_reads_through_a_home_node_what_was_written_while_nobody_else_was_there() {
    let names: Vec<String> = (0..32).map(|at| format!("p{at}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("home");
    let (mut world, _) = kept_club(&names);
    let home = names.len() - 1;
    let others = names[1..home].join(" ");
    let channel = world.word(0, &format!("group create trip {others}"), "channel");
    world.pass(5_000);
    for at in 1..home {
        accept(&mut world, at, "p0");
    }
    world.ok(0, &format!("send {channel} \"who comes\""));
    world.pass(20_000);
    let mut all = vec!["who comes".to_owned()];
    for at in 1..home {
        assert_eq!(world.texts(at, &channel), all, "{at}");
        alone(&mut world, at);
    }
    for number in 0..5 {
        let text = format!("number {number}");
        world.ok(0, &format!("send {channel} \"{text}\""));
        world.pass(1_000);
        all.push(text);
    }
    world.pass(5_000);
    alone(&mut world, 0);
    // A day in one leap: the timers of all those hours fire late, and once.
    let day = 24 * 3_600_000;
    world.now.mono = world.now.mono.plus(day);
    world.now.wall.0 += day;
    for at in 1..home {
        world.connect(at, home);
        world.pass(3_000);
        assert_eq!(world.texts(at, &channel), all, "{at}");
        world.disconnect(at, home);
    }
    no_faults(&world);
}

#[test]
fn a_draft_that_was_not_sent_is_on_no_disk_but_of_own_devices() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    let phone = link(&mut world, 0);
    world.connect(phone, 2);
    let canary = "canary-that-was-never-sent";
    let draft = format!("{DRAFT_PREFIX}club");
    keep(&mut world, 0, &draft, canary);
    world.pass(120_000);
    let notes = status(&mut world, 2).keeps.len();
    assert!(notes >= 2, "the own document is kept too: {notes}");
    assert!(!holds(&disk(&world, 2), canary));
    assert!(!holds(&disk(&world, 1), canary));
    // It has come to the other device, so it was under way.
    let snapshot = world.snapshot(phone);
    assert_eq!(snapshot.kept.get(&*draft).map(AsRef::as_ref), Some(canary));
    assert!(holds(&disk(&world, phone), canary));
    world.restart(2, 1);
    assert!(!holds(&disk(&world, 2), canary));
}

#[test]
fn whoever_comes_in_under_since_join_reads_nothing_earlier_with_the_whole_disk_of_the_home_node() {
    let (mut world, id) = kept_club(&["ana", "ben", "cem", "home"]);
    world.connect(1, 2);
    world.ok(0, "create-channel club text secret --private");
    let may = |name| format!("overwrite club/secret member {name} --allow view,read-history,send");
    world.ok(0, &may("ben"));
    world.ok(0, "history-policy club/secret since-join");
    world.pass(5_000);
    world.ok(0, "send club/secret \"long before\"");
    world.ok(1, "send club/secret \"before too\"");
    world.pass(30_000);
    world.ok(0, &may("cem"));
    world.pass(5_000);
    world.ok(1, "send club/secret \"after\"");
    world.pass(30_000);
    assert_eq!(world.texts(2, "club/secret"), ["after"]);
    assert_eq!(kept(&mut world, 3, id).and_then(|kept| kept.lag), Some(0));
    // Every ciphertext and every wrap that the home node has ever stored, beside cem's own keys, and all on the wire.
    let taken: Vec<_> = world.peers[3]
        .records
        .iter()
        .filter(|(key, _)| matches!(key[0], 0x10 | 0x12 | 0x14))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    assert!(taken.iter().any(|(key, _)| key[0] == 0x12), "wraps");
    let own = &mut world.peers[2].records;
    own.retain(|key, _| key[0] != 0x10);
    own.extend(taken);
    world.restart(2, 1);
    world.connect(2, 3);
    let frames = world.wire.clone();
    give_everything(&mut world, 2, &frames);
    assert_eq!(world.texts(2, "club/secret"), ["after"]);
    let read = disk(&world, 2);
    assert!(!holds(&read, "long before") && !holds(&read, "before too"));
    // The same search finds it where it may be read.
    assert_eq!(
        world.texts(1, "club/secret"),
        ["long before", "before too", "after"]
    );
}

#[test]
fn what_a_member_could_not_give_back_is_read_when_the_home_node_is_met() {
    let (mut world, _) = kept_club(&[KEEPS_WORDS, "ben", "cem", "home"]);
    world.ok(0, "send @me \"for myself\"");
    let mut talks = Vec::new();
    for (at, who) in [(1, "ben"), (2, "cem")] {
        let channel = world.word(0, &format!("dm {who}"), "channel");
        world.ok(0, &format!("send {channel} \"to {who}\""));
        world.pass(10_000);
        accept(&mut world, at, KEEPS_WORDS);
        talks.push(channel);
    }
    world.pass(60_000);
    let words = words(&world);
    for at in 0..3 {
        alone(&mut world, at);
    }
    world.pass(3_600_000);

    // The member holds neither the notes nor what was written to another.
    let back = restore(&mut world, &words, 1, OtherDevices::Revoke);
    world.pass(60_000);
    assert_eq!(world.texts(back, &talks[0]), ["to ben"]);
    assert!(world.texts(back, "@me").is_empty());
    world.ok(back, "send @me \"again\"");
    // A start in between: what the words open is kept.
    world.restart(back, 1);
    alone(&mut world, back);
    assert!(world.peers[back].records.contains_key(&b"\x05"[..]));

    world.connect(back, 3);
    world.pass(120_000);
    let mut read = world.texts(back, "@me");
    read.sort();
    assert_eq!(read, ["again", "for myself"]);
    assert_eq!(world.texts(back, &talks[1]), ["to cem"]);
    // With everything here, nothing more is to be opened by the words.
    world.pass(120_000);
    assert!(!world.peers[back].records.contains_key(&b"\x05"[..]));
    // Both directions, with who was never asked.
    world.ok(back, &format!("send {} \"I am back\"", talks[1]));
    world.connect(2, 3);
    world.pass(30_000);
    world.ok(2, &format!("send {} welcome", talks[1]));
    world.pass(30_000);
    let all = ["to cem", "I am back", "welcome"];
    assert_eq!(world.texts(back, &talks[1]), all);
    assert_eq!(world.texts(2, &talks[1]), all);
    no_faults(&world);
}

#[test]
fn what_the_account_has_left_does_not_keep_what_the_words_open() {
    /// The second bytes of frames by which an owner says what is to be kept, and a device asks for a community.
    const STORE: u8 = 23;
    const ARRIVE: u8 = 19;
    let (mut world, id) = kept_club(&[KEEPS_WORDS, "ben", "home"]);
    let direct = world.word(0, "dm ben", "channel");
    world.ok(0, &format!("send {direct} \"between us\""));
    world.pass(10_000);
    accept(&mut world, 1, KEEPS_WORDS);
    world.ok(0, "owner add club ben");
    world.pass(60_000);
    let words = words(&world);
    // The home node is not told to forget what is left.
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    world.tamper = Some(Box::new(move |from, to, packet| {
        let of = |kind: u8| matches!(&packet, Packet::Frame(bytes) if bytes[1] == kind);
        let lost = of(STORE) && from == 0;
        count.set(count.get() + u32::from(of(ARRIVE) && to == 2));
        if lost { Vec::new() } else { vec![packet] }
    }));
    world.ok(0, "leave club");
    world.pass(60_000);
    for at in 0..2 {
        alone(&mut world, at);
    }
    let back = restore(&mut world, &words, 1, OtherDevices::Revoke);
    world.pass(60_000);
    alone(&mut world, back);
    asked.set(0);
    world.connect(back, 2);
    world.pass(120_000);
    assert!(kept(&mut world, 2, id).is_some(), "it was not told");
    world.pass(15 * 60_000);
    let forgotten = !world.peers[back].records.contains_key(&b"\x05"[..]);
    assert!(forgotten, "the words open nothing more ({})", asked.get());
    let before = asked.get();
    assert!(before > 0, "it was asked for");
    world.pass(3_600_000);
    assert_eq!(asked.get(), before, "and not without end");
}
