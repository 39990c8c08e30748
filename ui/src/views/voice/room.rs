//! Who is in a voice channel, instead of its messages: tiles, and on a stage who speaks and who listens.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::ChannelView;
use alloquy_ids::CommunityId;
use egui::text::TextFormat;
use egui::{CentralPanel, Frame, Label, Margin, Panel, Ui, Vec2};

use super::people::{Person, people};
use super::{call_in, join, may_join, panel, state, tile};
use crate::action::Action;
use crate::state::Slot;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::widgets::{TIGHT_BELOW, Tone, button, label, scrolled_page, section};
use crate::words::say;

/// The room of a place, if it is one: a voice channel, a stage, or a conversation in which somebody calls.
fn room_of(view: &View<'_>, slot: Slot) -> Option<(CommunityId, ChannelView, Vec<Person>)> {
    let id = view.model.community_of(slot.channel)?;
    let channel = view.model.channel(id, slot.channel)?;
    let people = people(view, id, slot.channel);
    let is_room = match channel.kind {
        ChannelKind::Voice | ChannelKind::Stage => true,
        ChannelKind::Text => !people.is_empty() || call_in(view, slot.channel).is_some(),
        ChannelKind::Category => false,
    };
    is_room.then(|| (id, channel.clone(), people))
}

/// How many are in the room, and the ways between it and its messages.
pub(in crate::views) fn bar(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let Some((id, channel, people)) = room_of(view, slot) else {
        view.state.voice.room = None;
        return;
    };
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.raised)
        .inner_margin(Margin::symmetric(16, 6));
    Panel::top(("room bar", slot))
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ways(view, ui, id, &channel);
                if view.state.size.y >= TIGHT_BELOW {
                    let words = say::voice_people(people.len() as u64);
                    let format = TextFormat::simple(font::secondary(), palette.text_dim);
                    // As one piece it stands in the middle of the row; what may wrap stands at its foot.
                    ui.add(Label::new(crate::text::job(&words, &format)).extend());
                }
            });
        });
}

fn ways(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, channel: &ChannelView) {
    if call_in(view, channel.channel).is_none() {
        let may = match may_join(channel) {
            true => Ok(()),
            false => Err(say::voice_may_not_join()),
        };
        if button(ui, Tone::Primary, say::voice_join(), may).clicked() {
            view.act(Action::Voice(join(channel.channel)));
        }
    }
    if view.state.shows_room() {
        if button(ui, Tone::Plain, say::voice_show_chat(), Ok(())).clicked() {
            view.act(Action::ShowChat(id, channel.channel));
        }
    } else if button(ui, Tone::Plain, say::voice_show_room(), Ok(())).clicked() {
        view.act(Action::ShowRoom(id, channel.channel));
    }
}

/// Everybody in the room.
pub(in crate::views) fn show(view: &mut View<'_>, ui: &mut Ui, slot: Slot) {
    let Some((id, channel, people)) = room_of(view, slot) else {
        return;
    };
    let frame = Frame::new()
        .fill(theme::palette(ui).chat)
        .inner_margin(Margin::symmetric(12, 8));
    CentralPanel::no_frame().frame(frame).show(ui, |ui| {
        ui.push_id(("room", slot), |ui| {
            scrolled_page(ui, |ui| {
                ui.spacing_mut().item_spacing = Vec2::splat(space::S);
                head(view, ui, slot);
                if people.is_empty() {
                    let palette = theme::palette(ui);
                    label(ui, say::voice_nobody(), font::message(), palette.text_dim);
                }
                match channel.kind {
                    ChannelKind::Stage => stage(view, ui, id, people),
                    _ => tile::grid(view, ui, id, &people),
                }
            });
        });
    });
}

/// How the call fares, where the panel has no room to say it.
fn head(view: &View<'_>, ui: &mut Ui, slot: Slot) {
    let Some(call) = call_in(view, slot.channel) else {
        return;
    };
    let palette = theme::palette(ui);
    let side_hidden = view.state.size.x < theme::SIDE_BESIDE_FROM;
    if view.state.size.y < TIGHT_BELOW || side_hidden {
        let (words, color) = state::of_call(call, palette);
        label(ui, &words, font::control_strong(), color);
        panel::hints(view, ui, call);
    }
}

/// Whoever speaks stands first; of those who listen, whoever asks to speak.
fn stage(view: &mut View<'_>, ui: &mut Ui, id: CommunityId, people: Vec<Person>) {
    let (mut audience, speakers): (Vec<_>, Vec<_>) =
        people.into_iter().partition(|person| person.audience);
    audience.sort_by_key(|person| !person.hand);
    section(ui, &say::stage_speakers(speakers.len()));
    ui.push_id("speakers", |ui| tile::grid(view, ui, id, &speakers));
    section(ui, &say::stage_listeners(audience.len()));
    ui.push_id("audience", |ui| tile::grid(view, ui, id, &audience));
}
