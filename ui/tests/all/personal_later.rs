//! What comes later: looking for the recovery words, home nodes, missing keys, rules of notifications, closing.

use std::sync::Arc;

use alloquy_api::personal::{CatchingUpView, DeviceState, PersonalCommand};
use alloquy_api::{Command, Event, Reply};
use alloquy_ids::UnixMs;
use alloquy_ui::settings::Notify;
use alloquy_ui::state::{Heard, MissingKey, Muted, Overlay, Rule, SettingsPage};
use alloquy_ui::{Action, Effect, UiState};
use egui::Key;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{
    COMMUNITY, DESIGN, GENERAL, ME, NOON, World, change, message, open, open_sized, window,
};
use crate::personal::{opened, orders, refused, tell};
use crate::personal_fixture::{ADA, BEN_CHANNEL, WITH_ADA, WITH_BEN, personal};
use crate::personal_screens::{overlays, stop};
use crate::sheets::{act, type_in};
use crate::sheets_fixture::{BEN, recovery_words};

// ---- the recovery kit, later

#[test]
fn the_words_are_looked_for_after_a_month_and_then_each_half_year() {
    const DAY: u64 = 24 * 3_600_000;
    let mut harness = open(personal());
    let asks = "Do you still find your recovery words? Look once, so that they are there when you need them.";
    assert!(harness.query_by_label(asks).is_none());
    let mut later = |days: u64| {
        harness.state_mut().model.clock.now = UnixMs(NOON.0 + days * DAY);
        harness.run();
        let asked = harness.query_by_label(asks).is_some();
        if asked {
            harness.get_by_label("Later").click();
            harness.run();
        }
        asked
    };
    assert!(!later(29));
    assert!(later(30));
    assert!(!later(30 + 179));
    assert!(later(30 + 180));
}

#[test]
fn the_words_are_checked_and_wrong_ones_are_told_to_be_wrong() {
    let mut harness = opened(Overlay::CheckRecovery);
    harness.state_mut().state.personal.words = recovery_words().try_into().unwrap();
    harness.run();
    harness.get_by_label("Check").click();
    harness.run();
    let words = recovery_words().join(" ");
    assert_eq!(orders(&harness), [PersonalCommand::RecoveryCheck { words }]);
    tell(
        &mut harness,
        refused("these are not the words of this account"),
    );
    harness.get_by_label("these are not the words of this account");
    harness.get_by_label("Check").click();
    harness.run();
    tell(&mut harness, Ok(Reply::Ok { ok: true }));
    let state = &harness.state().state;
    assert!(state.overlays.is_empty());
    assert_eq!(
        (
            state.settings.recovery_checked,
            state.settings.recovery_checks
        ),
        (NOON.0, 1)
    );
    assert!(state.personal.words.iter().all(String::is_empty));
}

#[test]
fn new_words_are_shown_and_asked_back() {
    let mut harness = opened(Overlay::ReplaceRecovery);
    harness.get_by_label("Make new words").click();
    harness.run();
    tell(
        &mut harness,
        Ok(Reply::Recovery {
            recovery_words: recovery_words(),
        }),
    );
    assert_eq!(harness.state().state.overlays, [Overlay::Recovery]);
    harness.get_by_label("3: able");
    harness.get_by_label("I have written them down").click();
    harness.run();
    assert!(harness.query_by_label("3: able").is_none());
}

// ---- home nodes

#[test]
fn a_home_node_is_paired_by_its_code_and_keeps_what_is_switched_on() {
    let mut harness = opened(Overlay::Settings(SettingsPage::Homes));
    harness.get_by_label("940 MB of 1.0 GB");
    let named: Vec<_> = harness.get_all_by_label("Ada").collect();
    named[named.len() - 1].click();
    harness.run();
    let [PersonalCommand::HomeStore { community, store }] = &orders(&harness)[..] else {
        panic!("{:?}", orders(&harness));
    };
    assert_eq!(community.0, WITH_ADA.to_string());
    assert_eq!(*store, alloquy_api::personal::OnOff::On);
    harness.get_by_label("Pair a home node").click();
    harness.run();
    type_in(
        &mut harness,
        "Code or link of the home node",
        "3-green-lamp",
    );
    harness.key_press(Key::Enter);
    harness.run_ok();
    let code = "3-green-lamp".to_owned();
    assert_eq!(
        orders(&harness).last(),
        Some(&PersonalCommand::HomePair { code })
    );
    tell(&mut harness, refused("no home node shows this code"));
    harness.get_by_label("no home node shows this code");
}

