//! Lines that begin with `/`: the text grammar of the command line, with names as the window knows them.

use alloquy_api::Command;
use alloquy_api::command::ChannelKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::CommunityId;

use super::{Mode, Purpose, Slot, UiState};
use crate::effect::Effect;
use crate::model::Model;
use crate::words::say;

impl UiState {
    /// Carries a line out, or says below the composer what is wrong with it; what was typed stays then.
    pub(super) fn send_line(&mut self, slot: Slot, text: String, model: &Model) -> Vec<Effect> {
        let community = model.community_of(slot.channel);
        let parsed = parse(&text, community, model);
        let composer = self.composers.entry(slot).or_default();
        match parsed {
            Ok(command) => {
                composer.text.clear();
                composer.cursor_to = Some(0);
                composer.mode = Mode::New;
                composer.focus = true;
                vec![self.ask(Purpose::Line(slot, text), command)]
            }
            Err(error) => {
                composer.error = Some(error);
                Vec::new()
            }
        }
    }
}

/// Reads a line that begins with `/`. `#general` is the channel of the open community, `@Mira` its member.
fn parse(text: &str, community: Option<CommunityId>, model: &Model) -> Result<Command, String> {
    let line = text.strip_prefix('/').unwrap_or(text);
    let of = community.and_then(|id| model.community(id));
    let line = match of {
        Some(community) => with_ids(line, community)?,
        None => line.to_owned(),
    };
    line.parse::<Command>().map_err(|error| error.to_string())
}

/// Puts ids where names stand: outside of quotes, at the beginning of a word.
fn with_ids(line: &str, community: &CommunitySnapshot) -> Result<String, String> {
    let mut result = String::with_capacity(line.len());
    let (mut quoted, mut escaped, mut begins) = (false, false, false);
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at + c.len_utf8()..];
        if begins && !quoted && matches!(c, '#' | '@') {
            let found = match c {
                '#' => channel(rest, community),
                _ => member(rest, community),
            };
            let place = crate::text::name(&community.name);
            let (id, len) = match found {
                Found::One(id, len) => (id, len),
                Found::Several(len) => {
                    let name = crate::text::name(&rest[..len]);
                    return Err(say::line_several(format!("{c}{name}"), place));
                }
                Found::Nobody => {
                    let word = rest.split(' ').next().unwrap_or_default();
                    return Err(say::line_unknown(format!("{c}{word}"), place));
                }
            };
            result.push_str(&id);
            at += 1 + len;
            begins = false;
            continue;
        }
        match c {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        begins = c == ' ';
        result.push(c);
        at += c.len_utf8();
    }
    Ok(result)
}

/// What a name stands for.
enum Found {
    /// This id, by a name of so many bytes.
    One(String, usize),
    /// More than one thing has the name, of so many bytes: anybody may take a name that somebody has, and a ban
    /// is not to hit whoever stands last in a list.
    Several(usize),
    /// Nothing.
    Nobody,
}

fn channel(rest: &str, community: &CommunitySnapshot) -> Found {
    let channels = community.channels.iter();
    let channels = channels.filter(|of| of.kind != ChannelKind::Category);
    longest(
        rest,
        channels.map(|of| (of.name.as_str(), of.channel.to_string())),
    )
}

fn member(rest: &str, community: &CommunitySnapshot) -> Found {
    let members = community.members.iter();
    longest(
        rest,
        members.map(|of| (of.name.as_str(), of.account.to_string())),
    )
}

/// What the longest name that a text begins with stands for.
fn longest<'a>(rest: &str, named: impl Iterator<Item = (&'a str, String)>) -> Found {
    let mut found = Found::Nobody;
    for (name, id) in named.filter(|(name, _)| begins_with(rest, name)) {
        found = match found {
            Found::One(_, len) | Found::Several(len) if len > name.len() => continue,
            Found::One(_, len) | Found::Several(len) if len == name.len() => Found::Several(len),
            _ => Found::One(id, name.len()),
        };
    }
    found
}

fn begins_with(rest: &str, name: &str) -> bool {
    let after = rest.strip_prefix(name);
    !name.is_empty() && after.is_some_and(|after| after.is_empty() || after.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alloquy_api::reply::ChannelView;
    use alloquy_ids::ChannelId;

    use super::*;

    fn community() -> CommunitySnapshot {
        let channel = |n: u8, name: &str| ChannelView {
            channel: ChannelId([n; 32]),
            kind: ChannelKind::Text,
            name: name.to_owned(),
            topic: String::new(),
            category: None,
            position: 0,
            private: false,
            since_join: false,
            unread: 0,
            mentions: 0,
            rights: Vec::new(),
            bridges: Vec::new(),
            slow_mode_ms: 0,
            overwrites: Vec::new(),
        };
        CommunitySnapshot {
            name: "Alloquy".to_owned(),
            channels: Arc::new(vec![channel(1, "general"), channel(2, "general talk")]),
            ..CommunitySnapshot::default()
        }
    }

    #[test]
    fn names_of_channels_become_ids_outside_of_quotes() {
        let community = community();
        let (one, two) = (ChannelId([1; 32]), ChannelId([2; 32]));
        for (line, expected) in [
            ("send #general hi", format!("send {one} hi")),
            ("send #general talk hi", format!("send {two} hi")),
            (
                "send #general \"a \\\" #general\"",
                format!("send {one} \"a \\\" #general\""),
            ),
            ("send x a#general", "send x a#general".to_owned()),
        ] {
            assert_eq!(with_ids(line, &community), Ok(expected), "{line}");
        }
    }

    #[test]
    fn a_name_that_two_have_is_nobodys() {
        let mut community = community();
        Arc::make_mut(&mut community.channels)[1].name = "general".to_owned();
        let error = with_ids("rename #general x", &community).unwrap_err();
        assert!(
            error.starts_with("#general is the name of several"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_name_is_told() {
        let error = with_ids("send #nowhere hi", &community());
        assert_eq!(error, Err("#nowhere is not known in Alloquy".to_owned()));
    }
}
