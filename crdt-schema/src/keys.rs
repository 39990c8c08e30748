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

/// Says whether signatures hold. [`Strict`] does the work; whatever is put in its place says the same and may only
/// remember what was said, as the simulator does for nodes that are all handed one event.
pub trait Signatures: std::fmt::Debug + Send + Sync {
    /// Whether the signature of `public` over `message` holds, by the rules of [`verify`].
    fn hold(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}

/// Checks each signature whenever it is asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strict;

impl Signatures for Strict {
    fn hold(&self, public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        verify(public, message, signature)
    }
}

/// Strict Ed25519 verification: no weak keys, no small-order points, canonical keys and scalars only.
#[must_use]
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    // The library's strict check refuses weak keys; that a key has one spelling is left to us.
    below_p(public)
        && VerifyingKey::from_bytes(public).is_ok_and(|key| {
            key.verify_strict(message, &Signature::from_bytes(signature))
                .is_ok()
        })
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
    let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret)
        .expect("any 32 bytes are an X25519 secret");
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
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
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

#[cfg(test)]
mod tests {
    use alloquy_ids::EpochId;
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::epoch::{EpochKey, wrap};

    fn key(hex: &str) -> [u8; 32] {
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        std::array::from_fn(byte)
    }

    /// p = 2^255 - 19, little-endian, plus a small number.
    fn p_plus(small: u8) -> [u8; 32] {
        let mut p = [0xff; 32];
        p[0] = 0xed + small;
        p[31] = 0x7f;
        p
    }

    /// RFC 7748 section 6.1.
    #[test]
    fn x25519_gives_the_known_public_key() {
        let secret = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let public = key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        assert_eq!(x25519_public(&secret), public);
        assert!(x25519_key_holds(&public));
    }

    #[test]
    fn weak_and_respelled_x25519_keys_are_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for weak in X25519_SMALL_ORDER {
            assert!(!x25519_key_holds(&weak));
            let empty = wrap(
                EpochId([1; 32]),
                &EpochKey::Secret([1; 32]),
                &weak,
                &mut rng,
            );
            assert!(
                empty.sealed.is_empty(),
                "{weak:?} gives a shared secret of zero"
            );
        }
        let public = x25519_public(&[7; 32]);
        let mut high = public;
        high[31] |= 0x80;
        assert!(x25519_key_holds(&public) && !x25519_key_holds(&high));
        assert!(
            (0..=18).all(|small| !x25519_key_holds(&p_plus(small))),
            "u of p or more"
        );
    }

    /// RFC 8032 section 7.1, test 1.
    #[test]
    fn ed25519_gives_the_known_signature() {
        let device = DeviceKey::from_seed(&key(
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        ));
        let public = key("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(device.public(), public);
        let signature = device.sign(b"");
        assert_eq!(
            signature[..32],
            key("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")
        );
        assert!(verify(&public, b"", &signature));
        assert!(!verify(&public, b"x", &signature));
        assert_eq!(DeviceKey::from_seed(&device.seed()).id(), device.id());
        assert_eq!(
            format!("{device:?}"),
            format!("DeviceKey({})", device.id().short())
        );
    }

    #[test]
    fn a_signature_has_one_form() {
        // The order of the group, little-endian: S + L verifies in the same equation as S.
        let order = key("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let device = DeviceKey::from_seed(&[1; 32]);
        let mut signature = device.sign(b"message");
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(carry, 0, "S + L fits 32 bytes");
        assert!(!verify(&device.public(), b"message", &signature));
    }

    #[test]
    fn weak_and_respelled_ed25519_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut minus_one = p_plus(0);
        minus_one[0] -= 1;
        // With a key of order 1, R = identity and S = 0 hold for every message in the plain equation.
        let mut signature = [0; 64];
        signature[0] = 1;
        for weak in [identity, minus_one, [0; 32], p_plus(0), p_plus(1)] {
            assert!(!ed25519_key_holds(&weak));
            assert!(!verify(&weak, b"message", &signature), "{weak:?}");
        }
        // y = 3 is on the curve, and p + 3 is another spelling that the library takes.
        let spellings: Vec<_> = (0..19)
            .map(p_plus)
            .filter(|key| VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak()))
            .collect();
        assert!(!spellings.is_empty(), "the check is needed");
        assert!(spellings.iter().all(|key| !ed25519_key_holds(key)));
        assert!(ed25519_key_holds(&DeviceKey::from_seed(&[1; 32]).public()));
    }
}
