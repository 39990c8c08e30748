//! What evaluation costs, counted in judgements and written fields: time would differ between machines.

use alloquy_ids::{EventId, RoleId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::permissions::{Permissions, Rank};

use crate::club::{Club, role};

fn edit(role: EventId, bits: u64) -> AuthorityOp {
    let permissions = Permissions(bits & 3);
    AuthorityOp::RoleEdit {
        role: role.into(),
        rank: Rank(5),
        permissions,
        last: vec![],
    }
}

#[test]
fn a_chain_costs_the_same_for_each_operation() {
    let mut club = Club::with(&[("ben", 10)]);
    let made = club.now("ana", role(5));
    let before = club.log().effort();
    let n = 600;
    for at in 0..n {
        club.now("ana", edit(made, at));
        assert!(club.state().roles.contains_key(&RoleId::from(made)));
    }
    let after = club.log().effort();
    assert!(
        after.judged - before.judged <= 2 * n,
        "{before:?} {after:?}"
    );
    assert!(
        after.written - before.written <= 2 * n,
        "{before:?} {after:?}"
    );
    // An old state is replayed over a bounded stretch.
    let old = club.events[300].id();
    club.log().state_at(&[old]).unwrap();
    assert!(club.log().effort().written - after.written <= 64);
    club.check();
}

#[test]
fn concurrent_operations_are_judged_once() {
    let mut club = Club::with(&[("ben", 10)]);
    let made = club.now("ana", role(5));
    let heads = club.heads();
    let before = club.log().effort();
    let n = 300;
    for at in 0..n {
        club.at("ana", &heads, edit(made, at));
    }
    club.state();
    let after = club.log().effort();
    assert!(
        after.judged - before.judged <= 2 * n,
        "{before:?} {after:?}"
    );
    assert!(
        after.written - before.written <= 3 * n,
        "{before:?} {after:?}"
    );
    club.check();
}

#[test]
fn fifty_concurrent_joins_and_what_follows_cost_little() {
    let mut club = Club::with(&[("ben", 10)]);
    let heads = club.heads();
    let before = club.log().effort();
    let n = 50;
    let joins: Vec<_> = (0..n)
        .map(|at| club.admit("ben", &heads, &format!("newcomer {at}")))
        .collect();
    // More heads than an operation may name are joined first.
    while club.heads().len() > 8 {
        let some: Vec<_> = club.heads().into_iter().take(16).collect();
        club.at("ana", &some, AuthorityOp::Merge);
    }
    let made = club.now("ana", role(5));
    assert!(joins.iter().all(|join| club.effective(*join)));
    assert!(club.effective(made));
    let after = club.log().effort();
    assert!(
        after.judged - before.judged <= 3 * n,
        "{before:?} {after:?}"
    );
    assert!(
        after.written - before.written <= 5 * n,
        "{before:?} {after:?}"
    );
}

/// Operations on a thousand different pasts, and a thousand tips: each costs what it adds.
#[test]
fn a_thousand_tips_and_a_thousand_pasts_cost_what_they_add() {
    let mut club = Club::with(&[("ben", 10)]);
    let made = club.now("ana", role(5));
    let mut pasts = vec![club.heads()];
    let n = 1_000;
    for at in 0..n {
        let next = club.now("ana", edit(made, at));
        pasts.push(vec![next]);
    }
    let before = club.log().effort();
    for (past, at) in pasts.iter().zip(0..n) {
        club.at("ana", past, edit(made, at));
    }
    assert!(club.heads().len() > 900, "{} tips", club.heads().len());
    club.state();
    let after = club.log().effort();
    assert!(
        after.judged - before.judged <= 4 * n,
        "{before:?} {after:?}"
    );
    assert!(
        after.written - before.written <= 80 * n,
        "{before:?} {after:?}"
    );
}

#[test]
fn one_late_operation_beside_a_long_chain_is_one_replay() {
    let mut club = Club::with(&[("ben", 10), ("mallory", 20)]);
    let made = club.now("ana", role(5));
    let old = club.heads();
    let n = 400;
    for at in 0..n {
        club.now("ana", edit(made, at));
    }
    let before = club.log().effort();
    club.kick("mallory", &old, "ben");
    club.state();
    let after = club.log().effort();
    assert!(after.judged - before.judged <= 20, "{before:?} {after:?}");
    assert!(
        after.written - before.written <= 3 * n,
        "{before:?} {after:?}"
    );
    club.check();
}
