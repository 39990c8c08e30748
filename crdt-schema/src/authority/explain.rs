//! `why`: every result named by the operations that decided (guarantee G7).
//!
//! Sentences name accounts, roles and operations by the first characters of their ids; a face that knows
//! names puts them in. The ids are returned beside the sentences.

use alloquy_ids::{AccountId, ChannelId, EventId, RoleId};

use super::AuthorityLog;
use super::op::OverwriteTarget;
use super::permit::Refusal;
use super::state::{Member, State};
use super::unit::{Unit, UnitIx};
use crate::permissions::Permissions;

/// Whether and why an operation counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It counts.
    Effective,
    /// It does not count.
    Ineffective {
        /// The operations that took away what it rested on.
        by: Vec<EventId>,
        /// One plain sentence.
        reason: String,
    },
}

/// An explained right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// Whether the account holds the right.
    pub granted: bool,
    /// What gave and what took it, in the order of the rule.
    pub sentences: Vec<String>,
    /// The operations named.
    pub ops: Vec<EventId>,
}

impl AuthorityLog {
    /// Whether the operation is effective in everything held, and if not, which operations decided.
    ///
    /// A reaffirmation is effective if one of the operations that it repeats is.
    #[must_use]
    pub fn verdict(&self, op: EventId) -> Option<Verdict> {
        let entry = self.entries.get(&op)?;
        let evaluated = self.evaluated();
        let effective =
            |ix: UnitIx| self.store.unit(ix).own.is_ok() != evaluated.flips.contains_key(&ix);
        if (entry.first..=entry.last).any(effective) {
            return Some(Verdict::Effective);
        }
        let unit = self.store.unit(entry.first);
        let id = |ix: &UnitIx| self.store.unit(*ix).id;
        if let Some(flip) = evaluated.flips.get(&entry.first) {
            let by: Vec<_> = flip.by.iter().map(id).collect();
            let reason = format!(
                "what it rested on was taken away by {}, which it had not seen or which fell",
                names(&by)
            );
            return Some(Verdict::Ineffective { by, reason });
        }
        let past = self.store.past_of(entry.first).state;
        let refusal = unit.own.as_ref().err()?;
        let by = deciders(unit, refusal, &past);
        let reason = if by.is_empty() {
            refusal.to_string()
        } else {
            format!("{refusal} ({})", names(&by))
        };
        Some(Verdict::Ineffective { by, reason })
    }

    /// Explains a right: the bits and the operations that gave or took them.
    #[must_use]
    pub fn why(&self, account: AccountId, right: Permissions, channel: Option<ChannelId>) -> Why {
        let state = self.state();
        let mut why = Why {
            granted: state.permissions(account, channel).has(right),
            sentences: Vec::new(),
            ops: Vec::new(),
        };
        let who = account.short();
        let Some(member) = state.members.get(&account) else {
            not_a_member(&state, account, &mut why);
            return why;
        };
        why.note(format!("{who} is a member"), member.admitted);
        if state.owners.contains(&account) {
            why.note(
                format!("{who} is an owner, and owners hold every right"),
                state.owners_version,
            );
            return why;
        }
        for role in std::iter::once(&RoleId::ZERO).chain(&member.roles) {
            why.role(&state, member, *role, right);
        }
        if let Some(id) = channel {
            why.channel(&state, account, member, id, right);
        }
        if !why.granted {
            why.sentences
                .push(format!("so {who} does not hold {right:?}"));
        }
        why
    }
}

impl Why {
    fn note(&mut self, text: String, op: EventId) {
        self.sentences
            .push(format!("{text} (operation {})", op.short()));
        self.ops.push(op);
    }

    fn role(&mut self, state: &State, member: &Member, id: RoleId, right: Permissions) {
        let Some(role) = state.roles.get(&id) else {
            return;
        };
        let given = role.permissions & right;
        let name = if id == RoleId::ZERO {
            "everyone".to_owned()
        } else {
            format!("role {}", id.short())
        };
        if given == Permissions::NONE {
            return self.note(format!("{name} does not give {right:?}"), role.by);
        }
        self.note(format!("{name} gives {given:?}"), role.by);
        if let Some(grant) = member.granted.get(&id) {
            self.note(format!("{name} was granted"), *grant);
        }
    }

