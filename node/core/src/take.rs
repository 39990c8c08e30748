//! Taking verified events in: applied, or waiting until their past is here.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_ids::{DeviceId, EventId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::dag::InsertError;
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::timeline::Changes;

use crate::community::{Applied, Community, Place};
use crate::home::carriers::Further;
use crate::ingest::Incoming;
use crate::limits::CLOCK_AHEAD_MS;
use crate::record::Membership;
use crate::waiting::Source;

/// By whom events came (`None`: from the store), and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) from: Option<NetworkKey>,
    pub(crate) at: MonoMs,
    /// The wall clock then; `None`: these events were taken before, and none is held back for the time it claims.
    pub(crate) wall: Option<UnixMs>,
}

impl Arrival {
    /// Events that were held already.
    const AGAIN: Self = Self {
        from: None,
        at: MonoMs(0),
        wall: None,
    };

    /// From the own store, which also holds what waited for its time.
    pub(crate) const fn from_store(wall: UnixMs) -> Self {
        Self {
            from: None,
            at: MonoMs(0),
            wall: Some(wall),
        }
    }
}

/// What a batch of events did.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New events, in the order in which they were applied.
    pub(crate) new: Vec<VerifiedEvent>,
    /// Events that were held, and got the body or the signature that they lacked.
    pub(crate) filled: Vec<EventId>,
    /// Places where some event lacks parents or authority operations.
    pub(crate) lacks: Vec<Place>,
    /// Waiting events that had to go.
    pub(crate) dropped: Vec<EventId>,
    pub(crate) changes: Vec<(Place, Changes)>,
    /// Events of which a further ciphertext is held.
    pub(crate) further: Vec<EventId>,
    /// Events that came with a body which is not the committed one.
    pub(crate) wrong: Vec<EventId>,
    /// Late events over their account's bound: taken only if somebody else's event names them.
    late: Vec<Incoming>,
}

impl Community {
    /// Applies events, and waiting ones that they set free.
    pub(crate) fn take(&mut self, incoming: Vec<Incoming>, arrival: Arrival) -> Batch {
        let mut batch = Batch::default();
        let mut queue = VecDeque::from(incoming);
        loop {
            while let Some(next) = queue.pop_front() {
                if let Some(applied) = self.take_one(next, arrival, &mut batch) {
                    queue.extend(self.waiting.arrived(applied));
                }
            }
            for applied in self.take_wanted(&mut batch) {
                queue.extend(self.waiting.arrived(applied));
            }
            if queue.is_empty() {
                return batch;
            }
        }
    }

    /// Takes late events over the bound that events of other accounts wait for. Returns their ids.
    fn take_wanted(&mut self, batch: &mut Batch) -> Vec<EventId> {
        let is_wanted =
            |(event, _): &Incoming| self.waiting.is_wanted(event.id(), event.header().device);
        let (wanted, late): (Vec<_>, Vec<_>) = std::mem::take(&mut batch.late)
            .into_iter()
            .partition(is_wanted);
        batch.late = late;
        let mut taken = Vec::new();
        for (event, plaintext) in wanted {
            if let Ok(applied) = self.apply_wanted(&event, plaintext.as_deref()) {
                taken.push(event.id());
                batch.changes.push((applied.place, applied.changes));
                batch.new.push(event);
            }
        }
        taken
    }

    /// What an event lacks of its past; `None`: there can be no such event.
    fn lacks(&self, event: &VerifiedEvent) -> Option<BTreeSet<EventId>> {
        let header = event.header();
        let authority = self.authority.dag();
        let place = self.place(header.scope, event.id());
        let opens = EventId(header.scope.0);
        if place.is_none() && authority.contains(opens) {
            return None;
        }
        let dag = place.and_then(|place| self.dag(place));
        let parents = header
            .parents()
            .filter(|parent| !dag.is_some_and(|dag| dag.contains(*parent)));
        let operations = header
            .auth
            .iter()
            .copied()
            .chain([opens].into_iter().filter(|_| place.is_none()));
        let lacks: BTreeSet<_> = parents
            .chain(operations.filter(|op| !authority.contains(*op)))
            .collect();
        // One that lacks nothing and was not taken never will be: an operation without its body, say.
        (!lacks.is_empty()).then_some(lacks)
    }

    /// The event with its body only if that is the committed one, as far as its key is held, and the plaintext. An
    /// author may sign one event over several ciphertexts; the commitment decides which of them is its body.
    fn judged(&self, (event, plaintext): Incoming) -> Incoming {
        let is_sealed = event.header().kind == Kind::Sealed && event.body().is_some();
        if !is_sealed || plaintext.is_some() || !self.keys.contains_key(&event.header().epoch) {
            return (event, plaintext);
        }
        match self.open(&event) {
            Some(plaintext) => (event, Some(plaintext)),
            None => (event.without_body(), None),
        }
    }

