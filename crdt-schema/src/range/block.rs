//! Blocks of a range: bytes, compressed where that makes them shorter, and sealed where they are bodies.
//!
//! A compressed block declares its length; the declaration is checked before, the length while, bytes come
//! out of the decompressor, so a small input never takes more memory than the limit of a range.

use std::borrow::Cow;
use std::io::Read;

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::epoch::EpochSecret;
use crate::limits::RANGE_BYTES_MAX;

/// Levels above this one save under one byte in a hundred of a range and take several times as long.
const COMPRESSION_LEVEL: i32 = 12;
/// Greatest window that a frame may ask for: 2^23 bytes, the limit of a range.
const WINDOW_LOG_MAX: u32 = 23;
/// Bytes of the nonce in front of a sealed block.
const NONCE_LEN: usize = 24;

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
            Ok(frame) if frame.len() + 4 < bytes.len() => Self::Zstd { len: bytes.len(), frame },
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
            Self::Zstd { len, frame } => {
                decompress(frame, *len).map(Cow::Owned).ok_or(DecodeError::NotCanonical { what })
            }
        }
    }
}

/// `None` unless `frame` is one zstd frame of exactly `len` bytes.
fn decompress(frame: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(frame).ok()?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX).ok()?;
    let mut bytes = Vec::new();
    // One byte more than declared is asked for, so that a longer content shows.
    decoder.by_ref().take(len as u64 + 1).read_to_end(&mut bytes).ok()?;
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
            value => Err(DecodeError::Unknown { what: "form of a block", value: u64::from(value) }),
        }
    }
}

/// Seals a block for the holders of an epoch. Nonce, then ciphertext.
///
/// The nonce is a keyed hash of the very bytes that are encrypted, *after* compression: two compressors
/// that differ can then never meet with two texts under one nonce.
pub(super) fn seal(secret: &EpochSecret, block: &Block) -> Vec<u8> {
    let plaintext = block.to_bytes();
    let nonce_key = crate::hash::derive("alloquy range nonce v1", &[&secret.0]);
    let hash = crate::hash::keyed(&nonce_key, &[&plaintext]);
    let nonce: [u8; NONCE_LEN] = *hash.first_chunk().expect("24 bytes of 32");
    let ciphertext = cipher(secret)
        .encrypt(&XNonce::from(nonce), plaintext.as_slice())
        .expect("a block is far below the cipher's limit of 256 GiB");
    [nonce.as_slice(), &ciphertext].concat()
}

/// Opens a sealed block; `None` if it is not one of this epoch.
pub(super) fn unseal(secret: &EpochSecret, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
    cipher(secret).decrypt(&XNonce::from(*nonce), ciphertext).ok()
}

fn cipher(secret: &EpochSecret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&crate::hash::derive("alloquy range key v1", &[&secret.0]).into())
}
