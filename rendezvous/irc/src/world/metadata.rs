//! METADATA: what is known of people and channels, by key.

use std::collections::BTreeSet;

use alloquy_api::command::ProfileChange;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::{AccountId, ChannelId};

use super::{Kind, Room, World};
use crate::limits::METADATA_VALUE_BYTES_MAX;

/// A key of a person that something is known under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// What a person says of itself.
    About,
    /// The display name.
    DisplayName,
    /// The line beside the name.
    Status,
}

impl Key {
    /// All of them, as they are listed.
    pub(crate) const ALL: [Self; 3] = [Self::About, Self::DisplayName, Self::Status];

    /// How it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::About => "about",
            Self::DisplayName => "display-name",
            Self::Status => "status",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// What changes it.
    pub(crate) const fn change(self, value: String) -> ProfileChange {
        match self {
            Self::About => ProfileChange::About(value),
            Self::DisplayName => ProfileChange::Name(value),
            Self::Status => ProfileChange::Status(value),
        }
    }
}

/// The key of a channel for the name of its community.
pub(crate) const COMMUNITY: &str = "alloquy.chat/community";
/// The key of a channel for who is in voice in it.
pub(crate) const VOICE: &str = "alloquy.chat/voice";
/// Bytes that ` +` and a number may take behind the nicks that fit.
const MORE_BYTES: usize = 8;

/// Who is in voice in a channel, each account once, in the order in which members are shown.
pub(super) fn in_voice(community: &CommunitySnapshot, channel: ChannelId) -> Vec<AccountId> {
    let views = community.voices.get(&channel).into_iter().flatten();
    let mut seen = BTreeSet::new();
    let accounts = views.map(|view| view.account);
    accounts.filter(|account| seen.insert(*account)).collect()
}

impl World {
    /// What is known of somebody under a key; `None`: nothing.
    pub(crate) fn known_of(&self, account: AccountId, key: Key) -> Option<&str> {
        let person = self.person(account)?;
        let value = match key {
            Key::About => person.about.as_deref(),
            Key::DisplayName => Some(person.name.as_str()),
            Key::Status => person.status.as_deref(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// All that is known of somebody.
    pub(crate) fn all_of(&self, account: AccountId) -> Vec<(&'static str, String)> {
        let known = Key::ALL.into_iter().filter_map(|key| {
            let value = self.known_of(account, key)?;
            Some((key.name(), value.to_owned()))
        });
        known.collect()
    }

    /// All that is known of a channel, its topic apart.
    pub(crate) fn all_of_room(&self, room: &Room) -> Vec<(&'static str, String)> {
        let Some(community) = self.community(room.community) else {
            return Vec::new();
        };
        let name = match room.kind {
            Kind::Channel => self.channel_view(room).map(|view| view.name.as_str()),
            _ => Some(community.name.as_str()),
        };
        let of_community = (room.kind == Kind::Channel).then_some(community);
        let all = [
            (
                "about",
                of_community.map(|community| community.topic.as_str()),
            ),
            (
                COMMUNITY,
                of_community.map(|community| community.name.as_str()),
            ),
            ("display-name", name),
        ];
        let known = all.into_iter().filter_map(|(key, value)| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((key, value.to_owned()))
        });
        let voice = Some((VOICE, self.voice(room))).filter(|(_, nicks)| !nicks.is_empty());
        known.chain(voice).collect()
    }

    /// Nicks of those who are in voice in a room; behind those that fit a value, `+` and how many more there are. No nick
    /// begins so.
    fn voice(&self, room: &Room) -> String {
        let all = self
            .community(room.community)
            .map(|of| in_voice(of, room.channel));
        let all = all.unwrap_or_default();
        let mut value = String::new();
        for (at, account) in all.iter().enumerate() {
            let nick = self.nick(*account);
            if value.len() + 1 + nick.len() + MORE_BYTES > METADATA_VALUE_BYTES_MAX {
                value.push_str(&format!(" +{}", all.len() - at));
                break;
            }
            if at > 0 {
                value.push(' ');
            }
            value.push_str(&nick);
        }
        value
    }

    /// Rooms in which somebody is in voice.
    pub(crate) fn voice_rooms_of(&self, account: AccountId) -> Vec<ChannelId> {
        let rooms = self.rooms().filter(|room| {
            let community = self.community(room.community);
            let views = community.and_then(|of| of.voices.get(&room.channel));
            views.is_some_and(|views| views.iter().any(|view| view.account == account))
        });
        rooms.map(|room| room.channel).collect()
    }
}
