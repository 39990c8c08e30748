//! Who is kept out, who may not write for a while, and who owns the community.

use alloquy_api::Command;
use alloquy_api::command::{AccountRef, CommunityRef};
use alloquy_api::reply::RestrictionView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, CommunityId};
use egui::{Sense, Ui};

use super::fault;
use super::line::{Face, line};
use super::people::{self, name_of};
use crate::action::Action;
use crate::state::{Order, Overlay, OwnerChange, Standing};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::views::overlays::spans::{Until, ago, until};
use crate::views::overlays::{Pressed, steps};
use crate::widgets::{Sheet, Tone, button, keyed_sheet, label, section};
use crate::words::say;

/// Milliseconds of the time-out that takes the place of one that is lifted: the shortest that a command takes.
const LIFTED_MS: u64 = 1;

/// Which restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ban,
    TimeOut,
}

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    let own = Standing::of(community, view.model.me());
    section(ui, say::bans());
    if community.bans.is_empty() {
        label(ui, say::bans_none(), font::secondary(), palette.text_dim);
    }
    for ban in community.bans.iter() {
        restriction(view, ui, (id, community), (ban, Kind::Ban), &own);
    }
    section(ui, say::timeouts());
    let now = view.model.clock.now;
    let running = |of: &&RestrictionView| until(now, of.until) != Until::Past;
    let timeouts: Vec<_> = community.timeouts.iter().filter(running).collect();
    if timeouts.is_empty() {
        let words = say::timeouts_none();
        label(ui, words, font::secondary(), palette.text_dim);
    }
    for timeout in timeouts {
        restriction(view, ui, (id, community), (timeout, Kind::TimeOut), &own);
    }
    owners(view, ui, (id, community), &own);
}

fn restriction(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    (of, kind): (&RestrictionView, Kind),
    own: &Standing,
) {
    let now = view.model.clock.now;
    let palette = theme::palette(ui);
    let name = text::name(&of.name);
    let by = name_of(community, of.by);
    let about = match until(now, of.until) {
        Until::In(span) => say::timeout_line(by, ago(now, of.since), span),
        _ => say::ban_line(by, ago(now, of.since)),
    };
    let (right, word) = match kind {
        Kind::Ban => ("ban", say::ban_lift(&name)),
        Kind::TimeOut => ("mute", say::timeout_lift(&name)),
    };
    ui.push_id(of.operation, |ui| {
        let face = Face::Somebody(of.account.as_bytes(), &name);
        line(ui, face, (&name, &about), Sense::hover());
        if let Some(reason) = &of.reason {
            let reason = text::clean(reason, alloquy_api::limits::REASON_BYTES_MAX);
            label(ui, &reason, font::secondary(), palette.text);
        }
        if !own.has(right) || !button(ui, Tone::Plain, &word, Ok(())).clicked() {
            return;
        }
        let community = CommunityRef(id.to_string());
        let account = AccountRef(of.account.to_string());
        let (command, done) = match kind {
            Kind::Ban => {
                let command = Command::Unban {
                    community,
                    account,
                    reason: None,
                };
                (command, say::ban_lifted(&name))
            }
            Kind::TimeOut => {
                let command = Command::Timeout {
                    community,
                    account,
                    duration_ms: LIFTED_MS,
                    reason: None,
                };
                (command, say::timeout_lifted(&name))
            }
        };
        view.act(Action::Govern(Box::new(Order {
            command,
            done,
            closes: Vec::new(),
        })));
    });
}

