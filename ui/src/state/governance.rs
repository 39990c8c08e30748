//! What a community is run with: what is typed on the sheets about it, and what the node told for them.
//!
//! An order from such a sheet tells its error on that sheet, where what was typed still stands. Only what was
//! changed is sent: somebody else may change another part of the same role at the same time.

mod drafts;
mod rules;

use std::collections::BTreeSet;

use alloquy_api::command::AccountRef;
use alloquy_api::limits::RANK_MAX;
use alloquy_api::reply::{AuditKind, AuditView, InviteView, RoleView, TreeView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandError, Reply};
use alloquy_ids::{AccountId, CommunityId, EventId, InviteId, UnixMs};

use super::apply::community_ref;
use super::{Overlay, Purpose, Tone, UiState};
use crate::effect::Effect;
use crate::model::Model;
use crate::words::say;

pub use drafts::{Choice, OverwriteDraft, PlaceDraft, RoleDraft};
pub use rules::RulesDraft;

/// Operations of the log that are asked for at once: some screens.
pub(crate) const AUDIT_PAGE: u32 = 100;

/// A page of the sheet about a community.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommunityPage {
    /// Name, topic, owners, keys.
    #[default]
    Overview,
    /// Roles, strongest first.
    Roles,
    /// Channels, each with a sheet of its own.
    Channels,
    /// Invites, and who made them.
    Invites,
    /// Who came in by whom.
    Tree,
    /// Who may come in, and what may be written.
    Rules,
    /// Bans, time-outs, owners.
    Moderation,
    /// What was done, by whom.
    Audit,
}

/// Whether somebody is to be an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerChange {
    /// From now on.
    Add,
    /// No longer.
    Remove,
}

/// Part of the tree of who came in by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Below a member.
    Member(AccountId),
    /// By an invite.
    Invite(InviteId),
}

impl Branch {
    /// As commands take it.
    pub(crate) fn reference(self) -> AccountRef {
        AccountRef(match self {
            Self::Member(account) => account.to_string(),
            Self::Invite(invite) => invite.to_string(),
        })
    }

    /// Who came in there, of a whole tree: each stands below the one before with a smaller depth.
    #[must_use]
    pub fn of(self, tree: &[TreeView]) -> Vec<&TreeView> {
        let mut found = Vec::new();
        // While one is inside of the branch: the depth of what it hangs on.
        let mut above: Option<u32> = None;
        for one in tree {
            above = above.filter(|depth| one.depth > *depth);
            match self {
                Self::Member(account) if one.account == account => above = Some(one.depth),
                Self::Invite(invite) if above.is_none() && one.invite == Some(invite) => {
                    found.push(one);
                    above = Some(one.depth);
                }
                _ if above.is_some() => found.push(one),
                _ => {}
            }
        }
        found
    }
}

/// What the node is asked to show on a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The invites of a community.
    Invites(CommunityId),
    /// The log of a community, this many operations.
    Audit(CommunityId, u32),
    /// Who came in by whom.
    Tree(CommunityId),
    /// Why an operation has no effect.
    Why(EventId),
}

/// Something to be done about a community.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What.
    pub command: Command,
    /// What is told when it is done; empty: nothing, for it is a part of something.
    pub done: String,
    /// Sheets that close when it is done.
    pub closes: Vec<Overlay>,
}

/// One's own standing in a community, as the window judges it: the node judges again, and decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Owners stand above every rank.
    pub owner: bool,
    /// Of the strongest role held.
    pub rank: u32,
    /// Names of the rights held.
    pub rights: BTreeSet<String>,
}

impl Standing {
    /// Of an account in a community.
    #[must_use]
    pub fn of(community: &CommunitySnapshot, account: AccountId) -> Self {
        let mut members = community.members.iter();
        let own = members.find(|member| member.account == account);
        Self {
            owner: own.is_some_and(|own| own.owner),
            rank: own.map_or(0, |own| own.rank),
            rights: community.rights.iter().cloned().collect(),
        }
    }

    /// Whether a right is held in the community.
    #[must_use]
    pub fn has(&self, right: &str) -> bool {
        self.owner || self.rights.contains(right)
    }

    /// Whether what has this rank stands lower.
    #[must_use]
    pub const fn is_above(&self, rank: u32) -> bool {
        self.owner || rank < self.rank
    }

    /// The greatest rank that one may give; 0: none.
    #[must_use]
    pub fn rank_max(&self) -> u32 {
        if self.owner {
            return u32::try_from(RANK_MAX).unwrap_or(u32::MAX);
        }
        self.rank.saturating_sub(1)
    }

