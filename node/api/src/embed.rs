//! Previews of addresses, which whoever writes a message gives with it: nobody who reads fetches anything.
//!
//! As one text an embed is `URL TITLE`, or `URL TITLE`, a line break and a description; several have an empty line
//! between them. So a line of a command has them, and a tag of IRC.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{
    EMBED_DESCRIPTION_BYTES_MAX, EMBED_TITLE_BYTES_MAX, EMBED_URL_BYTES_MAX, EMBEDS_MAX,
};

/// The preview of one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embed {
    /// The address: `http://` or `https://` and printable ASCII without spaces and backslashes.
    pub url: String,
    /// What it is called, in one line.
    pub title: String,
    /// What it says, in one line; absent when nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What is no embed, or too much of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}; found {found}")]
pub struct BadEmbed {
    /// What would have been right, with its limits.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// Whether it is well formed and only over a limit.
    pub over_limit: bool,
}

/// Embeds as one text, in words.
pub(crate) fn expected() -> String {
    format!(
        "1 to {EMBEDS_MAX} previews, an empty line between two of them, each an address, a space and a title, and \
         perhaps a line break and a description"
    )
}

fn bad(expected: String, found: &str) -> BadEmbed {
    BadEmbed {
        expected,
        found: crate::line::excerpt(found),
        over_limit: false,
    }
}

/// Whether a text is an address of the web.
fn is_address(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

/// Whether a text is one line without controls, and without spaces at its ends.
fn is_line(text: &str) -> bool {
    !text.starts_with(' ') && !text.ends_with(' ') && !text.chars().any(char::is_control)
}

impl Embed {
    /// Reads one from its text.
    ///
    /// # Errors
    /// See [`BadEmbed`].
    pub fn parse(text: &str) -> Result<Self, BadEmbed> {
        let (first, description) = text.split_once('\n').unwrap_or((text, ""));
        let Some((url, title)) = first.split_once(' ') else {
            let expected = "an address, a space and a title".to_owned();
            return Err(bad(expected, first));
        };
        if description.is_empty() && text.contains('\n') {
            return Err(bad("a description behind the line break".to_owned(), text));
        }
        let embed = Self {
            url: url.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
        };
        embed.check().map(|()| embed)
    }

    /// Checks sizes and characters, whoever made it.
    ///
    /// # Errors
    /// See [`BadEmbed`].
    pub fn check(&self) -> Result<(), BadEmbed> {
        let sizes = [
            ("an address", &self.url, EMBED_URL_BYTES_MAX),
            ("a title", &self.title, EMBED_TITLE_BYTES_MAX),
            (
                "a description",
                &self.description,
                EMBED_DESCRIPTION_BYTES_MAX,
            ),
        ];
        if let Some((what, text, limit)) =
            sizes.into_iter().find(|(_, text, max)| text.len() > *max)
        {
            return Err(BadEmbed {
                expected: format!("{what} of at most {limit} bytes"),
                found: format!("{} bytes", text.len()),
                over_limit: true,
            });
        }
        if !is_address(&self.url) {
            let expected = "an address: http:// or https:// and printable ASCII without spaces and backslashes";
            return Err(bad(expected.to_owned(), &self.url));
        }
        let line = "without line breaks, controls and spaces at its ends";
        if self.title.is_empty() || !is_line(&self.title) {
            return Err(bad(format!("a title {line}"), &self.title));
        }
        if !is_line(&self.description) {
            return Err(bad(format!("a description {line}"), &self.description));
        }
        Ok(())
    }
}

impl fmt::Display for Embed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.url, self.title)?;
        match self.description.is_empty() {
            true => Ok(()),
            false => write!(f, "\n{}", self.description),
        }
    }
}

/// Reads all that a text lists.
pub(crate) fn parse_all(text: &str) -> Result<Vec<Embed>, BadEmbed> {
    let all: Vec<_> = text
        .split("\n\n")
        .map(Embed::parse)
        .collect::<Result<_, _>>()?;
    check_all(&all).map(|()| all)
}

/// Checks how many there are, and each.
///
/// # Errors
/// See [`BadEmbed`].
pub fn check_all(embeds: &[Embed]) -> Result<(), BadEmbed> {
    if embeds.len() > EMBEDS_MAX {
        return Err(BadEmbed {
            expected: format!("at most {EMBEDS_MAX} previews"),
            found: embeds.len().to_string(),
            over_limit: true,
        });
    }
    embeds.iter().try_for_each(Embed::check)
}

/// All of them as one text.
pub(crate) fn text_of(embeds: &[Embed]) -> String {
    let texts: Vec<_> = embeds.iter().map(Embed::to_string).collect();
    texts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embed_comes_back_from_its_text() {
        for text in [
            "https://example.org/ An example",
            "http://example.org/a;b?c An example\nWhat it says",
            "https://a.org one\n\nhttps://b.org two\nsaid\n\nhttps://c.org three",
        ] {
            let all = parse_all(text).unwrap();
            assert_eq!(text_of(&all), text);
        }
    }

    #[test]
    fn what_is_none_is_named_with_its_limit() {
        let long = |count: usize| "x".repeat(count);
        let told = |text: &str| parse_all(text).unwrap_err().to_string();
        for (text, error) in [
            (
                String::new(),
                "expected an address, a space and a title; found ``",
            ),
            (
                "https://a.org".to_owned(),
                "expected an address, a space and a title; found `https://a.org`",
            ),
            (
                "javascript:x t".to_owned(),
                "expected an address: http:// or https:// and printable ASCII without spaces and backslashes; \
                 found `javascript:x`",
            ),
            (
                "https://a\\@b.org t".to_owned(),
                "expected an address: http:// or https:// and printable ASCII without spaces and backslashes; \
                 found `https://a\\\\@b.org`",
            ),
            (
                "https://a.org  t".to_owned(),
                "expected a title without line breaks, controls and spaces at its ends; found ` t`",
            ),
            (
                "https://a.org \u{7}".to_owned(),
                "expected a title without line breaks, controls and spaces at its ends; found `\\u{7}`",
            ),
            (
                "https://a.org t\n".to_owned(),
                "expected a description behind the line break; found `https://a.org t\\n`",
            ),
            (
                "https://a.org t\na\nb".to_owned(),
                "expected a description without line breaks, controls and spaces at its ends; found `a\\nb`",
            ),
            (
                format!("https://{} t", long(1017)),
                "expected an address of at most 1024 bytes; found 1025 bytes",
            ),
            (
                format!("https://a.org {}", long(257)),
                "expected a title of at most 256 bytes; found 257 bytes",
            ),
            (
                format!("https://a.org t\n{}", long(513)),
                "expected a description of at most 512 bytes; found 513 bytes",
            ),
            (
                ["https://a.org t"; 4].join("\n\n"),
                "expected at most 3 previews; found 4",
            ),
        ] {
            assert_eq!(told(&text), error, "{text:?}");
        }
    }
}
