//! The at-rest key: where it comes from and how it is kept.
//!
//! The store is sealed with a random *store key*. What a person has locks that key, not the store:
//!
//! - **passphrase** (`--passphrase-file`, else `ALLOQUY_PASSPHRASE`): Argon2id makes a key of it, which seals
//!   the store key in `vault.json`. A wrong passphrase does not open the seal and is told apart from damage.
//! - **OS keychain**, where one answers within [`KEYCHAIN_ANSWER`]: the store key is an entry there.
//! - **key file**: the store key in clear in `store.key`, mode 0600. Protects nothing from who can read the
//!   directory; `doctor` warns.
//!
//! Which of the three holds is settled once, when the account is made, and recorded in `vault.json`; later
//! starts follow the record and never fall back to a weaker one in silence. `vault.json` holds a check value
//! of the store key too, so that a foreign key file is told apart from a damaged store.
//!
//! Deliberately not here: prompting (a face's affair), changing the passphrase (seals the same store key anew).

mod keychain;
mod record;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use alloquy_api::ErrorCode;
pub use alloquy_api::rpc::KeySource as KeyOrigin;
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::data_dir::{DataDir, read_if_there, write_private};
use record::{Lock, Record};

pub use keychain::KEYCHAIN_ANSWER;

/// Bytes of a passphrase file that are read: no passphrase is longer.
const PASSPHRASE_BYTES_MAX: u64 = 64 * 1024;

/// A passphrase; shown nowhere.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// What may be used to unlock the store.
#[derive(Clone, Debug, Default)]
pub struct KeySource {
    /// A passphrase, if one was given: then nothing else is tried.
    pub passphrase: Option<Passphrase>,
    /// Whether the OS keychain may be asked before a key file is made.
    pub keychain: bool,
}

impl KeySource {
    /// From `--passphrase-file`, else `ALLOQUY_PASSPHRASE`, else the keychain unless
    /// `ALLOQUY_NO_KEYCHAIN` is `1`, else a key file. One line end after the passphrase is not part of it.
    ///
    /// # Errors
    /// The passphrase file can not be read, is empty, or is no UTF-8.
    pub fn from_env(passphrase_file: Option<&Path>) -> Result<Self, VaultError> {
        let keychain = std::env::var_os("ALLOQUY_NO_KEYCHAIN").is_none_or(|value| value != "1");
        let passphrase = match passphrase_file {
            Some(path) => Some(read_passphrase(path)?),
            None => std::env::var("ALLOQUY_PASSPHRASE")
                .ok()
                .filter(|text| !text.is_empty())
                .map(Passphrase::new),
        };
        Ok(Self {
            passphrase,
            keychain,
        })
    }
}

fn read_passphrase(path: &Path) -> Result<Passphrase, VaultError> {
    use std::io::Read;
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(PASSPHRASE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| VaultError::Io {
            path: path.to_owned(),
            error,
        })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(VaultError::File {
            path: path.to_owned(),
            reason: "the passphrase file is empty".to_owned(),
        });
    }
    Ok(Passphrase::new(line))
}

/// The at-rest key can not be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The passphrase does not open the store.
    #[error("the passphrase does not open the store in {}", .0.display())]
    WrongPassphrase(PathBuf),
    /// The store is locked by a passphrase and none was given.
    #[error("the store in {} is locked by a passphrase: set ALLOQUY_PASSPHRASE or give --passphrase-file", .0.display())]
    PassphraseNeeded(PathBuf),
    /// A passphrase was given for a store that is not locked by one.
    #[error("the store in {} is not locked by a passphrase but by {}: leave the passphrase out", path.display(), origin.as_str())]
    NotByPassphrase {
        /// The data directory.
        path: PathBuf,
        /// What locks it.
        origin: KeyOrigin,
    },
    /// The key is in the OS keychain, which does not give it.
    #[error("the key of {} is in the OS keychain, which does not give it: {reason}", path.display())]
    Keychain {
        /// The data directory.
        path: PathBuf,
        /// What the keychain said.
        reason: String,
    },
    /// A file of the vault is missing, damaged or can not be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system failed.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl VaultError {
    /// The code of the closed list.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::WrongPassphrase(_) | Self::PassphraseNeeded(_) | Self::NotByPassphrase { .. } => {
                ErrorCode::WrongPassphrase
            }
            Self::Keychain { .. } | Self::File { .. } | Self::Io { .. } => ErrorCode::Storage,
        }
    }
}

/// The key that the store is sealed with.
pub struct StoreKey(Zeroizing<[u8; 32]>);

