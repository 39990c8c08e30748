//! Every maximum and measure of the engine, with its unit and its reason.

/// Samples a second inside of the engine: Opus' full rate, and what nearly all devices do.
pub const RATE: u32 = 48_000;
/// Samples of one tick: 10 ms, WebRTC's unit of sound processing.
pub const TICK_SAMPLES: usize = 480;
/// Milliseconds of one tick.
pub const TICK_MS: u64 = 10;
/// One tick of mono sound.
pub type Frame = [f32; TICK_SAMPLES];

/// Samples of the longest Opus packet: 120 ms (RFC 6716, 2.1.4).
pub const PACKET_SAMPLES_MAX: usize = 5_760;
/// Bytes of one RTP payload: below the smallest MTU that IPv6 allows, with room for SRTP, TURN and IP headers.
pub const PAYLOAD_BYTES_MAX: usize = 1_200;
/// Bytes of one Opus frame that we send; three of them fit into one RED payload, and RED's length field has 10 bits.
pub const OPUS_BYTES_MAX: usize = 390;
/// Samples before a packet that DRED is read for: 1 s, more than any buffer here holds.
pub(crate) const DRED_SAMPLES_MAX: i32 = 48_000;
/// Bytes of RTP's header that statistics count beside the payload (RFC 3550, 5.1).
pub(crate) const RTP_HEADER_BYTES: u64 = 12;

/// Milliseconds that sound may wait before it is played: beyond, a talk turns into radio traffic.
pub const DELAY_MS_MAX: i64 = 250;
/// Milliseconds that the first sound waits on a LAN, where arrival hardly varies.
pub const DELAY_START_LAN_MS: i64 = 40;
/// The same elsewhere.
pub const DELAY_START_MS: i64 = 80;
/// The least delay aimed at, milliseconds: a tick.
pub(crate) const DELAY_MS_MIN: i64 = 10;
/// Packets that wait for one link: two seconds of 20 ms, a burst after a stall.
pub(crate) const BUFFERED_MAX: usize = 128;

/// Links of one engine: a mesh of 8 and as many attempts that are about to be closed, with room for a forwarder.
pub const LINKS_MAX: usize = 64;
/// Voices that are mixed at once: nobody follows more.
pub const MIXED_MAX: usize = 8;
/// Percent of the greatest volume of a person.
pub const VOLUME_MAX: u8 = 200;

/// Milliseconds that the gate stays open after speech: the pauses between words.
pub(crate) const HANG_MS: u64 = 250;
/// Milliseconds between packets while silent: ICE consent (RFC 7675) and the bindings of NATs live on, and the other
/// side knows that silence is no loss.
pub(crate) const COMFORT_MS: u64 = 400;
/// Milliseconds without sound after which a link says why.
pub(crate) const SILENCE_MS: u64 = 2_000;

/// Seconds of a WAV file or spoken text that is read: as 48 kHz mono it takes 115 MB.
pub const INPUT_SECONDS_MAX: u32 = 600;
/// Bytes of a file that is opened as WAV: ten minutes of 96 kHz stereo in 32 bits.
pub const INPUT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Seconds that are recorded into one file: two hours, 691 MB.
pub const OUTPUT_SECONDS_MAX: u32 = 7_200;
/// Seconds that the speech synthesiser may take.
pub(crate) const SPEAKER_SECONDS_MAX: u64 = 20;
/// Bytes of WAV that it may write: ten minutes of its 22,050 Hz in 16 bits.
pub(crate) const SPEAKER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Tasks on their way to the engine's thread: joining a room of 64 takes about three for each.
pub(crate) const TASKS_WAITING_MAX: usize = 1_024;
/// Reports on their way to the node.
pub(crate) const REPORTS_WAITING_MAX: usize = 1_024;
/// Reports that wait in the engine when the node does not take them; beyond, statistics and levels are dropped first.
pub(crate) const REPORTS_HELD_MAX: usize = 4_096;
/// Events that the thread takes from the transport in one tick: 64 links at 100 packets a second, twice.
pub(crate) const EVENTS_PER_TICK_MAX: usize = 2_048;
