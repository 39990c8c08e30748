//! Parts of a message's row besides its text: what it answers, reactions, its thread, how far it got.

use alloquy_api::reply::{DeliveryState, MessageView};
use alloquy_ids::AccountId;
use egui::{Color32, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::Row;
use crate::action::Action;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::timeline::measure::{AVATAR, CHIP_HEIGHT, LEFT, QUOTE_HEIGHT, RIGHT};
use crate::views::timeline::{Scene, TimelineState};
use crate::widgets::{focus_ring, line, paint_icon};
use crate::words::say;

/// The line that is answered.
pub(super) fn quote(
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
            say::message_deleted().to_owned(),
        ),
        Some(quote) => (
            state.people.name(quote.author),
            text::name(&text::covered(&quote.text)),
        ),
        None => (String::new(), say::quote_missing().to_owned()),
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
    let label = say::quote_spoken(&who, &words);
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

pub(super) fn chips(
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
        let emoji = text::clean(&reaction.emoji, 16);
        let label = format!("{emoji}, {}", reaction.accounts.len());
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
            response.show_tooltip_text(format!("{emoji} {who}"));
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
        more => say::reacted_more(names.join(", "), more),
    }
}

pub(super) fn thread(
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
    let words = say::replies(replies.count.into(), scene.times.whole(replies.last));
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
pub(super) fn marks(row: &Row<'_>, view: &MessageView, scene: &Scene<'_>, ui: &mut Ui) {
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
        put(ui, Icon::Pin, palette.text_faint, say::pinned());
    }
}

fn tick(view: &MessageView, scene: &Scene<'_>) -> (Icon, Color32, String) {
    let palette = scene.palette;
    let holders = u64::from(view.delivery.holders);
    let (icon, color, words) = match view.delivery.state {
        DeliveryState::Pending => (
            Icon::Clock,
            palette.text_faint,
            say::tick_waiting().to_owned(),
        ),
        DeliveryState::Stored => (
            Icon::Check,
            palette.text_faint,
            say::tick_stored().to_owned(),
        ),
        DeliveryState::Held => (Icon::Check, palette.ok, say::tick_held(holders)),
        DeliveryState::Delivered => (
            Icon::CheckCheck,
            palette.text_dim,
            say::tick_delivered(holders),
        ),
        DeliveryState::Read => (
            Icon::CheckCheck,
            palette.accent_text,
            say::tick_read(holders),
        ),
    };
    (icon, color, words)
}
