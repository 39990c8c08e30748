//! Closing the account.

use alloquy_api::personal::PersonalCommand;
use egui::Ui;

use super::{busy, fault, order};
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{Pressed, steps};
use crate::widgets::{Field, Sheet, Tone, Weight, field, label, notice, sheet};
use crate::words::say;

/// What it means, and whether to: the own name has to be typed.
pub(super) fn close(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::account_close_title(),
        width: 480.0,
    };
    let mut close = false;
    close |= sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        for about in [
            say::account_close_about(),
            say::account_close_others(),
            say::account_close_here(),
        ] {
            label(ui, about, font::message(), palette.text);
        }
        notice(ui, Weight::Bad, say::account_close_for_ever());
        ui.add_space(space::XS);
        let name = view.model.snapshot.name.clone();
        let shown = text::name(&name);
        let hint = say::account_close_type(&shown);
        let words = Field {
            name: &hint,
            hint: &shown,
            error: None,
            secret: false,
        };
        field(ui, &mut view.state.personal.farewell, words);
        fault(view, ui, &Overlay::CloseAccount);
        if busy(view, ui, &Overlay::CloseAccount, say::account_closing()) {
            return;
        }
        let typed = view.state.personal.farewell.trim() == name.trim();
        let ready = if typed {
            Ok(())
        } else {
            Err(say::account_close_first())
        };
        match steps(ui, (Tone::Danger, say::account_close()), ready) {
            Pressed::Step => order(view, PersonalCommand::AccountClose { name }),
            Pressed::Cancel => close = true,
            Pressed::Nothing => {}
        }
    });
    close
}
