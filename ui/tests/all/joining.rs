//! Inviting people, joining by a link, making a community.

use std::sync::Arc;

use alloquy_api::command::CommunityRef;
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::CommunityId;
use alloquy_ui::model::Failure;
use alloquy_ui::state::{AddTab, FirstStep, Overlay};
use alloquy_ui::{Action, Effect, Phase};
use egui::Key;
use egui_kittest::kittest::Queryable as _;

use crate::fixture::{COMMUNITY, change, open};
use crate::sheets::{act, answer, opened, type_in};
use crate::sheets_fixture::{invite, link, lonely, nearby, rich};

#[test]
fn an_invite_is_there_at_once_is_copied_and_taken_back() {
    let mut harness = opened(rich(), Overlay::Invite(COMMUNITY));
    harness.get_by_label("The invite link as a picture to scan");
    harness.get_by_label("Copy").click();
    harness.run();
    let copied = |effect: &Effect| matches!(effect, Effect::Copy(text) if *text == link());
    assert!(harness.state().effects.iter().any(copied));
    harness.get_by_label("Take it back").click();
    harness.run();
    let commands = harness.state().commands();
    assert!(
        commands
            .iter()
            .any(|command| matches!(command, Command::RevokeInvite { .. }))
    );
    answer(&mut harness);
    harness.get_by_label("Make a new link");
    assert!(
        harness
            .query_by_label("The invite link as a picture to scan")
            .is_none()
    );
}

#[test]
fn an_invite_is_made_for_seven_days_and_any_number() {
    let mut harness = open(rich());
    let world = harness.state_mut();
    let effects = world
        .state
        .apply(Action::Open(Overlay::Invite(COMMUNITY)), &world.model);
    world.effects.extend(effects);
    let commands = harness.state().commands();
    let Some(Command::Invite {
        uses, expires_ms, ..
    }) = commands.last()
    else {
        panic!("{commands:?}");
    };
    assert_eq!((*uses, *expires_ms), (None, Some(7 * 24 * 3_600_000)));
}

#[test]
fn a_pasted_link_shows_its_card_and_joins() {
    let mut harness = open(rich());
    act(&mut harness, Action::Open(Overlay::AddCommunity));
    type_in(&mut harness, "Invite link", &link());
    answer(&mut harness);
    harness.get_by_label("You will connect to 3 peers; they see your address");
    harness.get_by_label("Join Rust Berlin").click();
    harness.run();
    let commands = harness.state().commands();
    assert_eq!(commands.last(), Some(&Command::Join { link: link() }));
}

#[test]
fn a_broken_link_says_so_and_stays() {
    let mut harness = open(rich());
    act(&mut harness, Action::Open(Overlay::AddCommunity));
    type_in(&mut harness, "Invite link", "https://example.org/x");
    harness.get_by_label_contains("is not an invite");
    harness.key_press(Key::Escape);
    harness.run();
    assert_eq!(harness.state().state.forms.link, "https://example.org/x");
    assert!(harness.state().commands().is_empty());
}

#[test]
fn a_name_of_101_bytes_is_refused_before_it_is_sent_and_stays() {
    let mut harness = open(rich());
    harness.state_mut().state.forms.add_tab = AddTab::Create;
    act(&mut harness, Action::Open(Overlay::AddCommunity));
    let name = "n".repeat(101);
    type_in(&mut harness, "Name of the community", &name);
    harness.get_by_label_contains("101 bytes");
    harness.key_press(Key::Enter);
    harness.run();
    assert!(harness.state().commands().is_empty());
    assert_eq!(harness.state().state.forms.community, name);
}

#[test]
fn a_community_is_created_from_the_first_template_by_name_and_enter() {
    let mut harness = open(rich());
    harness.state_mut().state.forms.add_tab = AddTab::Create;
    act(&mut harness, Action::Open(Overlay::AddCommunity));
    // The field has the focus: what is typed goes there.
    harness.event(egui::Event::Text("Tea".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    let expected = Command::CreateCommunity {
        name: "Tea".to_owned(),
        template: Some("friends".to_owned()),
    };
    assert_eq!(harness.state().commands(), [expected]);
}

#[test]
fn a_failed_join_says_what_to_do_and_can_be_tried_again() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    harness.get_by_label("Join Rust Berlin").click();
    harness.run();
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Join { .. },
        } => Some(*ask),
        _ => None,
    });
    let error = CommandError::new(ErrorCode::Timeout, "no peer answered within 30 s");
    world.state.answered(ask.unwrap(), Err(error), &world.model);
    harness.run();
    harness.get_by_label_contains("Try again when one of them is online");
    harness.get_by_label("Try again");
    assert_eq!(harness.state().state.forms.link, link());
}

#[test]
fn a_member_already_opens_the_community_instead() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    let mut card = invite(true);
    card.community = COMMUNITY;
    harness.state_mut().state.forms.card = Some((link(), Ok(card)));
    harness.run();
    assert!(harness.query_by_label("Join Rust Berlin").is_none());
    harness.get_by_label("Open it").click();
    harness.run();
    assert!(harness.state().state.overlays.is_empty());
    assert_eq!(
        harness.state().state.places.now().community,
        Some(COMMUNITY)
    );
}

