//! Sealed bodies: what members write into channels and into the community's content.
//!
//! The first byte tells what it is. A tag of a later level is kept and not shown. A form that says the same in
//! more bytes is refused: each body has one. See docs/protocol.md, "Sealed bodies".
//!
//! Deliberately not here: padding and sealing (`epoch`), and who may write what (`timeline`, `content`).

use alloquy_ids::EventId;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::content::ContentOp;
use crate::limits::{BODY_BYTES_MAX, EMOJI_BYTES_MAX, TEXT_BYTES_MAX};

/// Plaintext of a sealed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A message.
    Message(MessageBody),
    /// Replaces the text of a message of the same account.
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

impl Canonical for Body {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Message(MessageBody {
                text,
                reply_to: None,
                thread: None,
                bridged: false,
            }) => {
                w.u8(MESSAGE);
                w.text(text);
            }
            Self::Message(message) => {
                w.u8(if message.bridged {
                    MESSAGE_BRIDGED
                } else {
                    MESSAGE_REFERRING
                });
                w.text(&message.text);
                w.option(message.reply_to.as_ref());
                w.option(message.thread.as_ref());
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
            tag @ (MESSAGE_REFERRING | MESSAGE_BRIDGED) => {
                let text = r.text(TEXT_BYTES_MAX, "text")?;
                let (reply_to, thread) = (r.option("reply")?, r.option("thread")?);
                Ok(Self::Message(MessageBody {
                    text,
                    reply_to,
                    thread,
                    bridged: tag == MESSAGE_BRIDGED,
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
}
