//! What a home node keeps, for whom, and how it is told.
//!
//! Only devices of the owner and of accounts that paired say what is kept. A copy begins with the genesis and what
//! follows of the authority log; the rest comes by comparing, as between members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::reply::{HomeStatusView, KeptView};
use alloquy_ids::{AccountId, CommunityId, EventId, MonoMs, NetworkKey};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::dag::Dag;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity;
use alloquy_schema::limits::IDENTITY_CHAIN_MAX;
use alloquy_schema::range::SignedRange;
use rand_core::CryptoRng;

use super::carriers::OtherCarriers;
use super::retention::LimitsRecord;
use super::rows::Backed;
use super::rows::wraps_bytes;
use super::{Blind, Home};
use crate::community::{Community, Place};
use crate::ingest::Incoming;
use crate::io::Write;
use crate::limits::{
    COMPARE_EVERY_MS, HOME_ANSWER_EVERY_MS, HOME_QUOTA_BYTES, HOME_STATUS_EVERY_MS, KEPT_MAX,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::{Key, Membership, Row, RowEvents};
use crate::wire::Frame;
use crate::wire::home::{HomeStatus, HomeStore, KeptPart};

/// Accounts that may have one home node keep communities for them: its owner, and friends.
pub(super) const PAIRED_MAX: usize = 64;

/// What a home node is told once: whose it is, and how much it keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HomeRecord {
    /// Who paired first.
    pub(crate) owner: Option<AccountId>,
    /// The most bytes that it keeps.
    pub(crate) quota: u64,
    /// Identity chains of all who paired, as they were then.
    pub(crate) chains: Vec<Vec<SignedEvent>>,
}

impl Default for HomeRecord {
    fn default() -> Self {
        Self {
            owner: None,
            quota: HOME_QUOTA_BYTES,
            chains: Vec::new(),
        }
    }
}

impl Canonical for HomeRecord {
    fn write(&self, w: &mut Writer) {
        w.option(self.owner.as_ref());
        w.varint(self.quota);
        w.varint(self.chains.len() as u64);
        for chain in &self.chains {
            w.list(chain);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            owner: r.option("owner")?,
            quota: r.varint("quota")?,
            chains: {
                let count = r.len(PAIRED_MAX, "paired accounts")?;
                (0..count)
                    .map(|_| r.list(IDENTITY_CHAIN_MAX, "identity events"))
                    .collect::<Result<_, _>>()?
            },
        })
    }
}

/// For whom a community is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptRecord(pub(crate) BTreeSet<AccountId>);

impl Canonical for KeptRecord {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for account in &self.0 {
            account.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let accounts: Vec<AccountId> = r.list(PAIRED_MAX, "accounts")?;
        if !accounts.is_sorted_by(|a, b| a < b) {
            return Err(DecodeError::NotCanonical { what: "accounts" });
        }
        Ok(Self(accounts.into_iter().collect()))
    }
}

impl Home {
    /// Reads whose devices are known from the chains that were shown.
    pub(crate) fn with_role(
        role: Option<HomeRecord>,
        letters: BTreeMap<(AccountId, AccountId), super::LetterRecord>,
        clock: Option<super::ClockRecord>,
    ) -> Self {
        let mut home = Self {
            role,
            letters,
            clock,
            ..Self::default()
        };
        home.index_paired();
        home
    }

    fn index_paired(&mut self) {
        let mut paired = BTreeMap::new();
        for chain in self.role.iter().flat_map(|role| &role.chains) {
            let Ok(identity) = identity::evaluate(chain) else {
                continue;
            };
            for keys in identity.devices.values() {
                paired.extend(keys.iter().map(|key| (*key, identity.account)));
            }
        }
        self.paired = paired;
    }
}

impl<R: CryptoRng> Node<R> {
    /// Makes this node a home node, keeping at most `quota` bytes; `None`: as before, 20 GiB at first.
    pub fn become_home(&mut self, quota: Option<u64>) {
        let mut role = self.home.role.clone().unwrap_or_default();
        role.quota = quota.unwrap_or(role.quota);
        if self.home.role.as_ref() != Some(&role) {
            self.set_home_role(role);
        }
    }

