//! `vault.json`: how the store key is locked.
//!
//! JSON with a version, binary values in base32, so that a person can see what locks the store. A
//! passphrase's seal is XChaCha20-Poly1305 under Argon2id(passphrase, salt) with AD "alloquy vault v1".

use alloquy_ids::{from_base32, to_base32};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyOrigin, StoreKey};

/// Version of the file.
const VERSION: u32 = 1;
/// Argon2id memory: 64 MiB, the second recommendation of RFC 9106 section 4.
const MEMORY_KIB: u32 = 64 * 1024;
/// Argon2id passes: 3, the same recommendation.
const PASSES: u32 = 3;
/// Argon2id lanes: 1, because the passes run on one thread here.
const LANES: u32 = 1;
/// What a file may ask for at most, so that a damaged one can not take all memory: 1 GiB.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// What a file may ask for at most in passes.
const PASSES_MAX: u32 = 64;
/// Associated data of the seal.
const SEAL_CONTEXT: &[u8] = b"alloquy vault v1";

/// The file does not say how the key is locked.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error("it is no vault: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has version {0}, this program reads {VERSION}")]
    Version(u32),
    #[error("{0} does not decode")]
    Value(&'static str),
    #[error("its Argon2 parameters are out of bounds: {0}")]
    Params(String),
}

/// The whole file.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    #[serde(flatten)]
    lock: Lock,
    /// Recognises the store key.
    check: String,
    #[serde(skip)]
    check_bytes: [u8; 16],
}

/// What locks the key.
#[derive(Serialize, Deserialize)]
#[serde(tag = "lock", rename_all = "kebab-case")]
pub(super) enum Lock {
    Passphrase(Sealed),
    Keychain { entry: String },
    KeyFile,
}

/// A store key under a passphrase.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

impl Record {
    pub(super) fn new(lock: Lock, check: [u8; 16]) -> Self {
        Self {
            version: VERSION,
            lock,
            check: to_base32(&check),
            check_bytes: check,
        }
    }

    pub(super) fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(super) fn check(&self) -> [u8; 16] {
        self.check_bytes
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("strings and numbers always serialise");
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut record: Self = serde_json::from_slice(bytes)?;
        if record.version != VERSION {
            return Err(RecordError::Version(record.version));
        }
        record.check_bytes = decode(&record.check, "check")?;
        Ok(record)
    }
}

impl Lock {
    pub(super) fn origin(&self) -> KeyOrigin {
        match self {
            Self::Passphrase(_) => KeyOrigin::Passphrase,
            Self::Keychain { .. } => KeyOrigin::Keychain,
            Self::KeyFile => KeyOrigin::KeyFile,
        }
    }

    pub(super) fn seal(key: &StoreKey, passphrase: &[u8], rng: &mut impl Rng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut sealed = Sealed {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: to_base32(&salt),
            nonce: to_base32(&nonce),
            sealed: String::new(),
        };
        let cipher = sealed
            .cipher(passphrase)
            .expect("our own parameters are within bounds");
        let payload = Payload {
            msg: key.as_bytes(),
            aad: SEAL_CONTEXT,
        };
        let bytes = cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("32 bytes are within the cipher's limit");
        sealed.sealed = to_base32(&bytes);
        Self::Passphrase(sealed)
    }
}

impl Sealed {
    /// `Ok(None)`: the passphrase is another one.
    pub(super) fn open(&self, passphrase: &[u8]) -> Result<Option<StoreKey>, RecordError> {
        let nonce: [u8; 24] = decode(&self.nonce, "nonce")?;
        let sealed: [u8; 48] = decode(&self.sealed, "sealed")?;
        let cipher = self.cipher(passphrase)?;
        let payload = Payload {
            msg: &sealed,
            aad: SEAL_CONTEXT,
        };
        let opened = cipher
            .decrypt(&XNonce::from(nonce), payload)
            .ok()
            .map(Zeroizing::new);
        Ok(opened.and_then(|bytes| StoreKey::from_slice(&bytes)))
    }

    fn cipher(&self, passphrase: &[u8]) -> Result<XChaCha20Poly1305, RecordError> {
        if self.memory_kib > MEMORY_KIB_MAX || self.passes > PASSES_MAX {
            return Err(RecordError::Params(format!(
                "{} KiB, {} passes",
                self.memory_kib, self.passes
            )));
        }
        let salt: [u8; 16] = decode(&self.salt, "salt")?;
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|error| RecordError::Params(error.to_string()))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &salt, key.as_mut())
            .map_err(|error| RecordError::Params(error.to_string()))?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}

fn decode<const N: usize>(text: &str, name: &'static str) -> Result<[u8; N], RecordError> {
    from_base32(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(RecordError::Value(name))
}
