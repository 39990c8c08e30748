//! A message as faces show it, with what stands at it.

use alloquy_ids::{AccountId, EventId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::delivery::DeliveryView;
use crate::embed::Embed;

/// A message as faces show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    /// Its id.
    pub id: EventId,
    /// Who wrote it.
    pub author: AccountId,
    /// The text as last edited; empty when it is deleted or waited for.
    pub text: String,
    /// Milliseconds UTC as the author's clock said, clamped to this node's.
    pub time: UnixMs,
    /// Whether an edit counts.
    pub edited: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The message that it answers.
    pub reply_to: Option<EventId>,
    /// What is quoted of the message that it answers; absent when there is none, or it is not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteView>,
    /// The thread that hangs on it; absent when nobody wrote into one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<RepliesView>,
    /// Whether its text names this account; absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mentions_me: bool,
    /// The message that its thread hangs on; absent in the channel itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<EventId>,
    /// It came through a server that could read it: an IRC client wrote it; absent when not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bridged: bool,
    /// Previews of addresses, as its author gave them; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embeds: Vec<Embed>,
    /// Whether it is pinned; absent when not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// The text can not be read yet: its key or body is waited for; absent when not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
    /// First seen over 10 minutes after its claimed time; absent when not so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub arrived_later: bool,
    /// Why the rules hide its text, which who may delete others' messages reads all the same; absent when not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
    /// By emoji.
    pub reactions: Vec<ReactionView>,
    /// How far it got.
    pub delivery: DeliveryView,
}

/// One emoji on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionView {
    /// The emoji.
    pub emoji: String,
    /// Who reacted with it, by id.
    pub accounts: Vec<AccountId>,
}

/// What is shown of a message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    /// Who wrote it.
    pub author: AccountId,
    /// The first line of its text, at most [`crate::limits::QUOTE_BYTES_MAX`] bytes; empty when deleted or waited for.
    pub text: String,
}

/// The thread that hangs on a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepliesView {
    /// How many messages it has.
    pub count: u32,
    /// When the newest was written, as its author's clock said, clamped to this node's.
    pub last: UnixMs,
}
