//! Before there is anything to show.

use egui::Ui;

use super::View;
use crate::action::Action;
use crate::model::Phase;
use crate::state::Overlay;
use crate::theme::{self, font, space};
use crate::widgets::{Field, Tone, button, field, label};

/// The first run: a name, and the account is made.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.painter().rect_filled(ui.max_rect(), 0, palette.chat);
    ui.vertical_centered(|ui| {
        ui.set_max_width(400.0);
        ui.add_space(space::XXL);
        match &view.model.phase {
            Phase::FirstRun { error, busy, .. } => {
                label(ui, "Welcome to Alloquy", font::h1(), palette.text_strong);
                let words = Field {
                    name: "Your name",
                    hint: "",
                    error: error.as_deref(),
                    secret: false,
                };
                let response = field(ui, &mut view.state.forms.first_name, words);
                let name = view.state.forms.first_name.trim().to_owned();
                let enter = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
                let ready = if name.is_empty() {
                    Err("A name is needed")
                } else {
                    Ok(())
                };
                let clicked = button(ui, Tone::Primary, "Start", ready).clicked();
                if (clicked || enter) && !busy && !name.is_empty() {
                    view.act(Action::CreateAccount(name));
                }
            }
            Phase::Failed(failure) => {
                label(ui, &failure.what, font::title(), palette.text_strong);
                label(ui, &failure.remedy, font::message(), palette.text);
            }
            _ => {
                label(ui, "Starting…", font::message(), palette.text_dim);
            }
        }
    });
}

/// An account without a community.
pub(super) fn nowhere(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() / 3.0);
        label(ui, "Nothing here yet", font::h1(), palette.text_strong);
        if button(ui, Tone::Primary, "Join or make a community", Ok(())).clicked() {
            view.act(Action::Open(Overlay::AddCommunity));
        }
    });
}
