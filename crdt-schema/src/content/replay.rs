//! Replays content operations into automerge (docs/protocol.md, "Content").
//!
//! Each event becomes one transaction on a document that holds exactly the closure of the automerge heads of its
//! parents: the shown document if those are its heads, else a fork of it, which is merged back. Automerge's own
//! `transaction_at` is not used: it numbers operations from the whole document instead of from the heads, so
//! that the change would depend on what else had arrived. Each event is an actor of its own, so that two events of
//! a forked log never meet as one (actor, sequence), which automerge would refuse; the actor begins with the
//! Lamport time, because automerge keeps actors sorted and only a last one is added without rewriting all.
//!
//! Automerge never sees bytes from the network, and an error of it skips the operation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, Automerge, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, TextEncoding,
};

use super::{ContentOp, Field, Value};
use crate::codec::{Canonical, Reader, Writer};
use crate::event::OrderKey;
use crate::limits::NOTE_BYTES_MAX;

/// Forks kept: writers who are concurrent for a while go on where they were. Each may hold a whole document.
const FORKS_MAX: usize = 4;

/// Where the note stands in the document.
const NOTE: &str = "note";

/// The automerge document, and what of it is shown.
#[derive(Debug)]
pub(super) struct Replay {
    doc: Automerge,
    base: ChangeHash,
    note: ObjId,
    forks: VecDeque<Automerge>,
    /// Per event in the order of insertion: the automerge heads after it, ascending.
    frontiers: Vec<Vec<ChangeHash>>,
    fields: BTreeMap<Field, Value>,
}

impl Replay {
    /// The empty document; the same on every replica.
    pub(super) fn new() -> Self {
        let mut doc = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
        doc.set_actor(ActorId::from([0_u8; 32]));
        let mut tx = doc.transaction();
        let note = tx
            .put_object(ROOT, NOTE, ObjType::Text)
            .expect("the root of an empty document takes a text");
        let (base, _patches) = tx.commit_with(CommitOptions::default().with_time(0));
        let base = base.expect("the transaction holds one operation");
        Self {
            doc,
            base,
            note,
            forks: VecDeque::new(),
            frontiers: Vec::new(),
            fields: BTreeMap::new(),
        }
    }

    /// How many events were replayed.
    pub(super) fn len(&self) -> usize {
        self.frontiers.len()
    }

    /// Replays the next event; `ops` is empty for one without effect. Returns the fields that it names.
    pub(super) fn push(
        &mut self,
        key: OrderKey,
        parents: &[u32],
        ops: &[ContentOp],
    ) -> BTreeSet<Field> {
        let at = self.frontiers.len();
        self.frontiers.push(Vec::new());
        self.replace(at, key, parents, ops)
    }

    /// Replays an event that was without effect and that nothing follows yet.
    pub(super) fn replace(
        &mut self,
        at: usize,
        key: OrderKey,
        parents: &[u32],
        ops: &[ContentOp],
    ) -> BTreeSet<Field> {
        let mut heads: BTreeSet<_> = parents
            .iter()
            .flat_map(|parent| self.frontiers[*parent as usize].iter().copied())
            .collect();
        if heads.is_empty() {
            heads.insert(self.base);
        }
        let heads: Vec<_> = heads.into_iter().collect();
        self.frontiers[at] = if ops.is_empty() {
            heads
        } else {
            self.write(key, heads, ops)
        };
        let named: BTreeSet<_> = ops.iter().filter_map(ContentOp::field).cloned().collect();
        for field in &named {
            self.read(field);
        }
        named
    }

    pub(super) const fn fields(&self) -> &BTreeMap<Field, Value> {
        &self.fields
    }

    pub(super) fn note(&self) -> String {
        self.doc.text(&self.note).unwrap_or_default()
    }

    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    /// One transaction at `heads`; the heads after it.
    fn write(
        &mut self,
        key: OrderKey,
        heads: Vec<ChangeHash>,
        ops: &[ContentOp],
    ) -> Vec<ChangeHash> {
        if self.doc.get_heads() == heads {
            return transact(&mut self.doc, &self.note, key, ops).map_or(heads, |hash| vec![hash]);
        }
        let Some(mut fork) = self.fork(&heads) else {
            return heads;
        };
        let written = transact(&mut fork, &self.note, key, ops);
        // Only the new change is carried over: a merge would compare the whole histories.
        let change = written.and_then(|hash| fork.get_change_by_hash(&hash));
        let written = change.and_then(|change| {
            let hash = change.hash();
            self.doc.apply_changes([change]).ok().map(|()| hash)
        });
        self.forks.push_front(fork);
        self.forks.truncate(FORKS_MAX);
        written.map_or(heads, |hash| vec![hash])
    }

    /// A document that holds the closure of `heads`.
    fn fork(&mut self, heads: &[ChangeHash]) -> Option<Automerge> {
        let kept = self.forks.iter().position(|fork| fork.get_heads() == heads);
        kept.and_then(|kept| self.forks.remove(kept))
            .or_else(|| self.doc.fork_at(heads).ok())
    }

    fn read(&mut self, field: &Field) {
        match read(&self.doc, field) {
            Some(value) => self.fields.insert(field.clone(), value),
            None => self.fields.remove(field),
        };
    }
}

impl ContentOp {
    const fn field(&self) -> Option<&Field> {
        match self {
            Self::Set { field, .. } | Self::Clear { field } => Some(field),
            Self::SpliceNote { .. } => None,
        }
    }
}

