//! Somebody writes and ends; who was away has it a day later from whoever stayed, without any home node.

use alloquy_api::Event;

use crate::devices::link;
use crate::home::no_faults;
use crate::survive::{accept, alone};
use crate::world::World;

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("message {n}")).collect()
}

fn write_all(world: &mut World, at: usize, channel: &str, texts: &[String]) {
    for text in texts {
        world.ok(at, &format!("send {channel} \"{text}\""));
        world.pass(300);
    }
}

/// Each of the last messages of a channel was told to faces once since a node had told so much.
fn told_once(world: &mut World, at: usize, since: usize, channel: &str, count: usize) {
    let shown = world.history(at, channel);
    let events = world.peers[at].events[since..].iter();
    let added = events.filter_map(|event| match event {
        Event::MessageAdded { message, .. } => Some(message.id),
        _ => None,
    });
    let mut added: Vec<_> = added.collect();
    let last = shown.iter().rev().take(count);
    let mut last: Vec<_> = last.map(|message| message.id).collect();
    added.sort();
    last.sort();
    assert_eq!(added, last, "node {at}");
}

#[test]
fn what_ana_wrote_before_she_ended_reaches_ben_a_day_later_through_a_member_that_stayed() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.disconnect(0, 1);
    let mut expected = numbered(20);
    write_all(&mut world, 0, "club/general", &expected);
    // The key of what follows can be had of cem alone, too.
    world.ok(0, "rekey club");
    let last = vec!["under a new key".to_owned()];
    write_all(&mut world, 0, "club/general", &last);
    expected.extend(last);
    world.pass(2_000);
    world.disconnect(0, 2);
    world.day();
    let before = world.peers[1].events.len();
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(world.texts(1, "club/general"), expected);
    told_once(&mut world, 1, before, "club/general", expected.len());
    no_faults(&world);
}

#[test]
fn a_direct_message_is_carried_by_the_writers_other_device_and_by_nobody_else() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    let phone = link(&mut world, 0);
    world.connect(phone, 1);
    world.connect(phone, 2);
    world.ok(0, "send @ben \"first\"");
    world.pass(5_000);
    accept(&mut world, 1, "ana");
    world.ok(1, "send @ana \"hello\"");
    world.pass(30_000);
    alone(&mut world, 1);
    let mut expected = vec!["first".to_owned(), "hello".to_owned()];
    assert_eq!(world.texts(1, "@ana"), expected);
    let written = numbered(5);
    write_all(&mut world, 0, "@ben", &written);
    world.pass(2_000);
    alone(&mut world, 0);
    world.day();
    // Cem was connected with both devices all the time, and holds nothing of it, not even its name.
    let directs = world.snapshot(1).directs.to_vec();
    let talk = directs.iter().find(|direct| direct.name == "ana");
    let talk = talk.expect("the conversation").community;
    let about = |world: &World, at: usize| {
        let mut keys = world.peers[at].records.keys();
        keys.any(|key| key.windows(32).any(|part| part == talk.as_bytes()))
    };
    assert!(about(&world, phone) && !about(&world, 2));
    world.connect(1, 2);
    world.pass(60_000);
    assert_eq!(world.texts(1, "@ana"), expected);
    let before = world.peers[1].events.len();
    world.connect(1, phone);
    world.pass(10_000);
    expected.extend(written.iter().cloned());
    assert_eq!(world.texts(1, "@ana"), expected);
    told_once(&mut world, 1, before, "@ana", written.len());
    no_faults(&world);
}

#[test]
fn a_group_of_32_reads_a_day_later_through_one_of_its_members_what_was_written_before_the_writer_ended()
 {
    let names: Vec<String> = (0..32).map(|at| format!("p{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut world, _) = World::club(&names);
    let others = names[1..].join(" ");
    let channel = world.word(0, &format!("group create trip {others}"), "channel");
    world.pass(5_000);
    for at in 1..names.len() {
        accept(&mut world, at, "p0");
    }
    let mut expected = vec!["who comes".to_owned()];
    write_all(&mut world, 0, &channel, &expected);
    world.pass(20_000);
    for at in 2..names.len() {
        assert_eq!(world.texts(at, &channel), expected, "{at}");
        alone(&mut world, at);
    }
    let written = numbered(5);
    write_all(&mut world, 0, &channel, &written);
    expected.extend(written.iter().cloned());
    world.pass(2_000);
    alone(&mut world, 0);
    world.day();
    for at in 2..names.len() {
        let before = world.peers[at].events.len();
        world.connect(at, 1);
        world.pass(3_000);
        assert_eq!(world.texts(at, &channel), expected, "{at}");
        told_once(&mut world, at, before, &channel, written.len());
        world.disconnect(at, 1);
    }
    no_faults(&world);
}
