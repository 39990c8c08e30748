//! What an envelope refuses, and that it has one form.

use alloquy_ids::{DeviceId, EpochId, EventId, ScopeId, UnixMs};
use proptest::prelude::*;

use super::{Header, Kind, SignedEvent, VerifiedEvent, VerifyError, clear_commit};
use crate::codec::{Canonical, DecodeError};
use crate::keys::DeviceKey;
use crate::limits::{AUTH_HEADS_MAX, BODY_BYTES_MAX, DEPS_MAX, LAMPORT_MAX};

fn key() -> DeviceKey {
    DeviceKey::from_seed(&[1; 32])
}

/// An event of `kind` with a body of its own; deletions and authority operations lie open.
fn event(kind: Kind, body: &[u8]) -> SignedEvent {
    let clear = kind != Kind::Sealed;
    let header = Header {
        kind,
        scope: ScopeId([2; 32]),
        device: key().id(),
        incarnation: 3,
        seq: 4,
        prev: EventId([5; 32]),
        deps: vec![EventId([6; 32])],
        auth: vec![EventId([7; 32]), EventId([8; 32])],
        lamport: 9,
        wall: UnixMs(10),
        epoch: if clear {
            EpochId::ZERO
        } else {
            EpochId([11; 32])
        },
        body_len: body.len() as u32,
        body_commit: if clear { clear_commit(body) } else { [12; 32] },
    };
    SignedEvent::sign(header, body.to_vec(), &key())
}

fn signed_again(mut event: SignedEvent, change: impl FnOnce(&mut SignedEvent)) -> SignedEvent {
    change(&mut event);
    SignedEvent::sign(event.header, event.body, &key())
}

#[test]
fn a_signed_event_verifies_and_comes_back() {
    for kind in [
        Kind::Sealed,
        Kind::Authority,
        Kind::Identity,
        Kind::Deletion,
    ] {
        let signed = event(kind, b"body");
        let verified = SignedEvent::from_wire(&signed.to_bytes()).expect("verifies");
        assert_eq!(verified.id(), signed.header.id());
        assert_eq!(verified.to_signed(), Some(signed));
    }
}

/// A change to a signed event that keeps its signature.
type Replay = (&'static str, fn(&mut SignedEvent));

#[test]
fn a_signature_holds_for_nothing_else() {
    let replays: [Replay; 12] = [
        ("another scope", |event| {
            event.header.scope = ScopeId([3; 32])
        }),
        ("another kind", |event| event.header.kind = Kind::Authority),
        ("another device", |event| {
            event.header.device = DeviceKey::from_seed(&[2; 32]).id()
        }),
        ("another log", |event| event.header.incarnation += 1),
        ("another place", |event| event.header.seq += 1),
        ("another past", |event| event.header.prev = EventId([9; 32])),
        ("a dep taken", |event| event.header.deps.clear()),
        ("auth taken", |event| event.header.auth.clear()),
        ("another Lamport time", |event| event.header.lamport += 1),
        ("another time", |event| event.header.wall.0 += 1),
        ("another body", |event| {
            event.body = b"BODY".to_vec();
            event.header.body_commit = clear_commit(b"BODY");
        }),
        ("another signature", |event| event.signature[3] ^= 1),
    ];
    for (name, change) in replays {
        let mut replayed = event(Kind::Deletion, b"body");
        change(&mut replayed);
        assert!(
            matches!(replayed.verify(), Err(VerifyError::Signature(_))),
            "{name}"
        );
    }
    let mut other_ciphertext = event(Kind::Sealed, b"ciphertext");
    other_ciphertext.body[0] ^= 1;
    assert!(matches!(
        other_ciphertext.verify(),
        Err(VerifyError::Signature(_))
    ));
}

#[test]
fn a_body_that_does_not_fit_its_header_is_refused() {
    let clear_under_an_epoch = signed_again(event(Kind::Deletion, b"body"), |e| {
        e.header.epoch = EpochId([1; 32])
    });
    let sealed_under_none = signed_again(event(Kind::Sealed, b"body"), |e| {
        e.header.epoch = EpochId::ZERO
    });
    let longer = signed_again(event(Kind::Sealed, b"body"), |e| e.header.body_len += 1);
    let uncommitted = signed_again(event(Kind::Deletion, b"body"), |e| {
        e.header.body_commit = [0; 32]
    });
    for event in [clear_under_an_epoch, sealed_under_none, longer, uncommitted] {
        assert!(matches!(event.verify(), Err(VerifyError::Body(_))));
    }
}

/// Points of small order: for such a "key" one signature holds for many messages.
#[test]
fn weak_keys_never_verify() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    for weak in [[0; 32], identity, minus_one] {
        let mut forged = event(Kind::Deletion, b"body");
        forged.header.device = DeviceId(weak);
        // R = identity, s = 0: holds for a key of order 1 under the lax equation.
        forged.signature = [0; 64];
        forged.signature[0] = 1;
        assert!(matches!(forged.verify(), Err(VerifyError::Signature(_))));
    }
}

/// s + L signs the same under the lax equation (RFC 8032 section 5.1.7 asks for s < L).
#[test]
fn a_signature_has_one_form() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut malleable = event(Kind::Deletion, b"body");
    let mut carry = 0;
    for (byte, order) in malleable.signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0, "s + L fits 32 bytes");
    assert!(matches!(malleable.verify(), Err(VerifyError::Signature(_))));
}

