//! Histories for the tests of ranges: real events of several devices, made from short descriptions.

use std::collections::BTreeMap;

use alloquy_ids::{EpochId, EventId, ScopeId, UnixMs};
use proptest::prelude::*;

use crate::body::{Body, MessageBody};
use crate::codec::Canonical;
use crate::epoch::{EpochSecret, pad};
use crate::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use crate::keys::DeviceKey;

pub(super) const SCOPE: ScopeId = ScopeId([5; 32]);

pub(super) fn device(number: u8) -> DeviceKey {
    DeviceKey::from_seed(&crate::hash::plain(&[number]))
}

pub(super) fn secret_of(epoch: EpochId) -> Option<EpochSecret> {
    (epoch != EpochId::ZERO).then(|| EpochSecret(crate::hash::plain(&epoch.0)))
}

/// One event to be written.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    device: u8,
    incarnation: u32,
    /// 0: a deletion; else an epoch.
    epoch: u8,
    body: Vec<u8>,
    /// Places of `deps`, counted back from the newest event.
    deps: Vec<usize>,
    auth: u8,
    wall_step: i64,
    /// Continues its log before its last event: a fork.
    fork: bool,
    keep_body: bool,
}

impl Spec {
    pub(super) fn message(device: u8, text: &str) -> Self {
        Self {
            device,
            incarnation: 7,
            epoch: 1,
            body: message_body(text),
            deps: vec![0],
            auth: 1,
            wall_step: 1000,
            fork: false,
            keep_body: true,
        }
    }

    pub(super) fn deletion(device: u8) -> Self {
        Self {
            epoch: 0,
            body: vec![1; 33],
            ..Self::message(device, "")
        }
    }

    pub(super) fn without_body(self) -> Self {
        Self {
            keep_body: false,
            ..self
        }
    }
}

fn message_body(text: &str) -> Vec<u8> {
    Body::Message(MessageBody {
        text: text.to_owned(),
        ..MessageBody::default()
    })
    .to_bytes()
}

/// Events and what their bodies hold.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) events: Vec<VerifiedEvent>,
    pub(super) plaintexts: BTreeMap<EventId, Vec<u8>>,
    /// Bytes of text of each message.
    pub(super) texts: BTreeMap<EventId, usize>,
    logs: BTreeMap<(u8, u32), Vec<usize>>,
}

impl History {
    pub(super) fn of(specs: &[Spec]) -> Self {
        let mut history = Self::default();
        for spec in specs {
            let header = history.header(spec);
            history.write(spec, header);
        }
        history
    }

    fn header(&mut self, spec: &Spec) -> Header {
        let log = self
            .logs
            .entry((spec.device, spec.incarnation))
            .or_default();
        if spec.fork {
            log.pop();
        }
        let prev = log.last().map(|place| &self.events[*place]);
        let newest = self.events.len();
        let mut deps = Vec::new();
        for back in &spec.deps {
            if let Some(dep) = newest
                .checked_sub(back + 1)
                .map(|place| self.events[place].id())
                && !deps.contains(&dep)
                && prev.is_none_or(|prev| prev.id() != dep)
            {
                deps.push(dep);
            }
        }
        let lamport = |id: &EventId| {
            self.events
                .iter()
                .rev()
                .find(|event| event.id() == *id)
                .map(|e| e.header().lamport)
        };
        let above = deps
            .iter()
            .filter_map(lamport)
            .max()
            .max(prev.map(|prev| prev.header().lamport));
        let wall = self
            .events
            .last()
            .map_or(1_700_000_000_000, |event| event.header().wall.0);
        Header {
            kind: if spec.epoch == 0 {
                Kind::Deletion
            } else {
                Kind::Sealed
            },
            scope: SCOPE,
            device: device(spec.device).id(),
            incarnation: spec.incarnation,
            seq: prev.map_or(0, |prev| prev.header().seq + 1),
            prev: prev.map_or(EventId::ZERO, VerifiedEvent::id),
            deps,
            auth: (0..spec.auth).map(|n| EventId([100 + n; 32])).collect(),
            lamport: above.unwrap_or(0) + 1,
            wall: UnixMs(wall.wrapping_add_signed(spec.wall_step)),
            epoch: if spec.epoch == 0 {
                EpochId::ZERO
            } else {
                EpochId([spec.epoch; 32])
            },
            body_len: 0,
            body_commit: [0; 32],
        }
    }

    fn write(&mut self, spec: &Spec, header: Header) {
        let event = signed(header, &spec.body, &device(spec.device));
        if spec.epoch != 0 {
            self.plaintexts.insert(event.id(), spec.body.clone());
        }
        self.texts.insert(event.id(), spec.body.len() - 2);
        self.logs
            .entry((spec.device, spec.incarnation))
            .or_default()
            .push(self.events.len());
        self.events.push(if spec.keep_body {
            event
        } else {
            event.without_body()
        });
    }
}

