//! What concerns one account alone: its devices, contacts, direct messages and home nodes.
//!
//! Orders, what they give back, and what a face shows of it in the snapshot.

use alloquy_ids::{AccountId, ChannelId, CommunityId, DeviceId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::{AccountRef, CommunityRef};

/// One order about what concerns this account alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "personal", rename_all = "kebab-case")]
pub enum PersonalCommand {
    /// `devices`
    Devices,
    /// `device link`: shows a code by which another device becomes one of this account
    DeviceLink,
    /// `device name DEVICE NAME`
    DeviceName {
        /// A device's id, or the name that it was given.
        device: String,
        /// The name.
        name: String,
    },
    /// `device revoke DEVICE`
    DeviceRevoke {
        /// A device's id, or the name that it was given.
        device: String,
    },
    /// `recovery replace`: makes new recovery words; the old ones end
    RecoveryReplace,
    /// `recovery check "WORDS"`: whether these are the account's recovery words
    RecoveryCheck {
        /// Twelve words.
        words: String,
    },
    /// `account close NAME`: ends the account on all its devices; the recovery words alone open it again
    AccountClose {
        /// The account's display name, typed again.
        name: String,
    },
    /// `contact link`: a link by which others write to this account
    ContactLink,
    /// `contact add LINK`
    ContactAdd {
        /// The link, as given: `alloquy://contact/...`.
        link: String,
    },
    /// `contact remove ACCOUNT`
    ContactRemove {
        /// The account.
        account: AccountRef,
    },
    /// `contacts`
    Contacts,
    /// `dm ACCOUNT`: opens the direct messages with somebody
    Dm {
        /// A contact's or co-member's name, or an account's id.
        account: AccountRef,
    },
    /// `dm requests`
    DmRequests,
    /// `dm accept ACCOUNT`
    DmAccept {
        /// Who asks.
        account: AccountRef,
    },
    /// `dm decline ACCOUNT`
    DmDecline {
        /// Who asks.
        account: AccountRef,
    },
    /// `block ACCOUNT`
    Block {
        /// The account.
        account: AccountRef,
    },
    /// `unblock ACCOUNT`
    Unblock {
        /// The account.
        account: AccountRef,
    },
    /// `verify ACCOUNT [--confirmed]`
    Verify {
        /// The account.
        account: AccountRef,
        /// Whether both have compared the words and found them equal.
        confirmed: bool,
    },
    /// `group create NAME ACCOUNT..`
    GroupCreate {
        /// The name.
        name: String,
        /// Who is in it besides oneself.
        accounts: Vec<AccountRef>,
    },
    /// `group add GROUP ACCOUNT`
    GroupAdd {
        /// The group.
        group: CommunityRef,
        /// Who comes in.
        account: AccountRef,
    },
    /// `group remove GROUP ACCOUNT`
    GroupRemove {
        /// The group.
        group: CommunityRef,
        /// Who goes.
        account: AccountRef,
    },
    /// `receipts on|off`: whether others learn that this account has read their messages
    Receipts {
        /// `on` or `off`.
        receipts: OnOff,
    },
    /// `router on|off`: whether this device's node asks the router to let connections in (UPnP)
    Router {
        /// `on` or `off`.
        router: OnOff,
    },
    /// `home`: this account's home nodes
    Homes,
    /// `home pair CODE`: makes a node that shows this code a home node of this account
    HomePair {
        /// The code, or the link that the node shows.
        code: String,
    },
    /// `home remove DEVICE`
    HomeRemove {
        /// The home node's id or name.
        device: String,
    },
    /// `home store COMMUNITY on|off`: whether home nodes keep a community
    HomeStore {
        /// The community.
        community: CommunityRef,
        /// `on` or `off`.
        store: OnOff,
    },
    /// `home limit COMMUNITY [--size MIB] [--days N]`: how much of a community home nodes keep for this account
    HomeLimit {
        /// The community or conversation.
        community: CommunityRef,
        /// The most that is kept, in MiB; absent: as much as there is room for.
        mib: Option<u32>,
        /// Days after which messages go there; absent: never.
        days: Option<u32>,
    },
    /// `home code`: on a home node, shows a new code to pair with
    HomeCode,
    /// `home status`: on a home node, what it keeps and for whom
    HomeStatus,
}

/// A switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnOff {
    /// On.
    On,
    /// Off.
    Off,
}

/// A device of this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// The device.
    pub device: DeviceId,
    /// The name that it was given; empty when none.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
    /// When it was added, as the clock of the device that added it said.
    pub since: UnixMs,
    /// Whether it is connected now.
    pub connected: bool,
    /// Whether it may act.
    pub state: DeviceState,
}

