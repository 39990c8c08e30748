//! Events that wait for their past: bounded by whom they are charged to, found by what they lack.
//!
//! Whoever sends events with made-up parents fills its own share and nobody else's: the oldest of the fullest
//! share goes first. Nothing is lost by it: what was real is given again by catch-up. That a member's device signed
//! something which can not be taken here is remembered after it has gone: its channel is not complete.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{DeviceId, EventId, MonoMs, NetworkKey, ScopeId};
use alloquy_schema::event::{OrderKey, VerifiedEvent};

use crate::ingest::Incoming;
use crate::limits::{
    EVENT_OVERHEAD_BYTES, WAITING_BYTES_MAX, WAITING_MAX, WAITING_MS, WAITING_SHARE,
    WAITING_SHARE_BYTES,
};

/// Who is charged for a waiting event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The own store, which holds what a crash or a full disk left without its past. Stays until the past comes.
    Store,
    /// A known device that signed it: whoever passes it on is not charged for it.
    Author(DeviceId),
    /// The peer that sent it: anybody can make up devices that nobody knows.
    Peer(NetworkKey),
}

/// An event that waits.
#[derive(Clone, Debug)]
struct Entry {
    event: VerifiedEvent,
    plaintext: Option<Vec<u8>>,
    source: Source,
    number: u64,
    since: MonoMs,
    bytes: usize,
    /// Ids of parents and authority operations that are not here.
    lacks: BTreeSet<EventId>,
}

/// What one source has waiting, oldest first.
#[derive(Clone, Debug, Default)]
struct Share {
    bytes: usize,
    order: BTreeMap<u64, EventId>,
}

impl Share {
    /// How full it is, in bytes: many small events weigh as much as a few great ones.
    fn weight(&self) -> usize {
        self.bytes
            .max(self.order.len() * (WAITING_BYTES_MAX / WAITING_MAX))
    }
}

/// Events that were signed by known devices and whose past did not come in time, one of each device in each scope:
/// they exist, though nobody gives what lies before them. In memory only.
#[derive(Clone, Debug, Default)]
struct InVain(BTreeMap<(ScopeId, DeviceId), OrderKey>);

impl InVain {
    /// Of several of one device the last: where that one can be applied, all before it are here.
    fn note(&mut self, event: &VerifiedEvent) {
        let (header, key) = (event.header(), event.order_key());
        let last = self.0.entry((header.scope, header.device)).or_insert(key);
        *last = key.max(*last);
    }

    fn of_scope(&self, scope: ScopeId) -> impl Iterator<Item = (DeviceId, EventId)> + '_ {
        let all = (scope, DeviceId::ZERO)..=(scope, DeviceId([0xff; 32]));
        let of = self.0.range(all);
        of.map(|((_, device), last)| (*device, last.id))
    }

    fn forget_device(&mut self, device: DeviceId) {
        self.0.retain(|(_, of), _| *of != device);
    }
}

/// The waiting events of one community.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    in_vain: InVain,
    entries: BTreeMap<EventId, Entry>,
    lacked: BTreeMap<EventId, BTreeSet<EventId>>,
    shares: BTreeMap<Source, Share>,
    scopes: BTreeMap<ScopeId, usize>,
    bytes: usize,
    next: u64,
}

