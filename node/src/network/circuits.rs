//! What circuits of co-members through this node count for, against the quota of who began them.

use std::collections::BTreeMap;

use alloquy_relay::limits::MEMBER_CIRCUITS_MAX;
use alloquy_relay::{Limits, Quota};
use libp2p::{Multiaddr, PeerId};
use tokio::time::Instant;

/// Since when a circuit stands, and from where.
type Open = (Instant, Option<Multiaddr>);

/// Circuits that stand.
#[derive(Debug)]
pub(super) struct Circuits {
    limits: Limits,
    quota: Quota,
    /// Of who called whom; the oldest first.
    open: BTreeMap<(PeerId, PeerId), Vec<Open>>,
}

impl Circuits {
    pub(super) fn new(limits: Limits, quota: Quota) -> Self {
        Self {
            limits,
            quota,
            open: BTreeMap::new(),
        }
    }

    /// A circuit stands that `from`, who is at `place`, began.
    pub(super) fn began(
        &mut self,
        from: PeerId,
        to: PeerId,
        place: Option<Multiaddr>,
        now: Instant,
    ) {
        // libp2p has as many at most.
        if self.open.values().map(Vec::len).sum::<usize>() < MEMBER_CIRCUITS_MAX {
            self.open.entry((from, to)).or_default().push((now, place));
        }
    }

    /// A circuit has ended.
    pub(super) fn ended(&mut self, from: PeerId, to: PeerId, now: Instant) {
        let Some(open) = self.open.get_mut(&(from, to)) else {
            return;
        };
        let (since, place) = open.remove(0);
        if open.is_empty() {
            self.open.remove(&(from, to));
        }
        let bytes = self.limits.circuit_counts(now - since);
        self.quota.charge(from, place.as_ref(), bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use alloquy_relay::{Admission, Door};

    use super::*;

    #[test]
    fn long_circuits_spend_a_quota_and_short_ones_hardly_any() {
        let limits = Limits::of_member();
        let quota = Quota::new(&limits, &Door::new(Admission::Open));
        let mut circuits = Circuits::new(limits, quota.clone());
        let [ana, ben] = [PeerId::random(), PeerId::random()];
        let now = Instant::now();
        circuits.ended(ana, ben, now);
        assert_eq!(quota.carried(), 0, "none stood");
        circuits.began(ana, ben, None, now);
        circuits.ended(ana, ben, now);
        let short = quota.carried();
        assert!(short > 0 && short <= limits.circuit_bytes / 8, "{short}");
        circuits.began(ana, ben, None, now);
        circuits.ended(ben, ana, now);
        circuits.ended(ana, ben, now + Duration::from_secs(3600));
        assert_eq!(quota.carried(), short + limits.circuit_bytes);
        for _ in 0..=MEMBER_CIRCUITS_MAX {
            circuits.began(ana, ben, None, now);
        }
        let open: usize = circuits.open.values().map(Vec::len).sum();
        assert_eq!(open, MEMBER_CIRCUITS_MAX);
    }
}
