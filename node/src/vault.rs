//! The at-rest key: where it comes from and how it is kept.

use std::io;
use std::path::{Path, PathBuf};

use alloquy_api::ErrorCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

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

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    /// `ALLOQUY_NO_KEYCHAIN` is `1`, else a key file.
    ///
    /// # Errors
    /// The passphrase file can not be read.
    pub fn from_env(passphrase_file: Option<&Path>) -> Result<Self, VaultError> {
        todo!("{passphrase_file:?}")
    }
}

/// Where the key of a store came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyOrigin {
    /// A passphrase, by Argon2id.
    Passphrase,
    /// The OS keychain.
    Keychain,
    /// A file of mode 0600 beside the store.
    KeyFile,
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
    /// The key is in the OS keychain, which does not give it.
    #[error("the key of {} is in the OS keychain, which does not answer: {reason}", path.display())]
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
            Self::WrongPassphrase(_) | Self::PassphraseNeeded(_) => ErrorCode::WrongPassphrase,
            Self::Keychain { .. } | Self::File { .. } | Self::Io { .. } => ErrorCode::Storage,
        }
    }
}
