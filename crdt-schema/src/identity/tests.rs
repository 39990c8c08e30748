mod devices;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::codec::Canonical;
use crate::epoch::{EpochKey, unwrap, wrap};
use crate::limits::{IDENTITY_BODY_BYTES_MAX, IDENTITY_CHAIN_MAX};

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn account(seed: u64) -> NewAccount {
    create(UnixMs(1_700_000_000_000), &mut rng(seed))
}

/// Signs `op` under a header that follows `genesis`, changed by `change`.
fn event(key: &DeviceKey, op: &IdentityOp, change: impl FnOnce(&mut Header)) -> SignedEvent {
    let body = op.to_bytes();
    let mut header = account(1).genesis.header;
    header.device = key.id();
    header.body_len = u32::try_from(body.len()).unwrap();
    header.body_commit = clear_commit(&body);
    change(&mut header);
    SignedEvent::sign(header, body, key)
}

/// The genesis operation of account 1.
fn genesis_op() -> IdentityOp {
    IdentityOp::from_bytes(&account(1).genesis.body).unwrap()
}

/// An operation of a later level that follows the genesis of account 1.
fn later(tag: u8) -> SignedEvent {
    let NewAccount {
        device, genesis, ..
    } = account(1);
    let id = genesis.header.id();
    event(
        &device,
        &IdentityOp::Unknown {
            tag,
            bytes: vec![1, 2, 3],
        },
        |header| {
            (header.scope, header.prev, header.seq, header.lamport) = (ScopeId(id.0), id, 1, 2);
        },
    )
}

fn reason(chain: &[SignedEvent]) -> String {
    evaluate(chain)
        .expect_err("the chain does not hold")
        .to_string()
}

#[test]
fn a_new_account_is_what_its_genesis_says() {
    let new = account(1);
    let identity = evaluate(std::slice::from_ref(&new.genesis)).unwrap();
    assert_eq!(identity.account, AccountId::from(new.genesis.header.id()));
    let network = NetworkKey(DeviceKey::from_seed(&new.network_seed).public());
    assert_eq!(
        identity.devices,
        BTreeMap::from([(new.device.id(), vec![network])])
    );
    let wire = SignedEvent::from_bytes(&new.genesis.to_bytes()).unwrap();
    assert_eq!(evaluate(&[wire]), Ok(identity));
    assert_eq!(
        account(1).genesis,
        new.genesis,
        "same randomness, same account"
    );
    assert_ne!(account(2).genesis.header.id(), new.genesis.header.id());
}

#[test]
fn recovery_words_open_what_is_wrapped_to_the_account() {
    let new = account(1);
    let identity = evaluate(std::slice::from_ref(&new.genesis)).unwrap();
    let recovery = RecoveryWords::parse(&new.recovery_words).unwrap();
    assert!(recovery.belong_to(&identity));
    assert!(
        !RecoveryWords::parse(&account(2).recovery_words)
            .unwrap()
            .belong_to(&identity)
    );

    let (epoch, key) = (EpochId([1; 32]), EpochKey::generate(&mut rng(9)));
    let sealed = wrap(epoch, &key, &identity.recovery_wrap_key, &mut rng(8));
    assert_eq!(
        unwrap(epoch, &sealed, &recovery.keys(0).wrap_secret),
        Some(key)
    );

    let shouted = format!(
        "  {}\n",
        new.recovery_words.to_uppercase().replace(' ', " \t ")
    );
    assert!(
        RecoveryWords::parse(&shouted).unwrap().belong_to(&identity),
        "case and white space do not matter"
    );
}

#[test]
fn wrong_recovery_words_are_told_apart_without_naming_them() {
    let words = account(1).recovery_words;
    let mut list: Vec<_> = words.split(' ').collect();
    assert_eq!(list.len(), 12);
    assert_eq!(
        RecoveryWords::parse(&list[1..].join(" ")).unwrap_err(),
        RecoveryError::Count { count: 11 }
    );
    assert_eq!(
        RecoveryWords::parse("").unwrap_err(),
        RecoveryError::Count { count: 0 }
    );
    list[4] = "hunter2";
    let error = RecoveryWords::parse(&list.join(" ")).unwrap_err();
    assert_eq!(error, RecoveryError::Word { position: 5 });
    assert!(!error.to_string().contains("hunter2"));
    // Twelve times "abandon" has the checksum of "about" (BIP-39, first test vector).
    let abandon = ["abandon"; 12].join(" ");
    assert_eq!(
        RecoveryWords::parse(&abandon).unwrap_err(),
        RecoveryError::Checksum
    );
}

