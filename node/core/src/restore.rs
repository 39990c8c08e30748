//! Starting from the records of the store.
//!
//! The store may lack the last events (a crash), or hold events whose past it lacks (a full disk): whatever
//! does not fit waits, and peers give it again. A record that does not decode is damage, and is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, CommunityId, EpochId, EventId, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::EpochKey;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::keys::{Signatures, Strict};
use alloquy_schema::range::SignedRange;
use alloquy_schema::templates::Blueprint;
use bytes::Bytes;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::arrive::{Bootstrap, FOR_EVER};
use crate::community::Community;
use crate::direct::People;
use crate::direct::requests::DmRequest;
use crate::home::carriers::OtherCarriers;
use crate::home::{ClockRecord, Home, HomeRecord, KeptRecord, LetterRecord, LimitsRecord};
use crate::ingest::Incoming;
use crate::io::Now;
use crate::limits::ROWS_MAX;
use crate::link::Links;
use crate::nearby::Nearby;
use crate::node::{Me, Node, Timer, Timers};
use crate::outbox::{After, Outbox, put};
use crate::own_document::{OwnDocument, PendingRecord};
use crate::peers::Book;
use crate::receipts::ReadLogs;
use crate::record::{
    AccountRecord, AddressesRecord, FORMAT, HeldRecord, Key, Membership, Row, RowEvents,
};
use crate::snapshot::Views;
use crate::take::Arrival;
use crate::unread::mention_of;
use crate::unwritten::Unwritten;
use crate::voice::Voice;
use crate::words::WordsSecret;

/// The store holds something that this node can not start from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// No account was made here.
    #[error("the store holds no account")]
    NoAccount,
    /// A record does not decode.
    #[error("a record of the store is damaged: {key}: {reason}")]
    Damaged {
        /// Which record.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store was written by another version of the format.
    #[error("the store has format {found}, this program reads {expected}")]
    Version {
        /// The store's version.
        found: u32,
        /// The version of this program.
        expected: u32,
    },
}

fn damaged(key: &Key, reason: impl std::fmt::Display) -> RestoreError {
    let key = match key {
        Key::Format => "format".to_owned(),
        Key::Account => "account".to_owned(),
        Key::Community(id) => format!("community {}", id.short()),
        Key::Events(id, row) => format!("row {row} of community {}", id.short()),
        Key::Epoch(id, epoch) | Key::Wraps(id, epoch) => {
            format!("epoch {} of community {}", epoch.short(), id.short())
        }
        Key::Read(id, _) => format!("a read marker of community {}", id.short()),
        Key::Prekey(id, device) | Key::Held(id, device) => {
            format!("device {} of community {}", device.short(), id.short())
        }
        Key::ReadBy(id, _) => format!("what others have read in community {}", id.short()),
        Key::Addresses(key) => format!("addresses of {}", key.short()),
        Key::Recovery => "recovery words".to_owned(),
        Key::Words => "what the recovery words open".to_owned(),
        Key::Kept(name) => format!("what a window keeps as {name:?}"),
        Key::Template(name) => format!("the template {name:?}"),
        Key::Nearby(id) => format!("the announcement of community {}", id.short()),
        Key::PrekeyMade => "when the prekey was made".to_owned(),
        Key::VoiceSession => "the last session in a voice channel".to_owned(),
        Key::OwnPending => "changes for own devices".to_owned(),
        Key::Arriving(id) => format!("community {} that is on its way", id.short()),
        Key::Home => "what this home node was told".to_owned(),
        Key::HomeKept(id) => format!("for whom community {} is kept", id.short()),
        Key::Contact(account) => format!("the contact {}", account.short()),
        Key::DmRequest(account) => format!("the request of {}", account.short()),
        Key::Letter(_, from) => format!("the letter of {}", from.short()),
        Key::HomeLimits(id) => format!("how much of community {} is kept", id.short()),
        Key::HomeClock => "what was seen of the clock".to_owned(),
        Key::Others(id, _) => format!("ciphertexts of an event of community {}", id.short()),
    };
    RestoreError::Damaged {
        key,
        reason: reason.to_string(),
    }
}

