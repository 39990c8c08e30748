//! A soak: three devices of one account come and go beside other members and a home node, while all write.
//!
//! Devices are linked, revoked (heard at once, lost, or away and still writing), brought back by the recovery words
//! from a home node or a member, put back from a backup, and copied so that both copies write. Nodes stop, crash and
//! are cut off, the network loses, doubles and overtakes. At the end every device and every member that is left reads
//! every conversation that it is in: nothing is undecryptable, lost or there twice.
//!
//! An account's identity log holds 64 changes and a world is held in memory, so a long soak is several worlds, each
//! from a seed of its own.

mod churn;
mod judge;
mod setup;
mod trouble;

use alloquy_api::{Command, Reply};

use crate::draw::Draw;
use crate::machine::Maker;
use crate::net::Weather;
use crate::report::Violation;
use crate::trace::Trace;
use crate::world::{CANARY, World};

pub use judge::Found;

/// Messages of one world.
pub const WORLD_MESSAGES: u64 = 10_000;
/// Changes of the account's devices in one world: each takes up to four of the 64 places of an identity log.
const CHURN: u64 = 8;
/// Messages between two changes of who is there; small worlds have as many changes as large ones.
const TROUBLES: u64 = 20;
/// A message is written each so many milliseconds, at most. All writers together stay below what a member takes from
/// one peer at once, so that most come live and some by catching up.
const GAP_MS_MAX: u64 = 200;
/// What a person asks for ends within this time.
const ANSWER_MS: u64 = 60_000;
/// Everything is equal so long after the last fault.
const CALM_MS: u64 = 240_000;

/// Violations after which a world is given up.
const VIOLATIONS_MAX: usize = 40;

/// What a run of the soak has done and found.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Messages that were written and accepted.
    pub written: u64,
    /// Of those, written by a device that had been revoked and did not know it: they count nowhere.
    pub void: u64,
    /// Devices that were linked by a code.
    pub linked: u64,
    /// Devices that were revoked.
    pub revoked: u64,
    /// Devices that came back by the recovery words.
    pub restored: u64,
    /// Stores that were put back from a backup or copied.
    pub cloned: u64,
    /// Nodes that were stopped, crashed or cut off.
    pub troubles: u64,
    /// Devices and members that were left at the end.
    pub readers: u64,
    /// Messages that they have read in all.
    pub read: u64,
    /// What was wrong with them.
    pub found: Found,
    /// Virtual time.
    pub virtual_ms: u64,
    /// Hash over everything that went in and came out.
    pub hash: [u8; 32],
    /// Everything else that must not be.
    pub violations: Vec<Violation>,
}

/// A conversation.
#[derive(Debug)]
struct Room {
    /// Its channel's id.
    channel: String,
    /// Persons who are in it.
    people: Vec<usize>,
}

/// A message that was accepted.
#[derive(Debug)]
struct Written {
    room: usize,
    text: String,
    /// It counts nowhere: its device had been revoked before.
    void: bool,
}

/// A run of one world.
struct Soak<'a> {
    world: World<'a>,
    draw: Draw,
    /// Devices that are left, by person; the first person is the one with several.
    people: Vec<Vec<usize>>,
    home: usize,
    rooms: Vec<Room>,
    written: Vec<Written>,
    words: String,
    /// Cells of the network while it is divided.
    away: Vec<usize>,
    out: Outcome,
}

/// Plays one world of a seed with so many messages.
#[must_use]
pub fn world(seed: u64, messages: u64, maker: &dyn Maker) -> Outcome {
    let mut soak = Soak {
        world: World::new(seed, maker, Trace::default()),
        draw: Draw::new(seed, "soak"),
        people: Vec::new(),
        home: 0,
        rooms: Vec::new(),
        written: Vec::new(),
        words: String::new(),
        away: Vec::new(),
        out: Outcome::default(),
    };
    if let Err(text) = soak.all(messages) {
        soak.world.violation("soak", None, text);
    }
    let mut out = soak.out;
    out.written = soak.written.len() as u64;
    out.void = soak.written.iter().filter(|one| one.void).count() as u64;
    out.virtual_ms = soak.world.now();
    out.hash = soak.world.trace.hash();
    out.violations = soak.world.violations;
    out
}

