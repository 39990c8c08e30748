//! Own events: from a draft to a signed, sealed, applied and stored event; public only when durable (I8).

use std::collections::BTreeMap;

use alloquy_api::{Event, Reply};
use alloquy_ids::{ChannelId, CommunityId, EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::body::Body;
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, pad};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::limits::{AUTH_HEADS_MAX, DEPS_MAX};
use alloquy_schema::timeline::Deletion;
use rand_core::CryptoRng;

use crate::community::{Applied, Community, Place};
use crate::io::{Origin, Write};
use crate::node::{Me, Node};
use crate::outbox::{After, Own, put};
use crate::record::{Key, Row, RowEvents};
use crate::unwritten::Acks;

/// AEAD tag of a sealed body.
const TAG_BYTES: usize = 16;

/// Something that this device is about to write.
#[expect(
    clippy::large_enum_variant,
    reason = "drafts live for one call; boxes would only add noise"
)]
#[derive(Clone, Debug)]
pub(crate) enum Draft {
    Op(AuthorityOp),
    Content(Body),
    Message(ChannelId, Body),
    Delete(ChannelId, Vec<EventId>),
    Hide(ChannelId, Deletion),
}

impl Draft {
    const fn place(&self) -> Place {
        match self {
            Self::Op(_) => Place::Authority,
            Self::Content(_) => Place::Content,
            Self::Message(channel, _) | Self::Delete(channel, _) | Self::Hide(channel, _) => {
                Place::Channel(*channel)
            }
        }
    }
}

/// Signs a clear event.
fn sign_clear(me: &Me, mut header: Header, body: Vec<u8>) -> SignedEvent {
    header.body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    header.body_commit = clear_commit(&body);
    SignedEvent::sign(header, body, &me.key)
}

/// Signs a sealed event.
fn sign_sealed(
    me: &Me,
    mut header: Header,
    epoch: EpochId,
    key: &EpochKey,
    plaintext: &[u8],
) -> SignedEvent {
    let secret = key.secret();
    let padded = pad(plaintext);
    header.epoch = epoch;
    header.body_len = u32::try_from(padded.len() + TAG_BYTES).unwrap_or(u32::MAX);
    header.body_commit = secret.body_commit(&header.log(), header.seq, &padded);
    let ciphertext = secret.seal_body(&header, &padded);
    SignedEvent::sign(header, ciphertext, &me.key)
}

/// The genesis of a community, whose scope is zero.
pub(crate) fn sign_genesis(
    me: &Me,
    op: &AuthorityOp,
    incarnation: u32,
    wall: UnixMs,
) -> SignedEvent {
    let header = Header {
        kind: Kind::Authority,
        scope: ScopeId::ZERO,
        device: me.device(),
        incarnation,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall,
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: [0; 32],
    };
    sign_clear(me, header, op.to_bytes())
}

/// The header of this device's next event at a place, its past filled in.
fn next_header(me: &Me, community: &Community, place: Place, kind: Kind, wall: UnixMs) -> Header {
    let dag = community.dag(place);
    let device = me.device();
    let incarnation = community.membership.incarnation;
    let last = dag.and_then(|dag| dag.log_head(device, incarnation));
    let prev = last.map_or(EventId::ZERO, VerifiedEvent::id);
    let heads = match place {
        Place::Authority => community.authority.dag().heads_newest_first(),
        Place::Content => community.content.counting_heads(),
        Place::Channel(channel) => community
            .timelines
            .get(&channel)
            .map(alloquy_schema::timeline::Timeline::counting_heads)
            .unwrap_or_default(),
    };
    let deps: Vec<_> = heads
        .into_iter()
        .filter(|head| *head != prev)
        .take(DEPS_MAX)
        .collect();
    let auth = match place {
        Place::Authority => Vec::new(),
        _ => community
            .authority
            .dag()
            .heads()
            .iter()
            .copied()
            .take(AUTH_HEADS_MAX)
            .collect(),
    };
    let lamport_of = |id: &EventId| {
        dag.and_then(|dag| dag.get(*id))
            .map_or(0, |event| event.header().lamport)
    };
    let above = deps
        .iter()
        .chain([&prev])
        .map(lamport_of)
        .max()
        .unwrap_or(0);
    Header {
        kind,
        scope: community.scope(place),
        device,
        incarnation,
        seq: last.map_or(0, |event| event.header().seq + 1),
        prev,
        deps,
        auth,
        lamport: above + 1,
        wall,
        epoch: EpochId::ZERO,
        body_len: 0,
        body_commit: [0; 32],
    }
}

