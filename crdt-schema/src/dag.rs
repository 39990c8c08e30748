//! The events of one scope as a graph: per-device chains, causal references, heads and heights.
//!
//! Checks *structure* only (docs/protocol.md, "Validity"): parents held, `prev` the event before in the same
//! log, Lamport time one above the parents. Who may write is for the evaluators. Forks of a log are ordinary
//! concurrent branches: events are named by id, never by (device, seq).

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{DeviceId, EventId, ScopeId};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::{Header, VerifiedEvent};
use crate::limits::{AUTH_HEADS_MAX, DEPS_MAX, LAMPORT_MAX};

/// Why an event can not be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InsertError {
    /// Parents are not held yet; the event waits and is never judged for it.
    #[error("{} parents are not held", .0.len())]
    MissingParents(Vec<EventId>),
    /// Authority heads that the event names are not held yet; it waits and is never judged for it.
    #[error("{} authority operations are not held", .0.len())]
    MissingAuthority(Vec<EventId>),
    /// The event would be hidden as late, and this account's late events already fill their bound. Not kept:
    /// it is asked for again when something of another account builds on it.
    #[error("late event {} of account {} is over the bound", .event.short(), .account.short())]
    LateBound {
        /// The event.
        event: EventId,
        /// Its author's account.
        account: alloquy_ids::AccountId,
    },
    /// The event breaks the structure: it and everything that follows it in its log is refused by all.
    #[error("event {id} is invalid: {reason}", id = .id.short())]
    Invalid {
        /// The event.
        id: EventId,
        /// What is wrong, with values.
        reason: String,
    },
}

impl InsertError {
    pub(crate) fn invalid(id: EventId, reason: impl Into<String>) -> Self {
        Self::Invalid {
            id,
            reason: reason.into(),
        }
    }
}

/// How far one branch of one log is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Height {
    /// The log's device.
    pub device: DeviceId,
    /// The log's incarnation.
    pub incarnation: u32,
    /// Events in the branch: one more than the head's `seq`.
    pub height: u64,
    /// The last event of the branch.
    pub head: EventId,
}

impl Canonical for Height {
    fn write(&self, w: &mut Writer) {
        self.device.write(w);
        w.u32(self.incarnation);
        w.varint(self.height);
        self.head.write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            device: DeviceId::read(r)?,
            incarnation: r.u32("incarnation")?,
            height: r.varint("height")?,
            head: EventId::read(r)?,
        })
    }
}

type LogKey = (DeviceId, u32);

/// The events of one scope.
#[derive(Clone, Debug)]
pub struct Dag {
    scope: ScopeId,
    /// Parents that are not held are taken to lie before the beginning.
    begins_anywhere: bool,
    events: BTreeMap<EventId, VerifiedEvent>,
    /// Ids in order of insertion: a topological order.
    order: Vec<EventId>,
    /// Events that no other event names as a parent.
    heads: BTreeSet<EventId>,
    /// Per log, the last event of each branch; more than one only in a forked log.
    branches: BTreeMap<LogKey, BTreeMap<EventId, u64>>,
}

impl Dag {
    /// An empty graph for events of `scope`.
    #[must_use]
    pub const fn new(scope: ScopeId) -> Self {
        Self {
            scope,
            begins_anywhere: false,
            events: BTreeMap::new(),
            order: Vec::new(),
            heads: BTreeSet::new(),
            branches: BTreeMap::new(),
        }
    }

    /// The same for the newest events alone: what they name and is not held is not waited for. Events come parents
    /// first; one that comes after an event which names it stands apart from that.
    #[must_use]
    pub const fn of_newest(scope: ScopeId) -> Self {
        let mut dag = Self::new(scope);
        dag.begins_anywhere = true;
        dag
    }

    /// The scope.
    #[must_use]
    pub const fn scope(&self) -> ScopeId {
        self.scope
    }

    /// How many events are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The event whose id begins so; `None` if there is none, or more than one.
    #[must_use]
    pub fn find(&self, beginning: [u8; 8]) -> Option<&VerifiedEvent> {
        let filled = |with: u8| {
            let mut id = [with; 32];
            id[..beginning.len()].copy_from_slice(&beginning);
            EventId(id)
        };
        let mut found = self.events.range(filled(0)..=filled(u8::MAX));
        let (_, event) = found.next()?;
        found.next().is_none().then_some(event)
    }

    /// Whether no event is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The event of this id.
    #[must_use]
    pub fn get(&self, id: EventId) -> Option<&VerifiedEvent> {
        self.events.get(&id)
    }

    /// Whether the event is held.
    #[must_use]
    pub fn contains(&self, id: EventId) -> bool {
        self.events.contains_key(&id)
    }

