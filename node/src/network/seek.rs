//! Finding co-members who have moved: Kademlia under our own name, among co-members alone.
//!
//! A node answers co-members, and asks those of them that are connected. What it tells of a co-member is what leads to it from outside:
//! public addresses and ways through relays, never those of a local network. It tells it only to who is in a community
//! with that co-member. Nothing is stored for others; there is no bootstrap but the co-members that are connected.
//!
//! Kademlia's own table is empty but while somebody is answered or a search begins, and then holds whom they may hear
//! of. So it never begins a search by itself either.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use alloquy_ids::CommunityId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::kad::{self, BucketInserts, Caching, Mode, StoreInserts};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, StreamProtocol};

use super::address::{ip_of, is_circuit, is_global, split_peer};

/// The protocol's name and version.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/alloquy/kad/1");
/// How long one search may take.
const SEARCH: Duration = Duration::from_secs(20);
/// Bytes of one message: twenty peers of eight addresses.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;
/// Addresses of one peer that are told.
const TOLD_MAX: usize = 8;
/// Peers that one answer names.
const ANSWER_MAX: NonZeroUsize = NonZeroUsize::new(20).expect("20 is not zero");

/// Kademlia that hears and asks co-members alone.
pub(super) struct Behaviour {
    inner: kad::Behaviour<MemoryStore>,
    /// Co-members, and the communities that each of them is in with us.
    friends: BTreeMap<PeerId, BTreeSet<CommunityId>>,
    /// Where connected ones are.
    places: BTreeMap<PeerId, Vec<Multiaddr>>,
}

impl Behaviour {
    pub(super) fn new(own: PeerId) -> Self {
        let mut config = kad::Config::new(PROTOCOL);
        config
            .set_query_timeout(SEARCH)
            .set_replication_factor(ANSWER_MAX)
            .set_max_packet_size(MESSAGE_BYTES_MAX)
            .set_kbucket_inserts(BucketInserts::Manual)
            .set_record_filtering(StoreInserts::FilterBoth)
            .set_caching(Caching::Disabled)
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None)
            .set_periodic_bootstrap_interval(None);
        let nothing = MemoryStoreConfig {
            max_records: 0,
            max_value_bytes: 0,
            max_providers_per_key: 0,
            max_provided_keys: 0,
        };
        let store = MemoryStore::with_config(own, nothing);
        let mut inner = kad::Behaviour::with_config(own, store, config);
        // Whom we are connected with may ask, reachable from outside or not.
        inner.set_mode(Some(Mode::Server));
        Self {
            inner,
            friends: BTreeMap::new(),
            places: BTreeMap::new(),
        }
    }

    /// Who is heard and asked from now on.
    pub(super) fn befriend(&mut self, friends: BTreeMap<PeerId, BTreeSet<CommunityId>>) {
        self.places.retain(|peer, _| friends.contains_key(peer));
        self.friends = friends;
    }

    /// Remembers where a co-member is, to tell others.
    pub(super) fn know(&mut self, peer: PeerId, addresses: &[Multiaddr]) {
        if addresses.is_empty() || !self.friends.contains_key(&peer) {
            return;
        }
        let told = addresses.iter().filter(|address| may_be_told(address));
        let told = told.map(|address| split_peer(address.clone()).0);
        self.places.insert(peer, told.take(TOLD_MAX).collect());
    }

    /// Begins to search for a peer: asks those who may know of it.
    pub(super) fn seek(&mut self, peer: PeerId) {
        let known = self.friends.get(&peer).is_some_and(|all| !all.is_empty());
        let asked = |other: &PeerId| !known || self.share(&peer, other);
        let shown = self.places.keys().copied().filter(asked).collect();
        self.while_shown(shown, |inner| {
            inner.get_closest_peers(peer);
        });
    }

    /// Whether two co-members are in a community with each other.
    fn share(&self, one: &PeerId, other: &PeerId) -> bool {
        let both = self.friends.get(one).zip(self.friends.get(other));
        both.is_some_and(|(one, other)| !one.is_disjoint(other))
    }

    /// Of whom a co-member may hear.
    fn shown_to(&self, asker: &PeerId) -> Vec<PeerId> {
        let all = self.places.keys().copied();
        all.filter(|other| self.share(asker, other)).collect()
    }

    /// Does something while Kademlia knows where these peers are, and no others.
    fn while_shown(
        &mut self,
        shown: Vec<PeerId>,
        act: impl FnOnce(&mut kad::Behaviour<MemoryStore>),
    ) {
        for peer in &shown {
            // One that is nowhere outside may still be asked while it is connected: a name alone leads nobody to it.
            let name = Multiaddr::empty().with(Protocol::P2p(*peer));
            self.inner.add_address(peer, name);
            for address in self.places.get(peer).into_iter().flatten() {
                self.inner.add_address(peer, address.clone());
            }
        }
        act(&mut self.inner);
        for peer in &shown {
            self.inner.remove_peer(peer);
        }
        // Peers that come to the table make Kademlia search for more half a second later, unless it is told to begin
        // while the table is empty.
        if self.inner.bootstrap().is_ok() {
            tracing::debug!("a search of Kademlia's own began");
        }
    }

    /// Where a search says that a peer is, when it would go on to that peer.
    fn heard_of(&mut self, peer: PeerId) -> Option<Found> {
        if !self.friends.contains_key(&peer) {
            return None;
        }
        let id = ConnectionId::new_unchecked(0);
        let all = self
            .inner
            .handle_pending_outbound_connection(id, Some(peer), &[], Endpoint::Dialer)
            .ok()?;
        let told = all.into_iter().map(|address| split_peer(address).0);
        let addresses: Vec<_> = told.filter(may_be_told).take(TOLD_MAX).collect();
        (!addresses.is_empty()).then_some(Found { peer, addresses })
    }

    /// Searches under way.
    pub(super) fn searches(&self) -> usize {
        self.inner.iter_queries().count()
    }
}

