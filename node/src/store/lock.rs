//! One process per data directory: an advisory lock on a file of its own.
//!
//! The lock (flock) ends with the process however it dies, so a stale one can not exist. The file holds
//! the holder's process id for messages only; whether the directory is in use is decided by the lock.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::OpenError;
use crate::data_dir::{DataDir, open_private};

/// The right to use a data directory, until dropped.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock at once or says who has it.
    ///
    /// # Errors
    /// [`OpenError::InUse`]; [`OpenError::Io`] when the file can not be made.
    pub fn acquire(dir: &DataDir) -> Result<Self, OpenError> {
        let path = dir.lock();
        let failed = |error| OpenError::Io {
            path: path.clone(),
            error,
        };
        let mut file = open_private(&path).map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::InUse {
                    path: dir.path().to_owned(),
                    holder: read_pid(&mut file),
                });
            }
            Err(error) => return Err(failed(error.into())),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }

    /// Who holds the lock now; `Ok(None)` when nobody does.
    ///
    /// # Errors
    /// The file can not be read.
    pub fn holder(dir: &DataDir) -> io::Result<Option<Holder>> {
        let path: PathBuf = dir.lock();
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(Holder {
                pid: read_pid(&mut file),
            })),
            Err(error) => Err(error.into()),
        }
    }
}

/// The process that uses a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id, if it could be read.
    pub pid: Option<u32>,
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // 16 bytes: a process id has at most 10 digits.
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it_and_may_have_it_afterwards() {
        let outer = tempfile::tempdir().unwrap();
        let dir = DataDir::create(outer.path()).unwrap();
        assert_eq!(DirLock::holder(&dir).unwrap(), None);
        let first = DirLock::acquire(&dir).unwrap();
        let Err(OpenError::InUse { holder, .. }) = DirLock::acquire(&dir) else {
            panic!("taken twice")
        };
        assert_eq!(holder, Some(std::process::id()));
        assert_eq!(
            DirLock::holder(&dir).unwrap(),
            Some(Holder {
                pid: Some(std::process::id())
            })
        );
        drop(first);
        DirLock::acquire(&dir).unwrap();
    }
}
