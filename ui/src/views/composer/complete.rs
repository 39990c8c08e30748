//! What may complete the word before the cursor: members, channels, emoji, commands.

use alloquy_api::command::ChannelKind;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_ids::AccountId;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::text;
use crate::words::say;

/// Rows of the list: more are found by typing one more letter.
const SHOWN_MAX: usize = 8;
/// Letters after `:` from which emoji are offered: fewer are the eyes of a smiley.
const EMOJI_LETTERS_MIN: usize = 2;

/// What may complete the word before the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Completions {
    /// The text up to the cursor for which they were found.
    pub(super) before: String,
    /// Where the word begins, in bytes.
    pub(super) start: usize,
    /// The best first.
    pub(super) items: Vec<Item>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// What is shown of it.
    pub(super) shown: String,
    /// What it is.
    pub(super) about: String,
    /// What replaces the word.
    pub(super) insert: String,
    /// Whose it is.
    pub(super) account: Option<AccountId>,
}

impl Item {
    fn new(shown: String, about: impl Into<String>, insert: String) -> Self {
        Self {
            shown,
            about: about.into(),
            insert,
            account: None,
        }
    }
}

/// Finds completions at the end of a text.
pub(super) fn find(before: &str, community: Option<&CommunitySnapshot>) -> Completions {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| {
        at + before[at..].chars().next().map_or(1, char::len_utf8)
    });
    let word = &before[start..];
    let mut letters = word.chars();
    let items = match (letters.next(), letters.as_str(), community) {
        (Some('@'), name, Some(community)) => members(name, community),
        (Some('#'), name, Some(community)) => channels(name, community),
        (Some(':'), name, _) if name.chars().count() >= EMOJI_LETTERS_MIN => emoji(name),
        _ if before.starts_with('/') => commands(before, word),
        _ => Vec::new(),
    };
    Completions {
        before: before.to_owned(),
        start,
        items,
    }
}

fn members(name: &str, community: &CommunitySnapshot) -> Vec<Item> {
    let members = community.members.iter();
    let mut found: Vec<Item> = best(name, members.map(|of| (of, of.name.as_str())), SHOWN_MAX)
        .into_iter()
        .map(|member| {
            let about = match member.roles.first() {
                Some(role) => text::name(role),
                None => member.account.words()[0].to_owned(),
            };
            let shown = text::name(&member.name);
            let mut item = Item::new(shown, about, format!("@{}", member.name));
            item.account = Some(member.account);
            item
        })
        .collect();
    let roles = community.roles.iter();
    let roles = best(name, roles.map(|of| (of, of.name.as_str())), SHOWN_MAX);
    found.extend(roles.into_iter().map(|role| {
        let shown = text::name(&role.name);
        Item::new(shown, say::composer_role(), format!("@{}", role.name))
    }));
    found.truncate(SHOWN_MAX);
    found
}

fn channels(name: &str, community: &CommunitySnapshot) -> Vec<Item> {
    let channels = community.channels.iter();
    let text = channels.filter(|of| of.kind == ChannelKind::Text);
    best(name, text.map(|of| (of, of.name.as_str())), SHOWN_MAX)
        .into_iter()
        .map(|channel| {
            let shown = format!("#{}", text::name(&channel.name));
            let topic = text::name(&channel.topic);
            Item::new(shown, topic, format!("#{}", channel.name))
        })
        .collect()
}

fn emoji(name: &str) -> Vec<Item> {
    let all = emojis::iter().flat_map(|emoji| emoji.shortcodes().map(move |code| (emoji, code)));
    let mut found = best(
        name,
        all.map(|(emoji, code)| ((emoji, code), code)),
        SHOWN_MAX,
    );
    found.dedup_by_key(|(emoji, _)| emoji.as_str());
    found
        .into_iter()
        .map(|(emoji, code)| {
            let shown = format!("{emoji}  :{code}:");
            Item::new(shown, emoji.name(), emoji.as_str().to_owned())
        })
        .collect()
}

fn commands(before: &str, word: &str) -> Vec<Item> {
    let line = before.strip_prefix('/').unwrap_or(before);
    let words = alloquy_api::line::complete(line).words;
    let first = word.starts_with('/');
    let about = |word: &str| {
        let mut specs = alloquy_api::line::specs();
        let spec = specs.find(|spec| first && spec.words.split(' ').next() == Some(word));
        spec.map_or("", |spec| spec.help)
    };
    words
        .into_iter()
        .take(SHOWN_MAX)
        .map(|next| {
            let slash = if first { "/" } else { "" };
            Item::new(
                format!("{slash}{next}"),
                about(next),
                format!("{slash}{next}"),
            )
        })
        .collect()
}

/// The items whose names fit best, as a person would shorten them.
pub(in crate::views) fn best<'a, T>(
    typed: &str,
    items: impl Iterator<Item = (T, &'a str)>,
    max: usize,
) -> Vec<T> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::new(
        typed,
        CaseMatching::Ignore,
        Normalization::Smart,
        AtomKind::Fuzzy,
    );
    let mut buffer = Vec::new();
    let mut found: Vec<(u32, usize, T)> = items
        .filter_map(|(item, name)| {
            let score = pattern.score(Utf32Str::new(name, &mut buffer), &mut matcher)?;
            Some((score, name.len(), item))
        })
        .collect();
    // Of equally good ones the shorter: less of it was left out.
    found.sort_by_key(|(score, len, _)| (std::cmp::Reverse(*score), *len));
    let best = found.into_iter().take(max);
    best.map(|(_, _, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str) -> Vec<String> {
        let community = CommunitySnapshot {
            roles: std::sync::Arc::new(vec![alloquy_api::reply::RoleView {
                role: alloquy_ids::RoleId([0; 32]),
                name: "maintainer".to_owned(),
                rank: 1,
                allow: Vec::new(),
            }]),
            ..CommunitySnapshot::default()
        };
        let found = find(before, Some(&community));
        found.items.into_iter().map(|item| item.insert).collect()
    }

    #[test]
    fn words_are_completed_by_what_they_begin_with() {
        assert_eq!(shown("hi @main"), ["@maintainer"]);
        assert!(shown("a :tada").contains(&"🎉".to_owned()));
        assert!(shown("/cre").contains(&"/create-channel".to_owned()));
        for none in ["", "hi", ":t", "a@main", "@nobody", "see 10:30 "] {
            assert_eq!(shown(none), Vec::<String>::new(), "{none}");
        }
    }

    #[test]
    fn the_word_is_replaced_from_its_sign_on() {
        assert_eq!(find("grüße @m", None).start, "grüße ".len());
        assert_eq!(find("a\u{2003}@m", None).start, "a\u{2003}".len());
    }
}
