//! What is said: PRIVMSG, NOTICE and TAGMSG to rooms and people.

use alloquy_api::command::ChannelRef;
use alloquy_api::embed::BadEmbed;
use alloquy_api::{Command, Embed};
use alloquy_ids::{AccountId, EventId};

use crate::embeds;
use crate::io::ConnId;
use crate::limits::{TARGETS_MAX, TYPING_MS};
use crate::line::{Line, Out, Tags};
use crate::pending::{Located, Lost, Order, Pending, Said};
use crate::server::Server;
use crate::server::tell::opens;
use crate::text;
use crate::world::Room;

/// Where something is to be said.
#[derive(Clone, Debug)]
pub(crate) enum Where {
    /// A room that is there.
    Room(Room),
    /// Somebody with whom there is no conversation yet.
    Nobody(AccountId),
}

/// What a client wrote as Markdown: lines between two programs byte for byte, `/me` as one italic phrase.
pub(crate) fn markdown(text: &str) -> String {
    if is_sealed(text) {
        return text.to_owned();
    }
    let action = text
        .strip_prefix("\u{1}ACTION ")
        .map(|action| action.trim_end_matches('\u{1}'));
    match action {
        Some(action) => format!("_{}_", text::to_markdown(action)),
        None => text::to_markdown(text),
    }
}

/// Markdown as a client shows it.
pub(crate) fn shown(markdown: &str) -> String {
    if is_sealed(markdown) {
        return markdown.to_owned();
    }
    let inner = markdown
        .strip_prefix('_')
        .and_then(|text| text.strip_suffix('_'));
    let action = inner.filter(|text| {
        !text.is_empty() && !text.contains(['_', '\n']) && text.trim().len() == text.len()
    });
    match action {
        Some(action) => format!("\u{1}ACTION {}\u{1}", text::to_irc(action)),
        None => text::to_irc(markdown),
    }
}

/// Whether two programs talk by ciphers of their own in a line (OTR, FiSH).
pub(crate) fn is_sealed(text: &str) -> bool {
    ["?OTR", "+OK ", "mcps "]
        .iter()
        .any(|mark| text.starts_with(mark))
}

/// Tags between clients that mean something here, without their `+`. A message of a community holds no others: they are
/// passed on to nobody, and 005 says so by CLIENTTAGDENY.
pub(crate) const CLIENT_TAGS: [&str; 5] = [
    "draft/react",
    "draft/reply",
    "draft/unreact",
    "reply",
    "typing",
];

fn is_client_tag(name: &str) -> bool {
    let name = name.strip_prefix('+');
    name.is_some_and(|name| CLIENT_TAGS.contains(&name))
}

/// The message that a line answers, by either spelling of the tag.
pub(crate) fn reply_to(line: &Line) -> Option<EventId> {
    let tag = line.tag("+reply").or_else(|| line.tag("+draft/reply"))?;
    tag.parse().ok()
}

impl Server {
    pub(super) fn message(&mut self, conn: ConnId, line: &Line) {
        let command = if line.command == "NOTICE" {
            "NOTICE"
        } else {
            "PRIVMSG"
        };
        let Some(targets) = line.param(0).filter(|targets| !targets.is_empty()) else {
            let text = format!("No recipient given ({command})");
            return self.not_said(conn, command, ("411", &[&text]));
        };
        if let (Some(reference), Some(text)) = (line.tag("batch"), line.param(1)) {
            // An empty line is a line of a message, too.
            return self.batch_line(conn, reference, (command, line, text));
        }
        let Some(text) = line.param(1).filter(|text| !text.is_empty()) else {
            return self.not_said(conn, command, ("412", &["No text to send"]));
        };
        if let Some(id) = self.edits_by(conn, line) {
            return self.edit(conn, (targets, &id), text);
        }
        let embeds = match self.embeds_by(conn, line) {
            Ok(embeds) => embeds,
            // A NOTICE is never answered.
            Err(_) if command == "NOTICE" => return,
            Err(bad) => {
                let text = bad.to_string();
                return self.fail(conn, command, "EMBED_INVALID", &[targets], &text);
            }
        };
        for (at, target) in targets
            .split(',')
            .filter(|target| !target.is_empty())
            .enumerate()
        {
            if at == TARGETS_MAX {
                return self.not_said(conn, command, ("407", &[target, "Too many targets"]));
            }
            if self.asks_nick_serv(conn, target, text) {
                continue;
            }
            let said = Said {
                command,
                target: target.to_owned(),
                reply_to: reply_to(line),
                embeds: embeds.clone(),
            };
            self.say(conn, said, text);
        }
    }

