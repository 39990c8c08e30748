//! The sheets about a community: what is clicked, and which command goes out.

pub(crate) mod joining;
pub(crate) mod log;
pub(crate) mod places;
pub(crate) mod screens;

use std::sync::Arc;

use alloquy_api::command::{AccountRef, OverwriteRef, RoleRef};
use alloquy_api::reply::{OverwriteTarget, OverwriteView};
use alloquy_api::{Command, CommandError, ErrorCode, Reply};
use alloquy_ids::{EventId, InviteId, RoleId};
use alloquy_ui::state::{Branch, CommunityPage, Overlay, OwnerChange};
use alloquy_ui::{Action, Effect, Model};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{COMMUNITY, GENERAL, ME, World, account, change_community, open};
use crate::sheets::{opened, type_in};
use crate::sheets_fixture::{BEN, MODERATOR, rich};

/// Every sheet about a community.
pub(crate) fn sheets() -> Vec<Overlay> {
    let pages = [
        CommunityPage::Overview,
        CommunityPage::Roles,
        CommunityPage::Channels,
        CommunityPage::Invites,
        CommunityPage::Tree,
        CommunityPage::Rules,
        CommunityPage::Moderation,
        CommunityPage::Audit,
    ];
    let mut all: Vec<Overlay> = pages
        .map(|page| Overlay::Community(COMMUNITY, page))
        .to_vec();
    all.extend([
        Overlay::Role(COMMUNITY, None),
        Overlay::Role(COMMUNITY, Some(MODERATOR)),
        Overlay::Role(COMMUNITY, Some(RoleId::ZERO)),
        Overlay::ConfirmRoleDeletion(COMMUNITY, MODERATOR),
        Overlay::Channel(COMMUNITY, GENERAL),
        places::DELETION,
        OF_MODERATORS,
        Overlay::Overwrite(COMMUNITY, GENERAL, OverwriteTarget::Member(BEN)),
        Overlay::ConfirmOwner(COMMUNITY, BEN, OwnerChange::Add),
        Overlay::ConfirmOwner(COMMUNITY, ME, OwnerChange::Remove),
        joining::BELOW_BEN,
        Overlay::Branch(COMMUNITY, Branch::Invite(InviteId([1; 32]))),
    ]);
    all
}

/// The community as a member sees it who is no owner, of this rank and with these rights.
fn ranked(rank: u32, rights: &[&str]) -> Model {
    let mut model = rich();
    change_community(&mut model, |community| {
        community.rights = rights.iter().map(|right| (*right).to_owned()).collect();
        let members = Arc::make_mut(&mut community.members);
        members[0].owner = false;
        members[0].rank = rank;
    });
    model
}

/// Goes to a control, which scrolls it into view, and clicks it.
fn press(harness: &mut Harness<'static, World>, name: &str) {
    harness.get_by_label(name).focus();
    harness.run();
    harness.get_by_label(name).click_accesskit();
    harness.run();
}

fn is_disabled(harness: &Harness<'static, World>, name: &str) -> bool {
    harness.get_by_label(name).accesskit_node().is_disabled()
}

/// A sheet whose questions nobody has answered yet.
fn asked(model: Model, overlay: Overlay) -> Harness<'static, World> {
    let mut harness = open(model);
    let world = harness.state_mut();
    let effects = world.state.apply(Action::Open(overlay), &world.model);
    world.effects.extend(effects);
    harness.run();
    harness
}

/// Replaces what stands in a field.
fn retype(harness: &mut Harness<'static, World>, name: &str, text: &str) {
    harness.get_by_label(name).focus();
    harness.run();
    harness.key_press_modifiers(egui::Modifiers::COMMAND, egui::Key::A);
    harness.run();
    type_in(harness, name, text);
}

/// The last command that went out. A node in another process gets it as a line, which has to say the same.
fn last(harness: &Harness<'static, World>) -> Command {
    let command = harness.state().commands().last().unwrap().clone();
    let line = command.to_string();
    let read: Result<Command, _> = line.parse();
    assert_eq!(read.as_ref(), Ok(&command), "{line}");
    command
}

