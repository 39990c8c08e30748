//! Unread messages: which of others' newest are shown and mention this account, kept as messages change.
//!
//! What counts as unread is everything that arrived after the read marker and is shown, deleted messages apart.
//! That is looked up once for each message that comes or changes; counting all again is for a start, another
//! name and tests.

use std::collections::BTreeMap;

use alloquy_ids::{ChannelId, EventId};

use crate::community::Community;

/// What one unread arrival is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Not shown as a message now: a reaction, a deleted message.
    Not,
    Message,
    /// A message that mentions this account.
    Mention,
}

/// Unread arrivals of one channel, with their numbers in the order of arrival.
#[derive(Clone, Debug, Default)]
struct Counted {
    arrivals: BTreeMap<EventId, (u64, Shown)>,
    messages: u32,
    mentions: u32,
}

impl Counted {
    fn set(&mut self, id: EventId, number: u64, shown: Shown) {
        self.forget(id);
        self.arrivals.insert(id, (number, shown));
        self.messages += u32::from(shown != Shown::Not);
        self.mentions += u32::from(shown == Shown::Mention);
    }

    fn forget(&mut self, id: EventId) {
        if let Some((_, shown)) = self.arrivals.remove(&id) {
            self.messages -= u32::from(shown != Shown::Not);
            self.mentions -= u32::from(shown == Shown::Mention);
        }
    }
}

/// Unread arrivals of a community.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread {
    /// How this account is mentioned in a text.
    pub(crate) mention: String,
    channels: BTreeMap<ChannelId, Counted>,
}

/// How an account of this name is mentioned in a text.
pub(crate) fn mention_of(name: &str) -> String {
    format!("@{name}")
}

impl Community {
    /// Messages of others after the read marker, and those among them that mention the account.
    pub(crate) fn unread(&self, channel: ChannelId, mention: &str) -> (u32, u32) {
        if mention != self.unread.mention {
            return self.counted_anew(channel, mention);
        }
        let counted = self.unread.channels.get(&channel);
        counted.map_or((0, 0), |counted| (counted.messages, counted.mentions))
    }

    /// The same by its definition.
    pub(crate) fn counted_anew(&self, channel: ChannelId, mention: &str) -> (u32, u32) {
        let arrivals = self.arrivals.get(&channel).into_iter().flatten();
        let read = self.read.get(&channel).copied().unwrap_or(0);
        arrivals
            .skip(usize::try_from(read).unwrap_or(usize::MAX))
            .map(|id| self.shown_as(channel, *id, mention))
            .fold((0, 0), |(messages, mentions), shown| {
                (
                    messages + u32::from(shown != Shown::Not),
                    mentions + u32::from(shown == Shown::Mention),
                )
            })
    }

    fn shown_as(&self, channel: ChannelId, id: EventId, mention: &str) -> Shown {
        let timeline = self.timelines.get(&channel);
        let message = timeline
            .and_then(|timeline| timeline.message(id))
            .filter(|message| !message.deleted);
        let Some(message) = message else {
            return Shown::Not;
        };
        let calls_all = self.calls_all(&message);
        let names = |text: &str| crate::views::mentions(text, mention, calls_all);
        if message.text.as_deref().is_some_and(names) {
            Shown::Mention
        } else {
            Shown::Message
        }
    }

    /// Counts everything anew: after a start, or when the account is mentioned otherwise.
    pub(crate) fn count_unread(&mut self) {
        let channels: Vec<_> = self.arrivals.keys().copied().collect();
        self.unread.channels.clear();
        for channel in channels {
            let read = self.read.get(&channel).copied().unwrap_or(0);
            self.count_from(channel, read);
        }
    }

    /// How this account is mentioned from now on.
    pub(crate) fn mention_as(&mut self, mention: &str) {
        if self.unread.mention != mention {
            mention.clone_into(&mut self.unread.mention);
            self.count_unread();
        }
    }

    /// The next arrival of a channel. Before it is known how the account is mentioned, all are counted later.
    pub(crate) fn count_arrival(&mut self, channel: ChannelId) {
        if self.unread.mention.is_empty() {
            return;
        }
        let count = self.arrivals.get(&channel).map_or(0, Vec::len) as u64;
        self.count_from(channel, count.saturating_sub(1));
    }

    fn count_from(&mut self, channel: ChannelId, first: u64) {
        let arrivals = self.arrivals.get(&channel).map(Vec::as_slice);
        let start = usize::try_from(first).unwrap_or(usize::MAX);
        let new = arrivals
            .and_then(|arrivals| arrivals.get(start..))
            .unwrap_or_default();
        let new: Vec<_> = (first..)
            .zip(new)
            .map(|(number, id)| {
                (
                    *id,
                    number,
                    self.shown_as(channel, *id, &self.unread.mention),
                )
            })
            .collect();
        let counted = self.unread.channels.entry(channel).or_default();
        for (id, number, shown) in new {
            counted.set(id, number, shown);
        }
    }

    /// Messages of a channel are shown otherwise than before.
    pub(crate) fn recount<'a>(
        &mut self,
        channel: ChannelId,
        ids: impl Iterator<Item = &'a EventId>,
    ) {
        for id in ids {
            let counted = self.unread.channels.get(&channel);
            let Some((number, _)) = counted.and_then(|counted| counted.arrivals.get(id)) else {
                continue;
            };
            let (number, shown) = (*number, self.shown_as(channel, *id, &self.unread.mention));
            if let Some(counted) = self.unread.channels.get_mut(&channel) {
                counted.set(*id, number, shown);
            }
        }
    }

    /// Moves the read marker: this many arrivals are read.
    pub(crate) fn read_to(&mut self, channel: ChannelId, count: u64) {
        let before = self.read.insert(channel, count).unwrap_or(0);
        if count < before {
            return self.count_from(channel, count);
        }
        if let Some(counted) = self.unread.channels.get_mut(&channel) {
            let read: Vec<_> = counted
                .arrivals
                .iter()
                .filter(|(_, (number, _))| *number < count)
                .map(|(id, _)| *id)
                .collect();
            for id in read {
                counted.forget(id);
            }
        }
    }
}
