//! Whether a connection is alive, and how long its way takes: libp2p's ping, and what follows from it.

use std::time::Duration;

use libp2p::ping;
use tokio::time::Instant;

/// So often each connection is pinged.
const INTERVAL: Duration = Duration::from_secs(10);
/// A ping that is not answered within this has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A connection without an answer for this long is dead: three pings were lost, and a fourth may be under way.
const SILENCE: Duration = Duration::from_secs(55);

/// How connections are pinged.
pub(super) fn config() -> ping::Config {
    ping::Config::new()
        .with_interval(INTERVAL)
        .with_timeout(PATIENCE)
}

/// The pulse of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    answered: Instant,
    round_trip: Option<Duration>,
}

/// What a ping told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// It was answered.
    Alive,
    /// It was not, but others were not long ago; or the peer does not speak the protocol.
    Missed,
    /// The connection is dead.
    Dead,
}

impl Pulse {
    /// A connection that came up now.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            answered: now,
            round_trip: None,
        }
    }

    /// Takes the outcome of a ping.
    pub(super) fn beat(&mut self, result: &Result<Duration, ping::Failure>, now: Instant) -> Beat {
        match result {
            Ok(round_trip) => {
                self.answered = now;
                self.round_trip = Some(*round_trip);
                Beat::Alive
            }
            Err(ping::Failure::Unsupported) => Beat::Missed,
            Err(_) if now.duration_since(self.answered) >= SILENCE => Beat::Dead,
            Err(_) => Beat::Missed,
        }
    }

    /// The last round trip, in milliseconds: at least 1, because 0 would look like no measurement.
    pub(super) fn round_trip_ms(&self) -> Option<u32> {
        let millis = self.round_trip?.as_millis().max(1);
        Some(u32::try_from(millis).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_answers_nothing_for_a_minute_is_dead() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.round_trip_ms(), None);
        assert_eq!(
            pulse.beat(&Ok(Duration::from_millis(12)), after(10)),
            Beat::Alive
        );
        assert_eq!(pulse.round_trip_ms(), Some(12));
        let lost = || Err(ping::Failure::Timeout);
        assert_eq!(pulse.beat(&lost(), after(30)), Beat::Missed);
        assert_eq!(pulse.beat(&lost(), after(50)), Beat::Missed);
        assert_eq!(pulse.beat(&lost(), after(70)), Beat::Dead);
        // One answer in between, and it lives.
        assert_eq!(pulse.beat(&Ok(Duration::ZERO), after(71)), Beat::Alive);
        assert_eq!(pulse.round_trip_ms(), Some(1));
        assert_eq!(pulse.beat(&lost(), after(90)), Beat::Missed);
        // A program that does not know the protocol is not cut off for it.
        assert_eq!(
            pulse.beat(&Err(ping::Failure::Unsupported), after(900)),
            Beat::Missed
        );
    }
}
