//! From the document to this device, and what this device has that the document lacks.

use std::sync::Arc;

use alloquy_api::limits::{CONTACTS_MAX, KEPT_MAX};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::{Field, Value};
use alloquy_schema::limits::CONTACT_BYTES_MAX;
use rand_core::CryptoRng;

use super::follows;
use crate::arrive::Bootstrap;
use crate::community::{Community, Place};
use crate::direct::contacts::Contact;
use crate::io::Write;
use crate::limits::{BOOTSTRAP_PEERS_MAX, COMMUNITIES_MAX};
use crate::node::Node;
use crate::outbox::{After, put, put_bytes, read_marker};
use crate::record::Key;

impl Community {
    /// How many arrivals of a channel stand at or before an event; `None` while that is not here.
    fn arrived_up_to(&self, channel: ChannelId, event: EventId) -> Option<u64> {
        let dag = self.dag(Place::Channel(channel))?;
        let mark = dag.get(event)?.order_key();
        let before = |id: &EventId| dag.get(*id).is_some_and(|event| event.order_key() <= mark);
        let arrivals = self.arrivals.get(&channel)?;
        let last = arrivals.iter().rposition(before);
        Some(last.map_or(0, |last| last as u64 + 1))
    }
}

impl<R: CryptoRng> Node<R> {
    /// After a start, or when the own conversation has just been made: what is here and was never written is written,
    /// what is in the document and not here is done.
    pub(crate) fn begin_own_document(&mut self) {
        if self.own_community().is_none() {
            return;
        }
        let kept = Arc::clone(&self.kept);
        for (name, text) in kept.iter().filter(|(name, _)| follows(name)) {
            let field = Field::Kept(name.clone());
            if self.own_value(&field).is_none() {
                self.follow_now(field, Some(Value::Text(text.to_string())));
            }
        }
        let ids: Vec<_> = self.communities.keys().copied().collect();
        for id in ids {
            self.follow_membership(id);
            let channels: Vec<_> = self.communities[&id].read.keys().copied().collect();
            for channel in channels {
                self.follow_mark(id, channel);
            }
        }
        for account in self.people.contacts.keys().copied().collect::<Vec<_>>() {
            if self.own_value(&Field::Contact(account)).is_none() {
                self.follow_contact(account);
            }
        }
        self.note_taken_marks();
        self.own_document_changed();
        if !self.own.pending.is_empty() {
            self.timers
                .set_earlier(crate::node::Timer::OwnDocument, self.now.mono);
        }
    }

    /// This account came into a community or went out of it.
    pub(crate) fn follow_membership(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get(&id).filter(|_| id != self.own.id) else {
            return;
        };
        let field = Field::Joined(id);
        if !community.active {
            if self.own_value(&field).is_some() {
                self.follow_derived(field, None);
            }
            return;
        }
        if self.own_value(&field).is_some() {
            return;
        }
        let mut bootstrap = self.bootstrap(id);
        bootstrap.peers.truncate(BOOTSTRAP_PEERS_MAX);
        let text = alloquy_ids::to_base32(&bootstrap.to_bytes());
        self.follow_derived(field, Some(Value::Text(text)));
    }

    /// The read marker of a channel was moved here.
    pub(crate) fn follow_mark(&mut self, id: CommunityId, channel: ChannelId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some(last) = community.last_read(channel) else {
            return;
        };
        let field = Field::ReadMark(channel);
        let dag = community.dag(Place::Channel(channel));
        let order = |id: EventId| Some(dag?.get(id)?.order_key());
        let held = match self.own_value(&field) {
            Some(Value::Text(text)) => text.parse::<EventId>().ok(),
            _ => None,
        };
        // One that stands on something that is not here is later: this device has not seen it yet.
        let later =
            held.is_none_or(|held| order(held).is_some_and(|held| Some(held) < order(last)));
        if later {
            self.own.taken.insert(channel, last);
            self.follow_derived(field, Some(Value::Text(last.to_string())));
        }
    }

