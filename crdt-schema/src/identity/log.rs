//! An account's identity events as a set: checked once, merged freely, evaluated again whenever it grows.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, DeviceId, EventId, ScopeId, UnixMs};

use super::rules::{Verdicts, outcome};
use super::{Identity, IdentityError, IdentityOp, RecoveryWords};
use crate::codec::Canonical;
use crate::dag::Dag;
use crate::event::{Kind, SignedEvent, VerifiedEvent};
use crate::keys::{Signatures, Strict};
use crate::limits::IDENTITY_CHAIN_MAX;

/// Identity events of one account, whole with their parents, and what they come to.
#[derive(Clone, Debug)]
pub struct IdentityLog {
    /// By id: parents are held with every event.
    pub(super) events: BTreeMap<EventId, Held>,
    identity: Identity,
    /// Events that the identity rests on.
    counts: BTreeSet<EventId>,
    /// What never changes about each event.
    verdicts: Verdicts,
}

/// A checked identity event.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) event: VerifiedEvent,
    pub(super) op: IdentityOp,
}

impl Held {
    /// The device that the event brings in.
    pub(super) fn brings_in(&self) -> Option<DeviceId> {
        match &self.op {
            IdentityOp::Genesis { .. } => Some(self.event.header().device),
            IdentityOp::DeviceAdd { device, .. } => Some(*device),
            IdentityOp::Recover(recovery) => recovery.add.as_ref().map(|(device, _)| *device),
            _ => None,
        }
    }
}

impl PartialEq for IdentityLog {
    /// Equal sets of events: an id names all that is signed.
    fn eq(&self, other: &Self) -> bool {
        self.events.keys().eq(other.events.keys())
    }
}

impl Eq for IdentityLog {}

impl IdentityLog {
    /// Checks every event of a chain, genesis first, parents before children, and evaluates it.
    ///
    /// # Errors
    /// [`IdentityError`]: an empty or overlong chain, or an event that does not hold.
    pub fn verify(chain: &[SignedEvent]) -> Result<Self, IdentityError> {
        Self::verify_by(chain, &Strict)
    }

    /// The same; `signatures` says which signatures hold.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_by(
        chain: &[SignedEvent],
        signatures: &dyn Signatures,
    ) -> Result<Self, IdentityError> {
        if chain.len() > IDENTITY_CHAIN_MAX {
            return Err(IdentityError::TooMany {
                count: chain.len(),
                limit: IDENTITY_CHAIN_MAX,
            });
        }
        let (first, later) = chain.split_first().ok_or(IdentityError::NoGenesis)?;
        let at = |position| move |reason| IdentityError::Event { position, reason };
        let genesis = genesis(first, signatures).map_err(at(0))?;
        let account = AccountId::from(genesis.event.id());
        let mut dag = Dag::new(account.into());
        dag.insert(genesis.event.clone())
            .map_err(|error| at(0)(error.to_string()))?;
        let mut events = BTreeMap::from([(genesis.event.id(), genesis)]);
        for (position, event) in later.iter().enumerate() {
            let held = follows(&mut dag, event, account, signatures).map_err(at(position + 1))?;
            events.insert(held.event.id(), held);
        }
        Ok(Self::of(events, &[]))
    }

    fn of(events: BTreeMap<EventId, Held>, known: &[&Verdicts]) -> Self {
        let outcome = outcome(&events, known);
        Self {
            events,
            identity: outcome.identity,
            counts: outcome.counts,
            verdicts: outcome.verdicts,
        }
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.identity.account
    }

    /// What the events come to.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Ids of all events, ascending.
    pub fn ids(&self) -> impl Iterator<Item = EventId> + '_ {
        self.events.keys().copied()
    }

    /// How many events are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Never: a genesis is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When a device first came in, as the clock of the device that signed it said.
    #[must_use]
    pub fn since(&self, device: DeviceId) -> Option<UnixMs> {
        let brings = |held: &&&Held| held.brings_in() == Some(device);
        let first = self.in_order();
        let first = first.iter().find(brings)?;
        Some(first.event.header().wall)
    }

    /// Whether every event of `other` is held.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.events.keys().all(|id| self.events.contains_key(id))
    }

    /// The events of both logs of one account. Of another account's log nothing is taken.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        if other.account() != self.account() || self.covers(other) {
            return self.clone();
        }
        if other.covers(self) {
            return other.clone();
        }
        let mut events = self.events.clone();
        for (id, held) in &other.events {
            events.entry(*id).or_insert_with(|| held.clone());
        }
        Self::of(events, &[&self.verdicts, &other.verdicts])
    }

    /// The log with one more event, which is checked.
    ///
    /// # Errors
    /// [`IdentityError::Event`]: the event does not hold, or its parents are not held.
    pub fn with(&self, event: &SignedEvent) -> Result<Self, IdentityError> {
        let mut dag = self.dag();
        let position = self.len();
        let held = follows(&mut dag, event, self.account(), &Strict)
            .map_err(|reason| IdentityError::Event { position, reason })?;
        let mut events = self.events.clone();
        events.insert(held.event.id(), held);
        Ok(Self::of(events, &[&self.verdicts]))
    }

    /// The events in an order that [`IdentityLog::verify`] takes: genesis first, parents before children. Where they
    /// are more than it takes, only those that count, with their past: what a recovery has beaten is left out.
    #[must_use]
    pub fn chain(&self) -> Vec<SignedEvent> {
        let signed = |held: &Held| {
            held.event
                .to_signed()
                .expect("identity events are verified one by one, with their bodies")
        };
        if self.len() <= IDENTITY_CHAIN_MAX {
            return self.in_order().into_iter().map(signed).collect();
        }
        let counting: Vec<_> = self.counts.iter().copied().collect();
        let needed = self.closure(&counting);
        let ordered = self.in_order().into_iter();
        let ordered = ordered.filter(|held| needed.contains_key(&held.event.id()));
        ordered.map(signed).collect()
    }

    /// Heads of the greatest part of the log in which these words are in force, the account is open and one more event
    /// finds room; and how often the words were used by then. `None`: the words never were this account's.
    pub(super) fn last_under(&self, words: &RecoveryWords) -> Option<(Vec<EventId>, u32)> {
        let under = |heads: &[EventId]| {
            let part = self.closure(heads);
            let room = part.len() < IDENTITY_CHAIN_MAX;
            let identity = outcome(&part, &[&self.verdicts]).identity;
            (room && !identity.closed && words.belong_to(&identity)).then(|| {
                let mut ordered: Vec<_> = part.values().collect();
                ordered.sort_by_cached_key(|held| held.event.order_key());
                (heads_of(ordered.into_iter()), identity.recovered)
            })
        };
        let fit: Vec<_> = self
            .in_order()
            .into_iter()
            .map(|held| held.event.id())
            .filter(|id| under(&[*id]).is_some())
            .collect();
        let (last, _) = fit.split_last()?;
        // Each event alone leaves the words in force; all together they may not (two changes beside each other).
        under(&fit).or_else(|| under(&[*last]))
    }

    /// Events that nothing follows, newest (greatest in the order shown) first.
    #[must_use]
    pub fn heads(&self) -> Vec<EventId> {
        heads_of(self.in_order().into_iter())
    }

    pub(super) fn in_order(&self) -> Vec<&Held> {
        let mut ordered: Vec<_> = self.events.values().collect();
        // Lamport time rises along every edge: a causal order.
        ordered.sort_by_cached_key(|held| held.event.order_key());
        ordered
    }

    /// The part of the log that the given events and their past make. Ids that are not held are left out.
    pub(super) fn closure(&self, heads: &[EventId]) -> BTreeMap<EventId, Held> {
        let mut found = BTreeMap::new();
        let mut open = heads.to_vec();
        while let Some(id) = open.pop() {
            if let Some(held) = self.events.get(&id)
                && found.insert(id, held.clone()).is_none()
            {
                open.extend(held.event.header().parents());
            }
        }
        found
    }

    fn dag(&self) -> Dag {
        let mut dag = Dag::new(self.account().into());
        for held in self.in_order() {
            dag.insert(held.event.clone())
                .expect("parents are held and come first");
        }
        dag
    }
}

