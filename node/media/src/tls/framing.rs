//! Messages of TURN in a stream (RFC 8656, 12.5; RFC 8489, 6.2.2): STUN as it is, ChannelData padded to four bytes.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

/// Bytes of a STUN header (RFC 8489, 5).
const STUN_HEADER: usize = 20;
/// Bytes of a ChannelData header (RFC 8656, 12.4).
const CHANNEL_HEADER: usize = 4;
/// Bytes of one message: what a datagram can hold, since each becomes one.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2048;

/// Type of an Allocate request's success (RFC 8489, 5; RFC 8656, 18).
const ALLOCATE_SUCCESS: u16 = 0x0103;
/// Type of an Allocate request's failure.
const ALLOCATE_ERROR: u16 = 0x0113;
/// Type of an Allocate request.
const ALLOCATE: u16 = 0x0003;
/// Type of a Send indication.
const SEND_INDICATION: u16 = 0x0016;
/// The attribute that says why a request failed (RFC 8489, 14.8).
const ERROR_CODE: u16 = 0x0009;
/// The attribute with the relay's address, mixed with the header (RFC 8656, 18.5; RFC 8489, 14.2).
const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// The attributes that say how to prove who asks (RFC 8489, 14.9 and 14.10).
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
/// Code for credentials that are missing or wrong (RFC 8489, 14.8).
pub(crate) const UNAUTHENTICATED: u16 = 401;
/// The attribute that proves who asks (RFC 8489, 14.5).
const MESSAGE_INTEGRITY: u16 = 0x0008;
/// STUN's fixed value (RFC 8489, 5).
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Why bytes are not a message of TURN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum FrameError {
    /// The two first bits are neither STUN's nor a channel's.
    #[error("a message begins with byte {first:#04x}, which is neither STUN nor ChannelData")]
    NotTurn {
        /// Its first byte.
        first: u8,
    },
    /// Longer than a datagram that we could take.
    #[error("a message has {bytes} bytes, more than {MESSAGE_BYTES_MAX}")]
    TooLong {
        /// Bytes that its header promises.
        bytes: usize,
    },
    /// A datagram that is shorter or longer than its header says.
    #[error("a datagram of {bytes} bytes holds a message of {promised}")]
    Length {
        /// Bytes of the datagram.
        bytes: usize,
        /// Bytes that its header promises.
        promised: usize,
    },
}

/// Bytes of the message that begins with these, without padding, and with it.
pub(crate) fn lengths(start: [u8; 4]) -> Result<(usize, usize), FrameError> {
    let length = usize::from(u16::from_be_bytes([start[2], start[3]]));
    let (bytes, padded) = match start[0] >> 6 {
        0b00 => (STUN_HEADER + length, STUN_HEADER + length),
        0b01 => (
            CHANNEL_HEADER + length,
            CHANNEL_HEADER + length.next_multiple_of(4),
        ),
        _ => return Err(FrameError::NotTurn { first: start[0] }),
    };
    match padded {
        bytes if bytes > MESSAGE_BYTES_MAX => Err(FrameError::TooLong { bytes }),
        _ => Ok((bytes, padded)),
    }
}

/// A datagram as it goes into the stream.
pub(crate) fn into_stream(datagram: &[u8]) -> Result<Vec<u8>, FrameError> {
    let bytes = datagram.len();
    let start = datagram.first_chunk().ok_or(FrameError::Length {
        bytes,
        promised: CHANNEL_HEADER,
    })?;
    let (promised, padded) = lengths(*start)?;
    // A client may pad ChannelData over UDP as well (RFC 8656, 12.5).
    if bytes != promised && bytes != padded {
        return Err(FrameError::Length { bytes, promised });
    }
    let mut message = Vec::with_capacity(padded);
    message.extend_from_slice(&datagram[..promised]);
    message.resize(padded, 0);
    Ok(message)
}

/// Whether a message carries media, which is worth nothing when it is late; requests are repeated by who made them
/// and must not be lost here.
pub(crate) fn is_media(message: &[u8]) -> bool {
    message.first().is_some_and(|first| first >> 6 == 0b01)
        || kind(message) == Some(SEND_INDICATION)
}

/// What an answer to an Allocate request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// The relay gave this address.
    Granted(SocketAddr),
    /// It did not: code and words (RFC 8489, 14.8; RFC 8656, 19).
    Refused {
        /// Code, 300 to 699.
        code: u16,
        /// The server's words for it.
        words: String,
    },
}

/// Reads the answer to an Allocate request; `None`: it is something else.
pub(crate) fn allocation(message: &[u8]) -> Option<Allocation> {
    match kind(message)? {
        ALLOCATE_SUCCESS => relayed_address(message).map(Allocation::Granted),
        ALLOCATE_ERROR => {
            let value = attribute(message, ERROR_CODE)?;
            let [_, _, class, number, words @ ..] = value else {
                return None;
            };
            let code = u16::from(class & 0b111) * 100 + u16::from(*number);
            // Words of a server are shown to people: short, and no control characters.
            let words = String::from_utf8_lossy(words)
                .chars()
                .filter(|c| !c.is_control())
                .take(80)
                .collect();
            Some(Allocation::Refused { code, words })
        }
        _ => None,
    }
}

/// Whether a message is an Allocate request that carries credentials.
pub(crate) fn is_signed_allocate(message: &[u8]) -> bool {
    kind(message) == Some(ALLOCATE) && attribute(message, MESSAGE_INTEGRITY).is_some()
}

