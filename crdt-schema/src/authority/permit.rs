//! Whether a state permits an operation: rule 1 (rank) and the right that each operation needs.
//!
//! Two states are asked: one for what the author holds, one for the targets. They are the same one except
//! where concurrent stronger operations are weighed, which may lower the one and raise the other.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, ChannelId, DeviceId, InviteId, RoleId};

use super::op::{AuthorityOp, EpochAnnouncement, Join, OverwriteTarget};
use super::state::State;
use super::unit::{Facts, Unit};
use crate::permissions::{CommunityKind, HistoryPolicy, Permissions, Rank};

/// Why an operation is not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownDevice,
    RevokedDevice,
    NotMember,
    Banned,
    Right(Permissions, Option<ChannelId>),
    Rank {
        what: &'static str,
        target: Rank,
        own: Rank,
    },
    Bits(Permissions),
    UnknownBits,
    NotOwner,
    Invite(&'static str),
    Votes {
        given: u32,
        of: u32,
    },
    Other(&'static str),
}

/// What an operation is judged in.
#[derive(Clone, Copy)]
pub(super) struct Views<'a> {
    /// What the author holds.
    pub(super) author: &'a State,
    /// What targets hold.
    pub(super) targets: &'a State,
    /// What the creator of an invite holds.
    pub(super) creator: &'a State,
}

impl<'a> Views<'a> {
    pub(super) const fn one(state: &'a State) -> Self {
        Self {
            author: state,
            targets: state,
            creator: state,
        }
    }
}

type Permit = Result<(), Refusal>;

/// Whether the operation is permitted.
pub(super) fn permit(unit: &Unit, views: Views<'_>) -> Permit {
    of_kind(unit.op(), views.targets.kind)?;
    match unit.op() {
        AuthorityOp::Genesis(_) | AuthorityOp::Unknown { .. } | AuthorityOp::Merge => return Ok(()),
        // Embedded signatures decide; the bringer does not.
        AuthorityOp::DeviceRevoke {
            account, device, ..
        } => return device_revoke(unit, *account, *device, views.targets),
        AuthorityOp::OwnersCertificate { proposal, .. } => {
            let current = proposal.replaces == views.targets.owners_version;
            return if current {
                votes(unit, views.targets)
            } else {
                Err(Refusal::Other("it replaces another owner set"))
            };
        }
        _ => {}
    }
    let author = author(unit, views.author)?;
    Check {
        unit,
        author,
        own: views.author.rank(author),
        views,
    }
    .op()
}

/// What exists in a community of this kind at all.
const fn of_kind(op: &AuthorityOp, kind: CommunityKind) -> Permit {
    use AuthorityOp as O;
    let everywhere = matches!(
        op,
        O::Genesis(_)
            | O::Unknown { .. }
            | O::Merge
            | O::DeviceAdd { .. }
            | O::DeviceRevoke { .. }
            | O::AnnounceEpoch(_)
            | O::LinkEpoch { .. }
    );
    let in_group = matches!(
        op,
        O::Add { .. }
            | O::Leave
            | O::Kick { .. }
            | O::Reaffirm { .. }
            | O::OwnersVote { .. }
            | O::OwnersCertificate { .. }
            | O::SetLevel { .. }
            | O::SetHistory { channel: None, .. }
    );
    match kind {
        _ if everywhere => Ok(()),
        CommunityKind::Community if matches!(op, O::Add { .. }) => Err(Refusal::Other(
            "in a community an account signs its own join",
        )),
        CommunityKind::Community => Ok(()),
        CommunityKind::Group if in_group => Ok(()),
        CommunityKind::Group => Err(Refusal::Other("a group conversation has no such operation")),
        CommunityKind::Direct => Err(Refusal::Other(
            "a direct conversation has no such operation",
        )),
    }
}

/// The account by which a device acts: the one that it was embedded for, or the one whose chain it brings in itself.
pub(super) fn account_acting(facts: &Facts, device: DeviceId, state: &State) -> Option<AccountId> {
    let brought_by_itself = || brought_by_itself(facts, device, state);
    state.account_ever(device).or_else(brought_by_itself)
}

