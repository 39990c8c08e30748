//! How much of a community a home node keeps and how long, as its owner says, and what it says of itself.

use alloquy_api::reply::{HomeView, KeptView};
use alloquy_api::{ErrorCode, Reply};
use alloquy_ids::CommunityId;

use crate::home::{kept_club, pair};
use crate::world::World;

fn kept(world: &mut World, home: usize, id: CommunityId) -> KeptView {
    let Reply::HomeStatus { home } = world.ok(home, "home status") else {
        panic!("a state");
    };
    let mut keeps = home.keeps.into_iter();
    keeps.find(|kept| kept.community == id).expect("it is kept")
}

fn home_of(world: &mut World, at: usize) -> HomeView {
    let Reply::Homes { homes } = world.ok(at, "home") else {
        panic!("a list");
    };
    homes.into_iter().next().expect("one")
}

/// Lets days go by in leaps, at whose ends timers fire.
fn days(world: &mut World, count: u64) {
    for _ in 0..count {
        let day = 24 * 3_600_000;
        world.now.mono = world.now.mono.plus(day);
        world.now.wall.0 += day;
        world.pass(15_000);
    }
}

#[test]
fn a_size_limit_stops_one_community_and_no_other() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let other = world.word(0, "create-community other", "community");
    let other: CommunityId = other.parse().expect("an id");
    world.ok(0, "create-channel other text general");
    world.ok(0, "home store other on");
    world.ok(0, "home limit club --size 1");
    world.pass(15_000);
    assert_eq!(kept(&mut world, 2, id).limit, Some(1 << 20));
    assert_eq!(kept(&mut world, 2, other).limit, None);
    world.disconnect(0, 1);
    let long = "x".repeat(15_000);
    for _ in 0..90 {
        world.ok(0, &format!("send club/general \"{long}\""));
        world.pass(1_000);
    }
    world.ok(0, "send other/general \"there is room here\"");
    world.pass(30_000);
    let full = kept(&mut world, 2, id);
    assert!(full.bytes <= (1 << 20) + 4_096, "{} B", full.bytes);
    let behind = home_of(&mut world, 0).behind;
    assert!(behind > Some(10), "{behind:?}");
    assert_eq!(kept(&mut world, 2, other).lag, Some(0));
    // Without the limit the rest is taken; it outlives a restart until then.
    world.restart(2, 1);
    world.connect(0, 2);
    world.pass(15_000);
    assert_eq!(kept(&mut world, 2, id).limit, Some(1 << 20));
    world.ok(0, "home limit club");
    world.pass(60_000);
    let all = kept(&mut world, 2, id);
    assert_eq!((all.limit, all.lag), (None, Some(0)));
    assert!(all.bytes > 90 * 15_000, "{} B", all.bytes);
    assert_eq!(home_of(&mut world, 0).behind, Some(0));
}

#[test]
fn messages_go_after_their_days_and_what_governs_and_names_stays() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    world.ok(0, "home limit club --days 7");
    world.disconnect(1, 2);
    world.disconnect(0, 1);
    for number in 0..8 {
        let text = format!("{number} {}", "x".repeat(4_000));
        world.ok(0, &format!("send club/general \"{text}\""));
        world.pass(1_000);
    }
    days(&mut world, 6);
    world.ok(0, "send club/general \"a fresh one\"");
    world.pass(1_000);
    let with = kept(&mut world, 2, id);
    assert!(with.bytes > 8 * 4_000);
    assert_eq!(with.days, Some(7));
    days(&mut world, 3);
    let without = kept(&mut world, 2, id);
    assert!(
        without.bytes + 8 * 4_000 < with.bytes,
        "{} B, then {} B",
        with.bytes,
        without.bytes
    );
    assert!(without.events >= with.events, "only bodies go");
    for restarted in [false, true] {
        // The copies are equal, and what is gone is not fetched again.
        world.pass(60_000);
        let later = kept(&mut world, 2, id);
        assert!(later.bytes < without.bytes + 2_000, "{restarted}");
        assert_eq!(later.lag, Some(0), "{restarted}");
        world.restart(2, 1);
        world.connect(0, 2);
    }
    // Who was away is given what is left, and the rest by whoever has it.
    world.disconnect(0, 2);
    world.connect(1, 2);
    world.pass(20_000);
    let read = world.texts(1, "club/general");
    assert!(read.contains(&"a fresh one".to_owned()), "{read:?}");
    assert!(!read.iter().any(|text| text.starts_with("0 x")));
    world.connect(0, 1);
    world.pass(30_000);
    let read = world.texts(1, "club/general");
    assert_eq!(read.iter().filter(|text| text.len() > 4_000).count(), 8);
}

#[test]
fn of_several_wishes_the_greatest_counts() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    pair(&mut world, 1, 2);
    world.ok(1, "home store club on");
    world.ok(0, "home limit club --days 7 --size 5");
    world.pass(15_000);
    let both = kept(&mut world, 2, id);
    assert_eq!((both.days, both.limit), (None, None), "ben wants all of it");
    world.ok(1, "home limit club --days 30 --size 2");
    world.pass(15_000);
    let both = kept(&mut world, 2, id);
    assert_eq!((both.days, both.limit), (Some(30), Some(5 << 20)));
    world.ok(1, "home store club off");
    world.pass(15_000);
    let alone = kept(&mut world, 2, id);
    assert_eq!((alone.days, alone.limit), (Some(7), Some(5 << 20)));
    for bad in ["home limit club --days 0", "home limit club --size 2000000"] {
        let refused = bad.parse::<alloquy_api::Command>();
        assert!(refused.is_err(), "{bad}");
    }
    world.ok(1, "create-community third");
    let refused = world.line(1, "home limit third --days 3").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
}

#[test]
fn what_only_the_home_node_holds_is_counted() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let first = kept(&mut world, 2, id);
    assert!(first.backed.is_some());
    assert_eq!(first.alone, 0);
    world.restart(2, 1);
    let unknown = kept(&mut world, 2, id);
    assert_eq!((unknown.backed, unknown.alone), (None, unknown.events));
    world.connect(0, 2);
    world.pass(15_000);
    assert_eq!(kept(&mut world, 2, id).alone, 0);
    // Ana's writings come, and she goes before both were found equal again.
    for text in ["one", "two", "three"] {
        world.ok(0, &format!("send club/general \"{text}\""));
    }
    world.settle();
    world.disconnect(0, 2);
    assert_eq!(kept(&mut world, 2, id).alone, 3);
    world.connect(0, 2);
    world.pass(15_000);
    assert_eq!(kept(&mut world, 2, id).alone, 0);
}
