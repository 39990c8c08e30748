//! The timeline: what it shows, what it holds fast, what it does not do.

use std::collections::BTreeSet;

use alloquy_api::Command;
use alloquy_api::command::WindowAt;
use alloquy_api::reply::{DeliveryState, QuoteView, RepliesView};
use alloquy_ids::{AccountId, UnixMs};
use alloquy_ui::state::{Slot, Unsent};
use alloquy_ui::{Action, Effect};
use egui::{Key, Modifiers, MouseWheelUnit, TouchPhase, Vec2, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{By, NodeT, Queryable};

use crate::fixture::{
    COMMUNITY, DESIGN, GENERAL, ME, NOON, World, account, change_community, change_window, member,
    message, message_id, model, numbered, open, open_sized, reaction, window,
};

fn wheel(harness: &mut Harness<'static, World>, points: f32) {
    harness.hover_at(pos2(700.0, 400.0));
    harness.event(egui::Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: Vec2::new(0.0, points),
        phase: TouchPhase::Move,
        source: egui::MouseWheelSource::Wheel,
        modifiers: Modifiers::NONE,
    });
    harness.run();
}

/// The accessible names of the messages shown, from top to bottom, and where they begin.
fn shown(harness: &Harness<'static, World>) -> Vec<(String, f32)> {
    let mut rows: Vec<(String, f32)> = harness
        .get_all_by_role(egui::Role::ListItem)
        .map(|node| {
            let name = node.accesskit_node().label().unwrap_or_default();
            (name, node.rect().top())
        })
        .collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    rows
}

fn number_of(name: &str) -> usize {
    let after = name.split("message ").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

/// Where the row of a message begins.
fn top_of(harness: &Harness<'static, World>, number: usize) -> Option<f32> {
    let rows = shown(harness);
    let mut rows = rows.into_iter();
    let found = rows.find(|(name, _)| number_of(name) == number);
    found.map(|(_, top)| top)
}

#[test]
fn messages_are_found_by_author_time_and_text() {
    let harness = open(model(numbered(0..5)));
    harness.get_by_label("tomasz, 11:10: message 3");
    harness.get_by_label("Today");
    harness.get_by_label("This is the beginning of #general.");
}

#[test]
fn it_opens_at_the_end_and_lays_out_no_more_than_is_seen() {
    let harness = open(model(numbered(0..200)));
    let rows = shown(&harness);
    assert_eq!(number_of(&rows.last().unwrap().0), 199);
    let measured = harness.state().state.rows_measured(Slot::channel(GENERAL));
    assert!((5..60).contains(&measured), "{measured} rows were measured");
}

#[test]
fn scrolling_moves_by_what_was_scrolled_and_measures_few_rows() {
    let mut harness = open(model(numbered(0..200)));
    let before = top_of(&harness, 195).unwrap();
    wheel(&mut harness, 100.0);
    let after = top_of(&harness, 195).unwrap();
    assert!((after - before - 100.0).abs() < 2.0, "{before} {after}");
    let measured = harness.state().state.rows_measured(Slot::channel(GENERAL));
    assert!(measured < 60, "{measured} rows were measured");
    harness.get_by_label("Jump to present").click();
    harness.run();
    assert!((top_of(&harness, 195).unwrap() - before).abs() < 2.0);
}

#[test]
fn older_messages_and_edits_above_move_nothing_of_what_is_read() {
    let mut harness = open(model(numbered(100..200)));
    wheel(&mut harness, 900.0);
    let (name, before) = shown(&harness)[2].clone();
    let number = number_of(&name);
    change_window(&mut harness.state_mut().model, |of| {
        *of = window(numbered(0..200));
    });
    harness.run();
    let after = top_of(&harness, number).unwrap();
    assert!((after - before).abs() < 1.0, "{before} {after}");
    change_window(&mut harness.state_mut().model, |of| {
        let long = "longer ".repeat(300);
        of.messages[number - 40] = message(number - 40, &long).into();
    });
    harness.run();
    let after = top_of(&harness, number).unwrap();
    assert!((after - before).abs() < 1.0, "{before} {after}");
}

#[test]
fn another_width_keeps_the_first_message_that_is_read() {
    let mut harness = open(model(numbered(0..200)));
    wheel(&mut harness, 2_000.0);
    let (name, before) = shown(&harness)[0].clone();
    harness.set_size(Vec2::new(760.0, 800.0));
    harness.run();
    let after = top_of(&harness, number_of(&name)).unwrap();
    assert!((after - before).abs() < 30.0, "{before} {after}");
}

#[test]
fn what_arrives_is_followed_at_the_end_and_not_elsewhere() {
    let mut harness = open(model(numbered(0..50)));
    change_window(&mut harness.state_mut().model, |of| {
        *of = window(numbered(0..51))
    });
    harness.run();
    assert!(top_of(&harness, 50).is_some());
    wheel(&mut harness, 600.0);
    let (name, before) = shown(&harness)[1].clone();
    change_window(&mut harness.state_mut().model, |of| {
        *of = window(numbered(0..55))
    });
    harness.run();
    let after = top_of(&harness, number_of(&name)).unwrap();
    assert!((after - before).abs() < 1.0);
}

#[test]
fn near_an_end_of_what_is_loaded_more_is_asked_for_once() {
    let mut model = model(numbered(500..700));
    change_window(&mut model, |of| of.at_start = false);
    let mut harness = open(model);
    for _ in 0..12 {
        wheel(&mut harness, 1_500.0);
    }
    let windows: Vec<WindowAt> = harness
        .state()
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Submit {
                command: Command::Watch { window },
                ..
            } => Some(window.at),
            _ => None,
        })
        .collect();
    let around = windows
        .iter()
        .filter(|at| matches!(at, WindowAt::Around(_)));
    assert_eq!(around.count(), 1, "{windows:?}");
}

