//! Who came in by whom: each stands below whoever invited them.

use alloquy_api::reply::TreeView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::{Sense, Ui};

use super::line::{Face, line};
use super::people::name_of;
use crate::action::Action;
use crate::state::{Branch, Look, Overlay};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::spans::ago;
use crate::widgets::{Tone, Weight, button, label, notice};
use crate::words::say;

/// Steps to the right at most: deeper ones stand as far as the last, or narrow windows would show nothing of them.
const STEPS_MAX: u32 = 4;
/// Lines that are shown: more are counted, and found below one of these.
const LINES_MAX: usize = 300;

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    label(ui, say::tree_about(), font::secondary(), palette.text_dim);
    let told = view.state.governance.tree.take();
    match &told {
        Some((of, Ok(tree))) if *of == id => {
            for one in tree.iter().take(LINES_MAX) {
                shown(view, ui, (id, community), one);
            }
            let rest = tree.len().saturating_sub(LINES_MAX);
            if rest > 0 {
                let words = say::more_of_them(rest);
                label(ui, &words, font::secondary(), palette.text_dim);
            }
            if button(ui, Tone::Plain, say::invite_look_again(), Ok(())).clicked() {
                view.act(Action::Look(Look::Tree(id)));
            }
        }
        Some((of, Err(why))) if *of == id => {
            notice(ui, Weight::Bad, &text::clean(why, super::FAULT_CHARS_MAX));
        }
        _ => {
            label(ui, say::pins_looking(), font::secondary(), palette.text_dim);
        }
    }
    view.state.governance.tree = told;
}

fn shown(
    view: &mut View<'_>,
    ui: &mut Ui,
    (id, community): (CommunityId, &CommunitySnapshot),
    one: &TreeView,
) {
    let name = text::name(&one.name);
    let when = ago(view.model.clock.now, one.time);
    let about = match (one.inviter, one.member) {
        (None, true) => say::tree_founder(when),
        (None, false) => say::tree_founder_left(when),
        (Some(by), true) => say::tree_line(name_of(community, by), when),
        (Some(by), false) => say::tree_line_left(name_of(community, by), when),
    };
    let face = Face::Somebody(one.account.as_bytes(), &name);
    ui.push_id(one.account, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(one.depth.min(STEPS_MAX) as f32 * space::L);
            if line(ui, face, (&name, &about), Sense::click()).clicked() {
                let branch = Overlay::Branch(id, Branch::Member(one.account));
                view.act(Action::Open(branch));
            }
        });
    });
}
