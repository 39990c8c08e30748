//! Who logs in: the directory, its disk, and the node behind each account.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alloquy_directory::{
    Account, Begun, Directory, Kept, LoggedIn, Name, NameError, Number, PasswordError, Refused,
    Scope, Source,
};
use alloquy_ids::{MonoMs, UnixMs};
use alloquy_irc::{ClientKey, Credential};
use alloquy_irc_listener::{Accounts, Answer};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::config::Mechanism;
use crate::keep::{Keep, KeepError};
use crate::nodes::{NodeError, Nodes};

/// What the accounts of a rendezvous are made of.
pub(crate) struct Ledger {
    directory: Mutex<Directory>,
    keep: Keep,
    nodes: Arc<Nodes>,
    runtime: Handle,
    started: Instant,
    /// What the settings say now.
    rules: Mutex<Rules>,
}

/// Which of the ways in are open.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) sasl: Vec<Mechanism>,
    pub(crate) open_registration: bool,
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error("accounts are not made here")]
    Closed,
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Keep(#[from] KeepError),
    #[error("the system has no entropy: {0}")]
    Entropy(getrandom::Error),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(crate) fn new(
        keep: Keep,
        nodes: Arc<Nodes>,
        runtime: Handle,
        rules: Rules,
    ) -> Result<Self, KeepError> {
        Ok(Self {
            directory: Mutex::new(keep.directory()?),
            keep,
            nodes,
            runtime,
            started: Instant::now(),
            rules: Mutex::new(rules),
        })
    }

    /// Follows other settings.
    pub(crate) fn follow(&self, rules: Rules) {
        *locked(&self.rules) = rules;
    }

    /// How many accounts there are.
    pub(crate) fn count(&self) -> usize {
        locked(&self.directory).accounts().count()
    }

    fn now(&self) -> (MonoMs, UnixMs) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        (MonoMs(millis(self.started.elapsed())), UnixMs(millis(wall)))
    }

    /// Makes an account. Blocking: the password is stretched.
    pub(crate) fn register(&self, name: &str, password: &str) -> Result<Number, RegisterError> {
        if !locked(&self.rules).open_registration {
            return Err(RegisterError::Closed);
        }
        let name = Name::new(name)?;
        // Judged before the expensive part, and again when it is made.
        locked(&self.directory).may_register(&name)?;
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(RegisterError::Entropy)?;
        let kept = Kept::of(password, &mut ChaCha20Rng::from_seed(*seed))?;
        let mut directory = locked(&self.directory);
        let number = directory.register(name, kept, self.now().1)?;
        self.keep.put_accounts(&directory.take_changed())?;
        Ok(number)
    }

    fn by_password(&self, name: &str, password: &str, source: Source) -> Option<LoggedIn> {
        if let Some(found) = locked(&self.directory).app(name, password, source, self.now()) {
            return found;
        }
        let begun = self.begin(name, source);
        let right = begun.right(password);
        locked(&self.directory).end(&begun, right, self.now())
    }

    fn begin(&self, name: &str, source: Source) -> Begun {
        locked(&self.directory).begin(name, source, self.now().0)
    }

    fn find(&self, credential: Credential) -> Option<LoggedIn> {
        let source = Source::default();
        let sasl = locked(&self.rules).sasl.clone();
        match credential {
            Credential::Password { account, password } => {
                self.by_password(&account?, &password, source)
            }
            Credential::Certificate {
                account,
                fingerprint,
            } if sasl.contains(&Mechanism::External) => {
                let mut directory = locked(&self.directory);
                directory.certificate(account.as_deref(), &fingerprint, source)
            }
            Credential::Certificate { .. } => None,
        }
    }

    /// Keeps what has changed, last uses among it. A disk that fails stops nobody from logging in.
    fn keep_changes(&self) {
        let changed = locked(&self.directory).take_changed();
        if changed.is_empty() {
            return;
        }
        if let Err(error) = self.keep.put_accounts(&changed) {
            tracing::error!(%error, "the last use of an account could not be kept");
        }
    }

    fn enter(&self, who: &LoggedIn) -> Result<Answer, NodeError> {
        let account = locked(&self.directory).account(who.number).cloned();
        let name = account
            .map(|account: Account| account.name)
            .ok_or(NodeError::Ending)?;
        let client = self.nodes.client(who.number, name.as_str());
        let client = self.runtime.block_on(client)?;
        let boxed = client.map(|client| Box::new(client) as alloquy_irc_listener::BoxedClient);
        Ok(Answer::Granted(ClientKey(who.number.0), boxed))
    }
}

impl Accounts for Ledger {
    fn delay(&self, credential: &Credential) -> Duration {
        match credential {
            Credential::Password {
                account: Some(account),
                ..
            } => Duration::from_millis(self.begin(account, Source::default()).wait_ms),
            _ => Duration::ZERO,
        }
    }

    fn check(&self, credential: Credential) -> Answer {
        let found = self.find(credential);
        self.keep_changes();
        // A credential of narrower scope is not honoured wider than it was made.
        let Some(who) = found.filter(|who| who.scope == Scope::Full) else {
            return Answer::Denied;
        };
        self.enter(&who).unwrap_or_else(|error| {
            tracing::error!(%error, "the node of an account is not there");
            Answer::Denied
        })
    }
}
