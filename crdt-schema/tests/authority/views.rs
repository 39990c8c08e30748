//! What the state answers: rights in channels, losses and denials, levels, explanations.

use alloquy_ids::{ChannelId, EpochId, EventId, UnixMs};
use alloquy_schema::authority::Verdict;
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement, OverwriteTarget};
use alloquy_schema::permissions::{ChannelKind, Permissions, Rank};

use crate::club::{Club, everyone, role};

fn overwrite(
    channel: EventId,
    target: OverwriteTarget,
    allow: Permissions,
    deny: Permissions,
) -> AuthorityOp {
    AuthorityOp::Overwrite {
        channel: channel.into(),
        target,
        allow,
        deny,
        last: vec![],
    }
}

#[test]
fn overwrites_apply_in_their_order() {
    let mut club = Club::with(&[("ben", 10), ("dan", 0)]);
    let channel = club.now(
        "ana",
        AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: false,
        },
    );
    let (ben, dan) = (club.id("ben"), club.id("dan"));
    let own_role = *club.state().members[&ben].roles.iter().next().unwrap();
    let sends = |club: &Club, account| {
        club.state()
            .permissions(account, Some(channel.into()))
            .has(Permissions::SEND)
    };
    assert!(sends(&club, ben) && sends(&club, dan));
    club.now(
        "ana",
        overwrite(
            channel,
            OverwriteTarget::Role(everyone()),
            Permissions::NONE,
            Permissions::SEND,
        ),
    );
    assert!(!sends(&club, ben) && !sends(&club, dan));
    club.now(
        "ana",
        overwrite(
            channel,
            OverwriteTarget::Role(own_role),
            Permissions::SEND,
            Permissions::NONE,
        ),
    );
    assert!(
        sends(&club, ben),
        "a role's allow comes after all roles' deny"
    );
    club.now(
        "ana",
        overwrite(
            channel,
            OverwriteTarget::Member(ben),
            Permissions::NONE,
            Permissions::SEND,
        ),
    );
    assert!(!sends(&club, ben), "a member's deny comes after roles");
    club.now(
        "ana",
        overwrite(
            channel,
            OverwriteTarget::Member(ben),
            Permissions::NONE,
            Permissions::VIEW,
        ),
    );
    assert_eq!(
        club.state().permissions(ben, Some(channel.into())),
        Permissions::NONE
    );
    club.check();
}

#[test]
fn a_private_channel_is_viewed_by_overwrite_its_maker_and_owners() {
    let mut club = Club::with(&[("ben", 50), ("dan", 60)]);
    let channel = club.now(
        "ben",
        AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: true,
        },
    );
    let views = |club: &mut Club, name: &str| {
        let account = club.id(name);
        club.state().may_view(account, Some(channel.into()))
    };
    assert!(views(&mut club, "ana") && views(&mut club, "ben") && !views(&mut club, "dan"));
    // Who may not view it may not let himself or others in.
    let low = club.now("ana", role(5));
    let intrusion = overwrite(
        channel,
        OverwriteTarget::Role(low.into()),
        Permissions::VIEW,
        Permissions::NONE,
    );
    let intrusion = club.now("dan", intrusion);
    assert!(!club.effective(intrusion));
    let dan = club.id("dan");
    let let_in = overwrite(
        channel,
        OverwriteTarget::Member(dan),
        Permissions::VIEW,
        Permissions::NONE,
    );
    club.now("ana", let_in);
    assert!(views(&mut club, "dan"));
    let out = overwrite(
        channel,
        OverwriteTarget::Member(dan),
        Permissions::NONE,
        Permissions::NONE,
    );
    let out = club.now("ana", out);
    assert!(!views(&mut club, "dan"));
    let lost = club
        .state()
        .losses
        .iter()
        .find(|loss| loss.op == out)
        .cloned()
        .unwrap();
    assert_eq!((lost.account, lost.channel), (dan, Some(channel.into())));
    club.check();
}

