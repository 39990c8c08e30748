//! RENAME: another name for a channel, in the community.

use alloquy_api::Command;

use crate::io::ConnId;
use crate::line::Line;
use crate::names;
use crate::server::Server;
use crate::world::Kind;

impl Server {
    pub(super) fn rename(&mut self, conn: ConnId, line: &Line) {
        let (old, new) = (line.params[0].clone(), line.params[1].clone());
        let Some(room) = self.room_that_it_is_in(conn, &old) else {
            return;
        };
        // What stands before the slash is the community's, given once; what stands behind it must be told back as typed.
        let end = room.name.find('/').map_or(1, |slash| slash + 1);
        let given = new.split_at_checked(end);
        let name = given.filter(|(before, name)| {
            let same = names::fold(before) == names::fold(&room.name[..end]);
            same && names::channel(name) == name.to_lowercase()
        });
        let Some((_, name)) = name.filter(|_| room.kind == Kind::Channel) else {
            let text =
                "A channel stays in its community, and its name is one word without , : / * ? ! @";
            return self.fail(conn, "RENAME", "CANNOT_RENAME", &[&old, &new], text);
        };
        let holder = self.room(conn, &new);
        if holder.is_some_and(|of| of.channel != room.channel) {
            let text = "Another channel is called so";
            return self.fail(conn, "RENAME", "CHANNEL_NAME_IN_USE", &[&old, &new], text);
        }
        let command = Command::Rename {
            target: room.channel.to_string(),
            name: name.to_owned(),
        };
        self.order(conn, ("RENAME", &[&old, &new]), command);
    }
}
