//! How one is seen.

use alloquy_api::command::Availability;
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::action::Action;
use crate::state::{Overlay, SettingsPage};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Presence, Sheet, Tone, avatar, focus_ring, key_words, label, lines, presence_dot, sheet,
    wide_button,
};
use crate::words::{Text, say};

/// All, and what each means.
const CHOICES: [(Availability, Text, Text); 4] = [
    (
        Availability::Online,
        say::seen_online,
        say::seen_online_about,
    ),
    (Availability::Idle, say::seen_idle, say::seen_idle_about),
    (Availability::Dnd, say::seen_dnd, say::seen_dnd_about),
    (
        Availability::Invisible,
        say::seen_invisible,
        say::seen_invisible_about,
    ),
];

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::seen_title(),
        width: 440.0,
    };
    sheet(ui, words, |ui| {
        own_head(view, ui);
        ui.add_space(space::S);
        if choices(view, ui) {
            view.act(Action::Dismiss);
        }
        ui.add_space(space::S);
        if wide_button(ui, Tone::Plain, say::seen_edit_profile(), Ok(())).clicked() {
            view.act(Action::Dismiss);
            view.act(Action::Open(Overlay::Settings(SettingsPage::Profile)));
        }
    })
}

/// The own face, name and words.
pub(super) fn own_head(view: &View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let name = text::name(&view.model.snapshot.name);
    ui.horizontal(|ui| {
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(56.0), Sense::hover());
        avatar(ui, rect, view.model.me().as_bytes(), &name);
        let presence = Presence::Online(view.model.snapshot.availability);
        presence_dot(
            ui,
            rect.right_bottom() - Vec2::splat(7.0),
            presence,
            palette.chat,
        );
        ui.add_space(space::S);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width());
            label(ui, &name, font::h1(), palette.text_strong);
            key_words(ui, &view.model.me().words());
        });
    });
}

/// The four ways of being seen; `true` when one was chosen.
pub(super) fn choices(view: &mut View<'_>, ui: &mut Ui) -> bool {
    ui.spacing_mut().item_spacing.y = 2.0;
    let now = view.model.snapshot.availability;
    let mut chosen = false;
    for (availability, name, about) in CHOICES {
        if choice(ui, availability, (name(), about()), availability == now) {
            view.act(Action::SetAvailability(availability));
            chosen = true;
        }
    }
    ui.spacing_mut().item_spacing.y = space::S;
    chosen
}

fn choice(
    ui: &mut Ui,
    availability: Availability,
    (name, about): (&str, &str),
    selected: bool,
) -> bool {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let room = width - 56.0;
    let title = lines(ui, name, font::control(), palette.text_strong, room);
    let below = lines(ui, about, font::secondary(), palette.text_dim, room);
    let height = title.size().y + below.size().y + space::M;
    let size = Vec2::new(width, height.max(48.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, selected, name));
    let surface = if selected {
        palette.active
    } else if response.hovered() || response.has_focus() {
        palette.hover
    } else {
        palette.chat
    };
    ui.painter().rect_filled(rect, radius::ROW, surface);
    let dot = Rect::from_center_size(
        egui::pos2(rect.left() + 20.0, rect.center().y),
        Vec2::splat(14.0),
    );
    presence_dot(ui, dot.center(), Presence::Online(availability), surface);
    let top = rect.center().y - (title.size().y + below.size().y) / 2.0;
    let second = top + title.size().y;
    let left = rect.left() + 40.0;
    ui.painter()
        .galley(egui::pos2(left, top), title, palette.text_strong);
    ui.painter()
        .galley(egui::pos2(left, second), below, palette.text_dim);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .clicked()
}
