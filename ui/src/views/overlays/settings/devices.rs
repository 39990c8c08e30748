//! Devices of the account: which there are, what they are called, linking another and ending one.

use std::sync::Arc;

use alloquy_api::limits::NAME_BYTES_MAX;
use alloquy_api::personal::{DeviceState, DeviceView, PersonalCommand};
use egui::{Sense, Ui};

use crate::action::Action;
use crate::state::Overlay;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::views::overlays::community::line::{Face, line};
use crate::views::overlays::personal::{called, fault, icon_of, order};
use crate::views::overlays::spans;
use crate::views::words_of_stop;
use crate::widgets::{
    Field, Tone, Weight, button, entered, field, label, notice, over_limit, section,
};
use crate::words::say;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let palette = theme::palette(ui);
    label(ui, say::devices_about(), font::message(), palette.text);
    let page = Overlay::Settings(crate::state::SettingsPage::Devices);
    fault(view, ui, &page);
    let devices = Arc::clone(&view.model.snapshot.devices);
    if devices.iter().any(|of| of.state == DeviceState::Suspended) {
        notice(ui, Weight::Warn, say::devices_suspended());
    }
    let stopped = view.model.stopped().map(words_of_stop);
    if let Some(why) = stopped {
        notice(ui, Weight::Bad, why);
    } else if button(ui, Tone::Primary, say::link_device(), Ok(())).clicked() {
        view.act(Action::Open(Overlay::LinkDevice));
    }
    section(ui, say::devices());
    if devices.is_empty() {
        label(ui, say::devices_none(), font::secondary(), palette.text_dim);
    }
    for device in devices.iter() {
        ui.push_id(device.device, |ui| one(view, ui, device));
    }
    if devices.len() == 1 {
        notice(ui, Weight::Info, say::devices_only_one());
    }
}

/// What is said of a device below its name.
fn about(view: &View<'_>, device: &DeviceView) -> String {
    let since = spans::ago(view.model.clock.now, device.since);
    let mut parts = Vec::new();
    if device.this {
        parts.push(say::device_this().to_owned());
    }
    match device.state {
        DeviceState::Revoked | DeviceState::Closed => parts.push(say::device_ended().to_owned()),
        DeviceState::Suspended => parts.push(say::device_suspended().to_owned()),
        DeviceState::Active if device.this => {}
        DeviceState::Active if device.connected => parts.push(say::device_connected().to_owned()),
        DeviceState::Active => parts.push(say::device_away().to_owned()),
    }
    parts.push(say::device_since(since));
    parts.join(" · ")
}

fn one(view: &mut View<'_>, ui: &mut Ui, device: &DeviceView) {
    let (name, about) = (called(device), about(view, device));
    line(
        ui,
        Face::Sign(icon_of(device)),
        (&name, &about),
        Sense::hover(),
    );
    let naming = view.state.personal.naming.clone();
    if let Some((_, typed)) = naming.filter(|(of, _)| *of == device.device) {
        return name_field(view, ui, device, typed);
    }
    if matches!(device.state, DeviceState::Revoked | DeviceState::Closed)
        || view.model.stopped().is_some()
    {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.add_space(space::XXL + space::L);
        let words = say::device_rename(&name);
        if named_button(ui, say::rename(), &words) {
            view.state.personal.naming = Some((device.device, device.name.clone()));
            ui.ctx().request_repaint();
        }
        let words = say::device_revoke(&name);
        if named_button(ui, say::revoke_more(), &words) {
            view.act(Action::Open(Overlay::ConfirmRevocation(device.device)));
        }
    });
}

/// A button of which more is read out: there is one like it for each device.
fn named_button(ui: &mut Ui, word: &str, spoken: &str) -> bool {
    let response = button(ui, Tone::Plain, word, Ok(()));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_label(spoken);
    });
    response.clicked()
}

fn name_field(view: &mut View<'_>, ui: &mut Ui, device: &DeviceView, mut typed: String) {
    let long = over_limit(&typed, NAME_BYTES_MAX);
    let words = Field {
        name: say::device_name(),
        hint: say::device_name_hint(),
        error: long.as_deref(),
        secret: false,
    };
    let response = field(ui, &mut typed, words);
    let enter = entered(ui, &response);
    let name = typed.trim().to_owned();
    let ready = match (name.is_empty(), long.is_some()) {
        (true, _) => Err(say::name_empty()),
        (_, true) => Err(say::name_too_long()),
        _ => Ok(()),
    };
    view.state.personal.naming = Some((device.device, typed));
    ui.horizontal_wrapped(|ui| {
        let pressed = button(ui, Tone::Primary, say::save(), ready).clicked();
        if (pressed || enter) && ready.is_ok() {
            let device = device.device.to_string();
            order(view, PersonalCommand::DeviceName { device, name });
        }
        if button(ui, Tone::Plain, say::cancel(), Ok(())).clicked() {
            view.state.personal.naming = None;
            ui.ctx().request_repaint();
        }
    });
}
