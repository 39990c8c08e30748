//! The columns of a range: everything of its headers that is neither a hash nor implied.
//!
//! A column is a list of numbers in byte planes: one byte for the width (0 to 8, the fewest that hold the
//! greatest number), then the lowest byte of every number, then the next byte of every number, and so on.
//! A column of zeros takes one byte, and equal high bytes lie together for the compressor.

use crate::codec::{DecodeError, Reader, Writer};
use crate::event::Kind;
use crate::limits::{AUTH_HEADS_MAX, DEPS_MAX, RANGE_BYTES_MAX};

/// Where the body of an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nowhere: it was dropped or never came.
    Absent = 0,
    /// In the carried block, as it travels alone: ciphertext or clear body.
    Carried = 1,
    /// In the sealed block of its epoch, as plaintext without padding.
    Open = 2,
}

/// What proves an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// What its place says: the last event of a chain has a signature over the body given, others have none.
    Place = 0,
    /// A signature over the body given, though it is not the last of its chain.
    Signature = 1,
    /// A signature over a carrier that is given.
    Carrier = 2,
}

/// The small facts about one event that share a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) kind: Kind,
    pub(super) form: Form,
    pub(super) proof: Proof,
    /// The event's scope is zero and its id is the range's scope.
    pub(super) genesis: bool,
}

impl Tag {
    pub(super) fn to_number(self) -> u64 {
        self.kind as u64
            | (self.form as u64) << 3
            | (self.proof as u64) << 5
            | u64::from(self.genesis) << 7
    }

    pub(super) fn from_number(value: u64) -> Result<Self, DecodeError> {
        let unknown = DecodeError::Unknown {
            what: "event tag",
            value,
        };
        if value > 0xff {
            return Err(unknown);
        }
        let kind = Kind::from_byte((value & 7) as u8)?;
        let form = match value >> 3 & 3 {
            0 => Form::Absent,
            1 => Form::Carried,
            2 if kind == Kind::Sealed => Form::Open,
            _ => return Err(unknown),
        };
        let proof = match value >> 5 & 3 {
            0 => Proof::Place,
            1 => Proof::Signature,
            2 => Proof::Carrier,
            _ => return Err(unknown),
        };
        Ok(Self {
            kind,
            form,
            proof,
            genesis: value & 0x80 != 0,
        })
    }
}

/// All columns of a range of `tag.len()` events. References into tables count from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// Rows of the device table.
    pub(super) devices: usize,
    /// Rows of the id table.
    pub(super) ids: usize,
    /// Lamport time of the first event.
    pub(super) lamport_base: u64,
    /// Wall time of the first event.
    pub(super) wall_base: u64,
    /// Per chain: row of the device table.
    pub(super) chain_device: Vec<u64>,
    /// Per chain: incarnation.
    pub(super) chain_incarnation: Vec<u64>,
    /// Per chain: position in the log of its first event.
    pub(super) chain_seq: Vec<u64>,
    /// Per chain: 0 if its first event has no `prev`, else 1 + the row of the id table.
    pub(super) chain_prev: Vec<u64>,
    /// Per set of authority heads: how many.
    pub(super) auth_len: Vec<u64>,
    /// Authority heads of all sets, one set after the other: rows of the id table.
    pub(super) auth_refs: Vec<u64>,
    /// Per event: its chain; chains are numbered by their first events.
    pub(super) chain: Vec<u64>,
    /// Per event: [`Tag`].
    pub(super) tag: Vec<u64>,
    /// Per event: row of the epoch table; 0 for clear kinds.
    pub(super) epoch: Vec<u64>,
    /// Per event: Lamport time less the expected one, zigzag.
    pub(super) lamport: Vec<u64>,
    /// Per event: wall time less that of the event before it in the range, zigzag, modulo 2^64.
    pub(super) wall: Vec<u64>,
    /// Per event: its set of authority heads.
    pub(super) auth: Vec<u64>,
    /// Per event: how many `deps`.
    pub(super) dep_len: Vec<u64>,
    /// `deps` of all events: even, 2 * (places back in the range - 1); odd, 2 * row of the id table + 1.
    pub(super) dep_refs: Vec<u64>,
    /// Per event that is not open: bytes of its body as carried.
    pub(super) body_len: Vec<u64>,
}

