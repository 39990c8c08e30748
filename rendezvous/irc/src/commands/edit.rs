//! Edits by clients that asked for `alloquy.chat/edit` (docs/irc.md): a message that names the one whose new text it is.

use alloquy_api::Command;
use alloquy_ids::EventId;

use crate::caps::Cap;
use crate::io::ConnId;
use crate::line::Line;
use crate::pending::{Located, Lost, Order, Pending};
use crate::server::Server;

/// The tag that names the message.
const EDIT_TAG: &str = "alloquy.chat/edit";

impl Server {
    /// The message whose new text a line is, as typed. The tag of a client that did not ask for edits means nothing.
    pub(super) fn edits_by(&self, conn: ConnId, line: &Line) -> Option<String> {
        let id = line.tag(EDIT_TAG)?;
        let asked = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::Edit));
        asked.then(|| id.to_owned())
    }

    /// Gives a message another text.
    pub(super) fn edit(&mut self, conn: ConnId, (target, id): (&str, &str), text: &str) {
        let Some(room) = self.room_or_direct(conn, target) else {
            return self.fail(
                conn,
                "PRIVMSG",
                "INVALID_TARGET",
                &[target],
                "There is no such channel or nick",
            );
        };
        let Ok(message) = id.parse::<EventId>() else {
            return self.fail(
                conn,
                "PRIVMSG",
                "UNKNOWN_MSGID",
                &[target, id],
                "There is no such message there",
            );
        };
        let text = self.text_in(conn, text);
        let order = Order {
            command: "PRIVMSG",
            about: vec![target.to_owned(), id.to_owned()],
        };
        let located = Located {
            message,
            found: (
                Command::Edit { message, text },
                Pending::Edited(conn, message, order.clone()),
            ),
            lost: Lost::Refused(order),
        };
        self.locate(conn, room.channel, located);
    }
}
