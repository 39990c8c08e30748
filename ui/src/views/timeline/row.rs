//! How rows are painted.

pub(super) mod cards;
mod parts;
mod words;

use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, EventId};
use egui::{Pos2, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::entries::{Entry, What};
use super::measure::{
    AVATAR, DAY_HEIGHT, LEFT, Measured, NAME_HEIGHT, NEW_HEIGHT, RIGHT, START_HEIGHT, failure,
};
use super::{Scene, TimelineState};
use crate::action::Action;
use crate::state::{Overlay, Unsent};
use crate::text;
use crate::theme::{self, font, space};
use crate::widgets::{avatar, focus_ring, line, link_button, paint_icon};
use crate::words::say;

/// A row, where it stands.
pub(super) struct Row<'a> {
    pub(super) entry: Entry<'a>,
    pub(super) measured: Measured,
    pub(super) rect: Rect,
    /// Its part of the selection, in characters of its text.
    pub(super) selected: std::ops::Range<usize>,
}

impl Row<'_> {
    /// The corner of its text.
    pub(super) fn corner(&self) -> Pos2 {
        self.rect.min + Vec2::new(LEFT, self.measured.body_top)
    }

    /// What belongs to the message, without day and say::new().
    pub(super) fn own_rect(&self) -> Rect {
        let mut rect = self.rect;
        rect.min.y += self.measured.top;
        rect
    }
}

pub(super) fn paint(row: &Row<'_>, scene: &Scene<'_>, state: &mut TimelineState, ui: &mut Ui) {
    match row.entry.what {
        What::Start => start(row, scene, state, ui),
        What::Gap => note(row, Icon::CircleDashed, ui),
        What::Loading => note(row, Icon::History, ui),
        What::Message(view) => {
            lines_above(row, scene, ui);
            message(row, view, scene, state, ui);
        }
        What::Unsent(view) => unsent(row, view, scene, state, ui),
    }
}

/// The message that a thread hangs on, where it is loaded.
fn root_words(scene: &Scene<'_>, state: &TimelineState, root: EventId) -> String {
    let window = scene.model.window(scene.slot.channel);
    let mut messages = window.iter().flat_map(|window| &window.messages);
    match messages.find(|message| message.id == root) {
        Some(message) => {
            let name = state.people.name(message.author);
            format!("{name}: {}", text::name(&text::covered(&message.text)))
        }
        None => say::thread_about().to_owned(),
    }
}

/// What the first of all messages stands below.
fn start(row: &Row<'_>, scene: &Scene<'_>, state: &TimelineState, ui: &mut Ui) {
    let palette = scene.palette;
    let (title, about) = match scene.slot.thread {
        Some(root) => (say::thread().to_owned(), root_words(scene, state, root)),
        None => (scene.beginning.1.clone(), scene.beginning.2.clone()),
    };
    let base = row.rect.top() + START_HEIGHT;
    let left = row.rect.left() + space::L;
    let disc = Pos2::new(left + 28.0, base - 104.0);
    ui.painter().circle_filled(disc, 28.0, palette.raised);
    let icon = match scene.slot.thread {
        Some(_) => Icon::MessageSquareText,
        None => scene.beginning.0,
    };
    paint_icon(ui, icon, disc, 28.0, palette.text_strong);
    let width = (scene.width - 2.0 * space::L).max(40.0);
    let title = line(ui, &title, font::h1(), palette.text_strong, width);
    let small = row.measured.notice.clone();
    let small = small.unwrap_or_else(|| line(ui, &about, font::message(), palette.text_dim, width));
    let at = Pos2::new(left, base - 64.0);
    ui.painter().galley(at, title, palette.text_strong);
    let at = Pos2::new(left, base - 36.0);
    ui.painter().galley(at, small, palette.text_dim);
    let response = ui.interact(row.rect, ui.scope_id().with("start"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, about.clone()));
}

fn note(row: &Row<'_>, icon: Icon, ui: &mut Ui) {
    let Some(galley) = row.measured.notice.clone() else {
        return;
    };
    let palette = theme::palette(ui);
    let rect = row.rect;
    let top = rect.bottom() - space::L - galley.size().y;
    let sign = Pos2::new(rect.left() + LEFT - 24.0, top + space::S);
    paint_icon(ui, icon, sign, 16.0, palette.text_faint);
    let response = ui.interact(rect, ui.scope_id().with("note"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, galley.text()));
    let at = Pos2::new(rect.left() + LEFT, top);
    ui.painter().galley(at, galley.clone(), palette.text_dim);
}

