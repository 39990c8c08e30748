//! Letters: first words to somebody who is away, left at a home node by who has nothing but a contact link.

use std::cell::Cell;
use std::rc::Rc;

use alloquy_api::reply::DeliveryState;
use alloquy_api::{Event, Reply};
use alloquy_core::{Input, StorageError};
use bytes::Bytes;

use crate::home::pair;
use crate::world::{Packet, World};

/// Where home nodes say that they are reached.
fn address(at: usize) -> String {
    format!("/ip4/192.0.2.{at}/udp/4001/quic-v1")
}

/// Pairs a home node that says where it is reached.
fn pair_at(world: &mut World, owner: usize, home: usize) {
    world.connect(owner, home);
    let key = world.peers[home].key;
    let addresses = vec![address(home)];
    world.input(owner, Input::PeerAddresses(key, addresses));
    pair(world, owner, home);
    world.pass(15_000);
}

/// Ben with his home node, Ana who knows nobody, and Ben's contact link.
fn strangers(names: &[&str]) -> (World, String) {
    let mut world = World::new(names);
    pair_at(&mut world, 1, 2);
    let link = world.word(1, "contact link", "contact");
    world.disconnect(1, 2);
    (world, link)
}

fn requests(world: &mut World, at: usize) -> Vec<(String, String)> {
    let Reply::DmRequests { dm_requests } = world.ok(at, "dm requests") else {
        panic!("a list");
    };
    let shown = dm_requests.into_iter();
    shown.map(|one| (one.name, one.text)).collect()
}

/// Days in one leap: the timers of all of them fire late, and once.
fn leap(world: &mut World, days: u64) {
    let ms = days * 24 * 3_600_000;
    world.now.mono = world.now.mono.plus(ms);
    world.now.wall.0 += ms;
    world.pass(60_000);
}

/// Tags of frames are their second byte.
fn is_letter(packet: &Packet) -> bool {
    matches!(packet, Packet::Frame(bytes) if bytes.get(1) == Some(&32))
}

#[test]
fn a_contact_link_leads_to_the_home_node() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    let home = world.peers[2].key;
    assert_eq!(world.peers[0].wants.get(&home), Some(&vec![address(2)]));
    // An account without a home node names none.
    let (mut other, _) = World::club(&["cem", "dan"]);
    let short = other.word(0, "contact link", "contact");
    assert!(
        short.len() + 100 < link.len(),
        "{} and {}",
        short.len(),
        link.len()
    );
    assert!(link.len() < 2_000, "{} characters", link.len());
}

#[test]
fn first_words_wait_at_a_home_node_and_are_answered_through_it() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.ok(0, "send @ben \"canaryhello from the train\"");
    world.pass(2_000);
    // Nobody of his has the message: a request is no copy of it.
    let state = world.history(0, "@ben")[0].delivery.state;
    assert_eq!(state, DeliveryState::Stored);
    world.disconnect(0, 2);
    world.pass(3_600_000);
    world.restart(2, 1);
    world.connect(1, 2);
    world.pass(2_000);
    let asked = [("ana".to_owned(), "canaryhello from the train".to_owned())];
    assert_eq!(requests(&mut world, 1), asked);
    let records = world.peers[2].records.iter();
    let disk: Vec<u8> = records
        .flat_map(|(key, value)| [key.to_vec(), value.to_vec()].concat())
        .collect();
    assert!(!disk.windows(11).any(|part| part == b"canaryhello"));
    // The home node has forgotten it: it was taken, and Ben's only device has it.
    assert!(!world.peers[2].records.keys().any(|key| key[0] == 0x31));
    world.ok(1, "dm accept ana");
    world.ok(1, "send @ana \"come in\"");
    world.pass(20_000);
    world.disconnect(1, 2);
    world.connect(0, 2);
    world.pass(10_000);
    // Ben answered before anything but the request had reached him: both stand beside each other.
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let said = ["canaryhello from the train", "come in"];
    assert_eq!(sorted(world.texts(0, "@ben")), said);
    let mine = world.history(0, "@ben").into_iter();
    let mut mine = mine.filter(|message| message.text.starts_with("canary"));
    let state = mine.next().map(|message| message.delivery.state);
    assert_eq!(state, Some(DeliveryState::Held));
    world.disconnect(0, 2);
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(sorted(world.texts(1, "@ana")), said);
    assert_eq!(world.texts(0, "@ben"), world.texts(1, "@ana"));
    for peer in &world.peers {
        assert_eq!(peer.faults, [""; 0]);
    }
}

