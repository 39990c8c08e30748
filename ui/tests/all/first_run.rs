//! The first run, from nothing to the choice of where to go.

use alloquy_ui::state::{FirstStep, Overlay};
use alloquy_ui::{Effect, Phase};
use egui::Key;
use egui_kittest::kittest::Queryable as _;

use crate::fixture::{open, open_sized};
use crate::sheets_fixture::{first_run, lonely, nobody, rich};

#[test]
fn a_name_and_enter_make_the_account() {
    let mut harness = open(first_run());
    harness.get_by_label("What should people call you?");
    // The field has the focus and holds the name offered.
    harness.key_press(Key::End);
    harness.event(egui::Event::Text("m".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    let made = Effect::CreateAccount {
        name: "miram".to_owned(),
    };
    assert!(
        harness.state().effects.contains(&made),
        "{:?}",
        harness.state().effects
    );
}

#[test]
fn the_key_is_shown_then_where_to_go() {
    let mut harness = open(first_run());
    harness.key_press(Key::Enter);
    harness.run();
    harness.state_mut().model = lonely();
    harness.run();
    harness.get_by_label_contains("The words of the key");
    harness.key_press(Key::Enter);
    harness.run();
    harness.get_by_label("Join with a link");
    harness.get_by_label("Create a community").click();
    harness.run();
    assert_eq!(harness.state().state.overlays, [Overlay::AddCommunity]);
    harness.get_by_label("Name of the community");
    harness.key_press(Key::Escape);
    harness.run();
    harness.get_by_label("Look around").click();
    harness.run();
    assert_eq!(harness.state().state.forms.first_step, FirstStep::Done);
    harness.get_by_label("Join or create a community");
}

#[test]
fn a_first_community_ends_the_first_run() {
    let mut harness = open(lonely());
    harness.state_mut().state.forms.first_step = FirstStep::Choices;
    harness.state_mut().model = rich();
    harness.run();
    assert!(harness.query_by_label("Where to?").is_none());
}

#[test]
fn a_name_that_is_too_long_or_empty_goes_nowhere_and_stays() {
    let mut harness = open(first_run());
    harness.state_mut().state.forms.first_name = Some("x".repeat(101));
    harness.run();
    harness.get_by_label_contains("101 bytes");
    harness.key_press(Key::Enter);
    harness.run();
    harness.state_mut().state.forms.first_name = Some("  ".to_owned());
    harness.key_press(Key::Enter);
    harness.run();
    let made = |effect: &Effect| matches!(effect, Effect::CreateAccount { .. });
    assert!(!harness.state().effects.iter().any(made));
}

#[test]
fn a_failed_try_says_why_and_keeps_the_name() {
    let harness = open(nobody(Phase::FirstRun {
        suggested_name: "mira".to_owned(),
        error: Some("The disk is full.".to_owned()),
        busy: false,
    }));
    harness.get_by_label("The disk is full.");
}

#[test]
fn a_passphrase_opens_and_does_not_stay() {
    let mut harness = open(nobody(Phase::Locked { wrong: true }));
    harness.get_by_label_contains("does not open it");
    harness.get_by_label("Passphrase").type_text("open sesame");
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    let unlock = Effect::Unlock {
        passphrase: "open sesame".to_owned(),
    };
    assert!(harness.state().effects.contains(&unlock));
    assert!(harness.state().state.forms.passphrase.is_empty());
}

#[test]
fn nothing_moves_by_itself_on_any_page() {
    let pages = [
        first_run(),
        lonely(),
        nobody(Phase::Locked { wrong: false }),
    ];
    for model in pages {
        for step in [FirstStep::Name, FirstStep::Key, FirstStep::Choices] {
            let mut harness = open_sized(model.clone(), 720.0, 480.0);
            harness.state_mut().state.forms.first_step = step;
            harness.run();
            harness.run_steps(5);
            let output = harness.output().viewport_output.values().next().unwrap();
            assert!(
                output.repaint_delay > std::time::Duration::from_secs(3_600),
                "{:?} {step:?}: {:?}",
                model.phase,
                output.repaint_delay
            );
        }
    }
}
