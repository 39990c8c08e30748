//! Proofs of membership: a newcomer whom a member does not know yet shows how it was admitted.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloquy_ids::{AccountId, CommunityId, DeviceId, EventId, NetworkKey};
use alloquy_schema::authority::State;
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::{SignedEvent, VerifiedEvent};
use alloquy_schema::identity::{Identity, evaluate};
use alloquy_schema::permissions::CommunityKind;
use rand_core::CryptoRng;

use crate::community::{Community, Place};
use crate::ingest::Incoming;
use crate::limits::{ADMIT_CHAIN_MAX, COMPARE_EVERY_MS, PROOFS_MAX};
use crate::node::{Node, Timer};
use crate::wire::Frame;

impl<R: CryptoRng> Node<R> {
    /// A peer stays silent: it is shown the proof, again from time to time, since frames may vanish.
    pub(crate) fn prove_again(&mut self, key: NetworkKey, id: CommunityId) {
        let due = self.now.mono.plus(COMPARE_EVERY_MS);
        if self.may_prove(key, id) {
            self.prove(key, id);
            self.say_hello(key, id);
            self.timers.set(Timer::Prove(key, id), due);
        }
    }

    /// Whether a peer was not shown the proof often enough over this connection.
    pub(super) fn may_prove(&mut self, key: NetworkKey, id: CommunityId) -> bool {
        let proofs = self.session(key, id).map(|session| session.proofs);
        proofs.is_some_and(|proofs| proofs < PROOFS_MAX)
    }

    /// Shows a peer the admissions that lead from a member that it knows to this account.
    pub(crate) fn prove(&mut self, key: NetworkKey, id: CommunityId) {
        let account = self.me.account();
        // A home node is no member and shows nothing: who has paired with it is known by the authority log.
        if self.holds_blind(id) {
            return;
        }
        let Some(session) = self.session(key, id) else {
            return;
        };
        session.proofs += 1;
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        // Whoever knows one side of a quarrel of devices hears of the other by what this one knows of the account.
        if community.is_later_device(account) || self.me.is_suspended() {
            let frame = self.arrive_frame(id, true);
            self.outbox.send(key, &frame);
            return self.compare(key, id);
        }
        let mut admits: Vec<SignedEvent> = Vec::new();
        let mut next = Some(account);
        while let Some(account) = next
            && admits.len() < ADMIT_CHAIN_MAX
        {
            let state = community.state();
            let admitted = state.members.get(&account).map(|member| member.admitted);
            let Some(event) = admitted.and_then(|id| community.authority.dag().get(id)) else {
                break;
            };
            if event.id() == EventId::from(id) {
                break;
            }
            let durable = !community.unstored.contains(&event.id());
            let Some(signed) = event.to_signed().filter(|_| durable) else {
                break;
            };
            admits.push(signed);
            next = community
                .devices
                .values()
                .find(|(_, device)| *device == event.header().device)
                .map(|(of, _)| *of);
        }
        admits.reverse();
        if !admits.is_empty() {
            self.outbox.send(
                key,
                &Frame::Proof {
                    community: id,
                    admits,
                },
            );
            self.compare(key, id);
        }
    }

    /// A stranger shows how it was admitted. If by a member, what it knows of the authority log is asked for; if by
    /// somebody who is none any more, it is told what ended that membership, and with it its own.
    pub(super) fn proof(&mut self, from: NetworkKey, id: CommunityId, admits: Vec<SignedEvent>) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if community.member_of(from).is_some() {
            return;
        }
        let mut path = Path::new(community);
        let in_group = community.kind() == CommunityKind::Group;
        for signed in admits {
            let Ok(event) = signed.verify_by(&*self.me.signatures) else {
                return self
                    .outbox
                    .penalize(from, "a proof of membership that does not verify");
            };
            let identity = match AuthorityOp::from_bytes(event.body().unwrap_or_default()) {
                Ok(AuthorityOp::Admit(join)) if join.community == id => join
                    .check_by(&*self.me.signatures)
                    .ok()
                    .map(|log| log.identity().clone()),
                Ok(AuthorityOp::Add { account, chain, .. })
                    if in_group && event.header().scope == id.into() =>
                {
                    let identity = evaluate(&chain).ok();
                    identity.filter(|identity| identity.account == account)
                }
                _ => None,
            };
            let Some(identity) = identity else { return };
            path.follow(event, &identity, from);
        }
        let Path {
            admitted, incoming, ..
        } = path;
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        match admitted {
            // The admissions wait for their past, which the newcomer holds; it is asked for that alone.
            Some(Side::Member) => {
                community.provisional.insert(from);
                self.ingest(id, incoming, None, from);
                self.send_heights(from, id, &[Place::Authority], &[], true);
            }
            // What it would bring is not taken: whoever was removed could bring in anything by made-up newcomers.
            Some(Side::Removed(account)) => {
                let removals = community.authority.removals(account);
                if !removals.is_empty() {
                    community.outsiders.insert(from, account);
                    self.tell_removals(from, id, removals, None);
                }
            }
            None => {}
        }
    }
}

/// On whose side a device stands, as far as the admissions that were shown say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// It belongs to a member, or a member let its account in.
    Member,
    /// Its way in leads through this account, which is no member any more.
    Removed(AccountId),
}

/// The admissions of a proof, oldest first.
struct Path<'a> {
    community: &'a Community,
    state: Arc<State>,
    sides: BTreeMap<DeviceId, Side>,
    /// Where the admission stands that certifies the connection's own key.
    admitted: Option<Side>,
    /// Admissions by members that are not held yet.
    incoming: Vec<Incoming>,
}

impl<'a> Path<'a> {
    fn new(community: &'a Community) -> Self {
        let state = community.state();
        let side = |(account, device): &(AccountId, DeviceId)| {
            let acts = state.account_of(*device) == Some(*account);
            let side = if acts {
                Side::Member
            } else {
                Side::Removed(*account)
            };
            (*device, side)
        };
        let sides = community.devices.values().map(side).collect();
        Self {
            community,
            state,
            sides,
            admitted: None,
            incoming: Vec::new(),
        }
    }

    /// One admission. What an unknown device says says nothing.
    fn follow(&mut self, event: VerifiedEvent, identity: &Identity, from: NetworkKey) {
        let held = self.community.authority.dag().contains(event.id());
        let author = self.sides.get(&event.header().device).copied();
        let side = if self.state.is_member(identity.account) {
            Some(Side::Member)
        } else if held {
            // It is known what came of this admission. One that is not held may be newer than a removal.
            Some(Side::Removed(identity.account))
        } else {
            author
        };
        let bound = identity.devices.values().any(|keys| keys.contains(&from));
        self.admitted = side.filter(|_| bound);
        let Some(side) = side else { return };
        self.sides
            .extend(identity.devices.keys().map(|device| (*device, side)));
        if author == Some(Side::Member) && !held {
            self.incoming.push((event, None));
        }
    }
}
