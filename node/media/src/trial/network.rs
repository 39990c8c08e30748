//! A network that loses, delays, reorders and repeats packets, by a seed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::limits::RTP_HEADER_BYTES;
use crate::transport::VoicePacket;

/// Bytes of UDP, IPv4 and SRTP's tag around a packet.
const OVERHEAD: u64 = RTP_HEADER_BYTES + 8 + 20 + 10;

/// What a network does to packets. The default: nothing, within a millisecond.
#[derive(Clone, Debug, PartialEq)]
pub struct Impairment {
    /// Seed of all chances.
    pub seed: u64,
    /// Share that is lost, 0 to 1.
    pub loss: f64,
    /// Mean length of a run of losses, packets; 1: each on its own (Gilbert's model).
    pub burst: f64,
    /// Delay of every packet, milliseconds.
    pub delay_ms: f64,
    /// Greatest delay on top of it, milliseconds; evenly spread, so that packets may overtake each other.
    pub jitter_ms: f64,
    /// Share that is sent twice, 0 to 1.
    pub duplicate: f64,
    /// Nothing gets through from the first to the second of these milliseconds of the run; then all comes at once.
    pub stall_ms: Option<(u64, u64)>,
    /// Bits a second that get through; what comes faster waits, at most half a second, then it is lost.
    pub rate: Option<u64>,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            seed: 1,
            loss: 0.0,
            burst: 1.0,
            delay_ms: 1.0,
            jitter_ms: 0.0,
            duplicate: 0.0,
            stall_ms: None,
            rate: None,
        }
    }
}

/// One direction of a network.
#[derive(Debug)]
pub struct Network {
    impairment: Impairment,
    state: u64,
    start: Instant,
    losing: bool,
    /// When the bottleneck is free again.
    free: Instant,
    under_way: BTreeMap<(Instant, u64), VoicePacket>,
    count: u64,
    sent: u64,
    lost: u64,
    queue: Duration,
}

impl Network {
    /// A network whose time begins at `start`.
    #[must_use]
    pub fn new(impairment: Impairment, start: Instant) -> Self {
        Self {
            state: impairment.seed ^ 0x9e37_79b9_7f4a_7c15,
            impairment,
            start,
            losing: false,
            free: start,
            under_way: BTreeMap::new(),
            count: 0,
            sent: 0,
            lost: 0,
            queue: Duration::ZERO,
        }
    }

    /// Changes what it does to packets from now on.
    pub fn impair(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    /// Delay of a packet that is sent now, milliseconds, without jitter.
    #[must_use]
    pub fn delay_ms(&self) -> f32 {
        (self.impairment.delay_ms + self.queue.as_secs_f64() * 1e3) as f32
    }

    /// Share of packets lost since it was asked last.
    pub fn lost_since_asked(&mut self) -> f32 {
        let share = self.lost as f32 / self.sent.max(1) as f32;
        (self.lost, self.sent) = (0, 0);
        share
    }

    /// xorshift64*: even in 0 to 1.
    fn chance(&mut self) -> f64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let bits = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        bits as f64 / (1_u64 << 53) as f64
    }

    fn loses(&mut self) -> bool {
        let Impairment { loss, burst, .. } = self.impairment;
        if loss <= 0.0 {
            return false;
        }
        if burst <= 1.0 {
            return self.chance() < loss;
        }
        // Gilbert: the bad state loses all; its mean length and share are as asked for.
        let leave = 1.0 / burst;
        let enter = leave * loss / (1.0 - loss);
        let turn = if self.losing { leave } else { enter };
        if self.chance() < turn {
            self.losing = !self.losing;
        }
        self.losing
    }

    /// A packet is sent.
    pub fn send(&mut self, now: Instant, packet: VoicePacket) {
        self.sent += 1;
        if self.loses() {
            self.lost += 1;
            return;
        }
        let Some(through) = self.through(now, packet.payload.len()) else {
            self.lost += 1;
            return;
        };
        let copies = if self.chance() < self.impairment.duplicate {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let jitter = self.chance() * self.impairment.jitter_ms;
            let late = Duration::from_secs_f64((self.impairment.delay_ms + jitter) / 1e3);
            let at = self.after_stall(through + late);
            self.count += 1;
            self.under_way.insert((at, self.count), packet.clone());
        }
    }

    /// When the bottleneck has let it through.
    fn through(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let Some(rate) = self.impairment.rate else {
            return Some(now);
        };
        let begin = self.free.max(now);
        self.queue = begin - now;
        if self.queue > Duration::from_millis(500) {
            return None;
        }
        let bits = (bytes as u64 + OVERHEAD) * 8;
        self.free = begin + Duration::from_secs_f64(bits as f64 / rate as f64);
        Some(self.free)
    }

    fn after_stall(&self, at: Instant) -> Instant {
        let Some((from, to)) = self.impairment.stall_ms else {
            return at;
        };
        let (from, to) = (
            self.start + Duration::from_millis(from),
            self.start + Duration::from_millis(to),
        );
        if at >= from && at < to { to } else { at }
    }

    /// The next packet that has arrived, and when.
    pub fn poll(&mut self, now: Instant) -> Option<(Instant, VoicePacket)> {
        let first = self.under_way.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((at, _), packet) = first.remove_entry();
        Some((at, packet))
    }
}
