//! The newest messages of a channel, before the rest of its past (docs/protocol.md, "The newest first").
//!
//! Whoever lacks most of a channel, such as a device that was just linked, asks for its newest messages and says only
//! then where it stands. Events are applied parents first, so all that lies before has to come first to the channel's
//! own timeline; until then a second one, of the newest events alone, is shown in its place.
//!
//! That one is in memory only. Nothing of it is stored, confirmed to authors, counted as unread or built upon, and it
//! goes when the channel's own holds all of it, or when a peer has confirmed that nothing lacks.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::Event;
use alloquy_ids::{ChannelId, CommunityId, EventId, MonoMs, NetworkKey, ScopeId};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::body::Body;
use alloquy_schema::codec::Canonical;
use alloquy_schema::dag::Dag;
use alloquy_schema::event::{OrderKey, VerifiedEvent};
use alloquy_schema::timeline::Timeline;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::ingest::Incoming;
use crate::limits::{
    CATCH_UP_BYTES_MAX, NEWEST_EVENTS_MAX, NEWEST_FROM, NEWEST_MESSAGES, NEWEST_WRITE_WAIT_MS,
    RANGES_PER_FRAME_MAX,
};
use crate::node::Node;
use crate::wire::Frame;

/// What of a community has come before its past.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// Channels whose newest messages were asked for, and of whom the answer is awaited.
    asked: BTreeMap<ChannelId, Option<NetworkKey>>,
    /// Of those that came.
    shown: BTreeMap<ChannelId, Shown>,
}

/// The newest events of a channel.
#[derive(Debug)]
struct Shown {
    timeline: Timeline,
    last: Option<OrderKey>,
    /// When the first of them came.
    since: MonoMs,
}

impl Shown {
    /// Adds an event if it is newer than all that are here.
    fn add(&mut self, event: VerifiedEvent, body: Option<Body>, authority: &AuthorityLog) {
        let key = event.order_key();
        if self.last.as_ref().is_some_and(|last| key <= *last) {
            return;
        }
        match self.timeline.insert(event, body, authority) {
            Ok(_) => self.last = Some(key),
            // What names operations that are not here is left out: it comes with the rest.
            Err(error) => tracing::debug!(%error, "an event is not shown before its past"),
        }
    }
}

impl Newest {
    /// Evaluates again after the authority log changed. Gives the channels that are shown in part.
    pub(crate) fn authority_changed(&mut self, authority: &AuthorityLog) -> Vec<ChannelId> {
        for shown in self.shown.values_mut() {
            shown.timeline.authority_changed(authority);
        }
        self.shown.keys().copied().collect()
    }
}

impl Community {
    /// What is shown of a channel: its timeline, or the newest events while the rest is coming.
    pub(crate) fn shown(&self, channel: ChannelId) -> Option<&Timeline> {
        let newest = self.newest.shown.get(&channel);
        let newest = newest.map(|shown| &shown.timeline);
        newest.or_else(|| self.timelines.get(&channel))
    }

    /// Whether only the newest events of a channel are shown.
    pub(crate) fn past_is_coming(&self, channel: ChannelId) -> bool {
        self.newest.shown.contains_key(&channel)
    }

    /// The newest messages of a channel with all that was written since the first of them, in the order shown.
    fn newest_events(&self, channel: ChannelId) -> Vec<VerifiedEvent> {
        let Some(timeline) = self.timelines.get(&channel) else {
            return Vec::new();
        };
        let messages = timeline.messages(None, NEWEST_MESSAGES);
        let from = messages.first().map(|message| message.order);
        let since = |key: &OrderKey| from.as_ref().is_none_or(|from| key >= from);
        let keys = timeline.dag().iter().map(VerifiedEvent::order_key);
        let mut keys: Vec<_> = keys.filter(since).collect();
        keys.sort_unstable();
        let over = keys.len().saturating_sub(NEWEST_EVENTS_MAX);
        let events = keys[over..].iter();
        events
            .filter_map(|key| timeline.dag().get(key.id).cloned())
            .collect()
    }

    /// Whether the past of a channel may come after its newest messages: nothing of this device stands in it, which
    /// would not be seen meanwhile.
    fn may_come_late(&self, channel: ChannelId) -> bool {
        let dag = self.timelines.get(&channel).map(Timeline::dag);
        let own = dag.and_then(|dag| dag.incarnations(self.own_device).next());
        self.blind.is_none() && own.is_none() && !self.newest.asked.contains_key(&channel)
    }

