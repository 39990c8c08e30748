//! Sets of denials by number, and by whom an event is anchored against each.

use alloquy_ids::AccountId;

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns(Vec<u64>);

impl Columns {
    pub(crate) fn has(&self, column: u32) -> bool {
        let word = self.0.get(column as usize / 64).copied().unwrap_or(0);
        word >> (column % 64) & 1 == 1
    }

    pub(crate) fn insert(&mut self, column: u32) {
        let word = column as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (column % 64);
    }

    pub(crate) fn remove(&mut self, column: u32) {
        if let Some(word) = self.0.get_mut(column as usize / 64) {
            *word &= !(1 << (column % 64));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    /// The members of this set that are not in the other.
    pub(crate) fn without(&self, other: &Self) -> Self {
        let words = self.0.iter().enumerate();
        Self(
            words
                .map(|(at, word)| word & !other.0.get(at).copied().unwrap_or(0))
                .collect(),
        )
    }

    pub(crate) fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = (0_u32..).zip(&self.0);
        words.flat_map(|(at, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .map(move |bit| at * 64 + bit)
        })
    }
}

/// By whom an event is anchored, per denial.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anchors {
    /// By events of at least two accounts: one is another than the event's own.
    several: Columns,
    /// By events of this account only.
    one: Vec<(AccountId, Columns)>,
}

impl Anchors {
    /// Whether another account than `own` anchors the event against the denial.
    pub(crate) fn holds(&self, column: u32, own: Option<AccountId>) -> bool {
        self.several.has(column)
            || self
                .one
                .iter()
                .any(|(account, columns)| Some(*account) != own && columns.has(column))
    }

    /// Anchors by an account; what was news.
    pub(crate) fn add(&mut self, account: AccountId, columns: &Columns) -> Columns {
        let mut news = columns.without(&self.several);
        if news.is_empty() {
            return news;
        }
        let mut own = Columns::default();
        for (other, held) in &mut self.one {
            if *other == account {
                own = held.clone();
            } else {
                let second = held.both(&news);
                *held = held.without(&second);
                self.several.add(&second);
            }
        }
        news = news.without(&own);
        let first = news.without(&self.several);
        match self.one.iter_mut().find(|(other, _)| *other == account) {
            Some((_, held)) => held.add(&first),
            None => self.one.push((account, first)),
        }
        self.one.retain(|(_, held)| !held.is_empty());
        news
    }

    pub(crate) fn clear(&mut self) {
        self.several.clear();
        self.one = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn anchors_are_what_their_definition_says(
            steps in proptest::collection::vec((0_u8..3, proptest::collection::btree_set(0_u32..130, 0..6)), 0..12),
        ) {
            let mut anchors = Anchors::default();
            let mut model: BTreeMap<u32, BTreeSet<AccountId>> = BTreeMap::new();
            for (account, columns) in steps {
                let account = AccountId([account; 32]);
                let mut set = Columns::default();
                for column in &columns {
                    set.insert(*column);
                }
                prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), columns.clone());
                let news: BTreeSet<_> = anchors.add(account, &set).iter().collect();
                for column in columns {
                    let held = model.entry(column).or_default();
                    let new = held.len() < 2 && !held.contains(&account);
                    prop_assert_eq!(news.contains(&column), new);
                    held.insert(account);
                }
            }
            for column in 0..130 {
                for own in 0..4 {
                    let own = AccountId([own; 32]);
                    let by = model.get(&column);
                    let other = by.is_some_and(|by| by.iter().any(|account| *account != own));
                    prop_assert_eq!(anchors.holds(column, Some(own)), other);
                }
            }
        }
    }
}
