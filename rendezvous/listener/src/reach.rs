//! Whereto streams of clients may lead: nobody uses a bridge to get at what only its operator should reach.
//!
//! What may not be reached follows the registries of special-purpose addresses (RFC 6890 and its updates, at IANA). The
//! address that is looked at is the one that is connected to: there are no names that could lead elsewhere later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whereto streams of clients may lead, beside the home node of their account, which always may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To unicast addresses that are routed everywhere.
    Public,
    /// Anywhere: for networks of one's own, and for tests.
    Any,
}

impl Reach {
    /// Whether an address may be connected to. Port 0 is none.
    #[must_use]
    pub fn allows(self, address: SocketAddr) -> bool {
        let there = match self {
            Self::Public => is_public(address.ip()),
            Self::Any => true,
        };
        there && address.port() != 0
    }
}

/// Whether an address is unicast and routed everywhere. One of IPv4 that is written as one of IPv6 is what it stands for.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network", loopback.
        [0 | 127, ..] => true,
        // Shared by carriers: RFC 6598.
        [100, second, ..] => second & 0xc0 == 64,
        // Of protocols; relays of 6to4, which are no more: RFC 7526.
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        // Benchmarks: RFC 2544.
        [198, 18 | 19, ..] => true,
        // Multicast, reserved, broadcast.
        [first, ..] if first >= 224 => true,
        _ => false,
    };
    !(special || address.is_private() || address.is_link_local() || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Of protocols, Teredo and ORCHID among them: RFC 2928; documentation: RFC 3849, RFC 9637; 6to4, which leads to an
        // address of IPv4: RFC 3056.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [0x3fff, second, ..] => second > 0xfff,
        // All that is given out for unicast: RFC 4291 section 2.4. Loopback, link-local, unique local, multicast, NAT64 and
        // the forms that hold an address of IPv4 are outside.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_reached_and_no_others() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.1",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2a01:4f8::1",
            "3fff:1000::1",
            "::ffff:1.1.1.1",
        ];
        let other = [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.255",
            "192.0.2.7",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:0.0.0.0",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:192.168.0.1",
            "::ffff:224.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "2001:db8::7",
            "2002:a00:1::1",
            "3fff::1",
            "3fff:fff::1",
            "4000::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for (addresses, may) in [(&public[..], true), (&other[..], false)] {
            for text in addresses {
                let ip: IpAddr = text.parse().unwrap();
                assert_eq!(Reach::Public.allows((ip, 4001).into()), may, "{text}");
                assert!(Reach::Any.allows((ip, 4001).into()), "{text}");
                for reach in [Reach::Public, Reach::Any] {
                    assert!(!reach.allows((ip, 0).into()), "{text} with port 0");
                }
            }
        }
    }
}
