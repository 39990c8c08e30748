//! From effective operations to a state: the state rule, field by field.
//!
//! A field takes the effective operations on it that no other effective operation on it has in its past;
//! among these the stronger, then a denial, then the smaller id wins. What only ever grows (devices, epochs,
//! what was accepted, hidden or deleted) has no conflicts and is merged from every effective operation.
//! Everything in a region has the state behind it in its past, so a field that is written in the region
//! forgets what it held before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, InviteId, RoleId};

use super::graph::Reach;
use super::op::{AuthorityOp, EpochAnnouncement, Genesis, OverwriteTarget};
use super::state::{Epoch, Invite, Loss, Member, Role, State};
use super::unit::{Unit, UnitIx};
use crate::identity::IdentityLog;
use crate::permissions::{CommunityKind, Permissions, Rank};

/// A part of the state that one operation sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// Before `Standing`, which files the record.
    Banned(AccountId),
    Standing(AccountId),
    Admission(AccountId),
    Holds(AccountId, RoleId),
    TimeOut(AccountId),
    Role(RoleId),
    Channel(ChannelId),
    Overwrite(ChannelId, OverwriteTarget),
    SlowMode(ChannelId),
    History(Option<ChannelId>),
    Invite(InviteId),
    /// By the rule's number.
    Policy(u8),
}

/// Adds one effective unit that has everything else in its past.
pub(super) fn add(state: &mut State, unit: &Unit) {
    merge(state, unit);
    for field in fields(unit) {
        set(state, field, unit);
    }
    if let Some(account) = ended(unit) {
        for role in roles_held(state, account) {
            set(state, Field::Holds(account, role), unit);
        }
    }
}

/// Adds the effective units of a region. They are given in any order and sorted here.
pub(super) fn add_region(state: &mut State, units: &[(UnitIx, &Unit)], reach: &Reach) {
    let mut ordered: Vec<_> = units.to_vec();
    // Lamport time rises along every edge: an order that is causal and the same everywhere.
    ordered.sort_by_key(|(_, unit)| (unit.lamport, unit.id, unit.part));
    let mut written: BTreeMap<Field, Vec<usize>> = BTreeMap::new();
    let mut ends: BTreeMap<AccountId, Vec<usize>> = BTreeMap::new();
    for (place, (_, unit)) in ordered.iter().enumerate() {
        merge(state, unit);
        for field in fields(unit) {
            written.entry(field).or_default().push(place);
        }
        if let Some(account) = ended(unit) {
            ends.entry(account).or_default().push(place);
        }
    }
    for (account, places) in &ends {
        let mut roles: BTreeSet<_> = roles_held(state, *account).into_iter().collect();
        let granted = written.range(
            Field::Holds(*account, RoleId::ZERO)..=Field::Holds(*account, RoleId([0xff; 32])),
        );
        roles.extend(granted.filter_map(|(field, _)| {
            if let Field::Holds(_, role) = field {
                Some(*role)
            } else {
                None
            }
        }));
        for role in roles {
            written
                .entry(Field::Holds(*account, role))
                .or_default()
                .extend(places);
        }
    }
    for (field, places) in written {
        set(state, field, ordered[winner(&ordered, places, reach)].1);
    }
}

/// The writer that stands. `places` is not empty.
fn winner(ordered: &[(UnitIx, &Unit)], places: Vec<usize>, reach: &Reach) -> usize {
    if let [only] = places[..] {
        return only;
    }
    let covered = reach.covered_by(places.iter().map(|place| ordered[*place].0));
    let superseded = |place: &usize| reach.is_covered(ordered[*place].0, &covered);
    let standing = places.into_iter().filter(|place| !superseded(place));
    standing
        .min_by_key(|place| std::cmp::Reverse(ordered[*place].1.precedence()))
        .expect("of finitely many writers one is in the past of no other")
}

