//! Events of others: from verified to applied, shown, stored and confirmed; waiting ones until their past is here.

use std::collections::BTreeSet;

use alloquy_api::Event;
use alloquy_ids::{ChannelId, CommunityId, DeviceId, EventId, NetworkKey, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::dag::InsertError;
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use alloquy_schema::timeline::Changes;
use rand_core::CryptoRng;

use crate::community::{Applied, Community, Place, Waiting};
use crate::limits::{ARRIVED_LATER_MS, WAITING_MAX};
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::{Key, Membership, Row, RowEvents};
use crate::wire::Frame;

/// An event that came, with its plaintext if a range brought it.
pub(crate) type Incoming = (VerifiedEvent, Option<Vec<u8>>);

/// What a batch of events did.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New events, in the order in which they were applied.
    pub(crate) new: Vec<VerifiedEvent>,
    /// Whether some event lacks authority operations, or parents in a scope.
    pub(crate) lacks: Vec<Place>,
    /// Late events over their account's bound: taken only if somebody else's event names them.
    late: Vec<Incoming>,
}

impl Community {
    /// Applies events, and waiting ones that they set free.
    pub(crate) fn take(&mut self, incoming: Vec<Incoming>) -> (Batch, Vec<(Place, Changes)>) {
        let mut batch = Batch::default();
        let mut changes = Vec::new();
        for (event, plaintext) in incoming {
            self.take_one(event, plaintext, &mut batch, &mut changes);
        }
        loop {
            let ready: Vec<_> = self
                .waiting
                .keys()
                .copied()
                .filter(|id| self.past_is_here(*id))
                .collect();
            if ready.is_empty() && !self.take_wanted(&mut batch, &mut changes) {
                return (batch, changes);
            }
            for id in ready {
                if let Some(waiting) = self.waiting.remove(&id) {
                    self.take_one(waiting.event, waiting.plaintext, &mut batch, &mut changes);
                }
            }
        }
    }

    /// Takes late events over the bound that events of other accounts wait for. Returns whether there were any.
    fn take_wanted(&mut self, batch: &mut Batch, changes: &mut Vec<(Place, Changes)>) -> bool {
        let mut named = BTreeSet::new();
        for waiting in self.waiting.values() {
            named.extend(
                waiting
                    .event
                    .header()
                    .parents()
                    .map(|id| (id, waiting.event.header().device)),
            );
        }
        let is_wanted = |(event, _): &Incoming| {
            let id = event.id();
            named
                .range((id, DeviceId::ZERO)..)
                .take_while(|(of, _)| *of == id)
                .any(|(_, by)| *by != event.header().device)
        };
        let (wanted, late) = std::mem::take(&mut batch.late)
            .into_iter()
            .partition(is_wanted);
        batch.late = late;
        let mut any = false;
        let wanted: Vec<Incoming> = wanted;
        for (event, plaintext) in wanted {
            if let Ok(applied) = self.apply_wanted(&event, plaintext.as_deref()) {
                any = true;
                changes.push((applied.place, applied.changes));
                batch.new.push(event);
            }
        }
        any
    }

    fn past_is_here(&self, id: EventId) -> bool {
        let Some(waiting) = self.waiting.get(&id) else {
            return false;
        };
        let header = waiting.event.header();
        let Some(place) = self.place(header.scope, id) else {
            return false;
        };
        let authority = self.authority.dag();
        header.auth.iter().all(|head| authority.contains(*head))
            && header
                .parents()
                .all(|parent| self.dag(place).is_some_and(|dag| dag.contains(parent)))
    }

    fn take_one(
        &mut self,
        event: VerifiedEvent,
        plaintext: Option<Vec<u8>>,
        batch: &mut Batch,
        changes: &mut Vec<(Place, Changes)>,
    ) {
        let header = event.header();
        let known = self
            .place(header.scope, event.id())
            .and_then(|place| self.dag(place))
            .is_some_and(|dag| {
                dag.get(event.id())
                    .is_some_and(|held| held.body().is_some() || event.body().is_none())
            });
        if known {
            return;
        }
        match self.apply(&event, plaintext.as_deref()) {
            Ok(Applied {
                place,
                changes: changed,
            }) => {
                changes.push((place, changed));
                batch.new.push(event);
            }
            Err(InsertError::MissingParents(_) | InsertError::MissingAuthority(_)) => {
                batch.lacks.push(
                    self.place(header.scope, event.id())
                        .unwrap_or(Place::Authority),
                );
                if header
                    .auth
                    .iter()
                    .any(|head| !self.authority.dag().contains(*head))
                {
                    batch.lacks.push(Place::Authority);
                }
                if self.waiting.len() < WAITING_MAX {
                    self.waiting
                        .insert(event.id(), Waiting { event, plaintext });
                }
            }
            Err(InsertError::LateBound { .. }) => batch.late.push((event, plaintext)),
            Err(error @ InsertError::Invalid { .. }) => tracing::debug!(%error, "event refused"),
        }
    }

