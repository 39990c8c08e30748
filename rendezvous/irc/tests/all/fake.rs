//! A node in memory that carries out what the gateway asks, and connections that speak to the server.

mod people;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use alloquy_api::command::{Availability, ChannelKind, ProfileChange};
use alloquy_api::pages::{At, Part};
use alloquy_api::personal::{DirectKind, DirectView};
use alloquy_api::reply::{
    ChannelView, Confirmed, DeliveryState, DeliveryView, MemberView, MessageView, ReactionView,
    RoleView,
};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{
    Busy, Client, Command, CommandError, CommandId, Embed, ErrorCode, Event, PersonalCommand,
    Reply, Snapshot,
};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, MonoMs, RoleId, UnixMs};
use alloquy_irc::{
    ClientKey, ConnId, Credential, Now, Origin, Outcome, Output, Server, Settings, Tunnel,
};

use crate::watch::Watch;

pub(crate) const ANA: AccountId = AccountId([1; 32]);
pub(crate) const BEN: AccountId = AccountId([2; 32]);
pub(crate) const CLUB: CommunityId = CommunityId([10; 32]);
pub(crate) const GENERAL: ChannelId = ChannelId([11; 32]);
pub(crate) const SECRET: ChannelId = ChannelId([12; 32]);
pub(crate) const DIRECT: CommunityId = CommunityId([20; 32]);
pub(crate) const DIRECT_CHANNEL: ChannelId = ChannelId([21; 32]);
/// 2026-09-21T14:13:20.000Z.
pub(crate) const START: u64 = 1_790_000_000_000;

/// The node of Ana.
#[derive(Default)]
pub(crate) struct Node {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) events: VecDeque<Event>,
    pub(crate) messages: BTreeMap<ChannelId, Vec<MessageView>>,
    pub(crate) read: BTreeMap<ChannelId, EventId>,
    /// All that was asked for, as it was.
    pub(crate) log: Vec<Command>,
    /// The answer to the next command that writes.
    pub(crate) refuse: Option<CommandError>,
    /// Previews of the next message.
    pub(crate) embeds: Vec<Embed>,
    /// What the general channel is called after the next command that writes.
    pub(crate) rename_at_next: Option<String>,
    commands: u64,
    events_last: u64,
    time: u64,
}

pub(crate) fn member(account: AccountId, name: &str) -> MemberView {
    MemberView {
        account,
        name: name.to_owned(),
        roles: Vec::new(),
        online: true,
        availability: Some(Availability::Online),
        rank: 0,
        owner: account == ANA,
        about: None,
        status: None,
        forked: false,
    }
}

fn channel(id: ChannelId, name: &str, private: bool) -> ChannelView {
    ChannelView {
        channel: id,
        kind: ChannelKind::Text,
        name: name.to_owned(),
        topic: String::new(),
        category: None,
        position: 0,
        private,
        since_join: false,
        unread: 0,
        mentions: 0,
        rights: vec!["view".to_owned(), "send".to_owned()],
        bridges: Vec::new(),
        slow_mode_ms: 0,
        overwrites: Vec::new(),
    }
}

impl Node {
    /// Ana owns a club with a general and a secret channel; Ben is a member of it.
    pub(crate) fn new() -> Self {
        let everyone = RoleView {
            role: RoleId::ZERO,
            name: "everyone".to_owned(),
            rank: 0,
            allow: vec!["view".to_owned(), "send".to_owned()],
        };
        let role = RoleView {
            role: RoleId([30; 32]),
            name: "ops".to_owned(),
            rank: 5,
            allow: vec!["manage-messages".to_owned()],
        };
        let club = CommunitySnapshot {
            name: "Our Club".to_owned(),
            channels: Arc::new(vec![
                channel(GENERAL, "general", false),
                channel(SECRET, "secret", true),
            ]),
            members: Arc::new(vec![member(ANA, "Ana"), member(BEN, "Ben Ash")]),
            roles: Arc::new(vec![role, everyone]),
            ..CommunitySnapshot::default()
        };
        let snapshot = Snapshot {
            version: 1,
            account: Some(ANA),
            name: "Ana".to_owned(),
            communities: [(CLUB, Arc::new(club))].into(),
            ..Snapshot::default()
        };
        Self {
            snapshot: Arc::new(snapshot),
            time: START,
            ..Self::default()
        }
    }

