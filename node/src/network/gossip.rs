//! Gossip frames that wait for the core's verdict, and topics as names.

use std::collections::BTreeMap;

use alloquy_core::{GossipId, Topic, Verdict};
use libp2p::PeerId;
use libp2p::gossipsub::{IdentTopic, MessageAcceptance, MessageId, TopicHash};

/// Frames that wait at once: the core holds 64 of an unknown device per peer; older ones are ignored.
const WAITING_MAX: usize = 4096;

/// Frames without a verdict yet.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    last: u64,
    waiting: BTreeMap<GossipId, (MessageId, PeerId)>,
}

impl Verdicts {
    /// Numbers a frame; also returns the oldest one if it has to give way.
    pub(super) fn wait(
        &mut self,
        message: MessageId,
        from: PeerId,
    ) -> (GossipId, Option<(MessageId, PeerId)>) {
        self.last += 1;
        let id = GossipId(self.last);
        self.waiting.insert(id, (message, from));
        let oldest = (self.waiting.len() > WAITING_MAX)
            .then(|| self.waiting.pop_first())
            .flatten();
        (id, oldest.map(|(_, frame)| frame))
    }

    /// Takes a frame whose verdict is here.
    pub(super) fn take(&mut self, id: GossipId) -> Option<(MessageId, PeerId)> {
        self.waiting.remove(&id)
    }
}

/// A verdict in libp2p's words.
pub(super) fn acceptance(verdict: Verdict) -> MessageAcceptance {
    match verdict {
        Verdict::Accept => MessageAcceptance::Accept,
        Verdict::Ignore => MessageAcceptance::Ignore,
        Verdict::Reject => MessageAcceptance::Reject,
    }
}

/// A topic's name: 64 hexadecimal digits.
pub(super) fn name(topic: Topic) -> IdentTopic {
    IdentTopic::new(blake3::Hash::from_bytes(topic.0).to_hex().as_str())
}

/// The topic of a name that we gave.
pub(super) fn topic(name: &TopicHash) -> Option<Topic> {
    blake3::Hash::from_hex(name.as_str())
        .ok()
        .map(|bytes| Topic(*bytes.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_keep_their_name_and_waiting_frames_are_bounded() {
        let bytes = Topic([0xab; 32]);
        assert_eq!(topic(&name(bytes).hash()), Some(bytes));
        assert_eq!(topic(&IdentTopic::new("x").hash()), None);

        let mut verdicts = Verdicts::default();
        let from = PeerId::random();
        let (first, _) = verdicts.wait(MessageId::new(b"first"), from);
        let pushed_out: Vec<_> = (0..WAITING_MAX)
            .filter_map(|_| verdicts.wait(MessageId::new(b"x"), from).1)
            .collect();
        assert_eq!(pushed_out, [(MessageId::new(b"first"), from)]);
        assert_eq!(verdicts.take(first), None);
        assert!(verdicts.take(GossipId(2)).is_some());
    }
}
