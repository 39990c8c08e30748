//! Microphone and loudspeakers, as the window shows them: what the application's audio engine tells, what a person may
//! choose about it, and what the window asks of it. The engine itself is no part of this crate.

use alloquy_api::voice::DevicesView;
use egui::Key;
use serde::{Deserialize, Serialize};

/// The quietest level that the meter tells from silence, decibels over full scale: the noise of a quiet room.
pub const METER_FLOOR_DB: i8 = -60;
/// Greatest gain of the microphone, percent: 12 dB, as much as the engine allows.
pub const GAIN_PERCENT_MAX: u16 = 400;
/// The key to talk while it is held, until another is chosen: it types nothing, and nothing here uses it.
pub const TALK_KEY: Key = Key::F8;

/// Microphone and loudspeakers now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundView {
    /// Devices that there are, those in use, and what went wrong with them last.
    pub devices: DevicesView,
    /// How loud the microphone is, decibels over full scale, [`METER_FLOOR_DB`] to 0. Only while it was asked for
    /// ([`SoundOrder::Meter`]), so that the window rests else.
    pub level_db: Option<i8>,
    /// One hears oneself.
    pub testing: bool,
    /// Where the key to talk is heard.
    pub key_reach: KeyReach,
}

/// Where the key to talk is heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyReach {
    /// While the window has the focus; nothing else was asked for, or is not there yet.
    #[default]
    Window,
    /// Wherever the focus is.
    Everywhere,
    /// Wherever the focus is, by the desktop, which says what is to be pressed: it may have let the person choose
    /// something else.
    Desktop(String),
    /// Only while the window has the focus, for this reason.
    Refused(String),
}

/// What the window wants of the audio engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundOrder {
    /// Work by these settings: at the start, and whenever they changed.
    Use(VoiceSettings),
    /// The key to talk is held, or not.
    Talk(bool),
    /// Tell the level of the microphone, or no more: while the page of settings about voice is open.
    Meter(bool),
    /// Play the microphone back, or no more.
    Test(bool),
}

/// When own sound goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transmit {
    /// While one speaks.
    #[default]
    Activity,
    /// While a key is held.
    PushToTalk,
    /// Always.
    Always,
}

/// How much noise is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Nothing.
    Off,
    /// About 12 dB.
    #[default]
    Moderate,
    /// About 21 dB; voices suffer a little.
    Strong,
}

/// What a person may choose about voice. Kept with the settings of the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VoiceSettings {
    /// The microphone by its name; `None`: the system's default.
    pub input: Option<String>,
    /// The loudspeakers by their name; `None`: the system's default.
    pub output: Option<String>,
    /// When own sound goes out.
    pub transmit: Transmit,
    /// How little it takes to count as speech, percent: the detector has to be sure to the rest of a hundred.
    pub sensitivity: u8,
    /// The key of [`Transmit::PushToTalk`], by egui's name of it; see [`VoiceSettings::key`].
    pub talk_key: String,
    /// How much noise is taken away.
    pub noise: Noise,
    /// What the loudspeakers play is taken away.
    pub echo: bool,
    /// The level follows the voice.
    pub automatic_gain: bool,
    /// Fixed gain after that, percent, 0 to [`GAIN_PERCENT_MAX`].
    pub gain_percent: u16,
}

impl Default for VoiceSettings {
    fn default() -> Self {
        Self {
            input: None,
            output: None,
            transmit: Transmit::Activity,
            sensitivity: 50,
            talk_key: TALK_KEY.name().to_owned(),
            noise: Noise::Moderate,
            echo: true,
            automatic_gain: true,
            gain_percent: 100,
        }
    }
}

impl VoiceSettings {
    /// The key to talk; [`TALK_KEY`] where what was kept is none.
    #[must_use]
    pub fn key(&self) -> Key {
        let key = Key::from_name(&self.talk_key);
        key.filter(|key| may_talk(*key)).unwrap_or(TALK_KEY)
    }

    /// Puts what was kept into its limits.
    pub(crate) fn limit(&mut self) {
        self.sensitivity = self.sensitivity.min(100);
        self.gain_percent = self.gain_percent.min(GAIN_PERCENT_MAX);
    }
}

/// Whether a key can be the one to talk: it types nothing, and moves nothing in a text or a list.
#[must_use]
pub fn may_talk(key: Key) -> bool {
    let function = key.name().strip_prefix('F');
    key == Key::Insert || function.is_some_and(|number| number.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_to_talk_type_and_move_nothing() {
        for key in [Key::F1, Key::F8, Key::F20, Key::Insert] {
            assert!(may_talk(key), "{key:?}");
        }
        for key in [
            Key::F,
            Key::Space,
            Key::Enter,
            Key::PageUp,
            Key::Escape,
            Key::Tab,
        ] {
            assert!(!may_talk(key), "{key:?}");
        }
    }

    #[test]
    fn what_was_kept_is_put_into_limits() {
        let text =
            r#"{"sensitivity":255,"gain_percent":65535,"talk_key":"Space","transmit":"always"}"#;
        let mut kept: VoiceSettings = serde_json::from_str(text).unwrap();
        kept.limit();
        assert_eq!((kept.sensitivity, kept.gain_percent), (100, 400));
        assert_eq!((kept.key(), kept.transmit), (TALK_KEY, Transmit::Always));
    }
}
