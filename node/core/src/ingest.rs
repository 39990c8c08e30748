//! Events of others: from verified to applied, shown, stored and confirmed; waiting ones until their past is here.

use std::collections::BTreeSet;

use alloquy_api::Event;
use alloquy_ids::{ChannelId, CommunityId, EventId, NetworkKey, UnixMs};
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use alloquy_schema::timeline::Changes;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::io::Write;
use crate::limits::{ARRIVED_LATER_MS, COMPARE_EVERY_MS};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::{Key, Row, RowEvents};
use crate::take::Arrival;
use crate::unwritten::Acks;
use crate::wire::Frame;

/// An event that came, with its plaintext if a range brought it.
pub(crate) type Incoming = (VerifiedEvent, Option<Vec<u8>>);

impl<R: CryptoRng> Node<R> {
    /// Applies events of others, stores what is new as `row` says, and asks `from` for what is lacking.
    pub(crate) fn ingest(
        &mut self,
        id: CommunityId,
        incoming: Vec<Incoming>,
        row: Option<RowEvents>,
        from: NetworkKey,
    ) -> usize {
        // What could not be stored any more is not taken: catch-up gives it again.
        if self.unwritten.is_full() {
            return 0;
        }
        let events: Vec<_> = incoming.iter().map(|(event, _)| event).collect();
        if self.has_no_room(id, &events) {
            return self.refused_for_room(id);
        }
        let arrival = Arrival {
            from: Some(from),
            at: self.now.mono,
            wall: Some(self.wall()),
        };
        let Some(community) = self.communities.get_mut(&id) else {
            return 0;
        };
        let came: BTreeSet<_> = incoming.iter().map(|(event, _)| event.id()).collect();
        if let Some(wall) = arrival.wall {
            community.follow_newest(&incoming, wall);
        }
        let mut batch = community.take(incoming, arrival);
        community.overtake_newest(&batch.new);
        community.note_bodies(batch.new.iter());
        batch.lacks.sort();
        batch.lacks.dedup();
        let restored = batch.new.iter().any(|event| community.is_own_log(event));
        if !batch.new.is_empty()
            || !batch.filled.is_empty()
            || came.iter().any(|id| community.waits_unstored(*id))
        {
            let new: Vec<_> = batch.new.iter().map(VerifiedEvent::id).collect();
            community.bodies_filled(&batch.filled);
            self.store_received(id, (&new, &batch.filled), row, &came);
            self.tell_changes(id, batch.changes);
            self.after_apply(id, &batch.new);
        }
        if restored {
            // The store was older than the device: others may hold more of the log than has come.
            self.start_incarnation(id);
        }
        self.store_further(id, &batch.further);
        self.note_wrong_bodies(from, id, &batch.wrong);
        self.note_answers(id, &batch.new);
        self.settle_newest(id);
        self.forget_waiting(id, &batch.dropped);
        self.await_held(id);
        self.ask_for_past(id, batch.lacks, from);
        batch.new.len()
    }

    /// Asks a peer for the past of what it gave. It is asked at once for a place only where the copy here is another
    /// than when it was asked last: to the same question it would give the same again, of which nothing could be taken,
    /// because the key of what lies before is not held, say. After that the comparisons ask.
    fn ask_for_past(&mut self, id: CommunityId, places: Vec<Place>, from: NetworkKey) {
        let now = self.now.mono;
        let Some(community) = self.communities.get(&id).filter(|_| !places.is_empty()) else {
            return;
        };
        let copy = |place: Place| (place, (community.scope_digest(place), now));
        let mut copies: Vec<_> = places.into_iter().map(copy).collect();
        if let Some(session) = self.session(from, id) {
            copies.retain(|(place, (copy, _))| {
                let asked = session.asked_past.get(place);
                asked.is_none_or(|(of, at)| of != copy || now >= at.plus(COMPARE_EVERY_MS))
            });
            session.asked_past.extend(copies.iter().copied());
        }
        let places: Vec<_> = copies.into_iter().map(|(place, _)| place).collect();
        self.ask_for(id, &places, from);
    }

