//! What is shown of voice, and what the audio engine was told.

use alloquy_api::{Command, VoiceCommand};
use alloquy_ids::{ChannelId, CommunityId};

use super::{Overlay, Purpose, SettingsPage, UiState};
use crate::action::Action;
use crate::effect::Effect;
use crate::model::Model;
use crate::voice::{SoundOrder, VoiceSettings};
use crate::words::say;

/// What is shown and held about voice.
#[derive(Clone, Debug, Default)]
pub struct Voice {
    /// The channel of which the people are shown, instead of its messages.
    pub room: Option<ChannelId>,
    /// The next key is to be the one to talk.
    pub chooses_key: bool,
    /// The key that was pressed for that can not be it.
    pub key_refused: bool,
    /// The key to talk is held.
    pub talks: bool,
    /// The microphone is played back.
    pub tests: bool,
    told: Option<VoiceSettings>,
    metered: bool,
}

impl Voice {
    /// The node has ended, and the engine with it: both are told anew when they are back.
    pub(super) fn forget(&mut self) {
        let room = self.room;
        *self = Self {
            room,
            ..Self::default()
        };
    }
}

impl UiState {
    /// Whether the people of the voice channel are shown that one is at, instead of its messages.
    #[must_use]
    pub fn shows_room(&self) -> bool {
        self.voice.room.is_some() && self.voice.room == self.places.now().channel
    }

    pub(super) fn act_voice(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Voice(order) => vec![self.voice_order(order)],
            Action::ShowRoom(community, channel) => self.show_room(community, channel),
            Action::ShowChat(community, channel) => self.show_chat(community, channel),
            Action::SetVoice(voice) => self.set_voice(voice),
            Action::Sound(order) => self.sound(order),
            // Everything else is carried out elsewhere.
            _ => Vec::new(),
        }
    }

    fn voice_order(&mut self, order: VoiceCommand) -> Effect {
        let purpose = match order {
            VoiceCommand::Join { .. } => say::voice_not_joined(),
            _ => say::not_changed(),
        };
        self.ask(Purpose::Plain(purpose), Command::Voice { order })
    }

    fn show_room(&mut self, community: CommunityId, channel: ChannelId) -> Vec<Effect> {
        self.at_directs = false;
        self.go_channel(community, channel);
        self.voice.room = Some(channel);
        Vec::new()
    }

    fn show_chat(&mut self, community: CommunityId, channel: ChannelId) -> Vec<Effect> {
        self.at_directs = false;
        self.go_channel(community, channel);
        Vec::new()
    }

    /// The engine is told by [`UiState::tell_engine`], which follows every action.
    fn set_voice(&mut self, voice: VoiceSettings) -> Vec<Effect> {
        self.settings.voice = voice;
        self.settings.voice.limit();
        Vec::new()
    }

    fn sound(&mut self, order: SoundOrder) -> Vec<Effect> {
        match order {
            SoundOrder::Talk(held) => self.voice.talks = held,
            SoundOrder::Test(on) => self.voice.tests = on,
            SoundOrder::Use(voice) => return self.set_voice(voice),
            SoundOrder::Meter(on) => self.voice.metered = on,
        }
        vec![Effect::Sound(order)]
    }

    /// The window goes and the node stays: no key is held any more, and the page about voice is not looked at.
    pub fn vanish(&mut self) -> Vec<Effect> {
        let page = Overlay::Settings(SettingsPage::Voice);
        self.overlays.retain(|open| *open != page);
        let voice = &mut self.voice;
        let ends = [
            (std::mem::take(&mut voice.talks), SoundOrder::Talk(false)),
            (std::mem::take(&mut voice.metered), SoundOrder::Meter(false)),
            (std::mem::take(&mut voice.tests), SoundOrder::Test(false)),
        ];
        let held = ends.into_iter().filter(|(held, _)| *held);
        held.map(|(_, order)| Effect::Sound(order)).collect()
    }

    /// The window has lost the focus or is not seen: nothing tells any more when the key to talk is let go.
    pub fn let_go(&mut self) -> Vec<Effect> {
        let talked = std::mem::take(&mut self.voice.talks);
        let order = Effect::Sound(SoundOrder::Talk(false));
        talked.then_some(order).into_iter().collect()
    }

    /// What the engine has to be told: settings that it does not have yet, and whether the meter is looked at.
    pub(super) fn tell_engine(&mut self, model: &Model) -> Vec<Effect> {
        let page = Overlay::Settings(SettingsPage::Voice);
        let looked_at = self.overlays.contains(&page);
        if !looked_at {
            (self.voice.chooses_key, self.voice.key_refused) = (false, false);
        }
        if model.sound.is_none() {
            self.voice.forget();
            return Vec::new();
        }
        if !self.loaded {
            return Vec::new();
        }
        let mut orders = Vec::new();
        if self.voice.told.as_ref() != Some(&self.settings.voice) {
            self.voice.told = Some(self.settings.voice.clone());
            orders.push(SoundOrder::Use(self.settings.voice.clone()));
        }
        if self.voice.metered != looked_at {
            orders.push(SoundOrder::Meter(looked_at));
        }
        if self.voice.tests && !looked_at {
            // Whoever closes the page does not want to hear themselves on.
            orders.push(SoundOrder::Test(false));
        }
        self.voice.metered = looked_at;
        self.voice.tests &= looked_at;
        orders.into_iter().map(Effect::Sound).collect()
    }
}
