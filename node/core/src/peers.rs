//! Connected peers, their sessions per community, and the address book by which they are found again.

use std::collections::BTreeMap;

use alloquy_api::Event;
use alloquy_ids::{AccountId, CommunityId, MonoMs, NetworkKey, UnixMs};
use rand_core::CryptoRng;

use crate::community::Place;
use crate::io::Output;
use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, KEPT_PEERS_MAX};
use crate::link::Guest;
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::{AddressesRecord, Key};
use crate::sync::Standing;

/// A connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) since: MonoMs,
    pub(crate) sessions: BTreeMap<CommunityId, Session>,
    /// Where it says that it is reached: kept for who becomes known while it is connected.
    pub(crate) addresses: Vec<String>,
}

/// What is known of a peer's copy of one community.
#[derive(Clone, Debug, Default)]
pub(crate) struct Session {
    /// The last digest that was sent, and when.
    pub(crate) sent: Option<(Standing, MonoMs)>,
    /// The last digest that the peer sent.
    pub(crate) seen: Option<Standing>,
    /// Whether the last comparison found both copies equal.
    pub(crate) equal: bool,
    /// Where this node stood when both copies were last found equal.
    pub(crate) agreed: Option<Standing>,
    /// How many events of the community were held here when that was last seen to stand.
    pub(crate) agreed_holding: Option<u64>,
    /// Since when every comparison has found that; `None` while it is not so.
    pub(crate) equal_since: Option<UnixMs>,
    /// The peer asked for bodies though both copies were equal, since they were last compared.
    pub(crate) lacked_bodies: bool,
    /// The own heads were stated by marks since both copies were last equal.
    pub(crate) marked: bool,
    /// The copy of a place when the peer was last asked at once for the past of what it gave there, and when.
    pub(crate) asked_past: BTreeMap<Place, ([u8; 32], MonoMs)>,
    /// Proofs of membership sent over this connection.
    pub(crate) proofs: u32,
    /// Prekeys that the peer was given, of a home node: device and counter.
    pub(crate) gave: BTreeMap<alloquy_ids::DeviceId, u64>,
    /// Where the peer said that home nodes are reached which are nobody's yet, as far as is known here.
    pub(crate) early_homes: Vec<(NetworkKey, Vec<String>)>,
    /// How often the peer was given the newest messages of a channel.
    pub(crate) gave_newest: BTreeMap<alloquy_ids::ScopeId, u8>,
    /// The peer was asked for the newest messages of channels over this connection: an answer may come again, or after
    /// one to a later question.
    pub(crate) asked_newest: bool,
    /// How far the peer was told that its account's logs were read here.
    pub(crate) told_read: BTreeMap<crate::receipts::Log, u64>,
}

impl Session {
    /// Both copies were found equal, where this node stands now.
    pub(crate) fn note_equal(&mut self, mine: Standing, wall: UnixMs) {
        self.equal = true;
        (self.agreed, self.agreed_holding) = (Some(mine), None);
        self.equal_since = self.equal_since.or(Some(wall));
        self.marked = false;
    }

    /// The peer said that its copy is another one.
    pub(crate) fn note_different(&mut self) {
        self.equal = false;
        (self.agreed, self.agreed_holding) = (None, None);
        self.equal_since = None;
    }
}

/// Addresses of co-members, and the own ones.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Own listen addresses, as multiaddr text with `/p2p`.
    pub(crate) listen: Vec<String>,
    /// Of co-members, newest first, without `/p2p`.
    pub(crate) of: BTreeMap<NetworkKey, Vec<String>>,
    /// Peers that the shell was asked to keep.
    pub(crate) kept: BTreeMap<NetworkKey, Vec<String>>,
}

impl Book {
    /// Own addresses without `/p2p`, for invites and signals.
    pub(crate) fn own(&self) -> Vec<String> {
        // Only the last name is the own one; before it may stand a relay's.
        let bare = |address: &String| match address.rsplit_once("/p2p/") {
            Some((place, _)) if !place.is_empty() => place.to_owned(),
            _ => address.clone(),
        };
        let mut own: Vec<_> = self
            .listen
            .iter()
            .map(bare)
            .filter(|text| text.len() <= ADDRESS_BYTES_MAX)
            .collect();
        own.dedup();
        own.truncate(ADDRESSES_MAX);
        own
    }

