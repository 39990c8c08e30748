//! The list of channels under the community's name, and the person's own bar below it.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::ChannelView;
use alloquy_ids::CommunityId;
use egui::{Frame, Margin, Panel, Popup, Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{View, channel_order};
use crate::action::Action;
use crate::state::{CommunityPage, Overlay, SettingsPage};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{
    Presence, Row, avatar, focus_ring, follow_focus, icon_button, line, paint_icon, presence_dot,
    row,
};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    Panel::bottom("self")
        .resizable(false)
        .show_separator_line(false)
        .frame(
            Frame::new()
                .fill(palette.rail)
                .inner_margin(Margin::symmetric(8, 6)),
        )
        .show(ui, |ui| own_bar(view, ui));
    super::voice::panel(view, ui);
    if view.state.shows_directs(view.model) {
        return super::directs::show(view, ui);
    }
    let Some(id) = view.state.places.now().community else {
        return;
    };
    head(view, ui, id);
    ui.spacing_mut().item_spacing.y = 2.0;
    // However little room the bars below leave: the list does not reach under them.
    let list = ScrollArea::vertical().auto_shrink(false);
    list.min_scrolled_height(0.0).show(ui, |ui| {
        Frame::new()
            .inner_margin(Margin::symmetric(8, 8))
            .show(ui, |ui| channels(view, ui, id));
        follow_focus(ui);
    });
}

/// The community's name, which opens its menu.
fn head(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let palette = theme::palette(ui);
    let Some(community) = view.model.community(id) else {
        return;
    };
    let name = if community.name.is_empty() {
        say::side_on_its_way().to_owned()
    } else {
        text::name(&community.name)
    };
    let size = Vec2::new(ui.available_width(), theme::HEADER_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let spoken = say::side_menu(&name);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, 0, palette.hover);
    }
    let width = rect.width() - 2.0 * space::L - 20.0;
    let galley = line(ui, &name, font::title(), palette.text_strong, width);
    let at = egui::pos2(
        rect.left() + space::L,
        rect.center().y - galley.size().y / 2.0,
    );
    ui.painter().galley(at, galley, palette.text_strong);
    let at = egui::pos2(rect.right() - space::L - 6.0, rect.center().y);
    paint_icon(ui, Icon::ChevronDown, at, 16.0, palette.text_dim);
    let stroke = egui::Stroke::new(1.0, palette.line);
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, stroke);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let may_invite = community.rights.iter().any(|right| right == "invite");
    let may_manage = community
        .rights
        .iter()
        .any(|right| right == "manage-channels");
    Popup::menu(&response).width(220.0).show(|ui| {
        let mut item = |ui: &mut Ui, icon, words: &str, action: Action| {
            if menu_item(ui, icon, words) {
                view.act(action);
                ui.close();
            }
        };
        if may_invite {
            item(
                ui,
                Icon::UserPlus,
                say::invite_people(),
                Action::Open(Overlay::Invite(id)),
            );
        }
        if may_manage {
            item(
                ui,
                Icon::Plus,
                say::channel_make(),
                Action::Open(Overlay::AddChannel(id)),
            );
        }
        let hearing = Action::Open(Overlay::Hearing(id, None));
        item(ui, Icon::Bell, say::hearing_title(), hearing);
        let settings = Overlay::Community(id, CommunityPage::Overview);
        item(
            ui,
            Icon::Settings,
            say::community_settings(),
            Action::Open(settings),
        );
        let profile = Action::Open(Overlay::ConfirmLeave(id));
        item(ui, Icon::LogOut, say::side_leave(), profile);
    });
}

/// A row of a menu.
pub(super) fn menu_item(ui: &mut Ui, icon: Icon, words: &str) -> bool {
    let item = Row {
        text: words,
        name: words,
        icon: Some(icon),
        selected: false,
        strong: false,
        dim: false,
        count: 0,
        wraps: true,
    };
    row(ui, item).clicked()
}

