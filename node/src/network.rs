//! The network: a libp2p swarm behind the core's own words.
//!
//! docs/protocol.md, "Sync and gossip". Input: [`Request`]s, which are the network's share of
//! [`Output`]. Output: [`Input`]s for the core. This is the real adapter of the link contract that the simulator
//! implements too: frames to a peer keep their order within a session or vanish, gossip comes at least
//! once in any order or vanishes, nothing comes from a peer that is not up.
//!
//! - QUIC, and TCP with Noise and Yamux beside it; a peer is its Ed25519 network key.
//! - **A session** with a peer lasts from its first connection to its last ([`Input::PeerUp`],
//!   [`Input::PeerDown`]). Each side opens one stream to the other and writes its frames there. If that
//!   stream breaks, or the peer opens another one (it was restarted, and the old connection is dead without
//!   knowing it), or reads so slowly that its queue is full, all connections with it are closed: what was lost is
//!   found by the catch-up of the next session, and no frame is ever missing in the middle of one.
//! - **Gossip** is anonymous gossipsub with BLAKE3(frame) as message id; nothing is forwarded before the core's
//!   verdict.
//! - Every connection is **pinged**, for its round trip and because a TCP peer may vanish without a word (module
//!   `pulse`).
//! - **Keeping** peers is module `redial`; peers found by mDNS are dialled the same way.
//!
//! - **Reaching** peers: dials go in steps (module `dials`), relays last; a session that began through a relay moves to
//!   a direct connection when one stands (`task::paths`). How this node is reachable itself is module `reach`, which
//!   relays it reserves a place with is module `relays`. A co-member whom no known address leads to is searched for
//!   among the others (module `seek`).
//!
//! Deliberately not here: DNS names, any address that nobody named.

mod address;
mod answers;
mod asks;
mod behaviour;
mod circuits;
mod dials;
mod faults;
mod frames;
mod gossip;
mod improve;
mod pulse;
mod reach;
mod redial;
mod relays;
mod router;
mod seek;
mod streams;
mod task;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloquy_core::{Fault, GossipId, Input, Output, Topic, Verdict};
use alloquy_ids::{CommunityId, NetworkKey};
use alloquy_relay::Pass;
use bytes::Bytes;
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use circuits::Circuits;
use task::{Settings, Task};

pub(crate) use address::{named_place, path_kind, relay_of};
pub use reach::{Family, Mapping, Reachability};
pub use relays::RelayState;
pub use tunnel::Dialer;

/// Requests under way to the swarm's task, which takes them at once: room for the outputs of one input.
const REQUESTS_MAX: usize = 256;
/// Inputs handed to the core's loop ahead: with frames of 8 MiB at most, few.
const INPUTS_MAX: usize = 16;
/// How long the start may take until every listener has said where it listens.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
/// How long the end may take: sending what waits, closing connections.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(3);

/// How to take part.
#[derive(Debug)]
pub struct NetworkConfig {
    /// Seed of the network key.
    pub seed: Zeroizing<[u8; 32]>,
    /// Where to listen; empty: QUIC and TCP on free ports of all interfaces.
    pub listen: Vec<Multiaddr>,
    /// The port to prefer where `listen` is empty; 0: any.
    pub port: u16,
    /// Whom to dial from the start, with or without `/p2p/..`.
    pub peers: Vec<Multiaddr>,
    /// Whether to look for peers of the local network.
    pub mdns: bool,
    /// Whether to ask the router to let connections in.
    pub router: AskRouter,
    /// Relays to use, each with `/p2p/..`.
    pub relays: Vec<Multiaddr>,
    /// Shown to a relay that refuses.
    pub pass: Option<Pass>,
    /// Own addresses outside, where the person knows them.
    pub announce: Vec<Multiaddr>,
    /// Makes all connections, in place of this machine's network; then nothing is listened on.
    pub dialer: Option<Arc<dyn Dialer>>,
}