#[test]
fn what_is_over_a_limit_is_refused_when_it_is_read() {
    let deps = signed_again(event(Kind::Sealed, b""), |e| {
        e.header.deps = vec![EventId([1; 32]); DEPS_MAX + 1]
    });
    let auth = signed_again(event(Kind::Sealed, b""), |e| {
        e.header.auth = vec![EventId([1; 32]); AUTH_HEADS_MAX + 1]
    });
    let lamport = signed_again(event(Kind::Sealed, b""), |e| {
        e.header.lamport = LAMPORT_MAX + 1
    });
    let body = event(Kind::Sealed, &vec![0; BODY_BYTES_MAX + 1]);
    for (event, what) in [
        (deps, "deps"),
        (auth, "auth heads"),
        (lamport, "lamport time"),
        (body, "body"),
    ] {
        let error = SignedEvent::from_bytes(&event.to_bytes()).expect_err(what);
        assert!(
            matches!(error, DecodeError::Limit { what: named, .. } if named == what),
            "{what}: {error}"
        );
    }
    let most = signed_again(event(Kind::Sealed, b""), |e| {
        e.header.deps = vec![EventId([1; 32]); DEPS_MAX]
    });
    assert_eq!(SignedEvent::from_bytes(&most.to_bytes()), Ok(most));
}

#[test]
fn other_versions_and_kinds_are_refused() {
    let bytes = event(Kind::Sealed, b"body").to_bytes();
    for (place, value) in [(0, 0), (0, 5), (1, 0), (1, 2)] {
        let mut changed = bytes.clone();
        changed[place] = value;
        assert!(matches!(
            SignedEvent::from_bytes(&changed),
            Err(DecodeError::Unknown { .. })
        ));
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(
        SignedEvent::from_bytes(&longer),
        Err(DecodeError::Trailing { count: 1 })
    );
}

#[test]
fn a_live_frame_is_given_only_with_the_body_that_was_signed() {
    let verified = event(Kind::Sealed, b"one").verify().expect("verifies");
    // The author signed the same header over a second ciphertext.
    let first = event(Kind::Sealed, b"one");
    let second = SignedEvent::sign(first.header.clone(), b"two".to_vec(), &key())
        .verify()
        .expect("verifies");
    assert_eq!(verified.id(), second.id());
    assert_eq!(verified.without_body().to_signed(), None);
    let merged = verified.without_body().merged_with(&second);
    assert_eq!(merged.body(), Some(b"two".as_slice()));
    let frame = merged
        .to_signed()
        .expect("a signature over this body is held");
    assert!(frame.verify().is_ok());
    assert_eq!(verified.merged_with(&second).to_signed(), Some(first));
}

fn headers() -> impl Strategy<Value = Header> {
    let hash = || any::<u8>().prop_map(|byte| [byte; 32]);
    let ids =
        |most| prop::collection::vec(any::<u8>().prop_map(|byte| EventId([byte; 32])), 0..=most);
    let kind = prop::sample::select(vec![
        Kind::Sealed,
        Kind::Authority,
        Kind::Identity,
        Kind::Deletion,
    ]);
    let log = (hash(), hash(), any::<u32>(), any::<u64>(), hash());
    let rest = (0..=LAMPORT_MAX, any::<u64>(), hash(), any::<u32>(), hash());
    (kind, log, ids(DEPS_MAX), ids(AUTH_HEADS_MAX), rest).prop_map(
        |(kind, log, deps, auth, rest)| Header {
            kind,
            scope: ScopeId(log.0),
            device: DeviceId(log.1),
            incarnation: log.2,
            seq: log.3,
            prev: EventId(log.4),
            deps,
            auth,
            lamport: rest.0,
            wall: UnixMs(rest.1),
            epoch: EpochId(rest.2),
            body_len: rest.3,
            body_commit: rest.4,
        },
    )
}

proptest! {
    #[test]
    fn every_header_has_one_form(header in headers()) {
        let bytes = header.to_bytes();
        prop_assert_eq!(Header::from_bytes(&bytes), Ok(header.clone()));
        prop_assert_eq!(header.id(), EventId(crate::hash::derive("alloquy event id v1", &[&bytes])));
    }

    #[test]
    fn damaged_events_are_refused(header in headers(), place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let body = b"some body".to_vec();
        let header = Header { body_len: 9, device: key().id(), kind: Kind::Sealed, ..header };
        let header = Header { epoch: EpochId([1; 32]), ..header };
        let mut bytes = SignedEvent::sign(header, body, &key()).to_bytes();
        prop_assert!(SignedEvent::from_wire(&bytes).is_ok());
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(decoded) = SignedEvent::from_bytes(&bytes) {
            prop_assert_eq!(decoded.to_bytes(), bytes);
            prop_assert!(decoded.verify().is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        if let Ok(event) = SignedEvent::from_bytes(&bytes) {
            prop_assert_eq!(event.to_bytes(), bytes);
        }
    }
}

/// Cheap to clone: what a clone shows is the same memory.
#[test]
fn clones_share_their_body() {
    let verified: VerifiedEvent = event(Kind::Sealed, b"body").verify().expect("verifies");
    let clone = verified.clone();
    assert!(std::ptr::eq(verified.header(), clone.header()));
}
