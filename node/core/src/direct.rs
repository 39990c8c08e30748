//! Conversations: with one other account, with oneself, and in groups. All are communities of other kinds.
//!
//! A conversation of two has a genesis that both sides make alike (`alloquy_schema::authority::direct`), so it is
//! made wherever it is needed: by whoever opens it, by whoever accepts it, and for the own notes at the first start.
//! Deliberately not here: what is written in them, which goes the way of every timeline.

pub(crate) mod contacts;
mod groups;
mod hello;
mod letters;
mod people;
pub(crate) mod requests;
mod safety;
mod shown;

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_api::{CommandError, ErrorCode, Event};
use alloquy_ids::{AccountId, CommunityId, NetworkKey, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::{self, PrekeyRecord};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::command::error;
use crate::community::Community;
use crate::ingest::Incoming;
use crate::io::{Output, Write};
use crate::limits::{CONVERSATIONS_MAX, FIRST_WRITE_WAIT_MS};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::{Key, Membership, Row, RowEvents};
use crate::unwritten::Acks;
use contacts::Contact;
pub(crate) use hello::certifies;
pub(crate) use people::contacts_full;
use requests::DmRequest;

/// Who is known, who asks, and what is under way.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The own record among them.
    pub(crate) contacts: BTreeMap<AccountId, Contact>,
    pub(crate) requests: BTreeMap<AccountId, DmRequest>,
    /// Groups that a peer was asked for.
    entering: BTreeMap<CommunityId, Entering>,
    /// Work done for a recipient in an asker's name: day and number.
    work: BTreeMap<(AccountId, AccountId), (u32, u64)>,
    /// Letters that were left at home nodes which are connected.
    letters: BTreeMap<(NetworkKey, CommunityId), letters::Sent>,
}

/// A group that is on its way.
#[derive(Debug)]
struct Entering {
    from: NetworkKey,
    /// Authority operations that came so far, with the ranges that brought them.
    came: Vec<(Vec<u8>, Vec<Incoming>)>,
}

fn refused(reason: impl std::fmt::Display) -> CommandError {
    error(
        ErrorCode::Internal,
        format!("the conversation could not be made: {reason}"),
    )
}

impl Community {
    /// The other account of a conversation of two; the own one for the own notes.
    pub(crate) fn partner(&self, me: AccountId) -> Option<AccountId> {
        let state = self.state();
        let mut members = state.members.keys().copied();
        let direct = state.kind == CommunityKind::Direct;
        direct.then(|| members.find(|account| *account != me).unwrap_or(me))
    }

    /// Whether nothing is held of a conversation of two but its genesis, which everybody can derive.
    pub(crate) fn is_unbegun(&self) -> bool {
        self.kind() == CommunityKind::Direct
            && self.authority.dag().len() == 1
            && self.content.dag().is_empty()
            && self.timelines.values().all(|one| one.dag().is_empty())
    }
}

impl<R: CryptoRng> Node<R> {
    /// The own community: notes to oneself, and what all devices of the account share. Made where it is missing.
    pub(crate) fn hold_own(&mut self) {
        let me = self.me.account();
        let chain = self.me.record.chain.clone();
        // A store that could not be written may have lost how this device came in.
        let held = self.is_active(direct::id(me, me));
        // A home node that is nobody's device has no account to speak of, and writes nothing.
        let held = held || (self.is_home() && self.me.record.name.is_empty());
        if held || !self.me.acts() {
            return;
        }
        let since = self.now.wall;
        match self.hold_direct(me, &chain, Vec::new(), since) {
            Ok(id) => self.first_epoch(id),
            Err(error) => tracing::error!(?error, "the own community can not be made"),
        }
    }

    /// Opens the conversation with an account whose identity is known here.
    pub(crate) fn open_direct(&mut self, account: AccountId) -> Result<CommunityId, CommandError> {
        let me = self.me.account();
        let id = direct::id(me, account);
        if self.is_active(id) {
            return Ok(id);
        }
        if let Some(fault) = &self.store_fault {
            let text = format!("{fault}; nothing was written, nothing was sent");
            return Err(error(ErrorCode::Storage, text));
        }
        let chain = self.chain_of(account).ok_or_else(|| {
            let text = format!(
                "{} shares no community with this account and is no contact: add a contact link",
                self.person_name(account)
            );
            error(ErrorCode::UnknownName, text)
        })?;
        let prekeys = self.prekeys_of(account);
        self.hold_direct(account, &chain, prekeys, self.now.wall)?;
        self.first_epoch(id);
        self.introduce(id);
        Ok(id)
    }

