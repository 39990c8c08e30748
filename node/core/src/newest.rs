//! The newest messages of a channel, before the rest of its past (docs/protocol.md, "The newest first").
//!
//! Whoever lacks most of a channel, such as a device that was just linked, asks for its newest messages and says only
//! then where it stands. Events are applied parents first, so all that lies before has to come first to the channel's
//! own timeline; until then a second one, of the newest events alone, is shown in its place.
//!
//! That one is in memory only. Nothing of it is stored, confirmed to authors, counted as unread or built upon, and it
//! goes when the channel's own holds all of it, or when a peer has confirmed that nothing lacks.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use alloquy_api::Event;
use alloquy_ids::{ChannelId, CommunityId, EventId, MonoMs, NetworkKey, ScopeId, UnixMs};
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
    CATCH_UP_BYTES_MAX, EVENT_OVERHEAD_BYTES, NEWEST_EVENTS_MAX, NEWEST_FROM, NEWEST_MESSAGES,
    NEWEST_SHOWN_BYTES_MAX, NEWEST_SHOWN_MAX, NEWEST_STILL_MS, NEWEST_TIMES_MAX,
    NEWEST_WRITE_WAIT_MS, RANGES_PER_FRAME_MAX,
};
use crate::node::{Node, Timer};
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
    /// Who gave them.
    giver: NetworkKey,
    /// When the first of them came.
    since: (MonoMs, UnixMs),
    /// Events of the channel's own timeline, and since when there were so many.
    progress: (usize, MonoMs),
    /// Up to which Lamport time an event may be of which not all parents are here: no chain is longer than what its
    /// giver says to hold, and what is written meanwhile.
    lamport_max: u64,
    /// Of the events and what they hold.
    bytes: usize,
    /// The channel's own timeline is shown again: more has come since than is kept so, or it knows newer ones.
    over: bool,
}

/// By whom and when newest events were given.
#[derive(Clone, Copy, Debug)]
struct Given {
    by: NetworkKey,
    mono: MonoMs,
    wall: UnixMs,
    lamport_max: u64,
}

impl Shown {
    /// Adds an event if it is newer than all that are here.
    fn add(&mut self, event: VerifiedEvent, body: Option<Body>, authority: &AuthorityLog) {
        let key = event.order_key();
        if self.last.as_ref().is_some_and(|last| key <= *last) {
            return;
        }
        let header = event.header();
        let held = |id: EventId| self.timeline.dag().contains(id);
        let invented = header.lamport > self.lamport_max && !header.parents().all(held);
        if invented {
            tracing::debug!(event = %event.id().short(), "an event is newer than it can be");
            return;
        }
        let bytes = self.bytes + bytes_of(&event);
        if self.timeline.dag().len() >= NEWEST_SHOWN_MAX || bytes > NEWEST_SHOWN_BYTES_MAX {
            self.over = true;
            return;
        }
        match self.timeline.insert(event, body, authority) {
            Ok(_) => (self.last, self.bytes) = (Some(key), bytes),
            // What names operations that are not here is left out: it comes with the rest.
            Err(error) => tracing::debug!(%error, "an event is not shown before its past"),
        }
    }
}

/// What an event and its body take, about.
fn bytes_of(event: &VerifiedEvent) -> usize {
    EVENT_OVERHEAD_BYTES + event.body().map_or(0, <[u8]>::len)
}

/// Events of ranges until their bytes, or they, are more than an honest answer holds: a range unpacks to much more
/// than it is, and nothing after it is looked at. And whether the key of some is not held.
fn gathered(
    ranges: &[Vec<u8>],
    events_max: usize,
    mut verify: impl FnMut(&[u8]) -> Option<Vec<Incoming>>,
) -> (Vec<Incoming>, bool) {
    let mut incoming: Vec<Incoming> = Vec::new();
    let (mut bytes, mut locked) = (0, false);
    for range in ranges {
        if bytes > CATCH_UP_BYTES_MAX || incoming.len() > events_max {
            tracing::debug!(bytes, "newest messages over the limit are left out");
            break;
        }
        let Some(events) = verify(range) else {
            // It may have been unpacked in vain: no more than 64 are.
            bytes += range.len() + CATCH_UP_BYTES_MAX / 64;
            locked = true;
            continue;
        };
        let held = |(event, text): &Incoming| bytes_of(event) + text.as_ref().map_or(0, Vec::len);
        bytes += events.iter().map(held).sum::<usize>();
        incoming.extend(events);
    }
    (incoming, locked)
}

impl Newest {
    /// Evaluates again after the authority log changed. Gives the channels that are shown in part.
    pub(crate) fn authority_changed(&mut self, authority: &AuthorityLog) -> Vec<ChannelId> {
        for shown in self.shown.values_mut() {
            shown.timeline.authority_changed(authority);
        }
        self.shown.keys().copied().collect()
    }

