//! A channel's timeline: messages, edits, deletions, reactions, replies, threads (docs/protocol.md, "Timelines").
//!
//! In: verified events with their opened bodies, and the authority log. Out: which messages are shown, and how.
//! Invariants: the same events, bodies and authority operations show the same timeline, whatever the order of
//! their arrival; an insertion costs a short walk, never an evaluation of the whole channel.
//! Deliberately not here: clocks, unread markers, "arrived later" marks, storage. The module `counting` decides
//! which events count, from headers only; this one decides what counting events show, from their bodies.

mod columns;
pub(crate) mod counting;
mod deletion;
pub(crate) mod denials;
mod view;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{AccountId, ChannelId, EpochId, EventId, UnixMs};

use crate::authority::AuthorityLog;
use crate::body::Body;
use crate::dag::{Dag, InsertError};
use crate::embed::Embed;
use crate::event::{OrderKey, VerifiedEvent};
use counting::{Bound, Ground, Ledger};
use view::View;

/// All events of one channel and what they show.
#[derive(Debug)]
pub struct Timeline {
    ledger: Ledger,
    view: View,
}

impl Timeline {
    /// An empty timeline.
    #[must_use]
    pub fn new(channel: ChannelId) -> Self {
        Self {
            ledger: Ledger::new(Ground::Channel(channel), channel.into()),
            view: View::default(),
        }
    }

    /// An empty timeline for the newest events of a channel alone, while what was before is not here: parents that
    /// are not held are not waited for. Whether an event counts depends on itself, the authority log and what came
    /// after it, so these stand as they do in the whole one; only faults of structure against their past can not be
    /// seen. Events are added parents first.
    #[must_use]
    pub fn of_newest(channel: ChannelId) -> Self {
        Self {
            ledger: Ledger::of_newest(Ground::Channel(channel), channel.into()),
            view: View::default(),
        }
    }

    /// Adds an event. `body`: the opened plaintext; `None`: missing for now, and for deletions. Idempotent.
    ///
    /// [`Self::authority_changed`] must have been called since the authority log last changed.
    ///
    /// # Errors
    /// Parents or authority heads are not held, the event is invalid, or it would be hidden and its account's
    /// hidden events fill their bound.
    pub fn insert(
        &mut self,
        event: VerifiedEvent,
        body: Option<Body>,
        authority: &AuthorityLog,
    ) -> Result<Changes, InsertError> {
        self.insert_within(Bound::Applies, event, body, authority)
    }

    /// The same for an event that an event of another account waits for: the bound on hidden events does not
    /// apply, because nobody may hide what others have built on.
    ///
    /// # Errors
    /// As [`Self::insert`], without the bound.
    pub fn insert_wanted(
        &mut self,
        event: VerifiedEvent,
        body: Option<Body>,
        authority: &AuthorityLog,
    ) -> Result<Changes, InsertError> {
        self.insert_within(Bound::Lifted, event, body, authority)
    }

    fn insert_within(
        &mut self,
        bound: Bound,
        event: VerifiedEvent,
        body: Option<Body>,
        authority: &AuthorityLog,
    ) -> Result<Changes, InsertError> {
        let id = event.id();
        if let Some(held) = self.ledger.at(id) {
            // What was deleted by its own account does not come back with a copy of the event.
            if self.view.is_dropped(held) && !self.view.wants(held) {
                return Ok(Changes::default());
            }
            self.ledger.insert(event, bound, authority)?;
            return Ok(
                body.map_or_else(Changes::default, |body| self.set_body(id, body, authority))
            );
        }
        if let Some(at) = self.ledger.insert(event, bound, authority)? {
            self.view.add(at, body, &self.ledger);
        }
        Ok(self.refresh())
    }

    /// Supplies a body that was missing. Without effect if none is wanted.
    pub fn set_body(&mut self, id: EventId, body: Body, _authority: &AuthorityLog) -> Changes {
        let Some(at) = self.ledger.at(id) else {
            return Changes::default();
        };
        if !self.view.supply(at, body) {
            return Changes::default();
        }
        let mut seeds = self.ledger.take_touched();
        seeds.insert(at);
        self.view.refresh(seeds, &mut self.ledger)
    }

    /// Evaluates again after the authority log changed.
    pub fn authority_changed(&mut self, authority: &AuthorityLog) -> Changes {
        let purges = self.ledger.authority_changed(authority);
        let mut seeds = self.ledger.take_touched();
        seeds.extend(purges.into_iter().filter_map(|id| self.ledger.at(id)));
        self.view.refresh(seeds, &mut self.ledger)
    }

