//! What clients have of rooms, over a restart of the server: kept by the account's node, in its sealed store.
//!
//! A text of one line for each room, the one last told first: the channel, `+` where the client has older ones too, and
//! the first bytes of the ids of the newest messages that it has for certain. Where there are older ones, what stands
//! before the first that is named counts as had.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::Command;
use alloquy_api::command::ProfileChange;
use alloquy_api::limits::{KEPT_NAME_BYTES_MAX, KEPT_VALUE_BYTES_MAX};
use alloquy_ids::{MonoMs, UnixMs};
use data_encoding::BASE64URL_NOPAD;

use super::missed::{Has, Sight, Who};
use crate::io::{ClientKey, ConnId, Now};
use crate::limits::{HISTORY_MAX, KEPT_IDS_MIN, SIGHT_KEPT_MS, SIGHTS_OF_ONE_MAX};
use crate::line::Out;
use crate::pending::Pending;
use crate::server::Server;
use crate::session::Session;
use crate::world::World;

/// Under what a node keeps what clients have: this, the community that a client is bound to, and its user name.
const KEPT: &str = "irc/has/";
/// Most ids of one room: with those of a page nothing has to be supposed.
const KEPT_IDS_MAX: usize = HISTORY_MAX as usize;
/// Stands before the ids of a room of which the client has older messages too.
const OLDER: &str = " +";

/// The name that a client's is kept by; `None`: its user name is too long for one.
fn name_of((_, user, bound): &Who) -> Option<String> {
    let bound = match bound {
        None => "all".to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(community)) => community.short(),
    };
    let name = format!("{KEPT}{bound}/{user}");
    (name.len() <= KEPT_NAME_BYTES_MAX).then_some(name)
}

/// The text of what a client has, as of this time: as many ids as fit for all rooms, else as many rooms as fit.
fn written(sight: &Sight, now: UnixMs) -> String {
    let all = sight.rooms.len();
    let full = [KEPT_IDS_MAX, KEPT_IDS_MAX / 2].into_iter();
    let full = full.map(|most| written_with(sight, now, most));
    full.into_iter()
        .find_map(|(text, rooms)| (rooms == all).then_some(text))
        .unwrap_or_else(|| written_with(sight, now, KEPT_IDS_MIN).0)
}

/// The same with so many ids of a room, and how many rooms there was space for.
fn written_with(sight: &Sight, now: UnixMs, most: usize) -> (String, usize) {
    let mut rooms: Vec<_> = sight.rooms.iter().collect();
    rooms.sort_by_key(|(_, has)| std::cmp::Reverse(has.at));
    let mut text = now.0.to_string();
    for (fits, (channel, has)) in rooms.iter().enumerate() {
        let mut line = format!("\n{channel}");
        let older = has.ids.len().saturating_sub(most);
        if older > 0 || has.newest_alone {
            line.push_str(OLDER);
        }
        for id in has.ids.iter().skip(older) {
            line.push(' ');
            BASE64URL_NOPAD.encode_append(&id.to_be_bytes(), &mut line);
        }
        if text.len() + line.len() > KEPT_VALUE_BYTES_MAX {
            return (text, fits);
        }
        text.push_str(&line);
    }
    (text, rooms.len())
}

/// When a text was written; `None`: it is none.
fn time_of(text: &str) -> Option<UnixMs> {
    text.lines().next()?.parse().ok().map(UnixMs)
}