    /// Events do not wait any more: what the store holds of them alone goes too.
    pub(crate) fn forget_waiting(&mut self, id: CommunityId, dropped: &[EventId]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        if let Some(at) = community.waiting.next_expiry() {
            self.timers.set_earlier(Timer::Waiting(id), at);
        }
        let rows = community.forget_waiting(dropped);
        if !rows.is_empty() {
            let delete = |row| Write::Delete(Key::Events(id, row).to_key());
            let writes: Vec<_> = rows.into_iter().map(delete).collect();
            community.note_written(&writes);
            self.outbox.store(writes, After::Nothing);
        }
    }

    /// Sets the clock for the next event that waits for the time that it claims.
    pub(crate) fn await_held(&mut self, id: CommunityId) {
        let now = self.now;
        let community = self.communities.get(&id);
        let first = community.and_then(|community| community.held_back.first().copied());
        match first {
            Some((wall, _)) => {
                let at = now.mono.plus(wall.0.saturating_sub(now.wall.0));
                self.timers.set(Timer::HeldBack(id), at);
            }
            None => self.timers.clear(Timer::HeldBack(id)),
        }
    }

    /// Takes events whose time has come.
    pub(crate) fn release_held(&mut self, id: CommunityId) {
        let now = self.wall();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let free = community.release_held(now);
        if !free.is_empty() {
            let own = self.me.network;
            self.ingest(id, free, None, own);
        }
        self.await_held(id);
    }

    /// Gives up events whose past did not come.
    pub(crate) fn expire_waiting(&mut self, id: CommunityId) {
        let now = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let scopes = community.scopes();
        let dropped = community.waiting.expire(now, &scopes);
        self.views.community_changed(id);
        self.forget_waiting(id, &dropped);
    }

    /// Stores new events: those that came in `row` as it came, others (they waited, or came in a proof) packed.
    fn store_received(
        &mut self,
        id: CommunityId,
        (new, filled): (&[EventId], &[EventId]),
        row: Option<RowEvents>,
        came: &BTreeSet<EventId>,
    ) {
        let arrived = self.wall();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        // What came in the row and waits is stored with it, and found there again after a restart. What is set
        // free later is in the store already.
        let rest = new
            .iter()
            .copied()
            .filter(|id| !came.contains(id) || row.is_none());
        let rest: Vec<_> = rest
            .filter(|id| !community.row_of.contains_key(id))
            .collect();
        let waits = |id: &EventId| community.waiting.contains(*id);
        let in_row: Vec<_> = came
            .iter()
            .copied()
            .filter(|id| new.contains(id) || filled.contains(id) || waits(id))
            .collect();
        let mut writes = Vec::new();
        let mut add = |community: &mut Community, ids: Vec<EventId>, events: RowEvents| {
            let number = community.next_row;
            community.note_row(number, ids);
            writes.push(put(&Key::Events(id, number), &Row { arrived, events }));
        };
        if let Some(events) = row.filter(|_| !in_row.is_empty()) {
            add(community, in_row, events);
        }
        if let Some(packed) = community.pack_events(&rest).filter(|_| !rest.is_empty()) {
            add(community, rest, RowEvents::Ranges(packed));
        }
        if writes.is_empty() && new.is_empty() {
            return;
        }
        community.note_written(&writes);
        self.outbox.store(
            writes,
            After::Received {
                community: id,
                events: new.to_vec(),
            },
        );
        self.pack_loose_rows(id);
    }

    /// How far the logs of these events are held.
    pub(crate) fn acks_of(&self, id: CommunityId, events: &[EventId]) -> Acks {
        let mut acks = Acks::new();
        let Some(community) = self.communities.get(&id) else {
            return acks;
        };
        let found = events.iter().filter_map(|event| community.find(*event));
        for (_, event) in found.filter(|(_, event)| community.may_confirm(event)) {
            let header = event.header();
            let opened = header.kind != Kind::Sealed || community.keys.contains_key(&header.epoch);
            let log = (id, header.device, header.scope, header.incarnation);
            let height = header.seq.saturating_add(1);
            crate::unwritten::merge(&mut acks, Acks::from([(log, (height, opened))]));
        }
        acks
    }

    /// Events of others are durable: tell authors that are connected.
    pub(crate) fn send_acks(&mut self, acks: Acks) {
        for ((id, device, scope, incarnation), (height, opened)) in acks {
            let Some(community) = self.communities.get(&id) else {
                continue;
            };
            let mut authors = community
                .devices
                .iter()
                .filter(|(_, (_, of))| *of == device)
                .map(|(key, _)| *key);
            let Some(peer) = authors.find(|key| self.peers.contains_key(key)) else {
                continue;
            };
            let frame = Frame::Ack {
                community: id,
                scope,
                incarnation,
                height,
                opened,
            };
            self.outbox.send(peer, &frame);
        }
    }

