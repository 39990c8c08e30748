//! Nodes, their stores and the network on one virtual clock.
//!
//! A world does what it is told (run, give a command, crash, divide) and draws only the small things: when
//! a commit ends, how much of it a crash keeps. What to do when is decided by [`crate::chaos`] or a scenario.
//! It plays the shell's part of `alloquy_core::io` and reports at once what no checker needs to look for: a
//! panic, a storm of outputs, a spinning timer, an honest peer blamed, plaintext on the wire.

mod calm;
mod devices;
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_api::snapshot::CommunitySnapshot;
use alloquy_api::{Command, CommandError, CommandId, ErrorCode, Reply, Snapshot};
use alloquy_core::{Input, Now, Origin};
use alloquy_ids::{AccountId, CommunityId, EventId, MonoMs, NetworkKey, UnixMs};

use crate::address;
use crate::disk::{Disk, Torn};
use crate::draw::{self, Draw};
use crate::engine::Engine;
use crate::machine::{Machine, Maker, Records};
use crate::net::Net;
use crate::report::{Faults, Violation};
use crate::trace::Trace;

/// What every text of a simulation holds, so that plaintext is found wherever it leaks.
pub const CANARY: &str = "kQ7canary";
/// The same for names. A joiner tells its own to the member that it asks, over their encrypted stream.
pub const NAME_CANARY: &str = "kQ7named";

/// Wall time at the virtual clock's zero: 2026-01-01 UTC.
const WALL_START_MS: u64 = 1_767_225_600_000;

/// The client that stands for the person at a node.
const PERSON: u64 = 1;
/// The client through which checkers read.
const READER: u64 = 2;
/// A read takes no time of its own; it may wait for a commit.
const READ_WAIT_MS: u64 = 5_000;

/// A command of a person, and what came of it.
#[derive(Clone, Debug)]
pub struct Act {
    /// Whose node.
    pub seat: usize,
    /// When it was given.
    pub at: u64,
    /// What was asked for.
    pub command: Command,
    /// The community concerned, if the giver knows.
    pub community: Option<CommunityId>,
    /// What the node showed of that community just before.
    pub before: Before,
    /// Names of the rights that the account held when it ended, if it did not end at once: it may have waited for what
    /// peers say.
    pub rights_then: Vec<String>,
    /// When it ended, and how. `None`: it has not ended, or the node crashed first.
    pub done: Option<(u64, Result<Reply, CommandError>)>,
    /// The node crashed before it ended.
    pub lost: bool,
}

/// A node's view of a community before a command.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Names of the rights that the account held.
    pub rights: Vec<String>,
    /// Its members.
    pub members: Vec<AccountId>,
    /// All nodes ran, and every other one that shows the community had shown the account among its members and did
    /// no more: when the first of them was last seen to. Whoever never showed the account may only not have heard of
    /// it yet, which is no removal.
    pub removed_since: Option<u64>,
}

/// A node's place: what survives its crashes, and the machine while it runs.
struct Seat {
    name: String,
    key: NetworkKey,
    account: AccountId,
    disk: Disk,
    machine: Option<Box<dyn Machine>>,
    boots: u64,
    wall_offset_ms: i64,
    mono_base: u64,
    timer: Option<u64>,
    /// Time-outs given at one instant.
    spins: (u64, u32),
    commands: u64,
    frames: u64,
    engine: Engine,
    backup: Option<Backup>,
    /// How often somebody noticed that the store was put back: the shell tells the node then.
    moves: u64,
}

/// A copy of a node's store.
struct Backup {
    at: u64,
    records: Records,
    /// What a node shows that starts from it.
    communities: BTreeSet<CommunityId>,
}

/// A store that was put back from a copy: what its node had acknowledged in between may be gone.
#[derive(Clone, Copy, Debug)]
struct Gap {
    seat: usize,
    from: u64,
    to: u64,
}

/// Something due at a node that its own shell would do.
#[derive(Clone, Copy, Debug)]
enum Due {
    Commit { seat: usize, boot: u64 },
    Timer { seat: usize, at: u64 },
}

