//! What is typed about a community and compared with what was: a role, permissions of a channel, a name and topic.

use std::collections::BTreeSet;

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, OverwriteRef, RoleRef};
use alloquy_api::limits::{NAME_BYTES_MAX, TOPIC_BYTES_MAX};
use alloquy_api::reply::{OverwriteTarget, OverwriteView, RoleView};
use alloquy_ids::{ChannelId, CommunityId, RoleId};

use super::Standing;
use crate::state::apply::{channel_ref, community_ref};
use crate::words::say;

/// A role as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDraft {
    /// The community.
    pub community: CommunityId,
    /// The role; `None`: a new one.
    pub role: Option<RoleId>,
    /// Its name.
    pub name: String,
    /// Its rank, as typed.
    pub rank: String,
    /// Names of the rights that it gives.
    pub allow: BTreeSet<String>,
    /// The role as it was when the sheet opened.
    before: (String, String, BTreeSet<String>),
}

impl RoleDraft {
    pub(super) fn new(community: CommunityId, role: Option<&RoleView>) -> Self {
        let name = role.map_or_else(String::new, |role| role.name.clone());
        let rank = role.map_or(1, |role| role.rank).to_string();
        let allow: BTreeSet<String> = role
            .into_iter()
            .flat_map(|role| role.allow.clone())
            .collect();
        Self {
            community,
            role: role.map(|role| role.role),
            before: (name.clone(), rank.clone(), allow.clone()),
            name,
            rank,
            allow,
        }
    }

    /// Gives a right to the role, or takes it away.
    pub fn toggle(&mut self, right: &str) {
        if !self.allow.remove(right) {
            self.allow.insert(right.to_owned());
        }
    }

    /// Whether the role gave a right when the sheet opened: who may change it may leave that as it was.
    #[must_use]
    pub fn had(&self, right: &str) -> bool {
        self.before.2.contains(right)
    }

    /// Whether this is what every member has.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.role == Some(RoleId::ZERO)
    }

    /// What is wrong with the name.
    pub(crate) fn name_fault(&self) -> Option<String> {
        name_fault(&self.name)
    }

    /// The rank typed, or what is wrong with it.
    pub(crate) fn rank(&self, own: &Standing) -> Result<u32, String> {
        let most = own.rank_max();
        let rank = self.rank.trim().parse().ok();
        rank.filter(|rank| (1..=most).contains(rank))
            .ok_or_else(|| say::role_rank_limits(most))
    }

    /// What carries the draft out; `None` while it is as it was, or does not fit.
    pub(crate) fn command(&self, own: &Standing) -> Option<Command> {
        let community = community_ref(self.community);
        let (name, allow) = (self.name.trim(), self.allow.iter().cloned().collect());
        let (name_before, rank_before, allow_before) = &self.before;
        let Some(role) = self.role else {
            return self.name_fault().is_none().then_some(Command::RoleCreate {
                community,
                name: name.to_owned(),
                rank: self.rank(own).ok()?,
                allow,
            });
        };
        let renamed = !self.is_everyone() && name != name_before.trim();
        let moved = !self.is_everyone() && self.rank.trim() != rank_before.trim();
        if (renamed && self.name_fault().is_some()) || (moved && self.rank(own).is_err()) {
            return None;
        }
        let changed = renamed || moved || self.allow != *allow_before;
        changed.then(|| Command::RoleEdit {
            community,
            role: RoleRef(role.to_string()),
            name: renamed.then(|| name.to_owned()),
            rank: self.rank(own).ok().filter(|_| moved),
            allow: (self.allow != *allow_before).then_some(allow),
        })
    }
}

/// What a channel does with a right of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It gives the right.
    Allow,
    /// It leaves it to the roles.
    Inherit,
    /// It takes the right.
    Deny,
}

impl Choice {
    /// All, in the order shown.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Inherit, Self::Deny];
}

/// Permissions of a channel for a role or a member, while they are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverwriteDraft {
    /// The channel.
    pub channel: ChannelId,
    /// Whom it is for.
    pub target: OverwriteTarget,
    /// Names of the rights that are given.
    pub allow: BTreeSet<String>,
    /// Names of the rights that are taken.
    pub deny: BTreeSet<String>,
    /// As it was when the sheet opened: given, and taken.
    before: (BTreeSet<String>, BTreeSet<String>),
}

