//! The own call, above the person's own bar: which room, how it fares, and what to do about it.

use alloquy_api::VoiceCommand;
use alloquy_api::command::ChannelKind;
use alloquy_api::personal::OnOff;
use alloquy_api::voice::{CallView, Hand};
use egui::{Frame, Margin, Panel, Role, Sense, Ui, Vec2, WidgetInfo};
use lucide_icons::Icon;

use super::people::{Person, people};
use super::state;
use crate::action::Action;
use crate::text;
use crate::theme::{self, font, radius, space};
use crate::views::{View, directs};
use crate::voice::Transmit;
use crate::widgets::{
    TIGHT_BELOW, Weight, focus_ring, icon_button, label, line, lines, notice, paint_icon,
};
use crate::words::say;

pub(in crate::views) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let Some(call) = view.model.snapshot.call.clone() else {
        return;
    };
    let palette = theme::palette(ui);
    let frame = Frame::new()
        .fill(palette.rail)
        .inner_margin(Margin::symmetric(8, 6));
    Panel::bottom("call")
        .resizable(false)
        .show_separator_line(false)
        .frame(frame)
        .show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = space::XS;
            // Where there is room for a row only, the room's own view says the rest.
            if view.state.size.y >= TIGHT_BELOW {
                room(view, ui, &call);
                hints(view, ui, &call);
            }
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::XS;
                buttons(view, ui, &call);
            });
            let stroke = egui::Stroke::new(1.0, palette.line);
            let y = ui.min_rect().bottom() + 5.5;
            ui.painter().hline(ui.min_rect().x_range(), y, stroke);
        });
}

/// What the room is called.
fn name_of(view: &View<'_>, call: &CallView) -> String {
    if let Some(direct) = view.model.direct(call.community) {
        return directs::title(direct);
    }
    let community = view.model.community(call.community);
    let channel = view.model.channel(call.community, call.channel);
    let community = community.map(|of| text::name(&of.name));
    let channel = channel.map(|of| text::name(&of.name));
    let names = community.into_iter().chain(channel);
    names.collect::<Vec<_>>().join(" / ")
}

/// State and name of the room; a click shows who is in it.
fn room(view: &mut View<'_>, ui: &mut Ui, call: &CallView) {
    let palette = theme::palette(ui);
    let (state, color) = state::of_call(call, palette);
    let name = name_of(view, call);
    let left = 30.0;
    let width = ui.available_width();
    let title = lines(ui, &state, font::control_strong(), color, width - left);
    let below = line(
        ui,
        &name,
        font::meta(),
        palette.text_dim,
        width - left - space::S,
    );
    let height = title.size().y + below.size().y + space::S;
    let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
    let spoken = say::voice_room_spoken(&name, &state);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &spoken));
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(rect, radius::ROW, palette.hover);
    }
    let at = egui::pos2(rect.left() + 14.0, rect.center().y);
    paint_icon(ui, Icon::AudioLines, at, 17.0, color);
    let top = egui::pos2(rect.left() + left, rect.top() + space::XS);
    let second = top + Vec2::new(0.0, title.size().y);
    ui.painter().galley(top, title, color);
    ui.painter().galley(second, below, palette.text_dim);
    focus_ring(ui, rect, radius::ROW, response.has_focus());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        view.act(Action::ShowRoom(call.community, call.channel));
    }
}

/// Why nobody hears this device, and what else is to be minded.
pub(super) fn hints(view: &View<'_>, ui: &mut Ui, call: &CallView) {
    let palette = theme::palette(ui);
    let sound = view.model.sound.as_deref();
    if call.speaking && call.muted {
        notice(ui, Weight::Warn, say::voice_talking_muted());
    }
    let audience = own(view, call).is_some_and(|own| own.audience);
    if audience {
        notice(ui, Weight::Info, say::voice_in_audience());
    } else if let Some(why) = &call.silenced {
        let why = say::voice_not_heard(state::sentence(why));
        notice(ui, Weight::Warn, &why);
    }
    if let Some(failure) = sound.and_then(|sound| sound.devices.failure.as_deref()) {
        notice(ui, Weight::Bad, &state::sentence(failure));
    }
    let voice = &view.state.settings.voice;
    if sound.is_some() && voice.transmit == Transmit::PushToTalk && !call.muted {
        let words = say::voice_hold(voice.key().name());
        label(ui, &words, font::secondary(), palette.text_dim);
    }
}

/// This device among those in the room.
pub(super) fn own(view: &View<'_>, call: &CallView) -> Option<Person> {
    let everybody = people(view, call.community, call.channel);
    everybody.into_iter().find(|person| person.own)
}

const fn on(on: bool) -> OnOff {
    if on { OnOff::On } else { OnOff::Off }
}

/// Muting, or no more.
pub(super) fn mute(call: &CallView) -> Action {
    let mute = on(!call.muted);
    Action::Voice(VoiceCommand::Mute { mute })
}

/// Deafening, or no more.
pub(super) fn deafen(call: &CallView) -> Action {
    let deafen = on(!call.deafened);
    Action::Voice(VoiceCommand::Deafen { deafen })
}

fn buttons(view: &mut View<'_>, ui: &mut Ui, call: &CallView) {
    let (icon, words) = match call.muted {
        true => (Icon::MicOff, say::voice_unmute()),
        false => (Icon::Mic, say::voice_mute()),
    };
    if icon_button(ui, icon, words, call.muted).clicked() {
        view.act(mute(call));
    }
    let (icon, words) = match call.deafened {
        true => (Icon::HeadphoneOff, say::voice_undeafen()),
        false => (Icon::Headphones, say::voice_deafen()),
    };
    if icon_button(ui, icon, words, call.deafened).clicked() {
        view.act(deafen(call));
    }
    hand(view, ui, call);
    let tight = view.state.size.y < TIGHT_BELOW;
    if tight && icon_button(ui, Icon::AudioLines, say::voice_show_room(), false).clicked() {
        view.act(Action::ShowRoom(call.community, call.channel));
    }
    if icon_button(ui, Icon::PhoneOff, say::voice_leave(), false).clicked() {
        view.act(Action::Voice(VoiceCommand::Leave));
    }
}

/// Asking to speak on a stage.
fn hand(view: &mut View<'_>, ui: &mut Ui, call: &CallView) {
    let channel = view.model.channel(call.community, call.channel);
    if channel.is_none_or(|of| of.kind != ChannelKind::Stage) {
        return;
    }
    let Some(own) = own(view, call).filter(|own| own.audience || own.hand) else {
        return;
    };
    let (words, hand) = match own.hand {
        true => (say::voice_lower_hand(), Hand::Down),
        false => (say::voice_raise_hand(), Hand::Up),
    };
    if icon_button(ui, Icon::Hand, words, own.hand).clicked() {
        view.act(Action::Voice(VoiceCommand::Hand { hand }));
    }
}