impl Waiting {
    pub(crate) fn contains(&self, id: EventId) -> bool {
        self.entries.contains_key(&id)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether an event of this scope waits.
    pub(crate) fn holds_scope(&self, scope: ScopeId) -> bool {
        self.scopes.contains_key(&scope)
    }

    /// Whether an event of another device waits for this one.
    pub(crate) fn is_wanted(&self, id: EventId, device: DeviceId) -> bool {
        let waiting = self.lacked.get(&id).into_iter().flatten();
        let mut entries = waiting.filter_map(|id| self.entries.get(id));
        entries.any(|entry| entry.event.header().device != device)
    }

    /// Takes an event in that lacks something. Returns what had to go for it, which may be itself.
    pub(crate) fn insert(
        &mut self,
        (event, plaintext): Incoming,
        lacks: BTreeSet<EventId>,
        source: Source,
        now: MonoMs,
    ) -> Vec<EventId> {
        let id = event.id();
        if let Some(held) = self.entries.get(&id) {
            let body = held.event.body().is_none() && event.body().is_some();
            let signature = held.event.signature().is_none() && event.signature().is_some();
            if !body && !signature {
                return Vec::new();
            }
            // A body that may be the committed one is better than none, and what proves the events before it in another
            // row of the store must stay with it. It is charged where the event was.
            let (source, since) = (held.source, held.since);
            let merged = held.event.merged_with(&event);
            let plaintext = held.plaintext.clone().or(plaintext);
            self.remove(id);
            return self.add((merged, plaintext), lacks, source, since);
        }
        self.add((event, plaintext), lacks, source, now)
    }

    fn add(
        &mut self,
        (event, plaintext): Incoming,
        lacks: BTreeSet<EventId>,
        source: Source,
        since: MonoMs,
    ) -> Vec<EventId> {
        let id = event.id();
        let carried = event.body().map_or(0, <[u8]>::len);
        let opened = plaintext.as_ref().map_or(0, Vec::len);
        let bytes = carried + opened + lacks.len() * 64 + EVENT_OVERHEAD_BYTES;
        self.next += 1;
        let share = self.shares.entry(source).or_default();
        share.bytes += bytes;
        share.order.insert(self.next, id);
        self.bytes += bytes;
        *self.scopes.entry(event.header().scope).or_default() += 1;
        for lack in &lacks {
            self.lacked.entry(*lack).or_default().insert(id);
        }
        let entry = Entry {
            event,
            plaintext,
            source,
            number: self.next,
            since,
            bytes,
            lacks,
        };
        self.entries.insert(id, entry);
        self.make_room(source)
    }

    /// Drops the oldest of a share that is over its bound, then of the fullest share.
    fn make_room(&mut self, source: Source) -> Vec<EventId> {
        let mut dropped = Vec::new();
        let over = |share: &Share| {
            source != Source::Store
                && (share.order.len() > WAITING_SHARE || share.bytes > WAITING_SHARE_BYTES)
        };
        while self.shares.get(&source).is_some_and(over) {
            dropped.extend(self.drop_oldest(source));
        }
        while self.entries.len() > WAITING_MAX || self.bytes > WAITING_BYTES_MAX {
            let fullest = self.shares.iter().max_by_key(|(_, share)| share.weight());
            let Some(fullest) = fullest.map(|(source, _)| *source) else {
                break;
            };
            dropped.extend(self.drop_oldest(fullest));
        }
        dropped
    }

    fn drop_oldest(&mut self, source: Source) -> Option<EventId> {
        let id = *self.shares.get(&source)?.order.values().next()?;
        self.remove(id);
        // What the store holds stays in the store.
        (source != Source::Store).then_some(id)
    }

    fn remove(&mut self, id: EventId) -> Option<Incoming> {
        let entry = self.entries.remove(&id)?;
        for lack in &entry.lacks {
            if let Some(waiting) = self.lacked.get_mut(lack) {
                waiting.remove(&id);
                if waiting.is_empty() {
                    self.lacked.remove(lack);
                }
            }
        }
        self.bytes -= entry.bytes;
        if let Some(share) = self.shares.get_mut(&entry.source) {
            share.bytes -= entry.bytes;
            share.order.remove(&entry.number);
            if share.order.is_empty() {
                self.shares.remove(&entry.source);
            }
        }
        let scope = entry.event.header().scope;
        if let Some(count) = self.scopes.get_mut(&scope) {
            *count -= 1;
            if *count == 0 {
                self.scopes.remove(&scope);
            }
        }
        Some((entry.event, entry.plaintext))
    }

    /// Something is here now: the events that lacked nothing else, oldest first.
    pub(crate) fn arrived(&mut self, id: EventId) -> Vec<Incoming> {
        let mut free = BTreeMap::new();
        for waiting in self.lacked.remove(&id).unwrap_or_default() {
            if let Some(entry) = self.entries.get_mut(&waiting) {
                entry.lacks.remove(&id);
                if entry.lacks.is_empty() {
                    free.insert(entry.number, waiting);
                }
            }
        }
        free.into_values()
            .filter_map(|waiting| self.remove(waiting))
            .collect()
    }

    /// Drops what has waited too long, and returns it. What known devices signed in these scopes is remembered.
    pub(crate) fn expire(&mut self, now: MonoMs, scopes: &BTreeSet<ScopeId>) -> Vec<EventId> {
        let late =
            |entry: &&Entry| entry.source != Source::Store && entry.since.plus(WAITING_MS) <= now;
        let late: Vec<_> = self.entries.values().filter(late).cloned().collect();
        for entry in &late {
            let id = entry.event.id();
            let is_known = matches!(entry.source, Source::Author(_));
            // What waits for its own time lacks nothing else.
            let lacks_past = !entry.lacks.contains(&id);
            if is_known && lacks_past && scopes.contains(&entry.event.header().scope) {
                self.in_vain.note(&entry.event);
            }
            self.remove(id);
        }
        late.into_iter().map(|entry| entry.event.id()).collect()
    }

    /// The last event of each device that waited for its past in a scope, and in vain.
    pub(crate) fn in_vain(&self, scope: ScopeId) -> impl Iterator<Item = (DeviceId, EventId)> + '_ {
        self.in_vain.of_scope(scope)
    }

