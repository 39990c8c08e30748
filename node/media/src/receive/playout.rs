//! Packets of one link in order, and the sound of each tick: decoded, repaired by RED, FEC or DRED, or made up.
//!
//! The timeline is that of the sender's timestamps. While nothing is there to play, the timeline stands still and sound
//! is made up, so that a late packet is still played (the delay grows at once); when what comes then lies further
//! ahead, the made-up sound has covered what is missing. Delay shrinks again by [`super::stretch`], and in each pause,
//! since every talk spurt begins with exactly the delay that is needed.
//!
//! All times are samples at 48 kHz; `at` is the receiver's clock.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::voice::LinkStats;
use bytes::Bytes;

use super::delay::{Delay, MS};
use super::stats::{Counters, Seen};
use super::stretch::{self, Urgency};
use crate::codec::{CodecError, Decoder, Dred, has_fec, packet_samples};
use crate::limits::{
    BUFFERED_MAX, DELAY_MS_MAX, Frame, PACKET_SAMPLES_MAX, PAYLOAD_BYTES_MAX, TICK_SAMPLES,
};
use crate::red;
use crate::transport::VoicePacket;

/// Bytes of an Opus packet up to which it says only that there is silence (as libopus' DTX sends).
const SILENT_BYTES: usize = 2;
/// Excess of delay from which on it is taken back.
const SLACK: i64 = 10 * MS;
/// Excess from which on some harm is accepted for it.
const URGENT: i64 = 60 * MS;
/// Lack of delay from which on sound is played slower.
const LACK: i64 = 10 * MS;
/// Sound that is made up without anything to play, before the link counts as silent.
const CONCEAL: usize = 400 * MS as usize;
/// A gap of timestamps beyond which nothing is repaired: the sender began anew.
const GAP: i64 = 1_000 * MS;
/// The piece that is made up at once; Opus works in multiples of 2.5 ms.
const PIECE: usize = TICK_SAMPLES;
/// Effort of the decoder: from 5 on libopus conceals losses by its network.
const COMPLEXITY: i32 = 5;
/// Losses for whose repair it waits: five packets, what DRED carries with our settings.
const REPAIR_PACKETS: i64 = 5;

#[derive(Debug)]
struct Waiting {
    sequence: i64,
    samples: usize,
    payload: Bytes,
}

impl Waiting {
    fn silent(&self) -> bool {
        self.payload.len() <= SILENT_BYTES
    }
}

/// What a packet turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// Sound.
    Voice,
    /// A sign of life without sound.
    Comfort,
    /// A copy of one that was there.
    Duplicate,
    /// No Opus, no RED, or too great; it was dropped.
    Malformed,
}

/// The receiving side of one link.
#[derive(Debug)]
pub(crate) struct Playout {
    waiting: BTreeMap<i64, Waiting>,
    delay: Delay,
    pub(crate) counters: Counters,
    decoder: Decoder,
    dred: Dred,
    /// Decoded sound that is not played yet.
    ready: VecDeque<f32>,
    /// Timestamp of what is decoded next; `None`: silence, the next spurt begins anew.
    next: Option<i64>,
    /// Sequence number of what was decoded last.
    last: i64,
    /// Made up since the timeline stands still.
    concealed: usize,
    newest: Option<i64>,
    /// Whether the sound of the last tick was silence by the sender's word.
    silent: bool,
}

impl Playout {
    pub(crate) fn new() -> Result<Self, CodecError> {
        let mut decoder = Decoder::new()?;
        decoder.complexity(COMPLEXITY)?;
        Ok(Self {
            waiting: BTreeMap::new(),
            delay: Delay::new(),
            counters: Counters::default(),
            decoder,
            dred: Dred::new()?,
            ready: VecDeque::with_capacity(2 * PACKET_SAMPLES_MAX),
            next: None,
            last: 0,
            concealed: 0,
            newest: None,
            silent: true,
        })
    }

    /// The path is one of a LAN.
    pub(crate) fn near(&mut self) {
        self.delay.near();
    }

    /// Nothing is played until the next spurt; for a link that is not to be heard.
    pub(crate) fn hush(&mut self) {
        self.waiting.clear();
        self.ready.clear();
        self.rest();
        self.decoder.reset();
    }

