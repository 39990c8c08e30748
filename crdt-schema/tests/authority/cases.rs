//! The fixed cases of docs/protocol.md, "Authority": each history is written out, each outcome stated.

use alloquy_schema::authority::op::AuthorityOp;

use crate::club::{Club, role};

#[test]
fn a_removed_admin_cannot_remove_his_remover_with_old_heads() {
    let mut club = Club::with(&[("mallory", 50), ("olga", 10)]);
    let old = club.heads();
    let high = club.now("ana", role(80));
    let heads = club.heads();
    club.grant("ana", &heads, "olga", high);
    let heads = club.heads();
    let removal = club.kick("olga", &heads, "mallory");
    let revenge = club.kick("mallory", &old, "olga");
    assert!(club.effective(removal));
    assert!(!club.effective(revenge));
    assert!(club.is_member("olga") && !club.is_member("mallory"));
    club.check();
}

#[test]
fn two_partitions_promote_and_remove_each_other() {
    let mut club = Club::with(&[("ana2", 0), ("a", 10), ("b", 10)]);
    let high = club.now("ana", role(80));
    let old = club.heads();
    let left = club.grant("ana", &old, "a", high);
    let a_removes_b = club.kick("a", &[left], "b");
    let right = club.grant("ana", &old, "b", high);
    let b_removes_a = club.kick("b", &[right], "a");
    assert!(club.effective(left) && club.effective(right));
    // Neither is of lower rank once the other's promotion is known.
    assert!(!club.effective(a_removes_b) && !club.effective(b_removes_a));
    assert!(club.is_member("a") && club.is_member("b"));
    club.check();
}

#[test]
fn sock_puppets_admitted_with_old_heads_fall() {
    let mut club = Club::with(&[("mallory", 50), ("olga", 60)]);
    let old = club.heads();
    club.kick("olga", &old, "mallory");
    let sock = club.admit("mallory", &old, "sock");
    let second = club.admit("sock", &[sock], "sock2");
    assert!(!club.effective(sock) && !club.effective(second));
    assert!(!club.is_member("sock") && !club.is_member("sock2"));
    let op = AuthorityOp::Leave;
    club.now("ana", op);
    club.check();
}
