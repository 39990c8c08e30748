//! Nodes in one process over a link that delivers at once and in order, with one virtual clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use alloquy_api::command::CommandId;
use alloquy_api::reply::MessageView;
use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandError, Event, Reply, Snapshot};
use alloquy_core::{
    GossipId, Input, Node, Now, Origin, Output, StorageError, TaskId, Topic, Verdict, Write, found,
    found_home,
};
use alloquy_ids::{CommunityId, MonoMs, NetworkKey, UnixMs};
use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::engine::Engine;

/// One node with its store.
pub(crate) struct Peer {
    pub(crate) node: Node<ChaCha8Rng>,
    pub(crate) key: NetworkKey,
    pub(crate) records: BTreeMap<Bytes, Bytes>,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) events: Vec<Event>,
    pub(crate) faults: Vec<String>,
    pub(crate) verdicts: Vec<Verdict>,
    /// Peers that it wants to be connected to, and where.
    pub(crate) wants: BTreeMap<NetworkKey, Vec<String>>,
    /// Storage tasks so far.
    pub(crate) tasks: usize,
    /// Its audio engine, once it is attached.
    pub(crate) engine: Engine,
    /// While set, nothing can be written.
    pub(crate) disk: Option<StorageError>,
    /// While set, what is to be written waits here.
    pub(crate) unwritten: Option<Vec<(TaskId, Vec<Write>)>>,
    seed: u64,
    pub(crate) next_command: u64,
}

/// What travels.
#[derive(Clone)]
pub(crate) enum Packet {
    Frame(Bytes),
    Gossip(Topic, Bytes),
}

/// Changes or drops what travels: (from, to, packet) to what arrives.
pub(crate) type Tamper = Box<dyn FnMut(usize, usize, Packet) -> Vec<Packet>>;

/// All nodes.
pub(crate) struct World {
    pub(crate) peers: Vec<Peer>,
    pub(crate) now: Now,
    pub(crate) links: BTreeSet<(usize, usize)>,
    /// Milliseconds by which the clocks of nodes differ from the time of this world.
    pub(crate) clocks: BTreeMap<usize, i64>,
    pub(crate) tamper: Option<Tamper>,
    /// Frames to who is no node of this world: the sender, to whom, what.
    pub(crate) outside: Vec<(usize, NetworkKey, Bytes)>,
    /// Everything that went over links, for canary searches and counts.
    pub(crate) wire: Vec<Bytes>,
    queue: VecDeque<(usize, usize, Packet)>,
    gossip_count: u64,
}

/// The client that stands for the person at a node.
pub(crate) const CLIENT: u64 = 1;

/// Who has the recovery words kept in the store.
pub(crate) const KEEPS_WORDS: &str = "keeper";

/// A node whose name begins so is a home node.
pub(crate) const HOME: &str = "home";

const START: u64 = 1_800_000_000_000;

impl World {
    /// Nodes with these names, nobody connected.
    pub(crate) fn new(names: &[&str]) -> Self {
        let now = Now {
            mono: MonoMs(1_000),
            wall: UnixMs(START),
        };
        let mut world = Self {
            peers: Vec::new(),
            now,
            links: BTreeSet::new(),
            clocks: BTreeMap::new(),
            tamper: None,
            outside: Vec::new(),
            wire: Vec::new(),
            queue: VecDeque::new(),
            gossip_count: 0,
        };
        for name in names {
            world.found(name);
        }
        world
    }

    /// One more node with an account of its own, or a home node, connected to nobody.
    pub(crate) fn found(&mut self, name: &str) {
        let seed = self.peers.len() as u64 * 1000 + 7;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut founded = if name.starts_with(HOME) {
            found_home(self.now, &mut rng)
        } else {
            found(name, self.now, &mut rng).expect("a name of a few letters")
        };
        if name == KEEPS_WORDS {
            founded.keep_recovery_words();
        }
        let mut records = BTreeMap::new();
        apply(&mut records, &founded.writes);
        self.add_records(records);
    }

    /// One more node, with these records.
    pub(crate) fn add_records(&mut self, records: BTreeMap<Bytes, Bytes>) {
        let seed = self.peers.len() as u64 * 1000 + 8;
        self.peers.push(start(records, [1; 32], self.now, seed));
    }

    /// A further node that starts from a copy of another one's store, whose keys it has; `nonce` differs on another
    /// machine.
    pub(crate) fn copy(&mut self, records: &BTreeMap<Bytes, Bytes>, nonce: u8) -> usize {
        let seed = self.peers.len() as u64 * 1000 + 17;
        let peer = start(records.clone(), [nonce; 32], self.now, seed);
        self.peers.push(peer);
        let at = self.peers.len() - 1;
        self.input(at, Input::Timeout);
        at
    }