#[test]
fn a_removal_is_a_loss_and_a_denial_with_what_it_accepts() {
    let mut club = Club::with(&[("ben", 10), ("olga", 50)]);
    let (account, device) = (club.id("ben"), club.device("ben"));
    let last = vec![EventId([3; 32])];
    let removal = club.now(
        "olga",
        AuthorityOp::Kick {
            account,
            last: last.clone(),
        },
    );
    let denials = club.log().denials(device);
    assert_eq!(denials.len(), 1);
    assert_eq!(
        (denials[0].op, &denials[0].last, denials[0].channel),
        (removal, &last, None)
    );
    assert!(denials[0].rights.has(Permissions::SEND));
    assert!(
        club.state()
            .losses
            .iter()
            .any(|loss| loss.op == removal && loss.account == account)
    );
    assert_eq!(club.log().removals(account), vec![removal]);
    let why = club.log().why(account, Permissions::SEND, None);
    assert!(!why.granted && why.ops == vec![removal], "{why:?}");
}

#[test]
fn taking_a_role_denies_only_what_the_account_then_lacks() {
    let mut club = Club::with(&[("ben", 0)]);
    let plain = club.now(
        "ana",
        AuthorityOp::RoleCreate {
            rank: Rank(3),
            permissions: Permissions::SEND,
        },
    );
    let heads = club.heads();
    club.grant("ana", &heads, "ben", plain);
    let device = club.device("ben");
    let heads = club.heads();
    club.revoke("ana", &heads, "ben", plain);
    assert_eq!(club.log().denials(device), vec![], "everyone may send");
    let moderator = club.now(
        "ana",
        AuthorityOp::RoleCreate {
            rank: Rank(4),
            permissions: Permissions::MANAGE_MESSAGES,
        },
    );
    let heads = club.heads();
    club.grant("ana", &heads, "ben", moderator);
    let edit = AuthorityOp::RoleEdit {
        role: moderator.into(),
        rank: Rank(4),
        permissions: Permissions::NONE,
        last: vec![],
    };
    let edit = club.now("ana", edit);
    let denials = club.log().denials(device);
    assert_eq!(denials.len(), 1);
    assert_eq!(
        (denials[0].op, denials[0].rights),
        (edit, Permissions::MANAGE_MESSAGES)
    );
    let account = club.id("ben");
    let until = UnixMs(5);
    let time_out = club.now(
        "ana",
        AuthorityOp::TimeOut {
            account,
            until,
            last: vec![],
        },
    );
    assert_eq!(club.state().timeouts[&account], (time_out, until));
    assert_eq!(club.log().denials(device).len(), 2);
}

#[test]
fn a_right_that_rested_on_a_fallen_grant_does_not_stand() {
    let mut club = Club::with(&[("mallory", 50), ("olga", 60), ("ben", 0)]);
    let pins = club.now(
        "ana",
        AuthorityOp::RoleCreate {
            rank: Rank(4),
            permissions: Permissions::MANAGE_MESSAGES,
        },
    );
    let old = club.heads();
    let grant = club.grant("mallory", &old, "ben", pins);
    let account = club.id("ben");
    let right = |state: std::sync::Arc<alloquy_schema::authority::State>| {
        state
            .permissions(account, None)
            .has(Permissions::MANAGE_MESSAGES)
    };
    assert!(right(club.log().state_at(&[grant]).unwrap()));
    assert!(right(club.log().standing_at(&[grant]).unwrap()));
    club.kick("olga", &old, "mallory");
    assert!(
        right(club.log().state_at(&[grant]).unwrap()),
        "the past does not change"
    );
    assert!(!right(club.log().standing_at(&[grant]).unwrap()));
}

#[test]
fn an_unknown_operation_is_kept_and_changes_nothing() {
    let mut club = Club::with(&[("ben", 0)]);
    let before = club.state();
    let unknown = club.now(
        "ben",
        AuthorityOp::Unknown {
            tag: 200,
            bytes: vec![1, 2, 3],
        },
    );
    assert_eq!(*club.state(), *before);
    assert_eq!(
        club.log().op(unknown),
        Some(&AuthorityOp::Unknown {
            tag: 200,
            bytes: vec![1, 2, 3]
        })
    );
    assert!(club.log().dag().contains(unknown));
}

#[test]
fn behind_a_later_level_everything_is_kept_and_ignored() {
    let mut club = Club::with(&[("ben", 0), ("mallory", 50)]);
    let old = club.heads();
    let pretended = club.at("mallory", &old, AuthorityOp::SetLevel { level: 9 });
    assert_eq!(club.state().level, 1, "only owners raise the level");
    let raised = club.at("ana", &old, AuthorityOp::SetLevel { level: 2 });
    assert_eq!(club.state().level, 2);
    // A tag that is known here may mean something else there: its bytes are not even read.
    let later = club.at(
        "ana",
        &[raised],
        AuthorityOp::Unknown {
            tag: 15,
            bytes: vec![0xff; 3],
        },
    );
    let kick = club.kick("ana", &[later], "ben");
    assert!(club.is_member("ben"));
    assert!(matches!(
        club.log().op(kick),
        Some(AuthorityOp::Unknown { tag: 15, .. })
    ));
    let aside = club.kick("mallory", &[pretended], "ben");
    assert!(
        club.effective(aside),
        "what does not have the new level in its past is read as before"
    );
    club.check();
}

