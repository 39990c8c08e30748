//! One node's part in the gossip mesh: its topics, what it has seen, and what waits for its verdict.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_core::{GossipId, Topic};
use bytes::Bytes;

/// How long a frame is remembered (gossipsub's `duplicate_cache_time` is one minute).
const SEEN_MS: u64 = 60_000;

#[derive(Debug, Default)]
pub(super) struct Mesh {
    topics: BTreeSet<Topic>,
    seen: BTreeMap<[u8; 32], u64>,
    waiting: BTreeMap<GossipId, Waiting>,
    number: u64,
}

/// A frame that was handed to the node.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) from: usize,
    pub(super) topic: Topic,
    pub(super) bytes: Bytes,
    since: u64,
}

impl Mesh {
    pub(super) fn subscribe(&mut self, topic: Topic) {
        self.topics.insert(topic);
    }

    pub(super) fn unsubscribe(&mut self, topic: Topic) {
        self.topics.remove(&topic);
    }

    pub(super) fn is_subscribed(&self, topic: Topic) -> bool {
        self.topics.contains(&topic)
    }

    /// A node's own frame does not come back to it.
    pub(super) fn mark_own(&mut self, now: u64, bytes: &Bytes) {
        self.seen.insert(*blake3::hash(bytes).as_bytes(), now);
    }

    /// The number under which the frame waits, unless it was seen or nobody listens. `again`: a repetition
    /// that the network lets pass.
    pub(super) fn take_in(
        &mut self,
        now: u64,
        from: usize,
        topic: Topic,
        bytes: &Bytes,
        again: bool,
    ) -> Option<GossipId> {
        if !self.topics.contains(&topic) {
            return None;
        }
        self.seen.retain(|_, at| *at + SEEN_MS > now);
        let known = self
            .seen
            .insert(*blake3::hash(bytes).as_bytes(), now)
            .is_some();
        if known && !again {
            return None;
        }
        self.number += 1;
        let id = GossipId(self.number);
        self.waiting.insert(
            id,
            Waiting {
                from,
                topic,
                bytes: bytes.clone(),
                since: now,
            },
        );
        Some(id)
    }

    pub(super) fn answer(&mut self, id: GossipId) -> Option<Waiting> {
        self.waiting.remove(&id)
    }

    /// Who handed over a frame that waits.
    pub(super) fn from(&self, id: GossipId) -> Option<usize> {
        self.waiting.get(&id).map(|waiting| waiting.from)
    }

    pub(super) fn oldest_waiting(&self) -> Option<u64> {
        self.waiting.values().map(|waiting| waiting.since).min()
    }
}
