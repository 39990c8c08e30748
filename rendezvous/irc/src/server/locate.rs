//! Messages that a client names: what it does to one happens only if it is in the room that it says.

use alloquy_api::Command;
use alloquy_api::pages::{At, Part};
use alloquy_api::reply::MessageView;
use alloquy_ids::{ChannelId, EventId};

use crate::io::ConnId;
use crate::pending::{Located, Lost, Pending};
use crate::server::Server;

impl Server {
    /// Does something about a message of a room.
    pub(crate) fn locate(&mut self, conn: ConnId, channel: ChannelId, located: Located) {
        let Some(world) = self.world_mut(conn) else {
            return;
        };
        match world.seen.find(located.message) {
            Some((of, _)) => self.located(conn, located, of == channel),
            None => {
                let command = Command::Page {
                    channel,
                    part: Part::Around(At::Message(located.message)),
                    limit: 1,
                };
                world.order(command, Pending::Located(conn, Box::new(located)));
                self.wait(conn);
            }
        }
    }

    /// The node has looked for it.
    pub(crate) fn looked_for(&mut self, conn: ConnId, located: Located, messages: &[MessageView]) {
        let mut shown = messages.iter().filter(|message| !message.waiting);
        let found = shown.any(|message| message.id == located.message);
        self.located(conn, located, found);
    }

    fn located(&mut self, conn: ConnId, located: Located, found: bool) {
        let (command, pending) = match (found, located.lost) {
            (true, _) => located.found,
            (false, Lost::Instead(order)) => *order,
            (false, Lost::Refused(order)) => {
                let mut about: Vec<&str> = order.about.iter().map(String::as_str).collect();
                let id = EventId::to_string(&located.message);
                if !about.contains(&id.as_str()) {
                    about.push(&id);
                }
                return self.fail(
                    conn,
                    order.command,
                    "UNKNOWN_MSGID",
                    &about,
                    "There is no such message there",
                );
            }
        };
        if let Some(world) = self.world_mut(conn) {
            world.order(command, pending);
        }
        self.wait(conn);
    }
}
