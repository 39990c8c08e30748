//! The community's rules: words, links, newcomers, raids, and who is let in.

use alloquy_api::command::JoinRule;
use alloquy_api::{ErrorCode, Event, Reply};

use alloquy_ids::{CommunityId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::event::Kind;
use alloquy_schema::identity::{create, sign_prekey};
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::forger::Forger;
use crate::world::{Packet, World};

/// Text and reason of the last message as one node shows it.
fn last(world: &mut World, at: usize) -> (String, Option<String>) {
    let message = world.history(at, "club/general").pop().expect("a message");
    (message.text, message.hidden)
}

#[test]
fn refused_words_are_not_written_and_not_shown() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.connect(1, 2);
    world.ok(2, "send club/general \"CASINO was allowed then\"");
    world.pass(1_000);
    world.disconnect(0, 1);
    world.disconnect(1, 2);
    world.ok(0, "policy words club refuse \"Casino, free  coins\"");
    world.ok(1, "send club/general \"the casino!\"");
    let refused = world
        .line(2, "send club/general \"a Casino, here\"")
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(
        refused.message.contains("\"casino\""),
        "{}",
        refused.message
    );
    let kept = world.word(2, "send club/general casinos", "message");
    let refused = world
        .line(2, &format!("edit {kept} \"free coins\""))
        .unwrap_err();
    assert!(
        refused.message.contains("\"free coins\""),
        "{}",
        refused.message
    );
    world.ok(0, "send club/general \"no casino\"");
    world.ok(2, &format!("delete {kept}"));
    world.connect(0, 1);
    world.connect(1, 2);
    world.pass(3_000);
    let by_text = |world: &mut World, at: usize| -> Vec<(String, bool)> {
        let history = world.history(at, "club/general").into_iter();
        let shown = history.filter(|message| !message.deleted);
        shown
            .map(|message| (message.text, message.hidden.is_some()))
            .collect()
    };
    let seen_by_cem = by_text(&mut world, 2);
    assert!(
        seen_by_cem.contains(&("CASINO was allowed then".to_owned(), false)),
        "its own"
    );
    assert!(
        seen_by_cem.contains(&("no casino".to_owned(), false)),
        "an owner's"
    );
    assert!(
        seen_by_cem.contains(&(String::new(), true)),
        "{seen_by_cem:?}"
    );
    assert!(by_text(&mut world, 0).contains(&("the casino!".to_owned(), true)));
    // What was written stays: when the rule goes, it shows.
    world.ok(0, "policy words club refuse \"\"");
    world.pass(1_000);
    assert!(by_text(&mut world, 2).contains(&("the casino!".to_owned(), false)));
    let refused = world.line(1, "policy words club hold x").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    let words: Vec<_> = (0..257).map(|n| format!("w{n}")).collect();
    let refused = world
        .line(
            0,
            &format!("policy words club hold \"{}\"", words.join(",")),
        )
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit);
    assert!(refused.message.contains("257") && refused.message.contains("256"));
    let refused = world
        .line(0, &format!("policy words club hold {}", "x".repeat(65)))
        .unwrap_err();
    assert!(refused.message.contains("65 bytes"), "{}", refused.message);
}

#[test]
fn a_held_message_is_shown_when_a_moderator_has_let_it_through() {
    let (mut world, _) = World::club(&["ana", "ben", "cem"]);
    world.ok(0, "policy words club hold offer");
    world.pass(1_000);
    let message = world.word(1, "send club/general \"an offer\"", "message");
    let answer = world.word(2, "send club/general \"what?\"", "message");
    world.pass(1_000);
    let view = |world: &mut World, at: usize| {
        let mut history = world.history(at, "club/general").into_iter();
        let found = history.find(|one| one.id.to_string() == message).unwrap();
        (found.text, found.hidden.is_some())
    };
    assert_eq!(
        view(&mut world, 1),
        ("an offer".to_owned(), false),
        "its author"
    );
    assert_eq!(view(&mut world, 2), (String::new(), true));
    assert_eq!(
        view(&mut world, 0),
        ("an offer".to_owned(), true),
        "a moderator"
    );
    let Reply::WhyEvent {
        stands: false,
        because,
        operations,
    } = world.ok(2, &format!("why-event {message}"))
    else {
        panic!("it is hidden")
    };
    assert!(because[0].contains("\"offer\""), "{because:?}");
    assert!(because[1].contains("held the words: offer"), "{because:?}");
    assert_eq!(operations.len(), 1);
    world.ok(0, &format!("accept-late club {message}"));
    world.pass(1_000);
    assert_eq!(view(&mut world, 2), ("an offer".to_owned(), false));
    // What was let through is what it said then.
    world.disconnect(0, 1);
    world.ok(0, "policy words club hold \"\"");
    world.pass(1_000);
    world.connect(0, 1);
    world.pass(2_000);
    world.ok(1, &format!("edit {message} \"another offer\""));
    world.pass(1_000);
    assert_eq!(view(&mut world, 2), ("another offer".to_owned(), false));
    world.ok(0, "policy words club hold offer");
    world.pass(1_000);
    assert_eq!(view(&mut world, 2), (String::new(), true));
    let Reply::WhyEvent { stands: true, .. } = world.ok(2, &format!("why-event {answer}")) else {
        panic!("nothing hides it")
    };
}

