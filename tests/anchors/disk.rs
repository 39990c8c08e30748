//! The node's own store, one commit per task: what a seat writes is sealed, committed and synced as in a real
//! node.

use alloquy_core::{StorageError, TaskId, Write};
use alloquy_node::data_dir::DataDir;
use alloquy_node::store::{DirLock, Store};
use alloquy_node::vault::StoreKey;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A store in a temporary folder.
pub(crate) struct Disk {
    runtime: Runtime,
    store: Store,
    /// Removed with the disk, after the store is closed.
    _folder: TempDir,
}

impl Disk {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let dir = DataDir::create(folder.path().join("data"))?;
        let key = StoreKey::from_bytes([3; 32]);
        Store::create(&dir, &DirLock::acquire(&dir)?, &key, &[])?;
        let opened = Store::open(&dir, DirLock::acquire(&dir)?, &key)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self {
            runtime,
            store: opened.store,
            _folder: folder,
        })
    }

    /// Commits and waits until it is durable.
    pub(crate) fn commit(&mut self, task: TaskId, writes: Vec<Write>) -> Result<(), StorageError> {
        self.store.submit(task, writes);
        let outcomes = self.runtime.block_on(self.store.finished());
        outcomes.into_iter().try_for_each(|(_, outcome)| outcome)
    }
}
