//! Evaluated authority: what a set of operations comes to, and the questions that are asked of it.
//!
//! A [`State`] shares its parts with the states before and after it, so that keeping many of them is cheap.
//! It is a value: two replicas with the same operations hold equal ones (`Eq`, [`State::digest`]). Besides
//! what is public it keeps what a later operation may need again: the records of former members, the
//! bindings of devices to accounts, and what was deleted. docs/protocol.md, "Authority".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{
    AccountId, ChannelId, DeviceId, EpochId, EventId, InviteId, NetworkKey, RoleId, UnixMs,
};

use super::op::OverwriteTarget;
use crate::identity::{IdentityLog, PrekeyRecord};
use crate::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions, Rank};
use crate::policy::Policy;

/// An ordered map that shares structure between its versions; iterates in ascending order.
pub type Map<K, V> = imbl::OrdMap<K, V>;
/// An ordered set that shares structure between its versions; iterates in ascending order.
pub type Set<T> = imbl::OrdSet<T>;

/// Evaluated state. Two replicas with the same operations have equal values (`Eq`) and equal `digest`s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// The level of rules in force; above [`LEVEL_SUPPORTED`](crate::limits::LEVEL_SUPPORTED) everything
    /// behind the `SetLevel` is kept and ignored here: the community is to be shown read-only.
    pub level: u16,
    /// Which rules hold.
    pub kind: CommunityKind,
    /// Who founded the community; zero in a direct conversation.
    pub founder: AccountId,
    /// The owner set of the version in force. Only those among them who are members act as owners.
    pub owners: BTreeSet<AccountId>,
    /// The operation that made the present owner set.
    pub owners_version: EventId,
    /// Accounts whose membership stands and who are not banned.
    pub members: Map<AccountId, Arc<Member>>,
    /// Banned accounts and the bans.
    pub banned: Map<AccountId, EventId>,
    /// [`RoleId::ZERO`] is everyone.
    pub roles: Map<RoleId, Role>,
    /// Channels that are not deleted.
    pub channels: Map<ChannelId, Arc<Channel>>,
    /// Invites, revoked ones too.
    pub invites: Map<InviteId, Invite>,
    /// The time-out in force for an account, which may have passed.
    pub timeouts: Map<AccountId, (EventId, UnixMs)>,
    /// History policy of the community's key scope.
    pub history: HistoryPolicy,
    /// The rules in force.
    pub policy: Arc<Policy>,
    /// The operation that set each rule, by the rule's number.
    pub policy_by: Map<u8, EventId>,
    /// All announced epochs with their announcement's content.
    pub epochs: Map<EpochId, Arc<Epoch>>,
    /// Effective operations that took an entitlement, by key scope: what `usable` asks for.
    pub losses: Set<Loss>,
    /// Late events accepted by effective `accept_late` operations.
    pub accepted_late: Set<EventId>,
    /// Events hidden by effective `purge` operations.
    pub purged: Set<EventId>,
    /// Records of accounts that are no members now.
    pub(super) former: Map<AccountId, Arc<Former>>,
    /// Every device that was ever embedded, and its account.
    pub(super) devices: Map<DeviceId, AccountId>,
    /// Devices that may not act, revoked or suspended, and the operation that brought that in.
    pub(super) revoked: Map<DeviceId, EventId>,
    /// Settings of channels that do not exist (deleted, or their creation does not count).
    pub(super) closed: Map<ChannelId, Arc<Channel>>,
    /// Roles, channels and invites that were deleted: they are not made again by a reaffirmation.
    pub(super) gone: Set<EventId>,
    /// Effective admissions by invite.
    pub(super) uses: Map<InviteId, u32>,
    /// The earliest signed time among the effective admissions of an account.
    pub(super) came: Map<AccountId, UnixMs>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Roles held, without "everyone".
    pub roles: BTreeSet<RoleId>,
    /// Devices that were not revoked, with their network keys.
    pub devices: BTreeMap<DeviceId, Vec<NetworkKey>>,
    /// Those of the devices that neither write nor are given keys: the recovery words are to decide about them.
    pub suspended: BTreeSet<DeviceId>,
    /// Home nodes of the account, with their network keys: they may hold its ciphertext and author nothing.
    pub homes: BTreeMap<DeviceId, NetworkKey>,
    /// The prekey record that came with the join; `None` for the founder and in a direct conversation.
    pub prekey: Option<PrekeyRecord>,
    /// X25519 key to which epoch secrets of `all` scopes are also wrapped.
    pub recovery_wrap_key: [u8; 32],
    /// The operation that admitted the account (genesis for the founder).
    pub admitted: EventId,
    /// The invite used.
    pub invite: Option<InviteId>,
    /// The account's identity events as far as effective operations brought them in.
    pub(super) identity: Option<Arc<IdentityLog>>,
    /// The operations that brought them in.
    pub(super) embedded_by: BTreeSet<EventId>,
    /// The operations that gave the roles.
    pub(super) granted: BTreeMap<RoleId, EventId>,
    /// The operation on which the membership (or its end) rests now.
    pub(super) standing_by: EventId,
}

