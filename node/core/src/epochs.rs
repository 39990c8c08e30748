//! Encryption epochs as a member lives them: choosing, announcing, handing out and asking for keys.
//!
//! A writer uses a tip that is *usable* in its view: every operation that took somebody's entitlement is in
//! the announcement's past (docs/protocol.md, "Encryption"). When none is usable, writers wait a moment that
//! differs per device, adopt what has arrived, and announce. Readers never refuse an event for its epoch.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, NetworkKey, ScopeId,
};
use alloquy_schema::authority::State;
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement};
use alloquy_schema::codec::Writer;
use alloquy_schema::epoch::{self, EpochKey, Wrap};
use alloquy_schema::hash;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::EPOCH_PARENTS_MAX;
use alloquy_schema::permissions::{HistoryPolicy, Permissions};
use alloquy_schema::timeline::Changes;
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::community::{Community, Place};
use crate::history::policy;
use crate::limits::{
    EPOCH_AGE_MAX_MS, EPOCHS_ASKED_MAX, FIRST_WRITE_WAIT_MS, KEY_PATIENCE_MS, WRAPS_MAX,
};
use crate::missing::Asked;
use crate::node::{Node, Timer};
use crate::outbox::{After, put, put_bytes};
use crate::record::Key;
use crate::wire::Frame;

/// Longest pause before a writer announces an epoch, so that two seldom do at once.
const ANNOUNCE_SPREAD_MS: u64 = 2_000;

impl Community {
    /// Scope that an epoch's secret is committed to: the community's, or the private channel's.
    pub(crate) fn key_scope(&self, channel: Option<ChannelId>) -> ScopeId {
        channel.map_or_else(|| self.id.into(), ScopeId::from)
    }

    /// Epochs of a key scope that no other follows, with whether they may be written under.
    pub(crate) fn tips(&self, state: &State, channel: Option<ChannelId>) -> Vec<(EpochId, bool)> {
        let of_scope = || {
            state
                .epochs
                .iter()
                .filter(move |(_, epoch)| epoch.channel == channel)
        };
        let followed: BTreeSet<EpochId> = of_scope()
            .flat_map(|(_, epoch)| epoch.parents.iter().copied())
            .collect();
        of_scope()
            .filter(|(id, _)| !followed.contains(id))
            .map(|(id, _)| (*id, self.is_usable(state, *id, channel)))
            .collect()
    }

    /// Epochs whose key is held and that no other such epoch follows: what a new one links to when the key of
    /// the tip could not be had.
    fn held_tips(&self, state: &State, channel: Option<ChannelId>) -> Vec<EpochId> {
        let held = || {
            let of_scope = state
                .epochs
                .iter()
                .filter(move |(_, epoch)| epoch.channel == channel);
            of_scope.filter(|(id, _)| self.keys.contains_key(*id))
        };
        let followed: BTreeSet<EpochId> = held()
            .flat_map(|(_, epoch)| epoch.parents.iter().copied())
            .collect();
        held()
            .map(|(id, _)| *id)
            .filter(|id| !followed.contains(id))
            .collect()
    }

    /// Whether every operation that took an entitlement to the scope is in the announcement's past, and everybody
    /// who is entitled can read under it.
    fn is_usable(&self, state: &State, epoch: EpochId, channel: Option<ChannelId>) -> bool {
        self.shuts_out(state, epoch, channel) && self.reaches_all(state, epoch, channel)
    }

    /// Whether every operation that took an entitlement to the scope is in the announcement's past.
    fn shuts_out(&self, state: &State, epoch: EpochId, channel: Option<ChannelId>) -> bool {
        let announcement = [EventId::from(epoch)];
        state
            .losses
            .iter()
            .filter(|loss| loss.channel.is_none() || loss.channel == channel)
            .all(|loss| self.authority.in_closure(&announcement, loss.op))
    }

    /// Whether a scope needs another epoch because somebody has lost the entitlement, not because somebody came in.
    pub(crate) fn must_shut_out(&self, channel: Option<ChannelId>) -> bool {
        let state = self.state();
        let mut tips = self.tips(&state, channel).into_iter();
        !tips.any(|(tip, _)| self.keys.contains_key(&tip) && self.shuts_out(&state, tip, channel))
    }

