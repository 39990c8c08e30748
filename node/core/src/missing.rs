//! Keys that are not here though something could be read with them: whom to ask, how often, and who can help
//! (docs/protocol.md, "Keys that are missing").

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Event;
use alloquy_ids::{AccountId, ChannelId, CommunityId, EpochId, MonoMs, NetworkKey};
use alloquy_schema::epoch::Wrap;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::timeline::Timeline;
use rand_core::CryptoRng;

use crate::community::Community;
use crate::limits::{
    EPOCHS_ASKED_MAX, KEY_HOLDERS_NAMED_MAX, KEY_PEERS_ASKED_MAX, KEY_REQUEST_EVERY_MS,
    KEY_REQUEST_PAUSE_MAX_MS, KEYS_OWED_MAX,
};
use crate::node::Node;
use crate::wire::Frame;

/// How an epoch's key was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    first: MonoMs,
    /// When it is to be asked for again.
    next: MonoMs,
    times: u32,
}

impl Asked {
    pub(crate) const fn new(now: MonoMs) -> Self {
        Self {
            first: now,
            next: now,
            times: 0,
        }
    }

    pub(crate) const fn next(&self) -> MonoMs {
        self.next
    }

    /// If it is to be asked for now: the how manieth time this is. The pause after each is twice the one before.
    pub(crate) fn due(&mut self, now: MonoMs) -> Option<u32> {
        if now < self.next {
            return None;
        }
        let doubled = KEY_REQUEST_EVERY_MS.saturating_mul(1 << self.times.min(16));
        self.next = now.plus(doubled.min(KEY_REQUEST_PAUSE_MAX_MS));
        self.times += 1;
        Some(self.times)
    }

    /// Whether whoever is connected has had the time to answer.
    fn had_its_time(&self, now: MonoMs) -> bool {
        now >= self.first.plus(KEY_REQUEST_EVERY_MS)
    }
}

/// What faces were told of a channel: who can help, and whether one of them is connected.
pub(crate) type Helpers = (Vec<AccountId>, bool);

impl Community {
    /// Accounts that were given an epoch when it was announced and are entitled still, whoever announced it first.
    /// Of the own account only if it has another device.
    fn holders(&self, me: AccountId, epoch: EpochId) -> Vec<AccountId> {
        let state = self.state();
        let Some(channel) = state.epochs.get(&epoch).map(|epoch| epoch.channel) else {
            return Vec::new();
        };
        let announcer = self
            .authority
            .dag()
            .get(epoch.into())
            .and_then(|event| self.author_of(event));
        let others = |account: &AccountId| {
            *account != me
                || state
                    .members
                    .get(account)
                    .is_some_and(|member| member.devices.len() > 1)
        };
        let mut holders: Vec<_> = self
            .first_recipients(epoch, channel)
            .into_iter()
            .filter(others)
            .collect();
        holders.sort_by_key(|account| Some(*account) != announcer);
        holders
    }

    /// Epochs whose keys bodies of a channel wait for.
    fn lacked_in(&self, timeline: &Timeline) -> BTreeSet<EpochId> {
        let missing = timeline.missing_bodies();
        let events = missing.iter().filter_map(|id| timeline.dag().get(*id));
        events
            .map(|event| event.header().epoch)
            .filter(|epoch| !self.keys.contains_key(epoch))
            .collect()
    }

    /// Per channel who can help with what can not be read, as far as it was not only just asked for.
    fn keys_missing(
        &self,
        me: AccountId,
        connected: &BTreeSet<AccountId>,
        now: MonoMs,
    ) -> BTreeMap<ChannelId, Helpers> {
        let mut missing = BTreeMap::new();
        for (channel, timeline) in &self.timelines {
            for epoch in self.lacked_in(timeline) {
                let holders = self.holders(me, epoch);
                let one_is_here = holders.iter().any(|account| connected.contains(account));
                let asked = self.asked.get(&epoch);
                if one_is_here && asked.is_none_or(|asked| !asked.had_its_time(now)) {
                    continue;
                }
                let helpers: &mut Helpers = missing.entry(*channel).or_default();
                for account in holders {
                    if !helpers.0.contains(&account) {
                        helpers.0.push(account);
                    }
                }
                helpers.1 |= one_is_here;
            }
        }
        for (holders, _) in missing.values_mut() {
            holders.sort_by_key(|account| !connected.contains(account));
            holders.truncate(KEY_HOLDERS_NAMED_MAX);
        }
        missing
    }
}