#[test]
fn who_is_written_to_finds_the_writers_home_node_by_the_letter() {
    let (mut world, link) = strangers(&["ana", "ben", "home", "home-of-ana"]);
    pair_at(&mut world, 0, 3);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    for text in ["one", "two", "three"] {
        world.ok(0, &format!("send @ben \"{text}\""));
        world.pass(1_000);
    }
    world.pass(20_000);
    world.disconnect(0, 2);
    world.disconnect(0, 3);
    world.connect(1, 2);
    world.pass(2_000);
    world.ok(1, "dm accept ana");
    let home = world.peers[3].key;
    assert_eq!(world.peers[1].wants.get(&home), Some(&vec![address(3)]));
    world.connect(1, 3);
    world.pass(10_000);
    assert_eq!(world.texts(1, "@ana"), ["one", "two", "three"]);
}

#[test]
fn letters_fold_are_bounded_and_shut_out_by_a_block() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    let letters = |world: &World| {
        let records = world.peers[2].records.keys();
        records.filter(|key| key[0] == 0x31).count()
    };
    world.ok(0, "send @ben \"hello\"");
    for round in 0..20 {
        world.connect(0, 2);
        world.pass(1_000);
        world.disconnect(0, 2);
        assert_eq!(letters(&world), 1, "{round}");
    }
    // It waits for a month, and no longer.
    leap(&mut world, 29);
    assert_eq!(letters(&world), 1);
    leap(&mut world, 2);
    assert_eq!(letters(&world), 0);
    world.connect(0, 2);
    world.pass(1_000);
    assert_eq!(letters(&world), 1);
    world.disconnect(0, 2);
    // Ben blocks her by her account: it is taken, dropped, and never shown.
    let ana = world.peers[0].node.account();
    let link_of_ana = world.word(0, "contact link", "contact");
    world.ok(1, &format!("contact add {link_of_ana}"));
    world.ok(1, &format!("block {ana}"));
    world.connect(1, 2);
    world.pass(5_000);
    assert_eq!(letters(&world), 0);
    assert_eq!(requests(&mut world, 1), []);
    assert_eq!(world.peers[2].faults, [""; 0]);
}

#[test]
fn a_home_node_keeps_letters_for_those_it_serves_alone() {
    let mut world = World::new(&["ana", "ben", "home", "home-of-cem", "cem"]);
    pair_at(&mut world, 1, 2);
    pair_at(&mut world, 4, 3);
    let link = world.word(1, "contact link", "contact");
    world.ok(0, &format!("contact add {link}"));
    world.ok(0, "send @ben \"hello\"");
    // What is meant for Ben's home node arrives at Cem's.
    world.connect(0, 2);
    world.pass(1_000);
    let letter = world.wire.iter().find(|bytes| bytes.get(1) == Some(&32));
    let letter = letter.cloned().expect("it was left");
    world.connect(0, 3);
    world.arrive(0, 3, Packet::Frame(letter.clone()));
    world.settle();
    assert!(!world.peers[3].records.keys().any(|key| key[0] == 0x31));
    assert_eq!(world.peers[3].faults, [""; 0]);
    // Who did not write it can not leave it, nor change it.
    world.arrive(4, 2, Packet::Frame(letter.clone()));
    let mut changed = letter.to_vec();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    world.arrive(0, 2, Packet::Frame(Bytes::from(changed)));
    assert_eq!(
        world.peers[2].faults.len(),
        2,
        "{:?}",
        world.peers[2].faults
    );
}

