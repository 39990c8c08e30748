//! From the microphone to packets: high-pass, echo, noise, gain, gate, Opus, RED.
//!
//! One tick of sound goes in, at most one packet comes out; it is encoded once for all receivers. While nothing is to
//! be sent, a packet of one byte (Opus' DTX) each 400 ms says that this side lives and is silent.

pub(crate) mod gate;
pub(crate) mod process;
pub(crate) mod rest;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::codec::{CodecError, Encoder};
use crate::limits::{COMFORT_MS, Frame, OPUS_BYTES_MAX, PAYLOAD_BYTES_MAX, TICK_MS, TICK_SAMPLES};
use crate::profile::{Profile, State};
use crate::red::{self, Block};
use crate::transport::VoicePacket;

/// The table of contents of a CELT packet of one 20 ms frame without a byte of sound (RFC 6716, 3.1): what libopus
/// sends in a silence, too.
const COMFORT: &[u8] = &[0xf8];
/// Effort of the encoder, 0 to 10: 9 costs about a third less than 10 and PESQ does not tell them apart.
const COMPLEXITY: i32 = 9;
/// Ticks between packets of comfort.
const COMFORT_TICKS: u64 = COMFORT_MS / TICK_MS;

/// Whether what comes in goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It is encoded and sent.
    Open,
    /// Only comfort goes out.
    Closed,
}

/// The encoding end.
#[derive(Debug)]
pub(crate) struct Sender {
    encoder: Encoder,
    profile: Profile,
    /// What the encoder has to be set to before its next frame.
    wanted: Option<Profile>,
    pending: Vec<f32>,
    /// Frames sent before, for RED: their timestamp and payload, oldest first.
    sent: VecDeque<(u32, Bytes)>,
    sequence: u16,
    timestamp: u32,
    silent: bool,
    ticks_silent: u64,
}

impl Sender {
    /// `seed` begins sequence numbers and timestamps, which RFC 3550, 5.1 wants to be random.
    pub(crate) fn new(seed: u64) -> Result<Self, CodecError> {
        let profile = State::Ordinary.profile(1, 0.0);
        let mut encoder = Encoder::new()?;
        encoder.complexity(COMPLEXITY)?;
        encoder.apply(profile.encoder)?;
        Ok(Self {
            encoder,
            profile,
            wanted: None,
            pending: Vec::with_capacity(4 * TICK_SAMPLES),
            sent: VecDeque::new(),
            sequence: seed as u16,
            timestamp: (seed >> 16) as u32,
            silent: true,
            ticks_silent: COMFORT_TICKS,
        })
    }

    /// Encodes otherwise from the next frame on.
    pub(crate) fn set(&mut self, profile: Profile) {
        self.wanted = Some(profile);
    }

    /// So many ticks were never taken: the clock goes on, what was begun is dropped.
    pub(crate) fn missed(&mut self, ticks: u32) {
        let begun = self.pending.len() as u32;
        self.pending.clear();
        let lost = ticks.wrapping_mul(TICK_SAMPLES as u32).wrapping_add(begun);
        self.timestamp = self.timestamp.wrapping_add(lost);
    }

    /// Takes one tick of sound.
    pub(crate) fn tick(&mut self, sound: &Frame, flow: Flow) -> Option<VoicePacket> {
        if flow == Flow::Closed && self.pending.is_empty() && self.silent {
            return self.comfort();
        }
        if self.pending.is_empty() {
            self.change_profile();
        }
        self.append(sound, flow);
        let packet = if self.pending.len() >= self.profile.frame_ms * TICK_SAMPLES / 10 {
            self.frame()
        } else {
            None
        };
        if flow == Flow::Closed && self.pending.is_empty() {
            self.fall_silent();
        }
        packet
    }

    /// Sound, or what ends it: a fade, so that it does not click, then zeros up to the end of the frame.
    fn append(&mut self, sound: &Frame, flow: Flow) {
        let fade = |n: usize| match flow {
            Flow::Open => 1.0,
            Flow::Closed => 1.0 - (n + 1) as f32 / TICK_SAMPLES as f32,
        };
        let ended = flow == Flow::Closed && self.ticks_silent > 0;
        let faded = sound.iter().enumerate().map(|(n, s)| s * fade(n));
        match ended {
            true => self.pending.extend([0.0; TICK_SAMPLES]),
            false => self.pending.extend(faded),
        }
        self.ticks_silent = match flow {
            Flow::Open => 0,
            Flow::Closed => self.ticks_silent + 1,
        };
    }

    fn change_profile(&mut self) {
        let Some(profile) = self.wanted.take() else {
            return;
        };
        if self.encoder.apply(profile.encoder).is_ok() {
            self.profile = profile;
        }
    }

    fn fall_silent(&mut self) {
        self.silent = true;
        self.sent.clear();
        // The first comfort goes at once: it tells the silence from a loss.
        self.ticks_silent = COMFORT_TICKS;
    }

    fn comfort(&mut self) -> Option<VoicePacket> {
        let due = self.ticks_silent >= COMFORT_TICKS;
        self.ticks_silent = if due { 1 } else { self.ticks_silent + 1 };
        let packet = due.then(|| self.packet(false, false, Bytes::from_static(COMFORT)));
        self.timestamp = self.timestamp.wrapping_add(TICK_SAMPLES as u32);
        packet
    }

