//! The store: one redb file, values sealed at rest.

use std::io;
use std::path::PathBuf;

use alloquy_api::ErrorCode;

/// The store can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by {}", path.display(), holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    InUse {
        /// The store's file.
        path: PathBuf,
        /// The holder's process id, if it is known.
        holder: Option<u32>,
    },
    /// The file is torn or not a store; it was left as it is.
    #[error("{} is damaged: {reason}. Nothing was changed; put back a copy of the file", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file can not be read or written.
    #[error("{} can not be opened: {error}", path.display())]
    Io {
        /// The store's file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OpenError {
    /// The code of the closed list.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InUse { .. } => ErrorCode::InUse,
            Self::Damaged { .. } | Self::Io { .. } => ErrorCode::Storage,
        }
    }
}
