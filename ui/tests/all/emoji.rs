//! The emoji picker and pinned messages.

use alloquy_api::{Command, Reply};
use alloquy_ui::state::{Overlay, Slot};
use alloquy_ui::{Action, Effect};
use egui::{Event, Key};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::fixture::{GENERAL, World, message, message_id, model, numbered, open};

const SLOT: Slot = Slot::channel(GENERAL);

fn act(harness: &mut Harness<'static, World>, action: Action) {
    let world = harness.state_mut();
    let effects = world.state.apply(action, &world.model);
    world.effects.extend(effects);
    harness.run();
}

#[test]
fn an_emoji_is_found_by_its_name_and_put_where_the_cursor_is() {
    let mut harness = open(model(numbered(0..3)));
    harness.event(Event::Text("well done".to_owned()));
    harness.run();
    harness.key_press(Key::Home);
    harness.run();
    harness.get_by_label("Emoji").click();
    harness.run();
    harness.event(Event::Text("tada".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.composers[&SLOT].text, "🎉well done");
    assert_eq!(harness.state().state.settings.recent_emoji, ["🎉"]);
    assert!(harness.state().state.overlays.is_empty());
}

#[test]
fn arrows_choose_and_enter_reacts() {
    let mut harness = open(model(numbered(0..3)));
    let picker = Overlay::Emoji(SLOT, Some(message_id(1)));
    act(&mut harness, Action::Open(picker));
    harness.key_press(Key::ArrowRight);
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    let second = emojis::iter().nth(1).unwrap().as_str().to_owned();
    let expected = Command::React {
        message: message_id(1),
        emoji: second,
    };
    assert_eq!(harness.state().commands(), [expected]);
}

#[test]
fn what_has_no_such_name_is_told() {
    let mut harness = open(model(numbered(0..3)));
    act(&mut harness, Action::Open(Overlay::Emoji(SLOT, None)));
    harness.event(Event::Text("qqqqzzzz".to_owned()));
    harness.run();
    harness.get_by_label("No emoji has such a name.");
}

#[test]
fn pins_are_shown_and_lead_to_the_message() {
    let mut harness = open(model(numbered(0..150)));
    act(&mut harness, Action::Open(Overlay::Pins(GENERAL)));
    harness.get_by_label("Looking …");
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Pins { .. },
        } => Some(*ask),
        _ => None,
    });
    let pins = vec![message(7, "message 7 is pinned")];
    let model = world.model.clone();
    let answer = Ok(Reply::Pins { pins });
    world.state.answered(ask.unwrap(), answer, &model);
    harness.run();
    harness.get_by_label_contains("message 7 is pinned").click();
    harness.run();
    harness.get_by_label_contains("message 7 and some more");
    assert!(harness.state().state.overlays.is_empty());
}
