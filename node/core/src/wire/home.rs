//! What a home node and those whom it serves tell each other besides the frames of catch-up.

use alloquy_ids::{CommunityId, EpochId, NetworkKey};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::limits::RANGE_BYTES_MAX;

use super::read_flag;
use crate::limits::{
    ADDRESS_BYTES_MAX, ADDRESSES_MAX, COMMUNITIES_MAX, HOMES_TOLD_MAX, KEPT_MAX, LIVE_EVENTS_MAX,
    RANGES_PER_FRAME_MAX, WRAPS_ASKED_MAX,
};

/// New events, from their writer to a home node, and from there to members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) community: CommunityId,
    /// A newcomer's `Admit` goes with its first events.
    pub(crate) admit: Option<Box<SignedEvent>>,
    pub(crate) events: Vec<SignedEvent>,
}

/// How much of a community is kept for an account; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// The most bytes, beyond which nothing new is taken.
    pub(crate) bytes: u64,
    /// Days after which the bodies of messages go.
    pub(crate) days: u32,
}

impl Canonical for Keeping {
    fn write(&self, w: &mut Writer) {
        w.varint(self.bytes);
        w.u32(self.days);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            bytes: r.varint("limit in bytes")?,
            days: r.u32("limit in days")?,
        })
    }
}

/// Whether a home node is to keep a community for the sender's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HomeStore {
    pub(crate) community: CommunityId,
    pub(crate) keep: bool,
    pub(crate) keeping: Keeping,
    /// The authority log from its genesis on, as far as it fits: enough to begin with.
    pub(crate) ranges: Vec<Vec<u8>>,
}

/// What a home node keeps of one community.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptPart {
    pub(crate) community: CommunityId,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// The receiver's limits.
    pub(crate) keeping: Keeping,
}

/// What a home node says of itself to those for whom it keeps communities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HomeStatus {
    /// Bytes that it keeps, and the most that it keeps.
    pub(crate) bytes: u64,
    pub(crate) quota: u64,
    /// What it keeps for the receiver's account.
    pub(crate) kept: Vec<KeptPart>,
}

/// Where home nodes of members are reached, as the sender knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HomeAddresses {
    pub(crate) community: CommunityId,
    pub(crate) of: Vec<(NetworkKey, Vec<String>)>,
}

/// A home node asks for wraps of an epoch that it has not got, by the prekeys that they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrapRequest {
    pub(crate) community: CommunityId,
    pub(crate) epoch: EpochId,
    pub(crate) to: Vec<[u8; 32]>,
}

impl Canonical for Live {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.option(self.admit.as_deref());
        w.list(&self.events);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            admit: r.option("admit")?.map(Box::new),
            events: r.list(LIVE_EVENTS_MAX, "live events")?,
        })
    }
}

impl Canonical for HomeStore {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.u8(u8::from(self.keep));
        self.keeping.write(w);
        w.varint(self.ranges.len() as u64);
        for range in &self.ranges {
            w.bytes(range);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            keep: read_flag(r, "keep")?,
            keeping: Keeping::read(r)?,
            ranges: {
                let count = r.len(RANGES_PER_FRAME_MAX, "ranges")?;
                (0..count)
                    .map(|_| r.bytes(RANGE_BYTES_MAX, "range").map(<[u8]>::to_vec))
                    .collect::<Result<_, _>>()?
            },
        })
    }
}

impl Canonical for KeptPart {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.varint(self.events);
        w.varint(self.bytes);
        self.keeping.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            events: r.varint("events kept")?,
            bytes: r.varint("bytes kept")?,
            keeping: Keeping::read(r)?,
        })
    }
}

impl Canonical for HomeStatus {
    fn write(&self, w: &mut Writer) {
        w.varint(self.bytes);
        w.varint(self.quota);
        w.list(&self.kept);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            bytes: r.varint("bytes kept")?,
            quota: r.varint("quota")?,
            kept: r.list(KEPT_MAX.max(COMMUNITIES_MAX), "communities kept")?,
        })
    }
}

impl Canonical for HomeAddresses {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.varint(self.of.len() as u64);
        for (key, addresses) in &self.of {
            key.write(w);
            w.varint(addresses.len() as u64);
            for address in addresses {
                w.text(address);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let community = CommunityId::read(r)?;
        let count = r.len(HOMES_TOLD_MAX, "home nodes")?;
        let mut of = Vec::new();
        for _ in 0..count {
            let key = NetworkKey::read(r)?;
            let count = r.len(ADDRESSES_MAX, "addresses")?;
            let addresses = (0..count).map(|_| r.text(ADDRESS_BYTES_MAX, "address"));
            of.push((key, addresses.collect::<Result<_, _>>()?));
        }
        Ok(Self { community, of })
    }
}

impl Canonical for WrapRequest {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        self.epoch.write(w);
        w.varint(self.to.len() as u64);
        for key in &self.to {
            w.raw(key);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            epoch: EpochId::read(r)?,
            to: {
                let count = r.len(WRAPS_ASKED_MAX, "wraps asked for")?;
                (0..count)
                    .map(|_| r.array("prekey"))
                    .collect::<Result<_, _>>()?
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Frame;
    use super::*;

    fn comes_back(frame: &Frame) -> Vec<u8> {
        let bytes = frame.to_bytes();
        assert_eq!(Frame::from_bytes(&bytes).as_ref(), Ok(frame));
        assert!(Frame::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        bytes
    }

    #[test]
    fn frames_of_home_nodes_have_one_form() {
        let community = CommunityId([1; 32]);
        comes_back(&Frame::Live(Box::new(Live {
            community,
            admit: None,
            events: Vec::new(),
        })));
        comes_back(&Frame::HomeStore(Box::new(HomeStore {
            community,
            keep: true,
            keeping: Keeping {
                bytes: 5 << 20,
                days: 30,
            },
            ranges: vec![vec![1, 2, 3], Vec::new()],
        })));
        let kept = vec![KeptPart {
            community,
            events: 7,
            bytes: 900,
            keeping: Keeping::default(),
        }];
        comes_back(&Frame::HomeStatus(Box::new(HomeStatus {
            bytes: 900,
            quota: 1_000,
            kept,
        })));
        let of = vec![(NetworkKey([2; 32]), vec!["/ip4/192.0.2.1/tcp/1".to_owned()])];
        comes_back(&Frame::Homes(Box::new(HomeAddresses { community, of })));
        let asks = Frame::WrapRequest(Box::new(WrapRequest {
            community,
            epoch: EpochId([3; 32]),
            to: vec![[4; 32]],
        }));
        let bytes = comes_back(&asks);
        // More wraps than may be asked for at once are refused before memory is taken for them.
        let count = bytes.len() - 33;
        assert_eq!(bytes[count], 1);
        let mut many = bytes[..count].to_vec();
        many.extend([0xff, 0xff, 0x03]);
        let error = Frame::from_bytes(&many).expect_err("too many").to_string();
        assert!(error.contains("wraps asked for"), "{error}");
    }
}