/// The lines with the day and with say::new().
fn lines_above(row: &Row<'_>, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let (left, right) = (row.rect.left() + space::L, row.rect.right() - space::L);
    let mut y = row.rect.top();
    if let Some(day) = row.entry.day {
        let words = scene.times.day_words(day);
        let galley = line(ui, &words, font::meta(), palette.text_dim, scene.width);
        let middle = (y + DAY_HEIGHT / 2.0 + 2.0).round();
        let half = galley.size().x / 2.0 + space::M;
        let center = (left + right) / 2.0;
        let stroke = Stroke::new(1.0, palette.line);
        ui.painter().hline(left..=center - half, middle, stroke);
        ui.painter().hline(center + half..=right, middle, stroke);
        let at = Pos2::new(center, middle) - galley.size() / 2.0;
        let rect = Rect::from_min_size(at, galley.size());
        ui.painter().galley(at, galley, palette.text_dim);
        let id = ui.scope_id().with(("day", row.entry.key()));
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words.clone()));
        y += DAY_HEIGHT;
    }
    if row.entry.new {
        let galley = line(ui, say::new(), font::badge(), palette.danger, 60.0);
        let middle = (y + NEW_HEIGHT / 2.0).round();
        let at = Pos2::new(right - galley.size().x, middle - galley.size().y / 2.0);
        let stroke = Stroke::new(1.0, palette.danger);
        let rect = Rect::from_min_size(at, galley.size());
        ui.painter().hline(left..=at.x - space::S, middle, stroke);
        ui.painter().galley(at, galley, palette.danger);
        let response = ui.interact(rect, ui.scope_id().with("new"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, say::new()));
    }
}

/// What is read out for a message.
fn spoken(row: &Row<'_>, view: &MessageView, scene: &Scene<'_>, name: &str) -> String {
    let time = scene.times.time(view.time);
    let text = if view.deleted {
        say::message_deleted().to_owned()
    } else if view.waiting {
        scene.waiting.clone()
    } else {
        row.measured.body.spoken()
    };
    let text = if view.bridged {
        format!("{text} ({})", say::bridged())
    } else {
        text
    };
    if view.edited {
        say::message_spoken_edited(name, time, text)
    } else {
        say::message_spoken(name, time, text)
    }
}

fn message(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let palette = scene.palette;
    let rect = row.own_rect();
    let name = state.people.name(view.author);
    let focused = scene.focused == Some(view.id);
    let sense = if focused {
        Sense::click()
    } else {
        Sense::CLICK
    };
    let id = super::message_id(ui, view.id);
    let response = ui.interact(rect, id, sense);
    let label = spoken(row, view, scene, &name);
    let builder_label = label.clone();
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, label.clone()));
    ui.ctx()
        .accesskit_node_builder(id, |node| node.set_label(builder_label));
    let flashing = state.flashes(view.id);
    let ground = if flashing {
        Some(palette.active)
    } else if view.mentions_me {
        Some(palette.mention)
    } else if state.hovered == Some(view.id) || focused {
        Some(palette.hover)
    } else {
        None
    };
    if let Some(ground) = ground {
        ui.painter().rect_filled(rect, 0, ground);
    }
    if view.mentions_me {
        let bar = Rect::from_min_size(rect.min, Vec2::new(3.0, rect.height()));
        ui.painter().rect_filled(bar, 0, palette.warn);
    }
    focus_ring(ui, rect, 0, focused);
    super::tools::menu(&response, view, scene, state);
    parts::quote(row, view, scene, state, ui);
    if row.measured.name.is_some() {
        author(row, (view.author, &name), scene, state, ui);
        beside_name(row, view, &name, scene, ui);
    } else if state.hovered == Some(view.id) || focused {
        let time = scene.times.time(view.time);
        let galley = line(ui, &time, font::badge(), palette.text_faint, LEFT);
        let at = Pos2::new(
            row.rect.left() + LEFT - space::S - galley.size().x,
            row.corner().y + (font::MESSAGE_LINE - galley.size().y) / 2.0,
        );
        ui.painter().galley(at, galley, palette.text_faint);
    }
    words::words(row, view, scene, state, ui);
    words::more(row, view, state, ui);
    cards::paint(row, view, scene, state, ui);
    parts::chips(row, view, scene, state, ui);
    parts::thread(row, view, scene, state, ui);
    parts::marks(row, view, scene, ui);
}

/// Room for the time after a name: "12:00 PM" and what is between.
const TIME: f32 = 64.0;

/// Avatar and name.
fn author(
    row: &Row<'_>,
    (account, name): (AccountId, &str),
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let top = row.rect.top() + row.measured.name.unwrap_or_default();
    let at = Pos2::new(row.rect.left() + space::L, top + 2.0);
    let face = Rect::from_min_size(at, Vec2::splat(AVATAR));
    avatar(ui, face, account.as_bytes(), name);
    let color = theme::name_color(scene.dark, account.as_bytes());
    let width = (scene.width - LEFT - RIGHT - TIME).max(40.0);
    let galley = line(ui, name, font::name(), color, width);
    let at = Pos2::new(
        row.rect.left() + LEFT,
        top + (NAME_HEIGHT - galley.size().y) / 2.0,
    );
    let rect = Rect::from_min_size(at, galley.size());
    let id = ui.scope_id().with(("author", row.entry.key()));
    for (rect, id) in [(face, id.with("face")), (rect, id)] {
        let response = ui.interact(rect, id, Sense::CLICK);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
        let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
        if response.clicked()
            && let Some(community) = scene.community
        {
            state.act(Action::Open(Overlay::Profile(community, account)));
        }
    }
    ui.painter().galley(at, galley, color);
}

