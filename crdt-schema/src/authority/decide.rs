//! Rule 2: which operations of a region are effective.
//!
//! Certificates first, then what is judged in its own past only, then from the greatest strength down, equal
//! strength in causal order; admissions and then what members of rank 0 did come last. A unit is effective
//! iff (a) it is permitted in the state made of what is effective in `E` of its own past, less what was
//! already found ineffective, and (b) no effective stronger concurrent unit takes away what (a) rested on.
//!
//! Most units of an honest history touch nothing that a concurrent one rests on: they keep the verdict of
//! their own past and cost a few index look-ups. Only the others are judged again, in a state of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, EventId};

use super::graph::Reach;
use super::op::AuthorityOp;
use super::permit::{Views, count_votes, permit};
use super::state::{Loss, State};
use super::store::{Evaluated, Store};
use super::unit::{Flip, Flips, Subject, Unit, UnitIx};
use super::weigh::{raised, reduced};
use super::write::add_region;
use crate::permissions::{Permissions, Rank};

/// Operations that an explanation names at most, when only many together took something away.
const NAMED_MAX: usize = 32;

/// Evaluates the closure of `heads`, which are more than one and in no other's past.
pub(super) fn evaluate(store: &Store, heads: &[UnitIx]) -> Evaluated {
    let gate = store.graph.gate_of(heads).expect("there are heads");
    let base = store.after(gate);
    let region = store.graph.region(heads, gate);
    let reach = Reach::of(&store.graph, &region);
    let mut decision = Decision {
        store,
        base: &base,
        gate,
        reach: &reach,
        effective: BTreeSet::new(),
        ineffective: BTreeSet::new(),
        acting: BTreeMap::new(),
        fallen: BTreeMap::new(),
        flips: Flips::new(),
    };
    decision.certificates(&region);
    for unit in schedule(store, &region) {
        decision.decide(unit);
    }
    decision.finish(&region)
}

/// The order of decision, without certificates. Lamport time rises along every edge: a causal order.
fn schedule(store: &Store, region: &[UnitIx]) -> Vec<UnitIx> {
    let stage = |ix: &UnitIx| {
        let unit = store.unit(*ix);
        let revokes_invite = matches!(unit.op(), AuthorityOp::InviteRevoke { .. });
        let stage = match unit {
            _ if unit.is_decided_before() => 0,
            _ if unit.is_admit() => 2,
            // A member of rank 0 rests on an admission; only revocations of invites are asked for by these.
            _ if unit.strength > Rank::MEMBER || revokes_invite => 1,
            _ => 3,
        };
        let strength = if stage == 1 {
            unit.strength
        } else {
            Rank::MEMBER
        };
        (stage, std::cmp::Reverse(strength), store.order(*ix))
    };
    let mut order: Vec<_> = region
        .iter()
        .copied()
        .filter(|ix| !store.unit(*ix).is_certificate())
        .collect();
    order.sort_by_cached_key(stage);
    order
}

struct Decision<'a> {
    store: &'a Store,
    /// `E` of the gate.
    base: &'a Evaluated,
    gate: UnitIx,
    reach: &'a Reach,
    effective: BTreeSet<UnitIx>,
    ineffective: BTreeSet<UnitIx>,
    /// Effective units by what they change.
    acting: BTreeMap<Subject, Acting>,
    /// Units that their own past permits and that were found ineffective, by what they change.
    fallen: BTreeMap<Subject, Vec<UnitIx>>,
    flips: Flips,
}

/// Effective units that change one thing.
#[derive(Default)]
struct Acting {
    /// Judged in their own past only.
    before: Vec<UnitIx>,
    /// The others, from the greatest strength down.
    weighed: Vec<UnitIx>,
}

