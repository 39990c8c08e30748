//! The machine: owns all parts, routes inputs, and keeps the one deadline.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::command::ProfileChange;
use alloquy_api::{Command, CommandError, ErrorCode, Event, Reply, Snapshot};
use alloquy_ids::{AccountId, CommunityId, DeviceId, MonoMs, NetworkKey, UnixMs};
use alloquy_schema::identity::{IdentityError, IdentityLog, NewAccount, PrekeyRecord};
use alloquy_schema::keys::{DeviceKey, Signatures};
use alloquy_schema::permissions::CommunityKind;
use alloquy_schema::templates::Blueprint;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::community::Community;
use crate::direct::People;
use crate::io::{Input, Now, Origin, Output, StorageError, TaskId, Write};
use crate::join::JoinAttempt;
use crate::nearby::Nearby;
use crate::outbox::{After, Outbox, Task, put, put_bytes};
use crate::peers::{Book, Peer};
use crate::record::{AccountRecord, FORMAT, Key};
use crate::snapshot::{Snapshots, Views};
use crate::unwritten::{Acks, Unwritten};

/// This device and its account.
#[derive(Debug)]
pub(crate) struct Me {
    pub(crate) record: AccountRecord,
    pub(crate) key: DeviceKey,
    pub(crate) network: NetworkKey,
    pub(crate) prekey: PrekeyRecord,
    /// The account's identity log, as far as it is known.
    pub(crate) identity: IdentityLog,
    /// It is ending itself: it says so everywhere before it falls silent.
    pub(crate) parting: bool,
    /// This node writes for an IRC client, and whoever runs it can read that: messages say so.
    pub(crate) bridged: bool,
    /// Says which signatures hold, of everything that comes from outside.
    pub(crate) signatures: Arc<dyn Signatures>,
}

impl Me {
    /// Checks the record's identity events.
    pub(crate) fn new(
        record: AccountRecord,
        signatures: Arc<dyn Signatures>,
    ) -> Result<Self, IdentityError> {
        let identity = IdentityLog::verify_by(&record.chain, &*signatures)?;
        let key = DeviceKey::from_seed(&record.device_seed);
        let network = NetworkKey(DeviceKey::from_seed(&record.network_seed).public());
        let (counter, secret) = record.prekeys.last().copied().unwrap_or_default();
        let prekey = alloquy_schema::identity::sign_prekey(&key, counter, &secret);
        Ok(Self {
            record,
            key,
            network,
            prekey,
            identity,
            parting: false,
            bridged: false,
            signatures,
        })
    }

    pub(crate) fn device(&self) -> DeviceId {
        self.key.id()
    }

    pub(crate) fn account(&self) -> AccountId {
        self.record.account
    }
}

/// The node. See [`crate::io`] for the contract.
#[derive(Debug)]
pub struct Node<R> {
    pub(crate) rng: R,
    pub(crate) now: Now,
    pub(crate) me: Me,
    pub(crate) communities: BTreeMap<CommunityId, Community>,
    pub(crate) peers: BTreeMap<NetworkKey, Peer>,
    pub(crate) book: Book,
    pub(crate) joins: BTreeMap<CommunityId, JoinAttempt>,
    /// What is announced on the local network.
    pub(crate) nearby: Nearby,
    pub(crate) outbox: Outbox,
    pub(crate) timers: Timers,
    /// Commands that wait for an epoch or for a peer's word about own logs.
    pub(crate) deferred: VecDeque<Deferred>,
    /// Gossip frames of devices that are not known yet.
    pub(crate) held_gossip: Vec<crate::gossip::HeldGossip>,
    /// Writes that the store refused and that are tried again, in order.
    pub(crate) unwritten: Unwritten,
    /// Joins of connected newcomers that wait for a peer's word about own logs.
    pub(crate) held_joins: BTreeMap<NetworkKey, crate::join::HeldJoin>,
    /// Why the store can not be written now.
    pub(crate) store_fault: Option<StorageError>,
    /// Who waits to hear that a community that was joined is durable here.
    pub(crate) joined: BTreeMap<CommunityId, Vec<Origin>>,
    /// Of these, those of which the store has refused something.
    pub(crate) unstored_joins: BTreeSet<CommunityId>,
    /// Newcomers to be welcomed when their admission is durable.
    pub(crate) welcomes: BTreeMap<alloquy_ids::EventId, NetworkKey>,
    pub(crate) views: Views,
    /// What all devices of the account share.
    pub(crate) own: crate::own_document::OwnDocument,
    /// When the present prekey was made; `None` before the first start.
    pub(crate) prekey_made: Option<UnixMs>,
    /// What faces keep, by name.
    pub(crate) kept: Arc<BTreeMap<String, Arc<str>>>,
    /// Templates that were kept, by name.
    pub(crate) templates: BTreeMap<String, Blueprint>,
    /// Pairings by a code.
    pub(crate) links: crate::link::Links,
    /// How often connected peers have asked by recovery words.
    pub(crate) restore_asks: BTreeMap<NetworkKey, u32>,
    /// Contacts, requests, and groups on their way.
    pub(crate) people: People,
    /// The recovery words, until they were confirmed.
    pub(crate) recovery: Option<Zeroizing<String>>,
    /// Set on a device that came back by the recovery words, until all is here.
    pub(crate) words: Option<crate::words::WordsSecret>,
    pub(crate) home: crate::home::Home,
    /// TURN servers of home nodes.
    pub(crate) turn: crate::turn::Turn,
    pub(crate) voice: crate::voice::Voice,
}

