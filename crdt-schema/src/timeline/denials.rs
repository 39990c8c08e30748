//! What limits writing in one scope: the effective denials that concern its devices, the ids that they list,
//! and which of them an event had in its authority past (docs/protocol.md, "Denials limit writing").
//!
//! Denials are numbered (*columns*) once and for ever; whether a set of authority heads has one in its closure
//! never changes, so it is remembered.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId};

use crate::authority::{AuthorityLog, Denial, Verdict};
use crate::permissions::Permissions;

/// A denial as it limits one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// Number of the deciding operation.
    pub(crate) column: u32,
    /// Rights that it took.
    pub(crate) rights: Permissions,
    /// Where; `None`: in the whole community.
    pub(crate) channel: Option<ChannelId>,
}

/// One set of authority heads that events name.
#[derive(Debug)]
struct Past {
    heads: Vec<EventId>,
    /// Per column asked for: whether it is in the closure.
    sees: BTreeMap<u32, bool>,
}

/// The author of events with one set of authority heads, by one device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author {
    pub(crate) account: AccountId,
    /// The operation that admitted the account, as `E(auth)` says.
    pub(crate) admitted: EventId,
    /// Rights in the scope.
    pub(crate) rights: Permissions,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    columns: Vec<EventId>,
    by_op: BTreeMap<EventId, u32>,
    devices: BTreeMap<DeviceId, Vec<Denial>>,
    /// Operations that made an admission ineffective, for admissions that events here rest on.
    admissions: BTreeMap<EventId, Vec<EventId>>,
    accepted: BTreeSet<EventId>,
    listed: BTreeSet<EventId>,
    purged: BTreeSet<EventId>,
    pasts: Vec<Past>,
    past_ids: BTreeMap<Vec<EventId>, u32>,
}

impl Denials {
    /// Number of a set of authority heads.
    pub(crate) fn past(&mut self, heads: &[EventId]) -> u32 {
        if let Some(past) = self.past_ids.get(heads) {
            return *past;
        }
        let past = u32::try_from(self.pasts.len()).expect("fewer events than 2^32 fit into memory");
        self.pasts.push(Past {
            heads: heads.to_vec(),
            sees: BTreeMap::new(),
        });
        self.past_ids.insert(heads.to_vec(), past);
        past
    }

    /// Whether every id of `earlier` is in the closure of `later`: the rule for `auth` along a log.
    pub(crate) fn follows(&self, later: u32, earlier: u32, authority: &AuthorityLog) -> bool {
        let heads = &self.pasts[later as usize].heads;
        later == earlier
            || self.pasts[earlier as usize]
                .heads
                .iter()
                .all(|id| heads.contains(id) || authority.in_closure(heads, *id))
    }

    /// Whether a set of heads has the denial in its closure.
    pub(crate) fn sees(&mut self, past: u32, column: u32, authority: &AuthorityLog) -> bool {
        let op = self.columns[column as usize];
        let past = &mut self.pasts[past as usize];
        *past
            .sees
            .entry(column)
            .or_insert_with(|| past.heads.contains(&op) || authority.in_closure(&past.heads, op))
    }

    /// Denials that limit events of `device` with this authority past and this admission.
    pub(crate) fn limits(
        &mut self,
        device: DeviceId,
        past: u32,
        admitted: EventId,
        authority: &AuthorityLog,
    ) -> Vec<Limit> {
        let mut limits = Vec::new();
        for denial in self.devices.get(&device).cloned().unwrap_or_default() {
            let column = self.column(denial.op);
            limits.push(Limit {
                column,
                rights: denial.rights,
                channel: denial.channel,
            });
        }
        for op in self.admissions.get(&admitted).cloned().unwrap_or_default() {
            let column = self.column(op);
            limits.push(Limit {
                column,
                rights: Permissions::ALL,
                channel: None,
            });
        }
        limits.retain(|limit| !self.sees(past, limit.column, authority));
        limits
    }

    /// Takes in what concerns a device and an admission. Returns ids that are listed now and were not before.
    pub(crate) fn learn(
        &mut self,
        device: DeviceId,
        admitted: EventId,
        authority: &AuthorityLog,
    ) -> Vec<EventId> {
        self.admissions
            .entry(admitted)
            .or_insert_with(|| undoing(admitted, authority));
        if self.devices.contains_key(&device) {
            return Vec::new();
        }
        let denials = authority.denials(device);
        let ids = denials
            .iter()
            .flat_map(|denial| denial.last.iter().copied());
        let fresh: Vec<_> = ids.filter(|id| self.listed.insert(*id)).collect();
        self.devices.insert(device, denials);
        fresh
    }

    /// Asks for everything again; whether anything differs.
    pub(crate) fn reload(&mut self, authority: &AuthorityLog) -> Reloaded {
        let devices: BTreeMap<_, _> = self
            .devices
            .keys()
            .map(|device| (*device, authority.denials(*device)))
            .collect();
        let admissions: BTreeMap<_, _> = self
            .admissions
            .keys()
            .map(|op| (*op, undoing(*op, authority)))
            .collect();
        let accepted = authority.accepted_late();
        let purged = authority.purged();
        let unhidden = self.purged.symmetric_difference(&purged).copied().collect();
        let counting =
            devices != self.devices || admissions != self.admissions || accepted != self.accepted;
        let lists = devices
            .values()
            .flatten()
            .flat_map(|denial| denial.last.iter().copied());
        self.listed = lists.chain(accepted.iter().copied()).collect();
        self.devices = devices;
        self.admissions = admissions;
        self.accepted = accepted;
        self.purged = purged;
        Reloaded {
            counting,
            purges: unhidden,
        }
    }

    /// Whether a denial or an `accept_late` lists the event.
    pub(crate) fn is_listed(&self, id: EventId) -> bool {
        self.listed.contains(&id)
    }

    /// Whether the event is purged.
    pub(crate) fn is_purged(&self, id: EventId) -> bool {
        self.purged.contains(&id)
    }

    /// The operation of a column.
    pub(crate) fn op(&self, column: u32) -> EventId {
        self.columns[column as usize]
    }

    /// How many columns there are.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }

    fn column(&mut self, op: EventId) -> u32 {
        if let Some(column) = self.by_op.get(&op) {
            return *column;
        }
        let column =
            u32::try_from(self.columns.len()).expect("fewer operations than 2^32 fit into memory");
        self.columns.push(op);
        self.by_op.insert(op, column);
        column
    }
}

/// What a change of the authority log means for a scope.
#[derive(Debug)]
pub(crate) struct Reloaded {
    /// Whether other events may count now.
    pub(crate) counting: bool,
    /// Events purged now and not before, or the other way round.
    pub(crate) purges: BTreeSet<EventId>,
}

/// Operations that made an admission ineffective in everything held. An admission that fell without a cause
/// that can be named is limited by itself: nothing has it both in its past and resting on it.
fn undoing(admitted: EventId, authority: &AuthorityLog) -> Vec<EventId> {
    match authority.verdict(admitted) {
        Some(Verdict::Ineffective { by, .. }) if by.is_empty() => vec![EventId::ZERO],
        Some(Verdict::Ineffective { by, .. }) => by,
        Some(Verdict::Effective) | None => Vec::new(),
    }
}
