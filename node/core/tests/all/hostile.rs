//! Peers that lie, and links that change what they carry.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_core::Verdict;
use bytes::Bytes;
use proptest::prelude::*;

use crate::world::{Packet, World};

#[test]
fn nothing_that_travels_can_be_read_without_its_key() {
    let mut world = World::new(&["ana-canary", "ben-canary"]);
    world.ok(0, "create-community canary-club");
    world.ok(0, "create-channel canary-club text canary-general");
    world.ok(0, "topic canary-club/canary-general \"canary topic\"");
    world.ok(0, "send canary-club/canary-general \"canary text\"");
    world.pass(1_000);
    let invite = world.word(0, "invite canary-club", "invite");
    world.connect(0, 1);
    world.ok(1, &format!("join {invite}"));
    world.ok(1, "send canary-club/canary-general \"canary answer\"");
    world.ok(0, "kick canary-club ben-canary \"canary reason\"");
    world.pass(5_000);
    assert!(world.wire.len() > 10, "something travelled");
    let joins = world
        .wire
        .iter()
        .filter(|frame| frame.windows(10).any(|part| part == b"ben-canary"))
        .count();
    // The newcomer tells its own name to the member that it asks, over the authenticated stream, and nobody else.
    let readable = world
        .wire
        .iter()
        .filter(|frame| frame.windows(6).any(|part| part == b"canary"))
        .count();
    assert_eq!(readable, joins);
    assert!(joins <= 2, "{joins} frames name the newcomer");
}

#[test]
fn a_changed_ciphertext_that_comes_first_by_gossip_does_no_harm() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let spoiled = Rc::new(Cell::new(0));
    let count = spoiled.clone();
    world.tamper = Some(Box::new(move |_, _, packet| match packet {
        Packet::Gossip(topic, bytes) => {
            count.set(count.get() + 1);
            let mut changed = bytes.to_vec();
            let last = changed.len() - 1;
            changed[last] ^= 1;
            vec![
                Packet::Gossip(topic, changed.into()),
                Packet::Gossip(topic, bytes),
            ]
        }
        frame => vec![frame],
    }));
    world.ok(0, "send club/general \"true\"");
    world.pass(3_000);
    assert!(spoiled.get() > 0, "gossip was used");
    assert_eq!(world.texts(1, "club/general"), ["true"]);
    assert!(
        world.peers[1].verdicts.contains(&Verdict::Reject),
        "the changed frame is not forwarded"
    );
}

#[test]
fn gossip_that_is_lost_is_made_good_by_comparing() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.tamper = Some(Box::new(|_, _, packet| match packet {
        Packet::Gossip(..) => Vec::new(),
        frame => vec![frame],
    }));
    world.ok(0, "send club/general \"by stream\"");
    world.pass(5_000);
    assert_eq!(world.texts(1, "club/general"), ["by stream"]);
}

#[test]
fn frames_lost_doubled_and_out_of_order_cost_time_only() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let turn = Rc::new(Cell::new(0_u32));
    let held: Rc<std::cell::RefCell<Option<Packet>>> = Rc::default();
    world.tamper = Some(Box::new(move |_, _, packet| {
        turn.set(turn.get() + 1);
        match turn.get() % 4 {
            0 => Vec::new(),
            1 => vec![packet.clone(), packet],
            2 => held.replace(Some(packet)).into_iter().collect(),
            _ => std::iter::once(packet).chain(held.take()).collect(),
        }
    }));
    for n in 0..30 {
        world.ok(n % 2, &format!("send club/general \"message {n}\""));
        world.pass(200);
    }
    world.tamper = None;
    world.pass(30_000);
    let ana = world.texts(0, "club/general");
    assert_eq!(ana.len(), 30);
    assert_eq!(world.texts(1, "club/general"), ana);
}

#[test]
fn a_stranger_learns_nothing_and_changes_nothing() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    let mut stranger = World::new(&["x", "y", "mallory"]);
    let mallory = stranger.peers.remove(2);
    world.peers.push(mallory);
    world.connect(0, 2);
    let before = world.wire.len();
    // A digest frame about the community, made by hand: wire version, tag, id, two digests, a count.
    let frame = [&[1, 1], id.as_bytes().as_slice(), &[0; 17]].concat();
    world.arrive(2, 0, Packet::Frame(frame.into()));
    world.settle();
    assert_eq!(world.wire.len(), before + 1, "no answer");
    assert!(world.peers[0].faults.is_empty());
}

#[test]
fn malformed_frames_are_named_and_blamed() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    for (frame, says) in [
        (vec![], "ends early"),
        (vec![9, 1], "wire version has the unknown value 9"),
        (vec![1, 99], "ends early"),
        (vec![1, 1, 2, 3], "ends early"),
        ([vec![1, 12], vec![0; 5]].concat(), "5 bytes follow"),
        (
            [vec![1, 99], vec![0; 40]].concat(),
            "frame has the unknown value 99",
        ),
        ([vec![1, 14], vec![0; 40]].concat(), "ends early"),
        (
            [vec![1, 7], vec![0; 32], vec![9]].concat(),
            "refusal has the unknown value 9",
        ),
        (
            [vec![1, 2], vec![0; 32], vec![0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
            "the limit is 2048",
        ),
        (
            [
                vec![1, 15],
                vec![0; 32],
                vec![1],
                vec![0; 32],
                vec![0xff, 0xff, 0x7f],
            ]
            .concat(),
            "marks is 2097151, the limit is 32768",
        ),
    ] {
        world.peers[0].faults.clear();
        world.arrive(1, 0, Packet::Frame(frame.into()));
        let faults = &world.peers[0].faults;
        assert!(
            faults.iter().any(|fault| fault.contains(says)),
            "{faults:?} should say {says:?}"
        );
    }
    world.ok(1, "send club/general \"all is well\"");
    world.pass(2_000);
    assert_eq!(world.texts(0, "club/general"), ["all is well"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bytes_of_a_peer_never_panic(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let (mut world, id) = World::club(&["ana", "ben"]);
        for (at, mut frame) in frames.into_iter().enumerate() {
            if frame.len() > 34 && at % 2 == 0 {
                // Half of them are about the right community.
                frame[0] = 1;
                frame[1] %= 15;
                frame[2..34].copy_from_slice(id.as_bytes());
            }
            world.arrive(1, 0, Packet::Frame(Bytes::from(frame)));
        }
        world.settle();
        world.ok(0, "send club/general \"still here\"");
    }
}
