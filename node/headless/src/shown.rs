//! Forms for people: tables, lines of history, status. Nothing here prints.
//!
//! Whatever comes from others passes through [`plain`], so that a message can not steer the terminal.

mod faces;
mod moderation;
mod names;
mod personal;
mod table;
mod voice;

use std::fmt::Write;

use alloquy_api::reply::{
    AuditView, ChannelView, CommunityView, Confirmed, DeliveryState, InviteView, MemberView,
    MessageView, PresenceView, RoleView, UnreadView,
};
use alloquy_api::report::{CheckLevel, DoctorReport, StatusReport};
use alloquy_api::{Event, Reply};
use alloquy_ids::UnixMs;

pub(crate) use names::Names;
use table::Table;

/// Text of others, made harmless: control characters and those that turn the direction of writing are
/// written out, line breaks stay.
pub(crate) fn plain(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() && c != '\n') || turns {
            harmless.extend(c.escape_unicode());
        } else {
            harmless.push(c);
        }
    }
    harmless
}

/// Text of others on one line.
fn one_line(text: &str) -> String {
    plain(text).replace('\n', " / ")
}

/// What a command gave back.
pub(crate) fn reply(reply: &Reply, names: &Names) -> String {
    match reply {
        Reply::Channel { channel } => format!("channel {channel}"),
        Reply::Invite { invite, id } => format!("{invite}\n(invite {id})"),
        Reply::Message { message } => format!("message {message}"),
        Reply::History {
            messages,
            complete,
            complete_since,
            confirmed,
        } => {
            let since = complete_since.filter(|_| *complete);
            history(messages, (*complete, since), *confirmed, names)
        }
        Reply::Members { members } => members_table(members),
        Reply::Channels { channels } => channels_table(channels),
        Reply::Communities { communities } => communities_table(communities),
        Reply::Invites { invites } => invites_table(invites, names),
        Reply::Roles { roles } => roles_table(roles),
        Reply::Role { role } => format!("role {role}"),
        Reply::Audit { operations } => audit_table(operations, names),
        Reply::Why {
            granted,
            because,
            operations,
        } => why(*granted, because, operations),
        Reply::Unread { unread } => unread_table(unread),
        Reply::Presence { online } => presence_table(online),
        Reply::Note { note } => plain(note),
        Reply::Epoch { epoch } => format!("epoch {epoch}"),
        Reply::Operation { operation } => format!("operation {operation}"),
        Reply::Vote { enacted: true, .. } => "enacted".to_owned(),
        Reply::Vote {
            enacted: false,
            votes,
            needed,
        } => format!("{votes} of {needed} votes: more owners must sign"),
        Reply::Community { community } => format!("community {community}"),
        Reply::Pins { pins } if pins.is_empty() => "nothing is pinned".to_owned(),
        Reply::Pins { pins } => {
            let lines: Vec<_> = pins
                .iter()
                .map(|pin| format!("{}\n    {}", message_lines(pin, names), pin.id))
                .collect();
            lines.join("\n")
        }
        Reply::Nearby { nearby, announced } => faces::nearby(nearby, announced, names),
        Reply::Templates { templates } => faces::templates(templates),
        Reply::InviteCard { card } => faces::invite_card(card),
        Reply::Recovery { recovery_words } => faces::recovery(recovery_words),
        Reply::AudioDevices { audio } => voice::devices(audio),
        Reply::Call { call } => voice::call(call.as_ref(), names),
        Reply::Ok { .. } => "done".to_owned(),
        other => {
            let text = moderation::reply(other, names);
            if text.is_empty() {
                personal::reply(other)
            } else {
                text
            }
        }
    }
}

fn history(
    messages: &[MessageView],
    (complete, complete_since): (bool, Option<UnixMs>),
    confirmed: Confirmed,
    names: &Names,
) -> String {
    let mut text = String::new();
    for message in messages {
        text.push_str(&message_lines(message, names));
        text.push('\n');
    }
    let completeness = match complete_since {
        Some(since) => format!(
            "-- complete as far as {}{}, since {}",
            match confirmed.peers {
                1 => "one connected peer says".to_owned(),
                peers => format!("{peers} connected peers say"),
            },
            match confirmed.homes {
                0 => String::new(),
                1 => " (one of them a home node)".to_owned(),
                homes => format!(" ({homes} of them home nodes)"),
            },
            since.utc()
        ),
        None if complete => "-- complete: nobody else was ever here".to_owned(),
        None if !confirmed.by_nobody() => {
            "-- may be incomplete: home nodes alone say that this is all, and they can withhold"
                .to_owned()
        }
        None => "-- may be incomplete: nobody who could know is connected".to_owned(),
    };
    text + &completeness
}

