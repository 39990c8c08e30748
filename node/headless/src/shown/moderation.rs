//! Forms for people of what moderation gives back.

use alloquy_api::Reply;
use alloquy_api::command::{JoinRule, LinkRule};
use alloquy_api::reply::{PolicyView, ProposalView, RequestView, TreeView};
use alloquy_ids::AccountId;

use super::{Names, audit_table, one_line};

/// A reply of moderation; anything else says nothing.
pub(super) fn reply(reply: &Reply, names: &Names) -> String {
    match reply {
        Reply::InviteTree { tree } => tree_lines(tree, names),
        Reply::Branch {
            removed,
            kept,
            left,
            invite_revoked,
        } => {
            let mut lines = vec![format!("removed: {}", list(removed, names))];
            if !kept.is_empty() {
                lines.push(format!("stay, and those below: {}", list(kept, names)));
            }
            if *left > 0 {
                lines.push(format!("{left} are left: say it again"));
            }
            if *invite_revoked {
                lines.push("the invite is revoked".to_owned());
            }
            lines.join("\n")
        }
        Reply::Undone { undone, left, .. } => match left {
            0 => format!("{undone} hidden"),
            left => format!("{undone} hidden, {left} left"),
        },
        Reply::Policy { policy } => policy_lines(policy),
        Reply::Requests { requests } => request_lines(requests),
        Reply::Requested { requested } => {
            format!("asked to be let into {requested}: a member decides")
        }
        Reply::Votes { proposals } => proposal_lines(proposals, names),
        Reply::Lost { lost } if lost.is_empty() => "nothing was lost".to_owned(),
        Reply::Lost { lost } => audit_table(lost, names),
        Reply::WhyEvent {
            stands,
            because,
            operations,
        } => {
            let verdict = if *stands {
                "it stands"
            } else {
                "it does not stand"
            };
            let because = because.iter().map(|sentence| one_line(sentence));
            let named = operations.iter().map(|id| format!("  {id}"));
            let lines = std::iter::once(verdict.to_owned());
            lines
                .chain(because)
                .chain(named)
                .collect::<Vec<_>>()
                .join("\n")
        }
        _ => String::new(),
    }
}

fn list(accounts: &[AccountId], names: &Names) -> String {
    let names: Vec<_> = accounts
        .iter()
        .map(|account| names.account(*account))
        .collect();
    match names.is_empty() {
        true => "nobody".to_owned(),
        false => names.join(", "),
    }
}

fn tree_lines(tree: &[TreeView], names: &Names) -> String {
    let line = |one: &TreeView| {
        let indent = "  ".repeat(one.depth as usize);
        let mut text = format!("{indent}{}", one_line(&one.name));
        if !one.member {
            text.push_str(" (gone)");
        }
        if let Some(invite) = one.invite {
            text.push_str(&format!("  by invite {invite}"));
        }
        if let Some(admitted_by) = one.admitted_by.filter(|by| Some(*by) != one.inviter) {
            text.push_str(&format!(", admitted by {}", names.account(admitted_by)));
        }
        text.push_str(&format!("  {}", one.time.utc()));
        text
    };
    tree.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn policy_lines(policy: &PolicyView) -> String {
    let joins = match policy.joins {
        JoinRule::Open => "whoever asks comes in",
        JoinRule::Invite => "whoever has a link comes in",
        JoinRule::Approval => "whoever asks is let in by a member with `invite`",
    };
    let links = match policy.links {
        LinkRule::Everyone => "everyone may post links",
        LinkRule::Roles => "members with a role may post links",
        LinkRule::Moderators => "who holds `manage-messages` may post links",
    };
    let seconds = |ms: u32| format!("{} s", f64::from(ms) / 1000.0);
    let wait = match policy.wait_ms {
        0 => "newcomers may write at once".to_owned(),
        ms => format!("newcomers write after {}", seconds(ms)),
    };
    let number = |limit: Option<u32>| limit.map_or("any number".to_owned(), |n| n.to_string());
    let raid = match policy.joins_within_ms {
        0 => "any number may join at once".to_owned(),
        ms => format!(
            "within {}: {} join in all, {} by one invite",
            seconds(ms),
            number(policy.joins_in_all),
            number(policy.joins_by_invite)
        ),
    };
    let words = |words: &[String]| match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    };
    [
        joins.to_owned(),
        wait,
        links.to_owned(),
        raid,
        format!("refused words: {}", words(&policy.refused_words)),
        format!("held words: {}", words(&policy.held_words)),
    ]
    .join("\n")
}

fn request_lines(requests: &[RequestView]) -> String {
    let line = |one: &RequestView| {
        format!(
            "{}  {}  {}",
            one.since.utc(),
            one_line(&one.name),
            one.account
        )
    };
    match requests.is_empty() {
        true => "nobody asks to be let in".to_owned(),
        false => requests.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn proposal_lines(proposals: &[ProposalView], names: &Names) -> String {
    let line = |one: &ProposalView| {
        let mut text = format!("{} of {} votes", one.votes, one.needed);
        for (what, accounts) in [("add", &one.add), ("remove", &one.remove)] {
            if !accounts.is_empty() {
                text.push_str(&format!(", {what} {}", list(accounts, names)));
            }
        }
        format!("{text}; voted: {}", list(&one.voters, names))
    };
    match proposals.is_empty() {
        true => "no votes are open".to_owned(),
        false => proposals.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}
