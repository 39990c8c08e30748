//! Requests to be admitted, and owners' signatures: what is signed outside the envelope.
//!
//! A join is signed twice over `"alloquy join v1" | canonical form without the signatures`: by the invite's
//! key, which proves the link, and by the joining device, which proves the wish. Any member wraps it in an
//! `Admit` (docs/protocol.md, "Invites"). Owners sign `"alloquy owners v1" | canonical proposal`.

use alloquy_ids::{CommunityId, DeviceId, EventId, InviteId};

use super::op::{Join, OwnersProposal};
use crate::codec::{Canonical, Writer};
use crate::event::SignedEvent;
use crate::identity::{IdentityError, IdentityLog, PrekeyRecord};
use crate::keys::{DeviceKey, Signatures, Strict, verify};

/// Why a join does not hold, whoever admits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The identity chain does not hold.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The chain is another account's.
    #[error("the identity chain is that of account {}", .0.short())]
    Account(alloquy_ids::AccountId),
    /// The device is not in the chain.
    #[error("device {} is not in the identity chain", .0.short())]
    Device(DeviceId),
    /// The prekey is another device's, or its signature does not hold.
    #[error("the prekey record is not signed by the joining device")]
    Prekey,
    /// The device's signature does not hold.
    #[error("the signature of device {} does not hold", .0.short())]
    Signature(DeviceId),
    /// The join uses no invite and carries an invite's signature.
    #[error("a join without invite carries an invite signature")]
    InviteSignature,
}

impl Join {
    /// Signs a join. `chain`: the account's identity events, genesis first. `invite`: the invite's id and key.
    #[must_use]
    pub fn sign(
        community: CommunityId,
        invite: Option<(InviteId, &DeviceKey)>,
        chain: Vec<SignedEvent>,
        device: &DeviceKey,
        prekey: PrekeyRecord,
    ) -> Self {
        let account = chain
            .first()
            .map_or(EventId::ZERO, |genesis| genesis.header.id());
        let mut join = Self {
            community,
            invite: invite.map(|(id, _)| id),
            account: account.into(),
            chain,
            device: device.id(),
            prekey,
            invite_signature: [0; 64],
            device_signature: [0; 64],
        };
        let message = join.message();
        if let Some((_, key)) = invite {
            join.invite_signature = key.sign(&message);
        }
        join.device_signature = device.sign(&message);
        join
    }

    /// Everything about a join that does not depend on a community's state.
    pub fn check(&self) -> Result<IdentityLog, JoinError> {
        self.check_by(&Strict)
    }

    /// The same; `signatures` says which signatures hold.
    pub fn check_by(&self, signatures: &dyn Signatures) -> Result<IdentityLog, JoinError> {
        let log = IdentityLog::verify_by(&self.chain, signatures)?;
        let identity = log.identity();
        if identity.account != self.account {
            return Err(JoinError::Account(identity.account));
        }
        if !identity.acts(self.device) {
            return Err(JoinError::Device(self.device));
        }
        if self.prekey.device != self.device || !self.prekey.verify_by(signatures) {
            return Err(JoinError::Prekey);
        }
        if !signatures.hold(&self.device.0, &self.message(), &self.device_signature) {
            return Err(JoinError::Signature(self.device));
        }
        if self.invite.is_none() && self.invite_signature != [0; 64] {
            return Err(JoinError::InviteSignature);
        }
        Ok(log)
    }

    /// Whether the signature of the invite with this public key holds.
    #[must_use]
    pub fn invited_by(&self, invite_key: &[u8; 32]) -> bool {
        self.invite.is_some() && verify(invite_key, &self.message(), &self.invite_signature)
    }

    fn message(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"alloquy join v1");
        self.write_unsigned(&mut w);
        w.into_bytes()
    }
}

impl OwnersProposal {
    /// An owner's signature for the proposal. An owner's device signs once over one replaced version.
    #[must_use]
    pub fn sign(&self, device: &DeviceKey) -> [u8; 64] {
        device.sign(&self.message())
    }

    /// Whether the device's signature for the proposal holds.
    #[must_use]
    pub fn signed_by(&self, device: DeviceId, signature: &[u8; 64]) -> bool {
        self.signed_by_with(device, signature, &Strict)
    }

    /// The same; `signatures` says whether it holds.
    pub(super) fn signed_by_with(
        &self,
        device: DeviceId,
        signature: &[u8; 64],
        signatures: &dyn Signatures,
    ) -> bool {
        signatures.hold(&device.0, &self.message(), signature)
    }

    fn message(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"alloquy owners v1");
        self.write(&mut w);
        w.into_bytes()
    }
}