#[test]
fn links_are_for_those_whom_the_rules_name() {
    let (mut world, _) = World::club(&["ana", "ben"]);
    world.ok(1, "send club/general \"see https://a.example\"");
    world.ok(0, "policy links club roles");
    world.pass(1_000);
    assert!(
        last(&mut world, 0)
            .1
            .is_some_and(|why| why.contains("a link"))
    );
    let refused = world
        .line(1, "send club/general www.example.org")
        .unwrap_err();
    assert!(refused.message.contains("a link"), "{}", refused.message);
    world.ok(1, "send club/general and/or");
    world.ok(0, "role create club regular --rank 1 --allow none");
    world.ok(0, "role grant club regular ben");
    world.pass(1_000);
    world.ok(1, "send club/general www.example.org");
    world.pass(1_000);
    assert_eq!(last(&mut world, 0), ("www.example.org".to_owned(), None));
    world.ok(0, "policy links club moderators");
    world.pass(1_000);
    assert!(world.line(1, "send club/general www.example.org").is_err());
    world.ok(0, "send club/general www.example.org");
}

#[test]
fn a_newcomer_writes_after_the_waiting_period() {
    let mut world = World::new(&["ana", "ben", "cem"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    world.ok(0, "policy wait club 10m");
    let link = world.word(0, "invite club", "invite");
    for at in 1..3 {
        world.connect(0, at);
        world.ok(at, &format!("join {link}"));
    }
    world.pass(1_000);
    let refused = world.line(1, "send club/general hello").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(refused.message.contains("new here"), "{}", refused.message);
    let from = world.community(1).1.writes_from;
    assert!(from.is_some_and(|from| from > world.now.wall));
    // A role is trust enough.
    world.ok(0, "role create club regular --rank 1 --allow none");
    world.ok(0, "role grant club regular cem");
    world.pass(1_000);
    world.ok(2, "send club/general \"I may\"");
    world.pass(600_000);
    world.ok(1, "send club/general \"at last\"");
    world.pass(1_000);
    assert_eq!(world.texts(0, "club/general"), ["I may", "at last"]);
    assert_eq!(world.community(1).1.writes_from, None);
    let refused = world.line(0, "policy wait club 29d").unwrap_err();
    assert!(refused.message.contains("28d"), "{}", refused.message);
    let Reply::Policy { policy } = world.ok(1, "policy club") else {
        panic!("a policy")
    };
    assert_eq!((policy.wait_ms, policy.joins), (600_000, JoinRule::Invite));
    assert_eq!(*world.community(1).1.policy, policy);
    world.restart(1, 1);
    let Reply::Policy { policy: again } = world.ok(1, "policy club") else {
        panic!("a policy")
    };
    assert_eq!(again, policy);
}

#[test]
fn no_more_come_in_within_a_while_than_the_rules_allow() {
    let mut world = World::new(&["ana", "ben", "cem", "dan", "eve"]);
    world.ok(0, "create-community club");
    let refused = world.line(0, "policy raid club 10m").unwrap_err();
    assert_eq!(refused.code, ErrorCode::Parse);
    world.ok(0, "policy raid club 10m --in-all 3 --by-invite 2");
    let link = world.word(0, "invite club", "invite");
    let other = world.word(0, "invite club", "invite");
    for at in 1..5 {
        world.connect(0, at);
    }
    world.ok(1, &format!("join {link}"));
    world.ok(2, &format!("join {link}"));
    let refused = world.line(3, &format!("join {link}")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit);
    assert!(
        refused.message.contains("short time"),
        "{}",
        refused.message
    );
    world.ok(3, &format!("join {other}"));
    let refused = world.line(4, &format!("join {other}")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit, "three in all");
    world.pass(601_000);
    world.ok(4, &format!("join {link}"));
}

/// What does not count against the limit of joins: an account once more, an admission that fell, a time far ahead.
#[test]
fn the_limit_of_joins_counts_accounts_that_came_in_of_late() {
    let (mut world, id) = World::club(&["ana", "ben", "cem", "dan", "eve"]);
    world.ok(0, "policy raid club 10m --in-all 3");
    world.pass(601_000);
    for _ in 0..4 {
        world.ok(1, "leave club");
        world.pass(1_000);
        let link = world.word(0, "invite club", "invite");
        world.ok(1, &format!("join {link}"));
        world.pass(2_000);
    }
    for at in 2..5 {
        world.ok(at, "leave club");
        world.pass(1_000);
    }
    // Ben lets dan and eve in by a link that ana withdraws meanwhile.
    let link = world.word(0, "invite club", "invite");
    world.pass(1_000);
    let Reply::Invites { invites } = world.ok(0, "invites club") else {
        panic!("invites")
    };
    let newest = invites.iter().find(|invite| invite.used == 0).unwrap().id;
    world.disconnect(0, 1);
    for at in 3..5 {
        world.disconnect(0, at);
        world.connect(1, at);
        world.ok(at, &format!("join {link}"));
    }
    world.pass(1_000);
    world.ok(0, &format!("revoke-invite club {newest}"));
    world.connect(0, 1);
    world.pass(3_000);
    // And he says of somebody that it came in years from now.
    let forger = Forger::of(&world.peers[1], id);
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let made = create(world.now.wall, &mut rng);
    let prekey = sign_prekey(&made.device, 1, &[7; 32]);
    let join = Join::sign(id, None, vec![made.genesis.clone()], &made.device, prekey);
    let before = forger.last(Kind::Authority);
    let op = AuthorityOp::Admit(join);
    let event = forger.next_op(before, UnixMs(1 << 60), &op);
    world.arrive(1, 0, forger.ranges(id.into(), &[event.verify().unwrap()]));
    world.pass(1_000);
    let Reply::Members { members } = world.ok(0, "members club") else {
        panic!("members")
    };
    assert_eq!(
        members.len(),
        3,
        "ana, ben, and whoever came from the future"
    );
    // One of three is in: two more may come, a fourth may not.
    let link = world.word(0, "invite club", "invite");
    for at in 2..4 {
        world.connect(0, at);
        world.ok(at, &format!("join {link}"));
        world.pass(1_000);
    }
    world.connect(0, 4);
    let refused = world.line(4, &format!("join {link}")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Limit);
}

/// Ana, who may let people in, ben, who may not and whom the link of ana's reaches too; dan asks.
fn asking() -> (World, String) {
    let mut world = World::new(&["ana", "ben", "mo", "dan"]);
    world.ok(0, "create-community club");
    world.ok(0, "create-channel club text general");
    let link = world.word(0, "invite club", "invite");
    for at in 1..3 {
        world.connect(0, at);
        world.ok(at, &format!("join {link}"));
    }
    world.pass(3_000);
    world.ok(0, "role create club door --rank 5 --allow invite");
    world.ok(0, "role grant club door mo");
    world.ok(0, "role edit club everyone --allow view,send");
    world.ok(0, "policy joins club approval");
    world.pass(1_000);
    (world, link)
}

fn requests(world: &mut World, at: usize) -> Vec<String> {
    let shown = world.community(at).1.requests.clone();
    let shown: Vec<_> = shown.iter().map(|one| one.name.clone()).collect();
    let Reply::Requests { requests } = world.ok(at, "requests club") else {
        panic!("requests")
    };
    let told: Vec<_> = requests.into_iter().map(|one| one.name).collect();
    assert_eq!(told, shown);
    told
}

#[test]
fn who_asks_is_let_in_by_any_member_who_may() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    let Reply::Requested { requested } = world.ok(3, &format!("join {link}")) else {
        panic!("nobody is in at once")
    };
    assert_eq!(
        world
            .snapshot(3)
            .requested
            .get(&requested)
            .map(String::as_str),
        Some("club")
    );
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    assert_eq!(
        requests(&mut world, 2),
        ["dan"],
        "whoever may decide is told"
    );
    let refused = world.line(1, "requests club").unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    let refused = world.line(1, "approve club dan").unwrap_err();
    assert_eq!(refused.code, ErrorCode::UnknownName, "ben is not told");
    world.ok(2, "approve club dan");
    world.pass(2_000);
    assert!(requests(&mut world, 0).is_empty());
    assert!(requests(&mut world, 2).is_empty());
    assert!(world.snapshot(3).requested.is_empty());
    world.ok(3, "send club/general \"thank you\"");
    world.pass(1_000);
    assert_eq!(world.texts(1, "club/general"), ["thank you"]);
    let unknown = world.line(0, "approve club dan").unwrap_err();
    assert_eq!(unknown.code, ErrorCode::UnknownName);
}

#[test]
fn who_is_not_let_in_is_told_and_does_not_stand_in_the_list_again() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    // Mo is weaker than ana, who has yet to decide for herself.
    world.ok(2, "refuse club dan");
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    assert!(requests(&mut world, 2).is_empty());
    world.ok(0, "refuse club dan");
    world.pass(1_000);
    let told = |event: &Event| matches!(event, Event::JoinRefused { message, .. } if message.contains("decided"));
    assert!(world.peers[3].events.iter().any(told));
    assert!(requests(&mut world, 0).is_empty());
    let refused = world.line(3, &format!("join {link}")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotPermitted);
    assert!(requests(&mut world, 0).is_empty());
    // After a restart ana does not remember; mo, who was bound by it, does.
    world.restart(0, 1);
    for at in 1..4 {
        world.connect(0, at);
    }
    world.pass(3_000);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    assert!(requests(&mut world, 2).is_empty());
}

