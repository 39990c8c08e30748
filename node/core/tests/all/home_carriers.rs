//! Wrong ciphertexts at a home node, which can not tell: they hide the right one from nobody, whichever came first.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_ids::CommunityId;
use alloquy_schema::event::{Kind, SignedEvent, VerifiedEvent};
use bytes::Bytes;

use crate::forger::Forger;
use crate::home::kept_club;
use crate::world::{Packet, World};

const ANA: usize = 0;
const BEN: usize = 1;
/// A member who carries what others wrote, and changes it.
const EVE: usize = 2;
const HOME: usize = 3;
const SAID: [&str; 3] = ["one", "two", "three"];

/// Ben has written three messages that nobody has heard of; everybody is apart but Eve and the home node.
fn unheard() -> (World, CommunityId, Vec<SignedEvent>) {
    let (mut world, id) = kept_club(&["ana", "ben", "eve", "home"]);
    for (a, b) in [(ANA, BEN), (ANA, EVE), (BEN, EVE), (ANA, HOME), (BEN, HOME)] {
        world.disconnect(a, b);
    }
    for text in SAID {
        world.ok(BEN, &format!("send club/general \"{text}\""));
        world.pass(300);
    }
    let own = Forger::of(&world.peers[BEN], id).own;
    let sealed = own.into_iter().rev();
    let sealed = sealed.filter(|event| event.header.kind == Kind::Sealed);
    let mut said: Vec<_> = sealed.take(SAID.len()).collect();
    said.reverse();
    (world, id, said)
}

/// A frame of the three in which the second, which has no signature of its own there, has this body.
fn carried(world: &World, id: CommunityId, said: &[SignedEvent], body: Option<u8>) -> Packet {
    let forger = Forger::of(&world.peers[BEN], id);
    let mut events: Vec<VerifiedEvent> = said
        .iter()
        .map(|event| event.clone().verify().expect("ben signed it"))
        .collect();
    if let Some(byte) = body {
        let garbage = vec![byte; said[1].body.len()];
        events[1] = events[1].with_ciphertext(garbage).expect("of its length");
    }
    forger.ranges(said[1].header.scope, &events)
}

fn give(world: &mut World, from: usize, packet: Packet) {
    world.arrive(from, HOME, packet);
    world.settle();
}

/// Records of further ciphertexts at the home node, and all their bytes.
fn further(world: &World) -> Vec<Bytes> {
    let records = world.peers[HOME].records.iter();
    let further = records.filter(|(key, _)| key[0] == 0x32);
    further.map(|(_, value)| value.clone()).collect()
}

#[test]
fn the_right_ciphertext_is_handed_out_beside_wrong_ones_that_came_first() {
    let (mut world, id, said) = unheard();
    for body in [Some(0x5a), Some(0x5b), None] {
        let packet = carried(&world, id, &said, body);
        give(&mut world, EVE, packet);
    }
    assert_eq!(further(&world).len(), 1);
    world.disconnect(EVE, HOME);
    for restarted in [false, true] {
        let reader = if restarted { EVE } else { ANA };
        world.connect(reader, HOME);
        world.pass(20_000);
        assert_eq!(world.texts(reader, "club/general"), SAID, "{reader}");
        world.disconnect(reader, HOME);
        world.restart(HOME, 1);
    }
}

#[test]
fn whoever_finds_a_wrong_ciphertext_gives_the_home_node_the_right_one() {
    let (mut world, id, said) = unheard();
    let packet = carried(&world, id, &said, Some(0x5a));
    give(&mut world, EVE, packet);
    world.disconnect(EVE, HOME);
    world.connect(ANA, HOME);
    world.pass(20_000);
    assert_eq!(world.texts(ANA, "club/general"), ["one", "", "three"]);
    world.connect(ANA, BEN);
    world.pass(20_000);
    assert_eq!(world.texts(ANA, "club/general"), SAID);
    world.pass(20_000);
    for (a, b) in [(ANA, HOME), (ANA, BEN)] {
        world.disconnect(a, b);
    }
    world.connect(EVE, HOME);
    world.pass(20_000);
    assert_eq!(world.texts(EVE, "club/general"), SAID);
}

