//! What the pointer and the keyboard do to a timeline.

use egui::{Event, PointerButton, Pos2, Response, Ui};

use super::entries::Key;
use super::row::Row;
use super::select::{End, Selection};
use super::{Frame, message_id, tools};
use crate::action::Action;

/// Points that the timeline moves in a frame in which the pointer drags a selection over its edge.
const DRAG_SCROLL: f32 = 12.0;
/// How much of the viewport a page is: a little is seen on both.
const PAGE: f32 = 0.9;

impl Frame<'_, '_> {
    /// How far everything moves down in this frame, in points.
    pub(super) fn scrolled(&mut self, ui: &Ui, ground: &Response) -> f32 {
        let mut scrolled = -std::mem::take(&mut self.state.pages) * self.viewport.height() * PAGE;
        if ui.rect_contains_pointer(self.viewport) {
            scrolled += ui.input_mut(|input| std::mem::take(&mut input.smooth_scroll_delta.y));
        }
        if ground.dragged() {
            if ui.input(|input| input.any_touches()) {
                scrolled += ground.drag_delta().y;
            } else if self.state.selecting
                && let Some(pointer) = ui.input(|input| input.pointer.latest_pos())
            {
                let seen = self.state.seen.first();
                let at_start = seen.is_some_and(|(key, top)| *key == Key::Head && *top >= 0.0);
                let over = match pointer.y {
                    y if y < self.viewport.top() && !at_start => DRAG_SCROLL,
                    y if y > self.viewport.bottom() && self.state.away => -DRAG_SCROLL,
                    _ => 0.0,
                };
                if over != 0.0 {
                    ui.ctx()
                        .request_repaint_after(std::time::Duration::from_millis(33));
                }
                scrolled += over;
            }
        }
        scrolled
    }

    /// The character nearest to a point.
    fn end_at(rows: &[Row<'_>], point: Pos2) -> Option<End> {
        let with_text = |row: &&Row<'_>| !row.measured.body.plain.is_empty();
        let mut rows_with_text = rows.iter().filter(with_text);
        let row = rows_with_text
            .clone()
            .find(|row| point.y < row.rect.bottom())
            .or_else(|| rows_with_text.next_back())?;
        let at = match point.y < row.corner().y {
            true => 0,
            false => row.measured.body.char_at(point - row.corner()),
        };
        Some(End {
            key: row.entry.key(),
            at,
        })
    }

    pub(super) fn select(&mut self, ui: &mut Ui, ground: &Response, rows: &mut [Row<'_>]) {
        let touch = ui.input(|input| input.any_touches());
        let (origin, latest, pressed, double) = ui.input(|input| {
            let pointer = &input.pointer;
            (
                pointer.press_origin(),
                pointer.latest_pos(),
                pointer.button_pressed(PointerButton::Primary),
                pointer.button_double_clicked(PointerButton::Primary),
            )
        });
        let before = self.state.selection;
        let inside = ui.rect_contains_pointer(self.viewport);
        if pressed {
            self.state.has_dragged = false;
            if inside {
                self.state.selection = None;
            }
        }
        if ground.drag_started_by(PointerButton::Primary) && !touch {
            let from = origin.and_then(|origin| Self::end_at(rows, origin));
            self.state.selection = from.map(|from| Selection { from, to: from });
            self.state.selecting = from.is_some();
        }
        if self.state.selecting
            && let Some(to) = latest.and_then(|point| Self::end_at(rows, point))
            && let Some(selection) = &mut self.state.selection
        {
            selection.to = to;
            self.state.has_dragged |= !selection.is_empty();
        }
        if !ground.dragged() {
            self.state.selecting = false;
        }
        if double
            && inside
            && let Some(point) = latest
        {
            self.select_word(rows, point);
        }
        if self.state.selection != before {
            let selection = self.state.selection;
            for row in rows {
                row.selected = selection.map_or(0..0, |selection| {
                    let number = self.position(row.entry.key()).unwrap_or(usize::MAX);
                    let len = row.measured.body.plain.chars().count();
                    selection.within(number, len, self.entries)
                });
            }
        }
        self.copy(ui);
    }

    fn select_word(&mut self, rows: &[Row<'_>], point: Pos2) {
        let row = rows.iter().find(|row| row.rect.contains(point));
        let Some(row) = row.filter(|row| row.measured.body.has_words_at(point - row.corner()))
        else {
            return;
        };
        let body = &row.measured.body;
        let word = body.word_at(body.char_at(point - row.corner()));
        let end = |at| End {
            key: row.entry.key(),
            at,
        };
        self.state.selection = Some(Selection {
            from: end(word.start),
            to: end(word.end),
        });
    }

    /// Copies what is selected, unless the keyboard is in a field with a selection of its own.
    fn copy(&mut self, ui: &Ui) {
        let Some(selection) = self.state.selection.filter(|of| !of.is_empty()) else {
            return;
        };
        let typing = ui.memory(|memory| memory.focused());
        let typing = typing.is_some_and(|id| egui::TextEdit::load_state(ui.ctx(), id).is_some());
        let copies = ui.input(|input| input.events.contains(&Event::Copy));
        if copies && !typing {
            let parts = (&mut self.state.bodies, &self.state.people);
            let text = selection.text(self.entries, parts, &self.scene);
            self.state.act(Action::Copy(text));
        }
    }

    /// Finds the message under the pointer. It stays the same one below the bar and below an open menu.
    pub(super) fn hover(&mut self, ui: &Ui, rows: &[Row<'_>]) {
        let pointer = ui.input(|input| input.pointer.hover_pos());
        if egui::Popup::is_any_open(ui.ctx()) || self.state.selecting {
            return;
        }
        let Some(pointer) = pointer.filter(|_| ui.rect_contains_pointer(self.viewport)) else {
            self.state.hovered = None;
            return;
        };
        if self.state.hovered.is_some() && self.state.bar.is_some_and(|bar| bar.contains(pointer)) {
            return;
        }
        let row = rows.iter().find(|row| row.own_rect().contains(pointer));
        self.state.hovered = row.and_then(|row| row.entry.message()).map(|view| view.id);
    }

    /// The bar over the message under the pointer.
    pub(super) fn tools(&mut self, ui: &mut Ui, rows: &[Row<'_>]) {
        let hovered = self.state.hovered.map(Key::Message);
        let row = rows.iter().find(|row| Some(row.entry.key()) == hovered);
        self.state.bar = match row {
            Some(row) if !(self.state.selecting && self.state.has_selection()) => {
                tools::bar(row, &self.scene, self.state, ui)
            }
            _ => None,
        };
    }

    /// Gives the keyboard's focus to the chosen message, and notices when it went elsewhere.
    pub(super) fn focus(&mut self, ui: &Ui, rows: &[Row<'_>]) {
        let Some(focused) = self.scene.focused else {
            self.state.focus_given = None;
            return;
        };
        let row = rows
            .iter()
            .find(|row| row.entry.key() == Key::Message(focused));
        let id = message_id(ui, focused);
        if self.state.focus_given != Some(focused) {
            if row.is_some() {
                ui.memory_mut(|memory| memory.request_focus(id));
            }
            self.state.focus_given = Some(focused);
            return;
        }
        let Some(row) = row else { return };
        if !ui.memory(|memory| memory.has_focus(id)) {
            self.state.focus_given = None;
            return;
        }
        let filter = egui::EventFilter {
            tab: false,
            horizontal_arrows: true,
            vertical_arrows: true,
            escape: true,
        };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        tools::keys(row, &self.scene, self.state, ui);
    }
}
