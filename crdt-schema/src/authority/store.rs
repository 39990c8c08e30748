//! Units, their graph, and `E(H)`: kept where it is cheap, computed again where it is not.
//!
//! The evaluation behind every 64th gate is kept for good, the last ones used in a bounded memo. Any other
//! is replayed from the nearest of these with the verdicts that the units themselves remember, so that
//! nothing is ever decided twice and nothing recurses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_ids::EventId;

use super::decide;
use super::graph::{Graph, Reach};
use super::state::State;
use super::unit::{Flips, Unit, UnitIx};
use super::write::{add, add_region};

/// Gates between two evaluations that are kept for good: a replay is at most this long.
const KEPT_EVERY: u32 = 64;
/// Evaluations in the memo: more than the distinct `auth` of a busy minute; each shares most of its parts.
const MEMO_MAX: usize = 512;

/// `E` of some heads.
#[derive(Clone, Debug)]
pub(super) struct Evaluated {
    pub(super) state: Arc<State>,
    /// Units whose verdict differs from that of their own past.
    pub(super) flips: Flips,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    pub(super) graph: Graph,
    units: Vec<Arc<Unit>>,
    kept: BTreeMap<UnitIx, Evaluated>,
    memo: RefCell<Memo>,
    /// Units that their own past refuses and that some later past found effective.
    revived: BTreeSet<UnitIx>,
    effort: Cell<Effort>,
}

/// Work done since the log was opened: what tests gate instead of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Operations judged against a state.
    pub judged: u64,
    /// Operations applied to a state.
    pub written: u64,
}

#[derive(Clone, Debug, Default)]
struct Memo {
    held: BTreeMap<Vec<UnitIx>, Evaluated>,
    order: VecDeque<Vec<UnitIx>>,
}

impl Memo {
    fn put(&mut self, heads: Vec<UnitIx>, evaluated: Evaluated) {
        if self.held.insert(heads.clone(), evaluated).is_none() {
            self.order.push_back(heads);
        }
        if self.order.len() > MEMO_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.held.remove(&oldest);
        }
    }
}

impl Store {
    pub(super) fn unit(&self, ix: UnitIx) -> &Unit {
        &self.units[ix as usize]
    }

    pub(super) fn effort(&self) -> Effort {
        self.effort.get()
    }

    pub(super) fn count(&self, judged: usize, written: usize) {
        let Effort {
            judged: before,
            written: old,
        } = self.effort.get();
        self.effort.set(Effort {
            judged: before + judged as u64,
            written: old + written as u64,
        });
    }

    /// A causal order that is the same on all replicas.
    pub(super) fn order(&self, ix: UnitIx) -> (u64, EventId, u16) {
        let unit = self.unit(ix);
        (unit.lamport, unit.id, unit.part)
    }

    pub(super) fn was_revived(&self, ix: UnitIx) -> bool {
        self.revived.contains(&ix)
    }

    /// Adds a unit with these parents, of whose closure `past` is the evaluation.
    pub(super) fn push(
        &mut self,
        unit: Unit,
        parents: Vec<UnitIx>,
        past: &Evaluated,
    ) -> (UnitIx, Evaluated) {
        if parents.len() > 1 {
            let revived = past
                .flips
                .keys()
                .filter(|ix| self.units[**ix as usize].own.is_err());
            let revived: Vec<_> = revived.copied().collect();
            self.revived.extend(revived);
        }
        let ix = self.graph.push(parents);
        self.count(1, 1);
        let after = followed(past, &unit);
        self.units.push(Arc::new(unit));
        if self.graph.depth(ix).is_multiple_of(KEPT_EVERY) {
            self.kept.insert(ix, after.clone());
        }
        self.memo.borrow_mut().put(vec![ix], after.clone());
        (ix, after)
    }

    /// `E` of heads that are in no other's past, ascending.
    pub(super) fn evaluated(&self, heads: &[UnitIx]) -> Evaluated {
        if heads.is_empty() {
            return Evaluated {
                state: Arc::new(State::empty()),
                flips: Flips::new(),
            };
        }
        if let [only] = heads {
            return self.after(*only);
        }
        if let Some(held) = self.memo.borrow().held.get(heads) {
            return held.clone();
        }
        let evaluated = decide::evaluate(self, heads);
        self.memo
            .borrow_mut()
            .put(heads.to_vec(), evaluated.clone());
        evaluated
    }