impl NetworkConfig {
    /// Listens on free ports; looks for nobody.
    #[must_use]
    pub fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        Self {
            seed,
            listen: Vec::new(),
            port: 0,
            peers: Vec::new(),
            mdns: false,
            router: AskRouter::Never,
            relays: Vec::new(),
            pass: None,
            announce: Vec::new(),
            dialer: None,
        }
    }
}

/// Whether the router is asked to let connections in (UPnP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskRouter {
    /// Neither now nor later.
    Never,
    /// From the start, or not: [`Request::AskRouter`] changes it.
    Asked(bool),
}

/// The network can not be joined.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can not be listened on.
    #[error("can not listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        reason: String,
    },
    /// The swarm can not be made.
    #[error("the network can not be started: {0}")]
    Swarm(String),
}

/// Co-members, and the communities that each of them is in with us.
pub type CoMembers = BTreeMap<NetworkKey, BTreeSet<CommunityId>>;

/// What the network is to do: its share of the core's outputs.
#[derive(Clone, Debug)]
pub enum Request {
    /// See [`Output::Send`].
    Send(NetworkKey, Bytes),
    /// See [`Output::Publish`].
    Publish(Topic, Bytes),
    /// See [`Output::Subscribe`].
    Subscribe(Topic),
    /// See [`Output::Unsubscribe`].
    Unsubscribe(Topic),
    /// See [`Output::Verdict`].
    Verdict(GossipId, Verdict),
    /// See [`Output::Keep`].
    Keep(NetworkKey, Vec<String>),
    /// See [`Output::Release`].
    Release(NetworkKey),
    /// Which connected peers are co-members.
    CoMembers(CoMembers),
    /// See [`Output::Penalize`].
    Penalize(NetworkKey, Fault),
    /// Whether the router is asked from now on.
    AskRouter(bool),
    /// Send what waits, close everything, end.
    Shutdown,
}

impl TryFrom<Output> for Request {
    /// What is not the network's.
    type Error = Output;

    fn try_from(output: Output) -> Result<Self, Output> {
        match output {
            Output::Send(peer, frame) => Ok(Self::Send(peer, frame)),
            Output::Publish(topic, frame) => Ok(Self::Publish(topic, frame)),
            Output::Subscribe(topic) => Ok(Self::Subscribe(topic)),
            Output::Unsubscribe(topic) => Ok(Self::Unsubscribe(topic)),
            Output::Verdict(id, verdict) => Ok(Self::Verdict(id, verdict)),
            Output::Keep(peer, addresses) => Ok(Self::Keep(peer, addresses)),
            Output::Release(peer) => Ok(Self::Release(peer)),
            Output::Penalize(peer, fault) => Ok(Self::Penalize(peer, fault)),
            other @ (Output::Event(..) | Output::Store(..) | Output::Media(_)) => Err(other),
        }
    }
}

/// What is known of the network now, for `status` and `doctor`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkState {
    /// Own addresses with `/p2p`.
    pub listen: Vec<String>,
    /// Remote address of each connection of each peer that is up.
    pub peers: BTreeMap<NetworkKey, Vec<String>>,
    /// Round trip to each peer that is up, in milliseconds, once it was measured.
    pub round_trips: BTreeMap<NetworkKey, u32>,
    /// How the way to each peer that is up came to be.
    pub ways: BTreeMap<NetworkKey, PeerWay>,
    /// How this node is reachable.
    pub reach: ReachState,
    /// Whether mDNS is in use.
    pub mdns: bool,
    /// What went on since the start.
    pub counters: Counters,
}

/// How this node is reachable from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReachState {
    /// Over IPv4.
    pub v4: Family,
    /// Over IPv6.
    pub v6: Family,
    /// What the router says.
    pub mapping: Mapping,
    /// Relays that are used or were named.
    pub relays: Vec<RelayState>,
}

