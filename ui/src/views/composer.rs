//! Where one writes.

use egui::{Frame, Key, Margin, Modifiers, TextEdit, Ui};

use super::View;
use crate::action::Action;
use crate::state::Slot;
use crate::theme::{self, font};

/// Whether the composer has something of its own to close at Escape.
pub(super) fn wants_escape(_view: &View<'_>) -> bool {
    false
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let palette = theme::palette(ui);
    Frame::new()
        .inner_margin(Margin::symmetric(16, 12))
        .show(ui, |ui| {
            let now = view.model.clock.now;
            let composer = view.state.composers.entry(slot).or_default();
            let edit = TextEdit::multiline(&mut composer.text)
                .id_salt(slot)
                .desired_rows(1)
                .desired_width(f32::INFINITY)
                .font(font::message())
                .text_color(palette.text_strong)
                .background_color(palette.field)
                .hint_text("Message");
            let enter = ui.memory(|memory| memory.has_focus(ui.scope_id()))
                || ui.input(|input| {
                    input.key_pressed(Key::Enter) && input.modifiers == Modifiers::NONE
                });
            let send =
                enter && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
            let response = ui.add(edit);
            if response.changed() {
                composer.dirty_since = Some(now);
            }
            if send {
                view.act(Action::Send(slot));
            }
        });
}