    /// `E` of the closure of one unit.
    pub(super) fn after(&self, ix: UnitIx) -> Evaluated {
        let mut path = Vec::new();
        let mut at = ix;
        let mut found = loop {
            if let Some(held) = self.held(at) {
                break held;
            }
            path.push(at);
            at = self.graph.gate(at);
        };
        while let Some(next) = path.pop() {
            self.count(0, 1);
            found = followed(&self.joined(next, found), self.unit(next));
        }
        self.memo.borrow_mut().put(vec![ix], found.clone());
        found
    }

    /// `E` of the past of a unit.
    pub(super) fn past_of(&self, ix: UnitIx) -> Evaluated {
        match self.graph.parents(ix) {
            [] => self.evaluated(&[]),
            [only] => self.after(*only),
            heads => {
                if let Some(held) = self.memo.borrow().held.get(heads) {
                    return held.clone();
                }
                let past = self.joined(ix, self.after(self.graph.gate(ix)));
                self.memo.borrow_mut().put(heads.to_vec(), past.clone());
                past
            }
        }
    }

    /// `E` of `heads` less what `whole`, an evaluation of everything held, found ineffective.
    pub(super) fn standing(&self, heads: &[UnitIx], whole: &Evaluated) -> Arc<State> {
        let past = self.evaluated(heads);
        let in_past = |ix: &UnitIx| self.unit(*ix).own.is_ok() != past.flips.contains_key(ix);
        let in_whole = |ix: &UnitIx| self.unit(*ix).own.is_ok() != whole.flips.contains_key(ix);
        let fell =
            |ix: &UnitIx| in_past(ix) && !in_whole(ix) && self.graph.closure_holds(heads, *ix);
        // A unit on which the two disagree is a flip of one of them.
        let differ = whole
            .flips
            .keys()
            .chain(past.flips.keys())
            .copied()
            .filter(|ix| fell(ix));
        let Some(first) = differ.min() else {
            return past.state.clone();
        };
        let mut gate = self
            .graph
            .gate_of(heads)
            .expect("a fallen unit is in the closure of a head");
        while gate >= first {
            gate = self.graph.gate(gate);
        }
        let stands = |ix: &UnitIx| in_past(ix) && in_whole(ix);
        let region = self.graph.region(heads, gate);
        let reach = Reach::of(&self.graph, &region);
        let units: Vec<_> = region
            .into_iter()
            .filter(stands)
            .map(|ix| (ix, self.unit(ix)))
            .collect();
        let mut state = (*self.after(gate).state).clone();
        add_region(&mut state, &units, &reach);
        Arc::new(state)
    }

    fn held(&self, ix: UnitIx) -> Option<Evaluated> {
        // The genesis is kept, and every walk along gates ends there.
        self.kept
            .get(&ix)
            .cloned()
            .or_else(|| self.memo.borrow().held.get(&[ix][..]).cloned())
    }

    /// `E` of the past of `ix` from `E` of its gate, by the verdicts that the unit remembers.
    fn joined(&self, ix: UnitIx, gate: Evaluated) -> Evaluated {
        let parents = self.graph.parents(ix);
        if parents.len() < 2 {
            return gate;
        }
        let region = self.graph.region(parents, self.graph.gate(ix));
        let reach = Reach::of(&self.graph, &region);
        let flips = &self.unit(ix).past_flips;
        let effective = |other: &UnitIx| self.unit(*other).own.is_ok() != flips.contains_key(other);
        let units: Vec<_> = region
            .iter()
            .copied()
            .filter(effective)
            .map(|other| (other, self.unit(other)))
            .collect();
        let mut state = (*gate.state).clone();
        self.count(0, units.len());
        add_region(&mut state, &units, &reach);
        decide::add_losses_of_falls(
            self,
            &mut state,
            region.iter().filter_map(|ix| flips.get_key_value(ix)),
        );
        Evaluated {
            state: Arc::new(state),
            flips: flips.clone(),
        }
    }
}

/// `E` with one more unit that has everything in its past.
fn followed(past: &Evaluated, unit: &Unit) -> Evaluated {
    if unit.own.is_err() {
        return past.clone();
    }
    let mut state = (*past.state).clone();
    add(&mut state, unit);
    Evaluated {
        state: Arc::new(state),
        flips: past.flips.clone(),
    }
}
