//! What carries media between two devices, as the engine needs it; WebRTC is one implementation, tests have another.

use alloquy_api::voice::{IceServer, LinkView, MediaLink, MediaSignal};
use bytes::Bytes;

/// One RTP packet of voice, without what differs from receiver to receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicePacket {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 48,000 a second.
    pub timestamp: u32,
    /// The first packet after a silence.
    pub marker: bool,
    /// The payload is RED (RFC 2198) around Opus; else Opus alone (RFC 7587).
    pub red: bool,
    /// At most 1,200 bytes.
    pub payload: Bytes,
}

/// What a transport says.
#[derive(Clone, Debug, PartialEq)]
pub enum TransportEvent {
    /// A step of the negotiation for the other side.
    Signal(MediaLink, MediaSignal),
    /// How far a link is. Stages up to `Open` and `Failed` are the transport's; `Audio` is the engine's to say.
    Link(MediaLink, LinkView),
    /// A packet of the other side's voice; the instant is that of its arrival.
    Packet(MediaLink, VoicePacket, std::time::Instant),
    /// What the other side's reports say of what goes there.
    Feedback(MediaLink, Feedback),
}

/// What reports of RTCP say about a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Feedback {
    /// Round trip, milliseconds.
    pub round_trip_ms: Option<f32>,
    /// Share of packets that the other side missed since its last report, 0 to 1.
    pub lost: f32,
}

/// Connections with other devices. Nothing here waits: what happens is told by events.
pub trait MediaTransport: Send {
    /// Servers for links that begin from now on; links that stand renew their candidates (ICE restart).
    fn ice(&mut self, servers: Vec<IceServer>);
    /// Begins a link; `offers`: this side makes the first offer, and gives way to nobody when offers cross.
    fn connect(&mut self, link: MediaLink, offers: bool);
    /// A step of the other side. Of a link that is not known: dropped.
    fn signal(&mut self, link: MediaLink, signal: MediaSignal);
    /// Ends a link and frees what it holds (TURN allocations too).
    fn close(&mut self, link: MediaLink);
    /// Sends one packet on every open link. The payload is shared, not copied.
    fn send(&mut self, packet: &VoicePacket);
    /// Ends all links.
    fn close_all(&mut self);
}
