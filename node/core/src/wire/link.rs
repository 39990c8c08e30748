//! Invite links: `alloquy://join/` and the canonical form in base32, one word.
//!
//! Besides what a join needs, a link says what a person is shown before it: names as its maker knew them, and when it
//! ends. Nothing of that is proved by the link.

use alloquy_ids::{AccountId, CommunityId, InviteId, NetworkKey, UnixMs, from_base32, to_base32};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::limits::NAME_BYTES_MAX;

use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, INVITE_BYTES_MAX, INVITE_PEERS_MAX};

const PREFIX: &str = "alloquy://join/";
const VERSION: u8 = 2;

/// What an invite link holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InviteLink {
    pub(crate) community: CommunityId,
    pub(crate) invite: InviteId,
    /// Seed of the invite's Ed25519 key.
    pub(crate) seed: [u8; 32],
    /// Members that may be reached, with their addresses as multiaddr text.
    pub(crate) peers: Vec<(NetworkKey, Vec<String>)>,
    /// The community's name when the link was made.
    pub(crate) name: String,
    /// Who made the link.
    pub(crate) inviter: AccountId,
    /// The display name of the inviter when the link was made.
    pub(crate) inviter_name: String,
    /// When it ends.
    pub(crate) expires: Option<UnixMs>,
}

/// The word is not an invite link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("an invite link starts with {PREFIX}")]
    Prefix,
    #[error("the invite link is {len} characters long, the limit is {limit}")]
    TooLong { len: usize, limit: usize },
    #[error("the invite link holds a character that is not in a-z and 2-7, or was cut off")]
    Base32,
    #[error(
        "the invite link is of version {0}, this program reads version {VERSION}: ask for a new link"
    )]
    Version(u8),
    #[error("the invite link is damaged: {0}")]
    Decode(#[from] DecodeError),
}

impl InviteLink {
    pub(crate) fn parse(text: &str) -> Result<Self, LinkError> {
        let word = text.strip_prefix(PREFIX).ok_or(LinkError::Prefix)?;
        let limit = INVITE_BYTES_MAX * 8 / 5;
        if word.len() > limit {
            return Err(LinkError::TooLong {
                len: word.len(),
                limit,
            });
        }
        let bytes = from_base32(word).ok_or(LinkError::Base32)?;
        if let Some(version) = bytes.first().filter(|version| **version != VERSION) {
            return Err(LinkError::Version(*version));
        }
        Ok(Self::from_bytes(&bytes)?)
    }

    pub(crate) fn print(&self) -> String {
        format!("{PREFIX}{}", to_base32(&self.to_bytes()))
    }
}

impl Canonical for InviteLink {
    fn write(&self, w: &mut Writer) {
        w.u8(VERSION);
        self.community.write(w);
        self.invite.write(w);
        w.raw(&self.seed);
        w.varint(self.peers.len() as u64);
        for (peer, addresses) in &self.peers {
            peer.write(w);
            w.varint(addresses.len() as u64);
            for address in addresses {
                w.text(address);
            }
        }
        w.text(&self.name);
        self.inviter.write(w);
        w.text(&self.inviter_name);
        w.u8(u8::from(self.expires.is_some()));
        if let Some(expires) = self.expires {
            expires.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8("invite version")? {
            VERSION => {}
            value => {
                return Err(DecodeError::Unknown {
                    what: "invite version",
                    value: u64::from(value),
                });
            }
        }
        let (community, invite) = (CommunityId::read(r)?, InviteId::read(r)?);
        let seed = r.array("invite key")?;
        let count = r.len(INVITE_PEERS_MAX, "peers of the invite")?;
        let mut peers = Vec::with_capacity(count);
        for _ in 0..count {
            let peer = NetworkKey::read(r)?;
            let addresses = r.len(ADDRESSES_MAX, "addresses of a peer")?;
            let address = |_| r.text(ADDRESS_BYTES_MAX, "address");
            peers.push((peer, (0..addresses).map(address).collect::<Result<_, _>>()?));
        }
        Ok(Self {
            community,
            invite,
            seed,
            peers,
            name: r.text(NAME_BYTES_MAX, "name of the community")?,
            inviter: AccountId::read(r)?,
            inviter_name: r.text(NAME_BYTES_MAX, "name of the inviter")?,
            expires: match r.u8("whether the invite ends")? {
                0 => None,
                1 => Some(UnixMs::read(r)?),
                value => {
                    return Err(DecodeError::Unknown {
                        what: "whether the invite ends",
                        value: u64::from(value),
                    });
                }
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> InviteLink {
        InviteLink {
            community: CommunityId([1; 32]),
            invite: InviteId([2; 32]),
            seed: [3; 32],
            peers: vec![(
                NetworkKey([4; 32]),
                vec!["/ip4/127.0.0.1/udp/4001/quic-v1".to_owned()],
            )],
            name: "club".to_owned(),
            inviter: AccountId([5; 32]),
            inviter_name: "Ana".to_owned(),
            expires: Some(UnixMs(1_800_000_000_000)),
        }
    }

    #[test]
    fn a_link_is_one_word_and_comes_back() {
        let text = link().print();
        assert!(!text.contains(char::is_whitespace));
        assert_eq!(InviteLink::parse(&text), Ok(link()));
        let endless = InviteLink {
            expires: None,
            ..link()
        };
        assert_eq!(InviteLink::parse(&endless.print()), Ok(endless));
    }

    #[test]
    fn a_link_of_another_version_is_refused_by_name() {
        for version in [0, 1, 3] {
            let mut bytes = link().to_bytes();
            bytes[0] = version;
            let text = format!("{PREFIX}{}", to_base32(&bytes));
            let error = InviteLink::parse(&text).expect_err("another version");
            assert_eq!(error, LinkError::Version(version));
            assert!(error.to_string().contains(&format!("version {version}, ")));
        }
    }

    #[test]
    fn a_damaged_link_says_what_is_wrong() {
        let text = link().print();
        let cut = to_base32(&link().to_bytes()[..100]);
        for (bad, says) in [
            ("https://example.org".to_owned(), "starts with"),
            (text[..text.len() - 9].to_owned(), "cut off"),
            (format!("{PREFIX}{cut}"), "ends early"),
            (
                text.to_uppercase().replace("ALLOQUY://JOIN/", PREFIX),
                "not in a-z",
            ),
            (format!("{text}aaaaaaaa"), "follow the value"),
            (format!("{PREFIX}{}", "a".repeat(100_000)), "the limit is"),
        ] {
            let error = InviteLink::parse(&bad).expect_err("damaged").to_string();
            assert!(error.contains(says), "{error:?} for {bad:?}");
        }
    }
}