impl Columns {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        for count in [
            self.devices,
            self.ids,
            self.chain_device.len(),
            self.auth_len.len(),
        ] {
            w.varint(count as u64);
        }
        w.varint(self.lamport_base);
        w.varint(self.wall_base);
        for column in [
            &self.chain_device,
            &self.chain_incarnation,
            &self.chain_seq,
            &self.chain_prev,
            &self.auth_len,
            &self.auth_refs,
            &self.chain,
            &self.tag,
            &self.epoch,
            &self.lamport,
            &self.wall,
            &self.auth,
            &self.dep_len,
            &self.dep_refs,
            &self.body_len,
        ] {
            write_column(&mut w, column);
        }
        w.into_bytes()
    }

    /// Reads the columns of `events` events. Every count is at most what the events could need.
    pub(super) fn from_bytes(bytes: &[u8], events: usize) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let devices = r.len(events, "devices of a range")?;
        let ids = r.len(RANGE_BYTES_MAX / 32, "ids of a range")?;
        let chains = r.len(events, "chains of a range")?;
        let auth_sets = r.len(events, "sets of authority heads")?;
        let lamport_base = r.varint("lamport time")?;
        let wall_base = r.varint("wall time")?;
        let chain_device = read_column(&mut r, chains, "device of a chain")?;
        let chain_incarnation = read_column(&mut r, chains, "incarnation of a chain")?;
        let chain_seq = read_column(&mut r, chains, "seq of a chain")?;
        let chain_prev = read_column(&mut r, chains, "prev of a chain")?;
        let auth_len = read_column(&mut r, auth_sets, "auth heads")?;
        let auth_refs = read_column(
            &mut r,
            sum(&auth_len, AUTH_HEADS_MAX, "auth heads")?,
            "auth heads",
        )?;
        let chain = read_column(&mut r, events, "chain of an event")?;
        let tag = read_column(&mut r, events, "event tag")?;
        let epoch = read_column(&mut r, events, "epoch of an event")?;
        let lamport = read_column(&mut r, events, "lamport time")?;
        let wall = read_column(&mut r, events, "wall time")?;
        let auth = read_column(&mut r, events, "auth heads of an event")?;
        let dep_len = read_column(&mut r, events, "deps")?;
        let dep_refs = read_column(&mut r, sum(&dep_len, DEPS_MAX, "deps")?, "deps")?;
        let mut lengths = 0;
        for value in &tag {
            lengths += usize::from(Tag::from_number(*value)?.form != Form::Open);
        }
        let body_len = read_column(&mut r, lengths, "body length")?;
        r.end()?;
        Ok(Self {
            devices,
            ids,
            lamport_base,
            wall_base,
            chain_device,
            chain_incarnation,
            chain_seq,
            chain_prev,
            auth_len,
            auth_refs,
            chain,
            tag,
            epoch,
            lamport,
            wall,
            auth,
            dep_len,
            dep_refs,
            body_len,
        })
    }
}

/// The sum of `lengths`, each at most `limit`.
fn sum(lengths: &[u64], limit: usize, what: &'static str) -> Result<usize, DecodeError> {
    let mut total = 0;
    for &value in lengths {
        if value > limit as u64 {
            return Err(DecodeError::Limit {
                what,
                value,
                limit: limit as u64,
            });
        }
        total += value as usize;
    }
    Ok(total)
}

/// A signed number as an unsigned one, small absolute values first.
pub(super) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(super) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn write_column(w: &mut Writer, values: &[u64]) {
    let greatest = values.iter().copied().max().unwrap_or(0);
    let width = (64 - greatest.leading_zeros()).div_ceil(8);
    w.u8(width as u8);
    for plane in 0..width {
        for value in values {
            w.u8((value >> (8 * plane)) as u8);
        }
    }
}

pub(super) fn read_column(
    r: &mut Reader<'_>,
    len: usize,
    what: &'static str,
) -> Result<Vec<u64>, DecodeError> {
    let width = r.u8(what)?;
    if width > 8 {
        return Err(DecodeError::Unknown {
            what,
            value: u64::from(width),
        });
    }
    let planes = r.raw(usize::from(width) * len, what)?;
    let mut values = vec![0_u64; len];
    if width == 0 {
        return Ok(values);
    }
    if len == 0 {
        return Err(DecodeError::NotCanonical { what });
    }
    for (plane, bytes) in planes.chunks_exact(len).enumerate() {
        for (value, byte) in values.iter_mut().zip(bytes) {
            *value |= u64::from(*byte) << (8 * plane);
        }
    }
    let top = planes
        .chunks_exact(len)
        .next_back()
        .is_some_and(|plane| plane.iter().any(|byte| *byte != 0));
    if top {
        Ok(values)
    } else {
        Err(DecodeError::NotCanonical { what })
    }
}
