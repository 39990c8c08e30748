//! libp2p's circuit relay v2, with our limits and our door in front of it.

use std::num::NonZeroU32;
use std::time::Instant;

use libp2p::relay::{self, RateLimiter};
use libp2p::{Multiaddr, PeerId};

use crate::admission::Door;
use crate::limits::{
    ADDRESS_SHARE, CIRCUIT_BURST, CIRCUIT_EVERY, CIRCUITS_PER_PEER_MAX, Limits, RESERVATION,
    RESERVATION_BURST, RESERVATION_EVERY, RESERVATIONS_PER_PEER_MAX,
};
use crate::quota::{Quota, wall};

/// The relaying behaviour of `local`: whom `door` admits may reserve, who has not spent its `quota` may call.
///
/// libp2p asks its rate limiters before it takes a request, so that is where door and quota stand. It answers
/// whoever is refused there with "resource limit exceeded".
#[must_use]
pub fn hop(local: PeerId, limits: &Limits, door: &Door, quota: Option<&Quota>) -> relay::Behaviour {
    let door = door.clone();
    let admits: Box<dyn RateLimiter> =
        Box::new(move |peer, _: &Multiaddr, _: Instant| door.admits(&peer, wall()));
    let quota = quota.cloned();
    let may_begin: Box<dyn RateLimiter> = Box::new(move |peer, address: &Multiaddr, _: Instant| {
        quota
            .as_ref()
            .is_none_or(|quota| quota.may_begin(peer, address))
    });
    let config = relay::Config {
        max_reservations: limits.reservations,
        max_reservations_per_peer: RESERVATIONS_PER_PEER_MAX,
        reservation_duration: RESERVATION,
        reservation_rate_limiters: vec![admits],
        max_circuits: limits.circuits,
        max_circuits_per_peer: CIRCUITS_PER_PEER_MAX,
        max_circuit_duration: limits.circuit,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: vec![may_begin],
    };
    let some = |burst: u32| NonZeroU32::new(burst).expect("bursts are not zero");
    let of_address = |burst: u32| some(burst * ADDRESS_SHARE);
    let config = config
        .reservation_rate_per_peer(some(RESERVATION_BURST), RESERVATION_EVERY)
        .reservation_rate_per_ip(
            of_address(RESERVATION_BURST),
            RESERVATION_EVERY / ADDRESS_SHARE,
        )
        .circuit_src_per_peer(some(CIRCUIT_BURST), CIRCUIT_EVERY)
        .circuit_src_per_ip(of_address(CIRCUIT_BURST), CIRCUIT_EVERY / ADDRESS_SHARE);
    relay::Behaviour::new(local, config)
}
