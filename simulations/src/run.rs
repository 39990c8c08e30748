//! One seed from the first account to the last check, and the same once more.

use std::collections::BTreeSet;

use alloquy_api::command::Command;
use alloquy_ids::EventId;

use crate::check::{self, Replicas};
use crate::draw::Draw;
use crate::machine::Maker;
use crate::net::Weather;
use crate::plan::{Plan, Trouble};
use crate::replica;
use crate::report::Outcome;
use crate::trace::Trace;
use crate::workload::Workload;
use crate::world::{Act, NAME_CANARY, World};

/// After the last fault everything is equal within this time: digests are exchanged at least every 60 s,
/// and what they bring may need one round more.
const SETTLE_MS_MAX: u64 = 240_000;
/// Who has not found the others by itself is introduced after this time.
const ALONE_MS_MAX: u64 = 60_000;
/// How often that is looked at.
const SETTLE_STEP_MS: u64 = 10_000;
/// A join that nobody answers is given up within this time.
const JOIN_MS_MAX: u64 = 660_000;
/// Quiet time over which frames are counted.
const QUIET_MS: u64 = 30_000;
/// Frames that a settled node may send to each other node in a second: digests, presence, acknowledgements.
const QUIET_FRAMES_PER_SECOND: u64 = 4;
/// A gossip frame is answered in this time (an unknown device's frame waits 10 s).
const VERDICT_MS_MAX: u64 = 15_000;

/// Runs a seed twice and compares the traces.
#[must_use]
pub fn seed_twice(seed: u64, maker: &dyn Maker) -> Outcome {
    Outcome::twice(seed, || seed_once(seed, maker, Trace::default()))
}

/// Runs a seed once.
#[must_use]
pub fn seed_once(seed: u64, maker: &dyn Maker, trace: Trace) -> Outcome {
    let plan = Plan::new(seed);
    let mut run = Run {
        world: World::new(seed, maker, trace),
        plan,
        founders: BTreeSet::new(),
    };
    run.world.net.discover = run.plan.discover;
    if let Err(text) = run.all()
        && run.world.violations.is_empty()
    {
        run.world.violation("setup", None, text);
    }
    run.world.outcome()
}