    /// Whether the body of a held event is none, or known to be another than the committed one.
    fn lacks_body(&self, held: &VerifiedEvent) -> bool {
        let header = held.header();
        let sealed = header.kind == Kind::Sealed && self.keys.contains_key(&header.epoch);
        held.body().is_none() || (sealed && self.open(held).is_none())
    }

    /// Applies one event or has it wait. Returns its id if it was not held before.
    fn take_one(
        &mut self,
        incoming: Incoming,
        arrival: Arrival,
        batch: &mut Batch,
    ) -> Option<EventId> {
        let place = self.place(incoming.0.header().scope, incoming.0.id());
        let held = place
            .and_then(|place| self.dag(place)?.get(incoming.0.id()))
            .cloned();
        if let Some((place, held)) = place.zip(held) {
            self.take_again((place, &held), incoming, arrival, batch);
            return None;
        }
        let came = incoming.0.body().is_some();
        let (event, plaintext) = self.judged(incoming);
        let id = event.id();
        if came && event.body().is_none() {
            batch.wrong.push(id);
        }
        let early = |now| self.is_before_its_time(&event, now);
        if arrival.wall.is_some_and(early) {
            self.hold_back((event, plaintext), arrival, batch);
            return None;
        }
        match self.apply(&event, plaintext.as_deref()) {
            Ok(Applied { place, changes }) => {
                batch.changes.push((place, changes));
                batch.new.push(event);
                return Some(id);
            }
            Err(InsertError::MissingParents(_) | InsertError::MissingAuthority(_)) => {
                self.keep_waiting((event, plaintext), arrival, batch);
            }
            Err(InsertError::LateBound { .. }) => batch.late.push((event, plaintext)),
            Err(error @ InsertError::Invalid { .. }) => tracing::debug!(%error, "event refused"),
        }
        None
    }

    /// A held event came again: its body and its signature are taken if they were lacking.
    fn take_again(
        &mut self,
        (place, held): (Place, &VerifiedEvent),
        (event, plaintext): Incoming,
        arrival: Arrival,
        batch: &mut Batch,
    ) {
        let id = event.id();
        let signs = held.signature().is_none() && event.signature().is_some();
        let other_body = event.body().is_some() && event.body() != held.body();
        let mut fills = other_body && self.lacks_body(held);
        if other_body && held.body().is_some() {
            let by = arrival.from.unwrap_or(NetworkKey([0; 32]));
            match self.keep_further(held, &event, by) {
                Further::Known => {}
                Further::Beside => batch.further.push(id),
                Further::First => {
                    batch.further.push(id);
                    fills = true;
                }
            }
        }
        if !fills && !signs {
            return;
        }
        let came = event.body().is_some();
        let (event, plaintext) = self.judged((event, plaintext));
        if came && event.body().is_none() {
            batch.wrong.push(id);
        }
        let fills = fills && event.body().is_some();
        if fills && held.body().is_some() {
            self.forget_body(place, id);
        }
        if let Ok(applied) = self.apply(&event, plaintext.as_deref()) {
            batch.changes.push((applied.place, applied.changes));
        }
        let now = self.dag(place).and_then(|dag| dag.get(id));
        let filled = fills && now.is_some_and(|event| event.body().is_some());
        // A signature of an operation shows strangers how somebody came in; others are made up for by later ones.
        if filled || (signs && place == Place::Authority) {
            batch.filled.push(id);
        }
    }

    fn keep_waiting(&mut self, incoming: Incoming, arrival: Arrival, batch: &mut Batch) {
        let event = &incoming.0;
        let header = event.header();
        let Some(lacks) = self.lacks(event) else {
            tracing::debug!(event = %event.id().short(), "event refused: it can not be made whole");
            return;
        };
        // What waits here already was asked for.
        if lacks.iter().any(|id| !self.waiting.contains(*id)) {
            batch.lacks.push(
                self.place(header.scope, event.id())
                    .unwrap_or(Place::Authority),
            );
        }
        if header
            .auth
            .iter()
            .any(|head| !self.authority.dag().contains(*head))
        {
            batch.lacks.push(Place::Authority);
        }
        let source = self.source(header.device, arrival);
        let dropped = self.waiting.insert(incoming, lacks, source, arrival.at);
        batch.dropped.extend(dropped);
    }

    fn source(&self, device: DeviceId, arrival: Arrival) -> Source {
        let known = self.state().account_ever(device).is_some();
        match arrival.from {
            None => Source::Store,
            Some(_) if known => Source::Author(device),
            Some(peer) => Source::Peer(peer),
        }
    }