/// Makes, verifies and applies one own event. `None`: the model refused it, which is a fault of this program.
fn author(
    me: &Me,
    community: &mut Community,
    draft: &Draft,
    wall: UnixMs,
) -> Option<(VerifiedEvent, Applied)> {
    let place = draft.place();
    let header = |kind| next_header(me, community, place, kind, wall);
    let (signed, plaintext) = match draft {
        Draft::Op(op) => (sign_clear(me, header(Kind::Authority), op.to_bytes()), None),
        Draft::Delete(channel, ids) => {
            let deletion = community.timelines.get(channel)?.deletion_of(ids);
            (
                sign_clear(me, header(Kind::Deletion), deletion.to_bytes()),
                None,
            )
        }
        Draft::Hide(_, deletion) => (
            sign_clear(me, header(Kind::Deletion), deletion.to_bytes()),
            None,
        ),
        Draft::Content(body) | Draft::Message(_, body) => {
            let epoch = community.writing_epoch(community.key_channel(place))?;
            let plaintext = body.to_bytes();
            let signed = sign_sealed(
                me,
                header(Kind::Sealed),
                epoch,
                community.keys.get(&epoch)?,
                &plaintext,
            );
            (signed, Some(plaintext))
        }
    };
    let event = signed
        .verify_by(&**community.authority.signatures())
        .inspect_err(|error| tracing::error!(%error, "own event does not verify"))
        .ok()?;
    match community.apply(&event, plaintext.as_deref()) {
        Ok(applied) => Some((event, applied)),
        Err(error) => {
            tracing::error!(%error, "own event is refused");
            None
        }
    }
}

impl<R: CryptoRng> Node<R> {
    /// Writes own events in order. They are applied here at once; `answer` is given, and the network told,
    /// when all of them are durable. Returns their ids (empty: nothing could be written).
    pub(crate) fn write(
        &mut self,
        id: CommunityId,
        drafts: &[Draft],
        answer: impl FnOnce(&[EventId]) -> Option<(Origin, Reply)>,
    ) -> Vec<EventId> {
        self.write_with(id, drafts, answer, |_, _| Vec::new())
    }

    /// The same, with further records that become durable together with the events: all or nothing.
    pub(crate) fn write_with(
        &mut self,
        id: CommunityId,
        drafts: &[Draft],
        answer: impl FnOnce(&[EventId]) -> Option<(Origin, Reply)>,
        records: impl FnOnce(&mut Self, &[EventId]) -> Vec<Write>,
    ) -> Vec<EventId> {
        let wall = self.wall();
        // What a device writes that may not act counts nowhere.
        if !self.me.acts() {
            return Vec::new();
        }
        if self.follows_hidden(id, drafts) {
            self.start_incarnation(id);
        }
        let Some(community) = self.communities.get_mut(&id) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        let mut bodies = BTreeMap::new();
        for draft in drafts {
            if let Draft::Delete(..) = draft
                && let Some(dag) = community.dag(draft.place())
            {
                bodies.extend(dag.iter().map(|event| (event.id(), event.clone())));
            }
            if let Draft::Hide(_, deletion) = draft
                && let Some(dag) = community.dag(draft.place())
            {
                let held = deletion.targets().filter_map(|id| dag.get(id));
                bodies.extend(held.map(|event| (event.id(), event.clone())));
            }
            // More heads than an event may name are joined first.
            while community.authority.dag().heads().len() > AUTH_HEADS_MAX {
                let Some(merge) = author(&self.me, community, &Draft::Op(AuthorityOp::Merge), wall)
                else {
                    break;
                };
                events.push(merge);
            }
            events.extend(author(&self.me, community, draft, wall));
        }
        let (events, mut changes): (Vec<_>, Vec<_>) = events
            .into_iter()
            .map(|(event, applied)| (event, (applied.place, applied.changes)))
            .unzip();
        let emptied = changes
            .iter_mut()
            .flat_map(|(_, changes)| std::mem::take(&mut changes.dropped_bodies))
            .filter_map(|id| bodies.remove(&id))
            .collect();
        let ids: Vec<_> = events.iter().map(VerifiedEvent::id).collect();
        let own = Own {
            community: id,
            events: ids.clone(),
            emptied,
            answer: answer(&ids),
        };
        let writes = records(self, &ids);
        self.commit_own(id, &events, writes, own);
        self.tell_changes(id, changes);
        for draft in drafts {
            if let Place::Channel(channel) = draft.place() {
                self.show_own(id, channel);
            }
        }
        ids
    }

