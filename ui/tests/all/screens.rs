//! Every screen of the window, as it is when it has the most to show.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::limits::TEXT_BYTES_MAX;
use alloquy_api::reply::{DeliveryState, QuoteView, RepliesView};
use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{ChannelId, CommunityId, UnixMs};
use alloquy_ui::model::Failure;
use alloquy_ui::state::{AddTab, FirstStep, Mode, Overlay, Removal, SettingsPage, Slot, Unsent};
use alloquy_ui::{Action, Model, Phase};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};

use crate::fixture::{
    COMMUNITY, DESIGN, GENERAL, ME, NEWS, NOON, World, account, change, change_community,
    change_window, message, message_id, model, numbered, open_sized, reaction,
};
use crate::governance;
use crate::sheets::{act, all};
use crate::sheets_fixture::{
    BEN, first_run, invite, link, lonely, nearby, nobody, recovery_words, rich,
};

/// Size of a window, in points.
pub(crate) type Size = (f32, f32);
/// Opens a screen in a window of this size.
pub(crate) type Open = Box<dyn Fn(Size) -> Harness<'static, World>>;

const SLOT: Slot = Slot::channel(GENERAL);

/// What the node says has gone wrong, in the fixtures.
pub(crate) const FAULT: &str = "The node has ended.";
const REMEDY: &str = "Start it again.";

/// A screen by its name.
pub(crate) struct Screen {
    pub(crate) name: String,
    pub(crate) open: Open,
}

pub(crate) fn screen(
    name: &str,
    open: impl Fn(Size) -> Harness<'static, World> + 'static,
) -> Screen {
    Screen {
        name: name.to_owned(),
        open: Box::new(open),
    }
}

fn shown(model: Model, (width, height): Size) -> Harness<'static, World> {
    open_sized(model, width, height)
}

/// A community without the banner about the recovery words.
fn calm() -> Model {
    let mut model = rich();
    change(&mut model, |snapshot| snapshot.recovery_pending = false);
    change_community(&mut model, |community| {
        let mut channels = Vec::clone(&community.channels);
        for channel in &mut channels {
            channel.rights.push("manage-messages".to_owned());
        }
        community.channels = Arc::new(channels);
    });
    model
}

/// The account's own name and everything before there is a community.
pub(crate) fn start() -> Vec<Screen> {
    let failure = || Failure {
        what: FAULT.to_owned(),
        remedy: REMEDY.to_owned(),
        may_restart: true,
    };
    let step = |of: FirstStep| {
        move |size| {
            let mut harness = shown(lonely(), size);
            harness.state_mut().state.forms.first_step = of;
            harness.run_ok();
            harness
        }
    };
    let phase = |of: Phase| move |size| shown(nobody(of.clone()), size);
    vec![
        screen("the name", |size| shown(first_run(), size)),
        screen("a name that is too long", |size| {
            let mut harness = shown(first_run(), size);
            harness.state_mut().state.forms.first_name = Some("é".repeat(60));
            harness.run_ok();
            harness
        }),
        screen(
            "the key is made",
            phase(Phase::FirstRun {
                suggested_name: "mira".to_owned(),
                error: None,
                busy: true,
            }),
        ),
        screen("the key", step(FirstStep::Key)),
        screen("where to", step(FirstStep::Choices)),
        screen("where to, with neighbours", |size| {
            let mut model = lonely();
            change(&mut model, |snapshot| snapshot.nearby = Arc::new(nearby()));
            let mut harness = shown(model, size);
            harness.state_mut().state.forms.first_step = FirstStep::Choices;
            harness.run_ok();
            harness
        }),
        screen("the start", phase(Phase::Starting)),
        screen("a sealed store", phase(Phase::Locked { wrong: true })),
        screen("no start", phase(Phase::Failed(failure()))),
        screen("nothing here yet", step(FirstStep::Done)),
        screen("a node that has ended", move |size| {
            let mut model = calm();
            model.phase = Phase::Failed(failure());
            shown(model, size)
        }),
    ]
}

