//! The local socket: JSON lines over a Unix socket of mode 0600 in the data directory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alloquy_api::{Busy, Client, Command, CommandError, CommandId, Event, Reply, Snapshot};

use alloquy_api::rpc::StatusReport;

/// A client of a node that another process runs. Blocking calls with a bound; needs no runtime.
///
/// A stale socket, a node that ends and a node that was killed in mid-request are `not_running` at once.
#[derive(Debug)]
pub struct RpcClient {}

impl RpcClient {
    /// Connects to the node of a data directory.
    ///
    /// # Errors
    /// `not_running`; `version` when the node speaks another version; `storage` when the socket may not be opened.
    pub fn connect(data_dir: &Path) -> Result<Self, CommandError> {
        todo!("{}", data_dir.display())
    }

    /// Hands `command` in and waits for its outcome; other events are kept for [`RpcClient::wait_event`].
    ///
    /// # Errors
    /// The command's own; `timeout` after `wait`; `not_running`.
    pub fn call(&mut self, command: Command, wait: Duration) -> Result<Reply, CommandError> {
        todo!("{command:?} {wait:?}")
    }

    /// The node's state.
    ///
    /// # Errors
    /// `timeout` after `wait`; `not_running`.
    pub fn status(&mut self, wait: Duration) -> Result<StatusReport, CommandError> {
        todo!("{wait:?}")
    }

    /// Waits for the next event at most `wait`; `Ok(None)` when none came.
    ///
    /// # Errors
    /// `not_running` when the node has gone.
    pub fn wait_event(&mut self, wait: Duration) -> Result<Option<Event>, CommandError> {
        todo!("{wait:?}")
    }
}

impl Client for RpcClient {
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
