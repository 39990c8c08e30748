//! Bodies of identity events and their bytes.

use alloquy_ids::{AccountId, DeviceId, EventId, NetworkKey};

use crate::codec::{Canonical, DecodeError, Reader, Writer};
use crate::event::Header;
use crate::keys::{DeviceKey, Signatures, Strict, ed25519_key_holds, x25519_key_holds};
use crate::limits::{IDENTITY_BODY_BYTES_MAX, RECOVER_REVOKED_MAX};

const TAG_GENESIS: u8 = 1;
const TAG_DEVICE_ADD: u8 = 2;
const TAG_DEVICE_REVOKE: u8 = 3;
const TAG_HOME_ADD: u8 = 4;
const TAG_HOME_REMOVE: u8 = 5;
const TAG_RECOVER: u8 = 6;
const TAG_RECOVERY_CHANGE: u8 = 7;
const TAG_CLOSE: u8 = 8;

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
    /// Adds a device, which has accepted.
    DeviceAdd {
        /// The new device.
        device: DeviceId,
        /// Its network key.
        network: NetworkCertificate,
        /// By the new device, see [`accept_device`].
        accepted: [u8; 64],
    },
    /// Ends a device: it is suspended at once, and revoked unless its author was revoked by one of whom the author
    /// did not know.
    DeviceRevoke {
        /// The device.
        device: DeviceId,
    },
    /// Names a home node, which has accepted. It is no device of the account: it authors nothing.
    HomeAdd {
        /// The home node's device key.
        device: DeviceId,
        /// Its network key.
        network: NetworkCertificate,
        /// By the home node, see [`accept_home`].
        accepted: [u8; 64],
    },
    /// Takes a home node away.
    HomeRemove {
        /// The home node.
        device: DeviceId,
    },
    /// The recovery words decide: see [`Recovery`].
    Recover(Recovery),
    /// New recovery words, by a device. Falls to a `Recover` by the replaced words that does not know it.
    RecoveryChange {
        /// Hash of the new signing key.
        commitment: [u8; 32],
        /// The new wrap key.
        wrap_key: [u8; 32],
    },
    /// Ends the account: all its devices and home nodes.
    Close,
    /// An operation of a later level: kept, without effect.
    Unknown {
        /// Its first byte.
        tag: u8,
        /// What follows.
        bytes: Vec<u8>,
    },
}

/// What the recovery signing key decides. It beats whatever a device signed that is not in its past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The signing key, which the use reveals: its hash is the commitment in force.
    pub key: [u8; 32],
    /// Hash of the next signing key.
    pub next_commitment: [u8; 32],
    /// The next wrap key.
    pub next_wrap_key: [u8; 32],
    /// The device that signed the event, if it comes in by it, and its network key.
    pub add: Option<(DeviceId, NetworkCertificate)>,
    /// Devices that end, ascending. Other suspended devices in the past may act again.
    pub revoke: Vec<DeviceId>,
    /// By `key`, see [`Recovery::sign`].
    pub signature: [u8; 64],
}

impl Recovery {
    /// Signs for one place of one account's log: nothing of it holds anywhere else.
    pub(super) fn sign(&mut self, account: AccountId, header: &Header, key: &DeviceKey) {
        self.signature = key.sign(&self.message(account, header));
    }

    /// Whether the key that it reveals has signed it for this place.
    pub(super) fn holds(
        &self,
        account: AccountId,
        header: &Header,
        signatures: &dyn Signatures,
    ) -> bool {
        signatures.hold(&self.key, &self.message(account, header), &self.signature)
    }

    fn message(&self, account: AccountId, header: &Header) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(b"alloquy recover v1");
        account.write(&mut w);
        header.device.write(&mut w);
        header.prev.write(&mut w);
        w.list::<EventId>(&header.deps);
        self.write_unsigned(&mut w);
        w.into_bytes()
    }

    fn write_unsigned(&self, w: &mut Writer) {
        w.raw(&self.key);
        w.raw(&self.next_commitment);
        w.raw(&self.next_wrap_key);
        match &self.add {
            Some((device, network)) => {
                w.u8(1);
                device.write(w);
                network.write(w);
            }
            None => w.u8(0),
        }
        w.list(&self.revoke);
    }
}

