//! Edits: as what they are for clients that know them, as one short correction for the others.

use std::collections::BTreeSet;

use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, EventId, MonoMs};

use super::messages::{Manner, reply_tags, target};
use crate::caps::Cap;
use crate::io::{ClientKey, ConnId};
use crate::limits::{EDIT_MS, TEXT_LINE_BYTES};
use crate::line::{Out, Tags};
use crate::pending::Pending;
use crate::server::Server;
use crate::text::{pieces, to_irc};

/// An edit that waits for another one before it is told to clients that know none.
#[derive(Debug)]
pub(crate) struct Edit {
    /// When it is told.
    pub(crate) at: MonoMs,
    pub(crate) channel: ChannelId,
    /// The text that clients have.
    before: String,
    /// The message as it is now.
    message: MessageView,
    /// Connections that were given it as it is now.
    known_to: BTreeSet<ConnId>,
}

/// The words of a text: an edit that changes nothing of them is none for who sees words alone.
fn words(text: &str) -> String {
    let plain = to_irc(text);
    let plain = plain.replace(|char: char| char.is_control() && char != '\n', "");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Server {
    /// A message has another text. `before`: the one that clients have, as far as it is known.
    pub(super) fn edited(
        &mut self,
        key: ClientKey,
        (channel, message): (ChannelId, &MessageView),
        before: Option<String>,
    ) {
        let by = self.worlds.get(&key).and_then(|world| {
            world.pending.values().find_map(|pending| match pending {
                Pending::Edited(conn, of, _) if *of == message.id => Some(*conn),
                _ => None,
            })
        });
        for conn in self.all_in(key) {
            if Some(conn) == by {
                // It is told by the outcome of what it asked for.
                let echo = self
                    .session(conn)
                    .is_some_and(|session| session.caps.has(Cap::EchoMessage));
                if echo && self.knows_edit(conn, channel, message) {
                    self.echoes
                        .insert((key, message.id), (channel, message.clone()));
                }
            } else if self.knows_edit(conn, channel, message) {
                self.tell_message_to(conn, (channel, message), Manner::edit());
            }
        }
        let Some(before) = before else {
            return;
        };
        let at = self.now.mono.plus(EDIT_MS);
        let message = message.clone();
        let waits = self.edits.entry((key, message.id)).or_insert_with(|| Edit {
            at,
            channel,
            before,
            message: message.clone(),
            known_to: BTreeSet::new(),
        });
        waits.at = at;
        waits.known_to.clear();
        waits.message = message;
    }

    /// An own edit was made: the connection that asked for it sees it if it asked for echoes.
    pub(super) fn edit_made(&mut self, key: ClientKey, conn: ConnId, message: EventId) {
        if let Some((channel, message)) = self.echoes.remove(&(key, message)) {
            for out in self.lines_of(conn, (channel, &message), Manner::edit()) {
                self.reply(conn, out);
            }
        }
    }

    /// A connection is given a message as it is now: an edit of it that still waits is no news to it.
    pub(crate) fn edit_known(&mut self, conn: ConnId, message: EventId) {
        let key = self.session(conn).and_then(|session| session.key);
        if let Some(edit) = key.and_then(|key| self.edits.get_mut(&(key, message))) {
            edit.known_to.insert(conn);
        }
    }

    /// An edit that nothing followed for a while: one short line to clients that know none, if words are others.
    pub(crate) fn tell_edit(&mut self, key: ClientKey, edit: &Edit) {
        let Edit {
            channel, message, ..
        } = edit;
        let Some(world) = self.worlds.get(&key) else {
            return;
        };
        let (Some((author, text)), Some(room)) =
            (world.seen.text_of(message.id), world.room(*channel))
        else {
            return;
        };
        if words(text) == words(&edit.before) {
            return;
        }
        let first = text.split('\n').next().unwrap_or_default();
        let text = format!("* {}", to_irc(&world.mentions_out(first)));
        let Some(piece) = pieces(&text, TEXT_LINE_BYTES).into_iter().next() else {
            return;
        };
        let tags = Tags {
            client: reply_tags(message.id),
            ..self.tags_of(author)
        };
        let out = Out::new(
            &world.mask(author),
            "PRIVMSG",
            &[&target(world, room, author), &piece.text],
        )
        .tagged(tags);
        for conn in self.all_in(key) {
            let known = edit.known_to.contains(&conn);
            if !known && self.follows(conn, *channel) && !self.knows_edit(conn, *channel, message) {
                self.tell(conn, &out);
            }
        }
    }
}
