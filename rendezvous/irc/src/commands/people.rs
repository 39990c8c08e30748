//! People: WHO, WHOIS and their like; being away; the own name.

use std::collections::BTreeSet;

use alloquy_api::Command;
use alloquy_api::command::{Availability, ProfileChange};
use alloquy_ids::AccountId;

use crate::io::ConnId;
use crate::limits::{AWAY_BYTES_MAX, MEMBERS_LISTED_MAX};
use crate::line::Line;
use crate::names::{clip, fits};
use crate::server::Server;
use crate::world::{Room, World};

/// One row of WHO.
#[derive(Debug)]
struct Row {
    channel: String,
    account: AccountId,
    nick: String,
    name: String,
    flags: String,
}

/// Who has flags in WHO that no community gives.
#[derive(Debug)]
struct Marked {
    operators: BTreeSet<AccountId>,
    /// The account itself, if it says that it is a bot.
    bot: Option<AccountId>,
}

fn row(world: &World, room: Option<&Room>, account: AccountId, marked: &Marked) -> Row {
    let person = world.person(account);
    let mut flags = match person.is_none_or(|person| person.away.is_none()) {
        true => "H".to_owned(),
        false => "G".to_owned(),
    };
    if marked.operators.contains(&account) {
        flags.push('*');
    }
    if marked.bot == Some(account) {
        flags.push('B');
    }
    if let Some(room) = room {
        flags.push_str(&world.prefixes(room.community, account));
    }
    Row {
        channel: room.map_or_else(|| "*".to_owned(), |room| room.name.clone()),
        account,
        nick: world.nick(account),
        name: person.map(|person| person.name.clone()).unwrap_or_default(),
        flags,
    }
}

impl Server {
    pub(super) fn who(&mut self, conn: ConnId, line: &Line) {
        let mask = line.param(0).unwrap_or("*").to_owned();
        let option = line.param(1).unwrap_or_default();
        let (flags, (fields, token)) = match option.split_once('%') {
            Some((flags, fields)) => {
                let (fields, token) = fields.split_once(',').unwrap_or((fields, ""));
                (flags, (Some(fields.to_owned()), token.to_owned()))
            }
            None => (option, (None, String::new())),
        };
        let operators_only = flags.contains('o');
        let bot = self.session(conn).is_some_and(|session| session.bot);
        let marked = Marked {
            operators: self.operators(),
            bot: bot.then(|| self.me(conn)),
        };
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let listed = |account: AccountId| !operators_only || marked.operators.contains(&account);
        let asked = world.room_named(&mask).map(|room| room.channel);
        let rows: Vec<Row> = match world.room_named(&mask) {
            Some(room) => {
                let members = world.members_of(room).into_iter();
                let members = members.map(|member| member.account);
                let members = members.filter(|account| listed(*account));
                members
                    .take(MEMBERS_LISTED_MAX)
                    .map(|account| row(world, Some(room), account, &marked))
                    .collect()
            }
            None if mask.starts_with('#') => Vec::new(),
            None => {
                let named = world.people().filter(|(account, person)| {
                    let host = World::user_host(*account).1;
                    listed(*account) && (fits(&mask, &person.nick) || fits(&mask, &host))
                });
                let named = named.take(MEMBERS_LISTED_MAX);
                named
                    .map(|(account, _)| row(world, None, account, &marked))
                    .collect()
            }
        };
        if let Some(channel) = asked {
            let listed = rows.iter().map(|row| row.account.into()).collect();
            self.told_as_there(conn, channel, listed);
        }
        for row in rows {
            match &fields {
                Some(fields) => self.whox(conn, &row, (fields, &token)),
                None => self.who_plain(conn, &row),
            }
        }
        self.numeric(conn, "315", &[&mask, "End of WHO list"]);
    }

    fn who_plain(&mut self, conn: ConnId, row: &Row) {
        let (user, host) = World::user_host(row.account);
        let server = self.settings.server_name.clone();
        // Of several prefixes the first, unless the client knows more.
        let multi = self
            .session(conn)
            .is_some_and(|session| session.caps.has(crate::caps::Cap::MultiPrefix));
        let flags = if multi {
            row.flags.clone()
        } else {
            one_prefix(&row.flags)
        };
        let name = format!("0 {}", row.name);
        self.numeric(
            conn,
            "352",
            &[
                &row.channel,
                &user,
                &host,
                &server,
                &row.nick,
                &flags,
                &name,
            ],
        );
    }

