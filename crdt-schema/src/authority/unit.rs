//! Units: what is decided on. An operation is one unit; a `Reaffirm` is one for each operation that it repeats.
//!
//! A unit holds what never changes once its operation is held: who wrote it, how strong it is, whether its own
//! past permits it, and what `E` of its own past said about the things that it names.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use alloquy_ids::{AccountId, ChannelId, DeviceId, EventId, InviteId, RoleId, UnixMs};

use super::op::{AuthorityOp, OverwriteTarget};
use super::permit::Refusal;
use super::state::{Loss, Map, Member, Role, State};
use crate::identity::IdentityLog;
use crate::permissions::{Permissions, Rank};

/// The index of a unit in its log: parents have smaller ones.
pub(super) type UnitIx = u32;

/// A decoded operation with what its embedded signatures prove.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) op: AuthorityOp,
    /// Of the embedded chain, for `Genesis`, `Admit`, `Add`, `DeviceAdd` and `DeviceRevoke`.
    pub(super) identity: Option<Arc<IdentityLog>>,
    /// Devices whose signatures under a certificate hold.
    pub(super) signers: BTreeSet<DeviceId>,
    /// The invite key that was first asked about, and whether its signature holds: an operation is decided on again
    /// with each that may bear on it.
    pub(super) invited: OnceLock<([u8; 32], bool)>,
}

impl Facts {
    /// Whether the signature of the invite with this public key holds under the embedded join.
    pub(super) fn invited_by(&self, invite_key: &[u8; 32]) -> bool {
        let AuthorityOp::Admit(join) = &self.op else {
            return false;
        };
        let first = || (*invite_key, join.invited_by(invite_key));
        let (key, holds) = self.invited.get_or_init(first);
        if key == invite_key {
            *holds
        } else {
            join.invited_by(invite_key)
        }
    }
}

/// What is decided on.
#[derive(Debug)]
pub(super) struct Unit {
    /// The event that is or repeats the operation.
    pub(super) id: EventId,
    /// The event whose id things made by the operation take: the first one that made them.
    pub(super) origin: EventId,
    /// Place among the units of one event.
    pub(super) part: u16,
    pub(super) lamport: u64,
    /// Signed time of the event.
    pub(super) wall: UnixMs,
    pub(super) facts: Arc<Facts>,
    /// Whether a `Reaffirm` repeats it.
    pub(super) repeated: bool,
    pub(super) device: DeviceId,
    /// The account that the device was embedded for in the past of the operation.
    pub(super) author: Option<AccountId>,
    /// The author's rank in `E` of the own past; [`Rank::CERTIFICATE`] for certificates.
    pub(super) strength: Rank,
    /// Whether `E` of the own past permits it.
    pub(super) own: Result<(), Refusal>,
    /// `E` of the own past, as far as it differs from what the units' own pasts say. See [`Flip`].
    pub(super) past_flips: Flips,
    /// What the own past knew.
    pub(super) seen: Seen,
    /// Entitlements that it takes, if it is effective.
    pub(super) losses: Vec<Loss>,
}

/// Things that a unit names, as `E` of its own past had them.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) author: Option<Arc<Member>>,
    pub(super) target: Option<Arc<Member>>,
    /// The role that is granted.
    pub(super) role: Option<Role>,
    /// The creator of the invite that is used.
    pub(super) creator: Option<(AccountId, Arc<Member>)>,
    /// Whether it takes something (of conflicting operations of one strength a denial wins).
    pub(super) denial: bool,
    /// Votes of a certificate.
    pub(super) votes: u32,
    /// Depth of an announced epoch.
    pub(super) depth: u32,
    /// An invite's revocation that reaches concurrent admissions.
    pub(super) binds_concurrent: bool,
    /// The whole state, for operations that take writing rights by way of roles.
    pub(super) before: Option<Arc<State>>,
}

/// Units whose verdict in some `E` differs from the verdict of `E` of their own past.
pub(super) type Flips = Map<UnitIx, Arc<Flip>>;

/// Why a verdict differs: the units that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flip {
    pub(super) by: Vec<UnitIx>,
}

/// A thing on which operations act and on which permissions rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Account(AccountId),
    Role(RoleId),
    Channel(ChannelId),
    Invite(InviteId),
    Owners,
}

impl Unit {
    pub(super) fn op(&self) -> &AuthorityOp {
        &self.facts.op
    }

    pub(super) fn is_admit(&self) -> bool {
        matches!(self.op(), AuthorityOp::Admit(_) | AuthorityOp::Add { .. })
    }

    pub(super) fn is_certificate(&self) -> bool {
        matches!(self.op(), AuthorityOp::OwnersCertificate { .. })
    }

    /// Leaving, or giving up a role of one's own: counts whatever is concurrent.
    pub(super) fn is_renunciation(&self) -> bool {
        match self.op() {
            AuthorityOp::Leave => true,
            AuthorityOp::Revoke { account, .. } => Some(*account) == self.author,
            _ => false,
        }
    }

    /// Judged in `E` of its own past only.
    pub(super) fn is_decided_before(&self) -> bool {
        self.is_renunciation()
            || matches!(
                self.op(),
                AuthorityOp::Genesis(_)
                    | AuthorityOp::Merge
                    | AuthorityOp::DeviceRevoke { .. }
                    | AuthorityOp::OwnersVote { .. }
                    | AuthorityOp::AnnounceEpoch(_)
                    | AuthorityOp::LinkEpoch { .. }
                    | AuthorityOp::Reaffirm { .. }
                    | AuthorityOp::Unknown { .. }
            )
    }