    /// What was written could not be stored: it is to be written again, as it is here.
    pub(crate) fn follow_again(&mut self) {
        let kept = Arc::clone(&self.kept);
        for (name, text) in kept.iter().filter(|(name, _)| follows(name)) {
            let field = Field::Kept(name.clone());
            self.follow_now(field, Some(Value::Text(text.to_string())));
        }
        let Some(community) = self.own_community() else {
            return;
        };
        let gone = community
            .content
            .fields()
            .filter_map(|(field, _)| match field {
                Field::Kept(name) if !kept.contains_key(name) => Some(field.clone()),
                _ => None,
            });
        for field in gone.collect::<Vec<_>>() {
            self.follow_now(field, None);
        }
        for account in self.people.contacts.keys().copied().collect::<Vec<_>>() {
            self.follow_contact(account);
        }
        self.begin_own_document();
    }

    /// What is kept of an account has changed here.
    pub(crate) fn follow_contact(&mut self, account: AccountId) {
        let contact = self.people.contacts.get(&account);
        let blocked = contact.is_some_and(|contact| contact.blocked);
        let bytes = contact
            .map(Canonical::to_bytes)
            .filter(|bytes| bytes.len() <= CONTACT_BYTES_MAX);
        self.follow_now(Field::Contact(account), bytes.map(Value::Bytes));
        let blocked = blocked.then_some(Value::Present);
        self.follow_now(Field::Blocked(account), blocked);
    }

    /// What another device keeps of an account; whether it is blocked stands in a field of its own.
    fn take_contact(&mut self, account: AccountId, bytes: &[u8]) -> Option<Write> {
        let mut contact = Contact::from_bytes(bytes).ok()?;
        let held = self.people.contacts.get(&account);
        contact.blocked = self.own_value(&Field::Blocked(account)).is_some();
        let room = held.is_some() || self.people.contacts.len() < CONTACTS_MAX;
        if held == Some(&contact) || !room {
            return None;
        }
        let write = put(&Key::Contact(account), &contact);
        self.people.contacts.insert(account, contact);
        self.views.directs_changed();
        Some(write)
    }

    /// What is kept of accounts that another device has removed.
    fn drop_contacts(&mut self) -> Vec<Write> {
        let gone = self.people.contacts.keys().copied().filter(|account| {
            let fields = [Field::Contact(*account), Field::Blocked(*account)];
            let written = |field: &Field| {
                self.own_value(field).is_some() || self.own.pending.contains_key(field)
            };
            !fields.iter().any(written)
        });
        let gone: Vec<_> = gone.collect();
        for account in &gone {
            self.people.contacts.remove(account);
            self.views.directs_changed();
        }
        let wipe = |account| Write::Delete(Key::Contact(account).to_key());
        gone.into_iter().map(wipe).collect()
    }

