//! What became of commands: echoes, answers and refusals.

use alloquy_api::reply::MessageView;
use alloquy_api::{Command, CommandError, ErrorCode, PersonalCommand, Reply};
use alloquy_ids::{AccountId, ChannelId};

use crate::caps::Cap;
use crate::io::{ClientKey, ConnId};
use crate::line::Out;
use crate::pending::{Order, Pending, ReadFor, Said};
use crate::server::Server;
use crate::server::tell::Manner;
use crate::text::iso_time;
use crate::world::is_muted;

type Result = std::result::Result<Reply, CommandError>;

/// The messages of a page; none where it could not be read.
fn messages(result: &Result) -> &[MessageView] {
    match result {
        Ok(Reply::History { messages, .. }) => messages,
        _ => &[],
    }
}

/// Those that clients are told.
fn shown(result: &Result) -> impl DoubleEndedIterator<Item = &MessageView> {
    let all = messages(result).iter();
    all.filter(|message| !message.waiting)
}

impl Server {
    /// A command has ended.
    pub(super) fn outcome(&mut self, key: ClientKey, pending: Pending, result: Result) {
        let conn = pending.conn();
        match pending {
            Pending::Quiet | Pending::Kept => {}
            Pending::Said(conn, said) => self.said(key, conn, (&said, result)),
            Pending::Edited(conn, message, order) => match result {
                Ok(_) => self.edit_made(key, conn, message),
                Err(error) => {
                    self.echoes.remove(&(key, message));
                    self.refuse(conn, &order, &error);
                }
            },
            Pending::Opened(conn, said, text) => match result {
                // It is awaited again, by the message itself.
                Ok(Reply::Direct { channel, .. }) => {
                    return self.say_opened(conn, said, (channel, text));
                }
                Ok(_) => {}
                Err(error) => self.refuse_said(conn, &said, &error),
            },
            Pending::Accepted(conn, target) => match result {
                Ok(Reply::Direct { channel, .. }) => self.group_accepted(conn, channel),
                Ok(_) => {}
                Err(error) => self.numeric(conn, "403", &[&target, &error.message]),
            },
            Pending::Silenced(conn, account, on, typed) => match result {
                Ok(_) => self.was_silenced(conn, account, on),
                Err(error) => {
                    self.fail(conn, "SILENCE", "CANNOT_CHANGE", &[&typed], &error.message);
                }
            },
            Pending::Done(conn, order) => {
                if let Err(error) = result {
                    self.refuse(conn, &order, &error);
                }
            }
            Pending::Page(conn, page) => match &result {
                Err(_) => {
                    let context: [&str; 1] = [&page.target];
                    self.history_failed(
                        conn,
                        "MESSAGE_ERROR",
                        (&page.subcommand, &context),
                        "Messages could not be retrieved",
                    );
                }
                Ok(_) => self.give_history(conn, &page, messages(&result)),
            },
            Pending::Read(read_for, channel) => {
                self.read_known(key, (read_for, channel), messages(&result).first());
            }
            Pending::Missed(conn, channel) => {
                let found = result.as_ref().ok().map(|_| messages(&result));
                self.missed_known(conn, channel, found);
            }
            Pending::ReadUpTo(conn, channel) => {
                self.mark_read(conn, channel, shown(&result).next());
            }
            Pending::Advance(conn, channel, message, time) => {
                let marked = messages(&result).first().map(|message| message.time);
                self.advance(conn, channel, (message, time), marked);
            }
            Pending::Newest(conn, channel) => {
                let time = shown(&result).map(|message| message.time).max();
                self.target_found(conn, channel, time);
            }
            Pending::Located(conn, located) => self.looked_for(conn, *located, messages(&result)),
            Pending::Metadata(conn, setting) => {
                self.metadata_was_set(conn, &setting, result.as_ref().err());
            }
            Pending::Invited(conn, order, account) => self.invited(conn, (&order, account), result),
        }
        if let Some(conn) = conn {
            self.waited(conn);
        }
        self.release_own(key);
    }

