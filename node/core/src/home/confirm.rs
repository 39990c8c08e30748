//! What a home node confirms: events that others can get from it alone, so with the wraps of their key.
//!
//! An event comes before the wraps of a new key, or without them where the connection ends in between. Whoever wrote
//! it may end its node when the event is *held*, and nobody else may have the key: so it is confirmed when both are
//! here. Digests that are equal say nothing of wraps; the writer offers again the last event of a log whose key the
//! home node has not confirmed yet, and is answered when it has.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, NetworkKey, ScopeId,
};
use alloquy_schema::event::{Kind, VerifiedEvent};
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::WAITING_WALK_MAX;
use crate::node::Node;
use crate::outbox::After;

/// An own log: where, its scope and incarnation, and its height.
pub(crate) type OwnLog = (Place, (ScopeId, u32), u64);

impl Community {
    /// Accounts to which a blind copy can not give the key of an epoch though they may have it, as far as their devices
    /// are known; one device of an account is enough, for others have it from that one too.
    fn unserved(&self, epoch: EpochId, channel: Option<ChannelId>) -> Vec<AccountId> {
        let held = self.wraps.get(&epoch).into_iter().flatten();
        let held: BTreeSet<_> = held.map(|wrap| wrap.to).collect();
        let state = self.state();
        let mut served = BTreeMap::new();
        for (account, to) in self.receivers(epoch, channel) {
            let member = state.members.get(&account);
            // Nobody reads with the recovery words while a device of theirs is there.
            if member.is_none_or(|member| member.recovery_wrap_key != to) {
                *served.entry(account).or_insert(false) |= held.contains(&to);
            }
        }
        let unserved = served.into_iter().filter(|(_, served)| !served);
        unserved.map(|(account, _)| account).collect()
    }

    /// Whether a blind copy may confirm an event.
    pub(crate) fn may_confirm(&self, event: &VerifiedEvent) -> bool {
        let header = event.header();
        let Some(blind) = self.blind.as_ref().filter(|_| header.kind == Kind::Sealed) else {
            return true;
        };
        match blind.ready.get(&header.epoch) {
            // Whoever wrote it has the key.
            Some(Some(lacks)) => self.state().account_ever(header.device) == Some(*lacks),
            Some(None) => true,
            None => false,
        }
    }

    /// Whether a home node has confirmed some event of a log under the key of its last one.
    fn has_confirmed_key(&self, home: DeviceId, place: Place, log: (ScopeId, u32)) -> bool {
        let held = self.held.get(&home).and_then(|logs| logs.get(&log));
        let known = held.map_or(0, |(height, _)| *height);
        let Some(dag) = self.dag(place) else {
            return false;
        };
        let Some(last) = dag.log_head(self.own_device, log.1) else {
            return false;
        };
        let epoch = last.header().epoch;
        let mut at = last.header();
        for _ in 0..WAITING_WALK_MAX {
            if last.header().kind != Kind::Sealed || at.seq < known {
                return true;
            }
            match dag.get(at.prev).map(VerifiedEvent::header) {
                Some(before) if before.epoch == epoch => at = before,
                _ => return false,
            }
        }
        false
    }

    /// The last event of each log in which something is sealed under an epoch.
    fn last_under(&self, epoch: EpochId) -> Vec<EventId> {
        let channels = self.timelines.keys().map(|id| Place::Channel(*id));
        let dags = channels
            .chain([Place::Content])
            .filter_map(|place| self.dag(place));
        let heights = dags.flat_map(|dag| {
            let heads = dag.heights().into_iter();
            heads.filter_map(|height| dag.get(height.head))
        });
        let under = heights.filter(|event| event.header().epoch == epoch);
        under.map(VerifiedEvent::id).collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// Looks whether a blind copy has what readers of these events need; if not, it asks for it soon.
    pub(crate) fn note_ready(&mut self, id: CommunityId, events: &[EventId]) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let found = events.iter().filter_map(|event| community.find(*event));
        let waiting = found.filter(|(_, event)| !community.may_confirm(event));
        let epochs: BTreeSet<_> = waiting.map(|(_, event)| event.header().epoch).collect();
        let mut lacking = false;
        for epoch in epochs {
            // What is being written is looked at when it is.
            lacking |= !self.wraps_under_way(id, epoch) && !self.look_for_wraps(id, epoch);
        }
        if lacking {
            self.compare_soon(id, crate::limits::COMPARE_GAP_MS);
        }
    }

