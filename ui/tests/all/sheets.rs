//! Sheets, dialogs and the switcher: opened, used and closed by the keyboard.

use std::sync::Arc;

use alloquy_api::{Command, Reply};
use alloquy_ids::InviteId;
use alloquy_ui::state::{Overlay, Removal, SettingsPage};
use alloquy_ui::{Action, Effect, Model};
use egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{COMMUNITY, ME, World, change, change_community, open, open_sized};
use crate::sheets_fixture::{BEN, invite, link, recovery_words, rich};

/// Every sheet, except those of other files.
pub(crate) fn all() -> Vec<Overlay> {
    let mut all = vec![
        Overlay::Switcher,
        Overlay::Shortcuts,
        Overlay::Connections,
        Overlay::Invite(COMMUNITY),
        Overlay::AddCommunity,
        Overlay::AddChannel(COMMUNITY),
        Overlay::JoinCard,
        Overlay::Profile(COMMUNITY, BEN),
        Overlay::Profile(COMMUNITY, ME),
        Overlay::Recovery,
        Overlay::Members,
        Overlay::ConfirmLeave(COMMUNITY),
        Overlay::Availability,
        Overlay::ConfirmRemoval(COMMUNITY, BEN, Removal::Ban),
    ];
    let pages = [
        SettingsPage::Profile,
        SettingsPage::Appearance,
        SettingsPage::Notifications,
        SettingsPage::Keyboard,
        SettingsPage::Storage,
        SettingsPage::Network,
        SettingsPage::Voice,
        SettingsPage::Irc,
        SettingsPage::About,
    ];
    all.extend(pages.map(Overlay::Settings));
    all.extend(crate::governance::sheets());
    all
}

/// Answers what was asked, as a node would.
pub(crate) fn answer(harness: &mut Harness<'static, World>) {
    loop {
        let world = harness.state_mut();
        let asked = world.effects.iter().find_map(|effect| match effect {
            Effect::Submit { ask, command } => reply(command).map(|reply| (*ask, reply)),
            _ => None,
        });
        let Some((ask, reply)) = asked else {
            break;
        };
        world
            .effects
            .retain(|effect| !matches!(effect, Effect::Submit { ask: of, .. } if *of == ask));
        let effects = world.state.answered(ask, Ok(reply), &world.model);
        world.effects.extend(effects);
    }
    harness.run();
}

fn reply(command: &Command) -> Option<Reply> {
    match command {
        Command::Invite { .. } => Some(Reply::Invite {
            invite: link(),
            id: InviteId([4; 32]),
        }),
        Command::InspectInvite { .. } => Some(Reply::InviteCard {
            card: invite(false),
        }),
        Command::RecoveryShow => Some(Reply::Recovery {
            recovery_words: recovery_words(),
        }),
        Command::RevokeInvite { .. } => Some(Reply::Ok { ok: true }),
        Command::Invites { .. } => Some(Reply::Invites {
            invites: crate::governance::log::invites(),
        }),
        Command::Audit { .. } => Some(Reply::Audit {
            operations: crate::governance::log::log(),
        }),
        Command::InviteTree { .. } => Some(Reply::InviteTree {
            tree: crate::governance::joining::tree(),
        }),
        Command::Personal { order } => crate::personal::reply(order),
        _ => None,
    }
}

pub(crate) fn act(harness: &mut Harness<'static, World>, action: Action) {
    let world = harness.state_mut();
    let effects = world.state.apply(action, &world.model);
    world.effects.extend(effects);
    harness.run();
    answer(harness);
}

/// Puts the focus on a field and types.
pub(crate) fn type_in(harness: &mut Harness<'static, World>, name: &str, text: &str) {
    harness.get_by_label(name).focus();
    harness.run();
    harness.event(egui::Event::Text(text.to_owned()));
    harness.run();
}

pub(crate) fn opened(model: Model, overlay: Overlay) -> Harness<'static, World> {
    let mut harness = open(model);
    harness.state_mut().state.forms.link = link();
    act(&mut harness, Action::Open(overlay));
    harness
}

/// Whether what has the focus lies in the dialog.
fn focus_in_dialog(harness: &Harness<'static, World>) -> bool {
    let focused = harness
        .root()
        .children_recursive()
        .find(|node| node.is_focused());
    let Some(focused) = focused else {
        return false;
    };
    let mut node = Some(focused.accesskit_node());
    while let Some(now) = node {
        if now.role() == egui::accesskit::Role::Dialog {
            return true;
        }
        node = now.parent();
    }
    false
}

/// Whether what has the focus has a name to be read out.
fn focus_has_name(harness: &Harness<'static, World>) -> bool {
    let mut nodes = harness.root().children_recursive();
    let focused = nodes.find(|node| node.is_focused());
    let label = focused.and_then(|node| node.accesskit_node().label());
    label.is_some_and(|label| !label.trim().is_empty())
}

