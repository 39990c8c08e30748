//! Choosing with whom to talk: one is a conversation of two, several are a group.

use std::collections::BTreeSet;

use alloquy_api::limits::{GROUP_OTHERS_MAX, NAME_BYTES_MAX};
use alloquy_api::personal::PersonalCommand;
use alloquy_ids::{AccountId, CommunityId};
use egui::Ui;
use lucide_icons::Icon;

use super::super::community::line::{Face, pick_line};
use super::{busy, fault, order};
use crate::action::Action;
use crate::model::Model;
use crate::state::{Overlay, account_ref};
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::side::menu_item;
use crate::widgets::{Field, Sheet, Tone, entered, field, label, over_limit, sheet, wide_button};
use crate::words::say;

/// People that are listed at once: more are found by their letters.
const LISTED_MAX: usize = 40;

/// Everybody whom one may write to, contacts first, then by name; never oneself, and nobody who is blocked.
fn people(model: &Model, letters: &str) -> Vec<(AccountId, String)> {
    let me = model.me();
    let contacts = model.snapshot.contacts.iter().map(|of| of.account);
    let communities = model.snapshot.communities.values();
    let members = communities.flat_map(|of| of.members.iter().map(|member| member.account));
    let mut seen = BTreeSet::from([me]);
    let letters = letters.trim().to_lowercase();
    let mut found: Vec<(bool, String, AccountId)> = Vec::new();
    for account in contacts.chain(members) {
        if !seen.insert(account) || model.is_blocked(account) {
            continue;
        }
        let name = model.name_of(account);
        if name.to_lowercase().contains(&letters) {
            found.push((model.contact(account).is_none(), name, account));
        }
    }
    found
        .sort_by_cached_key(|(stranger, name, account)| (*stranger, name.to_lowercase(), *account));
    found.truncate(LISTED_MAX);
    found
        .into_iter()
        .map(|(_, name, account)| (account, name))
        .collect()
}

/// Where somebody is known from.
fn known_from(model: &Model, account: AccountId) -> String {
    if model.contact(account).is_some() {
        return say::person_contact().to_owned();
    }
    let mut communities = model.rail().into_iter();
    let shared = communities.find(|id| model.member(*id, account).is_some());
    let shared = shared.and_then(|id| model.community(id));
    shared.map_or_else(String::new, |of| {
        say::person_of(crate::text::name(&of.name))
    })
}

fn find(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Field {
        name: say::person_find(),
        hint: "",
        error: None,
        secret: false,
    };
    let response = field(ui, &mut view.state.personal.find, words);
    let enter = entered(ui, &response);
    if enter {
        response.request_focus();
    }
    enter
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::direct_start(),
        width: 460.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        label(
            ui,
            say::direct_start_about(),
            font::secondary(),
            palette.text_dim,
        );
        let enter = find(view, ui);
        let found = people(view.model, &view.state.personal.find);
        let full = view.state.personal.chosen.len() >= GROUP_OTHERS_MAX;
        let mut toggled = None;
        if found.is_empty() {
            label(ui, say::person_none(), font::control(), palette.text_dim);
        }
        for (account, name) in &found {
            let chosen = view.state.personal.chosen.contains(account);
            let from = known_from(view.model, *account);
            let face = Face::Somebody(account.as_bytes(), name);
            let pressed = pick_line(ui, face, (name, &from), chosen).clicked();
            if pressed && (chosen || !full) {
                toggled = Some(*account);
            }
        }
        if enter && !view.state.personal.find.trim().is_empty() {
            toggled = toggled.or(found.first().map(|(account, _)| *account));
            view.state.personal.find.clear();
        }
        if let Some(account) = toggled {
            let chosen = &mut view.state.personal.chosen;
            if !chosen.remove(&account) {
                chosen.insert(account);
            }
            ui.ctx().request_repaint();
        }
        ui.add_space(space::S);
        if menu_item(ui, Icon::QrCode, say::contact_link_title()) {
            view.act(Action::Open(Overlay::ContactLink));
        }
        ui.add_space(space::S);
        fault(view, ui, &Overlay::StartDirect);
        step(view, ui);
    })
}

/// The one step: writing to somebody, or making a group.
fn step(view: &mut View<'_>, ui: &mut Ui) {
    let chosen: Vec<AccountId> = view.state.personal.chosen.iter().copied().collect();
    if busy(view, ui, &Overlay::StartDirect, say::direct_opening()) {
        return;
    }
    if let [account] = chosen[..] {
        let words = say::direct_write_to(view.model.name_of(account));
        if wide_button(ui, Tone::Primary, &words, Ok(())).clicked() {
            let account = account_ref(account);
            order(view, PersonalCommand::Dm { account });
        }
        return;
    }
    if chosen.is_empty() {
        let why = say::direct_choose();
        wide_button(ui, Tone::Primary, say::direct_write(), Err(why));
        return;
    }
    let long = over_limit(&view.state.personal.name, NAME_BYTES_MAX);
    let words = Field {
        name: say::group_name(),
        hint: say::group_hint(),
        error: long.as_deref(),
        secret: false,
    };
    let typed = field(ui, &mut view.state.personal.name, words);
    let enter = entered(ui, &typed);
    let name = view.state.personal.name.trim().to_owned();
    let ready = match (name.is_empty(), long.is_some()) {
        (true, _) => Err(say::name_empty()),
        (_, true) => Err(say::name_too_long()),
        _ => Ok(()),
    };
    let words = say::group_make(chosen.len() as u64 + 1);
    let pressed = wide_button(ui, Tone::Primary, &words, ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        let accounts = chosen.into_iter().map(account_ref).collect();
        order(view, PersonalCommand::GroupCreate { name, accounts });
    }
}

/// Adding somebody to a group.
pub(super) fn add(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) -> bool {
    let words = Sheet {
        title: say::group_add(),
        width: 420.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        label(
            ui,
            say::group_add_about(),
            font::secondary(),
            palette.text_dim,
        );
        let enter = find(view, ui);
        fault(view, ui, &Overlay::GroupAdd(id));
        let model = view.model;
        let mut found = people(model, &view.state.personal.find);
        found.retain(|(account, _)| model.member(id, *account).is_none());
        if found.is_empty() {
            label(ui, say::person_none(), font::control(), palette.text_dim);
        }
        let mut taken = None;
        for (account, _) in &found {
            let from = known_from(model, *account);
            let sense = egui::Sense::click();
            if super::somebody(view, ui, *account, &from, sense).clicked() {
                taken = Some(*account);
            }
        }
        if enter && !view.state.personal.find.trim().is_empty() {
            taken = taken.or(found.first().map(|(account, _)| *account));
        }
        if let Some(account) = taken {
            view.state.personal.find.clear();
            let group = alloquy_api::command::CommunityRef(id.to_string());
            let account = account_ref(account);
            order(view, PersonalCommand::GroupAdd { group, account });
        }
    })
}
