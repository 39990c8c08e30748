//! The envelope of every event: a signed header, chained per (scope, device, incarnation), and its body.
//!
//! `&[u8]` becomes [`SignedEvent`] by decoding and [`VerifiedEvent`] by [`SignedEvent::verify`]; only the
//! latter can be applied (invariant I2). See docs/protocol.md, "Envelope".

use std::sync::Arc;

use alloquy_ids::{DeviceId, EpochId, EventId, ScopeId, UnixMs};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::keys::{DeviceKey, Signatures, Strict};
use crate::limits::{AUTH_HEADS_MAX, BODY_BYTES_MAX, DEPS_MAX, LAMPORT_MAX};

/// Version byte of the envelope that this crate writes.
pub const ENVELOPE_VERSION: u8 = 1;

/// What an event is, as far as everyone may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// Body under an epoch: message, edit, reaction, content operation; its first byte tells which.
    Sealed = 1,
    /// Operation on a community's authority; body in clear.
    Authority = 2,
    /// Operation on an account's identity; body in clear.
    Identity = 3,
    /// List of deleted event ids; body in clear.
    Deletion = 4,
}

/// One log: the events that one incarnation of a device wrote in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogId {
    /// The scope.
    pub scope: ScopeId,
    /// The writing device.
    pub device: DeviceId,
    /// Random; new whenever the device can not be sure to know its own last event.
    pub incarnation: u32,
}

/// The signed header of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the event is.
    pub kind: Kind,
    /// What it belongs to; zero in a genesis, whose id becomes the scope.
    pub scope: ScopeId,
    /// The writing device.
    pub device: DeviceId,
    /// See [`LogId::incarnation`].
    pub incarnation: u32,
    /// Position in the log, from 0.
    pub seq: u64,
    /// The event before it in the log; zero at `seq` 0.
    pub prev: EventId,
    /// Heads of the scope that the author held, newest first, without `prev`; at most 16.
    pub deps: Vec<EventId>,
    /// Authority heads that the author held, ascending; at most 8; empty in authority and identity events.
    pub auth: Vec<EventId>,
    /// 1 + the greatest of `prev` and `deps`; 1 without any; below 2^48.
    pub lamport: u64,
    /// The author's wall clock: shown, never an order.
    pub wall: UnixMs,
    /// The epoch of a sealed body; zero for clear kinds.
    pub epoch: EpochId,
    /// Bytes of the body as carried.
    pub body_len: u32,
    /// Keyed hash of the padded plaintext (sealed), or derived hash of the body (clear).
    pub body_commit: [u8; 32],
}

impl Header {
    /// The log that the event is in.
    #[must_use]
    pub const fn log(&self) -> LogId {
        LogId {
            scope: self.scope,
            device: self.device,
            incarnation: self.incarnation,
        }
    }

    /// The event's id: derived hash of the canonical header.
    #[must_use]
    pub fn id(&self) -> EventId {
        EventId(crate::hash::derive(
            "alloquy event id v1",
            &[&self.to_bytes()],
        ))
    }

    /// `prev` (unless zero), then `deps`.
    pub fn parents(&self) -> impl Iterator<Item = EventId> + '_ {
        (self.prev != EventId::ZERO)
            .then_some(self.prev)
            .into_iter()
            .chain(self.deps.iter().copied())
    }

    /// Orders events as they are shown: (lamport, device, incarnation, seq, id).
    #[must_use]
    pub fn order_key(&self) -> OrderKey {
        OrderKey {
            lamport: self.lamport,
            device: self.device,
            incarnation: self.incarnation,
            seq: self.seq,
            id: self.id(),
        }
    }
}

/// The order in which events are shown. Field order is the comparison order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderKey {
    /// Lamport time.
    pub lamport: u64,
    /// Writing device.
    pub device: DeviceId,
    /// Incarnation of its log.
    pub incarnation: u32,
    /// Position in its log.
    pub seq: u64,
    /// Id of the event.
    pub id: EventId,
}

/// An event as decoded, nothing checked but its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedEvent {
    /// The header.
    pub header: Header,
    /// Ciphertext (sealed) or clear body.
    pub body: Vec<u8>,
    /// Ed25519 over `"ALLOQUY" | kind | version | id | carrier`.
    pub signature: [u8; 64],
}

/// Why an event is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The form is wrong.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature does not hold for the device in the header, or its key is weak.
    #[error("the signature of event {} does not hold", .0.short())]
    Signature(EventId),
    /// A clear body does not match its commitment, or the length differs from the header's.
    #[error("the body of event {} does not match its header", .0.short())]
    Body(EventId),
}

