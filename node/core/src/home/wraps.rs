//! Wraps at a home node: it can open none, and hands each member its own.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, ChannelId, CommunityId, EpochId, NetworkKey};
use alloquy_schema::codec::Writer;
use alloquy_schema::epoch::{self, Wrap};
use alloquy_schema::identity::PrekeyRecord;
use rand_core::CryptoRng;

use super::rows::wraps_bytes;
use crate::community::Community;
use crate::limits::{
    KEY_PEERS_ASKED_MAX, PREKEYS_MAX, WRAP_REQUESTS_MAX, WRAPS_ASKED_MAX, WRAPS_EACH_MAX, WRAPS_MAX,
};
use crate::node::Node;
use crate::outbox::{After, put_bytes};
use crate::record::Key;
use crate::wire::Frame;
use crate::wire::home::WrapRequest;

/// What a blind copy can know of wraps that it can not open, since the start: one key of one epoch each.
#[derive(Debug, Default)]
pub(crate) struct WrapTrust {
    /// Who gave a wrap: each has one place, so that nobody's wrong ones keep out another's.
    givers: BTreeSet<(EpochId, [u8; 32], AccountId)>,
    /// Keys whose owner was given what is held.
    handed: BTreeSet<(EpochId, [u8; 32])>,
    /// Those of them whose owner asked again: what it was given may be wrong.
    doubted: BTreeSet<(EpochId, [u8; 32])>,
}

impl WrapTrust {
    /// The owner of a key is given the wraps of an epoch that are held. Whether it had them before.
    pub(crate) fn hand(&mut self, epoch: EpochId, to: [u8; 32]) -> bool {
        let again = !self.handed.insert((epoch, to));
        if again {
            self.doubted.insert((epoch, to));
        }
        again
    }
}

impl Community {
    /// Keys of everybody who may be given an epoch, and whose each is.
    pub(super) fn receivers(
        &self,
        epoch: EpochId,
        channel: Option<ChannelId>,
    ) -> Vec<(AccountId, [u8; 32])> {
        let mut may: BTreeMap<AccountId, bool> = BTreeMap::new();
        let mut receivers = self.recipients(channel);
        receivers.retain(|(account, _)| {
            *may.entry(*account)
                .or_insert_with(|| self.may_be_given(*account, epoch))
        });
        receivers
    }

