//! Community content: names, topics, categories, icons, role names, pins, reasons and one shared note,
//! held in automerge and fed only by validated events (docs/protocol.md, "Content").
//!
//! In: verified events with their opened operations, and the authority log. Out: fields and the note.
//! Invariants: the same events, bodies and authority operations give the same content, whatever the order of
//! their arrival; automerge never sees bytes from the network; an event takes effect whole or not at all.
//! Deliberately not here: authority (who may do what) and anything that is not worth merging.

mod op;
mod replay;
mod rights;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, RoleId, ScopeId};

use crate::authority::AuthorityLog;
use crate::codec::{Canonical, Writer};
use crate::dag::{Dag, InsertError};
use crate::event::VerifiedEvent;
use crate::timeline::Standing;
use crate::timeline::counting::{Bound, Ground, Ledger, Need};
use replay::Replay;

pub use op::check_icon;

/// The scope of a community's content events.
#[must_use]
pub fn scope(community: CommunityId) -> ScopeId {
    ScopeId(crate::hash::derive(
        "alloquy content scope v1",
        &[&community.0],
    ))
}

/// One operation on the content document. Positions are as the author saw them, in Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentOp {
    /// Sets a field.
    Set {
        /// What is set.
        field: Field,
        /// What it is set to; of the kind that the field takes.
        value: Value,
    },
    /// Clears a field.
    Clear {
        /// What is cleared.
        field: Field,
    },
    /// Replaces `remove` scalar values at `at` in the shared note by `insert`.
    SpliceNote {
        /// Where, in scalar values; beyond the end means at the end.
        at: u32,
        /// How many scalar values go; what is not there is skipped.
        remove: u32,
        /// What comes.
        insert: String,
    },
}

/// A place in the content document. Each maps to a right, checked before replay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The community's name.
    Name,
    /// The community's topic.
    Topic,
    /// The community's icon (PNG or WebP).
    Icon,
    /// A channel's or category's name.
    ChannelName(ChannelId),
    /// A channel's topic.
    ChannelTopic(ChannelId),
    /// The category that a channel stands under.
    ChannelParent(ChannelId),
    /// Its place among its neighbours: smaller first.
    ChannelPosition(ChannelId),
    /// A role's name.
    RoleName(RoleId),
    /// A pinned message: present or absent.
    Pin(ChannelId, EventId),
    /// Why an authority operation was made.
    Reason(EventId),
    /// A member's display name; written by that member only.
    MemberName(AccountId),
    /// A member's "about"; written by that member only.
    MemberAbout(AccountId),
    /// How a newcomer asked to be called; written by whoever admitted it, shown until its own name is there.
    IntroducedName(AccountId),
    /// A community that the account is in, and how its members are reached. This and the following fields are those
    /// of the self document: they exist in an account's own conversation alone.
    Joined(CommunityId),
    /// The last message of a channel that was read: its id.
    ReadMark(ChannelId),
    /// What a face keeps under a name.
    Kept(String),
    /// Somebody whom the account knows.
    Contact(AccountId),
    /// Somebody of whom nothing is taken.
    Blocked(AccountId),
    /// The name of a device of the account.
    DeviceName(DeviceId),
}

/// A value of a field; each field takes one kind of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// Bytes: a picture, or a record of the account's own.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// A channel.
    Channel(ChannelId),
    /// Nothing but presence.
    Present,
}

/// A community's content.
#[derive(Debug)]
pub struct ContentDocument {
    ledger: Ledger,
    /// By the ledger's numbers.
    entries: Vec<Entry>,
    /// Counting events without a body.
    missing: BTreeSet<u32>,
    replay: Replay,
}

#[derive(Debug, Default)]
struct Entry {
    /// `None`: the body is missing.
    ops: Option<Vec<ContentOp>>,
    /// Rights that the operations ask for, if the author held them all.
    needs: Option<Vec<Need>>,
    /// Whether it was replayed with its operations.
    in_force: bool,
}

impl ContentDocument {
    /// An empty document.
    #[must_use]
    pub fn new(community: CommunityId) -> Self {
        Self {
            ledger: Ledger::new(Ground::Content, scope(community)),
            entries: Vec::new(),
            missing: BTreeSet::new(),
            replay: Replay::new(),
        }
    }

    /// Adds an event. `ops`: of its opened body (empty for a body of another kind); `None`: missing for now.
    /// Idempotent.
    ///
    /// [`Self::authority_changed`] must have been called since the authority log last changed.
    ///
    /// # Errors
    /// Parents or authority heads are not held, the event is invalid, or it would be hidden and its account's
    /// hidden events fill their bound.
    pub fn insert(
        &mut self,
        event: VerifiedEvent,
        ops: Option<Vec<ContentOp>>,
        authority: &AuthorityLog,
    ) -> Result<ContentChanges, InsertError> {
        self.insert_within(Bound::Applies, event, ops, authority)
    }

