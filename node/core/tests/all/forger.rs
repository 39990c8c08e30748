//! What a member can make who does not keep to the program: it holds the keys of its own store.

use std::collections::BTreeMap;

use alloquy_core::Topic;
use alloquy_ids::{CommunityId, DeviceId, EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::body::{Body, MessageBody};
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::epoch::{EpochKey, EpochSecret, pad, sealed_len};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use alloquy_schema::timeline::Deletion;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::world::{Packet, Peer};

/// Version of frames, and tags of those that are made here.
const VERSION: u8 = 1;
const RANGES: u8 = 4;
const LIVE: u8 = 16;
const EVENTS: u8 = 1;

/// Keys and own events of a node, read from its records.
pub(crate) struct Forger {
    pub(crate) key: DeviceKey,
    pub(crate) community: CommunityId,
    epochs: BTreeMap<EpochId, EpochKey>,
    /// Events that this device wrote, in order.
    pub(crate) own: Vec<SignedEvent>,
}

impl Forger {
    pub(crate) fn of(peer: &Peer, community: CommunityId) -> Self {
        let account = &peer.records[&[2][..]];
        let seed = account[32..64].try_into().expect("a seed has 32 bytes");
        let key = DeviceKey::from_seed(&seed);
        let of = |kind: u8| {
            let prefix = [&[kind][..], community.as_bytes()].concat();
            peer.records
                .iter()
                .filter(move |(key, _)| key.starts_with(&prefix))
        };
        let epoch = |(key, value): (&bytes::Bytes, &bytes::Bytes)| {
            let id: [u8; 32] = key[33..].try_into().expect("an id has 32 bytes");
            Some((EpochId(id), EpochKey::from_bytes(value)?))
        };
        let own = |(_, value): (&bytes::Bytes, &bytes::Bytes)| {
            let mut r = Reader::new(value);
            UnixMs::read(&mut r).ok()?;
            let live = r.u8("row form").ok()? == 1;
            let event = live.then(|| SignedEvent::read(&mut r).ok()).flatten()?;
            (event.header.device == key.id()).then_some(event)
        };
        Self {
            community,
            epochs: of(0x11).filter_map(epoch).collect(),
            own: of(0x10).filter_map(own).collect(),
            key,
        }
    }

    /// The same member with another key in the place of an epoch's.
    pub(crate) fn with_key(mut self, epoch: EpochId, key: EpochKey) -> Self {
        self.epochs.insert(epoch, key);
        self
    }

    /// The last own event of a kind.
    pub(crate) fn last(&self, kind: Kind) -> &SignedEvent {
        let of = self.own.iter().rfind(|event| event.header.kind == kind);
        of.expect("the device wrote something of this kind")
    }

    /// The device's last message: sealed, and not in the content's scope, where it introduced itself first.
    fn secret(&self, header: &Header) -> EpochSecret {
        self.epochs[&header.epoch].secret()
    }

    /// The same event, signed over bytes that do not open.
    pub(crate) fn garbled(&self, event: &SignedEvent) -> SignedEvent {
        let body = vec![0x5a; event.body.len()];
        SignedEvent::sign(event.header.clone(), body, &self.key)
    }

    /// The message that follows `before` in its log.
    pub(crate) fn next(&self, before: &SignedEvent, text: &str) -> SignedEvent {
        let (wall, auth) = (before.header.wall, before.header.auth.clone());
        self.next_at(before, (wall, auth), text)
    }

    /// The same with a time and a view of the authority of one's choice.
    pub(crate) fn next_at(
        &self,
        before: &SignedEvent,
        at: (UnixMs, Vec<EventId>),
        text: &str,
    ) -> SignedEvent {
        let message = MessageBody {
            text: text.to_owned(),
            ..MessageBody::default()
        };
        self.sealed(before, at, &Body::Message(message))
    }

    /// What follows `before` in its log, whatever it says.
    pub(crate) fn next_body(&self, before: &SignedEvent, body: &Body) -> SignedEvent {
        let (wall, auth) = (before.header.wall, before.header.auth.clone());
        self.sealed(before, (wall, auth), body)
    }

    fn sealed(
        &self,
        before: &SignedEvent,
        (wall, auth): (UnixMs, Vec<EventId>),
        body: &Body,
    ) -> SignedEvent {
        let header = Header {
            wall,
            auth,
            seq: before.header.seq + 1,
            prev: before.header.id(),
            deps: Vec::new(),
            lamport: before.header.lamport + 1,
            ..before.header.clone()
        };
        let padded = pad(&body.to_bytes());
        let secret = self.secret(&header);
        let header = Header {
            body_len: u32::try_from(sealed_len(padded.len())).expect("a short text"),
            body_commit: secret.body_commit(&header.log(), header.seq, &padded),
            ..header
        };
        let body = secret.seal_body(&header, &padded);
        SignedEvent::sign(header, body, &self.key)
    }

    /// The deletion that follows `before` in its log.
    pub(crate) fn next_deletion(&self, before: &SignedEvent, deletion: &Deletion) -> SignedEvent {
        let mut next = Self::next_clear(before, &deletion.to_bytes());
        next.kind = Kind::Deletion;
        next.epoch = EpochId::ZERO;
        SignedEvent::sign(next, deletion.to_bytes(), &self.key)
    }

    /// The operation that follows `before` in its log and has seen this one of somebody else.
    pub(crate) fn next_op_after(
        &self,
        before: &SignedEvent,
        seen: &SignedEvent,
        op: &AuthorityOp,
    ) -> SignedEvent {
        let mut next = Self::next_clear(before, &op.to_bytes());
        next.deps = vec![seen.header.id()];
        next.lamport = before.header.lamport.max(seen.header.lamport) + 1;
        SignedEvent::sign(next, op.to_bytes(), &self.key)
    }

    fn next_clear(before: &SignedEvent, body: &[u8]) -> Header {
        Header {
            seq: before.header.seq + 1,
            prev: before.header.id(),
            deps: Vec::new(),
            lamport: before.header.lamport + 1,
            body_len: u32::try_from(body.len()).expect("a short body"),
            body_commit: clear_commit(body),
            ..before.header.clone()
        }
    }

    /// The operation that follows `before` in its log and has nothing else in its past.
    pub(crate) fn next_op(
        &self,
        before: &SignedEvent,
        wall: UnixMs,
        op: &AuthorityOp,
    ) -> SignedEvent {
        let body = op.to_bytes();
        let header = Header {
            wall,
            seq: before.header.seq + 1,
            prev: before.header.id(),
            deps: Vec::new(),
            lamport: before.header.lamport + 1,
            body_len: u32::try_from(body.len()).expect("a short operation"),
            body_commit: clear_commit(&body),
            ..before.header.clone()
        };
        SignedEvent::sign(header, body, &self.key)
    }

    /// An event of a device that nobody knows, whose past nobody has.
    pub(crate) fn orphan(&self, scope: ScopeId, number: u64) -> VerifiedEvent {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let key = DeviceKey::from_seed(&seed);
        let header = Header {
            kind: Kind::Sealed,
            scope,
            device: key.id(),
            incarnation: 0,
            seq: 1,
            prev: EventId(seed),
            deps: Vec::new(),
            auth: Vec::new(),
            lamport: 9,
            wall: UnixMs(9),
            epoch: *self.epochs.keys().next().expect("a key is held"),
            body_len: 48,
            body_commit: [0; 32],
        };
        let event = SignedEvent::sign(header, vec![0; 48], &key);
        event.verify().expect("its form is right")
    }

    /// A frame of ranges that carry these events as they travel alone.
    pub(crate) fn ranges(&self, scope: ScopeId, events: &[VerifiedEvent]) -> Packet {
        let packing = Packing {
            mode: BodyMode::Blind,
            range_bytes_max: 1 << 20,
            plaintext: &|_| None,
            secret: &|_| None,
        };
        let ranges = SignedRange::pack(scope, events, &packing);
        let mut w = Writer::new();
        w.raw(&[VERSION, RANGES]);
        self.community.write(&mut w);
        w.varint(ranges.len() as u64);
        for range in ranges {
            w.bytes(&range.to_bytes());
        }
        w.u8(0);
        Packet::Frame(w.into_bytes().into())
    }

    /// The same event, signed over such bytes.
    pub(crate) fn over(&self, event: &SignedEvent, byte: u8) -> SignedEvent {
        let body = vec![byte; event.body.len()];
        SignedEvent::sign(event.header.clone(), body, &self.key)
    }

    /// A frame that gives a home node one new event.
    pub(crate) fn live(&self, event: &SignedEvent) -> Packet {
        let mut w = Writer::new();
        w.raw(&[VERSION, LIVE]);
        self.community.write(&mut w);
        w.option::<SignedEvent>(None);
        w.list(std::slice::from_ref(event));
        Packet::Frame(w.into_bytes().into())
    }

    /// A gossip frame with one event, under the epoch that the event is sealed with.
    pub(crate) fn gossip(&self, event: &SignedEvent) -> Packet {
        let mut w = Writer::new();
        w.raw(&[VERSION, EVENTS]);
        w.option::<SignedEvent>(None);
        w.list(std::slice::from_ref(event));
        let key = self.secret(&event.header).gossip_key();
        let mut rng = ChaCha8Rng::seed_from_u64(event.header.seq);
        let sealed = key.seal(&w.into_bytes(), &mut rng);
        Packet::Gossip(Topic(key.topic()), sealed.into())
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.key.id()
    }
}
