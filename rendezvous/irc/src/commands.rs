//! Commands of clients, each to its handler.

mod account;
mod bouncer;
mod channel;
mod directory;
mod e2ee;
mod edit;
mod history;
mod info;
mod lists;
mod metadata;
mod modes;
mod monitor;
mod multiline;
mod oper;
mod people;
mod redact;
mod register;
mod rename;
mod say;
mod sts;

pub(crate) use channel::join_line;
pub(crate) use history::target_name;
pub(crate) use metadata::metadata_value;
pub(crate) use say::{CLIENT_TAGS, is_sealed, shown};

use crate::io::ConnId;
use crate::line::Line;
use crate::server::Server;
use crate::session::Stage;

/// Commands and how many parameters each needs at least.
const COMMANDS: &[(&str, usize)] = &[
    ("ACCEPT", 0),
    ("ADMIN", 0),
    ("AUTHENTICATE", 1),
    ("AWAY", 0),
    ("BATCH", 1),
    ("BOUNCER", 1),
    ("CAP", 1),
    ("CHATHISTORY", 0),
    ("E2EE", 1),
    ("HELP", 0),
    ("HELPOP", 0),
    ("INFO", 0),
    ("INVITE", 0),
    ("ISON", 1),
    ("ISUPPORT", 0),
    ("JOIN", 1),
    ("KICK", 2),
    ("KILL", 2),
    ("LINKS", 0),
    ("LIST", 0),
    ("LUSERS", 0),
    ("MARKREAD", 0),
    ("METADATA", 2),
    ("MODE", 1),
    ("MONITOR", 1),
    ("MOTD", 0),
    ("NAMES", 0),
    ("NICK", 0),
    ("NOTICE", 0),
    ("OPER", 2),
    ("PART", 1),
    ("PASS", 1),
    ("PING", 1),
    ("PONG", 0),
    ("PRIVMSG", 0),
    ("QUIT", 0),
    ("REDACT", 2),
    ("REGISTER", 3),
    ("RENAME", 2),
    ("SETNAME", 1),
    ("SILENCE", 0),
    ("TAGMSG", 1),
    ("TIME", 0),
    ("TOPIC", 1),
    ("USER", 4),
    ("USERHOST", 1),
    ("VERSION", 0),
    ("WALLOPS", 1),
    ("WHO", 0),
    ("WHOIS", 0),
    ("WHOWAS", 0),
];

/// Whether a line only reads. Whatever is not known to do so counts as writing.
fn reads(line: &Line) -> bool {
    match line.command.as_str() {
        // Which room there is and which not, JOIN itself finds out.
        "ADMIN" | "CHATHISTORY" | "HELP" | "HELPOP" | "INFO" | "ISON" | "ISUPPORT" | "JOIN"
        | "LINKS" | "LIST" | "LUSERS" | "MONITOR" | "MOTD" | "NAMES" | "PART" | "TIME"
        | "USERHOST" | "VERSION" | "WHO" | "WHOIS" | "WHOWAS" => true,
        // Without a second parameter they ask.
        "ACCEPT" => lists::is_list(line),
        "INVITE" | "SILENCE" => line.params.is_empty(),
        "MARKREAD" | "TOPIC" => line.params.len() <= 1,
        "METADATA" => !["SET", "CLEAR"].contains(&line.params[1].to_ascii_uppercase().as_str()),
        "MODE" => line
            .param(1)
            .is_none_or(|list| line.params.len() == 2 && modes::is_list(list)),
        _ => false,
    }
}

impl Server {
    pub(crate) fn carry_out(&mut self, conn: ConnId, line: &Line) {
        let Some(stage) = self.session(conn).map(|session| session.stage) else {
            return;
        };
        if self.at_sts_door(conn, line) {
            return;
        }
        let command = line.command.as_str();
        let Some((_, needed)) = COMMANDS.iter().find(|(name, _)| *name == command) else {
            let number = if stage == Stage::In { "421" } else { "451" };
            let text = if stage == Stage::In {
                "Unknown command"
            } else {
                "You have not registered"
            };
            return self.numeric(conn, number, &[command, text]);
        };
        if line.params.len() < *needed {
            return self.numeric(conn, "461", &[command, "Not enough parameters"]);
        }
        let early = [
            "AUTHENTICATE",
            "BOUNCER",
            "CAP",
            "ISUPPORT",
            "NICK",
            "PASS",
            "PING",
            "PONG",
            "QUIT",
            "REGISTER",
            "USER",
        ];
        match early.contains(&command) {
            true => self.early(conn, line),
            false if stage != Stage::In => {
                self.numeric(conn, "451", &["You have not registered"]);
            }
            false => self.late(conn, line),
        }
    }

    fn early(&mut self, conn: ConnId, line: &Line) {
        match line.command.as_str() {
            "AUTHENTICATE" => self.authenticate(conn, line),
            "BOUNCER" => self.bouncer(conn, line),
            "CAP" => self.cap(conn, line),
            "ISUPPORT" => self.isupport(conn),
            "NICK" => self.nick(conn, line),
            "PASS" => self.pass(conn, line),
            "PING" => {
                let server = self.settings.server_name.clone();
                self.server_line(conn, "PONG", &[&server, &line.params[0]]);
            }
            "QUIT" => self.end(conn, "Quit"),
            "REGISTER" => self.register(conn, line),
            "USER" => self.user(conn, line),
            // PONG: that it came is all there is to it.
            _ => {}
        }
    }

    fn late(&mut self, conn: ConnId, line: &Line) {
        if !reads(line) && self.session(conn).is_some_and(|session| session.read_only) {
            let text = "This log-in is for reading alone";
            return self.fail(conn, &line.command, "READ_ONLY", &[], text);
        }
        match line.command.as_str() {
            "ACCEPT" => self.accept(conn, line),
            "AWAY" => self.away(conn, line),
            "BATCH" => self.batch(conn, line),
            "CHATHISTORY" => self.chathistory(conn, line),
            "E2EE" => self.e2ee(conn, line),
            "INVITE" => self.invite(conn, line),
            "ISON" => self.ison(conn, line),
            "JOIN" => self.join(conn, line),
            "KICK" => self.kick(conn, line),
            "KILL" => self.kill(conn, line),
            "LIST" => self.list(conn, line),
            "MARKREAD" => self.markread(conn, line),
            "METADATA" => self.metadata(conn, line),
            "MODE" => self.mode(conn, line),
            "MONITOR" => self.monitor(conn, line),
            "NAMES" => self.names(conn, line),
            "NOTICE" | "PRIVMSG" => self.message(conn, line),
            "OPER" => self.oper(conn, line),
            "PART" => self.part(conn, line),
            "REDACT" => self.redact(conn, line),
            "RENAME" => self.rename(conn, line),
            "SETNAME" => self.setname(conn, line),
            "SILENCE" => self.silence(conn, line),
            "TAGMSG" => self.tagmsg(conn, line),
            "TOPIC" => self.topic(conn, line),
            "USERHOST" => self.userhost(conn, line),
            "WALLOPS" => self.wallops(conn, line),
            "WHO" => self.who(conn, line),
            "WHOIS" => self.whois(conn, line),
            "WHOWAS" => self.whowas(conn, line),
            _ => self.info(conn, line),
        }
    }
}
