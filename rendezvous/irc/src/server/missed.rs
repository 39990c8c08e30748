//! What was said while a client was away, for clients that can not ask for it: given when they come in, as bouncers do.
//!
//! A client is known again by its account, its user name (the first parameter of USER) and the community that it is
//! bound to. Of each room it is kept which of the newest messages it has, the last of them also over a restart: what it
//! does not have of them it missed, in whatever order and with whatever clocks it was written. One that is not known is
//! given the last lines of a room. What was told to a client behind its last line may not have reached it if it
//! fell silent, and is given again.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::Command;
use alloquy_api::pages::Part;
use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, CommunityId, EventId, MonoMs, UnixMs};

use super::tell::Manner;
use crate::caps::Cap;
use crate::io::{ClientKey, ConnId};
use crate::limits::{
    HAS_MAX, HISTORY_MAX, PLAYED_BYTES_MAX, PLAYED_DIRECTS, PLAYED_FIRST, SIGHT_IDS_MAX,
    SIGHTS_MAX, SIGHTS_OF_ONE_MAX,
};
use crate::line::Out;
use crate::pending::Pending;
use crate::server::Server;
use crate::session::Session;
use crate::world::Kind;

/// The first bytes of a message's id: enough to tell those of one room apart.
type Short = u64;

fn short(id: EventId) -> Short {
    let mut first = [0; 8];
    first.copy_from_slice(&id.0[..8]);
    Short::from_be_bytes(first)
}

/// Which of the newest messages of a room a client has.
#[derive(Clone, Debug, Default)]
pub(super) struct Has {
    /// The oldest first: that it has them is certain.
    pub(super) ids: VecDeque<Short>,
    /// Those that it was told since it was heard last, and when.
    pub(super) told: VecDeque<(MonoMs, Short)>,
    /// When it was told anything last: of two accounts of one room, the later one counts.
    pub(super) at: MonoMs,
    /// Of those before the first of its ids nothing is known, for it was kept over a restart: it has them.
    pub(super) newest_alone: bool,
}

impl Has {
    fn contains(&self, id: Short) -> bool {
        self.ids.contains(&id) || self.told.iter().any(|(_, told)| *told == id)
    }

    fn add(&mut self, id: Short) {
        if !self.ids.contains(&id) {
            self.ids.push_back(id);
        }
        if self.ids.len() > HAS_MAX {
            self.ids.pop_front();
        }
    }

    fn tell(&mut self, id: Short, (now, heard): (MonoMs, MonoMs)) {
        self.heard(heard);
        self.at = now;
        self.told.push_back((now, id));
        if self.told.len() > HAS_MAX {
            self.told.pop_front();
        }
    }

    /// The newest messages of the room are known: what stands before the first that it has, it has too.
    fn fill_up(&mut self, found: &[MessageView]) {
        if !std::mem::take(&mut self.newest_alone) {
            return;
        }
        let first = found
            .iter()
            .position(|message| self.contains(short(message.id)));
        for message in found.iter().take(first.unwrap_or_default()).rev() {
            self.ids.push_front(short(message.id));
        }
    }

    /// It was heard then: what it was told up to that moment it has.
    pub(super) fn heard(&mut self, heard: MonoMs) {
        while let Some((_, id)) = self.told.pop_front_if(|(at, _)| *at <= heard) {
            self.add(id);
        }
    }
}

/// What a client has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sight {
    pub(super) rooms: BTreeMap<ChannelId, Has>,
    /// For forgetting the oldest.
    left: MonoMs,
}

impl Sight {
    /// Of each room what was told last.
    fn merge(&mut self, other: Self) {
        for (channel, has) in other.rooms {
            let kept = self.rooms.entry(channel).or_insert_with(|| has.clone());
            if kept.at < has.at {
                *kept = has;
            }
        }
    }

    fn ids(&self) -> usize {
        self.rooms.values().map(|has| has.ids.len() + 1).sum()
    }
}

/// By what a client is known again.
pub(super) type Who = (ClientKey, String, Option<Option<CommunityId>>);

/// Clients that have gone, as they are known again.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    of: BTreeMap<Who, Sight>,
    /// Ids in all of them.
    ids: usize,
}

impl Sights {
    fn keep(&mut self, who: Who, mut sight: Sight) {
        // Another connection of the same name may know more of a room.
        if let Some(before) = self.remove(&who) {
            sight.merge(before);
        }
        let account = who.0;
        self.ids += sight.ids();
        self.of.insert(who, sight);
        // One account puts out its own first.
        let own = self.of.keys().filter(|(key, ..)| *key == account).count();
        if own > SIGHTS_OF_ONE_MAX {
            self.forget_oldest(|(key, ..)| *key == account);
        }
        while self.of.len() > SIGHTS_MAX || self.ids > SIGHT_IDS_MAX && self.of.len() > 1 {
            self.forget_oldest(|_| true);
        }
    }

