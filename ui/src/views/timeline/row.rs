//! How rows are painted.

use alloquy_api::reply::{DeliveryState, MessageView};
use alloquy_ids::AccountId;
use egui::{Color32, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::entries::{Entry, What};
use super::measure::{
    AVATAR, CHIP_HEIGHT, DAY_HEIGHT, LEFT, Measured, NAME_HEIGHT, NEW_HEIGHT, QUOTE_HEIGHT, RIGHT,
};
use super::{Scene, TimelineState};
use crate::action::Action;
use crate::markdown::{Hot, bar, ground_color};
use crate::state::{Overlay, Unsent};
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::widgets::{avatar, focus_ring, line, link_button, paint_icon};

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

    /// What belongs to the message, without day and "New".
    pub(super) fn own_rect(&self) -> Rect {
        let mut rect = self.rect;
        rect.min.y += self.measured.top;
        rect
    }
}

pub(super) fn paint(row: &Row<'_>, scene: &Scene<'_>, state: &mut TimelineState, ui: &mut Ui) {
    match row.entry.what {
        What::Start => start(row, scene, ui),
        What::Gap => {
            let words = "Older messages may be missing here: nobody connected has confirmed that these are all.";
            note(row.rect, Icon::CircleDashed, words, ui);
        }
        What::Loading => note(row.rect, Icon::History, "Older messages follow …", ui),
        What::Message(view) => {
            lines_above(row, scene, ui);
            message(row, view, scene, state, ui);
        }
        What::Unsent(view) => unsent(row, view, scene, state, ui),
    }
}

/// What the first of all messages stands below.
fn start(row: &Row<'_>, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let (title, about) = match scene.slot.thread {
        Some(_) => (
            "Thread".to_owned(),
            "Answers to one message, beside the channel.".to_owned(),
        ),
        None => (
            format!("#{}", scene.channel_name),
            format!("This is the beginning of #{}.", scene.channel_name),
        ),
    };
    let left = row.rect.left() + space::L;
    let disc = Pos2::new(left + 28.0, row.rect.bottom() - 104.0);
    ui.painter().circle_filled(disc, 28.0, palette.raised);
    let icon = match scene.slot.thread {
        Some(_) => Icon::MessageSquareText,
        None => Icon::Hash,
    };
    paint_icon(ui, icon, disc, 28.0, palette.text_strong);
    let width = (scene.width - 2.0 * space::L).max(40.0);
    let title = line(ui, &title, font::h1(), palette.text_strong, width);
    let small = line(ui, &about, font::message(), palette.text_dim, width);
    let at = Pos2::new(left, row.rect.bottom() - 64.0);
    ui.painter().galley(at, title, palette.text_strong);
    let at = Pos2::new(left, row.rect.bottom() - 36.0);
    ui.painter().galley(at, small, palette.text_dim);
    let response = ui.interact(row.rect, ui.scope_id().with("start"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, about.clone()));
}

fn note(rect: Rect, icon: Icon, words: &str, ui: &mut Ui) {
    let palette = theme::palette(ui);
    let y = rect.bottom() - 24.0;
    paint_icon(
        ui,
        icon,
        Pos2::new(rect.left() + LEFT - 24.0, y),
        16.0,
        palette.text_faint,
    );
    let width = (rect.width() - LEFT - space::L).max(40.0);
    let galley = line(ui, words, font::secondary(), palette.text_dim, width);
    let at = Pos2::new(rect.left() + LEFT, y - galley.size().y / 2.0);
    ui.painter().galley(at, galley, palette.text_dim);
    let response = ui.interact(rect, ui.scope_id().with("note"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words));
}

/// The lines with the day and with "New".
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
        let galley = line(ui, "New", font::badge(), palette.danger, 60.0);
        let middle = (y + NEW_HEIGHT / 2.0).round();
        let at = Pos2::new(right - galley.size().x, middle - galley.size().y / 2.0);
        let stroke = Stroke::new(1.0, palette.danger);
        let rect = Rect::from_min_size(at, galley.size());
        ui.painter().hline(left..=at.x - space::S, middle, stroke);
        ui.painter().galley(at, galley, palette.danger);
        let response = ui.interact(rect, ui.scope_id().with("new"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "New"));
    }
}

