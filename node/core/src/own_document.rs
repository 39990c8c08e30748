//! What all devices of the account share: the content of the account's own conversation (docs/protocol.md, "The self
//! document").
//!
//! In: what changed here ([`Node::follow`]), and the document as own devices have written it. Out: content events, and
//! the same change as if it had been made here. A change made here is kept as *pending* until its event is
//! written, so that an end in between loses nothing; of what is not pending, the document is right.
//! Nobody but own devices is in that conversation, so nobody else is given anything of it.

mod apply;

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::command::DRAFT_PREFIX;
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, MonoMs};
use alloquy_schema::authority::direct;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::limits::{CONTENT_BYTES_MAX, CONTENT_OPS_MAX};
use rand_core::CryptoRng;

use crate::command::content;
use crate::community::Community;
use crate::io::Write;
use crate::limits::{DRAFTS_EVERY_MS, OWN_DOCUMENT_EVERY_MS};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::Key;

/// What faces keep under these names follows the account; everything else stays on its device.
const FOLLOWING: [&str; 3] = [DRAFT_PREFIX, "settings/", "notify/"];

/// Whether what a face keeps under this name follows the account.
pub(crate) fn follows(name: &str) -> bool {
    FOLLOWING.iter().any(|prefix| name.starts_with(prefix))
}

/// What is under way between this device and the document.
#[derive(Debug)]
pub(crate) struct OwnDocument {
    pub(crate) id: CommunityId,
    /// What changed here and is not written yet, and when it is to be.
    pending: BTreeMap<Field, (Option<Value>, MonoMs)>,
    /// Channels whose mark stands on an event that is not here yet.
    marks: BTreeSet<ChannelId>,
    /// Marks that were taken: whoever goes back here is not moved on by them again.
    taken: BTreeMap<ChannelId, EventId>,
}

impl OwnDocument {
    pub(crate) fn new(account: AccountId, pending: PendingRecord) -> Self {
        let pending = pending.0.into_iter().filter_map(|op| match op {
            ContentOp::Set { field, value } => Some((field, (Some(value), MonoMs(0)))),
            ContentOp::Clear { field } => Some((field, (None, MonoMs(0)))),
            ContentOp::SpliceNote { .. } => None,
        });
        Self {
            id: direct::id(account, account),
            pending: pending.collect(),
            marks: BTreeSet::new(),
            taken: BTreeMap::new(),
        }
    }

    fn record(&self) -> Write {
        let pending = self.pending.iter();
        let ops = pending.map(|(field, (value, _))| op(field.clone(), value.clone()));
        let record = PendingRecord(ops.collect());
        if record.0.is_empty() {
            Write::Delete(Key::OwnPending.to_key())
        } else {
            put(&Key::OwnPending, &record)
        }
    }
}

fn op(field: Field, value: Option<Value>) -> ContentOp {
    match value {
        Some(value) => ContentOp::Set { field, value },
        None => ContentOp::Clear { field },
    }
}

/// Changes that are not written yet, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PendingRecord(Vec<ContentOp>);

impl Canonical for PendingRecord {
    fn write(&self, w: &mut Writer) {
        w.list(&self.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(
            r.list(CONTENT_OPS_MAX, "changes of the self document")?,
        ))
    }
}

impl<R: CryptoRng> Node<R> {
    /// The own conversation, once it is there and this device is in it.
    pub(crate) fn own_community(&self) -> Option<&Community> {
        self.communities
            .get(&self.own.id)
            .filter(|community| community.active)
    }

    /// A value of the document as this device sees it: what is not written yet stands before what is.
    pub(crate) fn own_value(&self, field: &Field) -> Option<Value> {
        match self.own.pending.get(field) {
            Some((value, _)) => value.clone(),
            None => self.own_community()?.content.get(field),
        }
    }

    /// Something changed here that follows the account. The record that it is not written yet is to be stored together
    /// with the change.
    pub(crate) fn follow(&mut self, field: Field, value: Option<Value>) -> Option<Write> {
        self.own_community()?;
        if self.own_value(&field) == value {
            return None;
        }
        let draft = matches!(&field, Field::Kept(name) if name.starts_with(DRAFT_PREFIX));
        let pause = if draft {
            DRAFTS_EVERY_MS
        } else {
            OWN_DOCUMENT_EVERY_MS
        };
        // What is changed again while it waits waits no longer for that.
        let due = self.now.mono.plus(pause);
        let due = self.own.pending.get(&field).map_or(due, |(_, due)| *due);
        self.timers.set_earlier(Timer::OwnDocument, due);
        self.own.pending.insert(field, (value, due));
        Some(self.own.record())
    }

    /// The same, with its record stored at once.
    pub(crate) fn follow_now(&mut self, field: Field, value: Option<Value>) {
        if let Some(write) = self.follow(field, value) {
            self.outbox.store(vec![write], After::Nothing);
        }
    }

    /// The same for what a start finds out by itself: no record of it is kept.
    pub(crate) fn follow_derived(&mut self, field: Field, value: Option<Value>) {
        let _found_again_at_a_start = self.follow(field, value);
    }

    /// Writes what has waited long enough.
    pub(crate) fn write_own_document(&mut self) {
        let (id, mono) = (self.own.id, self.now.mono);
        let silent = !self.me.acts() || self.own_community().is_none();
        if self.own.pending.is_empty() || silent {
            return;
        }
        let again = mono.plus(OWN_DOCUMENT_EVERY_MS);
        if self.store_fault.is_some() || self.first_write_waits(id) {
            return self.timers.set(Timer::OwnDocument, again);
        }
        if self.communities[&id].writing_epoch(None).is_none() {
            self.arrange_epoch(id, None);
            return self.timers.set(Timer::OwnDocument, again);
        }
        let mut drafts = Vec::new();
        let (mut ops, mut bytes) = (Vec::new(), 0);
        let pending = self.own.pending.iter();
        let due: Vec<Field> = pending
            .filter(|(_, (_, due))| *due <= mono)
            .map(|(field, _)| field.clone())
            .collect();
        for field in due {
            let Some((value, _)) = self.own.pending.remove(&field) else {
                continue;
            };
            let op = op(field, value);
            let len = op.to_bytes().len();
            if bytes + len > CONTENT_BYTES_MAX / 2 && !ops.is_empty() {
                drafts.push(content(std::mem::take(&mut ops)));
                bytes = 0;
            }
            bytes += len;
            ops.push(op);
        }
        if !ops.is_empty() {
            drafts.push(content(ops));
        }
        if let Some(next) = self.own.pending.values().map(|(_, due)| *due).min() {
            self.timers.set(Timer::OwnDocument, next);
        }
        if !drafts.is_empty() {
            let record = self.own.record();
            self.write_with(id, &drafts, |_| None, |_, _| vec![record]);
        }
    }
}
