//! Several devices of one account: what they share, and what a revocation does.

use alloquy_api::personal::DeviceState;
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::{Input, Newcomer, OtherDevices, Output};
use alloquy_ids::NetworkKey;
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::history::give_everything;
use crate::world::{KEEPS_WORDS, World};

/// A further device of the account of one node, linked by its code and connected with it.
pub(crate) fn link(world: &mut World, host: usize) -> usize {
    let code = world.word(host, "device link", "link");
    let rng = ChaCha8Rng::seed_from_u64(77 + world.peers.len() as u64);
    let newcomer = Newcomer::link(&code, "phone", world.now, rng).expect("a link");
    settle(world, newcomer, host)
}

/// The same, before anything has come to it.
pub(crate) fn link_at_once(world: &mut World, host: usize) -> usize {
    let code = world.word(host, "device link", "link");
    let rng = ChaCha8Rng::seed_from_u64(77 + world.peers.len() as u64);
    let newcomer = Newcomer::link(&code, "phone", world.now, rng).expect("a link");
    let at = started(world, newcomer, host);
    world.connect(at, host);
    at
}

/// A new device that comes back by the recovery words, given by one node.
pub(crate) fn restore(world: &mut World, words: &str, from: usize, others: OtherDevices) -> usize {
    let rng = ChaCha8Rng::seed_from_u64(177 + world.peers.len() as u64);
    let at = vec![(world.peers[from].key, Vec::new())];
    let newcomer = Newcomer::restore(words, at, others, world.now, rng).expect("twelve words");
    settle(world, newcomer, from)
}

/// Lets a newcomer talk with one node until it has an account, starts it as a node connected with that one, and has it
/// fetch what there is.
fn settle(world: &mut World, newcomer: Newcomer<ChaCha8Rng>, host: usize) -> usize {
    let at = started(world, newcomer, host);
    world.connect(at, host);
    world.pass(10_000);
    at
}

fn started(world: &mut World, mut newcomer: Newcomer<ChaCha8Rng>, host: usize) -> usize {
    let key = NetworkKey(DeviceKey::from_seed(&newcomer.network_seed()).public());
    let host_key = world.peers[host].key;
    world.input(host, Input::PeerUp(key));
    newcomer.handle(world.now, Input::PeerUp(host_key));
    let settled = loop {
        while let Some(output) = newcomer.poll_output() {
            if let Output::Send(to, frame) = output
                && to == host_key
            {
                world.input(host, Input::Frame(key, frame));
            }
        }
        world.settle();
        if let Some(settled) = newcomer.settled() {
            break settled.expect("the device is taken");
        }
        let frames = std::mem::take(&mut world.outside);
        assert!(!frames.is_empty(), "it does not go on");
        for (from, to, frame) in frames {
            if (from, to) == (host, key) {
                newcomer.handle(world.now, Input::Frame(host_key, frame));
            }
        }
    };
    newcomer.stored();
    while let Some(output) = newcomer.poll_output() {
        if let Output::Send(_, frame) = output {
            world.input(host, Input::Frame(key, frame));
        }
    }
    world.input(host, Input::PeerDown(key));
    world.add(&settled.writes)
}

/// Ana's laptop (0), ben (1) and ana's phone (2), all connected, with a message of each person.
fn household() -> World {
    household_of("ana")
}

fn household_of(name: &str) -> World {
    let (mut world, _) = World::club(&[name, "ben"]);
    world.ok(0, "send club/general \"from the laptop\"");
    world.ok(1, "send club/general \"from ben\"");
    let phone = link(&mut world, 0);
    assert_eq!(phone, 2);
    world.connect(1, 2);
    world.pass(5_000);
    world
}

fn device(world: &World, at: usize) -> String {
    world.peers[at].node.device().to_string()
}

fn refused(world: &mut World, at: usize, line: &str, part: &str) {
    let error = world.line(at, line).expect_err("it may not act any more");
    assert_eq!(error.code, ErrorCode::NotPermitted, "{}", error.message);
    assert!(error.message.contains(part), "{}", error.message);
}

