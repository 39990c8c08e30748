//! Some nodes of the real core around a table: no sockets, no disk, one clock, everything counted.
//!
//! Frames travel in *turns*: what is sent in one turn arrives in the next. Two turns are one round trip.

use std::collections::{BTreeMap, VecDeque};

use alloquy_api::{Command, CommandId, Event, Reply};
use alloquy_core::{GossipId, Input, Node, Now, Origin, Output, Write};
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use anyhow::{Context, bail};
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// When the clock starts: some day of 2026.
const START_MS: u64 = 1_790_000_000_000;
/// Turns within which any exchange ends; more is a loop.
const TURNS_MAX: usize = 100_000;

struct Seat {
    node: Node<ChaCha20Rng>,
    key: NetworkKey,
    records: BTreeMap<Bytes, Bytes>,
    done: BTreeMap<CommandId, Result<Reply, alloquy_api::CommandError>>,
    /// Messages that appeared here.
    shown: usize,
}

/// What went over the wire since the last [`Table::count_from_here`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Bytes of stream frames, all directions.
    pub(crate) stream_bytes: usize,
    pub(crate) frames: usize,
    /// Turns in which something travelled.
    pub(crate) turns: usize,
}

/// The nodes, and what is under way between them.
pub(crate) struct Table {
    seats: Vec<Seat>,
    now_ms: u64,
    /// Pairs that are connected, the smaller seat first.
    connected: Vec<(usize, usize)>,
    /// What arrives in the next turn: to whom, and what.
    under_way: VecDeque<(usize, Input)>,
    counted: Counted,
    next_command: u64,
    next_gossip: u64,
}

impl Table {
    /// Accounts named `0`, `1`, .., none connected.
    pub(crate) fn new(count: usize) -> anyhow::Result<Self> {
        let now = Now {
            mono: MonoMs(0),
            wall: UnixMs(START_MS),
        };
        let mut seats = Vec::new();
        for seat in 0..count {
            let mut rng = ChaCha20Rng::seed_from_u64(seat as u64);
            let founded = alloquy_core::found(&format!("member {seat}"), now, &mut rng)?;
            let mut records = BTreeMap::new();
            apply(&mut records, founded.writes);
            let all = records.clone().into_iter();
            let node = Node::restore(all, [seat as u8; 32], now, rng)?;
            let key = NetworkKey(
                alloquy_schema::keys::DeviceKey::from_seed(&founded.network_seed).public(),
            );
            seats.push(Seat {
                node,
                key,
                records,
                done: BTreeMap::new(),
                shown: 0,
            });
        }
        let mut table = Self {
            seats,
            now_ms: 0,
            connected: Vec::new(),
            under_way: VecDeque::new(),
            counted: Counted::default(),
            next_command: 0,
            next_gossip: 0,
        };
        for seat in 0..count {
            let address = format!("/memory/{}", seat + 1);
            table.give(seat, Input::ListenAddresses(vec![address]));
        }
        Ok(table)
    }

    fn now(&self) -> Now {
        Now {
            mono: MonoMs(self.now_ms),
            wall: UnixMs(START_MS + self.now_ms),
        }
    }

    fn give(&mut self, seat: usize, input: Input) {
        let now = self.now();
        self.seats[seat].node.handle(now, input);
        self.drain(seat);
    }

