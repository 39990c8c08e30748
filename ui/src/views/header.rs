//! The head of a channel and of a thread: what is shown, and what can be opened beside it.

use alloquy_api::personal::{DirectKind, DirectView};
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::{View, directs};
use crate::action::Action;
use crate::state::{Overlay, Slot};
use crate::text;
use crate::theme::{self, font, space};
use crate::widgets::{icon_button, line, lines, paint_icon};
use crate::words::say;

/// Room for the name of a conversation, in points, from which its picture stands before it.
const SIGN_FROM: f32 = 160.0;

pub(super) fn channel(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let palette = theme::palette(ui);
    let place = view.state.places.now();
    let channel = place
        .community
        .and_then(|id| view.model.channel(id, slot.channel));
    let direct = place
        .community
        .and_then(|id| view.model.direct(id))
        .cloned();
    let (name, topic) = match &direct {
        Some(direct) => (directs::title(direct), about(direct)),
        None => channel.map_or_else(Default::default, |channel| {
            (text::name(&channel.name), text::clean(&channel.topic, 300))
        }),
    };
    bar(ui, |ui, rect| {
        let mut left = rect.left() + space::L;
        if view.state.size.x < theme::SIDE_BESIDE_FROM {
            let at = Rect::from_center_size(
                egui::pos2(left + 12.0, rect.center().y),
                Vec2::splat(theme::HIT_MIN),
            );
            let open = view.state.side_open;
            let button = ui.scope_builder(egui::UiBuilder::new().max_rect(at), |ui| {
                icon_button(ui, Icon::Menu, say::channels(), open).clicked()
            });
            if button.inner {
                view.act(Action::ToggleSide);
            }
            left += 36.0;
        }
        let buttons = 3.0 * (theme::HIT_MIN + space::XS) + space::M;
        let right = rect.right() - buttons;
        // In a narrow window the name needs the room.
        if direct.is_none() || right - left > SIGN_FROM {
            let icon = super::voice::sign(channel);
            left += sign(ui, egui::pos2(left, rect.center().y), direct.as_ref(), icon);
        }
        let verified = direct.as_ref().is_some_and(|direct| direct.verified);
        let mark = if verified { 28.0 } else { 0.0 };
        let title = line(
            ui,
            &name,
            font::title(),
            palette.text_strong,
            (right - left - mark).max(20.0),
        );
        let title_rect = Rect::from_min_size(
            egui::pos2(left, rect.center().y - title.size().y / 2.0),
            title.size(),
        );
        let heading = ui.interact(title_rect, ui.scope_id().with("title"), Sense::hover());
        let spoken = match &direct {
            Some(_) => say::header_direct(&name, &topic),
            None => say::header_spoken(&name, &topic),
        };
        heading.widget_info(|| WidgetInfo::labeled(Role::Label, true, &spoken));
        left = title_rect.right() + space::M;
        ui.painter()
            .galley(title_rect.min, title, palette.text_strong);
        if verified {
            let at = egui::pos2(left, rect.center().y);
            paint_icon(ui, Icon::BadgeCheck, at, 17.0, palette.ok);
            left += 20.0;
        }
        if let Some(direct) = &direct {
            about_beside(ui, (left, right - space::M), rect, &about(direct));
        } else if right - left > 60.0 && !topic.is_empty() {
            let one = topic.replace('\n', " ");
            let galley = line(
                ui,
                &one,
                font::secondary(),
                palette.text_dim,
                right - left - space::M,
            );
            let at = egui::pos2(left, rect.center().y - galley.size().y / 2.0 + 1.0);
            let over = Rect::from_min_size(at, galley.size());
            ui.painter().galley(at, galley, palette.text_dim);
            let hover = ui.interact(over, ui.scope_id().with("topic"), Sense::hover());
            hover.on_hover_text(&topic);
        }
        let at = Rect::from_min_max(
            egui::pos2(right, rect.top() + 8.0),
            egui::pos2(rect.right() - space::M, rect.bottom() - 8.0),
        );
        ui.scope_builder(egui::UiBuilder::new().max_rect(at), |ui| {
            ui.spacing_mut().item_spacing.x = space::XS;
            ui.horizontal(|ui| buttons_of(view, ui, slot, direct.as_ref()));
        });
    });
}

