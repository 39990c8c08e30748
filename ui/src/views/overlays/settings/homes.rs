//! Home nodes: which there are, what they keep, and for which communities.

use std::sync::Arc;

use alloquy_api::command::CommunityRef;
use alloquy_api::personal::{HomeView, OnOff, PersonalCommand};
use alloquy_ids::CommunityId;
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use crate::action::Action;
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::directs::title;
use crate::views::overlays::community::line::{Face, line};
use crate::views::overlays::personal::{fault, order};
use crate::views::overlays::spans;
use crate::widgets::{Tone, button, label, section, switch};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let homes = Arc::clone(&view.model.snapshot.homes);
    label(ui, say::homes_about(), font::message(), palette.text);
    let page = Overlay::Settings(crate::state::SettingsPage::Homes);
    fault(view, ui, &page);
    if button(ui, Tone::Primary, say::home_pair(), Ok(())).clicked() {
        view.act(Action::Open(Overlay::PairHome));
    }
    if homes.is_empty() {
        label(ui, say::homes_none(), font::secondary(), palette.text_dim);
        return;
    }
    for home in homes.iter() {
        ui.push_id(home.device, |ui| one(view, ui, home));
    }
    kept(view, ui, &homes);
}

fn one(view: &mut View<'_>, ui: &mut Ui, home: &HomeView) {
    let palette = theme::palette(ui);
    let name = text::name(&home.name);
    let state = match (home.connected, home.seen) {
        (true, _) => say::device_connected().to_owned(),
        (false, Some(seen)) => say::home_seen(spans::ago(view.model.clock.now, seen)),
        (false, None) => say::home_never().to_owned(),
    };
    ui.add_space(space::S);
    line(ui, Face::Sign(Icon::House), (&name, &state), Sense::hover());
    match (home.bytes, home.quota) {
        (Some(bytes), Some(quota)) => {
            let words = say::home_bytes(spans::size(bytes), spans::size(quota));
            filled(ui, bytes, quota, &name);
            label(ui, &words, font::secondary(), palette.text_dim);
        }
        (Some(bytes), None) => {
            let words = say::home_bytes_only(spans::size(bytes));
            label(ui, &words, font::secondary(), palette.text_dim);
        }
        _ => {
            label(ui, say::home_silent(), font::secondary(), palette.text_dim);
        }
    }
    let keeps = say::home_keeps(home.keeps.len() as u64);
    label(ui, &keeps, font::secondary(), palette.text_dim);
    if button(ui, Tone::Plain, say::home_remove_more(), Ok(())).clicked() {
        view.act(Action::Open(Overlay::ConfirmHomeRemoval(home.device)));
    }
}

/// How full it is.
fn filled(ui: &mut Ui, bytes: u64, quota: u64, spoken: &str) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), space::S);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, spoken));
    let share = (bytes as f32 / quota.max(1) as f32).clamp(0.0, 1.0);
    ui.painter().rect_filled(rect, 4, palette.active);
    let width = (rect.width() * share).max(4.0);
    let part = Rect::from_min_size(rect.min, Vec2::new(width, rect.height()));
    let color = if share > 0.9 {
        palette.warn
    } else {
        palette.accent
    };
    ui.painter().rect_filled(part, 4, color);
}

/// For each community and conversation, whether home nodes keep it.
fn kept(view: &mut View<'_>, ui: &mut Ui, homes: &[HomeView]) {
    section(ui, say::home_store());
    let model = view.model;
    let communities = model.rail().into_iter().filter_map(|id| {
        let community = model.community(id)?;
        Some((id, text::name(&community.name)))
    });
    let directs = model.snapshot.directs.iter();
    let directs = directs.map(|direct| (direct.community, title(direct)));
    let all: Vec<(CommunityId, String)> = directs.chain(communities).collect();
    for (id, name) in all {
        let on = homes.iter().any(|home| home.keeps.contains(&id));
        let pressed = ui.push_id(id, |ui| switch(ui, on, &name, "").clicked());
        if pressed.inner {
            let community = CommunityRef(id.to_string());
            let store = if on { OnOff::Off } else { OnOff::On };
            order(view, PersonalCommand::HomeStore { community, store });
        }
    }
}