    /// Changes the snapshot.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let mut snapshot = (*self.snapshot).clone();
        snapshot.version += 1;
        change(&mut snapshot);
        self.snapshot = Arc::new(snapshot);
    }

    pub(crate) fn change_club(&mut self, change: impl FnOnce(&mut CommunitySnapshot)) {
        self.change(|snapshot| {
            // Whoever has left it changes nothing in it.
            if let Some(club) = snapshot.communities.get_mut(&CLUB) {
                change(Arc::make_mut(club));
            }
        });
    }

    /// Opens the conversation with Ben.
    pub(crate) fn open_direct(&mut self) {
        self.change(|snapshot| {
            let direct = CommunitySnapshot {
                direct: Some(DirectKind::Two),
                channels: Arc::new(vec![channel(DIRECT_CHANNEL, "", false)]),
                members: Arc::new(vec![member(ANA, "Ana"), member(BEN, "Ben Ash")]),
                ..CommunitySnapshot::default()
            };
            snapshot.communities.insert(DIRECT, Arc::new(direct));
            snapshot.directs = Arc::new(vec![DirectView {
                community: DIRECT,
                channel: DIRECT_CHANNEL,
                kind: DirectKind::Two,
                name: "Ben Ash".to_owned(),
                accounts: vec![BEN],
                unread: 0,
                mentions: 0,
                last: None,
                preview: String::new(),
                online: true,
                verified: false,
                blocked: false,
            }]);
        });
    }

    fn community_of(channel: ChannelId) -> CommunityId {
        if channel == DIRECT_CHANNEL {
            DIRECT
        } else {
            CLUB
        }
    }

    /// Somebody writes.
    pub(crate) fn write(&mut self, channel: ChannelId, author: AccountId, text: &str) -> EventId {
        self.write_with(channel, author, (text, None))
    }

    pub(crate) fn write_with(
        &mut self,
        channel: ChannelId,
        author: AccountId,
        (text, reply_to): (&str, Option<EventId>),
    ) -> EventId {
        self.events_last += 1;
        self.time += 1000;
        let mut id = [0; 32];
        id[..8].copy_from_slice(&self.events_last.to_be_bytes());
        let message = MessageView {
            id: EventId(id),
            author,
            text: text.to_owned(),
            time: UnixMs(self.time),
            edited: false,
            deleted: false,
            reply_to,
            quote: None,
            replies: None,
            mentions_me: false,
            thread: None,
            bridged: false,
            embeds: std::mem::take(&mut self.embeds),
            pinned: false,
            waiting: false,
            arrived_later: false,
            hidden: None,
            reactions: Vec::new(),
            delivery: DeliveryView {
                state: DeliveryState::Stored,
                holders: 0,
            },
        };
        self.messages
            .entry(channel)
            .or_default()
            .push(message.clone());
        self.events.push_back(Event::MessageAdded {
            community: Self::community_of(channel),
            channel,
            message,
        });
        EventId(id)
    }

    /// Changes a message, and tells of it.
    pub(crate) fn alter(&mut self, id: EventId, alter: impl FnOnce(&mut MessageView)) -> bool {
        let found = self.messages.iter_mut().find_map(|(channel, messages)| {
            let message = messages.iter_mut().find(|message| message.id == id)?;
            Some((*channel, message))
        });
        let Some((channel, message)) = found else {
            return false;
        };
        alter(message);
        let message = message.clone();
        self.events.push_back(Event::MessageChanged {
            community: Self::community_of(channel),
            channel,
            message,
        });
        true
    }

    pub(crate) fn react(&mut self, id: EventId, account: AccountId, emoji: &str) -> bool {
        self.alter(id, |message| {
            message.reactions.push(ReactionView {
                emoji: emoji.to_owned(),
                accounts: vec![account],
            });
        })
    }

    fn page(
        &self,
        channel: ChannelId,
        part: Part,
        limit: usize,
    ) -> Result<Vec<MessageView>, CommandError> {
        let all: Vec<MessageView> = self
            .messages
            .get(&channel)
            .into_iter()
            .flatten()
            .filter(|message| !message.deleted && !message.waiting)
            .cloned()
            .collect();
        let after = |at: At| match at {
            At::Message(id) => all
                .iter()
                .position(|message| message.id == id)
                .map(|at| at + 1)
                .ok_or_else(unknown),
            At::Time(time) => Ok(all
                .iter()
                .position(|message| message.time > time)
                .unwrap_or(all.len())),
        };
        let before = |at: At| match at {
            At::Message(id) => all
                .iter()
                .position(|message| message.id == id)
                .ok_or_else(unknown),
            At::Time(time) => Ok(all
                .iter()
                .rposition(|message| message.time < time)
                .map_or(0, |at| at + 1)),
        };
        let last = |range: &[MessageView]| range[range.len().saturating_sub(limit)..].to_vec();
        let first = |range: &[MessageView]| range[..range.len().min(limit)].to_vec();
        Ok(match part {
            Part::Latest(None) => last(&all),
            Part::Latest(Some(at)) => last(&all[after(at)?..]),
            Part::Before(at) => last(&all[..before(at)?]),
            Part::After(at) => first(&all[after(at)?..]),
            Part::Around(at) => {
                let middle = before(at)?;
                let start = middle.saturating_sub(limit / 2);
                first(&all[start..])
            }
            Part::Between(one, other) => {
                let (from, to) = (after(one)?, before(other)?);
                if from <= to {
                    first(&all[from..to])
                } else {
                    last(&all[after(other)?..before(one)?])
                }
            }
            Part::Forth(one, other) => {
                let (from, to) = (after(one)?, before(other)?);
                first(all.get(from..to).unwrap_or_default())
            }
            Part::Back(one, other) => {
                let (from, to) = (after(other)?, before(one)?);
                last(all.get(from..to).unwrap_or_default())
            }
            Part::Read => {
                let read = self.read.get(&channel);
                all.into_iter()
                    .filter(|message| Some(&message.id) == read)
                    .collect()
            }
        })
    }

    fn carry_out(&mut self, command: Command) -> Result<Reply, CommandError> {
        let writes = !matches!(command, Command::Page { .. } | Command::Keep { .. });
        if writes && let Some(error) = self.refuse.take() {
            return Err(error);
        }
        if writes && let Some(name) = self.rename_at_next.take() {
            self.change_club(|club| {
                let mut channels = club.channels.to_vec();
                channels[0].name = name;
                club.channels = Arc::new(channels);
            });
        }
        let ok = Ok(Reply::Ok { ok: true });
        match command {
            Command::Page {
                channel,
                part,
                limit,
            } => Ok(Reply::History {
                messages: self.page(channel, part, limit as usize)?,
                complete: true,
                complete_since: None,
                confirmed: Confirmed::default(),
            }),
            Command::MarkRead { channel, message } => {
                self.read
                    .insert(channel.0.parse().unwrap(), message.unwrap());
                ok
            }
            Command::Topic { target, text } => {
                self.change_club(|club| {
                    let mut channels = club.channels.to_vec();
                    for view in channels
                        .iter_mut()
                        .filter(|view| view.channel.to_string() == target)
                    {
                        view.topic.clone_from(&text);
                    }
                    club.channels = Arc::new(channels);
                });
                ok
            }
            Command::Personal {
                order: order @ (PersonalCommand::Dm { .. } | PersonalCommand::DmAccept { .. }),
            } => {
                // A group is there when one of its members was reached.
                if !self.accepts_group(&order) {
                    self.open_direct();
                }
                Ok(Reply::Direct {
                    direct: DIRECT,
                    channel: DIRECT_CHANNEL,
                })
            }
            Command::Personal { order } => {
                self.about_people(&order);
                ok
            }
            Command::Keep { name, value } => {
                self.change(|snapshot| {
                    let mut kept = (*snapshot.kept).clone();
                    match value.is_empty() {
                        true => drop(kept.remove(&name)),
                        false => drop(kept.insert(name, value.into())),
                    }
                    snapshot.kept = Arc::new(kept);
                });
                ok
            }
            Command::Profile {
                change: ProfileChange::Name(name),
            } => {
                self.change(|snapshot| snapshot.name.clone_from(&name));
                self.change_club(|club| {
                    let mut members = club.members.to_vec();
                    members[0].name = name;
                    club.members = Arc::new(members);
                });
                ok
            }
            Command::Profile { change } => {
                self.change_club(|club| {
                    let mut members = club.members.to_vec();
                    let said = |text: String| (!text.is_empty()).then_some(text);
                    match change {
                        ProfileChange::About(text) => members[0].about = said(text),
                        ProfileChange::Status(text) => members[0].status = said(text),
                        _ => {}
                    }
                    club.members = Arc::new(members);
                });
                ok
            }
            command => self.write_or_change(command),
        }
    }

    fn write_or_change(&mut self, command: Command) -> Result<Reply, CommandError> {
        match command {
            Command::Send {
                channel,
                text,
                embeds,
            } => {
                self.embeds = embeds;
                let channel = channel.0.parse().unwrap();
                let message = self.write(channel, ANA, &text);
                Ok(Reply::Message { message })
            }
            Command::Reply {
                message,
                text,
                embeds,
            } => {
                self.embeds = embeds;
                let channel = self
                    .messages
                    .iter()
                    .find(|(_, all)| all.iter().any(|m| m.id == message));
                let channel = *channel.ok_or_else(unknown)?.0;
                let message = self.write_with(channel, ANA, (&text, Some(message)));
                Ok(Reply::Message { message })
            }
            Command::React { message, emoji } => match self.react(message, ANA, &emoji) {
                true => Ok(Reply::Message { message }),
                false => Err(unknown()),
            },
            Command::Unreact { message, emoji } => {
                self.alter(message, |view| {
                    view.reactions.retain(|reaction| reaction.emoji != emoji)
                });
                Ok(Reply::Message { message })
            }
            Command::Edit { message, text } => {
                let found = self.alter(message, |view| {
                    view.text = text;
                    view.edited = true;
                });
                match found {
                    true => Ok(Reply::Message { message }),
                    false => Err(unknown()),
                }
            }
            Command::Delete { message } => {
                let found = self.alter(message, |view| {
                    view.deleted = true;
                    view.text.clear();
                });
                if found {
                    Ok(Reply::Message { message })
                } else {
                    Err(unknown())
                }
            }
            _ => Ok(Reply::Ok { ok: true }),
        }
    }
}

