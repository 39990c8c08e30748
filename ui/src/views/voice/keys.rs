//! Keys about voice: the one to talk while it is held, and choosing it.

use egui::{Event, Key, Modifiers, Ui};

use super::panel;
use crate::action::Action;
use crate::views::View;
use crate::voice::{SoundOrder, Transmit, may_talk};

/// Muting and deafening, while in a call.
pub(in crate::views) fn shortcuts(view: &View<'_>) -> Vec<(Modifiers, Key, Action)> {
    let Some(call) = &view.model.snapshot.call else {
        return Vec::new();
    };
    let both = Modifiers::COMMAND.plus(Modifiers::SHIFT);
    vec![
        (both, Key::M, panel::mute(call)),
        (both, Key::D, panel::deafen(call)),
    ]
}

/// Whether the key to talk is held, and which it is to be.
pub(in crate::views) fn keys(view: &mut View<'_>, ui: &mut Ui) {
    if view.state.voice.chooses_key {
        choose(view, ui);
    }
    let voice = &view.state.settings.voice;
    let heard = view.model.snapshot.call.is_some() || view.state.voice.tests;
    let counts = heard
        && view.model.sound.is_some()
        && voice.transmit == Transmit::PushToTalk
        && !view.state.voice.chooses_key;
    let key = voice.key();
    // A window that lost the focus is not told when the key is let go.
    let held = counts && ui.input(|input| input.focused && input.key_down(key));
    if held != view.state.voice.talks {
        view.act(Action::Sound(SoundOrder::Talk(held)));
    }
}

/// Takes the next key that is pressed away from everything else.
fn choose(view: &mut View<'_>, ui: &mut Ui) {
    let pressed = ui.input_mut(|input| {
        let is_press = |event: &Event| matches!(event, Event::Key { pressed: true, .. });
        let at = input.events.iter().position(is_press)?;
        match input.events.remove(at) {
            Event::Key { key, .. } => Some(key),
            _ => None,
        }
    });
    let Some(key) = pressed else {
        return;
    };
    let voice = &mut view.state.voice;
    voice.key_refused = !may_talk(key) && !matches!(key, Key::Escape | Key::Tab);
    voice.chooses_key = voice.key_refused;
    ui.ctx().request_repaint();
    if may_talk(key) {
        let mut chosen = view.state.settings.voice.clone();
        key.name().clone_into(&mut chosen.talk_key);
        view.act(Action::SetVoice(chosen));
    }
}
