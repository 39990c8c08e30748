//! Who may be in a room and who is heard there, by the rights in force.

use alloquy_ids::{AccountId, ChannelId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::permissions::{ChannelKind, CommunityKind, Permissions};

use super::stage::Order;
use crate::community::Community;

/// What a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// Everybody with SPEAK is heard.
    Open,
    /// Who may MUTE is heard, and whom one of them has invited.
    Stage,
}

/// Why somebody in a room is not heard, whatever they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    NoRight,
    TimedOut,
    Audience,
}

impl Silence {
    /// Told to whom it is about.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::NoRight => "this account lacks the right speak in this channel",
            Self::TimedOut => "a moderator has timed this account out",
            Self::Audience => {
                "this device is in the audience of the stage; `voice hand up` asks to speak"
            }
        }
    }
}

impl Community {
    /// What room a channel is; `None`: none.
    pub(super) fn room(&self, channel: ChannelId) -> Option<Room> {
        match self.state().channels.get(&channel)?.kind {
            ChannelKind::Voice => Some(Room::Open),
            ChannelKind::Stage => Some(Room::Stage),
            ChannelKind::Text => {
                let conversation = self.kind() != CommunityKind::Community;
                (conversation && channel == direct::channel(self.id)).then_some(Room::Open)
            }
            ChannelKind::Category => None,
        }
    }

    fn rights_in(&self, account: AccountId, channel: ChannelId) -> Permissions {
        self.state().permissions(account, Some(channel))
    }

    /// Whether an account may be in a room.
    pub(super) fn may_connect(&self, account: AccountId, channel: ChannelId) -> bool {
        let needed = Permissions::VIEW | Permissions::CONNECT;
        self.room(channel).is_some() && self.rights_in(account, channel).has(needed)
    }

    /// Whether an account may say who speaks on a stage.
    pub(super) fn moderates(&self, account: AccountId, channel: ChannelId) -> bool {
        let needed = Permissions::VIEW | Permissions::MUTE;
        self.rights_in(account, channel).has(needed)
    }

    /// Why an account is not heard in a room; `order`: the last one about it there.
    pub(super) fn silence(
        &self,
        account: AccountId,
        channel: ChannelId,
        order: Option<&Order>,
        now: UnixMs,
    ) -> Option<Silence> {
        if !self.rights_in(account, channel).has(Permissions::SPEAK) {
            return Some(Silence::NoRight);
        }
        let timeout = self.state().timeouts.get(&account).map(|(_, until)| *until);
        if timeout.is_some_and(|until| now < until) {
            return Some(Silence::TimedOut);
        }
        let invited =
            || order.is_some_and(|order| order.speaks && self.moderates(order.moderator, channel));
        let audience = self.room(channel) == Some(Room::Stage)
            && !self.moderates(account, channel)
            && !invited();
        audience.then_some(Silence::Audience)
    }
}
