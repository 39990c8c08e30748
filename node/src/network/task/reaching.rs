//! Being reachable: what others and the router say of this node, and the relays that it uses or is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use alloquy_core::Input;
use alloquy_relay::{Admission, Door, Limits, Listed, Pass, Quota, peer_of};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, autonat, identify, relay};
use tokio::time::Instant;

use super::{LOOK_EVERY, Task, address};
use crate::network::circuits::Circuits;
use crate::network::frames;
use crate::network::redial::Why;
use crate::network::relays::Next;
use crate::network::router::Answer;
use crate::network::{AskRouter, CoMembers, ReachState, behaviour, seek};

/// What the task is started with.
#[derive(Debug)]
pub(in crate::network) struct Settings {
    pub(in crate::network) door: Door,
    pub(in crate::network) circuits: Circuits,
    pub(in crate::network) pass: Option<Pass>,
    pub(in crate::network) relays: Vec<Multiaddr>,
    pub(in crate::network) announce: Vec<Multiaddr>,
    pub(in crate::network) router: AskRouter,
}

/// What a connected peer says that it speaks.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// It relays.
    pub(super) hop: bool,
    /// A pass was shown to it.
    shown: bool,
    /// Where it is, if it takes part in searches.
    pub(super) places: Vec<Multiaddr>,
}

impl Task {
    /// Knows what the person who started the node named.
    pub(super) fn know_named(&mut self, relays: Vec<Multiaddr>, announce: Vec<Multiaddr>) {
        for relay in relays {
            if let (address, Some(peer)) = address::split_peer(relay) {
                self.relays.know(peer, address, true);
                self.want_relay(peer);
            }
        }
        for address in announce {
            self.swarm.add_external_address(address.clone());
            self.reach.name(address);
        }
    }

    fn want_relay(&mut self, peer: PeerId) {
        let connected = self.swarm.is_connected(&peer);
        let addresses = self.relays.addresses(&peer);
        self.swarm.behaviour_mut().limits.bypass_peer_id(&peer);
        self.redial
            .want(peer, Why::Relay, addresses, connected, Instant::now());
    }

    /// Looks after everything whose time may have come.
    pub(super) fn look_after(&mut self) {
        let now = Instant::now();
        if self.look_at > now {
            return;
        }
        self.look_at = now + LOOK_EVERY;
        self.look_after_paths();
        self.look_after_relays();
    }

    /// Takes the next steps towards the reservations that are wanted.
    pub(super) fn look_after_relays(&mut self) {
        let now = Instant::now();
        let wanted = !self.reach.needs_no_relay(&self.listen);
        loop {
            let said = &self.said;
            let swarm = &self.swarm;
            let hop = |peer: &PeerId| {
                let said = said.get(peer).filter(|_| swarm.is_connected(peer));
                said.map(|said| said.hop)
            };
            let Some(next) = self.relays.next(wanted, now, &hop) else {
                break;
            };
            match next {
                Next::Connect(peer, _) => self.want_relay(peer),
                Next::Reserve(peer) => self.reserve(peer, now),
                Next::GiveUp(listener) => {
                    self.swarm.remove_listener(listener);
                }
            }
        }
        let mut over = self.relays.idle();
        over.extend(self.relays.take_forgotten());
        for peer in over {
            self.redial.unwant(peer, Why::Relay);
            if !self.redial.is_wanted_by_name(&peer) {
                self.swarm.behaviour_mut().limits.remove_peer_id(&peer);
            }
        }
        self.tell_listen();
    }

    fn reserve(&mut self, peer: PeerId, now: Instant) {
        let Some(address) = self.relays.addresses(&peer).into_iter().next() else {
            return;
        };
        let at = address.with(Protocol::P2p(peer)).with(Protocol::P2pCircuit);
        match self.swarm.listen_on(at) {
            Ok(listener) => self.relays.asked(&peer, listener, now),
            Err(error) => self.relays.failed(&peer, error.to_string(), now),
        }
    }

