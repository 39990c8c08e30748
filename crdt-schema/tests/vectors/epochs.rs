//! Epoch keys: secret, commitment, gossip, links and HPKE wraps with fixed randomness.

use alloquy_ids::{EpochId, ScopeId};
use alloquy_schema::codec::Canonical;
use alloquy_schema::epoch::{EpochKey, seal_link, unwrap, wrap};
use alloquy_schema::identity::sign_prekey;
use alloquy_schema::keys::DeviceKey;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use serde_json::json;

use crate::{golden, hex, seed};

#[test]
fn epochs() {
    let parent = EpochKey::Link(seed("parent link key"));
    let child = EpochKey::Link(seed("child link key"));
    let (scope, parent_id, child_id) = (
        ScopeId(seed("community")),
        EpochId(seed("parent epoch")),
        EpochId(seed("child epoch")),
    );
    let secret = child.secret();
    let commit = secret.commit(scope, &[parent_id]);
    let gossip = secret.gossip_key();
    let mut rng = ChaCha20Rng::from_seed(seed("randomness"));
    let recipient = seed("prekey secret");
    let to = sign_prekey(&DeviceKey::from_seed(&seed("device")), 1, &recipient).key;
    let wraps = [("link", &child), ("secret", &child.secret_only())].map(|(name, key)| {
        let wrapped = wrap(child_id, key, &to, &mut rng);
        assert_eq!(unwrap(child_id, &wrapped, &recipient).as_ref(), Some(key));
        json!({"name": name, "wrap": hex(wrapped.to_bytes()), "key": hex(key.to_bytes())})
    });
    let frame = b"a frame of gossip";
    golden(
        "epochs.json",
        &json!({
            "key_scope": hex(scope.0),
            "epoch": hex(child_id.0),
            "parents": [hex(parent_id.0)],
            "link_key": hex(&child.to_bytes()[1..]),
            "secret": hex(&child.secret_only().to_bytes()[1..]),
            "commit": hex(commit),
            "gossip_topic": hex(gossip.topic()),
            "gossip_frame": hex(frame),
            "gossip_sealed": hex(gossip.seal(frame, &mut rng)),
            "link_parent": hex(parent.to_bytes()),
            "link": hex(seal_link(&child, &commit, &parent).expect("a link key is held")),
            "recipient_secret": hex(recipient),
            "recipient": hex(to),
            "wraps": wraps,
        }),
    );
}
