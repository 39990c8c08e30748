//! Events whose past is not here: bounded for each sender, gone after a while, and no hindrance elsewhere.

use alloquy_api::{Event, Reply};
use alloquy_ids::{CommunityId, EventId, ScopeId};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};

use crate::forger::Forger;
use crate::world::{Packet, World};

fn scope_of(world: &mut World, channel: &str) -> ScopeId {
    let Reply::Channels { channels } = world.ok(0, "channels club") else {
        panic!("channels")
    };
    let of = channels.iter().find(|view| view.name == channel);
    of.expect("the channel is there").channel.into()
}

fn rows(world: &World, at: usize) -> usize {
    let records = world.peers[at].records.keys();
    records.filter(|key| key[0] == 0x10).count()
}

/// Ben sends ana events of devices that nobody knows, in frames of a hundred.
fn flood(world: &mut World, id: CommunityId, scope: ScopeId, count: u64) {
    let forger = Forger::of(&world.peers[1], id);
    let orphans: Vec<VerifiedEvent> = (0..count).map(|at| forger.orphan(scope, at)).collect();
    for some in orphans.chunks(100) {
        let frame = forger.ranges(scope, some);
        world.arrive(1, 0, frame);
    }
    assert!(
        world.peers[0].faults.is_empty(),
        "{:?}",
        world.peers[0].faults
    );
}

#[test]
fn a_flood_of_one_peer_leaves_room_for_what_others_send() {
    let (mut world, id) = World::club(&["ana", "ben", "cem"]);
    let scope = scope_of(&mut world, "general");
    world.ok(2, "send club/general \"one\"");
    world.pass(2_000);
    world.disconnect(0, 2);
    world.ok(2, "send club/general \"two\"");
    world.ok(2, "send club/general \"three\"");
    // What would bring cem's messages by another way is lost.
    world.tamper = Some(Box::new(|_, _, packet| match packet {
        Packet::Gossip(..) => vec![packet],
        Packet::Frame(_) => Vec::new(),
    }));
    flood(&mut world, id, scope, 5_000);
    let cem = Forger::of(&world.peers[2], id);
    let [.., two, three] = cem.own.as_slice() else {
        panic!("two messages")
    };
    world.arrive(2, 0, cem.gossip(three));
    flood(&mut world, id, scope, 5_000);
    assert_eq!(world.texts(0, "club/general"), ["one"]);
    world.arrive(2, 0, cem.gossip(two));
    assert_eq!(world.texts(0, "club/general"), ["one", "two", "three"]);
}

#[test]
fn what_nobody_completes_goes_after_a_while_from_the_store_too() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    let scope = scope_of(&mut world, "general");
    world.ok(1, "send club/general \"kept\"");
    world.pass(2_000);
    world.tamper = Some(Box::new(|_, _, _| Vec::new()));
    let before = rows(&world, 0);
    flood(&mut world, id, scope, 500);
    assert!(rows(&world, 0) > before);
    world.pass(11 * 60 * 1000);
    assert_eq!(rows(&world, 0), before);
    world.restart(0, 1);
    assert_eq!(world.texts(0, "club/general"), ["kept"]);
}

#[test]
fn a_channel_is_complete_whatever_waits_in_another() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.ok(0, "create-channel club text other");
    world.pass(12_000);
    let scope = scope_of(&mut world, "other");
    flood(&mut world, id, scope, 3);
    let complete = |world: &mut World, channel: &str| {
        let reply = world.ok(0, &format!("history club/{channel}"));
        matches!(reply, Reply::History { complete: true, .. })
    };
    assert!(complete(&mut world, "general"));
    assert!(!complete(&mut world, "other"));
}

#[test]
fn an_operation_without_its_body_is_refused_at_once() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    let forger = Forger::of(&world.peers[1], id);
    // An operation that joins heads: its body is its tag alone.
    let body = vec![2];
    let header = Header {
        kind: Kind::Authority,
        scope: id.into(),
        device: forger.device(),
        incarnation: 77,
        seq: 0,
        prev: EventId::ZERO,
        deps: vec![EventId::from(id)],
        auth: Vec::new(),
        lamport: 2,
        wall: world.now.wall,
        epoch: alloquy_ids::EpochId::ZERO,
        body_len: 1,
        body_commit: clear_commit(&body),
    };
    let event = SignedEvent::sign(header, body, &forger.key);
    let bare = event.verify().expect("it is whole").without_body();
    let frame = forger.ranges(id.into(), &[bare]);
    world.arrive(1, 0, frame);
    world.ok(0, "send club/general \"still here\"");
    world.pass(2_000);
    assert_eq!(world.texts(1, "club/general"), ["still here"]);
    let lost = |event: &Event| matches!(event, Event::StorageFailed { .. });
    assert!(!world.peers[0].events.iter().any(lost));
}