impl StoreKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn random(rng: &mut impl Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(bytes)
    }

    fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes
            .try_into()
            .ok()
            .map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// What is recorded of the key: enough to recognise it, nothing to find it by.
    fn check(&self) -> [u8; 16] {
        let derived = blake3::derive_key("alloquy store key check v1", self.as_bytes());
        derived[..16].try_into().expect("32 bytes hold 16")
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// An unlocked store key.
#[derive(Debug)]
pub struct Unlocked {
    /// The key.
    pub key: StoreKey,
    /// Where it came from.
    pub origin: KeyOrigin,
}

/// Makes a store key and locks it by the best that `source` allows. A vault that is there already, from
/// a start that was cut short, is unlocked instead: a store that is put back later may need its key.
///
/// # Errors
/// See [`VaultError`].
pub fn create(dir: &DataDir, source: &KeySource) -> Result<Unlocked, VaultError> {
    if dir.vault().exists() {
        return unlock(dir, source);
    }
    let io = |path: PathBuf| move |error| VaultError::Io { path, error };
    let mut rng = crate::entropy::seeded().map_err(io(dir.vault()))?;
    let key = StoreKey::random(&mut rng);
    let lock = match &source.passphrase {
        Some(passphrase) => Lock::seal(&key, passphrase.0.as_bytes(), &mut rng),
        None => match source
            .keychain
            .then(|| keychain::keep(&key, &mut rng))
            .flatten()
        {
            Some(entry) => Lock::Keychain { entry },
            None => {
                let text = format!("{}\n", alloquy_ids::to_base32(key.as_bytes()));
                write_private(&dir.key_file(), text.as_bytes()).map_err(io(dir.key_file()))?;
                Lock::KeyFile
            }
        },
    };
    let origin = lock.origin();
    let record = Record::new(lock, key.check());
    write_private(&dir.vault(), &record.to_bytes()).map_err(io(dir.vault()))?;
    Ok(Unlocked { key, origin })
}

/// Unlocks the store key of a directory. Blocking: Argon2id takes some 0.2 s.
///
/// # Errors
/// See [`VaultError`].
pub fn unlock(dir: &DataDir, source: &KeySource) -> Result<Unlocked, VaultError> {
    let record = read_record(dir)?;
    let origin = record.lock().origin();
    let key = match (record.lock(), &source.passphrase) {
        (Lock::Passphrase(sealed), Some(passphrase)) => sealed
            .open(passphrase.0.as_bytes())
            .map_err(|error| VaultError::File {
                path: dir.vault(),
                reason: error.to_string(),
            })?
            .ok_or_else(|| VaultError::WrongPassphrase(dir.path().to_owned()))?,
        (Lock::Passphrase(_), None) => {
            return Err(VaultError::PassphraseNeeded(dir.path().to_owned()));
        }
        (_, Some(_)) => {
            return Err(VaultError::NotByPassphrase {
                path: dir.path().to_owned(),
                origin,
            });
        }
        (Lock::Keychain { entry }, None) => {
            keychain::fetch(entry).map_err(|reason| VaultError::Keychain {
                path: dir.path().to_owned(),
                reason,
            })?
        }
        (Lock::KeyFile, None) => read_key_file(dir)?,
    };
    if key.check() != record.check() {
        let path = if origin == KeyOrigin::KeyFile {
            dir.key_file()
        } else {
            dir.vault()
        };
        return Err(VaultError::File {
            path,
            reason: "this key belongs to another store".to_owned(),
        });
    }
    Ok(Unlocked { key, origin })
}

/// How the store of a directory is locked; `None` where there is no vault.
///
/// # Errors
/// The record is damaged or can not be read.
pub fn origin(dir: &DataDir) -> Result<Option<KeyOrigin>, VaultError> {
    if !dir.vault().exists() {
        return Ok(None);
    }
    read_record(dir).map(|record| Some(record.lock().origin()))
}

fn read_record(dir: &DataDir) -> Result<Record, VaultError> {
    let path = dir.vault();
    match read_if_there(&path) {
        Ok(Some(bytes)) => Record::from_bytes(&bytes).map_err(|error| VaultError::File {
            path,
            reason: error.to_string(),
        }),
        Ok(None) => Err(VaultError::File {
            path,
            reason: "it is missing; without it the store can not be opened".to_owned(),
        }),
        Err(error) => Err(VaultError::Io { path, error }),
    }
}

fn read_key_file(dir: &DataDir) -> Result<StoreKey, VaultError> {
    let path = dir.key_file();
    let bytes = match read_if_there(&path) {
        Ok(Some(bytes)) => Zeroizing::new(bytes),
        Ok(None) => {
            return Err(VaultError::File {
                path,
                reason: "it is missing; without it the store can not be opened".to_owned(),
            });
        }
        Err(error) => return Err(VaultError::Io { path, error }),
    };
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| alloquy_ids::from_base32(text.trim()))
        .and_then(|bytes| StoreKey::from_slice(&Zeroizing::new(bytes)))
        .ok_or_else(|| VaultError::File {
            path,
            reason: "it holds no key".to_owned(),
        })
}

#[cfg(test)]
mod tests;
