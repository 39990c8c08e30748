//! Records of the local store: keys sort by type, community and arrival; values are canonical.
//!
//! The shell seals keys and values at rest. A record type is one byte; docs/protocol.md, "Local store",
//! lists them. Rows of events stand in order of arrival, so parents come before what names them.

use alloquy_api::command::ProfileChange;
use alloquy_api::limits::KEPT_NAME_BYTES_MAX;
use alloquy_ids::{
    AccountId, ChannelId, CommunityId, DeviceId, EpochId, EventId, NetworkKey, ScopeId, UnixMs,
};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::limits::NAME_BYTES_MAX;
use bytes::Bytes;

use crate::limits::ADDRESS_BYTES_MAX;
use crate::limits::ADDRESSES_MAX;
use crate::presence::availability_number;

/// Version of the record format.
pub(crate) const FORMAT: u32 = 1;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// Format version: `u32`.
    Format,
    /// [`Account`].
    Account,
    /// [`Membership`].
    Community(CommunityId),
    /// [`Row`].
    Events(CommunityId, u64),
    /// Key material of an epoch.
    Epoch(CommunityId, EpochId),
    /// Wraps of an epoch for everybody, to hand out.
    Wraps(CommunityId, EpochId),
    /// Read marker: count of the channel's arrivals that were read.
    Read(CommunityId, ChannelId),
    /// A device's prekey record.
    Prekey(CommunityId, DeviceId),
    /// What a device is known to hold of own logs.
    Held(CommunityId, DeviceId),
    /// Addresses of a peer.
    Addresses(NetworkKey),
    /// The recovery words, until they were confirmed: text.
    Recovery,
    /// What the recovery words open wraps with, on a device that came back by them, until all is here: 32 bytes.
    Words,
    /// What a face keeps under a name: text.
    Kept(String),
    /// A template that was kept, by its name.
    Template(String),
    /// A community that is announced on the local network: empty.
    Nearby(CommunityId),
    /// [`HomeRecord`](crate::home::HomeRecord): this is a home node.
    Home,
    /// [`KeptRecord`](crate::home::KeptRecord): the community is held blind.
    HomeKept(CommunityId),
    /// A community of this account that is not here yet, and how it is found.
    Arriving(CommunityId),
    /// Changes of the self document that are not written yet.
    OwnPending,
    /// When the present prekey was made: `u64`.
    PrekeyMade,
    /// How far an account has read logs of this one.
    ReadBy(CommunityId, AccountId),
    /// Somebody known, blocked or declined: [`crate::direct::contacts::Contact`].
    Contact(AccountId),
    /// A request that waits: [`crate::direct::requests::DmRequest`].
    DmRequest(AccountId),
    /// At a home node, a letter by addressee and writer: [`crate::home::LetterRecord`].
    Letter(AccountId, AccountId),
    /// At a home node, further ciphertexts of an event: [`crate::home::carriers::OtherCarriers`].
    Others(CommunityId, EventId),
    /// At a home node, how much of a community is kept for whom: [`crate::home::LimitsRecord`].
    HomeLimits(CommunityId),
    /// Number of this device's last session in a voice channel: `u64`.
    VoiceSession,
    /// [`ClockRecord`](crate::home::ClockRecord): what a home node last saw of its clock.
    HomeClock,
}

