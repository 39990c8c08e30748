//! What must hold of every history (docs/protocol.md, "Authority", G1 to G7).
//!
//! G1: one state in every order, at once or in steps, and `E` of a past never changes. G2: what a removed,
//! banned or demoted author signed without having seen it falls if it is weaker. G3: nothing weaker or equal
//! voids an act of another; owners' certificates stand above that. G6 and G7: what falls names what it fell to,
//! and that is a stronger one that it had not seen, or something that fell before it; what has seen or is seen by
//! everything keeps the verdict of its own past. G4 and G5 are no matter of this log alone: what hides messages
//! is for the timelines, who is there to admit for the nodes.

use alloquy_ids::{AccountId, EventId, RoleId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::authority::{AuthorityLog, State, Verdict};
use alloquy_schema::permissions::{Permissions, Rank};

use super::{Act, Club, Step};

/// A whole history.
pub(super) struct History<'a> {
    club: &'a Club,
    steps: &'a [Step],
    before: &'a AuthorityLog,
    log: &'a AuthorityLog,
    /// By step: whether it counts.
    counts: Vec<bool>,
}

impl<'a> History<'a> {
    /// `before` lacks the last step.
    pub(super) fn new(
        club: &'a Club,
        steps: &'a [Step],
        before: &'a AuthorityLog,
        log: &'a AuthorityLog,
    ) -> Self {
        let counts = steps.iter().map(|step| effective(log, step.act.event.id()));
        Self {
            club,
            steps,
            before,
            log,
            counts: counts.collect(),
        }
    }

    pub(super) fn effective(&self) -> impl Iterator<Item = &Step> {
        self.which(|counts, _| counts)
    }

    pub(super) fn fell(&self) -> impl Iterator<Item = &Step> {
        self.which(|counts, alone| alone && !counts)
    }

    pub(super) fn revived(&self) -> impl Iterator<Item = &Step> {
        self.which(|counts, alone| counts && !alone)
    }

    fn which(&self, is: impl Fn(bool, bool) -> bool) -> impl Iterator<Item = &Step> {
        let both = self.steps.iter().zip(&self.counts);
        both.filter(move |(step, counts)| is(**counts, step.act.alone))
            .map(|(step, _)| step)
    }

    pub(super) fn judge(&self) -> Result<(), String> {
        self.one_state()?;
        self.pasts_stay()?;
        for at in 0..self.steps.len() {
            self.removed_authors(at)?;
            self.explained(at)?;
            self.without_rivals(at)?;
        }
        self.nothing_weaker_voids()?;
        self.ranks_are_given()?;
        self.rights_are_explained()
    }

    /// G1: the other order, looked at after each operation.
    fn one_state(&self) -> Result<(), String> {
        let mut again = self.club.log().clone();
        let mut left: Vec<usize> = (0..self.steps.len()).collect();
        while !left.is_empty() {
            // The last of those whose past is there: as far from the first order as can be.
            let ready = left
                .iter()
                .rposition(|at| left.iter().all(|other| !self.precedes(*other, *at)));
            let at = left.remove(ready.expect("a history has no cycles"));
            let event = self.steps[at].act.event.clone();
            again.insert(event).map_err(|error| error.to_string())?;
            drop(again.state());
        }
        if *again.state() != *self.log.state()
            || again.state().digest() != self.log.state().digest()
        {
            return Err("G1: the order of arrival decides the state".to_owned());
        }
        for step in self.steps {
            let id = step.act.event.id();
            if again.verdict(id) != self.log.verdict(id) {
                return Err(format!(
                    "G1: the order of arrival decides the verdict of `{}`",
                    step.act.label
                ));
            }
        }
        Ok(())
    }

    /// `E` of everything before the last operation, asked for after it, in whatever was memoised.
    fn pasts_stay(&self) -> Result<(), String> {
        let heads: Vec<_> = self.before.dag().heads().iter().copied().collect();
        let now = self.log.state_at(&heads);
        if now.as_deref() == Some(&*self.before.state()) {
            Ok(())
        } else {
            Err("G1: the state of a past changed when something was added".to_owned())
        }
    }