/// Gives the last command this outcome.
fn outcome(harness: &mut Harness<'static, World>, outcome: Result<Reply, CommandError>) {
    let world = harness.state_mut();
    let asked = world.effects.iter().rev().find_map(|effect| match effect {
        Effect::Submit { ask, .. } => Some(*ask),
        _ => None,
    });
    let effects = world.state.answered(asked.unwrap(), outcome, &world.model);
    world.effects.extend(effects);
    harness.run();
}

fn done() -> Result<Reply, CommandError> {
    Ok(Reply::Operation {
        operation: EventId([9; 32]),
    })
}

fn refused(why: &str) -> Result<Reply, CommandError> {
    Err(CommandError::new(ErrorCode::NotPermitted, why))
}

#[test]
fn a_role_is_made_with_name_rank_and_rights() {
    let mut harness = opened(rich(), Overlay::Community(COMMUNITY, CommunityPage::Roles));
    press(&mut harness, "Make a role");
    type_in(&mut harness, "Name of the role", " Gardener ");
    retype(&mut harness, "Rank: greater is stronger", "12");
    press(&mut harness, "Time members out");
    press(&mut harness, "Make the role");
    let Command::RoleCreate {
        community,
        name,
        rank,
        allow,
    } = last(&harness)
    else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(community.0, COMMUNITY.to_string());
    assert_eq!((name.as_str(), rank), ("Gardener", 12));
    assert_eq!(allow, ["mute"]);
    outcome(&mut harness, Ok(Reply::Role { role: MODERATOR }));
    let open = &harness.state().state.overlays;
    assert_eq!(
        *open,
        [Overlay::Community(COMMUNITY, CommunityPage::Roles)],
        "the role's sheet closes"
    );
    harness.get_by_label("The role Gardener was made.");
}

#[test]
fn only_what_was_changed_of_a_role_is_sent() {
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(MODERATOR)));
    assert!(is_disabled(&harness, "Save"), "nothing was changed");
    press(&mut harness, "Kick members");
    press(&mut harness, "Ban members");
    press(&mut harness, "Save");
    let Command::RoleEdit {
        role,
        name,
        rank,
        allow,
        ..
    } = last(&harness)
    else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(role.0, MODERATOR.to_string());
    assert_eq!((name, rank), (None, None));
    assert_eq!(allow, Some(vec!["ban".to_owned()]));
    outcome(&mut harness, refused("the role was deleted"));
    harness.get_by_label("the role was deleted");
    let draft = harness.state().state.governance.role.as_ref();
    assert!(
        draft.unwrap().allow.contains("ban"),
        "what was chosen stays"
    );
}

#[test]
fn a_name_that_is_empty_or_too_long_is_not_sent() {
    let name = "Name of the role";
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(MODERATOR)));
    retype(&mut harness, name, " ");
    harness.get_by_label("Give it a name first.");
    assert!(is_disabled(&harness, "Save"));
    retype(&mut harness, name, &"é".repeat(65));
    harness.get_by_label_contains("130 bytes");
    assert!(is_disabled(&harness, "Save"));
    retype(&mut harness, name, &"e".repeat(100));
    press(&mut harness, "Save");
    assert!(matches!(
        last(&harness),
        Command::RoleEdit { name: Some(_), .. }
    ));
}

#[test]
fn a_rank_above_ones_own_is_not_sent() {
    let model = ranked(6, &["manage-roles", "kick"]);
    let mut harness = opened(model, Overlay::Role(COMMUNITY, Some(MODERATOR)));
    for wrong in ["6", "0", "-1", "5000000000", "high", ""] {
        retype(&mut harness, "Rank: greater is stronger", "x");
        retype(&mut harness, "Rank: greater is stronger", wrong);
        harness.get_by_label_contains("a number from 1 to 5");
        assert!(is_disabled(&harness, "Save"), "{wrong:?}");
    }
    retype(&mut harness, "Rank: greater is stronger", "4");
    press(&mut harness, "Save");
    assert!(matches!(
        last(&harness),
        Command::RoleEdit {
            rank: Some(4),
            name: None,
            allow: None,
            ..
        }
    ));
}

