//! What clients have of rooms, over a restart of the server: kept by the account's node, in its sealed store.
//!
//! A text of one line for each room, the one last told first: the channel, and the first bytes of the ids of the newest
//! messages that the client has for certain. What stands before the first of them counts as had.

use std::collections::{BTreeSet, VecDeque};

use alloquy_api::Command;
use alloquy_api::limits::{KEPT_NAME_BYTES_MAX, KEPT_VALUE_BYTES_MAX};
use alloquy_ids::{MonoMs, UnixMs};
use data_encoding::BASE64URL_NOPAD;

use super::missed::{Has, Sight, Who};
use crate::io::{ConnId, Now};
use crate::limits::{KEPT_IDS_MAX, SIGHT_KEPT_MS, SIGHTS_OF_ONE_MAX};
use crate::pending::Pending;
use crate::server::Server;
use crate::world::World;

/// Under what a node keeps what clients have: this, the community that a client is bound to, and its user name.
const KEPT: &str = "irc/has/";

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

/// The text of what a client has, as of this time.
fn written(sight: &Sight, now: UnixMs) -> String {
    let mut rooms: Vec<_> = sight.rooms.iter().collect();
    rooms.sort_by_key(|(_, has)| std::cmp::Reverse(has.at));
    let mut text = now.0.to_string();
    for (channel, has) in rooms {
        let mut line = format!("\n{channel}");
        let older = has.ids.len().saturating_sub(KEPT_IDS_MAX);
        for id in has.ids.iter().skip(older) {
            line.push(' ');
            BASE64URL_NOPAD.encode_append(&id.to_be_bytes(), &mut line);
        }
        if text.len() + line.len() > KEPT_VALUE_BYTES_MAX {
            break;
        }
        text.push_str(&line);
    }
    text
}

/// When a text was written; `None`: it is none.
fn time_of(text: &str) -> Option<UnixMs> {
    text.lines().next()?.parse().ok().map(UnixMs)
}

/// What a text says that a client has; `None`: it does not parse.
fn read(text: &str) -> Option<Sight> {
    time_of(text)?;
    let mut sight = Sight::default();
    for line in text.lines().skip(1) {
        let mut words = line.split(' ');
        let channel = words.next()?.parse().ok()?;
        let id = |word: &str| {
            let bytes = BASE64URL_NOPAD.decode(word.as_bytes()).ok()?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let ids: VecDeque<u64> = words.map(id).collect::<Option<_>>()?;
        if ids.len() > KEPT_IDS_MAX {
            return None;
        }
        sight.rooms.insert(channel, Has::of_newest(ids));
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
        let all: BTreeSet<_> = kept
            .range(KEPT.to_owned()..)
            .take_while(|(name, _)| name.starts_with(KEPT))
            .map(|(name, text)| (time_of(text), name.clone()))
            .collect();
        if all.len() >= SIGHTS_OF_ONE_MAX
            && !kept.contains_key(&name)
            && let Some((_, oldest)) = all.into_iter().next()
        {
            self.keep(oldest, String::new());
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
    /// What the client of a connection has has changed: it is kept within a while.
    pub(super) fn keep_soon(&mut self, conn: ConnId) {
        let at = self.now.mono.plus(SIGHT_KEPT_MS);
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
        let heard = session.heard;
        let mut doubtful = false;
        for has in session.sight.rooms.values_mut() {
            has.heard(heard);
            doubtful |= has.is_doubtful();
        }
        let known = super::missed::name_of(session).map(|who| (who, session.sight.clone()));
        if let Some((who, sight)) = known {
            self.keep_durable(&who, &sight);
        }
        if doubtful {
            self.keep_soon(conn);
        }
    }

    pub(super) fn keep_durable(&mut self, who: &Who, sight: &Sight) {
        let now = self.now.wall;
        if let Some(world) = self.worlds.get_mut(&who.0) {
            world.keep_sight(who, sight, now);
            self.index.ask(who.0);
        }
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
        for (_, session) in std::mem::take(&mut self.sessions) {
            self.keep_sight(session);
        }
    }

    /// Whether a node has not kept everything yet that it was asked to.
    #[must_use]
    pub fn is_keeping(&self) -> bool {
        self.worlds.values().any(World::is_keeping)
    }
}

impl Has {
    /// What was kept of a room.
    fn of_newest(ids: VecDeque<u64>) -> Self {
        Self {
            ids,
            told: VecDeque::new(),
            at: MonoMs(0),
            newest_alone: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloquy_ids::ChannelId;

    fn sight(rooms: &[(u8, u64)]) -> Sight {
        let mut sight = Sight::default();
        for (channel, ids) in rooms {
            let mut has = Has::of_newest((0..*ids).collect());
            has.at = MonoMs(u64::from(*channel));
            sight.rooms.insert(ChannelId([*channel; 32]), has);
        }
        sight
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let text = written(&sight(&[(1, 3), (2, 0), (3, 400)]), UnixMs(7));
        assert_eq!(time_of(&text), Some(UnixMs(7)));
        let read = read(&text).expect("it was written here");
        let rooms: Vec<_> = read.rooms.iter().collect();
        assert_eq!(rooms.len(), 3);
        assert_eq!(rooms[0].1.ids, [0, 1, 2]);
        assert!(rooms[1].1.ids.is_empty());
        let newest: VecDeque<u64> = (400 - KEPT_IDS_MAX as u64..400).collect();
        assert_eq!(rooms[2].1.ids, newest);
    }

    #[test]
    fn more_rooms_than_fit_are_those_told_last() {
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
            format!("1\n{channel} !!!!!!!!!!!"),
            format!("1\n{channel}{many}"),
        ] {
            assert!(read(&bad).is_none(), "{bad:?}");
        }
    }
}