    /// The same timeline, closed to epochs: see [`Self::close_epochs`].
    #[must_use]
    pub fn closed_to(mut self, epochs: &BTreeSet<EpochId>) -> Self {
        self.view.close(epochs, &self.ledger);
        self
    }

    /// Says under which epochs nothing can be read here, now or later: events without a body that are sealed under
    /// one of them are not shown and not asked for.
    pub fn close_epochs(&mut self, epochs: &BTreeSet<EpochId>) -> Changes {
        let mut seeds = self.ledger.take_touched();
        seeds.extend(self.view.close(epochs, &self.ledger));
        self.view.refresh(seeds, &mut self.ledger)
    }

    /// Drops the body of an event that others deleted, when it was kept long enough.
    pub fn drop_body(&mut self, id: EventId) {
        if let Some(at) = self.ledger.at(id) {
            self.view.drop_body(at, &mut self.ledger);
        }
    }

    /// Drops a carried body that was found not to be the committed one: it is missing from now on.
    pub fn forget_body(&mut self, id: EventId) {
        if let Some(at) = self.ledger.at(id)
            && self.view.is_missing(at)
        {
            self.ledger.drop_body(at);
        }
    }

    /// All events, counting or not.
    #[must_use]
    pub const fn dag(&self) -> &Dag {
        self.ledger.dag()
    }

    /// Heads that an honest author names: counting events only, newest first.
    #[must_use]
    pub fn counting_heads(&self) -> Vec<EventId> {
        self.ledger.counting_heads()
    }

    /// Messages shown, in threads or not, oldest first: the last `limit` before `before` (exclusive) or the end.
    #[must_use]
    pub fn messages(&self, before: Option<OrderKey>, limit: usize) -> Vec<Message> {
        self.view.messages(before, limit, &self.ledger)
    }

    /// Messages shown, in threads or not, from one end of a range or the other.
    pub fn messages_in(
        &self,
        range: (std::ops::Bound<OrderKey>, std::ops::Bound<OrderKey>),
    ) -> impl DoubleEndedIterator<Item = Message> + '_ {
        self.view.messages_in(range, &self.ledger)
    }

    /// Where all messages shown stand, in threads or not, and what their authors' clocks said, which may be wrong.
    pub fn claimed_times(&self) -> impl DoubleEndedIterator<Item = (OrderKey, UnixMs)> + '_ {
        self.view.claimed_times(&self.ledger)
    }

    /// Messages of one thread, likewise, without the message that it hangs on.
    #[must_use]
    pub fn thread(&self, root: EventId, before: Option<OrderKey>, limit: usize) -> Vec<Message> {
        self.view.thread(root, before, limit, &self.ledger)
    }

    /// Messages shown outside of threads, likewise.
    #[must_use]
    pub fn main(&self, before: Option<OrderKey>, limit: usize) -> Vec<Message> {
        self.view.main(before, limit, &self.ledger)
    }

    /// Messages shown outside of threads from `from` on, that one included, oldest first.
    #[must_use]
    pub fn main_from(&self, from: OrderKey, limit: usize) -> Vec<Message> {
        self.view.main_from(from, limit, &self.ledger)
    }

    /// Messages of one thread from `from` on, likewise.
    #[must_use]
    pub fn thread_from(&self, root: EventId, from: OrderKey, limit: usize) -> Vec<Message> {
        self.view.thread_from(root, from, limit, &self.ledger)
    }

    /// How many messages the thread on a message has, and when its newest was written by its author's clock.
    #[must_use]
    pub fn replies(&self, root: EventId) -> Option<(usize, UnixMs)> {
        self.view.replies(root, &self.ledger)
    }

    /// Messages on which threads hang, with the number of messages in each, ascending by id.
    pub fn threads(&self) -> impl Iterator<Item = (EventId, usize)> + '_ {
        self.view.threads()
    }

    /// A message, if it is shown.
    #[must_use]
    pub fn message(&self, id: EventId) -> Option<Message> {
        self.view.message(self.ledger.at(id)?, &self.ledger)
    }

    /// How many messages are shown after `key` (`None`: at all), counted up to `limit`.
    #[must_use]
    pub fn count_after(&self, key: Option<OrderKey>, limit: usize) -> usize {
        self.view.count_after(key, limit)
    }

    /// The account that wrote an event, as `E` of its authority heads says.
    #[must_use]
    pub fn author(&self, id: EventId) -> Option<AccountId> {
        self.ledger.account(self.ledger.at(id)?)
    }

    /// Whether and why an event counts. Only counting events are relayed.
    #[must_use]
    pub fn standing(&self, id: EventId) -> Option<Standing> {
        self.ledger.at(id).map(|at| self.ledger.standing(at))
    }

    /// What to write to delete these messages: with their edits, as far as they are held.
    #[must_use]
    pub fn deletion_of(&self, messages: &[EventId]) -> Deletion {
        self.view.deletion_of(messages, &self.ledger)
    }

    /// Deletions in force that hide an event, in the order of their insertion.
    #[must_use]
    pub fn deletions_of(&self, id: EventId) -> Vec<EventId> {
        let found = self
            .ledger
            .at(id)
            .map(|at| self.view.deletions_of(at, &self.ledger));
        found.unwrap_or_default()
    }

    /// Whether a deletion hides events of other accounts: it counts, and its author may.
    #[must_use]
    pub fn hides_others(&self, id: EventId) -> bool {
        self.ledger
            .at(id)
            .is_some_and(|at| self.view.hides_others(at))
    }

    /// Whether the body of an event is here and has an effect: a message shown, an edit or a reaction in force.
    #[must_use]
    pub fn has_effect(&self, id: EventId) -> bool {
        self.ledger
            .at(id)
            .is_some_and(|at| self.view.has_effect(at))
    }

    /// Whether an edit or a deletion is about what is somebody else's and its author may not touch: it changes nothing.
    #[must_use]
    pub fn misses(&self, id: EventId) -> bool {
        let at = self.ledger.at(id);
        at.is_some_and(|at| self.view.misses(at, &self.ledger))
    }

    /// Digest over counting events: (log, height, head id) of each branch of each log.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.ledger.digest()
    }

    /// Counting events whose body is missing and wanted, in the order of their insertion.
    #[must_use]
    pub fn missing_bodies(&self) -> Vec<EventId> {
        self.view.missing_bodies(&self.ledger)
    }

    fn refresh(&mut self) -> Changes {
        let seeds = self.ledger.take_touched();
        self.view.refresh(seeds, &mut self.ledger)
    }
}

