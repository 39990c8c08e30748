//! What lies over and below the rows: scroll bar, pills, and who is typing.

use alloquy_api::command::WindowAt;
use alloquy_api::snapshot::WindowSnapshot;
use egui::{Pos2, Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::Frame;
use super::anchor::Placed;
use super::entries::{Key, People};
use crate::action::Action;
use crate::theme::{self, font, radius, space};
use crate::widgets::{focus_ring, lines, paint_icon};
use crate::words::say;

/// Height of the line that says who is typing.
pub(super) const TYPING_HEIGHT: f32 = 24.0;
/// Width of the scroll bar while the pointer is near.
const BAR_WIDTH: f32 = 8.0;
/// Height of its handle at least.
const HANDLE_MIN: f32 = 32.0;

impl Frame<'_, '_> {
    pub(super) fn chrome(&mut self, ui: &mut Ui, placed: &[Placed], window: &WindowSnapshot) {
        self.scroll_bar(ui, placed);
        self.pills(ui, placed, window);
    }

    /// Shows about where one is in what is loaded.
    fn scroll_bar(&mut self, ui: &mut Ui, placed: &[Placed]) {
        let (Some(first), Some(last)) = (placed.first(), placed.last()) else {
            return;
        };
        let count = self.entries.len() as f32;
        let shown = last.bottom() - first.top;
        let height = self.viewport.height();
        // Rows seen, with parts of the outermost ones; heights of the others are guessed from these.
        let seen = placed.len() as f32 * (height / shown).min(1.0);
        if seen + 0.5 >= count {
            return;
        }
        let start = first.row as f32 - first.top.min(0.0) / first.height.max(1.0);
        let handle = (height * seen / count).max(HANDLE_MIN);
        let way = (height - handle).max(1.0);
        let part = match self.state.away {
            true => (start / (count - seen)).clamp(0.0, 1.0),
            false => 1.0,
        };
        let right = self.viewport.right() - 2.0;
        let track = Rect::from_min_max(
            Pos2::new(right - BAR_WIDTH, self.viewport.top()),
            Pos2::new(right, self.viewport.bottom()),
        );
        let response = ui.interact(track, ui.scope_id().with("bar of scrolling"), Sense::DRAG);
        let moved = response.drag_started() || response.drag_delta().y != 0.0;
        if moved && let Some(pointer) = response.interact_pointer_pos() {
            let part = (pointer.y - track.top() - handle / 2.0) / way;
            let row = part.clamp(0.0, 1.0) * (count - seen);
            let key = self.entries[(row as usize).min(self.entries.len() - 1)].key();
            let into = row.fract() * shown / placed.len() as f32;
            self.state.seen = vec![(key, -into)];
            self.state.away = true;
            ui.ctx().request_repaint();
        }
        let near = ui.rect_contains_pointer(self.viewport) || response.dragged();
        if near {
            let wide = response.hovered() || response.dragged();
            let width = if wide { BAR_WIDTH } else { BAR_WIDTH / 2.0 };
            let at = Pos2::new(right - width, track.top() + part * way);
            let handle = Rect::from_min_size(at, Vec2::new(width, handle));
            let color = match wide {
                true => self.scene.palette.text_faint,
                false => self.scene.palette.active,
            };
            ui.painter().rect_filled(handle, width / 2.0, color);
        }
    }

    fn pills(&mut self, ui: &mut Ui, placed: &[Placed], window: &WindowSnapshot) {
        if let Some(opened) = &mut self.state.opened
            && let Some(new) = opened.first
        {
            let row = self
                .entries
                .iter()
                .position(|entry| entry.key() == Key::Message(new));
            let first = placed.first().map_or(0, |first| first.row);
            if row.is_some_and(|row| row >= first) {
                opened.seen = true;
            }
            if !opened.seen {
                let since = self.scene.times.whole(opened.since);
                let after = &self.entries[row.unwrap_or_default()..];
                let messages = after.iter().filter_map(|entry| entry.message());
                let new = messages.filter(|of| of.author != self.scene.me).count();
                let words = say::new_since(new, since);
                let at = Pos2::new(self.viewport.center().x, self.viewport.top() + 24.0);
                if pill(ui, at, Icon::ArrowUp, &words) {
                    opened.seen = true;
                    self.state.target = opened.first;
                    self.state.away = true;
                    ui.ctx().request_repaint();
                }
            }
        } else if let Some(read) = window.read
            && let Some(opened) = &mut self.state.opened
            && !opened.seen
            && !window.messages.iter().any(|of| of.id == read)
            && !window.at_start
        {
            let at = Pos2::new(self.viewport.center().x, self.viewport.top() + 24.0);
            if pill(ui, at, Icon::ArrowUp, say::jump_read()) {
                opened.seen = true;
                self.state.target = Some(read);
                self.state.away = true;
                let around = WindowAt::Around(read);
                self.state.act(Action::Load(self.scene.slot, around));
            }
        }
        if self.state.away {
            let at = Pos2::new(self.viewport.center().x, self.viewport.bottom() - 24.0);
            if pill(ui, at, Icon::ArrowDown, say::jump_present()) {
                self.state.follow_end();
                self.state.act(Action::Load(self.scene.slot, WindowAt::End));
            }
        }
    }
}

/// A button over the rows.
fn pill(ui: &mut Ui, at: Pos2, icon: Icon, words: &str) -> bool {
    let palette = theme::palette(ui);
    let room = (ui.clip_rect().width() - 2.0 * space::XXL).clamp(80.0, 360.0);
    let galley = lines(ui, words, font::control(), palette.on_accent, room);
    let size = galley.size() + Vec2::new(22.0 + 2.0 * space::M, space::S);
    let size = size.max(Vec2::splat(theme::HIT_MIN));
    let rect = Rect::from_center_size(at, size);
    let response = ui.interact(rect, ui.scope_id().with(("pill", words)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    let fill = match response.hovered() {
        true => palette.accent.gamma_multiply(0.9),
        false => palette.accent,
    };
    let rounding = theme::HIT_MIN / 2.0;
    ui.painter().rect_filled(rect, rounding, fill);
    let left = rect.left() + space::M;
    let middle = rect.center().y;
    paint_icon(
        ui,
        icon,
        Pos2::new(left + 8.0, middle),
        15.0,
        palette.on_accent,
    );
    let at = Pos2::new(left + 22.0, middle - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.on_accent);
    focus_ring(ui, rect, radius::DIALOG, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    response.clicked()
}

/// Says who is typing.
pub(super) fn typing(people: &People, window: &WindowSnapshot, rect: Rect, ui: &Ui) {
    let names: Vec<String> = window
        .typing
        .iter()
        .take(4)
        .map(|account| people.name(*account))
        .collect();
    let words = match names.as_slice() {
        [] => return,
        [one] => say::typing_one(one),
        [one, two] => say::typing_two(one, two),
        [one, two, three] => say::typing_three(one, two, three),
        _ => say::typing_several().to_owned(),
    };
    let palette = theme::palette(ui);
    let width = (rect.width() - 2.0 * space::L).max(40.0);
    let laid = |words: &str| lines(ui, words, font::meta(), palette.text_dim, f32::INFINITY);
    let (mut words, mut galley) = (words.clone(), laid(&words));
    if galley.size().x > width {
        words = say::typing_several().to_owned();
        galley = laid(&words);
    }
    let at = Pos2::new(
        rect.left() + space::L,
        rect.center().y - galley.size().y / 2.0,
    );
    let response = ui.interact(rect, ui.scope_id().with("typing"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words.clone()));
    ui.painter().galley(at, galley, palette.text_dim);
}
