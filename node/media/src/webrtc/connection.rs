//! One connection of the library, made as a link needs it, and its events as plain data.

use std::net::SocketAddr;
use std::sync::Arc;

use alloquy_api::voice::{IceServer, MediaLink, MediaPath};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{Registry, Slot};
use tokio::sync::mpsc;
use webrtc::error::Error;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfiguration,
    RTCConfigurationBuilder, RTCIceCandidateInit, RTCIceConnectionState, RTCIceGatheringState,
    RTCIceTransportPolicy, RTCPeerConnectionIceEvent, RTCPeerConnectionState, SettingEngine,
    SettingEngineBuilder, configure_rtcp_reports,
};
use webrtc::rtp_transceiver::RtpSender;

use super::limits::{
    CHECK_EVERY, CHECKS_MAX, DISCONNECTED_AFTER, FAILED_AFTER, KEEPALIVE, REFLEXIVE_WAIT,
    RELAY_WAIT,
};
use super::outgoing::{Outgoing, media_engine};
use super::servers::Servers;
use super::sink::Sink;
use super::sockets::{LinkRuntime, LocalAddresses};
use super::tap::{Formats, Tap};

/// Between the library's reports of reception and of sending: what needs to see both, and voice after the former.
const TAP_SLOT: Slot = Slot::Custom(10_500);

/// What the library says of a connection.
#[derive(Debug)]
pub(crate) enum ConnectionEvent {
    /// An own candidate, as the other side takes it.
    Candidate(String),
    /// No more own candidates will come.
    Gathered,
    /// How ICE fares.
    Ice(RTCIceConnectionState),
    /// How all of it fares.
    State(RTCPeerConnectionState),
}

/// What a connection is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) link: MediaLink,
    pub(crate) addresses: LocalAddresses,
    pub(crate) relay_only: bool,
    pub(crate) servers: Arc<Servers>,
    pub(crate) formats: Arc<Formats>,
    pub(crate) sink: Arc<Sink>,
}

/// A connection and its sender of voice.
pub(crate) struct Connection {
    pub(crate) inner: Arc<dyn PeerConnection>,
    voice: Arc<dyn RtpSender>,
    servers: Arc<Servers>,
    relay_only: bool,
}

impl Connection {
    /// Opens the sockets and starts the library's task.
    pub(crate) async fn open(
        parts: Parts,
        ice: &[IceServer],
        ssrc: u32,
        outgoing: &Outgoing,
        events: mpsc::Sender<ConnectionEvent>,
    ) -> Result<Self, Error> {
        let tap = Tap::new(parts.link, ssrc, parts.formats, parts.sink);
        let registry = configure_rtcp_reports(Registry::new()).with(TAP_SLOT, tap);
        let inner = PeerConnectionBuilder::new()
            .with_configuration(configuration(&parts.servers, ice, parts.relay_only))
            .with_media_engine(media_engine()?)
            .with_setting_engine(settings())
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler(events)))
            .with_runtime(Arc::new(LinkRuntime::new(Arc::clone(&parts.servers))))
            .with_udp_addrs(vec![parts.addresses])
            .build()
            .await?;
        let inner: Arc<dyn PeerConnection> = Arc::new(inner);
        let voice = inner.add_track(outgoing.track()).await?;
        Ok(Self {
            inner,
            voice,
            servers: parts.servers,
            relay_only: parts.relay_only,
        })
    }

    /// Uses other servers from the next restart of ICE on.
    pub(crate) async fn set_servers(&self, ice: &[IceServer]) -> Result<(), Error> {
        self.inner
            .set_configuration(configuration(&self.servers, ice, self.relay_only))
            .await
    }

    /// The pair of addresses in use.
    pub(crate) async fn path(&self) -> Option<MediaPath> {
        let dtls = self.voice.transport().await.ok()??;
        let pair = dtls
            .ice_transport()
            .get_selected_candidate_pair()
            .await
            .ok()??;
        let (local, remote) = (pair.local(), pair.remote());
        let relayed = local
            .address
            .parse()
            .map(|ip| SocketAddr::new(ip, local.port))
            .ok();
        Some(MediaPath {
            local: socket(&local.address, local.port),
            remote: socket(&remote.address, remote.port),
            local_kind: local.typ.to_string(),
            remote_kind: remote.typ.to_string(),
            protocol: relayed
                .map_or("udp", |relayed| self.servers.protocol(relayed))
                .to_owned(),
        })
    }
}

fn socket(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

fn configuration(servers: &Servers, ice: &[IceServer], relay_only: bool) -> RTCConfiguration {
    let policy = if relay_only {
        RTCIceTransportPolicy::Relay
    } else {
        RTCIceTransportPolicy::All
    };
    let list = servers.set(ice);
    servers.look_up();
    RTCConfigurationBuilder::new()
        .with_ice_servers(list)
        .with_ice_transport_policy(policy)
        .build()
}

/// No mDNS: addresses are told to members only, over a channel of our own that is encrypted, so there is nobody to
/// hide them from; and without a multicast route the library fails to start with it.
fn settings() -> SettingEngine {
    SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_timeouts(
            Some(DISCONNECTED_AFTER),
            Some(FAILED_AFTER),
            Some(KEEPALIVE),
        )
        .with_ice_connection_attempts(Some(CHECK_EVERY), Some(CHECKS_MAX))
        .with_srflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_prflx_acceptance_min_wait(Some(REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(RELAY_WAIT))
        // A restart of ICE opens new sockets, so that a call follows the machine into another network.
        .with_discard_local_candidates_during_ice_restart(true)
        .build()
}

struct Handler(mpsc::Sender<ConnectionEvent>);

impl Handler {
    fn tell(&self, event: ConnectionEvent) {
        // Called by the task that moves media, so there is no waiting; the link's queue has room for all that a
        // connection says in many seconds.
        if let Err(error) = self.0.try_send(event) {
            tracing::debug!(%error, "an event of a connection has no receiver");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(RTCIceCandidateInit { candidate, .. }) => {
                self.tell(ConnectionEvent::Candidate(candidate))
            }
            Err(error) => tracing::warn!(%error, "an own candidate cannot be written"),
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        self.tell(ConnectionEvent::Ice(state));
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.tell(ConnectionEvent::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.tell(ConnectionEvent::State(state));
    }
}
