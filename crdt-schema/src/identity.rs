//! Accounts: the identity log, prekey records and network certificates.
//!
//! Genesis names the first device, its network key, the hash of the recovery signing key and the recovery
//! wrap key. Later operations (devices, revocations, key changes) extend the log without a new format: an
//! operation that this level does not know is kept without effect. See docs/protocol.md, "Accounts".
//!
//! Invariants: [`evaluate`] is a pure function of the chain and checks every signature; equal chains give equal
//! identities. Deliberately not here: who of an account may act in a community (`authority`, which embeds
//! identity events), and keeping secrets (the shell's store).

pub mod recovery;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use alloquy_ids::{AccountId, DeviceId, EpochId, EventId, NetworkKey, ScopeId, UnixMs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::dag::Dag;
use crate::event::{Header, Kind, SignedEvent, VerifiedEvent, clear_commit};
use crate::keys::{DeviceKey, verify, x25519_key_holds, x25519_public};
use crate::limits::{IDENTITY_BODY_BYTES_MAX, IDENTITY_CHAIN_MAX};

pub use recovery::{RecoveryError, RecoveryKeys, restore_keys};

const TAG_GENESIS: u8 = 1;

/// Body of an identity event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityOp {
    /// Makes the account; the event's id is the account's. Signed by `device` (the header's device).
    Genesis {
        /// Makes two accounts of one device differ.
        nonce: [u8; 16],
        /// The first device's network key and the key's proof that it belongs to the device.
        network: NetworkCertificate,
        /// BLAKE3-derived hash of the Ed25519 recovery signing key.
        recovery_commitment: [u8; 32],
        /// X25519 key to which epoch secrets of `all` scopes are also wrapped.
        recovery_wrap_key: [u8; 32],
    },
    /// An operation of a later level: kept, without effect.
    Unknown {
        /// Its first byte.
        tag: u8,
        /// What follows.
        bytes: Vec<u8>,
    },
}

impl Canonical for IdentityOp {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Genesis {
                nonce,
                network,
                recovery_commitment,
                recovery_wrap_key,
            } => {
                w.u8(TAG_GENESIS);
                w.raw(nonce);
                network.write(w);
                w.raw(recovery_commitment);
                w.raw(recovery_wrap_key);
            }
            Self::Unknown { tag, bytes } => {
                w.u8(*tag);
                w.raw(bytes);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.remaining() > IDENTITY_BODY_BYTES_MAX {
            let (value, limit) = (r.remaining() as u64, IDENTITY_BODY_BYTES_MAX as u64);
            return Err(DecodeError::Limit {
                what: "identity operation",
                value,
                limit,
            });
        }
        match r.u8("identity operation")? {
            TAG_GENESIS => Ok(Self::Genesis {
                nonce: r.array("nonce")?,
                network: NetworkCertificate::read(r)?,
                recovery_commitment: r.array("recovery commitment")?,
                recovery_wrap_key: r.array("recovery wrap key")?,
            }),
            tag => Ok(Self::Unknown {
                tag,
                bytes: r.raw(r.remaining(), "identity operation")?.to_vec(),
            }),
        }
    }
}

/// A network key, bound to a device by signatures of both: the key's own is here, the device's is that of the
/// identity event that holds the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCertificate {
    /// The key behind the libp2p `PeerId`.
    pub key: NetworkKey,
    /// By the network key over the device id.
    pub signature: [u8; 64],
}

impl NetworkCertificate {
    /// Binds the network key of a seed to a device.
    #[must_use]
    pub fn sign(network_seed: &[u8; 32], device: DeviceId) -> Self {
        let network = DeviceKey::from_seed(network_seed);
        Self {
            key: NetworkKey(network.public()),
            signature: network.sign(&Self::message(device)),
        }
    }

    /// Whether the network key has signed that it belongs to the device.
    #[must_use]
    pub fn verify(&self, device: DeviceId) -> bool {
        verify(&self.key.0, &Self::message(device), &self.signature)
    }

    fn message(device: DeviceId) -> Vec<u8> {
        [b"alloquy network key v1".as_slice(), device.as_bytes()].concat()
    }
}

