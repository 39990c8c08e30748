//! What follows when a community's authority log has changed.

use std::collections::BTreeSet;

use alloquy_api::Event;
use alloquy_ids::{CommunityId, EventId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::dag::Dag;
use alloquy_schema::event::{Header, VerifiedEvent};
use rand_core::CryptoRng;

use crate::community::Place;
use crate::limits::WAITING_WALK_MAX;
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;

impl<R: CryptoRng> Node<R> {
    /// Evaluates again what rests on authority, and draws the consequences.
    pub(crate) fn authority_changed(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let authority = &community.authority;
        let mut changes = Vec::new();
        for (channel, timeline) in &mut community.timelines {
            changes.push((
                Place::Channel(*channel),
                timeline.authority_changed(authority),
            ));
        }
        let in_part = community.newest.authority_changed(authority);
        community.content.authority_changed(authority);
        let other_homes = community.index_homes();
        let provisional = std::mem::take(&mut community.provisional);
        community.provisional = provisional
            .into_iter()
            .filter(|key| community.member_of(*key).is_none())
            .collect();
        for channel in in_part {
            self.views.channel_changed(channel);
        }
        for (place, changed) in &changes {
            if let Place::Channel(channel) = place
                && (!changed.added.is_empty()
                    || !changed.changed.is_empty()
                    || !changed.removed.is_empty())
            {
                self.views.channel_changed(*channel);
            }
        }
        self.tell_changes(id, changes);
        self.close_epochs(id);
        self.tell_members(id);
        self.tell_own_membership(id, events);
        self.learn_own_identity(id);
        self.settle_requests(id);
        let peers: Vec<_> = self.peers.keys().copied().collect();
        for key in peers {
            if self.communities.get(&id).is_some_and(|community| {
                let home = community.blind.is_none() && community.is_home(key);
                home || community.member_of(key).is_some()
            }) {
                self.open_session(key, id);
            }
        }
        // Another device of somebody gives other words to compare.
        self.views.directs_changed();
        self.refresh_topics(id);
        self.begin_with_newcomers(id, events);
        self.introduce_to_newcomers(id, events);
        self.follow_membership(id);
        self.voice_rights_changed(id);
        if other_homes {
            self.homes_changed(id);
        }
        self.tell_newly_served(id);
        self.keep_peers();
        if !self.held_gossip.is_empty() {
            self.retry_held_gossip();
        }
    }

    /// Tells who came and who went since the last look. A member is told of when its name can be said.
    pub(crate) fn tell_members(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let state = community.state();
        let now: BTreeSet<_> = state.members.keys().copied().collect();
        let gone: Vec<_> = community.known_members.difference(&now).copied().collect();
        let added: Vec<_> = now
            .difference(&community.known_members)
            .filter_map(|account| Some((*account, community.given_name(*account)?)))
            .collect();
        for account in &gone {
            community.known_members.remove(account);
        }
        community
            .known_members
            .extend(added.iter().map(|(account, _)| *account));
        for (account, name) in added {
            self.outbox.tell(Event::MemberAdded {
                community: id,
                account,
                name,
            });
        }
        for account in gone {
            self.outbox.tell(Event::MemberRemoved {
                community: id,
                account,
            });
        }
    }

    /// What operations did to members and keys is undone with them.
    pub(crate) fn members_taken_back(&mut self, id: CommunityId) {
        self.tell_members(id);
        self.tell_own_membership(id, &[]);
        self.refresh_topics(id);
        self.voice_rights_changed(id);
        self.keep_peers();
        self.outbox.tell(Event::CommunityChanged { community: id });
    }

    /// This account came in or went out.
    fn tell_own_membership(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let me = self.me.account();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let member = community.is_mine(me);
        if community.active == member {
            return;
        }
        community.active = member;
        if member {
            let mono = self.now.mono;
            self.timers.set(Timer::Presence(id), mono);
            self.timers
                .set(Timer::Sweep(id), mono.plus(crate::limits::COMPARE_EVERY_MS));
            return;
        }
        let author = |event: &VerifiedEvent| {
            let device = event.header().device;
            community
                .devices
                .values()
                .find(|(_, of)| *of == device)
                .map(|(account, _)| *account)
        };
        let removal = |event: &&VerifiedEvent| {
            matches!(
                community.authority.op(event.id()),
                Some(AuthorityOp::Kick { .. } | AuthorityOp::Ban { .. } | AuthorityOp::Leave)
            )
        };
        let by = events.iter().find(removal).and_then(author);
        self.timers.clear(Timer::Presence(id));
        self.timers.clear(Timer::Sweep(id));
        if by == Some(me) {
            self.drop_drafts(id);
        }
        self.nearby_left(id);
        self.outbox.tell(Event::CommunityLeft { community: id, by });
        self.join_undone(id);
    }

    /// Writes under a new incarnation from now on, and remembers it.
    pub(crate) fn start_incarnation(&mut self, id: CommunityId) {
        let incarnation = self.rng.next_u32();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.membership.incarnation = incarnation;
        community.own_logs_checked = true;
        let write = put(&Key::Community(id), &community.membership);
        self.outbox.store(vec![write], After::Nothing);
    }

    /// Where an own event has got to: told to faces.
    pub(crate) fn tell_delivery(&mut self, id: CommunityId, event: EventId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some((Place::Channel(channel), _)) = community.find(event) else {
            return;
        };
        let shown = community
            .timelines
            .get(&channel)
            .and_then(|timeline| timeline.message(event));
        if shown.is_some() {
            let delivery = self.delivery_view(id, channel, event);
            self.views.channel_changed(channel);
            self.outbox.tell(Event::DeliveryChanged {
                community: id,
                channel,
                message: event,
                delivery,
            });
        }
    }

    /// Who writes upon an own event holds it, and has read it if both are sealed under one key: so much is known though
    /// the writer's own word of it was never heard.
    pub(crate) fn note_answers(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let own = self.me.device();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut known = Vec::new();
        for event in events.iter().filter(|event| event.header().device != own) {
            let header = event.header();
            let Some(dag) = community
                .place(header.scope, event.id())
                .and_then(|place| community.dag(place))
            else {
                continue;
            };
            let upon = header.parents().filter_map(|parent| dag.get(parent));
            for before in upon.map(VerifiedEvent::header) {
                if before.device == own {
                    let log = (before.scope, before.incarnation);
                    let opened = before.epoch == header.epoch
                        && community.opened_up_to(dag, header.device, before);
                    known.push((header.device, log, before.seq + 1, opened));
                }
            }
        }
        for (device, log, height, opened) in known {
            self.held(id, device, log, height, opened);
        }
    }

    /// A device confirms that it holds the own log of a scope up to a height.
    pub(crate) fn held(
        &mut self,
        id: CommunityId,
        device: alloquy_ids::DeviceId,
        log: (alloquy_ids::ScopeId, u32),
        height: u64,
        opened: bool,
    ) {
        let own = self.me.device();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let Some(place) = community.place(log.0, EventId(log.0.0)) else {
            return;
        };
        let last = community
            .dag(place)
            .and_then(|dag| dag.log_head(own, log.1))
            .map_or(0, |event| event.header().seq + 1);
        let height = height.min(last);
        if height == 0 {
            return;
        }
        let held = community
            .held
            .entry(device)
            .or_default()
            .entry(log)
            .or_default();
        let before = *held;
        let opened = if opened { height } else { 0 };
        *held = (height.max(before.0), opened.max(before.1));
        if *held == before {
            return;
        }
        let first = if held.1 > before.1 {
            before.1
        } else {
            before.0
        };
        let record = crate::record::HeldRecord(
            community.held[&device]
                .iter()
                .map(|((scope, incarnation), (height, opened))| {
                    (*scope, *incarnation, *height, *opened)
                })
                .collect(),
        );
        let write = put(&Key::Held(id, device), &record);
        let newly = community.events_of_log(place, (own, log.1), first..height);
        self.outbox.store(vec![write], After::Nothing);
        for event in newly {
            self.tell_delivery(id, event);
        }
    }
}

impl crate::community::Community {
    /// Whether a device that holds the key of an own event has read all before it too, as its answer shows: what it
    /// is not known to have read is sealed under the same key.
    fn opened_up_to(&self, dag: &Dag, device: alloquy_ids::DeviceId, last: &Header) -> bool {
        let log = (last.scope, last.incarnation);
        let held = self.held.get(&device).and_then(|logs| logs.get(&log));
        let known = held.map_or(0, |(_, opened)| *opened);
        let mut at = last;
        for _ in 0..WAITING_WALK_MAX {
            if at.seq <= known {
                return true;
            }
            match dag.get(at.prev).map(VerifiedEvent::header) {
                Some(before) if before.epoch == last.epoch => at = before,
                _ => return false,
            }
        }
        false
    }

    /// Ids of the events of one log with these positions, newest first, at most 64: faces are told of those.
    pub(crate) fn events_of_log(
        &self,
        place: Place,
        (device, incarnation): (alloquy_ids::DeviceId, u32),
        seqs: std::ops::Range<u64>,
    ) -> Vec<EventId> {
        let Some(dag) = self.dag(place) else {
            return Vec::new();
        };
        let mut next = dag.log_head(device, incarnation).map(VerifiedEvent::id);
        let mut found = Vec::new();
        while let Some(event) = next.and_then(|id| dag.get(id))
            && event.header().seq >= seqs.start
            && found.len() < 64
        {
            if seqs.contains(&event.header().seq) {
                found.push(event.id());
            }
            next = Some(event.header().prev);
        }
        found
    }
}