    /// Whether roles may be made, or why not.
    pub(crate) fn may_make_roles(&self) -> Result<(), &'static str> {
        match (self.has("manage-roles"), self.rank_max()) {
            (false, _) => Err(say::roles_no_right()),
            (true, 0) => Err(say::roles_no_rank()),
            _ => Ok(()),
        }
    }

    /// Whether a role may be changed, given and taken, or why not.
    pub(crate) fn may_change(&self, role: &RoleView) -> Result<(), &'static str> {
        match (self.has("manage-roles"), self.is_above(role.rank)) {
            (false, _) => Err(say::roles_no_right()),
            (true, false) => Err(say::may_role_high()),
            _ => Ok(()),
        }
    }
}

/// What is typed on the sheets about a community, and what the node told for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Governance {
    /// The role that is made or changed.
    pub role: Option<RoleDraft>,
    /// Permissions of a channel that are chosen.
    pub overwrite: Option<OverwriteDraft>,
    /// Name and topic of the community or the channel.
    pub place: Option<PlaceDraft>,
    /// Somebody who is looked for: letters of the name.
    pub find: String,
    /// Invites, when last asked for; or why there are none.
    pub invites: Option<(CommunityId, Result<Vec<InviteView>, String>)>,
    /// Operations, oldest first, when last asked for; or why there are none.
    pub audit: Option<(CommunityId, Result<Vec<AuditView>, String>)>,
    /// How many operations were asked for.
    pub audit_last: u32,
    /// Only operations about this are shown.
    pub audit_kind: Option<AuditKind>,
    /// Only operations by and about people with these letters in their names are shown.
    pub audit_person: String,
    /// The operation that is explained, and why it has no effect; or why nobody knows.
    pub why: Option<(EventId, Result<Vec<String>, String>)>,
    /// Who came in by whom, when last asked for; or why nobody knows.
    pub tree: Option<(CommunityId, Result<Vec<TreeView>, String>)>,
    /// Why a branch is removed.
    pub reason: String,
    /// Who is removed may not come back.
    pub bans: bool,
    /// Rules that are typed.
    pub rules: Option<RulesDraft>,
    /// What did not work, and on which sheet.
    pub fault: Option<(Overlay, String)>,
}

impl UiState {
    /// Prepares what a sheet about a community shows, before it opens.
    pub(super) fn govern_opened(&mut self, overlay: &Overlay, model: &Model) -> Vec<Effect> {
        let governance = &mut self.governance;
        match overlay {
            Overlay::Role(community, role) => {
                let views = model.community(*community).map(|of| &of.roles);
                let mut views = views.into_iter().flat_map(|roles| roles.iter());
                let view = views.find(|view| Some(view.role) == *role);
                governance.role = Some(RoleDraft::new(*community, view));
                governance.find.clear();
            }
            Overlay::Channel(community, channel) => {
                governance.place = model
                    .channel(*community, *channel)
                    .map(|view| PlaceDraft::new(channel.to_string(), &view.name, &view.topic));
                governance.find.clear();
            }
            Overlay::Overwrite(community, channel, target) => {
                let view = model.channel(*community, *channel);
                let mut set = view.into_iter().flat_map(|view| view.overwrites.iter());
                let of = set.find(|of| of.target == *target);
                governance.overwrite = Some(OverwriteDraft::new(*channel, *target, of));
            }
            Overlay::Branch(community, _) => {
                governance.reason.clear();
                governance.bans = false;
                return vec![self.look(Look::Tree(*community))];
            }
            Overlay::Community(community, page) => {
                return self.page_opened(*community, *page, model);
            }
            _ => {}
        }
        Vec::new()
    }

    fn page_opened(
        &mut self,
        community: CommunityId,
        page: CommunityPage,
        model: &Model,
    ) -> Vec<Effect> {
        let governance = &mut self.governance;
        match page {
            CommunityPage::Overview => {
                governance.place = model
                    .community(community)
                    .map(|of| PlaceDraft::new(community.to_string(), &of.name, &of.topic));
            }
            CommunityPage::Moderation => governance.find.clear(),
            CommunityPage::Roles | CommunityPage::Channels => {}
            CommunityPage::Rules => {
                let policy = model.community(community).map(|of| &of.policy);
                governance.rules = policy.map(|policy| RulesDraft::new(community, policy));
            }
            CommunityPage::Tree => return vec![self.look(Look::Tree(community))],
            CommunityPage::Invites => return vec![self.look(Look::Invites(community))],
            CommunityPage::Audit => {
                governance.why = None;
                return vec![self.look(Look::Audit(community, AUDIT_PAGE))];
            }
        }
        Vec::new()
    }

