//! A community of two at one moment: the same each time, as everything follows from fixed seeds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use alloquy_core::{Input, Topic};
use alloquy_ids::{DeviceId, EpochId, EventId, NetworkKey, ScopeId, UnixMs};
use alloquy_schema::authority::AuthorityLog;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, EpochSecret};
use alloquy_schema::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;

use super::pair::{Packet, Pair, Side, now_at};
use crate::draw;
use crate::held;
use crate::machine::Records;

/// What the doors lead into.
pub(super) struct Club {
    /// The founder's store.
    pub(super) records: Records,
    /// The other member.
    pub(super) peer: NetworkKey,
    /// Monotonic time at that moment.
    pub(super) now: u64,
    /// What the other member sent after that moment, and before it.
    pub(super) heard: [Vec<Packet>; 2],
    /// Events that the founder held, authority operations first among them.
    pub(super) events: Vec<VerifiedEvent>,
    /// The invite by which the other member came, as a link.
    pub(super) link: String,
    keys: [DeviceKey; 2],
    epochs: BTreeMap<EpochId, EpochKey>,
}

/// Made once in a process.
pub(super) fn club() -> &'static Club {
    static CLUB: OnceLock<Club> = OnceLock::new();
    CLUB.get_or_init(Club::new)
}

impl Club {
    fn new() -> Self {
        let mut pair = Pair::new();
        let alloquy_api::Reply::Community { community } = pair.line(0, "create-community club")
        else {
            panic!("a community is made");
        };
        pair.line(0, "create-channel club text general");
        pair.line(0, "create-channel club text staff --private");
        pair.line(
            0,
            "role create club helper --rank 10 --allow manage-messages,kick,manage-community",
        );
        let link = match pair.line(0, "invite club") {
            alloquy_api::Reply::Invite { invite, .. } => invite,
            other => panic!("an invite: {other:?}"),
        };
        pair.line(1, &format!("join {link}"));
        pair.line(0, "role grant club helper ben");
        pair.line(0, "send club/general \"welcome\"");
        pair.line(1, "send club/general \"thank you\"");
        pair.pass(3_000);
        let before = std::mem::take(&mut pair.heard);
        let records = pair.sides[0].records.clone();
        let now = pair.sides[0].now.mono.0;
        for line in [
            "send club/general \"new to ana\"",
            "typing club/general",
            "profile about \"a few words\"",
            "invite club",
            "send club/general \"and another one\"",
        ] {
            pair.line(1, line);
        }
        // What is written apart comes as ranges.
        pair.link(false);
        pair.line(1, "send club/general \"written apart\"");
        pair.line(1, "rekey club");
        pair.line(1, "send club/general \"under a new key\"");
        pair.link(true);
        pair.pass(20_000);
        let of_club: Records = records
            .iter()
            .filter(|(key, _)| key.get(1..33) == Some(&community.0[..]))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let (events, epochs) = (held::events(&of_club), held::epochs(&of_club));
        Self {
            peer: pair.sides[1].key,
            now,
            heard: [pair.heard, before],
            events,
            link,
            keys: [&records, &pair.sides[1].records].map(|records| held::device_key(records).0),
            epochs,
            records,
        }
    }

    /// The founder at that moment, with the other member connected.
    pub(super) fn member(&self) -> Side {
        let mut side = Side::start(self.records.clone(), now_at(self.now))
            .expect("the records are those of a sound store");
        side.feed(Input::PeerUp(self.peer));
        side
    }

    /// A gossip frame with this content, as a member seals it.
    pub(super) fn sealed(&self, content: &[u8]) -> Packet {
        let key = self.epochs.values().next().expect("the founder has a key");
        let key = key.secret().gossip_key();
        let mut rng = draw::stream(2, "seal");
        Packet::Gossip(Topic(key.topic()), Bytes::from(key.seal(content, &mut rng)))
    }

    /// The content of a gossip frame.
    pub(super) fn unsealed(&self, topic: Topic, frame: &[u8]) -> Option<Vec<u8>> {
        held::opened(&self.epochs, topic, frame)
    }

    pub(super) fn secret(&self, epoch: EpochId) -> Option<EpochSecret> {
        self.epochs.get(&epoch).map(EpochKey::secret)
    }

    /// All authority operations at that moment.
    pub(super) fn log(&self) -> AuthorityLog {
        let mut operations = self
            .events
            .iter()
            .filter(|event| event.header().kind == Kind::Authority)
            .cloned();
        let genesis = operations.next().expect("a community has a genesis");
        let mut log = AuthorityLog::new(genesis).expect("it is one");
        for event in operations {
            log.insert(event).expect("they are in order");
        }
        log
    }

    /// An operation by the founder (0) or the other member (1), with everything in its past.
    pub(super) fn signed(&self, who: usize, op: &AuthorityOp) -> VerifiedEvent {
        let operations = || {
            let all = self.events.iter();
            all.filter(|event| event.header().kind == Kind::Authority)
        };
        let named: Vec<EventId> = operations()
            .flat_map(|event| event.header().parents().collect::<Vec<_>>())
            .collect();
        let heads: Vec<_> = operations()
            .filter(|event| !named.contains(&event.id()))
            .collect();
        let body = op.to_bytes();
        let scope = operations().next().expect("a community has a genesis").id();
        let header = Header {
            kind: Kind::Authority,
            scope: ScopeId(scope.0),
            device: DeviceId(self.keys[who].public()),
            incarnation: u32::MAX,
            seq: 0,
            prev: EventId::ZERO,
            deps: heads.iter().map(|event| event.id()).collect(),
            auth: Vec::new(),
            lamport: 1 + heads
                .iter()
                .map(|event| event.header().lamport)
                .max()
                .unwrap_or(0),
            wall: UnixMs(0),
            epoch: EpochId::ZERO,
            body_len: u32::try_from(body.len()).expect("a body is small"),
            body_commit: clear_commit(&body),
        };
        let signed = SignedEvent::sign(header, body, &self.keys[who]);
        signed.verify().expect("it was just signed")
    }
}
