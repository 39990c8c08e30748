//! Helping somebody back who has nothing but recovery words (docs/protocol.md, "Recovery").
//!
//! A device without an account shows, signed for this one connection, that it has the recovery signing key of an
//! account that is known here. It is told the account's identity log, its communities and the keys that its recovery
//! wrap key opens. Nothing is written for it: it signs itself into the log, and then comes in as any later device
//! (`arrive`). Who shows no key of an account that is known here learns nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloquy_ids::{AccountId, CommunityId, EpochId, NetworkKey};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::content::Field;
use alloquy_schema::epoch::{self, Wrap};
use alloquy_schema::event::SignedEvent;
use alloquy_schema::identity::recovery::commitment_of;
use alloquy_schema::identity::{IdentityLog, IdentityOp};
use rand_core::CryptoRng;

use crate::community::Community;
use crate::limits::{ARRIVE_KEYS_MAX, ARRIVE_PEERS_MAX, COMMUNITIES_MAX, RESTORE_ASKS_MAX};
use crate::node::Node;
use crate::wire::Frame;
use crate::wire::restoring::{GivenAccount, GivenCommunity, RecoveryProof, Restoring};

/// Every recovery commitment that ever was in force in a chain, nothing of it checked.
fn commitments(chain: &[SignedEvent]) -> impl Iterator<Item = [u8; 32]> {
    chain
        .iter()
        .filter_map(|event| match IdentityOp::from_bytes(&event.body).ok()? {
            IdentityOp::Genesis {
                recovery_commitment,
                ..
            } => Some(recovery_commitment),
            IdentityOp::Recover(recovery) => Some(recovery.next_commitment),
            IdentityOp::RecoveryChange { commitment, .. } => Some(commitment),
            _ => None,
        })
}

impl<R: CryptoRng> Node<R> {
    /// A frame of a recovery. Answers are for newcomers, which this node is none of.
    pub(crate) fn restoring_frame(&mut self, from: NetworkKey, frame: Restoring) {
        let Restoring::Ask(proofs) = frame else {
            return;
        };
        let asks = self.restore_asks.entry(from).or_default();
        *asks += 1;
        if *asks > RESTORE_ASKS_MAX {
            let reason = format!("it asked {asks} times by recovery words");
            return self.outbox.penalize(from, reason);
        }
        if !proofs
            .iter()
            .all(|proof| proof.verify(from, self.me.network))
        {
            return self
                .outbox
                .penalize(from, "a recovery proof that its key did not sign");
        }
        let answer = match self.account_behind(&proofs) {
            Some(account) => self.give_account(account),
            None => Restoring::Unknown,
        };
        self.outbox.send(from, &Frame::Restoring(answer));
    }

    /// The account that one of the keys belongs to, if it is known here.
    fn account_behind(&self, proofs: &[RecoveryProof]) -> Option<AccountId> {
        let shown: BTreeSet<_> = proofs
            .iter()
            .map(|proof| commitment_of(&proof.key))
            .collect();
        let belongs = |chain: &[SignedEvent]| {
            let mut own = commitments(chain);
            own.any(|commitment| shown.contains(&commitment))
        };
        if belongs(&self.me.record.chain) {
            return Some(self.me.account());
        }
        let chains = self.communities.values().flat_map(Community::chains);
        chains.filter(|chain| belongs(chain)).find_map(|chain| {
            // Only a chain that holds says whose key it is.
            IdentityLog::verify(chain).ok().map(|log| log.account())
        })
    }

