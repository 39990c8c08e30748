//! Signals: signed words that are never stored (docs/protocol.md, "Gossip" and "Voice").

use alloquy_ids::{ChannelId, CommunityId, DeviceId, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};

use super::voice::{SilentWord, StageOrder, VoiceWord};
use crate::limits::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, STATUS_BYTES_MAX};

/// A device's word about itself, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) community: CommunityId,
    pub(crate) device: DeviceId,
    /// The sender's clock; a later one replaces an earlier one.
    pub(crate) at: UnixMs,
    pub(crate) what: SignalKind,
    pub(crate) signature: [u8; 64],
}

/// What a signal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignalKind {
    /// Here, idle, or not to be disturbed, with a status line and the device's addresses as multiaddr text.
    Here {
        availability: u8,
        status: String,
        addresses: Vec<String>,
    },
    /// Gone.
    Gone,
    /// Typing in a channel.
    Typing { channel: ChannelId },
    /// How the device takes part in a voice channel, or that it does no more.
    Voice(VoiceWord),
    /// A moderator lets somebody on a stage speak, or no more.
    Stage(StageOrder),
    /// Somebody in the same room says that it has heard nothing more of a device.
    Silent(SilentWord),
}

impl Signal {
    /// What the device signs.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"ALLOQUY signal v1");
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        self.community.write(w);
        self.device.write(w);
        self.at.write(w);
        match &self.what {
            SignalKind::Here {
                availability,
                status,
                addresses,
            } => {
                w.u8(1);
                w.u8(*availability);
                w.text(status);
                w.varint(addresses.len() as u64);
                for address in addresses {
                    w.text(address);
                }
            }
            SignalKind::Gone => w.u8(2),
            SignalKind::Typing { channel } => {
                w.u8(3);
                channel.write(w);
            }
            SignalKind::Voice(word) => {
                w.u8(4);
                word.write(w);
            }
            SignalKind::Stage(order) => {
                w.u8(5);
                order.write(w);
            }
            SignalKind::Silent(word) => {
                w.u8(6);
                word.write(w);
            }
        }
    }
}

impl Canonical for Signal {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            device: DeviceId::read(r)?,
            at: UnixMs::read(r)?,
            what: match r.u8("signal")? {
                1 => SignalKind::Here {
                    availability: r.u8("availability")?,
                    status: r.text(STATUS_BYTES_MAX, "status")?,
                    addresses: {
                        let count = r.len(ADDRESSES_MAX, "addresses")?;
                        (0..count)
                            .map(|_| r.text(ADDRESS_BYTES_MAX, "address"))
                            .collect::<Result<_, _>>()?
                    },
                },
                2 => SignalKind::Gone,
                3 => SignalKind::Typing {
                    channel: ChannelId::read(r)?,
                },
                4 => SignalKind::Voice(VoiceWord::read(r)?),
                5 => SignalKind::Stage(StageOrder::read(r)?),
                6 => SignalKind::Silent(SilentWord::read(r)?),
                value => {
                    return Err(DecodeError::Unknown {
                        what: "signal",
                        value: u64::from(value),
                    });
                }
            },
            signature: r.array("signature")?,
        })
    }
}
