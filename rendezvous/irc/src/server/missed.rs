//! What was said while a client was away, for clients that can not ask for it: given when they come in, as bouncers do.
//!
//! A client is known again by its account and its user name (the first parameter of USER). What it saw last is kept
//! while the server runs; one that is not known is given the last lines of a room.

use std::collections::BTreeMap;

use alloquy_api::Command;
use alloquy_api::pages::{At, Part};
use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, EventId, MonoMs, UnixMs};

use super::tell::Manner;
use crate::caps::Cap;
use crate::io::{ClientKey, ConnId};
use crate::limits::{HISTORY_MAX, PLAYED_FIRST, SIGHTS_MAX};
use crate::line::Out;
use crate::pending::Pending;
use crate::server::Server;
use crate::session::Session;
use crate::world::{Kind, Newest};

/// Up to where a client saw a room.
#[derive(Clone, Debug)]
struct Seen {
    at: At,
    /// When that was.
    time: UnixMs,
    /// Messages behind it that it saw, too: their authors' clocks are late.
    but: Vec<EventId>,
}

impl Seen {
    /// Up to the newest message, if one is known.
    fn new(newest: Option<&Newest>, now: UnixMs) -> Self {
        match newest {
            Some(newest) => Self {
                at: At::Message(newest.id),
                time: now,
                but: newest.late.iter().copied().collect(),
            },
            None => Self {
                at: At::Time(now),
                time: now,
                but: Vec::new(),
            },
        }
    }
}

/// What a client saw last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    rooms: BTreeMap<ChannelId, Seen>,
    /// When it was here last: conversations go on without a JOIN.
    here: Option<UnixMs>,
    /// For forgetting the oldest.
    left: MonoMs,
}

/// Clients that have gone, as they are known again.
#[derive(Debug, Default)]
pub(crate) struct Sights(BTreeMap<(ClientKey, String), Sight>);

impl Sights {
    fn keep(&mut self, who: (ClientKey, String), sight: Sight) {
        self.0.insert(who, sight);
        if self.0.len() > SIGHTS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, sight)| sight.left);
            let oldest = oldest.map(|(who, _)| who.clone());
            oldest.and_then(|who| self.0.remove(&who));
        }
    }
}

/// Whether what was missed is given to a client: it can not ask for it, and is no bot, which would answer what others
/// asked long ago.
fn wants(session: &Session) -> bool {
    !session.caps.has(Cap::ChatHistory) && !session.bot
}

fn name_of(session: &Session) -> Option<(ClientKey, String)> {
    let named = session.user.clone().filter(|_| !session.guest);
    Some((session.key?, named?))
}

impl Server {
    /// A connection has come in: what its client saw last is looked up, and what was said to it alone is given.
    pub(crate) fn give_missed_directs(&mut self, conn: ConnId) {
        let Some(session) = self.session(conn).filter(|session| wants(session)) else {
            return;
        };
        let known = name_of(session).and_then(|who| self.sights.0.get(&who));
        let Some(sight) = known.cloned() else {
            return;
        };
        let here = sight.here;
        if let Some(session) = self.session_mut(conn) {
            session.sight = sight;
        }
        let Some((world, here)) = self.world_of(conn).zip(here) else {
            return;
        };
        let rooms = world.rooms().filter(|room| !room.is_channel());
        let rooms = rooms.filter(|room| self.shows(conn, room));
        let channels: Vec<ChannelId> = rooms.map(|room| room.channel).collect();
        for channel in channels {
            self.ask_missed(conn, channel, (Some(At::Time(here)), HISTORY_MAX));
        }
    }

    /// A connection has come into a room.
    pub(crate) fn give_missed(&mut self, conn: ConnId, channel: ChannelId) {
        let Some(session) = self.session(conn).filter(|session| wants(session)) else {
            return;
        };
        let seen = session.sight.rooms.get(&channel).map(|seen| seen.at);
        let limit = match seen {
            Some(_) => HISTORY_MAX,
            None => PLAYED_FIRST,
        };
        self.ask_missed(conn, channel, (seen, limit));
    }

