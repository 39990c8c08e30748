//! Writing.

use alloquy_api::command::ChannelRef;
use alloquy_api::limits::TEXT_BYTES_MAX;
use alloquy_api::{Command, Reply};
use alloquy_ui::Effect;
use alloquy_ui::state::Slot;
use egui::{Event, ImeEvent, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::fixture::{
    COMMUNITY, DESIGN, GENERAL, ME, NEWS, World, change_community, change_window, message,
    message_id, model, numbered, open,
};

const SLOT: Slot = Slot::channel(GENERAL);

/// A window whose composer has the focus.
fn ready() -> Harness<'static, World> {
    let mut messages = numbered(0..6);
    messages[4].author = ME;
    let mut harness = open(model(messages));
    harness.get_by_label("Message #general").focus();
    harness.run();
    harness
}

fn write(harness: &mut Harness<'static, World>, text: &str) {
    harness.event(Event::Text(text.to_owned()));
    harness.run();
}

fn press(harness: &mut Harness<'static, World>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    harness.run();
}

fn text(harness: &Harness<'static, World>) -> String {
    harness.state().state.composers[&SLOT].text.clone()
}

#[test]
fn enter_sends_and_shift_enter_breaks_the_line() {
    let mut harness = ready();
    write(&mut harness, "one");
    press(&mut harness, Modifiers::SHIFT, Key::Enter);
    write(&mut harness, "two");
    assert_eq!(text(&harness), "one\ntwo");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(text(&harness), "");
    let expected = Command::Send {
        channel: ChannelRef(GENERAL.to_string()),
        text: "one\ntwo".to_owned(),
        embeds: Vec::new(),
    };
    assert_eq!(harness.state().commands(), [expected]);
    let typing = harness.state().effects.iter().filter(|effect| {
        matches!(
            effect,
            Effect::Submit {
                command: Command::Typing { .. },
                ..
            }
        )
    });
    assert_eq!(typing.count(), 1);
}

#[test]
fn typing_anywhere_goes_into_the_composer() {
    let mut harness = open(model(numbered(0..3)));
    write(&mut harness, "hi");
    assert_eq!(text(&harness), "hi");
}

#[test]
fn up_edits_the_last_own_message_and_escape_gives_back_what_was_typed() {
    let mut harness = ready();
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert!(text(&harness).starts_with("message 4"));
    write(&mut harness, "!");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let commands = harness.state().commands();
    assert!(
        matches!(&commands[..], [Command::Edit { message, text }]
            if *message == message_id(4) && text.ends_with('!')),
        "{commands:?}"
    );
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert_eq!(text(&harness), "");
}

#[test]
fn ctrl_up_answers_the_newest_message_of_another() {
    let mut harness = ready();
    press(&mut harness, Modifiers::COMMAND, Key::ArrowUp);
    harness.get_by_label("Replying to tomasz");
    write(&mut harness, "yes");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let expected = Command::Reply {
        message: message_id(5),
        text: "yes".to_owned(),
        embeds: Vec::new(),
    };
    assert_eq!(harness.state().commands(), [expected]);
}

#[test]
fn words_are_completed_by_keys() {
    let mut harness = ready();
    write(&mut harness, "hi @oko");
    harness.get_by_label("Okonkwo");
    press(&mut harness, Modifiers::NONE, Key::Tab);
    assert_eq!(text(&harness), "hi @Okonkwo ");
    write(&mut harness, "in #des");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(text(&harness), "hi @Okonkwo in #design ");
    write(&mut harness, ":tada");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(text(&harness), "hi @Okonkwo in #design 🎉 ");
    write(&mut harness, "@mi");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_role(egui::Role::ListBoxOption).is_none());
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().commands().len(), 1);
}

#[test]
fn what_is_typed_after_enter_in_one_slow_frame_is_the_next_message() {
    let mut harness = ready();
    let enter = |pressed| Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    let letters = |text: &str| Event::Text(text.to_owned());
    harness.input_mut().events.extend([
        letters("one"),
        enter(true),
        enter(false),
        letters("two"),
        enter(true),
        enter(false),
        letters("three"),
    ]);
    harness.run();
    let send = |text: &str| Command::Send {
        channel: ChannelRef(GENERAL.to_string()),
        text: text.to_owned(),
        embeds: Vec::new(),
    };
    assert_eq!(harness.state().commands(), [send("one"), send("two")]);
    assert_eq!(text(&harness), "three");
}