impl Key {
    pub(crate) fn to_key(&self) -> Bytes {
        let mut w = Writer::new();
        match self {
            Self::Format => w.u8(1),
            Self::Account => w.u8(2),
            Self::Community(id) => pair(&mut w, 3, id),
            Self::Events(id, row) => {
                pair(&mut w, 0x10, id);
                w.raw(&row.to_be_bytes());
            }
            Self::Epoch(id, epoch) => {
                pair(&mut w, 0x11, id);
                epoch.write(&mut w);
            }
            Self::Wraps(id, epoch) => {
                pair(&mut w, 0x12, id);
                epoch.write(&mut w);
            }
            Self::Read(id, channel) => {
                pair(&mut w, 0x13, id);
                channel.write(&mut w);
            }
            Self::Prekey(id, device) => {
                pair(&mut w, 0x14, id);
                device.write(&mut w);
            }
            Self::Held(id, device) => {
                pair(&mut w, 0x15, id);
                device.write(&mut w);
            }
            Self::Addresses(key) => pair(&mut w, 0x20, key),
            Self::Recovery => w.u8(4),
            Self::Words => w.u8(5),
            Self::Kept(name) => {
                w.u8(0x21);
                w.text(name);
            }
            Self::OwnPending => w.u8(0x28),
            Self::PrekeyMade => w.u8(0x2a),
            Self::VoiceSession => w.u8(0x2b),
            Self::ReadBy(id, account) => {
                pair(&mut w, 0x29, id);
                account.write(&mut w);
            }
            Self::Template(name) => {
                w.u8(0x22);
                w.text(name);
            }
            Self::Nearby(id) => pair(&mut w, 0x30, id),
            Self::Home => w.u8(0x25),
            Self::HomeKept(id) => pair(&mut w, 0x26, id),
            Self::Arriving(id) => pair(&mut w, 0x27, id),
            Self::Contact(account) => pair(&mut w, 0x23, account),
            Self::DmRequest(account) => pair(&mut w, 0x24, account),
            Self::Letter(to, from) => {
                pair(&mut w, 0x31, to);
                from.write(&mut w);
            }
            Self::Others(id, event) => {
                pair(&mut w, 0x32, id);
                event.write(&mut w);
            }
            Self::HomeLimits(id) => pair(&mut w, 0x33, id),
            Self::HomeClock => w.u8(0x34),
        }
        w.into_bytes().into()
    }

    pub(crate) fn from_key(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let key = match r.u8("record type")? {
            1 => Self::Format,
            2 => Self::Account,
            3 => Self::Community(Canonical::read(&mut r)?),
            0x10 => Self::Events(
                Canonical::read(&mut r)?,
                u64::from_be_bytes(r.array("row")?),
            ),
            0x11 => Self::Epoch(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x12 => Self::Wraps(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x13 => Self::Read(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x14 => Self::Prekey(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x15 => Self::Held(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x20 => Self::Addresses(Canonical::read(&mut r)?),
            4 => Self::Recovery,
            5 => Self::Words,
            0x21 => Self::Kept(r.text(KEPT_NAME_BYTES_MAX, "name")?),
            0x28 => Self::OwnPending,
            0x2a => Self::PrekeyMade,
            0x2b => Self::VoiceSession,
            0x29 => Self::ReadBy(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x22 => Self::Template(r.text(NAME_BYTES_MAX, "name")?),
            0x30 => Self::Nearby(Canonical::read(&mut r)?),
            0x25 => Self::Home,
            0x26 => Self::HomeKept(Canonical::read(&mut r)?),
            0x27 => Self::Arriving(Canonical::read(&mut r)?),
            0x23 => Self::Contact(Canonical::read(&mut r)?),
            0x24 => Self::DmRequest(Canonical::read(&mut r)?),
            0x31 => Self::Letter(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            0x33 => Self::HomeLimits(Canonical::read(&mut r)?),
            0x34 => Self::HomeClock,
            0x32 => Self::Others(Canonical::read(&mut r)?, Canonical::read(&mut r)?),
            value => {
                return Err(DecodeError::Unknown {
                    what: "record type",
                    value: u64::from(value),
                });
            }
        };
        r.end()?;
        Ok(key)
    }
}

fn pair(w: &mut Writer, tag: u8, id: &impl Canonical) {
    w.u8(tag);
    id.write(w);
}

/// The account of this store.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccountRecord {
    pub(crate) account: AccountId,
    pub(crate) device_seed: [u8; 32],
    pub(crate) network_seed: [u8; 32],
    pub(crate) chain: Vec<SignedEvent>,
    /// Prekeys, newest last: counter and X25519 secret.
    pub(crate) prekeys: Vec<(u64, [u8; 32])>,
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) status: String,
    pub(crate) availability: u8,
    /// Differs when the store was copied or restored.
    pub(crate) nonce: [u8; 32],
}

impl AccountRecord {
    /// Carries out a change of the profile.
    pub(crate) fn change(&mut self, change: &ProfileChange) {
        match change {
            ProfileChange::Name(name) => self.name.clone_from(name),
            ProfileChange::About(about) => self.about.clone_from(about),
            ProfileChange::Status(status) => self.status.clone_from(status),
            ProfileChange::Availability(availability) => {
                self.availability = availability_number(*availability);
            }
        }
    }
}

impl std::fmt::Debug for AccountRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountRecord")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl Canonical for AccountRecord {
    fn write(&self, w: &mut Writer) {
        self.account.write(w);
        w.raw(&self.device_seed);
        w.raw(&self.network_seed);
        w.list(&self.chain);
        w.varint(self.prekeys.len() as u64);
        for (counter, secret) in &self.prekeys {
            w.varint(*counter);
            w.raw(secret);
        }
        w.text(&self.name);
        w.text(&self.about);
        w.text(&self.status);
        w.u8(self.availability);
        w.raw(&self.nonce);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        use alloquy_schema::limits::{ABOUT_BYTES_MAX, IDENTITY_CHAIN_MAX};
        Ok(Self {
            account: AccountId::read(r)?,
            device_seed: r.array("device key")?,
            network_seed: r.array("network key")?,
            chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
            prekeys: {
                let count = r.len(64, "prekeys")?;
                let one = |_| Ok((r.varint("counter")?, r.array("prekey")?));
                (0..count).map(one).collect::<Result<_, DecodeError>>()?
            },
            name: r.text(NAME_BYTES_MAX, "name")?,
            about: r.text(ABOUT_BYTES_MAX, "about")?,
            status: r.text(crate::limits::STATUS_BYTES_MAX, "status")?,
            availability: r.u8("availability")?,
            nonce: r.array("nonce")?,
        })
    }
}

/// This account's part in a community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The incarnation under which this device writes.
    pub(crate) incarnation: u32,
    /// Wall clock when this device joined: what is older does not count as unread.
    pub(crate) joined: UnixMs,
}

impl Canonical for Membership {
    fn write(&self, w: &mut Writer) {
        w.u32(self.incarnation);
        self.joined.write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            incarnation: r.u32("incarnation")?,
            joined: UnixMs::read(r)?,
        })
    }
}

/// A row of events, as they arrived together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// This node's wall clock at arrival.
    pub(crate) arrived: UnixMs,
    pub(crate) events: RowEvents,
}

