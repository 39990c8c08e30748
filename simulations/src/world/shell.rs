//! The shell's part: feeds inputs, drains outputs, runs the store and the timers.

use alloquy_api::{Command, Event};
use alloquy_core::{Input, Now, Output, TaskId, Verdict, Write};
use alloquy_ids::MonoMs;

use super::{CANARY, Due, NAME_CANARY, PERSON, READER, World, wall_at};

/// Outputs of one input. The largest honest case is a caught-up channel of a few hundred messages.
const OUTPUTS_MAX: usize = 5_000;
/// Time-outs at one instant: each tick of the core may set the next deadline to now a few times.
const SPINS_MAX: u32 = 50;
/// How long a node rests that has spun that often.
const SPIN_PAUSE_MS: u64 = 1_000;

impl World<'_> {
    /// Does the next thing due at `until` or before.
    pub(super) fn step(&mut self, until: u64) -> bool {
        let own = self.queue.keys().next().copied();
        let net = self.net.next_due();
        match (own, net) {
            (Some(key), net) if key.0 <= until && net.is_none_or(|net| key.0 <= net) => {
                let due = self.queue.remove(&key).expect("it is the first key");
                self.now = self.now.max(key.0);
                self.run_due(due);
                true
            }
            (_, Some(net)) if net <= until => {
                self.now = self.now.max(net);
                if let Some((seat, input)) = self.net.take(net) {
                    self.feed(seat, input);
                }
                true
            }
            _ => false,
        }
    }

    fn run_due(&mut self, due: Due) {
        match due {
            Due::Commit { seat, boot } => {
                if self.seats[seat].boots == boot && self.is_up(seat) {
                    for (task, result) in self.seats[seat].disk.finish() {
                        self.feed(seat, Input::Storage(task, result));
                    }
                    self.begin_commit(seat);
                }
            }
            Due::Timer { seat, at } => {
                if self.seats[seat].timer == Some(at) && self.is_up(seat) {
                    self.seats[seat].timer = None;
                    self.count_spin(seat);
                    self.feed(seat, Input::Timeout);
                }
            }
        }
    }

    fn count_spin(&mut self, seat: usize) {
        let now = self.now;
        let spins = &mut self.seats[seat].spins;
        *spins = if spins.0 == now {
            (now, spins.1 + 1)
        } else {
            (now, 1)
        };
        if spins.1 == SPINS_MAX {
            self.violation(
                "termination",
                Some(seat),
                format!("{SPINS_MAX} time-outs at one instant"),
            );
        }
    }

    /// Gives an input to a running node and does what it says.
    pub(super) fn feed(&mut self, seat: usize, input: Input) {
        let now = self.now;
        let place = &mut self.seats[seat];
        let Some(machine) = &mut place.machine else {
            return;
        };
        self.trace.input(now, seat, &place.name, &input);
        let clocks = Now {
            mono: MonoMs(place.mono_base + now),
            wall: wall_at(now, place.wall_offset_ms),
        };
        let drained = crate::panics::caught(|| {
            machine.handle(clocks, input);
            let mut outputs = Vec::new();
            while let Some(output) = machine.poll_output() {
                outputs.push(output);
                if outputs.len() > OUTPUTS_MAX {
                    break;
                }
            }
            (outputs, machine.poll_timeout())
        });
        match drained {
            Ok((outputs, deadline)) => {
                if outputs.len() > OUTPUTS_MAX {
                    self.violation(
                        "termination",
                        Some(seat),
                        format!("over {OUTPUTS_MAX} outputs of one input"),
                    );
                }
                for output in outputs {
                    self.obey(seat, output);
                }
                self.arm(seat, deadline);
                if let Some(report) = self.seats[seat].engine.report() {
                    self.feed(seat, Input::Media(report));
                }
            }
            Err(panic) => {
                self.violation("panic", Some(seat), panic);
                self.stop(seat);
            }
        }
    }

    fn arm(&mut self, seat: usize, deadline: Option<MonoMs>) {
        let place = &mut self.seats[seat];
        if place.machine.is_none() {
            return;
        }
        let spinning = place.spins.0 == self.now && place.spins.1 >= SPINS_MAX;
        // What was reported need not be shown at every instant.
        let soonest = self.now + if spinning { SPIN_PAUSE_MS } else { 0 };
        let at = deadline.map(|mono| mono.0.saturating_sub(place.mono_base).max(soonest));
        if at != place.timer {
            place.timer = at;
            if let Some(at) = at {
                self.schedule(at, Due::Timer { seat, at });
            }
        }
    }

    fn schedule(&mut self, at: u64, due: Due) {
        self.number += 1;
        self.queue.insert((at, self.number), due);
    }

    fn obey(&mut self, seat: usize, output: Output) {
        self.trace
            .output(self.now, seat, &self.seats[seat].name, &output);
        match output {
            Output::Event(client, event) => self.told(seat, client, event),
            Output::Store(task, writes) => self.store(seat, task, writes),
            Output::Media(task) => {
                if let Err(fault) = self.seats[seat].engine.take(task) {
                    self.violation("voice", Some(seat), fault);
                }
            }
            Output::Penalize(key, fault) => {
                let peer = self.seats.iter().position(|place| place.key == key);
                if self.rogues.contains(&seat) {
                    return;
                }
                if peer.is_some_and(|at| self.rogues.contains(&at)) {
                    *self.blames.entry(fault.reason).or_default() += 1;
                    return;
                }
                let peer = peer.map_or_else(|| key.short(), |at| self.seats[at].name.clone());
                self.violation(
                    "blame",
                    Some(seat),
                    format!("the honest peer {peer} is blamed: {}", fault.reason),
                );
            }
            Output::Verdict(id, Verdict::Reject) => {
                let from = self.net.gossip_from(seat, id);
                let rogue = from.is_some_and(|from| self.rogues.contains(&from));
                if !rogue && !self.rogues.contains(&seat) {
                    self.violation(
                        "blame",
                        Some(seat),
                        "an honest frame is rejected".to_owned(),
                    );
                }
                self.net
                    .put(self.now, seat, Output::Verdict(id, Verdict::Reject));
            }
            carried => {
                if let Output::Send(_, bytes) | Output::Publish(_, bytes) = &carried {
                    self.seats[seat].frames += 1;
                    if self.tells(seat, bytes) {
                        let size = bytes.len();
                        let text = format!("plaintext in a frame of {size} B");
                        self.violation("confidentiality", Some(seat), text);
                    }
                }
                self.net.put(self.now, seat, carried);
            }
        }
    }

    /// Whether a frame holds text or names that only members may read.
    fn tells(&self, seat: usize, bytes: &[u8]) -> bool {
        let joins = || {
            self.waiting
                .range((seat, 0)..=(seat, u64::MAX))
                .any(|(_, act)| matches!(self.acts[*act].command, Command::Join { .. }))
        };
        holds(bytes, CANARY.as_bytes()) || (holds(bytes, NAME_CANARY.as_bytes()) && !joins())
    }

    fn store(&mut self, seat: usize, task: TaskId, writes: Vec<Write>) {
        if let Err(fault) = self.seats[seat].disk.submit(task, writes) {
            self.violation("contract", Some(seat), fault);
        }
        self.begin_commit(seat);
    }

    fn begin_commit(&mut self, seat: usize) {
        if self.seats[seat].disk.begin() {
            let at = self.now + self.draw.between(1, 12);
            let boot = self.seats[seat].boots;
            self.schedule(at, Due::Commit { seat, boot });
        }
    }

    fn told(&mut self, seat: usize, client: Option<u64>, event: Event) {
        match event {
            Event::Done { id, result } => match client {
                Some(PERSON) => {
                    if let Some(act) = self.waiting.remove(&(seat, id.0)) {
                        if self.acts[act].at < self.now {
                            let view = self.view(seat, self.acts[act].community);
                            self.acts[act].rights_then =
                                view.map_or_else(Vec::new, |view| view.rights.clone());
                        }
                        self.acts[act].done = Some((self.now, result));
                    } else {
                        self.violation(
                            "contract",
                            Some(seat),
                            format!("command {} ended twice", id.0),
                        );
                    }
                }
                Some(READER) => {
                    self.reads.insert((seat, id.0), result);
                }
                other => self.violation(
                    "contract",
                    Some(seat),
                    format!("an outcome for client {other:?}"),
                ),
            },
            Event::MessageAdded { message, .. } | Event::MessageChanged { message, .. }
                if !message.text.is_empty() =>
            {
                self.shown.entry((seat, message.id)).or_insert(self.now);
            }
            _ => {}
        }
    }
}

/// Whether `needle` stands in `bytes`.
fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
