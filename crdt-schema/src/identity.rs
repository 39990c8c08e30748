//! Accounts: the identity log, prekey records and recovery words.
//!
//! Genesis names the first device, its network key, the hash of the recovery signing key and the recovery
//! wrap key. Later operations (devices, revocations, key changes) extend the log without a new format: what
//! this level does not know is kept and has no effect. See docs/protocol.md, "Accounts".

use std::collections::BTreeMap;

use alloquy_ids::{AccountId, DeviceId, EpochId, EventId, NetworkKey, ScopeId, UnixMs};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::dag::Dag;
use crate::epoch::x25519_public;
use crate::event::{Header, Kind, SignedEvent, clear_commit};
use crate::hash::derive;
use crate::keys::{self, DeviceKey};
use crate::limits::{BODY_BYTES_MAX, IDENTITY_CHAIN_MAX};

/// Bytes of entropy in the recovery words: 12 words of BIP-39.
const RECOVERY_ENTROPY_BYTES: usize = 16;

/// Body of an identity event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityOp {
    /// Makes the account; the event's id is the account's. Signed by the first device, the header's.
    Genesis {
        /// Makes two accounts of one device differ.
        nonce: [u8; 16],
        /// The first device's network key.
        network: NetworkCertificate,
        /// Derived hash of the Ed25519 recovery signing key.
        recovery_commitment: [u8; 32],
        /// X25519 key to which epoch secrets of `all` scopes are also wrapped.
        recovery_wrap_key: [u8; 32],
    },
    /// An operation of a later level: kept, without effect.
    Unknown {
        /// Its tag.
        tag: u8,
        /// Its fields, not understood.
        bytes: Vec<u8>,
    },
}

impl Canonical for IdentityOp {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Genesis { nonce, network, recovery_commitment, recovery_wrap_key } => {
                w.u8(1);
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
        match r.u8("identity operation")? {
            1 => Ok(Self::Genesis {
                nonce: r.array("nonce")?,
                network: NetworkCertificate::read(r)?,
                recovery_commitment: r.array("recovery commitment")?,
                recovery_wrap_key: r.array("recovery wrap key")?,
            }),
            tag => {
                let len = r.remaining().min(BODY_BYTES_MAX);
                Ok(Self::Unknown { tag, bytes: r.raw(len, "unknown identity operation")?.to_vec() })
            }
        }
    }
}

/// A network key, bound to a device: the network key signs the device's id; the device signs the genesis that
/// carries this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkCertificate {
    /// The key behind the libp2p `PeerId`.
    pub key: NetworkKey,
    /// By the network key over the device id.
    pub signature: [u8; 64],
}

fn network_message(device: DeviceId) -> Vec<u8> {
    [b"ALLOQUY network key v1".as_slice(), &device.0].concat()
}

impl NetworkCertificate {
    /// Binds the network key of a seed to a device.
    #[must_use]
    pub fn sign(network_seed: &[u8; 32], device: DeviceId) -> Self {
        let key = DeviceKey::from_seed(network_seed);
        Self { key: NetworkKey(key.public()), signature: key.sign(&network_message(device)) }
    }

    /// Whether the network key has agreed to belong to the device.
    #[must_use]
    pub fn verify(&self, device: DeviceId) -> bool {
        keys::verify(&self.key.0, &network_message(device), &self.signature)
    }
}

impl Canonical for NetworkCertificate {
    fn write(&self, w: &mut Writer) {
        self.key.write(w);
        w.raw(&self.signature);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { key: NetworkKey::read(r)?, signature: r.array("network key signature")? })
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
    fn message(device: DeviceId, counter: u64, key: &[u8; 32]) -> Vec<u8> {
        [b"ALLOQUY prekey v1".as_slice(), &device.0, &counter.to_le_bytes(), key].concat()
    }

