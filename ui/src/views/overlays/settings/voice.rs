//! Voice: microphone and loudspeakers, a test of both, when one is heard, and what is done to the sound.

use std::sync::Arc;

use egui::Ui;
use lucide_icons::Icon;

use crate::action::Action;
use crate::text;
use crate::theme::{self, font, space};
use crate::views::View;
use crate::voice::{
    GAIN_PERCENT_MAX, KeyReach, METER_FLOOR_DB, Noise, SoundOrder, SoundView, Transmit,
    VoiceSettings,
};
use crate::widgets::{
    Row, Slide, Tone, Weight, button, label, meter, notice, row, section, segments, slider, switch,
    switch_fixed,
};
use crate::words::say;

/// Percent that one press of a key changes sensitivity by.
const SENSITIVITY_STEP: u32 = 5;
/// Percent that one press of a key changes the gain by.
const GAIN_STEP: u32 = 10;
/// Devices of a list that are shown: more than any computer has that is no studio.
const DEVICES_MAX: usize = 32;

pub(super) fn show(view: &mut View<'_>, ui: &mut Ui) {
    let Some(sound) = view.model.sound.clone() else {
        let why = match view.model.about.attached {
            true => say::sound_elsewhere(),
            false => say::sound_none(),
        };
        switch_fixed(ui, false, say::sound_use(), why);
        return;
    };
    if let Some(failure) = &sound.devices.failure {
        notice(ui, Weight::Bad, &crate::views::voice::sentence(failure));
    }
    let before = view.state.settings.voice.clone();
    let mut voice = before.clone();
    devices(ui, &sound, &mut voice);
    test(view, ui, &sound);
    transmission(view, ui, &sound, &mut voice);
    processing(ui, &mut voice);
    if voice != before {
        view.act(Action::SetVoice(voice));
    }
}

/// Which microphone and which loudspeakers.
fn devices(ui: &mut Ui, sound: &Arc<SoundView>, voice: &mut VoiceSettings) {
    let of = &sound.devices;
    section(ui, say::sound_input());
    let list = (&of.inputs, of.input.as_deref());
    ui.push_id("inputs", |ui| {
        chosen_of(ui, (Icon::Mic, say::sound_input()), list, &mut voice.input);
    });
    section(ui, say::sound_output());
    let list = (&of.outputs, of.output.as_deref());
    ui.push_id("outputs", |ui| {
        let words = (Icon::Volume2, say::sound_output());
        chosen_of(ui, words, list, &mut voice.output);
    });
}

/// A list of devices of which one is chosen, the system's own choice first.
fn chosen_of(
    ui: &mut Ui,
    (icon, kind): (Icon, &str),
    (devices, used): (&Vec<String>, Option<&str>),
    chosen: &mut Option<String>,
) {
    ui.spacing_mut().item_spacing.y = 2.0;
    let default = say::sound_default();
    if one_of(ui, icon, (kind, default, true), chosen.is_none()) {
        *chosen = None;
    }
    for (at, device) in devices.iter().take(DEVICES_MAX).enumerate() {
        let name = text::name(device);
        let is_chosen = chosen.as_ref() == Some(device);
        ui.push_id(at, |ui| {
            if one_of(ui, icon, (kind, &name, false), is_chosen) {
                *chosen = Some(device.clone());
            }
        });
    }
    ui.spacing_mut().item_spacing.y = space::S;
    let palette = theme::palette(ui);
    let words = match used {
        Some(used) => say::sound_in_use(text::name(used)),
        None => say::sound_no_device().to_owned(),
    };
    label(ui, &words, font::secondary(), palette.text_dim);
}

fn one_of(ui: &mut Ui, icon: Icon, (kind, name, wraps): (&str, &str, bool), chosen: bool) -> bool {
    let spoken = format!("{kind}: {name}");
    let words = Row {
        text: name,
        name: &spoken,
        icon: Some(if chosen { Icon::Check } else { icon }),
        selected: chosen,
        strong: false,
        dim: false,
        count: 0,
        wraps,
    };
    row(ui, words).clicked() && !chosen
}

