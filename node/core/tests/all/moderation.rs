//! What moderators are told, and by which names they reach people.

use alloquy_api::{ErrorCode, Reply};

use crate::world::World;

fn audit(world: &mut World) -> Vec<String> {
    let Reply::Audit { operations } = world.ok(0, "audit club") else {
        panic!("audit")
    };
    operations.into_iter().map(|one| one.what).collect()
}

fn why(world: &mut World, right: &str) -> (bool, String) {
    let Reply::Why {
        granted, because, ..
    } = world.ok(0, &format!("why club ben {right}"))
    else {
        panic!("why")
    };
    (granted, because.join("; "))
}

#[test]
fn a_time_out_is_explained_until_it_is_over() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    assert!(why(&mut world, "send").0);
    world.ok(0, "timeout club ben 10m \"calm down\"");
    let until = alloquy_ids::UnixMs(world.now.wall.0 + 600_000).utc();
    let (granted, because) = why(&mut world, "send");
    assert!(!granted);
    assert!(
        because.contains(&format!("timed out until {until} UTC")),
        "{because}"
    );
    assert!(why(&mut world, "invite").0, "it holds back nothing else");
    let what = audit(&mut world);
    assert!(
        what.contains(&format!("timed ben out until {until} UTC")),
        "{what:?}"
    );
    world.pass(601_000);
    assert!(why(&mut world, "send").0, "it is over");
}

#[test]
fn slow_mode_is_audited_in_seconds() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    for interval in ["5s", "1500ms", "0s"] {
        world.ok(0, &format!("slow-mode club/general {interval}"));
    }
    let what = audit(&mut world);
    let told: Vec<_> = what.iter().filter(|what| what.contains("slow")).collect();
    assert_eq!(
        told,
        [
            "set slow mode of general to 5 s",
            "set slow mode of general to 1.5 s",
            "ended slow mode of general"
        ]
    );
}

#[test]
fn whoever_left_is_banned_and_let_back_in_by_name() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(1, "leave club");
    world.pass(2_000);
    let error = world
        .line(0, "kick club ben")
        .expect_err("he is gone already");
    assert_eq!(error.message, "ben is not a member");
    let error = world.line(0, "unban club ben").expect_err("nobody is");
    assert_eq!(error.message, "ben is not banned");
    world.ok(0, "ban club ben \"and stay away\"");
    world.pass(2_000);
    world.ok(2, "history club/general");
    world.ok(0, "unban club ben");
    let error = world.line(0, "ban club nobody").expect_err("no such name");
    assert_eq!(error.code, ErrorCode::UnknownName);
}

#[test]
fn unread_counts_follow_edits_deletions_names_and_markers() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let send = |world: &mut World, text: &str| {
        let id = world.word(0, &format!("send club/general \"{text}\""), "message");
        world.pass(1_000);
        id
    };
    let counts = |world: &mut World| {
        let Reply::Unread { unread } = world.ok(1, "unread club") else {
            panic!("unread")
        };
        unread
            .first()
            .map_or((0, 0), |one| (one.unread, one.mentions))
    };
    let one = send(&mut world, "one");
    let two = send(&mut world, "two @ben");
    let three = send(&mut world, "three");
    assert_eq!(counts(&mut world), (3, 1));
    for (line, expected) in [
        (format!("react {one} 👍"), (3, 1)),
        (format!("edit {one} \"one, @ben\""), (3, 2)),
        (format!("edit {two} \"two\""), (3, 1)),
        (format!("delete {three}"), (2, 1)),
    ] {
        world.ok(0, &line);
        world.pass(1_000);
        assert_eq!(counts(&mut world), expected, "{line}");
    }
    world.ok(1, "profile name benno");
    assert_eq!(counts(&mut world), (2, 0), "nobody said @benno");
    world.ok(1, &format!("mark-read club/general {one}"));
    assert_eq!(counts(&mut world), (1, 0));
    world.ok(1, "mark-read club/general");
    assert_eq!(counts(&mut world), (0, 0));
    // Back to the first message: what came after it is unread again.
    world.ok(1, &format!("mark-read club/general {one}"));
    assert_eq!(counts(&mut world), (1, 0));
    send(&mut world, "four @benno");
    assert_eq!(counts(&mut world), (2, 1));
    world.restart(1, 1);
    assert_eq!(counts(&mut world), (2, 1));
}

#[test]
fn the_log_names_what_was_made_to_those_who_may_see_it_alone() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "create-channel club text cellar --private");
    world.ok(0, "overwrite club/cellar role everyone --deny send");
    world.ok(0, "create-channel club voice lounge");
    world.ok(0, "role create club Keeper --rank 3 --allow kick");
    world.settle();
    let what = audit(&mut world);
    for said in [
        "made the private channel cellar",
        "made the voice channel lounge",
        "made the role Keeper of rank 3: kick",
    ] {
        assert!(what.iter().any(|one| one == said), "{said}: {what:?}");
    }
    let Reply::Audit { operations } = world.ok(1, "audit club") else {
        panic!("audit")
    };
    let seen: Vec<_> = operations.into_iter().map(|one| one.what).collect();
    for said in [
        "made a private channel",
        "set for everyone in a channel that you may not view: allow nothing, deny send",
    ] {
        assert!(seen.iter().any(|one| one == said), "{said}: {seen:?}");
    }
    assert!(!seen.iter().any(|one| one.contains("cellar")), "{seen:?}");
    // Nor do they when it is gone.
    world.ok(0, "delete-channel club/cellar");
    world.settle();
    assert!(audit(&mut world).contains(&"deleted the channel cellar".to_owned()));
    let Reply::Audit { operations } = world.ok(1, "audit club") else {
        panic!("audit")
    };
    let seen: Vec<_> = operations.into_iter().map(|one| one.what).collect();
    assert!(seen.contains(&"deleted a channel".to_owned()));
    assert!(!seen.iter().any(|one| one.contains("cellar")), "{seen:?}");
}
