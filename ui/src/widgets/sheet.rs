//! Dialogs: a card over the shaded window, with a title, a way out, and contents that scroll when they do not
//! fit.

use egui::{Align2, Area, Frame, Id, Key, Margin, Order, ScrollArea, Sense, Ui, Vec2};
use lucide_icons::Icon;

use super::{icon_button, label};
use crate::theme::{self, font, radius, space};

/// A dialog's title and width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sheet<'a> {
    /// What it is about; read out as the dialog's name.
    pub(crate) title: &'a str,
    /// How wide it is where there is room, in points.
    pub(crate) width: f32,
}

/// Shows a dialog; gives `true` when it is to be closed: by its button, or by a click beside it. Escape is
/// handled with the shortcuts.
pub(crate) fn sheet(ui: &mut Ui, words: Sheet<'_>, contents: impl FnOnce(&mut Ui)) -> bool {
    let palette = theme::palette(ui);
    let window = ui.ctx().content_rect();
    let mut close = false;
    let shade = Area::new(Id::unique(("shade", words.title)))
        .order(Order::Foreground)
        .fixed_pos(window.min)
        .show(ui.ctx(), |ui| {
            let (rect, response) = ui.allocate_exact_size(window.size(), Sense::click());
            ui.painter().rect_filled(rect, 0, palette.shade);
            response.clicked()
        });
    close |= shade.inner;
    let width = words.width.min(window.width() - 2.0 * space::XL);
    let height = window.height() - 2.0 * space::XL;
    let area = Area::new(Id::unique(("sheet", words.title)))
        .order(Order::Foreground)
        .anchor(Align2::CENTER_CENTER, Vec2::ZERO)
        .show(ui.ctx(), |ui| {
            Frame::new()
                .fill(palette.raised)
                .stroke(egui::Stroke::new(1.0, palette.line))
                .corner_radius(radius::DIALOG)
                .inner_margin(Margin::same(20))
                .show(ui, |ui| {
                    ui.set_width(width - 40.0);
                    ui.horizontal(|ui| {
                        label(ui, words.title, font::h1(), palette.text_strong);
                        let right = egui::Layout::right_to_left(egui::Align::Center);
                        ui.with_layout(right, |ui| {
                            close |= icon_button(ui, Icon::X, "Close", false).clicked();
                        });
                    });
                    ui.add_space(space::S);
                    ScrollArea::vertical()
                        .max_height((height - 120.0).max(80.0))
                        .auto_shrink([false, true])
                        .show(ui, contents);
                });
        });
    ui.ctx().move_to_top(area.response.layer_id);
    let title = words.title.to_owned();
    ui.ctx().accesskit_node_builder(area.response.id, |node| {
        node.set_role(egui::accesskit::Role::Dialog);
        node.set_label(title);
    });
    // Keys that would move what lies below stay here.
    ui.input_mut(|input| {
        input.consume_key(egui::Modifiers::NONE, Key::PageUp);
        input.consume_key(egui::Modifiers::NONE, Key::PageDown);
    });
    close
}
