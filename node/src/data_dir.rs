//! The data directory: which file is what, and how private files are written.
//!
//! ```text
//! data_dir/            0700
//!   store.redb         0600  the store, sealed (module `store`)
//!   vault.json         0600  how the store's key is locked (module `vault`)
//!   store.key          0600  the key itself, only without passphrase and keychain
//!   lock               0600  held while a process uses the directory; the holder's process id
//!   machine            0600  random, made once: tells a copied directory (module `store::nonce`)
//!   generation         0600  random, new at every start: tells a restored store
//!   port               0600  the port to listen on again, so that invites stay good
//!   node.sock          0600  local socket of the running node (module `rpc`)
//!   node.sock.path     0600  where the socket is instead, when its path would be too long
//!   window.lock        0600  held while a window shows this account
//!   window.sock        0600  local socket of that window: a second start hands its link over
//!   window.sock.path   0600  where that socket is instead
//! ```
//! Every file is written beside its place, synced and renamed, so that a crash leaves the old or the new
//! one. Nothing here knows what the files mean.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Permissions of the directory: the owner alone.
const DIRECTORY_MODE: u32 = 0o700;
/// Permissions of every file in it.
const FILE_MODE: u32 = 0o600;

/// The directory of one node.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Names a directory without looking at it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes the directory with mode 0700 where it is missing, and narrows the mode where it is wider.
    ///
    /// # Errors
    /// What the system says: no permission, a read-only medium, a file in the way.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(&path)?;
        let mode = fs::metadata(&path)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(DIRECTORY_MODE))?;
        }
        Ok(Self { path })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.path.join("store.redb")
    }

    /// How the store's key is locked.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.path.join("vault.json")
    }

    /// The store's key in clear, where there is neither passphrase nor keychain.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.path.join("store.key")
    }

    /// The lock.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// The random value that a copied directory shares but does not own.
    #[must_use]
    pub fn machine(&self) -> PathBuf {
        self.path.join("machine")
    }

    /// The random value of the last start.
    #[must_use]
    pub fn generation(&self) -> PathBuf {
        self.path.join("generation")
    }

    /// The port of the last start.
    #[must_use]
    pub fn port(&self) -> PathBuf {
        self.path.join("port")
    }

    /// The local socket, unless its path is too long.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("node.sock")
    }

    /// The window's lock.
    #[must_use]
    pub fn window_lock(&self) -> PathBuf {
        self.path.join("window.lock")
    }

    /// The window's socket, unless its path is too long.
    #[must_use]
    pub fn window_socket(&self) -> PathBuf {
        self.path.join("window.sock")
    }

    /// Names the place of the window's socket when it is elsewhere.
    #[must_use]
    pub fn window_socket_path(&self) -> PathBuf {
        self.path.join("window.sock.path")
    }

    /// Names the socket's place when it is elsewhere.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        self.path.join("node.sock.path")
    }
}

/// Writes a private file durably: beside its place, synced, renamed, directory synced.
///
/// # Errors
/// What the system says; the old file is still there then.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_private(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename_durably(&beside, path)
}

/// Makes a new private file; one that is there is an error.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
}

/// Opens a private file for writing, made empty where it is missing, never shortened.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
}

/// Renames within one directory and makes the new name durable.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// Reads a small file that may be missing.
pub(crate) fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_and_its_files_are_for_the_owner_alone() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        let dir = DataDir::create(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);

        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let dir = DataDir::create(dir.path()).unwrap();
        assert_eq!(mode(&path), 0o700);

        write_private(&dir.vault(), b"one").unwrap();
        write_private(&dir.vault(), b"two").unwrap();
        assert_eq!(fs::read(dir.vault()).unwrap(), b"two");
        assert_eq!(mode(&dir.vault()), 0o600);
        assert!(!dir.vault().with_extension("new").exists());
    }
}
