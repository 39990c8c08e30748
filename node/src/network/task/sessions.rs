//! Sessions with peers: from the first connection to the last, one stream in each direction.

use std::io;
use std::time::Duration;

use alloquy_core::{Fault, Input};
use alloquy_ids::NetworkKey;
use bytes::Bytes;
use futures::StreamExt;
use libp2p::core::ConnectedPoint;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, Stream, ping};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;

use super::Task;
use crate::network::address;
use crate::network::frames::{self, Outgoing, ReadError};
use crate::network::pulse::{Beat, Pulse};

/// One connection of a session.
#[derive(Debug)]
struct Path {
    id: ConnectionId,
    remote: Multiaddr,
    pulse: Pulse,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    /// Tells it from earlier ones with the same peer.
    number: u64,
    pub(super) key: NetworkKey,
    /// Oldest first.
    connections: Vec<Path>,
    /// Gone only while the task ends.
    outgoing: Option<Outgoing>,
    writer: AbortHandle,
    reader: Option<AbortHandle>,
}

impl Session {
    /// Lets the writer send what waits and then end. The reader stays: were it to end first, the peer would take
    /// the session for broken and close it before the last frames are through.
    pub(super) fn end_writing(&mut self) {
        self.outgoing = None;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.writer.abort();
        if let Some(reader) = &self.reader {
            reader.abort();
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
    Writer(PeerId, u64, io::Result<()>),
    Reader(PeerId, u64, Result<(), ReadError>),
    Accept,
}

/// Takes incoming streams as they come, because the behaviour holds only one and drops the next.
pub(super) async fn accept(
    mut incoming: libp2p_stream::IncomingStreams,
    streams: mpsc::Sender<(PeerId, Stream)>,
) -> Ended {
    while let Some((peer, stream)) = incoming.next().await {
        if let Err(mpsc::error::TrySendError::Full(_)) = streams.try_send((peer, stream)) {
            tracing::debug!(%peer, "too many streams at once; one was dropped");
        }
    }
    Ended::Accept
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
        self.dials.remove(&connection);
        let Some(key) =
            address::key_of(&peer).filter(|_| !self.faults.is_blocked(&peer, Instant::now()))
        else {
            self.disconnect(peer);
            return;
        };
        let (remote, _) = address::split_peer(endpoint.get_remote_address().clone());
        let dialled = endpoint.is_dialer().then_some(&remote);
        self.redial.connected(peer, dialled, Instant::now());
        if self.redial.is_wanted_by_name(&peer) {
            self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
        }
        let path = Path {
            id: connection,
            remote,
            pulse: Pulse::new(Instant::now()),
        };
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.connections.push(path);
        } else {
            self.session_last += 1;
            let number = self.session_last;
            let (outgoing, waiting) = frames::queue();
            let control = self.control.clone();
            let writer = self.tasks.spawn(async move {
                Ended::Writer(peer, number, frames::write_to(control, peer, waiting).await)
            });
            let connections = vec![path];
            let session = Session {
                number,
                key,
                connections,
                outgoing: Some(outgoing),
                writer,
                reader: None,
            };
            self.sessions.insert(peer, session);
            self.outbox.push_back(Input::PeerUp(key));
            tracing::info!(%peer, "a peer is up");
        }
        self.tell_paths(peer, key);
    }