    /// The previews that a client gives with a line. The tags of one that did not ask for them mean nothing.
    pub(super) fn embeds_by(&self, conn: ConnId, line: &Line) -> Result<Vec<Embed>, BadEmbed> {
        let asked = self
            .session(conn)
            .is_some_and(|session| session.caps.has(crate::caps::Cap::Embed));
        match asked {
            true => embeds::given(line),
            false => Ok(Vec::new()),
        }
    }

    /// Why something is not said. A NOTICE is never answered, by whatever.
    fn not_said(&mut self, conn: ConnId, command: &str, (number, params): (&str, &[&str])) {
        if command != "NOTICE" {
            self.numeric(conn, number, params);
        }
    }

    /// Where a target is; else the connection is told why there is no such place.
    fn place(&mut self, conn: ConnId, command: &str, target: &str) -> Option<Where> {
        let name = target.trim_start_matches(['~', '&', '@', '%', '+']);
        if name.starts_with('#') {
            let Some(room) = self.room(conn, name) else {
                self.not_said(conn, command, ("403", &[target, "No such channel"]));
                return None;
            };
            if name.len() < target.len() {
                // A message for some of a channel would be shown to all of it.
                let text = "A part of a channel can not be written to";
                self.not_said(conn, command, ("404", &[target, text]));
                return None;
            }
            return Some(Where::Room(room));
        }
        let world = self.world_of(conn)?;
        let Some(account) = world.account_of(target) else {
            self.not_said(conn, command, ("401", &[target, "No such nick/channel"]));
            return None;
        };
        Some(match world.direct_with(account) {
            Some(room) => Where::Room(room.clone()),
            None => Where::Nobody(account),
        })
    }

    pub(super) fn say(&mut self, conn: ConnId, said: Said, text: &str) {
        let is_ctcp = text.starts_with('\u{1}') && !text.starts_with("\u{1}ACTION ");
        if is_ctcp {
            if said.command == "PRIVMSG" {
                self.numeric(conn, "404", &[&said.target, "CTCP is not passed on (+C)"]);
            }
            return;
        }
        let Some(place) = self.place(conn, said.command, &said.target) else {
            return;
        };
        let text = self.text_in(conn, text);
        let Some(world) = self.world_mut(conn) else {
            return;
        };
        match place {
            Where::Room(room) => {
                let said_by = Pending::Said(conn, said.clone());
                let send = Command::Send {
                    channel: ChannelRef(room.channel.to_string()),
                    text: text.clone(),
                    embeds: said.embeds.clone(),
                };
                let Some(message) = said.reply_to else {
                    world.order(send, said_by);
                    return self.wait(conn);
                };
                // A reply goes where the message is: one of another room would be said there.
                let located = Located {
                    message,
                    found: (
                        Command::Reply {
                            message,
                            text,
                            embeds: said.embeds,
                        },
                        said_by.clone(),
                    ),
                    lost: Lost::Instead(Box::new((send, said_by))),
                };
                return self.locate(conn, room.channel, located);
            }
            Where::Nobody(account) => {
                let order = opens(world, account);
                world.order(
                    Command::Personal { order },
                    Pending::Opened(conn, said, text),
                );
            }
        }
        self.wait(conn);
    }

