//! What a set of identity events comes to. docs/protocol.md, "Accounts", Evaluation.
//!
//! `E(S)` of a set that holds the parents of its events. An event is *sound* iff `E` of its own past lets its device do
//! it: that never changes. Of the sound events in `S` the recoveries are taken first, version by version of
//! the recovery key: they beat what devices signed beside them. Then the revocations among devices are weighed:
//! one by a device that is itself revoked beside it only suspends, and so does what a revoked device added
//! beside its revocation.
//!
//! Invariant: nothing depends on the order of the events but by (lamport, device, incarnation, seq, id).

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{DeviceId, EventId, NetworkKey};

use super::log::Held;
use super::{Identity, IdentityOp, Recovery};

/// `E` of a set of events: the genesis is among them. `known`: what earlier evaluations found of some of them.
pub(super) fn outcome(events: &BTreeMap<EventId, Held>, known: &[&Verdicts]) -> Outcome {
    let set = Set::of(events, known);
    let all = Bits::full(set.held.len());
    let (identity, counting) = set.evaluate(&all);
    let counts = counting.iter().map(|at| set.held[at].event.id()).collect();
    let ids = set.held.iter().map(|held| held.event.id());
    let verdicts = ids.zip(set.sound.iter().copied()).collect();
    Outcome {
        identity,
        counts,
        verdicts,
    }
}

/// Of each event the version of the recovery key in its past if it is sound: that never changes.
pub(super) type Verdicts = BTreeMap<EventId, Option<Version>>;

/// An identity and the events that it rests on.
pub(super) struct Outcome {
    pub(super) identity: Identity,
    pub(super) counts: BTreeSet<EventId>,
    pub(super) verdicts: Verdicts,
}

/// A set of places in the causal order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    fn full(len: usize) -> Self {
        let mut bits = Self::empty(len);
        (0..len).for_each(|at| bits.add(at));
        bits
    }

    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    fn extend(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|at| self.has(*at))
    }
}

/// What the recovery key was: a recovery or a change of the words replaces one version by the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    step: u32,
    used: u32,
    commitment: [u8; 32],
    wrap_key: [u8; 32],
}

/// All events in causal order, each with its past.
struct Set<'a> {
    held: Vec<&'a Held>,
    past: Vec<Bits>,
    /// Of each sound event, the version of the recovery key in force in its past.
    sound: Vec<Option<Version>>,
    /// Events that bring a device in, by device.
    entries: BTreeMap<DeviceId, Vec<usize>>,
}

/// How the events of a set stand beside each other, given the recoveries in force.
struct Standing<'a> {
    set: &'a Set<'a>,
    recoveries: &'a [usize],
    /// Sound, not beaten by a recovery, and by a device that came in by an event which counts.
    counts: Bits,
    /// Counting revocations by a device, by the device that they name.
    revocations: BTreeMap<DeviceId, Vec<usize>>,
    /// Counting events that a device signed beside its own revocation.
    tainted: Bits,
}

impl<'a> Set<'a> {
    fn of(events: &'a BTreeMap<EventId, Held>, known: &[&Verdicts]) -> Self {
        let mut held: Vec<_> = events.values().collect();
        // Lamport time rises along every edge: a causal order.
        held.sort_by_cached_key(|held| held.event.order_key());
        let place: BTreeMap<_, _> = held
            .iter()
            .enumerate()
            .map(|(at, held)| (held.event.id(), at))
            .collect();
        let mut past: Vec<Bits> = Vec::with_capacity(held.len());
        for event in &held {
            let mut own = Bits::empty(held.len());
            for parent in event.event.header().parents() {
                let parent = place[&parent];
                own.add(parent);
                own.extend(&past[parent]);
            }
            past.push(own);
        }
        let mut entries: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for (at, event) in held.iter().enumerate() {
            if let Some(device) = event.brings_in() {
                entries.entry(device).or_default().push(at);
            }
        }
        let mut set = Self {
            sound: vec![None; held.len()],
            held,
            past,
            entries,
        };
        for at in 0..set.held.len() {
            let id = set.held[at].event.id();
            let found = known.iter().find_map(|known| known.get(&id));
            set.sound[at] = found.copied().unwrap_or_else(|| set.judge(at));
        }
        set
    }