    /// When the next event has waited too long.
    pub(crate) fn next_expiry(&self) -> Option<MonoMs> {
        let expiring = self
            .shares
            .iter()
            .filter(|(source, _)| **source != Source::Store);
        let oldest = expiring.filter_map(|(_, share)| share.order.values().next());
        oldest
            .filter_map(|id| self.entries.get(id))
            .map(|entry| entry.since.plus(WAITING_MS))
            .min()
    }

    /// Forgets the events of one device.
    pub(crate) fn forget_device(&mut self, device: DeviceId) {
        let of: Vec<_> = self
            .entries
            .values()
            .filter(|entry| entry.event.header().device == device)
            .map(|entry| entry.event.id())
            .collect();
        for id in of {
            self.remove(id);
        }
        self.in_vain.forget_device(device);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloquy_ids::{EpochId, UnixMs};
    use alloquy_schema::event::{Header, Kind, SignedEvent};
    use alloquy_schema::keys::DeviceKey;

    fn event(author: u8, seq: u64, bytes: usize) -> VerifiedEvent {
        let key = DeviceKey::from_seed(&[author; 32]);
        let header = Header {
            kind: Kind::Sealed,
            scope: ScopeId([1; 32]),
            device: key.id(),
            incarnation: 0,
            seq,
            prev: EventId([9; 32]),
            deps: Vec::new(),
            auth: Vec::new(),
            lamport: 1,
            wall: UnixMs(1),
            epoch: EpochId([1; 32]),
            body_len: u32::try_from(bytes).unwrap(),
            body_commit: [0; 32],
        };
        SignedEvent::sign(header, vec![0; bytes], &key)
            .verify()
            .unwrap()
    }

    fn lacking(byte: u8) -> BTreeSet<EventId> {
        BTreeSet::from([EventId([byte; 32]), EventId([9; 32])])
    }

    fn peer(byte: u8) -> Source {
        Source::Peer(NetworkKey([byte; 32]))
    }

    #[test]
    fn an_event_is_free_when_the_last_thing_that_it_lacks_is_here() {
        let mut waiting = Waiting::default();
        let id = event(1, 1, 8).id();
        waiting.insert((event(1, 1, 8), None), lacking(1), peer(1), MonoMs(0));
        assert!(waiting.holds_scope(ScopeId([1; 32])));
        assert!(waiting.is_wanted(EventId([1; 32]), DeviceId::ZERO));
        assert!(!waiting.is_wanted(EventId([1; 32]), event(1, 1, 8).header().device));
        assert!(waiting.arrived(EventId([9; 32])).is_empty());
        let free = waiting.arrived(EventId([1; 32]));
        assert_eq!(free.len(), 1);
        assert_eq!(free[0].0.id(), id);
        assert!(!waiting.contains(id) && !waiting.holds_scope(ScopeId([1; 32])));
        assert!(waiting.shares.is_empty() && waiting.lacked.is_empty() && waiting.bytes == 0);
    }

    #[test]
    fn a_body_that_comes_later_is_taken_and_charged_to_whom_the_event_was() {
        let mut waiting = Waiting::default();
        let whole = event(1, 1, 800);
        let bare = (whole.without_body(), None);
        waiting.insert(bare, lacking(1), Source::Store, MonoMs(0));
        let before = waiting.bytes;
        for _ in 0..2 {
            waiting.insert((whole.clone(), None), lacking(1), peer(1), MonoMs(7));
            assert_eq!(waiting.bytes, before + 800);
            assert_eq!(waiting.shares.keys().collect::<Vec<_>>(), [&Source::Store]);
        }
        waiting.arrived(EventId([1; 32]));
        let free = waiting.arrived(EventId([9; 32]));
        assert_eq!(free[0].0.body(), whole.body());
    }

    #[test]
    fn whoever_sends_much_loses_its_own_oldest_and_nobody_elses() {
        let mut waiting = Waiting::default();
        let kept = event(1, 0, 8).id();
        waiting.insert((event(1, 0, 8), None), lacking(1), peer(1), MonoMs(0));
        for seq in 0..WAITING_SHARE as u64 + 10 {
            let dropped = waiting.insert((event(2, seq, 8), None), lacking(2), peer(2), MonoMs(0));
            let expected = seq.checked_sub(WAITING_SHARE as u64);
            let expected: Vec<_> = expected
                .map(|seq| event(2, seq, 8).id())
                .into_iter()
                .collect();
            assert_eq!(dropped, expected);
        }
        assert_eq!(waiting.len(), WAITING_SHARE + 1);
        assert!(waiting.contains(kept));
    }

    #[test]
    fn bytes_are_bounded_too_and_the_fullest_gives_way() {
        let mut waiting = Waiting::default();
        let bytes = 60 * 1024;
        let shares = u8::try_from(WAITING_BYTES_MAX / WAITING_SHARE_BYTES).unwrap() + 2;
        waiting.insert((event(1, 0, 8), None), lacking(1), peer(0), MonoMs(0));
        for source in 1..=shares {
            for seq in 0..70 {
                let sent = (event(source, seq, bytes), None);
                waiting.insert(sent, lacking(2), peer(source), MonoMs(0));
                assert!(waiting.bytes <= WAITING_BYTES_MAX);
                let share = &waiting.shares[&peer(source)];
                assert!(share.bytes <= WAITING_SHARE_BYTES);
            }
        }
        assert!(
            waiting.contains(event(1, 0, 8).id()),
            "the smallest share is left alone"
        );
    }

    #[test]
    fn what_nobody_completes_expires_but_not_what_the_store_holds() {
        let mut waiting = Waiting::default();
        waiting.insert((event(1, 0, 8), None), lacking(1), Source::Store, MonoMs(0));
        assert_eq!(waiting.next_expiry(), None);
        waiting.insert((event(2, 0, 8), None), lacking(1), peer(1), MonoMs(5));
        assert_eq!(waiting.next_expiry(), Some(MonoMs(5 + WAITING_MS)));
        let scopes = BTreeSet::from([ScopeId([1; 32])]);
        assert!(waiting.expire(MonoMs(4 + WAITING_MS), &scopes).is_empty());
        assert_eq!(
            waiting.expire(MonoMs(5 + WAITING_MS), &scopes),
            [event(2, 0, 8).id()]
        );
        assert!(waiting.contains(event(1, 0, 8).id()));
        assert_eq!(waiting.in_vain(ScopeId([1; 32])).count(), 0);
    }

    #[test]
    fn what_a_known_device_signed_is_remembered_after_it_has_waited_in_vain() {
        let mut waiting = Waiting::default();
        let [first, last] = [event(1, 4, 8), event(1, 6, 8)];
        let device = first.header().device;
        for one in [&last, &first] {
            let source = Source::Author(device);
            waiting.insert((one.clone(), None), lacking(1), source, MonoMs(0));
        }
        waiting.insert((event(2, 9, 8), None), lacking(1), peer(1), MonoMs(0));
        let in_vain = |waiting: &Waiting, scope: u8| -> Vec<_> {
            waiting.in_vain(ScopeId([scope; 32])).collect()
        };
        assert_eq!(in_vain(&waiting, 1), []);
        let elsewhere = BTreeSet::from([ScopeId([2; 32])]);
        let mut other = waiting.clone();
        other.expire(MonoMs(WAITING_MS), &elsewhere);
        assert_eq!(in_vain(&other, 1), [], "nobody writes there");
        let scopes = BTreeSet::from([ScopeId([1; 32])]);
        assert_eq!(waiting.expire(MonoMs(WAITING_MS), &scopes).len(), 3);
        assert_eq!(in_vain(&waiting, 1), [(device, last.id())]);
        assert_eq!(in_vain(&waiting, 2), []);
        waiting.forget_device(device);
        assert_eq!(in_vain(&waiting, 1), []);
    }
}
