//! People, their keys and a community at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::{AccountId, EpochId, EventId, ScopeId, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::{AuthorityOp, Genesis, Join, OwnersProposal};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{NewAccount, create, new_prekey};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions, Rank};

use crate::draw;
use crate::signatures::Remembered;

/// A community and everybody who may act in it or come to it.
#[derive(Debug)]
pub struct Club {
    people: BTreeMap<&'static str, NewAccount>,
    /// Things made before the histories begin, by name: roles, invites, certificates.
    things: BTreeMap<&'static str, EventId>,
    log: AuthorityLog,
    invite_key: DeviceKey,
}

impl Club {
    /// `ana` founds; the others are accounts that are no members yet.
    #[must_use]
    pub fn new(others: &[&'static str]) -> Self {
        let person = |name: &&'static str| (*name, create(UnixMs(1), &mut draw::stream(0, name)));
        let people: BTreeMap<_, _> = others.iter().chain([&"ana"]).map(person).collect();
        let founder = &people["ana"];
        let genesis = AuthorityOp::Genesis(Genesis {
            level: 1,
            nonce: [1; 16],
            founder: vec![founder.genesis.clone()],
            history: HistoryPolicy::All,
            everyone: Permissions::MEMBER,
            kind: CommunityKind::Community,
            pair: None,
        });
        let event = signed(&founder.device, (ScopeId::ZERO, 0), (&[], 0), &genesis);
        Self {
            // Each operation comes to many logs.
            log: AuthorityLog::with(event, Arc::new(Remembered::default()))
                .expect("a genesis begins a log"),
            people,
            things: BTreeMap::new(),
            invite_key: DeviceKey::from_seed(&[5; 32]),
        }
    }

    /// Everything up to the moment.
    #[must_use]
    pub const fn log(&self) -> &AuthorityLog {
        &self.log
    }

    /// Its heads.
    #[must_use]
    pub fn heads(&self) -> Vec<EventId> {
        self.log.dag().heads_newest_first()
    }

    /// The account of somebody.
    #[must_use]
    pub fn account(&self, name: &str) -> AccountId {
        self.people[name].genesis.header.id().into()
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.people.keys().map(|name| self.account(name))
    }

    /// Something made before.
    #[must_use]
    pub fn thing(&self, name: &str) -> EventId {
        self.things[name]
    }

    /// Signs an operation with these heads as its past; `salt` tells the author's logs apart.
    #[must_use]
    pub fn sign(
        &self,
        who: &str,
        heads: &[EventId],
        salt: u128,
        op: &AuthorityOp,
        log: &AuthorityLog,
    ) -> VerifiedEvent {
        let lamport = |id: &EventId| {
            let event = log.dag().get(*id).expect("the heads are held");
            event.header().lamport
        };
        let above = heads.iter().map(lamport).max().unwrap_or(0);
        let incarnation = u32::from_le_bytes(
            *blake3::hash(&salt.to_le_bytes())
                .as_bytes()
                .first_chunk()
                .expect("4 of 32 bytes"),
        );
        let scope = (log.community().into(), incarnation);
        signed(&self.people[who].device, scope, (heads, above), op)
    }

    /// Somebody does something before the histories begin; it must count.
    pub fn does(&mut self, who: &str, op: &AuthorityOp) -> EventId {
        let heads = self.heads();
        let salt = self.log.dag().len() as u128;
        let event = self.sign(who, &heads, salt, op, &self.log);
        let id = event.id();
        self.log.insert(event).expect("what comes before is sound");
        let verdict = self.log.verdict(id);
        assert_eq!(
            verdict,
            Some(alloquy_schema::authority::Verdict::Effective),
            "{op:?}"
        );
        id
    }

    /// The same, under a name.
    pub fn makes(&mut self, name: &'static str, who: &str, op: &AuthorityOp) {
        let id = self.does(who, op);
        self.things.insert(name, id);
    }

    /// Members with the ranks of roles that give every right; the role is named as the member.
    pub fn admits(&mut self, ranks: &[(&'static str, u32)]) {
        for (name, rank) in ranks {
            let join = self.join(name, None);
            self.does("ana", &AuthorityOp::Admit(join));
            if *rank > 0 {
                let role = AuthorityOp::RoleCreate {
                    rank: Rank(*rank),
                    permissions: Permissions::ALL,
                };
                self.makes(name, "ana", &role);
                self.does("ana", &self.grant(name, name));
            }
        }
    }

    /// Somebody's wish to join, by the invite of this name or by hand.
    #[must_use]
    pub fn join(&self, name: &str, invite: Option<&str>) -> Join {
        let person = &self.people[name];
        let (prekey, _) = new_prekey(&person.device, 1, &mut draw::stream(3, name));
        let invite = invite.map(|invite| (self.thing(invite).into(), &self.invite_key));
        let chain = vec![person.genesis.clone()];
        Join::sign(self.log.community(), invite, chain, &person.device, prekey)
    }

    /// An invite.
    #[must_use]
    pub fn invite(&self) -> AuthorityOp {
        AuthorityOp::InviteCreate {
            key: self.invite_key.public(),
            expires: None,
            uses: None,
        }
    }

    /// Gives the role that was made under a name.
    #[must_use]
    pub fn grant(&self, name: &str, role: &str) -> AuthorityOp {
        AuthorityOp::Grant {
            account: self.account(name),
            role: self.thing(role).into(),
        }
    }

    /// Takes it.
    #[must_use]
    pub fn revoke(&self, name: &str, role: &str) -> AuthorityOp {
        AuthorityOp::Revoke {
            account: self.account(name),
            role: self.thing(role).into(),
            last: Vec::new(),
        }
    }

    /// Changes it.
    #[must_use]
    pub fn edit(&self, role: &str, rank: u32, permissions: Permissions) -> AuthorityOp {
        AuthorityOp::RoleEdit {
            role: self.thing(role).into(),
            rank: Rank(rank),
            permissions,
            last: Vec::new(),
        }
    }

    /// Removes somebody.
    #[must_use]
    pub fn kick(&self, name: &str) -> AuthorityOp {
        AuthorityOp::Kick {
            account: self.account(name),
            last: Vec::new(),
        }
    }

    /// Bans somebody.
    #[must_use]
    pub fn ban(&self, name: &str) -> AuthorityOp {
        AuthorityOp::Ban {
            account: self.account(name),
            last: Vec::new(),
        }
    }

    /// New owners in the place of the set made by `replaces`.
    #[must_use]
    pub fn certificate(&self, replaces: EventId, owners: &[&str], signers: &[&str]) -> AuthorityOp {
        let mut owners: Vec<_> = owners.iter().map(|name| self.account(name)).collect();
        owners.sort_unstable();
        let proposal = OwnersProposal {
            community: self.log.community(),
            replaces,
            owners,
        };
        let keys = signers.iter().map(|name| &self.people[name].device);
        let mut signatures: Vec<_> = keys.map(|key| (key.id(), proposal.sign(key))).collect();
        signatures.sort_unstable();
        AuthorityOp::OwnersCertificate {
            proposal,
            signatures,
        }
    }
}

fn signed(
    key: &DeviceKey,
    (scope, incarnation): (ScopeId, u32),
    (heads, above): (&[EventId], u64),
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
        auth: Vec::new(),
        lamport: above + 1,
        wall: UnixMs(0),
        epoch: EpochId::ZERO,
        body_len: u32::try_from(body.len()).expect("a body is small"),
        body_commit: clear_commit(&body),
    };
    let event = SignedEvent::sign(header, body, key).verify();
    event.expect("it was just signed")
}
