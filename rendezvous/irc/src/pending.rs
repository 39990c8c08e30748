//! What a connection waits for: commands that the node has been given.

use alloquy_api::{Command, Embed};
use alloquy_ids::{AccountId, ChannelId, EventId, UnixMs};

use crate::io::ConnId;
use crate::world::Key;

/// What becomes of a command's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Nothing.
    Quiet,
    /// What a client has was kept: nothing, but whoever ends waits for it.
    Kept,
    /// A message was written: it is echoed, or the refusal told.
    Said(ConnId, Said),
    /// A message was edited: it is echoed, or the refusal told.
    Edited(ConnId, EventId, Order),
    /// A conversation was opened, in which this is to be said.
    Opened(ConnId, Said, String),
    /// A request to be in a group was accepted by joining this.
    Accepted(ConnId, String),
    /// Somebody is blocked (`true`), or no more: the mask as typed.
    Silenced(ConnId, AccountId, bool, String),
    /// Something was asked for of which only a refusal is told.
    Done(ConnId, Order),
    /// A part of a history.
    Page(ConnId, Page),
    /// How far a room was read, for these of the account's connections.
    Read(ReadFor, ChannelId),
    /// What was said in a room while a client was away.
    Missed(ConnId, ChannelId),
    /// The message up to which a room was read, by its time.
    ReadUpTo(ConnId, ChannelId),
    /// How far a room was read so far, before it is read up to this message of this time.
    Advance(ConnId, ChannelId, EventId, UnixMs),
    /// The latest time in the newest messages of a room, for CHATHISTORY TARGETS.
    Newest(ConnId, ChannelId),
    /// Whether a message is where a client says it is.
    Located(ConnId, Box<Located>),
    /// An invite, for somebody who is no member.
    Invited(ConnId, Order, AccountId),
    /// The profile was changed by METADATA.
    Metadata(ConnId, Setting),
}

impl Pending {
    /// The connection that waits.
    pub(crate) const fn conn(&self) -> Option<ConnId> {
        match self {
            Self::Quiet | Self::Kept | Self::Read(ReadFor::All, _) => None,
            Self::Said(conn, _)
            | Self::Opened(conn, ..)
            | Self::Accepted(conn, _)
            | Self::Silenced(conn, ..)
            | Self::Edited(conn, ..)
            | Self::Done(conn, _)
            | Self::Page(conn, _)
            | Self::Read(ReadFor::One(conn) | ReadFor::Join(conn), _)
            | Self::Missed(conn, _)
            | Self::ReadUpTo(conn, _)
            | Self::Advance(conn, ..)
            | Self::Newest(conn, _)
            | Self::Located(conn, _)
            | Self::Metadata(conn, _)
            | Self::Invited(conn, ..) => Some(*conn),
        }
    }
}

/// What is to be done about a message of a room, once it is known that it is one of that room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) message: EventId,
    pub(crate) found: (Command, Pending),
    pub(crate) lost: Lost,
}

/// What is done about a message that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// The client is told.
    Refused(Order),
    /// This.
    Instead(Box<(Command, Pending)>),
}

/// For whom a read marker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFor {
    /// Whoever asked by MARKREAD.
    One(ConnId),
    /// Whoever joins.
    Join(ConnId),
    /// All connections of the account: it was moved elsewhere.
    All,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// `PRIVMSG`, `NOTICE` or `TAGMSG`.
    pub(crate) command: &'static str,
    /// To whom, as typed.
    pub(crate) target: String,
    /// The message that it answers.
    pub(crate) reply_to: Option<EventId>,
    /// Previews of addresses.
    pub(crate) embeds: Vec<Embed>,
}

/// An order to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The command of IRC.
    pub(crate) command: &'static str,
    /// What it was about, as typed: the first parameters of a refusal.
    pub(crate) about: Vec<String>,
}

/// A change of the profile by METADATA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Whose, as it is called in the answer.
    pub(crate) target: String,
    pub(crate) key: Key,
    /// Empty: it is taken away.
    pub(crate) value: String,
    /// The batch that the answer belongs to.
    pub(crate) batch: Option<String>,
    /// It is the last of that batch.
    pub(crate) last: bool,
}

/// A CHATHISTORY under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) channel: ChannelId,
    /// As typed.
    pub(crate) target: String,
    pub(crate) subcommand: String,
}

/// A CHATHISTORY TARGETS under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Targets {
    /// Behind this one, in the order of time and then of ids.
    pub(crate) from: (UnixMs, ChannelId),
    pub(crate) to: UnixMs,
    pub(crate) limit: usize,
    pub(crate) found: Vec<(UnixMs, ChannelId)>,
}
