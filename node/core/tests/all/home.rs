//! Home nodes: what is kept, for whom, and that it is there when its writer is not.

use alloquy_api::Reply;
use alloquy_api::reply::{DeliveryState, HomeStatusView, KeptView};
use alloquy_core::StorageError;
use alloquy_ids::CommunityId;
use bytes::Bytes;

use crate::attack::Loot;
use crate::world::{Packet, World};

/// Pairs a home node with its owner by the code that it shows; they stay connected.
pub(crate) fn pair(world: &mut World, owner: usize, home: usize) {
    if !world.linked(owner, home) {
        world.connect(owner, home);
    }
    let code = world.word(home, "home code", "code");
    world.ok(owner, &format!("home pair {code}"));
    world.pass(1_000);
}

/// A club in which the last node is the home node of the first, and everybody is connected to everybody.
pub(crate) fn kept_club(names: &[&str]) -> (World, CommunityId) {
    let home = names.len() - 1;
    let (mut world, id) = World::club(&names[..home]);
    world.found(names[home]);
    pair(&mut world, 0, home);
    world.ok(0, "home store club on");
    for other in 1..home {
        world.connect(other, home);
    }
    world.pass(30_000);
    (world, id)
}

pub(crate) fn status(world: &mut World, home: usize) -> HomeStatusView {
    match world.ok(home, "home status") {
        Reply::HomeStatus { home } => home,
        other => panic!("{other:?}"),
    }
}

/// What a home node keeps of a community; nothing: none of it.
pub(crate) fn kept(world: &mut World, home: usize, id: CommunityId) -> Option<KeptView> {
    let keeps = status(world, home).keeps;
    keeps.into_iter().find(|kept| kept.community == id)
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("message {n}")).collect()
}

fn write_all(world: &mut World, at: usize, count: usize) {
    for text in numbered(count) {
        world.ok(at, &format!("send club/general \"{text}\""));
        world.pass(300);
    }
}

pub(crate) fn no_faults(world: &World) {
    for (at, peer) in world.peers.iter().enumerate() {
        assert!(peer.faults.is_empty(), "{at}: {:?}", peer.faults);
    }
}

/// Everything that a node has stored, keys of records included.
pub(crate) fn disk(world: &World, at: usize) -> Vec<u8> {
    let records = world.peers[at].records.iter();
    records
        .flat_map(|(key, value)| [key.to_vec(), value.to_vec()].concat())
        .collect()
}

pub(crate) fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[test]
fn what_ana_wrote_alone_reaches_ben_later_through_her_home_node() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let first = kept(&mut world, 2, id).expect("it is kept");
    assert_eq!(first.lag, Some(0));
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    write_all(&mut world, 0, 20);
    world.pass(2_000);
    for message in world.history(0, "club/general") {
        assert_eq!(message.delivery.state, DeliveryState::Held);
        assert_eq!(message.delivery.holders, 1);
    }
    world.disconnect(0, 2);
    world.day();
    world.connect(1, 2);
    world.pass(5_000);
    assert_eq!(world.texts(1, "club/general"), numbered(20));
    // They compare their copies once more within 10 s.
    world.pass(10_000);
    // A home node's word alone is no proof that nothing was withheld.
    match world.ok(1, "history club/general --last 100") {
        Reply::History {
            complete,
            complete_since,
            confirmed,
            ..
        } => {
            assert_eq!((confirmed.peers, confirmed.homes), (1, 1));
            assert_eq!((complete, complete_since), (false, None));
        }
        other => panic!("{other:?}"),
    }
    // What ben answers waits there for ana.
    world.ok(1, "send club/general \"thank you\"");
    world.pass(2_000);
    world.disconnect(1, 2);
    world.connect(0, 2);
    world.pass(5_000);
    assert_eq!(world.texts(0, "club/general").len(), 21);
    no_faults(&world);
}