/// A command that waits.
#[derive(Clone, Debug)]
pub(crate) struct Deferred {
    pub(crate) origin: Origin,
    pub(crate) command: Command,
    /// Handled then at the latest, or answered with an error.
    pub(crate) due: MonoMs,
}

/// Deadlines, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timers(BTreeMap<Timer, MonoMs>);

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Compare with a peer.
    Compare(NetworkKey, CommunityId),
    /// Send proof of membership to a peer that stays silent.
    Prove(NetworkKey, CommunityId),
    /// Announce an epoch if none is usable by then.
    Announce(CommunityId, Option<alloquy_ids::ChannelId>),
    /// Ask for keys again.
    AskKeys(CommunityId),
    /// Drop topics of older epochs.
    Topics(CommunityId),
    /// Say "here", and notice who fell silent.
    Presence(CommunityId),
    /// Anti-entropy with one connected peer.
    Sweep(CommunityId),
    /// Offer a join to the next member.
    Join(CommunityId),
    /// Look at deferred commands.
    Deferred,
    /// Give up held gossip frames.
    HeldGossip,
    /// Write again what the store refused.
    Unwritten,
    /// Somebody stops typing in a channel.
    Typing(alloquy_ids::ChannelId),
    /// Lists of a community are to be made again: the snapshot that is asked for next does it.
    Lists,
    /// Give up events whose past did not come.
    Waiting(CommunityId),
    /// Newest messages whose past does not come are shown no longer.
    Newest(CommunityId),
    /// The time has come that an event claims.
    HeldBack(CommunityId),
    /// Look for what is announced on the local network.
    Nearby,
    /// Tell those whom this home node serves how it stands.
    HomeStatus,
    /// Look at the age of what this home node keeps.
    Ages,
    /// Look for letters at this home node that nobody took.
    Letters,
    /// Write what changed and follows the account.
    OwnDocument,
    /// Drop bodies that were deleted long enough ago.
    Deleted(CommunityId),
    /// Look at the age of the prekey.
    Prekey,
    /// Tell authors how far they were read.
    Receipts(CommunityId),
    /// Bring what changed of the account's devices into a community, if nobody else has.
    Embed(CommunityId),
    /// A pairing by a code ends.
    Link,
    /// Ask home nodes for their TURN servers.
    Turn,
    /// Say a word about voice, or notice who fell silent.
    Voice,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: MonoMs) {
        self.0.insert(timer, at);
    }

    /// Sets the deadline unless an earlier one stands.
    pub(crate) fn set_earlier(&mut self, timer: Timer, at: MonoMs) {
        let entry = self.0.entry(timer).or_insert(at);
        *entry = (*entry).min(at);
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0.contains_key(&timer)
    }

    pub(crate) fn clear_peer(&mut self, key: NetworkKey) {
        self.0.retain(|timer, _| !matches!(timer, Timer::Compare(peer, _) | Timer::Prove(peer, _) if *peer == key));
    }

    fn next(&self) -> Option<MonoMs> {
        self.0.values().min().copied()
    }

    fn take_due(&mut self, now: MonoMs) -> Vec<Timer> {
        let due: Vec<_> = self
            .0
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(timer, at)| (*at, *timer))
            .collect();
        for (_, timer) in &due {
            self.0.remove(timer);
        }
        let mut due = due;
        due.sort();
        due.into_iter().map(|(_, timer)| timer).collect()
    }
}