/// What is read out for a message.
fn spoken(row: &Row<'_>, view: &MessageView, scene: &Scene<'_>, name: &str) -> String {
    let time = scene.times.time(view.time);
    let text = if view.deleted {
        "Message deleted".to_owned()
    } else if view.waiting {
        WAITING.to_owned()
    } else {
        row.measured.body.spoken()
    };
    let edited = if view.edited { " (edited)" } else { "" };
    format!("{name}, {time}: {text}{edited}")
}

const WAITING: &str = "This message's text is not here yet: its key or body is asked for";

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
    super::tools::menu(&response, row, view, scene, state);
    quote(row, view, scene, state, ui);
    if row.measured.name.is_some() {
        author(row, view.author, &name, scene, state, ui);
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
    words(row, view, scene, state, ui);
    more(row, view, state, ui);
    chips(row, view, scene, state, ui);
    thread(row, view, scene, state, ui);
    marks(row, view, scene, ui);
}

/// Avatar and name.
fn author(
    row: &Row<'_>,
    account: AccountId,
    name: &str,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let top = row.rect.top() + row.measured.name.unwrap_or_default();
    let at = Pos2::new(row.rect.left() + space::L, top + 2.0);
    let face = Rect::from_min_size(at, Vec2::splat(AVATAR));
    avatar(ui, face, account.as_bytes(), name);
    let color = theme::name_color(scene.dark, account.as_bytes());
    let width = (scene.width - LEFT - RIGHT - 100.0).max(40.0);
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
    let width = (scene.width - LEFT - RIGHT - 100.0).max(40.0);
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
        let hint =
            "It came here more than ten minutes after the time that its author's clock said.";
        put(ui, "arrived later", Some(hint));
    }
}

