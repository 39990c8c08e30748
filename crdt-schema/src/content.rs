//! Community content: names, topics, categories, icons, role names, pins, reasons and one shared note,
//! held in automerge and fed only by validated events.
//!
//! Each event is replayed by a transaction at the automerge heads that correspond to its `prev` and `deps`,
//! with an actor derived from (device, incarnation): the same events give the same changes everywhere.
//! Automerge never sees bytes from the network.

use alloquy_ids::{ChannelId, EventId, RoleId};

use crate::authority::AuthorityLog;
use crate::event::VerifiedEvent;
use crate::permissions::Permissions;

/// One operation on the content document. Positions are as the author saw them, in Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentOp {
    /// Sets a field.
    Set { field: Field, value: Value },
    /// Clears a field.
    Clear { field: Field },
    /// Replaces `remove` scalar values at `at` in the shared note by `insert`.
    SpliceNote { at: u32, remove: u32, insert: String },
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
