//! Live events and signals over gossip: topics, sealed frames, and the verdict on what others send.
//!
//! A frame is forwarded iff it opens under the topic's key, decodes, and its signatures hold, its device is
//! not removed in this node's view, and its account is within its rate. Unknown parents never stop it.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, MonoMs, NetworkKey};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Kind, SignedEvent, VerifiedEvent};
use bytes::Bytes;
use rand_core::CryptoRng;

use crate::community::{Bucket, Community, Place, TopicState};
use crate::io::{GossipId, Output, Topic, Verdict};
use crate::limits::{
    GOSSIP_BYTES_MAX, HELD_GOSSIP_MAX, HELD_GOSSIP_MS, LIVE_BURST, LIVE_BYTES, LIVE_PER_SECOND,
    TOPIC_OVERLAP_MS,
};
use crate::node::{Node, Timer};
use crate::record::RowEvents;
use crate::voice::Way;
use crate::wire::{Broadcast, Signal};

/// A frame of a device that is not known yet.
#[derive(Debug)]
pub(crate) struct HeldGossip {
    pub(crate) id: GossipId,
    pub(crate) community: CommunityId,
    pub(crate) from: NetworkKey,
    pub(crate) events: Vec<VerifiedEvent>,
    pub(crate) until: MonoMs,
}

