//! Blocks of a range: bytes, compressed where that makes them shorter.
//!
//! A compressed block declares its length; the declaration is checked before, the length while, bytes come
//! out of the decompressor, so a small input never takes more memory than the limit of a range.

use std::borrow::Cow;
use std::io::Read;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::limits::RANGE_BYTES_MAX;

/// Levels above this one save under one byte in a hundred of a range and take several times as long.
const COMPRESSION_LEVEL: i32 = 12;
/// Greatest window that a frame may ask for: 2^23 bytes, the limit of a range.
const WINDOW_LOG_MAX: u32 = 23;

/// Bytes as they are, or a zstd frame of a declared length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Block {
    Plain(Vec<u8>),
    Zstd { len: usize, frame: Vec<u8> },
}

impl Block {
    /// The shorter of the two forms.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        match zstd::bulk::compress(&bytes, COMPRESSION_LEVEL) {
            Ok(frame) if frame.len() + 4 < bytes.len() => Self::Zstd {
                len: bytes.len(),
                frame,
            },
            _ => Self::Plain(bytes),
        }
    }

    /// Bytes that the block says it holds.
    pub(super) fn declared_len(&self) -> usize {
        match self {
            Self::Plain(bytes) => bytes.len(),
            Self::Zstd { len, .. } => *len,
        }
    }

    /// The bytes; refused unless exactly the declared number comes out of exactly the frame.
    pub(super) fn open(&self, what: &'static str) -> Result<Cow<'_, [u8]>, DecodeError> {
        match self {
            Self::Plain(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Zstd { len, frame } => decompress(frame, *len)
                .map(Cow::Owned)
                .ok_or(DecodeError::NotCanonical { what }),
        }
    }
}

/// `None` unless `frame` is one zstd frame of exactly `len` bytes.
fn decompress(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame)
        .ok()?
        .single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).ok()?;
    let mut bytes = Vec::new();
    // One byte more than declared is asked for, so that a longer content shows.
    decoder
        .by_ref()
        .take(len as u64 + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    (bytes.len() == len && decoder.finish().is_empty()).then_some(bytes)
}

impl Canonical for Block {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Plain(bytes) => {
                w.u8(0);
                w.bytes(bytes);
            }
            Self::Zstd { len, frame } => {
                w.u8(1);
                w.varint(*len as u64);
                w.bytes(frame);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("form of a block")? {
            0 => Ok(Self::Plain(r.bytes(RANGE_BYTES_MAX, "block")?.to_vec())),
            1 => Ok(Self::Zstd {
                len: r.len(RANGE_BYTES_MAX, "length of a block")?,
                frame: r.bytes(RANGE_BYTES_MAX, "block")?.to_vec(),
            }),
            value => Err(DecodeError::Unknown {
                what: "form of a block",
                value: u64::from(value),
            }),
        }
    }
}
