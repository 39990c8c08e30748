//! Pairing with a home node, and parting with one.

use alloquy_api::limits::LINK_BYTES_MAX;
use alloquy_api::personal::{LinkStep, Linking, PersonalCommand};
use alloquy_ids::DeviceId;
use egui::Ui;

use super::{busy, confirm, fault, order};
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{
    Field, Sheet, Tone, Weight, entered, field, label, notice, over_limit, sheet, under_way,
    wide_button,
};
use crate::words::say;

/// Entering the code of a home node.
pub(super) fn pair(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::home_pair(),
        width: 480.0,
    };
    let mut close = false;
    close |= sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        let linking = view.state.pairing(view.model, Linking::Home).cloned();
        let step = linking.map(|linking| linking.step);
        if step == Some(LinkStep::Done) {
            notice(ui, Weight::Info, say::home_paired());
            close |= wide_button(ui, Tone::Primary, say::done_close(), Ok(())).clicked();
            return;
        }
        label(ui, say::home_pair_about(), font::message(), palette.text);
        label(ui, say::home_command(), font::code(), palette.text_strong);
        ui.add_space(space::XS);
        fault(view, ui, &Overlay::PairHome);
        if let Some(LinkStep::Failed(why)) = &step {
            notice(ui, Weight::Bad, &text::clean(why, 300));
        }
        let long = over_limit(&view.state.personal.code, LINK_BYTES_MAX);
        let words = Field {
            name: say::home_code(),
            hint: "7-anchor-river",
            error: long.as_deref(),
            secret: false,
        };
        let typed = field(ui, &mut view.state.personal.code, words);
        let enter = entered(ui, &typed);
        let waits = matches!(step, Some(LinkStep::Waiting | LinkStep::Talking));
        if waits {
            return under_way(ui, say::home_pairing());
        }
        if busy(view, ui, &Overlay::PairHome, say::home_pairing()) {
            return;
        }
        let code = view.state.personal.code.trim().to_owned();
        let ready = match (code.is_empty(), long.is_some()) {
            (true, _) => Err(say::code_missing()),
            (_, true) => Err(say::own_unfit()),
            _ => Ok(()),
        };
        let pressed = wide_button(ui, Tone::Primary, say::home_pair_now(), ready).clicked();
        if (pressed || enter) && ready.is_ok() {
            order(view, PersonalCommand::HomePair { code });
        }
    });
    close
}

/// Whether to part with a home node.
pub(super) fn remove(view: &mut View<'_>, ui: &mut Ui, device: DeviceId) -> bool {
    let mut homes = view.model.snapshot.homes.iter();
    let home = homes.find(|home| home.device == device);
    let name = home.map_or_else(|| device.short(), |home| text::name(&home.name));
    let title = say::home_remove_title(name);
    let command = PersonalCommand::HomeRemove {
        device: device.to_string(),
    };
    let on = Overlay::ConfirmHomeRemoval(device);
    let about = [say::home_remove_about()];
    let words = (title.as_str(), &about[..], say::home_remove());
    confirm(view, ui, ("home removal", &on), words, command)
}
