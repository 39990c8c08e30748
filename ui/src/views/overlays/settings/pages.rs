//! The pages of the settings.

use egui::Ui;
use lucide_icons::Icon;

use crate::action::Action;
use crate::settings::{Notify, ThemeChoice};
use crate::state::{Direction, Overlay, SettingsPage};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{availability, connections, spans};
use crate::widgets::{
    Tone, Weight, button, icon_button, label, link_button, notice, section, segments, switch,
    switch_fixed,
};
use crate::words::say;

/// The licence of the fonts, by its own name.
const FONT_LICENCE: &str = "SIL Open Font License 1.1";

/// What is bundled, by whom, and its licence.
fn bundled() -> [(String, String); 4] {
    let font = || FONT_LICENCE.to_owned();
    [
        (say::about_by("Inter", "The Inter Project Authors"), font()),
        (say::about_by("JetBrains Mono", "JetBrains s.r.o."), font()),
        (
            say::about_by("Twemoji", "Twitter and contributors"),
            say::about_two_licences("CC BY 4.0", FONT_LICENCE),
        ),
        (say::about_icons("Lucide Contributors"), "ISC".to_owned()),
    ]
}

pub(super) fn profile(view: &mut View<'_>, ui: &mut Ui) {
    availability::own_head(view, ui);
    ui.add_space(space::S);
    super::own_fields(view, ui);
    if view.model.snapshot.recovery_pending {
        section(ui, say::recovery());
        let words = say::recovery_waits();
        notice(ui, Weight::Warn, words);
        if button(ui, Tone::Plain, say::recovery_show(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::Recovery));
        }
    } else {
        recovery_later(view, ui);
    }
    if view.model.stopped().is_none() {
        section(ui, say::account_close_title());
        let palette = theme::palette(ui);
        let about = say::account_close_short();
        label(ui, about, font::secondary(), palette.text_dim);
        if button(ui, Tone::Plain, say::account_close_more(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::CloseAccount));
        }
    }
}

/// What can be done with recovery words that were written down.
fn recovery_later(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    section(ui, say::recovery());
    label(
        ui,
        say::recovery_later_about(),
        font::secondary(),
        palette.text_dim,
    );
    ui.horizontal_wrapped(|ui| {
        if button(ui, Tone::Plain, say::recovery_check(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::CheckRecovery));
        }
        if button(ui, Tone::Plain, say::recovery_replace_more(), Ok(())).clicked() {
            view.act(Action::Open(Overlay::ReplaceRecovery));
        }
    });
}

pub(super) fn appearance(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    section(ui, say::colours());
    let themes = [ThemeChoice::System, ThemeChoice::Dark, ThemeChoice::Light];
    let words = [
        say::colours_desktop(),
        say::colours_dark(),
        say::colours_light(),
    ];
    let now = themes
        .iter()
        .position(|theme| *theme == view.state.settings.theme);
    if let Some(place) = segments(ui, say::colours(), &words, now.unwrap_or(0)) {
        view.act(Action::SetTheme(themes[place]));
    }
    section(ui, say::size());
    ui.horizontal(|ui| {
        if icon_button(ui, Icon::Minus, say::smaller(), false).clicked() {
            view.act(Action::Zoom(Direction::Previous));
        }
        let percent = format!("{:.0} %", view.state.settings.zoom * 100.0);
        label(ui, &percent, font::control_strong(), palette.text_strong);
        if icon_button(ui, Icon::Plus, say::bigger(), false).clicked() {
            view.act(Action::Zoom(Direction::Next));
        }
        if link_button(ui, say::as_designed()).clicked() {
            view.act(Action::ZoomReset);
        }
    });
    section(ui, say::times());
    let twelve = view.state.settings.twelve_hours;
    if let Some(place) = segments(
        ui,
        say::times(),
        &[say::times_long(), say::times_short()],
        usize::from(twelve),
    ) {
        view.act(Action::SetTwelveHours(place == 1));
    }
    ui.add_space(space::S);
    let reduced = view.state.settings.reduced_motion;
    let about = say::reduce_motion_about();
    if switch(ui, reduced, say::reduce_motion(), about).clicked() {
        view.act(Action::SetReducedMotion(!reduced));
    }
    let previews = view.state.settings.previews;
    let about = say::show_previews_about();
    if switch(ui, previews, say::show_previews(), about).clicked() {
        view.act(Action::SetPreviews(!previews));
    }
}

