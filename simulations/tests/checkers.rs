//! The checkers can fail: the real core passes, a copy of it that is broken in one place does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloquy_api::command::{AccountRef, ChannelRef, Command, CommunityRef};
use alloquy_api::reply::Reply;
use alloquy_api::{Event, Snapshot};
use alloquy_core::{Input, Now, Output};
use alloquy_ids::{CommunityId, MonoMs};
use alloquy_sim::check;
use alloquy_sim::machine::{Around, Core, Machine, Maker};
use alloquy_sim::run::{seed_once, seed_twice};
use alloquy_sim::trace::Trace;
use alloquy_sim::world::{CANARY, World};
use bytes::Bytes;

/// Seeds tried: a fault shows only where its circumstances come about.
const SEEDS: std::ops::Range<u64> = 1..7;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// Says that it stores and does not.
    ForgetsWrites,
    /// Shows the newest message twice.
    DoublesHistory,
    /// Sends a text as it is.
    LeaksText,
    /// Hears nothing from others after a while.
    GoesDeaf,
    /// Gives up.
    Panics,
    /// Wants to be called at once, always.
    Spins,
    /// Does what no seed says.
    Wavers,
}

/// Makes cores with a defect.
fn broken(defect: Defect) -> impl Maker {
    Around::new(move |inner, now: Now| -> Box<dyn Machine> {
        Box::new(BrokenCore {
            inner,
            defect,
            start: now.mono,
            inputs: 0,
        })
    })
}

struct BrokenCore {
    inner: Box<dyn Machine>,
    defect: Defect,
    start: MonoMs,
    inputs: u64,
}