    /// Merges newly heard addresses; the newest stand first. Returns whether anything changed.
    fn learn(&mut self, key: NetworkKey, addresses: Vec<String>) -> bool {
        let old = self.of.entry(key).or_default();
        let mut merged: Vec<String> = addresses
            .into_iter()
            .filter(|text| text.len() <= ADDRESS_BYTES_MAX)
            .collect();
        for address in old.iter() {
            if !merged.contains(address) {
                merged.push(address.clone());
            }
        }
        merged.truncate(ADDRESSES_MAX);
        let changed = *old != merged;
        *old = merged;
        changed
    }

    /// The same with what somebody else says: it is not taken for more than what the peer itself has said, which keeps
    /// the first half of the places.
    fn learn_told(&mut self, key: NetworkKey, addresses: Vec<String>) -> bool {
        let known = self.of.get(&key).cloned().unwrap_or_default();
        let new: Vec<_> = addresses
            .into_iter()
            .filter(|text| !known.contains(text))
            .collect();
        if new.is_empty() {
            return false;
        }
        let mut own = known;
        own.truncate(ADDRESSES_MAX / 2);
        let changed = self.learn(key, new);
        self.learn(key, own) || changed
    }
}

impl<R: CryptoRng> Node<R> {
    pub(crate) fn peer_up(&mut self, key: NetworkKey) {
        let since = self.now.mono;
        self.peers.insert(
            key,
            Peer {
                since,
                sessions: BTreeMap::new(),
                addresses: Vec::new(),
            },
        );
        self.open_sessions(key);
        self.tell_home_status(key);
        self.hand_letters(key);
        for community in self.joins.keys().copied().collect::<Vec<_>>() {
            self.join_peer_up(community, key);
        }
        self.link_peer_up(key);
        self.turn_peer_up(key);
        if let Some(account) = self.any_account_of(key) {
            self.views.node_changed();
            self.outbox.tell(Event::PeerChanged {
                account,
                connected: true,
            });
        }
    }

    pub(crate) fn peer_down(&mut self, key: NetworkKey) {
        if self.peers.remove(&key).is_none() {
            return;
        }
        self.timers.clear_peer(key);
        self.held_joins.remove(&key);
        self.neighbour_gone(key);
        self.restore_asks.remove(&key);
        self.link_peer_down(key);
        self.entering_lost(key);
        self.letters_lost(key);
        self.turn_peer_down(key);
        self.home.left.remove(&key);
        self.home.told.remove(&key);
        self.home.asked.retain(|(home, _), _| *home != key);
        let communities: Vec<_> = self.communities.keys().copied().collect();
        for id in communities {
            self.newest_giver_gone(key, id);
            let community = self.communities.get_mut(&id);
            let member = community.and_then(|community| {
                community.provisional.remove(&key);
                community.outsiders.remove(&key);
                community.member_of(key)
            });
            if let Some((account, device)) = member {
                self.device_lost(id, account, device);
                self.tell_missing_keys(id);
            }
        }
        if let Some(account) = self.any_account_of(key) {
            self.views.node_changed();
            self.outbox.tell(Event::PeerChanged {
                account,
                connected: false,
            });
        }
    }

    pub(crate) fn any_account_of(&self, key: NetworkKey) -> Option<AccountId> {
        self.communities
            .values()
            .find_map(|community| community.member_of(key).map(|(account, _)| account))
    }

