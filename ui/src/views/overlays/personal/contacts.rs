//! The own contact link, that of somebody else, and blocking.

use alloquy_api::personal::PersonalCommand;
use alloquy_ids::AccountId;
use egui::Ui;

use super::super::invite::link_row;
use super::{busy, confirm, fault, order};
use crate::state::{Overlay, Pasted, account_ref, pasted_contact};
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{
    Field, Sheet, Tone, entered, field, label, qr, refocus, segments, sheet, under_way, wide_button,
};
use crate::words::say;

/// Side of the code where there is room, in points.
const QR_SIDE: f32 = 364.0;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::contact_title(),
        width: 480.0,
    };
    sheet(ui, words, |ui| {
        let adding = view.state.personal.adding;
        let tabs = [say::contact_own(), say::contact_add()];
        let chosen = segments(ui, say::contact_title(), &tabs, usize::from(adding));
        if let Some(chosen) = chosen {
            view.state.personal.adding = chosen == 1;
            refocus(ui);
            ui.ctx().request_repaint();
        }
        ui.add_space(space::S);
        fault(view, ui, &Overlay::ContactLink);
        if adding {
            add(view, ui);
        } else {
            own(view, ui);
        }
    })
}

fn own(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let Some(link) = view.state.personal.contact_link.clone() else {
        if view.state.personal.fault.is_some() {
            if wide_button(ui, Tone::Plain, say::try_again(), Ok(())).clicked() {
                order(view, PersonalCommand::ContactLink);
            }
            return;
        }
        refocus(ui);
        return under_way(ui, say::link_making());
    };
    label(ui, say::contact_own_about(), font::message(), palette.text);
    link_row(view, ui, (&link, say::contact_spoken()), false);
    let side = QR_SIDE.min(ui.available_width());
    let name = say::contact_picture();
    let hint = say::contact_scan();
    qr(ui, &mut view.state.qr, (&link, name), (side, hint));
}

fn add(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let judged = pasted_contact(&view.state.personal.contact);
    let wrong = match &judged {
        Pasted::Wrong(why) => Some(why.clone()),
        _ => None,
    };
    let words = Field {
        name: say::contact_link(),
        hint: "alloquy://contact/…",
        error: wrong.as_deref(),
        secret: false,
    };
    let typed = field(ui, &mut view.state.personal.contact, words);
    let enter = entered(ui, &typed);
    label(
        ui,
        say::contact_add_about(),
        font::secondary(),
        palette.text_dim,
    );
    if busy(view, ui, &Overlay::ContactLink, say::contact_adding()) {
        return;
    }
    let link = match judged {
        Pasted::Contact(link) => Ok(link),
        _ => Err(say::contact_paste()),
    };
    let ready = link.as_ref().map(|_| ()).map_err(|why| *why);
    let pressed = wide_button(ui, Tone::Primary, say::contact_add_now(), ready).clicked();
    if let Ok(link) = link
        && (pressed || enter)
    {
        order(view, PersonalCommand::ContactAdd { link });
    }
}

/// Whether to block somebody.
pub(super) fn block(view: &mut View<'_>, ui: &mut Ui, account: AccountId) -> bool {
    let title = say::block_title(view.model.name_of(account));
    let command = PersonalCommand::Block {
        account: account_ref(account),
    };
    let on = Overlay::ConfirmBlock(account);
    let about = [say::block_about(), say::block_communities()];
    let words = (title.as_str(), &about[..], say::block());
    confirm(view, ui, ("block", &on), words, command)
}
