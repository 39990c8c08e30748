//! Who is in voice in a room, for clients that asked for METADATA's key of it: never a NOTICE, never a mode.

use alloquy_ids::{AccountId, ChannelId};

use crate::caps::Cap;
use crate::io::ClientKey;
use crate::limits::STIR_MAX;
use crate::line::{Out, Tags};
use crate::server::Server;
use crate::world::VOICE;

/// What a TAGMSG about somebody who comes or goes is known by.
const TAG: &str = "+alloquy.chat/voice";

impl Server {
    /// Somebody has come into voice in a room, or left it.
    pub(super) fn tell_voice(
        &mut self,
        key: ClientKey,
        channel: ChannelId,
        (come, gone): (&[AccountId], &[AccountId]),
    ) {
        let told = come.iter().map(|account| (*account, "joined"));
        let told = told.chain(gone.iter().map(|account| (*account, "left")));
        let outs: Vec<Out> = {
            let Some(world) = self.worlds.get(&key) else {
                return;
            };
            let Some(room) = world.room(channel) else {
                return;
            };
            let line = |(account, what): (AccountId, &str)| {
                let tags = Tags {
                    client: vec![(TAG.to_owned(), what.to_owned())],
                    ..self.tags_of(account)
                };
                Out::new(&world.mask(account), "TAGMSG", &[&room.name]).tagged(tags)
            };
            // How it is then, the value says.
            told.take(STIR_MAX).map(line).collect()
        };
        for conn in self.all_in(key) {
            let session = self.session(conn);
            let asked = session.is_some_and(|session| {
                session.joined.contains_key(&channel) && session.caps.has(Cap::MessageTags)
            });
            if asked && self.wants_metadata(conn, VOICE) {
                for out in &outs {
                    self.tell(conn, out);
                }
            }
        }
        self.tell_metadata_of_room(key, channel, &[VOICE]);
    }

    /// Somebody who may be in voice is called another way.
    pub(super) fn tell_voice_names(&mut self, key: ClientKey, account: AccountId) {
        let world = self.worlds.get(&key);
        let rooms = world.map(|world| world.voice_rooms_of(account));
        for channel in rooms.unwrap_or_default() {
            self.tell_metadata_of_room(key, channel, &[VOICE]);
        }
    }
}
