//! What operations take: entitlements to keys (losses) and rights to write (denials).
//!
//! Both are judged in `E` of the operation's own past, once, when it is added. docs/protocol.md, "Denials
//! limit writing" and "Usable epochs".

use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, RoleId};

use super::AuthorityLog;
use super::decide::votes_of;
use super::op::{AuthorityOp, OverwriteTarget};
use super::state::{Loss, Member, State};
use super::unit::{Seen, Unit, UnitIx, is_denial};
use super::write::add;
use crate::identity::IdentityLog;
use crate::permissions::Permissions;

/// An effective operation that takes a writing right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The operation.
    pub op: EventId,
    /// Its author.
    pub author: AccountId,
    /// `None`: the whole community.
    pub channel: Option<ChannelId>,
    /// The rights taken; events that need none of them are not limited.
    pub rights: Permissions,
    /// The last events accepted, per log of the target.
    pub last: Vec<EventId>,
}

impl AuthorityLog {
    /// Effective denials that may limit events of `device` (rule 3), with the ids that they list.
    #[must_use]
    pub fn denials(&self, device: DeviceId) -> Vec<Denial> {
        let evaluated = self.evaluated();
        let Some(account) = evaluated.state.account_ever(device) else {
            return Vec::new();
        };
        let named = self.against.get(&account).into_iter().flatten();
        let mut found = Vec::new();
        for ix in named.chain(&self.against_roles) {
            let unit = self.store.unit(*ix);
            if unit.own.is_ok() != evaluated.flips.contains_key(ix) {
                self.push_denials(*ix, account, device, &mut found);
            }
        }
        found.sort_by_key(|denial| (denial.op, denial.channel));
        found
    }

    fn push_denials(
        &self,
        ix: UnitIx,
        account: AccountId,
        device: DeviceId,
        found: &mut Vec<Denial>,
    ) {
        let unit = self.store.unit(ix);
        // Where the recovery words let a device act again, what it wrote meanwhile comes back.
        let stopped = |device| self.evaluated().state.revoked.contains_key(&device);
        let mut push = |channel, rights: Permissions, last: &[EventId]| {
            let author = unit.author.filter(|_| rights != Permissions::NONE);
            found.extend(author.map(|author| Denial {
                op: unit.id,
                author,
                channel,
                rights,
                last: last.to_vec(),
            }));
        };
        match unit.op() {
            AuthorityOp::Kick { last, .. } | AuthorityOp::Ban { last, .. } => {
                push(None, Permissions::ALL, last)
            }
            AuthorityOp::TimeOut { last, .. } => push(None, Permissions::WRITING, last),
            AuthorityOp::DeviceRevoke {
                device: revoked,
                last,
                ..
            } if *revoked == device && stopped(device) => {
                push(None, Permissions::ALL, last);
            }
            AuthorityOp::Revoke { last, .. }
            | AuthorityOp::RoleEdit { last, .. }
            | AuthorityOp::RoleDelete { last, .. }
            | AuthorityOp::Overwrite { last, .. } => {
                let before = unit
                    .seen
                    .before
                    .clone()
                    .unwrap_or_else(|| self.store.past_of(ix).state);
                for (channel, rights) in taken(unit, &before, account) {
                    push(channel, rights, last);
                }
            }
            _ => {}
        }
    }

    /// Operations that were effective in their own past and are not in everything held: what rested on them
    /// is taken away, see [`AuthorityLog::standing_at`].
    #[must_use]
    pub fn fallen(&self) -> std::collections::BTreeSet<EventId> {
        let evaluated = self.evaluated();
        let units = evaluated.flips.keys().map(|ix| self.store.unit(*ix));
        units
            .filter(|unit| unit.own.is_ok())
            .map(|unit| unit.id)
            .collect()
    }

    /// Operations by which a device may not act here: its revocations, and what decided last. Empty if it may, and
    /// for devices that never came in.
    #[must_use]
    pub fn stops(&self, device: DeviceId) -> Vec<EventId> {
        let state = self.state();
        let Some(last) = state.revoked.get(&device) else {
            return Vec::new();
        };
        let account = state.account_ever(device);
        let record = account.and_then(|account| state.record(account));
        let names = |op: &&EventId| matches!(self.op(**op), Some(AuthorityOp::DeviceRevoke { device: named, .. }) if *named == device);
        let embedded = record
            .into_iter()
            .flat_map(|(member, _)| &member.embedded_by);
        let mut found: Vec<_> = embedded.filter(names).copied().collect();
        found.push(*last);
        found.dedup();
        found
    }

    /// Ids accepted by effective `accept_late` operations.
    #[must_use]
    pub fn accepted_late(&self) -> std::collections::BTreeSet<EventId> {
        self.state().accepted_late.iter().copied().collect()
    }