    /// Starts a session with a connected peer for each community that both are in.
    pub(crate) fn open_sessions(&mut self, key: NetworkKey) {
        let shared: Vec<_> = self
            .communities
            .iter()
            .filter(|(_, community)| community.is_home(key) || community.device_of(key).is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in shared {
            self.open_session(key, id);
        }
    }

    pub(crate) fn open_session(&mut self, key: NetworkKey, id: CommunityId) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if peer.sessions.contains_key(&id) {
            return;
        }
        peer.sessions.insert(id, Session::default());
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let newcomer = self.now.wall.0
            < community
                .membership
                .joined
                .0
                .saturating_add(crate::limits::NEWCOMER_MS);
        let home = community.is_home(key);
        if (newcomer || self.me.is_suspended()) && community.active {
            self.prove(key, id);
        }
        if home {
            self.give_new_prekeys(key, id);
            self.leave_letter(key, id);
        }
        self.tell_home_addresses(key, id);
        self.say_hello(key, id);
        self.compare(key, id);
        self.send_signal_to(key, id);
        self.voice_session_opened(key, id);
        let at = self.now.mono.plus(crate::limits::PROVE_AFTER_MS);
        self.timers.set(Timer::Prove(key, id), at);
        self.ask_newly_connected(key, id);
        self.tell_read_soon(id);
        self.tell_prekey(key, id);
    }

    pub(crate) fn session(&mut self, key: NetworkKey, id: CommunityId) -> Option<&mut Session> {
        self.peers.get_mut(&key)?.sessions.get_mut(&id)
    }

