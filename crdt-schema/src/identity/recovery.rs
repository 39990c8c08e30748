//! Recovery words: 12 English BIP-39 words (128 bits and a 4-bit checksum) and the keys that come from them.
//!
//! Both keys are derived from the words' *entropy*, each with its own context; BIP-39's password stretching
//! is not used, because 128 random bits need none. Genesis holds the hash of the signing key, so that its first
//! use reveals it, and the wrap key in clear, so that everybody can wrap to it. Each use of the words takes the
//! next signing key of a sequence, so that the same words serve again (docs/protocol.md, "Accounts").

use bip39::{Language, Mnemonic};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::Identity;
use crate::hash::derive;
use crate::keys::{DeviceKey, x25519_public};

/// Words of a recovery phrase.
pub const RECOVERY_WORDS: usize = 12;

/// Bytes of entropy behind the words (BIP-39: 128 bits give 12 words).
const ENTROPY_BYTES: usize = 16;

/// The secrets of recovery words that were used so often. Zeroed when dropped.
pub struct RecoveryKeys {
    /// Signs a recovery; genesis, or the recovery before, holds its hash.
    pub signing: DeviceKey,
    /// X25519 secret that opens wraps to the recovery wrap key.
    pub wrap_secret: Zeroizing<[u8; 32]>,
}

impl RecoveryKeys {
    /// What genesis says about the signing key.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        commitment_of(&self.signing.public())
    }

    /// The X25519 public key that genesis names.
    #[must_use]
    pub fn wrap_key(&self) -> [u8; 32] {
        x25519_public(&self.wrap_secret)
    }
}

/// What stands for a signing key until its use reveals it.
#[must_use]
pub fn commitment_of(public: &[u8; 32]) -> [u8; 32] {
    derive("alloquy recovery commitment v1", &[public])
}

impl std::fmt::Debug for RecoveryKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryKeys(..)")
    }
}

/// Why recovery words are refused. Says which word, never the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// There are not twelve of them.
    #[error("{count} recovery words were given, {RECOVERY_WORDS} are needed")]
    Count {
        /// Words given.
        count: usize,
    },
    /// A word is not in the list.
    #[error("word {position} is not in the English BIP-39 list")]
    Word {
        /// Its place, from 1.
        position: usize,
    },
    /// All words are in the list, but they do not belong together.
    #[error(
        "the checksum of the recovery words does not hold: a word is wrong, or two are in the wrong order"
    )]
    Checksum,
}

/// Checked recovery words: what all their keys come from. Zeroed when dropped.
pub struct RecoveryWords {
    entropy: Zeroizing<[u8; ENTROPY_BYTES]>,
}

impl std::fmt::Debug for RecoveryWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryWords(..)")
    }
}

impl RecoveryWords {
    /// The words as a person gives them, in any case and with any white space between them.
    ///
    /// # Errors
    /// [`RecoveryError`]: not twelve words of the list, or their checksum does not hold.
    pub fn parse(words: &str) -> Result<Self, RecoveryError> {
        let count = words.split_whitespace().count();
        if count != RECOVERY_WORDS {
            return Err(RecoveryError::Count { count });
        }
        let normal = Zeroizing::new(
            words
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .to_lowercase(),
        );
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &normal).map_err(
            |error| match error {
                bip39::Error::UnknownWord(index) => RecoveryError::Word {
                    position: index + 1,
                },
                bip39::Error::BadWordCount(count) => RecoveryError::Count { count },
                _ => RecoveryError::Checksum,
            },
        )?;
        let held = Zeroizing::new(mnemonic.to_entropy());
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        entropy.copy_from_slice(&held);
        Ok(Self { entropy })
    }

    /// New words, to be shown once.
    pub fn generate(rng: &mut impl CryptoRng) -> (Zeroizing<String>, Self) {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        rng.fill_bytes(&mut *entropy);
        let mnemonic = Mnemonic::from_entropy_in(Language::English, &*entropy)
            .expect("16 bytes make 12 words");
        (Zeroizing::new(mnemonic.to_string()), Self { entropy })
    }

    /// The keys in force after the words were used so often: each use reveals a signing key and names the next.
    #[must_use]
    pub fn keys(&self, used: u32) -> RecoveryKeys {
        const SIGNING: &str = "alloquy recovery signing key v1";
        let seed = Zeroizing::new(if used == 0 {
            derive(SIGNING, &[&*self.entropy])
        } else {
            derive(SIGNING, &[&*self.entropy, &used.to_le_bytes()])
        });
        RecoveryKeys {
            signing: DeviceKey::from_seed(&seed),
            wrap_secret: Zeroizing::new(derive("alloquy recovery wrap key v1", &[&*self.entropy])),
        }
    }

    /// Whether these are the account's recovery words now.
    #[must_use]
    pub fn belong_to(&self, identity: &Identity) -> bool {
        let keys = self.keys(identity.recovered);
        keys.commitment() == identity.recovery_commitment
            && keys.wrap_key() == identity.recovery_wrap_key
    }
}
