//! The snapshot: what it shows, and that a change costs what changed.

use std::sync::Arc;

use alloquy_api::command::{Availability, Window, WindowAt};
use alloquy_api::reply::{AuditKind, OverwriteTarget, OverwriteView};
use alloquy_api::snapshot::{CommunitySnapshot, WindowSnapshot};
use alloquy_api::{Command, Reply};
use alloquy_ids::{ChannelId, EventId, RoleId};

use crate::world::World;

fn club(world: &mut World, at: usize) -> Arc<CommunitySnapshot> {
    world.community(at).1
}

fn general(world: &mut World, at: usize) -> ChannelId {
    let club = club(world, at);
    let general = club.channels.iter().find(|of| of.name == "general");
    general.expect("a channel").channel
}

fn say(world: &mut World, at: usize, text: &str) -> EventId {
    let line = format!("send club/general \"{text}\"");
    world.word(at, &line, "message").parse().expect("an id")
}

fn watch(world: &mut World, at: usize, thread: Option<EventId>, place: WindowAt, limit: u32) {
    let window = Window {
        channel: general(world, at),
        thread,
        at: place,
        limit,
    };
    world
        .submit(at, Command::Watch { window })
        .expect("there is room");
}

fn window(world: &mut World, at: usize) -> Arc<WindowSnapshot> {
    let snapshot = world.snapshot(at);
    Arc::clone(snapshot.windows.values().next().expect("one window"))
}

fn texts(window: &WindowSnapshot) -> Vec<&str> {
    window
        .messages
        .iter()
        .map(|message| message.text.as_str())
        .collect()
}

#[test]
fn a_message_costs_its_channel_and_its_window_alone() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "create-channel club text other");
    world.pass(1_000);
    watch(&mut world, 0, None, WindowAt::End, 10);
    say(&mut world, 0, "first");
    world.pass(2_000);
    let (before, shown) = (club(&mut world, 0), window(&mut world, 0));
    say(&mut world, 1, "second");
    world.settle();
    let (after, now) = (club(&mut world, 0), window(&mut world, 0));
    assert_eq!(texts(&now), ["first", "second"]);
    assert!(Arc::ptr_eq(&before.members, &after.members));
    assert!(Arc::ptr_eq(&before.roles, &after.roles));
    assert!(Arc::ptr_eq(&shown.messages[0], &now.messages[0]));
    let unread: Vec<_> = after
        .channels
        .iter()
        .map(|of| (of.name.as_str(), of.unread))
        .collect();
    assert_eq!(unread, [("general", 1), ("other", 0)]);

    // What changes nothing for a person makes no other snapshot.
    let quiet = world.snapshot(0);
    world.input(0, alloquy_core::Input::Timeout);
    assert!(Arc::ptr_eq(&quiet, &world.snapshot(0)));
}

#[test]
fn a_peer_that_renames_itself_without_end_does_not_cost_a_list_each_time() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.pass(1_000);
    let mut lists = vec![Arc::clone(&club(&mut world, 0).members)];
    for n in 0..100 {
        world.ok(1, &format!("profile name \"ben {n}\""));
        world.ok(1, &format!("profile status \"{n}\""));
        world.pass(10);
        let list = Arc::clone(&club(&mut world, 0).members);
        if lists.last().is_none_or(|last| !Arc::ptr_eq(last, &list)) {
            lists.push(list);
        }
    }
    assert!(lists.len() <= 7, "{} lists in a second", lists.len());
    assert!(lists.len() >= 3, "{} lists in a second", lists.len());
    world.pass(20_000);
    let club = club(&mut world, 0);
    let ben = club.members.iter().find(|member| !member.owner).unwrap();
    assert_eq!(
        (ben.name.as_str(), ben.status.as_deref()),
        ("ben 99", Some("99"))
    );
}

