//! Packing: which events go into which range, which signatures they keep, and the columns of each.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{DeviceId, EpochId, EventId, ScopeId};

use super::block::Block;
use super::columns::{Columns, Form, Proof, Tag, write_column, zigzag};
use super::{BodyMode, Packing, SealedBodies, SignedRange};
use crate::codec::{Canonical, Writer};
use crate::epoch::EpochSecret;
use crate::event::{Kind, LogId, VerifiedEvent};
use crate::limits::{
    RANGE_BYTES_MAX, RANGE_EPOCHS_MAX, RANGE_EVENTS_MAX, RANGE_SIGNATURE_SPACING_MAX,
};

/// Bytes that a range may always have: an event of the greatest size and all its tables fit.
const RANGE_BYTES_MIN: usize = 128 * 1024;
/// Upper bound of an event's own share: its columns, commitment, carrier and signature.
const EVENT_COST: usize = 192;
/// Upper bound of one id that an event names: the id and its references.
const ID_COST: usize = 40;

pub(super) fn pack(
    scope: ScopeId,
    events: &[VerifiedEvent],
    packing: &Packing<'_>,
) -> Vec<SignedRange> {
    let events = in_order(scope, events);
    let bytes_max = packing
        .range_bytes_max
        .clamp(RANGE_BYTES_MIN, RANGE_BYTES_MAX);
    let mut ranges = Vec::new();
    let mut chosen = Vec::new();
    let mut budget = Budget::default();
    for run in runs(&events) {
        budget.add(run.iter().map(|place| events[*place]));
        if !chosen.is_empty() && !budget.fits(bytes_max) {
            ranges.push(build(scope, &events, &mut chosen, packing));
            budget = Budget::default();
            budget.add(run.iter().map(|place| events[*place]));
        }
        chosen.extend(run);
    }
    if !chosen.is_empty() {
        ranges.push(build(scope, &events, &mut chosen, packing));
    }
    ranges
}

/// Events of the scope in the order shown, each id once.
fn in_order(scope: ScopeId, events: &[VerifiedEvent]) -> Vec<&VerifiedEvent> {
    let of_scope = |event: &&VerifiedEvent| {
        let own = event.header().scope;
        own == scope || (own == ScopeId::ZERO && event.id().0 == scope.0)
    };
    let mut keyed: Vec<_> = events
        .iter()
        .filter(of_scope)
        .map(|event| (event.order_key(), event))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.dedup_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, event)| event).collect()
}

/// Places of events that are proved together: pieces of one log that end with its next signed event.
/// In order of their first events. Events that no signature proves are in none.
fn runs(events: &[&VerifiedEvent]) -> Vec<Vec<usize>> {
    let mut open: BTreeMap<EventId, Vec<usize>> = BTreeMap::new();
    let mut closed = Vec::new();
    for (place, event) in events.iter().enumerate() {
        let mut run = match open.remove(&event.header().prev) {
            Some(run) if follows(events[run[run.len() - 1]], event) => run,
            Some(other) => {
                open.insert(event.header().prev, other);
                Vec::new()
            }
            None => Vec::new(),
        };
        run.push(place);
        if event.signature().is_none() {
            open.insert(event.id(), run);
        } else if run.len() <= RANGE_SIGNATURE_SPACING_MAX {
            closed.push(run);
        }
    }
    closed.sort_unstable_by_key(|run| run[0]);
    closed
}

/// Whether `next` is the event after `event` in the same log.
fn follows(event: &VerifiedEvent, next: &VerifiedEvent) -> bool {
    let (own, after) = (event.header(), next.header());
    after.prev == event.id()
        && (after.device, after.incarnation) == (own.device, own.incarnation)
        && Some(after.seq) == own.seq.checked_add(1)
}

/// An upper bound of what a range takes, so that none has to be packed twice.
#[derive(Default)]
struct Budget {
    bytes: usize,
    events: usize,
    logs: BTreeSet<LogId>,
    auth: BTreeSet<EventId>,
    epochs: BTreeSet<EpochId>,
}

impl Budget {
    fn add<'a>(&mut self, run: impl Iterator<Item = &'a VerifiedEvent>) {
        for event in run {
            let header = event.header();
            self.events += 1;
            self.bytes += EVENT_COST + ID_COST * header.deps.len() + header.body_len as usize;
            if self.logs.insert(header.log()) {
                self.bytes += 3 * ID_COST;
            }
            let new_heads = header
                .auth
                .iter()
                .filter(|head| self.auth.insert(**head))
                .count();
            self.bytes += ID_COST * new_heads + 2 * header.auth.len();
            if self.epochs.insert(header.epoch) {
                self.bytes += 3 * ID_COST;
            }
        }
    }

    fn fits(&self, bytes_max: usize) -> bool {
        self.bytes <= bytes_max
            && self.events <= RANGE_EVENTS_MAX
            && self.epochs.len() <= RANGE_EPOCHS_MAX
    }
}

