//! Copies of one device that run at the same time: a cloned machine, a second process with the same keys, a backup that
//! was restored twice. Both branches of a forked log stand, and nobody is judged for them (docs/protocol.md, "Logs").
//!
//! Two copies have one network key, so they are never connected with each other: they meet through others.

use alloquy_api::Reply;
use alloquy_ids::CommunityId;

use crate::attack::Records;
use crate::home::no_faults;
use crate::survive::accept;
use crate::world::World;

/// The record of this device's part in a community begins with the incarnation under which it writes.
const MEMBERSHIP: u8 = 3;
/// Milliseconds of a day.
const DAY: u64 = 24 * 3_600_000;

fn say(world: &mut World, at: usize, channel: &str, text: &str) {
    world.ok(at, &format!("send {channel} \"{text}\""));
}

/// Everybody shows the same in this channel: each of these messages once, in one order.
fn all_show(world: &mut World, channels: &[(usize, &str)], said: &[&str]) {
    let mut said = said.to_vec();
    said.sort_unstable();
    let mut first: Option<Vec<String>> = None;
    for (at, channel) in channels {
        let shown = world.history(*at, channel);
        assert!(!shown.iter().any(|message| message.waiting), "node {at}");
        let texts: Vec<_> = shown.into_iter().map(|message| message.text).collect();
        let mut sorted: Vec<_> = texts.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        assert_eq!(sorted, said, "node {at} in {channel}");
        let one = first.get_or_insert_with(|| texts.clone());
        assert_eq!(*one, texts, "node {at} in {channel}");
    }
}

/// Names of the members of whom two copies are writing; all are members still.
fn forked(world: &mut World, at: usize) -> Vec<String> {
    let Reply::Members { members } = world.ok(at, "members club") else {
        panic!("members")
    };
    assert_eq!(members.len(), 3, "node {at}");
    let forked = members.into_iter().filter(|member| member.forked);
    forked.map(|member| member.name).collect()
}

fn incarnation(records: &Records, id: CommunityId) -> [u8; 4] {
    let key = [&[MEMBERSHIP][..], id.as_bytes()].concat();
    let bytes = records[&key[..]].first_chunk();
    *bytes.expect("an incarnation has 4 bytes")
}

/// Ana's device (0) of a club with ben (1) and cem (2), who are connected with each other and not with her, and what
/// her store was before she wrote more, which they know.
fn parted() -> (World, CommunityId, Records) {
    let (mut world, id) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    say(&mut world, 0, "@ben", "to ben");
    say(&mut world, 0, "club/general", "before");
    world.pass(5_000);
    accept(&mut world, 1, "ana");
    world.pass(30_000);
    let copied = world.peers[0].records.clone();
    say(&mut world, 0, "club/general", "since the copy");
    world.ok(0, "rekey club");
    say(&mut world, 0, "club/general", "under a key since the copy");
    world.pass(5_000);
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    (world, id, copied)
}

/// Both copies write in every kind of log while they are alone.
fn both_write(world: &mut World, copy: usize) {
    for (at, name) in [(0, "first"), (copy, "second")] {
        // What both wrote upon the same at the same millisecond would be one and the same event.
        world.pass(1_000);
        say(world, at, "club/general", &format!("of the {name}"));
        world.ok(at, &format!("create-channel club text {name}"));
        say(world, at, &format!("club/{name}"), &format!("in {name}"));
        world.ok(at, "rekey club");
        say(world, at, "club/general", &format!("more of the {name}"));
        say(world, at, "@ben", &format!("to ben of the {name}"));
    }
}

/// What is in the channel when both have written alone.
const ALONE: [&str; 7] = [
    "before",
    "since the copy",
    "under a key since the copy",
    "of the first",
    "more of the first",
    "of the second",
    "more of the second",
];

