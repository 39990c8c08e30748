//! What the node keeps of the window, and when it is tried again.

use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::UnixMs;
use alloquy_ui::model::Failure;
use alloquy_ui::state::Slot;
use alloquy_ui::{AskId, Effect, Model, Phase, UiState};

use crate::fixture::{GENERAL, change, model, numbered};

const SLOT: Slot = Slot::channel(GENERAL);
/// Longer than the rest after which a draft is kept.
const LATER_MS: u64 = 5_000;

/// A window with a draft that was typed just now.
fn typed() -> (Model, UiState) {
    let model = model(numbered(0..3));
    let mut state = UiState::new();
    state.refresh(&model);
    let composer = state.composers.entry(SLOT).or_default();
    "half a thought".clone_into(&mut composer.text);
    composer.dirty_since = Some(model.clock.now);
    (model, state)
}

/// The question by which the draft is handed to the node.
fn handed(effects: &[Effect]) -> Option<AskId> {
    effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Keep { value, .. },
        } if value == "half a thought" => Some(*ask),
        _ => None,
    })
}

fn full() -> CommandError {
    CommandError::new(ErrorCode::Storage, "the disk is full")
}

#[test]
fn a_draft_that_was_not_stored_is_handed_over_again_when_there_is_room() {
    let (mut model, mut state) = typed();
    model.clock.now = UnixMs(model.clock.now.0 + LATER_MS);
    let ask = handed(&state.refresh(&model)).unwrap();
    change(&mut model, |snapshot| snapshot.trouble = Some(full()));
    state.answered(ask, Err(full()), &model);
    assert_eq!(handed(&state.refresh(&model)), None, "not while it is full");
    change(&mut model, |snapshot| snapshot.trouble = None);
    let again = handed(&state.refresh(&model)).unwrap();
    state.answered(again, Ok(Reply::Ok { ok: true }), &model);
    assert_eq!(handed(&state.refresh(&model)), None, "once is enough");
}

#[test]
fn without_a_node_nothing_is_due_but_messages_that_lapse() {
    let (mut model, mut state) = typed();
    assert!(state.due().is_some());
    model.phase = Phase::Failed(Failure {
        what: "The node has ended.".to_owned(),
        remedy: "Start it.".to_owned(),
        may_restart: true,
    });
    state.refresh(&model);
    assert_eq!(state.due(), None, "the draft waits for a node");
    model.phase = Phase::Running;
    model.clock.now = UnixMs(model.clock.now.0 + LATER_MS);
    assert!(handed(&state.refresh(&model)).is_some());
}

#[test]
fn a_draft_too_long_to_be_kept_wakes_nobody() {
    let (mut model, mut state) = typed();
    let composer = state.composers.entry(SLOT).or_default();
    composer.text = "x".repeat(alloquy_api::limits::KEPT_VALUE_BYTES_MAX + 1);
    model.clock.now = UnixMs(model.clock.now.0 + LATER_MS);
    state.refresh(&model);
    assert_eq!(state.due(), None);
}