#[test]
fn a_refusal_is_taken_back_by_approving() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    world.ok(0, "refuse club dan");
    world.pass(1_000);
    assert!(world.line(3, &format!("join {link}")).is_err());
    let dan = world.peers[3].node.account();
    world.ok(0, &format!("approve club {dan}"));
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    world.ok(0, "approve club dan");
    world.pass(2_000);
    world.ok(3, "send club/general \"thank you\"");
}

/// A request as a member passes it on, with the account that it is for.
fn made_up(id: CommunityId, n: u64, name: &str) -> (Packet, alloquy_ids::AccountId) {
    let mut rng = ChaCha8Rng::seed_from_u64(n);
    let made = create(UnixMs(1), &mut rng);
    let prekey = sign_prekey(&made.device, 1, &[7; 32]);
    let join = Join::sign(id, None, vec![made.genesis.clone()], &made.device, prekey);
    let mut frame = Writer::new();
    frame.u8(1);
    frame.u8(6);
    join.write(&mut frame);
    frame.text(name);
    (Packet::Frame(frame.into_bytes().into()), join.account)
}

#[test]
fn the_oldest_refusals_are_forgotten_first() {
    let (mut world, _) = asking();
    let id = world.community(0).0;
    let mut accounts = Vec::new();
    for n in 0..1_025 {
        let (packet, account) = made_up(id, n, &format!("made up {n}"));
        world.arrive(1, 0, packet);
        world.ok(0, &format!("refuse club {account}"));
        accounts.push(account);
    }
    for (n, listed) in [(0, true), (1, false), (1_024, false)] {
        world.arrive(1, 0, made_up(id, n, "again").0);
        assert_eq!(!requests(&mut world, 0).is_empty(), listed, "number {n}");
        if listed {
            world.ok(0, "approve club again");
            world.pass(1_000);
        }
    }
}

