//! Settings: pages at the left, the chosen one at the right; in a narrow window one above the other.

mod devices;
mod homes;
mod irc;
mod pages;
mod people;
mod voice;

use alloquy_api::limits::{ABOUT_BYTES_MAX, NAME_BYTES_MAX, STATUS_BYTES_MAX};
use egui::{Ui, Vec2};
use lucide_icons::Icon;

use crate::action::Action;
use crate::state::{Overlay, OwnProfile, SettingsPage};
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{
    Field, Row, Sheet, Tone, button, claim_focus, entered, field, label, over_limit, row, sheet,
    tall_field,
};
use crate::words::{Text, say};

/// Below this width, in points, the list of pages stands above the page.
const BESIDE_FROM: f32 = 520.0;
/// Width of the list of pages, in points.
const LIST: f32 = 192.0;

const PAGES: [(SettingsPage, Icon, Text); 12] = [
    (SettingsPage::Profile, Icon::UserRound, say::profile),
    (SettingsPage::People, Icon::UsersRound, say::people),
    (SettingsPage::Devices, Icon::Laptop, say::devices),
    (SettingsPage::Homes, Icon::House, say::homes),
    (
        SettingsPage::Appearance,
        Icon::Palette,
        say::settings_appearance,
    ),
    (
        SettingsPage::Notifications,
        Icon::Bell,
        say::settings_notifications,
    ),
    (SettingsPage::Voice, Icon::Mic, say::settings_voice),
    (
        SettingsPage::Keyboard,
        Icon::Keyboard,
        say::settings_keyboard,
    ),
    (
        SettingsPage::Storage,
        Icon::HardDrive,
        say::settings_storage,
    ),
    (
        SettingsPage::Network,
        Icon::Waypoints,
        say::settings_network,
    ),
    (SettingsPage::Irc, Icon::Terminal, say::settings_irc),
    (SettingsPage::About, Icon::Info, say::settings_about),
];

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui, page: SettingsPage) -> bool {
    let words = Sheet {
        title: say::settings(),
        width: 760.0,
    };
    let height = view.state.size.y;
    paged(ui, words, height, |ui, part| match part {
        Part::List => list(view, ui, page),
        Part::Page => of(view, ui, page),
    })
}

/// A part of a sheet of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The list of pages.
    List,
    /// The page that is chosen.
    Page,
}

/// A sheet of pages in a window of this height.
pub(super) fn paged(
    ui: &mut Ui,
    words: Sheet<'_>,
    window: f32,
    mut part: impl FnMut(&mut Ui, Part),
) -> bool {
    let height = (window - 180.0).clamp(120.0, 460.0);
    sheet(ui, words, |ui| {
        if ui.available_width() < BESIDE_FROM {
            part(ui, Part::List);
            ui.add_space(space::M);
            return part(ui, Part::Page);
        }
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.vertical(|ui| {
                ui.set_width(LIST);
                ui.set_min_height(height);
                part(ui, Part::List);
            });
            ui.add_space(space::XL);
            ui.vertical(|ui| {
                ui.set_width(ui.available_width() - space::S);
                ui.spacing_mut().item_spacing = Vec2::splat(space::S);
                part(ui, Part::Page);
            });
        });
    })
}

/// An entry of the list of pages; gives whether it was pressed.
pub(super) fn entry(ui: &mut Ui, icon: Icon, name: &str, chosen: bool) -> bool {
    let words = Row {
        text: name,
        name,
        icon: Some(icon),
        selected: chosen,
        strong: false,
        dim: false,
        count: 0,
        wraps: true,
    };
    let response = row(ui, words);
    if chosen {
        claim_focus(ui, &response);
    }
    response.clicked()
}

fn list(view: &mut View<'_>, ui: &mut Ui, page: SettingsPage) {
    ui.spacing_mut().item_spacing.y = 2.0;
    for (to, icon, name) in PAGES {
        if entry(ui, icon, name(), to == page) {
            view.act(Action::Open(Overlay::Settings(to)));
        }
    }
    ui.spacing_mut().item_spacing.y = space::S;
}

