//! Newcomers whom a member must let in: the member that was asked tells those who may decide, and the newcomer
//! asks again every now and then, so that nothing of it has to be kept.

use std::collections::BTreeMap;

use alloquy_api::{CommandError, ErrorCode, Event, Reply};
use alloquy_ids::{AccountId, CommunityId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::policy::JoinRule;
use rand_core::CryptoRng;

use super::admission::invite_holds;
use crate::io::Origin;
use crate::limits::{REFUSED_MAX, REQUEST_PASS_EVERY_MS, REQUEST_TIMEOUT_MS, REQUESTS_MAX};
use crate::node::Node;
use crate::wire::{Frame, Refusal};

/// A newcomer that waits to be let in.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) join: Join,
    /// What it calls itself.
    pub(crate) name: String,
    /// When this node first heard of it.
    pub(crate) since: UnixMs,
    /// The newcomer, if it asked this node itself.
    pub(super) from: Option<NetworkKey>,
    /// When those who may decide were last told of it.
    passed: Option<MonoMs>,
}

impl<R: CryptoRng> Node<R> {
    /// Communities that wait to let this account in, with the names that their links gave.
    pub(crate) fn requested(&self) -> BTreeMap<CommunityId, String> {
        let waiting = self.joins.iter().filter(|(_, attempt)| attempt.waiting);
        waiting
            .filter_map(|(id, attempt)| Some((*id, attempt.door()?.name.clone())))
            .collect()
    }

    /// A newcomer asks: it is told to wait, and those who may decide are told of it.
    pub(super) fn asked_to_let_in(&mut self, from: NetworkKey, join: &Join, name: &str) {
        let id = join.community;
        let refusal = Refusal::Waiting;
        let frame = Frame::JoinRefused {
            community: id,
            refusal,
        };
        if !self.note_request(Some(from), join, name) {
            let refusal = Refusal::Busy;
            let frame = Frame::JoinRefused {
                community: id,
                refusal,
            };
            return self.outbox.send(from, &frame);
        }
        self.outbox.send(from, &frame);
        let now = self.now.mono;
        let held = self.communities.get_mut(&id);
        let held = held.and_then(|community| community.requests.get_mut(&join.account));
        let due = |at: MonoMs| now >= at.plus(REQUEST_PASS_EVERY_MS);
        match held {
            Some(request) if request.passed.is_none_or(due) => request.passed = Some(now),
            _ => return,
        }
        let request = Frame::JoinRequest {
            join: Box::new(join.clone()),
            name: name.to_owned(),
        };
        for key in self.deciders(id) {
            self.outbox.send(key, &request);
        }
    }

    /// A member tells of a newcomer that asked it.
    pub(super) fn request_passed(&mut self, from: NetworkKey, join: &Join, name: &str) {
        let id = join.community;
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let state = community.state();
        if state.policy.joins != JoinRule::Approval {
            return;
        }
        let invited = join.invite.is_none_or(|invite| {
            let invite = state.invites.get(&invite);
            invite.is_some_and(|invite| invite_holds(&state, invite, join))
        });
        let known = state.is_member(join.account) || state.banned.contains_key(&join.account);
        if known || !invited || join.check_by(&*self.me.signatures).is_err() {
            return;
        }
        if community.refused.contains(&join.account) {
            let account = join.account;
            let frame = Frame::JoinDecided {
                community: id,
                account,
            };
            return self.outbox.send(from, &frame);
        }
        self.note_request(None, join, name);
    }

