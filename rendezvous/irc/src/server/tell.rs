//! What happened in communities, as lines to the connections that are in.

mod asked;
mod edits;
mod messages;
mod metadata;
mod modes;
mod outcomes;
mod voice;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Event;
use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, CommunityId};

use crate::caps::Cap;
use crate::commands::join_line;
use crate::io::{ClientKey, ConnId};
use crate::limits::STIR_MAX;
use crate::line::{Out, Tags};
use crate::pending::{Pending, ReadFor};
use crate::server::Server;
use crate::session::Session;
use crate::world::{Change, Difference, Key, Removed, Room};

pub(crate) use asked::opens;
pub(crate) use edits::Edit;
pub(crate) use messages::{Manner, reply_tags, target};

impl Server {
    pub(super) fn tell_changes(&mut self, key: ClientKey, changes: Vec<Change>) {
        // Members have no connection here: a crowd that comes at once is no crowd of lines. Who is monitored is told of.
        self.stir = self.stirred(key, &changes);
        for change in changes {
            match change {
                Change::Gone(room) => self.tell_gone(key, &room),
                Change::Renamed(old, new) => self.tell_renamed(key, &old, &new),
                Change::Called(channel) => {
                    self.tell_metadata_of_room(key, channel, &[Key::DisplayName.name()]);
                }
                Change::Topic(channel) => self.tell_topic(key, channel),
                Change::Came(channel, account) => self.tell_came(key, channel, account),
                Change::Went(channel, account, mask) => {
                    self.tell_went(key, channel, (account, &mask));
                }
                Change::Forgotten(nick) => self.tell_monitored(key, (&nick, ""), false),
                Change::Nick(account, mask) => {
                    let mut conns = self.all_in(key);
                    conns.retain(|conn| self.is_among(*conn, account));
                    self.tell_nick(key, (account, &mask), conns);
                    self.tell_voice_names(key, account);
                }
                // It may be in no room: the client's window is of the nick that was told with the request.
                Change::Known(account, mask) => {
                    let mut conns = self.all_in(key);
                    conns.retain(|conn| self.shows_account(*conn, account));
                    self.tell_nick(key, (account, &mask), conns);
                }
                Change::Name(account) => {
                    self.tell_name(key, account);
                    self.tell_metadata(key, account, Key::DisplayName);
                }
                Change::Appeared(account) => {
                    if let Some(world) = self.worlds.get(&key) {
                        let (nick, mask) = (world.nick(account), world.mask(account));
                        self.tell_monitored(key, (&nick, &mask), true);
                    }
                }
                Change::Away(account) => self.tell_away(key, account),
                Change::Profile(account, of) => self.tell_metadata(key, account, of),
                Change::Community(id, keys) => self.tell_metadata_of_community(key, id, &keys),
                Change::Modes(community, account, was, is) => {
                    self.tell_modes(key, (community, account), (&was, &is));
                }
                Change::Moderated(channel, on) => self.tell_moderated(key, channel, on),
                Change::Bans(community, gone, come) => {
                    self.tell_bans(key, community, (&gone, &come));
                }
                Change::Voice(channel, come, gone) => {
                    self.tell_voice(key, channel, (&come, &gone));
                }
            }
        }
        self.stir.clear();
    }

    /// Communities of which more than some members come, go, or are another way at once.
    fn stirred(&self, key: ClientKey, changes: &[Change]) -> BTreeSet<CommunityId> {
        let Some(world) = self.worlds.get(&key).filter(|_| changes.len() > STIR_MAX) else {
            return BTreeSet::new();
        };
        let mut stirred: BTreeMap<CommunityId, BTreeSet<AccountId>> = BTreeMap::new();
        let mut everywhere = BTreeSet::new();
        for change in changes {
            match change {
                Change::Came(channel, account) | Change::Went(channel, account, _) => {
                    if let Some(room) = world.room(*channel) {
                        stirred.entry(room.community).or_default().insert(*account);
                    }
                }
                Change::Name(account) | Change::Away(account) | Change::Profile(account, _) => {
                    everywhere.insert(*account);
                }
                _ => {}
            }
        }
        for (id, community) in &world.snapshot.communities {
            let members = community.members.iter().map(|member| member.account);
            let moved = members.filter(|account| everywhere.contains(account));
            stirred.entry(*id).or_default().extend(moved);
        }
        let crowds = stirred
            .into_iter()
            .filter(|(_, accounts)| accounts.len() > STIR_MAX);
        crowds.map(|(id, _)| id).collect()
    }