#[test]
fn what_waits_to_be_shown_is_shown_without_another_input() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.pass(1_000);
    let ben = |world: &mut World| {
        let club = club(world, 0);
        let ben = club.members.iter().find(|member| !member.owner).unwrap();
        (ben.availability, ben.name.clone())
    };
    world.ok(1, "profile idle");
    assert_eq!(
        ben(&mut world).0,
        Some(Availability::Idle),
        "the first at once"
    );
    world.ok(1, "profile dnd");
    assert_eq!(
        ben(&mut world).0,
        Some(Availability::Idle),
        "the second with what else comes"
    );
    let due = world.peers[0].node.poll_timeout().unwrap();
    assert!(due <= world.now.mono.plus(250), "a deadline is set");
    world.pass(250);
    assert_eq!(ben(&mut world).0, Some(Availability::Dnd));
}

#[test]
fn a_window_stands_at_the_end_or_around_a_message() {
    let (mut world, _) = World::club(&["ana"]);
    let ids: Vec<_> = (0..50)
        .map(|n| say(&mut world, 0, &n.to_string()))
        .collect();
    let mut shown = |place, limit| {
        watch(&mut world, 0, None, place, limit);
        let window = window(&mut world, 0);
        let first = texts(&window).first().map(|text| (*text).to_owned());
        let last = texts(&window).last().map(|text| (*text).to_owned());
        let ends = (first.unwrap_or_default(), last.unwrap_or_default());
        (ends, window.messages.len(), window.at_start, window.at_end)
    };
    let ends = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(
        shown(WindowAt::End, 10),
        (ends("40", "49"), 10, false, true)
    );
    assert_eq!(
        shown(WindowAt::Around(ids[20]), 10),
        (ends("15", "24"), 10, false, false)
    );
    assert_eq!(
        shown(WindowAt::Around(ids[2]), 10),
        (ends("0", "6"), 7, true, false)
    );
    assert_eq!(
        shown(WindowAt::Around(ids[49]), 10),
        (ends("44", "49"), 6, false, true)
    );
    assert_eq!(
        shown(WindowAt::Around(ids[45]), 10),
        (ends("40", "49"), 10, false, true)
    );
    assert_eq!(shown(WindowAt::End, 100), (ends("0", "49"), 50, true, true));
    let unknown = WindowAt::Around(EventId([7; 32]));
    assert_eq!(shown(unknown, 10), (ends("40", "49"), 10, false, true));

    // One that stands elsewhere does not follow what arrives; one at the end does.
    let mut following = |place| {
        watch(&mut world, 0, None, place, 10);
        say(&mut world, 0, "new");
        texts(&window(&mut world, 0)).contains(&"new")
    };
    assert!(!following(WindowAt::Around(ids[20])));
    assert!(following(WindowAt::End));
}

#[test]
fn a_thread_has_a_window_of_its_own_and_its_root_says_how_long_it_is() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let root = say(&mut world, 0, "root");
    world.pass(1_000);
    watch(&mut world, 0, None, WindowAt::End, 10);
    watch(&mut world, 0, Some(root), WindowAt::End, 2);
    for n in 0..3 {
        world.ok(1, &format!("thread {root} \"reply {n}\""));
    }
    world.pass(1_000);
    let thread = Arc::clone(&world.snapshot(0).threads[&root]);
    assert_eq!(texts(&thread), ["reply 1", "reply 2"]);
    assert_eq!((thread.at_start, thread.at_end), (false, true));
    let window = window(&mut world, 0);
    let shown = window
        .messages
        .iter()
        .find(|message| message.id == root)
        .unwrap();
    let replies = shown.replies.as_ref().unwrap();
    assert_eq!((replies.count, replies.last), (3, thread.messages[1].time));
    // What is said in a thread is not said in the channel.
    assert_eq!(texts(&window), ["root"]);
    assert_eq!((window.at_start, window.at_end), (true, true));
    // Read up to the thread's newest is read up to the root, as the channel shows it.
    world.ok(0, "mark-read club/general");
    assert_eq!(self::window(&mut world, 0).read, Some(root));
    // A deleted message of the thread leaves no mark in the channel.
    let last = thread.messages[1].id;
    world.ok(1, &format!("delete {last}"));
    world.pass(1_000);
    assert_eq!(texts(&self::window(&mut world, 0)), ["root"]);

    let channel = general(&mut world, 0);
    let unwatch = |thread| Command::Unwatch { channel, thread };
    world.submit(0, unwatch(Some(root))).unwrap();
    assert!(world.snapshot(0).threads.is_empty());
    assert_eq!(world.snapshot(0).windows.len(), 1);
    world.submit(0, unwatch(None)).unwrap();
    assert!(world.snapshot(0).windows.is_empty());
}

