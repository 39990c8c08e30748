//! All accounts, and what may be done with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alloquy_ids::{MonoMs, UnixMs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::account::{Account, AppNumber, AppPassword, Number, Scope};
use crate::attempts::{Attempts, Gate, Source};
use crate::limits::{
    ACCOUNTS_MAX, APP_PASSWORDS_MAX, CERTIFICATES_MAX, LABEL_BYTES_MAX, LAST_USE_STEP_MS,
};
use crate::name::{Name, fold};
use crate::scram::Exchange;
use crate::secret::{Kept, token, token_hash};

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name is somebody's.
    #[error("the name is taken")]
    Taken,
    /// The name looks like somebody's.
    #[error("the name looks like one that is taken")]
    Confusable,
    /// Too many accounts.
    #[error("there are {ACCOUNTS_MAX} accounts, more are not taken")]
    Full,
    /// No such account.
    #[error("there is no such account")]
    Unknown,
    /// A label that is too long or empty.
    #[error("a label has 1 to {LABEL_BYTES_MAX} bytes")]
    Label,
    /// Too many app passwords.
    #[error("an account has at most {APP_PASSWORDS_MAX} app passwords")]
    AppPasswords,
    /// Too many certificates.
    #[error("an account has at most {CERTIFICATES_MAX} certificates")]
    Certificates,
    /// The certificate is another account's.
    #[error("the certificate belongs to another account")]
    Certificate,
    /// No such app password, or it is revoked already.
    #[error("there is no such app password, or it is revoked already")]
    AppPassword,
}

/// Kept accounts do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the accounts {0:?} and {1:?} have something in common that is one account's alone")]
pub struct RestoreError(pub Number, pub Number);

/// A log-in that has begun.
pub struct Begun {
    name: String,
    source: Source,
    account: Option<Number>,
    kept: Kept,
    /// Milliseconds to wait before it is checked.
    pub wait_ms: u64,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name that was tried is nobody's affair who reads logs.
        f.debug_struct("Begun")
            .field("wait_ms", &self.wait_ms)
            .finish_non_exhaustive()
    }
}

impl Begun {
    /// Whether the password is the account's. Takes some ten milliseconds and 19 MiB.
    #[must_use]
    pub fn right(&self, password: &str) -> bool {
        // Both sides are computed before they are joined: no account takes as long as one.
        let fits = self.kept.fits(password);
        fits && self.account.is_some()
    }

    /// Begins an exchange in which the password itself is never told (SCRAM-SHA-256).
    #[must_use]
    pub fn exchange(&self) -> Exchange {
        Exchange::new(self.kept.scram.clone(), self.account.is_some())
    }
}

/// A log-in that was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// Whose.
    pub number: Number,
    /// What it is good for.
    pub scope: Scope,
    /// The app password that it was by.
    pub app: Option<AppNumber>,
    /// Wrong ones since the last that was right: the owner is told.
    pub failures: u32,
}

/// All accounts.
#[derive(Debug)]
pub struct Directory {
    accounts: BTreeMap<Number, Account>,
    names: BTreeMap<String, Number>,
    looks: BTreeMap<String, Number>,
    certificates: BTreeMap<[u8; 32], Number>,
    tokens: BTreeMap<[u8; 32], (Number, AppNumber)>,
    attempts: Attempts,
    changed: BTreeSet<Number>,
    /// Makes what stands in place of accounts that are not there.
    secret: [u8; 32],
}

impl Directory {
    /// A directory of these accounts.
    ///
    /// # Errors
    /// Two accounts have a name or a credential in common.
    pub fn restore(
        secret: [u8; 32],
        accounts: impl IntoIterator<Item = Account>,
    ) -> Result<Self, RestoreError> {
        let mut directory = Self {
            accounts: BTreeMap::new(),
            names: BTreeMap::new(),
            looks: BTreeMap::new(),
            certificates: BTreeMap::new(),
            tokens: BTreeMap::new(),
            attempts: Attempts::default(),
            changed: BTreeSet::new(),
            secret,
        };
        for account in accounts {
            directory.index(account)?;
        }
        Ok(directory)
    }

