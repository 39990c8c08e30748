//! Conversations, contacts, devices, recovery words and home nodes: used by keys, pointer and typing.

use std::sync::Arc;

use alloquy_api::command::AccountRef;
use alloquy_api::personal::{DmRequestView, LinkStep, PersonalCommand};
use alloquy_api::{Command, CommandError, ErrorCode, Event, Reply};
use alloquy_ids::UnixMs;
use alloquy_ui::state::{FirstWay, Overlay, SettingsPage};
use alloquy_ui::{Action, Effect, UiState};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{COMMUNITY, NOON, World, change, open, window};
use crate::personal_fixture::{
    ADA, BEN_CHANNEL, CODE_ENDS, NOTES, PHONE, WEEKEND, WITH_ADA, WITH_BEN, contact_link, linking,
    personal,
};
use crate::sheets::{act, type_in};
use crate::sheets_fixture::{BEN, first_run, recovery_words};

/// What a node answers.
pub(crate) fn reply(order: &PersonalCommand) -> Option<Reply> {
    use PersonalCommand as P;
    match order {
        P::ContactLink => Some(Reply::ContactLink {
            contact: contact_link(),
        }),
        P::Verify {
            confirmed: false, ..
        } => Some(Reply::Safety {
            safety_words: recovery_words(),
            safety_code: "alloquy-safety:aeaqcaibaeaqcaibaeaq".to_owned(),
            verified: false,
        }),
        P::DeviceLink => Some(Reply::Code {
            code: "7-anchor-river".to_owned(),
            link: "alloquy://link/x".to_owned(),
            until: CODE_ENDS,
        }),
        _ => None,
    }
}

/// The orders about oneself that were given and not answered.
pub(crate) fn orders(harness: &Harness<'static, World>) -> Vec<PersonalCommand> {
    let commands = harness.state().commands().into_iter();
    commands
        .filter_map(|command| match command {
            Command::Personal { order } => Some(order),
            _ => None,
        })
        .collect()
}

/// Answers the last order.
pub(crate) fn tell(harness: &mut Harness<'static, World>, outcome: Result<Reply, CommandError>) {
    let world = harness.state_mut();
    let mut effects = world.effects.iter().rev();
    let ask = effects.find_map(|effect| match effect {
        Effect::Submit {
            ask,
            command: Command::Personal { .. },
        } => Some(*ask),
        _ => None,
    });
    let effects = world.state.answered(ask.unwrap(), outcome, &world.model);
    world.effects.extend(effects);
    harness.run();
}

pub(crate) fn refused(words: &str) -> Result<Reply, CommandError> {
    Err(CommandError::new(ErrorCode::Storage, words))
}

pub(crate) fn opened(overlay: Overlay) -> Harness<'static, World> {
    let mut harness = open(personal());
    act(&mut harness, Action::Open(overlay));
    harness
}

fn by_id(account: alloquy_ids::AccountId) -> AccountRef {
    AccountRef(account.to_string())
}

// ---- the list

#[test]
fn conversations_stand_in_a_list_of_their_own_and_not_in_the_rail() {
    let mut harness = open(personal());
    assert_eq!(harness.state().model.rail(), [COMMUNITY]);
    harness
        .get_by_label_contains("Direct messages, 15 unread")
        .click();
    harness.run();
    let place = harness.state().state.places.now();
    assert_eq!(
        place.community,
        Some(NOTES),
        "the first while none was seen"
    );
    harness.get_by_label_contains("tomasz, online, verified, 3 unread, 11:59 see you there");
    harness.get_by_label_contains("Weekend at the lake, 4 people, 12 unread, 1 mention, Yesterday");
    harness.get_by_label_contains("Ada, offline").click();
    harness.run();
    assert_eq!(harness.state().state.places.now().community, Some(WITH_ADA));
    harness.get_by_label("Message Ada");
    act(&mut harness, Action::GoCommunity(COMMUNITY));
    act(&mut harness, Action::GoDirects);
    let place = harness.state().state.places.now();
    assert_eq!(place.community, Some(WITH_ADA), "the one last seen");
}

