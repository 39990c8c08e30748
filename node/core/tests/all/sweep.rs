//! Comparing without a cause: one member that stays different does not keep the others from knowing where they stand.

use alloquy_api::Event;

use crate::home::no_faults;
use crate::world::{Packet, Tamper, World};

/// A node hears nothing, though it goes on to say where it stands: its copy differs for good. Others hear what is said
/// by comparing alone.
fn deaf(node: usize) -> Option<Tamper> {
    Some(Box::new(move |_, to, packet| {
        let heard = to != node && matches!(packet, Packet::Frame(_));
        heard.then_some(packet).into_iter().collect()
    }))
}

#[test]
fn two_copies_are_known_to_be_equal_though_a_third_one_differs() {
    let (mut world, id) = World::club(&["ana", "ben", "cem"]);
    world.pass(10_000);
    world.tamper = deaf(2);
    for text in ["one", "two", "three"] {
        let before = world.peers[1].events.len();
        // Ana tells of it first, so that ben has her word from before he had the same.
        world.ok(0, &format!("send club/general {text}"));
        world.pass(10_000);
        let told = &world.peers[1].events[before..];
        let equal = Event::CaughtUp {
            community: id,
            peers: 1,
        };
        assert!(told.contains(&equal), "after {text}: {told:?}");
    }
    no_faults(&world);
}

#[test]
fn whoever_is_thought_to_be_equal_is_asked_too_while_somebody_differs() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.pass(10_000);
    world.tamper = deaf(2);
    world.ok(0, "send club/general one");
    world.pass(30_000);
    // Nothing comes through to ben either, while ana writes and tells of it.
    world.tamper = Some(Box::new(|_, _, packet| {
        drop::<Packet>(packet);
        Vec::new()
    }));
    world.ok(0, "send club/general two");
    world.pass(5_000);
    world.tamper = deaf(2);
    world.pass(10 * 60_000);
    assert_eq!(world.texts(1, "club/general"), ["one", "two"]);
    assert_eq!(world.texts(2, "club/general"), [""; 0]);
    no_faults(&world);
}
