//! How this computer reaches others: a sentence first, then each person, then what helps when asking for help.

mod reach;

use std::fmt::Write as _;

use alloquy_api::personal::CatchingUpView;
use alloquy_api::reach::ReachView;
use alloquy_api::snapshot::{ConnectionView, PathKind};
use alloquy_ids::UnixMs;
use egui::{Color32, Frame, Margin, Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::spans::ago;
use crate::action::Action;
use crate::model::Model;
use crate::text;
use crate::theme::{self, Palette, font, radius, space};
use crate::views::View;
use crate::widgets::{
    Sheet, Tone, avatar, button, focus_ring, label, line, lines, paint_icon, section, sheet,
};
use crate::words::say;

pub(super) use reach::router_switch;

/// Rows of people that are shown: more are counted.
const ROWS_MAX: usize = 200;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) -> bool {
    let words = Sheet {
        title: say::connections(),
        width: 560.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        sentence(view.model, ui);
        ui.add_space(space::S);
        people(view, ui);
        let connections = &view.model.snapshot.connections;
        let others = connections
            .peers
            .iter()
            .filter(|peer| peer.account.is_none());
        let others = others.filter(|peer| peer.path.is_some()).count();
        if others > 0 {
            let words = say::connections_others(others as u64);
            label(ui, &words, font::secondary(), palette.text_dim);
        }
        reach::advice(connections, ui);
        reach::show(view, ui);
        ui.add_space(space::S);
        addresses(view, ui);
        ui.add_space(space::S);
        let copy = button(ui, Tone::Plain, say::diagnostics_copy(), Ok(()));
        let copy = copy.on_hover_text(say::diagnostics_about());
        if copy.clicked() {
            view.act(Action::Copy(diagnostics(view.model)));
        }
    })
}

/// How many people are reached directly, and through a relay.
fn reached(model: &Model) -> (usize, usize) {
    let peers = &model.snapshot.connections.peers;
    let known = peers.iter().filter(|peer| peer.account.is_some());
    let paths: Vec<PathKind> = known.filter_map(|peer| peer.path).collect();
    let relayed = paths
        .iter()
        .filter(|path| **path == PathKind::Relayed)
        .count();
    (paths.len() - relayed, relayed)
}

fn sentence(model: &Model, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let (_, color) = connection_words(model, palette);
    let (head, about) = in_words(model);
    Frame::new()
        .fill(palette.raised)
        .corner_radius(radius::CARD)
        .inner_margin(Margin::same(16))
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(Vec2::splat(36.0), Sense::hover());
                ui.painter()
                    .circle_filled(rect.center(), 18.0, palette.active);
                paint_icon(ui, Icon::Waypoints, rect.center(), 18.0, color);
                ui.add_space(space::XS);
                ui.vertical(|ui| {
                    ui.set_width(ui.available_width());
                    ui.spacing_mut().item_spacing.y = 2.0;
                    label(ui, &head, font::title(), palette.text_strong);
                    label(ui, &about, font::secondary(), palette.text_dim);
                });
            });
        });
}

/// How one is connected: a headline, and what it means.
fn in_words(model: &Model) -> (String, String) {
    let waiting = model.snapshot.waiting;
    let kept = match waiting {
        0 => say::connections_kept().to_owned(),
        waiting => say::connections_waiting(waiting.into()),
    };
    match reached(model) {
        (0, 0) if model.snapshot.connections.listen.is_empty() => {
            (say::connections_offline().to_owned(), kept)
        }
        (0, 0) => (say::connections_nobody().to_owned(), kept),
        (0, relayed) => (
            say::connections_relayed_only().to_owned(),
            say::connections_relayed_about(relayed as u64),
        ),
        (direct, 0) => (
            say::connections_direct(direct as u64),
            say::connections_direct_about().to_owned(),
        ),
        (direct, relayed) => (
            say::connections_both((direct + relayed) as u64),
            say::connections_both_about(direct, relayed),
        ),
    }
}

