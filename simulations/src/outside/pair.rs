//! Two real nodes over a link that delivers at once: the place where bytes from outside arrive.

use std::collections::{BTreeSet, VecDeque};

use alloquy_api::{Command, CommandId, Event, Reply};
use alloquy_core::{GossipId, Input, Node, Now, Origin, Output, Topic, Write, found};
use alloquy_ids::{MonoMs, NetworkKey, UnixMs};
use alloquy_schema::keys::DeviceKey;
use bytes::Bytes;
use rand_chacha::ChaCha20Rng;

use crate::draw;
use crate::machine::Records;

/// Where the wall clocks stand: 2026-01-01 UTC.
const WALL_MS: u64 = 1_767_225_600_000;
/// Outputs that one input may cause.
const OUTPUTS_MAX: usize = 10_000;
/// Virtual time in which a command ends, in steps of its timers.
const COMMAND_MS_MAX: u64 = 60_000;
/// Timers that may fire in that time.
const TIMERS_MAX: usize = 5_000;

/// What travels between the two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Packet {
    /// A frame of the stream.
    Frame(Bytes),
    /// A sealed frame of a topic.
    Gossip(Topic, Bytes),
}

/// One node with what its shell keeps for it.
pub(super) struct Side {
    node: Node<ChaCha20Rng>,
    pub(super) key: NetworkKey,
    pub(super) records: Records,
    topics: BTreeSet<Topic>,
    pub(super) now: Now,
    sent: VecDeque<Packet>,
    done: Vec<Event>,
    commands: u64,
    /// Packets that were refused as malformed.
    pub(super) refused: usize,
    /// Outputs of any other kind.
    pub(super) others: usize,
}

impl Side {
    /// A new account.
    pub(super) fn found(name: &str) -> Self {
        let mut rng = draw::stream(0, name);
        let founded = found(name, now_at(0), &mut rng).expect("a name of a few letters");
        let mut records = Records::new();
        apply(&mut records, founded.writes);
        Self::start(records, now_at(0)).expect("the records were just made")
    }

    /// A node from its records; the error is what a person would read.
    pub(super) fn start(records: Records, now: Now) -> Result<Self, String> {
        let rng = draw::stream(1, "outside");
        let node = Node::restore(records.clone().into_iter(), [1; 32], now, rng)
            .map_err(|error| error.to_string())?;
        let key = NetworkKey(DeviceKey::from_seed(&node.network_seed()).public());
        let mut side = Self {
            node,
            key,
            records,
            topics: BTreeSet::new(),
            now,
            sent: VecDeque::new(),
            done: Vec::new(),
            commands: 0,
            refused: 0,
            others: 0,
        };
        for input in side.drain() {
            side.feed(input);
        }
        Ok(side)
    }

