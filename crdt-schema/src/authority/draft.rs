//! What a writer asks before it signs: is this permitted now, whose votes are in, what ended a membership.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use alloquy_ids::{AccountId, DeviceId, EventId, UnixMs};

use super::AuthorityLog;
use super::op::{AuthorityOp, OwnersProposal};
use super::permit::{Views, permit, weigh_votes};
use super::state::State;
use super::unit::{Facts, Flips, Seen, Unit, UnitIx};
use crate::keys::Strict;
use crate::permissions::Rank;

/// Stands for the id that an operation will have once it is signed: zero would be the role "everyone".
const UNSIGNED: EventId = EventId([0xff; 32]);

impl AuthorityLog {
    /// Whether `account` may issue `op` now, on everything held.
    ///
    /// # Errors
    /// One plain sentence of what lacks. A reaffirmation is refused if none of its operations may be repeated.
    pub fn permits(&self, account: AccountId, op: &AuthorityOp) -> Result<(), String> {
        let state = self.state();
        let member = state
            .members
            .get(&account)
            .ok_or("the account is not a member")?;
        let device = member
            .acting()
            .map(|(device, _)| device)
            .next()
            .ok_or("the account has no device that may act")?;
        let heads: Vec<_> = self.heads.iter().copied().collect();
        let facts = Arc::new(facts_of(op)?);
        let mut refused = Ok(());
        for (origin, facts) in self.acts(UNSIGNED, &facts, &heads) {
            let unit = hypothetical(origin, facts, account, device);
            match permit(&unit, Views::one(&state)) {
                Ok(()) => return Ok(()),
                Err(refusal) => refused = Err(refusal.to_string()),
            }
        }
        refused
    }

    /// Effective operations that ended this account's membership; of a fallen admission, what made it fall in the
    /// end: the removal of whoever admitted the admitting member, say, and not that member's admission, which
    /// fell with it. Empty for members and for accounts that never came in.
    #[must_use]
    pub fn removals(&self, account: AccountId) -> Vec<EventId> {
        let evaluated = self.evaluated();
        let state = &evaluated.state;
        if state.is_member(account) {
            return Vec::new();
        }
        let ended = state
            .record(account)
            .filter(|(_, standing)| !standing)
            .map(|(member, _)| member.standing_by);
        let ends = |id: &EventId| {
            matches!(
                self.op(*id),
                Some(AuthorityOp::Kick { .. } | AuthorityOp::Leave | AuthorityOp::Reaffirm { .. })
            )
        };
        let mut found: BTreeSet<_> = state
            .banned
            .get(&account)
            .copied()
            .into_iter()
            .chain(ended.filter(ends))
            .collect();
        let admission = |ix: &UnitIx| {
            let unit = self.store.unit(*ix);
            unit.own.is_ok() && unit.is_admit() && unit.target() == Some(account)
        };
        let mut open: Vec<UnitIx> = evaluated
            .flips
            .keys()
            .copied()
            .filter(|ix| admission(ix))
            .collect();
        let mut seen: BTreeSet<UnitIx> = open.iter().copied().collect();
        while let Some(fallen) = open.pop() {
            for by in evaluated
                .flips
                .get(&fallen)
                .into_iter()
                .flat_map(|flip| &flip.by)
            {
                let fell = self.store.unit(*by).own.is_ok() && evaluated.flips.contains_key(by);
                if !fell {
                    found.insert(self.store.unit(*by).id);
                } else if seen.insert(*by) {
                    open.push(*by);
                }
            }
        }
        found.into_iter().collect()
    }

    /// Owners' signatures for exactly this proposal, from the votes held; one per device, ascending.
    #[must_use]
    pub fn votes_for(&self, proposal: &OwnersProposal) -> Vec<(DeviceId, [u8; 64])> {
        let state = self.state();
        let mut found = BTreeMap::new();
        for (id, entry) in &self.entries {
            let AuthorityOp::OwnersVote {
                proposal: held,
                signature,
            } = &entry.facts.op
            else {
                continue;
            };
            let Some(device) = self.dag.get(*id).map(|event| event.header().device) else {
                continue;
            };
            let owner = state
                .account_of(device)
                .is_some_and(|account| state.is_owner(account));
            if owner && held == proposal && proposal.signed_by(device, signature) {
                found.insert(device, *signature);
            }
        }
        found.into_iter().collect()
    }
}

impl State {
    /// Votes that these devices' signatures weigh now, and how many are needed: more than half.
    #[must_use]
    pub fn votes(&self, signatures: &[(DeviceId, [u8; 64])]) -> (u32, u32) {
        let signers = signatures.iter().map(|(device, _)| *device).collect();
        let (given, of) = weigh_votes(&signers, self);
        (given, of / 2 + 1)
    }
}

fn facts_of(op: &AuthorityOp) -> Result<Facts, String> {
    let identity = super::embedded(op, &Strict)?;
    let signers = match op {
        AuthorityOp::OwnersCertificate {
            proposal,
            signatures,
        } => {
            let holds = |(device, signature): &&(DeviceId, [u8; 64])| {
                proposal.signed_by(*device, signature)
            };
            signatures
                .iter()
                .filter(holds)
                .map(|(device, _)| *device)
                .collect()
        }
        _ => BTreeSet::new(),
    };
    Ok(Facts {
        op: op.clone(),
        identity: identity.map(Arc::new),
        invited: std::sync::OnceLock::new(),
        signers,
    })
}

fn hypothetical(origin: EventId, facts: Arc<Facts>, account: AccountId, device: DeviceId) -> Unit {
    Unit {
        id: EventId::ZERO,
        origin,
        part: 0,
        lamport: 0,
        wall: UnixMs(0),
        repeated: origin != EventId::ZERO,
        facts,
        device,
        author: Some(account),
        strength: Rank::MEMBER,
        own: Ok(()),
        past_flips: Flips::new(),
        seen: Seen::default(),
        losses: Vec::new(),
    }
}