/// What is said about a conversation, where all of it fits: it is the window's own words.
fn about_beside(ui: &Ui, (left, right): (f32, f32), rect: Rect, words: &str) {
    let palette = theme::palette(ui);
    let galley = lines(
        ui,
        words,
        font::secondary(),
        palette.text_dim,
        f32::INFINITY,
    );
    if galley.size().x <= right - left {
        let y = rect.center().y - galley.size().y / 2.0 + 1.0;
        ui.painter()
            .galley(egui::pos2(left, y), galley, palette.text_dim);
    }
}

/// Whoever is in a conversation, in a few words: what a topic is to a channel.
fn about(direct: &DirectView) -> String {
    match direct.kind {
        DirectKind::Notes => say::direct_notes_about().to_owned(),
        DirectKind::Two if direct.blocked => say::blocked().to_owned(),
        DirectKind::Two if direct.online => say::presence_online().to_owned(),
        DirectKind::Two => say::presence_offline().to_owned(),
        DirectKind::Group => say::direct_people(direct.accounts.len() as u64 + 1),
    }
}

/// The sign before the name; gives the room that it takes.
fn sign(ui: &Ui, at: egui::Pos2, direct: Option<&DirectView>, icon: Icon) -> f32 {
    let palette = theme::palette(ui);
    match direct {
        Some(direct) => {
            let face = Rect::from_center_size(at + Vec2::new(14.0, 0.0), Vec2::splat(28.0));
            directs::face(ui, face, direct, palette.chat);
            28.0 + space::M
        }
        None => {
            let at = at + Vec2::new(10.0, 0.0);
            paint_icon(ui, icon, at, 20.0, palette.text_dim);
            28.0
        }
    }
}

fn buttons_of(view: &mut View<'_>, ui: &mut Ui, slot: Slot, direct: Option<&DirectView>) {
    if icon_button(ui, Icon::Pin, say::pinned_messages(), false).clicked() {
        view.act(Action::Open(Overlay::Pins(slot.channel)));
    }
    if let Some(direct) = direct {
        if icon_button(ui, Icon::Info, say::direct_about(), false).clicked() {
            view.act(Action::Open(Overlay::Conversation(direct.community)));
        }
        if icon_button(ui, Icon::Search, say::header_search(), false).clicked() {
            view.act(Action::Open(Overlay::Switcher));
        }
        return;
    }
    let open = view.state.settings.members_open && view.state.size.x >= theme::MEMBERS_BESIDE_FROM;
    if icon_button(ui, Icon::Users, say::members(), open).clicked() {
        view.act(Action::ToggleMembers);
    }
    if icon_button(ui, Icon::Search, say::header_search(), false).clicked() {
        view.act(Action::Open(Overlay::Switcher));
    }
}

pub(super) fn thread(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    bar(ui, |ui, rect| {
        let at = egui::pos2(rect.left() + space::L + 10.0, rect.center().y);
        paint_icon(ui, Icon::MessagesSquare, at, 18.0, palette.text_dim);
        let room = rect.width() - 90.0;
        let title = lines(ui, say::thread(), font::title(), palette.text_strong, room);
        let at = egui::pos2(
            rect.left() + space::L + 28.0,
            rect.center().y - title.size().y / 2.0,
        );
        ui.painter().galley(at, title, palette.text_strong);
        let at = Rect::from_center_size(
            egui::pos2(rect.right() - 28.0, rect.center().y),
            Vec2::splat(theme::HIT_MIN),
        );
        let close = ui.scope_builder(egui::UiBuilder::new().max_rect(at), |ui| {
            icon_button(ui, Icon::X, say::thread_close(), false).clicked()
        });
        if close.inner {
            view.act(Action::CloseThread);
        }
    });
}

fn bar(ui: &mut Ui, contents: impl FnOnce(&mut Ui, Rect)) {
    let palette = theme::palette(ui);
    let size = Vec2::new(ui.available_width(), theme::HEADER_HEIGHT);
    let (rect, _) = ui.allocate_exact_size(size, Sense::hover());
    let stroke = egui::Stroke::new(1.0, palette.line);
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, stroke);
    contents(ui, rect);
}
