//! The contract between faces and the node: commands in, events and snapshots out, all plain data.
//!
//! Window, command line, gateways, bots and tests change the world only by [`Command`] and see it only by
//! [`Event`], [`Reply`] and [`Snapshot`] (invariant I5). Nothing here does IO.

pub mod client;
pub mod command;
pub mod event;
pub mod line;
pub mod reply;
pub mod snapshot;

pub use client::{Busy, Client};
pub use command::{Command, CommandId};
pub use event::Event;
pub use reply::{CommandError, ErrorCode, Reply};
pub use snapshot::Snapshot;
