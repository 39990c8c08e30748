//! RED, redundant audio data (RFC 2198): a payload with copies of the frames before it.
//!
//! Each copy has a header of four bytes (follows bit, payload type, 14 bits of timestamp offset, 10 bits of length), the
//! frame itself one of a single byte. Reading ignores the inner payload types: they are the numbers of the other side's
//! description, and nothing but Opus is ever agreed on for RED here.

use bytes::{BufMut, Bytes, BytesMut};

/// The payload type of Opus inside of RED, as our own descriptions number it.
pub const OPUS_PAYLOAD_TYPE: u8 = 111;
/// Blocks of one payload; we send three, others (RFC 2198 has no limit) a few more.
pub const BLOCKS_MAX: usize = 8;
/// Bytes before each copy: type, offset and length (RFC 2198, 3).
pub(crate) const HEADER_BYTES: usize = 4;
/// The greatest offset that 14 bits hold, samples.
pub const OFFSET_MAX: u32 = (1 << 14) - 1;
/// The greatest length that 10 bits hold, bytes.
pub const BLOCK_BYTES_MAX: usize = (1 << 10) - 1;

/// One frame inside of a RED payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Samples before the packet's timestamp; 0: the frame that the packet is about.
    pub offset: u32,
    /// The Opus packet.
    pub payload: Bytes,
}

/// What is wrong with a RED payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedError {
    /// It ends before what its headers announce.
    #[error("a RED payload of {bytes} bytes ends too early")]
    Short {
        /// Bytes of the payload.
        bytes: usize,
    },
    /// It has too many blocks.
    #[error("a RED payload of more than {BLOCKS_MAX} blocks")]
    TooMany,
}

/// Reads a payload: the copies in their order, the packet's own frame last.
///
/// # Errors
/// The payload is shorter than its headers say, or has more than [`BLOCKS_MAX`] blocks.
pub fn read(payload: &Bytes) -> Result<Vec<Block>, RedError> {
    let short = RedError::Short {
        bytes: payload.len(),
    };
    let (lengths, mut at) = headers(payload, short)?;
    let mut blocks = Vec::with_capacity(lengths.len() + 1);
    for (offset, bytes) in lengths {
        if payload.len() < at + bytes {
            return Err(short);
        }
        blocks.push(Block {
            offset,
            payload: payload.slice(at..at + bytes),
        });
        at += bytes;
    }
    if at >= payload.len() {
        return Err(short);
    }
    blocks.push(Block {
        offset: 0,
        payload: payload.slice(at..),
    });
    Ok(blocks)
}

/// Offsets and lengths of the copies, and where the first one begins.
fn headers(payload: &[u8], short: RedError) -> Result<(Vec<(u32, usize)>, usize), RedError> {
    let mut lengths = Vec::new();
    let mut at = 0;
    loop {
        let first = *payload.get(at).ok_or(short)?;
        if first & 0x80 == 0 {
            return Ok((lengths, at + 1));
        }
        if lengths.len() + 1 >= BLOCKS_MAX {
            return Err(RedError::TooMany);
        }
        let Some(&[a, b, c]) = payload.get(at + 1..at + 4) else {
            return Err(short);
        };
        let packed = u32::from_be_bytes([0, a, b, c]);
        lengths.push((packed >> 10, (packed & 0x3ff) as usize));
        at += 4;
    }
}

/// The packet's own frame alone, for a receiver that has not agreed on RED.
#[must_use]
pub fn primary(payload: &Bytes) -> Option<Bytes> {
    read(payload).ok()?.pop().map(|block| block.payload)
}

/// Writes a payload: `copies` oldest first, then the frame itself. Copies that do not fit RED's fields are left out.
#[must_use]
pub fn write(copies: &[Block], frame: &[u8]) -> Bytes {
    let fits =
        |block: &&Block| block.offset <= OFFSET_MAX && block.payload.len() <= BLOCK_BYTES_MAX;
    let kept = || copies.iter().filter(fits).take(BLOCKS_MAX - 1);
    let mut out = BytesMut::new();
    for block in kept() {
        let packed = (block.offset << 10) | block.payload.len() as u32;
        out.put_u8(0x80 | OPUS_PAYLOAD_TYPE);
        out.put_slice(&packed.to_be_bytes()[1..]);
    }
    out.put_u8(OPUS_PAYLOAD_TYPE);
    for block in kept() {
        out.put_slice(&block.payload);
    }
    out.put_slice(frame);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_that_of_rfc_2198() {
        let copy = Block {
            offset: 960,
            payload: Bytes::from_static(b"ab"),
        };
        let written = write(&[copy], b"xyz");
        assert_eq!(
            written.as_ref(),
            [0xef, 0x0f, 0x00, 0x02, 0x6f, b'a', b'b', b'x', b'y', b'z']
        );
        assert_eq!(primary(&written).unwrap().as_ref(), b"xyz");
    }

    #[test]
    fn what_ends_too_early_is_refused() {
        for bad in [&[][..], &[0x80], &[0xef, 0, 0, 9, 0x6f, 1, 2], &[0x6f]] {
            assert!(read(&Bytes::copy_from_slice(bad)).is_err(), "{bad:?}");
        }
        assert_eq!(read(&Bytes::from(vec![0xef; 100])), Err(RedError::TooMany));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            copies in proptest::collection::vec(
                (1_u32..=OFFSET_MAX, proptest::collection::vec(any::<u8>(), 1..300)), 0..4),
            frame in proptest::collection::vec(any::<u8>(), 1..300),
        ) {
            let copies: Vec<Block> = copies
                .into_iter()
                .map(|(offset, bytes)| Block { offset, payload: Bytes::from(bytes) })
                .collect();
            let mut wanted = copies.clone();
            wanted.push(Block { offset: 0, payload: Bytes::from(frame.clone()) });
            prop_assert_eq!(read(&write(&copies, &frame)).unwrap(), wanted);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(blocks) = read(&Bytes::from(bytes.clone())) {
                let inside: usize = blocks.iter().map(|block| block.payload.len()).sum();
                prop_assert!(inside < bytes.len());
            }
        }
    }
}
