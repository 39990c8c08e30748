//! Devices of members: identity logs brought in by operations, revocations, and what the recovery words decide.

use alloquy_ids::{DeviceId, EventId, NetworkKey, UnixMs};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::identity::draft::{Recovering, Signer, recover, sign};
use alloquy_schema::identity::{
    IdentityLog, IdentityOp, NetworkCertificate, RecoveryWords, accept_device, accept_home,
};
use alloquy_schema::keys::DeviceKey;
use proptest::prelude::*;
use proptest::sample::Index;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::club::{Club, replay};

fn device(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

const fn by(device: &DeviceKey) -> Signer<'_> {
    Signer {
        device,
        incarnation: 9,
        wall: UnixMs(3),
    }
}

/// What a person's genesis says.
fn genesis(club: &mut Club, name: &str) -> IdentityLog {
    IdentityLog::verify(std::slice::from_ref(&club.person(name).genesis)).unwrap()
}

fn words(club: &mut Club, name: &str) -> RecoveryWords {
    RecoveryWords::parse(&club.person(name).recovery_words).unwrap()
}

fn with(log: &IdentityLog, signer: &DeviceKey, op: &IdentityOp) -> IdentityLog {
    log.with(&sign(log, op, by(signer)).unwrap()).unwrap()
}

fn with_device(log: &IdentityLog, signer: &DeviceKey, n: u8) -> IdentityLog {
    let new = device(n);
    let op = IdentityOp::DeviceAdd {
        device: new.id(),
        network: NetworkCertificate::sign(&[n ^ 0x80; 32], new.id()),
        accepted: accept_device(log.account(), &new),
    };
    with(log, signer, &op)
}

fn with_home(log: &IdentityLog, signer: &DeviceKey, n: u8) -> IdentityLog {
    let home = device(n);
    let op = IdentityOp::HomeAdd {
        device: home.id(),
        network: NetworkCertificate::sign(&[n ^ 0x80; 32], home.id()),
        accepted: accept_home(log.account(), &home),
    };
    with(log, signer, &op)
}

fn without(log: &IdentityLog, signer: &DeviceKey, revoked: &DeviceKey) -> IdentityLog {
    let device = revoked.id();
    with(log, signer, &IdentityOp::DeviceRevoke { device })
}

fn brings(log: &IdentityLog) -> AuthorityOp {
    AuthorityOp::DeviceAdd {
        account: log.account(),
        chain: log.chain(),
    }
}

fn revokes(log: &IdentityLog, device: &DeviceKey, last: Vec<EventId>) -> AuthorityOp {
    AuthorityOp::DeviceRevoke {
        account: log.account(),
        device: device.id(),
        chain: log.chain(),
        last,
    }
}

fn acting(club: &Club, log: &IdentityLog) -> Vec<DeviceId> {
    let state = club.state();
    let member = &state.members[&log.account()];
    let acting: Vec<_> = member.acting().map(|(device, _)| device).collect();
    assert!(
        acting
            .iter()
            .all(|device| state.account_of(*device) == Some(log.account())),
        "both say who may act"
    );
    acting
}

fn ids(devices: &[&DeviceKey]) -> Vec<DeviceId> {
    let mut ids: Vec<_> = devices.iter().map(|device| device.id()).collect();
    ids.sort_unstable();
    ids
}

/// A club with `ben` of rank 50 and his second device, number 2, and `cleo`.
fn with_two() -> (Club, DeviceKey, DeviceKey, IdentityLog) {
    let mut club = Club::with(&[("ben", 50), ("cleo", 0)]);
    let (phone, laptop) = (club.key("ben"), device(2));
    let log = genesis(&mut club, "ben");
    let log = with_device(&log, &phone, 2);
    club.now("ben", brings(&log));
    (club, phone, laptop, log)
}

#[test]
fn devices_and_home_nodes_come_in_and_a_shorter_log_takes_nothing_back() {
    let (mut club, phone, laptop, two) = with_two();
    let start = club.heads();
    let homed = with_home(&with_device(&two, &laptop, 3), &phone, 8);
    let all = ids(&[&phone, &laptop, &device(3)]);
    // Brought in by somebody else, with an older log beside it and behind it.
    club.at("ana", &start, brings(&homed));
    club.at("ben", &start, brings(&two));
    assert_eq!(acting(&club, &two), all);
    club.now("cleo", brings(&two));
    assert_eq!(acting(&club, &two), all);
    let state = club.state();
    let member = &state.members[&two.account()];
    let key = NetworkKey(DeviceKey::from_seed(&[8 ^ 0x80; 32]).public());
    assert_eq!(member.homes, [(device(8).id(), key)].into());
    assert_eq!(
        state.account_of(device(8).id()),
        None,
        "a home node is no device"
    );
    // Roles are the account's.
    let heads = club.heads();
    let cleo = club.id("cleo");
    let kick = club.signed(
        &device(3),
        &heads,
        &AuthorityOp::Kick {
            account: cleo,
            last: vec![],
        },
    );
    assert!(club.effective(kick) && !club.is_member("cleo"));
    club.check();
}