    /// Peers connected now that are members of a community.
    pub(crate) fn connected_members(&self, id: CommunityId) -> Vec<NetworkKey> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        self.peers
            .keys()
            .copied()
            .filter(|key| community.member_of(*key).is_some())
            .collect()
    }

    pub(crate) fn peer_addresses(&mut self, key: NetworkKey, addresses: Vec<String>) {
        if let Some(peer) = self.peers.get_mut(&key) {
            let kept = addresses.iter().take(ADDRESSES_MAX);
            let kept = kept.filter(|text| text.len() <= ADDRESS_BYTES_MAX);
            peer.addresses = kept.cloned().collect();
        }
        let known = self.any_account_of(key).is_some()
            || self.knows_home(key)
            || self.joins.values().any(|join| join.names(key));
        if !known || key == self.me.network {
            return;
        }
        if self.book.learn(key, addresses) {
            self.addresses_learned(key);
        }
        self.keep_peers();
    }

    /// Somebody else says where a home node is reached: of own ones nobody knows better than this account, unless it
    /// has just come back by its words.
    pub(crate) fn told_addresses(&mut self, key: NetworkKey, addresses: Vec<String>) {
        let known = self.words.is_none() && self.own_homes().contains_key(&key);
        if known || key == self.me.network || !self.knows_home(key) {
            return;
        }
        if self.book.learn_told(key, addresses) {
            self.addresses_learned(key);
        }
        self.keep_peers();
    }

    /// Whoever gave a community to this new device has said where others in it are reached: they are members, it shows.
    pub(crate) fn told_members(&mut self, peers: Vec<(NetworkKey, Vec<String>)>) {
        for (key, addresses) in peers {
            let member = key != self.me.network && self.any_account_of(key).is_some();
            if member && self.book.learn_told(key, addresses) {
                self.addresses_learned(key);
            }
        }
    }

    fn addresses_learned(&mut self, key: NetworkKey) {
        let record = AddressesRecord(self.book.of[&key].clone());
        self.outbox
            .store(vec![put(&Key::Addresses(key), &record)], After::Nothing);
        if self.own_homes().contains_key(&key) {
            self.tell_all_home_addresses();
        }
    }

    /// Keeps connections to co-members whose addresses are known, and drops those that are none any more.
    pub(crate) fn keep_peers(&mut self) {
        let mut wanted: BTreeMap<NetworkKey, Vec<String>> = BTreeMap::new();
        for join in self.joins.values() {
            for (key, addresses) in join.peers() {
                // Of a member nearby no addresses were told beside those that it has said since.
                let known = self.book.of.get(&key).filter(|_| addresses.is_empty());
                wanted.insert(key, known.cloned().unwrap_or(addresses));
            }
        }
        wanted.extend(self.room_peers());
        if let Some((host, addresses)) = self.links.guest.as_ref().and_then(Guest::wanted) {
            wanted.insert(host, addresses.to_vec());
        }
        // Own home nodes first: they are what is there when nobody else is.
        let own = self.own_homes();
        let (first, rest): (Vec<_>, Vec<_>) =
            (self.book.of.iter()).partition(|(key, _)| own.contains_key(*key));
        for (key, addresses) in first.into_iter().chain(rest) {
            let member = self.communities.values().any(|community| {
                let home = community.is_home(*key) && *key != self.me.network;
                // A home node keeps to other home nodes; members come to it by themselves.
                let party = home || (community.active && community.member_of(*key).is_some());
                let held = community.active || community.blind.is_some();
                held && party && !self.is_shut(community)
            });
            let member = member || own.contains_key(key);
            if member && !addresses.is_empty() && wanted.len() < KEPT_PEERS_MAX {
                wanted.insert(*key, addresses.clone());
            }
        }
        for (key, addresses) in &wanted {
            if self.book.kept.get(key) != Some(addresses) {
                self.outbox.push(Output::Keep(*key, addresses.clone()));
            }
        }
        for key in self
            .book
            .kept
            .keys()
            .filter(|key| !wanted.contains_key(key))
        {
            self.outbox.push(Output::Release(*key));
        }
        self.book.kept = wanted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_lose_their_own_name_and_keep_a_relays() {
        let book = Book {
            listen: [
                "/ip4/192.0.2.1/tcp/1/p2p/12D3KooWme",
                "/ip4/192.0.2.9/tcp/4/p2p/12D3KooWrelay/p2p-circuit/p2p/12D3KooWme",
                "/ip4/192.0.2.1/udp/1/quic-v1",
            ]
            .map(str::to_owned)
            .to_vec(),
            ..Book::default()
        };
        assert_eq!(
            book.own(),
            [
                "/ip4/192.0.2.1/tcp/1",
                "/ip4/192.0.2.9/tcp/4/p2p/12D3KooWrelay/p2p-circuit",
                "/ip4/192.0.2.1/udp/1/quic-v1",
            ]
        );
    }

    #[test]
    fn what_others_say_of_a_peer_pushes_out_nothing_that_it_said_itself() {
        let mut book = Book::default();
        let key = NetworkKey([1; 32]);
        let own = ["/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/udp/1/quic-v1"];
        assert!(book.learn(key, own.map(str::to_owned).to_vec()));
        for round in 0..3 {
            let junk = |port| format!("/ip4/203.0.113.{round}/tcp/{port}");
            assert!(book.learn_told(key, (0..ADDRESSES_MAX).map(junk).collect()));
            assert_eq!(book.of[&key].len(), ADDRESSES_MAX);
            assert_eq!(book.of[&key][..2], own);
        }
        // What is told last has a place, so that a right one finds its way behind junk.
        assert!(book.learn_told(key, vec!["/ip4/192.0.2.7/tcp/1".to_owned()]));
        assert!(book.of[&key].contains(&"/ip4/192.0.2.7/tcp/1".to_owned()));
        assert!(!book.learn_told(key, vec![own[1].to_owned()]), "known");
        assert_eq!(book.of[&key][..2], own);
    }

    #[test]
    fn the_newest_addresses_come_first_and_old_ones_are_dropped_at_the_limit() {
        let mut book = Book::default();
        let key = NetworkKey([1; 32]);
        let old: Vec<_> = (0..ADDRESSES_MAX)
            .map(|port| format!("/ip4/127.0.0.1/tcp/{port}"))
            .collect();
        assert!(book.learn(key, old.clone()));
        assert!(!book.learn(key, old));
        assert!(book.learn(
            key,
            vec![
                "/ip4/127.0.0.1/tcp/9999".to_owned(),
                "x".repeat(ADDRESS_BYTES_MAX + 1)
            ]
        ));
        assert_eq!(book.of[&key].len(), ADDRESSES_MAX);
        assert_eq!(book.of[&key][0], "/ip4/127.0.0.1/tcp/9999");
    }
}