/// What is kept of an account that is no member now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Former {
    pub(super) member: Member,
    /// The membership stands (the account is banned).
    pub(super) standing: bool,
}

/// A role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// How high it stands.
    pub rank: Rank,
    /// What it allows.
    pub permissions: Permissions,
    /// The operation that set this.
    pub by: EventId,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// What it is for.
    pub kind: ChannelKind,
    /// Whether it is a key scope of its own, viewed only by overwrite (and by owners).
    pub private: bool,
    /// (allow, deny) per role or member.
    pub overwrites: BTreeMap<OverwriteTarget, (Permissions, Permissions)>,
    /// Least time between two events of one account; 0: none.
    pub slow_mode_ms: u32,
    /// History policy, if the channel is private.
    pub history: HistoryPolicy,
    /// The operations that set the overwrites.
    pub(super) overwritten: BTreeMap<OverwriteTarget, EventId>,
}

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Who made it. It works only while the creator holds INVITE.
    pub creator: AccountId,
    /// The public key whose seed is in the link.
    pub key: [u8; 32],
    /// When it ends; judged by the admitting member.
    pub expires: Option<UnixMs>,
    /// How many it may admit; judged by the admitting member.
    pub uses: Option<u32>,
    /// How many it admitted.
    pub used: u32,
    /// Whether it was withdrawn.
    pub revoked: bool,
}

/// An announced epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its key scope: a private channel, or `None`: the community's.
    pub channel: Option<ChannelId>,
    /// Epochs that it follows.
    pub parents: Vec<EpochId>,
    /// Derived hash of secret, scope and parents.
    pub commit: [u8; 32],
    /// 0 without parents, else one more than the deepest parent.
    pub depth: u32,
}

/// `op` took `account`'s (or one `device`'s) entitlement to the key scope of `channel` (`None`: all).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// The operation.
    pub op: EventId,
    /// Whose entitlement.
    pub account: AccountId,
    /// The device, if only one lost it.
    pub device: Option<DeviceId>,
    /// The private channel, if only its key scope was lost.
    pub channel: Option<ChannelId>,
}

impl State {
    /// The state before any operation.
    pub(super) fn empty() -> Self {
        Self {
            level: 0,
            kind: CommunityKind::Community,
            founder: AccountId::ZERO,
            owners: BTreeSet::new(),
            owners_version: EventId::ZERO,
            members: Map::new(),
            banned: Map::new(),
            roles: Map::new(),
            channels: Map::new(),
            invites: Map::new(),
            timeouts: Map::new(),
            history: HistoryPolicy::All,
            policy: Arc::default(),
            policy_by: Map::new(),
            epochs: Map::new(),
            losses: Set::new(),
            accepted_late: Set::new(),
            purged: Set::new(),
            former: Map::new(),
            devices: Map::new(),
            revoked: Map::new(),
            closed: Map::new(),
            gone: Set::new(),
            uses: Map::new(),
            came: Map::new(),
        }
    }

    /// The account's rank: [`Rank::OWNER`] for owners who are members, else the greatest rank of its roles.
    #[must_use]
    pub fn rank(&self, account: AccountId) -> Rank {
        let Some(member) = self.members.get(&account) else {
            return Rank::MEMBER;
        };
        if self.owners.contains(&account) {
            Rank::OWNER
        } else {
            self.rank_of_roles(member)
        }
    }

