//! What the store refused and is to be written again: bounded, and with the confirmations that hang on it.

use std::collections::BTreeMap;

use alloquy_ids::{CommunityId, DeviceId, ScopeId};
use bytes::Bytes;

use crate::io::Write;
use crate::limits::{UNWRITTEN_BYTES_MAX, UNWRITTEN_MAX};

/// How far logs of others are held here, to be confirmed to their authors: height, and whether all is readable.
pub(crate) type Acks = BTreeMap<(CommunityId, DeviceId, ScopeId, u32), (u64, bool)>;

/// Adds confirmations to others: of one log the greater height, readable if all of it is.
pub(crate) fn merge(acks: &mut Acks, other: Acks) {
    for (log, (height, opened)) in other {
        let ack = acks.entry(log).or_insert((0, true));
        *ack = (height.max(ack.0), opened && ack.1);
    }
}

/// Writes that the store refused, in the order of their keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unwritten {
    writes: BTreeMap<Bytes, Write>,
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
    /// Keeps a write until the store takes it; a later one with the same key stands in its place.
    pub(crate) fn keep(&mut self, write: Write) {
        self.forget(write.key());
        self.bytes += size(&write);
        self.writes.insert(write.key().clone(), write);
    }

    /// A newer write with this key is in the store.
    pub(crate) fn forget(&mut self, key: &Bytes) {
        if let Some(write) = self.writes.remove(key) {
            self.bytes -= size(&write);
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

    /// Everything, to be tried again.
    pub(crate) fn take(&mut self) -> (Vec<Write>, Acks) {
        let Self { writes, acks, .. } = std::mem::take(self);
        (writes.into_values().collect(), acks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(number: usize, bytes: usize) -> Write {
        Write::Put(Bytes::from(number.to_string()), vec![0; bytes].into())
    }

    #[test]
    fn it_is_full_by_count_and_by_bytes_and_has_room_again_when_writes_are_replaced() {
        let mut unwritten = Unwritten::default();
        for number in 0..UNWRITTEN_MAX {
            assert!(!unwritten.is_full());
            unwritten.keep(put(number, 1));
            unwritten.keep(put(number, 1));
        }
        assert!(unwritten.is_full());
        unwritten.forget(&Bytes::from("0"));
        assert!(!unwritten.is_full());
        unwritten.keep(put(1, UNWRITTEN_BYTES_MAX));
        assert!(unwritten.is_full());
        unwritten.keep(Write::Delete(Bytes::from("1")));
        assert!(!unwritten.is_full());
        assert_eq!(unwritten.take().0.len(), UNWRITTEN_MAX - 1);
        assert_eq!((unwritten.len(), unwritten.bytes), (0, 0));
    }
}
