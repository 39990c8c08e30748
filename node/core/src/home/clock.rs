//! Whether the clock of a home node may be believed when something goes for good because it is old.
//!
//! A board without a battery boots in 1970 and is set by the network a minute later; a clock may be years ahead for an
//! hour. By such a clock everything is old at once. So nothing goes by age until the clock has run for a day as the
//! machine's own count of time does.

use alloquy_ids::UnixMs;
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use rand_core::CryptoRng;

use crate::limits::CLOCK_JUMP_MS;
use crate::node::Node;
use crate::outbox::{After, put};
use crate::record::Key;

/// What was last seen of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockRecord {
    /// What it said when it was looked at last.
    looked: UnixMs,
    /// What it said when it had just jumped, or was looked at first.
    since: UnixMs,
}

impl Canonical for ClockRecord {
    fn write(&self, w: &mut Writer) {
        self.looked.write(w);
        self.since.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            looked: UnixMs::read(r)?,
            since: UnixMs::read(r)?,
        })
    }
}

impl<R: CryptoRng> Node<R> {
    /// Whether the clock has not jumped for a day. To be asked whenever something may go because it is old.
    pub(super) fn clock_is_steady(&mut self) -> bool {
        let (mono, wall) = (self.now.mono, self.now.wall);
        let passed = self.home.clock_looked.map_or(0, |at| mono.0 - at.0);
        let jumped = self.home.clock.is_none_or(|clock| {
            let expected = clock.looked.0.saturating_add(passed);
            wall.0.abs_diff(expected) > CLOCK_JUMP_MS
        });
        if jumped && self.home.clock.is_some() {
            tracing::warn!(
                "the clock of this home node has jumped: nothing is deleted for its age for a day"
            );
        }
        let held = self.home.clock.filter(|_| !jumped);
        let clock = ClockRecord {
            looked: wall,
            since: held.map_or(wall, |clock| clock.since),
        };
        self.home.clock_looked = Some(mono);
        if self.home.clock != Some(clock) {
            self.home.clock = Some(clock);
            let write = put(&Key::HomeClock, &clock);
            self.outbox.store(vec![write], After::Nothing);
        }
        wall.0.saturating_sub(clock.since.0) >= CLOCK_JUMP_MS
    }
}
