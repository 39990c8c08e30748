//! The page of settings about voice, and the key to talk.

use std::sync::Arc;

use alloquy_ui::state::{Overlay, SettingsPage};
use alloquy_ui::voice::{KeyReach, Noise, SoundOrder, Transmit, VoiceSettings};
use alloquy_ui::{Action, Effect, Model, UiState};
use egui::accesskit::Role;
use egui::{Event, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::{has, press};
use crate::fixture::{World, change, open};
use crate::sheets::{act, opened};
use crate::sheets_fixture::rich;
use crate::voice_fixture::{calling, change_sound};

const PAGE: Overlay = Overlay::Settings(SettingsPage::Voice);

fn asked(effects: &[Effect]) -> Vec<SoundOrder> {
    let order = |effect: &Effect| match effect {
        Effect::Sound(order) => Some(order.clone()),
        _ => None,
    };
    effects.iter().filter_map(order).collect()
}

fn orders(harness: &Harness<'static, World>) -> Vec<SoundOrder> {
    asked(&harness.state().effects)
}

/// The settings that the engine was told last.
fn used(harness: &Harness<'static, World>) -> VoiceSettings {
    let orders = orders(harness).into_iter().rev();
    let mut used = orders.filter_map(|order| match order {
        SoundOrder::Use(voice) => Some(voice),
        _ => None,
    });
    used.next().unwrap()
}

#[test]
fn each_choice_is_told_to_the_engine_and_kept() {
    let mut harness = opened(rich(), PAGE);
    for name in [
        "Microphone: USB Headset",
        "Loudspeakers: Built-in Audio",
        "Noise suppression: Strong",
        "Cancel echo",
        "Set the level automatically",
        "You are heard: Always",
    ] {
        harness.get_by_label(name).scroll_to_me();
        harness.run();
        press(&mut harness, name);
    }
    let wanted = VoiceSettings {
        input: Some("USB Headset".to_owned()),
        output: Some("Built-in Audio".to_owned()),
        noise: Noise::Strong,
        echo: false,
        automatic_gain: false,
        transmit: Transmit::Always,
        ..VoiceSettings::default()
    };
    assert_eq!(used(&harness), wanted);
    let first = harness.get_by_label("Microphone: System default");
    first.scroll_to_me();
    harness.run();
    press(&mut harness, "Microphone: System default");
    assert_eq!(used(&harness).input, None);
    let wanted = used(&harness);
    // The next start tells the same, once.
    let kept = harness.state().state.settings.to_kept();
    let mut model = rich();
    change(&mut model, |snapshot| {
        let kept = [("settings".to_owned(), Arc::from(kept.as_str()))];
        snapshot.kept = Arc::new(kept.into_iter().collect());
    });
    let mut state = UiState::new();
    assert_eq!(
        asked(&state.refresh(&model)),
        [SoundOrder::Use(wanted.clone())]
    );
    assert_eq!(asked(&state.refresh(&model)), []);
    // An engine that came anew is told anew, and where there is none nothing is asked.
    let sound = model.sound.take();
    assert_eq!(asked(&state.refresh(&model)), []);
    model.sound = sound;
    assert_eq!(asked(&state.refresh(&model)), [SoundOrder::Use(wanted)]);
}

#[test]
fn sensitivity_and_gain_go_by_keys_and_stay_in_their_limits() {
    let mut harness = opened(rich(), PAGE);
    for (name, keys) in [("Sensitivity", 12), ("Gain of the microphone", 1)] {
        harness.get_by_role_and_label(Role::Slider, name).focus();
        harness.run();
        for _ in 0..keys {
            harness.key_press(Key::ArrowRight);
            harness.run();
        }
    }
    assert_eq!(used(&harness).sensitivity, 100);
    assert_eq!(used(&harness).gain_percent, 110);
}

#[test]
fn the_meter_is_asked_for_while_the_page_is_open_only_and_the_test_ends_with_it() {
    let mut harness = open(rich());
    let told = orders(&harness);
    assert_eq!(told, [SoundOrder::Use(VoiceSettings::default())]);
    act(&mut harness, Action::Open(PAGE));
    assert_eq!(orders(&harness)[1..], [SoundOrder::Meter(true)]);
    press(&mut harness, "Hear yourself");
    change_sound(&mut harness.state_mut().model, |sound| sound.testing = true);
    harness.run();
    let meter = harness.get_by_role_and_label(Role::Meter, "Level of the microphone");
    assert_eq!(meter.accesskit_node().numeric_value(), Some(-18.0));
    act(&mut harness, Action::Dismiss);
    let after = [
        SoundOrder::Meter(true),
        SoundOrder::Test(true),
        SoundOrder::Meter(false),
        SoundOrder::Test(false),
    ];
    assert_eq!(orders(&harness)[1..], after);
}

#[test]
fn without_an_engine_the_page_says_so() {
    let mut model = rich();
    model.sound = None;
    let harness = opened(model.clone(), PAGE);
    let fixed = harness.get_by_label("Use microphone and loudspeakers");
    assert!(fixed.accesskit_node().is_disabled());
    assert_eq!(orders(&harness), []);
    Arc::make_mut(&mut model.about).attached = true;
    let harness = opened(model, PAGE);
    let fixed = harness.get_by_label("Use microphone and loudspeakers");
    let why = fixed.accesskit_node().description().unwrap();
    assert!(why.contains("a node that runs by itself"), "{why}");
}

#[test]
fn what_went_wrong_with_a_device_is_told() {
    let mut model = rich();
    change_sound(&mut model, |sound| {
        sound.devices.failure = Some("the headset is gone".to_owned());
        sound.devices.output = None;
    });
    let harness = opened(model, PAGE);
    assert!(has(&harness, "the headset is gone"));
    assert!(has(&harness, "None is in use."));
    assert!(has(&harness, "In use: USB Headset"));
}

/// A call with a key to talk.
fn with_key(transmit: Transmit) -> Harness<'static, World> {
    let mut model: Model = calling();
    model.sound = Some(crate::voice_fixture::sound().into());
    let mut harness = open(model);
    let voice = VoiceSettings {
        transmit,
        ..VoiceSettings::default()
    };
    act(&mut harness, Action::SetVoice(voice));
    harness.state_mut().effects.clear();
    harness
}