    /// A message was written: its connection sees it if it asked for echoes, the account's others see it always.
    fn said(&mut self, key: ClientKey, conn: ConnId, (said, result): (&Said, Result)) {
        let id = match result {
            Ok(Reply::Message { message }) => message,
            Ok(_) => return,
            Err(error) => return self.refuse_said(conn, said, &error),
        };
        let held = self.own.get_mut(&key).and_then(|held| {
            let at = held.iter().position(|(_, message)| message.id == id)?;
            Some(held.remove(at))
        });
        let Some((channel, message)) = held else {
            return;
        };
        let session = self.session(conn);
        let echo = session.is_some_and(|session| session.caps.has(Cap::EchoMessage));
        let manner = Manner {
            command: said.command,
            bot: session.is_some_and(|session| session.bot),
            ..Manner::default()
        };
        if echo {
            for out in self.lines_of(conn, (channel, &message), manner) {
                self.reply(conn, out);
            }
        }
        for other in self.all_in(key).into_iter().filter(|other| *other != conn) {
            self.tell_message_to(other, (channel, &message), manner);
        }
    }

    /// Own messages that no connection wrote are told to all, once no connection is known to be writing.
    fn release_own(&mut self, key: ClientKey) {
        let says = |pending: &Pending| matches!(pending, Pending::Said(..));
        let writing = self
            .worlds
            .get(&key)
            .is_some_and(|world| world.pending.values().any(says));
        if writing {
            return;
        }
        for (channel, message) in self.own.remove(&key).unwrap_or_default() {
            self.tell_message(key, channel, &message);
        }
    }

    fn refuse_said(&mut self, conn: ConnId, said: &Said, error: &CommandError) {
        // A NOTICE is never answered.
        if said.command == "NOTICE" {
            return;
        }
        // The node has one code for all that keeps somebody from writing.
        let slow = error.message.starts_with("slow mode");
        match slow {
            true => self.fail(
                conn,
                said.command,
                "RATE_LIMITED",
                &[&said.target],
                &error.message,
            ),
            false => {
                self.numeric(conn, "404", &[&said.target, &error.message]);
                self.note_time_out(conn, said);
            }
        }
    }

    /// Until when a time-out keeps the account from writing where it wanted to.
    fn note_time_out(&mut self, conn: ConnId, said: &Said) {
        let now = self.now.wall;
        let until = self.world_of(conn).and_then(|world| {
            let room = world.room_named(&said.target)?;
            is_muted(world.community(room.community)?, world.me(), now)
        });
        if let Some(until) = until {
            let (until, text) = (iso_time(until), "You may write again then");
            let params = [said.command, "TIMED_OUT", &said.target, &until, text];
            self.standard(conn, "NOTE", &params);
        }
    }

    fn refuse(&mut self, conn: ConnId, order: &Order, error: &CommandError) {
        let about: Vec<&str> = order.about.iter().map(String::as_str).collect();
        match order.command {
            "REDACT" => {
                let code = match error.code {
                    ErrorCode::NotPermitted => "REDACT_FORBIDDEN",
                    _ => "UNKNOWN_MSGID",
                };
                self.fail(conn, "REDACT", code, &about, &error.message);
            }
            "PRIVMSG" => {
                let code = match error.code {
                    ErrorCode::UnknownName => "UNKNOWN_MSGID",
                    _ => "EDIT_FORBIDDEN",
                };
                self.fail(conn, "PRIVMSG", code, &about, &error.message);
            }
            "TAGMSG" => self.fail(conn, "TAGMSG", "CANNOT_SEND", &about, &error.message),
            "SETNAME" => {
                let code = match error.code {
                    ErrorCode::Storage | ErrorCode::Busy | ErrorCode::Timeout => {
                        "CANNOT_CHANGE_REALNAME"
                    }
                    _ => "INVALID_REALNAME",
                };
                self.fail(conn, "SETNAME", code, &about, &error.message);
            }
            "RENAME" if error.code != ErrorCode::NotPermitted => {
                self.fail(conn, "RENAME", "CANNOT_RENAME", &about, &error.message);
            }
            "ACCEPT" => self.fail(conn, "ACCEPT", "CANNOT_CHANGE", &about, &error.message),
            "AWAY" => self.fail(conn, "AWAY", "CANNOT_SET", &about, &error.message),
            _ => self.numeric(
                conn,
                "482",
                &[about.first().copied().unwrap_or("*"), &error.message],
            ),
        }
    }

