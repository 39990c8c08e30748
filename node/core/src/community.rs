//! One community as this node holds it: its logs, keys and what is known of its members' devices.
//!
//! Everything here is local and without effects: the machines around it (`sync`, `gossip`, `epochs`, ..)
//! decide what to send and store. State that is rebuilt from records after a start is marked so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, MonoMs, NetworkKey, ScopeId,
    UnixMs,
};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::authority::{AuthorityLog, State};
use alloquy_schema::body::Body;
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::{self, ContentDocument, Field, Value};
use alloquy_schema::dag::{Dag, InsertError};
use alloquy_schema::epoch::{EpochKey, GossipKey, Wrap};
use alloquy_schema::event::{Kind, SignedEvent, VerifiedEvent};
use alloquy_schema::hash;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions};
use alloquy_schema::timeline::{Changes, Standing, Timeline};

use crate::io::Topic;
use crate::missing::{Asked, Helpers};
use crate::newest::Newest;
use crate::receipts::ReadLogs;
use crate::record::Membership;
use crate::unread::Unread;
use crate::waiting::Waiting;

/// Where an event belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Authority,
    Content,
    Channel(ChannelId),
}

/// Whether the bound on late events of an account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Kept,
    Lifted,
}

/// What an applied event changed.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) place: Place,
    pub(crate) changes: Changes,
}

/// What a device last said of itself.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The device's clock.
    pub(crate) at: UnixMs,
    /// When it was heard here.
    pub(crate) heard: MonoMs,
    /// 0: gone.
    pub(crate) availability: u8,
    pub(crate) status: String,
}

/// A topic that the node takes part in.
#[derive(Clone)]
pub(crate) struct TopicState {
    pub(crate) channel: Option<ChannelId>,
    pub(crate) key: GossipKey,
    /// Set when a newer epoch has its own topic.
    pub(crate) until: Option<MonoMs>,
}

impl std::fmt::Debug for TopicState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicState")
            .field("channel", &self.channel)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// Own logs that a device holds: (scope, incarnation) to height, and up to which height it could read.
pub(crate) type HeldLogs = BTreeMap<(ScopeId, u32), (u64, u64)>;

/// Live events that an account may still send by gossip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    pub(crate) left: u32,
    pub(crate) filled: MonoMs,
}