    fn index(&mut self, account: Account) -> Result<(), RestoreError> {
        let number = account.number;
        let apart = |other: Option<Number>| match other {
            Some(other) if other != number => Err(RestoreError(other, number)),
            _ => Ok(()),
        };
        apart(self.accounts.contains_key(&number).then_some(Number(0)))?;
        apart(self.names.insert(fold(account.name.as_str()), number))?;
        for look in account.name.looks() {
            apart(self.looks.insert(look, number))?;
        }
        for certificate in &account.certificates {
            apart(self.certificates.insert(*certificate, number))?;
        }
        for (app, kept) in &account.apps {
            if kept.revoked.is_none() {
                let before = self.tokens.insert(kept.hash, (number, *app));
                apart(before.map(|(other, _)| other))?;
            }
        }
        self.accounts.insert(number, account);
        Ok(())
    }

    /// Accounts that have changed since the last call: kept before anybody is answered.
    pub fn take_changed(&mut self) -> Vec<Account> {
        let changed = std::mem::take(&mut self.changed);
        let account = |number| self.accounts.get(&number).cloned();
        changed.into_iter().filter_map(account).collect()
    }

    /// An account.
    #[must_use]
    pub fn account(&self, number: Number) -> Option<&Account> {
        self.accounts.get(&number)
    }

