//! Row 7: verifying history as ranges, and writing it, beside checking one signature per event.

use std::time::Instant;

use alloquy_ids::{EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, EpochSecret, pad};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use anyhow::ensure;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use redb::{Database, TableDefinition};

use crate::corpus;
use crate::report::Line;

/// Messages of workload W.
pub(crate) const EVENTS: usize = 100_000;
/// Devices of workload W.
const DEVICES: usize = 200;
/// Bytes that one range encodes to at most: what one answer of catch-up carries.
const RANGE_BYTES_MAX: usize = 1 << 20;
/// Single events checked by signature, for the rival.
const SINGLE: usize = 4_000;
const SCOPE: ScopeId = ScopeId([7; 32]);
const EPOCH: EpochId = EpochId([9; 32]);
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("ranges");

/// Messages of a chat, each naming the last one before it, sealed and signed.
fn history(texts: &[String], secret: &EpochSecret) -> Vec<VerifiedEvent> {
    let devices: Vec<DeviceKey> = (0..DEVICES)
        .map(|device| DeviceKey::from_seed(&[device as u8; 32]))
        .collect();
    let mut heads: Vec<Option<(u64, EventId)>> = vec![None; DEVICES];
    let mut last: Option<EventId> = None;
    let mut events = Vec::with_capacity(texts.len());
    for (number, text) in texts.iter().enumerate() {
        // Some write more than others, as in a chat.
        let writer = (number * number) % DEVICES;
        let (seq, prev) = heads[writer].map_or((0, EventId::ZERO), |(seq, head)| (seq + 1, head));
        let mut header = Header {
            kind: Kind::Sealed,
            scope: SCOPE,
            device: devices[writer].id(),
            incarnation: 1,
            seq,
            prev,
            deps: last.filter(|last| *last != prev).into_iter().collect(),
            auth: vec![EventId([5; 32])],
            lamport: number as u64 + 1,
            wall: UnixMs(1_790_000_000_000 + number as u64 * 1_000),
            epoch: EPOCH,
            body_len: 0,
            body_commit: [0; 32],
        };
        let padded = pad(&[&[1], text.as_bytes()].concat());
        header.body_commit = secret.body_commit(&header.log(), seq, &padded);
        header.body_len = padded.len() as u32 + 16;
        let body = secret.seal_body(&header, &padded);
        let event = SignedEvent::sign(header, body, &devices[writer])
            .verify()
            .expect("signed by the device just now");
        heads[writer] = Some((seq, event.id()));
        last = Some(event.id());
        events.push(event);
    }
    events
}

/// Verifies and writes `count` events as ranges.
pub(crate) fn verify_and_write(count: usize) -> anyhow::Result<Vec<Line>> {
    let texts = corpus::sentences(count)?;
    let raw: usize = texts.iter().map(String::len).sum();
    let secret = EpochKey::generate(&mut ChaCha20Rng::seed_from_u64(7)).secret();
    let events = history(&texts, &secret);
    let held = |epoch| (epoch == EPOCH).then(|| secret.clone());
    let packing = Packing {
        mode: BodyMode::Member,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &held,
    };
    let ranges: Vec<Vec<u8>> = SignedRange::pack(SCOPE, &events, &packing)
        .iter()
        .map(Canonical::to_bytes)
        .collect();
    let bytes: usize = ranges.iter().map(Vec::len).sum();

    let folder = tempfile::tempdir()?;
    let store = Database::create(folder.path().join("ranges.redb"))?;
    let started = Instant::now();
    let mut verified = 0;
    for range in &ranges {
        verified += SignedRange::from_bytes(range)?
            .verify(&held)?
            .events()
            .len();
    }
    let verifying = started.elapsed().as_secs_f64();
    ensure!(verified == count, "{verified} of {count} came back");
    for (number, range) in ranges.iter().enumerate() {
        let commit = store.begin_write()?;
        commit
            .open_table(ROWS)?
            .insert(number as u64, range.as_slice())?;
        commit.commit()?;
    }
    let both = started.elapsed().as_secs_f64();

    let single = one_by_one(&events[..SINGLE.min(count)])?;
    let rival = Some(("one Ed25519 check per event", single));
    Ok(vec![
        Line {
            name: "range_verify",
            value: count as f64 / verifying,
            unit: "events/s",
            n: count,
            rival,
        },
        Line {
            name: "range_verify_and_write",
            value: count as f64 / both,
            unit: "events/s",
            n: count,
            rival,
        },
        Line {
            name: "range_bytes_per_byte_of_text",
            value: bytes as f64 / raw as f64,
            unit: "B/B",
            n: count,
            rival: Some((
                "automerge 0.12 sync, unsigned, in clear, measured apart",
                0.63,
            )),
        },
    ])
}

/// Events a second when each signature is checked.
fn one_by_one(events: &[VerifiedEvent]) -> anyhow::Result<f64> {
    let signed: Vec<SignedEvent> = events.iter().filter_map(VerifiedEvent::to_signed).collect();
    ensure!(
        signed.len() == events.len(),
        "live events hold their signatures"
    );
    let started = Instant::now();
    for event in signed {
        event.verify()?;
    }
    Ok(events.len() as f64 / started.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_packed_is_verified_and_small() {
        let lines = verify_and_write(3_000).unwrap();
        let bytes = lines
            .iter()
            .find(|line| line.name == "range_bytes_per_byte_of_text")
            .unwrap();
        // A few events per device: tables and signatures weigh more than in the real run.
        assert!(bytes.value < 2.0, "{lines:?}");
    }
}
