//! Each value has one byte string: what is decoded encodes to the same bytes, whatever bits were flipped.

use alloquy_ids::{
    AccountId, ChannelId, DeviceId, EpochId, EventId, NetworkKey, RoleId, ScopeId, UnixMs,
};
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::codec::{Canonical, DecodeError, Writer};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::embed::Embed;
use alloquy_schema::epoch::{WRAP_SEALED_BYTES, Wrap};
use alloquy_schema::event::{Header, Kind, SignedEvent};
use alloquy_schema::identity::{IdentityOp, NetworkCertificate, PrekeyRecord, Recovery};
use alloquy_schema::limits::{
    AUTH_HEADS_MAX, BODY_BYTES_MAX, CONTENT_BYTES_MAX, DEPS_MAX, EMOJI_BYTES_MAX, LAMPORT_MAX,
    RECOVER_REVOKED_MAX, TEXT_BYTES_MAX,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The value comes back from its bytes; changed bytes are refused or are the one form of another value.
fn check<T>(value: &T, flips: &[Index], tail: u8) -> Result<(), TestCaseError>
where
    T: Canonical + PartialEq + std::fmt::Debug,
{
    let bytes = value.to_bytes();
    prop_assert_eq!(
        &T::from_bytes(&bytes).expect("what was written is read"),
        value
    );
    for flip in flips {
        let bit = flip.index(bytes.len() * 8);
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = T::from_bytes(&changed) {
            prop_assert_eq!(other.to_bytes(), changed, "two byte strings for one value");
            prop_assert_ne!(&other, value);
        }
        let cut = &bytes[..bit / 8];
        if let Ok(other) = T::from_bytes(cut) {
            prop_assert_eq!(other.to_bytes(), cut);
        }
    }
    let longer = [bytes.as_slice(), &[tail]].concat();
    if let Ok(other) = T::from_bytes(&longer) {
        prop_assert_eq!(other.to_bytes(), longer);
        prop_assert_ne!(&other, value);
    }
    Ok(())
}

fn id() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>()
}

fn event_id() -> impl Strategy<Value = EventId> {
    id().prop_map(EventId)
}

fn signature() -> impl Strategy<Value = [u8; 64]> {
    (id(), id()).prop_map(|(r, s)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&r);
        signature[32..].copy_from_slice(&s);
        signature
    })
}

fn content_op() -> impl Strategy<Value = ContentOp> {
    let text = "[a-zé]{1,20}";
    let set = |field: Field, value: Value| ContentOp::Set { field, value };
    prop_oneof![
        text.prop_map(move |text| set(Field::Name, Value::Text(text))),
        (id(), any::<i64>()).prop_map(move |(id, at)| set(
            Field::ChannelPosition(ChannelId(id)),
            Value::Number(at)
        )),
        (id(), id()).prop_map(move |(a, b)| set(
            Field::ChannelParent(ChannelId(a)),
            Value::Channel(ChannelId(b))
        )),
        (id(), event_id()).prop_map(move |(a, b)| set(Field::Pin(ChannelId(a), b), Value::Present)),
        id().prop_map(|id| ContentOp::Clear {
            field: Field::RoleName(RoleId(id))
        }),
        id().prop_map(|id| ContentOp::Clear {
            field: Field::MemberAbout(AccountId(id))
        }),
        (text, text).prop_map(move |(name, text)| set(Field::Kept(name), Value::Text(text))),
        (id(), vec(any::<u8>(), 0..40))
            .prop_map(move |(id, bytes)| set(Field::Contact(AccountId(id)), Value::Bytes(bytes))),
        id().prop_map(|id| ContentOp::Clear {
            field: Field::DeviceName(DeviceId(id))
        }),
        (any::<u32>(), any::<u32>(), text).prop_map(|(at, remove, insert)| ContentOp::SpliceNote {
            at,
            remove,
            insert
        }),
    ]
}

fn embed() -> impl Strategy<Value = Embed> {
    (
        "https?://[!-\\[\\]-~]{1,20}",
        "[a-zäß]( ?[^ \\pC\\pZ]){0,8}",
        "([^ \\pC\\pZ] ?[^ \\pC\\pZ]){0,8}",
    )
        .prop_map(|(url, title, description)| Embed {
            url,
            title,
            description,
        })
}

