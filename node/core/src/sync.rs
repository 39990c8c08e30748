//! Catch-up between two connected members (docs/protocol.md, "Sync and gossip").
//!
//! Digest, then (if different) scope digests, heights and ranges: two round trips. Everything is idempotent,
//! so lost, doubled or reordered frames cost time and nothing else. A peer is given only scopes that its
//! account may view; a removed account gets the authority log up to its removal; a stranger gets nothing.

mod bodies;
mod marks;
mod proof;
mod removed;
mod standing;

use std::collections::BTreeSet;

use alloquy_api::Event;
use alloquy_ids::{AccountId, CommunityId, DeviceId, EventId, NetworkKey, ScopeId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::dag::Height;
use alloquy_schema::epoch::EpochSecret;
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::range::{BodyMode, Packing, RangeError, SignedRange};
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::{
    CATCH_UP_BYTES_MAX, COMPARE_EVERY_MS, COMPARE_GAP_MS, EVENT_OVERHEAD_BYTES, HEIGHTS_PER_FRAME,
    RANGES_PER_FRAME_MAX, SWEEPS_BY_ALL, WANTED_MAX,
};
use crate::node::{Node, Timer};
use crate::record::RowEvents;
use crate::voice::Way;
use crate::wire::{Frame, ScopeHeights, SignalKind};
pub(crate) use standing::Standing;
use standing::{answers, pair_key, short};

impl Community {
    /// Events as ranges for a member: open where it may be given the epoch's key, else with their ciphertexts.
    pub(crate) fn pack_for_member(
        &self,
        account: AccountId,
        scope: ScopeId,
        events: &[VerifiedEvent],
    ) -> Vec<SignedRange> {
        // An own event is public only when it is durable (I8).
        let events: Vec<_> = events
            .iter()
            .filter(|event| !self.unstored.contains(&event.id()))
            .cloned()
            .collect();
        let named: BTreeSet<_> = events.iter().map(|event| event.header().epoch).collect();
        let given: BTreeSet<_> = named
            .into_iter()
            .filter(|epoch| self.keys.contains_key(epoch) && self.may_be_given(account, *epoch))
            .collect();
        let secret = |epoch| {
            let key = self.keys.get(&epoch).filter(|_| given.contains(&epoch));
            key.map(alloquy_schema::epoch::EpochKey::secret)
        };
        let packing = Packing {
            mode: BodyMode::Member,
            range_bytes_max: CATCH_UP_BYTES_MAX,
            plaintext: &|_| None,
            secret: &secret,
        };
        SignedRange::pack(scope, &events, &packing)
    }
}

/// Cuts events to what one answer may hold, by their carried sizes. Text packs to half of that and less, and
/// a log is signed every 64 events at least, so that what is left always ends in something provable.
/// Returns whether something was cut off.
fn cut_to_budget(events: &mut Vec<VerifiedEvent>) -> bool {
    let mut bytes = 0;
    let over = events.iter().position(|event| {
        bytes += event.header().body_len as usize + EVENT_OVERHEAD_BYTES;
        bytes > 2 * CATCH_UP_BYTES_MAX
    });
    let keep = over.unwrap_or(events.len());
    let cut = keep < events.len();
    events.truncate(keep);
    cut
}

impl<R: CryptoRng> Node<R> {
    /// One frame of a peer.
    pub(crate) fn frame(&mut self, from: NetworkKey, bytes: &[u8]) {
        let frame = match Frame::from_bytes(bytes) {
            Ok(frame) => frame,
            Err(error) => {
                return self
                    .outbox
                    .penalize(from, format!("frame of {} bytes: {error}", bytes.len()));
            }
        };
        let frame = match frame {
            Frame::NearbyAsk => return self.nearby_asked(from),
            Frame::NearbyCard { cards } => return self.nearby_told(from, cards),
            Frame::Bye => return self.peer_said_bye(from),
            Frame::Pairing(pairing) => return self.pairing_frame(from, *pairing),
            Frame::Restoring(restoring) => return self.restoring_frame(from, restoring),
            Frame::Arrive(arrive) => return self.arrive_asked(from, &arrive),
            Frame::HomeStore(store) => return self.home_store(from, *store),
            Frame::HomeStatus(says) => return self.home_says(from, *says),
            Frame::TurnAsk => return self.turn_asked(from),
            Frame::TurnGrant(grant) => return self.turn_given(from, *grant),
            Frame::Letter(letter) if self.is_home() => return self.letter_left(from, *letter),
            Frame::Letter(letter) => return self.letter_came(from, *letter),
            Frame::LetterAnswer(answer) if self.is_home() => {
                return self.letter_taken(from, answer);
            }
            Frame::LetterAnswer(answer) => return self.letter_answered(from, answer),
            frame => frame,
        };
        let Some(id) = frame.community() else {
            return;
        };
        if matches!(frame, Frame::Digest { .. } | Frame::Proof { .. }) {
            self.join_met(id, from);
        }
        match frame {
            Frame::JoinRequest { join, name } => return self.join_requested(from, &join, &name),
            Frame::JoinRefused { refusal, .. } => return self.join_refused(from, id, refusal),
            Frame::Ranges { ranges, more, .. }
                if self.joins.contains_key(&id) && !self.is_active(id) =>
            {
                return self.join_ranges(from, id, &ranges, more);
            }
            Frame::Proof { admits, .. } => return self.proof(from, id, admits),
            Frame::DirectHello(hello) => return self.hello(from, *hello),
            Frame::Ranges { ranges, more, .. }
                if self.enters_by(from, id) && !self.is_active(id) =>
            {
                return self.entering_ranges(from, id, &ranges, more);
            }
            _ => {}
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if self.is_shut(community) {
            return;
        }
        match community.device_of(from) {
            Some((account, device)) if community.state().account_of(device) == Some(account) => {
                self.member_frame(from, account, device, id, frame);
            }
            // Whoever was removed may show an old admission and still has to hear of its removal.
            _ if community.provisional.contains(&from) && matches!(frame, Frame::Ranges { .. }) => {
                self.provisional_frame(from, id, frame);
            }
            None if community.is_home(from) => self.home_frame(from, id, frame),
            _ => self.former_member_frame(from, id, &frame),
        }
    }

    pub(crate) fn is_active(&self, id: CommunityId) -> bool {
        self.communities
            .get(&id)
            .is_some_and(|community| community.active)
    }

    fn member_frame(
        &mut self,
        from: NetworkKey,
        account: AccountId,
        device: DeviceId,
        id: CommunityId,
        frame: Frame,
    ) {
        self.open_session(from, id);
        self.timers.clear(Timer::Prove(from, id));
        match frame {
            Frame::Digest {
                authority,
                scopes,
                events,
                ..
            } => {
                self.digest(
                    from,
                    id,
                    Standing {
                        authority,
                        scopes,
                        events,
                    },
                );
            }
            Frame::Scopes { digests, .. } => self.scope_digests(from, id, &digests),
            Frame::Heights { scopes, .. } => self.heights(from, id, scopes),
            Frame::Marks { scopes, .. } => self.marks(from, id, scopes),
            Frame::Ranges { ranges, more, .. } => self.ranges(from, id, ranges, more),
            Frame::Prekeys { records, .. } => self.prekeys_came(from, id, records),
            Frame::KeyRequest { prekey, epochs, .. } => {
                self.key_request(from, account, device, id, prekey, &epochs)
            }
            Frame::Keys { epoch, wraps, .. } => self.keys(from, (id, epoch), wraps),
            Frame::Live(live) => self.live(from, *live),
            Frame::Homes(homes) => self.home_addresses(from, *homes),
            Frame::Ack {
                scope,
                incarnation,
                height,
                opened,
                ..
            } => {
                self.held(id, device, (scope, incarnation), height, opened);
            }
            Frame::ReadUpTo {
                scope,
                device: of,
                incarnation,
                height,
                ..
            } => self.read_up_to(id, account, (scope, of, incarnation), height),
            Frame::Signal(signal) => {
                let signatures = &self.me.signatures;
                let signed =
                    signatures.hold(&signal.device.0, &signal.message(), &signal.signature);
                // What a moderator ordered on a stage is handed on by others.
                let ordered = matches!(signal.what, SignalKind::Stage(_));
                if !signed || (signal.device != device && !ordered) {
                    return self
                        .outbox
                        .penalize(from, "a signal that its device did not sign");
                }
                if self.voice_within_rate(device, &signal) {
                    self.signal(id, account, *signal, Way::Stream);
                }
            }
            Frame::Media(media) => self.media_frame(from, (id, device), *media),
            Frame::JoinDecided {
                account: newcomer, ..
            } => self.join_decided(account, id, newcomer),
            Frame::DirectAnswer { .. } => self.answered(from, id),
            Frame::NewestAsk { scopes, .. } => self.newest_asked(from, id, &scopes),
            Frame::Newest { ranges, .. } => self.newest_came(from, id, &ranges),
            Frame::Proof { .. }
            | Frame::JoinRequest { .. }
            | Frame::JoinRefused { .. }
            | Frame::NearbyAsk
            | Frame::NearbyCard { .. }
            | Frame::HomeStore(_)
            | Frame::HomeStatus(_)
            | Frame::TurnAsk
            | Frame::TurnGrant(_)
            | Frame::WrapRequest(_)
            | Frame::Letter(_)
            | Frame::LetterAnswer(_)
            | Frame::Pairing(_)
            | Frame::Restoring(_)
            | Frame::Arrive(_)
            | Frame::DirectHello(_)
            | Frame::Bye => {}
        }
    }

    /// A peer that has shown admissions may bring the authority operations that they rest on, nothing else.
    fn provisional_frame(&mut self, from: NetworkKey, id: CommunityId, frame: Frame) {
        let Frame::Ranges { ranges, .. } = frame else {
            return;
        };
        for bytes in ranges {
            let Some(incoming) = self.verify_range(from, id, &bytes) else {
                continue;
            };
            if incoming
                .iter()
                .all(|(event, _)| event.header().kind == Kind::Authority)
            {
                self.ingest(id, incoming, Some(RowEvents::Ranges(vec![bytes])), from);
            }
        }
    }

    /// Sends where this node stands. Both sides do so when they meet and when something changed.
    pub(crate) fn compare(&mut self, key: NetworkKey, id: CommunityId) {
        let Some(mine) = self.standing_with(key, id) else {
            return;
        };
        let mono = self.now.mono;
        let Some(session) = self.session(key, id) else {
            return;
        };
        session.sent = Some((mine, mono));
        self.note_agreement(key, id, mine);
        let Standing {
            authority,
            scopes,
            events,
        } = mine;
        self.outbox.send(
            key,
            &Frame::Digest {
                community: id,
                authority,
                scopes,
                events,
            },
        );
    }

    /// What the peer said last agrees with what is held here by now. Who said it before this copy grew to it says nothing
    /// to who tells it the same, so that this side has to see it by itself.
    fn note_agreement(&mut self, key: NetworkKey, id: CommunityId, mine: Standing) {
        let wall = self.now.wall;
        let Some(session) = self.session(key, id) else {
            return;
        };
        let is_new = session.agreed.is_none_or(|agreed| !agreed.agrees(&mine));
        if is_new && session.seen.is_some_and(|seen| seen.agrees(&mine)) {
            session.note_equal(mine, wall);
            self.copies_equal(key, id);
        }
    }

    fn standing_with(&self, key: NetworkKey, id: CommunityId) -> Option<Standing> {
        let community = self.communities.get(&id)?;
        if community.device_of(key).is_none() && !community.is_home(key) {
            return None;
        }
        // A home node that can not write says nothing of what it holds: equal digests count as a confirmation.
        if community.blind.is_some() && self.store_fault.is_some() {
            return None;
        }
        let shared = self.places_with(community, key);
        let mut standing = community.standing(&pair_key(self.me.network, key), &shared);
        if self.takes_no_more(community) {
            // Whoever holds more is not the one to ask.
            let session = self.peers.get(&key).and_then(|peer| peer.sessions.get(&id));
            let seen = session.and_then(|session| session.seen);
            let theirs = seen.map_or(0, |seen| seen.events.saturating_add(1));
            standing.events = standing.events.max(theirs);
        }
        Some(standing)
    }

    /// Compares with connected members within `ms`.
    pub(crate) fn compare_soon(&mut self, id: CommunityId, ms: u64) {
        let at = self.now.mono.plus(ms);
        for key in self.connected_parties(id) {
            self.timers.set_earlier(Timer::Compare(key, id), at);
        }
    }

    /// Anti-entropy: compares with one connected member whose copy is not known to be equal, of four times once with any.
    pub(crate) fn sweep(&mut self, id: CommunityId) {
        self.leave_letters(id);
        for key in self.connected_parties(id) {
            self.tell_home_addresses(key, id);
        }
        let members = self.connected_parties(id);
        let held = self.communities.get(&id).map_or(0, Community::events_held);
        let mut differing = Vec::new();
        for key in members.iter().copied() {
            // Where nothing has come since, nothing has to be counted over all channels.
            let session = self.peers.get(&key).and_then(|peer| peer.sessions.get(&id));
            if session.is_some_and(|session| session.agreed_holding == Some(held)) {
                continue;
            }
            let Some(mine) = self.standing_with(key, id) else {
                continue;
            };
            self.note_agreement(key, id, mine);
            let Some(session) = self.session(key, id) else {
                continue;
            };
            if session.agreed.is_some_and(|agreed| agreed.agrees(&mine)) {
                session.agreed_holding = Some(held);
            } else {
                // What was written here since was told, and may have been lost.
                differing.push(key);
            }
        }
        // One that stays different, whatever it is given, must not keep the others from ever being asked.
        let from = if differing.is_empty() || self.rng.next_u32().is_multiple_of(SWEEPS_BY_ALL) {
            members
        } else {
            differing
        };
        if !from.is_empty() {
            let key = from[self.rng.next_u32() as usize % from.len()];
            // Who has just been told would answer twice, and send everything that lacks twice.
            let mono = self.now.mono;
            let told = self.peers[&key]
                .sessions
                .get(&id)
                .and_then(|session| session.sent);
            if told.is_none_or(|(_, at)| mono.0 >= at.0.saturating_add(COMPARE_GAP_MS)) {
                if self.me.is_suspended() && self.may_prove(key, id) {
                    self.prove(key, id);
                } else {
                    self.compare(key, id);
                }
            }
        }
        if self
            .communities
            .get(&id)
            .is_some_and(|community| community.active || community.blind.is_some())
        {
            let at = self.now.mono.plus(COMPARE_EVERY_MS);
            self.timers.set(Timer::Sweep(id), at);
        }
    }

    pub(crate) fn digest(&mut self, from: NetworkKey, id: CommunityId, theirs: Standing) {
        let Some(mine) = self.standing_with(from, id) else {
            return;
        };
        let (mono, wall) = (self.now.mono, self.now.wall);
        let me = self.me.network;
        let Some(session) = self.session(from, id) else {
            return;
        };
        session.seen = Some(theirs);
        if theirs.agrees(&mine) {
            session.note_equal(mine, wall);
        } else {
            session.note_different();
        }
        let told = session.sent.filter(|(sent, _)| sent.agrees(&mine));
        if theirs.events > mine.events && self.joins.contains_key(&id) {
            self.tell_progress(from, id);
        }
        if theirs.agrees(&mine) {
            if told.is_none() {
                self.compare(from, id);
            }
            return self.copies_equal(from, id);
        }
        let differs_in_authority = theirs.authority != mine.authority;
        if let Some((sent, at)) = told
            && mono.0 < at.0.saturating_add(COMPARE_GAP_MS)
            && !answers((me, sent), (from, theirs), differs_in_authority)
        {
            return;
        }
        if differs_in_authority {
            return self.stand(from, id, &[Place::Authority]);
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let key = pair_key(self.me.network, from);
        let digests = self
            .places_with(community, from)
            .into_iter()
            .map(|(scope, place)| short(&key, &[&scope.0, &community.scope_digest(place)]))
            .collect();
        self.outbox.send(
            from,
            &Frame::Scopes {
                community: id,
                digests,
            },
        );
    }

    /// The peer holds everything that is held here.
    fn copies_equal(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let me = self.me.device();
        let Some((device, opened)) = community.holder(from) else {
            return;
        };
        let mut logs = Vec::new();
        for (scope, place) in self.places_with(community, from) {
            let heights = community
                .dag(place)
                .map(alloquy_schema::dag::Dag::heights)
                .unwrap_or_default();
            let own = heights.into_iter().filter(|height| height.device == me);
            let log = |height: Height| (place, (scope, height.incarnation), height.height);
            logs.extend(own.map(log));
        }
        if opened {
            for (_, log, height) in logs {
                self.held(id, device, log, height, opened);
            }
        } else {
            self.home_copy_equal(from, id, (device, logs));
        }
        self.newest_are_whole(from, id);
        let peers = self.equal_peers(id);
        self.outbox.tell(Event::CaughtUp {
            community: id,
            peers,
        });
        self.join_caught_up(id);
        self.ask_for_bodies(from, id);
        self.ask_wraps(from, id);
        self.note_backed(from, id);
        self.give_right_bodies(from, id);
        self.give_new_prekeys(from, id);
        self.retry_deferred();
    }

    /// Connected members whose copy was found equal. The word of home nodes counts only with a member's.
    pub(crate) fn equal_peers(&self, id: CommunityId) -> u32 {
        let Some(community) = self.communities.get(&id) else {
            return 0;
        };
        let equal = |(key, peer): &(&NetworkKey, &crate::peers::Peer)| {
            let equal = peer.sessions.get(&id).is_some_and(|session| session.equal);
            equal && !community.is_home(**key)
        };
        u32::try_from(self.peers.iter().filter(equal).count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn scope_digests(&mut self, from: NetworkKey, id: CommunityId, digests: &[u64]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if self.takes_no_more(community) {
            return;
        }
        let places = self.places_with(community, from);
        if places.len() != digests.len() {
            return self.stand(from, id, &[Place::Authority]);
        }
        let key = pair_key(self.me.network, from);
        let differ = |((scope, place), theirs): &(&(ScopeId, Place), &u64)| {
            short(&key, &[&scope.0, &community.scope_digest(*place)]) != **theirs
        };
        let differing: Vec<_> = places
            .iter()
            .zip(digests)
            .filter(differ)
            .map(|((_, place), _)| *place)
            .collect();
        let rest = self.newest_first(from, id, differing);
        if !rest.is_empty() {
            self.stand(from, id, &rest);
        }
    }

    /// Asks a peer for what is lacking in some places.
    pub(crate) fn ask_for(&mut self, id: CommunityId, places: &[Place], from: NetworkKey) {
        self.send_heights(from, id, places, &[], true);
    }

    pub(crate) fn send_heights(
        &mut self,
        to: NetworkKey,
        id: CommunityId,
        places: &[Place],
        wanted: &[EventId],
        answer: bool,
    ) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let scopes: Vec<_> = places
            .iter()
            .map(|place| ScopeHeights {
                scope: community.scope(*place),
                heights: community
                    .dag(*place)
                    .map(alloquy_schema::dag::Dag::proved_heights)
                    .unwrap_or_default(),
                wanted: wanted.to_vec(),
                answer,
            })
            .collect();
        let mut frame = Vec::new();
        let mut heights = 0;
        for scope in scopes {
            heights += scope.heights.len();
            frame.push(scope);
            if heights >= HEIGHTS_PER_FRAME {
                let scopes = std::mem::take(&mut frame);
                self.outbox.send(
                    to,
                    &Frame::Heights {
                        community: id,
                        scopes,
                    },
                );
                heights = 0;
            }
        }
        if !frame.is_empty() {
            self.outbox.send(
                to,
                &Frame::Heights {
                    community: id,
                    scopes: frame,
                },
            );
        }
    }

    pub(crate) fn heights(&mut self, from: NetworkKey, id: CommunityId, scopes: Vec<ScopeHeights>) {
        let mut ranges = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        let mut answered = BTreeSet::new();
        for theirs in scopes {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            if !answered.insert(theirs.scope) {
                continue;
            }
            let Some(place) = community.place(theirs.scope, EventId(theirs.scope.0)) else {
                continue;
            };
            let viewable = place == Place::Authority
                || self
                    .places_with(community, from)
                    .iter()
                    .any(|(_, shared)| *shared == place);
            if !viewable {
                continue;
            }
            self.note_own_heights(id, place, &theirs.heights);
            self.note_lacking(from, id, &theirs.wanted);
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            // A frame that only names heads asks where this node stands, not for everything.
            let asked = !theirs.heights.is_empty() || theirs.wanted.is_empty();
            let dag = community.dag(place).filter(|_| asked);
            let mut events = dag
                .map(|dag| dag.missing(&theirs.heights, &theirs.wanted))
                .unwrap_or_default();
            if bytes >= CATCH_UP_BYTES_MAX && !events.is_empty() {
                more = true;
                continue;
            }
            more |= cut_to_budget(&mut events);
            if asked {
                community.add_named(place, &theirs.wanted, &mut events);
            }
            let mut lists = vec![events];
            if asked {
                let left = CATCH_UP_BYTES_MAX.saturating_sub(bytes);
                lists.extend(community.further_carriers(place, &theirs.wanted, left));
            }
            let packed = lists.iter();
            let packed =
                packed.flat_map(|events| community.pack_for_peer(from, theirs.scope, events));
            for range in packed {
                if bytes >= CATCH_UP_BYTES_MAX || ranges.len() >= RANGES_PER_FRAME_MAX {
                    more = true;
                    break;
                }
                let range = range.to_bytes();
                bytes += range.len();
                ranges.push(range);
            }
            if theirs.answer {
                self.answer_heights(from, id, place, &theirs);
            }
        }
        if !ranges.is_empty() {
            self.outbox.send(
                from,
                &Frame::Ranges {
                    community: id,
                    ranges,
                    more,
                },
            );
        }
    }

    /// Says where this node stands if the peer holds events that it lacks; forked branches are asked for by name.
    fn answer_heights(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        place: Place,
        stated: &ScopeHeights,
    ) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if place != Place::Authority && self.takes_no_more(community) {
            return;
        }
        let dag = community.dag(place);
        let held = |id: EventId| dag.is_some_and(|dag| dag.contains(id));
        let theirs = &stated.heights;
        let unknown: Vec<_> = theirs.iter().filter(|height| !held(height.head)).collect();
        if unknown.is_empty() && stated.wanted.iter().all(|id| held(*id)) {
            return;
        }
        if self.newest_first(from, id, vec![place]).is_empty() {
            return;
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let dag = community.dag(place);
        let is_fork = |height: &&&Height| {
            let own = dag.and_then(|dag| dag.log_head(height.device, height.incarnation));
            own.is_some_and(|event| event.header().seq + 1 >= height.height)
                || theirs
                    .iter()
                    .filter(|other| {
                        (other.device, other.incarnation) == (height.device, height.incarnation)
                    })
                    .count()
                    > 1
        };
        let wanted: Vec<_> = unknown
            .iter()
            .filter(is_fork)
            .map(|height| height.head)
            .take(WANTED_MAX)
            .collect();
        self.send_heights(from, id, &[place], &wanted, false);
    }

    /// A peer that knows own events which the store lacks: the store is older than the device. Write elsewhere.
    fn note_own_heights(&mut self, id: CommunityId, place: Place, theirs: &[Height]) {
        let device = self.me.device();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let incarnation = community.membership.incarnation;
        let dag = community.dag(place);
        let lost = theirs.iter().any(|height| {
            (height.device, height.incarnation) == (device, incarnation)
                && !dag.is_some_and(|dag| dag.contains(height.head))
        });
        if lost {
            tracing::warn!(
                "a peer holds events of this device that its store lacks: a new incarnation starts"
            );
            self.start_incarnation(id);
        }
    }

    pub(crate) fn ranges(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        ranges: Vec<Vec<u8>>,
        more: bool,
    ) {
        let mut scopes = BTreeSet::new();
        let mut taken = 0;
        for bytes in ranges {
            let Some(incoming) = self.verify_range(from, id, &bytes) else {
                continue;
            };
            scopes.extend(incoming.iter().map(|(event, _)| event.header().scope));
            taken += self.ingest(id, incoming, Some(RowEvents::Ranges(vec![bytes])), from);
        }
        if more && taken > 0 {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            let places: Vec<_> = scopes
                .iter()
                .filter_map(|scope| community.place(*scope, EventId(scope.0)))
                .collect();
            self.send_heights(from, id, &places, &[], true);
            self.tell_progress(from, id);
        }
        if taken > 0 {
            // Whoever is connected here and not there learns of it through this node.
            self.compare_soon(id, COMPARE_GAP_MS);
        }
    }

    /// Decodes and verifies a range; asks for the key if it is what lacks.
    pub(crate) fn verify_range(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        bytes: &[u8],
    ) -> Option<Vec<crate::ingest::Incoming>> {
        let community = self.communities.get(&id);
        let secret = |epoch| -> Option<EpochSecret> { Some(community?.keys.get(&epoch)?.secret()) };
        let verified = SignedRange::from_bytes(bytes)
            .map_err(RangeError::from)
            .and_then(|range| range.verify_by(&secret, &*self.me.signatures));
        match verified {
            Ok(verified) => Some(verified.into_events()),
            Err(RangeError::SecretNotHeld(epoch)) => {
                self.want_key(id, epoch);
                None
            }
            Err(error) => {
                if error.is_fault() {
                    self.outbox
                        .penalize(from, format!("range of {} bytes: {error}", bytes.len()));
                }
                None
            }
        }
    }
}