    /// The same for a community without some of its events.
    pub(crate) fn without(mut self, events: &[EventId]) -> Self {
        let shows = |shown: &Shown| {
            let dag = shown.timeline.dag();
            events.iter().any(|id| dag.contains(*id))
        };
        self.shown.retain(|_, shown| !shows(shown));
        self
    }

    /// Whoever gave or was asked is gone: what it gave is shown no longer, and others may be asked.
    fn giver_gone(&mut self, giver: NetworkKey) -> Vec<ChannelId> {
        let given =
            |(channel, shown): (&ChannelId, &Shown)| (shown.giver == giver).then_some(*channel);
        let given: Vec<_> = self.shown.iter().filter_map(given).collect();
        self.asked
            .retain(|channel, of| *of != Some(giver) && !given.contains(channel));
        for channel in &given {
            self.shown.remove(channel);
        }
        given
    }
}

impl Community {
    /// What is shown of a channel: its timeline, or the newest events while the rest is coming.
    pub(crate) fn shown(&self, channel: ChannelId) -> Option<&Timeline> {
        let newest = self.newest.shown.get(&channel);
        let newest = newest.map(|shown| &shown.timeline);
        newest.or_else(|| self.timelines.get(&channel))
    }

    /// The channel in which a message is, whether or not its past is still coming.
    pub(crate) fn channel_of_message(&self, message: EventId) -> Option<ChannelId> {
        let newest = self.newest.shown.iter();
        let newest = newest.map(|(channel, shown)| (channel, &shown.timeline));
        let mut all = self.timelines.iter().chain(newest);
        let found = all.find(|(_, timeline)| timeline.message(message).is_some())?;
        Some(*found.0)
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
        let dag = timeline.dag();
        let key = |id: EventId| dag.get(id).map(VerifiedEvent::order_key);
        // The order shown rises along every edge, so a heap pops the newest first: no more of the past is looked at.
        let mut next: BinaryHeap<_> = dag.heads().iter().filter_map(|id| key(*id)).collect();
        let mut seen: BTreeSet<_> = dag.heads().clone();
        let mut events = Vec::new();
        while let Some(newest) = next.pop()
            && events.len() < NEWEST_EVENTS_MAX
            && from.is_none_or(|from| newest >= from)
        {
            let Some(event) = dag.get(newest.id) else {
                continue;
            };
            let parents = event.header().parents().filter(|id| seen.insert(*id));
            next.extend(parents.filter_map(key));
            events.push(event.clone());
        }
        events.reverse();
        events
    }

    /// Whether the past of a channel may come after its newest messages: nothing of this device stands in it, which
    /// would not be seen meanwhile.
    fn may_come_late(&self, channel: ChannelId) -> bool {
        let dag = self.timelines.get(&channel).map(Timeline::dag);
        let own = dag.and_then(|dag| dag.incarnations(self.own_device).next());
        self.blind.is_none() && own.is_none() && !self.newest.asked.contains_key(&channel)
    }

