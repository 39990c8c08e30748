//! Commands of people and programs: names resolved, rights checked, drafts written, answers given.
//!
//! A mistake is a [`CommandError`]; nothing is written then. A command that writes is answered when its
//! events are durable. While the store can not be written, or the first word of a connected peer about own
//! logs is awaited, or no epoch is usable, it waits in a bounded queue.

mod audit;
mod branch;
mod community;
mod explain;
mod history;
mod message;
mod moderation;
mod own;
mod page;
mod personal;
pub(crate) mod policy;
mod query;
mod template;
mod voice;
mod waits;

use alloquy_api::command::{ChannelRef, CommunityRef};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::body::Body;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::limits::NAME_BYTES_MAX;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::author::Draft;
use crate::community::{Community, Place};
use crate::io::Origin;
use crate::limits::{
    DEFERRED_MAX, FIRST_WRITE_WAIT_MS, KEY_PATIENCE_MS, UNWRITTEN_BYTES_MAX, UNWRITTEN_MAX,
};
use crate::node::{Deferred, Node, Timer};

use waits::writes;

/// Milliseconds that a command waits for a usable epoch before it is answered with an error.
const EPOCH_WAIT_MS: u64 = 4 * KEY_PATIENCE_MS;

/// What the only channel of a group is called in lines.
const GROUP_CHANNEL: &str = "chat";

/// The outcome of taking a command: answered later, or an error now.
type Outcome = Result<(), CommandError>;

pub(crate) fn error(code: ErrorCode, message: impl Into<String>) -> CommandError {
    CommandError::new(code, message)
}

/// Names are 1 to 100 bytes, without control characters and without `/`, which separates names in lines.
pub(crate) fn check_name(what: &str, name: &str) -> Outcome {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let message = format!(
            "the {what} has {} bytes, 1 to {NAME_BYTES_MAX} are allowed",
            name.len()
        );
        return Err(error(ErrorCode::Limit, message));
    }
    match name.chars().find(|c| c.is_control() || *c == '/') {
        Some(c) => Err(error(
            ErrorCode::Parse,
            format!("the {what} holds the character {c:?}, which names can not have"),
        )),
        None => Ok(()),
    }
}

pub(crate) fn check_text(what: &str, text: &str, limit: usize) -> Outcome {
    if text.len() > limit {
        return Err(error(
            ErrorCode::Limit,
            format!("the {what} has {} bytes, the limit is {limit}", text.len()),
        ));
    }
    Ok(())
}

/// Why a command can not be handled yet.
enum Wait {
    /// The first word of a connected peer about own logs.
    Peer,
    /// A usable epoch of a key scope.
    Epoch(CommunityId, Option<ChannelId>),
}

impl<R: CryptoRng> Node<R> {
    /// Takes a command; its answer comes as `Event::Done`.
    pub(crate) fn command(&mut self, origin: Origin, command: Command) {
        // Commands of windows and programs come without a line: their values are held to the same limits.
        if let Err(refusal) = command.check() {
            return self.outbox.done(origin, Err(refusal.into()));
        }
        let due = self.now.mono.plus(EPOCH_WAIT_MS);
        self.command_until(origin, command, due);
    }

    fn command_until(&mut self, origin: Origin, command: Command, due: alloquy_ids::MonoMs) {
        let joins = matches!(command, Command::Join { .. });
        if (writes(&command) || joins)
            && let Some(stopped) = self.me.stopped()
        {
            return self.outbox.done(origin, Err(stopped));
        }
        if let Err(refusal) = self.open_for(&command) {
            return self.outbox.done(origin, Err(refusal));
        }
        match self.must_wait(&command) {
            Ok(None) => {}
            Ok(Some(wait)) => return self.defer(origin, command, &wait, due),
            Err(refusal) => return self.outbox.done(origin, Err(refusal)),
        }
        if let Err(refusal) = self.execute(origin, command) {
            self.outbox.done(origin, Err(refusal));
        }
    }

    /// Writing to somebody opens the conversation.
    fn open_for(&mut self, command: &Command) -> Outcome {
        let Command::Send { channel, .. } = command else {
            return Ok(());
        };
        let named = self.conversation_named(&channel.0)?;
        if named.is_some_and(|id| !self.is_active(id)) {
            let account = self.person_named(&channel.0)?;
            self.open_direct(account)?;
        }
        Ok(())
    }