    /// Ids purged by effective `purge` operations.
    #[must_use]
    pub fn purged(&self) -> std::collections::BTreeSet<EventId> {
        self.state().purged.iter().copied().collect()
    }
}

/// Writing rights that a change of roles or overwrites takes from an account: everywhere, then by channel.
fn taken(unit: &Unit, before: &State, account: AccountId) -> Vec<(Option<ChannelId>, Permissions)> {
    let Some(member) = before.members.get(&account) else {
        return Vec::new();
    };
    if role_changed(unit.op())
        .is_some_and(|role| role != RoleId::ZERO && !member.roles.contains(&role))
    {
        return Vec::new();
    }
    let after = after(unit, before);
    let lost = |channel| {
        before.permissions(account, channel)
            & !after.permissions(account, channel)
            & Permissions::WRITING
    };
    let everywhere = lost(None);
    let named = before
        .channels
        .iter()
        .filter(|(_, channel)| !channel.overwrites.is_empty())
        .map(|(id, _)| *id);
    let changed = match unit.op() {
        AuthorityOp::Overwrite { channel, .. } => Some(*channel),
        _ => None,
    };
    let mut channels: Vec<_> = named.chain(changed).collect();
    channels.sort_unstable();
    channels.dedup();
    let by_channel = channels
        .into_iter()
        .map(|channel| (Some(channel), lost(Some(channel)) & !everywhere));
    let all = std::iter::once((None, everywhere)).chain(by_channel);
    all.filter(|(_, rights)| *rights != Permissions::NONE)
        .collect()
}

/// The role whose holders a change touches.
const fn role_changed(op: &AuthorityOp) -> Option<RoleId> {
    match op {
        AuthorityOp::RoleEdit { role, .. }
        | AuthorityOp::RoleDelete { role, .. }
        | AuthorityOp::Revoke { role, .. }
        | AuthorityOp::Overwrite {
            target: OverwriteTarget::Role(role),
            ..
        } => Some(*role),
        _ => None,
    }
}

fn after(unit: &Unit, before: &State) -> State {
    let mut after = before.clone();
    add(&mut after, unit);
    after
}

/// The account that a unit may deny something, and whether it may deny it to all who hold a role.
pub(super) fn limits(unit: &Unit) -> (Option<AccountId>, bool) {
    match unit.op() {
        AuthorityOp::Kick { account, .. }
        | AuthorityOp::Ban { account, .. }
        | AuthorityOp::DeviceRevoke { account, .. }
        | AuthorityOp::Revoke { account, .. }
        | AuthorityOp::Overwrite {
            target: OverwriteTarget::Member(account),
            ..
        } => (unit.seen.denial.then_some(*account), false),
        AuthorityOp::TimeOut { account, until, .. } => ((until.0 > 0).then_some(*account), false),
        AuthorityOp::RoleEdit { .. }
        | AuthorityOp::RoleDelete { .. }
        | AuthorityOp::Overwrite { .. } => (None, unit.seen.denial),
        _ => (None, false),
    }
}

/// What the past of a unit knew about the things that it names.
pub(super) fn seen(unit: &Unit, state: &State) -> Seen {
    let record = |account: AccountId| -> Option<Arc<Member>> {
        let former = || {
            state
                .former
                .get(&account)
                .map(|former| Arc::new(former.member.clone()))
        };
        state.members.get(&account).cloned().or_else(former)
    };
    let denial = is_denial(unit.op(), state);
    let invite = match unit.op() {
        AuthorityOp::Admit(join) => join.invite.and_then(|id| state.invites.get(&id)),
        _ => None,
    };
    Seen {
        author: unit.author.and_then(record),
        target: unit.target().and_then(record),
        role: match unit.op() {
            AuthorityOp::Grant { role, .. } => state.roles.get(role).copied(),
            _ => None,
        },
        creator: invite.and_then(|invite| Some((invite.creator, record(invite.creator)?))),
        denial,
        votes: votes_of(unit, state),
        depth: depth(unit, state),
        binds_concurrent: binds_concurrent(unit, state),
        before: None,
    }
}

/// Whether the state before a unit is asked for again with every account that it may deny something.
pub(super) fn asks_for_before(unit: &Unit) -> bool {
    let by_role = matches!(
        unit.op(),
        AuthorityOp::Revoke { .. }
            | AuthorityOp::RoleEdit { .. }
            | AuthorityOp::RoleDelete { .. }
            | AuthorityOp::Overwrite { .. }
    );
    by_role && unit.seen.denial && unit.own.is_ok()
}

