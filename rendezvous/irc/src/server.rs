//! The machine: connections in, outputs out.

mod answer;
mod index;
mod kept;
mod locate;
mod missed;
pub(crate) mod tell;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_api::Client;
use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, MonoMs};

use crate::bridge::Bridge;
use crate::io::{CheckId, ClientKey, ConnId, Credential, Now, Origin, Outcome, Output, Settings};
use crate::line::{BadLine, Line, Out};
use crate::session::{Excess, Session, Stage};
use crate::world::World;

use index::Index;
pub(crate) use missed::Sight;
use missed::Sights;
use tell::Edit;

/// The server.
#[derive(Debug)]
pub struct Server {
    pub(crate) settings: Settings,
    pub(crate) bridge: Option<Bridge>,
    pub(crate) sessions: BTreeMap<ConnId, Session>,
    pub(crate) index: Index,
    pub(crate) worlds: BTreeMap<ClientKey, World>,
    pub(crate) now: Now,
    outputs: VecDeque<Output>,
    pub(crate) checks: BTreeMap<CheckId, ConnId>,
    pub(crate) check_last: u64,
    /// Checks that wait for their time: guessing is slow, whoever guesses.
    pub(crate) delayed: BTreeMap<(MonoMs, CheckId), Credential>,
    pub(crate) failures: u32,
    batch_last: u64,
    /// Edits that wait for another one.
    pub(crate) edits: BTreeMap<(ClientKey, EventId), Edit>,
    /// Own edits that are echoed when what asked for them has ended.
    pub(crate) echoes: BTreeMap<(ClientKey, EventId), (ChannelId, MessageView)>,
    /// Own messages of which it is not known yet which connection wrote them.
    pub(crate) own: BTreeMap<ClientKey, Vec<(ChannelId, MessageView)>>,
    /// Connections of operators.
    pub(crate) opers: BTreeSet<ConnId>,
    /// Connections that may go on.
    pub(crate) ready: BTreeSet<ConnId>,
    /// Communities of which so many members are another way now that they are not told of one by one.
    pub(crate) stir: BTreeSet<CommunityId>,
    /// What clients that have gone saw last.
    sights: Sights,
    /// Whether previews are said in lines to who does not know them as tags.
    pub(crate) preview_lines: bool,
}

