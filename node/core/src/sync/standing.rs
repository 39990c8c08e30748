//! What two members compare when they meet: digests of what both may view (docs/protocol.md, "Sync and gossip").

use std::cmp::Ordering;

use alloquy_ids::{NetworkKey, ScopeId};
use alloquy_schema::dag::Dag;
use alloquy_schema::hash;

use crate::community::{Community, Place};

/// Where a node says that it stands, to one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Digest of the authority log.
    pub(crate) authority: u64,
    /// Digest of all other scopes that both may view.
    pub(crate) scopes: u64,
    /// Events held in all of these, counting or not.
    pub(crate) events: u64,
}

impl Standing {
    /// Whether both copies are equal: hidden events do not matter.
    pub(crate) const fn agrees(&self, other: &Self) -> bool {
        self.authority == other.authority && self.scopes == other.scopes
    }
}

impl Community {
    /// Digests of authority and of all other scopes that both may view, for one pair of peers.
    pub(super) fn standing(&self, key: &[u8; 32], shared: &[(ScopeId, Place)]) -> Standing {
        let authority = short(key, &[&self.scope_digest(Place::Authority)]);
        let mut events = self.authority.dag().len();
        let mut all = Vec::new();
        for (scope, place) in shared.iter().copied() {
            all.extend_from_slice(&scope.0);
            all.extend_from_slice(&self.scope_digest(place));
            events += self.dag(place).map_or(0, Dag::len);
        }
        Standing {
            authority,
            scopes: short(key, &[&all]),
            events: events as u64,
        }
    }
}

/// Key of the digests of one pair of peers: a digest can not be prepared to collide for others.
pub(super) fn pair_key(a: NetworkKey, b: NetworkKey) -> [u8; 32] {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    hash::derive("alloquy session digest v1", &[&low.0, &high.0])
}

/// Whether this side answers when both digests crossed on the wire: one answer is enough. Whoever holds fewer
/// events is the one to state its heights first, so that what it lacks comes with the second round trip: it
/// does so at once where authority differs, and after the other side's scope digests elsewhere.
pub(super) fn answers(
    mine: (NetworkKey, Standing),
    theirs: (NetworkKey, Standing),
    differs_in_authority: bool,
) -> bool {
    match mine.1.events.cmp(&theirs.1.events) {
        Ordering::Less => differs_in_authority,
        Ordering::Greater => !differs_in_authority,
        Ordering::Equal => mine.0 < theirs.0,
    }
}

pub(super) fn short(key: &[u8; 32], parts: &[&[u8]]) -> u64 {
    let digest = hash::keyed(key, parts);
    u64::from_le_bytes(digest[..8].try_into().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_side_answers_when_digests_cross_and_it_lets_the_one_that_lacks_more_ask() {
        let at = |events| Standing {
            authority: 1,
            scopes: 2,
            events,
        };
        let (small, great) = (NetworkKey([1; 32]), NetworkKey([2; 32]));
        for (mine, theirs) in [(3, 7), (7, 3), (5, 5)] {
            for differs_in_authority in [true, false] {
                let here = answers((small, at(mine)), (great, at(theirs)), differs_in_authority);
                let there = answers((great, at(theirs)), (small, at(mine)), differs_in_authority);
                assert_ne!(here, there, "{mine} and {theirs} events");
                // Heights of authority are stated at once, those of other scopes after the other side's digests.
                let lacks_more = mine < theirs;
                assert!(mine == theirs || here == (lacks_more == differs_in_authority));
            }
        }
    }
}
