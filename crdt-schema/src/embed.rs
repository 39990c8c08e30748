//! Previews of addresses: what the writer of a message says of an address in it, sealed with the message.
//!
//! Whoever writes makes the preview: no reader's node, and no bridge, ever fetches an address that somebody wrote.
//! Text alone, in one line each, so that every face can show it whole. See docs/protocol.md, "Bodies".
//!
//! Deliberately not here: which community lets whom post addresses (`policy`).

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::{EMBED_DESCRIPTION_BYTES_MAX, EMBED_TITLE_BYTES_MAX, EMBED_URL_BYTES_MAX};

/// The preview of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embed {
    /// The address: `http://` or `https://` and printable ASCII without spaces and backslashes.
    pub url: String,
    /// What it is called: one line, not empty.
    pub title: String,
    /// What it says, in one line; empty when nothing is said.
    pub description: String,
}

impl Embed {
    /// All of it as one text, for the rules of a community about words and links.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} {}\n{}", self.url, self.title, self.description)
    }
}

/// Whether a text is an address of the web, as an embed has it.
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

impl Canonical for Embed {
    fn write(&self, w: &mut Writer) {
        w.text(&self.url);
        w.text(&self.title);
        w.text(&self.description);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let url = r.text(EMBED_URL_BYTES_MAX, "address of an embed")?;
        let title = r.text(EMBED_TITLE_BYTES_MAX, "title of an embed")?;
        let description = r.text(EMBED_DESCRIPTION_BYTES_MAX, "description of an embed")?;
        let good = [
            ("address of an embed", is_address(&url)),
            ("title of an embed", !title.is_empty() && is_line(&title)),
            ("description of an embed", is_line(&description)),
        ];
        match good.into_iter().find(|(_, good)| !good) {
            Some((what, _)) => Err(DecodeError::NotCanonical { what }),
            None => Ok(Self {
                url,
                title,
                description,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(url: &str, title: &str, description: &str) -> Embed {
        Embed {
            url: url.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
        }
    }

    fn refused(embed: &Embed) -> String {
        let error = Embed::from_bytes(&embed.to_bytes()).expect_err("refused");
        error.to_string()
    }

    #[test]
    fn an_embed_is_an_address_and_lines_of_text() {
        for good in [
            embed("https://example.org/", "Ä title", ""),
            embed("http://example.org/a?b;c#d", "x", "what it says"),
        ] {
            assert_eq!(Embed::from_bytes(&good.to_bytes()), Ok(good));
        }
        for url in [
            "",
            "https://",
            "javascript:alert(1)",
            "HTTPS://example.org",
            "https://exa mple.org",
            "https://exämple.org",
            "https://a\\@b.org",
            "https://a.org\n",
        ] {
            let error = refused(&embed(url, "t", ""));
            assert_eq!(
                error, "address of an embed is not in canonical form",
                "{url:?}"
            );
        }
        for title in ["", " t", "t ", "a\nb", "a\u{1}", "\u{85}"] {
            let error = refused(&embed("https://a.org", title, ""));
            assert_eq!(
                error, "title of an embed is not in canonical form",
                "{title:?}"
            );
        }
        for description in [" d", "d ", "a\r", "\u{0}"] {
            let error = refused(&embed("https://a.org", "t", description));
            assert_eq!(error, "description of an embed is not in canonical form");
        }
    }

    #[test]
    fn limits_hold_at_the_byte() {
        let long = |len: usize| format!("https://{}", "a".repeat(len - 8));
        let whole = |url, title, description| {
            let text = |len: usize| "x".repeat(len);
            embed(&long(url), &text(title), &text(description))
        };
        let most = whole(
            EMBED_URL_BYTES_MAX,
            EMBED_TITLE_BYTES_MAX,
            EMBED_DESCRIPTION_BYTES_MAX,
        );
        assert_eq!(Embed::from_bytes(&most.to_bytes()), Ok(most));
        assert_eq!(
            refused(&whole(EMBED_URL_BYTES_MAX + 1, 1, 0)),
            "address of an embed is 1025, the limit is 1024"
        );
        assert_eq!(
            refused(&whole(20, EMBED_TITLE_BYTES_MAX + 1, 0)),
            "title of an embed is 257, the limit is 256"
        );
        assert_eq!(
            refused(&whole(20, 1, EMBED_DESCRIPTION_BYTES_MAX + 1)),
            "description of an embed is 513, the limit is 512"
        );
    }
}