    /// The same for an event that an event of another account waits for: the bound on hidden events does not
    /// apply.
    ///
    /// # Errors
    /// As [`Self::insert`], without the bound.
    pub fn insert_wanted(
        &mut self,
        event: VerifiedEvent,
        ops: Option<Vec<ContentOp>>,
        authority: &AuthorityLog,
    ) -> Result<ContentChanges, InsertError> {
        self.insert_within(Bound::Lifted, event, ops, authority)
    }

    fn insert_within(
        &mut self,
        bound: Bound,
        event: VerifiedEvent,
        ops: Option<Vec<ContentOp>>,
        authority: &AuthorityLog,
    ) -> Result<ContentChanges, InsertError> {
        let id = event.id();
        match self.ledger.insert(event, bound, authority)? {
            None => Ok(ops.map_or_else(ContentChanges::default, |ops| {
                self.set_body(id, ops, authority)
            })),
            Some(at) => {
                self.entries.push(Entry::default());
                if let Some(ops) = ops {
                    self.open(at, ops, authority);
                }
                Ok(self.refresh(BTreeSet::new()))
            }
        }
    }

    /// Supplies a body that was missing.
    pub fn set_body(
        &mut self,
        id: EventId,
        ops: Vec<ContentOp>,
        authority: &AuthorityLog,
    ) -> ContentChanges {
        self.set_bodies([(id, ops)], authority)
    }

    /// Supplies bodies that were missing; many at once cost one replay.
    pub fn set_bodies(
        &mut self,
        bodies: impl IntoIterator<Item = (EventId, Vec<ContentOp>)>,
        authority: &AuthorityLog,
    ) -> ContentChanges {
        let mut supplied = BTreeSet::new();
        for (id, ops) in bodies {
            let missing = self
                .ledger
                .at(id)
                .filter(|at| self.entries[*at as usize].ops.is_none());
            if let Some(at) = missing {
                self.open(at, ops, authority);
                supplied.insert(at);
            }
        }
        self.refresh(supplied)
    }

    /// Evaluates again after the authority log changed.
    pub fn authority_changed(&mut self, authority: &AuthorityLog) -> ContentChanges {
        self.ledger.authority_changed(authority);
        self.refresh(BTreeSet::new())
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: &Field) -> Option<Value> {
        self.replay.fields().get(field).cloned()
    }