/// Those of the events that no other names as a parent, newest first. The events are in causal order.
pub(super) fn heads_of<'a>(events: impl Iterator<Item = &'a Held>) -> Vec<EventId> {
    let mut ids = Vec::new();
    let mut named = BTreeSet::new();
    for held in events {
        ids.push(held.event.id());
        named.extend(held.event.header().parents());
    }
    ids.retain(|id| !named.contains(id));
    ids.reverse();
    ids
}

/// Signature, kind and operation of one identity event.
fn checked(event: &SignedEvent, signatures: &dyn Signatures) -> Result<Held, String> {
    if event.header.kind != Kind::Identity || !event.header.auth.is_empty() {
        return Err("it is not an identity event".to_owned());
    }
    let event = event.clone().verify_by(signatures);
    let event = event.map_err(|error| error.to_string())?;
    let body = event.body().expect("a verified signed event has its body");
    let op = IdentityOp::from_bytes(body).map_err(|error| error.to_string())?;
    Ok(Held { event, op })
}

/// The event that makes an account.
fn genesis(event: &SignedEvent, signatures: &dyn Signatures) -> Result<Held, String> {
    let held = checked(event, signatures)?;
    let header = held.event.header();
    if header.scope != ScopeId::ZERO || header.seq != 0 || header.parents().next().is_some() {
        return Err("a genesis has scope zero and nothing before it".to_owned());
    }
    if !matches!(held.op, IdentityOp::Genesis { .. }) {
        return Err("an identity log starts with a genesis".to_owned());
    }
    held.op.check(held.event.id().into(), header, signatures)?;
    Ok(held)
}

/// A later event, added to what is held before it.
fn follows(
    dag: &mut Dag,
    event: &SignedEvent,
    account: AccountId,
    signatures: &dyn Signatures,
) -> Result<Held, String> {
    let held = checked(event, signatures)?;
    let header = held.event.header();
    if dag.contains(held.event.id()) {
        return Err("it stands in the chain twice".to_owned());
    }
    if header.parents().next().is_none() {
        return Err("it does not follow the genesis".to_owned());
    }
    if matches!(held.op, IdentityOp::Genesis { .. }) {
        return Err("a second genesis".to_owned());
    }
    if header.scope != ScopeId::from(account) {
        return Err(format!("its scope is {}, not {account}", header.scope));
    }
    held.op.check(account, header, signatures)?;
    dag.insert(held.event.clone())
        .map_err(|error| error.to_string())?;
    Ok(held)
}
