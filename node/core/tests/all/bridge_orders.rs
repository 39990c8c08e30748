//! A bridge that signs past its own program what only others may: everybody refuses it, and can be told why.

use alloquy_api::Reply;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_core::Verdict;
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, InviteId, RoleId, ScopeId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join, OverwriteTarget, OwnersProposal};
use alloquy_schema::body::Body;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::event::{Header, Kind, SignedEvent};
use alloquy_schema::identity::{create, sign_prekey};
use alloquy_schema::permissions::{ChannelKind, Permissions, Rank};
use alloquy_schema::timeline::Deletion;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::forger::Forger;
use crate::world::World;

const ANA: usize = 0;
const BRIDGE: usize = 1;
const BEN: usize = 2;
/// Everybody but the bridge.
const OTHERS: [usize; 2] = [ANA, BEN];

/// A club with a bridge that may bridge and write, and nothing else; ben's message, and the role that may kick.
struct Club {
    world: World,
    id: CommunityId,
    said: EventId,
    role: RoleId,
    channel: ChannelId,
}

fn club() -> Club {
    let (mut world, id) = World::club(&["ana", "irc.example.org", "ben"]);
    world.connect(BRIDGE, BEN);
    // As long as everyone may invite, the bridge may: it has a log of operations to go on with.
    world.ok(BRIDGE, "invite club");
    world.pass(1_000);
    world.ok(ANA, "role edit club everyone --allow view,send");
    world.ok(ANA, "role create club Bridge --rank 5 --allow bridge");
    world.ok(ANA, "role grant club Bridge irc.example.org");
    let role = world.word(
        ANA,
        "role create club Mods --rank 9 --allow kick,ban",
        "role",
    );
    world.ok(BRIDGE, "send club/general \"from irc\"");
    let said = world.word(BEN, "send club/general \"ben's own words\"", "message");
    world.pass(5_000);
    let channel = world.community(ANA).1.channels[0].channel;
    Club {
        world,
        id,
        said: said.parse().expect("an id"),
        role: role.parse().expect("an id"),
        channel,
    }
}

fn account(world: &mut World, at: usize) -> AccountId {
    world.snapshot(at).account.expect("it is known")
}

/// What a community looks like to somebody, without what time alone changes.
fn shown(world: &mut World, at: usize) -> CommunitySnapshot {
    let mut shown = (*world.community(at).1).clone();
    let mut channels = shown.channels.to_vec();
    for channel in &mut channels {
        (channel.unread, channel.mentions) = (0, 0);
    }
    shown.channels = std::sync::Arc::new(channels);
    shown
}

