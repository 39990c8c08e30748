//! Home nodes: blind copies of communities, for members who are not always there (docs/protocol.md, "Home node").
//!
//! A home node is no member and holds no key. It keeps the authority log, sealed events as ciphertext, prekeys and
//! wraps, judges by its own view of the authority log who may be given what, and authors nothing. Members know it
//! by the identity chain of its account. Here: what both sides know of each other.

pub(crate) mod carriers;
mod clock;
mod confirm;
pub(crate) mod keep;
mod letters;
mod live;
mod owner;
mod retention;
mod rows;
mod wraps;

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, CommunityId, DeviceId, MonoMs, NetworkKey, ScopeId, UnixMs};
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::CATCH_UP_BYTES_MAX;
use crate::node::Node;
use crate::sync::Standing;
use crate::wire::Frame;
use crate::wire::home::HomeStatus;

pub(crate) use clock::ClockRecord;
pub(crate) use keep::{HomeRecord, KeptRecord};
pub(crate) use letters::LetterRecord;
pub(crate) use owner::{LIMIT_PREFIX, STORED_PREFIX};
pub(crate) use retention::LimitsRecord;
pub(crate) use rows::Blind;
pub(crate) use wraps::WrapTrust;

/// What a node knows as a home node, and of those of its own account.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// Set on a home node.
    pub(crate) role: Option<HomeRecord>,
    /// Accounts of network keys, as those who paired have shown them.
    pub(crate) paired: BTreeMap<NetworkKey, AccountId>,
    /// Who is told how the pairing with a home node ends.
    pub(crate) pairing: Option<crate::io::Origin>,
    /// What home nodes of this account last said of themselves, and when.
    pub(crate) said: BTreeMap<NetworkKey, (HomeStatus, UnixMs)>,
    /// When those whom this home node serves were last told how it stands.
    pub(crate) told: BTreeMap<NetworkKey, MonoMs>,
    /// Letters that wait: addressee and writer.
    pub(crate) letters: BTreeMap<(AccountId, AccountId), LetterRecord>,
    /// What was last seen of the clock.
    pub(crate) clock: Option<ClockRecord>,
    /// When that was, since the start.
    pub(crate) clock_looked: Option<MonoMs>,
    /// What own home nodes were told to keep and have not said to keep so, by home node and community.
    pub(crate) asked: BTreeMap<(NetworkKey, CommunityId), owner::Asked>,
    /// How many letters connected peers have left.
    pub(crate) left: BTreeMap<NetworkKey, u32>,
    /// How many letters accounts have left today.
    pub(crate) writers: letters::Writers,
}

impl Community {
    /// Notes whose home nodes there are, after the authority log has changed. Whether there is another than before.
    pub(crate) fn index_homes(&mut self) -> bool {
        let state = self.state();
        let mut homes: BTreeMap<NetworkKey, Vec<(AccountId, DeviceId)>> = BTreeMap::new();
        for (account, member) in &state.members {
            for (device, key) in &member.homes {
                homes.entry(*key).or_default().push((*account, *device));
            }
        }
        let other = homes.keys().any(|key| !self.homes.contains_key(key));
        self.homes = homes;
        other
    }

    /// Whether a peer is a member's home node, and no member's device.
    pub(crate) fn is_home(&self, key: NetworkKey) -> bool {
        self.homes.contains_key(&key) && self.device_of(key).is_none()
    }

    /// The accounts whose view decides what a peer is given: its own, or those whose home node it is.
    pub(crate) fn viewers(&self, key: NetworkKey) -> Vec<AccountId> {
        match self.device_of(key) {
            Some((account, _)) => vec![account],
            None => {
                let of = self.homes.get(&key).into_iter().flatten();
                of.map(|(account, _)| *account).collect()
            }
        }
    }

    /// The device that a peer holds events as, and whether it can read them.
    pub(crate) fn holder(&self, key: NetworkKey) -> Option<(DeviceId, bool)> {
        match self.device_of(key) {
            Some((_, device)) => Some((device, true)),
            None => Some((self.homes.get(&key)?.first()?.1, false)),
        }
    }