    fn execute(&mut self, origin: Origin, command: Command) -> Outcome {
        if let Some(fault) = &self.store_fault {
            let writes = writes(&command);
            if self.unwritten.is_full() && (writes || matches!(command, Command::Join { .. })) {
                let text = format!(
                    "{fault}; {} records wait to be written, the limit is {UNWRITTEN_MAX} or {UNWRITTEN_BYTES_MAX} B",
                    self.unwritten.len()
                );
                return Err(error(ErrorCode::Storage, text));
            }
            // One write is let through to find out whether the store has recovered.
            if writes && !self.outbox.tasks.is_empty() {
                return Err(error(
                    ErrorCode::Storage,
                    format!("{fault}; nothing was written, nothing was sent"),
                ));
            }
        }
        match command {
            Command::Join { link } => self.join(origin, &link),
            Command::NearbyAnnounce {
                community,
                announce,
            } => {
                let id = self.community_named(&community.0)?;
                self.nearby_announce(origin, id, announce)
            }
            Command::NearbyJoin { community } => self.nearby_join(origin, &community),
            Command::Watch { window } => {
                if !self.views.watches.watch(origin.client, window) {
                    let limit = crate::limits::WINDOWS_MAX;
                    return Err(error(
                        ErrorCode::Limit,
                        format!("{limit} windows are watched, which is the limit of one client"),
                    ));
                }
                self.answer(origin, Reply::Ok { ok: true })
            }
            Command::Unwatch { channel, thread } => {
                self.views.watches.unwatch(origin.client, channel, thread);
                self.answer(origin, Reply::Ok { ok: true })
            }
            Command::Keep { name, value } => self.keep(origin, name, value),
            Command::Personal { order } => self.personal_command(origin, order),
            Command::Voice { order } => self.voice_command(origin, order),
            Command::RecoveryConfirm { words } => self.recovery_confirm(origin, &words),
            command => match self.query(&command) {
                Some(reply) => {
                    let reply = reply?;
                    self.answer(origin, reply)
                }
                None => self.execute_write(origin, command),
            },
        }
    }

    fn execute_write(&mut self, origin: Origin, command: Command) -> Outcome {
        match community::owns(&command) {
            community::Group::Community => self.community_command(origin, command),
            community::Group::Message => self.message_command(origin, command),
            community::Group::Moderation => self.moderation_command(origin, command),
            community::Group::Policy => self.policy_command(origin, command),
        }
    }

    pub(crate) fn answer(&mut self, origin: Origin, reply: Reply) -> Outcome {
        self.outbox.done(origin, Ok(reply));
        Ok(())
    }

    /// Writes drafts of one command; the answer is made from the ids of the written events.
    fn write_answered(
        &mut self,
        origin: Origin,
        id: CommunityId,
        drafts: &[Draft],
        reply: impl FnOnce(&[EventId]) -> Option<Reply>,
    ) -> Outcome {
        let mut expected = drafts.len();
        let ids = self.write(id, drafts, |ids| {
            expected = expected.saturating_sub(ids.len());
            reply(ids).map(|reply| (origin, reply))
        });
        if ids.is_empty() || expected > 0 {
            return Err(error(
                ErrorCode::Internal,
                "the event could not be made; see the log",
            ));
        }
        Ok(())
    }

    // --- waiting -----------------------------------------------------------------------------------------

    /// Whether a command has to wait, and for what.
    fn must_wait(&mut self, command: &Command) -> Result<Option<Wait>, CommandError> {
        if !writes(command) {
            return Ok(None);
        }
        let Some((id, place)) = self.target(command)? else {
            return Ok(None);
        };
        if self.first_write_waits(id) || self.first_words_wait(id) {
            return Ok(Some(Wait::Peer));
        }
        if let Place::Channel(channel) = place
            && self.past_comes_first(id, channel)
        {
            return Ok(Some(Wait::Peer));
        }
        let Some(community) = self.communities.get(&id) else {
            return Ok(None);
        };
        let channel = community.key_channel(place);
        let me = self.me.account();
        if place != Place::Authority
            && community.active
            && community.writing_epoch(channel).is_none()
            && community.is_entitled(me, channel)
        {
            return Ok(Some(Wait::Epoch(id, channel)));
        }
        Ok(None)
    }