    fn set_home_role(&mut self, role: HomeRecord) {
        let write = put(&Key::Home, &role);
        self.home.role = Some(role);
        self.home.index_paired();
        self.outbox.store(vec![write], After::Nothing);
        self.views.node_changed();
    }

    /// Whether this node is a home node.
    #[must_use]
    pub const fn is_home(&self) -> bool {
        self.home.role.is_some()
    }

    /// Somebody has paired with this home node; the first is its owner.
    ///
    /// # Errors
    /// A sentence: the chain does not hold, or too many have paired.
    pub(crate) fn home_paired(&mut self, chain: Vec<SignedEvent>) -> Result<AccountId, String> {
        let identity = identity::evaluate(&chain).map_err(|error| error.to_string())?;
        let mut role = self.home.role.clone().unwrap_or_default();
        let same = |other: &Vec<SignedEvent>| {
            other
                .first()
                .is_some_and(|first| AccountId::from(first.header.id()) == identity.account)
        };
        role.chains.retain(|other| !same(other));
        if role.chains.len() >= PAIRED_MAX {
            return Err(format!(
                "{PAIRED_MAX} accounts have paired with this home node, which is the limit"
            ));
        }
        role.owner.get_or_insert(identity.account);
        role.chains.push(chain);
        self.set_home_role(role);
        let connected: Vec<_> = self.peers.keys().copied().collect();
        for key in connected {
            self.tell_home_status(key);
        }
        Ok(identity.account)
    }

    /// The account that a peer may have communities kept for. What communities say of a device is newer than the
    /// chain that was shown at pairing.
    pub(crate) fn served_account(&self, key: NetworkKey) -> Option<AccountId> {
        let role = self.home.role.as_ref()?;
        let accounts: BTreeSet<_> = role
            .chains
            .iter()
            .filter_map(|chain| Some(AccountId::from(chain.first()?.header.id())))
            .collect();
        let mut known = self
            .communities
            .values()
            .filter(|community| community.blind.is_some())
            .filter_map(|community| Some((community, community.device_of(key)?)))
            .filter(|(_, (account, _))| accounts.contains(account))
            .peekable();
        if known.peek().is_none() {
            return self.home.paired.get(&key).copied();
        }
        known.find_map(|(community, _)| Some(community.member_of(key)?.0))
    }

    /// Tells a peer for whom something may be kept how this home node stands.
    pub(crate) fn tell_home_status(&mut self, to: NetworkKey) {
        let (Some(account), Some(role)) = (self.served_account(to), &self.home.role) else {
            return;
        };
        let part = |community: &Community| {
            let blind = community.blind.as_ref()?;
            blind.accounts.contains(&account).then(|| KeptPart {
                community: community.id,
                events: community.events_held(),
                bytes: blind.bytes,
                keeping: blind.keeping_of(account),
            })
        };
        let says = HomeStatus {
            bytes: self.home_bytes(),
            quota: role.quota,
            kept: self.communities.values().filter_map(part).collect(),
        };
        self.home.told.insert(to, self.now.mono);
        self.outbox.send(to, &Frame::HomeStatus(Box::new(says)));
        let at = self.now.mono.plus(HOME_STATUS_EVERY_MS);
        self.timers.set_earlier(Timer::HomeStatus, at);
    }

    /// Peers may have come to be known as devices of somebody whom this home node serves: they are told how it stands.
    pub(crate) fn tell_newly_served(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some(blind) = &community.blind else {
            return;
        };
        let served = |key: &NetworkKey| {
            let member = community.member_of(*key);
            member.is_some_and(|(account, _)| blind.accounts.contains(&account))
        };
        let untold = self.peers.keys().copied();
        let untold = untold.filter(|key| !self.home.told.contains_key(key) && served(key));
        for key in untold.collect::<Vec<_>>() {
            self.tell_home_status(key);
        }
    }