impl Community {
    /// Whether an account may send `count` more live events now.
    fn within_rate(&mut self, account: AccountId, count: usize, now: MonoMs) -> bool {
        let bucket = self.buckets.entry(account).or_insert(Bucket {
            left: LIVE_BURST,
            filled: now,
        });
        let earned = now.0.saturating_sub(bucket.filled.0) * u64::from(LIVE_PER_SECOND) / 1000;
        if earned > 0 {
            bucket.left = bucket
                .left
                .saturating_add(u32::try_from(earned).unwrap_or(u32::MAX))
                .min(LIVE_BURST);
            bucket.filled = now;
        }
        match bucket
            .left
            .checked_sub(u32::try_from(count).unwrap_or(u32::MAX))
        {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// Takes part in the topics of the epochs that a writer would choose now; older ones stay for a minute.
    pub(crate) fn refresh_topics(&mut self, id: CommunityId) {
        let me = self.me.account();
        let mono = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let mut wanted = std::collections::BTreeMap::new();
        if community.active {
            let state = community.state();
            let private = state
                .channels
                .iter()
                .filter(|(_, channel)| channel.private)
                .map(|(id, _)| Some(*id));
            for channel in std::iter::once(None).chain(private) {
                if !community.is_entitled(me, channel) {
                    continue;
                }
                let Some(key) = community
                    .writing_epoch(channel)
                    .and_then(|epoch| community.keys.get(&epoch))
                else {
                    continue;
                };
                let key = key.secret().gossip_key();
                wanted.insert(
                    Topic(key.topic()),
                    TopicState {
                        channel,
                        key,
                        until: None,
                    },
                );
            }
        }
        // While no epoch is usable (a removal has come, the next epoch has not), the newest topic stays.
        let covered: Vec<_> = wanted
            .values()
            .map(|topic: &TopicState| topic.channel)
            .collect();
        for (topic, state) in &mut community.topics {
            let replaced = !community.active || covered.contains(&state.channel);
            if replaced && !wanted.contains_key(topic) && state.until.is_none() {
                state.until = Some(mono.plus(TOPIC_OVERLAP_MS));
            }
        }
        let mut outputs = Vec::new();
        for (topic, state) in wanted {
            if !community.topics.contains_key(&topic) {
                outputs.push(Output::Subscribe(topic));
            }
            community.topics.insert(topic, state);
        }
        let lapsed: Vec<_> = community
            .topics
            .iter()
            .filter(|(_, state)| state.until.is_some_and(|until| until <= mono))
            .map(|(topic, _)| *topic)
            .collect();
        for topic in lapsed {
            community.topics.remove(&topic);
            outputs.push(Output::Unsubscribe(topic));
        }
        if let Some(until) = community
            .topics
            .values()
            .filter_map(|state| state.until)
            .min()
        {
            self.timers.set(Timer::Topics(id), until);
        }
        for output in outputs {
            self.outbox.push(output);
        }
    }

    /// Publishes own events that are durable, each on the topic of its key scope.
    pub(crate) fn publish_events(&mut self, id: CommunityId, events: &[EventId]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let newcomer = self.now.wall.0
            < community
                .membership
                .joined
                .0
                .saturating_add(crate::limits::NEWCOMER_MS);
        let admit = newcomer.then(|| {
            community
                .state()
                .members
                .get(&self.me.account())
                .map(|member| member.admitted)
        });
        let admit = admit
            .flatten()
            .filter(|admit| *admit != EventId::from(id))
            .and_then(|admit| community.authority.dag().get(admit)?.to_signed());
        let mut epochs = Vec::new();
        let mut frames: Vec<(Option<ChannelId>, bool, Vec<SignedEvent>)> = Vec::new();
        for event in events {
            let Some((place, event)) = community.find(*event) else {
                continue;
            };
            let Some(signed) = event.to_signed() else {
                continue;
            };
            let everywhere = event.header().kind == Kind::Authority;
            if let Some(AuthorityOp::AnnounceEpoch(_)) = community.authority.op(event.id()) {
                epochs.push(alloquy_ids::EpochId::from(event.id()));
            }
            let channel = community.key_channel(place);
            let room = |list: &[SignedEvent]| {
                let bytes: usize = list.iter().map(|event| event.body.len()).sum();
                list.len() < 8 && bytes < LIVE_BYTES
            };
            match frames.last_mut() {
                Some((of, all, list)) if *of == channel && *all == everywhere && room(list) => {
                    list.push(signed)
                }
                _ => frames.push((channel, everywhere, vec![signed])),
            }
        }
        for (channel, everywhere, events) in frames {
            let admit = admit.clone().map(Box::new);
            self.broadcast(
                id,
                channel,
                everywhere,
                &Broadcast::Events { admit, events },
            );
        }
        self.send_live(id, events, admit.as_ref());
        for epoch in epochs {
            self.hand_out(id, epoch);
            self.hand_out_to_homes(id, epoch);
        }
    }

    /// Seals and publishes a frame on the current topic of a key scope, or on all of its topics.
    pub(crate) fn broadcast(
        &mut self,
        id: CommunityId,
        channel: Option<ChannelId>,
        all: bool,
        frame: &Broadcast,
    ) {
        let bytes = frame.to_bytes();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let topics: Vec<_> = community
            .topics
            .iter()
            .filter(|(_, topic)| topic.channel == channel && (all || topic.until.is_none()))
            .map(|(topic, state)| (*topic, state.key.clone()))
            .collect();
        for (topic, key) in topics {
            let sealed = key.seal(&bytes, &mut self.rng);
            if sealed.len() <= GOSSIP_BYTES_MAX {
                self.outbox.push(Output::Publish(topic, sealed.into()));
            }
        }
    }

    /// One gossip frame: decides whether it is forwarded, and applies what it holds.
    pub(crate) fn gossip(
        &mut self,
        gossip: GossipId,
        topic: Topic,
        from: NetworkKey,
        bytes: &Bytes,
    ) {
        let verdict = self.judge(gossip, topic, from, bytes);
        if let Some(verdict) = verdict {
            self.outbox.push(Output::Verdict(gossip, verdict));
        }
    }

    fn judge(
        &mut self,
        gossip: GossipId,
        topic: Topic,
        from: NetworkKey,
        bytes: &Bytes,
    ) -> Option<Verdict> {
        let found = self
            .communities
            .iter()
            .find_map(|(id, community)| Some((*id, community.topics.get(&topic)?.clone())));
        let Some((id, state)) = found else {
            return Some(Verdict::Ignore);
        };
        if self
            .communities
            .get(&id)
            .is_some_and(|community| self.is_shut(community))
        {
            return Some(Verdict::Ignore);
        }
        if bytes.len() > GOSSIP_BYTES_MAX {
            return Some(Verdict::Reject);
        }
        let Some(frame) = state.key.open(bytes) else {
            return Some(Verdict::Reject);
        };
        match Broadcast::from_bytes(&frame) {
            Ok(Broadcast::Signal(signal)) => Some(self.judge_signal(id, signal)),
            Ok(Broadcast::Events { admit, events }) => {
                self.judge_events(gossip, id, from, admit, events)
            }
            Err(_malformed) => Some(Verdict::Reject),
        }
    }

    fn judge_signal(&mut self, id: CommunityId, signal: Signal) -> Verdict {
        if signal.community != id
            || !self
                .me
                .signatures
                .hold(&signal.device.0, &signal.message(), &signal.signature)
        {
            return Verdict::Reject;
        }
        let Some(community) = self.communities.get(&id) else {
            return Verdict::Ignore;
        };
        let Some(account) = community.state().account_of(signal.device) else {
            return Verdict::Ignore;
        };
        let mono = self.now.mono;
        let within = self
            .communities
            .get_mut(&id)
            .is_some_and(|community| community.within_rate(account, 1, mono));
        if !within {
            return Verdict::Ignore;
        }
        self.signal(id, account, signal, Way::Gossip);
        Verdict::Accept
    }

    fn judge_events(
        &mut self,
        gossip: GossipId,
        id: CommunityId,
        from: NetworkKey,
        admit: Option<Box<SignedEvent>>,
        events: Vec<SignedEvent>,
    ) -> Option<Verdict> {
        let admit = match admit
            .map(|admit| admit.verify_by(&*self.me.signatures))
            .transpose()
        {
            Ok(admit) => admit,
            Err(_forged) => return Some(Verdict::Reject),
        };
        let Ok(events) = events
            .into_iter()
            .map(|event| event.verify_by(&*self.me.signatures))
            .collect::<Result<Vec<_>, _>>()
        else {
            return Some(Verdict::Reject);
        };
        if let Some(admit) = admit
            && let Some(community) = self.communities.get(&id)
            && !community.authority.dag().contains(admit.id())
            && matches!(
                community.place(admit.header().scope, admit.id()),
                Some(Place::Authority)
            )
        {
            self.ingest(id, vec![(admit, None)], None, from);
        }
        let known = self.known_authors(id, &events);
        match known {
            Some(true) => Some(self.take_live(id, from, events)),
            Some(false) => Some(Verdict::Ignore),
            None => {
                let until = self.now.mono.plus(HELD_GOSSIP_MS);
                if self.held_gossip.len() >= HELD_GOSSIP_MAX {
                    return Some(Verdict::Ignore);
                }
                self.held_gossip.push(HeldGossip {
                    id: gossip,
                    community: id,
                    from,
                    events,
                    until,
                });
                self.timers.set_earlier(Timer::HeldGossip, until);
                self.ask_for(id, &[Place::Authority], from);
                None
            }
        }
    }

    /// Whether all authors are members (`Some(true)`), some was removed (`Some(false)`), or some is unknown.
    pub(crate) fn known_authors(&self, id: CommunityId, events: &[VerifiedEvent]) -> Option<bool> {
        let community = self.communities.get(&id)?;
        let state = community.state();
        let mut removed = false;
        for event in events {
            let device = event.header().device;
            if state.account_of(device).is_some() {
                continue;
            }
            if !community
                .devices
                .values()
                .any(|(_, known)| *known == device)
            {
                return None;
            }
            removed = true;
        }
        Some(!removed)
    }

    pub(crate) fn take_live(
        &mut self,
        id: CommunityId,
        from: NetworkKey,
        events: Vec<VerifiedEvent>,
    ) -> Verdict {
        let mono = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return Verdict::Ignore;
        };
        let state = community.state();
        for event in &events {
            let Some(account) = state.account_of(event.header().device) else {
                return Verdict::Ignore;
            };
            if !community.within_rate(account, 1, mono) {
                return Verdict::Ignore;
            }
        }
        // What is held back is not handed on: its author gives it to everybody when its time has come.
        let now = self.now.wall;
        let community = self.communities.get(&id);
        let early = community.is_some_and(|community| {
            let mut events = events.iter();
            events.any(|event| community.is_before_its_time(event, now))
        });
        for event in events {
            let Some(signed) = event.to_signed() else {
                continue;
            };
            self.ingest(
                id,
                vec![(event, None)],
                Some(RowEvents::Live(Box::new(signed))),
                from,
            );
        }
        if early {
            Verdict::Ignore
        } else {
            Verdict::Accept
        }
    }

    /// Looks at held frames again: their authors may be known now.
    pub(crate) fn retry_held_gossip(&mut self) {
        let mono = self.now.mono;
        for held in std::mem::take(&mut self.held_gossip) {
            let verdict = match self.known_authors(held.community, &held.events) {
                Some(true) => self.take_live(held.community, held.from, held.events),
                Some(false) => Verdict::Ignore,
                None if held.until <= mono => Verdict::Ignore,
                None => {
                    self.timers.set_earlier(Timer::HeldGossip, held.until);
                    self.held_gossip.push(held);
                    continue;
                }
            };
            self.outbox.push(Output::Verdict(held.id, verdict));
        }
    }
}
