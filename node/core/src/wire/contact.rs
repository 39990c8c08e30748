//! Contact links: `alloquy://contact/` and the canonical form in base32, one word.
//!
//! A link says how to write to an account: its identity, prekeys to wrap the first keys to, and where its devices and
//! home nodes may be reached. The secret in it stands for a proof of work: whoever holds the link was given it.

use alloquy_ids::{NetworkKey, from_base32, to_base32};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::hash;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};

use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, CONTACT_BYTES_MAX, CONTACT_DEVICES_MAX};

const PREFIX: &str = "alloquy://contact/";
const VERSION: u8 = 1;
/// Bytes of the check sum: one letter too many or too few shows with all but one in four billion.
const CHECK_BYTES: usize = 4;

/// Network keys with their addresses as multiaddr text.
pub(crate) type Places = Vec<(NetworkKey, Vec<String>)>;

/// What a contact link holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContactLink {
    /// The account's identity events, genesis first.
    pub(crate) chain: Vec<SignedEvent>,
    /// The display name when the link was made.
    pub(crate) name: String,
    pub(crate) prekeys: Vec<PrekeyRecord>,
    /// Devices that may be reached.
    pub(crate) peers: Places,
    /// Home nodes that may be reached.
    pub(crate) homes: Places,
    /// Shows the maker that the link was given to somebody.
    pub(crate) secret: [u8; 16],
}

/// The word is not a contact link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContactLinkError {
    #[error("a contact link starts with {PREFIX}")]
    Prefix,
    #[error("the contact link is {len} characters long, the limit is {limit}")]
    TooLong { len: usize, limit: usize },
    #[error("the contact link holds a character that is not in a-z and 2-7, or was cut off")]
    Base32,
    #[error(
        "the contact link is of version {0}, this program reads version {VERSION}: ask for a new link"
    )]
    Version(u8),
    #[error("the contact link is damaged: its check sum does not hold")]
    Check,
    #[error("the contact link is damaged: {0}")]
    Decode(#[from] DecodeError),
}

fn check_sum(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let sum = hash::derive("alloquy contact link v1", &[bytes]);
    sum[..CHECK_BYTES].try_into().expect("4 of 32 bytes")
}

impl ContactLink {
    pub(crate) fn parse(text: &str) -> Result<Self, ContactLinkError> {
        let word = text.strip_prefix(PREFIX).ok_or(ContactLinkError::Prefix)?;
        let limit = CONTACT_BYTES_MAX * 8 / 5;
        if word.len() > limit {
            let len = word.len();
            return Err(ContactLinkError::TooLong { len, limit });
        }
        let bytes = from_base32(word).ok_or(ContactLinkError::Base32)?;
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(ContactLinkError::Version(*version));
        }
        let at = bytes.len().saturating_sub(CHECK_BYTES);
        let (bytes, check) = bytes.split_at(at);
        if check != check_sum(bytes) {
            return Err(ContactLinkError::Check);
        }
        Ok(Self::from_bytes(bytes)?)
    }

    pub(crate) fn print(&self) -> String {
        let mut bytes = self.to_bytes();
        bytes.extend(check_sum(&bytes));
        format!("{PREFIX}{}", to_base32(&bytes))
    }
}

pub(crate) fn write_places(w: &mut Writer, places: &Places) {
    w.varint(places.len() as u64);
    for (peer, addresses) in places {
        peer.write(w);
        w.varint(addresses.len() as u64);
        for address in addresses {
            w.text(address);
        }
    }
}

pub(crate) fn read_places(r: &mut Reader<'_>) -> Result<Places, DecodeError> {
    let count = r.len(CONTACT_DEVICES_MAX, "devices of a contact")?;
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        let peer = NetworkKey::read(r)?;
        let addresses = r.len(ADDRESSES_MAX, "addresses of a device")?;
        let address = |_| r.text(ADDRESS_BYTES_MAX, "address");
        places.push((peer, (0..addresses).map(address).collect::<Result<_, _>>()?));
    }
    Ok(places)
}

impl Canonical for ContactLink {
    fn write(&self, w: &mut Writer) {
        w.u8(VERSION);
        w.list(&self.chain);
        w.text(&self.name);
        w.list(&self.prekeys);
        write_places(w, &self.peers);
        write_places(w, &self.homes);
        w.raw(&self.secret);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("contact link version")? {
            VERSION => {}
            value => {
                return Err(DecodeError::Unknown {
                    what: "contact link version",
                    value: u64::from(value),
                });
            }
        }
        Ok(Self {
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            name: r.text(NAME_BYTES_MAX, "name")?,
            prekeys: r.list(CONTACT_DEVICES_MAX, "prekeys")?,
            peers: read_places(r)?,
            homes: read_places(r)?,
            secret: r.array("contact secret")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> ContactLink {
        ContactLink {
            chain: Vec::new(),
            name: "Ana".to_owned(),
            prekeys: Vec::new(),
            peers: vec![(
                NetworkKey([4; 32]),
                vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()],
            )],
            homes: Vec::new(),
            secret: [7; 16],
        }
    }

    #[test]
    fn a_contact_link_is_one_word_and_comes_back() {
        let text = link().print();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(ContactLink::parse(&text), Ok(link()));
    }

    #[test]
    fn a_damaged_contact_link_says_what_is_wrong() {
        let text = link().print();
        let last = if text.ends_with('a') { 'b' } else { 'a' };
        let at = PREFIX.len() + 40;
        let other = if &text[at..=at] == "a" { "b" } else { "a" };
        let mut version = link().to_bytes();
        version[0] = 9;
        for (bad, says) in [
            ("https://example.org".to_owned(), "starts with"),
            (text[..text.len() - 8].to_owned(), "check sum"),
            (
                format!("{}{other}{}", &text[..at], &text[at + 1..]),
                "check sum",
            ),
            (format!("{}{last}", &text[..text.len() - 1]), "damaged"),
            (format!("{text}!"), "not in a-z"),
            (format!("{PREFIX}{}", "a".repeat(100_000)), "the limit is"),
            (format!("{PREFIX}{}", to_base32(&version)), "version 9"),
        ] {
            let refused = ContactLink::parse(&bad).expect_err("damaged").to_string();
            let cut = refused.contains("cut off") && says == "damaged";
            assert!(refused.contains(says) || cut, "{refused:?} for {bad:?}");
        }
    }
}
