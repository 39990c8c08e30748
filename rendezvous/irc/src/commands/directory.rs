//! LIST: channels that the account may see.

use std::collections::BTreeSet;

use alloquy_ids::ChannelId;

use crate::io::ConnId;
use crate::line::Line;
use crate::names::fits;
use crate::server::Server;
use crate::world::Kind;

/// What a LIST was asked to keep to: `ELIST=MNU`, or names.
#[derive(Debug, Default)]
struct Filter<'a> {
    masks: Vec<&'a str>,
    not: Vec<&'a str>,
    more_than: Option<usize>,
    fewer_than: Option<usize>,
}

impl<'a> Filter<'a> {
    fn of(text: &'a str) -> Self {
        let mut filter = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            if let Some(number) = word
                .strip_prefix('>')
                .and_then(|number| number.parse().ok())
            {
                filter.more_than = Some(number);
            } else if let Some(number) = word
                .strip_prefix('<')
                .and_then(|number| number.parse().ok())
            {
                filter.fewer_than = Some(number);
            } else if let Some(mask) = word.strip_prefix('!') {
                filter.not.push(mask);
            } else {
                filter.masks.push(word);
            }
        }
        filter
    }

    fn shows(&self, name: &str, members: usize) -> bool {
        (self.masks.is_empty() || self.masks.iter().any(|mask| fits(mask, name)))
            && !self.not.iter().any(|mask| fits(mask, name))
            && self.more_than.is_none_or(|number| members > number)
            && self.fewer_than.is_none_or(|number| members < number)
    }
}

impl Server {
    pub(super) fn list(&mut self, conn: ConnId, line: &Line) {
        let filter = Filter::of(line.param(0).unwrap_or_default());
        let Some(world) = self.world_of(conn) else {
            return;
        };
        let joined: BTreeSet<ChannelId> = self
            .session(conn)
            .map(|session| session.joined.keys().copied().collect())
            .unwrap_or_default();
        let mut rows = Vec::new();
        for room in world
            .rooms()
            .filter(|room| room.is_channel() && self.shows(conn, room))
        {
            // Private channels are named to those who are in them only.
            let secret = room.kind == Kind::Group
                || world.channel_view(room).is_some_and(|view| view.private);
            let members = world.members_of(room).len();
            let shown = !secret || joined.contains(&room.channel);
            if shown && filter.shows(&room.name, members) {
                let topic = super::channel::one_line(&room.topic);
                rows.push((room.name.clone(), members.to_string(), topic));
            }
        }
        rows.sort();
        self.numeric(conn, "321", &["Channel", "Users  Name"]);
        for (name, members, topic) in rows {
            self.numeric(conn, "322", &[&name, &members, &topic]);
        }
        self.numeric(conn, "323", &["End of /LIST"]);
    }
}