    /// Whether nothing may be written yet: after a start, while a peer that has just connected has not shown that
    /// the store's copy of own logs is whole. A store that was put back from a copy would fork them otherwise.
    /// Peers that come and go draw it out no longer than twice that time.
    pub(crate) fn first_write_waits(&mut self, id: CommunityId) -> bool {
        let mono = self.now.mono;
        let silent = self.connected_members(id).iter().any(|key| {
            self.peers.get(key).is_some_and(|peer| {
                let session = peer.sessions.get(&id);
                mono < peer.since.plus(FIRST_WRITE_WAIT_MS)
                    && session.is_none_or(|session| !session.equal)
            })
        });
        let Some(community) = self.communities.get_mut(&id) else {
            return false;
        };
        if community.own_logs_checked || !silent {
            return false;
        }
        let last = mono.plus(2 * FIRST_WRITE_WAIT_MS);
        mono < *community.first_write_by.get_or_insert(last)
    }

    fn defer(&mut self, origin: Origin, command: Command, wait: &Wait, due: alloquy_ids::MonoMs) {
        if due <= self.now.mono {
            let message =
                "no key to write with could be had: nobody who holds it is connected".to_owned();
            return self
                .outbox
                .done(origin, Err(error(ErrorCode::Timeout, message)));
        }
        if self.deferred.len() >= DEFERRED_MAX {
            let message = format!("{DEFERRED_MAX} commands wait, which is the limit");
            return self
                .outbox
                .done(origin, Err(error(ErrorCode::Busy, message)));
        }
        match *wait {
            Wait::Peer => {
                let at = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
                self.timers.set_earlier(Timer::Deferred, at);
            }
            Wait::Epoch(id, channel) => {
                self.arrange_epoch(id, channel);
                self.timers.set_earlier(Timer::Deferred, due);
            }
        }
        self.deferred.push_back(Deferred {
            origin,
            command,
            due,
        });
    }

