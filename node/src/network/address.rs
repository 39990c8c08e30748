//! Places: multiaddrs as text, what lies behind them, and which are worth telling.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use alloquy_api::snapshot::PathKind;
use alloquy_ids::NetworkKey;
pub(super) use alloquy_relay::{key_of, peer_of};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};

/// Addresses of one peer that are kept: a machine has a few interfaces with two transports each.
pub(super) const PEER_ADDRESSES_MAX: usize = 32;
/// Bytes of one address as text: far above any that we dial.
const ADDRESS_BYTES_MAX: usize = 256;

/// Whether an address leads through a relay.
pub(super) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The relay's own address and name, of an address that leads through one relay.
pub(super) fn split_circuit(address: &Multiaddr) -> Option<(Multiaddr, PeerId)> {
    let before: Multiaddr = address
        .iter()
        .take_while(|part| *part != Protocol::P2pCircuit)
        .collect();
    match split_peer(before) {
        (relay, Some(peer)) if is_circuit(address) && !relay.is_empty() => Some((relay, peer)),
        _ => None,
    }
}

/// The IP address that an address begins with; IPv4 within IPv6 as IPv4.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(ip.into()),
        Some(Protocol::Ip6(ip)) => Some(IpAddr::from(ip).to_canonical()),
        _ => None,
    }
}

/// Whether packets to an IP address may come from anywhere on the internet.
pub(super) fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared_by_carrier = a == 100 && (64..128).contains(&b);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || shared_by_carrier)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unspecified() || is_local(ip)),
    }
}

/// Where an address leads to, the most useful first; addresses of one kind are over different transports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Global4,
    Relay(PeerId),
    Global6,
    Local4,
    Local6,
    Here,
}

fn kind_of(address: &Multiaddr) -> Kind {
    if let Some((_, relay)) = split_circuit(address) {
        return Kind::Relay(relay);
    }
    match ip_of(address) {
        Some(ip) if ip.is_loopback() => Kind::Here,
        Some(ip @ IpAddr::V4(_)) if is_global(ip) => Kind::Global4,
        Some(IpAddr::V4(_)) => Kind::Local4,
        Some(ip) if !is_global(ip) => Kind::Local6,
        // Names and what is not known may lead anywhere.
        _ => Kind::Global6,
    }
}