    fn device(&self, at: usize) -> DeviceId {
        self.held[at].event.header().device
    }

    fn op(&self, at: usize) -> &'a IdentityOp {
        &self.held[at].op
    }

    fn recovery(&self, at: usize) -> Option<&'a Recovery> {
        match self.op(at) {
            IdentityOp::Recover(recovery) => Some(recovery),
            _ => None,
        }
    }

    fn concurrent(&self, a: usize, b: usize) -> bool {
        a != b && !self.past[a].has(b) && !self.past[b].has(a)
    }

    /// The version of the recovery key in force before the event, if `E` of its own past lets its device sign it.
    fn judge(&self, at: usize) -> Option<Version> {
        if matches!(self.op(at), IdentityOp::Genesis { .. }) {
            return Some(self.first_version());
        }
        let (version, recoveries) = self.versions(&self.past[at]);
        let standing = Standing::of(self, &self.past[at], &recoveries);
        let before = standing.identity(&version);
        let device = self.device(at);
        let may = match self.op(at) {
            IdentityOp::Recover(recovery) => {
                let enters = recovery.add.is_some() || before.devices.contains_key(&device);
                !before.closed
                    && enters
                    && !recovery.revoke.contains(&device)
                    && super::recovery::commitment_of(&recovery.key) == version.commitment
            }
            IdentityOp::DeviceAdd { device: added, .. } => {
                before.acts(device) && !before.revoked.contains(added)
            }
            IdentityOp::DeviceRevoke { device: revoked } => {
                before.acts(device) && before.devices.contains_key(revoked)
            }
            IdentityOp::HomeAdd { device: home, .. } => {
                before.acts(device)
                    && !before.devices.contains_key(home)
                    && !before.revoked.contains(home)
            }
            _ => before.acts(device),
        };
        may.then_some(version)
    }

    fn first_version(&self) -> Version {
        let IdentityOp::Genesis {
            recovery_commitment,
            recovery_wrap_key,
            ..
        } = self.op(0)
        else {
            unreachable!("the genesis comes first in causal order: everything else has a parent")
        };
        Version {
            step: 0,
            used: 0,
            commitment: *recovery_commitment,
            wrap_key: *recovery_wrap_key,
        }
    }

    /// The recoveries in force among `members` and the version that stands after them.
    fn versions(&self, members: &Bits) -> (Version, Vec<usize>) {
        let mut version = self.first_version();
        let mut recoveries = Vec::new();
        loop {
            let over = |at: &usize| self.sound[*at] == Some(version);
            let rivals = members.iter().filter(over);
            let best = rivals
                .filter_map(|at| Some((self.held[at].event.id(), self.recovery(at)?)))
                .min_by_key(|(id, _)| *id);
            if let Some((_, best)) = best {
                let next = (best.next_commitment, best.next_wrap_key);
                // The same words used on two machines at once: both recoveries hold.
                let agrees = |at: &usize| {
                    self.recovery(*at).is_some_and(|recovery| {
                        (recovery.next_commitment, recovery.next_wrap_key) == next
                    })
                };
                recoveries.extend(members.iter().filter(over).filter(agrees));
                version = version.after(next, version.used + 1);
                continue;
            }
            let standing = Standing::of(self, members, &recoveries);
            let change = |at: usize| match self.op(at) {
                IdentityOp::RecoveryChange {
                    commitment,
                    wrap_key,
                } if standing.holds(at) => {
                    Some((self.held[at].event.id(), (*commitment, *wrap_key)))
                }
                _ => None,
            };
            match members.iter().filter(over).filter_map(change).min() {
                Some((_, next)) => version = version.after(next, 0),
                None => return (version, recoveries),
            }
        }
    }

    fn evaluate(&self, members: &Bits) -> (Identity, Bits) {
        let (version, recoveries) = self.versions(members);
        let standing = Standing::of(self, members, &recoveries);
        (standing.identity(&version), standing.counts)
    }
}

