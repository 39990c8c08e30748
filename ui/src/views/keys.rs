//! The shortcuts that hold wherever the focus is. Those of the composer and of a message with the focus are
//! where these are drawn.

use egui::{Key, KeyboardShortcut, Modifiers, Ui};

use super::View;
use crate::action::Action;
use crate::state::{Direction, Overlay, SettingsPage};

/// Turns pressed shortcuts into actions.
pub(super) fn collect(view: &mut View<'_>, ui: &mut Ui) {
    super::voice::keys(view, ui);
    let place = view.state.places.now();
    let pressed = |modifiers: Modifiers, key: Key| {
        let shortcut = KeyboardShortcut::new(modifiers, key);
        // egui lets a pressed Alt pass, and AltGr may come as Ctrl+Alt: AltGr+Q is how some type "@".
        ui.input_mut(|input| {
            (modifiers.alt || !input.modifiers.alt) && input.consume_shortcut(&shortcut)
        })
    };
    let ctrl = Modifiers::COMMAND;
    let alt = Modifiers::ALT;
    let both = ctrl.plus(alt);
    let alt_shift = alt.plus(Modifiers::SHIFT);
    let ctrl_shift = ctrl.plus(Modifiers::SHIFT);
    let none = Modifiers::NONE;
    // Longer chords first: a shorter one would take them.
    let mut table = vec![
        (both, Key::ArrowDown, Action::StepCommunity(Direction::Next)),
        (
            both,
            Key::ArrowUp,
            Action::StepCommunity(Direction::Previous),
        ),
        (
            alt_shift,
            Key::ArrowDown,
            Action::StepUnread(Direction::Next),
        ),
        (
            alt_shift,
            Key::ArrowUp,
            Action::StepUnread(Direction::Previous),
        ),
        (alt, Key::ArrowDown, Action::StepChannel(Direction::Next)),
        (alt, Key::ArrowUp, Action::StepChannel(Direction::Previous)),
        (alt, Key::ArrowLeft, Action::Back),
        (alt, Key::ArrowRight, Action::Forward),
        (ctrl_shift, Key::H, Action::GoDirects),
        (ctrl, Key::N, Action::Open(Overlay::StartDirect)),
        (ctrl, Key::K, Action::Open(Overlay::Switcher)),
        (ctrl, Key::Slash, Action::Open(Overlay::Shortcuts)),
        (
            ctrl,
            Key::Comma,
            Action::Open(Overlay::Settings(SettingsPage::Profile)),
        ),
        (ctrl, Key::U, Action::ToggleMembers),
        (ctrl, Key::B, Action::ToggleSide),
        (ctrl, Key::End, Action::JumpToPresent),
        (ctrl, Key::Q, Action::Quit),
        (ctrl, Key::Plus, Action::Zoom(Direction::Next)),
        (ctrl, Key::Equals, Action::Zoom(Direction::Next)),
        (ctrl, Key::Minus, Action::Zoom(Direction::Previous)),
        (ctrl, Key::Num0, Action::ZoomReset),
    ];
    if let Some(slot) = place.slot() {
        table.push((ctrl, Key::P, Action::Open(Overlay::Pins(slot.channel))));
        let picker = Overlay::Emoji(place.thread_slot().unwrap_or(slot), None);
        table.push((ctrl_shift, Key::E, Action::Open(picker)));
    }
    // Without a timeline they are for the page that is there.
    if view.state.overlays.is_empty() && place.slot().is_some() && !view.state.shows_room() {
        table.push((none, Key::PageUp, Action::ScrollPage(Direction::Previous)));
        table.push((none, Key::PageDown, Action::ScrollPage(Direction::Next)));
    }
    table.extend(super::voice::shortcuts(view));
    if super::composer::has_selection(view) {
        table.retain(|(modifiers, key, _)| (*modifiers, *key) != (ctrl, Key::B));
    }
    let numbers = [
        Key::Num1,
        Key::Num2,
        Key::Num3,
        Key::Num4,
        Key::Num5,
        Key::Num6,
        Key::Num7,
        Key::Num8,
        Key::Num9,
    ];
    for (number, key) in (1..).zip(numbers) {
        table.push((ctrl, key, Action::GoCommunityNumber(number)));
    }
    let mut actions = Vec::new();
    for (modifiers, key, action) in table {
        if pressed(modifiers, key) {
            actions.push(action);
        }
    }
    // A popup or a completion closes by itself at Escape, before anything below it does.
    let popup = egui::Popup::is_any_open(ui.ctx());
    if !popup && !super::composer::wants_escape(view) && pressed(none, Key::Escape) {
        actions.push(Action::Dismiss);
    }
    actions.into_iter().for_each(|action| view.act(action));
}