    fn invited(&mut self, conn: ConnId, (order, account): (&Order, AccountId), result: Result) {
        let link = match result {
            Err(error) => return self.refuse(conn, order, &error),
            Ok(Reply::Invite { invite, .. }) => Some(invite),
            Ok(_) => None,
        };
        let (room, nick) = (order.about[0].clone(), order.about[1].clone());
        self.numeric(conn, "341", &[&nick, &room]);
        self.tell_invite(conn, (&room, &nick));
        let Some((world, link)) = self.world_mut(conn).zip(link) else {
            return;
        };
        // A link reaches who is no member by direct message.
        let said = Said {
            command: "NOTICE",
            target: nick,
            reply_to: None,
            embeds: Vec::new(),
        };
        let order = PersonalCommand::Dm {
            account: alloquy_api::command::AccountRef(account.to_string()),
        };
        world.order(
            Command::Personal { order },
            Pending::Opened(conn, said, link),
        );
        self.wait(conn);
    }

    /// Tells the account's connections in the room that somebody was invited, if they asked for that.
    fn tell_invite(&mut self, conn: ConnId, (room, nick): (&str, &str)) {
        let Some((mask, channel, key)) = self.world_of(conn).and_then(|world| {
            let channel = world.room_named(room)?.channel;
            Some((world.mask(world.me()), channel, self.session(conn)?.key?))
        }) else {
            return;
        };
        let tags = self.tags_of(self.me(conn));
        let out = Out::new(&mask, "INVITE", &[nick, room]).tagged(tags);
        for other in self.all_in(key) {
            let asked = self
                .session(other)
                .is_some_and(|session| session.caps.has(Cap::InviteNotify));
            if asked && self.follows(other, channel) {
                self.tell(other, &out);
            }
        }
    }

    /// How far a room was read is known.
    fn read_known(
        &mut self,
        key: ClientKey,
        (read_for, channel): (ReadFor, ChannelId),
        message: Option<&MessageView>,
    ) {
        let time = message.map(|message| message.time);
        match read_for {
            ReadFor::One(conn) => {
                if let Some(out) = self.read_line(conn, channel, time) {
                    self.reply(conn, out);
                }
                self.tell_read(key, channel, (Some(conn), time));
            }
            ReadFor::Join(conn) => {
                if let Some(out) = self.read_line(conn, channel, time) {
                    self.reply(conn, out);
                }
                self.names_after_join(conn, channel);
            }
            ReadFor::All => self.tell_read(key, channel, (None, time)),
        }
    }

    /// Tells connections how far a room was read if that is news.
    fn tell_read(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        (except, time): (Option<ConnId>, Option<alloquy_ids::UnixMs>),
    ) {
        let news = self
            .worlds
            .get_mut(&key)
            .is_some_and(|world| world.seen.read(channel, time));
        if !news {
            return;
        }
        for conn in self
            .all_in(key)
            .into_iter()
            .filter(|conn| Some(*conn) != except)
        {
            let asked = self
                .session(conn)
                .is_some_and(|session| session.caps.has(Cap::ReadMarker));
            if let Some(out) = self.read_line(conn, channel, time).filter(|_| asked) {
                self.tell(conn, &out);
            }
        }
    }
}
