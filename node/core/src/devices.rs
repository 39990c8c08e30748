//! The account's own identity log, and what its changes mean in communities.
//!
//! The node keeps the log of its account, takes longer ones from wherever they come (a community's authority log,
//! linking), and brings what is new into every community that it is in: additions and home nodes by `DeviceAdd`,
//! what ends a device by `DeviceRevoke` with the last events of it that were accepted, together with new epochs.
//! A device that may not act any more writes nothing, says so, and keeps what it has. docs/protocol.md, "Accounts".

use std::collections::BTreeSet;

use alloquy_api::{CommandError, ErrorCode, Event};
use alloquy_ids::{CommunityId, DeviceId, EpochId};
use alloquy_schema::authority::State;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Writer;
use alloquy_schema::epoch::{self, Wrap};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::draft::{Signer, sign};
use alloquy_schema::identity::{IdentityError, IdentityLog, IdentityOp};
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy};
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::history::policy;
use crate::limits::{EMBED_AFTER_MS, EMBED_SPREAD_MS, WRAPS_MAX};
use crate::node::{Me, Node, Timer};
use crate::outbox::{After, put, put_bytes};
use crate::record::Key;

impl Me {
    /// Whether this device may write for the account, as far as it knows.
    pub(crate) fn acts(&self) -> bool {
        self.parting || self.identity.identity().acts(self.device())
    }

    /// Whether devices of the account have revoked each other, this one among them, and nothing is decided.
    pub(crate) fn is_suspended(&self) -> bool {
        let suspended = &self.identity.identity().suspended;
        suspended.contains(&self.device())
    }

    /// Why this device may not write.
    pub(crate) fn stopped(&self) -> Option<CommandError> {
        let (identity, device) = (self.identity.identity(), self.device());
        if identity.acts(device) {
            return None;
        }
        let short = device.short();
        let text = if identity.closed {
            "this account was closed; what is here stays readable".to_owned()
        } else if self.is_suspended() {
            format!(
                "this device ({short}) is suspended, because devices of the account have revoked each other: the \
                 recovery words decide; what is here stays readable"
            )
        } else {
            format!(
                "this device ({short}) was revoked: what it writes counts nowhere, and it is given no more keys; what \
                 is here stays readable"
            )
        };
        Some(CommandError::new(ErrorCode::NotPermitted, text))
    }
}

impl<R: CryptoRng> Node<R> {
    /// Takes identity events of this account, from wherever they come. Whether any of them was news.
    ///
    /// # Errors
    /// [`IdentityError`]: the chain does not hold. Another account's is not taken.
    pub(crate) fn take_chain(&mut self, chain: &[SignedEvent]) -> Result<bool, IdentityError> {
        let log = IdentityLog::verify_by(chain, &*self.me.signatures)?;
        Ok(self.take_identity(&log))
    }

    /// Signs an operation on the account, and brings it into every community. `after` follows when the changed log is
    /// durable.
    pub(crate) fn change_identity(
        &mut self,
        op: &IdentityOp,
        after: After,
    ) -> Result<(), CommandError> {
        let refused = |error: IdentityError| CommandError::new(ErrorCode::Limit, error.to_string());
        if let Some(stopped) = self.me.stopped() {
            return Err(stopped);
        }
        let signer = Signer {
            device: &self.me.key,
            incarnation: self.rng.next_u32(),
            wall: self.now.wall,
        };
        let event = sign(&self.me.identity, op, signer).map_err(refused)?;
        let log = self.me.identity.with(&event).map_err(refused)?;
        self.me.parting = true;
        for id in self.communities.keys().copied().collect::<Vec<_>>() {
            self.embed(id, &log);
        }
        self.me.parting = false;
        self.take_identity(&log);
        self.outbox
            .store(vec![put(&Key::Account, &self.me.record)], after);
        Ok(())
    }

    /// Whether the log says more of the account than is known here; then it is kept, and brought into communities.
    fn take_identity(&mut self, log: &IdentityLog) -> bool {
        let merged = self.me.identity.merged(log);
        if merged == self.me.identity {
            return false;
        }
        self.me.record.chain = merged.chain();
        self.me.identity = merged;
        let write = put(&Key::Account, &self.me.record);
        self.outbox.store(vec![write], After::Nothing);
        self.outbox.tell(Event::DevicesChanged);
        self.views.node_changed();
        for id in self.communities.keys().copied().collect::<Vec<_>>() {
            self.learn_own_identity(id);
        }
        true
    }

    /// Takes what a community knows of the account, and brings in later what it does not know: whoever made the
    /// change has done so at once, if nothing stood in the way.
    pub(crate) fn learn_own_identity(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let state = community.state();
        let known = state.identity(self.me.account()).cloned();
        if let Some(known) = &known
            && self.take_identity(known)
        {
            return;
        }
        if !news(&state, &self.me.identity) && self.partner_outside(id).is_none() {
            return self.timers.clear(Timer::Embed(id));
        }
        let device = self.me.device();
        let spread = u64::from(u16::from_le_bytes([device.0[0], device.0[1]])) % EMBED_SPREAD_MS;
        let at = self.now.mono.plus(EMBED_AFTER_MS + spread);
        self.timers.set_earlier(Timer::Embed(id), at);
    }

