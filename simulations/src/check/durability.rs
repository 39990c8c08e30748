//! What was acknowledged stays: on its author after every crash, in the end on every member, once.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Reply;
use alloquy_api::command::Command;
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId};

use super::{Replicas, is_denial, may_have_acted};
use crate::replica::{Replica, View};
use crate::world::{Act, World};

/// Acknowledged messages by community and author.
///
/// What a node acknowledged after a copy of its store was made is not looked for if the copy was put back: nobody
/// else may have heard of it.
fn acknowledged<'a>(world: &'a World<'_>) -> impl Iterator<Item = (EventId, &'a Act)> {
    world
        .acts()
        .iter()
        .filter_map(|act| match (&act.command, &act.done) {
            (
                Command::Send { .. } | Command::Reply { .. } | Command::Thread { .. },
                Some((at, Ok(Reply::Message { message }))),
            ) => (!world.forgot(act.seat, *at)).then_some((*message, act)),
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

/// Messages that somebody may have taken away on purpose: they may be gone or leave a mark.
pub(super) fn deleted(acts: &[Act]) -> BTreeSet<EventId> {
    let done = acts.iter().filter(|act| may_have_acted(act));
    done.flat_map(|act| match &act.command {
        Command::Delete { message } => vec![*message],
        Command::Purge { messages, .. } => messages.clone(),
        _ => Vec::new(),
    })
    .collect()
}

/// Everything acknowledged is on every member exactly once, and no log is forked.
pub fn durability(
    world: &World<'_>,
    replicas: &Replicas,
    founders: &BTreeSet<AccountId>,
) -> Vec<(usize, String)> {
    let contested = contested(world.acts());
    let deleted = deleted(world.acts());
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
            let lost = acknowledged(world).find(|(id, act)| {
                let author = world.account(act.seat);
                let undisputed = !contested.contains(community)
                    || is_untouched(world, *community, author, founders);
                act.community == Some(*community)
                    && undisputed
                    && !deleted.contains(id)
                    && !counts.contains_key(id)
                    && may_view(view, act.seat == *seat, home(*id, act, replicas))
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

/// The channel of a message: as its command says, or where somebody shows it.
fn home(id: EventId, act: &Act, replicas: &Replicas) -> Option<ChannelId> {
    if let Command::Send { channel, .. } = &act.command {
        return channel.0.parse().ok();
    }
    let views = replicas.values().flat_map(|one| one.communities.values());
    let mut channels = views.flat_map(|view| &view.messages);
    let found = channels.find(|(_, messages)| messages.iter().any(|message| message.id == id));
    found.map(|(channel, _)| *channel)
}

/// Whether a node should show what is in a channel; one that nobody knows is looked for at the author's only.
fn may_view(view: &View, is_author: bool, channel: Option<ChannelId>) -> bool {
    channel.map_or(is_author, |channel| view.messages.contains_key(&channel))
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
    let deleted = deleted(world.acts());
    let (id, _) = acknowledged(world)
        .filter(|(id, act)| act.seat == seat && !deleted.contains(id))
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
