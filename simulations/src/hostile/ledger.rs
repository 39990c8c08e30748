//! What rogues did: counted where it goes out, so that a trick that acts is told from one that is only planned.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use alloquy_ids::{EventId, NetworkKey};
use alloquy_schema::event::{Header, LogId};

use super::rogue::Trick;

/// How often each form of each trick went out, or was kept back.
pub type Acts = BTreeMap<(Trick, &'static str), u64>;

/// The ledger of one run, which all its rogues write.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) acts: Acts,
    /// Events that nobody is given, by their logs and places there.
    withheld: BTreeMap<LogId, BTreeMap<u64, EventId>>,
    /// The same by their ids alone.
    ids: BTreeSet<EventId>,
    /// Of the withheld ones those of which a peer knows: it was given a later one of the same log, or one that names it.
    known: BTreeMap<NetworkKey, BTreeSet<EventId>>,
}

/// One ledger in many hands.
pub(super) type Shared = Arc<Mutex<Ledger>>;

impl Ledger {
    pub(super) fn note(&mut self, act: (Trick, &'static str)) {
        *self.acts.entry(act).or_default() += 1;
    }

    pub(super) fn note_withheld(&mut self, log: LogId, seq: u64, event: EventId) {
        self.withheld.entry(log).or_default().insert(seq, event);
        self.ids.insert(event);
    }

    /// A peer is given an event: it knows of what that names, and of all that lie before it in its log.
    pub(super) fn note_given(&mut self, to: NetworkKey, header: &Header) {
        let known = self.known.entry(to).or_default();
        if let Some(withheld) = self.withheld.get(&header.log()) {
            known.extend(withheld.range(..header.seq).map(|(_, event)| *event));
        }
        known.extend(header.parents().filter(|parent| self.ids.contains(parent)));
    }

    /// Withheld events of which a peer knows.
    pub(super) fn known_to(&self, peer: NetworkKey) -> BTreeSet<EventId> {
        self.known.get(&peer).cloned().unwrap_or_default()
    }
}
