//! The simulated network: links between pairs of nodes and a gossip mesh over them.
//!
//! It keeps the contract of `alloquy_core::io`, "at least once, any order, may vanish", and breaks
//! everything that the contract does not promise, as [`Weather`] says. What it does promise is stated and
//! tested in [`crate::contract`].
//!
//! - A link joins two nodes if one of them was told to keep it ([`Output::Keep`]) or `discover` is on, both
//!   run, and no partition stands between them. A link that breaks is noticed by each end on its own,
//!   later; frames of a broken link are gone.
//! - A gossip frame floods: a node that has given [`Verdict::Accept`] hands it to its connected peers on
//!   the topic. A node sees a frame once, by its BLAKE3 hash, for a minute.
//!
//! - Between two nodes may stand a relay that does what a relay can ([`Meddling`]).
//!
//! Deliberately not modelled: bandwidth, corruption that reaches a node (the real transport authenticates), address
//! changes.

mod link;
mod mesh;
mod relay;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloquy_core::{GossipId, Input, Output, Topic, Verdict};
use alloquy_ids::NetworkKey;
use bytes::Bytes;

use crate::address;
use crate::draw::Draw;
use link::{Keep, Link};
use mesh::Mesh;
use relay::Relay;
pub use relay::{MEDDLINGS, Meddling};

/// What the network does to what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Frames lost, per thousand.
    pub loss: u32,
    /// Frames delivered twice, per thousand.
    pub duplicate: u32,
    /// Frames overtaken by later ones, per thousand.
    pub reorder: u32,
    /// Least and greatest time on the way.
    pub delay_ms: (u64, u64),
}

impl Weather {
    /// Nothing is lost, and frames of one link stay in order.
    pub const CALM: Self = Self {
        loss: 0,
        duplicate: 0,
        reorder: 0,
        delay_ms: (2, 40),
    };
}

/// What the network has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames handed in for one receiver.
    pub carried: u64,
    /// Frames lost by chance.
    pub lost: u64,
    /// Frames delivered twice.
    pub duplicated: u64,
    /// Frames delivered after later ones.
    pub reordered: u64,
    /// Frames that met a partition, a broken link or a stopped node.
    pub cut: u64,
    /// Links made.
    pub connected: u64,
    /// Links broken.
    pub broken: u64,
    /// Frames that a relay changed, repeated or cut off, each the end of its connection.
    pub forged: u64,
    /// Frames that a relay kept.
    pub withheld: u64,
}

/// The network.
#[derive(Debug)]
pub struct Net {
    now: u64,
    draw: Draw,
    /// What happens to frames from now on.
    pub weather: Weather,
    /// Whether running nodes find each other by themselves, as on one local network.
    pub discover: bool,
    /// What has happened.
    pub counts: Counts,
    seats: Vec<Place>,
    links: BTreeMap<(usize, usize), Link>,
    keeps: BTreeMap<(usize, usize), Keep>,
    queue: BTreeMap<(u64, u64), Flight>,
    number: u64,
    ready: VecDeque<(usize, Input)>,
    /// Pairs that never reach each other.
    walls: BTreeSet<(usize, usize)>,
    /// Pairs that reach each other through a relay alone.
    relays: BTreeMap<(usize, usize), Relay>,
}

#[derive(Debug)]
struct Place {
    key: NetworkKey,
    up: bool,
    cell: usize,
    mesh: Mesh,
}

/// Something on its way, or due later.
#[derive(Debug)]
enum Flight {
    Dial {
        from: usize,
        to: usize,
    },
    Up {
        seat: usize,
        peer: usize,
        generation: u64,
    },
    Down {
        seat: usize,
        peer: usize,
        generation: u64,
    },
    Addresses {
        from: usize,
        to: usize,
        generation: u64,
    },
    Ping {
        a: usize,
        b: usize,
        generation: u64,
    },
    Frame {
        from: usize,
        to: usize,
        generation: u64,
        at: u64,
        bytes: Bytes,
    },
    Gossip {
        from: usize,
        to: usize,
        generation: u64,
        topic: Topic,
        bytes: Bytes,
        again: bool,
    },
}

