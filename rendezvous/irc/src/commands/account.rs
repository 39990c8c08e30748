//! Accounts of a rendezvous: REGISTER, NickServ for old clients, guests.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::bridge::{AccountOrder, Mechanism, Registration, Wanted};
use crate::caps::Cap;
use crate::io::{CheckId, ClientKey, ConnId, Credential, Outcome, Output};
use crate::limits::SASL_CHUNK;
use crate::line::{Line, Out};
use crate::names::{self, fold};
use crate::server::Server;
use crate::session::{Opening, Sasl, Stage};

/// Who answers for accounts to clients that know no REGISTER.
const NICK_SERV: &str = "NickServ";

impl Server {
    /// Whether a capability is offered by this face.
    pub(super) fn offers(&self, cap: Cap) -> bool {
        match cap {
            Cap::AccountRegistration | Cap::AccountNotify => {
                self.registration() != Registration::Closed
            }
            // Where nobody can log in so, nobody is told to.
            Cap::Sasl => !self.mechanisms().is_empty(),
            Cap::E2ee => self.bridge.as_ref().is_some_and(|bridge| bridge.e2ee),
            _ => true,
        }
    }

    fn registration(&self) -> Registration {
        let bridge = self.bridge.as_ref();
        bridge.map_or(Registration::Closed, |bridge| bridge.registration)
    }

    /// How a capability is listed for clients of version 302.
    pub(super) fn listed(&self, cap: Cap) -> String {
        match cap {
            Cap::AccountRegistration => {
                let early = match self.registration() {
                    Registration::BeforeConnect => "before-connect,",
                    _ => "",
                };
                format!("{}={early}custom-account-name", cap.name())
            }
            Cap::Sasl => format!("sasl={}", self.mechanisms().join(",")),
            other => other.listed(),
        }
    }

