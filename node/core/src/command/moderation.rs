//! Roles, overwrites, removals, time-outs, slow mode, owners, and the repair of their effects.

use std::collections::BTreeSet;

use alloquy_api::command::{AccountRef, OverwriteRef};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, RoleId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, OverwriteTarget, OwnersProposal};
use alloquy_schema::content::Field;
use alloquy_schema::limits::{IDS_LISTED_MAX, REASON_BYTES_MAX};
use alloquy_schema::permissions::{Permissions, Rank};
use rand_core::CryptoRng;

use super::{Outcome, check_name, check_text, content, error, set_text};
use crate::author::Draft;
use crate::io::Origin;
use crate::node::Node;

/// Longest time-out: 28 days, as people know it from elsewhere.
const TIMEOUT_MAX_MS: u64 = 28 * 24 * 3600 * 1000;
/// Longest slow-mode interval: 6 hours.
const SLOW_MODE_MAX_MS: u64 = 6 * 3600 * 1000;

/// The set of rights of these names.
pub(super) fn rights(names: &[String]) -> Result<Permissions, CommandError> {
    let mut set = Permissions::NONE;
    for name in names {
        set = set
            | Permissions::named(name).ok_or_else(|| {
                let known: Vec<_> = Permissions::NAMES.iter().map(|(name, _)| *name).collect();
                error(
                    ErrorCode::UnknownName,
                    format!("{name:?} is no right; rights are {}", known.join(", ")),
                )
            })?;
    }
    Ok(set)
}

