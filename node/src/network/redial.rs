//! Who is dialled, and when again: a machine without clocks or sockets of its own.
//!
//! A target is a peer that somebody wants: the core ([`Why::Kept`]), the command line ([`Why::Named`]), mDNS
//! ([`Why::Found`]), a search among co-members ([`Why::Sought`]) or whoever needs a relay ([`Why::Relay`]). It is dialled at once, then with a pause of 250 ms that doubles to 10 s, each shortened
//! by up to a half at random so that two peers that lost each other do not dial in step for ever. It is forgotten
//! when nobody wants it. Addresses without a known peer are targets of their own until one answers.

use std::collections::BTreeMap;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use rand_core::Rng;
use tokio::time::Instant;

use super::address::PEER_ADDRESSES_MAX;

/// The first pause.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest pause: a peer that comes back is found within this time.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Peers found by mDNS that are dialled: a local network may be hostile.
const FOUND_MAX: usize = 64;

/// Whom a dial is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Peer(PeerId),
    Address(Multiaddr),
}

/// Who wants a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    Kept,
    Named,
    Found,
    Sought,
    Relay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Due(Instant),
    Dialling,
    Connected,
}

#[derive(Debug)]
struct Entry {
    wanted: BTreeMap<Why, Vec<Multiaddr>>,
    failures: u32,
    phase: Phase,
}

/// All targets.
#[derive(Debug, Default)]
pub(super) struct Redial {
    targets: BTreeMap<Target, Entry>,
}

impl Redial {
    /// Wants a peer at these addresses, which replace the earlier ones of the same reason. Dials at once
    /// unless it is connected, here told by `connected`, or being dialled.
    pub(super) fn want(
        &mut self,
        peer: PeerId,
        why: Why,
        addresses: Vec<Multiaddr>,
        connected: bool,
        now: Instant,
    ) {
        let known = self.targets.contains_key(&Target::Peer(peer));
        if why == Why::Found && !known && self.found_count() >= FOUND_MAX {
            return;
        }
        let entry = self
            .targets
            .entry(Target::Peer(peer))
            .or_insert_with(|| Entry {
                wanted: BTreeMap::new(),
                failures: 0,
                phase: if connected {
                    Phase::Connected
                } else {
                    Phase::Due(now)
                },
            });
        let changed = entry.wanted.insert(why, addresses.clone()) != Some(addresses);
        // News of where a peer is are a reason not to wait any longer.
        if let Phase::Due(_) = entry.phase
            && changed
        {
            entry.failures = 0;
            entry.phase = Phase::Due(now);
        }
    }

    /// Wants whoever answers at an address.
    pub(super) fn want_address(&mut self, address: Multiaddr, now: Instant) {
        self.targets
            .entry(Target::Address(address.clone()))
            .or_insert_with(|| Entry {
                wanted: BTreeMap::from([(Why::Named, vec![address])]),
                failures: 0,
                phase: Phase::Due(now),
            });
    }

    /// Adds one address that mDNS found.
    pub(super) fn found_at(
        &mut self,
        peer: PeerId,
        address: Multiaddr,
        connected: bool,
        now: Instant,
    ) {
        let mut addresses = self.wanted(&peer, Why::Found).to_vec();
        if !addresses.contains(&address) && addresses.len() < PEER_ADDRESSES_MAX {
            addresses.push(address);
            self.want(peer, Why::Found, addresses, connected, now);
        }
    }

    /// Removes one address that mDNS no longer sees.
    pub(super) fn lost_sight(&mut self, peer: PeerId, address: &Multiaddr) {
        let mut addresses = self.wanted(&peer, Why::Found).to_vec();
        addresses.retain(|known| known != address);
        if addresses.is_empty() {
            self.unwant(peer, Why::Found);
        } else if let Some(entry) = self.targets.get_mut(&Target::Peer(peer)) {
            entry.wanted.insert(Why::Found, addresses);
        }
    }

