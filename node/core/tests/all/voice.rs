//! Voice: who is seen in which room, who connects to whom, who is heard.

use alloquy_api::voice::{CallView, LinkStage, VoiceMemberView};
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::Input;
use alloquy_ids::DeviceId;

use crate::world::World;

/// A club with the voice channel "lobby", all connected with each other, each with an engine.
pub(crate) fn club(names: &[&str]) -> World {
    let (mut world, _) = World::club(names);
    world.ok(0, "create-channel club voice lobby");
    world.ok(0, "create-channel club stage hall");
    for a in 1..names.len() {
        for b in a + 1..names.len() {
            world.connect(a, b);
        }
    }
    for at in 0..names.len() {
        world.input(at, Input::MediaEngine(true));
    }
    world.pass(3_000);
    world
}

pub(crate) fn device(world: &World, at: usize) -> DeviceId {
    world.peers[at].node.device()
}

/// Who is in a channel of the club, as a node shows.
pub(crate) fn room(world: &mut World, at: usize, name: &str) -> Vec<VoiceMemberView> {
    let (_, club) = world.community(at);
    let mut channels = club.channels.iter();
    let channel = channels.find(|channel| channel.name == name);
    let Some(channel) = channel.map(|channel| channel.channel) else {
        return Vec::new();
    };
    club.voices.get(&channel).cloned().unwrap_or_default()
}

/// Their names.
pub(crate) fn names(world: &mut World, at: usize, name: &str) -> Vec<String> {
    let members = room(world, at, name).into_iter();
    members.map(|member| member.name).collect()
}

pub(crate) fn call(world: &mut World, at: usize) -> Option<CallView> {
    let Reply::Call { call } = world.ok(at, "voice stats") else {
        panic!("another reply");
    };
    call
}

/// Each of these has an open link to each other one, of one attempt on both sides, and none to anybody else.
pub(crate) fn all_connected(world: &World, members: &[usize]) {
    for a in members {
        let mut expected: Vec<_> = members
            .iter()
            .filter(|b| *b != a)
            .map(|b| device(world, *b))
            .collect();
        expected.sort();
        assert_eq!(world.peers[*a].engine.open(), expected, "links of {a}");
        for b in members.iter().filter(|b| *b != a) {
            let attempt = |of: usize, to: usize| {
                let mut links = world.peers[of].engine.links.iter();
                let to = device(world, to);
                links
                    .find(|(link, _)| link.device == to)
                    .map(|(link, held)| (link.attempt, held.offers))
            };
            let (one, other) = (
                attempt(*a, *b).expect("a link"),
                attempt(*b, *a).expect("a link"),
            );
            assert_eq!(one.0, other.0, "one attempt");
            assert_eq!(
                one.1,
                device(world, *a) > device(world, *b),
                "the greater offers"
            );
            assert_ne!(one.1, other.1);
        }
    }
}

#[test]
fn two_who_join_are_connected_and_seen_and_gone_when_they_leave() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(0, "voice join club/lobby");
    world.settle();
    assert_eq!(
        names(&mut world, 2, "lobby"),
        ["ana"],
        "who looks on is told"
    );
    world.ok(1, "voice join club/lobby");
    world.settle();
    for at in 0..3 {
        assert_eq!(names(&mut world, at, "lobby"), ["ana", "ben"]);
    }
    all_connected(&world, &[0, 1]);
    let shown = call(&mut world, 0).expect("a call");
    let ben = device(&world, 1);
    assert_eq!(shown.peers[&ben].link.stage, LinkStage::Open);
    assert!(world.peers[0].engine.sends && world.peers[0].engine.hears);
    assert_eq!(world.peers[0].engine.hears(), [ben]);
    assert_eq!(
        world.peers[2].engine.tasks,
        [],
        "nothing for who is not in the room"
    );

    world.ok(1, "voice leave");
    world.settle();
    for at in 0..3 {
        assert_eq!(names(&mut world, at, "lobby"), ["ana"]);
    }
    all_connected(&world, &[0]);
    assert_eq!(world.peers[1].engine.room, None);
    assert!(call(&mut world, 1).is_none());
    let ended = |event: &Event| matches!(event, Event::CallEnded { .. });
    assert!(world.peers[1].events.iter().any(ended));
    let again = world.line(1, "voice leave").expect_err("in no room");
    assert_eq!(again.code, ErrorCode::NoVoice);
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}
