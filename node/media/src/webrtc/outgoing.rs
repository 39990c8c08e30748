//! The own voice on its way to one link: RTP headers around a payload that all links share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_OPUS;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::MediaEngine;

use super::sdp::PayloadTypes;
use crate::transport::VoicePacket;

/// Numbers that we give the formats in our offers, those that Chromium has; what is agreed on may differ.
const OPUS: u8 = 111;
const RED: u8 = 63;
/// What we are ready to receive (RFC 7587, 6.1): no pauses of the codec's own, since ours are the engine's; repair of
/// lost frames; one channel; packets of 10 ms and more.
const OPUS_PARAMETERS: &str = "minptime=10;useinbandfec=1;stereo=0;usedtx=0";
/// RED around Opus alone, any number of blocks up to two (RFC 2198, 5).
const RED_PARAMETERS: &str = "111/111";
const MIME_TYPE_RED: &str = "audio/red";

/// The formats of voice. Video adds its own to the same engine.
pub(crate) fn media_engine() -> Result<MediaEngine, webrtc::error::Error> {
    let mut engine = MediaEngine::default();
    for (codec, payload_type) in [(opus(), OPUS), (codec(MIME_TYPE_RED, RED_PARAMETERS), RED)] {
        engine.register_codec(
            RTCRtpCodecParameters {
                rtp_codec: codec,
                payload_type,
            },
            RtpCodecKind::Audio,
        )?;
    }
    Ok(engine)
}

fn opus() -> RTCRtpCodec {
    codec(MIME_TYPE_OPUS, OPUS_PARAMETERS)
}

/// Both have this clock and count of channels, whatever they carry (RFC 7587, 4.1).
fn codec(mime_type: &str, parameters: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: parameters.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// The sending side of a link.
pub(crate) struct Outgoing {
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    open: AtomicBool,
    types: std::sync::Mutex<PayloadTypes>,
}

/// Why a packet did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// The link is not open; that is no loss.
    Closed,
    /// The connection takes no more, or the other side takes no such format.
    Dropped,
}

impl Outgoing {
    pub(crate) fn new(ssrc: u32) -> Self {
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            active: true,
            codec: opus(),
            ..Default::default()
        };
        let (stream, track) = ("alloquy".to_owned(), "voice".to_owned());
        let track = MediaStreamTrack::new(
            stream,
            track,
            "voice".to_owned(),
            RtpCodecKind::Audio,
            vec![coding],
        );
        let (open, types) = (AtomicBool::new(false), std::sync::Mutex::default());
        Self {
            track: Arc::new(TrackLocalStaticRTP::new(track)),
            ssrc,
            open,
            types,
        }
    }

    /// As the library takes it.
    pub(crate) fn track(&self) -> Arc<dyn TrackLocal> {
        Arc::clone(&self.track) as Arc<dyn TrackLocal>
    }

    /// What the other side takes, and under which numbers.
    pub(crate) fn set_types(&self, types: PayloadTypes) {
        *self
            .types
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = types;
    }

    /// Whether packets may go out.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Relaxed);
    }

    /// Gives a packet to the connection. Never waits.
    pub(crate) fn send(&self, packet: &VoicePacket) -> Result<(), NotSent> {
        if !self.open.load(Ordering::Relaxed) {
            return Err(NotSent::Closed);
        }
        let (payload_type, payload) = self.format(packet).ok_or(NotSent::Dropped)?;
        let header = rtc::rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..Default::default()
        };
        // Ready at once, unless the connection's queue is full; then this packet would come too late anyway.
        let written = self
            .track
            .write_rtp(rtc::rtp::Packet { header, payload })
            .now_or_never();
        matches!(written, Some(Ok(())))
            .then_some(())
            .ok_or(NotSent::Dropped)
    }

    fn format(&self, packet: &VoicePacket) -> Option<(u8, Bytes)> {
        let types = *self
            .types
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match (packet.red, types.red) {
            (true, Some(red)) => Some((red, packet.payload.clone())),
            (true, None) => Some((types.opus?, primary(&packet.payload)?)),
            (false, _) => Some((types.opus?, packet.payload.clone())),
        }
    }
}

/// The newest block of a RED payload, which stands last (RFC 2198, 3); `None`: it is none.
fn primary(red: &Bytes) -> Option<Bytes> {
    let mut at = 0;
    let mut before = 0;
    while red.get(at)? & 0x80 != 0 {
        let [_, _, high, low] = *red.get(at..at + 4)?.first_chunk()?;
        before += usize::from(high & 0b11) << 8 | usize::from(low);
        at += 4;
    }
    let start = at + 1 + before;
    (start < red.len()).then(|| red.slice(start..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_without_red_gets_the_newest_block() {
        let one_old = Bytes::from_static(&[0x80 | 111, 0x0f, 0x00, 3, 111, 1, 2, 3, 9, 8]);
        assert_eq!(primary(&one_old).unwrap()[..], [9, 8]);
        assert_eq!(primary(&Bytes::from_static(&[111, 5])).unwrap()[..], [5]);
        for bad in [
            &[][..],
            &[111],
            &[0x80 | 111, 0, 0],
            &[0x80 | 111, 0, 3, 255, 111, 1],
        ] {
            assert_eq!(primary(&Bytes::copy_from_slice(bad)), None, "{bad:?}");
        }
    }

    #[test]
    fn numbers_are_those_that_were_agreed_on() {
        let outgoing = Outgoing::new(1);
        let payload = Bytes::from_static(&[111, 5]);
        let packet = |red| VoicePacket {
            sequence: 0,
            timestamp: 0,
            marker: false,
            red,
            payload: payload.clone(),
        };
        assert_eq!(outgoing.format(&packet(false)), None);
        outgoing.set_types(PayloadTypes {
            opus: Some(96),
            red: None,
        });
        assert_eq!(outgoing.format(&packet(false)), Some((96, payload.clone())));
        assert_eq!(
            outgoing.format(&packet(true)),
            Some((96, payload.slice(1..)))
        );
        outgoing.set_types(PayloadTypes {
            opus: Some(96),
            red: Some(97),
        });
        assert_eq!(outgoing.format(&packet(true)), Some((97, payload.clone())));
        assert_eq!(outgoing.send(&packet(true)), Err(NotSent::Closed));
    }
}
