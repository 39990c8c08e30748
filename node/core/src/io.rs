//! What goes into the machine and what comes out of it: the whole contract between core and shell.
//!
//! The shell calls [`Node::handle`](crate::Node::handle) and drains
//! [`Node::poll_output`](crate::Node::poll_output) to `None` before the next call. `Send` and `Publish`
//! promise no more than "at least once, any order, may vanish".

use alloquy_api::voice::{IceServer, MediaReport, MediaTask};
use alloquy_api::{Command, CommandId, Event};
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use bytes::Bytes;

/// The two clocks at the moment of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Drives timers.
    pub mono: MonoMs,
    /// Stamped and shown only.
    pub wall: UnixMs,
}

/// A command's origin: which client of the shell, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Number of the client, given by the shell; 0 is the shell itself.
    pub client: u64,
    /// The client's number for the command.
    pub command: CommandId,
}

/// Number of a storage task, rising by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// A gossip topic's name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topic(pub [u8; 32]);

/// Number of a gossip frame that waits for its verdict, given by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GossipId(pub u64);

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// A person or program wants something. Outcome: [`Output::Event`] with `Event::Done`, to that client.
    Command(Origin, Command),
    /// An authenticated connection to a peer exists now (first one of this key).
    PeerUp(NetworkKey),
    /// The last connection to the peer is gone.
    PeerDown(NetworkKey),
    /// A frame of a peer's stream, at most [`crate::limits::FRAME_BYTES_MAX`] bytes.
    Frame(NetworkKey, Bytes),
    /// A gossip frame; the machine answers with [`Output::Verdict`] at once or later.
    Gossip(GossipId, Topic, NetworkKey, Bytes),
    /// Whether a connected peer is on the local network; it is not until this says so, nor after its last connection.
    PeerNear(NetworkKey, bool),
    /// A peer's addresses (identify), as multiaddr text without `/p2p`.
    PeerAddresses(NetworkKey, Vec<String>),
    /// The node's own listen addresses, as multiaddr text with `/p2p`; replaces the earlier list.
    ListenAddresses(Vec<String>),
    /// A storage task ended.
    Storage(TaskId, Result<(), StorageError>),
    /// The deadline of `poll_timeout` has passed.
    Timeout,
    /// A report of the audio engine.
    Media(MediaReport),
    /// Whether an audio engine carries out [`Output::Media`] from now on; none does before this.
    MediaEngine(bool),
    /// Servers of ICE that the person named, in place of those before; at most [`crate::limits::ICE_SERVERS_MAX`].
    IceServers(Vec<IceServer>),
    /// A client is gone: nobody looks at what it watched.
    ClientGone(u64),
    /// The process ends: say goodbye to peers.
    Shutdown,
}

/// Why a storage task failed; its writes are not in the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No space is left.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The medium can not be written.
    #[error("the store can not be written: {0}")]
    ReadOnly(String),
    /// Anything else.
    #[error("the store failed: {0}")]
    Other(String),
}

/// One write of a storage task. Keys and values are opaque to the shell, which seals values at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a record. Keys sort as bytes; the first byte is the record's type.
    Put(Bytes, Bytes),
    /// Removes a record.
    Delete(Bytes),
}

impl Write {
    /// The record that is written.
    #[must_use]
    pub const fn key(&self) -> &Bytes {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// Something that the shell must do.
#[expect(
    clippy::large_enum_variant,
    reason = "outputs are moved once, from the machine's queue to the shell"
)]
#[derive(Clone, Debug)]
pub enum Output {
    /// Tell faces. `None`: all clients; `Some`: the client that asked.
    Event(Option<u64>, Event),
    /// Send a frame to a connected peer; dropped silently if it is gone.
    Send(NetworkKey, Bytes),
    /// Publish on a topic.
    Publish(Topic, Bytes),
    /// Take part in a topic.
    Subscribe(Topic),
    /// No longer take part.
    Unsubscribe(Topic),
    /// Whether a gossip frame may be forwarded.
    Verdict(GossipId, Verdict),
    /// Keep a connection to this peer: dial now and redial with back-off (at most 10 s) until `Release`.
    /// Replaces earlier addresses. Addresses are multiaddr text without `/p2p`.
    Keep(NetworkKey, Vec<String>),
    /// No longer keep a connection.
    Release(NetworkKey),
    /// Commit these writes atomically and durably, in the order of the tasks, then answer with `Storage`.
    Store(TaskId, Vec<Write>),
    /// A task of the audio engine; in order. Only while one is attached, except the last `Leave`.
    Media(MediaTask),
    /// A peer broke the protocol; the shell counts and disconnects at its limit.
    Penalize(NetworkKey, Fault),
}

/// What the machine says about a gossip frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: forward.
    Accept,
    /// Not for us, or too much: do not forward, no blame.
    Ignore,
    /// Visibly wrong in its bytes: do not forward, blame the sender.
    Reject,
}

/// A fault visible in the bytes that a peer sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, with values; no content.
    pub reason: String,
}
