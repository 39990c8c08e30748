//! Frames between nodes: canonical binary, one byte of tag first (docs/protocol.md, "Sync and gossip").
//!
//! A stream [`Frame`] comes over an authenticated connection, so its sender is a network key. A
//! [`Broadcast`] comes out of a gossip frame that opened under the topic's key; each of its parts is signed.

pub(crate) mod contact;
pub(crate) mod hello;
pub(crate) mod home;
pub(crate) mod letter;
pub(crate) mod link;
pub(crate) mod pairing;
pub(crate) mod restoring;
pub(crate) mod signal;
pub(crate) mod voice;

use alloquy_ids::{AccountId, CommunityId, DeviceId, EpochId, EventId, ScopeId};
use alloquy_schema::authority::op::Join;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::dag::Height;
use alloquy_schema::epoch::Wrap;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::PrekeyRecord;
use alloquy_schema::limits::{NAME_BYTES_MAX, RANGE_BYTES_MAX};

use hello::DirectHello;
pub(crate) use signal::{Signal, SignalKind};

use crate::arrive::Arrive;
use crate::limits::{
    ADMIT_CHAIN_MAX, ANNOUNCED_MAX, EPOCHS_ASKED_MAX, HEIGHTS_MAX, LIVE_EVENTS_MAX, PREKEYS_MAX,
    RANGES_PER_FRAME_MAX, SCOPES_MAX, WANTED_MAX, WRAPS_MAX,
};
use crate::turn::TurnGrant;
use pairing::Pairing;
use restoring::Restoring;

/// Version of the stream protocol; the first byte of every frame.
pub(crate) const WIRE_VERSION: u8 = 1;

/// One message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Where the sender stands: 8-byte digests of authority and of all other scopes that both may view, and
    /// how many events it holds in all of them.
    Digest {
        community: CommunityId,
        authority: u64,
        scopes: u64,
        events: u64,
    },
    /// One digest per shared scope, in the order of the scopes' ids; authority views are equal.
    Scopes {
        community: CommunityId,
        digests: Vec<u64>,
    },
    /// What the sender holds of some scopes, and which heads it asks for by name.
    Heights {
        community: CommunityId,
        scopes: Vec<ScopeHeights>,
    },
    /// Events that the receiver lacks. `more`: say again where you stand, there is more.
    Ranges {
        community: CommunityId,
        ranges: Vec<Vec<u8>>,
        more: bool,
    },
    /// Proof of membership for a peer that does not know the sender: admissions up to one that it knows.
    Proof {
        community: CommunityId,
        admits: Vec<SignedEvent>,
    },
    /// Asks to be admitted, and says under what name.
    JoinRequest { join: Box<Join>, name: String },
    /// The join was not admitted.
    JoinRefused {
        community: CommunityId,
        refusal: Refusal,
    },
    /// A member has decided not to let an account in.
    JoinDecided {
        community: CommunityId,
        account: AccountId,
    },
    /// Current prekeys of devices.
    Prekeys {
        community: CommunityId,
        records: Vec<PrekeyRecord>,
    },
    /// Asks for keys of epochs, for the sender's prekey.
    KeyRequest {
        community: CommunityId,
        prekey: PrekeyRecord,
        epochs: Vec<EpochId>,
    },
    /// Wraps of one epoch, the receiver's among them.
    Keys {
        community: CommunityId,
        epoch: EpochId,
        wraps: Vec<Wrap>,
    },
    /// The receiver's log in `scope` is durable here up to `height`; `opened`: and readable.
    Ack {
        community: CommunityId,
        scope: ScopeId,
        incarnation: u32,
        height: u64,
        opened: bool,
    },
    /// The sender's account has read the log up to `height`; the log is the receiver's account's.
    ReadUpTo {
        community: CommunityId,
        scope: ScopeId,
        device: DeviceId,
        incarnation: u32,
        height: u64,
    },
    /// A device's word about itself, or a moderator's about somebody on a stage.
    Signal(Box<Signal>),
    /// A step of a media connection.
    Media(Box<voice::MediaFrame>),
    /// The sender ends.
    Bye,
    /// What is announced near you? Only who is on the local network is answered.
    NearbyAsk,
    /// What the sender announces to its neighbours now, in place of what it said before.
    NearbyCard { cards: Vec<Card> },
    /// What the sender holds of some scopes, in short; the receiver that can not read it states its own heights.
    Marks {
        community: CommunityId,
        scopes: Vec<ScopeMarks>,
    },
    /// New events, to a home node or from one.
    Live(Box<home::Live>),
    /// Whether a home node is to keep a community.
    HomeStore(Box<home::HomeStore>),
    /// What a home node says of itself.
    HomeStatus(Box<home::HomeStatus>),
    /// Where home nodes of members are reached.
    Homes(Box<home::HomeAddresses>),
    /// A home node asks for wraps that it has not got.
    WrapRequest(Box<home::WrapRequest>),
    /// First words to somebody who is away: to a home node, and from one to its owner.
    Letter(Box<letter::Letter>),
    /// What became of a letter.
    LetterAnswer(letter::LetterAnswer),
    /// A pairing by a code.
    Pairing(Box<Pairing>),
    /// Coming back by the recovery words.
    Restoring(Restoring),
    /// A device of a member that is not known here shows itself.
    Arrive(Box<Arrive>),
    /// Brings a conversation to somebody who is in it and may not have it.
    DirectHello(Box<DirectHello>),
    /// The sender takes part in a group that it was told of: it is to be given the group.
    DirectAnswer { community: CommunityId },
    /// Asks for the newest messages of some channels, before all that the sender lacks of them.
    NewestAsk {
        community: CommunityId,
        scopes: Vec<ScopeId>,
    },
    /// The newest messages of the channels that were asked for.
    Newest {
        community: CommunityId,
        ranges: Vec<Vec<u8>>,
    },
    /// Asks a home node for its TURN server.
    TurnAsk,
    /// A home node's TURN server, and a credential for it.
    TurnGrant(Box<TurnGrant>),
}

