//! Joining by invite, or by asking a member nearby: the newcomer's side and the admitting member's side.
//!
//! Any member that is reachable admits: no admin need be online. Expiry and use count are *admission* rules,
//! judged by the admitting member's clock and view; an `Admit` once made is never undone by another.

mod admission;
mod arriving;
mod introduction;
mod refusal;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::{CommandError, ErrorCode, Event, Reply};
use alloquy_ids::{AccountId, CommunityId, EpochId, EventId, InviteId, MonoMs, NetworkKey};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::body::Body;
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::{ContentOp, Field, Value};
use alloquy_schema::epoch::{self, EpochKey};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::arrive::Bootstrap;
use crate::author::Draft;
use crate::community::{Community, Place};
use crate::ingest::Incoming;
use crate::io::Origin;
use crate::limits::{
    CATCH_UP_BYTES_MAX, COMMUNITIES_MAX, FIRST_WRITE_WAIT_MS, HELD_JOINS_MAX, INVITE_SPREAD_MS,
    JOIN_RETRY_MS, JOIN_TIMEOUT_MS, KEPT_PEERS_MAX, PREKEYS_MAX, REQUEST_EVERY_MS,
    REQUEST_TIMEOUT_MS, STORE_RETRY_MS,
};
use crate::node::{Node, Timer};
use crate::outbox::{After, put};
use crate::record::{Key, Membership, Row, RowEvents};
use crate::take::Arrival;
use crate::wire::link::InviteLink;
use crate::wire::{Frame, Refusal};

use admission::Admission;
use refusal::refusal_error;
pub(crate) use requests::Request;

/// A join under way.
#[derive(Debug)]
pub(crate) struct JoinAttempt {
    /// Clients that wait for it.
    pub(crate) origins: Vec<Origin>,
    way: Way,
    /// Peers that are known to have the community, with their addresses.
    peers: Vec<(NetworkKey, Vec<String>)>,
    /// Peers that spoke of the community without being named by the link: members, it seems.
    met: BTreeSet<NetworkKey>,
    /// Members that were asked.
    asked: BTreeSet<NetworkKey>,
    /// Authority operations that came so far, with the ranges that brought them.
    came: Vec<(Vec<u8>, Vec<Incoming>)>,
    /// Whether a member must let this account in first.
    waiting: bool,
    /// Whether this account is admitted and catching up.
    admitted: bool,
    until: MonoMs,
}

/// Where a join is asked for: what an invite says, or a member nearby.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    community: CommunityId,
    /// The community's name, as it was told.
    name: String,
    /// Members that may be reached, with their addresses as multiaddr text.
    peers: Vec<(NetworkKey, Vec<String>)>,
    /// The invite and the seed of its key.
    invite: Option<(InviteId, [u8; 32])>,
}

impl From<InviteLink> for Door {
    fn from(link: InviteLink) -> Self {
        Self {
            community: link.community,
            name: link.name,
            peers: link.peers,
            invite: Some((link.invite, link.seed)),
        }
    }
}

/// How this device comes in.
#[derive(Debug)]
enum Way {
    /// By an invite.
    Invite(Box<(Door, Join)>),
    /// As a later device of a member: with keys that it knows already.
    Device(Vec<(EpochId, EpochKey)>),
}

/// A newcomer's join that waits until own logs may be written to.
#[derive(Debug)]
pub(crate) struct HeldJoin {
    pub(crate) join: Join,
    pub(crate) name: String,
}

impl JoinAttempt {
    /// Whether the invite names this peer.
    pub(crate) fn names(&self, key: NetworkKey) -> bool {
        self.peers.iter().any(|(peer, _)| *peer == key)
    }

    /// Until when an invite that a member does not know may be one that has not reached it yet.
    fn invite_spreads_until(&self) -> MonoMs {
        MonoMs((self.until.0 + INVITE_SPREAD_MS).saturating_sub(JOIN_TIMEOUT_MS))
    }

