//! What counting events show, from their bodies: messages, edits, reactions, deletions.
//!
//! Every index is kept by [`View::refresh`], which compares what an event does now with what it did before and
//! applies the difference; so the result depends on the set of events, never on their order. Edits and reactions
//! are kept per target even if the target is not held or not shown, deletions even if they have no effect.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{self, Excluded, Included, Unbounded};

use alloquy_ids::{AccountId, EpochId, EventId, UnixMs};

use super::counting::Ledger;
use super::{Changes, Deletion, Message};
use crate::body::Body;
use crate::codec::Canonical;
use crate::event::{Kind, OrderKey};
use crate::permissions::Permissions;

/// What is known of an event's body.
#[derive(Debug)]
enum Content {
    /// It never came.
    Missing,
    /// It was dropped here.
    Dropped,
    Open(Body),
    Deletion(Deletion),
    /// A deletion that does not decode.
    Nothing,
}

/// How an event stands in the list of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    Not,
    /// As a message.
    Message,
    /// As the mark of a deleted one.
    Mark,
    /// As something whose body is missing.
    Missing,
}

/// What an event does at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Effect {
    shown: Shown,
    /// An edit or a reaction is in force; a deletion counts.
    active: bool,
    /// A deletion reaches events of other accounts.
    reaches_others: bool,
    /// Not shown only because nothing under its epoch can be read here.
    shut: bool,
    /// It is a message or an edit that may call everybody.
    calls_all: bool,
}

#[derive(Debug)]
struct Entry {
    content: Content,
    effect: Effect,
}

/// How an event is deleted.
#[derive(Clone, Copy, Debug, Default)]
struct Deleted {
    by_anybody: bool,
    by_own_account: bool,
    leaves_mark: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct View {
    /// By the ledger's numbers.
    entries: Vec<Entry>,
    shown: BTreeMap<OrderKey, u32>,
    /// Of these, what stands in no thread.
    main: BTreeMap<OrderKey, u32>,
    threads: BTreeMap<EventId, BTreeMap<OrderKey, u32>>,
    /// Per target: edits in force by (account, order).
    edits: BTreeMap<EventId, BTreeMap<(AccountId, OrderKey), u32>>,
    /// Per target: reactions in force in the order shown.
    reactions: BTreeMap<EventId, BTreeMap<OrderKey, u32>>,
    /// Per target: deletions that name it, in force or not.
    deletions: BTreeMap<EventId, Vec<u32>>,
    wanted: BTreeSet<u32>,
    /// Epochs under which nothing can be read here.
    closed: BTreeSet<EpochId>,
    /// Of what has no body, what is sealed under one of them.
    shut: BTreeSet<u32>,
}

impl Entry {
    /// Whether there is a body to drop: opened, or carried by a node without its key.
    fn holds_body(&self, ledger: &Ledger, at: u32) -> bool {
        match self.content {
            Content::Open(_) => true,
            Content::Missing => {
                let event = ledger.dag().get(ledger.key(at).id);
                event.is_some_and(|event| event.body().is_some())
            }
            Content::Dropped | Content::Deletion(_) | Content::Nothing => false,
        }
    }
}

/// Collects what one refresh changes.
#[derive(Debug, Default)]
struct Delta {
    /// Events whose message may look otherwise, and whether they were shown before.
    seen: BTreeMap<u32, bool>,
    dropped: Vec<EventId>,
}

impl View {
    /// Takes the next event of the ledger in; [`Self::refresh`] must follow.
    pub(super) fn add(&mut self, at: u32, body: Option<Body>, ledger: &Ledger) {
        debug_assert_eq!(
            at as usize,
            self.entries.len(),
            "events come in the ledger's order"
        );
        let content = match (ledger.header(at).kind, body) {
            (Kind::Deletion, _) => self.read_deletion(at, ledger),
            (_, Some(body)) => Content::Open(body),
            (_, None) => Content::Missing,
        };
        self.entries.push(Entry {
            content,
            effect: Effect::default(),
        });
    }

    fn read_deletion(&mut self, at: u32, ledger: &Ledger) -> Content {
        let event = ledger.dag().get(ledger.key(at).id);
        let deletion = event.and_then(|event| Deletion::from_bytes(event.body()?).ok());
        let Some(deletion) = deletion else {
            return Content::Nothing;
        };
        for target in deletion.targets() {
            self.deletions.entry(target).or_default().push(at);
        }
        Content::Deletion(deletion)
    }