#[test]
fn everyone_is_called_by_those_alone_who_may() {
    let (mut world, _) = World::club(&["ana", "ben", "cleo"]);
    let called = |world: &mut World, at: usize| {
        world.pass(1_000);
        let general = &club(world, at).channels[0];
        let last = world.history(at, "club/general").pop().unwrap();
        (general.mentions, last.mentions_me)
    };
    say(&mut world, 1, "@everyone: free coins");
    assert_eq!(called(&mut world, 0), (0, false));
    assert_eq!(called(&mut world, 2), (0, false));
    say(&mut world, 0, "@everyone: cake");
    assert_eq!(called(&mut world, 1), (1, true));
    // From the right on, and not before it.
    world.ok(0, "role create club callers --rank 5 --allow mention-all");
    world.ok(0, "role grant club callers ben");
    world.pass(1_000);
    assert_eq!(called(&mut world, 2), (1, true));
    say(&mut world, 1, "@everyone: my turn");
    assert_eq!(called(&mut world, 2), (2, true));
    assert_eq!(called(&mut world, 0), (1, true));
    let first = &world.history(0, "club/general")[0];
    assert!(!first.mentions_me, "{}", first.text);
    // Nor does an edit call, after the right has gone.
    let held = say(&mut world, 1, "hello");
    world.ok(0, "role revoke club callers ben");
    world.pass(1_000);
    world.ok(1, &format!("edit {held} \"@everyone: more coins\""));
    assert_eq!(called(&mut world, 0), (1, false));
    let last = world.history(0, "club/general").pop().unwrap();
    assert_eq!(last.text, "@everyone: more coins");
}

#[test]
fn in_a_group_anybody_calls_everybody() {
    let (mut world, _) = World::club(&["ana", "ben", "cleo"]);
    world.ok(0, "group create Trip ben cleo");
    world.pass(3_000);
    for at in [1, 2] {
        world.ok(at, "dm accept ana");
    }
    world.pass(3_000);
    world.ok(1, "send Trip/chat \"@everyone: when?\"");
    world.pass(3_000);
    let last = world.history(0, "Trip/chat").pop().unwrap();
    assert!(last.mentions_me, "{}", last.text);
}

#[test]
fn messages_quote_what_they_answer_and_say_whom_they_name() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let first = say(&mut world, 0, "who brings cake?\\nI do not");
    world.pass(1_000);
    world.ok(1, &format!("reply {first} \"@ana does\""));
    world.pass(1_000);
    let history = world.history(0, "club/general");
    assert_eq!(
        (history[0].mentions_me, history[0].quote.clone()),
        (false, None)
    );
    assert!(history[1].mentions_me);
    let quote = history[1].quote.clone().unwrap();
    assert_eq!(
        (quote.author, quote.text.as_str()),
        (history[0].author, "who brings cake?")
    );
    assert!(!world.history(1, "club/general")[1].mentions_me);
    let general = &club(&mut world, 0).channels[0];
    assert_eq!((general.unread, general.mentions), (1, 1));
    world.ok(0, "mark-read club/general");
    let general = &club(&mut world, 0).channels[0];
    assert_eq!((general.unread, general.mentions), (0, 0));

    world.ok(0, &format!("delete {first}"));
    world.pass(1_000);
    let quote = world.history(1, "club/general")[1].quote.clone().unwrap();
    assert_eq!(quote.text, "", "a deleted message is not quoted");
}