/// One piece of a log inside a range.
struct Chain {
    places: Vec<usize>,
}

/// Packs the chosen places into one range and empties the list.
fn build(
    scope: ScopeId,
    events: &[&VerifiedEvent],
    chosen: &mut Vec<usize>,
    packing: &Packing<'_>,
) -> SignedRange {
    chosen.sort_unstable();
    let events: Vec<_> = chosen.drain(..).map(|place| events[place]).collect();
    let (chains, chain_of) = chains(&events);
    let signed = signed_places(&events, &chains);
    let mut builder = Builder::new(scope, packing);
    for chain in &chains {
        builder.add_chain(events[chain.places[0]]);
    }
    for (place, event) in events.iter().enumerate() {
        let chain = chain_of[place];
        let first = chains[chain].places[0] == place;
        builder.add(
            event,
            &Placed {
                chain,
                first,
                signed: signed[place],
            },
        );
    }
    builder.finish()
}

/// Pieces of logs, numbered by their first events, and the piece of each event.
fn chains(events: &[&VerifiedEvent]) -> (Vec<Chain>, Vec<usize>) {
    let mut chains: Vec<Chain> = Vec::new();
    let mut by_end: BTreeMap<EventId, usize> = BTreeMap::new();
    let mut chain_of = Vec::with_capacity(events.len());
    for (place, event) in events.iter().enumerate() {
        let prev = event.header().prev;
        let continued = by_end.get(&prev).copied().filter(|chain| {
            let places = &chains[*chain].places;
            follows(events[places[places.len() - 1]], event)
        });
        let chain = match continued {
            Some(chain) => {
                by_end.remove(&prev);
                chains[chain].places.push(place);
                chain
            }
            None => {
                chains.push(Chain {
                    places: vec![place],
                });
                chains.len() - 1
            }
        };
        by_end.insert(event.id(), chain);
        chain_of.push(chain);
    }
    (chains, chain_of)
}

/// Role of an event's signature in its range.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    No,
    /// Kept, because the next one would be too far away.
    Between,
    Last,
}

/// The fewest signatures: always the last of a chain, and none further from the next than the limit. Operations on
/// authority keep all of theirs: an admission is shown to strangers alone.
fn signed_places(events: &[&VerifiedEvent], chains: &[Chain]) -> Vec<Signed> {
    let mut signed = vec![Signed::No; events.len()];
    for Chain { places } in chains {
        let mut candidate = None;
        let mut since = 0;
        for (position, place) in places.iter().enumerate() {
            if position - since == RANGE_SIGNATURE_SPACING_MAX
                && let Some(position) = candidate.take()
            {
                signed[places[position]] = Signed::Between;
                since = position + 1;
            }
            if events[*place].signature().is_some() {
                candidate = Some(position);
                if events[*place].header().kind == Kind::Authority {
                    signed[*place] = Signed::Between;
                    (candidate, since) = (None, position + 1);
                }
            }
        }
        signed[places[places.len() - 1]] = Signed::Last;
    }
    signed
}

/// Where an event stands in its range.
struct Placed {
    chain: usize,
    /// Whether it is the first of its chain.
    first: bool,
    signed: Signed,
}

/// A table in order of first use.
struct Table<T> {
    rows: Vec<T>,
    places: BTreeMap<T, usize>,
}

