//! What somebody reads who tries every secret that he holds on everything that he could take.
//!
//! No code of a node decides here what may be opened. Wraps, events, ranges and gossip frames are looked for at every
//! place of the bytes, whatever record or frame they stand in; every secret is tried on every wrap under every epoch,
//! every key on every link, frame and body, and what comes out is searched again, until nothing new comes.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_ids::{EpochId, EventId};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::{Canonical, DecodeError, Reader};
use alloquy_schema::epoch::{self, EpochKey, EpochSecret, WRAP_SEALED_BYTES, Wrap};
use alloquy_schema::event::{ENVELOPE_VERSION, Header, Kind, SignedEvent};
use alloquy_schema::identity::{IdentityLog, RecoveryWords};
use alloquy_schema::keys::x25519_public;
use alloquy_schema::limits::IDENTITY_CHAIN_MAX;
use alloquy_schema::range::SignedRange;
use bytes::Bytes;

use crate::world::World;

/// What a store holds.
pub(crate) type Records = BTreeMap<Bytes, Bytes>;

/// First bytes of the keys of records.
const ACCOUNT: u8 = 2;
const RECOVERY: u8 = 4;
const WORDS: u8 = 5;
const EVENTS: u8 = 0x10;
const EPOCH: u8 = 0x11;
const WRAPS: u8 = 0x12;

/// Where the length of a wrap's ciphertext stands: behind the recipient's key and the encapsulated one.
const WRAP_LENGTH_AT: usize = 64;
/// Prekeys in the record of an account.
const PREKEYS_MAX: usize = 64;
/// Version byte of ranges.
const RANGE_VERSION: u8 = 1;

/// What a store holds that others hold only sealed: ciphertexts and wraps, without keys and secrets.
fn sealed_part(records: &Records) -> Records {
    let sealed = records.iter();
    let sealed = sealed.filter(|(key, _)| matches!(key[0], EVENTS | WRAPS));
    let pair = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
    sealed.map(pair).collect()
}

/// Whoever had these stores opens, with everything that is sealed on the disks of all nodes and with the wire, what was
/// written `before` and nothing of what was written `after`; a reader who may opens both by the same procedure.
pub(crate) fn is_shut_out(
    world: &World,
    stores: &[&Records],
    reader: usize,
    (before, after): (&[&str], &[&str]),
) {
    let disks: Vec<_> = world
        .peers
        .iter()
        .map(|peer| sealed_part(&peer.records))
        .collect();
    let disks: Vec<_> = disks.iter().collect();
    let loot = Loot::of(world, stores, &disks, &world.wire);
    let control = Loot::of(world, &[&world.peers[reader].records], &disks, &world.wire);
    loot.lacks_what_came_after(&control, (before, after));
}

/// The account in a store.
struct Account {
    seeds: [[u8; 32]; 2],
    prekeys: Vec<[u8; 32]>,
    /// What wraps for its recovery words are made to.
    words: Option<[u8; 32]>,
}

impl Account {
    fn of(records: &Records) -> Self {
        Self::read(&records[&[ACCOUNT][..]]).expect("a store has an account")
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.raw(32, "account")?;
        let seeds = [r.array("device key")?, r.array("network key")?];
        let chain: Vec<SignedEvent> = r.list(IDENTITY_CHAIN_MAX, "identity events")?;
        let mut prekeys = Vec::new();
        for _ in 0..r.len(PREKEYS_MAX, "prekeys")? {
            r.varint("counter")?;
            prekeys.push(r.array("prekey")?);
        }
        let log = IdentityLog::verify(&chain).ok();
        Ok(Self {
            seeds,
            prekeys,
            words: log.map(|log| log.identity().recovery_wrap_key),
        })
    }
}

/// Everything that came out.
#[derive(Default)]
pub(crate) struct Loot {
    secrets: BTreeSet<[u8; 32]>,
    keys: BTreeMap<EpochId, Vec<EpochKey>>,
    /// Plaintexts, with the epoch that their event names.
    plain: BTreeSet<(EpochId, Vec<u8>)>,
    /// How many wraps and sealed bodies were tried.
    tried: (usize, usize),
}

impl Loot {
    /// What whoever has had these stores reads of these records, which he took, and of what went over links.
    pub(crate) fn of(
        world: &World,
        stores: &[&Records],
        taken: &[&Records],
        wire: &[Bytes],
    ) -> Self {
        let mut loot = Self::default();
        for store in stores {
            loot.hold(store);
        }
        let mut search = Search::new(world);
        let values = taken.iter().flat_map(|records| records.values());
        for bytes in values.chain(wire) {
            search.look_at(bytes.to_vec());
        }
        search.frames.extend(wire.iter().cloned());
        loop {
            let before = (loot.key_count(), search.size());
            loot.try_wraps(&mut search);
            loot.try_links(&search);
            loot.try_frames(&mut search);
            loot.try_ranges(&mut search);
            if (loot.key_count(), search.size()) == before {
                break;
            }
        }
        loot.try_bodies(&search);
        loot.tried.0 = search.wraps.len();
        loot
    }

