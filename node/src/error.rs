//! Why a node could not be made or run, and which code of the closed list each reason has.

use std::io;
use std::path::PathBuf;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_core::RestoreError;

use crate::store::OpenError;
use crate::vault::VaultError;

/// An account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The directory holds an account already.
    #[error("{} holds an account already", .0.display())]
    Exists(PathBuf),
    /// The directory can not be made or written.
    #[error("the data directory {} can not be used: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The at-rest key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The name, or the machine's entropy.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The first records could not be written.
    #[error("the account could not be written: {0}")]
    Write(#[from] alloquy_core::StorageError),
}

impl InitError {
    /// The code of the closed list.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Exists(_) => ErrorCode::Exists,
            Self::Directory { .. } | Self::Write(_) => ErrorCode::Storage,
            Self::Vault(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Command(error) => error.code,
        }
    }
}

/// A node could not be started, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No account was made in the directory.
    #[error("{} holds no account: `alloquy-node init` makes one", .0.display())]
    NoAccount(PathBuf),
    /// The directory can not be used.
    #[error("the data directory {} can not be used: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The at-rest key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The records.
    #[error("{error} ({})", path.display())]
    Restore {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        error: RestoreError,
    },
    /// A multiaddr does not parse.
    #[error("{text:?} is not a multiaddr: {reason}")]
    Address {
        /// As given.
        text: String,
        /// Why.
        reason: String,
    },
    /// An address can not be listened on.
    #[error("can not listen on {address}: {reason}")]
    Listen {
        /// As given.
        address: String,
        /// Why.
        reason: String,
    },
    /// The TURN server of a home node.
    #[error(transparent)]
    Turn(#[from] alloquy_relay::turn::server::ServerError),
    /// The local socket can not be made.
    #[error("the local socket {} can not be made: {error}", path.display())]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A fault of the program.
    #[error("the node ended by a fault of its own: {0}")]
    Internal(String),
}

impl RunError {
    /// The code of the closed list.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoAccount(_) => ErrorCode::UnknownName,
            Self::Directory { .. } | Self::Socket { .. } => ErrorCode::Storage,
            Self::Vault(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Restore {
                error: RestoreError::Version { .. },
                ..
            } => ErrorCode::Version,
            Self::Restore {
                error: RestoreError::NoAccount,
                ..
            } => ErrorCode::UnknownName,
            Self::Restore { .. } => ErrorCode::Storage,
            Self::Address { .. } | Self::Listen { .. } | Self::Turn(_) => ErrorCode::Parse,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }
}

impl From<InitError> for CommandError {
    fn from(error: InitError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
