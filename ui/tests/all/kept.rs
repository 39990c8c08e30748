//! Nothing typed is lost, whatever the node says, and nothing is shown that was covered.

use alloquy_api::command::ChannelRef;
use alloquy_api::limits::KEPT_VALUE_BYTES_MAX;
use alloquy_api::reply::QuoteView;
use alloquy_api::{Command, CommandError, ErrorCode, Event as Told};
use alloquy_ids::UnixMs;
use alloquy_ui::model::Failure;
use alloquy_ui::settings::Notify;
use alloquy_ui::state::{Overlay, Slot};
use alloquy_ui::{Action, AskId, Effect, Phase};
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;

use crate::fixture::{
    COMMUNITY, GENERAL, ME, World, account, message, message_id, model, numbered, open,
};

const SLOT: Slot = Slot::channel(GENERAL);

/// A window whose composer has the focus; message 4 is one's own.
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

fn enter(harness: &mut Harness<'static, World>) {
    harness.key_press_modifiers(Modifiers::NONE, Key::Enter);
    harness.run();
}

/// The last question of this kind.
fn asked(world: &World, kind: impl Fn(&Command) -> bool) -> AskId {
    let mut asked = world.effects.iter().rev();
    let found = asked.find_map(|effect| match effect {
        Effect::Submit { ask, command } if kind(command) => Some(*ask),
        _ => None,
    });
    found.expect("it was asked")
}

fn fail(world: &mut World, ask: AskId, code: ErrorCode) {
    let error = CommandError::new(code, "no");
    let effects = world.state.answered(ask, Err(error), &world.model);
    world.effects.extend(effects);
}

/// What is kept for `#general` by the effects given.
fn kept(effects: &[Effect]) -> Vec<String> {
    let name = format!("draft/{GENERAL}");
    let mut found = Vec::new();
    for effect in effects {
        match effect {
            Effect::Submit {
                command: Command::Keep { name: of, value },
                ..
            } if *of == name => found.push(value.clone()),
            _ => {}
        }
    }
    found
}

fn ended() -> Phase {
    Phase::Failed(Failure {
        what: "The node has ended.".to_owned(),
        remedy: "Start it again.".to_owned(),
        may_restart: true,
    })
}

#[test]
fn a_change_that_failed_stands_below_and_can_be_tried_again() {
    let mut harness = ready();
    harness.key_press(Key::ArrowUp);
    harness.run();
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run();
    write(&mut harness, "better");
    enter(&mut harness);
    let expected = Command::Edit {
        message: message_id(4),
        text: "better".to_owned(),
    };
    assert_eq!(harness.state().commands(), std::slice::from_ref(&expected));
    let world = harness.state_mut();
    let ask = asked(world, |of| matches!(of, Command::Edit { .. }));
    fail(world, ask, ErrorCode::Busy);
    harness.run();
    harness.get_by_label("Mira: better (Not sent)");
    harness.get_by_label("Retry").click();
    harness.run();
    assert_eq!(harness.state().commands(), [expected.clone(), expected]);
    assert!(harness.query_by_label_contains("(Not sent)").is_none());
}

#[test]
fn what_could_not_be_sent_is_in_the_draft_that_is_kept() {
    let mut harness = ready();
    write(&mut harness, "refused");
    enter(&mut harness);
    write(&mut harness, "next");
    let world = harness.state_mut();
    let ask = asked(world, |of| {
        let channel = ChannelRef(GENERAL.to_string());
        matches!(of, Command::Send { channel: to, .. } if *to == channel)
    });
    fail(world, ask, ErrorCode::NotPermitted);
    let effects = world.state.save(None);
    assert_eq!(kept(&effects), ["refused\nnext"]);
}

#[test]
fn a_draft_that_could_not_be_kept_is_kept_later() {
    let mut harness = ready();
    write(&mut harness, "words");
    let world = harness.state_mut();
    world.effects = world.state.save(None);
    assert_eq!(kept(&world.effects), ["words"]);
    let name = format!("draft/{GENERAL}");
    let ask = asked(
        world,
        |of| matches!(of, Command::Keep { name: of, .. } if *of == name),
    );
    fail(world, ask, ErrorCode::NotRunning);
    let effects = world.state.refresh(&world.model);
    assert_eq!(kept(&effects), ["words"]);
    let effects = world.state.refresh(&world.model);
    assert!(kept(&effects).is_empty(), "once");
}