    /// What follows from newly applied events, own or others': membership, keys, topics, views, deletions.
    pub(crate) fn after_apply(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let authority = events
            .iter()
            .any(|event| event.header().kind == Kind::Authority);
        let content = events.iter().any(|event| {
            self.communities.get(&id).is_some_and(|community| {
                community.place(event.header().scope, event.id()) == Some(Place::Content)
            })
        });
        let unread: BTreeSet<_> = events
            .iter()
            .filter_map(|event| self.note_arrival(id, event))
            .collect();
        for channel in unread {
            self.tell_unread(id, channel);
            self.take_waiting_mark(channel);
        }
        self.note_deletions(id, events);
        if authority {
            self.readers_changed(id);
            self.authority_changed(id, events);
        }
        if self.holds_blind(id) {
            return;
        }
        if content && !authority {
            self.tell_members(id);
        }
        if content && id == self.own.id {
            self.own_document_changed();
        }
        if authority || content {
            // What this account did is shown at once; names of others may change without end.
            let own = self.me.device();
            if authority || events.iter().any(|event| event.header().device == own) {
                self.views.community_changed(id);
            } else {
                self.views.names_changed(id);
            }
            self.outbox.tell(Event::CommunityChanged { community: id });
        }
        let lacking = |event: &VerifiedEvent| {
            let header = event.header();
            let keys = self.communities.get(&id).map(|community| &community.keys);
            header.kind == Kind::Sealed
                && keys.is_some_and(|keys| !keys.contains_key(&header.epoch))
        };
        if authority || events.iter().any(lacking) {
            self.note_missing_keys(id);
        }
    }

    /// The channel whose count of unread messages has changed.
    fn note_arrival(&mut self, id: CommunityId, event: &VerifiedEvent) -> Option<ChannelId> {
        let wall = self.wall();
        let community = self.communities.get_mut(&id)?;
        if let Some(Place::Channel(channel)) = community.place(event.header().scope, event.id()) {
            self.views.channel_changed(channel);
        }
        community.note_arrival(event, wall)
    }

    /// Tells faces what changed in channels, and drops bodies that their authors deleted.
    pub(crate) fn tell_changes(&mut self, id: CommunityId, changes: Vec<(Place, Changes)>) {
        for (place, changes) in changes {
            let Place::Channel(channel) = place else {
                continue;
            };
            if self.holds_blind(id) {
                self.drop_bodies(id, &changes.dropped_bodies);
                continue;
            }
            self.recount(id, channel, &changes);
            for message in changes.added {
                if let Some(message) = self.message_view(id, channel, message) {
                    self.outbox.tell(Event::MessageAdded {
                        community: id,
                        channel,
                        message,
                    });
                }
            }
            for message in changes.changed {
                if let Some(message) = self.message_view(id, channel, message) {
                    self.outbox.tell(Event::MessageChanged {
                        community: id,
                        channel,
                        message,
                    });
                }
            }
            for message in changes.removed {
                self.outbox.tell(Event::MessageRemoved {
                    community: id,
                    channel,
                    message,
                });
            }
            self.drop_bodies(id, &changes.dropped_bodies);
        }
    }

    fn recount(&mut self, id: CommunityId, channel: ChannelId, changes: &Changes) {
        if let Some(community) = self.communities.get_mut(&id) {
            let shown = changes.added.iter().chain(&changes.changed);
            community.recount(channel, shown.chain(&changes.removed));
        }
    }