    /// Sets a body that was missing; `false` if it is not wanted. [`Self::refresh`] must follow.
    pub(super) fn supply(&mut self, at: u32, body: Body) -> bool {
        let entry = &mut self.entries[at as usize];
        let missing = match entry.content {
            Content::Missing => true,
            Content::Dropped => self.wanted.contains(&at),
            Content::Open(_) | Content::Deletion(_) | Content::Nothing => false,
        };
        if missing {
            entry.content = Content::Open(body);
        }
        missing
    }

    /// Sets the epochs under which nothing can be read; gives the events that may be shown otherwise for it.
    pub(super) fn close(&mut self, epochs: &BTreeSet<EpochId>, ledger: &Ledger) -> BTreeSet<u32> {
        if self.closed == *epochs {
            return BTreeSet::new();
        }
        self.closed.clone_from(epochs);
        let lacking = self.wanted.union(&self.shut).copied();
        lacking
            .filter(|at| {
                let closed = self.closed.contains(&ledger.header(*at).epoch);
                closed != self.shut.contains(at)
            })
            .collect()
    }

    pub(super) fn is_missing(&self, at: u32) -> bool {
        matches!(self.entries[at as usize].content, Content::Missing)
    }

    pub(super) fn is_dropped(&self, at: u32) -> bool {
        matches!(self.entries[at as usize].content, Content::Dropped)
    }

    pub(super) fn wants(&self, at: u32) -> bool {
        self.wanted.contains(&at)
    }

    /// Drops a body that has no effect now because others deleted it.
    pub(super) fn drop_body(&mut self, at: u32, ledger: &mut Ledger) {
        let entry = &mut self.entries[at as usize];
        let stands = matches!(entry.effect.shown, Shown::Message | Shown::Missing);
        let idle = !entry.effect.active && !entry.effect.shut && !stands;
        if idle && entry.holds_body(ledger, at) {
            entry.content = Content::Dropped;
            ledger.drop_body(at);
        }
    }

    /// Brings everything up to date after the standing or bodies of `seeds` changed.
    pub(super) fn refresh(&mut self, seeds: BTreeSet<u32>, ledger: &mut Ledger) -> Changes {
        let mut delta = Delta::default();
        let mut queue = seeds;
        while let Some(at) = queue.pop_first() {
            if (at as usize) < self.entries.len() {
                self.refresh_one(at, ledger, &mut queue, &mut delta);
            }
        }
        self.changes(delta, ledger)
    }

    fn refresh_one(
        &mut self,
        at: u32,
        ledger: &mut Ledger,
        queue: &mut BTreeSet<u32>,
        delta: &mut Delta,
    ) {
        let deleted = self.deleted(at, ledger);
        let new = self.effect(at, deleted, ledger);
        let old = std::mem::replace(&mut self.entries[at as usize].effect, new);
        self.list(at, old.shown, new.shown, ledger, delta);
        if old.calls_all != new.calls_all {
            delta.seen.entry(at).or_insert(old.shown != Shown::Not);
        }
        let calls = new.active && old.calls_all != new.calls_all;
        if old.active != new.active || old.reaches_others != new.reaches_others || calls {
            self.apply(at, new.active, ledger, queue, delta);
        }
        let entry = &mut self.entries[at as usize];
        if deleted.by_own_account && entry.holds_body(ledger, at) {
            entry.content = Content::Dropped;
            ledger.drop_body(at);
            delta.dropped.push(ledger.key(at).id);
        }
        if new.shown == Shown::Missing {
            self.wanted.insert(at);
        } else {
            self.wanted.remove(&at);
        }
        if new.shut {
            self.shut.insert(at);
        } else {
            self.shut.remove(&at);
        }
    }

    /// Puts a message into the lists or takes it out.
    fn list(&mut self, at: u32, old: Shown, new: Shown, ledger: &Ledger, delta: &mut Delta) {
        if old == new {
            return;
        }
        delta.seen.entry(at).or_insert(old != Shown::Not);
        let key = ledger.key(at);
        let thread = match &self.entries[at as usize].content {
            Content::Open(Body::Message(message)) => Some(message.thread),
            _ => None,
        };
        // Of a message without its text it is not known where it stands: it stays where it was.
        let in_main = match thread {
            Some(thread) => thread.is_none(),
            None => old == Shown::Not || self.main.contains_key(&key),
        };
        if new == Shown::Not {
            self.shown.remove(&key);
        } else {
            self.shown.insert(key, at);
        }
        if new != Shown::Not && in_main {
            self.main.insert(key, at);
        } else {
            self.main.remove(&key);
        }
        let Some(Some(root)) = thread else { return };
        if new == Shown::Message {
            self.threads.entry(root).or_default().insert(key, at);
        } else if let Some(thread) = self.threads.get_mut(&root) {
            thread.remove(&key);
            if thread.is_empty() {
                self.threads.remove(&root);
            }
        }
    }

