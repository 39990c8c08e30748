//! The list of conversations: notes, people and groups, and who else wants to write.

use alloquy_api::personal::{DirectKind, DirectView};
use alloquy_ids::UnixMs;
use egui::{Frame, Margin, Popup, Rect, Role, ScrollArea, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;
use std::sync::Arc;

use super::View;
use super::side::menu_item;
use super::timeline::Times;
use crate::action::Action;
use crate::state::{Heard, Muted, Overlay, Rule, account_ref};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{
    Presence, Row, avatar, badge, focus_ring, follow_focus, icon_button, label, line, lines,
    paint_icon, presence_dot, row,
};
use crate::words::say;

/// Height of a conversation's row, in points: a name over a line of the last message.
const ROW: f32 = 56.0;
/// Side of its picture.
const FACE: f32 = 40.0;

/// What a conversation is called.
pub(in crate::views) fn title(view: &DirectView) -> String {
    match view.kind {
        DirectKind::Notes => say::direct_notes().to_owned(),
        DirectKind::Two | DirectKind::Group if view.name.is_empty() => {
            say::direct_unnamed().to_owned()
        }
        DirectKind::Two | DirectKind::Group => text::name(&view.name),
    }
}

/// The picture of a conversation: whoever is in it, or a sign.
pub(in crate::views) fn face(ui: &Ui, rect: Rect, view: &DirectView, surface: egui::Color32) {
    let palette = theme::palette(ui);
    let sign = |fill, icon, ink| {
        ui.painter()
            .circle_filled(rect.center(), rect.width() / 2.0, fill);
        paint_icon(ui, icon, rect.center(), rect.width() * 0.5, ink);
    };
    match (view.kind, view.accounts.first()) {
        (DirectKind::Two, Some(account)) => {
            avatar(ui, rect, account.as_bytes(), &title(view));
            let presence = if view.online {
                Presence::Online(alloquy_api::command::Availability::Online)
            } else {
                Presence::Offline
            };
            let at = rect.right_bottom() - Vec2::splat(5.0);
            presence_dot(ui, at, presence, surface);
        }
        (DirectKind::Notes, _) => sign(palette.accent, Icon::Bookmark, palette.on_accent),
        _ => sign(palette.active, Icon::UsersRound, palette.text_strong),
    }
}

/// The list, with its head.
pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    head(view, ui);
    ui.spacing_mut().item_spacing.y = 2.0;
    // However little room the bars below leave: the list does not reach under them.
    let list = ScrollArea::vertical().auto_shrink(false);
    list.min_scrolled_height(0.0).show(ui, |ui| {
        Frame::new()
            .inner_margin(Margin::symmetric(8, 8))
            .show(ui, |ui| {
                requests(view, ui);
                let directs = Arc::clone(&view.model.snapshot.directs);
                for direct in directs.iter() {
                    ui.push_id(direct.community, |ui| conversation(view, ui, direct));
                }
                let others = directs.iter().any(|of| of.kind != DirectKind::Notes);
                if !others {
                    nobody(view, ui);
                }
            });
        follow_focus(ui);
    });
}

fn head(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let room = ui.available_width() - 2.0 * space::L - theme::HIT_MIN - space::S;
    let galley = lines(ui, say::directs(), font::title(), palette.text_strong, room);
    let height = (galley.size().y + space::S).max(theme::HEADER_HEIGHT);
    let size = Vec2::new(ui.available_width(), height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, true, say::directs()));
    let y = rect.center().y;
    let at = egui::pos2(rect.left() + space::L, y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_strong);
    let stroke = egui::Stroke::new(1.0, palette.line);
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, stroke);
    let at = Rect::from_center_size(
        egui::pos2(rect.right() - space::M - theme::HIT_MIN / 2.0, y),
        Vec2::splat(theme::HIT_MIN),
    );
    let start = ui.scope_builder(egui::UiBuilder::new().max_rect(at), |ui| {
        icon_button(ui, Icon::MessageSquarePlus, say::direct_start(), false).clicked()
    });
    if start.inner {
        view.act(Action::Open(Overlay::StartDirect));
    }
}

