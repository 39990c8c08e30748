use alloquy_ids::{DeviceId, EventId, UnixMs};
use expect_test::expect;
use proptest::collection::vec;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;
use crate::keys::x25519_public;
use crate::limits::{BODY_BYTES_MAX, CONTENT_BYTES_MAX, TEXT_BYTES_MAX};

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn key(seed: u64) -> EpochKey {
    EpochKey::generate(&mut rng(seed))
}

fn epoch(byte: u8) -> EpochId {
    EpochId([byte; 32])
}

/// The header of event 3 of a log, its body being `padded`.
fn header(secret: &EpochSecret, padded: &[u8]) -> Header {
    let mut header = Header {
        kind: Kind::Sealed,
        scope: ScopeId([1; 32]),
        device: DeviceId([2; 32]),
        incarnation: 7,
        seq: 3,
        prev: EventId([3; 32]),
        deps: vec![EventId([4; 32])],
        auth: vec![EventId([5; 32])],
        lamport: 9,
        wall: UnixMs(1_700_000_000_000),
        epoch: epoch(6),
        body_len: u32::try_from(sealed_len(padded.len())).unwrap(),
        body_commit: [0; 32],
    };
    header.body_commit = secret.body_commit(&header.log(), header.seq, padded);
    header
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8 % bytes.len()] ^= 1 << (bit % 8);
    flipped
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_body_opens_under_its_epoch_and_header_only(body in vec(any::<u8>(), 0..600), bit in any::<usize>()) {
        let secret = key(1).secret();
        let padded = pad(&body);
        let header = header(&secret, &padded);
        let sealed = secret.seal_body(&header, &padded);

        prop_assert_eq!(sealed.len(), header.body_len as usize);
        prop_assert_eq!(&secret.seal_body(&header, &padded), &sealed, "sealing is deterministic");
        prop_assert_eq!(secret.open_body(&header, &sealed), Some(body));

        prop_assert_eq!(secret.open_body(&header, &flipped(&sealed, bit)), None, "changed ciphertext");
        prop_assert_eq!(secret.open_body(&header, &sealed[..sealed.len() - 1]), None, "cut ciphertext");
        prop_assert_eq!(key(2).secret().open_body(&header, &sealed), None, "another epoch");
        let elsewhere = [
            Header { scope: ScopeId([9; 32]), ..header.clone() },
            Header { device: DeviceId([9; 32]), ..header.clone() },
            Header { incarnation: 8, ..header.clone() },
            Header { seq: 4, ..header.clone() },
            Header { lamport: 10, ..header.clone() },
            Header { kind: Kind::Deletion, ..header.clone() },
        ];
        for other in elsewhere {
            prop_assert_eq!(secret.open_body(&other, &sealed), None, "replayed as {:?}", other);
        }
    }

    #[test]
    fn padding_comes_off_and_no_other_padding_does(body in vec(any::<u8>(), 0..600), zeros in 1_usize..200) {
        let padded = pad(&body);
        prop_assert_eq!(unpad(&padded), Some(body.as_slice()));
        prop_assert!(padded.len() > body.len());
        let longer = [padded.as_slice(), &vec![0; zeros]].concat();
        prop_assert_eq!(unpad(&longer), None, "more zeros than needed");
        prop_assert_eq!(unpad(&padded[..padded.len() - 1]), None, "fewer");
    }

    #[test]
    fn a_wrap_opens_for_its_key_and_epoch_only(seed in any::<u64>(), link in any::<bool>(), bit in any::<usize>()) {
        let material = if link { key(seed) } else { key(seed).secret_only() };
        let (mine, other) = ([11; 32], [12; 32]);
        let wrap = wrap(epoch(1), &material, &x25519_public(&mine), &mut rng(seed));

        prop_assert_eq!(unwrap(epoch(1), &wrap, &mine), Some(material));
        prop_assert_eq!(unwrap(epoch(2), &wrap, &mine), None, "a wrap for another epoch");
        prop_assert_eq!(unwrap(epoch(1), &wrap, &other), None, "another device's wrap");
        let sealed = Wrap { sealed: flipped(&wrap.sealed, bit), ..wrap.clone() };
        prop_assert_eq!(unwrap(epoch(1), &sealed, &mine), None, "changed ciphertext");
        // X25519 does not look at the highest bit of a public key (RFC 7748 section 5), HPKE's key schedule does.
        let enc = Wrap { enc: flipped(&wrap.enc, bit).try_into().unwrap(), ..wrap.clone() };
        prop_assert_eq!(unwrap(epoch(1), &enc, &mine), None, "changed encapsulation");
    }

    #[test]
    fn a_frame_opens_under_its_key_only(frame in vec(any::<u8>(), 0..300), bit in any::<usize>()) {
        let gossip = key(1).secret().gossip_key();
        let sealed = gossip.seal(&frame, &mut rng(3));
        prop_assert_eq!(gossip.open(&sealed), Some(frame.clone()));
        prop_assert_eq!(gossip.open(&flipped(&sealed, bit)), None);
        prop_assert_eq!(key(2).secret().gossip_key().open(&sealed), None);
        prop_assert_ne!(gossip.seal(&frame, &mut rng(4)), sealed, "the nonce is random");
    }

    #[test]
    fn a_block_opens_under_its_epoch_only(block in vec(any::<u8>(), 0..300), bit in any::<usize>()) {
        let secret = key(1).secret();
        let sealed = secret.seal_block(&block);
        prop_assert_eq!(secret.open_block(&sealed), Some(block));
        prop_assert_eq!(secret.open_block(&flipped(&sealed, bit)), None);
        prop_assert_eq!(key(2).secret().open_block(&sealed), None);
    }
}

