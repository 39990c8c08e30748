//! What can be done with a message: by the bar at a hover, the menu, and keys while it has the focus.

use alloquy_api::limits::TEXT_BYTES_MAX;
use alloquy_api::reply::MessageView;
use alloquy_ids::EventId;
use egui::{Key, Modifiers, Pos2, Rect, Response, Ui, Vec2};
use lucide_icons::Icon;

use super::row::Row;
use super::{Scene, TimelineState};
use crate::action::Action;
use crate::markdown::Hot;
use crate::state::{Direction, Overlay};
use crate::text;
use crate::theme::{self, radius, space};
use crate::widgets::{self, icon_button};
use crate::words::say;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    React,
    Reply,
    Thread,
    Edit,
    Pin,
    MarkUnread,
    CopyText,
    CopyLink,
    Delete,
}

impl Tool {
    const ALL: [Self; 9] = [
        Self::React,
        Self::Reply,
        Self::Thread,
        Self::Edit,
        Self::Pin,
        Self::MarkUnread,
        Self::CopyText,
        Self::CopyLink,
        Self::Delete,
    ];

    fn is_offered(self, view: &MessageView, scene: &Scene<'_>) -> bool {
        let own = view.author == scene.me;
        let readable = !view.deleted && !view.waiting;
        let in_channel = scene.slot.thread.is_none();
        match self {
            Self::React => scene.rights.react && !view.deleted,
            Self::Reply => scene.rights.send && in_channel && !view.deleted,
            Self::Thread => in_channel,
            Self::Edit => own && readable && scene.rights.send,
            Self::Pin => scene.rights.manage && !view.deleted,
            Self::MarkUnread => in_channel,
            Self::CopyText => readable,
            Self::CopyLink => true,
            Self::Delete => !view.deleted && (own || scene.rights.manage),
        }
    }

    fn words(self, view: &MessageView) -> (Icon, &'static str, &'static str) {
        match self {
            Self::React => (Icon::SmilePlus, say::react(), "+"),
            Self::Reply => (Icon::Reply, say::reply(), "R"),
            Self::Thread => (Icon::MessageSquareText, say::thread_open(), "T"),
            Self::Edit => (Icon::Pencil, say::edit(), "E"),
            Self::Pin if view.pinned => (Icon::PinOff, say::unpin(), "P"),
            Self::Pin => (Icon::Pin, say::pin(), "P"),
            Self::MarkUnread => (Icon::MailOpen, say::mark_unread(), "U"),
            Self::CopyText => (Icon::Copy, say::copy_text(), "Ctrl+C"),
            Self::CopyLink => (Icon::Link, say::copy_link(), "C"),
            Self::Delete => (Icon::Trash2, say::delete(), "Del"),
        }
    }

    fn action(self, view: &MessageView, scene: &Scene<'_>) -> Action {
        let (slot, channel) = (scene.slot, scene.slot.channel);
        match self {
            Self::React => Action::Open(Overlay::Emoji(slot, Some(view.id))),
            Self::Reply => Action::StartReply(slot, view.id),
            Self::Thread => Action::OpenThread(channel, view.id),
            Self::Edit => Action::StartEdit(slot, view.id),
            Self::Pin if view.pinned => Action::Unpin(channel, view.id),
            Self::Pin => Action::Pin(channel, view.id),
            Self::MarkUnread => Action::MarkUnread(channel, view.id),
            Self::CopyText => Action::Copy(text::clean(&view.text, TEXT_BYTES_MAX)),
            Self::CopyLink => Action::Copy(link(view.id, scene)),
            Self::Delete => Action::Delete(channel, view.id),
        }
    }
}

/// A link that opens this message in the program.
fn link(message: EventId, scene: &Scene<'_>) -> String {
    let community = scene
        .community
        .map_or_else(String::new, |id| id.to_string());
    let channel = scene.slot.channel;
    format!("alloquy://message/{community}/{channel}/{message}")
}

/// The menu of a message.
pub(super) fn menu(
    response: &Response,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
) {
    response.context_menu(|ui| items(ui, view, scene, state));
}

fn items(ui: &mut Ui, view: &MessageView, scene: &Scene<'_>, state: &mut TimelineState) {
    /// Width of the menu: say::mark_unread() with its icon and key.
    const WIDTH: f32 = 190.0;
    ui.set_width(WIDTH);
    ui.spacing_mut().item_spacing.y = 0.0;
    // Higher than the smallest window at 200 %.
    let height = ui.ctx().content_rect().height() - 2.0 * space::XL;
    egui::ScrollArea::vertical()
        .max_height(height)
        .auto_shrink([false, true])
        .show(ui, |ui| {
            offered(ui, view, scene, state);
            widgets::follow_focus(ui);
        });
}