    /// Whether it asks members nearby, without an invite.
    fn is_nearby(&self) -> bool {
        self.door().is_some_and(|door| door.invite.is_none())
    }

    /// Where it asks to be let in.
    fn door(&self) -> Option<&Door> {
        match &self.way {
            Way::Invite(invite) => Some(&invite.0),
            Way::Device(_) => None,
        }
    }

    fn new(way: Way, peers: Vec<(NetworkKey, Vec<String>)>, until: MonoMs) -> Self {
        Self {
            origins: Vec::new(),
            way,
            peers,
            met: BTreeSet::new(),
            asked: BTreeSet::new(),
            came: Vec::new(),
            waiting: false,
            admitted: false,
            until,
        }
    }

    /// Peers to connect to.
    pub(crate) fn peers(&self) -> BTreeMap<NetworkKey, Vec<String>> {
        self.peers.iter().cloned().collect()
    }
}

impl<R: CryptoRng> Node<R> {
    /// `join LINK`.
    pub(crate) fn join(&mut self, origin: Origin, text: &str) -> Result<(), CommandError> {
        let link = InviteLink::parse(text)
            .map_err(|error| CommandError::new(ErrorCode::InviteInvalid, error.to_string()))?;
        self.begin_join(origin, Door::from(link))
    }

    /// Asks members nearby to be let into a community, without an invite.
    pub(crate) fn join_nearby(
        &mut self,
        origin: Origin,
        community: CommunityId,
        name: String,
        members: Vec<NetworkKey>,
    ) -> Result<(), CommandError> {
        let of = |key: &NetworkKey| self.book.of.get(key).cloned().unwrap_or_default();
        let peers = members.iter().map(|key| (*key, of(key))).collect();
        let door = Door {
            community,
            name,
            peers,
            invite: None,
        };
        self.begin_join(origin, door)
    }

    fn begin_join(&mut self, origin: Origin, door: Door) -> Result<(), CommandError> {
        let id = door.community;
        // An invite opens more than a question without one.
        let same = |attempt: &JoinAttempt| {
            attempt.door().is_some_and(|held| {
                *held == door || (door.invite.is_none() && held.invite.is_some())
            })
        };
        if self
            .communities
            .get(&id)
            .is_some_and(|community| community.active)
        {
            self.outbox
                .done(origin, Ok(Reply::Community { community: id }));
            return Ok(());
        }
        self.room_for_community()?;
        if let Some(attempt) = self.joins.get_mut(&id).filter(|attempt| same(attempt)) {
            if attempt.waiting {
                self.outbox
                    .done(origin, Ok(Reply::Requested { requested: id }));
                self.join_next(id);
            } else {
                attempt.origins.push(origin);
            }
            return Ok(());
        }
        let key = door.invite;
        let key = key.map(|(invite, seed)| (invite, DeviceKey::from_seed(&seed)));
        let join = Join::sign(
            id,
            key.as_ref().map(|(invite, key)| (*invite, key)),
            self.me.record.chain.clone(),
            &self.me.key,
            self.me.prekey.clone(),
        );
        let until = self.now.mono.plus(JOIN_TIMEOUT_MS);
        // An attempt by another link ends here; who waits for it waits for this one.
        let earlier = self.joins.remove(&id);
        let mut origins = earlier.map(|attempt| attempt.origins).unwrap_or_default();
        origins.push(origin);
        let peers = door.peers.clone();
        let mut attempt = JoinAttempt::new(Way::Invite(Box::new((door, join))), peers, until);
        attempt.origins = origins;
        self.joins.insert(id, attempt);
        self.keep_peers();
        self.join_next(id);
        Ok(())
    }

