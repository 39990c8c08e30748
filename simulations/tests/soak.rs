//! The soak, small; the large one is `alloquy-sim soak --messages 100000`, in a release build.

use alloquy_sim::machine::Core;
use alloquy_sim::soak;

/// Messages of one world here.
const MESSAGES: u64 = 100;

#[test]
fn devices_that_come_and_go_lose_nothing_and_read_everything_once() {
    let outcome = soak::world(3, MESSAGES, &Core::default());
    assert!(
        outcome.violations.is_empty() && outcome.found.is_nothing(),
        "{outcome}{:#?}",
        outcome.violations
    );
    assert_eq!(outcome.readers, 6, "three devices and three members");
    assert!(outcome.restored > 1 && outcome.cloned > 1 && outcome.void > 0);
}