struct Run<'a> {
    world: World<'a>,
    plan: Plan,
    founders: BTreeSet<alloquy_ids::AccountId>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), String> {
        self.set_up()?;
        let mut workload = Workload::new(self.world.seed(), self.plan.temper, self.plan.timed);
        self.chaos(&mut workload);
        if self.world.violations.is_empty() {
            let replicas = self.settle(&mut workload);
            self.judge(&replicas);
        }
        if self.world.violations.is_empty() {
            self.watch_quiet();
            self.await_joins();
            self.restart_all();
        }
        Ok(())
    }

    /// Nodes, one community with a channel, and its first members, in calm weather.
    fn set_up(&mut self) -> Result<(), String> {
        for (seat, offset) in self.plan.offsets_ms.clone().into_iter().enumerate() {
            self.world.add_node(&format!("n{seat}"), offset)?;
        }
        let [name, channel] = ["first", "general"].map(|name| format!("{NAME_CANARY}-{name}"));
        let (community, link) = self.world.make_community(name, channel)?;
        for seat in 1..self.plan.founders {
            let join = Command::Join { link: link.clone() };
            self.world.must(seat, Some(community), join)?;
        }
        self.world.run_for(10_000);
        self.founders = (0..self.plan.founders)
            .map(|seat| self.world.account(seat))
            .collect();
        Ok(())
    }

    /// Commands and faults until the plan's time is over.
    fn chaos(&mut self, workload: &mut Workload) {
        let mut pace = Draw::new(self.world.seed(), "pace");
        let mut trouble = Trouble::new(self.world.seed(), &self.plan);
        self.world.net.weather = self.plan.weather;
        let end = self.world.now() + self.plan.chaos_ms;
        let mut command_at = self.world.now();
        let mut fault_at = self.world.now() + self.plan.fault_gap_ms;
        while self.world.now() < end && self.world.violations.is_empty() {
            let next = trouble
                .next_end()
                .unwrap_or(end)
                .min(command_at)
                .min(fault_at)
                .min(end);
            self.world.run_for(next.saturating_sub(self.world.now()));
            for seat in trouble.end(&mut self.world, false) {
                self.check_own_log(seat);
            }
            if self.world.now() >= fault_at {
                trouble.strike(&mut self.world, workload);
                fault_at = self.world.now() + pace.between(1, 2 * self.plan.fault_gap_ms);
            }
            if self.world.now() >= command_at {
                workload.step(&mut self.world);
                command_at = self.world.now() + pace.between(1, 2 * self.plan.command_gap_ms);
            }
        }
        self.world.net.weather = Weather::CALM;
        self.world.heal();
        for seat in trouble.end(&mut self.world, true) {
            self.check_own_log(seat);
        }
    }

    /// Right after a restart, before any peer could have helped.
    fn check_own_log(&mut self, seat: usize) {
        let threads = self.threads();
        match replica::read(&mut self.world, seat, &threads) {
            Ok(replica) => {
                if let Some(text) = check::own_log(&self.world, seat, &replica) {
                    self.world.violation("durability", Some(seat), text);
                }
            }
            Err(text) => self.world.violation("durability", Some(seat), text),
        }
    }

    fn threads(&self) -> BTreeSet<EventId> {
        let acts = self.world.acts().iter();
        acts.filter_map(|act| {
            if let Command::Thread { message, .. } = act.command {
                Some(message)
            } else {
                None
            }
        })
        .collect()
    }

    /// Waits until everybody shows the same.
    fn settle(&mut self, workload: &mut Workload) -> Replicas {
        self.join_again(workload);
        let end = self.world.now() + SETTLE_MS_MAX;
        let introduced_at = self.world.now() + ALONE_MS_MAX;
        loop {
            self.world.run_for(SETTLE_STEP_MS);
            let replicas = self.read_all();
            let difference = self.unsettled(&replicas);
            let Some(text) = difference else {
                return replicas;
            };
            if self.world.now() >= introduced_at && !self.world.net.discover {
                // Members may know each other's addresses only through somebody who has left.
                self.world.trace.note(self.world.now(), "introduce all");
                self.world.net.introduce_all();
            }
            if self.world.now() >= end || !self.world.violations.is_empty() {
                self.world.violation("convergence", None, text);
                return replicas;
            }
        }
    }

    fn unsettled(&self, replicas: &Replicas) -> Option<String> {
        let world = &self.world;
        let pending = || {
            // A join goes on asking until its own time is over: nobody may be there whom its link names.
            let mut acts = world.pending();
            let act = acts.find(|act| !matches!(act.command, Command::Join { .. }))?;
            Some(format!(
                "`{}` of {} has not ended",
                act.command,
                world.name(act.seat)
            ))
        };
        check::convergence(world, replicas)
            .or_else(|| check::unreadable(world, replicas))
            .or_else(pending)
    }

    /// Whoever wanted to join and was cut off by a crash or a time-out asks again.
    fn join_again(&mut self, workload: &mut Workload) {
        self.world.run_for(SETTLE_STEP_MS);
        for seat in 0..self.world.seats() {
            let wanted = self
                .world
                .acts()
                .iter()
                .rfind(|act| act.seat == seat && matches!(act.command, Command::Join { .. }));
            let cut = |act: &&Act| act.done.as_ref().is_none_or(|(_, result)| result.is_err());
            let Some(wanted) = wanted.filter(cut).map(|act| act.community) else {
                continue;
            };
            // The same one: its members may have let the node in before it crashed.
            if !workload.join_one(&mut self.world, seat, wanted) {
                workload.join(&mut self.world, seat);
            }
        }
    }

    fn read_all(&mut self) -> Replicas {
        let (threads, seats) = (self.threads(), 0..self.world.seats());
        check::read_all(&mut self.world, seats, &threads)
    }

    fn judge(&mut self, replicas: &Replicas) {
        for (seat, text) in check::durability(&self.world, replicas, &self.founders) {
            self.world.violation("durability", Some(seat), text);
        }
        for (seat, text) in check::authority(&self.world, replicas) {
            self.world.violation("authority", Some(seat), text);
        }
        for (seat, text) in check::secrecy(&self.world, replicas) {
            self.world.violation("confidentiality", Some(seat), text);
        }
    }

    /// Nothing is left to do, and nothing goes round in circles.
    fn watch_quiet(&mut self) {
        let seats = self.world.seats();
        let before: Vec<_> = (0..seats).map(|seat| self.world.frames(seat)).collect();
        self.world.run_for(QUIET_MS);
        let most = QUIET_FRAMES_PER_SECOND * seats as u64 * QUIET_MS / 1_000;
        for (seat, before) in before.into_iter().enumerate() {
            let sent = self.world.frames(seat) - before;
            if sent > most {
                let text = format!(
                    "{sent} frames in {} quiet seconds, the limit is {most}",
                    QUIET_MS / 1_000
                );
                self.world.violation("termination", Some(seat), text);
            }
            if let Some(owed) = self
                .world
                .net
                .verdict_owed_ms(seat)
                .filter(|owed| *owed > VERDICT_MS_MAX)
            {
                self.world.violation(
                    "termination",
                    Some(seat),
                    format!("a gossip frame waits for {owed} ms"),
                );
            }
        }
    }

    /// A join that leads nowhere ends by itself.
    fn await_joins(&mut self) {
        let ended = |world: &World<'_>| world.pending().next().is_none();
        if !self.world.run_until(JOIN_MS_MAX, ended) {
            let act = self.world.pending().next().cloned();
            let text = act.map_or_else(String::new, |act| {
                format!(
                    "`{}` of {} has not ended",
                    act.command,
                    self.world.name(act.seat)
                )
            });
            self.world.violation("termination", None, text);
        }
    }

    /// What a node shows after a restart is what it showed before.
    fn restart_all(&mut self) {
        let threads = self.threads();
        for seat in 0..self.world.seats() {
            let before = replica::read(&mut self.world, seat, &threads);
            self.world.crash(seat);
            if self.world.start(seat).is_err() {
                continue;
            }
            let after = replica::read(&mut self.world, seat, &threads);
            let text = match (before, after) {
                (Ok(before), Ok(after)) => changed(&before, &after),
                (Err(text), _) | (_, Err(text)) => Some(text),
            };
            if let Some(text) = text {
                self.world.violation("restart", Some(seat), text);
            }
        }
    }
}

fn changed(before: &replica::Replica, after: &replica::Replica) -> Option<String> {
    if before.communities.keys().ne(after.communities.keys()) {
        let (left, right) = (before.communities.len(), after.communities.len());
        return Some(format!(
            "{left} communities before a restart and {right} after it"
        ));
    }
    before
        .communities
        .iter()
        .zip(&after.communities)
        .find_map(|((_, left), (_, right))| {
            let missing = left
                .shared
                .keys()
                .find(|title| !right.shared.contains_key(*title));
            missing
                .map(|title| format!("{title} is gone after a restart"))
                .or_else(|| replica::difference(left, right))
        })
}
