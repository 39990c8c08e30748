//! The text of a row, and what in it can be clicked.

use alloquy_api::reply::MessageView;
use egui::{Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::Row;
use crate::action::Action;
use crate::markdown::{Hot, bar, ground_color};
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, radius};
use crate::views::timeline::measure::{LEFT, SIGN};
use crate::views::timeline::{Scene, TimelineState};
use crate::widgets::{focus_ring, link_button, paint_icon};
use crate::words::say;

/// The text, and what in it can be clicked.
pub(super) fn words(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let palette = scene.palette;
    if let Some(galley) = row.measured.notice.clone() {
        let icon = match view.deleted {
            true => Icon::Trash2,
            false => Icon::Hourglass,
        };
        let middle = row.corner().y + font::MESSAGE_LINE / 2.0;
        let at = Pos2::new(row.corner().x + 8.0, middle);
        paint_icon(ui, icon, at, 14.0, palette.text_faint);
        let line = galley.rows.first().map_or(0.0, |row| row.height());
        let at = Pos2::new(row.corner().x + SIGN, middle - line / 2.0);
        ui.painter().galley(at, galley, palette.text_dim);
        return;
    }
    body(row, scene, ui);
    let body = &row.measured.body;
    for (number, (range, hot)) in body.hot.iter().enumerate() {
        for (part, rect) in body.rects(range).into_iter().enumerate() {
            let rect = rect.translate(row.corner().to_vec2());
            if !ui.is_rect_visible(rect) {
                continue;
            }
            let id = ui.scope_id().with(("hot", row.entry.key(), number, part));
            // One stop of the Tab key for each, however many lines it is on.
            let sense = if part == 0 {
                Sense::click()
            } else {
                Sense::CLICK
            };
            let response = ui.interact(rect, id, sense);
            let label = match hot {
                Hot::Spoiler(_) => say::spoiler_show().to_owned(),
                _ => body.slice(range.clone()),
            };
            response.widget_info(|| WidgetInfo::labeled(Role::Link, true, label.clone()));
            if response.hovered() && !matches!(hot, Hot::Spoiler(_)) {
                let stroke = Stroke::new(1.0, palette.accent_text);
                let y = rect.bottom() - 3.0;
                ui.painter().hline(rect.x_range(), y, stroke);
            }
            focus_ring(ui, rect, radius::CHIP, response.has_focus());
            let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
            let response = match hot {
                Hot::Link(target) => response.on_hover_text(text::clean(target, 300)),
                Hot::Spoiler(_) => response.on_hover_text(say::spoiler_show()),
                _ => response,
            };
            if response.clicked() && !state.has_dragged {
                follow(hot, view, scene, state);
            }
        }
    }
}

fn follow(hot: &Hot, view: &MessageView, scene: &Scene<'_>, state: &mut TimelineState) {
    match (hot, scene.community) {
        (Hot::Link(target), _) => state.act(Action::OpenLink(target.clone())),
        (Hot::Spoiler(number), _) => state.act(Action::Reveal(view.id, *number)),
        (Hot::Channel(channel), Some(community)) => {
            state.act(Action::GoChannel(community, *channel));
        }
        (Hot::Member(account), Some(community)) => {
            state.act(Action::Open(Overlay::Profile(community, *account)));
        }
        _ => {}
    }
}

pub(super) fn body(row: &Row<'_>, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let corner = row.corner();
    for placed in &row.measured.body.placed {
        if let Some(ground) = placed.ground {
            let color = ground_color(placed, palette);
            let rounding = if placed.galley.is_empty() {
                0
            } else {
                radius::ROW
            };
            let ground = ground.translate(corner.to_vec2());
            ui.painter().rect_filled(ground, rounding, color);
            if rounding > 0 {
                let stroke = Stroke::new(1.0, palette.line);
                let kind = StrokeKind::Inside;
                ui.painter().rect_stroke(ground, rounding, stroke, kind);
            }
        }
        for left in &placed.bars {
            let bar = bar(placed, *left).translate(corner.to_vec2());
            ui.painter().rect_filled(bar, 1, palette.active);
        }
        if let Some(marker) = &placed.marker {
            let size = marker.size();
            let at = corner + placed.offset - Vec2::new(size.x + 7.0, 0.0);
            ui.painter().galley(at, marker.clone(), palette.text_dim);
        }
        let galley = placed.selected(&row.selected, ui.visuals());
        ui.painter()
            .galley(corner + placed.offset, galley, palette.text);
    }
}

pub(super) fn more(row: &Row<'_>, view: &MessageView, state: &mut TimelineState, ui: &mut Ui) {
    let Some(top) = row.measured.more else { return };
    let at = row.rect.min + Vec2::new(LEFT, top);
    let rect = Rect::from_min_size(at, Vec2::new(120.0, theme::HIT_MIN));
    let words = match row.measured.body.cut {
        true => say::show_all(),
        false => say::show_less(),
    };
    let clicked = ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
        link_button(ui, words).clicked()
    });
    if clicked.inner {
        state.act(Action::Reveal(view.id, u32::MAX));
    }
}
