//! MODE: who stands how, who is kept out or from writing, and where only some may write.

use alloquy_ids::{AccountId, ChannelId, CommunityId};

use crate::io::ClientKey;
use crate::limits::STIR_MAX;
use crate::line::Out;
use crate::server::Server;
use crate::world::PREFIXES;

/// Masks in one MODE: with the longest channel's name four of an account's id fit a line.
const MASKS_A_LINE: usize = 4;

impl Server {
    pub(super) fn tell_modes(
        &mut self,
        key: ClientKey,
        (community, account): (CommunityId, AccountId),
        (was, is): (&str, &str),
    ) {
        let letter = |prefix: char| {
            PREFIXES
                .iter()
                .find(|(_, of)| *of == prefix)
                .map(|(mode, _)| *mode)
        };
        let gone: String = was
            .chars()
            .filter(|prefix| !is.contains(*prefix))
            .filter_map(letter)
            .collect();
        let come: String = is
            .chars()
            .filter(|prefix| !was.contains(*prefix))
            .filter_map(letter)
            .collect();
        let mut modes = String::new();
        for (sign, letters) in [('-', &gone), ('+', &come)] {
            if !letters.is_empty() {
                modes.push(sign);
                modes.push_str(letters);
            }
        }
        if modes.is_empty() {
            return;
        }
        let lines = gone.len().div_ceil(MASKS_A_LINE) + come.len().div_ceil(MASKS_A_LINE);
        for conn in self.all_in(key) {
            let rooms = self.joined_of(conn, community);
            // Who is in many rooms is told by the list alone, as of many bans.
            if lines * rooms.len() > STIR_MAX {
                continue;
            }
            for room in rooms {
                let Some(nick) = self
                    .world_of(conn)
                    .filter(|world| world.sees(&room, account))
                    .map(|world| world.nick(account))
                else {
                    continue;
                };
                let server = self.settings.server_name.clone();
                let mut params = vec![room.name.as_str(), modes.as_str()];
                params.extend(std::iter::repeat_n(nick.as_str(), gone.len() + come.len()));
                self.tell(conn, &Out::new(&server, "MODE", &params));
            }
        }
    }

    /// Writing in a room is the right of some now, or of all again.
    pub(super) fn tell_moderated(&mut self, key: ClientKey, channel: ChannelId, on: bool) {
        let Some(room) = self.worlds.get(&key).and_then(|world| world.room(channel)) else {
            return;
        };
        let modes = if on { "+m" } else { "-m" };
        let out = Out::new(&self.settings.server_name, "MODE", &[&room.name, modes]);
        for conn in self.all_in(key) {
            let session = self.session(conn);
            if session.is_some_and(|session| session.joined.contains_key(&channel)) {
                self.tell(conn, &out);
            }
        }
    }

    /// A community bans others now, or keeps others from writing. A crowd is told of by the list alone.
    pub(super) fn tell_bans(
        &mut self,
        key: ClientKey,
        community: CommunityId,
        (gone, come): (&[String], &[String]),
    ) {
        if gone.len() + come.len() > STIR_MAX {
            return;
        }
        let server = self.settings.server_name.clone();
        for conn in self.all_in(key) {
            for room in self.joined_of(conn, community) {
                for (sign, masks) in [("-", gone), ("+", come)] {
                    for masks in masks.chunks(MASKS_A_LINE) {
                        let modes = format!("{sign}{}", "b".repeat(masks.len()));
                        let mut params = vec![room.name.as_str(), modes.as_str()];
                        params.extend(masks.iter().map(String::as_str));
                        self.tell(conn, &Out::new(&server, "MODE", &params));
                    }
                }
            }
        }
    }
}