    fn channel(
        &mut self,
        state: &State,
        account: AccountId,
        member: &Member,
        id: ChannelId,
        right: Permissions,
    ) {
        let Some(channel) = state.channels.get(&id) else {
            self.sentences
                .push(format!("channel {} does not exist", id.short()));
            return;
        };
        if channel.private {
            self.note(
                format!(
                    "channel {} is private: only overwrites give view",
                    id.short()
                ),
                id.into(),
            );
        }
        let roles = member
            .roles
            .iter()
            .chain([&RoleId::ZERO])
            .map(|role| OverwriteTarget::Role(*role));
        for target in roles.chain([OverwriteTarget::Member(account)]) {
            let Some((allow, deny)) = channel.overwrites.get(&target) else {
                continue;
            };
            let Some(by) = channel.overwritten.get(&target) else {
                continue;
            };
            let whose = match target {
                OverwriteTarget::Role(RoleId::ZERO) => "everyone".to_owned(),
                OverwriteTarget::Role(role) => format!("role {}", role.short()),
                OverwriteTarget::Member(account) => account.short(),
            };
            let bits = right | Permissions::VIEW;
            for (verb, bits) in [("denies", *deny & bits), ("allows", *allow & bits)] {
                if bits != Permissions::NONE {
                    self.note(format!("the overwrite for {whose} {verb} {bits:?}"), *by);
                }
            }
        }
    }
}

fn not_a_member(state: &State, account: AccountId, why: &mut Why) {
    let who = account.short();
    if let Some(ban) = state.banned.get(&account) {
        why.note(format!("{who} is banned"), *ban);
    } else if let Some((member, _)) = state.record(account) {
        why.note(format!("{who} is no member any more"), member.standing_by);
    } else {
        why.sentences.push(format!("{who} was never admitted"));
    }
}

fn names(ops: &[EventId]) -> String {
    let names: Vec<_> = ops.iter().map(EventId::short).collect();
    format!("operation {}", names.join(", "))
}

/// The operations behind a refusal by the own past.
fn deciders(unit: &Unit, refusal: &Refusal, past: &State) -> Vec<EventId> {
    let record = |account: Option<AccountId>| account.and_then(|account| past.record(account));
    let roles = |member: &Member| -> Vec<EventId> {
        let grants = member.granted.values().copied();
        grants
            .chain(
                member
                    .roles
                    .iter()
                    .filter_map(|role| past.roles.get(role))
                    .map(|role| role.by),
            )
            .collect()
    };
    match refusal {
        Refusal::RevokedDevice => past
            .revoked
            .get(&unit.device)
            .copied()
            .into_iter()
            .collect(),
        Refusal::Banned => unit
            .author
            .and_then(|author| past.banned.get(&author).copied())
            .into_iter()
            .collect(),
        Refusal::NotMember => record(unit.author)
            .map(|(member, _)| member.standing_by)
            .into_iter()
            .collect(),
        Refusal::Right(..) | Refusal::Bits(_) => {
            let everyone = past.roles.get(&RoleId::ZERO).map(|role| role.by);
            record(unit.author)
                .map_or_else(Vec::new, |(member, _)| roles(member))
                .into_iter()
                .chain(everyone)
                .collect()
        }
        Refusal::Rank { .. } => {
            let mut found =
                record(unit.target()).map_or_else(Vec::new, |(member, _)| roles(member));
            if unit
                .target()
                .is_some_and(|target| past.owners.contains(&target))
            {
                found.push(past.owners_version);
            }
            found
        }
        Refusal::NotOwner | Refusal::Votes { .. } => vec![past.owners_version],
        Refusal::UnknownDevice | Refusal::UnknownBits | Refusal::Invite(_) | Refusal::Other(_) => {
            Vec::new()
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownDevice => write!(f, "its device had not been brought in"),
            Self::RevokedDevice => write!(f, "its device had been revoked"),
            Self::NotMember => write!(f, "its author was not a member"),
            Self::Banned => write!(f, "its author was banned"),
            Self::Right(right, None) => write!(f, "its author did not hold {right:?}"),
            Self::Right(right, Some(channel)) => {
                write!(
                    f,
                    "its author did not hold {right:?} in channel {}",
                    channel.short()
                )
            }
            Self::Rank { what, target, own } => {
                write!(
                    f,
                    "{what} is {}, not below the author's {}",
                    target.0, own.0
                )
            }
            Self::Bits(bits) => write!(f, "it gives {bits:?}, which its author did not hold"),
            Self::UnknownBits => write!(f, "it names rights that have no meaning"),
            Self::NotOwner => write!(f, "only owners may do this"),
            Self::Votes { given, of } => {
                write!(f, "it has {given} of {of} votes: more than half are needed")
            }
            Self::Invite(reason) | Self::Other(reason) => f.write_str(reason),
        }
    }
}
