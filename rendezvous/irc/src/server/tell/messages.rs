//! Messages as each connection can show them: one line, a multiline batch, or several lines.

use alloquy_api::reply::MessageView;
use alloquy_ids::{AccountId, ChannelId, EventId, UnixMs};

use crate::caps::{Cap, Caps};
use crate::commands::{is_sealed, shown};
use crate::embeds::Previews;
use crate::io::{ClientKey, ConnId};
use crate::limits::{BODY_BYTES_MAX, SPLIT_LINES_MAX, TEXT_LINE_BYTES};
use crate::line::{Out, Tags};
use crate::server::Server;
use crate::text::{Piece, pieces};
use crate::world::{Kind, Room, World};

/// The two spellings of the tag that names an answered message.
pub(crate) fn reply_tags(message: EventId) -> Vec<(String, String)> {
    let id = message.to_string();
    vec![
        ("+reply".to_owned(), id.clone()),
        ("+draft/reply".to_owned(), id),
    ]
}

/// To whom something in a room is addressed, as this account's clients see it.
pub(crate) fn target(world: &World, room: &Room, author: AccountId) -> String {
    match room.kind {
        Kind::Channel | Kind::Group => room.name.clone(),
        Kind::Two(other) if author == world.me() => world.nick(other),
        Kind::Two(_) | Kind::Notes => world.my_nick(),
    }
}

/// How a message is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// PRIVMSG, unless a client of this server has just said it by another one: no node tells which it was.
    pub(crate) command: &'static str,
    /// Whether the client that said it is a bot's.
    pub(crate) bot: bool,
    /// As a message, or as the new text of one that the client has.
    pub(crate) edit: bool,
    /// As one that was missed: who reads no tags is told when it was said.
    pub(crate) played: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            command: "PRIVMSG",
            bot: false,
            edit: false,
            played: false,
        }
    }
}

impl Manner {
    /// The new text of a message that the client has.
    pub(crate) fn edit() -> Self {
        Self {
            edit: true,
            ..Self::default()
        }
    }

    /// A message that was said while the client was away.
    pub(crate) fn played() -> Self {
        Self {
            played: true,
            ..Self::default()
        }
    }

    fn tags(self, message: &MessageView, now: UnixMs) -> Tags {
        let id = message.id.to_string();
        let answered = message.reply_to.or(message.thread);
        let mut further = Vec::new();
        if self.bot {
            further.push((Cap::MessageTags, "bot", String::new()));
        }
        let (time, msgid) = match self.edit {
            true => {
                further.push((Cap::Edit, "alloquy.chat/edit", id));
                (now, None)
            }
            false => {
                if message.edited {
                    further.push((Cap::Edit, "alloquy.chat/edited", String::new()));
                }
                (message.time, Some(id))
            }
        };
        Tags {
            time: Some(time),
            msgid,
            account: Some(message.author.to_string()),
            further,
            client: answered.map(reply_tags).unwrap_or_default(),
            ..Tags::default()
        }
    }
}

/// The text of a message as IRC has it.
fn text_for(world: &World, caps: Caps, message: &MessageView) -> String {
    let sealed = is_sealed(&message.text);
    let mut text = match sealed {
        true => message.text.clone(),
        false => shown(&world.mentions_out(&message.text)),
    };
    if !caps.has(Cap::MessageTags)
        && let Some(quote) = message
            .quote
            .as_ref()
            .filter(|_| !sealed && !text.starts_with('\u{1}'))
    {
        let nick = world.nick(quote.author);
        if !text.starts_with(&format!("{nick}:")) && !text.starts_with(&format!("{nick},")) {
            text = format!("{nick}: {text}");
        }
    }
    if text.is_empty() {
        let hidden = message.hidden.as_deref().unwrap_or("empty");
        text = format!("[{hidden}]");
    }
    text
}

/// A text with the time at which it was said, and the day unless that is today: in UTC, for no client says where it is.
fn with_time(text: String, time: UnixMs, now: UnixMs) -> String {
    if is_sealed(&text) {
        return text;
    }
    let (said, now) = (time.utc(), now.utc());
    let day = said.split(' ').next().unwrap_or_default();
    let shown = match now.starts_with(day) {
        true => &said[day.len() + 1..],
        false => said.as_str(),
    };
    match text.strip_prefix("\u{1}ACTION ") {
        Some(action) => format!("\u{1}ACTION [{shown}] {action}"),
        None => format!("[{shown}] {text}"),
    }
}

