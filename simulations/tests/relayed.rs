//! Relays that forge, withhold, delay and cut: everybody gets on when there is an honest way, and nobody calls complete
//! what its peers have not confirmed.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_api::{Event, Reply, Snapshot};
use alloquy_core::{Input, Now, Output};
use alloquy_ids::MonoMs;
use alloquy_sim::machine::{Around, Core, Machine};
use alloquy_sim::net::MEDDLINGS;
use alloquy_sim::relayed::{Plan, seed_once, seed_twice};
use alloquy_sim::trace::Trace;

/// Seeds that every test run tries.
const SEEDS: std::ops::Range<u64> = 1..13;

#[test]
fn nobody_is_deceived_by_a_relay_and_all_agree_in_the_end() {
    let mut done = BTreeSet::new();
    let (mut forged, mut withheld) = (0, 0);
    for seed in SEEDS {
        let outcome = seed_twice(seed, &Core::default());
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
        forged += outcome.net.forged;
        withheld += outcome.net.withheld;
        done.extend(Plan::new(seed).does);
    }
    assert_eq!(done.len(), MEDDLINGS.len(), "relays did everything");
    assert!(
        forged > 0 && withheld > 0,
        "{forged} forged, {withheld} withheld"
    );
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
fn a_node_that_calls_complete_what_a_relay_withholds_is_found() {
    let boastful = Around::new(|inner, _| -> Box<dyn Machine> { Box::new(Boast(inner)) });
    let found = SEEDS.clone().any(|seed| {
        let outcome = seed_once(seed, &boastful, Trace::default());
        let mut violations = outcome.violations.iter();
        violations.any(|found| found.checker == "withholding")
    });
    assert!(found);
}
