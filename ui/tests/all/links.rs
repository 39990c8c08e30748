//! `alloquy://` links that come from outside.

use alloquy_api::Command;
use alloquy_ui::state::{Overlay, Tone, UiState};
use alloquy_ui::{Effect, Model, Phase};

use crate::fixture::{COMMUNITY, DESIGN, message_id};
use crate::sheets_fixture::{link, nobody, rich};

fn opened(text: &str, model: &Model) -> (UiState, Vec<Effect>) {
    let mut state = UiState::new();
    state.refresh(model);
    let effects = state.open_link(text, model);
    (state, effects)
}

fn inspects(effects: &[Effect]) -> usize {
    let inspect = |effect: &&Effect| {
        matches!(
            effect,
            Effect::Submit {
                command: Command::InspectInvite { .. },
                ..
            }
        )
    };
    effects.iter().filter(inspect).count()
}

#[test]
fn an_invite_opens_its_card_and_is_looked_at_once() {
    let model = rich();
    let (mut state, effects) = opened(&link(), &model);
    assert_eq!(state.overlays, [Overlay::JoinCard]);
    assert_eq!(inspects(&effects), 1);
    assert_eq!(inspects(&state.refresh(&model)), 0);
}

#[test]
fn an_invite_waits_for_the_account_of_a_first_run() {
    let before = nobody(Phase::Starting);
    let (mut state, effects) = opened(&link(), &before);
    assert_eq!(inspects(&effects), 0);
    assert_eq!(inspects(&state.refresh(&rich())), 1);
}

#[test]
fn a_link_to_a_message_goes_there() {
    let text = format!("alloquy://message/{COMMUNITY}/{DESIGN}/{}", message_id(3));
    let (state, _) = opened(&text, &rich());
    assert_eq!(state.places.now().channel, Some(DESIGN));
    assert!(state.toasts.is_empty());
}

#[test]
fn any_other_link_is_told_to_be_none() {
    let unknown = message_id(9);
    for text in [
        "alloquy://nonsense".to_owned(),
        "alloquy://join/".to_owned(),
        "alloquy://message/a/b/c".to_owned(),
        format!("alloquy://message/{unknown}/{DESIGN}/{unknown}"),
        format!("alloquy://message/{COMMUNITY}/{unknown}/{unknown}"),
        "x".repeat(100_000),
    ] {
        let (state, _) = opened(&text, &rich());
        assert_eq!(state.toasts.len(), 1, "{}", &text[..20.min(text.len())]);
        assert_eq!(state.toasts[0].tone, Tone::Bad);
        assert!(state.toasts[0].text.len() < 400);
        assert!(state.overlays.is_empty());
    }
}