/// First test vector of BIP-39: zero entropy.
#[test]
fn the_keys_of_known_words_are_those_of_the_protocol() {
    let recovery = RecoveryWords::parse(&format!("{}about", "abandon ".repeat(11)))
        .unwrap()
        .keys(0);
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let text = format!(
        "{}\n{}\n",
        hex(&recovery.commitment()),
        hex(&recovery.wrap_key())
    );
    expect_test::expect![[r#"
        cb2a2dbb191071f5b5679814607ca99c7a5c21e51d23d468d61df0e191d5e075
        2ecd743bcb504a610bb9fd2e62a7d52590efdbd93f355c8cbe00b69c912ee134
    "#]]
    .assert_eq(&text);
}

#[test]
fn operations_of_a_later_level_are_kept_without_effect() {
    let genesis = account(1).genesis;
    let plain = evaluate(std::slice::from_ref(&genesis)).unwrap();
    assert_eq!(evaluate(&[genesis, later(200)]), Ok(plain));
}

#[test]
fn a_chain_that_does_not_hold_is_refused_with_the_place() {
    let NewAccount {
        device, genesis, ..
    } = account(1);
    let id = genesis.header.id();
    assert_eq!(evaluate(&[]), Err(IdentityError::NoGenesis));
    let many = vec![genesis.clone(); IDENTITY_CHAIN_MAX + 1];
    assert_eq!(
        evaluate(&many),
        Err(IdentityError::TooMany {
            count: 65,
            limit: 64
        })
    );

    let second = event(&device, &genesis_op(), |header| {
        (header.scope, header.prev, header.seq, header.lamport) = (ScopeId(id.0), id, 1, 2);
    });
    let rootless = event(
        &device,
        &IdentityOp::Unknown {
            tag: 9,
            bytes: Vec::new(),
        },
        |header| {
            header.scope = ScopeId(id.0);
        },
    );
    let elsewhere = event(
        &device,
        &IdentityOp::Unknown {
            tag: 9,
            bytes: Vec::new(),
        },
        |header| {
            (header.scope, header.prev, header.seq, header.lamport) = (ScopeId([9; 32]), id, 1, 2);
        },
    );
    let mut forged = later(200);
    forged.signature[3] ^= 1;
    let mut changed = later(200);
    changed.body[1] ^= 1;
    let cases = [
        (vec![later(200)], 0, "scope zero"),
        (vec![genesis.clone(), genesis.clone()], 1, "twice"),
        (vec![genesis.clone(), later(200), later(200)], 2, "twice"),
        (vec![genesis.clone(), second], 1, "second genesis"),
        (vec![genesis.clone(), rootless], 1, "does not follow"),
        (vec![genesis.clone(), elsewhere], 1, "scope"),
        (vec![genesis.clone(), forged], 1, "signature"),
        (vec![genesis.clone(), changed], 1, "body"),
        (vec![account(2).genesis, later(200)], 1, "scope"),
    ];
    for (chain, position, part) in cases {
        let text = reason(&chain);
        assert!(
            text.starts_with(&format!("identity event {position} ")) && text.contains(part),
            "{text}: {part}"
        );
    }
}

#[test]
fn a_genesis_that_does_not_hold_is_refused() {
    let NewAccount {
        device,
        network_seed,
        ..
    } = account(1);
    let IdentityOp::Genesis {
        nonce,
        network,
        recovery_commitment,
        recovery_wrap_key,
    } = genesis_op()
    else {
        panic!("the first operation is a genesis")
    };
    let genesis = |network, recovery_wrap_key| IdentityOp::Genesis {
        nonce,
        network,
        recovery_commitment,
        recovery_wrap_key,
    };
    let sound = genesis(network.clone(), recovery_wrap_key);
    let stolen = NetworkCertificate::sign(&network_seed, DeviceId([9; 32]));
    let weak_network = NetworkCertificate {
        key: NetworkKey([0; 32]),
        signature: [0; 64],
    };
    let unknown = IdentityOp::Unknown {
        tag: 9,
        bytes: vec![0; 8],
    };
    let auth = |header: &mut Header| header.auth = vec![EventId([1; 32])];
    let cases = [
        (
            event(&device, &genesis(stolen, recovery_wrap_key), |_| ()),
            "network key",
        ),
        (
            event(&device, &genesis(weak_network, recovery_wrap_key), |_| ()),
            "network key",
        ),
        (event(&device, &genesis(network, [0; 32]), |_| ()), "weak"),
        (event(&device, &unknown, |_| ()), "starts with a genesis"),
        (
            event(&device, &sound, |header| header.kind = Kind::Authority),
            "not an identity event",
        ),
        (
            event(&device, &sound, |header| header.kind = Kind::Deletion),
            "not an identity event",
        ),
        (event(&device, &sound, auth), "not an identity event"),
        (
            event(&device, &sound, |header| header.scope = ScopeId([1; 32])),
            "scope zero",
        ),
        (
            event(&device, &sound, |header| {
                header.deps = vec![EventId([1; 32])]
            }),
            "nothing before",
        ),
        (
            event(&device, &sound, |header| header.lamport = 2),
            "lamport",
        ),
        (
            event(&device, &sound, |header| header.epoch = EpochId([1; 32])),
            "body",
        ),
        (event(&account(2).device, &sound, |_| ()), "network key"),
    ];
    for (genesis, part) in cases {
        let text = reason(&[genesis]);
        assert!(text.contains(part), "{text}: {part}");
    }
    // The same body, signed as it should be, holds: the cases fail for the reason that they name.
    assert!(evaluate(&[event(&device, &sound, |_| ())]).is_ok());
    // A signature over the same header as another kind does not carry over.
    let mut other = event(&device, &sound, |header| header.kind = Kind::Authority);
    other.header.kind = Kind::Identity;
    assert!(reason(&[other]).contains("signature"));
}

#[test]
fn an_operation_over_its_limit_is_refused() {
    let long = IdentityOp::Unknown {
        tag: 9,
        bytes: vec![0; IDENTITY_BODY_BYTES_MAX],
    };
    let error = IdentityOp::from_bytes(&long.to_bytes())
        .unwrap_err()
        .to_string();
    assert_eq!(error, "identity operation is 1025, the limit is 1024");
    assert_eq!(genesis_op().to_bytes().len(), 177);
}

#[test]
fn a_prekey_record_is_signed_and_can_be_wrapped_to() {
    let device = account(1).device;
    let (record, secret) = new_prekey(&device, 5, &mut rng(3));
    assert!(record.verify());
    assert_eq!(sign_prekey(&device, 5, &secret), record);
    let key = EpochKey::generate(&mut rng(4));
    let sealed = wrap(EpochId([1; 32]), &key, &record.key, &mut rng(5));
    assert_eq!(unwrap(EpochId([1; 32]), &sealed, &secret), Some(key));

    let mut weak = PrekeyRecord {
        key: [0; 32],
        ..record
    };
    weak.signature = device.sign(&weak.message());
    assert!(
        !weak.verify(),
        "a weak prekey is refused however it is signed"
    );
}

#[test]
fn what_one_statement_signs_is_no_other_statement() {
    let device = account(1).device;
    let (record, _) = new_prekey(&device, 5, &mut rng(3));
    let certificate = NetworkCertificate {
        key: NetworkKey(device.public()),
        signature: record.signature,
    };
    assert!(!certificate.verify(device.id()));
    let certificate = NetworkCertificate::sign(&device.seed(), device.id());
    assert!(certificate.verify(device.id()));
    assert!(
        !PrekeyRecord {
            signature: certificate.signature,
            ..record
        }
        .verify()
    );
    assert!(!certificate.verify(account(2).device.id()));
}

#[test]
fn nothing_secret_is_printed() {
    let new = account(1);
    let recovery = RecoveryWords::parse(&new.recovery_words).unwrap();
    let printed = format!("{new:?} {recovery:?} {:?}", recovery.keys(1));
    assert_eq!(
        printed,
        format!(
            "NewAccount {{ device: DeviceKey({}), .. }} RecoveryWords(..) RecoveryKeys(..)",
            new.device.id().short()
        )
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_bit_breaks_a_record(bit in any::<prop::sample::Index>()) {
        let (record, _) = new_prekey(&account(1).device, 5, &mut rng(3));
        let mut bytes = record.to_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!PrekeyRecord::from_bytes(&bytes).is_ok_and(|record| record.verify()));
    }

    #[test]
    fn a_changed_bit_breaks_a_genesis(bit in any::<prop::sample::Index>()) {
        let genesis = account(1).genesis;
        let id = evaluate(std::slice::from_ref(&genesis)).unwrap().account;
        let mut bytes = genesis.to_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        let account = SignedEvent::from_bytes(&bytes).ok().and_then(|event| evaluate(&[event]).ok());
        prop_assert_eq!(account.map(|identity| identity.account == id), None);
    }
}