/// One community.
#[derive(Debug)]
pub(crate) struct Community {
    pub(crate) id: CommunityId,
    pub(crate) authority: AuthorityLog,
    pub(crate) content: ContentDocument,
    /// Every device that was ever brought in, by its network keys, whatever became of it.
    pub(crate) devices: BTreeMap<NetworkKey, (AccountId, DeviceId)>,
    pub(crate) timelines: BTreeMap<ChannelId, Timeline>,
    /// Of channels whose past is still coming: their newest events.
    pub(crate) newest: Newest,
    pub(crate) keys: BTreeMap<EpochId, EpochKey>,
    pub(crate) wraps: BTreeMap<EpochId, Vec<Wrap>>,
    /// Of a blind copy: what it knows of them.
    pub(crate) wrap_trust: crate::home::WrapTrust,
    pub(crate) prekeys: BTreeMap<DeviceId, PrekeyRecord>,
    pub(crate) membership: Membership,
    /// Number of the next row of events.
    pub(crate) next_row: u64,
    pub(crate) row_of: BTreeMap<EventId, u64>,
    pub(crate) rows: BTreeMap<u64, Vec<EventId>>,
    /// Further rows that list an event: what came first, before another body or a signature.
    pub(crate) older_rows: BTreeMap<EventId, BTreeSet<u64>>,
    /// Events whose past is not here.
    pub(crate) waiting: Waiting,
    /// Those of them that wait for the time that they claim.
    pub(crate) held_back: BTreeSet<(UnixMs, EventId)>,
    /// Heights of own logs that other devices hold, and whether they could read them.
    pub(crate) held: BTreeMap<DeviceId, HeldLogs>,
    /// How far others have read logs of this account.
    pub(crate) read_by: BTreeMap<AccountId, ReadLogs>,
    /// Others' messages of each channel in order of arrival.
    pub(crate) arrivals: BTreeMap<ChannelId, Vec<EventId>>,
    /// How many of them were read.
    pub(crate) read: BTreeMap<ChannelId, u64>,
    /// Which of the others are shown, and mention this account.
    pub(crate) unread: Unread,
    /// Messages first seen long after their claimed time.
    pub(crate) arrived_later: BTreeSet<EventId>,
    /// Messages that claim a time after the one at which they came, and that one.
    pub(crate) ahead: BTreeMap<EventId, UnixMs>,
    /// Own events whose storage is not confirmed.
    pub(crate) unstored: BTreeSet<EventId>,
    pub(crate) seen: BTreeMap<DeviceId, Seen>,
    pub(crate) typing: BTreeMap<(ChannelId, AccountId), MonoMs>,
    pub(crate) topics: BTreeMap<Topic, TopicState>,
    /// Whether an operation here sets `since join`, in force or not.
    pub(crate) since_join_ever: bool,
    /// Epochs that this account will not be given: what stands under them is not shown.
    pub(crate) closed: BTreeSet<EpochId>,
    /// Epochs whose key was asked for.
    pub(crate) asked: BTreeMap<EpochId, Asked>,
    /// Who asked for a key that was not here: they are given it when it comes.
    pub(crate) asked_here: BTreeMap<EpochId, BTreeMap<NetworkKey, PrekeyRecord>>,
    /// What faces were told of keys that are missing.
    pub(crate) keys_told: BTreeMap<ChannelId, Helpers>,
    pub(crate) buckets: BTreeMap<AccountId, Bucket>,
    /// Peers that showed a proof of membership and are not members in this view yet.
    pub(crate) provisional: BTreeSet<NetworkKey>,
    /// Connected strangers that showed an admission which leads through somebody who was removed, and that account.
    pub(crate) outsiders: BTreeMap<NetworkKey, AccountId>,
    /// Deletions, and when the bodies go that they hide.
    pub(crate) deleted: BTreeMap<EventId, UnixMs>,
    /// Bodies that a deletion took and whose rows may not have been written again before the last end.
    pub(crate) to_drop: Vec<EventId>,
    /// Newcomers that wait to be let in, and those that were not.
    pub(crate) requests: BTreeMap<AccountId, crate::join::Request>,
    /// Oldest first.
    pub(crate) refused: VecDeque<AccountId>,
    /// Own events wait for their past after a start.
    pub(crate) gap_in_own_log: bool,
    /// What was last written of the own profile: name and about text.
    pub(crate) introduced: Option<(String, String)>,
    /// The own profile is to be written when a peer has shown where own logs stand.
    pub(crate) introduction_waits: bool,
    /// The identity log with which the other side of a conversation of two brought it here since the start.
    pub(crate) brought: Vec<SignedEvent>,
    /// Since when the own name waits for an epoch.
    pub(crate) keyless_since: Option<MonoMs>,
    /// Names are written again though they are in force: there are newcomers that were not given them.
    pub(crate) introduce_anew: bool,
    /// Until when the first write after the start waits at the latest, once one has been asked for.
    pub(crate) first_write_by: Option<MonoMs>,
    /// Members at the last look.
    pub(crate) known_members: BTreeSet<AccountId>,
    /// This device.
    pub(crate) own_device: DeviceId,
    /// Whether this account was a member at the last look.
    pub(crate) active: bool,
    /// Home nodes of members, by network key: whose each is.
    pub(crate) homes: BTreeMap<NetworkKey, Vec<(AccountId, DeviceId)>>,
    /// Set if this node holds the community blind: it is no member, and has no keys.
    pub(crate) blind: Option<crate::home::Blind>,
    /// Home nodes, and events of which they have given wrong ciphertexts.
    pub(crate) wrong_at: BTreeSet<(NetworkKey, EventId)>,
    /// Whether own logs were written to since the start, or are new: no peer can know more of them.
    pub(crate) own_logs_checked: bool,
}

