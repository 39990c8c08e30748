//! Conversations: whoever is in one of two is named by its genesis; in a group everybody adds, its owner removes.

use alloquy_ids::{AccountId, EpochId, EventId, RoleId, ScopeId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement, Genesis};
use alloquy_schema::authority::{AuthorityLog, Verdict};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Header, Kind, SignedEvent, clear_commit};
use alloquy_schema::hash::derive;
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions, Rank};
use alloquy_schema::policy::{JoinRule, Rule};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::club::{Club, replay};

fn refused(club: &Club, op: EventId) -> String {
    match club.log().verdict(op) {
        Some(Verdict::Ineffective { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// A conversation of two with both accounts' devices in it, each brought in by itself.
fn two() -> Club {
    let mut club = Club::direct();
    for name in ["ana", "ben"] {
        let op = club.devices_of(name);
        let brought = club.now(name, op);
        assert!(club.effective(brought), "{name} brings itself in");
    }
    club
}

fn group(names: &[&str]) -> Club {
    let mut club = Club::founded(CommunityKind::Group);
    for name in names {
        let op = club.addition(name);
        club.now("ana", op);
        assert!(club.is_member(name));
    }
    club
}

/// One operation of every kind that exists only where there are roles and channels.
fn of_communities(club: &mut Club) -> Vec<AuthorityOp> {
    let (account, community) = (club.id("ben"), club.community);
    let channel = direct::channel(community);
    vec![
        AuthorityOp::RoleCreate {
            rank: Rank(1),
            permissions: Permissions::VIEW,
        },
        AuthorityOp::RoleEdit {
            role: RoleId::ZERO,
            rank: Rank(0),
            permissions: Permissions::NONE,
            last: vec![],
        },
        AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: false,
        },
        AuthorityOp::ChannelDelete { channel },
        AuthorityOp::SlowMode {
            channel,
            interval_ms: 5,
        },
        AuthorityOp::Ban {
            account,
            last: vec![],
        },
        AuthorityOp::Unban { account },
        AuthorityOp::TimeOut {
            account,
            until: UnixMs(9),
            last: vec![],
        },
        AuthorityOp::InviteCreate {
            key: DeviceKey::from_seed(&[8; 32]).public(),
            expires: None,
            uses: None,
        },
        AuthorityOp::AcceptLate { events: vec![] },
        AuthorityOp::Purge { events: vec![] },
        AuthorityOp::SetPolicy(Rule::Joins(JoinRule::Open)),
        AuthorityOp::Admit(club.join("eve", None)),
    ]
}

#[test]
fn both_sides_make_the_same_genesis() {
    let (ana, ben) = (AccountId([1; 32]), AccountId([2; 32]));
    let of_ana = direct::genesis(ana, ben);
    assert_eq!(of_ana.to_bytes(), direct::genesis(ben, ana).to_bytes());
    assert_eq!(direct::id(ana, ben), direct::id(ben, ana));
    assert_ne!(direct::id(ana, ben), direct::id(ana, ana));
    let log = AuthorityLog::new(of_ana.verify().unwrap()).unwrap();
    assert_eq!(log.community(), direct::id(ana, ben));
    let state = log.state();
    assert_eq!(state.kind, CommunityKind::Direct);
    assert!(state.members.keys().eq(&[ana, ben]));
    assert!(state.owners.is_empty());
    let channel = direct::channel(log.community());
    assert!(state.channels.keys().eq(&[channel]));
    for account in [ana, ben] {
        assert_eq!(
            state.permissions(account, Some(channel)),
            Permissions::DIRECT
        );
    }
    let own = AuthorityLog::new(direct::genesis(ana, ana).verify().unwrap()).unwrap();
    assert!(own.state().members.keys().eq(&[ana]));
}

#[test]
fn devices_of_a_conversation_are_brought_in_by_either_side_or_by_themselves() {
    let club = two();
    club.check();
    let mut club = Club::direct();
    let op = club.devices_of("ana");
    club.now("ana", op);
    // Ana's device is in: it brings Ben's in too.
    let op = club.devices_of("ben");
    let heads = club.heads();
    let brought = club.at("ana", &heads, op);
    assert!(club.effective(brought));
    let (ben, device) = (club.id("ben"), club.device("ben"));
    assert_eq!(club.state().account_of(device), Some(ben));
    let member = club.state().members[&ben].clone();
    assert_ne!(
        member.recovery_wrap_key, [0; 32],
        "keys are wrapped for the words too"
    );
    club.check();
}

#[test]
fn nobody_else_ever_gets_into_a_conversation() {
    let mut club = two();
    for who in ["eve", "ana"] {
        let op = club.devices_of("eve");
        let brought = club.now(who, op);
        assert!(!club.effective(brought), "{who} brings eve in");
        let op = club.addition("eve");
        let added = club.now(who, op);
        assert!(!club.effective(added), "{who} adds eve");
    }
    let claimed = AuthorityOp::DeviceAdd {
        account: club.id("ben"),
        chain: vec![club.person("eve").genesis.clone()],
    };
    let heads = club.heads();
    assert!(
        club.try_at("eve", &heads, &claimed).is_err(),
        "another's chain is invalid"
    );
    assert!(!club.is_member("eve"));
    let device = club.device("eve");
    assert_eq!(club.state().account_of(device), None);
    club.check();
}

#[test]
fn a_conversation_has_no_removals_roles_channels_or_rules() {
    let mut club = two();
    let account = club.id("ben");
    let mut ops = of_communities(&mut club);
    ops.push(AuthorityOp::Leave);
    ops.push(AuthorityOp::Kick {
        account,
        last: vec![],
    });
    ops.push(AuthorityOp::SetHistory {
        channel: None,
        policy: HistoryPolicy::SinceJoin,
    });
    ops.push(AuthorityOp::SetLevel { level: 2 });
    ops.push(club.addition("eve"));
    ops.push(club.certificate(club.community.into(), &["ana"], &["ana"]));
    for op in ops {
        let tried = club.now("ana", op.clone());
        assert!(!club.effective(tried), "{op:?}");
        assert_eq!(
            refused(&club, tried),
            "a direct conversation has no such operation"
        );
    }
    assert!(club.is_member("ben"));
    let epoch = AuthorityOp::AnnounceEpoch(EpochAnnouncement {
        channel: None,
        parents: vec![],
        commit: [1; 32],
        links: vec![],
    });
    let announced = club.now("ben", epoch);
    assert!(club.state().epochs.contains_key(&EpochId::from(announced)));
    club.check();
}

/// A genesis with this body, signed by the key that the two accounts give.
fn forged(change: impl FnOnce(&mut Genesis)) -> SignedEvent {
    let (ana, ben) = (AccountId([1; 32]), AccountId([2; 32]));
    let real = direct::genesis(ana, ben);
    let AuthorityOp::Genesis(mut genesis) = AuthorityOp::from_bytes(&real.body).unwrap() else {
        panic!("a genesis");
    };
    change(&mut genesis);
    let body = AuthorityOp::Genesis(genesis).to_bytes();
    let key = DeviceKey::from_seed(&derive("alloquy direct key v1", &[&ana.0, &ben.0]));
    let header = Header {
        body_len: body.len() as u32,
        body_commit: clear_commit(&body),
        ..real.header
    };
    assert_eq!(key.id(), header.device);
    SignedEvent::sign(header, body, &key)
}

#[test]
fn a_forged_genesis_is_refused() {
    let begins = |event: SignedEvent| AuthorityLog::new(event.verify().unwrap());
    assert!(begins(forged(|_| {})).is_ok(), "the real one");
    let eve = AccountId([3; 32]);
    assert!(
        begins(forged(
            |genesis| genesis.pair = Some((AccountId([1; 32]), eve))
        ))
        .is_err()
    );
    assert!(begins(forged(|genesis| genesis.everyone = Permissions::ALL)).is_err());
    assert!(begins(forged(|genesis| genesis.nonce = [0; 16])).is_err());
    assert!(begins(forged(|genesis| genesis.level = 2)).is_err());
    assert!(begins(forged(|genesis| genesis.history = HistoryPolicy::SinceJoin)).is_err());
    let group = |genesis: &mut Genesis| (genesis.kind, genesis.pair) = (CommunityKind::Group, None);
    assert!(begins(forged(group)).is_err(), "nobody founded it");
    let community =
        |genesis: &mut Genesis| (genesis.kind, genesis.pair) = (CommunityKind::Community, None);
    assert!(begins(forged(community)).is_err(), "nobody founded it");
}

#[test]
fn the_key_of_a_conversation_signs_nothing_but_its_genesis() {
    let mut club = two();
    let [ana, ben] = ["ana", "ben"].map(|name| club.id(name));
    let parts: [&[u8]; 2] = [&ana.min(ben).0, &ana.max(ben).0];
    let key = DeviceKey::from_seed(&derive("alloquy direct key v1", &parts));
    let heads = club.heads();
    let body = AuthorityOp::Merge.to_bytes();
    let header = Header {
        kind: Kind::Authority,
        scope: ScopeId::from(club.community),
        device: key.id(),
        incarnation: 1,
        seq: 0,
        prev: EventId::ZERO,
        deps: heads.clone(),
        auth: vec![],
        lamport: club.log().dag().get(heads[0]).unwrap().header().lamport + 1,
        wall: UnixMs(0),
        epoch: EpochId::ZERO,
        body_len: body.len() as u32,
        body_commit: clear_commit(&body),
    };
    let event = SignedEvent::sign(header, body, &key).verify().unwrap();
    let mut log = club.log().clone();
    let refused = log.insert(event).unwrap_err().to_string();
    assert!(refused.contains("signs only its genesis"), "{refused}");
}

#[test]
fn a_group_with_other_rights_than_a_groups_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let ana = alloquy_schema::identity::create(UnixMs(1), &mut rng);
    for (everyone, level, holds) in [
        (Permissions::GROUP, 1, true),
        (Permissions::ALL, 1, false),
        (Permissions::NONE, 1, false),
        (Permissions::GROUP, 2, false),
    ] {
        let body = AuthorityOp::Genesis(Genesis {
            level,
            nonce: [1; 16],
            founder: vec![ana.genesis.clone()],
            history: HistoryPolicy::All,
            everyone,
            kind: CommunityKind::Group,
            pair: None,
        })
        .to_bytes();
        let header = Header {
            device: ana.device.id(),
            body_len: body.len() as u32,
            body_commit: clear_commit(&body),
            ..direct::genesis(AccountId::ZERO, AccountId::ZERO).header
        };
        let event = SignedEvent::sign(header, body, &ana.device)
            .verify()
            .unwrap();
        assert_eq!(
            AuthorityLog::new(event).is_ok(),
            holds,
            "{everyone:?} {level}"
        );
    }
}

#[test]
fn every_member_of_a_group_adds_and_only_its_owner_removes() {
    let mut club = group(&["ben", "cid"]);
    let op = club.addition("dan");
    let by_ben = club.now("ben", op);
    assert!(club.effective(by_ben) && club.is_member("dan"));
    let heads = club.heads();
    let tried = club.kick("ben", &heads, "cid");
    assert!(refused(&club, tried).contains("kick"));
    let op = club.addition("dan");
    let again = club.now("cid", op);
    assert!(refused(&club, again).contains("already"));
    let op = club.addition("fay");
    let stranger = club.now("eve", op);
    assert!(!club.effective(stranger), "eve is no member");
    let heads = club.heads();
    let kicked = club.kick("ana", &heads, "dan");
    assert!(club.effective(kicked) && !club.is_member("dan"));
    let channel = direct::channel(club.community);
    let ben = club.id("ben");
    assert_eq!(
        club.state().permissions(ben, Some(channel)),
        Permissions::GROUP
    );
    let left = club.now("ben", AuthorityOp::Leave);
    assert!(club.effective(left) && !club.is_member("ben"));
    club.check();
}

#[test]
fn an_addition_that_a_removed_member_hides_falls() {
    let mut club = group(&["mallory"]);
    let old = club.heads();
    club.kick("ana", &old, "mallory");
    let op = club.addition("sock");
    let backdated = club.at("mallory", &old, op);
    assert!(!club.effective(backdated) && !club.is_member("sock"));
    // And a stronger removal beats an addition of the same account that it did not see.
    let op = club.addition("cid");
    club.now("ana", op);
    let both = club.heads();
    club.kick("ana", &both, "cid");
    let op = club.addition("cid");
    club.at("ana", &both, op);
    assert!(!club.is_member("cid"));
    club.check();
}

#[test]
fn a_groups_owner_holds_nothing_over_what_others_write() {
    let mut club = group(&["ben"]);
    let rights = {
        let ana = club.id("ana");
        club.state().permissions(ana, None)
    };
    assert_eq!(rights, Permissions::GROUP_OWNER);
    for taken in [
        Permissions::MANAGE_MESSAGES,
        Permissions::PURGE,
        Permissions::BAN,
        Permissions::MUTE,
        Permissions::MANAGE_ROLES,
        Permissions::MANAGE_CHANNELS,
        Permissions::BRIDGE,
    ] {
        assert!(!rights.has(taken), "{taken:?}");
    }
    for op in of_communities(&mut club) {
        let tried = club.now("ana", op.clone());
        assert!(!club.effective(tried), "{op:?}");
    }
    let since = AuthorityOp::SetHistory {
        channel: None,
        policy: HistoryPolicy::SinceJoin,
    };
    let by_ben = club.now("ben", since.clone());
    assert!(!club.effective(by_ben));
    let by_ana = club.now("ana", since);
    assert!(club.effective(by_ana));
    club.check();
}

#[test]
fn who_made_a_group_may_name_a_successor_and_has_nothing_left_when_gone() {
    let mut club = group(&["ben", "cid"]);
    let genesis = EventId::from(club.community);
    let own = club.certificate(genesis, &["ben"], &["ben"]);
    let taken = club.now("ben", own);
    assert!(!club.effective(taken), "he has no vote");
    let given = club.certificate(genesis, &["ben"], &["ana"]);
    let given = club.now("ana", given);
    assert!(club.effective(given));
    let heads = club.heads();
    let by_ana = club.kick("ana", &heads, "cid");
    assert!(!club.effective(by_ana), "she is owner no more");
    let heads = club.heads();
    let by_ben = club.kick("ben", &heads, "ana");
    assert!(club.effective(by_ben) && !club.is_member("ana"));
    let heads = club.heads();
    let removed = club.kick("ana", &heads, "ben");
    assert!(!club.effective(removed));
    let op = club.addition("sock");
    let added = club.now("ana", op);
    assert!(!club.effective(added), "who was removed adds nobody");
    club.check();

    let mut club = group(&["ben", "cid"]);
    club.now("ana", AuthorityOp::Leave);
    let heads = club.heads();
    for who in ["ana", "ben"] {
        let tried = club.kick(who, &heads, "cid");
        assert!(!club.effective(tried), "nobody holds it after her");
    }
    club.check();
}

#[test]
fn every_order_of_arrival_gives_one_group() {
    let mut club = group(&["ben", "cid"]);
    let fork = club.heads();
    let op = club.addition("dan");
    club.at("ben", &fork, op);
    let op = club.addition("dan");
    club.at("cid", &fork, op);
    club.kick("ana", &fork, "ben");
    let op = club.addition("eve");
    club.at("cid", &fork, op);
    let reference = club.state().digest();
    for seed in 0..40_usize {
        let mut turn = seed;
        let log = replay(&club.events, |ready| {
            turn = turn.wrapping_mul(31).wrapping_add(7);
            turn % ready
        });
        assert_eq!(log.state().digest(), reference, "{seed}");
    }
    assert!(club.is_member("dan"), "cid's addition stands");
    assert!(club.is_member("eve") && !club.is_member("ben"));
}

#[test]
fn an_addition_without_a_prekey_of_the_account_is_invalid() {
    let mut club = group(&["ben"]);
    let (dan, eve) = (club.addition("dan"), club.addition("eve"));
    let (
        AuthorityOp::Add {
            account, prekey, ..
        },
        AuthorityOp::Add {
            chain,
            prekey: of_eve,
            ..
        },
    ) = (dan.clone(), eve)
    else {
        panic!("additions");
    };
    let AuthorityOp::Add { chain: own, .. } = dan else {
        panic!("an addition");
    };
    let heads = club.heads();
    for (chain, prekey) in [(own, of_eve), (chain, prekey)] {
        let op = AuthorityOp::Add {
            account,
            chain,
            prekey,
        };
        assert!(club.try_at("ana", &heads, &op).is_err());
    }
}