    /// Takes an input and carries out everything that follows; every write succeeds at once.
    pub(super) fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.node.handle(self.now, input);
            inputs.extend(self.drain());
        }
    }

    /// Carries out the outputs; the answers of the store are to be given next.
    fn drain(&mut self) -> Vec<Input> {
        let mut stored = Vec::new();
        for _ in 0..OUTPUTS_MAX {
            let Some(output) = self.node.poll_output() else {
                return stored;
            };
            match output {
                Output::Penalize(_, fault) => {
                    assert!(
                        !fault.reason.is_empty() && fault.reason.len() < 2_000,
                        "a fault is named in a sentence: {:?}",
                        fault.reason
                    );
                    self.refused += 1;
                    continue;
                }
                Output::Send(_, frame) => self.sent.push_back(Packet::Frame(frame)),
                Output::Publish(topic, frame) => {
                    self.sent.push_back(Packet::Gossip(topic, frame));
                }
                Output::Subscribe(topic) => drop(self.topics.insert(topic)),
                Output::Unsubscribe(topic) => drop(self.topics.remove(&topic)),
                Output::Store(task, writes) => {
                    apply(&mut self.records, writes);
                    stored.push(Input::Storage(task, Ok(())));
                }
                Output::Event(Some(_), event @ Event::Done { .. }) => self.done.push(event),
                _ => {}
            }
            self.others += 1;
        }
        panic!("one input has more than {OUTPUTS_MAX} outputs");
    }

    /// A packet of a peer.
    pub(super) fn arrive(&mut self, from: NetworkKey, packet: Packet) {
        match packet {
            Packet::Frame(bytes) => self.feed(Input::Frame(from, bytes)),
            Packet::Gossip(topic, bytes) => {
                self.feed(Input::Gossip(GossipId(self.commands), topic, from, bytes));
            }
        }
    }

    /// Lets the timers of `ms` fire.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now.mono.plus(ms);
        for _ in 0..TIMERS_MAX {
            match self.node.poll_timeout().filter(|at| *at <= end) {
                Some(at) => {
                    self.clock(at);
                    self.feed(Input::Timeout);
                }
                None => {
                    self.clock(end);
                    return;
                }
            }
        }
        panic!("timers fire more than {TIMERS_MAX} times in {ms} ms");
    }

    fn clock(&mut self, to: MonoMs) {
        let step = to.0.saturating_sub(self.now.mono.0);
        self.now.mono = self.now.mono.plus(step);
        self.now.wall = UnixMs(self.now.wall.0.saturating_add(step));
    }

    /// Gives a command and lets time pass until it ends.
    pub(super) fn command(&mut self, command: Command) -> Result<Reply, String> {
        let id = self.give(command);
        let mut passed = 0;
        loop {
            if let Some(result) = self.outcome(id) {
                return result;
            }
            assert!(passed < COMMAND_MS_MAX, "a command does not end");
            self.pass(1_000);
            passed += 1_000;
        }
    }

    fn give(&mut self, command: Command) -> CommandId {
        self.commands += 1;
        let id = CommandId(self.commands);
        let origin = Origin {
            client: 1,
            command: id,
        };
        self.feed(Input::Command(origin, command));
        id
    }

    fn outcome(&self, id: CommandId) -> Option<Result<Reply, String>> {
        self.done.iter().find_map(|event| match event {
            Event::Done { id: of, result } if *of == id => {
                Some(result.clone().map_err(|error| error.to_string()))
            }
            _ => None,
        })
    }

    /// Builds what faces see.
    pub(super) fn look(&mut self) {
        drop(self.node.snapshots());
    }

    /// What it has sent since the last call, in order.
    pub(super) fn sent(&mut self) -> Vec<Packet> {
        self.sent.drain(..).collect()
    }
}

/// Two nodes, connected; everything that the second sends to the first is kept.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    pub(super) heard: Vec<Packet>,
    linked: bool,
}

impl Pair {
    pub(super) fn new() -> Self {
        let mut pair = Self {
            sides: [Side::found("ana"), Side::found("ben")],
            heard: Vec::new(),
            linked: false,
        };
        pair.link(true);
        pair
    }

    /// Makes or cuts the link.
    pub(super) fn link(&mut self, linked: bool) {
        self.linked = linked;
        for at in 0..2 {
            let other = self.sides[1 - at].key;
            let input = if linked {
                Input::PeerUp(other)
            } else {
                Input::PeerDown(other)
            };
            self.sides[at].feed(input);
        }
    }

    /// Carries packets until nothing is under way.
    pub(super) fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for from in 0..2 {
                let key = self.sides[from].key;
                for packet in self.sides[from].sent() {
                    quiet = false;
                    if !self.linked {
                        continue;
                    }
                    if from == 1 {
                        self.heard.push(packet.clone());
                    }
                    self.sides[1 - from].arrive(key, packet);
                }
            }
            if quiet {
                return;
            }
        }
    }

    pub(super) fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 250 {
            self.settle();
            for side in &mut self.sides {
                side.pass(250);
            }
        }
        self.settle();
    }

    /// Gives a line at a side and carries what follows until it ends.
    pub(super) fn line(&mut self, at: usize, line: &str) -> Reply {
        let command: Command = line
            .parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        let id = self.sides[at].give(command);
        for _ in 0..COMMAND_MS_MAX / 250 {
            if let Some(result) = self.sides[at].outcome(id) {
                self.pass(250);
                return result.unwrap_or_else(|error| panic!("{line}: {error}"));
            }
            self.pass(250);
        }
        panic!("{line} does not end");
    }
}

pub(super) fn now_at(mono: u64) -> Now {
    Now {
        mono: MonoMs(mono),
        wall: UnixMs(WALL_MS + mono),
    }
}

fn apply(records: &mut Records, writes: Vec<Write>) {
    for write in writes {
        match write {
            Write::Put(key, value) => records.insert(key, value),
            Write::Delete(key) => records.remove(&key),
        };
    }
}
