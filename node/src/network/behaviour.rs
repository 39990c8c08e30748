//! What the swarm is made of: transports, protocols and their limits.

use std::error::Error;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::time::Duration;

use alloquy_core::limits::GOSSIP_BYTES_MAX;
use alloquy_relay::{Door, Limits, Quota, hop};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::Transport;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::gossipsub::{self, MessageAuthenticity, MessageId, ValidationMode};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{
    PeerId, Swarm, SwarmBuilder, dcutr, identify, mdns, noise, ping, quic, relay, tcp, yamux,
};

use super::tunnel::{Dialer, Tunnel};
use super::{answers, asks, pulse, seek, streams};

/// Bytes around a sealed gossip frame: nonce and tag of the seal, names and lengths of the protocol.
const GOSSIP_OVERHEAD_BYTES: usize = 4 * 1024;
/// Gossip keeps a frame for this many heartbeats of 1 s: a verdict may take 10 s (docs/protocol.md, "Gossip").
const GOSSIP_HISTORY: usize = 15;
/// Topics that one peer may be in: two per channel of several large communities.
const PEER_TOPICS_MAX: usize = 4096;
/// Connections of others to us; those of peers that are wanted are not counted.
const INCOMING_MAX: u32 = 192;
/// Our connections to others.
const OUTGOING_MAX: u32 = 192;
/// Handshakes under way in one direction.
const PENDING_MAX: u32 = 64;
/// Connections with one peer: two that dial each other over both transports at once.
const PER_PEER_MAX: u32 = 8;
/// A connection without any stream is closed after this.
const IDLE: Duration = Duration::from_secs(60);
/// A QUIC peer that is silent for this long is gone.
const QUIC_SILENCE_MS: u32 = 10_000;
/// So often a QUIC peer is made to answer.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(4);
/// So often addresses are exchanged anew; also finds TCP peers that vanished without a word.
const IDENTIFY_INTERVAL: Duration = Duration::from_secs(60);
/// So often the local network is asked for peers.
const MDNS_INTERVAL: Duration = Duration::from_secs(30);
/// How long a dial or a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Subscriptions of peers are bounded, not chosen: topics say nothing.
pub(super) type Gossipsub = gossipsub::Behaviour<
    gossipsub::IdentityTransform,
    gossipsub::MaxCountSubscriptionFilter<gossipsub::AllowAllSubscriptionFilter>,
>;

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    pub(super) limits: connection_limits::Behaviour,
    pub(super) identify: identify::Behaviour,
    pub(super) gossipsub: Gossipsub,
    pub(super) ping: ping::Behaviour,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(super) streams: streams::Behaviour,
    /// Shows passes to relays, and asks them for credentials of their TURN servers.
    pub(super) for_relays: libp2p_stream::Behaviour,
    pub(super) relayed: relay::client::Behaviour,
    /// Relays for co-members, while this node is reachable from outside.
    pub(super) hop: relay::Behaviour,
    pub(super) punch: dcutr::Behaviour,
    pub(super) asks_reach: asks::Behaviour,
    pub(super) answers: answers::Behaviour,
    pub(super) seek: seek::Behaviour,
}

/// What is switched on by the person who starts the node, and who may reserve here.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) mdns: Switch,
    pub(super) door: Door,
    /// What others' circuits may carry.
    pub(super) limits: Limits,
    pub(super) quota: Quota,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

