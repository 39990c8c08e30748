//! The library's runtime with sockets of our own: tokio's, whose datagrams to some TURN servers go through tunnels.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use super::limits::LOCAL_ADDRESSES_MAX;
use super::servers::Servers;
use crate::tls::Tunnel;
use crate::tls::framing::refusal;

/// Messages of a tunnel that wait for the library: as many as the kernel holds of datagrams.
const INBOX_MAX: usize = 256;
/// Code that is given to all local addresses but the first that asks for the same tunnel (RFC 8656, 19: 486 means
/// that there are enough allocations), since the route to the server is the same for all; and to all when the tunnel
/// is gone, so that the library does not wait for an answer.
const ENOUGH: u16 = 486;

/// Local addresses that are of IPv6 even where there are many of IPv4, such as those of containers.
const IPV6_PLACES: usize = 4;

/// Which local addresses become candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LocalAddresses {
    /// Those of all interfaces, IPv4 and IPv6, but neither loopback nor link-local ones. On a machine that has no
    /// other, loopback, so that two nodes on it can speak.
    #[default]
    Interfaces,
    /// These alone.
    Only(Vec<IpAddr>),
}

impl ToSocketAddrs for LocalAddresses {
    type Iter = std::vec::IntoIter<SocketAddr>;

    /// The addresses at this moment, with port 0; a restart of ICE asks again, so that it follows the machine into
    /// another network.
    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let addresses = match self {
            Self::Only(addresses) => addresses.clone(),
            Self::Interfaces => {
                let usable = usable(&interface_addresses()?);
                best(&usable, &default_route_addresses())
            }
        };
        let sockets = addresses
            .into_iter()
            .take(LOCAL_ADDRESSES_MAX)
            .map(|ip| SocketAddr::new(ip, 0));
        Ok(sockets.collect::<Vec<_>>().into_iter())
    }
}

fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    let interfaces = rtc::shared::ifaces::ifaces()?;
    Ok(interfaces
        .into_iter()
        .filter_map(|interface| Some(interface.addr?.ip()))
        .collect())
}

fn usable(all: &[IpAddr]) -> Vec<IpAddr> {
    let reachable = |ip: &IpAddr| {
        !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast() && !link_local(ip)
    };
    let choose = |wanted: &dyn Fn(&IpAddr) -> bool| {
        let mut chosen: Vec<IpAddr> = all.iter().copied().filter(|ip| wanted(ip)).collect();
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    };
    match choose(&reachable) {
        found if found.is_empty() => choose(&IpAddr::is_loopback),
        found => found,
    }
}

/// The addresses that the way to everywhere leads from, at most one of each family. Nothing is sent: to connect a
/// datagram socket only asks the routing table (addresses of documentation, RFC 5737 and RFC 3849).
fn default_route_addresses() -> Vec<IpAddr> {
    let local = |from: &str, to: &str| {
        let socket = std::net::UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let families = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    families
        .into_iter()
        .filter_map(|(from, to)| local(from, to))
        .collect()
}

/// At most [`LOCAL_ADDRESSES_MAX`] of the `usable` addresses: first those that are also in `first`, then the rest in
/// order, where IPv4 leaves [`IPV6_PLACES`] to IPv6 when there are as many.
fn best(usable: &[IpAddr], first: &[IpAddr]) -> Vec<IpAddr> {
    let (mut ordered, rest): (Vec<IpAddr>, Vec<IpAddr>) =
        usable.iter().partition(|ip| first.contains(ip));
    ordered.extend(rest);
    let all_v6 = ordered.iter().filter(|ip| ip.is_ipv6()).count();
    let most_v4 = LOCAL_ADDRESSES_MAX - all_v6.min(IPV6_PLACES);
    let mut v4 = 0;
    ordered.retain(|ip| {
        v4 += usize::from(ip.is_ipv4());
        ip.is_ipv6() || v4 <= most_v4
    });
    ordered.truncate(LOCAL_ADDRESSES_MAX);
    ordered
}

/// RFC 3927 and RFC 4291, 2.5.6: of no use to the other side without knowing the interface.
fn link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// tokio, with the look-ups and sockets of one link.
#[derive(Debug)]
pub(crate) struct LinkRuntime {
    servers: Arc<Servers>,
    /// Which socket has the tunnel to a server.
    claims: Arc<Mutex<BTreeMap<usize, Weak<()>>>>,
}

impl LinkRuntime {
    pub(crate) fn new(servers: Arc<Servers>) -> Self {
        Self {
            servers,
            claims: Arc::default(),
        }
    }
}

impl Runtime for LinkRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        TokioRuntime.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let (inbox, received) = mpsc::channel(INBOX_MAX);
        Ok(Arc::new(LinkSocket {
            inner: TokioRuntime.wrap_udp_socket(socket)?,
            servers: Arc::clone(&self.servers),
            claims: Arc::clone(&self.claims),
            claim: Arc::new(()),
            tunnels: Mutex::default(),
            inbox,
            received: Mutex::new(received),
        }))
    }

    fn wrap_tcp_listener(
        &self,
        listener: std::net::TcpListener,
    ) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        _remote_addr: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        // Only candidates of TCP ask for it, and none are taken: a member must not make us connect to what it names.
        Box::pin(std::future::ready(Err(io::ErrorKind::Unsupported.into())))
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move { Ok(self.servers.resolve(host).await) })
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "tokio, with tunnels"
    }
}