fn unknown() -> CommandError {
    CommandError::new(ErrorCode::UnknownName, "nothing has this id")
}

pub(crate) fn not_permitted() -> CommandError {
    CommandError::new(ErrorCode::NotPermitted, "you lack the right")
}

impl Client for Node {
    fn submit(&mut self, command: Command) -> Result<CommandId, Busy> {
        self.commands += 1;
        let id = CommandId(self.commands);
        self.log.push(command.clone());
        let result = self.carry_out(command);
        self.events.push_back(Event::Done { id, result });
        Ok(id)
    }

    fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    fn ended(&self) -> Option<CommandError> {
        None
    }
}

/// The server, the node and the connections.
pub(crate) struct Irc {
    pub(crate) server: Server,
    pub(crate) node: Node,
    pub(crate) now: Now,
    pub(crate) checks: Vec<(alloquy_irc::CheckId, Credential)>,
    /// Whether checks are answered at once.
    pub(crate) checks_at_once: bool,
    /// Another client of the server, and its node.
    pub(crate) other: Option<(ClientKey, Node)>,
    /// All lines of all connections.
    pub(crate) all: Vec<String>,
    /// Whether connections are spared the throttle.
    pub(crate) exempt: bool,
    text: BTreeMap<ConnId, String>,
    pub(crate) closed: Vec<ConnId>,
    /// Rooms that are to be made, messages of SCRAM, accounts.
    pub(crate) asked: Vec<alloquy_irc::CheckId>,
    /// For whom something about the account was asked.
    pub(crate) asked_of: Vec<ClientKey>,
    /// What is to be done about streams.
    /// What was to be done about streams, each by the number that the client gave it.
    pub(crate) tunnels: Vec<(ConnId, Tunnel)>,
    /// Ids of the streams that were opened last by each number.
    pub(crate) ids: BTreeMap<(ConnId, u64), u64>,
    /// Looks at every line.
    watch: Watch,
    last: u64,
}