    fn frame(&mut self) -> Option<VoicePacket> {
        let mut out = [0; OPUS_BYTES_MAX];
        let encoded = self.encoder.encode(&self.pending, &mut out);
        let samples = self.pending.len() as u32;
        self.pending.clear();
        let packet = match encoded {
            Ok(bytes) => Some(self.wrap(&out[..bytes])),
            Err(error) => {
                tracing::warn!(%error, "a frame was not encoded");
                None
            }
        };
        self.timestamp = self.timestamp.wrapping_add(samples);
        packet
    }

    /// A frame with as many copies of those before it as the profile wants.
    fn wrap(&mut self, frame: &[u8]) -> VoicePacket {
        let marker = std::mem::replace(&mut self.silent, false);
        let room = PAYLOAD_BYTES_MAX.saturating_sub(frame.len());
        let mut left = room;
        let fits = |(_, payload): &&(u32, Bytes)| {
            left = left.saturating_sub(payload.len() + red::HEADER_BYTES);
            left > 0
        };
        // Of more than a packet holds the oldest stay behind.
        let fitting = self.sent.iter().rev().take_while(fits).count();
        let copies: Vec<Block> = self
            .sent
            .iter()
            .skip(self.sent.len() - fitting)
            .map(|(timestamp, payload)| Block {
                offset: self.timestamp.wrapping_sub(*timestamp),
                payload: payload.clone(),
            })
            .collect();
        let own = Bytes::copy_from_slice(frame);
        let packet = match self.profile.copies {
            0 => self.packet(marker, false, own.clone()),
            _ => self.packet(marker, true, red::write(&copies, &own)),
        };
        self.sent.push_back((self.timestamp, own));
        while self.sent.len() > self.profile.copies {
            self.sent.pop_front();
        }
        packet
    }

    fn packet(&mut self, marker: bool, red: bool, payload: Bytes) -> VoicePacket {
        let sequence = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        VoicePacket {
            sequence,
            timestamp: self.timestamp,
            marker,
            red,
            payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: Frame = [0.3; TICK_SAMPLES];

    fn run(sender: &mut Sender, ticks: usize, flow: Flow) -> Vec<VoicePacket> {
        (0..ticks)
            .filter_map(|_| sender.tick(&LOUD, flow))
            .collect()
    }

    #[test]
    fn silence_is_a_byte_each_400_ms_and_timestamps_go_on() {
        let mut sender = Sender::new(0xffff_fff0_fffe).unwrap();
        let silent = run(&mut sender, 100, Flow::Closed);
        assert_eq!(silent.len(), 3);
        assert!(silent.iter().all(|p| p.payload.len() == 1 && !p.marker));
        assert_eq!(
            silent[1].timestamp.wrapping_sub(silent[0].timestamp),
            19_200
        );
        let loud = run(&mut sender, 10, Flow::Open);
        assert_eq!(loud.len(), 5);
        assert!(loud[0].marker && !loud[1].marker);
        assert_eq!(loud[0].timestamp.wrapping_sub(silent[0].timestamp), 48_000);
        assert_eq!(loud[1].timestamp.wrapping_sub(loud[0].timestamp), 960);
        assert_eq!(loud[4].sequence, silent[0].sequence.wrapping_add(7));
    }

    #[test]
    fn the_end_of_speech_is_said_at_once() {
        let mut sender = Sender::new(0).unwrap();
        assert_eq!(run(&mut sender, 11, Flow::Open).len(), 5);
        let end = run(&mut sender, 10, Flow::Closed);
        let bytes: Vec<usize> = end.iter().map(|p| p.payload.len()).collect();
        assert!(
            bytes[0] > 2 && bytes[1] == 1 && bytes.len() == 2,
            "{bytes:?}"
        );
        assert_eq!(end[1].timestamp - end[0].timestamp, 960);
    }

    #[test]
    fn copies_are_of_the_three_frames_before() {
        let mut sender = Sender::new(0).unwrap();
        sender.set(State::VeryLossy.profile(2, 0.2));
        let packets = run(&mut sender, 10, Flow::Open);
        assert_eq!(packets.len(), 5);
        let last = red::read(&packets[4].payload).unwrap();
        let offsets: Vec<u32> = last.iter().map(|block| block.offset).collect();
        assert_eq!(offsets, [2_880, 1_920, 960, 0]);
        assert_eq!(
            Some(&last[2].payload),
            red::primary(&packets[3].payload).as_ref()
        );
        // Of frames as great as they may be, as many go along as a packet holds.
        for timestamp in [1, 2, 3] {
            let frame = Bytes::from(vec![3; OPUS_BYTES_MAX]);
            sender.sent.push_back((timestamp, frame));
            sender.sent.pop_front();
        }
        let full = sender.wrap(&[3; OPUS_BYTES_MAX]);
        assert!(
            full.payload.len() <= PAYLOAD_BYTES_MAX,
            "{}",
            full.payload.len()
        );
        assert_eq!(red::read(&full.payload).unwrap().len(), 3);
    }
}
