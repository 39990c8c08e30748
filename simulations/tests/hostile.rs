//! Members who do not keep to the program: the honest get on, and whoever is broken is found.

use alloquy_core::{Input, Now, Output, Verdict};
use alloquy_ids::MonoMs;
use alloquy_sim::hostile::{
    Acts, FORGERIES, HOME_TRICKS, MIXTURES, TRICKS, Trick, bridge_seed_once, home_seed_once,
    seed_once, seed_twice,
};
use alloquy_sim::machine::{Around, Core, Machine, Maker};
use alloquy_sim::report::Outcome;
use alloquy_sim::trace::Trace;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Seeds that every test run tries.
const SEEDS: std::ops::Range<u64> = 1..13;

/// What was done and blamed in several seeds, none of which found anything.
#[derive(Default)]
struct Done {
    acts: Acts,
    blames: BTreeMap<String, u64>,
}

impl Done {
    fn add(&mut self, outcome: Outcome) {
        let seed = outcome.seed;
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
        for (act, count) in outcome.acts {
            *self.acts.entry(act).or_default() += count;
        }
        for (reason, count) in outcome.blames {
            *self.blames.entry(reason).or_default() += count;
        }
    }

    /// A trick is tried when something of it went out, or was kept back that would have.
    fn every_trick(&self, tricks: &[Trick]) {
        for trick in tricks {
            let mut acts = self.acts.keys();
            assert!(
                acts.any(|(of, _)| of == trick),
                "{trick:?}: {:?}",
                self.acts
            );
        }
    }

    fn every_form(&self, trick: Trick, forms: &[&'static str]) {
        for form in forms {
            let count = self.acts.get(&(trick, *form));
            assert!(count.is_some(), "{trick:?}, {form}: {:?}", self.acts);
        }
    }

    fn was_blamed(&self, reason: &str) {
        let mut reasons = self.blames.keys();
        assert!(
            reasons.any(|of| of.contains(reason)),
            "{reason}: {:?}",
            self.blames
        );
    }
}

#[test]
fn the_honest_agree_whatever_the_others_do() {
    let mut done = Done::default();
    for seed in SEEDS {
        done.add(seed_twice(seed, &Core::default()));
    }
    done.every_trick(&TRICKS);
}

#[test]
fn members_agree_whatever_a_home_node_does_and_it_reads_nothing() {
    let mut done = Done::default();
    for seed in SEEDS {
        let trace = Trace::default();
        done.add(home_seed_once(seed, &Core::default(), trace));
    }
    done.every_trick(&HOME_TRICKS);
    done.every_form(Trick::Forge, &FORGERIES);
    done.every_form(Trick::Mix, &MIXTURES);
    done.every_form(Trick::Withhold, &["answers", "messages"]);
    done.every_form(Trick::Garble, &["bodies"]);
    // What bears somebody's name without the signature is blamed on who sent it, and so is a letter that nobody wrote.
    done.was_blamed("a live event whose signature does not hold");
    done.was_blamed("a letter that nobody wrote");
    // A range in which a label or a signed body was changed.
    done.was_blamed("the signature of event");
}

#[test]
fn members_agree_whatever_a_bridge_does_and_it_reads_and_rules_nothing_else() {
    let mut done = Done::default();
    for seed in SEEDS {
        let trace = Trace::default();
        done.add(bridge_seed_once(seed, &Core::default(), trace));
    }
    done.every_trick(&TRICKS);
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
