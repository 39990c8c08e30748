//! The rows of a blind copy: how many bytes they take, and packing many single ones into one.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, CommunityId, EventId, NetworkKey, UnixMs};
use alloquy_schema::codec::{Canonical, Reader};
use alloquy_schema::event::{Kind, VerifiedEvent};
use rand_core::CryptoRng;

use super::carriers::OtherCarriers;
use super::retention::LimitsRecord;
use crate::community::Community;
use crate::io::Write;
use crate::limits::{FULL_SLACK_BYTES, LOOSE_ROWS_MAX, RANGES_PER_FRAME_MAX};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::{Key, Row, RowEvents};

/// Somebody else was found to hold all of a blind copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backed {
    pub(super) at: UnixMs,
    /// How many events that were.
    pub(super) events: u64,
    pub(super) by: NetworkKey,
}

/// What makes a community of this node a blind copy.
#[derive(Debug, Default)]
pub(crate) struct Blind {
    /// For whom it is kept.
    pub(crate) accounts: BTreeSet<AccountId>,
    /// How much of it is kept for whom.
    pub(crate) limits: LimitsRecord,
    /// Who else was last found to hold all of it.
    pub(super) backed: Option<Backed>,
    /// Bytes of each of its rows in the store, and when they arrived.
    sizes: BTreeMap<u64, (u64, UnixMs)>,
    /// Bytes of its rows and wraps.
    pub(crate) bytes: u64,
    /// Rows of one event each.
    loose: BTreeSet<u64>,
    /// Sealed events that came without their bodies.
    pub(crate) bodiless: BTreeSet<EventId>,
    /// Further ciphertexts of sealed events.
    pub(crate) others: BTreeMap<EventId, OtherCarriers>,
    /// Bytes of the wraps of each epoch.
    pub(crate) wraps: BTreeMap<alloquy_ids::EpochId, u64>,
    /// Epochs whose key everybody can get here who may have it, but for one account at most.
    pub(super) ready: BTreeMap<alloquy_ids::EpochId, Option<AccountId>>,
}

impl Blind {
    pub(crate) fn of(accounts: BTreeSet<AccountId>) -> Self {
        Self {
            accounts,
            ..Self::default()
        }
    }

    /// A row is in the store, with so many bytes.
    pub(crate) fn note_row(&mut self, row: u64, bytes: u64, value: &[u8]) {
        self.forget_row(row);
        let arrived = Reader::new(value).varint("time").unwrap_or_default();
        self.sizes.insert(row, (bytes, UnixMs(arrived)));
        self.bytes += bytes;
        if is_single(value) {
            self.loose.insert(row);
        }
    }

    fn forget_row(&mut self, row: u64) {
        self.bytes -= self.sizes.remove(&row).unwrap_or_default().0;
        self.loose.remove(&row);
    }

    /// Rows that arrived before a time.
    pub(super) fn rows_before(&self, before: UnixMs) -> Vec<u64> {
        let rows = self.sizes.iter();
        let old = rows.filter(|(_, (_, arrived))| *arrived < before);
        old.map(|(row, _)| *row).collect()
    }

    /// When a row arrived.
    pub(crate) fn arrived(&self, row: u64) -> Option<UnixMs> {
        self.sizes.get(&row).map(|(_, arrived)| *arrived)
    }

    /// Wraps of an epoch are in the store, with so many bytes.
    pub(crate) fn note_wraps(&mut self, epoch: alloquy_ids::EpochId, bytes: u64) {
        self.bytes -= self.wraps.insert(epoch, bytes).unwrap_or_default();
        self.bytes += bytes;
    }

    /// Further ciphertexts of an event are held, or none any more.
    pub(super) fn note_others(&mut self, event: EventId, others: Option<OtherCarriers>) {
        let before = match others {
            Some(others) => {
                self.bytes += others.size();
                self.others.insert(event, others)
            }
            None => self.others.remove(&event),
        };
        self.bytes -= before.map_or(0, |others| others.size());
    }

    /// What a storage task does to the rows.
    fn note_writes(&mut self, writes: &[Write]) {
        for write in writes {
            let Ok(Key::Events(_, row)) = Key::from_key(write.key()) else {
                continue;
            };
            match write {
                Write::Put(key, value) => {
                    let bytes = (key.len() + value.len()) as u64;
                    self.note_row(row, bytes, value);
                }
                Write::Delete(_) => self.forget_row(row),
            }
        }
    }
}

/// Whether a stored row is of one live event that may be packed with others. A deletion stays alone: the week until
/// its targets lose their bodies begins with its own arrival.
fn is_single(value: &[u8]) -> bool {
    // The form stands behind the time of arrival: see `Row`.
    let mut r = Reader::new(value);
    let live = r.varint("time").is_ok() && r.u8("row form") == Ok(1);
    live && Row::from_bytes(value).is_ok_and(|row| row.is_packable())
}