    /// Puts an edit or reaction into its index or takes it out; has the targets of a deletion looked at again.
    fn apply(
        &mut self,
        at: u32,
        active: bool,
        ledger: &Ledger,
        queue: &mut BTreeSet<u32>,
        delta: &mut Delta,
    ) {
        let key = ledger.key(at);
        let target = match &self.entries[at as usize].content {
            Content::Deletion(deletion) => {
                queue.extend(deletion.targets().filter_map(|id| ledger.at(id)));
                return;
            }
            Content::Open(Body::Edit { target, .. }) => {
                let Some(account) = ledger.account(at) else {
                    return;
                };
                keep(
                    self.edits.entry(*target).or_default(),
                    (account, key),
                    at,
                    active,
                );
                *target
            }
            Content::Open(Body::React { target, .. }) => {
                keep(self.reactions.entry(*target).or_default(), key, at, active);
                *target
            }
            _ => return,
        };
        if let Some(target) = ledger.at(target) {
            let shown = self
                .entries
                .get(target as usize)
                .is_some_and(|entry| entry.effect.shown != Shown::Not);
            delta.seen.entry(target).or_insert(shown);
        }
    }

    fn effect(&self, at: u32, deleted: Deleted, ledger: &Ledger) -> Effect {
        let mut effect = Effect::default();
        if !ledger.counts(at) {
            return effect;
        }
        let content = &self.entries[at as usize].content;
        if let Content::Deletion(_) = content {
            effect.active = true;
            effect.reaches_others = ledger.allows(at, Permissions::MANAGE_MESSAGES);
            return effect;
        }
        if ledger.is_purged(at) || matches!(content, Content::Nothing) {
            return effect;
        }
        if deleted.by_anybody {
            effect.shown = if deleted.leaves_mark {
                Shown::Mark
            } else {
                Shown::Not
            };
            return effect;
        }
        match content {
            Content::Missing | Content::Dropped => {
                effect.shut = self.closed.contains(&ledger.header(at).epoch);
                effect.shown = if effect.shut {
                    Shown::Not
                } else {
                    Shown::Missing
                };
            }
            Content::Open(Body::Message(message)) => {
                let right = if message.thread.is_some() {
                    Permissions::SEND_THREADS
                } else {
                    Permissions::SEND
                };
                effect.shown = if ledger.allows(at, right) {
                    Shown::Message
                } else {
                    Shown::Not
                };
                effect.calls_all =
                    effect.shown == Shown::Message && ledger.allows(at, Permissions::MENTION_ALL);
            }
            Content::Open(Body::Edit { .. }) => {
                effect.active = ledger.allows(at, Permissions::SEND | Permissions::SEND_THREADS);
                effect.calls_all = effect.active && ledger.allows(at, Permissions::MENTION_ALL);
            }
            Content::Open(Body::React { .. }) => {
                effect.active = ledger.allows(at, Permissions::REACT)
            }
            Content::Open(Body::Content(_) | Body::Unknown { .. })
            | Content::Deletion(_)
            | Content::Nothing => {}
        }
        effect
    }

    fn deleted(&self, at: u32, ledger: &Ledger) -> Deleted {
        let mut deleted = Deleted::default();
        let id = ledger.key(at).id;
        let account = ledger.account(at);
        if ledger.header(at).kind != Kind::Sealed {
            return deleted;
        }
        for deletion in self.deletions.get(&id).into_iter().flatten() {
            let entry = &self.entries[*deletion as usize];
            let own = account.is_some() && ledger.account(*deletion) == account;
            if !entry.effect.active || !(own || entry.effect.reaches_others) {
                continue;
            }
            let marks =
                matches!(&entry.content, Content::Deletion(body) if body.messages.contains(&id));
            deleted.by_anybody = true;
            deleted.by_own_account |= own;
            deleted.leaves_mark |= marks;
        }
        deleted
    }

    pub(super) fn deletions_of(&self, at: u32, ledger: &Ledger) -> Vec<EventId> {
        let (target, account) = (ledger.key(at).id, ledger.account(at));
        let in_force = |deletion: &&u32| {
            let effect = self.entries[**deletion as usize].effect;
            let own = account.is_some() && ledger.account(**deletion) == account;
            effect.active && (own || effect.reaches_others)
        };
        let named = self.deletions.get(&target).into_iter().flatten();
        named
            .filter(in_force)
            .map(|deletion| ledger.key(*deletion).id)
            .collect()
    }