/// One message: a line with time, author and text, then what hangs on it.
fn message_lines(message: &MessageView, names: &Names) -> String {
    let mut text = format!(
        "{}  {}: {}",
        message.time.utc(),
        names.account(message.author),
        body(message)
    );
    let mut marks = Vec::new();
    if message.edited && !message.deleted {
        marks.push("edited".to_owned());
    }
    if message.pinned {
        marks.push("pinned".to_owned());
    }
    if let Some(replies) = &message.replies {
        marks.push(format!("{} in its thread", replies.count));
    }
    if let Some(reason) = &message.hidden {
        marks.push(format!("hidden: {}", one_line(reason)));
    }
    if message.arrived_later {
        marks.push("arrived later".to_owned());
    }
    if message.delivery.state < DeliveryState::Delivered {
        marks.push(delivery(message.delivery.state).to_owned());
    }
    for reaction in &message.reactions {
        marks.push(format!(
            "{} {}",
            one_line(&reaction.emoji),
            reaction.accounts.len()
        ));
    }
    if !marks.is_empty() {
        text.push_str(&format!("  [{}]", marks.join(", ")));
    }
    for embed in &message.embeds {
        let preview = format!("{}: {}", one_line(&embed.title), one_line(&embed.url));
        text.push_str(&format!("\n                         [preview] {preview}"));
        if !embed.description.is_empty() {
            text.push_str(&format!(
                "\n                         {}",
                one_line(&embed.description)
            ));
        }
    }
    text
}

fn body(message: &MessageView) -> String {
    if message.deleted {
        "(deleted)".to_owned()
    } else if message.waiting {
        "(waiting for the key or the text)".to_owned()
    } else {
        plain(&message.text).replace('\n', "\n                         ")
    }
}

fn delivery(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Stored => "stored here only",
        DeliveryState::Held => "held by others",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Read => "read",
    }
}

/// What happened, in one line.
pub(crate) fn event(event: &Event, names: &Names) -> String {
    match event {
        Event::MessageAdded {
            channel, message, ..
        } => {
            format!(
                "{} {}",
                names.channel(*channel),
                message_lines(message, names)
            )
        }
        Event::MessageChanged {
            channel, message, ..
        } => {
            format!(
                "{} {} (changed)",
                names.channel(*channel),
                message_lines(message, names)
            )
        }
        Event::MemberAdded {
            community, name, ..
        } => {
            format!("{}: {} joined", names.community(*community), one_line(name))
        }
        Event::MemberRemoved { community, account } => {
            format!(
                "{}: {} is no longer a member",
                names.community(*community),
                names.account(*account)
            )
        }
        Event::PresenceChanged {
            community,
            account,
            online,
        } => {
            let now = if *online { "online" } else { "offline" };
            format!(
                "{}: {} is {now}",
                names.community(*community),
                names.account(*account)
            )
        }
        Event::Typing {
            channel, account, ..
        } => {
            format!(
                "{} {} is typing",
                names.channel(*channel),
                names.account(*account)
            )
        }

        Event::CommunityLeft { community, .. } => format!("{}: left", names.community(*community)),
        Event::JoinRefused { community, message } => {
            format!("{}: {}", names.community(*community), plain(message))
        }
        Event::NearbyChanged { count } => format!("communities nearby: {count}"),
        Event::PeerChanged { account, connected } => {
            let now = if *connected { "connected" } else { "gone" };
            format!("{} is {now}", names.account(*account))
        }
        Event::CallEnded { reason } => format!("the call is over: {}", plain(reason)),
        Event::StorageFailed { message } => {
            format!("the store can not be written: {}", plain(message))
        }
        Event::Lagged { count } => {
            format!("{count} events were left out: this reader was too slow")
        }
        Event::DmRequested { .. }
        | Event::LinkingChanged { .. }
        | Event::Progress { .. }
        | Event::KeyMissing { .. } => personal::event(event, names),
        // Many and of no news to a person; `--json` has them.
        Event::CaughtUp { .. }
        | Event::DevicesChanged
        | Event::VoiceChanged { .. }
        | Event::CallChanged
        | Event::CommunityChanged { .. }
        | Event::UnreadChanged { .. }
        | Event::DeliveryChanged { .. }
        | Event::MessageRemoved { .. }
        | Event::Done { .. } => String::new(),
    }
}

fn members_table(members: &[MemberView]) -> String {
    let mut table = Table::new(["", "name", "roles", "account"]);
    for member in members {
        let mut roles: Vec<String> = member.roles.iter().map(|role| one_line(role)).collect();
        if member.owner {
            roles.insert(0, "owner".to_owned());
        }
        let here = if member.online { "*" } else { "" };
        table.row([
            here.to_owned(),
            one_line(&member.name),
            roles.join(", "),
            member.account.to_string(),
        ]);
    }
    table.to_string()
}

fn channels_table(channels: &[ChannelView]) -> String {
    let mut table = Table::new(["kind", "name", "unread", "topic", "channel"]);
    for channel in channels {
        let kind = match channel.kind {
            alloquy_api::command::ChannelKind::Text => "text",
            alloquy_api::command::ChannelKind::Voice => "voice",
            alloquy_api::command::ChannelKind::Category => "category",
            alloquy_api::command::ChannelKind::Stage => "stage",
        };
        let private = if channel.private { " (private)" } else { "" };
        table.row([
            kind.to_owned(),
            format!("{}{private}", one_line(&channel.name)),
            channel.unread.to_string(),
            one_line(&channel.topic),
            channel.channel.to_string(),
        ]);
    }
    table.to_string()
}

