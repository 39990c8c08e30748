//! Voice channels under churn, crashes, partitions and moderation.

use alloquy_sim::machine::Core;
use alloquy_sim::voice::seed_twice;

/// Seeds that every test run tries.
const SEEDS: std::ops::Range<u64> = 1..17;

#[test]
fn after_calm_all_agree_who_is_in_a_room_and_each_two_there_are_connected() {
    for seed in SEEDS {
        let outcome = seed_twice(seed, &Core::default());
        assert!(
            outcome.violations.is_empty(),
            "seed {seed}: {:?}",
            outcome.violations
        );
    }
}
