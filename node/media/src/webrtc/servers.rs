//! STUN and TURN servers as one link uses them: their addresses, the tunnels to them, and why a relay was refused.
//!
//! The library is given names of our own (`s0.invalid`, ..) in place of the servers' and asks [`Servers::resolve`] for
//! their addresses. So look-ups never hold up a connection (the library waits for them in the task that also moves
//! media), IPv6 literals work (the library forgets their brackets), and a server that is reached by TCP or TLS gets
//! an address that stands for its tunnel (of ranges in which there are no hosts: RFC 1112, 4, and RFC 6666, so that
//! nothing else can be meant by it). What the servers answer is read in passing, because the library only logs it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use alloquy_api::voice::IceServer;
use thiserror::Error;
use tokio::sync::mpsc;
use webrtc::peer_connection::RTCIceServer;

use super::limits::SERVERS_MAX;
use super::resolve::Resolver;
use crate::tls::framing::{Allocation, UNAUTHENTICATED, allocation, is_signed_allocate};
use crate::tls::{TlsRoots, Tunnel, TunnelError, TunnelServer};

/// Port of STUN and TURN (RFC 7064, 3.2; RFC 7065, 3.2).
const PORT: u16 = 3478;
/// Port of TURN over TLS.
const PORT_TLS: u16 = 5349;
/// Code for a nonce that is too old: a step of the protocol, not a refusal.
const STALE_NONCE: u16 = 438;

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// STUN over UDP.
    Stun,
    /// TURN over UDP.
    TurnUdp,
    /// TURN over TCP, by a tunnel.
    TurnTcp,
    /// TURN over TLS, by a tunnel.
    TurnTls,
}

/// The address of a server (RFC 7064, RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    pub(crate) way: Way,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why an address of a server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum UrlError {
    /// Another scheme, or none.
    #[error("{0:?} is neither stun:, turn: nor turns:")]
    Scheme(String),
    /// No host, or one that cannot be.
    #[error("{0:?} has no host")]
    Host(String),
    /// No number, or none of a port.
    #[error("{0:?} has a port that is none")]
    Port(String),
    /// A transport that we do not have.
    #[error("{0:?} wants a transport that is neither udp nor tcp, or DTLS")]
    Transport(String),
}

impl ServerUrl {
    /// Reads an address.
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url
            .split_once(':')
            .ok_or_else(|| UrlError::Scheme(url.to_owned()))?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let way = way(scheme, query).ok_or_else(|| match scheme {
            "stun" | "turn" | "turns" => UrlError::Transport(url.to_owned()),
            _ => UrlError::Scheme(url.to_owned()),
        })?;
        let default = if way == Way::TurnTls { PORT_TLS } else { PORT };
        let (host, port) =
            authority_parts(authority).ok_or_else(|| UrlError::Host(url.to_owned()))?;
        let port = port
            .map_or(Ok(default), str::parse)
            .map_err(|_not_a_port| UrlError::Port(url.to_owned()))?;
        Ok(Self {
            way,
            host: host.to_owned(),
            port,
        })
    }
}

