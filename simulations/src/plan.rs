//! What a seed stands for: how many nodes, how they differ, and which faults befall them when.

use crate::draw::Draw;
use crate::net::Weather;
use crate::workload::{Temper, Workload};
use crate::world::World;

/// Two years, the farthest that a clock is off.
const SKEW_MS_MAX: u64 = 2 * 366 * 24 * 3_600_000;

/// The frame of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Wall clock offsets of the nodes.
    pub offsets_ms: Vec<i64>,
    /// How many join before the faults begin; the others later.
    pub founders: usize,
    /// How long commands and faults go on.
    pub chaos_ms: u64,
    /// Mean time between two commands.
    pub command_gap_ms: u64,
    /// Mean time between two faults.
    pub fault_gap_ms: u64,
    /// What the network does meanwhile.
    pub weather: Weather,
    /// Whether nodes find each other by themselves.
    pub discover: bool,
    /// How people get on.
    pub temper: Temper,
    /// Whether clocks agree all the time, so that time-outs and slow mode can be used.
    pub timed: bool,
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "plan");
        let nodes = usize::try_from(draw.between(3, 7)).expect("it is at most 7");
        let timed = draw.chance(400);
        let offsets_ms = (0..nodes)
            .map(|_| if timed { 0 } else { offset(&mut draw) })
            .collect();
        let founders = 2 + draw.index(nodes - 1);
        let high = 20 + draw.below(400);
        let weather = Weather {
            loss: u32::try_from(draw.below(200)).expect("it is below 200"),
            duplicate: u32::try_from(draw.below(100)).expect("it is below 100"),
            reorder: u32::try_from(draw.below(200)).expect("it is below 200"),
            delay_ms: (1, high),
        };
        Self {
            offsets_ms,
            founders,
            chaos_ms: draw.between(20_000, 90_000),
            command_gap_ms: draw.between(400, 1_500),
            fault_gap_ms: draw.between(1_500, 10_000),
            weather,
            discover: draw.chance(500),
            temper: if draw.chance(500) {
                Temper::Quarrelsome
            } else {
                Temper::Peaceful
            },
            timed,
        }
    }
}

fn offset(draw: &mut Draw) -> i64 {
    let far = match draw.below(3) {
        0 => 0,
        1 => draw.below(5_000),
        _ => draw.below(SKEW_MS_MAX),
    };
    let far = far.cast_signed();
    if draw.chance(500) { far } else { -far }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Partition,
    Heal,
    Crash,
    Disconnect,
    DiskFull,
    Clock,
    BackUp,
    PutBack,
}

const FAULTS: &[(u32, Fault)] = &[
    (25, Fault::Partition),
    (20, Fault::Heal),
    (25, Fault::Crash),
    (15, Fault::Disconnect),
    (10, Fault::DiskFull),
    (5, Fault::Clock),
    (12, Fault::BackUp),
    (12, Fault::PutBack),
];

/// Draws faults, and ends those that last.
#[derive(Debug)]
pub struct Trouble {
    draw: Draw,
    /// Nodes that stand still, and disks that are full: until when.
    down: Vec<(u64, usize)>,
    full: Vec<(u64, usize)>,
    timed: bool,
}

impl Trouble {
    /// The troubles of a plan.
    #[must_use]
    pub fn new(seed: u64, plan: &Plan) -> Self {
        Self {
            draw: Draw::new(seed, "trouble"),
            down: Vec::new(),
            full: Vec::new(),
            timed: plan.timed,
        }
    }

    /// When the next lasting fault ends.
    #[must_use]
    pub fn next_end(&self) -> Option<u64> {
        self.down
            .iter()
            .chain(&self.full)
            .map(|(until, _)| *until)
            .min()
    }

    /// Ends what is over; with `all`, everything. Nodes started again.
    pub fn end(&mut self, world: &mut World<'_>, all: bool) -> Vec<usize> {
        let now = if all { u64::MAX } else { world.now() };
        for (_, seat) in self.full.extract_if(.., |(until, _)| *until <= now) {
            world.set_disk_full(seat, false);
        }
        let mut started = Vec::new();
        for (_, seat) in self.down.extract_if(.., |(until, _)| *until <= now) {
            // A node that does not start again is reported by the world.
            if world.start(seat).is_ok() {
                started.push(seat);
            }
        }
        started
    }

    /// One fault.
    pub fn strike(&mut self, world: &mut World<'_>, workload: &mut Workload) {
        let seats = world.seats();
        let seat = self.draw.index(seats);
        let until = world.now() + self.draw.between(300, 15_000);
        match self.draw.weighted(FAULTS).unwrap_or(Fault::Heal) {
            Fault::Partition => {
                let cells = self.draw.between(2, 3);
                let cells: Vec<_> = (0..seats)
                    .map(|_| self.draw.index(usize::try_from(cells).unwrap_or(2)))
                    .collect();
                world.partition(&cells);
            }
            Fault::Heal => world.heal(),
            Fault::Crash if world.is_up(seat) => {
                // The moment that matters is while something is being written.
                for _ in 0..self.draw.below(4) {
                    workload.act(world, seat);
                }
                world.run_for(self.draw.below(8));
                world.crash(seat);
                self.down.push((until, seat));
            }
            Fault::Disconnect => {
                let other = self.draw.index(seats);
                if other != seat {
                    world.disconnect(seat, other);
                }
            }
            Fault::DiskFull if !self.full.iter().any(|(_, full)| *full == seat) => {
                world.set_disk_full(seat, true);
                // A disk that is full only for a moment fails one task and takes the next.
                let moment = self.draw.chance(300);
                let until = if moment {
                    world.now() + self.draw.between(5, 600)
                } else {
                    until
                };
                self.full.push((until, seat));
            }
            Fault::Clock if !self.timed => {
                let offset = offset(&mut self.draw);
                world.set_clock(seat, offset);
            }
            Fault::BackUp => world.back_up(seat),
            // Whoever puts a store back while nobody is there to ask would fork the log: the shell notices it, by
            // the mark that it keeps outside of the store. Scenarios show the other case.
            Fault::PutBack => {
                if world.put_back(seat, true) {
                    self.down.push((until, seat));
                }
            }
            Fault::Crash | Fault::DiskFull | Fault::Clock => {}
        }
    }
}