#[test]
fn a_request_is_passed_on_once_and_keeps_its_name() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    let of_requests = |world: &World| {
        let is = |bytes: &&bytes::Bytes| bytes.len() > 1 && bytes[1] == 6;
        world.wire.iter().filter(is).count()
    };
    let before = of_requests(&world);
    world.pass(120_000);
    // Dan has asked four times more, and ana has told nobody again.
    assert!(of_requests(&world) <= before + 4);
    let id = world.community(0).0;
    world.arrive(1, 0, made_up(id, 5, "first").0);
    world.arrive(1, 0, made_up(id, 5, "second").0);
    let mut names = requests(&mut world, 0);
    names.sort();
    assert_eq!(names, ["dan", "first"]);
    // A request passed on where nobody has to be let in is none.
    world.ok(0, "policy joins club invite");
    world.arrive(1, 0, made_up(id, 6, "third").0);
    assert_eq!(requests(&mut world, 0).len(), 2);
}

#[test]
fn who_has_a_link_takes_the_place_of_who_has_none() {
    let (mut world, link) = asking();
    let id = world.community(0).0;
    for n in 0..64 {
        world.arrive(1, 0, made_up(id, n, &format!("made up {n}")).0);
        world.pass(1);
    }
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    let names = requests(&mut world, 0);
    assert_eq!(names.len(), 64);
    assert!(names.contains(&"dan".to_owned()));
    assert!(!names.contains(&"made up 0".to_owned()), "it came first");
}

