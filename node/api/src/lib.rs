//! The contract between faces and the node: commands in, events and snapshots out, all plain data.
//!
//! Window, command line, gateways, bots and tests change the world only by [`Command`] and see it only by
//! [`Event`], [`Reply`] and [`Snapshot`] (invariant I5). Every command that a person can give has one
//! canonical line ([`line`]); a second process reaches a running node by the lines of [`rpc`].
//! Nothing here does IO, reads a clock or resolves a name.

pub mod client;
pub mod command;
mod delivery;
pub mod embed;
pub mod event;
pub mod limits;
pub mod line;
mod message;
pub mod moderation;
pub mod nearby;
pub mod pages;
pub mod personal;
pub mod reach;
pub mod reply;
pub mod report;
pub mod rpc;
pub mod snapshot;
pub mod voice;

pub use client::{Busy, Client};
pub use command::{Command, CommandId};
pub use embed::Embed;
pub use event::Event;
pub use personal::PersonalCommand;
pub use reply::{CommandError, ErrorBody, ErrorCode, Reply};
pub use snapshot::Snapshot;
pub use voice::VoiceCommand;
