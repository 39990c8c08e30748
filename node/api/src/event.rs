//! What happened, as faces are told.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EventId};
use serde::{Deserialize, Serialize};

use crate::command::CommandId;
use crate::reply::{CommandError, DeliveryView, MessageView, Reply};

/// One thing that happened. A `watch` line is one of these as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A command ended; its effect is durable here.
    Done { id: CommandId, result: Result<Reply, CommandError> },
    /// A message appeared (own or another's).
    MessageAdded { community: CommunityId, channel: ChannelId, message: MessageView },
    /// A message was edited, deleted, pinned, reacted to, or its body arrived.
    MessageChanged { community: CommunityId, channel: ChannelId, message: MessageView },
    /// A message stopped counting.
    MessageRemoved { community: CommunityId, channel: ChannelId, message: EventId },
    /// An own message got further.
    DeliveryChanged { community: CommunityId, channel: ChannelId, message: EventId, delivery: DeliveryView },
    /// A community was created, joined, or its name, channels, roles or policy changed.
    CommunityChanged { community: CommunityId },
    /// This account is no longer a member.
    CommunityLeft { community: CommunityId, by: Option<AccountId> },
    /// Somebody joined.
    MemberAdded { community: CommunityId, account: AccountId, name: String },
    /// Somebody left or was removed.
    MemberRemoved { community: CommunityId, account: AccountId },
    /// Somebody came, went, or changed how they are seen.
    PresenceChanged { community: CommunityId, account: AccountId, online: bool },
    /// Somebody is typing.
    Typing { community: CommunityId, channel: ChannelId, account: AccountId },
    /// Unread count of a channel changed.
    UnreadChanged { community: CommunityId, channel: ChannelId, unread: u32, mentions: u32 },
    /// A peer connected or went.
    PeerChanged { account: AccountId, connected: bool },
    /// Catching up with a community ended: everything that the connected peers hold is here.
    CaughtUp { community: CommunityId, peers: u32 },
    /// The store can not be written; commands fail until it can.
    StorageFailed { message: String },
    /// This reader was too slow; `count` events were left out. Read the snapshot.
    Lagged { count: u64 },
}
