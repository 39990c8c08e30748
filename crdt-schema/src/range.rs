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

use alloquy_ids::{EpochId, EventId, ScopeId};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::epoch::EpochSecret;
use crate::event::VerifiedEvent;

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
        todo!()
    }

    /// The scope that the range says its events are of.
    #[must_use]
    pub const fn scope(&self) -> ScopeId {
        self.scope
    }

    /// Recomputes every commitment, header and id and checks every signature.
    pub fn verify(
        &self,
        secret: &dyn Fn(EpochId) -> Option<EpochSecret>,
    ) -> Result<VerifiedRange, RangeError> {
        todo!()
    }
}

impl Canonical for SignedRange {
    fn write(&self, w: &mut Writer) {
        todo!()
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        todo!()
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