/// A community that a member announces to its neighbours; that member's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) community: CommunityId,
    pub(crate) name: String,
    /// What the member calls itself.
    pub(crate) member: String,
    /// How many members the community has.
    pub(crate) members: u32,
}

impl Canonical for Card {
    fn write(&self, w: &mut Writer) {
        self.community.write(w);
        w.text(&self.name);
        w.text(&self.member);
        w.u32(self.members);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            name: r.text(NAME_BYTES_MAX, "name of a community nearby")?,
            member: r.text(NAME_BYTES_MAX, "name of a member nearby")?,
            members: r.u32("members")?,
        })
    }
}

/// First bytes of an event's id: enough to name a head to somebody who holds it.
pub(crate) type Mark = [u8; 8];

/// Heads of all branches of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeMarks {
    pub(crate) scope: ScopeId,
    pub(crate) marks: Vec<Mark>,
}

/// Heights of one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScopeHeights {
    pub(crate) scope: ScopeId,
    pub(crate) heights: Vec<Height>,
    /// Heads that the sender lacks and asks for, whatever the heights say (branches of forked logs).
    pub(crate) wanted: Vec<EventId>,
    /// The sender lacks something that the receiver has: say where you stand in return.
    pub(crate) answer: bool,
}

/// Why a join was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    Invalid = 1,
    Expired = 2,
    UsedUp = 3,
    Banned = 4,
    Busy = 5,
    /// A member must let the account in first.
    Waiting = 6,
    /// More have come in of late than the rules allow.
    Full = 7,
    /// A member has decided against it.
    NotLetIn = 8,
}

/// What a gossip frame carries.
#[expect(
    clippy::large_enum_variant,
    reason = "made, written and dropped at once"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Broadcast {
    /// Live events; a newcomer's `Admit` goes with its first ones.
    Events {
        admit: Option<Box<SignedEvent>>,
        events: Vec<SignedEvent>,
    },
    /// Presence, typing or voice, signed by the device.
    Signal(Signal),
}

impl Canonical for Broadcast {
    fn write(&self, w: &mut Writer) {
        w.u8(WIRE_VERSION);
        match self {
            Self::Events { admit, events } => {
                w.u8(1);
                w.option(admit.as_deref());
                w.list(events);
            }
            Self::Signal(signal) => {
                w.u8(2);
                signal.write(w);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_version(r)?;
        match r.u8("broadcast")? {
            1 => Ok(Self::Events {
                admit: r.option("admit")?.map(Box::new),
                events: r.list(LIVE_EVENTS_MAX, "live events")?,
            }),
            2 => Signal::read(r).map(Self::Signal),
            value => Err(DecodeError::Unknown {
                what: "broadcast",
                value: u64::from(value),
            }),
        }
    }
}

fn read_version(r: &mut Reader<'_>) -> Result<(), DecodeError> {
    match r.u8("wire version")? {
        WIRE_VERSION => Ok(()),
        value => Err(DecodeError::Unknown {
            what: "wire version",
            value: u64::from(value),
        }),
    }
}

impl Canonical for ScopeHeights {
    fn write(&self, w: &mut Writer) {
        self.scope.write(w);
        w.list(&self.heights);
        w.list(&self.wanted);
        w.u8(u8::from(self.answer));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            scope: ScopeId::read(r)?,
            heights: r.list(HEIGHTS_MAX, "heights")?,
            wanted: r.list(WANTED_MAX, "wanted heads")?,
            answer: read_flag(r, "answer")?,
        })
    }
}

