//! What goes for good because it is old: by clocks that may be wrong, and by limits that may be out of date.

use std::cell::RefCell;
use std::rc::Rc;

use alloquy_api::Reply;
use alloquy_ids::CommunityId;

use crate::devices::link;
use crate::home::{kept_club, pair};
use crate::home_limits::{days, hours, kept};
use crate::world::{Packet, World};

const YEAR: i64 = 365 * 24 * 3_600_000;
/// Second bytes, after the version, of frames by which an owner says what is to be kept, and a home node what it keeps.
const STORE: u8 = 23;
const STATUS: u8 = 24;
/// The same of frames with events.
const RANGES: u8 = 4;
const LIVE: u8 = 16;

/// Ana writes eight long messages.
fn write_much(world: &mut World) {
    for number in 0..8 {
        let text = format!("{number} {}", "x".repeat(4_000));
        world.ok(0, &format!("send club/general \"{text}\""));
        world.pass(1_000);
    }
}

/// Whether the home node, at 2, has the texts of these.
fn has_texts(world: &mut World, id: CommunityId) -> bool {
    kept(world, 2, id).bytes > 8 * 4_000
}

/// Ana (0), ben (1) and the home node of ana (2), which nobody gives anything twice.
fn limited() -> (World, CommunityId) {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    world.disconnect(1, 2);
    world.disconnect(0, 1);
    world.ok(0, "home limit club --days 7");
    (world, id)
}

#[test]
fn a_clock_that_is_ahead_for_hours_deletes_nothing() {
    let (mut world, id) = limited();
    write_much(&mut world);
    days(&mut world, 3);
    world.disconnect(0, 2);
    world.clocks.insert(2, 10 * YEAR);
    for _ in 0..5 {
        hours(&mut world, 1);
    }
    assert!(has_texts(&mut world, id));
    // Nor does it at a start, or at a second one.
    for _ in 0..2 {
        world.restart(2, 1);
        hours(&mut world, 2);
        assert!(has_texts(&mut world, id));
    }
    world.clocks.clear();
    days(&mut world, 2);
    assert!(has_texts(&mut world, id), "they are five days old");
    days(&mut world, 4);
    assert!(!has_texts(&mut world, id), "and now they are nine");
}

#[test]
fn what_came_before_the_clock_was_set_is_not_old() {
    let (mut world, id) = limited();
    days(&mut world, 2);
    // A board without a battery boots, and the network sets its clock a little later.
    world.clocks.insert(2, -53 * YEAR);
    world.restart(2, 1);
    world.connect(0, 2);
    write_much(&mut world);
    assert!(has_texts(&mut world, id));
    world.clocks.clear();
    hours(&mut world, 2);
    assert!(has_texts(&mut world, id));
    days(&mut world, 4);
    assert!(has_texts(&mut world, id), "they are four days old");
    days(&mut world, 5);
    assert!(!has_texts(&mut world, id), "and now they are nine");
}

#[test]
fn fewer_days_take_effect_a_day_later() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    world.ok(0, "home limit club --days 90");
    write_much(&mut world);
    days(&mut world, 20);
    world.ok(0, "home limit club --days 7");
    hours(&mut world, 20);
    assert_eq!(kept(&mut world, 2, id).days, Some(7));
    assert!(has_texts(&mut world, id), "somebody may have been wrong");
    world.restart(2, 1);
    world.connect(0, 2);
    assert!(has_texts(&mut world, id));
    world.ok(0, "home limit club");
    days(&mut world, 3);
    assert!(has_texts(&mut world, id));
    world.ok(0, "home limit club --days 7");
    days(&mut world, 2);
    assert!(!has_texts(&mut world, id));
}

#[test]
fn a_device_that_was_away_does_not_bring_a_limit_back() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let phone = link(&mut world, 0);
    world.connect(phone, 2);
    world.ok(0, "home limit club --days 7");
    world.pass(60_000);
    world.disconnect(0, phone);
    world.disconnect(phone, 2);
    world.ok(0, "home limit club");
    world.pass(60_000);
    world.disconnect(0, 2);
    assert_eq!(kept(&mut world, 2, id).days, None);
    // The phone comes back: until it has the self document it asks for nothing that deletes.
    let stores = Rc::new(RefCell::new(0));
    let seen = Rc::clone(&stores);
    world.tamper = Some(Box::new(move |from, _, packet| {
        let store = matches!(&packet, Packet::Frame(bytes) if bytes[1] == STORE);
        *seen.borrow_mut() += usize::from(from == phone && store);
        vec![packet]
    }));
    world.connect(phone, 2);
    world.pass(60_000);
    assert_eq!(kept(&mut world, 2, id).days, None);
    assert_eq!(*stores.borrow(), 0, "it said nothing");
    // Of what it sets itself it is sure.
    world.ok(phone, "home limit club --days 30");
    world.pass(20_000);
    assert_eq!(kept(&mut world, 2, id).days, Some(30));
}

/// Frames of a kind from one node to another, by length.
fn count_frames(world: &mut World, kind: u8) -> Rc<RefCell<Vec<usize>>> {
    let frames = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&frames);
    world.tamper = Some(Box::new(move |_, _, packet| {
        if let Packet::Frame(bytes) = &packet
            && bytes[1] == kind
        {
            seen.borrow_mut().push(bytes.len());
        }
        vec![packet]
    }));
    frames
}

