//! The store: one redb file, everything in it sealed at rest, one writer thread with group commit.
//!
//! docs/protocol.md, "Storage". The core keeps its state in memory and only writes; everything is read once, at
//! the start. Input: tasks of writes, in order. Output: the outcome of each task, after it is durable.
//!
//! - **Group commit.** A commit starts at once when none is running; what arrives meanwhile, at most
//!   [`BATCH_TASKS_MAX`] tasks and [`BATCH_BYTES_MAX`] bytes, is the next one.
//! - **Prefix.** A commit is atomic. When one fails, every task that was submitted before its failure is
//!   known fails with it, so that what is durable is always a prefix of what was submitted, up to the point
//!   where the submitter knew.
//! - **Failure is not the end.** A full disk or a read-only medium fails tasks; the file is opened anew for
//!   the next commit, which succeeds once there is space.
//! - **Nothing damaged is repaired in silence.** redb falls back to its last complete commit after a crash;
//!   a file that is torn in any other way is named and not opened. Where only redb's own lists of free pages are
//!   wrong, they are made anew, and the store counts as restored.
//!
//! Deliberately not here: what records mean, reading single records, compaction while running.

mod lock;
mod nonce;
mod sealing;
mod writer;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use alloquy_api::ErrorCode;
use alloquy_core::{StorageError, TaskId, Write};
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::mpsc;

pub use lock::{DirLock, Holder};

use crate::data_dir::{DataDir, create_private, rename_durably};
use crate::vault::StoreKey;
use nonce::Era;
use sealing::Sealer;
use writer::{Batch, Finished, Writer};

/// Version of what is inside the redb file.
const FORMAT: u32 = 1;
/// Tasks of one commit (docs/protocol.md, "Storage").
pub const BATCH_TASKS_MAX: usize = 256;
/// Bytes of one commit's writes: a catch-up of large ranges must not hold all of itself in one transaction.
pub const BATCH_BYTES_MAX: usize = 16 * 1024 * 1024;
/// redb's page cache. Nothing is read while running but the tree's inner pages; its default is 1 GiB.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Sealed records by hashed name.
const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
/// The shell's own values: format and era.
const SHELL: TableDefinition<&str, &[u8]> = TableDefinition::new("shell");

/// The store can not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by {}", path.display(), holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}")))]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The holder's process id, if it is known.
        holder: Option<u32>,
    },
    /// The file is torn or not a store; it was left as it is.
    #[error("{} is damaged: {reason}. It was not opened; put back a copy of the file", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file was written by another version of the program.
    #[error("{} has format {found}, this program reads {FORMAT}", path.display())]
    Version {
        /// The store's file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The file can not be read or written.
    #[error("{} can not be used: {error}", path.display())]
    Io {
        /// The file.
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
            Self::Version { .. } => ErrorCode::Version,
            Self::Damaged { .. } | Self::Io { .. } => ErrorCode::Storage,
        }
    }
}

/// Keys and values.
pub type Records = Vec<(Bytes, Bytes)>;

/// A store that was opened, and all that it holds.
#[derive(Debug)]
pub struct Opened {
    /// For writing.
    pub store: Store,
    /// All records, sorted by key.
    pub records: Records,
    /// Differs when the store was copied or restored since the last start.
    pub nonce: [u8; 32],
}

/// The writing end of an open store.
#[derive(Debug)]
pub struct Store {
    /// Gone only while closing.
    to_writer: Option<std::sync::mpsc::SyncSender<Batch>>,
    from_writer: mpsc::Receiver<Finished>,
    waiting: VecDeque<(TaskId, Vec<Write>)>,
    waiting_bytes: usize,
    running: Vec<TaskId>,
    thread: Option<std::thread::JoinHandle<()>>,
    path: PathBuf,
}

impl Store {
    /// Makes the store with its first records, or nothing at all.
    ///
    /// # Errors
    /// [`OpenError::Io`], for a full disk too.
    pub fn create(
        dir: &DataDir,
        _lock: &DirLock,
        key: &StoreKey,
        first: &[Write],
    ) -> Result<(), OpenError> {
        let path = dir.store();
        let beside = path.with_extension("new");
        let failed = |error| OpenError::Io {
            path: path.clone(),
            error,
        };
        let mut rng = crate::entropy::seeded().map_err(failed)?;
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let file = create_private(&beside).map_err(failed)?;
        let database = builder()
            .create_file(file)
            .map_err(|error| open_error(&path, error))?;
        let era = Era::first(&mut rng);
        let sealer = Sealer::new(key);
        write_shell(&database, &era)
            .and_then(|()| writer::commit(&database, &sealer, &mut rng, std::iter::once(first)))
            .map_err(|error| OpenError::Io {
                path: path.clone(),
                error: storage_io(error),
            })?;
        drop(database);
        nonce::set_outside(dir, &era).map_err(failed)?;
        rename_durably(&beside, &path).map_err(failed)
    }