impl Canonical for ScopeMarks {
    fn write(&self, w: &mut Writer) {
        self.scope.write(w);
        w.varint(self.marks.len() as u64);
        for mark in &self.marks {
            w.raw(mark);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let scope = ScopeId::read(r)?;
        let count = r.len(HEIGHTS_MAX, "marks")?;
        let marks = (0..count).map(|_| r.array("mark"));
        Ok(Self {
            scope,
            marks: marks.collect::<Result<_, _>>()?,
        })
    }
}

fn read_flag(r: &mut Reader<'_>, what: &'static str) -> Result<bool, DecodeError> {
    match r.u8(what)? {
        0 => Ok(false),
        1 => Ok(true),
        value => Err(DecodeError::Unknown {
            what,
            value: u64::from(value),
        }),
    }
}

fn write_ranges(w: &mut Writer, ranges: &[Vec<u8>]) {
    w.varint(ranges.len() as u64);
    for range in ranges {
        w.bytes(range);
    }
}

fn read_ranges(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    let count = r.len(RANGES_PER_FRAME_MAX, "ranges")?;
    let range = |_| r.bytes(RANGE_BYTES_MAX, "range").map(<[u8]>::to_vec);
    (0..count).map(range).collect()
}

fn write_digests(w: &mut Writer, digests: &[u64]) {
    w.varint(digests.len() as u64);
    for digest in digests {
        w.u64(*digest);
    }
}

impl Frame {
    const fn tag(&self) -> u8 {
        match self {
            Self::Digest { .. } => 1,
            Self::Scopes { .. } => 2,
            Self::Heights { .. } => 3,
            Self::Ranges { .. } => 4,
            Self::Proof { .. } => 5,
            Self::JoinRequest { .. } => 6,
            Self::JoinRefused { .. } => 7,
            Self::Prekeys { .. } => 8,
            Self::KeyRequest { .. } => 9,
            Self::Keys { .. } => 10,
            Self::Ack { .. } => 11,
            Self::Bye => 12,
            Self::Signal(_) => 13,
            Self::JoinDecided { .. } => 14,
            Self::Marks { .. } => 15,
            Self::NearbyAsk => 26,
            Self::NearbyCard { .. } => 27,
            Self::ReadUpTo { .. } => 25,
            Self::Pairing(_) => 17,
            Self::Restoring(_) => 18,
            Self::Arrive(_) => 19,
            Self::Live(_) => 16,
            Self::HomeStore(_) => 23,
            Self::HomeStatus(_) => 24,
            Self::Homes(_) => 30,
            Self::WrapRequest(_) => 31,
            Self::Letter(_) => 32,
            Self::LetterAnswer(_) => 33,
            Self::DirectHello(_) => 21,
            Self::DirectAnswer { .. } => 22,
            Self::NewestAsk { .. } => 40,
            Self::Newest { .. } => 41,
            Self::TurnAsk => 60,
            Self::TurnGrant(_) => 61,
            Self::Media(_) => 50,
        }
    }

