//! What the window asks of the world around it.

use alloquy_api::Command;
use alloquy_ids::{ChannelId, CommunityId};

/// Number of a question to the node, by which its outcome finds back ([`crate::UiState::answered`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// Something to be done outside of the window. The application carries effects out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Hand a command to the node and tell its outcome.
    Submit {
        /// Under this number.
        ask: AskId,
        /// What to do.
        command: Command,
    },
    /// Make the account of this data directory and start its node.
    CreateAccount {
        /// The display name.
        name: String,
    },
    /// Open the store with this passphrase and start its node.
    Unlock {
        /// As typed.
        passphrase: String,
    },
    /// Start the node again after it ended.
    Restart,
    /// Put a text into the clipboard.
    Copy(String),
    /// Open a link in the system's browser. Only `http`, `https` and `mailto`, and only because the person
    /// chose it.
    OpenLink(String),
    /// Show a desktop notification.
    Notify {
        /// Who wrote, and where.
        title: String,
        /// What, shortened; empty when the settings hide it.
        body: String,
        /// Where it leads to.
        place: (CommunityId, ChannelId),
    },
    /// Close the window.
    Quit,
}