fn states(world: &mut World, at: usize) -> Vec<(bool, DeviceState)> {
    match world.ok(at, "devices") {
        Reply::Devices { devices } => devices
            .into_iter()
            .map(|view| (view.this, view.state))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_linked_device_has_the_history_the_rights_and_the_name_of_its_account() {
    let mut world = household();
    let both = ["from the laptop", "from ben"];
    assert_eq!(world.texts(2, "club/general"), both);
    world.ok(2, "send club/general \"from the phone\"");
    world.pass(3_000);
    for at in 0..3 {
        let shown = world.history(at, "club/general");
        let last = shown.last().expect("three messages");
        assert_eq!((shown.len(), last.text.as_str()), (3, "from the phone"));
        assert_eq!(last.author, world.peers[0].node.account());
    }
    // Roles are the account's: the founder's phone does what its laptop may.
    world.ok(2, "create-channel club text from-the-phone");
    world.ok(2, "kick club ben");
    world.pass(3_000);
    let error = world.line(1, "send club/general still").unwrap_err();
    assert_eq!(error.code, ErrorCode::NotMember);
    let all = [(true, DeviceState::Active), (false, DeviceState::Active)];
    assert_eq!(states(&mut world, 0), all);
    assert_eq!(states(&mut world, 2), all);
    // Names are shared by own devices, and with nobody else.
    let phone = device(&world, 2);
    assert_eq!(names(&mut world, 0), ["", "phone"]);
    world.ok(0, "device name phone \"canary in the pocket\"");
    world.pass(30_000);
    assert_eq!(names(&mut world, 2), ["canary in the pocket", ""]);
    let short = &phone[..8];
    world.ok(2, &format!("device name {short} pocket"));
    let unknown = world.line(2, "device name tablet desk").unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownName);
    world.pass(30_000);
    assert_eq!(names(&mut world, 0), ["", "pocket"]);
    let on_the_wire = |wire: &[bytes::Bytes]| {
        let name = b"canary in the pocket";
        wire.iter()
            .any(|frame| frame.windows(name.len()).any(|part| part == name))
    };
    assert!(!on_the_wire(&world.wire));
}

fn names(world: &mut World, at: usize) -> Vec<String> {
    let snapshot = world.snapshot(at);
    snapshot
        .devices
        .iter()
        .map(|view| view.name.clone())
        .collect()
}

#[test]
fn a_revoked_device_reads_nothing_new_writes_nothing_and_keeps_what_it_had() {
    let mut world = household();
    let phone = device(&world, 2);
    let before = world.wire.len();
    world.ok(0, &format!("device revoke {phone}"));
    world.pass(15_000);
    world.ok(0, "send club/general \"laptop alone\"");
    world.ok(1, "send club/general \"ben after\"");
    world.pass(5_000);
    // Even with every frame that went over any link since.
    let frames = world.wire[before..].to_vec();
    give_everything(&mut world, 2, &frames);
    let old = ["from the laptop", "from ben"];
    assert_eq!(world.texts(2, "club/general"), old, "its history stays");
    refused(&mut world, 2, "send club/general \"more\"", "was revoked");
    refused(&mut world, 2, "device link", "was revoked");
    let laptop = device(&world, 0);
    let line = format!("device revoke {laptop}");
    refused(&mut world, 2, &line, "was revoked");
    assert!(world.peers[2].events.contains(&Event::DevicesChanged));
    assert_eq!(
        states(&mut world, 2),
        [(true, DeviceState::Revoked), (false, DeviceState::Active)]
    );
    let now = ["from the laptop", "from ben", "laptop alone", "ben after"];
    for at in [0, 1] {
        assert_eq!(world.texts(at, "club/general"), now);
    }
    let again = world
        .line(0, &format!("device revoke {phone}"))
        .unwrap_err();
    assert_eq!(again.code, ErrorCode::Exists);
}

#[test]
fn what_a_device_wrote_away_after_its_revocation_counts_nowhere_and_it_is_told() {
    let mut world = household();
    world.disconnect(0, 2);
    world.disconnect(1, 2);
    let phone = device(&world, 2);
    world.ok(0, &format!("device revoke {phone}"));
    world.ok(2, "send club/general \"written away\"");
    world.ok(2, "create-channel club text smuggled");
    world.ok(1, "send club/general \"ben after\"");
    world.pass(5_000);
    // It comes back to ben alone.
    world.connect(1, 2);
    world.pass(30_000);
    refused(&mut world, 2, "send club/general again", "was revoked");
    for at in [0, 1] {
        let texts = world.texts(at, "club/general");
        assert_eq!(texts, ["from the laptop", "from ben", "ben after"]);
        let error = world.line(at, "send club/smuggled hi").unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownName);
    }
    world.restart(2, 1);
    refused(&mut world, 2, "send club/general again", "was revoked");
    let kept = world.texts(2, "club/general");
    assert!(kept.contains(&"from ben".to_owned()) && !kept.contains(&"ben after".to_owned()));
}

