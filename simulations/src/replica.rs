//! What a node shows of its communities, read by commands as any face would, in a form that two nodes must
//! share line by line.
//!
//! Left out is what is local by design: presence, unread counts, delivery, shown times, arrived-later marks, and in the
//! log what channels are called, which is told to those alone who may view them.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::{ChannelKind, ChannelRef, Command, CommunityRef};
use alloquy_api::reply::{AuditKind, AuditView, ChannelView, MemberView, MessageView, RoleView};
use alloquy_api::{CommandError, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId};

use crate::world::World;

/// More than any run writes.
const LAST: u32 = 100_000;

/// Everything that one node shows.
#[derive(Clone, Debug, Default)]
pub struct Replica {
    /// Its communities.
    pub communities: BTreeMap<CommunityId, View>,
}

/// One community at one node.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Whether it is a conversation: whoever has not accepted the request does not have it.
    pub conversation: bool,
    /// Members.
    pub members: BTreeSet<AccountId>,
    /// Members of whom two copies are said to write.
    pub forked: Vec<AccountId>,
    /// Messages of each channel, oldest first, with those of its threads.
    pub messages: BTreeMap<ChannelId, Vec<MessageView>>,
    /// Operations found effective, with their authors.
    pub effective: BTreeMap<EventId, AccountId>,
    /// Lines that all members must share, by what they describe.
    pub shared: BTreeMap<String, Vec<String>>,
}

/// Reads a node. `threads`: messages that threads hang on.
pub fn read(
    world: &mut World<'_>,
    seat: usize,
    threads: &BTreeSet<EventId>,
) -> Result<Replica, String> {
    let fault = |error: CommandError| format!("a read fails: {error}");
    let mut replica = Replica::default();
    let Reply::Communities { communities } =
        world.ask(seat, Command::Communities).map_err(fault)?
    else {
        return Err("communities: a reply of another shape".to_owned());
    };
    for community in communities {
        let id = community.community;
        let mut view = read_community(world, seat, id, threads).map_err(fault)?;
        let head = format!("{} / {}", community.name, community.topic);
        view.shared.insert("name and topic".to_owned(), vec![head]);
        replica.communities.insert(id, view);
    }
    let directs = world
        .snapshot(seat)
        .map(|snapshot| snapshot.directs.clone())
        .unwrap_or_default();
    for direct in directs.iter() {
        let mut view = read_community(world, seat, direct.community, threads).map_err(fault)?;
        view.conversation = true;
        replica.communities.insert(direct.community, view);
    }
    Ok(replica)
}

fn read_community(
    world: &mut World<'_>,
    seat: usize,
    id: CommunityId,
    threads: &BTreeSet<EventId>,
) -> Result<View, CommandError> {
    let community = CommunityRef(id.to_string());
    let mut view = View::default();
    if let Reply::Members { members } = world.ask(
        seat,
        Command::Members {
            community: community.clone(),
        },
    )? {
        view.members = members.iter().map(|member| member.account).collect();
        view.forked = members
            .iter()
            .filter(|member| member.forked)
            .map(|member| member.account)
            .collect();
        view.shared.insert(
            "members".to_owned(),
            members.iter().map(member_line).collect(),
        );
    }
    if let Reply::Roles { roles } = world.ask(
        seat,
        Command::Roles {
            community: community.clone(),
        },
    )? {
        view.shared
            .insert("roles".to_owned(), roles.iter().map(role_line).collect());
    }
    let audit = Command::Audit {
        community: community.clone(),
        last: LAST,
    };
    if let Reply::Audit { operations } = world.ask(seat, audit)? {
        view.effective = operations
            .iter()
            .filter(|op| op.effective)
            .map(|op| (op.operation, op.author))
            .collect();
        view.shared.insert(
            "audit".to_owned(),
            operations.iter().map(audit_line).collect(),
        );
    }
    if let Reply::Note { note } = world.ask(
        seat,
        Command::Note {
            community: community.clone(),
            splice: None,
        },
    )? {
        view.shared.insert("note".to_owned(), vec![note]);
    }
    if let Reply::Channels { channels } = world.ask(seat, Command::Channels { community })? {
        let open = channels.iter().filter(|channel| !channel.private);
        view.shared
            .insert("channels".to_owned(), open.map(channel_line).collect());
        for channel in channels
            .iter()
            .filter(|channel| channel.kind != ChannelKind::Category)
        {
            let messages = read_channel(world, seat, channel.channel, threads)?;
            let title = format!("history of {}", channel.channel.short());
            view.shared
                .insert(title, messages.iter().map(message_line).collect());
            view.messages.insert(channel.channel, messages);
        }
    }
    Ok(view)
}