fn people(view: &View<'_>, ui: &mut Ui) {
    let connections = &view.model.snapshot.connections;
    let known = || {
        connections
            .peers
            .iter()
            .filter(|peer| peer.account.is_some())
    };
    if known().next().is_none() {
        return;
    }
    section(ui, say::people());
    ui.spacing_mut().item_spacing.y = 2.0;
    for peer in known().take(ROWS_MAX) {
        person(ui, peer, &connections.reach, view.model.clock.now);
    }
    let more = known().count().saturating_sub(ROWS_MAX);
    if more > 0 {
        let palette = theme::palette(ui);
        label(
            ui,
            &say::connections_more(more),
            font::secondary(),
            palette.text_dim,
        );
    }
    ui.spacing_mut().item_spacing.y = space::S;
}

fn person(ui: &mut Ui, peer: &ConnectionView, reach: &ReachView, now: UnixMs) {
    let palette = theme::palette(ui);
    let name = peer.name.as_deref().map_or_else(
        || {
            peer.account
                .map(|account| account.short())
                .unwrap_or_default()
        },
        text::name,
    );
    let (way, color) = match peer.path {
        Some(PathKind::Relayed) => (reach::way(peer, PathKind::Relayed, reach), palette.warn),
        Some(path) => (reach::way(peer, path, reach), palette.ok),
        None => (
            say::connections_last_seen(ago(now, peer.seen)),
            palette.text_faint,
        ),
    };
    let trip = match (peer.path, peer.round_trip_ms) {
        (Some(_), Some(0)) => say::connections_trip_none().to_owned(),
        (Some(_), Some(ms)) => say::connections_trip(ms),
        _ => String::new(),
    };
    let width = ui.available_width();
    let end = lines(ui, &trip, font::secondary(), palette.text_dim, 90.0);
    let left = 40.0 + space::M;
    let room = width - left - space::M - space::S - end.size().x;
    let title = line(ui, &name, font::control(), palette.text_strong, room);
    let below = lines(ui, &way, font::secondary(), palette.text_dim, room - 16.0);
    let height = title.size().y + below.size().y;
    let size = Vec2::new(width, (height + space::S).max(46.0));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    let spoken = format!("{name}, {way} {trip}");
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, spoken.trim()));
    if response.hovered() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
        response.on_hover_text(say::connections_trip_about());
    }
    let face = Rect::from_center_size(
        egui::pos2(rect.left() + 24.0, rect.center().y),
        Vec2::splat(32.0),
    );
    let key = peer.account.map_or([0; 32], |account| account.0);
    avatar(ui, face, &key, &name);
    let right = rect.right() - space::M - end.size().x;
    let at = egui::pos2(right, rect.center().y - end.size().y / 2.0);
    ui.painter().galley(at, end, palette.text_dim);
    let left = rect.left() + left;
    let top = rect.center().y - height / 2.0;
    let second = top + title.size().y;
    let dot = egui::pos2(
        left + 4.0,
        second + below.rows.first().map_or(0.0, |row| row.rect().center().y),
    );
    ui.painter()
        .galley(egui::pos2(left, top), title, palette.text_strong);
    ui.painter().circle_filled(dot, 4.0, color);
    ui.painter()
        .galley(egui::pos2(left + 14.0, second), below, palette.text_dim);
}

/// Own addresses, behind a disclosure: few want them.
fn addresses(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let open = view.state.forms.addresses_shown;
    if disclosure(ui, say::addresses(), open) {
        view.state.forms.addresses_shown = !open;
        ui.ctx().request_repaint();
    }
    if !open {
        return;
    }
    let connections = &view.model.snapshot.connections;
    for address in &connections.listen {
        label(ui, &text::clean(address, 300), font::code(), palette.text);
    }
    if connections.listen.is_empty() {
        label(
            ui,
            say::addresses_none(),
            font::secondary(),
            palette.text_dim,
        );
    }
    label(
        ui,
        discovery_words(connections.local_discovery),
        font::secondary(),
        palette.text_dim,
    );
}

