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

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::{Frame, Signal, SignalKind};
    use super::*;

    fn signal(what: SignalKind) -> Frame {
        Frame::Signal(Box::new(Signal {
            community: CommunityId([1; 32]),
            device: DeviceId([2; 32]),
            at: UnixMs(1),
            what,
            signature: [3; 64],
        }))
    }

    fn word() -> VoiceWord {
        VoiceWord {
            channel: ChannelId([4; 32]),
            session: 300,
            number: 7,
            part: Part {
                muted: true,
                deafened: false,
                hand: true,
            },
            lease_ms: 40_000,
            invited: Some(Invitation {
                moderator: DeviceId([5; 32]),
                at: UnixMs(2),
                number: 1,
                signature: [6; 64],
            }),
        }
    }

    fn media(step: MediaStep) -> Frame {
        Frame::Media(Box::new(MediaFrame {
            community: CommunityId([1; 32]),
            channel: ChannelId([4; 32]),
            from: DeviceId([2; 32]),
            to: DeviceId([5; 32]),
            from_session: 300,
            to_session: 301,
            attempt: 302,
            index: 0,
            step,
            signature: [3; 64],
        }))
    }

    fn all() -> Vec<Frame> {
        let order = StageOrder {
            channel: ChannelId([4; 32]),
            device: DeviceId([5; 32]),
            session: 300,
            number: 2,
            speaks: true,
        };
        let silent = SilentWord {
            channel: ChannelId([4; 32]),
            device: DeviceId([5; 32]),
            session: 300,
            number: 7,
        };
        let text = || "v=0".to_owned();
        vec![
            signal(SignalKind::Voice(word())),
            signal(SignalKind::Stage(order)),
            signal(SignalKind::Silent(silent)),
            media(MediaStep::Signal(MediaSignal::Offer { sdp: text() })),
            media(MediaStep::Signal(MediaSignal::Answer { sdp: text() })),
            media(MediaStep::Signal(MediaSignal::Candidate {
                candidate: String::new(),
                mid: "0".to_owned(),
            })),
            media(MediaStep::Again),
        ]
    }

    #[test]
    fn frames_of_voice_have_one_form() {
        for frame in all() {
            let bytes = frame.to_bytes();
            assert_eq!(Frame::from_bytes(&bytes).as_ref(), Ok(&frame));
            for cut in 0..bytes.len() {
                assert!(Frame::from_bytes(&bytes[..cut]).is_err());
            }
        }
    }

    #[test]
    fn frames_of_voice_are_these_bytes() {
        let told = all().into_iter().map(|frame| {
            let bytes = frame.to_bytes();
            let hash = blake3::hash(&bytes).to_hex();
            format!("{} B {}", bytes.len(), &hash[..16])
        });
        expect![[r#"
            270 B e0d2dc3340db2fbb
            200 B 7ea6b06b25dfbde3
            199 B 461be01a78bd253b
            206 B 770b487ee7cef191
            206 B 3d23fc3df14abf01
            205 B a6776b45af45ff39
            202 B 2d58cae23ce50c60"#]]
        .assert_eq(&told.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn what_is_over_a_limit_is_refused() {
        let sdp = "x".repeat(SDP_BYTES_MAX);
        let offer = |sdp| media(MediaStep::Signal(MediaSignal::Offer { sdp })).to_bytes();
        assert!(Frame::from_bytes(&offer(sdp.clone())).is_ok());
        assert!(Frame::from_bytes(&offer(sdp + "x")).is_err());
        let candidate = |bytes, mid| {
            media(MediaStep::Signal(MediaSignal::Candidate {
                candidate: "x".repeat(bytes),
                mid: "0".repeat(mid),
            }))
        };
        for (bytes, mid, good) in [
            (CANDIDATE_BYTES_MAX, MEDIA_MID_BYTES_MAX, true),
            (CANDIDATE_BYTES_MAX + 1, 1, false),
            (1, MEDIA_MID_BYTES_MAX + 1, false),
        ] {
            let read = Frame::from_bytes(&candidate(bytes, mid).to_bytes());
            assert_eq!(read.is_ok(), good);
        }
        let lease = |lease_ms| {
            let word = VoiceWord { lease_ms, ..word() };
            signal(SignalKind::Voice(word)).to_bytes()
        };
        assert!(Frame::from_bytes(&lease(VOICE_LEASE_MAX_MS)).is_ok());
        assert!(Frame::from_bytes(&lease(VOICE_LEASE_MAX_MS + 1)).is_err());
        assert!(Part::of_bits(8).is_err());
    }
}
