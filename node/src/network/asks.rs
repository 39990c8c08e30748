//! Asking whether this node is reachable: AutoNAT v2's asking side, about few addresses and not for ever.
//!
//! libp2p asks about every address that anybody says to be ours, and remembers each outcome until the node ends.

use std::collections::BTreeSet;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::autonat::v2::client;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use rand_core_06::OsRng;

use super::address::{ip_of, is_circuit, is_global};
use super::reach::ASKED_MAX;

/// Addresses that are asked about in one round, each of one peer.
const CANDIDATES_MAX: usize = 2;
/// Between two rounds: whoever does not answer is asked again, and should not be pressed.
const ROUND: Duration = Duration::from_secs(30);

/// The asking side.
pub(super) struct Behaviour {
    inner: client::Behaviour,
    /// About which the inner one was told.
    asked: BTreeSet<Multiaddr>,
    /// Connections that the inner one knows: those from before it was made anew are strange to it.
    connections: BTreeSet<ConnectionId>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            inner: client(),
            asked: BTreeSet::new(),
            connections: BTreeSet::new(),
        }
    }
}

fn client() -> client::Behaviour {
    let config = client::Config::default()
        .with_max_candidates(CANDIDATES_MAX)
        .with_probe_interval(ROUND);
    client::Behaviour::new(OsRng, config)
}

impl Behaviour {
    /// The network has changed: everything is asked anew, of peers that are connected from now on.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Asks about an address that the router says to be ours.
    pub(super) fn ask_about(&mut self, address: &Multiaddr) {
        if self.admits(address) {
            let candidate = NewExternalAddrCandidate { addr: address };
            self.inner
                .on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
        }
    }

    /// Whether it is worth asking about an address.
    fn admits(&mut self, address: &Multiaddr) -> bool {
        if is_circuit(address) || !ip_of(address).is_some_and(is_global) {
            return false;
        }
        if !self.asked.contains(address) && self.asked.len() < ASKED_MAX {
            self.asked.insert(address.clone());
        }
        self.asked.contains(address)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = <client::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        let pass = match &event {
            FromSwarm::NewExternalAddrCandidate(candidate) => self.admits(candidate.addr),
            FromSwarm::ConnectionEstablished(made) => self.connections.insert(made.connection_id),
            FromSwarm::ConnectionClosed(closed) => self.connections.remove(&closed.connection_id),
            _ => true,
        };
        if pass {
            self.inner.on_swarm_event(event);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if self.connections.contains(&connection) {
            self.inner
                .on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.inner.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_outside_are_asked_about_and_not_many() {
        let mut asks = Behaviour::default();
        let admits = |asks: &mut Behaviour, text: &str| asks.admits(&text.parse().unwrap());
        let circuit = format!(
            "/ip4/203.0.113.1/tcp/1/p2p/{}/p2p-circuit",
            PeerId::random()
        );
        for inside in [
            "/ip4/192.168.1.7/tcp/1",
            "/ip4/127.0.0.1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            &circuit,
        ] {
            assert!(!admits(&mut asks, inside), "{inside}");
        }
        for port in 0..ASKED_MAX {
            assert!(admits(&mut asks, &format!("/ip4/203.0.113.1/tcp/{port}")));
        }
        assert!(!admits(&mut asks, "/ip4/203.0.113.1/tcp/9000"));
        assert!(admits(&mut asks, "/ip4/203.0.113.1/tcp/0"), "again");
        asks.forget();
        assert!(admits(&mut asks, "/ip4/203.0.113.1/tcp/9000"));
    }
}