    pub(super) fn mechanisms(&self) -> Vec<&'static str> {
        match &self.bridge {
            None => vec![Mechanism::Plain.name()],
            Some(bridge) => {
                let all = Mechanism::ALL.into_iter();
                all.filter(|mechanism| bridge.mechanisms.contains(mechanism))
                    .map(Mechanism::name)
                    .collect()
            }
        }
    }

    /// Begins an exchange; `false`: the mechanism is none of this face.
    pub(super) fn begin_sasl(&mut self, conn: ConnId, name: &str) -> bool {
        let offered = Mechanism::named(name)
            .filter(|mechanism| self.mechanisms().contains(&mechanism.name()));
        let Some((mechanism, session)) = offered.zip(self.session_mut(conn)) else {
            return false;
        };
        session.sasl = Some(Sasl {
            mechanism,
            ..Sasl::default()
        });
        true
    }

    /// A whole message of an exchange that is not PLAIN; `false`: it is no good.
    pub(super) fn sasl_message(&mut self, conn: ConnId, sasl: Sasl) -> bool {
        let Some(bytes) = BASE64.decode(sasl.base64.as_bytes()).ok() else {
            return false;
        };
        let Ok(text) = String::from_utf8(bytes) else {
            return false;
        };
        if sasl.mechanism == Mechanism::External {
            return self.sasl_external(conn, &text);
        }
        if let Some(key) = sasl.proven {
            // The client has seen that the server knows the password's verifier, too.
            if text.is_empty() {
                self.sasl_passed(conn, key);
            }
            return text.is_empty();
        }
        if let Some(name) = scram_name(&text) {
            self.account_named(conn, name);
        }
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.by_pass = false;
            session.sasl = Some(Sasl {
                mechanism: sasl.mechanism,
                ..Sasl::default()
            });
        }
        self.output(Output::Scram(check, Zeroizing::new(text)));
        true
    }

    fn sasl_external(&mut self, conn: ConnId, name: &str) -> bool {
        let Some(session) = self.session_mut(conn) else {
            return false;
        };
        let tls = session.origin.tls.as_ref();
        let Some(fingerprint) = tls.and_then(|tls| tls.fingerprint) else {
            return false;
        };
        session.by_pass = false;
        let account = self.account_named(conn, name);
        self.check(
            conn,
            Credential::Certificate {
                account,
                fingerprint,
            },
        );
        true
    }

    /// The shell's next message of an exchange.
    pub(super) fn challenge(&mut self, conn: ConnId, message: &str, proven: Option<ClientKey>) {
        let Some(sasl) = self
            .session_mut(conn)
            .and_then(|session| session.sasl.as_mut())
        else {
            return;
        };
        sasl.proven = proven;
        let text = BASE64.encode(message.as_bytes());
        let mut rest = text.as_str();
        while rest.len() >= SASL_CHUNK {
            let (chunk, after) = rest.split_at(SASL_CHUNK);
            self.reply(conn, Out::new("", "AUTHENTICATE", &[chunk]));
            rest = after;
        }
        let last = if rest.is_empty() { "+" } else { rest };
        self.reply(conn, Out::new("", "AUTHENTICATE", &[last]));
    }

    /// Lets a client without an account in, where that is done; `false`: it is not.
    pub(super) fn come_in_as_guest(&mut self, conn: ConnId) -> bool {
        let open = self.bridge.as_ref().is_some_and(|bridge| bridge.guests);
        let Some(session) = self.session_mut(conn).filter(|_| open) else {
            return false;
        };
        let nick = session.nick.clone().unwrap_or_default();
        session.by_pass = true;
        session.guest = true;
        self.check(conn, Credential::Guest { nick });
        true
    }

    pub(super) fn register(&mut self, conn: ConnId, line: &Line) {
        let Some(session) = self.session(conn) else {
            return;
        };
        let (stage, in_by_account) = (session.stage, session.key.is_some() && !session.guest);
        let nick = session.nick.clone();
        let early = self.registration() == Registration::BeforeConnect;
        let account = match (line.params[0].as_str(), nick) {
            ("*", Some(nick)) => nick,
            // Without a nick nothing is said of any account, not even that there is one.
            (account, None) if account == "*" || early => {
                let text = "Send NICK before REGISTER";
                return self.fail(conn, "REGISTER", "NEED_NICK", &["*"], text);
            }
            (account, _) => account.to_owned(),
        };
        let refused = match self.registration() {
            _ if self.needs_password(conn) => {
                Some(("DISALLOWED", "Give the server's password first: PASS"))
            }
            _ if in_by_account => Some(("ALREADY_AUTHENTICATED", "You are logged in already")),
            Registration::Closed => Some(("DISALLOWED", "Accounts are not made here")),
            Registration::Open if stage != Stage::In => Some((
                "COMPLETE_CONNECTION_REQUIRED",
                "Come in first, then register",
            )),
            _ => None,
        };
        if let Some((code, text)) = refused {
            return self.fail(conn, "REGISTER", code, &[&account], text);
        }
        // What stands as the e-mail address is not asked for, and not kept.
        let password = Zeroizing::new(line.params[2].clone());
        self.want(conn, account, password);
    }

    fn want(&mut self, conn: ConnId, account: String, password: Zeroizing<String>) {
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.registering = Some(account.clone());
        }
        self.output(Output::Register(check, Wanted { account, password }));
    }

    pub(super) fn new_check(&mut self, conn: ConnId) -> CheckId {
        self.check_last += 1;
        let check = CheckId(self.check_last);
        self.checks.insert(check, conn);
        if let Some(session) = self.session_mut(conn) {
            session.check = Some(check);
        }
        check
    }

    /// An account was made, or was not.
    pub(super) fn register_ended(&mut self, conn: ConnId, account: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Granted(key) => {
                let own = self.session_mut(conn).filter(|session| {
                    session.stage == Stage::Registering || session.key == Some(*key)
                });
                let text = match own {
                    Some(session) => {
                        session.guest = false;
                        self.set_key(conn, *key);
                        "Account created; you are logged in"
                    }
                    None => "Account created; log in by SASL or PASS when you connect again",
                };
                self.server_line(conn, "REGISTER", &["SUCCESS", account, text]);
                self.serv(conn, text);
                if self
                    .session(conn)
                    .is_some_and(|session| session.key == Some(*key))
                {
                    self.sasl_passed(conn, *key);
                    self.tell_account(conn);
                }
            }
            Outcome::Refused { code, text } => {
                self.fail(conn, "REGISTER", code, &[account], text);
                self.serv(conn, text);
            }
            _ => {
                let text = "It can not be done now";
                self.fail(
                    conn,
                    "REGISTER",
                    "TEMPORARILY_UNAVAILABLE",
                    &[account],
                    text,
                );
            }
        }
    }

    /// Tells whoever shares a room with a guest, or monitors it, that it has made an account; itself, too.
    fn tell_account(&mut self, of: ConnId) {
        let account = self.me(of);
        let keys = self.worlds.keys();
        let conns: Vec<ConnId> = keys.flat_map(|key| self.all_in(*key)).collect();
        for conn in conns {
            let told = self.session(conn).is_some_and(|session| {
                let monitored = self.monitors(session, conn, account);
                session.caps.has(Cap::AccountNotify) && (monitored || self.is_among(conn, account))
            });
            if let Some(world) = self.world_of(conn).filter(|_| told) {
                let out = Out::new(&world.mask(account), "ACCOUNT", &[&account.to_string()])
                    .tagged(self.tags_of(account));
                match conn == of {
                    true => self.reply(conn, out),
                    false => self.tell(conn, &out),
                }
            }
        }
    }

    /// Tells a client that asked NickServ.
    fn serv(&mut self, conn: ConnId, text: &str) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if std::mem::take(&mut session.asked_serv) {
            let nick = self.nick_of(conn);
            let source = format!("{NICK_SERV}!services@{}", self.settings.server_name);
            self.reply(conn, Out::new(&source, "NOTICE", &[&nick, text]));
        }
    }

    /// What is said to NickServ; `false`: it is somebody else, or nobody.
    pub(super) fn asks_nick_serv(&mut self, conn: ConnId, target: &str, text: &str) -> bool {
        if self.bridge.is_none() || fold(target) != fold(NICK_SERV) {
            return false;
        }
        let Some(session) = self.session_mut(conn) else {
            return true;
        };
        session.asked_serv = true;
        let in_by_account = session.key.is_some() && !session.guest;
        if in_by_account && let Some(order) = self.account_order(conn, text) {
            match order {
                Ok(order) => self.order_of_account(conn, order),
                Err(usage) => self.serv(conn, usage),
            }
            return true;
        }
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), words.next()) {
            ("REGISTER", Some(_)) if in_by_account => self.serv(conn, "You are logged in already"),
            ("REGISTER", Some(_)) if self.registration() == Registration::Closed => {
                self.serv(conn, "Accounts are not made here");
            }
            ("REGISTER", Some(password)) => {
                let account = self.nick_of(conn);
                self.want(conn, account, Zeroizing::new(password.to_owned()));
            }
            ("REGISTER", None) => {
                self.serv(conn, "REGISTER <password>: makes an account of your nick")
            }
            ("IDENTIFY", _) if in_by_account => self.serv(conn, "You are logged in already"),
            ("IDENTIFY", _) => self.serv(
                conn,
                "Log in when you connect: SASL, or PASS <account>:<password>",
            ),
            _ => self.serv(conn, "I know REGISTER <password>, IDENTIFY, CERT and APP"),
        }
        true
    }

    /// What an account asks about itself; `None`: something else was said.
    fn account_order(
        &self,
        conn: ConnId,
        text: &str,
    ) -> Option<Result<AccountOrder, &'static str>> {
        let session = self.session(conn)?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let upper = |at: usize| words.get(at).map(|word| word.to_ascii_uppercase());
        let (verb, action) = (upper(0)?, upper(1).unwrap_or_default());
        let tls = session.origin.tls.as_ref();
        let order = match (verb.as_str(), action.as_str()) {
            ("CERT", "ADD") => tls
                .and_then(|tls| tls.fingerprint)
                .map(AccountOrder::CertAdd)
                .ok_or("This connection shows no certificate"),
            ("CERT", _) => Err("CERT ADD: lets you log in by the certificate of this connection"),
            ("APP", "ADD") if words.len() > 2 => {
                let read_only = upper(2).as_deref() == Some("READ");
                let label = words[2 + usize::from(read_only)..].join(" ");
                Ok(AccountOrder::AppAdd { label, read_only })
            }
            ("APP", "LIST") => Ok(AccountOrder::AppList),
            ("APP", "REVOKE") => words
                .get(2)
                .and_then(|number| number.parse().ok())
                .map(AccountOrder::AppRevoke)
                .ok_or("APP REVOKE <number>: ends an app password"),
            ("APP", _) => Err("APP ADD [READ] <label>, APP LIST, APP REVOKE <number>"),
            _ => return None,
        };
        Some(order)
    }

    fn order_of_account(&mut self, conn: ConnId, order: AccountOrder) {
        let Some(key) = self.session(conn).and_then(|session| session.key) else {
            return;
        };
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.asked_account = true;
        }
        self.output(Output::Account(check, key, order));
    }

    /// What an account asked about itself is done, or not.
    pub(super) fn order_of_account_ended(&mut self, conn: ConnId, outcome: &Outcome) {
        let lines = match outcome {
            Outcome::Told(lines) => lines.clone(),
            Outcome::Refused { text, .. } => vec![text.clone()],
            _ => vec!["It can not be done now".to_owned()],
        };
        for line in lines {
            if let Some(session) = self.session_mut(conn) {
                session.asked_serv = true;
            }
            self.serv(conn, &line);
        }
        self.finish(conn);
    }

    /// Has a channel of the lobby made, or the account let into a community that it is no member of; `false`: the name
    /// can be neither's, or one is being made.
    pub(super) fn open_room(&mut self, conn: ConnId, target: &str) -> bool {
        let Some((bridge, name)) = self.bridge.as_ref().zip(target.strip_prefix('#')) else {
            return false;
        };
        let (name, may_be) = match fold(name).split_once('/') {
            Some((slug, channel)) => (
                format!("{slug}/{channel}"),
                names::slug(slug) == slug && names::channel(channel) == channel,
            ),
            None => (
                name.to_owned(),
                bridge.lobby.is_some() && names::channel(name) == name,
            ),
        };
        let session = self.session(conn);
        // Making a room is no reading, and coming into a community is none.
        let key = session.and_then(|session| session.key.filter(|_| !session.read_only));
        let Some(key) = key.filter(|_| may_be) else {
            return false;
        };
        if self
            .session(conn)
            .is_some_and(|session| session.check.is_some())
        {
            return false;
        }
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.opening = Some(Opening {
                target: target.to_owned(),
                ..Opening::default()
            });
        }
        self.output(Output::Open(check, key, name));
        true
    }

    /// A channel was made: the client joins when it sees it.
    pub(super) fn open_ended(&mut self, conn: ConnId, outcome: &Outcome) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if let (Outcome::Granted(_), Some(opening)) = (outcome, session.opening.as_mut()) {
            opening.made = true;
            return;
        }
        let Some(Opening { target, rest, .. }) = session.opening.take() else {
            return;
        };
        let (number, text) = match outcome {
            Outcome::Refused { code, text } if code.starts_with('4') => (*code, text.as_str()),
            Outcome::Refused { text, .. } => ("403", text.as_str()),
            _ => ("403", "No such channel"),
        };
        self.numeric(conn, number, &[&target, text]);
        self.join_all(conn, rest);
        self.finish(conn);
    }

    /// Joins those whose channel is there now.
    pub(crate) fn join_opened(&mut self, key: ClientKey) {
        let conns = self.all_of(key).into_iter();
        let opened = conns.filter_map(|conn| {
            let opening = self
                .session_mut(conn)?
                .opening
                .take_if(|opening| opening.made);
            Some((conn, opening?))
        });
        let opened: Vec<_> = opened.collect();
        for (conn, Opening { target, rest, .. }) in opened {
            match self.room(conn, &target) {
                Some(_) => self.join_one(conn, &target),
                None => self.numeric(conn, "403", &[&target, "No such channel"]),
            }
            self.join_all(conn, rest);
            self.finish(conn);
            self.ready.insert(conn);
        }
    }
}

/// The name in a client's first message of SCRAM; the last one has none.
fn scram_name(message: &str) -> Option<&str> {
    let bare = message.splitn(3, ',').nth(2)?;
    bare.split(',').next()?.strip_prefix("n=")
}