fn of(view: &mut View<'_>, ui: &mut Ui, page: SettingsPage) {
    match page {
        SettingsPage::Profile => pages::profile(view, ui),
        SettingsPage::People => people::show(view, ui),
        SettingsPage::Devices => devices::show(view, ui),
        SettingsPage::Homes => homes::show(view, ui),
        SettingsPage::Appearance => pages::appearance(view, ui),
        SettingsPage::Notifications => pages::notifications(view, ui),
        SettingsPage::Keyboard => super::shortcuts::table(ui),
        SettingsPage::Storage => pages::storage(view, ui),
        SettingsPage::Network => pages::network(view, ui),
        SettingsPage::Voice => voice::show(view, ui),
        SettingsPage::Irc => irc::show(view, ui),
        SettingsPage::About => pages::about(view, ui),
    }
}

/// What one says about oneself, with a button for what changed.
pub(super) fn own_fields(view: &mut View<'_>, ui: &mut Ui) {
    let stored = stored(view);
    let own = view.state.forms.own.get_or_insert_with(|| stored.clone());
    let name_long = over_limit(&own.name, NAME_BYTES_MAX);
    let empty = own.name.trim().is_empty().then_some(say::own_name_empty());
    let name_words = Field {
        name: say::own_name(),
        hint: "",
        error: name_long.as_deref().or(empty),
        secret: false,
    };
    let name = field(ui, &mut own.name, name_words);
    let status_long = over_limit(&own.status, STATUS_BYTES_MAX);
    let status_words = Field {
        name: say::own_status(),
        hint: say::own_status_hint(),
        error: status_long.as_deref(),
        secret: false,
    };
    let status = field(ui, &mut own.status, status_words);
    let about_long = over_limit(&own.about, ABOUT_BYTES_MAX);
    let about_words = Field {
        name: say::own_about(),
        hint: "",
        error: about_long.as_deref(),
        secret: false,
    };
    tall_field(ui, &mut own.about, about_words, 3);
    let own = own.clone();
    let wrong =
        name_long.is_some() || empty.is_some() || status_long.is_some() || about_long.is_some();
    let changed = changes(&stored, &own);
    let ready = match (wrong, changed.is_empty()) {
        (true, _) => Err(say::own_unfit()),
        (_, true) => Err(say::own_unchanged()),
        _ => Ok(()),
    };
    let enter = entered(ui, &name) || entered(ui, &status);
    let pressed = button(ui, Tone::Primary, say::save(), ready).clicked();
    if (pressed || enter) && ready.is_ok() {
        changed.into_iter().for_each(|action| view.act(action));
    }
    let palette = theme::palette(ui);
    let words = say::own_seen_by();
    label(ui, words, font::secondary(), palette.text_dim);
}

/// What the node has.
fn stored(view: &View<'_>) -> OwnProfile {
    let me = view.model.me();
    let mut communities = view.model.snapshot.communities.keys();
    let own = communities.find_map(|id| view.model.member(*id, me));
    OwnProfile {
        name: view.model.snapshot.name.clone(),
        status: own.and_then(|own| own.status.clone()).unwrap_or_default(),
        about: own.and_then(|own| own.about.clone()).unwrap_or_default(),
    }
}

fn changes(stored: &OwnProfile, own: &OwnProfile) -> Vec<Action> {
    let mut changed = Vec::new();
    let different = |a: &str, b: &str| a.trim() != b.trim();
    if different(&stored.name, &own.name) {
        changed.push(Action::SetName(own.name.trim().to_owned()));
    }
    if different(&stored.status, &own.status) {
        changed.push(Action::SetStatus(own.status.trim().to_owned()));
    }
    if different(&stored.about, &own.about) {
        changed.push(Action::SetAbout(own.about.trim().to_owned()));
    }
    changed
}
