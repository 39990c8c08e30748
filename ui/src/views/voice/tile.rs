//! A person in a room: picture with a ring while they speak, marks, how the connection is, why they are not heard, and
//! how loud they are played here.

use alloquy_ids::CommunityId;
use egui::{Frame, Layout, Margin, Rect, Role, Sense, Ui, Vec2, WidgetInfo};

use super::people::{Person, menu, paint_marks, speaking_ring, stage_order, volume};
use super::state;
use crate::action::Action;
use crate::state::Overlay;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{Tone, avatar, button, focus_ring, label, line, lines};

/// Width of the narrowest tile, in points: two sentences on some lines.
const NARROWEST: f32 = 220.0;
/// Height of a tile's head, in points: picture, ring and room around it.
const HEAD: f32 = 64.0;
/// Points inside of a tile at each side.
const INSIDE: f32 = 12.0;

/// Tiles side by side, as many as fit, those of a row equally high.
pub(super) fn grid(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, people: &[Person]) {
    let room = ui.available_width();
    let columns = ((room + space::S) / (NARROWEST + space::S))
        .floor()
        .max(1.0);
    let width = (room - space::S * (columns - 1.0)) / columns;
    for row in people.chunks(columns as usize) {
        let heights = row.iter().map(|person| height(view, ui, id, person, width));
        let height = heights.fold(0.0, f32::max);
        ui.horizontal_top(|ui| {
            for person in row {
                let size = Vec2::new(width, height + 2.0 * INSIDE);
                ui.push_id(person.device, |ui| {
                    let down = Layout::top_down(egui::Align::Min);
                    ui.allocate_ui_with_layout(size, down, |ui| tile(view, ui, id, person, height));
                });
            }
        });
    }
}

/// How high the contents of a tile are.
fn height(view: &View<'_>, ui: &Ui, id: CommunityId, person: &Person, width: f32) -> f32 {
    let palette = theme::palette(ui);
    let room = width - 2.0 * INSIDE;
    let words = state::of_person(person);
    let words = words.iter().map(|words| {
        let galley = lines(ui, words, font::secondary(), palette.text, room);
        galley.size().y + space::XS
    });
    let slider = person
        .peer
        .as_ref()
        .map_or(0.0, |_| theme::HIT_MIN + space::XS);
    let order = stage_order(view, id, person);
    let order = order.map_or(0.0, |_| theme::ROW_HEIGHT + space::S);
    HEAD + words.sum::<f32>() + slider + order
}

fn tile(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, person: &Person, height: f32) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::same(INSIDE as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.set_min_height(height);
            ui.spacing_mut().item_spacing.y = space::XS;
            head(view, ui, id, person);
            for (at, words) in state::of_person(person).iter().enumerate() {
                let color = if at == 0 {
                    palette.text
                } else {
                    palette.text_dim
                };
                label(ui, words, font::secondary(), color);
            }
            volume(view, ui, person, false);
            if let Some((words, _, order)) = stage_order(view, id, person) {
                ui.add_space(space::XS);
                let response = button(ui, Tone::Plain, words, Ok(()));
                let spoken = format!("{words}: {}", person.name);
                ui.ctx().accesskit_node_builder(response.id, |node| {
                    node.set_label(spoken);
                });
                if response.clicked() {
                    view.act(Action::Voice(order));
                }
            }
        });
}

/// Picture, name and marks; a click shows the person's card.
fn head(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, person: &Person) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), HEAD);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let spoken = person.spoken();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let at = egui::pos2(rect.left() + HEAD / 2.0, rect.center().y);
    let face = Rect::from_center_size(at, Vec2::splat(48.0));
    avatar(ui, face, person.account.as_bytes(), &person.name);
    if person.speaking {
        speaking_ring(ui, face, 3.0);
    }
    let right = egui::pos2(rect.right() - space::XS, rect.center().y);
    let right = paint_marks(ui, person, right);
    let left = rect.left() + HEAD + space::XS;
    let dark = ui.visuals().dark_mode;
    let color = theme::name_color(dark, person.account.as_bytes());
    let room = (right - left - space::XS).max(20.0);
    let galley = line(ui, &person.name, font::name(), color, room);
    let at = egui::pos2(left, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::Profile(id, person.account)));
    }
    menu(view, &response, id, person);
}
