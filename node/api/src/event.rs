//! What happened, as faces are told. A line of `watch` is one [`Event`] as JSON.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId};
use serde::{Deserialize, Serialize};

use crate::command::CommandId;
use crate::personal::{DmRequestView, LinkingView};
use crate::reply::{CommandError, DeliveryView, MessageView, Reply};

/// One thing that happened.
///
/// In JSON the variant is the field `event`: `{"event":"message-added","community":..,"channel":..,"message":{..}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A command ended; if it succeeded, its effect is durable here. Told only to the client that gave it.
    Done {
        /// The client's number for the command.
        id: CommandId,
        /// `{"reply":{..}}` or `{"error":{"code","message"}}`.
        #[serde(with = "outcome")]
        result: Result<Reply, CommandError>,
    },
    /// A message appeared (own or another's).
    MessageAdded {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: MessageView,
    },
    /// A message was edited, deleted, pinned, reacted to, or its body arrived.
    MessageChanged {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// The message as it is now.
        message: MessageView,
    },
    /// A message stopped counting.
    MessageRemoved {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: EventId,
    },
    /// An own message got further.
    DeliveryChanged {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// The message.
        message: EventId,
        /// Where it has got to.
        delivery: DeliveryView,
    },
    /// A community was created, joined, or its name, channels, roles or policy changed.
    CommunityChanged {
        /// The community.
        community: CommunityId,
    },
    /// This account is no longer a member.
    CommunityLeft {
        /// The community.
        community: CommunityId,
        /// Who removed it; `null` when it left by itself.
        by: Option<AccountId>,
    },
    /// A community that was asked to let this account in does not.
    JoinRefused {
        /// The community.
        community: CommunityId,
        /// Why, as a sentence.
        message: String,
    },
    /// What is announced on the local network has changed.
    NearbyChanged {
        /// How many communities that this account is not in are announced there now.
        count: u32,
    },
    /// Somebody joined.
    MemberAdded {
        /// The community.
        community: CommunityId,
        /// Who.
        account: AccountId,
        /// Their display name.
        name: String,
    },
    /// Somebody left or was removed.
    MemberRemoved {
        /// The community.
        community: CommunityId,
        /// Who.
        account: AccountId,
    },
    /// Somebody came, went, or changed how they are seen.
    PresenceChanged {
        /// The community.
        community: CommunityId,
        /// Who.
        account: AccountId,
        /// Whether they are seen online now.
        online: bool,
    },
    /// Somebody is typing.
    Typing {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// Who.
        account: AccountId,
    },
    /// The unread count of a channel changed.
    UnreadChanged {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// Messages that arrived since the last one marked read.
        unread: u32,
        /// How many of them name this account.
        mentions: u32,
    },
    /// A co-member's device connected, or the last one of the account went.
    PeerChanged {
        /// Whose.
        account: AccountId,
        /// Whether it is connected now.
        connected: bool,
    },
    /// Catching up with a community ended: everything that the connected peers hold is here.
    CaughtUp {
        /// The community.
        community: CommunityId,
        /// How many peers say so.
        peers: u32,
    },
    /// Somebody whom this account does not know wants to write to it.
    DmRequested {
        /// The request.
        request: DmRequestView,
    },
    /// The devices of the account have changed, or what they may do.
    DevicesChanged,
    /// A pairing of a device or a home node went on.
    LinkingChanged {
        /// How far it is.
        linking: LinkingView,
    },
    /// Catching up has gone on: what is here now of what connected peers hold.
    Progress {
        /// The community or conversation.
        community: CommunityId,
        /// Events that are here.
        held: u64,
        /// Events that the peer holds that holds most.
        of: u64,
    },
    /// A message can not be read yet because its key is not here.
    KeyMissing {
        /// The community of the channel.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
        /// Members and own devices that hold the key or can be asked for it, by account.
        holders: Vec<AccountId>,
        /// Whether one of them is connected now.
        connected: bool,
    },
    /// Somebody came into a voice channel, went, or changed how they take part.
    VoiceChanged {
        /// The community or conversation.
        community: CommunityId,
        /// The channel.
        channel: ChannelId,
    },
    /// The own call is another: it began, somebody speaks or stops, a connection got further.
    CallChanged,
    /// The own call is over.
    CallEnded {
        /// Why, as a sentence.
        reason: String,
    },
    /// The store can not be written; commands fail until it can.
    StorageFailed {
        /// What the operating system says.
        message: String,
    },
    /// This reader was too slow; events were left out. Read the snapshot.
    Lagged {
        /// How many were left out.
        count: u64,
    },
}

/// A command's outcome in JSON: `{"reply":..}` or `{"error":..}`, the second as everywhere else.
mod outcome {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::reply::{CommandError, Reply};

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Outcome<'a> {
        Reply(&'a Reply),
        Error(&'a CommandError),
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum OutcomeOwned {
        Reply(Reply),
        Error(CommandError),
    }

    pub(super) fn serialize<S: Serializer>(
        result: &Result<Reply, CommandError>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match result {
            Ok(reply) => Outcome::Reply(reply),
            Err(error) => Outcome::Error(error),
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Result<Reply, CommandError>, D::Error> {
        Ok(match OutcomeOwned::deserialize(deserializer)? {
            OutcomeOwned::Reply(reply) => Ok(reply),
            OutcomeOwned::Error(error) => Err(error),
        })
    }
}
