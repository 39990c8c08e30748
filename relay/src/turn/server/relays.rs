//! The sockets of relayed addresses.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use turn_types::AddressFamily;

use super::machine::{Ports, Sockets};
use super::{Event, PACKET_BYTES_MAX, offer};

/// What clients are told, and what the machine has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) told: IpAddr,
    pub(super) bound: IpAddr,
}

#[derive(Debug)]
struct Relayed {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// See the module.
pub(super) struct Relays {
    places: Vec<Place>,
    ports: RangeInclusive<u16>,
    events: mpsc::Sender<Event>,
    open: BTreeMap<SocketAddr, Relayed>,
}

impl Relays {
    pub(super) fn new(
        places: Vec<Place>,
        ports: RangeInclusive<u16>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            places,
            ports,
            events,
            open: BTreeMap::new(),
        }
    }

    pub(super) fn send(&self, from: SocketAddr, to: SocketAddr, data: &[u8]) {
        let Some(relayed) = self.open.get(&from) else {
            return;
        };
        if let Err(error) = relayed.socket.try_send_to(data, to) {
            tracing::trace!(%error, "a packet to a peer is dropped");
        }
    }

    fn place(&self, family: AddressFamily) -> Option<Place> {
        let mut places = self.places.iter();
        places
            .find(|place| place.told.is_ipv4() == (family == AddressFamily::IPV4))
            .copied()
    }

    /// Ports in an order that nobody foresees: who guesses one could send to it (RFC 6056).
    fn starts(&self, ports: Ports) -> impl Iterator<Item = u16> + use<> {
        let (first, last) = (*self.ports.start(), *self.ports.end());
        let size = u32::from(last - first) + 1;
        let mut bytes = [0; 4];
        // Without randomness they come in their order.
        let offset = getrandom::fill(&mut bytes).map_or(0, |()| u32::from_be_bytes(bytes) % size);
        let all = (0..size).map(move |at| first + u16::try_from((at + offset) % size).unwrap_or(0));
        all.filter(move |port| match ports {
            Ports::Any => true,
            Ports::Even => port % 2 == 0,
            Ports::Pair => port % 2 == 0 && *port < last,
        })
    }

    fn open_at(&mut self, place: Place, port: u16) -> io::Result<SocketAddr> {
        let socket = std::net::UdpSocket::bind((place.bound, port))?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let relayed = SocketAddr::new(place.told, port);
        let reader = tokio::spawn(read(Arc::clone(&socket), relayed, self.events.clone()));
        let reader = reader.abort_handle();
        self.open.insert(relayed, Relayed { socket, reader });
        Ok(relayed)
    }
}

impl Sockets for Relays {
    fn open(&mut self, family: AddressFamily, ports: Ports) -> Option<Vec<SocketAddr>> {
        let place = self.place(family)?;
        for port in self.starts(ports) {
            let Ok(first) = self.open_at(place, port) else {
                continue;
            };
            if ports != Ports::Pair {
                return Some(vec![first]);
            }
            match self.open_at(place, port + 1) {
                Ok(second) => return Some(vec![first, second]),
                Err(_) => self.close(first),
            }
        }
        None
    }

    fn close(&mut self, relayed: SocketAddr) {
        self.open.remove(&relayed);
    }

    fn has(&self, family: AddressFamily) -> bool {
        self.place(family).is_some()
    }
}

async fn read(socket: Arc<UdpSocket>, relayed: SocketAddr, events: mpsc::Sender<Event>) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((bytes, peer)) => {
                offer(
                    &events,
                    Event::Peer(relayed, peer, buffer[..bytes].to_vec()),
                );
            }
            // An ICMP message of a peer that has gone.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
