//! Signing keys of devices, networks, invites and recovery.

use alloquy_ids::DeviceId;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

/// The Ed25519 key of a device (or of an invite, or of recovery). Zeroed when dropped, never printed.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKey({})", self.id().short())
    }
}

impl DeviceKey {
    /// The key of a 32-byte seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }
    /// The seed, for the sealed store only.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }
    /// The public half as a device id.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }
    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
    /// Signs `message` as it is; every caller prefixes its own domain string.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Strict Ed25519 verification (no small-order keys or points, canonical scalars); weak keys never verify.
#[must_use]
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public)
        .is_ok_and(|key| !key.is_weak() && key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}