    fn whox(&mut self, conn: ConnId, row: &Row, (fields, token): (&str, &str)) {
        let (user, host) = World::user_host(row.account);
        let server = self.settings.server_name.clone();
        let account = row.account.to_string();
        let multi = self
            .session(conn)
            .is_some_and(|session| session.caps.has(crate::caps::Cap::MultiPrefix));
        let flags = if multi {
            row.flags.clone()
        } else {
            one_prefix(&row.flags)
        };
        // In the order of the specification, whatever the order asked.
        let all: [(char, &str); 13] = [
            ('t', token),
            ('c', &row.channel),
            ('u', &user),
            ('i', "255.255.255.255"),
            ('h', &host),
            ('s', &server),
            ('n', &row.nick),
            ('f', &flags),
            ('d', "0"),
            ('l', "0"),
            ('a', &account),
            ('o', "n/a"),
            ('r', &row.name),
        ];
        let shown: Vec<&str> = all
            .iter()
            .filter(|(field, _)| fields.contains(*field))
            .map(|(_, value)| *value)
            .collect();
        self.numeric(conn, "354", &shown);
    }

    pub(super) fn whois(&mut self, conn: ConnId, line: &Line) {
        let Some(nick) = line.params.last().filter(|nick| !nick.is_empty()) else {
            return self.numeric(conn, "431", &["No nickname given"]);
        };
        let nick = nick.split(',').next().unwrap_or_default().to_owned();
        let Some((account, person)) = self.world_of(conn).and_then(|world| {
            let account = world.account_of(&nick)?;
            Some((account, world.person(account)?.clone()))
        }) else {
            self.numeric(conn, "401", &[&nick, "No such nick/channel"]);
            return self.numeric(conn, "318", &[&nick, "End of /WHOIS list"]);
        };
        let (user, host) = World::user_host(account);
        let server = self.settings.server_name.clone();
        let id = account.to_string();
        self.numeric(
            conn,
            "311",
            &[&person.nick, &user, &host, "*", &person.name],
        );
        let rooms = self.rooms_shared(conn, account);
        for line in crate::text::pieces(&rooms, 300)
            .into_iter()
            .filter(|piece| !piece.text.is_empty())
        {
            self.numeric(conn, "319", &[&person.nick, line.text.trim_end()]);
        }
        self.numeric(
            conn,
            "312",
            &[
                &person.nick,
                &server,
                "a view of communities that no server holds",
            ],
        );
        if let Some(away) = &person.away {
            self.numeric(conn, "301", &[&person.nick, away]);
        }
        if self.operators().contains(&account) {
            let text = "is an operator of this server";
            self.numeric(conn, "313", &[&person.nick, text]);
        }
        self.numeric(conn, "330", &[&person.nick, &id, "is logged in as"]);
        self.numeric(conn, "671", &[&person.nick, "is using a secure connection"]);
        let bot = self.session(conn).is_some_and(|session| session.bot);
        if bot && account == self.me(conn) {
            self.numeric(conn, "335", &[&person.nick, "is a bot"]);
        }
        self.numeric(conn, "318", &[&nick, "End of /WHOIS list"]);
    }

    /// Channels that the connection is in and that somebody sees, with their prefixes.
    fn rooms_shared(&self, conn: ConnId, account: AccountId) -> String {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return String::new();
        };
        let joined = session
            .joined
            .keys()
            .filter_map(|channel| world.room(*channel));
        let shared = joined.filter(|room| world.sees(room, account)).map(|room| {
            let prefixes = world.prefixes(room.community, account);
            format!(
                "{}{}",
                prefixes.chars().take(1).collect::<String>(),
                room.name
            )
        });
        shared.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn whowas(&mut self, conn: ConnId, line: &Line) {
        let Some(nick) = line
            .param(0)
            .filter(|nick| !nick.is_empty())
            .map(str::to_owned)
        else {
            return self.numeric(conn, "431", &["No nickname given"]);
        };
        self.numeric(conn, "406", &[&nick, "There was no such nickname"]);
        self.numeric(conn, "369", &[&nick, "End of WHOWAS"]);
    }

