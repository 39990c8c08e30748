//! Who logs in: the directory, its disk, and the node behind each account.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alloquy_directory::{
    Account, AppNumber, AppPassword, Begun, Directory, Exchange, Gate, Kept, LoggedIn, NONCE_BYTES,
    Name, NameError, Number, PasswordError, Refused, Registrations, Scope, ScramError, Source,
};
use alloquy_ids::{MonoMs, UnixMs};
use alloquy_irc::{AccountOrder, ClientKey, ConnId, Credential, Wanted};
use alloquy_irc_listener::{Accounts, Answer, BoxedClient, From, Lane};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::admitted::{Coming, EnterError};
use crate::config::{Config, Secret};
use crate::homes::Homes;
use crate::keep::{Keep, KeepError};
use crate::nodes::{NodeError, Nodes};

/// What the accounts of a rendezvous are made of.
pub(crate) struct Ledger {
    directory: Mutex<Directory>,
    keep: Keep,
    nodes: Arc<Nodes>,
    homes: Arc<Homes>,
    runtime: Handle,
    started: Instant,
    /// Exchanges of SCRAM under way, one a connection.
    exchanges: Mutex<BTreeMap<ConnId, (Begun, Exchange)>>,
    /// Connections that an app password let in.
    by_app: Mutex<BTreeMap<ConnId, (Number, AppNumber)>>,
    /// Who made accounts of late, and the connections that did.
    registrations: Mutex<(Registrations, BTreeSet<ConnId>)>,
    /// Whether accounts are made, as the settings say now.
    open_registration: AtomicBool,
    /// What whoever comes in has to know, hashed: two hashes are compared in constant time.
    password: Option<blake3::Hash>,
    /// Names and passwords of operators, likewise.
    opers: Vec<blake3::Hash>,
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
    #[error("too many accounts were made from where you are: try again in an hour")]
    Often,
    #[error("the system has no entropy: {0}")]
    Entropy(getrandom::Error),
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(crate) fn new(
        keep: Keep,
        (nodes, homes): (Arc<Nodes>, Arc<Homes>),
        runtime: Handle,
        config: &Config,
    ) -> Result<Self, KeepError> {
        let hash = |password: &Secret| blake3::hash(password.text().as_bytes());
        let opers = config.opers.iter();
        let opers = opers.map(|oper| hash_of_oper(&oper.name, oper.password.text()));
        Ok(Self {
            directory: Mutex::new(keep.directory()?),
            keep,
            nodes,
            homes,
            runtime,
            started: Instant::now(),
            exchanges: Mutex::default(),
            by_app: Mutex::default(),
            registrations: Mutex::default(),
            open_registration: AtomicBool::new(config.open_registration),
            password: config.password.as_ref().map(hash),
            opers: opers.collect(),
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
    fn make(&self, name: &str, password: &str, from: &From) -> Result<Number, RegisterError> {
        if !self.open_registration.load(Ordering::Relaxed) {
            return Err(RegisterError::Closed);
        }
        let name = Name::new(name)?;
        // Judged before the expensive part, and again when it is made.
        locked(&self.directory).may_register(&name)?;
        Kept::may_be(password)?;
        if !from.exempt {
            let (counted, conns) = &mut *locked(&self.registrations);
            if conns.contains(&from.conn) || !counted.take(source(from), self.now().0) {
                return Err(RegisterError::Often);
            }
            conns.insert(from.conn);
        }
        let kept = Kept::of(password, &mut rng()?)?;
        let mut directory = locked(&self.directory);
        let number = directory.register(name, kept, self.now().1)?;
        self.keep.put_accounts(&directory.take_changed())?;
        Ok(number)
    }

    fn by_password(&self, name: &str, password: &str, from: &From) -> Option<LoggedIn> {
        let source = source(from);
        {
            let mut directory = locked(&self.directory);
            if let Some(found) = directory.app(name, password, source, self.now()) {
                // While the directory is held: whoever revokes it finds the connection.
                let app = found.as_ref().and_then(|who| Some((who.number, who.app?)));
                locked(&self.by_app).extend(app.map(|app| (from.conn, app)));
                return found;
            }
        }
        let begun = self.begin(name, source);
        let right = begun.right(password);
        locked(&self.directory).end(&begun, right, self.now())
    }

    /// Whether somebody knows the password of the rendezvous.
    fn admits(&self, password: &str, from: &From) -> bool {
        let given = blake3::hash(password.as_bytes());
        // Constant time, by the documentation of `Hash`.
        let right = self.password.is_some_and(|known| known == given);
        let at = (source(from), self.now().0);
        locked(&self.directory).end_gate(Gate::Entry, right, at);
        right
    }

    /// Whether somebody knows the name and the password of an operator.
    fn is_oper(&self, name: &str, password: &str, from: &From) -> bool {
        let given = hash_of_oper(name, password);
        // All are looked at, each in constant time: whether a name is one takes no other time.
        let known = self.opers.iter();
        let right = known.fold(false, |right, known| right | (*known == given));
        let at = (source(from), self.now().0);
        locked(&self.directory).end_gate(Gate::Operator, right, at);
        right
    }

    fn gate_delay(&self, gate: Gate, from: &From) -> Duration {
        let now = self.now().0;
        Duration::from_millis(locked(&self.directory).gate_wait_ms(gate, source(from), now))
    }

    fn begin(&self, name: &str, source: Source) -> Begun {
        locked(&self.directory).begin(name, source, self.now().0)
    }

    fn find(&self, credential: Credential, from: &From) -> Option<LoggedIn> {
        match credential {
            Credential::Password { account, password } => {
                self.by_password(&account?, &password, from)
            }
            Credential::Certificate {
                account,
                fingerprint,
            } => {
                let mut directory = locked(&self.directory);
                directory.certificate(account.as_deref(), &fingerprint, source(from))
            }
            Credential::Connection { .. }
            | Credential::Operator { .. }
            | Credential::Guest { .. } => None,
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

    /// Lets an account in, whose node is started first if it does not run. `then`: what is answered; it is given
    /// nothing when the node does not come.
    fn enter(
        &self,
        number: Number,
        then: impl FnOnce(Option<(ClientKey, Option<BoxedClient>)>) -> Answer + Send + 'static,
    ) -> Answer {
        let account = locked(&self.directory).account(number).cloned();
        let (nodes, runtime) = (Arc::clone(&self.nodes), self.runtime.clone());
        let start = move || {
            let Some(Account { name, .. }) = account else {
                return then(None);
            };
            match runtime.block_on(nodes.client(number, name.as_str())) {
                Ok(client) => {
                    let boxed = client.map(|client| Box::new(client) as BoxedClient);
                    then(Some((ClientKey(number.0), boxed)))
                }
                Err(error) => {
                    tracing::error!(%error, "the node of an account is not there");
                    then(None)
                }
            }
        };
        Answer::Later(Lane::Account, Box::new(start))
    }

    fn granted(&self, who: &LoggedIn) -> Answer {
        let scope = who.scope;
        self.enter(who.number, move |entered| match (entered, scope) {
            (Some((key, client)), Scope::Full) => Answer::Granted(key, client),
            (Some((key, client)), Scope::Read) => Answer::Reading(key, client),
            (None, _) => Answer::Denied,
        })
    }

    fn done(&self, number: Number, order: AccountOrder) -> Result<Answer, RegisterError> {
        let at = self.now().1;
        let mut directory = locked(&self.directory);
        let mut ended = Vec::new();
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
                let by_app = locked(&self.by_app);
                let of = by_app
                    .iter()
                    .filter(|(_, by)| **by == (number, AppNumber(app)));
                ended.extend(of.map(|(conn, _)| *conn));
                vec![format!("App password {app} is revoked")]
            }
            AccountOrder::Home => return Ok(self.home_of(number)),
        };
        self.keep.put_accounts(&directory.take_changed())?;
        Ok(match ended.is_empty() {
            true => Answer::Told(lines),
            false => Answer::Revoked(lines, ended),
        })
    }

    /// Where the home node of an account is, which is started first if it does not run.
    fn home_of(&self, number: Number) -> Answer {
        let (homes, runtime) = (Arc::clone(&self.homes), self.runtime.clone());
        let start = move || match runtime.block_on(homes.told(number)) {
            Ok(told) => Answer::Told([told.address].into_iter().chain(told.link).collect()),
            Err(error @ NodeError::Homes(_)) => {
                tracing::debug!(%error, "a home node is not made");
                Answer::Refused("TEMPORARILY_UNAVAILABLE", error.to_string())
            }
            Err(error) => {
                tracing::error!(%error, "a home node is not there");
                let text = "Your home node can not be started now".to_owned();
                Answer::Refused("TEMPORARILY_UNAVAILABLE", text)
            }
        };
        Answer::Later(Lane::Home, Box::new(start))
    }

    fn guest(&self, nick: &str, from: &From) -> Answer {
        // A guest looks like nobody who has an account.
        let judged = Name::new(nick).map(|name| locked(&self.directory).may_register(&name).err());
        let free = !matches!(
            judged,
            Err(_) | Ok(Some(Refused::Taken | Refused::Confusable))
        );
        let in_use = || {
            let text = "Nickname is in use: log in, or take another".to_owned();
            Answer::Refused("NICK", text)
        };
        if !free {
            return in_use();
        }
        let (nodes, runtime) = (Arc::clone(&self.nodes), self.runtime.clone());
        let (conn, nick) = (from.conn, nick.to_owned());
        let start = move || {
            if nodes.has_guest(&nick) {
                return in_use();
            }
            match runtime.block_on(nodes.guest(conn, &nick)) {
                Ok((key, client)) => Answer::Granted(key, Some(Box::new(client))),
                Err(error) => {
                    tracing::warn!(%error, "a guest did not come in");
                    Answer::Refused("GUEST", "Guests can not come in now: log in".to_owned())
                }
            }
        };
        Answer::Later(Lane::Guest, Box::new(start))
    }

    /// The first message of an exchange begins it; the second ends it.
    fn exchange(&self, message: &str, from: &From) -> Result<Answer, ScramError> {
        // One that was given up has left its first half.
        let begun = locked(&self.exchanges).remove(&from.conn);
        let Some((begun, exchange)) = begun.filter(|_| ends_exchange(message)) else {
            let begun = self.begin(&Exchange::user(message)?, source(from));
            let mut random = [0; NONCE_BYTES];
            getrandom::fill(&mut random).map_err(|_error| ScramError::Proof)?;
            let mut exchange = begun.exchange();
            let first = exchange.first(message, random)?;
            locked(&self.exchanges).insert(from.conn, (begun, exchange));
            return Ok(Answer::Challenge(first));
        };
        let last = exchange.last(message);
        let who = locked(&self.directory).end(&begun, last.is_ok(), self.now());
        self.keep_changes();
        let who = who.ok_or(ScramError::Proof)?;
        let last = last?;
        Ok(self.enter(who.number, |entered| match entered {
            Some((key, client)) => Answer::Proven(last, key, client),
            None => Answer::Denied,
        }))
    }
}

/// Whether a message of SCRAM is a client's last: that begins with what bound the channel, a first never does.
fn ends_exchange(message: &str) -> bool {
    message.starts_with("c=")
}

/// Of a name, which has no NUL, and a password.
fn hash_of_oper(name: &str, password: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(b"\0");
    hasher.update(password.as_bytes()).finalize()
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
            Credential::Connection { .. } => self.gate_delay(Gate::Entry, from),
            Credential::Operator { .. } => self.gate_delay(Gate::Operator, from),
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
        let admitted = match &credential {
            Credential::Connection { password } => Some(self.admits(password, from)),
            Credential::Operator { name, password } => Some(self.is_oper(name, password, from)),
            _ => None,
        };
        match admitted {
            Some(true) => return Answer::Admitted,
            Some(false) => {
                denied(from);
                return Answer::Denied;
            }
            None => {}
        }
        let found = self.find(credential, from);
        self.keep_changes();
        match found {
            Some(who) => self.granted(&who),
            None => {
                denied(from);
                Answer::Denied
            }
        }
    }

    fn scram_delay(&self, message: &str, from: &From) -> Duration {
        let wait_ms = if ends_exchange(message) {
            let exchanges = locked(&self.exchanges);
            let begun = exchanges.get(&from.conn).map(|(begun, _)| begun);
            begun.map_or(0, |begun| {
                locked(&self.directory).wait_ms(begun, self.now().0)
            })
        } else {
            let user = Exchange::user(message);
            user.map_or(0, |user| self.begin(&user, source(from)).wait_ms)
        };
        Duration::from_millis(wait_ms)
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
        let number = match self.make(&wanted.account, &wanted.password, from) {
            Ok(number) => number,
            Err(error) => return error.answer(),
        };
        // A guest who makes an account of its nick goes on as who it is.
        if self.nodes.is_guest_named(from.conn, &wanted.account) {
            let adopts = self.nodes.adopt(from.conn, number);
            if let Some(key) = self.runtime.block_on(adopts) {
                return Answer::Granted(key, None);
            }
        }
        // One of another nick stays who it is: the account's node starts when somebody logs in.
        if self.nodes.is_guest(from.conn) {
            return Answer::Granted(ClientKey(number.0), None);
        }
        self.enter(number, |entered| match entered {
            Some((key, client)) => Answer::Granted(key, client),
            None => {
                let text = "The account is made, but can not come in now".to_owned();
                Answer::Refused("TEMPORARILY_UNAVAILABLE", text)
            }
        })
    }

    fn account(&self, key: ClientKey, order: AccountOrder) -> Answer {
        let Some(number) = self.nodes.number_of(key) else {
            return Answer::Denied;
        };
        self.done(number, order)
            .unwrap_or_else(|error| error.answer())
    }

    fn home(&self, key: ClientKey) -> Option<SocketAddr> {
        self.homes.place(self.nodes.number_of(key)?)
    }

    fn open(&self, key: ClientKey, name: &str) -> Answer {
        let (nodes, runtime) = (Arc::clone(&self.nodes), self.runtime.clone());
        let name = name.to_owned();
        if name.contains('/') {
            let refused = |error: EnterError| Answer::Refused(error.numeric(), error.to_string());
            let coming = match Coming::begin(&nodes, key) {
                Ok(coming) => coming,
                Err(error) => return refused(error),
            };
            let start = move || match runtime.block_on(coming.enter(&name)) {
                Ok(()) => Answer::Granted(key, None),
                Err(error) => refused(error),
            };
            return Answer::Later(Lane::Community, Box::new(start));
        }
        let start = move || match runtime.block_on(nodes.open(key, &name)) {
            Ok(()) => Answer::Granted(key, None),
            Err(error) => Answer::Refused("CANNOT_CREATE", error.to_string()),
        };
        Answer::Later(Lane::Guest, Box::new(start))
    }

    fn ended(&self, key: ClientKey) -> bool {
        self.nodes.ended(key)
    }

    fn idle(&self, key: ClientKey) -> bool {
        self.nodes.let_go(key)
    }

    fn gone(&self, conn: ConnId) -> Option<ClientKey> {
        locked(&self.exchanges).remove(&conn);
        locked(&self.by_app).remove(&conn);
        locked(&self.registrations).1.remove(&conn);
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
            Self::Refused(_) | Self::Keep(_) | Self::Often | Self::Entropy(_) => {
                "TEMPORARILY_UNAVAILABLE"
            }
        };
        if let Self::Keep(error) = self {
            tracing::error!(%error, "an account could not be kept");
            return Answer::Refused(code, "The account can not be kept now".to_owned());
        }
        Answer::Refused(code, self.to_string())
    }
}