    /// A community of this account is to be had from these peers: they are asked until one gives it, or so long.
    pub(crate) fn await_arrival(&mut self, id: CommunityId, bootstrap: Bootstrap, until: MonoMs) {
        if self.joins.contains_key(&id) {
            return;
        }
        let Bootstrap { peers, keys } = bootstrap;
        let attempt = JoinAttempt::new(Way::Device(keys), peers, until);
        self.joins.insert(id, attempt);
        self.keep_peers();
        self.join_next(id);
    }

    pub(crate) fn room_for_community(&self) -> Result<(), CommandError> {
        let kinds = self.communities.values().map(Community::kind);
        let joined = kinds
            .filter(|kind| *kind == CommunityKind::Community)
            .count();
        if joined < COMMUNITIES_MAX {
            return Ok(());
        }
        let message = format!("{joined} communities are joined, the limit is {COMMUNITIES_MAX}");
        Err(CommandError::new(ErrorCode::Limit, message))
    }

    pub(crate) fn join_peer_up(&mut self, id: CommunityId, key: NetworkKey) {
        let Some(attempt) = self.joins.get_mut(&id) else {
            return;
        };
        if attempt.names(key) && !attempt.admitted {
            attempt.asked.remove(&key);
            self.join_next(id);
        }
    }

    /// Asks the next connected member; after all were asked, begins again.
    pub(crate) fn join_next(&mut self, id: CommunityId) {
        let mono = self.now.mono;
        let name = self.me.record.name.clone();
        let Some(attempt) = self.joins.get_mut(&id) else {
            return;
        };
        if attempt.until <= mono {
            let message = match attempt.waiting {
                true => "nobody has let this account in",
                false if attempt.is_nearby() => "no member nearby answered",
                false => "no member that the invite names answered",
            };
            return self.join_failed(id, CommandError::new(ErrorCode::Timeout, message));
        }
        if attempt.admitted {
            if matches!(attempt.way, Way::Invite(_)) {
                self.timers.set(Timer::Join(id), attempt.until);
            }
            return;
        }
        let connected: Vec<_> = attempt
            .peers
            .iter()
            .map(|(key, _)| *key)
            .chain(attempt.met.iter().copied())
            .filter(|key| self.peers.contains_key(key))
            .collect();
        let waiting = attempt.waiting;
        let next = connected
            .iter()
            .copied()
            .find(|key| !attempt.asked.contains(key));
        match next {
            Some(key) => {
                attempt.asked.insert(key);
                let join = match &attempt.way {
                    Way::Invite(invite) => Some(Box::new(invite.1.clone())),
                    Way::Device(_) => None,
                };
                let frame = match join {
                    Some(join) => Frame::JoinRequest { join, name },
                    None => self.arrive_frame(id, false),
                };
                self.outbox.send(key, &frame);
            }
            None => attempt.asked.clear(),
        }
        let again = match waiting {
            true => REQUEST_EVERY_MS,
            false => JOIN_RETRY_MS,
        };
        self.timers.set(Timer::Join(id), mono.plus(again));
    }

    /// A peer speaks of a community that is being joined: those whom the link names may all have left it.
    pub(crate) fn join_met(&mut self, id: CommunityId, from: NetworkKey) {
        if let Some(attempt) = self.joins.get_mut(&id)
            && !attempt.names(from)
            && attempt.met.len() < KEPT_PEERS_MAX
        {
            attempt.met.insert(from);
        }
    }

    /// This account was removed before the join was complete: it is asked again, and told if it is banned.
    pub(crate) fn join_undone(&mut self, id: CommunityId) {
        if let Some(attempt) = self.joins.get_mut(&id) {
            attempt.admitted = false;
            attempt.asked.clear();
            self.join_next(id);
        }
    }

    fn join_failed(&mut self, id: CommunityId, error: CommandError) {
        let Some(attempt) = self.joins.remove(&id) else {
            return;
        };
        self.timers.clear(Timer::Join(id));
        self.give_up_by_words(id, &attempt);
        for origin in attempt.origins {
            self.outbox.done(origin, Err(error.clone()));
        }
        if attempt.waiting {
            self.outbox.tell(Event::JoinRefused {
                community: id,
                message: error.message,
            });
            self.views.node_changed();
        }
        self.keep_peers();
    }