impl Community {
    pub(crate) fn new(
        authority: AuthorityLog,
        membership: Membership,
        own_device: DeviceId,
    ) -> Self {
        let id = authority.community();
        Self {
            id,
            content: ContentDocument::new(id),
            devices: BTreeMap::new(),
            authority,
            timelines: BTreeMap::new(),
            newest: Newest::default(),
            keys: BTreeMap::new(),
            wraps: BTreeMap::new(),
            wrap_trust: crate::home::WrapTrust::default(),
            prekeys: BTreeMap::new(),
            membership,
            next_row: 0,
            row_of: BTreeMap::new(),
            rows: BTreeMap::new(),
            older_rows: BTreeMap::new(),
            waiting: Waiting::default(),
            held_back: BTreeSet::new(),
            held: BTreeMap::new(),
            read_by: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            read: BTreeMap::new(),
            unread: Unread::default(),
            arrived_later: BTreeSet::new(),
            ahead: BTreeMap::new(),
            unstored: BTreeSet::new(),
            seen: BTreeMap::new(),
            typing: BTreeMap::new(),
            topics: BTreeMap::new(),
            since_join_ever: false,
            closed: BTreeSet::new(),
            asked: BTreeMap::new(),
            asked_here: BTreeMap::new(),
            keys_told: BTreeMap::new(),
            buckets: BTreeMap::new(),
            provisional: BTreeSet::new(),
            outsiders: BTreeMap::new(),
            deleted: BTreeMap::new(),
            to_drop: Vec::new(),
            requests: BTreeMap::new(),
            refused: VecDeque::new(),
            gap_in_own_log: false,
            introduced: None,
            introduction_waits: false,
            brought: Vec::new(),
            keyless_since: None,
            introduce_anew: false,
            first_write_by: None,
            known_members: BTreeSet::new(),
            own_device,
            active: false,
            homes: BTreeMap::new(),
            blind: None,
            wrong_at: BTreeSet::new(),
            own_logs_checked: false,
        }
        .with_devices_indexed()
    }

    fn with_devices_indexed(mut self) -> Self {
        let ids: Vec<_> = self.authority.dag().iter().map(VerifiedEvent::id).collect();
        for id in ids {
            self.index_devices(id);
        }
        self.index_homes();
        self
    }

    fn index_devices(&mut self, id: EventId) {
        self.since_join_ever |= match self.authority.op(id) {
            Some(AuthorityOp::Genesis(genesis)) => genesis.history == HistoryPolicy::SinceJoin,
            Some(AuthorityOp::SetHistory { policy, .. }) => *policy == HistoryPolicy::SinceJoin,
            _ => false,
        };
        let Some(shown) = self.authority.embedded_in(id) else {
            return;
        };
        let identity = shown.identity().clone();
        let prekey = match self.authority.op(id) {
            Some(AuthorityOp::Admit(join)) => Some(&join.prekey),
            Some(AuthorityOp::Add { prekey, .. }) => Some(prekey),
            _ => None,
        };
        if let Some(prekey) = prekey.cloned() {
            let newer = self
                .prekeys
                .get(&prekey.device)
                .is_none_or(|held| held.counter < prekey.counter);
            if newer {
                self.prekeys.insert(prekey.device, prekey);
            }
        }
        for (device, keys) in identity.devices {
            for key in keys {
                self.devices.insert(key, (identity.account, device));
            }
        }
    }

    /// Whether `@everyone` in a message mentions everybody: in conversations anybody's does, as there are no roles.
    pub(crate) fn calls_all(&self, message: &alloquy_schema::timeline::Message) -> bool {
        message.calls_all || self.kind() != CommunityKind::Community
    }

    pub(crate) fn kind(&self) -> CommunityKind {
        self.state().kind
    }

    pub(crate) fn state(&self) -> std::sync::Arc<State> {
        self.authority.state()
    }

    /// Where events of this scope belong; `None` while the channel's operation is not held.
    pub(crate) fn place(&self, scope: ScopeId, event: EventId) -> Option<Place> {
        if scope == ScopeId::from(self.id)
            || (scope == ScopeId::ZERO && event == EventId::from(self.id))
        {
            return Some(Place::Authority);
        }
        if scope == content::scope(self.id) {
            return Some(Place::Content);
        }
        let channel = ChannelId(scope.0);
        let made = matches!(
            self.authority.op(EventId(scope.0)),
            Some(AuthorityOp::ChannelCreate { .. })
        );
        let implied =
            || self.kind() != CommunityKind::Community && channel == direct::channel(self.id);
        (made || implied()).then_some(Place::Channel(channel))
    }

