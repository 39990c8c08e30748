//! Whether this member admits somebody who asks: by its own clock and view, and never a matter of validity.

use alloquy_ids::{InviteId, NetworkKey, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::authority::{Invite, State};
use alloquy_schema::permissions::Permissions;
use alloquy_schema::policy::JoinRule;
use rand_core::CryptoRng;

use crate::community::Community;
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
fn invite_holds(state: &State, invite: &Invite, join: &Join) -> bool {
    let may_invite = state
        .permissions(invite.creator, None)
        .has(Permissions::INVITE);
    !invite.revoked && may_invite && join.invited_by(&invite.key)
}

impl Community {
    /// Whether as many have come in of late as the rules allow, in all or by this invite.
    fn is_raided(&self, invite: Option<InviteId>, now: UnixMs) -> bool {
        let raid = self.state().policy.raid;
        if raid.within_ms == 0 {
            return false;
        }
        let since = now.0.saturating_sub(u64::from(raid.within_ms));
        let (mut in_all, mut by_invite) = (0_u32, 0_u32);
        for event in self.authority.dag().iter() {
            if let Some(AuthorityOp::Admit(join)) = self.authority.op(event.id())
                && event.header().wall.0 >= since
            {
                in_all = in_all.saturating_add(1);
                if invite.is_some() && join.invite == invite {
                    by_invite = by_invite.saturating_add(1);
                }
            }
        }
        raid.in_all.is_some_and(|most| in_all >= most)
            || raid.by_invite.is_some_and(|most| by_invite >= most)
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
        let Ok(identity) = join.check() else {
            return Some(Err(Refusal::Invalid));
        };
        let bound = identity
            .devices
            .get(&join.device)
            .is_some_and(|keys| keys.contains(&from));
        if !bound {
            return Some(Err(Refusal::Invalid));
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
        if state.account_of(join.device) == Some(join.account) {
            return Some(Ok(Admission::Member));
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
