//! Recovery words, later: finding them again, and making others.

use alloquy_api::personal::PersonalCommand;
use egui::Ui;

use super::{busy, confirm, fault, order};
use crate::state::Overlay;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::words_field;
use crate::widgets::{Sheet, Tone, label, sheet, wide_button};
use crate::words::say;

/// Typing them from where they were written down.
pub(super) fn check(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::recovery_check(),
        width: 560.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        label(
            ui,
            say::recovery_check_about(),
            font::message(),
            palette.text,
        );
        ui.add_space(space::XS);
        words_field::show(view, ui);
        fault(view, ui, &Overlay::CheckRecovery);
        if busy(view, ui, &Overlay::CheckRecovery, say::recovery_checking()) {
            return;
        }
        let phrase = view.state.personal.phrase();
        let ready = match &phrase {
            Some(_) => Ok(()),
            None => Err(say::recovery_all_twelve()),
        };
        let pressed = wide_button(ui, Tone::Primary, say::recovery_check_now(), ready).clicked();
        if let Some(words) = phrase.filter(|_| pressed) {
            order(view, PersonalCommand::RecoveryCheck { words });
        }
    })
}

/// Whether to make others: the old ones end.
pub(super) fn replace(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let about = [say::recovery_replace_about(), say::recovery_replace_then()];
    let words = (
        say::recovery_replace_title(),
        &about[..],
        say::recovery_replace(),
    );
    let on = Overlay::ReplaceRecovery;
    let key = ("recovery replacement", &on);
    confirm(view, ui, key, words, PersonalCommand::RecoveryReplace)
}
