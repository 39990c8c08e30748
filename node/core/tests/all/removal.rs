//! Removals: who must hear of them, and from whom.

use alloquy_api::command::CommandId;
use alloquy_api::{Command, ErrorCode, Event};
use alloquy_core::{Input, Origin};

use crate::world::{CLIENT, Packet, World};

/// Ana has removed ben while he was away; ben, who does not know, lets in whoever is named after him, one by the
/// other. Nobody but ana and ben is connected to anybody at the end.
fn let_in_by_a_removed_member(names: &[&str]) -> World {
    let mut world = World::new(names);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let invite = world.word(0, "invite club", "invite");
    world.connect(0, 1);
    world.ok(1, &format!("join {invite}"));
    world.pass(3_000);
    world.disconnect(0, 1);
    world.ok(0, "kick club ben");
    for at in 2..names.len() {
        let invite = world.word(at - 1, "invite club", "invite");
        world.connect(at - 1, at);
        world.ok(at, &format!("join {invite}"));
        world.pass(3_000);
        world.disconnect(at - 1, at);
    }
    let last = names.len() - 1;
    world.ok(last, "send club/general \"am I in?\"");
    world
}

fn is_out(world: &mut World, at: usize) {
    let error = world
        .line(at, "send club/general \"more\"")
        .expect_err("who let this one in had been removed");
    assert_eq!(error.code, ErrorCode::NotMember, "{}", error.message);
    let left = |event: &Event| matches!(event, Event::CommunityLeft { .. });
    assert!(world.peers[at].events.iter().any(left));
}

#[test]
fn whom_a_removed_member_let_in_hears_of_that_removal() {
    let mut world = let_in_by_a_removed_member(&["ana", "ben", "cem"]);
    world.connect(0, 2);
    world.pass(20_000);
    is_out(&mut world, 2);
    let texts = world.texts(0, "club/general");
    assert!(
        texts.is_empty(),
        "nothing of it reached a member: {texts:?}"
    );
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
    // By an invite of a member the way in is open.
    let invite = world.word(0, "invite club", "invite");
    world.ok(2, &format!("join {invite}"));
    world.ok(2, "send club/general \"now I am\"");
    world.pass(2_000);
    assert_eq!(world.texts(0, "club/general"), ["now I am"]);
}

#[test]
fn the_last_of_a_chain_that_a_removed_member_began_hears_of_it_too() {
    let mut world = let_in_by_a_removed_member(&["ana", "ben", "cem", "dot"]);
    world.connect(0, 3);
    world.pass(20_000);
    is_out(&mut world, 3);
}

#[test]
fn the_removal_is_told_though_frames_are_lost() {
    let mut world = let_in_by_a_removed_member(&["ana", "ben", "cem"]);
    let (mut turn, mut dice) = (0, 1_u32);
    world.tamper = Some(Box::new(move |_, _, packet| {
        turn += 1;
        dice = dice.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        // The first proofs and answers, and a third of the later ones.
        if turn < 8 || (dice >> 16) % 3 == 0 {
            Vec::new()
        } else {
            vec![packet]
        }
    }));
    world.connect(0, 2);
    world.pass(90_000);
    is_out(&mut world, 2);
}

/// Cem, who was a member, is one no more by this line of ana's or his own; ben, whom ana removes then while he is
/// away, lets him in again. Cem meets ana, of whom he knows nothing new.
fn let_in_again_by_a_removed_member(at: usize, end: &str) -> World {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(at, end);
    world.pass(3_000);
    let invite = world.word(1, "invite club", "invite");
    for (a, b) in [(0, 1), (0, 2)] {
        world.disconnect(a, b);
    }
    world.ok(0, "kick club ben");
    world.connect(1, 2);
    world.ok(2, &format!("join {invite}"));
    world.ok(2, "send club/general \"am I in again?\"");
    world.ok(1, "leave club");
    world.pass(3_000);
    world.disconnect(1, 2);
    world.connect(0, 2);
    world.pass(20_000);
    world
}

#[test]
fn who_had_been_a_member_before_a_removed_member_let_it_in_hears_of_that_removal_too() {
    for (at, end) in [(2, "leave club"), (0, "kick club cem")] {
        let mut world = let_in_again_by_a_removed_member(at, end);
        is_out(&mut world, 2);
        let texts = world.texts(0, "club/general");
        assert!(texts.is_empty(), "{end}: {texts:?}");
        assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
        let invite = world.word(0, "invite club", "invite");
        world.ok(2, &format!("join {invite}"));
        world.ok(2, "send club/general \"now I am\"");
        world.pass(2_000);
        assert_eq!(world.texts(0, "club/general"), ["now I am"], "{end}");
    }
}

