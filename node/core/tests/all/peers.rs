//! Honest peers: join, talk, go away, come back, converge.

use alloquy_api::reply::DeliveryState;
use alloquy_api::{ErrorCode, Event, Reply};
use alloquy_core::StorageError;

use crate::world::World;

#[test]
fn two_nodes_join_by_link_and_talk_both_ways() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"hello ben\"");
    world.ok(1, "send club/general \"hello ana\"");
    world.pass(2_000);
    for node in [0, 1] {
        assert_eq!(
            world.texts(node, "club/general"),
            ["hello ben", "hello ana"]
        );
    }
    let sent = &world.history(0, "club/general")[0];
    assert_eq!(
        (sent.delivery.state, sent.delivery.holders),
        (DeliveryState::Delivered, 1)
    );
    let faults: Vec<_> = world
        .peers
        .iter()
        .flat_map(|peer| peer.faults.clone())
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn a_newcomers_name_is_known_with_its_membership() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let Reply::Members { members } = world.ok(0, "members club") else {
        panic!("members")
    };
    let names: Vec<_> = members
        .iter()
        .map(|member| (member.name.as_str(), member.online))
        .collect();
    assert_eq!(names, [("ana", true), ("ben", true)]);
    let added = world.peers[0].events.iter().find_map(|event| match event {
        Event::MemberAdded { name, .. } if name != "ana" => Some(name.clone()),
        _ => None,
    });
    assert_eq!(added.as_deref(), Some("ben"));
}

#[test]
fn what_was_written_while_a_reader_was_away_arrives_once_and_in_order() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    for n in 0..20 {
        world.ok(0, &format!("send club/general \"message {n}\""));
    }
    world.restart(1, 1);
    world.connect(0, 1);
    world.pass(5_000);
    let expected: Vec<_> = (0..20).map(|n| format!("message {n}")).collect();
    assert_eq!(world.texts(1, "club/general"), expected);
}

#[test]
fn a_partition_of_five_merges_to_one_history() {
    let names = ["ana", "ben", "cem", "dot", "eve"];
    let (mut world, _) = World::club(&names);
    for (a, b) in [(0, 1), (0, 2), (0, 3), (0, 4)] {
        world.disconnect(a, b);
    }
    world.connect(0, 1);
    world.connect(2, 3);
    world.connect(3, 4);
    for (node, name) in names.iter().enumerate() {
        world.ok(node, &format!("send club/general \"from {name}\""));
    }
    world.pass(12_000);
    assert_eq!(
        world.texts(2, "club/general").len(),
        3,
        "the second half has talked among itself"
    );
    world.connect(1, 2);
    world.pass(30_000);
    let first = world.history(0, "club/general");
    assert_eq!(first.len(), 5);
    for node in 1..5 {
        let ids: Vec<_> = world
            .history(node, "club/general")
            .into_iter()
            .map(|message| message.id)
            .collect();
        assert_eq!(
            ids,
            first.iter().map(|message| message.id).collect::<Vec<_>>(),
            "node {node}"
        );
    }
}

#[test]
fn edits_reactions_replies_threads_pins_and_deletions_reach_the_other_side() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let one = world.word(0, "send club/general \"one\"", "message");
    let two = world.word(0, "send club/general \"two\"", "message");
    world.pass(1_000);
    world.ok(0, &format!("edit {one} \"one, mended\""));
    world.ok(1, &format!("react {one} 👍"));
    world.ok(1, &format!("reply {one} \"so it is\""));
    world.ok(1, &format!("thread {one} \"aside\""));
    world.ok(0, &format!("pin {one}"));
    world.ok(0, &format!("delete {two}"));
    world.pass(2_000);
    for node in [0, 1] {
        let history = world.history(node, "club/general");
        let find = |id: &str| {
            history
                .iter()
                .find(|message| message.id.to_string() == id)
                .expect("is shown")
        };
        let first = find(&one);
        assert_eq!(
            (first.text.as_str(), first.edited, first.pinned),
            ("one, mended", true, true)
        );
        assert_eq!(first.reactions[0].emoji, "👍");
        assert!(find(&two).deleted);
        assert!(
            history
                .iter()
                .any(|message| message.reply_to.is_some_and(|id| id.to_string() == one))
        );
        assert!(
            history
                .iter()
                .any(|message| message.thread.is_some_and(|id| id.to_string() == one))
        );
    }
    // The deleted text is in no record of either store, and not even under its key.
    assert!(
        matches!(world.line(1, &format!("edit {one} \"not mine\"")), Err(error) if error.code == ErrorCode::NotPermitted)
    );
}

