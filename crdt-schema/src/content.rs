//! Community content: names, topics, categories, icons, role names, pins, reasons and one shared note,
//! held in automerge and fed only by validated events.
//!
//! Each event is replayed by a transaction at the automerge heads that correspond to its `prev` and `deps`,
//! with an actor derived from (device, incarnation): the same events give the same changes everywhere.
//! Automerge never sees bytes from the network.

pub mod op;

use alloquy_ids::{ChannelId, CommunityId, EventId, RoleId, ScopeId};

use crate::authority::AuthorityLog;
use crate::dag::{Dag, InsertError};
use crate::event::VerifiedEvent;

/// The scope of a community's content events.
#[must_use]
pub fn scope(community: CommunityId) -> ScopeId {
    ScopeId(crate::hash::derive("alloquy content scope v1", &[&community.0]))
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
    MemberName(alloquy_ids::AccountId),
    /// A member's "about"; written by that member only.
    MemberAbout(alloquy_ids::AccountId),
    /// How a newcomer asked to be called; written by whoever admitted it, shown until its own name is there.
    IntroducedName(alloquy_ids::AccountId),
}

/// A value of a field; each field takes one kind of value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A picture's bytes.
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
    // owner decides
}

impl ContentDocument {
    /// An empty document.
    pub fn new(community: CommunityId) -> Self { todo!() }
    /// Adds an event. `ops`: of its opened body; `None`: missing for now. Idempotent.
    pub fn insert(&mut self, event: VerifiedEvent, ops: Option<Vec<ContentOp>>, authority: &AuthorityLog) -> Result<ContentChanges, InsertError> { todo!() }
    /// The same for an event that an event of another account waits for: the bound on late events does not apply.
    pub fn insert_wanted(&mut self, event: VerifiedEvent, ops: Option<Vec<ContentOp>>, authority: &AuthorityLog) -> Result<ContentChanges, InsertError> { todo!() }
    /// Supplies bodies that were missing; many at once cost one replay.
    pub fn set_bodies(&mut self, bodies: Vec<(EventId, Vec<ContentOp>)>, authority: &AuthorityLog) -> ContentChanges { todo!() }
    /// Supplies one body.
    pub fn set_body(&mut self, id: EventId, ops: Vec<ContentOp>, authority: &AuthorityLog) -> ContentChanges { todo!() }
    /// Evaluates again after the authority log changed.
    pub fn authority_changed(&mut self, authority: &AuthorityLog) -> ContentChanges { todo!() }
    /// The value of a field.
    pub fn get(&self, field: &Field) -> Option<Value> { todo!() }
    /// All fields that are set, ascending.
    pub fn fields(&self) -> impl Iterator<Item = (&Field, &Value)> { std::iter::empty() }
    /// Names of channels.
    pub fn channel_names(&self) -> impl Iterator<Item = (ChannelId, &str)> { std::iter::empty() }
    /// Names of roles.
    pub fn role_names(&self) -> impl Iterator<Item = (RoleId, &str)> { std::iter::empty() }
    /// Names of members.
    pub fn member_names(&self) -> impl Iterator<Item = (alloquy_ids::AccountId, &str)> { std::iter::empty() }
    /// Pinned messages of a channel, ascending by id.
    pub fn pins(&self, channel: ChannelId) -> impl Iterator<Item = EventId> { std::iter::empty() }
    /// The shared note.
    pub fn note(&self) -> String { todo!() }
    /// All events, counting or not.
    pub fn dag(&self) -> &Dag { todo!() }
    /// Heads that an honest author names: counting events only, newest first.
    pub fn counting_heads(&self) -> Vec<EventId> { todo!() }
    /// Whether and why an event counts.
    pub fn standing(&self, id: EventId) -> Option<crate::timeline::Standing> { todo!() }
    /// Counting events whose body is missing.
    pub fn missing_bodies(&self) -> Vec<EventId> { todo!() }
    /// Digest for synchronisation: (log, height, head id) of counting events only.
    pub fn digest(&self) -> [u8; 32] { todo!() }
    /// Digest of what is shown and of automerge's heads.
    pub fn content_digest(&self) -> [u8; 32] { todo!() }
}

/// What changed in the content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentChanges {
    /// Fields whose value is another one now.
    pub fields: std::collections::BTreeSet<Field>,
    /// Whether the note is another one now.
    pub note: bool,
}
