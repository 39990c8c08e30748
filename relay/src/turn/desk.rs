//! The desk where credentials are given: which TURN server there is, and by which secrets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloquy_ids::UnixMs;

use super::{Credential, CredentialError, Grant, Secret};

/// What is known of a TURN server that runs, as figures show it.
#[derive(Debug, Default)]
pub struct Counts {
    /// 1 while it answers.
    pub up: AtomicU64,
    /// Unix seconds since when it answers; 0 while it does not.
    pub up_since: AtomicU64,
    /// How often it was started again.
    pub restarts: AtomicU64,
    /// How often a new secret took the place of the last one.
    pub rotations: AtomicU64,
    /// Credentials given.
    pub granted: AtomicU64,
    /// Requests for a credential by who is not admitted.
    pub refused: AtomicU64,
}

impl Counts {
    /// It answers, or does not.
    pub fn set_up(&self, up: bool, now: UnixMs) {
        let was = self.up.swap(u64::from(up), Ordering::Relaxed) == 1;
        match (was, up) {
            (false, true) => self.up_since.store(now.0 / 1000, Ordering::Relaxed),
            (true, false) => self.up_since.store(0, Ordering::Relaxed),
            _ => {}
        }
    }
}

#[derive(Debug)]
struct Open {
    urls: Vec<String>,
    secret: Secret,
}

/// Gives credentials for one TURN server; shared by who answers requests and who runs the server.
#[derive(Clone, Debug)]
pub struct Desk {
    open: Arc<Mutex<Open>>,
    counts: Arc<Counts>,
}

impl Desk {
    /// A desk for a server at these addresses (RFC 7065).
    #[must_use]
    pub fn new(urls: Vec<String>, secret: Secret) -> Self {
        Self {
            open: Arc::new(Mutex::new(Open { urls, secret })),
            counts: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on credentials are made by another secret.
    pub fn rotate(&self, secret: Secret) {
        self.lock().secret = secret;
        self.counts.rotations.fetch_add(1, Ordering::Relaxed);
    }

    /// A grant for who is known by these bytes. The TURN server learns a pseudonym only.
    ///
    /// # Errors
    /// None that a pseudonym could cause.
    pub fn grant(&self, to: &[u8], now: UnixMs) -> Result<Grant, CredentialError> {
        let open = self.lock();
        let credential = Credential::issue(&open.secret, &open.secret.pseudonym(to), now)?;
        self.counts.granted.fetch_add(1, Ordering::Relaxed);
        Ok(Grant {
            urls: open.urls.clone(),
            credential,
        })
    }

    /// What is counted.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}