    /// One reason less to dial a peer.
    pub(super) fn unwant(&mut self, peer: PeerId, why: Why) {
        let target = Target::Peer(peer);
        if let Some(entry) = self.targets.get_mut(&target) {
            entry.wanted.remove(&why);
            if entry.wanted.is_empty() {
                self.targets.remove(&target);
            }
        }
    }

    /// Whether the core or a person wants the peer.
    pub(super) fn is_wanted_by_name(&self, peer: &PeerId) -> bool {
        let entry = self.targets.get(&Target::Peer(*peer));
        entry.is_some_and(|entry| entry.wanted.keys().any(|why| *why != Why::Found))
    }

    /// A connection to `peer` exists, through `dialled` if we made it.
    pub(super) fn connected(&mut self, peer: PeerId, dialled: Option<&Multiaddr>, now: Instant) {
        let answered = dialled
            .and_then(|address| self.targets.remove_entry(&Target::Address(address.clone())));
        if let Some((Target::Address(address), _)) = answered {
            let mut named = self.wanted(&peer, Why::Named).to_vec();
            named.push(address);
            self.want(peer, Why::Named, named, true, now);
        }
        if let Some(entry) = self.targets.get_mut(&Target::Peer(peer)) {
            entry.failures = 0;
            entry.phase = Phase::Connected;
        }
    }

    /// The last connection is gone: dial again after the first pause.
    pub(super) fn disconnected(&mut self, peer: PeerId, now: Instant, rng: &mut impl Rng) {
        if let Some(entry) = self.targets.get_mut(&Target::Peer(peer)) {
            entry.failures = 0;
            entry.phase = Phase::Due(now + pause(0, rng));
        }
    }

    /// A dial failed.
    pub(super) fn failed(&mut self, target: &Target, now: Instant, rng: &mut impl Rng) {
        if let Some(entry) = self.targets.get_mut(target)
            && entry.phase == Phase::Dialling
        {
            entry.phase = Phase::Due(now + pause(entry.failures, rng));
            entry.failures = entry.failures.saturating_add(1);
        }
    }

    /// The next one to dial now, with its addresses; it counts as being dialled from then on.
    pub(super) fn due(&mut self, now: Instant) -> Option<(Target, Vec<Multiaddr>)> {
        let is_due = |entry: &Entry| matches!(entry.phase, Phase::Due(at) if at <= now);
        let (target, entry) = self.targets.iter_mut().find(|(_, entry)| is_due(entry))?;
        entry.phase = Phase::Dialling;
        Some((target.clone(), all_of(&entry.wanted)))
    }

    /// When the next dial is due.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let due = |entry: &Entry| match entry.phase {
            Phase::Due(at) => Some(at),
            Phase::Dialling | Phase::Connected => None,
        };
        self.targets.values().filter_map(due).min()
    }

    /// Every address at which a peer is wanted.
    pub(super) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        let entry = self.targets.get(&Target::Peer(*peer));
        entry.map_or_else(Vec::new, |entry| all_of(&entry.wanted))
    }

    /// Where mDNS has found a peer.
    pub(super) fn found(&self, peer: &PeerId) -> &[Multiaddr] {
        self.wanted(peer, Why::Found)
    }

    fn wanted(&self, peer: &PeerId, why: Why) -> &[Multiaddr] {
        let entry = self.targets.get(&Target::Peer(*peer));
        entry
            .and_then(|entry| entry.wanted.get(&why))
            .map_or(&[], Vec::as_slice)
    }

    fn found_count(&self) -> usize {
        let only_found = |entry: &&Entry| entry.wanted.keys().all(|why| *why == Why::Found);
        self.targets.values().filter(only_found).count()
    }
}

