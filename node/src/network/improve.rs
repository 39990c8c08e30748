//! When a better way than a relay is looked for, while a session has none: a schedule without clocks or sockets of
//! its own.
//!
//! libp2p punches a hole as soon as a circuit stands, three times, and never again. So a new circuit is made, beside
//! the one that carries the session, after pauses that grow; and sooner when an address of either side changes.

use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::swarm::ConnectionId;
use tokio::time::Instant;

use super::address::{PEER_ADDRESSES_MAX, is_circuit};

/// Pauses before the tries, counted from the beginning or the try before. Both sides were busy for a moment, a
/// router's table was full, somebody changed its settings: each takes longer than the one before. The last one repeats.
pub(super) const PAUSES: [Duration; 4] = [
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(1_800),
];
/// Between an address's change and the try: addresses come and go several at a time, and both sides must have been
/// told.
const SETTLE: Duration = Duration::from_secs(3);
/// Between two tries at least, whatever a peer says of its addresses.
const TRIES_APART: Duration = Duration::from_secs(60);
/// How long the circuit of one try stands: three punches of 10 s, each after a round trip.
const CIRCUIT_LIMIT: Duration = Duration::from_secs(45);

/// Of one session.
#[derive(Clone, Debug, Default)]
pub(super) struct Improve {
    /// When something is to be done; never, if there is nothing to be improved.
    at: Option<Instant>,
    tries: usize,
    last: Option<Instant>,
    /// The circuit of a try, and when it is closed.
    circuit: Option<(ConnectionId, Instant)>,
    /// Where the peer has said that it is.
    peer_at: Option<Vec<Multiaddr>>,
    /// Why the last try failed.
    pub(super) failure: Option<String>,
    /// Both sides have punched a hole: direct connections came through it.
    pub(super) punched: bool,
}

impl Improve {
    /// A session goes through a relay.
    pub(super) fn begin(&mut self, now: Instant) {
        self.tries = 0;
        self.at = Some(now + PAUSES[0]);
    }

    /// A direct way stands: nothing is to be done before `at`, if ever.
    pub(super) fn found(&mut self, at: Option<Instant>) {
        self.at = at;
        self.circuit = None;
    }

    /// Whether the time for something has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }

    /// A try begins: when the next one does.
    pub(super) fn tried(&mut self, now: Instant) {
        let last = PAUSES.len() - 1;
        self.tries = (self.tries + 1).min(last);
        self.last = Some(now);
        self.at = Some(now + PAUSES[self.tries]);
    }

    /// An address of either side has changed: what failed may work now.
    pub(super) fn changed(&mut self, now: Instant) {
        let Some(at) = self.at else { return };
        let apart = self.last.map(|last| last + TRIES_APART);
        let soon = apart.map_or(now + SETTLE, |apart| apart.max(now + SETTLE));
        self.tries = 0;
        self.at = Some(at.min(soon));
    }

    /// The peer says where it is; of its first words nothing is new.
    pub(super) fn peer_is_at(&mut self, addresses: &[Multiaddr], now: Instant) {
        let own = addresses.iter().filter(|address| !is_circuit(address));
        let mut own: Vec<_> = own.take(PEER_ADDRESSES_MAX).cloned().collect();
        own.sort();
        if self
            .peer_at
            .replace(own.clone())
            .is_some_and(|before| before != own)
        {
            self.changed(now);
        }
    }

    /// A circuit is made for a try.
    pub(super) fn circuit(&mut self, connection: ConnectionId, now: Instant) {
        self.circuit = Some((connection, now + CIRCUIT_LIMIT));
    }

    /// The circuit of a try that has had its time.
    pub(super) fn over(&mut self, now: Instant) -> Option<ConnectionId> {
        let (connection, _) = self.circuit.take_if(|(_, until)| *until <= now)?;
        Some(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(improve: &mut Improve, mut now: Instant, tries: usize) -> Vec<u64> {
        let mut pauses = Vec::new();
        for _ in 0..tries {
            let at = improve.at.unwrap();
            assert!(!improve.is_due(at - Duration::from_millis(1)) && improve.is_due(at));
            pauses.push((at - now).as_secs());
            now = at;
            improve.tried(now);
        }
        pauses
    }

    #[test]
    fn pauses_grow_to_half_an_hour_and_never_end() {
        let now = Instant::now();
        let mut improve = Improve::default();
        assert!(!improve.is_due(now + PAUSES[3]), "a direct session");
        improve.begin(now);
        assert_eq!(
            pauses(&mut improve, now, 6),
            [30, 120, 600, 1800, 1800, 1800]
        );
        improve.found(None);
        assert!(!improve.is_due(now + PAUSES[3] * 10));
    }

    #[test]
    fn news_of_addresses_begin_anew_but_not_more_often_than_once_a_minute() {
        let begin = Instant::now();
        let mut improve = Improve::default();
        improve.changed(begin);
        assert_eq!(improve.at, None, "a direct session has nothing to improve");
        improve.begin(begin);
        improve.changed(begin);
        assert_eq!(improve.at, Some(begin + SETTLE));
        let first = begin + SETTLE;
        improve.tried(first);
        for seconds in 0..59 {
            improve.changed(first + Duration::from_secs(seconds));
        }
        assert_eq!(improve.at, Some(first + TRIES_APART));
        assert_eq!(improve.tries, 0);
        let late = first + TRIES_APART;
        improve.tried(late);
        assert_eq!(improve.at, Some(late + PAUSES[1]));
    }

    #[test]
    fn only_what_is_new_of_a_peers_own_addresses_is_news() {
        let parse = |text: &str| text.parse::<Multiaddr>().unwrap();
        let now = Instant::now();
        let mut improve = Improve::default();
        improve.begin(now);
        let at = improve.at;
        let [one, two] = ["/ip4/203.0.113.1/tcp/1", "/ip4/203.0.113.2/tcp/1"].map(parse);
        let circuit = parse(&format!(
            "{one}/p2p/{}/p2p-circuit",
            libp2p::PeerId::random()
        ));
        improve.peer_is_at(&[one.clone(), two.clone()], now);
        improve.peer_is_at(&[two.clone(), circuit, one.clone()], now);
        assert_eq!(improve.at, at, "the same");
        improve.peer_is_at(&[one], now);
        assert_eq!(improve.at, Some(now + SETTLE));
    }

    #[test]
    fn a_circuit_stands_as_long_as_its_punches_take() {
        let now = Instant::now();
        let mut improve = Improve::default();
        let connection = ConnectionId::new_unchecked(7);
        improve.begin(now);
        improve.circuit(connection, now);
        assert_eq!(improve.over(now + CIRCUIT_LIMIT / 2), None);
        assert_eq!(improve.over(now + CIRCUIT_LIMIT), Some(connection));
        assert_eq!(improve.over(now + CIRCUIT_LIMIT), None);
        assert!(CIRCUIT_LIMIT < TRIES_APART, "one circuit at a time");
    }
}