impl Net {
    /// A calm network without nodes.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: 0,
            draw: Draw::new(seed, "net"),
            weather: Weather::CALM,
            discover: false,
            counts: Counts::default(),
            seats: Vec::new(),
            links: BTreeMap::new(),
            keeps: BTreeMap::new(),
            queue: BTreeMap::new(),
            number: 0,
            ready: VecDeque::new(),
            walls: BTreeSet::new(),
            relays: BTreeMap::new(),
        }
    }

    /// Gives a node a place; it does not run yet.
    pub fn add(&mut self, key: NetworkKey) -> usize {
        self.seats.push(Place {
            key,
            up: false,
            cell: 0,
            mesh: Mesh::default(),
        });
        self.seats.len() - 1
    }

    /// When the last arrival was.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// The key of a seat.
    #[must_use]
    pub fn key(&self, seat: usize) -> NetworkKey {
        self.seats[seat].key
    }

    /// The node starts.
    pub fn boot(&mut self, seat: usize) {
        self.seats[seat].up = true;
        if self.discover {
            for peer in 0..self.seats.len() {
                self.dial_soon(seat, peer);
                self.dial_soon(peer, seat);
            }
        }
    }

    /// Whoever runs finds everybody from now on, as when somebody brings all of them to one place.
    pub fn introduce_all(&mut self) {
        self.discover = true;
        for (a, b) in link::pairs(self.seats.len()) {
            self.dial_soon(a, b);
        }
    }

    /// The node stops without a word.
    pub fn crash(&mut self, seat: usize) {
        let place = &mut self.seats[seat];
        place.up = false;
        place.mesh = Mesh::default();
        self.keeps.retain(|(from, _), _| *from != seat);
        for peer in 0..self.seats.len() {
            self.break_link(seat, peer, 10_000);
            if let Some(link) = self.links.get_mut(&link::pair(seat, peer)) {
                link.set_end(seat, peer, false);
            }
        }
    }

    /// Divides the nodes: only nodes of one cell reach each other.
    pub fn partition(&mut self, cells: &[usize]) {
        for (place, cell) in self.seats.iter_mut().zip(cells) {
            place.cell = *cell;
        }
        for (a, b) in link::pairs(self.seats.len()) {
            if self.seats[a].cell != self.seats[b].cell {
                self.break_link(a, b, 10_000);
            }
        }
    }

    /// Ends all partitions.
    pub fn heal(&mut self) {
        for place in &mut self.seats {
            place.cell = 0;
        }
    }

    /// Two nodes never reach each other from now on.
    pub fn wall(&mut self, a: usize, b: usize) {
        self.walls.insert(link::pair(a, b));
        self.break_link(a, b, 50);
    }

    /// Who handed over a gossip frame that waits for its verdict.
    #[must_use]
    pub fn gossip_from(&self, seat: usize, id: GossipId) -> Option<usize> {
        self.seats[seat].mesh.from(id)
    }

    /// Whether any partition stands.
    #[must_use]
    pub fn is_parted(&self) -> bool {
        self.seats.iter().any(|place| place.cell != 0)
    }

    /// Breaks the link of two nodes; whoever keeps it dials again.
    pub fn disconnect(&mut self, a: usize, b: usize) {
        self.break_link(a, b, 50);
    }

    /// Whether both ends hold the link to be up.
    #[must_use]
    pub fn is_connected(&self, a: usize, b: usize) -> bool {
        self.links
            .get(&link::pair(a, b))
            .is_some_and(Link::is_whole)
    }

    /// Oldest unanswered gossip frame of a node: how long it has waited.
    #[must_use]
    pub fn verdict_owed_ms(&self, seat: usize) -> Option<u64> {
        self.seats[seat]
            .mesh
            .oldest_waiting()
            .map(|since| self.now - since)
    }

    /// Takes an output of a node that concerns the network, at `now`.
    pub fn put(&mut self, now: u64, from: usize, output: Output) {
        self.now = self.now.max(now);
        match output {
            Output::Send(key, bytes) => self.send(from, key, bytes),
            Output::Publish(topic, bytes) => self.publish(from, topic, bytes),
            Output::Subscribe(topic) => self.seats[from].mesh.subscribe(topic),
            Output::Unsubscribe(topic) => self.seats[from].mesh.unsubscribe(topic),
            Output::Verdict(id, verdict) => self.verdict(from, id, verdict),
            Output::Keep(key, addresses) => self.keep(from, key, &addresses),
            Output::Release(key) => {
                if let Some(to) = self.seat_of(key) {
                    self.keeps.remove(&(from, to));
                }
            }
            Output::Event(..) | Output::Store(..) | Output::Penalize(..) | Output::Media(_) => {}
        }
    }

    /// When the next thing is due.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        if self.ready.is_empty() {
            self.queue.keys().next().map(|(due, _)| *due)
        } else {
            Some(self.now)
        }
    }

    /// The next arrival due at `until` or before: the node and its input.
    pub fn take(&mut self, until: u64) -> Option<(usize, Input)> {
        loop {
            if let Some(arrival) = self.ready.pop_front() {
                return Some(arrival);
            }
            let entry = self.queue.first_entry()?;
            if entry.key().0 > until {
                return None;
            }
            self.now = self.now.max(entry.key().0);
            let flight = entry.remove();
            self.land(flight);
        }
    }

    fn land(&mut self, flight: Flight) {
        match flight {
            Flight::Dial { from, to } => self.dial(from, to),
            Flight::Up {
                seat,
                peer,
                generation,
            } => {
                if self.is_up_at(seat, peer, generation) {
                    self.arrive(seat, Input::PeerUp(self.key(peer)));
                }
            }
            Flight::Down {
                seat,
                peer,
                generation,
            } => self.notice_down(seat, peer, generation),
            Flight::Ping { a, b, generation } => self.give_up(a, b, generation),
            Flight::Addresses {
                from,
                to,
                generation,
            } => {
                if self.is_open(from, to, generation) {
                    let addresses = vec![address::of_seat(from)];
                    self.arrive(to, Input::PeerAddresses(self.key(from), addresses));
                }
            }
            Flight::Frame {
                from,
                to,
                generation,
                at,
                bytes,
            } => {
                if self.is_open(from, to, generation) {
                    self.note_heard(from, to, at);
                    self.arrive(to, Input::Frame(self.key(from), bytes));
                } else {
                    self.counts.cut += 1;
                }
            }
            Flight::Gossip {
                from,
                to,
                generation,
                topic,
                bytes,
                again,
            } => {
                if !self.is_open(from, to, generation) {
                    self.counts.cut += 1;
                } else if let Some(id) = self.seats[to]
                    .mesh
                    .take_in(self.now, from, topic, &bytes, again)
                {
                    self.arrive(to, Input::Gossip(id, topic, self.key(from), bytes));
                }
            }
        }
    }

    fn arrive(&mut self, seat: usize, input: Input) {
        if self.seats[seat].up {
            self.ready.push_back((seat, input));
        }
    }

    fn send(&mut self, from: usize, key: NetworkKey, bytes: Bytes) {
        let Some(to) = self.seat_of(key) else { return };
        let Some(generation) = self.open_generation(from, to) else {
            return;
        };
        let at = self.now;
        self.carry((from, to), bytes.len(), |_| Flight::Frame {
            from,
            to,
            generation,
            at,
            bytes: bytes.clone(),
        });
    }

    fn publish(&mut self, from: usize, topic: Topic, bytes: Bytes) {
        self.seats[from].mesh.mark_own(self.now, &bytes);
        self.spread(from, None, topic, &bytes);
    }

    fn verdict(&mut self, seat: usize, id: GossipId, verdict: Verdict) {
        let Some(waiting) = self.seats[seat].mesh.answer(id) else {
            return;
        };
        if verdict == Verdict::Accept {
            self.spread(seat, Some(waiting.from), waiting.topic, &waiting.bytes);
        }
    }

    fn spread(&mut self, from: usize, except: Option<usize>, topic: Topic, bytes: &Bytes) {
        for to in 0..self.seats.len() {
            if to == from || Some(to) == except || !self.seats[to].mesh.is_subscribed(topic) {
                continue;
            }
            let Some(generation) = self.open_generation(from, to) else {
                continue;
            };
            let bytes = bytes.clone();
            self.carry((from, to), bytes.len(), |again| Flight::Gossip {
                from,
                to,
                generation,
                topic,
                bytes: bytes.clone(),
                again,
            });
        }
    }

    /// Puts a flight on its way, subject to the weather. `flight` is told whether it is a repetition.
    fn carry(&mut self, (from, to): (usize, usize), bytes: usize, flight: impl Fn(bool) -> Flight) {
        self.counts.carried += 1;
        if self.relayed((from, to), bytes, &flight) {
            return;
        }
        if self.draw.chance(self.weather.loss) {
            self.counts.lost += 1;
            return;
        }
        let (low, high) = self.weather.delay_ms;
        let mut due = self.now + self.draw.between(low.max(1), high.max(1));
        if self.draw.chance(self.weather.reorder) {
            self.counts.reordered += 1;
            due += self.draw.between(0, 3 * high);
        } else if let Some(link) = self.links.get_mut(&link::pair(from, to)) {
            due = link.in_order(from, to, due);
        }
        self.schedule(due, flight(false));
        if self.draw.chance(self.weather.duplicate) {
            self.counts.duplicated += 1;
            let again = due + self.draw.between(0, 2 * high);
            self.schedule(again, flight(true));
        }
    }

    fn schedule(&mut self, due: u64, flight: Flight) {
        self.number += 1;
        self.queue.insert((due, self.number), flight);
    }

    fn seat_of(&self, key: NetworkKey) -> Option<usize> {
        self.seats.iter().position(|place| place.key == key)
    }
}
