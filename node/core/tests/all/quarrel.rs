//! Quarrels among moderators: everybody comes to the same end and is told the same reason; lost work can be repeated.

use alloquy_api::reply::AuditView;
use alloquy_api::{ErrorCode, Reply};
use alloquy_ids::{AccountId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, OwnersProposal};
use alloquy_schema::event::Kind;

use crate::forger::Forger;
use crate::world::World;

/// Ana, who owns the club, mo of rank 50, ola of rank 60, and ben. Mo and ola do not hear of each other.
fn parted() -> World {
    let (mut world, _) = World::club(&["ana", "mo", "ola", "ben"]);
    world.ok(
        0,
        "role create club order --rank 50 --allow kick,ban,manage-messages",
    );
    world.ok(
        0,
        "role create club elder --rank 60 --allow manage-roles,kick,ban",
    );
    world.ok(0, "role create club helper --rank 55 --allow none");
    world.ok(0, "role grant club order mo");
    world.ok(0, "role grant club elder ola");
    world.pass(2_000);
    for at in 1..4 {
        world.disconnect(0, at);
    }
    world
}

fn merge(world: &mut World) {
    for at in 1..4 {
        world.connect(0, at);
    }
    world.pass(12_000);
}

fn why_event(world: &mut World, at: usize, event: &str) -> (bool, Vec<String>, Vec<String>) {
    let Reply::WhyEvent {
        stands,
        because,
        operations,
    } = world.ok(at, &format!("why-event {event}"))
    else {
        panic!("why")
    };
    let operations = operations.iter().map(ToString::to_string).collect();
    (stands, because, operations)
}

fn lost(world: &mut World, at: usize) -> Vec<AuditView> {
    let Reply::Lost { lost } = world.ok(at, "lost club") else {
        panic!("lost")
    };
    let club = world.community(at).1;
    assert_eq!(*club.lost, lost);
    lost
}

#[test]
fn a_ban_against_a_promotion_ends_alike_everywhere_with_one_reason() {
    let mut world = parted();
    let ban = world.word(1, "ban club ben", "operation");
    let grant = world.word(2, "role grant club helper ben", "operation");
    merge(&mut world);
    let first = why_event(&mut world, 0, &ban);
    assert!(!first.0);
    assert!(first.2.contains(&grant), "the promotion decided: {first:?}");
    for at in 0..4 {
        assert_eq!(why_event(&mut world, at, &ban), first, "node {at}");
        let Reply::Members { members } = world.ok(at, "members club") else {
            panic!("members")
        };
        assert_eq!(members.len(), 4, "node {at}");
        let Reply::Why { granted, .. } = world.ok(at, "why club ben send") else {
            panic!("why")
        };
        assert!(granted, "node {at}");
    }
    world.ok(3, "send club/general \"I am here\"");
    let promotion = why_event(&mut world, 3, &grant);
    assert!(promotion.0, "{promotion:?}");

    // Mo may not repeat it while ben is stronger; when he is not, it is offered, once.
    assert!(lost(&mut world, 1).is_empty());
    world.ok(2, "role revoke club helper ben");
    world.pass(1_000);
    let offered = lost(&mut world, 1);
    assert_eq!(offered.len(), 1);
    assert_eq!(offered[0].operation.to_string(), ban);
    assert!(lost(&mut world, 0).is_empty(), "it is mo's");
    world.ok(1, &format!("reaffirm club {ban}"));
    world.pass(2_000);
    assert!(lost(&mut world, 1).is_empty());
    let Reply::Members { members } = world.ok(0, "members club") else {
        panic!("members")
    };
    assert_eq!(members.len(), 3);
}

#[test]
fn a_hidden_message_names_what_hid_it() {
    let mut world = parted();
    merge(&mut world);
    let deleted = world.word(3, "send club/general one", "message");
    let purged = world.word(3, "send club/general two", "message");
    world.pass(1_000);
    world.ok(1, &format!("delete {deleted}"));
    let purge = world.word(0, &format!("purge club {purged}"), "operation");
    world.pass(1_000);
    let (stands, because, _) = why_event(&mut world, 2, &deleted);
    assert!(!stands);
    assert_eq!(because, ["mo deleted it"]);
    let (stands, because, operations) = why_event(&mut world, 2, &purged);
    assert!(!stands);
    assert!(because[0].contains("ana: purged 1 messages"), "{because:?}");
    assert_eq!(operations, [purge]);

    // Written without knowing of the removal, and not built on by anybody.
    for at in 1..4 {
        world.disconnect(0, at);
    }
    let late = world.word(3, "send club/general late", "message");
    let kick = world.word(0, "kick club ben", "operation");
    world.connect(0, 1);
    world.pass(1_000);
    world.connect(1, 3);
    world.pass(15_000);
    if let Ok(Reply::WhyEvent {
        stands, operations, ..
    }) = world.line(1, &format!("why-event {late}"))
    {
        assert!(!stands);
        assert_eq!(operations[0].to_string(), kick);
    }
    let nothing = "a".repeat(52);
    let unknown = world.line(0, &format!("why-event {nothing}")).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownName);
    assert!(unknown.message.contains(&nothing));
}

