//! Operators of the server: OPER, KILL, WALLOPS.
//!
//! An operator looks after the server and is nobody in communities: it has no right there that its account has not, and
//! sees nothing more. A nick means for it whom it means for its account.

use std::collections::BTreeSet;

use alloquy_ids::AccountId;
use zeroize::Zeroizing;

use crate::io::{ConnId, Credential, Outcome, Output};
use crate::limits::KICK_BYTES_MAX;
use crate::line::{Line, Out};
use crate::names::{clip, fold, is_service};
use crate::server::Server;

impl Server {
    /// Whether anybody can become an operator.
    pub(super) fn has_opers(&self) -> bool {
        self.bridge.as_ref().is_some_and(|bridge| bridge.opers)
    }

    /// The modes of users that there are.
    pub(super) fn user_modes_known(&self) -> &'static str {
        match self.has_opers() {
            true => "Biow",
            false => "Bi",
        }
    }

    /// Accounts of operators that are here.
    pub(super) fn operators(&self) -> BTreeSet<AccountId> {
        self.opers.iter().map(|conn| self.me(*conn)).collect()
    }

    pub(super) fn oper(&mut self, conn: ConnId, line: &Line) {
        if !self.has_opers() {
            return self.numeric(conn, "491", &["There are no operators of this server"]);
        }
        let check = self.new_check(conn);
        if let Some(session) = self.session_mut(conn) {
            session.asked_oper = true;
        }
        let credential = Credential::Operator {
            name: line.params[0].clone(),
            password: Zeroizing::new(line.params[1].clone()),
        };
        self.output(Output::Check(check, credential));
    }

    /// The password of an operator was looked at.
    pub(super) fn oper_checked(&mut self, conn: ConnId, outcome: &Outcome) {
        if *outcome != Outcome::Admitted {
            self.numeric(conn, "464", &["Password incorrect"]);
            // Told before the connection is closed for it.
            self.finish(conn);
            return self.failed(conn);
        }
        self.numeric(conn, "381", &["You are now an operator of this server"]);
        if self.opers.insert(conn) {
            self.tell_user_mode(conn, ('o', true));
        }
        self.finish(conn);
    }

    /// `o` is given by OPER alone, and given up by whoever has it; `w` is everybody's own.
    pub(super) fn mode_of_opers(&mut self, conn: ConnId, (mode, on): (char, bool)) {
        let changed = match (mode, on) {
            ('o', true) => false,
            ('o', false) => self.opers.remove(&conn),
            _ => self
                .session_mut(conn)
                .is_some_and(|session| std::mem::replace(&mut session.wallops, on) != on),
        };
        if changed {
            self.tell_user_mode(conn, (mode, on));
        }
    }

    /// Tells who is no operator so; `false`: it is one.
    fn is_no_oper(&mut self, conn: ConnId) -> bool {
        let refused = !self.opers.contains(&conn);
        if refused {
            let text = "Permission denied: you are no operator of this server";
            self.numeric(conn, "481", &[text]);
        }
        refused
    }

    /// Ends all connections of an account. Whom it may not see an operator can not end: it does not exist.
    pub(super) fn kill(&mut self, conn: ConnId, line: &Line) {
        if self.is_no_oper(conn) {
            return;
        }
        let (nick, mut reason) = (line.params[0].clone(), line.params[1].clone());
        if fold(&nick) == fold(&self.settings.server_name) || is_service(&fold(&nick)) {
            return self.numeric(conn, "483", &["A server or a service can not be killed"]);
        }
        let account = self
            .world_of(conn)
            .and_then(|world| world.account_of(&nick));
        let Some(account) = account else {
            return self.numeric(conn, "401", &[&nick, "No such nick/channel"]);
        };
        let conns = self.all_of_account(account);
        if conns.is_empty() {
            let text = "Nobody of that nick is connected to this server";
            return self.numeric(conn, "401", &[&nick, text]);
        }
        clip(&mut reason, KICK_BYTES_MAX);
        let me = self.me(conn);
        for killed in conns {
            // Each knows the operator by a nick of its own world: another world's may be somebody else there.
            let nick = self.world_of(killed).map(|world| world.nick(me));
            let text = format!("(Killed ({} ({reason})))", nick.unwrap_or_default());
            self.end(killed, &text);
        }
    }

    /// Says something to all who want to hear it.
    pub(super) fn wallops(&mut self, conn: ConnId, line: &Line) {
        if self.is_no_oper(conn) {
            return;
        }
        let text = line.params[0].as_str();
        if text.is_empty() {
            return self.numeric(conn, "461", &["WALLOPS", "Not enough parameters"]);
        }
        let me = self.me(conn);
        let tags = self.tags_of(me);
        let hears = self.sessions.iter();
        let hears = hears.filter(|(_, session)| session.is_in() && session.wallops);
        let hears: Vec<ConnId> = hears.map(|(conn, _)| *conn).collect();
        for other in hears {
            let Some(mask) = self.world_of(other).map(|world| world.mask(me)) else {
                continue;
            };
            let out = Out::new(&mask, "WALLOPS", &[text]).tagged(tags.clone());
            match other == conn {
                true => self.reply(conn, out),
                false => self.tell(other, &out),
            }
        }
    }
}