    pub(super) fn hides_others(&self, at: u32) -> bool {
        let effect = self.entries[at as usize].effect;
        effect.active && effect.reaches_others
    }

    pub(super) fn has_effect(&self, at: u32) -> bool {
        let effect = self.entries[at as usize].effect;
        effect.active || matches!(effect.shown, Shown::Message | Shown::Missing)
    }

    pub(super) fn misses(&self, at: u32, ledger: &Ledger) -> bool {
        let entry = &self.entries[at as usize];
        let foreign = |target: EventId| {
            let target = ledger.at(target)?;
            Some(ledger.account(target) != ledger.account(at))
        };
        match &entry.content {
            Content::Open(Body::Edit { target, .. }) => foreign(*target) == Some(true),
            Content::Deletion(deletion) => {
                let mut known = deletion.targets().filter_map(foreign).peekable();
                !entry.effect.reaches_others
                    && known.peek().is_some()
                    && known.all(|foreign| foreign)
            }
            _ => false,
        }
    }

    fn changes(&self, delta: Delta, ledger: &Ledger) -> Changes {
        let mut seen: Vec<_> = delta
            .seen
            .into_iter()
            .map(|(at, before)| (ledger.key(at), at, before))
            .collect();
        seen.sort_unstable();
        let mut changes = Changes {
            dropped_bodies: delta.dropped,
            ..Changes::default()
        };
        for (key, at, before) in seen {
            let now = self
                .entries
                .get(at as usize)
                .is_some_and(|entry| entry.effect.shown != Shown::Not);
            match (before, now) {
                (false, true) => changes.added.push(key.id),
                (true, true) => changes.changed.push(key.id),
                (true, false) => changes.removed.push(key.id),
                (false, false) => {}
            }
        }
        changes
    }
}

/// What is shown.
impl View {
    pub(super) fn messages(
        &self,
        before: Option<OrderKey>,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        self.page(&self.shown, before, limit, ledger)
    }

