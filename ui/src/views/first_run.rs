//! Before there is anything to show: the first run in three steps, a sealed store, a start, and a failure.

mod comeback;
mod pages;

use alloquy_api::limits::NAME_BYTES_MAX;
use egui::{Align, Frame, Layout, Margin, Ui, Vec2};
use lucide_icons::Icon;

use super::View;
use crate::action::Action;
use crate::model::Phase;
use crate::state::{AddTab, FirstStep, FirstWay, Overlay};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{
    Card, End, Field, Tone, Weight, avatar, card, entered, field, key_words, label, link_button,
    notice, over_limit, paint_icon, scrolled_page, under_way, wide_button,
};
use crate::words::say;

pub(super) use pages::nowhere;

/// Width of the one column, in points.
const COLUMN: f32 = 440.0;
/// Communities nearby that are named on their card: a line or two.
const NEARBY_NAMED: usize = 3;

/// Whether the first run is still shown though an account is there: its key, and where to go.
pub(super) fn goes_on(view: &View<'_>) -> bool {
    let step = view.state.forms.first_step;
    matches!(step, FirstStep::Key | FirstStep::Choices)
        && view.model.rail().is_empty()
        && view.model.phase == Phase::Running
}

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.painter().rect_filled(ui.max_rect(), 0, palette.chat);
    let phase = view.model.phase.clone();
    let height = ui.available_height();
    column(ui, height, |ui| match &phase {
        Phase::FirstRun { busy: true, .. } => pages::making(ui),
        Phase::FirstRun {
            suggested_name,
            error,
            busy: false,
        } => match view.state.forms.first_way {
            FirstWay::New => name(view, ui, suggested_name, error.as_deref()),
            FirstWay::Link | FirstWay::Words => comeback::show(view, ui),
        },
        Phase::Returning { by, step } => comeback::under_way_now(view, ui, *by, step),
        Phase::Locked { wrong } => pages::locked(view, ui, *wrong),
        Phase::Failed(failure) => pages::failed(view, ui, failure),
        Phase::Starting => pages::starting(ui),
        Phase::Running => match view.state.forms.first_step {
            FirstStep::Key => key(view, ui),
            FirstStep::Choices => choices(view, ui),
            FirstStep::Name | FirstStep::Done => pages::starting(ui),
        },
    });
}

/// One column in the middle, which scrolls where it does not fit.
fn column(ui: &mut Ui, height: f32, contents: impl FnOnce(&mut Ui)) {
    scrolled_page(ui, |ui| {
        let width = ui.available_width();
        let side = ((width - COLUMN) / 2.0).max(space::L);
        let above = (height * 0.16).min(120.0);
        ui.add_space(above);
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.add_space(side);
            ui.vertical(|ui| {
                ui.set_width(width - 2.0 * side);
                ui.spacing_mut().item_spacing = Vec2::splat(space::S);
                contents(ui);
            });
        });
        ui.add_space(space::XL);
    });
}

/// Which of the three steps this is, as dots.
fn steps(ui: &mut Ui, now: usize) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), 12.0);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let spoken = say::first_step(now + 1, 3);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &spoken));
    let mut x = rect.left();
    for step in 0..3 {
        let width = if step == now { 24.0 } else { 8.0 };
        let color = if step <= now {
            palette.accent
        } else {
            palette.active
        };
        let at = egui::Rect::from_min_size(egui::pos2(x, rect.top()), Vec2::new(width, 6.0));
        ui.painter().rect_filled(at, 3, color);
        x += width + 6.0;
    }
    ui.add_space(space::M);
}

/// A heading and what it means.
fn title(ui: &mut Ui, words: &str, about: &str) {
    let palette = theme::palette(ui);
    label(ui, words, font::display(), palette.text_strong);
    if !about.is_empty() {
        label(ui, about, font::message(), palette.text_dim);
    }
    ui.add_space(space::L);
}

