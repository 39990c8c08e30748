//! What one may do to a member, as the window judges it: the node judges again, and decides.

use alloquy_api::line::RIGHTS;
use alloquy_api::reply::{MemberView, RoleView};
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::AccountId;

use crate::text;
use crate::words::say;

/// Rights over members that the card offers.
const OVER_MEMBERS: [&str; 4] = ["mute", "kick", "ban", "manage-roles"];

/// One's own standing beside that of a member.
pub(super) struct May {
    rights: Vec<String>,
    owner: bool,
    rank: u32,
    other: String,
    other_owner: bool,
    other_rank: u32,
}

impl May {
    pub(super) fn new(community: &CommunitySnapshot, me: AccountId, other: &MemberView) -> Self {
        let own = community.members.iter().find(|member| member.account == me);
        Self {
            rights: community.rights.clone(),
            owner: own.is_some_and(|own| own.owner),
            rank: own.map_or(0, |own| own.rank),
            other: text::name(&other.name),
            other_owner: other.owner,
            other_rank: other.rank,
        }
    }

    fn has(&self, right: &str) -> bool {
        self.owner || self.rights.iter().any(|held| held == right)
    }

    /// Whether any of it may be done to anybody: else the card does not show it at all.
    pub(super) fn anything(&self) -> bool {
        OVER_MEMBERS.iter().any(|right| self.has(right))
    }

    /// Whether a right may be used on this member, or why not.
    pub(super) fn right(&self, right: &str) -> Result<(), String> {
        debug_assert!(RIGHTS.iter().any(|(name, _)| *name == right));
        if !self.has(right) {
            return Err(say::may_not().to_owned());
        }
        if self.other_owner {
            return Err(say::may_owner(&self.other));
        }
        if !self.owner && self.other_rank >= self.rank {
            return Err(say::may_high(&self.other));
        }
        Ok(())
    }

    /// Whether a role may be given and taken.
    pub(super) fn role(&self, role: &RoleView) -> Result<(), String> {
        if !self.has("manage-roles") {
            return Err(say::may_not().to_owned());
        }
        if !self.owner && role.rank >= self.rank {
            return Err(say::may_role_high().to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(rank: u32, other_rank: u32, rights: &[&str]) -> May {
        May {
            rights: rights.iter().map(|right| (*right).to_owned()).collect(),
            owner: false,
            rank,
            other: "Ben".to_owned(),
            other_owner: false,
            other_rank,
        }
    }

    #[test]
    fn a_right_holds_over_those_who_stand_lower_only() {
        assert_eq!(may(5, 4, &["kick"]).right("kick"), Ok(()));
        assert!(may(5, 5, &["kick"]).right("kick").is_err());
        assert!(may(5, 4, &["kick"]).right("ban").is_err());
        let owner = May {
            owner: true,
            ..may(0, 9, &[])
        };
        assert_eq!(owner.right("ban"), Ok(()));
        let over_owner = May {
            other_owner: true,
            ..owner
        };
        assert_eq!(
            over_owner.right("ban"),
            Err("Ben owns the community.".to_owned())
        );
    }

    #[test]
    fn roles_below_the_own_rank_can_be_given() {
        let role = |rank| RoleView {
            role: alloquy_ids::RoleId([1; 32]),
            name: "r".to_owned(),
            rank,
            allow: Vec::new(),
        };
        assert!(may(5, 0, &["manage-roles"]).role(&role(4)).is_ok());
        assert!(may(5, 0, &["manage-roles"]).role(&role(5)).is_err());
        assert!(may(5, 0, &["kick"]).role(&role(1)).is_err());
    }
}