/// An event whose signature (or chain to a signed event), form and clear body hold.
///
/// Cheap to clone. Made by [`SignedEvent::verify`] and by verified ranges only.
#[derive(Clone, Debug)]
pub struct VerifiedEvent(pub(crate) Arc<VerifiedInner>);

#[derive(Debug)]
pub(crate) struct VerifiedInner {
    pub(crate) id: EventId,
    pub(crate) header: Header,
    /// `None`: the body was dropped or never came.
    pub(crate) body: Option<Vec<u8>>,
    /// `None`: proved by a later signed event of its log.
    pub(crate) signature: Option<[u8; 64]>,
    /// BLAKE3 of the body as carried when it was signed; known whenever `signature` is.
    pub(crate) carrier: Option<[u8; 32]>,
}

impl VerifiedEvent {
    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.0.id
    }
    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.0.header
    }
    /// Ciphertext or clear body; `None` when dropped or missing.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.0.body.as_deref()
    }
    /// The event's own signature, if it did not come inside a range.
    #[must_use]
    pub fn signature(&self) -> Option<&[u8; 64]> {
        self.0.signature.as_ref()
    }
    /// BLAKE3 of the carried body, known for events with a signature.
    #[must_use]
    pub fn carrier(&self) -> Option<&[u8; 32]> {
        self.0.carrier.as_ref()
    }
    /// The event for a live frame, if its signature and the body that it was made over are held.
    #[must_use]
    pub fn to_signed(&self) -> Option<SignedEvent> {
        if self.0.carrier != carrier_of(self.0.body.as_deref()) {
            return None;
        }
        Some(SignedEvent {
            header: self.0.header.clone(),
            body: self.0.body.clone()?,
            signature: self.0.signature?,
        })
    }
    /// Where it stands in the order shown.
    #[must_use]
    pub fn order_key(&self) -> OrderKey {
        let header = &self.0.header;
        OrderKey {
            lamport: header.lamport,
            device: header.device,
            incarnation: header.incarnation,
            seq: header.seq,
            id: self.0.id,
        }
    }
    /// The same event with body and signature taken from `other` where this one lacks them.
    #[must_use]
    pub fn merged_with(&self, other: &Self) -> Self {
        let (own, other) = (&self.0, &other.0);
        let body = own.body.clone().or_else(|| other.body.clone());
        // An author may sign one event over several ciphertexts: the signature over this body is preferred.
        let carrier = carrier_of(body.as_deref());
        let signed = [own, other]
            .into_iter()
            .find(|event| carrier.is_some() && event.carrier == carrier)
            .unwrap_or(if own.signature.is_some() { own } else { other });
        Self(Arc::new(VerifiedInner {
            id: own.id,
            header: own.header.clone(),
            body,
            signature: signed.signature,
            carrier: signed.carrier,
        }))
    }
    /// The same sealed event with another ciphertext, as a node without keys may hold several of one event. `None`:
    /// its body is in clear, or that is not its length.
    #[must_use]
    pub fn with_ciphertext(&self, body: Vec<u8>) -> Option<Self> {
        let own = &self.0;
        let fits = body.len() as u64 == u64::from(own.header.body_len);
        (own.header.kind == Kind::Sealed && fits).then(|| {
            Self(Arc::new(VerifiedInner {
                id: own.id,
                header: own.header.clone(),
                body: Some(body),
                signature: own.signature,
                carrier: own.carrier,
            }))
        })
    }
    /// Whether its own signature is over the very body that is held.
    #[must_use]
    pub fn is_signed_as_held(&self) -> bool {
        self.0.signature.is_some()
            && self.0.body.is_some()
            && self.0.carrier == carrier_of(self.0.body.as_deref())
    }
    /// The same event without its body (dropped by a deletion, or found not to open).
    #[must_use]
    pub fn without_body(&self) -> Self {
        let own = &self.0;
        Self(Arc::new(VerifiedInner {
            id: own.id,
            header: own.header.clone(),
            body: None,
            signature: own.signature,
            carrier: own.carrier,
        }))
    }
}

impl SignedEvent {
    /// Signs a header with its body as carried. The caller has set `body_len` and `body_commit`.
    #[must_use]
    pub fn sign(header: Header, body: Vec<u8>, key: &DeviceKey) -> Self {
        let message = signed_message(header.kind, header.id(), &crate::hash::plain(&body));
        let signature = key.sign(&message);
        Self {
            header,
            body,
            signature,
        }
    }

