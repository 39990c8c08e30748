//! Rows of lists, their headings and badges.

use egui::{Color32, Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{focus_ring, line, lines, paint_icon};
use crate::theme::{self, font, radius, space};

/// Width of a row's icon and of what is between it and the words, in points.
const ICON: f32 = 26.0;

/// How a row looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    /// Its words.
    pub(crate) text: &'a str,
    /// What is read out; the words where they suffice.
    pub(crate) name: &'a str,
    /// Before the words.
    pub(crate) icon: Option<Icon>,
    /// It is what is shown beside the list.
    pub(crate) selected: bool,
    /// It wants attention.
    pub(crate) strong: bool,
    /// It wants none.
    pub(crate) dim: bool,
    /// How often it names the person.
    pub(crate) count: u32,
    /// The words are the window's own, and take as many lines as they need; else they are a name, on one.
    pub(crate) wraps: bool,
}

/// A row over the whole width.
pub(crate) fn row(ui: &mut Ui, row: Row<'_>) -> Response {
    let palette = theme::palette(ui);
    let mut size = Vec2::new(ui.available_width(), theme::ROW_HEIGHT);
    let beside = 2.0 * space::S + row.icon.map_or(0.0, |_| ICON);
    let wrapped = row.wraps.then(|| {
        // Its colour is known only when it is painted.
        let color = Color32::PLACEHOLDER;
        lines(ui, row.text, font::control(), color, size.x - beside)
    });
    if let Some(words) = &wrapped {
        size.y = size.y.max(words.size().y + space::S);
    }
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, row.selected, row.name));
    if !ui.is_rect_visible(rect) {
        return response;
    }
    let fill = if row.selected {
        Some(palette.active)
    } else if response.hovered() || response.has_focus() {
        Some(palette.hover)
    } else {
        None
    };
    if let Some(fill) = fill {
        ui.painter().rect_filled(rect, radius::ROW, fill);
    }
    let lit = row.selected || row.strong || response.hovered();
    let color = if lit && !row.dim {
        palette.text_strong
    } else if row.dim && !row.selected {
        palette.text_faint
    } else {
        palette.text_dim
    };
    let mut left = rect.left() + space::S;
    if let Some(icon) = row.icon {
        let at = egui::pos2(left + 9.0, rect.center().y);
        paint_icon(ui, icon, at, 17.0, palette.text_dim);
        left += ICON;
    }
    let mut right = rect.right() - space::S;
    if row.count > 0 {
        right = badge(
            ui,
            egui::pos2(right, rect.center().y),
            row.count,
            palette.danger_fill,
        );
        right -= space::S;
    }
    let font = if row.strong {
        font::control_strong()
    } else {
        font::control()
    };
    let galley = wrapped.unwrap_or_else(|| line(ui, row.text, font, color, right - left));
    let at = egui::pos2(left, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A count on a coloured ground, its right end at a point; gives its left end.
pub(crate) fn badge(ui: &Ui, right: egui::Pos2, count: u32, fill: Color32) -> f32 {
    let text = if count > 99 {
        "99+".to_owned()
    } else {
        count.to_string()
    };
    let color = theme::palette(ui).on_accent;
    let galley = line(ui, &text, font::badge(), color, 40.0);
    let width = (galley.size().x + 10.0).max(18.0);
    let rect = Rect::from_min_size(
        egui::pos2(right.x - width, right.y - 9.0),
        Vec2::new(width, 18.0),
    );
    ui.painter().rect_filled(rect, 9, fill);
    ui.painter()
        .galley(rect.center() - galley.size() / 2.0, galley, color);
    rect.left()
}

/// The heading of a list.
pub(crate) fn heading(ui: &mut Ui, text: &str) -> Response {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), 28.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let galley = line(ui, text, font::meta(), palette.text_dim, rect.width());
    let at = egui::pos2(
        rect.left() + space::S,
        rect.bottom() - galley.size().y - space::XS,
    );
    ui.painter().galley(at, galley, palette.text_dim);
    response
}
