//! Addresses: which are spared, which are one household, what is told of them.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: `127.0.0.0/8`, `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    address: IpAddr,
    prefix: u8,
}

/// A text is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no range of addresses: {reason}")]
pub struct RangeError {
    text: String,
    reason: String,
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let bad = |reason: &str| RangeError {
            text: text.chars().take(64).collect(),
            reason: reason.to_owned(),
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_error| bad("an address as 127.0.0.1 or ::1 is expected"))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(prefix) => prefix
                .parse()
                .ok()
                .filter(|prefix| *prefix <= bits)
                .ok_or_else(|| bad(&format!("after the slash stands 0 to {bits}")))?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Range {
    /// Whether an address is in it; an IPv4 address counts as itself when it came over IPv6.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                u32::from(own) & mask == u32::from(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }
}

/// Whom an address stands for: one household has a whole IPv6 /64.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

/// What is told of an address: equal for one household, and nothing of it to whoever lacks the key.
pub(crate) fn cloak(key: &[u8; 32], address: IpAddr) -> u64 {
    let text = household(address).to_string();
    let hash = blake3::keyed_hash(key, text.as_bytes());
    let (first, _) = hash
        .as_bytes()
        .split_first_chunk::<8>()
        .expect("a hash has 32 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let range = |text: &str| text.parse::<Range>().unwrap();
        assert!(range("127.0.0.0/8").holds(ip("127.1.2.3")));
        assert!(range("127.0.0.0/8").holds(ip("::ffff:127.0.0.1")));
        assert!(!range("127.0.0.0/8").holds(ip("128.0.0.1")));
        assert!(range("::1").holds(ip("::1")) && !range("::1").holds(ip("::2")));
        assert!(range("0.0.0.0/0").holds(ip("9.9.9.9")) && !range("0.0.0.0/0").holds(ip("::9")));
        for bad in [
            "",
            "localhost",
            "1.2.3.4/33",
            "::/129",
            "1.2.3.4/",
            "1.2.3.4/-1",
            "1.2.3",
        ] {
            let error = bad.parse::<Range>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }

    #[test]
    fn a_cloak_is_of_a_household_and_of_a_key() {
        let of = |address: &str| cloak(&[1; 32], ip(address));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("1.2.3.4"), of("::ffff:1.2.3.4"));
        assert_ne!(of("1.2.3.4"), of("1.2.3.5"));
        assert_ne!(of("1.2.3.4"), cloak(&[2; 32], ip("1.2.3.4")));
    }
}
