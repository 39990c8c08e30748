//! A conversation of two, an account's own, a group with one addition, and safety words.

use alloquy_ids::{AccountId, ScopeId, UnixMs};
use alloquy_schema::authority::direct;
use alloquy_schema::authority::op::{AuthorityOp, Genesis};
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::Kind;
use alloquy_schema::identity::{create, evaluate, sign_prekey};
use alloquy_schema::permissions::{CommunityKind, HistoryPolicy, Permissions};
use alloquy_schema::safety;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::{Value, json};

use super::events::{clear, header};
use crate::{golden, hex, seed};

fn conversation(one: AccountId, other: AccountId) -> Value {
    let genesis = direct::genesis(one, other);
    let id = direct::id(one, other);
    assert_eq!(genesis, direct::genesis(other, one));
    json!({
        "accounts": [hex(one.0), hex(other.0)],
        "event": hex(genesis.to_bytes()),
        "id": hex(id.0),
        "channel": hex(direct::channel(id).0),
    })
}

#[test]
fn conversations() {
    let [ana, ben] = ["Ana", "Ben"].map(|name| {
        create(
            UnixMs(1_767_225_600_000),
            &mut ChaCha20Rng::from_seed(seed(name)),
        )
    });
    let [of_ana, of_ben] = [&ana, &ben]
        .map(|account| evaluate(std::slice::from_ref(&account.genesis)).expect("a genesis"));
    let genesis = AuthorityOp::Genesis(Genesis {
        level: 1,
        nonce: seed("nonce")[..16].try_into().expect("16 of 32 bytes"),
        founder: vec![ana.genesis.clone()],
        history: HistoryPolicy::SinceJoin,
        everyone: Permissions::GROUP,
        kind: CommunityKind::Group,
        pair: None,
    });
    let first = clear(
        header(Kind::Authority, &ana.device),
        &genesis.to_bytes(),
        &ana.device,
    );
    let add = AuthorityOp::Add {
        account: of_ben.account,
        chain: vec![ben.genesis.clone()],
        prekey: sign_prekey(&ben.device, 1, &seed("prekey secret")),
    };
    let mut next = header(Kind::Authority, &ana.device);
    next.scope = ScopeId(first.header.id().0);
    (next.seq, next.lamport, next.prev) = (1, 2, first.header.id());
    let second = clear(next, &add.to_bytes(), &ana.device);
    let digest = safety::digest(&of_ana, &of_ben);
    golden(
        "direct.json",
        &json!({
            "conversations": [
                conversation(of_ana.account, of_ben.account),
                conversation(of_ana.account, of_ana.account),
            ],
            "group": hex(first.to_bytes()),
            "added": hex(second.to_bytes()),
            "safety": {
                "chains": [hex(ana.genesis.to_bytes()), hex(ben.genesis.to_bytes())],
                "digest": hex(digest),
                "words": safety::words(&digest).join(" "),
            },
        }),
    );
}