    /// The epoch that this device writes under: the deepest usable tip whose key it holds, then the smallest id.
    pub(crate) fn writing_epoch(&self, channel: Option<ChannelId>) -> Option<EpochId> {
        let state = self.state();
        self.tips(&state, channel)
            .into_iter()
            .filter(|(id, usable)| *usable && self.keys.contains_key(id))
            .map(|(id, _)| (std::cmp::Reverse(state.epochs[&id].depth), id))
            .min()
            .map(|(_, id)| id)
    }

    /// Usable tips whose key is not here.
    fn locked_tips(&self, channel: Option<ChannelId>) -> Vec<EpochId> {
        let tips = self.tips(&self.state(), channel);
        tips.into_iter()
            .filter(|(id, usable)| *usable && !self.keys.contains_key(id))
            .map(|(id, _)| id)
            .collect()
    }

    /// Whether an account may be given keys of a scope.
    pub(crate) fn is_entitled(&self, account: AccountId, channel: Option<ChannelId>) -> bool {
        let state = self.state();
        state.is_member(account)
            && channel.is_none_or(|channel| {
                state
                    .permissions(account, Some(channel))
                    .has(Permissions::VIEW)
            })
    }

    /// Prekeys of everybody who is entitled to a scope; under `all` recovery keys too.
    pub(crate) fn recipients(&self, channel: Option<ChannelId>) -> Vec<(AccountId, [u8; 32])> {
        let state = self.state();
        let mut recipients = Vec::new();
        for (account, member) in &state.members {
            if !self.is_entitled(*account, channel) {
                continue;
            }
            let prekeys = member
                .acting()
                .filter_map(|(device, _)| self.prekeys.get(&device));
            recipients.extend(prekeys.map(|prekey| (*account, prekey.key)));
            if policy(&state, channel) == HistoryPolicy::All {
                recipients.push((*account, member.recovery_wrap_key));
            }
        }
        recipients.truncate(WRAPS_MAX);
        recipients
    }

    /// What an account is given of an epoch: the link key with READ_HISTORY if it was announced under `all`, else
    /// the secret alone.
    pub(crate) fn share(
        &self,
        account: AccountId,
        (epoch, key): (EpochId, &EpochKey),
        channel: Option<ChannelId>,
    ) -> EpochKey {
        let history = || {
            self.state()
                .permissions(account, channel)
                .has(Permissions::READ_HISTORY)
                && self.announced_to_all(epoch, channel)
        };
        match key {
            EpochKey::Link(_) if !history() => key.secret_only(),
            _ => key.clone(),
        }
    }

    /// Takes key material of an announced epoch if it is the one that was announced; opens what it links to.
    /// Returns the epochs that are held now and were not.
    fn learn_key(&mut self, epoch: EpochId, key: EpochKey) -> Vec<EpochId> {
        let state = self.state();
        let mut learned = Vec::new();
        let mut queue = vec![(epoch, key)];
        while let Some((epoch, key)) = queue.pop() {
            let Some(announced) = state.epochs.get(&epoch) else {
                continue;
            };
            let better = match (self.keys.get(&epoch), &key) {
                (None, _) => true,
                (Some(EpochKey::Secret(_)), EpochKey::Link(_)) => true,
                (Some(_), _) => false,
            };
            let scope = self.key_scope(announced.channel);
            if !better || key.secret().commit(scope, &announced.parents) != announced.commit {
                continue;
            }
            let Some(AuthorityOp::AnnounceEpoch(op)) = self.authority.op(epoch.into()) else {
                continue;
            };
            let parents = op.links.iter().filter_map(|(parent, sealed)| {
                Some((*parent, epoch::open_link(&key, &announced.commit, sealed)?))
            });
            queue.extend(parents);
            self.keys.insert(epoch, key);
            learned.push(epoch);
        }
        learned
    }