impl Soak<'_> {
    fn all(&mut self, messages: u64) -> Result<(), String> {
        self.set_up()?;
        self.world.net.weather = Weather {
            loss: 10,
            duplicate: 20,
            reorder: 50,
            delay_ms: (2, 120),
        };
        let churn_at = (messages / CHURN).max(1);
        let trouble_at = (messages / TROUBLES).max(1);
        for number in 1..=messages {
            if number % churn_at == 0 {
                self.churn(number / churn_at)?;
            }
            if number % trouble_at == 0 {
                self.trouble()?;
            }
            self.write()?;
            let gap = self.draw.between(1, GAP_MS_MAX);
            self.world.run_for(gap);
            if self.world.violations.len() > VIOLATIONS_MAX {
                return Err(format!("stopped at message {number}"));
            }
        }
        self.judge()
    }

    /// Somebody who is there writes somewhere.
    fn write(&mut self) -> Result<(), String> {
        let room = self.draw.index(self.rooms.len());
        let people = self.rooms[room].people.clone();
        let seats = people.iter().flat_map(|one| &self.people[*one]);
        let there: Vec<_> = seats
            .copied()
            .filter(|seat| self.world.is_up(*seat))
            .collect();
        match self.draw.pick(&there) {
            Some(seat) => self.write_at(*seat, room, false),
            None => Ok(()),
        }
    }

    fn write_at(&mut self, seat: usize, room: usize, void: bool) -> Result<(), String> {
        // One number for all, so that no two texts are alike and a lost one is missed.
        let number = self.written.len();
        let text = format!("{CANARY} {number} of {seat} in {room}");
        let line = format!("send {} \"{text}\"", self.rooms[room].channel);
        self.ask(seat, &line)?;
        self.written.push(Written { room, text, void });
        Ok(())
    }

    /// A line that must succeed.
    fn ask(&mut self, seat: usize, line: &str) -> Result<Reply, String> {
        let name = self.world.name(seat).to_owned();
        let command: Command = line.parse().map_err(|error| format!("{line}: {error}"))?;
        let answer = self.world.ask_within(ANSWER_MS, seat, command);
        answer.map_err(|error| format!("`{line}` at {name}, seat {seat}: {error}"))
    }

    /// Everybody who is left, by seat.
    fn seats(&self) -> Vec<usize> {
        self.people.iter().flatten().copied().collect()
    }
}

/// A further soak is no other than this one with another seed.
impl Outcome {
    /// Adds what another world has done and found.
    pub fn add(&mut self, other: Self) {
        self.written += other.written;
        self.void += other.void;
        self.linked += other.linked;
        self.revoked += other.revoked;
        self.restored += other.restored;
        self.cloned += other.cloned;
        self.troubles += other.troubles;
        self.readers += other.readers;
        self.read += other.read;
        self.found.add(other.found);
        self.virtual_ms += other.virtual_ms;
        self.violations.extend(other.violations);
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} messages written ({} by devices that had been revoked), {} devices linked, {} revoked, {} restored, \
             {} cloned, {} stops, crashes and divisions, {} h of virtual time",
            self.written,
            self.void,
            self.linked,
            self.revoked,
            self.restored,
            self.cloned,
            self.troubles,
            self.virtual_ms / 3_600_000,
        )?;
        writeln!(
            f,
            "{} devices and members read {} messages: {} undecryptable, {} lost, {} doubled, {} void ones shown",
            self.readers,
            self.read,
            self.found.undecryptable,
            self.found.lost,
            self.found.doubled,
            self.found.void,
        )
    }
}
