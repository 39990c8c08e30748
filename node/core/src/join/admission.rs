//! Whether this member admits somebody who asks: by its own clock and view, and never a matter of validity.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, InviteId, NetworkKey, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::authority::{Invite, State, Verdict};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::policy::JoinRule;
use rand_core::CryptoRng;

use crate::community::Community;
use crate::limits::ADMITTED_AHEAD_MS;
use crate::node::Node;
use crate::wire::Refusal;

/// What the admission rules say.
pub(super) enum Admission {
    /// Is a member already: is given what it lacks.
    Member,
    /// May be admitted.
    Admit,
    /// A member must let it in.
    Ask,
}

/// Whether an invite admits, its time and uses apart.
pub(super) fn invite_holds(state: &State, invite: &Invite, join: &Join) -> bool {
    let may_invite = state
        .permissions(invite.creator, None)
        .has(Permissions::INVITE);
    !invite.revoked && may_invite && join.invited_by(&invite.key)
}

impl Community {
    /// Whether as many accounts have come in of late as the rules allow, in all or by this invite. What an admission
    /// says of its time is its author's word: one far in the future counts never.
    fn is_raided(&self, invite: Option<InviteId>, now: UnixMs) -> bool {
        let raid = self.state().policy.raid;
        if raid.within_ms == 0 || (raid.in_all.is_none() && raid.by_invite.is_none()) {
            return false;
        }
        let since = now.0.saturating_sub(u64::from(raid.within_ms));
        let until = now.0.saturating_add(ADMITTED_AHEAD_MS);
        let (mut in_all, mut by_invite) = (BTreeSet::new(), BTreeSet::new());
        for event in self.authority.dag().iter() {
            let (id, wall) = (event.id(), event.header().wall.0);
            if let Some(AuthorityOp::Admit(join)) = self.authority.op(id)
                && (since..=until).contains(&wall)
                && self.authority.verdict(id) == Some(Verdict::Effective)
            {
                in_all.insert(join.account);
                if invite.is_some() && join.invite == invite {
                    by_invite.insert(join.account);
                }
            }
        }
        let reached = |most: Option<u32>, came: &BTreeSet<AccountId>| {
            most.is_some_and(|most| came.len() >= usize::try_from(most).unwrap_or(usize::MAX))
        };
        reached(raid.in_all, &in_all) || reached(raid.by_invite, &by_invite)
    }
}

impl<R: CryptoRng> Node<R> {
    /// Admission rules of this member, now. `None`: not a member here, nothing is said.
    pub(super) fn admission(
        &self,
        from: NetworkKey,
        join: &Join,
    ) -> Option<Result<Admission, Refusal>> {
        let community = self
            .communities
            .get(&join.community)
            .filter(|community| community.active)?;
        let state = community.state();
        let Ok(log) = join.check_by(&**community.authority.signatures()) else {
            return Some(Err(Refusal::Invalid));
        };
        let bound = log
            .identity()
            .devices
            .get(&join.device)
            .is_some_and(|keys| keys.contains(&from));
        if !bound {
            return Some(Err(Refusal::Invalid));
        }
        // Whoever came in stays in when the invite stands no more: it may have missed its welcome.
        if state.account_of(join.device) == Some(join.account) {
            return Some(Ok(Admission::Member));
        }
        let invite = join.invite.map(|id| (id, state.invites.get(&id)));
        let invite = match invite {
            None => None,
            Some((id, Some(invite))) if invite_holds(&state, invite, join) => Some((id, invite)),
            Some(_) => return Some(Err(Refusal::Invalid)),
        };
        if state.banned.contains_key(&join.account) {
            return Some(Err(Refusal::Banned));
        }
        Some(self.admission_rules(community, join, invite))
    }

    /// Rules of the community that the admitting member judges by its own clock and view.
    fn admission_rules(
        &self,
        community: &Community,
        join: &Join,
        invite: Option<(InviteId, &Invite)>,
    ) -> Result<Admission, Refusal> {
        let state = community.state();
        let (rules, now) = (&state.policy, self.now.wall);
        let open = rules.joins == JoinRule::Open;
        match invite {
            Some((_, invite)) if !open => {
                if invite.expires.is_some_and(|expires| now >= expires) {
                    return Err(Refusal::Expired);
                }
                if invite.uses.is_some_and(|uses| invite.used >= uses) {
                    return Err(Refusal::UsedUp);
                }
            }
            Some(_) => {}
            None if rules.joins == JoinRule::Invite => return Err(Refusal::Invalid),
            None => {
                let rights = state.permissions(self.me.account(), None);
                if open && !rights.has(Permissions::INVITE) {
                    return Err(Refusal::Busy);
                }
            }
        }
        if self.store_fault.is_some() {
            return Err(Refusal::Busy);
        }
        if rules.joins == JoinRule::Approval {
            return match community.refused.contains(&join.account) {
                true => Err(Refusal::NotLetIn),
                false => Ok(Admission::Ask),
            };
        }
        if community.is_raided(join.invite, now) {
            return Err(Refusal::Full);
        }
        Ok(Admission::Admit)
    }
}
