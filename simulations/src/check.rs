//! The checkers: what must hold after faults have ended and everything has settled.
//!
//! Each is a pure function of what was asked for ([`Act`]), what nodes showed, and the final [`Replica`]s.
//! They judge by the outside only; where the protocol allows more than one outcome (a message of somebody
//! whose right was contested) they stay silent.

mod durability;
mod secrecy;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::Command;
use alloquy_ids::{AccountId, CommunityId, EventId};

use crate::replica::{self, Replica, difference};
use crate::world::{Act, World};

pub use durability::{durability, own_log};
pub use secrecy::{authority, secrecy};

/// Final replicas by seat; nodes that can not be read, or are not to be judged, are missing.
pub type Replicas = BTreeMap<usize, Replica>;

/// The names of the final checks, for the trace.
pub const CHECKERS: [&str; 5] = [
    "convergence",
    "durability",
    "authority",
    "confidentiality",
    "termination",
];

/// Reads nodes. One that can not be read is reported and missing.
pub fn read_all(
    world: &mut World<'_>,
    seats: std::ops::Range<usize>,
    threads: &BTreeSet<EventId>,
) -> Replicas {
    let mut replicas = Replicas::new();
    for seat in seats {
        match replica::read(world, seat, threads) {
            Ok(replica) => {
                replicas.insert(seat, replica);
            }
            Err(text) => world.violation("termination", Some(seat), text),
        }
    }
    replicas
}

/// Whether all members of each community show the same. The first difference, if not.
#[must_use]
pub fn convergence(world: &World<'_>, replicas: &Replicas) -> Option<String> {
    let mut communities: Vec<CommunityId> = replicas
        .values()
        .flat_map(|one| one.communities.keys().copied())
        .collect();
    communities.sort_unstable();
    communities.dedup();
    communities
        .into_iter()
        .find_map(|community| disagreement(world, replicas, community))
}

fn disagreement(world: &World<'_>, replicas: &Replicas, community: CommunityId) -> Option<String> {
    let own = |seat: usize| world.account(seat);
    let views: Vec<_> = replicas
        .iter()
        .filter_map(|(seat, replica)| Some((*seat, replica.communities.get(&community)?)))
        .filter(|(seat, view)| view.members.contains(&own(*seat)))
        .collect();
    let (first, reference) = views.first()?;
    for (seat, view) in &views[1..] {
        if let Some(text) = difference(reference, view) {
            let (a, b) = (world.name(*first), world.name(*seat));
            return Some(format!(
                "{a} and {b} differ on {}: {text}",
                community.short()
            ));
        }
    }
    if reference.conversation {
        return None;
    }
    let absent = reference.members.iter().find(|account| {
        let seat = world.seat_of(**account);
        seat.is_some_and(|seat| {
            replicas.contains_key(&seat) && !views.iter().any(|(held, _)| *held == seat)
        })
    })?;
    let name = world
        .seat_of(*absent)
        .map_or_else(|| absent.short(), |seat| world.name(seat).to_owned());
    Some(format!(
        "{name} is a member of {} and does not show it",
        community.short()
    ))
}

/// Texts that members can not read though everybody is here.
#[must_use]
pub fn unreadable(world: &World<'_>, replicas: &Replicas) -> Option<String> {
    // A deletion empties the message everywhere at once. If it turns out later that its author had been removed before,
    // it does not count any more, but the text is gone.
    let deleted = durability::deleted(world.acts());
    for (seat, replica) in replicas {
        for (community, view) in &replica.communities {
            // Whoever left may have taken the only key of what he wrote alone with him, and whose store was put
            // back may have lost it.
            let by_member = |author: AccountId| {
                let put_back = world
                    .seat_of(author)
                    .is_some_and(|seat| world.was_put_back(seat));
                view.members.contains(&author) && !put_back
            };
            let all = view.messages.values().flatten();
            let mut waiting = all.filter(|message| {
                message.waiting && by_member(message.author) && !deleted.contains(&message.id)
            });
            if let Some(message) = waiting.next() {
                let (id, count) = (message.id.short(), 1 + waiting.count());
                let name = world.name(*seat);
                return Some(format!(
                    "{name} waits for the text of {id} in {} ({count} in all)",
                    community.short()
                ));
            }
        }
    }
    None
}

/// Whether somebody may lose the right to write, or the place in the community, by this command.
#[must_use]
pub fn is_denial(command: &Command) -> bool {
    matches!(
        command,
        Command::Kick { .. }
            | Command::Ban { .. }
            | Command::Leave { .. }
            | Command::Timeout { .. }
            | Command::RoleEdit { .. }
            | Command::RoleDelete { .. }
            | Command::RoleRevoke { .. }
            | Command::Overwrite { .. }
            | Command::OwnerRemove { .. }
            | Command::RevokeInvite { .. }
            | Command::SlowMode { .. }
            | Command::DeleteChannel { .. }
            | Command::Purge { .. }
            | Command::RemoveBranch { .. }
            | Command::Undo { .. }
            | Command::PolicyWait { .. }
    )
}

/// Whether a command may have had an effect: it was not refused.
#[must_use]
pub fn may_have_acted(act: &Act) -> bool {
    act.done.as_ref().is_none_or(|(_, result)| result.is_ok())
}
