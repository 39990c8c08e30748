//! Proofs of membership: a newcomer whom a member does not know yet shows how it was admitted.

use std::collections::BTreeSet;

use alloquy_ids::{CommunityId, DeviceId, EventId, NetworkKey};
use alloquy_schema::authority::op::AuthorityOp;
use alloquy_schema::codec::Canonical;
use alloquy_schema::event::SignedEvent;
use rand_core::CryptoRng;

use crate::community::Place;
use crate::limits::ADMIT_CHAIN_MAX;
use crate::node::Node;
use crate::wire::Frame;

impl<R: CryptoRng> Node<R> {
    /// Shows a peer the admissions that lead from a member that it knows to this account.
    pub(crate) fn prove(&mut self, key: NetworkKey, id: CommunityId) {
        let account = self.me.account();
        let Some(session) = self.session(key, id) else {
            return;
        };
        if std::mem::replace(&mut session.proved, true) {
            return;
        }
        let Some(community) = self.communities.get(&id) else {
            return;
        };
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

    /// A stranger shows that it was admitted by a member: what it knows of the authority log is asked for.
    pub(super) fn proof(&mut self, from: NetworkKey, id: CommunityId, admits: Vec<SignedEvent>) {
        let Some(community) = self.communities.get(&id) else {
            return;
        };
        if community.member_of(from).is_some() {
            return;
        }
        let state = community.state();
        let mut known: BTreeSet<DeviceId> = state
            .members
            .values()
            .flat_map(|member| member.devices.keys().copied())
            .collect();
        let mut proved = false;
        let mut shown = Vec::new();
        let mut incoming = Vec::new();
        for signed in admits {
            let Ok(event) = signed.verify() else {
                return self
                    .outbox
                    .penalize(from, "a proof of membership that does not verify");
            };
            let Ok(AuthorityOp::Admit(join)) =
                AuthorityOp::from_bytes(event.body().unwrap_or_default())
            else {
                return;
            };
            let Ok(identity) = join.check() else { return };
            if !known.contains(&event.header().device) || join.community != id {
                return;
            }
            known.extend(identity.devices.keys().copied());
            shown.push(join.account);
            proved = identity.devices.values().any(|keys| keys.contains(&from));
            incoming.push((event, None));
        }
        let community = self.communities.get(&id);
        let removed =
            |account| community.is_some_and(|of| !of.authority.removals(account).is_empty());
        if !proved || shown.into_iter().any(removed) {
            return;
        }
        // The admissions wait for their past, which the newcomer holds; it is asked for that alone.
        let Some(community) = self.communities.get_mut(&id) else {
            return;
        };
        community.provisional.insert(from);
        self.ingest(id, incoming, None, from);
        self.send_heights(from, id, &[Place::Authority], &[], true);
    }
}
