//! Sheets about what concerns the person alone: conversations, contacts, devices, recovery words, home nodes.

mod account;
mod closing;
mod contacts;
mod conversation;
mod devices;
mod hearing;
mod homes;
mod recovery;
mod requests;
mod start;
mod verify;

pub(super) use devices::{called, icon_of};

use alloquy_api::personal::PersonalCommand;
use alloquy_ids::AccountId;
use egui::{Response, Ui};

use super::community::line::{Face, line};
use super::{Pressed, steps};
use crate::action::Action;
use crate::state::Overlay;
use crate::theme::{self, font};
use crate::views::View;
use crate::widgets::{Sheet, Tone, Weight, keyed_sheet, label, notice, under_way};
use crate::words::say;

/// Shows one of them.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, overlay: &Overlay) -> bool {
    match *overlay {
        Overlay::StartDirect => start::show(view, ui),
        Overlay::GroupAdd(group) => start::add(view, ui, group),
        Overlay::Requests => requests::show(view, ui),
        Overlay::Conversation(id) => conversation::show(view, ui, id),
        Overlay::ConfirmGroupRemoval(id, account) => conversation::remove(view, ui, id, account),
        Overlay::ContactLink => contacts::show(view, ui),
        Overlay::ConfirmBlock(account) => contacts::block(view, ui, account),
        Overlay::Verify(account) => verify::show(view, ui, account),
        Overlay::LinkDevice => devices::link(view, ui),
        Overlay::ConfirmRevocation(device) => devices::revoke(view, ui, device),
        Overlay::CheckRecovery => recovery::check(view, ui),
        Overlay::ReplaceRecovery => recovery::replace(view, ui),
        Overlay::CloseAccount => account::close(view, ui),
        Overlay::PairHome => homes::pair(view, ui),
        Overlay::ConfirmHomeRemoval(device) => homes::remove(view, ui, device),
        Overlay::Hearing(id, channel) => hearing::show(view, ui, id, channel),
        Overlay::Closing => closing::show(view, ui),
        _ => false,
    }
}

/// Gives an order to the node.
pub(super) fn order(view: &mut View<'_>, order: PersonalCommand) {
    view.act(Action::Personal(Box::new(order)));
}

/// What did not work on this sheet.
pub(super) fn fault(view: &View<'_>, ui: &mut Ui, on: &Overlay) {
    let fault = view.state.personal.fault.as_ref();
    if let Some((_, why)) = fault.filter(|(at, _)| at == on) {
        notice(ui, Weight::Bad, why);
    }
}

/// Whether an order of this sheet is under way; it is told then.
fn busy(view: &View<'_>, ui: &mut Ui, on: &Overlay, words: &str) -> bool {
    let busy = view.state.personal.busy.as_ref() == Some(on);
    if busy {
        under_way(ui, words);
    }
    busy
}

/// A line about somebody.
fn somebody(
    view: &View<'_>,
    ui: &mut Ui,
    account: AccountId,
    about: &str,
    sense: egui::Sense,
) -> Response {
    let name = view.model.name_of(account);
    let key = account.0;
    line(ui, Face::Somebody(&key, &name), (&name, about), sense)
}

/// How somebody stands, in a few words.
fn standing(view: &View<'_>, account: AccountId) -> String {
    let model = view.model;
    let mut parts = vec![if model.is_online(account) {
        say::presence_online()
    } else {
        say::presence_offline()
    }];
    if model.is_verified(account) {
        parts.push(say::verified());
    }
    if model.is_blocked(account) {
        parts.push(say::blocked());
    }
    parts.join(" · ")
}

/// Asks whether to do something that ends something.
fn confirm(
    view: &mut View<'_>,
    ui: &mut Ui,
    (key, on): (&str, &Overlay),
    (title, about, word): (&str, &[&str], &str),
    command: PersonalCommand,
) -> bool {
    let words = Sheet {
        title,
        width: 440.0,
    };
    let mut close = false;
    close |= keyed_sheet(ui, key, words, |ui| {
        let palette = theme::palette(ui);
        for about in about {
            label(ui, about, font::message(), palette.text);
        }
        fault(view, ui, on);
        match steps(ui, (Tone::Danger, word), Ok(())) {
            Pressed::Step => order(view, command),
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
        }
    });
    close
}