    /// Whether the device's signature holds.
    #[must_use]
    pub fn verify(&self) -> bool {
        keys::verify(&self.device.0, &Self::message(self.device, self.counter, &self.key), &self.signature)
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

/// The record of a prekey whose secret is known.
#[must_use]
pub fn sign_prekey(device: &DeviceKey, counter: u64, secret: &[u8; 32]) -> PrekeyRecord {
    let key = x25519_public(secret);
    let signature = device.sign(&PrekeyRecord::message(device.id(), counter, &key));
    PrekeyRecord { device: device.id(), counter, key, signature }
}

/// A prekey pair: the record to publish and the X25519 secret to keep.
pub fn new_prekey(device: &DeviceKey, counter: u64, rng: &mut impl CryptoRng) -> (PrekeyRecord, [u8; 32]) {
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    (sign_prekey(device, counter, &secret), secret)
}

/// An account as its evaluated identity log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account: the id of the genesis.
    pub account: AccountId,
    /// Devices that may act, with their network keys.
    pub devices: BTreeMap<DeviceId, Vec<NetworkKey>>,
    /// Derived hash of the recovery signing key.
    pub recovery_commitment: [u8; 32],
    /// X25519 key to which epoch secrets are also wrapped.
    pub recovery_wrap_key: [u8; 32],
}

/// Why an identity chain is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The chain is empty, or its first event is no genesis.
    #[error("an identity log starts with a genesis")]
    NoGenesis,
    /// An event does not hold.
    #[error("identity event {position} does not hold: {reason}")]
    Event {
        /// Which one, from 0.
        position: usize,
        /// What is wrong.
        reason: String,
    },
    /// The chain is too long.
    #[error("{count} identity events, the limit is {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// Evaluates a chain of identity events, genesis first. Pure; verifies every signature.
///
/// # Errors
/// See [`IdentityError`].
pub fn evaluate(chain: &[SignedEvent]) -> Result<Identity, IdentityError> {
    if chain.len() > IDENTITY_CHAIN_MAX {
        return Err(IdentityError::TooMany { count: chain.len(), limit: IDENTITY_CHAIN_MAX });
    }
    let first = chain.first().ok_or(IdentityError::NoGenesis)?;
    let account = first.header.id();
    let mut dag = Dag::new(ScopeId(account.0));
    let mut identity = None;
    for (position, event) in chain.iter().enumerate() {
        let fault = |reason: String| IdentityError::Event { position, reason };
        if event.header.kind != Kind::Identity {
            return Err(fault("it is of another kind".to_owned()));
        }
        let verified = event.clone().verify().map_err(|error| fault(error.to_string()))?;
        dag.insert(verified).map_err(|error| fault(error.to_string()))?;
        let op = IdentityOp::from_bytes(&event.body).map_err(|error| fault(error.to_string()))?;
        match (op, position) {
            (IdentityOp::Genesis { network, recovery_commitment, recovery_wrap_key, .. }, 0) => {
                if event.header.scope != ScopeId::ZERO || !network.verify(event.header.device) {
                    return Err(fault("its scope is not zero, or its network key does not certify the device".to_owned()));
                }
                identity = Some(Identity {
                    account: account.into(),
                    devices: BTreeMap::from([(event.header.device, vec![network.key])]),
                    recovery_commitment,
                    recovery_wrap_key,
                });
            }
            (IdentityOp::Genesis { .. }, _) => return Err(fault("a second genesis".to_owned())),
            (IdentityOp::Unknown { .. }, 0) => return Err(IdentityError::NoGenesis),
            (IdentityOp::Unknown { .. }, _) => {}
        }
    }
    identity.ok_or(IdentityError::NoGenesis)
}

/// Secrets that the recovery words give.
pub struct RecoveryKeys {
    /// Signs what beats devices in the identity log.
    pub signing: DeviceKey,
    /// X25519 secret of the recovery wrap key.
    pub wrap_secret: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for RecoveryKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryKeys(..)")
    }
}

impl RecoveryKeys {
    fn from_entropy(entropy: &[u8]) -> Self {
        Self {
            signing: DeviceKey::from_seed(&derive("alloquy recovery signing key v1", &[entropy])),
            wrap_secret: Zeroizing::new(derive("alloquy recovery wrap key v1", &[entropy])),
        }
    }

    /// The keys of 12 English BIP-39 words; `None` if a word is unknown or the checksum is wrong.
    #[must_use]
    pub fn from_words(words: &str) -> Option<Self> {
        let mnemonic = bip39::Mnemonic::parse_normalized(words).ok()?;
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        (entropy.len() == RECOVERY_ENTROPY_BYTES).then(|| Self::from_entropy(&entropy))
    }

    /// What a genesis publishes of the signing key.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        derive("alloquy recovery commitment v1", &[&self.signing.public()])
    }

    /// What a genesis publishes of the wrap key.
    #[must_use]
    pub fn wrap_key(&self) -> [u8; 32] {
        x25519_public(&self.wrap_secret)
    }
}

/// The secrets of a new account.
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

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount").field("device", &self.device).finish_non_exhaustive()
    }
}

/// Makes an account with its first device.
pub fn create(wall: UnixMs, rng: &mut impl CryptoRng) -> NewAccount {
    let mut bytes = |len: usize| {
        let mut bytes = Zeroizing::new(vec![0; len]);
        rng.fill_bytes(&mut bytes);
        bytes
    };
    let seed: [u8; 32] = bytes(32)[..].try_into().expect("32 bytes were drawn");
    let network_seed: [u8; 32] = bytes(32)[..].try_into().expect("32 bytes were drawn");
    let nonce: [u8; 16] = bytes(16)[..].try_into().expect("16 bytes were drawn");
    let incarnation = u32::from_le_bytes(bytes(4)[..].try_into().expect("4 bytes were drawn"));
    let entropy = bytes(RECOVERY_ENTROPY_BYTES);
    let recovery = RecoveryKeys::from_entropy(&entropy);
    let words = bip39::Mnemonic::from_entropy(&entropy).expect("16 bytes are a valid entropy for BIP-39");
    let device = DeviceKey::from_seed(&seed);
    let op = IdentityOp::Genesis {
        nonce,
        network: NetworkCertificate::sign(&network_seed, device.id()),
        recovery_commitment: recovery.commitment(),
        recovery_wrap_key: recovery.wrap_key(),
    };
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
        body_len: u32::try_from(body.len()).expect("a genesis has a few hundred bytes"),
        body_commit: clear_commit(&body),
    };
    let genesis = SignedEvent::sign(header, body, &device);
    NewAccount { device, network_seed, genesis, recovery_words: Zeroizing::new(words.to_string()) }
}
