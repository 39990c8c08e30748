//! The tokio shell around the sans-IO core: network, store, at-rest key, local socket, driver.
//!
//! ```text
//!  NodeHandle, RpcServer -> driver (one loop, owns the core) -> network (libp2p swarm task)
//!                                                            -> store   (one writer thread, redb)
//! ```
//! Everything that blocks or fails lives here; everything that decides lives in `alloquy-core`. The
//! driver feeds the core one input at a time and carries out every output before the next.
//!
//! Entry points: [`init`] makes an account in a data directory, [`link()`] and [`restore`] bring one there, [`run`] serves it until told to stop,
//! [`start`] does the same for a program that wants a [`NodeHandle`] of its own, [`RpcClient`] talks to
//! a node that another process runs, [`doctor`] looks at a data directory from outside.
//!
//! Deliberately not here: rules of any kind (validity, admission, delivery), text for people other than
//! error sentences, and any server that the person did not name.

pub mod client;
pub mod config;
mod connections;
pub mod data_dir;
pub mod doctor;
pub(crate) mod driver;
mod entropy;
pub mod error;
pub mod home;
pub mod init;
pub mod link;
pub mod media;
pub mod memory;
pub mod network;
pub mod node;
pub mod rpc;
pub mod store;
mod turn;
pub mod vault;

pub use alloquy_relay::Pass;
pub use client::{Changes, NodeHandle};
pub use config::NodeConfig;
pub use doctor::doctor;
pub use error::{InitError, RunError};
pub use home::HomeConfig;
pub use init::{Initialised, RecoveryWords, init};
pub use link::{OtherDevices, Recovering, link, restore};
pub use media::MediaPort;
pub use node::{Running, run, start};
pub use rpc::RpcClient;
pub use vault::{KeyOrigin, KeySource, Passphrase};

#[cfg(test)]
mod tests;
