//! Previews of addresses (docs/irc.md, "Previews"): tags for clients that ask for `alloquy.chat/embed`, a line for others.
//!
//! Nothing here ever fetches an address: a preview is what the writer of the message says.

use alloquy_api::Embed;
use alloquy_api::embed::{BadEmbed, check_all};

use crate::caps::{Cap, Caps};
use crate::limits::EMBED_TAGS_BYTES_MAX;
use crate::line::{Line, escaped};

/// The tags of the first preview of a message, the second and the third: of one name a line has one tag.
const TAGS: [&str; alloquy_api::limits::EMBEDS_MAX] = [
    "alloquy.chat/embed",
    "alloquy.chat/embed-2",
    "alloquy.chat/embed-3",
];

/// How a connection is told of the previews of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Previews {
    /// Tags of its line.
    pub(crate) tags: Vec<(Cap, &'static str, String)>,
    /// Lines behind it.
    pub(crate) lines: Vec<String>,
}

/// A preview in a line.
fn line(embed: &Embed) -> String {
    format!("[preview] {}: {}", embed.title, embed.url)
}

impl Previews {
    /// Those of a message, for a client with these capabilities. `lines`: whether this server says previews in lines.
    pub(crate) fn of(embeds: &[Embed], caps: Caps, lines: bool) -> Self {
        let mut told = Self::default();
        let mut room = EMBED_TAGS_BYTES_MAX;
        for embed in embeds {
            if !caps.has(Cap::Embed) {
                told.lines.push(line(embed));
                continue;
            }
            // Who asks for previews as tags, and for no tags, wants none.
            if !caps.has(Cap::MessageTags) {
                continue;
            }
            let (name, value) = (TAGS[told.tags.len().min(TAGS.len() - 1)], embed.to_string());
            // With `;` and `=`.
            let bytes = name.len() + escaped(&value).len() + 2;
            match room.checked_sub(bytes) {
                Some(rest) if told.tags.len() < TAGS.len() => {
                    room = rest;
                    told.tags.push((Cap::Embed, name, value));
                }
                _ => told.lines.push(line(embed)),
            }
        }
        if !lines {
            told.lines.clear();
        }
        told
    }
}

/// The previews that a client gives with a line.
pub(crate) fn given(line: &Line) -> Result<Vec<Embed>, BadEmbed> {
    let values = TAGS.iter().filter_map(|name| line.tag(name));
    let embeds: Vec<_> = values.map(Embed::parse).collect::<Result<_, _>>()?;
    let more = line.tags.iter().find(|(name, _)| {
        name.starts_with("alloquy.chat/embed-") && !TAGS.contains(&name.as_str())
    });
    if let Some((name, _)) = more {
        return Err(BadEmbed {
            expected: format!("no preview behind {}", TAGS[TAGS.len() - 1]),
            found: name.clone(),
            over_limit: true,
        });
    }
    check_all(&embeds).map(|()| embeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(url: usize, rest: char) -> Embed {
        let text = |len: usize| rest.to_string().repeat(len);
        Embed {
            url: format!("https://{}", ";".repeat(url - 8)),
            title: text(256),
            description: text(512),
        }
    }

    #[test]
    fn the_longest_preview_has_room_and_what_has_none_is_a_line() {
        let mut caps = Caps::default();
        caps.add(Cap::Embed);
        caps.add(Cap::MessageTags);
        let longest = embed(1024, ';');
        longest.check().unwrap();
        let told = Previews::of(&[longest.clone(), longest.clone()], caps, true);
        assert_eq!((told.tags.len(), told.lines.len()), (1, 1));
        assert!(told.lines[0].ends_with(&longest.url));
        assert!(
            Previews::of(&[longest.clone(), longest.clone()], caps, false)
                .lines
                .is_empty()
        );
        // A smaller one behind it has room again, by the next name.
        let small = Embed {
            url: "https://a.org".to_owned(),
            title: "a".to_owned(),
            description: String::new(),
        };
        let told = Previews::of(&[small.clone(), embed(500, 'x'), small], caps, true);
        let names: Vec<_> = told.tags.iter().map(|(_, name, _)| *name).collect();
        assert_eq!(names, TAGS);
    }
}
