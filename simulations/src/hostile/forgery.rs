//! What a home node can make that holds ciphertext and its own keys: events, operations and letters that it signs
//! itself, heights and confirmations of its own invention (docs/protocol.md, "Home node"). None of it may have an
//! effect: it is no member, and its word counts for nothing that has to be signed by somebody else.

use std::collections::BTreeSet;

use alloquy_ids::{AccountId, CommunityId, DeviceId, EpochId, EventId, NetworkKey, ScopeId};
use alloquy_schema::authority::op::{AuthorityOp, Join};
use alloquy_schema::codec::Canonical;
use alloquy_schema::content;
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::identity::{self, PrekeyRecord};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{ChannelKind, Permissions, Rank};
use bytes::Bytes;

use super::tricks;
use crate::draw::Draw;

/// What it forges.
pub const FORGERIES: [&str; 7] = [
    "changed events",
    "own events",
    "operations",
    "admissions",
    "heights",
    "confirmations",
    "letters",
];
/// Forged events that nothing refuses for their form, in one run: they are kept for ever by whoever takes them, without
/// effect.
const LASTING_MAX: u32 = 12;

/// What is at hand for forging.
pub(super) struct Workshop<'a> {
    pub(super) community: CommunityId,
    /// What it holds.
    pub(super) events: &'a [VerifiedEvent],
    pub(super) prekeys: &'a [PrekeyRecord],
    /// Identity logs of those whom it serves, its owner's first.
    pub(super) served: &'a [Vec<SignedEvent>],
    pub(super) key: &'a DeviceKey,
    pub(super) network_seed: &'a [u8; 32],
}

