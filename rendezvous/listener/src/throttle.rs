//! How many connections one address may have and begin.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloquy_ids::MonoMs;

use crate::limits::{
    ADDRESS_ATTEMPTS_MAX, ADDRESS_CONNECTIONS_MAX, ADDRESS_WINDOW, ADDRESSES_MAX, CONNECTIONS_MAX,
};
use crate::network::household;

#[derive(Debug, Default)]
struct State {
    open: usize,
    households: BTreeMap<IpAddr, Household>,
    /// Households by the time at which their count begins anew, oldest first.
    windows: VecDeque<(MonoMs, IpAddr)>,
}

#[derive(Debug, Default)]
struct Household {
    open: u32,
    attempts: u32,
}

/// Counts connections of every door of a face.
#[derive(Clone, Debug, Default)]
pub(crate) struct Throttle {
    state: Arc<Mutex<State>>,
}

/// A place that a connection holds until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    throttle: Throttle,
    /// `None`: an address that is spared.
    household: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.throttle.lock();
        state.open = state.open.saturating_sub(1);
        if let Some(home) = self.household
            && let Some(counted) = state.households.get_mut(&home)
        {
            counted.open = counted.open.saturating_sub(1);
            if counted.open == 0 && counted.attempts == 0 {
                state.households.remove(&home);
            }
        }
    }
}

impl Throttle {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection; `None`: there are too many. `address` is `None` where nobody is counted.
    pub(crate) fn enter(&self, address: Option<IpAddr>, now: MonoMs) -> Option<Place> {
        let mut state = self.lock();
        state.forget(now);
        if state.open >= CONNECTIONS_MAX {
            return None;
        }
        let home = address.map(household);
        if let Some(home) = home {
            let counted = state.households.entry(home).or_default();
            counted.attempts = counted.attempts.saturating_add(1);
            let begins = counted.attempts == 1;
            let fits =
                counted.open < ADDRESS_CONNECTIONS_MAX && counted.attempts <= ADDRESS_ATTEMPTS_MAX;
            counted.open += u32::from(fits);
            if begins {
                let window = u64::try_from(ADDRESS_WINDOW.as_millis()).unwrap_or(u64::MAX);
                state.windows.push_back((now.plus(window), home));
            }
            if !fits {
                return None;
            }
        }
        state.open += 1;
        Some(Place {
            throttle: self.clone(),
            household: home,
        })
    }
}

impl State {
    /// Begins counting anew where the time is over, or where too many are remembered.
    fn forget(&mut self, now: MonoMs) {
        while let Some((ends, home)) = self.windows.front().copied()
            && (ends <= now || self.windows.len() > ADDRESSES_MAX)
        {
            self.windows.pop_front();
            if let Some(counted) = self.households.get_mut(&home) {
                counted.attempts = 0;
                if counted.open == 0 {
                    self.households.remove(&home);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = ADDRESS_WINDOW.as_secs() * 1000;

    #[test]
    fn an_address_has_so_many_connections_and_begins_so_many() {
        let throttle = Throttle::default();
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let enter = |now| throttle.enter(Some(one), MonoMs(now));
        let held: Vec<_> = (0..ADDRESS_CONNECTIONS_MAX)
            .map(|_| enter(0).unwrap())
            .collect();
        assert!(enter(0).is_none(), "all places of the address are taken");
        assert!(
            throttle
                .enter(Some("192.0.2.2".parse().unwrap()), MonoMs(0))
                .is_some()
        );
        assert!(throttle.enter(None, MonoMs(0)).is_some(), "spared");
        drop(held);
        let mut let_in = 0;
        while enter(1).is_some() {
            let_in += 1;
        }
        assert_eq!(let_in, ADDRESS_ATTEMPTS_MAX - ADDRESS_CONNECTIONS_MAX - 1);
        assert!(
            enter(WINDOW - 1).is_none() && enter(WINDOW).is_some(),
            "counted anew"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        for n in 0..=u32::try_from(ADDRESSES_MAX).unwrap() + 10 {
            let address = IpAddr::V4(n.into());
            assert!(throttle.enter(Some(address), MonoMs(0)).is_some());
        }
        let state = throttle.lock();
        assert!(
            state.households.len() <= ADDRESSES_MAX + 2,
            "{}",
            state.households.len()
        );
        assert_eq!(state.open, 0);
    }
}