    /// Connected members who may let somebody in.
    fn deciders(&self, id: CommunityId) -> Vec<NetworkKey> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let state = community.state();
        let may = |key: &NetworkKey| {
            let member = community.member_of(*key);
            member.is_some_and(|(account, _)| {
                state.permissions(account, None).has(Permissions::INVITE)
            })
        };
        self.peers.keys().copied().filter(may).collect()
    }

    /// `false` if too many wait already. Who has a link takes the place of the one that has waited longest without.
    /// Of somebody who waits already, what it called itself first stays: others repeat what it says.
    fn note_request(&mut self, from: Option<NetworkKey>, join: &Join, name: &str) -> bool {
        let now = self.now.wall;
        let Some(community) = self.communities.get_mut(&join.community) else {
            return false;
        };
        let requests = &mut community.requests;
        requests.retain(|_, request| now.0 < request.since.0.saturating_add(REQUEST_TIMEOUT_MS));
        if let Some(held) = requests.get_mut(&join.account) {
            if from.is_some() {
                held.from = from;
                held.join = join.clone();
            }
            return true;
        }
        if requests.len() >= REQUESTS_MAX {
            let uninvited = requests.iter().filter(|(_, one)| one.join.invite.is_none());
            let oldest = uninvited.min_by_key(|(account, one)| (one.since, **account));
            let Some(oldest) = oldest.map(|(account, _)| *account) else {
                return false;
            };
            if join.invite.is_none() {
                return false;
            }
            requests.remove(&oldest);
        }
        let name = match crate::command::check_name("name", name) {
            Ok(()) => name.to_owned(),
            Err(_) => join.account.short(),
        };
        let request = Request {
            join: join.clone(),
            name,
            since: now,
            from,
            passed: None,
        };
        requests.insert(join.account, request);
        self.requests_changed(join.community);
        true
    }

    fn requests_changed(&mut self, id: CommunityId) {
        self.views.community_changed(id);
        self.outbox.tell(Event::CommunityChanged { community: id });
    }

    /// `approve`. Of somebody who was not let in: whoever that is may ask again.
    pub(crate) fn approve(
        &mut self,
        origin: Origin,
        id: CommunityId,
        account: AccountId,
    ) -> Result<(), CommandError> {
        self.may_decide(id)?;
        let found = self.communities.get(&id);
        let found = found.and_then(|community| community.requests.get(&account));
        let join = found.map(|request| request.join.clone());
        if let Some(join) = join {
            self.check_op(id, &AuthorityOp::Admit(join))?;
        }
        let taken = self.communities.get_mut(&id);
        let Some(request) = taken.and_then(|community| {
            community.refused.retain(|refused| *refused != account);
            community.requests.remove(&account)
        }) else {
            self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
            return Ok(());
        };
        let from = request.from.filter(|key| self.peers.contains_key(key));
        let newcomer = (&request.join, request.name.as_str());
        if self.admit(from, newcomer, Some(origin)).is_none() {
            return Err(CommandError::new(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        }
        self.requests_changed(id);
        Ok(())
    }

    /// `refuse`.
    pub(crate) fn refuse(
        &mut self,
        origin: Origin,
        id: CommunityId,
        account: AccountId,
    ) -> Result<(), CommandError> {
        self.may_decide(id)?;
        for key in self.deciders(id) {
            let frame = Frame::JoinDecided {
                community: id,
                account,
            };
            self.outbox.send(key, &frame);
        }
        self.not_let_in(id, account);
        self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
        Ok(())
    }

    fn may_decide(&self, id: CommunityId) -> Result<(), CommandError> {
        let community = self.communities.get(&id).filter(|one| one.active);
        let may = community.is_some_and(|community| {
            let rights = community.state().permissions(self.me.account(), None);
            rights.has(Permissions::INVITE)
        });
        if may {
            return Ok(());
        }
        let message = "this account lacks the right invite";
        Err(CommandError::new(ErrorCode::NotPermitted, message))
    }

    /// A member who may decide has not let somebody in. That binds nobody who stands above it.
    pub(crate) fn join_decided(&mut self, by: AccountId, id: CommunityId, account: AccountId) {
        let may = self.communities.get(&id).is_some_and(|community| {
            let state = community.state();
            let rights = state.permissions(by, None);
            rights.has(Permissions::INVITE) && state.rank(by) >= state.rank(self.me.account())
        });
        if may {
            self.not_let_in(id, account);
        }
    }

    fn not_let_in(&mut self, id: CommunityId, account: AccountId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.refused.retain(|refused| *refused != account);
        if community.refused.len() >= REFUSED_MAX {
            community.refused.pop_front();
        }
        community.refused.push_back(account);
        let Some(request) = community.requests.remove(&account) else {
            return;
        };
        if let Some(newcomer) = request.from {
            let refusal = Refusal::NotLetIn;
            let frame = Frame::JoinRefused {
                community: id,
                refusal,
            };
            self.outbox.send(newcomer, &frame);
        }
        self.requests_changed(id);
    }

    /// Somebody has let newcomers in: who asked here is given what it needs.
    pub(crate) fn settle_requests(&mut self, id: CommunityId) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        if community.requests.is_empty() {
            return;
        }
        let state = community.state();
        let gone =
            |account: &AccountId| state.is_member(*account) || state.banned.contains_key(account);
        let settled: Vec<_> = community
            .requests
            .extract_if(.., |account, _| gone(account))
            .collect();
        let mut newcomers = Vec::new();
        for (account, request) in &settled {
            let member = state.is_member(*account);
            newcomers.extend(request.from.filter(|_| member));
        }
        if !settled.is_empty() {
            self.requests_changed(id);
        }
        for newcomer in newcomers {
            if self.peers.contains_key(&newcomer) {
                self.welcome(newcomer, id);
            }
        }
    }
}