#[test]
fn a_commitment_of_another_position_is_refused() {
    let secret = key(1).secret();
    let padded = pad(b"hello");
    let own = header(&secret, &padded);
    let log = LogId {
        device: DeviceId([9; 32]),
        ..own.log()
    };
    let commits = [
        secret.body_commit(&own.log(), own.seq + 1, &padded),
        secret.body_commit(&log, own.seq, &padded),
        key(2).secret().body_commit(&own.log(), own.seq, &padded),
        secret.body_commit(&own.log(), own.seq, &pad(b"hullo")),
    ];
    for body_commit in commits {
        // The ciphertext is made for this very header, so that only the commitment is wrong.
        let header = Header {
            body_commit,
            ..own.clone()
        };
        assert_eq!(
            secret.open_body(&header, &secret.seal_body(&header, &padded)),
            None
        );
    }
}

#[test]
fn a_body_whose_padding_is_not_canonical_is_refused() {
    let secret = key(1).secret();
    let mut long = pad(b"hello");
    long.resize(64, 0);
    let mut unmarked = pad(b"hello");
    unmarked[5] = 0x81;
    let paddings = [
        long,
        unmarked,
        vec![0; 32],
        Vec::new(),
        b"hello\x80".to_vec(),
        pad(&[0; 40])[..41].to_vec(),
    ];
    for padded in paddings {
        let header = header(&secret, &padded);
        assert_eq!(
            secret.open_body(&header, &secret.seal_body(&header, &padded)),
            None,
            "{padded:?}"
        );
    }
}

#[test]
fn padded_lengths_go_in_few_steps_and_every_body_fits_its_limit() {
    let steps: std::collections::BTreeSet<_> = (0..56 * 1024).map(padded_len).collect();
    let expected = [
        32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 40960, 49152, 57344,
    ];
    assert!(steps.into_iter().eq(expected));
    assert_eq!((padded_len(31), padded_len(32)), (32, 64));
    // A body's tag and the marks of a message (length, reply, thread) come on top of its text.
    assert!(padded_len(TEXT_BYTES_MAX + 128) <= 32 * 1024);
    assert!(sealed_len(padded_len(1 + CONTENT_BYTES_MAX)) <= BODY_BYTES_MAX);
}

#[test]
fn key_material_is_that_of_one_announcement() {
    let (scope, parents) = (ScopeId([1; 32]), [epoch(1), epoch(2)]);
    let commit = key(1).secret().commit(scope, &parents);
    assert!(key(1).verify_commit(&commit, scope, &parents));
    assert!(key(1).secret_only().verify_commit(&commit, scope, &parents));
    assert!(
        !key(2).verify_commit(&commit, scope, &parents),
        "another secret"
    );
    assert!(
        !key(1).verify_commit(&commit, ScopeId([2; 32]), &parents),
        "another scope"
    );
    assert!(
        !key(1).verify_commit(&commit, scope, &parents[..1]),
        "other parents"
    );
    assert!(
        !key(1).verify_commit(&commit, scope, &[epoch(2), epoch(1)]),
        "parents in another order"
    );
    let EpochKey::Link(link) = key(1).clone() else {
        panic!("generate gives a link key")
    };
    assert!(
        !EpochKey::Secret(link).verify_commit(&commit, scope, &parents),
        "a link key passed off as the secret"
    );
}

#[test]
fn links_lead_back_through_all_epochs_and_only_with_link_keys() {
    let keys: Vec<_> = (0..5).map(key).collect();
    let commits: Vec<_> = (0..5_u8).map(|byte| [byte; 32]).collect();
    let links: Vec<_> = (1..5)
        .map(|child| seal_link(&keys[child], &commits[child], &keys[child - 1]).unwrap())
        .collect();
    let mut held = keys[4].clone();
    for child in (1..5).rev() {
        held = open_link(&held, &commits[child], &links[child - 1]).unwrap();
    }
    assert_eq!(held, keys[0]);

    let (child, commit, link) = (&keys[4], &commits[4], &links[3]);
    assert_eq!(link.len(), LINK_BYTES);
    assert_eq!(
        open_link(&child.secret_only(), commit, link),
        None,
        "the secret alone opens no link"
    );
    assert_eq!(seal_link(&child.secret_only(), commit, &keys[3]), None);
    assert_eq!(
        open_link(&keys[3], commit, link),
        None,
        "another epoch's link key"
    );
    assert_eq!(
        open_link(child, &commits[3], link),
        None,
        "another announcement"
    );
    for bit in 0..link.len() * 8 {
        assert_eq!(
            open_link(child, commit, &flipped(link, bit)),
            None,
            "bit {bit}"
        );
    }
}

