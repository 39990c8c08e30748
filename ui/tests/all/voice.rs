//! Voice in the window: who is where, the own call, and why somebody is not heard.

pub(crate) mod screens;
mod settings;

use alloquy_api::command::{AccountRef, ChannelRef};
use alloquy_api::personal::OnOff;
use alloquy_api::voice::{Hand, LinkStage};
use alloquy_api::{Command, VoiceCommand};
use alloquy_ui::Model;
use alloquy_ui::state::Overlay;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

use crate::fixture::{COMMUNITY, World, account, change_community, open, open_sized};
use crate::voice_fixture::{
    CLOSED, LOUNGE, STAGE, calling, change_call, device, listening, moderating, peer, rooms,
};

/// Orders about voice so far.
fn orders(harness: &Harness<'static, World>) -> Vec<VoiceCommand> {
    let commands = harness.state().commands().into_iter();
    let order = |command| match command {
        Command::Voice { order } => Some(order),
        _ => None,
    };
    commands.filter_map(order).collect()
}

fn press(harness: &mut Harness<'static, World>, name: &str) {
    harness.get_by_label(name).click();
    harness.run();
}

fn join(channel: alloquy_ids::ChannelId) -> VoiceCommand {
    VoiceCommand::Join {
        channel: ChannelRef(channel.to_string()),
    }
}

fn has(harness: &Harness<'static, World>, part: &str) -> bool {
    let mut nodes = harness.root().children_recursive();
    nodes.any(|node| {
        let node = node.accesskit_node();
        let said = [node.label(), node.value()];
        said.into_iter().flatten().any(|said| said.contains(part))
    })
}

/// Somebody in the list of channels, where others of that name stand elsewhere.
fn in_list<'a>(harness: &'a Harness<'static, World>, name: &'a str) -> Node<'a> {
    let named = harness.query_all_by_label(name);
    let left = |node: &Node<'_>| node.rect().left();
    named.min_by(|a, b| left(a).total_cmp(&left(b))).unwrap()
}

#[test]
fn whoever_is_in_a_channel_stands_below_it_with_their_marks() {
    let harness = open(rooms());
    harness.get_by_label("Ada, muted");
    harness.get_by_label("Okonkwo, silenced");
    in_list(&harness, "tomasz");
    harness.get_by_label("Priya, hand raised, listening");
    // Who speaks is known of the own call only.
    assert!(!has(&harness, "speaking"));
    let lounge = harness.get_by_label("voice channel lounge").rect();
    let ada = harness.get_by_label("Ada, muted").rect();
    assert!(lounge.bottom() <= ada.top() && ada.top() < lounge.bottom() + 40.0);
}

#[test]
fn a_click_joins_and_in_the_own_room_it_shows_who_is_there() {
    let mut harness = open(rooms());
    press(&mut harness, "voice channel lounge");
    assert_eq!(orders(&harness), [join(LOUNGE)]);
    assert!(!harness.state().state.shows_room(), "joining moves nobody");
    let mut harness = open(calling());
    press(&mut harness, "voice channel lounge");
    assert_eq!(orders(&harness), []);
    assert!(harness.state().state.shows_room());
    assert_eq!(harness.state().state.places.now().channel, Some(LOUNGE));
    press(&mut harness, "Messages of lounge");
    assert!(!harness.state().state.shows_room());
    assert!(has(&harness, "Message #lounge"), "one can write there");
    press(&mut harness, "Show who is here");
    harness.key_press(Key::Escape);
    harness.run();
    assert!(!harness.state().state.shows_room());
}

#[test]
fn who_may_not_join_is_told_so_and_no_order_is_given() {
    let mut harness = open(rooms());
    press(&mut harness, "voice channel board");
    assert_eq!(harness.state().state.voice.room, Some(CLOSED));
    let join = harness.get_by_label("Join");
    assert!(join.accesskit_node().is_disabled());
    join.click();
    harness.run();
    assert_eq!(orders(&harness), []);
    press(&mut harness, "Messages of hall");
    press(&mut harness, "Join");
    assert_eq!(orders(&harness), [super::voice::join(STAGE)]);
}

