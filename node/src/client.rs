//! A client in the node's own process.

use std::sync::Arc;
use std::time::Duration;

use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};

/// A client of a node in this process; several may exist, each sees its own outcomes.
#[derive(Debug)]
pub struct NodeHandle {}

impl NodeHandle {
    /// The next event, as soon as there is one; `None` when the node has ended.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn event(&mut self) -> Option<Event> {
        todo!()
    }

    /// Hands `command` in and waits for its outcome; other events are kept for [`NodeHandle::event`].
    ///
    /// # Errors
    /// The command's own; `busy`; `timeout` after `wait`; `not_running` when the node has ended.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn call(&mut self, command: Command, wait: Duration) -> Result<Reply, CommandError> {
        todo!("{command:?} {wait:?}")
    }
}

impl Client for NodeHandle {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        todo!("{command:?}")
    }

    fn next_event(&mut self) -> Option<Event> {
        todo!()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        todo!()
    }
}
