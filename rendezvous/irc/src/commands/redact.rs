//! REDACT: deleting a message.

use alloquy_api::Command;
use alloquy_ids::EventId;

use crate::caps::Cap;
use crate::io::ConnId;
use crate::line::Line;
use crate::pending::{Located, Lost, Order, Pending};
use crate::server::Server;

impl Server {
    pub(super) fn redact(&mut self, conn: ConnId, line: &Line) {
        let (target, id) = (line.params[0].clone(), line.params[1].clone());
        let known = self
            .session(conn)
            .is_some_and(|session| session.caps.has(Cap::MessageRedaction));
        if !known {
            return self.numeric(conn, "421", &["REDACT", "Unknown command"]);
        }
        let channel = self.world_of(conn).and_then(|world| {
            let room = match target.starts_with('#') {
                true => world.room_named(&target),
                false => world.direct_with(world.account_of(&target)?),
            };
            room.map(|room| room.channel)
        });
        let Some(channel) = channel else {
            return self.fail(
                conn,
                "REDACT",
                "INVALID_TARGET",
                &[&target],
                "There is no such channel or nick",
            );
        };
        let Ok(message) = id.parse::<EventId>() else {
            return self.fail(
                conn,
                "REDACT",
                "UNKNOWN_MSGID",
                &[&target, &id],
                "There is no such message there",
            );
        };
        let order = Order {
            command: "REDACT",
            about: vec![target, id],
        };
        let located = Located {
            message,
            found: (
                Command::Delete { message },
                Pending::Done(conn, order.clone()),
            ),
            lost: Lost::Refused(order),
        };
        self.locate(conn, channel, located);
    }
}
