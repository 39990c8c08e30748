//! A small language for scripted authority histories: who signs what, with which heads in its past.
//!
//! Every operation is the first of a log of its own, so that a script may give any heads, as somebody does
//! who writes with a stale copy or dates things back.

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, CommunityId, DeviceId, EpochId, EventId, RoleId, ScopeId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::{AuthorityOp, Genesis, Join, OwnersProposal};
use alloquy_schema::authority::{AuthorityLog, State, Verdict};
use alloquy_schema::codec::Canonical;
use alloquy_schema::dag::InsertError;
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{NewAccount, create, new_prekey};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions, Rank};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A community with its founder `ana`, and whoever is named.
pub(crate) struct Club {
    people: BTreeMap<String, NewAccount>,
    rng: ChaCha8Rng,
    pub(crate) events: Vec<VerifiedEvent>,
    pub(crate) community: CommunityId,
    /// What operations say of their time.
    pub(crate) wall: UnixMs,
    log: AuthorityLog,
}

impl Club {
    pub(crate) fn new() -> Self {
        Self::founded(CommunityKind::Community)
    }

    /// A community or group of `ana`.
    pub(crate) fn founded(kind: CommunityKind) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let ana = create(UnixMs(1), &mut rng);
        let genesis = AuthorityOp::Genesis(Genesis {
            level: 1,
            nonce: [1; 16],
            founder: vec![ana.genesis.clone()],
            history: HistoryPolicy::All,
            everyone: Permissions::MEMBER,
            kind,
            pair: None,
        });
        let event = event(&ana.device, ScopeId::ZERO, 0, (&[], UnixMs(0)), 0, &genesis);
        Self::begun(rng, event, BTreeMap::from([("ana".to_owned(), ana)]))
    }

    /// The conversation of `ana` and `ben`, nobody's devices in it.
    pub(crate) fn direct() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let people = ["ana", "ben"].map(|name| (name.to_owned(), create(UnixMs(1), &mut rng)));
        let [one, other] = [0, 1].map(|at: usize| people[at].1.genesis.header.id().into());
        let genesis = direct::genesis(one, other).verify().unwrap();
        Self::begun(rng, genesis, BTreeMap::from(people))
    }

    fn begun(rng: ChaCha8Rng, event: VerifiedEvent, people: BTreeMap<String, NewAccount>) -> Self {
        let log = AuthorityLog::new(event.clone()).unwrap();
        let community = log.community();
        Self {
            people,
            rng,
            events: vec![event],
            community,
            wall: UnixMs(0),
            log,
        }
    }

    /// A club in which `ana` (the owner) has made the roles and given them.
    pub(crate) fn with(ranks: &[(&str, u32)]) -> Self {
        let mut club = Self::new();
        for (name, rank) in ranks {
            let heads = club.heads();
            club.admit("ana", &heads, name);
            if *rank > 0 {
                let role = club.now("ana", role(*rank));
                let account = club.id(name);
                club.now(
                    "ana",
                    AuthorityOp::Grant {
                        account,
                        role: role.into(),
                    },
                );
            }
        }
        club
    }

    pub(crate) fn person(&mut self, name: &str) -> &NewAccount {
        let rng = &mut self.rng;
        self.people
            .entry(name.to_owned())
            .or_insert_with(|| create(UnixMs(1), rng))
    }

    pub(crate) fn key(&mut self, name: &str) -> DeviceKey {
        self.person(name).device.clone()
    }

    pub(crate) fn id(&mut self, name: &str) -> AccountId {
        self.person(name).genesis.header.id().into()
    }

    pub(crate) fn device(&mut self, name: &str) -> DeviceId {
        self.person(name).device.id()
    }

    pub(crate) fn heads(&self) -> Vec<EventId> {
        self.log.dag().heads_newest_first()
    }

    /// `who` signs an operation on everything held.
    pub(crate) fn now(&mut self, who: &str, op: AuthorityOp) -> EventId {
        let heads = self.heads();
        self.at(who, &heads, op)
    }

    /// `who` signs an operation with `heads` as its past.
    pub(crate) fn at(&mut self, who: &str, heads: &[EventId], op: AuthorityOp) -> EventId {
        let key = self.key(who);
        self.signed(&key, heads, &op)
    }

    pub(crate) fn signed(
        &mut self,
        key: &DeviceKey,
        heads: &[EventId],
        op: &AuthorityOp,
    ) -> EventId {
        let lamport = |id: &EventId| self.log.dag().get(*id).unwrap().header().lamport;
        let above = heads.iter().map(lamport).max().unwrap();
        let incarnation = self.events.len() as u32;
        let past = (heads, self.wall);
        let event = event(key, self.community.into(), incarnation, past, above, op);
        let id = event.id();
        self.log.insert(event.clone()).unwrap();
        self.events.push(event);
        id
    }

    /// As [`Club::at`], for what is not valid.
    pub(crate) fn try_at(
        &mut self,
        who: &str,
        heads: &[EventId],
        op: &AuthorityOp,
    ) -> Result<(), InsertError> {
        let lamport = |id: &EventId| {
            self.log
                .dag()
                .get(*id)
                .map_or(1, |event| event.header().lamport)
        };
        let above = heads.iter().map(lamport).max().unwrap();
        let key = self.key(who);
        self.log.insert(event(
            &key,
            self.community.into(),
            u32::MAX,
            (heads, self.wall),
            above,
            op,
        ))
    }

    /// A certificate that replaces the owner set made by `replaces`, signed by `signers`.
    pub(crate) fn certificate(
        &mut self,
        replaces: EventId,
        owners: &[&str],
        signers: &[&str],
    ) -> AuthorityOp {
        let mut owners: Vec<_> = owners.iter().map(|name| self.id(name)).collect();
        owners.sort_unstable();
        let proposal = OwnersProposal {
            community: self.community,
            replaces,
            owners,
        };
        let keys = signers.iter().map(|name| self.key(name));
        let mut signatures: Vec<_> = keys.map(|key| (key.id(), proposal.sign(&key))).collect();
        signatures.sort();
        AuthorityOp::OwnersCertificate {
            proposal,
            signatures,
        }
    }

    pub(crate) fn join(&mut self, name: &str, invite: Option<(EventId, &DeviceKey)>) -> Join {
        let (community, rng) = (self.community, &mut ChaCha8Rng::seed_from_u64(9));
        let person = self.person(name);
        let (prekey, _) = new_prekey(&person.device, 1, rng);
        let invite = invite.map(|(id, key)| (id.into(), key));
        Join::sign(
            community,
            invite,
            vec![person.genesis.clone()],
            &person.device,
            prekey,
        )
    }

    /// Admits `name` by hand, which takes INVITE.
    pub(crate) fn admit(&mut self, by: &str, heads: &[EventId], name: &str) -> EventId {
        let join = self.join(name, None);
        self.at(by, heads, AuthorityOp::Admit(join))
    }

    /// What adds `name` to a group.
    pub(crate) fn addition(&mut self, name: &str) -> AuthorityOp {
        let join = self.join(name, None);
        AuthorityOp::Add {
            account: join.account,
            chain: join.chain,
            prekey: join.prekey,
        }
    }

    /// What brings `name`'s devices in.
    pub(crate) fn devices_of(&mut self, name: &str) -> AuthorityOp {
        AuthorityOp::DeviceAdd {
            account: self.id(name),
            chain: vec![self.person(name).genesis.clone()],
        }
    }

    pub(crate) fn kick(&mut self, by: &str, heads: &[EventId], name: &str) -> EventId {
        let account = self.id(name);
        self.at(
            by,
            heads,
            AuthorityOp::Kick {
                account,
                last: vec![],
            },
        )
    }

    pub(crate) fn ban(&mut self, by: &str, heads: &[EventId], name: &str) -> EventId {
        let account = self.id(name);
        self.at(
            by,
            heads,
            AuthorityOp::Ban {
                account,
                last: vec![],
            },
        )
    }

    pub(crate) fn grant(
        &mut self,
        by: &str,
        heads: &[EventId],
        name: &str,
        role: EventId,
    ) -> EventId {
        let account = self.id(name);
        self.at(
            by,
            heads,
            AuthorityOp::Grant {
                account,
                role: role.into(),
            },
        )
    }

    pub(crate) fn revoke(
        &mut self,
        by: &str,
        heads: &[EventId],
        name: &str,
        role: EventId,
    ) -> EventId {
        let account = self.id(name);
        self.at(
            by,
            heads,
            AuthorityOp::Revoke {
                account,
                role: role.into(),
                last: vec![],
            },
        )
    }

    pub(crate) fn log(&self) -> &AuthorityLog {
        &self.log
    }

    pub(crate) fn state(&self) -> std::sync::Arc<State> {
        self.log.state()
    }

    pub(crate) fn effective(&self, op: EventId) -> bool {
        self.log.verdict(op).unwrap() == Verdict::Effective
    }

    /// What an operation without effect names as the reason.
    pub(crate) fn fell_to(&self, op: EventId) -> Vec<EventId> {
        match self.log.verdict(op).unwrap() {
            Verdict::Effective => Vec::new(),
            Verdict::Ineffective { by, .. } => by,
        }
    }

    pub(crate) fn is_member(&mut self, name: &str) -> bool {
        let account = self.id(name);
        self.state().is_member(account)
    }

    pub(crate) fn rank(&mut self, name: &str) -> u32 {
        let account = self.id(name);
        self.state().rank(account).0
    }

    /// Everything once more, in another order of arrival: the state must be the same.
    pub(crate) fn check(&self) {
        let again = replay(&self.events, |ready| ready - 1);
        assert_eq!(
            *again.state(),
            *self.state(),
            "the order of arrival decided"
        );
        assert_eq!(again.state().digest(), self.state().digest());
    }
}