    /// Takes all secrets of a store: those of the device, the account and the prekeys, and every epoch's key.
    fn hold(&mut self, store: &Records) {
        let account = Account::of(store);
        self.secrets.extend(account.seeds);
        self.secrets.extend(account.prekeys);
        if let Some(text) = store.get(&[RECOVERY][..]) {
            let text = std::str::from_utf8(text).expect("words");
            let words = RecoveryWords::parse(text).expect("twelve words");
            self.secrets.insert(*words.keys(0).wrap_secret);
        }
        if let Some(secret) = store.get(&[WORDS][..]) {
            let secret: [u8; 32] = secret.as_ref().try_into().expect("32 bytes");
            self.secrets.insert(secret);
        }
        for (key, value) in store.iter().filter(|(key, _)| key[0] == EPOCH) {
            let epoch = EpochId(key[33..].try_into().expect("an id has 32 bytes"));
            self.learn(epoch, EpochKey::from_bytes(value).expect("a key"));
        }
    }

    fn learn(&mut self, epoch: EpochId, key: EpochKey) {
        let of = self.keys.entry(epoch).or_default();
        if !of.contains(&key) {
            of.push(key);
        }
    }

    fn key_count(&self) -> usize {
        self.keys.values().map(Vec::len).sum()
    }

    fn secrets_of_epochs(&self) -> Vec<EpochSecret> {
        self.keys.values().flatten().map(EpochKey::secret).collect()
    }

    fn try_wraps(&mut self, search: &mut Search) {
        let mut learned = Vec::new();
        for (bytes, wrap) in &search.wraps {
            for epoch in &search.epochs {
                if search.tried.insert((*epoch, bytes.clone())) {
                    let opens = |secret| epoch::unwrap(*epoch, wrap, secret);
                    let opened = self.secrets.iter().filter_map(opens);
                    learned.extend(opened.map(|key| (*epoch, key)));
                }
            }
        }
        for (epoch, key) in learned {
            self.learn(epoch, key);
        }
    }

    fn try_links(&mut self, search: &Search) {
        let mut learned = Vec::new();
        for (commit, parent, sealed) in &search.links {
            let opens = |key| epoch::open_link(key, commit, sealed);
            let opened = self.keys.values().flatten().filter_map(opens);
            learned.extend(opened.map(|key| (*parent, key)));
        }
        for (epoch, key) in learned {
            self.learn(epoch, key);
        }
    }

    fn try_frames(&self, search: &mut Search) {
        let secrets = self.secrets_of_epochs();
        let keys: Vec<_> = secrets.iter().map(EpochSecret::gossip_key).collect();
        for frame in std::mem::take(&mut search.frames) {
            match keys.iter().find_map(|key| key.open(&frame)) {
                Some(opened) => search.look_at(opened),
                None => search.frames.push(frame),
            }
        }
    }

    /// Takes ranges apart: those whose blocks are all of epochs that are held, or whose events carry their bodies.
    fn try_ranges(&mut self, search: &mut Search) {
        let several = self.keys.values().map(Vec::len).max().unwrap_or(0).max(1);
        for (bytes, range) in std::mem::take(&mut search.ranges) {
            let opened = (0..several).find_map(|at| {
                let secret = |epoch| {
                    let of = self.keys.get(&epoch)?;
                    Some(of[at.min(of.len() - 1)].secret())
                };
                range.verify(&secret).ok()
            });
            let Some(opened) = opened else {
                search.ranges.insert(bytes, range);
                continue;
            };
            for (event, plain) in opened.into_events() {
                let header = event.header();
                self.plain.extend(plain.map(|plain| (header.epoch, plain)));
                search.keep(header, event.body().unwrap_or_default());
            }
        }
    }

    fn try_bodies(&mut self, search: &Search) {
        let secrets = self.secrets_of_epochs();
        for (header, body) in search.events.values() {
            let opens = |secret: &EpochSecret| secret.open_body(header, body);
            let opened = secrets.iter().filter_map(opens);
            self.plain.extend(opened.map(|plain| (header.epoch, plain)));
        }
        self.tried.1 = search.events.len();
    }

    /// Epochs under which a text was found.
    fn epochs_of(&self, text: &str) -> BTreeSet<EpochId> {
        let holds = |plain: &[u8]| {
            let mut parts = plain.windows(text.len());
            parts.any(|part| part == text.as_bytes())
        };
        let found = self.plain.iter().filter(|(_, plain)| holds(plain));
        found.map(|(epoch, _)| *epoch).collect()
    }

    /// Whether a text was opened.
    pub(crate) fn reads(&self, text: &str) -> bool {
        !self.epochs_of(text).is_empty()
    }

