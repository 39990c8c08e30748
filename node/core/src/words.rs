//! What the recovery words still open, after a device came back by them (docs/protocol.md, "Recovery").
//!
//! Whoever was asked may hold little: a member knows neither the own notes nor conversations with others. So the
//! secret that the words open wraps with is kept until everything is here that home nodes of the account keep, and
//! every key to it: home nodes name what they keep, and hand out wraps for it as they do for the device's own prekey.

use std::collections::BTreeSet;

use alloquy_ids::{CommunityId, EpochId, NetworkKey};
use alloquy_schema::epoch::{self, EpochKey, Wrap};
use alloquy_schema::keys::x25519_public;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::arrive::Bootstrap;
use crate::community::Community;
use crate::io::Write;
use crate::join::JoinAttempt;
use crate::limits::{COMMUNITIES_MAX, CONVERSATIONS_MAX, JOIN_TIMEOUT_MS, WRAPS_EACH_MAX};
use crate::node::Node;
use crate::outbox::After;
use crate::record::Key;

/// The secret behind the recovery wrap key.
pub(crate) struct WordsSecret {
    secret: Zeroizing<[u8; 32]>,
    public: [u8; 32],
    /// What home nodes keep and nobody gives, though one of them was connected: the account may have left it.
    given_up: BTreeSet<CommunityId>,
}

impl std::fmt::Debug for WordsSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WordsSecret")
    }
}

impl WordsSecret {
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self {
            public: x25519_public(&secret),
            given_up: BTreeSet::new(),
            secret: Zeroizing::new(secret),
        }
    }

    /// The key in the first of these wraps that the words open.
    pub(crate) fn open(&self, epoch: EpochId, wraps: &[Wrap]) -> Option<EpochKey> {
        let own = wraps.iter().filter(|wrap| wrap.to == self.public);
        own.take(WRAPS_EACH_MAX)
            .find_map(|wrap| epoch::unwrap(epoch, wrap, &self.secret))
    }
}

impl<R: CryptoRng> Node<R> {
    /// A home node of this account says what it keeps: a device that came back by the words comes into what nobody has
    /// told it of. What the account has left since is not given: it is asked for as long as an invite would be, and
    /// until the next start not again.
    pub(crate) fn fetch_by_words(&mut self, home: NetworkKey, kept: &[CommunityId]) {
        let Some(words) = &self.words else {
            return;
        };
        let kept: Vec<_> = kept
            .iter()
            .filter(|id| !words.given_up.contains(id))
            .copied()
            .collect();
        let until = self.now.mono.plus(JOIN_TIMEOUT_MS);
        for id in kept {
            let here = self.communities.contains_key(&id) || self.joins.contains_key(&id);
            let held = self.communities.len() + self.joins.len();
            if !here && held < COMMUNITIES_MAX + CONVERSATIONS_MAX {
                let bootstrap = Bootstrap {
                    peers: vec![(home, self.first_addresses(home))],
                    keys: Vec::new(),
                };
                self.await_arrival(id, bootstrap, until);
            }
        }
    }

    /// Nobody has given a community to this device, though who is said to have it was asked.
    pub(crate) fn give_up_by_words(&mut self, id: CommunityId, attempt: &JoinAttempt) {
        let reached = self.peers.keys().any(|key| attempt.asks_as_device(*key));
        if let Some(words) = self.words.as_mut().filter(|_| reached) {
            words.given_up.insert(id);
            self.end_words();
        }
    }

    /// Forgets what the words open as soon as nothing can lack any more, or the words were replaced.
    pub(crate) fn end_words(&mut self) {
        let Some(words) = &self.words else {
            return;
        };
        let replaced = words.public != self.me.identity.identity().recovery_wrap_key;
        if replaced || self.is_all_back(&words.given_up) {
            self.words = None;
            let gone = Write::Delete(Key::Words.to_key());
            self.outbox.store(vec![gone], After::Nothing);
        }
    }

    /// Whether everything that home nodes of this account keep is here, with its keys, as far as it is to be had: the
    /// account may have left what a home node keeps still.
    fn is_all_back(&self, given_up: &BTreeSet<CommunityId>) -> bool {
        let left = |id: &CommunityId| {
            let held = self.communities.get(id);
            given_up.contains(id) || held.is_some_and(|held| !held.active)
        };
        let here = |id: &CommunityId| self.communities.get(id).map_or(0, Community::events_held);
        let mut homes = self.own_homes().into_keys();
        let said = homes.all(|home| {
            let said = self.home.said.get(&home);
            said.is_some_and(|(says, _)| {
                let mut kept = says.kept.iter();
                kept.all(|part| {
                    let id = &part.community;
                    left(id) || here(id) >= part.events
                })
            })
        });
        let me = self.me.account();
        let mut held = self.communities.values();
        said && self.catching_up().is_none()
            && held.all(|held| held.blind.is_some() || held.wanted_keys(me).is_empty())
    }
}
