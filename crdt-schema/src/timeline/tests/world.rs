//! A community with a real authority log, and pens that write events into its scopes.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::{AccountId, ChannelId, EpochId, EventId, ScopeId, UnixMs};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::authority::AuthorityLog;
use crate::authority::op::{AuthorityOp, Genesis, Join};
use crate::codec::Canonical;
use crate::event::{Header, Kind, SignedEvent, VerifiedEvent, VerifiedInner, clear_commit};
use crate::identity::{NewAccount, create, new_prekey};
use crate::permissions::{ChannelKind, CommunityKind, HistoryPolicy, Permissions};
use crate::timeline::Deletion;

/// A community; member 0 founded it.
pub(crate) struct World {
    people: Vec<NewAccount>,
    /// Holds everything.
    pub(crate) authority: AuthorityLog,
    /// Operations in the order in which they were made.
    pub(crate) operations: Vec<VerifiedEvent>,
    pub(crate) channel: ChannelId,
    lamports: BTreeMap<EventId, u64>,
    next_incarnation: u32,
}

/// One log that is being written.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    pub(crate) member: usize,
    scope: ScopeId,
    incarnation: u32,
    seq: u64,
    prev: EventId,
}

/// What a content or timeline event refers to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    pub(crate) deps: Vec<EventId>,
    pub(crate) auth: Vec<EventId>,
    pub(crate) wall: u64,
}

impl Pen {
    /// The last event written.
    pub(crate) const fn head(&self) -> EventId {
        self.prev
    }
}

impl World {
    /// A community of `members`, all admitted by the founder, with one text channel. Everyone may do what
    /// members usually may.
    pub(crate) fn new(members: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        // One more than there are members: somebody who may still come.
        let people: Vec<_> = (0..=members).map(|_| create(UnixMs(1), &mut rng)).collect();
        let genesis = Genesis {
            level: 1,
            nonce: [3; 16],
            founder: vec![people[0].genesis.clone()],
            history: HistoryPolicy::All,
            everyone: Permissions::MEMBER,
            kind: CommunityKind::Community,
            pair: None,
        };
        let body = AuthorityOp::Genesis(genesis).to_bytes();
        let header = Header {
            kind: Kind::Authority,
            scope: ScopeId::ZERO,
            device: people[0].device.id(),
            incarnation: 0,
            seq: 0,
            prev: EventId::ZERO,
            deps: Vec::new(),
            auth: Vec::new(),
            lamport: 1,
            wall: UnixMs(1),
            epoch: EpochId::ZERO,
            body_len: u32::try_from(body.len()).unwrap(),
            body_commit: clear_commit(&body),
        };
        let event = SignedEvent::sign(header, body, &people[0].device)
            .verify()
            .unwrap();
        let mut world = Self {
            people,
            authority: AuthorityLog::new(event.clone()).unwrap(),
            lamports: BTreeMap::from([(event.id(), 1)]),
            operations: vec![event],
            channel: ChannelId::ZERO,
            next_incarnation: 1,
        };
        for member in 1..members {
            world.admit_at(0, member, world.heads());
        }
        let create = AuthorityOp::ChannelCreate {
            kind: ChannelKind::Text,
            private: false,
        };
        world.channel = world.operate(0, create).into();
        world
    }

    pub(crate) fn admit_at(&mut self, by: usize, member: usize, heads: Vec<EventId>) -> EventId {
        let person = &self.people[member];
        let mut rng = ChaCha20Rng::seed_from_u64(member as u64);
        let (prekey, _) = new_prekey(&person.device, 1, &mut rng);
        let community = self.authority.community();
        let join = Join::sign(
            community,
            None,
            vec![person.genesis.clone()],
            &person.device,
            prekey,
        );
        self.operate_at(by, AuthorityOp::Admit(join), heads)
    }

    pub(crate) fn account(&self, member: usize) -> AccountId {
        AccountId(self.people[member].genesis.header.id().0)
    }

    /// The authority heads of everything held.
    pub(crate) fn heads(&self) -> Vec<EventId> {
        self.authority.dag().heads().iter().copied().collect()
    }