    pub(super) fn ison(&mut self, conn: ConnId, line: &Line) {
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let asked = line.params.iter().flat_map(|param| param.split(' '));
        let here = asked.filter(|nick| {
            let account = world.account_of(nick);
            account
                .and_then(|account| world.person(account))
                .is_some_and(|person| person.away.is_none())
        });
        let here = here.collect::<Vec<_>>().join(" ");
        self.numeric(conn, "303", &[&here]);
    }

    pub(super) fn userhost(&mut self, conn: ConnId, line: &Line) {
        let operators = self.operators();
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let rows = line.params.iter().take(5).filter_map(|nick| {
            let account = world.account_of(nick)?;
            let away = world.person(account)?.away.is_some();
            let (user, host) = World::user_host(account);
            Some(format!(
                "{}{}={}{user}@{host}",
                world.nick(account),
                if operators.contains(&account) {
                    "*"
                } else {
                    ""
                },
                if away { '-' } else { '+' }
            ))
        });
        let rows = rows.collect::<Vec<_>>().join(" ");
        self.numeric(conn, "302", &[&rows]);
    }

    pub(super) fn away(&mut self, conn: ConnId, line: &Line) {
        let mut text = line.param(0).unwrap_or_default().to_owned();
        clip(&mut text, AWAY_BYTES_MAX);
        let away = !text.is_empty();
        if let Some(seconds) = self.profile_too_fast(conn) {
            let seconds = seconds.to_string();
            return self.fail(
                conn,
                "AWAY",
                "RATE_LIMITED",
                &[&seconds],
                "Too many changes",
            );
        }
        let availability = if away {
            Availability::Idle
        } else {
            Availability::Online
        };
        if let Some(session) = self.session_mut(conn) {
            session.away = away.then(|| text.clone());
        }
        let status = Command::Profile {
            change: ProfileChange::Status(text),
        };
        let seen = Command::Profile {
            change: ProfileChange::Availability(availability),
        };
        self.order(conn, ("AWAY", &[]), status);
        // Who does not want to be seen, or disturbed, is not shown as idle instead.
        if self.bridge.is_some() || !self.is_hidden(conn) {
            self.order(conn, ("AWAY", &[]), seen);
        }
        match away {
            true => self.numeric(conn, "306", &["You have been marked as being away"]),
            false => self.numeric(conn, "305", &["You are no longer marked as being away"]),
        }
    }

    /// Whether the account said in the app that it is not to be seen, or not to be disturbed.
    fn is_hidden(&self, conn: ConnId) -> bool {
        let availability = self.world_of(conn).map(|world| world.snapshot.availability);
        matches!(
            availability,
            Some(Availability::Invisible | Availability::Dnd)
        )
    }

    pub(super) fn setname(&mut self, conn: ConnId, line: &Line) {
        let name = line.params[0].trim().to_owned();
        if name.is_empty() || name.len() > alloquy_api::limits::NAME_BYTES_MAX {
            return self.fail(
                conn,
                "SETNAME",
                "INVALID_REALNAME",
                &[],
                "That can not be a name",
            );
        }
        if let Some(seconds) = self.profile_too_fast(conn) {
            // The specification has one code for whatever is no fault of the name.
            let text = format!("Too many changes: try again in {seconds} s");
            return self.fail(conn, "SETNAME", "CANNOT_CHANGE_REALNAME", &[], &text);
        }
        let change = ProfileChange::Name(name);
        self.order(conn, ("SETNAME", &[]), Command::Profile { change });
    }
}

/// Flags with the strongest prefix alone.
fn one_prefix(flags: &str) -> String {
    let mut seen = false;
    let keep = flags.chars().filter(|char| {
        let prefix = "~&@%+".contains(*char);
        let keep = !(prefix && seen);
        seen |= prefix;
        keep
    });
    keep.collect()
}