#[test]
fn the_keyboard_goes_through_conversations_and_to_them() {
    let mut harness = open(personal());
    harness.key_press_modifiers(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::H);
    harness.run();
    let now = |harness: &Harness<'static, World>| harness.state().state.places.now().community;
    assert_eq!(now(&harness), Some(NOTES));
    harness.key_press_modifiers(Modifiers::ALT, Key::ArrowDown);
    harness.run();
    assert_eq!(now(&harness), Some(WITH_BEN));
    harness.key_press_modifiers(Modifiers::ALT.plus(Modifiers::SHIFT), Key::ArrowDown);
    harness.run();
    assert_eq!(
        now(&harness),
        Some(WEEKEND),
        "the next with something unread"
    );
    let both = Modifiers::COMMAND.plus(Modifiers::ALT);
    harness.key_press_modifiers(both, Key::ArrowDown);
    harness.run();
    assert_eq!(
        now(&harness),
        Some(COMMUNITY),
        "communities come after them"
    );
    harness.key_press_modifiers(both, Key::ArrowUp);
    harness.run();
    assert_eq!(now(&harness), Some(WEEKEND));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    harness.run();
    assert_eq!(
        now(&harness),
        Some(COMMUNITY),
        "the first of the rail is a community"
    );
}

#[test]
fn the_switcher_finds_conversations() {
    let mut harness = open(personal());
    act(&mut harness, Action::Open(Overlay::Switcher));
    harness.run();
    harness.event(egui::Event::Text("@weekend".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    assert_eq!(harness.state().state.places.now().community, Some(WEEKEND));
}

#[test]
fn with_no_community_the_list_of_conversations_is_shown_and_the_first_run_goes_on() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        snapshot.communities.retain(|id, _| *id == NOTES);
        Arc::make_mut(&mut snapshot.directs).truncate(1);
    });
    let mut harness = open(model);
    harness.get_by_label("Nothing here yet");
    assert!(harness.get_all_by_label("Start a conversation").count() > 0);
    harness.state_mut().state.forms.first_step = alloquy_ui::state::FirstStep::Choices;
    harness.run();
    harness.get_by_label("Where to?");
}

#[test]
fn what_comes_in_above_the_newest_message_is_read_when_one_looks_at_it() {
    let mut harness = open(personal());
    act(&mut harness, Action::GoChannel(WITH_BEN, BEN_CHANNEL));
    harness.event(egui::Event::WindowFocused(true));
    harness.run();
    let marks = |harness: &Harness<'static, World>| {
        let effects = harness.state().effects.iter();
        let marks = effects.filter(|effect| {
            matches!(
                effect,
                Effect::Submit {
                    command: Command::MarkRead { .. },
                    ..
                }
            )
        });
        marks.count()
    };
    let first = marks(&harness);
    assert!(first > 0);
    // The newest message is the same, and one more is unread.
    change(&mut harness.state_mut().model, |snapshot| {
        let of = Arc::make_mut(snapshot.communities.get_mut(&WITH_BEN).unwrap());
        Arc::make_mut(&mut of.channels)[0].unread = 4;
    });
    harness.run();
    assert_eq!(marks(&harness), first + 1);
    harness.run();
    assert_eq!(marks(&harness), first + 1, "once");
}

#[test]
fn notes_begin_with_what_they_are_for() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        let id = alloquy_ids::ChannelId([70; 32]);
        snapshot.windows.insert(id, Arc::new(window([])));
    });
    let mut harness = open(model);
    act(&mut harness, Action::GoCommunity(NOTES));
    harness.get_by_label("What you write here only your own devices can read.");
}

// ---- starting

