//! Operations in plain words, for the audit log.

use alloquy_api::reply::AuditKind;
use alloquy_ids::{AccountId, ChannelId, EventId, RoleId};
use alloquy_schema::authority::op::{AuthorityOp as O, OverwriteTarget};
use alloquy_schema::content::Field;
use alloquy_schema::permissions::{ChannelKind, Permissions};

use crate::community::Community;

/// What an operation is about, and whom.
pub(super) const fn subject_of(op: &O) -> (AuditKind, Option<AccountId>) {
    match op {
        O::Admit(join) => (AuditKind::Joins, Some(join.account)),
        O::Add { account, .. } => (AuditKind::Joins, Some(*account)),
        O::Leave | O::InviteCreate { .. } | O::InviteRevoke { .. } => (AuditKind::Joins, None),
        O::Kick { account, .. }
        | O::Ban { account, .. }
        | O::Unban { account }
        | O::TimeOut { account, .. } => (AuditKind::Removals, Some(*account)),
        O::Grant { account, .. }
        | O::Revoke { account, .. }
        | O::Overwrite {
            target: OverwriteTarget::Member(account),
            ..
        } => (AuditKind::Roles, Some(*account)),
        O::RoleCreate { .. }
        | O::RoleEdit { .. }
        | O::RoleDelete { .. }
        | O::Overwrite {
            target: OverwriteTarget::Role(_),
            ..
        } => (AuditKind::Roles, None),
        O::ChannelCreate { .. } | O::ChannelDelete { .. } | O::SlowMode { .. } => {
            (AuditKind::Channels, None)
        }
        O::AcceptLate { .. } | O::Purge { .. } => (AuditKind::Messages, None),
        O::DeviceAdd { account, .. } | O::DeviceRevoke { account, .. } => {
            (AuditKind::Upkeep, Some(*account))
        }
        O::Merge | O::AnnounceEpoch(_) | O::LinkEpoch { .. } | O::Unknown { .. } => {
            (AuditKind::Upkeep, None)
        }
        O::Genesis(_)
        | O::Reaffirm { .. }
        | O::OwnersVote { .. }
        | O::OwnersCertificate { .. }
        | O::SetLevel { .. }
        | O::SetHistory { .. }
        | O::SetPolicy(_) => (AuditKind::Community, None),
    }
}

/// Names what operations are about, as an account may know it.
pub(super) struct Describer<'a> {
    pub(super) community: &'a Community,
    pub(super) me: AccountId,
}