impl Server {
    /// A server without connections.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            bridge: None,
            sessions: BTreeMap::new(),
            index: Index::default(),
            worlds: BTreeMap::new(),
            now: Now::default(),
            outputs: VecDeque::new(),
            checks: BTreeMap::new(),
            check_last: 0,
            delayed: BTreeMap::new(),
            failures: 0,
            batch_last: 0,
            edits: BTreeMap::new(),
            echoes: BTreeMap::new(),
            own: BTreeMap::new(),
            opers: BTreeSet::new(),
            ready: BTreeSet::new(),
            stir: BTreeSet::new(),
            sights: Sights::default(),
            preview_lines: true,
        }
    }

    /// The same as the face of a rendezvous.
    #[must_use]
    pub fn with_bridge(mut self, bridge: Bridge) -> Self {
        self.bridge = Some(bridge);
        self
    }

    /// The same without streams to other nodes, whatever [`Self::with_bridge`] says.
    #[must_use]
    pub fn without_e2ee(mut self) -> Self {
        if let Some(bridge) = &mut self.bridge {
            bridge.e2ee = false;
        }
        self
    }

    /// The same without lines about previews: clients that do not know them as tags are told of none.
    #[must_use]
    pub fn without_preview_lines(mut self) -> Self {
        self.preview_lines = false;
        self
    }

    /// Forgets a client that nobody acts through any more.
    pub fn drop_client(&mut self, key: ClientKey) {
        self.worlds.remove(&key);
        self.edits.retain(|(of, _), _| *of != key);
        self.echoes.retain(|(of, _), _| *of != key);
        self.own.remove(&key);
    }

    /// Whose credential a check is of.
    #[must_use]
    pub fn checked_for(&self, check: CheckId) -> Option<ConnId> {
        self.checks.get(&check).copied()
    }

    /// A connection was accepted.
    pub fn open(&mut self, conn: ConnId, origin: Origin, now: Now) {
        self.now = now;
        self.sessions.insert(conn, Session::new(origin, now));
        self.session_mut(conn);
        self.settle();
    }

    /// Bytes came from a connection, in any cuts.
    pub fn received(&mut self, conn: ConnId, bytes: &[u8], now: Now) {
        self.now = now;
        let Some(session) = self.session_mut(conn).filter(|session| !session.closing) else {
            return;
        };
        match session.take(bytes, now) {
            Ok(()) => self.go_on(conn),
            Err(Excess::Http) => self.drop_connection(conn),
            Err(Excess::Registration) => self.end(conn, "Too much was sent before registration"),
            Err(Excess::Flood) => self.end(conn, "Excess Flood"),
        }
        self.settle();
    }

    /// The client that a connection acts through.
    #[must_use]
    pub fn client_of(&self, conn: ConnId) -> Option<ClientKey> {
        self.sessions.get(&conn)?.key
    }

    /// Ends a connection and says why.
    pub fn dismiss(&mut self, conn: ConnId, reason: &str, now: Now) {
        self.now = now;
        self.end(conn, reason);
        self.settle();
    }

    /// A connection has ended, whoever ended it. May be told of one that [`Output::Close`] has closed, too.
    pub fn closed(&mut self, conn: ConnId, now: Now) {
        self.now = now;
        self.forget(conn);
    }

    /// Whether a connection has sent so much about streams ahead of its turn that nothing should be read of it, until a
    /// [`Self::tick`] has changed that.
    #[must_use]
    pub fn is_behind(&self, conn: ConnId) -> bool {
        self.session(conn).is_some_and(Session::is_behind)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now) {
        self.now = now;
        self.time_passed();
        self.settle();
    }

    /// When [`Self::tick`] is due at the latest.
    #[must_use]
    pub fn next_timeout(&self) -> Option<MonoMs> {
        self.next_due()
    }

    /// A check has ended.
    pub fn checked(&mut self, check: CheckId, outcome: Outcome, now: Now) {
        self.now = now;
        let Some(conn) = self.checks.remove(&check) else {
            return;
        };
        let current = self
            .sessions
            .get(&conn)
            .is_some_and(|session| session.check == Some(check));
        if current {
            self.check_ended(conn, &outcome);
            self.go_on(conn);
            self.settle();
        }
    }

    /// Takes what a client has to tell and gives it what connections ask for. To be called for a client whenever it
    /// has something new, and for every client after each other input.
    pub fn pump(&mut self, key: ClientKey, client: &mut dyn Client, now: Now) {
        self.now = now;
        let lobby = self.bridge.as_ref().and_then(|bridge| bridge.lobby);
        let world = self.worlds.entry(key).or_default();
        world.lobby = lobby;
        let changes = world.update(&client.snapshot(), now.wall);
        self.tell_changes(key, changes);
        self.tell_networks(key);
        while let Some(event) = client.next_event() {
            self.tell_event(key, event);
        }
        if let Some(reason) = client.ended() {
            self.end_all(key, &reason.message);
        }
        self.welcome_all(key);
        self.join_opened(key);
        self.enter_groups(key);
        loop {
            self.submit(key, client);
            let Some(conn) = self.ready.pop_first() else {
                break;
            };
            self.go_on(conn);
        }
        self.settle();
    }

    /// The next thing to do.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What it is, to its clients.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.sessions.len()
    }

    /// Hands in what waits, until the client has enough.
    fn submit(&mut self, key: ClientKey, client: &mut dyn Client) {
        let Some(world) = self.worlds.get_mut(&key) else {
            return;
        };
        while let Some((command, pending)) = world.orders.pop_front() {
            match client.submit(command.clone()) {
                Ok(id) => drop(world.pending.insert(id, pending)),
                Err(_busy) => {
                    world.orders.push_front((command, pending));
                    return;
                }
            }
        }
    }

    /// Answers lines of a connection for as long as it is its turn.
    pub(crate) fn go_on(&mut self, conn: ConnId) {
        let now = self.now;
        while let Some(line) = self
            .session_mut(conn)
            .and_then(|session| session.next_line(now))
        {
            match line {
                Ok(line) => self.answer_line(conn, &line),
                Err(bad) => self.answer_bad(conn, bad),
            }
        }
        while let Some(line) = self
            .session_mut(conn)
            .and_then(|session| session.next_stream_line(now))
        {
            self.answer_beside(conn, &line);
        }
    }

    fn answer_bad(&mut self, conn: ConnId, bad: BadLine) {
        match bad {
            BadLine::TagsTooLong | BadLine::TooLong => {
                self.numeric(conn, "417", &["Input line was too long"]);
            }
            BadLine::NotUtf8 => self.fail(
                conn,
                "*",
                "INVALID_UTF8",
                &[],
                "Message rejected: it is not UTF-8",
            ),
            BadLine::Control | BadLine::NoCommand => {
                self.numeric(conn, "421", &["*", &bad.to_string()]);
            }
        }
    }

    pub(crate) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// The world of a connection that is in.
    pub(crate) fn world_of(&self, conn: ConnId) -> Option<&World> {
        let session = self.sessions.get(&conn)?;
        self.worlds.get(&session.key?)
    }

    pub(crate) fn world_mut(&mut self, conn: ConnId) -> Option<&mut World> {
        let session = self.sessions.get(&conn)?;
        self.worlds.get_mut(&session.key?)
    }

    pub(crate) fn me(&self, conn: ConnId) -> AccountId {
        self.world_of(conn).map_or(AccountId::ZERO, World::me)
    }

    /// What the connection is called in numerics.
    pub(crate) fn nick_of(&self, conn: ConnId) -> String {
        let session = self.sessions.get(&conn);
        match session {
            Some(session) if session.stage == Stage::In => self
                .world_of(conn)
                .map_or_else(|| "*".to_owned(), World::my_nick),
            Some(session) => session.nick.clone().unwrap_or_else(|| "*".to_owned()),
            None => "*".to_owned(),
        }
    }

    pub(crate) fn batch_reference(&mut self) -> String {
        self.batch_last += 1;
        self.batch_last.to_string()
    }

    /// Says why, and closes.
    pub(crate) fn end(&mut self, conn: ConnId, reason: &str) {
        if self
            .sessions
            .get(&conn)
            .is_none_or(|session| session.closing)
        {
            return;
        }
        let out = Out::new("", "ERROR", &[&format!("Closing link: {reason}")]);
        self.tell(conn, &out);
        self.drop_connection(conn);
    }

    /// Closes without a word.
    pub(crate) fn drop_connection(&mut self, conn: ConnId) {
        if let Some(session) = self.session_mut(conn)
            && !session.closing
        {
            session.closing = true;
            self.close_streams(conn);
            self.output(Output::Close(conn));
        }
    }

    fn end_all(&mut self, key: ClientKey, reason: &str) {
        for conn in self.all_of(key) {
            self.end(conn, reason);
        }
    }

    fn answer_line(&mut self, conn: ConnId, line: &Line) {
        self.begin(conn, line);
        let bound = self
            .session(conn)
            .and_then(|session| session.bound.as_ref());
        match bound.map(|bound| bound.inward(line)) {
            Some(whole) => self.carry_out(conn, &whole),
            None => self.carry_out(conn, line),
        }
        self.finish(conn);
    }
}