/// The laptop (0) and the phone (2) of whoever keeps the recovery words have revoked each other while they were apart;
/// ben (1) has heard of both.
fn quarrel() -> World {
    quarrel_told_by(0, 2)
}

/// The same, with the order in which ben has heard of it.
fn quarrel_told_by(first: usize, second: usize) -> World {
    let mut world = household_of(KEEPS_WORDS);
    world.disconnect(0, 2);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    let (laptop, phone) = (device(&world, 0), device(&world, 2));
    world.ok(0, &format!("device revoke {phone}"));
    world.ok(2, &format!("device revoke {laptop}"));
    world.connect(1, first);
    world.pass(5_000);
    world.connect(1, second);
    world.pass(30_000);
    world
}

#[test]
fn devices_that_revoke_each_other_apart_are_silent_until_the_words_decide() {
    let mut world = quarrel();
    for at in [0, 2] {
        refused(
            &mut world,
            at,
            "send club/general hi",
            "recovery words decide",
        );
    }
    let both = [
        (true, DeviceState::Suspended),
        (false, DeviceState::Suspended),
    ];
    assert_eq!(states(&mut world, 0), both);
    world.ok(1, "send club/general \"ben is here\"");
    world.pass(5_000);
    let here = "ben is here".to_owned();
    for at in [0, 2] {
        assert!(!world.texts(at, "club/general").contains(&here));
    }

    let words = world.peers[0].records[&b"\x04"[..]].clone();
    let words = String::from_utf8(words.to_vec()).expect("words");
    let tablet = restore(&mut world, &words, 1, OtherDevices::Keep);
    world.pass(60_000);
    assert!(world.texts(tablet, "club/general").contains(&here));
    world.ok(tablet, "send club/general \"by the words\"");
    world.pass(30_000);
    let all = vec![DeviceState::Active; 3];
    for at in [0, 2, tablet] {
        world.ok(at, &format!("send club/general \"{at} again\""));
        world.pass(5_000);
        let found: Vec<_> = states(&mut world, at)
            .iter()
            .map(|(_, state)| *state)
            .collect();
        assert_eq!(found, all, "at {at}");
    }
    let texts = world.texts(1, "club/general");
    assert_eq!(
        texts[2..],
        [
            "ben is here",
            "by the words",
            "0 again",
            "2 again",
            "3 again"
        ]
    );
    for at in [0, 2, tablet] {
        assert_eq!(world.texts(at, "club/general"), texts, "at {at}");
    }
}