    /// Tells those who are connected how this home node stands now.
    pub(crate) fn home_status_due(&mut self) {
        let connected: Vec<_> = self.peers.keys().copied().collect();
        self.home.told.retain(|key, _| connected.contains(key));
        for key in connected {
            self.tell_home_status(key);
        }
    }

    /// One for whom this home node may keep communities says whether it is to keep one.
    pub(crate) fn home_store(&mut self, from: NetworkKey, store: HomeStore) {
        let Some(account) = self.served_account(from) else {
            return;
        };
        let id = store.community;
        if !store.keep {
            self.keep_no_more(id, account);
        } else if self.communities.contains_key(&id) {
            self.keep_for(id, account);
        } else if let Some(community) = self.begin_blind(from, account, &store.ranges, id) {
            self.insert_blind(from, community, &store.ranges);
        }
        if store.keep {
            self.set_keeping(id, account, store.keeping);
        }
        // Many at once are answered together.
        let told = self.home.told.get(&from);
        let next = told.map_or(MonoMs(0), |at| at.plus(HOME_ANSWER_EVERY_MS));
        if self.now.mono >= next {
            self.tell_home_status(from);
        } else {
            self.timers.set_earlier(Timer::HomeStatus, next);
        }
    }

    fn keep_for(&mut self, id: CommunityId, account: AccountId) {
        let blind = self
            .communities
            .get_mut(&id)
            .and_then(|community| community.blind.as_mut());
        if let Some(blind) = blind
            && blind.accounts.insert(account)
        {
            let record = KeptRecord(blind.accounts.clone());
            self.outbox
                .store(vec![put(&Key::HomeKept(id), &record)], After::Nothing);
        }
    }

    fn keep_no_more(&mut self, id: CommunityId, account: AccountId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let Some(blind) = community.blind.as_mut() else {
            return;
        };
        let before = blind.keeping();
        if !blind.accounts.remove(&account) {
            return;
        }
        if !blind.accounts.is_empty() {
            blind.note_fewer_days(before, self.now.wall);
            let writes = vec![
                put(&Key::HomeKept(id), &KeptRecord(blind.accounts.clone())),
                put(&Key::HomeLimits(id), &blind.limits),
            ];
            self.outbox.store(writes, After::Nothing);
            return;
        }
        let rows = community.rows.keys().map(|row| Key::Events(id, *row));
        let wraps = community.wraps.keys().map(|epoch| Key::Wraps(id, *epoch));
        let prekeys = community
            .prekeys
            .keys()
            .map(|device| Key::Prekey(id, *device));
        let others = blind.others.keys().map(|event| Key::Others(id, *event));
        let keys = [Key::Community(id), Key::HomeKept(id), Key::HomeLimits(id)].into_iter();
        let keys = keys.chain(rows).chain(wraps).chain(prekeys).chain(others);
        let writes = keys.map(|key| Write::Delete(key.to_key())).collect();
        self.communities.remove(&id);
        for peer in self.peers.values_mut() {
            peer.sessions.remove(&id);
        }
        self.timers.clear(Timer::Sweep(id));
        self.outbox.store(writes, After::Nothing);
    }

    /// Begins a blind copy from the start of its authority log.
    fn begin_blind(
        &mut self,
        from: NetworkKey,
        account: AccountId,
        ranges: &[Vec<u8>],
        id: CommunityId,
    ) -> Option<Community> {
        let kept = self.communities.values();
        if kept.filter(|one| one.blind.is_some()).count() >= KEPT_MAX {
            tracing::warn!("{KEPT_MAX} communities are kept, which is the limit");
            return None;
        }
        let genesis = ranges
            .iter()
            .flat_map(|bytes| verified(bytes))
            .find(|(event, _)| event.id() == EventId::from(id));
        let authority = genesis
            .and_then(|(event, _)| AuthorityLog::with(event, Arc::clone(&self.me.signatures)).ok());
        let Some(authority) = authority else {
            // Whoever changes a limit of what is not kept any more sends the rest when it hears so.
            if ranges.is_empty() {
                return None;
            }
            self.outbox
                .penalize(from, "a community to keep, without its genesis");
            return None;
        };
        let membership = Membership {
            incarnation: 0,
            joined: self.now.wall,
        };
        let mut community = Community::new(authority, membership, self.me.device());
        community.blind = Some(Blind::of(BTreeSet::from([account])));
        Some(community)
    }