fn words_secret(key: &Key, value: &[u8]) -> Result<WordsSecret, RestoreError> {
    let secret = value.try_into();
    let secret = secret.map_err(|_length| damaged(key, "not 32 bytes"))?;
    Ok(WordsSecret::new(secret))
}

/// Records of one community, before it is built.
#[derive(Default)]
struct Parts {
    membership: Option<Membership>,
    rows: BTreeMap<u64, Row>,
    keys: BTreeMap<EpochId, EpochKey>,
    wraps: BTreeMap<EpochId, Vec<alloquy_schema::epoch::Wrap>>,
    read: BTreeMap<ChannelId, u64>,
    prekeys: Vec<PrekeyRecord>,
    held: Vec<(alloquy_ids::DeviceId, HeldRecord)>,
    /// Set if the community is held blind.
    kept: Option<KeptRecord>,
    others: Vec<(EventId, OtherCarriers)>,
    limits: LimitsRecord,
    read_by: BTreeMap<AccountId, ReadLogs>,
}

/// All records, sorted by what they are about.
#[derive(Default)]
struct Records {
    format: Option<u32>,
    account: Option<AccountRecord>,
    communities: BTreeMap<CommunityId, Parts>,
    book: Book,
    kept: BTreeMap<String, Arc<str>>,
    templates: BTreeMap<String, Blueprint>,
    arriving: BTreeMap<CommunityId, Bootstrap>,
    recovery: Option<Zeroizing<String>>,
    words: Option<WordsSecret>,
    nearby: Nearby,
    home: Option<HomeRecord>,
    clock: Option<ClockRecord>,
    letters: BTreeMap<(AccountId, AccountId), LetterRecord>,
    people: People,
    own: PendingRecord,
    voice_session: u64,
    prekey_made: Option<UnixMs>,
}

