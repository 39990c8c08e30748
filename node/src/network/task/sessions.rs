//! Sessions with peers: from the first connection to the last, one stream in each direction. How a session moves
//! from a relay to a direct connection is in `paths`.

use std::io;
use std::time::Duration;

use alloquy_core::{Fault, Input};
use alloquy_ids::NetworkKey;
use bytes::Bytes;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, Stream, ping};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;

use super::Task;
use crate::network::frames::{self, Outgoing, ReadError};
use crate::network::improve::Improve;
use crate::network::pulse::{Beat, Pulse};
use crate::network::relays::Held;
use crate::network::streams::Incoming;
use crate::network::{PeerWay, address};

/// One connection of a session.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) id: ConnectionId,
    /// The remote address; of a connection that came through a relay, the relay's.
    pub(super) remote: Multiaddr,
    pub(super) relayed: bool,
    /// We have called, so that it leads to a place which a relay keeps for the peer.
    pub(super) dialled: bool,
    pulse: Pulse,
}

/// The queue to a peer and the task that empties it.
#[derive(Debug)]
pub(super) struct Writing {
    /// Tells it from the session's other writers.
    pub(super) number: u64,
    pub(super) connection: ConnectionId,
    /// Gone while the last frames are written.
    pub(super) outgoing: Option<Outgoing>,
    pub(super) task: AbortHandle,
}

/// The stream of a peer and the task that reads it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) connection: ConnectionId,
    pub(super) task: AbortHandle,
    /// Whether it was read to its end.
    pub(super) ended: bool,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    /// Tells it from earlier ones with the same peer.
    pub(super) number: u64,
    pub(super) key: NetworkKey,
    /// Oldest first.
    pub(super) connections: Vec<Path>,
    /// It is on the local network, as the core was told.
    pub(super) near: bool,
    pub(super) writer: Writing,
    /// The writer before, on a relayed connection, until its last frame is out.
    pub(super) draining: Option<Writing>,
    pub(super) reader: Option<Reading>,
    /// A stream that is read after the present one has ended.
    pub(super) next: Option<(ConnectionId, Stream)>,
    /// When a move to another connection must be over.
    pub(super) move_until: Option<Instant>,
    /// When a better way is looked for again, and what is known of it.
    pub(super) improve: Improve,
}

impl Session {
    /// Lets the writer send what waits and then end. The reader stays: were it to end first, the peer would take
    /// the session for broken and close it before the last frames are through.
    pub(super) fn end_writing(&mut self) {
        self.writer.outgoing = None;
    }

    pub(super) fn is_relayed(&self, connection: ConnectionId) -> bool {
        self.path(connection).is_some_and(|path| path.relayed)
    }

    pub(super) fn path(&self, connection: ConnectionId) -> Option<&Path> {
        self.connections.iter().find(|path| path.id == connection)
    }

    /// Whether frames go over a connection, or will.
    pub(super) fn uses(&self, connection: ConnectionId) -> bool {
        let writers = [Some(&self.writer), self.draining.as_ref()];
        let mut writers = writers.into_iter().flatten();
        writers.any(|writer| writer.connection == connection)
            || self
                .reader
                .as_ref()
                .is_some_and(|one| one.connection == connection)
            || self
                .next
                .as_ref()
                .is_some_and(|(next, _)| *next == connection)
    }

    /// Whether all ways lead through relays.
    pub(super) fn only_relayed(&self) -> bool {
        self.connections.iter().all(|path| path.relayed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.writer.task.abort();
        for task in self.draining.iter().map(|writing| &writing.task) {
            task.abort();
        }
        if let Some(reader) = &self.reader {
            reader.task.abort();
        }
    }
}

/// A frame read from a peer.
#[derive(Debug)]
pub(super) struct FromPeer {
    peer: PeerId,
    session: u64,
    frame: Bytes,
}

/// A task that ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Of a session's peer, its number and the writer's own.
    Writer(PeerId, u64, u64, io::Result<()>),
    /// Of a session's peer and its number.
    Reader(PeerId, u64, Result<(), ReadError>),
}

