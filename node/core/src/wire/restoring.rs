//! Frames of coming back by the recovery words (docs/protocol.md, "Recovery").

use alloquy_ids::{CommunityId, EpochId, NetworkKey};
use alloquy_schema::codec::{Canonical, DecodeError, Reader, Writer};
use alloquy_schema::epoch::Wrap;
use alloquy_schema::event::SignedEvent;
use alloquy_schema::keys;
use alloquy_schema::keys::DeviceKey;
use alloquy_schema::limits::{ABOUT_BYTES_MAX, IDENTITY_CHAIN_MAX, NAME_BYTES_MAX};

use crate::arrive::{read_peers, write_peers};
use crate::limits::{ARRIVE_KEYS_MAX, COMMUNITIES_MAX, RECOVERY_PROOFS_MAX};

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Restoring {
    /// A device without an account shows that its person has recovery words.
    Ask(Vec<RecoveryProof>),
    /// The account that they belong to.
    Given(Box<GivenAccount>),
    /// No account that is known here has these words.
    Unknown,
}

/// A recovery signing key has signed for one connection: who hears it can show it to nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecoveryProof {
    pub(crate) key: [u8; 32],
    signature: [u8; 64],
}

/// What a peer knows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenAccount {
    pub(crate) chain: Vec<SignedEvent>,
    /// Empty where it is not known.
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) communities: Vec<GivenCommunity>,
}

/// A community of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GivenCommunity {
    pub(crate) id: CommunityId,
    pub(crate) peers: Vec<(NetworkKey, Vec<String>)>,
    /// Keys of epochs, wrapped to the recovery wrap key.
    pub(crate) wraps: Vec<(EpochId, Wrap)>,
}

impl RecoveryProof {
    pub(crate) fn sign(key: &DeviceKey, asking: NetworkKey, asked: NetworkKey) -> Self {
        Self {
            key: key.public(),
            signature: key.sign(&message(asking, asked)),
        }
    }

    pub(crate) fn verify(&self, asking: NetworkKey, asked: NetworkKey) -> bool {
        keys::verify(&self.key, &message(asking, asked), &self.signature)
    }
}

fn message(asking: NetworkKey, asked: NetworkKey) -> Vec<u8> {
    [b"alloquy restore v1".as_slice(), &asking.0, &asked.0].concat()
}

impl Canonical for RecoveryProof {
    fn write(&self, w: &mut Writer) {
        w.raw(&self.key);
        w.raw(&self.signature);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.array("recovery key")?,
            signature: r.array("recovery signature")?,
        })
    }
}

impl Canonical for GivenCommunity {
    fn write(&self, w: &mut Writer) {
        self.id.write(w);
        write_peers(w, &self.peers);
        w.varint(self.wraps.len() as u64);
        for (epoch, wrap) in &self.wraps {
            epoch.write(w);
            wrap.write(w);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (id, peers) = (CommunityId::read(r)?, read_peers(r)?);
        let count = r.len(ARRIVE_KEYS_MAX, "wraps")?;
        let wrap = |_| Ok((EpochId::read(r)?, Wrap::read(r)?));
        Ok(Self {
            id,
            peers,
            wraps: (0..count).map(wrap).collect::<Result<_, DecodeError>>()?,
        })
    }
}

impl Canonical for Restoring {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Ask(proofs) => {
                w.u8(1);
                w.list(proofs);
            }
            Self::Given(given) => {
                w.u8(2);
                w.list(&given.chain);
                w.text(&given.name);
                w.text(&given.about);
                w.list(&given.communities);
            }
            Self::Unknown => w.u8(3),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8("frame of a recovery")? {
            1 => Self::Ask(r.list(RECOVERY_PROOFS_MAX, "recovery proofs")?),
            2 => Self::Given(Box::new(GivenAccount {
                chain: r.list(IDENTITY_CHAIN_MAX, "identity events")?,
                name: r.text(NAME_BYTES_MAX, "name")?,
                about: r.text(ABOUT_BYTES_MAX, "about")?,
                communities: r.list(COMMUNITIES_MAX, "communities")?,
            })),
            3 => Self::Unknown,
            value => {
                return Err(DecodeError::Unknown {
                    what: "frame of a recovery",
                    value: u64::from(value),
                });
            }
        })
    }
}