/// What can be done with a message, one below the other.
fn offered(ui: &mut Ui, view: &MessageView, scene: &Scene<'_>, state: &mut TimelineState) {
    let offered = Tool::ALL.into_iter();
    for tool in offered.filter(|tool| tool.is_offered(view, scene)) {
        let (icon, words, _) = tool.words(view);
        let item = widgets::Row {
            text: words,
            name: words,
            icon: Some(icon),
            selected: false,
            strong: false,
            dim: false,
            count: 0,
            wraps: true,
        };
        if widgets::row(ui, item).clicked() {
            state.act(tool.action(view, scene));
            ui.close();
        }
    }
}

/// The bar over the message under the pointer; gives where it is.
pub(super) fn bar(
    row: &Row<'_>,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) -> Option<Rect> {
    let view = row.entry.message()?;
    let quick = [Tool::React, Tool::Reply, Tool::Thread, Tool::Edit];
    let shown: Vec<Tool> = quick
        .into_iter()
        .filter(|tool| tool.is_offered(view, scene))
        .collect();
    let palette = scene.palette;
    let buttons = (shown.len() + 1) as f32;
    let size = Vec2::new(buttons * theme::HIT_MIN + 4.0, theme::HIT_MIN + 4.0);
    let top = (row.own_rect().top() - 18.0).max(ui.clip_rect().top() + 2.0);
    let at = Pos2::new(row.rect.right() - size.x - space::XL, top);
    let rect = Rect::from_min_size(at, size);
    // Nothing below the bar is to be hit through it.
    ui.interact(rect, ui.scope_id().with("bar"), egui::Sense::CLICK);
    ui.painter().rect_filled(rect, radius::ROW, palette.raised);
    let stroke = egui::Stroke::new(1.0, palette.line);
    let kind = egui::StrokeKind::Outside;
    ui.painter().rect_stroke(rect, radius::ROW, stroke, kind);
    let builder = egui::UiBuilder::new()
        .max_rect(rect.shrink(2.0))
        .layout(egui::Layout::left_to_right(egui::Align::Center))
        .id_salt(("tools", view.id));
    ui.scope_builder(builder, |ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        for tool in shown {
            let (icon, words, key) = tool.words(view);
            let name = format!("{words} ({key})");
            if icon_button(ui, icon, &name, false).clicked() {
                state.act(tool.action(view, scene));
            }
        }
        let more = icon_button(ui, Icon::Ellipsis, say::more(), false);
        egui::Popup::menu(&more).show(|ui| items(ui, view, scene, state));
    });
    Some(rect)
}

/// Keys while a message has the focus.
pub(super) fn keys(row: &Row<'_>, scene: &Scene<'_>, state: &mut TimelineState, ui: &Ui) {
    let Some(view) = row.entry.message() else {
        return;
    };
    let pressed =
        |modifiers: Modifiers, key: Key| ui.input_mut(|input| input.consume_key(modifiers, key));
    let none = Modifiers::NONE;
    for (key, direction) in [
        (Key::ArrowUp, Direction::Previous),
        (Key::ArrowDown, Direction::Next),
    ] {
        if pressed(none, key) {
            state.act(Action::FocusMessage(scene.slot, direction));
        }
    }
    let plus = pressed(none, Key::Plus)
        || pressed(Modifiers::SHIFT, Key::Plus)
        || pressed(Modifiers::SHIFT, Key::Equals);
    let copies = ui.input(|input| input.events.contains(&egui::Event::Copy));
    let tools = [
        (plus, Tool::React),
        (pressed(none, Key::R), Tool::Reply),
        (pressed(none, Key::T), Tool::Thread),
        (pressed(none, Key::E), Tool::Edit),
        (pressed(none, Key::P), Tool::Pin),
        (pressed(none, Key::U), Tool::MarkUnread),
        (pressed(none, Key::C), Tool::CopyLink),
        (copies && !state.has_selection(), Tool::CopyText),
        (pressed(none, Key::Delete), Tool::Delete),
    ];
    for (pressed, tool) in tools {
        if pressed && tool.is_offered(view, scene) {
            state.act(tool.action(view, scene));
        }
    }
    if pressed(none, Key::Enter)
        && let (Some(answered), Some(community)) = (view.reply_to, scene.community)
    {
        let channel = scene.slot.channel;
        state.act(Action::GoMessage(community, channel, answered));
    }
    let body = &row.measured.body;
    if pressed(none, Key::O) {
        let link = body.hot.iter().find_map(|(_, hot)| match hot {
            Hot::Link(target) => Some(target.clone()),
            _ => None,
        });
        link.into_iter()
            .for_each(|target| state.act(Action::OpenLink(target)));
    }
    if pressed(none, Key::Space) {
        let covered = body.hot.iter().find_map(|(_, hot)| match hot {
            Hot::Spoiler(number) => Some(*number),
            _ => None,
        });
        let part = covered.or_else(|| row.measured.more.map(|_| u32::MAX));
        if let Some(part) = part {
            state.act(Action::Reveal(view.id, part));
        }
    }
}