    pub(crate) fn join_refused(&mut self, from: NetworkKey, id: CommunityId, refusal: Refusal) {
        let Some(attempt) = self.joins.get_mut(&id) else {
            return;
        };
        if !attempt.asked.contains(&from) {
            return;
        }
        match refusal {
            Refusal::Waiting => return self.join_waits(id),
            Refusal::NotLetIn => return self.join_failed(id, refusal_error(refusal)),
            _ => {}
        }
        // Another member may know more (an invite that has not reached this one) or have room.
        let connected = |key: &NetworkKey| self.peers.contains_key(key);
        let mut peers = attempt.peers.iter().map(|(key, _)| key);
        let others = peers.any(|key| connected(key) && !attempt.asked.contains(key));
        if others {
            self.join_next(id);
        } else if refusal == Refusal::Invalid && attempt.is_nearby() {
            let message = "the community lets in by invite only: ask a member for a link";
            self.join_failed(id, CommandError::new(ErrorCode::NotPermitted, message));
        } else if refusal == Refusal::Invalid && self.now.mono < attempt.invite_spreads_until() {
            // A link that has just been made: who was asked may hear of its invite only now.
            attempt.asked.clear();
        } else if refusal != Refusal::Busy {
            self.join_failed(id, refusal_error(refusal));
        }
    }

    /// A member must let this account in first: whoever waits for the join is told, and it goes on.
    fn join_waits(&mut self, id: CommunityId) {
        let until = self.now.mono.plus(REQUEST_TIMEOUT_MS);
        let again = self.now.mono.plus(REQUEST_EVERY_MS);
        let Some(attempt) = self.joins.get_mut(&id).filter(|attempt| !attempt.admitted) else {
            return;
        };
        if !attempt.waiting {
            attempt.waiting = true;
            attempt.until = until;
        }
        for origin in std::mem::take(&mut attempt.origins) {
            self.outbox
                .done(origin, Ok(Reply::Requested { requested: id }));
        }
        self.timers.set(Timer::Join(id), again);
        self.views.node_changed();
    }

    /// A stranger asks to be admitted, or a member tells of one that asked it.
    pub(crate) fn join_requested(&mut self, from: NetworkKey, join: &Join, name: &str) {
        let id = join.community;
        let teller = self.communities.get(&id);
        let teller = teller.and_then(|community| community.member_of(from));
        if teller.is_some_and(|(account, _)| account != join.account) {
            return self.request_passed(from, join, name);
        }
        match self.admission(from, join) {
            None => {}
            Some(Err(refusal)) => self.outbox.send(
                from,
                &Frame::JoinRefused {
                    community: id,
                    refusal,
                },
            ),
            // An admission that is not durable yet is nobody's to see: the welcome follows it.
            Some(Ok(Admission::Member)) if self.is_admission_unstored(join) => {}
            Some(Ok(Admission::Member)) => self.welcome(from, id),
            Some(Ok(Admission::Ask)) => self.asked_to_let_in(from, join, name),
            Some(Ok(Admission::Admit)) if self.first_write_waits(id) => {
                self.hold_join(from, join.clone(), name.to_owned());
            }
            Some(Ok(Admission::Admit)) => {
                self.admit(Some(from), (join, name), None);
            }
        }
    }

    /// Whether the admission of this account was written here and the store has not taken it yet.
    fn is_admission_unstored(&self, join: &Join) -> bool {
        self.communities
            .get(&join.community)
            .is_some_and(|community| {
                let op = |event: &EventId| community.authority.op(*event);
                let mut unstored = community.unstored.iter().filter_map(op);
                unstored
                    .any(|op| matches!(op, AuthorityOp::Admit(of) if of.account == join.account))
            })
    }