    fn drain(&mut self, seat: usize) {
        while let Some(output) = self.seats[seat].node.poll_output() {
            match output {
                Output::Store(task, writes) => {
                    apply(&mut self.seats[seat].records, writes);
                    self.under_way
                        .push_back((seat, Input::Storage(task, Ok(()))));
                }
                Output::Send(to, frame) => self.send(seat, to, frame),
                Output::Publish(topic, frame) => {
                    for other in self.neighbours(seat) {
                        self.next_gossip += 1;
                        let from = self.seats[seat].key;
                        self.under_way.push_back((
                            other,
                            Input::Gossip(GossipId(self.next_gossip), topic, from, frame.clone()),
                        ));
                    }
                }
                Output::Event(_, Event::Done { id, result }) => {
                    self.seats[seat].done.insert(id, result);
                }
                Output::Event(_, Event::MessageAdded { .. }) => self.seats[seat].shown += 1,
                _ => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: NetworkKey, frame: Bytes) {
        let Some(seat) = self.seats.iter().position(|seat| seat.key == to) else {
            return;
        };
        if self.connected.contains(&(from.min(seat), from.max(seat))) {
            self.counted.stream_bytes += frame.len();
            self.counted.frames += 1;
            self.under_way
                .push_back((seat, Input::Frame(self.seats[from].key, frame)));
        }
    }

    fn neighbours(&self, seat: usize) -> Vec<usize> {
        let other = |pair: &(usize, usize)| match *pair {
            (a, b) if a == seat => Some(b),
            (a, b) if b == seat => Some(a),
            _ => None,
        };
        self.connected.iter().filter_map(other).collect()
    }

    /// Connects two seats.
    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        self.connected.push((a.min(b), a.max(b)));
        let (key_a, key_b) = (self.seats[a].key, self.seats[b].key);
        self.give(a, Input::PeerUp(key_b));
        self.give(b, Input::PeerUp(key_a));
    }

    /// Parts two seats; what is under way still arrives.
    pub(crate) fn part(&mut self, a: usize, b: usize) {
        self.connected.retain(|pair| *pair != (a.min(b), a.max(b)));
        let (key_a, key_b) = (self.seats[a].key, self.seats[b].key);
        self.give(a, Input::PeerDown(key_b));
        self.give(b, Input::PeerDown(key_a));
    }

    /// One turn: everything under way arrives. `false` when nothing was.
    pub(crate) fn turn(&mut self) -> bool {
        let arriving = std::mem::take(&mut self.under_way);
        let travelled = arriving
            .iter()
            .any(|(_, input)| matches!(input, Input::Frame(..)));
        self.counted.turns += usize::from(travelled);
        let any = !arriving.is_empty();
        for (seat, input) in arriving {
            self.give(seat, input);
        }
        any
    }

    /// Lets this much time pass, with every timer and turn in it.
    pub(crate) fn pass(&mut self, ms: u64) -> anyhow::Result<()> {
        let end = self.now_ms + ms;
        for _ in 0..TURNS_MAX {
            if self.turn() {
                continue;
            }
            let next = self
                .seats
                .iter()
                .filter_map(|seat| seat.node.poll_timeout())
                .map(|at| at.0)
                .min();
            match next {
                Some(at) if at <= end => {
                    self.now_ms = self.now_ms.max(at);
                    self.time_out();
                }
                _ => {
                    self.now_ms = end;
                    return Ok(());
                }
            }
        }
        bail!("{TURNS_MAX} turns did not come to an end")
    }

    fn time_out(&mut self) {
        for seat in 0..self.seats.len() {
            if self.seats[seat]
                .node
                .poll_timeout()
                .is_some_and(|at| at.0 <= self.now_ms)
            {
                self.give(seat, Input::Timeout);
            }
        }
    }

    /// Carries a command out, within a minute of the table's time.
    pub(crate) fn tell(&mut self, seat: usize, command: Command) -> anyhow::Result<Reply> {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        let name = format!("{command:?}");
        self.give(
            seat,
            Input::Command(
                Origin {
                    client: 1,
                    command: id,
                },
                command,
            ),
        );
        for _ in 0..600 {
            while self.turn() {}
            if let Some(result) = self.seats[seat].done.remove(&id) {
                return result.with_context(|| name);
            }
            self.pass(100)?;
        }
        bail!("no outcome: {name}")
    }

    /// A line of the command grammar.
    pub(crate) fn line(&mut self, seat: usize, line: &str) -> anyhow::Result<Reply> {
        self.tell(seat, line.parse().with_context(|| line.to_owned())?)
    }

    /// How many messages have appeared at a seat.
    pub(crate) fn shown(&self, seat: usize) -> usize {
        self.seats[seat].shown
    }

    /// Begins to count anew.
    pub(crate) fn count_from_here(&mut self) {
        self.counted = Counted::default();
    }

    pub(crate) fn counted(&self) -> Counted {
        self.counted
    }
}

fn apply(records: &mut BTreeMap<Bytes, Bytes>, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Put(key, value) => drop(records.insert(key, value)),
            Write::Delete(key) => drop(records.remove(&key)),
        }
    }
}