    fn forget_oldest(&mut self, among: impl Fn(&Who) -> bool) {
        let all = self.of.iter().filter(|(who, _)| among(who));
        let oldest = all.min_by_key(|(_, sight)| sight.left);
        if let Some(who) = oldest.map(|(who, _)| who.clone()) {
            self.remove(&who);
        }
    }

    fn remove(&mut self, who: &Who) -> Option<Sight> {
        let sight = self.of.remove(who)?;
        self.ids -= sight.ids();
        Some(sight)
    }
}

/// Whether what was missed is given to a client: it can not ask for it, and is no bot, which would answer what others
/// asked long ago.
fn wants(session: &Session) -> bool {
    !session.caps.has(Cap::ChatHistory) && !session.bot
}

pub(super) fn name_of(session: &Session) -> Option<Who> {
    let named = session.user.clone().filter(|_| !session.guest)?;
    let bound = session.bound.as_ref().map(|bound| bound.community);
    Some((session.key?, named, bound))
}

impl Server {
    /// A connection has come in: what its client has is looked up, and what was said to it alone is given.
    pub(crate) fn give_missed_directs(&mut self, conn: ConnId) {
        let Some(session) = self.session(conn).filter(|session| wants(session)) else {
            return;
        };
        let known = name_of(session).and_then(|who| {
            let gone = self.sights.of.get(&who).cloned();
            gone.or_else(|| self.worlds.get(&who.0)?.kept_sight(&who))
        });
        let sight = known.unwrap_or_default();
        if let Some(session) = self.session_mut(conn) {
            session.sight = sight;
        }
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let directs = world.snapshot.directs.iter();
        let rooms = directs.filter_map(|direct| Some((direct.last, world.room(direct.channel)?)));
        let rooms = rooms.filter(|(_, room)| !room.is_channel() && self.shows(conn, room));
        let mut rooms: Vec<(Option<UnixMs>, ChannelId)> =
            rooms.map(|(last, room)| (last, room.channel)).collect();
        rooms.sort_unstable_by(|one, other| other.cmp(one));
        for (_, channel) in rooms.into_iter().take(PLAYED_DIRECTS) {
            self.give_missed(conn, channel);
        }
    }