    fn wraps_under_way(&self, id: CommunityId, epoch: EpochId) -> bool {
        let mut tasks = self.outbox.tasks.values();
        tasks.any(|task| {
            matches!(task.after, After::Wraps { community, epoch: of } if (community, of) == (id, epoch))
        })
    }

    /// Notes who lacks the key of an epoch here; `false`: several do, or nobody could have it.
    fn look_for_wraps(&mut self, id: CommunityId, epoch: EpochId) -> bool {
        let Some(community) = self.communities.get_mut(&id) else {
            return false;
        };
        let announced = community.state().epochs.get(&epoch).map(|of| of.channel);
        let unserved = announced.map(|channel| community.unserved(epoch, channel));
        let Some(blind) = &mut community.blind else {
            return false;
        };
        match unserved.as_deref() {
            Some([]) => blind.ready.insert(epoch, None),
            Some([one]) => blind.ready.insert(epoch, Some(*one)),
            _ => return false,
        };
        true
    }

    /// There may be others who are to have keys: what was found of them is looked at again.
    pub(crate) fn readers_changed(&mut self, id: CommunityId) {
        let community = self.communities.get_mut(&id);
        if let Some(blind) = community.and_then(|community| community.blind.as_mut()) {
            blind.ready.clear();
        }
    }

    /// Wraps of an epoch are durable, and so is what came before them: events that waited for them are confirmed.
    pub(crate) fn wraps_stored(&mut self, id: CommunityId, epoch: EpochId) {
        let known = self.communities.get(&id).and_then(|one| one.blind.as_ref());
        let waits = known.is_some_and(|blind| blind.ready.get(&epoch) != Some(&None));
        if !waits || self.wraps_under_way(id, epoch) || !self.look_for_wraps(id, epoch) {
            return;
        }
        let last = self.communities[&id].last_under(epoch);
        self.confirm(id, &last);
    }

    /// Events that are held here came again: their writer has not heard that they are.
    pub(super) fn confirm_again(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        if self.holds_blind(id) {
            let events: Vec<_> = events.iter().map(VerifiedEvent::id).collect();
            self.note_ready(id, &events);
            self.confirm(id, &events);
        }
    }

    /// Confirms those events that are durable; the others are when they become it.
    fn confirm(&mut self, id: CommunityId, events: &[EventId]) {
        let under_way = |event: &EventId| {
            self.outbox.tasks.values().any(|task| {
                matches!(&task.after, After::Received { events, .. } if events.contains(event))
            })
        };
        let durable = events.iter().copied().filter(|event| !under_way(event));
        let acks = self.acks_of(id, &durable.collect::<Vec<_>>());
        if self.unwritten.len() == 0 {
            self.send_acks(acks);
        } else {
            self.unwritten.owe(acks);
        }
    }

    /// Both copies are equal: a home node holds the own logs whose keys it has confirmed before; of others it is given
    /// the last event again.
    pub(crate) fn home_copy_equal(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        (home, logs): (DeviceId, Vec<OwnLog>),
    ) {
        let mut again = Vec::new();
        for (place, log, height) in logs {
            let Some(community) = self.communities.get(&id) else {
                return;
            };
            if community.has_confirmed_key(home, place, log) {
                self.held(id, home, log, height, false);
            } else {
                let dag = community.dag(place);
                let last = dag.and_then(|dag| dag.log_head(community.own_device, log.1));
                again.extend(last.map(VerifiedEvent::id));
            }
        }
        self.send_live_to(from, id, &again, None);
    }
}
