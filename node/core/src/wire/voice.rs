//! Voice: words about rooms, orders on stages, and steps of media connections (docs/protocol.md, "Voice").

use alloquy_api::limits::{CANDIDATE_BYTES_MAX, SDP_BYTES_MAX};
use alloquy_api::voice::MediaSignal;
use alloquy_ids::{ChannelId, CommunityId, DeviceId, UnixMs};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};

use crate::limits::{MEDIA_MID_BYTES_MAX, VOICE_LEASE_MAX_MS};

/// A device's join of a room: greater with each one, so that an old word never revives a room that was left.
pub(crate) type VoiceSession = u64;

/// How a device takes part in a voice channel. Of two words the one with the greater (session, number) holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VoiceWord {
    pub(crate) channel: ChannelId,
    pub(crate) session: VoiceSession,
    /// Rises with each word of the session.
    pub(crate) number: u64,
    pub(crate) part: Part,
    /// Milliseconds for which the word stands; 0: the device has left.
    pub(crate) lease_ms: u64,
    /// The order by which it speaks on a stage.
    pub(crate) invited: Option<Invitation>,
}

/// How somebody takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) muted: bool,
    pub(crate) deafened: bool,
    /// On a stage: asks to speak.
    pub(crate) hand: bool,
}

/// A moderator's order about a device on a stage. Of two orders about one session the greater number holds; of equal
/// numbers the one that moves back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StageOrder {
    pub(crate) channel: ChannelId,
    /// Whom it is about.
    pub(crate) device: DeviceId,
    pub(crate) session: VoiceSession,
    pub(crate) number: u64,
    pub(crate) speaks: bool,
}

/// What of a moderator's signal can not be told from the word that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    pub(crate) moderator: DeviceId,
    pub(crate) at: UnixMs,
    pub(crate) number: u64,
    pub(crate) signature: [u8; 64],
}

/// Somebody in the same room has heard nothing of a device for longer than its word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SilentWord {
    pub(crate) channel: ChannelId,
    pub(crate) device: DeviceId,
    /// The last word that was heard.
    pub(crate) session: VoiceSession,
    pub(crate) number: u64,
}

/// A step of the connection of two devices in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaFrame {
    pub(crate) community: CommunityId,
    pub(crate) channel: ChannelId,
    pub(crate) from: DeviceId,
    pub(crate) to: DeviceId,
    /// Sessions of both in the room.
    pub(crate) from_session: VoiceSession,
    pub(crate) to_session: VoiceSession,
    /// The attempt, chosen by the device that offers, rising.
    pub(crate) attempt: u64,
    /// Number of the step among the sender's of this attempt.
    pub(crate) index: u64,
    pub(crate) step: MediaStep,
    /// The sender's device's, over everything before it.
    pub(crate) signature: [u8; 64],
}

/// What a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MediaStep {
    Signal(MediaSignal),
    /// The attempt has failed at the device that does not offer: there is to be another.
    Again,
}

impl Part {
    const fn bits(self) -> u8 {
        (self.muted as u8) | ((self.deafened as u8) << 1) | ((self.hand as u8) << 2)
    }

    fn of_bits(bits: u8) -> Result<Self, DecodeError> {
        if bits > 7 {
            let (what, value) = ("part in a room", u64::from(bits));
            return Err(DecodeError::Unknown { what, value });
        }
        Ok(Self {
            muted: bits & 1 != 0,
            deafened: bits & 2 != 0,
            hand: bits & 4 != 0,
        })
    }
}

impl Canonical for VoiceWord {
    fn write(&self, w: &mut Writer) {
        self.channel.write(w);
        w.varint(self.session);
        w.varint(self.number);
        w.u8(self.part.bits());
        w.varint(self.lease_ms);
        w.option(self.invited.as_ref());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            channel: ChannelId::read(r)?,
            session: r.varint("session")?,
            number: r.varint("number of a word")?,
            part: Part::of_bits(r.u8("part in a room")?)?,
            lease_ms: match r.varint("lease")? {
                lease if lease <= VOICE_LEASE_MAX_MS => lease,
                value => {
                    let what = "lease of a place in a room";
                    return Err(DecodeError::Unknown { what, value });
                }
            },
            invited: r.option("invitation")?,
        })
    }
}

impl Canonical for Invitation {
    fn write(&self, w: &mut Writer) {
        self.moderator.write(w);
        self.at.write(w);
        w.varint(self.number);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            moderator: DeviceId::read(r)?,
            at: UnixMs::read(r)?,
            number: r.varint("number of an order")?,
            signature: r.array("signature")?,
        })
    }
}

impl Canonical for StageOrder {
    fn write(&self, w: &mut Writer) {
        self.channel.write(w);
        self.device.write(w);
        w.varint(self.session);
        w.varint(self.number);
        w.u8(u8::from(self.speaks));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            channel: ChannelId::read(r)?,
            device: DeviceId::read(r)?,
            session: r.varint("session")?,
            number: r.varint("number of an order")?,
            speaks: super::read_flag(r, "speaks")?,
        })
    }
}

impl Canonical for SilentWord {
    fn write(&self, w: &mut Writer) {
        self.channel.write(w);
        self.device.write(w);
        w.varint(self.session);
        w.varint(self.number);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            channel: ChannelId::read(r)?,
            device: DeviceId::read(r)?,
            session: r.varint("session")?,
            number: r.varint("number of a word")?,
        })
    }
}

impl MediaFrame {
    /// What the device signs: everything that says whose the step is, for whom and for which attempt, so that the
    /// fingerprint in a description is bound to the device by whatever way it comes.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"alloquy media v1");
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        self.community.write(w);
        self.channel.write(w);
        self.from.write(w);
        self.to.write(w);
        w.varint(self.from_session);
        w.varint(self.to_session);
        w.varint(self.attempt);
        w.varint(self.index);
        self.step.write(w);
    }
}

impl Canonical for MediaFrame {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            community: CommunityId::read(r)?,
            channel: ChannelId::read(r)?,
            from: DeviceId::read(r)?,
            to: DeviceId::read(r)?,
            from_session: r.varint("session")?,
            to_session: r.varint("session")?,
            attempt: r.varint("attempt")?,
            index: r.varint("number of a step")?,
            step: MediaStep::read(r)?,
            signature: r.array("signature")?,
        })
    }
}

impl Canonical for MediaStep {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Signal(MediaSignal::Offer { sdp }) => {
                w.u8(1);
                w.text(sdp);
            }
            Self::Signal(MediaSignal::Answer { sdp }) => {
                w.u8(2);
                w.text(sdp);
            }
            Self::Signal(MediaSignal::Candidate { candidate, mid }) => {
                w.u8(3);
                w.text(candidate);
                w.text(mid);
            }
            Self::Again => w.u8(4),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("step of a media connection")? {
            1 => Self::Signal(MediaSignal::Offer {
                sdp: r.text(SDP_BYTES_MAX, "offer")?,
            }),
            2 => Self::Signal(MediaSignal::Answer {
                sdp: r.text(SDP_BYTES_MAX, "answer")?,
            }),
            3 => Self::Signal(MediaSignal::Candidate {
                candidate: r.text(CANDIDATE_BYTES_MAX, "candidate")?,
                mid: r.text(MEDIA_MID_BYTES_MAX, "media section")?,
            }),
            4 => Self::Again,
            value => {
                return Err(DecodeError::Unknown {
                    what: "step of a media connection",
                    value: u64::from(value),
                });
            }
        })
    }
}
