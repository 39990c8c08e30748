//! Who may act and who may read: refused acts stay without effect, removed members read nothing new.

use std::ops::Range;

use alloquy_api::Reply;
use alloquy_api::command::Command;
use alloquy_ids::{AccountId, CommunityId, EventId};

use super::{Replicas, may_have_acted};
use crate::world::{Act, World};

/// The right that a command needs in the community as a whole.
fn right_of(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Kick { .. } | Command::RemoveBranch { ban: false, .. } => "kick",
        Command::Ban { .. } | Command::Unban { .. } | Command::RemoveBranch { ban: true, .. } => {
            "ban"
        }
        Command::PolicyWait { .. } => "manage-community",
        Command::Timeout { .. } => "mute",
        Command::RoleCreate { .. }
        | Command::RoleEdit { .. }
        | Command::RoleDelete { .. }
        | Command::RoleGrant { .. }
        | Command::Overwrite { .. } => "manage-roles",
        Command::CreateChannel { .. } | Command::CreateCategory { .. } => "manage-channels",
        Command::Invite { .. } => "invite",
        _ => return None,
    })
}

/// Who may not, could not; and what was written after everybody had applied a removal is shown to nobody.
pub fn authority(world: &World<'_>, replicas: &Replicas) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for act in world.acts() {
        let Some((_, Ok(_))) = &act.done else {
            continue;
        };
        let known = act.before.members.contains(&world.account(act.seat));
        if let Some(right) = right_of(&act.command).filter(|right| known && !holds(act, right)) {
            faults.push((
                act.seat,
                format!("`{}` was done without the right {right}", act.command),
            ));
        }
        let Some(community) = act
            .community
            .filter(|_| !known && !act.before.members.is_empty())
        else {
            continue;
        };
        if right_of(&act.command).is_some() {
            let short = community.short();
            faults.push((
                act.seat,
                format!(
                    "`{}` was done in {short} by somebody who is no member",
                    act.command
                ),
            ));
        }
    }
    faults.extend(late_messages(world, replicas));
    faults
}

fn holds(act: &Act, right: &str) -> bool {
    let mut held = act.before.rights.iter().chain(&act.rights_then);
    held.any(|held| held == right)
}

/// Messages of an account that everybody else already showed as removed when they were written.
///
/// Only a removal that the others held by then hides what is written: a denial reaches nothing on which a member
/// built who did not have it (docs/protocol.md, "Denials"). So whoever had not heard of the account, or not of its
/// return, says nothing of what it writes: he may read it when he hears of both, answer, and remove it then.
fn late_messages(world: &World<'_>, replicas: &Replicas) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    let late = world.acts().iter().filter_map(|act| {
        let since = act.before.removed_since?;
        let (wrote, message) = written(act)?;
        Some((act, act.community?, since..wrote, message))
    });
    for (act, community, while_removed, message) in late {
        if may_have_returned(world, act.seat, community, while_removed) {
            continue;
        }
        for (seat, replica) in replicas {
            let Some(view) = replica.communities.get(&community) else {
                continue;
            };
            let shown = || {
                view.messages
                    .values()
                    .flatten()
                    .any(|shown| shown.id == message)
            };
            if *seat != act.seat && !view.members.contains(&world.account(act.seat)) && shown() {
                let name = world.name(act.seat);
                faults.push((
                    *seat,
                    format!(
                        "message {} of {name}, written after its removal, is shown",
                        message.short()
                    ),
                ));
            }
        }
    }
    faults
}

