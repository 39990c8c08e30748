//! A branch of the tree of who came in by whom: removing it, and undoing what was written.

use alloquy_api::Command;
use alloquy_api::command::CommunityRef;
use alloquy_api::limits::REASON_BYTES_MAX;
use alloquy_api::reply::TreeView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::{Sense, Ui};

use super::fault;
use super::line::{Face, line};
use super::people::{SHOWN_MAX, more, name_of};
use crate::action::Action;
use crate::state::{Branch, Order, Overlay, Standing};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{
    Field, Sheet, Tone, Weight, button, field, keyed_sheet, label, notice, over_limit, refocus,
    section, switch,
};
use crate::words::{Text, say};

/// How far back is undone, as offered: milliseconds, and in words.
const SPANS: [(u64, Text); 2] = [(3_600_000, say::undo_hour), (24 * 3_600_000, say::undo_day)];

pub(in crate::views::overlays) fn sheet(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    branch: Branch,
) -> bool {
    let community = view.model.snapshot.communities.get(&id).cloned();
    let community = community.unwrap_or_default();
    let name = match branch {
        Branch::Member(account) => name_of(&community, account),
        Branch::Invite(invite) => invite.short(),
    };
    let title = match branch {
        Branch::Member(_) => say::branch_title(&name),
        Branch::Invite(_) => say::branch_title_invite(&name),
    };
    let words = Sheet {
        title: &title,
        width: 520.0,
    };
    keyed_sheet(ui, "branch", words, |ui| {
        let palette = theme::palette(ui);
        fault(view, ui, &Overlay::Branch(id, branch));
        let told = view.state.governance.tree.take();
        match &told {
            Some((of, Ok(tree))) if *of == id => {
                let below = branch.of(tree);
                let members: Vec<&TreeView> = below.into_iter().filter(|one| one.member).collect();
                let words = say::branch_count(members.len() as u64);
                label(ui, &words, font::message(), palette.text);
                for one in members.iter().take(SHOWN_MAX) {
                    let name = text::name(&one.name);
                    let face = Face::Somebody(one.account.as_bytes(), &name);
                    line(ui, face, (&name, ""), Sense::hover());
                }
                more(ui, members.len());
                removal(view, ui, (id, &community), (branch, members.len()));
            }
            Some((of, Err(why))) if *of == id => {
                notice(ui, Weight::Bad, &text::clean(why, super::FAULT_CHARS_MAX));
            }
            _ => {
                label(ui, say::pins_looking(), font::secondary(), palette.text_dim);
                // What has the focus now is something else when the list is here.
                refocus(ui);
            }
        }
        view.state.governance.tree = told;
        undoing(view, ui, (id, &community), (branch, &name));
    })
}

fn removal(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    (branch, members): (Branch, usize),
) {
    let own = Standing::of(community, view.model.me());
    section(ui, say::branch_remove_all());
    let governance = &mut view.state.governance;
    let long = over_limit(&governance.reason, REASON_BYTES_MAX);
    let words = Field {
        name: say::reason(),
        hint: say::reason_hint(),
        error: long.as_deref(),
        secret: false,
    };
    field(ui, &mut governance.reason, words);
    let bans = governance.bans;
    if switch(ui, bans, say::branch_ban(), say::branch_ban_about()).clicked() {
        governance.bans = !bans;
        ui.ctx().request_repaint();
    }
    let right = if bans { "ban" } else { "kick" };
    let ready = match (own.has(right), long.is_some(), members) {
        (false, ..) => Err(say::may_not()),
        (_, true, _) => Err(say::reason_too_long()),
        // An invite of which nobody is left is revoked all the same.
        (_, _, 0) if matches!(branch, Branch::Member(_)) => Err(say::branch_nobody()),
        _ => Ok(()),
    };
    let reason = governance.reason.trim();
    let reason = (!reason.is_empty()).then(|| reason.to_owned());
    ui.add_space(space::XS);
    if button(ui, Tone::Danger, say::branch_remove(), ready).clicked() {
        view.act(Action::Govern(Box::new(Order {
            command: Command::RemoveBranch {
                community: CommunityRef(id.to_string()),
                branch: branch.reference(),
                reason,
                ban: bans,
            },
            done: String::new(),
            closes: Vec::new(),
        })));
    }
}

fn undoing(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    (branch, name): (Branch, &str),
) {
    let palette = theme::palette(ui);
    let own = Standing::of(community, view.model.me());
    section(ui, say::undo_written());
    let about = match branch {
        Branch::Member(_) => say::undo_about(name),
        Branch::Invite(_) => say::undo_about_invite().to_owned(),
    };
    label(ui, &about, font::secondary(), palette.text_dim);
    let may = match own.has("manage-messages") {
        true => Ok(()),
        false => Err(say::may_not()),
    };
    ui.horizontal_wrapped(|ui| {
        for (span_ms, word) in SPANS {
            if button(ui, Tone::Plain, word(), may).clicked() {
                view.act(Action::Govern(Box::new(Order {
                    command: Command::Undo {
                        community: CommunityRef(id.to_string()),
                        branch: branch.reference(),
                        span_ms,
                    },
                    done: String::new(),
                    closes: Vec::new(),
                })));
            }
        }
    });
}