#[test]
fn a_home_node_keeps_nothing_that_can_be_read_and_survives_a_restart() {
    let canaries = [
        "canaryname",
        "canarytext",
        "canarydraft",
        "canarytopic",
        "canarychannel",
    ];
    let (mut world, id) = kept_club(&["canaryname", "ben", "home"]);
    world.ok(0, "send club/general \"the canarytext\"");
    world.ok(0, "topic club/general \"canarytopic\"");
    world.ok(0, "create-channel club text canarychannel");
    let long = "canarytext ".repeat(500);
    world.ok(1, &format!("send club/general \"{long}\""));
    world.pass(30_000);
    for restarted in [false, true] {
        let stored = disk(&world, 2);
        for canary in canaries {
            assert!(
                !holds(&stored, canary),
                "{canary} is on the disk of the home node"
            );
        }
        assert!(
            holds(&disk(&world, 0), "canaryname"),
            "the search finds what is there"
        );
        if !restarted {
            world.restart(2, 1);
        }
    }
    let before = kept(&mut world, 2, id).expect("it is kept");
    assert!(before.events > 5 && before.bytes > 1_000);
    world.connect(1, 2);
    world.ok(1, "send club/general \"after the restart\"");
    world.pass(2_000);
    let after = kept(&mut world, 2, id).expect("it is kept");
    assert!(after.events > before.events);
    no_faults(&world);
}

#[test]
fn whoever_was_removed_decrypts_nothing_later_even_with_the_whole_disk_of_the_home_node() {
    let (mut world, _) = kept_club(&["ana", "ben", "cem", "home"]);
    world.ok(0, "send club/general \"all may read this\"");
    world.ok(2, "send club/general \"so may I\"");
    world.pass(2_000);
    // Cem has copied his store before, so that nothing is lost to him that a node forgets.
    let copied = world.peers[2].records.clone();
    world.ok(0, "kick club cem");
    world.ok(0, "send club/general \"secret to cem\"");
    world.pass(3_000);
    world.ok(1, "send club/general \"and this too\"");
    world.ok(0, "topic club/general \"a topic for two\"");
    world.pass(30_000);
    // Cem is told of his removal by the home node, and is given nothing else.
    world.disconnect(2, 3);
    world.connect(2, 3);
    world.pass(30_000);
    assert!(world.line(2, "history club/general --last 9").is_err());
    // Cem tries everything that he ever held on everything that the home node has stored, first alone, then with all
    // that went over any link; ben, by the same procedure, reads it all.
    let before = ["all may read this", "so may I"];
    let after = ["secret to cem", "and this too", "a topic for two"];
    for wire in [&world.wire[..0], &world.wire[..]] {
        let disk = [&world.peers[3].records];
        let stores = [&copied, &world.peers[2].records];
        let cem = Loot::of(&world, &stores, &disk, wire);
        let ben = Loot::of(&world, &[&world.peers[1].records], &disk, wire);
        cem.lacks_what_came_after(&ben, (&before, &after));
    }
    no_faults(&world);
}

#[test]
fn a_full_home_node_says_so_gives_out_what_it_has_and_loses_nothing_of_its_writers() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    write_all(&mut world, 0, 3);
    world.pass(2_000);
    let used = status(&mut world, 2).bytes;
    world.peers[2].node.become_home(Some(used + 600));
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    for n in 3..20 {
        world.ok(0, &format!("send club/general \"message {n}\""));
        world.pass(500);
    }
    world.pass(30_000);
    let full = status(&mut world, 2);
    assert!(
        full.bytes < full.quota + 4_096,
        "{} of {}",
        full.bytes,
        full.quota
    );
    let states: Vec<_> = world
        .history(0, "club/general")
        .iter()
        .map(|message| message.delivery.state)
        .collect();
    assert!(states.contains(&DeliveryState::Stored), "{states:?}");
    match world.ok(0, "home") {
        Reply::Homes { homes } => {
            assert_eq!(homes[0].quota, Some(full.quota));
            assert!(homes[0].connected);
        }
        other => panic!("{other:?}"),
    }
    // Reads are served; with room again, the rest is taken.
    world.connect(1, 2);
    world.pass(3_000);
    assert!(world.texts(1, "club/general").len() >= 3);
    world.peers[2].node.become_home(Some(1 << 30));
    world.pass(40_000);
    assert_eq!(world.texts(1, "club/general"), numbered(20));
}