#[test]
fn pages_go_up_and_down_by_keys() {
    let mut harness = open(model(numbered(0..200)));
    harness.key_press(Key::PageUp);
    harness.run();
    assert!(top_of(&harness, 199).is_none());
    harness.key_press(Key::PageDown);
    harness.run();
    assert!(top_of(&harness, 199).is_some());
}

#[test]
fn the_scroll_bar_is_dragged_to_the_beginning_and_the_end() {
    let mut harness = open(model(numbered(0..200)));
    // At the right of the timeline, beside the members; the test's window has a margin of 8 points.
    let x = 1280.0 - 8.0 - 240.0 - 6.0;
    harness.drag_at(pos2(x, 690.0));
    harness.run();
    harness.hover_at(pos2(x, 20.0));
    harness.run();
    harness.drop_at(pos2(x, 20.0));
    harness.run();
    assert!(top_of(&harness, 0).is_some());
    harness.drag_at(pos2(x, 60.0));
    harness.run();
    harness.hover_at(pos2(x, 790.0));
    harness.run();
    harness.drop_at(pos2(x, 790.0));
    harness.run();
    assert!(top_of(&harness, 199).is_some());
    assert!(harness.query_by_label("Jump to present").is_none());
}

#[test]
fn a_jump_shows_the_message_and_marks_it_for_two_seconds() {
    let mut harness = open(model(numbered(0..200)));
    let world = harness.state_mut();
    let jump = Action::GoMessage(COMMUNITY, GENERAL, message_id(20));
    world.state.apply(jump, &world.model);
    // The mark ends by a frame of its own, asked for once.
    harness.run_steps(2);
    let delay = |harness: &Harness<'static, World>| {
        let output = &harness.output().viewport_output;
        output.values().next().unwrap().repaint_delay
    };
    assert!(top_of(&harness, 20).is_some());
    let asked = delay(&harness);
    assert!(
        (1.0..=2.0).contains(&asked.as_secs_f32()),
        "the next frame is in {asked:?}"
    );
    harness.run_steps(16);
    assert!(delay(&harness).as_secs() > 60);
}

#[test]
fn at_twice_the_size_in_the_smallest_window_it_still_fits() {
    let mut harness = open_sized(model(numbered(0..60)), 360.0, 240.0);
    assert!(!shown(&harness).is_empty());
    let composer = harness.get_by_label("Message #general").rect();
    assert!(
        composer.right() < 360.0 && composer.bottom() < 240.0,
        "{composer:?}"
    );
    harness.event(egui::Event::Text("hi @a".to_owned()));
    harness.run();
    let rows = harness.get_all_by_role(egui::Role::ListBoxOption);
    for row in rows {
        let row = row.rect();
        assert!(row.top() >= 0.0 && row.bottom() < composer.top(), "{row:?}");
    }
}

