//! Listening: what was asked for, or QUIC and TCP wherever the machine has them.

use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use alloquy_core::Input;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use tokio::time::{Instant, timeout};

use super::Task;
use crate::network::StartError;
use crate::network::address::{is_circuit, mixed};
use crate::network::behaviour::{Behaviour, BehaviourEvent};

/// Where to listen when nobody says so, at a port of our own or any (0). IPv6 is left out where the machine has none.
fn default_addresses(port: u16) -> [Multiaddr; 4] {
    [
        format!("/ip4/0.0.0.0/udp/{port}/quic-v1"),
        format!("/ip4/0.0.0.0/tcp/{port}"),
        format!("/ip6/::/udp/{port}/quic-v1"),
        format!("/ip6/::/tcp/{port}"),
    ]
    .map(|text| text.parse().expect("the defaults are multiaddrs"))
}

/// No further interface has been named for this long: there are no more.
const INTERFACES_PAUSE: Duration = Duration::from_millis(20);

/// Listeners that have not said yet where they listen.
pub(in crate::network) struct Listeners {
    waiting: Vec<(ListenerId, Multiaddr)>,
    /// Whether each of them must come up.
    asked_for: bool,
}

/// Begins to listen at `wanted`, all of which must come up; without any at the defaults, as many as come up.
pub(in crate::network) fn listen(
    swarm: &mut Swarm<Behaviour>,
    wanted: &[Multiaddr],
    port: u16,
) -> Result<Listeners, StartError> {
    let asked_for = !wanted.is_empty();
    let waiting = if asked_for {
        wanted.iter().try_for_each(refuse_taken_port)?;
        let listen = |address| listen_on(swarm, address);
        wanted.iter().map(listen).collect::<Result<_, _>>()?
    } else {
        listen_at_defaults(swarm, port)?
    };
    Ok(Listeners { waiting, asked_for })
}

/// The listeners of a node that nobody can dial.
pub(in crate::network) fn listen_nowhere() -> Listeners {
    Listeners {
        waiting: Vec::new(),
        asked_for: false,
    }
}

fn listen_at_defaults(
    swarm: &mut Swarm<Behaviour>,
    port: u16,
) -> Result<Vec<(ListenerId, Multiaddr)>, StartError> {
    // Looked at before the first listener: one of our own on IPv4 would make the port look taken on IPv6.
    let preferred = default_addresses(port).map(|address| match refuse_taken_port(&address) {
        Ok(()) => Some(address),
        Err(_) => None,
    });
    let mut waiting = Vec::new();
    let mut failure = None;
    for (preferred, any) in preferred.into_iter().zip(default_addresses(0)) {
        let listener = preferred.and_then(|address| listen_on(swarm, &address).ok());
        match listener.map_or_else(|| listen_on(swarm, &any), Ok) {
            Ok(listener) => waiting.push(listener),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if waiting.is_empty() => Err(error),
        _ => Ok(waiting),
    }
}

fn listen_on(
    swarm: &mut Swarm<Behaviour>,
    address: &Multiaddr,
) -> Result<(ListenerId, Multiaddr), StartError> {
    let listener = swarm.listen_on(address.clone());
    let listener = listener.map_err(|error| StartError::Listen {
        address: address.to_string(),
        reason: error.to_string(),
    })?;
    Ok((listener, address.clone()))
}

/// libp2p lets several processes of one person share a TCP port, and the system then deals connections
/// out among them. Two nodes on one port would each lose half of their peers.
fn refuse_taken_port(address: &Multiaddr) -> Result<(), StartError> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next() {
        Some(Protocol::Ip4(ip)) => ip.into(),
        Some(Protocol::Ip6(ip)) => ip.into(),
        _ => return Ok(()),
    };
    let Some(Protocol::Tcp(port)) = parts.next().filter(|part| *part != Protocol::Tcp(0)) else {
        return Ok(());
    };
    match TcpListener::bind((ip, port)) {
        Err(error) => Err(StartError::Listen {
            address: address.to_string(),
            reason: error.to_string(),
        }),
        Ok(_) => Ok(()),
    }
}

/// An IPv6 address that means something only together with an interface of the machine that dials it.
fn is_link_local(address: &Multiaddr) -> bool {
    matches!(address.iter().next(), Some(Protocol::Ip6(ip)) if ip.is_unicast_link_local())
}