    fn write_fields(&self, w: &mut Writer) {
        match self {
            Self::Digest {
                authority,
                scopes,
                events,
                ..
            } => {
                w.u64(*authority);
                w.u64(*scopes);
                w.varint(*events);
            }
            Self::Scopes { digests, .. } => write_digests(w, digests),
            Self::Heights { scopes, .. } => w.list(scopes),
            Self::Ranges { ranges, more, .. } => {
                write_ranges(w, ranges);
                w.u8(u8::from(*more));
            }
            Self::Newest { ranges, .. } => write_ranges(w, ranges),
            Self::NewestAsk { scopes, .. } => w.list(scopes),
            Self::Proof { admits, .. } => w.list(admits),
            Self::JoinRequest { join, name } => {
                join.write(w);
                w.text(name);
            }
            Self::Signal(signal) => signal.write(w),
            Self::Media(media) => media.write(w),
            Self::JoinRefused { refusal, .. } => w.u8(*refusal as u8),
            Self::JoinDecided { account, .. } => account.write(w),
            Self::Prekeys { records, .. } => w.list(records),
            Self::KeyRequest { prekey, epochs, .. } => {
                prekey.write(w);
                w.list(epochs);
            }
            Self::Keys { epoch, wraps, .. } => {
                epoch.write(w);
                w.list(wraps);
            }
            Self::Ack {
                scope,
                incarnation,
                height,
                opened,
                ..
            } => {
                scope.write(w);
                w.u32(*incarnation);
                w.varint(*height);
                w.u8(u8::from(*opened));
            }
            Self::ReadUpTo {
                scope,
                device,
                incarnation,
                height,
                ..
            } => {
                scope.write(w);
                device.write(w);
                w.u32(*incarnation);
                w.varint(*height);
            }
            Self::Marks { scopes, .. } => w.list(scopes),
            Self::NearbyCard { cards } => w.list(cards),
            Self::Live(live) => live.write(w),
            Self::HomeStore(store) => store.write(w),
            Self::HomeStatus(status) => status.write(w),
            Self::Homes(homes) => homes.write(w),
            Self::WrapRequest(request) => request.write(w),
            Self::Letter(letter) => letter.write(w),
            Self::LetterAnswer(answer) => answer.write(w),
            Self::Pairing(pairing) => pairing.write(w),
            Self::Restoring(restoring) => restoring.write(w),
            Self::Arrive(arrive) => arrive.write(w),
            Self::DirectHello(hello) => hello.write_fields(w),
            Self::TurnGrant(grant) => grant.write(w),
            Self::NearbyAsk | Self::Bye | Self::DirectAnswer { .. } | Self::TurnAsk => {}
        }
    }