#[test]
fn idle_asks_for_no_frame() {
    let mut harness = open(model(numbered(0..60)));
    harness.get_by_label("Message #general").focus();
    harness.run();
    for _ in 0..5 {
        harness.step();
        let output = &harness.output().viewport_output;
        let viewport = output.values().next().unwrap();
        assert!(viewport.repaint_delay > std::time::Duration::from_secs(60));
    }
}

#[test]
fn the_new_line_stays_where_it_was_and_the_end_is_marked_read() {
    let mut model = model(numbered(0..60));
    change_window(&mut model, |of| of.read = Some(message_id(55)));
    let mut harness = open(model);
    let line = harness.get_by_label("New").rect().top();
    let row = top_of(&harness, 56).unwrap();
    assert!(line < row && row - line < 60.0, "{line} {row}");
    let marks = |harness: &Harness<'static, World>| {
        let effects = harness.state().effects.iter();
        let marks = effects.filter(|effect| {
            let is = |command: &Command| matches!(command, Command::MarkRead { .. });
            matches!(effect, Effect::Submit { command, .. } if is(command))
        });
        marks.count()
    };
    assert_eq!(marks(&harness), 1);
    change_window(&mut harness.state_mut().model, |of| {
        of.read = Some(message_id(59))
    });
    harness.run();
    harness.get_by_label("New");
    assert_eq!(marks(&harness), 1);
}

#[test]
fn new_messages_above_are_announced_and_jumped_to() {
    let mut model = model(numbered(0..150));
    change_window(&mut model, |of| of.read = Some(message_id(50)));
    let mut harness = open(model);
    let pill = harness.get_by(|node| {
        node.label()
            .is_some_and(|name| name.contains(" new since "))
    });
    pill.click();
    harness.run();
    assert!(top_of(&harness, 51).is_some());
    harness.get_by_label("New");
}

#[test]
fn what_messages_carry_is_shown_and_does_what_it_says() {
    let mut quoted = message(4, "an answer");
    quoted.reply_to = Some(message_id(1));
    quoted.quote = Some(QuoteView {
        author: account(0),
        text: "the first".to_owned(),
    });
    quoted.reactions = vec![reaction("🎉", &[1, 2]), reaction("👍", &[0])];
    quoted.replies = Some(RepliesView {
        count: 3,
        last: UnixMs(NOON.0 - 60_000),
    });
    quoted.edited = true;
    let mut gone = message(8, "");
    gone.deleted = true;
    let mut waits = message(11, "");
    waits.waiting = true;
    let mut own = message(0, "mine");
    own.delivery.state = DeliveryState::Read;
    let mut harness = open(model([own, message(1, "the first"), quoted, gone, waits]));
    harness.get_by_label("tomasz, 11:10: an answer (edited)");
    harness.get_by_label("Ada, 11:20: Message deleted");
    harness.get_by(|node| {
        let name = node.label().unwrap_or_default();
        name.contains("its key or body is asked for")
    });
    harness.get_by_label("Read; 2 devices and home nodes hold it");
    harness.get_by_label("Answers Mira: the first");
    harness.get_by_label("🎉, 2").click();
    harness.get_by_label("👍, 1").click();
    harness.run();
    let commands = harness.state().commands();
    assert_eq!(
        commands,
        [
            Command::React {
                message: message_id(4),
                emoji: "🎉".to_owned()
            },
            Command::Unreact {
                message: message_id(4),
                emoji: "👍".to_owned()
            },
        ]
    );
    harness.get_by_label("3 replies, last 11:59").click();
    harness.run();
    assert_eq!(
        harness.state().state.places.now().thread,
        Some(message_id(4))
    );
}

#[test]
fn unsent_messages_stand_at_the_end_and_can_be_sent_again_or_dropped() {
    let mut harness = open(model(numbered(0..3)));
    let slot = Slot::channel(GENERAL);
    let unsent = |id, error: Option<&str>| Unsent {
        id,
        text: format!("late {id}"),
        reply_to: None,
        edits: None,
        error: error.map(str::to_owned),
        stored: None,
    };
    let composer = harness.state_mut().state.composers.entry(slot).or_default();
    composer.unsent = vec![unsent(901, None), unsent(902, Some("the disk is full"))];
    harness.run();
    harness.get_by_label("Mira: late 901 (Sending)");
    harness.get_by_label("Mira: late 902 (Not sent)");
    harness.get_by_label("Retry").click();
    harness.run();
    assert_eq!(harness.state().commands().len(), 1);
    assert!(harness.query_by_label("Retry").is_none());
}