impl<T: Ord + Clone> Table<T> {
    const fn new() -> Self {
        Self {
            rows: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    fn place(&mut self, value: T) -> u64 {
        let Self { rows, places } = self;
        let place = *places.entry(value).or_insert_with_key(|value| {
            rows.push(value.clone());
            rows.len() - 1
        });
        place as u64
    }
}

/// What the receiver will have of an event's body.
enum Given {
    Nothing,
    Carried,
    /// The padded plaintext, and the secret under which the receiver seals it again.
    Open(EpochSecret, Vec<u8>),
}

impl Given {
    /// Hash of the body as carried, as the receiver computes it. Asked for signed events only: it is costly.
    fn carrier(&self, event: &VerifiedEvent) -> Option<[u8; 32]> {
        match self {
            Self::Nothing => None,
            Self::Carried => event.body().map(crate::hash::plain),
            Self::Open(secret, padded) => {
                let sealed = secret.seal_body_of(event.id(), &event.header().log(), padded);
                Some(crate::hash::plain(&sealed))
            }
        }
    }
}

/// Open bodies of one epoch.
struct Group {
    epoch: EpochId,
    /// The secret, if bodies may be packed open under it.
    secret: Option<EpochSecret>,
    lengths: Vec<u64>,
    bodies: Vec<u8>,
}

struct Builder<'a> {
    scope: ScopeId,
    packing: &'a Packing<'a>,
    columns: Columns,
    devices: Table<DeviceId>,
    ids: Table<EventId>,
    auth_sets: Table<Vec<EventId>>,
    groups: Vec<Group>,
    /// Place and Lamport time of each event of the range so far.
    places: BTreeMap<EventId, (usize, u64)>,
    before: Option<(u64, u64)>,
    commits: Vec<u8>,
    carriers: Vec<u8>,
    signatures: Vec<u8>,
    carried: Vec<u8>,
}

impl<'a> Builder<'a> {
    fn new(scope: ScopeId, packing: &'a Packing<'a>) -> Self {
        Self {
            scope,
            packing,
            columns: Columns::default(),
            devices: Table::new(),
            ids: Table::new(),
            auth_sets: Table::new(),
            groups: Vec::new(),
            places: BTreeMap::new(),
            before: None,
            commits: Vec::new(),
            carriers: Vec::new(),
            signatures: Vec::new(),
            carried: Vec::new(),
        }
    }

    fn add_chain(&mut self, first: &VerifiedEvent) {
        let header = first.header();
        let prev = match header.prev {
            EventId::ZERO => 0,
            prev => 1 + self.ids.place(prev),
        };
        self.columns
            .chain_device
            .push(self.devices.place(header.device));
        self.columns
            .chain_incarnation
            .push(u64::from(header.incarnation));
        self.columns.chain_seq.push(header.seq);
        self.columns.chain_prev.push(prev);
    }

    fn add(&mut self, event: &VerifiedEvent, placed: &Placed) {
        let header = event.header();
        self.add_time(event, placed.first);
        self.add_deps(event);
        let auth = self.auth_set(&header.auth);
        self.columns.auth.push(auth);
        self.columns.chain.push(placed.chain as u64);
        let group = (header.kind == Kind::Sealed).then(|| self.group(header.epoch));
        self.columns.epoch.push(group.unwrap_or(0) as u64);
        let (form, given) = self.add_body(event, group);
        let proof = self.add_proof(event, placed.signed, &given);
        let genesis = header.scope != self.scope;
        self.columns.tag.push(
            Tag {
                kind: header.kind,
                form,
                proof,
                genesis,
            }
            .to_number(),
        );
        self.places
            .insert(event.id(), (self.places.len(), header.lamport));
    }

    fn add_time(&mut self, event: &VerifiedEvent, first: bool) {
        let header = event.header();
        if self.before.is_none() {
            self.columns.lamport_base = header.lamport;
            self.columns.wall_base = header.wall.0;
        }
        let (lamport_before, wall_before) = self.before.unwrap_or((header.lamport, header.wall.0));
        // The receiver knows the times of `deps` in the range, and of `prev` if it is in the same chain.
        let prev = (!first).then_some(&header.prev);
        let parents = header
            .deps
            .iter()
            .chain(prev)
            .filter_map(|parent| self.places.get(parent));
        let expected = parents
            .map(|(_, lamport)| *lamport)
            .max()
            .map_or(lamport_before, |above| above + 1);
        self.columns
            .lamport
            .push(zigzag(header.lamport.wrapping_sub(expected) as i64));
        self.columns
            .wall
            .push(zigzag(header.wall.0.wrapping_sub(wall_before) as i64));
        self.before = Some((header.lamport, header.wall.0));
    }

    fn add_deps(&mut self, event: &VerifiedEvent) {
        let place = self.places.len();
        for dep in &event.header().deps {
            let reference = match self.places.get(dep) {
                Some((earlier, _)) => (place - earlier - 1) as u64 * 2,
                None => self.ids.place(*dep) * 2 + 1,
            };
            self.columns.dep_refs.push(reference);
        }
        self.columns.dep_len.push(event.header().deps.len() as u64);
    }

    fn auth_set(&mut self, heads: &[EventId]) -> u64 {
        let known = self.auth_sets.rows.len();
        let set = self.auth_sets.place(heads.to_vec());
        if set as usize == known {
            self.columns.auth_len.push(heads.len() as u64);
            for head in heads {
                let row = self.ids.place(*head);
                self.columns.auth_refs.push(row);
            }
        }
        set
    }

