//! Conversations without roles: of two accounts, of one with itself, and of a group.
//!
//! The genesis of a direct conversation is a function of its two accounts, so that both sides make the same
//! bytes and two conversations started at once are one. It is signed by a key that everybody can derive: that
//! key belongs to nobody, signs this one event and is refused for any other. docs/protocol.md, "Conversations".
//!
//! Invariants: a direct conversation has the members that its genesis names, for ever; in a group nobody holds
//! a right over what others write.

use alloquy_ids::{AccountId, ChannelId, CommunityId, EpochId, EventId, ScopeId, UnixMs};

use super::op::{AuthorityOp, Genesis};
use crate::codec::Canonical;
use crate::event::{Header, Kind, SignedEvent, clear_commit};
use crate::hash::derive;
use crate::keys::DeviceKey;
use crate::permissions::{CommunityKind, HistoryPolicy, Permissions};

/// Level of the rules of a conversation.
pub const LEVEL: u16 = 1;

/// The genesis of the conversation of two accounts, in any order; of one with itself: the account's own.
#[must_use]
pub fn genesis(one: AccountId, other: AccountId) -> SignedEvent {
    let pair = (one.min(other), one.max(other));
    let parts: [&[u8]; 2] = [pair.0.as_bytes(), pair.1.as_bytes()];
    let key = DeviceKey::from_seed(&derive("alloquy direct key v1", &parts));
    let nonce = derive("alloquy direct nonce v1", &parts);
    let op = AuthorityOp::Genesis(Genesis {
        level: LEVEL,
        nonce: nonce[..16].try_into().expect("16 of 32 bytes"),
        founder: Vec::new(),
        history: HistoryPolicy::All,
        everyone: Permissions::DIRECT,
        kind: CommunityKind::Direct,
        pair: Some(pair),
    });
    let body = op.to_bytes();
    let header = Header {
        kind: Kind::Authority,
        scope: ScopeId::ZERO,
        device: key.id(),
        incarnation: 0,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall: UnixMs(0),
        epoch: EpochId::ZERO,
        body_len: u32::try_from(body.len()).expect("a genesis of two ids is some hundred bytes"),
        body_commit: clear_commit(&body),
    };
    SignedEvent::sign(header, body, &key)
}

/// The conversation of two accounts, in any order.
#[must_use]
pub fn id(one: AccountId, other: AccountId) -> CommunityId {
    CommunityId::from(genesis(one, other).header.id())
}

/// The one channel of a conversation.
#[must_use]
pub fn channel(conversation: CommunityId) -> ChannelId {
    ChannelId(derive(
        "alloquy direct channel v1",
        &[conversation.as_bytes()],
    ))
}

/// What a genesis of its kind must say, besides what its bytes and the founder's chain prove.
pub(super) fn check(id: EventId, genesis: &Genesis) -> Result<(), String> {
    match (genesis.kind, genesis.pair) {
        (CommunityKind::Community, None) => Ok(()),
        (CommunityKind::Group, None) => {
            if genesis.level != LEVEL || genesis.everyone != Permissions::GROUP {
                return Err("a group conversation has fixed rights and level 1".to_owned());
            }
            Ok(())
        }
        (CommunityKind::Direct, Some((one, other))) => {
            if self::genesis(one, other).header.id() == id {
                Ok(())
            } else {
                Err("it is not the genesis of a conversation of these accounts".to_owned())
            }
        }
        _ => Err("only a direct conversation names two accounts".to_owned()),
    }
}