/// Panes with a community.
pub(crate) fn panes() -> Vec<Screen> {
    vec![
        screen("panes with a banner", |size| shown(rich(), size)),
        screen("a disk without room", |size| {
            let mut model = calm();
            change(&mut model, |snapshot| {
                snapshot.trouble = Some(CommandError::new(ErrorCode::Storage, "no space left"));
            });
            shown(model, size)
        }),
        screen("panes", |size| shown(calm(), size)),
        screen("many communities", |size| {
            let mut model = calm();
            change(&mut model, |snapshot| {
                let like = snapshot.communities.values().next().cloned();
                let more = (2..12).map(|n| (CommunityId([n; 32]), like.clone().unwrap()));
                snapshot.communities.extend(more);
            });
            shown(model, size)
        }),
        screen("the list of channels", |size| {
            let mut model = calm();
            change_community(&mut model, |community| {
                let mut channels = Vec::clone(&community.channels);
                let mut voice = channels[0].clone();
                (voice.channel, voice.kind) = (ChannelId([31; 32]), ChannelKind::Voice);
                let mut category = channels[0].clone();
                (category.channel, category.kind) = (ChannelId([32; 32]), ChannelKind::Category);
                channels.extend([voice, category]);
                community.channels = Arc::new(channels);
            });
            with_side(model, size)
        }),
        screen("messages that wait", |size| {
            let mut model = calm();
            change(&mut model, |snapshot| {
                snapshot.waiting = 12;
                snapshot.connections = Arc::default();
            });
            with_side(model, size)
        }),
        screen("a community without channels", |size| {
            let mut model = calm();
            change_community(&mut model, |community| community.channels = Arc::default());
            with_side(model, size)
        }),
        screen("a community without channels to see", |size| {
            let mut model = calm();
            change_community(&mut model, |community| {
                community.channels = Arc::default();
                community.rights.clear();
            });
            with_side(model, size)
        }),
        screen("a community on its way", |size| {
            let mut model = calm();
            change_community(&mut model, |community| {
                community.channels = Arc::default();
                community.name.clear();
            });
            with_side(model, size)
        }),
        screen("the menu of the community", |size| {
            let mut harness = with_side(calm(), size);
            click_named(&mut harness, "Alloquy dev,", false);
            harness
        }),
        screen("the menu of a channel", |size| {
            let mut harness = with_side(calm(), size);
            click_named(&mut harness, " general", true);
            harness
        }),
    ]
}

fn with_side(model: Model, size: Size) -> Harness<'static, World> {
    let mut harness = shown(model, size);
    if !harness.state().state.side_open && size.0 < 760.0 {
        act(&mut harness, Action::ToggleSide);
    }
    harness
}

/// Clicks the button whose name has this data in it.
fn click_named(harness: &mut Harness<'static, World>, data: &str, secondary: bool) {
    let node = harness.get_by(|node| {
        let label = node.label().unwrap_or_default();
        // Not the community's icon in the rail.
        let side = node.raw_bounds().is_some_and(|bounds| bounds.x0 > 60.0);
        let role = matches!(node.role(), egui::Role::Button | egui::Role::ListItem);
        side && role && label.contains(data)
    });
    let at = node.rect().center();
    if secondary {
        node.click_secondary();
    } else {
        node.click();
    }
    harness.hover_at(at);
    harness.run_ok();
    harness.run_ok();
    assert!(
        egui::Popup::is_any_open(&harness.ctx),
        "{data:?} has no menu"
    );
}

/// Whether anything on the screen has such a name.
fn has(harness: &Harness<'static, World>, fits: impl Fn(&str) -> bool) -> bool {
    let mut nodes = harness.root().children_recursive();
    nodes.any(|node| fits(&node.accesskit_node().label().unwrap_or_default()))
}