/// A search led to a co-member.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) peer: PeerId,
    pub(super) addresses: Vec<Multiaddr>,
}

/// What leads to a peer from outside.
fn may_be_told(address: &Multiaddr) -> bool {
    is_circuit(address) || ip_of(address).is_some_and(is_global)
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = <kad::Behaviour<MemoryStore> as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = Found;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner
            .handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner
            .handle_established_outbound_connection(connection, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        // A stranger's question is not answered, and its word is not taken.
        if self.friends.contains_key(&peer) {
            let shown = self.shown_to(&peer);
            self.while_shown(shown, |inner| {
                inner.on_connection_handler_event(peer, connection, event);
            });
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            match self.inner.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(ToSwarm::Dial { opts }) => {
                    let found = opts.get_peer_id().and_then(|peer| self.heard_of(peer));
                    // Only who is connected is asked: who is dialled where is decided by `redial` alone.
                    self.inner
                        .on_swarm_event(FromSwarm::DialFailure(DialFailure {
                            peer_id: opts.get_peer_id(),
                            error: &DialError::Aborted,
                            connection_id: opts.connection_id(),
                        }));
                    if let Some(found) = found {
                        return Poll::Ready(ToSwarm::GenerateEvent(found));
                    }
                }
                Poll::Ready(ToSwarm::NotifyHandler {
                    peer_id,
                    handler,
                    event,
                }) => {
                    return Poll::Ready(ToSwarm::NotifyHandler {
                        peer_id,
                        handler,
                        event,
                    });
                }
                // How a search went on: whom it led to was told above.
                Poll::Ready(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_co_member_hears_of_its_own_communities_only_and_the_table_is_empty_after() {
        let mut seek = Behaviour::new(PeerId::random());
        let [ana, ben, cid, eve] = [(); 4].map(|()| PeerId::random());
        let of = |all: &[u8]| all.iter().map(|n| CommunityId([*n; 32])).collect();
        let friends = [
            (ana, of(&[1])),
            (ben, of(&[1, 2])),
            (cid, of(&[2])),
            (eve, of(&[])),
        ];
        seek.befriend(friends.into());
        for peer in [ana, cid, eve, PeerId::random()] {
            seek.know(peer, &["/ip4/203.0.113.1/tcp/1".parse().unwrap()]);
        }
        let sorted = |mut all: Vec<PeerId>| {
            all.sort();
            all
        };
        assert_eq!(seek.shown_to(&ana), [ana]);
        assert_eq!(seek.shown_to(&cid), [cid]);
        assert_eq!(sorted(seek.shown_to(&ben)), sorted(vec![ana, cid]));
        assert!(seek.shown_to(&eve).is_empty());
        let mut during = 0;
        seek.while_shown(vec![ana, cid], |inner| {
            during = inner.kbuckets().map(|bucket| bucket.num_entries()).sum();
        });
        assert_eq!(during, 2);
        assert_eq!(
            seek.inner.kbuckets().count(),
            0,
            "nobody else hears of them"
        );
        assert_eq!(seek.searches(), 0, "and no search begins");
    }
}