#[test]
fn a_changed_limit_is_told_without_the_log() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    let frames = count_frames(&mut world, STORE);
    world.ok(0, "home limit club --days 7");
    world.pass(30_000);
    assert_eq!(kept(&mut world, 2, id).days, Some(7));
    assert_eq!(frames.borrow().len(), 1, "{frames:?}");
    assert!(frames.borrow()[0] < 64, "{frames:?}");
    // What is kept no more begins from the log again.
    world.ok(0, "home store club off");
    world.ok(0, "home store club on");
    world.pass(30_000);
    assert_eq!(kept(&mut world, 2, id).lag, Some(0));
}

#[test]
fn a_home_node_that_says_other_than_it_was_told_is_told_seldom() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.found("home");
    pair(&mut world, 0, 2);
    world.pass(30_000);
    // It goes on saying what it said first, as one whose places are taken.
    let stores = Rc::new(RefCell::new(0));
    let (seen, mut first) = (Rc::clone(&stores), None);
    world.tamper = Some(Box::new(move |from, _, packet| match &packet {
        Packet::Frame(bytes) if from == 2 && bytes[1] == STATUS => {
            vec![first.get_or_insert(packet).clone()]
        }
        Packet::Frame(bytes) if bytes[1] == STORE => {
            *seen.borrow_mut() += 1;
            vec![packet]
        }
        _ => vec![packet],
    }));
    world.pass(30_000);
    assert_eq!(*stores.borrow(), 0);
    world.ok(0, "home store club on");
    for _ in 0..60 {
        world.pass(60_000);
    }
    let told = *stores.borrow();
    assert!((5..=15).contains(&told), "{told} times in an hour");
}

#[test]
fn many_communities_are_told_once_each() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    for number in 0..12 {
        world.ok(0, &format!("create-community more{number}"));
        world.ok(0, &format!("home store more{number} on"));
    }
    world.found("home");
    let frames = count_frames(&mut world, STORE);
    pair(&mut world, 0, 2);
    world.pass(30_000);
    let told = frames.borrow().len();
    assert!((12..=20).contains(&told), "{told} times");
}

#[test]
fn what_was_dropped_for_its_age_is_not_fetched_again() {
    let (mut world, id) = limited();
    days(&mut world, 2);
    // Ana's clock is five days ahead: her messages claim to be younger than they are.
    world.clocks.insert(0, 5 * 24 * 3_600_000);
    write_much(&mut world);
    assert!(has_texts(&mut world, id));
    let given = count_frames(&mut world, RANGES);
    days(&mut world, 9);
    assert!(
        has_texts(&mut world, id),
        "by their own time they are young"
    );
    days(&mut world, 5);
    assert!(!has_texts(&mut world, id));
    world.pass(300_000);
    assert!(!has_texts(&mut world, id));
    let long = given.borrow().iter().any(|bytes| *bytes > 2_000);
    assert!(!long, "{given:?}");
}

#[test]
fn nothing_is_complete_that_the_own_home_node_knows_more_of() {
    let (mut world, id) = kept_club(&["ana", "ben", "cleo", "home"]);
    let complete = |world: &mut World| {
        let reply = world.ok(0, "history club/general");
        matches!(reply, Reply::History { complete: true, .. })
    };
    assert!(complete(&mut world));
    // Cleo writes to the home node alone, which does not get it through to ana yet.
    for (a, b) in [(0, 2), (1, 2), (1, 3)] {
        world.disconnect(a, b);
    }
    world.tamper = Some(Box::new(|from, to, packet| match &packet {
        Packet::Frame(bytes) if (from, to) == (3, 0) && [RANGES, LIVE].contains(&bytes[1]) => {
            Vec::new()
        }
        _ => vec![packet],
    }));
    world.ok(2, "send club/general \"ana will hear of this\"");
    world.pass(60_000);
    assert_eq!(world.texts(0, "club/general"), Vec::<String>::new());
    assert!(
        !complete(&mut world),
        "ben knows no more, the home node does"
    );
    world.tamper = None;
    world.pass(60_000);
    assert_eq!(world.texts(0, "club/general"), ["ana will hear of this"]);
    assert!(complete(&mut world));
    assert_eq!(kept(&mut world, 3, id).lag, Some(0));
}

#[test]
fn a_home_node_that_drops_texts_backs_nothing() {
    let (mut world, id) = kept_club(&["ana", "ben", "home"]);
    world.found("home b");
    pair(&mut world, 1, 3);
    world.ok(1, "home store club on");
    world.ok(1, "home limit club --days 7");
    world.pass(60_000);
    for (a, b) in [(0, 1), (1, 2), (1, 3)] {
        world.disconnect(a, b);
    }
    world.ok(0, "send club/general \"only ana's home node hears this\"");
    world.settle();
    world.disconnect(0, 2);
    assert_eq!(kept(&mut world, 2, id).alone, 1);
    // Ben's takes it too, and has it for a week.
    world.connect(2, 3);
    world.pass(60_000);
    let [anas, bens] = [2, 3].map(|home| kept(&mut world, home, id));
    assert_eq!(anas.events, bens.events);
    assert_eq!(anas.alone, 1, "it goes there in a week");
    world.connect(0, 2);
    world.pass(15_000);
    assert_eq!(kept(&mut world, 2, id).alone, 0);
}