#[test]
fn every_sheet_takes_the_focus_keeps_it_and_closes_at_escape() {
    for overlay in all() {
        let mut harness = opened(rich(), overlay.clone());
        assert!(focus_in_dialog(&harness), "{overlay:?} has the focus");
        for _ in 0..30 {
            harness.key_press(Key::Tab);
            harness.run();
            assert!(
                focus_in_dialog(&harness),
                "{overlay:?} keeps the focus at Tab"
            );
            assert!(
                focus_has_name(&harness),
                "{overlay:?}: a stop without a name"
            );
        }
        harness.key_press(Key::Escape);
        harness.run();
        assert!(
            harness.state().state.overlays.is_empty(),
            "{overlay:?} closes"
        );
    }
}

#[test]
fn escape_closes_only_what_is_on_top_and_the_focus_goes_back() {
    let mut harness = opened(rich(), Overlay::Profile(COMMUNITY, BEN));
    act(
        &mut harness,
        Action::Open(Overlay::ConfirmRemoval(COMMUNITY, BEN, Removal::Kick)),
    );
    harness.key_press(Key::Escape);
    harness.run();
    let open = &harness.state().state.overlays;
    assert_eq!(*open, [Overlay::Profile(COMMUNITY, BEN)]);
    assert!(focus_in_dialog(&harness));
}

#[test]
fn nothing_moves_by_itself_on_any_sheet() {
    for overlay in all() {
        let mut harness = opened(rich(), overlay.clone());
        harness.run_steps(5);
        let output = harness.output().viewport_output.values().next().unwrap();
        assert!(
            output.repaint_delay > std::time::Duration::from_secs(3_600),
            "{overlay:?} asks for a frame after {:?}",
            output.repaint_delay
        );
    }
}

#[test]
fn everything_is_reached_in_the_smallest_window_at_double_size() {
    for overlay in all() {
        // 720x480 at 200 %.
        let mut harness = open_sized(rich(), 360.0, 240.0);
        harness.state_mut().state.forms.link = link();
        act(&mut harness, Action::Open(overlay.clone()));
        for step in 0..24 {
            harness.key_press(Key::Tab);
            harness.run();
            let seen = crate::judge::focus_is_seen(&harness);
            assert_eq!(seen, Ok(()), "{overlay:?}, step {step}");
        }
    }
}

#[test]
fn recovery_words_are_asked_back_and_gone_when_the_sheet_closes() {
    let mut harness = opened(rich(), Overlay::Recovery);
    harness.get_by_label("3: able");
    assert!(harness.query_by_label("Copy").is_none());
    harness.get_by_label("I have written them down").click();
    harness.run();
    assert!(harness.query_by_label("3: able").is_none());
    let asked = harness.state().state.forms.recovery_asked.clone().unwrap();
    for (place, _) in &asked {
        let word = &recovery_words()[usize::from(*place) - 1];
        harness.get_by_label(&format!("Word {place}")).focus();
        harness.run();
        harness.event(egui::Event::Text(word.clone()));
        harness.run();
    }
    harness.get_by_label("Confirm").click();
    harness.run();
    let sent = harness.state().commands();
    let Some(Command::RecoveryConfirm { words }) = sent.last() else {
        panic!("{sent:?}");
    };
    for (place, word) in words {
        assert_eq!(*word, recovery_words()[usize::from(*place) - 1]);
    }
    harness.key_press(Key::Escape);
    harness.run();
    let forms = &harness.state().state.forms;
    assert!(forms.recovery.is_empty() && forms.recovery_asked.is_none());
    assert!(!format!("{forms:?}").contains("accident"));
}

#[test]
fn words_that_come_after_the_sheet_closed_are_not_kept() {
    let mut harness = open(rich());
    let world = harness.state_mut();
    let asked = world
        .state
        .apply(Action::Open(Overlay::Recovery), &world.model);
    let asked = asked.into_iter().find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::RecoveryShow,
        } => Some(ask),
        _ => None,
    });
    world.state.apply(Action::Dismiss, &world.model);
    let reply = Reply::Recovery {
        recovery_words: recovery_words(),
    };
    world
        .state
        .answered(asked.unwrap(), Ok(reply), &world.model);
    assert!(world.state.forms.recovery.is_empty());
}

#[test]
fn a_ban_is_confirmed_with_a_reason() {
    let mut harness = opened(rich(), Overlay::Profile(COMMUNITY, BEN));
    harness.get_by_label("Ban…").click();
    harness.run();
    type_in(
        &mut harness,
        "Reason, for those who look after the community",
        "spam",
    );
    harness.get_by_label("Ban").click();
    harness.run();
    let commands = harness.state().commands();
    let Some(Command::Ban {
        account, reason, ..
    }) = commands.last()
    else {
        panic!("{commands:?}");
    };
    assert_eq!(account.0, BEN.to_string());
    assert_eq!(reason.as_deref(), Some("spam"));
}

