//! A channel's timeline: messages, edits, deletions, reactions, replies, threads.

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
    /// Adds an event (kind Sealed or Deletion). `body`: opened plaintext; `None`: missing for now.
    /// Parents must be held. Then re-evaluates what it touches. Idempotent.
    pub fn insert(&mut self, event: VerifiedEvent, body: Option<Body>, authority: &AuthorityLog) -> Result<Changes, InsertError> { todo!() }
    /// Supplies a body that was missing.
    pub fn set_body(&mut self, id: EventId, body: Body, authority: &AuthorityLog) -> Changes { todo!() }
    /// Evaluates again after the authority log changed.
    pub fn authority_changed(&mut self, authority: &AuthorityLog) -> Changes { todo!() }
    pub fn dag(&self) -> &Dag { todo!() }
    /// Heads that an honest author names: counting events only, newest first.
    pub fn counting_heads(&self) -> Vec<EventId> { todo!() }
    /// Messages shown, oldest first: the last `limit` before `before` (exclusive) or the end.
    pub fn messages(&self, before: Option<OrderKey>, limit: usize) -> Vec<Message> { todo!() }
    pub fn message(&self, id: EventId) -> Option<Message> { todo!() }
    /// Digest over counting events: (log, height, head id) of each log.
    pub fn digest(&self) -> [u8; 32] { todo!() }
    /// Events whose body is missing and wanted.
    pub fn missing_bodies(&self) -> Vec<EventId> { todo!() }
}

/// What an insertion changed, in order of display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes { pub added: Vec<EventId>, pub changed: Vec<EventId>, pub removed: Vec<EventId> }

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