#[test]
fn rights_that_one_does_not_hold_can_be_taken_and_not_given() {
    let model = ranked(6, &["manage-roles"]);
    let mut harness = opened(model, Overlay::Role(COMMUNITY, Some(MODERATOR)));
    assert!(is_disabled(&harness, "Ban members"));
    harness.get_by_label_contains("Time members out");
    press(&mut harness, "Kick members");
    let put_back = !is_disabled(&harness, "Kick members");
    assert!(put_back, "what it had before is not given anew");
    press(&mut harness, "Save");
    let Command::RoleEdit { allow, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(allow, Some(Vec::new()));
}

#[test]
fn a_role_as_high_as_ones_own_can_only_be_looked_at() {
    for model in [ranked(5, &["manage-roles", "kick"]), ranked(9, &["kick"])] {
        let harness = opened(model, Overlay::Role(COMMUNITY, Some(MODERATOR)));
        assert!(is_disabled(&harness, "Kick members"));
        assert!(is_disabled(&harness, "Delete the role…"));
        assert!(harness.query_by_label("Save").is_none());
        assert!(harness.query_by_label("Name of the role").is_none());
        assert!(harness.query_by_label("Give it to Ada").is_none());
    }
    let model = ranked(0, &["manage-roles"]);
    let harness = opened(model, Overlay::Community(COMMUNITY, CommunityPage::Roles));
    assert!(is_disabled(&harness, "Make a role"));
    harness.get_by_label("You stand too low to make roles.");
}

#[test]
fn a_role_is_given_and_taken() {
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(MODERATOR)));
    press(&mut harness, "Take it from tomasz");
    let Command::RoleRevoke { role, account, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(
        (role.0, account.0),
        (MODERATOR.to_string(), BEN.to_string())
    );
    outcome(&mut harness, refused("tomasz was made an owner"));
    harness.get_by_label("tomasz was made an owner");
    type_in(&mut harness, "Find a member", "ada");
    assert!(harness.query_by_label("Give it to Yuki").is_none());
    press(&mut harness, "Give it to Ada");
    assert!(matches!(last(&harness), Command::RoleGrant { .. }));
    assert!(harness.query_by_label("tomasz was made an owner").is_none());
    outcome(&mut harness, done());
    harness.get_by_label("Ada has the role Moderator now.");
    let open = &harness.state().state.overlays;
    assert_eq!(*open, [Overlay::Role(COMMUNITY, Some(MODERATOR))]);
}

#[test]
fn a_role_is_deleted_after_a_question() {
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(MODERATOR)));
    press(&mut harness, "Delete the role…");
    harness.get_by_label("One member loses what it gives.");
    assert!(harness.state().commands().is_empty());
    press(&mut harness, "Delete the role");
    assert!(matches!(last(&harness), Command::RoleDelete { .. }));
    outcome(&mut harness, done());
    assert!(harness.state().state.overlays.is_empty());
}

#[test]
fn everyone_has_rights_and_neither_name_nor_rank() {
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(RoleId::ZERO)));
    assert!(harness.query_by_label("Name of the role").is_none());
    assert!(harness.query_by_label("Delete the role…").is_none());
    press(&mut harness, "Attach files");
    press(&mut harness, "Save");
    assert!(matches!(
        last(&harness),
        Command::RoleEdit {
            name: None,
            rank: None,
            allow: Some(_),
            ..
        }
    ));
}

#[test]
fn a_role_that_is_deleted_meanwhile_says_so() {
    let mut harness = opened(rich(), Overlay::Role(COMMUNITY, Some(MODERATOR)));
    change_community(&mut harness.state_mut().model, |community| {
        Arc::make_mut(&mut community.roles).retain(|role| role.role != MODERATOR);
    });
    harness.run();
    harness.get_by_label("This role is not there any more.");
}

// ---- channels

