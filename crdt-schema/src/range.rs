//! Ranges: many events of one scope in one compact form, as catch-up moves them and the store keeps them.
//!
//! A range holds pieces of several logs in the order shown. One signature per at most 64 events of a log,
//! and always one on the last event of each piece, proves the events before it through their chain. Bodies
//! of sealed events travel *open* (compressed together and sealed once per epoch: for members) or *carried*
//! (ciphertext as it is: for blind nodes, which hold no key). See docs/protocol.md, "Ranges".
//!
//! Invariants: only [`SignedRange::verify`] makes a [`VerifiedRange`]; every declared size is checked before
//! memory is taken; a receiver recomputes every commitment, header and id.
//! Deliberately not done: whether parents are held, Lamport times and rights (`dag` and the evaluators).

mod block;
mod columns;
mod pack;
mod tables;
#[cfg(test)]
mod tests;
mod verify;

use alloquy_ids::{EpochId, EventId, ScopeId};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::epoch::EpochSecret;
use crate::event::VerifiedEvent;
use crate::keys::{Signatures, Strict};
use crate::limits::{RANGE_BYTES_MAX, RANGE_EPOCHS_MAX, RANGE_EVENTS_MAX};
use block::Block;

/// Version byte of the ranges that this crate writes.
const RANGE_VERSION: u8 = 1;

/// How bodies of sealed events travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// For members: plaintexts, compressed and sealed once per epoch. Events of an epoch whose secret the
    /// packer lacks are carried instead.
    Member,
    /// For blind nodes: commitments and ciphertexts as they are.
    Blind,
}

/// What [`SignedRange::pack`] needs besides the events.
#[expect(missing_debug_implementations, reason = "holds closures")]
pub struct Packing<'a> {
    /// How bodies of sealed events travel.
    pub mode: BodyMode,
    /// The most bytes that one range may encode to; at least 128 KiB is used, at most 8 MiB.
    pub range_bytes_max: usize,
    /// Plaintext of a sealed event (as [`EpochSecret::open_body`] gives it) if it is at hand; otherwise
    /// pack opens the ciphertext. Checked against the commitment.
    pub plaintext: &'a dyn Fn(EventId) -> Option<Vec<u8>>,
    /// Secret of an epoch, if held.
    pub secret: &'a dyn Fn(EpochId) -> Option<EpochSecret>,
}

/// A range as decoded, nothing checked but its outer form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRange {
    scope: ScopeId,
    /// How many events.
    count: usize,
    /// See `columns`.
    columns: Block,
    /// Devices, ids, commitments, carriers, signatures: what no compressor makes shorter.
    hashes: Vec<u8>,
    /// Open bodies, one block per epoch. Without bytes: all events of the epoch are carried or absent.
    sealed: Vec<SealedBodies>,
    /// Ciphertexts and clear bodies as they travel alone, one after the other.
    carried: Block,
}

/// Open bodies of one epoch: nonce and ciphertext of a block of lengths and plaintexts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SealedBodies {
    epoch: EpochId,
    bytes: Vec<u8>,
}

/// Events whose chains, signatures and commitments hold. Made by [`SignedRange::verify`] only.
#[derive(Clone, Debug)]
pub struct VerifiedRange {
    scope: ScopeId,
    events: Vec<(VerifiedEvent, Option<Vec<u8>>)>,
}

/// Why a range is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// The form is wrong: the sender's fault.
    #[error("the range is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// A signature does not hold for what was recomputed: the sender's fault.
    #[error("the signature of event {} does not hold", .0.short())]
    Signature(EventId),
    /// The secret of this epoch is not held: ask for the range in blind mode, or for the secret.
    #[error("the secret of epoch {} is not held", .0.short())]
    SecretNotHeld(EpochId),
    /// The bodies of this epoch do not open: they are missing, ask another peer. No event is invalid for it.
    #[error("the bodies of epoch {} do not open", .0.short())]
    BodiesDoNotOpen(EpochId),
}

