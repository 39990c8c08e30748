//! What a person chooses: devices, push-to-talk, voice activity, sound processing.

pub use alloquy_api::voice::{DeviceTextError, InputDevice, OutputDevice};

use crate::limits::RATE;

/// When sound is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transmit {
    /// While speech is heard.
    #[default]
    Activity,
    /// While the button is pressed.
    PushToTalk,
    /// Always.
    Always,
}

/// What counts as speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// The network is this sure, percent.
    Speech(u8),
    /// It is at least this loud, decibels over full scale.
    Level(i8),
}

/// How much noise is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Noise {
    /// Nothing.
    Off,
    /// About 12 dB.
    #[default]
    Moderate,
    /// About 21 dB; voices suffer a little.
    Strong,
}

/// All but the devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When sound is sent.
    pub transmit: Transmit,
    /// The button of push-to-talk is down.
    pub pressed: bool,
    /// What counts as speech.
    pub activity: Activity,
    /// Rumble below the voice is taken away.
    pub high_pass: bool,
    /// What the loudspeakers play is taken away.
    pub echo: bool,
    /// Noise suppression.
    pub noise: Noise,
    /// The level follows the voice.
    pub automatic_gain: bool,
    /// Fixed gain after that, percent, 0 to 400.
    pub gain_percent: u16,
    /// One hears oneself: the test of the microphone.
    pub monitor: bool,
}

impl Default for Settings {
    /// For a person with a microphone.
    fn default() -> Self {
        Self {
            transmit: Transmit::Activity,
            pressed: false,
            activity: Activity::Speech(50),
            high_pass: true,
            echo: true,
            noise: Noise::Moderate,
            automatic_gain: true,
            gain_percent: 100,
            monitor: false,
        }
    }
}

impl Settings {
    /// For sound that is made, not picked up: it goes out as it is, whenever there is any.
    #[must_use]
    pub fn untouched() -> Self {
        Self {
            activity: Activity::Level(-60),
            high_pass: false,
            echo: false,
            noise: Noise::Off,
            automatic_gain: false,
            ..Self::default()
        }
    }

    /// What suits a device: files, tones and texts go out untouched.
    #[must_use]
    pub fn suiting(input: &InputDevice) -> Self {
        match input {
            InputDevice::Default | InputDevice::Device(_) => Self::default(),
            _ => Self::untouched(),
        }
    }
}

/// What an engine starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineConfig {
    /// Where sound comes from.
    pub input: InputDevice,
    /// Where it goes.
    pub output: OutputDevice,
    /// The rest; `None`: what suits the input.
    pub settings: Option<Settings>,
}

/// Frequencies above half the rate cannot be made.
const _: () = assert!(RATE / 2 >= 20_000);