    /// Epochs whose key is not here though an event, or a writer, needs it.
    pub(crate) fn wanted_keys(&self, me: AccountId) -> BTreeSet<EpochId> {
        let state = self.state();
        let missing = |dag: &alloquy_schema::dag::Dag, ids: Vec<EventId>| -> Vec<EpochId> {
            ids.into_iter()
                .filter_map(|id| dag.get(id))
                .map(|event| event.header().epoch)
                .collect()
        };
        let mut wanted: BTreeSet<EpochId> =
            missing(self.content.dag(), self.content.missing_bodies())
                .into_iter()
                .collect();
        for timeline in self.timelines.values() {
            wanted.extend(missing(timeline.dag(), timeline.missing_bodies()));
        }
        wanted.extend(self.asked.keys().copied());
        let scopes: BTreeSet<Option<ChannelId>> =
            state.epochs.values().map(|epoch| epoch.channel).collect();
        for channel in scopes
            .into_iter()
            .filter(|channel| self.is_entitled(me, *channel))
        {
            wanted.extend(self.tips(&state, channel).into_iter().map(|(id, _)| id));
        }
        wanted.retain(|id| !self.keys.contains_key(id) && self.may_be_given(me, *id));
        wanted
    }
}

impl<R: CryptoRng> Node<R> {
    /// Makes the announcement of an epoch, keyed and linked. The caller writes it.
    pub(crate) fn draft_epoch(
        &mut self,
        id: CommunityId,
        channel: Option<ChannelId>,
    ) -> Option<(Draft, EpochKey)> {
        let key = EpochKey::generate(&mut self.rng);
        let community = self.communities.get(&id)?;
        let state = community.state();
        let mut parents: Vec<EpochId> = community
            .tips(&state, channel)
            .into_iter()
            .map(|(tip, _)| tip)
            .collect();
        // Under `since join` nothing leads back: parents only say what the epoch follows.
        let since_join = policy(&state, channel) == HistoryPolicy::SinceJoin;
        if !since_join {
            parents.retain(|parent| community.keys.contains_key(parent));
            if parents.is_empty() {
                parents = community.held_tips(&state, channel);
            }
        }
        parents.truncate(EPOCH_PARENTS_MAX);
        let commit = key.secret().commit(community.key_scope(channel), &parents);
        let links = parents
            .iter()
            .filter(|parent| !since_join && community.announced_to_all(**parent, channel))
            .filter_map(|parent| {
                Some((
                    *parent,
                    epoch::seal_link(&key, &commit, community.keys.get(parent)?)?,
                ))
            })
            .collect();
        let op = AuthorityOp::AnnounceEpoch(EpochAnnouncement {
            channel,
            parents,
            commit,
            links,
        });
        Some((Draft::Op(op), key))
    }

    /// Takes the key of an own announcement into use and wraps it for everybody entitled: the records to store
    /// with the announcement, so that none is ever published whose key could be lost.
    pub(crate) fn adopt_own_epoch(
        &mut self,
        id: CommunityId,
        channel: Option<ChannelId>,
        event: EventId,
        key: EpochKey,
    ) -> Vec<crate::io::Write> {
        let epoch = EpochId::from(event);
        let Some(community) = self.communities.get_mut(&id) else {
            return Vec::new();
        };
        community.keys.insert(epoch, key.clone());
        let recipients = community.recipients(channel);
        let shared: Vec<_> = recipients
            .into_iter()
            .map(|(account, to)| (community.share(account, (epoch, &key), channel), to))
            .collect();
        let wraps: Vec<Wrap> = shared
            .iter()
            .map(|(key, to)| epoch::wrap(epoch, key, to, &mut self.rng))
            .collect();
        let mut list = Writer::new();
        list.list(&wraps);
        let writes = vec![
            put_bytes(&Key::Epoch(id, epoch), key.to_bytes()),
            put_bytes(&Key::Wraps(id, epoch), list.into_bytes()),
        ];
        if let Some(community) = self.communities.get_mut(&id) {
            community.wraps.insert(epoch, wraps);
        }
        writes
    }

    /// Sends each connected member its own wrap of a stored epoch.
    pub(crate) fn hand_out(&mut self, id: CommunityId, epoch: EpochId) {
        for peer in self.connected_members(id) {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            let Some((_, device)) = community.device_of(peer) else {
                continue;
            };
            let Some(prekey) = community.prekeys.get(&device) else {
                continue;
            };
            let wraps = community
                .wraps
                .get(&epoch)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let own: Vec<_> = wraps
                .iter()
                .filter(|wrap| wrap.to == prekey.key)
                .cloned()
                .collect();
            if !own.is_empty() {
                self.outbox.send(
                    peer,
                    &Frame::Keys {
                        community: id,
                        epoch,
                        wraps: own,
                    },
                );
            }
        }
    }

