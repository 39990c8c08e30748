//! A line for clients.

use alloquy_ids::UnixMs;
use unicode_segmentation::UnicodeSegmentation;

use super::escape;
use crate::caps::{Cap, Caps};
use crate::limits::{BODY_BYTES_MAX, TAG_DATA_BYTES_MAX};
use crate::text::iso_time;

/// What a line carries for clients that asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// When it was said.
    pub time: Option<UnixMs>,
    /// Its id.
    pub msgid: Option<String>,
    /// The account of its source.
    pub account: Option<String>,
    /// What the client called its request.
    pub label: Option<String>,
    /// The batch that it belongs to.
    pub batch: Option<String>,
    /// Of a batch: its line goes on the one before without a break.
    pub concat: bool,
    /// Further tags of the server, each for those who asked for a capability.
    pub further: Vec<(Cap, &'static str, String)>,
    /// Tags between clients, each beginning with `+`.
    pub client: Vec<(String, String)>,
}

/// A line for clients: its body, and its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Out {
    /// Its tags.
    pub tags: Tags,
    body: String,
}

impl Out {
    /// A line without tags. The last parameter may hold spaces; line breaks become spaces in all of them, and what is
    /// over the limit is cut off, never inside a grapheme.
    #[must_use]
    pub fn new(source: &str, command: &str, params: &[&str]) -> Self {
        let mut body = String::with_capacity(128);
        if !source.is_empty() {
            body.push(':');
            push_clean(&mut body, source);
            body.push(' ');
        }
        body.push_str(command);
        let last = params.len().saturating_sub(1);
        for (at, param) in params.iter().enumerate() {
            body.push(' ');
            let space = [' ', '\r', '\n', '\0'];
            let plain = !param.is_empty() && !param.starts_with(':') && !param.contains(space);
            match (plain, at == last) {
                (true, _) => body.push_str(param),
                (false, true) => {
                    body.push(':');
                    push_clean(&mut body, param);
                }
                // What somebody typed may stand in the middle of an answer: it stays one word.
                (false, false) if param.is_empty() => body.push('*'),
                (false, false) => body.push_str(&param.replace(space, "_").replacen(':', "_", 1)),
            }
        }
        cut(&mut body, BODY_BYTES_MAX - 2);
        Self {
            tags: Tags::default(),
            body,
        }
    }

    /// With these tags.
    #[must_use]
    pub fn tagged(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// What stands behind its tags.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The same with another body.
    pub(crate) fn with_body(&self, body: String) -> Self {
        Self {
            tags: self.tags.clone(),
            body,
        }
    }

    /// Whether it is a TAGMSG, which only clients with message-tags get.
    #[must_use]
    pub fn is_tagmsg(&self) -> bool {
        let rest = self
            .body
            .strip_prefix(':')
            .and_then(|body| body.split_once(' '));
        rest.is_some_and(|(_, rest)| rest.starts_with("TAGMSG"))
    }

    /// The reference of the batch that it begins.
    #[must_use]
    pub fn opens_batch(&self) -> Option<&str> {
        self.batch_of('+')
    }

    /// Whether it ends this batch.
    #[must_use]
    pub fn closes_batch(&self, reference: &str) -> bool {
        self.batch_of('-') == Some(reference)
    }

    /// The reference of a BATCH line, by its sign. What somebody said is not looked at.
    fn batch_of(&self, sign: char) -> Option<&str> {
        let (_, rest) = self.body.strip_prefix(':')?.split_once(' ')?;
        let rest = rest.strip_prefix("BATCH ")?.strip_prefix(sign)?;
        rest.split(' ').next()
    }

    /// Its bytes for a client with these capabilities, CR LF among them.
    #[must_use]
    pub fn bytes(&self, caps: Caps) -> String {
        let mut line = String::with_capacity(self.body.len() + 96);
        self.write_tags(caps, &mut line);
        line.push_str(&self.body);
        line.push_str("\r\n");
        line
    }

    fn write_tags(&self, caps: Caps, line: &mut String) {
        let tags = &self.tags;
        let full = caps.has(Cap::MessageTags);
        let mut add = |when: bool, name: &str, value: &str| {
            if !when {
                return;
            }
            let before = line.len();
            line.push(if before == 0 { '@' } else { ';' });
            line.push_str(name);
            if !value.is_empty() {
                line.push('=');
                escape(value, line);
            }
            // A tag that does not fit is left out as a whole.
            if line.len() > TAG_DATA_BYTES_MAX * 2 {
                line.truncate(before);
            }
        };
        if let Some(batch) = &tags.batch {
            add(caps.has(Cap::Batch), "batch", batch);
        }
        if let Some(label) = &tags.label {
            add(caps.has(Cap::LabeledResponse), "label", label);
        }
        if let Some(time) = tags.time {
            add(caps.has(Cap::ServerTime), "time", &iso_time(time));
        }
        if let Some(msgid) = &tags.msgid {
            add(full, "msgid", msgid);
        }
        if let Some(account) = &tags.account {
            add(caps.has(Cap::AccountTag), "account", account);
        }
        add(
            tags.concat && caps.has(Cap::Multiline),
            "draft/multiline-concat",
            "",
        );
        for (cap, name, value) in &tags.further {
            add(caps.has(*cap), name, value);
        }
        for (name, value) in &tags.client {
            add(full, name, value);
        }
        if !line.is_empty() {
            line.push(' ');
        }
    }
}

/// Line breaks and NUL would end the line or begin another one.
fn push_clean(body: &mut String, text: &str) {
    body.extend(text.chars().map(|char| match char {
        '\r' | '\n' | '\0' => ' ',
        other => other,
    }));
}

/// Cuts off what is over `max` bytes at the end of a grapheme.
fn cut(text: &mut String, max: usize) {
    if text.len() <= max {
        return;
    }
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        if at + grapheme.len() > max {
            break;
        }
        end = at + grapheme.len();
    }
    text.truncate(end);
}