#[test]
fn a_home_node_that_lost_its_disk_is_paired_anew_and_refilled_by_members() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    write_all(&mut world, 0, 10);
    world.pass(2_000);
    world.disconnect(0, 2);
    world.disconnect(1, 2);
    let old = status(&mut world, 2).device;
    world.ok(0, &format!("home remove {old}"));
    world.found("home2");
    pair(&mut world, 0, 3);
    world.pass(30_000);
    assert_eq!(kept(&mut world, 3, id).and_then(|kept| kept.lag), Some(0));
    world.disconnect(0, 3);
    world.found("cem");
    let invite = world.word(1, "invite club", "invite");
    world.connect(1, 4);
    world.ok(4, &format!("join {invite}"));
    world.pass(3_000);
    world.disconnect(1, 4);
    world.disconnect(0, 1);
    world.ok(1, "send club/general \"to cem, who is away\"");
    world.connect(1, 3);
    world.pass(20_000);
    world.disconnect(1, 3);
    world.connect(3, 4);
    world.pass(10_000);
    assert_eq!(world.texts(4, "club/general").len(), 11);
    // The one that was removed is given nothing more.
    world.connect(0, 2);
    let before = kept(&mut world, 2, id).map(|kept| kept.bytes);
    world.ok(0, "send club/general \"not for the old one\"");
    world.pass(20_000);
    assert_eq!(kept(&mut world, 2, id).map(|kept| kept.bytes), before);
    no_faults(&world);
}

#[test]
fn deleted_bodies_go_from_the_home_node_too() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    let long = "x".repeat(5_000);
    let id = world.word(0, &format!("send club/general \"{long}\""), "message");
    world.pass(2_000);
    let with = status(&mut world, 2).bytes;
    world.ok(0, &format!("delete {id}"));
    world.pass(2_000);
    let without = status(&mut world, 2).bytes;
    assert!(without + 4_500 < with, "{with} B, then {without} B");
    world.restart(2, 1);
    assert!(status(&mut world, 2).bytes + 4_500 < with);
}

#[test]
fn bodies_that_a_hostile_node_has_changed_are_asked_for_elsewhere() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    world.disconnect(1, 2);
    world.disconnect(0, 1);
    write_all(&mut world, 0, 6);
    world.pass(2_000);
    world.disconnect(0, 2);
    // The home node changes a bit near the end of every range that it gives out.
    world.tamper = Some(Box::new(|from, _, packet| match packet {
        Packet::Frame(bytes) if from == 2 && bytes.get(1) == Some(&4) && bytes.len() > 600 => {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() - 40;
            bytes[at] ^= 1;
            vec![Packet::Frame(Bytes::from(bytes))]
        }
        packet => vec![packet],
    }));
    world.connect(1, 2);
    world.pass(20_000);
    let read = world.texts(1, "club/general");
    let all = numbered(6);
    assert!(read.iter().all(|text| all.contains(text)), "{read:?}");
    world.tamper = None;
    world.connect(0, 1);
    world.pass(30_000);
    assert_eq!(world.texts(1, "club/general"), all);
}

#[test]
fn strangers_and_members_without_a_pairing_have_nothing_kept() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    let other = world.word(1, "create-community other", "community");
    let other: CommunityId = other.parse().expect("an id");
    world.ok(1, "home store other on");
    world.pass(20_000);
    assert_eq!(kept(&mut world, 2, other), None);
    // Ben pairs too: the home node keeps his for him, and ana's for ana.
    pair(&mut world, 1, 2);
    world.pass(20_000);
    assert!(kept(&mut world, 2, other).is_some());
    world.ok(1, "home store other off");
    world.pass(20_000);
    assert_eq!(kept(&mut world, 2, other), None);
    no_faults(&world);
}