pub(crate) fn settings() -> Settings {
    Settings {
        server_name: "irc.test".to_owned(),
        network: "Test Net".to_owned(),
        version: "alloquy-test".to_owned(),
        started: UnixMs(START),
    }
}

impl Irc {
    pub(crate) fn new() -> Self {
        Self {
            server: Server::new(settings()),
            node: Node::new(),
            now: Now {
                mono: MonoMs(1),
                wall: UnixMs(START),
            },
            checks: Vec::new(),
            checks_at_once: true,
            other: None,
            all: Vec::new(),
            exempt: true,
            text: BTreeMap::new(),
            closed: Vec::new(),
            asked: Vec::new(),
            asked_of: Vec::new(),
            tunnels: Vec::new(),
            ids: BTreeMap::new(),
            watch: Watch::default(),
            last: 0,
        }
    }

    /// The face of a rendezvous whose lobby is the club.
    pub(crate) fn bridge() -> Self {
        let bridge = alloquy_irc::Bridge {
            lobby: Some(CLUB),
            mechanisms: alloquy_irc::Mechanism::ALL.to_vec(),
            e2ee: true,
            ..alloquy_irc::Bridge::default()
        };
        Self {
            server: Server::new(settings()).with_bridge(bridge),
            ..Self::new()
        }
    }

