//! The node as a machine without IO: same inputs, same outputs.
//!
//! [`Node`] owns an account's communities: their logs, keys, peers and timers. The shell feeds it
//! [`Input`]s and carries out its [`Output`]s; see [`io`] for the contract. Protocol: docs/protocol.md.
//!
//! Invariants: nothing own is public before it is durable (I8); remote input never fails or panics, a
//! peer's fault is an output (I4); every queue has a maximum in [`limits`] (I7); same inputs, same outputs (I1).
//!
//! Deliberately absent: sockets, files, clocks, entropy of its own, and every form of text for people but
//! the sentences of errors and of the audit log.

mod arrive;
mod author;
mod command;
mod community;
mod deleted;
mod devices;
mod direct;
mod epochs;
mod gossip;
mod history;
mod home;
mod ingest;
pub mod io;
mod join;
pub mod limits;
mod link;
mod membership;
mod missing;
mod nearby;
mod newcomer;
mod newest;
mod node;
mod outbox;
mod own_document;
mod peers;
mod prekeys;
mod presence;
mod receipts;
mod record;
mod recover;
mod restore;
mod snapshot;
mod sync;
mod take;
mod turn;
mod unread;
mod unwritten;
mod views;
mod voice;
mod waiting;
mod wire;
mod words;

pub use io::{
    Fault, GossipId, Input, Now, Origin, Output, StorageError, TaskId, Topic, Verdict, Write,
};
pub use newcomer::{Newcomer, OtherDevices, Settled, link_peers};
pub use node::{Founded, Node, found, found_home};
pub use restore::RestoreError;
pub use snapshot::Snapshots;
pub use turn::{TurnDesk, TurnGrant};
