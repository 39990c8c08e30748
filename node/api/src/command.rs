//! Everything a person can ask for, as one closed enum of plain data.
//!
//! Names are resolved by the node when the command is handled, because only it knows them: a
//! [`CommunityRef`] is a name or an id, a [`ChannelRef`] an id or `community/channel`.

use alloquy_ids::{EventId, InviteId};
use serde::{Deserialize, Serialize};

/// Number of a command of one client, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// A community's name or id, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommunityRef(pub String);

/// A channel's id or `community/channel`, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelRef(pub String);

/// A role's name or id, as typed; `everyone` is every member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoleRef(pub String);

/// An account's id or the display name of a member, as typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountRef(pub String);

/// What a channel is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// Messages.
    Text,
    /// Voice with a text chat.
    Voice,
    /// A heading over other channels (made by `create-category`).
    Category,
}

/// How a person wants to be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// Here.
    #[default]
    Online,
    /// Away from the keyboard.
    Idle,
    /// Do not disturb.
    Dnd,
    /// Connected, and nobody is told.
    Invisible,
}

/// One order to the node. `docs/cli.md` gives the text line and the reply of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// `create-community NAME`
    CreateCommunity { name: String },
    /// `communities`
    Communities,
    /// `create-channel COMMUNITY text|voice NAME [--private] [--category NAME]`
    CreateChannel {
        community: CommunityRef,
        kind: ChannelKind,
        name: String,
        private: bool,
        category: Option<String>,
    },
    /// `create-category COMMUNITY NAME`
    CreateCategory {
        community: CommunityRef,
        name: String,
    },
    /// `delete-channel CHANNEL`
    DeleteChannel { channel: ChannelRef },
    /// `channels COMMUNITY`
    Channels { community: CommunityRef },
    /// `rename COMMUNITY|CHANNEL NAME`
    Rename { target: String, name: String },
    /// `topic COMMUNITY|CHANNEL "TEXT"` (empty text clears)
    Topic { target: String, text: String },
    /// `icon COMMUNITY BASE64|none`
    Icon {
        community: CommunityRef,
        image: Option<String>,
    },
    /// `move-channel CHANNEL POSITION [--category NAME|none]`
    MoveChannel {
        channel: ChannelRef,
        position: u32,
        category: Option<String>,
    },
    /// `invite COMMUNITY [--uses N] [--expires 1h]`
    Invite {
        community: CommunityRef,
        uses: Option<u32>,
        expires_ms: Option<u64>,
    },
    /// `invites COMMUNITY`
    Invites { community: CommunityRef },
    /// `revoke-invite COMMUNITY INVITE`
    RevokeInvite {
        community: CommunityRef,
        invite: InviteId,
    },
    /// `join LINK`
    Join { link: String },
    /// `leave COMMUNITY`
    Leave { community: CommunityRef },
    /// `send CHANNEL "TEXT"`
    Send { channel: ChannelRef, text: String },
    /// `reply MESSAGE "TEXT"`
    Reply { message: EventId, text: String },
    /// `thread MESSAGE "TEXT"`: writes into the thread that hangs on the message
    Thread { message: EventId, text: String },
    /// `edit MESSAGE "TEXT"`
    Edit { message: EventId, text: String },
    /// `delete MESSAGE`
    Delete { message: EventId },
    /// `react MESSAGE EMOJI`
    React { message: EventId, emoji: String },
    /// `unreact MESSAGE EMOJI`
    Unreact { message: EventId, emoji: String },
    /// `pin MESSAGE`
    Pin { message: EventId },
    /// `unpin MESSAGE`
    Unpin { message: EventId },
    /// `note COMMUNITY` shows the shared note; `note COMMUNITY AT REMOVE "INSERT"` changes it
    Note {
        community: CommunityRef,
        splice: Option<NoteSplice>,
    },
    /// `history CHANNEL [--last N] [--before ID] [--thread ID]`
    History {
        channel: ChannelRef,
        last: u32,
        before: Option<EventId>,
        thread: Option<EventId>,
    },
    /// `members COMMUNITY`
    Members { community: CommunityRef },
    /// `profile name|about|status "TEXT"` or `profile online|idle|dnd|invisible`
    Profile { change: ProfileChange },
    /// `role create COMMUNITY NAME --rank N [--allow a,b]`
    RoleCreate {
        community: CommunityRef,
        name: String,
        rank: u32,
        allow: Vec<String>,
    },
    /// `role edit COMMUNITY ROLE [--name NAME] [--rank N] [--allow a,b]`
    RoleEdit {
        community: CommunityRef,
        role: RoleRef,
        name: Option<String>,
        rank: Option<u32>,
        allow: Option<Vec<String>>,
    },
    /// `role delete COMMUNITY ROLE`
    RoleDelete {
        community: CommunityRef,
        role: RoleRef,
    },
    /// `role grant COMMUNITY ROLE ACCOUNT`
    RoleGrant {
        community: CommunityRef,
        role: RoleRef,
        account: AccountRef,
    },
    /// `role revoke COMMUNITY ROLE ACCOUNT`
    RoleRevoke {
        community: CommunityRef,
        role: RoleRef,
        account: AccountRef,
    },
    /// `roles COMMUNITY`
    Roles { community: CommunityRef },
    /// `overwrite CHANNEL role|member TARGET [--allow a,b] [--deny a,b]`
    Overwrite {
        channel: ChannelRef,
        target: OverwriteRef,
        allow: Vec<String>,
        deny: Vec<String>,
    },
    /// `kick COMMUNITY ACCOUNT ["REASON"]`
    Kick {
        community: CommunityRef,
        account: AccountRef,
        reason: Option<String>,
    },
    /// `ban COMMUNITY ACCOUNT ["REASON"]`
    Ban {
        community: CommunityRef,
        account: AccountRef,
        reason: Option<String>,
    },
    /// `unban COMMUNITY ACCOUNT ["REASON"]`
    Unban {
        community: CommunityRef,
        account: AccountRef,
        reason: Option<String>,
    },
    /// `timeout COMMUNITY ACCOUNT 10m ["REASON"]`
    Timeout {
        community: CommunityRef,
        account: AccountRef,
        duration_ms: u64,
        reason: Option<String>,
    },
    /// `slow-mode CHANNEL 10s|off`
    SlowMode {
        channel: ChannelRef,
        interval_ms: u64,
    },
    /// `owner add COMMUNITY ACCOUNT`
    OwnerAdd {
        community: CommunityRef,
        account: AccountRef,
    },
    /// `owner remove COMMUNITY ACCOUNT`
    OwnerRemove {
        community: CommunityRef,
        account: AccountRef,
    },
    /// `reaffirm COMMUNITY OPERATION..`
    Reaffirm {
        community: CommunityRef,
        operations: Vec<EventId>,
    },
    /// `accept-late COMMUNITY MESSAGE..`
    AcceptLate {
        community: CommunityRef,
        messages: Vec<EventId>,
    },
    /// `purge COMMUNITY MESSAGE..`
    Purge {
        community: CommunityRef,
        messages: Vec<EventId>,
    },
    /// `audit COMMUNITY [--last N]`
    Audit { community: CommunityRef, last: u32 },
    /// `why COMMUNITY ACCOUNT RIGHT [--channel CHANNEL]`
    Why {
        community: CommunityRef,
        account: AccountRef,
        right: String,
        channel: Option<ChannelRef>,
    },
    /// `mark-read CHANNEL [MESSAGE]`
    MarkRead {
        channel: ChannelRef,
        message: Option<EventId>,
    },
    /// `unread [COMMUNITY]`
    Unread { community: Option<CommunityRef> },
    /// `typing CHANNEL`
    Typing { channel: ChannelRef },
    /// `presence COMMUNITY`
    Presence { community: CommunityRef },
    /// `rekey COMMUNITY|CHANNEL`
    Rekey { target: String },
    /// Shows a window of a channel in the snapshot from now on (no line: faces only).
    Watch { window: Window },
    /// Stops showing it (no line: faces only).
    Unwatch { channel: alloquy_ids::ChannelId },
}

/// Whom an overwrite is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverwriteRef {
    /// Holders of a role.
    Role(RoleRef),
    /// One member.
    Member(AccountRef),
}

/// A change of the shared note; positions in Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteSplice {
    /// Where.
    pub at: u32,
    /// How many scalar values go.
    pub remove: u32,
    /// What comes in their place.
    pub insert: String,
}

/// A change of one's own profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileChange {
    /// Display name.
    Name(String),
    /// About text.
    About(String),
    /// A line shown beside the name.
    Status(String),
    /// Availability.
    Availability(Availability),
}

/// The part of a channel that a face shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The channel.
    pub channel: alloquy_ids::ChannelId,
    /// The newest message shown is the one before this; `None`: the end, following what arrives.
    pub before: Option<EventId>,
    /// How many messages.
    pub limit: u32,
}