pub(super) fn notifications(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    section(ui, say::notify());
    let kinds = [Notify::All, Notify::Mentions, Notify::Nothing];
    let words = [
        say::notify_all(),
        say::notify_mentions(),
        say::notify_nothing(),
    ];
    let now = kinds
        .iter()
        .position(|kind| *kind == view.state.settings.notify);
    if let Some(place) = segments(ui, say::notify(), &words, now.unwrap_or(0)) {
        view.act(Action::SetNotify(kinds[place]));
    }
    ui.add_space(space::S);
    let shown = view.state.settings.notify_text;
    let about = say::notify_text_about();
    if switch(ui, shown, say::notify_text(), about).clicked() {
        view.act(Action::SetNotifyText(!shown));
    }
    let rules = view.state.rule_count();
    if rules > 0 {
        let words = say::hearing_rules(rules as u64);
        label(ui, &words, font::secondary(), palette.text_dim);
    }
    section(ui, say::closing_setting());
    let goes_on = view.state.settings.background == Some(true);
    if view.model.about.tray {
        let about = say::closing_setting_about();
        if switch(ui, goes_on, say::closing_go_on(), about).clicked() {
            view.act(Action::SetBackground(!goes_on));
        }
    } else {
        switch_fixed(ui, false, say::closing_go_on(), say::closing_no_tray());
    }
}

/// A name and what it is, one above the other.
fn fact(ui: &mut Ui, name: &str, value: &str) {
    let palette = theme::palette(ui);
    label(ui, name, font::meta(), palette.text_dim);
    let shown = if value.is_empty() {
        say::not_known()
    } else {
        value
    };
    label(ui, shown, font::message(), palette.text_strong);
    ui.add_space(space::S);
}

pub(super) fn storage(view: &mut View<'_>, ui: &mut Ui) {
    let about = std::sync::Arc::clone(&view.model.about);
    fact(ui, say::kept_in(), &text::clean(&about.data_dir, 400));
    let size = match about.store_bytes {
        0 => String::new(),
        bytes => spans::size(bytes),
    };
    fact(ui, say::kept_size(), &size);
    fact(ui, say::sealed_by(), &about.sealed_by);
    let words = say::sealed_about();
    notice(ui, Weight::Info, words);
}

pub(super) fn network(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let connections = std::sync::Arc::clone(&view.model.snapshot.connections);
    section(ui, say::nearby());
    let words = connections::discovery_words(connections.local_discovery);
    label(ui, words, font::message(), palette.text);
    section(ui, say::reach_title());
    connections::router_switch(view, ui, &Overlay::Settings(SettingsPage::Network));
    section(ui, say::addresses());
    if connections.listen.is_empty() {
        label(ui, say::addresses_none(), font::message(), palette.text);
    }
    for address in &connections.listen {
        label(ui, &text::clean(address, 300), font::code(), palette.text);
    }
    ui.add_space(space::S);
    if button(ui, Tone::Plain, say::connections_show(), Ok(())).clicked() {
        view.act(Action::Open(Overlay::Connections));
    }
}

pub(super) fn about(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    label(ui, "Alloquy", font::h1(), palette.text_strong);
    let words = say::about_words();
    label(ui, words, font::message(), palette.text);
    ui.add_space(space::S);
    fact(ui, say::about_version(), &view.model.about.version);
    let runs = if view.model.about.attached {
        say::about_beside()
    } else {
        say::about_inside()
    };
    fact(ui, say::about_runs(), runs);
    section(ui, say::about_fonts());
    for (what, licence) in &bundled() {
        label(ui, what, font::control(), palette.text);
        label(ui, licence, font::secondary(), palette.text_dim);
    }
}