    /// All fields that are set, ascending.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.replay.fields().iter()
    }

    /// Names of channels, ascending by id.
    pub fn channel_names(&self) -> impl Iterator<Item = (ChannelId, &str)> {
        self.texts(Field::ChannelName(ChannelId::ZERO)..=Field::ChannelName(ChannelId([0xff; 32])))
            .filter_map(|(field, text)| match field {
                Field::ChannelName(channel) => Some((*channel, text)),
                _ => None,
            })
    }

    /// Names of roles, ascending by id.
    pub fn role_names(&self) -> impl Iterator<Item = (RoleId, &str)> {
        self.texts(Field::RoleName(RoleId::ZERO)..=Field::RoleName(RoleId([0xff; 32])))
            .filter_map(|(field, text)| match field {
                Field::RoleName(role) => Some((*role, text)),
                _ => None,
            })
    }

    /// Names of members, ascending by id.
    pub fn member_names(&self) -> impl Iterator<Item = (AccountId, &str)> {
        self.texts(Field::MemberName(AccountId::ZERO)..=Field::MemberName(AccountId([0xff; 32])))
            .filter_map(|(field, text)| match field {
                Field::MemberName(account) => Some((*account, text)),
                _ => None,
            })
    }

    /// Pinned messages of a channel, ascending by id.
    pub fn pins(&self, channel: ChannelId) -> impl Iterator<Item = EventId> {
        let all = Field::Pin(channel, EventId::ZERO)..=Field::Pin(channel, EventId([0xff; 32]));
        self.replay
            .fields()
            .range(all)
            .filter_map(|(field, _)| match field {
                Field::Pin(_, message) => Some(*message),
                _ => None,
            })
    }

    fn texts(&self, range: RangeInclusive<Field>) -> impl Iterator<Item = (&Field, &str)> {
        self.replay
            .fields()
            .range(range)
            .filter_map(|(field, value)| match value {
                Value::Text(text) => Some((field, text.as_str())),
                _ => None,
            })
    }

    /// The shared note.
    #[must_use]
    pub fn note(&self) -> String {
        self.replay.note()
    }

    /// All events, counting or not.
    #[must_use]
    pub const fn dag(&self) -> &Dag {
        self.ledger.dag()
    }

    /// Heads that an honest author names: counting events only, newest first.
    #[must_use]
    pub fn counting_heads(&self) -> Vec<EventId> {
        self.ledger.counting_heads()
    }

    /// Whether and why an event counts. Only counting events are relayed.
    #[must_use]
    pub fn standing(&self, id: EventId) -> Option<Standing> {
        self.ledger.at(id).map(|at| self.ledger.standing(at))
    }

    /// Whether the operations of an event are in force: it counts and all of them are permitted.
    #[must_use]
    pub fn in_force(&self, id: EventId) -> bool {
        self.ledger
            .at(id)
            .is_some_and(|at| self.entries[at as usize].in_force)
    }

    /// Counting events whose body is missing, in the order of their insertion.
    #[must_use]
    pub fn missing_bodies(&self) -> Vec<EventId> {
        self.missing
            .iter()
            .map(|at| self.ledger.key(*at).id)
            .collect()
    }

    /// Drops a carried body that was found not to be the committed one: it is missing from now on.
    pub fn forget_body(&mut self, id: EventId) {
        let at = self.ledger.at(id);
        if let Some(at) = at.filter(|at| self.entries[*at as usize].ops.is_none()) {
            self.ledger.drop_body(at);
        }
    }

    fn is_missing(&self, at: u32) -> bool {
        self.entries[at as usize].ops.is_none() && self.ledger.counts(at)
    }

    fn note_missing(&mut self, looked_at: &BTreeSet<u32>) {
        for at in looked_at {
            if self.is_missing(*at) {
                self.missing.insert(*at);
            } else {
                self.missing.remove(at);
            }
        }
    }

    /// Digest for synchronisation: (log, height, head id) of counting events only.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.ledger.digest()
    }

    /// Digest of everything shown and of automerge's heads; equal on replicas with the same events, bodies and
    /// authority operations.
    #[must_use]
    pub fn content_digest(&self) -> [u8; 32] {
        let mut w = Writer::new();
        for (field, value) in self.fields() {
            ContentOp::Set {
                field: field.clone(),
                value: value.clone(),
            }
            .write(&mut w);
        }
        w.text(&self.note());
        for head in self.replay.heads() {
            w.raw(&head.0);
        }
        crate::hash::derive("alloquy content digest v1", &[&w.into_bytes()])
    }

    fn open(&mut self, at: u32, ops: Vec<ContentOp>, authority: &AuthorityLog) {
        let auth = &self.ledger.header(at).auth;
        let needs = self
            .ledger
            .account(at)
            .and_then(|author| rights::needs(&ops, author, auth, authority));
        let entry = &mut self.entries[at as usize];
        entry.needs = needs;
        entry.ops = Some(ops);
    }

    fn should_be_in_force(&self, at: u32) -> bool {
        let needs = self.entries[at as usize].needs.as_ref();
        self.ledger.counts(at)
            && needs.is_some_and(|needs| needs.iter().all(|need| self.ledger.unlimited(at, *need)))
    }

    /// Brings the document up to date: goes on where that gives the same, else replays everything.
    fn refresh(&mut self, supplied: BTreeSet<u32>) -> ContentChanges {
        let mut looked_at = self.ledger.take_touched();
        looked_at.extend(supplied);
        self.note_missing(&looked_at);
        let old_len = u32::try_from(self.replay.len()).expect("no more than the ledger's events");
        let mut late = Vec::new();
        for at in looked_at.range(..old_len).copied() {
            let in_force = self.should_be_in_force(at);
            if in_force != self.entries[at as usize].in_force {
                self.entries[at as usize].in_force = in_force;
                late.push(at);
            }
        }
        let newest = |at: &u32| self.ledger.dag().heads().contains(&self.ledger.key(*at).id);
        if late
            .iter()
            .any(|at| !self.entries[*at as usize].in_force || !newest(at))
        {
            return self.replay_all();
        }
        let mut changes = ContentChanges::default();
        for at in late {
            self.step(at, &mut changes);
        }
        for at in old_len..self.ledger.len() {
            self.entries[at as usize].in_force = self.should_be_in_force(at);
            self.step(at, &mut changes);
        }
        changes
    }

    /// Replays one event on top of what is there.
    fn step(&mut self, at: u32, changes: &mut ContentChanges) {
        let entry = &self.entries[at as usize];
        let ops = entry
            .ops
            .as_deref()
            .filter(|_| entry.in_force)
            .unwrap_or_default();
        let key = self.ledger.key(at);
        let parents = self.ledger.parents(at);
        changes.note |= ops
            .iter()
            .any(|op| matches!(op, ContentOp::SpliceNote { .. }));
        changes.fields.extend(if at as usize == self.replay.len() {
            self.replay.push(key, parents, ops)
        } else {
            self.replay.replace(at as usize, key, parents, ops)
        });
    }

    fn replay_all(&mut self) -> ContentChanges {
        let old = std::mem::replace(&mut self.replay, Replay::new());
        for at in 0..self.ledger.len() {
            self.entries[at as usize].in_force = self.should_be_in_force(at);
            self.step(at, &mut ContentChanges::default());
        }
        let new = self.replay.fields();
        let differs = |(field, value): (&Field, &Value), other: &BTreeMap<Field, Value>| {
            (other.get(field) != Some(value)).then(|| field.clone())
        };
        let gone = old.fields().iter().filter_map(|entry| differs(entry, new));
        let come = new.iter().filter_map(|entry| differs(entry, old.fields()));
        ContentChanges {
            fields: gone.chain(come).collect(),
            note: old.note() != self.replay.note(),
        }
    }
}

/// What may have changed in the content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentChanges {
    /// Fields that were written or have another value now.
    pub fields: BTreeSet<Field>,
    /// Whether the note was written or is another one now.
    pub note: bool,
}
