//! Authority operations: the clear bodies of [`Kind::Authority`](crate::event::Kind) events.

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, InviteId, RoleId, UnixMs};

use crate::event::SignedEvent;
use crate::permissions::{ChannelKind, HistoryPolicy, Permissions, Rank};

/// One operation on a community's authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorityOp {
    /// Founds the community; its event's id is the community's id, its scope is zero.
    Genesis(Genesis),
    /// Joins more heads than one event may name. No effect.
    Merge,
    /// Brings a member's further devices in: the account's identity events that the community lacks.
    DeviceAdd { account: AccountId, chain: Vec<SignedEvent> },
    /// Brings a revocation in. `last`: per log of the device, the last event accepted.
    DeviceRevoke { account: AccountId, device: DeviceId, chain: Vec<SignedEvent>, last: Vec<EventId> },
    /// Admits the account that signed the join.
    Admit(Join),
    /// The author's account leaves.
    Leave,
    /// Makes a role; the event's id is the role's.
    RoleCreate { rank: Rank, permissions: Permissions },
    /// Changes rank and rights of a role ([`RoleId::ZERO`]: everyone, rank 0).
    RoleEdit { role: RoleId, rank: Rank, permissions: Permissions, last: Vec<EventId> },
    /// Removes a role.
    RoleDelete { role: RoleId, last: Vec<EventId> },
    /// Gives a role; confirms membership.
    Grant { account: AccountId, role: RoleId },
    /// Takes a role.
    Revoke { account: AccountId, role: RoleId, last: Vec<EventId> },
    /// Makes a channel; the event's id is the channel's. `private`: own key scope, nobody views it but by overwrite.
    ChannelCreate { kind: ChannelKind, private: bool },
    /// Closes a channel.
    ChannelDelete { channel: ChannelId },
    /// Sets what a role or member may or may not do in a channel.
    Overwrite { channel: ChannelId, target: OverwriteTarget, allow: Permissions, deny: Permissions, last: Vec<EventId> },
    /// Removes a member, who may join again.
    Kick { account: AccountId, last: Vec<EventId> },
    /// Bans an account.
    Ban { account: AccountId, last: Vec<EventId> },
    /// Lifts a ban.
    Unban { account: AccountId },
    /// Events of the account with this in their past count only from `until` on (signed time).
    TimeOut { account: AccountId, until: UnixMs, last: Vec<EventId> },
    /// Least time between two events of one account in the channel; 0 ends slow mode.
    SlowMode { channel: ChannelId, interval_ms: u32 },
    /// Makes an invite; the event's id is the invite's. `key`: Ed25519 public key whose seed is in the link.
    InviteCreate { key: [u8; 32], expires: Option<UnixMs>, uses: Option<u32> },
    /// Withdraws an invite.
    InviteRevoke { invite: InviteId },
    /// Acts as the listed operations, issued by this author at this place.
    Reaffirm { ops: Vec<EventId> },
    /// Accepts the listed late events of timelines, with their ancestors.
    AcceptLate { events: Vec<EventId> },
    /// Hides the listed events, whatever was built on them.
    Purge { events: Vec<EventId> },
    /// One owner's signature for a proposed owner set; no effect by itself.
    OwnersVote { proposal: OwnersProposal, signature: [u8; 64] },
    /// A new owner set, signed by more than half of the votes of the version that it replaces.
    OwnersCertificate { proposal: OwnersProposal, signatures: Vec<(DeviceId, [u8; 64])> },
    /// Raises the level of the community's rules.
    SetLevel { level: u16 },
    /// Changes the history policy of a key scope (`None`: the community's).
    SetHistory { channel: Option<ChannelId>, policy: HistoryPolicy },
    /// Announces an epoch; the event's id is the epoch's.
    AnnounceEpoch(EpochAnnouncement),
    /// Publishes a link from an epoch to a parent that its announcer could not make.
    LinkEpoch { epoch: EpochId, parent: EpochId, sealed: Vec<u8> },
    /// An operation of a later level or release: kept, relayed, without effect.
    Unknown { tag: u8, bytes: Vec<u8> },
}

/// The first operation of a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Level of the rules that the community starts with.
    pub level: u16,
    /// Makes two communities of one founder differ.
    pub nonce: [u8; 16],
    /// The founder's identity events; the author's device is in them.
    pub founder: Vec<SignedEvent>,
    /// What newcomers may read.
    pub history: HistoryPolicy,
    /// Rights of the role "everyone".
    pub everyone: Permissions,
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
    pub prekey: crate::identity::PrekeyRecord,
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
