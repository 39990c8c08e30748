//! Buttons of words and of icons, links, switches.

use egui::{Color32, Response, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{focus_ring, lines};
use crate::theme::{self, font, radius, space};

/// What a button is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The one thing to do next.
    Primary,
    /// Something else that may be done.
    Plain,
    /// Something that can not be undone.
    Danger,
}

/// A button with a word. Disabled ones say at a hover why.
pub(crate) fn button(ui: &mut Ui, tone: Tone, name: &str, enabled: Result<(), &str>) -> Response {
    let galley = word_of(ui, tone, name, enabled.is_ok());
    let size = Vec2::new(
        galley.size().x + 2.0 * space::L,
        (galley.size().y + space::S).max(theme::ROW_HEIGHT),
    );
    painted(ui, size, (tone, name, galley), enabled)
}

/// A button over the whole width: the one step of a page.
pub(crate) fn wide_button(
    ui: &mut Ui,
    tone: Tone,
    name: &str,
    enabled: Result<(), &str>,
) -> Response {
    let galley = word_of(ui, tone, name, enabled.is_ok());
    let height = (galley.size().y + 2.0 * space::S).max(42.0);
    let size = Vec2::new(ui.available_width(), height);
    painted(ui, size, (tone, name, galley), enabled)
}

fn word_of(ui: &Ui, tone: Tone, name: &str, enabled: bool) -> std::sync::Arc<egui::Galley> {
    let room = if ui.layout().main_wrap() {
        ui.max_rect().width()
    } else {
        ui.available_width()
    };
    let width = (room - 2.0 * space::L).max(80.0);
    lines(ui, name, font::control(), ink(ui, tone, enabled), width)
}

fn ink(ui: &Ui, tone: Tone, enabled: bool) -> Color32 {
    let palette = theme::palette(ui);
    match tone {
        _ if !enabled => palette.text_dim,
        Tone::Primary | Tone::Danger => palette.on_accent,
        Tone::Plain => palette.text_strong,
    }
}

fn painted(
    ui: &mut Ui,
    size: Vec2,
    (tone, name, galley): (Tone, &str, std::sync::Arc<egui::Galley>),
    enabled: Result<(), &str>,
) -> Response {
    let palette = theme::palette(ui);
    let sense = if enabled.is_ok() {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(size, sense);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled.is_ok(), name));
    let rest = match tone {
        _ if enabled.is_err() => palette.hover,
        Tone::Primary => palette.accent,
        Tone::Danger => palette.danger_fill,
        Tone::Plain => palette.active,
    };
    let fill = if enabled.is_err() {
        rest
    } else if response.is_pointer_button_down_on() {
        rest.gamma_multiply(0.8)
    } else if response.hovered() {
        rest.gamma_multiply(0.9)
    } else {
        rest
    };
    ui.painter().rect_filled(rect, radius::ROW, fill);
    let at = rect.center() - galley.size() / 2.0;
    ui.painter()
        .galley(at, galley, ink(ui, tone, enabled.is_ok()));
    if response.has_focus() {
        // On a filled button the ring of the focus stands around it, else it would not be seen.
        let stroke = theme::focus_ring(palette);
        let kind = egui::StrokeKind::Outside;
        ui.painter()
            .rect_stroke(rect.expand(1.0), radius::ROW, stroke, kind);
    }
    match enabled {
        Ok(()) => response.on_hover_cursor(egui::CursorIcon::PointingHand),
        Err(reason) => response.on_hover_text(reason),
    }
}

/// A button with an icon; its name is read out, and shown at a hover with the shortcut.
pub(crate) fn icon_button(ui: &mut Ui, icon: Icon, name: &str, active: bool) -> Response {
    let palette = theme::palette(ui);
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(theme::HIT_MIN), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, active, name));
    let lit = response.hovered() || response.has_focus() || active;
    if lit {
        let fill = if active {
            palette.active
        } else {
            palette.hover
        };
        ui.painter().rect_filled(rect, radius::ROW, fill);
    }
    let color = if lit {
        palette.text_strong
    } else {
        palette.text_dim
    };
    paint_icon(ui, icon, rect.center(), 18.0, color);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    response
        .on_hover_text(name)
        .on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// An icon, centred at a point.
pub(crate) fn paint_icon(ui: &Ui, icon: Icon, at: egui::Pos2, size: f32, color: Color32) {
    let glyph = char::from(icon);
    ui.painter().text(
        at,
        egui::Align2::CENTER_CENTER,
        glyph,
        font::icon(size),
        color,
    );
}

/// A word that leads somewhere.
pub(crate) fn link_button(ui: &mut Ui, name: &str) -> Response {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let galley = lines(ui, name, font::control(), palette.accent_text, width);
    let size = Vec2::new(galley.size().x, galley.size().y.max(theme::HIT_MIN));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, name));
    let at = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    if response.hovered() {
        let y = at.y + galley.size().y;
        let stroke = Stroke::new(1.0, palette.accent_text);
        ui.painter().hline(rect.x_range(), y, stroke);
    }
    ui.painter().galley(at, galley, palette.accent_text);
    focus_ring(ui, rect, radius::CHIP, response.has_focus());
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}

/// A switch with its name to the left, over the whole width.
pub(crate) fn switch(ui: &mut Ui, on: bool, name: &str, about: &str) -> Response {
    switch_painted(ui, on, (name, about), Sense::click())
}

/// A [`switch`] that stays as it is: what is said about it should tell why.
pub(crate) fn switch_fixed(ui: &mut Ui, on: bool, name: &str, about: &str) -> Response {
    switch_painted(ui, on, (name, about), Sense::hover())
}

fn switch_painted(ui: &mut Ui, on: bool, (name, about): (&str, &str), sense: Sense) -> Response {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let room = width - 60.0;
    let enabled = sense.senses_click();
    let ink = if enabled {
        palette.text_strong
    } else {
        palette.text_dim
    };
    let title = lines(ui, name, font::control(), ink, room);
    let small = lines(ui, about, font::secondary(), palette.text_dim, room);
    let height = if about.is_empty() {
        title.size().y.max(theme::ROW_HEIGHT)
    } else {
        title.size().y + small.size().y + space::M
    };
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), sense);
    response.widget_info(|| WidgetInfo::selected(Role::Switch, enabled, on, name));
    if !about.is_empty() {
        let described = |node: &mut egui::accesskit::Node| node.set_description(about);
        ui.ctx().accesskit_node_builder(response.id, described);
    }
    let top = if about.is_empty() {
        rect.center().y - title.size().y / 2.0
    } else {
        rect.top() + space::XS
    };
    let below = top + title.size().y;
    ui.painter()
        .galley(egui::pos2(rect.left(), top), title, ink);
    ui.painter()
        .galley(egui::pos2(rect.left(), below), small, palette.text_dim);
    let track = egui::Rect::from_center_size(
        egui::pos2(rect.right() - 22.0, rect.center().y),
        Vec2::new(40.0, 22.0),
    );
    let fill = match (on, enabled) {
        (true, true) => palette.accent,
        (true, false) => palette.text_dim,
        (false, true) => palette.text_faint,
        (false, false) => palette.active,
    };
    ui.painter().rect_filled(track, 11, fill);
    let x = if on {
        track.right() - 11.0
    } else {
        track.left() + 11.0
    };
    ui.painter()
        .circle_filled(egui::pos2(x, track.center().y), 8.0, palette.on_accent);
    focus_ring(ui, rect.expand(3.0), radius::ROW, response.has_focus());
    if !enabled {
        return response;
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
