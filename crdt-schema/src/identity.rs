//! Accounts: the identity log, prekey records and recovery words.
//!
//! Genesis names the first device, its network key, the hash of the recovery signing key and the recovery
//! wrap key. Later operations (devices, revocations, key changes) extend the log without a new format.

use alloquy_ids::{AccountId, DeviceId, NetworkKey};
use rand_core::CryptoRng;

use crate::event::{SignedEvent, VerifiedEvent};
use crate::keys::DeviceKey;

/// Body of an identity event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityOp {
    /// Makes the account; the event's id is the account's. Signed by `device` (the header's device).
    Genesis {
        /// Makes two accounts of one device differ.
        nonce: [u8; 16],
        /// The first device's network key and the key's proof that it belongs to the device.
        network: NetworkCertificate,
        /// BLAKE3-derived hash of the Ed25519 recovery signing key.
        recovery_commitment: [u8; 32],
        /// X25519 key to which epoch secrets of `all` scopes are also wrapped.
        recovery_wrap_key: [u8; 32],
    },
    /// An operation of a later level: kept, without effect.
    Unknown { tag: u8, bytes: Vec<u8> },
}

/// A network key, bound to a device by signatures of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCertificate {
    /// The key behind the libp2p `PeerId`.
    pub key: NetworkKey,
    /// By the network key over the device id.
    pub signature: [u8; 64],
}

/// A device's current prekey; the highest counter wins. Not an event: signed on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrekeyRecord {
    /// The device.
    pub device: DeviceId,
    /// Rises with each replacement.
    pub counter: u64,
    /// X25519 public key.
    pub key: [u8; 32],
    /// By the device.
    pub signature: [u8; 64],
}

/// An account as its evaluated identity log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub account: AccountId,
    /// Devices that may act: (device, network keys).
    pub devices: std::collections::BTreeMap<DeviceId, Vec<NetworkKey>>,
    pub recovery_commitment: [u8; 32],
    pub recovery_wrap_key: [u8; 32],
}

/// Why an identity chain is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    #[error("an identity log starts with a genesis")]
    NoGenesis,
    #[error("identity event {position} does not hold: {reason}")]
    Event { position: usize, reason: String },
    #[error("{count} identity events, the limit is {limit}")]
    TooMany { count: usize, limit: usize },
}

/// Evaluates a chain of identity events, genesis first. Pure; verifies every signature.
pub fn evaluate(chain: &[SignedEvent]) -> Result<Identity, IdentityError> {
    todo!()
}

/// The secrets of a new account. Zeroed when dropped.
pub struct NewAccount {
    /// The device key.
    pub device: DeviceKey,
    /// The network key's seed (Ed25519).
    pub network_seed: [u8; 32],
    /// The identity genesis, signed.
    pub genesis: SignedEvent,
    /// 12 BIP-39 words (English), to be shown once.
    pub recovery_words: String,
}

/// Makes an account with its first device.
pub fn create(wall: alloquy_ids::UnixMs, rng: &mut impl CryptoRng) -> NewAccount {
    todo!()
}

/// A prekey pair: the record to publish and the secret to keep.
pub fn new_prekey(device: &DeviceKey, counter: u64, rng: &mut impl CryptoRng) -> (PrekeyRecord, [u8; 32]) {
    todo!()
}

impl PrekeyRecord {
    /// Whether the device's signature holds.
    #[must_use]
    pub fn verify(&self) -> bool {
        todo!()
    }
}
