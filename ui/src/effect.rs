//! What the window asks of the world around it.

use alloquy_api::Command;
use alloquy_ids::{ChannelId, CommunityId};

use crate::irc::IrcOrder;
use crate::voice::SoundOrder;

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
    /// Make this computer a device of an account.
    LinkThisDevice {
        /// The code or the link that the other device shows, as typed.
        code: String,
    },
    /// Leave that, and ask for a name again.
    StopLinking,
    /// Bring an account back by its recovery words.
    Restore {
        /// The words, with one space between.
        words: String,
        /// A link or an address of a member or a home node, as typed; may be empty.
        from: String,
        /// The account's other devices end: they were lost.
        ends_others: bool,
    },
    /// Open the store with this passphrase and start its node.
    Unlock {
        /// As typed.
        passphrase: String,
    },
    /// Start the node again after it ended.
    Restart,
    /// Do something with the door for IRC clients; its state is in [`crate::model::About`], and a password that was
    /// made comes by [`crate::UiState::irc_made`].
    Irc(IrcOrder),
    /// Do something with the audio engine; how it is comes in [`crate::Model::sound`].
    Sound(SoundOrder),
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
    /// Show a quiet desktop notification that somebody unknown wants to write; it leads to the requests.
    NotifyRequest {
        /// That it is so.
        title: String,
    },
    /// Close the window; the node goes on where that was chosen and a sign of it can be shown.
    Close,
    /// Close the window and end the node.
    Quit,
}
