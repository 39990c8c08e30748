//! CHATHISTORY and MARKREAD: what was said before, and how far it was read.

use std::collections::BTreeSet;

use alloquy_api::Command;
use alloquy_api::command::ChannelRef;
use alloquy_api::pages::{At, Part};
use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, EventId, UnixMs};

use crate::caps::Cap;
use crate::edges::Edges;
use crate::io::ConnId;
use crate::limits::{HISTORY_MAX, REACTIONS_SHOWN_MAX, TARGET_TIMES};
use crate::line::{Line, Out, Tags};
use crate::pending::{Page, Pending, ReadFor, Targets};
use crate::server::Server;
use crate::server::tell::{Manner, reply_tags, target};
use crate::text::{iso_time, parse_time};
use crate::world::{Kind, Room, World};

/// A place in a history as clients write it.
fn at(text: &str) -> Option<At> {
    let (kind, value) = text.split_once('=')?;
    match kind {
        "msgid" => value.parse().ok().map(At::Message),
        "timestamp" => parse_time(value).map(At::Time),
        _ => None,
    }
}

/// Whether a place is named by something that 005 does not list.
fn names_unknown_kind(subcommand: &str, line: &Line) -> bool {
    let last = if subcommand == "BETWEEN" { 3 } else { 2 };
    let mut places = (2..=last).filter_map(|which| line.param(which));
    places.any(|place| {
        let kind = place.split_once('=').map_or(place, |(kind, _)| kind);
        !["msgid", "timestamp", "*"].contains(&kind)
    })
}

/// The part of a history that a subcommand means, and where its limit stands.
fn part(subcommand: &str, line: &Line, edges: Option<&Edges>) -> Option<(Part, usize)> {
    let place = |which: usize| at(line.param(which)?);
    let before = |at: At| edges.map_or(at, |edges| edges.before(at));
    let after = |at: At| edges.map_or(at, |edges| edges.after(at));
    Some(match subcommand {
        "LATEST" if line.param(2) == Some("*") => (Part::Latest(None), 3),
        "LATEST" => (Part::Latest(Some(place(2)?)), 3),
        "BEFORE" => (Part::Before(before(place(2)?)), 3),
        "AFTER" => (Part::After(after(place(2)?)), 3),
        "AROUND" => (Part::Around(place(2)?), 3),
        "BETWEEN" => match (place(2)?, place(3)?) {
            (At::Time(one), At::Time(other)) => {
                let (first, second) = (At::Time(one), At::Time(other));
                match one <= other {
                    true => (Part::Forth(after(first), second), 4),
                    false => (Part::Back(before(first), second), 4),
                }
            }
            (one, other) => (Part::Between(one, other), 4),
        },
        _ => return None,
    })
}

/// How many messages: a number that is none is an error, one that is too great is the greatest.
fn limit(line: &Line, which: usize) -> Option<u32> {
    let number: u32 = line.param(which)?.parse().ok()?;
    Some(number.min(HISTORY_MAX))
}

