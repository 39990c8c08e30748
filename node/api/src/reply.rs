//! What a command gives back: the JSON shapes of docs/cli.md.
//!
//! A [`Reply`] is printed bare, without a tag. It comes back as itself all the same, because no two replies
//! have the same set of required fields and unknown fields are refused; a test holds that for each of them.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, InviteId, RoleId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::{Availability, ChannelKind};
pub use crate::delivery::{Confirmed, DeliveryState, DeliveryView};
pub use crate::message::{MessageView, QuoteView, ReactionView, RepliesView};
pub use crate::moderation::{PolicyView, ProposalView, RequestView, TreeView};
pub use crate::nearby::NearbyView;
pub use crate::personal::{
    ContactView, DeviceState, DeviceView, DirectKind, DirectView, DmRequestView, HomeStatusView,
    HomeView, KeptView, LinkStep, Linking, LinkingView, OnOff,
};
use crate::voice::{CallView, DevicesView};

/// The closed list of error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is not a command.
    Parse,
    /// No node runs on this data directory.
    NotRunning,
    /// Nothing has this name or id.
    UnknownName,
    /// Several things have this name; the message lists their ids.
    AmbiguousName,
    /// The account lacks the right.
    NotPermitted,
    /// The account is not a member of the community.
    NotMember,
    /// The invite is malformed, revoked, or of another community.
    InviteInvalid,
    /// The invite's time is over.
    InviteExpired,
    /// The invite's uses are spent.
    InviteUsedUp,
    /// A value is over a limit; the message names both.
    Limit,
    /// What was waited for did not happen in time.
    Timeout,
    /// The store can not be read or written.
    Storage,
    /// Too many commands wait.
    Busy,
    /// The passphrase does not open the store.
    WrongPassphrase,
    /// Another process uses the data directory.
    InUse,
    /// What should be made is there already.
    Exists,
    /// Client and node, or store and node, are of different versions.
    Version,
    /// No audio engine is attached, or the device is in no voice channel.
    NoVoice,
    /// A fault of the program itself.
    Internal,
}

/// A person's mistake or an obstacle, in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct CommandError {
    /// What kind.
    pub code: ErrorCode,
    /// One sentence that names the value and, where there is one, the limit.
    pub message: String,
}

impl ErrorCode {
    /// Every code, in the order of docs/cli.md.
    pub const ALL: [Self; 19] = [
        Self::Parse,
        Self::NotRunning,
        Self::UnknownName,
        Self::AmbiguousName,
        Self::NotPermitted,
        Self::NotMember,
        Self::InviteInvalid,
        Self::InviteExpired,
        Self::InviteUsedUp,
        Self::Limit,
        Self::Timeout,
        Self::Storage,
        Self::Busy,
        Self::WrongPassphrase,
        Self::InUse,
        Self::Exists,
        Self::Version,
        Self::NoVoice,
        Self::Internal,
    ];

    /// The word for it, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::NotRunning => "not_running",
            Self::UnknownName => "unknown_name",
            Self::AmbiguousName => "ambiguous_name",
            Self::NotPermitted => "not_permitted",
            Self::NotMember => "not_member",
            Self::InviteInvalid => "invite_invalid",
            Self::InviteExpired => "invite_expired",
            Self::InviteUsedUp => "invite_used_up",
            Self::Limit => "limit",
            Self::Timeout => "timeout",
            Self::Storage => "storage",
            Self::Busy => "busy",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::InUse => "in_use",
            Self::Exists => "exists",
            Self::Version => "version",
            Self::NoVoice => "no_voice",
            Self::Internal => "internal",
        }
    }

    /// What it means, as a sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Parse => "The line is not a command of this version.",
            Self::NotRunning => {
                "No node runs on this data directory, or it ended before it answered."
            }
            Self::UnknownName => "Nothing that this account can see has this name or id.",
            Self::AmbiguousName => "The name fits several things; the message lists their ids.",
            Self::NotPermitted => "The account lacks the right; `why` explains it.",
            Self::NotMember => "The account is not a member of the community.",
            Self::InviteInvalid => "The invite is malformed, revoked, or not one of the community.",
            Self::InviteExpired => "The invite's time is over.",
            Self::InviteUsedUp => "The invite's uses are spent.",
            Self::Limit => "A value is over a limit; the message names both.",
            Self::Timeout => {
                "What was waited for did not happen within the time given by `--wait`."
            }
            Self::Storage => "The store can not be read or written; the message says why.",
            Self::Busy => "Too many commands wait; try again.",
            Self::WrongPassphrase => "The passphrase does not open the store.",
            Self::InUse => "Another process uses the data directory.",
            Self::Exists => "What should be made is there already.",
            Self::Version => "The store, the running node and this program are not of one version.",
            Self::NoVoice => {
                "The running node has no audio engine attached, or is in no voice channel."
            }
            Self::Internal => "A fault of the program itself; please report it.",
        }
    }

    /// Exit code of a command line that ends with this error: 2 for a line that does not parse, else 1.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Parse => 2,
            _ => 1,
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl CommandError {
    /// An error of `code` with its sentence.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// An error as every command prints it with `--json`: `{"error":{"code","message"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: CommandError,
}

