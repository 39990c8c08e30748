//! Voice: who is seen in which room, who connects to whom, who is heard.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use alloquy_api::voice::{CallView, LinkStage, LinkStats, MediaReport, MediaTask, VoiceMemberView};
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::Input;
use alloquy_ids::DeviceId;
use bytes::Bytes;

use crate::engine::Engine;
use crate::world::{Packet, World};

/// Tags of frames: a signal, and a step of a media connection.
pub(crate) const SIGNAL: u8 = 13;
pub(crate) const MEDIA: u8 = 50;

/// Whether a frame is a device's word about itself in a room: a signal of kind 4, after version, tag, community, device
/// and time.
pub(crate) fn is_word(bytes: &Bytes) -> bool {
    kind_of_signal(bytes) == Some(4)
}

pub(crate) fn kind_of_signal(bytes: &Bytes) -> Option<u8> {
    let at = bytes.get(66..)?.iter().position(|byte| byte & 0x80 == 0)? + 67;
    (bytes[1] == SIGNAL)
        .then(|| bytes.get(at).copied())
        .flatten()
}

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

/// Everything that a node sends is lost from now on, and nothing reaches it: no connection is seen to end.
fn cut_off(world: &mut World, at: usize) {
    world.tamper = Some(Box::new(move |from, to, packet| {
        if from == at || to == at {
            Vec::new()
        } else {
            vec![packet]
        }
    }));
}

