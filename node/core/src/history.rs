//! What newcomers may read of a key scope: everything (`all`), or what is written after them (`since join`).
//!
//! Under `since join` an epoch is sealed for those who are entitled when it is announced, and for nobody later:
//! it holds no link to what was before, wraps hold its secret alone, and whoever comes in is a reason for the
//! next one (docs/protocol.md, "Who may read what was before"). Events that this account will never be given a
//! key for are *closed*: they are held and relayed like all others, and neither shown nor waited for.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, ChannelId, CommunityId, EpochId};
use alloquy_schema::authority::State;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::event::VerifiedEvent;
use alloquy_schema::permissions::{HistoryPolicy, Permissions};
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::limits::ADMITTED_TOGETHER_MS;
use crate::node::{Node, Timer};

/// The policy of a key scope in a state.
pub(crate) fn policy(state: &State, channel: Option<ChannelId>) -> HistoryPolicy {
    match channel {
        None => state.history,
        Some(channel) => state
            .channels
            .get(&channel)
            .map_or(HistoryPolicy::All, |channel| channel.history),
    }
}

fn entitled(state: &State, account: AccountId, channel: Option<ChannelId>) -> bool {
    state.is_member(account)
        && channel.is_none_or(|channel| {
            state
                .permissions(account, Some(channel))
                .has(Permissions::VIEW)
        })
}

impl Community {
    /// The state in which an epoch was announced: its first recipients are who is entitled there.
    fn announced_in(&self, epoch: EpochId) -> Option<std::sync::Arc<State>> {
        let event = self.authority.dag().get(epoch.into())?;
        let past: Vec<_> = event.header().parents().collect();
        self.authority.state_at(&past)
    }

    /// Accounts that were entitled when an epoch was announced and are now, ascending.
    pub(crate) fn first_recipients(
        &self,
        epoch: EpochId,
        channel: Option<ChannelId>,
    ) -> Vec<AccountId> {
        let state = self.state();
        let Some(then) = self.announced_in(epoch) else {
            return Vec::new();
        };
        let accounts = state.members.keys().copied();
        accounts
            .filter(|account| {
                entitled(&state, *account, channel) && entitled(&then, *account, channel)
            })
            .collect()
    }

    /// Whether an epoch was announced under `all`, so that it may be linked to, and given with its links.
    pub(crate) fn announced_to_all(&self, epoch: EpochId, channel: Option<ChannelId>) -> bool {
        !self.since_join_ever
            || self
                .announced_in(epoch)
                .is_some_and(|then| policy(&then, channel) == HistoryPolicy::All)
    }

    /// Whether an epoch is open to those who came after it: the scope is `all`, and was when it was announced.
    /// What was written under `since join` stays with those who were there, whatever the policy becomes.
    fn is_open(&self, state: &State, epoch: EpochId, channel: Option<ChannelId>) -> bool {
        policy(state, channel) == HistoryPolicy::All && self.announced_to_all(epoch, channel)
    }

    /// Whether everybody who is entitled now may read what is written under an epoch.
    pub(crate) fn reaches_all(
        &self,
        state: &State,
        epoch: EpochId,
        channel: Option<ChannelId>,
    ) -> bool {
        if self.is_open(state, epoch, channel) {
            return true;
        }
        self.announced_in(epoch).is_some_and(|then| {
            let mut now = state
                .members
                .keys()
                .filter(|account| entitled(state, **account, channel));
            now.all(|account| entitled(&then, *account, channel))
        })
    }

