//! Ranges of one history in both modes, and of a scope without epochs.

use alloquy_ids::{EpochId, EventId, ScopeId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, EpochSecret};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::limits::RANGE_BYTES_MAX;
use alloquy_schema::range::{BodyMode, Packing, SignedRange};
use serde_json::{Value, json};

use super::events::{clear, header, message, sealed};
use crate::{golden, hex, seed};

const EPOCHS: [&str; 2] = ["epoch 1", "epoch 2"];

fn key(epoch: &str) -> EpochKey {
    EpochKey::Link(seed(&format!("link key of {epoch}")))
}

fn secret_of(id: EpochId) -> Option<EpochSecret> {
    EPOCHS
        .into_iter()
        .find(|name| seed(name) == id.0)
        .map(|name| key(name).secret())
}

/// A chat of three devices with a deletion, two epochs, a fork, and one body that was dropped.
fn history() -> Vec<VerifiedEvent> {
    let devices = ["Ana", "Ben", "Eva"].map(|name| DeviceKey::from_seed(&seed(name)));
    let mut events: Vec<SignedEvent> = Vec::new();
    let mut last: [Option<Header>; 3] = [None, None, None];
    for n in 0..24_usize {
        let writer = [0, 1, 0, 2, 1, 0][n % 6];
        let prev = last[writer].as_ref();
        let newest = events.last().map(|event| event.header.clone());
        let dep = newest.filter(|newest| prev.is_none_or(|prev| prev.id() != newest.id()));
        let outside = (n == 0).then(|| EventId(seed("event outside")));
        let above = prev
            .into_iter()
            .chain(dep.as_ref())
            .map(|parent| parent.lamport)
            .max();
        let mut next = header(
            if n == 9 { Kind::Deletion } else { Kind::Sealed },
            &devices[writer],
        );
        next.incarnation = 100 + writer as u32;
        next.seq = prev.map_or(0, |prev| prev.seq + 1);
        next.prev = prev.map_or(EventId::ZERO, Header::id);
        next.deps = dep.iter().map(Header::id).chain(outside).collect();
        next.auth = vec![EventId(seed(if n < 12 { "heads 1" } else { "heads 2" }))];
        next.lamport = above.map_or(41, |above| above + 1);
        next.wall.0 += 1000 * n as u64;
        let event = if n == 9 {
            clear(
                next,
                &[[1].as_slice(), &events[2].header.id().0].concat(),
                &devices[writer],
            )
        } else {
            let epoch = EPOCHS[usize::from(n >= 12)];
            next.epoch = EpochId(seed(epoch));
            sealed(
                next,
                &key(epoch),
                &message(&format!("message number {n} of this channel")),
                &devices[writer],
            )
        };
        // Ben's device was copied: event 19 does not know event 16.
        if n != 16 {
            last[writer] = Some(event.header.clone());
        }
        events.push(event);
    }
    let verified = events
        .into_iter()
        .map(|event| event.verify().expect("signed by its own device"));
    verified
        .enumerate()
        .map(|(n, event)| if n == 2 { event.without_body() } else { event })
        .collect()
}

fn vector(name: &str, range: &SignedRange) -> Value {
    let bytes = range.to_bytes();
    let decoded = SignedRange::from_bytes(&bytes).expect("canonical");
    let verified = decoded.verify(&|epoch| secret_of(epoch)).expect("verifies");
    let event = |(event, plaintext): &(VerifiedEvent, Option<Vec<u8>>)| {
        json!({
            "id": hex(event.id().0),
            "header": hex(event.header().to_bytes()),
            "body": event.body().map(hex),
            "plaintext": plaintext.as_ref().map(hex),
            "signature": event.signature().map(hex),
            "carrier": event.carrier().map(hex),
        })
    };
    json!({
        "name": name,
        "scope": hex(range.scope().0),
        "range": hex(bytes),
        "events": verified.events().iter().map(event).collect::<Vec<_>>(),
    })
}

fn pack(scope: ScopeId, events: &[VerifiedEvent], mode: BodyMode) -> SignedRange {
    let packing = Packing {
        mode,
        range_bytes_max: RANGE_BYTES_MAX,
        plaintext: &|_| None,
        secret: &|epoch| secret_of(epoch),
    };
    let mut ranges = SignedRange::pack(scope, events, &packing);
    assert_eq!(ranges.len(), 1);
    ranges.remove(0)
}

/// A founding event and two more of its log.
fn authority() -> (ScopeId, Vec<VerifiedEvent>) {
    let device = DeviceKey::from_seed(&seed("Ana"));
    let genesis = clear(
        Header {
            scope: ScopeId::ZERO,
            ..header(Kind::Authority, &device)
        },
        &[2],
        &device,
    );
    let scope = ScopeId(genesis.header.id().0);
    let mut events = vec![genesis];
    for lamport in [2, 3] {
        let mut next = header(Kind::Authority, &device);
        (next.scope, next.seq, next.lamport) = (scope, lamport - 1, lamport);
        next.prev = events[events.len() - 1].header.id();
        events.push(clear(next, &[2], &device));
    }
    (
        scope,
        events
            .into_iter()
            .map(|event| event.verify().expect("signed by its own device"))
            .collect(),
    )
}

#[test]
fn ranges() {
    let events = history();
    let (founded, operations) = authority();
    let scope = ScopeId(seed("scope"));
    let epoch = |name: &str| json!({"epoch": hex(seed(name)), "secret": hex(&key(name).secret_only().to_bytes()[1..])});
    golden(
        "ranges.json",
        &json!({
            "epochs": EPOCHS.map(epoch),
            "ranges": [
                vector("member", &pack(scope, &events, BodyMode::Member)),
                vector("blind", &pack(scope, &events, BodyMode::Blind)),
                vector("one event", &pack(scope, &events[..1], BodyMode::Member)),
                vector("authority", &pack(founded, &operations, BodyMode::Member)),
            ],
        }),
    );
}
