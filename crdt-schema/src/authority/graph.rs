//! The shape of a log: which unit is in the past of which, and where its history narrows to one unit.
//!
//! Each unit knows its *gate*: the latest unit through which every path from it to the genesis goes (its
//! immediate dominator). What lies behind the gate of some heads is comparable with everything between the
//! gate and the heads, so an evaluation replays only what lies between. In a linear history the gate is the
//! unit before, in whatever length, and every question costs O(log n) by way of jump pointers.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::unit::UnitIx;

/// Parents, gates and jump pointers of all units; indices grow with every unit.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    /// Parents that are not in the past of another parent, ascending.
    parents: Vec<UnitIx>,
    gate: UnitIx,
    /// Steps to the genesis by way of gates.
    depth: u32,
    /// A gate further back, so that a walk over many gates is short.
    jump: UnitIx,
}

impl Graph {
    /// Adds the next unit. `parents` must be as [`Graph::reduced`] returns them.
    pub(super) fn push(&mut self, parents: Vec<UnitIx>) -> UnitIx {
        let ix = UnitIx::try_from(self.nodes.len()).expect("a log holds fewer than 2^32 units");
        let gate = self.gate_of(&parents).unwrap_or(0);
        let (depth, jump) = match self.nodes.get(gate as usize) {
            None => (0, 0),
            Some(up) => {
                let further = &self.nodes[up.jump as usize];
                let even = up.depth - further.depth
                    == further.depth - self.nodes[further.jump as usize].depth;
                (up.depth + 1, if even { further.jump } else { gate })
            }
        };
        self.nodes.push(Node {
            parents,
            gate,
            depth,
            jump,
        });
        ix
    }

    pub(super) fn parents(&self, ix: UnitIx) -> &[UnitIx] {
        &self.nodes[ix as usize].parents
    }

    pub(super) fn gate(&self, ix: UnitIx) -> UnitIx {
        self.nodes[ix as usize].gate
    }

    pub(super) fn depth(&self, ix: UnitIx) -> u32 {
        self.nodes[ix as usize].depth
    }

    /// The latest unit that is a gate of (or is) each of `heads`.
    pub(super) fn gate_of(&self, heads: &[UnitIx]) -> Option<UnitIx> {
        heads.iter().copied().reduce(|a, b| self.common_gate(a, b))
    }

    fn common_gate(&self, mut a: UnitIx, mut b: UnitIx) -> UnitIx {
        if self.depth(a) < self.depth(b) {
            std::mem::swap(&mut a, &mut b);
        }
        while self.depth(a) > self.depth(b) {
            let jump = self.nodes[a as usize].jump;
            a = if self.depth(jump) >= self.depth(b) {
                jump
            } else {
                self.gate(a)
            };
        }
        while a != b {
            let (jump_a, jump_b) = (self.nodes[a as usize].jump, self.nodes[b as usize].jump);
            (a, b) = if jump_a == jump_b {
                (self.gate(a), self.gate(b))
            } else {
                (jump_a, jump_b)
            };
        }
        a
    }

    /// Whether `a` is `b` or in its past.
    pub(super) fn holds(&self, b: UnitIx, a: UnitIx) -> bool {
        // Indices grow along every edge. The last gate of `b` that is not before `a` decides.
        if a >= b {
            return a == b;
        }
        let mut at = b;
        while self.gate(at) >= a {
            let jump = self.nodes[at as usize].jump;
            at = if jump >= a { jump } else { self.gate(at) };
            if at == a {
                return true;
            }
        }
        self.search(at, a)
    }

    /// Whether `a` lies between `b` and its gate.
    fn search(&self, b: UnitIx, a: UnitIx) -> bool {
        let mut stack: Vec<_> = self.parents(b).to_vec();
        let mut seen = BTreeSet::new();
        while let Some(next) = stack.pop() {
            if next == a {
                return true;
            }
            if next > a && seen.insert(next) {
                stack.extend_from_slice(self.parents(next));
            }
        }
        false
    }

    /// Whether `a` is in the closure of `heads`.
    pub(super) fn closure_holds(&self, heads: &[UnitIx], a: UnitIx) -> bool {
        heads.iter().any(|head| self.holds(*head, a))
    }

    /// `heads` without those that are in the past of another, ascending.
    pub(super) fn reduced(&self, heads: impl IntoIterator<Item = UnitIx>) -> Vec<UnitIx> {
        let all: BTreeSet<_> = heads.into_iter().collect();
        let covered = |ix: UnitIx| all.range(ix + 1..).any(|later| self.holds(*later, ix));
        all.iter().copied().filter(|ix| !covered(*ix)).collect()
    }

    /// Units in the closure of `heads` that come after `gate`, parents first.
    pub(super) fn region(&self, heads: &[UnitIx], gate: UnitIx) -> Vec<UnitIx> {
        let mut heap: BinaryHeap<_> = heads.iter().copied().collect();
        let mut found = Vec::new();
        while let Some(next) = heap.pop() {
            if next == gate || found.last() == Some(&next) {
                continue;
            }
            found.push(next);
            heap.extend(self.parents(next));
        }
        found.reverse();
        found
    }
}

