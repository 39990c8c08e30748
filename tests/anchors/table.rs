//! Some nodes of the real core around a table: no sockets, one clock, everything counted; a disk for whom is
//! given one.
//!
//! Frames travel in *turns*: what is sent in one turn arrives in the next. Two turns are one round trip. A node
//! that sleeps is a process that is stopped: it has no connection, and its timers do not run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use alloquy_api::{Command, CommandError, CommandId, Event, Reply};
use alloquy_core::{Founded, GossipId, Input, Node, Now, Origin, Output, TaskId, Write};
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use anyhow::{Context, bail};
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::disk::Disk;

/// When the clock starts: some day of 2026.
const START_MS: u64 = 1_790_000_000_000;
/// Turns within which any exchange ends; more is a loop.
const TURNS_MAX: usize = 100_000;
/// Tag of a frame that says "here, under these addresses": presence, not catching up (docs/protocol.md).
const TAG_SIGNAL: u8 = 13;

/// Tag of a frame that carries events.
const TAG_RANGES: u8 = 4;

struct Seat {
    node: Node<ChaCha20Rng>,
    key: NetworkKey,
    awake: bool,
    done: BTreeMap<CommandId, Result<Reply, CommandError>>,
    /// Messages that appeared here.
    shown: usize,
    disk: Option<Disk>,
    spent: Spent,
}

impl Seat {
    fn of(founded: Founded, now: Now, rng: ChaCha20Rng, seat: usize) -> anyhow::Result<Self> {
        let mut records = BTreeMap::new();
        for write in founded.writes {
            match write {
                Write::Put(key, value) => drop(records.insert(key, value)),
                Write::Delete(key) => drop(records.remove(&key)),
            }
        }
        let node = Node::restore(records.into_iter(), [seat as u8; 32], now, rng)?;
        let key = alloquy_schema::keys::DeviceKey::from_seed(&founded.network_seed).public();
        Ok(Self {
            node,
            key: NetworkKey(key),
            awake: true,
            done: BTreeMap::new(),
            shown: 0,
            disk: None,
            spent: Spent::default(),
        })
    }
}

/// Time that a seat has used, since it was given a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// In the machine.
    pub(crate) handling: Duration,
    /// Waiting for commits.
    pub(crate) storing: Duration,
}

/// What went over the wire since the last [`Table::count_from_here`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Bytes of stream frames, all directions, presence apart.
    pub(crate) stream_bytes: usize,
    /// Of these, bytes of frames that carry events.
    pub(crate) range_bytes: usize,
    /// Bytes of stream frames that tell presence.
    pub(crate) presence_bytes: usize,
    pub(crate) frames: usize,
    /// Turns in which something travelled, presence apart.
    pub(crate) turns: usize,
}

/// The nodes, and what is under way between them.
pub(crate) struct Table {
    seats: Vec<Seat>,
    seat_of: BTreeMap<NetworkKey, usize>,
    now_ms: u64,
    /// Pairs that are connected, both ways round.
    connected: BTreeSet<(usize, usize)>,
    /// What arrives in the next turn: to whom, and what.
    under_way: VecDeque<(usize, Input)>,
    counted: Counted,
    next_command: u64,
    next_gossip: u64,
}