#[test]
fn pins_are_listed_in_the_order_of_the_channel() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let ids: Vec<_> = (0..4).map(|n| say(&mut world, 0, &n.to_string())).collect();
    for at in [3, 0, 2] {
        world.ok(0, &format!("pin {}", ids[at]));
    }
    world.ok(0, &format!("unpin {}", ids[2]));
    world.pass(1_000);
    for at in [0, 1] {
        let Reply::Pins { pins } = world.ok(at, "pins club/general") else {
            panic!("pins")
        };
        let pinned: Vec<_> = pins.iter().map(|pin| (pin.id, pin.pinned)).collect();
        assert_eq!(pinned, [(ids[0], true), (ids[3], true)]);
    }
    let unknown = world.line(0, "pins club/nowhere").unwrap_err();
    assert!(unknown.message.contains("nowhere"));
}

#[test]
fn own_messages_that_nobody_else_holds_are_counted() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let first = say(&mut world, 0, "held");
    world.pass(3_000);
    assert_eq!(world.snapshot(0).waiting, 0);
    world.disconnect(0, 1);
    for n in 0..3 {
        say(&mut world, 0, &n.to_string());
    }
    world.ok(0, &format!("react {first} 👍"));
    assert_eq!(world.snapshot(0).waiting, 3, "messages, not reactions");
    world.restart(0, 1);
    assert_eq!(world.snapshot(0).waiting, 3);
    world.connect(0, 1);
    world.pass(3_000);
    assert_eq!(world.snapshot(0).waiting, 0);
}

#[test]
fn members_and_channels_say_what_one_may_do() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "role create club Helpers --rank 5 --allow mention-all");
    world.ok(0, "role create club Chiefs --rank 50 --allow kick");
    world.ok(0, "role grant club Helpers ben");
    world.ok(0, "role grant club Chiefs ben");
    world.ok(0, "overwrite club/general member ben --deny react");
    world.pass(1_000);
    let club = club(&mut world, 1);
    let ben = club
        .members
        .iter()
        .find(|member| member.name == "ben")
        .unwrap();
    assert_eq!(ben.roles, ["Chiefs", "Helpers"], "strongest first");
    assert_eq!(ben.rank, 50);
    let ana = club
        .members
        .iter()
        .find(|member| member.name == "ana")
        .unwrap();
    assert!(ana.owner && ana.rank > 1_000_000);
    let rights = &club.channels[0].rights;
    assert!(rights.iter().any(|right| right == "mention-all"));
    assert!(!rights.iter().any(|right| right == "react"));
    assert!(club.rights.iter().any(|right| right == "react"));
}

#[test]
fn typing_is_shown_and_lapses_by_itself() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    watch(&mut world, 0, None, WindowAt::End, 10);
    world.ok(1, "typing club/general");
    world.settle();
    let ben = world.peers[1].node.account();
    assert_eq!(window(&mut world, 0).typing, [ben]);
    world.pass(4_000);
    assert_eq!(window(&mut world, 0).typing, [ben]);
    world.pass(4_100);
    assert!(window(&mut world, 0).typing.is_empty());
}

#[test]
fn where_nobody_else_ever_was_all_is_here() {
    let (mut world, _) = World::club(&["ana"]);
    let complete = |world: &mut World, at: usize, channel: &str| {
        let reply = world.ok(at, &format!("history {channel}"));
        matches!(reply, Reply::History { complete: true, .. })
    };
    assert!(complete(&mut world, 0, "club/general"));
    world.ok(0, "send @me note");
    assert!(complete(&mut world, 0, "@me"));
    world.restart(0, 1);
    assert!(complete(&mut world, 0, "club/general"));
    // An older copy of the store knows nothing of what was written after it.
    world.ok(0, "send club/general kept");
    world.restart(0, 2);
    assert!(!complete(&mut world, 0, "club/general"));
    // Who was here once may have written what has not come: also after it was removed.
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "ban club ben");
    world.settle();
    world.disconnect(0, 1);
    assert!(!complete(&mut world, 0, "club/general"));
    world.restart(0, 1);
    assert!(!complete(&mut world, 0, "club/general"));
}

