//! Coming in: capabilities, log-in, NICK and USER.

use alloquy_api::command::Availability;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::bridge::Mechanism;
use crate::caps::{Cap, Caps};
use crate::io::{CheckId, ClientKey, ConnId, Credential, Outcome, Output};
use crate::isupport;
use crate::limits::{
    BODY_BYTES_MAX, FAILURE_DELAY_MS, FAILURE_DELAY_MS_MAX, FAILURES_MAX, NICK_BYTES_MAX,
    SASL_BYTES_MAX, SASL_CHUNK,
};
use crate::line::{Line, Out};
use crate::server::Server;
use crate::session::Stage;
use crate::world::World;

/// Bytes of capabilities in one line of CAP: the rest of it is the server's name, the nick and a few words.
const CAP_LINE_BYTES: usize = BODY_BYTES_MAX - 160;

impl Server {
    pub(super) fn cap(&mut self, conn: ConnId, line: &Line) {
        let subcommand = line.params[0].to_ascii_uppercase();
        let argument = line.param(1).unwrap_or_default().to_owned();
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let registering = session.stage == Stage::Registering;
        match subcommand.as_str() {
            "LS" => {
                session.negotiating |= registering;
                if argument.parse::<u32>().is_ok_and(|version| version >= 302) {
                    session.cap_302 = true;
                    session.caps.add(Cap::CapNotify);
                }
                let full = session.cap_302;
                let offered = Cap::ALL.iter().filter(|cap| self.offers(**cap));
                let all = offered.map(|cap| match full {
                    true => self.listed(*cap),
                    false => cap.name().to_owned(),
                });
                let mut all: Vec<String> = all.collect();
                all.extend(self.sts(conn).filter(|_| full));
                self.cap_list(conn, "LS", all, full);
            }
            "LIST" => {
                let (caps, full) = (session.caps, session.cap_302);
                let held = Cap::ALL.iter().filter(|cap| caps.has(**cap));
                let held = held.map(|cap| cap.name().to_owned()).collect();
                self.cap_list(conn, "LIST", held, full);
            }
            "REQ" => {
                session.negotiating |= registering;
                let changed = requested(session.caps, &argument, session.cap_302);
                let nick = self.nick_of(conn);
                let names = self.settings.server_name.len() + nick.len();
                let head = names + ":  CAP  ACK :\r\n".len();
                let changed = changed.filter(|caps| {
                    // An answer that is cut off would grant what nobody can read.
                    let fits = argument.trim().len() + head <= BODY_BYTES_MAX;
                    let hidden = |cap: &&Cap| caps.has(**cap) && !self.offers(**cap);
                    fits && !Cap::ALL.iter().any(|cap| hidden(&cap))
                });
                let mut begins = false;
                let verb = match (changed, self.session_mut(conn)) {
                    (Some(caps), Some(session)) => {
                        // Whoever has come in is told its profile now, all others when they come in.
                        begins = session.stage == Stage::In
                            && caps.has(Cap::Metadata)
                            && !session.caps.has(Cap::Metadata);
                        session.caps = caps;
                        "ACK"
                    }
                    _ => "NAK",
                };
                self.server_line(conn, "CAP", &[&nick, verb, argument.trim()]);
                if begins {
                    self.metadata_at_first(conn);
                }
                if !self.has_streams(conn) {
                    self.close_streams(conn);
                }
            }
            "END" => {
                session.negotiating = false;
                if session.sasl.take().is_some() {
                    self.numeric(conn, "906", &["SASL authentication aborted"]);
                }
                self.try_to_come_in(conn);
            }
            _ => self.numeric(conn, "410", &[&line.params[0], "Invalid CAP command"]),
        }
    }

    fn cap_list(&mut self, conn: ConnId, verb: &str, caps: Vec<String>, several: bool) {
        let nick = self.nick_of(conn);
        let mut lines = vec![String::new()];
        for cap in caps {
            let line = lines.last_mut().expect("one is always there");
            if several && line.len() + cap.len() > CAP_LINE_BYTES {
                lines.push(cap);
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&cap);
        }
        let last = lines.pop().unwrap_or_default();
        for line in lines {
            self.server_line(conn, "CAP", &[&nick, verb, "*", &line]);
        }
        // Always a last parameter, also when it is empty or one word.
        self.server_line(conn, "CAP", &[&nick, verb, &last]);
    }

