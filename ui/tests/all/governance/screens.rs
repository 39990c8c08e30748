//! The sheets about a community in their states, to be judged.

use std::sync::Arc;

use alloquy_ids::EventId;
use alloquy_ui::state::{CommunityPage, Overlay};

use crate::fixture::{COMMUNITY, GENERAL, ME, World, change_community};
use crate::governance::log::log;
use crate::governance::{OF_MODERATORS, sheets};
use crate::screens::{FAULT, Screen, overlay};
use crate::sheets_fixture::MODERATOR;

/// All of them, as they open and in their other states.
pub(crate) fn all() -> Vec<Screen> {
    let sheets = sheets().into_iter();
    let opened = sheets.map(|of| overlay(&format!("{of:?}"), of, |_| {}));
    opened
        .chain(roles())
        .chain(channels())
        .chain(rest())
        .collect()
}

const fn page(page: CommunityPage) -> Overlay {
    Overlay::Community(COMMUNITY, page)
}

/// One may change roles, and holds nothing else.
fn low(world: &mut World) {
    change_community(&mut world.model, |community| {
        community.rights = vec!["manage-roles".to_owned()];
        let own = &mut Arc::make_mut(&mut community.members)[0];
        (own.owner, own.rank) = (false, 6);
    });
}

/// One may nothing.
fn powerless(world: &mut World) {
    change_community(&mut world.model, |community| {
        community.rights.clear();
        let own = &mut Arc::make_mut(&mut community.members)[0];
        (own.owner, own.rank) = (false, 0);
    });
}

fn roles() -> Vec<Screen> {
    let role = Overlay::Role(COMMUNITY, Some(MODERATOR));
    vec![
        overlay("a role with rights of others", role.clone(), low),
        overlay("a role that is only shown", role.clone(), powerless),
        overlay("roles only shown", page(CommunityPage::Roles), powerless),
        overlay("a refused role", role.clone(), |world| {
            let refused = Overlay::Role(COMMUNITY, Some(MODERATOR));
            world.state.governance.fault = Some((refused, FAULT.to_owned()));
        }),
        overlay("a role that does not fit", role, |world| {
            if let Some(draft) = &mut world.state.governance.role {
                draft.name = "é".repeat(60);
                draft.rank = "x".to_owned();
            }
        }),
    ]
}

fn channels() -> Vec<Screen> {
    let channel = Overlay::Channel(COMMUNITY, GENERAL);
    vec![
        overlay("an own channel", channel, |world| {
            change_community(&mut world.model, |community| {
                let channel = &mut Arc::make_mut(&mut community.channels)[0];
                for right in ["manage-content", "manage-channels", "manage-roles"] {
                    channel.rights.push(right.to_owned());
                }
                channel.slow_mode_ms = 7_000;
            });
        }),
        overlay("own permissions", OF_MODERATORS, |world| {
            change_community(&mut world.model, |community| {
                let channel = &mut Arc::make_mut(&mut community.channels)[0];
                channel.rights = vec!["manage-roles".to_owned(), "send".to_owned()];
            });
        }),
    ]
}

fn rest() -> Vec<Screen> {
    let audit = page(CommunityPage::Audit);
    let moderation = page(CommunityPage::Moderation);
    let rules = page(CommunityPage::Rules);
    vec![
        overlay("no ban", moderation.clone(), |world| {
            change_community(&mut world.model, |community| {
                community.bans = Arc::default();
                community.timeouts = Arc::default();
                Arc::make_mut(&mut community.members)[1].owner = true;
            });
        }),
        overlay("proposals of several", moderation, |world| {
            change_community(&mut world.model, |community| {
                let mut proposal = community.proposals[0].clone();
                proposal.remove = vec![ME];
                let mut other = proposal.clone();
                other.add.clear();
                other.voters.push(ME);
                community.proposals = Arc::new(vec![proposal, other]);
            });
        }),
        overlay("an explanation", audit.clone(), |world| {
            let because = vec!["spam".to_owned(); 2];
            world.state.governance.why = Some((EventId([3; 32]), Ok(because)));
            change_community(&mut world.model, |community| {
                community.lost = Arc::new(vec![log()[2].clone()]);
            });
        }),
        overlay("nothing in the log", audit, |world| {
            world.state.governance.audit_person = "qqqqzzzz".to_owned();
        }),
        overlay("no invite", page(CommunityPage::Invites), |world| {
            world.state.governance.invites = Some((COMMUNITY, Ok(Vec::new())));
        }),
        overlay("rules only shown", rules.clone(), powerless),
        overlay("rules that do not fit", rules, |world| {
            change_community(&mut world.model, |community| {
                let policy = Arc::make_mut(&mut community.policy);
                policy.joins_in_all = Some(30);
                policy.joins_by_invite = Some(5);
                policy.joins_within_ms = 7_200_000;
                policy.wait_ms = 42_000;
            });
            if let Some(draft) = &mut world.state.governance.rules {
                draft.in_all = "x".to_owned();
                draft.held = "é".repeat(60);
            }
        }),
    ]
}