    /// Holds for somebody who was shut out, beside the loot of a reader who was not: both read what was written before,
    /// so the procedure works; the reader alone reads what was written after, and alone has its keys.
    pub(crate) fn lacks_what_came_after(&self, reader: &Self, (before, after): (&[&str], &[&str])) {
        assert!(self.tried.0 > 0 && self.tried.1 > 0, "{:?}", self.tried);
        for text in before {
            assert!(self.reads(text), "the attack finds nothing: {text}");
            assert!(reader.reads(text), "the control finds nothing: {text}");
        }
        for text in after {
            assert!(reader.reads(text), "the control does not find: {text}");
            assert!(!self.reads(text), "it is open to who was shut out: {text}");
            // Nor does he hold a key of it whose ciphertext was not among what he took.
            let held = |epoch: &EpochId| self.keys.contains_key(epoch);
            assert!(!reader.epochs_of(text).iter().any(held), "{text}");
        }
    }
}

/// What was found in the bytes.
struct Search {
    /// Keys to which anybody of this world may have been wrapped something.
    recipients: BTreeSet<[u8; 32]>,
    /// What was looked at.
    seen: BTreeSet<Vec<u8>>,
    epochs: BTreeSet<EpochId>,
    wraps: BTreeMap<Vec<u8>, Wrap>,
    /// Wraps that were tried under an epoch.
    tried: BTreeSet<(EpochId, Vec<u8>)>,
    commits: BTreeMap<EpochId, [u8; 32]>,
    /// The child's commitment, the parent, its sealed key.
    links: BTreeSet<([u8; 32], EpochId, Vec<u8>)>,
    /// Ranges that did not open.
    ranges: BTreeMap<Vec<u8>, SignedRange>,
    /// Gossip frames that did not open, and frames of streams, which never do.
    frames: Vec<Bytes>,
    /// Sealed events with each of their ciphertexts.
    events: BTreeMap<(EventId, Vec<u8>), (Header, Vec<u8>)>,
}

impl Search {
    fn new(world: &World) -> Self {
        let mut recipients = BTreeSet::new();
        for peer in &world.peers {
            let account = Account::of(&peer.records);
            recipients.extend(account.prekeys.iter().map(x25519_public));
            recipients.extend(account.words);
        }
        Self {
            recipients,
            seen: BTreeSet::new(),
            epochs: BTreeSet::new(),
            wraps: BTreeMap::new(),
            tried: BTreeSet::new(),
            commits: BTreeMap::new(),
            links: BTreeSet::new(),
            ranges: BTreeMap::new(),
            frames: Vec::new(),
            events: BTreeMap::new(),
        }
    }

    /// Grows with every find.
    fn size(&self) -> usize {
        let sealed = self.events.len() + self.wraps.len() + self.links.len();
        sealed + self.epochs.len() + self.seen.len()
    }

    /// Looks for everything that may begin at any place of some bytes.
    fn look_at(&mut self, bytes: Vec<u8>) {
        if self.seen.contains(&bytes) {
            return;
        }
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            let length = rest.get(WRAP_LENGTH_AT).copied().map(usize::from);
            if length == Some(WRAP_SEALED_BYTES) {
                self.wrap_at(rest);
            }
            if let [1..=4, ENVELOPE_VERSION, ..] = rest {
                self.event_at(rest);
            }
            if rest[0] == RANGE_VERSION {
                self.range_at(rest);
            }
        }
        self.seen.insert(bytes);
    }

    fn wrap_at(&mut self, bytes: &[u8]) {
        let known = bytes.first_chunk::<32>();
        if !known.is_some_and(|to| self.recipients.contains(to)) {
            return;
        }
        if let Ok(wrap) = Wrap::read(&mut Reader::new(bytes)) {
            self.wraps.insert(wrap.to_bytes(), wrap);
        }
    }

    fn event_at(&mut self, bytes: &[u8]) {
        if let Ok(event) = SignedEvent::read(&mut Reader::new(bytes)) {
            self.keep(&event.header, &event.body);
        }
    }

    fn range_at(&mut self, bytes: &[u8]) {
        let mut r = Reader::new(bytes);
        if let Ok(range) = SignedRange::read(&mut r) {
            let read = bytes.len() - r.remaining();
            self.ranges.insert(bytes[..read].to_vec(), range);
        }
    }

    /// A sealed event is kept to be opened; of an announcement the links are.
    fn keep(&mut self, header: &Header, body: &[u8]) {
        if header.kind == Kind::Sealed {
            self.epochs.insert(header.epoch);
            let place = (header.id(), body.to_vec());
            self.events.insert(place, (header.clone(), body.to_vec()));
            return;
        }
        match AuthorityOp::from_bytes(body) {
            Ok(AuthorityOp::AnnounceEpoch(op)) => {
                let epoch = EpochId::from(header.id());
                self.epochs.insert(epoch);
                self.commits.insert(epoch, op.commit);
                let links = op.links.into_iter();
                self.links
                    .extend(links.map(|(parent, sealed)| (op.commit, parent, sealed)));
            }
            Ok(AuthorityOp::LinkEpoch {
                epoch,
                parent,
                sealed,
            }) => {
                let commit = self.commits.get(&epoch).copied();
                self.links
                    .extend(commit.map(|commit| (commit, parent, sealed)));
            }
            _ => {}
        }
    }
}