    /// An operation on everything held.
    pub(crate) fn operate(&mut self, member: usize, op: AuthorityOp) -> EventId {
        self.operate_at(member, op, self.heads())
    }

    /// An operation on these heads.
    pub(crate) fn operate_at(
        &mut self,
        member: usize,
        op: AuthorityOp,
        deps: Vec<EventId>,
    ) -> EventId {
        let body = op.to_bytes();
        let header = Header {
            kind: Kind::Authority,
            scope: self.authority.dag().scope(),
            device: self.people[member].device.id(),
            incarnation: self.next_incarnation,
            seq: 0,
            prev: EventId::ZERO,
            lamport: 1 + deps.iter().map(|id| self.lamports[id]).max().unwrap(),
            deps,
            auth: Vec::new(),
            wall: UnixMs(1),
            epoch: EpochId::ZERO,
            body_len: u32::try_from(body.len()).unwrap(),
            body_commit: clear_commit(&body),
        };
        self.next_incarnation += 1;
        let lamport = header.lamport;
        let event = SignedEvent::sign(header, body, &self.people[member].device)
            .verify()
            .unwrap();
        let id = event.id();
        self.lamports.insert(id, lamport);
        self.authority.insert(event.clone()).unwrap();
        self.operations.push(event);
        id
    }

    /// A log that holds the first `operations`.
    pub(crate) fn authority_of(&self, operations: usize) -> AuthorityLog {
        let mut log = AuthorityLog::new(self.operations[0].clone()).unwrap();
        for event in &self.operations[1..operations] {
            log.insert(event.clone()).unwrap();
        }
        log
    }

    pub(crate) fn pen(&mut self, member: usize) -> Pen {
        self.pen_in(member, self.channel.into())
    }

    pub(crate) fn pen_in(&mut self, member: usize, scope: ScopeId) -> Pen {
        self.next_incarnation += 1;
        Pen {
            member,
            scope,
            incarnation: self.next_incarnation,
            seq: 0,
            prev: EventId::ZERO,
        }
    }

    /// The next sealed event of a log. Its ciphertext is of no interest here.
    pub(crate) fn write(&mut self, pen: &mut Pen, past: &Past, body_len: usize) -> VerifiedEvent {
        self.append(pen, past, Kind::Sealed, vec![0x5e; body_len])
    }

    pub(crate) fn delete(
        &mut self,
        pen: &mut Pen,
        past: &Past,
        deletion: &Deletion,
    ) -> VerifiedEvent {
        self.append(pen, past, Kind::Deletion, deletion.to_bytes())
    }

    /// Made without a signature, as the events inside a verified range are.
    fn append(&mut self, pen: &mut Pen, past: &Past, kind: Kind, body: Vec<u8>) -> VerifiedEvent {
        let sealed = kind == Kind::Sealed;
        let deps: Vec<_> = past
            .deps
            .iter()
            .copied()
            .filter(|id| *id != pen.prev)
            .collect();
        let parents = deps.iter().chain((pen.seq > 0).then_some(&pen.prev));
        let mut auth = past.auth.clone();
        auth.sort_unstable();
        // Sealed commitments are checked with the epoch's secret, before events come here: any that differ will do.
        let count = self.lamports.len() as u64;
        let commit = if sealed {
            crate::hash::plain(&count.to_le_bytes())
        } else {
            clear_commit(&body)
        };
        let header = Header {
            kind,
            scope: pen.scope,
            device: self.people[pen.member].device.id(),
            incarnation: pen.incarnation,
            seq: pen.seq,
            prev: pen.prev,
            lamport: 1 + parents.map(|id| self.lamports[id]).max().unwrap_or(0),
            deps,
            auth,
            wall: UnixMs(past.wall),
            epoch: if sealed {
                EpochId([1; 32])
            } else {
                EpochId::ZERO
            },
            body_len: u32::try_from(body.len()).unwrap(),
            body_commit: commit,
        };
        let id = header.id();
        self.lamports.insert(id, header.lamport);
        pen.seq += 1;
        pen.prev = id;
        VerifiedEvent(Arc::new(VerifiedInner {
            id,
            header,
            body: Some(body),
            signature: None,
            carrier: None,
        }))
    }
}
