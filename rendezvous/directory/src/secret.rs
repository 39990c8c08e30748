//! What is kept of passwords: enough to recognise one, not enough to have it.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::limits::{MEMORY_KIB, PASSES, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, SCRAM_ROUNDS};

/// Why a text is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters")]
    Short,
    /// Too many bytes.
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
}

/// What is kept of a password. Made outside of any lock: it takes 19 MiB and some ten milliseconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    salt: [u8; 16],
    memory_kib: u32,
    passes: u32,
    hash: [u8; 32],
    pub(crate) scram: ScramKept,
}

/// What SCRAM-SHA-256 keeps of a password (RFC 5802, section 3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScramKept {
    pub(crate) salt: [u8; 16],
    pub(crate) rounds: u32,
    pub(crate) stored_key: [u8; 32],
    pub(crate) server_key: [u8; 32],
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept(..)")
    }
}

impl fmt::Debug for ScramKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKept(..)")
    }
}

impl Kept {
    /// Stretches a new password.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub fn of(password: &str, rng: &mut impl CryptoRng) -> Result<Self, PasswordError> {
        Self::may_be(password)?;
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let scram = ScramKept::of(password, rng);
        let mut kept = Self {
            salt,
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            hash: [0; 32],
            scram,
        };
        kept.hash = *kept.stretch(password);
        Ok(kept)
    }

    /// Whether a password may be an account's, told before the expensive part.
    ///
    /// # Errors
    /// See [`PasswordError`].
    pub fn may_be(password: &str) -> Result<(), PasswordError> {
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordError::Short);
        }
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::Long);
        }
        Ok(())
    }

    /// What stands where there is no account: nothing fits it, and finding that out takes as long.
    pub(crate) fn of_nobody(secret: &[u8; 32], name: &str) -> Self {
        Self {
            salt: [0; 16],
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            hash: [0; 32],
            scram: ScramKept::of_nobody(secret, name),
        }
    }

    /// Whether it is this password's. Takes as long as [`Self::of`].
    #[must_use]
    pub fn fits(&self, password: &str) -> bool {
        // A longer one is nobody's; it costs no more than the longest.
        let end = password.floor_char_boundary(PASSWORD_BYTES_MAX + 1);
        equal(&self.stretch(&password[..end]), &self.hash)
    }

    fn stretch(&self, password: &str) -> Zeroizing<[u8; 32]> {
        let mut hash = Zeroizing::new([0; 32]);
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32));
        let stretched = params.and_then(|params| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                password.as_bytes(),
                &self.salt,
                hash.as_mut(),
            )
        });
        if stretched.is_err() {
            // Parameters of a damaged record: then no password fits, the empty one either.
            for (place, byte) in hash.iter_mut().zip(self.hash) {
                *place = !byte;
            }
        }
        hash
    }
}

impl ScramKept {
    fn of(password: &str, rng: &mut impl CryptoRng) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        Self::with(password, salt, SCRAM_ROUNDS)
    }

    pub(crate) fn with(password: &str, salt: [u8; 16], rounds: u32) -> Self {
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, rounds, salted.as_mut());
        let client_key = Zeroizing::new(mac(&*salted, b"Client Key"));
        Self {
            salt,
            rounds,
            stored_key: Sha256::digest(*client_key).into(),
            server_key: mac(&*salted, b"Server Key"),
        }
    }

    /// As if there were an account, the same each time somebody asks.
    fn of_nobody(secret: &[u8; 32], name: &str) -> Self {
        let hash = *blake3::keyed_hash(secret, name.as_bytes()).as_bytes();
        let mut salt = [0; 16];
        salt.copy_from_slice(&hash[..16]);
        Self {
            salt,
            rounds: SCRAM_ROUNDS,
            stored_key: mac(&hash, b"stored"),
            server_key: mac(&hash, b"server"),
        }
    }
}

pub(crate) fn mac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// In a time that tells nothing of where they differ.
pub(crate) fn equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    // This comparison takes constant time, by its documentation.
    blake3::Hash::from_bytes(*one) == blake3::Hash::from_bytes(*other)
}

/// How an app password begins: it is recognised by its shape, so that only it is looked up without stretching.
const TOKEN_PREFIX: &str = "alq-";
/// Random bytes of an app password: nobody guesses 160 bits, so its hash needs no stretching.
const TOKEN_BYTES: usize = 20;

/// A new app password, shown once.
pub(crate) fn token(rng: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
    rng.fill_bytes(bytes.as_mut());
    let letters = Zeroizing::new(BASE32_NOPAD.encode(&*bytes).to_ascii_lowercase());
    Zeroizing::new(format!("{TOKEN_PREFIX}{}", &*letters))
}

/// What an app password is found by; `None`: a text of another shape.
pub(crate) fn token_hash(text: &str) -> Option<[u8; 32]> {
    let letters = text.strip_prefix(TOKEN_PREFIX)?;
    let shaped = letters.len() == TOKEN_BYTES * 8 / 5
        && letters
            .bytes()
            .all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7'));
    shaped.then(|| *blake3::hash(text.as_bytes()).as_bytes())
}
