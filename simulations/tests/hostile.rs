//! Members who do not keep to the program: the honest get on, and whoever is broken is found.

use alloquy_core::{Input, Now, Output, Verdict};
use alloquy_ids::MonoMs;
use alloquy_sim::hostile::{
    HOME_TRICKS, Plan, TRICKS, bridge_seed_once, home_seed_once, seed_once, seed_twice,
};
use alloquy_sim::machine::{Around, Core, Machine, Maker};
use alloquy_sim::trace::Trace;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Seeds that every test run tries.
const SEEDS: std::ops::Range<u64> = 1..13;

#[test]
fn the_honest_agree_whatever_the_others_do() {
    let mut tricks = BTreeSet::new();
    for seed in SEEDS {
        let outcome = seed_twice(seed, &Core::default());
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
        tricks.extend(Plan::new(seed).rogues.into_iter().flatten());
    }
    assert_eq!(tricks.len(), TRICKS.len(), "every trick was tried");
}

#[test]
fn members_agree_whatever_a_home_node_does_and_it_reads_nothing() {
    let mut tricks = BTreeSet::new();
    for seed in SEEDS {
        let outcome = home_seed_once(seed, &Core::default(), Trace::default());
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
        tricks.extend(Plan::with_home(seed).rogues.into_iter().flatten());
    }
    assert_eq!(tricks.len(), HOME_TRICKS.len(), "every trick was tried");
}

#[test]
fn members_agree_whatever_a_bridge_does_and_it_reads_and_rules_nothing_else() {
    let mut tricks = BTreeSet::new();
    for seed in SEEDS {
        let outcome = bridge_seed_once(seed, &Core::default(), Trace::default());
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
        tricks.extend(Plan::with_bridge(seed).rogues.into_iter().flatten());
    }
    assert_eq!(tricks.len(), TRICKS.len(), "every trick was tried");
}

/// What an honest node may get wrong.
#[derive(Clone, Copy, Debug)]
enum Defect {
    /// Hears nothing from others after a while.
    Deaf,
    /// Blames whoever sends it a frame.
    Touchy,
    /// Takes every gossip frame for bad.
    Rejects,
}

/// Makes nodes with a defect; rogues have it too, which changes nothing.
fn broken(defect: Defect) -> impl Maker {
    Around::new(move |inner, now: Now| -> Box<dyn Machine> {
        Box::new(BrokenCore {
            inner,
            defect,
            deaf_from: now.mono.plus(20_000),
            extra: None,
        })
    })
}

struct BrokenCore {
    inner: Box<dyn Machine>,
    defect: Defect,
    deaf_from: MonoMs,
    extra: Option<Output>,
}

impl Machine for BrokenCore {
    fn handle(&mut self, now: Now, input: Input) {
        match (self.defect, &input) {
            (Defect::Deaf, Input::Frame(..) | Input::Gossip(..)) if now.mono > self.deaf_from => {
                return;
            }
            (Defect::Touchy, Input::Frame(from, _)) => {
                let reason = "it speaks".to_owned();
                self.extra = Some(Output::Penalize(*from, alloquy_core::Fault { reason }));
            }
            _ => {}
        }
        self.inner.handle(now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        let output = self.extra.take().or_else(|| self.inner.poll_output())?;
        Some(match (self.defect, output) {
            (Defect::Rejects, Output::Verdict(id, _)) => Output::Verdict(id, Verdict::Reject),
            (_, output) => output,
        })
    }
    fn poll_timeout(&self) -> Option<MonoMs> {
        self.inner.poll_timeout()
    }
    fn snapshot(&mut self, client: u64) -> Arc<alloquy_api::Snapshot> {
        self.inner.snapshot(client)
    }
}

#[test]
fn an_honest_node_that_is_broken_is_found() {
    for (defect, checkers) in [
        (
            Defect::Deaf,
            &["convergence", "integrity", "termination"][..],
        ),
        (Defect::Touchy, &["blame"]),
        (Defect::Rejects, &["blame"]),
    ] {
        let outcome = seed_once(1, &broken(defect), Trace::default());
        let found = outcome.violations.first().map(|found| found.checker);
        assert!(
            found.is_some_and(|found| checkers.contains(&found)),
            "{defect:?}: {:?}",
            outcome.violations
        );
    }
}
