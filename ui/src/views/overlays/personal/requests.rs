//! Who wants to write and is not known: who it is, through which community, and the first words. No pictures.

use alloquy_api::personal::{DmRequestView, PersonalCommand};
use egui::{Frame, Margin, Sense, Ui};
use std::sync::Arc;

use super::super::community::line::{Face, line};
use super::super::spans;
use super::{fault, order};
use crate::action::Action;
use crate::state::{Overlay, account_ref};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::widgets::{Sheet, Tone, button, key_words, label, sheet};
use crate::words::say;

/// Characters of the first words that are shown.
const WORDS_MAX: usize = 256;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::dm_requests(),
        width: 520.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        let requests = Arc::clone(&view.model.snapshot.dm_requests);
        if requests.is_empty() {
            label(ui, say::dm_requests_none(), font::message(), palette.text);
            return;
        }
        label(
            ui,
            say::dm_requests_about(),
            font::secondary(),
            palette.text_dim,
        );
        fault(view, ui, &Overlay::Requests);
        for request in requests.iter() {
            ui.push_id((request.account, request.group), |ui| {
                one(view, ui, request)
            });
        }
    })
}

fn one(view: &mut View<'_>, ui: &mut Ui, request: &DmRequestView) {
    let palette = theme::palette(ui);
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::same(12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            let name = text::name(&request.name);
            let about = through(view, request);
            let face = Face::Somebody(request.account.as_bytes(), &name);
            line(ui, face, (&name, &about), Sense::hover());
            let said = text::clean(&text::covered(&request.text), WORDS_MAX);
            if !said.trim().is_empty() {
                label(ui, &said, font::message(), palette.text_strong);
            }
            label(ui, say::dm_requests_key(), font::meta(), palette.text_dim);
            key_words(ui, &request.account.words());
            ui.add_space(space::XS);
            ui.horizontal_wrapped(|ui| {
                let account = || account_ref(request.account);
                if button(ui, Tone::Primary, say::accept(), Ok(())).clicked() {
                    order(view, PersonalCommand::DmAccept { account: account() });
                }
                if button(ui, Tone::Plain, say::decline(), Ok(())).clicked() {
                    order(view, PersonalCommand::DmDecline { account: account() });
                }
                if button(ui, Tone::Plain, say::block_more(), Ok(())).clicked() {
                    view.act(Action::Open(Overlay::ConfirmBlock(request.account)));
                }
            });
        });
}

/// Through what somebody came, and when.
fn through(view: &View<'_>, request: &DmRequestView) -> String {
    let when = spans::ago(view.model.clock.now, request.time);
    let group = request.group.map(|_| say::request_group());
    let community = request.community.and_then(|id| view.model.community(id));
    let through = match community {
        Some(community) => say::request_through(text::name(&community.name)),
        None => say::request_stranger().to_owned(),
    };
    match group {
        Some(group) => format!("{group} · {through} · {when}"),
        None => format!("{through} · {when}"),
    }
}
