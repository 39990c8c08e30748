//! Coming back by the recovery words (docs/protocol.md, "Recovery").
//!
//! Peers that may know the account are asked, and what they give is put together: one may know of devices and
//! conversations that another does not. Whoever does not answer is waited for a moment only.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{CommunityId, EpochId, MonoMs, NetworkKey};
use alloquy_schema::epoch::{self, Wrap};
use alloquy_schema::identity::draft::{Recovering, Signer, recover};
use alloquy_schema::identity::{IdentityLog, RecoveryWords};
use rand_core::CryptoRng;

use super::{Newcomer, OtherDevices, Way};
use crate::arrive::Bootstrap;
use crate::limits::{
    ARRIVE_KEYS_MAX, ARRIVE_PEERS_MAX, LINK_GUEST_PEERS_MAX, RECOVERY_PROOFS_MAX,
    RESTORE_OTHERS_MS, RESTORE_SEARCH_MS, RESTORE_UNKNOWN_MS,
};
use crate::wire::Frame;
use crate::wire::restoring::{GivenAccount, GivenCommunity, RecoveryProof, Restoring};

/// A newcomer that has recovery words.
#[derive(Debug)]
pub(super) struct Restored {
    words: RecoveryWords,
    others: OtherDevices,
    /// Peers that may know the account; empty: whoever is found on the local network.
    from: BTreeMap<NetworkKey, Vec<String>>,
    asked: BTreeSet<NetworkKey>,
    /// Peers that know nothing of it.
    unknown: BTreeSet<NetworkKey>,
    /// What others know of it.
    given: BTreeMap<NetworkKey, (IdentityLog, GivenAccount)>,
    /// When the last answer came.
    answered: Option<MonoMs>,
    until: MonoMs,
}

impl Restored {
    pub(super) fn new(
        words: RecoveryWords,
        others: OtherDevices,
        from: Vec<(NetworkKey, Vec<String>)>,
        now: MonoMs,
    ) -> Self {
        Self {
            words,
            others,
            from: from.into_iter().collect(),
            asked: BTreeSet::new(),
            unknown: BTreeSet::new(),
            given: BTreeMap::new(),
            answered: None,
            until: now.plus(RESTORE_SEARCH_MS),
        }
    }

    pub(super) fn peer_down(&mut self, peer: NetworkKey) {
        self.asked.remove(&peer);
    }

    fn has_answered(&self, peer: &NetworkKey) -> bool {
        self.unknown.contains(peer) || self.given.contains_key(peer)
    }

    /// When it is to be decided by what has come until then.
    pub(super) fn due(&self) -> MonoMs {
        let Some(last) = self.answered else {
            return self.until;
        };
        let all = match self.from.is_empty() {
            true => self.asked.iter().all(|peer| self.has_answered(peer)),
            false => self.from.keys().all(|peer| self.has_answered(peer)),
        };
        let wait = match (self.given.is_empty(), all) {
            (false, true) => 0,
            (false, false) => RESTORE_OTHERS_MS,
            // Whoever is found on the local network is nobody whom the person named.
            (true, _) if self.from.is_empty() => return self.until,
            (true, true) => 0,
            (true, false) => RESTORE_UNKNOWN_MS,
        };
        last.plus(wait).min(self.until)
    }

    /// What was given, as one: the identity logs united, each community with all peers and wraps.
    fn united(&self) -> Option<(IdentityLog, GivenAccount)> {
        let mut given = self.given.values();
        let (mut log, mut all) = given.next()?.clone();
        let account = log.account();
        for (other, more) in given.filter(|(other, _)| other.account() == account) {
            log = log.merged(other);
            for (own, new) in [(&mut all.name, &more.name), (&mut all.about, &more.about)] {
                if own.is_empty() {
                    own.clone_from(new);
                }
            }
            for community in &more.communities {
                unite(&mut all.communities, community);
            }
        }
        Some((log, all))
    }
}

/// Adds what one more peer gives of a community.
fn unite(all: &mut Vec<GivenCommunity>, more: &GivenCommunity) {
    let Some(own) = all.iter_mut().find(|own| own.id == more.id) else {
        return all.push(more.clone());
    };
    for peer in &more.peers {
        let known = own.peers.iter().any(|(key, _)| *key == peer.0);
        if !known && own.peers.len() < ARRIVE_PEERS_MAX {
            own.peers.push(peer.clone());
        }
    }
    own.wraps.extend(more.wraps.iter().cloned());
}

/// Keys that the words open.
fn opened(wraps: &[(EpochId, Wrap)], secret: &[u8; 32]) -> Vec<(EpochId, epoch::EpochKey)> {
    let open =
        |(epoch, wrap): &(EpochId, Wrap)| Some((*epoch, epoch::unwrap(*epoch, wrap, secret)?));
    wraps
        .iter()
        .filter_map(open)
        .take(ARRIVE_KEYS_MAX)
        .collect()
}

