//! Who may do what: a community's state as a pure function of its set of valid operations.

pub mod op;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, InviteId, NetworkKey, RoleId, ScopeId, UnixMs};

use crate::dag::{Dag, InsertError};
use crate::event::VerifiedEvent;
use crate::permissions::{ChannelKind, HistoryPolicy, Permissions, Rank};
use op::{AuthorityOp, OverwriteTarget};

/// All valid operations of one community, always held whole, and their evaluation.
#[derive(Debug)]
pub struct AuthorityLog {
    // owner decides
}

impl AuthorityLog {
    /// Starts from a verified genesis event.
    pub fn new(genesis: VerifiedEvent) -> Result<Self, InsertError> { todo!() }
    /// Adds an operation; parents must be present. Idempotent.
    pub fn insert(&mut self, event: VerifiedEvent) -> Result<(), InsertError> { todo!() }
    /// The community.
    pub fn community(&self) -> CommunityId { todo!() }
    /// Chains, heads, heights: what sync needs.
    pub fn dag(&self) -> &Dag { todo!() }
    /// The decoded operation of an event.
    pub fn op(&self, id: EventId) -> Option<&AuthorityOp> { todo!() }
    /// State of everything held.
    pub fn state(&self) -> Arc<State> { todo!() }
    /// `E(H)`: the rule applied to the closure of `heads` alone. `None` if a head is not held.
    pub fn state_at(&self, heads: &[EventId]) -> Option<Arc<State>> { todo!() }
    /// Whether `op` is in the closure of `heads` (a head is in its own closure).
    pub fn in_closure(&self, heads: &[EventId], op: EventId) -> bool { todo!() }
    /// Whether the operation is effective in everything held, and if not, which operations decided.
    pub fn verdict(&self, op: EventId) -> Option<Verdict> { todo!() }
    /// Effective denials that may limit events of `device` in `scope` (rule 3), with the ids that they list.
    pub fn denials(&self, device: DeviceId) -> Vec<Denial> { todo!() }
    /// Ids accepted by effective `accept_late` operations, and ids purged by effective `purge` operations.
    pub fn accepted_late(&self) -> BTreeSet<EventId> { todo!() }
    /// NEEDED BY CORE: whether `account` may issue `op` now (on everything held); the plain sentence of what lacks if not.
    pub fn permits(&self, account: AccountId, op: &AuthorityOp) -> Result<(), String> { todo!() }
    /// NEEDED BY CORE: effective operations that ended this account's membership (kick, ban, leave, fallen admission's cause).
    pub fn removals(&self, account: AccountId) -> Vec<EventId> { todo!() }
    /// NEEDED BY CORE: signatures of owners for exactly this proposal, from votes held; one per device.
    pub fn votes_for(&self, p: &op::OwnersProposal) -> Vec<(DeviceId,[u8;64])> { todo!() }
    pub fn purged(&self) -> BTreeSet<EventId> { todo!() }
    /// Explains a right: the bits and the operations that gave or took them.
    pub fn why(&self, account: AccountId, right: Permissions, channel: Option<ChannelId>) -> Why { todo!() }
}

/// Whether and why an operation counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Effective,
    /// `by`: the operations that took away what it rested on; `reason`: one plain sentence.
    Ineffective { by: Vec<EventId>, reason: String },
}

/// An effective operation that takes a writing right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub op: EventId,
    pub author: AccountId,
    /// `None`: the whole community.
    pub channel: Option<ChannelId>,
    /// The rights taken; events that need none of them are not limited.
    pub rights: Permissions,
    /// The last events accepted, per log of the target.
    pub last: Vec<EventId>,
}

/// An explained right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why { pub granted: bool, pub sentences: Vec<String>, pub ops: Vec<EventId> }