impl Records {
    /// What peers give again (wraps, prekeys, confirmations, addresses) is left out if it does not decode; anything
    /// else that does not is damage.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of record")]
    fn take<R: CryptoRng>(&mut self, key: Key, value: &[u8]) -> Result<(), RestoreError> {
        fn decode<T: Canonical>(key: &Key, value: &[u8]) -> Result<T, RestoreError> {
            T::from_bytes(value).map_err(|error| damaged(key, error))
        }
        match &key {
            Key::Format => {
                let bytes = value
                    .try_into()
                    .map_err(|_length| damaged(&key, "not four bytes"))?;
                self.format = Some(u32::from_le_bytes(bytes));
            }
            Key::Account => self.account = Some(decode(&key, value)?),
            Key::Community(id) => self.parts(*id).membership = Some(decode(&key, value)?),
            Key::Events(id, row) => {
                let decoded = decode(&key, value)?;
                self.parts(*id).rows.insert(*row, decoded);
            }
            Key::Epoch(id, epoch) => {
                let held = EpochKey::from_bytes(value)
                    .ok_or_else(|| damaged(&key, "not an epoch's key"))?;
                self.parts(*id).keys.insert(*epoch, held);
            }
            Key::Wraps(id, epoch) => {
                if let Some(wraps) = Node::<R>::read_wraps(value) {
                    self.parts(*id).wraps.insert(*epoch, wraps);
                }
            }
            Key::Read(id, channel) => {
                let bytes = value
                    .try_into()
                    .map_err(|_length| damaged(&key, "not eight bytes"))?;
                self.parts(*id)
                    .read
                    .insert(*channel, u64::from_le_bytes(bytes));
            }
            Key::Prekey(id, _) => {
                if let Ok(record) = PrekeyRecord::from_bytes(value) {
                    self.parts(*id).prekeys.push(record);
                }
            }
            Key::Held(id, device) => {
                if let Ok(record) = HeldRecord::from_bytes(value) {
                    self.parts(*id).held.push((*device, record));
                }
            }
            Key::ReadBy(id, account) => {
                if let Ok(logs) = ReadLogs::from_bytes(value) {
                    self.parts(*id).read_by.insert(*account, logs);
                }
            }
            Key::Addresses(peer) => {
                if let Ok(addresses) = AddressesRecord::from_bytes(value) {
                    self.book.of.insert(*peer, addresses.0);
                }
            }
            Key::Recovery => {
                let words = std::str::from_utf8(value).map_err(|error| damaged(&key, error))?;
                self.recovery = Some(Zeroizing::new(words.to_owned()));
            }
            Key::Words => self.words = Some(words_secret(&key, value)?),
            Key::Kept(name) => {
                let text = std::str::from_utf8(value).map_err(|error| damaged(&key, error))?;
                self.kept.insert(name.clone(), text.into());
            }
            Key::Home => self.home = Some(decode(&key, value)?),
            Key::HomeKept(id) => self.parts(*id).kept = Some(decode(&key, value)?),
            Key::Arriving(id) => drop(self.arriving.insert(*id, decode(&key, value)?)),
            Key::PrekeyMade => {
                let bytes = value
                    .try_into()
                    .map_err(|_length| damaged(&key, "not eight bytes"))?;
                self.prekey_made = Some(UnixMs(u64::from_le_bytes(bytes)));
            }
            Key::VoiceSession => {
                let bytes = value
                    .try_into()
                    .map_err(|_length| damaged(&key, "not eight bytes"))?;
                self.voice_session = u64::from_le_bytes(bytes);
            }
            Key::OwnPending => self.own = decode(&key, value)?,
            // Nothing rests on it: it is left out, and said.
            Key::Template(name) => match Blueprint::from_bytes(value) {
                Ok(blueprint) => drop(self.templates.insert(name.clone(), blueprint)),
                Err(error) => tracing::warn!(%error, "a kept template can not be read"),
            },
            Key::Nearby(id) => self.nearby.restored(*id),
            Key::Contact(account) => {
                self.people.contacts.insert(*account, decode(&key, value)?);
            }
            Key::HomeLimits(id) => self.parts(*id).limits = decode(&key, value)?,
            // Without it a day is waited.
            Key::HomeClock => self.clock = ClockRecord::from_bytes(value).ok(),
            // Members give what lacks.
            Key::Others(id, event) => {
                if let Ok(others) = OtherCarriers::from_bytes(value) {
                    self.parts(*id).others.push((*event, others));
                }
            }
            // Whoever wrote it leaves it again.
            Key::Letter(to, from) => {
                if let Ok(letter) = LetterRecord::from_bytes(value) {
                    self.letters.insert((*to, *from), letter);
                }
            }
            // Whoever asked asks again.
            Key::DmRequest(account) => {
                if let Ok(request) = DmRequest::from_bytes(value) {
                    self.people.requests.insert(*account, request);
                }
            }
        }
        Ok(())
    }

    fn parts(&mut self, id: CommunityId) -> &mut Parts {
        self.communities.entry(id).or_default()
    }
}

fn row_events(
    id: CommunityId,
    number: u64,
    row: &Row,
    keys: &BTreeMap<EpochId, EpochKey>,
    signatures: &dyn Signatures,
) -> Result<Vec<Incoming>, RestoreError> {
    let fault = |error: &dyn std::fmt::Display| damaged(&Key::Events(id, number), error);
    match &row.events {
        RowEvents::Live(event) => {
            let event = event
                .as_ref()
                .clone()
                .verify_by(signatures)
                .map_err(|error| fault(&error))?;
            Ok(vec![(event, None)])
        }
        RowEvents::Ranges(ranges) => {
            let secret = |epoch| keys.get(&epoch).map(EpochKey::secret);
            let mut events = Vec::new();
            for bytes in ranges {
                let range = SignedRange::from_bytes(bytes).map_err(|error| fault(&error))?;
                match range.verify_by(&secret, signatures) {
                    Ok(verified) => events.extend(verified.into_events()),
                    Err(error) if error.is_fault() => return Err(fault(&error)),
                    // Its key never became durable: peers give the events again.
                    Err(error) => tracing::warn!(%error, "a row can not be opened"),
                }
            }
            Ok(events)
        }
    }
}

