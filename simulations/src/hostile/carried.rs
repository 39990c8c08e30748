//! Events that travel in a frame, taken out and put back otherwise: fewer of them, or with other bytes as bodies.

use std::collections::BTreeMap;

use alloquy_ids::{CommunityId, EventId, ScopeId};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::event::{SignedEvent, VerifiedEvent};
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use bytes::Bytes;

const VERSION: u8 = 1;
const RANGES: u8 = 4;
const LIVE: u8 = 16;
const NEWEST: u8 = 41;
/// Events of one frame of new ones.
const LIVE_MAX: usize = 16;
/// Ranges of one frame, and bytes of one of them: no node sends more.
const RANGES_MAX: usize = 256;
const RANGE_BYTES_MAX: usize = 8 << 20;

/// What becomes of an event on its way.
pub(super) enum Change {
    Nothing,
    /// It is kept back.
    Gone,
    /// It goes out over these bytes.
    Body(Vec<u8>),
}

/// The frame with what `change` makes of its events; `None`: it stays as it is. `held` knows signatures that ranges
/// leave out: without them what stood before a gap could not be proved.
pub(super) fn rewritten(
    frame: &[u8],
    held: &BTreeMap<EventId, VerifiedEvent>,
    change: &mut dyn FnMut(&VerifiedEvent) -> Change,
) -> Option<Bytes> {
    let mut r = Reader::new(frame);
    let (version, tag) = (r.u8("version").ok()?, r.u8("frame").ok()?);
    if version != VERSION {
        return None;
    }
    let community = CommunityId::read(&mut r).ok()?;
    let mut w = Writer::new();
    w.raw(&[VERSION, tag]);
    community.write(&mut w);
    match tag {
        RANGES | NEWEST => {
            let count = r.len(RANGES_MAX, "ranges").ok()?;
            let mut ranges = Vec::new();
            let mut is_changed = false;
            for _ in 0..count {
                let bytes = r.bytes(RANGE_BYTES_MAX, "range").ok()?;
                match changed(bytes, held, change) {
                    Some(others) => {
                        is_changed = true;
                        ranges.extend(others);
                    }
                    None => ranges.push(bytes.to_vec()),
                }
            }
            if !is_changed {
                return None;
            }
            w.varint(ranges.len() as u64);
            for range in &ranges {
                w.bytes(range);
            }
            if tag == RANGES {
                w.u8(r.u8("more").ok()?);
            }
        }
        LIVE => {
            w.option(r.option::<SignedEvent>("admit").ok()?.as_ref());
            let events: Vec<SignedEvent> = r.list(LIVE_MAX, "live events").ok()?;
            w.list(&live(events, change)?);
        }
        _ => return None,
    }
    Some(w.into_bytes().into())
}

/// The ranges that are sent in place of one; `None`: it stays.
fn changed(
    range: &[u8],
    held: &BTreeMap<EventId, VerifiedEvent>,
    change: &mut dyn FnMut(&VerifiedEvent) -> Change,
) -> Option<Vec<Vec<u8>>> {
    let range = SignedRange::from_bytes(range).ok()?;
    let scope = range.scope();
    let verified = range.verify(&|_| None).ok()?;
    let mut is_changed = false;
    let mut left = Vec::new();
    for (event, _) in verified.into_events() {
        let signed = held
            .get(&event.id())
            .map_or_else(|| event.clone(), |held| held.merged_with(&event));
        match change(&event) {
            Change::Nothing => left.push(signed),
            Change::Gone => is_changed = true,
            Change::Body(body) => {
                is_changed = true;
                left.extend(signed.with_ciphertext(body));
            }
        }
    }
    is_changed.then(|| packed(scope, &left))
}

/// New events after changes; `None`: they stay.
fn live(
    events: Vec<SignedEvent>,
    change: &mut dyn FnMut(&VerifiedEvent) -> Change,
) -> Option<Vec<SignedEvent>> {
    let mut is_changed = false;
    let mut left = Vec::new();
    for mut event in events {
        let verified = event.clone().verify().ok()?;
        match change(&verified) {
            Change::Nothing => {}
            Change::Gone => {
                is_changed = true;
                continue;
            }
            Change::Body(body) => {
                is_changed = true;
                event.body = body;
            }
        }
        left.push(event);
    }
    is_changed.then_some(left)
}

/// Events as ranges of ciphertexts.
pub(super) fn packed(scope: ScopeId, events: &[VerifiedEvent]) -> Vec<Vec<u8>> {
    let packing = Packing {
        mode: BodyMode::Blind,
        range_bytes_max: 1 << 20,
        plaintext: &|_| None,
        secret: &|_| None,
    };
    let ranges = SignedRange::pack(scope, events, &packing);
    ranges.iter().map(SignedRange::to_bytes).collect()
}
