//! Rooms: coming in, leaving, who is there, topics, and who is shown the door.

use std::collections::{BTreeSet, VecDeque};

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, ChannelRef, CommunityRef, OverwriteRef};
use alloquy_api::pages::Part;
use alloquy_ids::{ChannelId, CommunityId};

use crate::caps::Cap;
use crate::io::ConnId;
use crate::limits::{CHANNELS_MAX, MEMBERS_LISTED_MAX, TARGETS_MAX};
use crate::line::{Line, Out, Tags};
use crate::pending::{Order, Pending, ReadFor};
use crate::server::Server;
use crate::session::Mark;
use crate::world::{Kind, Room, World};

/// Bytes of names in one 353: the rest of the line is the server's name, the nick and the channel.
const NAMES_BYTES: usize = 300;

impl Server {
    /// A room that clients JOIN, by its name.
    pub(super) fn room(&self, conn: ConnId, name: &str) -> Option<Room> {
        let room = self.world_of(conn)?.room_named(name)?;
        self.shows(conn, room).then(|| room.clone())
    }

    /// Whether a room belongs to the network of a connection.
    pub(crate) fn shows(&self, conn: ConnId, room: &Room) -> bool {
        let bound = self
            .session(conn)
            .and_then(|session| session.bound.as_ref());
        bound.is_none_or(|bound| {
            self.world_of(conn)
                .is_some_and(|world| bound.shows(world, room))
        })
    }

    pub(super) fn is_in(&self, conn: ConnId, room: &Room) -> bool {
        self.session(conn)
            .is_some_and(|session| session.joined.contains_key(&room.channel))
    }

    /// A channel that the connection is in; else it is told why not.
    pub(super) fn room_that_it_is_in(&mut self, conn: ConnId, name: &str) -> Option<Room> {
        match self.room(conn, name) {
            Some(room) if self.is_in(conn, &room) => Some(room),
            Some(_) => {
                self.numeric(conn, "442", &[name, "You're not on that channel"]);
                None
            }
            None => {
                self.numeric(conn, "403", &[name, "No such channel"]);
                None
            }
        }
    }

