//! Making an account in a data directory.

use alloquy_core::Founded;
use alloquy_ids::{AccountId, DeviceId};
use zeroize::Zeroizing;

use crate::config::NodeConfig;
use crate::data_dir::DataDir;
use crate::driver::Clock;
use crate::error::InitError;
use crate::store::{DirLock, Store};
use crate::vault::{self, KeyOrigin};

/// A fresh account.
#[derive(Debug)]
pub struct Initialised {
    /// The account.
    pub account: AccountId,
    /// Its first device.
    pub device: DeviceId,
    /// What locks the store.
    pub at_rest: KeyOrigin,
    /// 12 BIP-39 words, to be shown once; `None` when they are kept, or the account has its words already.
    pub recovery_words: Option<Zeroizing<String>>,
}

/// What becomes of the recovery words of a new account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryWords {
    /// They are given back, to be shown this once; nothing of them is stored.
    Shown,
    /// They stay sealed in the store until somebody shows that they were written down
    /// ([`alloquy_api::Command::RecoveryConfirm`]).
    Kept,
}

/// Makes an account named `name` in the data directory. Blocking: key stretching and fsync.
///
/// The store appears last and whole: a start that was cut short leaves no account, and can be made again.
///
/// # Errors
/// The directory holds an account, is in use, or can not be written; the passphrase can not be read;
/// the name is over its limit.
pub fn init(
    config: &NodeConfig,
    name: &str,
    words: RecoveryWords,
) -> Result<Initialised, InitError> {
    let failed = |error| InitError::Directory {
        path: config.data_dir.clone(),
        error,
    };
    let mut rng = crate::entropy::seeded().map_err(failed)?;
    // The name is judged before anything is written.
    let mut founded = alloquy_core::found(name, Clock::start().now(), &mut rng)?;
    if words == RecoveryWords::Kept {
        founded.keep_recovery_words();
    }
    let recovery_words = Zeroizing::new(std::mem::take(&mut founded.recovery_words));
    let at_rest = create(config, &founded)?;
    Ok(Initialised {
        account: founded.account,
        device: founded.device,
        at_rest,
        recovery_words: match words {
            RecoveryWords::Shown => Some(recovery_words),
            RecoveryWords::Kept => None,
        },
    })
}

/// Makes the keys of a home node in an empty data directory. Nobody is asked for a name, and the recovery words of
/// its keys are forgotten: whoever loses its disk pairs a new one.
///
/// # Errors
/// As [`init`].
pub(crate) fn init_home(config: &NodeConfig) -> Result<KeyOrigin, InitError> {
    let failed = |error| InitError::Directory {
        path: config.data_dir.clone(),
        error,
    };
    let mut rng = crate::entropy::seeded().map_err(failed)?;
    let mut founded = alloquy_core::found_home(Clock::start().now(), &mut rng);
    drop(Zeroizing::new(std::mem::take(&mut founded.recovery_words)));
    create(config, &founded)
}

/// Writes the first records; the store appears last and whole.
fn create(config: &NodeConfig, founded: &Founded) -> Result<KeyOrigin, InitError> {
    let failed = |error| InitError::Directory {
        path: config.data_dir.clone(),
        error,
    };
    let dir = DataDir::create(&config.data_dir).map_err(failed)?;
    let lock = DirLock::acquire(&dir)?;
    if dir.store().exists() {
        return Err(InitError::Exists(config.data_dir.clone()));
    }
    let unlocked = vault::create(&dir, &config.key)?;
    Store::create(&dir, &lock, &unlocked.key, &founded.writes)?;
    Ok(unlocked.origin)
}