    /// The greatest rank among the roles of a record.
    pub(super) fn rank_of_roles(&self, member: &Member) -> Rank {
        let ranks = member
            .roles
            .iter()
            .filter_map(|role| self.roles.get(role))
            .map(|role| role.rank);
        ranks.max().unwrap_or(Rank::MEMBER)
    }

    /// Whether the account is an owner and a member.
    #[must_use]
    pub fn is_owner(&self, account: AccountId) -> bool {
        self.owners.contains(&account) && self.members.contains_key(&account)
    }

    /// Whether the account is a member.
    #[must_use]
    pub fn is_member(&self, account: AccountId) -> bool {
        self.members.contains_key(&account)
    }

    /// The member whose device it is, if it may act.
    #[must_use]
    pub fn account_of(&self, device: DeviceId) -> Option<AccountId> {
        let account = *self.devices.get(&device)?;
        (self.is_member(account) && !self.revoked.contains_key(&device)).then_some(account)
    }

    /// The member whose device it is, if it was not revoked: it may read, and writes unless it is suspended.
    #[must_use]
    pub fn reader_of(&self, device: DeviceId) -> Option<AccountId> {
        let account = *self.devices.get(&device)?;
        let member = self.members.get(&account)?;
        member.devices.contains_key(&device).then_some(account)
    }

    /// The identity events of an account that was ever a member here, as far as they were brought in.
    #[must_use]
    pub fn identity(&self, account: AccountId) -> Option<&Arc<IdentityLog>> {
        self.record(account)?.0.identity.as_ref()
    }

    /// The account that a device was embedded for, whether or not it may act now.
    #[must_use]
    pub fn account_ever(&self, device: DeviceId) -> Option<AccountId> {
        self.devices.get(&device).copied()
    }

    /// Whether no other device was ever embedded: nobody else could have written here.
    #[must_use]
    pub fn is_alone(&self, device: DeviceId) -> bool {
        self.devices.len() == 1 && self.devices.contains_key(&device)
    }

    /// Rights of an account, in a channel or (None) in the community. Not a member: none.
    ///
    /// everyone, then roles, then the channel's overwrites: role deny, role allow, member deny, member allow.
    /// Owners have every right. Who may not view a channel has no right in it; a private channel is viewed
    /// only by an overwrite.
    #[must_use]
    pub fn permissions(&self, account: AccountId, channel: Option<ChannelId>) -> Permissions {
        let Some(member) = self.members.get(&account) else {
            return Permissions::NONE;
        };
        let found = match channel {
            Some(channel) => match self.channels.get(&channel) {
                Some(found) => Some(found),
                None => return Permissions::NONE,
            },
            None => None,
        };
        if self.owners.contains(&account) {
            return match self.kind {
                CommunityKind::Community => Permissions::ALL,
                CommunityKind::Group => Permissions::GROUP_OWNER,
                CommunityKind::Direct => Permissions::DIRECT,
            };
        }
        let base = self.permissions_of_roles(member);
        found.map_or(base, |channel| in_channel(base, account, member, channel))
    }

    fn permissions_of_roles(&self, member: &Member) -> Permissions {
        let everyone = self
            .roles
            .get(&RoleId::ZERO)
            .map_or(Permissions::NONE, |role| role.permissions);
        let roles = member.roles.iter().filter_map(|role| self.roles.get(role));
        roles.fold(everyone, |rights, role| rights | role.permissions)
    }

    /// Whether the account may be given the keys of a scope: a member who may view it.
    #[must_use]
    pub fn may_view(&self, account: AccountId, channel: Option<ChannelId>) -> bool {
        self.permissions(account, channel).has(Permissions::VIEW)
    }

