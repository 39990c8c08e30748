//! The relay's key: 32 bytes in a file that only its owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use alloquy_ids::{from_base32, to_base32};
use zeroize::Zeroizing;

/// Permissions of the file: the owner alone.
const MODE: u32 = 0o600;
/// Before the key in the file.
const PREFIX: &str = "alqkey:";
/// Bytes that are read: the text of a key, and what an editor may have added.
const FILE_BYTES_MAX: u64 = 256;

/// Why a key file can not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// What the system says.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Others may read it.
    #[error("{path} has mode {mode:03o}, at most 600 is taken: chmod go= {path}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Something else.
    #[error("{path} holds no key: {PREFIX:?} and 52 characters of a-z and 2-7 are expected")]
    Content {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the key, or makes the file with a new one where it is missing.
///
/// # Errors
/// See [`KeyError`].
pub fn load_or_make(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = |error| KeyError::Io {
        path: path.to_owned(),
        error,
    };
    match File::open(path) {
        Ok(file) => load(path, file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed).map_err(|error| failed(io::Error::other(error)))?;
            make(path, &seed).map_err(failed)?;
            Ok(seed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn load(path: &Path, file: File) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let failed = |error| KeyError::Io {
        path: path.to_owned(),
        error,
    };
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o777;
    if mode & !MODE != 0 {
        return Err(KeyError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    let content = || KeyError::Content {
        path: path.to_owned(),
    };
    match read {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(content()),
        other => other.map_err(failed)?,
    };
    let bytes = text
        .trim()
        .strip_prefix(PREFIX)
        .and_then(from_base32)
        .map(Zeroizing::new)
        .ok_or_else(content)?;
    let seed: [u8; 32] = bytes.as_slice().try_into().map_err(|_short| content())?;
    Ok(Zeroizing::new(seed))
}

fn make(path: &Path, seed: &[u8; 32]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    let text = Zeroizing::new(format!("{PREFIX}{}\n", to_base32(seed)));
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        // Half a key would be taken for a damaged one at the next start.
        drop(fs::remove_file(path));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let made = load_or_make(&path).unwrap();
        assert_eq!(load_or_make(&path).unwrap(), made);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert_ne!(load_or_make(&dir.path().join("other")).unwrap(), made);
    }

    #[test]
    fn a_bad_key_file_is_refused_with_its_path_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        load_or_make(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_make(&path).unwrap_err().to_string();
        assert!(error.contains("640") && error.contains("chmod"), "{error}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let long = format!("alqkey:{}", "a".repeat(10_000));
        for bad in [&b""[..], b"alqkey:abc", b"\xff\xfe", long.as_bytes()] {
            fs::write(&path, bad).unwrap();
            let error = load_or_make(&path).unwrap_err();
            assert!(matches!(error, KeyError::Content { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bad);
        }
        let error = load_or_make(&dir.path().join("no/such")).unwrap_err();
        assert!(error.to_string().contains("no/such"), "{error}");
        assert!(matches!(
            load_or_make(dir.path()),
            Err(KeyError::Io { .. } | KeyError::Mode { .. })
        ));
    }
}