fn read_channel(
    world: &mut World<'_>,
    seat: usize,
    channel: ChannelId,
    threads: &BTreeSet<EventId>,
) -> Result<Vec<MessageView>, CommandError> {
    let history = |thread| Command::History {
        channel: ChannelRef(channel.to_string()),
        last: LAST,
        before: None,
        thread,
    };
    let Reply::History { mut messages, .. } = world.ask(seat, history(None))? else {
        return Ok(Vec::new());
    };
    let roots: Vec<_> = messages
        .iter()
        .map(|message| message.id)
        .filter(|id| threads.contains(id))
        .collect();
    for root in roots {
        if let Reply::History {
            messages: thread, ..
        } = world.ask(seat, history(Some(root)))?
        {
            // A channel's history holds its threads' messages too, each with its root.
            let listed: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
            messages.extend(
                thread
                    .into_iter()
                    .filter(|message| !listed.contains(&message.id)),
            );
        }
    }
    Ok(messages)
}

fn member_line(member: &MemberView) -> String {
    let mut roles = member.roles.clone();
    roles.sort();
    let owner = if member.owner { ", owner" } else { "" };
    let about = member.about.as_deref().unwrap_or_default();
    format!(
        "{} {:?} [{}]{owner} {about:?}",
        member.account.short(),
        member.name,
        roles.join(" ")
    )
}

fn role_line(role: &RoleView) -> String {
    format!(
        "{} {:?} rank {} [{}]",
        role.role.short(),
        role.name,
        role.rank,
        role.allow.join(" ")
    )
}

fn audit_line(op: &AuditView) -> String {
    let effect = if op.effective {
        "effective"
    } else {
        "ineffective"
    };
    format!(
        "{} by {} {effect}: {}",
        op.operation.short(),
        op.author.short(),
        words(op)
    )
}

/// What an operation does, without the name of the channel that it is about.
fn words(op: &AuditView) -> String {
    let what = op.what.as_str();
    let before = |text: &str| text.split(" in ").next().unwrap_or_default().to_owned();
    match op.kind {
        AuditKind::Channels => what.split(' ').next().unwrap_or_default().to_owned(),
        AuditKind::Messages => before(what),
        AuditKind::Roles => match what.rsplit_once(": allow ") {
            Some((whom, rights)) => format!("{}: allow {rights}", before(whom)),
            None => what.to_owned(),
        },
        _ => what.to_owned(),
    }
}

fn channel_line(channel: &ChannelView) -> String {
    let category = channel
        .category
        .map_or_else(|| "-".to_owned(), |category| category.short());
    let (id, position) = (channel.channel.short(), channel.position);
    let (kind, slow) = (channel.kind, channel.slow_mode_ms);
    format!(
        "{id} {kind:?} {:?} {:?} under {category} at {position} slow {slow}",
        channel.name, channel.topic
    )
}

fn message_line(message: &MessageView) -> String {
    let reactions: Vec<_> = message
        .reactions
        .iter()
        .map(|one| {
            format!(
                "{} {:?}",
                one.emoji,
                one.accounts
                    .iter()
                    .map(|account| account.short())
                    .collect::<Vec<_>>()
            )
        })
        .collect();
    let mark = |on: bool, text: &'static str| if on { text } else { "" };
    format!(
        "{} by {} {:?}{}{}{}{} reply {:?} thread {:?} {}",
        message.id.short(),
        message.author.short(),
        message.text,
        mark(message.edited, " edited"),
        mark(message.deleted, " deleted"),
        mark(message.pinned, " pinned"),
        mark(message.waiting, " waiting"),
        message.reply_to.map(|id| id.short()),
        message.thread.map(|id| id.short()),
        reactions.join(" "),
    )
}

/// The first thing that two views do not share; `None` if they agree. Private channels that only one of
/// them sees do not count.
#[must_use]
pub fn difference(a: &View, b: &View) -> Option<String> {
    for (title, left) in &a.shared {
        let Some(right) = b.shared.get(title) else {
            continue;
        };
        if left == right {
            continue;
        }
        let at = left
            .iter()
            .zip(right)
            .position(|(one, other)| one != other)
            .unwrap_or(left.len().min(right.len()));
        let line = |lines: &[String]| {
            lines
                .get(at)
                .cloned()
                .unwrap_or_else(|| "nothing".to_owned())
        };
        let (left_len, right_len) = (left.len(), right.len());
        let (left, right) = (line(left), line(right));
        return Some(format!(
            "{title}, line {} ({left_len} and {right_len} lines): {left} | {right}",
            at + 1
        ));
    }
    None
}
