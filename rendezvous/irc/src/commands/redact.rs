//! REDACT: deleting a message.

use alloquy_api::Command;
use alloquy_ids::EventId;

use crate::caps::Cap;
use crate::io::ConnId;
use crate::line::Line;
use crate::server::Server;
use crate::world::Kind;

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
            room.map(|room| (room.channel, room.kind))
        });
        let Some((channel, kind)) = channel else {
            return self.fail(
                conn,
                "REDACT",
                "INVALID_TARGET",
                &[&target],
                "There is no such channel or nick",
            );
        };
        let message = id.parse::<EventId>().ok();
        let elsewhere = message.is_some_and(|message| {
            let known = self
                .world_of(conn)
                .and_then(|world| world.seen.find(message));
            // What is not remembered may be anywhere: in a conversation all is, in a channel the node decides.
            known.is_some_and(|(of, _)| of != channel)
        });
        let Some(message) = message.filter(|_| !elsewhere) else {
            return self.fail(
                conn,
                "REDACT",
                "UNKNOWN_MSGID",
                &[&target, &id],
                "There is no such message there",
            );
        };
        let about: [&str; 2] = [&target, &id];
        debug_assert!(kind != Kind::Channel || target.starts_with('#'));
        self.order(conn, ("REDACT", &about), Command::Delete { message });
    }
}
