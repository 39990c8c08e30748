//! A community's rules: who comes in how, when newcomers may write, what may be said.
//!
//! Only the waiting period decides whether an event counts, by signed times (docs/protocol.md, "Permitted"). How
//! people come in is for the admitting member to judge, words and links for whoever shows a message.

use std::borrow::Cow;

use alloquy_ids::UnixMs;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::{RULE_WORD_BYTES_MAX, RULE_WORDS_MAX};

/// All rules of a community.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who may come in, and how.
    pub joins: JoinRule,
    /// Milliseconds after the signed time of its admission before which a member without a role may not write.
    pub wait_ms: u32,
    /// Who may post links.
    pub links: LinkRule,
    /// How many may come in within a while.
    pub raid: RaidLimit,
    /// Words that nobody is to write.
    pub refused: Vec<String>,
    /// Words with which a message is shown only when a moderator has let it through.
    pub held: Vec<String>,
}

/// One rule: what one operation changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Who may come in, and how.
    Joins(JoinRule),
    /// See [`Policy::wait_ms`].
    Wait(u32),
    /// Who may post links.
    Links(LinkRule),
    /// How many may come in within a while.
    Raid(RaidLimit),
    /// See [`Policy::refused`].
    Refused(Vec<String>),
    /// See [`Policy::held`].
    Held(Vec<String>),
}

/// Who may come in, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum JoinRule {
    /// Whoever asks, with a link or without one; a link works though its time or its uses are over.
    Open = 1,
    /// Whoever has a link.
    #[default]
    Invite = 2,
    /// Whoever asks and is admitted by a member with the right to invite.
    Approval = 3,
}

/// Who may post links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum LinkRule {
    /// Whoever may write.
    #[default]
    Everyone = 1,
    /// Members with a role, and owners.
    Roles = 2,
    /// Who may delete others' messages.
    Moderators = 3,
}

/// How many may come in within a while, for the admitting member to judge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RaidLimit {
    /// How many in all; `None`: any number.
    pub in_all: Option<u32>,
    /// How many by one invite; `None`: any number.
    pub by_invite: Option<u32>,
    /// How long the while is, in milliseconds.
    pub within_ms: u32,
}

impl Policy {
    /// Takes one rule over.
    pub fn set(&mut self, rule: &Rule) {
        match rule {
            Rule::Joins(joins) => self.joins = *joins,
            Rule::Wait(ms) => self.wait_ms = *ms,
            Rule::Links(links) => self.links = *links,
            Rule::Raid(raid) => self.raid = *raid,
            Rule::Refused(words) => self.refused.clone_from(words),
            Rule::Held(words) => self.held.clone_from(words),
        }
    }

    /// All rules, each as one.
    #[must_use]
    pub fn rules(&self) -> [Rule; 6] {
        [
            Rule::Joins(self.joins),
            Rule::Wait(self.wait_ms),
            Rule::Links(self.links),
            Rule::Raid(self.raid),
            Rule::Refused(self.refused.clone()),
            Rule::Held(self.held.clone()),
        ]
    }

    /// From when on somebody who came in then and holds no role may write.
    #[must_use]
    pub fn writes_from(&self, admitted: UnixMs) -> UnixMs {
        UnixMs(admitted.0.saturating_add(u64::from(self.wait_ms)))
    }
}

impl Rule {
    /// Whether this release knows the number of a rule and what it chooses. What it does not know has no effect.
    #[must_use]
    pub(crate) fn is_known(mut r: Reader<'_>) -> bool {
        match r.u8("rule") {
            Ok(1) => r.u8("join rule").is_ok_and(|rule| (1..=3).contains(&rule)),
            Ok(3) => r.u8("link rule").is_ok_and(|rule| (1..=3).contains(&rule)),
            Ok(rule) => (1..=6).contains(&rule),
            Err(_) => false,
        }
    }

    /// The rule's number: first byte of its canonical form.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Joins(_) => 1,
            Self::Wait(_) => 2,
            Self::Links(_) => 3,
            Self::Raid(_) => 4,
            Self::Refused(_) => 5,
            Self::Held(_) => 6,
        }
    }
}

