//! Communities that let the rendezvous in, which its accounts come into by the names of their channels.
//!
//! A community admits the bridge by a role with BRIDGE for the rendezvous' own account. From then on whoever has an
//! account here may `JOIN #community/channel`: the own node invites them, by its right to, and their own node joins. What
//! they may do there is the community's to say, as of every member; who is banned stays out.
//!
//! The first part of the name is given once for the whole rendezvous and stays: the own node keeps it, and each account's
//! node is told it before it joins.

mod attempts;

use std::sync::Arc;
use std::time::Instant;

use alloquy_api::command::ChannelKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Client, Command, CommandError, ErrorCode, Reply, Snapshot};
use alloquy_directory::Number;
use alloquy_ids::{AccountId, ChannelId, CommunityId};
use alloquy_irc::{ClientKey, limits, names, seen_by_newcomers};
use alloquy_node::NodeHandle;

use crate::nodes::{ANSWER_WAIT, NodeError, Nodes, locked};

pub(crate) use attempts::Attempts;
use attempts::Told;

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
    #[error("The community does not let the rendezvous invite")]
    NoRight,
    #[error("A member must let you in: they are asked")]
    Asked,
    #[error("The community does not let you in now")]
    NotLetIn,
    #[error("Your account is coming into a channel already: try again in a minute")]
    Busy,
    #[error("Too many are coming in: try again in some minutes")]
    Often,
    /// Said in the words of what is not there; the log has the reason.
    #[error("No such channel")]
    Node(#[from] NodeError),
}

impl EnterError {
    /// The numeric that tells it.
    pub(crate) const fn numeric(&self) -> &'static str {
        match self {
            Self::Unknown | Self::Node(_) => "403",
            Self::Busy | Self::Often => "437",
            Self::NoRight | Self::Asked | Self::NotLetIn => "473",
            Self::Banned => "474",
            Self::Guest => "477",
        }
    }
}

/// An account that is coming in, until this is dropped: one attempt of it at a time.
#[derive(Debug)]
pub(crate) struct Coming {
    nodes: Arc<Nodes>,
    key: ClientKey,
    number: Number,
}

impl Coming {
    /// Begins; nothing may wait before that, so that one account takes one place of those who come in.
    pub(crate) fn begin(nodes: &Arc<Nodes>, key: ClientKey) -> Result<Self, EnterError> {
        let number = nodes.number_of(key).ok_or(EnterError::Guest)?;
        match locked(&nodes.coming).insert(number) {
            true => Ok(Self {
                nodes: Arc::clone(nodes),
                key,
                number,
            }),
            false => Err(EnterError::Busy),
        }
    }

    /// Makes the account a member of the community of a channel, `community/channel`, and returns when it sees that.
    pub(crate) async fn enter(&self, name: &str) -> Result<(), EnterError> {
        let entered = self.nodes.come_in(self.key, name);
        let entered = tokio::time::timeout(ANSWER_WAIT, entered).await;
        let entered = entered.unwrap_or(Err(EnterError::Node(NodeError::Late)));
        if let Err(EnterError::Node(error)) = &entered {
            tracing::warn!(%error, "an account does not come into a community");
        }
        entered
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        locked(&self.nodes.coming).remove(&self.number);
    }
}

impl Nodes {
    async fn come_in(&self, key: ClientKey, name: &str) -> Result<(), EnterError> {
        let (slug, channel) = name.split_once('/').ok_or(EnterError::Unknown)?;
        let mut handle = self.handle_of(key).await.ok_or(NodeError::Ending)?;
        let before = handle.snapshot();
        let account = before.account.ok_or(NodeError::Ending)?;
        self.give_names().await?;
        let (community, channel) = self.admitted(&before, slug, (account, channel))?;
        let kept_as = names::kept_slug(community);
        let clash = kept(&before).any(|(key, known)| known == slug && key != kept_as);
        // A member who does not see the channel now may not see it.
        if clash || before.communities.contains_key(&community) {
            return Err(EnterError::Unknown);
        }
        let who = (account, community);
        let link = locked(&self.attempts).begin(who, Instant::now())?;
        if !before.kept.contains_key(&kept_as) {
            keep(&mut handle, community, slug).await?;
        }
        let link = match link {
            Some(link) => link,
            None => {
                let link = self.invite(community).await.map_err(|error| match error {
                    NodeError::Command(error) if error.code == ErrorCode::NotPermitted => {
                        locked(&self.attempts).tell(who, Told::NoRight)
                    }
                    error => error.into(),
                })?;
                locked(&self.attempts).made(who, &link, Instant::now());
                link
            }
        };
        match handle.call(Command::Join { link }, ANSWER_WAIT).await {
            Ok(Reply::Requested { .. }) => {
                return Err(locked(&self.attempts).tell(who, Told::Asked));
            }
            Ok(_) => {}
            Err(error) => return Err(self.not_let_in(who, error)),
        }
        locked(&self.attempts).ended(who);
        sees(&mut handle, community, channel).await
    }

