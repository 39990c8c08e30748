//! Moderation at scale: the invite tree, a branch removed, an hour undone.

use alloquy_api::reply::TreeView;
use alloquy_api::{ErrorCode, Event, Reply};

use crate::world::World;

const RAIDERS: usize = 30;

fn tree(world: &mut World, at: usize) -> Vec<TreeView> {
    let Reply::InviteTree { tree } = world.ok(at, "invite-tree club") else {
        panic!("a tree")
    };
    tree
}

fn members(world: &mut World, at: usize) -> Vec<String> {
    let Reply::Members { members } = world.ok(at, "members club") else {
        panic!("members")
    };
    let mut names: Vec<_> = members.into_iter().map(|member| member.name).collect();
    names.sort();
    names
}

/// Makes a role with these rights and gives it to somebody.
fn role(world: &mut World, name: &str, rank: u32, rights: &str, to: &str) {
    world.ok(
        0,
        &format!("role create club {name} --rank {rank} --allow {rights}"),
    );
    world.ok(0, &format!("role grant club {name} {to}"));
    world.pass(1_000);
}

fn join(world: &mut World, by: usize, at: usize, link: &str) {
    world.connect(by, at);
    world.ok(at, &format!("join {link}"));
    world.pass(500);
}

/// Ana, who owns the club, mo, who keeps order, ben and cem; cem sleeps. Then 30 come in by a link of ben's, the last
/// three by a link that the first of them made, and all write. The id of ben's invite.
fn raid() -> (World, String) {
    let raiders: Vec<_> = (0..RAIDERS).map(|n| format!("raider{n:02}")).collect();
    let names = ["ana", "mo", "ben", "cem"];
    let all: Vec<_> = names
        .into_iter()
        .chain(raiders.iter().map(String::as_str))
        .collect();
    let mut world = World::new(&all);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let link = world.word(0, "invite club", "invite");
    for at in 1..4 {
        join(&mut world, 0, at, &link);
    }
    world.connect(1, 2);
    role(&mut world, "order", 50, "kick,ban,manage-messages", "mo");
    let hello = world.word(2, "send club/general hello", "message");
    world.pass(1_000);
    world.disconnect(0, 3);
    world.pass(7_200_000);

    let leaked = world.word(2, "invite club", "invite");
    let invites = world.ok(2, "invites club");
    let Reply::Invites { invites } = invites else {
        panic!("invites")
    };
    let ben = world.peers[2].node.account();
    let invite = invites
        .iter()
        .find(|one| one.creator == ben)
        .expect("his invite")
        .id
        .to_string();
    let mut second = String::new();
    for at in 4..4 + RAIDERS {
        let link = if at < 31 { &leaked } else { &second };
        let by = if at < 31 { 2 } else { 4 };
        join(&mut world, by, at, &link.clone());
        world.ok(at, &format!("send club/general \"spam {at}\""));
        world.ok(at, &format!("react {hello} 💩"));
        world.pass(500);
        if at == 4 {
            second = world.word(4, "invite club", "invite");
        } else if at > 6 {
            world.disconnect(by, at);
        }
    }
    world.ok(2, "send club/general \"what is this?\"");
    world.pass(2_000);
    (world, invite)
}

/// What is shown of the channel: texts, and how many reactions hang on the first.
fn shown(world: &mut World, at: usize) -> (Vec<String>, usize) {
    let history = world.history(at, "club/general");
    let reactions = history[0].reactions.len();
    let texts = history.into_iter().map(|message| message.text).collect();
    (texts, reactions)
}

