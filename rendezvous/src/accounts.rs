//! Who logs in: the directory, its disk, and the node behind each account.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alloquy_directory::{
    Account, AppNumber, AppPassword, Begun, Directory, Exchange, Kept, LoggedIn, NONCE_BYTES, Name,
    NameError, Number, PasswordError, Refused, Scope, ScramError, Source,
};
use alloquy_ids::{MonoMs, UnixMs};
use alloquy_irc::{AccountOrder, ClientKey, ConnId, Credential, Wanted};
use alloquy_irc_listener::{Accounts, Answer, BoxedClient, From};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::keep::{Keep, KeepError};
use crate::nodes::{NodeError, Nodes};

/// What the accounts of a rendezvous are made of.
pub(crate) struct Ledger {
    directory: Mutex<Directory>,
    keep: Keep,
    nodes: Arc<Nodes>,
    runtime: Handle,
    started: Instant,
    /// Exchanges of SCRAM under way, one a connection.
    exchanges: Mutex<BTreeMap<ConnId, (Begun, Exchange)>>,
    /// Whether accounts are made, as the settings say now.
    open_registration: AtomicBool,
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
        open_registration: bool,
    ) -> Result<Self, KeepError> {
        Ok(Self {
            directory: Mutex::new(keep.directory()?),
            keep,
            nodes,
            runtime,
            started: Instant::now(),
            exchanges: Mutex::default(),
            open_registration: AtomicBool::new(open_registration),
        })
    }

    /// Follows other settings.
    pub(crate) fn follow(&self, open_registration: bool) {
        self.open_registration
            .store(open_registration, Ordering::Relaxed);
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
    fn make(&self, name: &str, password: &str) -> Result<Number, RegisterError> {
        if !self.open_registration.load(Ordering::Relaxed) {
            return Err(RegisterError::Closed);
        }
        let name = Name::new(name)?;
        // Judged before the expensive part, and again when it is made.
        locked(&self.directory).may_register(&name)?;
        let kept = Kept::of(password, &mut rng()?)?;
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

    fn find(&self, credential: Credential, source: Source) -> Option<LoggedIn> {
        match credential {
            Credential::Password { account, password } => {
                self.by_password(&account?, &password, source)
            }
            Credential::Certificate {
                account,
                fingerprint,
            } => {
                let mut directory = locked(&self.directory);
                directory.certificate(account.as_deref(), &fingerprint, source)
            }
            Credential::Guest { .. } => None,
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

    /// The client of an account, whose node is started if it does not run.
    fn enter(&self, number: Number) -> Result<(ClientKey, Option<BoxedClient>), NodeError> {
        let account = locked(&self.directory).account(number).cloned();
        let name = account.map(|account: Account| account.name);
        let name = name.ok_or(NodeError::Ending)?;
        let client = self.nodes.client(number, name.as_str());
        let client = self.runtime.block_on(client)?;
        let boxed = client.map(|client| Box::new(client) as BoxedClient);
        Ok((ClientKey(number.0), boxed))
    }

    fn granted(&self, who: &LoggedIn) -> Answer {
        match (self.enter(who.number), who.scope) {
            (Ok((key, client)), Scope::Full) => Answer::Granted(key, client),
            (Ok((key, client)), Scope::Read) => Answer::Reading(key, client),
            (Err(error), _) => {
                tracing::error!(%error, "the node of an account is not there");
                Answer::Denied
            }
        }
    }

    fn done(&self, number: Number, order: AccountOrder) -> Result<Vec<String>, RegisterError> {
        let at = self.now().1;
        let mut directory = locked(&self.directory);
        let lines = match order {
            AccountOrder::CertAdd(fingerprint) => {
                directory.add_certificate(number, fingerprint)?;
                vec!["You can log in by this certificate now (SASL EXTERNAL)".to_owned()]
            }
            AccountOrder::AppAdd { label, read_only } => {
                let scope = if read_only { Scope::Read } else { Scope::Full };
                let (app, text) = directory.add_app(number, (&label, scope), at, &mut rng()?)?;
                vec![format!(
                    "App password {}, shown this once: {}",
                    app.0, &*text
                )]
            }
            AccountOrder::AppList => {
                let account = directory.account(number).ok_or(Refused::Unknown)?;
                let lines = account.apps.iter().map(|(app, kept)| shown(*app, kept));
                lines.chain(["End of app passwords".to_owned()]).collect()
            }
            AccountOrder::AppRevoke(app) => {
                directory.revoke_app(number, AppNumber(app), at)?;
                vec![format!("App password {app} is revoked")]
            }
        };
        self.keep.put_accounts(&directory.take_changed())?;
        Ok(lines)
    }

    fn guest(&self, nick: &str, from: &From) -> Answer {
        // A guest looks like nobody who has an account.
        let free = Name::new(nick)
            .is_ok_and(|name| locked(&self.directory).may_register(&name) != Err(Refused::Taken));
        if !free || self.nodes.has_guest(nick) {
            let text = "Nickname is in use: log in, or take another".to_owned();
            return Answer::Refused("NICK", text);
        }
        match self.runtime.block_on(self.nodes.guest(from.conn, nick)) {
            Ok((key, client)) => Answer::Granted(key, Some(Box::new(client))),
            Err(error) => {
                tracing::warn!(%error, "a guest did not come in");
                Answer::Refused("GUEST", "Guests can not come in now: log in".to_owned())
            }
        }
    }

    /// The first message of an exchange begins it; the second ends it.
    fn exchange(&self, message: &str, from: &From) -> Result<Answer, ScramError> {
        let begun = locked(&self.exchanges).remove(&from.conn);
        let Some((begun, exchange)) = begun else {
            let begun = self.begin(&Exchange::user(message)?, source(from));
            let mut random = [0; NONCE_BYTES];
            getrandom::fill(&mut random).map_err(|_error| ScramError::Proof)?;
            let mut exchange = begun.exchange();
            let first = exchange.first(message, random)?;
            // Whoever guesses waits here, where nothing else waits for it.
            std::thread::sleep(Duration::from_millis(begun.wait_ms));
            locked(&self.exchanges).insert(from.conn, (begun, exchange));
            return Ok(Answer::Challenge(first));
        };
        let last = exchange.last(message);
        let who = locked(&self.directory).end(&begun, last.is_ok(), self.now());
        self.keep_changes();
        let who = who.ok_or(ScramError::Proof)?;
        Ok(match self.enter(who.number) {
            Ok((key, client)) => Answer::Proven(last?, key, client),
            Err(error) => {
                tracing::error!(%error, "the node of an account is not there");
                Answer::Denied
            }
        })
    }
}

fn rng() -> Result<ChaCha20Rng, RegisterError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(RegisterError::Entropy)?;
    Ok(ChaCha20Rng::from_seed(*seed))
}

/// An app password as its person sees it.
fn shown(app: AppNumber, kept: &AppPassword) -> String {
    let scope = match kept.scope {
        Scope::Full => "everything",
        Scope::Read => "reading",
    };
    let used = kept
        .last_use
        .map_or_else(|| "never".to_owned(), UnixMs::utc);
    let revoked = kept
        .revoked
        .map(|at| format!(", revoked {}", at.utc()))
        .unwrap_or_default();
    format!(
        "{} for {scope}, last use {used}{revoked}: {}",
        app.0, kept.label
    )
}

fn source(from: &From) -> Source {
    Source(from.cloak)
}

/// The one line that is written of each wrong log-in: fail2ban reads the address in it. No account is named.
fn denied(from: &From) {
    match from.address {
        Some(address) => tracing::warn!("failed log-in from {address}"),
        None => tracing::warn!("failed log-in from a local socket"),
    }
}

impl Accounts for Ledger {
    fn delay(&self, credential: &Credential, from: &From) -> Duration {
        match credential {
            Credential::Password {
                account: Some(account),
                ..
            } => Duration::from_millis(self.begin(account, source(from)).wait_ms),
            _ => Duration::ZERO,
        }
    }

    fn check(&self, _credential: Credential) -> Answer {
        Answer::Denied
    }

    fn log_in(&self, credential: Credential, from: &From) -> Answer {
        if let Credential::Guest { nick } = &credential {
            return self.guest(nick, from);
        }
        let found = self.find(credential, source(from));
        self.keep_changes();
        match found {
            Some(who) => self.granted(&who),
            None => {
                denied(from);
                Answer::Denied
            }
        }
    }

    fn scram(&self, message: &str, from: &From) -> Answer {
        self.exchange(message, from).unwrap_or_else(|error| {
            if error == ScramError::Proof {
                denied(from);
            }
            Answer::Denied
        })
    }

    fn register(&self, wanted: &Wanted, from: &From) -> Answer {
        let number = match self.make(&wanted.account, &wanted.password) {
            Ok(number) => number,
            Err(error) => return error.answer(),
        };
        // A guest who makes an account of its nick goes on as who it is.
        let same = self.nodes.is_guest_named(from.conn, &wanted.account);
        let adopts = self.nodes.adopt(from.conn, number);
        if same && let Some(key) = self.runtime.block_on(adopts) {
            return Answer::Granted(key, None);
        }
        match self.enter(number) {
            Ok((key, client)) => Answer::Granted(key, client),
            Err(error) => {
                tracing::error!(%error, "the node of a new account is not there");
                let text = "The account is made, but can not come in now".to_owned();
                Answer::Refused("TEMPORARILY_UNAVAILABLE", text)
            }
        }
    }

    fn account(&self, key: ClientKey, order: AccountOrder) -> Answer {
        let Some(number) = self.nodes.number_of(key) else {
            return Answer::Denied;
        };
        match self.done(number, order) {
            Ok(lines) => Answer::Told(lines),
            Err(error) => error.answer(),
        }
    }

    fn open(&self, key: ClientKey, name: &str) -> Answer {
        match self.runtime.block_on(self.nodes.open(key, name)) {
            Ok(()) => Answer::Granted(key, None),
            Err(error) => Answer::Refused("CANNOT_CREATE", error.to_string()),
        }
    }

    fn gone(&self, conn: ConnId) -> Option<ClientKey> {
        locked(&self.exchanges).remove(&conn);
        self.nodes.gone(conn)
    }
}

impl RegisterError {
    /// With the code of the specification.
    fn answer(&self) -> Answer {
        let code = match self {
            Self::Closed => "DISALLOWED",
            Self::Name(_) | Self::Refused(Refused::Confusable) => "BAD_ACCOUNT_NAME",
            Self::Password(PasswordError::Short) => "WEAK_PASSWORD",
            Self::Password(PasswordError::Long) => "UNACCEPTABLE_PASSWORD",
            Self::Refused(Refused::Taken) => "ACCOUNT_EXISTS",
            Self::Refused(_) | Self::Keep(_) | Self::Entropy(_) => "TEMPORARILY_UNAVAILABLE",
        };
        if let Self::Keep(error) = self {
            tracing::error!(%error, "an account could not be kept");
            return Answer::Refused(code, "The account can not be kept now".to_owned());
        }
        Answer::Refused(code, self.to_string())
    }
}