    /// Whether somebody else's event claims a time that has not come, and would not be permitted now: under a
    /// time-out, the waiting period of a newcomer, or slow mode. To claim a later time must not be the way around.
    pub(crate) fn is_before_its_time(&self, event: &VerifiedEvent, now: UnixMs) -> bool {
        let header = event.header();
        let own = header.device == self.own_device;
        let ahead = header.wall.0.saturating_sub(now.0);
        if own || header.kind != Kind::Sealed || ahead <= CLOCK_AHEAD_MS {
            return false;
        }
        let Some(Place::Channel(channel)) = self.place(header.scope, event.id()) else {
            return false;
        };
        let Some(state) = self.authority.state_at(&header.auth) else {
            return false;
        };
        let Some(account) = state.account_of(header.device) else {
            return false;
        };
        let timed_out = state.timeouts.get(&account);
        let new = self.authority.writes_from(&state, account);
        let slow = state.channels.get(&channel);
        timed_out.is_some_and(|(_, until)| now < *until)
            || new.is_some_and(|from| now < from)
            || slow.is_some_and(|channel| channel.slow_mode_ms > 0)
    }

    /// An event waits for its own time: it lacks nothing but itself.
    fn hold_back(&mut self, incoming: Incoming, arrival: Arrival, batch: &mut Batch) {
        let header = incoming.0.header();
        let (id, wall) = (incoming.0.id(), header.wall);
        let source = self.source(header.device, arrival);
        let lacks = BTreeSet::from([id]);
        let dropped = self.waiting.insert(incoming, lacks, source, arrival.at);
        batch.dropped.extend(dropped);
        if self.waiting.contains(id) {
            self.held_back.insert((wall, id));
        }
    }

    /// Events whose time has come.
    pub(crate) fn release_held(&mut self, now: UnixMs) -> Vec<Incoming> {
        let waiting = &self.waiting;
        self.held_back.retain(|(_, id)| waiting.contains(*id));
        let mut free = Vec::new();
        while let Some((wall, id)) = self.held_back.first().copied() {
            if now < wall {
                break;
            }
            self.held_back.pop_first();
            free.extend(self.waiting.arrived(id));
        }
        free
    }

    /// Takes events that do not wait any more out of the rows that hold them. Returns rows that hold nothing else.
    pub(crate) fn forget_waiting(&mut self, ids: &[EventId]) -> Vec<u64> {
        let mut emptied = Vec::new();
        for id in ids.iter().filter(|id| !self.waiting.contains(**id)) {
            let Some(row) = self.row_of.remove(id) else {
                continue;
            };
            if let Some(of) = self.rows.get_mut(&row) {
                of.retain(|other| other != id);
                if of.is_empty() {
                    self.rows.remove(&row);
                    emptied.push(row);
                }
            }
        }
        emptied
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
        let authority = AuthorityLog::with(
            events.swap_remove(genesis),
            Arc::clone(self.authority.signatures()),
        )
        .ok()?;
        let membership = Membership {
            incarnation,
            ..self.membership
        };
        let mut rebuilt = Self::new(authority, membership, self.own_device);
        rebuilt.known_members = self.known_members;
        rebuilt.keys = self.keys;
        rebuilt.wraps = self.wraps;
        rebuilt.wrap_trust = self.wrap_trust;
        rebuilt.prekeys = self.prekeys;
        rebuilt.next_row = self.next_row;
        rebuilt.held = self.held;
        rebuilt.read_by = self.read_by;
        rebuilt.deleted = self.deleted;
        rebuilt.arrivals = self.arrivals;
        rebuilt.read = self.read;
        rebuilt.unread = self.unread;
        rebuilt.arrived_later = self.arrived_later;
        rebuilt.ahead = self.ahead;
        rebuilt.seen = self.seen;
        rebuilt.topics = self.topics;
        rebuilt.closed = self.closed;
        rebuilt.newest = self.newest.without(without);
        rebuilt.active = self.active;
        rebuilt.brought = self.brought;
        rebuilt.blind = self.blind;
        rebuilt.wrong_at = self.wrong_at;
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
        rebuilt.held_back = self.held_back;
        rebuilt.waiting.forget_device(self.own_device);
        // In the order shown, parents come before what names them, within each scope.
        events.sort_by_key(|event| (event.header().kind != Kind::Authority, event.order_key()));
        rebuilt.take(
            events.into_iter().map(|event| (event, None)).collect(),
            Arrival::AGAIN,
        );
        rebuilt.index_homes();
        rebuilt.count_unread();
        Some(rebuilt)
    }
}
