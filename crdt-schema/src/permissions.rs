//! Permission bits, ranks and channel kinds.

use std::fmt;
use std::ops::{BitAnd, BitOr, Not};

/// A set of rights, one bit each. Unknown bits are refused when they are granted.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permissions(pub u64);

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        impl Permissions {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            /// Every bit that has a meaning.
            pub const ALL: Self = Self($(1 << $bit)|*);
            /// Name and bit of each right, in bit order.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$name)),*];
        }
    };
}

bits! {
    /// See the channel and who is in it.
    VIEW = 0, "view";
    /// Read what was written before joining.
    READ_HISTORY = 1, "read-history";
    /// Write messages.
    SEND = 2, "send";
    /// Write in threads.
    SEND_THREADS = 3, "send-threads";
    /// Attach files.
    ATTACH = 4, "attach";
    /// Add reactions.
    REACT = 5, "react";
    /// Mention everyone.
    MENTION_ALL = 6, "mention-all";
    /// Delete others' messages, accept late ones, pin.
    MANAGE_MESSAGES = 7, "manage-messages";
    /// Hide what others have already built on.
    PURGE = 8, "purge";
    /// Create, change and delete channels, slow mode.
    MANAGE_CHANNELS = 9, "manage-channels";
    /// Create, change, grant and revoke roles below one's own rank; overwrites.
    MANAGE_ROLES = 10, "manage-roles";
    /// Create invites, admit without one, reaffirm admissions.
    INVITE = 11, "invite";
    /// Remove a member, who may join again.
    KICK = 12, "kick";
    /// Ban an account, and lift a ban.
    BAN = 13, "ban";
    /// Time a member out.
    MUTE = 14, "mute";
    /// Join voice.
    CONNECT = 15, "connect";
    /// Speak in voice.
    SPEAK = 16, "speak";
    /// Share webcam or screen.
    STREAM = 17, "stream";
    /// Change names, topics, icons, notes.
    MANAGE_CONTENT = 18, "manage-content";
    /// Change policy; announce epochs at any time.
    MANAGE_COMMUNITY = 19, "manage-community";
    /// Be a bridge.
    BRIDGE = 20, "bridge";
}

impl Permissions {
    /// No right.
    pub const NONE: Self = Self(0);
    /// What the role "everyone" holds when a community is made.
    pub const MEMBER: Self = Self(
        Self::VIEW.0
            | Self::READ_HISTORY.0
            | Self::SEND.0
            | Self::SEND_THREADS.0
            | Self::ATTACH.0
            | Self::REACT.0
            | Self::INVITE.0
            | Self::CONNECT.0
            | Self::SPEAK.0
            | Self::STREAM.0,
    );
    /// What both sides of a direct conversation hold: everything but to admit, to remove and to manage.
    pub const DIRECT: Self = Self(Self::MEMBER.0 & !Self::INVITE.0);
    /// What everybody in a group conversation holds.
    pub const GROUP: Self = Self::MEMBER;
    /// What the owner of a group conversation holds: nothing over what others write.
    pub const GROUP_OWNER: Self =
        Self(Self::GROUP.0 | Self::KICK.0 | Self::MANAGE_CONTENT.0 | Self::MANAGE_COMMUNITY.0);
    /// Rights to write, whose loss is a denial (docs/protocol.md, "Denials limit writing").
    pub const WRITING: Self = Self(
        Self::VIEW.0
            | Self::SEND.0
            | Self::SEND_THREADS.0
            | Self::ATTACH.0
            | Self::REACT.0
            | Self::MANAGE_MESSAGES.0
            | Self::MANAGE_CONTENT.0
            | Self::MANAGE_CHANNELS.0,
    );
    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
    /// The right of this name, as in the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(text, _)| *text == name)
            .map(|(_, bit)| *bit)
    }
    /// Names of the rights in the set, in bit order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(_, bit)| self.has(*bit))
            .map(|(text, _)| *text)
    }
}

impl BitOr for Permissions {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
impl BitAnd for Permissions {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
impl Not for Permissions {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}
impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        write!(f, "[{}]", names.join(" "))
    }
}

/// How high a role stands; greater is stronger. Owners stand above every rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u32);

impl Rank {
    /// A member without a role.
    pub const MEMBER: Self = Self(0);
    /// The greatest rank that a role may have.
    pub const ROLE_MAX: Self = Self(1_000_000);
    /// An owner.
    pub const OWNER: Self = Self(2_000_000);
    /// An owners' certificate: above owners.
    pub const CERTIFICATE: Self = Self(3_000_000);
}

/// What a scope of accounts is: all three are the same logs, epochs and sync under different rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum CommunityKind {
    /// Roles, channels, invites.
    #[default]
    Community = 0,
    /// A conversation of 2 to 32 accounts: every member may add, its creator may remove.
    Group = 1,
    /// A conversation of two accounts, or an account's own; nobody owns it, nobody else gets in.
    Direct = 2,
}

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ChannelKind {
    /// Messages.
    Text = 1,
    /// Voice, with a text chat of its own.
    Voice = 2,
    /// A heading over other channels.
    Category = 3,
    /// Voice that a few speak and others hear, with a text chat of its own.
    Stage = 4,
}

/// What newcomers may read of a key scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum HistoryPolicy {
    /// Everything kept.
    #[default]
    All = 1,
    /// Only what is written after they joined.
    SinceJoin = 2,
}
