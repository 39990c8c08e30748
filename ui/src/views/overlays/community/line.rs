//! A line of a list about a community: a face or a colour, what it is, and a few words about it.

use egui::{Color32, Rect, Response, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use crate::theme::{self, font, radius, space};
use crate::widgets::{avatar, focus_ring, line as on_one_line, lines, paint_icon};

/// What stands before the words.
#[derive(Clone, Copy, Debug)]
pub(in crate::views::overlays) enum Face<'a> {
    /// A colour.
    Dot(Color32),
    /// Somebody, by key and name.
    Somebody(&'a [u8; 32], &'a str),
    /// A sign.
    Sign(Icon),
}

/// A line: a name, which is cut where it does not fit, over words of the window, which wrap. Both are read out.
pub(in crate::views::overlays) fn line(
    ui: &mut Ui,
    face: Face<'_>,
    (name, about): (&str, &str),
    sense: Sense,
) -> Response {
    let spoken = format!("{name}, {about}");
    let spoken = spoken.trim_end_matches(", ");
    let end = if sense.senses_click() {
        End::Leads
    } else {
        End::Nothing
    };
    line_as(ui, face, (name, about), (spoken, end))
}

/// [`line`] of which several can be chosen.
pub(in crate::views::overlays) fn pick_line(
    ui: &mut Ui,
    face: Face<'_>,
    (name, about): (&str, &str),
    picked: bool,
) -> Response {
    let spoken = format!("{name}, {about}");
    let spoken = spoken.trim_end_matches(", ");
    line_as(ui, face, (name, about), (spoken, End::Picked(picked)))
}

/// What stands at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Nothing,
    /// It leads somewhere.
    Leads,
    /// It is chosen, or can be.
    Picked(bool),
}

/// [`line`] to press, of which something else is read out: what pressing it does.
pub(in crate::views::overlays) fn choice_line(
    ui: &mut Ui,
    face: Face<'_>,
    name: &str,
    spoken: &str,
) -> Response {
    line_as(ui, face, (name, ""), (spoken, End::Leads))
}

fn line_as(
    ui: &mut Ui,
    face: Face<'_>,
    (name, about): (&str, &str),
    (spoken, ends): (&str, End),
) -> Response {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let left = space::S + 32.0 + space::M;
    let leads = ends != End::Nothing;
    let room = width - left - space::S - if leads { 20.0 } else { 0.0 };
    let title = on_one_line(ui, name, font::control(), palette.text_strong, room);
    let below = lines(ui, about, font::secondary(), palette.text_dim, room);
    let height = title.size().y
        + if about.is_empty() {
            0.0
        } else {
            below.size().y
        };
    let size = Vec2::new(width, (height + space::S).max(44.0));
    let sense = if leads {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| match ends {
        End::Nothing => WidgetInfo::labeled(Role::Label, true, spoken),
        End::Leads => WidgetInfo::labeled(Role::Button, true, spoken),
        End::Picked(picked) => WidgetInfo::selected(Role::CheckBox, true, picked, spoken),
    });
    if leads && (response.hovered() || response.has_focus()) {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let at = Rect::from_center_size(
        egui::pos2(rect.left() + space::S + 16.0, rect.center().y),
        Vec2::splat(32.0),
    );
    match face {
        Face::Dot(color) => {
            ui.painter().circle_filled(at.center(), 7.0, color);
        }
        Face::Somebody(key, name) => avatar(ui, at, key, name),
        Face::Sign(icon) => paint_icon(ui, icon, at.center(), 18.0, palette.text_dim),
    }
    let x = rect.left() + left;
    let top = rect.center().y - height / 2.0;
    let second = top + title.size().y;
    ui.painter()
        .galley(egui::pos2(x, top), title, palette.text_strong);
    if !about.is_empty() {
        ui.painter()
            .galley(egui::pos2(x, second), below, palette.text_dim);
    }
    let end = egui::pos2(rect.right() - space::M, rect.center().y);
    match ends {
        End::Nothing => {}
        End::Leads => paint_icon(ui, Icon::ChevronRight, end, 16.0, palette.text_dim),
        End::Picked(true) => paint_icon(ui, Icon::CircleCheckBig, end, 20.0, palette.accent_text),
        End::Picked(false) => paint_icon(ui, Icon::Circle, end, 20.0, palette.text_faint),
    }
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    if leads {
        return response.on_hover_cursor(egui::CursorIcon::PointingHand);
    }
    response
}