/// Builds a community from its records. `None`: its first rows never became durable.
fn build(
    id: CommunityId,
    parts: Parts,
    me: &Me,
    wall: UnixMs,
) -> Result<Option<Community>, RestoreError> {
    let Some(membership) = parts.membership else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for (number, row) in &parts.rows {
        if *number >= ROWS_MAX {
            let reason = format!("its number is not below {ROWS_MAX}");
            return Err(damaged(&Key::Events(id, *number), reason));
        }
        rows.push((
            *number,
            row.arrived,
            row_events(id, *number, row, &parts.keys, &*me.signatures)?,
        ));
    }
    let genesis = rows
        .iter()
        .flat_map(|(_, _, events)| events)
        .find(|(event, _)| event.id() == EventId::from(id));
    let Some((genesis, _)) = genesis else {
        return Ok(None);
    };
    let authority = AuthorityLog::with(genesis.clone(), Arc::clone(&me.signatures));
    let authority = authority.map_err(|error| damaged(&Key::Community(id), error))?;
    let mut community = Community::new(authority, membership, me.device());
    community.keys = parts.keys;
    community.wraps = parts.wraps;
    if let Some(kept) = parts.kept {
        community.blind_from((kept, parts.limits), &parts.rows, parts.others);
    }
    community.read = parts.read;
    community.read_by = parts.read_by;
    let mut arrived = BTreeMap::new();
    let mut all = Vec::new();
    for (number, at, events) in rows {
        community.note_row(number, events.iter().map(|(event, _)| event.id()).collect());
        arrived.extend(events.iter().map(|(event, _)| (event.id(), at)));
        all.extend(events);
    }
    // Authority first: what rests on it is then evaluated once.
    let (operations, rest): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(event, _)| event.header().kind == alloquy_schema::event::Kind::Authority);
    let own: Vec<_> = rest
        .iter()
        .chain(&operations)
        .filter(|(event, _)| event.header().device == me.device())
        .map(|(event, _)| event.id())
        .collect();
    let arrival = Arrival::from_store(wall);
    community.take(operations, arrival);
    let batch = community.take(rest, arrival);
    let dropped = batch
        .changes
        .into_iter()
        .flat_map(|(_, changes)| changes.dropped_bodies);
    community.to_drop = dropped.collect();
    // A log that continues after a gap in the store goes on elsewhere: the gap may hold events that peers have.
    community.gap_in_own_log = own.iter().any(|id| community.find(*id).is_none());
    community.note_bodies(batch.new.iter());
    for event in &batch.new {
        let at = arrived.get(&event.id()).copied().unwrap_or_default();
        community.note_arrival(event, at);
        community.note_deletion(event, at);
    }
    for record in parts.prekeys {
        community.prekeys.insert(record.device, record);
    }
    for (device, held) in parts.held {
        let logs = held
            .0
            .into_iter()
            .map(|(scope, incarnation, height, opened)| ((scope, incarnation), (height, opened)));
        community.held.insert(device, logs.collect());
    }
    community.index_homes();
    community.active = community.is_mine(me.account());
    let members = community.state();
    let named = members
        .members
        .keys()
        .filter(|account| community.given_name(**account).is_some());
    community.known_members = named.copied().collect();
    community.mention_as(&mention_of(&me.record.name));
    Ok(Some(community))
}

impl<R: CryptoRng> Node<R> {
    /// Starts from all records of the store, in any order. `nonce` differs from the last start's when the store
    /// was copied or restored, or runs on another machine: new incarnations begin then.
    ///
    /// # Errors
    /// See [`RestoreError`]; nothing is written in that case.
    pub fn restore(
        records: impl Iterator<Item = (Bytes, Bytes)>,
        nonce: [u8; 32],
        now: Now,
        rng: R,
    ) -> Result<Self, RestoreError> {
        Self::restore_with(records, nonce, now, rng, Arc::new(Strict))
    }

