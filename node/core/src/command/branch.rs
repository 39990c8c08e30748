//! Moderation at scale: who came in by whom, the removal of a whole branch, and what it wrote undone.
//!
//! What is signed names accounts and events one by one, as they are known here when it is signed: nobody else has
//! to find the same tree again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_api::command::AccountRef;
use alloquy_api::reply::TreeView;
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, EventId, InviteId, UnixMs};
use alloquy_schema::authority::Verdict;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::content::Field;
use alloquy_schema::event::Kind;
use alloquy_schema::limits::{IDS_LISTED_MAX, REASON_BYTES_MAX};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::timeline::Deletion;
use rand_core::CryptoRng;

use super::{Outcome, check_text, content, error, set_text};
use crate::author::Draft;
use crate::community::{Community, Place};
use crate::io::Origin;
use crate::limits::{REASONS_PER_EVENT, REMOVED_AT_ONCE_MAX, UNDONE_AT_ONCE_MAX};
use crate::node::Node;

/// How an account came in the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    /// Who made the invite, or admitted without one.
    pub(crate) inviter: Option<AccountId>,
    pub(crate) invite: Option<InviteId>,
    pub(crate) admitted_by: Option<AccountId>,
    pub(crate) operation: EventId,
    pub(crate) time: UnixMs,
    /// When it came in first, by the earliest of its admissions.
    pub(crate) first: UnixMs,
}

/// Everybody who was ever admitted, and who came in by whom.
#[derive(Debug)]
struct Branches {
    came: BTreeMap<AccountId, Came>,
    below: BTreeMap<AccountId, Vec<AccountId>>,
}

impl Branches {
    fn of(community: &Community) -> Self {
        let came = community.came();
        let mut below: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (account, one) in &came {
            if let Some(inviter) = one.inviter {
                below.entry(inviter).or_default().push(*account);
            }
        }
        Self { came, below }
    }

    /// Accounts straight below a root.
    fn below(&self, root: Root) -> Vec<AccountId> {
        match root {
            Root::Account(account) => self.below.get(&account).cloned().unwrap_or_default(),
            Root::Invite(invite) => {
                let by_it = self
                    .came
                    .iter()
                    .filter(|(_, one)| one.invite == Some(invite));
                by_it.map(|(account, _)| *account).collect()
            }
        }
    }

    /// Everybody below a root, without those whom `stays` names and those below them.
    fn all_below(&self, root: Root, stays: impl Fn(AccountId) -> bool) -> BTreeSet<AccountId> {
        let mut found = BTreeSet::new();
        let mut open = self.below(root);
        while let Some(account) = open.pop() {
            if !stays(account) && found.insert(account) {
                open.extend(self.below(Root::Account(account)));
            }
        }
        found
    }
}

/// What a branch hangs on.
#[derive(Clone, Copy, Debug)]
enum Root {
    Account(AccountId),
    Invite(InviteId),
}

/// Who goes with a branch.
#[derive(Debug, Default)]
struct Cut {
    removed: Vec<AccountId>,
    kept: Vec<AccountId>,
    left: u32,
}

impl Community {
    /// How everybody who was ever admitted came in: by the operations in force, or if there is none by one that lost
    /// its effect to others, as that of somebody who came in while the invite was withdrawn elsewhere.
    pub(crate) fn came(&self) -> BTreeMap<AccountId, Came> {
        let state = self.state();
        let mut events: Vec<_> = self.authority.dag().iter().collect();
        events.sort_by_key(|event| event.order_key());
        let fallen = self.authority.fallen();
        let (mut came, mut fell) = (BTreeMap::new(), BTreeMap::new());
        for event in events {
            let (id, header) = (event.id(), event.header());
            let joins = match self.authority.op(id) {
                Some(AuthorityOp::Admit(join)) => vec![join],
                Some(AuthorityOp::Reaffirm { ops }) => {
                    let repeated = ops.iter().filter_map(|op| match self.authority.op(*op) {
                        Some(AuthorityOp::Admit(join)) => Some(join),
                        _ => None,
                    });
                    repeated.collect()
                }
                Some(AuthorityOp::Genesis(_)) => {
                    came.insert(
                        state.founder,
                        Came {
                            inviter: None,
                            invite: None,
                            admitted_by: None,
                            operation: id,
                            time: header.wall,
                            first: header.wall,
                        },
                    );
                    continue;
                }
                _ => continue,
            };
            if joins.is_empty() {
                continue;
            }
            let into = if self.authority.verdict(id) == Some(Verdict::Effective) {
                &mut came
            } else if fallen.contains(&id) {
                &mut fell
            } else {
                continue;
            };
            let admitted_by = state.account_ever(header.device);
            for join in joins {
                let creator = join.invite.and_then(|id| state.invites.get(&id));
                let before = into.get(&join.account).map(|held: &Came| held.first);
                let one = Came {
                    inviter: creator.map(|invite| invite.creator).or(admitted_by),
                    invite: join.invite,
                    admitted_by,
                    operation: id,
                    time: header.wall,
                    first: before.map_or(header.wall, |before| before.min(header.wall)),
                };
                into.insert(join.account, one);
            }
        }
        for (account, one) in fell {
            came.entry(account).or_insert(one);
        }
        came
    }

