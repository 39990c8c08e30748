//! Devices, home nodes and recovery: fixed cases of protocol test 6, and that nothing depends on the order.

use super::*;
use crate::identity::draft::{Recovering, Signer, recover, sign};
use crate::limits::RECOVER_REVOKED_MAX;

/// The `n`-th other device.
fn device(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn network(n: u8) -> [u8; 32] {
    [n ^ 0x80; 32]
}

const fn by(device: &DeviceKey) -> Signer<'_> {
    Signer {
        device,
        incarnation: 7,
        wall: UnixMs(5),
    }
}

/// An account, its first device and its words.
fn own() -> (IdentityLog, DeviceKey, RecoveryWords) {
    let new = account(1);
    let log = IdentityLog::verify(std::slice::from_ref(&new.genesis)).unwrap();
    let words = RecoveryWords::parse(&new.recovery_words).unwrap();
    (log, new.device, words)
}

fn adds(account: AccountId, n: u8) -> IdentityOp {
    let new = device(n);
    IdentityOp::DeviceAdd {
        device: new.id(),
        network: NetworkCertificate::sign(&network(n), new.id()),
        accepted: accept_device(account, &new),
    }
}

fn with(log: &IdentityLog, signer: &DeviceKey, op: &IdentityOp) -> IdentityLog {
    log.with(&sign(log, op, by(signer)).unwrap()).unwrap()
}

fn with_device(log: &IdentityLog, signer: &DeviceKey, n: u8) -> IdentityLog {
    with(log, signer, &adds(log.account(), n))
}

fn without(log: &IdentityLog, signer: &DeviceKey, revoked: &DeviceKey) -> IdentityLog {
    let device = revoked.id();
    with(log, signer, &IdentityOp::DeviceRevoke { device })
}

/// New words for the account, by a device.
fn rewords(log: &IdentityLog, signer: &DeviceKey, seed: u64) -> (IdentityLog, RecoveryWords) {
    let (_, words) = RecoveryWords::generate(&mut rng(seed));
    let keys = words.keys(0);
    let op = IdentityOp::RecoveryChange {
        commitment: keys.commitment(),
        wrap_key: keys.wrap_key(),
    };
    (with(log, signer, &op), words)
}

/// The words bring a device in and end others.
fn recovered(
    log: &IdentityLog,
    words: &RecoveryWords,
    (signer, n): (&DeviceKey, Option<u8>),
    revoke: &[&DeviceKey],
) -> IdentityLog {
    let seed = n.map(network);
    let what = Recovering {
        add: seed.as_ref(),
        revoke: revoke.iter().map(|device| device.id()).collect(),
    };
    log.with(&recover(log, words, what, by(signer)).unwrap())
        .unwrap()
}

fn acting(log: &IdentityLog) -> Vec<DeviceId> {
    let identity = log.identity();
    let devices = identity.devices.keys().copied();
    devices.filter(|device| identity.acts(*device)).collect()
}