    /// Whether a connection has not given yet the password that whoever comes in has to know.
    pub(super) fn needs_password(&self, conn: ConnId) -> bool {
        let asks = self.bridge.as_ref().is_some_and(|bridge| bridge.password);
        asks && self.session(conn).is_some_and(|session| !session.admitted)
    }

    /// Of a rendezvous with a password the first PASS is that, and a further one is of an account.
    pub(super) fn pass(&mut self, conn: ConnId, line: &Line) {
        if self.needs_password(conn) {
            let check = self.new_check(conn);
            if let Some(session) = self.session_mut(conn) {
                session.asked_password = true;
            }
            let password = Zeroizing::new(line.params[0].clone());
            return self.output(Output::Check(check, Credential::Connection { password }));
        }
        if let Some(session) = self
            .session_mut(conn)
            .filter(|session| session.stage == Stage::Registering)
        {
            session.pass = Some(Zeroizing::new(line.params[0].clone()));
            return;
        }
        self.numeric(conn, "462", &["You may not reregister"]);
    }

    pub(super) fn user(&mut self, conn: ConnId, line: &Line) {
        if let Some(session) = self
            .session_mut(conn)
            .filter(|session| session.stage == Stage::Registering)
        {
            session.user = Some(line.params[0].clone());
            return self.try_to_come_in(conn);
        }
        self.numeric(conn, "462", &["You may not reregister"]);
    }

    pub(super) fn nick(&mut self, conn: ConnId, line: &Line) {
        let Some(nick) = line.param(0).filter(|nick| !nick.is_empty()) else {
            return self.numeric(conn, "431", &["No nickname given"]);
        };
        let valid = nick.len() <= NICK_BYTES_MAX && crate::names::nick(nick) == *nick;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if session.stage == Stage::Registering {
            if !valid {
                return self.numeric(conn, "432", &[nick, "Erroneous nickname"]);
            }
            session.nick = Some(nick.to_owned());
            return self.try_to_come_in(conn);
        }
        let same = self.nick_of(conn) == *nick;
        if same {
            return;
        }
        let me = self.me(conn);
        let taken = self
            .world_of(conn)
            .and_then(|world| world.account_of(nick))
            .is_some_and(|of| of != me);
        match (valid, taken) {
            (false, _) => self.numeric(conn, "432", &[nick, "Erroneous nickname"]),
            (true, true) => self.numeric(conn, "433", &[nick, "Nickname is already in use"]),
            // A client that tries nicks by itself must not rename the person everywhere.
            (true, false) => self.numeric(
                conn,
                "447",
                &["Your nick is made of your account's name: change that by SETNAME or in the app"],
            ),
        }
    }

    /// Why nobody logs in by SASL on a connection now; `false`: it may.
    fn refuses_sasl(&mut self, conn: ConnId) -> bool {
        let Some(session) = self.session(conn) else {
            return true;
        };
        let (number, text) = if !session.caps.has(Cap::Sasl) {
            let text = "SASL authentication failed: request the capability first";
            ("904", text)
        } else if session.key.is_some() {
            ("907", "You have already authenticated using SASL")
        } else if self.needs_password(conn) {
            // Who does not know it guesses at no account.
            let text = "SASL authentication failed: give the server's password first (PASS)";
            ("904", text)
        } else {
            return false;
        };
        self.numeric(conn, number, &[text]);
        true
    }

