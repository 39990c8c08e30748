//! New events, straight to home nodes and from there to members: a node without keys takes no part in gossip.
//!
//! What comes this way is taken as by gossip: the same checks, and the same rate per account.

use alloquy_ids::{CommunityId, EventId, NetworkKey};
use alloquy_schema::event::{SignedEvent, VerifiedEvent};
use rand_core::CryptoRng;

use crate::community::Place;
use crate::limits::{LIVE_BYTES, LIVE_EVENTS_MAX};
use crate::node::Node;
use crate::wire::Frame;
use crate::wire::home::Live;

impl<R: CryptoRng> Node<R> {
    /// Sends own events that are durable to connected home nodes of whoever may view them.
    pub(crate) fn send_live(
        &mut self,
        id: CommunityId,
        events: &[EventId],
        admit: Option<&SignedEvent>,
    ) {
        for home in self.connected_homes(id) {
            self.send_live_to(home, id, events, admit);
        }
    }

    pub(super) fn send_live_to(
        &mut self,
        to: NetworkKey,
        id: CommunityId,
        events: &[EventId],
        admit: Option<&SignedEvent>,
    ) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let viewers = community.viewers(to);
        let mut frames: Vec<Vec<SignedEvent>> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let Some((place, event)) = community.find(*event) else {
                continue;
            };
            let viewable = place == Place::Authority || community.may_view_place(&viewers, place);
            let Some(signed) = event.to_signed().filter(|_| viewable) else {
                continue;
            };
            let size = signed.body.len();
            match frames.last_mut() {
                Some(list) if list.len() < LIVE_EVENTS_MAX && bytes + size < LIVE_BYTES => {
                    bytes += size;
                    list.push(signed);
                }
                _ => {
                    bytes = size;
                    frames.push(vec![signed]);
                }
            }
        }
        for events in frames {
            let admit = admit.cloned().map(Box::new);
            let live = Live {
                community: id,
                admit,
                events,
            };
            self.outbox.send(to, &Frame::Live(Box::new(live)));
        }
    }

    /// New events came from a member, or from a home node.
    pub(crate) fn live(&mut self, from: NetworkKey, live: Live) {
        let id = live.community;
        let admit = live
            .admit
            .map(|admit| admit.verify_by(&*self.me.signatures))
            .transpose();
        let events: Result<Vec<VerifiedEvent>, _> = live
            .events
            .into_iter()
            .map(|event| event.verify_by(&*self.me.signatures))
            .collect();
        let (Ok(admit), Ok(events)) = (admit, events) else {
            return self
                .outbox
                .penalize(from, "a live event whose signature does not hold");
        };
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if let Some(admit) = admit
            && !community.authority.dag().contains(admit.id())
            && community.place(admit.header().scope, admit.id()) == Some(Place::Authority)
        {
            self.ingest(id, vec![(admit, None)], None, from);
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        // What gossip has brought already costs nothing.
        let (held, events): (Vec<_>, Vec<_>) = events
            .into_iter()
            .partition(|event| community.holds_whole(event));
        self.confirm_again(id, &held);
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if events.is_empty() {
            return;
        }
        match self.known_authors(id, &events) {
            Some(true) => {
                // Only what is new goes on: one event over several ciphertexts would circle among home nodes for ever.
                let lacking = |event: &&VerifiedEvent| !community.holds(event);
                let new: Vec<_> = events
                    .iter()
                    .filter(lacking)
                    .map(VerifiedEvent::id)
                    .collect();
                self.take_live(id, from, events);
                self.pass_on(from, id, &new);
            }
            Some(false) => {}
            None => self.ask_for(id, &[Place::Authority], from),
        }
    }

    /// A home node passes new events on to connected members who may view them, and to their home nodes: those of them
    /// that it has taken.
    fn pass_on(&mut self, from: NetworkKey, id: CommunityId, events: &[EventId]) {
        if !self.holds_blind(id) {
            return;
        }
        for party in self.connected_parties(id) {
            if party != from {
                self.send_live_to(party, id, events, None);
            }
        }
    }

    /// Whether this node holds a community blind.
    pub(crate) fn holds_blind(&self, id: CommunityId) -> bool {
        let community = self.communities.get(&id);
        community.is_some_and(|community| community.blind.is_some())
    }
}

impl crate::community::Community {
    /// Whether an event is held, with whatever body.
    fn holds(&self, event: &VerifiedEvent) -> bool {
        let place = self.place(event.header().scope, event.id());
        let dag = place.and_then(|place| self.dag(place));
        dag.is_some_and(|dag| dag.contains(event.id()))
    }

    /// Whether an event is held with this body and signature.
    fn holds_whole(&self, event: &VerifiedEvent) -> bool {
        let place = self.place(event.header().scope, event.id());
        let held = place.and_then(|place| self.dag(place)?.get(event.id()));
        held.is_some_and(|held| {
            let whole = match self.blind {
                // Which of several ciphertexts is the right one is not known without a key.
                Some(_) => held.body() == event.body() || self.holds_beside(event),
                None => held.body().is_some(),
            };
            whole || event.body().is_none()
        })
    }
}