/// Bytes of text in one line. A sealed line is whole or worth nothing: it gets all the room that its line has.
fn room_for(source: &str, target: &str, text: &str) -> usize {
    let head = source.len() + target.len() + ": PRIVMSG  :\r\n".len();
    match is_sealed(text) {
        true => BODY_BYTES_MAX.saturating_sub(head).max(TEXT_LINE_BYTES),
        false => TEXT_LINE_BYTES,
    }
}

/// Tags of a line that belongs to a message and does not begin it: it has no id, and what the first one says of the
/// message is not said again.
fn further(first: &Tags) -> Tags {
    let mut tags = Tags {
        msgid: None,
        client: Vec::new(),
        ..first.clone()
    };
    tags.further.retain(|(cap, ..)| *cap != Cap::Embed);
    tags
}

/// Line by line, for clients that know no multiline. Empty lines mean nothing to who reads them one by one. Only the
/// first one has the id.
fn split(parts: &[Piece], first: &Tags, say: impl Fn(&str, Tags) -> Out) -> Vec<Out> {
    let mut tags = Some(first.clone());
    let rest = further(first);
    let shown: Vec<_> = parts
        .iter()
        .filter(|piece| !piece.text.is_empty())
        .collect();
    let mut lines: Vec<Out> = shown
        .iter()
        .take(SPLIT_LINES_MAX)
        .map(|piece| say(&piece.text, tags.take().unwrap_or_else(|| rest.clone())))
        .collect();
    let more = shown.len().saturating_sub(SPLIT_LINES_MAX);
    if more > 0 {
        lines.push(say(
            &format!("[{more} more lines: ask for draft/multiline, or read on in the app]"),
            rest,
        ));
    }
    lines
}