impl<R: CryptoRng> Node<R> {
    /// Whom to ask for a key: own devices, and if they do not give it at once, some of the other members, others
    /// each time, and home nodes, which may keep a wrap for this device.
    pub(crate) fn key_sources(&self, id: CommunityId, times: u32) -> Vec<NetworkKey> {
        let me = self.me.account();
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let of_me = |key: &NetworkKey| community.device_of(*key).is_some_and(|(of, _)| of == me);
        let (mut sources, mut others): (Vec<_>, Vec<_>) =
            self.connected_members(id).into_iter().partition(of_me);
        if sources.is_empty() || times > 1 {
            let round = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
            let begin = round.saturating_mul(KEY_PEERS_ASKED_MAX) % others.len().max(1);
            others.rotate_left(begin);
            others.truncate(KEY_PEERS_ASKED_MAX);
            sources.append(&mut others);
            sources.extend(self.connected_homes(id));
        }
        sources
    }

    /// Somebody has come: what is lacking is asked for at once.
    pub(crate) fn ask_newly_connected(&mut self, key: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let epochs: Vec<_> = community
            .asked
            .keys()
            .copied()
            .take(EPOCHS_ASKED_MAX)
            .collect();
        if epochs.is_empty() {
            return;
        }
        let frame = Frame::KeyRequest {
            community: id,
            prekey: self.me.prekey.clone(),
            epochs,
        };
        self.outbox.send(key, &frame);
        self.tell_missing_keys(id);
    }

    /// Somebody asked for a key that is not here. Whether that is news.
    pub(crate) fn owe_key(
        &mut self,
        id: CommunityId,
        epoch: EpochId,
        (from, prekey): (NetworkKey, &PrekeyRecord),
    ) -> bool {
        let Some(community) = self.communities.get_mut(&id) else {
            return false;
        };
        let asked = community.asked_here.entry(epoch).or_default();
        asked.len() < KEYS_OWED_MAX && asked.insert(from, prekey.clone()).is_none()
    }

    /// Keys have come that others asked for: whoever is connected still is given them, if it may be.
    pub(crate) fn give_owed_keys(&mut self, id: CommunityId, epochs: &[EpochId]) {
        for epoch in epochs {
            let Some(community) = self.communities.get_mut(&id) else {
                return;
            };
            for owed in community.asked_here.remove(epoch).unwrap_or_default() {
                self.give_owed_key(id, *epoch, owed);
            }
        }
    }

    /// Wraps have come to a blind copy: those for whom others made them, and who asked for them, are given them.
    pub(crate) fn give_owed_wraps(&mut self, id: CommunityId, epoch: EpochId, came: &[Wrap]) {
        let community = self.communities.get_mut(&id);
        let Some(asked) = community.and_then(|one| one.asked_here.get_mut(&epoch)) else {
            return;
        };
        let is_here = |prekey: &PrekeyRecord| came.iter().any(|wrap| wrap.to == prekey.key);
        let due: Vec<_> = asked.extract_if(.., |_, prekey| is_here(prekey)).collect();
        for owed in due {
            self.give_owed_key(id, epoch, owed);
        }
    }

    fn give_owed_key(
        &mut self,
        id: CommunityId,
        epoch: EpochId,
        (from, prekey): (NetworkKey, PrekeyRecord),
    ) {
        let community = self.communities.get(&id);
        let member = community.and_then(|community| community.member_of(from));
        if let Some((account, device)) = member.filter(|_| self.peers.contains_key(&from)) {
            self.key_request(from, account, device, id, prekey, &[epoch]);
        }
    }

    /// Tells faces, once for each change, what can not be read for want of a key and who can help.
    pub(crate) fn tell_missing_keys(&mut self, id: CommunityId) {
        let (me, mono) = (self.me.account(), self.now.mono);
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let connected: BTreeSet<_> = self
            .connected_members(id)
            .into_iter()
            .filter_map(|key| community.device_of(key))
            .map(|(account, _)| account)
            .collect();
        let missing = community.keys_missing(me, &connected, mono);
        let told = &community.keys_told;
        let other: Vec<_> = missing
            .iter()
            .filter(|(channel, helpers)| told.get(channel) != Some(helpers))
            .map(|(channel, helpers)| (*channel, helpers.clone()))
            .collect();
        if let Some(community) = self.communities.get_mut(&id) {
            community.keys_told = missing;
        }
        for (channel, (holders, connected)) in other {
            self.outbox.tell(Event::KeyMissing {
                community: id,
                channel,
                holders,
                connected,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_limit() {
        let mut now = MonoMs(1_000);
        let mut asked = Asked::new(now);
        let mut pauses = Vec::new();
        for times in 1..=12 {
            assert_eq!((asked.due(now), asked.due(now)), (Some(times), None));
            pauses.push(asked.next().0 - now.0);
            now = asked.next();
        }
        assert_eq!(pauses[..4], [2_000, 4_000, 8_000, 16_000]);
        assert_eq!(pauses[11], KEY_REQUEST_PAUSE_MAX_MS);
    }
}
