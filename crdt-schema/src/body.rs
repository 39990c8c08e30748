//! Sealed bodies: what members write into channels and into the community's content.

use alloquy_ids::EventId;

/// Plaintext of a sealed event; the first byte tells which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A message.
    Message(MessageBody),
    /// Replaces the text of a message of the same account.
    Edit { target: EventId, text: String },
    /// Adds (`on`) or removes the account's reaction.
    React { target: EventId, emoji: String, on: bool },
    /// Operations on the community's content document (scope: content).
    Content(Vec<crate::content::ContentOp>),
    /// A body of a later level: kept, not shown.
    Unknown { tag: u8, bytes: Vec<u8> },
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageBody {
    /// Markdown, at most 16 KiB.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<EventId>,
    /// The message that its thread hangs on.
    pub thread: Option<EventId>,
}
