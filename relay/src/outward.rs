//! A relay dials for one reason: to tell a client whether it is reachable. Then at an address of the internet, never at
//! one of the relay's own network, whose machines are nobody else's to knock at.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dummy::ConnectionHandler;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

/// Why a dial is not made.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no address of the internet")]
struct NotOutside(Multiaddr);

/// Refuses dials that do not lead outside.
#[derive(Debug)]
pub(crate) struct Behaviour;

/// Whether an address is one of the internet.
fn leads_outside(address: &Multiaddr) -> bool {
    let ip = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::from(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::from(ip).to_canonical(),
        _ => return false,
    };
    let relayed = address.iter().any(|part| part == Protocol::P2pCircuit);
    let outside = match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared_by_carrier = a == 100 && (64..128).contains(&b);
            let special = ip.is_private() || ip.is_loopback() || ip.is_link_local();
            let nowhere = a == 0 || ip.is_broadcast() || ip.is_multicast();
            !(special || nowhere || shared_by_carrier)
        }
        IpAddr::V6(ip) => is_global(ip),
    };
    outside && !relayed
}

fn is_global(ip: Ipv6Addr) -> bool {
    let special = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
    !(special || ip.is_unicast_link_local() || ip.is_unique_local())
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        match addresses.iter().find(|address| !leads_outside(address)) {
            Some(address) => Err(ConnectionDenied::new(NotOutside(address.clone()))),
            None => Ok(Vec::new()),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(ConnectionHandler)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_dialled() {
        let peer = PeerId::random();
        for (text, outside) in [
            ("/ip4/203.0.113.1/udp/1/quic-v1".to_owned(), true),
            ("/ip6/2001:db8::1/tcp/1".to_owned(), true),
            ("/ip4/127.0.0.1/tcp/1".to_owned(), false),
            ("/ip4/192.168.1.1/tcp/80".to_owned(), false),
            ("/ip4/100.64.0.1/tcp/80".to_owned(), false),
            ("/ip4/0.0.0.0/tcp/80".to_owned(), false),
            ("/ip6/::1/tcp/1".to_owned(), false),
            ("/ip6/::ffff:10.0.0.1/tcp/1".to_owned(), false),
            ("/ip6/fd00::1/tcp/1".to_owned(), false),
            ("/ip6/fe80::1/tcp/1".to_owned(), false),
            ("/dns4/localhost/tcp/1".to_owned(), false),
            (format!("/p2p/{peer}"), false),
            (
                format!("/ip4/203.0.113.1/tcp/1/p2p/{peer}/p2p-circuit"),
                false,
            ),
        ] {
            assert_eq!(leads_outside(&text.parse().unwrap()), outside, "{text}");
            let dial = [text.parse().unwrap()];
            let id = ConnectionId::new_unchecked(1);
            let answer = Behaviour.handle_pending_outbound_connection(
                id,
                Some(peer),
                &dial,
                Endpoint::Dialer,
            );
            assert_eq!(answer.is_ok(), outside, "{text}");
        }
    }
}
