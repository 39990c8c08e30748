//! From the document to this device, and what this device has that the document lacks.

use std::sync::Arc;

use alloquy_api::limits::KEPT_MAX;
use alloquy_ids::{ChannelId, CommunityId, EventId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::{Field, Value};
use rand_core::CryptoRng;

use super::{Reachable, follows};
use crate::community::{Community, Place};
use crate::io::Write;
use crate::limits::BOOTSTRAP_PEERS_MAX;
use crate::node::Node;
use crate::outbox::{After, put_bytes, read_marker};
use crate::record::Key;

impl Community {
    /// How many arrivals of a channel stand at or before an event; `None` while that is not here.
    fn arrived_up_to(&self, channel: ChannelId, event: EventId) -> Option<u64> {
        let dag = self.dag(Place::Channel(channel))?;
        let mark = dag.get(event)?.order_key();
        let before =
            |id: &EventId| dag.get(*id).is_some_and(|event| event.order_key() <= mark);
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
                self.follow_now(field, None);
            }
            return;
        }
        if self.own_value(&field).is_some() {
            return;
        }
        let mut peers = vec![(self.me.network, self.book.own())];
        let members = self.book.of.iter().filter(|(key, addresses)| {
            community.member_of(**key).is_some() && !addresses.is_empty()
        });
        peers.extend(members.map(|(key, addresses)| (*key, addresses.clone())));
        peers.truncate(BOOTSTRAP_PEERS_MAX);
        let text = alloquy_ids::to_base32(&Reachable(peers).to_bytes());
        self.follow_now(field, Some(Value::Text(text)));
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
        let later = held.is_none_or(|held| order(held).is_some_and(|held| Some(held) < order(last)));
        if later {
            self.follow_now(field, Some(Value::Text(last.to_string())));
        }
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
                (Field::Joined(id), Value::Text(text)) => self.take_membership(*id, text),
                _ => {}
            }
        }
        if whole {
            writes.extend(self.drop_kept());
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
        if count > community.read.get(&channel).copied().unwrap_or(0) {
            community.read_to(channel, count);
            let write = read_marker(id, channel, count);
            self.outbox.store(vec![write], After::Nothing);
            self.tell_unread(id, channel);
        }
    }

    /// Events of a channel have come: a marker may stand on one of them.
    pub(crate) fn take_waiting_mark(&mut self, channel: ChannelId) {
        if self.own.marks.contains(&channel) {
            self.take_mark(channel);
        }
    }

    /// Another own device is in a community: its members know this one too, and give it the log.
    fn take_membership(&mut self, id: CommunityId, text: &str) {
        let bytes = data_of(text);
        let Some(Reachable(peers)) = bytes.and_then(|bytes| Reachable::from_bytes(&bytes).ok()) else {
            return;
        };
        let held = self.communities.get(&id);
        if held.is_none_or(|community| !community.active) {
            self.reach_through_own(id, peers);
        }
    }
}
