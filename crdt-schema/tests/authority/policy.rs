//! Rules of a community: who may change them, and what stands when several do.

use alloquy_ids::UnixMs;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::policy::{JoinRule, LinkRule, Policy, Rule};

use crate::club::{Club, role};

fn rule(rule: Rule) -> AuthorityOp {
    AuthorityOp::SetPolicy(rule)
}

#[test]
fn rules_are_for_holders_of_the_right_and_each_is_a_field_of_its_own() {
    let mut club = Club::with(&[("low", 10), ("high", 60), ("ben", 0)]);
    assert_eq!(*club.state().policy, Policy::default());
    let refused = club.now("ben", rule(Rule::Wait(1_000)));
    assert!(!club.effective(refused));
    let old = club.heads();
    // Concurrent changes of different rules stand side by side; of one rule the stronger author's does.
    let wait = club.at("low", &old, rule(Rule::Wait(2_000)));
    let stronger = club.at("high", &old, rule(Rule::Joins(JoinRule::Approval)));
    let weaker = club.at("low", &old, rule(Rule::Joins(JoinRule::Open)));
    let links = club.at("low", &old, rule(Rule::Links(LinkRule::Roles)));
    for op in [wait, stronger, weaker, links] {
        assert!(club.effective(op));
    }
    let expected = Policy {
        joins: JoinRule::Approval,
        wait_ms: 2_000,
        links: LinkRule::Roles,
        ..Policy::default()
    };
    assert_eq!(*club.state().policy, expected);
    let by: Vec<_> = club.state().policy_by.values().copied().collect();
    assert_eq!(by, [stronger, wait, links]);
    club.check();
    // Who has seen it may change it, however weak.
    club.now("low", rule(Rule::Joins(JoinRule::Invite)));
    assert_eq!(club.state().policy.joins, JoinRule::Invite);
    club.check();
}

#[test]
fn what_a_removed_moderator_changes_meanwhile_falls_and_may_be_repeated() {
    let mut club = Club::with(&[("mallory", 50), ("olga", 60)]);
    let old = club.heads();
    club.kick("olga", &old, "mallory");
    let meanwhile = club.at(
        "mallory",
        &old,
        rule(Rule::Refused(vec!["olga".to_owned()])),
    );
    assert!(!club.effective(meanwhile));
    assert_eq!(*club.state().policy, Policy::default());
    let repeated = club.now(
        "ana",
        AuthorityOp::Reaffirm {
            ops: vec![meanwhile],
        },
    );
    assert!(club.effective(repeated));
    assert_eq!(club.state().policy.refused, ["olga"]);
    club.check();
}

#[test]
fn a_waiting_period_ends_by_the_signed_time_of_the_admission() {
    let mut club = Club::with(&[("mod", 50), ("ben", 0)]);
    let (ben, moderator, ana) = (club.id("ben"), club.id("mod"), club.id("ana"));
    let writes = |club: &Club, account| club.log().writes_from(&club.state(), account);
    assert_eq!(writes(&club, ben), None);
    club.now("ana", rule(Rule::Wait(5_000)));
    let state = club.state();
    let admitted = club.log().dag().get(state.members[&ben].admitted).unwrap();
    let wall = admitted.header().wall.0;
    assert_eq!(writes(&club, ben).map(|at| at.0), Some(wall + 5_000));
    assert_eq!(writes(&club, moderator), None, "a role is trust enough");
    assert_eq!(writes(&club, ana), None, "owners do not wait");
    let small = club.now("ana", role(1));
    let heads = club.heads();
    club.grant("ana", &heads, "ben", small);
    assert_eq!(writes(&club, ben), None);
    club.check();
}

/// Two members of rank 0 admit somebody at once; the later time must not count, whichever operation stands.
#[test]
fn who_admits_a_member_once_more_does_not_have_it_wait_longer() {
    let mut stood = [0; 2];
    for n in 0..8 {
        let mut club = Club::with(&[("mallory", 0), ("dan", 0)]);
        club.now("ana", rule(Rule::Wait(5_000)));
        // Makes ids differ from round to round.
        club.wall = UnixMs(n);
        club.now("ana", role(1));
        let ben = club.id("ben");
        let old = club.heads();
        club.wall = UnixMs(1_000);
        let first = club.admit("dan", &old, "ben");
        club.wall = UnixMs(u64::MAX);
        let second = club.admit("mallory", &old, "ben");
        assert!(club.effective(first) && club.effective(second));
        let stands = club.state().members[&ben].admitted;
        stood[usize::from(stands == second)] += 1;
        let from = |club: &Club| club.log().writes_from(&club.state(), ben);
        assert_eq!(from(&club), Some(UnixMs(6_000)), "round {n}");
        club.check();
        // An admission with everything else in its past is no way either.
        let heads = club.heads();
        club.admit("mallory", &heads, "ben");
        assert_eq!(from(&club), Some(UnixMs(6_000)), "round {n}");
        club.check();
    }
    assert!(stood.iter().all(|rounds| *rounds > 0), "{stood:?}");
}

/// A later release's rules have no effect here, and are no fault of whoever set them.
#[test]
fn a_rule_that_is_not_known_is_kept_and_ignored() {
    let mut club = Club::with(&[]);
    let unknown = |bytes: &[u8]| AuthorityOp::Unknown {
        tag: 31,
        bytes: bytes.to_vec(),
    };
    for bytes in [&[7, 1, 2][..], &[0], &[1, 4], &[1, 0], &[3, 9, 9]] {
        let op = unknown(bytes);
        let read = AuthorityOp::from_bytes(&op.to_bytes());
        assert_eq!(read.as_ref(), Ok(&op), "{bytes:?}");
        club.now("ana", op);
        assert_eq!(*club.state().policy, Policy::default());
    }
    // What is known must hold.
    for bytes in [&[1, 1, 0][..], &[2, 0], &[4, 2], &[5, 1, 1]] {
        assert!(AuthorityOp::from_bytes(&unknown(bytes).to_bytes()).is_err());
    }
    club.check();
}
