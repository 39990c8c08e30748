//! Connections that somebody else makes: a node that reaches nobody itself, but through a line that it has.
//!
//! Its peers are dialled over TCP as others would be, by a [`Dialer`], and what passes is sealed by Noise all the same:
//! whoever carries the bytes learns how many there are. Nobody can dial such a node, and it has no other way: what the
//! dialer does not reach is not reached (QUIC least of all).

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use alloquy_ids::NetworkKey;
use futures::future::{BoxFuture, Pending};
use futures::{FutureExt, TryFutureExt};
use libp2p::Multiaddr;
use libp2p::core::Transport;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use tokio::io::DuplexStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::address::{key_of, split_peer};

/// Makes the connections of a node in place of its machine's network.
pub trait Dialer: fmt::Debug + Send + Sync {
    /// Connects to a place at which a peer is said to be; `None`: whoever is there. The stream ends with the connection.
    ///
    /// # Errors
    /// The place is not reached, or may not be.
    fn dial(
        &self,
        peer: Option<NetworkKey>,
        place: SocketAddr,
    ) -> BoxFuture<'static, io::Result<DuplexStream>>;
}

/// A dialer as a transport: it dials TCP addresses, and listens nowhere.
pub(super) struct Tunnel {
    pub(super) dialer: std::sync::Arc<dyn Dialer>,
}

/// The place and the peer that an address names, if it is one of TCP.
fn place(address: &Multiaddr) -> Option<(Option<NetworkKey>, SocketAddr)> {
    let (address, peer) = split_peer(address.clone());
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    let Protocol::Tcp(port) = parts.next()? else {
        return None;
    };
    let peer = peer.as_ref().and_then(key_of);
    parts.next().is_none().then_some((peer, (ip, port).into()))
}

impl Transport for Tunnel {
    type Output = Compat<DuplexStream>;
    type Error = io::Error;
    type ListenerUpgrade = Pending<io::Result<Self::Output>>;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(
        &mut self,
        _: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(address))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        _: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        let Some((peer, to)) = place(&address) else {
            return Err(TransportError::MultiaddrNotSupported(address));
        };
        let stream = self.dialer.dial(peer, to);
        Ok(stream.map_ok(TokioAsyncReadCompatExt::compat).boxed())
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_of_tcp_are_dialled() {
        let key = libp2p::identity::Keypair::generate_ed25519();
        let key = format!("/p2p/{}", key.public().to_peer_id());
        let dialled = |text: &str| place(&text.parse().expect("an address"));
        let (peer, to) = dialled(&format!("/ip4/192.0.2.7/tcp/4001{key}")).expect("a place");
        assert!(peer.is_some());
        assert_eq!(to, "192.0.2.7:4001".parse().expect("a place"));
        let (peer, to) = dialled("/ip6/2001:db8::7/tcp/4001").expect("a place");
        assert_eq!(peer, None);
        assert_eq!(to, "[2001:db8::7]:4001".parse().expect("a place"));
        for other in [
            "/ip4/192.0.2.7/udp/4001/quic-v1",
            "/ip4/192.0.2.7/tcp/4001/ws",
            "/dns4/example.org/tcp/4001",
            "/memory/7",
        ] {
            assert_eq!(dialled(other), None, "{other}");
        }
        let circuit = format!("/ip4/192.0.2.7/tcp/4001{key}/p2p-circuit{key}");
        assert_eq!(dialled(&circuit), None);
    }
}
