//! Dials under way, in steps: QUIC at once, TCP a little later, relays last.
//!
//! All addresses of one step are dialled at the same time. A later step begins though an earlier one has not failed yet:
//! a firewall that drops packets says nothing for ten seconds. The first connection wins; if it goes through a
//! relay, a direct one that comes later is moved to.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::address::{is_circuit, split_circuit};
use super::redial::Target;

/// TCP is dialled so long after QUIC.
const TCP_AFTER: Duration = Duration::from_millis(250);
/// Relays are called so long after the peer itself.
const RELAYS_AFTER: Duration = Duration::from_millis(1_000);
/// Each further relay is called so long after the one before.
const NEXT_RELAY_AFTER: Duration = Duration::from_millis(1_000);
/// How long a relay may take to connect and say who it is before a call through it.
const RELAY_LIMIT: Duration = Duration::from_secs(8);
/// Relays through which one peer is called.
const RELAYS_PER_PEER_MAX: usize = 4;

/// What is to be dialled at some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) target: Target,
    pub(super) addresses: Vec<Multiaddr>,
    /// The relay that all addresses lead through.
    pub(super) relay: Option<PeerId>,
    at: Instant,
    /// Whether the relay was asked to connect; then `at` is when its patience ends.
    asked: bool,
}

/// Dials under way and steps that wait.
#[derive(Debug, Default)]
pub(super) struct Dials {
    under_way: BTreeMap<ConnectionId, Target>,
    waiting: Vec<Step>,
}

impl Dials {
    /// Puts the addresses of a target into steps that begin now.
    pub(super) fn plan(&mut self, target: &Target, addresses: Vec<Multiaddr>, now: Instant) {
        let (circuits, direct): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_circuit);
        let (quic, other): (Vec<_>, Vec<_>) = direct.into_iter().partition(is_quic);
        let called_directly = !(quic.is_empty() && other.is_empty());
        let tcp_at = if quic.is_empty() {
            now
        } else {
            now + TCP_AFTER
        };
        for (addresses, at) in [(quic, now), (other, tcp_at)] {
            if !addresses.is_empty() {
                self.wait(target, addresses, None, at);
            }
        }
        let mut at = if called_directly {
            now + RELAYS_AFTER
        } else {
            now
        };
        let mut by_relay: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        let mut order = Vec::new();
        for circuit in circuits {
            if let Some((_, relay)) = split_circuit(&circuit) {
                if !by_relay.contains_key(&relay) {
                    order.push(relay);
                }
                by_relay.entry(relay).or_default().push(circuit);
            }
        }
        for relay in order.into_iter().take(RELAYS_PER_PEER_MAX) {
            let addresses = by_relay.remove(&relay).unwrap_or_default();
            self.wait(target, addresses, Some(relay), at);
            at += NEXT_RELAY_AFTER;
        }
    }

    fn wait(
        &mut self,
        target: &Target,
        addresses: Vec<Multiaddr>,
        relay: Option<PeerId>,
        at: Instant,
    ) {
        self.waiting.push(Step {
            target: target.clone(),
            addresses,
            relay,
            at,
            asked: false,
        });
    }

    /// A step whose time has come; what waits for a relay comes twice ([`Dials::ask`]).
    pub(super) fn due(&mut self, now: Instant) -> Option<Step> {
        let at = self.waiting.iter().position(|step| step.at <= now)?;
        Some(self.waiting.swap_remove(at))
    }

    /// Whether a step may still wait for its relay: it comes again when the relay is there, or out of patience.
    pub(super) fn ask(&mut self, step: Step, now: Instant) -> bool {
        if step.asked {
            return false;
        }
        self.waiting.push(Step {
            at: now + RELAY_LIMIT,
            asked: true,
            ..step
        });
        true
    }

    /// A relay is there, or will not be: what waits for it comes at once.
    pub(super) fn hurry(&mut self, relay: &PeerId, now: Instant) {
        for step in &mut self.waiting {
            if step.relay.as_ref() == Some(relay) && step.asked {
                step.at = now;
            }
        }
    }

    /// When the next step is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.waiting.iter().map(|step| step.at).min()
    }

    pub(super) fn started(&mut self, connection: ConnectionId, target: Target) {
        self.under_way.insert(connection, target);
    }

    /// A dial has led to a connection: later steps of its target are not needed.
    pub(super) fn done(&mut self, connection: ConnectionId) {
        if let Some(target) = self.under_way.remove(&connection) {
            self.waiting.retain(|step| step.target != target);
        }
    }

    /// A dial failed; its target, if nothing else is tried for it.
    pub(super) fn failed(&mut self, connection: ConnectionId) -> Option<Target> {
        let target = self.under_way.remove(&connection)?;
        self.nothing_left(&target).then_some(target)
    }

    /// Whether nothing is tried or will be tried for a target.
    pub(super) fn nothing_left(&self, target: &Target) -> bool {
        self.under_way.values().all(|other| other != target)
            && self.waiting.iter().all(|step| step.target != *target)
    }
}

fn is_quic(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::QuicV1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    #[test]
    fn steps_come_one_after_the_other_and_relays_last() {
        let (mut dials, now) = (Dials::default(), Instant::now());
        let (peer, relay) = (PeerId::random(), PeerId::random());
        let target = Target::Peer(peer);
        let quic = parse("/ip4/192.0.2.1/udp/1/quic-v1");
        let tcp = parse("/ip4/192.0.2.1/tcp/1");
        let circuits = ["/ip4/192.0.2.9/tcp/1", "/ip4/192.0.2.9/udp/1/quic-v1"]
            .map(|text| parse(&format!("{text}/p2p/{relay}/p2p-circuit")));
        let mut all = vec![circuits[0].clone(), tcp.clone(), quic.clone()];
        all.push(circuits[1].clone());
        dials.plan(&target, all, now);
        let first = dials.due(now).unwrap();
        assert_eq!(first.addresses, [quic]);
        assert_eq!(dials.due(now), None);
        let second = dials.due(now + TCP_AFTER).unwrap();
        assert_eq!(second.addresses, [tcp]);
        assert_eq!(dials.next_at(), Some(now + RELAYS_AFTER));
        let third = dials.due(now + RELAYS_AFTER).unwrap();
        assert_eq!((third.relay, third.addresses.len()), (Some(relay), 2));

        assert!(dials.ask(third.clone(), now), "it waits for the relay");
        assert_eq!(dials.due(now + RELAYS_AFTER), None);
        dials.hurry(&relay, now);
        let again = dials.due(now).unwrap();
        assert!(!dials.ask(again, now), "but only once");
        assert!(dials.nothing_left(&target));
    }

    #[test]
    fn a_target_has_failed_when_every_step_has() {
        let (mut dials, now) = (Dials::default(), Instant::now());
        let target = Target::Peer(PeerId::random());
        let ids = [1, 2].map(ConnectionId::new_unchecked);
        dials.started(ids[0], target.clone());
        dials.started(ids[1], target.clone());
        assert_eq!(dials.failed(ids[0]), None);
        dials.plan(&target, vec![parse("/ip4/192.0.2.1/tcp/1")], now);
        assert_eq!(dials.failed(ids[1]), None);
        dials.due(now).unwrap();
        assert!(dials.nothing_left(&target));
        dials.started(ids[0], target.clone());
        dials.plan(&target, vec![parse("/ip4/192.0.2.1/tcp/1")], now);
        dials.done(ids[0]);
        assert_eq!(dials.next_at(), None, "a connection ends the other steps");
    }
}