#[test]
fn keys_act_on_the_message_with_the_focus() {
    let mut messages = numbered(0..6);
    messages[5].author = ME;
    let mut harness = open(model(messages));
    let slot = Slot::channel(GENERAL);
    harness.get_by_label("Message #general").focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Tab);
    harness.run();
    assert_eq!(
        harness.state().state.focused.get(&slot),
        Some(&message_id(5))
    );
    harness.key_press(Key::ArrowUp);
    harness.run();
    assert_eq!(
        harness.state().state.focused.get(&slot),
        Some(&message_id(4))
    );
    harness.key_press(Key::R);
    harness.run();
    harness.get_by_label("Replying to tomasz");
    harness.key_press(Key::Escape);
    harness.run();
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Tab);
    harness.run();
    harness.key_press(Key::Delete);
    harness.run();
    assert!(harness.state().state.deleting.contains_key(&message_id(5)));
    assert!(harness.query_by_label_contains("message 5").is_none());
}

#[test]
fn escape_leaves_the_message_for_the_composer() {
    let mut harness = open(model(numbered(0..6)));
    harness.get_by_label("Message #general").focus();
    harness.run();
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Tab);
    harness.run();
    harness.key_press(Key::Escape);
    harness.run();
    assert!(harness.state().state.focused.is_empty());
    assert!(harness.get_by_label("Message #general").is_focused());
}

#[test]
fn the_bar_at_a_hover_and_the_menu_do_the_same() {
    let mut harness = open(model(numbered(0..6)));
    let row = harness.get_by_label("tomasz, 11:10: message 3").rect();
    harness.hover_at(row.center());
    harness.run();
    harness.get_by_label("Reply (R)").click();
    harness.run();
    harness.get_by_label("Replying to tomasz");
    harness
        .get_by_label("tomasz, 11:10: message 3")
        .click_secondary();
    harness.run();
    harness.get_by_label("Copy link").click();
    harness.run();
    let copied = harness
        .state()
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.clone()),
            _ => None,
        });
    let expected = format!("alloquy://message/{COMMUNITY}/{GENERAL}/{}", message_id(3));
    assert_eq!(copied, Some(expected));
}

#[test]
fn two_people_with_one_name_are_told_apart() {
    let mut model = model(numbered(0..9));
    change_community(&mut model, |community| {
        let mut members = community.members.to_vec();
        members[1] = member(1, "Mira");
        community.members = members.into();
    });
    let word = account(1).words()[0];
    let harness = open(model.clone());
    harness.get_by_label(&format!("Mira ({word}), 11:10: message 3"));
    // A joiner that nobody sees does not make it another name.
    change_community(&mut model, |community| {
        let mut members = community.members.to_vec();
        members[1] = member(1, "Mi\u{200d}ra");
        community.members = members.into();
    });
    open(model).get_by_label(&format!("Mi\u{200d}ra ({word}), 11:10: message 3"));
}

#[test]
fn marks_and_overrides_of_direction_do_no_harm() {
    let zalgo = format!("Z{}algo", "\u{0301}".repeat(100_000));
    let reversed = "safe\u{202e}txt.exe";
    let mut harness = open(model([message(0, &zalgo), message(3, reversed)]));
    harness.run();
    let row = harness.get_by_label_contains("algo").rect();
    assert!(row.height() < 120.0, "{}", row.height());
    harness.get_by_label("tomasz, 11:10: safetxt.exe");
}

#[test]
fn typing_is_told_with_up_to_three_names() {
    let mut model = model(numbered(0..3));
    for (typing, expected) in [
        (&[2][..], "Ada is typing…"),
        (&[2, 3], "Ada and Okonkwo are typing…"),
        (&[1, 2, 3, 4], "Several people are typing…"),
    ] {
        let accounts: Vec<AccountId> = typing.iter().map(|n| account(*n)).collect();
        change_window(&mut model, |of| of.typing = accounts);
        open(model.clone()).get_by_label(expected);
    }
}