#[test]
fn a_removed_member_that_another_member_let_in_again_is_known_by_its_new_admission() {
    let mut world = World::new(&["ana", "ben", "cem"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    for at in 1..3 {
        let invite = world.word(0, "invite club", "invite");
        world.connect(0, at);
        world.ok(at, &format!("join {invite}"));
    }
    world.pass(3_000);
    world.ok(0, "kick club cem");
    world.pass(3_000);
    // Ben lets cem in again; ana meets cem before she hears of it from ben.
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    let invite = world.word(1, "invite club", "invite");
    world.connect(1, 2);
    world.ok(2, &format!("join {invite}"));
    world.pass(3_000);
    world.disconnect(1, 2);
    world.connect(0, 2);
    world.pass(20_000);
    world.ok(2, "send club/general \"back again\"");
    world.pass(2_000);
    assert_eq!(world.texts(0, "club/general"), ["back again"]);
}

#[test]
fn a_newcomer_is_known_though_the_founder_has_left() {
    let mut world = World::new(&["ana", "ben", "cem", "dot"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    for at in 1..3 {
        let invite = world.word(0, "invite club", "invite");
        world.connect(0, at);
        world.ok(at, &format!("join {invite}"));
    }
    world.connect(1, 2);
    world.pass(3_000);
    world.ok(0, "leave club");
    world.pass(3_000);
    world.disconnect(1, 2);
    let invite = world.word(1, "invite club", "invite");
    world.connect(1, 3);
    world.ok(3, &format!("join {invite}"));
    world.pass(3_000);
    world.disconnect(1, 3);
    // Cem has never heard of dot, and ben is away.
    world.connect(2, 3);
    world.pass(20_000);
    world.ok(3, "send club/general \"hello\"");
    world.pass(2_000);
    assert_eq!(world.texts(2, "club/general"), ["hello"]);
}

#[test]
fn a_newcomer_shows_its_admission_though_later_operations_follow_it_in_the_log() {
    const RANGES: u8 = 4;
    let mut world = World::new(&["ana", "ben", "dot", "cem"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    for at in 1..3 {
        let invite = world.word(0, "invite club", "invite");
        world.connect(0, at);
        world.ok(at, &format!("join {invite}"));
    }
    world.pass(3_000);
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    let invite = world.word(1, "invite club", "invite");
    // Ben lets cem in, but what he says of it is lost; when it comes at last, he has written on.
    world.tamper = Some(Box::new(|_, _, packet| match &packet {
        Packet::Frame(bytes) if bytes[1] == RANGES => Vec::new(),
        _ => vec![packet],
    }));
    world.connect(1, 3);
    let link: Command = format!("join {invite}").parse().expect("a link");
    let origin = Origin {
        client: 1,
        command: CommandId(900),
    };
    world.input(3, Input::Command(origin, link));
    world.settle();
    for _ in 0..3 {
        world.ok(1, "invite club");
    }
    world.tamper = None;
    world.pass(20_000);
    world.ok(3, "history club/general");
    world.disconnect(1, 3);
    // Dot has never heard of cem, and whoever has is away.
    world.connect(2, 3);
    world.pass(20_000);
    world.ok(3, "send club/general \"hello\"");
    world.pass(2_000);
    assert_eq!(world.texts(2, "club/general"), ["hello"]);
}

/// Types a line and does not wait for its answer.
fn begins(world: &mut World, at: usize, line: &str) {
    let command: Command = line.parse().expect("a line");
    let origin = Origin {
        client: CLIENT,
        command: CommandId(999),
    };
    world.input(at, Input::Command(origin, command));
    world.settle();
}

#[test]
fn who_missed_its_welcome_is_welcomed_though_the_invite_stands_no_more() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let invite = world.word(0, "invite club", "invite");
    world.found("cem");
    // Nothing that ana says reaches cem.
    world.tamper = Some(Box::new(|from, to, packet| {
        if (from, to) == (0, 2) {
            Vec::new()
        } else {
            vec![packet]
        }
    }));
    world.connect(0, 2);
    begins(&mut world, 2, &format!("join {invite}"));
    world.pass(3_000);
    world.ok(0, "leave club");
    world.pass(3_000);
    world.disconnect(0, 2);
    world.disconnect(0, 1);
    world.tamper = None;
    world.connect(1, 2);
    world.pass(20_000);
    world.ok(2, "send club/general \"here I am\"");
    world.pass(2_000);
    assert_eq!(world.texts(1, "club/general"), ["here I am"]);
}

#[test]
fn a_newcomer_that_asks_twice_is_welcomed_when_its_admission_is_durable() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let invite = world.word(0, "invite club", "invite");
    world.found("cem");
    world.peers[0].unwritten = Some(Vec::new());
    world.tamper = Some(Box::new(|_, _, packet| vec![packet.clone(), packet]));
    world.connect(0, 2);
    begins(&mut world, 2, &format!("join {invite}"));
    let faults = |world: &World| world.peers[2].faults.clone();
    assert_eq!(faults(&world), Vec::<String>::new());
    world.tamper = None;
    world.written(0);
    world.pass(3_000);
    assert_eq!(faults(&world), Vec::<String>::new());
    world.ok(2, "send club/general \"here I am\"");
}

#[test]
fn what_was_hidden_by_a_removal_stays_hidden_by_the_next_one() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(1, "send club/general before");
    world.pass(2_000);
    world.disconnect(0, 1);
    world.ok(0, "kick club ben");
    world.ok(1, "send club/general \"unaware of it\"");
    world.connect(0, 1);
    world.pass(12_000);
    let invite = world.word(0, "invite club", "invite");
    world.ok(1, &format!("join {invite}"));
    world.ok(1, "send club/general again");
    world.pass(12_000);
    let texts = ["before", "again"];
    assert_eq!(world.texts(0, "club/general"), texts);
    world.ok(0, "ban club ben");
    world.pass(2_000);
    assert_eq!(world.texts(0, "club/general"), texts);
}