/// The state that the panel tells of a call with connections at these stages.
fn told(stages: &[LinkStage]) -> String {
    let mut model = calling();
    change_call(&mut model, |call| {
        let peers = stages.iter().zip(1..);
        call.peers = peers
            .map(|(stage, n)| (device(n), peer(n, *stage)))
            .collect();
    });
    let harness = open(model);
    let node = harness.get_by_label_contains("Call in Alloquy dev / lounge: ");
    let label = node.accesskit_node().label().unwrap();
    label.rsplit(": ").next().unwrap().to_owned()
}

#[test]
fn the_panel_tells_how_the_call_fares() {
    use LinkStage::{Audio, Connecting, Failed, Open, Securing, Signalling};
    assert_eq!(told(&[]), "Nobody else is here");
    assert_eq!(told(&[Signalling, Connecting, Securing]), "Connecting…");
    assert_eq!(told(&[Failed, Connecting]), "Connecting…");
    assert_eq!(told(&[Audio, Open, Failed]), "2 of 3 connected");
    assert_eq!(told(&[Audio, Open]), "Connected");
    assert_eq!(told(&[Failed, Failed]), "Nobody can be reached");
    assert!(!has(&open(rooms()), "Leave the call"), "no call, no panel");
}

#[test]
fn the_buttons_of_the_panel_give_orders() {
    let mut harness = open(calling());
    press(&mut harness, "Mute the microphone");
    press(&mut harness, "Deafen: hear nobody");
    press(&mut harness, "Leave the call");
    let (mute, deafen) = (OnOff::On, OnOff::On);
    let given = [
        VoiceCommand::Mute { mute },
        VoiceCommand::Deafen { deafen },
        VoiceCommand::Leave,
    ];
    assert_eq!(orders(&harness), given);
    let mut model = calling();
    change_call(&mut model, |call| {
        (call.muted, call.deafened) = (true, true)
    });
    let mut harness = open(model);
    press(&mut harness, "Unmute the microphone");
    press(&mut harness, "Undeafen: hear the others");
    let (mute, deafen) = (OnOff::Off, OnOff::Off);
    let given = [VoiceCommand::Mute { mute }, VoiceCommand::Deafen { deafen }];
    assert_eq!(orders(&harness), given);
}

#[test]
fn muting_and_deafening_have_shortcuts_while_in_a_call() {
    let both = Modifiers::COMMAND.plus(Modifiers::SHIFT);
    let pressed = |model: Model| {
        let mut harness = open(model);
        for key in [Key::M, Key::D] {
            harness.key_press_modifiers(both, key);
            harness.run();
        }
        orders(&harness)
    };
    let (mute, deafen) = (OnOff::On, OnOff::On);
    let given = [VoiceCommand::Mute { mute }, VoiceCommand::Deafen { deafen }];
    assert_eq!(pressed(calling()), given);
    assert_eq!(pressed(rooms()), []);
}

#[test]
fn who_talks_while_muted_is_told_so() {
    const HINT: &str = "You are talking while muted.";
    for (speaking, muted) in [(true, true), (true, false), (false, true)] {
        let mut model = calling();
        change_call(&mut model, |call| {
            (call.speaking, call.muted) = (speaking, muted)
        });
        let harness = open(model);
        assert_eq!(has(&harness, HINT), speaking && muted, "{speaking} {muted}");
        // Who is muted is not shown as speaking: nobody hears it.
        assert_eq!(has(&harness, "Mira, speaking"), speaking && !muted);
    }
}