    fn insert_blind(&mut self, from: NetworkKey, mut community: Community, ranges: &[Vec<u8>]) {
        let id = community.id;
        let accounts = community
            .blind
            .iter()
            .flat_map(|blind| blind.accounts.clone());
        let mut writes = vec![
            put(&Key::Community(id), &community.membership),
            put(&Key::HomeKept(id), &KeptRecord(accounts.collect())),
        ];
        let mut rest = Vec::new();
        for bytes in ranges {
            let events = verified(bytes);
            if events
                .iter()
                .any(|(event, _)| event.id() == EventId::from(id))
            {
                let number = community.next_row;
                let row = Row {
                    arrived: self.now.wall,
                    events: RowEvents::Ranges(vec![bytes.clone()]),
                };
                community.note_row(number, events.iter().map(|(event, _)| event.id()).collect());
                writes.push(put(&Key::Events(id, number), &row));
            }
            rest.push((bytes.clone(), events));
        }
        community.note_written(&writes);
        self.communities.insert(id, community);
        self.outbox.store(writes, After::Nothing);
        for (bytes, events) in rest {
            self.ingest(id, events, Some(RowEvents::Ranges(vec![bytes])), from);
        }
        let at = self.now.mono.plus(COMPARE_EVERY_MS);
        self.timers.set(Timer::Sweep(id), at);
        let connected: Vec<_> = self.peers.keys().copied().collect();
        for key in connected {
            let community = &self.communities[&id];
            if community.member_of(key).is_some() || community.is_home(key) {
                self.open_session(key, id);
            }
        }
    }

    /// `home status`, and what the page of a home node shows.
    #[must_use]
    pub fn home_status_view(&self) -> Option<HomeStatusView> {
        let role = self.home.role.as_ref()?;
        let mut keeps: Vec<_> = self
            .communities
            .values()
            .filter_map(|community| {
                let blind = community.blind.as_ref()?;
                let keeping = blind.keeping();
                let events = community.events_held();
                let backed = blind.backed.map_or(0, |backed| backed.events);
                Some(KeptView {
                    community: community.id,
                    accounts: blind.accounts.iter().copied().collect(),
                    events,
                    bytes: blind.bytes,
                    lag: self.lag_of(community),
                    limit: Some(keeping.bytes).filter(|bytes| *bytes > 0),
                    days: Some(keeping.days).filter(|days| *days > 0),
                    backed: blind.backed.map(|backed| backed.at),
                    alone: events.saturating_sub(backed),
                })
            })
            .collect();
        keeps.sort_by_key(|kept| (std::cmp::Reverse(kept.bytes), kept.community));
        Some(HomeStatusView {
            device: self.me.device(),
            owner: role.owner,
            bytes: self.home_bytes(),
            quota: role.quota,
            peers: u32::try_from(self.peers.len()).unwrap_or(u32::MAX),
            letters: u32::try_from(self.home.letters.len()).unwrap_or(u32::MAX),
            keeps,
        })
    }

    /// Somebody else holds all of a blind copy: what each of both may view is the whole. Equal copies may still lack
    /// bodies: whoever asks for one right after it lacks it.
    pub(crate) fn note_backed(&mut self, from: NetworkKey, id: CommunityId) {
        let wall = self.wall();
        let me = self.me.network;
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mine = community.viewers(me);
        let all = community.shared_places([&mine, &mine]).len();
        let whole = self.places_with(community, from).len() == all && community.keeps_bodies(from);
        let events = community.events_held();
        let session = self.peers.get_mut(&from);
        let session = session.and_then(|peer| peer.sessions.get_mut(&id));
        if session.is_none_or(|session| std::mem::take(&mut session.lacked_bodies)) {
            return;
        }
        let community = self.communities.get_mut(&id).filter(|_| whole);
        if let Some(blind) = community.and_then(|community| community.blind.as_mut()) {
            blind.backed = Some(Backed {
                at: wall,
                events,
                by: from,
            });
        }
    }