#[test]
fn a_draft_that_is_too_long_is_kept_shortened_and_wakes_nobody_for_ever() {
    let mut harness = ready();
    let long = "é".repeat(KEPT_VALUE_BYTES_MAX);
    harness.event(Event::Paste(long));
    harness.run();
    let world = harness.state_mut();
    let due = world.state.due().expect("the draft is to be kept");
    world.model.clock.now = due;
    let effects = world.state.refresh(&world.model);
    assert_eq!(kept(&effects)[0].len(), KEPT_VALUE_BYTES_MAX);
    assert_eq!(world.state.due(), None);
}

#[test]
fn without_a_node_nothing_stays_due() {
    let mut harness = ready();
    let world = harness.state_mut();
    world
        .state
        .apply(Action::Copy("x".to_owned()), &world.model);
    let delete = Action::Delete(GENERAL, message_id(4));
    world.state.apply(delete, &world.model);
    world.model.phase = ended();
    write(&mut harness, "typed while nothing runs");
    let world = harness.state_mut();
    world.state.refresh(&world.model);
    let due = world.state.due().expect("the toasts lapse");
    world.model.clock.now = UnixMs(due.0 + 10_000);
    world.state.refresh(&world.model);
    assert!(world.state.toasts.is_empty());
    assert_eq!(world.state.due(), None);
    // With a node again everything is made up for.
    world.model.phase = Phase::Running;
    world.effects = world.state.refresh(&world.model);
    assert_eq!(kept(&world.effects), ["typed while nothing runs"]);
    asked(world, |of| matches!(of, Command::Delete { .. }));
}

#[test]
fn what_was_deleted_is_deleted_though_the_window_closes_at_once() {
    let mut harness = ready();
    let world = harness.state_mut();
    let delete = Action::Delete(GENERAL, message_id(4));
    world.state.apply(delete, &world.model);
    world.effects = world.state.apply(Action::Quit, &world.model);
    let message = message_id(4);
    assert_eq!(world.commands(), [Command::Delete { message }]);
    assert_eq!(world.effects.last(), Some(&Effect::Quit));
}

#[test]
fn a_line_that_failed_does_not_take_the_place_of_what_is_typed_since() {
    let mut harness = ready();
    write(&mut harness, "/topic #design new");
    enter(&mut harness);
    write(&mut harness, "hello");
    let world = harness.state_mut();
    let ask = asked(world, |of| matches!(of, Command::Topic { .. }));
    fail(world, ask, ErrorCode::NotPermitted);
    harness.run();
    assert_eq!(harness.state().state.composers[&SLOT].text, "hello");
    harness.get_by_label("/topic #design new: no");
}

#[test]
fn a_spoiler_stays_covered_in_quotes_pins_and_notifications() {
    let secret = "it was ||the gardener||";
    let mut answer = message(4, "what?");
    answer.reply_to = Some(message_id(3));
    answer.quote = Some(QuoteView {
        author: account(1),
        text: secret.to_owned(),
    });
    let mut harness = open(model([message(3, secret), answer]));
    harness.get_by_label("Answers tomasz: it was (spoiler)");
    assert!(harness.query_by_label_contains("gardener").is_none());
    let world = harness.state_mut();
    world.state.settings.notify = Notify::All;
    let event = Told::MessageAdded {
        community: COMMUNITY,
        channel: GENERAL,
        message: message(3, secret),
    };
    let told = world.state.observe(&event, &world.model);
    let [Effect::Notify { body, .. }] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(body, "it was (spoiler)");
    let pins = Overlay::Pins(GENERAL);
    world.state.apply(Action::Open(pins), &world.model);
    let pinned = vec![message(3, secret)];
    world.state.pins.insert(GENERAL, pinned);
    harness.run();
    assert!(harness.query_by_label_contains("gardener").is_none());
}

#[test]
fn a_place_that_could_not_be_watched_is_asked_for_again() {
    let mut harness = ready();
    let world = harness.state_mut();
    let is_watch = |of: &Command| matches!(of, Command::Watch { .. });
    let ask = asked(world, is_watch);
    fail(world, ask, ErrorCode::Busy);
    world.effects = world.state.refresh(&world.model);
    asked(world, is_watch);
}

#[test]
fn a_node_that_has_told_nothing_yet_takes_nobody_from_their_place() {
    let mut harness = ready();
    let world = harness.state_mut();
    let place = world.state.places.now();
    assert!(place.channel.is_some());
    world.model.snapshot = std::sync::Arc::default();
    world.state.refresh(&world.model);
    assert_eq!(world.state.places.now(), place);
}
