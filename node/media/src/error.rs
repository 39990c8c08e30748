//! What can go wrong with devices, files and threads.

use std::path::PathBuf;

use crate::codec::CodecError;

/// A failure of the engine or of one of its devices. A device's failure does not end a call: it is reported and
/// something else takes its place.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A thread could not be started.
    #[error("no thread for sound: {0}")]
    Thread(std::io::Error),
    /// The codec could not be made.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A file could not be opened, read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file is no WAV, or none that can be read.
    #[error("{} is no WAV file that can be read: {reason}", path.display())]
    NotWav {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file has no sound in it.
    #[error("{} holds no sound", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// There is more sound than is read.
    #[error("{} holds {seconds} s of sound, at most {limit} s are read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Seconds in it.
        seconds: u64,
        /// Seconds allowed.
        limit: u32,
    },
    /// The speech synthesiser failed.
    #[error("espeak-ng: {0}")]
    Speech(String),
    /// A device of the system failed.
    #[error("{device}: {reason}")]
    Device {
        /// Its name.
        device: String,
        /// What the system says.
        reason: String,
    },
}
