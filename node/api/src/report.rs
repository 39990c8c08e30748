//! What `init`, `status` and `doctor` tell: plain data, printed as JSON or as sentences.
//!
//! `docs/cli.md` shows each shape. Addresses are multiaddr text, sizes are bytes, times milliseconds UTC.

use alloquy_ids::{AccountId, DeviceId, NetworkKey, UnixMs};
use serde::{Deserialize, Serialize};

use crate::snapshot::ConnectionsSnapshot;

/// What `alloquy-node init` made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitReport {
    /// The new account.
    pub account: AccountId,
    /// Its first device: this one.
    pub device: DeviceId,
    /// The 12 recovery words, given this once; absent when they went to a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<String>,
    /// The file that the recovery words went to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_file: Option<String>,
}

/// What a running node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Whether it listens, has its store open and takes commands.
    pub ready: bool,
    /// The account that it acts for.
    pub account: AccountId,
    /// The device that it is.
    pub device: DeviceId,
    /// The account's display name.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// The data directory.
    pub data: String,
    /// When it became ready.
    pub since: UnixMs,
    /// Addresses that it listens on, each ending in `/p2p/PEER`.
    pub listen: Vec<String>,
    /// Peers connected now.
    pub peers: Vec<PeerStatus>,
    /// Communities that the account is a member of.
    pub communities: u32,
    /// Bytes of the store on disk.
    pub store_bytes: u64,
    /// Bytes read from peers since the start, without what encryption and transport add.
    #[serde(default)]
    pub bytes_in: u64,
    /// Bytes written to peers since the start, without what encryption and transport add.
    #[serde(default)]
    pub bytes_out: u64,
    /// Where the key that seals the store came from.
    pub at_rest: KeySource,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The network key that it proved.
    pub peer: NetworkKey,
    /// Its account, when it is a co-member's device.
    pub account: Option<AccountId>,
    /// The account's display name, when known.
    pub name: Option<String>,
    /// The address that the connection goes through.
    pub address: String,
}

/// Where the key that seals the store at rest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// A passphrase, by Argon2id.
    Passphrase,
    /// The keychain of the operating system.
    Keychain,
    /// A key file of mode 0600 beside the store: whoever copies the directory can read it.
    KeyFile,
}

impl KeySource {
    /// The word for it, as in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Keychain => "keychain",
            Self::KeyFile => "key-file",
        }
    }
}

/// What `doctor` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorReport {
    /// Every check that was made, in order.
    pub checks: Vec<Check>,
    /// How the running node is reached and reaches others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<ConnectionsSnapshot>,
}

impl DoctorReport {
    /// The worst level of all checks.
    #[must_use]
    pub fn worst(&self) -> CheckLevel {
        self.checks
            .iter()
            .map(|check| check.level)
            .max()
            .unwrap_or(CheckLevel::Ok)
    }
}

/// One check of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// A short name in lower case, such as `at-rest-key`.
    pub check: String,
    /// How it stands.
    pub level: CheckLevel,
    /// What was found, as a sentence.
    pub sentence: String,
    /// What to do about it; absent when nothing needs doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// How a check stands, the worst greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckLevel {
    /// As it should be.
    Ok,
    /// It works, and could be better.
    Warn,
    /// It does not work.
    Fail,
}
