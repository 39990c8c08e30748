//! Authority operations: the clear bodies of [`Kind::Authority`](crate::event::Kind) events.

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, InviteId, RoleId, UnixMs,
};

use crate::event::SignedEvent;
use crate::identity::PrekeyRecord;
use crate::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions, Rank};
use crate::policy::Rule;

/// One operation on a community's authority.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "each is held once, behind a shared pointer"
)]
pub enum AuthorityOp {
    /// Founds the community; its event's id is the community's id, its scope is zero.
    Genesis(Genesis),
    /// Joins more heads than one event may name. No effect.
    Merge,
    /// Brings a member's further devices in.
    DeviceAdd {
        /// The account.
        account: AccountId,
        /// The account's identity events, genesis first.
        chain: Vec<SignedEvent>,
    },
    /// Brings a revocation in.
    DeviceRevoke {
        /// The account.
        account: AccountId,
        /// The device.
        device: DeviceId,
        /// The account's identity events, genesis first.
        chain: Vec<SignedEvent>,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Admits the account that signed the join.
    Admit(Join),
    /// The author's account leaves.
    Leave,
    /// Makes a role; the event's id is the role's.
    RoleCreate {
        /// How high it stands.
        rank: Rank,
        /// What it allows.
        permissions: Permissions,
    },
    /// Changes rank and rights of a role ([`RoleId::ZERO`]: everyone, rank 0).
    RoleEdit {
        /// The role.
        role: RoleId,
        /// How high it stands.
        rank: Rank,
        /// What it allows.
        permissions: Permissions,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Removes a role.
    RoleDelete {
        /// The role.
        role: RoleId,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Gives a role; confirms membership.
    Grant {
        /// The account.
        account: AccountId,
        /// The role.
        role: RoleId,
    },
    /// Takes a role.
    Revoke {
        /// The account.
        account: AccountId,
        /// The role.
        role: RoleId,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Makes a channel; the event's id is the channel's. `private`: own key scope, nobody views it but by overwrite.
    ChannelCreate {
        /// What it is for.
        kind: ChannelKind,
        /// Whether it is a key scope of its own.
        private: bool,
    },
    /// Closes a channel.
    ChannelDelete {
        /// The channel.
        channel: ChannelId,
    },
    /// Sets what a role or member may or may not do in a channel.
    Overwrite {
        /// The channel.
        channel: ChannelId,
        /// For whom.
        target: OverwriteTarget,
        /// Rights given.
        allow: Permissions,
        /// Rights taken.
        deny: Permissions,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Removes a member, who may join again.
    Kick {
        /// The account.
        account: AccountId,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Bans an account.
    Ban {
        /// The account.
        account: AccountId,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Lifts a ban.
    Unban {
        /// The account.
        account: AccountId,
    },
    /// Events of the account with this in their past count only from `until` on (signed time).
    TimeOut {
        /// The account.
        account: AccountId,
        /// When it ends; 0 lifts it.
        until: UnixMs,
        /// Per log of those who lose a right, the last event accepted.
        last: Vec<EventId>,
    },
    /// Least time between two events of one account in the channel; 0 ends slow mode.
    SlowMode {
        /// The channel.
        channel: ChannelId,
        /// Milliseconds.
        interval_ms: u32,
    },
    /// Makes an invite; the event's id is the invite's.
    InviteCreate {
        /// Ed25519 public key whose seed is in the link.
        key: [u8; 32],
        /// When it ends, for the admitting member to judge.
        expires: Option<UnixMs>,
        /// How many it may admit, for the admitting member to judge.
        uses: Option<u32>,
    },
    /// Withdraws an invite.
    InviteRevoke {
        /// The invite.
        invite: InviteId,
    },
    /// Acts as the listed operations, issued by this author at this place.
    Reaffirm {
        /// The operations.
        ops: Vec<EventId>,
    },
    /// Accepts the listed late events of timelines, with their ancestors.
    AcceptLate {
        /// The events.
        events: Vec<EventId>,
    },
    /// Hides the listed events, whatever was built on them.
    Purge {
        /// The events.
        events: Vec<EventId>,
    },
    /// One owner's signature for a proposed owner set; no effect by itself.
    OwnersVote {
        /// The proposed owner set.
        proposal: OwnersProposal,
        /// By the author's device over the proposal.
        signature: [u8; 64],
    },
    /// A new owner set, signed by more than half of the votes of the version that it replaces.
    OwnersCertificate {
        /// The proposed owner set.
        proposal: OwnersProposal,
        /// By owners' devices over the proposal, ascending by device.
        signatures: Vec<(DeviceId, [u8; 64])>,
    },
    /// Raises the level of the community's rules.
    SetLevel {
        /// The new level.
        level: u16,
    },
    /// Changes the history policy of a key scope (`None`: the community's).
    SetHistory {
        /// The channel.
        channel: Option<ChannelId>,
        /// The new policy.
        policy: HistoryPolicy,
    },
    /// Changes one rule of the community.
    SetPolicy(Rule),
    /// Adds an account to a group conversation, without its signature: whoever is added may leave.
    Add {
        /// The account.
        account: AccountId,
        /// The account's identity events, genesis first.
        chain: Vec<SignedEvent>,
        /// Prekey record of one of its devices, so that whoever adds can wrap at once.
        prekey: PrekeyRecord,
    },
    /// Announces an epoch; the event's id is the epoch's.
    AnnounceEpoch(EpochAnnouncement),
    /// Publishes a link from an epoch to a parent that its announcer could not make.
    LinkEpoch {
        /// The epoch.
        epoch: EpochId,
        /// Its parent.
        parent: EpochId,
        /// The parent's key material under a key from the epoch's.
        sealed: Vec<u8>,
    },
    /// An operation of a later level or release: kept, relayed, without effect.
    Unknown {
        /// Its first byte.
        tag: u8,
        /// The rest.
        bytes: Vec<u8>,
    },
}

/// The first operation of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Level of the rules that the community starts with.
    pub level: u16,
    /// Makes two communities of one founder differ.
    pub nonce: [u8; 16],
    /// The founder's identity events; the author's device is in them. Empty in a direct conversation.
    pub founder: Vec<SignedEvent>,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Rights of the role "everyone".
    pub everyone: Permissions,
    /// Which rules hold.
    pub kind: CommunityKind,
    /// The accounts of a direct conversation, ascending; `None` in the other kinds.
    pub pair: Option<(AccountId, AccountId)>,
}

/// Whom an overwrite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OverwriteTarget {
    /// Holders of a role.
    Role(RoleId),
    /// One member.
    Member(AccountId),
}

/// A request to be admitted, signed by the joiner; any member wraps it in `Admit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The community.
    pub community: CommunityId,
    /// The invite used, unless a holder of INVITE admits by hand.
    pub invite: Option<InviteId>,
    /// The joining account.
    pub account: AccountId,
    /// Its identity events, genesis first.
    pub chain: Vec<SignedEvent>,
    /// The joining device, which is in the chain.
    pub device: DeviceId,
    /// The device's prekey record, so that the admitting member can wrap at once.
    pub prekey: PrekeyRecord,
    /// By the invite's key over the join's canonical form without the two signatures; zero without invite.
    pub invite_signature: [u8; 64],
    /// By the device over the same.
    pub device_signature: [u8; 64],
}

/// A proposed set of owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnersProposal {
    /// The community.
    pub community: CommunityId,
    /// The operation that made the owner set that this one replaces (genesis or a certificate).
    pub replaces: EventId,
    /// The new owners, ascending, at least one.
    pub owners: Vec<AccountId>,
}

/// What an epoch's announcement holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpochAnnouncement {
    /// The private channel whose key scope it is; `None`: the community's.
    pub channel: Option<ChannelId>,
    /// Tips that it follows.
    pub parents: Vec<EpochId>,
    /// Derived hash of secret, scope and parents.
    pub commit: [u8; 32],
    /// Per parent that could be linked: the parent and its link key (or secret) sealed under a key from this link key.
    pub links: Vec<(EpochId, Vec<u8>)>,
}