#[test]
fn one_talks_while_the_key_is_held() {
    let mut harness = with_key(Transmit::PushToTalk);
    assert!(has(&harness, "Hold F8 to talk."));
    harness.key_down(Key::F8);
    harness.run();
    assert_eq!(orders(&harness), [SoundOrder::Talk(true)]);
    harness.run();
    harness.key_up(Key::F8);
    harness.run();
    let both = [SoundOrder::Talk(true), SoundOrder::Talk(false)];
    assert_eq!(orders(&harness), both, "told once each");
    // Whoever looks at another window is not heard on, though nobody says that the key was let go.
    harness.key_down(Key::F8);
    harness.run();
    harness.event(Event::WindowFocused(false));
    harness.run();
    assert_eq!(orders(&harness).last(), Some(&SoundOrder::Talk(false)));
    // A window that is hidden is not drawn: the application says so.
    harness.event(Event::WindowFocused(true));
    harness.key_down(Key::F8);
    harness.run();
    let let_go = harness.state_mut().state.let_go();
    assert_eq!(let_go, [Effect::Sound(SoundOrder::Talk(false))]);
    assert_eq!(harness.state_mut().state.let_go(), []);
    for transmit in [Transmit::Activity, Transmit::Always] {
        let mut harness = with_key(transmit);
        harness.key_down(Key::F8);
        harness.run();
        assert_eq!(orders(&harness), [], "{transmit:?}");
    }
}

#[test]
fn the_page_says_where_the_key_is_heard() {
    let desktop = "Your desktop has it as: Press Caps Lock";
    let alone = "only while this window has the focus: there is no display";
    for (reach, expected) in [
        (KeyReach::Window, "the whole desktop is asked for it, too."),
        (KeyReach::Everywhere, "It works wherever the focus is."),
        (KeyReach::Desktop("Press\n Caps Lock".to_owned()), desktop),
        (KeyReach::Refused("there is no display".to_owned()), alone),
    ] {
        let mut model = rich();
        change_sound(&mut model, |sound| sound.key_reach = reach.clone());
        let mut harness = opened(model, PAGE);
        press(&mut harness, "You are heard: While a key is held");
        assert!(has(&harness, expected), "{reach:?}");
    }
}

#[test]
fn another_key_is_chosen_and_one_that_types_is_refused() {
    let mut harness = opened(rich(), PAGE);
    press(&mut harness, "You are heard: While a key is held");
    press(&mut harness, "Key to talk: F8. Choose another");
    harness.key_press(Key::V);
    harness.run();
    assert!(has(&harness, "This key types or moves something."));
    harness.key_press(Key::F12);
    harness.run();
    assert_eq!(used(&harness).talk_key, "F12");
    assert!(!has(&harness, "This key types or moves something."));
    press(&mut harness, "Key to talk: F12. Choose another");
    harness.key_press_modifiers(Modifiers::NONE, Key::Escape);
    harness.run();
    harness.get_by_label("Key to talk: F12. Choose another");
    assert_eq!(
        harness.state().state.overlays,
        [PAGE],
        "the page stays open"
    );
}