impl Server {
    /// Whether a connection can be told an edit as what it is.
    pub(super) fn knows_edit(
        &self,
        conn: ConnId,
        channel: ChannelId,
        message: &MessageView,
    ) -> bool {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return false;
        };
        let Some(room) = world.room(channel).filter(|_| session.caps.has(Cap::Edit)) else {
            return false;
        };
        let text = text_for(world, session.caps, message);
        let (source, target) = (
            world.mask(message.author),
            target(world, room, message.author),
        );
        let several = pieces(&text, room_for(&source, &target, &text)).len() > 1;
        !several || (session.caps.has(Cap::Multiline) && session.caps.has(Cap::Batch))
    }

    /// Whether a connection is shown what happens in a room: it joined it, or it is a conversation.
    pub(super) fn follows(&self, conn: ConnId, channel: ChannelId) -> bool {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return false;
        };
        match world.room(channel) {
            Some(room) if room.is_channel() => session.joined.contains_key(&channel),
            Some(room) => self.shows(conn, room),
            None => false,
        }
    }

    pub(super) fn message_added(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        message: MessageView,
    ) {
        let Some(world) = self.worlds.get_mut(&key) else {
            return;
        };
        world.seen.note(channel, &message);
        if message.deleted || message.waiting {
            return;
        }
        let own = message.author == world.me();
        let says = |pending: &crate::pending::Pending| {
            matches!(pending, crate::pending::Pending::Said(..))
        };
        // Whose it is shows when the command that wrote it ends.
        if own && world.pending.values().any(says) {
            self.own.entry(key).or_default().push((channel, message));
            return;
        }
        self.tell_message(key, channel, &message);
    }

    /// Gives a message to all connections of the account that follow the room.
    pub(super) fn tell_message(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        message: &MessageView,
    ) {
        for conn in self.all_in(key) {
            self.tell_message_to(conn, (channel, message), Manner::default());
        }
    }

    pub(super) fn tell_message_to(
        &mut self,
        conn: ConnId,
        (channel, message): (ChannelId, &MessageView),
        manner: Manner,
    ) {
        if self.follows(conn, channel) {
            // The correction of an edit is told beside what was missed.
            if !manner.edit && !self.tells_now(conn, (channel, message)) {
                return;
            }
            for out in self.lines_of(conn, (channel, message), manner) {
                self.tell(conn, &out);
            }
        }
    }

    /// A message as this connection can show it.
    pub(crate) fn lines_of(
        &mut self,
        conn: ConnId,
        (channel, message): (ChannelId, &MessageView),
        manner: Manner,
    ) -> Vec<Out> {
        let Some((world, session)) = self.world_of(conn).zip(self.session(conn)) else {
            return Vec::new();
        };
        let Some(room) = world.room(channel) else {
            return Vec::new();
        };
        let caps = session.caps;
        let source = world.mask(message.author);
        let target = target(world, room, message.author);
        let mut text = text_for(world, caps, message);
        if manner.played && !caps.has(Cap::ServerTime) {
            text = with_time(text, message.time, self.now.wall);
        }
        let mut first = manner.tags(message, self.now.wall);
        // An edit leaves previews as they are.
        let previews = match manner.edit {
            true => Previews::default(),
            false => Previews::of(&message.embeds, caps, self.preview_lines),
        };
        first.further.extend(previews.tags);
        let say = |text: &str, tags: Tags| {
            Out::new(&source, manner.command, &[&target, text]).tagged(tags)
        };
        let room = room_for(&source, &target, &text);
        let parts = pieces(&text, room);
        let behind = previews
            .lines
            .iter()
            .flat_map(|text| pieces(text, TEXT_LINE_BYTES));
        let behind: Vec<_> = behind
            .map(|piece| say(&piece.text, further(&first)))
            .collect();
        if parts.len() == 1 {
            let whole = say(&parts[0].text, first);
            return std::iter::once(whole).chain(behind).collect();
        }
        if !(caps.has(Cap::Multiline) && caps.has(Cap::Batch)) {
            let mut lines = split(&parts, &first, say);
            lines.extend(behind);
            return lines;
        }
        let reference = self.batch_reference();
        let open = Out::new(
            &source,
            "BATCH",
            &[&format!("+{reference}"), "draft/multiline", &target],
        );
        let mut lines = vec![open.tagged(first)];
        lines.extend(parts.iter().map(|piece| {
            let tags = Tags {
                batch: Some(reference.clone()),
                concat: piece.goes_on,
                ..Tags::default()
            };
            say(&piece.text, tags)
        }));
        let server = self.settings.server_name.clone();
        lines.push(Out::new(&server, "BATCH", &[&format!("-{reference}")]));
        lines.extend(behind);
        lines
    }

    /// A deleted message, for clients that can take one back. `author`: `None` where nothing is remembered of it.
    pub(super) fn tell_redacted(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        (message, author): (EventId, Option<AccountId>),
    ) {
        self.edits.remove(&(key, message));
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let Some(room) = world.room(channel) else {
            return;
        };
        // Who deleted it is not told by the node: the line stands in the author's name.
        let (source, tags) = match author {
            Some(author) => (world.mask(author), self.tags_of(author)),
            None => (self.settings.server_name.clone(), Tags::default()),
        };
        let to = target(world, room, author.unwrap_or(world.me()));
        let out = Out::new(&source, "REDACT", &[&to, &message.to_string()]).tagged(tags);
        for conn in self.all_in(key) {
            let asked = self
                .session(conn)
                .is_some_and(|session| session.caps.has(Cap::MessageRedaction));
            if asked && self.follows(conn, channel) {
                self.tell(conn, &out);
            }
        }
    }

    pub(super) fn tell_reaction(
        &mut self,
        key: ClientKey,
        (channel, message): (ChannelId, EventId),
        (account, emoji, tag): (AccountId, &str, &str),
    ) {
        let mut client = reply_tags(message);
        client.push((tag.to_owned(), emoji.to_owned()));
        self.tell_tagmsg(key, (channel, account), client);
    }

    pub(super) fn tell_typing(&mut self, key: ClientKey, channel: ChannelId, account: AccountId) {
        let client = vec![("+typing".to_owned(), "active".to_owned())];
        self.tell_tagmsg(key, (channel, account), client);
    }

    fn tell_tagmsg(
        &mut self,
        key: ClientKey,
        (channel, account): (ChannelId, AccountId),
        client: Vec<(String, String)>,
    ) {
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let Some(room) = world.room(channel) else {
            return;
        };
        let tags = Tags {
            client,
            ..self.tags_of(account)
        };
        let out = Out::new(
            &world.mask(account),
            "TAGMSG",
            &[&target(world, room, account)],
        )
        .tagged(tags);
        for conn in self.all_in(key) {
            if self.follows(conn, channel) {
                self.tell(conn, &out);
            }
        }
    }
}