/// A running simulation.
pub struct World<'a> {
    maker: &'a dyn Maker,
    seed: u64,
    now: u64,
    /// The network.
    pub net: Net,
    seats: Vec<Seat>,
    queue: BTreeMap<(u64, u64), Due>,
    number: u64,
    draw: Draw,
    acts: Vec<Act>,
    waiting: BTreeMap<(usize, u64), usize>,
    reads: BTreeMap<(usize, u64), Result<Reply, CommandError>>,
    shown: BTreeMap<(usize, EventId), u64>,
    /// When a node was last seen to show an account among a community's members, since it was started.
    listed: BTreeMap<(usize, CommunityId, AccountId), u64>,
    gaps: Vec<Gap>,
    /// Seats whose machines do not keep to the program: nobody answers for what they send.
    rogues: BTreeSet<usize>,
    /// What honest nodes blamed them for.
    blames: BTreeMap<String, u64>,
    /// Nodes have audio engines.
    pub voice: bool,
    /// Hash and lines of the run.
    pub trace: Trace,
    /// What was found wrong.
    pub violations: Vec<Violation>,
    /// What was done to the nodes.
    pub faults: Faults,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl<'a> World<'a> {
    /// An empty world of `seed` with nodes made by `maker`.
    #[must_use]
    pub fn new(seed: u64, maker: &'a dyn Maker, trace: Trace) -> Self {
        Self {
            maker,
            seed,
            now: 0,
            net: Net::new(seed),
            seats: Vec::new(),
            queue: BTreeMap::new(),
            number: 0,
            draw: Draw::new(seed, "world"),
            acts: Vec::new(),
            waiting: BTreeMap::new(),
            reads: BTreeMap::new(),
            shown: BTreeMap::new(),
            listed: BTreeMap::new(),
            gaps: Vec::new(),
            rogues: BTreeSet::new(),
            blames: BTreeMap::new(),
            voice: false,
            trace,
            violations: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// Makes an account and starts its node, with a wall clock off by `wall_offset_ms`.
    pub fn add_node(&mut self, name: &str, wall_offset_ms: i64) -> Result<usize, String> {
        let seat = self.seats.len();
        let now = Now {
            mono: MonoMs(0),
            wall: wall_at(self.now, wall_offset_ms),
        };
        let mut rng = draw::stream(self.seed, &format!("found {seat}"));
        let birth = self.maker.found(name, now, &mut rng)?;
        self.net.add(birth.network);
        self.seats.push(Seat {
            name: name.to_owned(),
            key: birth.network,
            account: birth.account,
            disk: Disk::new(birth.records),
            machine: None,
            boots: 0,
            wall_offset_ms,
            mono_base: 0,
            timer: None,
            spins: (0, 0),
            commands: 0,
            frames: 0,
            engine: Engine::default(),
            backup: None,
            moves: 0,
        });
        self.start(seat)?;
        Ok(seat)
    }

    /// From now on this node may be blamed by others, and may blame.
    pub fn distrust(&mut self, seat: usize) {
        self.rogues.insert(seat);
    }

    /// What a node's store holds.
    #[must_use]
    pub fn records(&self, seat: usize) -> &Records {
        self.seats[seat].disk.records()
    }

    /// Virtual time since the beginning.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// The seed.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many nodes there are, running or not.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.seats.len()
    }

    /// The name of a node.
    #[must_use]
    pub fn name(&self, seat: usize) -> &str {
        &self.seats[seat].name
    }

    /// The account of a node.
    #[must_use]
    pub fn account(&self, seat: usize) -> AccountId {
        self.seats[seat].account
    }

    /// The node of an account.
    #[must_use]
    pub fn seat_of(&self, account: AccountId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.account == account)
    }

    /// The audio engine of a node.
    #[must_use]
    pub fn engine(&self, seat: usize) -> &Engine {
        &self.seats[seat].engine
    }

    /// Whether a node runs.
    #[must_use]
    pub fn is_up(&self, seat: usize) -> bool {
        self.seats[seat].machine.is_some()
    }

    /// What the person at a running node sees.
    #[must_use]
    pub fn snapshot(&mut self, seat: usize) -> Option<Arc<Snapshot>> {
        self.seats[seat]
            .machine
            .as_mut()
            .map(|machine| machine.snapshot(PERSON))
    }

    /// Commands of persons, in the order given.
    #[must_use]
    pub fn acts(&self) -> &[Act] {
        &self.acts
    }

    /// Commands that have not ended on a node that still runs.
    pub fn pending(&self) -> impl Iterator<Item = &Act> {
        self.waiting.values().map(|act| &self.acts[*act])
    }

    /// When a node first showed the text of a message.
    #[must_use]
    pub fn shown_at(&self, seat: usize, message: EventId) -> Option<u64> {
        self.shown.get(&(seat, message)).copied()
    }

    /// Frames sent and published by a node.
    #[must_use]
    pub fn frames(&self, seat: usize) -> u64 {
        self.seats[seat].frames
    }

    /// Storage tasks of a node that are not acknowledged.
    #[must_use]
    pub fn unstored(&self, seat: usize) -> usize {
        self.seats[seat].disk.pending()
    }

    /// Records a fault of the core.
    pub fn violation(&mut self, checker: &'static str, seat: Option<usize>, text: String) {
        let node = seat.map(|seat| self.seats[seat].name.clone());
        self.trace
            .note(self.now, &format!("VIOLATION {checker}: {text}"));
        self.violations.push(Violation {
            checker,
            node,
            at: self.now,
            text,
        });
    }

    /// Gives a command for a person. The number names it in [`World::acts`].
    pub fn order(
        &mut self,
        seat: usize,
        community: Option<CommunityId>,
        command: Command,
    ) -> usize {
        let number = self.acts.len();
        let before = self.before(seat, community);
        let is_up = self.is_up(seat);
        let act = Act {
            seat,
            at: self.now,
            command: command.clone(),
            community,
            before,
            rights_then: Vec::new(),
            done: None,
            lost: !is_up,
        };
        self.acts.push(act);
        if is_up {
            let id = self.next_command(seat);
            self.waiting.insert((seat, id.0), number);
            self.feed(
                seat,
                Input::Command(
                    Origin {
                        client: PERSON,
                        command: id,
                    },
                    command,
                ),
            );
        }
        number
    }

    /// Gives a command for a checker and waits for its end.
    pub fn ask(&mut self, seat: usize, command: Command) -> Result<Reply, CommandError> {
        self.ask_within(READ_WAIT_MS, seat, command)
    }

    /// The same for what takes time of its own.
    pub fn ask_within(
        &mut self,
        ms: u64,
        seat: usize,
        command: Command,
    ) -> Result<Reply, CommandError> {
        let stopped = || CommandError::new(ErrorCode::NotRunning, "the node does not run");
        if !self.is_up(seat) {
            return Err(stopped());
        }
        let id = self.next_command(seat);
        self.feed(
            seat,
            Input::Command(
                Origin {
                    client: READER,
                    command: id,
                },
                command,
            ),
        );
        let until = self.now + ms;
        loop {
            if let Some(result) = self.reads.remove(&(seat, id.0)) {
                return result;
            }
            if !self.is_up(seat) {
                return Err(stopped());
            }
            if !self.step(until) {
                return Err(CommandError::new(
                    ErrorCode::Timeout,
                    "the command did not end",
                ));
            }
        }
    }

    /// Lets virtual time pass.
    pub fn run_for(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.step(until) {}
        self.now = until;
    }

    /// Runs until `goal` holds after a step, at most `ms`. Whether it came to hold.
    pub fn run_until(&mut self, ms: u64, goal: impl Fn(&Self) -> bool) -> bool {
        let until = self.now + ms;
        while !goal(self) {
            if !self.step(until) {
                self.now = until;
                return goal(self);
            }
        }
        true
    }

    /// Stops a node as a power cut does.
    pub fn crash(&mut self, seat: usize) -> Torn {
        let torn = self.seats[seat].disk.crash(&mut self.draw);
        self.fallen(seat, torn)
    }

    /// The same; `kept` of the storage tasks that were not acknowledged are in the store.
    pub fn crash_keeping(&mut self, seat: usize, kept: usize) -> Torn {
        let torn = self.seats[seat].disk.crash_keeping(kept);
        self.fallen(seat, torn)
    }

    fn fallen(&mut self, seat: usize, torn: Torn) -> Torn {
        self.stop(seat);
        self.faults.crashes += 1;
        self.faults.torn += u64::from(torn.lost > 0);
        self.trace.note(
            self.now,
            &format!("crash {}: {torn:?}", self.seats[seat].name),
        );
        torn
    }

    /// Stops a node after it has said goodbye and stored everything.
    pub fn shut_down(&mut self, seat: usize) {
        if self.is_up(seat) {
            self.feed(seat, Input::Shutdown);
            self.run_for(100);
            self.stop(seat);
            let pending = self.seats[seat].disk.pending();
            self.seats[seat].disk.crash_keeping(pending);
            self.trace
                .note(self.now, &format!("shutdown {}", self.seats[seat].name));
        }
    }

    fn stop(&mut self, seat: usize) {
        self.seats[seat].machine = None;
        self.seats[seat].timer = None;
        // Its store may have kept less than it showed.
        self.listed.retain(|(of, ..), _| *of != seat);
        self.net.crash(seat);
        let gone: Vec<_> = self
            .waiting
            .range((seat, 0)..=(seat, u64::MAX))
            .map(|(key, act)| (*key, *act))
            .collect();
        for (key, act) in gone {
            self.waiting.remove(&key);
            self.acts[act].lost = true;
        }
    }

    /// Starts a node from what its store holds.
    pub fn start(&mut self, seat: usize) -> Result<(), String> {
        let mono_base = self.draw.below(1_000_000_000);
        let place = &mut self.seats[seat];
        place.boots += 1;
        place.mono_base = mono_base;
        let now = Now {
            mono: MonoMs(mono_base),
            wall: wall_at(self.now, place.wall_offset_ms),
        };
        let rng = draw::stream(self.seed, &format!("node {seat} boot {}", place.boots));
        let moves = self.seats[seat].moves;
        let nonce = draw::bytes(self.seed, &format!("nonce {seat} {moves}"));
        let records = self.seats[seat].disk.records().clone();
        self.trace
            .note(self.now, &format!("start {}", self.seats[seat].name));
        let maker = self.maker;
        let machine = match crate::panics::caught(|| maker.restore(records, nonce, now, rng)) {
            Ok(Ok(machine)) => machine,
            Ok(Err(error)) | Err(error) => {
                self.violation(
                    "restart",
                    Some(seat),
                    format!("the node does not start from its store: {error}"),
                );
                return Err(error);
            }
        };
        self.seats[seat].machine = Some(machine);
        self.net.boot(seat);
        let listen = address::with_peer(seat, self.seats[seat].key);
        self.feed(seat, Input::ListenAddresses(vec![listen]));
        self.seats[seat].engine = Engine::default();
        if self.voice {
            self.feed(seat, Input::MediaEngine(true));
        }
        Ok(())
    }

    /// Copies a running node's store.
    pub fn back_up(&mut self, seat: usize) {
        if self.seats[seat].machine.is_none() {
            return;
        }
        let records = self.seats[seat].disk.records().clone();
        let Some(communities) = self.communities_of(seat, records.clone()) else {
            return;
        };
        let backup = Backup {
            at: self.now,
            records,
            communities,
        };
        self.seats[seat].backup = Some(backup);
        self.trace
            .note(self.now, &format!("back up {}", self.seats[seat].name));
    }

    /// What a node shows that starts from these records: less than it shows now while its disk refuses writes.
    fn communities_of(&self, seat: usize, records: Records) -> Option<BTreeSet<CommunityId>> {
        let place = &self.seats[seat];
        let now = Now {
            mono: MonoMs(place.mono_base),
            wall: wall_at(self.now, place.wall_offset_ms),
        };
        let rng = draw::stream(self.seed, &format!("node {seat} copied at {}", self.now));
        let nonce = draw::bytes(self.seed, &format!("nonce {seat} of a copy"));
        let mut machine = self.maker.restore(records, nonce, now, rng).ok()?;
        Some(
            machine
                .snapshot(PERSON)
                .communities
                .keys()
                .copied()
                .collect(),
        )
    }

    /// Stops a running node and puts its store back from the copy. `noticed`: by the shell, which says so at the
    /// next start. `false`: it does not run, there is no copy, or the copy lacks a community that the node is in
    /// now, which nobody would give back.
    pub fn put_back(&mut self, seat: usize, noticed: bool) -> bool {
        let Some(shown) = self.snapshot(seat) else {
            return false;
        };
        let whole = |backup: &Backup| shown.communities.keys().eq(&backup.communities);
        let Some(backup) = self.seats[seat].backup.take_if(|backup| whole(backup)) else {
            return false;
        };
        self.stop(seat);
        self.gaps.push(Gap {
            seat,
            from: backup.at,
            to: self.now,
        });
        self.seats[seat].disk.put_back(backup.records);
        self.seats[seat].moves += u64::from(noticed);
        self.faults.put_back += 1;
        let name = &self.seats[seat].name;
        self.trace
            .note(self.now, &format!("put back {name}, noticed: {noticed}"));
        true
    }

    /// Whether a node's store was put back from a copy that was made before it acknowledged something at `at`.
    #[must_use]
    pub fn forgot(&self, seat: usize, at: u64) -> bool {
        let over = |gap: &Gap| gap.seat == seat && (gap.from..=gap.to).contains(&at);
        self.gaps.iter().any(over)
    }

    /// Whether a node's store was ever put back.
    #[must_use]
    pub fn was_put_back(&self, seat: usize) -> bool {
        self.gaps.iter().any(|gap| gap.seat == seat)
    }

    /// Fills a node's disk, or makes room on it.
    pub fn set_disk_full(&mut self, seat: usize, full: bool) {
        self.seats[seat].disk.full = full;
        self.faults.full += u64::from(full);
        self.trace.note(
            self.now,
            &format!("disk of {} full: {full}", self.seats[seat].name),
        );
    }

    /// Sets a node's wall clock to the true time plus `offset_ms`.
    pub fn set_clock(&mut self, seat: usize, offset_ms: i64) {
        self.seats[seat].wall_offset_ms = offset_ms;
        self.faults.clocks += 1;
        self.trace.note(
            self.now,
            &format!("clock of {} off by {offset_ms} ms", self.seats[seat].name),
        );
    }

    /// Divides the nodes into cells, by seat.
    pub fn partition(&mut self, cells: &[usize]) {
        self.net.partition(cells);
        self.faults.partitions += 1;
        self.trace.note(self.now, &format!("partition {cells:?}"));
    }

    /// Ends all partitions.
    pub fn heal(&mut self) {
        self.net.heal();
        self.trace.note(self.now, "heal");
    }

    /// Breaks one link.
    pub fn disconnect(&mut self, a: usize, b: usize) {
        self.net.disconnect(a, b);
        self.faults.disconnects += 1;
        self.trace.note(
            self.now,
            &format!("disconnect {} {}", self.seats[a].name, self.seats[b].name),
        );
    }

    fn next_command(&mut self, seat: usize) -> CommandId {
        self.seats[seat].commands += 1;
        CommandId(self.seats[seat].commands)
    }

    fn before(&mut self, seat: usize, community: Option<CommunityId>) -> Before {
        let Some(community) = community else {
            return Before::default();
        };
        let views: Vec<_> = (0..self.seats.len())
            .map(|one| self.view(one, Some(community)))
            .collect();
        for (one, view) in views.iter().enumerate() {
            for member in view.iter().flat_map(|view| view.members.iter()) {
                self.listed
                    .insert((one, community, member.account), self.now);
            }
        }
        let Some(own) = &views[seat] else {
            return Before::default();
        };
        Before {
            rights: own.rights.clone(),
            members: own.members.iter().map(|member| member.account).collect(),
            removed_since: self.removed_since(seat, community, &views),
        }
    }

    /// See [`Before::removed_since`].
    fn removed_since(
        &self,
        seat: usize,
        community: CommunityId,
        views: &[Option<Arc<CommunitySnapshot>>],
    ) -> Option<u64> {
        let account = self.account(seat);
        if !(0..self.seats.len()).all(|one| self.is_up(one)) {
            return None;
        }
        let mut since = None::<u64>;
        for (other, view) in views.iter().enumerate() {
            let Some(view) = view.as_ref().filter(|_| other != seat) else {
                continue;
            };
            if view.members.iter().any(|member| member.account == account) {
                return None;
            }
            let last = *self.listed.get(&(other, community, account))?;
            since = Some(since.map_or(last, |since| since.min(last)));
        }
        since
    }

    fn view(
        &mut self,
        seat: usize,
        community: Option<CommunityId>,
    ) -> Option<Arc<CommunitySnapshot>> {
        self.snapshot(seat)?.communities.get(&community?).cloned()
    }
}

fn wall_at(now: u64, offset_ms: i64) -> UnixMs {
    UnixMs((WALL_START_MS + now).saturating_add_signed(offset_ms))
}
