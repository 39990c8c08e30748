//! Where sound comes from and goes to, as a person writes it.

use std::path::PathBuf;
use std::str::FromStr;

use crate::limits::{DEVICE_NAME_BYTES_MAX, SPOKEN_BYTES_MAX};

/// Hertz of a tone that is not told which.
const TONE_HZ: u32 = 440;

/// Where sound comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InputDevice {
    /// The system's default microphone.
    #[default]
    Default,
    /// A microphone by its name.
    Device(String),
    /// A WAV file, in real time from the moment of joining.
    File {
        /// Its path.
        path: PathBuf,
        /// Again and again; else once, then silence.
        looped: bool,
    },
    /// A sine.
    Tone {
        /// Its frequency.
        hz: u32,
    },
    /// A text spoken once by `espeak-ng`, then silence.
    Spoken(String),
    /// Silence.
    Null,
}

/// Where sound goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutputDevice {
    /// The system's default loudspeaker.
    #[default]
    Default,
    /// A loudspeaker by its name.
    Device(String),
    /// A new WAV file, 48 kHz mono in 16 bits.
    File(PathBuf),
    /// Nowhere.
    Null,
}

/// What is wrong with a device in text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceTextError {
    /// None of the forms.
    #[error(
        "`{0}` is no sound input: default, device:NAME, file:PATH[,loop], tone[:HZ], tts:TEXT or null"
    )]
    Input(String),
    /// None of the forms.
    #[error("`{0}` is no sound output: default, device:NAME, file:PATH or null")]
    Output(String),
    /// A frequency that cannot be heard, or no number.
    #[error("`{0}` is no frequency of 20 to 20000 hertz")]
    Tone(String),
    /// Nothing after the colon.
    #[error("`{0}` names nothing after the colon")]
    Empty(String),
    /// Too much after the colon.
    #[error("{bytes} bytes after the colon, at most {limit} are allowed")]
    Long {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

fn named(text: &str, rest: &str, limit: usize) -> Result<String, DeviceTextError> {
    if rest.trim().is_empty() {
        return Err(DeviceTextError::Empty(text.to_owned()));
    }
    if rest.len() > limit {
        let bytes = rest.len();
        return Err(DeviceTextError::Long { bytes, limit });
    }
    Ok(rest.to_owned())
}

fn tone(text: &str) -> Result<InputDevice, DeviceTextError> {
    match text.parse() {
        Ok(hz) if (20..=20_000).contains(&hz) => Ok(InputDevice::Tone { hz }),
        _ => Err(DeviceTextError::Tone(text.to_owned())),
    }
}

impl InputDevice {
    /// Whether it is a microphone of this machine, not sound that is made or kept otherwise.
    #[must_use]
    pub fn is_card(&self) -> bool {
        matches!(self, Self::Default | Self::Device(_))
    }
}

impl FromStr for InputDevice {
    type Err = DeviceTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "default" => Ok(Self::Default),
            None if text == "null" => Ok(Self::Null),
            None if text == "tone" => Ok(Self::Tone { hz: TONE_HZ }),
            Some(("tone", hz)) => tone(hz),
            Some(("device", rest)) => Ok(Self::Device(named(text, rest, DEVICE_NAME_BYTES_MAX)?)),
            Some(("tts", rest)) => Ok(Self::Spoken(named(text, rest, SPOKEN_BYTES_MAX)?)),
            Some(("file", rest)) => {
                let path = rest.strip_suffix(",loop");
                Ok(Self::File {
                    path: named(text, path.unwrap_or(rest), usize::MAX)?.into(),
                    looped: path.is_some(),
                })
            }
            _ => Err(DeviceTextError::Input(text.to_owned())),
        }
    }
}

impl OutputDevice {
    /// Whether it is a loudspeaker of this machine, not sound that is made or kept otherwise.
    #[must_use]
    pub fn is_card(&self) -> bool {
        matches!(self, Self::Default | Self::Device(_))
    }
}

impl FromStr for OutputDevice {
    type Err = DeviceTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "default" => Ok(Self::Default),
            None if text == "null" => Ok(Self::Null),
            Some(("device", rest)) => Ok(Self::Device(named(text, rest, DEVICE_NAME_BYTES_MAX)?)),
            Some(("file", rest)) => Ok(Self::File(named(text, rest, usize::MAX)?.into())),
            _ => Err(DeviceTextError::Output(text.to_owned())),
        }
    }
}

impl std::fmt::Display for InputDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(name) => write!(f, "device:{name}"),
            Self::File { path, looped } => {
                let suffix = if *looped { ",loop" } else { "" };
                write!(f, "file:{}{suffix}", path.display())
            }
            Self::Tone { hz } => write!(f, "tone:{hz}"),
            Self::Spoken(text) => write!(f, "tts:{text}"),
            Self::Null => f.write_str("null"),
        }
    }
}

impl std::fmt::Display for OutputDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Device(name) => write!(f, "device:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Null => f.write_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_and_written() {
        let inputs = [
            "default",
            "device:USB mic",
            "file:/a/b.wav",
            "file:b.wav,loop",
            "tone:1000",
            "tts:hello: you",
            "null",
        ];
        for text in inputs {
            assert_eq!(text.parse::<InputDevice>().unwrap().to_string(), text);
        }
        for text in ["default", "device:x", "file:y.wav", "null"] {
            assert_eq!(text.parse::<OutputDevice>().unwrap().to_string(), text);
        }
        assert_eq!("tone".parse(), Ok(InputDevice::Tone { hz: 440 }));
    }

    #[test]
    fn what_is_no_device_says_why() {
        for text in [
            "", "mic", "tone:", "tone:5", "tone:x", "file:", "tts: ", "device:", "camera:x",
            "null:x",
        ] {
            assert!(text.parse::<InputDevice>().is_err(), "{text}");
        }
        let long = format!("tts:{}", "a".repeat(5_000));
        let told = long.parse::<InputDevice>().unwrap_err().to_string();
        assert_eq!(told, "5000 bytes after the colon, at most 4096 are allowed");
        assert!("tone".parse::<OutputDevice>().is_err());
    }
}