async fn read_all(
    peer: PeerId,
    session: u64,
    mut stream: Stream,
    to_loop: mpsc::Sender<FromPeer>,
) -> Ended {
    loop {
        let frame = match frames::read_frame(&mut stream).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ended::Reader(peer, session, Ok(())),
            Err(error) => return Ended::Reader(peer, session, Err(error)),
        };
        if to_loop
            .send(FromPeer {
                peer,
                session,
                frame,
            })
            .await
            .is_err()
        {
            return Ended::Reader(peer, session, Ok(()));
        }
    }
}

impl Task {
    pub(super) fn on_established(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        endpoint: &ConnectedPoint,
    ) {
        self.dials.done(connection);
        if address::key_of(&peer).is_none() || self.faults.is_blocked(&peer, Instant::now()) {
            self.disconnect(peer);
            return;
        }
        let relayed = endpoint.is_relayed();
        let remote = match endpoint {
            // Of who called through a relay only the name is known; the way is the relay's.
            ConnectedPoint::Listener { local_addr, .. } if relayed => local_addr.clone(),
            _ => address::split_peer(endpoint.get_remote_address().clone()).0,
        };
        let dialled = endpoint.is_dialer().then_some(&remote);
        self.redial.connected(peer, dialled, Instant::now());
        if self.redial.is_wanted_by_name(&peer) {
            self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
        }
        let path = Path {
            id: connection,
            remote,
            relayed,
            dialled: endpoint.is_dialer(),
            pulse: Pulse::new(Instant::now()),
        };
        let held = || Held {
            id: connection,
            remote: path.remote.clone(),
            relayed,
            dialled: path.dialled,
        };
        // Of a hole that both sides punch at once, one may see only a call that came through it, and DCUtR says nothing.
        let from = address::ip_of(&path.remote).filter(|ip| address::is_global(*ip));
        let through_hole = !relayed
            && !path.dialled
            && from.is_some_and(|ip| !self.reach.is_open_to(ip, &self.listen));
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.improve.punched |= through_hole && session.only_relayed();
            session.connections.push(path);
            self.move_to_direct(peer);
        } else if self.relays.holds_back(&peer, held) {
            // A relay need not be one of us: it says so itself (`on_identified`).
        } else {
            self.begin_session(peer, path);
        }
        self.tell_paths(peer);
    }

    /// A peer that may speak our protocol is connected for the first time.
    pub(super) fn begin_session(&mut self, peer: PeerId, path: Path) {
        let Some(key) = address::key_of(&peer) else {
            return;
        };
        self.session_last += 1;
        let number = self.session_last;
        let writer = self.write_on(peer, number, path.id);
        let mut improve = Improve::default();
        if path.relayed {
            improve.begin(Instant::now());
        }
        let session = Session {
            number,
            key,
            connections: vec![path],
            near: false,
            writer,
            draining: None,
            reader: None,
            next: None,
            move_until: None,
            improve,
        };
        self.sessions.insert(peer, session);
        self.outbox.push_back(Input::PeerUp(key));
        tracing::info!(%peer, "a peer is up");
    }

    /// A peer turned out to be one of us: a session begins, if it was held back as a relay.
    pub(super) fn begin_held_session(&mut self, peer: PeerId) {
        let held = self.relays.is_member(&peer);
        let blocked = self.faults.is_blocked(&peer, Instant::now());
        if blocked || self.sessions.contains_key(&peer) {
            return;
        }
        let mut paths = held.into_iter().map(|held| Path {
            id: held.id,
            remote: held.remote,
            relayed: held.relayed,
            dialled: held.dialled,
            pulse: Pulse::new(Instant::now()),
        });
        let Some(first) = paths.next() else { return };
        self.begin_session(peer, first);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.connections.extend(paths);
        }
        self.move_to_direct(peer);
        self.tell_paths(peer);
    }

    /// Begins a queue to a peer on one of its connections.
    pub(super) fn write_on(
        &mut self,
        peer: PeerId,
        session: u64,
        connection: ConnectionId,
    ) -> Writing {
        self.session_last += 1;
        let number = self.session_last;
        let (outgoing, waiting) = frames::queue();
        let opening = self.swarm.behaviour_mut().streams.open(peer, connection);
        let task = self.tasks.spawn(async move {
            let result = frames::write_to(opening, waiting).await;
            Ended::Writer(peer, session, number, result)
        });
        Writing {
            number,
            connection,
            outgoing: Some(outgoing),
            task,
        }
    }

    pub(super) fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        self.relays.closed(&peer, connection);
        if !self.swarm.is_connected(&peer) {
            self.said.remove(&peer);
        }
        let Some(session) = self.sessions.get_mut(&peer) else {
            if self.swarm.is_connected(&peer) {
                return;
            }
            self.redial
                .disconnected(peer, Instant::now(), &mut self.rng);
            return;
        };
        session.connections.retain(|path| path.id != connection);
        if session.connections.is_empty() {
            self.end_session(peer);
            self.redial
                .disconnected(peer, Instant::now(), &mut self.rng);
        }
        self.tell_paths(peer);
    }

    /// Forgets a session. What was read before its end comes before it.
    fn end_session(&mut self, peer: PeerId) {
        while let Ok(frame) = self.from_peers.try_recv() {
            self.on_frame(frame);
        }
        if let Some(session) = self.sessions.remove(&peer) {
            self.outbox.push_back(Input::PeerDown(session.key));
            tracing::info!(%peer, "a peer is down");
        }
    }

    /// A ping was answered or not.
    pub(super) fn on_ping(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        result: &Result<Duration, ping::Failure>,
    ) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let paths = &mut session.connections;
        let Some(path) = paths.iter_mut().find(|path| path.id == connection) else {
            return;
        };
        match path.pulse.beat(result, Instant::now()) {
            Beat::Alive => self.tell_paths(peer),
            Beat::Missed => {}
            Beat::Dead => {
                tracing::debug!(%peer, "a connection answers no ping and is closed");
                self.swarm.close_connection(connection);
            }
        }
    }

    /// Tells the ways to a peer, the one that frames take first.
    pub(super) fn tell_paths(&mut self, peer: PeerId) {
        self.tell_near(peer);
        let Some(key) = address::key_of(&peer) else {
            return;
        };
        let told = self.sessions.get(&peer).map(|session| {
            let (used, others): (Vec<&Path>, Vec<&Path>) = session
                .connections
                .iter()
                .partition(|path| path.id == session.writer.connection);
            let trip = used.first().and_then(|path| path.pulse.round_trip_ms());
            let all = used.iter().chain(&others);
            let texts: Vec<String> = all.map(|path| path.remote.to_string()).collect();
            let way = PeerWay {
                punched: session.improve.punched && used.iter().all(|path| !path.relayed),
                failure: session.improve.failure.clone(),
            };
            (texts, trip, way)
        });
        self.state.send_if_modified(|state| {
            let before = (
                state.peers.get(&key).cloned(),
                state.round_trips.get(&key).copied(),
                state.ways.get(&key).cloned(),
            );
            let Some((texts, trip, way)) = told else {
                state.peers.remove(&key);
                state.round_trips.remove(&key);
                state.ways.remove(&key);
                return before != (None, None, None);
            };
            state.peers.insert(key, texts.clone());
            match trip {
                Some(trip) => drop(state.round_trips.insert(key, trip)),
                None => drop(state.round_trips.remove(&key)),
            }
            state.ways.insert(key, way.clone());
            before != (Some(texts), trip, Some(way))
        });
    }

    /// Tells the core whether a peer is on the local network: by the address of a connection, or because mDNS, which
    /// no router passes on, has found it there.
    fn tell_near(&mut self, peer: PeerId) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let found = self.redial.found(&peer);
        let mut direct = session.connections.iter().filter(|path| !path.relayed);
        let near = direct.any(|path| address::is_near(&path.remote, found));
        if session.near != near {
            session.near = near;
            self.outbox.push_back(Input::PeerNear(session.key, near));
        }
    }

    /// Ends the session with a peer and closes all connections with it. The session does not wait for them: one that is
    /// established before the last is closed would join it, and its streams are gone for ever.
    pub(super) fn disconnect(&mut self, peer: PeerId) {
        self.end_session(peer);
        self.tell_paths(peer);
        if self.swarm.disconnect_peer_id(peer).is_err() {
            tracing::trace!(%peer, "a peer was gone already");
        }
    }

    pub(super) fn break_session(&mut self, peer: PeerId, why: &str) {
        tracing::debug!(%peer, why, "a session is ended");
        self.state
            .send_modify(|state| state.counters.sessions_broken += 1);
        self.disconnect(peer);
    }

    pub(super) fn send(&mut self, peer: PeerId, frame: Bytes) {
        let Some(outgoing) = self
            .sessions
            .get(&peer)
            .and_then(|session| session.writer.outgoing.as_ref())
        else {
            return;
        };
        let bytes = frame.len() as u64;
        if outgoing.push(frame).is_err() {
            self.break_session(peer, "the peer reads too slowly");
            return;
        }
        self.state.send_if_modified(|state| {
            state.counters.frames_out += 1;
            state.counters.bytes_out += bytes;
            false
        });
    }

    pub(super) fn on_stream(&mut self, incoming: Incoming) {
        let Incoming {
            peer,
            connection,
            stream,
        } = incoming;
        if !self.sessions.contains_key(&peer) {
            // Its first words may come before it has said what it speaks.
            self.begin_held_session(peer);
        }
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        match &session.reader {
            None => self.read_from(peer, connection, stream),
            Some(reader)
                if session.next.is_none()
                    && session.is_relayed(reader.connection)
                    && !session.is_relayed(connection) =>
            {
                // The peer moves: what it wrote through the relay comes first.
                if reader.ended {
                    self.read_from(peer, connection, stream);
                    self.end_move(peer);
                } else {
                    session.next = Some((connection, stream));
                    session.move_until = Some(Instant::now() + super::paths::MOVE_LIMIT);
                }
            }
            Some(_) => self.break_session(peer, "the peer began anew"),
        }
    }

    /// Reads a peer's stream from now on.
    pub(super) fn read_from(&mut self, peer: PeerId, connection: ConnectionId, stream: Stream) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let reading = read_all(peer, session.number, stream, self.to_loop.clone());
        session.reader = Some(Reading {
            connection,
            task: self.tasks.spawn(reading),
            ended: false,
        });
    }

    pub(super) fn on_frame(&mut self, from: FromPeer) {
        let Some(session) = self
            .sessions
            .get(&from.peer)
            .filter(|session| session.number == from.session)
        else {
            return;
        };
        let bytes = from.frame.len() as u64;
        self.outbox.push_back(Input::Frame(session.key, from.frame));
        self.state.send_if_modified(|state| {
            state.counters.frames_in += 1;
            state.counters.bytes_in += bytes;
            false
        });
    }

    pub(super) fn on_ended(&mut self, ended: Result<Ended, JoinError>) {
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a stream's task failed");
                }
                return;
            }
        };
        let (peer, number) = match &ended {
            Ended::Writer(peer, number, ..) | Ended::Reader(peer, number, _) => (*peer, *number),
        };
        if self
            .sessions
            .get(&peer)
            .is_none_or(|session| session.number != number)
        {
            return;
        }
        match ended {
            Ended::Writer(_, _, writer, result) => self.on_writer_ended(peer, writer, &result),
            Ended::Reader(_, _, result) => self.on_reader_ended(peer, result),
        }
    }

    fn on_writer_ended(&mut self, peer: PeerId, writer: u64, result: &io::Result<()>) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let drained = session.draining.as_ref().map(|writing| writing.number) == Some(writer);
        if drained {
            session.draining = None;
            match result {
                Ok(()) => self.end_move(peer),
                Err(_) => self.break_session(peer, "frames were lost while the session moved"),
            }
        } else if session.writer.number == writer && session.writer.outgoing.is_some() {
            tracing::debug!(%peer, ?result, "the stream to a peer ended");
            self.break_session(peer, "the stream to the peer broke");
        }
    }

    fn on_reader_ended(&mut self, peer: PeerId, result: Result<(), ReadError>) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        let mut through_relay = false;
        if let Some(reader) = &mut session.reader {
            reader.ended = true;
            let connection = reader.connection;
            through_relay = session.is_relayed(connection);
        }
        match result {
            Err(error @ ReadError::TooLong(_)) => {
                let reason = error.to_string();
                self.penalize(peer, &Fault { reason });
                self.break_session(peer, "the peer's stream can not be read on");
            }
            Ok(()) => {
                if let Some((connection, stream)) = session.next.take() {
                    self.read_from(peer, connection, stream);
                    self.end_move(peer);
                }
            }
            // Through a relay, what was still under way is lost; a stream that came after it would tear a hole.
            Err(_) if session.next.is_some() || through_relay => {
                self.break_session(peer, "frames were lost while the peer moved");
            }
            // The peer's writer begins a new session if it has something to say.
            Err(_) => {}
        }
    }

    /// Writers that have not ended.
    pub(super) fn writers(&self) -> usize {
        let writers = |session: &Session| {
            let all = std::iter::once(&session.writer).chain(&session.draining);
            all.filter(|writing| !writing.task.is_finished()).count()
        };
        self.sessions.values().map(writers).sum()
    }
}