    /// Removes bodies from the store (the timeline has dropped them); what is left of a row is packed again.
    pub(crate) fn drop_bodies(&mut self, id: CommunityId, ids: &[EventId]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let mut rows = BTreeSet::new();
        for event in ids {
            rows.extend(community.row_of.get(event).copied());
            rows.extend(community.older_rows.get(event).into_iter().flatten());
        }
        let mut writes = community.forget_further(ids);
        for row in rows {
            // A row that can not be made again whole stays as it is: its events come before its bodies.
            let Some(ids) = community.rows.get(&row) else {
                continue;
            };
            let Some(packed) = community.pack_events(ids) else {
                tracing::warn!(
                    row,
                    "a deleted body stays in the store: its row can not be written again yet"
                );
                continue;
            };
            let newest = ids.iter().filter_map(|id| community.find(*id));
            let arrived = newest
                .map(|(_, event)| event.header().wall)
                .max()
                .unwrap_or_default();
            let blind = community.blind.as_ref();
            let arrived = blind
                .and_then(|blind| blind.arrived(row))
                .unwrap_or(arrived);
            writes.push(put(
                &Key::Events(id, row),
                &Row {
                    arrived,
                    events: RowEvents::Ranges(packed),
                },
            ));
        }
        if !writes.is_empty() {
            community.note_written(&writes);
            self.outbox.store(writes, After::Nothing);
        }
    }
}

impl Community {
    /// Counts an event of somebody else in the order of arrival, the same live and after a restart. Returns its
    /// channel if it may count as unread.
    pub(crate) fn note_arrival(
        &mut self,
        event: &VerifiedEvent,
        arrived: UnixMs,
    ) -> Option<ChannelId> {
        let header = event.header();
        let state = self.state();
        let by_me = state.account_ever(header.device) == state.account_ever(self.own_device);
        if header.device == self.own_device
            || by_me
            || header.kind != Kind::Sealed
            || self.blind.is_some()
        {
            return None;
        }
        let Some(Place::Channel(channel)) = self.place(header.scope, event.id()) else {
            return None;
        };
        // Before what stands before it nothing arrives: the clock here is behind, and what it says does not last.
        if header.wall > arrived && self.time_before(channel, event) <= arrived {
            self.ahead.insert(event.id(), arrived);
        }
        let joined = self.membership.joined;
        if arrived.0 > header.wall.0.saturating_add(ARRIVED_LATER_MS) && header.wall >= joined {
            self.arrived_later.insert(event.id());
        }
        let arrivals = self.arrivals.entry(channel).or_default();
        arrivals.push(event.id());
        let count = arrivals.len() as u64;
        let read = self.read.entry(channel).or_insert(0);
        if header.wall < joined && *read + 1 == count {
            // What was written before this device joined does not count as unread.
            *read = count;
            return None;
        }
        self.count_arrival(channel);
        Some(channel)
    }

    /// An event by its id, wherever it stands.
    pub(crate) fn find(&self, id: EventId) -> Option<(Place, &VerifiedEvent)> {
        let places = [Place::Authority, Place::Content].into_iter();
        let places = places.chain(
            self.timelines
                .keys()
                .map(|channel| Place::Channel(*channel)),
        );
        places
            .into_iter()
            .find_map(|place| Some((place, self.dag(place)?.get(id)?)))
    }

    /// Whether an event waits that is in no row of the store.
    fn waits_unstored(&self, id: EventId) -> bool {
        self.waiting.contains(id) && !self.row_of.contains_key(&id)
    }

    /// Whether an event belongs to the log that this device goes on with.
    fn is_own_log(&self, event: &VerifiedEvent) -> bool {
        let header = event.header();
        (header.device, header.incarnation) == (self.own_device, self.membership.incarnation)
    }

    /// Events as ranges with their ciphertexts, all of them: the form that needs no key to be read back.
    pub(crate) fn pack_events(&self, ids: &[EventId]) -> Option<Vec<Vec<u8>>> {
        use alloquy_schema::codec::Canonical;
        let mut by_scope: std::collections::BTreeMap<_, Vec<VerifiedEvent>> =
            std::collections::BTreeMap::new();
        for id in ids {
            let (place, event) = self.find(*id)?;
            by_scope
                .entry(self.scope(place))
                .or_default()
                .push(event.clone());
        }
        let mut packed = Vec::new();
        let mut count = 0;
        for (scope, mut events) in by_scope {
            events.sort_by_key(VerifiedEvent::order_key);
            let packing = Packing {
                mode: BodyMode::Blind,
                range_bytes_max: alloquy_schema::limits::RANGE_BYTES_MAX,
                plaintext: &|_| None,
                secret: &|_| None,
            };
            let ranges = SignedRange::pack(scope, &events, &packing);
            count += ranges.iter().map(SignedRange::len).sum::<usize>();
            packed.extend(ranges.iter().map(Canonical::to_bytes));
        }
        // Events that no held signature proves are left out of a range: then it is not whole.
        (count == ids.len()).then_some(packed)
    }
}
