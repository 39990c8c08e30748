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

/// Changes that are looked at to find what a kept fork lacks, at most; beyond that a fork is made anew.
const FORK_WALK_MAX: usize = 1_024;

/// Where the note stands in the document.
const NOTE: &str = "note";

/// The automerge document, and what of it is shown.
#[derive(Debug)]
pub(super) struct Replay {
    doc: Automerge,
    base: ChangeHash,
    note: ObjId,
    forks: VecDeque<Automerge>,
    /// Every change of the document: its number in the order of replay, parents first, and the heads that it was made
    /// at.
    changes: BTreeMap<ChangeHash, (usize, Vec<ChangeHash>)>,
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
            changes: BTreeMap::from([(base, (0, Vec::new()))]),
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
            let written = transact(&mut self.doc, &self.note, key, ops);
            return self.note_change(written, heads);
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
        self.note_change(written, heads)
    }

    /// The heads after a change that was made at `heads`, or after none.
    fn note_change(
        &mut self,
        written: Option<ChangeHash>,
        heads: Vec<ChangeHash>,
    ) -> Vec<ChangeHash> {
        let Some(hash) = written else { return heads };
        let number = self.changes.len();
        self.changes.entry(hash).or_insert((number, heads));
        vec![hash]
    }

    /// A document that holds the closure of `heads`: a kept one that has come no further, with what it lacks, since to
    /// make one anew costs the whole history.
    fn fork(&mut self, heads: &[ChangeHash]) -> Option<Automerge> {
        let lacks = |fork: &Automerge| self.lacks(&fork.get_heads(), heads);
        let kept = self.forks.iter().map(lacks).enumerate();
        let kept = kept.filter_map(|(at, lacks)| Some((at, lacks?)));
        let nearest = kept.min_by_key(|(_, lacks)| lacks.len());
        match nearest {
            Some((at, lacks)) if lacks.is_empty() => self.forks.remove(at),
            Some((at, lacks)) => {
                // The kept one stays for whoever goes on there.
                let mut fork = self.forks[at].clone();
                let changes = lacks
                    .iter()
                    .map(|hash| self.doc.get_change_by_hash(hash))
                    .collect::<Option<Vec<_>>>()?;
                fork.apply_changes(changes).ok().map(|()| fork)
            }
            None => self.doc.fork_at(heads).ok(),
        }
    }

    /// What is in the closure of `wanted` and not in that of `held`, parents first. `None`: `held` has something that
    /// is not in the closure of `wanted`, or they lie too far apart.
    fn lacks(&self, held: &[ChangeHash], wanted: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        // From the newest change to older ones, whether each is wanted and held: parents have smaller numbers, so both
        // are known when its turn comes.
        let mut open: BTreeMap<usize, (ChangeHash, bool, bool)> = BTreeMap::new();
        let reach = |open: &mut BTreeMap<_, _>, hashes: &[ChangeHash], by: (bool, bool)| {
            hashes.iter().try_for_each(|hash| {
                let (number, _) = self.changes.get(hash)?;
                let (_, is_wanted, is_held) = open.entry(*number).or_insert((*hash, false, false));
                *is_wanted |= by.0;
                *is_held |= by.1;
                Some(())
            })
        };
        reach(&mut open, wanted, (true, false))?;
        reach(&mut open, held, (false, true))?;
        let mut lacks = Vec::new();
        for _ in 0..FORK_WALK_MAX {
            if open.values().all(|(_, wanted, held)| *wanted && *held) {
                lacks.reverse();
                return Some(lacks);
            }
            let (_, (hash, wanted, held)) = open.pop_last()?;
            match (wanted, held) {
                (true, false) => lacks.push(hash),
                (false, _) => return None,
                (true, true) => {}
            }
            let (_, parents) = self.changes.get(&hash)?;
            reach(&mut open, parents, (wanted, held))?;
        }
        None
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

    /// Numbers that look like chance and are the same in each run.
    fn chance(state: &mut u64) -> usize {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap()
    }

    #[test]
    fn forks_that_are_kept_and_brought_forward_give_what_new_ones_give() {
        for seed in 1..=6 {
            let mut state = seed;
            // Six writers who see what others wrote with some delay, or not for long.
            let mut seen: Vec<BTreeSet<u32>> = vec![BTreeSet::from([0]); 6];
            let mut events = vec![(vec![], vec![named("first")])];
            for number in 1..60_u32 {
                let writer = chance(&mut state) % seen.len();
                let parents: Vec<_> = seen[writer].iter().copied().collect();
                let ops = vec![splice(number % 7, 1, "xy"), named(&format!("{number}"))];
                events.push((parents, ops));
                seen[writer] = BTreeSet::from([number]);
                let from = chance(&mut state) % seen.len();
                let heads = seen[from].clone();
                seen[writer].extend(heads);
            }
            let forward: Vec<_> = (0..60).collect();
            let first = replayed(&events, &forward);
            for _ in 0..3 {
                // Another order in which parents come first.
                let mut order: Vec<u32> = vec![0];
                while order.len() < events.len() {
                    let ready: Vec<u32> = (1..60)
                        .filter(|id| !order.contains(id))
                        .filter(|id| events[*id as usize].0.iter().all(|p| order.contains(p)))
                        .collect();
                    order.push(ready[chance(&mut state) % ready.len()]);
                }
                let other = replayed(&events, &order);
                assert_eq!(other.heads(), first.heads(), "seed {seed}");
                assert_eq!(other.note(), first.note(), "seed {seed}");
                assert_eq!(other.fields(), first.fields(), "seed {seed}");
            }
        }
    }

    #[test]
    fn what_a_kept_fork_lacks_is_what_lies_between() {
        let events = [
            (vec![], vec![named("0")]),
            (vec![0], vec![named("1")]),
            (vec![0], vec![named("2")]),
            (vec![1, 2], vec![named("3")]),
            (vec![2], vec![named("4")]),
        ];
        let replay = replayed(&events, &[0, 1, 2, 3, 4]);
        let at = |event: usize| replay.frontiers[event].clone();
        let lacks = |held: usize, wanted: usize| replay.lacks(&at(held), &at(wanted));
        assert_eq!(lacks(1, 3), Some([at(2), at(3)].concat()));
        assert_eq!(lacks(0, 4), Some([at(2), at(4)].concat()));
        assert_eq!(lacks(3, 3), Some(vec![]));
        assert_eq!(lacks(3, 4), None, "1 and 3 are not in the past of 4");
        assert_eq!(lacks(4, 1), None);
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