    /// Checks signature (strictly), body length and, for clear kinds, the commitment.
    pub fn verify(self) -> Result<VerifiedEvent, VerifyError> {
        self.verify_by(&Strict)
    }

    /// The same; `signatures` says whether the signature holds.
    pub fn verify_by(self, signatures: &dyn Signatures) -> Result<VerifiedEvent, VerifyError> {
        let id = self.header.id();
        let clear = self.header.kind != Kind::Sealed;
        let wrong_epoch = clear != (self.header.epoch == EpochId::ZERO);
        let wrong_commit = clear && clear_commit(&self.body) != self.header.body_commit;
        if self.body.len() as u64 != u64::from(self.header.body_len) || wrong_epoch || wrong_commit
        {
            return Err(VerifyError::Body(id));
        }
        let carrier = crate::hash::plain(&self.body);
        let message = signed_message(self.header.kind, id, &carrier);
        if !signatures.hold(&self.header.device.0, &message, &self.signature) {
            return Err(VerifyError::Signature(id));
        }
        Ok(VerifiedEvent(Arc::new(VerifiedInner {
            id,
            header: self.header,
            body: Some(self.body),
            signature: Some(self.signature),
            carrier: Some(carrier),
        })))
    }

    /// Decodes and verifies.
    pub fn from_wire(bytes: &[u8]) -> Result<VerifiedEvent, VerifyError> {
        Self::from_bytes(bytes)?.verify()
    }
}

impl Kind {
    pub(crate) fn from_byte(value: u8) -> Result<Self, DecodeError> {
        [
            Self::Sealed,
            Self::Authority,
            Self::Identity,
            Self::Deletion,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == value)
        .ok_or(DecodeError::Unknown {
            what: "event kind",
            value: u64::from(value),
        })
    }
}

fn carrier_of(body: Option<&[u8]>) -> Option<[u8; 32]> {
    body.map(crate::hash::plain)
}

/// What the device signs: `"ALLOQUY" | kind | version | id | carrier`.
pub(crate) fn signed_message(kind: Kind, id: EventId, carrier: &[u8; 32]) -> Vec<u8> {
    [
        b"ALLOQUY".as_slice(),
        &[kind as u8, ENVELOPE_VERSION],
        &id.0,
        carrier,
    ]
    .concat()
}

impl Canonical for Header {
    fn write(&self, w: &mut Writer) {
        w.u8(self.kind as u8);
        w.u8(ENVELOPE_VERSION);
        self.scope.write(w);
        self.device.write(w);
        w.u32(self.incarnation);
        w.u64(self.seq);
        self.prev.write(w);
        w.list(&self.deps);
        w.list(&self.auth);
        w.u64(self.lamport);
        w.u64(self.wall.0);
        self.epoch.write(w);
        w.u32(self.body_len);
        w.raw(&self.body_commit);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = Kind::from_byte(r.u8("event kind")?)?;
        let version = r.u8("envelope version")?;
        if version != ENVELOPE_VERSION {
            return Err(DecodeError::Unknown {
                what: "envelope version",
                value: u64::from(version),
            });
        }
        let header = Self {
            kind,
            scope: ScopeId::read(r)?,
            device: DeviceId::read(r)?,
            incarnation: r.u32("incarnation")?,
            seq: r.u64("seq")?,
            prev: EventId::read(r)?,
            deps: r.list(DEPS_MAX, "deps")?,
            auth: r.list(AUTH_HEADS_MAX, "auth heads")?,
            lamport: r.u64("lamport time")?,
            wall: UnixMs(r.u64("wall time")?),
            epoch: EpochId::read(r)?,
            body_len: r.u32("body length")?,
            body_commit: r.array("body commitment")?,
        };
        if header.lamport > LAMPORT_MAX {
            return Err(DecodeError::Limit {
                what: "lamport time",
                value: header.lamport,
                limit: LAMPORT_MAX,
            });
        }
        Ok(header)
    }
}

impl Canonical for SignedEvent {
    fn write(&self, w: &mut Writer) {
        self.header.write(w);
        w.bytes(&self.body);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::read(r)?,
            body: r.bytes(BODY_BYTES_MAX, "body")?.to_vec(),
            signature: r.array("signature")?,
        })
    }
}

/// The commitment of a clear body: derived hash, epoch zero.
#[must_use]
pub fn clear_commit(body: &[u8]) -> [u8; 32] {
    crate::hash::derive("alloquy clear body v1", &[body])
}

#[cfg(test)]
mod tests;