impl Server {
    pub(super) fn chathistory(&mut self, conn: ConnId, line: &Line) {
        let Some(subcommand) = line.param(0).map(str::to_ascii_uppercase) else {
            let text = "Missing parameters";
            return self.fail(conn, "CHATHISTORY", "NEED_MORE_PARAMS", &[], text);
        };
        if subcommand == "TARGETS" {
            return self.targets(conn, line);
        }
        let known =
            ["LATEST", "BEFORE", "AFTER", "AROUND", "BETWEEN"].contains(&subcommand.as_str());
        if !known {
            return self.history_failed(
                conn,
                "INVALID_PARAMS",
                (&subcommand, &[]),
                "Unknown subcommand",
            );
        }
        let Some(target) = line.param(1).map(str::to_owned) else {
            return self.history_failed(
                conn,
                "NEED_MORE_PARAMS",
                (&subcommand, &[]),
                "Missing parameters",
            );
        };
        let Some(room) = self.room_or_direct(conn, &target) else {
            return self.history_failed(
                conn,
                "INVALID_TARGET",
                (&subcommand, &[&target]),
                "Messages could not be retrieved",
            );
        };
        let session = self.session(conn);
        let edges = session.and_then(|session| session.edges.get(&room.channel));
        let enough = line.params.len() >= if subcommand == "BETWEEN" { 5 } else { 4 };
        let Some((part, limit)) = part(&subcommand, line, edges)
            .and_then(|(part, which)| Some((part, limit(line, which)?)))
        else {
            let code = match enough {
                true if names_unknown_kind(&subcommand, line) => "INVALID_MSGREFTYPE",
                true => "INVALID_PARAMS",
                false => "NEED_MORE_PARAMS",
            };
            return self.history_failed(
                conn,
                code,
                (&subcommand, &[&target]),
                "Invalid or missing parameters",
            );
        };
        let page = Page {
            channel: room.channel,
            target,
            subcommand,
        };
        let command = Command::Page {
            channel: room.channel,
            part,
            limit,
        };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Page(conn, page));
        }
    }

    /// A channel, or the conversation with a nick, in which something was said.
    pub(super) fn room_or_direct(&self, conn: ConnId, target: &str) -> Option<Room> {
        let world = self.world_of(conn)?;
        let room = match target.starts_with('#') {
            true => world.room_named(target),
            false => world.direct_with(world.account_of(target)?),
        };
        room.filter(|room| self.shows(conn, room)).cloned()
    }

    pub(crate) fn history_failed(
        &mut self,
        conn: ConnId,
        code: &str,
        (subcommand, context): (&str, &[&str]),
        text: &str,
    ) {
        let context = [&[subcommand], context].concat();
        self.fail(conn, "CHATHISTORY", code, &context, text);
    }

    /// Gives a part of a history as one batch.
    pub(crate) fn give_history(&mut self, conn: ConnId, page: &Page, messages: &[MessageView]) {
        if let Some(world) = self.world_mut(conn) {
            for message in messages {
                world.seen.recall(page.channel, message);
            }
        }
        let shown = messages
            .iter()
            .filter(|message| !message.deleted && !message.waiting);
        if let Some(session) = self.session_mut(conn) {
            session
                .edges
                .entry(page.channel)
                .or_default()
                .note(shown.clone());
        }
        let reference = self.batch_reference();
        let batched = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Batch));
        let server = self.settings.server_name.clone();
        if batched {
            self.reply(
                conn,
                Out::new(
                    &server,
                    "BATCH",
                    &[&format!("+{reference}"), "chathistory", &page.target],
                ),
            );
        }
        for message in shown {
            self.edit_known(conn, message.id);
            let lines = self.lines_of(conn, (page.channel, message), Manner::default());
            for mut out in lines
                .into_iter()
                .chain(self.reactions_of(conn, page, message))
            {
                if batched {
                    out.tags.batch.get_or_insert_with(|| reference.clone());
                }
                self.reply(conn, out);
            }
        }
        if batched {
            self.reply(
                conn,
                Out::new(&server, "BATCH", &[&format!("-{reference}")]),
            );
        }
    }

    /// The reactions to a message of a page, for clients that want more than messages of one: they belong to it, and
    /// do not count.
    fn reactions_of(&self, conn: ConnId, page: &Page, message: &MessageView) -> Vec<Out> {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return Vec::new();
        };
        let Some(room) = world
            .room(page.channel)
            .filter(|_| session.caps.has(Cap::EventPlayback))
        else {
            return Vec::new();
        };
        let reactions = message.reactions.iter();
        let pairs = reactions.flat_map(|of| of.accounts.iter().map(move |account| (of, *account)));
        let rows = pairs.take(REACTIONS_SHOWN_MAX).map(|(of, account)| {
            let mut client = reply_tags(message.id);
            client.push(("+draft/react".to_owned(), of.emoji.clone()));
            let context = "draft/chathistory-context";
            let tags = Tags {
                // Of a reaction no time is known.
                time: Some(message.time),
                account: Some(account.to_string()),
                further: vec![(Cap::EventPlayback, context, String::new())],
                client,
                ..Tags::default()
            };
            let to = target(world, room, account);
            Out::new(&world.mask(account), "TAGMSG", &[&to]).tagged(tags)
        });
        rows.collect()
    }

    fn targets(&mut self, conn: ConnId, line: &Line) {
        let bounds = line.param(1).and_then(at).zip(line.param(2).and_then(at));
        let Some(((At::Time(one), At::Time(other)), limit)) = bounds.zip(limit(line, 3)) else {
            return self.history_failed(
                conn,
                "INVALID_PARAMS",
                ("TARGETS", &[]),
                "Two timestamps and a limit are needed",
            );
        };
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        // Several conversations may have one time: whoever goes on from the last one of a list has the others of that
        // time next.
        let from = one.min(other);
        let listed = session.listed.filter(|(time, _)| *time == from);
        let asked = Targets {
            from: listed.unwrap_or((from, ChannelId([u8::MAX; 32]))),
            to: one.max(other),
            limit: limit as usize,
            found: Vec::new(),
        };
        let joined: BTreeSet<ChannelId> = session.joined.keys().copied().collect();
        session.targets = Some(asked);
        let Some(world) = self.world_of(conn) else {
            return;
        };
        // Conversations, and the channels that the connection is in.
        let of = |room: &&Room| {
            let named = room.kind != Kind::Channel || joined.contains(&room.channel);
            named && self.shows(conn, room)
        };
        let channels: Vec<ChannelId> = world.rooms().filter(of).map(|room| room.channel).collect();
        let Some(world) = self.world_mut(conn) else {
            return;
        };
        for channel in &channels {
            let command = Command::Page {
                channel: *channel,
                part: Part::Latest(None),
                limit: TARGET_TIMES,
            };
            world.order(command, Pending::Newest(conn, *channel));
        }
        for _ in &channels {
            self.wait(conn);
        }
        if channels.is_empty() {
            self.give_targets(conn);
        }
    }

    /// The newest message of one room is known.
    pub(crate) fn target_found(&mut self, conn: ConnId, channel: ChannelId, time: Option<UnixMs>) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let last = session.waiting == 1;
        if let (Some(targets), Some(time)) = (session.targets.as_mut(), time)
            && (time, channel) > targets.from
            && time < targets.to
        {
            targets.found.push((time, channel));
        }
        if last {
            self.give_targets(conn);
        }
    }

    fn give_targets(&mut self, conn: ConnId) {
        let Some(mut targets) = self
            .session_mut(conn)
            .and_then(|session| session.targets.take())
        else {
            return;
        };
        targets.found.sort();
        targets.found.truncate(targets.limit);
        if let (Some(last), Some(session)) = (targets.found.last(), self.session_mut(conn)) {
            session.listed = Some(*last);
        }
        let reference = self.batch_reference();
        let batched = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Batch));
        let server = self.settings.server_name.clone();
        let batch = |reference: &str| batched.then(|| reference.to_owned());
        if batched {
            self.reply(
                conn,
                Out::new(
                    &server,
                    "BATCH",
                    &[&format!("+{reference}"), "draft/chathistory-targets"],
                ),
            );
        }
        for (time, channel) in targets.found {
            let Some(name) = self
                .world_of(conn)
                .and_then(|world| target_name(world, channel))
            else {
                continue;
            };
            let mut out = Out::new(&server, "CHATHISTORY", &["TARGETS", &name, &iso_time(time)]);
            out.tags.batch = batch(&reference);
            self.reply(conn, out);
        }
        if batched {
            self.reply(
                conn,
                Out::new(&server, "BATCH", &[&format!("-{reference}")]),
            );
        }
    }

    pub(super) fn markread(&mut self, conn: ConnId, line: &Line) {
        let known = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::ReadMarker));
        if !known {
            return self.numeric(conn, "421", &["MARKREAD", "Unknown command"]);
        }
        let Some(target) = line.param(0).map(str::to_owned) else {
            let text = "Missing parameters";
            return self.fail(conn, "MARKREAD", "NEED_MORE_PARAMS", &[], text);
        };
        let Some(room) = self.room_or_direct(conn, &target) else {
            // Somebody to whom nothing was ever said: nothing was read.
            if self
                .world_of(conn)
                .is_some_and(|world| world.account_of(&target).is_some())
            {
                return self.server_line(conn, "MARKREAD", &[&target, "*"]);
            }
            return self.fail(
                conn,
                "MARKREAD",
                "INVALID_PARAMS",
                &[&target],
                "There is no such channel or nick",
            );
        };
        let Some(mark) = line.param(1) else {
            return self.ask_read(conn, room.channel, ReadFor::One(conn));
        };
        let Some(time) = mark.strip_prefix("timestamp=").and_then(parse_time) else {
            return self.fail(
                conn,
                "MARKREAD",
                "INVALID_PARAMS",
                &[&target],
                "timestamp=YYYY-MM-DDThh:mm:ss.sssZ is needed",
            );
        };
        // The last message that was written up to then.
        let command = Command::Page {
            channel: room.channel,
            part: Part::Before(At::Time(UnixMs(time.0 + 1))),
            limit: 1,
        };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::ReadUpTo(conn, room.channel));
        }
    }

    /// The message is known up to which a room was read: it is noted if it is newer than what was read so far.
    pub(crate) fn mark_read(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        message: Option<&MessageView>,
    ) {
        let Some(message) = message else {
            return self.ask_read(conn, channel, ReadFor::One(conn));
        };
        let command = Command::Page {
            channel,
            part: Part::Read,
            limit: 1,
        };
        let pending = Pending::Advance(conn, channel, message.id, message.time);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, pending);
        }
        self.wait(conn);
    }

    /// Moves the marker to a message, unless it stands at a later one: it never goes back.
    pub(crate) fn advance(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        (message, time): (EventId, UnixMs),
        marked: Option<UnixMs>,
    ) {
        let command = Command::MarkRead {
            channel: ChannelRef(channel.to_string()),
            message: Some(message),
        };
        let later = marked.is_none_or(|marked| marked < time);
        if let Some(world) = self.world_mut(conn).filter(|_| later) {
            world.order(command, Pending::Quiet);
        }
        self.ask_read(conn, channel, ReadFor::One(conn));
    }

    /// Tells how far a room was read.
    pub(crate) fn read_line(
        &self,
        conn: ConnId,
        channel: ChannelId,
        time: Option<UnixMs>,
    ) -> Option<Out> {
        let world = self.world_of(conn)?;
        let name = target_name(world, channel)?;
        let mark = time.map_or_else(
            || "*".to_owned(),
            |time| format!("timestamp={}", iso_time(time)),
        );
        Some(
            Out::new(&self.settings.server_name, "MARKREAD", &[&name, &mark])
                .tagged(Tags::default()),
        )
    }
}

/// What a room is called as a target: its name, or the nick of whom it is with.
pub(crate) fn target_name(world: &World, channel: ChannelId) -> Option<String> {
    let room = world.room(channel)?;
    Some(match room.kind {
        Kind::Two(account) => world.nick(account),
        Kind::Notes => world.my_nick(),
        Kind::Channel | Kind::Group => room.name.clone(),
    })
}