/// Evaluated state. Two replicas with the same operations have equal values (`Eq`) and equal `digest`s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub level: u16,
    pub founder: AccountId,
    pub owners: BTreeSet<AccountId>,
    /// The operation that made the present owner set.
    pub owners_version: EventId,
    pub members: BTreeMap<AccountId, Member>,
    pub banned: BTreeMap<AccountId, EventId>,
    /// [`RoleId::ZERO`] is everyone.
    pub roles: BTreeMap<RoleId, Role>,
    pub channels: BTreeMap<ChannelId, Channel>,
    pub invites: BTreeMap<InviteId, Invite>,
    pub timeouts: BTreeMap<AccountId, (EventId, UnixMs)>,
    pub history: HistoryPolicy,
    /// All announced epochs with their announcement's content.
    pub epochs: BTreeMap<EpochId, Epoch>,
    /// Effective operations that took an entitlement, by key scope: what `usable` asks for.
    pub losses: Vec<Loss>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub roles: BTreeSet<RoleId>,
    /// Devices that may act, with their network keys.
    pub devices: BTreeMap<DeviceId, Vec<NetworkKey>>,
    pub prekey: Option<crate::identity::PrekeyRecord>,
    pub recovery_wrap_key: [u8; 32],
    /// The operation that admitted the account (genesis for the founder).
    pub admitted: EventId,
    pub invite: Option<InviteId>,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role { pub rank: Rank, pub permissions: Permissions }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub kind: ChannelKind,
    pub private: bool,
    pub overwrites: BTreeMap<OverwriteTarget, (Permissions, Permissions)>,
    pub slow_mode_ms: u32,
    pub history: HistoryPolicy,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite { pub creator: AccountId, pub key: [u8; 32], pub expires: Option<UnixMs>, pub uses: Option<u32>, pub used: u32, pub revoked: bool }
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch { pub channel: Option<ChannelId>, pub parents: Vec<EpochId>, pub commit: [u8; 32], pub depth: u32 }
/// `op` took `account`'s (or one `device`'s) entitlement to the key scope of `channel` (`None`: all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss { pub op: EventId, pub account: AccountId, pub device: Option<DeviceId>, pub channel: Option<ChannelId> }

impl State {
    pub fn rank(&self, account: AccountId) -> Rank { todo!() }
    /// NEEDED BY CORE: votes that these owners' signatures weigh now, and how many are needed (more than half).
    pub fn votes(&self, s: &[(DeviceId,[u8;64])]) -> (u32,u32) { todo!() }
    /// Rights of an account, in a channel or (None) in the community. Not a member: none.
    pub fn permissions(&self, account: AccountId, channel: Option<ChannelId>) -> Permissions { todo!() }
    /// The member whose device it is, if it may act.
    pub fn account_of(&self, device: DeviceId) -> Option<AccountId> { todo!() }
    pub fn is_member(&self, account: AccountId) -> bool { todo!() }
    /// Derived hash of the whole state in canonical form.
    pub fn digest(&self) -> [u8; 32] { todo!() }
}

impl op::Join {
    pub fn sign(community: CommunityId, invite: Option<(InviteId, &crate::keys::DeviceKey)>, chain: Vec<crate::event::SignedEvent>, device: &crate::keys::DeviceKey, prekey: crate::identity::PrekeyRecord) -> Self { todo!() }
    pub fn check(&self) -> Result<crate::identity::Identity, InsertError> { todo!() }
    pub fn invited_by(&self, k: &[u8;32]) -> bool { todo!() }
}
impl op::OwnersProposal { pub fn sign(&self, d: &crate::keys::DeviceKey) -> [u8;64] { todo!() } }
impl crate::codec::Canonical for op::Join { fn write(&self, w: &mut crate::codec::Writer) { todo!() } fn read(r: &mut crate::codec::Reader<'_>) -> Result<Self, crate::codec::DecodeError> { todo!() } }
impl crate::codec::Canonical for AuthorityOp { fn write(&self, w: &mut crate::codec::Writer) { todo!() } fn read(r: &mut crate::codec::Reader<'_>) -> Result<Self, crate::codec::DecodeError> { todo!() } }
