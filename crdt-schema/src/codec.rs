//! Canonical binary form: one byte string per value, and nothing else is taken for it.
//!
//! Integers are little-endian and of fixed width, or LEB128 with the fewest bytes (`varint`). Lists and
//! byte strings carry their length as a varint; the caller gives the limit, which is checked before
//! anything is allocated. [`Canonical::from_bytes`] refuses trailing bytes and anything for which
//! `encode(decode(b)) != b`. See docs/protocol.md, "Encoding".

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, InviteId, NetworkKey, RoleId,
    ScopeId, UnixMs,
};

/// The bytes are not the canonical form of the value that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends before the value does.
    #[error("{what}: the input ends early")]
    Truncated {
        /// The field that was being read.
        what: &'static str,
    },
    /// Bytes follow the value.
    #[error("{count} bytes follow the value")]
    Trailing {
        /// How many bytes are left over.
        count: usize,
    },
    /// A length or number is over its limit.
    #[error("{what} is {value}, the limit is {limit}")]
    Limit {
        /// The field.
        what: &'static str,
        /// The value that was given.
        value: u64,
        /// The greatest value allowed.
        limit: u64,
    },
    /// A tag, flag or enumeration holds a value that has no meaning.
    #[error("{what} has the unknown value {value}")]
    Unknown {
        /// The field.
        what: &'static str,
        /// The value that was given.
        value: u64,
    },
    /// The value is understood, but another byte string is its canonical form.
    #[error("{what} is not in canonical form")]
    NotCanonical {
        /// The field.
        what: &'static str,
    },
}

/// Appends values in canonical form.
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// What was written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets what was written and keeps the memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// LEB128 with the fewest bytes.
    pub fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value as u8 & 0x7f) | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A signed number as a varint, small absolute values first (zigzag).
    pub fn zigzag(&mut self, value: i64) {
        self.varint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Bytes as they are, without a length.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A byte string with its length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.raw(bytes);
    }

    /// A text with its length in bytes.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// One byte, 0 or 1, then the value if there is one.
    pub fn option<T: Canonical>(&mut self, value: Option<&T>) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            value.write(self);
        }
    }

    /// A list with its length.
    pub fn list<T: Canonical>(&mut self, items: &[T]) {
        self.varint(items.len() as u64);
        for item in items {
            item.write(self);
        }
    }
}

/// Reads values in canonical form from a borrowed input.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `len` bytes.
    pub fn raw(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Truncated { what })?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(DecodeError::Truncated { what })?;
        self.rest = rest;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self, what: &'static str) -> Result<u8, DecodeError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// Two bytes, little-endian.
    pub fn u16(&mut self, what: &'static str) -> Result<u16, DecodeError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// LEB128; a form longer than needed is refused.
    pub fn varint(&mut self, what: &'static str) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(DecodeError::NotCanonical { what });
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                let padded = byte == 0 && shift > 0;
                return if padded {
                    Err(DecodeError::NotCanonical { what })
                } else {
                    Ok(value)
                };
            }
        }
        Err(DecodeError::NotCanonical { what })
    }

    /// A signed number written by [`Writer::zigzag`].
    pub fn zigzag(&mut self, what: &'static str) -> Result<i64, DecodeError> {
        let value = self.varint(what)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A length, at most `limit`.
    pub fn len(&mut self, limit: usize, what: &'static str) -> Result<usize, DecodeError> {
        let value = self.varint(what)?;
        match usize::try_from(value) {
            Ok(len) if len <= limit => Ok(len),
            _ => Err(DecodeError::Limit {
                what,
                value,
                limit: limit as u64,
            }),
        }
    }

    /// A byte string of at most `limit` bytes.
    pub fn bytes(&mut self, limit: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.len(limit, what)?;
        self.raw(len, what)
    }

    /// A UTF-8 text of at most `limit` bytes.
    pub fn text(&mut self, limit: usize, what: &'static str) -> Result<String, DecodeError> {
        let bytes = self.bytes(limit, what)?;
        let text =
            std::str::from_utf8(bytes).map_err(|_invalid| DecodeError::NotCanonical { what })?;
        Ok(text.to_owned())
    }

    /// A value written by [`Writer::option`].
    pub fn option<T: Canonical>(&mut self, what: &'static str) -> Result<Option<T>, DecodeError> {
        match self.u8(what)? {
            0 => Ok(None),
            1 => T::read(self).map(Some),
            value => Err(DecodeError::Unknown {
                what,
                value: u64::from(value),
            }),
        }
    }

    /// A list of at most `limit` items. Memory grows with the input, not with the declared length.
    pub fn list<T: Canonical>(
        &mut self,
        limit: usize,
        what: &'static str,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.len(limit, what)?;
        let mut items = Vec::with_capacity(len.min(self.remaining()));
        for _ in 0..len {
            items.push(T::read(self)?);
        }
        Ok(items)
    }

    /// Refuses bytes that are left over.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::Trailing { count }),
        }
    }
}

/// A value with exactly one byte string.
pub trait Canonical: Sized {
    /// Appends the canonical form.
    fn write(&self, w: &mut Writer);

    /// Reads one value; limits are checked before memory is taken.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The canonical form.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(&mut w);
        w.into_bytes()
    }

    /// The value of exactly these bytes.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.end()?;
        if value.to_bytes() != bytes {
            return Err(DecodeError::NotCanonical { what: "value" });
        }
        Ok(value)
    }
}

macro_rules! canonical_id {
    ($($name:ident),*) => {$(
        impl Canonical for $name {
            fn write(&self, w: &mut Writer) {
                w.raw(&self.0);
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                r.array(stringify!($name)).map(Self)
            }
        }
    )*};
}
canonical_id!(
    AccountId,
    ChannelId,
    CommunityId,
    DeviceId,
    EpochId,
    EventId,
    InviteId,
    NetworkKey,
    RoleId,
    ScopeId
);

impl Canonical for UnixMs {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.varint("time").map(Self)
    }
}

impl Canonical for u32 {
    fn write(&self, w: &mut Writer) {
        w.varint(u64::from(*self));
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = r.varint("number")?;
        Self::try_from(value).map_err(|_over| DecodeError::Limit {
            what: "number",
            value,
            limit: u64::from(Self::MAX),
        })
    }
}

#[cfg(test)]
mod tests;