    /// The community that the frame is about.
    pub(crate) fn community(&self) -> Option<CommunityId> {
        match self {
            Self::Digest { community, .. }
            | Self::Scopes { community, .. }
            | Self::Heights { community, .. }
            | Self::Ranges { community, .. }
            | Self::Proof { community, .. }
            | Self::JoinRefused { community, .. }
            | Self::JoinDecided { community, .. }
            | Self::Prekeys { community, .. }
            | Self::KeyRequest { community, .. }
            | Self::Keys { community, .. }
            | Self::Ack { community, .. }
            | Self::ReadUpTo { community, .. }
            | Self::Marks { community, .. }
            | Self::NewestAsk { community, .. }
            | Self::Newest { community, .. }
            | Self::DirectAnswer { community } => Some(*community),
            Self::DirectHello(hello) => Some(hello.community),
            Self::JoinRequest { join, .. } => Some(join.community),
            Self::Signal(signal) => Some(signal.community),
            Self::Media(media) => Some(media.community),
            Self::Live(live) => Some(live.community),
            Self::HomeStore(store) => Some(store.community),
            Self::Homes(homes) => Some(homes.community),
            Self::WrapRequest(request) => Some(request.community),
            Self::Arrive(arrive) => Some(arrive.community),
            Self::NearbyAsk
            | Self::NearbyCard { .. }
            | Self::Bye
            | Self::Pairing(_)
            | Self::Restoring(_)
            | Self::Letter(_)
            | Self::LetterAnswer(_)
            | Self::HomeStatus(_)
            | Self::TurnAsk
            | Self::TurnGrant(_) => None,
        }
    }
}

impl Canonical for Frame {
    fn write(&self, w: &mut Writer) {
        w.u8(WIRE_VERSION);
        w.u8(self.tag());
        match (self, self.community()) {
            (
                Self::JoinRequest { .. }
                | Self::Signal(_)
                | Self::Media(_)
                | Self::Arrive(_)
                | Self::Live(_)
                | Self::HomeStore(_)
                | Self::Homes(_)
                | Self::WrapRequest(_),
                _,
            )
            | (_, None) => {}
            (_, Some(community)) => community.write(w),
        }
        self.write_fields(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        read_version(r)?;
        let tag = r.u8("frame")?;
        match tag {
            6 => {
                let join = Box::new(Join::read(r)?);
                return Ok(Self::JoinRequest {
                    join,
                    name: r.text(NAME_BYTES_MAX, "name")?,
                });
            }
            12 => return Ok(Self::Bye),
            26 => return Ok(Self::NearbyAsk),
            27 => {
                let cards = r.list(ANNOUNCED_MAX, "communities nearby")?;
                return Ok(Self::NearbyCard { cards });
            }
            13 => return Signal::read(r).map(|signal| Self::Signal(Box::new(signal))),
            50 => return voice::MediaFrame::read(r).map(|one| Self::Media(Box::new(one))),
            16 => return home::Live::read(r).map(|live| Self::Live(Box::new(live))),
            23 => return home::HomeStore::read(r).map(|store| Self::HomeStore(Box::new(store))),
            24 => return home::HomeStatus::read(r).map(|says| Self::HomeStatus(Box::new(says))),
            30 => return home::HomeAddresses::read(r).map(|of| Self::Homes(Box::new(of))),
            31 => return home::WrapRequest::read(r).map(|asks| Self::WrapRequest(Box::new(asks))),
            32 => return letter::Letter::read(r).map(|one| Self::Letter(Box::new(one))),
            33 => return letter::LetterAnswer::read(r).map(Self::LetterAnswer),
            17 => return Pairing::read(r).map(|pairing| Self::Pairing(Box::new(pairing))),
            18 => return Restoring::read(r).map(Self::Restoring),
            60 => return Ok(Self::TurnAsk),
            61 => return TurnGrant::read(r).map(|grant| Self::TurnGrant(Box::new(grant))),
            19 => return Arrive::read(r).map(|arrive| Self::Arrive(Box::new(arrive))),
            _ => {}
        }
        read_community_frame(tag, r)
    }
}

fn read_community_frame(tag: u8, r: &mut Reader<'_>) -> Result<Frame, DecodeError> {
    let community = CommunityId::read(r)?;
    Ok(match tag {
        1 => Frame::Digest {
            community,
            authority: r.u64("authority digest")?,
            scopes: r.u64("scopes digest")?,
            events: r.varint("events held")?,
        },
        2 => {
            let count = r.len(SCOPES_MAX, "scope digests")?;
            let digests = (0..count)
                .map(|_| r.u64("scope digest"))
                .collect::<Result<_, _>>()?;
            Frame::Scopes { community, digests }
        }
        3 => Frame::Heights {
            community,
            scopes: r.list(SCOPES_MAX, "scopes")?,
        },
        4 => Frame::Ranges {
            community,
            ranges: read_ranges(r)?,
            more: read_flag(r, "more")?,
        },
        5 => Frame::Proof {
            community,
            admits: r.list(ADMIT_CHAIN_MAX, "admissions")?,
        },
        7 => Frame::JoinRefused {
            community,
            refusal: Refusal::read(r)?,
        },
        8 => Frame::Prekeys {
            community,
            records: r.list(PREKEYS_MAX, "prekeys")?,
        },
        9 => Frame::KeyRequest {
            community,
            prekey: PrekeyRecord::read(r)?,
            epochs: r.list(EPOCHS_ASKED_MAX, "epochs asked for")?,
        },
        10 => Frame::Keys {
            community,
            epoch: EpochId::read(r)?,
            wraps: r.list(WRAPS_MAX, "wraps")?,
        },
        11 => Frame::Ack {
            community,
            scope: ScopeId::read(r)?,
            incarnation: r.u32("incarnation")?,
            height: r.varint("height")?,
            opened: read_flag(r, "opened")?,
        },
        14 => Frame::JoinDecided {
            community,
            account: AccountId::read(r)?,
        },
        25 => Frame::ReadUpTo {
            community,
            scope: ScopeId::read(r)?,
            device: DeviceId::read(r)?,
            incarnation: r.u32("incarnation")?,
            height: r.varint("height")?,
        },
        15 => Frame::Marks {
            community,
            scopes: r.list(SCOPES_MAX, "scopes")?,
        },
        21 => Frame::DirectHello(Box::new(DirectHello::read_fields(community, r)?)),
        22 => Frame::DirectAnswer { community },
        40 => Frame::NewestAsk {
            community,
            scopes: r.list(SCOPES_MAX, "scopes")?,
        },
        41 => Frame::Newest {
            community,
            ranges: read_ranges(r)?,
        },
        value => {
            return Err(DecodeError::Unknown {
                what: "frame",
                value: u64::from(value),
            });
        }
    })
}

impl Refusal {
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let value = r.u8("refusal")?;
        [
            Self::Invalid,
            Self::Expired,
            Self::UsedUp,
            Self::Banned,
            Self::Busy,
            Self::Waiting,
            Self::Full,
            Self::NotLetIn,
        ]
        .into_iter()
        .find(|refusal| *refusal as u8 == value)
        .ok_or(DecodeError::Unknown {
            what: "refusal",
            value: u64::from(value),
        })
    }
}