/// The fields that a unit sets.
fn fields(unit: &Unit) -> Vec<Field> {
    match unit.op() {
        AuthorityOp::Admit(join) => vec![
            Field::Standing(join.account),
            Field::Admission(join.account),
        ],
        AuthorityOp::Add { account, .. } => {
            vec![Field::Standing(*account), Field::Admission(*account)]
        }
        AuthorityOp::Leave => unit.author.map(Field::Standing).into_iter().collect(),
        AuthorityOp::Kick { account, .. } => vec![Field::Standing(*account)],
        AuthorityOp::Ban { account, .. } | AuthorityOp::Unban { account } => {
            vec![Field::Banned(*account)]
        }
        AuthorityOp::TimeOut { account, .. } => vec![Field::TimeOut(*account)],
        AuthorityOp::Grant { account, role } => {
            vec![
                Field::Standing(*account),
                Field::Admission(*account),
                Field::Holds(*account, *role),
            ]
        }
        AuthorityOp::Revoke { account, role, .. } => vec![Field::Holds(*account, *role)],
        AuthorityOp::RoleCreate { .. } => vec![Field::Role(unit.origin.into())],
        AuthorityOp::RoleEdit { role, .. } | AuthorityOp::RoleDelete { role, .. } => {
            vec![Field::Role(*role)]
        }
        AuthorityOp::ChannelCreate { private, .. } => {
            let channel = unit.origin.into();
            // Whoever makes a private channel may view it.
            let creator = unit
                .author
                .filter(|_| *private)
                .map(OverwriteTarget::Member);
            let view = creator.map(|creator| Field::Overwrite(channel, creator));
            std::iter::once(Field::Channel(channel))
                .chain(view)
                .collect()
        }
        AuthorityOp::ChannelDelete { channel } => vec![Field::Channel(*channel)],
        AuthorityOp::Overwrite {
            channel, target, ..
        } => vec![Field::Overwrite(*channel, *target)],
        AuthorityOp::SlowMode { channel, .. } => vec![Field::SlowMode(*channel)],
        AuthorityOp::SetHistory { channel, .. } => vec![Field::History(*channel)],
        AuthorityOp::SetPolicy(rule) => vec![Field::Policy(rule.tag())],
        AuthorityOp::InviteCreate { .. } => vec![Field::Invite(unit.origin.into())],
        AuthorityOp::InviteRevoke { invite } => vec![Field::Invite(*invite)],
        _ => Vec::new(),
    }
}

/// The account whose roles end with its membership.
fn ended(unit: &Unit) -> Option<AccountId> {
    match unit.op() {
        AuthorityOp::Kick { account, .. } => Some(*account),
        AuthorityOp::Leave => unit.author,
        _ => None,
    }
}

fn roles_held(state: &State, account: AccountId) -> Vec<RoleId> {
    state.record(account).map_or_else(Vec::new, |(member, _)| {
        member.roles.iter().copied().collect()
    })
}

/// Sets a field to what its standing writer says.
fn set(state: &mut State, field: Field, unit: &Unit) {
    match field {
        Field::Standing(account) => {
            let stands = matches!(
                unit.op(),
                AuthorityOp::Admit(_) | AuthorityOp::Add { .. } | AuthorityOp::Grant { .. }
            );
            state.edit(account, &Member::blank(unit.id), |member, standing| {
                *standing = stands;
                member.standing_by = unit.id;
            });
        }
        Field::Admission(account) => set_admission(state, account, unit),
        Field::Holds(account, role) => {
            let held = matches!(unit.op(), AuthorityOp::Grant { .. });
            state.edit(account, &Member::blank(unit.id), |member, _| {
                if held {
                    member.roles.insert(role);
                    member.granted.insert(role, unit.id);
                } else {
                    member.roles.remove(&role);
                    member.granted.remove(&role);
                }
            });
        }
        Field::Banned(account) => {
            if matches!(unit.op(), AuthorityOp::Ban { .. }) {
                state.banned.insert(account, unit.id);
            } else {
                state.banned.remove(&account);
            }
            if state.record(account).is_some() {
                state.edit(account, &Member::blank(unit.id), |_, _| {});
            }
        }
        Field::TimeOut(account) => {
            if let AuthorityOp::TimeOut { until, .. } = unit.op() {
                state.timeouts.insert(account, (unit.id, *until));
            }
        }
        Field::Role(role) => match unit.op() {
            AuthorityOp::RoleCreate { rank, permissions }
            | AuthorityOp::RoleEdit {
                rank, permissions, ..
            } => {
                state.roles.insert(
                    role,
                    Role {
                        rank: *rank,
                        permissions: *permissions,
                        by: unit.id,
                    },
                );
            }
            _ => {
                state.roles.remove(&role);
            }
        },
        Field::Invite(id) => {
            if let Some(held) = state.invites.get(&id) {
                let revoked = matches!(unit.op(), AuthorityOp::InviteRevoke { .. });
                state.invites.insert(
                    id,
                    Invite {
                        revoked,
                        ..held.clone()
                    },
                );
            }
        }
        Field::Policy(number) => {
            if let AuthorityOp::SetPolicy(rule) = unit.op() {
                state.policy_by.insert(number, unit.id);
                Arc::make_mut(&mut state.policy).set(rule);
            }
        }
        Field::Channel(_) | Field::Overwrite(..) | Field::SlowMode(_) | Field::History(_) => {
            set_channel(state, field, unit);
        }
    }
}