#[test]
fn who_may_not_decide_decides_nothing() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    let id = world.community(0).0;
    let dan = world.peers[3].node.account();
    let mut frame = Writer::new();
    frame.u8(1);
    frame.u8(14);
    id.write(&mut frame);
    dan.write(&mut frame);
    let frame = bytes::Bytes::from(frame.into_bytes());
    // Ben may not invite; dan is no member at all.
    for from in [1, 3] {
        world.arrive(from, 0, Packet::Frame(frame.clone()));
    }
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    // Mo may, and binds nobody who stands above him; ana binds him.
    world.arrive(2, 0, Packet::Frame(frame.clone()));
    world.pass(1_000);
    assert_eq!(requests(&mut world, 0), ["dan"]);
    world.arrive(0, 2, Packet::Frame(frame));
    world.pass(1_000);
    assert!(requests(&mut world, 2).is_empty());
}

#[test]
fn a_request_outlives_whoever_was_asked() {
    let (mut world, link) = asking();
    world.connect(0, 3);
    world.ok(3, &format!("join {link}"));
    world.pass(1_000);
    world.restart(0, 1);
    for at in 1..4 {
        world.connect(0, at);
    }
    world.pass(40_000);
    assert_eq!(requests(&mut world, 0), ["dan"], "it asks again");
    world.disconnect(0, 3);
    world.ok(0, "approve club dan");
    world.pass(1_000);
    world.connect(0, 3);
    world.pass(40_000);
    world.ok(3, "send club/general \"thank you\"");
}

#[test]
fn an_open_community_takes_an_expired_link() {
    let mut world = World::new(&["ana", "ben"]);
    world.ok(0, "create-community club");
    let link = world.word(0, "invite club --expires 1s", "invite");
    world.pass(2_000);
    world.connect(0, 1);
    let refused = world.line(1, &format!("join {link}")).unwrap_err();
    assert_eq!(refused.code, ErrorCode::InviteExpired);
    world.ok(0, "policy joins club open");
    world.ok(1, &format!("join {link}"));
}

/// What somebody sends who found the community without a link: a join without an invite.
fn asks_without_a_link(world: &mut World, at: usize, community: CommunityId) {
    let record = &world.peers[at].records[&[2][..]];
    let seed = record[32..64].try_into().expect("a seed has 32 bytes");
    let key = DeviceKey::from_seed(&seed);
    let chain = Reader::new(&record[96..])
        .list(32, "chain")
        .expect("its identity");
    let join = Join::sign(community, None, chain, &key, sign_prekey(&key, 1, &[7; 32]));
    let mut frame = Writer::new();
    frame.u8(1);
    frame.u8(6);
    join.write(&mut frame);
    frame.text(&format!("nameless {at}"));
    world.arrive(at, 0, Packet::Frame(frame.into_bytes().into()));
    world.pass(1_000);
}

#[test]
fn who_has_no_link_comes_in_only_where_the_rules_say_so() {
    let mut world = World::new(&["ana", "ben", "cem", "dan"]);
    let id = world
        .word(0, "create-community club", "community")
        .parse()
        .unwrap();
    for at in 1..4 {
        world.connect(0, at);
    }
    let members = |world: &mut World| {
        let Reply::Members { members } = world.ok(0, "members club") else {
            panic!("members")
        };
        members.len()
    };
    asks_without_a_link(&mut world, 1, id);
    assert_eq!((members(&mut world), requests(&mut world, 0).len()), (1, 0));
    world.ok(0, "policy joins club approval");
    asks_without_a_link(&mut world, 2, id);
    assert_eq!(
        (members(&mut world), requests(&mut world, 0)),
        (1, vec!["nameless 2".to_owned()])
    );
    world.ok(0, "approve club \"nameless 2\"");
    assert_eq!(members(&mut world), 2);
    world.ok(0, "policy joins club open");
    asks_without_a_link(&mut world, 3, id);
    assert_eq!(members(&mut world), 3);
    assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
}

