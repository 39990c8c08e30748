//! Dialogs: a card over the shaded window, with a title, a way out, and contents that scroll when they do not
//! fit. The keyboard's focus goes to the first thing in the topmost one and stays inside of it.

use egui::{
    Align2, Frame, Id, Key, LayerId, Margin, Modal, Modifiers, Rect, ScrollArea, Ui, UiBuilder,
    Vec2,
};
use lucide_icons::Icon;

use super::{icon_button, lines};
use crate::theme::{self, font, radius, space};
use crate::words::say;

/// Below this height of the window, in points, a dialog takes all of it: at 720x480 and 200 %.
pub(crate) const TIGHT_BELOW: f32 = 400.0;

/// How much of the window's height is above a dialog without a head.
const TOP_SHARE: f32 = 0.1;

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
    framed(ui, (words.title, words), true, contents)
}

/// [`sheet`] with a title that others can change while it is open, known by `key` instead: by its title it would
/// be another dialog after each new name, and whoever is to be banned could take the focus away and keep the
/// button from being pressed.
pub(crate) fn keyed_sheet(
    ui: &mut Ui,
    key: &str,
    words: Sheet<'_>,
    contents: impl FnOnce(&mut Ui),
) -> bool {
    framed(ui, (key, words), true, contents)
}

/// A dialog without a head: its first row is its title.
pub(crate) fn bare_sheet(ui: &mut Ui, words: Sheet<'_>, contents: impl FnOnce(&mut Ui)) -> bool {
    framed(ui, (words.title, words), false, contents)
}

fn framed(
    ui: &mut Ui,
    (key, words): (&str, Sheet<'_>),
    headed: bool,
    contents: impl FnOnce(&mut Ui),
) -> bool {
    let palette = theme::palette(ui);
    let window = ui.ctx().content_rect();
    let tight = window.height() < TIGHT_BELOW;
    let margin = if tight { space::XS } else { space::XL };
    let inner = if tight { space::M } else { 20.0 };
    let width = words.width.min(window.width() - 2.0 * margin);
    let mut height = window.height() - 2.0 * margin;
    if !headed {
        height -= window.height() * TOP_SHARE;
    }
    let page = page_keys(ui, height);
    let id = Id::unique(("sheet", key));
    let (anchor, below) = if headed {
        (Align2::CENTER_CENTER, Vec2::ZERO)
    } else {
        // Its height changes while one types: the first row stays where it is.
        (
            Align2::CENTER_TOP,
            Vec2::new(0.0, margin.max(window.height() * TOP_SHARE)),
        )
    };
    let area = Modal::default_area(id)
        .anchor(anchor, below)
        .fade_in(false)
        .accessible_name(words.title)
        .role(egui::accesskit::Role::Dialog);
    let layer = area.layer();
    let frame = Frame::new()
        .fill(palette.chat)
        .stroke(egui::Stroke::new(1.0, palette.line))
        .corner_radius(radius::DIALOG)
        .shadow(theme::shadow(palette))
        .inner_margin(Margin::same(inner as i8));
    let mut close = false;
    let modal = Modal::new(id)
        .area(area)
        .frame(frame)
        .backdrop_color(palette.shade)
        .show(ui.ctx(), |ui| {
            ui.set_width(width - 2.0 * inner);
            ui.set_max_height(height - 2.0 * inner);
            let head = headed.then(|| head(ui, words.title));
            focus_first(ui, layer);
            let head_height = head.map_or(0.0, |rect| rect.height() + space::M);
            ScrollArea::vertical()
                .max_height((height - 2.0 * inner - head_height).max(60.0))
                .auto_shrink([false, true])
                .show(ui, |ui| {
                    ui.spacing_mut().item_spacing = Vec2::splat(space::S);
                    if page != 0.0 {
                        ui.scroll_with_delta_animation(
                            Vec2::new(0.0, page),
                            egui::style::ScrollAnimation::none(),
                        );
                    }
                    contents(ui);
                    follow_focus(ui);
                });
            // The way out comes last for the keyboard, and stands first for the eye.
            if let Some(rect) = head {
                let at = Rect::from_min_size(
                    egui::pos2(rect.right() - theme::HIT_MIN, rect.top()),
                    Vec2::splat(theme::HIT_MIN),
                );
                ui.scope_builder(UiBuilder::new().max_rect(at), |ui| {
                    close = icon_button(ui, Icon::X, say::close(), false).clicked();
                });
            }
        });
    settle(ui, id, modal.response.rect.size());
    close || modal.backdrop_response.clicked()
}

/// A dialog is put into the middle by its size of the frame before: when that changed, another frame is due.
fn settle(ui: &Ui, id: Id, size: Vec2) {
    let before = ui.data(|data| data.get_temp::<Vec2>(id));
    if before.is_none_or(|before| (before - size).length() > 0.5) {
        ui.data_mut(|data| data.insert_temp(id, size));
        ui.ctx().request_repaint();
    }
}

/// The title; its place, in which the way out goes.
fn head(ui: &mut Ui, title: &str) -> Rect {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let room = width - theme::HIT_MIN - space::S;
    let galley = lines(ui, title, font::h1(), palette.text_strong, room);
    let size = Vec2::new(width, galley.size().y.max(theme::HIT_MIN));
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Heading, true, title));
    let at = egui::pos2(rect.left(), rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_strong);
    ui.add_space(space::XS);
    rect
}

