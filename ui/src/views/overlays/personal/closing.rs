//! What closing the window means, asked once.

use egui::Ui;

use crate::action::Action;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{Sheet, Tone, Weight, label, notice, sheet, wide_button};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::closing_title(),
        width: 460.0,
    };
    let mut close = false;
    close |= sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        label(ui, say::closing_about(), font::message(), palette.text);
        let tray = view.model.about.tray;
        if !tray {
            notice(ui, Weight::Warn, say::closing_no_tray());
        }
        ui.add_space(space::S);
        let may = if tray {
            Ok(())
        } else {
            Err(say::closing_no_tray())
        };
        for (goes_on, tone, name, may) in [
            (true, Tone::Primary, say::closing_go_on(), may),
            (false, Tone::Plain, say::closing_end(), Ok(())),
        ] {
            if wide_button(ui, tone, name, may).clicked() {
                close = true;
                view.act(Action::SetBackground(goes_on));
                view.act(Action::Close);
            }
        }
        label(
            ui,
            say::closing_later(),
            font::secondary(),
            palette.text_dim,
        );
    });
    close
}