    /// All accounts, by number.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Whether a name may be registered.
    ///
    /// # Errors
    /// It is taken, looks like one that is, or there are too many accounts.
    pub fn may_register(&self, name: &Name) -> Result<(), Refused> {
        if self.names.contains_key(&fold(name.as_str())) {
            return Err(Refused::Taken);
        }
        if name
            .looks()
            .iter()
            .any(|look| self.looks.contains_key(look))
        {
            return Err(Refused::Confusable);
        }
        if self.accounts.len() >= ACCOUNTS_MAX {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// Makes an account.
    ///
    /// # Errors
    /// See [`Self::may_register`].
    pub fn register(&mut self, name: Name, password: Kept, at: UnixMs) -> Result<Number, Refused> {
        self.may_register(&name)?;
        let last = self.accounts.last_key_value();
        let number = Number(last.map_or(0, |(last, _)| last.0) + 1);
        let account = Account {
            number,
            name,
            created: at,
            password,
            last_use: None,
            apps: BTreeMap::new(),
            certificates: Vec::new(),
        };
        self.index(account)
            .expect("the name is free, and a new account has nothing else");
        self.changed.insert(number);
        Ok(number)
    }

    /// Begins a log-in by a password. An app password is found at once ([`Self::app`]); this is for the others.
    #[must_use]
    pub fn begin(&self, name: &str, source: Source, now: MonoMs) -> Begun {
        let name = fold(name);
        let account = self.names.get(&name).copied();
        let kept = match account.and_then(|number| self.accounts.get(&number)) {
            Some(account) => account.password.clone(),
            None => Kept::of_nobody(&self.secret, &name),
        };
        Begun {
            wait_ms: self.attempts.wait(&name, source, now),
            name,
            source,
            account,
            kept,
        }
    }

    /// Milliseconds that an attempt at a password that is no account's waits: guesses at it are counted like those at an
    /// account's.
    #[must_use]
    pub fn gate_wait_ms(&self, gate: Gate, source: Source, now: MonoMs) -> u64 {
        self.attempts.wait(gate.name(), source, now)
    }

    /// An attempt at a password that is no account's has ended.
    pub fn end_gate(&mut self, gate: Gate, right: bool, (source, now): (Source, MonoMs)) {
        match right {
            true => self.attempts.succeeded_alone(gate.name(), source),
            false => self.attempts.failed(gate.name(), source, now),
        }
    }

    /// Milliseconds that a log-in that has begun still waits, for others may have failed since.
    #[must_use]
    pub fn wait_ms(&self, begun: &Begun, now: MonoMs) -> u64 {
        self.attempts.wait(&begun.name, begun.source, now)
    }

    /// Ends a log-in: `right` is what the password's check gave.
    pub fn end(
        &mut self,
        begun: &Begun,
        right: bool,
        (now, at): (MonoMs, UnixMs),
    ) -> Option<LoggedIn> {
        match begun.account.filter(|_| right) {
            None => {
                self.attempts.failed(&begun.name, begun.source, now);
                None
            }
            Some(number) => {
                let account = self.accounts.get_mut(&number)?;
                if stamp(&mut account.last_use, at) {
                    self.changed.insert(number);
                }
                Some(self.logged_in(&begun.name, begun.source, (number, Scope::Full)))
            }
        }
    }

    fn logged_in(
        &mut self,
        name: &str,
        source: Source,
        (number, scope): (Number, Scope),
    ) -> LoggedIn {
        let failures = self.attempts.failures(name);
        self.attempts.succeeded(name, source);
        LoggedIn {
            number,
            scope,
            app: None,
            failures,
        }
    }

    /// Logs in by an app password; `None`: the text has not its shape. A wrong one counts as a failure, and is told
    /// from no account by nothing.
    pub fn app(
        &mut self,
        name: &str,
        text: &str,
        source: Source,
        (now, at): (MonoMs, UnixMs),
    ) -> Option<Option<LoggedIn>> {
        let hash = token_hash(text)?;
        let name = fold(name);
        let owner = self.names.get(&name).copied();
        let found = self.tokens.get(&hash).copied();
        let Some((number, app)) = found.filter(|(number, _)| Some(*number) == owner) else {
            self.attempts.failed(&name, source, now);
            return Some(None);
        };
        let account = self.accounts.get_mut(&number);
        let kept = account.and_then(|account| account.apps.get_mut(&app));
        let scope = kept.map(|kept| {
            if stamp(&mut kept.last_use, at) {
                self.changed.insert(number);
            }
            kept.scope
        });
        Some(scope.map(|scope| LoggedIn {
            app: Some(app),
            ..self.logged_in(&name, source, (number, scope))
        }))
    }

    /// Logs in by a certificate whose key the other side holds. `name`: the account that it asks for.
    pub fn certificate(
        &mut self,
        name: Option<&str>,
        fingerprint: &[u8; 32],
        source: Source,
    ) -> Option<LoggedIn> {
        let number = *self.certificates.get(fingerprint)?;
        let own = fold(self.accounts.get(&number)?.name.as_str());
        if name.is_some_and(|name| fold(name) != own) {
            return None;
        }
        Some(self.logged_in(&own, source, (number, Scope::Full)))
    }

    /// Makes an app password: its number, and the password, which is nowhere kept.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn add_app(
        &mut self,
        number: Number,
        (label, scope): (&str, Scope),
        at: UnixMs,
        rng: &mut impl CryptoRng,
    ) -> Result<(AppNumber, Zeroizing<String>), Refused> {
        if label.is_empty() || label.len() > LABEL_BYTES_MAX {
            return Err(Refused::Label);
        }
        let account = self.accounts.get_mut(&number).ok_or(Refused::Unknown)?;
        if account.apps.len() >= APP_PASSWORDS_MAX {
            return Err(Refused::AppPasswords);
        }
        let text = token(rng);
        let hash = token_hash(&text).expect("it is shaped as one");
        let last = account.apps.last_key_value();
        let app = AppNumber(last.map_or(0, |(last, _)| last.0) + 1);
        let kept = AppPassword {
            label: label.to_owned(),
            scope,
            created: at,
            last_use: None,
            revoked: None,
            hash,
        };
        account.apps.insert(app, kept);
        self.tokens.insert(hash, (number, app));
        self.changed.insert(number);
        Ok((app, text))
    }

    /// Ends an app password.
    ///
    /// # Errors
    /// [`Refused::Unknown`], [`Refused::AppPassword`].
    pub fn revoke_app(
        &mut self,
        number: Number,
        app: AppNumber,
        at: UnixMs,
    ) -> Result<(), Refused> {
        let account = self.accounts.get_mut(&number).ok_or(Refused::Unknown)?;
        let kept = account.apps.get_mut(&app).ok_or(Refused::AppPassword)?;
        if kept.revoked.is_some() {
            return Err(Refused::AppPassword);
        }
        kept.revoked = Some(at);
        self.tokens.remove(&kept.hash);
        self.changed.insert(number);
        Ok(())
    }

    /// Lets an account log in by a certificate.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn add_certificate(
        &mut self,
        number: Number,
        fingerprint: [u8; 32],
    ) -> Result<(), Refused> {
        let account = self.accounts.get_mut(&number).ok_or(Refused::Unknown)?;
        match self.certificates.get(&fingerprint) {
            Some(owner) if *owner == number => return Ok(()),
            Some(_) => return Err(Refused::Certificate),
            None => {}
        }
        if account.certificates.len() >= CERTIFICATES_MAX {
            return Err(Refused::Certificates);
        }
        account.certificates.push(fingerprint);
        self.certificates.insert(fingerprint, number);
        self.changed.insert(number);
        Ok(())
    }
}

/// Records a use, not each of many in a row; whether it did.
fn stamp(last: &mut Option<UnixMs>, at: UnixMs) -> bool {
    let due = last.is_none_or(|last| at.0.saturating_sub(last.0) >= LAST_USE_STEP_MS);
    if due {
        *last = Some(at);
    }
    due
}
