//! A community's genesis, an invite, a join by it, the admission, and its first two epochs.

use alloquy_ids::{CommunityId, EpochId, EventId, InviteId, ScopeId, UnixMs};
use alloquy_schema::authority::op::{AuthorityOp, EpochAnnouncement, Genesis, Join};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, seal_link};
use alloquy_schema::event::{Kind, SignedEvent};
use alloquy_schema::identity::{NewAccount, create, sign_prekey};
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions};
use alloquy_schema::policy::{RaidLimit, Rule};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

use super::events::{clear, header};
use crate::{golden, hex, seed};

fn account(name: &str) -> NewAccount {
    create(
        UnixMs(1_767_225_600_000),
        &mut ChaCha20Rng::from_seed(seed(name)),
    )
}

/// The next operation of one device's log; the first is a genesis.
fn operation(log: &[SignedEvent], op: &AuthorityOp, device: &DeviceKey) -> SignedEvent {
    let mut next = header(Kind::Authority, device);
    next.scope = log
        .first()
        .map_or(ScopeId::ZERO, |genesis| ScopeId(genesis.header.id().0));
    next.seq = log.len() as u64;
    next.lamport = log.len() as u64 + 1;
    next.prev = log.last().map_or(EventId::ZERO, |last| last.header.id());
    clear(next, &op.to_bytes(), device)
}

fn vector(name: &str, op: &AuthorityOp, event: &SignedEvent) -> Value {
    assert_eq!(AuthorityOp::from_bytes(&event.body).as_ref(), Ok(op));
    event.clone().verify().expect("signed by its own device");
    json!({
        "name": name,
        "id": hex(event.header.id().0),
        "op": hex(op.to_bytes()),
        "event": hex(event.to_bytes()),
    })
}

fn announcement(
    community: CommunityId,
    key: &EpochKey,
    parents: &[(EpochId, EpochKey)],
) -> AuthorityOp {
    let ids: Vec<_> = parents.iter().map(|(id, _)| *id).collect();
    let commit = key.secret().commit(ScopeId::from(community), &ids);
    let link = |(id, parent): &(EpochId, EpochKey)| {
        (
            *id,
            seal_link(key, &commit, parent).expect("a link key is held"),
        )
    };
    AuthorityOp::AnnounceEpoch(EpochAnnouncement {
        channel: None,
        links: parents.iter().map(link).collect(),
        parents: ids,
        commit,
    })
}

#[test]
fn authority() {
    let (founder, newcomer) = (account("Ana"), account("Ben"));
    let device = &founder.device;
    let mut log: Vec<SignedEvent> = Vec::new();
    let mut vectors = Vec::new();
    let mut add = |name: &str, op: &AuthorityOp| {
        let event = operation(&log, op, device);
        vectors.push(vector(name, op, &event));
        log.push(event);
        log[log.len() - 1].header.id()
    };
    let genesis = AuthorityOp::Genesis(Genesis {
        level: 1,
        nonce: seed("nonce")[..16].try_into().expect("16 of 32 bytes"),
        founder: vec![founder.genesis.clone()],
        history: HistoryPolicy::All,
        everyone: Permissions::VIEW | Permissions::SEND,
        kind: CommunityKind::Community,
        pair: None,
    });
    let community = CommunityId::from(add("genesis", &genesis));
    let invite_key = DeviceKey::from_seed(&seed("invite"));
    let invite = AuthorityOp::InviteCreate {
        key: invite_key.public(),
        expires: Some(UnixMs(1_767_229_200_000)),
        uses: Some(300),
    };
    let invite = InviteId::from(add("invite", &invite));
    let join = Join::sign(
        community,
        Some((invite, &invite_key)),
        vec![newcomer.genesis.clone()],
        &newcomer.device,
        sign_prekey(&newcomer.device, 1, &seed("prekey secret")),
    );
    assert!(join.check().is_ok() && join.invited_by(&invite_key.public()));
    add("admit", &AuthorityOp::Admit(join.clone()));
    let keys = ["first epoch", "second epoch"].map(|name| EpochKey::Link(seed(name)));
    let first = EpochId::from(add("first epoch", &announcement(community, &keys[0], &[])));
    let second = announcement(community, &keys[1], &[(first, keys[0].clone())]);
    add("second epoch", &second);
    let words = ["casino", "free coins"].map(str::to_owned);
    add(
        "refused words",
        &AuthorityOp::SetPolicy(Rule::Refused(words.into())),
    );
    let raid = RaidLimit {
        in_all: None,
        by_invite: Some(300),
        within_ms: 600_000,
    };
    add("limit of joins", &AuthorityOp::SetPolicy(Rule::Raid(raid)));
    golden(
        "authority.json",
        &json!({
            "founder_seed": hex(device.seed()),
            "invite_public": hex(invite_key.public()),
            "joining_device": hex(newcomer.device.public()),
            "join": hex(join.to_bytes()),
            "link_keys": keys.map(|key| hex(&key.to_bytes()[1..])),
            "operations": vectors,
        }),
    );
}
