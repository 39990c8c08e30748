//! Identity logs and what they come to: every operation, and devices that quarrel.

use alloquy_ids::{DeviceId, UnixMs};
use alloquy_schema::codec::Canonical;
use alloquy_schema::identity::draft::{Recovering, Signer, recover, sign};
use alloquy_schema::identity::{
    IdentityLog, IdentityOp, NetworkCertificate, RecoveryWords, accept_device, accept_home, create,
};
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

use crate::{golden, hex, seed};

fn device(name: &str) -> DeviceKey {
    DeviceKey::from_seed(&seed(name))
}

fn network(name: &str) -> [u8; 32] {
    seed(&format!("{name}, network"))
}

const fn by(device: &DeviceKey) -> Signer<'_> {
    Signer {
        device,
        incarnation: 5,
        wall: UnixMs(1_767_225_700_000),
    }
}

fn with(log: &IdentityLog, signer: &DeviceKey, op: &IdentityOp) -> IdentityLog {
    let event = sign(log, op, by(signer)).expect("there is room");
    log.with(&event).expect("it follows the log")
}

fn with_device(log: &IdentityLog, signer: &DeviceKey, name: &str) -> IdentityLog {
    let new = device(name);
    let op = IdentityOp::DeviceAdd {
        device: new.id(),
        network: NetworkCertificate::sign(&network(name), new.id()),
        accepted: accept_device(log.account(), &new),
    };
    with(log, signer, &op)
}

fn without(log: &IdentityLog, signer: &DeviceKey, revoked: &DeviceKey) -> IdentityLog {
    let device = revoked.id();
    with(log, signer, &IdentityOp::DeviceRevoke { device })
}

fn recovered(
    log: &IdentityLog,
    words: &RecoveryWords,
    name: &str,
    revoke: &[&DeviceKey],
) -> IdentityLog {
    let (signer, seed) = (device(name), network(name));
    let what = Recovering {
        add: Some(&seed),
        revoke: revoke.iter().map(|device| device.id()).collect(),
    };
    let event = recover(log, words, what, by(&signer)).expect("the words are the account's");
    log.with(&event).expect("it follows the log")
}

fn vector(name: &str, log: &IdentityLog) -> Value {
    let identity = log.identity();
    let ids = |ids: &mut dyn Iterator<Item = &DeviceId>| -> Vec<String> {
        ids.map(|device| hex(device.0)).collect()
    };
    let events: Vec<_> = log
        .chain()
        .iter()
        .map(|event| hex(event.to_bytes()))
        .collect();
    json!({
        "name": name,
        "events": events,
        "devices": ids(&mut identity.devices.keys()),
        "suspended": ids(&mut identity.suspended.iter()),
        "revoked": ids(&mut identity.revoked.iter()),
        "homes": ids(&mut identity.homes.keys()),
        "closed": identity.closed,
        "recovered": identity.recovered,
        "recovery_commitment": hex(identity.recovery_commitment),
        "recovery_wrap_key": hex(identity.recovery_wrap_key),
    })
}

#[test]
fn identities() {
    let new = create(
        UnixMs(1_767_225_600_000),
        &mut ChaCha20Rng::from_seed(seed("account")),
    );
    let words = RecoveryWords::parse(&new.recovery_words).expect("they were just made");
    let log = IdentityLog::verify(std::slice::from_ref(&new.genesis)).expect("just made");
    let (phone, laptop) = (new.device, device("laptop"));
    let home = device("home");
    let two = with_device(&log, &phone, "laptop");
    let named = IdentityOp::HomeAdd {
        device: home.id(),
        network: NetworkCertificate::sign(&network("home"), home.id()),
        accepted: accept_home(log.account(), &home),
    };
    let homed = with(&two, &laptop, &named);
    let removed = with(
        &homed,
        &phone,
        &IdentityOp::HomeRemove { device: home.id() },
    );
    let ended = without(&homed, &phone, &laptop);
    let ours = without(&homed, &phone, &laptop);
    let theirs = without(&with_device(&homed, &laptop, "planted"), &laptop, &phone);
    let quarrel = ours.merged(&theirs);
    let decided = recovered(&quarrel, &words, "tablet", &[&laptop]);
    let again = recovered(&decided, &words, "second tablet", &[]);
    let (_, others) = RecoveryWords::generate(&mut ChaCha20Rng::from_seed(seed("thief")));
    let keys = others.keys(0);
    let change = IdentityOp::RecoveryChange {
        commitment: keys.commitment(),
        wrap_key: keys.wrap_key(),
    };
    let changed = with(&two, &laptop, &change);
    let stolen = recovered(&changed, &others, "planted", &[&phone]);
    let back = recovered(&stolen, &words, "tablet", &[&laptop]);
    let closed = with(&homed, &laptop, &IdentityOp::Close);
    let later = IdentityOp::Unknown {
        tag: 200,
        bytes: vec![1, 2, 3],
    };
    let logs = [
        ("a device and a home node", &homed),
        ("the home node is taken away", &removed),
        ("a device is revoked", &ended),
        ("two devices revoke each other", &quarrel),
        ("the words decide", &decided),
        ("the words serve again", &again),
        ("the words are replaced", &changed),
        ("a thief uses the new words", &stolen),
        ("the old words win", &back),
        ("the account is closed", &closed),
        ("an operation of a later level", &with(&two, &phone, &later)),
        (
            "a stranger adds a device",
            &with_device(&two, &device("stranger"), "planted"),
        ),
    ];
    let logs: Vec<_> = logs.iter().map(|(name, log)| vector(name, log)).collect();
    golden(
        "identities.json",
        &json!({
            "account": hex(log.account().0),
            "recovery_words": new.recovery_words.to_string(),
            "recovery_keys": (0..3).map(|used| hex(words.keys(used).signing.public())).collect::<Vec<_>>(),
            "logs": logs,
        }),
    );
}