    /// The last second's counters.
    pub(crate) fn second(&mut self, at: i64) -> LinkStats {
        let delay_ms = self.wait(at).map_or(0, |wait| wait.max(0) / MS);
        LinkStats {
            delay_ms: u32::try_from(delay_ms).unwrap_or(u32::MAX),
            ..self.counters.second()
        }
    }

    /// How long what is played now has waited, beside the fastest packet.
    pub(crate) fn wait(&self, at: i64) -> Option<i64> {
        let played = self.next? - self.ready.len() as i64;
        Some(at - self.delay.base()? - played)
    }

    /// Whether the sound of the last tick was silence.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// A packet came; `keep`: it is to be played, else it is only counted.
    pub(crate) fn insert(&mut self, at: i64, packet: &VoicePacket, keep: bool) -> Arrived {
        let Some(blocks) = blocks(packet) else {
            self.counters.malformed += 1;
            return Arrived::Malformed;
        };
        let (sequence, seen) = self.counters.sequence(packet.sequence);
        let timestamp = self.timestamp(packet.timestamp);
        if seen == Seen::Duplicate {
            return Arrived::Duplicate;
        }
        self.counters.packet(at, timestamp, packet.payload.len());
        self.delay.arrived(at, timestamp);
        let comfort = blocks
            .last()
            .is_some_and(|block| block.payload.len() <= SILENT_BYTES);
        if keep {
            self.keep(at, sequence, timestamp, blocks, seen);
        }
        match comfort {
            true => Arrived::Comfort,
            false => Arrived::Voice,
        }
    }

    fn keep(
        &mut self,
        at: i64,
        sequence: i64,
        timestamp: i64,
        mut blocks: Vec<red::Block>,
        seen: Seen,
    ) {
        let Some(own) = blocks.pop() else { return };
        self.copies(at, sequence, timestamp, blocks);
        if let Seen::After(missing) = seen {
            self.expect_repair(at, timestamp, missing, &own.payload);
        }
        let samples = packet_samples(&own.payload).unwrap_or(TICK_SAMPLES);
        self.waiting.insert(
            timestamp,
            Waiting {
                sequence,
                samples,
                payload: own.payload,
            },
        );
        while self.waiting.len() > BUFFERED_MAX {
            self.waiting.pop_first();
        }
    }

    /// Copies of RED that fill a hole.
    fn copies(&mut self, at: i64, sequence: i64, timestamp: i64, copies: Vec<red::Block>) {
        let count = copies.len() as i64;
        for (n, copy) in copies.into_iter().enumerate() {
            let then = timestamp - i64::from(copy.offset);
            let played = self.next.is_some_and(|next| then < next);
            if played || self.waiting.contains_key(&then) {
                continue;
            }
            // In a pause a copy is of what was played before it, unless packets of its own spurt are there.
            if self.next.is_none() && self.waiting.is_empty() {
                continue;
            }
            let Ok(samples) = packet_samples(&copy.payload) else {
                continue;
            };
            self.delay.repaired(at, then);
            let entry = Waiting {
                sequence: sequence - count + n as i64,
                samples,
                payload: copy.payload,
            };
            self.waiting.insert(then, entry);
        }
    }

    /// Packets are missing before this one: when it can repair them, waiting for that pays.
    fn expect_repair(&mut self, at: i64, timestamp: i64, missing: i64, payload: &[u8]) {
        let Ok(samples) = packet_samples(payload) else {
            return;
        };
        let reach = self.dred.reach(payload) / samples;
        let reach = (reach as i64).max(i64::from(has_fec(payload)));
        for n in 1..=missing.min(reach).min(REPAIR_PACKETS) {
            let then = timestamp - n * samples as i64;
            if !self.waiting.contains_key(&then) {
                self.delay.repaired(at, then);
            }
        }
    }

    /// Takes a timestamp of 32 bits, as the one nearest to the newest so far.
    fn timestamp(&mut self, timestamp: u32) -> i64 {
        let newest = self.newest.unwrap_or(i64::from(timestamp));
        let step = i64::from(timestamp.wrapping_sub(newest as u32) as i32);
        let timestamp = newest + step;
        self.newest = Some(newest.max(timestamp));
        if step.abs() > 10 * GAP {
            self.begin_anew(timestamp);
        }
        timestamp
    }