#[test]
fn text_is_selected_over_messages_and_copied_with_its_authors() {
    let mut harness = open(model([
        message(0, "first words"),
        message(3, "second words"),
    ]));
    let first = harness.get_by_label("Mira, 11:00: first words").rect();
    let second = harness.get_by_label("tomasz, 11:10: second words").rect();
    let from = pos2(first.left() + 73.0, first.bottom() - 10.0);
    let to = pos2(second.left() + 600.0, second.bottom() - 10.0);
    harness.drag_at(from);
    harness.run_steps(2);
    harness.hover_at(pos2(to.x, (from.y + to.y) / 2.0));
    harness.run_steps(2);
    harness.hover_at(to);
    harness.run_steps(2);
    harness.drop_at(to);
    harness.run();
    harness.event(egui::Event::Copy);
    harness.run();
    let copied = harness
        .state()
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.clone()),
            _ => None,
        });
    let expected = "Mira, 11:00\nfirst words\n\ntomasz, 11:10\nsecond words";
    assert_eq!(copied.as_deref(), Some(expected));
}

#[test]
fn every_stop_of_the_tab_key_has_a_name_and_all_that_can_be_done_is_one() {
    let mut rich = message(4, "see https://a.example and ||hidden|| @Ada #design");
    rich.reactions = vec![reaction("🎉", &[1])];
    rich.reply_to = Some(message_id(0));
    let mut harness = open_sized(model([message(0, "x"), rich]), 720.0, 480.0);
    let mut stops = BTreeSet::new();
    for _ in 0..60 {
        harness.key_press(Key::Tab);
        harness.run();
        let focused = By::new().predicate(|node| node.is_focused());
        for node in harness.query_all(focused) {
            let node = node.accesskit_node();
            let name = node.label().unwrap_or_default();
            let named = !name.trim().is_empty();
            assert!(named || node.role() == egui::Role::Window, "{node:?}");
            stops.insert(name);
        }
    }
    for expected in [
        "Message #general",
        "Emoji",
        "https://a.example",
        "Show the spoiler",
        "@Ada",
        "#design",
        "🎉, 1",
    ] {
        assert!(
            stops.contains(expected),
            "{expected} is not among {stops:?}"
        );
    }
}

#[test]
fn selecting_does_not_end_when_messages_arrive() {
    let mut harness = open(model([
        message(0, "first words"),
        message(3, "second words"),
    ]));
    let row = harness.get_by_label("Mira, 11:00: first words").rect();
    let from = pos2(row.left() + 73.0, row.bottom() - 10.0);
    let to = pos2(row.left() + 400.0, row.bottom() - 10.0);
    harness.drag_at(from);
    harness.run_steps(2);
    harness.hover_at(to);
    harness.run_steps(2);
    harness.drop_at(to);
    harness.run();
    change_window(&mut harness.state_mut().model, |of| {
        of.messages.push(message(6, "third words").into());
    });
    harness.run();
    harness.event(egui::Event::Copy);
    harness.run();
    let mut effects = harness.state().effects.iter();
    assert!(effects.any(|effect| *effect == Effect::Copy("first words".to_owned())));
}

#[test]
fn a_channel_that_was_marked_unread_is_read_when_one_comes_back() {
    let mut harness = open(model(numbered(0..6)));
    let marks = |harness: &Harness<'static, World>| {
        let effects = harness.state().effects.iter();
        let marks = effects.filter(|effect| {
            matches!(
                effect,
                Effect::Submit {
                    command: Command::MarkRead { message: None, .. },
                    ..
                }
            )
        });
        marks.count()
    };
    let go = |harness: &mut Harness<'static, World>, action: Action| {
        let world = harness.state_mut();
        let effects = world.state.apply(action, &world.model);
        world.effects.extend(effects);
        harness.run();
    };
    go(&mut harness, Action::MarkUnread(GENERAL, message_id(3)));
    let before = marks(&harness);
    harness.run();
    assert_eq!(marks(&harness), before, "not while one stays");
    go(&mut harness, Action::GoChannel(COMMUNITY, DESIGN));
    go(&mut harness, Action::GoChannel(COMMUNITY, GENERAL));
    assert_eq!(marks(&harness), before + 1);
}