    /// Announces an epoch in a conversation that has none: whoever opens it does, whoever is brought it waits for one.
    pub(crate) fn first_epoch(&mut self, id: CommunityId) {
        let none = self
            .communities
            .get(&id)
            .is_some_and(|community| community.active && community.state().epochs.is_empty());
        if none {
            self.announce(id, None, None);
        }
    }

    /// Holds the conversation with an account from now on, with the devices of both in it. Messages since `since`
    /// count as unread.
    pub(crate) fn hold_direct(
        &mut self,
        account: AccountId,
        chain: &[SignedEvent],
        prekeys: Vec<PrekeyRecord>,
        since: UnixMs,
    ) -> Result<CommunityId, CommandError> {
        let me = self.me.account();
        let id = direct::id(me, account);
        if !self.communities.contains_key(&id) {
            self.room_for_conversation()?;
            self.begin_direct(account, since)?;
        }
        let own = self.me.record.chain.clone();
        self.bring_in(id, &[(me, &own), (account, chain)])?;
        self.prekeys(id, prekeys);
        if self.people.requests.remove(&account).is_some() {
            let gone = Write::Delete(Key::DmRequest(account).to_key());
            self.outbox.store(vec![gone], After::Nothing);
        }
        self.keep_peers();
        self.tell_homes_to_keep(id, true);
        self.views.directs_changed();
        Ok(id)
    }

    /// The same for a conversation that its other side brings: when what it takes could not be stored, it is not
    /// forgotten but tried again, for whoever brought it takes it to be held and says so no more.
    pub(crate) fn hold_brought(
        &mut self,
        account: AccountId,
        chain: &[SignedEvent],
        prekeys: Vec<PrekeyRecord>,
    ) -> Result<CommunityId, CommandError> {
        let held = self.hold_direct(account, chain, prekeys, UnixMs(0));
        if let Ok(id) = held
            && let Some(community) = self.communities.get_mut(&id)
        {
            community.brought = chain.to_vec();
        }
        held
    }

    /// The other account of a conversation of two that none of its devices is in yet, with its identity log if that is
    /// known here: a crash, or a full disk, kept them from being brought in.
    pub(crate) fn partner_outside(&self, id: CommunityId) -> Option<(AccountId, Vec<SignedEvent>)> {
        let (me, community) = (self.me.account(), self.communities.get(&id)?);
        let state = community.state();
        let partner = community.partner(me).filter(|partner| *partner != me)?;
        if !state.is_member(me) || state.identity(partner).is_some() || !self.me.acts() {
            return None;
        }
        let brought = Some(&community.brought).filter(|chain| !chain.is_empty());
        let chain = brought.cloned().or_else(|| self.chain_of(partner))?;
        Some((partner, chain))
    }

    /// Brings in such an account's devices, with the own ones.
    pub(crate) fn bring_in_partner(&mut self, id: CommunityId) {
        let Some((partner, chain)) = self.partner_outside(id) else {
            return;
        };
        let (me, own) = (self.me.account(), self.me.record.chain.clone());
        if let Err(error) = self.bring_in(id, &[(me, &own), (partner, &chain)]) {
            return tracing::warn!(?error, "a conversation lacks its other side");
        }
        let prekeys = self.prekeys_of(partner);
        self.prekeys(id, prekeys);
        self.keep_peers();
    }

    /// What was written to this account is on its way: an answer that is written before it is here would stand above it.
    pub(crate) fn answers_later(&mut self, id: CommunityId) {
        let until = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
        if let Some(community) = self.communities.get_mut(&id) {
            community.first_write_by = Some(until);
        }
    }

    /// Whether a conversation that was just accepted waits for what was written in it.
    pub(crate) fn first_words_wait(&self, id: CommunityId) -> bool {
        let Some(community) = self.communities.get(&id) else {
            return false;
        };
        let due = community
            .first_write_by
            .is_some_and(|by| self.now.mono < by);
        let empty = || {
            community
                .timelines
                .values()
                .all(|timeline| timeline.dag().is_empty())
        };
        due && community.kind() == CommunityKind::Direct
            && empty()
            && !self.connected_members(id).is_empty()
    }

