//! Prekeys are replaced, and what was wrapped for the one before is opened for a while.

use crate::home::kept_club;
use crate::world::{Packet, World};

/// Milliseconds of a day.
const DAY: u64 = 24 * 3600 * 1000;
/// The record of the account, and the tag of a frame that brings keys.
const ACCOUNT: &[u8] = &[2];
const KEYS_FRAME: u8 = 10;

/// The clocks on the wall are set forward; whoever looks at them now and then has done so.
fn later(world: &mut World, ms: u64) {
    world.now.wall.0 += ms;
    world.pass(3_600 * 1000);
}

/// Bytes of the record of the account: a prekey that is kept makes it longer.
fn account_bytes(world: &World, at: usize) -> usize {
    world.peers[at].records[ACCOUNT].len()
}

#[test]
fn a_prekey_lasts_a_month_and_the_one_before_it_another() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let one = account_bytes(&world, 1);
    later(&mut world, 29 * DAY);
    assert_eq!(account_bytes(&world, 1), one);
    later(&mut world, 2 * DAY);
    let two = account_bytes(&world, 1);
    assert!(two > one, "the one before is kept");
    later(&mut world, 31 * DAY);
    later(&mut world, 31 * DAY);
    assert_eq!(account_bytes(&world, 1), two, "and no other");
    world.restart(1, 1);
    later(&mut world, DAY);
    assert_eq!(account_bytes(&world, 1), two, "a start makes none");
    world.connect(0, 1);
    world.ok(0, "rekey club");
    world.ok(0, "send club/general \"under a new key\"");
    world.pass(5_000);
    assert_eq!(world.texts(1, "club/general"), ["under a new key"]);
}

#[test]
fn what_was_wrapped_for_the_prekey_before_is_opened() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    later(&mut world, 29 * DAY);
    let held = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let keep = std::rc::Rc::clone(&held);
    world.tamper = Some(Box::new(move |_, _, packet| match &packet {
        Packet::Frame(bytes) if bytes[1] == KEYS_FRAME => {
            keep.borrow_mut().push(packet);
            Vec::new()
        }
        _ => vec![packet],
    }));
    world.ok(0, "rekey club");
    world.settle();
    world.disconnect(0, 1);
    world.tamper = None;
    let wrapped = held.take();
    assert!(!wrapped.is_empty());
    later(&mut world, 3 * DAY);
    world.links.insert((0, 1));
    for packet in wrapped {
        world.arrive(0, 1, packet);
    }
    world.links.clear();
    world.ok(1, "send club/general \"with that key\"");
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(world.texts(0, "club/general"), ["with that key"]);
}

#[test]
fn a_new_prekey_makes_each_conversation_greet_its_device_once() {
    /// The tag of a frame that brings a conversation.
    const HELLO: u8 = 21;
    let (mut world, _) = World::club(&["ana", "ben"]);
    for group in 0..5 {
        world.ok(0, &format!("group create trip{group} ben"));
    }
    // Until nobody tells of them once more by the clock.
    world.pass(3_600 * 1000);
    world.wire.clear();
    later(&mut world, 31 * DAY);
    let hellos = world.wire.iter().filter(|bytes| bytes[1] == HELLO);
    let mut greeted: Vec<_> = hellos.map(|bytes| bytes[2..34].to_vec()).collect();
    let all = greeted.len();
    greeted.sort();
    greeted.dedup();
    assert!(greeted.len() >= 5, "{greeted:?}");
    assert_eq!(all, greeted.len());
}

#[test]
fn prekeys_that_are_known_make_a_home_node_ask_for_nothing() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    // It is given no wraps, so that it lacks some.
    world.tamper = Some(Box::new(|_, to, packet| match &packet {
        Packet::Frame(bytes) if to == 2 && bytes[1] == KEYS_FRAME => Vec::new(),
        _ => vec![packet],
    }));
    world.ok(0, "create-channel club text --private quiet");
    world.ok(0, "overwrite club/quiet member ben --allow view,send");
    world.pass(20_000);
    let asked = |world: &World| world.wire.iter().filter(|bytes| bytes[1] == 31).count();
    let before = asked(&world);
    assert!(before > 0, "it lacks some and asks when copies are equal");
    let mut frame = vec![1, 8];
    frame.extend(id.as_bytes());
    frame.push(0);
    for _ in 0..20 {
        world.arrive(1, 2, Packet::Frame(frame.clone().into()));
    }
    world.settle();
    assert_eq!(asked(&world), before);
}