#[test]
fn requests_are_bounded_and_what_is_no_join_is_not_listed() {
    let (mut world, _) = asking();
    let id = world.community(0).0;
    // Ben, who is a member, tells of many who never asked: each signed by nobody but itself.
    for n in 0..80_u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(n);
        let made = create(world.now.wall, &mut rng);
        let prekey = sign_prekey(&made.device, 1, &[7; 32]);
        let mut join = Join::sign(id, None, vec![made.genesis.clone()], &made.device, prekey);
        if n < 10 {
            join.device_signature[0] ^= 1;
        }
        let mut frame = Writer::new();
        frame.u8(1);
        frame.u8(6);
        join.write(&mut frame);
        frame.text(&format!("made up {n}"));
        world.arrive(1, 0, Packet::Frame(frame.into_bytes().into()));
    }
    let names = requests(&mut world, 0);
    assert_eq!(names.len(), 64);
    assert!(
        !names.contains(&"made up 9".to_owned()),
        "its signature does not hold"
    );
}

#[test]
fn who_claims_a_later_time_is_heard_no_earlier() {
    for way in ["gossip", "catch-up"] {
        let (mut world, id) = World::club(&["ana", "ben", "cem"]);
        world.ok(1, "send club/general \"first\"");
        world.pass(1_000);
        world.ok(0, "policy wait club 5m");
        world.pass(1_000);
        // Ben's log names the rule from now on.
        world.ok(1, "profile about \"somebody\"");
        world.pass(1_000);
        world.disconnect(0, 1);
        let forger = Forger::of(&world.peers[1], id);
        let scope = alloquy_ids::ScopeId(general(&mut world));
        let of_channel = |event: &&alloquy_schema::event::SignedEvent| event.header.scope == scope;
        let before = forger.own.iter().rfind(of_channel).unwrap();
        let auth = forger.own.last().unwrap().header.auth.clone();
        let later = UnixMs(world.now.wall.0 + 300_000);
        let event = forger.next_at(before, (later, auth.clone()), "from the future");
        let next = forger.next_at(&event, (later, auth), "and on");
        for event in [&event, &next] {
            let packet = match way {
                "gossip" => forger.gossip(event),
                _ => forger.ranges(scope, &[event.clone().verify().unwrap()]),
            };
            // The link is open again for what is forged, and for nothing that ben's node says.
            let key = world.peers[1].key;
            world.input(0, alloquy_core::Input::PeerUp(key));
            world.arrive(1, 0, packet);
        }
        world.settle();
        for at in [0, 2] {
            assert_eq!(
                world.texts(at, "club/general"),
                ["first"],
                "{way}, node {at}"
            );
        }
        let wire = world.wire.len();
        world.pass(30_000);
        assert!(
            world.wire.len() < wire + 200,
            "nobody asks for it without end"
        );
        assert_eq!(world.texts(2, "club/general"), ["first"], "{way}");
        // Nor is it heard because somebody starts anew who holds it back, and what honest members say is.
        for at in [0, 2] {
            world.restart(at, 1);
        }
        world.connect(0, 2);
        world.pass(3_000);
        world.ok(0, "send club/general meanwhile");
        world.pass(1_000);
        for at in [0, 2] {
            assert_eq!(
                world.texts(at, "club/general"),
                ["first", "meanwhile"],
                "{way}, node {at}"
            );
        }
        world.pass(280_000);
        let all = ["and on", "first", "from the future", "meanwhile"];
        let sorted = |mut texts: Vec<String>| {
            texts.sort();
            texts
        };
        assert_eq!(sorted(world.texts(0, "club/general")), all, "{way}");
        world.pass(15_000);
        assert_eq!(sorted(world.texts(2, "club/general")), all, "{way}");
        assert!(world.peers.iter().all(|peer| peer.faults.is_empty()));
    }
}

fn general(world: &mut World) -> [u8; 32] {
    let club = world.community(0).1;
    club.channels[0].channel.0
}