impl Row {
    fn is_packable(&self) -> bool {
        match &self.events {
            RowEvents::Live(event) => event.header.kind != Kind::Deletion,
            RowEvents::Ranges(_) => false,
        }
    }
}

impl Community {
    /// Notes what a storage task does to the rows of a blind copy.
    pub(crate) fn note_written(&mut self, writes: &[Write]) {
        if let Some(blind) = &mut self.blind {
            blind.note_writes(writes);
        }
    }

    /// Notes which events of a blind copy have their bodies.
    pub(crate) fn note_bodies<'a>(&mut self, events: impl Iterator<Item = &'a VerifiedEvent>) {
        let Some(blind) = &mut self.blind else {
            return;
        };
        for event in events.filter(|event| event.header().kind == Kind::Sealed) {
            if event.body().is_some() {
                blind.bodiless.remove(&event.id());
            } else {
                blind.bodiless.insert(event.id());
            }
        }
    }
}

impl Community {
    /// Bodies that were lacking in a blind copy have come.
    pub(crate) fn bodies_filled(&mut self, filled: &[EventId]) {
        if let Some(blind) = &mut self.blind {
            blind.bodiless.retain(|id| !filled.contains(id));
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// Packs the rows of single events of a blind copy into one when there are many.
    pub(crate) fn pack_loose_rows(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let loose = match &community.blind {
            Some(blind) if blind.loose.len() >= LOOSE_ROWS_MAX => blind.loose.clone(),
            _ => return,
        };
        let rows = &community.rows;
        let ids: Vec<_> = loose
            .iter()
            .flat_map(|row| rows.get(row).into_iter().flatten().copied())
            .collect();
        let packed = community.pack_events(&ids);
        let Some(packed) = packed.filter(|packed| packed.len() <= RANGES_PER_FRAME_MAX) else {
            tracing::warn!("single events stay in their rows: they can not be packed");
            return;
        };
        let Some(first) = loose.first().copied() else {
            return;
        };
        let blind = community.blind.as_ref();
        let arrived = loose.iter().filter_map(|row| blind?.arrived(*row)).max();
        let row = Row {
            arrived: arrived.unwrap_or(self.now.wall),
            events: RowEvents::Ranges(packed),
        };
        let mut writes = vec![put(&Key::Events(id, first), &row)];
        for row in loose.iter().skip(1) {
            community.rows.remove(row);
            writes.push(Write::Delete(Key::Events(id, *row).to_key()));
        }
        community.note_row(first, ids);
        community.note_written(&writes);
        self.outbox.store(writes, After::Nothing);
    }

    /// Whether the quota of this home node is used up.
    pub(crate) fn home_is_full(&self) -> bool {
        let quota = self.home.role.as_ref().map(|role| role.quota);
        let full = |quota| self.home_bytes().saturating_add(FULL_SLACK_BYTES) > quota;
        quota.is_some_and(full)
    }

    /// Whether a community is held blind and there is no room for more of it.
    pub(crate) fn takes_no_more(&self, community: &Community) -> bool {
        let over = |blind: &Blind| blind.is_over(FULL_SLACK_BYTES) || self.home_is_full();
        community.blind.as_ref().is_some_and(over)
    }

    /// Bytes that this home node keeps.
    pub(crate) fn home_bytes(&self) -> u64 {
        let blind = self
            .communities
            .values()
            .filter_map(|one| one.blind.as_ref());
        blind.map(|blind| blind.bytes).sum()
    }

    /// Whether a blind copy has no room for these events. What governs and what deletes is always taken: it is
    /// small, and without it nothing could be judged or made free.
    pub(crate) fn has_no_room(&self, id: CommunityId, events: &[&VerifiedEvent]) -> bool {
        let blind = self.communities.get(&id).and_then(|one| one.blind.as_ref());
        let quota = self.home.role.as_ref().map(|role| role.quota);
        let (Some(blind), Some(quota)) = (blind, quota) else {
            return false;
        };
        let sealed = events
            .iter()
            .filter(|event| event.header().kind == Kind::Sealed)
            .map(|event| u64::from(event.header().body_len));
        let bytes: u64 = sealed.sum();
        bytes > 0 && (self.home_bytes().saturating_add(bytes) > quota || blind.is_over(bytes))
    }
}

/// Bytes of a list of wraps in the store.
pub(crate) fn wraps_bytes(wraps: &[alloquy_schema::epoch::Wrap]) -> u64 {
    wraps.iter().map(|wrap| wrap.to_bytes().len() as u64).sum()
}
