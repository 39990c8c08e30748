//! What a person may choose about the window. Kept in the sealed store, as JSON under [`KEPT_AS`].

use std::collections::BTreeSet;

use alloquy_ids::ChannelId;
use serde::{Deserialize, Serialize};

use crate::voice::VoiceSettings;

/// The name under which settings are kept.
pub const KEPT_AS: &str = "settings";
/// The smallest zoom: at 1280 wide everything still fits, and text is 10 points high.
pub const ZOOM_MIN: f32 = 0.7;
/// The greatest zoom, as the accessibility guidelines ask (WCAG 2.2, 1.4.4: 200 %).
pub const ZOOM_MAX: f32 = 2.0;
/// Emoji used last that are offered first: two rows of the picker.
pub const RECENT_EMOJI_MAX: usize = 18;
/// One step of zoom.
pub const ZOOM_STEP: f32 = 0.1;

/// All of it. What an older version did not write has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Which colours.
    pub theme: ThemeChoice,
    /// Size of everything, 1 is as designed.
    pub zoom: f32,
    /// Nothing slides or fades.
    pub reduced_motion: bool,
    /// Times as 9:41 PM instead of 21:41.
    pub twelve_hours: bool,
    /// Whether previews of addresses stand under messages.
    pub previews: bool,
    /// Whether the list of members stands beside the channel where there is room.
    pub members_open: bool,
    /// How often the banner about the recovery words was put off.
    pub recovery_put_off: u8,
    /// When it comes back, milliseconds UTC.
    pub recovery_again: u64,
    /// When the desktop is told.
    pub notify: Notify,
    /// Whether notifications show the text.
    pub notify_text: bool,
    /// Channels that an older version muted: rules say it now, and it is not written again.
    #[serde(skip_serializing)]
    pub muted: BTreeSet<ChannelId>,
    /// When the recovery words were last found or the reminder was put off, milliseconds UTC; 0: not counted yet.
    pub recovery_checked: u64,
    /// How often that was.
    pub recovery_checks: u32,
    /// The hint that a home node delivers while one is away was read.
    pub home_hint_read: bool,
    /// Whether the node goes on when the window closes; `None`: it was never asked.
    pub background: Option<bool>,
    /// Where the door for IRC clients is open; `None`: it is shut.
    pub irc: Option<String>,
    /// Emoji used last, the newest first.
    pub recent_emoji: Vec<String>,
    /// What the audio engine works by.
    pub voice: VoiceSettings,
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    /// As the desktop is.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// When the desktop is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notify {
    /// Every message.
    All,
    /// Messages that name the person.
    #[default]
    Mentions,
    /// Never.
    Nothing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            zoom: 1.0,
            reduced_motion: false,
            twelve_hours: false,
            previews: true,
            members_open: true,
            recovery_put_off: 0,
            recovery_again: 0,
            notify: Notify::Mentions,
            notify_text: true,
            muted: BTreeSet::new(),
            recovery_checked: 0,
            recovery_checks: 0,
            home_hint_read: false,
            background: None,
            irc: None,
            recent_emoji: Vec::new(),
            voice: VoiceSettings::default(),
        }
    }
}

impl Settings {
    /// Reads what was kept; whatever can not be read is as by default.
    #[must_use]
    pub fn from_kept(text: &str) -> Self {
        let mut settings: Self = serde_json::from_str(text).unwrap_or_default();
        if !settings.zoom.is_finite() {
            settings.zoom = 1.0;
        }
        settings.zoom = settings.zoom.clamp(ZOOM_MIN, ZOOM_MAX);
        settings.recent_emoji.truncate(RECENT_EMOJI_MAX);
        settings.voice.limit();
        settings
    }

    /// Notes an emoji as the one used last.
    pub(crate) fn use_emoji(&mut self, emoji: &str) {
        self.recent_emoji.retain(|recent| recent != emoji);
        self.recent_emoji.insert(0, emoji.to_owned());
        self.recent_emoji.truncate(RECENT_EMOJI_MAX);
    }

    /// The text to keep.
    #[must_use]
    pub fn to_kept(&self) -> String {
        serde_json::to_string(self).expect("plain data with text keys is JSON")
    }
}