    /// A connection has come into a room: it is told of it only when it is known what it missed.
    pub(crate) fn give_missed(&mut self, conn: ConnId, channel: ChannelId) {
        let Some(session) = self.session_mut(conn).filter(|session| wants(session)) else {
            return;
        };
        session.missing.insert(channel, Vec::new());
        self.wait(conn);
        let command = Command::Page {
            channel,
            part: Part::Latest(None),
            limit: HISTORY_MAX,
        };
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Missed(conn, channel));
        }
    }

    /// A message is about to be told to a connection. Whether it is: not while what it missed before is on its way,
    /// behind which it is given then.
    pub(crate) fn tells_now(
        &mut self,
        conn: ConnId,
        (channel, message): (ChannelId, &MessageView),
    ) -> bool {
        let now = self.now.mono;
        let Some(session) = self
            .sessions
            .get_mut(&conn)
            .filter(|session| wants(session))
        else {
            return true;
        };
        if let Some(held) = session.missing.get_mut(&channel) {
            held.push(message.clone());
            return false;
        }
        let heard = session.heard;
        if let Some(has) = session.sight.rooms.get_mut(&channel) {
            has.tell(short(message.id), (now, heard));
            self.keep_soon(conn);
            return true;
        }
        // A conversation that has begun, or one of so many that it was not looked at.
        self.give_missed(conn, channel);
        if let Some(session) = self.session_mut(conn) {
            session
                .missing
                .entry(channel)
                .or_default()
                .push(message.clone());
        }
        false
    }

    /// The newest messages of a room that a connection has come into are known.
    pub(crate) fn missed_known(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        found: Option<&[MessageView]>,
    ) {
        let now = self.now.mono;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let held = session.missing.remove(&channel).unwrap_or_default();
        let (key, echoes) = (session.key, session.caps.has(Cap::EchoMessage));
        let has = session.sight.rooms.get(&channel).cloned();
        let heard = session.heard;
        let of = |key| self.own.get(&key);
        let unsaid = key.and_then(of).into_iter().flatten();
        // They are told when it is known which connection said them.
        let unsaid: Vec<EventId> = unsaid.map(|(_, own)| own.id).collect();
        let room = self.world_of(conn).and_then(|world| {
            let room = world.room(channel)?;
            let two = matches!(room.kind, Kind::Two(_));
            Some((world.me(), room.is_channel(), two))
        });
        let Some((me, is_channel, two)) = room else {
            return;
        };
        let found = found.unwrap_or_default();
        let mut has = has;
        if let Some(has) = &mut has {
            has.fill_up(found);
        }
        let first = has.is_none();
        let full = found.len() >= HISTORY_MAX as usize;
        let oldest_is_new =
            |has: &Has| full && !found.first().is_some_and(|old| has.contains(short(old.id)));
        let cut = has.as_ref().is_some_and(oldest_is_new);
        let mut has = has.unwrap_or_default();
        let was_held = |id: EventId| held.iter().any(|held| held.id == id);
        // Clients that hear nothing of what they say take it for the other's.
        let own = |message: &MessageView| message.author == me && two && !echoes;
        let fit = |message: &MessageView| {
            !(message.deleted || message.waiting || own(message) || unsaid.contains(&message.id))
        };
        let mut given: Vec<&MessageView> = Vec::new();
        let missed = found.iter().filter(|message| !was_held(message.id));
        for message in missed.filter(|message| fit(message)) {
            // Who was never here is given none of what was said to the account alone.
            if first && !is_channel {
                has.add(short(message.id));
            } else if !has.contains(short(message.id)) {
                given.push(message);
            }
        }
        let most = match first {
            true => PLAYED_FIRST as usize,
            false => HISTORY_MAX as usize,
        };
        let older = given.len().saturating_sub(most);
        for message in given.drain(..older) {
            has.add(short(message.id));
        }
        let live: Vec<MessageView> = held.iter().filter(|held| !own(held)).cloned().collect();
        for message in given.iter().copied().chain(&live) {
            has.tell(short(message.id), (now, heard));
        }
        has.at = now;
        if let Some(world) = self.world_mut(conn) {
            for message in &given {
                world.seen.recall(channel, message);
            }
        }
        if let Some(session) = self.session_mut(conn) {
            session.sight.rooms.insert(channel, has);
        }
        self.keep_soon(conn);
        self.give_played(conn, channel, (&given, cut));
        for message in &live {
            for out in self.lines_of(conn, (channel, message), Manner::default()) {
                self.reply(conn, out);
            }
        }
    }

    /// `cut`: there were more before them.
    fn give_played(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        (messages, mut cut): (&[&MessageView], bool),
    ) {
        let target = self
            .world_of(conn)
            .and_then(|world| crate::commands::target_name(world, channel));
        let Some(target) = target.filter(|_| !messages.is_empty()) else {
            return;
        };
        let caps = self.session(conn).map(|session| session.caps);
        let caps = caps.unwrap_or_default();
        let mut lines: VecDeque<Vec<Out>> = VecDeque::new();
        let mut bytes = 0;
        for message in messages.iter().rev() {
            let of = self.lines_of(conn, (channel, message), Manner::played());
            bytes += of.iter().map(|out| out.bytes(caps).len()).sum::<usize>();
            if bytes > PLAYED_BYTES_MAX && !lines.is_empty() {
                cut = true;
                break;
            }
            self.edit_known(conn, message.id);
            lines.push_front(of);
        }
        let reference = caps.has(Cap::Batch).then(|| self.batch_reference());
        let server = self.settings.server_name.clone();
        if cut {
            let text = "[more was said before: what follows is the end of it]";
            self.reply(conn, Out::new(&server, "NOTICE", &[&target, text]));
        }
        if let Some(reference) = &reference {
            let params = [&*format!("+{reference}"), "chathistory", &target];
            self.reply(conn, Out::new(&server, "BATCH", &params));
        }
        for mut out in lines.into_iter().flatten() {
            if out.tags.batch.is_none() {
                out.tags.batch.clone_from(&reference);
            }
            self.reply(conn, out);
        }
        if let Some(reference) = &reference {
            self.reply(
                conn,
                Out::new(&server, "BATCH", &[&format!("-{reference}")]),
            );
        }
    }

    /// What clients of one name have, of connections that are there and that have gone.
    pub(super) fn whole_sight(&self, who: &Who) -> Sight {
        let gone = self.sights.of.get(who).cloned();
        let mut whole = gone.unwrap_or_default();
        for conn in self.all_of(who.0) {
            let session = self.session(conn).filter(|session| wants(session));
            if let Some(session) = session.filter(|one| name_of(one).as_ref() == Some(who)) {
                whole.merge(session.sight.clone());
            }
        }
        whole
    }

    /// A connection has ended: its client may come back.
    pub(super) fn keep_sight(&mut self, mut session: Session) {
        let Some(who) = name_of(&session).filter(|_| wants(&session)) else {
            return;
        };
        // It was never told who it is: it has seen nothing.
        if !session.is_in() {
            return;
        }
        let heard = match session.lost {
            true => session.heard,
            false => self.now.mono,
        };
        for has in session.sight.rooms.values_mut() {
            has.heard(heard);
            has.told.clear();
        }
        session.sight.left = self.now.mono;
        let read_only = session.read_only;
        self.sights.keep(who.clone(), session.sight);
        if !read_only {
            self.keep_durable(&who);
        }
    }
}