/// The member whose chain, brought in by one of its devices, lets that device act together with all that is known.
fn brought_by_itself(facts: &Facts, device: DeviceId, state: &State) -> Option<AccountId> {
    let AuthorityOp::DeviceAdd { account, .. } = &facts.op else {
        return None;
    };
    let embedded = facts.identity.as_ref()?;
    let (member, _) = state.record(*account)?;
    let acts = match &member.identity {
        Some(held) => held.merged(embedded).identity().acts(device),
        None => embedded.identity().acts(device),
    };
    (acts && state.is_member(*account)).then_some(*account)
}

/// The author, a member acting by a device that is not revoked.
fn author(unit: &Unit, state: &State) -> Result<AccountId, Refusal> {
    let account = account_acting(&unit.facts, unit.device, state).ok_or(Refusal::UnknownDevice)?;
    let stopped = state.revoked.contains_key(&unit.device);
    if stopped && brought_by_itself(&unit.facts, unit.device, state) != Some(account) {
        return Err(Refusal::RevokedDevice);
    }
    match (
        state.is_member(account),
        state.banned.contains_key(&account),
    ) {
        (true, _) => Ok(account),
        (false, true) => Err(Refusal::Banned),
        (false, false) => Err(Refusal::NotMember),
    }
}

fn device_revoke(unit: &Unit, account: AccountId, device: DeviceId, state: &State) -> Permit {
    let proved = unit
        .facts
        .identity
        .as_ref()
        .map(|log| log.identity())
        .is_some_and(|identity| {
            identity.revoked.contains(&device) || identity.suspended.contains(&device)
        });
    match state.account_ever(device) {
        Some(held) if held == account && proved => Ok(()),
        Some(held) if held == account => Err(Refusal::Other(
            "the embedded identity events do not revoke the device",
        )),
        _ => Err(Refusal::Other(
            "the device was never brought in for this account",
        )),
    }
}

/// Votes of a certificate's signers among the owners in `state`, and how many votes there are.
pub(super) fn count_votes(unit: &Unit, state: &State) -> (u32, u32) {
    weigh_votes(&unit.facts.signers, state)
}

/// Each owner who is a member has two votes, the founder three.
pub(super) fn weigh_votes(signers: &BTreeSet<DeviceId>, state: &State) -> (u32, u32) {
    let weight = |account: &AccountId| if *account == state.founder { 3 } else { 2 };
    let signers: BTreeSet<_> = signers
        .iter()
        .filter_map(|device| state.account_of(*device))
        .collect();
    let owners = || {
        state
            .owners
            .iter()
            .filter(|account| state.is_member(**account))
    };
    let given = owners()
        .filter(|account| signers.contains(account))
        .map(weight)
        .sum();
    (given, owners().map(weight).sum())
}

fn votes(unit: &Unit, state: &State) -> Permit {
    let (given, of) = count_votes(unit, state);
    if given * 2 > of {
        Ok(())
    } else {
        Err(Refusal::Votes { given, of })
    }
}

struct Check<'a> {
    unit: &'a Unit,
    author: AccountId,
    own: Rank,
    views: Views<'a>,
}