    /// A further node that starts from these first records.
    pub(crate) fn add(&mut self, writes: &[Write]) -> usize {
        let mut records = BTreeMap::new();
        apply(&mut records, writes);
        let seed = self.peers.len() as u64 * 1000 + 13;
        let peer = start(records, [1; 32], self.now, seed);
        self.peers.push(peer);
        let at = self.peers.len() - 1;
        self.input(at, Input::Timeout);
        at
    }

    /// Ends a node as a crash does and starts it from its records; `nonce` differs for a restored backup.
    pub(crate) fn restart(&mut self, at: usize, nonce: u8) {
        let linked: Vec<_> = self
            .links
            .iter()
            .copied()
            .filter(|(a, b)| *a == at || *b == at)
            .collect();
        for (a, b) in &linked {
            self.disconnect(*a, *b);
        }
        self.queue.retain(|(from, to, _)| *from != at && *to != at);
        let (old, now) = (&self.peers[at], self.clock(at));
        self.peers[at] = start(old.records.clone(), [nonce; 32], now, old.seed + 100);
        self.settle();
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        self.links.insert((a.min(b), a.max(b)));
        let (key_a, key_b) = (self.peers[a].key, self.peers[b].key);
        self.input(a, Input::PeerUp(key_b));
        self.input(b, Input::PeerUp(key_a));
        self.settle();
    }

    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        self.links.remove(&(a.min(b), a.max(b)));
        let (key_a, key_b) = (self.peers[a].key, self.peers[b].key);
        self.input(a, Input::PeerDown(key_b));
        self.input(b, Input::PeerDown(key_a));
        self.settle();
    }

    pub(crate) fn linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    /// What the clocks of a node say.
    fn clock(&self, at: usize) -> Now {
        let ahead = self.clocks.get(&at).copied().unwrap_or_default();
        Now {
            mono: self.now.mono,
            wall: UnixMs(self.now.wall.0.saturating_add_signed(ahead)),
        }
    }

    /// Feeds one input and carries out what comes of it, links excepted.
    pub(crate) fn input(&mut self, at: usize, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.clock(at);
            self.peers[at].node.handle(now, input);
            while let Some(output) = self.peers[at].node.poll_output() {
                self.output(at, output, &mut inputs);
            }
        }
    }

    fn output(&mut self, at: usize, output: Output, inputs: &mut VecDeque<Input>) {
        let peer = &mut self.peers[at];
        match output {
            Output::Event(_, event) => peer.events.push(event),
            Output::Store(task, writes) => {
                peer.tasks += 1;
                match &peer.disk {
                    None if peer.unwritten.is_some() => {
                        peer.unwritten.get_or_insert_default().push((task, writes));
                    }
                    Some(fault) => inputs.push_back(Input::Storage(task, Err(fault.clone()))),
                    None => {
                        apply(&mut peer.records, &writes);
                        inputs.push_back(Input::Storage(task, Ok(())));
                    }
                }
            }
            Output::Send(to, frame) => {
                let known: Vec<_> = (0..self.peers.len())
                    .filter(|other| self.peers[*other].key == to)
                    .collect();
                // Of several copies of one device, the one that is connected.
                match known.iter().find(|to| self.linked(at, **to)) {
                    Some(to) => self.queue.push_back((at, *to, Packet::Frame(frame))),
                    None if known.is_empty() => self.outside.push((at, to, frame)),
                    None => {}
                }
            }
            Output::Publish(topic, frame) => self.flood(at, at, topic, &frame),
            Output::Subscribe(topic) => drop(peer.topics.insert(topic)),
            Output::Unsubscribe(topic) => drop(peer.topics.remove(&topic)),
            Output::Verdict(_, verdict) => peer.verdicts.push(verdict),
            Output::Penalize(_, fault) => peer.faults.push(fault.reason),
            Output::Keep(key, addresses) => drop(peer.wants.insert(key, addresses)),
            Output::Release(key) => drop(peer.wants.remove(&key)),
            Output::Media(task) => {
                let reports = peer.engine.take(task).into_iter();
                inputs.extend(reports.map(Input::Media));
            }
        }
    }

    fn flood(&mut self, from: usize, not: usize, topic: Topic, frame: &Bytes) {
        for to in 0..self.peers.len() {
            if to != not && self.linked(from, to) && self.peers[to].topics.contains(&topic) {
                self.queue
                    .push_back((from, to, Packet::Gossip(topic, frame.clone())));
            }
        }
    }

    /// A disk that was slow has written everything.
    pub(crate) fn written(&mut self, at: usize) {
        for (task, writes) in self.peers[at].unwritten.take().unwrap_or_default() {
            apply(&mut self.peers[at].records, &writes);
            self.input(at, Input::Storage(task, Ok(())));
        }
        self.settle();
    }

    /// A disk that was slow has written so many tasks, and had no room for the others.
    pub(crate) fn written_in_part(&mut self, at: usize, stored: usize) {
        self.written_where(at, |place| place < stored);
    }

    /// A slow disk that was full has written each task for whose place this holds, and has refused the others.
    pub(crate) fn written_where(&mut self, at: usize, holds: impl Fn(usize) -> bool) {
        let waiting = self.peers[at].unwritten.take().unwrap_or_default();
        for (place, (task, writes)) in waiting.into_iter().enumerate() {
            let result = if holds(place) {
                apply(&mut self.peers[at].records, &writes);
                Ok(())
            } else {
                Err(StorageError::Full("no space left".to_owned()))
            };
            self.input(at, Input::Storage(task, result));
        }
        self.settle();
    }

    /// A slow disk has written its next task, or refused it; whether there was one.
    pub(crate) fn written_next(&mut self, at: usize, room: bool) -> bool {
        let mut waiting = self.peers[at].unwritten.take().unwrap_or_default();
        let rest = waiting.split_off(1.min(waiting.len()));
        self.peers[at].unwritten = Some(rest);
        let Some((task, writes)) = waiting.pop() else {
            return false;
        };
        let result = match room {
            true => Ok(()),
            false => Err(StorageError::Full("no space left".to_owned())),
        };
        if room {
            apply(&mut self.peers[at].records, &writes);
        }
        self.input(at, Input::Storage(task, result));
        true
    }

    /// A slow disk has written so many tasks when the node ends as a crash does; it starts from what was written.
    pub(crate) fn crash_in_writing(&mut self, at: usize, stored: usize) {
        let waiting = self.peers[at].unwritten.take().unwrap_or_default();
        for (_, writes) in waiting.into_iter().take(stored) {
            apply(&mut self.peers[at].records, &writes);
        }
        self.restart(at, 1);
    }

    /// Delivers everything that is under way; time stands still.
    pub(crate) fn settle(&mut self) {
        let mut steps = 0_u64;
        while let Some((from, to, packet)) = self.queue.pop_front() {
            steps += 1;
            assert!(steps < 200_000, "nodes never stop talking");
            let arriving = match self.tamper.as_mut() {
                Some(tamper) => tamper(from, to, packet),
                None => vec![packet],
            };
            for packet in arriving {
                self.arrive(from, to, packet);
            }
        }
    }

    pub(crate) fn arrive(&mut self, from: usize, to: usize, packet: Packet) {
        let key = self.peers[from].key;
        match packet {
            Packet::Frame(bytes) => {
                self.wire.push(bytes.clone());
                self.input(to, Input::Frame(key, bytes));
            }
            Packet::Gossip(topic, bytes) => {
                self.wire.push(bytes.clone());
                self.gossip_count += 1;
                let before = self.peers[to].verdicts.len();
                self.input(
                    to,
                    Input::Gossip(GossipId(self.gossip_count), topic, key, bytes.clone()),
                );
                // What is accepted goes on; peers that have it ignore it.
                if self.peers[to].verdicts[before..].contains(&Verdict::Accept)
                    && self.peers.len() > 2
                {
                    for next in 0..self.peers.len() {
                        let fresh = next != from
                            && next != to
                            && self.linked(to, next)
                            && !self.linked(from, next);
                        if fresh && self.peers[next].topics.contains(&topic) {
                            self.queue
                                .push_back((to, next, Packet::Gossip(topic, bytes.clone())));
                        }
                    }
                }
            }
        }
    }

    /// Lets virtual time pass, with all timers.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now.mono.plus(ms);
        self.settle();
        loop {
            let next = self
                .peers
                .iter()
                .filter_map(|peer| peer.node.poll_timeout())
                .min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            let step = at.0.saturating_sub(self.now.mono.0);
            self.now = Now {
                mono: MonoMs(self.now.mono.0 + step),
                wall: UnixMs(self.now.wall.0 + step),
            };
            for peer in 0..self.peers.len() {
                if self.peers[peer]
                    .node
                    .poll_timeout()
                    .is_some_and(|due| due <= self.now.mono)
                {
                    self.input(peer, Input::Timeout);
                }
            }
            self.settle();
        }
        let rest = end.0 - self.now.mono.0;
        self.now = Now {
            mono: end,
            wall: UnixMs(self.now.wall.0 + rest),
        };
    }

    /// A day goes by. Nodes run for a minute of each hour, as machines that sleep in between: timers fire late, and
    /// once.
    pub(crate) fn day(&mut self) {
        const MINUTE: u64 = 60_000;
        for _ in 0..24 {
            self.now.mono = self.now.mono.plus(59 * MINUTE);
            self.now.wall.0 += 59 * MINUTE;
            self.pass(MINUTE);
        }
    }

    /// Types a line at a node and waits for its answer, at most a simulated minute.
    pub(crate) fn line(&mut self, at: usize, line: &str) -> Result<Reply, CommandError> {
        let command: Command = line
            .parse()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        self.submit(at, command)
    }

    /// Types a line at a node and does not wait.
    pub(crate) fn give(&mut self, at: usize, line: &str) {
        let command = line.parse().expect("a line");
        self.peers[at].next_command += 1;
        let origin = Origin {
            client: CLIENT,
            command: CommandId(self.peers[at].next_command),
        };
        self.input(at, Input::Command(origin, command));
    }

    pub(crate) fn submit(&mut self, at: usize, command: Command) -> Result<Reply, CommandError> {
        self.peers[at].next_command += 1;
        let id = CommandId(self.peers[at].next_command);
        self.input(
            at,
            Input::Command(
                Origin {
                    client: CLIENT,
                    command: id,
                },
                command.clone(),
            ),
        );
        self.settle();
        for _ in 0..600 {
            let done = self.peers[at].events.iter().find_map(|event| match event {
                Event::Done { id: of, result } if *of == id => Some(result.clone()),
                _ => None,
            });
            if let Some(result) = done {
                return result;
            }
            self.pass(100);
        }
        panic!("no answer within a minute to {command:?}");
    }

    pub(crate) fn ok(&mut self, at: usize, line: &str) -> Reply {
        self.line(at, line)
            .unwrap_or_else(|error| panic!("{line}: {error:?}"))
    }

    /// The word in a reply's JSON at this field: ids and links.
    pub(crate) fn word(&mut self, at: usize, line: &str, field: &str) -> String {
        let reply = self.ok(at, line);
        let json = serde_json::to_value(&reply).expect("replies are plain data");
        json[field]
            .as_str()
            .unwrap_or_else(|| panic!("{line}: {json} has no {field}"))
            .to_owned()
    }

    pub(crate) fn snapshot(&mut self, at: usize) -> Arc<Snapshot> {
        self.peers[at].node.snapshot(CLIENT)
    }

    /// The first community that a node shows, conversations apart.
    pub(crate) fn community(&mut self, at: usize) -> (CommunityId, Arc<CommunitySnapshot>) {
        let snapshot = self.snapshot(at);
        let mut shown = snapshot.communities.iter();
        let (id, community) = shown
            .find(|(_, one)| one.direct.is_none())
            .expect("a community");
        (*id, Arc::clone(community))
    }

    pub(crate) fn history(&mut self, at: usize, channel: &str) -> Vec<MessageView> {
        match self.ok(at, &format!("history \"{channel}\" --last 100000")) {
            Reply::History { messages, .. } => messages,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn texts(&mut self, at: usize, channel: &str) -> Vec<String> {
        self.history(at, channel)
            .into_iter()
            .map(|message| message.text)
            .collect()
    }

    /// A community "club" with a channel "general" of the first node, joined by all others.
    pub(crate) fn club(names: &[&str]) -> (Self, CommunityId) {
        let mut world = Self::new(names);
        let id = world
            .word(0, "create-community club", "community")
            .parse()
            .expect("an id");
        world.ok(0, "create-channel club text general");
        for at in 1..names.len() {
            let invite = world.word(0, "invite club", "invite");
            world.connect(0, at);
            world.ok(at, &format!("join {invite}"));
        }
        world.pass(3_000);
        (world, id)
    }
}

fn start(records: BTreeMap<Bytes, Bytes>, nonce: [u8; 32], now: Now, seed: u64) -> Peer {
    let rng = ChaCha8Rng::seed_from_u64(seed);
    let all = records.clone().into_iter();
    let node = Node::restore(all, nonce, now, rng).expect("the records are whole");
    let key = alloquy_schema::keys::DeviceKey::from_seed(&node.network_seed());
    Peer {
        key: NetworkKey(key.public()),
        node,
        records,
        topics: BTreeSet::new(),
        events: Vec::new(),
        faults: Vec::new(),
        verdicts: Vec::new(),
        wants: BTreeMap::new(),
        tasks: 0,
        engine: Engine::default(),
        disk: None,
        unwritten: None,
        seed,
        next_command: 0,
    }
}

pub(crate) fn apply(records: &mut BTreeMap<Bytes, Bytes>, writes: &[Write]) {
    for write in writes {
        match write {
            Write::Put(key, value) => drop(records.insert(key.clone(), value.clone())),
            Write::Delete(key) => drop(records.remove(key)),
        }
    }
}