impl Decision<'_> {
    fn decide(&mut self, ix: UnitIx) {
        let unit = self.store.unit(ix);
        if unit.is_decided_before() {
            return self.settle(ix, unit.own.is_ok(), Vec::new());
        }
        let rests_on = unit.rests_on();
        let missing = self.missing(ix, &rests_on);
        let stripped = (!missing.is_empty()).then(|| self.stripped(ix));
        let permitted = match &stripped {
            None => unit.own.is_ok(),
            Some(state) => permit(unit, Views::one(state)).is_ok(),
        };
        if !permitted {
            return self.settle(ix, false, missing);
        }
        let against = self.against(ix, &rests_on);
        if against.is_empty() {
            return self.settle(ix, true, missing);
        }
        let state = stripped.map_or_else(|| self.store.past_of(ix).state.clone(), Arc::new);
        let by = self.taken_by(ix, &state, &against);
        let effective = by.is_empty();
        self.settle(ix, effective, if effective { missing } else { by });
    }

    fn settle(&mut self, ix: UnitIx, effective: bool, by: Vec<UnitIx>) {
        let unit = self.store.unit(ix);
        let decided = if effective {
            &mut self.effective
        } else {
            &mut self.ineffective
        };
        decided.insert(ix);
        if effective != unit.own.is_ok() {
            self.flips.insert(ix, Arc::new(Flip { by }));
        }
        let counted = effective || unit.own.is_ok() || self.store.was_revived(ix);
        let Some(subject) = unit.touches().filter(|_| counted) else {
            return;
        };
        let index = match (effective, unit.is_decided_before()) {
            (true, true) => &mut self.acting.entry(subject).or_default().before,
            (true, false) => &mut self.acting.entry(subject).or_default().weighed,
            (false, _) => self.fallen.entry(subject).or_default(),
        };
        index.push(ix);
    }

    /// Units that are effective in `E` of `ix`'s own past, matter to it, and were found ineffective.
    fn missing(&self, ix: UnitIx, rests_on: &BTreeSet<Subject>) -> Vec<UnitIx> {
        let fallen = rests_on
            .iter()
            .filter_map(|subject| self.fallen.get(subject))
            .flatten()
            .copied();
        let mut found: Vec<_> = fallen
            .filter(|other| self.reach.precedes(*other, ix) && self.held_by_past(*other, ix))
            .collect();
        found.sort_by_key(|other| self.store.order(*other));
        found.dedup();
        found
    }

    /// Whether `other`, which is in the past of `ix`, is effective in `E` of that past.
    fn held_by_past(&self, other: UnitIx, ix: UnitIx) -> bool {
        self.store.unit(other).own.is_ok() != self.store.unit(ix).past_flips.contains_key(&other)
    }

    /// The state of what is effective in `E` of `ix`'s own past, less what was found ineffective.
    fn stripped(&self, ix: UnitIx) -> State {
        let counts =
            |other: &UnitIx| self.held_by_past(*other, ix) && !self.ineffective.contains(other);
        let mut state = (*self.base.state).clone();
        let region = self
            .store
            .graph
            .region(self.store.graph.parents(ix), self.gate);
        let units: Vec<_> = region
            .into_iter()
            .filter(counts)
            .map(|other| (other, self.store.unit(other)))
            .collect();
        self.store.count(1, units.len());
        add_region(&mut state, &units, self.reach);
        state
    }

    /// Effective concurrent units that could take away what `ix` rests on.
    fn against(&self, ix: UnitIx, rests_on: &BTreeSet<Subject>) -> Vec<UnitIx> {
        let unit = self.store.unit(ix);
        let mut found = Vec::new();
        for subject in rests_on {
            let [before, weighed] = self.acting.get(subject).map_or([&[][..]; 2], |acting| {
                [&acting.before[..], &acting.weighed[..]]
            });
            // These were decided from the greatest strength down: the first that does not reach ends the walk.
            let stronger = weighed
                .iter()
                .take_while(|other| unit.is_admit() || reaches(self.store.unit(**other), unit));
            let given_up = before
                .iter()
                .filter(|other| reaches(self.store.unit(**other), unit));
            let concurrent = |other: &&UnitIx| self.reach.concurrent(**other, ix);
            found.extend(given_up.chain(stronger).filter(concurrent).copied());
        }
        found.sort_by_key(|other| self.store.order(*other));
        found.dedup();
        found
    }

    /// Those of `against` that take away what `ix` rests on: one that does so alone, else all together.
    fn taken_by(&self, ix: UnitIx, state: &State, against: &[UnitIx]) -> Vec<UnitIx> {
        // What all together leave standing, none takes alone: only losses are added up.
        if !self.takes(ix, state, against) {
            return Vec::new();
        }
        let named = &against[..against.len().min(NAMED_MAX)];
        let alone = named
            .iter()
            .copied()
            .find(|other| self.takes(ix, state, &[*other]));
        alone.map_or_else(|| named.to_vec(), |other| vec![other])
    }

    fn takes(&self, ix: UnitIx, state: &State, others: &[UnitIx]) -> bool {
        self.store.count(1, 0);
        let unit = self.store.unit(ix);
        let among = |reaches: &dyn Fn(&Unit) -> bool| -> Vec<&Unit> {
            others
                .iter()
                .map(|other| self.store.unit(*other))
                .filter(|other| reaches(other))
                .collect()
        };
        let stronger = among(&|other| reaches(other, unit));
        let author = reduced(state, &stronger);
        let targets = raised(state, &stronger);
        let inviter = unit
            .seen
            .creator
            .as_ref()
            .map(|(account, _)| state.rank(*account));
        let over_creator = among(&|other| inviter.is_some_and(|rank| other.strength > rank));
        let creator = if over_creator.is_empty() {
            None
        } else {
            Some(reduced(state, &over_creator))
        };
        let views = Views {
            author: &author,
            targets: &targets,
            creator: creator.as_ref().unwrap_or(state),
        };
        if permit(unit, views).is_err() {
            return true;
        }
        unit.is_admit()
            && (demoted(unit, state, &author)
                || others.iter().any(|other| self.ends_invite(unit, *other)))
    }

    /// A revocation of the invite that an admission used.
    fn ends_invite(&self, unit: &Unit, other: UnitIx) -> bool {
        let other = self.store.unit(other);
        let (AuthorityOp::Admit(join), AuthorityOp::InviteRevoke { invite }) =
            (unit.op(), other.op())
        else {
            return false;
        };
        !unit.repeated && join.invite == Some(*invite) && other.seen.binds_concurrent
    }

    /// Orders the certificates: of those over one version the one with more votes, then more endorsements,
    /// then the smaller id. The walk starts at the version in force behind the region.
    fn certificates(&mut self, region: &[UnitIx]) {
        let held: Vec<_> = region
            .iter()
            .copied()
            .filter(|ix| self.store.unit(*ix).is_certificate())
            .collect();
        let mut over: BTreeMap<EventId, Vec<UnitIx>> = BTreeMap::new();
        for ix in &held {
            let unit = self.store.unit(*ix);
            if let (AuthorityOp::OwnersCertificate { proposal, .. }, Ok(())) =
                (unit.op(), &unit.own)
            {
                over.entry(proposal.replaces).or_default().push(*ix);
            }
        }
        let mut version = self.base.state.owners_version;
        while let Some(rivals) = over.get(&version) {
            let chosen = self.best_certificate(rivals, region);
            for rival in rivals.iter().filter(|rival| **rival != chosen) {
                self.settle(*rival, false, vec![chosen]);
            }
            self.settle(chosen, true, Vec::new());
            over.remove(&version);
            version = self.store.unit(chosen).id;
        }
        // Those left replace a version that stands no more: they fell with it, whatever it fell to.
        for ix in &held {
            let reached = self.effective.contains(ix) || self.ineffective.contains(ix);
            let AuthorityOp::OwnersCertificate { proposal, .. } = self.store.unit(*ix).op() else {
                continue;
            };
            if !reached {
                let replaced = |other: &&UnitIx| self.store.unit(**other).id == proposal.replaces;
                self.settle(
                    *ix,
                    false,
                    held.iter()
                        .copied()
                        .filter(|other| replaced(&other))
                        .collect(),
                );
            }
        }
    }

    fn best_certificate(&self, rivals: &[UnitIx], region: &[UnitIx]) -> UnitIx {
        let [first, rest @ ..] = rivals else {
            unreachable!("a version is listed with a certificate over it")
        };
        if rest.is_empty() {
            return *first;
        }
        let endorsed = self.endorsements(rivals, region);
        let standing = |ix: &UnitIx| {
            let unit = self.store.unit(*ix);
            (
                unit.seen.votes,
                endorsed.get(ix).map_or(0, BTreeSet::len),
                std::cmp::Reverse(unit.id),
            )
        };
        *rivals
            .iter()
            .max_by_key(|ix| standing(ix))
            .expect("there are rivals")
    }

    /// Owners of the replaced version who wrote something with exactly this one of the rivals in its past.
    ///
    /// What has two rivals in its past prefers neither; not counting it keeps the outcome once everybody
    /// has seen both.
    fn endorsements(
        &self,
        rivals: &[UnitIx],
        region: &[UnitIx],
    ) -> BTreeMap<UnitIx, BTreeSet<AccountId>> {
        let owners = &self.store.past_of(rivals[0]).state.owners;
        let mut found: BTreeMap<UnitIx, BTreeSet<AccountId>> = BTreeMap::new();
        for ix in region {
            let Some(author) = self
                .store
                .unit(*ix)
                .author
                .filter(|author| owners.contains(author))
            else {
                continue;
            };
            let behind: Vec<_> = rivals
                .iter()
                .filter(|rival| self.reach.precedes(**rival, *ix))
                .collect();
            if let [only] = behind[..] {
                found.entry(*only).or_default().insert(author);
            }
        }
        found
    }

    fn finish(self, region: &[UnitIx]) -> Evaluated {
        let mut state = (*self.base.state).clone();
        let effective: Vec<_> = region
            .iter()
            .filter(|ix| self.effective.contains(ix))
            .map(|ix| (*ix, self.store.unit(*ix)))
            .collect();
        self.store.count(0, effective.len());
        add_region(&mut state, &effective, self.reach);
        let mut flips = self.base.flips.clone();
        add_losses_of_falls(self.store, &mut state, self.flips.iter());
        for (ix, flip) in &self.flips {
            flips.insert(*ix, flip.clone());
        }
        Evaluated {
            state: Arc::new(state),
            flips,
        }
    }
}

