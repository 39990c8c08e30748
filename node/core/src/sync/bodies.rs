//! Bodies that are missing though their key is here: asked for by name (docs/protocol.md, "Timelines").
//!
//! An author's own deletion drops the body at once. If it turns out to be without effect (the author had been
//! removed, say), the message is shown again, and whoever still holds the body gives it.

use alloquy_ids::{CommunityId, EventId, NetworkKey, UnixMs};
use alloquy_schema::event::VerifiedEvent;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::BODIES_ASKED_MAX;
use crate::node::Node;

impl Community {
    /// Events of a place that should be readable here and have lost their bodies.
    fn lost_bodies(&self, place: Place, now: UnixMs) -> Vec<EventId> {
        if let Some(blind) = &self.blind {
            let aged = self.aged_before(now);
            let here = |id: &&EventId| {
                let event = self.dag(place).and_then(|dag| dag.get(**id));
                event.is_some_and(|event| event.header().wall >= aged)
            };
            let lost = blind.bodiless.iter().filter(here);
            return lost.copied().take(BODIES_ASKED_MAX).collect();
        }
        let missing = match place {
            Place::Authority => Vec::new(),
            Place::Content => self.content.missing_bodies(),
            Place::Channel(channel) => self
                .timelines
                .get(&channel)
                .map(alloquy_schema::timeline::Timeline::missing_bodies)
                .unwrap_or_default(),
        };
        let event = |id: &EventId| self.dag(place)?.get(*id);
        let lost = |id: &EventId| {
            event(id).is_some_and(|event| {
                // A body that is held and is not the committed one counts as lost.
                self.keys.contains_key(&event.header().epoch) && self.open(event).is_none()
            })
        };
        missing
            .into_iter()
            .filter(lost)
            .take(BODIES_ASKED_MAX)
            .collect()
    }

    /// Adds the named events whose bodies are held, each with those that follow it up to a signed one: an event
    /// of a range is proved by the next signature of its log.
    pub(crate) fn add_named(
        &self,
        place: Place,
        named: &[EventId],
        events: &mut Vec<VerifiedEvent>,
    ) {
        let Some(dag) = self.dag(place) else {
            return;
        };
        for id in named.iter().take(BODIES_ASKED_MAX) {
            let Some(event) = dag.get(*id).filter(|event| event.body().is_some()) else {
                continue;
            };
            let (device, incarnation) = (event.header().device, event.header().incarnation);
            let heads = dag.heights();
            let of_log = |head: &&alloquy_schema::dag::Height| {
                (head.device, head.incarnation) == (device, incarnation)
            };
            for head in heads.iter().filter(of_log) {
                let back =
                    std::iter::successors(dag.get(head.head), |event| dag.get(event.header().prev));
                let mut run: Vec<_> = back
                    .take_while(|later| later.header().seq >= event.header().seq)
                    .collect();
                run.reverse();
                if run.first().is_some_and(|first| first.id() == *id) {
                    let signed = run.iter().position(|one| one.signature().is_some());
                    run.truncate(signed.map_or(0, |at| at + 1));
                    events.extend(run.into_iter().cloned());
                    break;
                }
            }
        }
        events.sort_by_key(VerifiedEvent::order_key);
        events.dedup_by_key(|event| event.id());
    }
}

impl<R: CryptoRng> Node<R> {
    /// Asks a peer, whose copy is equal otherwise, for bodies that were lost here.
    pub(super) fn ask_for_bodies(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let wanted: Vec<_> = self
            .places_with(community, from)
            .into_iter()
            .map(|(_, place)| (place, community.lost_bodies(place, self.now.wall)))
            .filter(|(_, lost)| !lost.is_empty())
            .collect();
        for (place, lost) in wanted {
            self.send_heights(from, id, &[place], &lost, false);
        }
    }
}