    pub(super) fn messages_in<'a>(
        &'a self,
        range: (Bound<OrderKey>, Bound<OrderKey>),
        ledger: &'a Ledger,
    ) -> impl DoubleEndedIterator<Item = Message> + 'a {
        // A range that ends before it begins is empty, not a fault.
        let ends_first = match range {
            (Included(from), Included(to)) => to < from,
            (Included(from) | Excluded(from), Included(to) | Excluded(to)) => to <= from,
            _ => false,
        };
        let found = (!ends_first).then(|| self.shown.range(range));
        let found = found.into_iter().flatten();
        found.filter_map(move |(_, at)| self.message(*at, ledger))
    }

    pub(super) fn claimed_times<'a>(
        &'a self,
        ledger: &'a Ledger,
    ) -> impl DoubleEndedIterator<Item = (OrderKey, UnixMs)> + 'a {
        let shown = self.shown.iter();
        shown.map(|(key, at)| (*key, ledger.header(*at).wall))
    }

    pub(super) fn thread(
        &self,
        root: EventId,
        before: Option<OrderKey>,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        let thread = self.threads.get(&root);
        thread.map_or_else(Vec::new, |thread| self.page(thread, before, limit, ledger))
    }

    pub(super) fn main(
        &self,
        before: Option<OrderKey>,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        self.page(&self.main, before, limit, ledger)
    }

    pub(super) fn main_from(&self, from: OrderKey, limit: usize, ledger: &Ledger) -> Vec<Message> {
        self.page_from(&self.main, from, limit, ledger)
    }

    pub(super) fn thread_from(
        &self,
        root: EventId,
        from: OrderKey,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        let thread = self.threads.get(&root);
        thread.map_or_else(Vec::new, |thread| {
            self.page_from(thread, from, limit, ledger)
        })
    }

    pub(super) fn replies(&self, root: EventId, ledger: &Ledger) -> Option<(usize, UnixMs)> {
        let thread = self.threads.get(&root)?;
        let (_, newest) = thread.last_key_value()?;
        Some((thread.len(), ledger.header(*newest).wall))
    }

    fn page_from(
        &self,
        list: &BTreeMap<OrderKey, u32>,
        from: OrderKey,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        list.range(from..)
            .take(limit)
            .filter_map(|(_, at)| self.message(*at, ledger))
            .collect()
    }

    fn page(
        &self,
        list: &BTreeMap<OrderKey, u32>,
        before: Option<OrderKey>,
        limit: usize,
        ledger: &Ledger,
    ) -> Vec<Message> {
        let end = before.map_or(Unbounded, Excluded);
        let newest = list.range((Unbounded, end)).rev().take(limit);
        let mut messages: Vec<_> = newest
            .filter_map(|(_, at)| self.message(*at, ledger))
            .collect();
        messages.reverse();
        messages
    }

    pub(super) fn threads(&self) -> impl Iterator<Item = (EventId, usize)> + '_ {
        self.threads
            .iter()
            .map(|(root, thread)| (*root, thread.len()))
    }

    pub(super) fn count_after(&self, key: Option<OrderKey>, limit: usize) -> usize {
        let start = key.map_or(Unbounded, Excluded);
        self.shown.range((start, Unbounded)).take(limit).count()
    }

    pub(super) fn missing_bodies(&self, ledger: &Ledger) -> Vec<EventId> {
        self.wanted.iter().map(|at| ledger.key(*at).id).collect()
    }

    pub(super) fn message(&self, at: u32, ledger: &Ledger) -> Option<Message> {
        let entry = &self.entries[at as usize];
        let order = ledger.key(at);
        let author = ledger.account(at)?;
        let mut message = Message {
            id: order.id,
            order,
            author,
            text: None,
            body_missing: entry.effect.shown == Shown::Missing,
            time: ledger.header(at).wall,
            edited: false,
            deleted: entry.effect.shown == Shown::Mark,
            calls_all: entry.effect.calls_all,
            reply_to: None,
            thread: None,
            bridged: false,
            embeds: Vec::new(),
            reactions: BTreeMap::new(),
        };
        match (entry.effect.shown, &entry.content) {
            (Shown::Not, _) => return None,
            (Shown::Message, Content::Open(Body::Message(body))) => {
                let edit = self.edit(order.id, author);
                message.edited = edit.is_some();
                // Whoever lost the right in between adds no call by an edit.
                message.calls_all &= edit.is_none_or(|(_, calls_all)| calls_all);
                message.text = Some(edit.map_or(&*body.text, |(text, _)| text).to_owned());
                message.reply_to = body.reply_to;
                message.thread = body.thread;
                message.bridged = body.bridged;
                message.embeds.clone_from(&body.embeds);
                message.reactions = self.reactions(order.id, ledger);
            }
            _ => {}
        }
        Some(message)
    }

    /// The text of the last edit in force by the author's account, and whether it may call everybody.
    fn edit(&self, target: EventId, author: AccountId) -> Option<(&str, bool)> {
        let edits = self.edits.get(&target)?;
        let (_, at) = edits
            .iter()
            .rev()
            .find(|((account, _), _)| *account == author)?;
        let entry = &self.entries[*at as usize];
        match &entry.content {
            Content::Open(Body::Edit { text, .. }) => Some((text, entry.effect.calls_all)),
            _ => None,
        }
    }

    fn reactions(&self, target: EventId, ledger: &Ledger) -> BTreeMap<String, BTreeSet<AccountId>> {
        let mut reactions: BTreeMap<String, BTreeSet<AccountId>> = BTreeMap::new();
        for at in self
            .reactions
            .get(&target)
            .into_iter()
            .flat_map(BTreeMap::values)
        {
            let Content::Open(Body::React { emoji, on, .. }) = &self.entries[*at as usize].content
            else {
                continue;
            };
            let Some(account) = ledger.account(*at) else {
                continue;
            };
            let accounts = reactions.entry(emoji.clone()).or_default();
            if *on {
                accounts.insert(account);
            } else {
                accounts.remove(&account);
            }
        }
        reactions.retain(|_, accounts| !accounts.is_empty());
        reactions
    }

    pub(super) fn deletion_of(&self, messages: &[EventId], ledger: &Ledger) -> Deletion {
        let mut deletion = Deletion::default();
        for id in messages {
            let content = ledger.at(*id).map(|at| &self.entries[at as usize].content);
            let in_thread = matches!(content, Some(Content::Open(Body::Message(body))) if body.thread.is_some());
            let list = if in_thread {
                &mut deletion.silent
            } else {
                &mut deletion.messages
            };
            list.insert(*id);
            let edits = self.edits.get(id).into_iter().flat_map(BTreeMap::values);
            deletion.silent.extend(edits.map(|at| ledger.key(*at).id));
        }
        deletion
    }
}

fn keep<K: Ord>(index: &mut BTreeMap<K, u32>, key: K, at: u32, active: bool) {
    if active {
        index.insert(key, at);
    } else {
        index.remove(&key);
    }
}
