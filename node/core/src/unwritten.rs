//! What the store refused and is to be written again: bounded, and with the confirmations that hang on it.

use std::collections::BTreeMap;

use alloquy_ids::{CommunityId, DeviceId, ScopeId};
use bytes::Bytes;

use crate::io::{TaskId, Write};
use crate::limits::{UNWRITTEN_BYTES_MAX, UNWRITTEN_MAX};
use crate::outbox::Task;

/// How far logs of others are held here, to be confirmed to their authors: height, and whether all is readable.
pub(crate) type Acks = BTreeMap<(CommunityId, DeviceId, ScopeId, u32), (u64, bool)>;

/// Adds confirmations to others: of one log the greater height, readable if all of it is.
pub(crate) fn merge(acks: &mut Acks, other: Acks) {
    for (log, (height, opened)) in other {
        let ack = acks.entry(log).or_insert((0, true));
        *ack = (height.max(ack.0), opened && ack.1);
    }
}

/// A write, and the storage task that it is as young as: what later tasks write with its key is newer.
#[derive(Clone, Debug)]
struct Refused {
    write: Write,
    since: TaskId,
}

/// Writes that the store refused, in the order of their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unwritten {
    writes: BTreeMap<Bytes, Refused>,
    bytes: usize,
    acks: Acks,
}

fn size(write: &Write) -> usize {
    let value = match write {
        Write::Put(_, value) => value.len(),
        Write::Delete(_) => 0,
    };
    write.key().len() + value
}

impl Unwritten {
    /// Keeps a write until the store takes it, unless a younger one with the same key is kept. `since`: the task that
    /// it was in, or the last one before it.
    pub(crate) fn keep(&mut self, write: Write, since: TaskId) {
        let kept = self.writes.get(write.key());
        if kept.is_some_and(|kept| since < kept.since) {
            return;
        }
        self.forget(write.key());
        self.bytes += size(&write);
        let refused = Refused { write, since };
        self.writes.insert(refused.write.key().clone(), refused);
    }

    fn forget(&mut self, key: &Bytes) {
        if let Some(refused) = self.writes.remove(key) {
            self.bytes -= size(&refused.write);
        }
    }

    /// A task's write with this key is in the store: what was refused before it was begun is out of date.
    pub(crate) fn written(&mut self, key: &Bytes, task: TaskId) {
        if self.writes.get(key).is_some_and(|kept| kept.since < task) {
            self.forget(key);
        }
    }

    /// What is confirmed when these writes are durable.
    pub(crate) fn owe(&mut self, acks: Acks) {
        merge(&mut self.acks, acks);
    }

    /// Whether nothing more should be taken in that needs the store. What is under way is kept all the same.
    pub(crate) fn is_full(&self) -> bool {
        self.writes.len() >= UNWRITTEN_MAX || self.bytes >= UNWRITTEN_BYTES_MAX
    }

    pub(crate) fn len(&self) -> usize {
        self.writes.len()
    }

    /// What is to be tried again: all but writes that have a younger one under way, which would come behind it; and what
    /// is to be confirmed when all of it, and what is left, is written.
    pub(crate) fn take(&mut self, under_way: &BTreeMap<TaskId, Task>) -> (Vec<Write>, Acks) {
        let Self { writes, acks, .. } = std::mem::take(self);
        let young: BTreeMap<&Bytes, TaskId> = under_way
            .iter()
            .flat_map(|(id, task)| task.writes.iter().map(|write| (write.key(), *id)))
            .collect();
        let mut again = Vec::new();
        for Refused { write, since } in writes.into_values() {
            if young.get(write.key()).is_some_and(|task| since < *task) {
                self.keep(write, since);
            } else {
                again.push(write);
            }
        }
        (again, acks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::After;

    fn put(number: usize, bytes: usize) -> Write {
        Write::Put(Bytes::from(number.to_string()), vec![0; bytes].into())
    }

    #[test]
    fn it_is_full_by_count_and_by_bytes_and_has_room_again_when_writes_are_replaced() {
        let mut unwritten = Unwritten::default();
        for number in 0..UNWRITTEN_MAX {
            assert!(!unwritten.is_full());
            unwritten.keep(put(number, 1), TaskId(1));
            unwritten.keep(put(number, 1), TaskId(1));
        }
        assert!(unwritten.is_full());
        unwritten.written(&Bytes::from("0"), TaskId(2));
        assert!(!unwritten.is_full());
        unwritten.keep(put(1, UNWRITTEN_BYTES_MAX), TaskId(2));
        assert!(unwritten.is_full());
        unwritten.keep(Write::Delete(Bytes::from("1")), TaskId(2));
        assert!(!unwritten.is_full());
        assert_eq!(unwritten.take(&BTreeMap::new()).0.len(), UNWRITTEN_MAX - 1);
        assert_eq!((unwritten.len(), unwritten.bytes), (0, 0));
    }

    #[test]
    fn the_youngest_write_of_a_key_is_the_one_that_stays() {
        let mut unwritten = Unwritten::default();
        let gone = Write::Delete(Bytes::from("1"));
        unwritten.keep(gone.clone(), TaskId(5));
        // An older task ends later, refused or not.
        unwritten.keep(put(1, 9), TaskId(4));
        unwritten.written(&Bytes::from("1"), TaskId(5));
        let community = CommunityId([1; 32]);
        let log = (community, DeviceId([2; 32]), community.into(), 0);
        let acks = Acks::from([(log, (7, true))]);
        unwritten.owe(acks.clone());

        // A younger one is under way: to be written behind it would undo it.
        let task = |id| {
            let (writes, after) = (vec![put(1, 2)], After::Nothing);
            (TaskId(id), Task { writes, after })
        };
        let (writes, owed) = unwritten.take(&BTreeMap::from([task(6)]));
        assert_eq!((writes, unwritten.len(), &owed), (vec![], 1, &acks));
        let (writes, _) = unwritten.clone().take(&BTreeMap::from([task(5)]));
        assert_eq!(writes, [gone]);
        unwritten.written(&Bytes::from("1"), TaskId(6));
        assert_eq!((unwritten.len(), unwritten.bytes), (0, 0));
    }
}
