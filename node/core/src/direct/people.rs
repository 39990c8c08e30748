//! Finding people: by name, their identity, their prekeys, and the contact links.

use std::collections::BTreeSet;

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{AccountId, CommunityId, DeviceId};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{self, Identity, IdentityLog, PrekeyRecord};
use rand_core::CryptoRng;

use super::contacts::Standing;
use crate::command::error;
use crate::community::Community;
use crate::limits::CONTACT_DEVICES_MAX;
use crate::node::Node;
use crate::wire::contact::{ContactLink, Places};

impl Community {
    /// The longest identity log of an account that an operation here embeds.
    fn chain_of(&self, account: AccountId) -> Option<&Vec<SignedEvent>> {
        let ops = self
            .authority
            .dag()
            .iter()
            .filter_map(|event| self.authority.op(event.id()));
        let chains = ops.filter_map(|op| match op {
            AuthorityOp::Genesis(genesis) => Some(&genesis.founder),
            AuthorityOp::Admit(join) => Some(&join.chain),
            AuthorityOp::Add { chain, .. }
            | AuthorityOp::DeviceAdd { chain, .. }
            | AuthorityOp::DeviceRevoke { chain, .. } => Some(chain),
            _ => None,
        });
        let of = |chain: &&Vec<SignedEvent>| {
            let genesis = chain.first();
            genesis.is_some_and(|genesis| AccountId::from(genesis.header.id()) == account)
        };
        chains.filter(of).max_by_key(|chain| chain.len())
    }
}

impl<R: CryptoRng> Node<R> {
    /// The identity log of an account, as far as it is known here.
    pub(crate) fn chain_of(&self, account: AccountId) -> Option<Vec<SignedEvent>> {
        if account == self.me.account() {
            return Some(self.me.record.chain.clone());
        }
        let kept = self.contact(account).map(|contact| &contact.chain);
        let asked = self.people.requests.get(&account);
        let held = self
            .communities
            .values()
            .filter(|community| community.devices.values().any(|(of, _)| *of == account))
            .filter_map(|community| community.chain_of(account));
        let all = held.chain(kept).chain(asked.map(|request| &request.chain));
        all.filter(|chain| !chain.is_empty())
            .max_by_key(|chain| chain.len())
            .cloned()
    }

    /// The identity of an account, as far as it is known here.
    pub(crate) fn identity_of(&self, account: AccountId) -> Option<Identity> {
        identity::evaluate(&self.chain_of(account)?).ok()
    }

    /// Whether a device acts for an account as the identity log shown and all that is known here of it come to
    /// together: a chain that is shown may be an old one.
    pub(crate) fn acts_as_known(&self, shown: &IdentityLog, device: DeviceId) -> bool {
        let account = shown.account();
        let mut all = shown.clone();
        for community in self.communities.values() {
            if let Some(known) = community.state().identity(account) {
                all = all.merged(known);
            }
        }
        let kept = self.contact(account).map(|contact| &contact.chain);
        let asked = self.people.requests.get(&account).map(|one| &one.chain);
        let letters = self.home.letters.iter();
        let letters = letters.filter(|((_, from), _)| *from == account);
        let letters = letters.map(|(_, record)| &record.letter.chain);
        for chain in kept.into_iter().chain(asked).chain(letters) {
            // What was kept held when it came; an empty one says nothing.
            if let Ok(known) = IdentityLog::verify_by(chain, &*self.me.signatures) {
                all = all.merged(&known);
            }
        }
        all.identity().acts(device)
    }

    /// Current prekeys of an account's devices, as far as they are known here.
    pub(crate) fn prekeys_of(&self, account: AccountId) -> Vec<PrekeyRecord> {
        let devices = self
            .identity_of(account)
            .map(|identity| identity.devices)
            .unwrap_or_default();
        let own = &self.me.prekey;
        let newest = |device: &DeviceId| {
            let held = self
                .communities
                .values()
                .filter_map(|community| community.prekeys.get(device));
            let kept = self
                .contact(account)
                .and_then(|contact| contact.prekey_of(*device));
            let asked = self.people.requests.get(&account).map(|one| &one.prekey);
            held.chain(kept)
                .chain(asked)
                .chain([own])
                .filter(|prekey| prekey.device == *device)
                .max_by_key(|prekey| prekey.counter)
                .cloned()
        };
        devices
            .keys()
            .filter_map(newest)
            .take(CONTACT_DEVICES_MAX)
            .collect()
    }

    /// What an account is called here: as a contact, else as it calls itself in a shared place, else its id's start.
    pub(crate) fn person_name(&self, account: AccountId) -> String {
        if account == self.me.account() {
            return self.me.record.name.clone();
        }
        let kept = self.contact(account).map(|contact| contact.name.clone());
        let given = || {
            let here = self.communities.values().filter(|one| one.active);
            here.filter(|community| community.state().is_member(account))
                .find_map(|community| community.given_name(account))
        };
        let asked = || {
            self.people
                .requests
                .get(&account)
                .map(|one| one.name.clone())
                .filter(|name| !name.is_empty())
        };
        kept.filter(|name| !name.is_empty())
            .or_else(given)
            .or_else(asked)
            .unwrap_or_else(|| account.short())
    }

    /// Everybody who can be named without naming a community.
    fn everybody(&self) -> BTreeSet<AccountId> {
        let me = self.me.account();
        let mut all: BTreeSet<AccountId> = self.people.contacts.keys().copied().collect();
        all.extend(self.people.requests.keys().copied());
        for community in self.communities.values().filter(|one| one.active) {
            all.extend(community.state().members.keys().copied());
        }
        all.remove(&me);
        all
    }

