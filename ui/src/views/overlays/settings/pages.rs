//! The pages of the settings.

use egui::Ui;
use lucide_icons::Icon;

use crate::action::Action;
use crate::settings::{Notify, ThemeChoice};
use crate::state::{Direction, Overlay};
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::{availability, connections, spans};
use crate::widgets::{
    Tone, Weight, button, icon_button, label, link_button, notice, section, segments, switch,
};

/// Where the source and the licences are read.
const FONTS: [(&str, &str); 4] = [
    (
        "Inter, by The Inter Project Authors",
        "SIL Open Font License 1.1",
    ),
    (
        "JetBrains Mono, by JetBrains s.r.o.",
        "SIL Open Font License 1.1",
    ),
    (
        "Twemoji, by Twitter and contributors",
        "drawings CC BY 4.0, font SIL Open Font License 1.1",
    ),
    ("Lucide icons, by Lucide Contributors", "ISC"),
];

pub(super) fn profile(view: &mut View<'_>, ui: &mut Ui) {
    availability::own_head(view, ui);
    ui.add_space(space::S);
    super::own_fields(view, ui);
    if view.model.snapshot.recovery_pending {
        section(ui, "Recovery");
        let words = "Twelve words bring your account back when this computer is lost. You have not written them \
                     down yet.";
        notice(ui, Weight::Warn, words);
        if button(ui, Tone::Plain, "Show the words", Ok(())).clicked() {
            view.act(Action::Open(Overlay::Recovery));
        }
    }
}

pub(super) fn appearance(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    section(ui, "Colours");
    let themes = [ThemeChoice::System, ThemeChoice::Dark, ThemeChoice::Light];
    let words = ["As the desktop", "Dark", "Light"];
    let now = themes
        .iter()
        .position(|theme| *theme == view.state.settings.theme);
    if let Some(place) = segments(ui, "Colours", &words, now.unwrap_or(0)) {
        view.act(Action::SetTheme(themes[place]));
    }
    section(ui, "Size");
    ui.horizontal(|ui| {
        if icon_button(ui, Icon::Minus, "Smaller", false).clicked() {
            view.act(Action::Zoom(Direction::Previous));
        }
        let percent = format!("{:.0} %", view.state.settings.zoom * 100.0);
        label(ui, &percent, font::control_strong(), palette.text_strong);
        if icon_button(ui, Icon::Plus, "Bigger", false).clicked() {
            view.act(Action::Zoom(Direction::Next));
        }
        if link_button(ui, "As designed").clicked() {
            view.act(Action::ZoomReset);
        }
    });
    section(ui, "Times");
    let twelve = view.state.settings.twelve_hours;
    if let Some(place) = segments(ui, "Times", &["21:41", "9:41 PM"], usize::from(twelve)) {
        view.act(Action::SetTwelveHours(place == 1));
    }
    ui.add_space(space::S);
    let reduced = view.state.settings.reduced_motion;
    let about = "Nothing slides, fades or turns.";
    if switch(ui, reduced, "Reduce motion", about).clicked() {
        view.act(Action::SetReducedMotion(!reduced));
    }
}

pub(super) fn notifications(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    section(ui, "Tell me about");
    let kinds = [Notify::All, Notify::Mentions, Notify::Nothing];
    let words = ["Every message", "Mentions of me", "Nothing"];
    let now = kinds
        .iter()
        .position(|kind| *kind == view.state.settings.notify);
    if let Some(place) = segments(ui, "Tell me about", &words, now.unwrap_or(0)) {
        view.act(Action::SetNotify(kinds[place]));
    }
    ui.add_space(space::S);
    let shown = view.state.settings.notify_text;
    let about = "Else only who wrote, and where.";
    if switch(ui, shown, "Show the text", about).clicked() {
        view.act(Action::SetNotifyText(!shown));
    }
    let muted = view.state.settings.muted.len();
    if muted > 0 {
        let words = format!("{} muted.", spans::counted(muted as u64, "channel"));
        label(ui, &words, font::secondary(), palette.text_dim);
    }
}

/// A name and what it is, one above the other.
fn fact(ui: &mut Ui, name: &str, value: &str) {
    let palette = theme::palette(ui);
    label(ui, name, font::meta(), palette.text_dim);
    let shown = if value.is_empty() {
        "not known yet"
    } else {
        value
    };
    label(ui, shown, font::message(), palette.text_strong);
    ui.add_space(space::S);
}

pub(super) fn storage(view: &mut View<'_>, ui: &mut Ui) {
    let about = std::sync::Arc::clone(&view.model.about);
    fact(
        ui,
        "Everything is kept in",
        &text::clean(&about.data_dir, 400),
    );
    let size = match about.store_bytes {
        0 => String::new(),
        bytes => spans::size(bytes),
    };
    fact(ui, "It takes", &size);
    fact(ui, "Sealed by", &about.sealed_by);
    let words = "Messages, keys and settings are sealed before they reach the disk.";
    notice(ui, Weight::Info, words);
}

pub(super) fn network(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let connections = std::sync::Arc::clone(&view.model.snapshot.connections);
    section(ui, "People nearby");
    let words = connections::discovery_words(connections.local_discovery);
    label(ui, words, font::message(), palette.text);
    section(ui, "Addresses of this computer");
    if connections.listen.is_empty() {
        label(
            ui,
            "None: it can not be reached now.",
            font::message(),
            palette.text,
        );
    }
    for address in &connections.listen {
        label(ui, &text::clean(address, 300), font::code(), palette.text);
    }
    ui.add_space(space::S);
    if button(ui, Tone::Plain, "Show connections", Ok(())).clicked() {
        view.act(Action::Open(Overlay::Connections));
    }
}

pub(super) fn about(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    label(ui, "Alloquy", font::h1(), palette.text_strong);
    let words = "Conversations that belong to the people who have them.";
    label(ui, words, font::message(), palette.text);
    ui.add_space(space::S);
    fact(ui, "Version", &view.model.about.version);
    let runs = if view.model.about.attached {
        "beside this window, and goes on when it closes"
    } else {
        "in this window, and ends with it"
    };
    fact(ui, "The node runs", runs);
    section(ui, "Fonts and icons");
    for (what, licence) in FONTS {
        label(ui, what, font::control(), palette.text);
        label(ui, licence, font::secondary(), palette.text_dim);
    }
}
