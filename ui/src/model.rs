//! What the window shows: the node's snapshot and the little that the application adds.

use std::sync::Arc;

use alloquy_api::Snapshot;
use alloquy_api::personal::{ContactView, DeviceState, DirectKind, DirectView, LinkStep};
use alloquy_api::reply::{ChannelView, MemberView};
use alloquy_api::snapshot::{CommunitySnapshot, WindowSnapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId, UnixMs};
use jiff::tz::TimeZone;

use crate::irc::IrcDoor;
use crate::voice::SoundView;

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
    /// Microphone and loudspeakers of this computer; `None`: the application has no audio engine for the node.
    pub sound: Option<Arc<SoundView>>,
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
    /// An account that is already somewhere comes to this computer.
    Returning {
        /// How.
        by: Return,
        /// How far that is.
        step: LinkStep,
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

/// How an account comes to a computer that does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Another device of it hands it over.
    Link,
    /// Its recovery words bring it back.
    Words,
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
    /// The desktop shows a sign of the program while its window is closed.
    pub tray: bool,
    /// The door for IRC clients; `None`: the node runs elsewhere, or in memory.
    pub irc: Option<IrcDoor>,
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

    /// Communities that stand in the rail, in its order: conversations have a list of their own.
    #[must_use]
    pub fn rail(&self) -> Vec<CommunityId> {
        let communities = self.snapshot.communities.iter();
        let rail = communities.filter(|(_, community)| community.direct.is_none());
        rail.map(|(id, _)| *id).collect()
    }

    /// What conversation something is; `None`: a community, or nothing that is known.
    #[must_use]
    pub fn kind(&self, id: CommunityId) -> Option<DirectKind> {
        let community = self.community(id).and_then(|community| community.direct);
        community.or_else(|| self.direct(id).map(|view| view.kind))
    }

    /// A conversation.
    #[must_use]
    pub fn direct(&self, id: CommunityId) -> Option<&DirectView> {
        let mut directs = self.snapshot.directs.iter();
        directs.find(|view| view.community == id)
    }

    /// The direct messages with somebody, if there are any yet.
    #[must_use]
    pub fn direct_with(&self, account: AccountId) -> Option<&DirectView> {
        let mut directs = self.snapshot.directs.iter();
        directs.find(|view| view.kind == DirectKind::Two && view.accounts == [account])
    }

    /// A contact.
    #[must_use]
    pub fn contact(&self, account: AccountId) -> Option<&ContactView> {
        let mut contacts = self.snapshot.contacts.iter();
        contacts.find(|view| view.account == account)
    }

    /// The name of somebody, wherever it is known from; its short id when it is not.
    #[must_use]
    pub fn name_of(&self, account: AccountId) -> String {
        if let Some(contact) = self.contact(account).filter(|of| !of.name.is_empty()) {
            return crate::text::name(&contact.name);
        }
        let mut communities = self.snapshot.communities.keys();
        let member = communities.find_map(|id| self.member(*id, account));
        match member
            .map(|member| &member.name)
            .filter(|name| !name.is_empty())
        {
            Some(name) => crate::text::name(name),
            None => match self.direct_with(account) {
                Some(view) if !view.name.is_empty() => crate::text::name(&view.name),
                _ => account.short(),
            },
        }
    }

    /// Whether a device of somebody is known to be connected.
    #[must_use]
    pub fn is_online(&self, account: AccountId) -> bool {
        let contact = self.contact(account).is_some_and(|contact| contact.online);
        let direct = || self.direct_with(account).is_some_and(|view| view.online);
        let mut members = self.snapshot.communities.keys();
        contact
            || direct()
            || members.any(|id| self.member(*id, account).is_some_and(|of| of.online))
    }

    /// Whether the safety words of somebody were compared.
    #[must_use]
    pub fn is_verified(&self, account: AccountId) -> bool {
        let contact = self.contact(account).is_some_and(|of| of.verified);
        contact || self.direct_with(account).is_some_and(|of| of.verified)
    }

    /// Whether somebody is blocked.
    #[must_use]
    pub fn is_blocked(&self, account: AccountId) -> bool {
        let contact = self.contact(account).is_some_and(|of| of.blocked);
        contact || self.direct_with(account).is_some_and(|of| of.blocked)
    }

    /// Why this device may not write for its account; `None`: it may.
    #[must_use]
    pub fn stopped(&self) -> Option<DeviceState> {
        let mut devices = self.snapshot.devices.iter();
        let this = devices.find(|device| device.this)?;
        (this.state != DeviceState::Active).then_some(this.state)
    }

    /// The acting account; all zero before there is one.
    #[must_use]
    pub fn me(&self) -> AccountId {
        self.snapshot.account.unwrap_or(AccountId::ZERO)
    }
}
