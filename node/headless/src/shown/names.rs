//! Names for ids, as the node's snapshot had them.

use std::collections::BTreeMap;

use alloquy_api::{Event, Snapshot};
use alloquy_ids::{AccountId, ChannelId, CommunityId};

use super::one_line;

/// Names of accounts, channels and communities; what is missing is shown by the start of its id.
#[derive(Debug)]
pub(crate) struct Names {
    accounts: BTreeMap<AccountId, String>,
    channels: BTreeMap<ChannelId, String>,
    communities: BTreeMap<CommunityId, String>,
}

impl Names {
    /// Those that a snapshot holds.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut names = Self {
            accounts: BTreeMap::new(),
            channels: BTreeMap::new(),
            communities: BTreeMap::new(),
        };
        for (id, community) in &snapshot.communities {
            names.communities.insert(*id, one_line(&community.name));
            for member in community
                .members
                .iter()
                .filter(|member| !member.name.is_empty())
            {
                names
                    .accounts
                    .insert(member.account, one_line(&member.name));
            }
            for channel in community.channels.iter() {
                names.channels.insert(
                    channel.channel,
                    format!("{}/{}", one_line(&community.name), one_line(&channel.name)),
                );
            }
        }
        if let Some(own) = snapshot.account.filter(|_| !snapshot.name.is_empty()) {
            names.accounts.insert(own, one_line(&snapshot.name));
        }
        names
    }

    /// Whether what an event is about has its name here.
    pub(crate) fn knows(&self, event: &Event) -> bool {
        match event {
            Event::MessageAdded {
                channel, message, ..
            }
            | Event::MessageChanged {
                channel, message, ..
            } => self.channels.contains_key(channel) && self.accounts.contains_key(&message.author),
            Event::Typing {
                channel, account, ..
            } => self.channels.contains_key(channel) && self.accounts.contains_key(account),
            Event::PresenceChanged { account, .. } | Event::PeerChanged { account, .. } => {
                self.accounts.contains_key(account)
            }
            // These say themselves that names have changed.
            Event::CommunityChanged { .. } | Event::MemberAdded { .. } => false,
            _ => true,
        }
    }

    pub(crate) fn account(&self, id: AccountId) -> String {
        self.accounts
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.short())
    }

    pub(crate) fn channel(&self, id: ChannelId) -> String {
        self.channels
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.short())
    }

    pub(crate) fn community(&self, id: CommunityId) -> String {
        self.communities
            .get(&id)
            .filter(|name| !name.is_empty())
            .cloned()
            .unwrap_or_else(|| id.short())
    }
}
