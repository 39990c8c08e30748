//! The rail: every community as an icon, with what is unread in it.

use alloquy_ids::CommunityId;
use egui::{Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::View;
use crate::action::Action;
use crate::state::Overlay;
use crate::text;
use crate::theme::{self, radius, space};
use crate::widgets::{badge, community_icon, focus_ring, follow_focus, paint_icon};
use crate::words::say;

/// Side of a community's icon.
const ICON: f32 = 48.0;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = space::S;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.add_space(space::M);
        directs(view, ui);
        for id in view.model.rail() {
            community(view, ui, id);
        }
        add(view, ui);
        ui.add_space(space::M);
        follow_focus(ui);
    });
}

/// Unread messages that are not muted, and how many name the person.
fn unread(view: &View<'_>, id: CommunityId) -> (bool, u32) {
    let Some(community) = view.model.community(id) else {
        return (false, 0);
    };
    let heard = community.channels.iter();
    let now = view.model.clock.now;
    let heard = heard.filter(|channel| !view.state.is_muted(id, channel.channel, now));
    heard.fold((false, 0), |(any, mentions), channel| {
        (any || channel.unread > 0, mentions + channel.mentions)
    })
}

/// What waits to be read in conversations that are not muted, and whether somebody unknown wants to write.
fn waiting(view: &View<'_>) -> (u32, bool) {
    let snapshot = &view.model.snapshot;
    let now = view.model.clock.now;
    let heard = snapshot.directs.iter();
    let heard = heard.filter(|of| !view.state.is_muted(of.community, of.channel, now));
    let unread = heard.fold(0u32, |unread, of| unread.saturating_add(of.unread));
    (unread, !snapshot.dm_requests.is_empty())
}

/// The list of conversations, above all communities.
fn directs(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let name = say::directs();
    let selected = view.state.shows_directs(view.model);
    let (unread, asked) = waiting(view);
    let (slot, response) =
        ui.allocate_exact_size(Vec2::new(theme::RAIL_WIDTH, ICON), Sense::click());
    let spoken = match (unread, asked) {
        (0, false) => name.to_owned(),
        (0, true) => say::rail_requests(name),
        (unread, _) => say::rail_directs(name, unread),
    };
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &spoken));
    let rect = Rect::from_center_size(slot.center(), Vec2::splat(ICON));
    let lit = selected || response.hovered();
    let (fill, ink) = if lit {
        (palette.accent, palette.on_accent)
    } else {
        (palette.raised, palette.text_strong)
    };
    ui.painter()
        .rect_filled(rect, if lit { 14 } else { 20 }, fill);
    paint_icon(ui, Icon::MessageCircle, rect.center(), 22.0, ink);
    pill(ui, slot, selected, unread > 0 || asked);
    if unread > 0 {
        count(ui, rect, unread);
    }
    focus_ring(ui, rect.expand(3.0), radius::DIALOG, response.has_focus());
    let response = response
        .on_hover_text(name)
        .on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::GoDirects);
    }
    // A line between what is one's own and what is shared.
    let size = Vec2::new(theme::RAIL_WIDTH, 2.0);
    let (line, _) = ui.allocate_exact_size(size, Sense::hover());
    let line = Rect::from_center_size(line.center(), Vec2::new(32.0, 2.0));
    ui.painter().rect_filled(line, 1, palette.line);
}

/// The mark at the window's edge: what is shown, and what has something unread.
fn pill(ui: &Ui, slot: Rect, selected: bool, unread: bool) {
    if selected || unread {
        let height = if selected { 36.0 } else { 8.0 };
        let at = egui::pos2(slot.left() + 1.0, slot.center().y);
        let pill = Rect::from_center_size(at, Vec2::new(6.0, height));
        let color = theme::palette(ui).text_strong;
        ui.painter().rect_filled(pill, 3, color);
    }
}

/// A count at the corner of an icon.
fn count(ui: &Ui, rect: Rect, count: u32) {
    let palette = theme::palette(ui);
    let at = egui::pos2(rect.right() + 4.0, rect.bottom() - 6.0);
    let ground = Rect::from_center_size(egui::pos2(at.x - 9.0, at.y), Vec2::splat(24.0));
    ui.painter().rect_filled(ground, 12, palette.rail);
    badge(ui, at, count, palette.danger_fill);
}

fn community(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let Some(community) = view.model.community(id) else {
        return;
    };
    let name = if community.name.is_empty() {
        say::community_on_its_way().to_owned()
    } else {
        text::name(&community.name)
    };
    let selected = view.state.places.now().community == Some(id);
    let (unread, mentions) = unread(view, id);
    let (slot, response) =
        ui.allocate_exact_size(Vec2::new(theme::RAIL_WIDTH, ICON), Sense::click());
    let spoken = match (unread, mentions) {
        (false, _) => name.clone(),
        (true, 0) => say::rail_unread(&name),
        (true, mentions) => say::rail_mentions(&name, mentions.into()),
    };
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &spoken));
    if ui.is_rect_visible(slot) {
        let rect = Rect::from_center_size(slot.center(), Vec2::splat(ICON));
        let lit = selected || response.hovered();
        let picture = view
            .state
            .pictures
            .icon(ui.ctx(), id, community.icon.as_ref());
        community_icon(ui, rect, &name, picture.as_ref(), lit);
        pill(ui, slot, selected, unread);
        if mentions > 0 {
            count(ui, rect, mentions);
        }
        focus_ring(ui, rect.expand(3.0), radius::DIALOG, response.has_focus());
    }
    let response = response
        .on_hover_text(name)
        .on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::GoCommunity(id));
    }
}

fn add(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let (slot, response) =
        ui.allocate_exact_size(Vec2::new(theme::RAIL_WIDTH, ICON), Sense::click());
    let name = say::community_add();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let rect = Rect::from_center_size(slot.center(), Vec2::splat(ICON));
    let lit = response.hovered() || response.has_focus();
    let (fill, ink) = if lit {
        (palette.accent, palette.on_accent)
    } else {
        (palette.raised, palette.ok)
    };
    ui.painter()
        .rect_filled(rect, if lit { 14 } else { 20 }, fill);
    paint_icon(ui, Icon::Plus, rect.center(), 22.0, ink);
    focus_ring(ui, rect.expand(3.0), radius::DIALOG, response.has_focus());
    let response = response
        .on_hover_text(name)
        .on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::AddCommunity));
    }
}
