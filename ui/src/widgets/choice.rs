//! Choosing: cards to press, and rows of a few words of which one holds.

use egui::{Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{focus_ring, lines, paint_icon};
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
    let title = lines(ui, words.title, font::title(), palette.text_strong, room);
    let about = lines(ui, words.about, font::secondary(), palette.text_dim, room);
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

/// A few words side by side of which one holds, in as many rows as they need; gives the place of another one that
/// was chosen.
pub(crate) fn segments(ui: &mut Ui, name: &str, words: &[&str], chosen: usize) -> Option<usize> {
    segments_of(ui, (name, words), chosen, |_| true)
}

/// [`segments`], of which some may not be chosen.
pub(crate) fn segments_of(
    ui: &mut Ui,
    (name, words): (&str, &[&str]),
    chosen: usize,
    may: impl Fn(usize) -> bool,
) -> Option<usize> {
    let palette = theme::palette(ui);
    let room = ui.available_width() - 4.0;
    let natural = |word: &str| lines(ui, word, font::control(), palette.text, f32::INFINITY);
    let widths = words.iter().map(|word| natural(word).size().x + space::M);
    let widest = widths.fold(0.0, f32::max);
    let columns = (1..=words.len()).rev();
    let mut columns = columns.filter(|columns| widest * *columns as f32 <= room);
    let columns = columns.next().unwrap_or(1);
    let each = Vec2::new(room / columns as f32, theme::ROW_HEIGHT);
    let rows = words.len().div_ceil(columns);
    let size = Vec2::new(room + 4.0, rows as f32 * each.y + 4.0);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    ui.painter().rect_filled(rect, radius::CARD, palette.field);
    let mut taken = None;
    for (place, word) in words.iter().enumerate() {
        let at = Vec2::new((place % columns) as f32, (place / columns) as f32) * each;
        let part = Rect::from_min_size(rect.min + Vec2::splat(2.0) + at, each);
        let selected = place == chosen;
        let offer = match (selected, may(place)) {
            (true, _) => Offer::Chosen,
            (false, true) => Offer::Free,
            (false, false) => Offer::Closed,
        };
        if segment(ui, part, (name, place, word), offer) && !selected {
            taken = Some(place);
        }
    }
    taken
}

/// Whether one of them is chosen, or can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    Chosen,
    Free,
    Closed,
}

/// One of them; gives whether it was pressed.
fn segment(ui: &Ui, part: Rect, (name, place, word): (&str, usize, &str), offer: Offer) -> bool {
    let palette = theme::palette(ui);
    let (selected, enabled) = (offer == Offer::Chosen, offer != Offer::Closed);
    let id = ui.scope_id().with((name, place));
    let sense = if enabled {
        Sense::click()
    } else {
        Sense::hover()
    };
    let response = ui.interact(part, id, sense);
    let spoken = format!("{name}: {word}");
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, enabled, selected, &spoken));
    let hovered = enabled && response.hovered();
    if selected {
        ui.painter().rect_filled(part, radius::ROW, palette.active);
    } else if hovered {
        ui.painter().rect_filled(part, radius::ROW, palette.hover);
    }
    let color = if selected || hovered {
        palette.text_strong
    } else if enabled {
        palette.text_dim
    } else {
        palette.line
    };
    let galley = lines(ui, word, font::control(), color, part.width() - space::S);
    ui.painter()
        .galley(part.center() - galley.size() / 2.0, galley, color);
    focus_ring(ui, part, radius::ROW, response.has_focus());
    if !enabled {
        return false;
    }
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    response.clicked()
}
