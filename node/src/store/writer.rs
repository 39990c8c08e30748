//! The writer thread: takes batches, commits each in one transaction, says how it went.
//!
//! After a failed commit redb refuses to go on with an open file, and rightly: what the system did with the
//! pages is unknown. So the file is closed, and opened again for the next batch, which makes redb fall back
//! to the last complete commit.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Receiver;

use alloquy_core::{StorageError, Write};
use redb::{Database, DatabaseError};
use tokio::sync::mpsc::Sender;

use super::sealing::Sealer;
use super::{RECORDS, StoreRng};

/// The writes of some tasks, in order.
#[derive(Debug)]
pub(super) struct Batch(pub(super) Vec<Vec<Write>>);

/// How a batch went.
#[derive(Debug)]
pub(super) struct Finished(pub(super) Result<(), StorageError>);

/// Opens the store's file again.
type Reopen = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// Owns the open file.
pub(super) struct Writer {
    database: Option<Database>,
    reopen: Reopen,
    sealer: Sealer,
    rng: StoreRng,
}

impl Writer {
    pub(super) fn new(database: Database, sealer: Sealer, rng: StoreRng, reopen: Reopen) -> Self {
        Self {
            database: Some(database),
            reopen,
            sealer,
            rng,
        }
    }

    /// Serves until the other end is gone.
    pub(super) fn serve(mut self, batches: &Receiver<Batch>, finished: &Sender<Finished>) {
        while let Ok(Batch(tasks)) = batches.recv() {
            let outcome =
                catch_unwind(AssertUnwindSafe(|| self.write(&tasks))).unwrap_or_else(|_panic| {
                    Err(StorageError::Other(
                        "redb ended the commit by a fault".to_owned(),
                    ))
                });
            if let Err(error) = &outcome {
                tracing::warn!(%error, tasks = tasks.len(), "a commit failed");
                self.close();
            }
            if finished.blocking_send(Finished(outcome)).is_err() {
                break;
            }
        }
        self.close();
    }

    fn write(&mut self, tasks: &[Vec<Write>]) -> Result<(), StorageError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => (self.reopen)().map_err(|error| storage_error(error.into()))?,
        };
        let database = self.database.insert(database);
        commit(
            database,
            &self.sealer,
            &mut self.rng,
            tasks.iter().map(Vec::as_slice),
        )
    }

    /// Closes the file; redb writes its free list then, which may fail as the commit did.
    fn close(&mut self) {
        let database = self.database.take();
        if catch_unwind(AssertUnwindSafe(|| drop(database))).is_err() {
            tracing::warn!(
                "the store's file could not be closed in order; it is recovered when it is opened"
            );
        }
    }
}

/// Writes all tasks in one durable transaction.
pub(super) fn commit<'a>(
    database: &Database,
    sealer: &Sealer,
    rng: &mut StoreRng,
    tasks: impl Iterator<Item = &'a [Write]>,
) -> Result<(), StorageError> {
    let write = || -> Result<(), redb::Error> {
        // redb's default durability: on return everything is synced.
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for write in tasks.flatten() {
                match write {
                    Write::Put(key, value) => {
                        let name = sealer.name(key);
                        let sealed = sealer.seal(rng, &name, key, value);
                        table.insert(name.as_slice(), sealed.as_slice())?;
                    }
                    Write::Delete(key) => {
                        table.remove(sealer.name(key).as_slice())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    };
    write().map_err(storage_error)
}

/// What a failure means to a person.
pub(super) fn storage_error(error: redb::Error) -> StorageError {
    let text = error.to_string();
    let redb::Error::Io(error) = error else {
        return StorageError::Other(text);
    };
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StorageError::Full(text)
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StorageError::ReadOnly(text)
        }
        _ => StorageError::Other(text),
    }
}
