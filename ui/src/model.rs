//! What the window shows: the node's snapshot and the little that the application adds.

use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::reply::{ChannelView, MemberView};
use alloquy_api::snapshot::{CommunitySnapshot, WindowSnapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, UnixMs};
use jiff::tz::TimeZone;

/// Everything that views read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Model {
    /// What the node says.
    pub snapshot: Arc<Snapshot>,
    /// How far the application is.
    pub phase: Phase,
    /// The present, for dates and for whatever lapses.
    pub clock: Clock,
    /// Facts for the settings page.
    pub about: Arc<About>,
}

/// How far the application is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The store is being opened.
    #[default]
    Starting,
    /// The data directory holds no account.
    FirstRun {
        /// A name to offer, such as that of the system's account.
        suggested_name: String,
        /// Why the account could not be made, after a try.
        error: Option<String>,
        /// The account is being made.
        busy: bool,
    },
    /// The store is sealed by a passphrase.
    Locked {
        /// The last one was wrong.
        wrong: bool,
    },
    /// The node serves.
    Running,
    /// The node has ended, or could not start. What is on the screen stays, and nothing typed is lost.
    Failed(Failure),
}

/// What went wrong with the node, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, as one sentence.
    pub what: String,
    /// What to do about it, as one sentence.
    pub remedy: String,
    /// Whether starting again may help.
    pub may_restart: bool,
}

/// The present and the place on earth.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Milliseconds UTC.
    pub now: UnixMs,
    /// The person's time zone.
    pub zone: TimeZone,
}

/// Facts about the program and its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Version of the program.
    pub version: String,
    /// The data directory.
    pub data_dir: String,
    /// Size of the store in bytes, when last looked at.
    pub store_bytes: u64,
    /// What seals the store, in plain words.
    pub sealed_by: String,
    /// The node runs in another process.
    pub attached: bool,
}

impl Model {
    /// A community, by id.
    #[must_use]
    pub fn community(&self, id: CommunityId) -> Option<&CommunitySnapshot> {
        self.snapshot.communities.get(&id).map(Arc::as_ref)
    }

    /// A channel of a community.
    #[must_use]
    pub fn channel(&self, community: CommunityId, channel: ChannelId) -> Option<&ChannelView> {
        let channels = &self.community(community)?.channels;
        channels.iter().find(|view| view.channel == channel)
    }

    /// The community that a channel belongs to.
    #[must_use]
    pub fn community_of(&self, channel: ChannelId) -> Option<CommunityId> {
        let holds = |views: &[ChannelView]| views.iter().any(|view| view.channel == channel);
        let mut communities = self.snapshot.communities.iter();
        communities
            .find(|(_, community)| holds(&community.channels))
            .map(|(id, _)| *id)
    }

    /// A member of a community.
    #[must_use]
    pub fn member(&self, community: CommunityId, account: AccountId) -> Option<&MemberView> {
        let members = &self.community(community)?.members;
        members.iter().find(|view| view.account == account)
    }

    /// The watched window of a channel.
    #[must_use]
    pub fn window(&self, channel: ChannelId) -> Option<&WindowSnapshot> {
        self.snapshot.windows.get(&channel).map(Arc::as_ref)
    }

    /// The acting account; all zero before there is one.
    #[must_use]
    pub fn me(&self) -> AccountId {
        self.snapshot.account.unwrap_or(AccountId::ZERO)
    }
}