fn body() -> impl Strategy<Value = Body> {
    let message = (
        ".{0,40}",
        prop::option::of(event_id()),
        prop::option::of(event_id()),
        any::<bool>(),
        vec(embed(), 0..4),
    )
        .prop_map(|(text, reply_to, thread, bridged, embeds)| {
            Body::Message(MessageBody {
                text,
                reply_to,
                thread,
                bridged,
                embeds,
            })
        });
    prop_oneof![
        message,
        (event_id(), ".{0,40}").prop_map(|(target, text)| Body::Edit { target, text }),
        (event_id(), ".{0,8}", any::<bool>()).prop_map(|(target, emoji, on)| Body::React {
            target,
            emoji,
            on
        }),
        vec(content_op(), 0..6).prop_map(Body::Content),
        (100_u8.., vec(any::<u8>(), 0..40)).prop_map(|(tag, bytes)| Body::Unknown { tag, bytes }),
    ]
}

fn header() -> impl Strategy<Value = Header> {
    let kind = prop::sample::select(vec![
        Kind::Sealed,
        Kind::Authority,
        Kind::Identity,
        Kind::Deletion,
    ]);
    let place = (id(), id(), any::<u32>(), any::<u64>(), event_id());
    let past = (
        vec(event_id(), 0..=DEPS_MAX),
        vec(event_id(), 0..=AUTH_HEADS_MAX),
        0..=LAMPORT_MAX,
        any::<u64>(),
    );
    (kind, place, past, (id(), any::<u32>(), id())).prop_map(
        |(kind, place, past, (epoch, body_len, body_commit))| {
            let (scope, device, incarnation, seq, prev) = place;
            let (deps, auth, lamport, wall) = past;
            Header {
                kind,
                scope: ScopeId(scope),
                device: DeviceId(device),
                incarnation,
                seq,
                prev,
                deps,
                auth,
                lamport,
                wall: UnixMs(wall),
                epoch: EpochId(epoch),
                body_len,
                body_commit,
            }
        },
    )
}

fn identity_op() -> impl Strategy<Value = IdentityOp> {
    let genesis = (any::<[u8; 16]>(), id(), signature(), id(), id()).prop_map(
        |(nonce, key, signature, recovery_commitment, recovery_wrap_key)| IdentityOp::Genesis {
            nonce,
            network: NetworkCertificate {
                key: NetworkKey(key),
                signature,
            },
            recovery_commitment,
            recovery_wrap_key,
        },
    );
    let added = || {
        (id(), certificate(), signature())
            .prop_map(|(device, network, accepted)| (DeviceId(device), network, accepted))
    };
    let named = || id().prop_map(DeviceId);
    let recovery = (
        (id(), id(), id(), signature()),
        prop::option::of((named(), certificate())),
        vec(named(), 0..=RECOVER_REVOKED_MAX),
    );
    prop_oneof![
        genesis,
        added().prop_map(|(device, network, accepted)| IdentityOp::DeviceAdd {
            device,
            network,
            accepted
        }),
        added().prop_map(|(device, network, accepted)| IdentityOp::HomeAdd {
            device,
            network,
            accepted
        }),
        named().prop_map(|device| IdentityOp::DeviceRevoke { device }),
        named().prop_map(|device| IdentityOp::HomeRemove { device }),
        recovery.prop_map(
            |((key, next_commitment, next_wrap_key, signature), add, revoke)| {
                IdentityOp::Recover(Recovery {
                    key,
                    next_commitment,
                    next_wrap_key,
                    add,
                    revoke,
                    signature,
                })
            }
        ),
        (id(), id()).prop_map(|(commitment, wrap_key)| IdentityOp::RecoveryChange {
            commitment,
            wrap_key
        }),
        Just(IdentityOp::Close),
        (9_u8.., vec(any::<u8>(), 0..40))
            .prop_map(|(tag, bytes)| IdentityOp::Unknown { tag, bytes }),
    ]
}

