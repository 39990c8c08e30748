//! Every screen about conversations, contacts, devices, recovery words and home nodes.

use std::sync::Arc;

use alloquy_api::personal::{CatchingUpView, DeviceState, LinkStep, Linking};
use alloquy_api::reply::DeliveryState;
use alloquy_ids::UnixMs;
use alloquy_ui::model::Return;
use alloquy_ui::state::{FirstWay, Heard, MissingKey, Muted, Overlay, Rule, SettingsPage};
use alloquy_ui::{Action, Model, Phase};
use egui_kittest::Harness;

use crate::fixture::{
    COMMUNITY, DESIGN, ME, NOON, World, account, change, message, open_sized, window,
};
use crate::personal_fixture::{
    ADA, ATTIC, BEN_CHANNEL, CODE_ENDS, MALLORY, NOTES, PHONE, WEEKEND, WEEKEND_CHANNEL, WITH_ADA,
    WITH_BEN, contact_link, linking, personal,
};
use crate::screens::{Screen, Size, screen};
use crate::sheets::{act, answer};
use crate::sheets_fixture::{BEN, first_run, nobody};

fn shown(model: Model, (width, height): Size) -> Harness<'static, World> {
    open_sized(model, width, height)
}

/// Panes at a conversation, the list beside it or over it.
fn at(model: Model, size: Size, action: Action) -> Harness<'static, World> {
    let mut harness = shown(model, size);
    act(&mut harness, action);
    harness
}

fn listed(model: Model, size: Size) -> Harness<'static, World> {
    let mut harness = at(model, size, Action::GoDirects);
    if size.0 < 760.0 && !harness.state().state.side_open {
        act(&mut harness, Action::ToggleSide);
    }
    harness
}

/// Panes.
pub(crate) fn panes() -> Vec<Screen> {
    let ben = || Action::GoChannel(WITH_BEN, BEN_CHANNEL);
    vec![
        screen("direct messages", |size| listed(personal(), size)),
        screen("nobody to write to yet", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                Arc::make_mut(&mut snapshot.directs).truncate(1);
                snapshot.dm_requests = Arc::default();
            });
            listed(model, size)
        }),
        screen("no conversation at all", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                snapshot.directs = Arc::default();
                snapshot.communities.retain(|_, of| of.direct.is_none());
            });
            listed(model, size)
        }),
        screen("a muted conversation", |size| {
            let mut harness = listed(personal(), size);
            let rule = Rule {
                when: None,
                muted: Some(Muted::Always),
            };
            act(
                &mut harness,
                Action::SetRule(Heard::Community(WITH_BEN), rule),
            );
            harness
        }),
        screen("a conversation", move |size| at(personal(), size, ben())),
        screen("the beginning of notes", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                let id = alloquy_ids::ChannelId([70; 32]);
                snapshot.windows.insert(id, Arc::new(window([])));
            });
            at(model, size, Action::GoCommunity(NOTES))
        }),
        screen("the beginning of a group", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                snapshot
                    .windows
                    .insert(WEEKEND_CHANNEL, Arc::new(window([])));
            });
            at(model, size, Action::GoChannel(WEEKEND, WEEKEND_CHANNEL))
        }),
        screen("a blocked conversation", |size| {
            let id = alloquy_ids::CommunityId([64; 32]);
            at(personal(), size, Action::GoCommunity(id))
        }),
        screen("a message that nobody else holds", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                let id = alloquy_ids::ChannelId([72; 32]);
                let mut own = message(0, "message 0");
                own.author = ME;
                own.delivery.state = DeliveryState::Stored;
                snapshot.windows.insert(id, Arc::new(window([own])));
            });
            at(model, size, Action::GoCommunity(WITH_ADA))
        }),
        screen("a key that is missing", move |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                let mut waits = message(3, "");
                waits.waiting = true;
                snapshot
                    .windows
                    .insert(BEN_CHANNEL, Arc::new(window([waits])));
            });
            let mut harness = at(model, size, ben());
            let missing = MissingKey {
                holders: vec![BEN, ADA],
                connected: false,
            };
            harness
                .state_mut()
                .state
                .missing
                .insert(BEN_CHANNEL, missing);
            harness.run_ok();
            harness
        }),
        screen("the reminder of the recovery words", |size| {
            let mut harness = shown(personal(), size);
            harness.state_mut().state.settings.recovery_checked = 1;
            harness.run_ok();
            harness
        }),
    ]
}

