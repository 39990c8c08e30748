//! The newest messages come before their past: to a device that was just linked, and to a newcomer.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_api::command::{Window, WindowAt};
use alloquy_api::{Command, Event, Reply};
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
