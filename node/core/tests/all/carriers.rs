//! An author that signs one event over several ciphertexts: the commitment decides which of them is its body.

use alloquy_api::Reply;
use alloquy_ids::CommunityId;
use alloquy_schema::event::{Kind, SignedEvent};

use crate::forger::Forger;
use crate::world::{Packet, World};

/// Ben has written a message that nobody has heard of; the message, and its copy over a wrong ciphertext.
fn unheard() -> (World, CommunityId, [SignedEvent; 2]) {
    let (mut world, id) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.ok(1, "send club/general \"before\"");
    world.pass(2_000);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.ok(1, "send club/general \"the true text\"");
    let forger = Forger::of(&world.peers[1], id);
    let right = forger.last(Kind::Sealed).clone();
    let wrong = forger.garbled(&right);
    assert_eq!(wrong.header.id(), right.header.id());
    (world, id, [wrong, right])
}

fn gossip(world: &mut World, id: CommunityId, to: usize, event: &SignedEvent) {
    let forger = Forger::of(&world.peers[1], id);
    world.arrive(1, to, forger.gossip(event));
}

fn unread(world: &mut World, at: usize) -> u32 {
    let Reply::Unread { unread } = world.ok(at, "unread club") else {
        panic!("unread")
    };
    unread.first().map_or(0, |channel| channel.unread)
}

#[test]
fn the_right_ciphertext_shows_the_message_though_a_wrong_one_came_first() {
    let (mut world, id, [wrong, right]) = unheard();
    gossip(&mut world, id, 0, &wrong);
    let shown = world.history(0, "club/general");
    assert!(shown[1].waiting && shown[1].text.is_empty());
    gossip(&mut world, id, 0, &right);
    assert_eq!(world.texts(0, "club/general"), ["before", "the true text"]);
    assert_eq!(unread(&mut world, 0), 2, "it arrived once");
    // A wrong one does not displace the right one, here or after a start.
    gossip(&mut world, id, 0, &wrong);
    world.restart(0, 1);
    assert_eq!(world.texts(0, "club/general"), ["before", "the true text"]);
    assert_eq!(unread(&mut world, 0), 2);
}

#[test]
fn a_page_is_no_shorter_for_messages_that_wait() {
    let (mut world, id, [wrong, right]) = unheard();
    gossip(&mut world, id, 0, &wrong);
    let channel = world.community(0).1.channels[0].channel;
    let last = |world: &mut World| {
        let command = alloquy_api::Command::Page {
            channel,
            part: alloquy_api::pages::Part::Latest(None),
            limit: 1,
        };
        let Ok(Reply::History { messages, .. }) = world.submit(0, command) else {
            panic!("a page");
        };
        let texts = messages.into_iter().map(|one| (one.text, one.waiting));
        texts.collect::<Vec<_>>()
    };
    let text = |text: &str| (text.to_owned(), false);
    let waits = (String::new(), true);
    assert_eq!(
        last(&mut world),
        [text("before"), waits],
        "one was asked for, and a face knows what waits when its text comes"
    );
    gossip(&mut world, id, 0, &right);
    assert_eq!(last(&mut world), [text("the true text")]);
}

#[test]
fn the_right_body_is_asked_for_by_name() {
    let (mut world, id, [wrong, _]) = unheard();
    gossip(&mut world, id, 0, &wrong);
    // Even after a start the wrong body in the store stands in nobody's way.
    world.restart(0, 1);
    world.connect(0, 1);
    world.pass(25_000);
    assert_eq!(world.texts(0, "club/general"), ["before", "the true text"]);
}

#[test]
fn whoever_holds_the_wrong_one_is_no_source_and_no_hindrance() {
    let (mut world, id, [wrong, right]) = unheard();
    gossip(&mut world, id, 0, &wrong);
    gossip(&mut world, id, 2, &right);
    assert!(world.linked(0, 2));
    world.pass(25_000);
    for at in [0, 2] {
        assert_eq!(
            world.texts(at, "club/general"),
            ["before", "the true text"],
            "node {at}"
        );
    }
}

#[test]
fn a_wrong_ciphertext_that_waits_for_its_past_does_no_harm() {
    let (mut world, id, _) = unheard();
    world.ok(1, "send club/general \"the last\"");
    let forger = Forger::of(&world.peers[1], id);
    let [.., first, last] = forger.own.as_slice() else {
        panic!("two messages")
    };
    let (first, last) = (first.clone(), last.clone());
    // Frames that would bring everything are lost.
    world.tamper = Some(Box::new(|_, _, packet| match packet {
        Packet::Gossip(..) => vec![packet],
        Packet::Frame(_) => Vec::new(),
    }));
    for event in [
        &forger.garbled(&last),
        &last,
        &forger.garbled(&last),
        &first,
    ] {
        world.arrive(1, 0, forger.gossip(event));
    }
    assert_eq!(
        world.texts(0, "club/general"),
        ["before", "the true text", "the last"]
    );
}