fn way(scheme: &str, query: &str) -> Option<Way> {
    match (scheme, query) {
        ("stun", _) => Some(Way::Stun),
        ("turn", "" | "transport=udp") => Some(Way::TurnUdp),
        ("turn", "transport=tcp") => Some(Way::TurnTcp),
        ("turns", "" | "transport=tcp") => Some(Way::TurnTls),
        _ => None,
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn authority_parts(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let plain = !host.is_empty() && !host.contains(['/', '@', ' ']);
    match (plain, rest) {
        (true, "") => Some((host, None)),
        (true, rest) => Some((host, Some(rest.strip_prefix(':')?))),
        (false, _) => None,
    }
}

/// The servers of one link.
#[derive(Debug)]
pub(crate) struct Servers {
    resolver: Arc<Resolver>,
    roots: TlsRoots,
    known: Mutex<Vec<Server>>,
}

#[derive(Debug)]
struct Server {
    text: String,
    url: ServerUrl,
    /// `<expiry>:<account>`.
    username: String,
    addresses: Vec<SocketAddr>,
    signed: bool,
    /// The address that the server gave last.
    relayed: Option<SocketAddr>,
    trouble: Option<Trouble>,
}

#[derive(Clone, Debug)]
enum Trouble {
    Refused { code: u16, words: String },
    Tunnel(String),
}

impl Servers {
    pub(crate) fn new(resolver: Arc<Resolver>, roots: TlsRoots) -> Self {
        Self {
            resolver,
            roots,
            known: Mutex::default(),
        }
    }

    /// The servers as the library takes them. Addresses that cannot be used are left out, with a warning.
    pub(crate) fn set(&self, servers: &[IceServer]) -> Vec<RTCIceServer> {
        let mut known = self.lock();
        let mut used = Vec::new();
        for server in servers {
            for text in &server.urls {
                match ServerUrl::parse(text) {
                    _ if used.len() == SERVERS_MAX => {
                        tracing::warn!(SERVERS_MAX, "more ICE servers than are used")
                    }
                    Ok(url) => used.push(known_as(&mut known, text, url, server)),
                    Err(error) => tracing::warn!(%error, "an ICE server cannot be used"),
                }
            }
        }
        used
    }

    /// Begins to look up the names.
    pub(crate) fn look_up(&self) {
        for server in self.lock().iter() {
            self.resolver.begin(&server.url.host, server.url.port);
        }
    }

    /// The addresses of one of our names with its port (`s0.invalid:3478`).
    pub(crate) async fn resolve(&self, name: &str) -> Vec<SocketAddr> {
        let Some((index, url)) = self.named(name) else {
            return Vec::new();
        };
        if is_tunnel(url.way) {
            return tunnel_addresses(index).to_vec();
        }
        let addresses = self.resolver.resolve(&url.host, url.port).await;
        if let Some(server) = self.lock().get_mut(index) {
            server.addresses.clone_from(&addresses);
        }
        addresses
    }

    /// The server behind an address that a datagram comes from or goes to.
    pub(crate) fn at(&self, address: SocketAddr) -> Option<usize> {
        let known = self.lock();
        (0..known.len()).find(|index| match is_tunnel(known[*index].url.way) {
            true => tunnel_addresses(*index).contains(&address),
            false => known[*index].addresses.contains(&address),
        })
    }

    /// Whether a server is reached by a tunnel.
    pub(crate) fn is_tunnel(&self, index: usize) -> bool {
        self.lock()
            .get(index)
            .is_some_and(|server| is_tunnel(server.url.way))
    }

    /// Whether the tunnel to a server could not be opened, or broke.
    pub(crate) fn has_failed(&self, index: usize) -> bool {
        self.lock()
            .get(index)
            .is_some_and(|server| matches!(server.trouble, Some(Trouble::Tunnel(_))))
    }

    /// Opens the tunnel to a server; what comes from there goes to `inbox`.
    pub(crate) fn open(
        self: &Arc<Self>,
        index: usize,
        inbox: mpsc::Sender<Vec<u8>>,
    ) -> Option<Tunnel> {
        let mut known = self.lock();
        let server = known.get_mut(index)?;
        server.trouble = None;
        let url = server.url.clone();
        drop(known);
        let server = TunnelServer {
            host: url.host.clone(),
            tls: url.way == Way::TurnTls,
        };
        let resolver = Arc::clone(&self.resolver);
        let addresses = async move { resolver.resolve(&url.host, url.port).await };
        let servers = Arc::clone(self);
        let ended = move |error| servers.tunnel_ended(index, &error);
        Some(Tunnel::open(
            server,
            addresses,
            self.roots.clone(),
            inbox,
            ended,
        ))
    }

    /// Notes a datagram to a server: a refusal of credentials means something only after they were sent.
    pub(crate) fn sent(&self, index: usize, datagram: &[u8]) {
        if datagram.first() == Some(&0)
            && is_signed_allocate(datagram)
            && let Some(server) = self.lock().get_mut(index)
        {
            server.signed = true;
        }
    }

    /// Notes a datagram of a server.
    pub(crate) fn received(&self, index: usize, datagram: &[u8]) {
        if datagram.first() != Some(&1) {
            return;
        }
        let mut known = self.lock();
        let (Some(answer), Some(server)) = (allocation(datagram), known.get_mut(index)) else {
            return;
        };
        match answer {
            Allocation::Granted(relayed) => {
                server.trouble = None;
                server.relayed = Some(relayed);
            }
            Allocation::Refused {
                code: STALE_NONCE, ..
            } => {}
            Allocation::Refused {
                code: UNAUTHENTICATED,
                ..
            } if !server.signed => {}
            Allocation::Refused { code, words } => {
                server.trouble = Some(Trouble::Refused { code, words })
            }
        }
    }

    /// How the server of a relayed address is reached: `udp`, `tcp` or `tls`.
    pub(crate) fn protocol(&self, relayed: SocketAddr) -> &'static str {
        let known = self.lock();
        match known
            .iter()
            .find(|server| server.relayed == Some(relayed))
            .map(|server| server.url.way)
        {
            Some(Way::TurnTls) => "tls",
            Some(Way::TurnTcp) => "tcp",
            _ => "udp",
        }
    }

    /// What went wrong with the relays, as sentences; empty: nothing.
    pub(crate) fn troubles(&self) -> Vec<String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        self.lock()
            .iter()
            .filter_map(|server| server.trouble_in_words(now))
            .collect()
    }

    /// Whether there is a relay at all.
    pub(crate) fn has_relay(&self) -> bool {
        self.lock().iter().any(|server| server.url.way != Way::Stun)
    }

    fn tunnel_ended(&self, index: usize, error: &TunnelError) {
        if let Some(server) = self.lock().get_mut(index) {
            server.trouble = Some(Trouble::Tunnel(error.to_string()));
        }
    }

    /// Finds the server of one of our names.
    fn named(&self, name: &str) -> Option<(usize, ServerUrl)> {
        let (number, _) = name.strip_prefix('s')?.split_once(".invalid")?;
        let index = number.parse().ok()?;
        Some((index, self.lock().get(index)?.url.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Server>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    fn trouble_in_words(&self, now: u64) -> Option<String> {
        let host = &self.url.host;
        Some(match self.trouble.as_ref()? {
            Trouble::Tunnel(error) => {
                format!("the relay {host} cannot be used over TCP or TLS: {error}")
            }
            Trouble::Refused {
                code: UNAUTHENTICATED,
                ..
            } => match self.expired_for(now) {
                Some(seconds) => format!(
                    "the relay {host} refuses the credentials: they expired {seconds} s ago"
                ),
                None => format!(
                    "the relay {host} refuses the credentials: they are wrong or not valid any more"
                ),
            },
            Trouble::Refused { code, words } => format!("the relay {host} refuses: {code} {words}"),
        })
    }

    fn expired_for(&self, now: u64) -> Option<u64> {
        let (expiry, _) = self.username.split_once(':')?;
        now.checked_sub(expiry.parse().ok()?)
            .filter(|seconds| *seconds > 0)
    }
}

/// The server's entry in the library's list; it keeps its name for as long as the link lives.
fn known_as(
    known: &mut Vec<Server>,
    text: &str,
    url: ServerUrl,
    server: &IceServer,
) -> RTCIceServer {
    let index = known
        .iter()
        .position(|known| known.text == text)
        .unwrap_or(known.len());
    let scheme = if url.way == Way::Stun { "stun" } else { "turn" };
    if index == known.len() {
        let (text, addresses) = (text.to_owned(), Vec::new());
        known.push(Server {
            text,
            url,
            username: String::new(),
            addresses,
            signed: false,
            relayed: None,
            trouble: None,
        });
    }
    known[index].username.clone_from(&server.username);
    known[index].signed = false;
    RTCIceServer {
        urls: vec![format!("{scheme}:s{index}.invalid:{PORT}")],
        username: server.username.clone(),
        credential: server.credential.clone(),
    }
}

fn is_tunnel(way: Way) -> bool {
    matches!(way, Way::TurnTcp | Way::TurnTls)
}

/// The addresses that stand for a tunnel, one of each family.
fn tunnel_addresses(index: usize) -> [SocketAddr; 2] {
    let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
    let v4 = IpAddr::V4(Ipv4Addr::new(240, 0, 0, number));
    let v6 = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, u16::from(number)));
    [SocketAddr::new(v4, PORT), SocketAddr::new(v6, PORT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<(Way, String, u16), UrlError> {
        ServerUrl::parse(url).map(|url| (url.way, url.host, url.port))
    }

    #[test]
    fn addresses_of_servers_are_read() {
        assert_eq!(
            parse("stun:stun.example.org"),
            Ok((Way::Stun, "stun.example.org".into(), 3478))
        );
        assert_eq!(
            parse("turn:a.example:99"),
            Ok((Way::TurnUdp, "a.example".into(), 99))
        );
        assert_eq!(
            parse("turn:a?transport=tcp"),
            Ok((Way::TurnTcp, "a".into(), 3478))
        );
        assert_eq!(
            parse("turns:[2001:db8::1]:443"),
            Ok((Way::TurnTls, "2001:db8::1".into(), 443))
        );
        assert_eq!(
            parse("turns:a?transport=tcp"),
            Ok((Way::TurnTls, "a".into(), 5349))
        );
    }

    #[test]
    fn what_is_no_address_of_a_server_is_refused() {
        for (url, error) in [
            ("http://a", UrlError::Scheme("http://a".into())),
            ("turn", UrlError::Scheme("turn".into())),
            ("turn:", UrlError::Host("turn:".into())),
            ("turn:a b", UrlError::Host("turn:a b".into())),
            ("turn:[::1", UrlError::Host("turn:[::1".into())),
            ("turn:a:", UrlError::Port("turn:a:".into())),
            ("turn:a:70000", UrlError::Port("turn:a:70000".into())),
            (
                "turns:a?transport=udp",
                UrlError::Transport("turns:a?transport=udp".into()),
            ),
        ] {
            assert_eq!(parse(url), Err(error));
        }
    }

    fn servers(urls: &[&str], username: &str) -> (Servers, Vec<RTCIceServer>) {
        let servers = Servers::new(Arc::default(), TlsRoots::load(&[]).unwrap());
        let urls = urls.iter().map(ToString::to_string).collect();
        let list = [IceServer {
            urls,
            username: username.into(),
            credential: "c".into(),
        }];
        let used = servers.set(&list);
        (servers, used)
    }

    #[test]
    fn names_stand_for_servers() {
        let (servers, used) = servers(&["turn:a", "turns:b", "nonsense"], "1:me");
        let urls: Vec<_> = used.iter().flat_map(|server| server.urls.clone()).collect();
        assert_eq!(urls, ["turn:s0.invalid:3478", "turn:s1.invalid:3478"]);
        assert_eq!(
            servers.named("s1.invalid:3478").map(|(index, _)| index),
            Some(1)
        );
        assert!(
            servers.named("s9.invalid:3478").is_none() && servers.named("a.example:3478").is_none()
        );
        assert_eq!(servers.at("240.0.0.2:3478".parse().unwrap()), Some(1));
        assert_eq!(
            servers.at("240.0.0.1:3478".parse().unwrap()),
            None,
            "not by a tunnel"
        );
    }

    #[test]
    fn a_refusal_is_told_in_words() {
        let (servers, _) = servers(&["turn:a"], "1000:me");
        let refusal = |code| {
            // Signed: the attribute of integrity is there.
            let mut request = vec![0, 3, 0, 4, 0x21, 0x12, 0xa4, 0x42];
            request.resize(20, 0);
            request.extend_from_slice(&[0, 8, 0, 0]);
            crate::tls::framing::refusal(&request, code).unwrap()
        };
        servers.received(0, &refusal(401));
        assert_eq!(
            servers.troubles(),
            [""; 0],
            "the first answer only asks who we are"
        );
        servers.lock()[0].signed = true;
        servers.received(0, &refusal(438));
        assert_eq!(servers.troubles(), [""; 0], "only the nonce was old");
        servers.received(0, &refusal(401));
        let words = |now| servers.lock()[0].trouble_in_words(now).unwrap();
        assert_eq!(
            words(1060),
            "the relay a refuses the credentials: they expired 60 s ago"
        );
        assert_eq!(
            words(900),
            "the relay a refuses the credentials: they are wrong or not valid any more"
        );
        servers.received(0, &refusal(486));
        assert_eq!(words(900), "the relay a refuses: 486 ");
    }
}