    /// Keeps a join until own logs may be written to.
    fn hold_join(&mut self, from: NetworkKey, join: Join, name: String) {
        if self.held_joins.len() < HELD_JOINS_MAX || self.held_joins.contains_key(&from) {
            self.held_joins.insert(from, HeldJoin { join, name });
            let at = self.now.mono.plus(FIRST_WRITE_WAIT_MS);
            self.timers.set_earlier(Timer::Deferred, at);
        }
    }

    /// Lets a newcomer in, under the name that it gave; answers a command if one asked for it.
    fn admit(
        &mut self,
        from: Option<NetworkKey>,
        (join, name): (&Join, &str),
        origin: Option<Origin>,
    ) -> Option<EventId> {
        let id = join.community;
        let mut drafts = vec![Draft::Op(AuthorityOp::Admit(join.clone()))];
        let known = self.communities.get(&id).is_some_and(|community| {
            community.writing_epoch(None).is_some()
                && !community.text(&Field::MemberName(join.account)).is_empty()
        });
        let writable = self
            .communities
            .get(&id)
            .is_some_and(|community| community.writing_epoch(None).is_some());
        if writable && !known && crate::command::check_name("name", name).is_ok() {
            // The newcomer has no key yet: whoever admits it says its name, so that it is known at once.
            let field = Field::IntroducedName(join.account);
            let op = ContentOp::Set {
                field,
                value: Value::Text(name.to_owned()),
            };
            drafts.push(Draft::Content(Body::Content(vec![op])));
        }
        // Heads of the authority log may have been joined before.
        let place = |ids: &[EventId]| ids.get(ids.len().checked_sub(drafts.len())?).copied();
        let ids = self.write(id, &drafts, |ids| {
            let operation = place(ids)?;
            Some((origin?, Reply::Operation { operation }))
        });
        let community = self.communities.get(&id)?;
        let is_admit =
            |event: &EventId| matches!(community.authority.op(*event), Some(AuthorityOp::Admit(_)));
        let admit = ids.into_iter().find(is_admit)?;
        if let Some(from) = from {
            self.welcomes.insert(admit, from);
        }
        Some(admit)
    }

    /// Gives an admitted newcomer what it needs to begin: authority, prekeys, keys.
    pub(crate) fn welcome(&mut self, to: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some((account, _)) = community.device_of(to) else {
            return;
        };
        self.send_authority(to, id, account);
        self.give_current_keys(to, id);
        self.open_session(to, id);
        // The session may have begun when the admission was applied, before the newcomer could understand it.
        self.compare(to, id);
        self.send_signal_to(to, id);
    }

    /// Gives the whole authority log, and prekeys.
    pub(crate) fn send_authority(&mut self, to: NetworkKey, id: CommunityId, account: AccountId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let mut events: Vec<_> = community.authority.dag().iter().cloned().collect();
        events.sort_by_key(alloquy_schema::event::VerifiedEvent::order_key);
        let ranges: Vec<_> = community
            .pack_for_member(account, id.into(), &events)
            .iter()
            .map(Canonical::to_bytes)
            .collect();
        let prekeys: Vec<_> = community
            .prekeys
            .values()
            .cloned()
            .chain([self.me.prekey.clone()])
            .take(PREKEYS_MAX)
            .collect();
        let mut frames: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
        let mut bytes = 0;
        for range in ranges {
            if bytes + range.len() > CATCH_UP_BYTES_MAX && bytes > 0 {
                frames.push(Vec::new());
                bytes = 0;
            }
            bytes += range.len();
            frames
                .last_mut()
                .expect("there is a frame from the start")
                .push(range);
        }
        let last = frames.len();
        for (at, ranges) in frames.into_iter().enumerate() {
            let more = at + 1 < last;
            self.outbox.send(
                to,
                &Frame::Ranges {
                    community: id,
                    ranges,
                    more,
                },
            );
        }
        self.outbox.send(
            to,
            &Frame::Prekeys {
                community: id,
                records: prekeys,
            },
        );
    }

