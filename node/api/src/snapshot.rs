//! The state that faces show: immutable, shared by `Arc`, replaced part by part.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, CommunityId};
use serde::{Deserialize, Serialize};

use crate::reply::{ChannelView, MemberView, MessageView, RoleView};

/// Everything that a face may show at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Rises with every change.
    pub version: u64,
    /// The acting account.
    pub account: Option<AccountId>,
    /// Its display name.
    pub name: String,
    /// Communities, by id.
    pub communities: BTreeMap<CommunityId, Arc<CommunitySnapshot>>,
    /// Watched windows, by channel.
    pub windows: BTreeMap<ChannelId, Arc<WindowSnapshot>>,
    /// Connected peers that are co-members.
    pub peers: u32,
}

/// One community.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunitySnapshot {
    /// Its name; empty until the content has arrived.
    pub name: String,
    /// Its topic.
    pub topic: String,
    /// Channels that the account may view, in the order shown.
    pub channels: Vec<ChannelView>,
    /// Members, owners first, then by name.
    pub members: Vec<MemberView>,
    /// Roles, strongest first.
    pub roles: Vec<RoleView>,
    /// Names of the rights that the account holds in the community.
    pub rights: Vec<String>,
}

/// One watched window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowSnapshot {
    /// Oldest first.
    pub messages: Vec<MessageView>,
    /// Whether nothing older exists.
    pub at_start: bool,
    /// Whether every connected peer confirms that nothing is missing.
    pub complete: bool,
    /// The last message that was marked read.
    pub read: Option<alloquy_ids::EventId>,
    /// Accounts typing now.
    pub typing: Vec<AccountId>,
}