impl Check<'_> {
    fn op(&self) -> Permit {
        match self.unit.op() {
            AuthorityOp::DeviceAdd { account, .. } => self.device_add(*account),
            AuthorityOp::Admit(join) => self.admit(join),
            AuthorityOp::Add { account, .. } => self.add(*account),
            AuthorityOp::RoleCreate { rank, permissions } => self.role_create(*rank, *permissions),
            AuthorityOp::RoleEdit {
                role,
                rank,
                permissions,
                ..
            } => self.role_edit(*role, *rank, *permissions),
            AuthorityOp::RoleDelete { role, .. } => {
                self.right(Permissions::MANAGE_ROLES)?;
                self.role_below(*role)
            }
            AuthorityOp::Grant { account, role } => self.grant(*account, *role),
            AuthorityOp::Revoke { account, role, .. } => self.revoke(*account, *role),
            AuthorityOp::ChannelCreate { .. } => {
                self.right(Permissions::MANAGE_CHANNELS)?;
                self.made_once(
                    self.targets()
                        .channels
                        .contains_key(&ChannelId::from(self.unit.origin)),
                )
            }
            AuthorityOp::ChannelDelete { channel } | AuthorityOp::SlowMode { channel, .. } => {
                self.right_in(Permissions::MANAGE_CHANNELS, *channel)
            }
            AuthorityOp::Overwrite {
                channel,
                target,
                allow,
                deny,
                ..
            } => self.overwrite(*channel, *target, *allow, *deny),
            AuthorityOp::Kick { account, .. } => {
                self.right(Permissions::KICK)?;
                self.member_below(*account)
            }
            AuthorityOp::Ban { account, .. } => {
                self.right(Permissions::BAN)?;
                self.account_below(*account)
            }
            AuthorityOp::Unban { account } => self.unban(*account),
            AuthorityOp::TimeOut { account, .. } => {
                self.right(Permissions::MUTE)?;
                self.member_below(*account)
            }
            AuthorityOp::InviteCreate { .. } => {
                self.right(Permissions::INVITE)?;
                self.made_once(
                    self.targets()
                        .invites
                        .contains_key(&InviteId::from(self.unit.origin)),
                )
            }
            AuthorityOp::InviteRevoke { invite } => self.invite_revoke(*invite),
            AuthorityOp::AcceptLate { .. } => self.right(Permissions::MANAGE_MESSAGES),
            AuthorityOp::Purge { .. } => self.right(Permissions::PURGE),
            AuthorityOp::OwnersVote { .. } => self.owner(),
            AuthorityOp::SetLevel { level } if *level <= self.targets().level => {
                Err(Refusal::Other("the level is in force already"))
            }
            AuthorityOp::SetLevel { .. } => self.owner(),
            AuthorityOp::SetHistory { channel, policy } => self.set_history(*channel, *policy),
            AuthorityOp::SetPolicy(_) => self.right(Permissions::MANAGE_COMMUNITY),
            AuthorityOp::AnnounceEpoch(announcement) => self.announce(announcement),
            AuthorityOp::LinkEpoch { epoch, parent, .. } => self.link(*epoch, *parent),
            AuthorityOp::Reaffirm { .. } => Err(Refusal::Other(
                "an operation that it names can not be repeated",
            )),
            _ => Ok(()),
        }
    }

    const fn targets(&self) -> &State {
        self.views.targets
    }

    fn rights(&self, channel: Option<ChannelId>) -> Permissions {
        self.views.author.permissions(self.author, channel)
    }

    fn right(&self, right: Permissions) -> Permit {
        if self.rights(None).has(right) {
            Ok(())
        } else {
            Err(Refusal::Right(right, None))
        }
    }

    /// The right in a channel, which the author may then view.
    fn right_in(&self, right: Permissions, channel: ChannelId) -> Permit {
        if !self.targets().channels.contains_key(&channel) {
            return Err(Refusal::Other("there is no such channel"));
        }
        if self.rights(Some(channel)).has(right) {
            Ok(())
        } else {
            Err(Refusal::Right(right, Some(channel)))
        }
    }

    fn owner(&self) -> Permit {
        if self.own == Rank::OWNER {
            Ok(())
        } else {
            Err(Refusal::NotOwner)
        }
    }

    fn below(&self, what: &'static str, target: Rank) -> Permit {
        if target < self.own {
            Ok(())
        } else {
            Err(Refusal::Rank {
                what,
                target,
                own: self.own,
            })
        }
    }

    /// The account's rank is lower, also the one that it would have with its record (it may be banned).
    fn account_below(&self, account: AccountId) -> Permit {
        let state = self.targets();
        let recorded = state
            .record(account)
            .map_or(Rank::MEMBER, |(member, _)| state.rank_of_roles(member));
        let owner = state.owners.contains(&account);
        self.below(
            "the account's rank",
            if owner {
                Rank::OWNER
            } else {
                recorded.max(state.rank(account))
            },
        )
    }

    fn member_below(&self, account: AccountId) -> Permit {
        if !self.targets().is_member(account) {
            return Err(Refusal::Other("the account is not a member"));
        }
        self.account_below(account)
    }

    fn role_below(&self, role: RoleId) -> Permit {
        if role == RoleId::ZERO {
            return Err(Refusal::Other(
                "everyone can not be granted, revoked or deleted",
            ));
        }
        let found = self
            .targets()
            .roles
            .get(&role)
            .ok_or(Refusal::Other("there is no such role"))?;
        self.below("the role's rank", found.rank)
    }

    /// The author holds every right that is given, and each is known.
    fn gives(&self, given: Permissions, channel: Option<ChannelId>) -> Permit {
        if !Permissions::ALL.has(given) {
            return Err(Refusal::UnknownBits);
        }
        let missing = given & !self.rights(channel);
        if missing == Permissions::NONE {
            Ok(())
        } else {
            Err(Refusal::Bits(missing))
        }
    }

    /// A repeated creation brings back what fell, not what was deleted or is there.
    fn made_once(&self, exists: bool) -> Permit {
        let gone = self.targets().gone.contains(&self.unit.origin);
        if exists || gone {
            Err(Refusal::Other("it was made before"))
        } else {
            Ok(())
        }
    }

    fn device_add(&self, account: AccountId) -> Permit {
        let state = self.targets();
        if !state.is_member(account) {
            return Err(Refusal::Other("the account is not a member"));
        }
        self.devices_free(account)
    }

    /// No embedded device stands for another account here.
    fn devices_free(&self, account: AccountId) -> Permit {
        let devices = self
            .unit
            .facts
            .identity
            .iter()
            .flat_map(|log| log.identity().devices.keys());
        let mut bound = devices.filter_map(|device| self.targets().account_ever(*device));
        if bound.any(|held| held != account) {
            return Err(Refusal::Other(
                "one of the devices stands for another account",
            ));
        }
        Ok(())
    }

    /// The account may come in, whoever brings it.
    fn comes_in(&self, account: AccountId) -> Permit {
        let state = self.targets();
        if state.banned.contains_key(&account) {
            return Err(Refusal::Other("the account is banned"));
        }
        if state.is_member(account) {
            return Err(Refusal::Other("the account is a member already"));
        }
        self.devices_free(account)
    }

    fn add(&self, account: AccountId) -> Permit {
        self.comes_in(account)?;
        self.right(Permissions::INVITE)
    }

    fn admit(&self, join: &Join) -> Permit {
        let state = self.targets();
        self.comes_in(join.account)?;
        let Some(id) = join.invite.filter(|_| !self.unit.repeated) else {
            return self.right(Permissions::INVITE);
        };
        let invite = state
            .invites
            .get(&id)
            .ok_or(Refusal::Invite("there is no such invite"))?;
        if invite.revoked {
            return Err(Refusal::Invite("the invite is revoked"));
        }
        if !self
            .views
            .creator
            .permissions(invite.creator, None)
            .has(Permissions::INVITE)
        {
            return Err(Refusal::Invite(
                "the invite's creator may not invite any more",
            ));
        }
        if !self.unit.facts.invited_by(&invite.key) {
            return Err(Refusal::Invite("the invite's signature does not hold"));
        }
        Ok(())
    }

    fn role_create(&self, rank: Rank, permissions: Permissions) -> Permit {
        self.right(Permissions::MANAGE_ROLES)?;
        self.made_once(
            self.targets()
                .roles
                .contains_key(&RoleId::from(self.unit.origin)),
        )?;
        self.role_rank(rank)?;
        self.gives(permissions, None)
    }

    fn role_rank(&self, rank: Rank) -> Permit {
        if rank > Rank::ROLE_MAX {
            return Err(Refusal::Other(
                "the rank is over the greatest that a role may have",
            ));
        }
        self.below("the role's new rank", rank)
    }

    fn role_edit(&self, role: RoleId, rank: Rank, permissions: Permissions) -> Permit {
        self.right(Permissions::MANAGE_ROLES)?;
        let old = self
            .targets()
            .roles
            .get(&role)
            .ok_or(Refusal::Other("there is no such role"))?;
        if role == RoleId::ZERO && rank != Rank::MEMBER {
            return Err(Refusal::Other("everyone has rank 0"));
        }
        self.below("the role's rank", old.rank)?;
        self.role_rank(rank)?;
        self.gives(permissions & !old.permissions, None)
    }

    fn grant(&self, account: AccountId, role: RoleId) -> Permit {
        self.right(Permissions::MANAGE_ROLES)?;
        self.member_below(account)?;
        self.role_below(role)?;
        let held = self
            .views
            .author
            .roles
            .get(&role)
            .or_else(|| self.targets().roles.get(&role));
        self.gives(
            held.map_or(Permissions::NONE, |role| role.permissions),
            None,
        )
    }

    fn revoke(&self, account: AccountId, role: RoleId) -> Permit {
        if account == self.author {
            return Ok(());
        }
        self.right(Permissions::MANAGE_ROLES)?;
        self.account_below(account)?;
        self.role_below(role)
    }

    fn overwrite(
        &self,
        channel: ChannelId,
        target: OverwriteTarget,
        allow: Permissions,
        deny: Permissions,
    ) -> Permit {
        self.right_in(Permissions::MANAGE_ROLES, channel)?;
        match target {
            OverwriteTarget::Role(RoleId::ZERO) => {
                self.below("the rank of everyone", Rank::MEMBER)?
            }
            OverwriteTarget::Role(role) => self.role_below(role)?,
            OverwriteTarget::Member(account) => self.member_below(account)?,
        }
        let old = self
            .targets()
            .channels
            .get(&channel)
            .and_then(|channel| channel.overwrites.get(&target));
        let (allowed, denied) = old
            .copied()
            .unwrap_or((Permissions::NONE, Permissions::NONE));
        if !Permissions::ALL.has(deny) {
            return Err(Refusal::UnknownBits);
        }
        self.gives((allow & !allowed) | (denied & !deny), Some(channel))
    }

    fn unban(&self, account: AccountId) -> Permit {
        self.right(Permissions::BAN)?;
        if !self.targets().banned.contains_key(&account) {
            return Err(Refusal::Other("the account is not banned"));
        }
        self.account_below(account)
    }

    fn invite_revoke(&self, invite: InviteId) -> Permit {
        let found = self
            .targets()
            .invites
            .get(&invite)
            .ok_or(Refusal::Other("there is no such invite"))?;
        if found.creator == self.author {
            return Ok(());
        }
        self.right(Permissions::KICK)?;
        self.account_below(found.creator)
    }

    fn set_history(&self, channel: Option<ChannelId>, policy: HistoryPolicy) -> Permit {
        let Some(channel) = channel else {
            return self.right(Permissions::MANAGE_COMMUNITY);
        };
        self.right_in(Permissions::MANAGE_CHANNELS, channel)?;
        let private = self.targets().key_scope(channel).is_some();
        if private || policy == HistoryPolicy::All {
            return Ok(());
        }
        Err(Refusal::Other("the channel has no keys of its own"))
    }

    fn announce(&self, announcement: &EpochAnnouncement) -> Permit {
        let state = self.targets();
        if !state
            .key_scopes()
            .any(|scope| scope == announcement.channel)
        {
            return Err(Refusal::Other("the channel has no keys of its own"));
        }
        if !state.may_view(self.author, announcement.channel) {
            return Err(Refusal::Right(Permissions::VIEW, announcement.channel));
        }
        let same_scope = |epoch| {
            state
                .epochs
                .get(epoch)
                .is_some_and(|held| held.channel == announcement.channel)
        };
        let known = announcement.parents.iter().all(same_scope);
        if known {
            Ok(())
        } else {
            Err(Refusal::Other(
                "a parent epoch is not announced in its past",
            ))
        }
    }

    fn link(&self, epoch: alloquy_ids::EpochId, parent: alloquy_ids::EpochId) -> Permit {
        let held = self.targets().epochs.get(&epoch);
        let parents = held.is_some_and(|epoch| epoch.parents.contains(&parent));
        if parents {
            Ok(())
        } else {
            Err(Refusal::Other(
                "it names no epoch and parent announced in its past",
            ))
        }
    }
}