    /// Last accepted events of each of these accounts, as far as one operation lists them.
    fn ends_by_account(&self, accounts: &BTreeSet<AccountId>) -> BTreeMap<AccountId, Vec<EventId>> {
        let devices: BTreeMap<DeviceId, AccountId> = self
            .devices
            .values()
            .filter(|(account, _)| accounts.contains(account))
            .map(|(account, device)| (*device, *account))
            .collect();
        let places = self
            .timelines
            .keys()
            .map(|channel| Place::Channel(*channel));
        let mut ends: BTreeMap<AccountId, Vec<_>> = BTreeMap::new();
        for dag in places
            .chain([Place::Content])
            .filter_map(|place| self.dag(place))
        {
            for height in dag.heights() {
                let account = devices.get(&height.device);
                if let Some((account, event)) = account.zip(dag.get(height.head)) {
                    let end = (std::cmp::Reverse(event.header().lamport), event.id());
                    ends.entry(*account).or_default().push(end);
                }
            }
        }
        let newest = |(account, mut ends): (AccountId, Vec<_>)| {
            ends.sort();
            ends.truncate(IDS_LISTED_MAX);
            (account, ends.into_iter().map(|(_, id)| id).collect())
        };
        ends.into_iter().map(newest).collect()
    }

    fn tree(&self) -> Vec<TreeView> {
        let (came, state) = (self.came(), self.state());
        let mut children: BTreeMap<Option<AccountId>, Vec<(UnixMs, AccountId)>> = BTreeMap::new();
        for (account, one) in &came {
            let inviter = one.inviter.filter(|inviter| inviter != account);
            children
                .entry(inviter)
                .or_default()
                .push((one.time, *account));
        }
        for list in children.values_mut() {
            list.sort_by_key(|one| std::cmp::Reverse(*one));
        }
        let mut tree = Vec::new();
        let mut seen = BTreeSet::new();
        let top = children.get(&None).into_iter().flatten();
        // Who invited one another in a circle, coming in anew each time, has nobody above: they follow at the end.
        let rest: Vec<_> = came
            .iter()
            .rev()
            .map(|(account, one)| (one.time, *account))
            .collect();
        let mut open: Vec<_> = rest.iter().chain(top).map(|(_, one)| (*one, 0)).collect();
        while let Some((account, depth)) = open.pop() {
            if !seen.insert(account) {
                continue;
            }
            let one = &came[&account];
            tree.push(TreeView {
                account,
                name: self.member_name(account),
                depth,
                inviter: one.inviter,
                invite: one.invite,
                admitted_by: one.admitted_by,
                operation: one.operation,
                time: one.time,
                member: state.is_member(account),
            });
            let below = children.get(&Some(account)).into_iter().flatten();
            open.extend(below.map(|(_, one)| (*one, depth + 1)));
        }
        tree
    }
}

impl<R: CryptoRng> Node<R> {
    pub(super) fn invite_tree(&self, community: &str) -> Result<Reply, CommandError> {
        let id = self.community_named(community)?;
        Ok(Reply::InviteTree {
            tree: self.active(id)?.tree(),
        })
    }

