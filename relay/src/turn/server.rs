//! A small TURN server inside another program: what a home node gives its owner, friends and co-members.
//!
//! The machine ([`machine`]) decides, this file has the sockets: UDP and TCP at one port, and a UDP socket for each
//! allocation. One task owns the machine; readers hand it packets over a bounded queue, and what does not fit is
//! dropped, as a full line would.
//!
//! Deliberately not here: TLS (who sees no UDP and no plain TCP needs a relay with coturn at port 443), who is a member.

mod frames;
mod login;
mod machine;
mod relays;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::{Desk, Secret, SecretError, denied};
use crate::quota::wall;
use login::Logins;
use machine::{Machine, Now, Out, Path, Quotas};
use relays::{Place, Relays};

/// Allocations of one member: each of 7 others in a mesh of 8, over two interfaces, and as many again while ICE restarts.
pub const ALLOCATIONS_PER_ACCOUNT_MAX: usize = 32;
/// Bytes a second of one allocation, each way: a camera of 2.5 Mbit/s, a screen, a voice, and half as much again.
pub const ALLOCATION_BYTES_PER_S: u64 = 1_000_000;
/// Ports of relayed addresses, where nothing else is said: the last 500 of the dynamic ones, few enough to be forwarded.
pub const RELAY_PORTS: RangeInclusive<u16> = 65_036..=65_535;
/// The lowest port of a relayed address: below are services that packets must not seem to come from.
pub const RELAY_PORT_MIN: u16 = 1_024;
/// Addresses at once: one of each family.
pub const ADDRESSES_MAX: usize = 2;
/// Packets that wait for the machine: 20 ms of 50,000 a second, more than it carries.
const QUEUE: usize = 1_024;
/// Bytes of a packet: the largest that an Ethernet carries, and the headers of TURN around it.
const PACKET_BYTES_MAX: usize = 2_048;
/// How often it forgets what has ended.
const TICK: Duration = Duration::from_secs(1);
/// After this a new secret makes credentials.
const ROTATE: Duration = Duration::from_secs(24 * 60 * 60);
/// Secrets that are taken: the present one, and that of the day before.
const SECRETS_KEPT: usize = 2;

/// Where and for whom it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// What members are told: addresses of this machine, or of the box before it that forwards these ports.
    pub addresses: Vec<SocketAddr>,
    /// Ports of relayed addresses.
    pub ports: RangeInclusive<u16>,
    /// The realm of its logins.
    pub realm: String,
}

/// Why it can not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// None, or too many.
    #[error(
        "{0} addresses for the TURN server, 1 to {ADDRESSES_MAX} are taken: one of IPv4, one of IPv6"
    )]
    Addresses(usize),
    /// One that nobody outside reaches.
    #[error("{address} is no address for a TURN server: {why}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        why: &'static str,
    },
    /// A range that is none, or holds the port where it listens.
    #[error(
        "ports {first}-{last} are not a range of {RELAY_PORT_MIN}-65535 without the port where the TURN server listens"
    )]
    Ports {
        /// The first.
        first: u16,
        /// The last.
        last: u16,
    },
    /// It can not listen.
    #[error("the TURN server can not listen on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

enum Event {
    /// A packet or frame of a client.
    Client(Path, Vec<u8>),
    /// A packet of a peer to a relayed address.
    Peer(SocketAddr, SocketAddr, Vec<u8>),
    /// A client is there over TCP, and where its frames go.
    Connected(Path, mpsc::Sender<Vec<u8>>),
    /// It has gone.
    Gone(Path),
}

