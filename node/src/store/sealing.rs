//! How a record looks on disk: a keyed hash for its name, XChaCha20-Poly1305 for everything else.
//!
//! ```text
//! name   = first 16 bytes of BLAKE3-keyed(names key, record key)
//! sealed = nonce [24] | XChaCha20-Poly1305(values key, nonce, AD = name, key_len u32 | key | value)
//! ```
//! Names key and values key are derived from the store key. The nonce is random: 24 bytes leave room for
//! 2^80 records of one key. The name as AD binds a value to its place, so records can not be swapped. Sizes of
//! values and the number of records stay visible to who holds the file.

use bytes::Bytes;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::vault::StoreKey;

/// Bytes of a record's name on disk: a keyed hash nobody outside can aim at, 2^64 records to the first chance.
pub(super) const NAME_BYTES: usize = 16;
/// Bytes of an XChaCha20 nonce.
const NONCE_BYTES: usize = 24;

/// Names and seals records.
pub(super) struct Sealer {
    names: Zeroizing<[u8; 32]>,
    cipher: XChaCha20Poly1305,
}

/// A sealed record does not open: another key, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unsealable;

impl Sealer {
    pub(super) fn new(key: &StoreKey) -> Self {
        let values = Zeroizing::new(blake3::derive_key(
            "alloquy store values v1",
            key.as_bytes(),
        ));
        Self {
            names: Zeroizing::new(blake3::derive_key("alloquy store names v1", key.as_bytes())),
            cipher: XChaCha20Poly1305::new((&*values).into()),
        }
    }

    pub(super) fn name(&self, key: &[u8]) -> [u8; NAME_BYTES] {
        let hash = blake3::keyed_hash(&self.names, key);
        hash.as_bytes()[..NAME_BYTES]
            .try_into()
            .expect("the hash is longer than the name")
    }

    pub(super) fn seal(
        &self,
        rng: &mut impl Rng,
        name: &[u8],
        key: &[u8],
        value: &[u8],
    ) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let key_len = u32::try_from(key.len()).expect("keys are a few hundred bytes at most");
        let mut plain = Zeroizing::new(Vec::with_capacity(4 + key.len() + value.len()));
        plain.extend_from_slice(&key_len.to_le_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        let payload = Payload {
            msg: &plain,
            aad: name,
        };
        let cipher_text = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a record is far below the cipher's limit of 256 GiB");
        let mut sealed = Vec::with_capacity(NONCE_BYTES + cipher_text.len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&cipher_text);
        sealed
    }

    pub(super) fn open(&self, name: &[u8], sealed: &[u8]) -> Result<(Bytes, Bytes), Unsealable> {
        let (nonce, cipher_text) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(Unsealable)?;
        let payload = Payload {
            msg: cipher_text,
            aad: name,
        };
        let plain = Bytes::from(
            self.cipher
                .decrypt(&XNonce::from(*nonce), payload)
                .map_err(|_opaque| Unsealable)?,
        );
        let (length, rest) = plain.split_first_chunk::<4>().ok_or(Unsealable)?;
        let length =
            usize::try_from(u32::from_le_bytes(*length)).map_err(|_too_long| Unsealable)?;
        if rest.len() < length {
            return Err(Unsealable);
        }
        Ok((plain.slice(4..4 + length), plain.slice(4 + length..)))
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(..)")
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_record_opens_only_at_its_place_with_its_key_and_unchanged() {
        let sealer = Sealer::new(&StoreKey::from_bytes([1; 32]));
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let name = sealer.name(b"key");
        let sealed = sealer.seal(&mut rng, &name, b"key", b"value");
        assert_eq!(
            sealer.open(&name, &sealed),
            Ok((Bytes::from_static(b"key"), Bytes::from_static(b"value")))
        );
        assert_ne!(
            sealed,
            sealer.seal(&mut rng, &name, b"key", b"value"),
            "every sealing has a nonce of its own"
        );

        assert_eq!(
            sealer.open(&sealer.name(b"other"), &sealed),
            Err(Unsealable)
        );
        assert_eq!(
            Sealer::new(&StoreKey::from_bytes([2; 32])).open(&name, &sealed),
            Err(Unsealable)
        );
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(sealer.open(&name, &changed), Err(Unsealable));
            assert_eq!(sealer.open(&name, &sealed[..at]), Err(Unsealable));
        }
    }
}