/// How the account came in. A grant confirms what its past knew, so that the member stays when the admission falls.
fn set_admission(state: &mut State, account: AccountId, unit: &Unit) {
    let (admitted, invite, prekey) = match (unit.op(), &unit.seen.target) {
        (AuthorityOp::Admit(join), _) => (unit.id, join.invite, Some(join.prekey.clone())),
        (AuthorityOp::Add { prekey, .. }, _) => (unit.id, None, Some(prekey.clone())),
        (_, Some(seen)) => (seen.admitted, seen.invite, seen.prekey.clone()),
        _ => return,
    };
    state.edit(account, &Member::blank(unit.id), |member, _| {
        member.admitted = admitted;
        member.invite = invite;
        member.prekey = prekey;
    });
}

fn set_channel(state: &mut State, field: Field, unit: &Unit) {
    match (field, unit.op()) {
        (Field::Channel(id), op) => {
            let created = matches!(op, AuthorityOp::ChannelCreate { .. });
            state.edit_channel(id, |_, exists| *exists = created);
        }
        (Field::Overwrite(id, target), op) => {
            let (allow, deny) = match op {
                AuthorityOp::Overwrite { allow, deny, .. } => (*allow, *deny),
                _ => (Permissions::VIEW, Permissions::NONE),
            };
            state.edit_channel(id, |channel, _| {
                if (allow, deny) == (Permissions::NONE, Permissions::NONE) {
                    channel.overwrites.remove(&target);
                } else {
                    channel.overwrites.insert(target, (allow, deny));
                }
                channel.overwritten.insert(target, unit.id);
            });
        }
        (Field::SlowMode(id), AuthorityOp::SlowMode { interval_ms, .. }) => {
            state.edit_channel(id, |channel, _| channel.slow_mode_ms = *interval_ms);
        }
        (Field::History(Some(id)), AuthorityOp::SetHistory { policy, .. }) => {
            state.edit_channel(id, |channel, _| channel.history = *policy);
        }
        (Field::History(None), AuthorityOp::SetHistory { policy, .. }) => state.history = *policy,
        _ => {}
    }
}

/// What only grows, and the owner set, whose certificates were ordered before.
fn merge(state: &mut State, unit: &Unit) {
    state.losses.extend(unit.losses.iter().cloned());
    match unit.op() {
        AuthorityOp::Genesis(genesis) => found(state, genesis, unit),
        AuthorityOp::Admit(join) => {
            came(state, join.account, unit);
            if let Some(invite) = join.invite {
                let used = state
                    .uses
                    .get(&invite)
                    .copied()
                    .unwrap_or(0)
                    .saturating_add(1);
                state.uses.insert(invite, used);
                if let Some(held) = state.invites.get(&invite) {
                    let counted = Invite {
                        used,
                        ..held.clone()
                    };
                    state.invites.insert(invite, counted);
                }
            }
        }
        AuthorityOp::Add { account, .. } => came(state, *account, unit),
        AuthorityOp::DeviceAdd { account, .. }
        | AuthorityOp::DeviceRevoke { account, .. }
        | AuthorityOp::Grant { account, .. } => bind_devices(state, *account, unit),
        AuthorityOp::ChannelCreate { kind, private } => {
            state.edit_channel(unit.origin.into(), |channel, _| {
                (channel.kind, channel.private) = (*kind, *private);
            })
        }
        AuthorityOp::InviteCreate { key, expires, uses } => {
            let id = unit.origin.into();
            if let Some(creator) = unit.author.filter(|_| !state.invites.contains_key(&id)) {
                let used = state.uses.get(&id).copied().unwrap_or(0);
                let invite = Invite {
                    creator,
                    key: *key,
                    expires: *expires,
                    uses: *uses,
                    used,
                    revoked: false,
                };
                state.invites.insert(id, invite);
            }
        }
        AuthorityOp::RoleDelete { role, .. } => {
            state.gone.insert((*role).into());
        }
        AuthorityOp::ChannelDelete { channel } => {
            state.gone.insert((*channel).into());
        }
        AuthorityOp::InviteRevoke { invite } => {
            state.gone.insert((*invite).into());
        }
        AuthorityOp::AcceptLate { events } => state.accepted_late.extend(events.iter().copied()),
        AuthorityOp::Purge { events } => state.purged.extend(events.iter().copied()),
        AuthorityOp::SetLevel { level } => state.level = state.level.max(*level),
        AuthorityOp::OwnersCertificate { proposal, .. }
            if proposal.replaces == state.owners_version =>
        {
            state.owners = proposal.owners.iter().copied().collect();
            state.owners_version = unit.id;
        }
        AuthorityOp::AnnounceEpoch(announcement) => announce(state, announcement, unit),
        _ => {}
    }
}

/// An account that was admitted, with its devices and when.
fn came(state: &mut State, account: AccountId, unit: &Unit) {
    bind_devices(state, account, unit);
    let held = state.came.get(&account);
    let first = held.map_or(unit.wall, |held| unit.wall.min(*held));
    state.came.insert(account, first);
}