#[test]
fn one_chosen_is_written_to_and_several_are_a_group() {
    let mut harness = open(personal());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::N);
    harness.run();
    type_in(&mut harness, "Find people", "toma");
    harness.key_press(Key::Enter);
    harness.run();
    harness.get_by_label("Write to tomasz").click();
    harness.run();
    let account = by_id(BEN);
    assert_eq!(orders(&harness), [PersonalCommand::Dm { account }]);
    let direct = Reply::Direct {
        direct: WITH_BEN,
        channel: BEN_CHANNEL,
    };
    tell(&mut harness, Ok(direct));
    let state = &harness.state().state;
    assert!(state.overlays.is_empty());
    assert_eq!(state.places.now().community, Some(WITH_BEN));

    let mut harness = opened(Overlay::StartDirect);
    harness.get_by_label("tomasz, contact").click();
    harness.run();
    harness.get_by_label("Ada, contact").click();
    harness.run();
    assert!(harness.query_by_label("Write to tomasz").is_none());
    type_in(&mut harness, "Name of the group", "Lake");
    harness.get_by_label("Make a group of 3").click();
    harness.run();
    let accounts = vec![by_id(BEN), by_id(ADA)];
    let name = "Lake".to_owned();
    assert_eq!(
        orders(&harness),
        [PersonalCommand::GroupCreate { name, accounts }]
    );
}

#[test]
fn who_is_blocked_is_not_offered_and_an_error_stays_on_the_sheet() {
    let mut harness = opened(Overlay::StartDirect);
    assert!(harness.query_by_label_contains("Mallory").is_none());
    assert!(
        harness.query_by_label_contains("Mira, from").is_none(),
        "nor oneself"
    );
    harness.get_by_label("tomasz, contact").click();
    harness.run();
    harness.get_by_label("Write to tomasz").click();
    harness.run();
    tell(&mut harness, refused("no space left"));
    harness.get_by_label("no space left");
    harness.get_by_label("Write to tomasz");
}

#[test]
fn a_member_is_written_to_from_the_card() {
    let mut harness = opened(Overlay::Profile(COMMUNITY, ADA));
    harness.get_by_label("Message").click();
    harness.run();
    let account = by_id(ADA);
    assert_eq!(orders(&harness), [PersonalCommand::Dm { account }]);
}

// ---- requests

#[test]
fn a_request_shows_no_link_and_is_accepted_declined_or_blocked() {
    let mut harness = open(personal());
    act(&mut harness, Action::GoDirects);
    harness
        .get_by_label("Message requests: 2 people want to write to you")
        .click();
    harness.run();
    harness.get_by_label_contains("you are both in Alloquy dev");
    let words = harness.get_by_label_contains("hi, it is me from the");
    let label = words.accesskit_node().label().unwrap_or_default();
    assert!(!label.contains("tram"), "a spoiler stays covered: {label}");
    assert!(
        !harness
            .root()
            .children_recursive()
            .any(|node| { node.accesskit_node().role() == egui::accesskit::Role::Link })
    );
    let all: Vec<_> = harness.get_all_by_label("Accept").collect();
    all[0].click();
    harness.run();
    let account = AccountRef(crate::fixture::account(41).to_string());
    assert_eq!(
        orders(&harness).last(),
        Some(&PersonalCommand::DmAccept { account })
    );
    let all: Vec<_> = harness.get_all_by_label("Decline").collect();
    all[1].click();
    harness.run();
    let account = AccountRef(crate::fixture::account(42).to_string());
    assert_eq!(
        orders(&harness).last(),
        Some(&PersonalCommand::DmDecline { account })
    );
}

#[test]
fn strangers_are_told_of_once_and_without_a_word_of_theirs() {
    let mut harness = open(personal());
    let world = harness.state_mut();
    let event = Event::DmRequested {
        request: world.model.snapshot.dm_requests[0].clone(),
    };
    assert!(
        world.state.observe(&event, &world.model).is_empty(),
        "two wait: it was told"
    );
    change(&mut world.model, |snapshot| {
        Arc::<Vec<DmRequestView>>::make_mut(&mut snapshot.dm_requests).truncate(1);
    });
    let told = world.state.observe(&event, &world.model);
    let [Effect::NotifyRequest { title }] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(!title.contains("Zoe") && !title.contains("tram"), "{title}");
}

