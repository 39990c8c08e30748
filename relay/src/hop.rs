//! libp2p's circuit relay v2, with our limits and our door in front of it.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use libp2p::relay::{self, RateLimiter};
use libp2p::{Multiaddr, PeerId};

use crate::admission::Door;
use crate::limits::{
    ADDRESS_SHARE, CIRCUIT_BURST, CIRCUIT_EVERY, Limits, RESERVATION, RESERVATION_BURST,
    RESERVATION_EVERY, RESERVATIONS_PER_PEER_MAX,
};
use crate::quota::{Quota, Source, wall};
use crate::rates::Rates;

/// The relaying behaviour of `local`: whom `door` admits may reserve, who has not spent its `quota` may call.
///
/// libp2p asks its rate limiters before it takes a request, so that is where door and quota stand. It answers
/// whoever is refused there with "resource limit exceeded".
#[must_use]
pub fn hop(local: PeerId, limits: &Limits, door: &Door, quota: &Quota) -> relay::Behaviour {
    let door = door.clone();
    let admits: Box<dyn RateLimiter> =
        Box::new(move |peer, _: &Multiaddr, _: Instant| door.admits(&peer, wall()));
    let quota = quota.clone();
    let may_begin: Box<dyn RateLimiter> =
        Box::new(move |peer, address: &Multiaddr, _: Instant| quota.may_begin(peer, address));
    let config = relay::Config {
        max_reservations: limits.reservations,
        max_reservations_per_peer: RESERVATIONS_PER_PEER_MAX,
        reservation_duration: RESERVATION,
        reservation_rate_limiters: vec![admits, of_place(RESERVATION_BURST, RESERVATION_EVERY)],
        max_circuits: limits.circuits,
        // libp2p refuses who has more than this, not who has as many.
        max_circuits_per_peer: limits.circuits_per_peer.saturating_sub(1),
        max_circuit_duration: limits.circuit,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: vec![may_begin, of_place(CIRCUIT_BURST, CIRCUIT_EVERY)],
    };
    let some = |burst: u32| NonZeroU32::new(burst).expect("bursts are not zero");
    let config = config
        .reservation_rate_per_peer(some(RESERVATION_BURST), RESERVATION_EVERY)
        .circuit_src_per_peer(some(CIRCUIT_BURST), CIRCUIT_EVERY);
    relay::Behaviour::new(local, config)
}

/// So many times more than one peer may all of one place ask for. Who comes from nowhere is bounded by peer alone.
fn of_place(burst: u32, every: Duration) -> Box<dyn RateLimiter> {
    let mut rates = Rates::new(burst * ADDRESS_SHARE, every / ADDRESS_SHARE);
    Box::new(move |_, address: &Multiaddr, now: Instant| {
        Source::of(address).is_none_or(|source| rates.take(source, now))
    })
}