#[cfg(test)]
mod tests {
    use libp2p::core::Endpoint;
    use libp2p::core::transport::PortUse;
    use libp2p::identity::Keypair;
    use tokio::sync::watch;

    use super::*;
    use crate::network::circuits::Circuits;
    use crate::network::task::{Settings, closed_door, parts};
    use crate::network::{AskRouter, NetworkState, behaviour};

    /// A task that nobody runs: what happens is told to it by hand.
    fn task() -> Task {
        let door = closed_door();
        let parts = parts(false, &door);
        let keypair = Keypair::ed25519_from_bytes([1; 32]).unwrap();
        let swarm = behaviour::swarm(keypair, &parts, None).unwrap();
        let settings = Settings {
            door,
            circuits: Circuits::new(parts.limits, parts.quota),
            pass: None,
            relays: Vec::new(),
            announce: Vec::new(),
            router: AskRouter::Never,
        };
        let (_, requests) = mpsc::channel(1);
        let (inputs, _) = mpsc::channel(1);
        let (state, _) = watch::channel(NetworkState::default());
        Task::new(swarm, (requests, inputs), state, settings).unwrap()
    }

    fn called() -> ConnectedPoint {
        ConnectedPoint::Dialer {
            address: "/ip4/127.0.0.1/tcp/1".parse().unwrap(),
            role_override: Endpoint::Dialer,
            port_use: PortUse::Reuse,
        }
    }