#[test]
fn a_removed_member_reads_nothing_that_is_written_afterwards() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(0, "send club/general \"before\"");
    world.pass(2_000);
    world.ok(0, "kick club ben \"enough\"");
    world.pass(2_000);
    world.ok(0, "send club/general \"after\"");
    world.pass(20_000);
    assert_eq!(world.texts(2, "club/general"), ["before", "after"]);
    let error = world
        .line(1, "history club/general")
        .expect_err("ben is out");
    assert_eq!(error.code, ErrorCode::NotMember);
    assert!(
        world.peers[1]
            .events
            .iter()
            .any(|event| matches!(event, Event::CommunityLeft { .. }))
    );
    let Reply::Members { members } = world.ok(2, "members club") else {
        panic!("members")
    };
    assert_eq!(members.len(), 2);
    // KICK lets the account join again.
    let invite = world.word(0, "invite club", "invite");
    world.ok(1, &format!("join {invite}"));
    world.pass(5_000);
    assert_eq!(
        world.texts(1, "club/general"),
        ["before", "after"],
        "under `all` everything can be read again"
    );
}

#[test]
fn a_private_channel_is_invisible_to_others() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(0, "create-channel club text secret --private");
    let ben = world.peers[1].node.account();
    world.ok(
        0,
        &format!("overwrite club/secret member {ben} --allow view,send"),
    );
    world.pass(3_000);
    world.ok(0, "send club/secret \"psst\"");
    world.pass(3_000);
    assert_eq!(world.texts(1, "club/secret"), ["psst"]);
    let error = world
        .line(2, "history club/secret")
        .expect_err("cem does not see it");
    assert_eq!(error.code, ErrorCode::UnknownName);
}

#[test]
fn invites_that_do_not_hold_are_refused_by_name() {
    let mut world = World::new(&["ana", "ben", "cem"]);
    world.ok(0, "create-community club");
    let once = world.word(0, "invite club --uses 1", "invite");
    let short = world.word(0, "invite club --expires 1s", "invite");
    let revoked = world.word(0, "invite club", "invite");
    let Reply::Invites { invites } = world.ok(0, "invites club") else {
        panic!("invites")
    };
    let id = invites
        .iter()
        .find(|invite| invite.uses.is_none() && invite.expires.is_none())
        .expect("is listed")
        .id;
    world.ok(0, &format!("revoke-invite club {id}"));
    world.connect(0, 1);
    world.connect(0, 2);
    world.pass(2_000);
    world.ok(1, &format!("join {once}"));
    for (link, code) in [
        (once, ErrorCode::InviteUsedUp),
        (short, ErrorCode::InviteExpired),
        (revoked, ErrorCode::InviteInvalid),
        ("alloquy://join/abc".to_owned(), ErrorCode::InviteInvalid),
    ] {
        let error = world.line(2, &format!("join {link}")).expect_err("refused");
        assert_eq!(error.code, code, "{}", error.message);
    }
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_sent_or_lost() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"kept\"");
    world.peers[0].disk = Some(StorageError::Full("no space left".to_owned()));
    let error = world
        .line(0, "send club/general \"refused\"")
        .expect_err("no space");
    assert_eq!(error.code, ErrorCode::Storage);
    world.ok(1, "send club/general \"heard\"");
    world.pass(3_000);
    world.peers[0].disk = None;
    world.pass(3_000);
    world.ok(0, "send club/general \"again\"");
    world.pass(3_000);
    for node in [0, 1] {
        assert_eq!(
            world.texts(node, "club/general"),
            ["kept", "heard", "again"],
            "node {node}"
        );
    }
    world.restart(0, 1);
    world.connect(0, 1);
    world.pass(12_000);
    assert_eq!(world.texts(0, "club/general"), ["kept", "heard", "again"]);
}

#[test]
fn two_starts_of_one_backup_fork_nothing_that_was_acknowledged() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let backup = world.peers[0].records.clone();
    world.ok(0, "send club/general \"after the backup\"");
    world.pass(2_000);
    // The backup is put back on the same machine: nothing tells it apart but what ben knows.
    world.peers[0].records = backup;
    world.restart(0, 1);
    world.connect(0, 1);
    world.pass(3_000);
    world.ok(0, "send club/general \"from the backup\"");
    world.pass(12_000);
    for node in [0, 1] {
        assert_eq!(
            world.texts(node, "club/general"),
            ["after the backup", "from the backup"],
            "node {node}"
        );
    }
    let Reply::Members { members } = world.ok(1, "members club") else {
        panic!("members")
    };
    assert!(members.iter().all(|member| !member.forked));
}

#[test]
fn unread_counts_follow_arrival_and_markers() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"one\"");
    world.ok(0, "send club/general \"two @ben\"");
    world.pass(2_000);
    let Reply::Unread { unread } = world.ok(1, "unread") else {
        panic!("unread")
    };
    assert_eq!((unread[0].unread, unread[0].mentions), (2, 1));
    world.ok(1, "mark-read club/general");
    let Reply::Unread { unread } = world.ok(1, "unread club") else {
        panic!("unread")
    };
    assert!(unread.is_empty());
    world.restart(1, 1);
    let Reply::Unread { unread } = world.ok(1, "unread club") else {
        panic!("unread")
    };
    assert!(unread.is_empty(), "the marker is kept");
}