    /// A relay does not hold our place any more: another one takes it over at once.
    pub(super) fn on_reservation_lost(&mut self, relay: PeerId) {
        self.state
            .send_modify(|state| state.counters.reservations_lost += 1);
        if let Some(pass) = self.pass
            && let Some(said) = self.said.get_mut(&relay)
            && !said.shown
        {
            said.shown = true;
            let control = self.swarm.behaviour().for_relays.new_control();
            tokio::spawn(async move {
                match alloquy_relay::show(control, relay, &pass).await {
                    Ok(()) => tracing::debug!(%relay, "a relay took the pass"),
                    Err(error) => tracing::warn!(%relay, %error, "a relay did not take the pass"),
                }
            });
        }
        self.look_at = Instant::now();
    }

    /// A peer said who it is, what it speaks, and how it sees us.
    pub(super) fn on_identified(&mut self, peer: PeerId, info: &identify::Info) {
        let now = Instant::now();
        let hop = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        let shown = self.said.get(&peer).is_some_and(|said| said.shown);
        let mut places = Vec::new();
        if info.protocols.contains(&seek::PROTOCOL) {
            places = address::mixed(info.listen_addrs.iter().cloned());
            places.truncate(address::PEER_ADDRESSES_MAX);
            self.swarm.behaviour_mut().seek.know(peer, &places);
        }
        let said = Said { hop, shown, places };
        self.said.insert(peer, said);
        let member = info.protocols.contains(&frames::PROTOCOL);
        if member {
            self.begin_held_session(peer);
        }
        self.dials.hurry(&peer, now);
        let addresses = address::texts_of(&info.listen_addrs);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.improve.peer_is_at(&info.listen_addrs, now);
        }
        if let Some(session) = self.sessions.get(&peer)
            && !addresses.is_empty()
        {
            let key = session.key;
            let direct = session.connections.iter().find(|path| !path.relayed);
            let direct = direct.map(|path| path.remote.clone());
            self.outbox.push_back(Input::PeerAddresses(key, addresses));
            // A co-member that is reachable where we dialled it may relay for us.
            if let Some(remote) = direct.filter(|remote| hop && info.listen_addrs.contains(remote))
                && self.redial.is_wanted_by_name(&peer)
            {
                self.relays.know(peer, remote, false);
                if member {
                    self.relays.is_member(&peer);
                }
            }
        }
        self.look_at = now;
    }

    /// A peer tried an address of ours.
    pub(super) fn on_asked_reach(&mut self, event: &autonat::v2::client::Event) {
        let (address, _) = address::split_peer(event.tested_addr.clone());
        // What a relay makes of us says nothing about the way without it.
        if address.is_empty() || address::is_circuit(&address) {
            return;
        }
        // Nor does it say anything that who is inside does not come in from outside: few routers turn that around.
        let session = self.sessions.get(&event.server);
        let outside = session.is_none_or(|session| {
            let direct = session.connections.iter().filter(|path| !path.relayed);
            let mut from = direct.filter_map(|path| address::ip_of(&path.remote));
            from.any(address::is_global)
        });
        if event.result.is_err() && !outside {
            return;
        }
        tracing::debug!(%address, by = %event.server, reached = event.result.is_ok(), "reach");
        self.reach
            .tried(address, event.server, event.result.is_ok());
        self.on_reach_changed();
    }

    /// An own address is confirmed, or is so no more.
    pub(super) fn set_external(&mut self, address: &Multiaddr, stands: bool) {
        let (address, _) = address::split_peer(address.clone());
        if self.reach.confirm(&address, stands) {
            self.on_reach_changed();
        }
    }

    /// An address of this machine has gone: what was found out about ways to it does not hold any more.
    pub(super) fn forget_reach(&mut self, gone: &Multiaddr) {
        if address::is_circuit(gone) {
            return;
        }
        for address in self.reach.forget(gone, &self.listen) {
            self.swarm.remove_external_address(&address);
        }
        if address::ip_of(gone).is_some_and(|ip| ip.is_ipv4() && !ip.is_loopback()) {
            let asks = &mut self.swarm.behaviour_mut().asks_reach;
            asks.forget();
            // What the router says is not believed untried a second time.
            for address in self.reach.mapped() {
                asks.ask_about(address);
            }
        }
        self.on_reach_changed();
    }

    /// The router is asked from now on, or no more; then what it let in is closed.
    pub(super) fn ask_router(&mut self, ask: bool) {
        if self.router.is_some() && self.asks_router != ask {
            self.asks_router = ask;
            self.on_router(self.router_said.clone());
        }
    }

    /// The router has another answer than before.
    pub(super) fn on_router(&mut self, answer: Answer) {
        self.router_said = answer;
        let answer = match self.asks_router {
            true => self.router_said.clone(),
            false => Answer::default(),
        };
        let (gone, new) = self.reach.answered(answer);
        for address in gone {
            if !self.reach.is_named(&address) {
                self.swarm.remove_external_address(&address);
                self.reach.confirm(&address, false);
            }
        }
        for address in new {
            self.swarm.add_external_address(address.clone());
            self.reach.confirm(&address, true);
            self.swarm.behaviour_mut().asks_reach.ask_about(&address);
        }
        self.on_reach_changed();
    }

    fn on_reach_changed(&mut self) {
        self.open_door();
        self.tell_listen();
        self.look_at = Instant::now();
    }

    /// Circuits of others through this node: libp2p does not tell what they carry, so they count by their time.
    pub(super) fn on_relaying(&mut self, event: &relay::Event) {
        let now = Instant::now();
        match event {
            relay::Event::CircuitReqAccepted {
                src_peer_id: from,
                dst_peer_id: to,
            } => {
                let session = self.sessions.get(from);
                let mut paths = session.iter().flat_map(|session| &session.connections);
                let place = paths.find(|path| !path.relayed);
                let place = place.map(|path| path.remote.clone());
                self.circuits.began(*from, *to, place, now);
            }
            relay::Event::CircuitClosed {
                src_peer_id: from,
                dst_peer_id: to,
                ..
            } => self.circuits.ended(*from, *to, now),
            _ => {}
        }
    }

    /// Which connected peers are co-members: those may reserve here.
    pub(super) fn serve_co_members(&mut self, members: CoMembers) {
        let named = |(key, communities)| peer_of(key).map(|peer| (peer, communities));
        let members: BTreeMap<_, _> = members.into_iter().filter_map(named).collect();
        self.co_members = members.keys().copied().collect();
        // Of those who went, what they were in is still known.
        self.communities.retain(|peer, _| self.kept.contains(peer));
        self.communities.extend(members);
        self.befriend();
        self.open_door();
    }

    /// Lets co-members reserve while this node is reachable from outside.
    fn open_door(&self) {
        let mut list = Listed::default();
        if self.reach.is_public() {
            list.peers.clone_from(&self.co_members);
        }
        self.door.admit(Admission::Listed(list));
    }

    /// Tells faces how this node is reachable.
    pub(super) fn tell_reach(&self) {
        let reach = ReachState {
            v4: self.reach.family(IpAddr::is_ipv4),
            v6: self.reach.family(IpAddr::is_ipv6),
            mapping: self.reach.mapping,
            relays: self.relays.states(),
        };
        self.state.send_if_modified(|state| {
            let changed = state.reach != reach;
            state.reach = reach;
            changed
        });
    }
}

/// A door that nobody passes.
pub(in crate::network) fn closed_door() -> Door {
    Door::new(Admission::Listed(Listed::default()))
}

/// Switches as the swarm is told them.
pub(in crate::network) fn parts(mdns: bool, door: &Door) -> behaviour::Parts {
    let limits = Limits::of_member();
    behaviour::Parts {
        mdns: mdns.into(),
        door: door.clone(),
        limits,
        quota: Quota::new(&limits, door),
    }
}