    /// What the shell answers to a question that was asked of it.
    pub(crate) fn tell(&mut self, outcome: Outcome) {
        let check = self.asked.remove(0);
        self.server.checked(check, outcome, self.now);
        self.turn();
    }

    /// A connection that has said nothing.
    pub(crate) fn connect(&mut self) -> ConnId {
        let origin = Origin {
            loopback: true,
            exempt: self.exempt,
            ..Origin::default()
        };
        self.connect_from(origin)
    }

    pub(crate) fn connect_from(&mut self, origin: Origin) -> ConnId {
        self.last += 1;
        let conn = ConnId(self.last);
        self.server.open(conn, origin, self.now);
        conn
    }

    /// A connection that is in, with these capabilities; what it was told on the way is thrown away.
    pub(crate) fn client(&mut self, caps: &str) -> ConnId {
        let conn = self.connect();
        self.send(conn, "CAP LS 302");
        self.send(conn, "PASS secret");
        self.send(conn, "NICK somebody");
        self.send(conn, "USER u 0 * :r");
        if !caps.is_empty() {
            let acked = self.ask(conn, &format!("CAP REQ :{caps}"));
            assert!(acked.iter().any(|line| line.contains(" ACK ")), "{acked:?}");
        }
        let told = self.ask(conn, "CAP END");
        assert!(
            told.iter().any(|line| line.contains(" 001 Ana ")),
            "{told:?}"
        );
        conn
    }

    /// One that has joined the general channel.
    /// What is to be done about a stream, by the number that the client gave it.
    fn numbered(&mut self, conn: ConnId, mut tunnel: Tunnel) -> Tunnel {
        let opens = matches!(tunnel, Tunnel::Open { .. });
        let (Tunnel::Open { stream, .. }
        | Tunnel::Data { stream, .. }
        | Tunnel::Taken { stream, .. }
        | Tunnel::Close { stream }) = &mut tunnel;
        let id = std::mem::replace(stream, *stream & 0xffff);
        if opens {
            self.ids.insert((conn, id & 0xffff), id);
        }
        tunnel
    }

    pub(crate) fn in_general(&mut self, caps: &str) -> ConnId {
        let conn = self.client(caps);
        let told = self.ask(conn, "JOIN #our-club/general");
        assert!(told.iter().any(|line| line.contains(" JOIN ")), "{told:?}");
        conn
    }

    pub(crate) fn bytes(&mut self, conn: ConnId, bytes: &[u8]) {
        self.server.received(conn, bytes, self.now);
        self.turn();
    }