    /// Whether somebody is known to have written something in a place that is not here: an event waits for its past, or a
    /// member's device signed one that did so in vain.
    pub(crate) fn knows_of_more(&self, place: Place) -> bool {
        let scope = self.scope(place);
        let state = self.state();
        let lacking = |(device, event): (DeviceId, EventId)| {
            let held = self.dag(place).is_some_and(|dag| dag.contains(event));
            !held && state.account_of(device).is_some()
        };
        self.waiting.holds_scope(scope) || self.waiting.in_vain(scope).any(lacking)
    }

    /// Scopes in which something may be written.
    pub(crate) fn scopes(&self) -> BTreeSet<ScopeId> {
        let state = self.state();
        let made = state.channels.keys().chain(self.timelines.keys());
        let channels = made.map(|channel| ScopeId::from(*channel));
        let others = [Place::Authority, Place::Content].map(|place| self.scope(place));
        channels.chain(others).collect()
    }

    /// The scope of a place.
    pub(crate) fn scope(&self, place: Place) -> ScopeId {
        match place {
            Place::Authority => self.id.into(),
            Place::Content => content::scope(self.id),
            Place::Channel(channel) => channel.into(),
        }
    }

    /// The graph of a place; `None` for a channel without an event yet.
    pub(crate) fn dag(&self, place: Place) -> Option<&Dag> {
        match place {
            Place::Authority => Some(self.authority.dag()),
            Place::Content => Some(self.content.dag()),
            Place::Channel(channel) => self.timelines.get(&channel).map(Timeline::dag),
        }
    }

    /// The epoch scope (private channel, or the community) that events of a place are sealed under.
    pub(crate) fn key_channel(&self, place: Place) -> Option<ChannelId> {
        match place {
            Place::Channel(channel) => self
                .state()
                .channels
                .get(&channel)
                .is_some_and(|channel| channel.private)
                .then_some(channel),
            Place::Authority | Place::Content => None,
        }
    }

    /// The plaintext of a sealed body, if its key is held and it matches.
    pub(crate) fn open(&self, event: &VerifiedEvent) -> Option<Vec<u8>> {
        let header = event.header();
        self.keys
            .get(&header.epoch)?
            .secret()
            .open_body(header, event.body()?)
    }

    /// Applies an event whose past is held. `plaintext`: as a range brought it.
    pub(crate) fn apply(
        &mut self,
        event: &VerifiedEvent,
        plaintext: Option<&[u8]>,
    ) -> Result<Applied, InsertError> {
        self.apply_as(event, plaintext, Bound::Kept)
    }

    /// The same for an event that somebody else's waits for: the bound on late events does not apply.
    pub(crate) fn apply_wanted(
        &mut self,
        event: &VerifiedEvent,
        plaintext: Option<&[u8]>,
    ) -> Result<Applied, InsertError> {
        self.apply_as(event, plaintext, Bound::Lifted)
    }

    fn apply_as(
        &mut self,
        event: &VerifiedEvent,
        plaintext: Option<&[u8]>,
        bound: Bound,
    ) -> Result<Applied, InsertError> {
        let header = event.header();
        let place = self
            .place(header.scope, event.id())
            .ok_or_else(|| InsertError::MissingParents(vec![EventId(header.scope.0)]))?;
        let body = (header.kind == Kind::Sealed)
            .then(|| plaintext.map(<[u8]>::to_vec).or_else(|| self.open(event)))
            .flatten()
            .and_then(|bytes| Body::from_bytes(&bytes).ok());
        let changes = match place {
            Place::Authority => {
                self.authority.insert(event.clone())?;
                self.index_devices(event.id());
                Changes::default()
            }
            Place::Content => {
                let ops = body.map(|body| match body {
                    Body::Content(ops) => ops,
                    _ => Vec::new(),
                });
                match bound {
                    Bound::Kept => self.content.insert(event.clone(), ops, &self.authority)?,
                    Bound::Lifted => {
                        self.content
                            .insert_wanted(event.clone(), ops, &self.authority)?
                    }
                };
                Changes::default()
            }
            Place::Channel(channel) => {
                let timeline = self
                    .timelines
                    .entry(channel)
                    .or_insert_with(|| Timeline::new(channel).closed_to(&self.closed));
                match bound {
                    Bound::Kept => timeline.insert(event.clone(), body, &self.authority)?,
                    Bound::Lifted => {
                        timeline.insert_wanted(event.clone(), body, &self.authority)?
                    }
                }
            }
        };
        Ok(Applied { place, changes })
    }

