//! Which connections act through which client, and when each is due: looked up, never searched, so that a turn costs
//! what happens in it and not what is connected.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Command;
use alloquy_api::command::{Availability, ProfileChange};
use alloquy_ids::{AccountId, MonoMs};

use crate::io::{ClientKey, ConnId};
use crate::pending::Pending;
use crate::server::Server;
use crate::session::{Session, Stage};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Index {
    of_key: BTreeMap<ClientKey, BTreeSet<ConnId>>,
    due: BTreeSet<(MonoMs, ConnId)>,
    due_of: BTreeMap<ConnId, MonoMs>,
    /// Connections of which something may have changed since the last settling.
    touched: BTreeSet<ConnId>,
    /// Clients that connections may have asked something of since the last look.
    asked: BTreeSet<ClientKey>,
    /// Clients whose last connection has ended since the last look.
    left: BTreeSet<ClientKey>,
}

impl Index {
    /// A client has been asked something of.
    pub(super) fn ask(&mut self, key: ClientKey) {
        self.asked.insert(key);
    }
}

impl Server {
    pub(crate) fn session(&self, conn: ConnId) -> Option<&Session> {
        self.sessions.get(&conn)
    }

    pub(crate) fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        let session = self.sessions.get_mut(&conn)?;
        self.index.touched.insert(conn);
        Some(session)
    }

    /// A connection acts through this client from now on.
    pub(crate) fn set_key(&mut self, conn: ConnId, key: ClientKey) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if let Some(before) = session.key.replace(key) {
            self.unlist(conn, before);
        }
        self.index.of_key.entry(key).or_default().insert(conn);
        self.index.left.remove(&key);
    }

    fn unlist(&mut self, conn: ConnId, key: ClientKey) {
        let Some(all) = self.index.of_key.get_mut(&key) else {
            return;
        };
        all.remove(&conn);
        if all.is_empty() {
            self.index.of_key.remove(&key);
            self.index.left.insert(key);
        }
    }

    /// Forgets a connection.
    pub(crate) fn forget(&mut self, conn: ConnId) {
        self.close_streams(conn);
        if let Some(session) = self.sessions.remove(&conn) {
            let (key, was_here, away) = (session.key, session.is_seen(), session.away.clone());
            self.keep_sight(session);
            if let Some(key) = key {
                self.unlist(conn, key);
                if let Some(text) = away {
                    self.end_away(conn, key, &text);
                }
                if was_here && self.seen_by(key) == 0 {
                    self.be_seen(key, Availability::Invisible);
                }
            }
        }
        if let Some(due) = self.index.due_of.remove(&conn) {
            self.index.due.remove(&(due, conn));
        }
        self.index.touched.remove(&conn);
        self.opers.remove(&conn);
        self.ready.remove(&conn);
        self.checks.retain(|_, of| *of != conn);
        let checks = &self.checks;
        self.delayed
            .retain(|(_, check), _| checks.contains_key(check));
    }

    /// Connections by which an account of a rendezvous is seen as here, through whichever client they act.
    pub(crate) fn seen_by(&self, key: ClientKey) -> usize {
        let conns = self.all_beside(key).into_iter();
        let seen = conns.filter(|conn| self.session(*conn).is_some_and(Session::is_seen));
        seen.count()
    }

    /// How members see an account of a rendezvous: here while a connection of it is in. The node of an account runs on,
    /// and would be seen as here for ever; at the own door the person is wherever that node is.
    pub(crate) fn be_seen(&mut self, key: ClientKey, availability: Availability) {
        let Some(world) = self.worlds.get_mut(&key).filter(|_| self.bridge.is_some()) else {
            return;
        };
        let change = ProfileChange::Availability(availability);
        world.order(Command::Profile { change }, Pending::Quiet);
        self.index.asked.insert(key);
    }

    /// A connection that was away with this text has ended: nobody is away any more for what it said, unless another one
    /// is, or the account has said something else since.
    pub(crate) fn end_away(&mut self, conn: ConnId, key: ClientKey, text: &str) {
        let others = self.all_beside(key);
        let mut away = others
            .iter()
            .filter_map(|conn| self.session(*conn)?.away.clone());
        let (still, seen) = (away.next(), self.seen_by(key));
        let bridge = self.bridge.is_some();
        let Some(world) = self.worlds.get_mut(&key) else {
            return;
        };
        let status = world.person(world.me()).and_then(|me| me.status.as_deref());
        // What the node has not heard of yet, or has not told of, was said last.
        let is_said = status == Some(text) || world.is_going_away(conn);
        if !is_said || still.as_deref() == Some(text) {
            return;
        }
        let mut changes = vec![ProfileChange::Status(still.clone().unwrap_or_default())];
        let idle = world.snapshot.availability == Availability::Idle || world.is_going_away(conn);
        // A rendezvous has an account seen as gone with the last of its connections.
        if still.is_none() && idle && (!bridge || seen > 0) {
            changes.push(ProfileChange::Availability(Availability::Online));
        }
        for change in changes {
            world.order(Command::Profile { change }, Pending::Quiet);
        }
        self.index.asked.insert(key);
    }

    /// Brings up to date when connections are due, after an input. Those that were closed are forgotten.
    pub(crate) fn settle(&mut self) {
        while let Some(conn) = self.index.touched.pop_first() {
            let Some(session) = self.sessions.get(&conn) else {
                continue;
            };
            if session.closing {
                self.forget(conn);
                continue;
            }
            let due = session.due();
            self.index.asked.extend(session.key);
            let before = self.index.due_of.insert(conn, due);
            if before != Some(due) {
                if let Some(before) = before {
                    self.index.due.remove(&(before, conn));
                }
                self.index.due.insert((due, conn));
            }
        }
    }

    /// When the first connection is due.
    pub(crate) fn first_due(&self) -> Option<MonoMs> {
        self.index.due.first().map(|(due, _)| *due)
    }

    /// Connections that are due.
    pub(crate) fn all_due(&self) -> Vec<ConnId> {
        let now = (self.now.mono, ConnId(u64::MAX));
        self.index
            .due
            .range(..=now)
            .map(|(_, conn)| *conn)
            .collect()
    }

    /// Connections of one client.
    pub(crate) fn all_of(&self, key: ClientKey) -> Vec<ConnId> {
        let all = self.index.of_key.get(&key);
        all.into_iter().flatten().copied().collect()
    }

    /// Connections of one account: who has made one as a guest acts through another client than who logs in to it.
    pub(crate) fn all_of_account(&self, account: AccountId) -> Vec<ConnId> {
        let worlds = self.worlds.iter();
        let keys = worlds.filter(|(_, world)| world.is_ready() && world.me() == account);
        keys.flat_map(|(key, _)| self.all_of(*key)).collect()
    }

    /// Connections of the account that a client is of.
    fn all_beside(&self, key: ClientKey) -> Vec<ConnId> {
        match self.worlds.get(&key).filter(|world| world.is_ready()) {
            Some(world) => self.all_of_account(world.me()),
            None => self.all_of(key),
        }
    }

    /// Connections that are in, of one client.
    pub(crate) fn all_in(&self, key: ClientKey) -> Vec<ConnId> {
        let mut all = self.all_of(key);
        all.retain(|conn| {
            self.session(*conn)
                .is_some_and(|session| session.stage == Stage::In)
        });
        all
    }

    /// Clients that connections may have asked something of since the last call: those to pump.
    pub fn take_asked(&mut self) -> BTreeSet<ClientKey> {
        std::mem::take(&mut self.index.asked)
    }

    /// Clients whose last connection has ended since the last call. Whoever holds them may let them go by
    /// [`Server::drop_client`]; with the next log-in they are back as they were.
    pub fn take_left(&mut self) -> BTreeSet<ClientKey> {
        std::mem::take(&mut self.index.left)
    }

    /// Whether a connection acts through a client.
    #[must_use]
    pub fn is_used(&self, key: ClientKey) -> bool {
        self.index.of_key.contains_key(&key)
    }
}
