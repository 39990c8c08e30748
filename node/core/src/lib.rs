//! The node as a machine without IO: same inputs, same outputs.

pub mod io;
pub mod limits;

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_ids::{AccountId, DeviceId, MonoMs};
use bytes::Bytes;
use rand_core::CryptoRng;

pub use io::{Fault, GossipId, Input, Now, Origin, Output, StorageError, TaskId, Topic, Verdict, Write};

/// The node. See [`io`] for the contract.
#[derive(Debug)]
pub struct Node<R> {
    rng: R,
}

/// The records of a new account, to be written before the first start, and its recovery words.
#[derive(Debug)]
pub struct Founded {
    /// The first records of the store.
    pub writes: Vec<Write>,
    /// The network key's Ed25519 seed, for the shell's libp2p identity.
    pub network_seed: [u8; 32],
    pub account: AccountId,
    /// 12 BIP-39 words, shown once.
    pub recovery_words: String,
}

/// The store holds something that this node can not start from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// No account was made here.
    #[error("the store holds no account")]
    NoAccount,
    /// A record does not decode.
    #[error("record {key} of the store is damaged: {reason}")]
    Damaged { key: String, reason: String },
    /// The store was written by another version of the format.
    #[error("the store has format {found}, this program reads {expected}")]
    Version { found: u32, expected: u32 },
}

/// Makes an account named `name`.
pub fn found(name: &str, now: Now, rng: &mut impl CryptoRng) -> Result<Founded, alloquy_api::CommandError> { todo!() }

impl<R: CryptoRng> Node<R> {
    /// Starts from all records of the store. `nonce`: differs when the store was copied or restored
    /// (machine id and a random value outside the store); a difference from the recorded one starts new incarnations.
    pub fn restore(records: impl Iterator<Item = (Bytes, Bytes)>, nonce: [u8; 32], now: Now, rng: R) -> Result<Self, RestoreError> { todo!() }
    pub fn network_seed(&self) -> [u8; 32] { todo!() }
    pub fn account(&self) -> AccountId { todo!() }
    pub fn device(&self) -> DeviceId { todo!() }
    pub fn handle(&mut self, now: Now, input: Input) { todo!() }
    pub fn poll_output(&mut self) -> Option<Output> { todo!() }
    pub fn poll_timeout(&self) -> Option<MonoMs> { todo!() }
    pub fn snapshot(&self) -> Arc<Snapshot> { todo!() }
}
