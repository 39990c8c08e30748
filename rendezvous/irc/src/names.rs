//! Names: what people and communities are called, in letters that IRC can carry.

use alloquy_ids::CommunityId;

use crate::bound::DIRECTS;
use crate::limits::{CHANNEL_BYTES_MAX, NICK_BYTES_MAX, SLUG_BYTES_MAX};

/// A name as it is compared: `CASEMAPPING=ascii`.
#[must_use]
pub fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// A display name as a nick. Never empty, never one that a client would take for something else.
#[must_use]
pub fn nick(name: &str) -> String {
    let keep = |char: char| char.is_alphanumeric() || "-_[]\\`^{}|".contains(char);
    let mut nick = squeezed(name, keep, '-');
    clip(&mut nick, NICK_BYTES_MAX);
    let leads = |char: char| !char.is_ascii_digit() && char != '-';
    if !nick.starts_with(leads) {
        nick.insert(0, '_');
        clip(&mut nick, NICK_BYTES_MAX);
    }
    nick
}

/// What stands behind the nick of somebody who is not known here and only asks to write.
const ASKS: &str = "-asks";

/// A display name as the nick of somebody who only asks to write: whoever calls himself like somebody that one knows is
/// not taken for that one, whoever of the two was here first.
#[must_use]
pub fn asking_nick(name: &str) -> String {
    let mut nick = nick(name);
    clip(&mut nick, NICK_BYTES_MAX - ASKS.len());
    nick.push_str(ASKS);
    nick
}

/// Names of what answers on other networks, folded: people have passwords sent to them by habit.
const SERVICES: [&str; 9] = [
    "authserv", "botserv", "chanserv", "global", "hostserv", "memoserv", "nickserv", "operserv",
    "saslserv",
];

/// Whether a folded nick is nobody's, whatever somebody is called.
#[must_use]
pub fn is_service(nick: &str) -> bool {
    SERVICES.contains(&nick)
}

/// A community's name as the first part of its channels' names: lower-case ASCII.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = squeezed(
        &name.to_lowercase(),
        |char| char.is_ascii_alphanumeric() || "-_".contains(char),
        '-',
    );
    clip(&mut slug, SLUG_BYTES_MAX);
    match slug.is_empty() {
        true => "community".to_owned(),
        false => slug,
    }
}

/// Under what a node keeps the first parts of names: this and a community's short id.
pub const KEPT_SLUG: &str = "irc/slug/";

/// Under what a node keeps the first part of the names of a community's channels.
#[must_use]
pub fn kept_slug(id: CommunityId) -> String {
    format!("{KEPT_SLUG}{}", id.short())
}

/// The first part of the names of a community's channels, where others are taken.
#[must_use]
pub fn free_slug(name: &str, taken: impl Fn(&str) -> bool) -> String {
    free(&slug(name), SLUG_BYTES_MAX, |slug| {
        slug == DIRECTS || taken(slug)
    })
}

/// A channel's name as the second part of it.
#[must_use]
pub fn channel(name: &str) -> String {
    let keep =
        |char: char| !char.is_whitespace() && !char.is_control() && !",:/*?!@".contains(char);
    let mut part = squeezed(&name.to_lowercase(), keep, '-');
    clip(&mut part, CHANNEL_BYTES_MAX - SLUG_BYTES_MAX - 2);
    match part.is_empty() {
        true => "channel".to_owned(),
        false => part,
    }
}

/// What may not stay becomes `with`, but never twice in a row nor at an end.
fn squeezed(text: &str, keep: impl Fn(char) -> bool, with: char) -> String {
    let mut out = String::with_capacity(text.len());
    let mut gap = false;
    for char in text.trim().chars() {
        if !keep(char) {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push(with);
            gap = false;
        }
        out.push(char);
    }
    out
}

/// Cuts off what is over `max` bytes.
pub(crate) fn clip(text: &mut String, max: usize) {
    if text.len() > max {
        let end = (0..=max).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
    }
}

/// The first of `name`, `name-2`, `name-3`.. that is free.
#[must_use]
pub fn free(name: &str, max: usize, taken: impl Fn(&str) -> bool) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2_u32;
    while taken(&fold(&candidate)) {
        let suffix = format!("-{number}");
        candidate = name.to_owned();
        clip(&mut candidate, max - suffix.len());
        candidate.push_str(&suffix);
        number += 1;
    }
    candidate
}

/// Whether a mask of `*` and `?` fits a name, as CASEMAPPING compares.
#[must_use]
pub fn fits(mask: &str, name: &str) -> bool {
    let mask: Vec<char> = fold(mask).chars().collect();
    let name: Vec<char> = fold(name).chars().collect();
    // The last `*` and where it began to stand for something: enough to go back to.
    let (mut m, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if m < mask.len() && mask[m] == '*' {
            star = Some((m, n));
            m += 1;
        } else if m < mask.len() && (mask[m] == '?' || mask[m] == name[n]) {
            m += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            m = at + 1;
            n = from + 1;
        } else {
            return false;
        }
    }
    mask[m..].iter().all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_become_words() {
        assert_eq!(nick("Ana Müller"), "Ana-Müller");
        assert_eq!(nick("  #chan, ops! "), "chan-ops");
        assert_eq!(nick("3 apples"), "_3-apples");
        assert_eq!(nick("🙂"), "_");
        assert_eq!(slug("Bücher & Tee"), "b-cher-tee");
        assert_eq!(slug("日本"), "community");
        assert_eq!(channel("Allgemeines Café"), "allgemeines-café");
        assert_eq!(channel("a/b,c"), "a-b-c");
        assert_eq!(channel(" "), "channel");
        assert_eq!(asking_nick("Ben Ash"), "Ben-Ash-asks");
        assert_eq!(
            asking_nick(&"b".repeat(40)),
            format!("{}-asks", "b".repeat(27))
        );
        let taken = ["ana", "ana-2"];
        assert_eq!(free("Ana", 32, |nick| taken.contains(&nick)), "Ana-3");
    }

    #[test]
    fn masks_fit() {
        for (mask, name, yes) in [
            ("*", "", true),
            ("a*c", "ABBC", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*x*y", "axbxcy", true),
            ("#club/*", "#club/general", true),
            ("#club/*", "#other/general", false),
            ("**a", "a", true),
        ] {
            assert_eq!(fits(mask, name), yes, "{mask} {name}");
        }
    }

    proptest! {
        #[test]
        fn every_name_gives_one_word(name in any::<String>()) {
            for (word, max) in [(nick(&name), NICK_BYTES_MAX), (asking_nick(&name), NICK_BYTES_MAX), (slug(&name), SLUG_BYTES_MAX), (channel(&name), CHANNEL_BYTES_MAX)] {
                prop_assert!(!word.is_empty() && word.len() <= max);
                prop_assert!(!word.contains([' ', ',', ':', '!', '@', '*', '?', '#', '\r', '\n', '\0']) || word == channel(&name));
                prop_assert!(!word.contains([' ', ',', '\r', '\n', '\0', '/']));
            }
        }
    }
}