    /// Drops a carried body that is not the committed one: it is missing from now on.
    pub(crate) fn forget_body(&mut self, place: Place, id: EventId) {
        match place {
            Place::Authority => {}
            Place::Content => self.content.forget_body(id),
            Place::Channel(channel) => {
                if let Some(timeline) = self.timelines.get_mut(&channel) {
                    timeline.forget_body(id);
                }
            }
        }
    }

    /// Gives a missing body to the event that waits for it, if its key is held now.
    pub(crate) fn supply_body(&mut self, place: Place, id: EventId) -> Option<Changes> {
        let event = self.dag(place)?.get(id)?.clone();
        let body = Body::from_bytes(&self.open(&event)?).ok()?;
        match (place, body) {
            (Place::Content, Body::Content(ops)) => {
                self.content.set_body(id, ops, &self.authority);
                Some(Changes::default())
            }
            (Place::Channel(channel), body) => Some(self.timelines.get_mut(&channel)?.set_body(
                id,
                body,
                &self.authority,
            )),
            _ => None,
        }
    }

    /// Places whose scopes both sides may view, authority apart, in the order of their scopes. A side is an
    /// account, or the accounts whose home node it is: then it may view what one of them may.
    pub(crate) fn shared_places(&self, sides: [&[AccountId]; 2]) -> Vec<(ScopeId, Place)> {
        let state = self.state();
        let may = |account: &AccountId, channel: &ChannelId| {
            state
                .permissions(*account, Some(*channel))
                .has(Permissions::VIEW)
        };
        let viewable = |channel: &ChannelId| {
            let mut sides = sides.iter();
            sides.all(|side| side.iter().any(|account| may(account, channel)))
        };
        let channels = state
            .channels
            .keys()
            .filter(|channel| viewable(channel))
            .map(|channel| Place::Channel(*channel));
        let mut places: Vec<_> = channels
            .chain([Place::Content])
            .map(|place| (self.scope(place), place))
            .collect();
        places.sort();
        places
    }

    /// Digest of a scope over counting events.
    pub(crate) fn scope_digest(&self, place: Place) -> [u8; 32] {
        match place {
            Place::Authority => authority_digest(self.authority.dag()),
            Place::Content => self.content.digest(),
            Place::Channel(channel) => self
                .timelines
                .get(&channel)
                .map_or([0; 32], Timeline::digest),
        }
    }

    /// The account and device behind a network key, whatever became of its membership.
    pub(crate) fn device_of(&self, key: NetworkKey) -> Option<(AccountId, DeviceId)> {
        self.devices.get(&key).copied()
    }

    /// The account behind a network key, if it is a member whose device may act.
    pub(crate) fn member_of(&self, key: NetworkKey) -> Option<(AccountId, DeviceId)> {
        let (account, device) = self.device_of(key)?;
        (self.state().account_of(device) == Some(account)).then_some((account, device))
    }

    /// Whether the account is a member and this device came in with it: one that was revoked keeps what it has.
    pub(crate) fn is_mine(&self, account: AccountId) -> bool {
        let state = self.state();
        state.is_member(account) && state.account_ever(self.own_device) == Some(account)
    }

    /// The community's name, empty until its content is here.
    pub(crate) fn name(&self) -> String {
        self.text(&Field::Name)
    }

    /// A text field of the content, empty if unset.
    pub(crate) fn text(&self, field: &Field) -> String {
        match self.content.get(field) {
            Some(Value::Text(text)) => text,
            _ => String::new(),
        }
    }

    /// A member's display name: what it calls itself, else what it was introduced as, else the start of its id.
    pub(crate) fn member_name(&self, account: AccountId) -> String {
        self.given_name(account).unwrap_or_else(|| account.short())
    }

    /// The name that a member was given, if it is known.
    pub(crate) fn given_name(&self, account: AccountId) -> Option<String> {
        let names = [Field::MemberName(account), Field::IntroducedName(account)];
        names
            .iter()
            .map(|field| self.text(field))
            .find(|name| !name.is_empty())
    }