    /// Shows what came of channels that were asked for, in the order shown.
    fn take_newest(&mut self, given: Given, incoming: Vec<Incoming>) -> BTreeSet<ChannelId> {
        let mut channels = BTreeSet::new();
        for (event, plaintext) in incoming {
            let Some(channel) = self.channel_of(&event) else {
                continue;
            };
            let early = self.is_before_its_time(&event, given.wall);
            if early || !self.newest.asked.contains_key(&channel) {
                continue;
            }
            let body = self.body_of(&event, plaintext);
            let held = self.timelines.get(&channel);
            let held = held.map_or(0, |timeline| timeline.dag().len());
            let fresh = || Shown {
                timeline: Timeline::of_newest(channel).closed_to(&self.closed),
                last: None,
                giver: given.by,
                since: (given.mono, given.wall),
                progress: (held, given.mono),
                lamport_max: given.lamport_max,
                bytes: 0,
                over: false,
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
    pub(crate) fn follow_newest(&mut self, incoming: &[Incoming], now: UnixMs) {
        if self.newest.shown.is_empty() {
            return;
        }
        let newer = |(event, _): &&Incoming| {
            if self.is_before_its_time(event, now) {
                return false;
            }
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

    /// An own timeline that knows of something written since, which is not among the newest events, is ahead of them.
    pub(crate) fn overtake_newest(&mut self, new: &[VerifiedEvent]) {
        if self.newest.shown.is_empty() {
            return;
        }
        for event in new {
            let channel = self.channel_of(event);
            let shown = channel.and_then(|of| self.newest.shown.get_mut(&of));
            if let Some(shown) = shown
                && event.header().wall > shown.since.1
                && !shown.timeline.dag().contains(event.id())
            {
                shown.over = true;
            }
        }
    }

    /// What stands still is shown no longer. Gives when to look again.
    fn watch_newest(&mut self, now: MonoMs) -> Option<MonoMs> {
        let mut due = None::<MonoMs>;
        for (channel, shown) in &mut self.newest.shown {
            let held = self.timelines.get(channel);
            let held = held.map_or(0, |timeline| timeline.dag().len());
            if held != shown.progress.0 {
                shown.progress = (held, now);
            }
            let at = shown.progress.1.plus(NEWEST_STILL_MS);
            shown.over |= at <= now;
            due = Some(due.map_or(at, |due| due.min(at)));
        }
        due.filter(|at| *at > now)
    }

    /// Channels whose own timeline holds all of their newest events, or is to be shown for another reason.
    fn settled_newest(&self) -> Vec<ChannelId> {
        let whole = |(channel, shown): (&ChannelId, &Shown)| {
            let dag = self.timelines.get(channel).map(Timeline::dag);
            let held = |id: &EventId| dag.is_some_and(|dag| dag.contains(*id));
            let heads = shown.timeline.dag().heads();
            (shown.over || heads.iter().all(held)).then_some(*channel)
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
            if let Some(session) = self.session(from, id) {
                session.asked_newest = true;
            }
        }
        rest
    }

    /// A peer asks for the newest messages of some channels.
    pub(crate) fn newest_asked(&mut self, from: NetworkKey, id: CommunityId, scopes: &[ScopeId]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut shared = self.places_with(community, from);
        let Some(session) = self.session(from, id) else {
            return;
        };
        let asked: BTreeSet<_> = scopes.iter().collect();
        shared.retain(|(scope, place)| {
            if !matches!(place, Place::Channel(_)) || !asked.contains(scope) {
                return false;
            }
            let times = session.gave_newest.entry(*scope).or_default();
            *times = times.saturating_add(1);
            *times <= NEWEST_TIMES_MAX
        });
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut ranges = Vec::new();
        let mut bytes = 0;
        'scopes: for (scope, place) in shared {
            let Place::Channel(channel) = place else {
                continue;
            };
            let events = community.newest_events(channel);
            for range in community.pack_for_peer(from, scope, &events) {
                let range = range.to_bytes();
                bytes += range.len();
                if bytes > CATCH_UP_BYTES_MAX || ranges.len() >= RANGES_PER_FRAME_MAX {
                    break 'scopes;
                }
                ranges.push(range);
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
            // What was asked for has come already: frames come twice, and two questions may cross their answers.
            if self.session(from, id).is_some_and(|one| one.asked_newest) {
                return;
            }
            return self
                .outbox
                .penalize(from, "newest messages that were not asked for");
        }
        let events_max = NEWEST_EVENTS_MAX * awaited.len();
        let verify = |bytes: &[u8]| self.verify_range(from, id, bytes);
        let (mut incoming, locked) = gathered(ranges, events_max, verify);
        let (now, wall) = (self.now.mono, self.wall());
        let session = self.session(from, id);
        let theirs = session.and_then(|session| session.seen);
        let given = Given {
            by: from,
            mono: now,
            wall,
            lamport_max: theirs
                .map_or(0, |theirs| theirs.events)
                .saturating_add(NEWEST_SHOWN_MAX as u64),
        };
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        incoming.sort_by_key(|(event, _)| event.order_key());
        let channels = community.take_newest(given, incoming);
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
        self.watch_newest(id);
        self.tell_progress(from, id);
        self.stand(from, id, &places);
    }

    /// Newest events stay only while their past comes.
    pub(crate) fn watch_newest(&mut self, id: CommunityId) {
        let now = self.now.mono;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        if let Some(due) = community.watch_newest(now) {
            self.timers.set_earlier(Timer::Newest(id), due);
        }
        self.settle_newest(id);
    }

    /// A peer is gone, and with it what only it gives.
    pub(crate) fn newest_giver_gone(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        for channel in community.newest.giver_gone(from) {
            self.views.channel_changed(channel);
            self.views.directs_changed();
        }
    }

    /// What this device has written stands in the channel's own timeline, which is shown from then on.
    pub(crate) fn show_own(&mut self, id: CommunityId, channel: ChannelId) {
        let community = self.communities.get_mut(&id);
        if community.is_some_and(|of| of.newest.shown.remove(&channel).is_some()) {
            self.views.channel_changed(channel);
            self.views.directs_changed();
        }
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
    pub(crate) fn past_comes_first(&self, id: CommunityId, channel: ChannelId) -> bool {
        let alone = self.connected_parties(id).is_empty();
        let now = self.now.mono;
        let community = self.communities.get(&id);
        let shown = community.and_then(|community| community.newest.shown.get(&channel));
        shown.is_some_and(|shown| !alone && now < shown.since.0.plus(NEWEST_WRITE_WAIT_MS))
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