/// Whether something done within this time may have made the writer of a message a member once more before it wrote. A
/// command may wait for long, and what it writes is written when it ends.
fn may_have_returned(
    world: &World<'_>,
    writer: usize,
    community: CommunityId,
    within: Range<u64>,
) -> bool {
    let text = world.account(writer).to_string();
    let readmits = |act: &Act| match &act.command {
        // It may have let the account in even if it ended badly.
        Command::Join { .. } => act.seat == writer,
        Command::RoleGrant { account, .. }
        | Command::OwnerAdd { account, .. }
        | Command::Unban { account, .. } => account.0 == text && may_have_acted(act),
        Command::Reaffirm { .. } => may_have_acted(act),
        _ => false,
    };
    world.acts().iter().any(|act| {
        let here = act.community.is_none_or(|one| one == community);
        here && act.at <= within.end && lasted(act, within.start) && readmits(act)
    })
}

/// Whether an act may have had its effect after a moment: what was begun before and had not ended counts too, unless its
/// node crashed over it.
fn lasted(act: &Act, since: u64) -> bool {
    match &act.done {
        Some((ended, _)) => *ended >= since,
        None => !act.lost || act.at >= since,
    }
}

/// A removed member's node never shows what was written after the removal was applied at its writer.
pub fn secrecy(world: &World<'_>, replicas: &Replicas) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for (reader, account) in (0..world.seats()).map(|seat| (seat, world.account(seat))) {
        for act in world.acts() {
            let Some((written, message)) = written(act) else {
                continue;
            };
            let Some(community) = act.community.filter(|_| act.seat != reader) else {
                continue;
            };
            let Some(removed) = removal_known(world, act.seat, community, account, act.at) else {
                continue;
            };
            if act.before.members.contains(&account)
                || came_back(world, replicas, reader, community, removed)
            {
                continue;
            }
            if world.shown_at(reader, message).is_some() {
                let writer = world.name(act.seat);
                let at = written / 1000;
                let text = format!(
                    "shows message {} that {writer} wrote after its removal, at {at} s",
                    message.short()
                );
                faults.push((reader, text));
            }
        }
    }
    faults
}

fn written(act: &Act) -> Option<(u64, EventId)> {
    match (&act.command, &act.done) {
        (
            Command::Send { .. } | Command::Reply { .. },
            Some((at, Ok(Reply::Message { message }))),
        ) => Some((*at, *message)),
        _ => None,
    }
}

/// When the node of `seat` last held `account` for a member before `at`, if it ever did.
fn removal_known(
    world: &World<'_>,
    seat: usize,
    community: CommunityId,
    account: AccountId,
    at: u64,
) -> Option<u64> {
    let views = world
        .acts()
        .iter()
        .filter(|act| act.seat == seat && act.community == Some(community) && act.at < at);
    views
        .filter(|act| act.before.members.contains(&account))
        .map(|act| act.at)
        .max()
}

/// Whether the reader is a member in the end, or became one again after `since`, or may have.
fn came_back(
    world: &World<'_>,
    replicas: &Replicas,
    reader: usize,
    community: CommunityId,
    since: u64,
) -> bool {
    let account = world.account(reader);
    let is_member = replicas
        .values()
        .filter_map(|replica| replica.communities.get(&community))
        .any(|view| view.members.contains(&account));
    // A join may have ended badly after it had let the reader in, who was removed once more: whoever knew the removal
    // and showed the reader as a member later tells.
    let shows = |act: &Act| act.before.members.contains(&account);
    let views = |seat: usize| {
        let of = move |act: &&Act| act.seat == seat && act.community == Some(community);
        let known = |act: &&Act| !act.before.members.is_empty();
        world.acts().iter().filter(of).filter(known)
    };
    let let_in_again = (0..world.seats())
        .filter(|seat| *seat != reader)
        .any(|seat| {
            let mut later = views(seat).skip_while(|act| act.at < since || shows(act));
            later.any(shows)
        });
    let text = account.to_string();
    let readmits = |act: &Act| match &act.command {
        Command::Join { .. } => act.seat == reader,
        Command::RoleGrant { account, .. } | Command::OwnerAdd { account, .. } => account.0 == text,
        _ => false,
    };
    is_member
        || let_in_again
        || world
            .acts()
            .iter()
            .any(|act| lasted(act, since) && may_have_acted(act) && readmits(act))
}