#[test]
fn that_nobody_else_holds_a_message_is_said_once() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        let mut own = message(0, "message 0");
        own.author = ME;
        own.delivery.state = alloquy_api::reply::DeliveryState::Stored;
        let id = alloquy_ids::ChannelId([72; 32]);
        snapshot.windows.insert(id, Arc::new(window([own])));
    });
    let says = "Delivered when you and Ada are online at the same time. A home node changes that.";
    let mut harness = open(model.clone());
    act(&mut harness, Action::GoCommunity(WITH_ADA));
    harness.get_by_label(says);
    harness.get_by_label("Do not show this again").click();
    harness.run();
    assert!(harness.query_by_label(says).is_none());
    change(&mut model, |snapshot| {
        Arc::make_mut(&mut snapshot.homes)[0].keeps.push(WITH_ADA);
    });
    let mut harness = open(model);
    act(&mut harness, Action::GoCommunity(WITH_ADA));
    assert!(
        harness.query_by_label(says).is_none(),
        "a home node keeps it"
    );
}

// ---- keys that are missing, rules, closing

#[test]
fn a_message_without_its_key_says_from_whom_it_is_awaited() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        let mut waits = message(3, "");
        waits.waiting = true;
        snapshot
            .windows
            .insert(BEN_CHANNEL, Arc::new(window([waits])));
    });
    let mut harness = open(model);
    act(&mut harness, Action::GoChannel(WITH_BEN, BEN_CHANNEL));
    for (connected, words) in [
        (true, "awaited from tomasz, Ada, who can be reached now"),
        (
            false,
            "awaited from tomasz, Ada, who can not be reached now",
        ),
    ] {
        let world = harness.state_mut();
        let event = Event::KeyMissing {
            community: WITH_BEN,
            channel: BEN_CHANNEL,
            holders: vec![BEN, ADA],
            connected,
        };
        world.state.observe(&event, &world.model);
        let missing = MissingKey {
            holders: vec![BEN, ADA],
            connected,
        };
        assert_eq!(world.state.missing.get(&BEN_CHANNEL), Some(&missing));
        harness.run();
        harness.get_by_label_contains(words);
    }
}

fn notified(
    world: &mut World,
    community: alloquy_ids::CommunityId,
    channel: alloquy_ids::ChannelId,
) -> usize {
    let event = Event::MessageAdded {
        community,
        channel,
        message: message(3, "good morning"),
    };
    world.state.observe(&event, &world.model).len()
}

#[test]
fn rules_decide_what_the_desktop_is_told_and_lapse_by_themselves() {
    let mut harness = open(personal());
    let world = harness.state_mut();
    assert_eq!(
        notified(world, WITH_BEN, BEN_CHANNEL),
        1,
        "direct messages are for the person"
    );
    assert_eq!(notified(world, COMMUNITY, GENERAL), 0, "mentions only");
    let set = |world: &mut World, of: Heard, rule: Rule| {
        world.state.apply(Action::SetRule(of, rule), &world.model)
    };
    let all = Rule {
        when: Some(Notify::All),
        muted: None,
    };
    let kept = set(world, Heard::Community(COMMUNITY), all);
    assert!(kept.iter().any(|effect| matches!(
        effect,
        Effect::Submit { command: Command::Keep { name, .. }, .. } if *name == format!("notify/{COMMUNITY}")
    )));
    assert_eq!(notified(world, COMMUNITY, GENERAL), 1);
    let nothing = Rule {
        when: Some(Notify::Nothing),
        muted: None,
    };
    set(world, Heard::Channel(DESIGN), nothing);
    assert_eq!(
        notified(world, COMMUNITY, DESIGN),
        0,
        "a channel's own rule goes first"
    );
    let hour = Rule {
        when: None,
        muted: Some(Muted::Until(NOON.0 + 3_600_000)),
    };
    set(world, Heard::Community(WITH_BEN), hour);
    assert_eq!(notified(world, WITH_BEN, BEN_CHANNEL), 0);
    assert_eq!(world.state.due(), Some(UnixMs(NOON.0 + 3_600_000)));
    world.model.clock.now = UnixMs(NOON.0 + 3_600_000);
    world.state.refresh(&world.model);
    assert_eq!(notified(world, WITH_BEN, BEN_CHANNEL), 1);
    assert_eq!(world.state.due(), None);
}

#[test]
fn rules_come_back_after_a_restart_and_nonsense_is_no_rule() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        let mut kept = std::collections::BTreeMap::new();
        kept.insert(
            format!("notify/{WITH_BEN}"),
            Arc::from(r#"{"muted":"always"}"#),
        );
        kept.insert(format!("notify/{COMMUNITY}"), Arc::from("{nonsense"));
        kept.insert("notify/x".to_owned(), Arc::from("{}"));
        kept.insert(
            "settings".to_owned(),
            Arc::from(format!(r#"{{"muted":["{DESIGN}"]}}"#)),
        );
        snapshot.kept = Arc::new(kept);
    });
    let mut state = UiState::new();
    state.refresh(&model);
    assert!(state.is_muted(WITH_BEN, BEN_CHANNEL, NOON));
    assert!(!state.is_muted(COMMUNITY, GENERAL, NOON));
    assert!(
        state.is_muted(COMMUNITY, DESIGN, NOON),
        "as an older version kept it"
    );
}