// ---- contacts

#[test]
fn the_own_link_is_shown_and_another_ones_is_added() {
    let mut harness = opened(Overlay::ContactLink);
    harness.get_by_label("Your contact link as a picture to scan");
    harness.get_by_label("Copy").click();
    harness.run();
    assert!(
        harness
            .state()
            .effects
            .contains(&Effect::Copy(contact_link()))
    );
    harness
        .get_by_label("Your contact link: Add somebody")
        .click();
    harness.run();
    type_in(&mut harness, "Their contact link", &contact_link());
    harness.get_by_label("Add and write").click();
    harness.run();
    let link = contact_link();
    assert_eq!(
        orders(&harness).last(),
        Some(&PersonalCommand::ContactAdd { link })
    );
    tell(&mut harness, refused("this link is too old"));
    harness.get_by_label("this link is too old");
}

#[test]
fn a_contact_link_that_is_opened_adds_nobody_by_itself() {
    let mut harness = open(personal());
    let world = harness.state_mut();
    world.state.open_link(&contact_link(), &world.model);
    harness.run();
    assert_eq!(orders(&harness), []);
    assert_eq!(harness.state().state.personal.contact, contact_link());
    harness.get_by_label("Add and write");
    let mut harness = opened(Overlay::AddCommunity);
    type_in(&mut harness, "Invite link", &contact_link());
    harness.get_by_label("Add and write").click();
    harness.run();
    let link = contact_link();
    assert_eq!(orders(&harness), [PersonalCommand::ContactAdd { link }]);
}

// ---- verification

#[test]
fn words_are_compared_and_what_to_do_when_they_differ_is_said() {
    let mut harness = opened(Overlay::Verify(BEN));
    harness.get_by_label("12: accident");
    harness.get_by_label("The safety words as a picture to compare");
    harness.get_by_label("They do not match").click();
    harness.run();
    harness.get_by_label_contains("somebody stands between you");
    assert!(harness.query_by_label("They match").is_none());
    harness.get_by_label("Compare again").click();
    harness.run();
    harness.get_by_label("They match").click();
    harness.run();
    let verify = PersonalCommand::Verify {
        account: by_id(BEN),
        confirmed: true,
    };
    assert_eq!(orders(&harness).last(), Some(&verify));
    tell(&mut harness, Ok(Reply::Ok { ok: true }));
    assert!(harness.state().state.overlays.is_empty());
}

// ---- devices

#[test]
fn a_code_is_shown_counted_down_and_goes_step_by_step() {
    let mut harness = opened(Overlay::Settings(SettingsPage::Devices));
    harness.get_by_label("Link a device").click();
    harness.run();
    crate::sheets::answer(&mut harness);
    harness.get_by_label("The code is 7-anchor-river");
    harness.get_by_label("Good for 9:41");
    let due = harness.state().state.due().unwrap();
    assert_eq!(due, UnixMs(NOON.0 + 1_000), "the next second is shown");
    for (step, seen) in [
        (
            LinkStep::Talking,
            "The other device was found. Your account is handed over…",
        ),
        (
            LinkStep::Failed("the code was wrong".to_owned()),
            "the code was wrong",
        ),
        (
            LinkStep::Done,
            "The other device is one of yours now. Your communities and messages come to it by themselves.",
        ),
    ] {
        let world = harness.state_mut();
        change(&mut world.model, |snapshot| {
            snapshot.linking = Some(Arc::new(linking(step)));
        });
        let effects = world.state.refresh(&world.model);
        world.effects.extend(effects);
        harness.run_ok();
        harness.get_by_label(seen);
    }
    assert_eq!(
        harness.state().state.due(),
        None,
        "nothing is counted any more"
    );
}