    /// Opens the store of a directory and reads all of it. Blocking.
    ///
    /// # Errors
    /// See [`OpenError`]; a store that is missing is [`OpenError::Io`].
    pub fn open(dir: &DataDir, lock: DirLock, key: &StoreKey) -> Result<Opened, OpenError> {
        let path = dir.store();
        let failed = |error| OpenError::Io {
            path: path.clone(),
            error,
        };
        let mut rng = crate::entropy::seeded().map_err(failed)?;
        let sealer = Sealer::new(key);
        let (database, records, nonce) = guarded(&path, || begin(dir, &path, &sealer, &mut rng))?;
        let reopen_path = path.clone();
        let writer = Writer::new(
            database,
            sealer,
            rng,
            Box::new(move || builder().open(&reopen_path)),
        );
        Ok(Opened {
            store: Self::spawn(writer, lock, path)?,
            records,
            nonce,
        })
    }

    fn spawn(writer: Writer, lock: DirLock, path: PathBuf) -> Result<Self, OpenError> {
        // One batch at a time: the next one is sent when the last one's outcome is here.
        let (to_writer, batches) = std::sync::mpsc::sync_channel(1);
        let (finished, from_writer) = mpsc::channel(1);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                writer.serve(&batches, &finished);
                drop(lock);
            })
            .map_err(|error| OpenError::Io {
                path: path.clone(),
                error,
            })?;
        Ok(Self {
            to_writer: Some(to_writer),
            from_writer,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running: Vec::new(),
            thread: Some(thread),
            path,
        })
    }

    /// Takes a task; never blocks. Its outcome comes from [`Store::finished`].
    pub fn submit(&mut self, task: TaskId, writes: Vec<Write>) {
        self.waiting_bytes += bytes_of(&writes);
        self.waiting.push_back((task, writes));
        self.start_next();
    }

    /// Bytes of tasks that are not under way yet: a reason to take less from the network.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The outcomes of the next commit, in the order of the tasks; pending for ever when nothing is
    /// under way. May be dropped and called again without loss.
    pub async fn finished(&mut self) -> Vec<(TaskId, Result<(), StorageError>)> {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let outcome = match self.from_writer.recv().await {
            Some(Finished(outcome)) => outcome,
            None => Err(StorageError::Other(
                "the store's writer has ended".to_owned(),
            )),
        };
        let mut tasks = std::mem::take(&mut self.running);
        if outcome.is_err() {
            // What was submitted without knowing of the failure rests on what failed.
            tasks.extend(self.waiting.drain(..).map(|(task, _)| task));
            self.waiting_bytes = 0;
        }
        self.start_next();
        tasks
            .into_iter()
            .map(|task| (task, outcome.clone()))
            .collect()
    }

    /// Waits for everything that was submitted and closes the file.
    pub async fn close(mut self) {
        while !self.is_idle() {
            self.finished().await;
        }
        let joined = tokio::task::spawn_blocking(move || drop(self)).await;
        if let Err(error) = joined {
            tracing::error!(%error, "the store could not be closed in order");
        }
    }

    fn start_next(&mut self) {
        if !self.running.is_empty() || self.waiting.is_empty() {
            return;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some((_, writes)) = self.waiting.front() {
            let size = bytes_of(writes);
            if batch.len() == BATCH_TASKS_MAX
                || (bytes + size > BATCH_BYTES_MAX && !batch.is_empty())
            {
                break;
            }
            bytes += size;
            let (task, writes) = self.waiting.pop_front().expect("the front was just seen");
            self.running.push(task);
            batch.push(writes);
        }
        self.waiting_bytes -= bytes;
        let sent = self
            .to_writer
            .as_ref()
            .map(|to_writer| to_writer.try_send(Batch(batch)));
        if !matches!(sent, Some(Ok(()))) {
            // Only a writer that has ended: `finished` tells so, because its channel is closed too.
            tracing::error!("the store's writer takes no commit");
        }
    }
}

impl Drop for Store {
    /// Waits for the commit under way; what waits behind it is not written.
    fn drop(&mut self) {
        self.from_writer.close();
        self.to_writer = None;
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("the store's writer ended by a fault");
        }
    }
}

fn bytes_of(writes: &[Write]) -> usize {
    writes
        .iter()
        .map(|write| match write {
            Write::Put(key, value) => key.len() + value.len(),
            Write::Delete(key) => key.len(),
        })
        .sum()
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Runs `open`; a panic of redb on a file that it did not expect is the file's damage.
fn guarded<T>(path: &Path, open: impl FnOnce() -> Result<T, OpenError>) -> Result<T, OpenError> {
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_panic| {
        Err(OpenError::Damaged {
            path: path.to_owned(),
            reason: "its inner structure does not fit together".to_owned(),
        })
    })
}