#[test]
fn closing_is_asked_about_once() {
    let mut harness = open(personal());
    Arc::make_mut(&mut harness.state_mut().model.about).tray = true;
    act(&mut harness, Action::Close);
    assert!(!harness.state().effects.contains(&Effect::Close));
    harness.get_by_label("Stay in the background").click();
    harness.run();
    let state = &harness.state().state;
    assert_eq!(state.settings.background, Some(true));
    assert!(state.overlays.is_empty());
    assert!(harness.state().effects.contains(&Effect::Close));
    harness.state_mut().effects.clear();
    act(&mut harness, Action::Close);
    assert!(
        harness.state().effects.contains(&Effect::Close),
        "not asked again"
    );
}

// ---- every sheet

#[test]
fn every_sheet_about_oneself_closes_at_escape_and_asks_for_no_frame() {
    for overlay in overlays() {
        let mut harness = opened(overlay.clone());
        harness.run_steps(5);
        let output = harness.output().viewport_output.values().next().unwrap();
        assert!(
            output.repaint_delay > std::time::Duration::from_secs(3_600),
            "{overlay:?} asks for a frame after {:?}",
            output.repaint_delay
        );
        harness.key_press(Key::Escape);
        harness.run();
        assert!(
            harness.state().state.overlays.is_empty(),
            "{overlay:?} closes"
        );
    }
}

#[test]
fn every_sheet_about_oneself_is_reached_in_the_smallest_window_at_double_size() {
    for overlay in overlays() {
        let mut harness = open_sized(personal(), 360.0, 240.0);
        act(&mut harness, Action::Open(overlay.clone()));
        for step in 0..24 {
            harness.key_press(Key::Tab);
            harness.run();
            let seen = crate::judge::focus_is_seen(&harness);
            assert_eq!(seen, Ok(()), "{overlay:?}, step {step}");
        }
    }
}

// ---- the end of a device, and of the account

#[test]
fn a_device_that_was_ended_says_so_everywhere_and_lets_nothing_be_written() {
    for (state, told, instead) in [
        (
            DeviceState::Revoked,
            "This device was ended: it can not write in your name any more, and nothing new comes to it. What is here you can still read.",
            "This device was ended, so nothing can be written here.",
        ),
        (
            DeviceState::Closed,
            "Your account is closed. What is here you can still read.",
            "Your account is closed, so nothing can be written here.",
        ),
    ] {
        let mut harness = open(personal());
        act(&mut harness, Action::GoChannel(WITH_BEN, BEN_CHANNEL));
        harness.get_by_role(egui::accesskit::Role::MultilineTextInput);
        stop(&mut harness.state_mut().model, state);
        harness.run();
        harness.get_by_label(told);
        harness.get_by_label(instead);
        let field = harness.query_by_role(egui::accesskit::Role::MultilineTextInput);
        assert!(field.is_none());
        act(
            &mut harness,
            Action::Open(Overlay::Settings(SettingsPage::Devices)),
        );
        assert!(harness.query_by_label("Link a device").is_none());
        assert!(harness.query_by_label("End Telephone").is_none());
        act(
            &mut harness,
            Action::Open(Overlay::Settings(SettingsPage::Profile)),
        );
        assert!(harness.query_by_label("Close the account…").is_none());
    }
}

#[test]
fn an_account_is_closed_after_its_name_was_typed() {
    let mut harness = opened(Overlay::Settings(SettingsPage::Profile));
    harness.get_by_label("Close the account…").click();
    harness.run();
    harness.get_by_label_contains("not even with your recovery words");
    let name = harness.state().model.snapshot.name.clone();
    let field = format!("Type your name to confirm: {name}");
    type_in(&mut harness, &field, "somebody else");
    let disabled = |harness: &egui_kittest::Harness<'static, World>| {
        let button = harness.get_by_label("Close the account");
        button.accesskit_node().is_disabled()
    };
    assert!(disabled(&harness));
    assert_eq!(orders(&harness), []);
    harness.state_mut().state.personal.farewell.clear();
    harness.run();
    type_in(&mut harness, &field, &name);
    assert!(!disabled(&harness));
    harness.get_by_label("Close the account").click();
    harness.run();
    assert_eq!(orders(&harness), [PersonalCommand::AccountClose { name }]);
    tell(&mut harness, refused("the store can not be written"));
    harness.get_by_label("the store can not be written");
    harness.get_by_label("Close the account").click();
    harness.run();
    tell(&mut harness, Ok(Reply::Ok { ok: true }));
    assert!(
        !harness
            .state()
            .state
            .overlays
            .contains(&Overlay::CloseAccount)
    );
    // What was typed is not there the next time.
    act(&mut harness, Action::Open(Overlay::CloseAccount));
    assert!(disabled(&harness));
}

#[test]
fn how_far_a_new_device_is_stands_at_the_connections() {
    let mut harness = open(personal());
    let told = "Getting history: 3 of 20";
    assert!(harness.query_by_label_contains(told).is_none());
    change(&mut harness.state_mut().model, |snapshot| {
        snapshot.catching_up = Some(CatchingUpView { here: 3, of: 20 });
    });
    harness.run();
    assert!(harness.query_all_by_label_contains(told).count() > 0);
}