    /// The sender's clock leapt: what was learnt of it is void.
    fn begin_anew(&mut self, timestamp: i64) {
        self.hush();
        self.delay = Delay::new();
        self.newest = Some(timestamp);
    }

    /// One tick of sound.
    pub(crate) fn pull(&mut self, at: i64, out: &mut Frame) {
        if self.next.is_none() {
            self.begin_spurt(at);
        }
        self.skip(at);
        self.fill(TICK_SAMPLES);
        self.adjust(at);
        self.silent = self.next.is_none() && self.ready.is_empty();
        for sample in out.iter_mut() {
            *sample = self.ready.pop_front().unwrap_or(0.0);
        }
    }

    fn fill(&mut self, samples: usize) {
        while self.ready.len() < samples && self.next.is_some() {
            self.decode_next();
        }
    }

    /// In silence: begins with the first packet of sound once it has waited long enough.
    fn begin_spurt(&mut self, at: i64) {
        let Some(base) = self.delay.base() else {
            return;
        };
        let due = at - base - self.delay.target();
        while let Some((&timestamp, first)) = self.waiting.first_key_value() {
            let stale = timestamp + (first.samples as i64) <= due && self.waiting.len() > 1;
            if !first.silent() && !stale {
                break;
            }
            self.waiting.pop_first();
        }
        if let Some((&timestamp, first)) = self.waiting.first_key_value()
            && timestamp <= due
        {
            self.last = first.sequence - 1;
            self.next = Some(timestamp);
            self.concealed = 0;
        }
    }

    /// Leaps ahead when more is there than may wait.
    fn skip(&mut self, at: i64) {
        let (Some(next), Some((&newest, last))) = (self.next, self.waiting.last_key_value()) else {
            return;
        };
        let end = newest + last.samples as i64;
        if end - (next - self.ready.len() as i64) <= DELAY_MS_MAX * MS {
            return;
        }
        let from = end - self.delay.target().max(last.samples as i64);
        self.waiting = self.waiting.split_off(&from);
        self.ready.clear();
        self.rest();
        self.begin_spurt(at);
        if self.next.is_none() {
            self.next = self.waiting.first_key_value().map(|(&first, _)| first);
        }
    }

    /// Plays faster or slower when the delay is not what it should be.
    fn adjust(&mut self, at: i64) {
        let Some(wait) = self.wait(at) else { return };
        let excess = wait - self.delay.target();
        let enough = self.ready.len() + self.buffered() >= stretch::NEEDED + TICK_SAMPLES;
        if (-LACK..=SLACK).contains(&excess) || !enough || self.concealed > 0 {
            return;
        }
        self.fill(stretch::NEEDED);
        let urgency = match excess.abs() > URGENT {
            true => Urgency::Urgent,
            false => Urgency::Gentle,
        };
        if excess > 0 {
            stretch::shorten(&mut self.ready, urgency);
            self.fill(TICK_SAMPLES);
        } else {
            stretch::lengthen(&mut self.ready, urgency);
        }
    }

    /// Samples that wait without a hole before them.
    fn buffered(&self) -> usize {
        let mut end = self.next.unwrap_or(0);
        let mut samples = 0;
        for (&timestamp, packet) in &self.waiting {
            if timestamp > end {
                break;
            }
            samples += packet.samples;
            end = timestamp + packet.samples as i64;
        }
        samples
    }

    /// Adds to what is ready, or falls silent.
    fn decode_next(&mut self) {
        let Some(next) = self.next else { return };
        while let Some(first) = self.waiting.first_entry()
            && first.key() + (first.get().samples as i64) <= next
        {
            first.remove();
        }
        match self.waiting.first_key_value() {
            None => self.wait_for_more(),
            Some((&first, packet)) if first > next => {
                let (sequence, samples) = (packet.sequence, packet.samples);
                self.bridge(next, first, sequence, samples);
            }
            Some(_) => self.play_first(next),
        }
    }

    fn wait_for_more(&mut self) {
        if self.concealed >= CONCEAL {
            return self.rest();
        }
        self.concealed += PIECE;
        self.make_up();
    }

    fn rest(&mut self) {
        self.next = None;
        self.concealed = 0;
    }