    /// The keys whose wraps of an epoch a blind copy lacks.
    fn lacking_wraps(&self, epoch: EpochId, channel: Option<ChannelId>) -> Vec<[u8; 32]> {
        let mut counts: BTreeMap<[u8; 32], usize> = BTreeMap::new();
        for wrap in self.wraps.get(&epoch).into_iter().flatten() {
            *counts.entry(wrap.to).or_default() += 1;
        }
        let doubted = &self.wrap_trust.doubted;
        counts.retain(|to, count| *count >= WRAPS_EACH_MAX || !doubted.contains(&(epoch, *to)));
        let held: BTreeSet<_> = counts.into_keys().collect();
        if self
            .recipients(channel)
            .iter()
            .all(|(_, to)| held.contains(to))
        {
            return Vec::new();
        }
        let receivers = self.receivers(epoch, channel).into_iter();
        let lacking = receivers.map(|(_, to)| to).filter(|to| !held.contains(to));
        lacking.take(WRAPS_ASKED_MAX).collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// Prekeys came: only new ones make a blind copy ask for wraps, of whoever brought them and of others too, for
    /// whose device it is may be the one that lacks the key.
    pub(crate) fn prekeys_came(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        records: Vec<PrekeyRecord>,
    ) {
        if self.prekeys(id, records) {
            self.readers_changed(id);
            self.ask_wraps(from, id);
            self.ask_others_for_wraps(from, id);
        }
    }

    /// A blind copy asks connected parties other than one for wraps that it lacks; those that it does not ask here are
    /// asked when both copies are found equal.
    pub(crate) fn ask_others_for_wraps(&mut self, than: NetworkKey, id: CommunityId) {
        if !self.holds_blind(id) {
            return;
        }
        let equal = |key: &NetworkKey| {
            let session = self.peers.get(key).and_then(|peer| peer.sessions.get(&id));
            *key != than && session.is_some_and(|session| session.equal)
        };
        let mut others = self.connected_parties(id);
        others.retain(equal);
        others.truncate(KEY_PEERS_ASKED_MAX);
        for other in others {
            self.ask_wraps(other, id);
        }
    }

    /// A blind copy asks a member, or a home node, for wraps that it lacks, newest epochs first. Whoever is asked may
    /// have met nobody but home nodes: it is shown the devices that the wraps are for.
    pub(crate) fn ask_wraps(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id).filter(|one| one.blind.is_some()) else {
            return;
        };
        let state = community.state();
        let mut epochs: Vec<_> = state
            .epochs
            .iter()
            .map(|(epoch, announced)| {
                (
                    std::cmp::Reverse(announced.depth),
                    *epoch,
                    announced.channel,
                )
            })
            .collect();
        epochs.sort_unstable();
        let viewers = community.viewers(from);
        let asks: Vec<_> = epochs
            .into_iter()
            .filter(|(_, _, channel)| {
                let mut viewers = viewers.iter();
                viewers.any(|account| community.is_entitled(*account, *channel))
            })
            .map(|(_, epoch, channel)| (epoch, community.lacking_wraps(epoch, channel)))
            .filter(|(_, to)| !to.is_empty())
            .take(WRAP_REQUESTS_MAX)
            .collect();
        let asked: BTreeSet<_> = asks.iter().flat_map(|(_, to)| to).collect();
        let records = community.prekeys.values();
        let records = records.filter(|record| asked.contains(&record.key));
        let records: Vec<_> = records.take(PREKEYS_MAX).cloned().collect();
        if !records.is_empty() {
            let frame = Frame::Prekeys {
                community: id,
                records,
            };
            self.outbox.send(from, &frame);
        }
        for (epoch, to) in asks {
            let request = WrapRequest {
                community: id,
                epoch,
                to,
            };
            self.outbox
                .send(from, &Frame::WrapRequest(Box::new(request)));
        }
    }

    /// A member's home node asks for wraps: they are made for whoever may be given the key, nobody else.
    pub(super) fn wrap_request(&mut self, from: NetworkKey, request: &WrapRequest) {
        let (id, epoch) = (request.community, request.epoch);
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let state = community.state();
        let Some(channel) = state.epochs.get(&epoch).map(|epoch| epoch.channel) else {
            return;
        };
        let mut viewers = community.viewers(from).into_iter();
        if !viewers.any(|account| community.is_entitled(account, channel)) {
            return;
        }
        let asked: BTreeSet<_> = request.to.iter().collect();
        if community.blind.is_some() {
            // It can make none: it hands on what it holds.
            let held = community.wraps.get(&epoch).into_iter().flatten();
            let wraps: Vec<_> = held
                .filter(|wrap| asked.contains(&wrap.to))
                .take(WRAPS_ASKED_MAX)
                .cloned()
                .collect();
            if !wraps.is_empty() {
                let frame = Frame::Keys {
                    community: id,
                    epoch,
                    wraps,
                };
                self.outbox.send(from, &frame);
            }
            return;
        }
        let Some(key) = community.keys.get(&epoch) else {
            return;
        };
        let shared: Vec<_> = community
            .receivers(epoch, channel)
            .into_iter()
            .filter(|(_, to)| asked.contains(to))
            .take(WRAPS_ASKED_MAX)
            .map(|(account, to)| (community.share(account, (epoch, key), channel), to))
            .collect();
        let wraps: Vec<_> = shared
            .iter()
            .map(|(key, to)| epoch::wrap(epoch, key, to, &mut self.rng))
            .collect();
        if !wraps.is_empty() {
            let frame = Frame::Keys {
                community: id,
                epoch,
                wraps,
            };
            self.outbox.send(from, &frame);
        }
    }

