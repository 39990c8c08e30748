//! What was said lately, as far as it is needed to tell what a change of it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, EventId, UnixMs};

use crate::limits::{RECALLED_MAX, SEEN_MAX};

type Reactions = BTreeMap<String, BTreeSet<AccountId>>;

#[derive(Debug)]
struct Known {
    channel: ChannelId,
    author: AccountId,
    text: String,
    deleted: bool,
    waiting: bool,
    reactions: Reactions,
}

/// Messages, the oldest forgotten first. What was read of a history is forgotten by itself: however far somebody reads
/// back, changes of what was just said are told.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    known: BTreeMap<EventId, Known>,
    order: VecDeque<EventId>,
    recalled: VecDeque<EventId>,
    /// The time of the last message marked read, as it was last told.
    read: BTreeMap<ChannelId, Option<UnixMs>>,
}

/// How a message is another one than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Its text was waited for, and is here.
    pub(crate) arrived: bool,
    /// Its text is another one: the one before.
    pub(crate) edited: Option<String>,
    /// It is gone.
    pub(crate) deleted: bool,
    /// Reactions that came.
    pub(crate) added: Vec<(AccountId, String)>,
    /// Reactions that went.
    pub(crate) removed: Vec<(AccountId, String)>,
}

/// What a message that is gone was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It was shown: its author.
    Shown(AccountId),
    /// It was not, or not any more.
    Hidden,
    /// Nothing is remembered of it; a client may hold it all the same.
    Unknown,
}

fn known(channel: ChannelId, message: &MessageView) -> Known {
    let reactions = message.reactions.iter();
    Known {
        channel,
        author: message.author,
        text: message.text.clone(),
        deleted: message.deleted,
        waiting: message.waiting,
        reactions: reactions
            .map(|view| (view.emoji.clone(), view.accounts.iter().copied().collect()))
            .collect(),
    }
}

fn pairs(all: &Reactions) -> BTreeSet<(AccountId, String)> {
    let of = |(emoji, accounts): (&String, &BTreeSet<AccountId>)| {
        let pairs = accounts.iter().map(|account| (*account, emoji.clone()));
        pairs.collect::<Vec<_>>()
    };
    all.iter().flat_map(of).collect()
}

impl Seen {
    /// Remembers a message. Gives how it differs from what was known; `None` if nothing was.
    pub(crate) fn note(&mut self, channel: ChannelId, message: &MessageView) -> Option<Difference> {
        let Some(old) = self.known.insert(message.id, known(channel, message)) else {
            self.order.push_back(message.id);
            if self.order.len() > SEEN_MAX
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            return None;
        };
        let new = &self.known[&message.id];
        let (before, after) = (pairs(&old.reactions), pairs(&new.reactions));
        let edited = !old.waiting && !new.waiting && !new.deleted && old.text != new.text;
        Some(Difference {
            arrived: old.waiting && !new.waiting && !new.deleted,
            edited: edited.then_some(old.text),
            deleted: new.deleted && !old.deleted && !old.waiting,
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
        })
    }

    /// Remembers a message that was read of a history, if nothing is known of it.
    pub(crate) fn recall(&mut self, channel: ChannelId, message: &MessageView) {
        if self.known.contains_key(&message.id) {
            return;
        }
        self.known.insert(message.id, known(channel, message));
        self.recalled.push_back(message.id);
        if self.recalled.len() > RECALLED_MAX
            && let Some(oldest) = self.recalled.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whose message it is and where, as far as it is remembered.
    pub(crate) fn find(&self, message: EventId) -> Option<(ChannelId, AccountId)> {
        let known = self.known.get(&message)?;
        Some((known.channel, known.author))
    }

    /// Notes that a message is gone.
    pub(crate) fn remove(&mut self, message: EventId) -> Removed {
        let Some(known) = self.known.get_mut(&message) else {
            return Removed::Unknown;
        };
        let gone = std::mem::replace(&mut known.deleted, true);
        match gone || known.waiting {
            true => Removed::Hidden,
            false => Removed::Shown(known.author),
        }
    }

    /// Who wrote a message, and its text, while it is shown.
    pub(crate) fn text_of(&self, message: EventId) -> Option<(AccountId, &str)> {
        let known = self.known.get(&message).filter(|known| !known.deleted)?;
        Some((known.author, &known.text))
    }

    /// Notes how far a room was read. Gives whether that is news.
    pub(crate) fn read(&mut self, channel: ChannelId, time: Option<UnixMs>) -> bool {
        self.read.insert(channel, time) != Some(time)
    }
}