/// Whether a device may act for its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceState {
    /// It may.
    Active,
    /// Two devices have revoked each other: the recovery words decide.
    Suspended,
    /// It was revoked.
    Revoked,
    /// The account was closed.
    Closed,
}

/// How far a device is with what its account has on others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchingUpView {
    /// Communities and conversations of which everything is here that connected peers hold.
    pub here: u32,
    /// All that are known.
    pub of: u32,
}

/// How linking goes on, for the device that shows the code and the one that enters it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkingView {
    /// What is paired: a device or a home node.
    pub what: Linking,
    /// The code to type, as words; absent on the side that entered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same as a link, for a QR code, with addresses; absent on the side that entered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When the code ends.
    pub until: UnixMs,
    /// How far it is.
    pub step: LinkStep,
}

/// What is paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Linking {
    /// A device of the account.
    Device,
    /// A home node.
    Home,
}

/// How far a pairing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkStep {
    /// The code waits for somebody to enter it.
    Waiting,
    /// The other side was found.
    Talking,
    /// It is done.
    Done,
    /// It failed: why, as a sentence.
    Failed(String),
}

/// Somebody whom this account knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactView {
    /// The account.
    pub account: AccountId,
    /// Its name.
    pub name: String,
    /// Whether the safety words were compared.
    pub verified: bool,
    /// Whether it is blocked.
    pub blocked: bool,
    /// Whether a device of it is known to be connected.
    pub online: bool,
}

/// Somebody whom this account does not know wants to write to it, or to have it in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DmRequestView {
    /// Who asks.
    pub account: AccountId,
    /// Its name, as it says itself.
    pub name: String,
    /// The first message, at most 256 bytes; empty when there is none.
    pub text: String,
    /// When it came.
    pub time: UnixMs,
    /// A community that both are in; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community: Option<CommunityId>,
    /// The group that it wants to have this account in; absent for a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<CommunityId>,
}

/// Direct messages, a group or the notes to oneself, as faces list them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectView {
    /// The conversation: its part of the snapshot stands in `communities` too.
    pub community: CommunityId,
    /// Its channel.
    pub channel: ChannelId,
    /// What it is.
    pub kind: DirectKind,
    /// The other's name, the group's name, or empty for the own notes.
    pub name: String,
    /// Everybody in it but this account.
    pub accounts: Vec<AccountId>,
    /// Messages that arrived since the last one marked read.
    pub unread: u32,
    /// How many of them name this account.
    pub mentions: u32,
    /// When the newest message was written; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<UnixMs>,
    /// The first line of the newest message; empty when there is none or it can not be read yet.
    pub preview: String,
    /// Whether a device of one of the others is known to be connected.
    pub online: bool,
    /// Whether the safety words were compared; only for two people.
    pub verified: bool,
    /// Whether the other is blocked.
    pub blocked: bool,
}

/// What a conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectKind {
    /// Notes to oneself, on all own devices.
    Notes,
    /// Two people.
    Two,
    /// A group.
    Group,
}

/// A home node of this account, as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeView {
    /// The home node.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Whether it is connected now.
    pub connected: bool,
    /// When it last was; absent when never since it was paired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<UnixMs>,
    /// Bytes that it keeps, as it says; absent before it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The most that it keeps, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<u64>,
    /// Communities and conversations that it keeps for this account.
    pub keeps: Vec<CommunityId>,
    /// Events held here of what it is to keep and, as it says, not there yet; absent before it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
}

/// What a home node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeStatusView {
    /// The home node.
    pub device: DeviceId,
    /// Its owner; absent before it is paired.
    pub owner: Option<AccountId>,
    /// Bytes that it keeps.
    pub bytes: u64,
    /// The most that it keeps.
    pub quota: u64,
    /// Connected peers.
    pub peers: u32,
    /// Letters that wait for those whom it serves.
    #[serde(default)]
    pub letters: u32,
    /// What it keeps, most bytes first.
    pub keeps: Vec<KeptView>,
}

/// What a home node keeps of one community. It knows ids and sizes, no names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptView {
    /// The community or conversation.
    pub community: CommunityId,
    /// For whom.
    pub accounts: Vec<AccountId>,
    /// Events that it holds.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// How far it is behind the connected member that holds most, in events; absent when none is connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// The most bytes that are kept of it; absent: as much as there is room for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Days after which messages go; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// When somebody else was last found to hold all of it; absent when nobody was since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backed: Option<UnixMs>,
    /// Events that came since then, which nobody else may hold.
    #[serde(default)]
    pub alone: u64,
}
