//! A conversation: who is in it, and what can be done about it.

use alloquy_api::Command;
use alloquy_api::command::CommunityRef;
use alloquy_api::limits::{GROUP_OTHERS_MAX, NAME_BYTES_MAX};
use alloquy_api::personal::{DirectKind, DirectView, PersonalCommand};
use alloquy_ids::{AccountId, CommunityId};
use egui::{Sense, Ui};
use lucide_icons::Icon;

use super::{confirm, fault, order, somebody, standing};
use crate::action::Action;
use crate::state::{Order, Overlay, Standing, account_ref};
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::directs::title;
use crate::views::side::menu_item;
use crate::widgets::{
    Field, Sheet, Tone, Weight, button, field, key_words, keyed_sheet, label, notice, over_limit,
    section,
};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) -> bool {
    let direct = view.model.direct(id).cloned();
    let name = direct.as_ref().map(title).unwrap_or_default();
    let words = Sheet {
        title: &name,
        width: 460.0,
    };
    keyed_sheet(ui, "conversation", words, |ui| {
        let palette = theme::palette(ui);
        let Some(direct) = &direct else {
            label(ui, say::direct_gone(), font::message(), palette.text);
            return;
        };
        fault(view, ui, &Overlay::Conversation(id));
        match (direct.kind, direct.accounts.first()) {
            (DirectKind::Notes, _) => {
                label(ui, say::direct_notes_more(), font::message(), palette.text);
            }
            (DirectKind::Two, Some(account)) => two(view, ui, direct, *account),
            _ => group(view, ui, direct),
        }
        keeper(view, ui, id);
        ui.add_space(space::S);
        if menu_item(ui, Icon::Bell, say::hearing_title()) {
            view.act(Action::Open(Overlay::Hearing(id, None)));
        }
    })
}

/// Who keeps what is written here while people are away.
fn keeper(view: &View<'_>, ui: &mut Ui, id: CommunityId) {
    let palette = theme::palette(ui);
    let homes = view.model.snapshot.homes.iter();
    let names: Vec<String> = homes
        .filter(|home| home.keeps.contains(&id))
        .map(|home| crate::text::name(&home.name))
        .collect();
    section(ui, say::history_lives());
    let devices = view.model.snapshot.devices.len().max(1) as u64;
    let own = say::history_devices(devices);
    let words = if names.is_empty() {
        say::history_no_home(own)
    } else {
        say::history_homes(own, names.join(", "))
    };
    label(ui, &words, font::message(), palette.text);
}

fn two(view: &mut View<'_>, ui: &mut Ui, direct: &DirectView, account: AccountId) {
    let palette = theme::palette(ui);
    let about = standing(view, account);
    somebody(view, ui, account, &about, Sense::hover());
    let why = say::profile_key(view.model.name_of(account));
    label(ui, &why, font::secondary(), palette.text_dim);
    key_words(ui, &account.words());
    if !direct.verified {
        notice(ui, Weight::Info, say::verify_not_yet());
    }
    ui.add_space(space::S);
    if menu_item(ui, Icon::ShieldCheck, say::verify()) {
        view.act(Action::Open(Overlay::Verify(account)));
    }
    if view.model.contact(account).is_some()
        && menu_item(ui, Icon::UserRoundMinus, say::contact_remove())
    {
        let account = account_ref(account);
        order(view, PersonalCommand::ContactRemove { account });
    }
    if direct.blocked {
        if menu_item(ui, Icon::Ban, say::unblock()) {
            let account = account_ref(account);
            order(view, PersonalCommand::Unblock { account });
        }
    } else if menu_item(ui, Icon::Ban, say::block_more()) {
        view.act(Action::Open(Overlay::ConfirmBlock(account)));
    }
}

fn group(view: &mut View<'_>, ui: &mut Ui, direct: &DirectView) {
    let id = direct.community;
    let me = view.model.me();
    let Some(community) = view.model.snapshot.communities.get(&id).cloned() else {
        return;
    };
    let own = Standing::of(&community, me);
    if own.has("manage-community") {
        rename(view, ui, direct);
    }
    section(ui, &say::direct_people(community.members.len() as u64));
    for member in community.members.iter() {
        let mut about = if member.account == me {
            say::person_you().to_owned()
        } else {
            standing(view, member.account)
        };
        if member.owner {
            about = format!("{about} · {}", say::group_creator());
        }
        let response = somebody(view, ui, member.account, &about, Sense::click());
        if response.clicked() {
            view.act(Action::Open(Overlay::Profile(id, member.account)));
        }
    }
    let full = community.members.len() > GROUP_OTHERS_MAX;
    if own.has("invite") && !full && menu_item(ui, Icon::UserRoundPlus, say::group_add()) {
        view.act(Action::Open(Overlay::GroupAdd(id)));
    }
    if menu_item(ui, Icon::LogOut, say::group_leave()) {
        view.act(Action::Open(Overlay::ConfirmLeave(id)));
    }
}

fn rename(view: &mut View<'_>, ui: &mut Ui, direct: &DirectView) {
    let long = over_limit(&view.state.personal.name, NAME_BYTES_MAX);
    let empty = view.state.personal.name.trim().is_empty();
    let empty = empty.then_some(say::name_empty());
    let words = Field {
        name: say::group_name(),
        hint: "",
        error: long.as_deref().or(empty),
        secret: false,
    };
    field(ui, &mut view.state.personal.name, words);
    let name = view.state.personal.name.trim().to_owned();
    let ready = match (long.is_some() || empty.is_some(), name == direct.name) {
        (true, _) => Err(say::own_unfit()),
        (_, true) => Err(say::own_unchanged()),
        _ => Ok(()),
    };
    if button(ui, Tone::Plain, say::save(), ready).clicked() {
        view.act(Action::Govern(Box::new(Order {
            command: Command::Rename {
                target: direct.community.to_string(),
                name: name.clone(),
            },
            done: say::place_saved(name),
            closes: Vec::new(),
        })));
    }
}

/// Whether to take somebody out of a group.
pub(super) fn remove(
    view: &mut View<'_>,
    ui: &mut Ui,
    id: CommunityId,
    account: AccountId,
) -> bool {
    let title = say::group_remove_title(view.model.name_of(account));
    let command = PersonalCommand::GroupRemove {
        group: CommunityRef(id.to_string()),
        account: account_ref(account),
    };
    let on = Overlay::ConfirmGroupRemoval(id, account);
    let about = [say::group_remove_about()];
    let words = (title.as_str(), &about[..], say::group_remove());
    confirm(view, ui, ("group removal", &on), words, command)
}