/// The first run of somebody who is not new.
pub(crate) fn comeback() -> Vec<Screen> {
    let way = |way: FirstWay| {
        move |size| {
            let mut harness = shown(first_run(), size);
            harness.state_mut().state.forms.first_way = way;
            harness.run_ok();
            harness
        }
    };
    let step = |by: Return, step: LinkStep| {
        move |size| {
            let step = step.clone();
            shown(nobody(Phase::Returning { by, step }), size)
        }
    };
    vec![
        screen("another device", way(FirstWay::Link)),
        screen("lost devices", way(FirstWay::Words)),
        screen("a wrong recovery word", move |size| {
            let mut harness = way(FirstWay::Words)(size);
            harness.state_mut().state.personal.words[4] = "qqqqzzzz".to_owned();
            harness.run_ok();
            harness
        }),
        screen(
            "looking for the device",
            step(Return::Link, LinkStep::Waiting),
        ),
        screen("handing over", step(Return::Link, LinkStep::Talking)),
        screen(
            "looking for anybody",
            step(Return::Words, LinkStep::Waiting),
        ),
        screen("fetching", step(Return::Words, LinkStep::Talking)),
        screen(
            "a link that failed",
            step(
                Return::Link,
                LinkStep::Failed("The node has ended.".to_owned()),
            ),
        ),
    ]
}

/// Every sheet as it opens.
pub(crate) fn overlays() -> Vec<Overlay> {
    vec![
        Overlay::StartDirect,
        Overlay::Requests,
        Overlay::Conversation(NOTES),
        Overlay::GroupAdd(WEEKEND),
        Overlay::ConfirmGroupRemoval(WEEKEND, ADA),
        Overlay::ContactLink,
        Overlay::Verify(BEN),
        Overlay::ConfirmBlock(BEN),
        Overlay::LinkDevice,
        Overlay::ConfirmRevocation(PHONE),
        Overlay::CheckRecovery,
        Overlay::ReplaceRecovery,
        Overlay::CloseAccount,
        Overlay::PairHome,
        Overlay::ConfirmHomeRemoval(ATTIC),
        Overlay::Hearing(WEEKEND, None),
        Overlay::Closing,
        Overlay::Settings(SettingsPage::People),
        Overlay::Settings(SettingsPage::Devices),
        Overlay::Settings(SettingsPage::Homes),
    ]
}

fn overlay(name: &str, of: Overlay, by: impl Fn(&mut World) + 'static) -> Screen {
    screen(name, move |size| {
        let mut harness = shown(personal(), size);
        act(&mut harness, Action::Open(of.clone()));
        by(harness.state_mut());
        harness.run_ok();
        answer(&mut harness);
        harness
    })
}

/// Every sheet as it opens, as a screen.
pub(crate) fn sheets() -> Vec<Screen> {
    let all = overlays().into_iter();
    all.map(|of| overlay(&format!("{of:?}"), of, |_| {}))
        .collect()
}

/// A code at this step.
fn code(name: &str, step: LinkStep, now: UnixMs) -> Screen {
    overlay(name, Overlay::LinkDevice, move |world| {
        let step = step.clone();
        change(&mut world.model, |snapshot| {
            snapshot.linking = Some(Arc::new(linking(step)));
        });
        world.model.clock.now = now;
    })
}

/// Conversations in their kinds, and their sheets in other states.
pub(crate) fn more_sheets() -> Vec<Screen> {
    vec![
        overlay("about two people", Overlay::Conversation(WITH_BEN), |_| {}),
        overlay("about a stranger", Overlay::Conversation(WITH_ADA), |_| {}),
        overlay("about a group", Overlay::Conversation(WEEKEND), |_| {}),
        overlay("one is chosen", Overlay::StartDirect, |world| {
            world.state.personal.chosen.insert(BEN);
        }),
        overlay("several are chosen", Overlay::StartDirect, |world| {
            world.state.personal.chosen.extend([BEN, ADA]);
            world.state.personal.name = "é".repeat(60);
        }),
        overlay("nobody found", Overlay::StartDirect, |world| {
            world.state.personal.find = "qqqqzzzz".to_owned();
        }),
        overlay("no requests", Overlay::Requests, |world| {
            change(&mut world.model, |snapshot| {
                snapshot.dm_requests = Arc::default()
            });
        }),
        overlay("another's link", Overlay::ContactLink, |world| {
            world.state.personal.adding = true;
            world.state.personal.contact = contact_link();
        }),
        overlay("a wrong contact link", Overlay::ContactLink, |world| {
            world.state.personal.adding = true;
            world.state.personal.contact = "qqqqzzzz".to_owned();
        }),
        overlay("words that differ", Overlay::Verify(ADA), |world| {
            world.state.personal.differs = true;
        }),
        overlay(
            "a blocked member",
            Overlay::Profile(COMMUNITY, MALLORY),
            |_| {},
        ),
        overlay(
            "somebody in a group",
            Overlay::Profile(WEEKEND, ADA),
            |_| {},
        ),
        overlay(
            "rules of a channel",
            Overlay::Hearing(COMMUNITY, Some(DESIGN)),
            |world| {
                let rule = Rule {
                    when: None,
                    muted: Some(Muted::Until(NOON.0 + 3_600_000)),
                };
                let set = Action::SetRule(Heard::Channel(DESIGN), rule);
                world.state.apply(set, &world.model);
            },
        ),
    ]
}