    /// The same community without some of its events, writing under another incarnation. `emptied`: events that
    /// had lost their bodies to what is left out, as they were. `None`: its genesis is left out.
    pub(crate) fn rebuilt_without(
        self,
        without: &[EventId],
        emptied: &[VerifiedEvent],
        incarnation: u32,
    ) -> Option<Self> {
        let mut events: Vec<VerifiedEvent> = self.authority.dag().iter().cloned().collect();
        events.extend(self.content.dag().iter().cloned());
        events.extend(
            self.timelines
                .values()
                .flat_map(|timeline| timeline.dag().iter().cloned()),
        );
        events.retain(|event| !without.contains(&event.id()));
        for full in emptied {
            for event in events.iter_mut().filter(|event| event.id() == full.id()) {
                *event = full.clone();
            }
        }
        let genesis = events
            .iter()
            .position(|event| event.id() == EventId::from(self.id))?;
        let authority = AuthorityLog::new(events.swap_remove(genesis)).ok()?;
        let membership = Membership {
            incarnation,
            ..self.membership
        };
        let mut rebuilt = Self::new(authority, membership, self.own_device);
        rebuilt.known_members = self.known_members;
        rebuilt.keys = self.keys;
        rebuilt.wraps = self.wraps;
        rebuilt.prekeys = self.prekeys;
        rebuilt.next_row = self.next_row;
        rebuilt.held = self.held;
        rebuilt.arrivals = self.arrivals;
        rebuilt.read = self.read;
        rebuilt.arrived_later = self.arrived_later;
        rebuilt.seen = self.seen;
        rebuilt.topics = self.topics;
        rebuilt.active = self.active;
        rebuilt.own_logs_checked = true;
        rebuilt.unstored = self
            .unstored
            .into_iter()
            .filter(|id| !without.contains(id))
            .collect();
        for (row, ids) in self.rows {
            if !ids.iter().any(|id| without.contains(id)) {
                rebuilt.note_row(row, ids);
            }
        }
        rebuilt.waiting = self.waiting;
        rebuilt
            .waiting
            .retain(|_, waiting| waiting.event.header().device != self.own_device);
        // In the order shown, parents come before what names them, within each scope.
        events.sort_by_key(|event| (event.header().kind != Kind::Authority, event.order_key()));
        rebuilt.take(events.into_iter().map(|event| (event, None)).collect());
        Some(rebuilt)
    }
}

impl<R: CryptoRng> Node<R> {
    /// Applies events of others, stores what is new as `row` says, and asks `from` for what is lacking.
    pub(crate) fn ingest(
        &mut self,
        id: CommunityId,
        incoming: Vec<Incoming>,
        row: Option<RowEvents>,
        from: NetworkKey,
    ) -> usize {
        let Some(community) = self.communities.get_mut(&id) else {
            return 0;
        };
        let came: BTreeSet<_> = incoming.iter().map(|(event, _)| event.id()).collect();
        let (mut batch, changes) = community.take(incoming);
        batch.lacks.sort();
        batch.lacks.dedup();
        if !batch.new.is_empty() || came.iter().any(|id| community.waits_unstored(*id)) {
            let new: Vec<_> = batch.new.iter().map(VerifiedEvent::id).collect();
            self.store_received(id, &new, row, &came);
            self.tell_changes(id, changes);
            self.after_apply(id, &batch.new);
        }
        if !batch.lacks.is_empty() {
            self.ask_for(id, &batch.lacks, from);
        }
        batch.new.len()
    }

    /// Stores new events: those that came in `row` as it came, others (they waited, or came in a proof) packed.
    fn store_received(
        &mut self,
        id: CommunityId,
        new: &[EventId],
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
        let waits = |id: &EventId| community.waiting.contains_key(id);
        let in_row: Vec<_> = came
            .iter()
            .copied()
            .filter(|id| new.contains(id) || waits(id))
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
        self.outbox.store(
            writes,
            After::Received {
                community: id,
                events: new.to_vec(),
            },
        );
    }

    /// Events of others are durable: tell authors that are connected.
    pub(crate) fn received_stored(&mut self, id: CommunityId, events: &[EventId]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut acks = std::collections::BTreeMap::new();
        for event in events {
            let Some((_, event)) = community.find(*event) else {
                continue;
            };
            let header = event.header();
            let opened = header.kind != Kind::Sealed || community.keys.contains_key(&header.epoch);
            let ack = acks
                .entry((header.device, header.scope, header.incarnation))
                .or_insert((0, true));
            *ack = (header.seq.saturating_add(1).max(ack.0), ack.1 && opened);
        }
        for ((device, scope, incarnation), (height, opened)) in acks {
            let authors = community
                .devices
                .iter()
                .filter(|(_, (_, of))| *of == device)
                .map(|(key, _)| *key);
            let Some(peer) = authors.into_iter().find(|key| self.peers.contains_key(key)) else {
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
        }
        if authority {
            self.authority_changed(id, events);
        }
        if content && !authority {
            self.tell_members(id);
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

    /// Removes bodies from the store (the timeline has dropped them); what is left of a row is packed again.
    pub(crate) fn drop_bodies(&mut self, id: CommunityId, ids: &[EventId]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let mut rows = BTreeSet::new();
        for event in ids {
            rows.extend(community.row_of.get(event).copied());
        }
        let mut writes = Vec::new();
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
            writes.push(put(
                &Key::Events(id, row),
                &Row {
                    arrived,
                    events: RowEvents::Ranges(packed),
                },
            ));
        }
        if !writes.is_empty() {
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
        if header.device == self.own_device || header.kind != Kind::Sealed {
            return None;
        }
        let Some(Place::Channel(channel)) = self.place(header.scope, event.id()) else {
            return None;
        };
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
        self.waiting.contains_key(&id) && !self.row_of.contains_key(&id)
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