#[test]
fn a_device_brings_itself_in_if_its_account_is_a_member() {
    let (mut club, phone, _, two) = with_two();
    let log = with_device(&two, &phone, 3);
    let heads = club.heads();
    let itself = club.signed(&device(3), &heads, &brings(&log));
    assert!(club.effective(itself));
    assert!(acting(&club, &log).contains(&device(3).id()));
    // A device that the log does not name, one of a stranger, and one that was revoked do not.
    let heads = club.heads();
    assert!(!{
        let op = club.signed(&device(4), &heads, &brings(&log));
        club.effective(op)
    });
    let strange = genesis(&mut club, "eve");
    let eve = club.key("eve");
    let op = club.signed(&eve, &heads, &brings(&strange));
    assert!(!club.effective(op));
    let ended = without(&log, &phone, &device(3));
    club.now("ana", revokes(&ended, &device(3), vec![]));
    let heads = club.heads();
    let again = club.signed(&device(3), &heads, &brings(&log));
    assert!(!club.effective(again));
    assert!(!acting(&club, &log).contains(&device(3).id()));
    club.check();
}

#[test]
fn a_revocation_by_an_own_device_reaches_what_the_device_did_beside_it() {
    let (mut club, phone, laptop, two) = with_two();
    let start = club.heads();
    let cleo = club.id("cleo");
    let kick = AuthorityOp::Kick {
        account: cleo,
        last: vec![],
    };
    let beside = club.signed(&laptop, &start, &kick);
    assert!(club.effective(beside));
    let ended = without(&two, &phone, &laptop);
    // Brought in by somebody else it binds what has it in its past.
    let by_ana = club.at("ana", &start, revokes(&ended, &laptop, vec![]));
    assert!(club.effective(by_ana) && club.effective(beside));
    let later = club.signed(&laptop, &[by_ana], &kick);
    assert!(!club.effective(later));
    let by_ben = club.at("ben", &start, revokes(&ended, &laptop, vec![]));
    assert!(club.effective(by_ben) && !club.effective(beside));
    assert!(club.is_member("cleo"));
    assert_eq!(acting(&club, &two), ids(&[&phone]));
    let denied = club.log().denials(laptop.id());
    assert_eq!(denied.len(), 2);
    assert!(club.log().denials(phone.id()).is_empty());
    let losses = &club.state().losses;
    assert!(
        losses
            .iter()
            .any(|loss| loss.op == by_ben && loss.device == Some(laptop.id()))
    );
    club.check();
}

#[test]
fn devices_that_revoke_each_other_are_silent_until_the_words_decide() {
    let (mut club, phone, thief, two) = with_two();
    let start = club.heads();
    let (ours, theirs) = (without(&two, &phone, &thief), without(&two, &thief, &phone));
    club.at("ben", &start, revokes(&ours, &thief, vec![]));
    assert_eq!(acting(&club, &two), ids(&[&phone]));
    let last = EventId([7; 32]);
    club.signed(&thief, &start, &revokes(&theirs, &phone, vec![last]));
    assert_eq!(acting(&club, &two), []);
    let state = club.state();
    let member = &state.members[&two.account()];
    assert_eq!(member.suspended.len(), 2);
    assert_eq!(
        state.reader_of(phone.id()),
        Some(two.account()),
        "reading stays"
    );
    assert_eq!(club.log().denials(phone.id())[0].last, [last]);
    let heads = club.heads();
    let silent = club.signed(&phone, &heads, &AuthorityOp::Leave);
    assert!(!club.effective(silent));

    let words = words(&mut club, "ben");
    let both = ours.merged(&theirs);
    let what = Recovering {
        add: None,
        revoke: vec![thief.id()],
    };
    let decided = both
        .with(&recover(&both, &words, what, by(&phone)).unwrap())
        .unwrap();
    let heads = club.heads();
    let back = club.signed(&phone, &heads, &brings(&decided));
    assert!(
        club.effective(back),
        "the device brings the decision in itself"
    );
    assert_eq!(acting(&club, &two), ids(&[&phone]));
    assert!(
        club.log().denials(phone.id()).is_empty(),
        "what it wrote comes back"
    );
    assert_eq!(club.log().denials(thief.id()).len(), 1);
    let heads = club.heads();
    let left = club.signed(&phone, &heads, &AuthorityOp::Leave);
    assert!(club.effective(left));
    club.check();
}