    /// Looks at waiting commands again, in their order.
    pub(crate) fn retry_deferred(&mut self) {
        for deferred in std::mem::take(&mut self.deferred) {
            self.command_until(deferred.origin, deferred.command, deferred.due);
        }
        for (from, held) in std::mem::take(&mut self.held_joins) {
            self.join_requested(from, &held.join, &held.name);
        }
        let waiting: Vec<_> = self
            .communities
            .iter()
            .filter(|(_, community)| community.introduction_waits)
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.introduce(id);
        }
    }

    /// The community and place that a writing command is about, if its names resolve.
    fn target(&self, command: &Command) -> Result<Option<(CommunityId, Place)>, CommandError> {
        use Command as C;
        let community = |reference: &CommunityRef| {
            self.community_named(&reference.0)
                .map(|id| Some((id, Place::Content)))
        };
        let channel = |reference: &ChannelRef| {
            self.channel_named(&reference.0)
                .map(|(id, channel)| Some((id, Place::Channel(channel))))
        };
        match command {
            C::Send {
                channel: reference, ..
            } => channel(reference),
            C::Reply { message, .. }
            | C::Thread { message, .. }
            | C::Edit { message, .. }
            | C::Delete { message }
            | C::React { message, .. }
            | C::Unreact { message, .. } => Ok(self
                .message_named(*message)
                .ok()
                .map(|(id, channel)| (id, Place::Channel(channel)))),
            C::Pin { message } | C::Unpin { message } => Ok(self
                .message_named(*message)
                .ok()
                .map(|(id, _)| (id, Place::Content))),
            C::CreateChannel {
                community: reference,
                ..
            }
            | C::CreateCategory {
                community: reference,
                ..
            }
            | C::Icon {
                community: reference,
                ..
            }
            | C::Note {
                community: reference,
                ..
            }
            | C::RoleCreate {
                community: reference,
                ..
            }
            | C::RoleEdit {
                community: reference,
                ..
            }
            | C::Kick {
                community: reference,
                ..
            }
            | C::Ban {
                community: reference,
                ..
            }
            | C::Unban {
                community: reference,
                ..
            }
            | C::Timeout {
                community: reference,
                ..
            } => community(reference),
            C::Rename { target, .. } | C::Topic { target, .. } => {
                match self.channel_named(target) {
                    Ok((id, _)) => Ok(Some((id, Place::Content))),
                    Err(_not_a_channel) => Ok(self
                        .community_named(target)
                        .ok()
                        .map(|id| (id, Place::Content))),
                }
            }
            other => self.operation_target(other),
        }
    }

    /// The same for commands that write operations on authority, which need no epoch, and nothing else.
    fn operation_target(
        &self,
        command: &Command,
    ) -> Result<Option<(CommunityId, Place)>, CommandError> {
        use Command as C;
        match command {
            C::Invite {
                community: reference,
                ..
            }
            | C::RevokeInvite {
                community: reference,
                ..
            }
            | C::Leave {
                community: reference,
            }
            | C::RoleDelete {
                community: reference,
                ..
            }
            | C::RoleGrant {
                community: reference,
                ..
            }
            | C::RoleRevoke {
                community: reference,
                ..
            }
            | C::OwnerAdd {
                community: reference,
                ..
            }
            | C::OwnerRemove {
                community: reference,
                ..
            }
            | C::Reaffirm {
                community: reference,
                ..
            }
            | C::AcceptLate {
                community: reference,
                ..
            }
            | C::Purge {
                community: reference,
                ..
            } => {
                let id = self.community_named(&reference.0)?;
                Ok(Some((id, Place::Authority)))
            }
            C::Rekey { target } | C::HistoryPolicy { target, .. } => {
                let id = match self.channel_named(target) {
                    Ok((id, _)) => id,
                    Err(_not_a_channel) => self.community_named(target)?,
                };
                Ok(Some((id, Place::Authority)))
            }
            C::MoveChannel {
                channel: reference, ..
            } => {
                let (id, _) = self.channel_named(&reference.0)?;
                Ok(Some((id, Place::Content)))
            }
            C::Overwrite {
                channel: reference, ..
            }
            | C::SlowMode {
                channel: reference, ..
            }
            | C::DeleteChannel { channel: reference } => {
                let (id, _) = self.channel_named(&reference.0)?;
                Ok(Some((id, Place::Authority)))
            }
            other => self.moderation_target(other),
        }
    }

    /// The same for moderation at scale and the community's rules.
    fn moderation_target(
        &self,
        command: &Command,
    ) -> Result<Option<(CommunityId, Place)>, CommandError> {
        use Command as C;
        let (reference, place) = match command {
            C::RemoveBranch { community, .. } => (community, Place::Content),
            C::Undo { community, .. }
            | C::PolicyJoins { community, .. }
            | C::PolicyWait { community, .. }
            | C::PolicyLinks { community, .. }
            | C::PolicyWords { community, .. }
            | C::PolicyRaid { community, .. }
            | C::Approve { community, .. } => (community, Place::Authority),
            _ => return Ok(None),
        };
        let id = self.community_named(&reference.0)?;
        Ok(Some((id, place)))
    }

    // --- names -------------------------------------------------------------------------------------------

    /// The community of a name or id.
    pub(crate) fn community_named(&self, text: &str) -> Result<CommunityId, CommandError> {
        if let Ok(id) = text.parse::<CommunityId>() {
            let Some(community) = self.communities.get(&id) else {
                return Err(error(
                    ErrorCode::UnknownName,
                    format!("no community has the id {text}"),
                ));
            };
            if !community.active {
                let message = format!(
                    "this account is not a member of the community {}",
                    community.name()
                );
                return Err(error(ErrorCode::NotMember, message));
            }
            return Ok(id);
        }
        let named = |community: &&Community| community.name() == text;
        let (active, former): (Vec<_>, Vec<_>) = self
            .communities
            .values()
            .filter(named)
            .partition(|community| community.active);
        match active.as_slice() {
            [one] => Ok(one.id),
            [] if former.is_empty() => Err(error(
                ErrorCode::UnknownName,
                format!("no community is named {text:?}"),
            )),
            [] => Err(error(
                ErrorCode::NotMember,
                format!("this account is not a member of the community {text:?}"),
            )),
            many => Err(ambiguous(
                "communities",
                text,
                many.iter().map(|community| community.id.to_string()),
            )),
        }
    }

    /// The channel of an id or `community/channel`.
    pub(crate) fn channel_named(
        &self,
        text: &str,
    ) -> Result<(CommunityId, ChannelId), CommandError> {
        let me = self.me.account();
        if let Some(id) = self.conversation_named(text)? {
            if self.is_active(id) {
                return Ok((id, direct::channel(id)));
            }
            let text = format!("there is no conversation with {text} yet");
            return Err(error(ErrorCode::UnknownName, text));
        }
        if let Ok(channel) = text.parse::<ChannelId>() {
            let unknown = || {
                error(
                    ErrorCode::UnknownName,
                    format!("no channel has the id {text}"),
                )
            };
            let id = self.community_of(channel).ok_or_else(unknown)?;
            let community = self.communities.get(&id).ok_or_else(unknown)?;
            if !community.active {
                let message = format!(
                    "this account is not a member of the community {}",
                    community.name()
                );
                return Err(error(ErrorCode::NotMember, message));
            }
            return if community.is_entitled(me, Some(channel)) {
                Ok((id, channel))
            } else {
                Err(unknown())
            };
        }
        let Some((community, name)) = text.split_once('/') else {
            return Err(error(
                ErrorCode::UnknownName,
                format!("{text:?} is no channel: an id or community/channel is expected"),
            ));
        };
        let id = self.community_named(community)?;
        if name == GROUP_CHANNEL && self.active(id)?.kind() == CommunityKind::Group {
            return Ok((id, direct::channel(id)));
        }
        let community_of = self.active(id)?;
        let state = community_of.state();
        let named: Vec<ChannelId> = state
            .channels
            .keys()
            .copied()
            .filter(|channel| community_of.text(&Field::ChannelName(*channel)) == name)
            .filter(|channel| community_of.is_entitled(me, Some(*channel)))
            .collect();
        match named.as_slice() {
            [one] => Ok((id, *one)),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("the community {community:?} has no channel {name:?}"),
            )),
            many => Err(ambiguous(
                "channels",
                text,
                many.iter().map(ToString::to_string),
            )),
        }
    }

    /// Community and channel of a message that is shown here.
    pub(crate) fn message_named(
        &self,
        message: EventId,
    ) -> Result<(CommunityId, ChannelId), CommandError> {
        for community in self
            .communities
            .values()
            .filter(|community| community.active)
        {
            if let Some(channel) = community.channel_of_message(message) {
                return Ok((community.id, channel));
            }
        }
        Err(error(
            ErrorCode::UnknownName,
            format!("no message has the id {message}"),
        ))
    }

    /// The account of an id or of a member's display name; a banned account by its id.
    pub(crate) fn account_named(
        &self,
        community: &Community,
        text: &str,
    ) -> Result<AccountId, CommandError> {
        if let Ok(account) = text.parse::<AccountId>() {
            return Ok(account);
        }
        let state = community.state();
        let accounts: std::collections::BTreeSet<_> = state
            .members
            .keys()
            .chain(state.banned.keys())
            .copied()
            .collect();
        let named: Vec<_> = accounts
            .into_iter()
            .filter(|account| community.member_name(*account) == text)
            .collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("no member is named {text:?}"),
            )),
            many => Err(ambiguous(
                "members",
                text,
                many.iter().map(ToString::to_string),
            )),
        }
    }

    /// The role of an id, a name, or `everyone`.
    pub(crate) fn role_named(
        &self,
        community: &Community,
        text: &str,
    ) -> Result<RoleId, CommandError> {
        let state = community.state();
        if text == "everyone" {
            return Ok(RoleId::ZERO);
        }
        if let Ok(role) = text.parse::<RoleId>()
            && state.roles.contains_key(&role)
        {
            return Ok(role);
        }
        let named: Vec<_> = state
            .roles
            .keys()
            .filter(|role| community.role_name(**role) == text)
            .collect();
        match named.as_slice() {
            [one] => Ok(**one),
            [] => Err(error(
                ErrorCode::UnknownName,
                format!("no role is named {text:?}"),
            )),
            many => Err(ambiguous(
                "roles",
                text,
                many.iter().map(ToString::to_string),
            )),
        }
    }

    pub(crate) fn active(&self, id: CommunityId) -> Result<&Community, CommandError> {
        self.communities
            .get(&id)
            .filter(|community| community.active)
            .ok_or_else(|| {
                error(
                    ErrorCode::NotMember,
                    "this account is not a member of the community",
                )
            })
    }

    /// Whether this account may issue an operation now; the evaluator's own reason if not.
    pub(crate) fn check_op(&self, id: CommunityId, op: &AuthorityOp) -> Outcome {
        let community = self.active(id)?;
        community
            .authority
            .permits(self.me.account(), op)
            .map_err(|reason| error(ErrorCode::NotPermitted, reason))
    }
}

pub(crate) fn ambiguous(what: &str, text: &str, ids: impl Iterator<Item = String>) -> CommandError {
    let ids: Vec<_> = ids.collect();
    error(
        ErrorCode::AmbiguousName,
        format!(
            "{} {what} are named {text:?}: {}",
            ids.len(),
            ids.join(", ")
        ),
    )
}

/// A content draft of single operations.
pub(crate) fn content(ops: Vec<ContentOp>) -> Draft {
    Draft::Content(Body::Content(ops))
}

/// Sets a text field; an empty text clears it.
pub(crate) fn set_text(field: Field, text: &str) -> ContentOp {
    if text.is_empty() {
        ContentOp::Clear { field }
    } else {
        ContentOp::Set {
            field,
            value: Value::Text(text.to_owned()),
        }
    }
}