#[test]
fn an_answer_about_a_link_typed_over_is_left_out() {
    let mut harness = open(rich());
    let world = harness.state_mut();
    world.state.forms.link = link();
    let asked = world
        .state
        .apply(Action::Open(Overlay::AddCommunity), &world.model);
    let asked = asked.into_iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::InspectInvite { .. },
        } => Some(ask),
        _ => None,
    });
    world.state.forms.link = "alloquy://join/other".to_owned();
    world.state.refresh(&world.model);
    let reply = Reply::InviteCard {
        card: invite(false),
    };
    world
        .state
        .answered(asked.unwrap(), Ok(reply), &world.model);
    assert_eq!(world.state.forms.card, None);
}

#[test]
fn an_invite_that_is_changed_before_anybody_saw_it_is_taken_back() {
    let mut harness = opened(rich(), Overlay::Invite(COMMUNITY));
    harness.get_by_label("Good for: 1 hour").click();
    harness.run();
    let commands = harness.state().commands();
    assert!(
        matches!(
            commands.as_slice(),
            [
                Command::RevokeInvite { .. },
                Command::Invite {
                    expires_ms: Some(3_600_000),
                    ..
                }
            ]
        ),
        "{commands:?}"
    );
}

#[test]
fn a_join_that_the_node_did_not_live_to_answer_can_be_tried_again() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    harness.get_by_label("Join Rust Berlin").click();
    harness.run();
    let world = harness.state_mut();
    assert!(world.state.forms.joining);
    world.model.phase = Phase::Failed(Failure {
        what: "The node has ended.".to_owned(),
        remedy: "Start it again.".to_owned(),
        may_restart: true,
    });
    world.state.refresh(&world.model);
    harness.run();
    harness.get_by_label_contains("stopped before this was done");
    harness.get_by_label("Start again");
    assert_eq!(harness.state().state.forms.link, link());
}

#[test]
fn a_join_that_ends_late_takes_nobody_from_where_they_write() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    harness.get_by_label("Join Rust Berlin").click();
    harness.run();
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Join { .. },
        } => Some(*ask),
        _ => None,
    });
    world.state.apply(Action::Dismiss, &world.model);
    let place = world.state.places.now();
    let community = CommunityId([77; 32]);
    change(&mut world.model, |snapshot| {
        let like = snapshot.communities.values().next().cloned();
        snapshot.communities.insert(community, like.unwrap());
    });
    let joined = Ok(Reply::Community { community });
    world.state.answered(ask.unwrap(), joined, &world.model);
    harness.run();
    assert_eq!(harness.state().state.places.now(), place);
    harness.get_by_label_contains("The new community is in the list");
}

#[test]
fn who_must_be_let_in_first_is_told_and_waits_for_nothing_here() {
    let mut harness = opened(rich(), Overlay::JoinCard);
    harness.get_by_label("Join Rust Berlin").click();
    harness.run();
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Join { .. },
        } => Some(*ask),
        _ => None,
    });
    let requested = CommunityId([77; 32]);
    let asked = Ok(Reply::Requested { requested });
    world.state.answered(ask.unwrap(), asked, &world.model);
    harness.run();
    assert!(harness.state().state.overlays.is_empty());
    assert!(!harness.state().state.forms.joining);
    harness.get_by_label_contains("You asked to be let in");
}

#[test]
fn what_is_nearby_is_seen_from_the_first_run_on_and_asked() {
    let mut model = lonely();
    change(&mut model, |snapshot| snapshot.nearby = Arc::new(nearby()));
    let mut harness = open(model);
    harness.state_mut().state.forms.first_step = FirstStep::Choices;
    harness.run();
    harness.get_by_label("2 communities are nearby").click();
    harness.run();
    harness.get_by_label("Ask to join Board games").click();
    harness.run();
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::NearbyJoin { community },
        } => Some((*ask, community.clone())),
        _ => None,
    });
    let (ask, community) = ask.unwrap();
    let requested = nearby()[0].community;
    assert_eq!(community, CommunityRef(requested.to_string()));
    change(&mut world.model, |snapshot| {
        snapshot.requested = Arc::new([(requested, "Board games".to_owned())].into());
    });
    let asked = Ok(Reply::Requested { requested });
    world.state.answered(ask, asked, &world.model);
    harness.run();
    harness.get_by_label_contains("You asked to be let in");
    act(&mut harness, Action::Open(Overlay::AddCommunity));
    harness.get_by_label_contains("Board games: you asked to be let in");
    harness.get_by_label("Ask to join Choir");
}

#[test]
fn why_a_neighbour_was_not_asked_is_said_there() {
    let mut model = rich();
    change(&mut model, |snapshot| snapshot.nearby = Arc::new(nearby()));
    let mut harness = opened(model, Overlay::AddCommunity);
    harness.state_mut().state.forms.link.clear();
    harness.run();
    harness.get_by_label("Ask to join Choir").click();
    harness.run();
    let world = harness.state_mut();
    let ask = world.effects.iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::NearbyJoin { .. },
        } => Some(*ask),
        _ => None,
    });
    let gone = CommandError::new(ErrorCode::UnknownName, "nobody announces it");
    world.state.answered(ask.unwrap(), Err(gone), &world.model);
    harness.run();
    harness.get_by_label_contains("nobody announces it");
    assert!(!harness.state().state.forms.joining);
}