    /// Key scopes: the community's (`None`) and each private channel's.
    pub fn key_scopes(&self) -> impl Iterator<Item = Option<ChannelId>> + '_ {
        let private = self.channels.iter().filter(|(_, channel)| channel.private);
        std::iter::once(None).chain(private.map(|(id, _)| Some(*id)))
    }

    /// The key scope of a channel: the channel itself if it is private, else the community's.
    #[must_use]
    pub fn key_scope(&self, channel: ChannelId) -> Option<ChannelId> {
        self.channels
            .get(&channel)
            .is_some_and(|found| found.private)
            .then_some(channel)
    }

    /// The record of an account, member or former, and whether its membership stands.
    pub(super) fn record(&self, account: AccountId) -> Option<(&Member, bool)> {
        let former = || {
            self.former
                .get(&account)
                .map(|former| (&former.member, former.standing))
        };
        self.members
            .get(&account)
            .map(|member| (&**member, true))
            .or_else(former)
    }

    /// Changes an account's record (made by `or` if there is none) and files it where it belongs.
    pub(super) fn edit(
        &mut self,
        account: AccountId,
        or: &Member,
        change: impl FnOnce(&mut Member, &mut bool),
    ) {
        let (mut member, mut standing) = self.record(account).map_or_else(
            || (or.clone(), false),
            |(member, standing)| (member.clone(), standing),
        );
        change(&mut member, &mut standing);
        if standing && !self.banned.contains_key(&account) {
            self.former.remove(&account);
            self.members.insert(account, Arc::new(member));
        } else {
            self.members.remove(&account);
            self.former
                .insert(account, Arc::new(Former { member, standing }));
        }
    }

    /// Changes a channel's settings, whether or not the channel exists now.
    pub(super) fn edit_channel(
        &mut self,
        id: ChannelId,
        change: impl FnOnce(&mut Channel, &mut bool),
    ) {
        let held = self.channels.get(&id);
        let mut exists = held.is_some();
        let mut channel = held
            .or_else(|| self.closed.get(&id))
            .map_or_else(Channel::blank, |channel| (**channel).clone());
        change(&mut channel, &mut exists);
        if exists {
            self.closed.remove(&id);
            self.channels.insert(id, Arc::new(channel));
        } else {
            self.channels.remove(&id);
            self.closed.insert(id, Arc::new(channel));
        }
    }
}

impl Member {
    /// Devices that may act, with their network keys.
    pub fn acting(&self) -> impl Iterator<Item = (DeviceId, &[NetworkKey])> {
        let acts = |device: &DeviceId| !self.suspended.contains(device);
        let acting = self.devices.iter().filter(move |(device, _)| acts(device));
        acting.map(|(device, keys)| (*device, keys.as_slice()))
    }

    /// A record without roles and devices.
    pub(super) const fn blank(by: EventId) -> Self {
        Self {
            roles: BTreeSet::new(),
            devices: BTreeMap::new(),
            suspended: BTreeSet::new(),
            homes: BTreeMap::new(),
            prekey: None,
            recovery_wrap_key: [0; 32],
            admitted: by,
            invite: None,
            identity: None,
            embedded_by: BTreeSet::new(),
            granted: BTreeMap::new(),
            standing_by: by,
        }
    }
}

impl Channel {
    const fn blank() -> Self {
        Self {
            kind: ChannelKind::Text,
            private: false,
            overwrites: BTreeMap::new(),
            slow_mode_ms: 0,
            history: HistoryPolicy::All,
            overwritten: BTreeMap::new(),
        }
    }
}

/// Applies a channel's overwrites to the rights that roles give.
fn in_channel(
    base: Permissions,
    account: AccountId,
    member: &Member,
    channel: &Channel,
) -> Permissions {
    let mut rights = if channel.private {
        base & !Permissions::VIEW
    } else {
        base
    };
    let (mut allow, mut deny) = (Permissions::NONE, Permissions::NONE);
    for role in member.roles.iter().chain([&RoleId::ZERO]) {
        if let Some((given, taken)) = channel.overwrites.get(&OverwriteTarget::Role(*role)) {
            allow = allow | *given;
            deny = deny | *taken;
        }
    }
    rights = rights & !deny | allow;
    if let Some((given, taken)) = channel.overwrites.get(&OverwriteTarget::Member(account)) {
        rights = rights & !*taken | *given;
    }
    if rights.has(Permissions::VIEW) {
        rights
    } else {
        Permissions::NONE
    }
}