fn all_of(wanted: &BTreeMap<Why, Vec<Multiaddr>>) -> Vec<Multiaddr> {
    let mut addresses: Vec<Multiaddr> = Vec::new();
    for address in wanted.values().flatten() {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    addresses
}

/// The pause after `failures` failures: between a half and the whole of 250 ms * 2^failures, at most 10 s.
fn pause(failures: u32, rng: &mut impl Rng) -> Duration {
    let whole = PAUSE_FIRST
        .saturating_mul(2_u32.saturating_pow(failures))
        .min(PAUSE_MAX);
    let half = u64::try_from(whole.as_millis() / 2).expect("10 s in milliseconds fit");
    Duration::from_millis(half + rng.next_u64() % (half + 1))
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn pauses_double_to_ten_seconds_and_news_end_them() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut redial = Redial::default();
        let (peer, mut now) = (PeerId::random(), Instant::now());
        redial.want(peer, Why::Kept, vec![address(1)], false, now);
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let (target, addresses) = redial.due(now).expect("due");
            assert_eq!(
                (&target, addresses.as_slice()),
                (&Target::Peer(peer), &[address(1)][..])
            );
            assert_eq!(redial.due(now), None, "one dial at a time");
            redial.failed(&target, now, &mut rng);
            let at = redial.next_at().expect("again");
            pauses.push(at - now);
            now = at;
        }
        let mut whole = PAUSE_FIRST;
        for pause in pauses {
            assert!(
                pause >= whole / 2 && pause <= whole,
                "{pause:?} of {whole:?}"
            );
            whole = (whole * 2).min(PAUSE_MAX);
        }

        // Now it waits some seconds; the same addresses again change nothing, others do.
        redial.due(now).expect("due");
        redial.failed(&Target::Peer(peer), now, &mut rng);
        redial.want(peer, Why::Kept, vec![address(1)], false, now);
        assert_eq!(redial.due(now), None);
        redial.want(peer, Why::Kept, vec![address(2)], false, now);
        assert_eq!(
            redial.due(now),
            Some((Target::Peer(peer), vec![address(2)]))
        );
    }

    #[test]
    fn a_connected_peer_is_not_dialled_and_a_lost_one_is_unless_nobody_wants_it() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut redial = Redial::default();
        let (peer, now) = (PeerId::random(), Instant::now());
        redial.want(peer, Why::Kept, vec![address(1)], true, now);
        redial.found_at(peer, address(2), true, now);
        assert_eq!(redial.next_at(), None);
        redial.disconnected(peer, now, &mut rng);
        let at = redial.next_at().expect("dialled again");
        assert!(at > now && at <= now + PAUSE_FIRST);
        assert_eq!(
            redial.due(at),
            Some((Target::Peer(peer), vec![address(1), address(2)]))
        );

        redial.unwant(peer, Why::Kept);
        assert!(!redial.is_wanted_by_name(&peer));
        redial.lost_sight(peer, &address(2));
        redial.failed(&Target::Peer(peer), at, &mut rng);
        assert_eq!(redial.next_at(), None);
    }

    #[test]
    fn an_address_becomes_a_peer_when_one_answers() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut redial = Redial::default();
        let (peer, now) = (PeerId::random(), Instant::now());
        redial.want_address(address(1), now);
        assert_eq!(
            redial.due(now),
            Some((Target::Address(address(1)), vec![address(1)]))
        );
        redial.connected(peer, Some(&address(1)), now);
        assert_eq!(redial.next_at(), None);
        redial.disconnected(peer, now, &mut rng);
        assert_eq!(
            redial.due(now + PAUSE_FIRST),
            Some((Target::Peer(peer), vec![address(1)]))
        );
    }

    #[test]
    fn a_crowd_on_the_local_network_is_bounded_and_does_not_shut_out_members() {
        let (mut redial, now) = (Redial::default(), Instant::now());
        for _ in 0..200 {
            redial.found_at(PeerId::random(), address(1), false, now);
        }
        redial.want(PeerId::random(), Why::Kept, vec![address(1)], false, now);
        let dialled = std::iter::from_fn(|| redial.due(now)).count();
        assert_eq!(dialled, FOUND_MAX + 1);
    }
}
