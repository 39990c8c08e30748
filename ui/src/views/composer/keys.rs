//! Keys of the composer that are not of a plain field.

use egui::text::{CCursor, CCursorRange, CharIndex};
use egui::text_edit::TextEditState;
use egui::{Event, FocusDirection, Id, ImeEvent, Key, Modifiers, Ui};

use super::complete::Item;
use super::{Facts, View};
use crate::action::Action;
use crate::state::{Composer, Direction, Mode, Slot, messages_of};

/// Signs that a shortcut puts around what is selected.
const WRAPS: [(Key, &str); 3] = [(Key::B, "**"), (Key::I, "*"), (Key::E, "`")];

/// Acts on keys before the field sees them; only while it has the focus.
pub(super) fn act(view: &mut View<'_>, ui: &Ui, facts: &Facts<'_>, id: Id) {
    let slot = facts.slot;
    let composer = view.state.composers.entry(slot).or_default();
    if is_composing(composer, ui) {
        return;
    }
    if !composer.completions.items.is_empty() && !composer.completion_closed {
        complete(composer, ui);
    }
    let exactly = |modifiers: Modifiers, key: Key| {
        ui.input_mut(|input| {
            input.modifiers.matches_exact(modifiers) && input.consume_key(modifiers, key)
        })
    };
    for (key, sign) in WRAPS {
        if composer.selected && exactly(Modifiers::COMMAND, key) {
            wrap(composer, ui, id, sign);
        }
    }
    let empty = composer.text.is_empty() && composer.mode == Mode::New;
    if sends(composer, ui) {
        view.act(Action::Send(slot));
    }
    if empty && exactly(Modifiers::NONE, Key::ArrowUp) {
        view.act(Action::EditLast(slot));
    }
    if exactly(Modifiers::COMMAND, Key::ArrowUp) {
        reply_to_newest(view, slot);
    }
    if exactly(Modifiers::SHIFT, Key::Tab) {
        view.act(Action::FocusMessage(slot, Direction::Previous));
    } else if exactly(Modifiers::NONE, Key::Tab) {
        ui.memory_mut(|memory| memory.move_focus(FocusDirection::Next));
    }
}

/// Whether Enter was pressed. What was typed after it in the same frame belongs to the next message, not to the
/// one that is sent: a slow frame may hold both.
fn sends(composer: &mut Composer, ui: &Ui) -> bool {
    let typed = |event: &Event| {
        matches!(event, Event::Text(_) | Event::Paste(_) | Event::Ime(_))
            || matches!(event, Event::Key { pressed: true, .. })
    };
    ui.input_mut(|input| {
        let mut events = input.events.iter();
        let enter = events.position(|event| {
            matches!(event, Event::Key { key: Key::Enter, pressed: true, modifiers, .. } if modifiers.is_none())
        });
        let Some(enter) = enter else { return false };
        let after = input.events.split_off(enter).into_iter().skip(1);
        let (held, others): (Vec<Event>, Vec<Event>) = after.partition(typed);
        composer.held = held;
        input.events.extend(others);
        true
    })
}

/// Gives back what was typed in the frame before, after its Enter.
pub(super) fn give_back(composer: &mut Composer, ui: &Ui, focused: bool) {
    let held = std::mem::take(&mut composer.held);
    if focused {
        ui.input_mut(|input| drop(input.events.splice(0..0, held)));
        return;
    }
    for event in held {
        if let Event::Text(text) | Event::Paste(text) = event {
            composer.text.push_str(&text);
        }
    }
}

/// Whether an input method holds the keys in this frame: the Enter that ends a composition comes with its end.
fn is_composing(composer: &mut Composer, ui: &Ui) -> bool {
    let mut within = composer.composing;
    ui.input(|input| {
        for event in &input.events {
            if let Event::Ime(event) = event {
                within = true;
                composer.composing =
                    matches!(event, ImeEvent::Preedit { text, .. } if !text.is_empty());
            }
        }
    });
    within
}

/// Keys of the list of completions.
fn complete(composer: &mut Composer, ui: &Ui) {
    let pressed = |key: Key| {
        ui.input_mut(|input| input.modifiers.is_none() && input.consume_key(Modifiers::NONE, key))
    };
    let count = composer.completions.items.len();
    if pressed(Key::ArrowDown) {
        composer.completion_row = (composer.completion_row + 1) % count;
    }
    if pressed(Key::ArrowUp) {
        composer.completion_row = (composer.completion_row + count - 1) % count;
    }
    if pressed(Key::Escape) {
        composer.completion_closed = true;
        return;
    }
    let typed = &composer.completions.before[composer.completions.start..];
    let chosen = &composer.completions.items[composer.completion_row.min(count - 1)];
    // What is typed out already is not to be completed once more: Enter sends then.
    let whole = chosen.insert == typed;
    if pressed(Key::Tab) || (!whole && pressed(Key::Enter)) {
        let item = chosen.clone();
        accept(composer, &item);
    }
}

/// Puts a completion in the place of the word.
pub(super) fn accept(composer: &mut Composer, item: &Item) {
    let completions = std::mem::take(&mut composer.completions);
    let end = completions.before.len();
    if !composer.text.starts_with(&completions.before) {
        return;
    }
    let spaced = match composer.text[end..].starts_with(' ') {
        true => item.insert.clone(),
        false => format!("{} ", item.insert),
    };
    composer.text.replace_range(completions.start..end, &spaced);
    let before = &composer.text[..completions.start + spaced.len()];
    composer.cursor_to = Some(before.chars().count());
    composer.completion_row = 0;
    composer.focus = true;
}

/// Puts signs around what is selected.
fn wrap(composer: &mut Composer, ui: &Ui, id: Id, sign: &str) {
    let Some(mut state) = TextEditState::load(ui.ctx(), id) else {
        return;
    };
    let Some(range) = state.cursor.char_range() else {
        return;
    };
    let [first, last] = range.sorted_cursors();
    let byte = |at: usize| {
        let mut chars = composer.text.char_indices();
        chars.nth(at).map_or(composer.text.len(), |(byte, _)| byte)
    };
    let (start, end) = (byte(first.index.0), byte(last.index.0));
    composer.text.insert_str(end, sign);
    composer.text.insert_str(start, sign);
    let len = sign.chars().count();
    let moved = |at: usize| CCursor::new(CharIndex(at + len));
    let range = CCursorRange::two(moved(first.index.0), moved(last.index.0));
    state.cursor.set_char_range(Some(range));
    state.store(ui.ctx(), id);
}

fn reply_to_newest(view: &mut View<'_>, slot: Slot) {
    if slot.thread.is_some() {
        return;
    }
    let me = view.model.me();
    let messages = messages_of(slot, view.model);
    let mut newest = messages.iter().rev();
    if let Some(of) = newest.find(|of| of.author != me && !of.deleted) {
        view.act(Action::StartReply(slot, of.id));
    }
}