/// The line that is answered.
fn quote(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let (Some(top), Some(answered)) = (row.measured.quote, view.reply_to) else {
        return;
    };
    let palette = scene.palette;
    let top = row.rect.top() + top;
    let middle = top + QUOTE_HEIGHT / 2.0 - 1.0;
    let left = row.rect.left() + LEFT;
    // A hook from the avatar to the quoted line.
    let hook = Stroke::new(2.0, palette.line);
    let x = row.rect.left() + space::L + AVATAR / 2.0;
    ui.painter()
        .vline(x, middle..=top + QUOTE_HEIGHT - 2.0, hook);
    ui.painter().hline(x..=left - space::XS, middle, hook);
    let width = (scene.width - LEFT - RIGHT).max(40.0);
    let (who, words) = match &view.quote {
        Some(quote) if quote.text.is_empty() => (
            state.people.name(quote.author),
            "Message deleted".to_owned(),
        ),
        Some(quote) => (
            state.people.name(quote.author),
            text::name(&text::clean(&quote.text, 200)),
        ),
        None => (String::new(), "a message that is not here".to_owned()),
    };
    let color = view.quote.as_ref().map_or(palette.text_dim, |quote| {
        theme::name_color(scene.dark, quote.author.as_bytes())
    });
    let name = line(ui, &who, font::secondary(), color, width / 2.0);
    let indent = if who.is_empty() {
        0.0
    } else {
        name.size().x + 6.0
    };
    let galley = line(
        ui,
        &words,
        font::secondary(),
        palette.text_dim,
        width - indent,
    );
    let size = Vec2::new(indent + galley.size().x, QUOTE_HEIGHT - 2.0);
    let rect = Rect::from_min_size(Pos2::new(left, top), size);
    let response = ui.interact(rect, ui.scope_id().with(("quote", view.id)), Sense::click());
    let label = format!("Answers {who}: {words}");
    response.widget_info(|| WidgetInfo::labeled(Role::Link, true, label.clone()));
    let color_words = match response.hovered() || response.has_focus() {
        true => palette.text_strong,
        false => palette.text_dim,
    };
    let y = middle - name.size().y / 2.0;
    ui.painter().galley(Pos2::new(left, y), name, color);
    ui.painter()
        .galley_with_override_text_color(Pos2::new(left + indent, y), galley, color_words);
    focus_ring(ui, rect, radius::CHIP, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked()
        && let Some(community) = scene.community
    {
        let channel = scene.slot.channel;
        state.act(Action::GoMessage(community, channel, answered));
    }
}

/// The text, and what in it can be clicked.
fn words(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let palette = scene.palette;
    let instead = match (view.deleted, view.waiting) {
        (true, _) => Some((Icon::Trash2, "Message deleted")),
        (false, true) => Some((Icon::Hourglass, WAITING)),
        (false, false) => None,
    };
    if let Some((icon, words)) = instead {
        let middle = row.corner().y + font::MESSAGE_LINE / 2.0;
        let at = Pos2::new(row.corner().x + 8.0, middle);
        paint_icon(ui, icon, at, 14.0, palette.text_faint);
        let width = (scene.width - LEFT - RIGHT).max(40.0);
        let galley = line(ui, words, font::secondary(), palette.text_dim, width);
        let at = Pos2::new(row.corner().x + 24.0, middle - galley.size().y / 2.0);
        ui.painter().galley(at, galley, palette.text_dim);
        return;
    }
    body(row, scene, ui);
    let body = &row.measured.body;
    for (number, (range, hot)) in body.hot.iter().enumerate() {
        for (part, rect) in body.rects(range).into_iter().enumerate() {
            let rect = rect.translate(row.corner().to_vec2());
            if !ui.is_rect_visible(rect) {
                continue;
            }
            let id = ui.scope_id().with(("hot", row.entry.key(), number, part));
            // One stop of the Tab key for each, however many lines it is on.
            let sense = if part == 0 {
                Sense::click()
            } else {
                Sense::CLICK
            };
            let response = ui.interact(rect, id, sense);
            let label = match hot {
                Hot::Spoiler(_) => "Show the spoiler".to_owned(),
                _ => body.slice(range.clone()),
            };
            response.widget_info(|| WidgetInfo::labeled(Role::Link, true, label.clone()));
            if response.hovered() && !matches!(hot, Hot::Spoiler(_)) {
                let stroke = Stroke::new(1.0, palette.accent_text);
                let y = rect.bottom() - 3.0;
                ui.painter().hline(rect.x_range(), y, stroke);
            }
            focus_ring(ui, rect, radius::CHIP, response.has_focus());
            let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
            let response = match hot {
                Hot::Link(target) => response.on_hover_text(text::clean(target, 300)),
                Hot::Spoiler(_) => response.on_hover_text("Show the spoiler"),
                _ => response,
            };
            if response.clicked() && !state.has_dragged {
                follow(hot, view, scene, state);
            }
        }
    }
}

fn follow(hot: &Hot, view: &MessageView, scene: &Scene<'_>, state: &mut TimelineState) {
    match (hot, scene.community) {
        (Hot::Link(target), _) => state.act(Action::OpenLink(target.clone())),
        (Hot::Spoiler(number), _) => state.act(Action::Reveal(view.id, *number)),
        (Hot::Channel(channel), Some(community)) => {
            state.act(Action::GoChannel(community, *channel));
        }
        (Hot::Member(account), Some(community)) => {
            state.act(Action::Open(Overlay::Profile(community, *account)));
        }
        _ => {}
    }
}

fn body(row: &Row<'_>, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let corner = row.corner();
    for placed in &row.measured.body.placed {
        if let Some(ground) = placed.ground {
            let color = ground_color(placed, palette);
            let rounding = if placed.galley.is_empty() {
                0
            } else {
                radius::ROW
            };
            let ground = ground.translate(corner.to_vec2());
            ui.painter().rect_filled(ground, rounding, color);
            if rounding > 0 {
                let stroke = Stroke::new(1.0, palette.line);
                let kind = StrokeKind::Inside;
                ui.painter().rect_stroke(ground, rounding, stroke, kind);
            }
        }
        for left in &placed.bars {
            let bar = bar(placed, *left).translate(corner.to_vec2());
            ui.painter().rect_filled(bar, 1, palette.active);
        }
        if let Some(marker) = &placed.marker {
            let size = marker.size();
            let at = corner + placed.offset - Vec2::new(size.x + 7.0, 0.0);
            ui.painter().galley(at, marker.clone(), palette.text_dim);
        }
        let galley = placed.selected(&row.selected, ui.visuals());
        ui.painter()
            .galley(corner + placed.offset, galley, palette.text);
    }
}

fn more(row: &Row<'_>, view: &MessageView, state: &mut TimelineState, ui: &mut Ui) {
    let Some(top) = row.measured.more else { return };
    let at = row.rect.min + Vec2::new(LEFT, top);
    let rect = Rect::from_min_size(at, Vec2::new(120.0, theme::HIT_MIN));
    let words = match row.measured.body.cut {
        true => "Show all",
        false => "Show less",
    };
    let clicked = ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
        link_button(ui, words).clicked()
    });
    if clicked.inner {
        state.act(Action::Reveal(view.id, u32::MAX));
    }
}

