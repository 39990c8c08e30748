//! The tables of a range as a receiver reads them: ids, chains, sets of authority heads, open bodies.

use alloquy_ids::{DeviceId, EpochId, EventId};

use super::columns::{Columns, read_column};
use crate::codec::{DecodeError, Reader};
use crate::epoch::EpochSecret;
use crate::event::Header;
use crate::limits::BODY_BYTES_MAX;

/// A secret and the plaintext of the block that it opened.
pub(super) type Opened = (EpochSecret, Vec<u8>);

/// Open bodies of one epoch, as they are used up.
pub(super) struct Group<'a> {
    pub(super) epoch: EpochId,
    secret: Option<&'a EpochSecret>,
    lengths: std::vec::IntoIter<u64>,
    bodies: Reader<'a>,
}

impl<'a> Group<'a> {
    /// `count`: how many events of the range say that their body is in the block.
    pub(super) fn new(
        epoch: EpochId,
        opened: Option<&'a Opened>,
        count: usize,
    ) -> Result<Self, DecodeError> {
        let (secret, bytes) = opened.map_or((None, &[][..]), |(secret, bytes)| {
            (Some(secret), bytes.as_slice())
        });
        if epoch == EpochId::ZERO || secret.is_some() != (count > 0) {
            return Err(DecodeError::NotCanonical {
                what: "epochs of a range",
            });
        }
        let mut bodies = Reader::new(bytes);
        let lengths = if count > 0 {
            read_column(&mut bodies, count, "length of a body")?
        } else {
            Vec::new()
        };
        Ok(Self {
            epoch,
            secret,
            lengths: lengths.into_iter(),
            bodies,
        })
    }

    pub(super) fn next(&mut self) -> Result<(&'a EpochSecret, &'a [u8]), DecodeError> {
        let truncated = DecodeError::Truncated {
            what: "open bodies",
        };
        let (Some(secret), Some(len)) = (self.secret, self.lengths.next()) else {
            return Err(truncated);
        };
        if len > BODY_BYTES_MAX as u64 {
            return Err(DecodeError::Limit {
                what: "body length",
                value: len,
                limit: BODY_BYTES_MAX as u64,
            });
        }
        Ok((secret, self.bodies.raw(len as usize, "open bodies")?))
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        self.bodies.end()
    }
}

/// A piece of a log, as far as it was walked.
pub(super) struct Chain {
    pub(super) device: DeviceId,
    pub(super) incarnation: u32,
    pub(super) next_seq: Option<u64>,
    pub(super) last: EventId,
    pub(super) lamport: Option<u64>,
    pub(super) left: usize,
    pub(super) unsigned: usize,
}

impl Chain {
    pub(super) fn advance(&mut self, id: EventId, header: &Header) {
        self.last = id;
        self.lamport = Some(header.lamport);
        self.next_seq = header.seq.checked_add(1);
        self.left -= 1;
    }
}

pub(super) fn row_of<'t, T>(
    table: &'t [T],
    row: u64,
    what: &'static str,
) -> Result<&'t T, DecodeError> {
    let found = usize::try_from(row).ok().and_then(|row| table.get(row));
    found.ok_or(DecodeError::Limit {
        what,
        value: row,
        limit: table.len() as u64,
    })
}

pub(super) fn read_ids<T>(
    r: &mut Reader<'_>,
    count: usize,
    id: impl Fn([u8; 32]) -> T,
) -> Result<Vec<T>, DecodeError> {
    let bytes = r.raw(count * 32, "ids of a range")?;
    Ok(bytes.as_chunks().0.iter().map(|bytes| id(*bytes)).collect())
}

/// The chains of a range. Every one of them has events: its number is used at least once.
pub(super) fn read_chains(
    columns: &Columns,
    devices: &[DeviceId],
    ids: &[EventId],
) -> Result<Vec<Chain>, DecodeError> {
    let mut chains = Vec::with_capacity(columns.chain_device.len());
    for (number, device) in columns.chain_device.iter().enumerate() {
        let value = columns.chain_incarnation[number];
        let incarnation = u32::try_from(value).map_err(|_over| DecodeError::Limit {
            what: "incarnation of a chain",
            value,
            limit: u64::from(u32::MAX),
        })?;
        chains.push(Chain {
            device: *row_of(devices, *device, "device of a chain")?,
            incarnation,
            next_seq: Some(columns.chain_seq[number]),
            last: match columns.chain_prev[number] {
                0 => EventId::ZERO,
                row => *row_of(ids, row - 1, "prev of a chain")?,
            },
            lamport: None,
            left: 0,
            unsigned: 0,
        });
    }
    for chain in &columns.chain {
        let count = chains.len() as u64;
        let place = usize::try_from(*chain)
            .ok()
            .and_then(|chain| chains.get_mut(chain));
        let what = "chain of an event";
        place
            .ok_or(DecodeError::Limit {
                what,
                value: *chain,
                limit: count,
            })?
            .left += 1;
    }
    if chains.iter().any(|chain| chain.left == 0) {
        return Err(DecodeError::NotCanonical {
            what: "chains of a range",
        });
    }
    Ok(chains)
}

pub(super) fn read_auth_sets(
    columns: &Columns,
    ids: &[EventId],
) -> Result<Vec<Vec<EventId>>, DecodeError> {
    let mut refs = columns.auth_refs.iter();
    let mut sets = Vec::with_capacity(columns.auth_len.len());
    for len in &columns.auth_len {
        let heads = refs.by_ref().take(*len as usize);
        sets.push(
            heads
                .map(|row| row_of(ids, *row, "auth heads").copied())
                .collect::<Result<_, _>>()?,
        );
    }
    Ok(sets)
}