    fn ask_missed(&mut self, conn: ConnId, channel: ChannelId, (after, limit): (Option<At>, u32)) {
        let command = Command::Page {
            channel,
            part: Part::Latest(after),
            limit,
        };
        if let Some(session) = self.session_mut(conn) {
            session.missing.insert(channel, Vec::new());
        }
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Missed(conn, channel));
        }
    }

    /// A message is told to a connection: it is not to be given again as one that was missed.
    pub(crate) fn not_missed(&mut self, conn: ConnId, channel: ChannelId, message: EventId) {
        if let Some(session) = self.sessions.get_mut(&conn)
            && let Some(told) = session.missing.get_mut(&channel)
        {
            told.push(message);
        }
    }

    /// The messages that a connection missed were asked for.
    pub(crate) fn missed_known(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        found: Option<&[MessageView]>,
    ) {
        if let Some(messages) = found {
            return self.missed(conn, channel, messages);
        }
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.missing.remove(&channel);
        // The message that it saw last does not count any more.
        if let Some(seen) = session.sight.rooms.get_mut(&channel)
            && let At::Message(_) = seen.at
        {
            seen.at = At::Time(seen.time);
            self.give_missed(conn, channel);
        }
    }

    fn missed(&mut self, conn: ConnId, channel: ChannelId, messages: &[MessageView]) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let told = session.missing.remove(&channel).unwrap_or_default();
        let seen = session.sight.rooms.get(&channel);
        let but = seen.map(|seen| seen.but.clone()).unwrap_or_default();
        let (key, echoes) = (session.key, session.caps.has(Cap::EchoMessage));
        let held = key.and_then(|key| self.own.get(&key));
        let held: Vec<EventId> = held.into_iter().flatten().map(|(_, own)| own.id).collect();
        let Some(world) = self.world_mut(conn) else {
            return;
        };
        let (me, two) = (
            world.me(),
            world
                .room(channel)
                .map(|room| matches!(room.kind, Kind::Two(_))),
        );
        let given = messages.iter().filter(|message| {
            let told = told.contains(&message.id) || held.contains(&message.id);
            // Clients that hear nothing of what they say take it for the other's.
            let own = message.author == me && two == Some(true) && !echoes;
            !(message.deleted || message.waiting || told || own || but.contains(&message.id))
        });
        let given: Vec<&MessageView> = given.collect();
        for message in &given {
            world.seen.recall(channel, message);
            world.newest.note(channel, message);
        }
        self.give_played(conn, channel, &given);
    }

    fn give_played(&mut self, conn: ConnId, channel: ChannelId, messages: &[&MessageView]) {
        let target = self
            .world_of(conn)
            .and_then(|world| crate::commands::target_name(world, channel));
        let Some(target) = target.filter(|_| !messages.is_empty()) else {
            return;
        };
        let batched = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Batch));
        let reference = batched.then(|| self.batch_reference());
        let server = self.settings.server_name.clone();
        if let Some(reference) = &reference {
            let params = [&*format!("+{reference}"), "chathistory", &target];
            self.reply(conn, Out::new(&server, "BATCH", &params));
        }
        for message in messages {
            self.edit_known(conn, message.id);
            for mut out in self.lines_of(conn, (channel, message), Manner::played()) {
                if out.tags.batch.is_none() {
                    out.tags.batch.clone_from(&reference);
                }
                self.reply(conn, out);
            }
        }
        if let Some(reference) = &reference {
            self.reply(
                conn,
                Out::new(&server, "BATCH", &[&format!("-{reference}")]),
            );
        }
    }

    /// A connection has left a room, and may come back.
    pub(crate) fn saw(&mut self, conn: ConnId, channel: ChannelId) {
        let newest = self
            .world_of(conn)
            .and_then(|world| world.newest.of(channel));
        let seen = Seen::new(newest, self.now.wall);
        if let Some(session) = self
            .sessions
            .get_mut(&conn)
            .filter(|session| wants(session))
        {
            session.sight.rooms.insert(channel, seen);
        }
    }

    /// A connection has ended: its client may come back.
    pub(super) fn keep_sight(&mut self, session: Session) {
        let Some(who) = name_of(&session).filter(|_| wants(&session)) else {
            return;
        };
        // It was never told who it is: it has seen nothing.
        let Some(world) = self.worlds.get(&who.0).filter(|_| session.is_in()) else {
            return;
        };
        let mut sight = session.sight;
        let joined = session.joined.keys();
        // What it has asked for and was not given is missed still.
        for channel in joined.filter(|channel| !session.missing.contains_key(channel)) {
            let seen = Seen::new(world.newest.of(*channel), self.now.wall);
            sight.rooms.insert(*channel, seen);
        }
        sight.here = Some(self.now.wall);
        sight.left = self.now.mono;
        self.sights.keep(who, sight);
    }
}
