//! What follows the account from one of its devices to another, and to nobody else.

use alloquy_api::command::DRAFT_PREFIX;
use alloquy_core::found;
use alloquy_schema::codec::{Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::draft::{Signer, sign};
use alloquy_schema::identity::{IdentityLog, IdentityOp, NetworkCertificate, accept_device};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::world::{World, apply};

/// The record of the account.
const ACCOUNT: &[u8] = &[2];
/// Bytes that stand nowhere else.
const CANARY: &str = "canary-7f3a9c";

/// The records of two devices of one account, made before either has started.
fn two_devices(world: &World, name: &str) -> [std::collections::BTreeMap<Bytes, Bytes>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(4_242);
    let founded = found(name, world.now, &mut rng).expect("a short name");
    let mut first = std::collections::BTreeMap::new();
    apply(&mut first, &founded.writes);
    let account = first[ACCOUNT].clone();
    let mut r = Reader::new(&account);
    let id: [u8; 32] = r.array("account").expect("a record");
    let seed: [u8; 32] = r.array("device").expect("a record");
    let network: [u8; 32] = r.array("network").expect("a record");
    let chain: Vec<SignedEvent> = r.list(32, "chain").expect("a record");
    let rest = account[account.len() - r.remaining()..].to_vec();
    let device = DeviceKey::from_seed(&[21; 32]);
    let network_seed = [22; 32];
    let log = IdentityLog::verify(&chain).expect("a genesis");
    let op = IdentityOp::DeviceAdd {
        device: device.id(),
        network: NetworkCertificate::sign(&network_seed, device.id()),
        accepted: accept_device(founded.account, &device),
    };
    let signer = Signer {
        device: &DeviceKey::from_seed(&seed),
        incarnation: 7,
        wall: world.now.wall,
    };
    let added = sign(&log, &op, signer).expect("room for one more");
    let chain = vec![chain[0].clone(), added];
    let record = |seed: [u8; 32], network: [u8; 32], prekeys_and_rest: &[u8]| {
        let mut w = Writer::new();
        w.raw(&id);
        w.raw(&seed);
        w.raw(&network);
        w.list(&chain);
        w.raw(prekeys_and_rest);
        Bytes::from(w.into_bytes())
    };
    let mut other_rest = rest.clone();
    // One prekey of counter 1: another secret.
    other_rest[2..34].copy_from_slice(&[23; 32]);
    let mut second = first.clone();
    first.insert(Bytes::from_static(ACCOUNT), record(seed, network, &rest));
    second.insert(
        Bytes::from_static(ACCOUNT),
        record([21; 32], network_seed, &other_rest),
    );
    [first, second]
}

/// Ana's two devices (0 and 1) and ben (2), who shares a club with the first; 0 and 1 are connected.
fn ana_twice() -> World {
    let mut world = World::new(&[]);
    for records in two_devices(&world, "ana") {
        world.add_records(records);
    }
    world.found("ben");
    world.connect(0, 1);
    world.pass(10_000);
    world
}

fn kept(world: &mut World, at: usize, name: &str) -> Option<String> {
    let snapshot = world.snapshot(at);
    snapshot.kept.get(name).map(ToString::to_string)
}

fn keep(world: &mut World, at: usize, name: &str, value: &str) {
    let command = alloquy_api::Command::Keep {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    world.submit(at, command).expect("it is kept");
}

#[test]
fn drafts_settings_and_rules_follow_and_the_rest_stays() {
    let mut world = ana_twice();
    let draft = format!("{DRAFT_PREFIX}place");
    keep(&mut world, 0, &draft, "half a thought");
    keep(&mut world, 0, "settings/theme", "dark");
    keep(&mut world, 0, "notify/club", "mentions");
    keep(&mut world, 0, "window/size", "800x600");
    world.pass(10_000);
    assert_eq!(
        kept(&mut world, 1, &draft).as_deref(),
        Some("half a thought")
    );
    assert_eq!(
        kept(&mut world, 1, "settings/theme").as_deref(),
        Some("dark")
    );
    assert_eq!(
        kept(&mut world, 1, "notify/club").as_deref(),
        Some("mentions")
    );
    assert_eq!(kept(&mut world, 1, "window/size"), None);
    keep(&mut world, 1, &draft, "a whole one");
    world.pass(10_000);
    assert_eq!(kept(&mut world, 0, &draft).as_deref(), Some("a whole one"));
    keep(&mut world, 1, &draft, "");
    world.pass(10_000);
    assert_eq!(kept(&mut world, 0, &draft), None);
    world.restart(0, 1);
    assert_eq!(
        kept(&mut world, 0, "settings/theme").as_deref(),
        Some("dark")
    );
    assert_eq!(kept(&mut world, 0, &draft), None);
}

#[test]
fn what_was_kept_right_before_an_end_follows_after_the_next_start() {
    let mut world = ana_twice();
    keep(&mut world, 0, "draft/place", "unsent");
    world.restart(0, 1);
    world.connect(0, 1);
    world.pass(15_000);
    assert_eq!(
        kept(&mut world, 1, "draft/place").as_deref(),
        Some("unsent")
    );
    // Both change while they are apart: both end with one of the two.
    world.disconnect(0, 1);
    keep(&mut world, 0, "draft/place", "one");
    keep(&mut world, 1, "draft/place", "other");
    world.pass(10_000);
    world.connect(0, 1);
    world.pass(15_000);
    let both = [0, 1].map(|at| kept(&mut world, at, "draft/place"));
    assert_eq!(both[0], both[1]);
    assert!(both[0].is_some());
}

#[test]
fn drafts_are_written_at_most_every_five_seconds() {
    let mut world = ana_twice();
    world.pass(20_000);
    let before = world.peers[0].records.len();
    for number in 0..100 {
        keep(&mut world, 0, "draft/place", &format!("letter {number}"));
        world.pass(200);
    }
    world.pass(6_000);
    let written = world.peers[0].records.len() - before;
    assert!(written <= 8, "{written} records within 26 s");
    assert_eq!(
        kept(&mut world, 1, "draft/place").as_deref(),
        Some("letter 99")
    );
}

/// Messages of ben that are unread at a device of ana.
fn unread(world: &mut World, at: usize) -> u32 {
    let snapshot = world.snapshot(at);
    let mut directs = snapshot.directs.iter();
    let ben = directs.find(|direct| direct.name == "ben");
    ben.map_or(0, |direct| direct.unread)
}

#[test]
fn a_read_marker_follows_also_when_it_is_there_before_the_message() {
    let mut world = ana_twice();
    world.ok(0, "send @me note");
    world.pass(5_000);
    assert_eq!(world.texts(1, "@me"), ["note"]);
    let notes = world.snapshot(1).directs[0].unread;
    assert_eq!(notes, 0, "what the account wrote itself is read");
    let link = world.word(2, "contact link", "contact");
    world.ok(0, &format!("contact add {link}"));
    world.connect(0, 2);
    world.pass(10_000);
    world.ok(1, "dm ben");
    world.connect(1, 2);
    world.pass(10_000);
    world.ok(2, "send @ana one");
    world.pass(10_000);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 1)], [1, 1]);
    world.ok(0, "mark-read @ben");
    world.pass(10_000);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 1)], [0, 0]);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.ok(2, "send @ana two");
    world.pass(5_000);
    world.ok(0, "mark-read @ben");
    world.pass(5_000);
    world.connect(0, 1);
    world.pass(20_000);
    assert_eq!(world.texts(1, "@ben"), ["one", "two"]);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 1)], [0, 0]);
    world.restart(1, 1);
    assert_eq!(unread(&mut world, 1), 0);
}