impl From<CommandError> for ErrorBody {
    fn from(error: CommandError) -> Self {
        Self { error }
    }
}

/// The outcome of a command that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Reply {
    /// `create-community`, `join`
    Community {
        /// The community that was made or joined.
        community: CommunityId,
    },
    /// `create-channel`, `create-category`
    Channel {
        /// The channel that was made.
        channel: ChannelId,
    },
    /// `invite`
    Invite {
        /// The link: `alloquy://join/...`, one word. Whoever has it can join.
        invite: String,
        /// The invite's id, for `revoke-invite`.
        id: InviteId,
    },
    /// `send`, `reply`, `thread`, `edit`, `delete`, `react`, `unreact`, `pin`, `unpin`
    Message {
        /// The message that was written, or that the line was about.
        message: EventId,
    },
    /// `history`
    History {
        /// Oldest first.
        messages: Vec<MessageView>,
        /// Whether every connected peer that may read the channel confirms that nothing is missing, or no other device
        /// ever was there.
        complete: bool,
        /// Since when peers say so; `null` while they do not.
        complete_since: Option<UnixMs>,
        /// How many say so; absent when nobody does.
        #[serde(default, skip_serializing_if = "Confirmed::by_nobody")]
        confirmed: Confirmed,
    },
    /// `pins`
    Pins {
        /// Pinned messages, in the order of the channel.
        pins: Vec<MessageView>,
    },
    /// `templates`
    Templates {
        /// In the order shown.
        templates: Vec<TemplateView>,
    },
    /// `nearby`
    Nearby {
        /// Communities that others announce and this account is not in, by name.
        nearby: Vec<NearbyView>,
        /// Communities that this node announces.
        announced: Vec<CommunityId>,
    },
    /// `inspect-invite`
    InviteCard {
        /// What the link says; nothing of it is proved before the join.
        card: InviteCardView,
    },
    /// `recovery show`
    Recovery {
        /// The twelve words, in order.
        recovery_words: Vec<String>,
    },
    /// `members`
    Members {
        /// Owners first, then by name.
        members: Vec<MemberView>,
    },
    /// `channels`
    Channels {
        /// In the order shown; categories among them.
        channels: Vec<ChannelView>,
    },
    /// `communities`
    Communities {
        /// By name.
        communities: Vec<CommunityView>,
    },
    /// `invites`
    Invites {
        /// Oldest first, with the revoked and spent ones.
        invites: Vec<InviteView>,
    },
    /// `roles`
    Roles {
        /// Strongest first; `everyone` last.
        roles: Vec<RoleView>,
    },
    /// `role create`, `role edit`
    Role {
        /// The role that was made or changed.
        role: RoleId,
    },
    /// `audit`
    Audit {
        /// Oldest first.
        operations: Vec<AuditView>,
    },
    /// `why`
    Why {
        /// Whether the account holds the right there.
        granted: bool,
        /// What decided, as sentences.
        because: Vec<String>,
        /// The operations that decided.
        operations: Vec<EventId>,
    },
    /// `unread`
    Unread {
        /// Channels with something unread.
        unread: Vec<UnreadView>,
    },
    /// `presence`
    Presence {
        /// Members seen online, by name.
        online: Vec<PresenceView>,
    },
    /// `note`
    Note {
        /// The whole shared note.
        note: String,
    },
    /// `rekey`
    Epoch {
        /// The epoch that was announced.
        epoch: EventId,
    },
    /// Whatever writes an operation or a content event and makes nothing with an id of its own: moderation,
    /// grants, names, topics.
    Operation {
        /// What was written; the last one where several were.
        operation: EventId,
    },
    /// `owner add`, `owner remove`
    Vote {
        /// `false` while more votes are needed.
        enacted: bool,
        /// Votes given so far.
        votes: u32,
        /// Votes needed.
        needed: u32,
    },
    /// `invite-tree`
    InviteTree {
        /// Everybody, each after whom it came by.
        tree: Vec<TreeView>,
    },
    /// `remove-branch`
    Branch {
        /// Who was removed.
        removed: Vec<AccountId>,
        /// Who stays because this account may not remove them; those below them stay too.
        kept: Vec<AccountId>,
        /// How many are left for another call: one removes at most [`crate::limits::IDS_LISTED_MAX`].
        left: u32,
        /// Whether the invite is revoked now; `false` for the branch of a member.
        invite_revoked: bool,
    },
    /// `undo`
    Undone {
        /// How many messages, edits and reactions were hidden.
        undone: u32,
        /// How many are left: in channels where this account may not delete, or for another call.
        left: u32,
        /// The deletions that were written.
        deletions: Vec<EventId>,
    },
    /// `policy`
    Policy {
        /// The rules in force.
        policy: PolicyView,
    },
    /// `requests`
    Requests {
        /// Oldest first.
        requests: Vec<RequestView>,
    },
    /// `join`, where somebody must let one in first
    Requested {
        /// The community that was asked.
        requested: CommunityId,
    },
    /// `votes`
    Votes {
        /// Proposals over the owner set in force.
        proposals: Vec<ProposalView>,
    },
    /// `lost`
    Lost {
        /// Own operations, oldest first.
        lost: Vec<AuditView>,
    },
    /// `why-event`
    WhyEvent {
        /// Whether the message is shown, or the operation has effect.
        stands: bool,
        /// What decided, as sentences.
        because: Vec<String>,
        /// The operations and deletions that decided.
        operations: Vec<EventId>,
    },
    /// `devices`
    Devices {
        /// This one first, then by when they were added.
        devices: Vec<DeviceView>,
    },
    /// `device link`, `home code`
    Code {
        /// The code to type on the other side.
        code: String,
        /// The same as a link, with addresses: `alloquy://link/...`.
        link: String,
        /// When both end.
        until: UnixMs,
    },
    /// `voice devices`
    AudioDevices {
        /// As the engine told last.
        audio: DevicesView,
    },
    /// `voice stats`
    Call {
        /// The call with what was measured last; `null`: this device is in no voice channel.
        #[serde(deserialize_with = "Option::deserialize")]
        call: Option<CallView>,
    },
    /// `contact link`
    ContactLink {
        /// The link: `alloquy://contact/...`, one word.
        contact: String,
    },
    /// `contacts`
    Contacts {
        /// By name.
        contacts: Vec<ContactView>,
    },
    /// `dm`, `contact add`, `dm accept`, `group create`
    Direct {
        /// The conversation.
        direct: CommunityId,
        /// Its channel.
        channel: ChannelId,
    },
    /// `dm requests`
    DmRequests {
        /// Oldest first.
        dm_requests: Vec<DmRequestView>,
    },
    /// `verify`
    Safety {
        /// Twelve words that are the same on both sides when nobody stands between.
        safety_words: Vec<String>,
        /// The same as a text for a QR code.
        safety_code: String,
        /// Whether they were confirmed.
        verified: bool,
    },
    /// `home`
    Homes {
        /// By name.
        homes: Vec<HomeView>,
    },
    /// `home status`
    HomeStatus {
        /// What it keeps and for whom.
        home: HomeStatusView,
    },
    /// `mark-read`, `typing`, `profile`, and whatever leaves nothing to name.
    Ok {
        /// Always `true`.
        ok: bool,
    },
}