    /// Shows what came of channels that were asked for, in the order shown.
    fn take_newest(&mut self, now: MonoMs, incoming: Vec<Incoming>) -> BTreeSet<ChannelId> {
        let mut channels = BTreeSet::new();
        for (event, plaintext) in incoming {
            let Some(channel) = self.channel_of(&event) else {
                continue;
            };
            if !self.newest.asked.contains_key(&channel) {
                continue;
            }
            let body = self.body_of(&event, plaintext);
            let fresh = || Shown {
                timeline: Timeline::of_newest(channel).closed_to(&self.closed),
                last: None,
                since: now,
            };
            let shown = self.newest.shown.entry(channel).or_insert_with(fresh);
            shown.add(event, body, &self.authority);
            channels.insert(channel);
        }
        channels
    }

    fn channel_of(&self, event: &VerifiedEvent) -> Option<ChannelId> {
        match self.place(event.header().scope, event.id())? {
            Place::Channel(channel) => Some(channel),
            Place::Authority | Place::Content => None,
        }
    }

    fn body_of(&self, event: &VerifiedEvent, plaintext: Option<Vec<u8>>) -> Option<Body> {
        let bytes = plaintext.or_else(|| self.open(event))?;
        Body::from_bytes(&bytes).ok()
    }

    /// Adds to the newest events what is newer than all of them, though it waits for its past.
    pub(crate) fn follow_newest(&mut self, incoming: &[Incoming]) {
        if self.newest.shown.is_empty() {
            return;
        }
        let newer = |(event, _): &&Incoming| {
            let shown = self.channel_of(event);
            let shown = shown.and_then(|channel| self.newest.shown.get(&channel));
            shown.is_some_and(|shown| {
                shown
                    .last
                    .as_ref()
                    .is_none_or(|last| event.order_key() > *last)
            })
        };
        let mut newer: Vec<Incoming> = incoming.iter().filter(newer).cloned().collect();
        newer.sort_by_key(|(event, _)| event.order_key());
        for (event, plaintext) in newer {
            let body = self.body_of(&event, plaintext);
            let channel = self.channel_of(&event);
            if let Some(shown) = channel.and_then(|of| self.newest.shown.get_mut(&of)) {
                shown.add(event, body, &self.authority);
            }
        }
    }

