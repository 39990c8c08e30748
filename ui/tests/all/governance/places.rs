//! Where channels stand, categories, and deletion.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::ChannelView;
use alloquy_api::{Command, Reply};
use alloquy_ids::ChannelId;
use alloquy_ui::state::Overlay;
use alloquy_ui::{Effect, Model};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;

use super::{done, is_disabled, last, outcome, press, refused};
use crate::fixture::{COMMUNITY, GENERAL, World, change_community, channel};
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

/// Channels of these names and places in this order; all rights are held in those that are named in `mine`.
fn listed(channels: &[(&str, i64)], mine: impl Fn(&str) -> bool) -> Model {
    let mut model = rich();
    change_community(&mut model, |community| {
        let listed = channels
            .iter()
            .zip(0_u16..)
            .map(|((name, position), number)| {
                let mut id = [90; 32];
                id[..2].copy_from_slice(&number.to_be_bytes());
                let rights: &[&str] = match mine(name) {
                    true => &["manage-channels", "manage-content"],
                    false => &["send"],
                };
                ChannelView {
                    position: *position,
                    ..channel(ChannelId(id), name, rights)
                }
            });
        community.channels = Arc::new(listed.collect());
    });
    model
}

/// All that was ordered is done, in its order.
fn answer_all(harness: &mut Harness<'static, World>) {
    let world = harness.state_mut();
    let asks = world.effects.iter().filter_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::MoveChannel { .. },
        } => Some(*ask),
        _ => None,
    });
    for ask in asks.collect::<Vec<_>>() {
        let effects = world.state.answered(ask, done(), &world.model);
        world.effects.extend(effects);
    }
    harness.run();
}

/// What is ordered by a press of a button on the sheet about a channel of [`listed`]: the name and the place of each.
fn moved(model: &Model, of: usize, press_on: &str) -> Option<Vec<(String, u32)>> {
    let channels = Arc::clone(&model.snapshot.communities[&COMMUNITY].channels);
    let sheet = Overlay::Channel(COMMUNITY, channels[of].channel);
    let mut harness = opened(model.clone(), sheet);
    if is_disabled(&harness, press_on) {
        return None;
    }
    press(&mut harness, press_on);
    let commands = harness.state().commands();
    answer_all(&mut harness);
    assert_eq!(harness.state().state.toasts.len(), 1, "it is one step");
    let moved = commands.into_iter().map(|command| {
        let Command::MoveChannel {
            channel,
            position,
            category: None,
        } = command
        else {
            panic!("{command:?}");
        };
        let mut named = channels
            .iter()
            .filter(|view| view.channel.to_string() == channel.0);
        (named.next().unwrap().name.clone(), position)
    });
    Some(moved.collect())
}

#[test]
fn a_step_moves_no_more_than_it_must_and_is_told_once() {
    let all = |_: &str| true;
    let places = |pairs: &[(&str, u32)]| {
        let pairs = pairs
            .iter()
            .map(|(name, place)| ((*name).to_owned(), *place));
        Some(pairs.collect::<Vec<_>>())
    };
    // The two that change places.
    let apart = listed(&[("a", 1), ("b", 4), ("c", 5), ("d", 6)], all);
    let of_b = places(&[("b", 1), ("a", 4)]);
    assert_eq!(moved(&apart, 1, "Move up"), of_b);
    assert_eq!(moved(&apart, 0, "Move down"), of_b);
    // Those behind that have the same place, and nobody behind these.
    let same = listed(&[("a", 0), ("b", 0), ("c", 0), ("d", 2), ("e", 9)], all);
    let of_a = places(&[("a", 1), ("c", 2)]);
    assert_eq!(moved(&same, 0, "Move down"), of_a);
    // One that would stand among those of the same place before it is given the next one.
    let tied = listed(&[("b", 0), ("c", 0), ("a", 5)], all);
    assert_eq!(moved(&tied, 1, "Move down"), places(&[("c", 6)]));
    // Not by places that no order has.
    let below = listed(&[("a", -7), ("b", -6)], all);
    assert_eq!(moved(&below, 0, "Move down"), None);
}

#[test]
fn a_step_is_not_offered_that_would_move_many_or_what_may_not_be_moved() {
    let names: Vec<String> = (0..66).map(|number| format!("c{number:02}")).collect();
    let same: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 0)).collect();
    let many = listed(&same, |_| true);
    // All behind the first one: 65.
    assert_eq!(moved(&many, 0, "Move down"), None);
    let fewer = moved(&many, 1, "Move down").map(|moved| moved.len());
    assert_eq!(fewer, Some(64));
    let last = moved(&many, 64, "Move down");
    assert_eq!(last, Some(vec![("c64".to_owned(), 1)]));
    // The other one of the two is not one's own to move, where it must be moved.
    let others = listed(&[("a", 1), ("b", 2), ("c", 2)], |name| name != "a");
    assert_eq!(moved(&others, 1, "Move up"), None);
    assert_eq!(
        moved(&others, 1, "Move down"),
        Some(vec![("b".to_owned(), 3)])
    );
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