#[test]
fn a_member_without_read_history_is_given_no_older_epoch() {
    let mut world = World::new(&["ana", "ben"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    world.ok(0, "role edit club everyone --allow view,send,react,invite");
    world.ok(0, "send club/general \"before the rekey\"");
    world.ok(0, "rekey club");
    world.ok(0, "send club/general \"after the rekey\"");
    let invite = world.word(0, "invite club", "invite");
    world.connect(0, 1);
    // The names of community and channel were written under the older epoch.
    world.ok(0, "rename club/general general");
    world.ok(0, "rename club club");
    world.ok(1, &format!("join {invite}"));
    world.pass(10_000);
    let texts = world.texts(1, "club/general");
    assert!(texts.contains(&"after the rekey".to_owned()), "{texts:?}");
    assert!(!texts.contains(&"before the rekey".to_owned()), "{texts:?}");
    // The right is given: what is older can be read now.
    world.ok(
        0,
        "role edit club everyone --allow view,read-history,send,react,invite",
    );
    world.pass(10_000);
    let texts = world.texts(1, "club/general");
    assert!(texts.contains(&"before the rekey".to_owned()), "{texts:?}");
}

#[test]
fn members_see_each_other_online_at_once_and_gone_after_a_goodbye() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    let online = |world: &mut World, at| {
        let Reply::Members { members } = world.ok(at, "members club") else {
            panic!("members")
        };
        members.iter().filter(|member| member.online).count()
    };
    assert_eq!((online(&mut world, 0), online(&mut world, 1)), (2, 2));
    world.input(1, alloquy_core::Input::Shutdown);
    world.settle();
    assert_eq!(online(&mut world, 0), 1);
}

#[test]
fn clocks_that_jump_by_ten_years_lose_nothing_and_change_no_order() {
    const TEN_YEARS_MS: u64 = 10 * 365 * 24 * 3600 * 1000;
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"today\"");
    world.pass(2_000);
    let today = world.now.wall;
    world.now.wall.0 += TEN_YEARS_MS;
    world.ok(1, "send club/general \"in ten years\"");
    world.pass(2_000);
    world.now.wall.0 = today.0 - TEN_YEARS_MS;
    world.ok(0, "send club/general \"ten years ago\"");
    world.pass(2_000);
    world.restart(1, 1);
    world.connect(0, 1);
    world.now.wall = today;
    world.ok(1, "send club/general \"today again\"");
    world.pass(12_000);
    let expected = ["today", "in ten years", "ten years ago", "today again"];
    for node in [0, 1] {
        assert_eq!(world.texts(node, "club/general"), expected, "node {node}");
        let shown = world.history(node, "club/general");
        let future = shown.iter().any(|message| message.time > world.now.wall);
        assert!(!future, "shown times are clamped to this node's clock");
    }
}

#[test]
fn a_removed_member_that_was_away_is_told_at_its_next_contact() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.disconnect(0, 1);
    world.ok(0, "send club/general \"without ben\"");
    world.ok(0, "ban club ben \"while away\"");
    world.ok(1, "send club/general \"still here?\"");
    world.pass(2_000);
    world.connect(0, 1);
    world.pass(30_000);
    let error = world
        .line(1, "send club/general \"more\"")
        .expect_err("ben is out");
    assert_eq!(error.code, ErrorCode::NotMember);
    assert_eq!(world.texts(0, "club/general"), ["without ben"]);
}

#[test]
fn confirmations_for_logs_that_never_were_keep_no_node_from_starting() {
    let (mut world, id) = World::club(&["ana", "ben"]);
    world.ok(0, "send club/general \"one\"");
    world.pass(2_000);
    for incarnation in 0..2_000_u32 {
        // Wire version, tag of an ack, community, scope, incarnation, height, opened.
        let mut frame = [&[1, 11], id.as_bytes().as_slice(), id.as_bytes().as_slice()].concat();
        frame.extend(incarnation.to_le_bytes());
        frame.extend([9, 1]);
        world.arrive(1, 0, crate::world::Packet::Frame(frame.into()));
    }
    world.ok(0, "send club/general \"two\"");
    world.pass(2_000);
    let largest = world.peers[0].records.values().map(bytes::Bytes::len).max();
    assert!(
        largest.is_some_and(|bytes| bytes < 16 * 1024),
        "{largest:?} bytes in one record"
    );
    world.restart(0, 1);
    assert_eq!(world.texts(0, "club/general"), ["one", "two"]);
}
