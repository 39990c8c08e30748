//! What newcomers may read: everything, or what is written after them.

use alloquy_api::{ErrorCode, Reply};
use bytes::Bytes;

use crate::world::{Packet, World};

/// Type of the records that hold keys of epochs.
const EPOCH: u8 = 0x11;

/// A club of three with a private channel that the founder and ben may view, under this policy.
fn secret(policy: &str) -> World {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.ok(0, "create-channel club text secret --private");
    world.ok(
        0,
        "overwrite club/secret member ben --allow view,read-history,send",
    );
    world.ok(0, &format!("history-policy club/secret {policy}"));
    world.pass(3_000);
    world
}

fn let_in(world: &mut World, name: &str) {
    world.ok(
        0,
        &format!("overwrite club/secret member {name} --allow view,read-history,send"),
    );
    world.pass(5_000);
}

/// Gives a node every frame that it can be given, as each of the others: whoever is on its side hides nothing from it.
pub(crate) fn give_everything(world: &mut World, to: usize, frames: &[Bytes]) {
    for from in (0..world.peers.len()).filter(|from| *from != to) {
        if !world.linked(from, to) {
            continue;
        }
        for frame in frames {
            world.arrive(from, to, Packet::Frame(frame.clone()));
        }
    }
    world.pass(60_000);
}

fn keys_held(world: &World, at: usize) -> usize {
    let keys = world.peers[at].records.keys();
    keys.filter(|key| key[0] == EPOCH).count()
}

#[test]
fn whoever_comes_in_under_since_join_reads_nothing_earlier_with_everything_on_the_wire() {
    let mut world = secret("since-join");
    world.ok(0, "send club/secret before");
    world.ok(1, "send club/secret \"before too\"");
    world.pass(3_000);
    assert_eq!(world.texts(1, "club/secret"), ["before", "before too"]);
    let_in(&mut world, "cem");
    world.ok(1, "send club/secret after");
    world.ok(2, "send club/secret \"I am here\"");
    world.pass(5_000);
    let all = ["before", "before too", "after", "I am here"];
    assert_eq!(world.texts(0, "club/secret"), all);
    assert_eq!(world.texts(1, "club/secret"), all);
    assert_eq!(world.texts(2, "club/secret"), all[2..]);
    let frames = world.wire.clone();
    give_everything(&mut world, 2, &frames);
    assert_eq!(world.texts(2, "club/secret"), all[2..]);
    assert!(keys_held(&world, 2) < keys_held(&world, 1));
    world.restart(2, 1);
    assert_eq!(world.texts(2, "club/secret"), all[2..]);
    let Reply::History { complete, .. } = world.ok(2, "history club/secret") else {
        panic!("a history");
    };
    assert!(!complete, "nobody is connected after the start");
    world.connect(0, 2);
    world.pass(5_000);
    let Reply::History { complete, .. } = world.ok(2, "history club/secret") else {
        panic!("a history");
    };
    assert!(complete, "what it may never read is not missing");
    let unread = serde_json::to_value(world.ok(2, "unread club")).expect("plain data");
    assert!(!unread.to_string().contains("\"unread\":4"), "{unread}");
}

#[test]
fn whoever_comes_in_under_all_reads_and_verifies_everything() {
    let mut world = secret("all");
    world.ok(0, "send club/secret before");
    world.ok(0, "rekey club/secret");
    world.ok(1, "send club/secret \"before too\"");
    world.pass(3_000);
    let_in(&mut world, "cem");
    world.ok(1, "send club/secret after");
    world.pass(5_000);
    let all = ["before", "before too", "after"];
    assert_eq!(world.texts(2, "club/secret"), all);
}

#[test]
fn those_who_come_in_together_begin_with_one_epoch() {
    let (mut world, _) = World::club(&["ana", "ben", "cem", "dot", "eli"]);
    world.ok(0, "create-channel club text secret --private");
    world.ok(0, "history-policy club/secret since-join");
    world.pass(3_000);
    let before = keys_held(&world, 0);
    for name in ["ben", "cem", "dot"] {
        world.ok(
            0,
            &format!("overwrite club/secret member {name} --allow view,read-history,send"),
        );
    }
    world.pass(5_000);
    assert_eq!(keys_held(&world, 0), before + 1);
    let_in(&mut world, "eli");
    assert_eq!(keys_held(&world, 0), before + 2);
    world.ok(0, "send club/secret hello");
    world.pass(5_000);
    for at in 1..5 {
        assert_eq!(world.texts(at, "club/secret"), ["hello"]);
    }
}