#[test]
fn either_side_of_a_quarrel_is_heard_of_first_and_late() {
    for (first, second) in [(0, 2), (2, 0)] {
        let mut world = quarrel_told_by(first, second);
        for at in [0, 2] {
            let part = "recovery words decide";
            refused(&mut world, at, "send club/general hi", part);
        }
        // Nobody is a newcomer any more, and ben knows nothing of the quarrel but one side.
        let mut world = household_of(KEEPS_WORDS);
        world.pass(3_600_000);
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            world.disconnect(a, b);
        }
        let (laptop, phone) = (device(&world, 0), device(&world, 2));
        world.ok(0, &format!("device revoke {phone}"));
        world.ok(2, &format!("device revoke {laptop}"));
        world.connect(1, first);
        world.pass(5_000);
        world.connect(1, second);
        world.pass(60_000);
        for at in [0, 2] {
            let part = "recovery words decide";
            refused(&mut world, at, "send club/general hi", part);
        }
    }
}

#[test]
fn words_that_end_the_other_devices_end_them_for_good() {
    let mut world = quarrel();
    let words = world.peers[0].records[&b"\x04"[..]].clone();
    let words = String::from_utf8(words.to_vec()).expect("words");
    let tablet = restore(&mut world, &words, 1, OtherDevices::Revoke);
    world.pass(60_000);
    world.ok(tablet, "create-channel club text safe");
    world.ok(tablet, "send club/safe \"all mine\"");
    world.pass(5_000);
    assert_eq!(world.texts(1, "club/safe"), ["all mine"]);
    for at in [0, 2] {
        refused(&mut world, at, "send club/general hi", "was revoked");
    }
}

#[test]
fn a_conversation_comes_to_all_devices_and_none_of_them_is_blamed_for_it() {
    let mut world = household();
    let channel = world.word(0, "dm ben", "channel");
    world.ok(0, &format!("send {channel} \"hello ben\""));
    world.pass(10_000);
    world.ok(1, "dm accept ana");
    let tablet = link(&mut world, 2);
    for (a, b) in [(0, tablet), (1, tablet)] {
        world.connect(a, b);
    }
    world.pass(30_000);
    world.ok(1, &format!("send {channel} \"hello ana\""));
    world.pass(30_000);
    for at in 0..4 {
        let texts = world.texts(at, &channel);
        assert_eq!(texts, ["hello ben", "hello ana"], "at {at}");
        assert_eq!(world.peers[at].faults, [""; 0], "at {at}");
    }
}

#[test]
fn a_group_is_brought_by_whoever_is_left_of_the_devices_that_made_it() {
    let mut world = household();
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.ok(0, "dm ben");
    let channel = world.word(0, "group create trip ben", "channel");
    world.ok(0, &format!("send {channel} \"who comes\""));
    world.pass(30_000);
    let laptop = device(&world, 0);
    world.ok(2, &format!("device revoke {laptop}"));
    world.pass(30_000);
    world.connect(1, 2);
    world.pass(30_000);
    world.ok(1, "dm accept ana");
    world.pass(30_000);
    assert_eq!(world.texts(1, &channel), ["who comes"]);
    assert_eq!(world.peers[1].faults, [""; 0]);
}

#[test]
fn whoever_found_a_revoked_device_draws_its_owners_friends_into_nothing() {
    let mut world = household();
    world.ok(0, "send @ben \"hi\"");
    world.ok(1, "send @ana \"ho\"");
    world.pass(10_000);
    world.disconnect(0, 2);
    world.disconnect(1, 2);
    let phone = device(&world, 2);
    world.ok(0, &format!("device revoke {phone}"));
    world.pass(10_000);
    world.disconnect(0, 1);
    // It has not heard of that, shows a log without its end, and signs the addition itself.
    let channel = world.word(2, "group create heist ben", "channel");
    world.ok(2, &format!("send {channel} \"come in\""));
    world.connect(1, 2);
    world.pass(10_000);
    let shown = world.snapshot(1);
    let group = shown.directs.iter().find(|one| one.name == "heist");
    assert!(group.is_none(), "he is asked first");
    assert_eq!(shown.dm_requests.len(), 1);
    assert!(shown.dm_requests[0].group.is_some());
}

