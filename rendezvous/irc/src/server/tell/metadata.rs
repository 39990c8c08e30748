//! METADATA: what is another way now, for those who want to know.

use alloquy_ids::{AccountId, ChannelId, CommunityId};

use crate::caps::Cap;
use crate::commands::metadata_value;
use crate::io::{ClientKey, ConnId};
use crate::line::Out;
use crate::names::fold;
use crate::server::Server;
use crate::world::Key;

impl Server {
    /// Whether a connection wants to be told of a key.
    pub(crate) fn wants_metadata(&self, conn: ConnId, key: &str) -> bool {
        let session = self.session(conn);
        session.is_some_and(|session| {
            session.caps.has(Cap::Metadata) && session.subscribed.contains(key)
        })
    }

    /// A value as a line; an empty one is none any more.
    pub(crate) fn metadata_line(
        &self,
        source: &str,
        (target, key, value): (&str, &str, &str),
    ) -> Out {
        let source = match source.is_empty() {
            true => &self.settings.server_name,
            false => source,
        };
        Out::new(
            source,
            "METADATA",
            &[target, key, "*", &metadata_value(value)],
        )
    }

    /// Somebody's profile is another one.
    pub(super) fn tell_metadata(&mut self, of: ClientKey, account: AccountId, key: Key) {
        let Some(world) = self.worlds.get(&of) else {
            return;
        };
        let value = world.known_of(account, key).unwrap_or_default().to_owned();
        let (nick, mask) = (world.nick(account), world.mask(account));
        let out = self
            .metadata_line(&mask, (&nick, key.name(), &value))
            .tagged(self.tags_of(account));
        for conn in self.all_in(of) {
            let own = account == self.me(conn);
            let Some(session) = self.session_mut(conn) else {
                continue;
            };
            // Whoever changed it knows.
            if own && session.setting.get(&key) == Some(&value) {
                session.setting.remove(&key);
                continue;
            }
            let monitored = session.monitored.contains_key(&fold(&nick));
            if self.wants_metadata(conn, key.name()) && (monitored || self.is_news(conn, account)) {
                self.tell(conn, &out);
            }
        }
    }

    /// A channel is called another way, or its community.
    pub(super) fn tell_metadata_of_room(
        &mut self,
        of: ClientKey,
        channel: ChannelId,
        keys: &[&str],
    ) {
        let Some(world) = self.worlds.get(&of) else {
            return;
        };
        let Some(room) = world.room(channel) else {
            return;
        };
        let (name, known) = (room.name.clone(), world.all_of_room(room));
        for key in keys {
            let value = known.iter().find(|(name, _)| name == key);
            let value = value.map(|(_, value)| value.as_str()).unwrap_or_default();
            let out = self.metadata_line("", (&name, key, value));
            for conn in self.all_in(of) {
                let session = self.session(conn);
                let joined = session.is_some_and(|session| session.joined.contains_key(&channel));
                if joined && self.wants_metadata(conn, key) {
                    self.tell(conn, &out);
                }
            }
        }
    }

    /// A community is called another way, or described so.
    pub(super) fn tell_metadata_of_community(
        &mut self,
        of: ClientKey,
        community: CommunityId,
        keys: &[&str],
    ) {
        let Some(world) = self.worlds.get(&of) else {
            return;
        };
        let rooms = world.rooms().filter(|room| room.community == community);
        let channels: Vec<ChannelId> = rooms.map(|room| room.channel).collect();
        for channel in channels {
            self.tell_metadata_of_room(of, channel, keys);
        }
    }
}