#[test]
fn a_parent_of_which_only_the_secret_is_held_is_linked_as_that() {
    let sealed = seal_link(&key(1), &[1; 32], &key(2).secret_only()).unwrap();
    let opened = open_link(&key(1), &[1; 32], &sealed).unwrap();
    assert_eq!(opened, key(2).secret_only());
    let other = seal_link(&key(1), &[1; 32], &key(3)).unwrap();
    assert_ne!(
        sealed[..NONCE_BYTES],
        other[..NONCE_BYTES],
        "two parents under one key never share a nonce"
    );
}

#[test]
fn a_weak_key_gets_a_wrap_that_holds_nothing_and_a_weak_encapsulation_opens_nothing() {
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one] {
        let empty = wrap(epoch(1), &key(1), &weak, &mut rng(1));
        assert_eq!(
            (empty.enc, empty.sealed.as_slice()),
            ([0; 32], [].as_slice())
        );
        assert_eq!(unwrap(epoch(1), &empty, &[11; 32]), None);
    }
    let good = wrap(epoch(1), &key(1), &x25519_public(&[11; 32]), &mut rng(1));
    assert_eq!(
        unwrap(
            epoch(1),
            &Wrap {
                enc: [0; 32],
                ..good
            },
            &[11; 32]
        ),
        None
    );
}

#[test]
fn a_stored_key_comes_back_and_nothing_else_does() {
    for material in [key(1), key(1).secret_only()] {
        let bytes = material.to_bytes();
        assert_eq!(bytes.len(), EPOCH_KEY_BYTES);
        assert_eq!(EpochKey::from_bytes(&bytes), Some(material));
        assert_eq!(EpochKey::from_bytes(&bytes[..32]), None);
        assert_eq!(
            EpochKey::from_bytes(&[bytes.as_slice(), &[0]].concat()),
            None
        );
        for tag in [0, 3, 0xff] {
            assert_eq!(
                EpochKey::from_bytes(&[[tag].as_slice(), &bytes[1..]].concat()),
                None
            );
        }
    }
    assert_eq!(EpochKey::from_bytes(&[]), None);
}

#[test]
fn nothing_secret_is_printed() {
    let key = key(1);
    let printed = format!(
        "{key:?} {:?} {:?} {:?}",
        key.secret_only(),
        key.secret(),
        key.secret().gossip_key()
    );
    assert_eq!(
        printed,
        "EpochKey::Link(..) EpochKey::Secret(..) EpochSecret(..) GossipKey(..)"
    );
}

/// The derivations are part of the protocol: a change of one is a change of the wire format.
#[test]
fn derivations_are_those_of_the_protocol() {
    let link = EpochKey::Link([0x11; 32]);
    let secret = link.secret();
    let padded = pad(b"hello");
    let header = header(&secret, &padded);
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let lines = [
        ("secret", hex(&secret.0)),
        (
            "commit",
            hex(&secret.commit(ScopeId([1; 32]), &[epoch(1), epoch(2)])),
        ),
        ("body commit", hex(&header.body_commit)),
        ("sealed body", hex(&secret.seal_body(&header, &padded))),
        ("sealed block", hex(&secret.seal_block(b"block"))),
        ("topic", hex(&secret.gossip_key().topic())),
        (
            "link",
            hex(&seal_link(&link, &[1; 32], &EpochKey::Secret([2; 32])).unwrap()),
        ),
    ];
    let text: String = lines
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect();
    expect![[r#"
        secret: 0c8200e3c0c53af1bc33b9cff748d0249c8df6a525658a17a4906ec0db534dff
        commit: 083faf4d897d777d76051bd2e1603c719f1fc61c0f493213f9b626dc0c0ea95a
        body commit: e042c6f6bf4b4b17bafdef645d45e0b18191f62e35ce72ba78eb490dd5173f5c
        sealed body: d6c35f20618974b1c0be6ae13e9f5828f58c6718e2fb478c6d72b87c6c725cb62a9079808c4c6d16c82035604596f168
        sealed block: e70f327df0cc186e22e00778b86799a7a5436910d9ec407f740b35afc74a36b1ec24fd559f991ddb77b51c81d1
        topic: b21f421b9f0f0ddd70c77fe036798f335c5c6d53b9137f4619cfd76446d0a91b
        link: 3b8c3cfb95947c0959d70e02bb0f23a9b8e88309aff7fd76a53018874cb829f049aa113807e379933d5449a907b4d53403164d09de0dc9c5f83fcf26ec512c68b653a2c6673d955396
    "#]].assert_eq(&text);
}