#[test]
fn what_does_not_hold_is_refused_for_ever() {
    let mut club = Club::with(&[("ben", 0)]);
    let mut join = club.join("new", None);
    join.device_signature[0] ^= 1;
    let heads = club.heads();
    assert!(
        club.try_at("ana", &heads, &AuthorityOp::Admit(join))
            .is_err()
    );
    let mut join = club.join("new", None);
    join.community = alloquy_ids::CommunityId([4; 32]);
    assert!(
        club.try_at("ana", &heads, &AuthorityOp::Admit(join))
            .is_err()
    );
    let genesis = club.events[0].clone();
    let op = club.log().op(genesis.id()).unwrap().clone();
    assert!(club.try_at("ana", &heads, &op).is_err(), "a second genesis");
    // Tag 15 (kick) with too few bytes.
    assert!(
        club.try_at(
            "ana",
            &heads,
            &AuthorityOp::Unknown {
                tag: 15,
                bytes: vec![1]
            }
        )
        .is_err()
    );
    let missing = club.try_at("ana", &[EventId([1; 32])], &AuthorityOp::Merge);
    assert!(matches!(
        missing,
        Err(alloquy_schema::dag::InsertError::MissingParents(_))
    ));
}

#[test]
fn epochs_are_announced_by_members_and_stay_readable() {
    let mut club = Club::with(&[("ben", 0), ("olga", 50)]);
    let announce = |parents: Vec<EventId>, channel: Option<ChannelId>| {
        let parents = parents.into_iter().map(Into::into).collect();
        AuthorityOp::AnnounceEpoch(EpochAnnouncement {
            channel,
            parents,
            commit: [7; 32],
            links: vec![],
        })
    };
    let first = club.now("ana", announce(vec![], None));
    let old = club.heads();
    let second = club.at("ben", &old, announce(vec![first], None));
    let removal = club.kick("olga", &old, "ben");
    let state = club.state();
    assert_eq!(state.epochs[&EpochId::from(first)].depth, 0);
    // The announcement of somebody who is removed meanwhile can be read with, but not written with.
    assert_eq!(state.epochs[&EpochId::from(second)].depth, 1);
    assert!(
        state
            .losses
            .iter()
            .any(|loss| loss.op == removal && !club.log().in_closure(&[second], loss.op))
    );
    let stranger = club.now("ben", announce(vec![second], None));
    let public = club.now(
        "ana",
        AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: false,
        },
    );
    let wrong = club.now("ana", announce(vec![], Some(public.into())));
    let orphan = club.now("ana", announce(vec![EventId([8; 32])], None));
    for op in [stranger, wrong, orphan] {
        assert!(!club.effective(op));
        assert!(!club.state().epochs.contains_key(&EpochId::from(op)));
    }
    club.check();
}

#[test]
fn a_refusal_names_the_operations_that_decided() {
    let mut club = Club::with(&[("mallory", 50), ("olga", 60), ("ben", 0)]);
    let old = club.heads();
    let removal = club.kick("olga", &old, "mallory");
    let late = club.kick("mallory", &old, "ben");
    let Some(Verdict::Ineffective { by, reason }) = club.log().verdict(late) else {
        panic!("it counts")
    };
    assert_eq!(by, vec![removal]);
    assert!(reason.contains(&removal.short()), "{reason}");
    let after = club.kick("mallory", &[removal], "ben");
    let Some(Verdict::Ineffective { by, .. }) = club.log().verdict(after) else {
        panic!("it counts")
    };
    assert_eq!(by, vec![removal]);
    let account = club.id("ben");
    let op = AuthorityOp::Kick {
        account,
        last: vec![],
    };
    let olga = club.id("olga");
    assert!(club.log().permits(olga, &op).is_ok());
    let refusal = club.log().permits(account, &op).unwrap_err();
    assert!(refusal.contains("kick"), "{refusal}");
}