impl Describer<'_> {
    fn member(&self, account: &AccountId) -> String {
        self.community.member_name(*account)
    }

    fn role(&self, role: &RoleId) -> String {
        self.community.role_name(*role)
    }

    /// Whether the account may know what a channel is or was called.
    fn may_know(&self, channel: &ChannelId) -> bool {
        let state = self.community.state();
        match state.channels.contains_key(channel) {
            true => self.community.is_entitled(self.me, Some(*channel)),
            // Who might have viewed it is no longer known.
            false => state
                .permissions(self.me, None)
                .has(Permissions::MANAGE_CHANNELS),
        }
    }

    pub(super) fn channel(&self, channel: &ChannelId) -> String {
        if !self.may_know(channel) {
            return "a channel that you may not view".to_owned();
        }
        let name = self.community.text(&Field::ChannelName(*channel));
        match name.is_empty() {
            true => channel.short(),
            false => name,
        }
    }

    /// One operation in plain words.
    pub(super) fn describe(&self, operation: EventId, op: &O) -> String {
        match op {
            O::Genesis(_) => "founded the community".to_owned(),
            O::Merge => "brought two lines of the log together".to_owned(),
            O::DeviceAdd { account, .. } => {
                format!("brought in a device of {}", self.member(account))
            }
            O::DeviceRevoke { account, .. } => format!(
                "brought in the revocation of a device of {}",
                self.member(account)
            ),
            O::Admit(join) => format!("admitted {}", self.member(&join.account)),
            O::Add { account, .. } => format!("added {}", self.member(account)),
            O::Leave => "left".to_owned(),
            O::RoleCreate { rank, permissions } => {
                let (name, rights) = (self.role(&operation.into()), list(*permissions));
                format!("made the role {name} of rank {}: {rights}", rank.0)
            }
            O::RoleEdit {
                role: of,
                rank,
                permissions,
                ..
            } => {
                format!(
                    "changed the role {} to rank {}: {}",
                    self.role(of),
                    rank.0,
                    list(*permissions)
                )
            }
            O::RoleDelete { role: of, .. } => format!("deleted the role {}", self.role(of)),
            O::Grant { account, role: of } => {
                format!("gave {} the role {}", self.member(account), self.role(of))
            }
            O::Revoke {
                account, role: of, ..
            } => format!(
                "took the role {} from {}",
                self.role(of),
                self.member(account)
            ),
            O::Kick { account, .. } => format!("kicked {}", self.member(account)),
            O::Ban { account, .. } => format!("banned {}", self.member(account)),
            O::Unban { account } => format!("lifted the ban of {}", self.member(account)),
            O::TimeOut { account, until, .. } if until.0 == 0 => {
                format!("lifted the time-out of {}", self.member(account))
            }
            O::TimeOut { account, until, .. } => {
                format!(
                    "timed {} out until {} UTC",
                    self.member(account),
                    until.utc()
                )
            }
            O::InviteCreate { uses, .. } => match uses {
                Some(uses) => format!("made an invite for {uses} uses"),
                None => "made an invite".to_owned(),
            },
            O::InviteRevoke { invite } => format!("revoked the invite {}", invite.short()),
            O::Reaffirm { ops } => format!("reaffirmed {} operations", ops.len()),
            O::AcceptLate { events } => format!("accepted {} late messages", events.len()),
            O::Purge { events } => format!("purged {} messages", events.len()),
            O::OwnersVote { proposal, .. } => format!("voted for {} owners", proposal.owners.len()),
            O::OwnersCertificate { proposal, .. } => {
                let names: Vec<_> = proposal
                    .owners
                    .iter()
                    .map(|account| self.member(account))
                    .collect();
                format!("changed the owners to {}", names.join(", "))
            }
            O::SetLevel { level } => format!("raised the level to {level}"),
            O::SetHistory { .. } => "changed the history policy".to_owned(),
            O::SetPolicy(rule) => super::policy::describe(rule),
            O::AnnounceEpoch(_) => "made new keys".to_owned(),
            O::LinkEpoch { .. } => "tied older keys to newer ones".to_owned(),
            O::ChannelCreate { .. }
            | O::ChannelDelete { .. }
            | O::Overwrite { .. }
            | O::SlowMode { .. } => self.of_channel(operation, op),
            O::Unknown { tag, .. } => format!("an operation of a later release (tag {tag})"),
        }
    }

    fn of_channel(&self, operation: EventId, op: &O) -> String {
        match op {
            O::ChannelCreate { kind, private } => {
                let private = if *private { "private " } else { "" };
                let kind = match kind {
                    ChannelKind::Text => "channel",
                    ChannelKind::Voice => "voice channel",
                    ChannelKind::Stage => "stage",
                    ChannelKind::Category => "category",
                };
                match operation.into() {
                    of if self.may_know(&of) => {
                        format!("made the {private}{kind} {}", self.channel(&of))
                    }
                    _ => format!("made a {private}{kind}"),
                }
            }
            O::ChannelDelete { channel: of } if self.may_know(of) => {
                format!("deleted the channel {}", self.channel(of))
            }
            O::ChannelDelete { .. } => "deleted a channel".to_owned(),
            O::Overwrite {
                channel: of,
                target,
                allow,
                deny,
                ..
            } => {
                let whom = match target {
                    OverwriteTarget::Role(of) => self.role(of),
                    OverwriteTarget::Member(account) => self.member(account),
                };
                format!(
                    "set for {whom} in {}: allow {}, deny {}",
                    self.channel(of),
                    list(*allow),
                    list(*deny)
                )
            }
            O::SlowMode {
                channel: of,
                interval_ms: 0,
            } => format!("ended slow mode of {}", self.channel(of)),
            O::SlowMode {
                channel: of,
                interval_ms,
            } => format!(
                "set slow mode of {} to {}",
                self.channel(of),
                seconds(*interval_ms)
            ),
            _ => String::new(),
        }
    }
}

fn list(rights: Permissions) -> String {
    match rights {
        Permissions::NONE => "nothing".to_owned(),
        rights => rights.names().collect::<Vec<_>>().join(" "),
    }
}

/// Milliseconds as seconds, with as many decimals as they need.
fn seconds(ms: u32) -> String {
    let (whole, rest) = (ms / 1000, ms % 1000);
    if rest == 0 {
        return format!("{whole} s");
    }
    let decimals = format!("{rest:03}");
    format!("{whole}.{} s", decimals.trim_end_matches('0'))
}
