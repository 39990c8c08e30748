//! A home node confirms what others can read from it alone: the event, and the wraps of its key.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_api::reply::DeliveryState;

use crate::home::{kept, kept_club, no_faults};
use crate::world::{Packet, Tamper, World};

/// Kinds of frames, as on the wire.
const KEYS: u8 = 10;
const ACK: u8 = 11;

/// Frames of a kind from one node to another are lost.
fn lost(kind: u8, from: usize, to: usize) -> Option<Tamper> {
    Some(Box::new(move |sender, receiver, packet| match packet {
        Packet::Frame(bytes) if (sender, receiver) == (from, to) && bytes.get(1) == Some(&kind) => {
            Vec::new()
        }
        packet => vec![packet],
    }))
}

fn state(world: &mut World) -> DeliveryState {
    let history = world.history(0, "club/general");
    let last = history.last().expect("something was written");
    last.delivery.state
}

#[test]
fn an_event_is_held_when_its_key_is_there_too() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    let before = kept(&mut world, 2, id).expect("it is kept").events;
    world.tamper = lost(KEYS, 0, 2);
    world.ok(0, "rekey club");
    world.ok(0, "send club/general \"under a new key\"");
    world.pass(60_000);
    // Both events are there, and nobody could read the message.
    let after = kept(&mut world, 2, id).expect("it is kept");
    assert_eq!((after.events, after.lag), (before + 2, Some(0)));
    assert_eq!(state(&mut world), DeliveryState::Stored);
    world.tamper = None;
    world.pass(30_000);
    assert_eq!(state(&mut world), DeliveryState::Held);
    world.disconnect(0, 2);
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(world.texts(1, "club/general"), ["under a new key"]);
    no_faults(&world);
}

#[test]
fn a_confirmation_that_was_lost_is_given_again_when_both_meet() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.tamper = lost(ACK, 2, 0);
    world.ok(0, "rekey club");
    for text in ["one", "two"] {
        world.ok(0, &format!("send club/general {text}"));
        world.pass(20_000);
        assert_eq!(state(&mut world), DeliveryState::Stored);
    }
    world.disconnect(0, 2);
    world.tamper = None;
    world.restart(2, 9);
    world.connect(0, 2);
    world.pass(10_000);
    for message in world.history(0, "club/general") {
        assert_eq!(message.delivery.state, DeliveryState::Held);
    }
    no_faults(&world);
}

/// Ana (0), ben (1), cem (2) and the home node of ana (3). Ana and cem are connected with it alone, ben with nobody;
/// ana has written under a new key, whose wraps have not come to the home node: they are given back.
fn without_wraps() -> (World, Vec<Packet>) {
    let (mut world, _) = kept_club(&["ana", "ben", "cem", "home"]);
    for (one, other) in [(0, 1), (0, 2), (1, 2), (1, 3)] {
        world.disconnect(one, other);
    }
    let held = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&held);
    world.tamper = Some(Box::new(move |from, to, packet| match &packet {
        Packet::Frame(bytes) if to == 3 && bytes[1] == KEYS => {
            if from == 0 {
                keep.borrow_mut().push(packet);
            }
            Vec::new()
        }
        _ => vec![packet],
    }));
    world.ok(0, "rekey club");
    world.ok(0, "send club/general \"under a new key\"");
    world.pass(20_000);
    world.tamper = None;
    let wraps = held.take();
    assert!(!wraps.is_empty());
    (world, wraps)
}

/// The same wraps, each made wrong in its last byte.
fn wrong(packet: &Packet, by: u8) -> Packet {
    // Version, tag, community, epoch; then the count of wraps.
    const BEFORE: usize = 2 + 32 + 32;
    let Packet::Frame(bytes) = packet else {
        panic!("keys come in frames");
    };
    let mut bytes = bytes.to_vec();
    let count = usize::from(bytes[BEFORE]);
    let wraps = &mut bytes[BEFORE + 1..];
    let each = wraps.len() / count;
    assert_eq!(each * count, wraps.len());
    for wrap in wraps.chunks_mut(each) {
        wrap[each - 1] ^= by;
    }
    Packet::Frame(bytes.into())
}

fn give_wrong(world: &mut World, wraps: &[Packet]) {
    for by in 1..=3 {
        for packet in wraps {
            world.arrive(2, 3, wrong(packet, by));
        }
    }
}

#[test]
fn wrong_wraps_of_one_member_keep_out_no_others() {
    let (mut world, wraps) = without_wraps();
    give_wrong(&mut world, &wraps);
    for packet in wraps {
        world.arrive(0, 3, packet);
    }
    world.disconnect(0, 3);
    world.disconnect(2, 3);
    world.connect(1, 3);
    world.pass(10_000);
    assert_eq!(world.texts(1, "club/general"), ["under a new key"]);
}

#[test]
fn whoever_asks_again_for_a_key_is_given_what_others_have() {
    let (mut world, wraps) = without_wraps();
    give_wrong(&mut world, &wraps);
    world.disconnect(2, 3);
    world.connect(1, 3);
    world.pass(60_000);
    assert_eq!(world.texts(1, "club/general"), ["under a new key"]);
}