impl Version {
    const fn after(self, next: ([u8; 32], [u8; 32]), used: u32) -> Self {
        Self {
            step: self.step + 1,
            used,
            commitment: next.0,
            wrap_key: next.1,
        }
    }
}

impl<'a> Standing<'a> {
    fn of(set: &'a Set<'a>, members: &Bits, recoveries: &'a [usize]) -> Self {
        let len = set.held.len();
        let mut standing = Self {
            set,
            recoveries,
            counts: Bits::empty(len),
            revocations: BTreeMap::new(),
            tainted: Bits::empty(len),
        };
        for at in members.iter() {
            if standing.counts_at(at) {
                standing.counts.add(at);
                if let IdentityOp::DeviceRevoke { device } = set.op(at) {
                    standing.revocations.entry(*device).or_default().push(at);
                }
            }
        }
        for at in members.iter() {
            if standing.counts.has(at) && standing.tainted_at(at) {
                standing.tainted.add(at);
            }
        }
        standing
    }

    /// Whether the event counts, those before it decided.
    fn counts_at(&self, at: usize) -> bool {
        let set = self.set;
        match set.op(at) {
            IdentityOp::Genesis { .. } => true,
            IdentityOp::Recover(_) => self.recoveries.contains(&at),
            _ => {
                let beaten = self
                    .recoveries
                    .iter()
                    .any(|recovery| set.concurrent(*recovery, at));
                set.sound[at].is_some()
                    && !beaten
                    && self.entries(at, set.device(at)).next().is_some()
            }
        }
    }

