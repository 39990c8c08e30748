//! What goes over the local socket of a running node: JSON lines, plain data.
//!
//! Each line is one [`Request`] (to the node) or one [`Response`] (from it), as JSON without line breaks
//! inside, ended by `\n`. The first request of a connection is [`Request::Hello`]; until it is answered by
//! [`Response::Hello`] nothing else is served. Another [`RPC_VERSION`] is answered by an error of code
//! `version` and the end of the connection.
//!
//! A connection may have many commands under way; each ends in one [`Event::Done`] with its id. A line that is
//! longer than its limit or is no JSON of its type is answered by [`Response::Error`] (`limit`, `parse`) and
//! the end of the connection, because what follows it can not be trusted to start a line.
//!
//! The socket is the boundary between programs of one person (mode 0600), not between people: nothing here
//! is signed. Framing, reading and writing are the shell's; this module only says what the lines mean.

use alloquy_ids::AccountId;
use serde::{Deserialize, Serialize};

use crate::{Command, CommandError, CommandId, Event, Snapshot};

pub use crate::limits::{REQUEST_LINE_BYTES_MAX, RESPONSE_LINE_BYTES_MAX};
pub use crate::report::{
    Check, CheckLevel, DoctorReport, InitReport, KeySource, PeerStatus, StatusReport,
};

/// Version of this protocol. Raised with every change that an older side would misread.
pub const RPC_VERSION: u32 = 2;

/// One line to the node, at most [`REQUEST_LINE_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// The first line. Answered by [`Response::Hello`], or by an error of code `version`.
    Hello {
        /// [`RPC_VERSION`] of the client.
        version: u32,
    },
    /// Run a command. Answered, when its effect is durable, by [`Response::Event`] with [`Event::Done`].
    ///
    /// How long to wait is the client's affair: it closes the connection or ignores what comes later.
    Submit {
        /// The client's number for it, from 1, rising within the connection.
        id: CommandId,
        /// What to do.
        command: Command,
    },
    /// From now on send every event of the account, and say when the snapshot is another one. Answered by
    /// [`Response::Subscribed`], then by events and [`Response::Changed`].
    Subscribe,
    /// Answered by [`Response::Status`].
    Status,
    /// Answered by [`Response::Doctor`] with what only the running node can check.
    Doctor,
    /// Answered by [`Response::Snapshot`].
    Snapshot,
}

/// One line from the node, at most [`RESPONSE_LINE_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// The version fits.
    Hello {
        /// [`RPC_VERSION`] of the node.
        version: u32,
        /// Version of the node's program.
        program: String,
        /// The account that commands act for.
        account: AccountId,
        /// Process id of the node.
        pid: u32,
    },
    /// Something happened. Without [`Request::Subscribe`] only [`Event::Done`] of this connection's commands.
    Event(Event),
    /// The snapshot is another one than at the last line of this kind: [`Request::Snapshot`] gives it. At most
    /// [`crate::limits::CHANGES_PER_SECOND`] a second, the last change of a burst included.
    Changed {
        /// Its version.
        version: u64,
    },
    /// Events follow, none that happened after this line left out but for [`Event::Lagged`].
    Subscribed,
    /// The node's state.
    Status(StatusReport),
    /// The node's own checks.
    Doctor(DoctorReport),
    /// The present snapshot.
    Snapshot(Box<Snapshot>),
    /// The request could not be taken; the connection ends after this line.
    Error(CommandError),
}