fn ids(devices: &[&DeviceKey]) -> Vec<DeviceId> {
    let mut ids: Vec<_> = devices.iter().map(|device| device.id()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn a_device_comes_in_by_one_that_counts_and_goes_for_ever() {
    let (log, phone, _) = own();
    let (laptop, tablet) = (device(2), device(3));
    let two = with_device(&log, &phone, 2);
    assert_eq!(acting(&two), ids(&[&phone, &laptop]));
    assert_eq!(
        two.identity().devices[&laptop.id()],
        [NetworkKey(DeviceKey::from_seed(&network(2)).public())]
    );
    // A stranger's addition and one by a device that is not in yet are kept without effect.
    let strange = with_device(&log, &device(9), 9);
    assert_eq!(strange.identity(), log.identity());
    let three = with_device(&two, &laptop, 3);
    assert_eq!(acting(&three), ids(&[&phone, &laptop, &tablet]));

    let ended = without(&three, &phone, &laptop);
    assert_eq!(acting(&ended), ids(&[&phone, &tablet]));
    assert_eq!(ended.identity().revoked, [laptop.id()].into());
    for late in [
        with_device(&ended, &laptop, 4),
        without(&ended, &laptop, &phone),
        with_device(&ended, &phone, 2),
    ] {
        assert_eq!(late.identity(), ended.identity());
    }
    // A device may end itself, and the last one the whole account's writing.
    let alone = without(&ended, &tablet, &tablet);
    assert_eq!(acting(&alone), ids(&[&phone]));
    assert_eq!(acting(&without(&alone, &phone, &phone)), []);
}

#[test]
fn an_addition_that_does_not_hold_is_refused_for_its_reason() {
    let (log, phone, _) = own();
    let new = device(2);
    let account = log.account();
    let certificate = NetworkCertificate::sign(&network(2), new.id());
    let add = |device, network: &NetworkCertificate, accepted| IdentityOp::DeviceAdd {
        device,
        network: network.clone(),
        accepted,
    };
    let home = |accepted| IdentityOp::HomeAdd {
        device: new.id(),
        network: certificate.clone(),
        accepted,
    };
    let consent = accept_device(account, &new);
    let elsewhere = accept_device(AccountId([4; 32]), &new);
    let stolen = NetworkCertificate::sign(&network(2), device(3).id());
    let weak = DeviceId([0; 32]);
    let change = IdentityOp::RecoveryChange {
        commitment: [1; 32],
        wrap_key: [0; 32],
    };
    let cases = [
        (
            add(new.id(), &certificate, [0; 64]),
            "device has not accepted",
        ),
        (
            add(new.id(), &certificate, elsewhere),
            "device has not accepted",
        ),
        (
            add(new.id(), &certificate, accept_home(account, &new)),
            "device has not accepted",
        ),
        (add(new.id(), &stolen, consent), "network key"),
        (add(weak, &certificate, consent), "weak"),
        (home(consent), "home node has not accepted"),
        (change, "weak"),
    ];
    for (op, part) in cases {
        let event = sign(&log, &op, by(&phone)).unwrap();
        let text = log.with(&event).unwrap_err().to_string();
        assert!(
            text.starts_with("identity event 1 ") && text.contains(part),
            "{text}: {part}"
        );
    }
    assert!(
        log.with(&sign(&log, &add(new.id(), &certificate, consent), by(&phone)).unwrap())
            .is_ok()
    );
    assert!(
        log.with(&sign(&log, &home(accept_home(account, &new)), by(&phone)).unwrap())
            .is_ok()
    );
}

#[test]
fn an_event_of_one_account_is_none_of_another() {
    let (log, phone, words) = own();
    let other = account(2);
    let theirs = IdentityLog::verify(std::slice::from_ref(&other.genesis)).unwrap();
    let event = sign(&log, &adds(log.account(), 2), by(&phone)).unwrap();
    assert!(
        theirs
            .with(&event)
            .unwrap_err()
            .to_string()
            .contains("scope")
    );
    assert_eq!(theirs.merged(&log), theirs);
    assert_eq!(
        recover(&theirs, &words, Recovering::default(), by(&phone)),
        Err(IdentityError::OtherWords)
    );
    // A recovery carried to another place of the same log, or to another device, does not hold.
    let what = Recovering::default();
    let event = recover(&log, &words, what, by(&phone)).unwrap();
    let two = with_device(&log, &phone, 2);
    for (log, signer) in [(&two, &phone), (&log, &device(2))] {
        let mut moved = recover(log, &words, Recovering::default(), by(signer)).unwrap();
        moved.body.clone_from(&event.body);
        moved.header.body_commit = clear_commit(&moved.body);
        let moved = SignedEvent::sign(moved.header, moved.body, signer);
        let text = log.with(&moved).unwrap_err().to_string();
        assert!(text.contains("has not signed for this place"), "{text}");
    }
}

#[test]
fn two_devices_that_revoke_each_other_wait_for_the_words() {
    let (log, phone, words) = own();
    let (thief, planted) = (device(2), device(3));
    let log = with_device(&with_device(&log, &phone, 2), &phone, 4);
    let ours = without(&log, &phone, &thief);
    assert_eq!(acting(&ours), ids(&[&phone, &device(4)]));
    let theirs = without(&with_device(&log, &thief, 3), &thief, &phone);
    let both = ours.merged(&theirs);
    assert_eq!(
        acting(&both),
        ids(&[&device(4)]),
        "neither, nor what it added"
    );
    assert!(both.identity().revoked.is_empty());
    let suspended: Vec<_> = both.identity().suspended.iter().copied().collect();
    assert_eq!(suspended, ids(&[&phone, &thief, &planted]));
    // Suspended devices decide nothing more.
    assert_eq!(with_device(&both, &thief, 5).identity(), both.identity());

    let decided = recovered(&both, &words, (&phone, None), &[&thief, &planted]);
    assert_eq!(acting(&decided), ids(&[&phone, &device(4)]));
    assert!(decided.identity().suspended.is_empty());
    assert_eq!(decided.identity().recovered, 1);
    let again = with_device(&decided, &phone, 6);
    assert_eq!(acting(&again), ids(&[&phone, &device(4), &device(6)]));
}

#[test]
fn three_devices_that_revoke_each_other_in_a_ring_are_all_suspended() {
    let (log, a, words) = own();
    let (b, c) = (device(2), device(3));
    let log = with_device(&with_device(&log, &a, 2), &a, 3);
    let ring = without(&log, &a, &b)
        .merged(&without(&log, &b, &c))
        .merged(&without(&log, &c, &a));
    assert_eq!(acting(&ring), []);
    assert_eq!(ring.identity().suspended.len(), 3);
    let decided = recovered(&ring, &words, (&c, None), &[&b]);
    assert_eq!(acting(&decided), ids(&[&a, &c]));
}

#[test]
fn what_a_revoked_device_adds_beside_its_revocation_waits_until_another_adds_it() {
    let (log, phone, _) = own();
    let laptop = device(2);
    let log = with_device(&log, &phone, 2);
    let beside = with_device(&log, &laptop, 3);
    let both = without(&log, &phone, &laptop).merged(&beside);
    assert_eq!(acting(&both), ids(&[&phone]));
    assert_eq!(both.identity().suspended, [device(3).id()].into());
    assert_eq!(
        acting(&with_device(&both, &phone, 3)),
        ids(&[&phone, &device(3)])
    );
    // Seen by whoever revokes, it stays.
    let seen = without(&beside, &phone, &laptop);
    assert_eq!(acting(&seen), ids(&[&phone, &device(3)]));
}

#[test]
fn a_thief_who_replaces_the_words_loses_to_the_old_ones() {
    let (log, phone, words) = own();
    let thief = device(2);
    let log = with_device(&log, &phone, 2);
    let (stolen, thiefs) = rewords(&log, &thief, 40);
    assert!(thiefs.belong_to(stolen.identity()) && !words.belong_to(stolen.identity()));
    // The thief goes on: ends the owner's device by the new words.
    let stolen = recovered(&stolen, &thiefs, (&thief, None), &[&phone]);
    assert_eq!(acting(&stolen), ids(&[&thief]));

    let back = recovered(&stolen, &words, (&device(5), Some(5)), &[&thief]);
    assert_eq!(acting(&back), ids(&[&phone, &device(5)]));
    assert!(words.belong_to(back.identity()));
    // Seen before or after, it is the same.
    let late = stolen.merged(&back);
    assert_eq!(late.identity(), back.identity());
    assert_eq!(
        recover(&back, &thiefs, Recovering::default(), by(&thief))
            .and_then(|event| back.with(&event))
            .map(|log| log.identity().clone()),
        Ok(back.identity().clone()),
        "the thief's words are void"
    );
}

#[test]
fn words_that_a_revoked_device_replaces_beside_its_revocation_stay() {
    let (log, phone, words) = own();
    let thief = device(2);
    let log = with_device(&log, &phone, 2);
    let (stolen, thiefs) = rewords(&log, &thief, 40);
    let taken = recovered(&stolen, &thiefs, (&thief, None), &[&phone]);
    let both = without(&log, &phone, &thief).merged(&taken);
    assert_eq!(acting(&both), ids(&[&phone]), "a thief may lock, not take");
    assert!(words.belong_to(both.identity()));
}

#[test]
fn a_thief_who_ends_all_other_devices_loses_to_the_words() {
    let (log, phone, words) = own();
    let thief = device(2);
    let log = with_device(&with_device(&log, &phone, 2), &phone, 3);
    let log = without(&without(&log, &thief, &phone), &thief, &device(3));
    assert_eq!(acting(&log), ids(&[&thief]));
    let seed = rng_network();
    let what = Recovering {
        add: Some(&seed),
        revoke: vec![thief.id()],
    };
    let event = recover(&log, &words, what, by(&phone)).unwrap();
    let log = log.with(&event).unwrap();
    assert_eq!(
        acting(&log),
        ids(&[&phone]),
        "on the very device that was ended"
    );
    let more = with_device(&log, &phone, 6);
    assert_eq!(acting(&more), ids(&[&phone, &device(6)]));
    assert_eq!(without(&more, &thief, &phone).identity(), more.identity());
}

/// The network seed of the account's first device.
fn rng_network() -> [u8; 32] {
    account(1).network_seed
}

#[test]
fn the_same_words_serve_again_and_again_and_new_ones_take_their_place() {
    let (log, phone, words) = own();
    let once = recovered(&log, &words, (&device(2), Some(2)), &[&phone]);
    let twice = recovered(&once, &words, (&device(3), Some(3)), &[&device(2)]);
    assert_eq!(acting(&twice), ids(&[&device(3)]));
    assert_eq!(twice.identity().recovered, 2);
    assert!(words.belong_to(twice.identity()));
    let (changed, new) = rewords(&twice, &device(3), 41);
    assert!(new.belong_to(changed.identity()) && !words.belong_to(changed.identity()));
    assert_eq!(changed.identity().recovered, 0);
    let with_new = recovered(&changed, &new, (&device(4), Some(4)), &[]);
    assert_eq!(acting(&with_new), ids(&[&device(3), &device(4)]));
    // The words on two machines at once: both come in.
    let beside = recovered(&log, &words, (&device(5), Some(5)), &[]);
    let both = recovered(&log, &words, (&device(6), Some(6)), &[]).merged(&beside);
    assert_eq!(acting(&both), ids(&[&phone, &device(5), &device(6)]));
    assert_eq!(both.identity().recovered, 1);
}

#[test]
fn a_closed_account_has_no_device_and_opens_only_for_words_that_come_before() {
    let (log, phone, words) = own();
    let log = with_device(&log, &phone, 2);
    let closed = with(&log, &device(2), &IdentityOp::Close);
    let identity = closed.identity();
    assert!(identity.closed && identity.devices.is_empty() && identity.homes.is_empty());
    assert_eq!(identity.revoked.len(), 2);
    assert_eq!(with_device(&closed, &phone, 3).identity(), identity);
    let opened = recovered(&closed, &words, (&phone, None), &[&device(2)]);
    assert_eq!(
        acting(&opened),
        ids(&[&phone]),
        "a thief does not end it for good"
    );
}

#[test]
fn words_used_after_a_revoked_devices_closing_do_not_make_it_stand() {
    let (log, phone, words) = own();
    let log = with_device(&log, &phone, 2);
    let closed = with(&log, &device(2), &IdentityOp::Close);
    let both = without(&log, &phone, &device(2)).merged(&closed);
    assert_eq!(acting(&both), ids(&[&phone]), "closed beside its own end");
    // The words' holder knows of both, so the revocation alone no longer takes the closing's effect.
    let later = with_device(&both, &device(2), 4);
    let opened = recovered(&later, &words, (&device(3), Some(3)), &[]);
    assert_eq!(acting(&opened), ids(&[&phone, &device(3)]));
    assert!(!opened.identity().closed);
    let again = recovered(&opened, &words, (&device(5), Some(5)), &[]);
    assert_eq!(acting(&again), ids(&[&phone, &device(3), &device(5)]));
    let end = with(&again, &device(5), &IdentityOp::Close);
    assert!(end.identity().closed, "what comes after the words closes");
}

#[test]
fn home_nodes_come_and_go_and_author_nothing() {
    let (log, phone, _) = own();
    let home = device(9);
    let add = IdentityOp::HomeAdd {
        device: home.id(),
        network: NetworkCertificate::sign(&network(9), home.id()),
        accepted: accept_home(log.account(), &home),
    };
    let remove = IdentityOp::HomeRemove { device: home.id() };
    let named = with(&log, &phone, &add);
    let key = NetworkKey(DeviceKey::from_seed(&network(9)).public());
    assert_eq!(named.identity().homes, [(home.id(), key)].into());
    assert_eq!(named.identity().devices, log.identity().devices);
    assert_eq!(with_device(&named, &home, 3).identity(), named.identity());
    let gone = with(&named, &phone, &remove);
    assert!(gone.identity().homes.is_empty());
    assert_eq!(with(&gone, &phone, &add).identity().homes.len(), 1);
    let beside = with(&log, &phone, &remove).merged(&named);
    assert!(beside.identity().homes.is_empty(), "the removal stands");
}

#[test]
fn a_full_log_takes_no_more_but_the_words() {
    let (log, phone, words) = own();
    let thief = device(2);
    let mut log = with_device(&log, &phone, 2);
    while log.len() < IDENTITY_CHAIN_MAX {
        let home = device(u8::try_from(100 + log.len()).unwrap());
        let op = IdentityOp::HomeRemove { device: home.id() };
        log = with(&log, &thief, &op);
    }
    let more = sign(&log, &adds(log.account(), 3), by(&phone));
    assert_eq!(
        more.unwrap_err().to_string(),
        "65 identity events, the limit is 64"
    );
    let saved = recovered(&log, &words, (&device(5), Some(5)), &[&thief]);
    assert!(saved.identity().acts(device(5).id()) && !saved.identity().acts(thief.id()));
    let chain = saved.chain();
    assert!(chain.len() <= IDENTITY_CHAIN_MAX);
    let short = IdentityLog::verify(&chain).unwrap();
    assert_eq!(short.identity(), saved.identity());
    assert_eq!(saved.merged(&log).identity(), saved.identity());
}

#[test]
fn a_recovery_ends_so_many_devices_and_no_more() {
    let devices: Vec<_> = (0..=RECOVER_REVOKED_MAX as u8)
        .map(|n| DeviceId([n; 32]))
        .collect();
    let recovery = |revoke: &[DeviceId]| {
        IdentityOp::Recover(Recovery {
            key: [1; 32],
            next_commitment: [2; 32],
            next_wrap_key: [3; 32],
            add: Some((
                DeviceId([4; 32]),
                NetworkCertificate::sign(&[5; 32], DeviceId([4; 32])),
            )),
            revoke: revoke.to_vec(),
            signature: [6; 64],
        })
    };
    let most = recovery(&devices[1..]).to_bytes();
    assert_eq!(IdentityOp::from_bytes(&most), Ok(recovery(&devices[1..])));
    let error = IdentityOp::from_bytes(&recovery(&devices).to_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "revoked devices is 21, the limit is 20");
}

/// One step of a made-up history: who, does what, to whom, on which views.
type Step = (u8, u8, u8, Index, Index);

use prop::sample::Index;

/// Everything that the steps come to: each writes on one earlier view, or joins two.
fn history(steps: &[Step]) -> Vec<IdentityLog> {
    let (log, first, words) = own();
    let who = |n: u8| {
        if n == 0 { first.clone() } else { device(n) }
    };
    let mut views = vec![log];
    for (author, what, target, view, other) in steps {
        let view = view.get(&views).clone();
        let (signer, target) = (who(*author), *target);
        let next = match what {
            0..=3 => with_device(&view, &signer, target.max(1)),
            4..=6 => without(&view, &signer, &who(target)),
            7 => rewords(&view, &signer, u64::from(target)).0,
            8 => recovered(
                &view,
                &words,
                (&signer, (target % 2 == 0 && *author > 0).then_some(*author)),
                &[],
            ),
            9 if target == 0 => with(&view, &signer, &IdentityOp::Close),
            _ => view.merged(other.get(&views)),
        };
        views.push(next);
    }
    views
}

/// The log's events in an order that `picks` chooses, parents first.
fn shuffled(log: &IdentityLog, picks: &[Index]) -> Vec<SignedEvent> {
    let mut open = log.chain();
    let mut chain: Vec<SignedEvent> = Vec::new();
    let mut picks = picks.iter().cycle();
    while !open.is_empty() {
        let ready: Vec<usize> = (0..open.len())
            .filter(|at| {
                let here = |parent| chain.iter().any(|event| event.header.id() == parent);
                open[*at].header.parents().all(here)
            })
            .collect();
        let at = *picks.next().unwrap().get(&ready);
        chain.push(open.remove(at));
    }
    chain
}

fn step() -> impl Strategy<Value = Step> {
    (0..5_u8, 0..14_u8, 0..5_u8, any::<Index>(), any::<Index>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_of_a_set_gives_the_same_identity(
        steps in prop::collection::vec(step(), 1..20),
        picks in prop::collection::vec(any::<Index>(), 8),
        split in prop::collection::vec(any::<Index>(), 20),
    ) {
        let views = history(&steps);
        let whole = views.iter().fold(views[0].clone(), |all, view| all.merged(view));
        let ordered = IdentityLog::verify(&shuffled(&whole, &picks)).unwrap();
        prop_assert_eq!(ordered.identity(), whole.identity());
        let merged = split.iter().map(|at| at.get(&views)).chain(&views);
        let merged = merged.fold(views[0].clone(), |all, view| view.merged(&all));
        prop_assert_eq!(merged.identity(), whole.identity());
        prop_assert_eq!(&merged, &whole);
        // Whoever holds the words of the account is never shut out.
        let identity = whole.identity();
        prop_assert!(identity.devices.keys().all(|device| !identity.revoked.contains(device)));
        let (_, _, words) = own();
        let back = recovered(&whole, &words, (&device(9), Some(9)), &[]);
        prop_assert!(back.identity().acts(device(9).id()));
    }

    #[test]
    fn a_changed_bit_breaks_a_chain_or_its_event(bit in any::<Index>(), event in 1..4_usize) {
        let (log, phone, words) = own();
        let log = recovered(&with_device(&log, &phone, 2), &words, (&device(3), Some(3)), &[&phone]);
        let mut chain = without(&log, &device(3), &device(2)).chain();
        let mut bytes = chain[event].to_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = SignedEvent::from_bytes(&bytes) else { return Ok(()) };
        chain[event] = changed;
        prop_assert!(IdentityLog::verify(&chain).is_err());
    }
}
