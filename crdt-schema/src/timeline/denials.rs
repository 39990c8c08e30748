//! What limits writing in one scope: the effective denials that concern its devices, the ids that they list,
//! and which of them an event had in its authority past (docs/protocol.md, "Denials limit writing").
//!
//! Denials are numbered (*columns*) once and for ever; whether a set of authority heads has one in its closure
//! never changes, so it is remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, UnixMs};

use super::columns::Columns;
use super::counting::Ground;
use crate::authority::op::AuthorityOp;
use crate::authority::{AuthorityLog, Denial, State, Verdict};
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
    /// Columns asked for, and those of them in the closure.
    known: Columns,
    sees: Columns,
}

/// The author of events with one set of authority heads, by one device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Author {
    pub(crate) account: AccountId,
    /// Rights in the scope; none in a channel that does not exist or is a category.
    pub(crate) rights: Permissions,
    /// When its time-out ends, if there is one.
    pub(crate) timed_out_until: Option<UnixMs>,
    /// Least time between two events, if slow mode binds it.
    pub(crate) slow_mode_ms: u32,
    /// From when on a newcomer may write.
    pub(crate) writes_from: Option<UnixMs>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Denials {
    ground: Ground,
    columns: Vec<EventId>,
    by_op: BTreeMap<EventId, u32>,
    devices: BTreeMap<DeviceId, Vec<Denial>>,
    /// Operations that fell in everything held, and what authors lost with them.
    fallen: BTreeSet<EventId>,
    lost: BTreeMap<(u32, DeviceId), Vec<Lost>>,
    /// Limits of authors, as far as asked for.
    limits: BTreeMap<(u32, DeviceId), Arc<[Limit]>>,
    accepted: BTreeSet<EventId>,
    listed: BTreeSet<EventId>,
    purged: BTreeSet<EventId>,
    pasts: Vec<Past>,
    past_ids: BTreeMap<Vec<EventId>, u32>,
}

/// A right that rested on an operation which fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lost {
    /// What made it fall; zero if that can not be named.
    by: EventId,
    rights: Permissions,
    channel: Option<ChannelId>,
}

impl Denials {
    pub(crate) fn new(ground: Ground) -> Self {
        Self {
            ground,
            columns: Vec::new(),
            by_op: BTreeMap::new(),
            devices: BTreeMap::new(),
            fallen: BTreeSet::new(),
            lost: BTreeMap::new(),
            limits: BTreeMap::new(),
            accepted: BTreeSet::new(),
            listed: BTreeSet::new(),
            purged: BTreeSet::new(),
            pasts: Vec::new(),
            past_ids: BTreeMap::new(),
        }
    }