#[derive(Debug)]
struct LinkSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    servers: Arc<Servers>,
    claims: Arc<Mutex<BTreeMap<usize, Weak<()>>>>,
    claim: Arc<()>,
    tunnels: Mutex<BTreeMap<usize, OpenTunnel>>,
    inbox: mpsc::Sender<(SocketAddr, Vec<u8>)>,
    received: Mutex<mpsc::Receiver<(SocketAddr, Vec<u8>)>>,
}

#[derive(Debug)]
struct OpenTunnel {
    tunnel: Tunnel,
    /// Carries what comes from the tunnel, with the address that stands for it.
    carrier: tokio::task::JoinHandle<()>,
}

impl Drop for OpenTunnel {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

impl AsyncUdpSocket for LinkSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let Some(server) = self.servers.at(transmit.destination) else {
            return self.inner.poll_send(cx, transmit);
        };
        self.servers.sent(server, transmit.contents);
        if !self.servers.is_tunnel(server) {
            return self.inner.poll_send(cx, transmit);
        }
        let segment = transmit
            .segment_size
            .unwrap_or(transmit.contents.len())
            .max(1);
        for datagram in transmit.contents.chunks(segment) {
            self.send_by_tunnel(server, transmit.destination, datagram);
        }
        Poll::Ready(Ok(transmit.contents.len()))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(count @ 1..) = self.poll_tunnels(cx, bufs, meta) {
            return Poll::Ready(Ok(count));
        }
        let received = self.inner.poll_recv(cx, bufs, meta);
        if let Poll::Ready(Ok(count)) = &received {
            for (buffer, meta) in bufs.iter().zip(meta.iter()).take(*count) {
                self.note_answer(meta.addr, &buffer[..meta.len.min(meta.stride)]);
            }
        }
        received
    }

    fn max_gso_segments(&self) -> usize {
        self.inner.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.inner.max_gro_segments()
    }
}

impl LinkSocket {
    fn send_by_tunnel(&self, server: usize, stands_for: SocketAddr, datagram: &[u8]) {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Vacant(place) = tunnels.entry(server) {
            if !self.claim(server) {
                return self.refuse(stands_for, datagram);
            }
            let Some(open) = self.open(server, stands_for) else {
                return;
            };
            place.insert(open);
        }
        if self.servers.has_failed(server) {
            return self.refuse(stands_for, datagram);
        }
        let Some(open) = tunnels.get(&server) else {
            return;
        };
        if let Err(error) = open.tunnel.send(datagram) {
            tracing::warn!(%error, "a datagram to a TURN server is no message of TURN");
        }
    }