    fn play_first(&mut self, next: i64) {
        let Some((timestamp, packet)) = self.waiting.pop_first() else {
            return;
        };
        if packet.silent() {
            return self.rest();
        }
        self.last = packet.sequence;
        self.concealed = 0;
        self.next = Some(timestamp + packet.samples as i64);
        let mut pcm = [0.0; PACKET_SAMPLES_MAX];
        match self.decoder.decode(&packet.payload, &mut pcm) {
            // What overlaps with sound that was played (the frame size changed) is not played twice.
            Ok(samples) => {
                let from = usize::try_from(next - timestamp).unwrap_or(0).min(samples);
                self.ready.extend(&pcm[from..samples]);
            }
            Err(_) => {
                self.counters.malformed += 1;
                self.conceal_piece(packet.samples);
            }
        }
    }

    /// There is a hole between what was played and the first packet that waits.
    fn bridge(&mut self, next: i64, first: i64, sequence: i64, samples: usize) {
        let gap = first - next;
        // No number is missing: the sender was silent.
        if gap > GAP || sequence == self.last + 1 {
            return self.rest();
        }
        // What was made up while waiting stands for what is missing.
        let left = gap - self.concealed as i64;
        self.concealed = 0;
        if left <= 0 {
            self.next = Some(first);
            return;
        }
        let left = left as usize;
        self.next = Some(first - left as i64);
        // The last frame of the hole is the one that FEC has a copy of.
        let piece = match left > samples {
            true => samples.min(left - samples),
            false => left,
        };
        self.repair(left, piece, samples);
        self.next = Some(first - (left - piece) as i64);
    }

    /// Brings back `piece` samples from `left` samples before the first packet that waits.
    fn repair(&mut self, left: usize, piece: usize, samples: usize) {
        let Some((_, packet)) = self.waiting.first_key_value() else {
            return;
        };
        let mut pcm = [0.0; PACKET_SAMPLES_MAX];
        // The coarse copy is of a whole frame; when part of it was made up already, its end is what is missing.
        let (done, from) = if left <= samples && piece == left && has_fec(&packet.payload) {
            let copy = &mut pcm[..samples];
            (self.decoder.recover(&packet.payload, copy), samples - left)
        } else if self.dred.parse(&packet.payload) >= left {
            let lost = &mut pcm[..piece];
            (self.dred.decode(&mut self.decoder, left, lost), 0)
        } else {
            return self.conceal_piece(piece);
        };
        match done {
            Ok(_) => self.ready.extend(&pcm[from..from + piece]),
            Err(_) => self.conceal_piece(piece),
        }
    }

    fn conceal_piece(&mut self, samples: usize) {
        let mut left = samples;
        while left > 0 {
            self.make_up();
            left = left.saturating_sub(PIECE);
        }
        // More than asked for: never, as frames here are multiples of a tick; Opus' shortest ones are cut.
        let surplus = samples.next_multiple_of(PIECE) - samples;
        self.ready.truncate(self.ready.len() - surplus);
    }

    fn make_up(&mut self) {
        let mut pcm = [0.0; PIECE];
        if self.decoder.conceal(&mut pcm).is_err() {
            pcm.fill(0.0);
        }
        self.counters.concealed(PIECE);
        self.ready.extend(&pcm);
    }
}

