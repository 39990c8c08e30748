//! Links: who is connected to whom, how that breaks, and who dials again.

use alloquy_ids::NetworkKey;

use super::{Flight, Net};
use crate::address;

/// Back-off of a dial that failed: at most 10 s, as the shell promises.
const REDIAL_MS_MAX: u64 = 10_000;

/// The link of two nodes. Ends are named by (own seat, other seat).
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Rises with each new connection, so that frames of an old one are known.
    generation: u64,
    /// Nothing passes any more, whatever the ends believe.
    broken: bool,
    /// Whether the end of the smaller seat, and of the greater, holds it to be up.
    ends: [bool; 2],
    /// When the last frame in order arrives, towards the smaller and the greater seat.
    last_due: [u64; 2],
    /// When the last frame that arrived was sent, towards the smaller and the greater seat, as long as that end holds
    /// the link to be up.
    heard: [Option<u64>; 2],
}

impl Link {
    fn end(&self, seat: usize, peer: usize) -> bool {
        self.ends[usize::from(seat > peer)]
    }

    pub(super) fn set_end(&mut self, seat: usize, peer: usize, up: bool) {
        self.ends[usize::from(seat > peer)] = up;
        if !up {
            self.heard[usize::from(seat > peer)] = None;
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        !self.broken && self.ends == [true; 2]
    }

    /// Not before the last frame in this direction.
    pub(super) fn in_order(&mut self, from: usize, to: usize, due: u64) -> u64 {
        let last = &mut self.last_due[usize::from(to > from)];
        *last = due.max(*last);
        *last
    }
}

/// An order to hold a connection.
#[derive(Debug)]
pub(super) struct Keep {
    /// Whether one of the addresses leads to the peer.
    reaches: bool,
}

/// The two seats, smaller first.
pub(super) fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// All pairs of seats.
pub(super) fn pairs(seats: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..seats).flat_map(move |b| (0..b).map(move |a| (a, b)))
}

impl Net {
    pub(super) fn keep(&mut self, from: usize, key: NetworkKey, addresses: &[String]) {
        let Some(to) = self.seat_of(key).filter(|to| *to != from) else {
            return;
        };
        let reaches = addresses.contains(&address::of_seat(to));
        let held = self.keeps.insert((from, to), Keep { reaches });
        if held.is_none_or(|held| !held.reaches && reaches) {
            self.dial_soon(from, to);
        }
    }

    pub(super) fn dial_soon(&mut self, from: usize, to: usize) {
        if from != to {
            let due = self.now + self.draw.between(1, 60);
            self.schedule(due, Flight::Dial { from, to });
        }
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) {
        let wanted = self.keeps.contains_key(&(from, to)) || self.discover;
        let link = self.links.entry(pair(from, to)).or_default();
        if !wanted || !self.seats[from].up || link.end(from, to) {
            return;
        }
        let found = self.discover || self.keeps.get(&(from, to)).is_some_and(|keep| keep.reaches);
        let open =
            self.seats[from].cell == self.seats[to].cell && !self.walls.contains(&pair(from, to));
        let reachable = self.seats[to].up && open;
        if found && reachable {
            self.connect(from, to);
        } else {
            let due = self.now + self.draw.between(500, REDIAL_MS_MAX / 2);
            self.schedule(due, Flight::Dial { from, to });
        }
    }

