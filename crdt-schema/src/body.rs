//! Sealed bodies: what members write into channels and into the community's content.
//!
//! The first byte tells what it is. A tag of a later level is kept and not shown. A form that says the same in
//! more bytes is refused: each body has one. See docs/protocol.md, "Sealed bodies".
//!
//! Deliberately not here: padding and sealing (`epoch`), and who may write what (`timeline`, `content`).

use alloquy_ids::EventId;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::content::ContentOp;
use crate::embed::Embed;
use crate::limits::{BODY_BYTES_MAX, EMBEDS_MAX, EMOJI_BYTES_MAX, TEXT_BYTES_MAX};

/// Plaintext of a sealed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A message.
    Message(MessageBody),
    /// Replaces the text of a message of the same account. What else the message has stays: also its previews.
    Edit {
        /// The message.
        target: EventId,
        /// Its new text, at most 16 KiB.
        text: String,
    },
    /// Adds (`on`) or removes the account's reaction.
    React {
        /// The message.
        target: EventId,
        /// At most 64 bytes.
        emoji: String,
        /// Whether it is added.
        on: bool,
    },
    /// Operations on the community's content document (scope: content).
    Content(Vec<ContentOp>),
    /// A body of a later level: kept, not shown.
    Unknown {
        /// Its tag.
        tag: u8,
        /// Its fields, not understood.
        bytes: Vec<u8>,
    },
}

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageBody {
    /// Markdown, at most 16 KiB.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<EventId>,
    /// The message that its thread hangs on.
    pub thread: Option<EventId>,
    /// It came through a server that could read it before it was sealed: an IRC client wrote it, whose account has its
    /// keys there.
    pub bridged: bool,
    /// Previews of addresses, made by the author; at most 3.
    pub embeds: Vec<Embed>,
}

const MESSAGE: u8 = 1;
const EDIT: u8 = 2;
const REACT_OFF: u8 = 3;
const REACT_ON: u8 = 4;
const CONTENT: u8 = 5;
/// A message that answers another or stands in a thread: plain ones save the two bytes.
const MESSAGE_REFERRING: u8 = 6;
/// The same of a bridged message, whether it refers or not.
const MESSAGE_BRIDGED: u8 = 7;
/// A message with previews of addresses, whether it refers or not.
const MESSAGE_EMBEDDING: u8 = 8;
/// The same of a bridged message.
const MESSAGE_BRIDGED_EMBEDDING: u8 = 9;

impl MessageBody {
    /// The tag of its one form; the plain one is told apart before.
    const fn tag(&self) -> u8 {
        match (self.bridged, self.embeds.is_empty()) {
            (false, true) => MESSAGE_REFERRING,
            (true, true) => MESSAGE_BRIDGED,
            (false, false) => MESSAGE_EMBEDDING,
            (true, false) => MESSAGE_BRIDGED_EMBEDDING,
        }
    }

    fn is_plain(&self) -> bool {
        self.reply_to.is_none() && self.thread.is_none() && !self.bridged && self.embeds.is_empty()
    }
}