    /// Events as ranges with their ciphertexts, for nodes without keys.
    pub(crate) fn pack_blind(&self, scope: ScopeId, events: &[VerifiedEvent]) -> Vec<SignedRange> {
        // An own event is public only when it is durable (I8).
        let events: Vec<_> = events
            .iter()
            .filter(|event| !self.unstored.contains(&event.id()))
            .cloned()
            .collect();
        let packing = Packing {
            mode: BodyMode::Blind,
            range_bytes_max: CATCH_UP_BYTES_MAX,
            plaintext: &|_| None,
            secret: &|_| None,
        };
        SignedRange::pack(scope, &events, &packing)
    }

    /// Events as ranges for a connected peer: for a home node with their ciphertexts, it holds no key.
    pub(crate) fn pack_for_peer(
        &self,
        peer: NetworkKey,
        scope: ScopeId,
        events: &[VerifiedEvent],
    ) -> Vec<SignedRange> {
        match self.device_of(peer) {
            Some((account, _)) => self.pack_for_member(account, scope, events),
            None => self.pack_blind(scope, events),
        }
    }

    /// Whether one of these accounts may view the place of an event.
    pub(crate) fn may_view_place(&self, accounts: &[AccountId], place: Place) -> bool {
        let Place::Channel(channel) = place else {
            return !accounts.is_empty();
        };
        let mut accounts = accounts.iter();
        accounts.any(|account| self.is_entitled(*account, Some(channel)))
    }
}

impl<R: CryptoRng> Node<R> {
    /// Places that this node and a peer may both view, authority apart.
    pub(crate) fn places_with(
        &self,
        community: &Community,
        peer: NetworkKey,
    ) -> Vec<(ScopeId, Place)> {
        let mine = if community.blind.is_some() {
            community.viewers(self.me.network)
        } else {
            vec![self.me.account()]
        };
        community.shared_places([&mine, &community.viewers(peer)])
    }

    /// Connected home nodes of a community's members. Those of different members, and of one, deal with each other too.
    pub(crate) fn connected_homes(&self, id: CommunityId) -> Vec<NetworkKey> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let homes = self.peers.keys().copied();
        homes.filter(|key| community.is_home(*key)).collect()
    }

    /// Peers connected now with whom a community is compared: members and their home nodes.
    pub(crate) fn connected_parties(&self, id: CommunityId) -> Vec<NetworkKey> {
        let mut parties = self.connected_members(id);
        parties.extend(self.connected_homes(id));
        parties
    }

    /// Whether a peer is a home node of anybody in a community that is held here, or of this account.
    pub(crate) fn knows_home(&self, key: NetworkKey) -> bool {
        let mut communities = self.communities.values();
        communities.any(|community| community.is_home(key)) || self.own_homes().contains_key(&key)
    }

    /// A frame of a member's home node, to a member or to another home node.
    pub(crate) fn home_frame(&mut self, from: NetworkKey, id: CommunityId, frame: Frame) {
        let community = self.communities.get(&id);
        if community.is_none_or(|community| community.blind.is_none() && !community.active) {
            return;
        }
        self.open_session(from, id);
        // It compares with members alone; what else it says it says to who asks for its way in, too.
        if matches!(frame, Frame::Digest { .. }) {
            self.timers.clear(crate::node::Timer::Prove(from, id));
        }
        match frame {
            Frame::Digest {
                authority,
                scopes,
                events,
                ..
            } => {
                let theirs = Standing {
                    authority,
                    scopes,
                    events,
                };
                self.digest(from, id, theirs);
            }
            Frame::Scopes { digests, .. } => self.scope_digests(from, id, &digests),
            Frame::Heights { scopes, .. } => self.heights(from, id, scopes),
            Frame::Marks { scopes, .. } => self.marks(from, id, scopes),
            Frame::Ranges { ranges, more, .. } => self.ranges(from, id, ranges, more),
            Frame::Newest { ranges, .. } => self.newest_came(from, id, &ranges),
            Frame::Prekeys { records, .. } => self.prekeys_came(from, id, records),
            Frame::Keys { epoch, wraps, .. } => self.keys(from, (id, epoch), wraps),
            Frame::Live(live) => self.live(from, *live),
            Frame::WrapRequest(request) => self.wrap_request(from, &request),
            Frame::Homes(homes) => self.home_addresses(from, *homes),
            Frame::Ack {
                scope,
                incarnation,
                height,
                ..
            } => {
                let home = self.communities[&id].holder(from);
                if let Some((device, _)) = home {
                    // It can not read: whatever it says, it holds no more than ciphertext.
                    self.held(id, device, (scope, incarnation), height, false);
                }
            }
            _ => {}
        }
    }
}