impl OverwriteDraft {
    pub(super) fn new(
        channel: ChannelId,
        target: OverwriteTarget,
        of: Option<&OverwriteView>,
    ) -> Self {
        let allow: BTreeSet<String> = of.into_iter().flat_map(|of| of.allow.clone()).collect();
        let deny: BTreeSet<String> = of.into_iter().flat_map(|of| of.deny.clone()).collect();
        Self {
            channel,
            target,
            before: (allow.clone(), deny.clone()),
            allow,
            deny,
        }
    }

    /// What is chosen for a right.
    #[must_use]
    pub fn choice(&self, right: &str) -> Choice {
        choice(&self.allow, &self.deny, right)
    }

    /// Chooses for a right.
    pub fn choose(&mut self, right: &str, choice: Choice) {
        self.allow.remove(right);
        self.deny.remove(right);
        match choice {
            Choice::Allow => self.allow.insert(right.to_owned()),
            Choice::Inherit => true,
            Choice::Deny => self.deny.insert(right.to_owned()),
        };
    }

    /// Whether somebody may choose this who holds the right in the channel, or does not: nobody gives what they
    /// do not hold, by allowing it or by denying it no longer.
    #[must_use]
    pub fn may(&self, right: &str, choice_to: Choice, holds: bool) -> bool {
        let (allow, deny) = &self.before;
        holds
            || match choice(allow, deny, right) {
                Choice::Allow => true,
                Choice::Inherit => choice_to != Choice::Allow,
                Choice::Deny => choice_to == Choice::Deny,
            }
    }

    /// What carries the draft out; `None` while it is as it was.
    pub(crate) fn command(&self) -> Option<Command> {
        let (allow, deny) = &self.before;
        let names = |rights: &BTreeSet<String>| rights.iter().cloned().collect();
        (self.allow != *allow || self.deny != *deny).then(|| Command::Overwrite {
            channel: channel_ref(self.channel),
            target: match self.target {
                OverwriteTarget::Role(role) => OverwriteRef::Role(RoleRef(role.to_string())),
                OverwriteTarget::Member(account) => {
                    OverwriteRef::Member(AccountRef(account.to_string()))
                }
            },
            allow: names(&self.allow),
            deny: names(&self.deny),
        })
    }
}

fn choice(allow: &BTreeSet<String>, deny: &BTreeSet<String>, right: &str) -> Choice {
    match (allow.contains(right), deny.contains(right)) {
        (_, true) => Choice::Deny,
        (true, false) => Choice::Allow,
        (false, false) => Choice::Inherit,
    }
}

/// A name and a topic while they are typed: of a community, or of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceDraft {
    /// As commands take it.
    target: String,
    /// The name.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// Both as they were when the sheet opened.
    before: (String, String),
}

impl PlaceDraft {
    pub(super) fn new(target: String, name: &str, topic: &str) -> Self {
        Self {
            target,
            name: name.to_owned(),
            topic: topic.to_owned(),
            before: (name.to_owned(), topic.to_owned()),
        }
    }

    /// What is wrong with the name.
    pub(crate) fn name_fault(&self) -> Option<String> {
        name_fault(&self.name)
    }

    /// What is wrong with the topic.
    pub(crate) fn topic_fault(&self) -> Option<String> {
        crate::widgets::over_limit(&self.topic, TOPIC_BYTES_MAX)
    }

    /// What carries it out.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let (name, topic) = (self.name.trim(), self.topic.trim());
        let target = || self.target.clone();
        let renamed = (name != self.before.0.trim()).then(|| Command::Rename {
            target: target(),
            name: name.to_owned(),
        });
        let retold = (topic != self.before.1.trim()).then(|| Command::Topic {
            target: target(),
            text: topic.to_owned(),
        });
        renamed.into_iter().chain(retold).collect()
    }

    /// What was saved is what later changes are compared with.
    pub(super) fn saved(&mut self, command: &Command) {
        match command {
            Command::Rename { target, name } if *target == self.target => {
                self.before.0.clone_from(name);
            }
            Command::Topic { target, text } if *target == self.target => {
                self.before.1.clone_from(text);
            }
            _ => {}
        }
    }
}

/// What is wrong with a name.
fn name_fault(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some(say::name_empty().to_owned());
    }
    crate::widgets::over_limit(name, NAME_BYTES_MAX)
}