/// A template as faces offer it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateView {
    /// Its name, as `--template` takes it.
    pub template: String,
    /// Its title for people.
    pub title: String,
    /// What it is for, as a sentence.
    pub about: String,
    /// Its channels and categories, in the order shown.
    pub channels: Vec<TemplateChannelView>,
    /// Names of its roles, strongest first.
    pub roles: Vec<String>,
    /// Whether it was kept on this device; absent when it comes with the program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

/// A channel of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateChannelView {
    /// What it is for; a category stands before the channels under it.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
}

/// What an invite link says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteCardView {
    /// The community.
    pub community: CommunityId,
    /// Its name when the link was made.
    pub name: String,
    /// Who made the link.
    pub inviter: AccountId,
    /// The display name of the inviter when the link was made.
    pub inviter_name: String,
    /// How many peers the link names: the first that a join connects to.
    pub peers: u32,
    /// When it ends; `null` when never.
    pub expires: Option<UnixMs>,
    /// Whether this account is a member already.
    pub member: bool,
}

/// A member as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// The account.
    pub account: AccountId,
    /// Its display name.
    pub name: String,
    /// Names of its roles, strongest first; `everyone` is not listed.
    pub roles: Vec<String>,
    /// Whether a device of it is known to be connected.
    pub online: bool,
    /// How it wants to be seen; absent when it is not online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability: Option<Availability>,
    /// The rank of its strongest role; greater is stronger, and an owner stands above every rank.
    pub rank: u32,
    /// Whether it owns the community; absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owner: bool,
    /// What it says about itself; absent when nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Its status line; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Two copies of one of its devices are writing; absent when not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forked: bool,
}