/// Messages with everything that they can carry.
fn full() -> Model {
    let mut model = calm();
    let mut messages = numbered(0..14);
    messages[0].time = UnixMs(NOON.0 - 400 * 24 * 3_600_000);
    messages[1].time = UnixMs(NOON.0 - 24 * 3_600_000);
    messages[2].deleted = true;
    messages[3].waiting = true;
    messages[4].arrived_later = true;
    messages[5].edited = true;
    messages[5].bridged = true;
    messages[6].pinned = true;
    messages[6].author = ME;
    messages[6].delivery.state = DeliveryState::Read;
    messages[7].reply_to = Some(message_id(1));
    messages[7].quote = Some(QuoteView {
        author: account(0),
        text: String::new(),
    });
    messages[8].reply_to = Some(message_id(40));
    messages[9].replies = Some(RepliesView {
        count: 3,
        last: UnixMs(NOON.0 - 24 * 3_600_000),
    });
    messages[9].reactions = vec![reaction("🎉", &[1, 2]), reaction("👍", &[0])];
    messages[10].text = "it was ||Ada||".to_owned();
    messages[11].text = "a line\n".repeat(60);
    messages[12].mentions_me = true;
    change(&mut model, |snapshot| {
        let mut window = crate::fixture::window(messages);
        window.read = Some(message_id(12));
        window.typing = vec![account(1), account(2), account(3)];
        snapshot.windows.insert(GENERAL, Arc::new(window));
    });
    model
}

/// The timeline and the composer.
pub(crate) fn conversation() -> Vec<Screen> {
    vec![
        screen("messages", |size| shown(full(), size)),
        screen("messages at their beginning", |size| {
            let mut model = full();
            change_window(&mut model, |window| {
                window.messages.truncate(4);
                window.read = None;
                window.typing.push(account(4));
            });
            shown(model, size)
        }),
        screen("a gap", |size| {
            let mut model = full();
            change_window(&mut model, |window| {
                window.messages.truncate(3);
                window.complete = false;
                window.read = None;
            });
            shown(model, size)
        }),
        screen("older messages", |size| {
            let mut model = full();
            change_window(&mut model, |window| {
                window.messages.truncate(3);
                window.at_start = false;
                window.read = None;
            });
            shown(model, size)
        }),
        screen("new messages above", |size| {
            let mut model = calm();
            change(&mut model, |snapshot| {
                let mut window = crate::fixture::window(numbered(0..150));
                window.read = Some(message_id(50));
                snapshot.windows.insert(GENERAL, Arc::new(window));
            });
            shown(model, size)
        }),
        screen("a message under the pointer", |size| {
            let mut harness = shown(full(), size);
            harness.hover_at(egui::pos2(size.0 * 0.6, size.1 * 0.4));
            harness.run_ok();
            assert!(has(&harness, |name| name.ends_with("(T)")));
            harness
        }),
        screen("the menu of a message", |size| {
            let mut model = calm();
            change(&mut model, |snapshot| {
                let window = crate::fixture::window([message(0, "message 13")]);
                snapshot.windows.insert(GENERAL, Arc::new(window));
            });
            let mut harness = shown(model, size);
            click_named(&mut harness, "message 13", true);
            harness
        }),
        screen("messages that were not sent", |size| {
            let mut harness = shown(calm(), size);
            let composer = harness.state_mut().state.composers.entry(SLOT).or_default();
            for (id, error) in [(90, None), (91, Some("no space left".to_owned()))] {
                composer.unsent.push(Unsent {
                    id,
                    text: format!("message {id}"),
                    reply_to: None,
                    edits: None,
                    error,
                    stored: None,
                });
            }
            harness.run_ok();
            harness
        }),
        screen("a thread", |size| {
            let mut harness = shown(full(), size);
            act(&mut harness, Action::OpenThread(GENERAL, message_id(9)));
            harness
        }),
    ]
}