/// What an operation changed, each list in the order shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Messages now shown.
    pub added: Vec<EventId>,
    /// Messages shown otherwise than before.
    pub changed: Vec<EventId>,
    /// Messages no longer shown.
    pub removed: Vec<EventId>,
    /// Events whose bodies were deleted by their own account: the store drops them too.
    pub dropped_bodies: Vec<EventId>,
}

/// Whether an event counts, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counting,
    /// Its author did not hold the right when it was written.
    NotPermitted {
        /// One plain sentence.
        reason: String,
    },
    /// Denials limit it and nothing anchors it: hidden, in no digest, not relayed.
    Late {
        /// The operations that decided.
        by: Vec<EventId>,
    },
}

/// The clear body of a deletion: which events go, and whether a mark is left where they stood.
///
/// What a deleted event was may no longer be known, so the deletion says whether it leaves a mark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Messages: a mark "deleted" stays.
    pub messages: BTreeSet<EventId>,
    /// What goes without a mark: edits of those messages, messages in threads.
    pub silent: BTreeSet<EventId>,
}

/// A message as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event.
    pub id: EventId,
    /// Where it stands.
    pub order: OrderKey,
    /// Who wrote it.
    pub author: AccountId,
    /// `None`: deleted, or its body is missing (then `body_missing`).
    pub text: Option<String>,
    /// Something stands here that cannot be read yet; it may turn out not to be a message.
    pub body_missing: bool,
    /// The author's clock.
    pub time: UnixMs,
    /// Whether the text is another one than at first.
    pub edited: bool,
    /// Whether only the mark of a deleted message is left.
    pub deleted: bool,
    /// Its author held the right to call everybody when it was written, and when its text was, so that `@everyone` does.
    pub calls_all: bool,
    /// The message that it answers.
    pub reply_to: Option<EventId>,
    /// The message that its thread hangs on.
    pub thread: Option<EventId>,
    /// It came through a server that could read it.
    pub bridged: bool,
    /// Previews of addresses, as its author gave them.
    pub embeds: Vec<Embed>,
    /// Emoji to accounts, both ascending.
    pub reactions: BTreeMap<String, BTreeSet<AccountId>>,
}