    /// The document has changed: the same is done here.
    pub(crate) fn own_document_changed(&mut self) {
        let Some(community) = self.own_community() else {
            return;
        };
        let whole = community.content.missing_bodies().is_empty();
        let fields: Vec<_> = community
            .content
            .fields()
            .filter(|(field, _)| !self.own.pending.contains_key(*field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        let mut writes = Vec::new();
        for (field, value) in &fields {
            match (field, value) {
                (Field::Kept(name), Value::Text(text)) => {
                    writes.extend(self.take_kept(name, text));
                }
                (Field::ReadMark(channel), Value::Text(_)) => self.take_mark(*channel),
                (Field::DeviceName(_), Value::Text(_)) => self.views.node_changed(),
                (Field::Joined(id), Value::Text(text)) => self.take_membership(*id, text),
                (Field::Contact(account), Value::Bytes(bytes)) => {
                    writes.extend(self.take_contact(*account, bytes));
                }
                _ => {}
            }
        }
        if whole {
            writes.extend(self.drop_kept());
            writes.extend(self.drop_contacts());
        }
        if !writes.is_empty() {
            self.views.node_changed();
            self.outbox.store(writes, After::Nothing);
        }
    }

    /// What another device keeps under a name.
    fn take_kept(&mut self, name: &str, text: &str) -> Option<Write> {
        let held = self.kept.get(name).map(AsRef::as_ref);
        let room = held.is_some() || self.kept.len() < KEPT_MAX;
        if held == Some(text) || !follows(name) || !room {
            return None;
        }
        Arc::make_mut(&mut self.kept).insert(name.to_owned(), text.into());
        self.volume_kept(name);
        let key = Key::Kept(name.to_owned());
        Some(put_bytes(&key, text.as_bytes().to_vec()))
    }

    /// What another device keeps no more.
    fn drop_kept(&mut self) -> Vec<Write> {
        let gone: Vec<String> = self
            .kept
            .keys()
            .filter(|name| follows(name) && self.own_value(&Field::Kept((*name).clone())).is_none())
            .filter(|name| !self.own.pending.contains_key(&Field::Kept((*name).clone())))
            .cloned()
            .collect();
        if !gone.is_empty() {
            Arc::make_mut(&mut self.kept).retain(|name, _| !gone.contains(name));
        }
        for name in &gone {
            self.volume_kept(name);
        }
        let wipe = |name| Write::Delete(Key::Kept(name).to_key());
        gone.into_iter().map(wipe).collect()
    }

    /// A read marker that stands later than the one here moves it.
    pub(crate) fn take_mark(&mut self, channel: ChannelId) {
        let Some(Value::Text(text)) = self.own_value(&Field::ReadMark(channel)) else {
            return;
        };
        let Ok(event) = text.parse::<EventId>() else {
            return;
        };
        if self.own.taken.get(&channel) == Some(&event) {
            return;
        }
        let Some(id) = self.community_of(channel) else {
            self.own.marks.insert(channel);
            return;
        };
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let Some(count) = community.arrived_up_to(channel, event) else {
            self.own.marks.insert(channel);
            return;
        };
        self.own.marks.remove(&channel);
        self.own.taken.insert(channel, event);
        if count > community.read.get(&channel).copied().unwrap_or(0) {
            community.read_to(channel, count);
            let write = read_marker(id, channel, count);
            self.outbox.store(vec![write], After::Nothing);
            self.tell_unread(id, channel);
            self.tell_read_soon(id);
        }
    }

    /// Marks on events that are here were taken before this start.
    fn note_taken_marks(&mut self) {
        let Some(community) = self.own_community() else {
            return;
        };
        let mark = |(field, value): (&Field, &Value)| match (field, value) {
            (Field::ReadMark(channel), Value::Text(text)) => {
                let event: EventId = text.parse().ok()?;
                let of = self.communities.get(&self.community_of(*channel)?)?;
                of.arrived_up_to(*channel, event)?;
                Some((*channel, event))
            }
            _ => None,
        };
        self.own.taken = community.content.fields().filter_map(mark).collect();
    }

    /// Events of a channel have come: a marker may stand on one of them.
    pub(crate) fn take_waiting_mark(&mut self, channel: ChannelId) {
        if self.own.marks.contains(&channel) {
            self.take_mark(channel);
        }
    }

    /// Another own device is in a community: this one comes into it by the same peers.
    fn take_membership(&mut self, id: CommunityId, text: &str) {
        let held = self.communities.get(&id);
        let removed = held.is_some_and(|held| !held.state().is_member(self.me.account()));
        if removed || held.is_some_and(|held| held.active) || self.joins.contains_key(&id) {
            return;
        }
        let bytes = alloquy_ids::from_base32(text);
        let bootstrap = bytes.and_then(|bytes| Bootstrap::from_bytes(&bytes).ok());
        if let Some(bootstrap) = bootstrap.filter(|_| self.communities.len() < COMMUNITIES_MAX) {
            self.arrive(id, bootstrap);
        }
    }
}
