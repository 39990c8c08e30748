//! Frames that no program of ours makes (docs/protocol.md, "Frames").

use alloquy_core::Topic;
use alloquy_ids::{AccountId, CommunityId, DeviceId, EpochId, EventId, InviteId, ScopeId, UnixMs};
use alloquy_schema::authority::op::Join;
use alloquy_schema::codec::{Canonical, Reader, Writer};
use alloquy_schema::epoch::EpochKey;
use alloquy_schema::epoch::Wrap;
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{IdentityOp, NetworkCertificate, PrekeyRecord, new_prekey};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;
use rand_core::SeedableRng;

use super::carried;
use crate::draw::Draw;

const VERSION: u8 = 1;
const HEIGHTS: u8 = 3;
const RANGES: u8 = 4;
const JOIN_REQUEST: u8 = 6;
const ACK: u8 = 11;
const SIGNAL: u8 = 13;
const MARKS: u8 = 15;
const LIVE: u8 = 16;
const READ_UP_TO: u8 = 25;
const LETTER: u8 = 32;
/// Tag of a broadcast of events.
const EVENTS: u8 = 1;
/// Live events of one gossip frame.
const LIVE_MAX: usize = 16;
/// Events of one flood.
const ORPHANS: u64 = 150;
/// Bytes of a frame that holds nothing.
const LARGE: usize = 1 << 20;

fn frame(tag: u8, community: CommunityId) -> Writer {
    let mut w = Writer::new();
    w.raw(&[VERSION, tag]);
    community.write(&mut w);
    w
}

fn done(w: Writer) -> Bytes {
    w.into_bytes().into()
}

/// The events of an opened gossip frame.
pub(super) fn events_in(content: &[u8]) -> Vec<SignedEvent> {
    let mut r = Reader::new(content);
    let tags = (r.u8("version"), r.u8("broadcast"));
    if tags != (Ok(VERSION), Ok(EVENTS)) {
        return Vec::new();
    }
    if r.option::<SignedEvent>("admit").is_err() {
        return Vec::new();
    }
    r.list(LIVE_MAX, "live events").unwrap_or_default()
}

/// A gossip frame with these events.
pub(super) fn gossip(key: &EpochKey, events: &[SignedEvent], draw: &mut Draw) -> (Topic, Bytes) {
    let mut w = Writer::new();
    w.raw(&[VERSION, EVENTS]);
    w.option::<SignedEvent>(None);
    w.list(events);
    let key = key.secret().gossip_key();
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(draw.below(u64::MAX));
    let sealed = key.seal(&w.into_bytes(), &mut rng);
    (Topic(key.topic()), sealed.into())
}

/// The same event, signed by its own device over bytes that do not open.
pub(super) fn garbled(event: &SignedEvent, key: &DeviceKey) -> SignedEvent {
    let body = vec![0x5a; event.body.len()];
    SignedEvent::sign(event.header.clone(), body, key)
}

/// Somebody else's event, changed and signed by a key that is not its device's.
pub(super) fn forged(event: &SignedEvent, key: &DeviceKey) -> SignedEvent {
    let header = Header {
        wall: UnixMs(event.header.wall.0 + 1),
        incarnation: event.header.incarnation ^ 1,
        seq: 0,
        prev: EventId::ZERO,
        ..event.header.clone()
    };
    SignedEvent::sign(header, event.body.clone(), key)
}

/// Events of devices that nobody knows, whose past nobody has.
pub(super) fn orphans(
    community: CommunityId,
    scope: ScopeId,
    epoch: EpochId,
    draw: &mut Draw,
) -> Bytes {
    let number = draw.below(u64::MAX);
    let orphan = |at: u64| {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&number.wrapping_add(at).to_le_bytes());
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
            epoch,
            body_len: 48,
            body_commit: [0; 32],
        };
        SignedEvent::sign(header, vec![0; 48], &key).verify()
    };
    let events: Vec<VerifiedEvent> = (0..ORPHANS).filter_map(|at| orphan(at).ok()).collect();
    ranges(community, scope, &events)
}

/// Events as they travel alone.
pub(super) fn ranges(community: CommunityId, scope: ScopeId, events: &[VerifiedEvent]) -> Bytes {
    let ranges = carried::packed(scope, events);
    let mut w = frame(RANGES, community);
    w.varint(ranges.len() as u64);
    for range in ranges {
        w.bytes(&range);
    }
    w.u8(0);
    done(w)
}

/// New events, as a home node passes them on.
pub(super) fn live(
    community: CommunityId,
    admit: Option<&SignedEvent>,
    events: &[SignedEvent],
) -> Bytes {
    let mut w = frame(LIVE, community);
    w.option(admit);
    w.list(events);
    done(w)
}

/// A frame that says that it holds more than there is.
pub(super) fn bomb(community: CommunityId, draw: &mut Draw) -> Bytes {
    let tag = u8::try_from(draw.between(1, 11)).expect("it is at most 11");
    let mut w = frame(tag, community);
    match draw.below(3) {
        // A length far over every limit.
        0 => w.varint(u64::MAX),
        // The greatest that a list of ranges may have, and nothing after it.
        1 => w.varint(255),
        // One range of a megabyte that is none.
        _ => {
            w.varint(1);
            w.bytes(&vec![0; LARGE]);
        }
    }
    done(w)
}

/// Heights that the author of a log never reached.
pub(super) fn tall(
    community: CommunityId,
    scope: ScopeId,
    device: DeviceId,
    draw: &mut Draw,
) -> Bytes {
    let logs = [u64::MAX, 1 + draw.below(1_000)].map(|height| {
        let incarnation = u32::try_from(draw.below(1 << 32)).expect("it is below 2^32");
        (device, incarnation, height)
    });
    heights(community, scope, &logs)
}

