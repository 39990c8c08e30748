//! Who is seen to be here: soon after they come and go, and never when they do not want to be.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_core::Input;

use crate::world::{Packet, World};

/// Whether the window at `at` shows the member at `of` as being here.
fn shows(world: &mut World, at: usize, of: usize) -> bool {
    let account = world.peers[of].node.account();
    let community = world.community(at).1;
    let member = community
        .members
        .iter()
        .find(|member| member.account == account);
    member.is_some_and(|member| member.online)
}

/// Ana, Ben and Cleo, each connected with each other.
fn three() -> World {
    let (mut world, _) = World::club(&["ana", "ben", "cleo"]);
    world.connect(1, 2);
    world.pass(20_000);
    for (at, of) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        assert!(shows(&mut world, at, of), "{at} sees {of}");
    }
    world
}

#[test]
fn who_ends_is_gone_for_everybody_within_five_seconds() {
    let mut world = three();
    // Cleo hears of Ben by gossip alone, and so of his end.
    world.disconnect(1, 2);
    world.pass(20_000);
    assert!(shows(&mut world, 2, 1));
    world.input(1, Input::Shutdown);
    world.settle();
    world.disconnect(0, 1);
    world.pass(5_000);
    assert!(!shows(&mut world, 0, 1));
    assert!(!shows(&mut world, 2, 1));
    assert!(shows(&mut world, 0, 2));
}

#[test]
fn who_crashes_without_a_word_is_gone_within_a_minute() {
    let mut world = three();
    // No connection is seen to end: all that came from Ben simply stops.
    world.tamper = Some(Box::new(
        |from, _, packet| {
            if from == 1 { Vec::new() } else { vec![packet] }
        },
    ));
    world.pass(60_000);
    assert!(!shows(&mut world, 0, 1));
    assert!(!shows(&mut world, 2, 1));
    assert!(shows(&mut world, 0, 2), "who still speaks is still here");
}

#[test]
fn who_is_invisible_says_nothing_of_himself() {
    let mut world = three();
    world.ok(1, "profile invisible");
    world.settle();
    assert!(!shows(&mut world, 0, 1) && !shows(&mut world, 2, 1));
    let said = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&said);
    world.tamper = Some(Box::new(move |from, _, packet| {
        if from == 1 && matches!(packet, Packet::Gossip(..)) {
            *counted.borrow_mut() += 1;
        }
        vec![packet]
    }));
    // Time passes, connections come and go, the program is started again, he begins to type, he ends.
    world.pass(120_000);
    world.disconnect(0, 1);
    world.connect(0, 1);
    world.pass(20_000);
    world.restart(1, 1);
    world.connect(0, 1);
    world.connect(1, 2);
    world.ok(1, "typing club/general");
    world.pass(60_000);
    assert!(!shows(&mut world, 0, 1) && !shows(&mut world, 2, 1));
    world.input(1, Input::Shutdown);
    world.settle();
    assert_eq!(*said.borrow(), 0, "frames that all members hear");

    // Who is seen is heard: the count counts.
    world.restart(1, 1);
    world.connect(0, 1);
    world.ok(1, "profile online");
    world.settle();
    assert!(shows(&mut world, 0, 1));
    assert!(*said.borrow() > 0);
}
