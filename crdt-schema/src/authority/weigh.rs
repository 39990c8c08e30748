//! What stronger concurrent operations take from an author, and what they give to a target.
//!
//! Only the worse for the operation that is judged is applied: an author keeps the lesser rights, a target
//! gains the greater rank. Something taken and given back by concurrent operations stays taken.

use std::sync::Arc;

use super::op::AuthorityOp;
use super::state::{Member, Role, State};
use super::unit::Unit;
use crate::permissions::Permissions;

/// `state` less what `others` take.
pub(super) fn reduced(state: &State, others: &[&Unit]) -> State {
    let mut state = state.clone();
    for other in others {
        reduce(&mut state, other);
    }
    state
}

fn reduce(state: &mut State, other: &Unit) {
    match other.op() {
        AuthorityOp::Kick { account, .. } => {
            state.edit(*account, &Member::blank(other.id), |_, stands| {
                *stands = false
            })
        }
        AuthorityOp::Leave => {
            if let Some(account) = other.author {
                state.edit(account, &Member::blank(other.id), |_, stands| {
                    *stands = false
                });
            }
        }
        AuthorityOp::Ban { account, .. } => {
            state.banned.insert(*account, other.id);
            state.edit(*account, &Member::blank(other.id), |_, _| {});
        }
        AuthorityOp::DeviceRevoke { device, .. } => {
            state.revoked.insert(*device, other.id);
        }
        AuthorityOp::Revoke { account, role, .. } => {
            state.edit(*account, &Member::blank(other.id), |member, _| {
                member.roles.remove(role);
            })
        }
        AuthorityOp::RoleDelete { role, .. } => {
            state.roles.remove(role);
        }
        AuthorityOp::RoleEdit {
            role,
            rank,
            permissions,
            ..
        } => {
            if let Some(held) = state.roles.get(role).copied() {
                let less = Role {
                    rank: held.rank.min(*rank),
                    permissions: held.permissions & *permissions,
                    by: other.id,
                };
                state.roles.insert(*role, less);
            }
        }
        AuthorityOp::Overwrite {
            channel,
            target,
            allow,
            deny,
            ..
        } => {
            if let Some(held) = state.channels.get(channel) {
                let mut less = (**held).clone();
                let old = less
                    .overwrites
                    .get(target)
                    .copied()
                    .unwrap_or((Permissions::NONE, Permissions::NONE));
                less.overwrites
                    .insert(*target, (old.0 & *allow, old.1 | *deny));
                state.channels.insert(*channel, Arc::new(less));
            }
        }
        AuthorityOp::OwnersCertificate { proposal, .. } => {
            state.owners = state
                .owners
                .iter()
                .filter(|owner| proposal.owners.contains(owner))
                .copied()
                .collect();
        }
        _ => {}
    }
}

/// `state` with the ranks that `others` give.
pub(super) fn raised(state: &State, others: &[&Unit]) -> State {
    let mut state = state.clone();
    for other in others {
        raise(&mut state, other);
    }
    state
}

fn raise(state: &mut State, other: &Unit) {
    match other.op() {
        AuthorityOp::Grant { account, role } => {
            if let Some(given) = other.seen.role {
                let held = state.roles.get(role).copied().unwrap_or(given);
                state.roles.insert(
                    *role,
                    Role {
                        rank: held.rank.max(given.rank),
                        ..held
                    },
                );
                if state.is_member(*account) {
                    state.edit(*account, &Member::blank(other.id), |member, _| {
                        member.roles.insert(*role);
                    });
                }
            }
        }
        AuthorityOp::RoleEdit { role, rank, .. } => {
            if let Some(held) = state.roles.get(role).copied() {
                state.roles.insert(
                    *role,
                    Role {
                        rank: held.rank.max(*rank),
                        ..held
                    },
                );
            }
        }
        AuthorityOp::OwnersCertificate { proposal, .. } => {
            state.owners.extend(proposal.owners.iter().copied())
        }
        _ => {}
    }
}
