//! A channel's timeline: messages, edits, deletions, reactions, replies, threads.

mod deletion;

use std::collections::{BTreeMap, BTreeSet};
use alloquy_ids::{AccountId, ChannelId, EventId, UnixMs};
use crate::authority::AuthorityLog;
use crate::body::Body;
use crate::dag::{Dag, InsertError};
use crate::event::{OrderKey, VerifiedEvent};

/// All events of one channel and what they show.
#[derive(Debug)]
pub struct Timeline {
    // owner decides
}

impl Timeline {
    pub fn new(channel: ChannelId) -> Self { todo!() }
    /// Adds an event (kind Sealed or Deletion). `body`: opened plaintext; `None`: missing for now (and for Deletion).
    /// Parents must be held. Then re-evaluates what it touches. Idempotent.
    pub fn insert(&mut self, event: VerifiedEvent, body: Option<Body>, authority: &AuthorityLog) -> Result<Changes, InsertError> { todo!() }
    /// The same for an event that an event of another account waits for: the bound on late events does not apply.
    pub fn insert_wanted(&mut self, event: VerifiedEvent, body: Option<Body>, authority: &AuthorityLog) -> Result<Changes, InsertError> { todo!() }
    /// Supplies a body that was missing.
    pub fn set_body(&mut self, id: EventId, body: Body, authority: &AuthorityLog) -> Changes { todo!() }
    /// Evaluates again after the authority log changed.
    pub fn authority_changed(&mut self, authority: &AuthorityLog) -> Changes { todo!() }
    pub fn dag(&self) -> &Dag { todo!() }
    /// Heads that an honest author names: counting events only, newest first.
    pub fn counting_heads(&self) -> Vec<EventId> { todo!() }
    /// Messages shown, in threads or not, oldest first: the last `limit` before `before` (exclusive) or the end.
    pub fn messages(&self, before: Option<OrderKey>, limit: usize) -> Vec<Message> { todo!() }
    /// Messages of one thread, likewise (without the message that it hangs on).
    pub fn thread(&self, root: EventId, before: Option<OrderKey>, limit: usize) -> Vec<Message> { todo!() }
    pub fn message(&self, id: EventId) -> Option<Message> { todo!() }
    /// How many messages are shown after `key`, counted up to `limit`.
    pub fn count_after(&self, key: Option<OrderKey>, limit: usize) -> usize { todo!() }
    /// The account that wrote an event, as its `auth` says.
    pub fn author(&self, id: EventId) -> Option<AccountId> { todo!() }
    /// Whether and why an event counts. Only counting events are relayed.
    pub fn standing(&self, id: EventId) -> Option<Standing> { todo!() }
    /// What to write to delete these messages: with their edits, as far as they are held.
    pub fn deletion_of(&self, messages: &[EventId]) -> Deletion { todo!() }
    /// Digest over counting events: (log, height, head id) of each log.
    pub fn digest(&self) -> [u8; 32] { todo!() }
    /// Events whose body is missing and wanted.
    pub fn missing_bodies(&self) -> Vec<EventId> { todo!() }
}

/// What an insertion changed, in order of display.
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
/// Lists of ids, each ascending and without repetition, no id in both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Messages: a mark "deleted" stays.
    pub messages: BTreeSet<EventId>,
    /// Edits of those messages and whatever else goes without a mark (also messages in threads).
    pub silent: BTreeSet<EventId>,
}

/// A message as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: EventId,
    pub order: OrderKey,
    pub author: AccountId,
    /// `None`: deleted, or its body is missing (then `body_missing`).
    pub text: Option<String>,
    pub body_missing: bool,
    pub time: UnixMs,
    pub edited: bool,
    pub deleted: bool,
    pub reply_to: Option<EventId>,
    pub thread: Option<EventId>,
    /// Emoji to accounts, both ascending.
    pub reactions: BTreeMap<String, BTreeSet<AccountId>>,
}
