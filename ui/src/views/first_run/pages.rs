//! Pages of one thought: the start, a sealed store, a failure, and panes with nothing in them.

use egui::Ui;
use lucide_icons::Icon;

use super::{
    Tone, View, Weight, emblem, field, middle, notice, steps, title, under_way, wide_button,
};
use crate::action::Action;
use crate::model::Failure;
use crate::state::Overlay;
use crate::theme::{self, font, space};
use crate::widgets::{Field, button, entered, label, paint_icon};
use crate::words::say;

pub(super) fn making(ui: &mut Ui) {
    steps(ui, 1);
    title(ui, say::making_title(), say::making_about());
    under_way(ui, say::making_now());
}

pub(super) fn starting(ui: &mut Ui) {
    emblem(ui, Icon::MessagesSquare);
    title(ui, "Alloquy", "");
    under_way(ui, say::opening());
}

pub(super) fn locked(view: &mut View<'_>, ui: &mut Ui, wrong: bool) {
    emblem(ui, Icon::Lock);
    title(ui, say::locked_title(), say::locked_about());
    let words = Field {
        name: say::passphrase(),
        hint: "",
        error: wrong.then_some(say::passphrase_wrong()),
        secret: true,
    };
    let response = field(ui, &mut view.state.forms.passphrase, words);
    let enter = entered(ui, &response);
    if ui.memory(|memory| memory.focused().is_none()) {
        response.request_focus();
    }
    ui.add_space(space::S);
    let ready = if view.state.forms.passphrase.is_empty() {
        Err(say::passphrase_empty())
    } else {
        Ok(())
    };
    let pressed = wide_button(ui, Tone::Primary, say::locked_open(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        // What was typed does not stay in the window.
        let passphrase = std::mem::take(&mut view.state.forms.passphrase);
        view.act(Action::Unlock(passphrase));
    }
}

pub(super) fn failed(view: &mut View<'_>, ui: &mut Ui, failure: &Failure) {
    emblem(ui, Icon::CircleAlert);
    title(ui, say::failed_title(), "");
    notice(ui, Weight::Bad, &failure.what);
    let palette = theme::palette(ui);
    label(ui, &failure.remedy, font::message(), palette.text);
    ui.add_space(space::L);
    if failure.may_restart && wide_button(ui, Tone::Primary, say::try_again(), Ok(())).clicked() {
        view.act(Action::Restart);
    }
    if wide_button(ui, Tone::Plain, say::close_window(), Ok(())).clicked() {
        view.act(Action::Quit);
    }
}

/// An account without a community.
pub(in crate::views) fn nowhere(view: &mut View<'_>, ui: &mut Ui) {
    if view.state.places.now().community.is_some() {
        return no_channel(view, ui);
    }
    let add = Action::Open(Overlay::AddCommunity);
    empty(
        view,
        ui,
        (Icon::MessagesSquare, say::nowhere_title()),
        say::nowhere_about(),
        Some((say::nowhere_add(), add)),
    );
}

/// A community without a channel to see.
fn no_channel(view: &mut View<'_>, ui: &mut Ui) {
    let Some(id) = view.state.places.now().community else {
        return;
    };
    let Some(community) = view.model.community(id) else {
        return;
    };
    if community.name.is_empty() {
        let about = say::almost_about();
        return empty(view, ui, (Icon::Download, say::almost_title()), about, None);
    }
    if community
        .rights
        .iter()
        .any(|right| right == "manage-channels")
    {
        let make = Action::Open(Overlay::AddChannel(id));
        let about = say::no_channel_make();
        let head = (Icon::Hash, say::no_channel_title());
        return empty(view, ui, head, about, Some((say::channel_make(), make)));
    }
    let about = say::no_channel_wait();
    empty(view, ui, (Icon::Hash, say::no_channel_title()), about, None);
}

fn empty(
    view: &mut View<'_>,
    ui: &mut Ui,
    (icon, head): (Icon, &str),
    about: &str,
    step: Option<(&str, Action)>,
) {
    let palette = theme::palette(ui);
    middle(ui, |ui| {
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(72.0), egui::Sense::hover());
        ui.painter()
            .circle_filled(rect.center(), 36.0, palette.raised);
        paint_icon(ui, icon, rect.center(), 30.0, palette.text_dim);
        ui.add_space(space::S);
        label(ui, head, font::h1(), palette.text_strong);
        label(ui, about, font::message(), palette.text_dim);
        ui.add_space(space::M);
        if let Some((name, action)) = step
            && button(ui, Tone::Primary, name, Ok(())).clicked()
        {
            view.act(action);
        }
    });
}
