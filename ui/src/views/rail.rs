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
        let communities: Vec<CommunityId> =
            view.model.snapshot.communities.keys().copied().collect();
        for id in communities {
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
    let heard = heard.filter(|channel| !view.state.settings.muted.contains(&channel.channel));
    heard.fold((false, 0), |(any, mentions), channel| {
        (any || channel.unread > 0, mentions + channel.mentions)
    })
}

fn community(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let Some(community) = view.model.community(id) else {
        return;
    };
    let palette = theme::palette(ui);
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
        let pill = if selected { 36.0 } else { 8.0 };
        if selected || unread {
            let pill = Rect::from_center_size(
                egui::pos2(slot.left() + 1.0, slot.center().y),
                Vec2::new(6.0, pill),
            );
            ui.painter().rect_filled(pill, 3, palette.text_strong);
        }
        if mentions > 0 {
            let at = egui::pos2(rect.right() + 4.0, rect.bottom() - 6.0);
            let ground = Rect::from_center_size(egui::pos2(at.x - 9.0, at.y), Vec2::splat(24.0));
            ui.painter().rect_filled(ground, 12, palette.rail);
            badge(ui, at, mentions, palette.danger_fill);
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
