//! Removals and the epochs that follow them: what was written after a removal was applied opens with nothing that the
//! removed one holds, whoever announces, crashes, omits somebody or wraps two secrets (docs/protocol.md, "Who is given
//! a key, and which one is used").

use alloquy_api::Reply;
use alloquy_ids::{CommunityId, EpochId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::epoch::{self, EpochKey, Wrap};
use alloquy_schema::event::Kind;
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::attack::{Records, is_shut_out};
use crate::devices::link;
use crate::forger::Forger;
use crate::home::{kept_club, no_faults};
use crate::survive::accept;
use crate::world::{Packet, Tamper, World};

/// Type of the records that hold keys of epochs, and the tag of a frame that brings keys.
const EPOCH: u8 = 0x11;
const KEYS_FRAME: u8 = 10;
/// Milliseconds of a day.
const DAY: u64 = 24 * 3_600_000;
/// How long a writer waits for the key of an epoch before it announces one beside it.
const KEY_PATIENCE_MS: u64 = 5_000;

/// Ana, ben and cem, each connected with both others.
fn three() -> (World, CommunityId) {
    let (mut world, id) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.pass(3_000);
    (world, id)
}

fn say(world: &mut World, at: usize, text: &str) {
    world.ok(at, &format!("send club/general \"{text}\""));
}

fn members(world: &mut World, at: usize) -> usize {
    let Reply::Members { members } = world.ok(at, "members club") else {
        panic!("members")
    };
    members.len()
}

/// Keys of a community's epochs in a store.
fn keys(world: &World, at: usize, id: CommunityId) -> Records {
    let prefix = [&[EPOCH][..], id.as_bytes()].concat();
    let records = world.peers[at].records.iter();
    let keys = records.filter(|(key, _)| key.starts_with(&prefix));
    keys.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// All of these nodes show these messages, each once, and none that waits for its key.
fn all_read(world: &mut World, nodes: &[usize], texts: &[&str]) {
    for at in nodes {
        let shown = world.history(*at, "club/general");
        assert!(!shown.iter().any(|message| message.waiting), "node {at}");
        let shown: Vec<_> = shown.into_iter().map(|message| message.text).collect();
        assert_eq!(shown, texts, "node {at}");
    }
}

#[test]
fn nothing_that_is_written_after_a_removal_opens_with_the_keys_of_whoever_is_out() {
    for (at, end) in [(0, "kick club cem"), (0, "ban club cem"), (2, "leave club")] {
        let (mut world, _) = three();
        world.ok(0, "create-channel club text secret --private");
        for name in ["ben", "cem"] {
            world.ok(
                0,
                &format!("overwrite club/secret member {name} --allow view,read-history,send"),
            );
        }
        let first = world.word(0, "send club/general \"open to cem\"", "message");
        world.pass(3_000);
        world.ok(1, "send club/secret \"cem is in this too\"");
        world.pass(3_000);
        assert_eq!(world.texts(2, "club/secret"), ["cem is in this too"]);
        let copied = world.peers[2].records.clone();
        world.ok(at, end);
        world.settle();
        assert_eq!(members(&mut world, 0), 2, "{end}");
        say(&mut world, 0, "of ana at once");
        world.ok(0, &format!("edit {first} \"what it says now\""));
        world.ok(0, "topic club/general \"later topic\"");
        world.ok(0, "send club/secret \"in the secret channel\"");
        world.pass(3_000);
        say(&mut world, 1, "of ben later");
        world.ok(1, "send club/secret \"ben in secret\"");
        world.pass(20_000);
        all_read(
            &mut world,
            &[0, 1],
            &["what it says now", "of ana at once", "of ben later"],
        );
        let before = ["open to cem", "cem is in this too"];
        let after = [
            "of ana at once",
            "what it says now",
            "later topic",
            "in the secret channel",
            "of ben later",
            "ben in secret",
        ];
        let stores = [&copied, &world.peers[2].records];
        is_shut_out(&world, &stores, 1, (&before, &after));
    }
}

#[test]
fn who_may_not_view_a_channel_any_more_opens_nothing_later_of_it_and_all_else() {
    let (mut world, _) = three();
    world.ok(0, "create-channel club text secret --private");
    for name in ["ben", "cem"] {
        world.ok(
            0,
            &format!("overwrite club/secret member {name} --allow view,read-history,send"),
        );
    }
    world.ok(0, "send club/secret \"cem is in this\"");
    world.pass(3_000);
    let copied = world.peers[2].records.clone();
    world.ok(0, "overwrite club/secret member cem");
    world.ok(0, "send club/secret \"cem is not\"");
    world.pass(3_000);
    world.ok(1, "send club/secret \"ben neither tells\"");
    say(&mut world, 1, "all may read this");
    world.pass(20_000);
    all_read(&mut world, &[0, 1, 2], &["all may read this"]);
    let stores = [&copied, &world.peers[2].records];
    let before = ["cem is in this", "all may read this"];
    let after = ["cem is not", "ben neither tells"];
    is_shut_out(&world, &stores, 1, (&before, &after));
}

#[test]
fn an_epoch_that_was_announced_beside_a_removal_is_used_by_nobody_who_knows_of_both() {
    let (mut world, id) = three();
    say(&mut world, 0, "open to cem");
    world.pass(3_000);
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    // So old an epoch is replaced by the next writer: ana does it by her removal, and ben, who has not heard of that,
    // for cem too.
    world.now.mono = world.now.mono.plus(8 * DAY);
    world.now.wall.0 += 8 * DAY;
    let held = keys(&world, 2, id).len();
    say(&mut world, 1, "ben knows nothing of it");
    world.pass(3_000);
    assert_eq!(keys(&world, 2, id).len(), held + 1, "cem is given ben's");
    world.ok(0, "kick club cem");
    let copied = world.peers[2].records.clone();
    world.connect(0, 1);
    world.pass(10_000);
    for at in [1, 0, 1] {
        say(&mut world, at, &format!("of {at} who knows of both"));
        world.pass(3_000);
    }
    world.pass(20_000);
    all_read(
        &mut world,
        &[0, 1],
        &[
            "open to cem",
            "ben knows nothing of it",
            "of 1 who knows of both",
            "of 0 who knows of both",
            "of 1 who knows of both",
        ],
    );
    let stores = [&copied, &world.peers[2].records];
    let before = ["open to cem", "ben knows nothing of it"];
    let after = ["of 0 who knows of both", "of 1 who knows of both"];
    is_shut_out(&world, &stores, 1, (&before, &after));
}

#[test]
fn a_newcomer_that_was_let_in_again_and_wrapped_for_again_is_shut_out_by_its_removal() {
    let mut world = World::new(&["ana", "ben", "dot", "cem"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    for at in 1..3 {
        let invite = world.word(0, "invite club", "invite");
        world.connect(0, at);
        world.ok(at, &format!("join {invite}"));
    }
    world.pass(3_000);
    // Ben, who has been removed and does not know, lets cem in; that falls with his removal.
    world.disconnect(0, 1);
    world.ok(0, "kick club ben");
    world.pass(3_000);
    let invite = world.word(1, "invite club", "invite");
    world.connect(1, 3);
    world.ok(3, &format!("join {invite}"));
    world.pass(3_000);
    world.disconnect(1, 3);
    let mut copied = vec![world.peers[3].records.clone()];
    world.connect(0, 3);
    world.pass(20_000);
    assert!(world.line(3, "history club/general").is_err(), "he is out");
    say(&mut world, 0, "while cem is out");
    // Dot lets him in again: he is given the keys once more, and a month later, for another prekey, once more again.
    let invite = world.word(2, "invite club", "invite");
    world.connect(2, 3);
    world.ok(3, &format!("join {invite}"));
    world.pass(5_000);
    copied.push(world.peers[3].records.clone());
    world.now.wall.0 += 31 * DAY;
    world.pass(3_600_000);
    world.ok(0, "rekey club");
    say(&mut world, 0, "a month later");
    world.pass(5_000);
    all_read(&mut world, &[2, 3], &["while cem is out", "a month later"]);
    copied.push(world.peers[3].records.clone());
    world.ok(0, "kick club cem");
    say(&mut world, 0, "without cem");
    world.pass(3_000);
    say(&mut world, 2, "of dot");
    world.pass(20_000);
    all_read(
        &mut world,
        &[0, 2],
        &["while cem is out", "a month later", "without cem", "of dot"],
    );
    // Ben helps him.
    let mut stores: Vec<_> = copied.iter().collect();
    stores.extend([&world.peers[3].records, &world.peers[1].records]);
    let before = ["while cem is out", "a month later"];
    is_shut_out(&world, &stores, 2, (&before, &["without cem", "of dot"]));
}

/// Ana removes cem on a slow disk and crashes when so many tasks were stored; she or ben, whoever is `first`, writes
/// while she is alone after that, and the other one when they meet. Whether the removal was stored and its epoch was
/// not; `None`: there were fewer tasks.
fn crashes_in_removing(stored: usize, first: usize) -> Option<bool> {
    let (mut world, id) = three();
    say(&mut world, 0, "open to cem");
    world.pass(3_000);
    let copied = world.peers[2].records.clone();
    let held = keys(&world, 0, id).len();
    world.peers[0].unwritten = Some(Vec::new());
    world.give(0, "kick club cem");
    let tasks = world.peers[0].unwritten.as_ref().map_or(0, Vec::len);
    if stored > tasks {
        return None;
    }
    // What is durable is public at once.
    for _ in 0..stored {
        world.written_next(0, true);
    }
    world.settle();
    world.restart(0, 1);
    let between = keys(&world, 0, id).len() == held;
    if members(&mut world, 0) == 3 {
        return Some(false);
    }
    assert_eq!(members(&mut world, 1), 2, "ben has heard of it");
    let second = 1 - first;
    say(&mut world, first, "without cem");
    world.connect(0, 1);
    world.connect(0, 2);
    world.pass(3_000);
    say(&mut world, second, "nor in this");
    world.pass(20_000);
    all_read(
        &mut world,
        &[0, 1],
        &["open to cem", "without cem", "nor in this"],
    );
    let stores = [&copied, &world.peers[2].records];
    let after = ["without cem", "nor in this"];
    is_shut_out(&world, &stores, 1, (&["open to cem"], &after));
    Some(between)
}

#[test]
fn a_remover_that_crashes_before_the_new_epoch_leaves_nothing_open_to_who_was_removed() {
    for first in [0, 1] {
        let cuts = (0..).map_while(|stored| crashes_in_removing(stored, first));
        let between = cuts.filter(|between| *between).count();
        assert!(between > 0, "no crash fell between removal and epoch");
    }
}

#[test]
fn what_is_written_after_a_revocation_opens_with_nothing_that_the_device_has_held() {
    let (mut world, _) = kept_club(&["ana", "ben", "home"]);
    let phone = link(&mut world, 0);
    world.connect(phone, 1);
    world.connect(phone, 2);
    world.ok(0, "send @ben \"between the two\"");
    world.pass(10_000);
    accept(&mut world, 1, "ana");
    say(&mut world, 1, "open to the phone");
    world.ok(0, "send @me \"a note on both\"");
    world.pass(30_000);
    assert_eq!(world.texts(phone, "@me"), ["a note on both"]);
    assert_eq!(world.texts(phone, "@ben"), ["between the two"]);
    let copied = world.peers[phone].records.clone();
    let device = world.peers[phone].node.device();
    world.ok(0, &format!("device revoke {device}"));
    world.pass(15_000);
    say(&mut world, 0, "of ana after");
    say(&mut world, 1, "of ben after");
    world.ok(0, "send @ben \"to ben alone\"");
    world.ok(0, "send @me \"a note on one\"");
    world.pass(5_000);
    world.ok(1, "send @ana \"to ana alone\"");
    world.pass(30_000);
    let stores = [&copied, &world.peers[phone].records];
    // The home node's disk is part of what is tried.
    let before = ["open to the phone", "between the two", "a note on both"];
    let after = [
        "of ana after",
        "of ben after",
        "to ben alone",
        "to ana alone",
        "a note on one",
    ];
    is_shut_out(&world, &stores, 0, (&before, &after));
    no_faults(&world);
}

/// The bytes of a packet that brings keys.
fn brings_keys(packet: &Packet) -> Option<&Bytes> {
    match packet {
        Packet::Frame(bytes) if bytes[1] == KEYS_FRAME => Some(bytes),
        _ => None,
    }
}

/// Ana gives cem no keys, not even when he asks.
fn omits_cem() -> Tamper {
    Box::new(|from, to, packet| {
        let omitted = (from, to) == (0, 2) && brings_keys(&packet).is_some();
        if omitted { Vec::new() } else { vec![packet] }
    })
}

#[test]
fn whom_an_announcer_omits_is_given_the_key_by_another_member() {
    let (mut world, id) = three();
    world.tamper = Some(omits_cem());
    let held = keys(&world, 0, id).len();
    world.ok(0, "rekey club");
    say(&mut world, 0, "under the new key");
    say(&mut world, 2, "under it too");
    world.pass(10_000);
    all_read(
        &mut world,
        &[0, 1, 2],
        &["under the new key", "under it too"],
    );
    assert_eq!(
        keys(&world, 0, id).len(),
        held + 1,
        "nobody announced another"
    );
    assert_eq!(keys(&world, 2, id), keys(&world, 0, id));
    no_faults(&world);
}

#[test]
fn whom_an_announcer_omits_while_nobody_else_is_there_writes_beside_it_and_nothing_is_lost() {
    let (mut world, _) = three();
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.tamper = Some(omits_cem());
    world.ok(0, "rekey club");
    say(&mut world, 0, "of ana");
    world.pass(15_000);
    let texts = |world: &mut World, at| {
        let mut texts = world.texts(at, "club/general");
        texts.sort();
        texts
    };
    assert_eq!(texts(&mut world, 2), [""; 0], "its key lacks");
    // Whoever may have the key is given its time; then cem goes on without.
    world.give(2, "send club/general \"of cem\"");
    world.pass(KEY_PATIENCE_MS - 500);
    assert_eq!(texts(&mut world, 2), [""; 0]);
    world.pass(3_000);
    assert_eq!(texts(&mut world, 2), ["of cem"]);
    assert_eq!(texts(&mut world, 0), ["of ana", "of cem"]);
    // Ben has heard of neither, and is given both keys: one of ana, the other by cem, whom he gives what ana did not.
    world.connect(0, 1);
    world.connect(1, 2);
    world.pass(20_000);
    say(&mut world, 1, "of ben");
    world.pass(5_000);
    let shown = world.texts(1, "club/general");
    assert_eq!(texts(&mut world, 1), ["of ana", "of ben", "of cem"]);
    let shown: Vec<_> = shown.iter().map(String::as_str).collect();
    all_read(&mut world, &[0, 1, 2], &shown);
    no_faults(&world);
}

/// A frame of keys that wraps another secret for the same recipients.
fn rewrapped(frame: &[u8], other: &EpochKey) -> Packet {
    let mut r = Reader::new(&frame[2..]);
    let community = CommunityId::read(&mut r).expect("a community");
    let epoch = EpochId::read(&mut r).expect("an epoch");
    let wraps: Vec<Wrap> = r.list(64, "wraps").expect("wraps");
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let again = |wrap: &Wrap| epoch::wrap(epoch, other, &wrap.to, &mut rng);
    let wraps: Vec<_> = wraps.iter().map(again).collect();
    let mut w = Writer::new();
    w.raw(&frame[..2]);
    community.write(&mut w);
    epoch.write(&mut w);
    w.list(&wraps);
    Packet::Frame(w.into_bytes().into())
}

#[test]
fn an_announcer_that_wraps_two_secrets_divides_nobody() {
    let (mut world, id) = three();
    let second = EpochKey::Link([9; 32]);
    let other = second.clone();
    // Ana's program wraps another secret for cem than the one that it has announced.
    world.tamper = Some(Box::new(move |from, to, packet| {
        let frame = brings_keys(&packet).filter(|_| (from, to) == (0, 2));
        let forged = frame.map(|frame| rewrapped(frame, &other));
        vec![forged.unwrap_or(packet)]
    }));
    world.ok(0, "rekey club");
    say(&mut world, 0, "under the first secret");
    world.pass(3_000);
    // And it seals a message under that one, for cem alone.
    let forger = Forger::of(&world.peers[0], id);
    let last = forger.last(Kind::Sealed).clone();
    let epoch = last.header.epoch;
    let forger = forger.with_key(epoch, second.clone());
    let next = forger.next(&last, "under the second secret");
    let scope = next.header.scope;
    let event = next.verify().expect("its form is right");
    for to in [1, 2] {
        world.arrive(0, to, forger.ranges(scope, std::slice::from_ref(&event)));
    }
    world.pass(3_000);
    for at in [2, 1, 0] {
        say(&mut world, at, &format!("of {at}"));
        world.pass(2_000);
    }
    world.pass(60_000);
    let honest = ["under the first secret", "of 2", "of 1", "of 0"];
    for at in 0..3 {
        let mut shown = world.history(at, "club/general");
        // Nobody can open it: everybody knows that something is there.
        assert_eq!(shown.iter().filter(|one| one.waiting).count(), 1, "{at}");
        shown.retain(|message| !message.waiting);
        let texts: Vec<_> = shown.into_iter().map(|message| message.text).collect();
        assert_eq!(texts, honest, "node {at}");
    }
    let held = keys(&world, 0, id);
    assert_eq!(keys(&world, 2, id), held, "one secret counts");
    assert!(!held.values().any(|key| **key == second.to_bytes()));
}

#[test]
fn an_announcement_whose_secret_nobody_is_given_costs_writers_a_moment_and_nothing_else() {
    let (mut world, id) = three();
    say(&mut world, 1, "before");
    world.ok(1, "invite club");
    world.pass(3_000);
    let forger = Forger::of(&world.peers[1], id);
    let op = AuthorityOp::AnnounceEpoch(EpochAnnouncement {
        channel: None,
        parents: vec![forger.last(Kind::Sealed).header.epoch],
        commit: [7; 32],
        links: Vec::new(),
    });
    let wall = UnixMs(world.now.wall.0);
    let event = forger.next_op(forger.last(Kind::Authority), wall, &op);
    let event = event.verify().expect("its form is right");
    for to in [0, 2] {
        world.arrive(
            1,
            to,
            forger.ranges(id.into(), std::slice::from_ref(&event)),
        );
    }
    world.pass(1_000);
    // It counts: what was written under is followed by it, and its key is waited for.
    let begun = world.now.mono.0;
    say(&mut world, 0, "of ana");
    let waited = world.now.mono.0 - begun;
    assert!((KEY_PATIENCE_MS..12_000).contains(&waited), "{waited} ms");
    world.pass(3_000);
    let begun = world.now.mono.0;
    for at in [2, 1, 0] {
        say(&mut world, at, &format!("of {at}"));
        world.pass(1_000);
    }
    assert!(
        world.now.mono.0 - begun < KEY_PATIENCE_MS,
        "nobody waits on"
    );
    world.pass(20_000);
    all_read(
        &mut world,
        &[0, 1, 2],
        &["before", "of ana", "of 2", "of 1", "of 0"],
    );
}
