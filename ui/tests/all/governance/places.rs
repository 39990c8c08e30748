//! Where channels stand, categories, and deletion.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::ChannelView;
use alloquy_api::{Command, Reply};
use alloquy_ids::ChannelId;
use alloquy_ui::Model;
use alloquy_ui::state::Overlay;
use egui_kittest::kittest::Queryable as _;

use super::{done, is_disabled, last, outcome, press, refused};
use crate::fixture::{COMMUNITY, GENERAL, change_community, channel};
use crate::sheets::{opened, type_in};
use crate::sheets_fixture::rich;

const WORK: ChannelId = ChannelId([31; 32]);
const TASKS: ChannelId = ChannelId([32; 32]);
/// Whether to delete the first channel.
pub(crate) const DELETION: Overlay = Overlay::ConfirmChannelDeletion(COMMUNITY, GENERAL);

/// Two channels of one place in the list, and a category.
fn placed(rights: &[&str]) -> Model {
    let mut model = rich();
    change_community(&mut model, |community| {
        let general = ChannelView {
            rights: rights.iter().map(|right| (*right).to_owned()).collect(),
            ..community.channels[0].clone()
        };
        let category = ChannelView {
            kind: ChannelKind::Category,
            ..channel(WORK, "Work", rights)
        };
        let tasks = channel(TASKS, "tasks", rights);
        community.channels = Arc::new(vec![general, tasks, category]);
    });
    model
}

#[test]
fn a_channel_is_deleted_after_a_question() {
    let rights = ["manage-channels"];
    let mut harness = opened(placed(&rights), Overlay::Channel(COMMUNITY, GENERAL));
    press(&mut harness, "Delete the channel…");
    harness.get_by_label_contains("It does not come back.");
    assert!(harness.state().commands().is_empty());
    press(&mut harness, "Delete the channel");
    let Command::DeleteChannel { channel } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(channel.0, GENERAL.to_string());
    outcome(&mut harness, refused("you may not delete it"));
    harness.get_by_label("you may not delete it");
    assert!(harness.state().state.overlays.contains(&DELETION));
    press(&mut harness, "Delete the channel");
    outcome(&mut harness, done());
    assert!(harness.state().state.overlays.is_empty());
}

#[test]
fn who_may_not_is_not_offered_to_delete_or_move_a_channel() {
    for rights in [&["send"][..], &["manage-content"]] {
        let harness = opened(placed(rights), Overlay::Channel(COMMUNITY, GENERAL));
        assert!(harness.query_by_label("Delete the channel…").is_none());
        assert!(harness.query_by_label("Move down").is_none());
    }
}

#[test]
fn a_channel_moves_a_step_and_each_beside_it_gets_a_place_of_its_own() {
    let rights = ["manage-channels", "manage-content"];
    let mut harness = opened(placed(&rights), Overlay::Channel(COMMUNITY, GENERAL));
    assert!(is_disabled(&harness, "Move up"));
    press(&mut harness, "Move down");
    let moved = harness.state().commands();
    let [
        Command::MoveChannel {
            channel,
            position: 1,
            category: None,
        },
    ] = moved.as_slice()
    else {
        panic!("{moved:?}");
    };
    // The other one is at 0 already.
    assert_eq!(channel.0, GENERAL.to_string());
}

#[test]
fn a_channel_goes_under_a_category_and_out_of_it() {
    let rights = ["manage-channels", "manage-content"];
    let mut harness = opened(placed(&rights), Overlay::Channel(COMMUNITY, TASKS));
    press(&mut harness, "Work");
    let Command::MoveChannel {
        channel, category, ..
    } = last(&harness)
    else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(channel.0, TASKS.to_string());
    assert_eq!(category, Some(WORK.to_string()));
    change_community(&mut harness.state_mut().model, |community| {
        Arc::make_mut(&mut community.channels)[1].category = Some(WORK);
    });
    harness.run();
    press(&mut harness, "In no category");
    let Command::MoveChannel { category, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(category.as_deref(), Some("none"));
}

#[test]
fn a_category_is_made_where_channels_are() {
    let mut harness = opened(rich(), Overlay::AddChannel(COMMUNITY));
    press(&mut harness, "What to make: Category");
    assert!(harness.query_by_label("Private").is_none());
    type_in(&mut harness, "Name of the channel", "Work");
    press(&mut harness, "Make the category");
    let Command::CreateCategory { name, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(name, "Work");
    outcome(&mut harness, refused("a channel named \"Work\" is there"));
    harness.get_by_label("a channel named \"Work\" is there");
    press(&mut harness, "Make the category");
    outcome(&mut harness, Ok(Reply::Channel { channel: WORK }));
    assert!(harness.state().state.overlays.is_empty());
    assert!(harness.state().state.forms.channel.is_empty());
}
