//! A relay that runs: its swarm and the task that serves it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, ListenerId};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, Swarm, Transport, autonat, identify, noise, ping, quic, relay, swarm, tcp,
    yamux,
};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use zeroize::Zeroizing;

use crate::admission::Door;
use crate::figures::{self, Figures};
use crate::hop::hop;
use crate::limits::{CONNECTIONS_MAX, CONNECTIONS_PER_PEER_MAX, IDLE, Limits, PENDING_MAX};
use crate::metered::Metered;
use crate::outward;
use crate::quota::Quota;
use crate::show;
use crate::turn::{self, Desk};

/// How long a dial or a handshake may take. Shorter than the ten seconds that a client waits for the outcome of a dial
/// that tells it whether it is reachable.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long the start may take until every listener has said where it listens.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
/// A QUIC peer that is silent for this long is gone.
const QUIC_SILENCE_MS: u32 = 20_000;
/// So often a QUIC peer is made to answer: this keeps the way through its address translation open too.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long closing connections may take at the end.
const CLOSE: Duration = Duration::from_millis(500);

/// What a relay is started with.
#[derive(Debug)]
pub struct Config {
    /// Seed of its key.
    pub seed: Zeroizing<[u8; 32]>,
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// What clients are told; empty: where it listens.
    pub announce: Vec<Multiaddr>,
    /// Whom it serves.
    pub door: Door,
    /// How much.
    pub limits: Limits,
    /// Where its figures are shown, to this machine only.
    pub metrics: Option<SocketAddr>,
    /// Where peers that it admits are given credentials for a TURN server, if it has one.
    pub turn: Option<Desk>,
}

/// A relay can not be started.
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
    /// The page of figures can not be served.
    #[error("can not show figures on {address}: {reason}")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The swarm can not be made.
    #[error("the network can not be started: {0}")]
    Swarm(String),
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    outward: outward::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    hop: relay::Behaviour,
    // Tells clients how they are reachable: it is the one peer that they all know outside.
    autonat: autonat::v2::server::Behaviour,
    streams: libp2p_stream::Behaviour,
}

/// A running relay; dropping it ends it at once.
#[derive(Debug)]
pub struct Relay {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
    metrics: Option<SocketAddr>,
    figures: Arc<Figures>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts listening; returns when every listener has said where.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError::Swarm(error.to_string());
        let keypair =
            Keypair::ed25519_from_bytes(*config.seed.clone()).map_err(|error| failed(&error))?;
        let peer = keypair.public().to_peer_id();
        let quota = Quota::new(&config.limits, &config.door);
        let mut swarm = make_swarm(&keypair, &config, &quota).map_err(StartError::Swarm)?;
        let mut addresses = listen(&mut swarm, &config.listen).await?;
        if !config.announce.is_empty() {
            addresses.clone_from(&config.announce);
        }
        for address in &addresses {
            swarm.add_external_address(address.clone());
        }
        let turn_counts = config.turn.as_ref().map(|desk| Arc::clone(desk.counts()));
        let figures = Arc::new(Figures::new(quota, turn_counts));
        let mut helpers = JoinSet::new();
        let incoming = swarm.behaviour().streams.new_control();
        let incoming = { incoming }
            .accept(show::PROTOCOL)
            .map_err(|error| failed(&error))?;
        let shown = Arc::clone(&figures.shown);
        helpers.spawn(show::serve(incoming, config.door.clone(), shown));
        if let Some(desk) = config.turn {
            let incoming = swarm.behaviour().streams.new_control();
            let incoming = { incoming }
                .accept(turn::PROTOCOL)
                .map_err(|error| failed(&error))?;
            helpers.spawn(turn::serve(incoming, config.door.clone(), desk));
        }
        let metrics = match config.metrics {
            None => None,
            Some(address) => {
                let (listener, bound) = metrics_listener(address).await?;
                helpers.spawn(figures::serve(listener, Arc::clone(&figures)));
                Some(bound)
            }
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(swarm, Arc::clone(&figures), helpers, stopped));
        Ok(Self {
            peer,
            addresses,
            metrics,
            figures,
            stop: Some(stop),
            task,
        })
    }

    /// Its name.
    #[must_use]
    pub fn peer(&self) -> PeerId {
        self.peer
    }

    /// What clients are told, with `/p2p`.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        let own = Protocol::P2p(self.peer);
        let named = |address: &Multiaddr| address.clone().with(own.clone());
        self.addresses.iter().map(named).collect()
    }

    /// Where its figures are shown.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Connections now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.figures.connections.load(Ordering::Relaxed)
    }

    /// Closes all connections and ends.
    pub async fn shutdown(mut self) {
        if self.stop.take().is_some_and(|stop| stop.send(()).is_ok())
            && (&mut self.task).await.is_err()
        {
            tracing::debug!("the relay's task had ended by a fault");
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn make_swarm(
    keypair: &Keypair,
    config: &Config,
    quota: &Quota,
) -> Result<Swarm<Behaviour>, String> {
    let peer = keypair.public().to_peer_id();
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established_incoming(Some(CONNECTIONS_MAX))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
    let named = identify::Config::new("/alloquy-relay/1".to_owned(), keypair.public())
        .with_agent_version(concat!("alloquy-relay/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_cache_size(0);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        outward: outward::Behaviour,
        identify: identify::Behaviour::new(named),
        ping: ping::Behaviour::default(),
        hop: hop(peer, &config.limits, &config.door, quota),
        autonat: autonat::v2::server::Behaviour::default(),
        streams: libp2p_stream::Behaviour::new(),
    };
    let transport = transport(keypair, quota).map_err(|error| error.to_string())?;
    let swarm = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport, behaviour, peer, swarm))
}

/// QUIC and TCP, every stream counted.
fn transport(
    keypair: &Keypair,
    quota: &Quota,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let mut config = quic::Config::new(keypair);
    config.max_idle_timeout = QUIC_SILENCE_MS;
    config.keep_alive_interval = QUIC_KEEP_ALIVE;
    config.handshake_timeout = HANDSHAKE;
    let counts = quota.clone();
    let quic = quic::tokio::Transport::new(config).map(move |(peer, muxer), point| {
        let meter = counts.meter(peer, point.get_remote_address());
        let metered = Metered::new(StreamMuxerBox::new(muxer), meter);
        (peer, StreamMuxerBox::new(metered))
    });
    let counts = quota.clone();
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keypair)?)
        .multiplex(yamux::Config::default())
        .timeout(HANDSHAKE)
        .map(move |(peer, muxer), point| {
            let meter = counts.meter(peer, point.get_remote_address());
            let metered = Metered::new(StreamMuxerBox::new(muxer), meter);
            (peer, StreamMuxerBox::new(metered))
        });
    Ok(quic
        .or_transport(tcp)
        .map(|either, _| either.into_inner())
        .boxed())
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(ip.into()),
        Some(Protocol::Ip6(ip)) => Some(ip.into()),
        _ => None,
    }
}

