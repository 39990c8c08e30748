//! Every maximum of a relay, with its unit and its reason.
//!
//! The protocol's own defaults cut a circuit after 128 KiB or two minutes: enough to punch a hole, not to live
//! on. Ours carry a community whose members can not reach each other at all.

use std::time::Duration;

/// Reservations at once: one per node that waits to be called, 4,096 of some kilobytes each.
pub const RESERVATIONS_MAX: usize = 4_096;
/// Reservations of one peer: one per connection, over both transports and both families of addresses.
pub const RESERVATIONS_PER_PEER_MAX: usize = 4;
/// How long a reservation stands; clients renew it after three quarters.
pub const RESERVATION: Duration = Duration::from_secs(30 * 60);
/// Circuits at once: each holds two buffers of 8 KiB and two streams.
pub const CIRCUITS_MAX: usize = 4_096;
/// Circuits of one peer, called and calling together: it keeps 32 co-members, each of which may call anew while
/// the old circuit is not yet known to be dead.
pub const CIRCUITS_PER_PEER_MAX: usize = 64;
/// How long a circuit stands: a day. Calls last hours; peers begin anew without losing anything.
pub const CIRCUIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of one circuit, both directions: a day of a call at 500 kbit/s is 5 GiB.
pub const CIRCUIT_BYTES_MAX: u64 = 8 * GIB;
/// Bytes that one peer may send at once and then per day: some circuits of that size, or 300 histories of 50 MB.
pub const PEER_BYTES_PER_DAY: u64 = 16 * GIB;
/// Bytes that all peers of one address may send per day: a house, an office, a carrier's shared address.
pub const ADDRESS_BYTES_PER_DAY: u64 = 64 * GIB;
/// Bytes that a stream may carry though the quota is spent: control messages, never bulk.
pub const SMALL_STREAM_BYTES: u64 = 16 * 1024;
/// Reservations that one peer may ask for at once; one more every [`RESERVATION_EVERY`].
pub const RESERVATION_BURST: u32 = 30;
/// See [`RESERVATION_BURST`]: a peer whose network flaps asks again after each loss.
pub const RESERVATION_EVERY: Duration = Duration::from_secs(20);
/// Circuits that one peer may ask for at once; one more every [`CIRCUIT_EVERY`].
pub const CIRCUIT_BURST: u32 = 120;
/// See [`CIRCUIT_BURST`]: nodes call each absent co-member again every 10 s.
pub const CIRCUIT_EVERY: Duration = Duration::from_secs(1);
/// So many times more may all peers of one address ask for.
pub const ADDRESS_SHARE: u32 = 8;
/// Buckets kept, of peers and of addresses each; the fullest ones are forgotten first, which forgives nothing.
pub const BUCKETS_MAX: usize = 65_536;
/// Connections at once, of others to us.
pub const CONNECTIONS_MAX: u32 = 8_192;
/// Connections with one peer: both transports and families, and one that is not yet known to be dead.
pub const CONNECTIONS_PER_PEER_MAX: u32 = 8;
/// Handshakes under way.
pub const PENDING_MAX: u32 = 512;
/// A connection on which nothing is open is closed after this.
pub const IDLE: Duration = Duration::from_secs(60);
/// Lines of a list of admitted peers: as many as find a reservation, many times over.
pub const LIST_LINES_MAX: usize = 100_000;
/// Bytes of that list: 128 a line.
pub const LIST_BYTES_MAX: u64 = 128 * LIST_LINES_MAX as u64;
/// Issuers in a list: a pass is tried against none but the one that it names.
pub const ISSUERS_MAX: usize = 1_024;
/// Passes that are remembered, one per peer; those that end soonest are forgotten first.
pub const PASSES_MAX: usize = 65_536;
/// How far ahead a pass may end: 400 days. One that is lost must not be good for ever.
pub const PASS_AHEAD: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// How long showing a pass may take.
pub const SHOW_PASS: Duration = Duration::from_secs(10);
/// Passes that are being read at once.
pub const SHOWING_MAX: usize = 64;
/// Requests for the page of figures at once.
pub const PAGE_REQUESTS_MAX: usize = 4;
/// Circuits that a member carries for others beside its own traffic.
pub const MEMBER_CIRCUITS_MAX: usize = 32;
/// Circuits of one peer through a member: one for each of some co-members whom it can not reach otherwise.
pub const MEMBER_CIRCUITS_PER_PEER_MAX: usize = 4;
/// How long a circuit through a member stands: long enough to find a better way many times over.
pub const MEMBER_CIRCUIT: Duration = Duration::from_secs(2 * 60 * 60);
/// Bytes of one circuit through a member: a history of 50 MB five times over.
pub const MEMBER_CIRCUIT_BYTES_MAX: u64 = GIB / 4;
/// Bytes that one peer's circuits through a member may count for at once, and then per day: sixteen whole circuits, or
/// one after the other for more than a day.
pub const MEMBER_PEER_BYTES_PER_DAY: u64 = 4 * GIB;
/// The same of all peers of one address.
pub const MEMBER_ADDRESS_BYTES_PER_DAY: u64 = 16 * GIB;
/// Bytes that a circuit through a member counts for in each second, up to its maximum: a member does not count what
/// circuits carry, and this is the most that a connection of 128 Mbit/s brings.
pub const MEMBER_CIRCUIT_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;
/// Reservations with a member: as many as it keeps co-members.
pub const MEMBER_RESERVATIONS_MAX: usize = 32;

/// Bytes in a gibibyte.
const GIB: u64 = 1024 * 1024 * 1024;

/// What a relay gives. [`Limits::default`] is for a machine that does nothing else, [`Limits::of_member`] for a
/// member that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Reservations at once.
    pub reservations: usize,
    /// Circuits at once.
    pub circuits: usize,
    /// Circuits of one peer, called and calling together.
    pub circuits_per_peer: usize,
    /// How long a circuit stands, at most `u32::MAX` seconds.
    pub circuit: Duration,
    /// Bytes of one circuit, both directions.
    pub circuit_bytes: u64,
    /// Bytes that one peer may send at once, and then per day.
    pub peer_bytes: u64,
    /// Bytes that all peers of one address may send at once, and then per day.
    pub address_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reservations: RESERVATIONS_MAX,
            circuits: CIRCUITS_MAX,
            circuits_per_peer: CIRCUITS_PER_PEER_MAX,
            circuit: CIRCUIT,
            circuit_bytes: CIRCUIT_BYTES_MAX,
            peer_bytes: PEER_BYTES_PER_DAY,
            address_bytes: ADDRESS_BYTES_PER_DAY,
        }
    }
}

impl Limits {
    /// Of a member that carries co-members' circuits beside its own traffic.
    #[must_use]
    pub fn of_member() -> Self {
        Self {
            reservations: MEMBER_RESERVATIONS_MAX,
            circuits: MEMBER_CIRCUITS_MAX,
            circuits_per_peer: MEMBER_CIRCUITS_PER_PEER_MAX,
            circuit: MEMBER_CIRCUIT,
            circuit_bytes: MEMBER_CIRCUIT_BYTES_MAX,
            peer_bytes: MEMBER_PEER_BYTES_PER_DAY,
            address_bytes: MEMBER_ADDRESS_BYTES_PER_DAY,
        }
    }

    /// What a circuit through a member counts for that stood so long.
    #[must_use]
    pub fn circuit_counts(&self, stood: Duration) -> u64 {
        MEMBER_CIRCUIT_BYTES_PER_SECOND
            .saturating_mul(stood.as_secs().saturating_add(1))
            .min(self.circuit_bytes)
    }
}