#[test]
fn why_nobody_hears_oneself_is_told() {
    let mut model = calling();
    change_call(&mut model, |call| {
        call.silenced = Some("a moderator has timed this account out".to_owned());
        call.speaking = true;
    });
    let harness = open(model);
    assert!(has(
        &harness,
        "Nobody hears you: a moderator has timed this account out"
    ));
    assert!(!has(&harness, "Mira, speaking"));
    assert!(has(&open(listening()), "You are in the audience."));
}

/// The own room, as big as designed.
fn in_room(model: Model) -> Harness<'static, World> {
    let channel = model.snapshot.call.as_ref().unwrap().channel;
    let mut harness = open(model);
    let show = alloquy_ui::Action::ShowRoom(COMMUNITY, channel);
    crate::sheets::act(&mut harness, show);
    harness
}

#[test]
fn each_tile_tells_how_far_the_connection_is_and_why_somebody_is_not_heard() {
    use LinkStage::{Audio, Connecting, Failed, Open, Securing, Signalling};
    let harness = in_room(calling());
    assert!(has(&harness, "No pair of addresses works"));
    assert!(has(&harness, "Not connected"));
    assert!(has(&harness, "Has muted the microphone."), "Ada");
    assert!(has(&harness, "May not speak here."), "Okonkwo");
    assert!(has(&harness, "This is you."));
    for (stage, words) in [
        (Signalling, "Waiting for an answer"),
        (Connecting, "Looking for a way"),
        (Securing, "Agreeing on keys"),
        (Open, "Connected, no sound yet"),
        (Audio, "Connected"),
        (Failed, "Not connected"),
    ] {
        let mut model = calling();
        change_call(&mut model, |call| {
            call.peers = [(device(1), peer(1, stage))].into();
        });
        let harness = in_room(model);
        assert!(
            harness.query_all_by_label(words).count() > 0 || has(&harness, words),
            "{words}"
        );
    }
    // Who has muted themselves is silent for that reason, not for another one; who was heard before pauses.
    const SILENT: &str = "Nothing arrives";
    for (n, stage, told) in [(1, Open, true), (1, Audio, false), (2, Open, false)] {
        let mut model = calling();
        change_call(&mut model, |call| {
            let link = &mut call.peers.get_mut(&device(n)).unwrap().link;
            (link.stage, link.reason) = (stage, Some(SILENT.to_lowercase()));
        });
        assert_eq!(has(&in_room(model), SILENT), told, "{n} {stage:?}");
    }
    let mut model = calling();
    change_call(&mut model, |call| {
        call.peers.get_mut(&device(1)).unwrap().volume = 0;
    });
    assert!(has(
        &in_room(model),
        "You have turned them down to nothing."
    ));
}

#[test]
fn what_a_node_says_is_shown_without_controls() {
    let mut model = calling();
    change_call(&mut model, |call| {
        let failed = call.peers.get_mut(&device(3)).unwrap();
        failed.link.reason = Some(format!("\u{202e}evil{}", "x".repeat(5_000)));
    });
    let harness = in_room(model);
    assert!(has(&harness, "Evil"));
    assert!(!has(&harness, "\u{202e}") && !has(&harness, &"x".repeat(400)));
}

#[test]
fn who_speaks_is_ringed_in_the_list_and_in_the_room() {
    let mut model = calling();
    change_call(&mut model, |call| {
        call.speaking = true;
        call.peers.get_mut(&device(1)).unwrap().speaking = true;
    });
    let harness = in_room(model);
    assert_eq!(harness.query_all_by_label("tomasz, speaking").count(), 2);
    assert_eq!(harness.query_all_by_label("Mira, speaking").count(), 2);
    assert_eq!(harness.query_all_by_label("Ada, muted").count(), 2);
}

fn volume(n: u8, percent: u32) -> VoiceCommand {
    let account = AccountRef(account(n).to_string());
    VoiceCommand::Volume { account, percent }
}