    /// Counting events in the past of another that brought a device in.
    fn entries(&self, of: usize, device: DeviceId) -> impl Iterator<Item = usize> + '_ {
        let past = &self.set.past[of];
        self.entries_of(device).filter(move |at| past.has(*at))
    }

    /// Counting events that brought a device in.
    fn entries_of(&self, device: DeviceId) -> impl Iterator<Item = usize> + '_ {
        let all = self.set.entries.get(&device).into_iter().flatten().copied();
        all.filter(|at| self.counts.has(*at))
    }

    /// Counting revocations of a device by a device.
    fn revocations_of(&self, device: DeviceId) -> impl Iterator<Item = usize> + '_ {
        self.revocations.get(&device).into_iter().flatten().copied()
    }

    /// Whether a device signed the event beside its own revocation, or came in only by such events; those before
    /// it decided. What a recovery had in its past is clean.
    fn tainted_at(&self, at: usize) -> bool {
        let set = self.set;
        if matches!(
            set.op(at),
            IdentityOp::Genesis { .. } | IdentityOp::Recover(_)
        ) {
            return false;
        }
        let device = set.device(at);
        let revoked_beside = self
            .revocations_of(device)
            .any(|revocation| set.concurrent(revocation, at) && !self.decided(&[revocation, at]));
        let clean_entry = |entry: usize| !self.tainted.has(entry) || self.decided(&[entry]);
        revoked_beside || !self.entries(at, device).any(clean_entry)
    }

    /// Whether a recovery had all of these in its past.
    fn decided(&self, events: &[usize]) -> bool {
        let mut recoveries = self.recoveries.iter();
        recoveries.any(|recovery| events.iter().all(|at| self.set.past[*recovery].has(*at)))
    }

    /// Counts, and not signed beside the device's revocation.
    fn holds(&self, at: usize) -> bool {
        self.counts.has(at) && !self.tainted.has(at)
    }

    /// Whether the account is closed by this event. One in the past of a recovery in force is not: a recovery needs an
    /// open account, so that closing had no effect when the words were used, and they must not give it one.
    fn closes(&self, at: usize) -> bool {
        self.holds(at) && !self.decided(&[at])
    }

    /// Whether the author of a revocation was not itself revoked beside it.
    fn is_firm(&self, revocation: usize, target: DeviceId) -> bool {
        let author = self.set.device(revocation);
        let beside = |other| self.set.concurrent(other, revocation);
        author == target || !self.revocations_of(author).any(beside)
    }

    fn identity(&self, version: &Version) -> Identity {
        let mut devices = self.devices();
        let closed = self
            .counts
            .iter()
            .any(|at| matches!(self.set.op(at), IdentityOp::Close) && self.closes(at));
        let revoked: BTreeSet<_> = if closed {
            devices.keys().copied().collect()
        } else {
            self.revoked()
        };
        devices.retain(|device, _| !revoked.contains(device));
        let suspended = devices
            .keys()
            .copied()
            .filter(|device| self.is_suspended(*device))
            .collect();
        Identity {
            account: self.set.held[0].event.id().into(),
            revoked,
            devices,
            suspended,
            homes: if closed {
                BTreeMap::new()
            } else {
                self.homes()
            },
            closed,
            recovered: version.used,
            recovery_commitment: version.commitment,
            recovery_wrap_key: version.wrap_key,
        }
    }

    /// Every device that ever came in, with its network keys.
    fn devices(&self) -> BTreeMap<DeviceId, Vec<NetworkKey>> {
        let mut found: BTreeMap<DeviceId, Vec<NetworkKey>> = BTreeMap::new();
        for at in self.counts.iter() {
            let network = match self.set.op(at) {
                IdentityOp::Genesis { network, .. } | IdentityOp::DeviceAdd { network, .. } => {
                    Some(network)
                }
                IdentityOp::Recover(recovery) => recovery.add.as_ref().map(|(_, network)| network),
                _ => None,
            };
            if let (Some(network), Some(device)) = (network, self.set.held[at].brings_in()) {
                let keys = found.entry(device).or_default();
                if !keys.contains(&network.key) {
                    keys.push(network.key);
                }
            }
        }
        found
    }

    fn revoked(&self) -> BTreeSet<DeviceId> {
        let by_words = |at: &usize| self.set.recovery(*at).map(|recovery| (*at, recovery));
        let recoveries: Vec<_> = self.recoveries.iter().filter_map(by_words).collect();
        let brought_back = |at: usize, device: DeviceId| {
            recoveries.iter().any(|(recovery, what)| {
                self.set.past[*recovery].has(at)
                    && what.add.as_ref().is_some_and(|(added, _)| *added == device)
            })
        };
        let by_devices = self
            .revocations
            .iter()
            .flat_map(|(device, all)| all.iter().map(|at| (*at, *device)))
            .filter(|(at, device)| self.is_firm(*at, *device));
        let ended = recoveries
            .iter()
            .flat_map(|(at, what)| what.revoke.iter().map(|device| (*at, *device)));
        by_devices
            .chain(ended)
            .filter(|(at, device)| !brought_back(*at, *device))
            .map(|(_, device)| device)
            .collect()
    }

    /// Revoked by a device that was revoked itself beside that, or brought in only by events of such a device.
    fn is_suspended(&self, device: DeviceId) -> bool {
        let revoked = self.revocations_of(device).any(|at| !self.decided(&[at]));
        let mut entries = self.entries_of(device);
        revoked || !entries.any(|at| !self.tainted.has(at) || self.decided(&[at]))
    }

    fn homes(&self) -> BTreeMap<DeviceId, NetworkKey> {
        let holding = || self.counts.iter().filter(|at| self.holds(*at));
        let mut removals: BTreeMap<DeviceId, Vec<usize>> = BTreeMap::new();
        for at in holding() {
            if let IdentityOp::HomeRemove { device } = self.set.op(at) {
                removals.entry(*device).or_default().push(at);
            }
        }
        let mut found = BTreeMap::new();
        for at in holding() {
            if let IdentityOp::HomeAdd {
                device, network, ..
            } = self.set.op(at)
            {
                // Of an addition and a removal beside each other the removal stands.
                let past = &self.set.past[at];
                let gone = removals.get(device).into_iter().flatten();
                if gone.copied().all(|removal| past.has(removal)) {
                    found.insert(*device, network.key);
                }
            }
        }
        found
    }
}
