//! What is told in passing: notices, the words of a key, chips, and that something is under way.

use egui::{Color32, Frame, Margin, Rect, Sense, Stroke, Ui, Vec2};
use lucide_icons::Icon;

use super::{label, line, paint_icon};
use crate::theme::{self, font, radius, space};
use crate::words::say;

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// To know.
    Info,
    /// To mind.
    Warn,
    /// It did not work.
    Bad,
}

/// A sentence on its own ground, with a sign before it.
pub(crate) fn notice(ui: &mut Ui, weight: Weight, text: &str) {
    let palette = theme::palette(ui);
    let (icon, color) = match weight {
        Weight::Info => (Icon::Info, palette.accent_text),
        Weight::Warn => (Icon::TriangleAlert, palette.warn),
        Weight::Bad => (Icon::CircleAlert, palette.danger),
    };
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = space::S;
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(18.0), Sense::hover());
                paint_icon(ui, icon, rect.center(), 17.0, color);
                ui.vertical(|ui| {
                    ui.set_width(ui.available_width());
                    label(ui, text, font::secondary(), palette.text);
                });
            });
        });
}

/// The heading of a part of a page.
pub(crate) fn section(ui: &mut Ui, text: &str) {
    let palette = theme::palette(ui);
    ui.add_space(space::S);
    let heading = label(ui, text, font::meta(), palette.text_dim);
    ui.ctx().accesskit_node_builder(heading.id, |node| {
        node.set_role(egui::accesskit::Role::Heading);
    });
}

/// The four words of an account, to read out and compare.
pub(crate) fn key_words(ui: &mut Ui, words: &[&str]) {
    let palette = theme::palette(ui);
    let spoken = say::key_words(words.join(", "));
    let row = ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = Vec2::splat(6.0);
        for word in words {
            chip(ui, word, palette.text_strong, true);
        }
    });
    ui.ctx().accesskit_node_builder(row.response.id, |node| {
        node.set_label(spoken);
    });
}

/// A word on its own ground.
pub(crate) fn chip(ui: &mut Ui, word: &str, color: Color32, mono: bool) {
    let palette = theme::palette(ui);
    let font = if mono { font::code() } else { font::meta() };
    let room = (ui.max_rect().width() - 2.0 * space::S).max(20.0);
    let galley = line(ui, word, font, color, room);
    let size = galley.size() + Vec2::new(2.0 * space::S, space::S);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, word));
    ui.painter().rect_filled(rect, radius::ROW, palette.active);
    ui.painter()
        .galley(rect.center() - galley.size() / 2.0, galley, color);
}

/// A turning sign and what is under way. It stands still with reduced motion, and while the window has not the
/// focus.
pub(crate) fn under_way(ui: &mut Ui, text: &str) {
    /// Between two pictures: enough to be seen turning, a third of what the display can do.
    const EVERY: std::time::Duration = std::time::Duration::from_millis(50);
    let palette = theme::palette(ui);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(20.0), Sense::hover());
        let moves = ui.style().animation_time > 0.0 && ui.input(|input| input.focused);
        let turn = if moves {
            ui.ctx().request_repaint_after(EVERY);
            (ui.input(|input| input.time) % 1.0) as f32
        } else {
            0.0
        };
        arc(ui, rect, turn, palette.accent_text);
        label(ui, text, font::control(), palette.text);
    });
}

fn arc(ui: &Ui, rect: Rect, turn: f32, color: Color32) {
    let radius = rect.width() / 2.0 - 3.0;
    let points = (0..=18).map(|step| {
        let angle = std::f32::consts::TAU * (turn + step as f32 / 24.0);
        rect.center() + radius * Vec2::angled(angle)
    });
    ui.painter().line(points.collect(), Stroke::new(2.0, color));
}