#[test]
fn eight_are_connected_each_with_each_and_a_ninth_is_refused_politely() {
    let everybody = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let mut world = club(&everybody);
    for at in 0..8 {
        world.give(at, "voice join club/lobby");
    }
    world.settle();
    all_connected(&world, &[0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(names(&mut world, 8, "lobby"), everybody[..8]);
    let refused = world
        .line(8, "voice join club/lobby")
        .expect_err("it is full");
    assert_eq!(refused.code, ErrorCode::Limit);
    assert!(
        refused.message.contains("8 are the most"),
        "{}",
        refused.message
    );
    world.ok(3, "voice leave");
    world.settle();
    world.ok(8, "voice join club/lobby");
    world.pass(10_000);
    all_connected(&world, &[0, 1, 2, 4, 5, 6, 7, 8]);
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}

#[test]
fn of_nine_who_come_at_once_the_last_goes_by_itself_and_all_agree_who() {
    let mut world = club(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    // Nobody hears of the others before all have joined.
    for at in 0..9 {
        world.give(at, "voice join club/lobby");
    }
    world.pass(10_000);
    let inside: Vec<_> = (0..9)
        .filter(|at| world.peers[*at].engine.room.is_some())
        .collect();
    assert_eq!(inside.len(), 8);
    all_connected(&world, &inside);
    let seen = names(&mut world, inside[0], "lobby");
    for at in 0..9 {
        assert_eq!(names(&mut world, at, "lobby"), seen, "as {at} sees it");
    }
}

#[test]
fn who_crashes_is_gone_for_those_in_the_room_within_five_seconds_and_for_the_others_soon_after() {
    let mut world = club(&["ana", "ben", "cleo", "dan"]);
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    // A word of Ben's by gossip has just come, which stands for long where nobody hears him otherwise.
    world.pass(20_000);
    all_connected(&world, &[0, 1, 2]);
    cut_off(&mut world, 1);
    world.pass(3_000);
    assert_eq!(
        names(&mut world, 0, "lobby"),
        ["ana", "ben", "cleo"],
        "two words may be lost"
    );
    world.pass(2_000);
    assert_eq!(names(&mut world, 0, "lobby"), ["ana", "cleo"]);
    assert_eq!(names(&mut world, 2, "lobby"), ["ana", "cleo"]);
    all_connected(&world, &[0, 2]);
    world.pass(1_000);
    assert_eq!(names(&mut world, 3, "lobby"), ["ana", "cleo"], "they told");
    // He was not gone after all: all find together again.
    world.tamper = None;
    world.pass(20_000);
    for at in 0..4 {
        assert_eq!(names(&mut world, at, "lobby"), ["ana", "ben", "cleo"]);
    }
    all_connected(&world, &[0, 1, 2]);
}

#[test]
fn who_crashes_alone_in_a_room_is_gone_within_eleven_seconds() {
    let mut world = club(&["ana", "ben"]);
    world.ok(1, "voice join club/lobby");
    world.pass(20_000);
    cut_off(&mut world, 1);
    world.pass(6_000);
    assert_eq!(names(&mut world, 0, "lobby"), ["ben"]);
    world.pass(5_000);
    assert!(names(&mut world, 0, "lobby").is_empty());
}

#[test]
fn a_connection_that_ends_is_no_leave_while_media_comes() {
    let mut world = club(&["ana", "ben"]);
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    world.disconnect(0, 1);
    for _ in 0..10 {
        world.pass(1_000);
        for at in 0..2 {
            let links = world.peers[at].engine.links.keys();
            let stats = LinkStats {
                bytes_in: 900,
                ..LinkStats::default()
            };
            let stats = links.map(|link| (*link, stats)).collect();
            world.input(at, Input::Media(MediaReport::Stats(stats)));
        }
    }
    all_connected(&world, &[0, 1]);
    assert_eq!(names(&mut world, 0, "lobby"), ["ana", "ben"]);
    let key = world.peers[1].key;
    assert!(
        world.peers[0].wants.contains_key(&key),
        "a connection is asked for"
    );
    let attempts = world.peers[0].engine.tasks.iter();
    let attempts = attempts.filter(|task| matches!(task, MediaTask::Connect { .. }));
    assert_eq!(attempts.count(), 1);
    // Without media the lease decides.
    world.pass(5_000);
    all_connected(&world, &[0]);
}

#[test]
fn a_ban_cuts_media_on_both_sides_at_once() {
    let mut world = club(&["ana", "ben", "cleo"]);
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    world.settle();
    world.ok(0, "ban club ben");
    world.settle();
    all_connected(&world, &[0, 2]);
    assert_eq!(world.peers[1].engine.room, None);
    assert_eq!(names(&mut world, 2, "lobby"), ["ana", "cleo"]);
    // Nor does he come back by words of his that are still under way, or by new ones.
    world.pass(20_000);
    all_connected(&world, &[0, 2]);
    assert!(world.line(1, "voice join club/lobby").is_err());
}

#[test]
fn rights_that_go_end_the_call_or_the_sound_and_rights_that_come_bring_it_back() {
    let mut world = club(&["ana", "ben", "cleo"]);
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    world.settle();
    let ben = device(&world, 1);
    world.ok(0, "overwrite club/lobby member ben --deny speak");
    world.settle();
    all_connected(&world, &[0, 1, 2]);
    assert!(!world.peers[1].engine.sends);
    assert!(!world.peers[0].engine.hears().contains(&ben));
    assert!(!world.peers[2].engine.hears().contains(&ben));
    assert!(
        call(&mut world, 1)
            .expect("a call")
            .silenced
            .expect("a reason")
            .contains("speak")
    );
    let shown = room(&mut world, 2, "lobby");
    assert!(shown[1].silenced && !shown[1].muted && !shown[0].silenced);
    world.ok(0, "overwrite club/lobby member ben");
    world.settle();
    assert!(world.peers[1].engine.sends && world.peers[2].engine.hears().contains(&ben));
    assert_eq!(call(&mut world, 1).expect("a call").silenced, None);

    world.ok(0, "timeout club ben 10s");
    world.settle();
    assert!(!world.peers[1].engine.sends && !world.peers[0].engine.hears().contains(&ben));
    world.pass(12_000);
    assert!(world.peers[1].engine.sends && world.peers[0].engine.hears().contains(&ben));

    world.ok(0, "overwrite club/lobby member ben --deny connect");
    world.settle();
    all_connected(&world, &[0, 2]);
    assert_eq!(world.peers[1].engine.room, None);
    let refused = world
        .line(1, "voice join club/lobby")
        .expect_err("not allowed");
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    world.ok(0, "delete-channel club/lobby");
    world.settle();
    assert_eq!(world.peers[2].engine.room, None);
    assert!(call(&mut world, 0).is_none());
}

#[test]
fn who_may_not_view_a_private_channel_learns_nothing_of_who_is_in_it() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(0, "create-channel club voice den --private");
    world.ok(
        0,
        "overwrite club/den member ben --allow view,connect,speak",
    );
    world.pass(5_000);
    let told = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&told);
    world.tamper = Some(Box::new(move |_, to, packet| {
        if to == 2 {
            list.borrow_mut().push(packet.clone());
        }
        vec![packet]
    }));
    world.ok(0, "voice join club/den");
    world.ok(1, "voice join club/den");
    world.ok(1, "voice mute on");
    world.pass(20_000);
    all_connected(&world, &[0, 1]);
    world.disconnect(1, 2);
    world.connect(1, 2);
    world.ok(1, "voice leave");
    world.pass(1_000);
    let about = |packet: &Packet| match packet {
        Packet::Frame(bytes) => is_word(bytes) || bytes[1] == MEDIA,
        Packet::Gossip(..) => false,
    };
    assert!(!told.borrow().iter().any(about), "frames about the room");
    // By gossip something came to him: nothing that he could open, as his topics are those of the community.
    let gossip = |packet: &Packet| match packet {
        Packet::Gossip(topic, _) => Some(*topic),
        Packet::Frame(_) => None,
    };
    let others: Vec<_> = told.borrow().iter().filter_map(gossip).collect();
    assert!(
        others
            .iter()
            .all(|topic| world.peers[2].topics.contains(topic))
    );
    let (_, seen) = world.community(2);
    assert!(seen.voices.is_empty());
    let told = |event: &Event| matches!(event, Event::VoiceChanged { .. });
    assert!(!world.peers[2].events.iter().any(told));
    assert!(names(&mut world, 0, "den").len() == 1);
}

#[test]
fn muting_deafening_and_volume_reach_the_engine_and_the_others() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(1, "voice mute on");
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    assert!(!world.peers[1].engine.sends);
    assert!(room(&mut world, 2, "lobby")[1].muted);
    world.ok(1, "voice mute off");
    world.pass(1_000);
    assert!(world.peers[1].engine.sends && !room(&mut world, 2, "lobby")[1].muted);
    world.ok(1, "voice deafen on");
    world.pass(1_000);
    assert!(!world.peers[1].engine.sends && world.peers[1].engine.hears().is_empty());
    assert!(room(&mut world, 2, "lobby")[1].deafened);

    let ben = world.peers[1].node.account();
    world.ok(0, "voice volume ben 150");
    assert_eq!(world.peers[0].engine.volumes[&ben], 150);
    let refused = world.line(0, "voice volume nobody 50").expect_err("nobody");
    assert_eq!(refused.code, ErrorCode::UnknownName);
    world.restart(0, 1);
    world.connect(0, 1);
    world.connect(0, 2);
    world.peers[0].engine = Engine::default();
    world.input(0, Input::MediaEngine(true));
    world.ok(0, "voice join club/lobby");
    world.settle();
    all_connected(&world, &[0, 1]);
    assert_eq!(
        world.peers[0].engine.volumes[&ben], 150,
        "kept over the restart"
    );
    world.ok(0, &format!("voice volume {ben} 100"));
    assert_eq!(world.peers[0].engine.volumes[&ben], 100);
}

