//! Nodes that stop, crash and are cut off.

use super::Soak;

impl Soak<'_> {
    /// Who was away comes back, and others go: stopped, crashed, or cut off together.
    pub(super) fn trouble(&mut self) -> Result<(), String> {
        self.wake();
        let mut all = self.seats();
        all.push(self.home);
        let mut cells = vec![0; self.world.seats()];
        for seat in all {
            if !self.draw.chance(250) {
                continue;
            }
            self.out.troubles += 1;
            match self.draw.below(3) {
                0 => {
                    self.world.crash(seat);
                    // A power cut; half of them are back at once.
                    if self.draw.chance(500) {
                        self.world.start(seat)?;
                    } else {
                        self.away.push(seat);
                    }
                }
                1 => {
                    self.world.shut_down(seat);
                    self.away.push(seat);
                }
                _ => cells[seat] = 1,
            }
        }
        if cells.contains(&1) {
            self.world.partition(&cells);
        }
        Ok(())
    }

    /// Everybody is there again.
    pub(super) fn wake(&mut self) {
        self.world.heal();
        for seat in std::mem::take(&mut self.away) {
            // What does not start is a violation of its own.
            if !self.world.is_up(seat) && self.world.start(seat).is_err() {
                return;
            }
        }
    }
}
