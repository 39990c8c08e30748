//! Laws that hold for every history: random operations by a few people with random heads in their past.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, InviteId, RoleId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, OverwriteTarget, OwnersProposal};
use alloquy_schema::authority::{AuthorityLog, Verdict};
use alloquy_schema::codec::Canonical;
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{ChannelKind, Permissions, Rank};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::club::{Club, replay};

const PEOPLE: [&str; 6] = ["ana", "ben", "cleo", "dan", "eve", "fay"];

/// One random operation: who, what, on whom, on what, and which heads.
#[derive(Clone, Debug)]
struct Step {
    who: usize,
    what: u8,
    whom: usize,
    thing: usize,
    value: u32,
    heads: Past,
}

/// What an operation has in its past.
#[derive(Clone, Debug)]
enum Past {
    /// Everything.
    All,
    /// Everything before the steps began, as in a partition.
    Start,
    /// These, counted back from the last.
    Some(Vec<usize>),
}

fn step() -> impl Strategy<Value = Step> {
    let some = prop::collection::vec(0..30_usize, 1..4).prop_map(Past::Some);
    let heads = prop_oneof![3 => Just(Past::All), 3 => Just(Past::Start), 4 => some];
    // Who may do much writes more often.
    let who = prop::sample::select(vec![0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5]);
    (
        who,
        0..26_u8,
        0..PEOPLE.len(),
        0..40_usize,
        any::<u32>(),
        heads,
    )
        .prop_map(|(who, what, whom, thing, value, heads)| Step {
            who,
            what,
            whom,
            thing,
            value,
            heads,
        })
}

fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..28)
}

/// Operations before the steps.
const SETUP: usize = 13;

/// Three ranks, an invite and a channel to begin with; then the steps.
fn play(steps: &[Step]) -> Club {
    let mut club = Club::with(&[("ben", 70), ("cleo", 50), ("dan", 50), ("eve", 0)]);
    let invite = invite_key();
    club.now(
        "cleo",
        AuthorityOp::InviteCreate {
            key: invite.public(),
            expires: None,
            uses: None,
        },
    );
    club.now(
        "ben",
        AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: true,
        },
    );
    assert_eq!(club.events.len(), SETUP);
    for step in steps {
        take(&mut club, step);
    }
    club
}

fn invite_key() -> DeviceKey {
    DeviceKey::from_seed(&[5; 32])
}

fn take(club: &mut Club, step: &Step) -> EventId {
    let heads = match &step.heads {
        Past::All => {
            let mut heads = club.heads();
            heads.truncate(16);
            heads
        }
        Past::Start => vec![club.events[SETUP - 1].id()],
        Past::Some(places) => {
            let at =
                |place: &usize| club.events[club.events.len() - 1 - place % club.events.len()].id();
            let mut heads: Vec<_> = places.iter().map(at).collect();
            heads.sort_unstable();
            heads.dedup();
            heads
        }
    };
    let op = operation(club, step);
    club.at(PEOPLE[step.who], &heads, op)
}

/// The operation of a step; things that it names exist about as often as not.
fn operation(club: &mut Club, step: &Step) -> AuthorityOp {
    let account = club.id(PEOPLE[step.whom]);
    let author = club.id(PEOPLE[step.who]);
    let made = |club: &Club, what: fn(&AuthorityOp) -> bool| -> EventId {
        let made: Vec<_> = club
            .events
            .iter()
            .map(|event| event.id())
            .filter(|id| club.log().op(*id).is_some_and(what))
            .collect();
        if made.is_empty() {
            EventId([9; 32])
        } else {
            made[step.thing % made.len()]
        }
    };
    let role: RoleId = made(club, |op| matches!(op, AuthorityOp::RoleCreate { .. })).into();
    let channel: ChannelId =
        made(club, |op| matches!(op, AuthorityOp::ChannelCreate { .. })).into();
    let invite = made(club, |op| matches!(op, AuthorityOp::InviteCreate { .. }));
    let any = club.events[step.thing % club.events.len()].id();
    let permissions = if step.value.is_multiple_of(2) {
        Permissions::ALL
    } else {
        Permissions::MEMBER
    };
    let rank = Rank(step.value % 90);
    let last = vec![];
    match step.what {
        0 | 1 => AuthorityOp::Kick { account, last },
        2 => AuthorityOp::Ban { account, last },
        3 => AuthorityOp::Unban { account },
        4..=6 => AuthorityOp::Grant { account, role },
        7 | 8 => AuthorityOp::Revoke {
            account,
            role,
            last,
        },
        9 => AuthorityOp::Revoke {
            account: author,
            role,
            last,
        },
        10 => AuthorityOp::Leave,
        11 => AuthorityOp::RoleCreate { rank, permissions },
        12 | 13 => AuthorityOp::RoleEdit {
            role,
            rank,
            permissions,
            last,
        },
        14 => AuthorityOp::RoleDelete { role, last },
        15 => AuthorityOp::Admit(club.join(PEOPLE[step.whom], None)),
        16 | 17 => AuthorityOp::Admit(club.join(PEOPLE[step.whom], Some((invite, &invite_key())))),
        18 => AuthorityOp::InviteCreate {
            key: invite_key().public(),
            expires: None,
            uses: Some(1),
        },
        19 => AuthorityOp::InviteRevoke {
            invite: InviteId::from(invite),
        },
        20 => AuthorityOp::Overwrite {
            channel,
            target: if step.value.is_multiple_of(3) {
                OverwriteTarget::Role(role)
            } else {
                OverwriteTarget::Member(account)
            },
            allow: permissions & Permissions(u64::from(step.value)),
            deny: Permissions::VIEW & Permissions(u64::from(step.value >> 8)),
            last,
        },
        21 => AuthorityOp::Reaffirm {
            ops: vec![any, invite],
        },
        22 => AuthorityOp::TimeOut {
            account,
            until: UnixMs(u64::from(step.value % 3)),
            last,
        },
        23 => certificate(club, step, any),
        24 => AuthorityOp::ChannelDelete { channel },
        _ => AuthorityOp::RoleEdit {
            role: RoleId::ZERO,
            rank: Rank(0),
            permissions,
            last,
        },
    }
}

