//! The one way in: a handle bound to one acting account.

use std::sync::Arc;

use crate::{Command, CommandError, CommandId, Event, Snapshot};

/// The queue to the node is full; the command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is busy: {waiting} commands wait")]
pub struct Busy {
    /// Commands waiting.
    pub waiting: usize,
}

/// A node as a face sees it. Never blocks.
pub trait Client {
    /// Hands a command in; its outcome comes as [`Event::Done`].
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy>;
    /// The next event, if one is waiting.
    fn next_event(&mut self) -> Option<Event>;
    /// The present state, cheap to clone.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Why the node answers no more, once it does not.
    fn ended(&self) -> Option<CommandError>;
}