fn chips(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let palette = scene.palette;
    for ((rect, galley), reaction) in row.measured.chips.iter().zip(&view.reactions) {
        let rect = rect.translate(row.rect.min.to_vec2());
        let own = reaction.accounts.contains(&scene.me);
        let id = ui.scope_id().with(("chip", view.id, &reaction.emoji));
        let response = ui.interact(rect, id, Sense::click());
        let label = format!("{}, {}", reaction.emoji, reaction.accounts.len());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, own, label.clone()));
        let fill = match (own, response.hovered()) {
            (true, _) => palette.active,
            (false, true) => palette.hover,
            (false, false) => palette.raised,
        };
        ui.painter().rect_filled(rect, radius::CARD, fill);
        let edge = match own || response.hovered() {
            true => palette.accent_text,
            false => palette.line,
        };
        let stroke = Stroke::new(1.0, edge);
        ui.painter()
            .rect_stroke(rect, radius::CARD, stroke, StrokeKind::Inside);
        let at = rect.center() - galley.size() / 2.0;
        ui.painter().galley(at, galley.clone(), palette.text);
        focus_ring(ui, rect, radius::CARD, response.has_focus());
        if response.hovered() {
            let who = reacted(reaction.accounts.as_slice(), state);
            response.show_tooltip_text(format!("{} {who}", reaction.emoji));
        }
        let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
        if response.clicked() && scene.rights.react {
            let channel = scene.slot.channel;
            state.act(Action::ToggleReaction(
                channel,
                view.id,
                reaction.emoji.clone(),
            ));
        }
    }
}

/// Names of those who reacted, the first ten.
fn reacted(accounts: &[AccountId], state: &TimelineState) -> String {
    const NAMED_MAX: usize = 10;
    let named = accounts.iter().take(NAMED_MAX);
    let names: Vec<String> = named.map(|account| state.people.name(*account)).collect();
    match accounts.len().saturating_sub(NAMED_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn thread(
    row: &Row<'_>,
    view: &MessageView,
    scene: &Scene<'_>,
    state: &mut TimelineState,
    ui: &mut Ui,
) {
    let (Some(top), Some(replies)) = (row.measured.thread, &view.replies) else {
        return;
    };
    let palette = scene.palette;
    let count = match replies.count {
        1 => "1 reply".to_owned(),
        count => format!("{count} replies"),
    };
    let words = format!("{count}, last {}", scene.times.whole(replies.last));
    let galley = line(
        ui,
        &words,
        font::secondary(),
        palette.accent_text,
        scene.width,
    );
    let size = Vec2::new(galley.size().x + 20.0 + 2.0 * space::S, CHIP_HEIGHT);
    let rect = Rect::from_min_size(row.rect.min + Vec2::new(LEFT, top), size);
    let response = ui.interact(
        rect,
        ui.scope_id().with(("thread", view.id)),
        Sense::click(),
    );
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words.clone()));
    let fill = match response.hovered() {
        true => palette.active,
        false => palette.raised,
    };
    ui.painter().rect_filled(rect, radius::ROW, fill);
    let at = Pos2::new(rect.left() + space::S + 7.0, rect.center().y);
    paint_icon(ui, Icon::MessageSquareText, at, 14.0, palette.accent_text);
    let at = Pos2::new(
        rect.left() + space::S + 20.0,
        rect.center().y - galley.size().y / 2.0,
    );
    ui.painter().galley(at, galley, palette.accent_text);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        state.act(Action::OpenThread(scene.slot.channel, view.id));
    }
}