fn certificate(club: &mut Club, step: &Step, any: EventId) -> AuthorityOp {
    let current = club.state().owners_version;
    let mut owners = vec![club.id("ana"), club.id(PEOPLE[step.whom])];
    owners.sort_unstable();
    owners.dedup();
    let replaces = if step.value.is_multiple_of(5) {
        any
    } else {
        current
    };
    let proposal = OwnersProposal {
        community: club.community,
        replaces,
        owners,
    };
    let key = club.key("ana");
    let signature = proposal.sign(&key);
    AuthorityOp::OwnersCertificate {
        proposal,
        signatures: vec![(key.id(), signature)],
    }
}

fn same(one: &AuthorityLog, other: &AuthorityLog) {
    assert_eq!(*one.state(), *other.state());
    assert_eq!(one.state().digest(), other.state().digest());
    for event in one.dag().iter() {
        let (first, second) = (one.verdict(event.id()), other.verdict(event.id()));
        assert_eq!(first, second, "verdict of {:?}", one.op(event.id()));
    }
}

/// Rank of the author in the state of the operation's own past.
fn strength(club: &Club, id: EventId) -> Rank {
    let header = club.log().dag().get(id).unwrap().header();
    let heads: Vec<_> = header.parents().collect();
    if heads.is_empty() {
        return Rank::CERTIFICATE;
    }
    if matches!(
        club.log().op(id),
        Some(AuthorityOp::OwnersCertificate { .. })
    ) {
        return Rank::CERTIFICATE;
    }
    let state = club.log().state_at(&heads).unwrap();
    state
        .account_ever(header.device)
        .map_or(Rank(0), |account| state.rank(account))
}

fn author(club: &Club, id: EventId) -> Option<AccountId> {
    club.state()
        .account_ever(club.log().dag().get(id).unwrap().header().device)
}