    /// Orders something of the node; only a refusal is told of, as it fits the command.
    pub(super) fn order(&mut self, conn: ConnId, order: (&'static str, &[&str]), command: Command) {
        let order = Order {
            command: order.0,
            about: order.1.iter().map(|&word| word.to_owned()).collect(),
        };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Done(conn, order));
        }
    }

    pub(super) fn join(&mut self, conn: ConnId, line: &Line) {
        if line.params[0] == "0" {
            let all: Vec<_> = self
                .session(conn)
                .map(|session| session.joined.keys().copied().collect())
                .unwrap_or_default();
            for channel in all {
                self.part_one(conn, channel, "");
            }
            return;
        }
        let targets = line.params[0]
            .split(',')
            .filter(|target| !target.is_empty());
        let mut targets: VecDeque<String> = targets.map(str::to_owned).collect();
        if let Some(target) = targets.get(TARGETS_MAX) {
            self.numeric(conn, "407", &[target, "Too many targets"]);
        }
        targets.truncate(TARGETS_MAX);
        self.join_all(conn, targets);
    }

    /// Joins one after the other. If one must be made first, the others wait for it.
    pub(super) fn join_all(&mut self, conn: ConnId, mut targets: VecDeque<String>) {
        while let Some(target) = targets.pop_front() {
            self.join_one(conn, &target);
            let session = self.session_mut(conn);
            if let Some(opening) = session.and_then(|session| session.opening.as_mut()) {
                opening.rest = targets;
                return;
            }
        }
    }

    pub(crate) fn join_one(&mut self, conn: ConnId, target: &str) {
        let Some(room) = self.room(conn, target) else {
            if self.accepts_group(conn, target) || self.open_room(conn, target) {
                return;
            }
            let number = if target.starts_with('#') {
                "403"
            } else {
                "476"
            };
            return self.numeric(conn, number, &[target, "No such channel"]);
        };
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if session.joined.contains_key(&room.channel) {
            return;
        }
        if session.joined.len() >= CHANNELS_MAX {
            return self.numeric(conn, "405", &[target, "You have joined too many channels"]);
        }
        session.joined.insert(room.channel, BTreeSet::new());
        let marker = session.caps.has(Cap::ReadMarker);
        let me = self.me(conn);
        self.reply_join(conn, &room, me);
        if !room.topic.is_empty() {
            self.numeric(conn, "332", &[&room.name, &one_line(&room.topic)]);
        }
        // Others are asked first what was read: the answer stands before the end of the names.
        match marker {
            true => self.ask_read(conn, room.channel, ReadFor::Join(conn)),
            false => self.names_after_join(conn, room.channel),
        }
        self.give_missed(conn, room.channel);
    }

    /// Asks how far a room was read.
    pub(crate) fn ask_read(&mut self, conn: ConnId, channel: ChannelId, read_for: ReadFor) {
        if read_for != ReadFor::All {
            self.wait(conn);
        }
        let command = Command::Page {
            channel,
            part: Part::Read,
            limit: 1,
        };
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Read(read_for, channel));
        }
    }

    pub(crate) fn names_after_join(&mut self, conn: ConnId, channel: ChannelId) {
        let no_names = self
            .session(conn)
            .is_some_and(|session| session.caps.no_names());
        let room = self
            .world_of(conn)
            .and_then(|world| world.room(channel))
            .cloned();
        if let Some(room) = room {
            if !no_names {
                self.names_of(conn, &room);
            }
            self.metadata_after_join(conn, &room.name);
        }
    }

    fn reply_join(&mut self, conn: ConnId, room: &Room, account: alloquy_ids::AccountId) {
        let extended = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::ExtendedJoin));
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let out = join_line(world, room, (account, extended), self.now.wall);
        self.reply(conn, out);
    }

    pub(super) fn part(&mut self, conn: ConnId, line: &Line) {
        let reason = line.param(1).unwrap_or_default().to_owned();
        let targets = line.params[0]
            .split(',')
            .filter(|target| !target.is_empty());
        for (at, target) in targets.enumerate() {
            if at == TARGETS_MAX {
                return self.numeric(conn, "407", &[target, "Too many targets"]);
            }
            if let Some(room) = self.room_that_it_is_in(conn, target) {
                self.part_one(conn, room.channel, &reason);
            }
        }
    }

    /// Leaves a room on this connection: the account stays a member.
    fn part_one(&mut self, conn: ConnId, channel: ChannelId, reason: &str) {
        let Some((mask, name)) = self.world_of(conn).and_then(|world| {
            let room = world.room(channel)?;
            Some((world.mask(world.me()), room.name.clone()))
        }) else {
            return;
        };
        if let Some(session) = self.session_mut(conn) {
            session.missing.remove(&channel);
        }
        if let Some(session) = self.session_mut(conn) {
            session.joined.remove(&channel);
        }
        let params = [name.as_str(), reason];
        let count = if reason.is_empty() { 1 } else { 2 };
        let tags = self.tags_of(self.me(conn));
        self.reply(conn, Out::new(&mask, "PART", &params[..count]).tagged(tags));
    }

    pub(super) fn names(&mut self, conn: ConnId, line: &Line) {
        let Some(target) = line.param(0) else {
            return self.numeric(conn, "366", &["*", "End of /NAMES list"]);
        };
        let target = target.split(',').next().unwrap_or_default().to_owned();
        match self.room(conn, &target) {
            Some(room) => self.names_of(conn, &room),
            None => self.numeric(conn, "366", &[&target, "End of /NAMES list"]),
        }
    }

    fn names_of(&mut self, conn: ConnId, room: &Room) {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return;
        };
        let (multi, full) = (
            session.caps.has(Cap::MultiPrefix),
            session.caps.has(Cap::UserhostInNames),
        );
        let mut lines = vec![String::new()];
        let mut listed = BTreeSet::new();
        for member in world.members_of(room).into_iter().take(MEMBERS_LISTED_MAX) {
            listed.insert(member.account.into());
            let prefixes = world.prefixes(room.community, member.account);
            let shown = if multi {
                prefixes.len()
            } else {
                prefixes.len().min(1)
            };
            let name = match full {
                true => world.mask(member.account),
                false => world.nick(member.account),
            };
            let line = lines.last_mut().expect("one is always there");
            if line.len() + name.len() > NAMES_BYTES {
                lines.push(String::new());
            }
            let line = lines.last_mut().expect("one is always there");
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&prefixes[..shown]);
            line.push_str(&name);
        }
        let private = world.channel_view(room).is_some_and(|view| view.private);
        let symbol = if private || room.kind == Kind::Group {
            "@"
        } else {
            "="
        };
        for line in lines.iter().filter(|line| !line.is_empty()) {
            self.numeric(conn, "353", &[symbol, &room.name, line]);
        }
        self.numeric(conn, "366", &[&room.name, "End of /NAMES list"]);
        self.told_as_there(conn, room.channel, listed);
    }

    /// A connection knows of them as being in a room: it is told when they go.
    pub(crate) fn told_as_there(
        &mut self,
        conn: ConnId,
        channel: ChannelId,
        mut told: BTreeSet<Mark>,
    ) {
        let joined = self
            .session_mut(conn)
            .and_then(|session| session.joined.get_mut(&channel));
        if let Some(there) = joined {
            there.append(&mut told);
        }
    }

    pub(super) fn topic(&mut self, conn: ConnId, line: &Line) {
        let target = line.params[0].clone();
        let Some(text) = line.param(1) else {
            let Some(room) = self.room(conn, &target) else {
                return self.numeric(conn, "403", &[&target, "No such channel"]);
            };
            return match room.topic.is_empty() {
                true => self.numeric(conn, "331", &[&room.name, "No topic is set"]),
                false => self.numeric(conn, "332", &[&room.name, &one_line(&room.topic)]),
            };
        };
        let Some(room) = self.room_that_it_is_in(conn, &target) else {
            return;
        };
        let about = match room.kind {
            Kind::Group => room.community.to_string(),
            _ => room.channel.to_string(),
        };
        let command = Command::Topic {
            target: about,
            text: text.to_owned(),
        };
        self.order(conn, ("TOPIC", &[&room.name]), command);
    }

    pub(super) fn kick(&mut self, conn: ConnId, line: &Line) {
        let Some(room) = self.room_that_it_is_in(conn, &line.params[0]) else {
            return;
        };
        let reason = line
            .param(2)
            .filter(|reason| !reason.is_empty())
            .map(str::to_owned);
        for (at, nick) in line.params[1]
            .split(',')
            .filter(|nick| !nick.is_empty())
            .enumerate()
        {
            if at == TARGETS_MAX {
                return self.numeric(conn, "407", &[nick, "Too many targets"]);
            }
            let found = self.world_of(conn).and_then(|world| {
                let account = world.account_of(nick)?;
                world.sees(&room, account).then_some(account)
            });
            let Some(account) = found else {
                self.numeric(
                    conn,
                    "441",
                    &[nick, &room.name, "They aren't on that channel"],
                );
                continue;
            };
            let command = Command::Kick {
                community: community_ref(room.community),
                account: AccountRef(account.to_string()),
                reason: reason.clone(),
            };
            self.order(conn, ("KICK", &[&room.name]), command);
        }
    }

    pub(super) fn invite(&mut self, conn: ConnId, line: &Line) {
        let (Some(nick), Some(target)) = (line.param(0), line.param(1)) else {
            return match line.params.is_empty() {
                // INVITE alone lists invites that wait: whoever is a member needs none.
                true => self.numeric(conn, "337", &["End of /INVITE list"]),
                false => self.numeric(conn, "461", &["INVITE", "Not enough parameters"]),
            };
        };
        let Some(room) = self.room_that_it_is_in(conn, target) else {
            return;
        };
        let Some(account) = self.world_of(conn).and_then(|world| world.account_of(nick)) else {
            return self.numeric(conn, "401", &[nick, "No such nick/channel"]);
        };
        let Some(world) = self.world_of(conn) else {
            return;
        };
        if world.sees(&room, account) {
            return self.numeric(conn, "443", &[nick, &room.name, "is already on channel"]);
        }
        let community = world.community(room.community);
        let member =
            community.is_some_and(|of| of.members.iter().any(|member| member.account == account));
        let order = Order {
            command: "INVITE",
            about: vec![room.name.clone(), nick.to_owned()],
        };
        let command = match (member, room.kind) {
            (true, _) => Command::Overwrite {
                channel: ChannelRef(room.channel.to_string()),
                target: OverwriteRef::Member(AccountRef(account.to_string())),
                allow: vec!["view".to_owned()],
                deny: Vec::new(),
            },
            (false, Kind::Group) => Command::Personal {
                order: alloquy_api::PersonalCommand::GroupAdd {
                    group: community_ref(room.community),
                    account: AccountRef(account.to_string()),
                },
            },
            (false, _) => Command::Invite {
                community: community_ref(room.community),
                uses: Some(1),
                expires_ms: None,
            },
        };
        self.wait(conn);
        if let Some(world) = self.world_mut(conn) {
            world.order(command, Pending::Invited(conn, order, account));
        }
    }
}

/// A JOIN as a client sees it, with account and name if it asked for them.
pub(crate) fn join_line(
    world: &World,
    room: &Room,
    (account, extended): (alloquy_ids::AccountId, bool),
    now: alloquy_ids::UnixMs,
) -> Out {
    let mask = world.mask(account);
    let id = account.to_string();
    let name = world
        .person(account)
        .map_or(id.as_str(), |person| person.name.as_str());
    let params = [room.name.as_str(), id.as_str(), name];
    let count = if extended { 3 } else { 1 };
    Out::new(&mask, "JOIN", &params[..count]).tagged(Tags {
        time: Some(now),
        account: Some(id.clone()),
        ..Tags::default()
    })
}

pub(crate) fn community_ref(id: CommunityId) -> CommunityRef {
    CommunityRef(id.to_string())
}

/// A text of several lines in one.
pub(crate) fn one_line(text: &str) -> String {
    crate::text::to_irc(text).replace('\n', " ")
}