    /// Which of two writers of one field stands, when neither has the other in its past: the greater.
    pub(super) fn precedence(&self) -> (Rank, bool, std::cmp::Reverse<EventId>, u16) {
        let strength = if self.is_renunciation() {
            Rank(u32::MAX)
        } else {
            self.strength
        };
        (
            strength,
            self.seen.denial,
            std::cmp::Reverse(self.id),
            self.part,
        )
    }

    /// The account that is acted on.
    pub(super) fn target(&self) -> Option<AccountId> {
        target_account(self.op(), self.author)
    }

    /// What it changes.
    pub(super) fn touches(&self) -> Option<Subject> {
        Some(match self.op() {
            AuthorityOp::RoleCreate { .. } => Subject::Role(self.origin.into()),
            AuthorityOp::RoleEdit { role, .. } | AuthorityOp::RoleDelete { role, .. } => {
                Subject::Role(*role)
            }
            AuthorityOp::ChannelCreate { .. } => Subject::Channel(self.origin.into()),
            AuthorityOp::ChannelDelete { channel }
            | AuthorityOp::Overwrite { channel, .. }
            | AuthorityOp::SlowMode { channel, .. }
            | AuthorityOp::SetHistory {
                channel: Some(channel),
                ..
            } => Subject::Channel(*channel),
            AuthorityOp::InviteCreate { .. } => Subject::Invite(self.origin.into()),
            AuthorityOp::InviteRevoke { invite } => Subject::Invite(*invite),
            AuthorityOp::OwnersCertificate { .. } => Subject::Owners,
            _ => Subject::Account(self.target()?),
        })
    }

    /// Everything that its permission rests on.
    pub(super) fn rests_on(&self) -> BTreeSet<Subject> {
        let mut found = BTreeSet::from([Subject::Owners, Subject::Role(RoleId::ZERO)]);
        let creator = self
            .seen
            .creator
            .as_ref()
            .map(|(account, member)| (Some(*account), Some(member)));
        let people = [
            (self.author, self.seen.author.as_ref()),
            (self.target(), self.seen.target.as_ref()),
        ];
        for (account, record) in people.into_iter().chain(creator) {
            found.extend(account.map(Subject::Account));
            let roles = record.into_iter().flat_map(|member| member.roles.iter());
            found.extend(roles.map(|role| Subject::Role(*role)));
        }
        match self.op() {
            AuthorityOp::Grant { role, .. } | AuthorityOp::Revoke { role, .. } => {
                found.insert(Subject::Role(*role));
            }
            AuthorityOp::Overwrite {
                target: OverwriteTarget::Role(role),
                ..
            } => {
                found.insert(Subject::Role(*role));
            }
            AuthorityOp::Admit(join) => found.extend(join.invite.map(Subject::Invite)),
            _ => {}
        }
        found.extend(self.touches());
        found
    }
}

/// The account that an operation acts on.
pub(super) fn target_account(op: &AuthorityOp, author: Option<AccountId>) -> Option<AccountId> {
    match op {
        AuthorityOp::DeviceAdd { account, .. }
        | AuthorityOp::DeviceRevoke { account, .. }
        | AuthorityOp::Add { account, .. }
        | AuthorityOp::Grant { account, .. }
        | AuthorityOp::Revoke { account, .. }
        | AuthorityOp::Kick { account, .. }
        | AuthorityOp::Ban { account, .. }
        | AuthorityOp::Unban { account }
        | AuthorityOp::TimeOut { account, .. }
        | AuthorityOp::Overwrite {
            target: OverwriteTarget::Member(account),
            ..
        } => Some(*account),
        AuthorityOp::Admit(join) => Some(join.account),
        AuthorityOp::Leave => author,
        _ => None,
    }
}

/// Whether an operation takes something, given the state before it.
pub(super) fn is_denial(op: &AuthorityOp, before: &State) -> bool {
    match op {
        AuthorityOp::DeviceRevoke { .. }
        | AuthorityOp::Leave
        | AuthorityOp::RoleDelete { .. }
        | AuthorityOp::Revoke { .. }
        | AuthorityOp::ChannelDelete { .. }
        | AuthorityOp::Kick { .. }
        | AuthorityOp::Ban { .. }
        | AuthorityOp::InviteRevoke { .. }
        | AuthorityOp::Purge { .. } => true,
        AuthorityOp::TimeOut { until, .. } => until.0 > 0,
        AuthorityOp::RoleEdit {
            role,
            rank,
            permissions,
            ..
        } => before
            .roles
            .get(role)
            .is_some_and(|old| *rank < old.rank || !permissions.has(old.permissions)),
        AuthorityOp::Overwrite {
            channel,
            target,
            allow,
            deny,
            ..
        } => {
            let old = before
                .channels
                .get(channel)
                .and_then(|channel| channel.overwrites.get(target));
            let (given, taken) = old
                .copied()
                .unwrap_or((Permissions::NONE, Permissions::NONE));
            !allow.has(given) || !taken.has(*deny)
        }
        _ => false,
    }
}