/// An operation, and what it is.
type Order = (&'static str, AuthorityOp);

/// What moderators and whoever manages roles may.
fn moderation(world: &mut World, role: RoleId) -> Vec<Order> {
    let (account, me) = (account(world, BEN), account(world, BRIDGE));
    let until = UnixMs(world.now.wall.0 + 3_600_000);
    let (permissions, last) = (Permissions::ALL, Vec::new);
    let (kick, ban) = (
        AuthorityOp::Kick {
            account,
            last: last(),
        },
        AuthorityOp::Ban {
            account,
            last: last(),
        },
    );
    let time_out = AuthorityOp::TimeOut {
        account,
        until,
        last: last(),
    };
    let everyone = AuthorityOp::RoleEdit {
        role: RoleId::ZERO,
        rank: Rank(0),
        permissions,
        last: last(),
    };
    let made = AuthorityOp::RoleCreate {
        rank: Rank(9),
        permissions,
    };
    vec![
        ("kick", kick),
        ("ban", ban),
        ("time out", time_out),
        ("grant itself", AuthorityOp::Grant { account: me, role }),
        ("grant another", AuthorityOp::Grant { account, role }),
        ("make a role", made),
        ("raise everyone", everyone),
        (
            "remove a role",
            AuthorityOp::RoleDelete { role, last: last() },
        ),
    ]
}

/// What is about channels, and about who comes in.
fn doors(club: &mut Club) -> Vec<Order> {
    let (id, channel) = (club.id, club.channel);
    let ben = account(&mut club.world, BEN);
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let made = create(club.world.now.wall, &mut rng);
    let prekey = sign_prekey(&made.device, 1, &[7; 32]);
    let join = Join::sign(id, None, vec![made.genesis.clone()], &made.device, prekey);
    let shut_out = AuthorityOp::Overwrite {
        channel,
        target: OverwriteTarget::Member(ben),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        last: Vec::new(),
    };
    let created = AuthorityOp::ChannelCreate {
        kind: ChannelKind::Text,
        private: false,
    };
    let slow = AuthorityOp::SlowMode {
        channel,
        interval_ms: 60_000,
    };
    let invite = AuthorityOp::InviteCreate {
        key: [5; 32],
        expires: None,
        uses: None,
    };
    let revoked = AuthorityOp::InviteRevoke {
        invite: InviteId([4; 32]),
    };
    vec![
        ("make a channel", created),
        ("close a channel", AuthorityOp::ChannelDelete { channel }),
        ("shut somebody out", shut_out),
        ("slow mode", slow),
        ("invite", invite),
        ("let in", AuthorityOp::Admit(join)),
        ("revoke an invite", revoked),
    ]
}

/// Operations that the bridge's rights do not cover.
fn orders(club: &mut Club) -> Vec<Order> {
    let role = club.role;
    let mut orders = moderation(&mut club.world, role);
    orders.extend(doors(club));
    let events = vec![club.said];
    orders.push(("purge", AuthorityOp::Purge { events }));
    let me = account(&mut club.world, BRIDGE);
    let proposal = OwnersProposal {
        community: club.id,
        replaces: EventId(club.id.0),
        owners: vec![me],
    };
    let owners = AuthorityOp::OwnersCertificate {
        proposal,
        signatures: Vec::new(),
    };
    orders.push(("owners", owners));
    orders
}

#[test]
fn what_a_bridge_orders_past_its_program_has_no_effect_on_anybody() {
    let mut club = club();
    let orders = orders(&mut club);
    let forger = Forger::of(&club.world.peers[BRIDGE], club.id);
    let before = OTHERS.map(|at| shown(&mut club.world, at));
    let texts = club.world.texts(ANA, "club/general");
    let mut last = forger.last(Kind::Authority).clone();
    // It says that it has seen all that was ordered before, as an honest node would.
    let anas = Forger::of(&club.world.peers[ANA], club.id);
    let mut seen = Some(anas.last(Kind::Authority));
    let mut signed = Vec::new();
    for (what, op) in orders {
        let event = match seen.take() {
            Some(seen) => forger.next_op_after(&last, seen, &op),
            None => forger.next_op(&last, UnixMs(club.world.now.wall.0), &op),
        };
        let arrives = event.clone().verify();
        if let Ok(arrives) = arrives {
            last = event;
            for at in OTHERS {
                let frame = forger.ranges(club.id.into(), std::slice::from_ref(&arrives));
                club.world.arrive(BRIDGE, at, frame);
            }
            signed.push((what, arrives.id()));
        }
    }
    assert!(signed.len() >= 15, "{signed:?}");
    club.world.pass(10_000);
    for (at, before) in OTHERS.into_iter().zip(&before) {
        let now = shown(&mut club.world, at);
        assert_eq!(now.members, before.members, "node {at}");
        assert_eq!(now.roles, before.roles, "node {at}");
        assert_eq!(now.channels, before.channels, "node {at}");
        assert_eq!((&now.bans, &now.timeouts), (&before.bans, &before.timeouts));
        assert_eq!(now.policy, before.policy, "node {at}");
        assert_eq!(club.world.texts(at, "club/general"), texts, "node {at}");
        for (what, id) in &signed {
            why_not(&mut club.world, at, (what, *id));
        }
    }
    club.world.ok(BEN, "send club/general \"still here\"");
    club.world.pass(2_000);
    assert_eq!(club.world.texts(ANA, "club/general").len(), texts.len() + 1);
}

/// An operation is unknown, for nobody takes it, or it is known to have no effect, with the reason.
fn why_not(world: &mut World, at: usize, (what, id): (&str, EventId)) {
    match world.line(at, &format!("why-event {id}")) {
        Ok(Reply::WhyEvent {
            stands, because, ..
        }) => {
            assert!(!stands, "{what} at {at}: {because:?}");
            let said = because.iter().any(|one| one.contains("it has no effect: "));
            assert!(said, "{what}: {because:?}");
        }
        other => panic!("{what} at {at}: {other:?}"),
    }
}

#[test]
fn a_bridge_neither_changes_nor_deletes_nor_says_what_is_of_others() {
    let mut club = club();
    let forger = Forger::of(&club.world.peers[BRIDGE], club.id);
    let texts = club.world.texts(BEN, "club/general");
    let name = club.world.community(ANA).1.name.clone();
    let scope = ScopeId::from(club.channel);
    let of = |scope: ScopeId| {
        let own = forger.own.iter();
        let mut sealed = own.filter(|event| event.header.kind == Kind::Sealed);
        sealed.rfind(|event| event.header.scope == scope).cloned()
    };
    let said = of(scope).expect("it wrote there");
    let edit = Body::Edit {
        target: club.said,
        text: "words put into his mouth".to_owned(),
    };
    let edit = forger.next_body(&said, &edit);
    let deletion = Deletion {
        messages: [club.said].into(),
        ..Deletion::default()
    };
    let deletion = forger.next_deletion(&edit, &deletion);
    let content = forger.own.iter();
    let content = content.filter(|event| event.header.kind == Kind::Sealed);
    let content = content.clone().find(|event| event.header.scope != scope);
    let content = content.expect("it told its name").clone();
    let rename = ContentOp::Set {
        field: Field::Name,
        value: Value::Text("taken over".to_owned()),
    };
    let rename = forger.next_body(&content, &Body::Content(vec![rename]));
    for event in [&edit, &deletion, &rename] {
        let whole = event.clone().verify().expect("its form is right");
        for at in OTHERS {
            let frame = forger.ranges(event.header.scope, std::slice::from_ref(&whole));
            club.world.arrive(BRIDGE, at, frame);
        }
    }
    // In the name of ben, whose key it does not have.
    let ben = Forger::of(&club.world.peers[BEN], club.id);
    let next = ben.next(ben.last(Kind::Sealed), "said by nobody");
    let (header, body) = (next.header.clone(), next.body.clone());
    let in_his_name = SignedEvent::sign(Header { ..header }, body, &forger.key);
    club.world.peers[ANA].verdicts.clear();
    club.world.arrive(BRIDGE, ANA, forger.gossip(&in_his_name));
    assert_eq!(club.world.peers[ANA].verdicts, [Verdict::Reject]);
    club.world.pass(10_000);
    for at in OTHERS {
        assert_eq!(club.world.texts(at, "club/general"), texts, "node {at}");
        assert_eq!(club.world.community(at).1.name, name, "node {at}");
        let history = club.world.history(at, "club/general");
        let his = history.iter().find(|message| message.id == club.said);
        let his = his.expect("it is there");
        assert!(!his.edited && !his.deleted, "node {at}");
        // They are there, signed by the bridge, and say why they show nothing.
        for event in [&edit, &deletion] {
            let id = event.header.id();
            let Reply::WhyEvent {
                stands, because, ..
            } = club.world.ok(at, &format!("why-event {id}"))
            else {
                panic!("why")
            };
            assert!(!stands && !because.is_empty(), "node {at}: {because:?}");
        }
        let Reply::WhyEvent { stands, .. } = club.world.ok(at, &format!("why-event {}", club.said))
        else {
            panic!("why")
        };
        assert!(stands, "node {at}");
        for right in ["manage-messages", "kick", "manage-roles", "invite"] {
            let asked = format!("why club irc.example.org {right}");
            let Reply::Why {
                granted, because, ..
            } = club.world.ok(at, &asked)
            else {
                panic!("why")
            };
            assert!(!granted && !because.is_empty(), "{right}: {because:?}");
        }
    }
}