#[test]
fn no_epoch_reaches_a_device_that_only_both_sides_together_suspend() {
    let (mut club, phone, laptop, two) = with_two();
    let start = club.heads();
    let planted = with_device(&two, &laptop, 5);
    let ended = without(&two, &phone, &laptop);
    let brought = club.at("ana", &start, brings(&planted));
    assert!(acting(&club, &two).contains(&device(5).id()));
    let revoked = club.at("ben", &start, revokes(&ended, &laptop, vec![]));
    assert_eq!(acting(&club, &two), ids(&[&phone]));
    let state = club.state();
    for op in [brought, revoked] {
        assert!(
            state
                .losses
                .iter()
                .any(|loss| loss.op == op && loss.device == Some(device(5).id())),
            "an epoch that lacks one of them in its past was given to the device"
        );
    }
    club.check();
}

#[test]
fn the_wrap_key_follows_the_words_in_force() {
    let (mut club, phone, _, two) = with_two();
    let old = club.state().members[&two.account()].recovery_wrap_key;
    let (_, words) = RecoveryWords::generate(&mut ChaCha8Rng::seed_from_u64(3));
    let keys = words.keys(0);
    let change = IdentityOp::RecoveryChange {
        commitment: keys.commitment(),
        wrap_key: keys.wrap_key(),
    };
    let changed = with(&two, &phone, &change);
    club.now("ana", brings(&changed));
    let role = club.now("ana", crate::club::role(10));
    let heads = club.heads();
    club.grant("ana", &heads, "ben", role);
    let now = club.state().members[&two.account()].recovery_wrap_key;
    assert!(now == keys.wrap_key() && now != old);
    assert_eq!(
        club.state().identity(two.account()).map(|log| log.len()),
        Some(3)
    );
}

/// One step: who signs, what, about whom, on which view of the log, and after which operations.
type Step = (u8, u8, u8, Index, Index);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_state_of_devices_does_not_depend_on_the_order_of_arrival(
        steps in prop::collection::vec(
            (0..4_u8, 0..12_u8, 0..4_u8, any::<Index>(), any::<Index>()),
            1..14,
        ),
        order in prop::collection::vec(any::<Index>(), 8),
    ) {
        let mut club = Club::with(&[("ben", 50), ("cleo", 0)]);
        let phone = club.key("ben");
        let words = words(&mut club, "ben");
        let mut views = vec![genesis(&mut club, "ben")];
        let mut ops = club.heads();
        for step in &steps {
            play(&mut club, &phone, &words, (&mut views, &mut ops), step);
        }
        club.check();
        let mut picks = order.iter().cycle();
        let again = replay(&club.events, |ready| picks.next().unwrap().index(ready));
        prop_assert_eq!(&*again.state(), &*club.state());
        prop_assert_eq!(again.state().digest(), club.state().digest());
    }
}

fn play(
    club: &mut Club,
    phone: &DeviceKey,
    words: &RecoveryWords,
    (views, ops): (&mut Vec<IdentityLog>, &mut Vec<EventId>),
    (who, what, whom, view, past): &Step,
) {
    let key = |n: u8| if n == 0 { phone.clone() } else { device(n) };
    let (signer, target) = (key(*who), key(*whom));
    let log = view.get(views).clone();
    let heads = [*past.get(ops)];
    let heads = if *what % 2 == 0 {
        club.heads()
    } else {
        heads.to_vec()
    };
    let next = match what {
        0..=2 => with_device(&log, &signer, (*whom).max(1)),
        3..=5 => without(&log, &signer, &target),
        6 => {
            let event = recover(&log, words, Recovering::default(), by(&signer)).unwrap();
            log.with(&event).unwrap()
        }
        7 => log.merged(past.get(views)),
        _ => {
            let cleo = club.id("cleo");
            let op = match what {
                8 | 9 => brings(&log),
                10 => revokes(&log, &target, vec![]),
                _ => AuthorityOp::Kick {
                    account: cleo,
                    last: vec![],
                },
            };
            ops.push(club.signed(&signer, &heads, &op));
            return;
        }
    };
    // Most changes are brought in at once by whoever made them.
    if *whom != 3 {
        let op = match what {
            3..=5 => revokes(&next, &target, vec![]),
            _ => brings(&next),
        };
        ops.push(club.signed(&signer, &heads, &op));
    }
    views.push(next);
}