    fn root_named(
        &self,
        community: &str,
        text: &AccountRef,
    ) -> Result<(CommunityId, Root), CommandError> {
        let id = self.community_named(community)?;
        if let Ok(invite) = text.0.parse::<InviteId>()
            && self.active(id)?.state().invites.contains_key(&invite)
        {
            return Ok((id, Root::Invite(invite)));
        }
        let (id, account) = self.member_ref(community, text)?;
        let of = self.active(id)?;
        if !of.came().contains_key(&account) {
            return Err(error(
                ErrorCode::UnknownName,
                format!("no invite and no account that was ever a member has the id {account}"),
            ));
        }
        Ok((id, Root::Account(account)))
    }

    pub(super) fn branch_command(&mut self, origin: Origin, command: Command) -> Outcome {
        use Command as C;
        match command {
            C::RemoveBranch {
                community,
                branch,
                reason,
                ban,
            } => self.remove_branch(origin, (&community.0, &branch), reason.as_deref(), ban),
            C::Undo {
                community,
                branch,
                span_ms,
            } => self.undo(origin, &community.0, &branch, span_ms),
            other => Err(error(
                ErrorCode::Internal,
                format!("no machine takes {other:?}"),
            )),
        }
    }

    /// `remove-branch`.
    fn remove_branch(
        &mut self,
        origin: Origin,
        (community, branch): (&str, &AccountRef),
        reason: Option<&str>,
        ban: bool,
    ) -> Outcome {
        check_text("reason", reason.unwrap_or_default(), REASON_BYTES_MAX)?;
        let (id, root) = self.root_named(community, branch)?;
        let right = if ban {
            Permissions::BAN
        } else {
            Permissions::KICK
        };
        let of = self.active(id)?;
        let state = of.state();
        if !state.permissions(self.me.account(), None).has(right) {
            let names: Vec<_> = right.names().collect();
            return Err(error(
                ErrorCode::NotPermitted,
                format!("this account lacks the right {}", names.join(" or ")),
            ));
        }
        let removal = |account, last| match ban {
            true => AuthorityOp::Ban { account, last },
            false => AuthorityOp::Kick { account, last },
        };
        let cut = self.cut(of, root, ban, &removal);
        let mut ends = of.ends_by_account(&cut.removed.iter().copied().collect());
        let mut drafts = Vec::new();
        let mut invite_revoked = false;
        if let Root::Invite(invite) = root {
            let revoke = AuthorityOp::InviteRevoke { invite };
            let stands = state
                .invites
                .get(&invite)
                .is_some_and(|invite| !invite.revoked);
            let may = of.authority.permits(self.me.account(), &revoke).is_ok();
            invite_revoked = !stands || may;
            // Nobody comes in by it any more before the first is removed.
            if stands && may {
                drafts.push(Draft::Op(revoke));
            }
        }
        for account in &cut.removed {
            let last = ends.remove(account).unwrap_or_default();
            drafts.push(Draft::Op(removal(*account, last)));
        }
        let reply = Reply::Branch {
            removed: cut.removed,
            kept: cut.kept,
            left: cut.left,
            invite_revoked,
        };
        if drafts.is_empty() {
            return self.answer(origin, reply);
        }
        let written = self.write(id, &drafts, |ids| {
            (ids.len() >= drafts.len()).then_some((origin, reply))
        });
        if written.len() < drafts.len() {
            return Err(error(
                ErrorCode::Internal,
                "the operations could not be made; see the log",
            ));
        }
        self.replace_epochs(id);
        self.give_reasons(id, &written, reason.unwrap_or_default());
        Ok(())
    }

    /// Who below a root can be removed. Whom this account may not remove stays, with those below.
    fn cut(
        &self,
        of: &Community,
        root: Root,
        ban: bool,
        removal: &dyn Fn(AccountId, Vec<EventId>) -> AuthorityOp,
    ) -> Cut {
        let (me, state, branches) = (self.me.account(), of.state(), Branches::of(of));
        let mut cut = Cut::default();
        let mut seen = BTreeSet::from([me]);
        if let Root::Account(account) = root {
            seen.insert(account);
        }
        let mut open: VecDeque<_> = branches.below(root).into();
        while let Some(account) = open.pop_front() {
            if !seen.insert(account) {
                continue;
            }
            let there = state.is_member(account) || (ban && !state.banned.contains_key(&account));
            if there {
                if of
                    .authority
                    .permits(me, &removal(account, Vec::new()))
                    .is_err()
                {
                    cut.kept.push(account);
                    continue;
                }
                if cut.removed.len() < REMOVED_AT_ONCE_MAX {
                    cut.removed.push(account);
                } else {
                    cut.left += 1;
                }
            }
            open.extend(branches.below(Root::Account(account)));
        }
        cut
    }