    #[tokio::test]
    async fn a_connection_that_comes_while_a_broken_session_closes_begins_another_one() {
        let mut task = task();
        let peer = Keypair::ed25519_from_bytes([2; 32])
            .unwrap()
            .public()
            .to_peer_id();
        let key = address::key_of(&peer).unwrap();
        let [first, second] = [1, 2].map(ConnectionId::new_unchecked);
        task.on_established(peer, first, &called());
        task.break_session(peer, "a test");
        task.on_established(peer, second, &called());
        task.on_closed(peer, first);

        let told: Vec<_> = task
            .outbox
            .iter()
            .filter_map(|input| match input {
                Input::PeerUp(who) => Some((*who, true)),
                Input::PeerDown(who) => Some((*who, false)),
                _ => None,
            })
            .collect();
        assert_eq!(told, [(key, true), (key, false), (key, true)]);
        let session = task.sessions.get(&peer).unwrap();
        assert_eq!(session.writer.connection, second);
        assert!(session.path(first).is_none());
    }

    #[tokio::test]
    async fn a_call_that_comes_straight_to_who_can_not_be_called_came_through_a_hole() {
        let keypair = Keypair::ed25519_from_bytes([2; 32]).unwrap();
        let peer = keypair.public().to_peer_id();
        let key = address::key_of(&peer).unwrap();
        let came = |local: &str, from: &str| ConnectedPoint::Listener {
            local_addr: local.parse().unwrap(),
            send_back_addr: from.parse().unwrap(),
        };
        let relay = format!("/ip4/45.83.1.2/tcp/1/p2p/{peer}/p2p-circuit");
        let inside = "/ip4/192.168.7.2/udp/1/quic-v1";
        let outside = "/ip4/45.83.2.2/udp/1/quic-v1";
        for (reachable, from, punched) in [
            (false, outside, true),
            (false, "/ip4/192.168.7.9/udp/1/quic-v1", false),
            (true, outside, false),
        ] {
            let mut task = task();
            if reachable {
                task.reach.name("/ip4/45.83.3.2/tcp/1".parse().unwrap());
            }
            let [first, second] = [1, 2].map(ConnectionId::new_unchecked);
            task.on_established(peer, first, &came(&relay, &format!("/p2p/{peer}")));
            task.on_established(peer, second, &came(inside, from));
            task.on_closed(peer, first);
            let state = task.state.borrow();
            assert_eq!(state.ways[&key].punched, punched, "{reachable} {from}");
        }
    }
}