#[test]
fn what_a_moderator_hid_who_had_lost_the_right_is_back_everywhere() {
    let mut world = parted();
    merge(&mut world);
    for n in 0..5 {
        world.ok(3, &format!("send club/general \"ben {n}\""));
    }
    world.pass(2_000);
    let whole = world.texts(0, "club/general");
    assert_eq!(whole.len(), 5);
    for at in 1..4 {
        world.disconnect(0, at);
    }
    world.connect(1, 2);
    world.connect(1, 3);
    world.pass(3_000);
    world.ok(0, "role revoke club order mo");
    world.ok(1, "undo club ben 1h");
    world.ok(1, "ban club ben \"enough\"");
    world.pass(2_000);
    for at in 1..3 {
        assert!(world.texts(at, "club/general").is_empty(), "node {at}");
    }
    // Bodies that others deleted are kept for a week, and asked for where they are not.
    merge(&mut world);
    for at in 0..4 {
        assert_eq!(world.texts(at, "club/general"), whole, "node {at}");
        let Reply::Members { members } = world.ok(at, "members club") else {
            panic!("members")
        };
        assert_eq!(members.len(), 4, "node {at}");
    }
    let Reply::Audit { operations } = world.ok(2, "audit club --last 1000") else {
        panic!("audit")
    };
    let ban = operations
        .iter()
        .find(|one| one.what == "banned ben")
        .unwrap();
    assert!(!ban.effective && ban.because.is_some());
    let undone = operations
        .iter()
        .find(|one| one.what.starts_with("deleted 5"))
        .unwrap();
    assert!(!undone.effective, "{undone:?}");
    world.ok(3, "send club/general \"I was never gone\"");
}

#[test]
fn open_votes_are_listed_until_they_suffice() {
    let mut world = parted();
    merge(&mut world);
    let votes = |world: &mut World, at: usize| {
        let Reply::Votes { proposals } = world.ok(at, "votes club") else {
            panic!("votes")
        };
        proposals
    };
    let enacted = |reply: Reply| matches!(reply, Reply::Vote { enacted: true, .. });
    assert!(
        enacted(world.ok(0, "owner add club mo")),
        "the founder alone"
    );
    world.pass(1_000);
    assert!(enacted(world.ok(0, "owner add club ola")), "3 of 5 votes");
    world.pass(1_000);
    assert!(votes(&mut world, 1).is_empty());
    assert!(!enacted(world.ok(1, "owner add club ben")), "2 of 7 votes");
    world.pass(1_000);
    let open = votes(&mut world, 2);
    let account = |world: &World, at: usize| world.peers[at].node.account();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].add, [account(&world, 3)]);
    assert!(open[0].remove.is_empty());
    assert_eq!(open[0].voters, [account(&world, 1)]);
    assert_eq!((open[0].votes, open[0].needed), (2, 4));
    assert_eq!(*world.community(2).1.proposals, open);
    assert!(world.community(3).1.proposals.is_empty());
    assert!(enacted(world.ok(2, "owner add club ben")), "4 of 7 votes");
    world.pass(1_000);
    for at in 0..4 {
        assert!(votes(&mut world, at).is_empty(), "node {at}");
    }
}

#[test]
fn only_what_owners_propose_is_listed_and_no_more_than_is_read() {
    let (mut world, id) = World::club(&["ana", "mo", "ben"]);
    world.ok(0, "owner add club mo");
    world.pass(1_000);
    let certificate = Forger::of(&world.peers[0], id);
    let replaces = certificate.last(Kind::Authority).header.id();
    // Ben is no owner, mo is one.
    for (who, expected) in [(2, 0), (1, 16)] {
        world.ok(who, "invite club");
        world.pass(1_000);
        let forger = Forger::of(&world.peers[who], id);
        let mut last = forger.last(Kind::Authority).clone();
        for n in 0..40 {
            let proposal = OwnersProposal {
                community: id,
                replaces,
                owners: vec![AccountId([n; 32])],
            };
            let op = AuthorityOp::OwnersVote {
                signature: proposal.sign(&forger.key),
                proposal,
            };
            last = forger.next_op(&last, UnixMs(world.now.wall.0), &op);
            let event = last.clone().verify().expect("its form is right");
            world.arrive(who, 0, forger.ranges(id.into(), &[event]));
        }
        world.pass(1_000);
        let Reply::Votes { proposals } = world.ok(0, "votes club") else {
            panic!("votes")
        };
        assert_eq!(proposals.len(), expected, "node {who}");
    }
}