/// Who precedes whom among the units of one region, by decomposition into chains.
///
/// Each unit is at a place of one chain; `before` holds the last place of every other chain that is in its
/// past. Memory is O(units + forks), not O(units squared): a long chain beside one late unit is two chains.
#[derive(Debug)]
pub(super) struct Reach {
    places: BTreeMap<UnitIx, Place>,
}

#[derive(Debug)]
struct Place {
    chain: u32,
    at: u32,
    before: Arc<BTreeMap<u32, u32>>,
}

impl Reach {
    /// Of a region, parents first.
    pub(super) fn of(graph: &Graph, region: &[UnitIx]) -> Self {
        let mut places: BTreeMap<UnitIx, Place> = BTreeMap::new();
        let mut ends: Vec<u32> = Vec::new();
        for unit in region {
            let place = {
                let within: Vec<&Place> = graph
                    .parents(*unit)
                    .iter()
                    .filter_map(|parent| places.get(parent))
                    .collect();
                place_after(&within, &mut ends)
            };
            places.insert(*unit, place);
        }
        Self { places }
    }

    /// Whether `a` is in the past of `b`. A unit is not in its own past.
    pub(super) fn precedes(&self, a: UnitIx, b: UnitIx) -> bool {
        let (Some(first), Some(second)) = (self.places.get(&a), self.places.get(&b)) else {
            return false;
        };
        if first.chain == second.chain {
            return first.at < second.at;
        }
        second
            .before
            .get(&first.chain)
            .is_some_and(|at| *at >= first.at)
    }

    pub(super) fn concurrent(&self, a: UnitIx, b: UnitIx) -> bool {
        a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// What the pasts of these units cover together.
    pub(super) fn covered_by(&self, units: impl Iterator<Item = UnitIx>) -> Covered {
        // Along a chain `before` only grows: the last one of each has all of it.
        let mut lasts: BTreeMap<u32, &Place> = BTreeMap::new();
        for place in units.filter_map(|ix| self.places.get(&ix)) {
            let last = lasts.entry(place.chain).or_insert(place);
            if last.at < place.at {
                *last = place;
            }
        }
        let mut covered = Covered::default();
        for place in lasts.values() {
            covered.last.insert(place.chain, place.at);
            for (chain, at) in place.before.iter() {
                let known = covered.before.entry(*chain).or_insert(*at);
                *known = (*known).max(*at);
            }
        }
        covered
    }

    /// Whether a unit is in the past of one of those that cover.
    pub(super) fn is_covered(&self, ix: UnitIx, by: &Covered) -> bool {
        self.places.get(&ix).is_some_and(|place| {
            let later = by.last.get(&place.chain);
            let beside = by.before.get(&place.chain);
            later.is_some_and(|last| *last > place.at) || beside.is_some_and(|at| *at >= place.at)
        })
    }
}

/// The pasts of some units of a region.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// By chain: the last place of it that one of the units has.
    last: BTreeMap<u32, u32>,
    /// By chain: the last place of it that a unit of another chain has in its past.
    before: BTreeMap<u32, u32>,
}

/// The place of a unit with these parents: it continues the chain of one whose chain ends with it.
fn place_after(parents: &[&Place], ends: &mut Vec<u32>) -> Place {
    let goes_on = parents
        .iter()
        .find(|parent| ends[parent.chain as usize] == parent.at);
    let (chain, at) = match goes_on {
        Some(parent) => (parent.chain, parent.at + 1),
        None => {
            ends.push(0);
            (ends.len() as u32 - 1, 0)
        }
    };
    ends[chain as usize] = at;
    let before = match (parents, goes_on) {
        ([only], Some(_)) => only.before.clone(),
        ([], _) => Arc::default(),
        _ => {
            let mut all = (*parents[0].before).clone();
            let own = parents.iter().map(|parent| (parent.chain, parent.at));
            for (other, last) in parents
                .iter()
                .flat_map(|parent| parent.before.iter().map(|(a, b)| (*a, *b)))
                .chain(own)
            {
                let known = all.entry(other).or_insert(last);
                *known = (*known).max(last);
            }
            all.remove(&chain);
            Arc::new(all)
        }
    };
    Place { chain, at, before }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_some_units_cover_is_what_precedes_one_of_them(
            parents in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 1..4), 1..40),
            chosen in any::<u64>(),
        ) {
            let mut graph = Graph::default();
            graph.push(Vec::new());
            for (at, parents) in parents.iter().enumerate() {
                let named = parents.iter().map(|parent| parent.index(at + 1) as UnitIx);
                let reduced = graph.reduced(named);
                graph.push(reduced);
            }
            let region: Vec<UnitIx> = (0..=parents.len() as UnitIx).collect();
            let reach = Reach::of(&graph, &region);
            let set = || region.iter().copied().filter(|ix| chosen >> ix & 1 == 1);
            let covered = reach.covered_by(set());
            for ix in &region {
                let precedes = set().any(|other| reach.precedes(*ix, other));
                prop_assert_eq!(reach.is_covered(*ix, &covered), precedes, "{}", ix);
            }
        }
    }
}
