//! The own door for IRC clients, as the window shows it.

use alloquy_ids::UnixMs;

/// Where the door is when nobody said otherwise: where IRC clients look by themselves.
pub const USUAL_ADDRESS: &str = "127.0.0.1:6667";
/// Bytes of a label of an app password.
pub const LABEL_BYTES_MAX: usize = 64;
/// Bytes of an address.
pub const ADDRESS_BYTES_MAX: usize = 128;

/// The door of the node in this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IrcDoor {
    /// Where it is open; `None`: it is shut.
    pub address: Option<String>,
    /// Why it is not open though it should be, or what else went wrong last.
    pub fault: Option<String>,
    /// App passwords that are good, the oldest first.
    pub passwords: Vec<IrcPassword>,
}

/// An app password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IrcPassword {
    /// Its number.
    pub number: u32,
    /// What the person calls it.
    pub label: String,
    /// Its client reads, and nothing else.
    pub read_only: bool,
    /// When it was made.
    pub made: UnixMs,
    /// When somebody last came in by it.
    pub last_use: Option<UnixMs>,
}

/// What the window wants of the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IrcOrder {
    /// Open it at an address, as typed.
    Open(String),
    /// Shut it: its connections end.
    Shut,
    /// Make an app password.
    Add {
        /// What it is called.
        label: String,
        /// Whether its client may only read.
        read_only: bool,
    },
    /// End an app password.
    Revoke(u32),
    /// Look again who came in.
    Look,
}

/// What is typed and shown once on the page of the door.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IrcForm {
    /// The address; `None` until it was changed.
    pub address: Option<String>,
    /// The label of the next password.
    pub label: String,
    /// Whether its client may only read.
    pub read_only: bool,
    /// The password that was made last, while the page is open.
    pub made: Option<String>,
}
