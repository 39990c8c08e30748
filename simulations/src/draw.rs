//! Seeded choices: the only source of chance in a simulation.
//!
//! Each use has a stream of its own, derived from the seed and a label, so that one more draw in one
//! place does not move all the others.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// A stream of choices.
#[derive(Clone, Debug)]
pub struct Draw(ChaCha20Rng);

impl Draw {
    /// The stream of `seed` for the use named by `label`.
    #[must_use]
    pub fn new(seed: u64, label: &str) -> Self {
        Self(stream(seed, label))
    }

    /// A number below `limit`; 0 if `limit` is 0. The bias of a 64-bit remainder is of no account here.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0.next_u64() % limit.max(1)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// An index below `len`; 0 if `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("it is below a usize")
    }

    /// True `per_mille` times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// One of the items, each as likely as its weight says.
    pub fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> Option<T> {
        let total: u64 = items.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (weight, item) in items {
            let weight = u64::from(*weight);
            if left < weight {
                return Some(*item);
            }
            left -= weight;
        }
        None
    }
}

/// The generator of `seed` for the use named by `label`.
#[must_use]
pub fn stream(seed: u64, label: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(bytes(seed, label))
}

/// 32 bytes that follow from seed and label.
#[must_use]
pub fn bytes(seed: u64, label: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("alloquy simulation stream v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(label.as_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_and_differs_from_its_neighbours() {
        let numbers = |seed, label: &str| {
            let mut draw = Draw::new(seed, label);
            [draw.below(u64::MAX), draw.below(u64::MAX)]
        };
        assert_eq!(numbers(1, "net"), numbers(1, "net"));
        assert_ne!(numbers(1, "net"), numbers(2, "net"));
        assert_ne!(numbers(1, "net"), numbers(1, "work"));
    }

    #[test]
    fn weights_are_kept() {
        let mut draw = Draw::new(7, "weights");
        let items = [(0, 'a'), (900, 'b'), (100, 'c')];
        let drawn: String = (0..1000).filter_map(|_| draw.weighted(&items)).collect();
        assert!(!drawn.contains('a'));
        let b = drawn.chars().filter(|c| *c == 'b').count();
        assert!((850..950).contains(&b), "{b}");
        assert_eq!(draw.weighted::<char>(&[]), None);
    }
}
