//! Relays that this node knows, and its reservations with them: what is wanted next, without sockets of its own.
//!
//! A relay is *named* by the person, or *learnt*: from co-members' addresses that lead through it, or because a connected
//! co-member relays itself. While this node is not known to be reachable from outside, it holds reservations with up to
//! [`RESERVATIONS_WANTED`] of them, named ones first. A relay that fails is asked again after a pause, and another one
//! takes its place at once.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

use super::address::{PEER_ADDRESSES_MAX, split_circuit, split_peer};

/// Reservations at once: when one relay dies, the other's address is already known to everybody.
pub(super) const RESERVATIONS_WANTED: usize = 2;
/// Relays that are remembered: addresses of co-members name some each.
const KNOWN_MAX: usize = 32;
/// Addresses that one relay may give us: two transports, two families, some interfaces.
const GIVEN_MAX: usize = 8;
/// The first pause after a failure; it doubles.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How long a reservation may take, its relay's connection included.
const ASK_LIMIT: Duration = Duration::from_secs(30);

/// How far a reservation is.
#[derive(Debug)]
enum Reservation {
    None,
    /// The relay is being connected; given up at this time.
    Connecting(Instant),
    /// Asked for; given up at this time.
    Asked(ListenerId, Instant),
    /// It stands; what others dial.
    Held(ListenerId, Vec<Multiaddr>),
}

/// A connection with a relay.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: ConnectionId,
    pub(super) remote: Multiaddr,
    /// It leads through another relay.
    pub(super) relayed: bool,
    /// We have called.
    pub(super) dialled: bool,
}

#[derive(Debug)]
struct Relay {
    named: bool,
    addresses: Vec<Multiaddr>,
    /// How many of them, from the first, a person typed.
    typed: usize,
    connections: Vec<Held>,
    /// Whether it speaks our own protocol too, as a member does.
    member: bool,
    reservation: Reservation,
    failures: u32,
    again: Option<Instant>,
    failure: Option<String>,
}

impl Relay {
    /// Adds an address. What a person typed comes first, and only more of it displaces it.
    fn place(&mut self, address: Multiaddr, typed: bool) {
        let known = self.addresses.iter().position(|other| *other == address);
        match known {
            Some(at) if typed && at >= self.typed => drop(self.addresses.remove(at)),
            Some(_) => return,
            None if self.addresses.len() < PEER_ADDRESSES_MAX => {}
            None if self.typed < self.addresses.len() => drop(self.addresses.remove(self.typed)),
            None if typed => {
                self.addresses.remove(0);
                self.typed -= 1;
            }
            None => return,
        }
        if typed {
            self.addresses.insert(self.typed, address);
            self.typed += 1;
        } else {
            self.addresses.push(address);
        }
    }
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Connect to a relay.
    Connect(PeerId, Vec<Multiaddr>),
    /// Ask a connected relay for a reservation.
    Reserve(PeerId),
    /// Give a listener up.
    GiveUp(ListenerId),
}

/// A relay as faces are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayState {
    /// Its name.
    pub peer: PeerId,
    /// An address of it.
    pub address: String,
    /// Whether a person named it.
    pub named: bool,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether a reservation stands.
    pub reserved: bool,
    /// Why the last attempt failed.
    pub failure: Option<String>,
}

/// All relays.
#[derive(Debug, Default)]
pub(super) struct Relays {
    known: BTreeMap<PeerId, Relay>,
    /// Learnt ones that made room for others.
    forgotten: Vec<PeerId>,
}

impl Relays {
    /// Knows a relay at an address from now on; whether there was room.
    pub(super) fn know(&mut self, peer: PeerId, address: Multiaddr, named: bool) -> bool {
        if !self.known.contains_key(&peer) && self.known.len() >= KNOWN_MAX && !self.forget_one() {
            return false;
        }
        let relay = self.known.entry(peer).or_insert_with(|| Relay {
            named,
            addresses: Vec::new(),
            typed: 0,
            connections: Vec::new(),
            member: false,
            reservation: Reservation::None,
            failures: 0,
            again: None,
            failure: None,
        });
        relay.named |= named;
        relay.place(address, named);
        true
    }

    /// Learns the relays that a co-member's addresses lead through.
    pub(super) fn learn(&mut self, addresses: &[Multiaddr], own: &PeerId) {
        for (address, relay) in addresses.iter().filter_map(split_circuit) {
            if relay != *own {
                self.know(relay, address, false);
            }
        }
    }