/// Scrolls what got the focus by the keyboard into view: to be called after the contents of what scrolls.
pub(crate) fn follow_focus(ui: &Ui) {
    let layer = ui.layer_id();
    let mark = Id::unique("what had the focus").with(ui.scope_id());
    let now = ui.memory(|memory| memory.focused());
    let before = ui.data(|data| data.get_temp::<Option<Id>>(mark).flatten());
    if now == before {
        return;
    }
    ui.data_mut(|data| data.insert_temp(mark, now));
    let opened = ui.data(|data| data.get_temp::<Opened>(focused_mark()));
    if opened.is_some_and(|opened| opened.0 == ui.ctx().cumulative_pass_nr()) {
        // It was given, not moved: what stands first is to be read first.
        return;
    }
    let focused = now.and_then(|id| ui.ctx().read_response(id));
    let inside = |at: &egui::Response| ui.min_rect().contains(at.rect.center());
    if let Some(focused) = focused.filter(|focused| focused.layer_id == layer && inside(focused)) {
        let animation = egui::style::ScrollAnimation::none();
        ui.scroll_to_rect_animation(focused.rect.expand(space::S), None, animation);
        ui.ctx().request_repaint();
    }
}

/// A page that scrolls where it does not fit: by the wheel, to what has the focus, and by the keys for pages, which
/// nothing else wants where there is no timeline.
pub(crate) fn scrolled_page(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let below_dialog = ui.memory(|memory| memory.top_modal_layer().is_some());
    let height = ui.available_height();
    let page = if below_dialog {
        0.0
    } else {
        page_keys(ui, height)
    };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if page != 0.0 {
            let animation = egui::style::ScrollAnimation::none();
            ui.scroll_with_delta_animation(Vec2::new(0.0, page), animation);
        }
        contents(ui);
        follow_focus(ui);
    });
}

/// The pass in which a dialog was given the focus.
#[derive(Clone, Copy, Debug)]
struct Opened(u64);

/// Where the mark of the dialog that was given the focus is kept.
fn focused_mark() -> Id {
    Id::unique("the sheet that was given the focus")
}

/// Gives the focus to the first thing in a dialog when it comes to the top.
fn focus_first(ui: &Ui, layer: LayerId) {
    let top = ui.memory(|memory| memory.top_modal_layer() == Some(layer));
    if !top || ui.is_sizing_pass() {
        return;
    }
    let mark = focused_mark();
    let before = ui.data(|data| data.get_temp::<LayerId>(mark));
    if before == Some(layer) {
        return;
    }
    let pass = ui.ctx().cumulative_pass_nr();
    ui.data_mut(|data| {
        data.insert_temp(mark, layer);
        data.insert_temp(mark, pass);
        data.insert_temp(mark, Opened(pass));
    });
    ui.ctx().move_to_top(layer);
    ui.memory_mut(|memory| {
        if let Some(id) = memory.focused() {
            memory.surrender_focus(id);
        }
        memory.move_focus(egui::FocusDirection::Next);
    });
}

/// Takes the focus from what stands before in a dialog that was just given it: for its first field, or what is
/// chosen in its list.
pub(crate) fn claim_focus(ui: &Ui, response: &egui::Response) {
    let mark = focused_mark();
    let pass = ui.ctx().cumulative_pass_nr();
    let fresh = ui.data(|data| data.get_temp::<u64>(mark)) == Some(pass);
    if fresh {
        ui.data_mut(|data| data.remove::<u64>(mark));
        response.request_focus();
    }
}

/// Gives the focus anew at the next frame: the contents of the dialog are others then.
pub(crate) fn refocus(ui: &Ui) {
    ui.data_mut(|data| data.remove::<LayerId>(focused_mark()));
}

/// To be called in frames without a dialog: `true` once after the last one closed.
pub(crate) fn all_closed(ui: &Ui) -> bool {
    let mark = focused_mark();
    let was_open = ui.data(|data| data.get_temp::<LayerId>(mark).is_some());
    ui.data_mut(|data| data.remove::<LayerId>(mark));
    was_open
}

/// Keys that would move what lies below scroll the dialog instead; by how much.
fn page_keys(ui: &Ui, height: f32) -> f32 {
    let step = height * 0.6;
    ui.input_mut(|input| {
        if input.consume_key(Modifiers::NONE, Key::PageUp) {
            step
        } else if input.consume_key(Modifiers::NONE, Key::PageDown) {
            -step
        } else {
            0.0
        }
    })
}