    /// Channels whose own timeline holds all of their newest events.
    fn settled_newest(&self) -> Vec<ChannelId> {
        let whole = |(channel, shown): (&ChannelId, &Shown)| {
            let dag = self.timelines.get(channel).map(Timeline::dag);
            let held = |id: &EventId| dag.is_some_and(|dag| dag.contains(*id));
            let heads = shown.timeline.dag().heads();
            heads.iter().all(held).then_some(*channel)
        };
        self.newest.shown.iter().filter_map(whole).collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// Asks a peer for the newest messages of those channels that come first. Gives the places that are left.
    pub(crate) fn newest_first(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        places: Vec<Place>,
    ) -> Vec<Place> {
        let session = self
            .peers
            .get(&from)
            .and_then(|peer| peer.sessions.get(&id));
        let theirs = session.and_then(|session| session.seen);
        let Some(community) = self.communities.get_mut(&id) else {
            return places;
        };
        let held: usize = community
            .timelines
            .values()
            .map(|one| one.dag().len())
            .sum();
        let held = held as u64;
        let far = |theirs: u64| theirs > held + NEWEST_FROM && theirs > 2 * held;
        let far = theirs.is_some_and(|theirs| far(theirs.events));
        if !far {
            return places;
        }
        let late = |place: &Place| match place {
            Place::Channel(channel) => community.may_come_late(*channel),
            Place::Authority | Place::Content => false,
        };
        let (late, rest): (Vec<_>, Vec<_>) = places.into_iter().partition(late);
        let scopes: Vec<_> = late.iter().map(|place| community.scope(*place)).collect();
        for place in late {
            if let Place::Channel(channel) = place {
                community.newest.asked.insert(channel, Some(from));
            }
        }
        if !scopes.is_empty() {
            let ask = Frame::NewestAsk {
                community: id,
                scopes,
            };
            self.outbox.send(from, &ask);
        }
        rest
    }

    /// A peer asks for the newest messages of some channels.
    pub(crate) fn newest_asked(&mut self, from: NetworkKey, id: CommunityId, scopes: &[ScopeId]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let shared = self.places_with(community, from);
        let asked: BTreeSet<_> = scopes.iter().collect();
        let mut ranges = Vec::new();
        let mut bytes = 0;
        for (scope, place) in shared {
            let Place::Channel(channel) = place else {
                continue;
            };
            if !asked.contains(&scope) {
                continue;
            }
            let events = community.newest_events(channel);
            for range in community.pack_for_peer(from, scope, &events) {
                let range = range.to_bytes();
                bytes += range.len();
                if bytes <= CATCH_UP_BYTES_MAX && ranges.len() < RANGES_PER_FRAME_MAX {
                    ranges.push(range);
                }
            }
        }
        // Without any, too: whoever asked goes on when it is answered.
        let newest = Frame::Newest {
            community: id,
            ranges,
        };
        self.outbox.send(from, &newest);
    }

    /// The newest messages came; now for the rest.
    pub(crate) fn newest_came(&mut self, from: NetworkKey, id: CommunityId, ranges: &[Vec<u8>]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let mut awaited = Vec::new();
        for (channel, of) in &mut community.newest.asked {
            if *of == Some(from) {
                *of = None;
                awaited.push(*channel);
            }
        }
        if awaited.is_empty() {
            return self
                .outbox
                .penalize(from, "newest messages that were not asked for");
        }
        let mut incoming = Vec::new();
        let mut locked = false;
        for bytes in ranges {
            match self.verify_range(from, id, bytes) {
                Some(events) => incoming.extend(events),
                None => locked = true,
            }
        }
        let now = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        incoming.sort_by_key(|(event, _)| event.order_key());
        let channels = community.take_newest(now, incoming);
        if locked {
            // With the key, which was asked for, they can be had.
            for channel in awaited.iter().filter(|channel| !channels.contains(channel)) {
                community.newest.asked.remove(channel);
            }
        }
        let places: Vec<_> = awaited.iter().map(|of| Place::Channel(*of)).collect();
        for channel in channels {
            self.views.channel_changed(channel);
            self.views.directs_changed();
        }
        self.settle_newest(id);
        self.tell_progress(from, id);
        self.stand(from, id, &places);
    }

    /// What is here as a whole is shown as a whole.
    pub(crate) fn settle_newest(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        for channel in community.settled_newest() {
            community.newest.shown.remove(&channel);
            self.views.channel_changed(channel);
            self.views.directs_changed();
        }
    }

    /// A peer's copy was found equal: nothing lacks of what it may view.
    pub(crate) fn newest_are_whole(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let shared = self.places_with(community, from);
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        for (_, place) in shared {
            if let Place::Channel(channel) = place
                && community.newest.shown.remove(&channel).is_some()
            {
                self.views.channel_changed(channel);
                self.views.directs_changed();
            }
        }
    }

    /// Whether what is to be written in a channel waits for what was before: it would stand among the oldest
    /// messages else. Not for long, and only while somebody gives it; then it is written where it comes to stand.
    pub(crate) fn past_comes_first(&mut self, id: CommunityId, channel: ChannelId) -> bool {
        let alone = self.connected_parties(id).is_empty();
        let now = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return false;
        };
        let Some(shown) = community.newest.shown.get(&channel) else {
            return false;
        };
        if !alone && now < shown.since.plus(NEWEST_WRITE_WAIT_MS) {
            return true;
        }
        community.newest.shown.remove(&channel);
        self.views.channel_changed(channel);
        false
    }

    /// Says how much of what a peer holds is here.
    pub(crate) fn tell_progress(&mut self, from: NetworkKey, id: CommunityId) {
        let session = self
            .peers
            .get(&from)
            .and_then(|peer| peer.sessions.get(&id));
        let theirs = session.and_then(|session| session.seen);
        let Some((community, theirs)) = self.communities.get(&id).zip(theirs) else {
            return;
        };
        let places = self.places_with(community, from).into_iter();
        let held = places.map(|(_, place)| community.dag(place).map_or(0, Dag::len));
        let held = (held.sum::<usize>() + community.authority.dag().len()) as u64;
        if held < theirs.events {
            self.outbox.tell(Event::Progress {
                community: id,
                held,
                of: theirs.events,
            });
        }
        self.views.node_changed();
    }
}
