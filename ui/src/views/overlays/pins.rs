//! Pinned messages of a channel.

use std::sync::Arc;

use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, CommunityId};
use egui::{Rect, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use crate::action::Action;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::View;
use crate::views::timeline::Times;
use crate::widgets::{Sheet, avatar, focus_ring, icon_button, label, line, lines, sheet};
use crate::words::say;

/// Characters of a pinned message that are shown: four lines.
const SHOWN_CHARS: usize = 280;

/// Shows the pins; gives `true` when they are to be closed.
pub(in crate::views) fn show(view: &mut View<'_>, ui: &mut Ui, channel: ChannelId) -> bool {
    let words = Sheet {
        title: say::pinned_messages(),
        width: 480.0,
    };
    sheet(ui, words, |ui| {
        let palette = theme::palette(ui);
        let Some(community) = view.model.community_of(channel) else {
            return;
        };
        let pins = view.state.pins.get(&channel).cloned();
        match pins.as_deref() {
            None => {
                label(ui, say::pins_looking(), font::secondary(), palette.text_dim);
            }
            Some([]) => {
                let words = say::pins_none();
                label(ui, words, font::secondary(), palette.text_dim);
            }
            Some(pins) => {
                for pin in pins {
                    card(view, ui, (community, channel), pin);
                }
            }
        }
    })
}

fn card(
    view: &mut View<'_>,
    ui: &mut Ui,
    (community, channel): (CommunityId, ChannelId),
    pin: &MessageView,
) {
    let palette = theme::palette(ui);
    let member = view.model.member(community, pin.author);
    let name = member.map_or_else(
        || say::former_member().to_owned(),
        |member| text::name(&member.name),
    );
    let times = Times {
        zone: &view.model.clock.zone,
        twelve_hours: view.state.settings.twelve_hours,
        now: view.model.clock.now,
    };
    let time = times.whole(pin.time);
    let words = match (pin.deleted, pin.waiting) {
        (true, _) => say::message_deleted().to_owned(),
        (_, true) => say::pins_waiting().to_owned(),
        _ => text::clean(&text::covered(&pin.text), SHOWN_CHARS),
    };
    let width = ui.available_width();
    let mut format = egui::text::TextFormat::simple(font::message(), palette.text);
    format.line_height = Some(font::MESSAGE_LINE);
    let mut job = text::job(&words, &format);
    job.wrap.max_width = (width - 100.0).max(60.0);
    job.wrap.max_rows = 4;
    let body = ui.ctx().fonts_mut(|fonts| fonts.layout_job(job));
    let room = width - 32.0 - 3.0 * space::M - theme::HIT_MIN;
    let color = theme::name_color(ui.visuals().dark_mode, pin.author.as_bytes());
    let named = line(ui, &name, font::name(), color, room);
    let (timed, offset) = timed(ui, &time, room, named.size().x);
    let head = 22.0 + if offset.x > 0.0 { 0.0 } else { timed.size().y };
    let height = body.size().y + head + 2.0 * space::M;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let spoken = format!("{name}, {time}: {words}");
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, spoken.clone()));
    let fill = match response.hovered() || response.has_focus() {
        true => palette.hover,
        false => palette.field,
    };
    ui.painter().rect_filled(rect, radius::CARD, fill);
    focus_ring(ui, rect, radius::CARD, response.has_focus());
    let face = Rect::from_min_size(rect.min + Vec2::splat(space::M), Vec2::splat(32.0));
    avatar(ui, face, pin.author.as_bytes(), &name);
    let at = egui::pos2(face.right() + space::M, rect.top() + space::M);
    ui.painter().galley(at, named, color);
    ui.painter().galley(at + offset, timed, palette.text_faint);
    ui.painter()
        .galley(at + Vec2::new(0.0, head), body, palette.text);
    let clicked = response
        .on_hover_cursor(egui::CursorIcon::PointingHand)
        .clicked();
    if unpin(view, ui, (community, channel), (pin, rect)) {
        return;
    }
    if clicked {
        view.act(Action::GoMessage(community, channel, pin.id));
    }
}

/// The time, and where it stands from the name's corner: beside the name, or below it where it is narrow.
fn timed(ui: &Ui, time: &str, room: f32, named: f32) -> (Arc<egui::Galley>, Vec2) {
    let color = theme::palette(ui).text_faint;
    let natural = lines(ui, time, font::meta(), color, f32::INFINITY);
    if named + space::S + natural.size().x <= room {
        return (natural, Vec2::new(named + space::S, 3.0));
    }
    let wrapped = lines(ui, time, font::meta(), color, room);
    (wrapped, Vec2::new(0.0, 20.0))
}

/// The button that takes a pin away, for those who may; gives whether it was pressed.
fn unpin(
    view: &mut View<'_>,
    ui: &mut Ui,
    (community, channel): (CommunityId, ChannelId),
    (pin, card): (&MessageView, Rect),
) -> bool {
    let of = view.model.channel(community, channel);
    if !of.is_some_and(|of| of.rights.iter().any(|held| held == "manage-messages")) {
        return false;
    }
    let at = egui::pos2(
        card.right() - theme::HIT_MIN - space::S,
        card.top() + space::S,
    );
    let button = Rect::from_min_size(at, Vec2::splat(theme::HIT_MIN));
    let builder = egui::UiBuilder::new()
        .max_rect(button)
        .id_salt(("unpin", pin.id));
    let unpin = ui.scope_builder(builder, |ui| {
        icon_button(ui, Icon::PinOff, say::unpin(), false)
    });
    let pressed = unpin.inner.clicked();
    if pressed {
        view.act(Action::Unpin(channel, pin.id));
    }
    pressed
}