impl Canonical for NetworkCertificate {
    fn write(&self, w: &mut Writer) {
        self.key.write(w);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: NetworkKey::read(r)?,
            signature: r.array("network certificate")?,
        })
    }
}

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
        x25519_key_holds(&self.key) && verify(&self.device.0, &self.message(), &self.signature)
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
    /// Devices that the chain revokes.
    pub revoked: std::collections::BTreeSet<DeviceId>,
    /// Devices that may act: (device, network keys).
    pub devices: BTreeMap<DeviceId, Vec<NetworkKey>>,
    /// Derived hash of the recovery signing key.
    pub recovery_commitment: [u8; 32],
    /// X25519 key of the recovery words.
    pub recovery_wrap_key: [u8; 32],
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
}

/// Evaluates a chain of identity events, genesis first, parents before children. Pure; verifies every signature.
///
/// # Errors
/// [`IdentityError`]: an empty or overlong chain, or an event that does not hold.
pub fn evaluate(chain: &[SignedEvent]) -> Result<Identity, IdentityError> {
    if chain.len() > IDENTITY_CHAIN_MAX {
        return Err(IdentityError::TooMany {
            count: chain.len(),
            limit: IDENTITY_CHAIN_MAX,
        });
    }
    let (first, later) = chain.split_first().ok_or(IdentityError::NoGenesis)?;
    let at = |position| move |reason| IdentityError::Event { position, reason };
    let genesis = verified(first).map_err(at(0))?;
    let identity = found(&genesis).map_err(at(0))?;
    let mut dag = Dag::new(identity.account.into());
    add(&mut dag, genesis).map_err(at(0))?;
    for (position, event) in later.iter().enumerate() {
        let event = verified(event).map_err(at(position + 1))?;
        follow(&mut dag, event).map_err(at(position + 1))?;
    }
    Ok(identity)
}

/// Signature, kind and place of one identity event.
fn verified(event: &SignedEvent) -> Result<VerifiedEvent, String> {
    if event.header.kind != Kind::Identity || !event.header.auth.is_empty() {
        return Err("it is not an identity event".to_owned());
    }
    event.clone().verify().map_err(|error| error.to_string())
}

fn operation(event: &VerifiedEvent) -> Result<IdentityOp, String> {
    let body = event.body().expect("a verified signed event has its body");
    IdentityOp::from_bytes(body).map_err(|error| error.to_string())
}

/// The account that a genesis makes.
fn found(event: &VerifiedEvent) -> Result<Identity, String> {
    let header = event.header();
    if header.scope != ScopeId::ZERO || header.seq != 0 || header.parents().next().is_some() {
        return Err("a genesis has scope zero and nothing before it".to_owned());
    }
    let IdentityOp::Genesis {
        network,
        recovery_commitment,
        recovery_wrap_key,
        ..
    } = operation(event)?
    else {
        return Err("an identity log starts with a genesis".to_owned());
    };
    if !network.verify(header.device) {
        return Err("the network key has not signed for the device".to_owned());
    }
    if !x25519_key_holds(&recovery_wrap_key) {
        return Err("the recovery wrap key is weak".to_owned());
    }
    Ok(Identity {
        revoked: std::collections::BTreeSet::new(),
        account: event.id().into(),
        devices: BTreeMap::from([(header.device, vec![network.key])]),
        recovery_commitment,
        recovery_wrap_key,
    })
}

/// Adds a later event. Every operation of this level but the genesis is unknown, so nothing changes.
fn follow(dag: &mut Dag, event: VerifiedEvent) -> Result<(), String> {
    if dag.contains(event.id()) {
        return Err("it stands in the chain twice".to_owned());
    }
    if event.header().parents().next().is_none() {
        return Err("it does not follow the genesis".to_owned());
    }
    match operation(&event)? {
        IdentityOp::Genesis { .. } => Err("a second genesis".to_owned()),
        IdentityOp::Unknown { .. } => add(dag, event),
    }
}

fn add(dag: &mut Dag, event: VerifiedEvent) -> Result<(), String> {
    dag.insert(event)
        .map(|_new| ())
        .map_err(|error| error.to_string())
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
    let (recovery_words, recovery) = recovery::generate(rng);
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
