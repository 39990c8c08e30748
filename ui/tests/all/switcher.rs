//! The quick switcher.

use std::sync::Arc;

use alloquy_ui::state::Overlay;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{DESIGN, change_community, member, open};
use crate::sheets::{opened, type_in};
use crate::sheets_fixture::rich;

#[test]
fn the_switcher_goes_to_a_channel_by_a_few_letters() {
    let mut harness = open(rich());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run();
    type_in(
        &mut harness,
        "Go to a channel, a person or a community",
        "dsgn",
    );
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.places.now().channel, Some(DESIGN));
    assert!(harness.state().state.overlays.is_empty());
}

#[test]
fn the_switcher_shows_what_is_unread_first_and_moves_by_arrows() {
    let mut harness = opened(rich(), Overlay::Switcher);
    harness.get_by_label("design, Alloquy dev");
    harness.key_press(Key::ArrowDown);
    harness.key_press(Key::ArrowUp);
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.places.now().channel, Some(DESIGN));
}

#[test]
fn the_switcher_tells_people_commands_and_what_is_not_there_yet_apart() {
    let mut harness = opened(rich(), Overlay::Switcher);
    harness.state_mut().state.forms.switcher = "@to".to_owned();
    harness.run();
    harness.get_by_label("tomasz, Alloquy dev");
    assert!(harness.query_by_label("design, Alloquy dev").is_none());
    harness.state_mut().state.forms.switcher = ">short".to_owned();
    harness.run();
    harness.get_by_label("Shortcuts, command");
    harness.state_mut().state.forms.switcher = "?bread".to_owned();
    harness.run();
    harness.get_by_label("Searching messages comes with a later version.");
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.overlays, [Overlay::Switcher]);
}

#[test]
fn ten_thousand_members_are_searched_and_twenty_rows_laid_out() {
    let mut model = rich();
    change_community(&mut model, |community| {
        let members = (0..10_000_u32).map(|n| {
            let mut view = member(1, &format!("member {n}"));
            view.account.0[..4].copy_from_slice(&n.to_be_bytes());
            view
        });
        community.members = Arc::new(members.collect());
    });
    let mut harness = opened(model, Overlay::Switcher);
    harness.state_mut().state.forms.switcher = "@member 77".to_owned();
    harness.run();
    let rows = harness
        .root()
        .children_recursive()
        .filter(|node| node.accesskit_node().role() == egui::accesskit::Role::ListBoxOption)
        .count();
    assert_eq!(rows, 20);
}