/// The records of a new account, to be written before the first start, and its recovery words.
pub struct Founded {
    /// The first records of the store.
    pub writes: Vec<Write>,
    /// The network key's Ed25519 seed, for the shell's libp2p identity.
    pub network_seed: [u8; 32],
    /// The account.
    pub account: AccountId,
    /// Its first device.
    pub device: DeviceId,
    /// 12 BIP-39 words, shown once.
    pub recovery_words: String,
}

impl Founded {
    /// Has the recovery words kept in the store until somebody shows that they were written down.
    pub fn keep_recovery_words(&mut self) {
        let words = self.recovery_words.clone().into_bytes();
        self.writes.push(put_bytes(&Key::Recovery, words));
    }
}

impl std::fmt::Debug for Founded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Founded")
            .field("account", &self.account)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// Makes an account named `name` (1 to 100 bytes, no control characters).
///
/// # Errors
/// `limit` when the name is too long or empty, `parse` when it holds control characters.
pub fn found(name: &str, now: Now, rng: &mut impl CryptoRng) -> Result<Founded, CommandError> {
    crate::command::check_name("name", name)?;
    Ok(found_named(name, now, rng))
}

/// Makes the keys of a home node, which has no name and is nobody's until somebody pairs with it.
#[must_use]
pub fn found_home(now: Now, rng: &mut impl CryptoRng) -> Founded {
    let mut founded = found_named("", now, rng);
    let role = crate::home::HomeRecord::default();
    founded.writes.push(put(&Key::Home, &role));
    founded
}

fn found_named(name: &str, now: Now, rng: &mut impl CryptoRng) -> Founded {
    let NewAccount {
        device,
        network_seed,
        genesis,
        recovery_words,
    } = alloquy_schema::identity::create(now.wall, rng);
    let account = AccountId::from(genesis.header.id());
    let (_, prekey_secret) = alloquy_schema::identity::new_prekey(&device, 1, rng);
    let record = AccountRecord {
        account,
        device_seed: device.seed(),
        network_seed,
        chain: vec![genesis],
        prekeys: vec![(1, prekey_secret)],
        name: name.to_owned(),
        about: String::new(),
        status: String::new(),
        availability: 1,
        nonce: [0; 32],
    };
    let writes = vec![
        put_bytes(&Key::Format, FORMAT.to_le_bytes().to_vec()),
        put(&Key::Account, &record),
    ];
    Founded {
        writes,
        network_seed,
        account,
        device: device.id(),
        recovery_words: recovery_words.to_string(),
    }
}

impl<R: CryptoRng> Node<R> {
    /// The network key's Ed25519 seed: the shell's libp2p identity.
    #[must_use]
    pub fn network_seed(&self) -> [u8; 32] {
        self.me.record.network_seed
    }

    /// From now on messages that this node writes say that they came through a server that could read them.
    pub fn mark_as_bridged(&mut self) {
        self.me.bridged = true;
    }