/// How far an own message got, and whether it is pinned: to the right of its first line.
fn marks(row: &Row<'_>, view: &MessageView, scene: &Scene<'_>, ui: &mut Ui) {
    let palette = scene.palette;
    let middle = row.corner().y + font::MESSAGE_LINE / 2.0;
    let mut right = row.rect.right() - 22.0;
    let mut put = |ui: &mut Ui, icon: Icon, color: Color32, words: &str| {
        let rect = Rect::from_center_size(Pos2::new(right, middle), Vec2::splat(18.0));
        paint_icon(ui, icon, rect.center(), 14.0, color);
        let id = ui.scope_id().with(("mark", view.id, icon as u32));
        let response = ui.interact(rect, id, Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words));
        response.on_hover_text(words);
        right -= 18.0;
    };
    if view.author == scene.me && !view.deleted {
        let (icon, color, words) = tick(view, scene);
        put(ui, icon, color, &words);
    }
    if view.pinned {
        put(ui, Icon::Pin, palette.text_faint, "Pinned");
    }
}

fn tick(view: &MessageView, scene: &Scene<'_>) -> (Icon, Color32, String) {
    let palette = scene.palette;
    let holders = match view.delivery.holders {
        1 => "1 other device holds it".to_owned(),
        holders => format!("{holders} other devices hold it"),
    };
    let (icon, color, words) = match view.delivery.state {
        DeliveryState::Pending => (
            Icon::Clock,
            palette.text_faint,
            "Waiting: not stored yet".to_owned(),
        ),
        DeliveryState::Stored => (
            Icon::Check,
            palette.text_faint,
            "Stored on this device; nobody else has it yet".to_owned(),
        ),
        DeliveryState::Held => (
            Icon::Check,
            palette.ok,
            format!("On its way to readers: {holders}"),
        ),
        DeliveryState::Delivered => (
            Icon::CheckCheck,
            palette.text_dim,
            format!("On a reader's device: {holders}"),
        ),
        DeliveryState::Read => (
            Icon::CheckCheck,
            palette.accent_text,
            format!("Read: {holders}"),
        ),
    };
    (icon, color, words)
}

fn unsent(row: &Row<'_>, view: &Unsent, scene: &Scene<'_>, state: &mut TimelineState, ui: &mut Ui) {
    let palette = scene.palette;
    let name = state.people.name(scene.me);
    let rect = row.own_rect();
    let id = ui.scope_id().with(("unsent", view.id));
    let response = ui.interact(rect, id, Sense::hover());
    let how = if view.error.is_some() {
        "Not sent"
    } else {
        "Sending"
    };
    let label = format!("{name}: {} ({how})", row.measured.body.spoken());
    response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, label.clone()));
    ui.scope(|ui| {
        ui.multiply_opacity(0.6);
        if row.measured.name.is_some() {
            author(row, scene.me, &name, scene, state, ui);
        }
        body(row, scene, ui);
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
    let width = scene.width - LEFT - RIGHT;
    let at = row.rect.min + Vec2::new(LEFT, top);
    let rect = Rect::from_min_size(at, Vec2::new(width, theme::HIT_MIN));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let builder = egui::UiBuilder::new()
        .max_rect(rect)
        .layout(layout)
        .id_salt(("failed", view.id));
    ui.scope_builder(builder, |ui| {
        let words = format!("Not sent: {}", text::clean(error, 200));
        let galley = line(
            ui,
            &words,
            font::secondary(),
            palette.danger,
            (width - 140.0).max(60.0),
        );
        let (rect, response) = ui.allocate_exact_size(galley.size(), Sense::hover());
        ui.painter().galley(rect.min, galley, palette.danger);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, words.clone()));
        response.on_hover_text(error);
        if link_button(ui, "Retry").clicked() {
            state.act(Action::Retry(scene.slot, view.id));
        }
        if link_button(ui, "Delete").clicked() {
            state.act(Action::DropUnsent(scene.slot, view.id));
        }
    });
}