/// Whether peers on the local network are looked for, as a sentence.
pub(super) fn discovery_words(on: bool) -> &'static str {
    if on {
        say::discovery_on()
    } else {
        say::discovery_off()
    }
}

fn disclosure(ui: &mut Ui, name: &str, open: bool) -> bool {
    let palette = theme::palette(ui);
    let width = ui.available_width();
    let galley = lines(
        ui,
        name,
        font::control(),
        Color32::PLACEHOLDER,
        width - 24.0,
    );
    let size = Vec2::new(width, galley.size().y.max(theme::HIT_MIN));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, true, open, name));
    let color = if response.hovered() || response.has_focus() {
        palette.text_strong
    } else {
        palette.text_dim
    };
    let icon = if open {
        Icon::ChevronDown
    } else {
        Icon::ChevronRight
    };
    let at = egui::pos2(rect.left() + 8.0, rect.center().y);
    paint_icon(ui, icon, at, 16.0, color);
    let at = egui::pos2(rect.left() + 22.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .clicked()
}

/// What helps to find a fault: paths, times and kinds of transport, no names, ids, addresses or contents. English
/// in every language: whoever is asked for help reads it.
fn diagnostics(model: &Model) -> String {
    let snapshot = &model.snapshot;
    let mut text = format!(
        "Alloquy {}\nmessages waiting: {}\nlocal discovery: {}\nlistening: {}\n",
        model.about.version,
        snapshot.waiting,
        snapshot.connections.local_discovery,
        snapshot
            .connections
            .listen
            .iter()
            .map(|address| transport(address))
            .collect::<Vec<_>>()
            .join(", "),
    );
    for (number, peer) in (1..).zip(&snapshot.connections.peers) {
        let of = if peer.account.is_some() {
            "member"
        } else {
            "other"
        };
        let path = match peer.path {
            None => "not connected",
            Some(PathKind::Loopback) => "on the same computer",
            Some(PathKind::Local) => "on the same network",
            Some(PathKind::Direct) => "directly",
            Some(PathKind::Relayed) => "through a relay",
        };
        let trip = peer
            .round_trip_ms
            .map_or_else(|| "?".to_owned(), |ms| ms.to_string());
        let via = transport(&peer.address);
        writeln!(text, "peer {number} ({of}): {path}, {trip} ms, {via}")
            .expect("a String takes everything");
    }
    text
}

/// The protocols of an address, without their values.
fn transport(address: &str) -> String {
    const KNOWN: [&str; 9] = [
        "ip4",
        "ip6",
        "dns",
        "udp",
        "tcp",
        "quic-v1",
        "p2p-circuit",
        "memory",
        "ws",
    ];
    let parts = address.split('/').filter(|part| KNOWN.contains(part));
    parts.collect::<Vec<_>>().join("+")
}

/// How this node reaches others, in a few words, and the colour of it.
pub(crate) fn connection_words(model: &Model, palette: &Palette) -> (String, Color32) {
    let waiting = model.snapshot.waiting;
    if let Some(CatchingUpView { here, of }) = model.snapshot.catching_up
        && reached(model) != (0, 0)
    {
        return (
            say::chip_catching_up(u64::from(here), u64::from(of)),
            palette.accent_text,
        );
    }
    match reached(model) {
        (0, 0) if waiting > 0 => (say::chip_waiting(waiting.into()), palette.warn),
        (0, 0) => (say::chip_nobody().to_owned(), palette.text_faint),
        (0, _) => (say::chip_relayed_only().to_owned(), palette.warn),
        (direct, 0) => (say::chip_direct(direct), palette.ok),
        (direct, relayed) => (say::chip_both(direct, relayed), palette.ok),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_name_kinds_and_no_values() {
        let kinds = transport("/ip4/192.0.2.7/udp/4711/quic-v1/p2p/12D3KooWsecret");
        assert_eq!(kinds, "ip4+udp+quic-v1");
    }
}