    /// Forgets the one that is of least use.
    fn forget_one(&mut self) -> bool {
        let idle = self.known.iter().filter(|(_, relay)| {
            let free = matches!(relay.reservation, Reservation::None);
            !relay.named && relay.connections.is_empty() && free
        });
        let worst = idle.max_by_key(|(_, relay)| relay.failures);
        let Some(peer) = worst.map(|(peer, _)| *peer) else {
            return false;
        };
        self.forgotten.push(peer);
        self.known.remove(&peer).is_some()
    }

    /// Relays that were forgotten since the last call.
    pub(super) fn take_forgotten(&mut self) -> Vec<PeerId> {
        let mut forgotten = std::mem::take(&mut self.forgotten);
        forgotten.retain(|peer| !self.known.contains_key(peer));
        forgotten
    }

    /// Remembers a relay's connection; whether it is not known to speak our own protocol.
    pub(super) fn holds_back(&mut self, peer: &PeerId, connection: impl FnOnce() -> Held) -> bool {
        let Some(relay) = self.known.get_mut(peer) else {
            return false;
        };
        relay.connections.push(connection());
        !relay.member
    }

    /// A connection has gone.
    pub(super) fn closed(&mut self, peer: &PeerId, connection: ConnectionId) {
        if let Some(relay) = self.known.get_mut(peer) {
            relay.connections.retain(|held| held.id != connection);
        }
    }

    /// Relays that need not be connected now: learnt ones that hold no place.
    pub(super) fn idle(&self) -> Vec<PeerId> {
        let idle = self
            .known
            .iter()
            .filter(|(_, relay)| !relay.named && matches!(relay.reservation, Reservation::None));
        idle.map(|(peer, _)| *peer).collect()
    }

    /// Whether a peer is a known relay.
    pub(super) fn knows(&self, peer: &PeerId) -> bool {
        self.known.contains_key(peer)
    }

    /// A peer speaks our own protocol: its connections, the oldest first, for a session if it is a relay that was held
    /// back.
    pub(super) fn is_member(&mut self, peer: &PeerId) -> Vec<Held> {
        let Some(relay) = self.known.get_mut(peer) else {
            return Vec::new();
        };
        relay.member = true;
        relay.connections.clone()
    }