    /// Gives connected home nodes the wraps of a new epoch, for everybody whom it was made for.
    pub(crate) fn hand_out_to_homes(&mut self, id: CommunityId, epoch: EpochId) {
        for home in self.connected_homes(id) {
            // It keeps wraps for keys that it knows: of somebody new it may not have been told.
            self.give_new_prekeys(home, id);
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            let state = community.state();
            let Some(channel) = state.epochs.get(&epoch).map(|epoch| epoch.channel) else {
                return;
            };
            let mut viewers = community.viewers(home).into_iter();
            let may = viewers.any(|account| community.is_entitled(account, channel));
            let wraps = community.wraps.get(&epoch).cloned().unwrap_or_default();
            if may && !wraps.is_empty() {
                let frame = Frame::Keys {
                    community: id,
                    epoch,
                    wraps,
                };
                self.outbox.send(home, &frame);
            }
        }
    }

    /// Gives a home node the prekeys that are known, so that it can tell whose wraps it lacks: when they meet, and
    /// when more are known and both copies are equal, so that it knows the devices.
    pub(crate) fn give_new_prekeys(&mut self, to: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let own = community.active.then(|| self.me.prekey.clone());
        if !community.is_home(to) || (own.is_none() && community.blind.is_none()) {
            return;
        }
        let known = community.prekeys.values().cloned();
        let mut records: Vec<_> = known.chain(own).collect();
        let Some(session) = self.session(to, id) else {
            return;
        };
        // What the first giving met may have been no copy at all: the second counts.
        let first = !session.equal;
        records.retain(|record| session.gave.get(&record.device) != Some(&record.counter));
        records.truncate(PREKEYS_MAX);
        if records.is_empty() {
            return;
        }
        if !first {
            let gave = records.iter().map(|record| (record.device, record.counter));
            session.gave.extend(gave);
        }
        let frame = Frame::Prekeys {
            community: id,
            records,
        };
        self.outbox.send(to, &frame);
    }

    /// A blind copy takes wraps: of announced epochs, for keys of members, a few for each key and one of each giver.
    pub(crate) fn keep_wraps(
        &mut self,
        from: NetworkKey,
        (id, epoch): (CommunityId, EpochId),
        wraps: Vec<Wrap>,
    ) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let state = community.state();
        let Some(channel) = state.epochs.get(&epoch).map(|epoch| epoch.channel) else {
            return;
        };
        let known: BTreeSet<_> = community
            .recipients(channel)
            .into_iter()
            .map(|(_, to)| to)
            .collect();
        let Some(giver) = community.viewers(from).first().copied() else {
            return;
        };
        let mut held = community.wraps.get(&epoch).cloned().unwrap_or_default();
        let before = held.len();
        let trust = &mut community.wrap_trust;
        for wrap in wraps {
            let same = held.iter().filter(|other| other.to == wrap.to);
            let room = same.count() < WRAPS_EACH_MAX && held.len() < WRAPS_MAX;
            let wanted = room && known.contains(&wrap.to) && !held.contains(&wrap);
            if wanted && trust.givers.insert((epoch, wrap.to, giver)) {
                trust.doubted.remove(&(epoch, wrap.to));
                held.push(wrap);
            }
        }
        let came = held[before..].to_vec();
        if came.is_empty() {
            return;
        }
        let mut list = Writer::new();
        list.list(&held);
        let write = put_bytes(&Key::Wraps(id, epoch), list.into_bytes());
        if let Some(blind) = &mut community.blind {
            blind.note_wraps(epoch, wraps_bytes(&held));
        }
        community.wraps.insert(epoch, held);
        let after = After::Wraps {
            community: id,
            epoch,
        };
        self.outbox.store(vec![write], after);
        self.give_owed_wraps(id, epoch, &came);
    }
}
