//! Making an account in a data directory.

use alloquy_ids::{AccountId, DeviceId};

use crate::config::NodeConfig;
use crate::error::InitError;

/// A fresh account; the recovery words exist nowhere else.
#[derive(Debug)]
pub struct Initialised {
    /// The account.
    pub account: AccountId,
    /// Its first device.
    pub device: DeviceId,
    /// What locks the store.
    pub at_rest: crate::vault::KeyOrigin,
    /// 12 BIP-39 words, to be shown once.
    pub recovery_words: zeroize::Zeroizing<String>,
}

/// Makes an account named `name` in the data directory. Blocking: key stretching and fsync.
///
/// # Errors
/// The directory holds an account, is in use, or can not be written; the passphrase can not be read;
/// the name is over its limit.
pub fn init(config: &NodeConfig, name: &str) -> Result<Initialised, InitError> {
    todo!("{config:?} {name}")
}