fn owners(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    own: &Standing,
) {
    let palette = theme::palette(ui);
    section(ui, say::members_owners());
    label(ui, say::owners_about(), font::secondary(), palette.text_dim);
    let owners = community.members.iter().filter(|member| member.owner);
    let alone = owners.clone().count() < 2;
    for owner in owners {
        let name = text::name(&owner.name);
        let face = Face::Somebody(owner.account.as_bytes(), &name);
        line(ui, face, (&name, ""), Sense::hover());
        if !own.owner || alone {
            continue;
        }
        let word = say::owner_remove_more(&name);
        if button(ui, Tone::Plain, &word, Ok(())).clicked() {
            let vote = Overlay::ConfirmOwner(id, owner.account, OwnerChange::Remove);
            view.act(Action::Open(vote));
        }
    }
    proposals(view, ui, (id, community), own);
    if own.owner {
        section(ui, say::owner_add());
        let free = community.members.iter().filter(|member| !member.owner);
        let find = &mut view.state.governance.find;
        let chosen = people::find(ui, find, free, |name| say::owner_add_more(name));
        if let Some(member) = chosen {
            let vote = Overlay::ConfirmOwner(id, member.account, OwnerChange::Add);
            view.act(Action::Open(vote));
        }
    }
}

/// Changes of the owners that lack votes, and voting for one of them.
fn proposals(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    own: &Standing,
) {
    let palette = theme::palette(ui);
    let me = view.model.me();
    for (at, proposal) in community.proposals.iter().enumerate() {
        let names = |accounts: &[AccountId]| {
            let names = accounts.iter().map(|account| name_of(community, *account));
            names.collect::<Vec<_>>().join(", ")
        };
        let (votes, needed) = (proposal.votes, proposal.needed);
        let words = match (proposal.add.as_slice(), proposal.remove.as_slice()) {
            (add, []) => say::proposal_add(names(add), votes, needed),
            ([], remove) => say::proposal_remove(names(remove), votes, needed),
            (add, remove) => say::proposal_both(names(add), names(remove), votes, needed),
        };
        label(ui, &words, font::message(), palette.text);
        // A vote names one account: a proposal about several is given by the command line.
        let change = match (proposal.add.as_slice(), proposal.remove.as_slice()) {
            ([account], []) => Some((*account, OwnerChange::Add)),
            ([], [account]) => Some((*account, OwnerChange::Remove)),
            _ => None,
        };
        let Some((account, change)) = change.filter(|_| own.owner) else {
            continue;
        };
        if proposal.voters.contains(&me) {
            let words = say::proposal_voted();
            label(ui, words, font::secondary(), palette.text_dim);
            continue;
        }
        let vote = ui.push_id(at, |ui| {
            button(ui, Tone::Plain, say::proposal_vote(), Ok(()))
        });
        if vote.inner.clicked() {
            view.act(Action::Open(Overlay::ConfirmOwner(id, account, change)));
        }
    }
}

/// Whether to vote for another owner, or against one.
pub(in crate::views::overlays) fn confirm_owner(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    (account, change): (AccountId, OwnerChange),
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let name = name_of(&community.unwrap_or_default(), account);
    let (title, about, done) = match change {
        OwnerChange::Add => (
            say::owner_add_title(&name),
            say::owner_add_about(),
            say::owner_added(&name),
        ),
        OwnerChange::Remove => (
            say::owner_remove_title(&name),
            say::owner_remove_about(),
            say::owner_removed(&name),
        ),
    };
    let words = Sheet {
        title: &title,
        width: 420.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, "owner", words, |ui| {
        let palette = theme::palette(ui);
        let overlay = Overlay::ConfirmOwner(id, account, change);
        fault(view, ui, &overlay);
        label(ui, about, font::message(), palette.text);
        match steps(ui, (Tone::Danger, say::owner_vote()), Ok(())) {
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
            Pressed::Step => {
                let community = CommunityRef(id.to_string());
                let account = AccountRef(account.to_string());
                let command = match change {
                    OwnerChange::Add => Command::OwnerAdd { community, account },
                    OwnerChange::Remove => Command::OwnerRemove { community, account },
                };
                view.act(Action::Govern(Box::new(Order {
                    command,
                    done,
                    closes: vec![overlay],
                })));
            }
        }
    });
    close
}