#[test]
fn a_window_says_whether_all_is_here_as_peers_come_and_go() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    // Nothing else about ben changes with the connection.
    world.ok(1, "profile invisible");
    watch(&mut world, 0, None, WindowAt::End, 10);
    world.pass(12_000);
    assert!(window(&mut world, 0).complete);
    world.disconnect(0, 1);
    assert!(!window(&mut world, 0).complete);
    world.connect(0, 1);
    world.pass(12_000);
    assert!(window(&mut world, 0).complete);
}

#[test]
fn an_icon_is_shared_until_it_changes() {
    let (mut world, _) = World::club(&["ana"]);
    // A PNG of one pixel, as its header says.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    world.ok(0, &format!("icon club {png}"));
    let icon = club(&mut world, 0).icon.clone().unwrap();
    assert!(icon.starts_with(b"\x89PNG"));
    world.ok(0, "topic club \"about\"");
    assert!(Arc::ptr_eq(
        &icon,
        club(&mut world, 0).icon.as_ref().unwrap()
    ));
    world.ok(0, "icon club none");
    assert_eq!(club(&mut world, 0).icon, None);
}

/// What `#general` decides beside the roles.
fn overwrites(club: &CommunitySnapshot) -> &[OverwriteView] {
    let general = club.channels.iter().find(|of| of.name == "general");
    &general.expect("a channel").overwrites
}

#[test]
fn what_is_in_force_against_and_for_whom_is_shown_to_everybody() {
    let (mut world, _) = World::club(&["ana", "ben", "cem", "dan"]);
    world.ok(0, "timeout club dan 10m");
    world.ok(0, "ban club cem \"spam\"");
    world.ok(0, "overwrite club/general member dan --deny react");
    world.ok(0, "overwrite club/general role everyone --deny attach");
    world.pass(3_000);
    let wall = world.now.wall;
    let shown = club(&mut world, 1);
    let dan = shown.members.iter().find(|one| one.name == "dan");
    let (ana, dan) = (shown.members[0].account, dan.expect("dan").account);
    let [ban] = shown.bans.as_slice() else {
        panic!("{:?}", shown.bans);
    };
    assert_eq!((ban.name.as_str(), ban.by, ban.until), ("cem", ana, None));
    assert_eq!(ban.reason.as_deref(), Some("spam"));
    let [timeout] = shown.timeouts.as_slice() else {
        panic!("{:?}", shown.timeouts);
    };
    assert_eq!((timeout.account, timeout.reason.as_deref()), (dan, None));
    assert!(timeout.until.expect("it ends") > wall);
    let denied: Vec<_> = overwrites(&shown)
        .iter()
        .map(|set| (set.target, set.deny.join(" ")))
        .collect();
    let everyone = OverwriteTarget::Role(RoleId::ZERO);
    assert_eq!(
        denied,
        [
            (everyone, "attach".to_owned()),
            (OverwriteTarget::Member(dan), "react".to_owned())
        ]
    );
    let Reply::Audit { operations } = world.ok(1, "audit club") else {
        panic!("audit")
    };
    let about: Vec<_> = operations
        .iter()
        .map(|one| (one.kind, one.subject))
        .collect();
    let said = |words: &str| operations.iter().any(|one| one.what == words);
    assert!(said("made the channel general"), "{operations:?}");
    let cem = ban.account;
    for expected in [
        (AuditKind::Removals, Some(cem)),
        (AuditKind::Roles, Some(dan)),
        (AuditKind::Roles, None),
    ] {
        assert!(about.contains(&expected), "{expected:?} in {about:?}");
    }
    world.ok(0, "unban club cem");
    world.ok(0, "timeout club dan 1ms");
    world.ok(0, "overwrite club/general member dan");
    world.ok(0, "overwrite club/general role everyone");
    world.pass(3_000);
    let shown = club(&mut world, 1);
    assert!(shown.bans.is_empty(), "{:?}", shown.bans);
    assert!(overwrites(&shown).is_empty());
    let over = shown
        .timeouts
        .iter()
        .all(|one| one.until <= Some(world.now.wall));
    assert!(over, "{:?}", shown.timeouts);
}