    fn group(&mut self, epoch: EpochId) -> usize {
        let known = self.groups.iter().position(|group| group.epoch == epoch);
        known.unwrap_or_else(|| {
            let secret = match self.packing.mode {
                BodyMode::Member => (self.packing.secret)(epoch),
                BodyMode::Blind => None,
            };
            self.groups.push(Group {
                epoch,
                secret,
                lengths: Vec::new(),
                bodies: Vec::new(),
            });
            self.groups.len() - 1
        })
    }

    /// Puts the body where the receiver finds it.
    fn add_body(&mut self, event: &VerifiedEvent, group: Option<usize>) -> (Form, Given) {
        let header = event.header();
        if let Some(group) = group.map(|group| &mut self.groups[group])
            && let Some(secret) = &group.secret
        {
            if let Some((plaintext, padded)) = plaintext(event, secret, self.packing) {
                group.lengths.push(plaintext.len() as u64);
                group.bodies.extend_from_slice(&plaintext);
                return (Form::Open, Given::Open(secret.clone(), padded));
            }
            // What does not open under its epoch is of no use to anybody: the body is missing.
            self.columns.body_len.push(u64::from(header.body_len));
            self.commits.extend_from_slice(&header.body_commit);
            return (Form::Absent, Given::Nothing);
        }
        self.columns.body_len.push(u64::from(header.body_len));
        let Some(body) = event.body() else {
            self.commits.extend_from_slice(&header.body_commit);
            return (Form::Absent, Given::Nothing);
        };
        if header.kind == Kind::Sealed {
            self.commits.extend_from_slice(&header.body_commit);
        }
        self.carried.extend_from_slice(body);
        (Form::Carried, Given::Carried)
    }

    fn add_proof(&mut self, event: &VerifiedEvent, signed: Signed, given: &Given) -> Proof {
        let (Some(signature), Some(carrier)) = (event.signature(), event.carrier()) else {
            return Proof::Place;
        };
        if signed == Signed::No {
            return Proof::Place;
        }
        self.signatures.extend_from_slice(signature);
        if given.carrier(event) != Some(*carrier) {
            self.carriers.extend_from_slice(carrier);
            return Proof::Carrier;
        }
        if signed == Signed::Last {
            Proof::Place
        } else {
            Proof::Signature
        }
    }

    fn finish(mut self) -> SignedRange {
        self.columns.devices = self.devices.rows.len();
        self.columns.ids = self.ids.rows.len();
        let devices = self.devices.rows.iter().map(|id| &id.0);
        let ids = self.ids.rows.iter().map(|id| &id.0);
        let mut hashes: Vec<u8> = devices.chain(ids).flatten().copied().collect();
        for proofs in [&self.commits, &self.carriers, &self.signatures] {
            hashes.extend_from_slice(proofs);
        }
        SignedRange {
            scope: self.scope,
            count: self.places.len(),
            columns: Block::of(self.columns.to_bytes()),
            hashes,
            sealed: self.groups.into_iter().map(Group::seal).collect(),
            carried: Block::of(self.carried),
        }
    }
}

impl Group {
    fn seal(self) -> SealedBodies {
        let (Some(secret), false) = (&self.secret, self.lengths.is_empty()) else {
            return SealedBodies {
                epoch: self.epoch,
                bytes: Vec::new(),
            };
        };
        let mut w = Writer::new();
        write_column(&mut w, &self.lengths);
        w.raw(&self.bodies);
        // Sealed after compression: the nonce is a hash of the very bytes that are encrypted, so two
        // compressors that differ never meet with two texts under one nonce.
        let bytes = secret.seal_block(&Block::of(w.into_bytes()).to_bytes());
        SealedBodies {
            epoch: self.epoch,
            bytes,
        }
    }
}

/// The plaintext of a sealed event, without and with its padding, if it matches the commitment.
fn plaintext(
    event: &VerifiedEvent,
    secret: &EpochSecret,
    packing: &Packing<'_>,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let header = event.header();
    let matches = |plaintext: Vec<u8>| {
        let padded = crate::epoch::pad(&plaintext);
        let commit = secret.body_commit(&header.log(), header.seq, &padded);
        (commit == header.body_commit
            && crate::epoch::sealed_len(padded.len()) == header.body_len as usize)
            .then_some((plaintext, padded))
    };
    (packing.plaintext)(event.id())
        .and_then(matches)
        .or_else(|| {
            event
                .body()
                .and_then(|body| secret.open_body(header, body))
                .and_then(matches)
        })
}
