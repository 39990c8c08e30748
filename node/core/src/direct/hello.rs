//! Bringing a conversation to somebody who is in it and may not have it, and taking one that is brought.
//!
//! The usual catch-up begins when both hold the conversation; until then its members say hello. Whoever is known (a
//! contact, or somebody this account writes to) comes straight in; anybody else becomes a request.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, CommunityId, DeviceId, EventId, NetworkKey};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::identity::{Identity, IdentityLog};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use super::Entering;
use crate::community::Community;
use crate::limits::DM_REQUEST_BYTES_MAX;
use crate::node::Node;
use crate::record::RowEvents;
use crate::wire::Frame;
use crate::wire::hello::{DirectHello, Words};

/// Messages of a conversation among which the first one is looked for: whoever waits for an answer wrote few.
const FIRST_AMONG: usize = 64;

/// At most `limit` bytes of a text, whole characters.
pub(super) fn beginning(text: &str, limit: usize) -> String {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Whether a network key is of one of the identity's devices that may act.
pub(crate) fn certifies(identity: &Identity, key: NetworkKey) -> bool {
    let mut acting = identity
        .devices
        .iter()
        .filter(|(device, _)| !identity.revoked.contains(device));
    acting.any(|(_, keys)| keys.contains(&key))
}

impl Community {
    /// The operation that added an account to a group, from its own log on to the next signature: as a range.
    fn addition(&self, account: AccountId) -> Option<(AccountId, Vec<u8>)> {
        let state = self.state();
        let dag = self.authority.dag();
        let add = dag.get(state.members.get(&account)?.admitted)?;
        if !matches!(self.authority.op(add.id()), Some(AuthorityOp::Add { .. })) {
            return None;
        }
        let log = add.header().log();
        let mut later: Vec<&VerifiedEvent> = dag
            .iter()
            .filter(|event| event.header().log() == log && event.header().seq >= add.header().seq)
            .collect();
        later.sort_by_key(|event| event.header().seq);
        let signed = later.iter().position(|event| event.signature().is_some())?;
        let events: Vec<_> = later[..=signed].iter().copied().cloned().collect();
        let ranges = self.pack_for_member(AccountId::ZERO, self.id.into(), &events);
        Some((self.author_of(add)?, ranges.first()?.to_bytes()))
    }
}

impl<R: CryptoRng> Node<R> {
    /// Says hello to a connected member of a conversation, unless its device is known to have it.
    pub(crate) fn say_hello(&mut self, key: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id).filter(|one| one.active) else {
            return;
        };
        let kind = community.kind();
        let Some((account, device)) = community.member_of(key) else {
            return;
        };
        if kind == CommunityKind::Community || community.held.contains_key(&device) {
            return;
        }
        let me = self.me.account();
        let (asker, text, added) = match kind {
            CommunityKind::Direct if self.is_blocked(account) => return,
            // Own devices come into it as into any community: by the self document.
            CommunityKind::Direct if account == me && id != direct::id(me, me) => return,
            CommunityKind::Direct => (me, self.first_words(id), Vec::new()),
            _ => match community.addition(account) {
                Some((asker, added)) => (asker, community.name(), added),
                None => return,
            },
        };
        let Some(chain) = self.chain_of(asker) else {
            return;
        };
        let proof = self.proof_of(asker, account, id);
        let words = Words {
            name: self.person_name(asker),
            text: beginning(&text, DM_REQUEST_BYTES_MAX),
        };
        let community = self.communities.get(&id);
        let prekey = community.and_then(|community| community.prekeys.get(&device));
        let words = prekey
            .map(|prekey| prekey.key)
            .map(|key| words.seal(id, &key, &mut self.rng));
        let hello = DirectHello {
            community: id,
            chain,
            prekey: self.me.prekey.clone(),
            words,
            proof,
            added,
        };
        self.outbox.send(key, &Frame::DirectHello(Box::new(hello)));
    }

    /// Something was written: whoever is connected and does not have the conversation hears of it.
    pub(crate) fn say_hello_to_all(&mut self, id: CommunityId) {
        let private = self
            .communities
            .get(&id)
            .is_some_and(|community| community.kind() != CommunityKind::Community);
        if private {
            self.leave_letters(id);
            for key in self.connected_members(id) {
                self.say_hello(key, id);
            }
        }
    }

    /// The first message that this account wrote into a conversation.
    pub(super) fn first_words(&self, id: CommunityId) -> String {
        let me = self.me.account();
        let timeline = self
            .communities
            .get(&id)
            .and_then(|community| community.timelines.get(&direct::channel(id)));
        let messages = timeline.map(|timeline| timeline.messages(None, FIRST_AMONG));
        let first = messages
            .into_iter()
            .flatten()
            .find(|message| message.author == me && message.text.is_some());
        first.and_then(|message| message.text).unwrap_or_default()
    }

    /// A hello came.
    pub(crate) fn hello(&mut self, from: NetworkKey, hello: DirectHello) {
        let shown = match IdentityLog::verify_by(&hello.chain, &*self.me.signatures) {
            Ok(shown) => shown,
            Err(error) => return self.outbox.penalize(from, format!("a hello: {error}")),
        };
        let identity = shown.identity();
        if self.is_blocked(identity.account) {
            return;
        }
        if hello.added.is_empty() {
            self.hello_of_two(from, hello, identity);
        } else {
            self.hello_of_group(from, hello, &shown);
        }
    }

    fn hello_of_two(&mut self, from: NetworkKey, hello: DirectHello, identity: &Identity) {
        let (me, asker) = (self.me.account(), identity.account);
        if direct::id(me, asker) != hello.community || !certifies(identity, from) {
            return self
                .outbox
                .penalize(from, "a conversation that is not its sender's");
        }
        let known = self.is_accepted(asker) || self.communities.contains_key(&hello.community);
        if !known {
            return self.keep_dm_request(from, asker, hello, None);
        }
        let prekeys = vec![hello.prekey];
        if let Err(error) = self.hold_brought(asker, &hello.chain, prekeys) {
            tracing::warn!(?error, "a conversation that was brought can not be taken");
        }
        self.open_session(from, hello.community);
    }

    fn hello_of_group(&mut self, from: NetworkKey, hello: DirectHello, shown: &IdentityLog) {
        let id = hello.community;
        let identity = shown.identity();
        let Some((add, device)) = self.addition_in(from, &hello, identity) else {
            return;
        };
        let held = self.communities.get(&id);
        let has = held
            .is_some_and(|community| community.active || community.authority.dag().contains(add));
        if has {
            return;
        }
        let asker = identity.account;
        let me = self.me.account();
        let talks = self
            .communities
            .get(&direct::id(me, asker))
            .is_some_and(|community| community.active);
        // Whoever has a device that was revoked can make a group with it: that is asked about first.
        let acts = self.acts_as_known(shown, device);
        if acts && (talks || self.is_accepted(asker) || asker == me) {
            self.enter_group(from, id);
        } else if asker != me {
            self.keep_dm_request(from, asker, hello, Some(id));
        }
    }

    /// The operation of a hello that adds this account, and the device that signed it, if it is what it says and the
    /// asker signed it.
    fn addition_in(
        &mut self,
        from: NetworkKey,
        hello: &DirectHello,
        identity: &Identity,
    ) -> Option<(EventId, DeviceId)> {
        let me = self.me.account();
        let incoming = self.verify_range(from, hello.community, &hello.added)?;
        // The device that signed it may have been revoked since: what it did before stands.
        let of_asker = |device: &DeviceId| {
            identity.devices.contains_key(device) || identity.revoked.contains(device)
        };
        let adds_me = |event: &VerifiedEvent| {
            let header = event.header();
            let op = AuthorityOp::from_bytes(event.body().unwrap_or_default());
            header.scope == hello.community.into()
                && of_asker(&header.device)
                && matches!(op, Ok(AuthorityOp::Add { account, .. }) if account == me)
        };
        let found = incoming.iter().find(|(event, _)| adds_me(event));
        if found.is_none() {
            self.outbox
                .penalize(from, "a group that this account was not added to");
        }
        found.map(|(event, _)| (event.id(), event.header().device))
    }

    /// Asks a member for a group that this account takes part in.
    pub(crate) fn enter_group(&mut self, from: NetworkKey, id: CommunityId) {
        if self.people.entering.len() >= crate::limits::DM_REQUESTS_MAX
            && !self.people.entering.contains_key(&id)
        {
            return;
        }
        let entering = Entering {
            from,
            came: Vec::new(),
        };
        self.people.entering.insert(id, entering);
        self.outbox
            .send(from, &Frame::DirectAnswer { community: id });
    }

    /// Whether a peer was asked for a group that is not here yet.
    pub(crate) fn enters_by(&self, from: NetworkKey, id: CommunityId) -> bool {
        self.people
            .entering
            .get(&id)
            .is_some_and(|entering| entering.from == from)
    }

    /// Parts of the group's authority log came.
    pub(crate) fn entering_ranges(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        ranges: &[Vec<u8>],
        more: bool,
    ) {
        for bytes in ranges {
            let Some(incoming) = self.verify_range(from, id, bytes) else {
                self.people.entering.remove(&id);
                return;
            };
            if let Some(entering) = self.people.entering.get_mut(&id) {
                entering.came.push((bytes.clone(), incoming));
            }
        }
        if more {
            return;
        }
        let Some(entering) = self.people.entering.remove(&id) else {
            return;
        };
        if self.communities.contains_key(&id) {
            for (bytes, incoming) in entering.came {
                self.ingest(id, incoming, Some(RowEvents::Ranges(vec![bytes])), from);
            }
        } else if self.room_for_conversation().is_ok() {
            self.begin_from(from, id, entering.came);
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if community.kind() == CommunityKind::Group {
            self.open_session(from, id);
            self.compare(from, id);
            self.ask_keys(id);
        }
    }

    /// A member that was told of a group wants to have it.
    pub(crate) fn answered(&mut self, from: NetworkKey, id: CommunityId) {
        let group = self
            .communities
            .get(&id)
            .is_some_and(|community| community.kind() == CommunityKind::Group);
        if group {
            self.welcome(from, id);
        }
    }

    /// Begins with a connected peer in a conversation that is held from now on.
    pub(crate) fn greet(&mut self, key: NetworkKey, id: CommunityId) {
        self.open_session(key, id);
        self.compare(key, id);
        self.ask_keys(id);
    }

    /// The same with all connected devices of an account in the conversation with it.
    pub(crate) fn greet_account(&mut self, account: AccountId) {
        let id = direct::id(self.me.account(), account);
        for key in self.connected_members(id) {
            self.greet(key, id);
        }
    }

    /// Peers that are gone bring nothing more.
    pub(crate) fn entering_lost(&mut self, key: NetworkKey) {
        self.people
            .entering
            .retain(|_, entering| entering.from != key);
    }

    /// Members' accounts of a conversation besides this one.
    pub(crate) fn others_in(&self, community: &Community) -> BTreeSet<AccountId> {
        let me = self.me.account();
        let state = community.state();
        let members = state.members.keys().copied();
        members.filter(|account| *account != me).collect()
    }
}
