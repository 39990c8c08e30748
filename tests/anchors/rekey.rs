//! Row 11: a new epoch's key for every device of a large community: what the announcer computes and sends, and
//! what one receiver needs.

use std::collections::BTreeMap;
use std::hint::black_box;

use alloquy_ids::{CommunityId, EpochId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, unwrap, wrap};
use alloquy_schema::identity::draft::{self, Signer};
use alloquy_schema::identity::{
    self, IdentityLog, IdentityOp, NetworkCertificate, PrekeyRecord, accept_device,
};
use alloquy_schema::keys::DeviceKey;
use anyhow::{Context, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::authority::Draft;
use crate::report::{Cpu, Line, Rival, percentile};

/// Devices of the community.
pub(crate) const DEVICES: usize = 2_000;
/// Accounts of the second shape, and devices of each: as many devices as in the first.
pub(crate) const ACCOUNTS: (usize, usize) = (200, 10);
/// Receivers that are timed.
const RECEIVERS: usize = 200;

/// Wraps one epoch for `devices` prekeys; some of them open it.
pub(crate) fn rekey(devices: usize) -> anyhow::Result<Vec<Line>> {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let device = identity::create(UnixMs(1), &mut rng).device;
    let prekeys: Vec<_> = (0..devices)
        .map(|_| identity::new_prekey(&device, 1, &mut rng))
        .collect();
    let epoch = EpochId([7; 32]);
    let key = EpochKey::generate(&mut rng);

    let started = Cpu::now();
    let wraps: Vec<_> = prekeys
        .iter()
        .map(|(record, _)| wrap(epoch, &key, &record.key, &mut rng))
        .collect();
    let wrapping = started.elapsed();
    let sizes: Vec<_> = wraps.iter().map(|wrap| wrap.to_bytes().len()).collect();

    let mut opening = Vec::new();
    for ((_, secret), wrap) in prekeys.iter().zip(&wraps).take(RECEIVERS) {
        let started = Cpu::now();
        let opened = black_box(unwrap(epoch, wrap, secret));
        opening.push(started.elapsed().as_secs_f64() * 1_000.0);
        ensure!(opened.as_ref() == Some(&key), "a receiver opens its wrap");
    }
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: devices,
        rival: Rival::NONE,
    };
    let largest = sizes.iter().max().context("there are devices")?;
    Ok(vec![
        line("rekey_time", wrapping.as_secs_f64() * 1_000.0, "ms"),
        line("rekey_bytes_up", sizes.iter().sum::<usize>() as f64, "B"),
        line("rekey_bytes_per_receiver", *largest as f64, "B"),
        line("rekey_receiver_p99", percentile(&mut opening, 0.99), "ms"),
    ])
}

/// An account with several devices, and a prekey of each.
struct Account {
    device: DeviceKey,
    log: IdentityLog,
    prekeys: Vec<PrekeyRecord>,
}

impl Account {
    fn new(devices: usize, rng: &mut ChaCha20Rng) -> anyhow::Result<Self> {
        let first = identity::create(UnixMs(1), rng);
        let mut log = IdentityLog::verify(std::slice::from_ref(&first.genesis))?;
        let mut prekeys = vec![identity::new_prekey(&first.device, 1, rng).0];
        let by = Signer {
            device: &first.device,
            incarnation: first.genesis.header.incarnation,
            wall: UnixMs(2),
        };
        for _ in 1..devices {
            let (mut seed, mut network) = ([0; 32], [0; 32]);
            rng.fill_bytes(&mut seed);
            rng.fill_bytes(&mut network);
            let added = DeviceKey::from_seed(&seed);
            let op = IdentityOp::DeviceAdd {
                device: added.id(),
                network: NetworkCertificate::sign(&network, added.id()),
                accepted: accept_device(log.account(), &added),
            };
            log = log.with(&draft::sign(&log, &op, by)?)?;
            prekeys.push(identity::new_prekey(&added, 1, rng).0);
        }
        Ok(Self {
            device: first.device,
            log,
            prekeys,
        })
    }
}

/// The same for accounts with several devices each, from a community's state as the core does it: whom a new key is
/// for is read from the members' identity logs, and in a community whose history is for all the recovery words of
/// each account are wrapped to as well.
pub(crate) fn accounts((accounts, devices): (usize, usize)) -> anyhow::Result<Vec<Line>> {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let mut draft = Draft::new()?;
    let community = CommunityId(draft.events[0].id().0);
    let founder = draft.founder.device.clone();
    let mut prekeys = BTreeMap::new();
    for _ in 0..accounts {
        let account = Account::new(devices, &mut rng)?;
        let prekey = account.prekeys[0].clone();
        let join = Join::sign(
            community,
            None,
            account.log.chain(),
            &account.device,
            prekey,
        );
        let last = draft.events.len() - 1;
        draft.add(&founder, &[last], &AuthorityOp::Admit(join))?;
        prekeys.extend(account.prekeys.into_iter().map(|one| (one.device, one.key)));
    }
    let (log, _) = draft.evaluate()?;
    let (epoch, key) = (EpochId([8; 32]), EpochKey::generate(&mut rng));

    let started = Cpu::now();
    let state = log.state();
    let mut recipients = Vec::new();
    for (account, member) in &state.members {
        if state.may_view(*account, None) {
            let held = member
                .acting()
                .filter_map(|(device, _)| prekeys.get(&device));
            recipients.extend(held.copied());
            recipients.push(member.recovery_wrap_key);
        }
    }
    let wraps: Vec<_> = recipients
        .iter()
        .map(|recipient| wrap(epoch, &key, recipient, &mut rng))
        .collect();
    let wrapping = started.elapsed();
    let bytes: usize = wraps.iter().map(|wrap| wrap.to_bytes().len()).sum();
    // The founder has no prekey here.
    ensure!(
        wraps.len() == accounts * (devices + 1) + 1,
        "{} wraps for {accounts} accounts of {devices} devices",
        wraps.len()
    );
    let line = |name, value, unit| Line {
        name,
        value,
        unit,
        n: accounts * devices,
        rival: Rival::NONE,
    };
    Ok(vec![
        line(
            "rekey_accounts_time",
            wrapping.as_secs_f64() * 1_000.0,
            "ms",
        ),
        line("rekey_accounts_bytes_up", bytes as f64, "B"),
        line("rekey_accounts_wraps", wraps.len() as f64, "wraps"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::value;

    /// Bytes that one receiver is sent at most.
    const RECEIVER_BYTES_MAX: f64 = 1_024.0;

    #[test]
    fn every_device_of_an_account_is_wrapped_to_and_its_recovery_words() {
        let lines = accounts((3, 4)).unwrap();
        assert!((value(&lines, "rekey_accounts_wraps") - 16.0).abs() < 0.5);
        let each = value(&lines, "rekey_accounts_bytes_up") / 16.0;
        assert!(each <= RECEIVER_BYTES_MAX, "{lines:#?}");
    }

    #[test]
    fn every_receiver_opens_a_wrap_of_a_few_bytes() {
        let lines = rekey(20).unwrap();
        let each = value(&lines, "rekey_bytes_per_receiver");
        assert!(each <= RECEIVER_BYTES_MAX, "{lines:#?}");
        assert!((value(&lines, "rekey_bytes_up") - 20.0 * each).abs() < 1.0);
    }
}