    /// G2.
    fn removed_authors(&self, at: usize) -> Result<(), String> {
        let removal = &self.steps[at];
        if !self.counts[at] {
            return Ok(());
        }
        let Some(target) = removed(self.op(at), &removal.act) else {
            return Ok(());
        };
        for (other, step) in self.steps.iter().enumerate() {
            let act = &step.act;
            let late = act.author == target
                && self.concurrent(at, other)
                && act.strength < removal.act.strength
                && !own_affair(self.op(other), target);
            if late && self.counts[other] && !self.rests_elsewhere(at, other) {
                return Err(format!(
                    "G2: `{}` counts though its author fell to `{}`",
                    act.label, removal.act.label
                ));
            }
        }
        Ok(())
    }

    /// A lost role takes only what the other roles of the account do not give.
    fn rests_elsewhere(&self, removal: usize, other: usize) -> bool {
        let AuthorityOp::Revoke { role, .. } = self.op(removal) else {
            return false;
        };
        let heads: Vec<_> = self.steps[other].act.event.header().parents().collect();
        let state = self.log.state_at(&heads).expect("a past is held");
        let author = self.steps[other].act.author;
        let held = state.members.get(&author);
        let everyone = state.roles.get(&RoleId::ZERO);
        let invites = everyone.is_some_and(|role| role.permissions.has(Permissions::INVITE));
        held.is_none_or(|member| !member.roles.contains(role) || member.roles.len() > 1)
            || (invites && matches!(self.op(other), AuthorityOp::InviteCreate { .. }))
            || state.is_owner(author)
    }

    /// G3: the last operation voids nothing as strong as itself.
    fn nothing_weaker_voids(&self) -> Result<(), String> {
        let Some((last, others)) = self.steps.split_last() else {
            return Ok(());
        };
        if self.owners_moved()? {
            return Ok(());
        }
        for (at, step) in others.iter().enumerate() {
            let (act, id) = (&step.act, step.act.event.id());
            let judged_otherwise = matches!(
                self.op(at),
                AuthorityOp::Admit(_) | AuthorityOp::Reaffirm { .. }
            ) || act.strength >= Rank::CERTIFICATE;
            if !judged_otherwise
                && act.author != last.act.author
                && act.strength >= last.act.strength
                && effective(self.before, id)
                && !self.counts[at]
            {
                return Err(format!(
                    "G3: `{}` fell to the weaker `{}`",
                    act.label, last.act.label
                ));
            }
        }
        Ok(())
    }

    /// Whether the last operation moved a choice among owners' certificates, as an owner may: any operation of one
    /// endorses the certificate in its past. What stood on the other certificate falls to this one then.
    fn owners_moved(&self) -> Result<bool, String> {
        let moved = |(at, step): (usize, &Step)| {
            let certificate = matches!(self.op(at), AuthorityOp::OwnersCertificate { .. });
            certificate && effective(self.before, step.act.event.id()) != self.counts[at]
        };
        let Some((last, others)) = self.steps.split_last() else {
            return Ok(false);
        };
        if !others.iter().enumerate().any(moved) {
            return Ok(false);
        }
        let owners = &self.club.log().state().owners;
        let certificate = last.act.strength >= Rank::CERTIFICATE;
        if certificate || owners.contains(&last.act.author) {
            Ok(true)
        } else {
            Err(format!(
                "rule 1: `{}` of no owner moved the choice of owners",
                last.act.label
            ))
        }
    }

    /// G6 and G7.
    fn explained(&self, at: usize) -> Result<(), String> {
        let act = &self.steps[at].act;
        let Some(Verdict::Ineffective { by, reason }) = self.log.verdict(act.event.id()) else {
            return Ok(());
        };
        if reason.is_empty() {
            return Err(format!("G7: `{}` falls without a reason", act.label));
        }
        if !act.alone {
            return Ok(());
        }
        if by.is_empty() {
            return Err(format!("G7: `{}` falls and names nothing", act.label));
        }
        for name in by {
            let Some(other) = self.place(name) else {
                return Err(format!(
                    "G7: `{}` names what came before the histories",
                    act.label
                ));
            };
            let fell_before = self.precedes(other, at) && !self.counts[other];
            let took = self.counts[other] && self.concurrent(other, at) && self.may_take(other, at);
            if !fell_before && !took {
                return Err(format!(
                    "G6: `{}` falls to `{}`, which took nothing from it",
                    act.label, self.steps[other].act.label
                ));
            }
        }
        Ok(())
    }