/// What a text says that a client has; `None`: it does not parse.
fn read(text: &str) -> Option<Sight> {
    time_of(text)?;
    let mut sight = Sight::default();
    let rooms = text.lines().count().saturating_sub(1) as u64;
    for (place, line) in (0..).zip(text.lines().skip(1)) {
        let (channel, ids) = line.split_once(' ').unwrap_or((line, ""));
        let (newest_alone, ids) = match ids.strip_prefix(OLDER.trim_start()) {
            Some(rest) => (true, rest.trim_start()),
            None => (false, ids),
        };
        let id = |word: &str| {
            let bytes = BASE64URL_NOPAD.decode(word.as_bytes()).ok()?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let words = ids.split(' ').filter(|_| !ids.is_empty());
        let ids: VecDeque<u64> = words.map(id).collect::<Option<_>>()?;
        if ids.len() > KEPT_IDS_MAX {
            return None;
        }
        let has = Has {
            ids,
            told: VecDeque::new(),
            // What was told last stands first.
            at: MonoMs(rooms - place),
            newest_alone,
        };
        sight.rooms.insert(channel.parse().ok()?, has);
    }
    Some(sight)
}

/// Whether two texts say the same, whenever they were written.
fn is_same(one: &str, other: &str) -> bool {
    one.lines().skip(1).eq(other.lines().skip(1))
}

impl World {
    /// What a client had when it was kept last.
    pub(super) fn kept_sight(&self, who: &Who) -> Option<Sight> {
        read(self.snapshot.kept.get(&name_of(who)?)?)
    }

    /// Has the node keep what a client has, where that is not kept yet. One account's oldest goes for it.
    fn keep_sight(&mut self, who: &Who, sight: &Sight, now: UnixMs) {
        let Some(name) = name_of(who) else {
            return;
        };
        let kept = &self.snapshot.kept;
        let text = written(sight, now);
        if kept.get(&name).is_some_and(|kept| is_same(kept, &text)) {
            return;
        }
        // Those that are about to be kept count too.
        let known = self.sights.get_or_insert_with(|| {
            let of = kept.range(KEPT.to_owned()..);
            let of = of.take_while(|(name, _)| name.starts_with(KEPT));
            of.map(|(name, text)| (name.clone(), time_of(text).unwrap_or_default()))
                .collect::<BTreeMap<_, _>>()
        });
        let mut gone = Vec::new();
        while known.len() >= SIGHTS_OF_ONE_MAX && !known.contains_key(&name) {
            let oldest = known.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                break;
            };
            known.remove(&oldest);
            gone.push(oldest);
        }
        known.insert(name.clone(), now);
        for name in gone {
            self.keep(name, String::new());
        }
        self.keep(name, text);
    }

    fn keep(&mut self, name: String, value: String) {
        self.order(Command::Keep { name, value }, Pending::Kept);
    }

    /// Whether the node has not kept everything yet that it was asked to.
    fn is_keeping(&self) -> bool {
        let waits = |pending: &Pending| *pending == Pending::Kept;
        self.orders.iter().any(|(_, pending)| waits(pending)) || self.pending.values().any(waits)
    }
}

impl Server {
    /// What the client of a connection has has changed: it is kept within a while, not of all at once.
    pub(super) fn keep_soon(&mut self, conn: ConnId) {
        let at = self.now.mono.plus(SIGHT_KEPT_MS + conn.0 % SIGHT_KEPT_MS);
        if let Some(session) = self.session_mut(conn) {
            session.keep_at.get_or_insert(at);
        }
    }

    /// Keeps what the client of a connection has for certain.
    pub(super) fn keep_meanwhile(&mut self, conn: ConnId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.keep_at = None;
        let doubtful = session.settle_sight();
        let who = super::missed::name_of(session).filter(|_| !session.read_only);
        if let Some(who) = who {
            self.keep_durable(&who);
        }
        if doubtful {
            self.keep_soon(conn);
        }
    }

    /// Keeps what clients of one name have, of connections that are there and that have gone.
    pub(super) fn keep_durable(&mut self, who: &Who) {
        let sight = self.whole_sight(who);
        let now = self.now.wall;
        if let Some(world) = self.worlds.get_mut(&who.0) {
            world.keep_sight(who, &sight, now);
            self.index.ask(who.0);
        }
    }

    /// Serving is about to end: every client of which it is not known whether it has what it was told is asked for a sign
    /// of life. A computer that sleeps gives none.
    pub fn ask_for_word(&mut self, now: Now) {
        self.now = now;
        let conns: Vec<_> = self.sessions.keys().copied().collect();
        for conn in conns {
            let Some(session) = self.session_mut(conn) else {
                continue;
            };
            if session.is_in() && session.settle_sight() {
                session.asked_word = Some(now.mono);
                let ping = Out::new("", "PING", &[&self.settings.server_name]);
                self.tell(conn, &ping);
            }
        }
    }

    /// Whether one that was asked has given no sign of life yet.
    #[must_use]
    pub fn awaits_word(&self) -> bool {
        self.sessions.values().any(Session::owes_word)
    }

    /// Serving ends: every connection is told so and closed, and what its client has is kept. Every client is to be
    /// pumped until [`Self::is_keeping`] is over.
    pub fn stop(&mut self, now: Now) {
        self.now = now;
        let conns: Vec<_> = self.sessions.keys().copied().collect();
        for conn in conns {
            self.end(conn, "The server stops");
        }
        // Not as those that leave by themselves: how an account is seen stays, for its clients come back.
        for (conn, mut session) in std::mem::take(&mut self.sessions) {
            session.lost |= session.owes_word();
            let said = (session.key, session.away.take());
            self.keep_sight(session);
            if let (Some(key), Some(text)) = said {
                self.end_away(conn, key, &text);
            }
        }
    }

    /// A connection was closed that did not read what it was told.
    pub fn closed_unread(&mut self, conn: ConnId, now: Now) {
        if let Some(session) = self.session_mut(conn) {
            session.lost = true;
        }
        self.closed(conn, now);
    }

    /// Whether a node has not kept everything yet that it was asked to.
    #[must_use]
    pub fn is_keeping(&self) -> bool {
        self.worlds.values().any(World::is_keeping)
    }

    /// The same of one client's node.
    #[must_use]
    pub fn is_keeping_by(&self, key: ClientKey) -> bool {
        self.worlds.get(&key).is_some_and(World::is_keeping)
    }