fn found(state: &mut State, genesis: &Genesis, unit: &Unit) {
    let everyone = Role {
        rank: Rank::MEMBER,
        permissions: genesis.everyone & Permissions::ALL,
        by: unit.id,
    };
    state.level = genesis.level;
    state.kind = genesis.kind;
    state.owners_version = unit.id;
    state.history = genesis.history;
    state.roles.insert(RoleId::ZERO, everyone);
    if genesis.kind != CommunityKind::Community {
        let channel = super::direct::channel(unit.id.into());
        state.edit_channel(channel, |_, exists| *exists = true);
    }
    // Nobody owns a direct conversation, and its members bring their devices in themselves.
    for account in genesis
        .pair
        .into_iter()
        .flat_map(|(one, other)| [one, other])
    {
        state.edit(account, &Member::blank(unit.id), |_, stands| *stands = true);
    }
    let Some(identity) = &unit.facts.identity else {
        return;
    };
    let founder = identity.account();
    state.founder = founder;
    state.owners = BTreeSet::from([founder]);
    bind_devices(state, founder, unit);
    state.edit(founder, &Member::blank(unit.id), |_, stands| *stands = true);
}

/// Takes in what an operation embeds of an account's identity log, or what a grant's own past knew of it: whatever
/// was brought in before stays, so that a shorter chain takes nothing back. A device belongs to the first
/// account that it was embedded for.
fn bind_devices(state: &mut State, account: AccountId, unit: &Unit) {
    let seen = || unit.seen.target.as_ref()?.identity.as_ref();
    let Some(embedded) = unit.facts.identity.as_ref().or_else(seen) else {
        return;
    };
    let held = state.record(account).map(|(member, _)| member);
    let before = held.and_then(|member| member.identity.clone());
    let merged = match &before {
        Some(before) if before.covers(embedded) => return,
        Some(before) => Arc::new(before.merged(embedded)),
        None => embedded.clone(),
    };
    let mut by = held.map_or_else(BTreeSet::new, |member| member.embedded_by.clone());
    by.insert(unit.id);
    let identity = merged.identity();
    for device in identity.devices.keys().chain(&identity.revoked) {
        state.devices.entry(*device).or_insert(account);
    }
    stop_devices(
        state,
        account,
        (before.as_deref(), embedded, &merged),
        (unit.id, &by),
    );
    let own = |device: &DeviceId| state.devices.get(device) == Some(&account);
    let devices: BTreeMap<_, _> = identity
        .devices
        .iter()
        .filter(|(device, _)| own(device))
        .map(|(device, keys)| (*device, keys.clone()))
        .collect();
    state.edit(account, &Member::blank(unit.id), |member, _| {
        member.devices = devices;
        member.suspended = identity.suspended.clone();
        member.homes = identity.homes.clone();
        member.recovery_wrap_key = identity.recovery_wrap_key;
        member.embedded_by = by;
        member.identity = Some(merged.clone());
    });
}

/// Devices that one of the logs let act and both together do not, or the other way round. What stops them may be
/// told by no single operation: an epoch needs all that brought the log in in its past.
fn stop_devices(
    state: &mut State,
    account: AccountId,
    (before, embedded, merged): (Option<&IdentityLog>, &IdentityLog, &IdentityLog),
    (unit, by): (EventId, &BTreeSet<EventId>),
) {
    let parts = || before.into_iter().chain([embedded, merged]);
    let known: BTreeSet<DeviceId> = parts()
        .map(IdentityLog::identity)
        .flat_map(|part| part.devices.keys().chain(&part.revoked).copied())
        .filter(|device| state.devices.get(device) == Some(&account))
        .collect();
    for device in known {
        if merged.identity().acts(device) {
            state.revoked.remove(&device);
            continue;
        }
        // From suspended to revoked: what decided is what its holder is told.
        let ended = |log: &IdentityLog| log.identity().revoked.contains(&device);
        if before.is_none_or(|before| ended(before) != ended(merged)) {
            state.revoked.insert(device, unit);
        }
        state.revoked.entry(device).or_insert(unit);
        if parts().any(|part| part.identity().acts(device)) {
            state.losses.extend(by.iter().map(|op| Loss {
                op: *op,
                account,
                device: Some(device),
                channel: None,
            }));
        }
    }
}

fn announce(state: &mut State, announcement: &EpochAnnouncement, unit: &Unit) {
    let epoch = Epoch {
        channel: announcement.channel,
        parents: announcement.parents.clone(),
        commit: announcement.commit,
        depth: unit.seen.depth,
    };
    state.epochs.insert(unit.id.into(), Arc::new(epoch));
}