/// The two forms of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowEvents {
    /// One event as it was live.
    Live(Box<SignedEvent>),
    /// Ranges as they were caught up, or as they were packed again.
    Ranges(Vec<Vec<u8>>),
}

impl Canonical for Row {
    fn write(&self, w: &mut Writer) {
        self.arrived.write(w);
        match &self.events {
            RowEvents::Live(event) => {
                w.u8(1);
                event.write(w);
            }
            RowEvents::Ranges(ranges) => {
                w.u8(2);
                w.varint(ranges.len() as u64);
                for range in ranges {
                    w.bytes(range);
                }
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let arrived = UnixMs::read(r)?;
        let events = match r.u8("row form")? {
            1 => RowEvents::Live(Box::new(SignedEvent::read(r)?)),
            2 => {
                let count = r.len(crate::limits::RANGES_PER_FRAME_MAX, "ranges")?;
                let range = |_| {
                    r.bytes(alloquy_schema::limits::RANGE_BYTES_MAX, "range")
                        .map(<[u8]>::to_vec)
                };
                RowEvents::Ranges((0..count).map(range).collect::<Result<_, _>>()?)
            }
            value => {
                return Err(DecodeError::Unknown {
                    what: "row form",
                    value: u64::from(value),
                });
            }
        };
        Ok(Self { arrived, events })
    }
}

/// What a device holds of the own logs: (scope, incarnation) to height, and up to which height it could read them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeldRecord(pub(crate) Vec<(ScopeId, u32, u64, u64)>);

impl Canonical for HeldRecord {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for (scope, incarnation, height, opened) in &self.0 {
            scope.write(w);
            w.u32(*incarnation);
            w.varint(*height);
            w.varint(*opened);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(crate::limits::HEIGHTS_MAX, "held logs")?;
        let one = |_| {
            Ok((
                ScopeId::read(r)?,
                r.u32("incarnation")?,
                r.varint("height")?,
                r.varint("opened height")?,
            ))
        };
        Ok(Self(
            (0..count).map(one).collect::<Result<_, DecodeError>>()?,
        ))
    }
}

/// Addresses of a peer, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressesRecord(pub(crate) Vec<String>);

impl Canonical for AddressesRecord {
    fn write(&self, w: &mut Writer) {
        w.varint(self.0.len() as u64);
        for address in &self.0 {
            w.text(address);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = r.len(ADDRESSES_MAX, "addresses")?;
        Ok(Self(
            (0..count)
                .map(|_| r.text(ADDRESS_BYTES_MAX, "address"))
                .collect::<Result<_, _>>()?,
        ))
    }
}