#[test]
fn a_raid_of_thirty_is_gone_within_five_seconds_and_from_sleepers_when_they_wake() {
    let (mut world, invite) = raid();
    assert_eq!(members(&mut world, 1).len(), 4 + RAIDERS);
    let (texts, reactions) = shown(&mut world, 2);
    assert_eq!((texts.len(), reactions), (2 + RAIDERS, 1));
    let tree = tree(&mut world, 1);
    let depths: Vec<_> = tree.iter().map(|one| one.depth).collect();
    let deep = depths.iter().filter(|depth| **depth == 3).count();
    assert_eq!(
        (tree.len(), depths[0], deep),
        (4 + RAIDERS, 0, 3),
        "{depths:?}"
    );

    let Reply::Branch {
        removed,
        kept,
        left,
        invite_revoked,
    } = world.ok(1, &format!("remove-branch club {invite} \"a raid\""))
    else {
        panic!("a branch")
    };
    assert_eq!((removed.len(), kept.len(), left), (RAIDERS, 0, 0));
    assert!(invite_revoked);
    let Reply::Undone { undone, left, .. } = world.ok(1, &format!("undo club {invite} 1h")) else {
        panic!("an hour")
    };
    assert_eq!((undone, left), (2 * RAIDERS as u32, 0));

    world.pass(5_000);
    let honest = (vec!["hello".to_owned(), "what is this?".to_owned()], 0);
    for at in 0..3 {
        assert_eq!(
            members(&mut world, at),
            ["ana", "ben", "cem", "mo"],
            "node {at}"
        );
        assert_eq!(shown(&mut world, at), honest, "node {at}");
    }
    for at in 4..7 {
        let left = |event: &Event| matches!(event, Event::CommunityLeft { .. });
        assert!(
            world.peers[at].events.iter().any(left),
            "raider {at} was told"
        );
    }

    // One that has not heard of it writes on and lets somebody in, and wakes the sleeper.
    world.ok(20, "send club/general \"and more spam\"");
    world.connect(3, 20);
    world.pass(2_000);
    world.connect(0, 3);
    world.pass(5_000);
    assert_eq!(members(&mut world, 3), ["ana", "ben", "cem", "mo"]);
    assert_eq!(shown(&mut world, 3), honest);

    let Reply::Audit { operations } = world.ok(0, "audit club --last 1000") else {
        panic!("audit")
    };
    let mo = world.peers[1].node.account();
    let kicks = operations.iter().filter(|one| {
        let why = one.reason.as_deref() == Some("a raid");
        one.author == mo && why && one.effective && one.what.starts_with("kicked raider")
    });
    assert_eq!(kicks.count(), RAIDERS);
    let undone = operations
        .iter()
        .any(|one| one.what == "deleted 60 messages, edits or reactions in general");
    assert!(undone, "the undoing stands in the log");
    // The way in is closed, and stays so.
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}

#[test]
fn who_may_not_be_removed_stays_with_those_below() {
    let (mut world, _) = World::club(&["ana", "mo", "ben", "cem", "dan", "eve"]);
    role(
        &mut world,
        "order",
        50,
        "kick,ban,invite,manage-messages",
        "mo",
    );
    role(&mut world, "elder", 60, "invite", "cem");
    // Ben brings in nobody yet; all came by ana. Dan and eve leave and come back by others.
    for (by, at) in [(2, 4), (3, 5)] {
        world.ok(at, "leave club");
        world.pass(1_000);
        let link = world.word(by, "invite club", "invite");
        join(&mut world, by, at, &link);
    }
    let names = |world: &World, accounts: &[alloquy_ids::AccountId]| -> Vec<usize> {
        let place = |account| {
            world
                .peers
                .iter()
                .position(|peer| peer.node.account() == account)
        };
        accounts
            .iter()
            .filter_map(|account| place(*account))
            .collect()
    };
    let Reply::Branch { removed, kept, .. } = world.ok(1, "remove-branch club ana --ban") else {
        panic!("a branch")
    };
    let (mut removed, kept) = (names(&world, &removed), names(&world, &kept));
    removed.sort_unstable();
    assert_eq!(
        (removed, kept),
        (vec![2, 4], vec![3]),
        "cem is stronger, and eve came by cem"
    );
    world.pass(3_000);
    assert_eq!(members(&mut world, 0), ["ana", "cem", "eve", "mo"]);
    let tree = tree(&mut world, 0);
    let gone: Vec<_> = tree
        .iter()
        .filter(|one| !one.member)
        .map(|one| one.name.clone())
        .collect();
    assert_eq!(gone, ["ben", "dan"]);

    let Reply::Branch { removed, .. } = world.ok(1, "remove-branch club ana") else {
        panic!("a branch")
    };
    assert!(removed.is_empty(), "nobody is left to remove");
    let refused = world.line(5, "remove-branch club cem").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(refused.message.contains("kick"), "{}", refused.message);
    let nobody = "a".repeat(52);
    let unknown = world
        .line(1, &format!("remove-branch club {nobody}"))
        .unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownName);
    assert!(unknown.message.contains(&nobody), "{}", unknown.message);
}