    fn open(&self, server: usize, stands_for: SocketAddr) -> Option<OpenTunnel> {
        let (tunnel_inbox, mut messages) = mpsc::channel(INBOX_MAX);
        let tunnel = self.servers.open(server, tunnel_inbox)?;
        let (inbox, servers) = (self.inbox.clone(), Arc::clone(&self.servers));
        let carrier = tokio::spawn(async move {
            while let Some(message) = messages.recv().await {
                servers.received(server, &message);
                if inbox.send((stands_for, message)).await.is_err() {
                    return;
                }
            }
        });
        Some(OpenTunnel { tunnel, carrier })
    }

    /// Whether this socket is the one that has the tunnel.
    fn claim(&self, server: usize) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = claims.get(&server).and_then(Weak::upgrade);
        if holder
            .as_ref()
            .is_some_and(|holder| !Arc::ptr_eq(holder, &self.claim))
        {
            return false;
        }
        claims.insert(server, Arc::downgrade(&self.claim));
        true
    }

    fn refuse(&self, stands_for: SocketAddr, datagram: &[u8]) {
        if let Some(answer) = refusal(datagram, ENOUGH)
            && self.inbox.try_send((stands_for, answer)).is_err()
        {
            tracing::debug!("no room for the answer to a TURN request");
        }
    }

    fn poll_tunnels(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<usize> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let mut count = 0;
        for (buffer, meta) in bufs.iter_mut().zip(meta.iter_mut()) {
            let Poll::Ready(Some((addr, message))) = received.poll_recv(cx) else {
                break;
            };
            let len = message.len().min(buffer.len());
            buffer[..len].copy_from_slice(&message[..len]);
            *meta = RecvMeta::default();
            (meta.addr, meta.len, meta.stride) = (addr, len, len.max(1));
            count += 1;
        }
        if count == 0 {
            Poll::Pending
        } else {
            Poll::Ready(count)
        }
    }

    fn note_answer(&self, from: SocketAddr, datagram: &[u8]) {
        if datagram.first() == Some(&1)
            && let Some(server) = self.servers.at(from)
        {
            self.servers.received(server, datagram);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(all: &[&str]) -> Vec<String> {
        let all: Vec<IpAddr> = all.iter().map(|ip| ip.parse().unwrap()).collect();
        super::usable(&all)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn the_way_out_comes_first_and_ipv6_keeps_its_places() {
        let v4 = |n: u8| IpAddr::from([10, 0, n, 1]);
        let v6 = |n: u16| IpAddr::from([0xfd00, n, 0, 0, 0, 0, 0, 1]);
        let many: Vec<_> = (0..20).map(v4).chain((0..20).map(v6)).collect();
        let chosen = best(&many, &[v4(19), v6(19), IpAddr::from([192, 0, 2, 7])]);
        assert_eq!(chosen.len(), LOCAL_ADDRESSES_MAX);
        assert_eq!(chosen[..2], [v4(19), v6(19)]);
        let of_v6 = chosen.iter().filter(|ip| ip.is_ipv6()).count();
        assert_eq!(of_v6, IPV6_PLACES, "{chosen:?}");
        let alone: Vec<_> = (0..20).map(v4).collect();
        assert_eq!(best(&alone, &[]), alone[..LOCAL_ADDRESSES_MAX]);
        assert_eq!(best(&[v4(1), v6(1)], &[]), [v4(1), v6(1)]);
    }

    #[tokio::test]
    async fn no_connection_of_tcp_is_opened() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let roots = crate::tls::TlsRoots::load(&[]).unwrap();
        let runtime = LinkRuntime::new(Arc::new(Servers::new(Arc::default(), roots)));
        let connected = runtime.connect_tcp(listener.local_addr().unwrap()).await;
        let error = connected.err().map(|error| error.kind());
        assert_eq!(error, Some(io::ErrorKind::Unsupported));
        listener.set_nonblocking(true).unwrap();
        let none = listener.accept().map(|_| ()).map_err(|error| error.kind());
        assert_eq!(none, Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn loopback_is_used_when_there_is_nothing_else() {
        assert_eq!(
            usable(&["127.0.0.1", "::1", "169.254.1.1", "fe80::1"]),
            ["127.0.0.1", "::1"]
        );
        let all = ["10.0.0.1", "127.0.0.1", "fd00::1", "fe80::1", "10.0.0.1"];
        assert_eq!(usable(&all), ["10.0.0.1", "fd00::1"]);
    }
}