    pub(crate) fn room_for_conversation(&self) -> Result<(), CommandError> {
        let kinds = self.communities.values().map(Community::kind);
        let held = kinds
            .filter(|kind| *kind != CommunityKind::Community)
            .count();
        if held < CONVERSATIONS_MAX {
            return Ok(());
        }
        let text = format!("{held} conversations are held, the limit is {CONVERSATIONS_MAX}");
        Err(error(ErrorCode::Limit, text))
    }

    /// The genesis, and the records of the conversation that it makes.
    fn begin_direct(&mut self, account: AccountId, since: UnixMs) -> Result<(), CommandError> {
        let genesis = direct::genesis(self.me.account(), account);
        let event = genesis.clone().verify().map_err(refused)?;
        let authority =
            AuthorityLog::with(event.clone(), Arc::clone(&self.me.signatures)).map_err(refused)?;
        let id = authority.community();
        let membership = Membership {
            incarnation: self.rng.next_u32(),
            joined: since,
        };
        let row = Row {
            arrived: self.now.wall,
            events: RowEvents::Live(Box::new(genesis)),
        };
        let writes = vec![
            put(&Key::Community(id), &membership),
            put(&Key::Events(id, 0), &row),
        ];
        let mut community = Community::new(authority, membership, self.me.device());
        community.note_row(0, vec![event.id()]);
        community.mention_as(&self.mention());
        // A log that begins now is nobody's yet.
        community.own_logs_checked = true;
        self.communities.insert(id, community);
        self.outbox.store(writes, After::Nothing);
        Ok(())
    }

    /// A conversation whose beginning could not be stored was not begun: what the store may have of it goes, or a
    /// restart would bring it back.
    pub(crate) fn unbegin(&mut self, community: Community) {
        let id = community.id;
        let rows = community.rows.keys().map(|row| Key::Events(id, *row));
        let epochs = community.keys.keys().map(|epoch| Key::Epoch(id, *epoch));
        let wraps = community.wraps.keys().map(|epoch| Key::Wraps(id, *epoch));
        let prekeys = community.prekeys.keys();
        let prekeys = prekeys.map(|device| Key::Prekey(id, *device));
        let keys = std::iter::once(Key::Community(id)).chain(rows);
        let keys = keys.chain(epochs).chain(wraps).chain(prekeys);
        let gone = keys.map(|key| Write::Delete(key.to_key())).collect();
        for topic in community.topics.keys() {
            self.outbox.push(Output::Unsubscribe(*topic));
        }
        for peer in self.peers.values_mut() {
            peer.sessions.remove(&id);
        }
        self.timers.clear(Timer::Presence(id));
        self.timers.clear(Timer::Sweep(id));
        self.write_later(gone, Acks::new());
        self.keep_peers();
        self.views.directs_changed();
        self.outbox.tell(Event::CommunityLeft {
            community: id,
            by: None,
        });
    }

    /// Brings in devices that a conversation does not know yet, the own ones first.
    fn bring_in(
        &mut self,
        id: CommunityId,
        chains: &[(AccountId, &[SignedEvent])],
    ) -> Result<(), CommandError> {
        let Some(community) = self.communities.get(&id) else {
            return Ok(());
        };
        let state = community.state();
        let mut drafts: Vec<Draft> = Vec::new();
        for (account, chain) in chains {
            let identity = identity::evaluate(chain).map_err(refused)?;
            let member = state.members.get(account);
            let known = identity.devices.keys().all(|device| {
                let revoked = identity.revoked.contains(device);
                revoked || member.is_some_and(|member| member.devices.contains_key(device))
            });
            let again = drafts
                .iter()
                .any(|draft| matches!(draft, Draft::Op(AuthorityOp::DeviceAdd { account: of, .. }) if of == account));
            if identity.account == *account && member.is_some() && !known && !again {
                drafts.push(Draft::Op(AuthorityOp::DeviceAdd {
                    account: *account,
                    chain: chain.to_vec(),
                }));
            }
        }
        if drafts.is_empty() {
            return Ok(());
        }
        let ids = self.write(id, &drafts, |_| None);
        if ids.len() < drafts.len() {
            return Err(refused("an event of it could not be made; see the log"));
        }
        Ok(())
    }

    /// Frames and gossip of a conversation with somebody who is blocked are not taken.
    pub(crate) fn is_shut(&self, community: &Community) -> bool {
        let me = self.me.account();
        let partner = || community.partner(me).filter(|partner| *partner != me);
        !self.people.contacts.is_empty()
            && partner().is_some_and(|partner| self.is_blocked(partner))
    }
}