    pub(super) fn authenticate(&mut self, conn: ConnId, line: &Line) {
        let given = line.params[0].clone();
        if self.refuses_sasl(conn) {
            return;
        }
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if given == "*" {
            session.sasl = None;
            return self.numeric(conn, "906", &["SASL authentication aborted"]);
        }
        let Some(sasl) = session.sasl.as_mut() else {
            if !self.begin_sasl(conn, &given) {
                let all = self.mechanisms().join(",");
                self.numeric(conn, "908", &[&all, "are available SASL mechanisms"]);
                return self.sasl_failed(conn);
            }
            return self.reply_bare(conn, "AUTHENTICATE", "+");
        };
        if given.len() > SASL_CHUNK || sasl.base64.len() + given.len() > SASL_BYTES_MAX {
            session.sasl = None;
            return self.numeric(conn, "905", &["SASL message too long"]);
        }
        if given != "+" {
            sasl.base64.push_str(&given);
        }
        if given.len() == SASL_CHUNK {
            return;
        }
        let whole = session.sasl.take().expect("it is there just above");
        if whole.mechanism != Mechanism::Plain {
            if !self.sasl_message(conn, whole) {
                self.sasl_failed(conn);
            }
            return;
        }
        match plain(&whole.base64) {
            Some((name, password)) => {
                if let Some(session) = self.session_mut(conn) {
                    session.by_pass = false;
                }
                let account = self.account_named(conn, &name);
                self.check(conn, Credential::Password { account, password });
            }
            None => self.sasl_failed(conn),
        }
    }

    fn reply_bare(&mut self, conn: ConnId, command: &str, param: &str) {
        self.reply(conn, Out::new("", command, &[param]));
    }

    fn sasl_failed(&mut self, conn: ConnId) {
        if let Some(session) = self.session_mut(conn) {
            session.sasl = None;
        }
        self.numeric(conn, "904", &["SASL authentication failed"]);
        self.failed(conn);
    }

    /// Has a credential checked, later if others have failed lately.
    pub(super) fn check(&mut self, conn: ConnId, credential: Credential) {
        self.check_last += 1;
        let check = CheckId(self.check_last);
        self.checks.insert(check, conn);
        if let Some(session) = self.session_mut(conn) {
            session.check = Some(check);
        }
        // A rendezvous has a directory that knows better who guesses.
        if self.failures == 0 || self.bridge.is_some() {
            return self.output(Output::Check(check, credential));
        }
        let doubled = FAILURE_DELAY_MS << (self.failures - 1).min(8);
        let at = self.now.mono.plus(doubled.min(FAILURE_DELAY_MS_MAX));
        self.delayed.insert((at, check), credential);
    }