/// The composer in its states.
pub(crate) fn composers() -> Vec<Screen> {
    vec![
        screen("an answer", |size| {
            composing(size, |world| {
                let composer = world.state.composers.entry(SLOT).or_default();
                composer.mode = Mode::Reply(message_id(4));
            })
        }),
        screen("an edit", |size| {
            composing(size, |world| {
                let composer = world.state.composers.entry(SLOT).or_default();
                composer.mode = Mode::Edit(message_id(0));
            })
        }),
        screen("a text that is too long", |size| {
            composing(size, |world| {
                let composer = world.state.composers.entry(SLOT).or_default();
                composer.text = "🎉".repeat(TEXT_BYTES_MAX / 4 + 9);
            })
        }),
        screen("a text that is nearly too long", |size| {
            composing(size, |world| {
                let composer = world.state.composers.entry(SLOT).or_default();
                composer.text = "🎉".repeat(TEXT_BYTES_MAX / 4 - 9);
            })
        }),
        screen("slow mode", |size| {
            let mut model = calm();
            change_community(&mut model, |community| {
                let mut channels = Vec::clone(&community.channels);
                channels[0].slow_mode_ms = 30_000;
                community.channels = Arc::new(channels);
            });
            shown(model, size)
        }),
        screen("a channel to read only", |size| {
            let mut harness = shown(calm(), size);
            act(&mut harness, Action::GoChannel(COMMUNITY, NEWS));
            harness
        }),
        screen("a channel without messages", |size| {
            let mut harness = shown(calm(), size);
            act(&mut harness, Action::GoChannel(COMMUNITY, DESIGN));
            harness
        }),
        screen("completions", |size| {
            let mut harness = shown(calm(), size);
            harness.event(egui::Event::Text("hi @m".to_owned()));
            harness.run_ok();
            assert!(has(&harness, |name| name.contains("Mira")));
            harness
        }),
    ]
}

fn composing(size: Size, by: impl FnOnce(&mut World)) -> Harness<'static, World> {
    let mut harness = shown(calm(), size);
    by(harness.state_mut());
    harness.run_ok();
    harness
}

/// Short messages about what happened, over panes and over a sheet.
pub(crate) fn toasts() -> Vec<Screen> {
    let tell = |harness: &mut Harness<'static, World>| {
        act(harness, Action::Delete(GENERAL, message_id(0)));
        act(harness, Action::Copy("message".to_owned()));
        let world = harness.state_mut();
        world.state.open_link("alloquy://nonsense", &world.model);
        harness.run_ok();
    };
    vec![
        screen("short messages", move |size| {
            let mut harness = shown(calm(), size);
            tell(&mut harness);
            harness
        }),
        screen("short messages over a sheet", move |size| {
            let mut harness = shown(calm(), size);
            act(&mut harness, Action::Open(Overlay::Shortcuts));
            tell(&mut harness);
            harness
        }),
    ]
}

pub(crate) fn overlay(name: &str, overlay: Overlay, by: impl Fn(&mut World) + 'static) -> Screen {
    screen(name, move |size| {
        let mut harness = shown(rich(), size);
        harness.state_mut().state.forms.link = link();
        act(&mut harness, Action::Open(overlay.clone()));
        by(harness.state_mut());
        harness.run_ok();
        crate::sheets::answer(&mut harness);
        harness
    })
}

/// Every sheet as it opens, but for those about a community.
pub(crate) fn sheets() -> Vec<Screen> {
    let theirs = governance::sheets();
    let of = all().into_iter().filter(|of| !theirs.contains(of));
    of.map(|of| overlay(&format!("{of:?}"), of, |_| {}))
        .collect()
}

