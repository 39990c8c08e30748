//! Dials: whom `redial` says, in the steps of `dials`.

use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::Task;
use crate::network::address::split_circuit;
use crate::network::dials::Step;
use crate::network::redial::Target;

impl Task {
    /// Begins every dial whose time has come.
    pub(super) fn dial_due(&mut self) {
        let now = Instant::now();
        while let Some((target, addresses)) = self.redial.due(now) {
            match &target {
                Target::Peer(peer) if self.faults.is_blocked(peer, now) => {
                    self.redial.failed(&target, now, &mut self.rng);
                }
                _ => {
                    self.dials.plan(&target, addresses, now);
                    self.give_up_if_nothing_is_left(&target);
                }
            }
        }
        while let Some(step) = self.dials.due(now) {
            self.dial_step(step, now);
        }
    }

    fn dial_step(&mut self, step: Step, now: Instant) {
        if let Target::Peer(peer) = &step.target
            && self.swarm.is_connected(peer)
        {
            return;
        }
        if let Some(relay) = step.relay
            && !(self.swarm.is_connected(&relay) && self.said.contains_key(&relay))
        {
            // A relay that has said who it is has also said how it sees us, which is what punching a hole needs.
            let waits = self.dials.ask(step.clone(), now);
            if waits {
                self.connect_relay(relay, &step.addresses);
                return;
            }
            if !self.swarm.is_connected(&relay) {
                return self.give_up_if_nothing_is_left(&step.target);
            }
        }
        let options: DialOpts = match &step.target {
            Target::Peer(peer) => DialOpts::peer_id(*peer)
                .condition(PeerCondition::Disconnected)
                .addresses(step.addresses)
                .build(),
            Target::Address(address) => {
                DialOpts::unknown_peer_id().address(address.clone()).build()
            }
        };
        let connection = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => self.dials.started(connection, step.target),
            Err(error) => {
                tracing::debug!(%error, "a dial was not started");
                self.give_up_if_nothing_is_left(&step.target);
            }
        }
    }

    fn give_up_if_nothing_is_left(&mut self, target: &Target) {
        if self.dials.nothing_left(target) {
            self.redial.failed(target, Instant::now(), &mut self.rng);
            self.seek(target);
        }
    }

    /// Connects to a relay, to call somebody through it.
    fn connect_relay(&mut self, relay: PeerId, circuits: &[Multiaddr]) {
        let own = *self.swarm.local_peer_id();
        self.relays.learn(circuits, &own);
        if relay == own || !self.relays.knows(&relay) || self.swarm.is_connected(&relay) {
            return;
        }
        let relays = circuits.iter().filter_map(split_circuit);
        let options = DialOpts::peer_id(relay)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(relays.map(|(address, _)| address).collect())
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%relay, %error, "a relay was not dialled");
        }
    }

    pub(super) fn on_dial_failed(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        error: &DialError,
    ) {
        tracing::debug!(%error, "a dial failed");
        let now = Instant::now();
        if let Some(target) = self.dials.failed(connection) {
            self.redial.failed(&target, now, &mut self.rng);
            self.seek(&target);
        }
        if let Some(peer) = peer {
            self.note_no_direct_way(peer, error);
        }
        if let Some(peer) = peer.filter(|peer| self.relays.knows(peer))
            && !self.swarm.is_connected(&peer)
        {
            self.dials.hurry(&peer, now);
            self.relays.unreachable(&peer, now);
        }
    }
}