    pub(crate) fn send(&mut self, conn: ConnId, line: &str) {
        self.bytes(conn, format!("{line}\r\n").as_bytes());
    }

    /// Sends a line and gives what has come since the last look.
    pub(crate) fn ask(&mut self, conn: ConnId, line: &str) -> Vec<String> {
        self.lines(conn);
        self.send(conn, line);
        self.lines(conn)
    }

    /// Lines that came since the last look.
    pub(crate) fn lines(&mut self, conn: ConnId) -> Vec<String> {
        let text = self.text.remove(&conn).unwrap_or_default();
        text.split_terminator("\r\n").map(str::to_owned).collect()
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now.mono.0 += ms;
        self.now.wall.0 += ms;
        self.server.tick(self.now);
        self.turn();
    }

    /// What a shell does until nothing moves.
    pub(crate) fn turn(&mut self) {
        loop {
            self.server.pump(ClientKey::OWN, &mut self.node, self.now);
            let mut moved = !self.node.events.is_empty();
            if let Some((key, node)) = &mut self.other {
                self.server.pump(*key, node, self.now);
                moved |= !node.events.is_empty();
            }
            while let Some(output) = self.server.next_output() {
                moved = true;
                match output {
                    Output::Write(conn, bytes) => {
                        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
                        assert!(
                            text.ends_with("\r\n")
                                && !text.trim_end_matches("\r\n").contains(['\r', '\n']),
                            "{text:?}"
                        );
                        let body = if text.starts_with('@') {
                            text.split_once(' ').unwrap().1
                        } else {
                            &text
                        };
                        assert!(body.len() <= 512, "{text}");
                        let looked = self.watch.look(conn, text.trim_end_matches("\r\n"));
                        assert_eq!(looked, Ok(()), "{text}");
                        self.all.push(text.trim_end().to_owned());
                        self.text.entry(conn).or_default().push_str(&text);
                    }
                    Output::Close(conn) => {
                        self.watch.closed(conn);
                        self.closed.push(conn);
                    }
                    Output::Check(check, credential) => self.checks.push((check, credential)),
                    Output::Account(check, key, _) => {
                        self.asked_of.push(key);
                        self.asked.push(check);
                    }
                    Output::Tunnel(conn, _, tunnel) => {
                        let tunnel = self.numbered(conn, tunnel);
                        self.tunnels.push((conn, tunnel));
                    }
                    Output::Open(check, ..)
                    | Output::Scram(check, _)
                    | Output::Register(check, _) => self.asked.push(check),
                }
            }
            if self.checks_at_once {
                for (check, credential) in std::mem::take(&mut self.checks) {
                    moved = true;
                    self.answer(check, &credential);
                }
            }
            if !moved {
                assert_eq!(self.watch.open(), [""; 0], "batches that do not end");
                return;
            }
        }
    }

    pub(crate) fn answer(&mut self, check: alloquy_irc::CheckId, credential: &Credential) {
        let outcome = match credential {
            Credential::Password { password, .. } if **password == "secret" => {
                Outcome::Granted(ClientKey::OWN)
            }
            Credential::Password { password, .. } if **password == "reading" => {
                Outcome::GrantedReading(ClientKey::OWN)
            }
            Credential::Connection { password } if **password == "gate" => Outcome::Admitted,
            Credential::Operator { name, password } if name == "boss" && **password == "a key" => {
                Outcome::Admitted
            }
            Credential::Guest { .. } => match &self.other {
                Some((key, _)) => Outcome::Granted(*key),
                None => Outcome::Denied,
            },
            _ => Outcome::Denied,
        };
        self.server.checked(check, outcome, self.now);
    }
}

/// The one line that holds a text.
pub(crate) fn one<'a>(lines: &'a [String], text: &str) -> &'a str {
    let found: Vec<_> = lines.iter().filter(|line| line.contains(text)).collect();
    assert_eq!(found.len(), 1, "{text:?} in {lines:#?}");
    found[0]
}

pub(crate) fn none(lines: &[String], text: &str) {
    assert!(
        !lines.iter().any(|line| line.contains(text)),
        "{text:?} in {lines:#?}"
    );
}