    /// Where a relay is.
    pub(super) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.known
            .get(peer)
            .map(|relay| relay.addresses.clone())
            .unwrap_or_default()
    }

    /// What is to be done now. `said` tells of a connected peer whether it relays, once it has said what it speaks.
    pub(super) fn next(
        &mut self,
        wanted: bool,
        now: Instant,
        said: &dyn Fn(&PeerId) -> Option<bool>,
    ) -> Option<Next> {
        if let Some(next) = self.end_late(now) {
            return Some(next);
        }
        let busy = |relay: &Relay| !matches!(relay.reservation, Reservation::None);
        let connecting = self.known.iter().find_map(|(peer, relay)| {
            let connecting = matches!(relay.reservation, Reservation::Connecting(_));
            said(peer).filter(|_| connecting).map(|hop| (*peer, hop))
        });
        if let Some((peer, hop)) = connecting {
            if hop {
                return Some(Next::Reserve(peer));
            }
            self.failed(&peer, "it does not relay".to_owned(), now);
            return self.next(wanted, now, said);
        }
        let room = self.known.values().filter(|relay| busy(relay)).count() < RESERVATIONS_WANTED;
        if !wanted || !room {
            return None;
        }
        let free = self
            .known
            .iter()
            .filter(|(_, relay)| !busy(relay) && relay.again.is_none_or(|again| again <= now));
        let best = free.min_by_key(|(_, relay)| {
            let connected = !relay.connections.is_empty();
            (!relay.named, relay.failures, !connected)
        });
        let peer = best.map(|(peer, _)| *peer)?;
        let relay = self.known.get_mut(&peer)?;
        relay.reservation = Reservation::Connecting(now + ASK_LIMIT);
        match said(&peer) {
            Some(true) => Some(Next::Reserve(peer)),
            Some(false) => self.next(wanted, now, said),
            None => Some(Next::Connect(peer, relay.addresses.clone())),
        }
    }

    fn end_late(&mut self, now: Instant) -> Option<Next> {
        let late = self
            .known
            .iter()
            .find_map(|(peer, relay)| match relay.reservation {
                Reservation::Connecting(until) if until <= now => Some((*peer, None)),
                Reservation::Asked(listener, until) if until <= now => {
                    Some((*peer, Some(listener)))
                }
                _ => None,
            });
        let (peer, listener) = late?;
        self.failed(&peer, "it did not answer in time".to_owned(), now);
        listener.map(Next::GiveUp)
    }

    /// A reservation is being asked for.
    pub(super) fn asked(&mut self, peer: &PeerId, listener: ListenerId, now: Instant) {
        if let Some(relay) = self.known.get_mut(peer) {
            relay.reservation = Reservation::Asked(listener, now + ASK_LIMIT);
        }
    }

    /// A listener has an address; whether it stands for a reservation.
    pub(super) fn given(&mut self, listener: ListenerId, address: &Multiaddr) -> bool {
        for (peer, relay) in &mut self.known {
            let held = match &mut relay.reservation {
                Reservation::Asked(id, _) if *id == listener => {
                    relay.reservation = Reservation::Held(listener, Vec::new());
                    &mut relay.reservation
                }
                other => other,
            };
            let Reservation::Held(id, addresses) = held else {
                continue;
            };
            if *id != listener {
                continue;
            }
            relay.failures = 0;
            relay.failure = None;
            let (address, _) = split_peer(address.clone());
            // What others are to dial is its word, but not for somebody else's place.
            let own = split_circuit(&address).is_some_and(|(_, relay)| relay == *peer);
            if own && addresses.len() < GIVEN_MAX && !addresses.contains(&address) {
                addresses.push(address);
            }
            return true;
        }
        false
    }

    /// A listener has ended; the relay, if it stood for a reservation.
    pub(super) fn ended(
        &mut self,
        listener: ListenerId,
        reason: String,
        now: Instant,
    ) -> Option<PeerId> {
        let peer = self.known.iter().find_map(|(peer, relay)| {
            let of_relay = match &relay.reservation {
                Reservation::Asked(id, _) | Reservation::Held(id, _) => Some(id),
                _ => None,
            };
            (of_relay == Some(&listener)).then_some(*peer)
        })?;
        self.failed(&peer, reason, now);
        Some(peer)
    }

    /// A relay can not be used now.
    pub(super) fn failed(&mut self, peer: &PeerId, reason: String, now: Instant) {
        if let Some(relay) = self.known.get_mut(peer) {
            let pause = PAUSE_FIRST
                .saturating_mul(2_u32.saturating_pow(relay.failures))
                .min(PAUSE_MAX);
            relay.failures = relay.failures.saturating_add(1);
            relay.again = Some(now + pause);
            relay.reservation = Reservation::None;
            relay.failure = Some(reason);
        }
    }

    /// A dial to a relay failed while it was wanted for a reservation.
    pub(super) fn unreachable(&mut self, peer: &PeerId, now: Instant) {
        let relay = self.known.get(peer);
        let connecting =
            relay.is_some_and(|relay| matches!(relay.reservation, Reservation::Connecting(_)));
        if connecting {
            self.failed(peer, "it can not be reached".to_owned(), now);
        }
    }

    /// What others may dial.
    pub(super) fn held(&self) -> Vec<Multiaddr> {
        let held = self
            .known
            .values()
            .filter_map(|relay| match &relay.reservation {
                Reservation::Held(_, addresses) => Some(addresses),
                _ => None,
            });
        held.flatten().cloned().collect()
    }

    /// What others may dial soon: the places that named relays are being asked for. A relay's address and our own name
    /// are all that there is to such a way, so whoever is told of it before the relay has answered, as by a link
    /// that is made right after the start, has to call a second time at worst.
    pub(super) fn expected(&self) -> Vec<Multiaddr> {
        let places = |relay: &Relay| !matches!(relay.reservation, Reservation::None);
        let room = RESERVATIONS_WANTED.saturating_sub(self.held_count());
        let named = self.known.iter().filter(|(_, relay)| {
            let asked = matches!(
                relay.reservation,
                Reservation::Connecting(_) | Reservation::Asked(..)
            );
            let first = matches!(relay.reservation, Reservation::None) && relay.again.is_none();
            relay.named && (asked || first)
        });
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(_, relay)| !places(relay));
        let circuit = |(peer, address): (&PeerId, &Multiaddr)| {
            let relay = address.clone().with(Protocol::P2p(*peer));
            relay.with(Protocol::P2pCircuit)
        };
        let typed = |(peer, relay): (&'_ PeerId, &'_ Relay)| {
            let typed = relay.addresses.iter().take(relay.typed.min(GIVEN_MAX));
            typed
                .map(|address| circuit((peer, address)))
                .collect::<Vec<_>>()
        };
        named.into_iter().take(room).flat_map(typed).collect()
    }

    /// Places that stand.
    fn held_count(&self) -> usize {
        let held = |relay: &&Relay| matches!(relay.reservation, Reservation::Held(..));
        self.known.values().filter(held).count()
    }

    /// All of them, for faces: those in use or named.
    pub(super) fn states(&self) -> Vec<RelayState> {
        let shown = self
            .known
            .iter()
            .filter(|(_, relay)| relay.named || !matches!(relay.reservation, Reservation::None));
        shown
            .map(|(peer, relay)| RelayState {
                peer: *peer,
                address: relay
                    .connections
                    .first()
                    .map(|held| &held.remote)
                    .or(relay.addresses.first())
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                named: relay.named,
                connected: !relay.connections.is_empty(),
                reserved: matches!(relay.reservation, Reservation::Held(..)),
                failure: relay.failure.clone(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u16) -> Multiaddr {
        format!("/ip4/203.0.113.1/tcp/{n}").parse().unwrap()
    }

    fn circuit(relay: &PeerId, n: u16) -> Multiaddr {
        format!("{}/p2p/{relay}/p2p-circuit", at(n))
            .parse()
            .unwrap()
    }

    /// A connected relay that has said that it relays.
    fn relays(_: &PeerId) -> Option<bool> {
        Some(true)
    }

    fn reserve(all: &mut Relays, now: Instant) -> PeerId {
        let Some(Next::Reserve(peer)) = all.next(true, now, &relays) else {
            panic!("a place is wanted");
        };
        all.asked(&peer, ListenerId::next(), now);
        peer
    }

    #[test]
    fn two_places_are_wanted_named_relays_first_and_another_takes_over() {
        let (mut all, now) = (Relays::default(), Instant::now());
        let peers = [PeerId::random(), PeerId::random(), PeerId::random()];
        all.know(peers[0], at(1), false);
        all.know(peers[1], at(2), true);
        all.know(peers[2], at(3), false);
        assert_eq!(all.next(false, now, &relays), None, "none is wanted");
        assert_eq!(reserve(&mut all, now), peers[1]);
        let second = reserve(&mut all, now);
        assert_eq!(all.next(true, now, &relays), None, "two are enough");
        all.failed(&peers[1], "gone".to_owned(), now);
        let third = reserve(&mut all, now);
        assert!(third != second && third != peers[1], "the failed one waits");
        all.failed(&third, "gone".to_owned(), now);
        assert_eq!(all.next(true, now, &relays), None);
        assert_eq!(reserve(&mut all, now + PAUSE_FIRST), peers[1], "again");
    }

    #[test]
    fn places_of_named_relays_are_told_from_the_start_and_not_when_they_fail() {
        let (mut all, now) = (Relays::default(), Instant::now());
        let [named, learnt] = [PeerId::random(), PeerId::random()];
        all.know(learnt, at(2), false);
        all.know(named, at(1), true);
        assert_eq!(all.expected(), [circuit(&named, 1)], "nobody was asked yet");
        assert_eq!(
            all.next(true, now, &|_| None),
            Some(Next::Connect(named, vec![at(1)]))
        );
        assert_eq!(all.expected(), [circuit(&named, 1)], "it is being called");
        all.unreachable(&named, now);
        assert_eq!(all.expected(), [], "it does not answer");
        let mut now = now + PAUSE_FIRST;
        while reserve(&mut all, now) != named {}
        assert_eq!(all.expected(), [circuit(&named, 1)], "it is asked");
        let Reservation::Asked(listener, _) = all.known[&named].reservation else {
            panic!("it was asked");
        };
        assert!(all.given(listener, &circuit(&named, 7)));
        assert_eq!(
            (all.expected(), all.held()),
            (vec![], vec![circuit(&named, 7)])
        );
        now += ASK_LIMIT;
        all.failed(&learnt, "gone".to_owned(), now);
        for n in 10..14 {
            all.know(PeerId::random(), at(n), true);
        }
        assert_eq!(
            all.expected().len(),
            1,
            "no more than places that are wanted"
        );
    }

    #[test]
    fn a_relay_that_fails_again_and_again_is_asked_less_and_less() {
        let (mut all, mut now) = (Relays::default(), Instant::now());
        let peer = PeerId::random();
        all.know(peer, at(1), true);
        let mut pause = PAUSE_FIRST;
        for _ in 0..12 {
            assert_eq!(
                all.next(true, now, &|_| None),
                Some(Next::Connect(peer, vec![at(1)]))
            );
            all.unreachable(&peer, now);
            assert_eq!(all.next(true, now + pause / 2, &relays), None);
            now += pause;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        assert_eq!(all.next(true, now, &|_| Some(false)), None);
        let state = &all.states()[0];
        assert_eq!(state.failure.as_deref(), Some("it does not relay"));
    }

    #[test]
    fn a_relay_is_held_back_until_it_speaks_our_protocol_and_then_not_any_more() {
        let (mut all, peer) = (Relays::default(), PeerId::random());
        let held = |n: usize| Held {
            id: ConnectionId::new_unchecked(n),
            remote: at(1),
            relayed: n == 1,
            dialled: true,
        };
        assert!(!all.holds_back(&peer, || held(0)), "no relay");
        all.know(peer, at(1), true);
        assert!(all.holds_back(&peer, || held(1)));
        assert!(all.holds_back(&peer, || held(2)));
        let all_of_it = all.is_member(&peer);
        let told: Vec<_> = all_of_it
            .iter()
            .map(|held| (held.id, held.relayed))
            .collect();
        let id = ConnectionId::new_unchecked;
        assert_eq!(told, [(id(1), true), (id(2), false)]);
        for connection in 1..3 {
            all.closed(&peer, id(connection));
        }
        assert!(!all.holds_back(&peer, || held(3)), "known from now on");
    }

    #[test]
    fn a_relay_gives_ways_to_its_own_place_only_and_not_many() {
        let (mut all, now) = (Relays::default(), Instant::now());
        let (peer, other) = (PeerId::random(), PeerId::random());
        all.know(peer, at(1), true);
        assert_eq!(all.next(true, now, &relays), Some(Next::Reserve(peer)));
        let listener = ListenerId::next();
        all.asked(&peer, listener, now);
        assert!(all.given(listener, &circuit(&other, 1)), "it is ours");
        assert!(all.held().is_empty(), "but leads to somebody else's place");
        assert!(!all.given(ListenerId::next(), &circuit(&peer, 1)));
        for n in 0..100 {
            all.given(listener, &circuit(&peer, n));
        }
        assert_eq!(all.held().len(), GIVEN_MAX);
        assert_eq!(all.ended(listener, "over".to_owned(), now), Some(peer));
        assert!(all.held().is_empty());
    }

    #[test]
    fn what_co_members_say_is_bounded_and_never_pushes_out_a_named_relay() {
        let (mut all, own) = (Relays::default(), PeerId::random());
        let named = PeerId::random();
        all.know(named, at(1), true);
        for _ in 0..200 {
            all.learn(&[circuit(&PeerId::random(), 1), circuit(&own, 1)], &own);
        }
        assert_eq!(all.known.len(), KNOWN_MAX);
        assert!(all.knows(&named) && !all.knows(&own));
        let forgotten = all.take_forgotten();
        assert_eq!(forgotten.len(), 200 + 1 - KNOWN_MAX);
        assert!(forgotten.iter().all(|peer| !all.knows(peer)));
        assert!(all.take_forgotten().is_empty(), "told once");
        for n in 0..100 {
            all.know(named, at(n), false);
        }
        let addresses = all.addresses(&named);
        assert_eq!(addresses.len(), PEER_ADDRESSES_MAX);
        assert_eq!(addresses[0], at(1), "what a person typed stays");
        assert!(
            addresses.contains(&at(99)),
            "what is new displaces what is old"
        );
        for n in 100..200 {
            all.know(named, at(n), true);
        }
        assert_eq!(all.addresses(&named).len(), PEER_ADDRESSES_MAX);
        all.know(named, at(1), false);
        assert!(!all.addresses(&named).contains(&at(1)));
    }
}