fn rank(value: u32) -> Result<Rank, CommandError> {
    if value == 0 || value > Rank::ROLE_MAX.0 {
        let message = format!("the rank is {value}, 1 to {} are allowed", Rank::ROLE_MAX.0);
        return Err(error(ErrorCode::Limit, message));
    }
    Ok(Rank(value))
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn moderation_command(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        match command {
            C::RoleCreate {
                community,
                name,
                rank: value,
                allow,
            } => {
                let id = self.community_named(&community.0)?;
                self.create_role(origin, id, &name, rank(value)?, rights(&allow)?)
            }
            C::RoleEdit {
                community,
                role,
                name,
                rank: value,
                allow,
            } => {
                let id = self.community_named(&community.0)?;
                let role = self.role_named(self.active(id)?, &role.0)?;
                self.edit_role(origin, id, role, name.as_deref(), value, allow.as_deref())
            }
            C::RoleDelete { community, role } => {
                let id = self.community_named(&community.0)?;
                let role = self.role_named(self.active(id)?, &role.0)?;
                let last = self.ends_of_role(id, role)?;
                self.operate(origin, id, AuthorityOp::RoleDelete { role, last }, None)
            }
            C::RoleGrant {
                community,
                role,
                account,
            } => {
                let id = self.community_named(&community.0)?;
                let role = self.role_named(self.active(id)?, &role.0)?;
                let account = self.account_named(self.active(id)?, &account.0)?;
                self.operate(origin, id, AuthorityOp::Grant { account, role }, None)
            }
            C::RoleRevoke {
                community,
                role,
                account,
            } => {
                let id = self.community_named(&community.0)?;
                let role = self.role_named(self.active(id)?, &role.0)?;
                let account = self.account_named(self.active(id)?, &account.0)?;
                let last = self.ends_of(id, account, None)?;
                self.operate(
                    origin,
                    id,
                    AuthorityOp::Revoke {
                        account,
                        role,
                        last,
                    },
                    None,
                )
            }
            C::Overwrite {
                channel,
                target,
                allow,
                deny,
            } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                self.overwrite(
                    origin,
                    id,
                    channel,
                    &target,
                    rights(&allow)?,
                    rights(&deny)?,
                )
            }
            other => self.message_moderation(origin, other),
        }
    }

    fn message_moderation(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        match command {
            C::SlowMode {
                channel,
                interval_ms,
            } => {
                let (id, channel) = self.channel_named(&channel.0)?;
                if interval_ms > SLOW_MODE_MAX_MS {
                    let message = format!(
                        "the interval is {interval_ms} ms, the limit is {SLOW_MODE_MAX_MS} ms (6h)"
                    );
                    return Err(error(ErrorCode::Limit, message));
                }
                let interval_ms = u32::try_from(interval_ms).unwrap_or(u32::MAX);
                self.operate(
                    origin,
                    id,
                    AuthorityOp::SlowMode {
                        channel,
                        interval_ms,
                    },
                    None,
                )
            }
            C::Reaffirm {
                community,
                operations,
            } => {
                let id = self.community_named(&community.0)?;
                check_count(operations.len())?;
                self.operate(origin, id, AuthorityOp::Reaffirm { ops: operations }, None)
            }
            C::AcceptLate {
                community,
                messages,
            } => {
                let id = self.community_named(&community.0)?;
                check_count(messages.len())?;
                self.operate(
                    origin,
                    id,
                    AuthorityOp::AcceptLate { events: messages },
                    None,
                )
            }
            C::Purge {
                community,
                messages,
            } => {
                let id = self.community_named(&community.0)?;
                check_count(messages.len())?;
                self.operate(origin, id, AuthorityOp::Purge { events: messages }, None)
            }
            other => self.removal_command(origin, other),
        }
    }

    fn removal_command(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        match command {
            C::Kick {
                community,
                account,
                reason,
            } => {
                let (id, account) = self.member_ref(&community.0, &account)?;
                self.kick(origin, (id, account), reason.as_deref())
            }
            C::Ban {
                community,
                account,
                reason,
            } => {
                let (id, account) = self.member_ref(&community.0, &account)?;
                let last = self.ends_of(id, account, None)?;
                self.remove(
                    origin,
                    id,
                    AuthorityOp::Ban { account, last },
                    reason.as_deref(),
                )
            }
            C::Unban {
                community,
                account,
                reason,
            } => {
                let (id, account) = self.member_ref(&community.0, &account)?;
                if !self.active(id)?.state().banned.contains_key(&account) {
                    return Err(error(
                        ErrorCode::UnknownName,
                        format!("{} is not banned", self.active(id)?.member_name(account)),
                    ));
                }
                self.reasoned(
                    origin,
                    id,
                    AuthorityOp::Unban { account },
                    reason.as_deref(),
                )
            }
            C::Timeout {
                community,
                account,
                duration_ms,
                reason,
            } => {
                let (id, account) = self.member_ref(&community.0, &account)?;
                if duration_ms > TIMEOUT_MAX_MS {
                    let message = format!(
                        "the time-out is {duration_ms} ms long, the limit is {TIMEOUT_MAX_MS} ms (28d)"
                    );
                    return Err(error(ErrorCode::Limit, message));
                }
                let until = UnixMs(self.wall().0.saturating_add(duration_ms));
                let last = self.ends_of(id, account, None)?;
                self.reasoned(
                    origin,
                    id,
                    AuthorityOp::TimeOut {
                        account,
                        until,
                        last,
                    },
                    reason.as_deref(),
                )
            }
            C::OwnerAdd { community, account } => {
                self.change_owners(origin, &community.0, &account, true)
            }
            C::OwnerRemove { community, account } => {
                self.change_owners(origin, &community.0, &account, false)
            }
            other => self.branch_command(origin, other),
        }
    }

    pub(super) fn member_ref(
        &self,
        community: &str,
        account: &AccountRef,
    ) -> Result<(CommunityId, AccountId), CommandError> {
        let id = self.community_named(community)?;
        let of = self.active(id)?;
        let account = self.account_named(of, &account.0).or_else(|unknown| {
            if unknown.code == ErrorCode::UnknownName {
                of.former_named(&account.0).ok_or(unknown)
            } else {
                Err(unknown)
            }
        })?;
        Ok((id, account))
    }

    /// Removes a member, who may come in again.
    pub(super) fn kick(
        &mut self,
        origin: Origin,
        (id, account): (CommunityId, AccountId),
        reason: Option<&str>,
    ) -> Outcome {
        let of = self.active(id)?;
        if !of.state().is_member(account) {
            return Err(error(
                ErrorCode::UnknownName,
                format!("{} is not a member", of.member_name(account)),
            ));
        }
        let last = self.ends_of(id, account, None)?;
        self.remove(origin, id, AuthorityOp::Kick { account, last }, reason)
    }

    fn ends_of(
        &self,
        id: CommunityId,
        account: AccountId,
        channel: Option<ChannelId>,
    ) -> Result<Vec<EventId>, CommandError> {
        Ok(self
            .active(id)?
            .accepted_ends(&BTreeSet::from([account]), channel))
    }

    fn ends_of_role(&self, id: CommunityId, role: RoleId) -> Result<Vec<EventId>, CommandError> {
        let community = self.active(id)?;
        let state = community.state();
        let holds = |member: &alloquy_schema::authority::Member| {
            role == RoleId::ZERO || member.roles.contains(&role)
        };
        let holders = state
            .members
            .iter()
            .filter(|(_, member)| holds(member))
            .map(|(account, _)| *account)
            .collect();
        Ok(community.accepted_ends(&holders, None))
    }

    fn reasoned(
        &mut self,
        origin: Origin,
        id: CommunityId,
        op: AuthorityOp,
        reason: Option<&str>,
    ) -> Outcome {
        check_text("reason", reason.unwrap_or_default(), REASON_BYTES_MAX)?;
        self.operate(origin, id, op, reason.filter(|reason| !reason.is_empty()))
    }

    /// A removal and the epoch that shuts the removed out are written together.
    fn remove(
        &mut self,
        origin: Origin,
        id: CommunityId,
        op: AuthorityOp,
        reason: Option<&str>,
    ) -> Outcome {
        check_text("reason", reason.unwrap_or_default(), REASON_BYTES_MAX)?;
        self.check_op(id, &op)?;
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        let Some(operation) = ids.last().copied() else {
            return Err(error(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        };
        self.replace_epochs(id);
        let reason = reason.filter(|reason| !reason.is_empty());
        let ops: Vec<_> = reason
            .map(|reason| set_text(Field::Reason(operation), reason))
            .into_iter()
            .collect();
        let reply = |_: &[EventId]| Some(Reply::Operation { operation });
        if ops.is_empty() {
            // The answer is given with the epoch's record, which is durable after the removal.
            self.store_account(Some((origin, Reply::Operation { operation })));
            return Ok(());
        }
        self.write_answered(origin, id, &[content(ops)], reply)
    }

    /// Announces an epoch for each key scope that has none usable and that this account is entitled to.
    pub(crate) fn replace_epochs(&mut self, id: CommunityId) {
        let me = self.me.account();
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let scopes: BTreeSet<_> = community
            .state()
            .epochs
            .values()
            .map(|epoch| epoch.channel)
            .collect();
        let stale: Vec<_> = scopes
            .into_iter()
            .filter(|channel| {
                community.must_shut_out(*channel) && community.is_entitled(me, *channel)
            })
            .collect();
        for channel in stale {
            self.announce(id, channel, None);
        }
    }

    fn create_role(
        &mut self,
        origin: Origin,
        id: CommunityId,
        name: &str,
        rank: Rank,
        permissions: Permissions,
    ) -> Outcome {
        check_name("name", name)?;
        let community = self.active(id)?;
        let taken = community
            .state()
            .roles
            .keys()
            .any(|role| community.role_name(*role) == name);
        if taken || name == "everyone" {
            return Err(error(
                ErrorCode::Exists,
                format!("a role named {name:?} is there"),
            ));
        }
        let op = AuthorityOp::RoleCreate { rank, permissions };
        self.check_op(id, &op)?;
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        let Some(role) = ids.last().copied().map(RoleId::from) else {
            return Err(error(
                ErrorCode::Internal,
                "the role could not be made; see the log",
            ));
        };
        let op = set_text(Field::RoleName(role), name);
        self.write_answered(origin, id, &[content(vec![op])], |_| {
            Some(Reply::Role { role })
        })
    }

    fn edit_role(
        &mut self,
        origin: Origin,
        id: CommunityId,
        role: RoleId,
        name: Option<&str>,
        value: Option<u32>,
        allow: Option<&[String]>,
    ) -> Outcome {
        let state = self.active(id)?.state();
        let Some(before) = state.roles.get(&role) else {
            return Err(error(
                ErrorCode::UnknownName,
                format!("no role has the id {role}"),
            ));
        };
        let mut drafts = Vec::new();
        if value.is_some() || allow.is_some() {
            let rank = value.map(rank).transpose()?.unwrap_or(before.rank);
            let permissions = allow.map(rights).transpose()?.unwrap_or(before.permissions);
            let last = self.ends_of_role(id, role)?;
            let op = AuthorityOp::RoleEdit {
                role,
                rank,
                permissions,
                last,
            };
            self.check_op(id, &op)?;
            drafts.push(Draft::Op(op));
        }
        if let Some(name) = name {
            check_name("name", name)?;
            if !state
                .permissions(self.me.account(), None)
                .has(Permissions::MANAGE_ROLES)
            {
                return Err(error(
                    ErrorCode::NotPermitted,
                    "this account lacks the right manage-roles",
                ));
            }
            drafts.push(content(vec![set_text(Field::RoleName(role), name)]));
        }
        if drafts.is_empty() {
            return Err(error(
                ErrorCode::Parse,
                "nothing to change: give --name, --rank or --allow",
            ));
        }
        self.write_answered(origin, id, &drafts, |_| Some(Reply::Role { role }))
    }

    fn overwrite(
        &mut self,
        origin: Origin,
        id: CommunityId,
        channel: ChannelId,
        target: &OverwriteRef,
        allow: Permissions,
        deny: Permissions,
    ) -> Outcome {
        let community = self.active(id)?;
        let (target, holders) = match target {
            OverwriteRef::Role(role) => {
                let role = self.role_named(community, &role.0)?;
                (OverwriteTarget::Role(role), None)
            }
            OverwriteRef::Member(account) => {
                let account = self.account_named(community, &account.0)?;
                (OverwriteTarget::Member(account), Some(account))
            }
        };
        let all = community.state().members.keys().copied().collect();
        let targets = holders.map_or(all, |account| BTreeSet::from([account]));
        let last = community.accepted_ends(&targets, Some(channel));
        let op = AuthorityOp::Overwrite {
            channel,
            target,
            allow,
            deny,
            last,
        };
        self.check_op(id, &op)?;
        let ids = self.write(id, &[Draft::Op(op)], |_| None);
        let Some(operation) = ids.last().copied() else {
            return Err(error(
                ErrorCode::Internal,
                "the operation could not be made; see the log",
            ));
        };
        // Who lost VIEW of a private channel is shut out by its next epoch.
        self.replace_epochs(id);
        self.store_account(Some((origin, Reply::Operation { operation })));
        Ok(())
    }

    /// Votes for a changed owner set; enacted at once when the votes suffice.
    fn change_owners(
        &mut self,
        origin: Origin,
        community: &str,
        account: &AccountRef,
        add: bool,
    ) -> Outcome {
        let (id, account) = self.member_ref(community, account)?;
        let community = self.active(id)?;
        let state = community.state();
        let mut owners: BTreeSet<_> = state.owners.iter().copied().collect();
        let changes = if add {
            owners.insert(account)
        } else {
            owners.remove(&account)
        };
        if !changes {
            let is = if add {
                "is an owner already"
            } else {
                "is not an owner"
            };
            return Err(error(ErrorCode::Exists, format!("{account} {is}")));
        }
        if owners.is_empty() {
            return Err(error(
                ErrorCode::NotPermitted,
                "a community keeps one owner at least",
            ));
        }
        if add && !state.is_member(account) {
            return Err(error(
                ErrorCode::NotMember,
                format!("{account} is not a member"),
            ));
        }
        let proposal = OwnersProposal {
            community: id,
            replaces: state.owners_version,
            owners: owners.into_iter().collect(),
        };
        let signature = proposal.sign(&self.me.key);
        let vote = AuthorityOp::OwnersVote {
            proposal: proposal.clone(),
            signature,
        };
        self.check_op(id, &vote)?;
        let mut signatures = community.authority.votes_for(&proposal);
        signatures.retain(|(device, _)| *device != self.me.device());
        signatures.push((self.me.device(), signature));
        signatures.sort();
        let (votes, needed) = state.votes(&signatures);
        if votes >= needed {
            let op = AuthorityOp::OwnersCertificate {
                proposal,
                signatures,
            };
            self.check_op(id, &op)?;
            let reply = Reply::Vote {
                enacted: true,
                votes,
                needed,
            };
            return self.write_answered(origin, id, &[Draft::Op(op)], |_| Some(reply));
        }
        let reply = Reply::Vote {
            enacted: false,
            votes,
            needed,
        };
        self.write_answered(origin, id, &[Draft::Op(vote)], |_| Some(reply))
    }
}

fn check_count(count: usize) -> Outcome {
    if count == 0 || count > IDS_LISTED_MAX {
        return Err(error(
            ErrorCode::Limit,
            format!("{count} ids are listed, 1 to {IDS_LISTED_MAX} are allowed"),
        ));
    }
    Ok(())
}