#[test]
fn a_newcomer_is_readable_to_all_though_whoever_let_it_in_ended_before_the_epoch() {
    let mut world = secret("since-join");
    world.ok(0, "send club/secret before");
    world.ok(
        0,
        "overwrite club/secret member cem --allow view,read-history,send",
    );
    // Before the epoch that begins with cem.
    world.restart(0, 1);
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    world.ok(1, "send club/secret after");
    world.pass(10_000);
    assert_eq!(world.texts(2, "club/secret"), ["after"]);
    assert_eq!(world.texts(1, "club/secret"), ["before", "after"]);
}

#[test]
fn a_change_of_the_policy_gives_nobody_what_was_written_under_since_join() {
    let mut world = secret("all");
    world.ok(0, "send club/secret open");
    world.ok(0, "history-policy club/secret since-join");
    world.ok(0, "send club/secret closed");
    world.pass(3_000);
    let_in(&mut world, "cem");
    assert_eq!(world.texts(2, "club/secret"), Vec::<String>::new());
    let channels = serde_json::to_value(world.ok(2, "channels club")).expect("plain data");
    assert!(
        channels.to_string().contains("\"since_join\":true"),
        "{channels}"
    );
    world.ok(0, "history-policy club/secret all");
    world.ok(0, "send club/secret \"open again\"");
    world.pass(10_000);
    assert_eq!(
        world.texts(1, "club/secret"),
        ["open", "closed", "open again"]
    );
    assert_eq!(world.texts(2, "club/secret"), ["open", "open again"]);
}

#[test]
fn a_history_policy_is_refused_where_there_is_none() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    for (at, line, says) in [
        (
            0,
            "history-policy club since-join",
            "only private channels and groups",
        ),
        (
            0,
            "history-policy club/general since-join",
            "only private channels and groups",
        ),
        (0, "history-policy club/nowhere all", "nowhere"),
    ] {
        let refusal = world.line(at, line).expect_err("there is none");
        assert!(
            refusal.message.contains(says),
            "{line}: {}",
            refusal.message
        );
    }
    world.ok(0, "create-channel club text secret --private");
    world.ok(
        0,
        "overwrite club/secret member ben --allow view,read-history,send",
    );
    world.pass(3_000);
    let refusal = world.line(1, "history-policy club/secret since-join");
    let refusal = refusal.expect_err("ben manages nothing");
    assert_eq!(refusal.code, ErrorCode::NotPermitted, "{}", refusal.message);
}

#[test]
fn whoever_is_added_to_a_group_under_since_join_reads_what_is_written_after_and_the_names() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.ok(0, "group create trio ben");
    world.ok(0, "history-policy trio since-join");
    world.ok(0, "send trio/chat before");
    world.pass(5_000);
    world.ok(1, "dm accept ana");
    world.pass(5_000);
    assert_eq!(world.texts(1, "trio/chat"), ["before"]);
    world.ok(0, "group add trio cem");
    world.pass(5_000);
    world.ok(2, "dm accept ana");
    world.pass(10_000);
    world.ok(1, "send trio/chat after");
    world.pass(10_000);
    assert_eq!(world.texts(2, "trio/chat"), ["after"]);
    assert_eq!(world.texts(0, "trio/chat"), ["before", "after"]);
    let frames = world.wire.clone();
    give_everything(&mut world, 2, &frames);
    assert_eq!(world.texts(2, "trio/chat"), ["after"]);
    let snapshot = world.snapshot(2);
    let trio = snapshot.directs.iter().find(|one| one.name == "trio");
    let trio = trio.expect("the group has its name");
    let members = &snapshot.communities[&trio.community].members;
    let mut names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ana", "ben", "cem"]);
}