    pub(crate) fn check_ended(&mut self, conn: ConnId, outcome: &Outcome) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.check = None;
        let by_pass = session.by_pass;
        if std::mem::take(&mut session.asked_password) {
            return self.password_checked(conn, outcome);
        }
        if std::mem::take(&mut session.asked_oper) {
            return self.oper_checked(conn, outcome);
        }
        if std::mem::take(&mut session.asked_account) {
            return self.order_of_account_ended(conn, outcome);
        }
        if std::mem::take(&mut session.asked_home) {
            return self.home_told(conn, outcome);
        }
        if session.opening.is_some() {
            return self.open_ended(conn, outcome);
        }
        if let Some(account) = session.registering.take() {
            self.register_ended(conn, &account, outcome);
            return self.finish(conn);
        }
        match outcome {
            Outcome::Granted(key) | Outcome::GrantedReading(key) => {
                session.read_only = matches!(outcome, Outcome::GrantedReading(_));
                session.pass = None;
                self.set_key(conn, *key);
                self.failures = 0;
                match by_pass {
                    true => self.try_to_come_in(conn),
                    false => self.sasl_passed(conn, *key),
                }
            }
            Outcome::Challenge(message) => self.challenge(conn, message, None),
            Outcome::Proven(message, key) => self.challenge(conn, message, Some(*key)),
            Outcome::Refused { text, .. } if session.guest => {
                session.guest = false;
                let nick = session.nick.take().unwrap_or_default();
                self.numeric(conn, "433", &[&nick, text]);
            }
            Outcome::Admitted | Outcome::Denied | Outcome::Told(_) | Outcome::Refused { .. } => {
                self.failures = self.failures.saturating_add(1);
                match by_pass {
                    true => {
                        self.numeric(conn, "464", &["Password incorrect"]);
                        self.end(conn, "Bad password");
                    }
                    false => self.sasl_failed(conn),
                }
            }
        }
        self.finish(conn);
    }

    /// The password of the rendezvous was looked at.
    fn password_checked(&mut self, conn: ConnId, outcome: &Outcome) {
        if *outcome != Outcome::Admitted {
            self.numeric(conn, "464", &["Password incorrect"]);
            self.end(conn, "Bad password");
        } else if let Some(session) = self.session_mut(conn) {
            session.admitted = true;
            self.try_to_come_in(conn);
        }
        self.finish(conn);
    }

    pub(super) fn sasl_passed(&mut self, conn: ConnId, key: ClientKey) {
        if let Some(session) = self.session_mut(conn) {
            session.sasl = None;
        }
        self.set_key(conn, key);
        let (mask, account) = match self.worlds.get(&key).filter(|world| world.is_ready()) {
            Some(world) => (world.mask(world.me()), world.me().to_string()),
            None => ("*".to_owned(), "*".to_owned()),
        };
        let text = format!("You are now logged in as {account}");
        self.numeric(conn, "900", &[&mask, &account, &text]);
        self.numeric(conn, "903", &["SASL authentication successful"]);
        self.try_to_come_in(conn);
    }

    /// A password was wrong: a connection has few of them.
    pub(super) fn failed(&mut self, conn: ConnId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.failures += 1;
        if session.failures >= FAILURES_MAX {
            self.end(conn, "Too many failed log-ins");
        }
    }

    /// Goes on to being in if all was said that is needed.
    fn try_to_come_in(&mut self, conn: ConnId) {
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let said = session.nick.is_some() && session.user.is_some();
        let held =
            session.negotiating || session.check.is_some() || session.stage != Stage::Registering;
        if held || !said {
            return;
        }
        if self.needs_password(conn) {
            self.numeric(conn, "464", &["The server's password is needed: PASS"]);
            return self.end(conn, "No password was given");
        }
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        if session.key.is_some() {
            session.stage = Stage::Welcoming;
            if let Some(key) = session.key {
                self.welcome_all(key);
            }
            return;
        }
        let Some(pass) = session.pass.take() else {
            if self.come_in_as_guest(conn) {
                return;
            }
            self.numeric(conn, "464", &["A password is needed: PASS, or SASL PLAIN"]);
            return self.end(conn, "No password was given");
        };
        session.by_pass = true;
        let (name, password) = match pass.split_once(':') {
            Some((name, password)) if !name.is_empty() => (name, password),
            _ => ("", pass.as_str()),
        };
        let account = self.account_named(conn, name);
        let password = Zeroizing::new(password.to_owned());
        self.check(conn, Credential::Password { account, password });
    }

    /// The account that a log-in names. What stands behind a slash is the network that the connection is to be bound to.
    pub(super) fn account_named(&mut self, conn: ConnId, name: &str) -> Option<String> {
        let (account, network) = name.split_once('/').unwrap_or((name, ""));
        if let Some(session) = self.session_mut(conn) {
            session.asked_network = (!network.is_empty()).then(|| network.to_owned());
        }
        (!account.is_empty()).then(|| account.to_owned())
    }

    /// Welcomes connections that waited for the node to tell who they are.
    pub(crate) fn welcome_all(&mut self, key: ClientKey) {
        if !self.worlds.get(&key).is_some_and(World::is_ready) {
            return;
        }
        let mut waiting = self.all_of(key);
        waiting.retain(|conn| {
            self.session(*conn)
                .is_some_and(|session| session.stage == Stage::Welcoming)
        });
        for conn in waiting {
            self.welcome(conn);
            self.ready.insert(conn);
        }
    }

    /// 005 on demand; before the connection has come in, for who asked for that.
    pub(super) fn isupport(&mut self, conn: ConnId) {
        let session = self.session(conn);
        let early = session.is_some_and(|session| {
            session.stage != Stage::In && !session.caps.has(Cap::ExtendedIsupport)
        });
        match early {
            true => self.numeric(conn, "451", &["You have not registered"]),
            false => self.tell_isupport(conn),
        }
    }

    /// 005, as a batch for who knows it so.
    fn tell_isupport(&mut self, conn: ConnId) {
        let batched = self.session(conn).is_some_and(|session| {
            session.caps.has(Cap::Batch) && session.caps.has(Cap::ExtendedIsupport)
        });
        let reference = batched.then(|| self.batch_reference());
        if let Some(reference) = &reference {
            let open = format!("+{reference}");
            self.server_line(conn, "BATCH", &[&open, "draft/isupport"]);
        }
        for mut out in self.isupport_of(conn) {
            out.tags.batch.clone_from(&reference);
            self.reply(conn, out);
        }
        if let Some(reference) = &reference {
            self.server_line(conn, "BATCH", &[&format!("-{reference}")]);
        }
    }

    fn isupport_of(&self, conn: ConnId) -> Vec<Out> {
        let bound = self
            .session(conn)
            .and_then(|session| session.bound.as_ref());
        let nick = self.nick_of(conn);
        let lines = isupport::lines(&self.settings, bound).into_iter();
        let lines = lines.map(|tokens| {
            let mut params = vec![nick.as_str()];
            params.extend(tokens.iter().map(String::as_str));
            params.push("are supported by this server");
            Out::new(&self.settings.server_name, "005", &params)
        });
        lines.collect()
    }

    fn welcome(&mut self, conn: ConnId) {
        if !self.bind_as_asked(conn) {
            return;
        }
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        session.stage = Stage::In;
        session.heard = session.heard.max(session.opened);
        let (asked, now) = (session.nick.clone().unwrap_or_default(), self.now.mono);
        if let Some(session) = self.session_mut(conn) {
            session.heard = now;
        }
        let settings = self.settings.clone();
        let (server, network) = (&settings.server_name, &settings.network);
        // Clients take the nick that 001 is addressed to for theirs.
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let (nick, mask) = (world.my_nick(), world.mask(world.me()));
        self.numeric(
            conn,
            "001",
            &[&format!("Welcome to the {network} network, {mask}")],
        );
        self.numeric(
            conn,
            "002",
            &[&format!(
                "Your host is {server}, running {}",
                settings.version
            )],
        );
        self.numeric(
            conn,
            "003",
            &[&format!(
                "This server was started {} UTC",
                settings.started.utc()
            )],
        );
        let of_users = self.user_modes_known();
        self.numeric(
            conn,
            "004",
            &[
                server,
                &settings.version,
                of_users,
                "bICimnstqaohv",
                "bIqaohv",
            ],
        );
        self.tell_isupport(conn);
        self.lusers(conn);
        self.motd(conn);
        self.numeric(conn, "221", &["+i"]);
        if asked != nick {
            let text = "Your nick is made of your account's name";
            self.note(conn, "NICK", "NICK_OF_ACCOUNT", text);
        }
        self.tell_networks_to(conn);
        let session = self.session(conn);
        if session.is_some_and(|session| session.caps.has(Cap::Metadata)) {
            self.metadata_at_first(conn);
        }
        let key = self.session(conn).filter(|session| session.is_seen());
        if let Some(key) = key.and_then(|session| session.key)
            && self.seen_by(key) == 1
        {
            self.be_seen(key, Availability::Online);
        }
        self.tell_all_asked(conn);
        self.give_missed_directs(conn);
    }
}

