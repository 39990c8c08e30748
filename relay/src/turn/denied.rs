//! Addresses that a TURN server sends nothing to: whoever has a credential could otherwise use it to reach the
//! machines of its operator's own network, or the machine itself.
//!
//! From the IANA registries of special-purpose addresses (RFC 6890 and its successors), multicast (RFC 5771, RFC
//! 4291), and every way to write an IPv4 address as an IPv6 one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// First and last address, and why.
const V4: [([u8; 4], [u8; 4], &str); 15] = [
    ([0, 0, 0, 0], [0, 255, 255, 255], "this network"),
    ([10, 0, 0, 0], [10, 255, 255, 255], "private"),
    (
        [100, 64, 0, 0],
        [100, 127, 255, 255],
        "a carrier's shared addresses",
    ),
    ([127, 0, 0, 0], [127, 255, 255, 255], "loopback"),
    (
        [169, 254, 0, 0],
        [169, 254, 255, 255],
        "link-local, and metadata of clouds",
    ),
    ([172, 16, 0, 0], [172, 31, 255, 255], "private"),
    ([192, 0, 0, 0], [192, 0, 0, 255], "protocol assignments"),
    ([192, 0, 2, 0], [192, 0, 2, 255], "documentation"),
    ([192, 88, 99, 0], [192, 88, 99, 255], "6to4 relays"),
    ([192, 168, 0, 0], [192, 168, 255, 255], "private"),
    ([198, 18, 0, 0], [198, 19, 255, 255], "benchmarks"),
    ([198, 51, 100, 0], [198, 51, 100, 255], "documentation"),
    ([203, 0, 113, 0], [203, 0, 113, 255], "documentation"),
    ([224, 0, 0, 0], [239, 255, 255, 255], "multicast"),
    (
        [240, 0, 0, 0],
        [255, 255, 255, 255],
        "reserved, and broadcast",
    ),
];

/// First segments, bits of the prefix, and why.
const V6: [([u16; 4], u32, &str); 15] = [
    (
        [0, 0, 0, 0],
        64,
        "unspecified, loopback, IPv4-mapped and IPv4-compatible",
    ),
    ([0x64, 0xff9b, 0, 0], 96, "NAT64: an IPv4 address inside"),
    (
        [0x64, 0xff9b, 1, 0],
        48,
        "NAT64 of a site: an IPv4 address inside",
    ),
    ([0x100, 0, 0, 0], 64, "discard only"),
    (
        [0x2001, 0, 0, 0],
        32,
        "Teredo: IPv4 addresses and ports inside",
    ),
    ([0x2001, 2, 0, 0], 48, "benchmarks"),
    ([0x2001, 0x10, 0, 0], 28, "ORCHID"),
    ([0x2001, 0x20, 0, 0], 28, "ORCHIDv2"),
    ([0x2001, 0xdb8, 0, 0], 32, "documentation"),
    ([0x2002, 0, 0, 0], 16, "6to4: an IPv4 address inside"),
    ([0x3fff, 0, 0, 0], 20, "documentation"),
    ([0x5f00, 0, 0, 0], 16, "segment routing"),
    ([0xfc00, 0, 0, 0], 7, "unique local"),
    ([0xfe80, 0, 0, 0], 9, "link-local and site-local"),
    ([0xff00, 0, 0, 0], 8, "multicast"),
];

/// All ranges with the reason, IPv4 first.
pub fn ranges() -> impl Iterator<Item = (RangeInclusive<IpAddr>, &'static str)> {
    let v4 = V4.iter().map(|(first, last, why)| {
        let (first, last) = (Ipv4Addr::from(*first), Ipv4Addr::from(*last));
        (IpAddr::V4(first)..=IpAddr::V4(last), *why)
    });
    let v6 = V6.iter().map(|([a, b, c, d], bits, why)| {
        let first = Ipv6Addr::new(*a, *b, *c, *d, 0, 0, 0, 0);
        let last = Ipv6Addr::from(first.to_bits() | (u128::MAX >> bits));
        (IpAddr::V6(first)..=IpAddr::V6(last), *why)
    });
    v4.chain(v6)
}

/// Why nothing is sent to an address; `None` for one of the internet.
#[must_use]
pub fn reason(ip: IpAddr) -> Option<&'static str> {
    let mut ranges = ranges();
    ranges
        .find(|(range, _)| range.contains(&ip))
        .map(|(_, why)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_sent_to() {
        for (text, denied) in [
            ("1.1.1.1", false),
            ("45.83.1.2", false),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("172.15.255.255", false),
            ("172.32.0.0", false),
            ("223.255.255.255", false),
            ("2a0e:1d80:1::2", false),
            ("2606:4700::1111", false),
            ("2001:4860:4860::8888", false),
            ("2003::1", false),
            ("0.0.0.0", true),
            ("10.0.0.1", true),
            ("100.64.0.1", true),
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("169.254.169.254", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.0.0.8", true),
            ("192.168.1.1", true),
            ("198.19.255.255", true),
            ("203.0.113.7", true),
            ("224.0.0.251", true),
            ("255.255.255.255", true),
            ("::", true),
            ("::1", true),
            ("::ffff:10.0.0.1", true),
            ("::ffff:1.1.1.1", true),
            ("::1.1.1.1", true),
            ("64:ff9b::a00:1", true),
            ("64:ff9b:1::a00:1", true),
            ("2001:0:1::1", true),
            ("2001:db8::1", true),
            ("2002:a00:1::1", true),
            ("fc00::1", true),
            ("fdff::1", true),
            ("fe80::1", true),
            ("fec0::1", true),
            ("ff02::1", true),
        ] {
            let ip = text.parse().unwrap();
            assert_eq!(reason(ip).is_some(), denied, "{text}: {:?}", reason(ip));
        }
    }

    #[test]
    fn no_range_is_empty_or_mixes_families() {
        for (range, why) in ranges() {
            assert!(range.start() < range.end(), "{range:?} {why}");
            assert_eq!(range.start().is_ipv4(), range.end().is_ipv4(), "{range:?}");
        }
    }
}