fn name(view: &mut View<'_>, ui: &mut Ui, suggested: &str, error: Option<&str>) {
    steps(ui, 0);
    title(ui, say::first_name_title(), say::first_name_about());
    let first = view.state.forms.first_name.is_none();
    let typed = view
        .state
        .forms
        .first_name
        .get_or_insert_with(|| suggested.to_owned());
    let long = over_limit(typed, NAME_BYTES_MAX);
    let words = Field {
        name: say::first_name(),
        hint: say::first_name_hint(),
        error: long.as_deref().or(error),
        secret: false,
    };
    let response = field(ui, typed, words);
    let enter = entered(ui, &response);
    if first || (enter && (long.is_some() || typed.trim().is_empty())) {
        response.request_focus();
    }
    let name = typed.trim().to_owned();
    ui.add_space(space::S);
    let ready = match (name.is_empty(), long.is_some()) {
        (true, _) => Err(say::first_name_empty()),
        (_, true) => Err(say::name_too_long()),
        _ => Ok(()),
    };
    let pressed = wide_button(ui, Tone::Primary, say::go_on(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        view.act(Action::CreateAccount(name));
    }
    ui.add_space(space::S);
    if link_button(ui, say::first_have_account()).clicked() {
        view.state.forms.first_way = FirstWay::Link;
        ui.ctx().request_repaint();
    }
}

fn key(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    steps(ui, 1);
    let name = text::name(&view.model.snapshot.name);
    title(ui, &say::first_welcome(&name), say::first_key_made());
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::same(16))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let size = Vec2::splat(44.0);
                let (rect, _) = ui.allocate_exact_size(size, egui::Sense::hover());
                avatar(ui, rect, view.model.me().as_bytes(), &name);
                ui.add_space(space::XS);
                ui.vertical(|ui| {
                    ui.set_width(ui.available_width());
                    label(ui, &name, font::title(), palette.text_strong);
                    key_words(ui, &view.model.me().words());
                });
            });
        });
    ui.add_space(space::XS);
    let why = say::first_key_why();
    label(ui, why, font::message(), palette.text);
    ui.add_space(space::L);
    let response = wide_button(ui, Tone::Primary, say::go_on(), Ok(()));
    take_focus(ui, &response);
    if response.clicked() {
        view.state.forms.first_step = FirstStep::Choices;
        ui.ctx().request_repaint();
    }
}

/// Gives the focus to the one button of a page when nothing else has it, so that Enter goes on.
fn take_focus(ui: &Ui, response: &egui::Response) {
    let free = ui.memory(|memory| memory.focused().is_none() && memory.top_modal_layer().is_none());
    if free {
        response.request_focus();
    }
}

fn choices(view: &mut View<'_>, ui: &mut Ui) {
    steps(ui, 2);
    title(ui, say::where_to(), say::first_where_about());
    let join = Card {
        icon: Icon::Link,
        title: say::join_with_link(),
        about: say::first_join_about(),
        end: End::Leads,
        first: true,
    };
    let join = card(ui, join);
    take_focus(ui, &join);
    if join.clicked() {
        view.state.forms.add_tab = AddTab::Join;
        view.act(Action::Open(Overlay::AddCommunity));
    }
    if nearby(view, ui) {
        view.state.forms.add_tab = AddTab::Join;
        view.act(Action::Open(Overlay::AddCommunity));
    }
    let create = Card {
        icon: Icon::Sparkles,
        title: say::first_create(),
        about: say::first_create_about(),
        end: End::Leads,
        first: false,
    };
    if card(ui, create).clicked() {
        view.state.forms.add_tab = AddTab::Create;
        view.act(Action::Open(Overlay::AddCommunity));
    }
    let look = Card {
        icon: Icon::Compass,
        title: say::first_look(),
        about: say::first_look_about(),
        end: End::Leads,
        first: false,
    };
    if card(ui, look).clicked() {
        view.state.forms.first_step = FirstStep::Done;
        ui.ctx().request_repaint();
    }
}

/// Communities that are announced on this network, if there are any; whether they were pressed.
fn nearby(view: &View<'_>, ui: &mut Ui) -> bool {
    let all = &view.model.snapshot.nearby;
    if all.is_empty() {
        return false;
    }
    let names: Vec<_> = all.iter().map(|one| text::name(&one.name)).collect();
    let named = names[..names.len().min(NEARBY_NAMED)].join(", ");
    let words = Card {
        icon: Icon::Radio,
        title: &say::first_nearby(names.len() as u64),
        about: &say::first_nearby_about(named),
        end: End::Leads,
        first: false,
    };
    card(ui, words).clicked()
}

/// The sign of the program, above pages that have no steps.
fn emblem(ui: &mut Ui, icon: Icon) {
    let palette = theme::palette(ui);
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(56.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 14, palette.accent);
    paint_icon(ui, icon, rect.center(), 28.0, palette.on_accent);
    ui.add_space(space::M);
}

/// Contents in the middle of what is left of a pane.
fn middle(ui: &mut Ui, contents: impl FnOnce(&mut Ui)) {
    let height = ui.available_height();
    scrolled_page(ui, |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            ui.add_space((height * 0.28).max(space::L));
            ui.set_max_width(ui.available_width().min(COLUMN));
            contents(ui);
        });
    });
}