    /// Whether a member may be given the key of an epoch (docs/protocol.md, "Who is given a key, and which one is
    /// used"): it is entitled to the scope now, and was so when the epoch was announced, or the epoch is open and
    /// it may read history, or the epoch is open and current.
    pub(crate) fn may_be_given(&self, account: AccountId, epoch: EpochId) -> bool {
        let state = self.state();
        let Some(announced) = state.epochs.get(&epoch) else {
            return false;
        };
        let channel = announced.channel;
        if !self.is_entitled(account, channel) {
            return false;
        }
        let first_recipient = || {
            self.announced_in(epoch)
                .is_some_and(|then| entitled(&then, account, channel))
        };
        let history = state
            .permissions(account, channel)
            .has(Permissions::READ_HISTORY);
        let current = || {
            self.tips(&state, channel)
                .iter()
                .any(|(tip, _)| *tip == epoch)
        };
        (self.is_open(&state, epoch, channel) && (history || current())) || first_recipient()
    }

    /// Whether newcomers of a channel may read only what is written after they came.
    pub(crate) fn is_since_join(&self, channel: ChannelId) -> bool {
        let scope = self.key_channel(Place::Channel(channel));
        policy(&self.state(), scope) == HistoryPolicy::SinceJoin
    }

    /// Announced epochs whose key is not here and will not be given to this account as things stand.
    fn closed_epochs(&self, me: AccountId) -> BTreeSet<EpochId> {
        let state = self.state();
        let lacking = state
            .epochs
            .keys()
            .filter(|epoch| !self.keys.contains_key(*epoch));
        lacking
            .filter(|epoch| !self.may_be_given(me, **epoch))
            .copied()
            .collect()
    }

    /// Whether a scope needs an epoch because somebody has come in under `since join`.
    fn has_newcomers(&self, state: &State, channel: Option<ChannelId>) -> bool {
        policy(state, channel) == HistoryPolicy::SinceJoin && self.writing_epoch(channel).is_none()
    }

    /// Key scopes in which epochs were announced.
    fn announced_scopes(&self) -> BTreeSet<Option<ChannelId>> {
        let state = self.state();
        state.epochs.values().map(|epoch| epoch.channel).collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// Hides what this account may not read, and shows what it may read again.
    pub(crate) fn close_epochs(&mut self, id: CommunityId) {
        let me = self.me.account();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let closed = community.closed_epochs(me);
        let mut changes = Vec::new();
        for (channel, timeline) in &mut community.timelines {
            let changed = timeline.close_epochs(&closed);
            if changed != alloquy_schema::timeline::Changes::default() {
                changes.push((Place::Channel(*channel), changed));
            }
        }
        community.closed = closed;
        for (place, _) in &changes {
            if let Place::Channel(channel) = place {
                self.views.channel_changed(*channel);
            }
        }
        self.tell_changes(id, changes);
    }

    /// A group begins an epoch under `since join`: names that were written before are not given to those who begin
    /// with it, so everybody writes the own one again, and who may the group's.
    pub(crate) fn introduce_to_newcomers(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        let begins = |event: &VerifiedEvent| {
            matches!(
                community.authority.op(event.id()),
                Some(AuthorityOp::AnnounceEpoch(op)) if op.channel.is_none()
            )
        };
        let since_join = policy(&community.state(), None) == HistoryPolicy::SinceJoin;
        if since_join && community.active && events.iter().any(begins) {
            community.introduced = None;
            community.introduce_anew = true;
            community.introduction_waits = true;
            let at = self.now.mono.plus(ADMITTED_TOGETHER_MS);
            self.timers.set_earlier(Timer::Deferred, at);
        }
    }

    /// Whoever lets somebody in under `since join` announces the epoch that begins with the newcomer; those who
    /// come in within a moment begin together.
    pub(crate) fn begin_with_newcomers(&mut self, id: CommunityId, events: &[VerifiedEvent]) {
        let own = self.me.device();
        if !events.iter().any(|event| event.header().device == own) {
            return;
        }
        let me = self.me.account();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let state = community.state();
        let due = community.announced_scopes().into_iter().filter(|channel| {
            community.has_newcomers(&state, *channel) && community.is_entitled(me, *channel)
        });
        let at = self.now.mono.plus(ADMITTED_TOGETHER_MS);
        for channel in due.collect::<Vec<_>>() {
            self.timers.set_earlier(Timer::Announce(id, channel), at);
        }
    }
}