/// Both copies meet the others, each one of them and then the other one, and write on.
fn meet(world: &mut World, copy: usize) {
    for (with_first, with_second) in [(1, 2), (2, 1)] {
        world.connect(0, with_first);
        world.connect(copy, with_second);
        world.pass(60_000);
        // Neither waits for the other.
        world.give(0, &format!("send club/general \"first with {with_first}\""));
        world.give(
            copy,
            &format!("send club/general \"second with {with_second}\""),
        );
        world.pass(60_000);
        world.disconnect(0, with_first);
        world.disconnect(copy, with_second);
    }
    world.connect(0, 1);
    world.connect(copy, 2);
    world.pass(60_000);
}

/// Nothing of what both wrote is lost to anybody, and all agree.
fn all_agree(world: &mut World, copy: usize) {
    let mut said = ALONE.to_vec();
    said.extend([
        "first with 1",
        "second with 2",
        "first with 2",
        "second with 1",
    ]);
    let everybody = [0, 1, 2, copy];
    let general = everybody.map(|at| (at, "club/general"));
    all_show(world, &general, &said);
    for name in ["first", "second"] {
        let (channel, text) = (format!("club/{name}"), format!("in {name}"));
        let channels = everybody.map(|at| (at, channel.as_str()));
        all_show(world, &channels, &[text.as_str()]);
    }
    let talk = [(0, "@ben"), (copy, "@ben"), (1, "@ana")];
    let said = ["to ben", "to ben of the first", "to ben of the second"];
    all_show(world, &talk, &said);
}

#[test]
fn two_copies_of_one_device_write_at_once_and_lose_nothing_to_anybody() {
    let (mut world, id, copied) = parted();
    let copy = world.copy(&copied, 1);
    both_write(&mut world, copy);
    meet(&mut world, copy);
    all_agree(&mut world, copy);
    // Everybody sees that there are two, and nobody is out for it.
    for at in [0, 1, 2, copy] {
        assert_eq!(forked(&mut world, at), ["ana"], "node {at}");
    }
    // Each goes on in a log of its own.
    let [before, first, second] = [&copied, &world.peers[0].records, &world.peers[copy].records]
        .map(|records| incarnation(records, id));
    assert!(first != second && first != before && second != before);
    no_faults(&world);
}

#[test]
fn copies_that_renew_their_prekeys_apart_both_read_what_is_written_later() {
    let (mut world, _, copied) = parted();
    let copy = world.copy(&copied, 1);
    world.now.mono = world.now.mono.plus(31 * DAY);
    world.now.wall.0 += 31 * DAY;
    world.pass(3_600_000);
    both_write(&mut world, copy);
    meet(&mut world, copy);
    all_agree(&mut world, copy);
    // Ben knows one of the two prekeys of one number, and wraps for that.
    world.now.mono = world.now.mono.plus(8 * DAY);
    world.now.wall.0 += 8 * DAY;
    say(&mut world, 1, "club/first", "under a new key");
    world.pass(60_000);
    let everybody = [0, 1, 2, copy].map(|at| (at, "club/first"));
    all_show(&mut world, &everybody, &["in first", "under a new key"]);
}

#[test]
fn a_backup_that_is_restored_on_two_machines_goes_on_as_two_logs() {
    let (mut world, id, backup) = parted();
    // The device is lost; what it wrote since the backup is known to the others alone.
    world.peers[0].records.clone_from(&backup);
    world.restart(0, 7);
    let copy = world.copy(&backup, 8);
    both_write(&mut world, copy);
    meet(&mut world, copy);
    all_agree(&mut world, copy);
    // Each machine has begun a log at once, so no log has two ends.
    for at in [0, 1, 2, copy] {
        assert_eq!(forked(&mut world, at), [""; 0], "node {at}");
    }
    let [before, first, second] = [&backup, &world.peers[0].records, &world.peers[copy].records]
        .map(|records| incarnation(records, id));
    assert!(first != second && first != before && second != before);
    no_faults(&world);
}