    /// Arranges for a usable epoch: asks for keys, and announces one if none has come in time.
    pub(crate) fn arrange_epoch(&mut self, id: CommunityId, channel: Option<ChannelId>) {
        let timer = Timer::Announce(id, channel);
        if self.timers.is_set(timer) {
            return;
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut parts = Writer::new();
        parts.raw(&self.me.device().0);
        for (tip, _) in community.tips(&community.state(), channel) {
            parts.raw(&tip.0);
        }
        let spread = hash::derive("alloquy announce spread v1", &[&parts.into_bytes()]);
        let spread = u64::from(u16::from_le_bytes([spread[0], spread[1]])) % ANNOUNCE_SPREAD_MS;
        // A usable tip without its key: others are asked first.
        let patience = if community.locked_tips(channel).is_empty() {
            0
        } else {
            KEY_PATIENCE_MS
        };
        let at = self.now.mono.plus(patience + spread);
        self.timers.set(timer, at);
        self.ask_keys(id);
    }

    pub(crate) fn announce_if_needed(&mut self, id: CommunityId, channel: Option<ChannelId>) {
        let me = self.me.account();
        let needed = self.communities.get(&id).is_some_and(|community| {
            community.writing_epoch(channel).is_none() && community.is_entitled(me, channel)
        });
        if needed && self.first_write_waits(id) {
            let at = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
            return self.timers.set(Timer::Announce(id, channel), at);
        }
        if needed && self.store_fault.is_none() {
            self.announce(id, channel, None);
        }
        self.retry_deferred();
    }

    /// Replaces the epoch of a channel before the next message if it is over 7 days old by this device's clock.
    pub(crate) fn renew_old_epoch(&mut self, id: CommunityId, channel: ChannelId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let key_channel = community.key_channel(Place::Channel(channel));
        let announced = community
            .writing_epoch(key_channel)
            .and_then(|epoch| community.authority.dag().get(epoch.into()))
            .map(|event| event.header().wall);
        let old =
            announced.is_some_and(|at| self.now.wall.0 > at.0.saturating_add(EPOCH_AGE_MAX_MS));
        if old && self.store_fault.is_none() {
            self.announce(id, key_channel, None);
        }
    }

    /// Announces an epoch now.
    pub(crate) fn announce(
        &mut self,
        id: CommunityId,
        channel: Option<ChannelId>,
        origin: Option<crate::io::Origin>,
    ) {
        let Some((draft, key)) = self.draft_epoch(id, channel) else {
            return;
        };
        let answer = |ids: &[EventId]| {
            Some((
                origin?,
                alloquy_api::Reply::Epoch {
                    epoch: *ids.last()?,
                },
            ))
        };
        let adopt = |node: &mut Self, ids: &[EventId]| {
            ids.last()
                .map(|event| node.adopt_own_epoch(id, channel, *event, key))
                .unwrap_or_default()
        };
        self.write_with(id, &[draft], answer, adopt);
        self.refresh_topics(id);
    }

    /// Notes an epoch whose key is needed to read something that came.
    pub(crate) fn want_key(&mut self, id: CommunityId, epoch: EpochId) {
        let mono = self.now.mono;
        if let Some(community) = self.communities.get_mut(&id) {
            community.asked.entry(epoch).or_insert(Asked::new(mono));
        }
        self.ask_keys(id);
    }

    /// Asks for keys if some are lacking.
    pub(crate) fn note_missing_keys(&mut self, id: CommunityId) {
        let me = self.me.account();
        let lacking = self
            .communities
            .get(&id)
            .is_some_and(|community| !community.wanted_keys(me).is_empty());
        if lacking {
            self.ask_keys(id);
        } else {
            self.tell_missing_keys(id);
        }
    }

    /// Asks for keys that are wanted, each again after a pause that grows: own devices first, then members.
    pub(crate) fn ask_keys(&mut self, id: CommunityId) {
        let (me, mono) = (self.me.account(), self.now.mono);
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let wanted = community.wanted_keys(me);
        community.asked.retain(|epoch, _| wanted.contains(epoch));
        let mut by_times: BTreeMap<u32, Vec<EpochId>> = BTreeMap::new();
        for epoch in wanted.iter().take(EPOCHS_ASKED_MAX) {
            let asked = community.asked.entry(*epoch).or_insert(Asked::new(mono));
            if let Some(times) = asked.due(mono) {
                by_times.entry(times).or_default().push(*epoch);
            }
        }
        if let Some(next) = community.asked.values().map(Asked::next).min() {
            self.timers.set(Timer::AskKeys(id), next);
        }
        for (times, epochs) in by_times {
            let frame = Frame::KeyRequest {
                community: id,
                prekey: self.me.prekey.clone(),
                epochs,
            };
            for peer in self.key_sources(id, times) {
                self.outbox.send(peer, &frame);
            }
        }
        self.tell_missing_keys(id);
    }

    /// A member asks for keys: whoever holds them must wrap, for whoever is entitled.
    pub(crate) fn key_request(
        &mut self,
        from: NetworkKey,
        account: AccountId,
        device: DeviceId,
        id: CommunityId,
        prekey: PrekeyRecord,
        epochs: &[EpochId],
    ) {
        if prekey.device != device || !prekey.verify_by(&*self.me.signatures) {
            return self
                .outbox
                .penalize(from, "a prekey that its device did not sign");
        }
        self.prekeys_came(from, id, vec![prekey.clone()]);
        let mut owes = false;
        for epoch in epochs {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            let Some(channel) = community
                .state()
                .epochs
                .get(epoch)
                .map(|epoch| epoch.channel)
            else {
                continue;
            };
            if !community.is_entitled(account, channel) {
                continue;
            }
            // What was wrapped for it is its own, and so is what another device of its account holds.
            let given = account == self.me.account() || community.may_be_given(account, *epoch);
            let wraps = match community.keys.get(epoch).filter(|_| given) {
                Some(key) => {
                    let shared = if account == self.me.account() {
                        key.clone()
                    } else {
                        community.share(account, (*epoch, key), channel)
                    };
                    vec![epoch::wrap(*epoch, &shared, &prekey.key, &mut self.rng)]
                }
                None => {
                    let held = community
                        .wraps
                        .get(epoch)
                        .map(Vec::as_slice)
                        .unwrap_or_default();
                    // Those that only the recovery words open too: its account may have come back by them.
                    let state = community.state();
                    let words = state.members.get(&account);
                    let words = words.map(|member| member.recovery_wrap_key);
                    held.iter()
                        .filter(|wrap| wrap.to == prekey.key || Some(wrap.to) == words)
                        .cloned()
                        .collect()
                }
            };
            // What only the words open may be of no use to it.
            let own = wraps.iter().any(|wrap| wrap.to == prekey.key);
            // Nor can a blind copy tell whether what it has given was any.
            let blind = self.communities.get_mut(&id);
            let blind = blind.filter(|one| own && one.blind.is_some());
            let again = blind.is_some_and(|one| one.wrap_trust.hand(*epoch, prekey.key));
            if (!own || again) && given {
                owes |= self.owe_key(id, *epoch, (from, &prekey));
            }
            if !wraps.is_empty() {
                self.outbox.send(
                    from,
                    &Frame::Keys {
                        community: id,
                        epoch: *epoch,
                        wraps,
                    },
                );
            }
        }
        if owes {
            self.ask_others_for_wraps(from, id);
        }
    }

    /// Wraps came: the own one is opened; a key counts only if it is the announced one.
    pub(crate) fn keys(
        &mut self,
        from: NetworkKey,
        (id, epoch): (CommunityId, EpochId),
        wraps: Vec<Wrap>,
    ) {
        if self.holds_blind(id) {
            return self.keep_wraps(from, (id, epoch), wraps);
        }
        let held = self
            .communities
            .get(&id)
            .is_some_and(|community| matches!(community.keys.get(&epoch), Some(EpochKey::Link(_))));
        if held {
            return;
        }
        let own = |wrap: &Wrap| epoch::unwrap(epoch, wrap, self.me.prekey_secret(&wrap.to)?);
        let newest = |wrap: &&Wrap| wrap.to == self.me.prekey.key;
        let key = wraps.iter().filter(newest).take(4).find_map(own);
        let words = || self.words.as_ref()?.open(epoch, &wraps);
        let older = || wraps.iter().take(4).find_map(own);
        let Some(key) = key.or_else(older).or_else(words) else {
            return;
        };
        self.take_key(id, epoch, key);
    }

    /// Key material of an epoch, from wherever it came.
    pub(crate) fn take_key(&mut self, id: CommunityId, epoch: EpochId, key: EpochKey) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        if !community.state().epochs.contains_key(&epoch) {
            // The announcement has not come yet; the key is asked for again when it has.
            return;
        }
        let learned = community.learn_key(epoch, key);
        if learned.is_empty() {
            return;
        }
        let mut writes = Vec::new();
        for epoch in &learned {
            community.asked.remove(epoch);
            writes.push(put_bytes(
                &Key::Epoch(id, *epoch),
                community.keys[epoch].to_bytes(),
            ));
        }
        self.outbox.store(writes, After::Nothing);
        self.close_epochs(id);
        self.open_bodies(id, &learned);
        self.give_owed_keys(id, &learned);
        self.refresh_topics(id);
        // A range that could not be opened before is sent again by whoever has it.
        self.compare_soon(id, 0);
        self.retry_deferred();
        self.note_missing_keys(id);
    }