/// A word or phrase as rules hold it: words of lower-case letters and digits with one space between. Empty if there
/// is neither.
#[must_use]
pub fn normal_words(text: &str) -> String {
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// These words as they are looked up, ascending, each with its place in the list. The list holds words as their author
/// saw them, which other tables of letters may see otherwise: whether a list is valid never depends on such tables.
fn listed(words: &[String]) -> Vec<(Cow<'_, str>, usize)> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b' ';
    let normal = |word: &'_ String| match word.bytes().all(plain) {
        true => None,
        false => Some(normal_words(word)),
    };
    let mut listed: Vec<_> = words
        .iter()
        .map(|word| normal(word).map_or(Cow::Borrowed(word.as_str()), Cow::Owned))
        .zip(0..)
        .filter(|(word, _)| !word.is_empty())
        .collect();
    listed.sort();
    listed
}

/// The first of these rule words that a text holds as whole words, however it is capitalised.
///
/// Phrases of the text are looked up in the sorted list, so that a long list costs little for each message.
#[must_use]
pub fn word_in<'a>(words: &'a [String], text: &str) -> Option<&'a str> {
    let listed = listed(words);
    let longest = listed.iter().map(|(word, _)| word.len()).max()?;
    let text = normal_words(text);
    let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b' ');
    let ends: Vec<_> = breaks.map(|(at, _)| at).chain([text.len()]).collect();
    let mut found: Option<usize> = None;
    let mut start = 0;
    for (n, end) in ends.iter().enumerate() {
        let near = ends[n..].iter().take_while(|end| **end - start <= longest);
        for end in near {
            let phrase = &text[start..*end];
            let at = listed.partition_point(|(word, _)| &**word < phrase);
            let held = listed.get(at).filter(|(word, _)| word == phrase);
            found = found.into_iter().chain(held.map(|(_, place)| *place)).min();
        }
        start = end + 1;
    }
    found.map(|at| words[at].as_str())
}

/// Whether a text holds a link: a word with `://` in it, or one that begins with `www.`.
#[must_use]
pub fn has_link(text: &str) -> bool {
    let mut words = text.split_whitespace();
    words.any(|word| {
        let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
        let scheme = word
            .split_once("://")
            .is_some_and(|(_, rest)| !rest.is_empty());
        let www = word
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("www."));
        scheme || www
    })
}

impl Canonical for RaidLimit {
    fn write(&self, w: &mut Writer) {
        w.option(self.in_all.as_ref());
        w.option(self.by_invite.as_ref());
        w.u32(self.within_ms);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            in_all: r.option("joins in all")?,
            by_invite: r.option("joins by invite")?,
            within_ms: r.u32("joins within")?,
        })
    }
}

impl Canonical for Rule {
    fn write(&self, w: &mut Writer) {
        w.u8(self.tag());
        match self {
            Self::Joins(rule) => w.u8(*rule as u8),
            Self::Wait(ms) => w.u32(*ms),
            Self::Links(rule) => w.u8(*rule as u8),
            Self::Raid(limit) => limit.write(w),
            Self::Refused(words) | Self::Held(words) => {
                w.varint(words.len() as u64);
                for word in words {
                    w.text(word);
                }
            }
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("rule")? {
            1 => Self::Joins(choice(
                r,
                "join rule",
                &[
                    (1, JoinRule::Open),
                    (2, JoinRule::Invite),
                    (3, JoinRule::Approval),
                ],
            )?),
            2 => Self::Wait(r.u32("waiting period")?),
            3 => Self::Links(choice(
                r,
                "link rule",
                &[
                    (1, LinkRule::Everyone),
                    (2, LinkRule::Roles),
                    (3, LinkRule::Moderators),
                ],
            )?),
            4 => Self::Raid(RaidLimit::read(r)?),
            5 => Self::Refused(words(r)?),
            6 => Self::Held(words(r)?),
            value => {
                return Err(DecodeError::Unknown {
                    what: "rule",
                    value: u64::from(value),
                });
            }
        })
    }
}

fn choice<T: Copy>(
    r: &mut Reader<'_>,
    what: &'static str,
    known: &[(u8, T)],
) -> Result<T, DecodeError> {
    let value = r.u8(what)?;
    let found = known.iter().find(|(number, _)| *number == value);
    found.map(|(_, rule)| *rule).ok_or(DecodeError::Unknown {
        what,
        value: u64::from(value),
    })
}