    /// Rooms of a community that a connection is in.
    fn joined_of(&self, conn: ConnId, community: CommunityId) -> Vec<Room> {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return Vec::new();
        };
        let rooms = session
            .joined
            .keys()
            .filter_map(|channel| world.room(*channel));
        rooms
            .filter(|room| room.community == community)
            .cloned()
            .collect()
    }

    /// Whether a connection is in a room with somebody.
    pub(crate) fn is_among(&self, conn: ConnId, account: AccountId) -> bool {
        self.is_among_in(conn, account, |_| true)
    }

    /// The same, where what happens to one member is news.
    fn is_news(&self, conn: ConnId, account: AccountId) -> bool {
        self.is_among_in(conn, account, |room| !self.stir.contains(&room.community))
    }

    fn is_among_in(&self, conn: ConnId, account: AccountId, which: impl Fn(&Room) -> bool) -> bool {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return false;
        };
        let mut rooms = session
            .joined
            .keys()
            .filter_map(|channel| world.room(*channel));
        account == world.me() || rooms.any(|room| which(room) && world.sees(room, account))
    }

    /// Whether a connection that knows extended-monitor watches somebody.
    pub(crate) fn monitors(&self, session: &Session, conn: ConnId, account: AccountId) -> bool {
        let nick = self.world_of(conn).map(|world| world.nick(account));
        let watches = |nick: String| session.monitored.contains_key(&crate::names::fold(&nick));
        session.caps.has(Cap::ExtendedMonitor) && nick.is_some_and(watches)
    }

    pub(crate) fn tags_of(&self, account: AccountId) -> Tags {
        Tags {
            time: Some(self.now.wall),
            account: Some(account.to_string()),
            ..Tags::default()
        }
    }

    fn tell_gone(&mut self, key: ClientKey, room: &Room) {
        for conn in self.all_in(key) {
            let was_in = self
                .session_mut(conn)
                .is_some_and(|session| session.joined.remove(&room.channel).is_some());
            if was_in {
                let nick = self.nick_of(conn);
                let server = self.settings.server_name.clone();
                let params = [
                    room.name.as_str(),
                    &nick,
                    "The channel is gone, or you may not see it any more",
                ];
                self.tell(conn, &Out::new(&server, "KICK", &params));
            }
            if self.is_all_of(conn, room.community) {
                self.end(conn, "You are no member of this network any more");
            }
        }
    }

    /// Whether a community that is not there any more was the whole network of a connection: it was bound to it, or that
    /// was the lobby of the rendezvous.
    fn is_all_of(&self, conn: ConnId, community: CommunityId) -> bool {
        let left = self
            .world_of(conn)
            .is_some_and(|world| world.community(community).is_none());
        let session = self.session(conn);
        let bound = session.and_then(|session| session.bound.as_ref());
        let lobby = self.bridge.as_ref().and_then(|bridge| bridge.lobby);
        left && (lobby == Some(community)
            || bound.is_some_and(|bound| bound.community == Some(community)))
    }

    fn tell_renamed(&mut self, key: ClientKey, old: &Room, new: &Room) {
        for conn in self.all_in(key) {
            if !self
                .session(conn)
                .is_some_and(|session| session.joined.contains_key(&old.channel))
            {
                continue;
            }
            let renames = self
                .session(conn)
                .is_some_and(|session| session.caps.has(Cap::ChannelRename));
            let server = self.settings.server_name.clone();
            let Some(world) = self.world_of(conn) else {
                continue;
            };
            let me = world.me();
            let extended = self
                .session(conn)
                .is_some_and(|session| session.caps.has(Cap::ExtendedJoin));
            let text = format!("The channel is called {} now", new.name);
            let part =
                Out::new(&world.mask(me), "PART", &[&old.name, &text]).tagged(self.tags_of(me));
            let join = join_line(world, new, (me, extended), self.now.wall);
            if renames {
                let text = "The channel is called so now";
                let params = [old.name.as_str(), &new.name, text];
                self.tell(conn, &Out::new(&server, "RENAME", &params));
                continue;
            }
            self.tell(conn, &part);
            self.tell(conn, &join);
            self.unasked(conn, |server| server.names_after_join(conn, new.channel));
        }
    }

    fn tell_topic(&mut self, key: ClientKey, channel: ChannelId) {
        for conn in self.all_in(key) {
            let joined = self
                .session(conn)
                .is_some_and(|session| session.joined.contains_key(&channel));
            let room = self
                .world_of(conn)
                .and_then(|world| world.room(channel))
                .cloned();
            if let Some(room) = room.filter(|_| joined) {
                let server = self.settings.server_name.clone();
                let topic = crate::text::to_irc(&room.topic);
                let tags = Tags {
                    time: Some(self.now.wall),
                    ..Tags::default()
                };
                self.tell(
                    conn,
                    &Out::new(&server, "TOPIC", &[&room.name, &topic]).tagged(tags),
                );
            }
        }
    }

    /// Connections of an account that are in a room in which somebody else comes or goes.
    fn all_in_room(&self, key: ClientKey, channel: ChannelId, account: AccountId) -> Vec<ConnId> {
        let mut conns = self.all_in(key);
        conns.retain(|conn| {
            let session = self.session(*conn);
            account != self.me(*conn)
                && session.is_some_and(|session| session.joined.contains_key(&channel))
        });
        conns
    }

    /// Whether a room's members are a crowd now.
    fn is_stirred(&self, key: ClientKey, channel: ChannelId) -> bool {
        let room = self.worlds.get(&key).and_then(|world| world.room(channel));
        room.is_some_and(|room| self.stir.contains(&room.community))
    }

    fn tell_came(&mut self, key: ClientKey, channel: ChannelId, account: AccountId) {
        if self.is_stirred(key, channel) {
            return;
        }
        for conn in self.all_in_room(key, channel, account) {
            let extended = self
                .session(conn)
                .is_some_and(|session| session.caps.has(Cap::ExtendedJoin));
            let join = self.world_of(conn).and_then(|world| {
                let room = world.room(channel)?;
                Some(join_line(world, room, (account, extended), self.now.wall))
            });
            if let Some(join) = join {
                self.tell(conn, &join);
                self.tell_away_of_joined(conn, account);
                self.told_as_there(conn, channel, BTreeSet::from([account.into()]));
            }
        }
    }

    /// Who comes in and is away is told as such, to who asked for that.
    fn tell_away_of_joined(&mut self, conn: ConnId, account: AccountId) {
        let asked = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::AwayNotify));
        let Some(world) = self.world_of(conn).filter(|_| asked) else {
            return;
        };
        let person = world.person(account);
        if let Some(away) = person.and_then(|person| person.away.clone()) {
            let out =
                Out::new(&world.mask(account), "AWAY", &[&away]).tagged(self.tags_of(account));
            self.tell(conn, &out);
        }
    }

    fn tell_went(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        (account, mask): (AccountId, &str),
    ) {
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let Some(room) = world.room(channel) else {
            return;
        };
        let part = Out::new(mask, "PART", &[&room.name]).tagged(self.tags_of(account));
        let stirred = self.is_stirred(key, channel);
        for conn in self.all_in_room(key, channel, account) {
            // Who was told as there stands in the client's list until it is told otherwise.
            let there = self
                .session_mut(conn)
                .and_then(|session| session.joined.get_mut(&channel))
                .is_some_and(|there| there.remove(&account.into()));
            if there || !stirred {
                self.tell(conn, &part);
            }
        }
    }

    fn tell_nick(
        &mut self,
        key: ClientKey,
        (account, old_mask): (AccountId, &str),
        conns: Vec<ConnId>,
    ) {
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let nick = world.nick(account);
        let out = Out::new(old_mask, "NICK", &[&nick]).tagged(self.tags_of(account));
        for conn in conns {
            self.tell(conn, &out);
        }
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let here = world
            .person(account)
            .is_some_and(|person| person.away.is_none());
        let (nick, mask) = (world.nick(account), world.mask(account));
        let old = old_mask.split('!').next().unwrap_or_default().to_owned();
        self.tell_monitored(key, (&old, ""), false);
        if here {
            self.tell_monitored(key, (&nick, &mask), true);
        }
    }

    fn tell_name(&mut self, key: ClientKey, account: AccountId) {
        for conn in self.all_in(key) {
            let told = self.session(conn).is_some_and(|session| {
                let monitored = self.monitors(session, conn, account);
                session.caps.has(Cap::SetName) && (monitored || self.is_news(conn, account))
            });
            let Some(world) = self.world_of(conn).filter(|_| told) else {
                continue;
            };
            let name = world
                .person(account)
                .map(|person| person.name.clone())
                .unwrap_or_default();
            let out =
                Out::new(&world.mask(account), "SETNAME", &[&name]).tagged(self.tags_of(account));
            self.tell(conn, &out);
        }
    }

    fn tell_away(&mut self, key: ClientKey, account: AccountId) {
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let Some(person) = world.person(account).cloned() else {
            return;
        };
        let mask = world.mask(account);
        for conn in self.all_in(key) {
            let Some(session) = self.session(conn) else {
                continue;
            };
            let monitored = self.monitors(session, conn, account);
            let told =
                session.caps.has(Cap::AwayNotify) && (monitored || self.is_news(conn, account));
            if told {
                let params: Vec<&str> = person.away.as_deref().into_iter().collect();
                let out = Out::new(&mask, "AWAY", &params).tagged(self.tags_of(account));
                self.tell(conn, &out);
            }
        }
        self.tell_monitored(key, (&person.nick, &mask), person.away.is_none());
    }

    pub(super) fn tell_event(&mut self, key: ClientKey, event: Event) {
        match event {
            Event::Done { id, result } => {
                let pending = self
                    .worlds
                    .get_mut(&key)
                    .and_then(|world| world.pending.remove(&id));
                if let Some(pending) = pending {
                    self.outcome(key, pending, result);
                }
            }
            Event::MessageAdded {
                channel, message, ..
            } => self.message_added(key, channel, message),
            Event::MessageChanged {
                channel, message, ..
            } => self.message_changed(key, channel, &message),
            Event::MessageRemoved {
                channel, message, ..
            } => {
                let Some(world) = self.worlds.get_mut(&key) else {
                    return;
                };
                let author = match world.seen.remove(message) {
                    Removed::Hidden => return,
                    Removed::Shown(author) => Some(author),
                    Removed::Unknown => None,
                };
                self.tell_redacted(key, channel, (message, author));
            }
            Event::Typing {
                channel, account, ..
            } => self.tell_typing(key, channel, account),
            Event::DmRequested { request } => self.tell_asked(key, &request),
            Event::UnreadChanged { channel, .. } => self.read_elsewhere(key, channel),
            Event::Lagged { count } => {
                let text = format!("{count} events came too fast to be shown: read the history");
                for conn in self.all_in(key) {
                    self.note(conn, "*", "LAGGED", &text);
                }
            }
            _ => {}
        }
    }

    /// The unread count of a channel changed: perhaps it was read by another face.
    fn read_elsewhere(&mut self, key: ClientKey, channel: ChannelId) {
        let cares = self.all_in(key).into_iter().find(|conn| {
            self.session(*conn)
                .is_some_and(|session| session.caps.has(Cap::ReadMarker))
        });
        let Some(conn) = cares else {
            return;
        };
        let asked = self.worlds.get(&key).is_some_and(|world| {
            let waiting = world.orders.iter().map(|(_, pending)| pending);
            let mut all = waiting.chain(world.pending.values());
            all.any(|pending| *pending == Pending::Read(ReadFor::All, channel))
        });
        if !asked {
            self.ask_read(conn, channel, ReadFor::All);
        }
    }

    fn message_changed(&mut self, key: ClientKey, channel: ChannelId, message: &MessageView) {
        let Some(world) = self.worlds.get_mut(&key) else {
            return;
        };
        let Some(difference) = world.seen.note(channel, message) else {
            // Nothing is remembered of it, but a client may hold it: what it is now needs no earlier state.
            if message.deleted {
                self.tell_redacted(key, channel, (message.id, Some(message.author)));
            } else if message.edited && !message.waiting {
                self.edited(key, (channel, message), None);
            }
            return;
        };
        let Difference {
            arrived,
            edited,
            deleted,
            added,
            removed,
        } = difference;
        if deleted {
            return self.tell_redacted(key, channel, (message.id, Some(message.author)));
        }
        if arrived {
            self.tell_message(key, channel, message);
        }
        if edited.is_some() {
            self.edited(key, (channel, message), edited);
        }
        for (account, emoji) in added {
            self.tell_reaction(
                key,
                (channel, message.id),
                (account, &emoji, "+draft/react"),
            );
        }
        for (account, emoji) in removed {
            self.tell_reaction(
                key,
                (channel, message.id),
                (account, &emoji, "+draft/unreact"),
            );
        }
    }
}
