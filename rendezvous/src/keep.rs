//! The directory's disk: sealed records in SQLite, under a key in a file of its own.
//!
//! ```text
//!  data_dir/directory.key     0600  32 random bytes in base32, made once
//!  data_dir/directory.sqlite  0600  record(kind, number, sealed)
//! ```
//! Each record is sealed with its place, so that the database alone tells how many there are and no name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alloquy_directory::{Account, Directory, RestoreError};
use alloquy_ids::{from_base32, to_base32};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, params};
use zeroize::Zeroizing;

/// Version of the database.
const VERSION: i64 = 1;
/// Bytes of a nonce, which stands before what it seals.
const NONCE_BYTES: usize = 24;
/// Bytes of the key's file that are read.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Why the directory can not be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: it is no key", .0.display())]
    Key(PathBuf),
    #[error("{} is there, but its key {} is not: bring the file back", database.display(), key.display())]
    KeyMissing { database: PathBuf, key: PathBuf },
    #[error("the directory's database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the directory's database has version {0}, this program reads {VERSION}")]
    Version(i64),
    #[error("a record of the directory does not open: it is damaged, or {} is of another one", .0.display())]
    Sealed(PathBuf),
    #[error("the directory does not go together: {0}")]
    Restore(#[from] RestoreError),
}

/// The disk of a directory.
pub(crate) struct Keep {
    connection: Mutex<Connection>,
    key: Zeroizing<[u8; 32]>,
    key_file: PathBuf,
}

impl Keep {
    /// Opens what is in a folder, or makes it.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeepError> {
        let database = folder.join("directory.sqlite");
        let key_file = folder.join("directory.key");
        let key = key(&key_file, &database)?;
        private(&database)?;
        let connection = Connection::open(&database)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Durable before anybody is answered.
        connection.pragma_update(None, "synchronous", "FULL")?;
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match version {
            0 => connection.execute_batch(&format!(
                "BEGIN;
                 CREATE TABLE record (
                     kind TEXT NOT NULL, number INTEGER NOT NULL, sealed BLOB NOT NULL,
                     PRIMARY KEY (kind, number)
                 ) STRICT, WITHOUT ROWID;
                 PRAGMA user_version = {VERSION};
                 COMMIT;"
            ))?,
            VERSION => {}
            other => return Err(KeepError::Version(other)),
        }
        Ok(Self {
            connection: Mutex::new(connection),
            key,
            key_file,
        })
    }

    /// A key for another purpose.
    pub(crate) fn derived(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &*self.key)
    }

    /// The directory as it was kept.
    pub(crate) fn directory(&self) -> Result<Directory, KeepError> {
        let secret = self.derived("alloquy rendezvous 2026 accounts that are not there");
        let mut accounts = Vec::new();
        for bytes in self.all("account")? {
            let account: Account = serde_json::from_slice(&bytes)
                .map_err(|_error| KeepError::Sealed(self.key_file.clone()))?;
            accounts.push(account);
        }
        Ok(Directory::restore(secret, accounts)?)
    }

    /// Keeps accounts that have changed, all or none.
    pub(crate) fn put_accounts(&self, accounts: &[Account]) -> Result<(), KeepError> {
        let mut records = Vec::new();
        for account in accounts {
            let json = serde_json::to_vec(account).map_err(|error| KeepError::Io {
                path: self.key_file.clone(),
                error: error.into(),
            })?;
            let number = i64::try_from(account.number.0).unwrap_or(i64::MAX);
            records.push((number, self.seal("account", number, &json)?));
        }
        self.put("account", records)
    }

    /// The one record of a kind.
    pub(crate) fn single(&self, kind: &str) -> Result<Option<Vec<u8>>, KeepError> {
        Ok(self.all(kind)?.into_iter().next())
    }

    /// Keeps the one record of a kind.
    pub(crate) fn put_single(&self, kind: &str, bytes: &[u8]) -> Result<(), KeepError> {
        let sealed = self.seal(kind, 0, bytes)?;
        self.put(kind, vec![(0, sealed)])
    }

    fn put(&self, kind: &str, records: Vec<(i64, Vec<u8>)>) -> Result<(), KeepError> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction()?;
        for (number, sealed) in records {
            transaction.execute(
                "INSERT OR REPLACE INTO record (kind, number, sealed) VALUES (?1, ?2, ?3)",
                params![kind, number, sealed],
            )?;
        }
        Ok(transaction.commit()?)
    }

    fn all(&self, kind: &str) -> Result<Vec<Vec<u8>>, KeepError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut asked = connection
            .prepare("SELECT number, sealed FROM record WHERE kind = ?1 ORDER BY number")?;
        let rows = asked.query_map([kind], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        let mut opened = Vec::new();
        for row in rows {
            let (number, sealed) = row?;
            let bytes = self.open_sealed(kind, number, &sealed);
            opened.push(bytes.ok_or_else(|| KeepError::Sealed(self.key_file.clone()))?);
        }
        Ok(opened)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.key).into())
    }

    fn seal(&self, kind: &str, number: i64, bytes: &[u8]) -> Result<Vec<u8>, KeepError> {
        let failed = |error| KeepError::Io {
            path: self.key_file.clone(),
            error,
        };
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| failed(io::Error::other(error)))?;
        let payload = Payload {
            msg: bytes,
            aad: &place(kind, number),
        };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|error| failed(io::Error::other(error.to_string())))?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn open_sealed(&self, kind: &str, number: i64, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload {
            msg: sealed,
            aad: &place(kind, number),
        };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

fn place(kind: &str, number: i64) -> Vec<u8> {
    format!("alloquy rendezvous {kind} {number}").into_bytes()
}

/// Makes a file that only its owner can read, where it is missing; narrows it where it is there.
fn private(path: &Path) -> Result<(), KeepError> {
    let failed = |error| KeepError::Io {
        path: path.to_owned(),
        error,
    };
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)
}

