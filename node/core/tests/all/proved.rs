//! Ranges that overlap or lack their past: what is held of them is proved and can be passed on, and nobody is asked for the
//! same without end.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_ids::CommunityId;
use alloquy_schema::event::{Kind, SignedEvent, VerifiedEvent};

use crate::forger::Forger;
use crate::home::kept_club;
use crate::world::{Packet, World};

const ANA: usize = 0;
const BEN: usize = 1;
/// A member who carries what others wrote.
const EVE: usize = 2;
const HOME: usize = 3;
/// Messages in one range of one signature: as many as may be.
const SPACING: usize = 64;
/// The tag of frames by which somebody says where it stands.
const HEIGHTS: u8 = 3;

/// The last so many messages of a member.
fn said(world: &World, at: usize, id: CommunityId, count: usize) -> Vec<SignedEvent> {
    let own = Forger::of(&world.peers[at], id).own;
    let sealed = own.into_iter().rev();
    let sealed = sealed.filter(|event| event.header.kind == Kind::Sealed);
    let mut said: Vec<_> = sealed.take(count).collect();
    said.reverse();
    said
}

/// Eve gives the home node some messages in one range, of which only the last keeps its signature.
fn carry(world: &mut World, id: CommunityId, said: &[SignedEvent]) {
    let events: Vec<VerifiedEvent> = said
        .iter()
        .map(|event| event.clone().verify().expect("its author signed it"))
        .collect();
    let packet = Forger::of(&world.peers[EVE], id).ranges(said[0].header.scope, &events);
    world.arrive(EVE, HOME, packet);
    world.settle();
}

/// What proves the first message of a log came in a range whose events waited already, without their signatures, for the
/// one message of somebody else that lacked.
#[test]
fn what_a_home_node_was_given_in_ranges_that_overlap_it_gives_to_others() {
    let (mut world, id) = kept_club(&["ana", "ben", "eve", "home"]);
    for (a, b) in [(ANA, EVE), (BEN, EVE), (ANA, HOME), (BEN, HOME)] {
        world.disconnect(a, b);
    }
    world.ok(ANA, "send club/general \"first\"");
    world.pass(1_000);
    world.disconnect(ANA, BEN);
    let texts: Vec<_> = (0..=SPACING)
        .map(|number| format!("message {number}"))
        .collect();
    for text in &texts {
        world.ok(BEN, &format!("send club/general \"{text}\""));
        world.pass(300);
    }
    let first = said(&world, ANA, id, 1);
    let log = said(&world, BEN, id, texts.len());
    carry(&mut world, id, &log[1..]);
    carry(&mut world, id, &log[..2]);
    carry(&mut world, id, &first);
    world.disconnect(EVE, HOME);
    for reader in [ANA, EVE] {
        world.connect(reader, HOME);
        world.pass(20_000);
        let read = world.texts(reader, "club/general");
        let of_ben: Vec<_> = read.iter().filter(|text| texts.contains(text)).collect();
        assert_eq!(of_ben, texts.iter().collect::<Vec<_>>(), "{reader}");
        world.disconnect(reader, HOME);
        // And from its rows, of which none has all of these signatures.
        world.restart(HOME, 1);
    }
}

/// As where the first range of an answer needs a key that is not held: each further answer is like the one before.
#[test]
fn who_gives_what_can_not_be_taken_is_not_asked_again_at_once() {
    let (mut world, id) = kept_club(&["ana", "ben", "eve", "home"]);
    for (a, b) in [(ANA, EVE), (BEN, EVE), (ANA, HOME), (BEN, HOME)] {
        world.disconnect(a, b);
    }
    for number in 0..3 {
        world.ok(BEN, &format!("send club/general \"message {number}\""));
        world.pass(300);
    }
    let log = said(&world, BEN, id, 3);
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    world.tamper = Some(Box::new(move |from, to, packet| {
        if let Packet::Frame(bytes) = &packet
            && (from, to, bytes[1]) == (HOME, EVE, HEIGHTS)
        {
            count.set(count.get() + 1);
        }
        vec![packet]
    }));
    for _ in 0..10 {
        carry(&mut world, id, &log[1..]);
    }
    assert_eq!(asked.get(), 1);
    // What it lacks has come: now it may ask for more.
    carry(&mut world, id, &log[..1]);
    world.tamper = None;
    world.disconnect(EVE, HOME);
    world.connect(ANA, HOME);
    world.pass(20_000);
    let read = world.texts(ANA, "club/general");
    assert!(
        read.ends_with(&["message 0", "message 1", "message 2"].map(str::to_owned)),
        "{read:?}"
    );
}
