//! The newest messages come before their past: to a device that was just linked, and to a newcomer.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_api::command::{Window, WindowAt};
use alloquy_api::pages::Part;
use alloquy_api::{Command, ErrorCode, Event, Reply};
use alloquy_core::Input;
use bytes::Bytes;

use crate::devices::{link, link_at_once};
use crate::world::{Packet, World};

/// Frames by their tags (docs/protocol.md).
const TAG_RANGES: u8 = 4;
const TAG_NEWEST_ASK: u8 = 40;
const TAG_NEWEST: u8 = 41;
/// Messages written before.
const MESSAGES: usize = 400;

fn is(packet: &Packet, tag: u8) -> bool {
    matches!(packet, Packet::Frame(frame) if frame.get(1) == Some(&tag))
}

fn text(number: usize) -> String {
    format!("message {number}")
}

/// Who writes all of it sends nothing live: nobody is connected.
fn talk(world: &mut World, at: usize, channel: &str) {
    for number in 0..MESSAGES {
        world.ok(at, &format!("send {channel} \"{}\"", text(number)));
    }
}

/// From when the newest of a channel have come to this node, its past is held back, until the flag is put down.
fn hold_back_the_past(world: &mut World, to: usize) -> Rc<Cell<bool>> {
    let held = Rc::new(Cell::new(true));
    let (holds, mut newest) = (Rc::clone(&held), false);
    world.tamper = Some(Box::new(move |_, receiver, packet| {
        let inward = receiver == to;
        newest |= inward && is(&packet, TAG_NEWEST);
        if holds.get() && newest && inward && is(&packet, TAG_RANGES) {
            return Vec::new();
        }
        vec![packet]
    }));
    held
}

fn history(world: &mut World, at: usize, channel: &str) -> (Vec<String>, bool, bool) {
    let reply = world.ok(at, &format!("history {channel} --last 1000"));
    let Reply::History {
        messages,
        complete,
        complete_since,
        ..
    } = reply
    else {
        panic!("{reply:?}")
    };
    let texts = messages.into_iter().map(|message| message.text);
    (texts.collect(), complete, complete_since.is_some())
}

fn texts(from: usize, to: usize) -> Vec<String> {
    (from..to).map(text).collect()
}

#[test]
fn a_linked_device_shows_the_last_fifty_before_their_past_and_says_that_it_lacks() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    world.ok(0, "send club/general \"last, with a fulat\"");
    let last = world.history(0, "club/general").last().unwrap().id;
    let channel = world.snapshot(0).communities[&id].channels[0].channel;
    world.ok(0, &format!("edit {last} \"last, without a fault\""));
    world.ok(0, &format!("react {last} 👍"));
    let held = hold_back_the_past(&mut world, 2);
    let phone = link(&mut world, 0);
    assert_eq!(phone, 2);

    let (shown, complete, since) = history(&mut world, phone, "club/general");
    let mut expected = texts(MESSAGES - 49, MESSAGES);
    expected.push("last, without a fault".to_owned());
    assert_eq!(shown, expected);
    assert!(!complete && !since, "what lies before is not here");
    let window = Window {
        channel,
        thread: None,
        at: WindowAt::End,
        limit: 200,
    };
    world.submit(phone, Command::Watch { window }).unwrap();
    let snapshot = world.snapshot(phone);
    let window = &snapshot.windows[&channel];
    assert_eq!(window.messages.len(), 50);
    assert!(!window.at_start && !window.complete, "{window:?}");
    assert_eq!(window.messages[49].reactions.len(), 1);
    let catching_up = snapshot.catching_up.expect("the club lacks its past");
    assert!(catching_up.here < catching_up.of, "{catching_up:?}");
    let progress = world.peers[phone].events.iter().any(|event| {
        matches!(event, Event::Progress { community, held, of } if *community == id && held < of)
    });
    assert!(progress, "faces are told how far it is");

    // What is written now is seen at once, though it waits for all that lies before it.
    world.ok(0, "send club/general \"and one more\"");
    world.pass(1_000);
    let (shown, complete, _) = history(&mut world, phone, "club/general");
    assert_eq!(shown.last().map(String::as_str), Some("and one more"));
    assert!(!complete);

    held.set(false);
    world.pass(30_000);
    let (shown, complete, since) = history(&mut world, phone, "club/general");
    assert_eq!(shown.len(), MESSAGES + 2);
    assert_eq!(shown[..MESSAGES], texts(0, MESSAGES));
    assert!(complete && since);
    let snapshot = world.snapshot(phone);
    assert_eq!(snapshot.catching_up, None);
    assert_eq!(
        world.history(phone, "club/general").len(),
        MESSAGES + 2,
        "once each"
    );
    for peer in &world.peers {
        assert!(peer.faults.is_empty(), "{:?}", peer.faults);
    }
}