/// The set after a request, if every part of it can be granted.
fn requested(held: Caps, request: &str, is_302: bool) -> Option<Caps> {
    let mut caps = held;
    for word in request.split(' ').filter(|word| !word.is_empty()) {
        let (name, off) = match word.strip_prefix('-') {
            Some(name) => (name, true),
            None => (word, false),
        };
        let cap = Cap::named(name)?;
        match off {
            // Version 302 has it switched on for good.
            true if cap == Cap::CapNotify && is_302 => return None,
            true => caps.remove(cap),
            false => caps.add(cap),
        }
    }
    Some(caps)
}

/// The name and the password of SASL PLAIN. Whom to act for must be whom the password is of.
fn plain(base64: &str) -> Option<(String, Zeroizing<String>)> {
    let bytes = Zeroizing::new(BASE64.decode(base64.as_bytes()).ok()?);
    let mut parts = bytes.split(|byte| *byte == 0);
    let text = |part: Option<&[u8]>| std::str::from_utf8(part?).ok().map(str::to_owned);
    let (act_for, account, password) = (
        text(parts.next())?,
        text(parts.next())?,
        text(parts.next())?,
    );
    let password = Zeroizing::new(password);
    if parts.next().is_some() || password.is_empty() || !(act_for.is_empty() || act_for == account)
    {
        return None;
    }
    Some((account, password))
}
