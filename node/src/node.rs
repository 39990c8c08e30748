//! Starting, serving and ending a node.

use std::future::Future;

use alloquy_api::rpc::StatusReport;

use crate::client::NodeHandle;
use crate::config::NodeConfig;
use crate::error::RunError;

/// A node that serves in this process. Dropping it ends the node without waiting.
#[derive(Debug)]
pub struct Running {}

impl Running {
    /// A new client of the node.
    #[must_use]
    pub fn handle(&self) -> NodeHandle {
        todo!()
    }

    /// The node's state now.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        todo!()
    }

    /// Says goodbye to peers, commits what is under way, closes the store.
    ///
    /// # Errors
    /// The node had ended by a fault before.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn shutdown(self) -> Result<(), RunError> {
        todo!()
    }

    /// Waits until the node ends by itself: only by a fault.
    #[expect(clippy::unused_async, reason = "the body follows")]
    pub async fn ended(&mut self) -> RunError {
        todo!()
    }
}

/// Opens the store, restores the core, listens, and serves from then on. Needs a multi-thread runtime.
///
/// # Errors
/// See [`RunError`].
#[expect(clippy::unused_async, reason = "the body follows")]
pub async fn start(config: NodeConfig) -> Result<Running, RunError> {
    todo!("{config:?}")
}

/// [`start`], then `ready` once, then serves until `shutdown` resolves or the node fails.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    config: NodeConfig,
    ready: impl FnOnce(&Running),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let mut running = start(config).await?;
    ready(&running);
    tokio::select! {
        () = shutdown => running.shutdown().await,
        error = running.ended() => Err(error),
    }
}
