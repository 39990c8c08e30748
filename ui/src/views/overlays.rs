//! Sheets, dialogs and pickers.

mod emoji;
mod pins;

use egui::{Color32, Ui};

use super::View;
use crate::action::Action;
use crate::model::Model;
use crate::state::Overlay;
use crate::theme::Palette;
use crate::widgets::{Field, Sheet, Tone, button, field, sheet};
use alloquy_api::snapshot::PathKind;

/// Shows what is open, the topmost last.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    for overlay in view.state.overlays.clone() {
        let close = match &overlay {
            Overlay::AddCommunity => add_community(view, ui),
            Overlay::Emoji(slot, message) => emoji::show(view, ui, *slot, *message),
            Overlay::Pins(channel) => pins::show(view, ui, *channel),
            _ => false,
        };
        if close {
            view.act(Action::Dismiss);
        }
    }
}

fn add_community(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: "Add a community",
        width: 480.0,
    };
    sheet(ui, words, |ui| {
        let words = Field {
            name: "Name",
            hint: "",
            error: view.state.forms.create_error.as_deref(),
            secret: false,
        };
        field(ui, &mut view.state.forms.community, words);
        if button(ui, Tone::Primary, "Create", Ok(())).clicked() {
            let name = view.state.forms.community.trim().to_owned();
            view.act(Action::CreateCommunity(name, None));
        }
    })
}

/// How this node reaches others, in a few words, and the colour of it.
pub(super) fn connection_words(model: &Model, palette: &Palette) -> (String, Color32) {
    let peers = &model.snapshot.connections.peers;
    let by = |relayed: bool| {
        let of = peers
            .iter()
            .filter(|peer| peer.account.is_some())
            .filter_map(|peer| peer.path);
        of.filter(|path| (*path == PathKind::Relayed) == relayed)
            .count()
    };
    let (direct, relayed, waiting) = (by(false), by(true), model.snapshot.waiting);
    match (direct, relayed) {
        (0, 0) if waiting > 0 => (format!("Offline, {waiting} messages wait"), palette.warn),
        (0, 0) => ("Nobody is connected".to_owned(), palette.text_faint),
        (0, relayed) => (format!("Only through a relay ({relayed})"), palette.warn),
        (direct, 0) => (format!("{direct} direct"), palette.ok),
        (direct, relayed) => (format!("{direct} direct · {relayed} relayed"), palette.ok),
    }
}