/// The channel as it allows and denies something already.
fn decided(rights: &[&str]) -> Model {
    let mut model = ranked(6, rights);
    change_community(&mut model, |community| {
        let channels = Arc::make_mut(&mut community.channels);
        channels[0].rights = rights.iter().map(|right| (*right).to_owned()).collect();
        channels[0].overwrites = vec![OverwriteView {
            target: OverwriteTarget::Role(MODERATOR),
            allow: vec!["attach".to_owned()],
            deny: vec!["send".to_owned(), "react".to_owned(), "bridge".to_owned()],
        }];
    });
    model
}

/// What the channel decides for the role.
pub(crate) const OF_MODERATORS: Overlay =
    Overlay::Overwrite(COMMUNITY, GENERAL, OverwriteTarget::Role(MODERATOR));

#[test]
fn permissions_of_a_role_in_a_channel_are_given_left_and_taken() {
    let model = decided(&["manage-roles", "send", "react", "stream"]);
    let mut harness = opened(
        model,
        Overlay::Community(COMMUNITY, CommunityPage::Channels),
    );
    press(
        &mut harness,
        "general, 1 role or member decided differently",
    );
    press(&mut harness, "Moderator, 1 allowed, 3 denied");
    assert!(is_disabled(&harness, "Save"), "nothing was changed");
    press(&mut harness, "Send messages: Allow");
    press(&mut harness, "Share video: Deny");
    press(&mut harness, "Add reactions: As the roles say");
    press(&mut harness, "Save");
    let Command::Overwrite {
        channel,
        target,
        allow,
        deny,
    } = last(&harness)
    else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(channel.0, GENERAL.to_string());
    assert_eq!(target, OverwriteRef::Role(RoleRef(MODERATOR.to_string())));
    assert_eq!(allow, ["attach", "send"]);
    assert_eq!(deny, ["bridge", "stream"], "what is not shown stays");
    outcome(&mut harness, refused("the channel was deleted"));
    harness.get_by_label("the channel was deleted");
    outcome_of_save(&mut harness);
    assert!(!harness.state().state.overlays.contains(&OF_MODERATORS));
}

/// Saves once more, and it is done.
fn outcome_of_save(harness: &mut Harness<'static, World>) {
    press(harness, "Save");
    outcome(harness, done());
}

#[test]
fn what_one_does_not_hold_in_a_channel_is_neither_allowed_nor_denied_no_longer() {
    let harness = opened(decided(&["manage-roles"]), OF_MODERATORS);
    for (choice, may) in [
        ("Send messages: As the roles say", false),
        ("Send messages: Allow", false),
        ("Attach files: As the roles say", true),
        ("Attach files: Deny", true),
        ("Share video: Deny", true),
        ("Share video: Allow", false),
    ] {
        assert_eq!(is_disabled(&harness, choice), !may, "{choice}");
    }
    let mut why = harness.query_all_by_label_contains("You do not have this yourself");
    assert!(why.next().is_some());
}

#[test]
fn permissions_of_those_as_high_as_oneself_and_without_the_right_are_only_shown() {
    let mut model = decided(&["manage-roles", "send"]);
    change_community(&mut model, |community| {
        Arc::make_mut(&mut community.members)[0].rank = 5;
    });
    for model in [model, decided(&["send"])] {
        let harness = opened(model, OF_MODERATORS);
        assert!(is_disabled(&harness, "Send messages: Allow"));
        assert!(harness.query_by_label("Save").is_none());
    }
}