#[test]
fn a_sign_typed_with_altgr_is_no_shortcut() {
    let mut harness = ready();
    let altgr = Modifiers::COMMAND.plus(Modifiers::ALT);
    for key in [Key::Q, Key::E, Key::K, Key::Num0, Key::U] {
        press(&mut harness, altgr, key);
    }
    write(&mut harness, "@");
    assert!(!harness.state().effects.contains(&Effect::Quit));
    assert!(harness.state().state.overlays.is_empty());
    assert!(harness.state().state.settings.members_open);
    assert_eq!(text(&harness), "@");
}

#[test]
fn a_selection_is_wrapped() {
    let mut harness = ready();
    write(&mut harness, "word");
    press(&mut harness, Modifiers::COMMAND, Key::A);
    press(&mut harness, Modifiers::COMMAND, Key::B);
    assert_eq!(text(&harness), "**word**");
    press(&mut harness, Modifiers::COMMAND, Key::I);
    assert_eq!(text(&harness), "***word***");
}

#[test]
fn the_enter_of_an_input_method_sends_nothing() {
    let mut harness = ready();
    harness.event(Event::Ime(ImeEvent::Preedit {
        text: "e".to_owned(),
        active_range_chars: None,
    }));
    harness.run();
    // Both come in one frame.
    let enter = Event::Key {
        key: Key::Enter,
        physical_key: None,
        pressed: true,
        repeat: false,
        modifiers: Modifiers::NONE,
    };
    let commit = Event::Ime(ImeEvent::Commit("é".to_owned()));
    harness.input_mut().events.extend([commit, enter]);
    harness.run();
    assert_eq!(harness.state().commands(), []);
    assert!(text(&harness).starts_with('é'));
}

#[test]
fn a_line_with_a_slash_is_a_command_and_its_mistakes_are_told() {
    let mut harness = ready();
    write(&mut harness, "/topic #design \"new looks\"");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    let expected = Command::Topic {
        target: DESIGN.to_string(),
        text: "new looks".to_owned(),
    };
    assert_eq!(harness.state().commands(), [expected]);
    write(&mut harness, "/topik #design x");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    harness.get_by_label_contains("perhaps `topic`");
    assert_eq!(text(&harness), "/topik #design x");
    assert_eq!(harness.state().commands().len(), 1);
}

#[test]
fn what_is_too_long_is_told_and_kept() {
    let mut harness = ready();
    let long = "a".repeat(TEXT_BYTES_MAX + 7);
    harness.event(Event::Paste(long.clone()));
    harness.run();
    harness.get_by_label_contains("7 bytes too long");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert_eq!(text(&harness).len(), long.len());
    assert_eq!(harness.state().commands(), []);
}

#[test]
fn where_one_may_not_write_it_says_so() {
    let mut harness = open(model(numbered(0..3)));
    harness
        .state_mut()
        .state
        .places
        .go(alloquy_ui::state::Place {
            community: Some(COMMUNITY),
            channel: Some(NEWS),
            thread: None,
        });
    harness.run();
    harness.get_by_label_contains("your roles do not let you write in #news");
    assert!(harness.query_by_label("Message #news").is_none());
}

#[test]
fn slow_mode_is_told() {
    let mut model = model(numbered(0..3));
    change_community(&mut model, |community| {
        let mut channels = community.channels.to_vec();
        channels[0].slow_mode_ms = 10_000;
        community.channels = channels.into();
    });
    open(model).get_by_label("Slow mode: one message every 10 s");
}

#[test]
fn what_is_sent_is_seen_all_the_time_and_once() {
    let mut harness = ready();
    write(&mut harness, "on its way");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    harness.get_by_label("Mira: on its way (Sending)");
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Send { .. },
        } => Some(*ask),
        _ => None,
    });
    let stored = message_id(24);
    let answer = Ok(Reply::Message { message: stored });
    let model = world.model.clone();
    world.state.answered(ask.unwrap(), answer, &model);
    harness.run();
    // The outcome comes before the snapshot that shows it.
    harness.get_by_label("Mira: on its way (Sending)");
    let world = harness.state_mut();
    change_window(&mut world.model, |of| {
        of.messages.push(message(24, "on its way").into());
    });
    let model = world.model.clone();
    world.state.refresh(&model);
    harness.run();
    harness.get_by_label("Mira, 11:20: on its way");
    assert!(harness.query_by_label_contains("(Sending)").is_none());
}
