//! Communities that are announced on the local network.

use alloquy_api::reply::NearbyView;
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::Input;
use alloquy_ids::CommunityId;
use alloquy_schema::codec::Writer;
use bytes::Bytes;

use crate::world::World;

/// Frames that are made by hand: version, tag.
const CARD: [u8; 2] = [1, 27];

/// Two peers are connected over the local network.
fn meet(world: &mut World, a: usize, b: usize) {
    world.connect(a, b);
    for (at, other) in [(a, b), (b, a)] {
        let key = world.peers[other].key;
        world.input(at, Input::PeerNear(key, true));
    }
    world.settle();
}

fn seen(world: &mut World, at: usize) -> Vec<NearbyView> {
    let Reply::Nearby { nearby, .. } = world.ok(at, "nearby") else {
        panic!("nearby")
    };
    assert_eq!(*world.snapshot(at).nearby, nearby);
    nearby
}

fn names(world: &mut World, at: usize) -> Vec<String> {
    seen(world, at).into_iter().map(|one| one.name).collect()
}

/// Ana's community, which lets in who is approved, and Ben beside her.
fn neighbours() -> World {
    let mut world = World::new(&["ana", "ben", "cleo"]);
    world.ok(0, "create-community \"Book club\"");
    world.ok(0, "create-channel \"Book club\" text general");
    world.ok(0, "policy joins \"Book club\" approval");
    meet(&mut world, 0, 1);
    world.pass(1_000);
    world
}

fn was_said(world: &World, name: &str) -> bool {
    let is_it = |bytes: &Bytes| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    world.wire.iter().any(is_it)
}

#[test]
fn who_asks_a_neighbour_is_let_in_by_a_member() {
    let mut world = neighbours();
    world.pass(60_000);
    assert!(seen(&mut world, 1).is_empty());
    assert!(
        !was_said(&world, "Book club"),
        "it is off until somebody says so"
    );

    world.ok(0, "nearby \"Book club\" on");
    world.pass(5_000);
    let [card] = &seen(&mut world, 1)[..] else {
        panic!("one community is near")
    };
    assert_eq!((card.member.as_str(), card.members), ("ana", 1));
    let id = card.community;
    let told = |event: &Event| matches!(event, Event::NearbyChanged { count: 1 });
    assert!(world.peers[1].events.iter().any(told));
    assert!(world.snapshot(0).communities[&id].nearby);
    assert!(seen(&mut world, 0).is_empty(), "it is her own");

    let Reply::Requested { requested } = world.ok(1, "nearby join \"Book club\"") else {
        panic!("nobody is in at once")
    };
    assert_eq!(requested, id);
    assert_eq!(world.snapshot(1).requested[&id], "Book club");
    let requests = world.snapshot(0).communities[&id].requests.clone();
    assert_eq!(
        (requests[0].name.as_str(), requests[0].invite),
        ("ben", None)
    );
    world.ok(0, "approve \"Book club\" ben");
    world.pass(2_000);
    world.ok(1, "send \"Book club/general\" hello");
    world.pass(1_000);
    assert_eq!(world.texts(0, "Book club/general"), ["hello"]);
    assert!(seen(&mut world, 1).is_empty(), "he is a member");
    // It goes on for others, with as many as there are now, and by its id too.
    meet(&mut world, 0, 2);
    assert_eq!(seen(&mut world, 2)[0].members, 2);
    world.ok(2, &format!("nearby join {id}"));
    world.ok(0, "refuse \"Book club\" cleo");
    world.pass(1_000);
    let refused =
        |event: &Event| matches!(event, Event::JoinRefused { community, .. } if *community == id);
    assert!(world.peers[2].events.iter().any(refused));
}

#[test]
fn an_open_community_lets_a_neighbour_in_at_once() {
    let mut world = neighbours();
    world.ok(0, "policy joins \"Book club\" open");
    world.ok(0, "nearby \"Book club\" on");
    world.pass(1_000);
    let Reply::Community { .. } = world.ok(1, "nearby join \"Book club\"") else {
        panic!("he is in")
    };
}

