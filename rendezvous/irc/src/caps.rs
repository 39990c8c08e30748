//! Capabilities: what clients may ask for.

use crate::limits::{
    METADATA_KEYS, METADATA_SUBS_MAX, METADATA_VALUE_BYTES_MAX, MULTILINE_BYTES_MAX,
    MULTILINE_LINES_MAX,
};

macro_rules! caps {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A capability that is announced.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Cap {
            $($(#[$doc])* $name,)*
        }

        impl Cap {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

caps! {
    /// Who makes an account while being here is told of.
    AccountNotify = "account-notify",
    /// The account of a message's source.
    AccountTag = "account-tag",
    /// Edits, as what they are.
    Edit = "alloquy.chat/edit",
    /// Previews of addresses, as tags.
    Embed = "alloquy.chat/embed",
    /// Who goes away and comes back.
    AwayNotify = "away-notify",
    /// Lines that belong together.
    Batch = "batch",
    /// Changes of this list; implied by version 302.
    CapNotify = "cap-notify",
    /// Making an account.
    AccountRegistration = "draft/account-registration",
    /// Another name of a channel.
    ChannelRename = "draft/channel-rename",
    /// Reading what was said before.
    ChatHistory = "draft/chathistory",
    /// Reactions in what was said before.
    EventPlayback = "draft/event-playback",
    /// 005 before the connection has come in, and on demand.
    ExtendedIsupport = "draft/extended-isupport",
    /// Deleting messages.
    MessageRedaction = "draft/message-redaction",
    /// What people and channels tell of themselves.
    Metadata = "draft/metadata-2",
    /// Messages of several lines.
    Multiline = "draft/multiline",
    /// JOIN without the list of names, as a draft called it.
    NoImplicitNamesDraft = "draft/no-implicit-names",
    /// How far the account has read.
    ReadMarker = "draft/read-marker",
    /// What a client says comes back to it.
    EchoMessage = "echo-message",
    /// JOIN with account and name.
    ExtendedJoin = "extended-join",
    /// MONITOR tells of more than coming and going.
    ExtendedMonitor = "extended-monitor",
    /// Who invites whom.
    InviteNotify = "invite-notify",
    /// Answers carry the label of their request.
    LabeledResponse = "labeled-response",
    /// Tags between clients.
    MessageTags = "message-tags",
    /// All prefixes of a member.
    MultiPrefix = "multi-prefix",
    /// JOIN without the list of names.
    NoImplicitNames = "no-implicit-names",
    /// Logging in.
    Sasl = "sasl",
    /// When something was said.
    ServerTime = "server-time",
    /// Changing one's name.
    SetName = "setname",
    /// FAIL, WARN and NOTE.
    StandardReplies = "standard-replies",
    /// Each community as a network of its own.
    BouncerNetworks = "soju.im/bouncer-networks",
    /// Networks that come and go.
    BouncerNetworksNotify = "soju.im/bouncer-networks-notify",
    /// Whole addresses in lists of names.
    UserhostInNames = "userhost-in-names",
    /// Streams of bytes to other nodes, sealed by their ends. The last one: a client older than 302 is told as many as fit a
    /// line, and knows none of its kind.
    E2ee = "alloquy.chat/e2ee",
}

impl Cap {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cap| cap.name() == name)
    }

    /// How it is listed for clients of version 302.
    #[must_use]
    pub fn listed(self) -> String {
        match self {
            Self::Sasl => "sasl=PLAIN".to_owned(),
            Self::Multiline => format!(
                "draft/multiline=max-bytes={MULTILINE_BYTES_MAX},max-lines={MULTILINE_LINES_MAX}"
            ),
            Self::Metadata => format!(
                "draft/metadata-2=max-subs={METADATA_SUBS_MAX},max-keys={METADATA_KEYS},max-value-bytes={METADATA_VALUE_BYTES_MAX}"
            ),
            other => other.name().to_owned(),
        }
    }
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caps(u64);

impl Caps {
    /// Every one.
    #[must_use]
    pub fn all() -> Self {
        let mut all = Self::default();
        for cap in Cap::ALL {
            all.add(*cap);
        }
        all
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, cap: Cap) -> bool {
        self.0 & (1 << cap as u64) != 0
    }

    /// Puts it in.
    pub fn add(&mut self, cap: Cap) {
        self.0 |= 1 << cap as u64;
    }

    /// Takes it out.
    pub fn remove(&mut self, cap: Cap) {
        self.0 &= !(1 << cap as u64);
    }

    /// Whether the client wants JOIN without names.
    #[must_use]
    pub const fn no_names(self) -> bool {
        self.has(Cap::NoImplicitNames) || self.has(Cap::NoImplicitNamesDraft)
    }
}