    /// What a client wrote, as it is kept. Lines between two programs mean nothing here, not even a nick in them.
    pub(super) fn text_in(&self, conn: ConnId, text: &str) -> String {
        match self.world_of(conn) {
            Some(world) if !is_sealed(text) => world.mentions_in(&markdown(text)),
            _ => text.to_owned(),
        }
    }

    /// A conversation was opened: what was to be said in it is said.
    pub(crate) fn say_opened(
        &mut self,
        conn: ConnId,
        said: Said,
        (channel, text): (alloquy_ids::ChannelId, String),
    ) {
        let Some(world) = self.world_mut(conn) else {
            return;
        };
        let command = Command::Send {
            channel: ChannelRef(channel.to_string()),
            text,
            embeds: said.embeds.clone(),
        };
        world.order(command, Pending::Said(conn, said));
    }

    pub(super) fn tagmsg(&mut self, conn: ConnId, line: &Line) {
        let tagged = self
            .session(conn)
            .is_some_and(|session| session.caps.has(crate::caps::Cap::MessageTags));
        if !tagged {
            return self.numeric(conn, "421", &["TAGMSG", "Unknown command"]);
        }
        let targets = line.params[0]
            .split(',')
            .filter(|target| !target.is_empty());
        for target in targets.take(TARGETS_MAX) {
            let Some(Where::Room(room)) = self.place(conn, "TAGMSG", target) else {
                continue;
            };
            if line.tag("+typing").is_some_and(|typing| typing == "active") {
                self.typing(conn, &room);
            }
            let message = reply_to(line);
            let react = line.tag("+draft/react").map(|emoji| (emoji, true));
            let unreact = line.tag("+draft/unreact").map(|emoji| (emoji, false));
            if let (Some(message), Some((emoji, on))) = (message, react.or(unreact)) {
                self.react(conn, &room, (target, message, emoji), on);
            } else {
                self.echo_tagmsg(conn, target, line);
            }
        }
    }

    fn typing(&mut self, conn: ConnId, room: &Room) {
        let now = self.now.mono;
        let Some(session) = self.session_mut(conn) else {
            return;
        };
        let due = session
            .typing
            .get(&room.channel)
            .is_none_or(|until| *until <= now);
        if !due {
            return;
        }
        session.typing.insert(room.channel, now.plus(TYPING_MS));
        let channel = ChannelRef(room.channel.to_string());
        if let Some(world) = self.world_mut(conn) {
            world.order(Command::Typing { channel }, Pending::Quiet);
        }
    }

    fn react(&mut self, conn: ConnId, room: &Room, what: (&str, EventId, &str), on: bool) {
        let (target, message, emoji) = what;
        let emoji = emoji.to_owned();
        let command = match on {
            true => Command::React { message, emoji },
            false => Command::Unreact { message, emoji },
        };
        let order = Order {
            command: "TAGMSG",
            about: vec![target.to_owned()],
        };
        let located = Located {
            message,
            found: (command, Pending::Done(conn, order.clone())),
            lost: Lost::Refused(order),
        };
        self.locate(conn, room.channel, located);
    }

    /// What only passes between clients comes back to who asked for that.
    fn echo_tagmsg(&mut self, conn: ConnId, target: &str, line: &Line) {
        let echo = self
            .session(conn)
            .is_some_and(|session| session.caps.has(crate::caps::Cap::EchoMessage));
        let client = line.tags.iter().filter(|(name, _)| is_client_tag(name));
        let client: Vec<_> = client.cloned().collect();
        // Of nothing that passes, no echo says that it did.
        let Some(world) = self.world_of(conn).filter(|_| echo && !client.is_empty()) else {
            return;
        };
        let tags = Tags {
            time: Some(self.now.wall),
            account: Some(world.me().to_string()),
            client,
            ..Tags::default()
        };
        let out = Out::new(&world.mask(world.me()), "TAGMSG", &[target]).tagged(tags);
        self.reply(conn, out);
    }
}