/// A device that may not write any more, and one to which everything is still coming.
fn ended_and_new() -> Vec<Screen> {
    vec![
        overlay(
            "a device that was ended",
            Overlay::Settings(SettingsPage::Devices),
            |world| stop(&mut world.model, DeviceState::Revoked),
        ),
        overlay(
            "a closed account",
            Overlay::Settings(SettingsPage::Profile),
            |world| stop(&mut world.model, DeviceState::Closed),
        ),
        screen("a device that fetches", |size| {
            let mut model = personal();
            change(&mut model, |snapshot| {
                snapshot.catching_up = Some(CatchingUpView { here: 3, of: 20 });
            });
            shown(model, size)
        }),
    ]
}

/// Devices and home nodes in other states.
pub(crate) fn most_sheets() -> Vec<Screen> {
    let mut sheets = ended_and_new();
    sheets.extend([
        code("a device is found", LinkStep::Talking, NOON),
        code("a device is linked", LinkStep::Done, NOON),
        code(
            "no device is linked",
            LinkStep::Failed("The node has ended.".to_owned()),
            NOON,
        ),
        code("a code that is over", LinkStep::Waiting, CODE_ENDS),
        overlay(
            "this device",
            Overlay::ConfirmRevocation(alloquy_ids::DeviceId([80; 32])),
            |_| {},
        ),
        overlay(
            "a device is named",
            Overlay::Settings(SettingsPage::Devices),
            |world| {
                world.state.personal.naming = Some((PHONE, String::new()));
            },
        ),
        overlay(
            "one device",
            Overlay::Settings(SettingsPage::Devices),
            |world| {
                change(&mut world.model, |snapshot| {
                    Arc::make_mut(&mut snapshot.devices).truncate(1);
                });
            },
        ),
        overlay(
            "no home node",
            Overlay::Settings(SettingsPage::Homes),
            |world| {
                change(&mut world.model, |snapshot| snapshot.homes = Arc::default());
            },
        ),
        overlay(
            "no contacts",
            Overlay::Settings(SettingsPage::People),
            |world| {
                change(&mut world.model, |snapshot| {
                    snapshot.contacts = Arc::default()
                });
            },
        ),
        overlay("a home node is paired", Overlay::PairHome, |world| {
            world.state.personal.home_asked = true;
            change(&mut world.model, |snapshot| {
                let mut view = linking(LinkStep::Done);
                view.what = Linking::Home;
                snapshot.linking = Some(Arc::new(view));
            });
        }),
        overlay("a home node that refused", Overlay::PairHome, |world| {
            world.state.personal.fault =
                Some((Overlay::PairHome, "The node has ended.".to_owned()));
        }),
        overlay("a desktop with a tray", Overlay::Closing, |world| {
            Arc::make_mut(&mut world.model.about).tray = true;
        }),
        overlay(
            "a tray in the settings",
            Overlay::Settings(SettingsPage::Notifications),
            |world| {
                Arc::make_mut(&mut world.model.about).tray = true;
            },
        ),
        overlay("words with letters", Overlay::CheckRecovery, |world| {
            world.state.personal.words[0] = "aban".to_owned();
            world.state.personal.words[1] = "qqqqzzzz".to_owned();
        }),
        overlay(
            "a contact link as an invite",
            Overlay::AddCommunity,
            |world| {
                world.state.forms.link = contact_link();
            },
        ),
        overlay(
            "somebody unknown",
            Overlay::Profile(COMMUNITY, account(77)),
            |_| {},
        ),
    ]);
    sheets
}

/// This device may not write any more.
pub(crate) fn stop(model: &mut Model, state: DeviceState) {
    change(model, |snapshot| {
        let devices = Arc::make_mut(&mut snapshot.devices);
        let this = devices.iter_mut().find(|device| device.this);
        this.expect("there is this device").state = state;
    });
}