#[test]
fn an_hour_of_one_member_is_undone_and_nothing_else() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    let before = world.word(1, "send club/general \"long ago\"", "message");
    world.pass(7_200_000);
    world.ok(1, &format!("edit {before} \"changed just now\""));
    world.ok(1, "send club/general bad");
    let answered = world.word(2, "send club/general good", "message");
    world.ok(1, &format!("react {answered} 👎"));
    world.pass(2_000);
    let refused = world.line(2, "undo club ben 1h").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(
        refused.message.contains("manage-messages"),
        "{}",
        refused.message
    );
    let Reply::Undone {
        undone,
        left,
        deletions,
    } = world.ok(0, "undo club ben 1h")
    else {
        panic!("an hour")
    };
    assert_eq!((undone, left, deletions.len()), (3, 0, 1));
    world.pass(2_000);
    for at in 0..3 {
        assert_eq!(
            world.texts(at, "club/general"),
            ["long ago", "good"],
            "node {at}"
        );
        assert!(world.history(at, "club/general")[1].reactions.is_empty());
    }
    let Reply::Undone { undone: 0, .. } = world.ok(0, "undo club ben 1h") else {
        panic!("nothing is left")
    };
    // A member undoes its own without any right.
    let Reply::Undone { undone: 1, .. } = world.ok(2, "undo club cem 1h") else {
        panic!("its own")
    };
    world.pass(2_000);
    world.restart(0, 1);
    assert_eq!(world.texts(0, "club/general"), ["long ago"]);
}

#[test]
fn who_comes_back_keeps_what_it_wrote_before() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(1, "send club/general \"long ago\"");
    world.pass(1_000);
    world.ok(1, "leave club");
    world.pass(7_200_000);
    let link = world.word(0, "invite club", "invite");
    world.ok(1, &format!("join {link}"));
    world.pass(2_000);
    world.ok(1, "send club/general bad");
    world.pass(2_000);
    let Reply::Undone { undone: 1, .. } = world.ok(0, "undo club ben 1h") else {
        panic!("only the hour")
    };
    world.pass(2_000);
    assert_eq!(world.texts(0, "club/general"), ["long ago"]);
}

/// The id of the newest invite of a node's own, as it sees it.
fn own_invite(world: &mut World, at: usize) -> String {
    let Reply::Invites { invites } = world.ok(at, "invites club") else {
        panic!("invites")
    };
    let me = world.peers[at].node.account();
    let own = invites.iter().find(|one| one.creator == me);
    own.expect("an invite").id.to_string()
}

#[test]
fn what_is_undone_ends_at_the_caller_and_at_whoever_stands_as_high() {
    let names = ["ana", "ben", "mo", "pia", "dan", "eve", "fay", "gus"];
    let mut world = World::new(&names);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let link = world.word(0, "invite club", "invite");
    join(&mut world, 0, 1, &link);
    let leaked = world.word(1, "invite club", "invite");
    let invite = own_invite(&mut world, 1);
    for at in [2, 3, 6, 7] {
        join(&mut world, 1, at, &leaked);
        world.connect(0, at);
    }
    for (by, at) in [(2, 4), (3, 5)] {
        let link = world.word(by, "invite club", "invite");
        join(&mut world, by, at, &link);
        world.connect(0, at);
    }
    role(&mut world, "order", 50, "manage-messages", "mo");
    world.ok(0, "role grant club order pia");
    world.pass(1_000);
    for (at, name) in names.iter().enumerate().skip(2) {
        world.ok(at, &format!("send club/general {name}"));
    }
    world.pass(1_000);
    world.ok(7, "leave club");
    world.pass(2_000);
    let Reply::Undone { undone, .. } = world.ok(3, &format!("undo club {invite} 1h")) else {
        panic!("an hour")
    };
    world.pass(2_000);
    let mut texts = world.texts(0, "club/general");
    texts.sort();
    assert_eq!(texts, ["dan", "eve", "mo", "pia"]);
    assert_eq!(undone, 2);
}

#[test]
fn whoever_came_in_while_the_invite_was_withdrawn_is_below_it_all_the_same() {
    let mut world = World::new(&["ana", "ben", "raider"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let link = world.word(0, "invite club", "invite");
    join(&mut world, 0, 1, &link);
    let link = world.word(1, "invite club", "invite");
    let invite = own_invite(&mut world, 1);
    world.pass(1_000);
    world.disconnect(0, 1);
    join(&mut world, 1, 2, &link);
    world.ok(0, &format!("revoke-invite club {invite}"));
    world.connect(0, 1);
    world.pass(3_000);
    assert_eq!(members(&mut world, 0), ["ana", "ben"]);
    let raider = world.peers[2].node.account();
    let Reply::Branch { removed, .. } = world.ok(0, &format!("remove-branch club {invite} --ban"))
    else {
        panic!("a branch")
    };
    assert!(removed.contains(&raider), "{removed:?}");
    world.pass(1_000);
    // Which is refused for somebody who is not banned.
    world.ok(0, &format!("unban club {raider}"));
}
