//! Names of peers and places: network keys, libp2p's peer ids, multiaddrs as text.
//!
//! A peer id of an Ed25519 key is the key itself behind six bytes (an identity multihash of its protobuf form),
//! so the two convert into each other without a table. Peers with other kinds of keys have no
//! [`NetworkKey`] and are not served.

use std::net::{IpAddr, Ipv6Addr};

use alloquy_api::snapshot::PathKind;
use alloquy_ids::NetworkKey;
use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// Addresses of one peer that are kept: a machine has a few interfaces with two transports each.
pub(super) const PEER_ADDRESSES_MAX: usize = 32;
/// Bytes of one address as text: far above any that we dial.
const ADDRESS_BYTES_MAX: usize = 256;

/// The network key inside a peer id, if it is of an Ed25519 key.
pub(super) fn key_of(peer: &PeerId) -> Option<NetworkKey> {
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
pub(super) fn peer_of(key: NetworkKey) -> Option<PeerId> {
    let public = ed25519::PublicKey::try_from_bytes(key.as_bytes()).ok()?;
    Some(PublicKey::from(public).to_peer_id())
}

/// Cuts a `/p2p/..` at the end off and returns it.
pub(super) fn split_peer(mut address: Multiaddr) -> (Multiaddr, Option<PeerId>) {
    match address.pop() {
        Some(Protocol::P2p(peer)) => (address, Some(peer)),
        Some(other) => {
            address.push(other);
            (address, None)
        }
        None => (address, None),
    }
}

/// What a peer's record or a person says, as addresses to dial; what does not parse is left out.
pub(super) fn parse_kept(texts: &[String]) -> Vec<Multiaddr> {
    let mut addresses: Vec<Multiaddr> = Vec::new();
    for text in texts.iter().filter(|text| text.len() <= ADDRESS_BYTES_MAX) {
        let Ok(address) = text.parse() else { continue };
        let (address, _) = split_peer(address);
        if !address.is_empty() && !addresses.contains(&address) {
            addresses.push(address);
        }
        if addresses.len() == PEER_ADDRESSES_MAX {
            break;
        }
    }
    addresses
}

/// What a peer says of itself, as text for its record.
pub(super) fn texts_of(addresses: &[Multiaddr]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for address in addresses {
        let text = split_peer(address.clone()).0.to_string();
        if !text.is_empty() && text.len() <= ADDRESS_BYTES_MAX && !texts.contains(&text) {
            texts.push(text);
        }
        if texts.len() == PEER_ADDRESSES_MAX {
            break;
        }
    }
    texts
}

/// What lies between this machine and a remote address.
pub(crate) fn path_kind(remote: &str) -> PathKind {
    let Ok(address) = remote.parse::<Multiaddr>() else {
        return PathKind::Direct;
    };
    if address.iter().any(|part| part == Protocol::P2pCircuit) {
        return PathKind::Relayed;
    }
    let ip = address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::from(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::from(ip).to_canonical()),
        _ => None,
    });
    match ip {
        Some(ip) if ip.is_loopback() => PathKind::Loopback,
        Some(IpAddr::V4(ip)) if ip.is_private() || ip.is_link_local() => PathKind::Local,
        Some(IpAddr::V6(ip)) if is_local(ip) => PathKind::Local,
        _ => PathKind::Direct,
    }
}

fn is_local(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.is_unique_local()
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    #[test]
    fn network_keys_and_peer_ids_are_two_names_of_one_key() {
        let pair = Keypair::ed25519_from_bytes([7; 32]).unwrap();
        let public = pair.public().try_into_ed25519().unwrap().to_bytes();
        let peer = pair.public().to_peer_id();
        assert_eq!(key_of(&peer), Some(NetworkKey(public)));
        assert_eq!(peer_of(NetworkKey(public)), Some(peer));
        assert_eq!(
            key_of(&PeerId::random()),
            None,
            "a random hash holds no key"
        );
        assert!(
            (0..=255).any(|n| peer_of(NetworkKey([n; 32])).is_none()),
            "not all bytes are points of the curve"
        );
    }

    #[test]
    fn a_path_is_judged_by_its_remote_address() {
        let peer = Keypair::ed25519_from_bytes([7; 32])
            .unwrap()
            .public()
            .to_peer_id();
        for (remote, kind) in [
            (
                "/ip4/127.0.0.1/udp/1/quic-v1".to_owned(),
                PathKind::Loopback,
            ),
            ("/ip6/::1/tcp/1".to_owned(), PathKind::Loopback),
            ("/ip6/::ffff:127.0.0.1/tcp/1".to_owned(), PathKind::Loopback),
            ("/ip4/192.168.1.7/tcp/1".to_owned(), PathKind::Local),
            ("/ip4/10.0.0.1/tcp/1".to_owned(), PathKind::Local),
            ("/ip4/172.31.0.1/tcp/1".to_owned(), PathKind::Local),
            ("/ip4/169.254.3.4/tcp/1".to_owned(), PathKind::Local),
            ("/ip6/fe80::1/tcp/1".to_owned(), PathKind::Local),
            ("/ip6/fd00::1/tcp/1".to_owned(), PathKind::Local),
            ("/ip4/172.32.0.1/tcp/1".to_owned(), PathKind::Direct),
            (
                "/ip4/203.0.113.9/udp/1/quic-v1".to_owned(),
                PathKind::Direct,
            ),
            ("/ip6/2001:db8::1/tcp/1".to_owned(), PathKind::Direct),
            (
                format!("/ip4/192.168.1.7/tcp/1/p2p/{peer}/p2p-circuit"),
                PathKind::Relayed,
            ),
        ] {
            assert_eq!(path_kind(&remote), kind, "{remote}");
        }
    }

    #[test]
    fn addresses_lose_their_peer_and_doubles_and_nonsense_are_left_out() {
        let peer = Keypair::ed25519_from_bytes([7; 32])
            .unwrap()
            .public()
            .to_peer_id();
        let texts = [
            "/ip4/127.0.0.1/tcp/1".to_owned(),
            format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}"),
            format!("/p2p/{peer}"),
            "nonsense".to_owned(),
            format!("/ip4/127.0.0.1/tcp/2/{}", "x".repeat(1000)),
            "/ip6/::1/udp/2/quic-v1".to_owned(),
        ];
        let kept = parse_kept(&texts);
        assert_eq!(
            texts_of(&kept),
            ["/ip4/127.0.0.1/tcp/1", "/ip6/::1/udp/2/quic-v1"]
        );
        let many: Vec<_> = (1..100)
            .map(|port| format!("/ip4/1.2.3.4/tcp/{port}"))
            .collect();
        assert_eq!(parse_kept(&many).len(), PEER_ADDRESSES_MAX);
    }
}
