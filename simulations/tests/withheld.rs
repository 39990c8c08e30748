//! History that a home node withholds: nobody is told that it is all there, and all of it is had from whoever has it.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::{Event, Reply, Snapshot};
use alloquy_core::{Input, Now, Output};
use alloquy_ids::MonoMs;
use alloquy_sim::hostile::withheld::{Found, Plan, seed_once, seed_twice};
use alloquy_sim::hostile::{Trick, Withholding};
use alloquy_sim::machine::{Around, Core, Machine};
use alloquy_sim::trace::Trace;

/// Seeds that every test run tries.
const SEEDS: std::ops::Range<u64> = 1..13;

#[test]
fn a_channel_is_never_complete_while_a_home_node_withholds_what_somebody_knows_of() {
    let mut all = Found::default();
    let mut acted = BTreeSet::new();
    for seed in SEEDS {
        let found = seed_once(seed, &Core::default(), Trace::default());
        let violations = &found.outcome.violations;
        assert!(violations.is_empty(), "seed {seed}: {violations:?}");
        let plan = Plan::new(seed);
        let (way, act) = match plan.manner.withholds {
            _ if plan.tricks.contains(&Trick::Garble) => ("poison", (Trick::Garble, "bodies")),
            Withholding::Answers => ("answers", (Trick::Withhold, "answers")),
            Withholding::Gaps => ("gaps", (Trick::Withhold, "messages")),
            Withholding::Tail(_) => ("tail", (Trick::Withhold, "messages")),
            Withholding::Everything => ("everything", (Trick::Withhold, "messages")),
        };
        if found.outcome.acts.contains_key(&act) {
            acted.insert(way);
        } else {
            // One that says to everybody that nothing lacks may never be asked, nor one that had itself revoked in time.
            let lies = plan.manner.echoes == 1_000 || plan.tricks.contains(&Trick::Forge);
            assert!(way == "everything" && lies, "seed {seed}: {plan:?}");
        }
        match way {
            "poison" => assert!(found.waited > 0, "seed {seed}: no text was waited for"),
            // Nothing that is given names any of it.
            "everything" => assert_eq!(found.known, 0, "seed {seed}"),
            _ => {}
        }
        all.known += found.known;
        all.waited += found.waited;
        all.by_homes_alone += found.by_homes_alone;
        all.unknowable += found.unknowable;
    }
    assert_eq!(acted.len(), 4, "{acted:?}");
    assert!(all.known > 0, "nobody knew of a gap");
    assert!(
        all.by_homes_alone > 0,
        "no home node said alone that this is all"
    );
    assert!(all.unknowable > 0, "what nobody tells of was known");
}

#[test]
fn the_same_is_withheld_of_the_same_seed() {
    let outcome = seed_twice(SEEDS.start, &Core::default());
    assert!(outcome.violations.is_empty(), "{:?}", outcome.violations);
}

/// A node that calls everything complete.
struct Boast(Box<dyn Machine>);

impl Machine for Boast {
    fn handle(&mut self, now: Now, input: Input) {
        self.0.handle(now, input);
    }
    fn poll_output(&mut self) -> Option<Output> {
        let mut output = self.0.poll_output()?;
        if let Output::Event(_, Event::Done { result, .. }) = &mut output
            && let Ok(Reply::History { complete, .. }) = result
        {
            *complete = true;
        }
        Some(output)
    }
    fn poll_timeout(&self) -> Option<MonoMs> {
        self.0.poll_timeout()
    }
    fn snapshot(&mut self, client: u64) -> Arc<Snapshot> {
        self.0.snapshot(client)
    }
}

#[test]
fn a_node_that_calls_complete_what_a_home_node_withholds_is_found() {
    let boastful = Around::new(|inner, _| -> Box<dyn Machine> { Box::new(Boast(inner)) });
    let found = seed_once(SEEDS.start, &boastful, Trace::default());
    let mut violations = found.outcome.violations.iter();
    assert!(violations.any(|found| found.checker == "withholding"));
}