    /// The acting account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.me.account()
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.me.device()
    }

    /// The account's display name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.me.record.name
    }

    /// Communities that the account is a member of.
    #[must_use]
    pub fn community_count(&self) -> usize {
        self.communities
            .values()
            .filter(|community| community.active && community.kind() == CommunityKind::Community)
            .count()
    }

    /// The account behind a peer's network key, with its display name, if it is a co-member.
    #[must_use]
    pub fn account_of_peer(&self, key: NetworkKey) -> Option<(AccountId, String)> {
        self.communities.values().find_map(|community| {
            community
                .member_of(key)
                .map(|(account, _)| (account, community.member_name(account)))
        })
    }

    /// The communities that a peer is in with us.
    #[must_use]
    pub fn communities_of_peer(&self, key: NetworkKey) -> BTreeSet<CommunityId> {
        let all = self.communities.iter();
        let shared = all.filter(|(_, community)| {
            let here = community.active || community.blind.is_some();
            (here && community.is_home(key)) || community.member_of(key).is_some()
        });
        shared.map(|(id, _)| *id).collect()
    }

    /// Takes one input. Infallible; drain [`Self::poll_output`] to `None` before the next call.
    pub fn handle(&mut self, now: Now, input: Input) {
        // A clock that goes back is taken as standing still: timers never fire early.
        self.now = Now {
            mono: now.mono.max(self.now.mono),
            wall: now.wall,
        };
        match input {
            Input::Command(origin, command) => self.command(origin, command),
            Input::PeerUp(key) => self.peer_up(key),
            Input::PeerDown(key) => self.peer_down(key),
            Input::Frame(key, bytes) => self.frame(key, &bytes),
            Input::Gossip(id, topic, from, bytes) => self.gossip(id, topic, from, &bytes),
            Input::PeerNear(key, near) => self.peer_near(key, near),
            Input::PeerAddresses(key, addresses) => self.peer_addresses(key, addresses),
            Input::ListenAddresses(addresses) => self.book.listen = addresses,
            Input::Storage(task, result) => self.stored(task, result),
            Input::Media(report) => self.media_report(report),
            Input::MediaEngine(attached) => self.media_engine(attached),
            Input::IceServers(servers) => self.media_servers(servers),
            Input::Timeout => {}
            Input::ClientGone(client) => self.views.watches.forget(client),
            Input::Shutdown => self.shutdown(),
        }
        for timer in self.timers.take_due(self.now.mono) {
            self.fire(timer);
        }
    }

    /// The next thing that the shell must do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outbox.pop()
    }

    /// When [`Input::Timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoMs> {
        self.timers.next()
    }

    /// The state that faces show, as each client sees it; parts that did not change are shared with the last one.
    pub fn snapshots(&mut self) -> Arc<Snapshots> {
        self.build_snapshots()
    }

    /// The same for one client.
    pub fn snapshot(&mut self, client: u64) -> Arc<Snapshot> {
        Arc::clone(self.build_snapshots().of(client))
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Compare(key, community) => self.compare(key, community),
            Timer::Prove(key, community) => self.prove_again(key, community),
            Timer::Announce(community, channel) => self.announce_if_needed(community, channel),
            Timer::AskKeys(community) => self.ask_keys(community),
            Timer::Topics(community) => self.refresh_topics(community),
            Timer::Presence(community) => self.presence_tick(community),
            Timer::Sweep(community) => self.sweep(community),
            Timer::Join(community) => self.join_next(community),
            Timer::Deferred => self.retry_deferred(),
            Timer::HeldGossip => self.retry_held_gossip(),
            Timer::Unwritten => self.retry_unwritten(),
            Timer::Typing(channel) => self.typing_lapsed(channel),
            Timer::Lists => {}
            Timer::Waiting(community) => self.expire_waiting(community),
            Timer::Newest(community) => self.watch_newest(community),
            Timer::HeldBack(community) => self.release_held(community),
            Timer::Nearby => self.nearby_tick(),
            Timer::HomeStatus => self.home_status_due(),
            Timer::Ages => self.look_at_ages(),
            Timer::Letters => self.look_at_letters(),
            Timer::OwnDocument => self.write_own_document(),
            Timer::Deleted(community) => self.drop_deleted(community),
            Timer::Prekey => self.renew_prekey(),
            Timer::Receipts(community) => self.tell_read(community),
            Timer::Embed(community) => self.embed_identity(community),
            Timer::Link => self.link_tick(),
            Timer::Turn => self.turn_due(),
            Timer::Voice => self.voice_tick(),
        }
    }

    fn stored(&mut self, task: TaskId, result: Result<(), StorageError>) {
        let Some(ended) = self.outbox.tasks.remove(&task) else {
            return;
        };
        match result {
            Ok(()) => {
                if self.store_fault.take().is_some() {
                    self.views.node_changed();
                    tracing::info!("the store can be written again");
                    self.hold_own();
                }
                for write in &ended.writes {
                    self.unwritten.written(write.key(), task);
                }
                self.after_store(ended.after, &ended.writes);
            }
            Err(error) => self.store_failed(task, ended, error),
        }
    }

    fn after_store(&mut self, after: After, writes: &[Write]) {
        match after {
            After::Nothing => {}
            After::Own(own) => self.own_stored(own),
            After::Received { community, events } => {
                self.note_ready(community, &events);
                self.send_acks(self.acks_of(community, &events));
            }
            After::Wraps { community, epoch } => self.wraps_stored(community, epoch),
            After::Confirm(acks) => self.send_acks(acks),
            After::Joined(community) => self.join_stored(community),
            After::Answer(origin, reply) => self.outbox.done(origin, Ok(reply)),
            After::Opened(origin, id) => self.opened_stored(origin, id),
            After::Kept(origin, name, value) => self.kept_stored(origin, name, value),
            After::TemplateKept(origin, name, blueprint) => {
                self.template_stored(origin, name, blueprint);
            }
            After::Announced(origin, id, announce) => self.announce_stored(origin, id, announce),
            After::DeviceTaken => self.device_taken(),
            After::Profile(origin, change) => self.profile_stored(origin, &change),
            After::HomeTaken => self.home_taken(),
            After::LetterTaken(home, taken) => self.letter_stored(home, taken),
            After::RecoveryWiped(origin) => {
                self.recovery = None;
                self.views.node_changed();
                self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
            }
            After::TakenBack(origin) => {
                let text =
                    "a write before it could not be stored; nothing was written, nothing was sent";
                let refusal = CommandError::new(ErrorCode::Storage, text);
                if let Some(origin) = origin {
                    self.outbox.done(origin, Err(refusal));
                }
                self.remove_rows(writes);
            }
        }
    }

    /// Removes events from the store that were taken back after their task had begun.
    fn remove_rows(&mut self, writes: &[Write]) {
        let gone = self.rows_without_place(writes);
        self.outbox.store(gone, After::Nothing);
    }

    /// Removals of rows that these writes put, but not of those that have their place by now in a conversation that was
    /// begun again.
    fn rows_without_place(&self, writes: &[Write]) -> Vec<Write> {
        let again = |id, row| {
            let community = self.communities.get(&id);
            community.is_some_and(|community| community.rows.contains_key(&row))
        };
        let row = |write: &Write| match write {
            Write::Put(key, _) => match Key::from_key(key) {
                Ok(Key::Events(id, row)) if !again(id, row) => Some(Write::Delete(key.clone())),
                _ => None,
            },
            Write::Delete(_) => None,
        };
        writes.iter().filter_map(row).collect()
    }

    /// Nothing that failed to be stored was made public: own events are taken back, others' are written later.
    fn store_failed(&mut self, task: TaskId, ended: Task, error: StorageError) {
        let Task { writes, after } = ended;
        if self.store_fault.is_none() {
            tracing::error!(%error, "the store can not be written");
            self.outbox.tell(Event::StorageFailed {
                message: error.to_string(),
            });
        }
        let refusal = CommandError::new(
            ErrorCode::Storage,
            format!("{error}; nothing was written, nothing was sent"),
        );
        self.store_fault = Some(error);
        self.views.node_changed();
        let at = self.now.mono.plus(crate::limits::STORE_RETRY_MS);
        self.timers.set_earlier(Timer::Unwritten, at);
        match after {
            After::Own(own) => {
                if let Some((origin, _)) = &own.answer {
                    self.outbox.done(*origin, Err(refusal));
                }
                let community = own.community;
                self.take_back(own);
                if !self.communities.contains_key(&community) {
                    // It was begun again, and in the same places there may be rows that were taken back before.
                    let gone = self.rows_without_place(&writes);
                    self.write_later(gone, Acks::new());
                }
            }
            After::TakenBack(origin) => {
                if let Some(origin) = origin {
                    self.outbox.done(origin, Err(refusal));
                }
            }
            After::Profile(origin, _) => {
                self.outbox.done(origin, Err(refusal));
                // What was written beside it may hold the change: the last word is without it.
                let write = put(&Key::Account, &self.account_to_store());
                self.write_later(vec![write], Acks::new());
            }
            After::Answer(origin, _)
            | After::Opened(origin, _)
            | After::Kept(origin, ..)
            | After::TemplateKept(origin, ..)
            | After::Announced(origin, ..)
            | After::RecoveryWiped(origin) => {
                self.outbox.done(origin, Err(refusal));
            }
            After::Received { community, events } => {
                let acks = self.acks_of(community, &events);
                self.write_again(task, writes, acks);
            }
            After::Confirm(acks) => self.write_again(task, writes, acks),
            After::Joined(community) => {
                self.write_again(task, writes, Acks::new());
                self.unstored_joins.insert(community);
            }
            After::Nothing
            | After::Wraps { .. }
            | After::DeviceTaken
            | After::HomeTaken
            | After::LetterTaken(..) => {
                self.write_again(task, writes, Acks::new());
            }
        }
    }

    /// Writes, when the store can be written, what is newer than all that was begun until now.
    pub(crate) fn write_later(&mut self, writes: Vec<Write>, acks: Acks) {
        self.write_again(self.outbox.last_task(), writes, acks);
    }

    /// Keeps what the store refused in a task, and what is to be confirmed when it is durable.
    fn write_again(&mut self, task: TaskId, writes: Vec<Write>, acks: Acks) {
        for write in writes {
            self.unwritten.keep(write, task);
        }
        self.unwritten.owe(acks);
        let at = self.now.mono.plus(crate::limits::STORE_RETRY_MS);
        self.timers.set_earlier(Timer::Unwritten, at);
    }

    pub(crate) fn retry_unwritten(&mut self) {
        self.retry_writes();
        for community in std::mem::take(&mut self.unstored_joins) {
            self.store_join(community);
        }
    }

    fn retry_writes(&mut self) {
        // What was tried before and is under way may be refused once more: nothing is confirmed that may rest on it.
        let confirming = |task: &Task| matches!(task.after, After::Confirm(_));
        let confirms = self.outbox.tasks.values().any(confirming);
        let (writes, acks) = self.unwritten.take(&self.outbox.tasks);
        let sure = !confirms && self.unwritten.len() == 0;
        if !sure {
            let at = self.now.mono.plus(crate::limits::STORE_RETRY_MS);
            self.timers.set_earlier(Timer::Unwritten, at);
        }
        if !writes.is_empty() {
            let now = match sure {
                true => acks,
                false => {
                    self.unwritten.owe(acks);
                    Acks::new()
                }
            };
            self.outbox.store(writes, After::Confirm(now));
        } else if sure && self.store_fault.is_none() {
            // Newer writes have taken the places of all.
            self.send_acks(acks);
        } else {
            if !acks.is_empty() {
                self.write_later(Vec::new(), acks);
            }
            if self.outbox.tasks.is_empty() {
                // Nothing waits to be written: the account as it is finds out whether the store has recovered.
                self.store_account(None);
            }
        }
    }

    /// Writes the account's record; `answer` is given when it is durable.
    pub(crate) fn store_account(&mut self, answer: Option<(Origin, Reply)>) {
        let write = put(&Key::Account, &self.account_to_store());
        let after = answer.map_or(After::Nothing, |(origin, reply)| {
            After::Answer(origin, reply)
        });
        self.outbox.store(vec![write], after);
    }

    /// Writes a change of the own profile. Nothing of it is shown or sent before it is durable.
    pub(crate) fn store_profile(&mut self, origin: Origin, change: ProfileChange) {
        let mut record = self.account_to_store();
        record.change(&change);
        let write = put(&Key::Account, &record);
        self.outbox
            .store(vec![write], After::Profile(origin, change));
    }

    /// The account's record with what is being written of the profile.
    fn account_to_store(&self) -> AccountRecord {
        let mut record = self.me.record.clone();
        for task in self.outbox.tasks.values() {
            if let After::Profile(_, change) = &task.after {
                record.change(change);
            }
        }
        record
    }

    /// A change of the own profile is durable.
    fn profile_stored(&mut self, origin: Origin, change: &ProfileChange) {
        self.me.record.change(change);
        let mention = self.mention();
        for community in self.communities.values_mut() {
            community.mention_as(&mention);
        }
        // Mentions are counted by the name.
        self.views.recount();
        self.views.node_changed();
        let communities: Vec<_> = self.communities.keys().copied().collect();
        for id in communities {
            self.introduce(id);
            self.views.community_changed(id);
        }
        self.announce_presence();
        self.outbox.done(origin, Ok(Reply::Ok { ok: true }));
    }

    pub(crate) fn wall(&self) -> UnixMs {
        self.now.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_their_deadlines() {
        let mut timers = Timers::default();
        let community = CommunityId([1; 32]);
        timers.set(Timer::Sweep(community), MonoMs(20));
        timers.set(Timer::Topics(community), MonoMs(10));
        timers.set_earlier(Timer::Topics(community), MonoMs(15));
        assert_eq!(timers.next(), Some(MonoMs(10)));
        assert_eq!(
            timers.take_due(MonoMs(30)),
            [Timer::Topics(community), Timer::Sweep(community)]
        );
        assert_eq!(timers.next(), None);
    }
}
