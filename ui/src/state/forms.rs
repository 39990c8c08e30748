//! The fields of dialogs: they survive closing, so that nothing typed is lost; secrets do not.

use alloquy_api::command::ChannelKind;
use alloquy_api::reply::InviteCardView;
use alloquy_ids::{CommunityId, InviteId, UnixMs};

use crate::irc::IrcForm;
use crate::words::say;

/// How far the first run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstStep {
    /// It asks for a name, or it was over before this window opened.
    #[default]
    Name,
    /// It shows the key that was made.
    Key,
    /// It offers where to go.
    Choices,
    /// It is over.
    Done,
}

/// What the first page of the first run is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstWay {
    /// Somebody new.
    #[default]
    New,
    /// Somebody with another device at hand.
    Link,
    /// Somebody who has lost the devices.
    Words,
}

/// The two ways to a community.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddTab {
    /// By a link.
    #[default]
    Join,
    /// A new one.
    Create,
}

/// How long an invite is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InviteExpiry {
    /// One hour.
    Hour,
    /// One day.
    Day,
    /// Seven days.
    #[default]
    Week,
    /// For ever.
    Never,
}

impl InviteExpiry {
    /// All, as offered.
    pub const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Week, Self::Never];

    /// Milliseconds; `None`: for ever.
    #[must_use]
    pub const fn millis(self) -> Option<u64> {
        const HOUR: u64 = 3_600_000;
        match self {
            Self::Hour => Some(HOUR),
            Self::Day => Some(24 * HOUR),
            Self::Week => Some(7 * 24 * HOUR),
            Self::Never => None,
        }
    }
}

/// An invite link that was made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InviteMade {
    /// The community.
    pub community: CommunityId,
    /// The invite, for taking it back.
    pub id: InviteId,
    /// The link.
    pub link: String,
    /// When it was made.
    pub made: UnixMs,
    /// The link is in the clipboard: somebody may have it.
    pub copied: bool,
}

/// What one says about oneself, while it is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnProfile {
    /// Display name.
    pub name: String,
    /// The line beside the name.
    pub status: String,
    /// The text on the card.
    pub about: String,
}

/// The fields of dialogs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forms {
    /// The name on the first run; `None` until the suggested one was taken over.
    pub first_name: Option<String>,
    /// What its first page is about.
    pub first_way: FirstWay,
    /// The step of the first run.
    pub first_step: FirstStep,
    /// The passphrase.
    pub passphrase: String,
    /// Which way to a community is shown.
    pub add_tab: AddTab,
    /// The link to join by.
    pub link: String,
    /// The link that the node was asked about.
    pub inspecting: Option<String>,
    /// What the link says: the link, and the card or why there is none.
    pub card: Option<(String, Result<InviteCardView, String>)>,
    /// A join is on its way.
    pub joining: bool,
    /// Why the last join failed.
    pub join_error: Option<String>,
    /// Name of a community to be made.
    pub community: String,
    /// The template chosen; `None` until one was, empty for none.
    pub template: Option<String>,
    /// A community is being made.
    pub creating: bool,
    /// Why it could not be made.
    pub create_error: Option<String>,
    /// Name of a channel to be made.
    pub channel: String,
    /// What it is to be; `None`: a channel for text.
    pub channel_kind: Option<ChannelKind>,
    /// Whether only those with a grant may see it.
    pub channel_private: bool,
    /// The last invite link made.
    pub invite: Option<InviteMade>,
    /// The last invite link was taken back.
    pub invite_revoked: bool,
    /// Why there is no invite link.
    pub invite_error: Option<String>,
    /// Uses of the next invite; `None`: any number.
    pub invite_uses: Option<u32>,
    /// How long the next invite is good for.
    pub invite_expiry: InviteExpiry,
    /// Text of the quick switcher.
    pub switcher: String,
    /// The row chosen in it.
    pub switcher_row: usize,
    /// Text of the emoji picker.
    pub emoji: String,
    /// The emoji chosen in it, by number.
    pub emoji_at: usize,
    /// Filter of the members.
    pub members: String,
    /// What one says about oneself; `None` while nothing is being changed.
    pub own: Option<OwnProfile>,
    /// Recovery words, while they are shown.
    pub recovery: Vec<String>,
    /// The places asked back, from 1, and what was typed.
    pub recovery_asked: Option<[(u8, String); 3]>,
    /// How often the words were shown again: other places are asked each time.
    pub recovery_tries: u8,
    /// Why the confirmation failed.
    pub recovery_error: Option<String>,
    /// Reason for the next act of moderation.
    pub reason: String,
    /// Own addresses are shown on the sheet of connections.
    pub addresses_shown: bool,
    /// The page of the door for IRC clients.
    pub irc: IrcForm,
}

impl Forms {
    /// What was under way gets no answer any more: it can be tried again after a start.
    pub(super) fn node_ended(&mut self) {
        let why = say::stopped_before();
        if std::mem::take(&mut self.joining) {
            self.join_error = Some(why.to_owned());
        }
        if std::mem::take(&mut self.creating) {
            self.create_error = Some(why.to_owned());
        }
        self.inspecting = None;
    }

    /// A join is over, or waits for somebody of the community.
    pub(super) fn joined(&mut self) {
        self.joining = false;
        self.card = None;
        self.inspecting = None;
        self.first_step = FirstStep::Done;
        self.link.clear();
    }

    /// Forgets the recovery words and what was typed of them.
    pub fn forget_recovery(&mut self) {
        self.recovery.clear();
        self.recovery_asked = None;
        self.recovery_error = None;
    }
}