    pub(super) fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        session.connections.retain(|path| path.id != connection);
        let key = session.key;
        if session.connections.is_empty() {
            self.sessions.remove(&peer);
            self.outbox.push_back(Input::PeerDown(key));
            self.redial
                .disconnected(peer, Instant::now(), &mut self.rng);
            tracing::info!(%peer, "a peer is down");
        }
        self.tell_paths(peer, key);
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
        let key = session.key;
        let paths = &mut session.connections;
        let Some(path) = paths.iter_mut().find(|path| path.id == connection) else {
            return;
        };
        match path.pulse.beat(result, Instant::now()) {
            Beat::Alive => self.tell_paths(peer, key),
            Beat::Missed => {}
            Beat::Dead => {
                tracing::debug!(%peer, "a connection answers no ping and is closed");
                self.swarm.close_connection(connection);
            }
        }
    }

    /// Tells the ways to a peer. Frames take the oldest connection, so its round trip is the peer's.
    fn tell_paths(&self, peer: PeerId, key: NetworkKey) {
        let paths: Option<(Vec<String>, Option<u32>)> = self.sessions.get(&peer).map(|session| {
            let connections = &session.connections;
            let texts = connections.iter().map(|path| path.remote.to_string());
            let round_trip = connections
                .first()
                .and_then(|path| path.pulse.round_trip_ms());
            (texts.collect(), round_trip)
        });
        self.state.send_if_modified(|state| {
            let before = (
                state.peers.get(&key).cloned(),
                state.round_trips.get(&key).copied(),
            );
            match &paths {
                Some((paths, _)) => drop(state.peers.insert(key, paths.clone())),
                None => drop(state.peers.remove(&key)),
            }
            let (texts, round_trip) =
                paths.map_or((None, None), |(texts, trip)| (Some(texts), trip));
            match round_trip {
                Some(round_trip) => drop(state.round_trips.insert(key, round_trip)),
                None => drop(state.round_trips.remove(&key)),
            }
            before != (texts, round_trip)
        });
    }

    /// Closes all connections with a peer; the session ends when the last one is closed.
    pub(super) fn disconnect(&mut self, peer: PeerId) {
        if self.swarm.disconnect_peer_id(peer).is_err() {
            tracing::trace!(%peer, "a peer was gone already");
        }
    }

    fn break_session(&mut self, peer: PeerId, why: &str) {
        tracing::debug!(%peer, why, "a session is ended");
        self.state
            .send_modify(|state| state.counters.sessions_broken += 1);
        self.disconnect(peer);
    }

    pub(super) fn send(&mut self, peer: PeerId, frame: Bytes) {
        let Some(outgoing) = self
            .sessions
            .get(&peer)
            .and_then(|session| session.outgoing.as_ref())
        else {
            return;
        };
        if outgoing.push(frame).is_err() {
            self.break_session(peer, "the peer reads too slowly");
            return;
        }
        self.state.send_if_modified(|state| {
            state.counters.frames_out += 1;
            false
        });
    }

    pub(super) fn on_stream(&mut self, peer: PeerId, stream: Stream) {
        let Some(session) = self.sessions.get_mut(&peer) else {
            return;
        };
        if session.reader.is_some() {
            self.break_session(peer, "the peer began anew");
            return;
        }
        let reading = read_all(peer, session.number, stream, self.to_loop.clone());
        session.reader = Some(self.tasks.spawn(reading));
    }

    pub(super) fn on_frame(&mut self, from: FromPeer) {
        let Some(session) = self
            .sessions
            .get(&from.peer)
            .filter(|session| session.number == from.session)
        else {
            return;
        };
        self.outbox.push_back(Input::Frame(session.key, from.frame));
        self.state.send_if_modified(|state| {
            state.counters.frames_in += 1;
            false
        });
    }

    pub(super) fn on_ended(&mut self, ended: Result<Ended, JoinError>) {
        let (peer, number) = match &ended {
            Ok(Ended::Writer(peer, number, _) | Ended::Reader(peer, number, _)) => (*peer, *number),
            Ok(Ended::Accept) => return,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a stream's task failed");
                }
                return;
            }
        };
        let Some(session) = self
            .sessions
            .get(&peer)
            .filter(|session| session.number == number)
        else {
            return;
        };
        match ended {
            Ok(Ended::Writer(_, _, result)) if session.outgoing.is_some() => {
                tracing::debug!(%peer, ?result, "the stream to a peer ended");
                self.break_session(peer, "the stream to the peer broke");
            }
            Ok(Ended::Reader(_, _, Err(error @ ReadError::TooLong(_)))) => {
                self.penalize(
                    peer,
                    &Fault {
                        reason: error.to_string(),
                    },
                );
                self.break_session(peer, "the peer's stream can not be read on");
            }
            // The peer's writer begins a new session if it has something to say.
            _ => {}
        }
    }

    /// Writers that have not ended.
    pub(super) fn writers(&self) -> usize {
        self.sessions
            .values()
            .filter(|session| !session.writer.is_finished())
            .count()
    }
}