impl RangeError {
    /// Whether the bytes alone show that their sender broke the protocol.
    #[must_use]
    pub const fn is_fault(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::Signature(_))
    }
}

impl SignedRange {
    /// Packs events of one scope, in any order, into as few ranges as limits allow.
    ///
    /// Events without a signed event after them in their piece of the log can not be proved and are left
    /// out: give each log up to an event whose signature is held. Apply the ranges of one call together:
    /// where events hold no signature of their own, one range may name events of the next as parents.
    #[must_use]
    pub fn pack(scope: ScopeId, events: &[VerifiedEvent], packing: &Packing<'_>) -> Vec<Self> {
        pack::pack(scope, events, packing)
    }

    /// The scope that the range says its events are of.
    #[must_use]
    pub const fn scope(&self) -> ScopeId {
        self.scope
    }

    /// How many events the range says it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether the range is empty: never, for one that was packed or decoded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Epochs of the sealed events, and whether their secret is needed to verify (bodies are packed open).
    pub fn epochs(&self) -> impl Iterator<Item = (EpochId, bool)> + '_ {
        self.sealed
            .iter()
            .map(|bodies| (bodies.epoch, !bodies.bytes.is_empty()))
    }

    /// Recomputes every commitment, header and id and checks every signature.
    pub fn verify(
        &self,
        secret: &dyn Fn(EpochId) -> Option<EpochSecret>,
    ) -> Result<VerifiedRange, RangeError> {
        self.verify_by(secret, &Strict)
    }

    /// The same; `signatures` says which signatures hold.
    pub fn verify_by(
        &self,
        secret: &dyn Fn(EpochId) -> Option<EpochSecret>,
        signatures: &dyn Signatures,
    ) -> Result<VerifiedRange, RangeError> {
        verify::verify(self, secret, signatures)
    }
}

impl Canonical for SignedRange {
    fn write(&self, w: &mut Writer) {
        w.u8(RANGE_VERSION);
        self.scope.write(w);
        w.varint(self.count as u64);
        self.columns.write(w);
        w.bytes(&self.hashes);
        w.list(&self.sealed);
        self.carried.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let version = r.u8("range version")?;
        if version != RANGE_VERSION {
            return Err(DecodeError::Unknown {
                what: "range version",
                value: u64::from(version),
            });
        }
        if r.remaining() > RANGE_BYTES_MAX {
            let (value, limit) = (r.remaining() as u64, RANGE_BYTES_MAX as u64);
            return Err(DecodeError::Limit {
                what: "bytes of a range",
                value,
                limit,
            });
        }
        let range = Self {
            scope: ScopeId::read(r)?,
            count: r.len(RANGE_EVENTS_MAX, "events of a range")?,
            columns: Block::read(r)?,
            hashes: r.bytes(RANGE_BYTES_MAX, "hashes of a range")?.to_vec(),
            sealed: r.list(RANGE_EPOCHS_MAX, "epochs of a range")?,
            carried: Block::read(r)?,
        };
        if range.scope == ScopeId::ZERO || range.count == 0 {
            return Err(DecodeError::NotCanonical {
                what: "a range without scope or events",
            });
        }
        Ok(range)
    }
}

impl Canonical for SealedBodies {
    fn write(&self, w: &mut Writer) {
        self.epoch.write(w);
        w.bytes(&self.bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: EpochId::read(r)?,
            bytes: r.bytes(RANGE_BYTES_MAX, "sealed bodies")?.to_vec(),
        })
    }
}

impl VerifiedRange {
    /// The scope of all events (a genesis, whose id is the scope, included).
    #[must_use]
    pub const fn scope(&self) -> ScopeId {
        self.scope
    }

    /// Events in the order shown, with the plaintext of those that were packed open (padding removed).
    #[must_use]
    pub fn events(&self) -> &[(VerifiedEvent, Option<Vec<u8>>)] {
        &self.events
    }

    /// The same, owned.
    #[must_use]
    pub fn into_events(self) -> Vec<(VerifiedEvent, Option<Vec<u8>>)> {
        self.events
    }
}