    /// The account of an id or a name: of contacts, requests and members of shared communities.
    pub(crate) fn person_named(&self, text: &str) -> Result<AccountId, CommandError> {
        let text = text.strip_prefix('@').unwrap_or(text);
        if let Ok(account) = text.parse::<AccountId>() {
            return Ok(account);
        }
        if text == "me" {
            return Ok(self.me.account());
        }
        let everybody = self.everybody();
        let named: Vec<_> = everybody
            .into_iter()
            .filter(|account| self.person_name(*account) == text)
            .collect();
        // A contact of the name is meant before a member of it.
        let contacts: Vec<_> = named
            .iter()
            .copied()
            .filter(|account| self.is_accepted(*account))
            .collect();
        match (contacts.as_slice(), named.as_slice()) {
            ([one], _) | ([], [one]) => Ok(*one),
            ([], []) => Err(error(
                ErrorCode::UnknownName,
                format!("nobody is named {text:?}: no contact, no member of a shared community"),
            )),
            ([], many) | (many, _) => Err(crate::command::ambiguous(
                "accounts",
                text,
                many.iter().map(ToString::to_string),
            )),
        }
    }

    /// The conversation that `@` and somebody's or a group's name, or an account's id stands for; `None`: the text
    /// is neither.
    pub(crate) fn conversation_named(
        &self,
        text: &str,
    ) -> Result<Option<CommunityId>, CommandError> {
        let account = match (text.strip_prefix('@'), text.parse::<AccountId>()) {
            (Some(name), _) => match (self.person_named(name), self.group_named(name)) {
                (Err(_nobody), Ok(group)) => return Ok(Some(group)),
                (person, _) => person?,
            },
            (None, Ok(account)) if self.everybody().contains(&account) => account,
            _ => return Ok(None),
        };
        Ok(Some(direct::id(self.me.account(), account)))
    }

    /// `contact link`: makes it, and its secret at the first time.
    pub(crate) fn contact_link(&mut self) -> ContactLink {
        let me = self.me.account();
        let kept = self.contact(me).and_then(|own| own.secret);
        let secret = kept.unwrap_or_else(|| {
            let mut secret = [0; 16];
            self.rng.fill_bytes(&mut secret);
            self.store_contact(me, |own| own.secret = Some(secret));
            secret
        });
        let mut peers: Places = vec![(self.me.network, self.book.own())];
        let identity = self.identity_of(me);
        let devices = identity.into_iter().flat_map(|identity| identity.devices);
        for key in devices.flat_map(|(_, keys)| keys) {
            let addresses = self.first_addresses(key);
            if key != self.me.network && !addresses.is_empty() {
                peers.push((key, addresses));
            }
        }
        peers.truncate(CONTACT_DEVICES_MAX);
        ContactLink {
            chain: self.me.record.chain.clone(),
            name: self.me.record.name.clone(),
            prekeys: self.prekeys_of(me),
            peers,
            homes: self.own_home_places(),
            secret,
        }
    }

    /// `contact add LINK`: whoever made it is a contact from now on.
    pub(crate) fn add_contact(&mut self, text: &str) -> Result<CommunityId, CommandError> {
        let bad = |reason: String| error(ErrorCode::InviteInvalid, reason);
        let link = ContactLink::parse(text).map_err(|error| bad(error.to_string()))?;
        let identity = identity::evaluate(&link.chain)
            .map_err(|error| bad(format!("the contact link is damaged: {error}")))?;
        let account = identity.account;
        if account == self.me.account() {
            return Err(bad("the contact link is this account's own".to_owned()));
        }
        if self.is_blocked(account) {
            let text = format!("{} is blocked: unblock it first", self.person_name(account));
            return Err(error(ErrorCode::NotPermitted, text));
        }
        crate::command::check_name("name", &link.name)?;
        let is_own = |prekey: &&PrekeyRecord| {
            identity.devices.contains_key(&prekey.device) && prekey.verify()
        };
        let prekeys: Vec<_> = link.prekeys.iter().filter(is_own).cloned().collect();
        let certified = |key: &alloquy_ids::NetworkKey| {
            identity.devices.values().any(|keys| keys.contains(key))
        };
        let mut peers = link.peers;
        peers.retain(|(key, _)| certified(key));
        let mut homes = link.homes;
        homes.retain(|(key, _)| identity.homes.values().any(|home| home == key));
        let reached = homes.clone();
        let chain = link.chain;
        let (name, secret) = (link.name, link.secret);
        let (all, places) = (prekeys.clone(), peers.clone());
        let kept = self.store_contact(account, |contact| {
            contact.name = name;
            contact.chain = chain;
            contact.prekeys = all;
            contact.peers = places;
            contact.homes = homes;
            contact.secret = Some(secret);
            contact.standing = Standing::Accepted;
        });
        if !kept {
            return Err(contacts_full());
        }
        let id = self.open_direct(account)?;
        self.prekeys(id, prekeys);
        for (key, addresses) in peers.into_iter().chain(reached) {
            self.peer_addresses(key, addresses);
        }
        Ok(id)
    }
}

pub(crate) fn contacts_full() -> CommandError {
    let limit = alloquy_api::limits::CONTACTS_MAX;
    error(
        ErrorCode::Limit,
        format!("{limit} accounts are remembered, which is the limit: remove a contact first"),
    )
}