/// Who wants to write and is not known: one row for all of them.
fn requests(view: &mut View<'_>, ui: &mut Ui) {
    let count = view.model.snapshot.dm_requests.len();
    if count == 0 {
        return;
    }
    let spoken = say::dm_requests_spoken(count as u64);
    let words = Row {
        text: say::dm_requests(),
        name: &spoken,
        icon: Some(Icon::Inbox),
        selected: false,
        strong: true,
        dim: false,
        count: 0,
        wraps: true,
    };
    let response = row(ui, words);
    let palette = theme::palette(ui);
    let at = egui::pos2(response.rect.right() - space::S, response.rect.center().y);
    badge(
        ui,
        at,
        u32::try_from(count).unwrap_or(u32::MAX),
        palette.accent,
    );
    if response.clicked() {
        view.act(Action::Open(Overlay::Requests));
    }
    ui.add_space(space::S);
}

/// What stands where nobody is yet.
fn nobody(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    ui.add_space(space::S);
    label(ui, say::directs_none(), font::secondary(), palette.text_dim);
    ui.add_space(space::XS);
    if menu_item(ui, Icon::MessageSquarePlus, say::direct_start()) {
        view.act(Action::Open(Overlay::StartDirect));
    }
    if menu_item(ui, Icon::QrCode, say::contact_link_title()) {
        view.act(Action::Open(Overlay::ContactLink));
    }
}

/// When the last message came, in as few letters as tell it.
fn when(view: &View<'_>, last: Option<UnixMs>) -> String {
    let Some(last) = last else {
        return String::new();
    };
    let times = Times {
        zone: &view.model.clock.zone,
        twelve_hours: view.state.settings.twelve_hours,
        now: view.model.clock.now,
    };
    times.brief(last)
}

/// What is read out for a conversation.
fn spoken(view: &View<'_>, direct: &DirectView, name: &str, muted: bool) -> String {
    let mut parts = vec![name.to_owned()];
    match direct.kind {
        DirectKind::Notes => {}
        DirectKind::Two => {
            let presence = if direct.online {
                say::presence_online()
            } else {
                say::presence_offline()
            };
            parts.push(presence.to_owned());
        }
        DirectKind::Group => parts.push(say::direct_people(direct.accounts.len() as u64 + 1)),
    }
    if direct.verified {
        parts.push(say::verified().to_owned());
    }
    if direct.blocked {
        parts.push(say::blocked().to_owned());
    }
    if muted {
        parts.push(say::muted().to_owned());
    } else if direct.unread > 0 {
        parts.push(say::direct_unread(direct.unread));
        if direct.mentions > 0 {
            parts.push(say::direct_mentions(direct.mentions.into()));
        }
    }
    let preview = text::name(&text::covered(&direct.preview));
    if !preview.is_empty() {
        parts.push(format!("{} {preview}", when(view, direct.last)));
    }
    parts.join(", ")
}

fn conversation(view: &mut View<'_>, ui: &mut Ui, direct: &DirectView) {
    let now = view.model.clock.now;
    let muted = view.state.is_muted(direct.community, direct.channel, now);
    let name = title(direct);
    let spoken = spoken(view, direct, &name, muted);
    let selected = view.state.places.now().community == Some(direct.community);
    let size = Vec2::new(ui.available_width(), ROW);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, &spoken));
    if ui.is_rect_visible(rect) {
        let lit = response.hovered() || response.has_focus();
        paint(view, ui, (rect, selected, lit), (direct, &name, muted));
        focus_ring(ui, rect, radius::ROW, response.has_focus());
    }
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::GoChannel(direct.community, direct.channel));
    }
    Popup::context_menu(&response).width(220.0).show(|ui| {
        if let Some(action) = menu(view, ui, direct, muted) {
            view.act(action);
            ui.close();
        }
    });
}

