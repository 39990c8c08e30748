//! Telling co-members whether they are reachable: AutoNAT v2's answering side, for them alone.
//!
//! Who asks makes this node dial an address of its choice. That is a favour for friends: a stranger could have the
//! neighbours of this node knocked at.

use std::collections::BTreeSet;
use std::task::{Context, Poll};

use libp2p::autonat::v2::server;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

/// The answering side.
#[derive(Default)]
pub(super) struct Behaviour {
    inner: server::Behaviour,
    friends: BTreeSet<PeerId>,
}

impl Behaviour {
    /// Who is answered from now on.
    pub(super) fn befriend(&mut self, friends: BTreeSet<PeerId>) {
        self.friends = friends;
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = <server::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = server::Event;

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
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        // Not "no": a client believes for good that what could not be dialled can not be reached. A question that is
        // dropped ends in an error, and is asked again of somebody else.
        if self.friends.contains(&peer) {
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