#[test]
fn what_the_disk_of_a_home_node_refuses_stays_unconfirmed() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    world.disconnect(0, 1);
    world.peers[2].disk = Some(StorageError::Full("test".to_owned()));
    world.ok(0, "send club/general \"held?\"");
    world.pass(5_000);
    let state = |world: &mut World| world.history(0, "club/general")[0].delivery.state;
    assert_eq!(state(&mut world), DeliveryState::Stored);
    world.peers[2].disk = None;
    world.pass(20_000);
    assert_eq!(state(&mut world), DeliveryState::Held);
}

/// What somebody reads of a conversation, oldest first.
fn conversation(world: &mut World, at: usize, channel: &str) -> Vec<String> {
    world.texts(at, channel)
}

#[test]
fn direct_messages_wait_at_either_sides_home_node() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    let channel = world.word(0, "dm ben", "channel");
    world.ok(0, &format!("send {channel} \"first\""));
    world.pass(5_000);
    // Ben takes the conversation on, so that both know each other's devices.
    if let Reply::DmRequests { dm_requests } = world.ok(1, "dm requests")
        && !dm_requests.is_empty()
    {
        world.ok(1, "dm accept ana");
    }
    world.pass(30_000);
    assert_eq!(conversation(&mut world, 1, &channel), ["first"]);
    let count = status(&mut world, 2).keeps.len();
    assert!(count >= 3, "the conversation is kept unasked: {count}");
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.ok(0, &format!("send {channel} \"while you were away\""));
    world.pass(2_000);
    world.disconnect(0, 2);
    world.day();
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(
        conversation(&mut world, 1, &channel),
        ["first", "while you were away"]
    );
    world.ok(1, &format!("send {channel} \"and I answer\""));
    world.pass(2_000);
    world.disconnect(1, 2);
    world.connect(0, 2);
    world.pass(10_000);
    assert_eq!(conversation(&mut world, 0, &channel).len(), 3);
    // They were never there at once: his answer shows that he has it.
    let written = &world.history(0, &channel)[1];
    assert_eq!(written.delivery.state, DeliveryState::Delivered);
    assert!(!holds(&disk(&world, 2), "while you were away"));
    no_faults(&world);
}

#[test]
fn a_group_reads_through_a_home_node_what_was_written_while_nobody_else_was_there() {
    let (mut world, _) = kept_club(&["ana", "ben", "cem", "home"]);
    let channel = world.word(0, "group create trip ben cem", "channel");
    world.pass(10_000);
    for at in [1, 2] {
        if let Reply::DmRequests { dm_requests } = world.ok(at, "dm requests")
            && !dm_requests.is_empty()
        {
            world.ok(at, "dm accept ana");
        }
    }
    world.ok(0, &format!("send {channel} \"who comes\""));
    world.pass(30_000);
    assert_eq!(world.texts(1, &channel), ["who comes"]);
    assert_eq!(world.texts(2, &channel), ["who comes"]);
    for (a, b) in [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)] {
        world.disconnect(a, b);
    }
    world.ok(0, &format!("send {channel} \"we leave at six\""));
    world.pass(2_000);
    world.disconnect(0, 3);
    world.day();
    for at in [1, 2] {
        world.connect(at, 3);
        world.pass(10_000);
        assert_eq!(
            world.texts(at, &channel),
            ["who comes", "we leave at six"],
            "{at}"
        );
        world.disconnect(at, 3);
    }
    no_faults(&world);
}

#[test]
fn what_others_deleted_loses_its_body_at_the_home_node_within_a_week() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let long = "x".repeat(5_000);
    let message = world.word(1, &format!("send club/general \"{long}\""), "message");
    world.pass(2_000);
    let with = kept(&mut world, 2, id).expect("it is kept").bytes;
    world.ok(0, &format!("delete {message}"));
    world.pass(2_000);
    assert!(kept(&mut world, 2, id).expect("it is kept").bytes + 4_500 > with);
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        world.disconnect(a, b);
    }
    // A week in one leap: the timers of all those days fire late, and once.
    let leap = 7 * 24 * 3_600_000 + 3_600_000;
    world.now.mono = world.now.mono.plus(leap);
    world.now.wall.0 += leap;
    world.pass(60_000);
    let without = kept(&mut world, 2, id).expect("it is kept").bytes;
    assert!(without + 4_500 < with, "{with} B, then {without} B");
}