#[test]
fn a_restored_backup_of_a_linked_device_goes_on_as_another_log() {
    let mut world = household();
    let backup = world.peers[2].records.clone();
    world.ok(2, "send club/general one");
    world.pass(3_000);
    world.peers[2].records = backup;
    world.restart(2, 9);
    world.connect(0, 2);
    world.connect(1, 2);
    world.pass(5_000);
    world.ok(2, "send club/general two");
    world.pass(5_000);
    for at in 0..3 {
        let texts = world.texts(at, "club/general");
        assert_eq!(
            texts,
            ["from the laptop", "from ben", "one", "two"],
            "at {at}"
        );
    }
}

#[test]
fn the_recovery_words_are_checked_and_replaced() {
    let (mut world, _) = World::club(&[KEEPS_WORDS, "ben"]);
    let words = |reply| match reply {
        Reply::Recovery { recovery_words } => recovery_words.join(" "),
        other => panic!("{other:?}"),
    };
    let old = words(world.ok(0, "recovery show"));
    world.ok(0, &format!("recovery check \"{}\"", old.to_uppercase()));
    let abandon = ["abandon"; 11].join(" ");
    for (given, code, part) in [
        (
            format!("{abandon} about"),
            ErrorCode::NotPermitted,
            "not those",
        ),
        (abandon.clone(), ErrorCode::Parse, "11 recovery words"),
        (format!("{abandon} hunter2"), ErrorCode::Parse, "word 12"),
    ] {
        let line = format!("recovery check \"{given}\"");
        let error = world.line(0, &line).unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(part), "{}", error.message);
        assert!(!error.message.contains("hunter2"));
    }
    let new = words(world.ok(0, "recovery replace"));
    assert_ne!(new, old);
    assert_eq!(
        words(world.ok(0, "recovery show")),
        new,
        "kept until confirmed"
    );
    world.restart(0, 1);
    world.ok(0, &format!("recovery check \"{new}\""));
    let error = world
        .line(0, &format!("recovery check \"{old}\""))
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::NotPermitted);
    let records = world.peers[0].records.clone();
    world
        .line(0, &format!("recovery check \"{old}\""))
        .unwrap_err();
    assert_eq!(
        world.peers[0].records, records,
        "nothing is kept of a drill"
    );
}

#[test]
fn a_closed_account_leaves_every_community_and_ends_all_its_devices() {
    let mut world = household();
    let error = world.line(0, "account close anna").unwrap_err();
    assert_eq!(error.code, ErrorCode::NotPermitted);
    assert!(error.message.contains("\"anna\""), "{}", error.message);
    world.ok(2, "account close ana");
    world.pass(15_000);
    for at in [0, 2] {
        refused(&mut world, at, "create-community next", "was closed");
    }
    let Reply::Members { members, .. } = world.ok(1, "members club") else {
        panic!("a list of members");
    };
    assert_eq!(members.len(), 1, "ben alone");
    assert_eq!(
        world.texts(1, "club/general").len(),
        2,
        "what was written stays"
    );
}

#[test]
fn the_words_open_an_account_again_that_somebody_closed() {
    let mut world = household_of(KEEPS_WORDS);
    world.ok(1, "send @keeper \"are you well?\"");
    world.pass(5_000);
    let words = world.peers[0].records[&b"\x04"[..]].clone();
    let words = String::from_utf8(words.to_vec()).expect("words");
    // Whoever has the phone has the account, and can end it; the words are not on it.
    world.ok(2, &format!("account close {KEEPS_WORDS}"));
    world.pass(15_000);
    for at in [0, 2] {
        refused(&mut world, at, "create-community next", "was closed");
    }
    let tablet = restore(&mut world, &words, 1, OtherDevices::Revoke);
    world.pass(60_000);
    let account = world.peers[tablet].node.account();
    assert_eq!(account, world.peers[0].node.account());
    world.ok(tablet, "create-community next");
    assert_eq!(world.texts(tablet, "@ben"), ["are you well?"]);
    // It has left its communities, as whoever closed it had it do, and comes in again as anybody may.
    let Reply::Members { members, .. } = world.ok(1, "members club") else {
        panic!("a list of members");
    };
    assert_eq!(members.len(), 1, "ben alone");
}
