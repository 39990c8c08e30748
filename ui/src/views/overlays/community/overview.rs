//! What a community is: name, topic, and its keys.

use alloquy_api::Command;
use alloquy_api::command::{CommunityRef, JoinRule};
use alloquy_api::nearby::Announce;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;
use egui::Ui;

use crate::action::Action;
use crate::state::{Order, Standing};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::widgets::{Field, Tone, button, field, label, section, switch, switch_fixed};
use crate::words::say;

pub(super) fn show(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    community: &CommunitySnapshot,
) {
    let palette = theme::palette(ui);
    let own = Standing::of(community, view.model.me());
    if own.has("manage-content") {
        place_fields(view, ui, say::create_name());
    } else {
        let name = text::name(&community.name);
        label(ui, &name, font::h1(), palette.text_strong);
        let topic = text::clean(&community.topic, alloquy_api::limits::TOPIC_BYTES_MAX);
        label(ui, &topic, font::message(), palette.text);
    }
    let words = say::community_members(community.members.len() as u64);
    label(ui, &words, font::secondary(), palette.text_dim);
    nearby(view, ui, id, community);
    if !own.has("manage-community") {
        return;
    }
    section(ui, say::keys());
    label(ui, say::keys_about(), font::secondary(), palette.text_dim);
    if button(ui, Tone::Plain, say::keys_change(), Ok(())).clicked() {
        view.act(Action::Govern(Box::new(Order {
            command: Command::Rekey {
                target: CommunityRef(id.to_string()).0,
            },
            done: say::keys_changed().to_owned(),
            closes: Vec::new(),
        })));
    }
}

/// Whether this computer tells its local network of the community.
fn nearby(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, community: &CommunitySnapshot) {
    let own = Standing::of(community, view.model.me());
    let may = match community.policy.joins {
        JoinRule::Invite => Err(say::announce_invite_only()),
        JoinRule::Open if own.has("invite") => Ok(()),
        JoinRule::Approval if own.has("invite") || own.has("manage-community") => Ok(()),
        JoinRule::Open | JoinRule::Approval => Err(say::announce_no_right()),
    };
    let on = community.nearby;
    section(ui, say::announce_title());
    let pressed = match may {
        // What was turned on before can be turned off whatever the rules have become.
        Err(why) if !on => switch_fixed(ui, on, say::announce(), why),
        _ => switch(ui, on, say::announce(), say::announce_about()),
    };
    if pressed.clicked() {
        let (announce, done) = match on {
            true => (Announce::Off, say::announced_no_more()),
            false => (Announce::On, say::announced_now()),
        };
        view.act(Action::Govern(Box::new(Order {
            command: Command::NearbyAnnounce {
                community: CommunityRef(id.to_string()),
                announce,
            },
            done: done.to_owned(),
            closes: Vec::new(),
        })));
    }
}

/// Name and topic of the community or the channel that is shown, with a button for what changed.
pub(super) fn place_fields(view: &mut View<'_>, ui: &mut Ui, name: &str) {
    let Some(mut draft) = view.state.governance.place.take() else {
        return;
    };
    let name_fault = draft.name_fault();
    let words = Field {
        name,
        hint: "",
        error: name_fault.as_deref(),
        secret: false,
    };
    field(ui, &mut draft.name, words);
    let topic_fault = draft.topic_fault();
    let words = Field {
        name: say::place_topic(),
        hint: say::place_topic_hint(),
        error: topic_fault.as_deref(),
        secret: false,
    };
    field(ui, &mut draft.topic, words);
    let commands = draft.commands();
    let ready = match (name_fault.or(topic_fault), commands.is_empty()) {
        (Some(_), _) => Err(say::own_unfit()),
        (None, true) => Err(say::own_unchanged()),
        (None, false) => Ok(()),
    };
    if button(ui, Tone::Primary, say::save(), ready).clicked() {
        for command in commands {
            view.act(Action::Govern(Box::new(Order {
                command,
                done: say::place_saved(text::name(&draft.name)),
                closes: Vec::new(),
            })));
        }
    }
    view.state.governance.place = Some(draft);
}