#[test]
fn without_an_engine_nobody_joins_and_one_that_ends_takes_its_node_out_of_the_room() {
    let mut world = club(&["ana", "ben"]);
    world.input(0, Input::MediaEngine(false));
    let refused = world
        .line(0, "voice join club/lobby")
        .expect_err("no engine");
    assert_eq!(refused.code, ErrorCode::NoVoice);
    assert!(world.peers[0].engine.tasks.is_empty());
    world.input(0, Input::MediaEngine(true));
    let refused = world.line(0, "voice join club/general").expect_err("text");
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    let refused = world.line(0, "voice join club/nowhere").expect_err("none");
    assert_eq!(refused.code, ErrorCode::UnknownName);
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.settle();
    world.input(0, Input::MediaEngine(false));
    world.settle();
    assert_eq!(names(&mut world, 1, "lobby"), ["ben"]);
    assert!(call(&mut world, 0).is_none());
}

#[test]
fn who_goes_into_another_room_is_in_one_only() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(0, "create-channel club voice attic");
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    world.settle();
    world.ok(1, "voice join club/attic");
    world.settle();
    for at in 0..3 {
        assert_eq!(names(&mut world, at, "lobby"), ["ana", "cleo"]);
        assert_eq!(names(&mut world, at, "attic"), ["ben"]);
    }
    all_connected(&world, &[0, 2]);
    all_connected(&world, &[1]);
    world.ok(1, "voice join club/attic");
    world.settle();
    let joins = world.peers[1].engine.tasks.iter();
    let joins = joins.filter(|task| matches!(task, MediaTask::Join { .. }));
    assert_eq!(joins.count(), 2, "the same room once more is nothing");
    // The node ends: it is gone at once.
    world.input(2, Input::Shutdown);
    world.settle();
    assert_eq!(names(&mut world, 1, "lobby"), ["ana"]);
}

#[test]
fn two_in_direct_messages_can_call_and_nobody_else_hears_of_it() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(0, "dm ben");
    world.ok(0, "send @ben hello");
    world.pass(3_000);
    if !world.snapshot(1).dm_requests.is_empty() {
        world.ok(1, "dm accept ana");
    }
    world.pass(3_000);
    world.ok(0, "voice join @ben");
    world.ok(1, "voice join @ana");
    world.settle();
    all_connected(&world, &[0, 1]);
    world.pass(20_000);
    all_connected(&world, &[0, 1]);
    assert!(
        world
            .snapshot(2)
            .communities
            .values()
            .all(|one| one.voices.is_empty())
    );
    world.ok(1, "block ana");
    world.pass(2_000);
    assert_eq!(
        world.peers[1].engine.room, None,
        "whoever blocks hears nothing more"
    );
    all_connected(&world, &[0]);
}

