//! Coming back: with another device at hand, or by the recovery words when all are lost.

use alloquy_api::limits::LINK_BYTES_MAX;
use alloquy_api::personal::LinkStep;
use egui::Ui;

use super::{Field, Tone, View, Weight, entered, field, notice, title, under_way, wide_button};
use crate::action::Action;
use crate::model::Return;
use crate::state::FirstWay;
use crate::text;
use crate::theme::{self, font, space};
use crate::views::words_field;
use crate::widgets::{label, link_button, over_limit, segments, switch};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    title(ui, say::back_title(), say::back_about());
    let way = view.state.forms.first_way;
    let tabs = [say::back_by_device(), say::back_by_words()];
    let chosen = usize::from(way == FirstWay::Words);
    if let Some(chosen) = segments(ui, say::back_title(), &tabs, chosen) {
        let ways = [FirstWay::Link, FirstWay::Words];
        view.state.forms.first_way = ways[chosen];
        ui.ctx().request_repaint();
    }
    ui.add_space(space::M);
    if way == FirstWay::Words {
        by_words(view, ui);
    } else {
        by_device(view, ui);
    }
    ui.add_space(space::S);
    if link_button(ui, say::back_new()).clicked() {
        view.state.forms.first_way = FirstWay::New;
        ui.ctx().request_repaint();
    }
}

fn by_device(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    for (number, words) in [
        (1, say::back_step_one()),
        (2, say::back_step_two()),
        (3, say::back_step_three()),
    ] {
        label(
            ui,
            &format!("{number}. {words}"),
            font::message(),
            palette.text,
        );
    }
    ui.add_space(space::XS);
    let long = over_limit(&view.state.personal.code, LINK_BYTES_MAX);
    let words = Field {
        name: say::back_code(),
        hint: "7-anchor-river",
        error: long.as_deref(),
        secret: false,
    };
    let typed = field(ui, &mut view.state.personal.code, words);
    let enter = entered(ui, &typed);
    let code = view.state.personal.code.trim().to_owned();
    let ready = match (code.is_empty(), long.is_some()) {
        (true, _) => Err(say::code_missing()),
        (_, true) => Err(say::own_unfit()),
        _ => Ok(()),
    };
    let pressed = wide_button(ui, Tone::Primary, say::back_link(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        view.act(Action::LinkThisDevice(code));
    }
}

fn by_words(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    label(ui, say::back_words_about(), font::message(), palette.text);
    words_field::show(view, ui);
    ui.add_space(space::XS);
    let long = over_limit(&view.state.personal.from, LINK_BYTES_MAX);
    let words = Field {
        name: say::back_from(),
        hint: "alloquy://…",
        error: long.as_deref(),
        secret: false,
    };
    field(ui, &mut view.state.personal.from, words);
    label(
        ui,
        say::back_from_about(),
        font::secondary(),
        palette.text_dim,
    );
    let ends = !view.state.personal.others_stay;
    if switch(ui, ends, say::back_others(), say::back_others_about()).clicked() {
        view.state.personal.others_stay = ends;
        ui.ctx().request_repaint();
    }
    let phrase = view.state.personal.phrase();
    let ready = match (&phrase, long.is_some()) {
        (None, _) => Err(say::recovery_all_twelve()),
        (_, true) => Err(say::own_unfit()),
        _ => Ok(()),
    };
    let pressed = wide_button(ui, Tone::Primary, say::back_restore(), ready).clicked();
    if let Some(words) = phrase.filter(|_| pressed && ready.is_ok()) {
        let from = view.state.personal.from.trim().to_owned();
        let ends_others = !view.state.personal.others_stay;
        view.act(Action::Restore(words, from, ends_others));
    }
}

/// How far it is.
pub(super) fn under_way_now(view: &mut View<'_>, ui: &mut Ui, by: Return, step: &LinkStep) {
    let words = match by {
        Return::Link => say::back_linking(),
        Return::Words => say::back_restoring(),
    };
    title(ui, words, "");
    match (step, by) {
        (LinkStep::Waiting, Return::Link) => under_way(ui, say::back_looking()),
        (LinkStep::Waiting, Return::Words) => under_way(ui, say::back_looking_anybody()),
        (LinkStep::Talking, Return::Link) => under_way(ui, say::back_talking()),
        (LinkStep::Talking, Return::Words) => under_way(ui, say::back_fetching()),
        (LinkStep::Done, _) => under_way(ui, say::opening()),
        (LinkStep::Failed(why), _) => {
            notice(ui, Weight::Bad, &text::clean(why, 400));
            ui.add_space(space::M);
            if wide_button(ui, Tone::Primary, say::try_again(), Ok(())).clicked() {
                view.act(Action::StopLinking);
            }
            return;
        }
    }
    ui.add_space(space::L);
    if wide_button(ui, Tone::Plain, say::cancel(), Ok(())).clicked() {
        view.act(Action::StopLinking);
    }
}