/// The frames of a packet, its own last; `None`: it is malformed.
fn blocks(packet: &VoicePacket) -> Option<Vec<red::Block>> {
    if packet.payload.is_empty() || packet.payload.len() > PAYLOAD_BYTES_MAX {
        return None;
    }
    let blocks = match packet.red {
        true => red::read(&packet.payload).ok()?,
        false => vec![red::Block {
            offset: 0,
            payload: packet.payload.clone(),
        }],
    };
    let own = blocks.last()?;
    packet_samples(&own.payload).ok()?;
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;
    use crate::limits::RATE;

    /// Two seconds of something like a voice, in packets of 20 ms.
    fn packets() -> Vec<Bytes> {
        let mut encoder = Encoder::new().unwrap();
        let tone = |n: usize, k: usize| {
            let t = n as f32 / RATE as f32;
            (t * 130.0 * k as f32 * std::f32::consts::TAU).sin() / k as f32
        };
        let sound: Vec<f32> = (0..96_000)
            .map(|n| (1..12).map(|k| tone(n, k)).sum::<f32>() * 0.2)
            .collect();
        let mut out = [0; 400];
        let mut encode = |frame: &[f32]| {
            let bytes = encoder.encode(frame, &mut out).unwrap();
            Bytes::copy_from_slice(&out[..bytes])
        };
        sound.chunks(960).map(&mut encode).collect()
    }

    fn packet(n: usize, payload: &Bytes) -> VoicePacket {
        VoicePacket {
            sequence: n as u16,
            timestamp: (n * 960) as u32,
            marker: false,
            red: false,
            payload: payload.clone(),
        }
    }

    /// An hour of a sender whose clock is off: the greatest wait in the second minute and in all after it, milliseconds.
    fn hour(ppm: i64) -> (i64, i64, u32) {
        let payloads = packets();
        let mut playout = Playout::new().unwrap();
        playout.decoder.complexity(0).unwrap();
        let mut frame = [0.0; TICK_SAMPLES];
        let (mut sent, mut second, mut later, mut made_up) = (0, 0, 0, 0);
        for tick in 0..360_000_i64 {
            let at = tick * TICK_SAMPLES as i64;
            let theirs = at + at * ppm / 1_000_000;
            while (sent as i64 + 1) * 960 <= theirs {
                let payload = &payloads[sent % payloads.len()];
                playout.insert(at, &packet(sent, payload), true);
                sent += 1;
            }
            playout.pull(at, &mut frame);
            let wait = playout.wait(at).unwrap_or(0) / MS;
            match tick {
                ..6_000 => {}
                6_000..12_000 => second = second.max(wait),
                _ => later = later.max(wait),
            }
            if tick % 100 == 0 {
                made_up += u32::from(playout.second(at).concealed_ms);
            }
        }
        (second, later, made_up)
    }

    #[test]
    fn drift_of_an_hour_adds_at_most_20_ms() {
        for ppm in [200, -200] {
            let (second, later, made_up) = hour(ppm);
            assert!(later <= second + 20, "{ppm}: {second} ms, then {later} ms");
            assert!(made_up < 3_600, "{ppm}: {made_up} ms of an hour made up");
        }
    }

    #[test]
    fn malformed_packets_are_counted_and_the_sound_goes_on() {
        let payloads = packets();
        let mut playout = Playout::new().unwrap();
        let mut frame = [0.0; TICK_SAMPLES];
        let mut square = 0.0;
        for n in 0..100 {
            let at = n as i64 * 960;
            playout.insert(at, &packet(n, &payloads[n]), true);
            for (red, bytes) in [
                (true, vec![0xef, 0, 0, 9]),
                (false, vec![]),
                (false, vec![3, 63]),
                (false, vec![0; 1_500]),
            ] {
                let bad = VoicePacket {
                    red,
                    payload: bytes.into(),
                    ..packet(n + 7_000, &payloads[0])
                };
                assert_eq!(playout.insert(at, &bad, true), Arrived::Malformed);
            }
            for tick in 0..2 {
                playout.pull(at + tick * 480, &mut frame);
                square += frame.iter().map(|s| s * s).sum::<f32>();
            }
        }
        assert_eq!(playout.counters.malformed, 400);
        assert!(square / 96_000.0 > 0.01, "{square}");
        assert_eq!(playout.second(96_000).concealed_ms, 0);
    }

    proptest::proptest! {
        #[test]
        fn any_packets_are_survived(
            packets in proptest::collection::vec((
                proptest::prelude::any::<(u16, u32, bool)>(),
                proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            ), 0..60),
        ) {
            let mut playout = Playout::new().unwrap();
            let mut frame = [0.0; TICK_SAMPLES];
            for (n, ((sequence, timestamp, red), bytes)) in packets.into_iter().enumerate() {
                let payload = Bytes::from(bytes);
                let at = n as i64 * 480;
                // Half of them near each other, as a real stream's are.
                let near = n % 2 == 0;
                let sequence = if near { sequence % 64 } else { sequence };
                let timestamp = if near { timestamp % 48_000 } else { timestamp };
                playout.insert(at, &VoicePacket { sequence, timestamp, marker: false, red, payload }, true);
                playout.pull(at, &mut frame);
                proptest::prop_assert!(playout.waiting.len() <= BUFFERED_MAX + red::BLOCKS_MAX);
                proptest::prop_assert!(playout.ready.len() <= 4 * PACKET_SAMPLES_MAX);
            }
        }
    }
}