    /// Events in the order of their insertion, parents first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &VerifiedEvent> {
        self.order.iter().map(|id| &self.events[id])
    }

    /// Events that nothing follows, ascending by id.
    #[must_use]
    pub const fn heads(&self) -> &BTreeSet<EventId> {
        &self.heads
    }

    /// Heads with the newest (greatest in the order shown) first.
    #[must_use]
    pub fn heads_newest_first(&self) -> Vec<EventId> {
        let mut heads: Vec<_> = self
            .heads
            .iter()
            .map(|id| self.events[id].order_key())
            .collect();
        heads.sort_by(|a, b| b.cmp(a));
        heads.into_iter().map(|key| key.id).collect()
    }

    /// Last event of a log, the longest branch (then the smallest id) if it is forked.
    #[must_use]
    pub fn log_head(&self, device: DeviceId, incarnation: u32) -> Option<&VerifiedEvent> {
        let branches = self.branches.get(&(device, incarnation))?;
        let (id, _) = branches
            .iter()
            .min_by_key(|(id, seq)| (std::cmp::Reverse(**seq), **id))?;
        self.events.get(id)
    }

    /// Incarnations of a device's logs, ascending.
    pub fn incarnations(&self, device: DeviceId) -> impl Iterator<Item = u32> + '_ {
        self.branches
            .range((device, 0)..=(device, u32::MAX))
            .map(|((_, incarnation), _)| *incarnation)
    }

    /// Logs that have more than one branch: two copies of a device are writing.
    pub fn forks(&self) -> impl Iterator<Item = LogKey> + '_ {
        self.branches
            .iter()
            .filter(|(_, branches)| branches.len() > 1)
            .map(|(log, _)| *log)
    }

    /// Every branch of every log, ascending.
    #[must_use]
    pub fn heights(&self) -> Vec<Height> {
        let branch = |(log, ends): (&LogKey, &BTreeMap<EventId, u64>)| {
            let (device, incarnation) = *log;
            let height = move |(head, seq): (&EventId, &u64)| Height {
                device,
                incarnation,
                height: seq + 1,
                head: *head,
            };
            ends.iter().map(height).collect::<Vec<_>>()
        };
        self.branches.iter().flat_map(branch).collect()
    }

    /// Every branch of every log as far as a held signature proves it, ascending: what a holder says that it has when it
    /// asks for the rest.
    ///
    /// Where only the first events of a range could be applied, no signature proves the last of them. Were they said to
    /// be held, the next range would begin after them, with its own first signature up to 64 events further on: the two
    /// pieces together would be too long a run to be ever passed on.
    #[must_use]
    pub fn proved_heights(&self) -> Vec<Height> {
        let mut heights = BTreeMap::new();
        for (log, branches) in &self.branches {
            for head in branches.keys() {
                if let Some(event) = self
                    .branch_from(*head)
                    .find(|event| event.signature().is_some())
                {
                    let height = Height {
                        device: log.0,
                        incarnation: log.1,
                        height: event.header().seq + 1,
                        head: event.id(),
                    };
                    heights.insert((*log, event.id()), height);
                }
            }
        }
        heights.into_values().collect()
    }

    /// An event and those before it in its log, the last first.
    fn branch_from(&self, head: EventId) -> impl Iterator<Item = &VerifiedEvent> {
        let before = |event: &&VerifiedEvent| self.events.get(&event.header().prev);
        std::iter::successors(self.events.get(&head), before)
    }

    /// Adds an event whose parents are held. `Ok(false)`: it was there.
    pub fn insert(&mut self, event: VerifiedEvent) -> Result<bool, InsertError> {
        let id = event.id();
        if let Some(held) = self.events.get_mut(&id) {
            if held.body().is_none() || (held.signature().is_none() && event.signature().is_some())
            {
                *held = held.merged_with(&event);
            }
            return Ok(false);
        }
        self.check(&event)?;
        for parent in event.header().parents() {
            self.heads.remove(&parent);
        }
        let header = event.header();
        let branches = self
            .branches
            .entry((header.device, header.incarnation))
            .or_default();
        branches.remove(&header.prev);
        branches.insert(id, header.seq);
        self.heads.insert(id);
        self.order.push(id);
        self.events.insert(id, event);
        Ok(true)
    }

    /// Replaces a held event by the same event without its body.
    pub fn drop_body(&mut self, id: EventId) {
        if let Some(held) = self.events.get_mut(&id) {
            *held = held.without_body();
        }
    }

    /// Structure of an event against what is held. See [`InsertError`].
    pub fn check(&self, event: &VerifiedEvent) -> Result<(), InsertError> {
        let id = event.id();
        let header = event.header();
        let genesis = header.scope == ScopeId::ZERO && self.scope == ScopeId(id.0);
        if header.scope != self.scope && !genesis {
            return Err(InsertError::invalid(
                id,
                format!("its scope is {}, not {}", header.scope, self.scope),
            ));
        }
        check_form(id, header)?;
        let missing: Vec<_> = header
            .parents()
            .filter(|parent| !self.contains(*parent))
            .collect();
        let whole = missing.is_empty();
        if !whole && !self.begins_anywhere {
            return Err(InsertError::MissingParents(missing));
        }
        let prev = self.events.get(&header.prev).map(VerifiedEvent::header);
        if header.seq > 0
            && let Some(prev) = prev
            && (prev.device, prev.incarnation, prev.seq + 1)
                != (header.device, header.incarnation, header.seq)
        {
            return Err(InsertError::invalid(
                id,
                format!("prev is not event {} of its log", header.seq - 1),
            ));
        }
        let above = header
            .parents()
            .filter_map(|parent| Some(self.events.get(&parent)?.header().lamport))
            .max()
            .unwrap_or(0);
        let fits = match whole {
            true => header.lamport == above + 1,
            false => header.lamport > above,
        };
        if !fits {
            let reason = format!("its lamport time is {}, not {}", header.lamport, above + 1);
            return Err(InsertError::invalid(id, reason));
        }
        Ok(())
    }

    /// Whether `ancestor` is `of` or in its past.
    #[must_use]
    pub fn is_ancestor(&self, ancestor: EventId, of: EventId) -> bool {
        self.in_closure(&[of], ancestor)
    }

    /// Whether `id` is one of `heads` or in the past of one.
    #[must_use]
    pub fn in_closure(&self, heads: &[EventId], id: EventId) -> bool {
        let Some(target) = self.events.get(&id) else {
            return false;
        };
        let floor = target.header().lamport;
        let mut stack: Vec<_> = heads.to_vec();
        let mut seen = BTreeSet::new();
        while let Some(next) = stack.pop() {
            if next == id {
                return true;
            }
            let Some(event) = self.events.get(&next) else {
                continue;
            };
            // Lamport time rises along every edge: nothing at or below the target's can lead to it.
            if event.header().lamport > floor && seen.insert(next) {
                stack.extend(event.header().parents());
            }
        }
        false
    }

    /// Events that a holder of `known` lacks, in the order shown (parents first).
    ///
    /// A branch ends where it meets a known head of its log. Where a log's known heads are all strange here,
    /// the holder is ahead, or the log is forked: such a branch is given only if its head is in `wanted`.
    #[must_use]
    pub fn missing(&self, known: &[Height], wanted: &[EventId]) -> Vec<VerifiedEvent> {
        let mut by_log: BTreeMap<LogKey, Vec<&Height>> = BTreeMap::new();
        for height in known {
            by_log
                .entry((height.device, height.incarnation))
                .or_default()
                .push(height);
        }
        let mut found: BTreeMap<_, VerifiedEvent> = BTreeMap::new();
        for (log, branches) in &self.branches {
            let known = by_log.get(log).map_or(&[][..], Vec::as_slice);
            let strange =
                !known.is_empty() && !known.iter().any(|height| self.contains(height.head));
            for head in branches.keys() {
                if !strange || wanted.contains(head) {
                    self.collect_branch(*head, known, &mut found);
                }
            }
        }
        found.into_values().collect()
    }

    fn collect_branch(
        &self,
        head: EventId,
        known: &[&Height],
        found: &mut BTreeMap<crate::event::OrderKey, VerifiedEvent>,
    ) {
        let mut covered = BTreeSet::new();
        for height in known {
            covered.insert(height.head);
        }
        let mut next = head;
        while let Some(event) = self.events.get(&next) {
            let key = event.order_key();
            if covered.contains(&next) || found.contains_key(&key) {
                break;
            }
            found.insert(key, event.clone());
            next = event.header().prev;
        }
    }
}

fn check_form(id: EventId, header: &Header) -> Result<(), InsertError> {
    let invalid = |reason: String| Err(InsertError::invalid(id, reason));
    if header.deps.len() > DEPS_MAX || header.auth.len() > AUTH_HEADS_MAX {
        return invalid(format!(
            "{} deps and {} auth heads",
            header.deps.len(),
            header.auth.len()
        ));
    }
    if (header.seq == 0) != (header.prev == EventId::ZERO) {
        return invalid(format!("seq is {} and prev is {}", header.seq, header.prev));
    }
    let distinct: BTreeSet<_> = header.parents().collect();
    if distinct.len() != header.parents().count() || distinct.contains(&EventId::ZERO) {
        return invalid("a parent is named twice or is zero".to_owned());
    }
    if header.lamport == 0 || header.lamport > LAMPORT_MAX {
        return invalid(format!(
            "its lamport time is {}, the limit is {LAMPORT_MAX}",
            header.lamport
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