    /// The same; `signatures` says which signatures hold.
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub fn restore_with(
        records: impl Iterator<Item = (Bytes, Bytes)>,
        nonce: [u8; 32],
        now: Now,
        rng: R,
        signatures: Arc<dyn Signatures>,
    ) -> Result<Self, RestoreError> {
        let mut all = Records::default();
        for (key, value) in records {
            let parsed = Key::from_key(&key).map_err(|error| RestoreError::Damaged {
                key: format!("a key of {} bytes", key.len()),
                reason: error.to_string(),
            })?;
            all.take::<R>(parsed, &value)?;
        }
        match all.format {
            None => return Err(RestoreError::NoAccount),
            Some(FORMAT) => {}
            Some(found) => {
                return Err(RestoreError::Version {
                    found,
                    expected: FORMAT,
                });
            }
        }
        let account = all.account.ok_or(RestoreError::NoAccount)?;
        let me = Me::new(account, signatures).map_err(|error| damaged(&Key::Account, error))?;
        let mut communities = BTreeMap::new();
        for (id, parts) in all.communities {
            if let Some(community) = build(id, parts, &me, now.wall)? {
                communities.insert(id, community);
            }
        }
        let active = |id| {
            communities
                .get(&id)
                .is_some_and(|one: &Community| one.active)
        };
        all.nearby.only(active);
        let own = OwnDocument::new(me.account(), all.own);
        let mut node = Self {
            rng,
            now,
            me,
            communities,
            peers: BTreeMap::new(),
            book: all.book,
            joins: BTreeMap::new(),
            nearby: all.nearby,
            outbox: Outbox::default(),
            timers: Timers::default(),
            deferred: std::collections::VecDeque::new(),
            held_gossip: Vec::new(),
            unwritten: Unwritten::default(),
            held_joins: BTreeMap::new(),
            store_fault: None,
            joined: BTreeMap::new(),
            unstored_joins: BTreeSet::new(),
            welcomes: BTreeMap::new(),
            views: Views::default(),
            kept: Arc::new(all.kept),
            templates: all.templates,
            links: Links::default(),
            restore_asks: BTreeMap::new(),
            people: all.people,
            own,
            prekey_made: all.prekey_made,
            recovery: all.recovery,
            words: all.words,
            home: Home::with_role(all.home, all.letters, all.clock),
            turn: crate::turn::Turn::default(),
            voice: Voice::after(all.voice_session),
        };
        node.begin(nonce);
        for (id, bootstrap) in all.arriving {
            node.await_arrival(id, bootstrap, FOR_EVER);
        }
        Ok(node)
    }

    fn begin(&mut self, nonce: [u8; 32]) {
        let moved = self.me.record.nonce != nonce;
        self.me.record.nonce = nonce;
        let ids: Vec<_> = self.communities.keys().copied().collect();
        if moved {
            self.outbox
                .store(vec![put(&Key::Account, &self.me.record)], After::Nothing);
            for id in &ids {
                self.start_incarnation(*id);
            }
        }
        let mono = self.now.mono;
        for id in ids {
            let Some(community) = self.communities.get_mut(&id) else {
                continue;
            };
            let dropped = std::mem::take(&mut community.to_drop);
            if std::mem::take(&mut community.gap_in_own_log) {
                self.start_incarnation(id);
            }
            self.close_epochs(id);
            self.drop_bodies(id, &dropped);
            if self.communities[&id].blind.is_some() {
                self.timers
                    .set(Timer::Sweep(id), mono.plus(crate::limits::COMPARE_EVERY_MS));
            }
            if self.communities[&id].active {
                self.timers.set(Timer::Presence(id), mono);
                self.timers
                    .set(Timer::Sweep(id), mono.plus(crate::limits::COMPARE_EVERY_MS));
            }
            self.await_held(id);
            self.await_deleted(id);
            self.refresh_topics(id);
            self.note_missing_keys(id);
            self.learn_own_identity(id);
        }
        self.hold_own();
        self.begin_own_document();
        self.renew_prekey();
        self.keep_peers();
        self.look_at_letters();
        self.look_at_ages();
    }
}