/// How the way to a peer came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerWay {
    /// By a hole that both sides punched.
    pub punched: bool,
    /// Why there is no better one, as far as is known.
    pub failure: Option<String>,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames handed to writers.
    pub frames_out: u64,
    /// Frames read.
    pub frames_in: u64,
    /// Bytes of frames and gossip handed to writers, as the core made them.
    pub bytes_out: u64,
    /// Bytes of frames and gossip given to the core.
    pub bytes_in: u64,
    /// Gossip frames published.
    pub gossip_out: u64,
    /// Gossip frames given to the core.
    pub gossip_in: u64,
    /// Sessions that were ended because a stream broke or a queue was full.
    pub sessions_broken: u64,
    /// Faults of peers.
    pub faults: u64,
    /// Places with relays that were refused or lost.
    pub reservations_lost: u64,
}

/// A running swarm.
pub struct Network {
    key: NetworkKey,
    requests: mpsc::Sender<Request>,
    inputs: mpsc::Receiver<Input>,
    state: watch::Receiver<NetworkState>,
    control: libp2p_stream::Control,
    task: JoinHandle<()>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// Starts listening; returns when every listener has said where.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: NetworkConfig) -> Result<Self, StartError> {
        let keypair = Keypair::ed25519_from_bytes(*config.seed)
            .map_err(|error| StartError::Swarm(error.to_string()))?;
        let peer = keypair.public().to_peer_id();
        let key = address::key_of(&peer)
            .ok_or_else(|| StartError::Swarm("the network key is no Ed25519 key".to_owned()))?;
        let door = task::closed_door();
        let parts = task::parts(config.mdns, &door);
        let tunnelled = config.dialer.is_some();
        let swarm = behaviour::swarm(keypair, &parts, config.dialer);
        let mut swarm = swarm.map_err(StartError::Swarm)?;
        let listeners = match tunnelled {
            true => task::listen_nowhere(),
            false => task::listen(&mut swarm, &config.listen, config.port)?,
        };
        let control = swarm.behaviour().for_relays.new_control();
        let (requests, requests_rx) = mpsc::channel(REQUESTS_MAX);
        let (inputs_tx, inputs) = mpsc::channel(INPUTS_MAX);
        let (state_tx, state) = watch::channel(NetworkState::default());
        let (ready_tx, ready) = oneshot::channel();
        let settings = Settings {
            door,
            circuits: Circuits::new(parts.limits, parts.quota),
            pass: config.pass,
            relays: config.relays,
            announce: config.announce,
            router: config.router,
        };
        let task = Task::new(swarm, (requests_rx, inputs_tx), state_tx, settings)
            .map_err(StartError::Swarm)?;
        let task = tokio::spawn(task.run(config.peers, listeners, ready_tx));
        let network = Self {
            key,
            requests,
            inputs,
            state,
            control,
            task,
        };
        match tokio::time::timeout(LISTEN_LIMIT, ready).await {
            Ok(Ok(Ok(()))) => Ok(network),
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_ended)) => Err(StartError::Swarm(
                "the swarm ended while it started".to_owned(),
            )),
            Err(_elapsed) => Err(StartError::Swarm("no listener came up in time".to_owned())),
        }
    }

    /// The own network key.
    #[must_use]
    pub fn key(&self) -> NetworkKey {
        self.key
    }

    /// Opens streams to relays.
    pub(crate) fn control(&self) -> libp2p_stream::Control {
        self.control.clone()
    }

    /// Carries a request out. Waits only for the swarm's task to take it, never for a peer.
    pub async fn carry_out(&self, request: Request) {
        if self.requests.send(request).await.is_err() {
            tracing::debug!("a request came after the network's end");
        }
    }

    /// The next input for the core; `None` when the network has ended. May be dropped without loss.
    pub async fn input(&mut self) -> Option<Input> {
        self.inputs.recv().await
    }

    /// What is known now.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<NetworkState> {
        self.state.clone()
    }

    /// Sends what waits, at most for a second, and closes all connections.
    pub async fn shutdown(mut self) {
        self.carry_out(Request::Shutdown).await;
        // What still comes in has no reader any more, and must not hold the task up.
        self.inputs.close();
        if tokio::time::timeout(SHUTDOWN_LIMIT, &mut self.task)
            .await
            .is_err()
        {
            self.task.abort();
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
