//! Frames of a pairing by a code (docs/protocol.md, "Linking").

use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};

use crate::limits::LINK_PAYLOAD_BYTES_MAX;
use crate::link::{End, Message, Plate, Side};

/// One frame of a pairing, by the side that sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pairing {
    /// Who sends it.
    pub(crate) side: Side,
    pub(crate) frame: LinkFrame,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkFrame {
    /// A guest asks for the offer of a number.
    Ask { plate: Plate, message: Message },
    /// The host's part of the exchange.
    Answer { message: Message },
    /// The sender knows the code.
    Confirm { tag: [u8; 32] },
    /// A message under the keys that came of the exchange.
    Sealed { bytes: Vec<u8> },
    /// The pairing is over, or there is none.
    End { end: End },
}

impl Canonical for Pairing {
    fn write(&self, w: &mut Writer) {
        w.u8(match self.side {
            Side::Host => 1,
            Side::Guest => 2,
        });
        match &self.frame {
            LinkFrame::Ask { plate, message } => {
                w.u8(1);
                w.varint(u64::from(*plate));
                w.raw(message);
            }
            LinkFrame::Answer { message } => {
                w.u8(2);
                w.raw(message);
            }
            LinkFrame::Confirm { tag } => {
                w.u8(3);
                w.raw(tag);
            }
            LinkFrame::Sealed { bytes } => {
                w.u8(4);
                w.bytes(bytes);
            }
            LinkFrame::End { end } => {
                w.u8(5);
                w.u8(*end as u8);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let unknown = |what, value: u8| DecodeError::Unknown {
            what,
            value: u64::from(value),
        };
        let side = match r.u8("side of a pairing")? {
            1 => Side::Host,
            2 => Side::Guest,
            value => return Err(unknown("side of a pairing", value)),
        };
        let frame = match r.u8("frame of a pairing")? {
            1 => LinkFrame::Ask {
                plate: {
                    let value = r.varint("number of a code")?;
                    Plate::try_from(value).map_err(|_too_great| DecodeError::Limit {
                        what: "number of a code",
                        value,
                        limit: u64::from(Plate::MAX),
                    })?
                },
                message: r.array("message of a pairing")?,
            },
            2 => LinkFrame::Answer {
                message: r.array("message of a pairing")?,
            },
            3 => LinkFrame::Confirm {
                tag: r.array("confirmation")?,
            },
            4 => LinkFrame::Sealed {
                bytes: r.bytes(LINK_PAYLOAD_BYTES_MAX, "sealed message")?.to_vec(),
            },
            5 => {
                let value = r.u8("end of a pairing")?;
                let end = End::from_byte(value);
                LinkFrame::End {
                    end: end.ok_or_else(|| unknown("end of a pairing", value))?,
                }
            }
            value => return Err(unknown("frame of a pairing", value)),
        };
        Ok(Self { side, frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_nothing_else_is_taken() {
        let frames = [
            LinkFrame::Ask {
                plate: 7,
                message: [3; 33],
            },
            LinkFrame::Answer { message: [4; 33] },
            LinkFrame::Confirm { tag: [5; 32] },
            LinkFrame::Sealed {
                bytes: vec![1, 2, 3],
            },
            LinkFrame::End {
                end: End::WrongCode,
            },
        ];
        for frame in frames {
            for side in [Side::Host, Side::Guest] {
                let frame = frame.clone();
                let pairing = Pairing { side, frame };
                let bytes = pairing.to_bytes();
                assert_eq!(Pairing::from_bytes(&bytes), Ok(pairing));
                for cut in 0..bytes.len() {
                    assert!(Pairing::from_bytes(&bytes[..cut]).is_err(), "{cut}");
                }
            }
        }
        let too_great = [&[2, 1][..], &[0x80, 0x80, 0x04], &[3; 33]].concat();
        let error = Pairing::from_bytes(&too_great).expect_err("a number of 65536");
        assert!(error.to_string().contains("65535"), "{error}");
    }

    #[test]
    fn every_end_has_its_byte_and_a_sentence_for_each_side() {
        for byte in 0..=u8::MAX {
            let end = End::from_byte(byte);
            assert_eq!(end.is_some(), (1..=12).contains(&byte), "{byte}");
            if let Some(end) = end {
                assert_eq!(end as u8, byte);
                for side in [Side::Host, Side::Guest] {
                    assert!(!end.sentence(side).is_empty());
                }
            }
        }
    }
}