    /// Number of a set of authority heads.
    pub(crate) fn past(&mut self, heads: &[EventId]) -> u32 {
        if let Some(past) = self.past_ids.get(heads) {
            return *past;
        }
        let past = u32::try_from(self.pasts.len()).expect("fewer events than 2^32 fit into memory");
        self.pasts.push(Past {
            heads: heads.to_vec(),
            known: Columns::default(),
            sees: Columns::default(),
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
    fn sees(&mut self, past: u32, column: u32, authority: &AuthorityLog) -> bool {
        let op = self.columns[column as usize];
        let past = &mut self.pasts[past as usize];
        if !past.known.has(column) {
            past.known.insert(column);
            if past.heads.contains(&op) || authority.in_closure(&past.heads, op) {
                past.sees.insert(column);
            }
        }
        past.sees.has(column)
    }

    /// Those of `columns` that a set of heads does not have in its closure.
    pub(crate) fn unseen(
        &mut self,
        past: u32,
        columns: &Columns,
        authority: &AuthorityLog,
    ) -> Columns {
        for column in columns.without(&self.pasts[past as usize].known).iter() {
            self.sees(past, column, authority);
        }
        columns.without(&self.pasts[past as usize].sees)
    }

    /// Denials that limit events of `device` with this authority past.
    pub(crate) fn limits(
        &mut self,
        device: DeviceId,
        past: u32,
        authority: &AuthorityLog,
    ) -> Arc<[Limit]> {
        if let Some(limits) = self.limits.get(&(past, device)) {
            return limits.clone();
        }
        let denials = self.devices.get(&device).into_iter().flatten();
        let denials = denials.map(|denial| (denial.op, denial.rights, denial.channel));
        let lost = self.lost.get(&(past, device)).into_iter().flatten();
        let lost = lost.map(|lost| (lost.by, lost.rights, lost.channel));
        let all: Vec<_> = denials.chain(lost).collect();
        let mut limits = Vec::new();
        for (op, rights, channel) in all {
            let column = self.column(op);
            if !self.sees(past, column, authority) {
                limits.push(Limit {
                    column,
                    rights,
                    channel,
                });
            }
        }
        let limits: Arc<[Limit]> = limits.into();
        self.limits.insert((past, device), limits.clone());
        limits
    }

    /// Takes in what concerns an author. Returns ids that are listed now and were not before.
    pub(crate) fn learn(
        &mut self,
        device: DeviceId,
        past: u32,
        account: AccountId,
        authority: &AuthorityLog,
    ) -> Vec<EventId> {
        if !self.fallen.is_empty() && !self.lost.contains_key(&(past, device)) {
            let lost = self.lost(device, past, account, authority);
            self.lost.insert((past, device), lost);
        }
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

    /// Asks for everything again, for these authors; whether anything differs.
    pub(crate) fn reload(
        &mut self,
        authors: impl Iterator<Item = (u32, DeviceId, AccountId)>,
        authority: &AuthorityLog,
    ) -> Reloaded {
        let devices: BTreeMap<_, _> = self
            .devices
            .keys()
            .map(|device| (*device, authority.denials(*device)))
            .collect();
        let fallen = authority.fallen();
        let accepted = authority.accepted_late();
        let purged = authority.purged();
        let purges = self.purged.symmetric_difference(&purged).copied().collect();
        let fell = fallen != self.fallen;
        let counting = devices != self.devices || fell || accepted != self.accepted;
        let lists = devices
            .values()
            .flatten()
            .flat_map(|denial| denial.last.iter().copied());
        self.listed = lists.chain(accepted.iter().copied()).collect();
        (self.devices, self.fallen, self.accepted, self.purged) =
            (devices, fallen, accepted, purged);
        if counting {
            self.limits.clear();
        }
        if fell {
            self.lost = authors
                .map(|(past, device, account)| {
                    ((past, device), self.lost(device, past, account, authority))
                })
                .collect();
        }
        Reloaded { counting, purges }
    }

    /// Rights of an author that rested on what fell in everything held.
    fn lost(
        &self,
        device: DeviceId,
        past: u32,
        account: AccountId,
        authority: &AuthorityLog,
    ) -> Vec<Lost> {
        let heads = &self.pasts[past as usize].heads;
        let (Some(before), Some(after)) = (authority.state_at(heads), authority.standing_at(heads))
        else {
            return Vec::new();
        };
        let acts = after.account_of(device) == Some(account);
        let rights = |channel| {
            let kept = if acts {
                after.permissions(account, channel)
            } else {
                Permissions::NONE
            };
            before.permissions(account, channel) & !kept
        };
        let taken: Vec<_> = self
            .places(&before)
            .into_iter()
            .map(|place| (place, rights(place)))
            .collect();
        let taken = taken
            .into_iter()
            .filter(|(_, rights)| *rights != Permissions::NONE);
        let taken: Vec<_> = taken.collect();
        if taken.is_empty() {
            return Vec::new();
        }
        let mut by = self.undoing(heads, account, authority);
        if by.is_empty() {
            by.insert(EventId::ZERO);
        }
        let each = by.into_iter().flat_map(|by| {
            taken
                .iter()
                .map(move |(channel, rights)| (by, *rights, *channel))
        });
        each.map(|(by, rights, channel)| Lost {
            by,
            rights,
            channel,
        })
        .collect()
    }

    /// Where rights are looked at.
    fn places(&self, state: &State) -> Vec<Option<ChannelId>> {
        match self.ground {
            Ground::Channel(channel) => vec![Some(channel)],
            Ground::Content => std::iter::once(None)
                .chain(state.channels.keys().copied().map(Some))
                .collect(),
        }
    }

    /// What made those operations fall on which an account's rights may have rested.
    fn undoing(
        &self,
        heads: &[EventId],
        account: AccountId,
        authority: &AuthorityLog,
    ) -> BTreeSet<EventId> {
        let concerns = |op: &EventId| match authority.op(*op) {
            Some(AuthorityOp::Admit(join)) => join.account == account,
            Some(AuthorityOp::Grant {
                account: target, ..
            }) => *target == account,
            _ => true,
        };
        let held = |op: &EventId| heads.contains(op) || authority.in_closure(heads, *op);
        let ops = self.fallen.iter().filter(|op| concerns(op) && held(op));
        let verdicts = ops.filter_map(|op| authority.verdict(*op));
        let by = verdicts.flat_map(|verdict| match verdict {
            Verdict::Ineffective { by, .. } => by,
            Verdict::Effective => Vec::new(),
        });
        by.collect()
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