impl Machine for BrokenCore {
    fn handle(&mut self, now: Now, input: Input) {
        self.inputs += 1;
        let late = now.mono > self.start.plus(25_000);
        let heard = matches!(input, Input::Frame(..) | Input::Gossip(..));
        match self.defect {
            Defect::GoesDeaf if heard && late => return,
            Defect::Panics if self.inputs == 200 => panic!("two hundred inputs are enough"),
            _ => {}
        }
        self.inner.handle(now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        let output = self.inner.poll_output()?;
        Some(match (self.defect, output) {
            (Defect::ForgetsWrites, Output::Store(task, _)) if self.inputs > 50 => {
                Output::Store(task, Vec::new())
            }
            (Defect::DoublesHistory, Output::Event(to, Event::Done { id, result })) => {
                let doubled = result.map(|reply| match reply {
                    Reply::History {
                        mut messages,
                        complete,
                        complete_since,
                        confirmed,
                    } => {
                        messages.extend(messages.last().cloned());
                        Reply::History {
                            messages,
                            complete,
                            complete_since,
                            confirmed,
                        }
                    }
                    other => other,
                });
                Output::Event(
                    to,
                    Event::Done {
                        id,
                        result: doubled,
                    },
                )
            }
            (Defect::LeaksText, Output::Send(key, bytes)) => {
                Output::Send(key, Bytes::from([&bytes[..], CANARY.as_bytes()].concat()))
            }
            (Defect::Wavers, Output::Send(key, bytes)) => {
                static CALLS: AtomicU64 = AtomicU64::new(0);
                // The same number never comes twice in one process.
                let call = CALLS.fetch_add(1, Ordering::Relaxed).to_le_bytes();
                Output::Send(key, Bytes::from([&bytes[..], &call].concat()))
            }
            (_, output) => output,
        })
    }
    fn poll_timeout(&self) -> Option<MonoMs> {
        if self.defect == Defect::Spins {
            Some(self.start)
        } else {
            self.inner.poll_timeout()
        }
    }
    fn snapshot(&mut self, client: u64) -> Arc<Snapshot> {
        self.inner.snapshot(client)
    }
}

/// What the checkers say of a defect, over all seeds tried, until one says it.
fn caught_by(defect: Defect, checkers: &[&str]) {
    let mut said = Vec::new();
    for seed in SEEDS {
        let maker = broken(defect);
        let outcome = if defect == Defect::Wavers {
            seed_twice(seed, &maker)
        } else {
            seed_once(seed, &maker, Trace::default())
        };
        if outcome
            .violations
            .iter()
            .any(|violation| checkers.contains(&violation.checker))
        {
            return;
        }
        said.extend(outcome.violations);
    }
    panic!("{defect:?} is not caught by {checkers:?}; they said {said:?}");
}

#[test]
fn writes_that_are_forgotten_are_missed() {
    caught_by(Defect::ForgetsWrites, &["durability", "restart"]);
}

#[test]
fn a_message_shown_twice_is_counted() {
    caught_by(Defect::DoublesHistory, &["durability"]);
}

#[test]
fn plaintext_on_the_wire_is_found() {
    caught_by(Defect::LeaksText, &["confidentiality"]);
}

#[test]
fn a_node_that_stays_behind_is_noticed() {
    caught_by(Defect::GoesDeaf, &["convergence"]);
}

#[test]
fn a_panic_is_reported_with_its_place() {
    caught_by(Defect::Panics, &["panic"]);
}

#[test]
fn a_timer_that_never_rests_is_stopped() {
    caught_by(Defect::Spins, &["termination"]);
}

#[test]
fn two_runs_that_differ_are_told_apart() {
    caught_by(Defect::Wavers, &["determinism"]);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let hash = |seed| seed_once(seed, &Core::default(), Trace::default()).hash;
    assert_eq!(hash(3), hash(3));
    assert_ne!(hash(3), hash(4));
}

/// In one of them a message waited until its writer was let in again, in the other the JOIN of the reader waited until
/// the writer had learnt that the reader had left.
#[test]
fn who_was_let_in_while_a_command_waited_may_write_and_read() {
    for seed in [7_009_715, 7_015_143] {
        let outcome = seed_once(seed, &Core::default(), Trace::default());
        assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
    }
}

/// Time in which what is done arrives, and in which connections over a partition end.
const WHILE_MS: u64 = 20_000;

/// What the check of authority says where the second node shows what the third wrote after the first had removed it,
/// which the third had not heard of. `crashed`: the second node crashed in between.
fn said_of_a_late_message(crashed: bool) -> Vec<(usize, String)> {
    let maker = Core::default();
    let mut world = World::new(1, &maker, Trace::default());
    for name in ["ana", "ben", "mal"] {
        world.add_node(name, 0).unwrap();
    }
    let (community, link) = world
        .make_community("club".to_owned(), "general".to_owned())
        .unwrap();
    for seat in [1, 2] {
        let join = Command::Join { link: link.clone() };
        world.must(seat, Some(community), join).unwrap();
    }
    world.run_for(WHILE_MS);
    world.partition(&[1, 1, 2]);
    world.run_for(WHILE_MS);
    let kick = Command::Kick {
        community: CommunityRef(community.to_string()),
        account: AccountRef(world.account(2).to_string()),
        reason: None,
    };
    world.must(0, Some(community), kick).unwrap();
    world.run_for(WHILE_MS);
    if crashed {
        world.crash(1);
        world.start(1).unwrap();
    }
    late_message_shown(&mut world, community)
}

/// The third node writes, all come together, and the second one is made to show what was written.
fn late_message_shown(world: &mut World<'_>, community: CommunityId) -> Vec<(usize, String)> {
    let channel = ChannelRef(format!("{community}/general"));
    let send = Command::Send {
        channel: channel.clone(),
        text: "after".to_owned(),
        embeds: Vec::new(),
    };
    world.must(2, Some(community), send).unwrap();
    let newest = Command::History {
        channel,
        last: 1,
        before: None,
        thread: None,
    };
    let Ok(Reply::History { messages, .. }) = world.ask(2, newest) else {
        panic!("the writer shows what it wrote");
    };
    world.heal();
    world.run_for(WHILE_MS);
    let mut replicas = check::read_all(world, 0..3, &BTreeSet::new());
    assert_eq!(check::authority(world, &replicas), Vec::new());
    let view = replicas
        .get_mut(&1)
        .unwrap()
        .communities
        .get_mut(&community);
    let mut channels = view.unwrap().messages.values_mut();
    channels.next().unwrap().extend(messages);
    check::authority(world, &replicas)
}

#[test]
fn what_is_written_after_a_removal_that_all_others_hold_must_not_be_shown() {
    let said = said_of_a_late_message(false);
    assert_eq!(said.len(), 1, "{said:?}");
    let (seat, text) = &said[0];
    assert_eq!(*seat, 1);
    assert!(
        text.ends_with("of mal, written after its removal, is shown"),
        "{text}"
    );
}

#[test]
fn of_a_node_that_started_since_it_is_not_known_whether_it_held_the_removal() {
    assert_eq!(said_of_a_late_message(true), Vec::new());
}
