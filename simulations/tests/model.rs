//! Every history of three operations on the authority rule, and that the search can find what is wrong.

use alloquy_sim::model::{explore, worlds};

/// Operations of one history here; `alloquy-sim model --operations 6` tries longer ones.
const OPERATIONS: usize = 3;

#[test]
fn every_short_history_keeps_the_guarantees() {
    let (mut histories, mut fell, mut revived) = (0, 0, 0);
    for world in worlds() {
        let count = match explore(&world, OPERATIONS) {
            Ok(count) => count,
            Err(broken) => panic!("{}: {broken}", world.name),
        };
        assert!(world.replicas() >= 3, "{}", world.name);
        assert!(count.orders > u128::from(count.histories), "{}", world.name);
        assert!(count.effective > 0, "{}", world.name);
        histories += count.histories;
        fell += count.fell;
        revived += count.revived;
    }
    // The worlds contend: histories in which nothing falls show nothing.
    assert!(
        histories > 5_000 && fell > 500 && revived > 0,
        "{histories} histories, {fell} operations fell, {revived} revived"
    );
}