/// The same, but what is held back is late only: it comes when the flag is put down, with whatever comes next.
fn delay_the_past(world: &mut World, to: usize) -> Rc<Cell<bool>> {
    let held = Rc::new(Cell::new(true));
    let (holds, mut newest, mut late) = (Rc::clone(&held), false, Vec::new());
    world.tamper = Some(Box::new(move |_, receiver, packet| {
        let inward = receiver == to;
        newest |= inward && is(&packet, TAG_NEWEST);
        if holds.get() && newest && inward && is(&packet, TAG_RANGES) {
            late.push(packet);
            return Vec::new();
        }
        let mut all = Vec::new();
        if inward && !holds.get() {
            all.append(&mut late);
        }
        all.push(packet);
        all
    }));
    held
}

#[test]
fn what_is_written_while_the_past_comes_waits_and_stands_behind_it() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    let held = delay_the_past(&mut world, 2);
    let phone = link_at_once(&mut world, 0);
    world.pass(500);
    assert_eq!(history(&mut world, phone, "club/general").0.len(), 50);
    world.give(phone, "send club/general \"from the phone\"");
    world.pass(2_000);
    assert_eq!(
        history(&mut world, phone, "club/general").0.len(),
        50,
        "it waits"
    );
    held.set(false);
    world.ok(0, "send club/general \"from ana\"");
    world.pass(30_000);
    for at in [0, phone] {
        let (shown, ..) = history(&mut world, at, "club/general");
        assert_eq!(shown.len(), MESSAGES + 2, "at {at}");
        assert_eq!(
            shown.last().map(String::as_str),
            Some("from the phone"),
            "at {at}"
        );
    }
}

#[test]
fn a_past_that_does_not_come_keeps_nobody_from_writing() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    let held = hold_back_the_past(&mut world, 2);
    let phone = link_at_once(&mut world, 0);
    world.pass(500);
    world.ok(phone, "send club/general \"from the phone\"");
    let (shown, complete, _) = history(&mut world, phone, "club/general");
    assert!(shown.contains(&"from the phone".to_owned()) && !complete);
    held.set(false);
    world.pass(30_000);
    for at in [0, phone] {
        let (shown, ..) = history(&mut world, at, "club/general");
        assert_eq!(shown.len(), MESSAGES + 1, "at {at}");
    }
}

#[test]
fn of_every_conversation_the_newest_come_before_the_past_of_any() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    let names: Vec<String> = (0..5).map(|number| format!("talk{number}")).collect();
    for name in &names {
        world.ok(0, &format!("create-community {name}"));
        world.ok(0, &format!("create-channel {name} text general"));
        talk(&mut world, 0, &format!("{name}/general"));
    }
    let held = hold_back_the_past(&mut world, 2);
    let phone = link(&mut world, 0);
    // Of the first whose newest came everything else waits; those that come later are given theirs all the same.
    held.set(false);
    world.pass(60_000);
    for name in &names {
        let (shown, complete, _) = history(&mut world, phone, &format!("{name}/general"));
        assert_eq!(shown, texts(0, MESSAGES), "{name}");
        assert!(complete, "{name}");
    }
}

#[test]
fn who_lacks_little_asks_for_no_newest_and_unasked_ones_are_a_fault() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    for number in 0..40 {
        world.ok(0, &format!("send club/general \"{}\"", text(number)));
    }
    world.wire.clear();
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(history(&mut world, 1, "club/general").0, texts(0, 40));
    let asked = world
        .wire
        .iter()
        .any(|frame| frame.get(1) == Some(&TAG_NEWEST_ASK));
    assert!(!asked, "all of it is here as soon");

    let mut frame = vec![1, TAG_NEWEST];
    frame.extend_from_slice(&id.0);
    frame.push(0);
    let from = world.peers[0].key;
    world.input(1, Input::Frame(from, Bytes::from(frame)));
    let faults = &world.peers[1].faults;
    assert!(
        faults.iter().any(|fault| fault.contains("not asked for")),
        "{faults:?}"
    );
}

#[test]
fn an_answer_that_comes_twice_is_no_fault() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    let doubled = Rc::new(Cell::new(false));
    let doubles = Rc::clone(&doubled);
    world.tamper = Some(Box::new(move |_, _, packet| match packet {
        Packet::Frame(frame) if frame.get(1) == Some(&TAG_NEWEST) => {
            doubles.set(true);
            vec![Packet::Frame(frame.clone()), Packet::Frame(frame)]
        }
        packet => vec![packet],
    }));
    let phone = link_at_once(&mut world, 0);
    world.pass(10_000);
    assert!(doubled.get(), "the newest came");
    let (shown, ..) = history(&mut world, phone, "club/general");
    assert_eq!(shown, texts(0, MESSAGES), "once each");
    let faults = &world.peers[phone].faults;
    assert!(faults.is_empty(), "{faults:?}");
}