/// The answer that refuses an Allocate request; `None`: the message is something else. A request without credentials
/// is asked for them first (RFC 8489, 9.2.4): the library takes a refusal of the signed one only.
pub(crate) fn refusal(request: &[u8], code: u16) -> Option<Vec<u8>> {
    if kind(request)? != ALLOCATE {
        return None;
    }
    let error = |code: u16| {
        Some([
            0,
            0,
            u8::try_from(code / 100).ok()?,
            u8::try_from(code % 100).ok()?,
        ])
    };
    let mut attributes = Vec::new();
    if is_signed_allocate(request) {
        push_attribute(&mut attributes, ERROR_CODE, error(code)?);
    } else {
        push_attribute(&mut attributes, ERROR_CODE, error(UNAUTHENTICATED)?);
        push_attribute(&mut attributes, REALM, *b"none");
        push_attribute(&mut attributes, NONCE, *b"none");
    }
    let length = u16::try_from(attributes.len()).ok()?;
    let head = [ALLOCATE_ERROR.to_be_bytes(), length.to_be_bytes()].concat();
    Some([&head, &request[4..STUN_HEADER], &attributes].concat())
}

fn push_attribute(to: &mut Vec<u8>, kind: u16, value: [u8; 4]) {
    to.extend_from_slice(&kind.to_be_bytes());
    to.extend_from_slice(&[0, 4]);
    to.extend_from_slice(&value);
}

fn relayed_address(message: &[u8]) -> Option<SocketAddr> {
    let [_, family, p0, p1, address @ ..] = attribute(message, XOR_RELAYED_ADDRESS)? else {
        return None;
    };
    let port = u16::from_be_bytes([p0 ^ MAGIC_COOKIE[0], p1 ^ MAGIC_COOKIE[1]]);
    let mixed = |at: usize| address[at] ^ message[4 + at];
    match (family, address.len()) {
        (1, 4) => Some((Ipv4Addr::from(std::array::from_fn::<u8, 4, _>(mixed)), port).into()),
        (2, 16) => Some(
            (
                Ipv6Addr::from(std::array::from_fn::<u8, 16, _>(mixed)),
                port,
            )
                .into(),
        ),
        _ => None,
    }
}

fn kind(message: &[u8]) -> Option<u16> {
    let stun =
        message.len() >= STUN_HEADER && message[0] >> 6 == 0 && message[4..8] == MAGIC_COOKIE;
    stun.then(|| u16::from_be_bytes([message[0], message[1]]))
}

fn attribute(message: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = message.get(STUN_HEADER..)?;
    loop {
        let [k0, k1, l0, l1, value @ ..] = rest else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        if u16::from_be_bytes([*k0, *k1]) == wanted {
            return value.get(..length);
        }
        rest = value.get(length.next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stun(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&MAGIC_COOKIE);
        message.extend_from_slice(&[7; 12]);
        message.extend_from_slice(body);
        message
    }

    #[test]
    fn channel_data_is_padded_and_stun_is_not() {
        let data = [0x40, 1, 0, 5, 1, 2, 3, 4, 5];
        assert_eq!(lengths([0x40, 1, 0, 5]), Ok((9, 12)));
        assert_eq!(
            into_stream(&data).unwrap(),
            [0x40, 1, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0]
        );
        let request = stun(ALLOCATE, &[]);
        assert_eq!(into_stream(&request).unwrap(), request);
        assert!(is_media(&data) && !is_media(&request) && is_media(&stun(SEND_INDICATION, &[])));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(
            lengths([0x80, 0, 0, 0]),
            Err(FrameError::NotTurn { first: 0x80 })
        );
        assert_eq!(
            lengths([0x40, 0, 0xff, 0xff]),
            Err(FrameError::TooLong { bytes: 65_540 })
        );
        assert_eq!(
            into_stream(&[0x40, 1, 0, 9, 1]),
            Err(FrameError::Length {
                bytes: 5,
                promised: 13
            })
        );
        assert!(into_stream(&[1]).is_err());
    }

    #[test]
    fn answers_are_read() {
        let body = [
            0, 9, 0, 10, 0, 0, 4, 1, b'W', b'r', b'o', b'n', b'g', 7, 0, 0,
        ];
        let refused = Allocation::Refused {
            code: 401,
            words: "Wrong".into(),
        };
        assert_eq!(allocation(&stun(ALLOCATE_ERROR, &body)), Some(refused));
        // RFC 5769, 2.2: 192.0.2.1, port 32853.
        let body = [0, 0x16, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let granted = Allocation::Granted(([192, 0, 2, 1], 32853).into());
        assert_eq!(allocation(&stun(ALLOCATE_SUCCESS, &body)), Some(granted));
        assert_eq!(allocation(&stun(ALLOCATE_SUCCESS, &body[..9])), None);
        assert_eq!(allocation(&stun(ALLOCATE_SUCCESS, &[])), None);
        assert_eq!(allocation(&stun(ALLOCATE_ERROR, &[0, 9, 0, 90, 0])), None);
        assert_eq!(allocation(&[0x01, 0x13]), None);
    }

    #[test]
    fn a_refusal_answers_the_request_it_is_for() {
        let asked = refusal(&stun(ALLOCATE, &[]), 486).unwrap();
        assert_eq!(
            allocation(&asked),
            Some(Allocation::Refused {
                code: 401,
                words: String::new()
            })
        );
        assert_eq!(
            (attribute(&asked, REALM), attribute(&asked, NONCE)),
            (Some(&b"none"[..]), Some(&b"none"[..]))
        );
        let answer = refusal(&stun(ALLOCATE, &[0, 8, 0, 0]), 486).unwrap();
        assert_eq!(answer[8..20], [7; 12]);
        assert_eq!(
            allocation(&answer),
            Some(Allocation::Refused {
                code: 486,
                words: String::new()
            })
        );
        assert_eq!(refusal(&stun(ALLOCATE_SUCCESS, &[]), 486), None);
    }
}