/// A forged frame, and to whom it has to go; `None`: to anybody.
pub(super) type Forged = (&'static str, Option<NetworkKey>, Bytes);

impl Workshop<'_> {
    /// One forgery. `lasting` counts those that stay where they were taken.
    pub(super) fn forge(&self, lasting: &mut u32, draw: &mut Draw) -> Option<Forged> {
        let what = *draw.pick(&FORGERIES)?;
        if matches!(what, "own events" | "operations" | "admissions") {
            if *lasting >= LASTING_MAX {
                return None;
            }
            *lasting += 1;
        }
        let to = (what == "letters").then(|| self.owner()).flatten();
        let frame = match what {
            "changed events" => self.changed(draw)?,
            "own events" => self.given(self.own_event(draw)?, draw)?,
            "operations" => self.given(self.operation(draw)?, draw)?,
            "admissions" => self.admission(draw)?,
            "heights" => self.heights(draw)?,
            "confirmations" => self.confirmation(draw)?,
            _ => self.letter(draw)?,
        };
        Some((what, to, frame))
    }

    /// Messages of all channels.
    fn messages(&self) -> Vec<&VerifiedEvent> {
        let names = content::scope(self.community);
        let of = |event: &&VerifiedEvent| {
            event.header().kind == Kind::Sealed && event.header().scope != names
        };
        self.events.iter().filter(of).collect()
    }

    fn operations(&self) -> impl Iterator<Item = &VerifiedEvent> {
        let all = self.events.iter();
        all.filter(|event| event.header().kind == Kind::Authority)
    }

    /// A device of the owner, and where it is reached.
    fn owner(&self) -> Option<NetworkKey> {
        let identity = identity::evaluate(self.served.first()?).ok()?;
        identity.devices.values().flatten().next().copied()
    }

    /// Somebody else's message with another time, signed by the own key.
    fn changed(&self, draw: &mut Draw) -> Option<Bytes> {
        let event = *draw.pick(&self.messages())?;
        let whole = SignedEvent {
            header: event.header().clone(),
            body: event.body()?.to_vec(),
            signature: [0; 64],
        };
        let forged = tricks::forged(&whole, self.key);
        Some(tricks::live(self.community, None, &[forged]))
    }

    /// An event by the own device, as a member's device would sign one.
    fn given(&self, event: SignedEvent, draw: &mut Draw) -> Option<Bytes> {
        if draw.chance(500) {
            return Some(tricks::live(self.community, None, &[event]));
        }
        let scope = event.header.scope;
        Some(tricks::ranges(
            self.community,
            scope,
            &[event.verify().ok()?],
        ))
    }

    /// A message in the midst of the others, of which nobody can tell what it says.
    fn own_event(&self, draw: &mut Draw) -> Option<SignedEvent> {
        let messages = self.messages();
        let before = *draw.pick(&messages)?;
        let body: Vec<u8> = (0..64).map(|_| byte(draw)).collect();
        let header = Header {
            device: self.key.id(),
            incarnation: draw_u32(draw),
            seq: 0,
            prev: EventId::ZERO,
            deps: vec![before.id()],
            lamport: before.header().lamport + 1,
            body_len: 64,
            body_commit: [7; 32],
            ..before.header().clone()
        };
        Some(SignedEvent::sign(header, body, self.key))
    }

    /// What only moderators and owners may do.
    fn operation(&self, draw: &mut Draw) -> Option<SignedEvent> {
        let accounts = self.accounts();
        let account = *draw.pick(&accounts)?;
        let op = match draw.below(4) {
            0 => AuthorityOp::Ban {
                account,
                last: Vec::new(),
            },
            1 => AuthorityOp::Kick {
                account,
                last: Vec::new(),
            },
            2 => AuthorityOp::RoleCreate {
                rank: Rank(draw_u32(draw)),
                permissions: Permissions::ALL,
            },
            _ => AuthorityOp::ChannelCreate {
                kind: ChannelKind::Text,
                private: false,
            },
        };
        self.signed(&op, draw)
    }

    /// Somebody out of nowhere is let in.
    fn admission(&self, draw: &mut Draw) -> Option<Bytes> {
        let join = tricks::sock(self.community, None, self.network_seed, draw);
        let admit = self.signed(&AuthorityOp::Admit(join), draw)?;
        if draw.chance(500) {
            return self.given(admit, draw);
        }
        // Beside an event that is real.
        let messages = self.messages();
        let real = draw.pick(&messages)?.to_signed()?;
        Some(tricks::live(self.community, Some(&admit), &[real]))
    }

    /// An operation of the own device on top of all others.
    fn signed(&self, op: &AuthorityOp, draw: &mut Draw) -> Option<SignedEvent> {
        let named: BTreeSet<_> = self
            .operations()
            .flat_map(|event| event.header().parents())
            .collect();
        let last = self
            .operations()
            .filter(|event| !named.contains(&event.id()));
        let last = last.max_by_key(|event| event.order_key())?;
        let body = op.to_bytes();
        let header = Header {
            kind: Kind::Authority,
            scope: ScopeId::from(self.community),
            device: self.key.id(),
            incarnation: draw_u32(draw),
            seq: 0,
            prev: EventId::ZERO,
            deps: vec![last.id()],
            auth: Vec::new(),
            lamport: last.header().lamport + 1,
            wall: last.header().wall,
            epoch: EpochId::ZERO,
            body_len: u32::try_from(body.len()).ok()?,
            body_commit: clear_commit(&body),
        };
        Some(SignedEvent::sign(header, body, self.key))
    }

    /// Accounts that came in.
    fn accounts(&self) -> Vec<AccountId> {
        self.joins().map(|join| join.account).collect()
    }

    fn joins(&self) -> impl Iterator<Item = Join> + '_ {
        self.operations()
            .filter_map(|event| match AuthorityOp::from_bytes(event.body()?).ok()? {
                AuthorityOp::Admit(join) => Some(join),
                _ => None,
            })
    }

    /// A log of the owner, or of somebody else.
    fn log(&self, draw: &mut Draw) -> Option<(ScopeId, DeviceId, u32)> {
        let owner = self.served.first();
        let owner = owner.and_then(|chain| identity::evaluate(chain).ok());
        let is_owners = |device| {
            owner
                .as_ref()
                .is_some_and(|owner| owner.devices.contains_key(&device))
        };
        let mut messages = self.messages();
        if draw.chance(700) {
            messages.retain(|event| is_owners(event.header().device));
        }
        let header = draw.pick(&messages)?.header();
        Some((header.scope, header.device, header.incarnation))
    }

    /// More than the owner ever wrote.
    fn heights(&self, draw: &mut Draw) -> Option<Bytes> {
        let (scope, device, incarnation) = self.log(draw)?;
        let height = 1 + draw.below(1_000);
        Some(tricks::heights(
            self.community,
            scope,
            &[(device, incarnation, height)],
        ))
    }

    /// All of it is held, can be read, and was read, by somebody who said nothing of the kind.
    fn confirmation(&self, draw: &mut Draw) -> Option<Bytes> {
        let log = self.log(draw)?;
        Some(match draw.chance(500) {
            true => tricks::confirmed(self.community, log),
            false => tricks::read(self.community, log),
        })
    }

    /// First words to the owner in the name of another member.
    fn letter(&self, draw: &mut Draw) -> Option<Bytes> {
        let to = self.served.first()?.first()?.header.id();
        let joins: Vec<_> = self.joins().collect();
        let writer = draw.pick(&joins)?;
        let prekey = self.prekeys.iter().find(|one| one.device == writer.device);
        let prekey = prekey.unwrap_or(&writer.prekey);
        let words: Vec<u8> = (0..80).map(|_| byte(draw)).collect();
        Some(tricks::letter(
            to.into(),
            (&writer.chain[..], prekey),
            &words,
            self.key,
        ))
    }
}

fn byte(draw: &mut Draw) -> u8 {
    u8::try_from(draw.below(256)).expect("it is below 256")
}

fn draw_u32(draw: &mut Draw) -> u32 {
    u32::try_from(draw.below(1 << 32)).expect("it is below 2^32")
}