    fn connect(&mut self, from: usize, to: usize) {
        self.counts.connected += 1;
        // The far end may not have noticed yet that an older connection died. Then either the old one is
        // closed first, or the new one takes its place without a word: both happen with real transports.
        let stale = self.links[&pair(from, to)].end(to, from);
        let closed_first = self.draw.chance(500);
        let now = self.now;
        if stale && closed_first {
            let generation = self.links[&pair(from, to)].generation;
            self.schedule(
                now,
                Flight::Down {
                    seat: to,
                    peer: from,
                    generation,
                },
            );
            self.schedule(now + 1, Flight::Dial { from, to });
            return;
        }
        let link = self.links.entry(pair(from, to)).or_default();
        link.generation += 1;
        link.broken = false;
        link.ends = [true; 2];
        link.last_due = [now; 2];
        let generation = link.generation;
        self.schedule(
            now,
            Flight::Up {
                seat: from,
                peer: to,
                generation,
            },
        );
        if !stale {
            self.schedule(
                now,
                Flight::Up {
                    seat: to,
                    peer: from,
                    generation,
                },
            );
        }
        for (a, b) in [(from, to), (to, from)] {
            let due = now + self.draw.between(1, 200);
            self.schedule(
                due,
                Flight::Addresses {
                    from: a,
                    to: b,
                    generation,
                },
            );
        }
    }

    /// Nothing passes from now on; each end notices within `notice_ms_max`.
    pub(super) fn break_link(&mut self, a: usize, b: usize, notice_ms_max: u64) {
        let Some(link) = self.links.get_mut(&pair(a, b)) else {
            return;
        };
        if link.broken || link.ends == [false; 2] {
            return;
        }
        link.broken = true;
        let generation = link.generation;
        self.counts.broken += 1;
        for (seat, peer) in [(a, b), (b, a)] {
            let due = self.now + self.draw.between(1, notice_ms_max);
            self.schedule(
                due,
                Flight::Down {
                    seat,
                    peer,
                    generation,
                },
            );
        }
    }

    pub(super) fn notice_down(&mut self, seat: usize, peer: usize, generation: u64) {
        let Some(link) = self.links.get_mut(&pair(seat, peer)) else {
            return;
        };
        if link.generation != generation || !link.end(seat, peer) {
            return;
        }
        link.broken = true;
        link.set_end(seat, peer, false);
        let key = self.key(peer);
        self.arrive(seat, alloquy_core::Input::PeerDown(key));
        for (from, to) in [(seat, peer), (peer, seat)] {
            if self.keeps.contains_key(&(from, to)) || self.discover {
                let due = self.now + self.draw.between(200, 2_000);
                self.schedule(due, Flight::Dial { from, to });
            }
        }
    }

    /// When the newest stream frame that has come from `from` to `to` was sent; `None` if `to` has heard nothing since
    /// it holds the link to be up.
    #[must_use]
    pub fn heard(&self, from: usize, to: usize) -> Option<u64> {
        let link = self.links.get(&pair(from, to))?;
        link.heard[usize::from(to > from)]
    }

    pub(super) fn note_heard(&mut self, from: usize, to: usize, at: u64) {
        if let Some(link) = self.links.get_mut(&pair(from, to)) {
            let heard = &mut link.heard[usize::from(to > from)];
            *heard = (*heard).max(Some(at));
        }
    }

    /// Whether `seat` holds its link to `peer` to be up.
    #[must_use]
    pub fn holds(&self, seat: usize, peer: usize) -> bool {
        let link = self.links.get(&pair(seat, peer));
        link.is_some_and(|link| link.end(seat, peer))
    }

    /// Whether this end holds this connection to be up.
    pub(super) fn is_up_at(&self, seat: usize, peer: usize, generation: u64) -> bool {
        let link = self.links.get(&pair(seat, peer));
        link.is_some_and(|link| link.generation == generation && link.end(seat, peer))
    }

    /// Whether a frame of this connection still arrives.
    pub(super) fn is_open(&self, from: usize, to: usize, generation: u64) -> bool {
        let link = self.links.get(&pair(from, to));
        link.is_some_and(|link| link.generation == generation && !link.broken && link.end(to, from))
    }

    /// The connection that a frame of `from` would take; `None` if it holds none.
    pub(super) fn open_generation(&self, from: usize, to: usize) -> Option<u64> {
        self.links
            .get(&pair(from, to))
            .filter(|link| link.end(from, to))
            .map(|link| link.generation)
    }
}
