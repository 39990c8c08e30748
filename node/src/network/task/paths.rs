//! From a relay to a direct connection: looking for one, and moving a session to it.
//!
//! **Looking.** libp2p's DCUtR tries to punch a hole as soon as a connection through a relay stands, three times. When
//! that failed, whoever called makes another circuit after a while, beside the one that carries the session, so that
//! DCUtR begins anew, and the peer's own addresses are dialled again: networks change (`improve`).
//!
//! **Moving.** When a direct connection stands beside a relayed one, each side ends its stream on the relay after the last
//! frame and opens another one on the direct connection. The reading side reads the first to its end before the
//! second, so no frame is lost or overtaken. When both directions have moved, relayed connections are closed.
//! A move that takes longer than [`MOVE_LIMIT`] ends the session; catch-up begins the next.

use std::time::Duration;

use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId, dcutr};
use tokio::time::Instant;

use super::Task;
use super::start::innermost;
use crate::network::address::is_circuit;

/// How long a move may take: a full queue of 32 MiB through a slow relay, and as long a silence as a frame may have.
pub(super) const MOVE_LIMIT: Duration = Duration::from_secs(60);
/// How long a relayed connection is kept after a move, for what is still in the air.
const LINGER: Duration = Duration::from_secs(2);

impl Task {
    /// Moves a session's writing to a direct connection, if it goes through a relay and there is one.
    pub(super) fn move_to_direct(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.get(&peer) else {
            return;
        };
        if session.draining.is_some()
            || session.writer.outgoing.is_none()
            || !session.is_relayed(session.writer.connection)
        {
            return;
        }
        // The newest: the one that was just made.
        let direct = session.connections.iter().rev().find(|path| !path.relayed);
        let Some(direct) = direct.map(|path| path.id) else {
            return;
        };
        let number = session.number;
        let writer = self.write_on(peer, number, direct);
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let mut before = std::mem::replace(&mut session.writer, writer);
        before.outgoing = None;
        session.draining = Some(before);
        session.move_until = Some(Instant::now() + MOVE_LIMIT);
        session.improve.found(None);
        session.improve.failure = None;
        tracing::debug!(%peer, "a session moves from a relay to a direct connection");
    }

    /// When both directions have moved, relayed connections have nothing to carry any more.
    pub(super) fn end_move(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let reads_direct = session
            .reader
            .as_ref()
            .is_some_and(|reader| !session.is_relayed(reader.connection));
        let moved = session.draining.is_none()
            && session.next.is_none()
            && !session.is_relayed(session.writer.connection)
            && reads_direct;
        if moved {
            session.move_until = None;
            session.improve.found(Some(Instant::now() + LINGER));
        }
        self.tell_paths(peer);
    }

    /// Looks after sessions whose time has come.
    pub(super) fn look_after_paths(&mut self) {
        let now = Instant::now();
        let late: Vec<PeerId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.move_until.is_some_and(|until| until <= now))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in late {
            self.break_session(peer, "the session could not be moved in time");
        }
        let due: Vec<PeerId> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.improve.is_due(now))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.improve(peer, now);
        }
        self.end_circuits(now);
    }

    fn improve(&mut self, peer: PeerId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        if !session.only_relayed() {
            session.improve.found(None);
            if session.is_relayed(session.writer.connection) || session.draining.is_some() {
                return;
            }
            let relayed = session.connections.iter().filter(|path| path.relayed);
            for connection in relayed.map(|path| path.id).collect::<Vec<_>>() {
                self.swarm.close_connection(connection);
            }
            return;
        }
        session.improve.tried(now);
        // Who was called does not know whether that relay keeps a place for the peer too.
        let mut circuits = session.connections.iter().filter(|path| path.dialled);
        if let Some(circuit) = circuits.next().map(|path| path.remote.clone())
            && let Some(connection) = self.try_way(peer, vec![circuit])
            && let Some(session) = self.sessions.get_mut(&peer)
        {
            session.improve.circuit(connection, now);
        }
        let mut addresses = self.redial.addresses(&peer);
        addresses.retain(|address| !is_circuit(address));
        if !addresses.is_empty() {
            self.try_way(peer, addresses);
        }
    }

    /// Dials a peer that is connected already.
    fn try_way(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) -> Option<ConnectionId> {
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(addresses)
            .build();
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => Some(connection),
            Err(error) => {
                tracing::debug!(%peer, %error, "a better way was not tried");
                None
            }
        }
    }

    /// Closes circuits whose punches have had their time, but for those that have come to carry a session.
    fn end_circuits(&mut self, now: Instant) {
        let mut over = Vec::new();
        for session in self.sessions.values_mut() {
            let connection = session.improve.over(now);
            over.extend(connection.filter(|connection| !session.uses(*connection)));
        }
        for connection in over {
            self.swarm.close_connection(connection);
        }
    }

    /// An address of this machine came or went: what failed may work now.
    pub(super) fn look_for_ways_anew(&mut self) {
        let now = Instant::now();
        for session in self.sessions.values_mut() {
            if session.only_relayed() {
                session.improve.changed(now);
            }
        }
    }

    /// A direct dial failed while a session goes through a relay: why there is no better way.
    pub(super) fn note_no_direct_way(&mut self, peer: PeerId, error: &DialError) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        if session.only_relayed()
            && let DialError::Transport(tried) = error
        {
            let words = format!("{} addresses were tried, none answered", tried.len());
            if session.improve.failure.is_none() {
                session.improve.failure = Some(words);
                self.tell_paths(peer);
            }
        }
    }

    /// Punching a hole succeeded or did not.
    pub(super) fn on_punched(&mut self, event: dcutr::Event) {
        let peer = event.remote_peer_id;
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        match event.result {
            Ok(_) => {
                session.improve.failure = None;
                session.improve.punched = true;
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "no hole was punched");
                session.improve.failure = Some(innermost(&error));
            }
        }
        self.tell_paths(peer);
    }
}