impl Table {
    /// Accounts named `member 0`, `member 1`, .., all awake, none connected.
    pub(crate) fn new(count: usize) -> anyhow::Result<Self> {
        let now = Now {
            mono: MonoMs(0),
            wall: UnixMs(START_MS),
        };
        let mut seats = Vec::with_capacity(count);
        for seat in 0..count {
            let mut rng = ChaCha20Rng::seed_from_u64(seat as u64);
            let founded = alloquy_core::found(&format!("member {seat}"), now, &mut rng)?;
            seats.push(Seat::of(founded, now, rng, seat)?);
        }
        let seat_of = seats.iter().map(|seat| seat.key).zip(0..).collect();
        let mut table = Self {
            seats,
            seat_of,
            now_ms: 0,
            connected: BTreeSet::new(),
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

    /// One more seat, of a home node that nobody has paired with.
    pub(crate) fn add_home(&mut self) -> anyhow::Result<usize> {
        let (seat, now) = (self.seats.len(), self.now());
        let mut rng = ChaCha20Rng::seed_from_u64(seat as u64);
        let founded = alloquy_core::found_home(now, &mut rng);
        let new = Seat::of(founded, now, rng, seat)?;
        self.seat_of.insert(new.key, seat);
        self.seats.push(new);
        Ok(seat)
    }

    fn now(&self) -> Now {
        Now {
            mono: MonoMs(self.now_ms),
            wall: UnixMs(START_MS + self.now_ms),
        }
    }

    /// One input, and everything that comes of it.
    fn give(&mut self, seat: usize, input: Input) {
        let now = self.now();
        let started = Instant::now();
        self.seats[seat].node.handle(now, input);
        let outputs: Vec<Output> =
            std::iter::from_fn(|| self.seats[seat].node.poll_output()).collect();
        self.seats[seat].spent.handling += started.elapsed();
        for output in outputs {
            self.carry_out(seat, output);
        }
    }

    fn carry_out(&mut self, seat: usize, output: Output) {
        match output {
            Output::Store(task, writes) => self.store(seat, task, writes),
            Output::Send(to, frame) => self.send(seat, to, frame),
            Output::Publish(topic, frame) => {
                let from = self.seats[seat].key;
                for other in self.neighbours(seat) {
                    self.next_gossip += 1;
                    let id = GossipId(self.next_gossip);
                    let input = Input::Gossip(id, topic, from, frame.clone());
                    self.under_way.push_back((other, input));
                }
            }
            Output::Event(_, Event::Done { id, result }) => {
                self.seats[seat].done.insert(id, result);
            }
            Output::Event(_, Event::MessageAdded { .. }) => self.seats[seat].shown += 1,
            _ => {}
        }
    }

    fn store(&mut self, seat: usize, task: TaskId, writes: Vec<Write>) {
        let started = Instant::now();
        let outcome = match &mut self.seats[seat].disk {
            Some(disk) => disk.commit(task, writes),
            None => Ok(()),
        };
        self.seats[seat].spent.storing += started.elapsed();
        self.under_way
            .push_back((seat, Input::Storage(task, outcome)));
    }

    fn send(&mut self, from: usize, to: NetworkKey, frame: Bytes) {
        let Some(&seat) = self.seat_of.get(&to) else {
            return;
        };
        if self.connected.contains(&(from, seat)) {
            match is_presence(&frame) {
                true => self.counted.presence_bytes += frame.len(),
                false => self.counted.stream_bytes += frame.len(),
            }
            if frame.get(1) == Some(&TAG_RANGES) {
                self.counted.range_bytes += frame.len();
            }
            self.counted.frames += 1;
            let input = Input::Frame(self.seats[from].key, frame);
            self.under_way.push_back((seat, input));
        }
    }

    fn neighbours(&self, seat: usize) -> Vec<usize> {
        let pairs = self.connected.range((seat, 0)..=(seat, usize::MAX));
        pairs.map(|(_, other)| *other).collect()
    }

    /// Connects two seats and wakes them.
    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        self.connected.extend([(a, b), (b, a)]);
        self.seats[a].awake = true;
        self.seats[b].awake = true;
        let (key_a, key_b) = (self.seats[a].key, self.seats[b].key);
        self.give(a, Input::PeerUp(key_b));
        self.give(b, Input::PeerUp(key_a));
    }

    /// Parts two seats; what is under way still arrives.
    pub(crate) fn part(&mut self, a: usize, b: usize) {
        self.connected.remove(&(a, b));
        self.connected.remove(&(b, a));
        let (key_a, key_b) = (self.seats[a].key, self.seats[b].key);
        self.give(a, Input::PeerDown(key_b));
        self.give(b, Input::PeerDown(key_a));
    }

    /// Parts a seat from all others and stops it until somebody connects to it.
    pub(crate) fn sleep(&mut self, seat: usize) {
        for other in self.neighbours(seat) {
            self.part(seat, other);
        }
        self.seats[seat].awake = false;
    }

    /// One turn: everything under way arrives. `false` when nothing was.
    pub(crate) fn turn(&mut self) -> bool {
        let arriving = std::mem::take(&mut self.under_way);
        let travelled = arriving
            .iter()
            .any(|(_, input)| matches!(input, Input::Frame(_, frame) if !is_presence(frame)));
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
            let awake = self.seats.iter().filter(|seat| seat.awake);
            let next = awake
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
            let at = self.seats[seat].node.poll_timeout();
            if self.seats[seat].awake && at.is_some_and(|at| at.0 <= self.now_ms) {
                self.give(seat, Input::Timeout);
            }
        }
    }

    /// Carries a command out, within a minute of the table's time.
    pub(crate) fn tell(&mut self, seat: usize, command: Command) -> anyhow::Result<Reply> {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        let name = format!("{command:?}");
        let origin = Origin {
            client: 1,
            command: id,
        };
        self.give(seat, Input::Command(origin, command));
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

    /// From now on the seat's writes go to a disk, one commit per task, and its time is measured anew.
    pub(crate) fn give_disk(&mut self, seat: usize, disk: Disk) {
        self.seats[seat].disk = Some(disk);
        self.seats[seat].spent = Spent::default();
    }

    /// Time that the seat has used.
    pub(crate) fn spent(&self, seat: usize) -> Spent {
        self.seats[seat].spent
    }

    /// Begins to count anew.
    pub(crate) fn count_from_here(&mut self) {
        self.counted = Counted::default();
    }

    pub(crate) fn counted(&self) -> Counted {
        self.counted
    }
}

/// A frame is its version, its tag, and what belongs to it.
fn is_presence(frame: &[u8]) -> bool {
    frame.get(1) == Some(&TAG_SIGNAL)
}