/// How loud the microphone is, and hearing oneself.
fn test(view: &mut View<'_>, ui: &mut Ui, sound: &SoundView) {
    section(ui, say::sound_level());
    meter(ui, say::sound_level(), sound.level_db, METER_FLOOR_DB);
    let about = say::sound_test_about();
    if switch(ui, sound.testing, say::sound_test(), about).clicked() {
        view.act(Action::Sound(SoundOrder::Test(!sound.testing)));
    }
}

/// When own sound goes out.
fn transmission(view: &mut View<'_>, ui: &mut Ui, sound: &SoundView, voice: &mut VoiceSettings) {
    section(ui, say::sound_transmit());
    let ways = [Transmit::Activity, Transmit::PushToTalk, Transmit::Always];
    let words = [
        say::sound_activity(),
        say::sound_push_to_talk(),
        say::sound_always(),
    ];
    let now = ways.iter().position(|way| *way == voice.transmit);
    if let Some(place) = segments(ui, say::sound_transmit(), &words, now.unwrap_or(0)) {
        voice.transmit = ways[place];
    }
    match voice.transmit {
        Transmit::Activity => sensitivity(ui, voice),
        Transmit::PushToTalk => talk_key(view, ui, (voice, &sound.key_reach)),
        Transmit::Always => {}
    }
}

fn sensitivity(ui: &mut Ui, voice: &mut VoiceSettings) {
    let words = Slide {
        name: say::sound_sensitivity(),
        named: true,
        range: 0..=100,
        step: SENSITIVITY_STEP,
    };
    if let Some(percent) = slider(ui, words, u32::from(voice.sensitivity)) {
        voice.sensitivity = u8::try_from(percent).unwrap_or(100);
    }
    let palette = theme::palette(ui);
    let about = say::sound_sensitivity_about();
    label(ui, about, font::secondary(), palette.text_dim);
}

/// Which key, choosing another, and where it is heard.
fn talk_key(view: &mut View<'_>, ui: &mut Ui, (voice, reach): (&VoiceSettings, &KeyReach)) {
    let palette = theme::palette(ui);
    let chooses = view.state.voice.chooses_key;
    let words = match chooses {
        true => say::sound_key_press().to_owned(),
        false => say::sound_key(voice.key().name()),
    };
    if button(ui, Tone::Plain, &words, Ok(())).clicked() {
        view.state.voice.chooses_key = !chooses;
        view.state.voice.key_refused = false;
        ui.ctx().request_repaint();
    }
    if view.state.voice.key_refused {
        notice(ui, Weight::Warn, say::sound_key_refused());
    }
    let about = match reach {
        KeyReach::Window => say::sound_key_window().to_owned(),
        KeyReach::Everywhere => say::sound_key_everywhere().to_owned(),
        KeyReach::Desktop(trigger) => say::sound_key_desktop(text::name(trigger)),
        KeyReach::Refused(why) => say::sound_key_alone(crate::views::voice::sentence(why)),
    };
    label(ui, &about, font::secondary(), palette.text_dim);
}

/// What is done to own sound before it goes out.
fn processing(ui: &mut Ui, voice: &mut VoiceSettings) {
    section(ui, say::sound_noise());
    let kinds = [Noise::Off, Noise::Moderate, Noise::Strong];
    let words = [
        say::sound_noise_off(),
        say::sound_noise_moderate(),
        say::sound_noise_strong(),
    ];
    let now = kinds.iter().position(|kind| *kind == voice.noise);
    if let Some(place) = segments(ui, say::sound_noise(), &words, now.unwrap_or(0)) {
        voice.noise = kinds[place];
    }
    ui.add_space(space::S);
    if switch(ui, voice.echo, say::sound_echo(), say::sound_echo_about()).clicked() {
        voice.echo = !voice.echo;
    }
    let about = say::sound_gain_automatic_about();
    if switch(ui, voice.automatic_gain, say::sound_gain_automatic(), about).clicked() {
        voice.automatic_gain = !voice.automatic_gain;
    }
    let words = Slide {
        name: say::sound_gain(),
        named: true,
        range: 0..=u32::from(GAIN_PERCENT_MAX),
        step: GAIN_STEP,
    };
    if let Some(percent) = slider(ui, words, u32::from(voice.gain_percent)) {
        voice.gain_percent = u16::try_from(percent).unwrap_or(GAIN_PERCENT_MAX);
    }
}
