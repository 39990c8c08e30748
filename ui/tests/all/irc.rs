//! The page of the door for IRC clients.

use std::sync::Arc;

use alloquy_ui::irc::IrcOrder;
use alloquy_ui::state::{Overlay, SettingsPage};
use alloquy_ui::{Action, Effect, Model, UiState};
use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{World, change, change_community};
use crate::sheets::{act, opened, type_in};
use crate::sheets_fixture::rich;

const PAGE: Overlay = Overlay::Settings(SettingsPage::Irc);

fn orders(harness: &Harness<'static, World>) -> Vec<IrcOrder> {
    let effects = harness.state().effects.iter();
    let order = |effect: &Effect| match effect {
        // How it stands is asked whenever the page is opened.
        Effect::Irc(order) if *order != IrcOrder::Look => Some(order.clone()),
        _ => None,
    };
    effects.filter_map(order).collect()
}

fn copied(harness: &Harness<'static, World>) -> Vec<String> {
    let effects = harness.state().effects.iter();
    let text = |effect: &Effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    };
    effects.filter_map(text).collect()
}

fn shut() -> Model {
    let mut model = rich();
    let door = Arc::make_mut(&mut model.about).irc.as_mut().unwrap();
    door.address = None;
    model
}

#[test]
fn who_else_reads_a_channel_is_said_before_one_writes_and_what_came_so_is_marked() {
    let mut model = crate::fixture::model(crate::fixture::numbered(0..4));
    crate::fixture::change_window(&mut model, |window| {
        Arc::make_mut(&mut window.messages[2]).bridged = true;
    });
    let harness = crate::fixture::open(model.clone());
    assert!(harness.query_by_label_contains("Bridged: ").is_none());
    harness.get_by_label_contains("(through IRC)");
    change_community(&mut model, |community| {
        for channel in Arc::make_mut(&mut community.channels) {
            channel.bridges = vec!["irc.example.org".to_owned(), "\u{202e}evil".to_owned()];
        }
    });
    let harness = crate::fixture::open(model);
    let bar = harness.get_by_label_contains("Bridged: readable by irc.example.org, ");
    assert!(!format!("{:?}", bar.accesskit_node().label()).contains('\u{202e}'));
}

#[test]
fn the_door_is_opened_where_one_says_and_stays_so() {
    let mut harness = opened(shut(), PAGE);
    harness.state_mut().state.forms.irc.address = Some("[::1]:7000".to_owned());
    harness.run();
    harness.get_by_label("Address");
    harness.get_by_label("Let IRC clients in").click();
    harness.run();
    let address = "[::1]:7000".to_owned();
    assert_eq!(orders(&harness), [IrcOrder::Open(address.clone())]);
    assert_eq!(harness.state().state.settings.irc, Some(address.clone()));
    // The next start opens it again, by what was kept.
    let kept = harness.state().state.settings.to_kept();
    let mut model = shut();
    change(&mut model, |snapshot| {
        let kept = [("settings".to_owned(), Arc::from(kept.as_str()))];
        snapshot.kept = Arc::new(kept.into_iter().collect());
    });
    let effects = UiState::new().refresh(&model);
    assert!(
        effects.contains(&Effect::Irc(IrcOrder::Open(address))),
        "{effects:?}"
    );
    // Where the node runs elsewhere there is no door to open.
    Arc::make_mut(&mut model.about).irc = None;
    let effects = UiState::new().refresh(&model);
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Irc(_)))
    );
    harness.get_by_label("Let IRC clients in").click();
    harness.run();
    assert_eq!(orders(&harness).last(), Some(&IrcOrder::Shut));
    assert_eq!(harness.state().state.settings.irc, None);
}

#[test]
fn a_password_is_shown_once_with_the_lines_for_clients() {
    let mut harness = opened(rich(), PAGE);
    type_in(&mut harness, "What it is for", " my phone ");
    harness.key_press(Key::Enter);
    harness.run();
    let label = "my phone".to_owned();
    let read_only = false;
    assert_eq!(orders(&harness), [IrcOrder::Add { label, read_only }]);
    harness
        .state_mut()
        .state
        .irc_made("secretsecret".to_owned());
    harness.run();
    harness.get_by_label("Copy the password").click();
    harness.run();
    harness.get_by_label("Copy the line for WeeChat").click();
    harness.run();
    let line = "/server add alloquy 127.0.0.1/6667 -password=secretsecret -notls -autoconnect";
    assert_eq!(copied(&harness), ["secretsecret", line]);
    act(&mut harness, Action::Dismiss);
    act(&mut harness, Action::Open(PAGE));
    assert!(harness.query_by_label("Copy the password").is_none());
}

#[test]
fn passwords_tell_their_use_and_are_revoked_by_their_name() {
    let mut harness = opened(rich(), PAGE);
    harness.get_by_label_contains("reads and writes · last used");
    harness.get_by_label_contains("reads only · never used");
    harness.get_by_label("Revoke A reader").click();
    harness.run();
    assert_eq!(orders(&harness), [IrcOrder::Revoke(3)]);
    type_in(&mut harness, "What it is for", &"x".repeat(65));
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(orders(&harness).len(), 1, "too long a label makes none");
}
