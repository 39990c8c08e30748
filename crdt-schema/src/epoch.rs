//! Encryption epochs: secrets, sealing of bodies, links to older epochs, HPKE wraps, gossip keys.
//!
//! A holder of READ_HISTORY holds the *link key* `L`; everybody else the *secret* `E = derive(L)`.
//! See docs/protocol.md, "Encryption".

use alloquy_ids::{EpochId, EventId, ScopeId};
use rand_core::CryptoRng;

use crate::event::{Header, LogId};

/// Key material of one epoch, as this device holds it. Zeroed when dropped; never printed.
#[derive(Clone, PartialEq, Eq)]
pub enum EpochKey {
    /// The link key: opens this epoch and, by links, its parents.
    Link([u8; 32]),
    /// The secret only: opens this epoch.
    Secret([u8; 32]),
}

impl EpochKey {
    pub fn generate(rng: &mut impl CryptoRng) -> Self { todo!() }
    /// The epoch secret `E`.
    pub fn secret(&self) -> EpochSecret { todo!() }
}

/// The secret of one epoch.
#[derive(Clone, PartialEq, Eq)]
pub struct EpochSecret(pub(crate) [u8; 32]);

impl EpochSecret {
    /// The commitment that an announcement publishes.
    pub fn commit(&self, key_scope: ScopeId, parents: &[EpochId]) -> [u8; 32] { todo!() }
    /// Key of the scope's gossip topic and frames.
    pub fn gossip_key(&self) -> GossipKey { todo!() }
    /// Commitment to a padded plaintext at a position (log, seq).
    pub fn body_commit(&self, log: &LogId, seq: u64, padded: &[u8]) -> [u8; 32] { todo!() }
    /// Ciphertext of a padded plaintext. Deterministic: key from the log, nonce from the id.
    pub fn seal_body(&self, header: &Header, padded: &[u8]) -> Vec<u8> { todo!() }
    /// Plaintext without padding, checked against the header's commitment. `None`: body missing.
    pub fn open_body(&self, header: &Header, ciphertext: &[u8]) -> Option<Vec<u8>> { todo!() }
}

/// Pads a body to 32, 64, 128, ... bytes: 0x80, then zeros.
pub fn pad(body: &[u8]) -> Vec<u8> { todo!() }
/// Removes the padding; `None` if it is not canonical.
pub fn unpad(padded: &[u8]) -> Option<&[u8]> { todo!() }

/// Key of a gossip topic: names it and seals its frames.
#[derive(Clone, PartialEq, Eq)]
pub struct GossipKey(pub(crate) [u8; 32]);

impl GossipKey {
    /// The topic's name on the wire.
    pub fn topic(&self) -> [u8; 32] { todo!() }
    /// Nonce (24 random bytes) and ciphertext.
    pub fn seal(&self, frame: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> { todo!() }
    /// The frame; `None` when it was not sealed under this key.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> { todo!() }
}

/// Seals a parent's key material under a key from `child`'s link key.
pub fn seal_link(child: &EpochKey, child_commit: &[u8; 32], parent: &EpochKey) -> Option<Vec<u8>> { todo!() }
/// Opens a link; `None` if `child` is not a link key or the link does not open.
pub fn open_link(child: &EpochKey, child_commit: &[u8; 32], sealed: &[u8]) -> Option<EpochKey> { todo!() }

/// An epoch's key material, encrypted to one X25519 key (HPKE base mode, X25519 / HKDF-SHA256 / ChaCha20-Poly1305).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrap {
    /// The recipient's X25519 public key (prekey or recovery wrap key).
    pub to: [u8; 32],
    /// HPKE encapsulated key.
    pub enc: [u8; 32],
    /// Ciphertext: one tag byte (link or secret), 32 bytes of key, 16 of tag.
    pub sealed: Vec<u8>,
}

/// Wraps key material of `epoch` to an X25519 public key.
pub fn wrap(epoch: EpochId, key: &EpochKey, to: &[u8; 32], rng: &mut impl CryptoRng) -> Wrap { todo!() }
/// Opens a wrap with the recipient's X25519 secret. The caller checks it against the announced commitment.
pub fn unwrap(epoch: EpochId, wrap: &Wrap, secret: &[u8; 32]) -> Option<EpochKey> { todo!() }
