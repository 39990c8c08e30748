//! Lines of the protocol: bytes from a client in, bytes for a client out.
//!
//! What comes in becomes a [`Line`] once, here; handlers never see bytes. What goes out is an [`Out`]: its body is
//! written once, and its tags by what each client has asked for.

mod out;

pub use out::{Out, Tags};

use crate::limits::{
    AUTHENTICATE_LINE_BYTES_MAX, BODY_BYTES_MAX, CLIENT_TAGS_BYTES_MAX, PARAMS_MAX, TAGS_MAX,
};

/// The command of the vendor capability `alloquy.chat/e2ee`: the one that has a digit among its letters, which the
/// grammar of RFC 1459 section 2.3.1 does not know.
pub const E2EE: &str = "E2EE";

/// A line that a client sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Names and values, unescaped; of a name given twice the last one.
    pub tags: Vec<(String, String)>,
    /// In upper case.
    pub command: String,
    /// The last one may hold anything.
    pub params: Vec<String>,
}

/// Why bytes are not a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// The tags are over their limit.
    #[error("the tags have more than {CLIENT_TAGS_BYTES_MAX} bytes")]
    TagsTooLong,
    /// The line without its tags is over its limit.
    #[error("the line has more than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// A NUL, or a CR or LF that does not end the line.
    #[error("NUL, CR and LF may not stand in a line")]
    Control,
    /// Not UTF-8.
    #[error("the line is not UTF-8")]
    NotUtf8,
    /// A command is letters only or three digits, but for [`E2EE`].
    #[error("that is no command")]
    NoCommand,
}

impl Line {
    /// Reads one line, without its CR LF. `Ok(None)`: an empty line, which is passed over.
    ///
    /// # Errors
    /// See [`BadLine`].
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, BadLine> {
        let (tags, body) = split_tags(bytes)?;
        let long = [&b"AUTHENTICATE "[..], b"REGISTER "];
        let is_long = long
            .iter()
            .any(|word| body.len() > word.len() && body[..word.len()].eq_ignore_ascii_case(word));
        let max = if is_long {
            AUTHENTICATE_LINE_BYTES_MAX
        } else {
            BODY_BYTES_MAX
        };
        if body.len() + 2 > max {
            return Err(BadLine::TooLong);
        }
        if bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return Err(BadLine::Control);
        }
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_not_utf8| BadLine::NotUtf8);
        let (tags, body) = (text(tags)?, text(body)?);
        let mut rest = body.trim_start_matches(' ');
        let empty = tags.is_empty() && rest.is_empty();
        if let Some(source) = rest.strip_prefix(':') {
            // Whatever a client says of itself is not believed.
            rest = source.split_once(' ').map_or("", |(_, rest)| rest);
        }
        let mut params = split_params(rest);
        if params.is_empty() {
            return match empty {
                true => Ok(None),
                false => Err(BadLine::NoCommand),
            };
        }
        let command = params.remove(0).to_ascii_uppercase();
        let letters = command.bytes().all(|byte| byte.is_ascii_alphabetic());
        let digits = command.len() == 3 && command.bytes().all(|byte| byte.is_ascii_digit());
        if command.is_empty() || !(letters || digits || command == E2EE) {
            return Err(BadLine::NoCommand);
        }
        Ok(Some(Self {
            tags: parse_tags(tags),
            command,
            params,
        }))
    }

    /// A parameter, or nothing where it is missing.
    #[must_use]
    pub fn param(&self, at: usize) -> Option<&str> {
        self.params.get(at).map(String::as_str)
    }

    /// The value of a tag; empty for a tag without one.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(tag, _)| tag == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The tags' data and the rest.
fn split_tags(bytes: &[u8]) -> Result<(&[u8], &[u8]), BadLine> {
    let Some(tagged) = bytes.strip_prefix(b"@") else {
        return Ok((&[], bytes));
    };
    let end = tagged.iter().position(|byte| *byte == b' ');
    // Two more for `@` and the space.
    if end.unwrap_or(tagged.len()) + 2 > CLIENT_TAGS_BYTES_MAX {
        return Err(BadLine::TagsTooLong);
    }
    let Some(end) = end else {
        return Ok((tagged, &[]));
    };
    Ok((&tagged[..end], &tagged[end + 1..]))
}

fn split_params(mut rest: &str) -> Vec<String> {
    let mut params = Vec::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.is_empty() {
            return params;
        }
        // The command is the first, so a colon there begins no last parameter.
        if let Some(last) = rest.strip_prefix(':').filter(|_| !params.is_empty()) {
            params.push(last.to_owned());
            return params;
        }
        if params.len() == PARAMS_MAX {
            params.push(rest.to_owned());
            return params;
        }
        let (param, more) = rest.split_once(' ').unwrap_or((rest, ""));
        params.push(param.to_owned());
        rest = more;
    }
}

fn parse_tags(text: &str) -> Vec<(String, String)> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for tag in text.split(';').filter(|tag| !tag.is_empty()).take(TAGS_MAX) {
        let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
        let value = unescape(value);
        match tags.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => tags.push((name.to_owned(), value)),
        }
    }
    tags
}

/// Reads a tag's value: what has no meaning after a backslash stands for itself, a backslash at the end for nothing.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            text.push(char);
            continue;
        }
        match chars.next() {
            Some(':') => text.push(';'),
            Some('s') => text.push(' '),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    text
}

/// Writes a tag's value.
fn escape(value: &str, into: &mut String) {
    for char in value.chars() {
        match char {
            ';' => into.push_str("\\:"),
            ' ' => into.push_str("\\s"),
            '\\' => into.push_str("\\\\"),
            '\r' => into.push_str("\\r"),
            '\n' => into.push_str("\\n"),
            '\0' => {}
            other => into.push(other),
        }
    }
}

/// A value as a tag has it.
pub(crate) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    escape(value, &mut text);
    text
}

#[cfg(test)]
mod tests;
