//! Ranges made by hand: bombs, and the changes that an attacker without a key would like to make.

use super::history::{History, Spec};
use super::{BodyMode, RANGE_BYTES_MAX, RangeError, SignedRange, chat, pack_one, verify};
use crate::codec::Canonical;
use crate::range::block::Block;
use crate::range::columns::{Columns, Proof, Tag};

fn columns_of(range: &SignedRange) -> Columns {
    let bytes = range.columns.open("columns").expect("packed by us");
    Columns::from_bytes(&bytes, range.count).expect("packed by us")
}

fn with_columns(range: &SignedRange, columns: &Columns) -> SignedRange {
    SignedRange {
        columns: Block::of(columns.to_bytes()),
        ..range.clone()
    }
}

/// Takes the signature of the first event that is signed between others.
pub(super) fn without_first_signature(range: &SignedRange) -> SignedRange {
    let mut columns = columns_of(range);
    for tag in &mut columns.tag {
        let known = Tag::from_number(*tag).expect("packed by us");
        if known.proof == Proof::Signature {
            *tag = Tag {
                proof: Proof::Place,
                ..known
            }
            .to_number();
            break;
        }
    }
    let mut changed = with_columns(range, &columns);
    let signatures = changed.hashes.len() - 2 * 64;
    changed.hashes.drain(signatures..signatures + 64);
    changed
}

/// A change of one number of the columns.
type Change = (&'static str, fn(&mut Columns));

#[test]
fn no_number_of_a_range_can_be_changed() {
    let specs: Vec<_> = (0..30)
        .map(|n| Spec::message(n % 3, "words and words"))
        .collect();
    let history = History::of(&specs);
    let changes: [Change; 12] = [
        ("incarnation", |columns| columns.chain_incarnation[1] += 1),
        ("seq", |columns| columns.chain_seq[0] += 1),
        ("device", |columns| columns.chain_device.swap(0, 1)),
        ("first prev", |columns| columns.chain_prev[2] = 1),
        ("auth heads", |columns| columns.auth_len = vec![0]),
        ("lamport", |columns| columns.lamport_base += 1),
        ("lamport of the last", |columns| columns.lamport[29] += 2),
        ("wall", |columns| columns.wall_base -= 1),
        ("wall of one", |columns| columns.wall[7] ^= 2),
        ("dep", |columns| columns.dep_refs[9] += 2),
        ("dep taken", |columns| {
            columns.dep_len[29] -= 1;
            columns.dep_refs.pop();
        }),
        ("chains of two events", |columns| columns.chain.swap(10, 11)),
    ];
    for mode in [BodyMode::Member, BodyMode::Blind] {
        let range = pack_one(&history.events, mode);
        assert!(verify(&range).is_ok());
        for (name, change) in changes {
            let mut columns = columns_of(&range);
            change(&mut columns);
            let error = verify(&with_columns(&range, &columns)).expect_err(name);
            assert!(error.is_fault(), "{name}: {error}");
        }
    }
}

#[test]
fn tables_with_rows_that_nothing_uses_are_refused() {
    let range = pack_one(&chat(2, 6, "hello").events, BodyMode::Blind);
    let mut longer = range.clone();
    longer.hashes.extend([0; 32]);
    assert!(matches!(verify(&longer), Err(RangeError::Malformed(_))));
    let mut epoch_twice = range.clone();
    epoch_twice.sealed.push(range.sealed[0].clone());
    epoch_twice.sealed[1].bytes = vec![0; 60];
    assert!(verify(&epoch_twice).is_err());
    let mut chains = columns_of(&range);
    chains.chain = vec![1; 6];
    assert!(matches!(
        verify(&with_columns(&range, &chains)),
        Err(RangeError::Malformed(_))
    ));
}

#[test]
fn bombs_are_refused_before_they_take_memory() {
    let range = pack_one(&chat(2, 6, "hello").events, BodyMode::Blind);
    let zeros = |len: usize| zstd::bulk::compress(&vec![0; len], 3).expect("compresses");
    // More comes out than was declared.
    let more = Block::Zstd {
        len: 1000,
        frame: zeros(RANGE_BYTES_MAX),
    };
    assert!(more.open("test").is_err());
    // Less comes out.
    assert!(
        Block::Zstd {
            len: 1000,
            frame: zeros(999)
        }
        .open("test")
        .is_err()
    );
    // A second frame or rubbish follows.
    let twice = [zeros(500), zeros(500)].concat();
    assert!(
        Block::Zstd {
            len: 1000,
            frame: twice
        }
        .open("test")
        .is_err()
    );
    // More is declared than one range may hold: refused as soon as it is read.
    let over = Block::Zstd {
        len: RANGE_BYTES_MAX + 1,
        frame: zeros(RANGE_BYTES_MAX + 1),
    };
    assert!(Block::from_bytes(&over.to_bytes()).is_err());
    // Each within the limit, together above it.
    let half = Block::Zstd {
        len: RANGE_BYTES_MAX / 2 + 1,
        frame: zeros(RANGE_BYTES_MAX / 2 + 1),
    };
    let both = SignedRange {
        columns: half.clone(),
        carried: half,
        ..range
    };
    let error = verify(&both).expect_err("over the limit");
    assert!(error.to_string().contains("declared"), "{error}");
}

#[test]
fn a_window_above_the_limit_is_refused() {
    // Magic, a header with a window of 2^31 bytes, one empty last block.
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00];
    assert!(Block::Zstd { len: 0, frame }.open("test").is_err());
    let frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x01, 0x00, 0x00];
    assert!(Block::Zstd { len: 0, frame }.open("test").is_ok());
}

#[test]
fn the_declared_length_of_a_whole_range_is_limited() {
    let range = pack_one(&chat(2, 6, "hello").events, BodyMode::Blind);
    let huge = SignedRange {
        hashes: vec![0; RANGE_BYTES_MAX],
        ..range
    };
    assert!(SignedRange::from_bytes(&huge.to_bytes()).is_err());
}
