//! Communities that let the rendezvous in, which its accounts come into by the names of their channels.
//!
//! A community admits the bridge by a role with BRIDGE for the rendezvous' own account. From then on whoever has an
//! account here may `JOIN #community/channel`: the own node invites them, by its right to, and their own node joins. What
//! they may do there is the community's to say, as of every member; who is banned stays out.
//!
//! The first part of the name is given once for the whole rendezvous and stays: the own node keeps it, and each account's
//! node is told it before it joins.

use std::sync::Arc;

use alloquy_api::command::ChannelKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Client, Command, CommandError, ErrorCode, Snapshot};
use alloquy_ids::{AccountId, CommunityId};
use alloquy_irc::{ClientKey, names};
use alloquy_node::NodeHandle;

use crate::nodes::{ANSWER_WAIT, NodeError, Nodes};

/// The right that makes a community one of the rendezvous.
const BRIDGE: &str = "bridge";

/// Why an account does not come into a channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnterError {
    /// The same for what is not there and for what the account may not know of.
    #[error("No such channel")]
    Unknown,
    #[error("Communities need an account: register, or log in")]
    Guest,
    #[error("You are banned")]
    Banned,
    #[error("The community does not let the rendezvous invite: {0}")]
    Invite(CommandError),
    #[error(transparent)]
    Node(#[from] NodeError),
}

impl EnterError {
    /// The numeric that tells it.
    pub(crate) const fn numeric(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Node(_) => "403",
            Self::Guest => "477",
            Self::Banned => "474",
            Self::Invite(_) => "473",
        }
    }
}

impl Nodes {
    /// Makes an account a member of the community of a channel, `community/channel`, and returns when it sees that.
    pub(crate) async fn enter(&self, key: ClientKey, name: &str) -> Result<(), EnterError> {
        if self.number_of(key).is_none() {
            return Err(EnterError::Guest);
        }
        let (slug, channel) = name.split_once('/').ok_or(EnterError::Unknown)?;
        let mut handle = self.handle_of(key).await.ok_or(NodeError::Ending)?;
        let before = handle.snapshot();
        let account = before.account.ok_or(NodeError::Ending)?;
        let community = {
            // Two who come at once are given one name for one community.
            let _turn = self.naming.lock().await;
            self.admitted(slug, (account, channel)).await?
        };
        let clash =
            kept(&before).any(|(key, known)| known == slug && key != names::kept_slug(community));
        // A member who does not see the channel now may not see it.
        if clash || before.communities.contains_key(&community) {
            return Err(EnterError::Unknown);
        }
        let keep = Command::Keep {
            name: names::kept_slug(community),
            value: slug.to_owned(),
        };
        call(&mut handle, keep).await?;
        let link = match self.invite(community).await {
            Ok(link) => link,
            Err(NodeError::Command(error)) if error.code == ErrorCode::NotPermitted => {
                return Err(EnterError::Invite(error));
            }
            Err(error) => return Err(error.into()),
        };
        call(&mut handle, Command::Join { link }).await?;
        let seen = sees(&mut handle, community, channel);
        let seen = tokio::time::timeout(ANSWER_WAIT, seen).await;
        seen.map_err(|_late| NodeError::Late)?
    }

    /// The community of this first part of a name, if it lets the rendezvous in and has the channel for everyone.
    async fn admitted(
        &self,
        slug: &str,
        (account, channel): (AccountId, &str),
    ) -> Result<CommunityId, EnterError> {
        let mut own = self.own();
        let snapshot = own.snapshot();
        let mut taken: Vec<String> = kept(&snapshot).map(|(_, slug)| slug.to_owned()).collect();
        let mut found = None;
        for (id, community) in &snapshot.communities {
            if !self.is_admitted(*id, community) {
                continue;
            }
            let known = snapshot.kept.get(&names::kept_slug(*id));
            let given = match known {
                Some(known) => known.to_string(),
                None => {
                    let given = names::free_slug(&community.name, |slug| {
                        taken.iter().any(|known| known == slug)
                    });
                    let keep = Command::Keep {
                        name: names::kept_slug(*id),
                        value: given.clone(),
                    };
                    call(&mut own, keep).await?;
                    taken.push(given.clone());
                    given
                }
            };
            if given == slug {
                found = Some((*id, community));
            }
        }
        let (id, community) = found.ok_or(EnterError::Unknown)?;
        if community.bans.iter().any(|ban| ban.account == account) {
            return Err(EnterError::Banned);
        }
        let mut open = community.channels.iter().filter(|view| !view.private);
        let there = open.any(|view| {
            view.kind != ChannelKind::Category && names::channel(&view.name) == channel
        });
        match there {
            true => Ok(id),
            false => Err(EnterError::Unknown),
        }
    }

    /// Whether a community lets the rendezvous in. One whose name has not come yet has none that could be kept.
    fn is_admitted(&self, id: CommunityId, community: &CommunitySnapshot) -> bool {
        community.direct.is_none()
            && self.lobby() != Some(id)
            && !community.name.is_empty()
            && community.rights.iter().any(|right| right == BRIDGE)
    }
}

async fn call(handle: &mut NodeHandle, command: Command) -> Result<(), EnterError> {
    let called = handle.call(command, ANSWER_WAIT).await;
    called
        .map(drop)
        .map_err(|error| NodeError::from(error).into())
}

/// First parts of names that a node keeps, with what they are kept under.
fn kept(snapshot: &Arc<Snapshot>) -> impl Iterator<Item = (String, &str)> {
    let all = snapshot.kept.iter();
    all.filter(|(key, _)| key.starts_with(names::KEPT_SLUG))
        .map(|(key, slug)| (key.clone(), &**slug))
}

/// Waits until an account sees a channel.
async fn sees(handle: &mut NodeHandle, id: CommunityId, channel: &str) -> Result<(), EnterError> {
    loop {
        let snapshot = handle.snapshot();
        let channels = snapshot
            .communities
            .get(&id)
            .map(|of| Arc::clone(&of.channels));
        let channels = channels.unwrap_or_default();
        if channels
            .iter()
            .any(|view| names::channel(&view.name) == channel && !view.name.is_empty())
        {
            return Ok(());
        }
        // Names come with the content, after the channels themselves.
        if !handle.changed().await {
            return Err(EnterError::Unknown);
        }
    }
}