/// Completes a header with its body, signs and verifies.
fn signed(mut header: Header, body: &[u8], key: &DeviceKey) -> VerifiedEvent {
    let carried = match secret_of(header.epoch) {
        Some(secret) => {
            let padded = pad(body);
            header.body_commit = secret.body_commit(&header.log(), header.seq, &padded);
            header.body_len = padded.len() as u32 + 16;
            secret.seal_body(&header, &padded)
        }
        None => {
            header.body_commit = clear_commit(body);
            header.body_len = body.len() as u32;
            body.to_vec()
        }
    };
    SignedEvent::sign(header, carried, key)
        .verify()
        .expect("made by its own device")
}

/// An event of device 0 after the last one of the history, with a ciphertext that opens for nobody.
pub(super) fn with_poisoned_body(history: &History) -> VerifiedEvent {
    let last = &history.events[history.events.len() - 1];
    let mut header = last.header().clone();
    header.seq += 1;
    header.lamport += 1;
    header.prev = last.id();
    header.deps = Vec::new();
    let body = vec![3; header.body_len as usize];
    SignedEvent::sign(header, body, &device(0))
        .verify()
        .expect("made by its own device")
}

/// A scope whose first event founds it, and one event after it.
pub(super) fn founded() -> (ScopeId, Vec<VerifiedEvent>) {
    let mut history = History::default();
    let spec = Spec {
        auth: 0,
        ..Spec::deletion(0)
    };
    let mut header = history.header(&spec);
    (header.scope, header.kind) = (ScopeId::ZERO, Kind::Authority);
    let genesis = signed(header.clone(), b"genesis", &device(0));
    let scope = ScopeId(genesis.id().0);
    header.scope = scope;
    (header.seq, header.lamport, header.prev) = (1, 2, genesis.id());
    let next = signed(header, b"operation", &device(0));
    (scope, vec![genesis, next])
}

/// Sentences of this project's own documentation, one message each, by devices in no particular order.
pub(super) fn conversation(devices: u8, count: usize) -> History {
    let text = concat!(
        include_str!("../../../../docs/protocol.md"),
        include_str!("../../../../ARCHITECTURE.md")
    );
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| !word.contains(['|', '#']))
        .collect();
    let mut history = History::default();
    let mut at = 0_usize;
    let mut state = 1_u64;
    for n in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = (state >> 33) as usize;
        // Lengths from 15 to 95 bytes, 55 in the mean.
        let mut sentence = String::new();
        while sentence.len() < 12 + random % 80 {
            sentence.push_str(words[(at * 7 + at / words.len()) % words.len()]);
            sentence.push(' ');
            at += 1;
        }
        let spec = Spec {
            incarnation: u32::from_le_bytes([random as u8 % devices; 4]),
            deps: vec![0],
            wall_step: (random % 60_000) as i64,
            ..Spec::message((random >> 8) as u8 % devices, sentence.trim_end())
        };
        let spec = Spec {
            incarnation: u32::from(spec.device) * 7_919,
            ..spec
        };
        // Only the newest events are packed: the others need no bodies.
        history.append(&spec, n + 1000 >= count);
    }
    history
}

impl History {
    fn append(&mut self, spec: &Spec, sealed: bool) {
        let header = self.header(spec);
        let spec = if sealed {
            spec.clone()
        } else {
            Spec {
                body: message_body(""),
                ..spec.clone()
            }
        };
        self.write(&spec, header);
    }
}

fn specs() -> impl Strategy<Value = Spec> {
    let place = (0..4_u8, 0..2_u32, 0..3_u8, 0..3_u8);
    let deps = prop::collection::vec(0..12_usize, 0..5);
    let body = prop::collection::vec(any::<u8>(), 4..80);
    let step = prop_oneof![8 => 0..100_000_i64, 1 => any::<i64>()];
    let odds = (prop::bool::weighted(0.05), prop::bool::weighted(0.9));
    (place, deps, body, step, odds).prop_map(|(place, deps, body, wall_step, (fork, keep_body))| {
        let (device, incarnation, epoch, auth) = place;
        Spec {
            device,
            incarnation,
            epoch,
            body,
            deps,
            auth,
            wall_step,
            fork,
            keep_body,
        }
    })
}

/// Histories of up to 90 events: four devices with two logs each, forks, two epochs, clear kinds, dropped
/// bodies, clocks that jump.
pub(super) fn histories() -> impl Strategy<Value = History> {
    prop::collection::vec(specs(), 1..90).prop_map(|specs| History::of(&specs))
}