    /// Brings in what the community does not know of the account's devices, and the other side of a conversation.
    pub(crate) fn embed_identity(&mut self, id: CommunityId) {
        if self.store_fault.is_some() || self.first_write_waits(id) {
            let at = self.now.mono.plus(EMBED_AFTER_MS);
            return self.timers.set_earlier(Timer::Embed(id), at);
        }
        self.bring_in_partner(id);
        let log = self.me.identity.clone();
        self.embed(id, &log);
    }

    fn embed(&mut self, id: CommunityId, log: &IdentityLog) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let (account, state) = (self.me.account(), community.state());
        if !state.is_member(account) || !news(&state, log) || !self.me.acts() {
            return;
        }
        let identity = log.identity();
        let ends = |device: &DeviceId| {
            identity.revoked.contains(device) || identity.suspended.contains(device)
        };
        let mut ended: Vec<_> = state
            .members
            .get(&account)
            .into_iter()
            .flat_map(|member| member.acting().map(|(device, _)| device))
            .filter(ends)
            .collect();
        // The own device last: after that it signs nothing here.
        ended.sort_by_key(|device| *device == self.me.device());
        let revoke = |device: &DeviceId| {
            Draft::Op(AuthorityOp::DeviceRevoke {
                account,
                device: *device,
                chain: log.chain(),
                last: community.accepted_ends_of(&BTreeSet::from([*device]), None),
            })
        };
        let mut drafts: Vec<_> = ended.iter().map(revoke).collect();
        let known = state.account_ever(self.me.device()).is_some();
        if drafts.is_empty() || !known {
            let chain = log.chain();
            drafts.insert(0, Draft::Op(AuthorityOp::DeviceAdd { account, chain }));
        }
        if identity.closed && state.kind != CommunityKind::Direct {
            drafts.insert(0, Draft::Op(AuthorityOp::Leave));
        }
        self.timers.clear(Timer::Embed(id));
        self.write(id, &drafts, |_| None);
        if !ended.is_empty() && !ended.contains(&self.me.device()) {
            self.replace_epochs(id);
        }
        self.wrap_for_words(id);
    }

    /// Wraps the epochs that are written under for another device of the account whose prekey has come, and gives
    /// them to it if it is connected.
    pub(crate) fn wrap_for_own_device(&mut self, id: CommunityId, device: DeviceId) {
        let me = self.me.account();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let own = device != self.me.device() && community.state().account_of(device) == Some(me);
        let Some(prekey) = community.prekeys.get(&device).filter(|_| own).cloned() else {
            return;
        };
        let wrapped = self.wrap_current(id, &prekey.key, |_| true);
        let of_device = |key: &&alloquy_ids::NetworkKey| {
            self.communities
                .get(&id)
                .and_then(|community| community.member_of(**key))
                .is_some_and(|(_, of)| of == device)
        };
        let peers: Vec<_> = self.peers.keys().filter(of_device).copied().collect();
        for peer in peers {
            for (epoch, wrap) in &wrapped {
                self.outbox.send(
                    peer,
                    &crate::wire::Frame::Keys {
                        community: id,
                        epoch: *epoch,
                        wraps: vec![wrap.clone()],
                    },
                );
            }
        }
    }

    /// Wraps the epochs that are written under for the recovery words in force: new words must open what the old
    /// ones did.
    fn wrap_for_words(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let state = community.state();
        let Some(member) = state.members.get(&self.me.account()) else {
            return;
        };
        let to = member.recovery_wrap_key;
        self.wrap_current(id, &to, |history| history == HistoryPolicy::All);
    }

    /// Wraps the epochs that are written under to a key of this account, where it has none yet, and keeps the wraps.
    fn wrap_current(
        &mut self,
        id: CommunityId,
        to: &[u8; 32],
        under: impl Fn(HistoryPolicy) -> bool,
    ) -> Vec<(EpochId, Wrap)> {
        let me = self.me.account();
        let Some(community) = self.communities.get_mut(&id) else {
            return Vec::new();
        };
        let state = community.state();
        let scopes: BTreeSet<_> = state.epochs.values().map(|epoch| epoch.channel).collect();
        let (mut wrapped, mut writes) = (Vec::new(), Vec::new());
        for channel in scopes
            .into_iter()
            .filter(|channel| under(policy(&state, *channel)))
        {
            let Some(epoch) = community.writing_epoch(channel) else {
                continue;
            };
            let Some(key) = community.keys.get(&epoch) else {
                continue;
            };
            let shared = community.share(me, (epoch, key), channel);
            let held = community.wraps.entry(epoch).or_default();
            if held.len() >= WRAPS_MAX || held.iter().any(|wrap| wrap.to == *to) {
                continue;
            }
            let wrap = epoch::wrap(epoch, &shared, to, &mut self.rng);
            held.push(wrap.clone());
            let mut list = Writer::new();
            list.list(held);
            writes.push(put_bytes(&Key::Wraps(id, epoch), list.into_bytes()));
            wrapped.push((epoch, wrap));
        }
        if !writes.is_empty() {
            self.outbox.store(writes, After::Nothing);
        }
        wrapped
    }
}

/// Whether the log would change what a community knows of its account.
fn news(state: &State, log: &IdentityLog) -> bool {
    state.is_member(log.account())
        && state
            .identity(log.account())
            .is_none_or(|known| known.merged(log).identity() != known.identity())
}
