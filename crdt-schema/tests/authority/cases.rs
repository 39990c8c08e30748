//! The fixed cases of docs/protocol.md, "Authority": each history is written out, each outcome stated.

use alloquy_ids::{EventId, InviteId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{Permissions, Rank};

use crate::club::{Club, role};

fn invite(seed: u8) -> (DeviceKey, AuthorityOp) {
    let key = DeviceKey::from_seed(&[seed; 32]);
    let op = AuthorityOp::InviteCreate {
        key: key.public(),
        expires: None,
        uses: None,
    };
    (key, op)
}

/// A club with two partitions that share `heads`.
fn parted(ranks: &[(&str, u32)]) -> (Club, Vec<EventId>) {
    let club = Club::with(ranks);
    let heads = club.heads();
    (club, heads)
}

#[test]
fn a_removed_admin_cannot_remove_his_remover_with_old_heads() {
    let (mut club, old) = parted(&[("mallory", 50), ("olga", 10)]);
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
    let (mut club, _) = parted(&[("a", 10), ("b", 10)]);
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
fn nothing_that_a_removed_admin_dates_back_counts() {
    let (mut club, _) = parted(&[("mallory", 50), ("olga", 60), ("ben", 0)]);
    let low = club.now("ana", role(5));
    let old = club.heads();
    club.kick("olga", &old, "mallory");
    let ban = club.ban("mallory", &old, "ben");
    let promotion = club.grant("mallory", &old, "ben", low);
    let made = club.at("mallory", &old, invite(3).1);
    let edit = AuthorityOp::RoleEdit {
        role: low.into(),
        rank: Rank(40),
        permissions: Permissions::ALL,
        last: vec![],
    };
    let edit = club.at("mallory", &old, edit);
    for op in [ban, promotion, made, edit] {
        assert!(!club.effective(op), "{:?}", club.log().op(op));
    }
    assert_eq!(club.rank("ben"), 0);
    assert!(club.is_member("ben"));
    club.check();
}

#[test]
fn a_nonsense_operation_in_an_owners_past_changes_nothing() {
    let (mut club, old) = parted(&[("mallory", 50), ("ben", 0)]);
    let nonsense = club.ban("ben", &old, "mallory");
    let removal = club.kick("ana", &[nonsense], "mallory");
    let answer = club.kick("mallory", &old, "ben");
    assert!(!club.effective(nonsense) && club.effective(removal) && !club.effective(answer));
    club.check();
}

#[test]
fn sock_puppets_admitted_with_old_heads_fall() {
    let (mut club, old) = parted(&[("mallory", 50), ("olga", 60)]);
    club.kick("olga", &old, "mallory");
    let sock = club.admit("mallory", &old, "sock");
    let second = club.admit("sock", &[sock], "sock2");
    let (_, op) = invite(4);
    let made = club.at("sock", &[sock], op);
    assert!(!club.effective(sock) && !club.effective(second) && !club.effective(made));
    assert!(!club.is_member("sock") && !club.is_member("sock2"));
    // Whoever was given keys by the fallen admission has lost them to the removal.
    let account = club.id("sock");
    assert!(
        club.state()
            .losses
            .iter()
            .any(|loss| loss.account == account)
    );
    club.check();
}

#[test]
fn what_rank_forbids_is_refused() {
    let (mut club, heads) = parted(&[("a", 50), ("b", 50), ("low", 10)]);
    let limited = AuthorityOp::RoleCreate {
        rank: Rank(40),
        permissions: Permissions::MANAGE_ROLES,
    };
    let keeper = club.now("ana", limited);
    let high = club.now("ana", role(90));
    let equal = club.kick("a", &heads, "b");
    let heads = club.heads();
    let own = club.grant("low", &heads, "low", high);
    let above = club.grant("a", &heads, "low", high);
    let heads = club.heads();
    club.admit("ana", &heads, "keeper");
    let heads = club.heads();
    club.grant("ana", &heads, "keeper", keeper);
    // The keeper of roles holds no BAN: he can not give it, nor raise a role to his own rank.
    let gift = AuthorityOp::RoleCreate {
        rank: Rank(1),
        permissions: Permissions::BAN,
    };
    let gift = club.now("keeper", gift);
    let small = club.now(
        "keeper",
        AuthorityOp::RoleCreate {
            rank: Rank(1),
            permissions: Permissions::NONE,
        },
    );
    let edit = |rank| AuthorityOp::RoleEdit {
        role: small.into(),
        rank: Rank(rank),
        permissions: Permissions::NONE,
        last: vec![],
    };
    let overtaking = club.now("keeper", edit(40));
    let below = club.now("keeper", edit(39));
    let unknown = AuthorityOp::RoleCreate {
        rank: Rank(1),
        permissions: Permissions(1 << 60),
    };
    let unknown = club.now("ana", unknown);
    for op in [equal, own, above, gift, overtaking, unknown] {
        assert!(!club.effective(op), "{:?}", club.log().op(op));
    }
    assert!(club.effective(small) && club.effective(below));
    club.check();
}

#[test]
fn a_removal_beats_a_weaker_promotion_and_yields_to_a_stronger_one() {
    for (remover, stays) in [("olga", true), ("ana", false)] {
        let (mut club, _) = parted(&[("olga", 60), ("mod", 50), ("ben", 0)]);
        let small = club.now("ana", role(20));
        let old = club.heads();
        let promoter = if stays { "ana" } else { "mod" };
        club.kick(remover, &old, "ben");
        club.grant(promoter, &old, "ben", small);
        assert_eq!(
            club.is_member("ben"),
            stays,
            "removed by {remover}, promoted by {promoter}"
        );
        assert_eq!(club.rank("ben"), if stays { 20 } else { 0 });
        club.check();
    }
}

#[test]
fn a_demotion_stops_what_the_demoted_grants_meanwhile() {
    let (mut club, _) = parted(&[("olga", 60), ("ben", 0)]);
    let fifty = club.now("ana", role(50));
    let heads = club.heads();
    club.admit("ana", &heads, "mod");
    let heads = club.heads();
    club.grant("ana", &heads, "mod", fifty);
    let small = club.now("ana", role(20));
    let old = club.heads();
    club.revoke("olga", &old, "mod", fifty);
    let grant = club.grant("mod", &old, "ben", small);
    assert!(!club.effective(grant));
    assert_eq!((club.rank("ben"), club.rank("mod")), (0, 0));
    club.check();
}

#[test]
fn a_ban_beats_an_unban_of_equal_strength_and_any_admission() {
    let (mut club, _) = parted(&[("a", 50), ("b", 50), ("ben", 0)]);
    let heads = club.heads();
    club.ban("a", &heads, "ben");
    let old = club.heads();
    let ban = club.ban("a", &old, "ben");
    let unban = {
        let account = club.id("ben");
        club.at("b", &old, AuthorityOp::Unban { account })
    };
    assert!(club.effective(ban) && club.effective(unban));
    assert!(!club.is_member("ben"));
    let before = club.heads();
    let banned = club.ban("a", &before, "new");
    let admit = club.admit("b", &before, "new");
    assert!(club.effective(banned) && club.effective(admit));
    assert!(!club.is_member("new"));
    club.check();
}

#[test]
fn a_ban_keeps_the_record_and_an_unban_brings_it_back() {
    let mut club = Club::with(&[("a", 50), ("ben", 10)]);
    let heads = club.heads();
    club.ban("a", &heads, "ben");
    assert!(!club.is_member("ben"));
    let account = club.id("ben");
    club.now("a", AuthorityOp::Unban { account });
    assert!(club.is_member("ben"));
    assert_eq!(club.rank("ben"), 10);
    club.check();
}

#[test]
fn a_removal_and_an_admission_again() {
    let (mut club, old) = parted(&[("a", 50), ("ben", 10)]);
    let removal = club.kick("a", &old, "ben");
    let again = club.admit("ana", &[removal], "ben");
    let late = club.admit("ben", &old, "friend");
    assert!(club.effective(again) && club.is_member("ben"));
    assert_eq!(club.rank("ben"), 0, "roles end with the membership");
    assert!(
        !club.effective(late),
        "what he did while he was out stays out"
    );
    club.check();
}

#[test]
fn who_left_stays_left_though_promoted_meanwhile() {
    let (mut club, _) = parted(&[("ben", 10), ("dan", 0)]);
    let high = club.now("ana", role(80));
    let old = club.heads();
    let leave = club.at("ben", &old, AuthorityOp::Leave);
    let promotion = club.grant("ana", &old, "ben", high);
    let own = club.kick("ben", &old, "dan");
    assert!(club.effective(leave) && club.effective(promotion) && !club.effective(own));
    assert!(!club.is_member("ben") && club.is_member("dan"));
    club.check();
}

#[test]
fn giving_up_a_role_stops_ones_own_concurrent_operations() {
    let (mut club, _) = parted(&[("dan", 0)]);
    let fifty = club.now("ana", role(50));
    let heads = club.heads();
    club.admit("ana", &heads, "ben");
    let heads = club.heads();
    club.grant("ana", &heads, "ben", fifty);
    let old = club.heads();
    let given_up = club.revoke("ben", &old, "ben", fifty);
    let kick = club.kick("ben", &old, "dan");
    assert!(club.effective(given_up) && !club.effective(kick));
    assert_eq!(club.rank("ben"), 0);
    club.check();
}

#[test]
fn cycles_of_three_fall_to_the_strongest() {
    let (mut club, old) = parted(&[("a", 50), ("b", 40), ("c", 30)]);
    let high = club.now("ana", role(60));
    let heads = club.heads();
    // c is promoted above a, and removes a; a removes b; b removes c as he was.
    club.grant("ana", &heads, "c", high);
    let heads = club.heads();
    let c_a = club.kick("c", &heads, "a");
    let a_b = club.kick("a", &old, "b");
    let b_c = club.kick("b", &old, "c");
    assert!(club.effective(c_a) && !club.effective(a_b) && !club.effective(b_c));
    assert!(club.is_member("c") && club.is_member("b") && !club.is_member("a"));
    club.check();
}

#[test]
fn a_grant_confirms_a_membership_whose_admission_falls() {
    let (mut club, _) = parted(&[("mod", 50), ("olga", 60)]);
    let small = club.now("ana", role(10));
    let old = club.heads();
    let admit = club.admit("mod", &old, "ben");
    let grant = club.grant("ana", &[admit], "ben", small);
    club.kick("olga", &old, "mod");
    assert!(!club.effective(admit) && club.effective(grant));
    assert!(club.is_member("ben"));
    let device = club.device("ben");
    let account = club.id("ben");
    assert_eq!(club.state().account_of(device), Some(account));
    club.check();
}

#[test]
fn a_revoked_invite_ends_concurrent_and_later_admissions_until_reaffirmed() {
    let (mut club, _) = parted(&[("mod", 50), ("ben", 0)]);
    let (key, op) = invite(3);
    let made = club.now("mod", op);
    let join =
        |club: &mut Club, name: &str| AuthorityOp::Admit(club.join(name, Some((made, &key))));
    let first = join(&mut club, "first");
    let first = club.now("ben", first);
    let old = club.heads();
    club.at(
        "mod",
        &old,
        AuthorityOp::InviteRevoke {
            invite: made.into(),
        },
    );
    let second = join(&mut club, "second");
    let second = club.at("ben", &old, second);
    assert!(club.effective(first) && !club.effective(second));
    let third = join(&mut club, "third");
    let third = club.now("ben", third);
    assert!(!club.effective(third));
    let reaffirmed = club.now(
        "ben",
        AuthorityOp::Reaffirm {
            ops: vec![second, third],
        },
    );
    assert!(club.effective(reaffirmed), "everyone holds INVITE here");
    assert!(club.is_member("second") && club.is_member("third"));
    assert_eq!(club.state().invites[&InviteId::from(made)].used, 3);
    club.check();
}

#[test]
fn a_creator_without_kick_binds_only_what_saw_his_revocation() {
    let (mut club, _) = parted(&[("ben", 0), ("dan", 0)]);
    let (key, op) = invite(3);
    let made = club.now("ben", op);
    let old = club.heads();
    let revoked = club.at(
        "ben",
        &old,
        AuthorityOp::InviteRevoke {
            invite: made.into(),
        },
    );
    let join = AuthorityOp::Admit(club.join("new", Some((made, &key))));
    let admit = club.at("dan", &old, join);
    assert!(club.effective(revoked) && club.effective(admit));
    let join = AuthorityOp::Admit(club.join("newer", Some((made, &key))));
    let later = club.now("dan", join);
    assert!(!club.effective(later));
    club.check();
}

#[test]
fn an_invite_works_only_while_its_creator_may_invite() {
    let (mut club, _) = parted(&[("mallory", 10), ("olga", 60), ("dan", 0)]);
    let (key, op) = invite(3);
    let made = club.now("mallory", op);
    let old = club.heads();
    club.kick("olga", &old, "mallory");
    let join = AuthorityOp::Admit(club.join("sock", Some((made, &key))));
    let concurrent = club.at("dan", &old, join.clone());
    assert!(!club.effective(concurrent));
    let later = club.now("dan", join);
    assert!(!club.effective(later));
    let forged =
        AuthorityOp::Admit(club.join("sock", Some((made, &DeviceKey::from_seed(&[8; 32])))));
    let forged = club.at("dan", &old, forged);
    assert!(!club.effective(forged));
    club.check();
}

#[test]
fn an_admin_who_dates_back_an_owner_change_finds_no_votes() {
    let mut club = Club::with(&[("mallory", 50)]);
    let genesis = club.events[0].id();
    let mallory = club.id("mallory");
    let op = club.certificate(genesis, &["mallory"], &["mallory"]);
    let coup = club.now("mallory", op);
    assert!(!club.effective(coup));
    assert!(!club.state().is_owner(mallory));
    club.check();
}

#[test]
fn owners_change_by_more_than_half_of_the_votes() {
    let mut club = Club::with(&[("olga", 0), ("ben", 0), ("dan", 0)]);
    let genesis = club.events[0].id();
    let op = club.certificate(genesis, &["ana", "olga", "ben"], &["ana"]);
    // Any member may bring a certificate in.
    let first = club.now("dan", op);
    assert!(club.effective(first));
    assert_eq!(club.rank("olga"), Rank::OWNER.0);
    // 3 + 2 + 2 votes: two plain owners are 4 of 7, the founder alone is 3.
    let alone = club.certificate(first, &["ana"], &["ana"]);
    let alone = club.now("ana", alone);
    let old = club.heads();
    let without = club.certificate(first, &["olga", "ben"], &["olga", "ben"]);
    let without = club.at("olga", &old, without);
    let with = club.certificate(first, &["ana", "olga"], &["ana", "olga"]);
    let with = club.at("ana", &old, with);
    assert!(!club.effective(alone));
    assert!(
        club.effective(with) && !club.effective(without),
        "five votes beat four"
    );
    assert_eq!(club.state().owners_version, with);
    club.check();
}

#[test]
fn an_owner_who_is_voted_out_has_no_effect_meanwhile() {
    let mut club = Club::with(&[("olga", 0), ("ben", 0), ("dan", 0)]);
    let genesis = club.events[0].id();
    let op = club.certificate(genesis, &["ana", "olga", "ben"], &["ana"]);
    let first = club.now("ana", op);
    let old = club.heads();
    let out = club.certificate(first, &["ana", "ben"], &["ana", "ben"]);
    club.at("ana", &old, out);
    let kick = club.kick("olga", &old, "dan");
    assert!(!club.effective(kick));
    club.check();
}

/// ana, olga and ben are owners; then ana and olga put ben out, and ana and ben olga, neither having seen the other.
fn rivals() -> (Club, EventId, EventId) {
    let mut club = Club::with(&[("olga", 0), ("ben", 0)]);
    let genesis = club.events[0].id();
    let op = club.certificate(genesis, &["ana", "olga", "ben"], &["ana"]);
    let first = club.now("ana", op);
    let one = club.certificate(first, &["ana", "olga"], &["ana", "olga"]);
    let one = club.at("ana", &[first], one);
    let other = club.certificate(first, &["ana", "ben"], &["ana", "ben"]);
    let other = club.at("ana", &[first], other);
    (club, one, other)
}

#[test]
fn rival_certificates_are_ordered_by_endorsement_and_stay_so() {
    let (mut club, one, other) = rivals();
    // The one with the greater id would lose the tie; an owner's operation upon it decides.
    let greater = one.max(other);
    club.at("ben", &[greater], AuthorityOp::Merge);
    assert_eq!(club.state().owners_version, greater);
    let merged = club.now("olga", AuthorityOp::Merge);
    club.at("ana", &[merged], AuthorityOp::Merge);
    assert_eq!(
        club.state().owners_version,
        greater,
        "what has seen both decides nothing"
    );
    club.check();
}

#[test]
fn a_certificate_over_one_that_loses_falls_with_it_and_names_it() {
    let (mut club, one, other) = rivals();
    let (smaller, greater) = (one.min(other), one.max(other));
    let upon = club.certificate(smaller, &["ana"], &["ana"]);
    let upon = club.now("ana", upon);
    assert!(club.effective(upon), "it replaces the version in force");
    // An owner who has seen nothing of it turns the choice among the two.
    club.at("ben", &[greater], AuthorityOp::Merge);
    assert_eq!(club.state().owners_version, greater);
    assert_eq!(club.fell_to(smaller), [greater]);
    assert_eq!(
        club.fell_to(upon),
        [smaller],
        "not what it had seen and left"
    );
    club.check();
}