#[test]
fn blocks_and_contacts_follow() {
    let mut world = ana_twice();
    let link = world.word(2, "contact link", "contact");
    world.ok(0, &format!("contact add {link}"));
    world.pass(10_000);
    let names = |world: &mut World, at: usize| -> Vec<(String, bool)> {
        let snapshot = world.snapshot(at);
        let contacts = snapshot.contacts.iter();
        contacts
            .map(|contact| (contact.name.clone(), contact.blocked))
            .collect()
    };
    assert_eq!(names(&mut world, 1), [("ben".to_owned(), false)]);
    world.ok(1, "block ben");
    world.pass(10_000);
    assert_eq!(names(&mut world, 0), [("ben".to_owned(), true)]);
    world.ok(0, "unblock ben");
    world.pass(10_000);
    assert_eq!(names(&mut world, 1), [("ben".to_owned(), false)]);
}

#[test]
fn nothing_of_it_reaches_another_account() {
    let mut world = ana_twice();
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let invite = world.word(0, "invite club", "invite");
    world.connect(0, 2);
    world.connect(1, 2);
    world.ok(2, &format!("join {invite}"));
    world.wire.clear();
    keep(&mut world, 0, "draft/place", CANARY);
    keep(&mut world, 1, "settings/theme", CANARY);
    world.pass(60_000);
    assert_eq!(kept(&mut world, 1, "draft/place").as_deref(), Some(CANARY));
    let needle = CANARY.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
    assert!(!world.wire.iter().any(|frame| holds(frame)), "the wire");
    let ben = &world.peers[2];
    assert!(
        !ben.records.values().any(|value| holds(value)),
        "ben's store"
    );
    let own = alloquy_schema::authority::direct::id(
        world.peers[0].node.account(),
        world.peers[0].node.account(),
    );
    let of_own = |key: &Bytes| key.windows(32).any(|part| part == own.as_bytes());
    assert!(
        !ben.records.keys().any(of_own),
        "nothing of that conversation"
    );
    assert!(world.peers[0].records.keys().any(of_own));
}