impl Task {
    /// Serves the swarm until every listener has an address.
    pub(super) async fn until_listening(
        &mut self,
        mut listeners: Listeners,
    ) -> Result<(), StartError> {
        while !listeners.waiting.is_empty() {
            let event = self.swarm.select_next_some().await;
            match &event {
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    listeners
                        .waiting
                        .retain(|(waiting, _)| waiting != listener_id);
                }
                SwarmEvent::ListenerClosed {
                    listener_id,
                    reason,
                    ..
                } => {
                    let at = listeners
                        .waiting
                        .iter()
                        .position(|(waiting, _)| waiting == listener_id);
                    let address = at.map(|at| listeners.waiting.remove(at).1);
                    let last = listeners.waiting.is_empty() && self.listen.is_empty();
                    if let Some(address) = address
                        && (listeners.asked_for || last)
                    {
                        let reason = reason
                            .as_ref()
                            .err()
                            .map_or_else(|| "the listener ended".to_owned(), ToString::to_string);
                        return Err(StartError::Listen {
                            address: address.to_string(),
                            reason,
                        });
                    }
                }
                _ => {}
            }
            self.on_swarm(event);
        }
        // A listener on all interfaces names them one by one: an invite made at once should hold them all.
        while let Ok(event) = timeout(INTERFACES_PAUSE, self.swarm.select_next_some()).await {
            self.on_swarm(event);
        }
        Ok(())
    }

    /// A listener came, changed or went: one of ours, or a reservation with a relay.
    pub(super) fn on_listener(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::NewListenAddr {
                listener_id,
                address,
            } => {
                if self.relays.given(listener_id, &address) {
                    self.tell_listen();
                } else if !is_circuit(&address) {
                    self.listen.insert(address);
                    self.look_for_ways_anew();
                    self.tell_listen();
                }
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                self.listen.remove(&address);
                self.forget_reach(&address);
                if !is_circuit(&address) {
                    self.look_for_ways_anew();
                }
                self.tell_listen();
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                addresses,
                reason,
            } => {
                let words = reason.as_ref().err().map_or_else(
                    || "the connection to it was lost".to_owned(),
                    |error| innermost(error),
                );
                if let Some(relay) = self.relays.ended(listener_id, words, now) {
                    tracing::debug!(%relay, ?reason, "a reservation has ended");
                    self.on_reservation_lost(relay);
                } else if addresses.iter().any(|address| !is_circuit(address)) {
                    tracing::warn!(?reason, "a listener has ended");
                    for address in &addresses {
                        self.listen.remove(address);
                        self.forget_reach(address);
                    }
                }
                self.tell_listen();
            }
            _ => {}
        }
    }

    /// Tells the own addresses: where we listen, what others have seen to be us, and the ways through relays; first those
    /// that are of most use. The core, which makes links of them, hears of ways that will soon stand, too.
    pub(super) fn tell_listen(&mut self) {
        if let Some(router) = &self.router {
            // What nobody wants is closed.
            router.want(self.listen.iter().filter(|_| self.asks_router));
        }
        let own = *self.swarm.local_peer_id();
        let all = self.listen.iter().chain(self.reach.external()).cloned();
        let all = all.chain(self.relays.held());
        let all: Vec<_> = all.filter(|address| !is_link_local(address)).collect();
        let expected = match self.reach.needs_no_relay(&self.listen) {
            true => Vec::new(),
            false => self.relays.expected(),
        };
        let texts = |all: Vec<Multiaddr>| -> Vec<String> {
            let ordered = mixed(all).into_iter();
            ordered
                .map(|address| address.with(Protocol::P2p(own)).to_string())
                .collect()
        };
        let (stand, soon) = (texts(all.clone()), texts([all, expected].concat()));
        self.tell_reach();
        self.state.send_if_modified(|state| {
            let changed = state.listen != stand;
            state.listen = stand;
            changed
        });
        if self.told == soon {
            return;
        }
        self.told.clone_from(&soon);
        // The list replaces the earlier one, so only the last one needs to wait.
        self.outbox
            .retain(|input| !matches!(input, Input::ListenAddresses(_)));
        self.outbox.push_back(Input::ListenAddresses(soon));
    }
}

/// The innermost words of an error: the outer ones say only that it failed.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