impl Canonical for Recovery {
    fn write(&self, w: &mut Writer) {
        self.write_unsigned(w);
        w.raw(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (key, next_commitment) = (r.array("recovery key")?, r.array("recovery commitment")?);
        let next_wrap_key = r.array("recovery wrap key")?;
        let add = match r.u8("recovered device")? {
            0 => None,
            1 => Some((DeviceId::read(r)?, NetworkCertificate::read(r)?)),
            value => {
                return Err(DecodeError::Unknown {
                    what: "recovered device",
                    value: u64::from(value),
                });
            }
        };
        Ok(Self {
            key,
            next_commitment,
            next_wrap_key,
            add,
            revoke: r.list(RECOVER_REVOKED_MAX, "revoked devices")?,
            signature: r.array("recovery signature")?,
        })
    }
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
            Self::DeviceAdd {
                device,
                network,
                accepted,
            } => write_added(w, TAG_DEVICE_ADD, (*device, network, accepted)),
            Self::HomeAdd {
                device,
                network,
                accepted,
            } => write_added(w, TAG_HOME_ADD, (*device, network, accepted)),
            Self::DeviceRevoke { device } => {
                w.u8(TAG_DEVICE_REVOKE);
                device.write(w);
            }
            Self::HomeRemove { device } => {
                w.u8(TAG_HOME_REMOVE);
                device.write(w);
            }
            Self::Recover(recovery) => {
                w.u8(TAG_RECOVER);
                recovery.write(w);
            }
            Self::RecoveryChange {
                commitment,
                wrap_key,
            } => {
                w.u8(TAG_RECOVERY_CHANGE);
                w.raw(commitment);
                w.raw(wrap_key);
            }
            Self::Close => w.u8(TAG_CLOSE),
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
        Ok(match r.u8("identity operation")? {
            TAG_GENESIS => Self::Genesis {
                nonce: r.array("nonce")?,
                network: NetworkCertificate::read(r)?,
                recovery_commitment: r.array("recovery commitment")?,
                recovery_wrap_key: r.array("recovery wrap key")?,
            },
            TAG_DEVICE_ADD => Self::DeviceAdd {
                device: DeviceId::read(r)?,
                network: NetworkCertificate::read(r)?,
                accepted: r.array("acceptance")?,
            },
            TAG_DEVICE_REVOKE => Self::DeviceRevoke {
                device: DeviceId::read(r)?,
            },
            TAG_HOME_ADD => Self::HomeAdd {
                device: DeviceId::read(r)?,
                network: NetworkCertificate::read(r)?,
                accepted: r.array("acceptance")?,
            },
            TAG_HOME_REMOVE => Self::HomeRemove {
                device: DeviceId::read(r)?,
            },
            TAG_RECOVER => Self::Recover(Recovery::read(r)?),
            TAG_RECOVERY_CHANGE => Self::RecoveryChange {
                commitment: r.array("recovery commitment")?,
                wrap_key: r.array("recovery wrap key")?,
            },
            TAG_CLOSE => Self::Close,
            tag => Self::Unknown {
                tag,
                bytes: r.raw(r.remaining(), "identity operation")?.to_vec(),
            },
        })
    }
}

fn write_added(w: &mut Writer, tag: u8, added: (DeviceId, &NetworkCertificate, &[u8; 64])) {
    w.u8(tag);
    added.0.write(w);
    added.1.write(w);
    w.raw(added.2);
}

impl IdentityOp {
    /// What holds or not whoever wrote it: keys, certificates, and the acceptance of what is added.
    pub(super) fn check(
        &self,
        account: AccountId,
        header: &Header,
        signatures: &dyn Signatures,
    ) -> Result<(), &'static str> {
        match self {
            Self::Genesis {
                network,
                recovery_wrap_key,
                ..
            } => {
                certified(network, header.device, signatures)?;
                wrap_key_holds(recovery_wrap_key)
            }
            Self::DeviceAdd {
                device,
                network,
                accepted,
            } => {
                certified(network, *device, signatures)?;
                if signatures.hold(&device.0, &acceptance(ACCEPT_DEVICE, account), accepted) {
                    Ok(())
                } else {
                    Err("the new device has not accepted")
                }
            }
            Self::HomeAdd {
                device,
                network,
                accepted,
            } => {
                certified(network, *device, signatures)?;
                if signatures.hold(&device.0, &acceptance(ACCEPT_HOME, account), accepted) {
                    Ok(())
                } else {
                    Err("the home node has not accepted")
                }
            }
            Self::Recover(recovery) => {
                if let Some((device, network)) = &recovery.add {
                    certified(network, *device, signatures)?;
                    if *device != header.device {
                        return Err("a recovery adds only the device that signed it");
                    }
                }
                if recovery.revoke.windows(2).any(|pair| pair[0] >= pair[1]) {
                    return Err("the revoked devices do not ascend");
                }
                wrap_key_holds(&recovery.next_wrap_key)?;
                if recovery.holds(account, header, signatures) {
                    Ok(())
                } else {
                    Err("the recovery key has not signed for this place")
                }
            }
            Self::RecoveryChange { wrap_key, .. } => wrap_key_holds(wrap_key),
            _ => Ok(()),
        }
    }
}

fn certified(
    network: &NetworkCertificate,
    device: DeviceId,
    signatures: &dyn Signatures,
) -> Result<(), &'static str> {
    if !ed25519_key_holds(&device.0) {
        return Err("the device key is weak");
    }
    if network.verify_by(device, signatures) {
        Ok(())
    } else {
        Err("the network key has not signed for the device")
    }
}

fn wrap_key_holds(key: &[u8; 32]) -> Result<(), &'static str> {
    if x25519_key_holds(key) {
        Ok(())
    } else {
        Err("the recovery wrap key is weak")
    }
}

const ACCEPT_DEVICE: &[u8] = b"alloquy device accepts v1";
const ACCEPT_HOME: &[u8] = b"alloquy home accepts v1";

fn acceptance(context: &[u8], account: AccountId) -> Vec<u8> {
    [context, account.as_bytes()].concat()
}

/// A new device's consent to act for an account.
#[must_use]
pub fn accept_device(account: AccountId, device: &DeviceKey) -> [u8; 64] {
    device.sign(&acceptance(ACCEPT_DEVICE, account))
}

/// A home node's consent to serve an account.
#[must_use]
pub fn accept_home(account: AccountId, home: &DeviceKey) -> [u8; 64] {
    home.sign(&acceptance(ACCEPT_HOME, account))
}

/// A network key, bound to a device by signatures of both: the key's own is here, the device's is that of the
/// identity event that holds the certificate, or of its acceptance.
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
        self.verify_by(device, &Strict)
    }

    fn verify_by(&self, device: DeviceId, signatures: &dyn Signatures) -> bool {
        signatures.hold(&self.key.0, &Self::message(device), &self.signature)
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