#[test]
fn a_home_node_that_forges_or_withholds_letters_is_found_out_or_harmless() {
    let (mut world, link) = strangers(&["ana", "ben", "home", "eve"]);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.ok(0, "send @ben \"hello\"");
    world.pass(1_000);
    world.disconnect(0, 2);
    // It changes what it hands out: nothing is shown, and the change is told of as a fault.
    world.tamper = Some(Box::new(|from, _, packet| match packet {
        Packet::Frame(bytes) if from == 2 && bytes.get(1) == Some(&32) => {
            let mut bytes = bytes.to_vec();
            let at = bytes.len() - 80;
            bytes[at] ^= 1;
            vec![Packet::Frame(Bytes::from(bytes))]
        }
        packet => vec![packet],
    }));
    world.connect(1, 2);
    world.pass(5_000);
    assert_eq!(requests(&mut world, 1), []);
    assert!(!world.peers[1].faults.is_empty());
    // Somebody who is no home node of his brings the letter as it is: it is not taken.
    let letter = world.wire.iter().find(|bytes| bytes.get(1) == Some(&32));
    let letter = letter.cloned().expect("it was left");
    world.connect(1, 3);
    world.arrive(3, 1, Packet::Frame(letter));
    assert_eq!(requests(&mut world, 1), []);
    // It withholds: Ana is told nothing false, and what she wrote reaches him when they meet.
    world.tamper = Some(Box::new(|from, _, packet| {
        let held = from == 2 && is_letter(&packet);
        if held { Vec::new() } else { vec![packet] }
    }));
    world.disconnect(1, 2);
    world.connect(1, 2);
    world.pass(5_000);
    assert_eq!(requests(&mut world, 1), []);
    let state = world.history(0, "@ben")[0].delivery.state;
    assert_eq!(state, DeliveryState::Stored);
    world.connect(0, 1);
    world.pass(2_000);
    assert_eq!(requests(&mut world, 1).len(), 1);
    // One that floods a device shows every request once.
    world.tamper = Some(Box::new(|from, _, packet| {
        let again = if from == 2 && is_letter(&packet) {
            50
        } else {
            1
        };
        vec![packet; again]
    }));
    world.disconnect(1, 2);
    world.connect(1, 2);
    world.pass(5_000);
    let told = world.peers[1].events.iter();
    let told = told.filter(|event| matches!(event, Event::DmRequested { .. }));
    assert_eq!(told.count(), 1);
}

#[test]
fn a_letter_that_could_not_be_stored_stays_at_the_home_node() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.ok(0, "send @ben \"hello\"");
    world.pass(1_000);
    world.peers[1].disk = Some(StorageError::Full("test".to_owned()));
    world.connect(1, 2);
    world.pass(5_000);
    assert!(world.peers[2].records.keys().any(|key| key[0] == 0x31));
    world.peers[1].disk = None;
    world.pass(10_000);
    world.restart(1, 1);
    world.connect(1, 2);
    world.pass(5_000);
    assert_eq!(requests(&mut world, 1).len(), 1);
    assert!(!world.peers[2].records.keys().any(|key| key[0] == 0x31));
}

#[test]
fn a_letter_to_who_is_there_goes_at_once_and_no_second_one_follows() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.connect(1, 2);
    world.ok(0, "send @ben \"hello\"");
    world.ok(0, "send @ben \"are you there?\"");
    world.pass(2_000);
    world.ok(1, "dm accept ana");
    world.pass(20_000);
    assert_eq!(world.texts(1, "@ana"), ["hello", "are you there?"]);
    assert_eq!(requests(&mut world, 1), []);
    assert!(!world.peers[2].records.keys().any(|key| key[0] == 0x31));
    let before = world.wire.iter().filter(|bytes| bytes[1] == 32).count();
    world.disconnect(0, 2);
    world.connect(0, 2);
    world.pass(20_000);
    let after = world.wire.iter().filter(|bytes| bytes[1] == 32).count();
    assert_eq!(before, after, "he has it");
}

#[test]
fn every_device_of_the_addressee_is_given_the_letter() {
    let mut world = World::new(&["ana", "ben", "home"]);
    pair_at(&mut world, 1, 2);
    let phone = crate::devices::link(&mut world, 1);
    world.connect(phone, 2);
    world.pass(30_000);
    let link = world.word(1, "contact link", "contact");
    for at in [1, phone] {
        world.disconnect(at, 2);
    }
    world.disconnect(1, phone);
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.ok(0, "send @ben \"hello\"");
    world.pass(1_000);
    let letters = |world: &World| world.peers[2].records.keys().any(|key| key[0] == 0x31);
    for (at, left) in [(1, true), (phone, false)] {
        world.connect(at, 2);
        world.pass(2_000);
        assert_eq!(requests(&mut world, at).len(), 1, "{at}");
        assert_eq!(letters(&world), left, "{at}");
        world.disconnect(at, 2);
    }
}

