//! What a command gives back. Serialised untagged: the JSON shapes of docs/cli.md.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, InviteId, RoleId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::{Availability, ChannelKind};

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

impl CommandError {
    /// An error of `code` with its sentence.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The outcome of a command that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reply {
    /// `create-channel`, `create-category`
    Channel { channel: ChannelId },
    /// `invite`
    Invite { invite: String, id: InviteId },
    /// `send`, `reply`, `thread`
    Message { message: EventId },
    /// `history`
    History { messages: Vec<MessageView>, complete: bool, complete_since: Option<UnixMs> },
    /// `members`
    Members { members: Vec<MemberView> },
    /// `channels`
    Channels { channels: Vec<ChannelView> },
    /// `communities`
    Communities { communities: Vec<CommunityView> },
    /// `invites`
    Invites { invites: Vec<InviteView> },
    /// `roles`
    Roles { roles: Vec<RoleView> },
    /// `role create`
    Role { role: RoleId },
    /// `audit`
    Audit { operations: Vec<AuditView> },
    /// `why`
    Why { granted: bool, because: Vec<String>, operations: Vec<EventId> },
    /// `unread`
    Unread { channels: Vec<UnreadView> },
    /// `presence`
    Presence { online: Vec<PresenceView> },
    /// `note`
    Note { note: String },
    /// `rekey`
    Epoch { epoch: EventId },
    /// Moderation and everything else that is an operation of its own.
    Operation { operation: EventId },
    /// `owner add|remove`: `enacted` false while more votes are needed.
    Vote { enacted: bool, votes: u32, needed: u32 },
    /// `create-community`, `join`
    Community { community: CommunityId },
    /// `mark-read`, `typing`, `profile`, `watch`, ..
    Ok { ok: bool },
}

/// A message as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: EventId,
    pub author: AccountId,
    /// Empty when deleted; `null` never.
    pub text: String,
    /// Milliseconds UTC as the author's clock said, clamped to this node's.
    pub time: UnixMs,
    pub edited: bool,
    pub deleted: bool,
    pub reply_to: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<EventId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The text can not be read yet: its key or body is waited for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// First seen over 10 minutes after its claimed time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arrived_later: bool,
    pub reactions: Vec<ReactionView>,
    pub delivery: DeliveryView,
}

/// One emoji on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionView { pub emoji: String, pub accounts: Vec<AccountId> }

/// Where an own message has got to; other people's are `delivered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    pub state: DeliveryState,
    /// Other devices known to hold it.
    pub holders: u32,
}

/// Steps of delivery, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Not durable here yet.
    Pending,
    /// Durable here.
    Stored,
    /// Durable on another device that can not show it to a reader.
    Held,
    /// On a device of another member who may read it.
    Delivered,
    /// A reader has marked it read.
    Read,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView { pub account: AccountId, pub name: String, pub roles: Vec<String>, pub online: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")] pub owner: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub about: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub status: Option<String>,
    /// Two copies of one of the member's devices are writing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")] pub forked: bool }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView { pub channel: ChannelId, pub kind: ChannelKind, pub name: String, pub topic: String, pub category: Option<ChannelId>, pub position: i64, pub private: bool, pub unread: u32, pub slow_mode_ms: u32 }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunityView { pub community: CommunityId, pub name: String, pub topic: String, pub members: u32, pub online: u32 }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteView { pub id: InviteId, pub creator: AccountId, pub uses: Option<u32>, pub used: u32, pub expires: Option<UnixMs>, pub revoked: bool }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleView { pub role: RoleId, pub name: String, pub rank: u32, pub allow: Vec<String> }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView { pub operation: EventId, pub author: AccountId, pub time: UnixMs, pub what: String, pub effective: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")] pub reason: Option<String>,
    /// Why it is not effective.
    #[serde(default, skip_serializing_if = "Option::is_none")] pub because: Option<String> }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView { pub community: CommunityId, pub channel: ChannelId, pub name: String, pub unread: u32, pub mentions: u32 }
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceView { pub account: AccountId, pub name: String, pub availability: Availability, pub status: String }
