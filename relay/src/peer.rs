//! Names of peers: a network key and libp2p's peer id are two names of one Ed25519 key.
//!
//! A peer id of an Ed25519 key is the key itself behind six bytes (an identity multihash of its protobuf form), so
//! the two convert into each other without a table.

use alloquy_ids::NetworkKey;
use libp2p::PeerId;
use libp2p::identity::{PublicKey, ed25519};

/// The network key inside a peer id, if it is of an Ed25519 key.
#[must_use]
pub fn key_of(peer: &PeerId) -> Option<NetworkKey> {
    /// Multicodec of the identity hash.
    const IDENTITY: u64 = 0x00;
    let hash = peer.as_ref();
    if hash.code() != IDENTITY {
        return None;
    }
    let public = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
    Some(NetworkKey(public.try_into_ed25519().ok()?.to_bytes()))
}

/// The peer id of a network key; `None` for bytes that are no point of the curve.
#[must_use]
pub fn peer_of(key: NetworkKey) -> Option<PeerId> {
    let public = ed25519::PublicKey::try_from_bytes(key.as_bytes()).ok()?;
    Some(PublicKey::from(public).to_peer_id())
}

/// Reads either name of a peer.
#[must_use]
pub fn parse_key(text: &str) -> Option<NetworkKey> {
    match text.parse::<NetworkKey>() {
        Ok(key) => peer_of(key).map(|_| key),
        Err(_) => key_of(&text.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    #[test]
    fn network_keys_and_peer_ids_are_two_names_of_one_key() {
        let pair = Keypair::ed25519_from_bytes([7; 32]).unwrap();
        let key = NetworkKey(pair.public().try_into_ed25519().unwrap().to_bytes());
        let peer = pair.public().to_peer_id();
        assert_eq!(key_of(&peer), Some(key));
        assert_eq!(peer_of(key), Some(peer));
        assert_eq!(
            key_of(&PeerId::random()),
            None,
            "a random hash holds no key"
        );
        assert!(
            (0..=255).any(|n| peer_of(NetworkKey([n; 32])).is_none()),
            "not all bytes are points of the curve"
        );
        for text in [key.to_string(), peer.to_string()] {
            assert_eq!(parse_key(&text), Some(key));
        }
        for text in ["", "nonsense", &PeerId::random().to_string()] {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }
}