#[test]
fn only_who_is_on_the_local_network_is_told() {
    let mut world = neighbours();
    world.ok(0, "nearby \"Book club\" on");
    world.disconnect(0, 1);
    assert!(
        seen(&mut world, 1).is_empty(),
        "whoever is gone announces nothing"
    );
    world.wire.clear();
    world.connect(0, 2);
    // Cleo takes Ana to be near and asks; Ana knows better.
    let ana = world.peers[0].key;
    world.input(2, Input::PeerNear(ana, true));
    world.pass(60_000);
    assert!(seen(&mut world, 2).is_empty());
    assert!(!was_said(&world, "Book club"));
    // The question is answered when the way to her turns out to be short.
    let cleo = world.peers[2].key;
    world.input(0, Input::PeerNear(cleo, true));
    world.settle();
    assert_eq!(names(&mut world, 2), ["Book club"]);
    world.input(2, Input::PeerNear(ana, false));
    assert!(seen(&mut world, 2).is_empty());
}

#[test]
fn what_may_not_be_announced_is_not_and_what_was_is_taken_back() {
    let mut world = neighbours();
    let refused = world.line(0, "nearby nonsense on").unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownName);
    world.ok(0, "policy joins \"Book club\" invite");
    let refused = world.line(0, "nearby \"Book club\" on").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(
        refused.message.contains("by invite only"),
        "{}",
        refused.message
    );

    world.ok(0, "policy joins \"Book club\" approval");
    world.ok(0, "nearby \"Book club\" on");
    world.pass(1_000);
    assert_eq!(names(&mut world, 1), ["Book club"]);
    world.ok(0, "rename \"Book club\" \"Film club\"");
    world.pass(5_000);
    assert_eq!(names(&mut world, 1), ["Film club"]);
    world.ok(0, "policy joins \"Film club\" invite");
    world.pass(5_000);
    assert!(seen(&mut world, 1).is_empty(), "its rule has changed");
    world.ok(0, "policy joins \"Film club\" approval");
    world.pass(5_000);
    assert_eq!(names(&mut world, 1), ["Film club"]);
    world.ok(0, "nearby \"Film club\" off");
    world.settle();
    assert!(seen(&mut world, 1).is_empty());

    // Who may neither invite nor manage may not announce.
    world.ok(0, "nearby \"Film club\" on");
    world.settle();
    world.ok(1, "nearby join \"Film club\"");
    world.ok(0, "approve \"Film club\" ben");
    world.ok(0, "role edit \"Film club\" everyone --allow view,send");
    world.pass(2_000);
    let refused = world.line(1, "nearby \"Film club\" on").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(refused.message.contains("invite"), "{}", refused.message);
}

#[test]
fn an_announcement_lasts_over_a_restart_and_ends_with_the_membership() {
    let mut world = neighbours();
    world.ok(0, "nearby \"Book club\" on");
    world.restart(0, 1);
    meet(&mut world, 0, 1);
    assert_eq!(names(&mut world, 1), ["Book club"]);
    world.ok(1, "nearby join \"Book club\"");
    world.ok(0, "approve \"Book club\" ben");
    world.pass(2_000);
    world.ok(0, "role create \"Book club\" door --rank 5 --allow invite");
    world.ok(0, "role grant \"Book club\" door ben");
    world.pass(1_000);
    world.ok(1, "nearby \"Book club\" on");
    meet(&mut world, 1, 2);
    assert_eq!(seen(&mut world, 2)[0].member, "ben");
    world.ok(1, "leave \"Book club\"");
    world.pass(1_000);
    assert!(seen(&mut world, 2).is_empty());
    let kept = |key: &Bytes| key.first() == Some(&0x30);
    assert!(!world.peers[1].records.keys().any(kept), "nothing is left");
    assert!(world.peers[0].records.keys().any(kept));
}

