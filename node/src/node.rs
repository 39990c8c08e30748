//! Starting, serving and ending a node.

use std::future::Future;

use alloquy_ids::{AccountId, DeviceId};
use serde::{Deserialize, Serialize};

use crate::client::NodeHandle;
use crate::config::NodeConfig;
use crate::error::RunError;
use crate::vault::KeyOrigin;

/// What a running node says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whether commands are served.
    pub ready: bool,
    /// Process id of the node.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// Own addresses, as multiaddrs with `/p2p`.
    pub listen: Vec<String>,
    /// Whether mDNS is on.
    pub mdns: bool,
    /// Connected peers.
    pub peers: Vec<PeerStatus>,
    /// Where the at-rest key came from.
    pub key: KeyOrigin,
    /// Why the store can not be written now, if it can not.
    pub storage_error: Option<String>,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its network key.
    pub key: alloquy_ids::NetworkKey,
    /// Its libp2p name.
    pub peer_id: String,
    /// Remote address of each connection.
    pub paths: Vec<String>,
}

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
    pub fn status(&self) -> Status {
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