/// A role of this rank with every right.
pub(crate) fn role(rank: u32) -> AuthorityOp {
    AuthorityOp::RoleCreate {
        rank: Rank(rank),
        permissions: Permissions::ALL,
    }
}

pub(crate) fn everyone() -> RoleId {
    RoleId::ZERO
}

/// Inserts events in an order that `pick` chooses: of so many events whose parents are held, which is next.
pub(crate) fn replay(
    events: &[VerifiedEvent],
    mut pick: impl FnMut(usize) -> usize,
) -> AuthorityLog {
    let mut log = AuthorityLog::new(events[0].clone()).unwrap();
    let mut waiting: Vec<_> = events[1..].to_vec();
    while !waiting.is_empty() {
        let held = |id: EventId| log.dag().contains(id);
        let ready: Vec<_> = (0..waiting.len())
            .filter(|at| waiting[*at].header().parents().all(held))
            .collect();
        let next = waiting.remove(ready[pick(ready.len())]);
        log.insert(next).unwrap();
    }
    log
}

fn event(
    key: &DeviceKey,
    scope: ScopeId,
    incarnation: u32,
    (heads, wall): (&[EventId], UnixMs),
    above: u64,
    op: &AuthorityOp,
) -> VerifiedEvent {
    let body = op.to_bytes();
    let header = Header {
        kind: Kind::Authority,
        scope,
        device: key.id(),
        incarnation,
        seq: 0,
        prev: EventId::ZERO,
        deps: heads.to_vec(),
        auth: vec![],
        lamport: above + 1,
        wall,
        epoch: EpochId::ZERO,
        body_len: body.len() as u32,
        body_commit: clear_commit(&body),
    };
    SignedEvent::sign(header, body, key).verify().unwrap()
}