/// A length as it stands in a frame.
fn varint(mut value: usize, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn length(from: &mut &[u8]) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = from[0];
        *from = &from[1..];
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

/// The ranges of a frame with newest messages.
fn ranges(frame: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = &frame[34..];
    let count = length(&mut rest);
    let mut range = || {
        let bytes = length(&mut rest);
        let (range, after) = rest.split_at(bytes);
        rest = after;
        range.to_vec()
    };
    (0..count).map(|_| range()).collect()
}

/// The same frame with these ranges.
fn with_ranges(frame: &[u8], ranges: &[Vec<u8>]) -> Bytes {
    let mut changed = frame[..34].to_vec();
    varint(ranges.len(), &mut changed);
    for range in ranges {
        varint(range.len(), &mut changed);
        changed.extend_from_slice(range);
    }
    Bytes::from(changed)
}

/// Faults that a linked device finds in an answer whose range came so often, with a broken one behind it.
fn faults_behind(times: usize) -> Vec<String> {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    let sent = Rc::new(Cell::new(false));
    let sends = Rc::clone(&sent);
    world.tamper = Some(Box::new(move |_, _, packet| {
        let Packet::Frame(frame) = &packet else {
            return vec![packet];
        };
        if frame.get(1) != Some(&TAG_NEWEST) || ranges(frame).is_empty() {
            return vec![packet];
        }
        let mut many = vec![ranges(frame).remove(0); times];
        many.push(vec![0xff; 40]);
        sends.set(true);
        vec![Packet::Frame(with_ranges(frame, &many))]
    }));
    let phone = link_at_once(&mut world, 0);
    world.pass(5_000);
    assert_eq!(history(&mut world, phone, "club/general").0.len(), MESSAGES);
    assert!(sent.get(), "the answer was another one");
    world.peers[phone].faults.clone()
}

#[test]
fn of_an_answer_over_the_limit_nothing_more_is_unpacked() {
    assert!(!faults_behind(2).is_empty(), "it is looked at");
    // 50 events each: the last ones are over 512 for the one channel.
    assert_eq!(faults_behind(40), Vec::<String>::new());
}

#[test]
fn newest_messages_whose_past_does_not_come_go_with_their_giver_or_after_a_minute() {
    for disconnects in [true, false] {
        let (mut world, _) = World::club(&["ana", "ben"]);
        world.disconnect(0, 1);
        talk(&mut world, 0, "club/general");
        let _held = hold_back_the_past(&mut world, 2);
        let phone = link_at_once(&mut world, 0);
        world.pass(500);
        assert_eq!(history(&mut world, phone, "club/general").0.len(), 50);
        if disconnects {
            world.disconnect(0, phone);
        } else {
            world.pass(50_000);
            assert_eq!(history(&mut world, phone, "club/general").0.len(), 50);
            world.pass(20_000);
        }
        let (shown, complete, _) = history(&mut world, phone, "club/general");
        assert!(shown.is_empty() && !complete, "{shown:?}");
    }
}

#[test]
fn a_peer_is_given_the_newest_messages_of_a_channel_twice_over_one_connection() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general hello");
    world.pass(2_000);
    let channel = world.snapshot(0).communities[&id].channels[0].channel;
    let mut frame = vec![1, TAG_NEWEST_ASK];
    frame.extend_from_slice(&id.0);
    frame.push(1);
    frame.extend_from_slice(&channel.0);
    let frame = Bytes::from(frame);
    let ben = world.peers[1].key;
    let given = |world: &mut World| {
        world.wire.clear();
        world.input(0, Input::Frame(ben, frame.clone()));
        world.pass(100);
        let newest = |frame: &&Bytes| frame.get(1) == Some(&TAG_NEWEST);
        let answers: Vec<_> = world.wire.iter().filter(newest).collect();
        assert_eq!(answers.len(), 1, "each is answered");
        ranges(answers[0]).len()
    };
    assert_eq!([(); 4].map(|()| given(&mut world)), [1, 1, 0, 0]);
    world.disconnect(0, 1);
    world.connect(0, 1);
    world.pass(5_000);
    assert_eq!(given(&mut world), 1, "over another connection again");
}

#[test]
fn pages_hold_what_is_shown_and_what_needs_the_past_says_so() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    talk(&mut world, 0, "club/general");
    let last = world.history(0, "club/general").last().unwrap().id;
    let channel = world.snapshot(0).communities[&id].channels[0].channel;
    let held = hold_back_the_past(&mut world, 2);
    let phone = link(&mut world, 0);
    let page = Command::Page {
        channel,
        part: Part::Latest(None),
        limit: 100,
    };
    let Reply::History { messages, .. } = world.submit(phone, page).unwrap() else {
        panic!("a page is a part of a history");
    };
    assert_eq!(messages.len(), 50);
    for command in ["react", "reply"] {
        let error = world
            .line(phone, &format!("{command} {last} 👍"))
            .expect_err("what it stands upon is not here");
        assert_eq!(error.code, ErrorCode::Timeout);
        assert!(error.message.contains("still coming"), "{error}");
    }
    assert_eq!(history(&mut world, phone, "club/general").0.len(), 50);
    held.set(false);
    world.ok(0, "send club/general more");
    world.pass(30_000);
    world.ok(phone, &format!("react {last} 👍"));
}