    /// Says why operations were made, as far as there is a key to say it with.
    fn give_reasons(&mut self, id: CommunityId, operations: &[EventId], reason: &str) {
        let writable = self
            .communities
            .get(&id)
            .is_some_and(|community| community.writing_epoch(None).is_some());
        if reason.is_empty() || !writable {
            return;
        }
        let give = |operations: &[EventId]| {
            let ops = operations.iter();
            content(ops.map(|op| set_text(Field::Reason(*op), reason)).collect())
        };
        let drafts: Vec<_> = operations.chunks(REASONS_PER_EVENT).map(give).collect();
        self.write(id, &drafts, |_| None);
    }

    /// `undo`.
    fn undo(
        &mut self,
        origin: Origin,
        community: &str,
        branch: &AccountRef,
        span_ms: u64,
    ) -> Outcome {
        let (id, root) = self.root_named(community, branch)?;
        let of = self.active(id)?;
        let (me, state) = (self.me.account(), of.state());
        let branches = Branches::of(of);
        let rank = state.rank(me);
        let is_above =
            |account| account == me || (state.is_member(account) && state.rank(account) >= rank);
        let accounts = match root {
            Root::Account(account) => BTreeSet::from([account]),
            Root::Invite(_) => branches.all_below(root, is_above),
        };
        let from = UnixMs(self.wall().0.saturating_sub(span_ms));
        // Who first came in since then wrote nothing before, whatever the events say of themselves.
        let came = &branches.came;
        let since = |account: &AccountId| came.get(account).filter(|one| one.first >= from);
        let new: BTreeSet<_> = accounts.iter().filter(|one| since(one).is_some()).collect();
        let (mut left, mut room) = (0, UNDONE_AT_ONCE_MAX);
        let mut drafts = Vec::new();
        let mut refused = false;
        for (channel, timeline) in &of.timelines {
            let mut found = Vec::new();
            for event in timeline.dag().iter() {
                let (header, event) = (event.header(), event.id());
                let account = (header.kind == Kind::Sealed)
                    .then(|| timeline.author(event))
                    .flatten()
                    .filter(|account| accounts.contains(account));
                let in_span = |account| header.wall >= from || new.contains(&account);
                if account.is_some_and(in_span) && timeline.has_effect(event) {
                    found.push(event);
                }
            }
            let rights = state.permissions(me, Some(*channel));
            let may = rights.has(Permissions::MANAGE_MESSAGES) || accounts == BTreeSet::from([me]);
            refused |= !may && !found.is_empty();
            let taken = if may { found.len().min(room) } else { 0 };
            (left, room) = (left + found.len() - taken, room - taken);
            drafts.extend(hide(*channel, &found[..taken]));
        }
        let undone = UNDONE_AT_ONCE_MAX - room;
        if undone == 0 && refused {
            let message = "this account lacks the right manage-messages";
            return Err(error(ErrorCode::NotPermitted, message));
        }
        let reply = move |deletions: Vec<EventId>| Reply::Undone {
            undone: u32::try_from(undone).unwrap_or(u32::MAX),
            left: u32::try_from(left).unwrap_or(u32::MAX),
            deletions,
        };
        if drafts.is_empty() {
            return self.answer(origin, reply(Vec::new()));
        }
        let count = drafts.len();
        self.write_answered(origin, id, &drafts, |ids| {
            // Heads of the authority log may have been joined before.
            Some(reply(ids[ids.len().saturating_sub(count)..].to_vec()))
        })
    }
}

/// Deletions that leave nothing of these events.
fn hide(channel: ChannelId, events: &[EventId]) -> impl Iterator<Item = Draft> + use<'_> {
    events.chunks(IDS_LISTED_MAX).map(move |events| {
        let deletion = Deletion {
            messages: BTreeSet::new(),
            silent: events.iter().copied().collect(),
        };
        Draft::Hide(channel, deletion)
    })
}