impl<R: CryptoRng> Newcomer<R> {
    /// Asks a peer for the account of the words.
    pub(super) fn ask(&mut self, peer: NetworkKey) {
        let Way::Restore(restored) = &mut self.way else {
            return;
        };
        let named = restored.from.is_empty() || restored.from.contains_key(&peer);
        let room = restored.asked.len() < LINK_GUEST_PEERS_MAX;
        if self.settled.is_some() || !named || !room || !restored.asked.insert(peer) {
            return;
        }
        // How often the words were used is not known: the keys of the first uses are shown.
        let uses = 0..u32::try_from(RECOVERY_PROOFS_MAX).unwrap_or_default();
        let proofs = uses.map(|used| {
            let keys = restored.words.keys(used);
            RecoveryProof::sign(&keys.signing, self.keys.network, peer)
        });
        let frame = Frame::Restoring(Restoring::Ask(proofs.collect()));
        self.send(peer, &frame);
    }

    pub(super) fn answered(&mut self, from: NetworkKey, answer: Restoring) {
        let now = self.now.mono;
        let Way::Restore(restored) = &mut self.way else {
            return;
        };
        if self.settled.is_some() || !restored.asked.contains(&from) {
            return;
        }
        match answer {
            Restoring::Given(given) => match self.checked(&given) {
                Ok(log) => {
                    if let Way::Restore(restored) = &mut self.way {
                        restored.given.insert(from, (log, *given));
                        restored.answered = Some(now);
                    }
                }
                Err(error) => self.penalize(from, error.message),
            },
            Restoring::Unknown => {
                restored.unknown.insert(from);
                restored.answered = Some(now);
            }
            Restoring::Ask(_) => self.penalize(from, "it asks who has no account".to_owned()),
        }
    }

    /// Goes on with what was given, or ends without, when nobody else is waited for.
    pub(super) fn decide(&mut self) {
        let Way::Restore(restored) = &self.way else {
            return;
        };
        if self.settled.is_some() || self.now.mono < restored.due() {
            return;
        }
        if let Some((log, given)) = restored.united() {
            if let Err(error) = self.come_back(&log, given) {
                self.fail(error);
            }
        } else if restored.unknown.is_empty() {
            self.fail(CommandError::new(
                ErrorCode::Timeout,
                "nobody was reached who could know the account: name a member or a home node by --from",
            ));
        } else {
            self.fail(unknown_account());
        }
    }

    /// The identity log with this device in it.
    fn signed_in(&mut self, log: &IdentityLog) -> Result<IdentityLog, CommandError> {
        let Way::Restore(restored) = &self.way else {
            return Ok(log.clone());
        };
        let revoke = match restored.others {
            OtherDevices::Keep => Vec::new(),
            OtherDevices::Revoke => log.identity().devices.keys().copied().collect(),
        };
        let signer = Signer {
            device: &self.keys.device,
            incarnation: self.rng.next_u32(),
            wall: self.now.wall,
        };
        let add = Some(&*self.keys.network_seed);
        let event = recover(log, &restored.words, Recovering { add, revoke }, signer)
            .map_err(|error| refused(&error))?;
        let log = log.with(&event).map_err(|error| refused(&error))?;
        if !log.identity().acts(self.keys.device.id()) {
            return Err(refused(&"the recovery does not bring this device in"));
        }
        Ok(log)
    }

    /// The identity log that a peer gives, if it holds and the words belong to it.
    fn checked(&mut self, given: &GivenAccount) -> Result<IdentityLog, CommandError> {
        let log = IdentityLog::verify(&given.chain).map_err(|error| refused(&error))?;
        self.signed_in(&log)?;
        Ok(log)
    }

    /// The account of the words: this device signs itself in.
    fn come_back(&mut self, log: &IdentityLog, given: GivenAccount) -> Result<(), CommandError> {
        let log = self.signed_in(log)?;
        let Way::Restore(restored) = &self.way else {
            return Ok(());
        };
        let secret = restored.words.keys(0).wrap_secret;
        let communities = given.communities.into_iter().map(|given| {
            let keys = opened(&given.wraps, &secret);
            let peers = given.peers;
            (given.id, Bootstrap { peers, keys })
        });
        let communities: Vec<(CommunityId, Bootstrap)> = communities.collect();
        let profile = (given.name, given.about);
        self.settle(log.chain(), profile, communities, Some(&secret));
        Ok(())
    }
}

fn refused(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(ErrorCode::NotPermitted, error.to_string())
}

fn unknown_account() -> CommandError {
    CommandError::new(
        ErrorCode::UnknownName,
        "the words are well formed, but none of the accounts known to who was asked has them: are they another \
         account's, or were they replaced?",
    )
}