    /// A peer whose copy was found equal asks for events by name: it lacks bodies that are held here.
    pub(crate) fn note_lacking(&mut self, from: NetworkKey, id: CommunityId, wanted: &[EventId]) {
        let community = self.communities.get_mut(&id);
        let Some(community) = community.filter(|community| community.blind.is_some()) else {
            return;
        };
        let has_body = |event: &EventId| {
            let found = community.find(*event);
            found.is_some_and(|(_, event)| event.body().is_some())
        };
        let session = self.peers.get_mut(&from);
        let session = session.and_then(|peer| peer.sessions.get_mut(&id));
        let Some(session) = session.filter(|session| session.equal && wanted.iter().any(has_body))
        else {
            return;
        };
        session.lacked_bodies = true;
        if let Some(blind) = &mut community.blind {
            blind.backed = blind.backed.filter(|backed| backed.by != from);
        }
    }

    /// By how many events the connected member that holds most is ahead.
    fn lag_of(&self, community: &Community) -> Option<u64> {
        let seen = self
            .peers
            .values()
            .filter_map(|peer| peer.sessions.get(&community.id)?.seen);
        let most = seen.map(|standing| standing.events).max()?;
        Some(most.saturating_sub(community.events_held()))
    }
}

impl Community {
    /// Events held in all scopes.
    pub(crate) fn events_held(&self) -> u64 {
        let channels = self.timelines.keys();
        let places = channels.map(|channel| Place::Channel(*channel));
        self.events_in(places.chain([Place::Authority, Place::Content]))
    }

    /// Events held in these places.
    pub(crate) fn events_in(&self, places: impl Iterator<Item = Place>) -> u64 {
        let events: usize = places
            .filter_map(|place| self.dag(place))
            .map(Dag::len)
            .sum();
        events as u64
    }

    /// Whether a peer with all events can be expected to hold their bodies too: a device that reads, or a home node
    /// that keeps all of it, as an account asks all its home nodes for the same.
    fn keeps_bodies(&self, peer: NetworkKey) -> bool {
        let Some(blind) = self.blind.as_ref().filter(|_| self.is_home(peer)) else {
            return self.device_of(peer).is_some();
        };
        let whole = |account: &AccountId| {
            blind.accounts.contains(account) && blind.keeping_of(*account).days == 0
        };
        self.viewers(peer).iter().any(whole)
    }

    /// Restores what a start has read: for whom the copy is kept, and what it takes of the store.
    pub(crate) fn blind_from(
        &mut self,
        (record, limits): (KeptRecord, LimitsRecord),
        rows: &BTreeMap<u64, Row>,
        others: Vec<(EventId, OtherCarriers)>,
    ) {
        let mut blind = Blind::of(record.0);
        blind.limits = limits;
        for (event, others) in others {
            blind.note_others(event, Some(others));
        }
        for (number, row) in rows {
            let value = row.to_bytes();
            blind.note_row(*number, value.len() as u64, &value);
        }
        for (epoch, wraps) in &self.wraps {
            blind.note_wraps(*epoch, wraps_bytes(wraps));
        }
        self.blind = Some(blind);
    }
}

/// Events of a range of operations, which are in clear; none if it does not hold.
fn verified(bytes: &[u8]) -> Vec<Incoming> {
    let range = SignedRange::from_bytes(bytes).ok();
    let verified = range.and_then(|range| range.verify(&|_| None).ok());
    verified.map_or_else(Vec::new, alloquy_schema::range::VerifiedRange::into_events)
}