#[test]
fn a_volume_is_set_by_keys_and_once_by_dragging() {
    let mut harness = in_room(calling());
    harness.get_by_label("Volume of tomasz").focus();
    harness.run();
    harness.key_press(Key::ArrowRight);
    harness.run();
    assert_eq!(orders(&harness), [volume(1, 105)]);
    let mut harness = in_room(calling());
    let rail = harness.get_by_label("Volume of tomasz").rect();
    harness.drag_at(rail.center());
    harness.run();
    harness.hover_at(rail.center() + egui::vec2(20.0, 0.0));
    harness.run();
    harness.hover_at(rail.right_center());
    harness.run();
    assert_eq!(orders(&harness), [], "nothing while it is dragged");
    harness.drop_at(rail.right_center());
    harness.run();
    assert_eq!(orders(&harness), [volume(1, 200)]);
    assert!(!has(&harness, "Volume of Mira"), "not of oneself");
}

#[test]
fn on_a_stage_one_asks_to_speak_and_moderators_decide() {
    let mut harness = in_room(listening());
    assert!(has(&harness, "Speakers — 1") && has(&harness, "Audience — 2"));
    press(&mut harness, "Raise your hand");
    let hand = Hand::Up;
    assert_eq!(orders(&harness), [VoiceCommand::Hand { hand }]);
    assert!(
        !has(&harness, "Invite to speak"),
        "others can not decide it"
    );
    change_community(&mut harness.state_mut().model, |community| {
        let voices = std::sync::Arc::make_mut(&mut community.voices);
        voices.get_mut(&STAGE).unwrap()[0].hand = true;
    });
    harness.run();
    press(&mut harness, "Lower your hand");
    let hand = Hand::Down;
    assert_eq!(orders(&harness).last(), Some(&VoiceCommand::Hand { hand }));
    let mut harness = in_room(moderating());
    assert!(!has(&harness, "Raise your hand"), "who speaks need not ask");
    press(&mut harness, "Invite to speak: Priya");
    press(&mut harness, "Move to the audience: Sam");
    let named = |n| AccountRef(account(n).to_string());
    let (asks, speaks) = (named(4), named(5));
    let given = [
        VoiceCommand::StageInvite { account: asks },
        VoiceCommand::StageAudience { account: speaks },
    ];
    assert_eq!(orders(&harness), given);
}

#[test]
fn a_person_in_a_room_leads_to_their_card() {
    let mut harness = open(rooms());
    in_list(&harness, "tomasz").click();
    harness.run();
    let open = &harness.state().state.overlays;
    assert_eq!(*open, [Overlay::Profile(COMMUNITY, account(1))]);
}

#[test]
fn nothing_is_drawn_while_nothing_changes() {
    for model in [rooms(), calling(), listening(), moderating()] {
        for in_call in [false, true] {
            let mut harness = if in_call && model.snapshot.call.is_some() {
                in_room(model.clone())
            } else {
                open(model.clone())
            };
            harness.run_steps(5);
            let output = harness.output().viewport_output.values().next().unwrap();
            assert!(output.repaint_delay > std::time::Duration::from_secs(3_600));
        }
    }
}

#[test]
fn all_of_a_room_is_reached_by_keyboard_in_the_smallest_window_at_double_size() {
    let mut harness = open_sized(moderating(), 360.0, 240.0);
    let show = alloquy_ui::Action::ShowRoom(COMMUNITY, STAGE);
    crate::sheets::act(&mut harness, show);
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..40 {
        harness.key_press(Key::Tab);
        harness.run();
        assert_eq!(crate::judge::focus_is_seen(&harness), Ok(()), "step {step}");
        let mut nodes = harness.root().children_recursive();
        let focused = nodes.find(|node| node.is_focused());
        seen.extend(focused.and_then(|node| node.accesskit_node().label()));
    }
    for name in [
        "Volume of Sam",
        "Invite to speak: Priya",
        "Show the messages",
    ] {
        assert!(seen.contains(name), "{name} is not in {seen:?}");
    }
}