    /// Opens bodies that waited for keys.
    fn open_bodies(&mut self, id: CommunityId, epochs: &[EpochId]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let mut missing: Vec<(Place, EventId)> = community
            .content
            .missing_bodies()
            .into_iter()
            .map(|event| (Place::Content, event))
            .collect();
        for (channel, timeline) in &community.timelines {
            missing.extend(
                timeline
                    .missing_bodies()
                    .into_iter()
                    .map(|event| (Place::Channel(*channel), event)),
            );
        }
        let mut changes: Vec<(Place, Changes)> = Vec::new();
        let mut content = false;
        for (place, event) in missing {
            let of = community
                .dag(place)
                .and_then(|dag| dag.get(event))
                .map(|event| event.header().epoch);
            if !of.is_some_and(|epoch| epochs.contains(&epoch)) {
                continue;
            }
            if let Some(changed) = community.supply_body(place, event) {
                content |= place == Place::Content;
                changes.push((place, changed));
            }
        }
        if content && id == self.own.id {
            self.own_document_changed();
        }
        if content {
            self.tell_members(id);
            self.views.names_changed(id);
            self.outbox
                .tell(alloquy_api::Event::CommunityChanged { community: id });
        }
        for (place, _) in &changes {
            if let Place::Channel(channel) = place {
                self.views.channel_changed(*channel);
            }
        }
        self.tell_changes(id, changes);
    }