/// Begins to listen; returns what clients may be told when every listener has said where it listens.
async fn listen(
    swarm: &mut Swarm<Behaviour>,
    wanted: &[Multiaddr],
) -> Result<Vec<Multiaddr>, StartError> {
    let failed = |address: &Multiaddr, reason: String| StartError::Listen {
        address: address.to_string(),
        reason,
    };
    let mut waiting: Vec<(ListenerId, Multiaddr)> = Vec::new();
    for address in wanted {
        let listener = swarm
            .listen_on(address.clone())
            .map_err(|error| failed(address, error.to_string()))?;
        waiting.push((listener, address.clone()));
    }
    let only_here = |ip: IpAddr| ip.is_loopback();
    // Who asks for this machine alone means it; on all interfaces it says nothing to others.
    let loopback_wanted = wanted.iter().filter_map(ip_of).any(only_here);
    let mut addresses = Vec::new();
    let all = async {
        let mut said = Vec::new();
        while waiting.iter().any(|(listener, _)| !said.contains(listener)) {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr {
                    listener_id,
                    address,
                } => {
                    said.push(listener_id);
                    addresses.push(address);
                }
                SwarmEvent::ListenerClosed {
                    listener_id,
                    reason,
                    ..
                } => {
                    let at = waiting.iter().find(|(id, _)| *id == listener_id);
                    let reason = reason.err().map_or_else(
                        || "the listener ended".to_owned(),
                        |error| error.to_string(),
                    );
                    let address = at.map_or_else(Multiaddr::empty, |(_, address)| address.clone());
                    return Err(failed(&address, reason));
                }
                _ => {}
            }
        }
        // A listener on all interfaces names them one by one, at once.
        let pause = Duration::from_millis(50);
        while let Ok(event) = tokio::time::timeout(pause, swarm.select_next_some()).await {
            if let SwarmEvent::NewListenAddr { address, .. } = event {
                addresses.push(address);
            }
        }
        Ok(())
    };
    match tokio::time::timeout(LISTEN_LIMIT, all).await {
        Ok(done) => done?,
        Err(_elapsed) => {
            return Err(StartError::Swarm("no listener came up in time".to_owned()));
        }
    }
    let tellable = |address: &Multiaddr| match ip_of(address) {
        Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() => false,
        Some(ip) => loopback_wanted || !only_here(ip),
        None => true,
    };
    addresses.retain(tellable);
    Ok(addresses)
}

async fn metrics_listener(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |reason: String| StartError::Metrics { address, reason };
    if !figures::is_of_this_machine(&address) {
        let reason = "only an address of this machine is taken, as 127.0.0.1 or [::1]";
        return Err(failed(reason.to_owned()));
    }
    let bound: io::Result<_> = async {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    }
    .await;
    bound.map_err(|error| failed(error.to_string()))
}

async fn serve(
    mut swarm: Swarm<Behaviour>,
    figures: Arc<Figures>,
    mut helpers: JoinSet<()>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => on_event(&event, &figures),
            _ = &mut stopped => break,
        }
        let connections = swarm.network_info().connection_counters().num_established();
        figures
            .connections
            .store(u64::from(connections), Ordering::Relaxed);
    }
    helpers.shutdown().await;
    let peers: Vec<_> = swarm.connected_peers().copied().collect();
    for peer in peers {
        if swarm.disconnect_peer_id(peer).is_err() {
            tracing::trace!(%peer, "a peer was gone already");
        }
    }
    let closed = async {
        while swarm.connected_peers().next().is_some() {
            swarm.select_next_some().await;
        }
    };
    if tokio::time::timeout(CLOSE, closed).await.is_err() {
        tracing::debug!("some connections were not closed in time");
    }
}

fn on_event(event: &SwarmEvent<BehaviourEvent>, figures: &Figures) {
    match event {
        SwarmEvent::Behaviour(BehaviourEvent::Hop(event)) => {
            tracing::debug!(?event, "relay");
            figures.count(event);
        }
        SwarmEvent::ListenerClosed { reason, .. } => {
            tracing::warn!(?reason, "a listener has ended");
        }
        _ => {}
    }
}
