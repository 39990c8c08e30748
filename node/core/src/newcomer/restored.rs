//! Coming back by the recovery words (docs/protocol.md, "Recovery").
//!
//! Peers that may know the account are asked, and what they give is put together: one may know of devices and
//! conversations that another does not. Whoever does not answer is waited for a moment only. Who is asked sees the
//! words' public keys and can make an account that they fit too: where accounts differ, the person says whom to believe.

use std::collections::{BTreeMap, BTreeSet};

use alloquy_api::{CommandError, ErrorCode};
use alloquy_ids::{AccountId, CommunityId, EpochId, MonoMs, NetworkKey};
use alloquy_schema::epoch::{self, Wrap};
use alloquy_schema::identity::draft::{Recovering, Signer, recover};
use alloquy_schema::identity::{IdentityLog, RecoveryWords};
use rand_core::CryptoRng;

use super::{Newcomer, OtherDevices, Way};
use crate::arrive::Bootstrap;
use crate::limits::{
    ARRIVE_KEYS_MAX, ARRIVE_PEERS_MAX, COMMUNITIES_MAX, LINK_GUEST_PEERS_MAX, RECOVERY_PROOFS_MAX,
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
    /// When somebody first gave it.
    first_given: Option<MonoMs>,
    /// When the last peer said that it knows nothing.
    last_unknown: Option<MonoMs>,
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
            first_given: None,
            last_unknown: None,
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
        // Who else is on the local network is not known: others are waited for there whoever has answered.
        let named = !self.from.is_empty();
        let all = named && self.from.keys().all(|peer| self.has_answered(peer));
        let (since, wait) = match (self.first_given, self.last_unknown) {
            (Some(first), _) => (first, RESTORE_OTHERS_MS),
            (None, Some(last)) if named => (last, RESTORE_UNKNOWN_MS),
            // Whoever is found on the local network is nobody whom the person named.
            _ => return self.until,
        };
        since.plus(if all { 0 } else { wait }).min(self.until)
    }

    /// What was given, as one: the identity logs united, each community with all peers and wraps.
    fn united(&self) -> Result<Option<(IdentityLog, GivenAccount)>, CommandError> {
        let logs: Vec<_> = self.given.values().map(|(log, _)| log).collect();
        let Some(log) = logs
            .iter()
            .copied()
            .cloned()
            .reduce(|all, log| all.merged(&log))
        else {
            return Ok(None);
        };
        if logs.iter().any(|other| other.account() != log.account()) {
            return Err(self.differing());
        }
        let mut all = GivenAccount {
            chain: Vec::new(),
            name: String::new(),
            about: String::new(),
            communities: Vec::new(),
        };
        for (_, more) in self.given.values() {
            for (own, new) in [(&mut all.name, &more.name), (&mut all.about, &more.about)] {
                if own.is_empty() {
                    own.clone_from(new);
                }
            }
        }
        // In turn, so that nobody who names many leaves no room for what others name.
        for place in 0..COMMUNITIES_MAX {
            for (_, more) in self.given.values() {
                if let Some(community) = more.communities.get(place) {
                    unite(&mut all.communities, community);
                }
            }
        }
        Ok(Some((log, all)))
    }

    /// The words fit accounts that are not one.
    fn differing(&self) -> CommandError {
        let of = self.given.iter();
        let of = of.map(|(peer, (log, _))| (log.account(), peer.short()));
        let mut accounts: BTreeMap<AccountId, Vec<String>> = BTreeMap::new();
        for (account, peer) in of {
            accounts.entry(account).or_default().push(peer);
        }
        let said = accounts.iter().map(|(account, peers)| {
            format!("account {} (by {})", account.short(), peers.join(", "))
        });
        let said: Vec<_> = said.collect();
        CommandError::new(
            ErrorCode::AmbiguousName,
            format!(
                "who was asked gives different accounts for these words: {}; somebody may want to give you a false \
                 one: name by --from one member or home node whom you trust to know yours",
                said.join("; ")
            ),
        )
    }
}

/// Adds what one more peer gives of a community.
fn unite(all: &mut Vec<GivenCommunity>, more: &GivenCommunity) {
    let Some(own) = all.iter_mut().find(|own| own.id == more.id) else {
        if all.len() < COMMUNITIES_MAX {
            all.push(more.clone());
        }
        return;
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
        let done = self.settled.is_some() || restored.has_answered(&peer);
        if done || !named || !room || !restored.asked.insert(peer) {
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
        // A second answer is none: it would keep the person waiting.
        let once = restored.asked.contains(&from) && !restored.has_answered(&from);
        if self.settled.is_some() || !once {
            return;
        }
        match answer {
            Restoring::Given(given) => match self.checked(&given) {
                Ok(log) => {
                    if let Way::Restore(restored) = &mut self.way {
                        restored.given.insert(from, (log, *given));
                        restored.first_given.get_or_insert(now);
                    }
                }
                Err(error) => self.penalize(from, error.message),
            },
            Restoring::Unknown => {
                restored.unknown.insert(from);
                restored.last_unknown = Some(now);
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
        let nobody = restored.unknown.is_empty();
        let outcome = match restored.united() {
            Ok(Some((log, given))) => self.come_back(&log, given),
            Ok(None) if nobody => Err(CommandError::new(
                ErrorCode::Timeout,
                "nobody was reached who could know the account: name a member or a home node by --from",
            )),
            Ok(None) => Err(unknown_account()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.fail(error);
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
