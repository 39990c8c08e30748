//! What follows the account from one of its devices to another, and to nobody else.

use alloquy_api::command::DRAFT_PREFIX;
use bytes::Bytes;

use crate::devices::link;
use crate::world::World;

/// Bytes that stand nowhere else.
const CANARY: &str = "canary-7f3a9c";

/// Ana's laptop (0), ben (1) and ana's phone (2); ana's devices are connected.
fn ana_twice() -> World {
    let mut world = World::new(&["ana", "ben"]);
    assert_eq!(link(&mut world, 0), 2);
    world
}

fn kept(world: &mut World, at: usize, name: &str) -> Option<String> {
    let snapshot = world.snapshot(at);
    snapshot.kept.get(name).map(ToString::to_string)
}

pub(crate) fn keep(world: &mut World, at: usize, name: &str, value: &str) {
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
        kept(&mut world, 2, &draft).as_deref(),
        Some("half a thought")
    );
    assert_eq!(
        kept(&mut world, 2, "settings/theme").as_deref(),
        Some("dark")
    );
    assert_eq!(
        kept(&mut world, 2, "notify/club").as_deref(),
        Some("mentions")
    );
    assert_eq!(kept(&mut world, 2, "window/size"), None);
    keep(&mut world, 2, &draft, "a whole one");
    world.pass(10_000);
    assert_eq!(kept(&mut world, 0, &draft).as_deref(), Some("a whole one"));
    keep(&mut world, 2, &draft, "");
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
    world.connect(0, 2);
    world.pass(15_000);
    assert_eq!(
        kept(&mut world, 2, "draft/place").as_deref(),
        Some("unsent")
    );
    // Both change while they are apart: both end with one of the two.
    world.disconnect(0, 2);
    keep(&mut world, 0, "draft/place", "one");
    keep(&mut world, 2, "draft/place", "other");
    world.pass(10_000);
    world.connect(0, 2);
    world.pass(15_000);
    let both = [0, 2].map(|at| kept(&mut world, at, "draft/place"));
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
        kept(&mut world, 2, "draft/place").as_deref(),
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
    assert_eq!(world.texts(2, "@me"), ["note"]);
    let notes = world.snapshot(2).directs[0].unread;
    assert_eq!(notes, 0, "what the account wrote itself is read");
    let contact = world.word(1, "contact link", "contact");
    world.ok(0, &format!("contact add {contact}"));
    world.connect(0, 1);
    world.pass(10_000);
    world.ok(1, "dm accept ana");
    world.pass(20_000);
    world.connect(1, 2);
    world.pass(10_000);
    world.ok(1, "send @ana one");
    world.pass(10_000);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 2)], [1, 1]);
    world.ok(0, "mark-read @ben");
    world.pass(10_000);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 2)], [0, 0]);
    world.disconnect(0, 2);
    world.disconnect(1, 2);
    world.ok(1, "send @ana two");
    world.pass(5_000);
    world.ok(0, "mark-read @ben");
    world.pass(5_000);
    world.connect(0, 2);
    world.pass(20_000);
    assert_eq!(world.texts(2, "@ben"), ["one", "two"]);
    assert_eq!([unread(&mut world, 0), unread(&mut world, 2)], [0, 0]);
    world.restart(2, 1);
    assert_eq!(unread(&mut world, 2), 0);
}

#[test]
fn blocks_and_contacts_follow() {
    let mut world = ana_twice();
    let contact = world.word(1, "contact link", "contact");
    world.ok(0, &format!("contact add {contact}"));
    world.pass(10_000);
    let names = |world: &mut World, at: usize| -> Vec<(String, bool)> {
        let snapshot = world.snapshot(at);
        let contacts = snapshot.contacts.iter();
        contacts
            .map(|contact| (contact.name.clone(), contact.blocked))
            .collect()
    };
    assert_eq!(names(&mut world, 2), [("ben".to_owned(), false)]);
    world.ok(2, "block ben");
    world.pass(10_000);
    assert_eq!(names(&mut world, 0), [("ben".to_owned(), true)]);
    world.ok(0, "unblock ben");
    world.pass(10_000);
    assert_eq!(names(&mut world, 2), [("ben".to_owned(), false)]);
}

#[test]
fn nothing_of_it_reaches_another_account() {
    let mut world = ana_twice();
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let invite = world.word(0, "invite club", "invite");
    world.connect(0, 1);
    world.connect(1, 2);
    world.ok(1, &format!("join {invite}"));
    world.wire.clear();
    keep(&mut world, 0, "draft/place", CANARY);
    keep(&mut world, 2, "settings/theme", CANARY);
    world.pass(60_000);
    assert_eq!(kept(&mut world, 2, "draft/place").as_deref(), Some(CANARY));
    let needle = CANARY.as_bytes();
    let holds = |bytes: &[u8]| bytes.windows(needle.len()).any(|part| part == needle);
    assert!(!world.wire.iter().any(|frame| holds(frame)), "the wire");
    let ben = &world.peers[1];
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

#[test]
fn a_community_that_one_device_joins_is_joined_by_the_other() {
    let mut world = ana_twice();
    world.ok(1, "create-community club");
    world.ok(1, "create-channel club text general");
    world.ok(1, "send club/general welcome");
    let invite = world.word(1, "invite club", "invite");
    world.disconnect(0, 2);
    world.connect(0, 1);
    world.ok(0, &format!("join {invite}"));
    world.pass(10_000);
    world.disconnect(0, 1);
    world.connect(0, 2);
    world.pass(30_000);
    assert_eq!(world.texts(2, "club/general"), ["welcome"]);
    world.ok(2, "send club/general \"from the phone\"");
    world.pass(5_000);
    world.disconnect(0, 2);
    world.connect(1, 2);
    world.pass(10_000);
    assert_eq!(
        world.texts(1, "club/general"),
        ["welcome", "from the phone"]
    );
    world.ok(0, "leave club");
    world.connect(0, 1);
    world.connect(0, 2);
    world.pass(20_000);
    world
        .line(2, "send club/general more")
        .expect_err("the account has left");
}