    /// Whether one of these would follow an own event that does not count (written when this account had been removed
    /// and did not know, say): whoever accepts the new one later, in a denial, would accept the hidden one with it.
    fn follows_hidden(&self, id: CommunityId, drafts: &[Draft]) -> bool {
        self.communities.get(&id).is_some_and(|community| {
            let log = (self.me.device(), community.membership.incarnation);
            drafts.iter().map(Draft::place).any(|place| {
                let last = community
                    .dag(place)
                    .and_then(|dag| dag.log_head(log.0, log.1));
                last.is_some_and(|last| !community.counts(place, last.id()))
            })
        })
    }

    /// Makes and applies one own event that changes no timeline; the caller stores it with [`Self::commit_own`].
    pub(crate) fn author_applied(
        &mut self,
        id: CommunityId,
        draft: &Draft,
    ) -> Option<VerifiedEvent> {
        if !self.me.acts() {
            return None;
        }
        let wall = self.wall();
        let community = self.communities.get_mut(&id)?;
        author(&self.me, community, draft, wall).map(|(event, _)| event)
    }

    /// Stores own events that are applied already, with further records, as one task.
    pub(crate) fn commit_own(
        &mut self,
        id: CommunityId,
        events: &[VerifiedEvent],
        mut writes: Vec<Write>,
        own: Own,
    ) {
        let arrived = self.wall();
        // What own events rest on goes first.
        self.retry_unwritten();
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.own_logs_checked = true;
        for event in events {
            let Some(signed) = event.to_signed() else {
                continue;
            };
            let row = Row {
                arrived,
                events: RowEvents::Live(Box::new(signed)),
            };
            let number = community.next_row;
            community.note_row(number, vec![event.id()]);
            community.unstored.insert(event.id());
            writes.push(put(&Key::Events(id, number), &row));
        }
        self.outbox.store(writes, After::Own(own));
        self.after_apply(id, events);
    }

    /// Own events are durable: answer, show, publish.
    pub(crate) fn own_stored(&mut self, own: Own) {
        let Some(community) = self.communities.get_mut(&own.community) else {
            return;
        };
        for event in &own.events {
            community.unstored.remove(event);
        }
        if let Some((origin, reply)) = own.answer {
            self.outbox.done(origin, Ok(reply));
        }
        for event in &own.events {
            self.tell_delivery(own.community, *event);
        }
        let emptied: Vec<_> = own.emptied.iter().map(VerifiedEvent::id).collect();
        self.drop_bodies(own.community, &emptied);
        self.publish_events(own.community, &own.events);
        for event in &own.events {
            if let Some(newcomer) = self.welcomes.remove(event) {
                self.welcome(newcomer, own.community);
            }
        }
        self.say_hello_to_all(own.community);
        self.compare_soon(own.community, crate::limits::OWN_COMPARE_MS);
    }

    /// Takes own events back that could not be stored, with those written after them, which rest on them: none
    /// was ever public. The log goes on under a new incarnation, because a store that reports a failure may
    /// have kept the events all the same.
    pub(crate) fn take_back(&mut self, own: Own) {
        let id = own.community;
        let Some(community) = self.communities.remove(&id) else {
            return;
        };
        // A copy that shrinks comes to hold as many events again as when it was compared, and others.
        for peer in self.peers.values_mut() {
            if let Some(session) = peer.sessions.get_mut(&id) {
                session.agreed_holding = None;
            }
        }
        let (mut events, mut emptied) = (own.events, own.emptied);
        for task in self.outbox.tasks.values_mut() {
            let After::Own(later) = &mut task.after else {
                continue;
            };
            if later.community == id {
                events.append(&mut later.events);
                // What an earlier deletion emptied is empty for the later ones: the earlier copy stands.
                emptied.append(&mut later.emptied);
                task.after = After::TakenBack(later.answer.take().map(|(origin, _)| origin));
            }
        }
        let incarnation = self.rng.next_u32();
        match community.rebuilt_without(&events, &emptied, incarnation) {
            Some(rebuilt)
                if id != self.own.id && rebuilt.is_unbegun() && rebuilt.brought.is_empty() =>
            {
                self.unbegin(rebuilt);
            }
            Some(rebuilt) => {
                let membership = rebuilt.membership.clone();
                self.communities.insert(id, rebuilt);
                let write = put(&Key::Community(id), &membership);
                self.write_later(vec![write], Acks::new());
                self.members_taken_back(id);
                // Devices that were to be brought in are, when there is room.
                self.learn_own_identity(id);
                if id == self.own.id {
                    self.follow_again();
                }
            }
            None => self.outbox.tell(Event::CommunityLeft {
                community: id,
                by: None,
            }),
        }
        for event in &events {
            self.welcomes.remove(event);
        }
        self.views.recount();
        self.views.community_changed(id);
    }
}
