//! Bodies that others have deleted: hidden at once, kept for a week, then dropped (docs/protocol.md, "Deletions").
//!
//! For a week a deletion may turn out to be without effect (whoever made it had been removed, say) and its messages
//! stand again at once. After that they are asked for, from whoever has not dropped them. The week begins when this
//! node hears of the deletion, whatever time that claims: nobody can have bodies dropped everywhere at once by
//! claiming an earlier one.

use alloquy_ids::{CommunityId, EventId, UnixMs};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Kind, VerifiedEvent};
use alloquy_schema::timeline::Deletion;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::{DELETED_KEPT_MS, DELETED_LOOK_EVERY_MS};
use crate::node::{Node, Timer};

impl Community {
    /// A deletion is held since then.
    pub(crate) fn note_deletion(&mut self, event: &VerifiedEvent, arrived: UnixMs) {
        if event.header().kind == Kind::Deletion {
            let due = UnixMs(arrived.0.saturating_add(DELETED_KEPT_MS));
            self.deleted.entry(event.id()).or_insert(due);
        }
    }

    /// Drops bodies that were deleted long enough ago. Returns the events that have lost theirs.
    fn drop_deleted(&mut self, now: UnixMs) -> Vec<EventId> {
        let due: Vec<_> = self
            .deleted
            .iter()
            .filter(|(_, due)| **due <= now)
            .map(|(id, _)| *id)
            .collect();
        let mut dropped = Vec::new();
        for deletion in due {
            let Some((Place::Channel(channel), event)) = self.find(deletion) else {
                self.deleted.remove(&deletion);
                continue;
            };
            let targets = Deletion::from_bytes(event.body().unwrap_or_default());
            let targets: Vec<_> = targets.iter().flat_map(Deletion::targets).collect();
            let Some(timeline) = self.timelines.get_mut(&channel) else {
                continue;
            };
            let has_body = |timeline: &alloquy_schema::timeline::Timeline, id: EventId| {
                timeline
                    .dag()
                    .get(id)
                    .is_some_and(|event| event.body().is_some())
            };
            let mut standing = false;
            for target in targets {
                if !has_body(timeline, target) {
                    continue;
                }
                timeline.drop_body(target);
                if has_body(timeline, target) {
                    standing = true;
                } else {
                    dropped.push(target);
                }
            }
            // One without effect now may have it again.
            if standing {
                let next = UnixMs(now.0.saturating_add(DELETED_KEPT_MS));
                self.deleted.insert(deletion, next);
            } else {
                self.deleted.remove(&deletion);
            }
        }
        dropped
    }
}

impl<R: CryptoRng> Node<R> {
    /// Deletions among new events begin their week.
    pub(crate) fn note_deletions(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let wall = self.wall();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        for event in events {
            community.note_deletion(event, wall);
        }
        self.await_deleted(id);
    }

    /// Sets the clock for the next body that goes. The time of day may be set while it runs: it is looked at now and
    /// then.
    pub(crate) fn await_deleted(&mut self, id: CommunityId) {
        let community = self.communities.get(&id);
        let Some(due) = community.and_then(|community| community.deleted.values().min()) else {
            return;
        };
        let wait = due.0.saturating_sub(self.now.wall.0);
        let at = self.now.mono.plus(wait.min(DELETED_LOOK_EVERY_MS));
        self.timers.set(Timer::Deleted(id), at);
    }

    /// Drops bodies that were deleted long enough ago, here and in the store.
    pub(crate) fn drop_deleted(&mut self, id: CommunityId) {
        let wall = self.wall();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let dropped = community.drop_deleted(wall);
        self.drop_bodies(id, &dropped);
        self.await_deleted(id);
    }
}