    /// Wraps the epochs that a writer would choose now for one connected member.
    fn give_current_keys(&mut self, to: NetworkKey, id: CommunityId) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        let Some((account, device)) = community.member_of(to) else {
            return;
        };
        let Some(prekey) = community.prekeys.get(&device).cloned() else {
            return;
        };
        let state = community.state();
        let scopes: BTreeSet<_> = state.epochs.values().map(|epoch| epoch.channel).collect();
        let mut frames = Vec::new();
        for channel in scopes {
            let Some(epoch) = community
                .writing_epoch(channel)
                .filter(|epoch| community.may_be_given(account, *epoch))
            else {
                continue;
            };
            let Some(key) = community.keys.get(&epoch) else {
                continue;
            };
            let shared = community.share(account, (epoch, key), channel);
            let wraps = vec![epoch::wrap(epoch, &shared, &prekey.key, &mut self.rng)];
            frames.push(Frame::Keys {
                community: id,
                epoch,
                wraps,
            });
        }
        for frame in frames {
            self.outbox.send(to, &frame);
        }
    }

    /// The authority log came from a member that was asked.
    pub(crate) fn join_ranges(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        ranges: &[Vec<u8>],
        more: bool,
    ) {
        if !self
            .joins
            .get(&id)
            .is_some_and(|attempt| attempt.asked.contains(&from))
        {
            return;
        }
        for bytes in ranges {
            let Some(incoming) = self.verify_range(from, id, bytes) else {
                return;
            };
            if let Some(attempt) = self.joins.get_mut(&id) {
                attempt.came.push((bytes.clone(), incoming));
            }
        }
        if !more {
            self.enter(from, id);
        }
    }

    /// Begins a community with the authority log that a member gave, if it admits this account.
    pub(crate) fn begin_from(
        &mut self,
        from: NetworkKey,
        id: CommunityId,
        came: Vec<(Vec<u8>, Vec<Incoming>)>,
    ) {
        let genesis = came
            .iter()
            .flat_map(|(_, events)| events)
            .find(|(event, _)| event.id() == EventId::from(id));
        let begun = |(event, _): &Incoming| {
            AuthorityLog::with(event.clone(), Arc::clone(&self.me.signatures)).ok()
        };
        let Some(authority) = genesis.and_then(begun) else {
            return self
                .outbox
                .penalize(from, "a welcome without the community's genesis");
        };
        let mut membership = Membership {
            incarnation: self.rng.next_u32(),
            joined: self.now.wall,
        };
        let mut community = Community::new(authority, membership.clone(), self.me.device());
        let events: Vec<_> = came
            .iter()
            .flat_map(|(_, events)| events.iter().cloned())
            .collect();
        let arrival = Arrival {
            from: Some(from),
            at: self.now.mono,
            wall: Some(self.now.wall),
        };
        let batch = community.take(events, arrival);
        let state = community.state();
        let Some(member) = state.members.get(&self.me.account()) else {
            return self
                .outbox
                .penalize(from, "a welcome that does not admit this account");
        };
        if state.kind == CommunityKind::Group {
            // Whoever was added was in from then on: what came since is unread.
            let added = community.authority.dag().get(member.admitted);
            membership.joined = added.map_or(membership.joined, |event| event.header().wall);
            community.membership = membership.clone();
        }
        let mut writes = vec![put(&Key::Community(id), &membership)];
        for (number, (bytes, events)) in (0..).zip(came) {
            community.note_row(number, events.iter().map(|(event, _)| event.id()).collect());
            let events = RowEvents::Ranges(vec![bytes]);
            let row = Row {
                arrived: self.now.wall,
                events,
            };
            writes.push(put(&Key::Events(id, number), &row));
        }
        // A log that begins now is nobody's yet.
        community.own_logs_checked = true;
        self.communities.insert(id, community);
        self.outbox.store(writes, After::Nothing);
        self.after_apply(id, &batch.new);
        self.forget_waiting(id, &batch.dropped);
    }

    /// All of the authority log is here: the community begins.
    fn enter(&mut self, from: NetworkKey, id: CommunityId) {
        let Some(attempt) = self.joins.get_mut(&id) else {
            return;
        };
        let came = std::mem::take(&mut attempt.came);
        if !self.communities.contains_key(&id) {
            self.begin_from(from, id, came);
            if !self.communities.contains_key(&id) {
                return;
            }
        } else {
            for (bytes, incoming) in came {
                self.ingest(id, incoming, Some(RowEvents::Ranges(vec![bytes])), from);
            }
            let joined = self.now.wall;
            let Some(community) = self.communities.get_mut(&id) else {
                return;
            };
            if !community.active {
                // The admission did not hold: whoever gave it did not know of this account's leave, say, and
                // has heard of it by now. It is asked again in its turn.
                return;
            }
            community.membership.joined = joined;
            let write = put(&Key::Community(id), &community.membership);
            self.outbox.store(vec![write], After::Nothing);
        }
        let me = self.me.account();
        let held = self.communities.get(&id);
        let member = held.is_some_and(|community| community.state().is_member(me));
        let (mut keys, mut brought) = (Vec::new(), false);
        if let Some(attempt) = self.joins.get_mut(&id).filter(|_| member) {
            attempt.admitted = true;
            if let Way::Device(known) = &mut attempt.way {
                keys = std::mem::take(known);
                brought = self.bring_in_own(id);
            }
        }
        for (epoch, key) in keys {
            self.take_key(id, epoch, key);
        }
        self.open_session(from, id);
        if brought {
            // The session may have begun before: the home node has not been shown that this device is in.
            self.prove(from, id);
        }
        self.ask_for(id, &[Place::Content], from);
    }

    /// Everything that a connected member holds is here: the join is complete.
    pub(crate) fn join_caught_up(&mut self, id: CommunityId) {
        let ready = self.communities.get(&id).is_some_and(|community| {
            let named = community.kind() == CommunityKind::Direct || !community.name().is_empty();
            community.active && named
        });
        let arrives = self.joins.get(&id);
        let arrives = arrives.is_some_and(|attempt| matches!(attempt.way, Way::Device(_)));
        let held = self.communities.get(&id);
        let here = arrives && held.is_some_and(|held| held.active);
        if !ready && !here {
            return;
        }
        if arrives {
            self.arrived(id);
        }
        self.introduce(id);
        let Some(attempt) = self.joins.remove(&id) else {
            return;
        };
        self.timers.clear(Timer::Join(id));
        self.views.node_changed();
        if matches!(attempt.way, Way::Device(_)) {
            self.told_members(attempt.peers);
        }
        self.joined.entry(id).or_default().extend(attempt.origins);
        self.retry_unwritten();
        self.store_join(id);
        self.keep_peers();
    }

    /// Writes a community's record once more, behind everything that came before: tasks end in order.
    pub(crate) fn store_join(&mut self, id: CommunityId) {
        if let Some(community) = self.communities.get(&id) {
            let write = put(&Key::Community(id), &community.membership);
            self.outbox.store(vec![write], After::Joined(id));
        }
    }

    /// Whoever joined hears of it when a crash can not undo it: nothing that the store refused is left to write.
    pub(crate) fn join_stored(&mut self, id: CommunityId) {
        let retries = |task: &crate::outbox::Task| matches!(task.after, After::Confirm(_));
        if self.unwritten.len() > 0 || self.outbox.tasks.values().any(retries) {
            self.unstored_joins.insert(id);
            let at = self.now.mono.plus(STORE_RETRY_MS);
            return self.timers.set_earlier(Timer::Unwritten, at);
        }
        for origin in self.joined.remove(&id).unwrap_or_default() {
            self.outbox
                .done(origin, Ok(Reply::Community { community: id }));
        }
    }
}