fn channels(view: &mut View<'_>, ui: &mut Ui, id: CommunityId) {
    let Some(community) = view.model.community(id) else {
        return;
    };
    let may_manage = community
        .rights
        .iter()
        .any(|right| right == "manage-channels");
    let folded = std::mem::take(&mut view.state.folded);
    let shown = channel_order(community, &folded);
    view.state.folded = folded;
    if shown.is_empty() {
        let words = if may_manage {
            say::side_no_channel()
        } else {
            say::side_no_channel_here()
        };
        let palette = theme::palette(ui);
        crate::widgets::label(ui, words, font::secondary(), palette.text_dim);
    }
    for channel in shown {
        ui.push_id(channel.channel, |ui| match channel.kind {
            ChannelKind::Category => category(view, ui, channel),
            ChannelKind::Text => channel_row(view, ui, id, channel),
            ChannelKind::Voice | ChannelKind::Stage => voice_rows(view, ui, id, channel),
        });
    }
    if may_manage && menu_item(ui, Icon::Plus, say::channel_make()) {
        view.act(Action::Open(Overlay::AddChannel(id)));
    }
}

fn category(view: &mut View<'_>, ui: &mut Ui, channel: &ChannelView) {
    let palette = theme::palette(ui);
    ui.add_space(space::M);
    let size = Vec2::new(ui.available_width(), 24.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let name = text::name(&channel.name);
    let is_folded = view.state.folded.contains(&channel.channel);
    let spoken = if is_folded {
        say::side_category_folded(&name)
    } else {
        say::side_category_open(&name)
    };
    response.widget_info(|| WidgetInfo::labeled(Role::DisclosureTriangle, true, &spoken));
    let color = if response.hovered() || response.has_focus() {
        palette.text_strong
    } else {
        palette.text_dim
    };
    let icon = if is_folded {
        Icon::ChevronRight
    } else {
        Icon::ChevronDown
    };
    let at = egui::pos2(rect.left() + 8.0, rect.center().y);
    paint_icon(ui, icon, at, 12.0, color);
    let galley = line(ui, &name, font::meta(), color, rect.width() - 20.0);
    let at = egui::pos2(rect.left() + 18.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, color);
    focus_ring(ui, rect, radius::CHIP, response.has_focus());
    if response.clicked() {
        view.act(Action::FoldCategory(channel.channel));
    }
}

/// What is read out for a channel.
fn spoken(channel: &ChannelView, name: &str, unread: bool) -> String {
    let voice = matches!(channel.kind, ChannelKind::Voice | ChannelKind::Stage);
    match (voice, unread, u64::from(channel.mentions)) {
        (false, false, _) => say::side_channel(name),
        (false, true, 0) => say::side_channel_unread(name, channel.unread),
        (false, true, mentions) => say::side_channel_mentions(name, mentions),
        (true, false, _) => say::side_voice(name),
        (true, true, 0) => say::side_voice_unread(name, channel.unread),
        (true, true, mentions) => say::side_voice_mentions(name, mentions),
    }
}

/// A voice channel and who is in it. Its messages have a button of their own: a click on the name joins.
fn voice_rows(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, channel: &ChannelView) {
    let size = Vec2::new(ui.available_width(), theme::ROW_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let end = rect.right() - theme::HIT_MIN - space::XS;
    let name = Rect::from_min_max(rect.min, egui::pos2(end, rect.bottom()));
    ui.scope_builder(egui::UiBuilder::new().max_rect(name), |ui| {
        channel_row(view, ui, id, channel);
    });
    let chat = Rect::from_min_max(egui::pos2(end + space::XS, rect.top() + 1.0), rect.max);
    ui.scope_builder(egui::UiBuilder::new().max_rect(chat), |ui| {
        let words = say::voice_chat_of(text::name(&channel.name));
        if icon_button(ui, Icon::MessageSquare, &words, false).clicked() {
            view.act(Action::ShowChat(id, channel.channel));
        }
    });
    super::voice::roster(view, ui, id, channel.channel);
}

fn channel_row(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, channel: &ChannelView) {
    let now = view.model.clock.now;
    let muted = view.state.is_muted(id, channel.channel, now);
    let unread = channel.unread > 0 && !muted;
    let name = text::name(&channel.name);
    let spoken = spoken(channel, &name, unread);
    let icon = match (channel.kind, channel.private) {
        (ChannelKind::Voice, _) => Icon::Volume2,
        (ChannelKind::Stage, _) => Icon::Podcast,
        (_, true) => Icon::Lock,
        (_, false) => Icon::Hash,
    };
    let response = row(
        ui,
        Row {
            text: &name,
            name: &spoken,
            icon: Some(icon),
            selected: view.state.places.now().channel == Some(channel.channel),
            strong: unread,
            dim: muted,
            count: if muted { 0 } else { channel.mentions },
            wraps: false,
        },
    );
    if unread {
        let palette = theme::palette(ui);
        let at = egui::pos2(response.rect.left() - 5.0, response.rect.center().y);
        ui.painter().circle_filled(at, 3.0, palette.text_strong);
    }
    if response.clicked() {
        view.act(pressed(view, id, channel));
    }
    Popup::context_menu(&response).width(200.0).show(|ui| {
        let words = if muted { say::unmute() } else { say::mute() };
        if menu_item(ui, Icon::BellOff, words) {
            view.act(Action::ToggleMute(channel.channel));
            ui.close();
        }
        if menu_item(ui, Icon::Bell, say::hearing_title()) {
            let hearing = Overlay::Hearing(id, Some(channel.channel));
            view.act(Action::Open(hearing));
            ui.close();
        }
        if menu_item(ui, Icon::Settings, say::channel_settings_open()) {
            view.act(Action::Open(Overlay::Channel(id, channel.channel)));
            ui.close();
        }
        if menu_item(ui, Icon::Pin, say::pinned_messages()) {
            view.act(Action::Open(Overlay::Pins(channel.channel)));
            ui.close();
        }
    });
}

/// What a click on a channel does: one joins a voice channel, and looks at the one that one is in.
fn pressed(view: &View<'_>, id: CommunityId, channel: &ChannelView) -> Action {
    let call = view.model.snapshot.call.as_ref();
    let inside = call.is_some_and(|call| call.channel == channel.channel);
    match channel.kind {
        ChannelKind::Text | ChannelKind::Category => Action::GoChannel(id, channel.channel),
        _ if inside || !super::voice::may_join(channel) => Action::ShowRoom(id, channel.channel),
        _ => Action::Voice(super::voice::join(channel.channel)),
    }
}

/// The person's own name, the chip of connections, settings.
fn own_bar(view: &mut View<'_>, ui: &mut Ui) {
    ui.spacing_mut().item_spacing.y = space::XS;
    chip(view, ui);
    ui.horizontal(|ui| {
        let width = ui.available_width() - theme::HIT_MIN - space::S;
        own_name(view, ui, width);
        if icon_button(ui, Icon::Settings, say::settings(), false).clicked() {
            view.act(Action::Open(Overlay::Settings(SettingsPage::Profile)));
        }
    });
}

fn own_name(view: &mut View<'_>, ui: &mut Ui, width: f32) {
    let palette = theme::palette(ui);
    let snapshot = &view.model.snapshot;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, 44.0), Sense::click());
    let name = text::name(&snapshot.name);
    let presence = Presence::Online(snapshot.availability);
    let spoken = say::side_you(&name, presence.word());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let face = Rect::from_center_size(
        egui::pos2(rect.left() + 22.0, rect.center().y),
        Vec2::splat(32.0),
    );
    avatar(ui, face, view.model.me().as_bytes(), &name);
    presence_dot(
        ui,
        face.right_bottom() - Vec2::splat(4.0),
        presence,
        palette.rail,
    );
    let room = rect.width() - 52.0;
    let title = line(ui, &name, font::control_strong(), palette.text_strong, room);
    let below = line(ui, presence.word(), font::meta(), palette.text_dim, room);
    let height = title.size().y + below.size().y;
    let top = rect.center().y - height / 2.0;
    let left = rect.left() + 46.0;
    let second = top + title.size().y;
    ui.painter()
        .galley(egui::pos2(left, top), title, palette.text_strong);
    ui.painter()
        .galley(egui::pos2(left, second), below, palette.text_dim);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::Availability));
    }
}

/// How this node reaches others, in a few words.
fn chip(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let (words, color) = super::overlays::connection_words(view.model, palette);
    let size = Vec2::new(ui.available_width(), 26.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let spoken = say::side_connections(&words);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let dot = egui::pos2(rect.left() + 14.0, rect.center().y);
    ui.painter().circle_filled(dot, 4.0, color);
    let galley = line(
        ui,
        &words,
        font::meta(),
        palette.text_dim,
        rect.width() - 32.0,
    );
    let at = egui::pos2(rect.left() + 26.0, rect.center().y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_dim);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::Open(Overlay::Connections));
    }
}