/// Bytes of the letters that a home node keeps.
fn kept(world: &World, home: usize) -> Vec<Bytes> {
    let records = world.peers[home].records.iter();
    let letters = records.filter(|(key, _)| key[0] == 0x31);
    letters.map(|(_, value)| value.clone()).collect()
}

#[test]
fn a_letter_is_handed_to_a_device_once_however_often_it_is_left() {
    let (mut world, link) = strangers(&["ana", "ben", "home", "cem"]);
    // Ben's device never says that it has a letter.
    let given = Rc::new(Cell::new(0));
    let seen = Rc::clone(&given);
    world.tamper = Some(Box::new(move |from, to, packet| match &packet {
        Packet::Frame(bytes) if (from, to) == (1, 2) && bytes[1] == 33 => Vec::new(),
        _ => {
            let to_ben = (from, to) == (2, 1) && is_letter(&packet);
            seen.set(seen.get() + usize::from(to_ben));
            vec![packet]
        }
    }));
    world.connect(1, 2);
    for (writer, all) in [(0, 1), (3, 2)] {
        world.ok(writer, &format!("contact add {link}"));
        world.ok(writer, "send @ben \"hello\"");
        for round in 0..6 {
            world.connect(writer, 2);
            world.pass(1_000);
            world.disconnect(writer, 2);
            assert_eq!(given.get(), all, "{writer} in round {round}");
        }
    }
    assert_eq!(kept(&world, 2).len(), 2);
    // The next day's work is heard again: of each account so many, over any number of lines.
    leap(&mut world, 1);
    world.connect(0, 2);
    world.pass(1_000);
    assert_eq!(given.get(), 3);
}

#[test]
fn a_letter_without_work_is_refused_before_anything_else_is_looked_at() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    world.ok(0, "send @ben \"hello\"");
    world.tamper = Some(Box::new(|from, to, packet| match packet {
        // The addressee is another: neither work nor signature stand for it.
        Packet::Frame(bytes) if (from, to) == (0, 2) && bytes.get(1) == Some(&32) => {
            let mut bytes = bytes.to_vec();
            bytes[2] ^= 1;
            vec![Packet::Frame(Bytes::from(bytes))]
        }
        packet => vec![packet],
    }));
    world.connect(0, 2);
    world.pass(1_000);
    let faults = &world.peers[2].faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("less work"), "{faults:?}");
}

#[test]
fn a_clock_that_leaps_takes_no_letter_away() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    world.ok(0, &format!("contact add {link}"));
    world.ok(0, "send @ben \"hello\"");
    world.connect(0, 2);
    world.pass(1_000);
    world.disconnect(0, 2);
    leap(&mut world, 2);
    let years = 3_650 * 24 * 3_600_000;
    // The home node's clock is wrong for hours, and Ben's when he comes.
    world.now.wall.0 += years;
    world.pass(3 * 3_600_000);
    world.connect(1, 2);
    world.pass(10_000);
    world.disconnect(1, 2);
    assert_eq!(requests(&mut world, 1), []);
    world.now.wall.0 -= years;
    world.pass(3 * 3_600_000);
    assert_eq!(kept(&world, 2).len(), 1);
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(requests(&mut world, 1).len(), 1);
    assert_eq!(kept(&world, 2).len(), 0);
}

#[test]
fn a_revoked_device_replaces_no_letter_of_its_account() {
    let (mut world, link) = strangers(&["ana", "ben", "home"]);
    let phone = crate::devices::link(&mut world, 0);
    world.ok(0, &format!("contact add {link}"));
    world.ok(0, "send @ben \"hello\"");
    world.pass(30_000);
    assert_eq!(world.texts(phone, "@ben"), ["hello"]);
    world.disconnect(0, phone);
    let device = world.peers[phone].node.device();
    world.ok(0, &format!("device revoke {device}"));
    world.connect(0, 2);
    world.pass(2_000);
    world.disconnect(0, 2);
    let real = kept(&world, 2);
    assert_eq!(real.len(), 1);
    // Whoever has the phone shows a log without its end, and does the next day's work.
    leap(&mut world, 1);
    let before = world.wire.len();
    world.connect(phone, 2);
    world.pass(2_000);
    let mut sent = world.wire[before..].iter();
    assert!(sent.any(|bytes| bytes[1] == 32), "it was left");
    assert_eq!(kept(&world, 2), real);
}