/// A TURN server that runs; dropped, it ends.
#[derive(Debug)]
pub struct TurnServer {
    desk: Desk,
    task: JoinHandle<()>,
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TurnServer {
    /// Begins to serve.
    ///
    /// # Errors
    /// See [`ServerError`].
    pub async fn start(config: ServerConfig) -> Result<Self, ServerError> {
        judge(&config)?;
        let secret = Secret::generate()?;
        let (events, queue) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        let mut listeners = Vec::new();
        let mut places = Vec::new();
        for address in &config.addresses {
            let failed = |error| ServerError::Listen {
                address: *address,
                error,
            };
            let (udp, bound) = bind(*address).await.map_err(failed)?;
            let tcp = TcpListener::bind(bound).await.map_err(failed)?;
            places.push(Place {
                told: address.ip(),
                bound: bound.ip(),
            });
            let udp = Arc::new(udp);
            tasks.spawn(read_udp(Arc::clone(&udp), listeners.len(), events.clone()));
            listeners.push(Some(udp));
            tasks.spawn(frames::accept(tcp, listeners.len(), events.clone()));
            listeners.push(None);
        }
        let desk = Desk::new(urls(&config.addresses), secret.clone());
        let shell = Shell {
            machine: machine(&config, secret)?,
            relays: Relays::new(places, config.ports, events),
            listeners,
            connections: BTreeMap::new(),
            desk: desk.clone(),
            rotated: Instant::now(),
            _tasks: tasks,
        };
        desk.counts().set_up(true, wall());
        let task = tokio::spawn(shell.serve(queue));
        Ok(Self { desk, task })
    }

    /// Where credentials for it are given.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }
}

fn judge(config: &ServerConfig) -> Result<(), ServerError> {
    let given = config.addresses.len();
    let v4 = config.addresses.iter().filter(|one| one.is_ipv4()).count();
    if given == 0 || v4 > 1 || given - v4 > 1 {
        return Err(ServerError::Addresses(given));
    }
    let (first, last) = (*config.ports.start(), *config.ports.end());
    for address in &config.addresses {
        let why = match denied::reason(address.ip()) {
            None if address.port() == 0 => Some("port 0 is none that can be told"),
            why => why,
        };
        if let Some(why) = why {
            let address = *address;
            return Err(ServerError::Address { address, why });
        }
        if first < RELAY_PORT_MIN || first > last || config.ports.contains(&address.port()) {
            return Err(ServerError::Ports { first, last });
        }
    }
    Ok(())
}

fn machine(config: &ServerConfig, secret: Secret) -> Result<Machine, ServerError> {
    let mut nonce_key = [0; 32];
    getrandom::fill(&mut nonce_key).map_err(|error| SecretError::Random(error.to_string()))?;
    let logins = Logins {
        realm: config.realm.clone(),
        secrets: vec![secret],
        nonce_key,
    };
    let quotas = Quotas {
        allocations: config.ports.len(),
        allocations_per_account: ALLOCATIONS_PER_ACCOUNT_MAX,
        bytes_per_s: ALLOCATION_BYTES_PER_S,
    };
    let own = config.addresses.iter().map(SocketAddr::ip).collect();
    Ok(Machine::new(logins, quotas, own))
}

fn urls(addresses: &[SocketAddr]) -> Vec<String> {
    let over = |transport| move |at: &SocketAddr| format!("turn:{at}?transport={transport}");
    let udp = addresses.iter().map(over("udp"));
    udp.chain(addresses.iter().map(over("tcp"))).collect()
}

/// At the address itself, or where this machine does not have it (a box before it does) at all of its family.
async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    match UdpSocket::bind(address).await {
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            let any: IpAddr = match address {
                SocketAddr::V4(_) => [0; 4].into(),
                SocketAddr::V6(_) => [0; 16].into(),
            };
            let bound = SocketAddr::new(any, address.port());
            Ok((UdpSocket::bind(bound).await?, bound))
        }
        other => Ok((other?, address)),
    }
}

async fn read_udp(socket: Arc<UdpSocket>, listener: usize, events: mpsc::Sender<Event>) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((bytes, client)) => {
                let path = Path { listener, client };
                offer(&events, Event::Client(path, buffer[..bytes].to_vec()));
            }
            // An ICMP message of somebody who has gone.
            Err(error) => {
                tracing::trace!(%error, "a packet could not be read");
                tokio::task::yield_now().await;
            }
        }
    }
}

/// What does not fit is dropped: media that waits is worth nothing.
fn offer(events: &mpsc::Sender<Event>, event: Event) {
    if events.try_send(event).is_err() {
        tracing::trace!("a packet is dropped: the queue is full");
    }
}

struct Shell {
    machine: Machine,
    relays: Relays,
    /// By number; `None` is one of TCP.
    listeners: Vec<Option<Arc<UdpSocket>>>,
    connections: BTreeMap<Path, mpsc::Sender<Vec<u8>>>,
    desk: Desk,
    rotated: Instant,
    _tasks: JoinSet<()>,
}

impl Shell {
    async fn serve(mut self, mut queue: mpsc::Receiver<Event>) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = queue.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                _ = tick.tick() => self.tick(),
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = now();
        let out = match event {
            Event::Client(path, bytes) => {
                self.machine
                    .client_sent(now, path, &bytes, &mut self.relays)
            }
            Event::Peer(relayed, peer, bytes) => self.machine.peer_sent(now, relayed, peer, &bytes),
            Event::Connected(path, frames) => {
                self.connections.insert(path, frames);
                None
            }
            Event::Gone(path) => {
                self.connections.remove(&path);
                self.machine.gone(path, &mut self.relays);
                None
            }
        };
        match out {
            Some(Out::Client(path, bytes)) => self.to_client(path, bytes),
            Some(Out::Peer { from, to, data }) => self.relays.send(from, to, &data),
            None => {}
        }
    }

    fn to_client(&self, path: Path, bytes: Vec<u8>) {
        match &self.listeners[path.listener] {
            Some(udp) => {
                if let Err(error) = udp.try_send_to(&bytes, path.client) {
                    tracing::trace!(%error, "a packet to a client is dropped");
                }
            }
            None => {
                let frames = self.connections.get(&path);
                if frames.is_none_or(|frames| frames.try_send(frames::padded(bytes)).is_err()) {
                    tracing::trace!("a frame to a client is dropped");
                }
            }
        }
    }

    fn tick(&mut self) {
        self.machine.expire(now(), &mut self.relays);
        let secrets = &mut self.machine.logins.secrets;
        if self.rotated.elapsed() > ROTATE {
            match Secret::generate() {
                Ok(secret) => {
                    // The last one stays: what was begun with it is renewed by it, for at most a day.
                    secrets.insert(0, secret.clone());
                    secrets.truncate(SECRETS_KEPT);
                    self.desk.rotate(secret);
                    self.rotated = Instant::now();
                }
                Err(error) => tracing::error!(%error, "the TURN server keeps its secret"),
            }
        }
    }
}

fn now() -> Now {
    Now {
        mono: Instant::now(),
        wall: wall(),
    }
}