/// Sheets in their other states.
pub(crate) fn more_sheets() -> Vec<Screen> {
    let emoji = Overlay::Emoji(SLOT, None);
    vec![
        overlay("emoji", emoji.clone(), |_| {}),
        overlay(
            "a reaction",
            Overlay::Emoji(SLOT, Some(message_id(1))),
            |_| {},
        ),
        overlay("no emoji", emoji, |world| {
            world.state.forms.emoji = "qqqqzzzz".to_owned();
        }),
        overlay("no pins", Overlay::Pins(GENERAL), |world| {
            world.state.pins.insert(GENERAL, Vec::new());
        }),
        overlay("pins", Overlay::Pins(GENERAL), |world| {
            let mut pins = vec![message(0, "message 0"), message(1, ""), message(2, "")];
            pins[0].time = UnixMs(NOON.0 - 400 * 24 * 3_600_000);
            pins[1].deleted = true;
            pins[2].waiting = true;
            pins[2].author = account(77);
            world.state.pins.insert(GENERAL, pins);
        }),
        overlay("pins that are looked for", Overlay::Pins(GENERAL), |_| {}),
        overlay("a new community", Overlay::AddCommunity, |world| {
            world.state.forms.add_tab = AddTab::Create;
            world.state.forms.community = "é".repeat(60);
        }),
        overlay("a pasted mistake", Overlay::AddCommunity, |world| {
            world.state.forms.link = "alloquy message".to_owned();
        }),
        overlay("neighbours", Overlay::AddCommunity, |world| {
            world.state.forms.link.clear();
            world.state.forms.joining = true;
            world.state.forms.join_error = Some(FAULT.to_owned());
            change(&mut world.model, |snapshot| {
                snapshot.nearby = Arc::new(nearby());
                let asked = (CommunityId([52; 32]), "Choir".to_owned());
                snapshot.requested = Arc::new([asked].into());
            });
        }),
        overlay("no link yet", Overlay::AddCommunity, |world| {
            world.state.forms.link.clear()
        }),
        overlay(
            "an invite that can not be read",
            Overlay::JoinCard,
            |world| {
                world.state.forms.card = Some((link(), Err(FAULT.to_owned())));
            },
        ),
        overlay("an own community", Overlay::JoinCard, |world| {
            let mut card = invite(true);
            card.expires = None;
            world.state.forms.card = Some((link(), Ok(card)));
        }),
        overlay("a join", Overlay::JoinCard, |world| {
            world.state.forms.joining = true
        }),
        overlay("a revoked link", Overlay::Invite(COMMUNITY), |world| {
            world.state.forms.invite = None;
            world.state.forms.invite_revoked = true;
        }),
        overlay("a copied link", Overlay::Invite(COMMUNITY), |world| {
            if let Some(made) = &mut world.state.forms.invite {
                made.copied = true;
            }
        }),
    ]
}

/// The rest of them.
pub(crate) fn most_sheets() -> Vec<Screen> {
    vec![
        overlay("words asked back", Overlay::Recovery, |world| {
            world.state.forms.recovery = recovery_words();
            world.state.forms.recovery_asked =
                Some([(2, String::new()), (5, String::new()), (11, String::new())]);
        }),
        overlay("confirmed words", Overlay::Recovery, |world| {
            change(&mut world.model, |snapshot| {
                snapshot.recovery_pending = false
            });
            world.state.forms.recovery.clear();
        }),
        overlay("addresses", Overlay::Connections, |world| {
            world.state.forms.addresses_shown = true
        }),
        overlay("only a relay", Overlay::Connections, |world| {
            change(&mut world.model, |snapshot| {
                let peers = &mut Arc::make_mut(&mut snapshot.connections).peers;
                peers.retain(|peer| peer.path == Some(alloquy_api::snapshot::PathKind::Relayed));
            });
        }),
        overlay("nobody", Overlay::Connections, |world| {
            change(&mut world.model, |snapshot| {
                snapshot.waiting = 7;
                snapshot.connections = Arc::default();
            });
        }),
        overlay(
            "a kick",
            Overlay::ConfirmRemoval(COMMUNITY, BEN, Removal::Kick),
            |world| {
                world.state.forms.reason = "é".repeat(2_000);
            },
        ),
        overlay(
            "a former member",
            Overlay::Profile(COMMUNITY, account(77)),
            |_| {},
        ),
        overlay("a message search", Overlay::Switcher, |world| {
            world.state.forms.switcher = "?".to_owned();
        }),
        overlay("nothing found", Overlay::Switcher, |world| {
            world.state.forms.switcher = "qqqqzzzz".to_owned();
        }),
        overlay("commands", Overlay::Switcher, |world| {
            world.state.forms.switcher = ">".to_owned();
        }),
        overlay(
            "muted channels",
            Overlay::Settings(SettingsPage::Notifications),
            |world| {
                let rule = alloquy_ui::state::Rule {
                    when: None,
                    muted: Some(alloquy_ui::state::Muted::Always),
                };
                let of = alloquy_ui::state::Heard::Channel(DESIGN);
                let set = Action::SetRule(of, rule);
                let effects = world.state.apply(set, &world.model);
                world.effects.extend(effects);
            },
        ),
        overlay(
            "a name without letters",
            Overlay::Settings(SettingsPage::Profile),
            |world| {
                world.state.forms.own = Some(alloquy_ui::state::OwnProfile::default());
            },
        ),
    ]
}

/// A model that is only looked at for its names.
pub(crate) fn names() -> Model {
    model(Vec::new())
}