    /// Current prekeys of devices: the highest counter wins. Returns whether any of them is new.
    pub(crate) fn prekeys(&mut self, id: CommunityId, records: Vec<PrekeyRecord>) -> bool {
        let newer = self.keep_prekeys(id, records);
        let any = !newer.is_empty();
        for record in newer {
            self.prekey_in_conversations(&record);
        }
        any
    }

    /// Keeps those that are newer, in this community alone, and gives them back.
    pub(crate) fn keep_prekeys(
        &mut self,
        id: CommunityId,
        records: Vec<PrekeyRecord>,
    ) -> Vec<PrekeyRecord> {
        let Some(community) = self.communities.get_mut(&id) else {
            return Vec::new();
        };
        let known: BTreeSet<DeviceId> = community
            .devices
            .values()
            .map(|(_, device)| *device)
            .collect();
        let mut writes = Vec::new();
        let mut newer: BTreeMap<DeviceId, PrekeyRecord> = BTreeMap::new();
        for record in records {
            let held = community
                .prekeys
                .get(&record.device)
                .map_or(0, |held| held.counter);
            if known.contains(&record.device)
                && record.counter > held
                && record.verify_by(&*self.me.signatures)
            {
                newer.insert(record.device, record);
            }
        }
        let newer_of: Vec<DeviceId> = newer.keys().copied().collect();
        for (device, record) in &newer {
            writes.push(put(&Key::Prekey(id, *device), record));
            community.prekeys.insert(*device, record.clone());
        }
        if !writes.is_empty() {
            self.outbox.store(writes, After::Nothing);
        }
        for device in newer_of {
            self.wrap_for_own_device(id, device);
        }
        newer.into_values().collect()
    }

    /// Bytes of a list of wraps, as stored.
    pub(crate) fn read_wraps(bytes: &[u8]) -> Option<Vec<Wrap>> {
        let mut r = alloquy_schema::codec::Reader::new(bytes);
        let wraps = r.list::<Wrap>(WRAPS_MAX, "wraps").ok()?;
        r.end().ok()?;
        Some(wraps)
    }
}
