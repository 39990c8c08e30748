//! Short messages about what happened, and the banner about what goes wrong.

use egui::{Align2, Area, Frame, Id, Margin, Order, Panel, Ui, Vec2};
use lucide_icons::Icon;

use super::View;
use crate::action::Action;
use crate::model::Phase;
use crate::state::{Overlay, Tone};
use crate::theme::{self, font, radius, space};
use crate::widgets::{self, icon_button, label, link_button};

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    if view.state.toasts.is_empty() {
        return;
    }
    let palette = theme::palette(ui);
    let toasts = view.state.toasts.clone();
    let area = Area::new(Id::unique("toasts"))
        .order(Order::Tooltip)
        .anchor(Align2::CENTER_BOTTOM, Vec2::new(0.0, -88.0))
        .show(ui.ctx(), |ui| {
            for toast in toasts {
                Frame::new()
                    .fill(palette.raised)
                    .stroke(egui::Stroke::new(1.0, palette.line))
                    .corner_radius(radius::CARD)
                    .inner_margin(Margin::symmetric(14, 4))
                    .show(ui, |ui| {
                        ui.set_max_width(440.0);
                        ui.horizontal(|ui| one(view, ui, &toast));
                    });
            }
        });
    ui.ctx().accesskit_node_builder(area.response.id, |node| {
        node.set_role(egui::accesskit::Role::Status);
        node.set_label("Messages");
        node.set_live(egui::accesskit::Live::Polite);
    });
}

fn one(view: &mut View<'_>, ui: &mut Ui, toast: &crate::state::Toast) {
    let palette = theme::palette(ui);
    let (icon, color) = match toast.tone {
        Tone::Good => (Icon::CircleCheck, palette.ok),
        Tone::Neutral => (Icon::Info, palette.text_dim),
        Tone::Bad => (Icon::CircleAlert, palette.danger),
    };
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), egui::Sense::hover());
    widgets::paint_icon(ui, icon, rect.center(), 18.0, color);
    ui.vertical(|ui| {
        ui.set_max_width(320.0);
        ui.add_space(space::S);
        label(ui, &toast.text, font::control(), palette.text_strong);
        ui.add_space(space::S);
    });
    if let Some(message) = toast.undo
        && link_button(ui, "Undo").clicked()
    {
        view.act(Action::UndoDelete(message));
    }
    if icon_button(ui, Icon::X, "Close the message", false).clicked() {
        view.act(Action::DismissToast(toast.id));
    }
}

/// The banner over everything: the node has ended, the disk is full, the recovery words wait.
pub(super) fn banner(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let snapshot = &view.model.snapshot;
    let (fill, words, button) = if let Phase::Failed(failure) = &view.model.phase {
        let words = format!("{} {}", failure.what, failure.remedy);
        let button = failure
            .may_restart
            .then_some(("Start again", Action::Restart));
        (palette.danger_fill, words, button)
    } else if let Some(trouble) = &snapshot.trouble {
        let words = format!(
            "Nothing can be stored: {}. Make room or mend the disk; what you write waits here.",
            trouble.message.trim_end_matches('.')
        );
        (palette.danger_fill, words, None)
    } else if snapshot.recovery_pending && !snapshot.communities.is_empty() {
        let words =
            "Write down your 12 recovery words: without them a lost device is a lost account.";
        let open = ("Show the words", Action::Open(Overlay::Recovery));
        (palette.accent, words.to_owned(), Some(open))
    } else {
        return;
    };
    Panel::top("banner")
        .resizable(false)
        .show_separator_line(false)
        .frame(
            Frame::new()
                .fill(fill)
                .inner_margin(Margin::symmetric(16, 6)),
        )
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let right = egui::Layout::right_to_left(egui::Align::Center);
                ui.with_layout(right, |ui| {
                    if let Some((name, action)) = button
                        && widgets::button(ui, widgets::Tone::Plain, name, Ok(())).clicked()
                    {
                        view.act(action);
                    }
                    let left = egui::Layout::left_to_right(egui::Align::Center);
                    ui.with_layout(left, |ui| {
                        label(ui, &words, font::control(), palette.on_accent);
                    });
                });
            });
        });
}