#[test]
fn who_speaks_changes_nothing_but_the_call() {
    let mut world = club(&["ana", "ben"]);
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.pass(2_000);
    let before = world.snapshot(0);
    let link = *world.peers[0].engine.links.keys().next().expect("a link");
    world.input(0, Input::Media(MediaReport::PeerSpeaking(link, true)));
    let after = world.snapshot(0);
    assert!(after.version > before.version);
    assert!(after.call.as_ref().expect("a call").peers[&link.device].speaking);
    for (id, one) in &before.communities {
        assert!(Arc::ptr_eq(one, &after.communities[id]));
    }
    assert!(Arc::ptr_eq(&before.directs, &after.directs));
    // Statistics alone make no snapshot.
    let stats = vec![(
        link,
        LinkStats {
            jitter_ms: 9,
            ..LinkStats::default()
        },
    )];
    world.input(0, Input::Media(MediaReport::Stats(stats)));
    assert_eq!(world.snapshot(0).version, after.version);
    assert_eq!(
        call(&mut world, 0).expect("a call").peers[&link.device]
            .stats
            .jitter_ms,
        9
    );
}

#[test]
fn a_peer_of_the_room_is_kept_though_it_has_no_connection_and_let_go_after() {
    let mut world = club(&["ana", "ben", "cleo"]);
    let ben = world.peers[1].key;
    world.disconnect(0, 1);
    world.pass(60_000);
    world.peers[0].wants.clear();
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.pass(2_000);
    assert_eq!(
        names(&mut world, 0, "lobby"),
        ["ana", "ben"],
        "by gossip over Cleo"
    );
    assert!(world.peers[0].wants.contains_key(&ben));
    assert!(world.peers[0].engine.open().is_empty());
    world.connect(0, 1);
    world.pass(20_000);
    all_connected(&world, &[0, 1]);
}

#[test]
fn who_leaves_still_sees_who_is_there() {
    let mut world = club(&["ana", "ben", "cleo"]);
    for at in 0..3 {
        world.ok(at, "voice join club/lobby");
    }
    world.ok(2, "voice mute on");
    for stays in [500, 3_000, 9_000] {
        world.pass(stays);
        world.ok(0, "voice leave");
        for _ in 0..60 {
            world.pass(1_000);
            assert_eq!(names(&mut world, 0, "lobby"), ["ben", "cleo"], "{stays}");
        }
        world.ok(0, "voice join club/lobby");
    }
}

#[test]
fn who_is_left_alone_and_crashes_is_gone_within_eleven_seconds_for_everybody() {
    let mut world = club(&["ana", "ben", "cleo"]);
    world.ok(0, "voice join club/lobby");
    world.ok(1, "voice join club/lobby");
    world.pass(20_000);
    world.ok(0, "voice leave");
    world.pass(1_000);
    cut_off(&mut world, 1);
    world.pass(6_000);
    for at in [0, 2] {
        assert_eq!(names(&mut world, at, "lobby"), ["ben"], "as {at} sees it");
    }
    world.pass(5_000);
    for at in [0, 2] {
        assert!(names(&mut world, at, "lobby").is_empty(), "as {at} sees it");
    }
}

#[test]
fn a_word_that_was_on_its_way_to_who_left_shortens_nothing() {
    use std::cell::RefCell;
    use std::rc::Rc;
    for stays in [1_000, 6_000, 11_000] {
        let mut world = club(&["ana", "ben", "cleo"]);
        for at in 0..3 {
            world.ok(at, "voice join club/lobby");
        }
        world.pass(stays);
        let held = Rc::new(RefCell::new(Vec::new()));
        let list = Rc::clone(&held);
        world.tamper = Some(Box::new(move |from, to, packet| match &packet {
            Packet::Frame(bytes) if (from, to) == (2, 0) && is_word(bytes) => {
                list.borrow_mut().push(packet);
                Vec::new()
            }
            _ => vec![packet],
        }));
        world.pass(1_600);
        world.ok(0, "voice leave");
        world.tamper = None;
        let word = held.borrow_mut().pop().expect("one each 1.5 s");
        world.arrive(2, 0, word);
        for _ in 0..30 {
            world.pass(1_000);
            assert_eq!(names(&mut world, 0, "lobby"), ["ben", "cleo"], "{stays}");
        }
    }
}
