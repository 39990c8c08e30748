//! Signing keys of devices, networks, invites and recovery, and the checks of public keys.
//!
//! Ed25519 (RFC 8032, strict) signs, X25519 (RFC 7748) receives wraps. A public key has one byte form here: weak
//! keys and other spellings of a key never verify and are never wrapped to. See docs/protocol.md, "Accounts".

use alloquy_ids::DeviceId;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, Serializable};

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

/// Strict Ed25519 verification: no weak keys, no small-order points, canonical keys and scalars only.
#[must_use]
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    if !ed25519_key_holds(public) {
        return false;
    }
    VerifyingKey::from_bytes(public)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

/// Whether the bytes are the one form of an Ed25519 public key that is not of small order.
///
/// The library takes a `y` of p or more too; two spellings of one key would be two devices.
#[must_use]
pub fn ed25519_key_holds(public: &[u8; 32]) -> bool {
    below_p(public) && VerifyingKey::from_bytes(public).is_ok_and(|key| !key.is_weak())
}

/// Whether the bytes are the one form of an X25519 public key that is not of small order (RFC 7748 section 6.1):
/// with such a key every shared secret would be zero.
#[must_use]
pub fn x25519_key_holds(public: &[u8; 32]) -> bool {
    public[31] & 0x80 == 0 && below_p(public) && !X25519_SMALL_ORDER.contains(public)
}

/// The X25519 public key of a secret (clamped, RFC 7748 section 5).
#[must_use]
pub fn x25519_public(secret: &[u8; 32]) -> [u8; 32] {
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are an X25519 secret");
    X25519HkdfSha256::sk_to_pk(&secret).to_bytes().into()
}

/// The canonical `u` coordinates of small order on Curve25519 and its twist: 0, 1, two of order 8, p - 1.
const X25519_SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d,
        0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c,
        0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ],
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
];

/// Whether the lower 255 bits, little-endian, are below p = 2^255 - 19.
fn below_p(bytes: &[u8; 32]) -> bool {
    let high = bytes[31] & 0x7f == 0x7f && bytes[1..31].iter().all(|byte| *byte == 0xff);
    !(high && bytes[0] >= 0xed)
}
