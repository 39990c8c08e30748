//! A relay between two nodes that does not keep to its trade.
//!
//! It carries one connection that is encrypted and authenticated from end to end, each frame under a counter. It sees
//! who, when, which way and how many bytes. What it changes, swaps or sends twice does not open at the receiver, whose
//! transport ends the connection: the core never hears of it (`alloquy-tests` shows that with the real transport). A
//! session that it sends again as a whole ends in the handshake. What is left to it is silence and time: it can stop
//! carrying one way, and what it keeps back keeps back everything behind it. The ends' pings notice that.

use std::collections::BTreeSet;

use super::{Flight, Net, link};
use crate::draw::Draw;

/// A peer that answers no ping for so long is let go, as the shell does.
const PING_MS: u64 = 60_000;
/// Until an end that was given bytes that do not open has closed the connection, and the other has noticed.
const ALARM_MS_MAX: u64 = 200;
/// The longest that bytes are kept and still delivered: below the ping's patience.
const LATE_MS_MAX: u64 = 45_000;
/// Frames of this size and more are taken for history, whose carrying stops.
const LARGE_BYTES: usize = 400;

/// What a relay does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meddling {
    /// Changes bytes, swaps frames or repeats them.
    Forge,
    /// From some frame on, carries nothing more one way.
    Withhold,
    /// The same, from the first large frame on.
    WithholdHistory,
    /// Carries everything late.
    Delay,
    /// Ends connections.
    Cut,
}

/// All of them.
pub const MEDDLINGS: [Meddling; 5] = [
    Meddling::Forge,
    Meddling::Withhold,
    Meddling::WithholdHistory,
    Meddling::Delay,
    Meddling::Cut,
];

/// The relay of one pair.
#[derive(Debug)]
pub(super) struct Relay {
    does: BTreeSet<Meddling>,
    draw: Draw,
    /// The connection that it does not carry any more towards the smaller and the greater seat.
    silent: [Option<u64>; 2],
}

/// What becomes of a frame.
enum Passage {
    /// Carried after so many milliseconds.
    After(u64),
    /// Kept for good; `first`: it is the first one.
    Kept { first: bool },
    /// It arrives as something that does not open, or not at all, and the connection ends.
    Broken,
}

impl Relay {
    fn passage(&mut self, forward: bool, generation: u64, bytes: usize) -> Passage {
        let does = |what| self.does.contains(&what);
        let silent = &mut self.silent[usize::from(forward)];
        if *silent == Some(generation) {
            return Passage::Kept { first: false };
        }
        let ends = (does(Meddling::Forge) && self.draw.chance(20))
            || (does(Meddling::Cut) && self.draw.chance(10));
        if ends {
            return Passage::Broken;
        }
        let history = does(Meddling::WithholdHistory) && bytes >= LARGE_BYTES;
        if (history && self.draw.chance(500)) || (does(Meddling::Withhold) && self.draw.chance(30))
        {
            *silent = Some(generation);
            return Passage::Kept { first: true };
        }
        let late = does(Meddling::Delay) && self.draw.chance(100);
        Passage::After(self.draw.between(5, if late { LATE_MS_MAX } else { 200 }))
    }
}

impl Net {
    /// From now on two nodes reach each other through a relay alone, which does this.
    pub fn relay(&mut self, a: usize, b: usize, does: BTreeSet<Meddling>, draw: Draw) {
        let relay = Relay {
            does,
            draw,
            silent: [None; 2],
        };
        self.relays.insert(link::pair(a, b), relay);
        self.break_link(a, b, 50);
    }

    /// Everybody has an honest way to everybody again.
    pub fn end_relays(&mut self) {
        for (a, b) in std::mem::take(&mut self.relays).into_keys() {
            self.break_link(a, b, 50);
        }
    }

    /// Carries a frame through a relay, if one stands between. Whether it does.
    pub(super) fn relayed(
        &mut self,
        (from, to): (usize, usize),
        bytes: usize,
        flight: impl Fn(bool) -> Flight,
    ) -> bool {
        let Some(generation) = self.open_generation(from, to) else {
            return false;
        };
        let Some(relay) = self.relays.get_mut(&link::pair(from, to)) else {
            return false;
        };
        match relay.passage(to > from, generation, bytes) {
            Passage::After(ms) => {
                let mut due = self.now + ms;
                if let Some(link) = self.links.get_mut(&link::pair(from, to)) {
                    due = link.in_order(from, to, due);
                }
                self.schedule(due, flight(false));
            }
            Passage::Kept { first } => {
                self.counts.withheld += 1;
                if first {
                    let (a, b) = link::pair(from, to);
                    self.schedule(self.now + PING_MS, Flight::Ping { a, b, generation });
                }
            }
            Passage::Broken => {
                self.counts.forged += 1;
                self.break_link(from, to, ALARM_MS_MAX);
            }
        }
        true
    }

    /// Nobody has answered for too long over this connection.
    pub(super) fn give_up(&mut self, a: usize, b: usize, generation: u64) {
        if self.is_up_at(a, b, generation) || self.is_up_at(b, a, generation) {
            self.break_link(a, b, ALARM_MS_MAX);
        }
    }
}