impl Canonical for Body {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Message(message) if message.is_plain() => {
                w.u8(MESSAGE);
                w.text(&message.text);
            }
            Self::Message(message) => {
                w.u8(message.tag());
                w.text(&message.text);
                w.option(message.reply_to.as_ref());
                w.option(message.thread.as_ref());
                if !message.embeds.is_empty() {
                    w.list(&message.embeds);
                }
            }
            Self::Edit { target, text } => {
                w.u8(EDIT);
                target.write(w);
                w.text(text);
            }
            Self::React { target, emoji, on } => {
                w.u8(if *on { REACT_ON } else { REACT_OFF });
                target.write(w);
                w.text(emoji);
            }
            Self::Content(ops) => {
                w.u8(CONTENT);
                ContentOp::write_list(ops, w);
            }
            Self::Unknown { tag, bytes } => {
                w.u8(*tag);
                w.raw(bytes);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.remaining();
        match r.u8("body")? {
            MESSAGE => {
                let text = r.text(TEXT_BYTES_MAX, "text")?;
                Ok(Self::Message(MessageBody {
                    text,
                    ..MessageBody::default()
                }))
            }
            tag @ MESSAGE_REFERRING..=MESSAGE_BRIDGED_EMBEDDING => {
                let text = r.text(TEXT_BYTES_MAX, "text")?;
                let (reply_to, thread) = (r.option("reply")?, r.option("thread")?);
                let embeds = match tag {
                    MESSAGE_EMBEDDING | MESSAGE_BRIDGED_EMBEDDING => {
                        r.list(EMBEDS_MAX, "embeds")?
                    }
                    _ => Vec::new(),
                };
                Ok(Self::Message(MessageBody {
                    text,
                    reply_to,
                    thread,
                    bridged: matches!(tag, MESSAGE_BRIDGED | MESSAGE_BRIDGED_EMBEDDING),
                    embeds,
                }))
            }
            EDIT => Ok(Self::Edit {
                target: EventId::read(r)?,
                text: r.text(TEXT_BYTES_MAX, "text")?,
            }),
            tag @ (REACT_ON | REACT_OFF) => {
                let (target, emoji) = (EventId::read(r)?, r.text(EMOJI_BYTES_MAX, "emoji")?);
                Ok(Self::React {
                    target,
                    emoji,
                    on: tag == REACT_ON,
                })
            }
            CONTENT => ContentOp::read_list(r).map(Self::Content),
            _ if len > BODY_BYTES_MAX => Err(DecodeError::Limit {
                what: "body",
                value: len as u64,
                limit: BODY_BYTES_MAX as u64,
            }),
            tag => Ok(Self::Unknown {
                tag,
                bytes: r.raw(len - 1, "unknown body")?.to_vec(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed() -> Embed {
        Embed {
            url: "https://example.org/".to_owned(),
            title: "An example".to_owned(),
            description: "What it says".to_owned(),
        }
    }

    #[test]
    fn every_body_comes_back() {
        let id = EventId([7; 32]);
        let bodies = [
            Body::Message(MessageBody {
                text: "hello".to_owned(),
                ..MessageBody::default()
            }),
            Body::Message(MessageBody {
                text: String::new(),
                reply_to: Some(id),
                ..MessageBody::default()
            }),
            Body::Message(MessageBody {
                text: "through a server".to_owned(),
                bridged: true,
                ..MessageBody::default()
            }),
            Body::Message(MessageBody {
                text: "through a server".to_owned(),
                thread: Some(id),
                bridged: true,
                ..MessageBody::default()
            }),
            Body::Message(MessageBody {
                text: "look".to_owned(),
                embeds: vec![embed()],
                ..MessageBody::default()
            }),
            Body::Message(MessageBody {
                text: "look".to_owned(),
                reply_to: Some(id),
                bridged: true,
                embeds: vec![embed(), embed(), embed()],
                ..MessageBody::default()
            }),
            Body::Edit {
                target: id,
                text: "new".to_owned(),
            },
            Body::React {
                target: id,
                emoji: "👍".to_owned(),
                on: true,
            },
            Body::React {
                target: id,
                emoji: "👍".to_owned(),
                on: false,
            },
            Body::Content(Vec::new()),
            Body::Unknown {
                tag: 200,
                bytes: vec![1, 2, 3],
            },
        ];
        for body in bodies {
            assert_eq!(Body::from_bytes(&body.to_bytes()), Ok(body));
        }
    }

    #[test]
    fn a_body_over_its_limit_is_named() {
        let long = Body::Message(MessageBody {
            text: "x".repeat(TEXT_BYTES_MAX + 1),
            ..MessageBody::default()
        });
        let error = Body::from_bytes(&long.to_bytes())
            .expect_err("too long")
            .to_string();
        assert_eq!(error, "text is 16385, the limit is 16384");
        // A message that refers to nothing has one form only.
        let mut w = Writer::new();
        w.u8(MESSAGE_REFERRING);
        w.text("hi");
        w.raw(&[0, 0]);
        assert!(matches!(
            Body::from_bytes(&w.into_bytes()),
            Err(DecodeError::NotCanonical { .. })
        ));
    }

    #[test]
    fn a_message_has_few_embeds_or_another_form() {
        let with = |count| {
            Body::Message(MessageBody {
                text: "look".to_owned(),
                embeds: vec![embed(); count],
                ..MessageBody::default()
            })
        };
        let error = Body::from_bytes(&with(EMBEDS_MAX + 1).to_bytes()).expect_err("too many");
        assert_eq!(error.to_string(), "embeds is 4, the limit is 3");
        // None at all, in the form of some.
        for tag in [MESSAGE_EMBEDDING, MESSAGE_BRIDGED_EMBEDDING] {
            let mut w = Writer::new();
            w.u8(tag);
            w.text("hi");
            w.raw(&[0, 0, 0]);
            assert!(matches!(
                Body::from_bytes(&w.into_bytes()),
                Err(DecodeError::NotCanonical { .. })
            ));
        }
        // The largest message is far from what a body may have.
        let text = |len: usize| "x".repeat(len);
        let most = Embed {
            url: format!("https://{}", text(crate::limits::EMBED_URL_BYTES_MAX - 8)),
            title: text(crate::limits::EMBED_TITLE_BYTES_MAX),
            description: text(crate::limits::EMBED_DESCRIPTION_BYTES_MAX),
        };
        let largest = Body::Message(MessageBody {
            text: text(TEXT_BYTES_MAX),
            embeds: vec![most; EMBEDS_MAX],
            ..MessageBody::default()
        });
        let bytes = largest.to_bytes();
        assert_eq!(Body::from_bytes(&bytes), Ok(largest));
        assert!(crate::epoch::pad(&bytes).len() < BODY_BYTES_MAX);
    }
}
