//! What of a connection's RTP and RTCP is ours: voice on its way in, and reports of the other side.
//!
//! The library's own statistics know no round trip and leave out reports that come within a sender report, which is
//! where a side that also speaks puts them (RFC 3550, 6.4.1). So reports are read here. Voice is taken here as well: at
//! this place it is decrypted and authenticated, carries the instant of its arrival at the socket, and has not yet
//! gone through a queue that drops. Packets of other kinds go on to the library's tracks.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use alloquy_api::voice::MediaLink;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::reception_report::ReceptionReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::limits::PAYLOAD_BYTES_MAX;
use super::sdp::PayloadTypes;
use super::sink::Sink;
use crate::transport::{Feedback, VoicePacket};

/// Own sender reports that answers are matched with: they go out once a second, and no round trip takes longer.
const REPORTS_REMEMBERED: usize = 8;
/// Round trips above this are errors of a clock.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(8);

/// The formats of voice as they come in; changed by each negotiation, read by each packet.
#[derive(Debug)]
pub(crate) struct Formats {
    opus: AtomicU16,
    red: AtomicU16,
}

/// Stands for a format that was not agreed on.
const NONE: u16 = u16::MAX;

impl Default for Formats {
    fn default() -> Self {
        Self {
            opus: AtomicU16::new(NONE),
            red: AtomicU16::new(NONE),
        }
    }
}

impl Formats {
    pub(crate) fn set(&self, types: PayloadTypes) {
        self.opus
            .store(types.opus.map_or(NONE, u16::from), Ordering::Relaxed);
        self.red
            .store(types.red.map_or(NONE, u16::from), Ordering::Relaxed);
    }

    /// Whether a payload type is RED; `None`: it is neither RED nor Opus.
    fn is_red(&self, payload_type: u8) -> Option<bool> {
        let is = |format: &AtomicU16| format.load(Ordering::Relaxed) == u16::from(payload_type);
        if is(&self.red) {
            Some(true)
        } else {
            is(&self.opus).then_some(false)
        }
    }
}

/// The link's part of the library's chain.
pub(crate) struct Tap {
    link: MediaLink,
    /// SSRC of the own voice.
    ssrc: u32,
    formats: Arc<Formats>,
    sink: Arc<Sink>,
    sent_reports: VecDeque<(u32, Instant)>,
    /// Streams that are not voice.
    others: BTreeSet<u32>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Tap {
    pub(crate) fn new(link: MediaLink, ssrc: u32, formats: Arc<Formats>, sink: Arc<Sink>) -> Self {
        let (sent_reports, others) = (VecDeque::new(), BTreeSet::new());
        let (reads, writes) = (VecDeque::new(), VecDeque::new());
        Self {
            link,
            ssrc,
            formats,
            sink,
            sent_reports,
            others,
            reads,
            writes,
        }
    }

    fn voice(&self, packet: &rtc::rtp::Packet, arrival: Instant) {
        let header = &packet.header;
        let Some(red) = self
            .formats
            .is_red(header.payload_type)
            .filter(|_| packet.payload.len() <= PAYLOAD_BYTES_MAX)
        else {
            return self.sink.malformed();
        };
        let voice = VoicePacket {
            sequence: header.sequence_number,
            timestamp: header.timestamp,
            marker: header.marker,
            red,
            payload: packet.payload.clone(),
        };
        self.sink.packet(self.link, voice, arrival);
    }

    /// Tells the first report on the own voice. One compound packet has one of each source (RFC 3550, 6.1); further
    /// ones would only fill the engine's queue.
    fn reports(&self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        let report = packets
            .iter()
            .flat_map(|packet| blocks(packet.as_ref()))
            .find(|report| report.ssrc == self.ssrc);
        if let Some(report) = report {
            self.sink.feedback(self.link, self.feedback(report, now));
        }
    }

    /// RFC 3550, 6.4.1: the fraction is of 256; the delay counts 65,536ths of a second.
    fn feedback(&self, report: &ReceptionReport, now: Instant) -> Feedback {
        let sent = self
            .sent_reports
            .iter()
            .find(|(name, _)| *name == report.last_sender_report);
        let held = Duration::from_secs(1) * report.delay / 65_536;
        let round_trip = sent
            .and_then(|(_, sent)| now.checked_duration_since(*sent)?.checked_sub(held))
            .filter(|round_trip| *round_trip < ROUND_TRIP_MAX);
        Feedback {
            round_trip_ms: round_trip.map(|round_trip| round_trip.as_secs_f32() * 1000.0),
            lost: f32::from(report.fraction_lost) / 256.0,
        }
    }

    fn remember(&mut self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        for packet in packets {
            let Some(report) = packet.as_any().downcast_ref::<SenderReport>() else {
                continue;
            };
            if self.sent_reports.len() == REPORTS_REMEMBERED {
                self.sent_reports.pop_front();
            }
            // The middle 32 bits of NTP's 64 name a report in the answers to it.
            let name = (report.ntp_time >> 16) & u64::from(u32::MAX);
            self.sent_reports
                .extend(u32::try_from(name).ok().map(|name| (name, now)));
        }
    }
}

/// The blocks of a report of either kind.
fn blocks(packet: &dyn rtc::rtcp::Packet) -> &[ReceptionReport] {
    let packet = packet.as_any();
    match (
        packet.downcast_ref::<ReceiverReport>(),
        packet.downcast_ref::<SenderReport>(),
    ) {
        (Some(receiver), _) => &receiver.reports,
        (_, Some(sender)) => &sender.reports,
        _ => &[],
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Self::Error> {
        match &msg.message.packet {
            Packet::Rtp(packet) if !self.others.contains(&packet.header.ssrc) => {
                self.voice(packet, msg.now);
                return Ok(());
            }
            Packet::Rtcp(packets) => self.reports(packets, msg.now),
            _ => {}
        }
        self.reads.push_back(msg);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<Self::Rout> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Self::Error> {
        if let Packet::Rtcp(packets) = &msg.message.packet {
            self.remember(packets, msg.now);
        }
        self.writes.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<Self::Wout> {
        self.writes.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}

    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}

    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        if !info.mime_type.to_ascii_lowercase().starts_with("audio/") {
            self.others.insert(info.ssrc);
        }
    }

    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.others.remove(&info.ssrc);
    }
}

#[cfg(test)]
mod tests {
    use alloquy_ids::DeviceId;

    use super::*;
    use crate::transport::TransportEvent;

    #[test]
    fn one_report_of_a_compound_packet_is_told() {
        let (events, engine) = std::sync::mpsc::sync_channel(64);
        let link = MediaLink {
            device: DeviceId([1; 32]),
            attempt: 1,
        };
        let tap = Tap::new(link, 7, Arc::default(), Arc::new(Sink::new(events)));
        let report = |ssrc, fraction_lost| ReceptionReport {
            ssrc,
            fraction_lost,
            ..Default::default()
        };
        let receiver = ReceiverReport {
            reports: vec![report(8, 1), report(7, 128), report(7, 64)],
            ..Default::default()
        };
        let sender = SenderReport {
            reports: vec![report(7, 32)],
            ..Default::default()
        };
        tap.reports(&[Box::new(receiver), Box::new(sender)], Instant::now());
        let told: Vec<_> = engine.try_iter().collect();
        let expected = Feedback {
            round_trip_ms: None,
            lost: 0.5,
        };
        assert_eq!(told, [TransportEvent::Feedback(link, expected)]);
    }
}