#[test]
fn what_its_author_signed_takes_the_first_place() {
    let (mut world, id, _) = unheard();
    // What Ben tells the home node himself is slow; Eve, who has it by gossip, is quicker.
    let slow = Rc::new(RefCell::new(Vec::new()));
    let caught = Rc::clone(&slow);
    world.tamper = Some(Box::new(move |from, to, packet| match &packet {
        Packet::Frame(bytes) if (from, to) == (BEN, HOME) && bytes[1] == 16 => {
            caught.borrow_mut().push(packet);
            Vec::new()
        }
        _ => vec![packet],
    }));
    world.connect(BEN, HOME);
    world.pass(20_000);
    world.ok(BEN, "send club/general \"four\"");
    let four = Forger::of(&world.peers[BEN], id).last(Kind::Sealed).clone();
    // Bytes that no packing makes shorter, so that they are found again.
    let garbage = noise(four.body.len());
    let part = garbage[..24].to_vec();
    let event = four.clone().verify().expect("ben signed it");
    let event = event.with_ciphertext(garbage).expect("of its length");
    // Its signature does not stand for these bytes: Eve leaves it out behind a later one of his.
    world.ok(BEN, "send club/general \"five\"");
    let forger = Forger::of(&world.peers[BEN], id);
    let five = forger.last(Kind::Sealed).clone();
    let five = five.verify().expect("ben signed it");
    let packet = forger.ranges(four.header.scope, &[event, five]);
    give(&mut world, EVE, packet);
    world.tamper = None;
    for packet in slow.take() {
        give(&mut world, BEN, packet);
    }
    world.disconnect(BEN, HOME);
    world.connect(ANA, HOME);
    world.settle();
    // At once, without asking anybody for it by name.
    assert!(
        world
            .texts(ANA, "club/general")
            .contains(&"four".to_owned())
    );
    assert_eq!(further(&world).len(), 1);
    assert!(on_disk(&world, &part));
    // A deletion takes it out of every row, the one that brought it too.
    world.connect(BEN, HOME);
    world.ok(BEN, &format!("delete {}", four.header.id()));
    world.pass(5_000);
    assert!(!on_disk(&world, &part) && !on_disk(&world, &four.body[..24]));
}

/// Bytes without any order.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Whether the home node has these bytes in any record.
fn on_disk(world: &World, part: &[u8]) -> bool {
    let mut records = world.peers[HOME].records.values();
    records.any(|value| value.windows(part.len()).any(|bytes| bytes == part))
}

/// A frame of the three in which the second has a body that no packing makes shorter.
fn noisy(world: &World, id: CommunityId, said: &[SignedEvent]) -> (Packet, Vec<u8>) {
    let forger = Forger::of(&world.peers[BEN], id);
    let mut events: Vec<VerifiedEvent> = said
        .iter()
        .map(|event| event.clone().verify().expect("ben signed it"))
        .collect();
    let body = noise(said[1].body.len());
    events[1] = events[1]
        .with_ciphertext(body.clone())
        .expect("of its length");
    (forger.ranges(said[1].header.scope, &events), body)
}

#[test]
fn who_gives_many_pushes_out_nothing_that_others_gave() {
    let (mut world, id, said) = unheard();
    let junk = |world: &World, body| carried(world, id, &said, Some(body));
    let packet = junk(&world, 0x50);
    give(&mut world, EVE, packet);
    // Ana carries the right one, in a range where it has no signature of its own.
    world.connect(ANA, HOME);
    let packet = carried(&world, id, &said, None);
    give(&mut world, ANA, packet);
    world.disconnect(ANA, HOME);
    for body in 0x51..0x58 {
        let packet = junk(&world, body);
        give(&mut world, EVE, packet);
    }
    world.restart(HOME, 1);
    world.connect(ANA, HOME);
    world.pass(20_000);
    assert_eq!(world.texts(ANA, "club/general"), SAID);
}

#[test]
fn three_are_kept_at_most_and_a_deletion_takes_them_all() {
    let (mut world, id, said) = unheard();
    let (packet, garbage) = noisy(&world, id, &said);
    give(&mut world, EVE, packet);
    for body in 0x50..0x60 {
        let packet = carried(&world, id, &said, Some(body));
        give(&mut world, EVE, packet);
    }
    assert!(on_disk(&world, &garbage[..24]));
    let kept = further(&world);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].len() <= 2 * (said[1].body.len() + 2) + 1);
    // The last ones are kept, so that the right one finds a place after any number of wrong ones.
    let packet = carried(&world, id, &said, None);
    give(&mut world, EVE, packet);
    world.disconnect(EVE, HOME);
    world.connect(ANA, HOME);
    world.pass(20_000);
    assert_eq!(world.texts(ANA, "club/general"), SAID);
    world.connect(BEN, HOME);
    let message = said[1].header.id();
    world.ok(BEN, &format!("delete {message}"));
    world.pass(5_000);
    assert_eq!(further(&world), Vec::<Bytes>::new());
    for part in [&garbage[..24], &said[1].body[..24], &[0x5f; 16]] {
        assert!(!on_disk(&world, part));
    }
}
