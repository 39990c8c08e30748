//! Everything a person can ask for, as one closed enum of plain data.
//!
//! Names are resolved by the node when the command is handled, because only it knows them: a
//! [`CommunityRef`] is a name or an id, a [`ChannelRef`] an id or `community/channel`.

use alloquy_ids::{EventId, InviteId};
use serde::{Deserialize, Serialize};

use crate::embed::Embed;
use crate::nearby::Announce;

/// Number of a command of one client, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// Begins the name of a kept draft: a channel's id follows, or its short form, `/` and the message that a thread
/// hangs on.
pub const DRAFT_PREFIX: &str = "draft/";

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
    /// Voice that a few speak and others hear, with a text chat.
    Stage,
}

/// Who may come into a community, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JoinRule {
    /// Whoever asks; a link works though its time or its uses are over.
    Open,
    /// Whoever has a link.
    #[default]
    Invite,
    /// Whoever asks and is admitted by a member with the right to invite.
    Approval,
}

/// What newcomers of a key scope may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HistoryRule {
    /// All that was written.
    #[default]
    All,
    /// What is written since they came.
    SinceJoin,
}

/// Who may post links in a community.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkRule {
    /// Whoever may write.
    #[default]
    Everyone,
    /// Members with a role.
    Roles,
    /// Who may delete others' messages.
    Moderators,
}