fn communities_table(communities: &[CommunityView]) -> String {
    let mut table = Table::new(["name", "members", "online", "community"]);
    for community in communities {
        table.row([
            one_line(&community.name),
            community.members.to_string(),
            community.online.to_string(),
            community.community.to_string(),
        ]);
    }
    table.to_string()
}

fn invites_table(invites: &[InviteView], names: &Names) -> String {
    let mut table = Table::new(["used", "expires", "by", "invite"]);
    for invite in invites {
        let used = match invite.uses {
            Some(uses) => format!("{} of {uses}", invite.used),
            None => invite.used.to_string(),
        };
        let expires = if invite.revoked {
            "revoked".to_owned()
        } else {
            invite
                .expires
                .map_or_else(|| "never".to_owned(), UnixMs::utc)
        };
        table.row([
            used,
            expires,
            names.account(invite.creator),
            invite.id.to_string(),
        ]);
    }
    table.to_string()
}

fn roles_table(roles: &[RoleView]) -> String {
    let mut table = Table::new(["rank", "name", "rights", "role"]);
    for role in roles {
        table.row([
            role.rank.to_string(),
            one_line(&role.name),
            role.allow.join(","),
            role.role.to_string(),
        ]);
    }
    table.to_string()
}

fn audit_table(operations: &[AuditView], names: &Names) -> String {
    let mut table = Table::new(["time", "by", "what", "", "operation"]);
    for operation in operations {
        let mut what = one_line(&operation.what);
        if let Some(reason) = &operation.reason {
            what.push_str(&format!(" ({})", one_line(reason)));
        }
        let effect = match (&operation.because, operation.effective) {
            (_, true) => String::new(),
            (Some(because), false) => format!("no effect: {}", one_line(because)),
            (None, false) => "no effect".to_owned(),
        };
        table.row([
            operation.time.utc(),
            names.account(operation.author),
            what,
            effect,
            operation.operation.to_string(),
        ]);
    }
    table.to_string()
}

fn why(granted: bool, because: &[String], operations: &[alloquy_ids::EventId]) -> String {
    let mut lines = vec![if granted { "yes" } else { "no" }.to_owned()];
    lines.extend(
        because
            .iter()
            .map(|reason| format!("  {}", one_line(reason))),
    );
    lines.extend(
        operations
            .iter()
            .map(|operation| format!("  operation {operation}")),
    );
    lines.join("\n")
}

fn unread_table(channels: &[UnreadView]) -> String {
    let mut table = Table::new(["unread", "mentions", "channel", "id"]);
    for channel in channels {
        table.row([
            channel.unread.to_string(),
            channel.mentions.to_string(),
            one_line(&channel.name),
            channel.channel.to_string(),
        ]);
    }
    table.to_string()
}

fn presence_table(online: &[PresenceView]) -> String {
    let mut table = Table::new(["name", "", "status", "account"]);
    for person in online {
        let availability = format!("{:?}", person.availability).to_lowercase();
        table.row([
            one_line(&person.name),
            availability,
            one_line(&person.status),
            person.account.to_string(),
        ]);
    }
    table.to_string()
}

/// A running node.
pub(crate) fn status(status: &StatusReport) -> String {
    let mut text = format!(
        "ready: process {}, version {}, since {}\naccount {} ({})\ndevice  {}\n",
        status.pid,
        status.version,
        status.since.utc(),
        status.account,
        one_line(&status.name),
        status.device
    );
    line(
        &mut text,
        &format!(
            "communities: {}; bytes stored: {}, read from peers: {}, written: {}",
            status.communities, status.store_bytes, status.bytes_in, status.bytes_out
        ),
    );
    for address in &status.listen {
        line(&mut text, &format!("listens on {address}"));
    }
    for peer in &status.peers {
        let name = peer.name.clone().unwrap_or_else(|| peer.peer.short());
        line(&mut text, &format!("peer {name} by {}", peer.address));
    }
    if status.peers.is_empty() {
        line(&mut text, "no peer is connected");
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{}", plain(line)).expect("a String takes everything");
}

/// What `doctor` found.
pub(crate) fn checks(report: &DoctorReport) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let level = match check.level {
            CheckLevel::Ok => "ok  ",
            CheckLevel::Warn => "WARN",
            CheckLevel::Fail => "FAIL",
        };
        line(
            &mut text,
            &format!("{level} {}: {}", check.check, check.sentence),
        );
        if let Some(advice) = &check.advice {
            line(&mut text, &format!("     {advice}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_can_not_steer_the_terminal() {
        let hostile = "\u{1b}[2J\u{1b}]0;gone\u{7} \r\u{202e}txt\u{9b}31m";
        let shown = plain(hostile);
        assert!(
            shown.chars().all(|c| !c.is_control() && c != '\u{202e}'),
            "{shown}"
        );
        assert_eq!(plain("Ünïcode 👋\nsecond line"), "Ünïcode 👋\nsecond line");
        assert_eq!(one_line("a\nb"), "a / b");
    }
}