    /// The community's members did not take an account in, or none was met.
    fn not_let_in(&self, who: (AccountId, CommunityId), error: CommandError) -> EnterError {
        let mut attempts = locked(&self.attempts);
        match error.code {
            ErrorCode::InviteInvalid | ErrorCode::InviteExpired | ErrorCode::InviteUsedUp => {
                attempts.spent(who);
                attempts.tell(who, Told::NotLetIn)
            }
            ErrorCode::NotPermitted | ErrorCode::Limit | ErrorCode::Busy => {
                attempts.tell(who, Told::NotLetIn)
            }
            _ => NodeError::from(error).into(),
        }
    }

    /// Gives communities that let the rendezvous in the first part of their channels' names, as soon as they do: what a
    /// community is called later changes nobody's.
    pub(crate) async fn name_communities(self: Arc<Self>) {
        let mut changes = self.own().changes();
        loop {
            if let Err(error) = self.give_names().await {
                tracing::warn!(%error, "a community has no name here yet");
            }
            if !changes.next().await {
                return;
            }
        }
    }

    async fn give_names(&self) -> Result<(), NodeError> {
        // Two who come at once give one community one name.
        let _turn = self.naming.lock().await;
        let mut own = self.own();
        let snapshot = own.snapshot();
        let mut taken: Vec<String> = kept(&snapshot).map(|(_, slug)| slug.to_owned()).collect();
        for (id, community) in &snapshot.communities {
            let named = snapshot.kept.contains_key(&names::kept_slug(*id));
            if named || !self.is_admitted(*id, community) {
                continue;
            }
            let given = names::free_slug(&community.name, |slug| {
                taken.iter().any(|known| known == slug)
            });
            keep(&mut own, *id, &given).await?;
            taken.push(given);
        }
        Ok(())
    }

    /// The community of this first part of a name, if it lets the rendezvous in, and its channel, if that is for everyone.
    fn admitted(
        &self,
        before: &Snapshot,
        slug: &str,
        (account, channel): (AccountId, &str),
    ) -> Result<(CommunityId, ChannelId), EnterError> {
        let snapshot = self.own().snapshot();
        let mut admitted = snapshot.communities.iter().filter(|(id, community)| {
            let key = names::kept_slug(**id);
            // An account that was there before under another name keeps that.
            let known = before.kept.get(&key).or(snapshot.kept.get(&key));
            known.is_some_and(|known| **known == *slug) && self.is_admitted(**id, community)
        });
        let (id, community) = admitted.next().ok_or(EnterError::Unknown)?;
        if community.bans.iter().any(|ban| ban.account == account) {
            return Err(EnterError::Banned);
        }
        open_channel(community, account, (slug, channel))
            .map(|channel| (*id, channel))
            .ok_or(EnterError::Unknown)
    }

    /// Whether a community lets the rendezvous in. One whose name has not come yet has none that could be kept.
    fn is_admitted(&self, id: CommunityId, community: &CommunitySnapshot) -> bool {
        community.direct.is_none()
            && self.lobby() != Some(id)
            && !community.name.is_empty()
            && community.rights.iter().any(|right| right == BRIDGE)
    }
}

/// Has a node keep the first part of the names of a community's channels.
async fn keep(handle: &mut NodeHandle, id: CommunityId, slug: &str) -> Result<(), NodeError> {
    let keep = Command::Keep {
        name: names::kept_slug(id),
        value: slug.to_owned(),
    };
    handle.call(keep, ANSWER_WAIT).await?;
    Ok(())
}

/// The channel of this name, `#community/channel`, among those that an account would see that has just come in.
fn open_channel(
    community: &CommunitySnapshot,
    account: AccountId,
    (slug, channel): (&str, &str),
) -> Option<ChannelId> {
    let name = format!("#{slug}/{channel}");
    let mut taken: Vec<String> = Vec::new();
    let mut open = community.channels.iter().filter(|view| {
        view.kind != ChannelKind::Category && seen_by_newcomers(community, view, account)
    });
    open.find_map(|view| {
        // Of two channels of one name the second has a number, as the account's own node gives it.
        let of = format!("#{slug}/{}", names::channel(&view.name));
        let of = names::free(&of, limits::CHANNEL_BYTES_MAX, |name| {
            taken.iter().any(|known| known == name)
        });
        let found = of == name;
        taken.push(of);
        found.then_some(view.channel)
    })
}

/// First parts of names that a node keeps, with what they are kept under.
fn kept(snapshot: &Snapshot) -> impl Iterator<Item = (String, &str)> {
    let all = snapshot.kept.iter();
    all.filter(|(key, _)| key.starts_with(names::KEPT_SLUG))
        .map(|(key, slug)| (key.clone(), &**slug))
}

/// Waits until an account sees a channel, and what it is called: names come with the content, after the channels.
async fn sees(
    handle: &mut NodeHandle,
    id: CommunityId,
    channel: ChannelId,
) -> Result<(), EnterError> {
    loop {
        let snapshot = handle.snapshot();
        let community = snapshot.communities.get(&id);
        let mut channels = community.iter().flat_map(|of| of.channels.iter());
        if channels.any(|view| view.channel == channel && !view.name.is_empty()) {
            return Ok(());
        }
        if !handle.changed().await {
            return Err(EnterError::Unknown);
        }
    }
}

#[cfg(test)]
mod tests;
