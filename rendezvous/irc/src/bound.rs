//! Connections that are bound to one community, which is the whole network to them.
//!
//! Inside, every room has one name, `#community/channel`. A bound connection is given and gives the short form `#channel`:
//! both are translated where its lines come in and go out.

use alloquy_ids::{AccountId, CommunityId};

use crate::line::Line;
use crate::world::{Kind, Room, World};

/// The netid of conversations that belong to no community, and the first part of the names of groups.
pub(crate) const DIRECTS: &str = "dm";

/// What a connection is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    /// `None`: conversations that belong to no community.
    pub(crate) community: Option<CommunityId>,
    /// The first part of the names of its channels.
    pub(crate) slug: String,
    /// What the network is called.
    pub(crate) name: String,
}

/// Commands whose channels stand in these parameters; of all others the first one.
const CHANNELS_IN: [(&str, &[usize]); 6] = [
    ("CHATHISTORY", &[1]),
    ("INVITE", &[1]),
    ("BATCH", &[2]),
    ("RENAME", &[0, 1]),
    ("OPER", &[]),
    ("WALLOPS", &[]),
];
/// Commands of which only the first parameter is a channel: what follows is text.
const TEXT_FOLLOWS: [&str; 7] = [
    "PRIVMSG", "NOTICE", "TOPIC", "PART", "KICK", "TAGMSG", "METADATA",
];
/// The command that is nothing but text.
const TEXT_ONLY: &str = "WALLOPS";
/// The numeric whose text is a list of channels.
const CHANNELS_LISTED: &str = "319";
/// What may stand before a channel's name: STATUSMSG, and prefixes in lists.
const SIGNS: [char; 5] = ['~', '&', '@', '%', '+'];

impl Bound {
    /// Whether a room belongs to the network.
    pub(crate) fn shows(&self, world: &World, room: &Room) -> bool {
        match (self.community, room.kind) {
            (Some(id), Kind::Channel) => room.community == id,
            (_, Kind::Two(account)) => self.shows_account(world, account),
            (Some(_), Kind::Group | Kind::Notes) | (None, Kind::Channel) => false,
            (None, Kind::Group | Kind::Notes) => true,
        }
    }

    /// Whether the conversation with somebody belongs to it.
    pub(crate) fn shows_account(&self, world: &World, account: AccountId) -> bool {
        let all = world.snapshot.communities.iter();
        let mut all = all.filter(|(_, of)| of.direct.is_none());
        match self.community {
            Some(id) => is_member(world, id, account),
            None => !all.any(|(id, _)| is_member(world, *id, account)),
        }
    }

    /// A line of the client with the whole names of channels.
    pub(crate) fn inward(&self, line: &Line) -> Line {
        let mut line = line.clone();
        let found = CHANNELS_IN
            .iter()
            .find(|(command, _)| *command == line.command);
        for at in found.map_or(&[0][..], |(_, places)| places) {
            if let Some(param) = line.params.get_mut(*at) {
                let whole = param.split(',').map(|target| self.whole(target));
                *param = whole.collect::<Vec<_>>().join(",");
            }
        }
        line
    }

    fn whole(&self, target: &str) -> String {
        let name = target.trim_start_matches(SIGNS);
        match name.strip_prefix('#') {
            Some(rest) => format!(
                "{}#{}/{rest}",
                &target[..target.len() - name.len()],
                self.slug
            ),
            None => target.to_owned(),
        }
    }

    /// The body of a line for the client, with the short names of channels.
    pub(crate) fn outward(&self, body: &str) -> String {
        let (source, rest) = match body.strip_prefix(':').and_then(|_| body.split_once(' ')) {
            Some((source, rest)) => (Some(source), rest),
            None => (None, body),
        };
        let (middle, text) = match rest.split_once(" :") {
            Some((middle, text)) => (middle, Some(text)),
            None => (rest, None),
        };
        let mut words = middle.split(' ');
        let command = words.next().unwrap_or_default();
        let first_only = TEXT_FOLLOWS.contains(&command);
        let mut out = String::with_capacity(body.len());
        if let Some(source) = source {
            out.push_str(source);
            out.push(' ');
        }
        out.push_str(command);
        for (at, word) in words.enumerate() {
            out.push(' ');
            match command == TEXT_ONLY || first_only && at > 0 {
                true => out.push_str(word),
                false => out.push_str(&self.short(word)),
            }
        }
        if let Some(text) = text {
            out.push_str(" :");
            match command == CHANNELS_LISTED {
                true => out.push_str(
                    &text
                        .split(' ')
                        .map(|word| self.short(word))
                        .collect::<Vec<_>>()
                        .join(" "),
                ),
                false => out.push_str(text),
            }
        }
        out
    }

    fn short(&self, word: &str) -> String {
        let name = word.trim_start_matches(SIGNS);
        let rest = name
            .strip_prefix('#')
            .and_then(|name| name.strip_prefix(self.slug.as_str()));
        match rest.and_then(|rest| rest.strip_prefix('/')) {
            Some(channel) => format!("{}#{channel}", &word[..word.len() - name.len()]),
            None => word.to_owned(),
        }
    }
}

fn is_member(world: &World, id: CommunityId, account: AccountId) -> bool {
    let community = world.community(id);
    community.is_some_and(|of| of.members.iter().any(|member| member.account == account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_outside_and_whole_inside_and_texts_stay() {
        let bound = Bound {
            community: None,
            slug: "club".to_owned(),
            name: "Club".to_owned(),
        };
        for (line, whole) in [
            ("JOIN #a,#b", "#club/a,#club/b"),
            ("PRIVMSG @#a #b", "@#club/a #b"),
            ("CHATHISTORY LATEST #a * 5", "LATEST #club/a * 5"),
            ("INVITE ben #a", "ben #club/a"),
            ("RENAME #a #b", "#club/a #club/b"),
            ("WHO ben", "ben"),
            ("WALLOPS :#a is down", "#a is down"),
        ] {
            let line = Line::parse(line.as_bytes()).unwrap().unwrap();
            assert_eq!(bound.inward(&line).params.join(" "), whole);
        }
        for (body, short) in [
            (
                ":a!b@c PRIVMSG #club/a #club/b",
                ":a!b@c PRIVMSG #a #club/b",
            ),
            (
                ":a!b@c PRIVMSG #club/a :see #club/b",
                ":a!b@c PRIVMSG #a :see #club/b",
            ),
            (":s 353 me = #club/a :@ana", ":s 353 me = #a :@ana"),
            (":s 319 me ben :@#club/a +#club/b", ":s 319 me ben :@#a +#b"),
            (
                ":s BATCH +1 chathistory #club/a",
                ":s BATCH +1 chathistory #a",
            ),
            (":s 403 me #clubs/a :No", ":s 403 me #clubs/a :No"),
            (":a!b@c WALLOPS #club/a", ":a!b@c WALLOPS #club/a"),
            ("PING s", "PING s"),
        ] {
            assert_eq!(bound.outward(body), short);
        }
    }
}
