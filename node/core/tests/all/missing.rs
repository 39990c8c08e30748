//! Keys that are missing: who is asked, who can help, and that everything is readable the moment somebody does.

use alloquy_api::Event;
use alloquy_ids::AccountId;

use crate::world::{Packet, World};

/// Types of records: keys of epochs, and wraps of them.
const KEYS: [u8; 2] = [0x11, 0x12];
/// The tag of a frame that brings keys.
const KEYS_FRAME: u8 = 10;

fn account(world: &World, at: usize) -> AccountId {
    world.peers[at].node.account()
}

/// What a node told of missing keys, oldest first.
fn told(world: &World, at: usize) -> Vec<(Vec<AccountId>, bool)> {
    let events = world.peers[at].events.iter();
    let told = events.filter_map(|event| match event {
        Event::KeyMissing {
            holders, connected, ..
        } => Some((holders.clone(), *connected)),
        _ => None,
    });
    told.collect()
}

/// Ana, ben and cem. Ana has begun an epoch and written under it; ben holds the message and has lost the key, cem
/// has heard of nothing. Nobody is connected.
fn without_the_key() -> World {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.disconnect(0, 2);
    let before: Vec<_> = world.peers[1].records.keys().cloned().collect();
    world.ok(0, "rekey club");
    world.pass(3_000);
    world.ok(0, "send club/general sealed");
    world.pass(3_000);
    assert_eq!(world.texts(1, "club/general"), ["sealed"]);
    world.peers[1]
        .records
        .retain(|key, _| !KEYS.contains(&key[0]) || before.contains(key));
    world.disconnect(0, 1);
    world.restart(1, 1);
    world
}

fn waits(world: &mut World, at: usize) -> Vec<bool> {
    let shown = world.history(at, "club/general");
    shown.iter().map(|message| message.waiting).collect()
}

#[test]
fn whoever_can_help_is_named_once_and_the_message_is_readable_when_one_comes() {
    let mut world = without_the_key();
    assert_eq!(waits(&mut world, 1), [true]);
    let (ana, cem) = (account(&world, 0), account(&world, 2));
    assert_eq!(told(&world, 1), [(vec![ana, cem], false)]);
    // Cem can not help, and waits with ben.
    world.connect(1, 2);
    world.pass(120_000);
    assert_eq!(waits(&mut world, 1), [true]);
    assert_eq!(waits(&mut world, 2), [true]);
    let last = told(&world, 1).last().cloned();
    assert_eq!(last, Some((vec![cem, ana], true)), "cem is here");
    assert_eq!(told(&world, 1).len(), 2, "once for each change");
    world.connect(0, 1);
    assert_eq!(world.texts(1, "club/general"), ["sealed"], "at once");
    assert_eq!(waits(&mut world, 1), [false]);
    world.pass(5_000);
    assert_eq!(
        world.texts(2, "club/general"),
        ["sealed"],
        "ben passes it on"
    );
    let before = told(&world, 1).len();
    world.pass(600_000);
    assert_eq!(told(&world, 1).len(), before, "nothing is missing any more");
}

#[test]
fn a_key_that_one_member_withholds_is_given_by_another() {
    let mut world = without_the_key();
    world.tamper = Some(Box::new(|from, _, packet| match &packet {
        Packet::Frame(bytes) if from == 0 && bytes[1] == KEYS_FRAME => Vec::new(),
        _ => vec![packet],
    }));
    world.connect(0, 2);
    world.connect(0, 1);
    world.pass(30_000);
    assert_eq!(waits(&mut world, 1), [true]);
    // Cem is given it, and ben is not.
    world.tamper = Some(Box::new(|from, to, packet| match &packet {
        Packet::Frame(bytes) if (from, to) == (0, 1) && bytes[1] == KEYS_FRAME => Vec::new(),
        _ => vec![packet],
    }));
    world.disconnect(0, 2);
    world.connect(0, 2);
    world.pass(5_000);
    assert_eq!(world.texts(2, "club/general"), ["sealed"]);
    world.connect(1, 2);
    assert_eq!(world.texts(1, "club/general"), ["sealed"]);
}

#[test]
fn requests_for_a_key_that_nobody_gives_become_rare() {
    let mut world = without_the_key();
    world.tamper = Some(Box::new(|_, _, packet| match &packet {
        Packet::Frame(bytes) if bytes[1] == KEYS_FRAME => Vec::new(),
        _ => vec![packet],
    }));
    world.connect(0, 1);
    world.wire.clear();
    world.pass(3_600_000);
    let asked = world.wire.iter().filter(|frame| frame[1] == 9).count();
    assert!((10..30).contains(&asked), "{asked} requests within an hour");
}
