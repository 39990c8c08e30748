//! Home nodes of different members, and of one, keep each other's copies whole.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_api::Reply;
use alloquy_api::reply::{DeliveryState, KeptView};
use alloquy_core::Input;
use alloquy_ids::CommunityId;

use alloquy_schema::event::Kind;

use crate::forger::Forger;
use crate::home::pair;
use crate::world::{Packet, World};

/// Ana (0) and Ben (1) in a club, each with a home node of their own (2 and 3) that keeps it, all connected once.
fn two_homes() -> (World, CommunityId) {
    let (mut world, id) = World::club(&["ana", "ben"]);
    for (owner, home) in [(0, 2), (1, 3)] {
        world.found(&format!("home of {owner}"));
        world.connect(owner, home);
        let key = world.peers[home].key;
        let addresses = vec![format!("/ip4/192.0.2.{home}/tcp/4001")];
        world.input(owner, Input::PeerAddresses(key, addresses));
        pair(&mut world, owner, home);
        world.ok(owner, "home store club on");
    }
    world.connect(0, 3);
    world.connect(1, 2);
    world.pass(60_000);
    (world, id)
}

fn kept(world: &mut World, home: usize, id: CommunityId) -> KeptView {
    let Reply::HomeStatus { home } = world.ok(home, "home status") else {
        panic!("a state");
    };
    let mut keeps = home.keeps.into_iter();
    keeps.find(|kept| kept.community == id).expect("it is kept")
}

fn no_faults(world: &World) {
    for (at, peer) in world.peers.iter().enumerate() {
        assert!(peer.faults.is_empty(), "{at}: {:?}", peer.faults);
    }
}

#[test]
fn members_hear_at_once_where_a_new_home_node_is_reached() {
    // Whenever it is paired, not only shortly before members are told again all the same.
    for seconds in 0..10 {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.found("home of ana");
        world.connect(0, 2);
        let key = world.peers[2].key;
        let at = vec!["/ip4/192.0.2.2/tcp/4001".to_owned()];
        world.input(0, Input::PeerAddresses(key, at.clone()));
        world.pass(seconds * 1_000);
        pair(&mut world, 0, 2);
        assert_eq!(world.peers[1].wants.get(&key), Some(&at), "{seconds}");
    }
}

#[test]
fn two_home_nodes_alone_carry_messages_between_their_owners() {
    let (mut world, id) = two_homes();
    // Each was told of the other, and where it is reached.
    for (home, other) in [(2, 3), (3, 2)] {
        let key = world.peers[other].key;
        let at = vec![format!("/ip4/192.0.2.{other}/tcp/4001")];
        assert_eq!(world.peers[home].wants.get(&key), Some(&at), "{home}");
    }
    for (a, b) in [(0, 1), (0, 3), (1, 2), (1, 3)] {
        world.disconnect(a, b);
    }
    let texts: Vec<_> = (0..90).map(|n| format!("message {n}")).collect();
    for text in &texts {
        world.ok(0, &format!("send club/general \"{text}\""));
        world.pass(300);
    }
    world.ok(0, "send @ben \"and to you alone\"");
    world.pass(2_000);
    world.disconnect(0, 2);
    // Nobody but the two home nodes is there, for an hour.
    world.connect(2, 3);
    world.pass(3_600_000);
    assert_eq!(
        kept(&mut world, 2, id).events,
        kept(&mut world, 3, id).events
    );
    assert_eq!(kept(&mut world, 3, id).lag, Some(0));
    world.disconnect(2, 3);
    world.connect(1, 3);
    world.pass(10_000);
    assert_eq!(world.texts(1, "club/general"), texts);
    world.ok(1, "send club/general \"I was away\"");
    world.pass(2_000);
    let last = world.history(1, "club/general").pop().expect("one");
    assert_eq!(last.delivery.state, DeliveryState::Held);
    world.disconnect(1, 3);
    world.connect(2, 3);
    world.pass(60_000);
    world.disconnect(2, 3);
    world.connect(0, 2);
    world.pass(10_000);
    assert_eq!(world.texts(0, "club/general").len(), texts.len() + 1);
    no_faults(&world);
}

#[test]
fn what_is_live_at_one_home_node_is_live_at_the_other() {
    let (mut world, _) = two_homes();
    world.connect(2, 3);
    world.pass(20_000);
    for (a, b) in [(0, 1), (0, 3), (1, 2)] {
        world.disconnect(a, b);
    }
    // Time stands still: nothing is compared, it goes from hand to hand.
    world.ok(0, "send club/general \"at once\"");
    world.settle();
    assert_eq!(world.texts(1, "club/general"), ["at once"]);
    no_faults(&world);
}

