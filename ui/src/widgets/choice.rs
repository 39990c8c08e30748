//! Choosing: cards to press, and rows of a few words of which one holds.

use egui::{Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{focus_ring, line, paint_icon};
use crate::theme::{self, font, radius, space};

/// What pressing a card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It leads somewhere.
    Leads,
    /// It chooses, and is chosen.
    Chosen,
    /// It chooses, and is not chosen.
    Free,
}

impl End {
    /// The end of a card among others of which one is chosen.
    pub(crate) const fn chosen(chosen: bool) -> Self {
        if chosen { Self::Chosen } else { Self::Free }
    }
}

/// A card to press.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Card<'a> {
    /// Before its words.
    pub(crate) icon: Icon,
    /// What it does, read out.
    pub(crate) title: &'a str,
    /// What that means.
    pub(crate) about: &'a str,
    /// What stands at its end.
    pub(crate) end: End,
    /// It is the one to take when in doubt.
    pub(crate) first: bool,
}

/// A card over the whole width, as tall as its words need.
pub(crate) fn card(ui: &mut Ui, words: Card<'_>) -> Response {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let left = 64.0;
    let room = (width - left - space::XXL).max(40.0);
    let title = line(ui, words.title, font::title(), palette.text_strong, room);
    let about = wrapped(ui, words.about, room);
    let text_height = title.size().y + space::XS + about.size().y;
    let height = (text_height + 2.0 * space::M).max(64.0);
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let selected = words.end == End::Chosen;
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, words.title));
    let lit = response.hovered() || response.has_focus();
    let fill = match (selected, lit) {
        (true, _) => palette.active,
        (false, true) => palette.hover,
        (false, false) => palette.raised,
    };
    ui.painter().rect_filled(rect, radius::CARD, fill);
    if selected {
        let stroke = Stroke::new(1.5, palette.accent_text);
        ui.painter()
            .rect_stroke(rect, radius::CARD, stroke, StrokeKind::Inside);
    }
    let tile = Rect::from_center_size(
        egui::pos2(rect.left() + 34.0, rect.center().y),
        Vec2::splat(40.0),
    );
    let (ground, ink) = if words.first {
        (palette.accent, palette.on_accent)
    } else {
        (palette.active, palette.text_strong)
    };
    ui.painter().rect_filled(tile, 10, ground);
    paint_icon(ui, words.icon, tile.center(), 20.0, ink);
    let top = rect.center().y - text_height / 2.0;
    let below = top + title.size().y + space::XS;
    let x = rect.left() + left;
    ui.painter()
        .galley(egui::pos2(x, top), title, palette.text_strong);
    ui.painter()
        .galley(egui::pos2(x, below), about, palette.text_dim);
    let end = egui::pos2(rect.right() - space::L, rect.center().y);
    let sign = match words.end {
        End::Leads => Some(Icon::ChevronRight),
        End::Chosen => Some(Icon::Check),
        End::Free => None,
    };
    if let Some(sign) = sign {
        paint_icon(ui, sign, end, 18.0, palette.text_dim);
    }
    focus_ring(ui, rect, radius::CARD, response.has_focus());
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

fn wrapped(ui: &Ui, text: &str, width: f32) -> std::sync::Arc<egui::Galley> {
    let color = theme::palette(ui).text_dim;
    let format = egui::text::TextFormat::simple(font::secondary(), color);
    let mut job = crate::text::job(text, &format);
    job.wrap.max_width = width;
    ui.ctx().fonts_mut(|fonts| fonts.layout_job(job))
}

/// A few words side by side of which one holds; gives the place of another one that was chosen.
pub(crate) fn segments(ui: &mut Ui, name: &str, words: &[&str], chosen: usize) -> Option<usize> {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), theme::ROW_HEIGHT + 4.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, radius::CARD, palette.field);
    let each = (rect.width() - 4.0) / words.len().max(1) as f32;
    let mut taken = None;
    for (place, word) in words.iter().enumerate() {
        let at = egui::pos2(rect.left() + 2.0 + place as f32 * each, rect.top() + 2.0);
        let part = Rect::from_min_size(at, Vec2::new(each, rect.height() - 4.0));
        let id = ui.scope_id().with((name, place));
        let response = ui.interact(part, id, Sense::click());
        let selected = place == chosen;
        let spoken = format!("{name}: {word}");
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, selected, &spoken));
        if selected {
            ui.painter().rect_filled(part, radius::ROW, palette.active);
        } else if response.hovered() {
            ui.painter().rect_filled(part, radius::ROW, palette.hover);
        }
        let color = if selected || response.hovered() {
            palette.text_strong
        } else {
            palette.text_dim
        };
        let galley = line(ui, word, font::control(), color, part.width() - space::S);
        ui.painter()
            .galley(part.center() - galley.size() / 2.0, galley, color);
        focus_ring(ui, part, radius::ROW, response.has_focus());
        let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
        if response.clicked() && !selected {
            taken = Some(place);
        }
    }
    taken
}
