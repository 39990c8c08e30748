//! What was said lately, as far as it is needed to tell what a change of it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, EventId, UnixMs};

use crate::limits::SEEN_MAX;

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

/// Messages, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    known: BTreeMap<EventId, Known>,
    order: VecDeque<EventId>,
    /// The time of the last message marked read, as it was last told.
    read: BTreeMap<ChannelId, Option<UnixMs>>,
}

/// How a message is another one than before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Its text was waited for, and is here.
    pub(crate) arrived: bool,
    /// Its text is another one.
    pub(crate) edited: bool,
    /// It is gone.
    pub(crate) deleted: bool,
    /// Reactions that came.
    pub(crate) added: Vec<(AccountId, String)>,
    /// Reactions that went.
    pub(crate) removed: Vec<(AccountId, String)>,
}

fn reactions(message: &MessageView) -> Reactions {
    let of = message.reactions.iter();
    of.map(|view| (view.emoji.clone(), view.accounts.iter().copied().collect()))
        .collect()
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
        let new = Known {
            channel,
            author: message.author,
            text: message.text.clone(),
            deleted: message.deleted,
            waiting: message.waiting,
            reactions: reactions(message),
        };
        let Some(old) = self.known.insert(message.id, new) else {
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
        Some(Difference {
            arrived: old.waiting && !new.waiting && !new.deleted,
            edited: !old.waiting && !new.waiting && !new.deleted && old.text != new.text,
            deleted: new.deleted && !old.deleted,
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
        })
    }

    /// Whose message it is and where, as far as it is remembered.
    pub(crate) fn find(&self, message: EventId) -> Option<(ChannelId, AccountId)> {
        let known = self.known.get(&message)?;
        Some((known.channel, known.author))
    }

    /// Forgets a message. Gives whose it was, if it was still shown.
    pub(crate) fn remove(&mut self, message: EventId) -> Option<AccountId> {
        let known = self.known.get_mut(&message)?;
        let shown = !std::mem::replace(&mut known.deleted, true);
        shown.then_some(known.author)
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
