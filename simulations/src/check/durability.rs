//! What was acknowledged stays: on its author after every crash, in the end on every member, once.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Reply;
use alloquy_api::command::Command;
use alloquy_ids::{AccountId, CommunityId, EventId};

use super::{Replicas, is_denial, may_have_acted};
use crate::replica::{Replica, View};
use crate::world::{Act, World};

/// Acknowledged messages by community and author.
fn acknowledged(acts: &[Act]) -> impl Iterator<Item = (EventId, &Act)> {
    acts.iter()
        .filter_map(|act| match (&act.command, &act.done) {
            (
                Command::Send { .. } | Command::Reply { .. } | Command::Thread { .. },
                Some((_, Ok(Reply::Message { message }))),
            ) => Some((*message, act)),
            _ => None,
        })
}

/// Communities in which somebody's right to write was contested: messages there may rightly be hidden.
fn contested(acts: &[Act]) -> BTreeSet<CommunityId> {
    let denials = acts
        .iter()
        .filter(|act| is_denial(&act.command) && may_have_acted(act));
    denials.filter_map(|act| act.community).collect()
}

/// Everything acknowledged is on every member exactly once, and no log is forked.
pub fn durability(
    world: &World<'_>,
    replicas: &Replicas,
    founders: &BTreeSet<AccountId>,
) -> Vec<(usize, String)> {
    let contested = contested(world.acts());
    let mut faults = Vec::new();
    for (seat, replica) in replicas {
        for (community, view) in &replica.communities {
            for account in &view.forked {
                faults.push((
                    *seat,
                    format!(
                        "the log of {} is forked in {}",
                        account.short(),
                        community.short()
                    ),
                ));
            }
            let counts = counts(view);
            if let Some((id, count)) = counts.iter().find(|(_, count)| **count > 1) {
                faults.push((
                    *seat,
                    format!("message {} is shown {count} times", id.short()),
                ));
            }
            if !view.members.contains(&world.account(*seat)) {
                continue;
            }
            let lost = acknowledged(world.acts()).find(|(id, act)| {
                let author = world.account(act.seat);
                let undisputed = !contested.contains(community)
                    || is_untouched(world, *community, author, founders);
                act.community == Some(*community) && undisputed && !counts.contains_key(id)
            });
            if let Some((id, act)) = lost {
                let author = world.name(act.seat);
                faults.push((
                    *seat,
                    format!(
                        "message {} of {author} was acknowledged and is not shown",
                        id.short()
                    ),
                ));
            }
        }
    }
    faults
}

/// Whether nothing that was done could hide the account's messages: it was there from the start, nobody
/// aimed at it, and no right of everybody was changed.
fn is_untouched(
    world: &World<'_>,
    community: CommunityId,
    account: AccountId,
    founders: &BTreeSet<AccountId>,
) -> bool {
    let text = account.to_string();
    let aimed = |act: &Act| match &act.command {
        Command::Kick { account, .. }
        | Command::Ban { account, .. }
        | Command::Timeout { account, .. }
        | Command::RoleRevoke { account, .. }
        | Command::OwnerRemove { account, .. } => account.0 == text,
        Command::Leave { .. } => world.account(act.seat).to_string() == text,
        Command::RevokeInvite { .. } => false,
        _ => true,
    };
    let mut denials = world.acts().iter().filter(|act| {
        act.community == Some(community) && is_denial(&act.command) && may_have_acted(act)
    });
    founders.contains(&account) && !denials.any(aimed)
}

fn counts(view: &View) -> BTreeMap<EventId, usize> {
    let mut counts = BTreeMap::new();
    for message in view.messages.values().flatten() {
        *counts.entry(message.id).or_default() += 1;
    }
    counts
}

/// After a restart: what this node acknowledged is still in its own history.
#[must_use]
pub fn own_log(world: &World<'_>, seat: usize, replica: &Replica) -> Option<String> {
    let contested = contested(world.acts());
    let (id, _) = acknowledged(world.acts())
        .filter(|(_, act)| act.seat == seat)
        .find(|(id, act)| {
            let Some(community) = act
                .community
                .filter(|community| !contested.contains(community))
            else {
                return false;
            };
            // Not listing the community at all would be a loss too: it was acknowledged there.
            let view = replica.communities.get(&community);
            !view.is_some_and(|view| {
                view.messages
                    .values()
                    .flatten()
                    .any(|message| message.id == *id)
            })
        })?;
    Some(format!(
        "message {} was acknowledged before the crash and is gone",
        id.short()
    ))
}
