//! Contacts, the own link, whoever is blocked, and what others learn about reading.

use std::sync::Arc;

use alloquy_api::personal::{ContactView, OnOff, PersonalCommand};
use egui::{Sense, Ui};
use lucide_icons::Icon;

use crate::action::Action;
use crate::state::{Overlay, SettingsPage, account_ref};
use crate::text;
use crate::theme::{self, font};
use crate::views::View;
use crate::views::overlays::community::line::{Face, line};
use crate::views::overlays::personal::{fault, order};
use crate::views::side::menu_item;
use crate::widgets::{Tone, button, label, section, switch};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    fault(view, ui, &Overlay::Settings(SettingsPage::People));
    if menu_item(ui, Icon::QrCode, say::contact_title()) {
        view.act(Action::Open(Overlay::ContactLink));
    }
    let receipts = view.model.snapshot.receipts;
    let about = say::receipts_about();
    if switch(ui, receipts, say::receipts(), about).clicked() {
        let receipts = if receipts { OnOff::Off } else { OnOff::On };
        order(view, PersonalCommand::Receipts { receipts });
    }
    let contacts = Arc::clone(&view.model.snapshot.contacts);
    section(ui, say::contacts());
    let known: Vec<&ContactView> = contacts.iter().filter(|of| !of.blocked).collect();
    if known.is_empty() {
        label(
            ui,
            say::contacts_none(),
            font::secondary(),
            palette.text_dim,
        );
    }
    for contact in known {
        one(view, ui, contact);
    }
    section(ui, say::blocked_list());
    let blocked: Vec<&ContactView> = contacts.iter().filter(|of| of.blocked).collect();
    if blocked.is_empty() {
        label(ui, say::blocked_none(), font::secondary(), palette.text_dim);
    }
    for contact in blocked {
        ui.push_id(contact.account, |ui| {
            let name = text::name(&contact.name);
            let face = Face::Somebody(contact.account.as_bytes(), &name);
            line(ui, face, (&name, say::blocked()), Sense::hover());
            if button(ui, Tone::Plain, say::unblock(), Ok(())).clicked() {
                let account = account_ref(contact.account);
                order(view, PersonalCommand::Unblock { account });
            }
        });
    }
}

/// A contact; pressing it opens the conversation.
fn one(view: &mut View<'_>, ui: &mut Ui, contact: &ContactView) {
    let name = text::name(&contact.name);
    let presence = if contact.online {
        say::presence_online()
    } else {
        say::presence_offline()
    };
    let about = if contact.verified {
        format!("{presence} · {}", say::verified())
    } else {
        presence.to_owned()
    };
    let face = Face::Somebody(contact.account.as_bytes(), &name);
    if line(ui, face, (&name, &about), Sense::click()).clicked() {
        let account = account_ref(contact.account);
        order(view, PersonalCommand::Dm { account });
    }
}