fn key(path: &Path, database: &Path) -> Result<Zeroizing<[u8; 32]>, KeepError> {
    let failed = |error| KeepError::Io {
        path: path.to_owned(),
        error,
    };
    let mut text = Zeroizing::new(String::new());
    match File::open(path) {
        Ok(file) => {
            file.take(KEY_FILE_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(failed)?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if database.exists() {
                return Err(KeepError::KeyMissing {
                    database: database.to_owned(),
                    key: path.to_owned(),
                });
            }
            let mut key = Zeroizing::new([0; 32]);
            getrandom::fill(key.as_mut()).map_err(|error| failed(io::Error::other(error)))?;
            *text = to_base32(&*key);
            let mut options = OpenOptions::new();
            let made = options.create_new(true).write(true).mode(0o600).open(path);
            let mut file = made.map_err(failed)?;
            file.write_all(text.as_bytes()).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        Err(error) => return Err(failed(error)),
    }
    let bytes = from_base32(text.trim()).map(Zeroizing::new);
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(&**bytes).ok());
    key.map(Zeroizing::new)
        .ok_or_else(|| KeepError::Key(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use alloquy_directory::{Kept, Name};
    use alloquy_ids::UnixMs;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn with_ana(folder: &Path) -> Keep {
        let keep = Keep::open(folder).unwrap();
        let mut directory = keep.directory().unwrap();
        let kept = Kept::of("correct horse", &mut ChaCha20Rng::from_seed([3; 32])).unwrap();
        let name = Name::new("ana").unwrap();
        directory.register(name, kept, UnixMs(1)).unwrap();
        keep.put_accounts(&directory.take_changed()).unwrap();
        keep.put_single("lobby", b"somewhere").unwrap();
        keep
    }

    #[test]
    fn what_was_kept_comes_back_and_lies_sealed() {
        let folder = tempfile::tempdir().unwrap();
        drop(with_ana(folder.path()));
        let keep = Keep::open(folder.path()).unwrap();
        let directory = keep.directory().unwrap();
        let names: Vec<_> = directory
            .accounts()
            .map(|account| account.name.as_str())
            .collect();
        assert_eq!(names, ["ana"]);
        assert_eq!(keep.single("lobby").unwrap().unwrap(), b"somewhere");
        assert_eq!(keep.single("other").unwrap(), None);
        drop(keep);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let shown = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
            assert!(
                !shown(b"\"ana\"") && !shown(b"somewhere"),
                "{}",
                path.display()
            );
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }

    #[test]
    fn another_key_or_a_moved_record_is_told() {
        let folder = tempfile::tempdir().unwrap();
        drop(with_ana(folder.path()));
        let database = folder.path().join("directory.sqlite");
        let connection = Connection::open(&database).unwrap();
        connection
            .execute("UPDATE record SET number = 7 WHERE kind = 'account'", [])
            .unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        assert!(matches!(
            keep.directory().unwrap_err(),
            KeepError::Sealed(_)
        ));
        drop(keep);
        let key = folder.path().join("directory.key");
        fs::write(&key, "nonsense").unwrap();
        let refused = || Keep::open(folder.path()).err().unwrap().to_string();
        assert!(
            refused().contains("directory.key: it is no key"),
            "{}",
            refused()
        );
        fs::remove_file(&key).unwrap();
        assert!(refused().contains("bring the file back"), "{}", refused());
        fs::write(&key, to_base32(&[1; 32])).unwrap();
        let keep = Keep::open(folder.path()).unwrap();
        let error = keep.single("lobby").unwrap_err().to_string();
        assert!(error.contains("directory.key"), "{error}");
        connection.pragma_update(None, "user_version", 9).unwrap();
        assert!(refused().contains("version 9"), "{}", refused());
    }
}