/// Whoever was given the keys by an admission, grant or overwrite that fell has lost the entitlement.
pub(super) fn add_losses_of_falls<'a>(
    store: &Store,
    state: &mut State,
    flips: impl Iterator<Item = (&'a UnitIx, &'a Arc<Flip>)>,
) {
    for (ix, flip) in flips {
        let unit = store.unit(*ix);
        let fell = unit.own.is_ok() && gives_entitlement(unit.op());
        let Some(account) = unit.target().or(unit.author).filter(|_| fell) else {
            continue;
        };
        let loss = |by: &UnitIx| Loss {
            op: store.unit(*by).id,
            account,
            device: None,
            channel: None,
        };
        state.losses.extend(flip.by.iter().map(loss));
    }
}

fn gives_entitlement(op: &AuthorityOp) -> bool {
    match op {
        AuthorityOp::Admit(_)
        | AuthorityOp::Add { .. }
        | AuthorityOp::Grant { .. }
        | AuthorityOp::Unban { .. }
        | AuthorityOp::DeviceAdd { .. }
        | AuthorityOp::ChannelCreate { private: true, .. } => true,
        AuthorityOp::Overwrite { allow, .. } => allow.has(Permissions::VIEW),
        AuthorityOp::RoleEdit { permissions, .. } | AuthorityOp::RoleCreate { permissions, .. } => {
            permissions.has(Permissions::VIEW)
        }
        _ => false,
    }
}

/// Whether a unit may take from a concurrent one: it is stronger, or the author himself gave it up.
fn reaches(other: &Unit, unit: &Unit) -> bool {
    match other.op() {
        // Brought in by a device of the account that is not revoked there, it reaches what is concurrent.
        AuthorityOp::DeviceRevoke { account, .. } => {
            other.author == Some(*account) && other.seen.binds_concurrent
        }
        _ if other.is_renunciation() => other.author == unit.author && other.author.is_some(),
        _ => other.strength > unit.strength,
    }
}

/// Whether the admitting member is lower in `now` than in `before`.
fn demoted(unit: &Unit, before: &State, now: &State) -> bool {
    unit.author
        .is_some_and(|author| now.rank(author) < before.rank(author))
}

/// Votes of a certificate in the state of its past.
pub(super) fn votes_of(unit: &Unit, state: &State) -> u32 {
    if unit.is_certificate() {
        count_votes(unit, state).0
    } else {
        0
    }
}
