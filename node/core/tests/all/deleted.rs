//! Deleted bodies: hidden at once, gone everywhere after a week, back if the deletion falls.

use crate::world::World;

/// Milliseconds of a week.
const WEEK: u64 = 7 * 24 * 3600 * 1000;

/// Milliseconds of an hour.
const HOUR: u64 = 3_600 * 1000;

/// The clocks on the wall are set forward; whoever looks at them now and then has done so.
fn later(world: &mut World, ms: u64) {
    world.now.wall.0 += ms;
    world.pass(HOUR);
}

/// A text that no compression makes small, of some ten kilobytes.
fn long_text() -> String {
    let mut word = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = String::new();
    while text.len() < 10_000 {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        text.push_str(&format!("{word:016x}"));
    }
    text
}

fn stored(world: &World, at: usize) -> usize {
    world.peers[at]
        .records
        .values()
        .map(bytes::Bytes::len)
        .sum()
}

fn last_id(world: &mut World, at: usize) -> String {
    let shown = world.history(at, "club/general");
    shown.last().expect("a message").id.to_string()
}

#[test]
fn what_others_delete_is_hidden_at_once_and_gone_after_a_week_from_every_store() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    let text = long_text();
    world.ok(1, &format!("send club/general {text}"));
    world.ok(1, "send club/general \"stays\"");
    world.pass(5_000);
    let message = world.history(0, "club/general")[0].id;
    world.ok(0, &format!("delete {message}"));
    world.pass(5_000);
    let before = [0, 1, 2].map(|at| stored(&world, at));
    for at in 0..3 {
        let shown = world.history(at, "club/general");
        assert!(shown[0].deleted && shown[0].text.is_empty());
    }
    later(&mut world, WEEK - 2 * HOUR);
    let kept = [0, 1, 2].map(|at| stored(&world, at));
    // A node that was not running knows since when the deletion is there.
    world.restart(2, 1);
    later(&mut world, 2 * HOUR);
    for at in 0..3 {
        assert!(kept[at] + 5_000 > before[at], "kept for a week at {at}");
        assert!(stored(&world, at) + 5_000 < kept[at], "gone from {at}");
    }
    world.restart(1, 1);
    assert_eq!(world.texts(1, "club/general"), ["", "stays"]);
    // Whoever comes later is given what is left, and waits for nothing.
    world.connect(0, 1);
    let invite = world.word(0, "invite club", "invite");
    world.found("dot");
    world.connect(0, 3);
    world.ok(3, &format!("join {invite}"));
    world.pass(20_000);
    let shown = world.history(3, "club/general");
    assert!(shown[0].deleted && !shown[0].waiting);
    assert_eq!(world.texts(3, "club/general"), ["", "stays"]);
    let reply = world.ok(3, "history club/general");
    assert!(
        matches!(reply, alloquy_api::Reply::History { complete: true, .. }),
        "{reply:?}"
    );
}

#[test]
fn a_deletion_that_falls_after_the_week_gives_the_bodies_back() {
    let (mut world, _) = World::club(&["ana", "ben", "mod"]);
    world.connect(1, 2);
    world.ok(0, "role create club mods --rank 10 --allow manage-messages");
    world.ok(0, "role grant club mods mod");
    world.ok(1, "send club/general \"precious\"");
    world.pass(5_000);
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    // Ana removes the moderator, who has not heard of it and deletes what ben wrote.
    world.ok(0, "kick club mod");
    let message = last_id(&mut world, 2);
    world.ok(2, &format!("delete {message}"));
    world.pass(5_000);
    assert!(world.history(1, "club/general")[0].deleted);
    later(&mut world, WEEK);
    world.disconnect(1, 2);
    world.connect(0, 1);
    world.pass(60_000);
    assert_eq!(world.texts(0, "club/general"), ["precious"]);
    assert_eq!(world.texts(1, "club/general"), ["precious"], "given back");
}