/// What can be done with a conversation without opening it.
fn menu(view: &View<'_>, ui: &mut Ui, direct: &DirectView, muted: bool) -> Option<Action> {
    let mut chosen = None;
    let words = if muted { say::unmute() } else { say::mute() };
    if menu_item(ui, Icon::BellOff, words) {
        let of = Heard::Community(direct.community);
        let before = view.state.rule(of);
        let rule = Rule {
            muted: (!muted).then_some(Muted::Always),
            ..before
        };
        chosen = Some(Action::SetRule(of, rule));
    }
    if menu_item(ui, Icon::Bell, say::hearing_title()) {
        chosen = Some(Action::Open(Overlay::Hearing(direct.community, None)));
    }
    if menu_item(ui, Icon::Info, say::direct_about()) {
        chosen = Some(Action::Open(Overlay::Conversation(direct.community)));
    }
    match (direct.kind, direct.accounts.first()) {
        (DirectKind::Two, Some(account)) => {
            if menu_item(ui, Icon::ShieldCheck, say::verify()) {
                chosen = Some(Action::Open(Overlay::Verify(*account)));
            }
            if direct.blocked {
                if menu_item(ui, Icon::Ban, say::unblock()) {
                    let account = account_ref(*account);
                    let order = alloquy_api::PersonalCommand::Unblock { account };
                    chosen = Some(Action::Personal(Box::new(order)));
                }
            } else if menu_item(ui, Icon::Ban, say::block_more()) {
                chosen = Some(Action::Open(Overlay::ConfirmBlock(*account)));
            }
        }
        (DirectKind::Group, _) if menu_item(ui, Icon::LogOut, say::group_leave()) => {
            chosen = Some(Action::Open(Overlay::ConfirmLeave(direct.community)));
        }
        _ => {}
    }
    chosen
}

fn paint(
    view: &View<'_>,
    ui: &Ui,
    (rect, selected, lit): (Rect, bool, bool),
    (direct, name, muted): (&DirectView, &str, bool),
) {
    let palette = theme::palette(ui);
    let fill = match (selected, lit) {
        (true, _) => palette.active,
        (false, true) => palette.hover,
        (false, false) => palette.side,
    };
    ui.painter().rect_filled(rect, radius::ROW, fill);
    let middle = egui::pos2(rect.left() + space::S + FACE / 2.0, rect.center().y);
    face(
        ui,
        Rect::from_center_size(middle, Vec2::splat(FACE)),
        direct,
        fill,
    );
    let left = middle.x + FACE / 2.0 + space::M;
    let right = rect.right() - space::S;
    let unread = direct.unread > 0 && !muted;
    let (upper, lower) = (rect.top() + 19.0, rect.top() + 38.0);
    let time = when(view, direct.last);
    let time = lines(ui, &time, font::meta(), palette.text_dim, f32::INFINITY);
    let end = right - time.size().x;
    ui.painter().galley(
        egui::pos2(end, upper - time.size().y / 2.0),
        time,
        palette.text_dim,
    );
    let mark = if direct.verified { 20.0 } else { 0.0 };
    let (font, color) = if unread {
        (font::control_strong(), palette.text_strong)
    } else if muted || direct.blocked {
        (font::control(), palette.text_dim)
    } else {
        (font::control(), palette.text)
    };
    let galley = line(
        ui,
        name,
        font,
        color,
        (end - left - mark - space::S).max(20.0),
    );
    let at = egui::pos2(left, upper - galley.size().y / 2.0);
    let behind = at.x + galley.size().x + 11.0;
    ui.painter().galley(at, galley, color);
    if direct.verified {
        let at = egui::pos2(behind, upper);
        paint_icon(ui, Icon::BadgeCheck, at, 15.0, palette.ok);
    }
    let mut end = right;
    if unread {
        let (count, fill) = match direct.mentions {
            0 => (direct.unread, palette.accent),
            mentions => (mentions, palette.danger_fill),
        };
        end = badge(ui, egui::pos2(right, lower), count, fill) - space::S;
    } else if muted {
        let at = egui::pos2(right - 7.0, lower);
        paint_icon(ui, Icon::BellOff, at, 14.0, palette.text_faint);
        end = right - 14.0 - space::S;
    }
    let preview = text::name(&text::covered(&direct.preview));
    let mut left = left;
    if direct.blocked {
        let at = egui::pos2(left + 7.0, lower);
        paint_icon(ui, Icon::Ban, at, 14.0, palette.danger);
        left += 14.0 + space::S;
    }
    let room = (end - left).max(20.0);
    let galley = line(ui, &preview, font::secondary(), palette.text_dim, room);
    let at = egui::pos2(left, lower - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_dim);
}