    /// Whether a concurrent operation is one that may take what another rests on.
    fn may_take(&self, other: usize, at: usize) -> bool {
        let (taker, act) = (&self.steps[other].act, &self.steps[at].act);
        let renounced = own_affair(self.op(other), taker.author) && taker.author == act.author;
        let invited = matches!(self.op(at), AuthorityOp::Admit(join) if join.invite.is_some());
        taker.strength > act.strength
            || renounced
            || (act.strength == Rank::CERTIFICATE && taker.strength == Rank::CERTIFICATE)
            // An admission rests on its invite: on its creator, who may be weaker than who admits.
            || invited
    }

    /// G6: what is concurrent with nothing counts exactly if its own past permits it.
    fn without_rivals(&self, at: usize) -> Result<(), String> {
        let act = &self.steps[at].act;
        let rival = (0..self.steps.len()).any(|other| self.concurrent(at, other));
        if !rival && self.counts[at] != act.alone {
            return Err(format!(
                "G6: `{}` has seen or is seen by everything, and its verdict changed",
                act.label
            ));
        }
        Ok(())
    }

    /// Nobody is an owner without a certificate, and nobody has a rank that no role of the club gives.
    fn ranks_are_given(&self) -> Result<(), String> {
        let (first, now) = (self.club.log().state(), self.log.state());
        let certified = self.steps.iter().enumerate().any(|(at, _)| {
            self.counts[at] && matches!(self.op(at), AuthorityOp::OwnersCertificate { .. })
        });
        if first.owners != now.owners && !certified {
            return Err("rule 1: the owners changed without a certificate".to_owned());
        }
        for account in self.club.accounts() {
            let (was, is) = (first.rank(account), now.rank(account));
            if is > was && !certified && !self.raised(account, is, &now) {
                return Err(format!(
                    "rule 1: account {} rose from rank {} to {} by nobody above it",
                    account.short(),
                    was.0,
                    is.0
                ));
            }
        }
        Ok(())
    }

    /// Whether an effective operation by somebody above it gave a rank.
    fn raised(&self, account: AccountId, rank: Rank, now: &State) -> bool {
        let gives = |(at, step): (usize, &Step)| {
            let subject = match self.op(at) {
                AuthorityOp::Grant { account: of, .. } => *of == account,
                AuthorityOp::RoleEdit { role, .. } => now
                    .members
                    .get(&account)
                    .is_some_and(|member| member.roles.contains(role)),
                AuthorityOp::Reaffirm { .. } | AuthorityOp::Unban { .. } => true,
                _ => false,
            };
            // Whoever acts although removed has no rank in that past; it has one again when the removal falls.
            self.counts[at] && subject && (step.act.strength > rank || !step.act.alone)
        };
        self.steps.iter().enumerate().any(gives)
    }

    /// G7: a right is explained by the operations that decided.
    fn rights_are_explained(&self) -> Result<(), String> {
        let state = self.log.state();
        for account in self.club.accounts() {
            let why = self.log.why(account, Permissions::KICK, None);
            let granted = state.permissions(account, None).has(Permissions::KICK);
            let held = why.ops.iter().all(|op| self.log.dag().contains(*op));
            if why.granted != granted || why.sentences.is_empty() || !held {
                return Err(format!("G7: why says {why:?}"));
            }
        }
        Ok(())
    }

    fn op(&self, at: usize) -> &AuthorityOp {
        let id = self.steps[at].act.event.id();
        self.log.op(id).expect("a step is in the log")
    }

    fn place(&self, id: EventId) -> Option<usize> {
        self.steps.iter().position(|step| step.act.event.id() == id)
    }

    fn precedes(&self, a: usize, b: usize) -> bool {
        self.steps[b].past & 1 << a != 0
    }

    fn concurrent(&self, a: usize, b: usize) -> bool {
        a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }
}

fn effective(log: &AuthorityLog, id: EventId) -> bool {
    log.verdict(id) == Some(Verdict::Effective)
}

/// The account that an operation takes rights from, by removal, ban or loss of a role.
fn removed(op: &AuthorityOp, act: &Act) -> Option<AccountId> {
    match op {
        AuthorityOp::Kick { account, .. } | AuthorityOp::Ban { account, .. } => Some(*account),
        AuthorityOp::Revoke { account, .. } if *account != act.author => Some(*account),
        _ => None,
    }
}

/// Judged in its own past only: leaving, giving up, what needs no membership.
fn own_affair(op: &AuthorityOp, author: AccountId) -> bool {
    match op {
        AuthorityOp::Leave | AuthorityOp::Merge | AuthorityOp::OwnersCertificate { .. } => true,
        AuthorityOp::Revoke { account, .. } => *account == author,
        _ => false,
    }
}