fn name(field: &Field) -> String {
    alloquy_ids::to_base32(&field.to_bytes())
}

fn read(doc: &Automerge, field: &Field) -> Option<Value> {
    let (value, _) = doc.get(ROOT, name(field)).ok()??;
    let automerge::Value::Scalar(scalar) = value else {
        return None;
    };
    let ScalarValue::Bytes(bytes) = scalar.as_ref() else {
        return None;
    };
    Value::read(&mut Reader::new(bytes), field).ok()
}

/// Does the operations of one event; `None` if nothing came of them.
fn transact(
    doc: &mut Automerge,
    note: &ObjId,
    key: OrderKey,
    ops: &[ContentOp],
) -> Option<ChangeHash> {
    doc.set_actor(ActorId::from(
        [&key.lamport.to_be_bytes(), key.id.0.as_slice()].concat(),
    ));
    let mut tx = doc.transaction();
    for op in ops {
        // What can not be done is skipped; the same is skipped everywhere, because the document is the same.
        let _skipped = match op {
            ContentOp::Set { field, value } => {
                let mut w = Writer::new();
                value.write(&mut w);
                tx.put(ROOT, name(field), ScalarValue::Bytes(w.into_bytes()))
            }
            ContentOp::Clear { field } => clear(&mut tx, field),
            ContentOp::SpliceNote { at, remove, insert } => {
                splice(&mut tx, note, (*at, *remove), insert)
            }
        };
    }
    tx.commit_with(CommitOptions::default().with_time(0)).0
}

fn clear(tx: &mut impl Transactable, field: &Field) -> Result<(), automerge::AutomergeError> {
    match tx.get(ROOT, name(field))? {
        Some(_) => tx.delete(ROOT, name(field)),
        None => Ok(()),
    }
}

fn splice(
    tx: &mut impl Transactable,
    note: &ObjId,
    (at, remove): (u32, u32),
    insert: &str,
) -> Result<(), automerge::AutomergeError> {
    let len = tx.length(note);
    let at = (at as usize).min(len);
    let remove = (remove as usize).min(len - at);
    // Counted in scalar values of up to four bytes first: only a long note is measured.
    let longest = (len - remove) * 4 + insert.len();
    let over = longest > NOTE_BYTES_MAX && tx.text(note)?.len() + insert.len() > NOTE_BYTES_MAX;
    if (remove == 0 && insert.is_empty()) || (over && !insert.is_empty()) {
        return Ok(());
    }
    let remove = isize::try_from(remove).expect("a text in memory is shorter than isize::MAX");
    tx.splice_text(note, at, remove, insert)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events by (parents, operations), numbered as listed.
    fn replayed(events: &[(Vec<u32>, Vec<ContentOp>)], order: &[u32]) -> Replay {
        let mut replay = Replay::new();
        let place =
            |event: u32| u32::try_from(order.iter().position(|id| *id == event).unwrap()).unwrap();
        for event in order {
            let (parents, ops) = &events[*event as usize];
            let parents: Vec<_> = parents.iter().map(|parent| place(*parent)).collect();
            let id = alloquy_ids::EventId(crate::hash::plain(&event.to_le_bytes()));
            let device = alloquy_ids::DeviceId::ZERO;
            let key = OrderKey {
                lamport: u64::from(*event),
                device,
                incarnation: 0,
                seq: 0,
                id,
            };
            replay.push(key, &parents, ops);
        }
        replay
    }

    fn splice(at: u32, remove: u32, insert: &str) -> ContentOp {
        ContentOp::SpliceNote {
            at,
            remove,
            insert: insert.to_owned(),
        }
    }

    fn named(text: &str) -> ContentOp {
        ContentOp::Set {
            field: Field::Name,
            value: Value::Text(text.to_owned()),
        }
    }

    #[test]
    fn concurrent_branches_give_the_same_document_in_every_order() {
        let events = [
            (vec![], vec![splice(0, 0, "one two"), named("a")]),
            (vec![0], vec![splice(3, 0, " and"), named("b")]),
            (
                vec![0],
                vec![
                    splice(u32::MAX, u32::MAX, "!"),
                    named("c"),
                    splice(0, 99, "gone"),
                ],
            ),
            (vec![1], vec![splice(0, 3, "ONE")]),
            (vec![3, 2], vec![ContentOp::Clear { field: Field::Name }]),
            (
                vec![2],
                vec![
                    ContentOp::Clear {
                        field: Field::Topic,
                    },
                    named("d"),
                ],
            ),
        ];
        let first = replayed(&events, &[0, 1, 2, 3, 4, 5]);
        assert!(!first.note().is_empty());
        for order in [[0, 2, 1, 3, 4, 5], [0, 2, 5, 1, 3, 4], [0, 1, 3, 2, 5, 4]] {
            let other = replayed(&events, &order);
            assert_eq!(other.note(), first.note());
            assert_eq!(other.fields(), first.fields());
            assert_eq!(other.heads(), first.heads());
        }
    }

    #[test]
    fn the_note_stays_within_its_limit() {
        let chunk = "ä".repeat(20_000);
        let events: Vec<_> = (0..8_u32)
            .map(|n| {
                (
                    n.checked_sub(1).into_iter().collect(),
                    vec![splice(0, 0, &chunk)],
                )
            })
            .collect();
        let replay = replayed(&events, &(0..8).collect::<Vec<_>>());
        assert_eq!(replay.note().len(), NOTE_BYTES_MAX / 40_000 * 40_000);
    }
}
