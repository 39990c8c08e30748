//! Stages: who speaks, who listens, and who says so.

use alloquy_api::ErrorCode;
use alloquy_core::Input;

use crate::voice::{all_connected, call, club, device, room};
use crate::world::World;

/// Ana owns the club, Ben and Cleo are on the stage with her, Dan looks on.
fn hall() -> World {
    let mut world = club(&["ana", "ben", "cleo", "dan"]);
    for at in 0..3 {
        world.ok(at, "voice join club/hall");
    }
    world.settle();
    world
}

/// Whether one hears another.
fn hears(world: &World, at: usize, of: usize) -> bool {
    let heard = world.peers[at].engine.hears().contains(&device(world, of));
    heard && world.peers[of].engine.sends
}

/// Who of the stage is in the audience, and who has a hand up, as a node shows it.
fn audience(world: &mut World, at: usize) -> (Vec<String>, Vec<String>) {
    let shown = room(world, at, "hall");
    let of = |test: fn(&alloquy_api::voice::VoiceMemberView) -> bool| {
        let members = shown.iter().filter(|member| test(member));
        members.map(|member| member.name.clone()).collect()
    };
    (of(|member| member.audience), of(|member| member.hand))
}

#[test]
fn the_audience_hears_only_until_a_moderator_invites_and_again_after() {
    let mut world = hall();
    all_connected(&world, &[0, 1, 2]);
    let none = Vec::<String>::new();
    for at in 0..4 {
        assert_eq!(
            audience(&mut world, at),
            (vec!["ben".to_owned(), "cleo".to_owned()], none.clone())
        );
    }
    assert!(hears(&world, 1, 0) && !hears(&world, 0, 1) && !hears(&world, 2, 1));
    let told = call(&mut world, 1)
        .expect("a call")
        .silenced
        .expect("a reason");
    assert!(told.contains("audience"), "{told}");

    world.ok(1, "voice hand up");
    world.pass(1_000);
    for at in 0..4 {
        assert_eq!(audience(&mut world, at).1, ["ben"], "as {at} sees it");
    }
    world.ok(0, "stage invite ben");
    world.pass(1_000);
    for at in 0..4 {
        assert_eq!(
            audience(&mut world, at),
            (vec!["cleo".to_owned()], none.clone()),
            "as {at} sees it"
        );
    }
    assert!(hears(&world, 0, 1) && hears(&world, 2, 1));
    assert_eq!(call(&mut world, 1).expect("a call").silenced, None);

    world.ok(0, "stage audience ben");
    world.settle();
    assert!(!hears(&world, 0, 1) && !hears(&world, 2, 1));
    assert!(!world.peers[1].engine.sends);
    world.ok(0, "stage invite ben");
    world.pass(1_000);
    // He did not ask this time: he is not heard unawares.
    assert!(!world.peers[1].engine.sends && room(&mut world, 3, "hall")[1].muted);
    world.ok(1, "voice mute off");
    world.pass(1_000);
    assert!(hears(&world, 0, 1));
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}

#[test]
fn who_comes_later_learns_from_the_speaker_who_may_speak_and_from_the_others_who_may_no_more() {
    let mut world = hall();
    world.ok(1, "voice hand up");
    world.ok(0, "stage invite ben");
    world.settle();
    // Dan was not there, and by the time he comes the moderator has gone.
    world.disconnect(0, 3);
    world.ok(0, "voice leave");
    world.ok(3, "voice join club/hall");
    world.settle();
    assert!(hears(&world, 3, 1), "by the invitation that Ben carries");
    world.ok(0, "voice join club/hall");
    world.settle();
    world.ok(0, "stage audience ben");
    world.settle();
    assert!(!hears(&world, 3, 1) && !hears(&world, 2, 1));
}

#[test]
fn an_invitation_falls_with_the_right_of_who_gave_it() {
    let mut world = hall();
    world.ok(0, "role create club Hosts --rank 5 --allow mute");
    world.ok(0, "role grant club Hosts ben");
    world.settle();
    assert!(hears(&world, 0, 1), "a moderator speaks");
    world.ok(2, "voice hand up");
    world.ok(1, "stage invite cleo");
    world.settle();
    assert!(hears(&world, 0, 2));
    let refused = world.line(1, "stage audience ana").expect_err("the owner");
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    world.ok(0, "role revoke club Hosts ben");
    world.settle();
    assert!(!hears(&world, 0, 1) && !hears(&world, 0, 2) && !world.peers[2].engine.sends);
}

#[test]
fn orders_and_hands_are_refused_where_they_mean_nothing() {
    let mut world = hall();
    let refused =
        |world: &mut World, at: usize, line: &str| world.line(at, line).expect_err(line).code;
    assert_eq!(
        refused(&mut world, 1, "stage invite cleo"),
        ErrorCode::NotPermitted
    );
    assert_eq!(
        refused(&mut world, 0, "stage invite dan"),
        ErrorCode::UnknownName
    );
    assert_eq!(refused(&mut world, 3, "voice hand up"), ErrorCode::NoVoice);
    assert_eq!(
        refused(&mut world, 3, "stage invite ben"),
        ErrorCode::NoVoice
    );
    world.ok(1, "voice join club/lobby");
    assert_eq!(
        refused(&mut world, 1, "voice hand up"),
        ErrorCode::NotPermitted
    );
    assert_eq!(
        refused(&mut world, 1, "stage invite cleo"),
        ErrorCode::NotPermitted
    );
    world.input(1, Input::Timeout);
}