/// Opens the file, reads it, and begins a new generation in it.
fn begin(
    dir: &DataDir,
    path: &Path,
    sealer: &Sealer,
    rng: &mut StoreRng,
) -> Result<(Database, Records, [u8; 32]), OpenError> {
    let failed = |error| OpenError::Io {
        path: path.to_owned(),
        error,
    };
    let mut database = open_file(path)?;
    // Whether the lists of free pages fit what is in use: were they wrong, later commits would overwrite records.
    let whole = database
        .check_integrity()
        .map_err(|error| open_error(path, error))?;
    if !whole {
        tracing::warn!("the store was repaired; it is taken as restored from a copy");
    }
    let (records, era) = read_all(path, &database, sealer)?;
    let outside = nonce::outside(dir).map_err(failed)?;
    let era = era.next(outside.as_deref().filter(|_| whole), rng);
    write_shell(&database, &era).map_err(|error| failed(storage_io(error)))?;
    nonce::set_outside(dir, &era).map_err(failed)?;
    let nonce = nonce::restore_nonce(dir, &era, rng).map_err(failed)?;
    Ok((database, records, nonce))
}

fn open_file(path: &Path) -> Result<Database, OpenError> {
    let failed = |error| OpenError::Io {
        path: path.to_owned(),
        error,
    };
    if std::fs::metadata(path).map_err(failed)?.len() == 0 {
        return Err(OpenError::Damaged {
            path: path.to_owned(),
            reason: "it is empty".to_owned(),
        });
    }
    builder()
        .open(path)
        .map_err(|error| open_error(path, error))
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path, holder: None },
        DatabaseError::UpgradeRequired(found) => OpenError::Version {
            path,
            found: found.into(),
        },
        DatabaseError::Storage(redb::StorageError::Io(error)) => match error.kind() {
            io::ErrorKind::UnexpectedEof => OpenError::Damaged {
                path,
                reason: "it ends too early".to_owned(),
            },
            io::ErrorKind::InvalidData => OpenError::Damaged {
                path,
                reason: error.to_string(),
            },
            _ => OpenError::Io { path, error },
        },
        other => OpenError::Damaged {
            path,
            reason: other.to_string(),
        },
    }
}

fn read_all(
    path: &Path,
    database: &Database,
    sealer: &Sealer,
) -> Result<(Records, Era), OpenError> {
    let damaged = |reason: String| OpenError::Damaged {
        path: path.to_owned(),
        reason,
    };
    let fails = |error: redb::Error| damaged(error.to_string());
    let transaction = database.begin_read().map_err(|error| fails(error.into()))?;
    let shell = transaction
        .open_table(SHELL)
        .map_err(|error| fails(error.into()))?;
    let value = |name| match shell.get(name) {
        Ok(Some(value)) => Ok(value.value().to_vec()),
        Ok(None) => Err(damaged(format!("{name} is missing"))),
        Err(error) => Err(fails(error.into())),
    };
    let format = value("format")?;
    let found = format
        .try_into()
        .map(u32::from_le_bytes)
        .map_err(|_length| damaged("format is no number".to_owned()))?;
    if found != FORMAT {
        return Err(OpenError::Version {
            path: path.to_owned(),
            found,
        });
    }
    let era =
        Era::from_bytes(&value("era")?).ok_or_else(|| damaged("era is too short".to_owned()))?;
    let table = transaction
        .open_table(RECORDS)
        .map_err(|error| fails(error.into()))?;
    let mut records = Vec::new();
    for row in table.iter().map_err(|error| fails(error.into()))? {
        let (name, sealed) = row.map_err(|error| fails(error.into()))?;
        let record = sealer
            .open(name.value(), sealed.value())
            .map_err(|_unsealable| {
                damaged(format!(
                    "record {} does not open with the store's key",
                    records.len()
                ))
            })?;
        records.push(record);
    }
    records.sort_unstable();
    Ok((records, era))
}

fn write_shell(database: &Database, era: &Era) -> Result<(), StorageError> {
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut table = transaction.open_table(SHELL)?;
            table.insert("format", FORMAT.to_le_bytes().as_slice())?;
            table.insert("era", era.to_bytes().as_slice())?;
        }
        transaction.commit()?;
        Ok(())
    };
    write().map_err(writer::storage_error)
}

fn storage_io(error: StorageError) -> io::Error {
    let kind = match error {
        StorageError::Full(_) => io::ErrorKind::StorageFull,
        StorageError::ReadOnly(_) => io::ErrorKind::ReadOnlyFilesystem,
        StorageError::Other(_) => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}

/// Bytes drawn once from the operating system for a generator of our own.
pub(crate) type StoreRng = ChaCha20Rng;

#[cfg(test)]
mod tests;
