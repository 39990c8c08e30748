//! The state that faces show: immutable, shared by `Arc`, replaced part by part.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId, NetworkKey, UnixMs};
use serde::{Deserialize, Serialize};

use crate::command::Availability;
use crate::nearby::NearbyView;
use crate::personal::{
    CatchingUpView, ContactView, DeviceView, DirectKind, DirectView, DmRequestView, HomeView,
    LinkingView,
};
use crate::reach::{ReachView, Way};
use crate::reply::{
    AuditView, ChannelView, CommandError, Confirmed, MemberView, MessageView, PolicyView,
    ProposalView, RequestView, RestrictionView, RoleView, TemplateView,
};
use crate::voice::{CallView, VoiceMemberView};

/// Everything that a face may show at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Rises with every change.
    pub version: u64,
    /// The acting account.
    pub account: Option<AccountId>,
    /// Its display name.
    pub name: String,
    /// How it wants to be seen.
    pub availability: Availability,
    /// Communities, by id.
    pub communities: BTreeMap<CommunityId, Arc<CommunitySnapshot>>,
    /// Watched windows of channels, by channel.
    pub windows: BTreeMap<ChannelId, Arc<WindowSnapshot>>,
    /// Watched threads, by the message that they hang on.
    pub threads: BTreeMap<EventId, Arc<WindowSnapshot>>,
    /// Communities that a member must let this account into first, with the names that their links gave.
    pub requested: Arc<BTreeMap<CommunityId, String>>,
    /// Direct messages, groups and the own notes: the notes first, then newest first.
    pub directs: Arc<Vec<DirectView>>,
    /// Who wants to write to this account and is not known to it, oldest first.
    pub dm_requests: Arc<Vec<DmRequestView>>,
    /// Whom this account knows, by name.
    pub contacts: Arc<Vec<ContactView>>,
    /// Devices of the account, this one first.
    pub devices: Arc<Vec<DeviceView>>,
    /// Home nodes of the account, by name.
    pub homes: Arc<Vec<HomeView>>,
    /// A pairing under way, or the last one that ended.
    pub linking: Option<Arc<LinkingView>>,
    /// How far this device is with what its account has elsewhere; `None`: nothing is known to lack.
    pub catching_up: Option<CatchingUpView>,
    /// Whether others learn that this account has read their messages.
    pub receipts: bool,
    /// Whether the router is to be asked to let connections in, unless the node was started so that it never is.
    pub asks_router: bool,
    /// Communities that are announced on the local network and that this account is not in, by name.
    pub nearby: Arc<Vec<NearbyView>>,
    /// Connected peers that are co-members.
    pub peers: u32,
    /// Own messages that no other device is known to hold yet.
    pub waiting: u32,
    /// Paths to peers, as the shell knows them.
    pub connections: Arc<ConnectionsSnapshot>,
    /// What a community can be made from.
    pub templates: Arc<Vec<TemplateView>>,
    /// What faces keep in the sealed store, by name ([`crate::Command::Keep`]).
    pub kept: Arc<BTreeMap<String, Arc<str>>>,
    /// The recovery words are still in the store: they were not yet shown and asked back.
    pub recovery_pending: bool,
    /// The voice channel that this device is in. Statistics in it are those of its last other change; `voice stats`
    /// gives the present ones.
    pub call: Option<Arc<CallView>>,
    /// Why the store can not be written now.
    pub trouble: Option<CommandError>,
}

/// One community.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunitySnapshot {
    /// What conversation it is; `None`: a community.
    pub direct: Option<DirectKind>,
    /// Its name; empty until the content has arrived.
    pub name: String,
    /// Whether this node announces it on the local network.
    pub nearby: bool,
    /// Its topic.
    pub topic: String,
    /// Its icon: PNG or WebP of at most 32 KiB, as its header claims at most 512 x 512 pixels.
    pub icon: Option<Arc<[u8]>>,
    /// Channels that the account may view, in the order shown.
    pub channels: Arc<Vec<ChannelView>>,
    /// Who is in voice channels that the account may view, by name; channels with nobody are left out.
    pub voices: Arc<BTreeMap<ChannelId, Vec<VoiceMemberView>>>,
    /// Members, owners first, then by name.
    pub members: Arc<Vec<MemberView>>,
    /// Roles, strongest first.
    pub roles: Arc<Vec<RoleView>>,
    /// Names of the rights that the account holds in the community.
    pub rights: Vec<String>,
    /// Who is banned, by name.
    pub bans: Arc<Vec<RestrictionView>>,
    /// Whom a time-out keeps from writing, by name; some may be over by now.
    pub timeouts: Arc<Vec<RestrictionView>>,
    /// The community's rules.
    pub policy: Arc<PolicyView>,
    /// From when on this account may write, while it is new and the rules have it wait.
    pub writes_from: Option<UnixMs>,
    /// Who asks to be let in; empty for those who may not decide it.
    pub requests: Arc<Vec<RequestView>>,
    /// Proposed owner sets that lack votes; empty for those who are no owners.
    pub proposals: Arc<Vec<ProposalView>>,
    /// Own operations that lost their effect and that may be reaffirmed.
    pub lost: Arc<Vec<AuditView>>,
}

/// One watched window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSnapshot {
    /// Oldest first. Unchanged messages are shared with the snapshot before.
    pub messages: Vec<Arc<MessageView>>,
    /// Whether nothing older exists here.
    pub at_start: bool,
    /// Whether nothing newer exists here.
    pub at_end: bool,
    /// Whether every connected peer confirms that nothing is missing, or no other device ever was there.
    pub complete: bool,
    /// Since when peers say so; `None` while they do not.
    pub complete_since: Option<UnixMs>,
    /// How many say so.
    pub confirmed: Confirmed,
    /// The last message that was marked read.
    pub read: Option<EventId>,
    /// Accounts typing now, without this one.
    pub typing: Vec<AccountId>,
}

/// How this node reaches others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsSnapshot {
    /// Own addresses.
    pub listen: Vec<String>,
    /// Whether peers on the local network are looked for.
    pub local_discovery: bool,
    /// How this node is reached from outside.
    pub reach: ReachView,
    /// Peers that are connected, or were since the start; co-members first, then by name.
    pub peers: Vec<ConnectionView>,
}

/// One peer and the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// The peer.
    pub peer: NetworkKey,
    /// Whose it is, if it is a co-member's.
    pub account: Option<AccountId>,
    /// The display name of that account.
    pub name: Option<String>,
    /// The way that messages take now; `None`: not connected.
    pub path: Option<PathKind>,
    /// The remote address of that way.
    pub address: String,
    /// How that way came to be, and why there is no better one.
    pub way: Way,
    /// Round trip, milliseconds, as last measured.
    pub round_trip_ms: Option<u32>,
    /// When it was last connected.
    pub seen: UnixMs,
}

/// What lies between two peers, judged by the remote address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathKind {
    /// The same machine.
    Loopback,
    /// The same local network (private or link-local address).
    Local,
    /// Straight over the internet.
    Direct,
    /// Through a relay.
    Relayed,
}