/// What happens with a message that holds a word of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordRule {
    /// It is not written, and not shown.
    Refuse,
    /// It is shown when a moderator has let it through.
    Hold,
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
    /// `create-community NAME [--template NAME]`
    CreateCommunity {
        /// The name.
        name: String,
        /// Name of the template whose channels and roles it starts with; `None`: an empty community.
        template: Option<String>,
    },
    /// `templates`
    Templates,
    /// `communities`
    Communities,
    /// `create-channel COMMUNITY text|voice|stage NAME [--private] [--category NAME]`
    CreateChannel {
        /// The community.
        community: CommunityRef,
        /// What the channel is for.
        kind: ChannelKind,
        /// The name.
        name: String,
        /// Whether only those with a grant may view it.
        private: bool,
        /// Name or id of the category that it stands under.
        category: Option<String>,
    },
    /// `create-category COMMUNITY NAME`
    CreateCategory {
        /// The community.
        community: CommunityRef,
        /// The name.
        name: String,
    },
    /// `delete-channel CHANNEL`
    DeleteChannel {
        /// The channel.
        channel: ChannelRef,
    },
    /// `channels COMMUNITY`
    Channels {
        /// The community.
        community: CommunityRef,
    },
    /// `rename COMMUNITY|CHANNEL NAME`
    Rename {
        /// A community or a channel, as typed.
        target: String,
        /// The name.
        name: String,
    },
    /// `topic COMMUNITY|CHANNEL "TEXT"` (empty text clears)
    Topic {
        /// A community or a channel, as typed.
        target: String,
        /// The text; empty clears.
        text: String,
    },
    /// `icon COMMUNITY BASE64|none`
    Icon {
        /// The community.
        community: CommunityRef,
        /// The picture (PNG or WebP) in base64; `None` removes it.
        image: Option<String>,
    },
    /// `move-channel CHANNEL POSITION [--category NAME|none]`
    MoveChannel {
        /// The channel.
        channel: ChannelRef,
        /// Its place among its neighbours, from 0.
        position: u32,
        /// Name or id of the category that it goes under; `none`: out of any; `None`: where it is.
        category: Option<String>,
    },
    /// `invite COMMUNITY [--uses N] [--expires 1h]`
    Invite {
        /// The community.
        community: CommunityRef,
        /// How many may join by it; `None`: any number.
        uses: Option<u32>,
        /// How long it is good for; `None`: for ever.
        expires_ms: Option<u64>,
    },
    /// `invites COMMUNITY`
    Invites {
        /// The community.
        community: CommunityRef,
    },
    /// `revoke-invite COMMUNITY INVITE`
    RevokeInvite {
        /// The community.
        community: CommunityRef,
        /// The invite.
        invite: InviteId,
    },
    /// `inspect-invite LINK`: what a link says, without contacting anybody
    InspectInvite {
        /// The link, as given: `alloquy://join/...`.
        link: String,
    },
    /// `nearby`
    Nearby,
    /// `nearby COMMUNITY on|off`: on this device only
    NearbyAnnounce {
        /// The community.
        community: CommunityRef,
        /// Whether the local network is told of it.
        announce: Announce,
    },
    /// `nearby join COMMUNITY`
    NearbyJoin {
        /// A community that somebody on the local network announces.
        community: CommunityRef,
    },
    /// `join LINK`
    Join {
        /// The link, as given: `alloquy://join/...`.
        link: String,
    },
    /// `leave COMMUNITY`
    Leave {
        /// The community.
        community: CommunityRef,
    },
    /// `send CHANNEL "TEXT" [--embed "URL TITLE"]`
    Send {
        /// The channel.
        channel: ChannelRef,
        /// The text.
        text: String,
        /// Previews of addresses, at most 3.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        embeds: Vec<Embed>,
    },
    /// `reply MESSAGE "TEXT" [--embed "URL TITLE"]`
    Reply {
        /// The message.
        message: EventId,
        /// The text.
        text: String,
        /// Previews of addresses, at most 3.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        embeds: Vec<Embed>,
    },
    /// `thread MESSAGE "TEXT" [--embed "URL TITLE"]`: writes into the thread that hangs on the message
    Thread {
        /// The message.
        message: EventId,
        /// The text.
        text: String,
        /// Previews of addresses, at most 3.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        embeds: Vec<Embed>,
    },
    /// `edit MESSAGE "TEXT"`
    Edit {
        /// The message.
        message: EventId,
        /// The text.
        text: String,
    },
    /// `delete MESSAGE`
    Delete {
        /// The message.
        message: EventId,
    },
    /// `react MESSAGE EMOJI`
    React {
        /// The message.
        message: EventId,
        /// The emoji, or the name of one.
        emoji: String,
    },
    /// `unreact MESSAGE EMOJI`
    Unreact {
        /// The message.
        message: EventId,
        /// The emoji, or the name of one.
        emoji: String,
    },
    /// `pin MESSAGE`
    Pin {
        /// The message.
        message: EventId,
    },
    /// `unpin MESSAGE`
    Unpin {
        /// The message.
        message: EventId,
    },
    /// `pins CHANNEL`
    Pins {
        /// The channel.
        channel: ChannelRef,
    },
    /// `note COMMUNITY` shows the shared note; `note COMMUNITY AT REMOVE "INSERT"` changes it
    Note {
        /// The community.
        community: CommunityRef,
        /// What changes; `None` only shows it.
        splice: Option<NoteSplice>,
    },
    /// `history CHANNEL [--last N] [--before ID] [--thread ID]`
    History {
        /// The channel.
        channel: ChannelRef,
        /// How many, the newest.
        last: u32,
        /// Only messages before this one.
        before: Option<EventId>,
        /// The thread on this message instead of the channel itself.
        thread: Option<EventId>,
    },
    /// `members COMMUNITY`
    Members {
        /// The community.
        community: CommunityRef,
    },
    /// `profile name|about|status "TEXT"` or `profile online|idle|dnd|invisible`
    Profile {
        /// What changes.
        change: ProfileChange,
    },
    /// `role create COMMUNITY NAME [--rank N] [--allow a,b]` (rank 1 when left out)
    RoleCreate {
        /// The community.
        community: CommunityRef,
        /// The name.
        name: String,
        /// How high it stands; greater is stronger.
        rank: u32,
        /// Names of the rights that are given.
        allow: Vec<String>,
    },
    /// `role edit COMMUNITY ROLE [--name NAME] [--rank N] [--allow a,b]`
    RoleEdit {
        /// The community.
        community: CommunityRef,
        /// The role.
        role: RoleRef,
        /// A new name; `None`: as it is.
        name: Option<String>,
        /// A new rank; `None`: as it is.
        rank: Option<u32>,
        /// All its rights from now on; `None`: as they are.
        allow: Option<Vec<String>>,
    },
    /// `role delete COMMUNITY ROLE`
    RoleDelete {
        /// The community.
        community: CommunityRef,
        /// The role.
        role: RoleRef,
    },
    /// `role grant COMMUNITY ROLE ACCOUNT`
    RoleGrant {
        /// The community.
        community: CommunityRef,
        /// The role.
        role: RoleRef,
        /// The account.
        account: AccountRef,
    },
    /// `role revoke COMMUNITY ROLE ACCOUNT`
    RoleRevoke {
        /// The community.
        community: CommunityRef,
        /// The role.
        role: RoleRef,
        /// The account.
        account: AccountRef,
    },
    /// `roles COMMUNITY`
    Roles {
        /// The community.
        community: CommunityRef,
    },
    /// `overwrite CHANNEL role|member TARGET [--allow a,b] [--deny a,b]`
    Overwrite {
        /// The channel.
        channel: ChannelRef,
        /// Whom it is for.
        target: OverwriteRef,
        /// Names of the rights that are given.
        allow: Vec<String>,
        /// Names of the rights that are taken.
        deny: Vec<String>,
    },
    /// `kick COMMUNITY ACCOUNT ["REASON"]`
    Kick {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
        /// Why, for the audit log.
        reason: Option<String>,
    },
    /// `ban COMMUNITY ACCOUNT ["REASON"]`
    Ban {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
        /// Why, for the audit log.
        reason: Option<String>,
    },
    /// `unban COMMUNITY ACCOUNT ["REASON"]`
    Unban {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
        /// Why, for the audit log.
        reason: Option<String>,
    },
    /// `timeout COMMUNITY ACCOUNT 10m ["REASON"]`
    Timeout {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
        /// How long.
        duration_ms: u64,
        /// Why, for the audit log.
        reason: Option<String>,
    },
    /// `slow-mode CHANNEL 10s|off`
    SlowMode {
        /// The channel.
        channel: ChannelRef,
        /// Shortest time between two messages of one member; 0 switches it off.
        interval_ms: u64,
    },
    /// `owner add COMMUNITY ACCOUNT`
    OwnerAdd {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
    },
    /// `owner remove COMMUNITY ACCOUNT`
    OwnerRemove {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
    },
    /// `reaffirm COMMUNITY OPERATION..`
    Reaffirm {
        /// The community.
        community: CommunityRef,
        /// The operations.
        operations: Vec<EventId>,
    },
    /// `accept-late COMMUNITY MESSAGE..`
    AcceptLate {
        /// The community.
        community: CommunityRef,
        /// The messages.
        messages: Vec<EventId>,
    },
    /// `purge COMMUNITY MESSAGE..`
    Purge {
        /// The community.
        community: CommunityRef,
        /// The messages.
        messages: Vec<EventId>,
    },
    /// `invite-tree COMMUNITY`
    InviteTree {
        /// The community.
        community: CommunityRef,
    },
    /// `remove-branch COMMUNITY ACCOUNT|INVITE ["REASON"] [--ban]`
    RemoveBranch {
        /// The community.
        community: CommunityRef,
        /// A member, or the id of an invite: everybody who came in below goes.
        branch: AccountRef,
        /// Why, for the audit log.
        reason: Option<String>,
        /// Whether they may not join again.
        ban: bool,
    },
    /// `undo COMMUNITY ACCOUNT|INVITE DURATION`
    Undo {
        /// The community.
        community: CommunityRef,
        /// A member, or the id of an invite: of everybody who came in below.
        branch: AccountRef,
        /// How far back.
        span_ms: u64,
    },
    /// `policy COMMUNITY`
    Policy {
        /// The community.
        community: CommunityRef,
    },
    /// `policy joins COMMUNITY open|invite|approval`
    PolicyJoins {
        /// The community.
        community: CommunityRef,
        /// Who may come in.
        rule: JoinRule,
    },
    /// `policy wait COMMUNITY DURATION|off`
    PolicyWait {
        /// The community.
        community: CommunityRef,
        /// How long a newcomer may not write; 0: not at all.
        wait_ms: u64,
    },
    /// `policy links COMMUNITY everyone|roles|moderators`
    PolicyLinks {
        /// The community.
        community: CommunityRef,
        /// Who may post them.
        rule: LinkRule,
    },
    /// `policy words COMMUNITY refuse|hold "WORDS"`
    PolicyWords {
        /// The community.
        community: CommunityRef,
        /// What happens with them.
        rule: WordRule,
        /// All words and phrases from now on, separated by commas; empty: none.
        words: String,
    },
    /// `policy raid COMMUNITY DURATION|off [--in-all N] [--by-invite N]`
    PolicyRaid {
        /// The community.
        community: CommunityRef,
        /// Within how long; 0 ends the limits.
        within_ms: u64,
        /// How many may come in; `None`: any number.
        in_all: Option<u32>,
        /// How many by one invite; `None`: any number.
        by_invite: Option<u32>,
    },
    /// `requests COMMUNITY`
    Requests {
        /// The community.
        community: CommunityRef,
    },
    /// `approve COMMUNITY ACCOUNT`
    Approve {
        /// The community.
        community: CommunityRef,
        /// Who asked.
        account: AccountRef,
    },
    /// `refuse COMMUNITY ACCOUNT`
    Refuse {
        /// The community.
        community: CommunityRef,
        /// Who asked.
        account: AccountRef,
    },
    /// `votes COMMUNITY`
    Votes {
        /// The community.
        community: CommunityRef,
    },
    /// `lost COMMUNITY`
    Lost {
        /// The community.
        community: CommunityRef,
    },
    /// `why-event EVENT`
    WhyEvent {
        /// A message or an operation.
        event: EventId,
    },
    /// `template save COMMUNITY NAME`
    TemplateSave {
        /// The community.
        community: CommunityRef,
        /// What the template is called.
        name: String,
    },
    /// `template delete NAME`
    TemplateDelete {
        /// The template.
        name: String,
    },
    /// `audit COMMUNITY [--last N]`
    Audit {
        /// The community.
        community: CommunityRef,
        /// How many, the newest.
        last: u32,
    },
    /// `why COMMUNITY ACCOUNT RIGHT [--channel CHANNEL]`
    Why {
        /// The community.
        community: CommunityRef,
        /// The account.
        account: AccountRef,
        /// The name of the right.
        right: String,
        /// In this channel; `None`: in the community as a whole.
        channel: Option<ChannelRef>,
    },
    /// `mark-read CHANNEL [MESSAGE]`
    MarkRead {
        /// The channel.
        channel: ChannelRef,
        /// The last message read; `None`: the newest.
        message: Option<EventId>,
    },
    /// `unread [COMMUNITY]`
    Unread {
        /// One community; `None`: all.
        community: Option<CommunityRef>,
    },
    /// `typing CHANNEL`
    Typing {
        /// The channel.
        channel: ChannelRef,
    },
    /// `presence COMMUNITY`
    Presence {
        /// The community.
        community: CommunityRef,
    },
    /// `rekey COMMUNITY|CHANNEL`
    Rekey {
        /// A community or a channel, as typed.
        target: String,
    },
    /// `history-policy COMMUNITY|CHANNEL all|since-join`
    HistoryPolicy {
        /// A private channel or a group, as typed.
        target: String,
        /// What newcomers may read.
        policy: HistoryRule,
    },
    /// `recovery show`: the recovery words, as long as they were not confirmed
    RecoveryShow,
    /// `recovery confirm NUMBER WORD NUMBER WORD NUMBER WORD`: wipes the words from the store when all are right
    RecoveryConfirm {
        /// Three different places, from 1, and the word at each.
        words: [(u8, String); 3],
    },
    /// What concerns this account alone: devices, contacts, direct messages, home nodes.
    Personal {
        /// The order.
        order: crate::personal::PersonalCommand,
    },
    /// What concerns voice.
    Voice {
        /// The order.
        order: crate::voice::VoiceCommand,
    },
    /// Keeps a text of a face (a draft, a setting, a place) in the sealed store (no line: faces only). A name of
    /// [`DRAFT_PREFIX`] and a channel goes with the channel's community when the account leaves that.
    Keep {
        /// What it is called.
        name: String,
        /// The text; empty removes it.
        value: String,
    },
    /// Reads a part of a channel's history, threads among it, deleted messages left out (no line: faces only). The reply
    /// is [`crate::Reply::History`]. Messages that wait for their text are among it and do not count; fewer others than
    /// asked for are the end.
    Page {
        /// The channel.
        channel: alloquy_ids::ChannelId,
        /// Which part.
        part: crate::pages::Part,
        /// How many messages, at most [`crate::limits::HISTORY_PAGE`].
        limit: u32,
    },
    /// Shows a window of a channel in the snapshot from now on (no line: faces only).
    Watch {
        /// What is shown.
        window: Window,
    },
    /// Stops showing it (no line: faces only).
    Unwatch {
        /// The channel.
        channel: alloquy_ids::ChannelId,
        /// The thread on this message instead of the channel itself.
        thread: Option<EventId>,
    },
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
    /// The thread on this message instead of the channel itself.
    pub thread: Option<EventId>,
    /// Which part.
    pub at: WindowAt,
    /// How many messages.
    pub limit: u32,
}

/// Where a window stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowAt {
    /// At the end, following what arrives.
    End,
    /// Half of it before this message and half from it on; the end when it is not known.
    Around(EventId),
}