    /// The one account that had this name here and is no member any more.
    pub(crate) fn former_named(&self, name: &str) -> Option<AccountId> {
        let state = self.state();
        let ever: BTreeSet<_> = self.devices.values().map(|(account, _)| *account).collect();
        let mut former = ever
            .into_iter()
            .filter(|account| !state.is_member(*account))
            .filter(|account| self.given_name(*account).as_deref() == Some(name));
        former.next().filter(|_| former.next().is_none())
    }

    /// Notes a row of events that is in the store.
    pub(crate) fn note_row(&mut self, row: u64, ids: Vec<EventId>) {
        for id in &ids {
            let before = self.row_of.insert(*id, row);
            let stays = |before: &u64| *before != row && self.rows.contains_key(before);
            if let Some(before) = before.filter(stays) {
                self.older_rows.entry(*id).or_default().insert(before);
            }
        }
        self.rows.insert(row, ids);
        self.next_row = self.next_row.max(row + 1);
    }

    /// When an account last wrote into a channel, by its own clock.
    pub(crate) fn last_written(&self, account: AccountId, channel: ChannelId) -> Option<UnixMs> {
        let dag = self.timelines.get(&channel)?.dag();
        let devices = self
            .devices
            .values()
            .filter(|(of, _)| *of == account)
            .map(|(_, device)| *device);
        let logs =
            devices.flat_map(|device| dag.incarnations(device).map(move |log| (device, log)));
        logs.filter_map(|(device, log)| dag.log_head(device, log))
            .map(|event| event.header().wall)
            .max()
    }

    /// Whether an event is not hidden: it was permitted, and no denial that it had not seen limits it.
    pub(crate) fn counts(&self, place: Place, event: EventId) -> bool {
        let standing = match place {
            Place::Authority => return true,
            Place::Content => self.content.standing(event),
            Place::Channel(channel) => self
                .timelines
                .get(&channel)
                .and_then(|timeline| timeline.standing(event)),
        };
        standing == Some(Standing::Counting)
    }

    /// The newest event that counts of the branch of a log which ends in `head`.
    fn last_counting<'a>(
        &self,
        place: Place,
        dag: &'a Dag,
        head: EventId,
    ) -> Option<&'a VerifiedEvent> {
        let mut event = dag.get(head)?;
        while !self.counts(place, event.id()) {
            event = dag.get(event.header().prev)?;
        }
        Some(event)
    }

    /// Last accepted event of each log of an account's devices: what a denial lists. What is hidden already stays so:
    /// to list it would let it count.
    pub(crate) fn accepted_ends(
        &self,
        accounts: &BTreeSet<AccountId>,
        channel: Option<ChannelId>,
    ) -> Vec<EventId> {
        let devices: BTreeSet<DeviceId> = self
            .devices
            .values()
            .filter(|(account, _)| accounts.contains(account))
            .map(|(_, device)| *device)
            .collect();
        self.accepted_ends_of(&devices, channel)
    }

    /// Last accepted event of each log of these devices.
    pub(crate) fn accepted_ends_of(
        &self,
        devices: &BTreeSet<DeviceId>,
        channel: Option<ChannelId>,
    ) -> Vec<EventId> {
        let places = self
            .timelines
            .keys()
            .filter(|held| channel.is_none_or(|channel| channel == **held))
            .map(|channel| Place::Channel(*channel))
            .chain(channel.is_none().then_some(Place::Content));
        let mut ends: Vec<_> = places
            .filter_map(|place| Some((place, self.dag(place)?)))
            .flat_map(|(place, dag)| {
                let heights = dag.heights().into_iter();
                heights.map(move |height| (place, dag, height))
            })
            .filter(|(_, _, height)| devices.contains(&height.device))
            .filter_map(|(place, dag, height)| self.last_counting(place, dag, height.head))
            .map(|event| (std::cmp::Reverse(event.header().lamport), event.id()))
            .collect();
        ends.sort();
        ends.truncate(alloquy_schema::limits::IDS_LISTED_MAX);
        ends.into_iter().map(|(_, id)| id).collect()
    }
}

fn authority_digest(dag: &Dag) -> [u8; 32] {
    let mut bytes = Vec::new();
    for height in dag.heights() {
        bytes.extend_from_slice(&height.head.0);
    }
    hash::derive("alloquy scope digest v1", &[&bytes])
}