#[test]
fn a_pairing_of_before_is_not_shown_as_this_one() {
    let mut model = personal();
    change(&mut model, |snapshot| {
        let mut old = linking(LinkStep::Done);
        old.until = UnixMs(NOON.0 - 1);
        snapshot.linking = Some(Arc::new(old));
    });
    let mut harness = open(model);
    act(&mut harness, Action::Open(Overlay::LinkDevice));
    harness.run_ok();
    harness.get_by_label("Making a code…");
}

#[test]
fn a_device_is_named_and_ended_after_a_question() {
    let mut harness = opened(Overlay::Settings(SettingsPage::Devices));
    harness.get_by_label("Rename Telephone").click();
    harness.run();
    type_in(&mut harness, "Name of the device", " 2");
    harness.get_by_label("Save").click();
    harness.run();
    let named = PersonalCommand::DeviceName {
        device: PHONE.to_string(),
        name: "Telephone 2".to_owned(),
    };
    assert_eq!(orders(&harness), [named]);
    tell(&mut harness, Ok(Reply::Ok { ok: true }));
    harness.get_by_label("End Telephone").click();
    harness.run();
    harness.get_by_label_contains("can not write in your name any more");
    assert_eq!(orders(&harness).len(), 1, "a question first");
    harness.get_by_label("End the device").click();
    harness.run();
    let device = PHONE.to_string();
    assert_eq!(
        orders(&harness).last(),
        Some(&PersonalCommand::DeviceRevoke { device })
    );
    tell(&mut harness, Ok(Reply::Ok { ok: true }));
    assert!(
        !harness
            .state()
            .state
            .overlays
            .contains(&Overlay::ConfirmRevocation(PHONE))
    );
}

// ---- coming back

#[test]
fn who_has_another_device_enters_its_code() {
    let mut harness = open(first_run());
    harness.get_by_label("I already have an account").click();
    harness.run();
    type_in(&mut harness, "Code or link", " 7-anchor-river ");
    harness.get_by_label("Link this computer").click();
    harness.run();
    let code = "7-anchor-river".to_owned();
    assert_eq!(
        harness.state().effects.last(),
        Some(&Effect::LinkThisDevice { code })
    );
    harness.get_by_label("I am new here").click();
    harness.run();
    harness.get_by_label("Your name");
}

#[test]
fn who_has_lost_all_devices_pastes_the_words_or_types_their_beginnings() {
    let mut harness = open(first_run());
    harness.state_mut().state.forms.first_way = FirstWay::Words;
    harness.run();
    assert!(
        harness
            .get_by_label("Bring my account back")
            .accesskit_node()
            .is_disabled()
    );
    harness.get_by_label("Word 1").focus();
    harness.run();
    harness.event(egui::Event::Paste(recovery_words().join(" ")));
    harness.run();
    harness.run();
    let words = harness.state().state.personal.words.to_vec();
    assert_eq!(words, recovery_words());
    // Four letters are enough, and another letter case is none of the person's concern.
    harness.state_mut().state.personal.words[11].clear();
    harness.run();
    harness.get_by_label("Word 12").focus();
    harness.run();
    harness.event(egui::Event::Text("ACCI".to_owned()));
    harness.run();
    harness.key_press(Key::Enter);
    harness.run();
    harness.get_by_label("Bring my account back").click();
    harness.run();
    let restore = Effect::Restore {
        words: recovery_words().join(" "),
        from: String::new(),
        ends_others: true,
    };
    assert_eq!(harness.state().effects.last(), Some(&restore));
}

#[test]
fn words_that_were_typed_do_not_stay_when_the_account_is_back() {
    let mut state = UiState::new();
    let first = first_run();
    state.refresh(&first);
    state.personal.words = recovery_words().try_into().unwrap();
    state.refresh(&first);
    assert_eq!(
        state.personal.words[0], "abandon",
        "a failed try is not typed again"
    );
    state.refresh(&personal());
    assert!(!format!("{state:?}").contains("accident"));
}