fn certificate() -> impl Strategy<Value = NetworkCertificate> {
    (id(), signature()).prop_map(|(key, signature)| NetworkCertificate {
        key: NetworkKey(key),
        signature,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_body_has_one_form(value in body(), flips in vec(any::<Index>(), 8), tail: u8) {
        check(&value, &flips, tail)?;
    }

    #[test]
    fn an_event_has_one_form(
        header in header(),
        body in vec(any::<u8>(), 0..200),
        signature in signature(),
        flips in vec(any::<Index>(), 8),
        tail: u8,
    ) {
        check(&header, &flips, tail)?;
        check(&SignedEvent { header, body, signature }, &flips, tail)?;
    }

    #[test]
    fn an_identity_operation_has_one_form(value in identity_op(), flips in vec(any::<Index>(), 8), tail: u8) {
        check(&value, &flips, tail)?;
    }

    #[test]
    fn a_prekey_record_has_one_form(
        (device, key, signature) in (id(), id(), signature()),
        counter: u64,
        flips in vec(any::<Index>(), 8),
        tail: u8,
    ) {
        check(&PrekeyRecord { device: DeviceId(device), counter, key, signature }, &flips, tail)?;
    }

    #[test]
    fn a_wrap_has_one_form(
        (to, enc) in (id(), id()),
        sealed in vec(any::<u8>(), 0..=WRAP_SEALED_BYTES),
        flips in vec(any::<Index>(), 8),
        tail: u8,
    ) {
        check(&Wrap { to, enc, sealed }, &flips, tail)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_never_have_two_forms(bytes in vec(any::<u8>(), 0..300)) {
        fn same<T: Canonical>(bytes: &[u8]) -> bool {
            T::from_bytes(bytes).is_ok_and(|value| value.to_bytes() != bytes)
        }
        prop_assert!(!same::<Body>(&bytes));
        prop_assert!(!same::<SignedEvent>(&bytes));
        prop_assert!(!same::<IdentityOp>(&bytes));
        prop_assert!(!same::<PrekeyRecord>(&bytes));
        prop_assert!(!same::<NetworkCertificate>(&bytes));
        prop_assert!(!same::<Wrap>(&bytes));
    }
}

fn limit_of<T: Canonical + std::fmt::Debug>(bytes: &[u8]) -> u64 {
    match T::from_bytes(bytes) {
        Err(DecodeError::Limit { limit, .. }) => limit,
        other => panic!("expected a limit, got {other:?}"),
    }
}

#[test]
fn limits_hold_at_the_byte() {
    let target = EventId([1; 32]);
    let message = |len| {
        Body::Message(MessageBody {
            text: "x".repeat(len),
            ..MessageBody::default()
        })
        .to_bytes()
    };
    assert!(Body::from_bytes(&message(TEXT_BYTES_MAX)).is_ok());
    assert_eq!(
        limit_of::<Body>(&message(TEXT_BYTES_MAX + 1)),
        TEXT_BYTES_MAX as u64
    );
    let edit = |len| {
        Body::Edit {
            target,
            text: "x".repeat(len),
        }
        .to_bytes()
    };
    assert!(Body::from_bytes(&edit(TEXT_BYTES_MAX)).is_ok());
    assert_eq!(
        limit_of::<Body>(&edit(TEXT_BYTES_MAX + 1)),
        TEXT_BYTES_MAX as u64
    );
    let react = |len| {
        Body::React {
            target,
            emoji: "x".repeat(len),
            on: true,
        }
        .to_bytes()
    };
    assert!(Body::from_bytes(&react(EMOJI_BYTES_MAX)).is_ok());
    assert_eq!(
        limit_of::<Body>(&react(EMOJI_BYTES_MAX + 1)),
        EMOJI_BYTES_MAX as u64
    );
    let splice = |len| {
        Body::Content(vec![ContentOp::SpliceNote {
            at: 0,
            remove: 0,
            insert: "x".repeat(len),
        }])
        .to_bytes()
    };
    assert_eq!(
        limit_of::<Body>(&splice(CONTENT_BYTES_MAX)),
        CONTENT_BYTES_MAX as u64
    );
    let unknown = |len| {
        Body::Unknown {
            tag: 200,
            bytes: vec![0; len],
        }
        .to_bytes()
    };
    assert!(Body::from_bytes(&unknown(BODY_BYTES_MAX - 1)).is_ok());
    assert_eq!(
        limit_of::<Body>(&unknown(BODY_BYTES_MAX)),
        BODY_BYTES_MAX as u64
    );
    let wrap = |len| {
        Wrap {
            to: [1; 32],
            enc: [2; 32],
            sealed: vec![0; len],
        }
        .to_bytes()
    };
    assert_eq!(
        limit_of::<Wrap>(&wrap(WRAP_SEALED_BYTES + 1)),
        WRAP_SEALED_BYTES as u64
    );
}

#[test]
fn a_declared_length_takes_no_memory() {
    // A text that claims 2^60 bytes, a list of 2^60 operations: refused before anything is allocated.
    for tag in [1, 5] {
        let mut w = Writer::new();
        w.u8(tag);
        w.varint(1 << 60);
        assert!(
            matches!(
                Body::from_bytes(&w.into_bytes()),
                Err(DecodeError::Limit { .. })
            ),
            "tag {tag}"
        );
    }
}