/// Ascending by their bytes, none empty, with one space between words and no control characters.
fn words(r: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    let count = r.len(RULE_WORDS_MAX, "words")?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        words.push(r.text(RULE_WORD_BYTES_MAX, "word")?);
    }
    let spaced = |word: &String| word.split(' ').all(|part| !part.is_empty());
    let fits = |word: &String| spaced(word) && !word.chars().any(char::is_control);
    if !words.is_sorted_by(|a, b| a < b) || !words.iter().all(fits) {
        return Err(DecodeError::NotCanonical { what: "words" });
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn words_are_found_whole_and_however_they_are_written() {
        let words = list(&["casino", "free coins", "ärger"]);
        for (text, found) in [
            ("CASINO!", Some("casino")),
            ("so (casino) it is", Some("casino")),
            ("casinos", None),
            ("Free,  coins here", Some("free coins")),
            ("free of coins", None),
            ("ÄRGER", Some("ärger")),
            ("", None),
        ] {
            assert_eq!(word_in(&words, text), found, "{text}");
        }
        assert_eq!(word_in(&[], "casino"), None);
        let odd = list(&["!", "A-B", "B"]);
        assert_eq!(word_in(&odd, "an a, b"), Some("A-B"));
        assert_eq!(word_in(&odd, "b!"), Some("B"));
        assert_eq!(word_in(&odd, "!"), None);
    }

    /// As it is described: one word of the list after the other.
    fn word_in_slowly<'a>(words: &'a [String], text: &str) -> Option<&'a str> {
        let text = format!(" {} ", normal_words(text));
        let mut words = words.iter();
        let found = words.find(|word| text.contains(&format!(" {word} ")));
        found.map(String::as_str)
    }

    proptest::proptest! {
        #[test]
        fn words_are_found_as_if_each_were_searched_in_the_text(
            words in proptest::collection::btree_set("[abä]{1,2}( [abä]{1,2}){0,2}", 0..12),
            text in "[aAbÄä ,.]{0,40}",
        ) {
            let words: Vec<_> = words.into_iter().collect();
            proptest::prop_assert_eq!(word_in(&words, &text), word_in_slowly(&words, &text));
        }
    }

    #[test]
    fn links_are_found_and_a_slash_is_none() {
        for text in [
            "https://a.example",
            "see (HTTP://x)",
            "www.example.org",
            "<Www.x.y>",
            "alloquy://join/a",
        ] {
            assert!(has_link(text), "{text}");
        }
        for text in ["and/or", "10:30", "://", "w.w.w", "http:// x", ""] {
            assert!(!has_link(text), "{text}");
        }
    }

    #[test]
    fn rules_have_one_form_and_limits() {
        let mut policy = Policy {
            joins: JoinRule::Approval,
            wait_ms: 60_000,
            links: LinkRule::Roles,
            raid: RaidLimit {
                in_all: Some(10),
                by_invite: None,
                within_ms: 600_000,
            },
            refused: list(&["a b", "c"]),
            held: list(&["ärger"]),
        };
        let mut again = Policy::default();
        for rule in policy.rules() {
            let bytes = rule.to_bytes();
            assert_eq!(Rule::from_bytes(&bytes).as_ref(), Ok(&rule));
            assert!(Rule::from_bytes(&bytes[..bytes.len() - 1]).is_err());
            again.set(&rule);
        }
        assert_eq!(again, policy);
        for wrong in [
            &["b", "a"][..],
            &["a", "a"],
            &[" a"],
            &["a "],
            &["a  b"],
            &[""],
            &["a\tb"],
        ] {
            let bytes = Rule::Refused(list(wrong)).to_bytes();
            assert!(Rule::from_bytes(&bytes).is_err(), "{wrong:?}");
        }
        // Which letters are small, and what is a letter, changes: that decides nothing here.
        for odd in [&["A", "a-b"][..], &["\u{1e9e}"], &["!"]] {
            let bytes = Rule::Refused(list(odd)).to_bytes();
            assert!(Rule::from_bytes(&bytes).is_ok(), "{odd:?}");
        }
        policy.refused = vec!["x".repeat(RULE_WORD_BYTES_MAX + 1)];
        assert!(Rule::from_bytes(&Rule::Refused(policy.refused).to_bytes()).is_err());
        let many: Vec<_> = (0..=RULE_WORDS_MAX).map(|n| format!("w{n:06}")).collect();
        assert!(Rule::from_bytes(&Rule::Held(many).to_bytes()).is_err());
        for bytes in [[1, 0], [1, 4], [3, 0], [7, 1], [0, 1]] {
            assert!(Rule::from_bytes(&bytes).is_err(), "{bytes:?}");
        }
    }
}