/// A channel or category as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    /// The channel.
    pub channel: ChannelId,
    /// What it is for.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
    /// Its topic; empty when there is none.
    pub topic: String,
    /// The category that it stands under.
    pub category: Option<ChannelId>,
    /// Its place among its neighbours: smaller first.
    pub position: i64,
    /// Whether only those with a grant may view it.
    pub private: bool,
    /// Newcomers may read only what is written after they came; absent when they may read all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub since_join: bool,
    /// Messages that arrived since the last one marked read.
    pub unread: u32,
    /// How many of them name this account.
    pub mentions: u32,
    /// Names of the rights that the account holds in it.
    pub rights: Vec<String>,
    /// Names of bridges that may view it: who runs them can read what is written here; absent when none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bridges: Vec<String>,
    /// Shortest time between two messages of one member; 0 when slow mode is off.
    pub slow_mode_ms: u32,
    /// What it allows and denies beside the roles, by role and member; absent when nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overwrites: Vec<OverwriteView>,
}

/// What a channel allows and denies to some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverwriteView {
    /// To whom.
    pub target: OverwriteTarget,
    /// Names of the rights that are given.
    pub allow: Vec<String>,
    /// Names of the rights that are taken.
    pub deny: Vec<String>,
}

/// Whom an overwrite is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverwriteTarget {
    /// Holders of a role; all zero: every member.
    Role(RoleId),
    /// One member.
    Member(AccountId),
}

/// Somebody who is kept out or may not write, and the operation that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestrictionView {
    /// The account.
    pub account: AccountId,
    /// Its display name, as last known.
    pub name: String,
    /// Who signed the operation.
    pub by: AccountId,
    /// When, as the author's clock said.
    pub since: UnixMs,
    /// When it ends by itself; absent for a ban.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// Why, if the author said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The operation.
    pub operation: EventId,
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditKind {
    /// Who came in, by which invite, and who left by itself.
    Joins,
    /// Removals, bans, time-outs.
    Removals,
    /// Roles, who has them, overwrites.
    Roles,
    /// Channels, slow mode.
    Channels,
    /// Messages that were hidden or let through.
    Messages,
    /// Owners, rules, repeated operations.
    Community,
    /// Devices and keys, and what the log itself needs.
    Upkeep,
}

/// A community as faces list it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityView {
    /// The community.
    pub community: CommunityId,
    /// Its name; empty until the content has arrived.
    pub name: String,
    /// Its topic; empty when there is none.
    pub topic: String,
    /// How many members it has.
    pub members: u32,
    /// How many of them are online, oneself included.
    pub online: u32,
}

/// An invite as `invites` lists it. The link itself is only given when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView {
    /// The invite.
    pub id: InviteId,
    /// Who made it.
    pub creator: AccountId,
    /// How many may join by it; `null` when any number.
    pub uses: Option<u32>,
    /// How many have joined by it, as far as this node knows.
    pub used: u32,
    /// When it ends; `null` when never.
    pub expires: Option<UnixMs>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// A role as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView {
    /// The role; all zero for `everyone`.
    pub role: RoleId,
    /// Its name.
    pub name: String,
    /// How high it stands; greater is stronger.
    pub rank: u32,
    /// Names of the rights that it gives.
    pub allow: Vec<String>,
}

/// An operation as `audit` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// The operation.
    pub operation: EventId,
    /// Who signed it.
    pub author: AccountId,
    /// When, as the author's clock said.
    pub time: UnixMs,
    /// What it is about.
    pub kind: AuditKind,
    /// Whom it is about; absent where it is about nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<AccountId>,
    /// What it does, as a sentence with names.
    pub what: String,
    /// Whether it has effect now.
    pub effective: bool,
    /// Why it was made, if the author said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// A channel with something unread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView {
    /// The community of the channel.
    pub community: CommunityId,
    /// The channel.
    pub channel: ChannelId,
    /// Its name.
    pub name: String,
    /// Messages that arrived since the last one marked read.
    pub unread: u32,
    /// How many of them name this account.
    pub mentions: u32,
}

/// A member seen online.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceView {
    /// The account.
    pub account: AccountId,
    /// Its display name.
    pub name: String,
    /// How it wants to be seen.
    pub availability: Availability,
    /// Its status line; empty when there is none.
    pub status: String,
}