#[test]
fn a_member_is_found_and_gets_permissions() {
    let model = decided(&["manage-roles", "send"]);
    let mut harness = opened(model, Overlay::Channel(COMMUNITY, GENERAL));
    type_in(&mut harness, "Find a member", "TOM");
    assert!(harness.query_by_label("Permissions of Ada").is_none());
    press(&mut harness, "Permissions of tomasz");
    press(&mut harness, "Send messages: Deny");
    press(&mut harness, "Save");
    let Command::Overwrite { target, deny, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(target, OverwriteRef::Member(AccountRef(BEN.to_string())));
    assert_eq!(deny, ["send"]);
}

#[test]
fn slow_mode_name_and_topic_of_a_channel_are_set() {
    let model = decided(&["manage-channels", "manage-content"]);
    let mut harness = opened(model, Overlay::Channel(COMMUNITY, GENERAL));
    press(&mut harness, "Slow mode: 30 seconds");
    assert!(matches!(
        last(&harness),
        Command::SlowMode {
            interval_ms: 30_000,
            ..
        }
    ));
    retype(&mut harness, "Name of the channel", " ");
    assert!(is_disabled(&harness, "Save"));
    retype(&mut harness, "Name of the channel", &"x".repeat(101));
    harness.get_by_label_contains("101 bytes");
    assert!(is_disabled(&harness, "Save"));
    retype(&mut harness, "Name of the channel", "plenum");
    press(&mut harness, "Save");
    assert_eq!(
        last(&harness),
        Command::Rename {
            target: GENERAL.to_string(),
            name: "plenum".to_owned()
        }
    );
    outcome(&mut harness, done());
    assert!(is_disabled(&harness, "Save"), "it is saved");
}

// ---- the community itself

#[test]
fn name_topic_and_keys_of_the_community_are_changed() {
    let model = ranked(6, &["manage-content", "manage-community"]);
    let page = Overlay::Community(COMMUNITY, CommunityPage::Overview);
    let mut harness = opened(model, page.clone());
    retype(&mut harness, "Topic", &"t".repeat(1_025));
    harness.get_by_label_contains("1025 bytes, and 1024 is the most");
    assert!(is_disabled(&harness, "Save"));
    retype(&mut harness, "Topic", "made together");
    press(&mut harness, "Save");
    assert_eq!(
        last(&harness),
        Command::Topic {
            target: COMMUNITY.to_string(),
            text: "made together".to_owned()
        }
    );
    press(&mut harness, "Change the keys now");
    assert!(matches!(last(&harness), Command::Rekey { .. }));
    let harness = opened(ranked(6, &["kick"]), page);
    assert!(harness.query_by_label("Save").is_none());
    assert!(harness.query_by_label("Change the keys now").is_none());
}

// ---- moderation

#[test]
fn bans_and_time_outs_are_shown_and_lifted() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Moderation);
    let mut harness = opened(rich(), page.clone());
    harness.get_by_label("Mallory, Banned by tomasz, 2 hours ago");
    harness.get_by_label("Ada, Timed out by tomasz, 2 hours ago, for another 10 minutes");
    assert!(harness.query_by_label_contains("Okonkwo, Timed").is_none());
    press(&mut harness, "Lift the ban of Mallory");
    let Command::Unban { account: whom, .. } = last(&harness) else {
        panic!("{:?}", last(&harness));
    };
    assert_eq!(whom.0, account(40).to_string());
    outcome(&mut harness, refused("Mallory stands higher"));
    harness.get_by_label("Mallory stands higher");
    press(&mut harness, "Let Ada write again");
    assert!(matches!(
        last(&harness),
        Command::Timeout { duration_ms: 1, .. }
    ));
    let mut model = rich();
    change_community(&mut model, |community| {
        community.rights.clear();
        Arc::make_mut(&mut community.members)[0].owner = false;
    });
    let harness = opened(model, page);
    assert!(harness.query_by_label("Lift the ban of Mallory").is_none());
    assert!(harness.query_by_label("Let Ada write again").is_none());
}

#[test]
fn owners_are_voted_for_and_the_votes_are_told() {
    let page = Overlay::Community(COMMUNITY, CommunityPage::Moderation);
    let mut harness = opened(rich(), page.clone());
    let alone = harness.query_by_label("Remove Mira as an owner…");
    assert!(alone.is_none(), "a community keeps an owner");
    type_in(&mut harness, "Find a member", "ada");
    press(&mut harness, "Make Ada an owner…");
    press(&mut harness, "Vote for it");
    assert!(matches!(last(&harness), Command::OwnerAdd { .. }));
    outcome(
        &mut harness,
        Ok(Reply::Vote {
            enacted: false,
            votes: 2,
            needed: 3,
        }),
    );
    harness.get_by_label("Your vote is given: 2 of 3 that it takes.");
    assert_eq!(harness.state().state.overlays, [page]);
}
