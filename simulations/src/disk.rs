//! A simulated store: tasks are atomic and durable in order; a crash keeps a prefix of what was not acknowledged.

use std::collections::VecDeque;

use alloquy_core::{StorageError, TaskId, Write};

use crate::draw::Draw;
use crate::machine::Records;

/// Tasks of one commit (docs/protocol.md, "Storage").
const GROUP_TASKS_MAX: usize = 256;

/// One node's store.
#[derive(Debug, Default)]
pub struct Disk {
    records: Records,
    pending: VecDeque<(TaskId, Vec<Write>)>,
    last: Option<TaskId>,
    /// Whether there is no space left.
    pub full: bool,
    /// Tasks in the commit that is running.
    committing: usize,
}

/// What a crash did to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Tasks that are in the store though nobody was told.
    pub kept: usize,
    /// Tasks that are gone.
    pub lost: usize,
}

impl Disk {
    /// A store that holds `records`.
    #[must_use]
    pub fn new(records: Records) -> Self {
        Self {
            records,
            ..Self::default()
        }
    }

    /// Everything durable.
    #[must_use]
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Puts an older copy in the place of everything. The node must not run.
    pub fn put_back(&mut self, copy: Records) {
        self.crash_keeping(0);
        self.records = copy;
    }

    /// Tasks that wait or are being written.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes a task. An error says how its number breaks the contract.
    pub fn submit(&mut self, task: TaskId, writes: Vec<Write>) -> Result<(), String> {
        let last = self.last.replace(task);
        self.pending.push_back((task, writes));
        match last {
            Some(last) if task.0 != last.0 + 1 => {
                Err(format!("storage task {} follows task {}", task.0, last.0))
            }
            _ => Ok(()),
        }
    }

    /// Starts a commit of what waits. `false`: one is running, or nothing waits.
    pub fn begin(&mut self) -> bool {
        if self.committing > 0 || self.pending.is_empty() {
            return false;
        }
        self.committing = self.pending.len().min(GROUP_TASKS_MAX);
        true
    }

    /// Ends the running commit: its tasks, and whether they are durable.
    pub fn finish(&mut self) -> Vec<(TaskId, Result<(), StorageError>)> {
        let count = std::mem::take(&mut self.committing);
        let mut done = Vec::new();
        for (task, writes) in self.pending.drain(..count) {
            if self.full {
                done.push((
                    task,
                    Err(StorageError::Full("no space left on device".to_owned())),
                ));
            } else {
                apply(&mut self.records, writes);
                done.push((task, Ok(())));
            }
        }
        done
    }

    /// Power fails: of the tasks not acknowledged, a prefix is in the store.
    pub fn crash(&mut self, draw: &mut Draw) -> Torn {
        let room = if self.full { 0 } else { self.pending.len() };
        self.crash_keeping(draw.index(room + 1))
    }

    /// Power fails after `kept` of the tasks not acknowledged became durable.
    pub fn crash_keeping(&mut self, kept: usize) -> Torn {
        let kept = kept.min(self.pending.len());
        let lost = self.pending.len() - kept;
        for (_, writes) in self.pending.drain(..kept) {
            apply(&mut self.records, writes);
        }
        self.pending.clear();
        self.last = None;
        self.committing = 0;
        Torn { kept, lost }
    }
}

fn apply(records: &mut Records, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Put(key, value) => records.insert(key, value),
            Write::Delete(key) => records.remove(&key),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn put(key: &'static str) -> Vec<Write> {
        vec![
            Write::Put(Bytes::from(key), Bytes::from("1")),
            Write::Put(Bytes::from(format!("{key}'")), Bytes::new()),
        ]
    }

    fn keys(disk: &Disk) -> Vec<String> {
        disk.records()
            .keys()
            .map(|key| String::from_utf8_lossy(key).into_owned())
            .collect()
    }

    #[test]
    fn a_crash_keeps_whole_tasks_and_only_a_prefix() {
        for kept in 0..=3 {
            let mut disk = Disk::default();
            for (number, key) in ["a", "b", "c"].into_iter().enumerate() {
                disk.submit(TaskId(number as u64), put(key)).unwrap();
            }
            assert_eq!(
                disk.crash_keeping(kept),
                Torn {
                    kept,
                    lost: 3 - kept
                }
            );
            assert_eq!(keys(&disk), ["a", "a'", "b", "b'", "c", "c'"][..2 * kept]);
            assert_eq!(disk.pending(), 0);
        }
    }

    #[test]
    fn one_commit_runs_at_a_time_and_what_comes_meanwhile_is_the_next() {
        let mut disk = Disk::default();
        disk.submit(TaskId(1), put("a")).unwrap();
        assert!(disk.begin());
        disk.submit(TaskId(2), put("b")).unwrap();
        assert!(!disk.begin());
        assert_eq!(disk.finish(), [(TaskId(1), Ok(()))]);
        assert_eq!(keys(&disk), ["a", "a'"]);
        assert!(disk.begin());
        assert_eq!(disk.finish(), [(TaskId(2), Ok(()))]);
    }

    #[test]
    fn a_full_disk_fails_tasks_and_writes_nothing() {
        let mut disk = Disk {
            full: true,
            ..Disk::default()
        };
        disk.submit(TaskId(1), put("a")).unwrap();
        assert!(disk.begin());
        assert!(matches!(
            disk.finish()[..],
            [(TaskId(1), Err(StorageError::Full(_)))]
        ));
        assert!(disk.records().is_empty());
    }

    #[test]
    fn a_task_out_of_turn_is_reported() {
        let mut disk = Disk::default();
        disk.submit(TaskId(4), Vec::new()).unwrap();
        assert!(disk.submit(TaskId(6), Vec::new()).is_err());
    }
}