#[test]
fn keys_reach_a_newcomer_by_home_nodes_alone() {
    let (mut world, _) = two_homes();
    world.connect(2, 3);
    world.pass(20_000);
    for (a, b) in [(0, 1), (0, 3), (1, 2), (1, 3)] {
        world.disconnect(a, b);
    }
    // A private channel has an epoch of its own, announced while Ben is away.
    world.ok(0, "create-channel club text --private quiet");
    world.ok(0, "overwrite club/quiet member ben --allow view,send");
    world.ok(0, "send club/quiet \"for ben\"");
    world.pass(20_000);
    world.disconnect(0, 2);
    world.pass(60_000);
    world.disconnect(2, 3);
    world.connect(1, 3);
    world.pass(20_000);
    assert_eq!(world.texts(1, "club/quiet"), ["for ben"]);
    no_faults(&world);
}

#[test]
fn a_home_node_that_was_removed_is_given_nothing_by_others() {
    let (mut world, id) = two_homes();
    world.connect(2, 3);
    world.pass(20_000);
    let Reply::Homes { homes } = world.ok(1, "home") else {
        panic!("a list");
    };
    world.ok(1, &format!("home remove {}", homes[0].device));
    world.pass(30_000);
    let before = kept(&mut world, 3, id).events;
    for (a, b) in [(0, 3), (1, 3)] {
        world.disconnect(a, b);
    }
    world.ok(0, "send club/general \"not for the old one\"");
    world.pass(60_000);
    assert!(kept(&mut world, 2, id).events > before);
    assert_eq!(kept(&mut world, 3, id).events, before);
}

#[test]
fn two_home_nodes_of_one_owner_stand_in_for_each_other() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    for home in [2, 3] {
        world.found(&format!("home {home}"));
        pair(&mut world, 0, home);
    }
    world.ok(0, "home store club on");
    world.connect(1, 3);
    world.connect(2, 3);
    world.pass(60_000);
    for (a, b) in [(0, 1), (0, 3), (1, 3)] {
        world.disconnect(a, b);
    }
    world.ok(0, "send club/general \"only the first hears this\"");
    world.pass(20_000);
    world.disconnect(0, 2);
    let [first, second] = [2, 3].map(|home| kept(&mut world, home, id));
    assert_eq!((first.events, first.alone), (second.events, 0));
    // The first burns down.
    world.disconnect(2, 3);
    world.connect(1, 3);
    world.pass(10_000);
    assert_eq!(
        world.texts(1, "club/general"),
        ["only the first hears this"]
    );
    no_faults(&world);
}

#[test]
fn one_event_over_many_ciphertexts_goes_to_each_home_node_once() {
    const EVE: usize = 1;
    /// More are dropped, so that the test ends also where they never would.
    const FRAMES_MAX: usize = 1_000;
    let homes = 2..6;
    let (mut world, id) = World::club(&["ana", "eve"]);
    for home in homes.clone() {
        world.found(&format!("home {home}"));
        pair(&mut world, home % 2, home);
        world.disconnect(home % 2, home);
    }
    world.ok(0, "home store club on");
    world.ok(EVE, "home store club on");
    for home in homes.clone() {
        world.connect(0, home);
        world.connect(EVE, home);
        for other in home + 1..homes.end {
            world.connect(home, other);
        }
    }
    world.pass(60_000);
    world.ok(EVE, "send club/general \"before\"");
    world.pass(20_000);
    for home in homes.clone() {
        assert!(kept(&mut world, home, id).events > 5, "{home}");
        world.disconnect(0, home);
    }
    world.disconnect(0, EVE);
    let frames = Rc::new(Cell::new(0));
    let seen = Rc::clone(&frames);
    world.tamper = Some(Box::new(move |from, to, packet| {
        let between = from > EVE && to > EVE;
        let live = matches!(&packet, Packet::Frame(bytes) if bytes[1] == 16);
        if between && live {
            seen.set(seen.get() + 1);
            if seen.get() > FRAMES_MAX {
                return Vec::new();
            }
        }
        vec![packet]
    }));
    let forger = Forger::of(&world.peers[EVE], id);
    let next = forger.next(forger.last(Kind::Sealed), "said in four ways");
    for (home, byte) in homes.clone().zip(0x50..) {
        let packet = forger.live(&forger.over(&next, byte));
        world.arrive(EVE, home, packet);
    }
    world.settle();
    // Each of the four gives the one that it was given first to the three others, and nothing more.
    assert!(frames.get() >= 3, "{}", frames.get());
    assert!(frames.get() <= 12, "{} frames", frames.get());
}
