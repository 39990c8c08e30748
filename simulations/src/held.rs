//! What a member holds who does not keep to the program: the keys and events in its own store
//! (docs/protocol.md, "Local store").

use std::collections::BTreeMap;

use alloquy_core::Topic;
use alloquy_ids::{AccountId, CommunityId, EpochId, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader};
use alloquy_schema::epoch::{EpochKey, Wrap};
use alloquy_schema::event::{SignedEvent, VerifiedEvent};
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::range::SignedRange;
use bytes::Bytes;

use crate::machine::Records;

/// First bytes of the keys of records that are read here.
const ACCOUNT: u8 = 2;
const COMMUNITY: u8 = 3;
const EVENTS: u8 = 0x10;
const EPOCH: u8 = 0x11;
const WRAPS: u8 = 0x12;
const PREKEY: u8 = 0x14;
const HOME: u8 = 0x25;
/// Ranges of one row.
const RANGES_MAX: usize = 256;
/// Bytes of one of them.
const RANGE_BYTES_MAX: usize = 8 << 20;
/// Wraps of one epoch, and identity events of one account: more than any run makes.
const LIST_MAX: usize = 4_096;

fn of_kind(records: &Records, kind: u8) -> impl Iterator<Item = (&Bytes, &Bytes)> {
    records
        .iter()
        .filter(move |(key, _)| key.first() == Some(&kind))
}

/// The device's key and the seed of its network key.
#[must_use]
pub fn device_key(records: &Records) -> (DeviceKey, [u8; 32]) {
    let (_, account) = of_kind(records, ACCOUNT)
        .next()
        .expect("a store has an account");
    let seed = |from: usize| {
        let bytes = account[from..from + 32].try_into();
        bytes.expect("a seed has 32 bytes")
    };
    (DeviceKey::from_seed(&seed(32)), seed(64))
}

/// Communities that the store knows.
#[must_use]
pub fn communities(records: &Records) -> Vec<CommunityId> {
    let id = |(key, _): (&Bytes, &Bytes)| key[1..].try_into().map(CommunityId).ok();
    of_kind(records, COMMUNITY).filter_map(id).collect()
}

/// Whether the store is a home node's.
#[must_use]
pub fn is_home(records: &Records) -> bool {
    of_kind(records, HOME).next().is_some()
}

/// Wraps that a store keeps for others, by epoch.
#[must_use]
pub fn wraps(records: &Records) -> BTreeMap<EpochId, Vec<Wrap>> {
    let wraps = |(key, value): (&Bytes, &Bytes)| {
        let id = key[33..].try_into().ok()?;
        let list = Reader::new(value).list(LIST_MAX, "wraps").ok()?;
        Some((EpochId(id), list))
    };
    of_kind(records, WRAPS).filter_map(wraps).collect()
}

/// Prekeys of members' devices.
#[must_use]
pub fn prekeys(records: &Records) -> Vec<PrekeyRecord> {
    let record = |(_, value): (&Bytes, &Bytes)| PrekeyRecord::from_bytes(value).ok();
    of_kind(records, PREKEY).filter_map(record).collect()
}

/// Identity logs of those with whom a home node has paired, its owner's first.
#[must_use]
pub fn served(records: &Records) -> Vec<Vec<SignedEvent>> {
    let Some((_, value)) = of_kind(records, HOME).next() else {
        return Vec::new();
    };
    chains(value).expect("a stored record holds")
}

/// The identity logs in the record of a home node.
fn chains(record: &[u8]) -> Result<Vec<Vec<SignedEvent>>, DecodeError> {
    let mut r = Reader::new(record);
    r.option::<AccountId>("owner")?;
    r.varint("quota")?;
    let count = r.len(LIST_MAX, "paired accounts")?;
    let chain = |_| r.list(LIST_MAX, "identity events");
    (0..count).map(chain).collect()
}

/// Keys of epochs.
#[must_use]
pub fn epochs(records: &Records) -> BTreeMap<EpochId, EpochKey> {
    let epoch = |(key, value): (&Bytes, &Bytes)| {
        let id = key[33..].try_into().ok()?;
        Some((EpochId(id), EpochKey::from_bytes(value)?))
    };
    of_kind(records, EPOCH).filter_map(epoch).collect()
}

/// Events in order of arrival.
#[must_use]
pub fn events(records: &Records) -> Vec<VerifiedEvent> {
    Rows::default().events(records)
}

/// Rows of events that were read before.
#[derive(Debug, Default)]
pub struct Rows(BTreeMap<Bytes, (Bytes, Vec<VerifiedEvent>)>);

impl Rows {
    /// Events in order of arrival. A row is read once, unless what it holds can not be read yet.
    pub fn events(&mut self, records: &Records) -> Vec<VerifiedEvent> {
        let epochs = epochs(records);
        let mut events = Vec::new();
        for (key, row) in of_kind(records, EVENTS) {
            let known = self.0.get(key).filter(|(of, _)| of == row);
            if let Some((_, known)) = known {
                events.extend(known.iter().cloned());
                continue;
            }
            let (read, is_whole) = events_of(row, &epochs);
            events.extend(read.iter().cloned());
            if is_whole {
                self.0.insert(key.clone(), (row.clone(), read));
            }
        }
        events
    }
}

/// The events of one row, and whether these are all; of a range whose key is not held, none.
fn events_of(row: &[u8], epochs: &BTreeMap<EpochId, EpochKey>) -> (Vec<VerifiedEvent>, bool) {
    let mut r = Reader::new(row);
    let form = UnixMs::read(&mut r).and_then(|_| r.u8("row form"));
    if form.expect("a row has a form") == 1 {
        let event = SignedEvent::read(&mut r).expect("a live row");
        return (vec![event.verify().expect("a stored event")], true);
    }
    let count = r.len(RANGES_MAX, "ranges").expect("a row of ranges");
    let (mut events, mut is_whole) = (Vec::new(), true);
    for _ in 0..count {
        let bytes = r.bytes(RANGE_BYTES_MAX, "range").expect("a range");
        let range = SignedRange::from_bytes(bytes).expect("a stored range");
        let secret = |epoch| epochs.get(&epoch).map(EpochKey::secret);
        match range.verify(&secret) {
            Ok(verified) => {
                events.extend(verified.into_events().into_iter().map(|(event, _)| event))
            }
            Err(_) => is_whole = false,
        }
    }
    (events, is_whole)
}

/// The content of a gossip frame.
#[must_use]
pub fn opened(epochs: &BTreeMap<EpochId, EpochKey>, topic: Topic, frame: &[u8]) -> Option<Vec<u8>> {
    let keys = epochs.values().map(|key| key.secret().gossip_key());
    keys.filter(|key| Topic(key.topic()) == topic)
        .find_map(|key| key.open(frame))
}