    fn give_account(&mut self, account: AccountId) -> Restoring {
        let mut logs: Vec<_> = self
            .communities
            .values()
            .filter_map(|community| community.state().identity(account).cloned())
            .map(Arc::unwrap_or_clone)
            .collect();
        if account == self.me.account() {
            logs.push(self.me.identity.clone());
        }
        let Some(log) = logs.into_iter().reduce(|all, log| all.merged(&log)) else {
            return Restoring::Unknown;
        };
        // A closed account too: whoever closed it may have been a thief, and the words open it again.
        let wrap_key = log.identity().recovery_wrap_key;
        let of_it = self.communities.iter();
        let of_it = of_it.filter(|(_, community)| community.state().is_member(account));
        let mut ids: Vec<_> = of_it.map(|(id, one)| (one.kind(), *id)).collect();
        // Communities first; what there is no room for, home nodes name later.
        ids.sort_unstable();
        ids.truncate(COMMUNITIES_MAX);
        let ids: Vec<_> = ids.into_iter().map(|(_, id)| id).collect();
        let named = |field: &dyn Fn(&Community) -> String| {
            let mut texts = ids.iter().map(|id| field(&self.communities[id]));
            texts.find(|text| !text.is_empty()).unwrap_or_default()
        };
        let name = named(&|community| community.given_name(account).unwrap_or_default());
        let about = named(&|community| community.text(&Field::MemberAbout(account)));
        let communities = ids.iter().map(|id| GivenCommunity {
            id: *id,
            peers: self.peers_to_come_back_by(*id, account),
            wraps: Vec::new(),
        });
        let mut communities: Vec<_> = communities.collect();
        for given in &mut communities {
            given.wraps = self.recovery_wraps(given.id, account, &wrap_key);
        }
        Restoring::Given(Box::new(GivenAccount {
            chain: log.chain(),
            name,
            about,
            communities,
        }))
    }

    /// Peers that a lost account can have a community from: this one, the account's home nodes, then other members,
    /// connected ones first. The account's own devices may be gone.
    fn peers_to_come_back_by(
        &self,
        id: CommunityId,
        account: AccountId,
    ) -> Vec<(NetworkKey, Vec<String>)> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let rank = |key: &NetworkKey| {
            let home = community.homes.get(key);
            let home = home.is_some_and(|of| of.iter().any(|(owner, _)| *owner == account));
            let member = community.member_of(*key);
            let member = member.is_some_and(|(of, _)| of != account);
            match (home, member) {
                (true, _) => Some(0),
                (_, true) if self.peers.contains_key(key) => Some(1),
                (_, true) => Some(2),
                _ => None,
            }
        };
        let known = self.book.of.keys().filter(|key| **key != self.me.network);
        let mut known: Vec<_> = known.filter_map(|key| Some((rank(key)?, *key))).collect();
        known.sort_unstable();
        let others = known
            .into_iter()
            .map(|(_, key)| (key, self.first_addresses(key)));
        let others = others.filter(|(_, addresses)| !addresses.is_empty());
        let own = (self.me.network, self.book.own());
        std::iter::once(own)
            .chain(others)
            .take(ARRIVE_PEERS_MAX)
            .collect()
    }

    /// Keys of a community for the recovery wrap key of a member: those that are held, wrapped now, and the wraps
    /// that others made.
    fn recovery_wraps(
        &mut self,
        id: CommunityId,
        account: AccountId,
        wrap_key: &[u8; 32],
    ) -> Vec<(EpochId, Wrap)> {
        let Some(community) = self.communities.get(&id) else {
            return Vec::new();
        };
        let state = community.state();
        let mut wraps = Vec::new();
        for epoch in community.opening_epochs(account) {
            if let (Some(key), Some(announced)) =
                (community.keys.get(&epoch), state.epochs.get(&epoch))
            {
                let shared = community.share(account, (epoch, key), announced.channel);
                let wrap = epoch::wrap(epoch, &shared, wrap_key, &mut self.rng);
                wraps.push((epoch, wrap));
            }
        }
        let handed = community.wraps.iter();
        wraps.extend(handed.flat_map(|(epoch, wraps)| {
            let own = wraps.iter().filter(|wrap| wrap.to == *wrap_key);
            own.map(|wrap| (*epoch, wrap.clone()))
        }));
        wraps.truncate(ARRIVE_KEYS_MAX);
        wraps
    }
}

impl Community {
    /// All identity events that were brought in, as they came.
    fn chains(&self) -> impl Iterator<Item = &[SignedEvent]> {
        self.authority
            .dag()
            .iter()
            .filter_map(|event| match self.authority.op(event.id())? {
                AuthorityOp::Genesis(genesis) => Some(genesis.founder.as_slice()),
                AuthorityOp::Admit(join) => Some(join.chain.as_slice()),
                AuthorityOp::DeviceAdd { chain, .. } | AuthorityOp::Add { chain, .. } => {
                    Some(chain.as_slice())
                }
                _ => None,
            })
    }
}