#[test]
fn who_is_renamed_all_the_time_can_be_banned_nevertheless() {
    let mut harness = opened(rich(), Overlay::Profile(COMMUNITY, BEN));
    harness.get_by_label("Ban…").click();
    harness.run();
    harness
        .get_by_label("Reason, for those who look after the community")
        .focus();
    harness.run();
    for letter in ["s", "p", "a", "m"] {
        change_community(&mut harness.state_mut().model, |community| {
            let members = Arc::make_mut(&mut community.members);
            for member in members.iter_mut().filter(|of| of.account == BEN) {
                member.name.push_str(letter);
            }
        });
        harness.run();
        harness.event(egui::Event::Text(letter.to_owned()));
        harness.run();
    }
    assert_eq!(harness.state().state.forms.reason, "spam");
}

#[test]
fn who_may_do_nothing_sees_no_menu_and_an_owner_is_out_of_reach() {
    let mut model = rich();
    change_community(&mut model, |community| community.rights.clear());
    change_community(&mut model, |community| {
        Arc::make_mut(&mut community.members)[0].owner = false;
    });
    let harness = opened(model.clone(), Overlay::Profile(COMMUNITY, BEN));
    assert!(harness.query_by_label("Ban…").is_none());
    change_community(&mut model, |community| {
        community.rights = vec!["ban".to_owned()];
        Arc::make_mut(&mut community.members)[1].owner = true;
    });
    let harness = opened(model, Overlay::Profile(COMMUNITY, BEN));
    let ban = harness.get_by_label("Ban…");
    assert!(ban.accesskit_node().is_disabled());
}

#[test]
fn diagnostics_are_copied_without_names_and_addresses() {
    let mut harness = opened(rich(), Overlay::Connections);
    harness.get_by_label("Copy diagnostics").scroll_to_me();
    harness.run();
    harness.get_by_label("Copy diagnostics").click();
    harness.run();
    let copied = harness
        .state()
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Copy(text) => Some(text.clone()),
            _ => None,
        });
    let copied = copied.unwrap();
    assert!(
        copied.contains("through a relay") && copied.contains("84 ms"),
        "{copied}"
    );
    for private in ["tomasz", "192.", "4711", "message 1"] {
        assert!(!copied.contains(private), "{private} in {copied}");
    }
}

#[test]
fn an_own_profile_is_changed_and_only_what_changed_is_sent() {
    let mut harness = opened(rich(), Overlay::Settings(SettingsPage::Profile));
    type_in(&mut harness, "Status", "tea time");
    harness.get_by_label("Save").click();
    harness.run();
    let commands = harness.state().commands();
    assert_eq!(commands.len(), 1, "{commands:?}");
    assert!(format!("{commands:?}").contains("tea time"));
}

#[test]
fn names_of_peers_with_controls_do_no_harm() {
    let mut model = rich();
    change(&mut model, |snapshot| {
        let connections = Arc::make_mut(&mut snapshot.connections);
        connections.peers[0].name = Some(format!("\u{202e}evil{}", "\u{301}".repeat(5_000)));
    });
    let harness = opened(model, Overlay::Connections);
    harness.get_by_label_contains("evil");
}

#[test]
fn a_message_about_what_happened_is_closed_over_a_sheet_too() {
    let mut harness = open(rich());
    let world = harness.state_mut();
    world.state.open_link("alloquy://nonsense", &world.model);
    act(&mut harness, Action::Open(Overlay::Connections));
    harness.get_by_label_contains("is not a link that Alloquy knows");
    harness.get_by_label("Close the message").click();
    harness.run();
    assert!(harness.state().state.toasts.is_empty());
    assert_eq!(harness.state().state.overlays, [Overlay::Connections]);
}

#[test]
fn the_recovery_words_can_be_put_off_twice_and_come_back() {
    let mut harness = open(rich());
    for _ in 0..2 {
        harness.get_by_label("Later").click();
        harness.run();
        assert!(harness.query_by_label("Show the words").is_none());
        harness.state_mut().model.clock.now.0 += 3 * 24 * 3_600_000;
        harness.run();
    }
    harness.get_by_label("Show the words");
    assert!(harness.query_by_label("Later").is_none());
}

/// Every text on the screen that can be read out.
fn texts(harness: &Harness<'static, World>) -> Vec<String> {
    let nodes = harness.root().children_recursive();
    nodes
        .filter_map(|node| node.accesskit_node().label())
        .collect()
}

#[test]
fn no_sheet_speaks_of_ports_nat_or_servers() {
    for overlay in all() {
        let harness = opened(rich(), overlay.clone());
        for text in texts(&harness) {
            let lower = text.to_lowercase();
            let mut words = lower.split(|c: char| !c.is_alphanumeric());
            let found = words.find(|word| matches!(*word, "port" | "ports" | "nat" | "server"));
            assert_eq!(found, None, "{overlay:?}: {text}");
        }
    }
}

#[test]
fn the_focus_returns_to_where_one_writes() {
    let mut harness = opened(rich(), Overlay::Connections);
    harness.key_press(Key::Escape);
    harness.run();
    harness.event(egui::Event::Text("hello".to_owned()));
    harness.run();
    let slot = harness.state().state.places.now().slot().unwrap();
    assert_eq!(harness.state().state.composers[&slot].text, "hello");
}