/// Time and marks after the name.
fn beside_name(row: &Row<'_>, view: &MessageView, name: &str, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let color = theme::name_color(scene.dark, view.author.as_bytes());
    let width = (scene.width - LEFT - RIGHT - TIME).max(40.0);
    let name = line(ui, name, font::name(), color, width);
    let mut left = row.rect.left() + LEFT + name.size().x + space::S;
    let middle = row.rect.top() + row.measured.name.unwrap_or_default() + NAME_HEIGHT / 2.0 + 1.0;
    let mut put = |ui: &mut Ui, words: &str, hint: Option<&str>| {
        let galley = line(ui, words, font::meta(), palette.text_faint, 200.0);
        let rect = Rect::from_min_size(
            Pos2::new(left, middle - galley.size().y / 2.0),
            galley.size(),
        );
        ui.painter().galley(rect.min, galley, palette.text_faint);
        if let Some(hint) = hint {
            let id = ui.scope_id().with(("beside", words, view.id));
            let response = ui.interact(rect, id, Sense::hover());
            response.on_hover_text(hint);
        }
        left += rect.width() + space::S;
    };
    let whole = scene.times.whole(view.time);
    put(ui, &scene.times.time(view.time), Some(&whole));
    if view.arrived_later {
        let hint = say::arrived_later_about();
        put(ui, say::arrived_later(), Some(hint));
    }
    if view.bridged {
        put(ui, say::bridged(), Some(say::bridged_about()));
    }
}

fn unsent(row: &Row<'_>, view: &Unsent, scene: &Scene<'_>, state: &mut TimelineState, ui: &mut Ui) {
    let palette = scene.palette;
    let name = state.people.name(scene.me);
    let rect = row.own_rect();
    let id = ui.scope_id().with(("unsent", view.id));
    let response = ui.interact(rect, id, Sense::hover());
    let body = row.measured.body.spoken();
    let label = if view.error.is_some() {
        say::unsent_spoken(&name, body)
    } else {
        say::sending_spoken(&name, body)
    };
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, label.clone()));
    ui.scope(|ui| {
        ui.multiply_opacity(0.6);
        if row.measured.name.is_some() {
            author(row, (scene.me, &name), scene, state, ui);
        }
        words::body(row, scene, ui);
    });
    let middle = row.corner().y + font::MESSAGE_LINE / 2.0;
    let at = Pos2::new(row.rect.right() - 22.0, middle);
    let (icon, color) = match view.error {
        Some(_) => (Icon::CircleAlert, palette.danger),
        None => (Icon::Clock, palette.text_faint),
    };
    paint_icon(ui, icon, at, 14.0, color);
    let (Some(top), Some(error)) = (row.measured.error, &view.error) else {
        return;
    };
    let (galley, beside) = failure(error, scene);
    let width = scene.width - LEFT - RIGHT;
    let mut at = row.rect.min + Vec2::new(LEFT, top);
    if !beside {
        told(
            ui,
            Rect::from_min_size(at, galley.size()),
            &galley,
            (view.id, error),
        );
        at.y += galley.size().y + space::XS;
    }
    let rect = Rect::from_min_size(at, Vec2::new(width, theme::HIT_MIN));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let builder = egui::UiBuilder::new()
        .max_rect(rect)
        .layout(layout)
        .id_salt(("failed", view.id));
    ui.scope_builder(builder, |ui| {
        if beside {
            let (rect, _) = ui.allocate_exact_size(galley.size(), Sense::hover());
            told(ui, rect, &galley, (view.id, error));
        }
        if link_button(ui, say::retry()).clicked() {
            state.act(Action::Retry(scene.slot, view.id));
        }
        if link_button(ui, say::delete()).clicked() {
            state.act(Action::DropUnsent(scene.slot, view.id));
        }
    });
}

/// Says why a message was not sent; all of the reason at a hover.
fn told(ui: &Ui, rect: Rect, galley: &std::sync::Arc<egui::Galley>, (id, error): (u64, &str)) {
    let color = theme::palette(ui).danger;
    ui.painter().galley(rect.min, galley.clone(), color);
    let id = ui.scope_id().with(("not sent", id));
    let response = ui.interact(rect, id, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, galley.text()));
    response.on_hover_text(error);
}