    /// Nobody acts through a client any more, and whoever comes as its account is given another: of what waits for its
    /// node only what is to be kept is handed in, and that it is not away any more. How the account is seen is said through
    /// another client of it, if there is one. To be dropped when [`Self::is_keeping_by`] is over.
    pub fn retire_client(&mut self, key: ClientKey) {
        let Some(world) = self.worlds.get_mut(&key) else {
            return;
        };
        let nothing = Command::Profile {
            change: ProfileChange::Status(String::new()),
        };
        let (seen, rest): (Vec<_>, Vec<_>) =
            world.orders.drain(..).partition(|(command, pending)| {
                let is_own = *pending == Pending::Quiet;
                is_own && matches!(command, Command::Profile { .. }) || *command == nothing
            });
        let kept = rest.into_iter();
        let kept = kept.filter(|(_, pending)| *pending == Pending::Kept);
        world.orders.extend(kept);
        let (me, is_ready) = (world.me(), world.is_ready());
        let mut others = self.worlds.iter().filter(|(other, _)| **other != key);
        let other = others
            .find(|(_, world)| is_ready && world.me() == me)
            .map(|(other, _)| *other);
        let through = other.unwrap_or(key);
        let told = seen.into_iter();
        let told = told.filter(|(command, _)| other.is_some() || *command == nothing);
        if let Some(world) = self.worlds.get_mut(&through) {
            world.orders.extend(told);
            self.index.ask(through);
        }
    }
}

impl Session {
    /// What its client was told up to the moment it was heard it has. Gives whether something is left of which that is
    /// not known.
    fn settle_sight(&mut self) -> bool {
        let heard = self.heard;
        let mut doubtful = false;
        for has in self.sight.rooms.values_mut() {
            has.heard(heard);
            doubtful |= !has.told.is_empty();
        }
        doubtful
    }

    /// Whether it was asked for a sign of life and has given none.
    fn owes_word(&self) -> bool {
        self.asked_word.is_some_and(|at| self.heard < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloquy_ids::ChannelId;

    fn sight(rooms: &[(u8, u64)]) -> Sight {
        let mut sight = Sight::default();
        for (channel, ids) in rooms {
            let has = Has {
                ids: (0..*ids).collect(),
                at: MonoMs(u64::from(*channel)),
                ..Has::default()
            };
            sight.rooms.insert(ChannelId([*channel; 32]), has);
        }
        sight
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let text = written(&sight(&[(1, 3), (2, 0), (3, 400)]), UnixMs(7));
        assert_eq!(time_of(&text), Some(UnixMs(7)));
        let read = read(&text).expect("it was written here");
        let rooms: Vec<_> = read.rooms.values().collect();
        assert_eq!(rooms.len(), 3);
        assert_eq!(rooms[0].ids, [0, 1, 2]);
        assert!(rooms[1].ids.is_empty());
        assert!(!rooms[0].newest_alone && !rooms[1].newest_alone && rooms[2].newest_alone);
        let newest: VecDeque<u64> = (400 - KEPT_IDS_MAX as u64..400).collect();
        assert_eq!(rooms[2].ids, newest);
        assert!(rooms[0].at < rooms[1].at && rooms[1].at < rooms[2].at);
        assert_eq!(written(&read, UnixMs(7)), text);
    }

    #[test]
    fn more_rooms_than_fit_are_those_told_last() {
        let some: Vec<(u8, u64)> = (0..20).map(|channel| (channel, 100)).collect();
        let kept = read(&written(&sight(&some), UnixMs(7))).expect("it was written here");
        assert_eq!(kept.rooms.len(), 20);
        assert!(kept.rooms.values().all(|has| has.newest_alone));
        let all: Vec<(u8, u64)> = (0..200).map(|channel| (channel, 100)).collect();
        let text = written(&sight(&all), UnixMs(7));
        assert!(text.len() <= KEPT_VALUE_BYTES_MAX);
        let read = read(&text).expect("it was written here");
        assert!(read.rooms.len() >= 20);
        let first = ChannelId([200 - u8::try_from(read.rooms.len()).expect("few"); 32]);
        assert_eq!(read.rooms.keys().next(), Some(&first));
    }

    #[test]
    fn what_does_not_parse_is_none() {
        let channel = ChannelId([1; 32]);
        let many = " AAAAAAAAAAA".repeat(KEPT_IDS_MAX + 1);
        for bad in [
            String::new(),
            "x".to_owned(),
            format!("-1\n{channel}"),
            "1\nnobody".to_owned(),
            format!("1\n{channel} AAAA"),
            format!("1\n{channel}  "),
            format!("1\n{channel} + AAAA"),
            format!("1\n{channel} AAAAAAAAAAA +"),
            format!("1\n{channel} !!!!!!!!!!!"),
            format!("1\n{channel}{many}"),
        ] {
            assert!(read(&bad).is_none(), "{bad:?}");
        }
    }
}