#[test]
fn an_announcement_that_is_not_durable_is_none() {
    let mut world = neighbours();
    world.peers[0].disk = Some(alloquy_core::StorageError::Full("no space".to_owned()));
    let refused = world.line(0, "nearby \"Book club\" on").unwrap_err();
    assert_eq!(refused.code, ErrorCode::Storage);
    world.pass(10_000);
    assert!(seen(&mut world, 1).is_empty());
}

/// A frame of cards, as anybody could make it.
fn cards(all: &[(CommunityId, &str)]) -> Bytes {
    let mut w = Writer::new();
    w.raw(&CARD);
    w.varint(all.len() as u64);
    for (community, name) in all {
        w.raw(community.as_bytes());
        w.text(name);
        w.text("mallory");
        w.u32(3);
    }
    w.into_bytes().into()
}

#[test]
fn what_neighbours_say_is_bounded_and_cleaned() {
    let mut world = World::new(&["ana", "ben"]);
    let mallory = world.peers[1].key;
    world.input(
        0,
        Input::Frame(mallory, cards(&[(CommunityId([1; 32]), "unasked")])),
    );
    assert!(seen(&mut world, 0).is_empty(), "nobody is connected");
    meet(&mut world, 0, 1);

    let evil = "line\nbreak \u{202e}";
    let twice = [
        (CommunityId([1; 32]), evil),
        (CommunityId([1; 32]), "again"),
    ];
    world.input(0, Input::Frame(mallory, cards(&twice)));
    assert_eq!(names(&mut world, 0), [CommunityId([1; 32]).short()]);
    let two = [1, 2].map(|n| (CommunityId([n; 32]), "same"));
    world.input(0, Input::Frame(mallory, cards(&two)));
    let ambiguous = world.line(0, "nearby join same").unwrap_err();
    assert_eq!(ambiguous.code, ErrorCode::AmbiguousName);
    let unknown = world.line(0, "nearby join other").unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownName);

    let many: Vec<_> = (0..9).map(|n| (CommunityId([n; 32]), "many")).collect();
    world.input(0, Input::Frame(mallory, cards(&many)));
    let fault = world.peers[0].faults.pop().expect("too many in one frame");
    assert!(
        fault.contains("communities nearby") && fault.contains('8'),
        "{fault}"
    );
    let long = "n".repeat(101);
    world.input(
        0,
        Input::Frame(mallory, cards(&[(CommunityId([1; 32]), &long)])),
    );
    let fault = world.peers[0].faults.pop().expect("too long a name");
    assert!(fault.contains("100"), "{fault}");

    // A crowd of neighbours, each with as many as it may say.
    for n in 0..40_u8 {
        let key = alloquy_ids::NetworkKey([n; 32]);
        world.input(0, Input::PeerUp(key));
        world.input(0, Input::PeerNear(key, true));
        let own: Vec<_> = (0..8)
            .map(|m| (CommunityId([100 + m; 32].map(|b: u8| b ^ n)), "one"))
            .collect();
        world.input(0, Input::Frame(key, cards(&own)));
    }
    assert!(seen(&mut world, 0).len() <= 64);

    // Changes without end are a fault.
    for n in 0..100 {
        let one = [(CommunityId([n; 32]), "flicker")];
        world.input(0, Input::Frame(mallory, cards(&one)));
    }
    let fault = world.peers[0].faults.pop().expect("a flood");
    assert!(fault.contains("more than 60 answers"), "{fault}");
}

#[test]
fn announcements_of_one_node_are_bounded() {
    let mut world = World::new(&["ana"]);
    for n in 0..9 {
        world.ok(0, &format!("create-community club{n}"));
        world.ok(0, &format!("policy joins club{n} approval"));
    }
    for n in 0..8 {
        world.ok(0, &format!("nearby club{n} on"));
    }
    world.ok(0, "nearby club0 on");
    let refused = world.line(0, "nearby club8 on").unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit);
    assert!(
        refused.message.contains("limit is 8"),
        "{}",
        refused.message
    );
}
