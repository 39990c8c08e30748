//! Accounts: the identity log, prekey records and network certificates.
//!
//! Genesis names the first device, its network key, the hash of the recovery signing key and the recovery
//! wrap key. Later operations add and end devices, name home nodes, use the recovery words and replace them; an
//! operation that this level does not know is kept without effect. See docs/protocol.md, "Accounts".
//!
//! Parts: `op` what is signed, `log` a checked set of events, `rules` what the set comes to, [`draft`] the next event,
//! [`recovery`] the words and their keys.
//!
//! Invariants: [`evaluate`] is a pure function of the chain's *set* and checks every signature: equal sets give
//! equal identities, whatever their order. Deliberately not here: who of an account may act in a community
//! (`authority`, which embeds identity events), and keeping secrets (the shell's store).

pub mod draft;
mod log;
mod op;
pub mod recovery;
mod rules;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use alloquy_ids::{AccountId, DeviceId, EpochId, EventId, NetworkKey, ScopeId, UnixMs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::{Header, Kind, SignedEvent, clear_commit};
use crate::keys::{DeviceKey, Signatures, Strict, x25519_key_holds, x25519_public};

pub use log::IdentityLog;
pub use op::{IdentityOp, NetworkCertificate, Recovery, accept_device, accept_home};
pub use recovery::{RecoveryError, RecoveryKeys, RecoveryWords};

/// A device's current prekey; the highest counter wins. Not an event: signed on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrekeyRecord {
    /// The device.
    pub device: DeviceId,
    /// Rises with each replacement.
    pub counter: u64,
    /// X25519 public key.
    pub key: [u8; 32],
    /// By the device.
    pub signature: [u8; 64],
}

impl PrekeyRecord {
    /// Whether the device's signature holds, and the prekey is one that can be wrapped to.
    #[must_use]
    pub fn verify(&self) -> bool {
        self.verify_by(&Strict)
    }

    /// The same; `signatures` says whether the signature holds.
    #[must_use]
    pub fn verify_by(&self, signatures: &dyn Signatures) -> bool {
        x25519_key_holds(&self.key)
            && signatures.hold(&self.device.0, &self.message(), &self.signature)
    }

    fn message(&self) -> Vec<u8> {
        let counter = self.counter.to_le_bytes();
        [
            b"alloquy prekey v1".as_slice(),
            self.device.as_bytes(),
            &counter,
            &self.key,
        ]
        .concat()
    }
}

impl Canonical for PrekeyRecord {
    fn write(&self, w: &mut Writer) {
        self.device.write(w);
        w.varint(self.counter);
        w.raw(&self.key);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            device: DeviceId::read(r)?,
            counter: r.varint("prekey counter")?,
            key: r.array("prekey")?,
            signature: r.array("prekey signature")?,
        })
    }
}

/// A prekey pair: the record to publish and the secret to keep.
pub fn new_prekey(
    device: &DeviceKey,
    counter: u64,
    rng: &mut impl CryptoRng,
) -> (PrekeyRecord, [u8; 32]) {
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    (sign_prekey(device, counter, &secret), secret)
}

/// The record of a prekey whose secret is held.
#[must_use]
pub fn sign_prekey(device: &DeviceKey, counter: u64, secret: &[u8; 32]) -> PrekeyRecord {
    let mut record = PrekeyRecord {
        device: device.id(),
        counter,
        key: x25519_public(secret),
        signature: [0; 64],
    };
    record.signature = device.sign(&record.message());
    record
}

/// An account as its evaluated identity log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account: the id of its genesis.
    pub account: AccountId,
    /// Devices that ended for ever.
    pub revoked: BTreeSet<DeviceId>,
    /// Devices that may act but for those [suspended](Identity::suspended): (device, network keys).
    pub devices: BTreeMap<DeviceId, Vec<NetworkKey>>,
    /// Devices that may read but neither write nor get new keys until the recovery words decide.
    pub suspended: BTreeSet<DeviceId>,
    /// Home nodes and their network keys.
    pub homes: BTreeMap<DeviceId, NetworkKey>,
    /// Whether the account was ended: no device is left.
    pub closed: bool,
    /// How often the present recovery words were used: their signing key of this number is in force.
    pub recovered: u32,
    /// Derived hash of the recovery signing key in force.
    pub recovery_commitment: [u8; 32],
    /// X25519 key of the recovery words in force.
    pub recovery_wrap_key: [u8; 32],
}

impl Identity {
    /// Whether the device may write for the account.
    #[must_use]
    pub fn acts(&self, device: DeviceId) -> bool {
        self.devices.contains_key(&device) && !self.suspended.contains(&device)
    }
}

/// Why an identity chain is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty.
    #[error("an identity log starts with a genesis")]
    NoGenesis,
    /// An event's signature, structure or operation does not hold.
    #[error("identity event {position} does not hold: {reason}")]
    Event {
        /// Place in the chain, from 0.
        position: usize,
        /// What is wrong.
        reason: String,
    },
    /// The chain is too long.
    #[error("{count} identity events, the limit is {limit}")]
    TooMany {
        /// Events given.
        count: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// The recovery words never were this account's.
    #[error("these recovery words belong to another account")]
    OtherWords,
}

/// Evaluates a chain of identity events, genesis first, parents before children. Pure; verifies every signature.
///
/// # Errors
/// [`IdentityError`]: an empty or overlong chain, or an event that does not hold.
pub fn evaluate(chain: &[SignedEvent]) -> Result<Identity, IdentityError> {
    IdentityLog::verify(chain).map(|log| log.identity().clone())
}

/// What a new account is made of. The words are zeroed when dropped; the caller keeps the rest.
pub struct NewAccount {
    /// The device key.
    pub device: DeviceKey,
    /// The network key's seed (Ed25519).
    pub network_seed: [u8; 32],
    /// The identity genesis, signed.
    pub genesis: SignedEvent,
    /// 12 BIP-39 words (English), to be shown once.
    pub recovery_words: Zeroizing<String>,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// Makes an account with its first device.
pub fn create(wall: UnixMs, rng: &mut impl CryptoRng) -> NewAccount {
    let mut device_seed = Zeroizing::new([0; 32]);
    let mut network_seed = [0; 32];
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut *device_seed);
    rng.fill_bytes(&mut network_seed);
    rng.fill_bytes(&mut nonce);
    let (recovery_words, words) = RecoveryWords::generate(rng);
    let recovery = words.keys(0);
    let device = DeviceKey::from_seed(&device_seed);
    let op = IdentityOp::Genesis {
        nonce,
        network: NetworkCertificate::sign(&network_seed, device.id()),
        recovery_commitment: recovery.commitment(),
        recovery_wrap_key: recovery.wrap_key(),
    };
    let genesis = sign_genesis(&op, rng.next_u32(), wall, &device);
    NewAccount {
        device,
        network_seed,
        genesis,
        recovery_words,
    }
}

fn sign_genesis(
    op: &IdentityOp,
    incarnation: u32,
    wall: UnixMs,
    device: &DeviceKey,
) -> SignedEvent {
    let body = op.to_bytes();
    let header = Header {
        kind: Kind::Identity,
        scope: ScopeId::ZERO,
        device: device.id(),
        incarnation,
        seq: 0,
        prev: EventId::ZERO,
        deps: Vec::new(),
        auth: Vec::new(),
        lamport: 1,
        wall,
        epoch: EpochId::ZERO,
        body_len: u32::try_from(body.len()).expect("a genesis is a few hundred bytes"),
        body_commit: clear_commit(&body),
    };
    SignedEvent::sign(header, body, device)
}