/// Orders addresses so that however few are taken from the front, they are a mix: one of each kind, QUIC first, then the
/// next of each.
pub(super) fn mixed(addresses: impl IntoIterator<Item = Multiaddr>) -> Vec<Multiaddr> {
    let mut kinds: BTreeMap<Kind, Vec<Multiaddr>> = BTreeMap::new();
    for address in addresses {
        let of_kind = kinds.entry(kind_of(&address)).or_default();
        if !of_kind.contains(&address) {
            of_kind.push(address);
        }
    }
    let is_quic = |address: &Multiaddr| address.iter().any(|part| part == Protocol::QuicV1);
    let mut ranked: Vec<(usize, usize, Multiaddr)> = Vec::new();
    for (place, (_, mut of_kind)) in kinds.into_iter().enumerate() {
        of_kind.sort_by_key(|address| (!is_quic(address), address.to_string()));
        // QUIC and TCP take turns within a kind.
        let (quic, other): (Vec<_>, Vec<_>) = of_kind.into_iter().partition(is_quic);
        let turns = |list: Vec<Multiaddr>, first: usize| {
            list.into_iter()
                .enumerate()
                .map(move |(n, address)| (2 * n + first, address))
        };
        let both = turns(quic, 0).chain(turns(other, 1));
        ranked.extend(both.map(|(turn, address)| (turn, place, address)));
    }
    ranked.sort_by_key(|(turn, place, _)| (*turn, *place));
    ranked.into_iter().map(|(_, _, address)| address).collect()
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

/// Whose address it is, and the address as the core keeps it, if it names the peer behind it.
pub(crate) fn named_place(address: Multiaddr) -> Option<(NetworkKey, String)> {
    let (place, peer) = split_peer(address);
    Some((key_of(&peer?)?, place.to_string())).filter(|_| !place.is_empty())
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
    let bare = addresses
        .iter()
        .map(|address| split_peer(address.clone()).0);
    for address in mixed(bare.filter(|address| !address.is_empty())) {
        let text = address.to_string();
        if text.len() <= ADDRESS_BYTES_MAX {
            texts.push(text);
        }
        if texts.len() == PEER_ADDRESSES_MAX {
            break;
        }
    }
    texts
}

/// The relay that a remote address leads through, by name.
pub(crate) fn relay_of(remote: &str) -> Option<String> {
    let address = remote.parse::<Multiaddr>().ok()?;
    split_circuit(&address).map(|(_, relay)| relay.to_string())
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

/// Whether a direct connection to this address stays on the local network; `found` is where mDNS sees its peer.
pub(super) fn is_near(remote: &Multiaddr, found: &[Multiaddr]) -> bool {
    let local = matches!(
        path_kind(&remote.to_string()),
        PathKind::Loopback | PathKind::Local
    );
    let ip = ip_of(remote);
    local || (ip.is_some() && found.iter().any(|address| ip_of(address) == ip))
}

fn is_local(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local() || ip.is_unique_local()
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;

    #[test]
    fn the_first_addresses_are_a_mix_of_all_ways() {
        let relays = [1, 2].map(|n| {
            let pair = Keypair::ed25519_from_bytes([n; 32]).unwrap();
            pair.public().to_peer_id()
        });
        let mut all: Vec<String> = Vec::new();
        for host in [
            "/ip4/127.0.0.1",
            "/ip4/192.168.1.7",
            "/ip4/10.1.1.7",
            "/ip4/198.51.100.7",
            "/ip6/2001:db8::7",
            "/ip6/fd00::7",
        ] {
            all.push(format!("{host}/tcp/1"));
            all.push(format!("{host}/udp/1/quic-v1"));
        }
        for relay in relays {
            all.push(format!("/ip4/203.0.113.1/tcp/4/p2p/{relay}/p2p-circuit"));
            all.push(format!(
                "/ip4/203.0.113.1/udp/4/quic-v1/p2p/{relay}/p2p-circuit"
            ));
        }
        let all = all.iter().map(|text| text.parse().unwrap());
        let first: Vec<String> = mixed(all).iter().take(8).map(ToString::to_string).collect();
        for wanted in [
            "/ip4/198.51.100.7/udp/1/quic-v1",
            "/ip6/2001:db8::7/udp/1/quic-v1",
            "/udp/1/quic-v1",
        ] {
            assert!(first.iter().any(|text| text.contains(wanted)), "{first:?}");
        }
        for relay in relays {
            let through = format!("quic-v1/p2p/{relay}/p2p-circuit");
            assert!(
                first.iter().any(|text| text.ends_with(&through)),
                "{first:?}"
            );
        }
        assert!(first[7].contains("/tcp/"), "then over TCP: {first:?}");
    }

    #[test]
    fn near_is_what_no_router_lies_before() {
        let parse = |text: &str| text.parse::<Multiaddr>().unwrap();
        let outside = parse("/ip6/2001:db8::7/udp/1/quic-v1");
        for local in [
            "/ip4/192.168.1.7/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip4/127.0.0.1/tcp/1",
        ] {
            assert!(is_near(&parse(local), &[]), "{local}");
        }
        assert!(!is_near(&outside, &[]));
        assert!(!is_near(&outside, &[parse("/ip6/2001:db8::8/tcp/1")]));
        assert!(
            is_near(&outside, &[parse("/ip6/2001:db8::7/tcp/4")]),
            "mDNS sees it"
        );
        assert!(!is_near(
            &parse("/dns4/example.org/tcp/1"),
            &[parse("/dns4/example.org/tcp/1")]
        ));
    }

    #[test]
    fn the_relay_of_an_address_is_found_and_nothing_else_is_taken_for_one() {
        let peer = Keypair::ed25519_from_bytes([7; 32])
            .unwrap()
            .public()
            .to_peer_id();
        let relay: Multiaddr = "/ip4/203.0.113.1/tcp/4".parse().unwrap();
        let circuit = format!("{relay}/p2p/{peer}/p2p-circuit").parse().unwrap();
        assert_eq!(split_circuit(&circuit), Some((relay, peer)));
        for other in [
            "/ip4/203.0.113.1/tcp/4".to_owned(),
            "/ip4/203.0.113.1/tcp/4/p2p-circuit".to_owned(),
            format!("/p2p/{peer}/p2p-circuit"),
            format!("/ip4/203.0.113.1/tcp/4/p2p/{peer}"),
        ] {
            assert_eq!(split_circuit(&other.parse().unwrap()), None, "{other}");
        }
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
            ["/ip6/::1/udp/2/quic-v1", "/ip4/127.0.0.1/tcp/1"],
            "QUIC first"
        );
        let many: Vec<_> = (1..100)
            .map(|port| format!("/ip4/1.2.3.4/tcp/{port}"))
            .collect();
        assert_eq!(parse_kept(&many).len(), PEER_ADDRESSES_MAX);
    }
}