fn depth(unit: &Unit, state: &State) -> u32 {
    let AuthorityOp::AnnounceEpoch(announcement) = unit.op() else {
        return 0;
    };
    let parents = announcement
        .parents
        .iter()
        .filter_map(|parent| state.epochs.get(parent));
    parents
        .map(|epoch| epoch.depth.saturating_add(1))
        .max()
        .unwrap_or(0)
}

/// Whether a revocation reaches what is concurrent with it, and not only what has it in its past.
fn binds_concurrent(unit: &Unit, state: &State) -> bool {
    match unit.op() {
        // By a creator without KICK it binds only what has it in its past.
        AuthorityOp::InviteRevoke { .. } => unit
            .author
            .is_some_and(|author| state.permissions(author, None).has(Permissions::KICK)),
        // Brought in by a device of the account that is not itself revoked there.
        AuthorityOp::DeviceRevoke { account, .. } => {
            let acts = |log: &Arc<IdentityLog>| log.identity().acts(unit.device);
            unit.facts.identity.as_ref().is_some_and(acts)
                && state.account_of(unit.device) == Some(*account)
        }
        _ => false,
    }
}

/// Entitlements to keys that a unit takes, if it is effective.
pub(super) fn losses(unit: &Unit, state: &State) -> Vec<Loss> {
    let loss = |account, device, channel| Loss {
        op: unit.id,
        account,
        device,
        channel,
    };
    let changes_roles = matches!(
        unit.op(),
        AuthorityOp::Revoke { .. }
            | AuthorityOp::RoleEdit { .. }
            | AuthorityOp::RoleDelete { .. }
            | AuthorityOp::Overwrite { .. }
            | AuthorityOp::OwnersCertificate { .. }
    );
    match unit.op() {
        AuthorityOp::Kick { account, .. } | AuthorityOp::Ban { account, .. } => {
            vec![loss(*account, None, None)]
        }
        AuthorityOp::Leave => unit
            .author
            .map(|author| loss(author, None, None))
            .into_iter()
            .collect(),
        AuthorityOp::DeviceRevoke {
            account, device, ..
        } => vec![loss(*account, Some(*device), None)],
        // Refused by its own past, it may still count where what forbade it falls: then it is not told who lost what.
        _ if changes_roles && unit.own.is_err() => {
            let account = unit.target().or(unit.author);
            account
                .map(|account| loss(account, None, None))
                .into_iter()
                .collect()
        }
        _ if changes_roles && takes_view(unit, state) => {
            let after = after(unit, state);
            let mut found = Vec::new();
            for account in affected(unit, state) {
                let lost = |scope: &Option<ChannelId>| {
                    state.may_view(account, *scope) && !after.may_view(account, *scope)
                };
                found.extend(
                    state
                        .key_scopes()
                        .filter(lost)
                        .map(|scope| loss(account, None, scope)),
                );
            }
            found
        }
        _ => Vec::new(),
    }
}

/// Whether a change of roles, overwrites or owners can take VIEW from anybody: most do not, and are cheap.
fn takes_view(unit: &Unit, state: &State) -> bool {
    let named = |target: OverwriteTarget| {
        state
            .channels
            .values()
            .any(|channel| channel.private && channel.overwrites.contains_key(&target))
    };
    let gives_view = |role: &RoleId| {
        state
            .roles
            .get(role)
            .is_some_and(|role| role.permissions.has(Permissions::VIEW))
    };
    match unit.op() {
        AuthorityOp::RoleEdit {
            role, permissions, ..
        } => gives_view(role) && !permissions.has(Permissions::VIEW),
        AuthorityOp::Revoke { role, .. } | AuthorityOp::RoleDelete { role, .. } => {
            gives_view(role) || named(OverwriteTarget::Role(*role))
        }
        AuthorityOp::Overwrite { channel, .. } => {
            unit.seen.denial && state.key_scope(*channel).is_some()
        }
        AuthorityOp::OwnersCertificate { .. } => true,
        _ => false,
    }
}

/// Members whose rights a change may touch.
fn affected(unit: &Unit, state: &State) -> Vec<AccountId> {
    let holders = |role: RoleId| -> Vec<AccountId> {
        let holds = |member: &Member| role == RoleId::ZERO || member.roles.contains(&role);
        state
            .members
            .iter()
            .filter(|(_, member)| holds(member))
            .map(|(account, _)| *account)
            .collect()
    };
    match unit.op() {
        AuthorityOp::RoleEdit { role, .. }
        | AuthorityOp::RoleDelete { role, .. }
        | AuthorityOp::Overwrite {
            target: OverwriteTarget::Role(role),
            ..
        } => holders(*role),
        AuthorityOp::OwnersCertificate { .. } => state.owners.iter().copied().collect(),
        _ => unit.target().into_iter().collect(),
    }
}
