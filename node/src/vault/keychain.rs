//! The keychain of the operating system: macOS Keychain, Windows Credential Manager, Secret Service.
//!
//! A machine without one (a server, a container) must go on at once, and a Secret Service that is started on
//! demand may never answer. So every call runs on a thread of its own and is waited for with a bound; a
//! call that does not come back keeps its thread until the process ends.

use std::sync::mpsc;
use std::time::Duration;

use alloquy_ids::to_base32;
use rand_core::Rng;
use zeroize::Zeroizing;

use super::StoreKey;

/// How long a keychain may take to show that it is there, before a key file is made instead.
pub const KEYCHAIN_ANSWER: Duration = Duration::from_secs(2);
/// How long a keychain that holds the key may take: a person may have to unlock it first.
const KEYCHAIN_UNLOCK: Duration = Duration::from_secs(60);
/// Service name of the entries.
const SERVICE: &str = "alloquy";

/// Puts the key into the keychain and reads it back; the entry's name, or `None` where none answers.
pub(super) fn keep(key: &StoreKey, rng: &mut impl Rng) -> Option<String> {
    if !may_answer() {
        return None;
    }
    let mut name = [0; 16];
    rng.fill_bytes(&mut name);
    let entry = to_base32(&name);
    let (name, secret) = (entry.clone(), Zeroizing::new(key.as_bytes().to_vec()));
    let kept = bounded(KEYCHAIN_ANSWER, move || {
        let entry = keyring::Entry::new(SERVICE, &name)?;
        entry.set_secret(&secret)?;
        entry
            .get_secret()
            .map(|back| Zeroizing::new(back) == secret)
    });
    match kept {
        Ok(true) => Some(entry),
        Ok(false) => {
            tracing::warn!("the OS keychain gave back another secret; a key file is used");
            None
        }
        Err(reason) => {
            tracing::info!(reason, "no OS keychain answers; a key file is used");
            None
        }
    }
}

/// Fetches the key.
pub(super) fn fetch(entry: &str) -> Result<StoreKey, String> {
    let name = entry.to_owned();
    let secret = bounded(KEYCHAIN_UNLOCK, move || {
        keyring::Entry::new(SERVICE, &name)?
            .get_secret()
            .map(Zeroizing::new)
    })?;
    StoreKey::from_slice(&secret)
        .ok_or_else(|| format!("the entry holds {} bytes instead of 32", secret.len()))
}

fn bounded<T: Send + 'static>(
    limit: Duration,
    call: impl FnOnce() -> keyring::Result<T> + Send + 'static,
) -> Result<T, String> {
    let (tx, rx) = mpsc::sync_channel(1);
    let run = move || {
        let answer = call().map_err(|error| error.to_string());
        if tx.send(answer).is_err() {
            tracing::debug!("the keychain answered too late");
        }
    };
    std::thread::Builder::new()
        .name("keychain".to_owned())
        .spawn(run)
        .map_err(|error| error.to_string())?;
    rx.recv_timeout(limit)
        .map_err(|_elapsed| format!("no answer within {} s", limit.as_secs()))?
}

/// On Linux the Secret Service is reached by the session's D-Bus; without one nothing can answer.
fn may_answer() -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let has_bus = std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|dir| std::path::Path::new(&dir).join("bus").exists());
    has_bus
        || std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|address| !address.is_empty())
}