    /// Asks the node for what a sheet shows.
    pub(super) fn look(&mut self, look: Look) -> Effect {
        let command = match look {
            Look::Invites(community) => Command::Invites {
                community: community_ref(community),
            },
            Look::Audit(community, last) => {
                self.governance.audit_last = last;
                Command::Audit {
                    community: community_ref(community),
                    last,
                }
            }
            Look::Tree(community) => Command::InviteTree {
                community: community_ref(community),
            },
            Look::Why(event) => Command::WhyEvent { event },
        };
        self.ask(Purpose::Look(look), command)
    }

    /// What the node told for a sheet.
    pub(super) fn looked(&mut self, look: Look, outcome: Result<Reply, &CommandError>) {
        let governance = &mut self.governance;
        let refused = |error: &CommandError| error.message.clone();
        match (look, outcome) {
            (Look::Invites(community), Ok(Reply::Invites { invites })) => {
                governance.invites = Some((community, Ok(invites)));
            }
            (Look::Invites(community), Err(error)) => {
                governance.invites = Some((community, Err(refused(error))));
            }
            (Look::Audit(community, _), Ok(Reply::Audit { operations })) => {
                governance.audit = Some((community, Ok(operations)));
            }
            (Look::Audit(community, _), Err(error)) => {
                governance.audit = Some((community, Err(refused(error))));
            }
            (Look::Tree(community), Ok(Reply::InviteTree { tree })) => {
                governance.tree = Some((community, Ok(tree)));
            }
            (Look::Tree(community), Err(error)) => {
                governance.tree = Some((community, Err(refused(error))));
            }
            (Look::Why(event), Ok(Reply::WhyEvent { because, .. })) => {
                governance.why = Some((event, Ok(because)));
            }
            (Look::Why(event), Err(error)) => governance.why = Some((event, Err(refused(error)))),
            (_, Ok(_)) => {}
        }
    }

    /// Lets go of what a closed sheet has shown.
    pub(super) fn govern_closed(&mut self, closed: &Overlay) {
        let governance = &mut self.governance;
        match closed {
            Overlay::Role(..) => governance.role = None,
            Overlay::Overwrite(..) => governance.overwrite = None,
            Overlay::Channel(..) => governance.place = None,
            Overlay::Community(..) => {
                governance.place = None;
                governance.invites = None;
                governance.audit = None;
                governance.tree = None;
                governance.why = None;
                governance.rules = None;
            }
            _ => {}
        }
        governance.fault.take_if(|(on, _)| on == closed);
    }

    /// Gives an order about a community to the node.
    pub(super) fn govern(&mut self, order: Order) -> Effect {
        self.governance.fault = None;
        let on = self.overlays.last().cloned();
        let command = order.command.clone();
        self.ask(Purpose::Govern(on, Box::new(order)), command)
    }

    /// An order was carried out.
    pub(super) fn governed(&mut self, order: Order, reply: &Reply, now: UnixMs) -> Vec<Effect> {
        for closed in &order.closes {
            self.overlays.retain(|open| open != closed);
            self.govern_closed(closed);
        }
        if let Some(place) = &mut self.governance.place {
            place.saved(&order.command);
        }
        if matches!(order.command, Command::CreateCategory { .. }) {
            self.forms.channel.clear();
        }
        let done = match reply {
            Reply::Vote {
                enacted: false,
                votes,
                needed,
            } => say::owners_voted(*votes, *needed),
            Reply::Branch {
                removed,
                kept,
                left,
                ..
            } => {
                let stay = kept.len() as u64 + u64::from(*left);
                say::branch_removed(removed.len() as u64, stay)
            }
            Reply::Undone { undone, left, .. } => say::undone((*undone).into(), (*left).into()),
            _ => order.done,
        };
        if let Some(rules) = &mut self.governance.rules {
            rules.saved(&order.command);
        }
        // One of several orders that are one step tells nothing: the last one does.
        if !done.is_empty() {
            self.toast(Tone::Good, done, now);
        }
        // What was asked for once is another one now.
        match self.overlays.last() {
            Some(Overlay::Community(community, CommunityPage::Invites)) => {
                vec![self.look(Look::Invites(*community))]
            }
            Some(Overlay::Community(community, CommunityPage::Audit)) => {
                vec![self.look(Look::Audit(*community, self.governance.audit_last))]
            }
            Some(Overlay::Branch(community, _)) => vec![self.look(Look::Tree(*community))],
            _ => Vec::new(),
        }
    }

    /// An order was not carried out: told on the sheet that it came from, or where it is seen when that is closed.
    pub(super) fn not_governed(&mut self, on: Option<Overlay>, error: &CommandError, now: UnixMs) {
        match on.filter(|on| self.overlays.contains(on)) {
            Some(on) => self.governance.fault = Some((on, error.message.clone())),
            None => self.toast(Tone::Bad, say::not_done(&error.message), now),
        }
    }
}