impl From<bool> for Switch {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// Makes the swarm; must be called within a tokio runtime.
pub(super) fn swarm(
    keypair: Keypair,
    parts: &Parts,
    dialer: Option<Arc<dyn Dialer>>,
) -> Result<Swarm<Behaviour>, String> {
    let own = keypair.public().to_peer_id();
    let make = |keypair: &Keypair, relayed: relay::client::Behaviour| {
        Ok(Behaviour {
            limits: limits(),
            identify: identify(keypair),
            gossipsub: gossip()?,
            ping: ping::Behaviour::new(pulse::config()),
            mdns: mdns_of(keypair, parts.mdns == Switch::On),
            streams: streams::Behaviour::default(),
            for_relays: libp2p_stream::Behaviour::new(),
            relayed,
            hop: hop(own, &parts.limits, &parts.door, &parts.quota),
            punch: dcutr::Behaviour::new(own),
            asks_reach: asks::Behaviour::default(),
            answers: answers::Behaviour::default(),
            seek: seek::Behaviour::new(own),
        })
    };
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(|keypair| carried(keypair, dialer))
        .map_err(|error| error.to_string())?
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .map_err(|error| error.to_string())?
        .with_behaviour(make)
        .map_err(|error| error.to_string())?
        .with_swarm_config(|config| {
            config
                .with_idle_connection_timeout(IDLE)
                // All addresses of a peer at once: most of them are of networks that we are not in.
                .with_dial_concurrency_factor(NonZeroU8::new(16).expect("16 is not zero"))
        })
        .with_connection_timeout(HANDSHAKE)
        .build();
    Ok(swarm)
}

/// What carries connections: QUIC, and TCP with Noise and Yamux; or what a dialer makes, with the same.
fn carried(
    keypair: &Keypair,
    dialer: Option<Arc<dyn Dialer>>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Box<dyn Error + Send + Sync>> {
    let (noise, yamux) = (noise::Config::new(keypair)?, yamux::Config::default());
    if let Some(dialer) = dialer {
        let tunnel = Tunnel { dialer }
            .upgrade(Version::V1Lazy)
            .authenticate(noise)
            .multiplex(yamux);
        return Ok(tunnel.boxed());
    }
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut config = quic::Config::new(keypair);
    config.max_idle_timeout = QUIC_SILENCE_MS;
    config.keep_alive_interval = QUIC_KEEP_ALIVE;
    config.handshake_timeout = HANDSHAKE;
    let quic = quic::tokio::Transport::new(config)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let both = tcp.or_transport(quic);
    Ok(both.map(|either, _| either.into_inner()).boxed())
}

fn limits() -> connection_limits::Behaviour {
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_MAX))
        .with_max_pending_outgoing(Some(PENDING_MAX))
        .with_max_established_incoming(Some(INCOMING_MAX))
        .with_max_established_outgoing(Some(OUTGOING_MAX))
        .with_max_established_per_peer(Some(PER_PEER_MAX));
    connection_limits::Behaviour::new(limits)
}

fn identify(keypair: &Keypair) -> identify::Behaviour {
    let config = identify::Config::new("/alloquy/1".to_owned(), keypair.public())
        .with_agent_version(concat!("alloquy/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_interval(IDENTIFY_INTERVAL)
        .with_push_listen_addr_updates(true)
        // Who is dialled where is decided by `redial` alone.
        .with_cache_size(0);
    identify::Behaviour::new(config)
}

/// Frames carry no author and no signature of libp2p: they are sealed, and what is inside is signed.
fn gossip() -> Result<Gossipsub, String> {
    let config = gossipsub::ConfigBuilder::default()
        .protocol_id_prefix("/alloquy/gossip")
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| MessageId::new(blake3::hash(&message.data).as_bytes()))
        .max_transmit_size(GOSSIP_BYTES_MAX + GOSSIP_OVERHEAD_BYTES)
        .history_length(GOSSIP_HISTORY)
        // To all connected subscribers, not only the mesh: a small community has no mesh to speak of right after a
        // start, and with at most some hundred connections the cost is bounded.
        .flood_publish(true)
        .heartbeat_initial_delay(Duration::from_millis(500))
        // Who mutes a topic and comes back must not wait a minute to be let in again.
        .prune_backoff(Duration::from_secs(10))
        .build()
        .map_err(|error| error.to_string())?;
    let filter = gossipsub::MaxCountSubscriptionFilter {
        filter: gossipsub::AllowAllSubscriptionFilter {},
        max_subscribed_topics: PEER_TOPICS_MAX,
        max_subscriptions_per_request: PEER_TOPICS_MAX,
    };
    Gossipsub::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(str::to_owned)
}

/// A machine without multicast goes on without mDNS.
fn mdns_of(keypair: &Keypair, wanted: bool) -> Toggle<mdns::tokio::Behaviour> {
    if !wanted {
        return Toggle::from(None);
    }
    let config = mdns::Config {
        query_interval: MDNS_INTERVAL,
        ..mdns::Config::default()
    };
    match mdns::tokio::Behaviour::new(config, keypair.public().to_peer_id()) {
        Ok(behaviour) => Toggle::from(Some(behaviour)),
        Err(error) => {
            tracing::warn!(%error, "mDNS can not be used; peers of the local network are not found by themselves");
            Toggle::from(None)
        }
    }
}