/// Heights of logs, by device, incarnation and height, with heads that do not exist.
pub(super) fn heights(
    community: CommunityId,
    scope: ScopeId,
    logs: &[(DeviceId, u32, u64)],
) -> Bytes {
    let mut w = frame(HEIGHTS, community);
    w.varint(1);
    scope.write(&mut w);
    w.varint(logs.len() as u64);
    for (device, incarnation, height) in logs {
        device.write(&mut w);
        w.u32(*incarnation);
        w.varint(*height);
        EventId([9; 32]).write(&mut w);
    }
    w.varint(1);
    EventId([8; 32]).write(&mut w);
    w.u8(1);
    done(w)
}

/// Heads in short that nobody ever wrote, and the same one many times.
pub(super) fn marked(community: CommunityId, scope: ScopeId, draw: &mut Draw) -> Bytes {
    let mut w = frame(MARKS, community);
    w.varint(1);
    scope.write(&mut w);
    let count = draw.below(200);
    w.varint(count);
    let one = draw.below(u64::MAX);
    for at in 0..count {
        w.u64(if at % 2 == 0 {
            one
        } else {
            draw.below(u64::MAX)
        });
    }
    done(w)
}

/// Says that it holds what was never written.
pub(super) fn acknowledged(community: CommunityId, scope: ScopeId, draw: &mut Draw) -> Bytes {
    let incarnation = u32::try_from(draw.below(1 << 32)).expect("it is below 2^32");
    confirmed(community, (scope, DeviceId::ZERO, incarnation))
}

/// Says that all of the receiver's log is held and can be read.
pub(super) fn confirmed(
    community: CommunityId,
    (scope, _, incarnation): (ScopeId, DeviceId, u32),
) -> Bytes {
    let mut w = frame(ACK, community);
    scope.write(&mut w);
    w.u32(incarnation);
    w.varint(u64::MAX);
    w.u8(1);
    done(w)
}

/// Says that all of a log was read.
pub(super) fn read(
    community: CommunityId,
    (scope, device, incarnation): (ScopeId, DeviceId, u32),
) -> Bytes {
    let mut w = frame(READ_UP_TO, community);
    scope.write(&mut w);
    device.write(&mut w);
    w.u32(incarnation);
    w.varint(u64::MAX);
    done(w)
}

/// First words in the name of an account whose identity log and prekey are known, signed by another key.
pub(super) fn letter(
    to: AccountId,
    (chain, prekey): (&[SignedEvent], &PrekeyRecord),
    words: &[u8],
    key: &DeviceKey,
) -> Bytes {
    let mut w = Writer::new();
    to.write(&mut w);
    w.list(chain);
    prekey.write(&mut w);
    // Day and number of the work.
    w.u32(20_454);
    w.u64(1);
    w.list::<Wrap>(&[]);
    w.bytes(words);
    let unsigned = w.into_bytes();
    let signature = key.sign(&[b"alloquy letter v1".as_slice(), &unsigned].concat());
    [&[VERSION, LETTER][..], &unsigned, &signature]
        .concat()
        .into()
}

/// Another device is here, it says; signed by a key that is not that device's.
pub(super) fn claimed(community: CommunityId, device: DeviceId, key: &DeviceKey) -> Bytes {
    let mut w = Writer::new();
    community.write(&mut w);
    device.write(&mut w);
    UnixMs(u64::MAX >> 1).write(&mut w);
    w.u8(2);
    let unsigned = w.into_bytes();
    let message = [b"ALLOQUY signal v1".as_slice(), &unsigned].concat();
    let signature = key.sign(&message);
    [&[VERSION, SIGNAL][..], &unsigned, &signature]
        .concat()
        .into()
}

/// An account that nobody knows asks to be admitted over this connection, by an invite.
pub(super) fn join(
    community: CommunityId,
    invite: (InviteId, &DeviceKey),
    network_seed: &[u8; 32],
    draw: &mut Draw,
) -> Bytes {
    let join = sock(community, Some(invite), network_seed, draw);
    let mut w = Writer::new();
    w.raw(&[VERSION, JOIN_REQUEST]);
    join.write(&mut w);
    w.text("one of many");
    done(w)
}

/// What an account out of nowhere signs to be admitted.
pub(super) fn sock(
    community: CommunityId,
    invite: Option<(InviteId, &DeviceKey)>,
    network_seed: &[u8; 32],
    draw: &mut Draw,
) -> Join {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(draw.below(u64::MAX));
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&draw.below(u64::MAX).to_le_bytes());
    let device = DeviceKey::from_seed(&seed);
    let body = IdentityOp::Genesis {
        nonce: [1; 16],
        network: NetworkCertificate::sign(network_seed, device.id()),
        recovery_commitment: [2; 32],
        recovery_wrap_key: DeviceKey::from_seed(&seed).public(),
    }
    .to_bytes();
    let header = Header {
        kind: Kind::Identity,
        scope: ScopeId::ZERO,
        device: device.id(),
        incarnation: 0,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall: UnixMs(1),
        epoch: EpochId::ZERO,
        body_len: u32::try_from(body.len()).expect("a body is small"),
        body_commit: clear_commit(&body),
    };
    let chain = vec![SignedEvent::sign(header, body, &device)];
    let (prekey, _) = new_prekey(&device, 1, &mut rng);
    Join::sign(community, invite, chain, &device, prekey)
}