/// The laws are worth nothing if the histories are: most kinds count sometimes, and some fall to what is concurrent.
#[test]
fn random_histories_contend() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut counted, mut refused, mut fell) = (BTreeSet::new(), 0, 0);
    for _ in 0..32 {
        let steps = history().new_tree(&mut runner).unwrap().current();
        let club = play(&steps);
        for event in &club.events {
            match club.log().verdict(event.id()).unwrap() {
                Verdict::Effective => {
                    counted.insert(club.log().op(event.id()).unwrap().tag());
                }
                Verdict::Ineffective { reason, .. } if reason.contains("taken away") => fell += 1,
                Verdict::Ineffective { .. } => refused += 1,
            }
        }
    }
    assert!(
        counted.len() >= 17 && refused > 50 && fell > 9,
        "{counted:?} {refused} {fell}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// G1: the order of arrival, and whether anybody looked in between, decides nothing.
    #[test]
    fn every_order_of_arrival_gives_one_state(steps in history(), picks in prop::collection::vec(any::<prop::sample::Index>(), 80)) {
        let club = play(&steps);
        let mut picks = picks.into_iter().cycle();
        let again = replay(&club.events, |ready| picks.next().unwrap().index(ready));
        same(club.log(), &again);
        let mut doubled = AuthorityLog::new(club.events[0].clone()).unwrap();
        for event in &club.events {
            doubled.insert(event.clone()).unwrap();
            doubled.insert(event.clone()).unwrap();
            prop_assert!(!doubled.state().founder.as_bytes().iter().all(|byte| *byte == 0));
        }
        same(club.log(), &doubled);
    }

    /// A stranger's operation beside everything forces an evaluation from the genesis: nothing may change.
    #[test]
    fn in_steps_equals_from_scratch(steps in history()) {
        let mut club = play(&steps);
        let before = club.state();
        let verdicts: Vec<_> = club.events.iter().map(|event| club.log().verdict(event.id())).collect();
        let genesis = club.events[0].id();
        let stranger = DeviceKey::from_seed(&[77; 32]);
        let account = club.id("ana");
        club.signed(&stranger, &[genesis], &AuthorityOp::Ban { account, last: vec![] });
        prop_assert_eq!(&*club.state(), &*before);
        for (event, verdict) in club.events.iter().zip(verdicts) {
            prop_assert_eq!(club.log().verdict(event.id()), verdict, "{:?}", club.log().op(event.id()));
        }
    }

    /// `E(H)` never changes, whatever arrives later.
    #[test]
    fn the_past_stays_as_it_was(steps in history(), more in history()) {
        let mut club = play(&steps);
        let heads = club.heads();
        let before = club.state();
        for step in &more {
            take(&mut club, step);
        }
        let at = club.log().state_at(&heads).unwrap();
        prop_assert_eq!(&*at, &*before);
    }

    /// G2: what a removed author had signed without knowing the removal has no effect if it is weaker.
    #[test]
    fn a_removed_author_has_no_effect_with_old_heads(steps in history(), late in step()) {
        let mut club = play(&steps);
        let removals: Vec<_> = club.events.iter().map(|event| event.id()).filter(|id| {
            let removes = matches!(club.log().op(*id), Some(AuthorityOp::Kick { .. } | AuthorityOp::Ban { .. }));
            removes && club.effective(*id)
        }).collect();
        for removal in removals {
            let target = match club.log().op(removal) {
                Some(AuthorityOp::Kick { account, .. } | AuthorityOp::Ban { account, .. }) => *account,
                _ => continue,
            };
            let Some(who) = PEOPLE.iter().position(|name| club.id(name) == target) else { continue };
            let heads: Vec<_> = club.log().dag().get(removal).unwrap().header().parents().collect();
            let op = operation(&mut club, &Step { who, ..late.clone() });
            let own = matches!(&op, AuthorityOp::Leave) || matches!(&op, AuthorityOp::Revoke { account, .. } if *account == target);
            let id = club.at(PEOPLE[who], &heads, op);
            let judged = own || matches!(club.log().op(id), Some(AuthorityOp::OwnersCertificate { .. }));
            if !judged && club.effective(removal) && strength(&club, id) < strength(&club, removal) {
                prop_assert!(!club.effective(id), "{:?}", club.log().op(id));
            }
        }
    }

    /// G3: nobody weaker voids an act of somebody stronger, wherever he puts it.
    #[test]
    fn a_weaker_operation_voids_nothing_stronger(steps in history(), late in step()) {
        let mut club = play(&steps);
        let ids: Vec<_> = club.events.iter().map(|event| event.id()).collect();
        let counted: Vec<_> = ids.into_iter().filter(|id| club.effective(*id)).collect();
        let id = take(&mut club, &late);
        let weight = strength(&club, id);
        for other in counted {
            let own = author(&club, other) == author(&club, id);
            let admit = matches!(club.log().op(other), Some(AuthorityOp::Admit(_) | AuthorityOp::Reaffirm { .. }));
            if !own && !admit && strength(&club, other) >= weight && strength(&club, other) < Rank::CERTIFICATE {
                prop_assert!(club.effective(other), "{:?} fell to {:?}", club.log().op(other), club.log().op(id));
            }
        }
    }

    /// Every operation has one byte string, and a changed one is another operation or none.
    #[test]
    fn an_operation_has_one_form(steps in history(), at: prop::sample::Index, bit in 0..8_u8) {
        let club = play(&steps);
        for event in &club.events {
            let mut bytes = event.body().unwrap().to_vec();
            let op = AuthorityOp::from_bytes(&bytes).unwrap();
            prop_assert_eq!(&op.to_bytes(), &bytes);
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
            if let Ok(other) = AuthorityOp::from_bytes(&bytes) {
                prop_assert_ne!(&other, &op);
                prop_assert_eq!(other.to_bytes(), bytes.clone());
            }
            bytes.truncate(place);
            if let Ok(shorter) = AuthorityOp::from_bytes(&bytes) {
                prop_assert_eq!(shorter.to_bytes(), bytes);
            }
        }
    }

    /// Denials and explanations of anything never fail, and every refusal names a reason.
    #[test]
    fn everything_can_be_explained(steps in history()) {
        let mut club = play(&steps);
        for event in &club.events {
            if let Some(Verdict::Ineffective { reason, .. }) = club.log().verdict(event.id()) {
                prop_assert!(!reason.is_empty());
            }
        }
        for name in PEOPLE {
            let (account, device): (AccountId, DeviceId) = (club.id(name), club.device(name));
            let member = club.is_member(name);
            let why = club.log().why(account, Permissions::SEND, None);
            prop_assert_eq!(why.granted, club.state().permissions(account, None).has(Permissions::SEND));
            prop_assert!(!why.sentences.is_empty());
            let removed = !club.log().removals(account).is_empty();
            prop_assert!(!(member && removed));
            for denial in club.log().denials(device) {
                prop_assert!(club.effective(denial.op));
            }
        }
    }
}
